"""The page: one file, no other host, every label escaped, every figure with its n."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from sklearn_equity import audit_frame
from sklearn_equity.allocation import model_inequality
from sklearn_equity.remediation import fidelity_change

HOSTILE = '<script>alert("1")</script>'
VOID = {"meta", "line", "br"}


class Page(HTMLParser):
    """Collect what a browser would see; complain about tags that don't match."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self._open = [], [], [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def table():
    rng = np.random.default_rng(5150)
    truth = 40 + rng.normal(0, 5, 400)
    return pd.DataFrame(
        {
            "truth": truth,
            "predicted": truth + rng.normal(0, 2, 400),
            "remedied": truth + rng.normal(0, 1.8, 400),
            "ward": np.repeat([HOSTILE, "north & west", "tiny"], [200, 190, 10]),
        }
    )


@pytest.fixture
def result(table):
    result = audit_frame(
        table, y_true="truth", y_pred="predicted", subgroups="ward", random_state=0
    )
    change = fidelity_change(
        table["truth"],
        table["predicted"],
        table["remedied"],
        subgroups={"ward": table["ward"]},
    )
    inequality = model_inequality(
        table["predicted"],
        table["truth"],
        subgroups=table["ward"],
        compare=(HOSTILE, "north & west"),
        threshold=40.0,
        bounds=(0.0, 100.0),
        scale="rank",
    )
    return result.with_findings(
        change=change, allocation=[inequality], notes=[f"Said by {HOSTILE}"]
    )


def test_the_page_is_well_formed_and_asks_no_host_for_anything(result):
    text = result._repr_html_()
    page = Page(text)
    assert "script" not in page.tags
    assert not {"img", "link", "iframe", "object", "a"} & set(page.tags)
    assert not {"src", "href", "style", "onload"} & {
        name for name, _ in page.attributes
    }
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
    assert "default-src 'none'" in text


def test_labels_are_shown_as_text(result):
    page = Page(result._repr_html_())
    assert page.text.count(HOSTILE) >= 2  # in the audit and in the change
    assert "north & west" in page.text


def test_every_row_has_its_count_and_its_interval(result):
    text = result._repr_html_()
    rows = re.findall(r"<tr[^>]*><td>.*?</tr>", text, re.DOTALL)
    assert len(rows) == 9  # wards and everybody, the same again, one inequality
    for row in rows:
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        assert any(re.fullmatch(r"[\d,]+", cell) for cell in cells)
        assert any(re.search(r"-?[\d.]+ to ", cell) for cell in cells)


def test_a_small_subgroup_is_called_undecided(result):
    assert re.search(r"tiny</td>.*?insufficient evidence", result._repr_html_())


def test_html_is_written_whole(result, tmp_path):
    path = result.to_html(tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == result._repr_html_()
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_tables_are_written_as_csv(result, tmp_path):
    paths = result.to_csv(tmp_path / "made" / "here")
    names = [path.stem for path in paths]
    assert names == ["fidelity", "inequality", "allocation", "change"]
    fidelity = pd.read_csv(paths[0])
    assert fidelity["subgroup"].tolist() == [HOSTILE, "north & west", "tiny"]
    assert fidelity["n"].tolist() == [200, 190, 10]
