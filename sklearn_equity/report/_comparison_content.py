"""What does the report of two audits say: who got worse, then everybody?"""

from typing import TYPE_CHECKING

from sklearn_equity._label_text import WITHHELD, format_count
from sklearn_equity.report._document import (
    Cell,
    Look,
    Paragraph,
    Report,
    Row,
    Section,
    Table,
    interval,
    number,
    with_minus,
)
from sklearn_equity.report._pictures import change_plots

if TYPE_CHECKING:
    from sklearn_equity.report._comparison import AuditComparison

_LOOKS: dict[str, Look] = {"worse": "bad", "better": "good"}


def report_of_comparison(comparison: "AuditComparison") -> Report:
    """Build the report of a comparison whose small counts are suppressed already."""
    order = comparison.worse_first()
    worse = [i for i in order if comparison.verdict[i] == "worse"]
    tables = [
        Section(
            "worse",
            "Who got worse",
            (_table(comparison, worse, "Shown to be served worse"),)
            if worse
            else (Paragraph("Nobody is shown to be."),),
        ),
        Section(
            "all", "Everybody compared", (_table(comparison, order, "All changes"),)
        ),
    ]
    plots = tuple(change_plots(comparison.as_change()))
    limits = Paragraph(
        "The two audits hold no rows: changes are judged as those of two independent "
        "samples. For the same people that is too cautious; `fidelity_change` compares "
        "them person by person."
    )
    return Report(
        title="Two audits compared",
        subject=(
            f"{comparison.before.model}, then {comparison.after.model}; "
            f"{comparison.before.fidelity.metric}"
        ),
        answer=tuple(map(with_minus, comparison.sentences())),
        sections=(
            Section("pictures", "In pictures", plots),
            *tables,
            Section("limits", "What this comparison cannot tell", (limits,)),
        ),
    )


def _table(comparison: "AuditComparison", rows: list[int], title: str) -> Table:
    level = f"{comparison.before.fidelity.confidence_level:.0%} interval"
    return Table(
        title=title,
        heads=(
            *("subgroup", "n before", "n after", "before", "after", "change"),
            *(level, "verdict"),
        ),
        rows=tuple(_row(comparison, i) for i in rows),
    )


def _row(comparison: "AuditComparison", i: int) -> Row:
    counts = (int(comparison.n_before[i]), int(comparison.n_after[i]))
    if WITHHELD in counts:
        figures = [Cell("withheld")] * 4
    else:
        low, high = comparison.ci_low[i], comparison.ci_high[i]
        before, after = comparison.estimate_before[i], comparison.estimate_after[i]
        change = comparison.change[i]
        figures = [
            Cell(number(before), before),
            Cell(number(after), after),
            Cell(number(change, "+"), change),
            Cell(interval(low, high, "+"), low),
        ]
    cells = (
        Cell(comparison.name_of(i)),
        *(Cell(format_count(n), None if n == WITHHELD else n) for n in counts),
        *figures,
        Cell(comparison.verdict[i]),
    )
    return Row(cells, _LOOKS.get(comparison.verdict[i], "plain"))
