"""Which pictures does a report show: who is served how well, and what changed?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sklearn_equity._label_text import WITHHELD, format_count, format_labels
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.remediation import EVERYBODY, FidelityChange
from sklearn_equity.report._document import (
    Block,
    Key,
    Look,
    Mark,
    Paragraph,
    Plot,
    Section,
    fit_scale,
    interval,
    number,
    say_levels,
)

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

_MOST_PLOTS = 12  # the others stand in tables
_FIDELITY_KEY = (
    ("bad", "under-served"),
    ("good", "served"),
    ("open", "insufficient evidence"),
    ("total", "everybody"),
    ("reference", "the average person of the grouping"),
)
_TESTED = Paragraph(
    "A verdict tests the difference from the average person, of which the subgroup is "
    "a part; an interval is about the subgroup alone. So one that reaches beyond the "
    "tolerance need not contradict “served”. An interval is for one subgroup, and "
    "“under-served” is corrected for all comparisons: so one that lies beyond the "
    "average may still go with insufficient evidence.",
    quiet=True,
)
_CHANGE_KEY = (
    ("bad", "worse"),
    ("good", "better"),
    ("open", "no change shown, or insufficient evidence"),
    ("reference", "no change"),
)
_ALLOCATION_KEY = (
    ("bad", "unequal"),
    ("good", "within tolerance"),
    ("open", "insufficient evidence"),
    ("reference", "equality"),
)
_LOOKS: dict[str, Look] = {
    **dict.fromkeys(("under-served", "worse", "unequal"), "bad"),
    **dict.fromkeys(("served", "better", "within tolerance"), "good"),
}


def pictures_of_audit(result: "AuditResult") -> Iterator[Section]:
    """Yield a section for each kind of picture that there is something to show of."""
    table = result.fidelity
    yield Section(
        "picture-fidelity",
        "How well is each subgroup served?",
        (*_with_key(_FIDELITY_KEY, _fidelity_plots(table)), _TESTED),
    )
    if result.allocation:
        yield Section(
            "picture-allocation",
            "Are people who get the same score equally ill?",
            tuple(_with_key(_ALLOCATION_KEY, iter([_allocation_plot(result)]))),
        )
    if result.change is not None:
        yield Section(
            "picture-change",
            "What did the remediation change?",
            tuple(change_plots(result.change)),
        )


def _words(
    n: int, figures: tuple[float, float, float], verdict: str, sign: str = ""
) -> str:
    """Say what a line shows."""
    if n == WITHHELD:
        return f"figures withheld; {verdict}" if verdict else "figures withheld"
    estimate, low, high = figures
    said = f"{number(estimate, sign)} ({interval(low, high, sign)}), n = "
    said += format_count(n)
    return f"{said}; {verdict}" if verdict else said


# ---- fidelity --------------------------------------------------------------------
def _fidelity_plots(table: SubgroupTable) -> Iterator[Block]:
    overall = table.overall
    everybody = (overall.estimate, overall.ci_low, overall.ci_high)
    scale = fit_scale(
        [*table.estimate, *table.reference, overall.estimate],
        [*table.ci_low],
        [*table.ci_high],
    )
    names = list(dict.fromkeys(table.grouping))
    better = "higher" if table.greater_is_better else "lower"
    if table.best == 0.0 and table.metric.startswith("bias"):
        better = "nearer to 0"
    level = f"{table.confidence_level:.0%}"
    for name in names[:_MOST_PLOTS]:
        part = table.select(name)
        order = np.argsort(-part.as_loss(part.estimate), kind="stable").tolist()
        labels = format_labels(part.subgroup)
        marks = [_fidelity_mark(part, i, labels[i]) for i in order]
        words = _words(overall.n, everybody, "")
        reference = part.reference[0]
        marks.append(Mark("all rows as one", everybody, words, "total", reference))
        yield Plot(
            title=f"By {name}",
            axis=f"{table.metric}; {better} is better; {level} intervals",
            scale=scale,
            marks=tuple(marks),
        )
    if len(names) > _MOST_PLOTS:
        yield Paragraph(f"{len(names) - _MOST_PLOTS} more groupings stand in tables.")


def _fidelity_mark(part: SubgroupTable, i: int, label: str) -> Mark:
    figures = (part.estimate[i], part.ci_low[i], part.ci_high[i])
    verdict = part.verdict[i]
    return Mark(
        label,
        figures,
        _words(int(part.n[i]), figures, verdict),
        _LOOKS.get(verdict, "open"),
        part.reference[i],
    )


def _with_key(
    key: tuple[tuple[str, str], ...], plots: Iterator[Block]
) -> Iterator[Block]:
    """Put the key before the pictures; it explains only what is drawn."""
    blocks = list(plots)
    marks = [mark for plot in blocks if isinstance(plot, Plot) for mark in plot.marks]
    drawn: set[str] = {mark.look for mark in marks}
    if any(np.isfinite(mark.reference) for mark in marks):
        drawn.add("reference")
    yield Key(tuple((look, words) for look, words in key if look in drawn))
    yield from blocks


# ---- allocation ------------------------------------------------------------------
def _allocation_plot(result: "AuditResult") -> Plot:
    level = say_levels(one.confidence_level for one in result.allocation)
    marks = []
    for one in result.allocation:
        figures = (one.estimate, one.ci_low, one.ci_high)
        n = one.n_subgroup
        words = "figures withheld; " + one.verdict
        if n != WITHHELD:
            estimate = f"{number(one.estimate, '+')} "
            span = f"({interval(one.ci_low, one.ci_high, '+')}), "
            people = f"n = {n:,} and {one.n_reference:,}; {one.verdict}; "
            people += f"{one.covered:.0%} of the range covered"
            words = estimate + span + people
        label = f"{one.subgroup} against {one.reference}"
        look = _LOOKS.get(one.verdict, "open")
        marks.append(Mark(label, figures, words, look, 0.0))
    scale = fit_scale(
        [*(mark.figures[0] for mark in marks), 0.0],
        [mark.figures[1] for mark in marks],
        [mark.figures[2] for mark in marks],
    )
    return Plot(
        title="Inequality of deterioration",
        axis="how much more ill the first group is at the same score, as a share; "
        f"0 is equality; {level} intervals",
        scale=scale,
        marks=tuple(marks),
    )


# ---- change ----------------------------------------------------------------------
def change_plots(change: FidelityChange) -> Iterator[Block]:
    """Yield a picture of the changes of each grouping, with everybody's above them."""
    return _with_key(_CHANGE_KEY, _change_plots(change))


def _change_plots(change: FidelityChange) -> Iterator[Block]:
    scale = fit_scale([*change.change, 0.0], [*change.ci_low], [*change.ci_high])
    names = [name for name in dict.fromkeys(change.grouping) if name != EVERYBODY]
    better = "above" if change.greater_is_better else "below"
    level = f"{change.confidence_level:.0%}"
    labels = format_labels(change.subgroup)
    for name in names[:_MOST_PLOTS]:
        rows = [
            i for i, other in enumerate(change.grouping) if other in (name, EVERYBODY)
        ]
        marks = [_change_mark(change, i, labels[i]) for i in rows]
        yield Plot(
            title=f"By {name}",
            axis=f"change of {change.metric}; {better} 0 is better; {level} intervals",
            scale=scale,
            marks=tuple(marks),
        )


def _change_mark(change: FidelityChange, i: int, label: str) -> Mark:
    figures = (change.change[i], change.ci_low[i], change.ci_high[i])
    verdict = change.verdict[i]
    return Mark(
        label,
        figures,
        _words(int(change.n[i]), figures, verdict, "+"),
        _LOOKS.get(verdict, "open"),
        0.0,
    )
