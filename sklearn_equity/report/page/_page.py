"""How do the parts of a report become one page?

The policy in its head forbids the page to load anything, and to run any script or style
but the two that are in it, told by their hashes: what is not in the file is not shown,
wherever the file is opened, and a label can start nothing.
"""

import base64
import hashlib
from collections.abc import Iterator
from importlib.metadata import version

from sklearn_equity.report._document import (
    Block,
    Bullets,
    Key,
    Paragraph,
    Plot,
    Report,
    Section,
)
from sklearn_equity.report.page._plots import render_key, render_plot
from sklearn_equity.report.page._script import SCRIPT
from sklearn_equity.report.page._style import STYLE
from sklearn_equity.report.page._tables import render_table
from sklearn_equity.report.page._text import text


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


_POLICY = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; "
    "base-uri 'none'; form-action 'none'"
)


def render_page(report: Report) -> str:
    """Return the whole report as one HTML page."""
    links = "".join(
        f'<li><a href="#{section.name}">{text(section.title)}</a></li>'
        for section in report.sections
    )
    answer = "\n".join(f"<p>{text(sentence)}</p>" for sentence in report.answer)
    body = "\n".join(_section(section) for section in report.sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{text(report.title)}: {text(report.subject)}</title>\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n<header>\n"
        f"<h1>{text(report.title)}</h1>\n"
        f'<p class="quiet">{text(report.subject)}</p>\n</header>\n<main>\n'
        f'<section class="answer" aria-label="The answer">\n{answer}\n</section>\n'
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n{body}\n</main>\n'
        f'<footer><p class="quiet">Made by sklearn_equity '
        f"{version('sklearn-equity')}.</p></footer>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def render_in_notebook(report: Report) -> str:
    """Return the page in a frame: the notebook and it keep their styles apart."""
    return (
        f'<iframe title="{text(report.title)}" sandbox="allow-scripts" '
        'style="width: 100%; height: 45rem; border: 1px solid #8888;" '
        f'srcdoc="{_quoted(render_page(report))}"></iframe>'
    )


def _quoted(page: str) -> str:
    return page.replace("&", "&amp;").replace('"', "&quot;")


def _section(section: Section) -> str:
    """Write a section, a landmark for those who jump from one to the next."""
    inside = [_heading(section, 2), *_blocks(section.blocks)]
    for part in section.parts:
        inside += [_heading(part, 3), *_blocks(part.blocks)]
    body = "\n".join(inside)
    return f'<section aria-labelledby="{section.name}">\n{body}\n</section>'


def _heading(section: Section, level: int) -> str:
    return f'<h{level} id="{section.name}">{text(section.title)}</h{level}>'


def _blocks(blocks: tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Paragraph):
            css = ' class="quiet"' if block.quiet else ""
            yield f"<p{css}>{text(block.text)}</p>"
        elif isinstance(block, Bullets):
            items = "".join(f"<li>{text(item)}</li>" for item in block.items)
            yield f"<ul>{items}</ul>"
        elif isinstance(block, Plot):
            yield render_plot(block)
        elif isinstance(block, Key):
            yield render_key(block)
        else:
            yield render_table(block)
