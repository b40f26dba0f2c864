"""Who got worse from one audit to the next?

Two audits hold no rows, so that the errors of a change are those of two independent
samples: right for different people, too wide for the same ones, whose errors rise and
fall together. Who has both predictions for the same people compares them person by
person, with `fidelity_change`.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from sklearn_equity._label_text import WITHHELD, format_labels
from sklearn_equity._optional import build_frame
from sklearn_equity.remediation import EVERYBODY, FidelityChange, LevellingDown
from sklearn_equity.remediation._levelling import find_levelling_down
from sklearn_equity.report._comparison_content import report_of_comparison
from sklearn_equity.report._counts import EVERYBODY as ALL_PEOPLE
from sklearn_equity.report._differences import withheld_differences
from sklearn_equity.report._markdown import render_markdown
from sklearn_equity.report._suppression import DEFAULT_LIMIT, check_limit
from sklearn_equity.report.page import render_in_notebook
from sklearn_equity.significance import holm

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class AuditComparison:
    """The change of fidelity from one audit to another; what `compare` returns.

    Parameters
    ----------
    before, after : AuditResult
        The two audits.
    grouping, subgroup : tuple
        The grouping and the label of each row; the first row is everybody.
    n_before, n_after : ndarray of shape (n_rows,)
        Numbers of people.
    estimate_before, estimate_after, change : ndarray of shape (n_rows,)
        The metric in each audit, and the second less the first.
    std_error, ci_low, ci_high : ndarray of shape (n_rows,)
        Standard error and interval of the change, taken as of two independent samples.
    verdict : tuple of str
        "worse" or "better" where the change is shown after Holm's correction for the
        number of subgroups; else "no change shown", or "insufficient evidence" for a
        subgroup with too few rows in either audit.
    only_before, only_after : tuple of (grouping, label)
        Subgroups that are in one audit alone.

    See Also
    --------
    fidelity_change : The same, person by person.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_equity import audit_frame
    >>> rng = np.random.default_rng(0)
    >>> people = pd.DataFrame({"y": rng.normal(50, 5, 600)})
    >>> people["ward"] = np.repeat(["north", "south"], 300)
    >>> south = people["ward"] == "south"
    >>> people["old"] = people["y"] + rng.normal(size=600)
    >>> people["new"] = people["y"] + rng.normal(size=600) * np.where(south, 3, 1)
    >>> old, new = (
    ...     audit_frame(people, y_true="y", y_pred=p, subgroups="ward", random_state=0)
    ...     for p in ("old", "new")
    ... )
    >>> old.compare(new).who_got_worse()["subgroup"].to_list()
    ['south', 'everybody']
    """

    before: "AuditResult"
    after: "AuditResult"
    grouping: tuple[str, ...]
    subgroup: tuple[Hashable, ...]
    n_before: NDArray[np.intp]
    n_after: NDArray[np.intp]
    estimate_before: Vector
    estimate_after: Vector
    change: Vector
    std_error: Vector
    ci_low: Vector
    ci_high: Vector
    verdict: tuple[str, ...]
    only_before: tuple[tuple[str, Hashable], ...]
    only_after: tuple[tuple[str, Hashable], ...]

    def __len__(self) -> int:
        return len(self.subgroup)

    def suppress(self, suppress_below: int | None = DEFAULT_LIMIT) -> "AuditComparison":
        """Return the comparison of both audits without their small counts.

        Parameters
        ----------
        suppress_below : int or None, default=10
            The least number of people that is shown; see `AuditResult.suppress`.

        Returns
        -------
        AuditComparison
            A subgroup that is withheld from either audit has no figures. Nor has one
            whose two numbers of people differ by fewer than the limit, or would tell
            such a difference of others.

        Notes
        -----
        Read back from JSON without its small counts, an audit does not know which
        groupings contain each other. If numbers of people differ then, and some are
        withheld or differ by few, one grouping alone is shown: the first.
        """
        if check_limit(suppress_below) <= self.before.suppressed_below:
            return self
        return compare_audits(self.before, self.after, suppress_below)

    def to_columns(self) -> dict[str, list[Any]]:
        """List the columns by name.

        Returns
        -------
        dict of str to list
            One row a subgroup; a withheld count is None.
        """
        names = ("estimate_before", "estimate_after", "change", "std_error")
        counts = {
            name: [None if n == WITHHELD else n for n in getattr(self, name).tolist()]
            for name in ("n_before", "n_after")
        }
        return {
            "grouping": list(self.grouping),
            "subgroup": format_labels(self.subgroup),
            **counts,
            **{
                name: getattr(self, name).tolist()
                for name in (*names, "ci_low", "ci_high")
            },
            "verdict": list(self.verdict),
        }

    def to_frame(self) -> Any:
        """Return the rows as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The columns of `to_columns`; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        return build_frame(self.to_columns(), feature="AuditComparison.to_frame")

    def who_got_worse(self) -> Any:
        """Return the rows of those who are shown to be served worse than before.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The columns of `to_frame`, the largest harm first.
        """
        columns = self.to_columns()
        rows = [columns_at(columns, i) for i in self.worse_first() if self._is_worse(i)]
        return build_frame(
            {name: [row[name] for row in rows] for name in columns},
            feature="AuditComparison.who_got_worse",
        )

    def sentences(self) -> tuple[str, ...]:
        """Say who got worse or better, who is in one audit alone, and levelling down.

        Returns
        -------
        tuple of str
            One sentence each.
        """
        named = {
            verdict: [
                self.name_of(i)
                for i, found in enumerate(self.verdict)
                if found == verdict
            ]
            for verdict in ("worse", "better")
        }
        sentences = [
            f"Shown to be {verdict} than before, after correction for "
            f"{len(self)} comparisons: {'; '.join(names) or 'nobody'}."
            for verdict, names in named.items()
        ]
        for where, keys in (("first", self.only_before), ("second", self.only_after)):
            if keys:
                labels = format_labels(label for _, label in keys)
                names = "; ".join(
                    f"{grouping} = {label}"
                    for (grouping, _), label in zip(keys, labels, strict=True)
                )
                sentences.append(f"In the {where} audit alone: {names}.")
        return (*sentences, *map(str, self.levelling_down))

    def to_markdown(self, *, suppress_below: int | None = DEFAULT_LIMIT) -> str:
        """Write the comparison as Markdown, those who got worse first.

        Parameters
        ----------
        suppress_below : int or None, default=10
            The least number of people that is shown; see `AuditResult.suppress`.

        Returns
        -------
        str
            The sentences and the tables.
        """
        return render_markdown(report_of_comparison(self.suppress(suppress_below)))

    def _repr_html_(self) -> str:
        return render_in_notebook(report_of_comparison(self._for_others()))

    def __str__(self) -> str:
        shown = self._for_others()
        change = shown.as_change()
        table = str(change).split("\n")[len(change.sentences()) :]
        return "\n".join([*shown.sentences(), "", *table])

    def __repr__(self) -> str:
        return str(self)

    def _for_others(self) -> "AuditComparison":
        return self if self.before.suppressed_below else self.suppress()

    def name_of(self, i: int) -> str:
        """Name a row with its grouping.

        Parameters
        ----------
        i : int
            Its position.

        Returns
        -------
        str
            Such as "ward = north"; "everybody" for the first.
        """
        label = format_labels(self.subgroup)[i]
        return label if i == 0 else f"{self.grouping[i]} = {label}"

    @property
    def levelling_down(self) -> tuple[LevellingDown, ...]:
        """The groupings whose gap narrowed while some of the better served got worse.

        By the numbers of people of the smaller audit; see `FidelityChange`.
        """
        table = self.before.fidelity
        return find_levelling_down(
            self.grouping,
            self.subgroup,
            np.minimum(self.n_before, self.n_after),
            losses=(
                table.as_loss(self.estimate_before),
                table.as_loss(self.estimate_after),
            ),
            judged=np.array([v != "insufficient evidence" for v in self.verdict]),
            harmed=np.array([v == "worse" for v in self.verdict]),
        )

    def _is_worse(self, i: int) -> bool:
        return self.verdict[i] == "worse"

    def worse_first(self) -> list[int]:
        """Return the rows, the largest harm first and unknown ones last.

        Returns
        -------
        list of int
            Their positions.
        """
        table = self.before.fidelity
        harm = table.as_loss(self.estimate_after) - table.as_loss(self.estimate_before)
        return sorted(
            range(len(self)), key=lambda i: -harm[i] if harm[i] == harm[i] else np.inf
        )

    def as_change(self) -> FidelityChange:
        """Return the comparison as a change, to be drawn as one.

        Returns
        -------
        FidelityChange
            Its `n` is the fewer of both numbers of people.
        """
        return FidelityChange(
            grouping=self.grouping,
            subgroup=self.subgroup,
            n=np.minimum(self.n_before, self.n_after),
            before=self.estimate_before,
            after=self.estimate_after,
            change=self.change,
            std_error=self.std_error,
            ci_low=self.ci_low,
            ci_high=self.ci_high,
            verdict=self.verdict,
            metric=self.before.fidelity.metric,
            greater_is_better=self.before.fidelity.greater_is_better,
            confidence_level=self.before.fidelity.confidence_level,
            levelling_down=self.levelling_down,
        )


