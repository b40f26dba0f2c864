"""Markdown shows labels as they are, and a model card takes the report in."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from sklearn_equity import audit_frame
from sklearn_equity.report._markdown import paragraph, text

HOSTILE = [
    '<script>alert("1")</script>',
    "**bold** _it_ ~~gone~~ `code`",
    "a | b",
    "[link](https://evil.example)",
    "www.evil.example",
    "@everyone $x$ &lt;",
    "\\",
]


@pytest.fixture
def result():
    rng = np.random.default_rng(1789)
    people = pd.DataFrame({"y": rng.normal(40, 5, 700)})
    people["p"] = people["y"] + rng.normal(0, 2, 700)
    people["ward"] = np.repeat(HOSTILE, 100)
    found = audit_frame(
        people, y_true="y", y_pred="p", subgroups="ward", n_resamples=50, random_state=0
    )
    return found.with_findings(notes=["# no title", "1. no list"])


@pytest.fixture
def to_html():
    """Return a reader of Markdown as GitHub's, tables and bare links included."""
    markdown_it = pytest.importorskip("markdown_it")
    reader = markdown_it.MarkdownIt("gfm-like", {"linkify": False, "html": True})
    return reader.render


def test_no_sign_of_markup_is_left_bare():
    written = text('<a|b>*c*_d_[e]`f`~g~$h$@i&j\\k https://l www.m "n"')
    bare = re.sub(r"&#\d+;|\\.", "", written)
    assert not re.search(r"[<>|*_\[\]`~$@\\]|://|www\.|&(?!#)", bare)


@pytest.mark.parametrize("words", ["# a", "- a", "+ a", "1. a", "12) a", "=== a"])
def test_no_line_begins_as_a_title_or_a_list(words):
    assert not re.match(r"#|[-+=]|\d+[.)]", paragraph(words))


def test_a_reader_shows_every_label_as_it_is(result, to_html):
    page = to_html(result.to_markdown())
    shown = re.findall(r"<td>(?:<strong>)?(.*?)(?:</strong>)?</td>", page)
    for label in HOSTILE:
        escaped = label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert escaped.replace('"', "&quot;") in shown
    assert "<a " not in page
    assert "<script" not in page
    assert len(re.findall("<h1>", page)) == 1
    assert "<ol>" not in page


def test_every_table_has_as_many_cells_in_every_row(result):
    written = result.to_markdown()
    tables = re.findall(r"(?:^\|.*\n)+", written, re.MULTILINE)
    assert len(tables) == 2  # fidelity and its inequality
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_markdown_says_what_the_page_says(result):
    written = result.to_markdown()
    for title in ("In figures", "Attributes examined", "What this report cannot tell"):
        assert re.search(rf"^#+ {title}$", written, re.MULTILINE)
    assert "In pictures" not in written
    for sentence in result.sentences()[1:]:
        assert paragraph(sentence) in written


def test_small_counts_are_not_in_markdown(result):
    assert "| withheld |" not in result.to_markdown()
    assert "| withheld |" in result.to_markdown(suppress_below=101)


class Card:
    """The least that the report needs of a model card."""

    def __init__(self):
        self.sections = {}

    def add(self, **sections):
        self.sections |= sections


def test_a_card_gets_a_section_for_each_item(result):
    card = result.add_to_card(Card())
    titles = list(card.sections)
    assert titles[0] == "Equity"
    assert "Equity/The record, item by item/What was done" in titles
    assert all("<script" not in text for text in card.sections.values())


@pytest.mark.slow  # its import alone takes seconds
def test_a_model_card_of_skops_takes_the_report_in(result, tmp_path):
    card_module = pytest.importorskip("skops.card")
    card = card_module.Card(LinearRegression(), model_diagram=False)
    assert result.add_to_card(card) is card
    sections = card.select("Equity").subsections
    assert list(sections) == [
        "In figures",
        "The record, item by item",
        "What this report cannot tell",
    ]
    record = card.select("Equity/The record, item by item").subsections
    assert list(record)[-2:] == ["Who remains under-served", "Limits"]
    assert result.sentences()[2] in card.select("Equity").content
    card.save(tmp_path / "card.md")
    written = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "<script>" not in written[written.index("# Equity") :]
    result.add_to_card(card, section="Who is served")
    assert card.select("Who is served").content == card.select("Equity").content


def test_something_else_than_a_card_is_refused(result):
    with pytest.raises(TypeError, match=r"`card` must be a skops\.card\.Card; got str"):
        result.add_to_card("card.md")
