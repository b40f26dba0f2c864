"""How does a result look on a page: one self-contained file, every label escaped?"""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from sklearn_equity._checks import format_label
from sklearn_equity.allocation import InequalityResult
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.remediation import EVERYBODY, FidelityChange
from sklearn_equity.report._spread import GroupingSpread

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

# The policy forbids the page itself to load anything: what is not in the file is not
# shown, wherever the file is opened.
_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<title>Equity report</title>
<style>
:root { color-scheme: light dark; --ink: #1a1c20; --quiet: #5b616b; --line: #d5d9e0;
  --page: #fff; --mark: #b3400a; --soft: #f4f5f8; --dot: #1f4e8c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --quiet: #a5acb8;
  --line: #3a404b; --page: #16181d; --mark: #ff9a5c; --soft: #20242c;
  --dot: #8ab8f5; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
  margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.75rem 0 .25rem; }
p { margin: .4rem 0; max-width: 46rem; }
.quiet { color: var(--quiet); font-size: .88rem; }
.answer { background: var(--soft); border-left: 4px solid var(--dot);
  padding: .5rem 1rem; margin: 1rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem .3rem 0; text-align: right; vertical-align: middle;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td:first-child { overflow-wrap: anywhere; min-width: 7rem; }
td.plot, th.plot { width: 30%; min-width: 9rem; padding-right: 1rem; }
tr.under td:first-child, tr.under td.text { color: var(--mark); font-weight: 600; }
.axis { display: flex; justify-content: space-between; font-weight: 400;
  color: var(--quiet); font-size: .8rem; }
svg { display: block; width: 100%; height: 16px; overflow: visible; }
svg .ci { stroke: var(--dot); stroke-width: 2; vector-effect: non-scaling-stroke; }
svg .dot { stroke: var(--dot); stroke-width: 8; stroke-linecap: round;
  vector-effect: non-scaling-stroke; }
svg .all { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 3 3;
  vector-effect: non-scaling-stroke; }
.under .ci, .under .dot { stroke: var(--mark); }
@media (max-width: 640px) { .plot { display: none; } table { font-size: .8rem; }
  th, td { padding-right: .4rem; } td:first-child { min-width: 5rem; } }
@media print { body { max-width: none; } h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; } }
</style>
</head>
"""

_LIMITS = (
    "A subgroup that is not examined here may still be under-served.",
    "“Insufficient evidence” says that the rows at hand cannot decide; it never "
    "means equal.",
    "A gap says that the model serves some people worse. It does not say why: the rest "
    "may be noise that no model could remove.",
    "Many subgroups are compared at once, so an interval that misses the dashed line "
    "is not yet a verdict.",
    "Intervals cover the sampling of rows, not errors in how the data were collected.",
)


def render_page(result: "AuditResult") -> str:
    """Return the whole report as one HTML page."""
    parts = [
        "<h1>Equity report</h1>",
        _paragraph(f"{result.model}, predicting {result.target}", "quiet"),
        '<div class="answer" role="note">',
        *(_paragraph(sentence) for sentence in result.sentences()),
        "</div>",
        "<h2>Whom does the model serve how well?</h2>",
        _paragraph(
            f"{result.fidelity.metric}; {_orientation(result.fidelity)}. "
            f"{result.fidelity.rule}",
            "quiet",
        ),
        *_fidelity_sections(result.fidelity, result.spreads),
        *_allocation_section(result.allocation),
        *_change_section(result.change),
        "<h2>What this report cannot tell</h2>",
        _list([*result.notes, *_LIMITS]),
        _paragraph(f"Made by sklearn_equity {version('sklearn-equity')}.", "quiet"),
    ]
    return (
        _HEAD + "<body>\n<main>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def _orientation(table: SubgroupTable) -> str:
    if table.best == 0.0 and table.metric.startswith("bias"):
        return "best at 0"
    return "higher is better" if table.greater_is_better else "lower is better"


# ---- fidelity by subgroup --------------------------------------------------------
def _fidelity_sections(
    table: SubgroupTable, spreads: Sequence[GroupingSpread]
) -> Iterable[str]:
    scale = _scale([*table.estimate, *table.reference], table.ci_low, table.ci_high)
    spread_of = {spread.grouping: spread for spread in spreads}
    for grouping in dict.fromkeys(table.grouping):
        yield f"<h3>By {escape(str(grouping))}</h3>"
        yield _fidelity_table(table.select(grouping), scale)
        if grouping in spread_of:
            yield _paragraph(spread_of[grouping].sentence(), "quiet")


def _fidelity_table(table: SubgroupTable, scale: tuple[float, float]) -> str:
    level = f"{table.confidence_level:.0%}"
    header = (
        '<th scope="col">subgroup</th><th scope="col">n</th>'
        f'<th scope="col">{escape(table.metric.partition(" (")[0])}</th>'
        f'<th scope="col">{level} interval</th>'
        f'<th scope="col" class="plot">{_axis(scale)}</th>'
        '<th scope="col" class="text">verdict</th>'
    )
    rows = [
        _fidelity_row(
            format_label(table.subgroup[i]),
            table.n[i],
            (table.estimate[i], table.ci_low[i], table.ci_high[i]),
            (scale, table.reference[i]),
            table.verdict[i],
        )
        for i in np.argsort(-table.as_loss(table.estimate), kind="stable").tolist()
    ]
    overall = table.overall
    figures = (overall.estimate, overall.ci_low, overall.ci_high)
    frame = (scale, table.reference[0])
    rows.append(_fidelity_row("all rows as one", overall.n, figures, frame, ""))
    return _table(
        header,
        rows,
        "Worst first.",
        "Dashed: how the average person of the grouping is served. "
        "An arrow: the interval goes on.",
    )


def _fidelity_row(
    label: str,
    n: int,
    figures: tuple[float, float, float],
    frame: tuple[tuple[float, float], float],
    verdict: str,
) -> str:
    estimate, low, high = figures
    scale, reference = frame
    css = ' class="under"' if verdict == "under-served" else ""
    return (
        f"<tr{css}><td>{escape(label)}</td><td>{n:,}</td><td>{_number(estimate)}</td>"
        f"<td>{_range(low, high)}</td>"
        f'<td class="plot">{_interval_plot(estimate, low, high, scale, reference)}</td>'
        f'<td class="text">{escape(verdict)}</td></tr>'
    )


# ---- allocation and deterioration ------------------------------------------------
def _allocation_section(results: Sequence[InequalityResult]) -> Iterable[str]:
    if not results:
        return
    yield "<h2>Are people who get the same score equally ill?</h2>"
    yield _paragraph(
        "0 is equality. +0.25 means that, at the same score in the decision region, "
        "the first group is a quarter more ill than the second: the score gives it "
        "too little. n counts the people whose score lies in that region.",
        "quiet",
    )
    header = (
        '<th scope="col">group</th><th scope="col" class="text">against</th>'
        '<th scope="col">n</th><th scope="col">n against</th>'
        '<th scope="col">inequality</th><th scope="col">interval</th>'
        '<th scope="col">p</th><th scope="col" class="text">verdict</th>'
    )
    yield _table(header, [_allocation_row(result) for result in results])


def _allocation_row(result: InequalityResult) -> str:
    css = ' class="under"' if result.verdict == "unequal" else ""
    return (
        f"<tr{css}><td>{escape(result.subgroup)}</td>"
        f'<td class="text">{escape(result.reference)}</td>'
        f"<td>{result.n_subgroup:,}</td><td>{result.n_reference:,}</td>"
        f"<td>{_number(result.estimate, '+')}</td>"
        f"<td>{_range(result.ci_low, result.ci_high, '+')}</td>"
        f"<td>{_number(result.p_value)}</td>"
        f'<td class="text">{escape(result.verdict)}</td></tr>'
    )


# ---- before and after ------------------------------------------------------------
def _change_section(change: FidelityChange | None) -> Iterable[str]:
    if change is None:
        return
    yield "<h2>What did the remediation change, and for whom?</h2>"
    for sentence in change.sentences():
        yield _paragraph(sentence)
    scale = _scale([*change.change, 0.0], change.ci_low, change.ci_high)
    header = (
        '<th scope="col">subgroup</th><th scope="col">n</th>'
        '<th scope="col">before</th><th scope="col">after</th>'
        '<th scope="col">change</th>'
        f'<th scope="col">{change.confidence_level:.0%} interval</th>'
        f'<th scope="col" class="plot">{_axis(scale)}</th>'
        '<th scope="col" class="text">verdict</th>'
    )
    for grouping in dict.fromkeys(change.grouping):
        rows = [
            _change_row(change, i, scale)
            for i, name in enumerate(change.grouping)
            if name == grouping
        ]
        title = "Everybody" if grouping == EVERYBODY else f"By {grouping}"
        yield f"<h3>{escape(title)}</h3>"
        yield _table(header, rows, "", "Dashed: no change.")


def _change_row(change: FidelityChange, i: int, scale: tuple[float, float]) -> str:
    figures = (change.change[i], change.ci_low[i], change.ci_high[i])
    css = ' class="under"' if change.verdict[i] == "worse" else ""
    return (
        f"<tr{css}><td>{escape(format_label(change.subgroup[i]))}</td>"
        f"<td>{change.n[i]:,}</td><td>{_number(change.before[i])}</td>"
        f"<td>{_number(change.after[i])}</td><td>{_number(figures[0], '+')}</td>"
        f"<td>{_range(figures[1], figures[2], '+')}</td>"
        f'<td class="plot">{_interval_plot(*figures, scale, 0.0)}</td>'
        f'<td class="text">{escape(change.verdict[i])}</td></tr>'
    )


# ---- pieces ----------------------------------------------------------------------
def _scale(
    estimates: Sequence[float], lows: Iterable[float], highs: Iterable[float]
) -> tuple[float, float]:
    """Return the range of a picture: every estimate, and its interval if not too long.

    One subgroup about which nothing is known would otherwise press all others into a
    corner: what reaches beyond is cut off, and drawn so.
    """
    finite = np.asarray(estimates, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return (0.0, 1.0)
    least, most = float(finite.min()), float(finite.max())
    room = (most - least) or abs(most) or 1.0
    return (
        max(least - room, float(np.nanmin([*lows, least]))),
        min(most + room, float(np.nanmax([*highs, most]))),
    )


def _axis(scale: tuple[float, float]) -> str:
    middle = (scale[0] + scale[1]) / 2
    ticks = "".join(f"<span>{_number(v)}</span>" for v in (scale[0], middle, scale[1]))
    return f'<span class="axis">{ticks}</span>'


def _interval_plot(
    estimate: float,
    low: float,
    high: float,
    scale: tuple[float, float],
    reference: float,
) -> str:
    """Draw a dot on its interval; the picture stretches with the page."""
    if not np.isfinite([estimate, low, high]).all():
        return '<span class="quiet">not defined</span>'
    width = (scale[1] - scale[0]) or 1.0
    x, x_low, x_high, x_ref = (
        float(np.clip(100.0 * (value - scale[0]) / width, 0.0, 100.0))
        for value in (estimate, low, high, reference)
    )
    # An interval that leaves the picture ends in an arrow.
    arrows = [
        f'<path class="ci" fill="none" d="M{base} 4L{tip} 8L{base} 12"/>'
        for tip, base, cut in ((0, 3, low < scale[0]), (100, 97, high > scale[1]))
        if cut
    ]
    return (
        '<svg viewBox="0 0 100 16" preserveAspectRatio="none" role="img" '
        f'aria-label="{_number(estimate)}, interval {_number(low)} to {_number(high)}">'
        f'<line class="all" x1="{x_ref:.2f}" x2="{x_ref:.2f}" y1="0" y2="16"/>'
        f'<line class="ci" x1="{x_low:.2f}" x2="{x_high:.2f}" y1="8" y2="8"/>'
        f'<line class="dot" x1="{x:.2f}" x2="{x:.2f}" y1="8" y2="8"/>'
        f"{''.join(arrows)}</svg>"
    )


def _range(low: float, high: float, sign: str = "") -> str:
    if not np.isfinite([low, high]).all():
        return "unknown"
    return f"{_number(low, sign)} to {_number(high, sign)}"


def _table(header: str, rows: Sequence[str], order: str = "", key: str = "") -> str:
    """Wrap rows in a table that scrolls by itself; the key is for the pictures."""
    body = "\n".join(rows)
    caption = _paragraph(order, "quiet") if order else ""
    caption += _paragraph(key, "quiet plot") if key else ""
    return (
        f'{caption}<div class="scroll" tabindex="0"><table>'
        f"<thead><tr>{header}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _paragraph(text: str, css: str = "") -> str:
    attribute = f' class="{css}"' if css else ""
    return f"<p{attribute}>{escape(text)}</p>"


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _number(value: float, sign: str = "") -> str:
    """Write three digits, and every digit before the point."""
    if not np.isfinite(value):
        return "not defined"
    return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}#.3g}"