def columns_at(columns: dict[str, list[Any]], i: int) -> dict[str, Any]:
    """Return one row of columns."""
    return {name: values[i] for name, values in columns.items()}


# ---- how it is made --------------------------------------------------------------
def compare_audits(
    before: "AuditResult", after: "AuditResult", suppress_below: int | None = None
) -> AuditComparison:
    """Match the subgroups of two audits, and judge what changed in each.

    Small counts are withheld from both audits where they are from one.
    """
    _check_comparable(before, after)
    limits = before.suppressed_below, after.suppressed_below
    below = max(check_limit(suppress_below), *limits)
    differences = withheld_differences(before, after, below) if below > 1 else set()
    before, after = before.suppress(below), after.suppress(below)
    one, other = before.fidelity, after.fidelity
    first = {
        key: i for i, key in enumerate(zip(one.grouping, one.subgroup, strict=True))
    }
    second = {
        key: i for i, key in enumerate(zip(other.grouping, other.subgroup, strict=True))
    }
    shared = [key for key in first if key in second]
    if not shared:
        msg = "`other` must share a subgroup with this audit, by grouping and name."
        raise ValueError(msg)
    rows = [first[key] for key in shared], [second[key] for key in shared]
    figures = {
        name: [
            np.concatenate(
                [[getattr(table.overall, name)], getattr(table, name)[picked]]
            )
            for table, picked in zip((one, other), rows, strict=True)
        ]
        for name in ("n", "estimate", "std_error")
    }
    keys = [ALL_PEOPLE, *shared]
    _withhold_together(figures, np.array([key in differences for key in keys]))
    estimates = figures["estimate"]
    change = estimates[1] - estimates[0]
    error = np.hypot(*figures["std_error"])
    # By the fewer of both: what a small side lets expect of a standard error.
    freedom = np.maximum(np.minimum(*figures["n"]) - 1.0, 1.0)
    reach = student_t.ppf(0.5 + one.confidence_level / 2.0, freedom) * error
    judged = np.concatenate(
        [[True], one.judged[rows[0]] & other.judged[rows[1]]]
    ) & np.isfinite(change + error)
    harm = one.as_loss(estimates[1]) - one.as_loss(estimates[0])
    return AuditComparison(
        before=before,
        after=after,
        grouping=(EVERYBODY, *(key[0] for key in shared)),
        subgroup=(EVERYBODY, *(key[1] for key in shared)),
        n_before=figures["n"][0].astype(np.intp),
        n_after=figures["n"][1].astype(np.intp),
        estimate_before=estimates[0],
        estimate_after=estimates[1],
        change=change,
        std_error=error,
        ci_low=change - reach,
        ci_high=change + reach,
        verdict=_verdicts(harm, (error, freedom), judged, 1.0 - one.confidence_level),
        only_before=tuple(key for key in first if key not in second),
        only_after=tuple(key for key in second if key not in first),
    )


