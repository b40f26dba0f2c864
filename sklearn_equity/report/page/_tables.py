"""How is a table written, so that it can be sorted, scrolled and read aloud?"""

import numpy as np

from sklearn_equity.report._document import Cell, Row, Table
from sklearn_equity.report.page._text import text

# On a telephone each row becomes a card, and each heading stands beside its figure.
_LONG = 12  # characters: more than half of a card holds


def render_table(table: Table) -> str:
    """Write a table; totals stand in its foot and stay there when it is sorted."""
    wordy = _wordy_columns(table)
    heads = "".join(
        f'<th scope="col"{_css(column in wordy)}>{text(head)}</th>'
        for column, head in enumerate(table.heads)
    )
    body = [row for row in table.rows if row.look != "total"]
    foot = [row for row in table.rows if row.look == "total"]
    caption = (
        f' <span class="quiet">{text(table.caption)}</span>' if table.caption else ""
    )
    written = [
        f"<caption>{text(table.title)}{caption}</caption>",
        f"<thead><tr>{heads}</tr></thead>",
        "<tbody>",
        *(_row(row, wordy, table.heads) for row in body),
        "</tbody>",
    ]
    if foot:
        rows = (_row(row, wordy, table.heads) for row in foot)
        written += ["<tfoot>", *rows, "</tfoot>"]
    return (
        f'<div class="scroll" role="group" aria-label="{text(table.title)}" '
        'tabindex="0">\n<table>\n' + "\n".join(written) + "\n</table>\n</div>"
    )


def _wordy_columns(table: Table) -> set[int]:
    """List the columns after the first that hold no numbers."""
    return {
        column
        for column in range(1, len(table.heads))
        if all(row.cells[column].value is None for row in table.rows)
        and not any(row.cells[column].text[:1].isdigit() for row in table.rows)
    }


def _row(row: Row, wordy: set[int], heads: tuple[str, ...]) -> str:
    css = f' class="{row.look}"' if row.look not in ("plain", "total") else ""
    first, *others = row.cells
    cells = "".join(
        f"<td{_css(column in wordy, len(cell.text) > _LONG)}"
        f' data-head="{text(heads[column])}"{_value(cell)}>{text(cell.text)}</td>'
        for column, cell in enumerate(others, start=1)
    )
    return f'<tr{css}><th scope="row">{text(first.text)}</th>{cells}</tr>'


def _css(is_text: bool, is_long: bool = False) -> str:  # noqa: FBT001, FBT002
    names = [name for name, on in (("text", is_text), ("long", is_long)) if on]
    return f' class="{" ".join(names)}"' if names else ""


def _value(cell: Cell) -> str:
    if cell.value is None or not np.isfinite(cell.value):
        return ""
    return f' data-value="{float(cell.value)!r}"'
