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

from sklearn_equity._label_text import WITHHELD, format_label
from sklearn_equity.allocation import InequalityResult
from sklearn_equity.fidelity import OverallFidelity, SubgroupTable
from sklearn_equity.remediation import EVERYBODY as OVERALL
from sklearn_equity.remediation import FidelityChange, LevellingDown
from sklearn_equity.report._counts import (
    EVERYBODY,
    CountRelation,
    Key,
    relations_of_labels,
)
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
    if below <= result.suppressed_below:
        _refuse_small(result)
        return result
    if below <= 1:
        return result
    if result.suppressed_below:
        msg = (
            f"Counts below {result.suppressed_below} are withheld from this result "
            f"already, so that those below {below} can't be told any more. Suppress "
            "the result as `audit` returned it."
        )
        raise ValueError(msg)
    table = result.fidelity
    counts = counts_of(table)
    withheld = _withheld(
        counts,
        result.relations,
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


def suppress_findings(
    result: "AuditResult",
    change: FidelityChange | None,
    allocation: Sequence[InequalityResult],
) -> tuple[FidelityChange | None, tuple[InequalityResult, ...]]:
    """Suppress findings as a result is already that they are added to.

    Returns
    -------
    change : FidelityChange or None
    allocation : tuple of InequalityResult
        Those that the result has, then those added: together they may tell more.
    """
    together = (*result.allocation, *allocation)
    below = result.suppressed_below
    if not below:
        return change, together
    counts = counts_of(result.fidelity)
    withheld = {key for key, n in counts.items() if n == WITHHELD}
    return (
        _suppress_change(change, counts, withheld, below),
        _suppress_allocation(together, counts, withheld, below),
    )


def _refuse_small(result: "AuditResult") -> None:
    """Refuse small counts in a result that is said to have none."""
    shown = [] if result.change is None else result.change.n.tolist()
    shown += [*result.fidelity.n.tolist(), result.fidelity.overall.n]
    shown += [n for one in result.allocation for _, n in _sides(one)]
    if any(0 < n < result.suppressed_below for n in shown):
        msg = (
            f"Counts below {result.suppressed_below} are said to be withheld from this "
            "result, and it holds some. Add findings by `with_findings`, which "
            "withholds them."
        )
        raise ValueError(msg)


def _withheld(
    counts: Mapping[Key, int],
    relations: Sequence[CountRelation],
    *,
    below: int,
    bounds: Mapping[Key, tuple[float, float]] | None = None,
) -> set[Key]:
    """Choose what to withhold; of one grouping alone if nobody knows what adds up.

    Without relations of the people, groupings may contain each other unseen: where
    anything must be withheld, all of them but the first are.
    """
    if relations:
        return withheld_counts(counts, relations, below=below, bounds=bounds)
    shown = dict(counts)
    found = withheld_counts(shown, relations_of_labels(shown), below=below)
    if not found:
        return found
    first = next(name for name, _ in counts if name != EVERYBODY[0])
    shown = {key: n for key, n in counts.items() if key[0] in (EVERYBODY[0], first)}
    found = withheld_counts(
        shown, relations_of_labels(shown), below=below, bounds=bounds
    )
    return found | (counts.keys() - shown.keys())


def _keys(table: SubgroupTable | FidelityChange) -> list[Key]:
    return list(zip(table.grouping, table.subgroup, strict=True))


def counts_of(table: SubgroupTable) -> dict[Key, int]:
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
    withheld = _withheld_of_change(theirs, counts, withheld, below)
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


def _withheld_of_change(
    theirs: Mapping[Key, int],
    counts: Mapping[Key, int],
    withheld: set[Key],
    below: int,
) -> set[Key]:
    """Choose what to withhold of a change; all of it where it might tell of the audit.

    That is where numbers differ by few people, and where groupings are added whose
    subgroups may make up, or be made up by, some that are withheld.
    """
    already = {key for key, n in theirs.items() if n == WITHHELD}
    told = theirs.keys() - withheld - already
    if all(counts.get(key) == theirs[key] for key in told):
        return withheld | already
    if already:
        return set(theirs)
    own = _withheld(theirs, (), below=below)
    is_near = any(
        0 < abs(theirs[key] - counts[key]) < below for key in told & counts.keys()
    )
    groupings = {name for name, _ in counts}
    is_added = any(name not in groupings for name, _ in theirs)
    if is_near or (is_added and (own or withheld)):
        return set(theirs)
    return withheld | own


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
            if n != WITHHELD:
                published.setdefault(side, set()).add(n)
    kept = []
    for result in results:
        small = any(
            side in hidden or 0 < abs(n - other) < below
            for side, n in _sides(result)
            for other in (0, *published.get(side, ()))
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
