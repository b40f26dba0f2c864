"""What does a result look like when small counts, and what tells them, are taken out?

A subgroup whose count is withheld keeps its name and its verdict and loses all figures:
a standard error tells a count nearly as well as the count does. So do exact averages
over a grouping of which a part is withheld, such as its Gini index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import WITHHELD, format_label
from sklearn_equity.allocation import InequalityResult
from sklearn_equity.fidelity import OverallFidelity, SubgroupTable
from sklearn_equity.remediation import EVERYBODY as OVERALL
from sklearn_equity.remediation import FidelityChange, LevellingDown
from sklearn_equity.report._counts import EVERYBODY, Key, relations_of_labels
from sklearn_equity.report._disclosure import withheld_counts

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

DEFAULT_LIMIT = 10
_FIGURES = (
    *("weight", "estimate", "std_error", "ci_low", "ci_high"),
    *("joint_low", "joint_high", "shrunken"),
)
_CHANGES = ("before", "after", "change", "std_error", "ci_low", "ci_high")


def check_limit(suppress_below: int | None) -> int:
    """Return the least count that is published; 0 for all."""
    if suppress_below is None:
        return 0
    if (
        isinstance(suppress_below, bool)
        or not isinstance(suppress_below, Integral)
        or suppress_below < 0
    ):
        msg = (
            "`suppress_below` must be a whole number of people, or None to withhold "
            f"nothing; got {suppress_below!r}."
        )
        raise ValueError(msg)
    return int(suppress_below)


def suppress(result: "AuditResult", suppress_below: int | None) -> "AuditResult":
    """Return a result without the small counts and what would tell them."""
    below = check_limit(suppress_below)
    if below <= result.suppressed_below or below <= 1:
        return result
    if result.suppressed_below:
        msg = (
            f"Counts below {result.suppressed_below} are withheld from this result "
            f"already, so that those below {below} can't be told any more. Suppress "
            "the result as `audit` returned it."
        )
        raise ValueError(msg)
    table = result.fidelity
    counts = _counts_of(table)
    relations = result.relations or relations_of_labels(counts)
    withheld = withheld_counts(
        counts,
        relations,
        below=below,
        bounds=_told_by_verdicts(table, result.min_subgroup_size),
    )
    hidden = {name for name, _ in withheld}
    return replace(
        result,
        fidelity=_suppress_table(table, withheld),
        spreads=tuple(
            spread for spread in result.spreads if spread.grouping not in hidden
        ),
        change=_suppress_change(result.change, counts, withheld, below),
        allocation=_suppress_allocation(result.allocation, counts, withheld, below),
        relations=(),
        suppressed_below=below,
    )


def _keys(table: SubgroupTable | FidelityChange) -> list[Key]:
    return list(zip(table.grouping, table.subgroup, strict=True))


def _counts_of(table: SubgroupTable) -> dict[Key, int]:
    counts = dict(zip(_keys(table), table.n.tolist(), strict=True))
    return {EVERYBODY: table.overall.n} | counts


def _told_by_verdicts(
    table: SubgroupTable, min_subgroup_size: int | None
) -> dict[Key, tuple[float, float]]:
    """Bound counts by whether they sufficed for a verdict, which a report tells."""
    judged = table.judged
    least = min_subgroup_size or int(table.n[judged].min(initial=table.overall.n))
    bounds = {}
    for key, enough, n in zip(_keys(table), judged, table.n, strict=True):
        too_few = not enough and n < least  # many may lack a verdict for other reasons
        bounds[key] = (
            float(least if enough else 1),
            float(least - 1) if too_few else np.inf,
        )
    return bounds


# ---- fidelity --------------------------------------------------------------------
def _suppress_table(table: SubgroupTable, withheld: set[Key]) -> SubgroupTable:
    gone = np.array([key in withheld for key in _keys(table)], dtype=bool)
    names = np.array(table.grouping, dtype=object)
    touched = np.isin(names, names[gone])
    averaged = np.isin(names, names[gone & table.judged])  # a part of its reference
    columns: dict[str, Any] = {
        name: _blank(getattr(table, name), gone) for name in _FIGURES
    }
    return replace(
        table,
        n=np.where(gone, WITHHELD, table.n),
        **columns
        | {
            # Both are averages over the grouping, to all digits.
            "shrunken": _blank(table.shrunken, touched),
            "reference": _blank(table.reference, averaged),
        },
        overall=_suppress_overall(table.overall, withheld),
        shuffles=None,
    )


def _suppress_overall(overall: OverallFidelity, withheld: set[Key]) -> OverallFidelity:
    if EVERYBODY not in withheld:
        return overall
    nothing = dict.fromkeys((field.name for field in fields(overall)), np.nan)
    return OverallFidelity(**nothing | {"n": WITHHELD})  # type: ignore[arg-type]


def _blank(values: NDArray[np.float64], gone: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(gone, np.nan, values)


# ---- change ----------------------------------------------------------------------
def _suppress_change(
    change: FidelityChange | None,
    counts: Mapping[Key, int],
    withheld: set[Key],
    below: int,
) -> FidelityChange | None:
    """Withhold the same subgroups; choose anew if they are not of the same people."""
    if change is None:
        return None
    keys = [
        EVERYBODY if name == OVERALL else (name, label) for name, label in _keys(change)
    ]
    theirs = dict(zip(keys, change.n.tolist(), strict=True))
    if any(counts.get(key) != n for key, n in theirs.items()):
        own = withheld_counts(theirs, relations_of_labels(theirs), below=below)
        withheld = withheld | own
    gone = np.array([key in withheld for key in keys], dtype=bool)
    hidden = {name for (name, _), out in zip(keys, gone, strict=True) if out}
    blank: dict[str, Any] = {
        name: _blank(getattr(change, name), gone) for name in _CHANGES
    }
    return replace(
        change,
        n=np.where(gone, WITHHELD, change.n),
        levelling_down=tuple(
            _in_few_digits(one) if one.grouping in hidden else one
            for one in change.levelling_down
        ),
        **blank,
    )


def _in_few_digits(found: LevellingDown) -> LevellingDown:
    """Round means over subgroups some of which are withheld: two digits tell none."""
    return replace(
        found,
        gap_before=_round(found.gap_before),
        gap_after=_round(found.gap_after),
        share=_round(found.share),
    )


def _round(value: float) -> float:
    return float(f"{value:.2g}")


# ---- allocation ------------------------------------------------------------------
def _suppress_allocation(
    results: Sequence[InequalityResult],
    counts: Mapping[Key, int],
    withheld: set[Key],
    below: int,
) -> tuple[InequalityResult, ...]:
    """Withhold comparisons of few people, or of all but few of a published subgroup."""
    published = _published(counts, withheld)
    hidden = {format_label(label) for _, label in withheld}
    for result in results:
        for side, n in _sides(result):
            published.setdefault(side, set()).add(n)
    kept = []
    for result in results:
        small = any(
            side in hidden or 0 < abs(n - other) < below
            for side, n in _sides(result)
            for other in (0, *published[side])
        )
        kept.append(_without_figures(result) if small else result)
    return tuple(kept)


def _published(counts: Mapping[Key, int], withheld: set[Key]) -> dict[str, set[int]]:
    by_label: dict[str, set[int]] = {}
    for (name, label), n in counts.items():
        if (name, label) not in withheld:
            by_label.setdefault(format_label(label), set()).add(n)
    return by_label


def _sides(result: InequalityResult) -> tuple[tuple[str, int], ...]:
    return (
        (result.subgroup, result.n_subgroup),
        (result.reference, result.n_reference),
    )


def _without_figures(result: InequalityResult) -> InequalityResult:
    blank: dict[str, Any] = dict.fromkeys(
        (
            *("deterioration_subgroup", "deterioration_reference", "estimate"),
            *("std_error", "ci_low", "ci_high", "p_value", "covered", "bandwidth"),
        ),
        np.nan,
    )
    return replace(result, n_subgroup=WITHHELD, n_reference=WITHHELD, **blank)
