"""How is a report written as Markdown, so that no label is taken for markup?

Pictures are left out: all that they show stands in the tables.
"""

import re
from collections.abc import Iterator
from importlib.metadata import version

from sklearn_equity.report._document import (
    Block,
    Bullets,
    Paragraph,
    Report,
    Section,
    Table,
    one_line,
)

# By reference where a reader might take a backslash for itself, as in a table's cell;
# also what makes a link of a bare address, a person of a name, or a formula of a price.
_REFERENCES = {ord(sign): f"&#{ord(sign)};" for sign in "&<>|@$`~"}
_BACKSLASHED = re.compile(r"([\\*_\[\]])")
_ADDRESS = re.compile(r"(?i)(:)(?=//)|(?<=www)(\.)")
_AT_THE_START = re.compile(r"^(\s*)([#+\-=]|\d+[.)])")


def text(words: str) -> str:
    """Escape words for a line of Markdown or a cell of a table."""
    written = one_line(words).translate(_REFERENCES)
    written = _BACKSLASHED.sub(r"\\\1", written)
    return _ADDRESS.sub(lambda found: f"&#{ord(found.group())};", written)


def paragraph(words: str) -> str:
    """Escape words that begin a line, where a few signs more mean something."""
    return _AT_THE_START.sub(
        lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", text(words)
    )


def render_markdown(report: Report) -> str:
    """Return the whole report."""
    written = [f"# {text(report.title)}", paragraph(report.subject)]
    written += [paragraph(sentence) for sentence in report.answer]
    for section in _worded(report):
        written += _section(section, level=2)
    written.append(f"Made by sklearn\\_equity {version('sklearn-equity')}.")
    return "\n\n".join(written) + "\n"


def sections_of_card(report: Report, *, under: str) -> dict[str, str]:
    """Return the text of each section of a model card, by its title in skops' way."""
    answer = [paragraph(report.subject), *map(paragraph, report.answer)]
    found = {under: "\n\n".join(answer)}
    for section in _worded(report):
        title = f"{under}/{_title(section)}"
        found[title] = "\n\n".join(_blocks(section.blocks))
        for part in section.parts:
            found[f"{title}/{_title(part)}"] = "\n\n".join(_blocks(part.blocks))
    return found


def _title(section: Section) -> str:
    return text(section.title).replace("/", "\\/")


def _worded(report: Report) -> list[Section]:
    """Leave out sections of pictures alone."""
    return [section for section in report.sections if section.name != "pictures"]


def _section(section: Section, level: int) -> Iterator[str]:
    yield f"{'#' * level} {text(section.title)}"
    yield from _blocks(section.blocks)
    for part in section.parts:
        yield from _section(part, level + 1)


def _blocks(blocks: tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Paragraph):
            yield paragraph(block.text)
        elif isinstance(block, Bullets):
            yield "\n".join(f"- {paragraph(item)}" for item in block.items)
        elif isinstance(block, Table):
            yield f"**{text(block.title)}** {text(block.caption)}".rstrip()
            yield _table(block)


def _table(table: Table) -> str:
    rows = [[text(head) for head in table.heads]]
    rows.append(["---"] * len(table.heads))
    for row in table.rows:
        cells = [text(cell.text) for cell in row.cells]
        rows.append([f"**{cells[0]}**" if row.look == "bad" else cells[0], *cells[1:]])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
