"""What does the report of an audit say, and in which order?

The answer in plain sentences, then the pictures, the tables, the record item by item,
and what nobody can tell from it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sklearn_equity._label_text import WITHHELD, format_count, format_labels
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.remediation import EVERYBODY, FidelityChange
from sklearn_equity.report._document import (
    Block,
    Bullets,
    Cell,
    Look,
    Paragraph,
    Report,
    Row,
    Section,
    Table,
    interval,
    number,
    say_levels,
    with_minus,
)
from sklearn_equity.report._pictures import pictures_of_audit
from sklearn_equity.report._record import record_of_audit
from sklearn_equity.report._sentences import tell_harm, tell_withheld

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

_LOOKS: dict[str, Look] = {
    "under-served": "bad",
    "served": "good",
    "worse": "bad",
    "better": "good",
    "unequal": "bad",
    "within tolerance": "good",
}
_LIMITS = (
    "A subgroup that is not examined here may still be under-served.",
    "“Insufficient evidence” says that the rows at hand cannot decide; it never "
    "means equal.",
    "A gap says that the model serves some people worse. It does not say why: part of "
    "it may be noise that no model could remove.",
    "Many subgroups are compared at once, so an interval that misses the dashed line "
    "is not yet a verdict.",
    "Intervals cover the sampling of rows, not errors in how the data were collected.",
)
_BESIDE_ANOTHER = (
    "Another report on nearly the same people may, beside this one, tell numbers that "
    "are withheld here."
)


def report_of_audit(result: "AuditResult") -> Report:
    """Build the report of a result, whose small counts are suppressed already."""
    everybody, under_served, doubt = result.sentences()
    harm, withheld = tell_harm(result.change), tell_withheld(result)
    sections = [
        Section("pictures", "In pictures", (), tuple(pictures_of_audit(result))),
        Section("tables", "In figures", (), tuple(_tables(result))),
        record_of_audit(result),
        Section(
            "limits", "What this report cannot tell", (Bullets(_limits(result)),), ()
        ),
    ]
    return Report(
        title="Equity report",
        subject=f"{result.model}, predicting {result.target}",
        answer=tuple(
            with_minus(sentence)
            for sentence in (under_served, doubt, everybody, harm, withheld)
            if sentence
        ),
        sections=tuple(sections),
    )


def _limits(result: "AuditResult") -> tuple[str, ...]:
    limits = (*result.notes, *_LIMITS)
    return (*limits, _BESIDE_ANOTHER) if tell_withheld(result) else limits


def orientation(table: SubgroupTable) -> str:
    """Say which way a metric is better."""
    if table.best == 0.0 and table.metric.startswith("bias"):
        return "best at 0"
    return "higher is better" if table.greater_is_better else "lower is better"


# ---- fidelity --------------------------------------------------------------------
def _tables(result: "AuditResult") -> Iterator[Section]:
    table = result.fidelity
    yield Section(
        "fidelity",
        "How well is each subgroup served?",
        (
            Paragraph(
                f"{table.metric}; {orientation(table)}. {table.rule}", quiet=True
            ),
            *(
                fidelity_table(table.select(name))
                for name in dict.fromkeys(table.grouping)
            ),
        ),
    )
    yield Section(
        "inequality", "How unequal is each grouping?", tuple(_inequality(result))
    )
    yield Section(
        "allocation",
        "Are people who get the same score equally ill?",
        tuple(_allocation(result)),
    )
    yield Section(
        "change",
        "What did the remediation change, and for whom?",
        tuple(_change(result.change)),
    )


def fidelity_table(table: SubgroupTable) -> Table:
    """Write one grouping, the worst first; those withheld come last."""
    order = np.argsort(-table.as_loss(table.estimate), kind="stable").tolist()
    names = format_labels(table.subgroup)
    rows = [
        _fidelity_row(
            names[i],
            int(table.n[i]),
            (table.estimate[i], table.ci_low[i], table.ci_high[i]),
            table.verdict[i],
        )
        for i in order
    ]
    overall = table.overall
    total = (overall.estimate, overall.ci_low, overall.ci_high)
    rows.append(_fidelity_row("all rows as one", overall.n, total, ""))
    metric = table.metric.partition(" (")[0]
    level = f"{table.confidence_level:.0%} interval"
    return Table(
        title=f"By {table.grouping[0]}",
        heads=("subgroup", "n", metric, level, "verdict"),
        rows=tuple(rows),
        caption="Worst first.",
    )


def _fidelity_row(
    label: str, n: int, figures: tuple[float, float, float], verdict: str
) -> Row:
    estimate, low, high = figures
    hidden = n == WITHHELD
    return Row(
        (
            Cell(label),
            Cell(format_count(n), None if hidden else n),
            _cell(estimate, hidden=hidden),
            Cell("withheld" if hidden else interval(low, high), low),
            Cell(verdict),
        ),
        _LOOKS.get(verdict, "plain") if verdict else "total",
    )


def _cell(value: float, sign: str = "", *, hidden: bool = False) -> Cell:
    if hidden:
        return Cell("withheld")
    return Cell(number(value, sign), float(value) if np.isfinite(value) else None)


# ---- inequality ------------------------------------------------------------------
def _inequality(result: "AuditResult") -> Iterator[Block]:
    if not result.spreads:
        yield Paragraph("Not examined.")
        return
    yield Paragraph(
        "Gini index: 0 if all subgroups are served alike. Equal subgroups show a "
        "positive index too, from noise; the index without noise is the one to read.",
        quiet=True,
    )
    yield Table(
        title="Gini index by grouping",
        heads=(
            *("grouping", "subgroups", "as measured", "noise alone", "without noise"),
            *("95% interval", "p"),
        ),
        rows=tuple(
            Row(
                (
                    Cell(spread.grouping),
                    Cell(f"{spread.n_subgroups:,}", spread.n_subgroups),
                    _cell(spread.gini),
                    _cell(spread.gini_if_equal),
                    _cell(max(spread.gini_corrected, 0.0)),
                    Cell(interval(spread.ci_low, spread.ci_high), spread.ci_low),
                    _p_value(spread.p_value),
                )
            )
            for spread in result.spreads
        ),
    )
    left_out = len(set(result.fidelity.grouping)) - len(result.spreads)
    if left_out:
        yield Paragraph(
            f"Without an index, as some of their figures are withheld or none can be "
            f"compared: {left_out} groupings.",
            quiet=True,
        )


def _p_value(value: float) -> Cell:
    if not np.isfinite(value):
        return Cell("not known")
    return Cell("< .001" if value < 0.001 else f"{value:.3f}", value)


# ---- allocation and deterioration ------------------------------------------------
def _allocation(result: "AuditResult") -> Iterator[Block]:
    if not result.allocation:
        yield Paragraph("Not examined.")
        return
    yield Paragraph(
        "0 is equality. +0.25 means that, at the same score in the decision region, "
        "the first group is a quarter more ill than the second: the score gives it "
        "too little. n counts the people whose score lies in that region; covered is "
        "the share of the range of scores on which both groups have enough people: "
        "the figure says nothing of the rest.",
        quiet=True,
    )
    level = say_levels(one.confidence_level for one in result.allocation)
    rows = []
    for one in result.allocation:
        hidden = one.n_subgroup == WITHHELD
        span = interval(one.ci_low, one.ci_high, "+")
        cells = (
            Cell(one.subgroup),
            Cell(one.reference),
            Cell(format_count(one.n_subgroup), None if hidden else one.n_subgroup),
            Cell(format_count(one.n_reference), None if hidden else one.n_reference),
            _cell(one.estimate, "+", hidden=hidden),
            Cell("withheld" if hidden else span, one.ci_low),
            Cell("withheld") if hidden else _p_value(one.p_value),
            Cell("withheld" if hidden else f"{one.covered:.0%}", one.covered),
            Cell(one.verdict),
        )
        rows.append(Row(cells, _LOOKS.get(one.verdict, "plain")))
    yield Table(
        title="Inequality of deterioration",
        heads=(
            *("group", "against", "n", "n against", "inequality"),
            *(f"{level} interval", "p", "covered", "verdict"),
        ),
        rows=tuple(rows),
    )


# ---- before and after ------------------------------------------------------------
def _change(change: FidelityChange | None) -> Iterator[Block]:
    if change is None:
        yield Paragraph("Not examined: no remedy is part of this audit.")
        return
    yield Bullets(tuple(map(with_minus, change.sentences())))
    labels = format_labels(change.subgroup)
    for name in dict.fromkeys(change.grouping):
        rows = [i for i, other in enumerate(change.grouping) if other == name]
        yield Table(
            title="Everybody" if name == EVERYBODY else f"By {name}",
            heads=(
                *("subgroup", "n", "before", "after", "change"),
                *(f"{change.confidence_level:.0%} interval", "verdict"),
            ),
            rows=tuple(_change_row(change, i, labels[i]) for i in rows),
        )


def _change_row(change: FidelityChange, i: int, label: str) -> Row:
    hidden = change.n[i] == WITHHELD
    span = interval(change.ci_low[i], change.ci_high[i], "+")
    cells = (
        Cell(label),
        Cell(format_count(change.n[i]), None if hidden else int(change.n[i])),
        _cell(change.before[i], hidden=hidden),
        _cell(change.after[i], hidden=hidden),
        _cell(change.change[i], "+", hidden=hidden),
        Cell("withheld" if hidden else span, float(change.ci_low[i])),
        Cell(change.verdict[i]),
    )
    return Row(cells, _LOOKS.get(change.verdict[i], "plain"))
