"""How is the answer of an audit said: who is under-served, by how much, how sure?"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_equity._label_text import WITHHELD, format_count, format_labels
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.remediation import EVERYBODY, FidelityChange
from sklearn_equity.significance import holm

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

UNDER_SERVED = "under-served"
UNDECIDED = "insufficient evidence"
_MOST_NAMED = 5  # more stand in the table


def describe_everybody(table: SubgroupTable) -> str:
    """Say how well everybody is served."""
    overall = table.overall
    if overall.n == WITHHELD:
        return "The figures of all rows together are withheld."
    figure = _interval(overall, table.confidence_level)
    return f"Over all {overall.n:,} rows the model has {table.metric} {figure}."


def name_under_served(table: SubgroupTable, wanted: Sequence[int] | None = None) -> str:
    """Say who is shown to be under-served, and by how much."""
    found = rows_of(table, UNDER_SERVED) if wanted is None else list(wanted)
    if not found:
        return "No subgroup is shown to be under-served."
    told = found[:_MOST_NAMED]
    names = name_rows(table, told)
    named = [_tell(table, i, name) for i, name in zip(told, names, strict=True)]
    if len(found) > _MOST_NAMED:
        named.append(f"and {len(found) - _MOST_NAMED} more, in the table")
    n_tests = int(table.judged.sum())
    return (
        f"Shown to be under-served, after correction for {n_tests} comparisons: "
        f"{'; '.join(named)}."
    )


def tell_unequal(result: "AuditResult") -> str:
    """Say which groupings are unequal though nobody in them is shown under-served."""
    table, spreads = result.fidelity, result.spreads
    found = {table.grouping[i] for i in rows_of(table, UNDER_SERVED)}
    known = [spread for spread in spreads if np.isfinite(spread.p_value)]
    if not known:
        return ""
    adjusted = holm([spread.p_value for spread in known])
    told = [
        f"by {spread.grouping} (Gini index without noise {spread.gini_corrected:.2g}, "
        f"95% interval {spread.ci_low:.2g} to {spread.ci_high:.2g})"
        for spread, p_value in zip(known, adjusted, strict=True)
        if p_value <= 0.05 and spread.ci_low > 0.0 and spread.grouping not in found
    ]
    if not told:
        return ""
    return (
        f"Shown to be unequal all the same: {'; '.join(told)}. Which of the subgroups "
        "are the worse served ones, the rows at hand do not tell."
    )


def tell_doubt(table: SubgroupTable) -> str:
    """Say for how many the people at hand decide nothing."""
    undecided, n_subgroups = len(rows_of(table, UNDECIDED)), len(table)
    if not undecided:
        return f"The rows at hand decide for each of the {n_subgroups} subgroups."
    return (
        f"For {undecided} of {n_subgroups} subgroups the evidence is "
        "insufficient: that is not the same as equal."
    )


def tell_harm(change: FidelityChange | None) -> str:
    """Say who is served worse after a remediation; nothing if nobody is shown to be."""
    worse = [] if change is None else rows_of(change, "worse")
    if not worse:
        return ""
    names = name_rows(change, worse[:_MOST_NAMED])
    if len(worse) > _MOST_NAMED:
        names.append(f"and {len(worse) - _MOST_NAMED} more, in the table")
    return f"After the remediation, shown to be served worse: {'; '.join(names)}."


def tell_withheld(result: "AuditResult") -> str:
    """Say what is withheld and why; nothing if nothing is."""
    n_withheld = int((result.fidelity.n == WITHHELD).sum())
    if not n_withheld:
        return ""
    return (
        f"The figures of {n_withheld} subgroups are withheld, of some of them so that "
        f"no number of people below {result.suppressed_below} can be worked out from "
        "the others."
    )


def rows_of(table: Any, verdict: str) -> list[int]:
    """List the rows with a verdict."""
    return [i for i, found in enumerate(table.verdict) if found == verdict]


def name_rows(table: Any, rows: Iterable[int]) -> list[str]:
    """Name subgroups with their grouping."""
    labels = format_labels(table.subgroup)
    return [
        EVERYBODY
        if table.grouping[i] == EVERYBODY
        else f"{table.grouping[i]} = {labels[i]}"
        for i in rows
    ]


def _tell(table: SubgroupTable, i: int, name: str) -> str:
    if table.n[i] == WITHHELD:
        return f"{name} (figures withheld)"
    average = table.reference[i]
    against = f" against {average:.3g} on average" if np.isfinite(average) else ""
    interval = f"{table.ci_low[i]:.3g} to {table.ci_high[i]:.3g}"
    return (
        f"{name} ({table.estimate[i]:.3g}{against}, "
        f"{table.confidence_level:.0%} interval {interval}, "
        f"n = {format_count(table.n[i])})"
    )


def _interval(record: Any, level: float) -> str:
    """Write an estimate as every estimate is written here: with its interval."""
    return (
        f"{record.estimate:.3g} ({level:.0%} interval {record.ci_low:.3g} to "
        f"{record.ci_high:.3g})"
    )