def _withhold_together(
    figures: dict[str, list[Vector]], differences: NDArray[np.bool_]
) -> None:
    """Withhold from both what is withheld from one: they may be the same people."""
    before, after = figures["n"]
    gone = differences | (before == WITHHELD) | (after == WITHHELD)
    for name, pair in figures.items():
        for column in pair:
            column[gone] = WITHHELD if name == "n" else np.nan


def _check_comparable(before: "AuditResult", after: "AuditResult") -> None:
    if not hasattr(after, "fidelity"):
        raise TypeError(f"`other` must be an AuditResult; got {type(after).__name__}.")
    for name in ("metric", "confidence_level"):
        one, other = (getattr(audit.fidelity, name) for audit in (before, after))
        if one != other:
            msg = (
                f"`other` must have the {name.replace('_', ' ')} of this audit "
                f"({one!r}); got {other!r}. Audit both alike."
            )
            raise ValueError(msg)
    limits = {before.suppressed_below, after.suppressed_below} - {0}
    if len(limits) > 1:
        msg = (
            "`other` must have the limit of this audit below which counts are withheld "
            f"({before.suppressed_below}); got {after.suppressed_below}. Suppress both "
            "alike, as `audit` returned them."
        )
        raise ValueError(msg)


def _verdicts(
    harm: Vector, spread: tuple[Vector, Vector], judged: NDArray[np.bool_], alpha: float
) -> tuple[str, ...]:
    """Test every change on both sides, by Holm's correction for all of them."""
    error, freedom = spread
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(harm == 0.0, 0.0, np.abs(harm) / error)
    p_value = np.where(judged, 2.0 * student_t.sf(t, freedom), np.nan)
    adjusted = holm(p_value)
    verdicts = []
    for is_judged, p, loss in zip(judged, adjusted, harm, strict=True):
        if not is_judged:
            verdicts.append("insufficient evidence")
        elif p <= alpha:
            verdicts.append("worse" if loss > 0.0 else "better")
        else:
            verdicts.append("no change shown")
    return tuple(verdicts)
