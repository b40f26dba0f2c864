"""The page: one file, no other host, every label escaped, every figure with its n."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from sklearn_equity import audit_frame
from sklearn_equity.allocation import model_inequality
from sklearn_equity.remediation import fidelity_change
from sklearn_equity.report._document import MINUS, number
from sklearn_equity.report.page._plots import _tick, nice_ticks

HOSTILE = '<script>alert("1")</script>'
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Collect what a browser would see; complain about tags that don't match."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self._open = [], [], [], []
        self.rows = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "tr":
            self.rows.append([])
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self._open and self._open[-1] in ("td", "th"):
            self.rows[-1].append(data)

    def values(self, name):
        return [value for key, value in self.attributes if key == name]


@pytest.fixture
def table():
    rng = np.random.default_rng(5150)
    truth = 40 + rng.normal(0, 5, 420)
    return pd.DataFrame(
        {
            "truth": truth,
            "predicted": truth + rng.normal(0, 2, 420),
            "remedied": truth + rng.normal(0, 1.8, 420),
            "ward": np.repeat([HOSTILE, "north & west", "tiny"], [210, 190, 20]),
        }
    )


@pytest.fixture
def bare(table):
    return audit_frame(
        table, y_true="truth", y_pred="predicted", subgroups="ward", random_state=0
    )


@pytest.fixture
def result(table, bare):
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
    return bare.with_findings(
        change=change, allocation=[inequality], notes=[f"Said by {HOSTILE}"]
    )


def test_an_allocation_is_shown_with_its_level_and_with_what_it_covers(
    result, tmp_path
):
    (one,) = result.allocation
    other = replace(one, ci_low=-0.5, confidence_level=0.9, covered=0.0213)
    page = Page(
        replace(result, allocation=(other,))
        .to_html(tmp_path / "report.html")
        .read_text(encoding="utf-8")
    )
    heads = next(row for row in page.rows if "against" in row)
    assert "90% interval" in heads
    row = page.rows[page.rows.index(heads) + 1]
    assert row[heads.index("covered")] == "2%"
    said = " ".join("".join(page.text).split())
    assert "0 is equality; 90% intervals" in said
    assert "; 2% of the range covered" in said


@pytest.fixture
def text(result, tmp_path):
    return result.to_html(tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_says_what_a_verdict_tests_beside_its_intervals(text):
    said = " ".join(text.split())
    picture = said[said.index('id="picture-fidelity"') :]
    sentence = picture.index("A verdict tests the difference from the average person")
    assert picture.index("intervals") < sentence < picture.index("</section>")


def test_the_page_is_well_formed_and_asks_no_host_for_anything(text):
    page = Page(text)
    assert page.tags.count("script") == 1  # what sorts the tables
    assert not {"img", "link", "iframe", "object", "image", "use"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {"src", "style", "srcset", "onload", "onclick", "xlink:href"} & names
    assert all(value.startswith("#") for value in page.values("href"))
    assert not re.search(r"https?:|//[a-z]|url\(|@import|fetch\(|import\(", text)


def test_every_link_leads_to_a_place_and_places_are_told_apart(text):
    page = Page(text)
    places = page.values("id")
    assert len(places) == len(set(places))
    targets = [value.removeprefix("#") for value in page.values("href")]
    named = targets + page.values("aria-labelledby")
    assert targets
    assert set(named) <= set(places)


def test_only_the_style_and_the_script_of_the_page_may_run(text):
    policy = re.search(r'Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_labels_are_shown_as_text(text):
    page = Page(text)
    assert page.text.count(HOSTILE) >= 4  # in pictures, tables and notes
    assert "north & west" in page.text
    assert HOSTILE not in text


def test_what_turns_or_hides_text_is_not_shown(table, tmp_path):
    strange = "in\u202eni\nt\x00 y"
    table["ward"] = np.repeat([HOSTILE, "north", strange], [210, 190, 20]).astype(
        object
    )
    result = audit_frame(
        table, y_true="truth", y_pred="predicted", subgroups="ward", random_state=0
    )
    text = result.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "in�ni t� y" in text


def test_the_page_opens_with_the_answer_in_three_sentences(bare, tmp_path):
    text = bare.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    answer = re.search(r'<section class="answer".*?</section>', text, re.DOTALL)[0]
    everybody, who, doubt = bare.sentences()
    assert Page(answer).text[1::2] == [who, doubt, everybody]
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", text)
    assert titles == [
        "In pictures",
        "In figures",
        "The record, item by item",
        "What this report cannot tell",
    ]
    assert text.index('class="answer"') < text.index("<h2")


def _page_of_a_change(tmp_path, *, harmed):
    """Return the page of two wards, of which a remedy serves one worse, or better."""
    rng = np.random.default_rng(7)
    people = pd.DataFrame({"y": rng.normal(40, 5, 600)})
    people["ward"] = np.repeat(["east", "-3"], 300)
    people["p"] = people["y"] + 3 * rng.normal(size=600)
    factor = np.where(people["ward"] == "east", 2.0 if harmed else 0.5, 1.0)
    people["q"] = people["y"] + factor * (people["p"] - people["y"])
    change = fidelity_change(
        people["y"], people["p"], people["q"], subgroups={"ward": people["ward"]}
    )
    result = audit_frame(
        people, y_true="y", y_pred="p", subgroups="ward", random_state=0
    )
    result = result.with_findings(change=change)
    return result.to_html(tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_answer_tells_whom_a_remedy_harms(tmp_path):
    text = _page_of_a_change(tmp_path, harmed=True)
    answer = re.search(r'<section class="answer".*?</section>', text, re.DOTALL)[0]
    told = "After the remediation, shown to be served worse: "
    assert told + "everybody; ward = east." in answer
    remains = text[text.index('id="record-remains"') : text.index('id="record-gaps"')]
    assert "Served worse than before: everybody; ward = east." in remains
    assert "judged by itself: not examined" in remains
    assert "Nobody is shown to be." not in remains
    assert told not in _page_of_a_change(tmp_path, harmed=False)


def test_negative_numbers_have_a_minus_sign_and_labels_stay_as_they_are(tmp_path):
    text = _page_of_a_change(tmp_path, harmed=False)
    shown = " ".join(Page(text[text.index("<nav") : text.index("</main>")]).text)
    assert not re.search(r"(?<![=:,] )[ (]-\d+\.", shown)
    assert re.search(rf"change {MINUS}0\.\d+ \(95% interval {MINUS}0", shown)
    assert ">-3<" in text


def test_small_numbers_are_written_out_to_three_digits():
    assert number(2.6444e-5, "+") == "+0.0000264"
    assert number(-9.999e-5) == f"{MINUS}0.000100"
    assert number(3e-9) == f"3.00e{MINUS}09"
    assert number(-1234.0) == f"{MINUS}1,234"


def test_another_report_is_spoken_of_where_something_is_withheld(bare, tmp_path):
    path = tmp_path / "report.html"
    told = "tell numbers that are withheld here"
    cut = bare.to_html(path, suppress_below=1000).read_text(encoding="utf-8")
    assert told in cut
    whole = bare.to_html(path, suppress_below=None).read_text(encoding="utf-8")
    assert told not in whole


def test_headings_leave_no_level_out(text):
    levels = [int(tag[1]) for tag in Page(text).tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) == 1


def test_the_record_has_every_item_of_the_guideline(bare, text, tmp_path):
    items = [
        "Attributes examined",
        "Groups and their sizes",
        "Metrics",
        "What was found",
        "What was done",
        "Who remains under-served",
        "Limits",
    ]
    record = text[text.index('id="record"') : text.index('id="limits"')]
    assert re.findall(r"<h3[^>]*>(.*?)</h3>", record) == items
    alone = bare.to_html(tmp_path / "bare.html").read_text(encoding="utf-8")
    assert "Intersections: not examined." in alone
    assert "Segments learnt from the data: not examined." in alone
    assert "equal illness: not examined." in alone
    assert "remedies were not examined" in alone
    done = bare.with_findings(remedy="Rows <of> the south counted twice.")
    told = done.to_html(tmp_path / "told.html").read_text(encoding="utf-8")
    assert "<li>Rows &lt;of&gt; the south counted twice.</li>" in told
    assert "What it changed: not examined." in told
    assert alone.count("Not examined") == 2  # allocation and change, among the tables


def test_the_record_tells_who_gained_and_who_remains(tmp_path):
    rng = np.random.default_rng(7)
    people = pd.DataFrame({"y": rng.normal(40, 5, 900)})
    people["ward"] = np.repeat(["east", "north", "south"], 300)
    scale = np.where(people["ward"] == "east", 1.0, 4.0)
    people["p"] = people["y"] + scale * rng.normal(size=900)
    north = people["ward"] == "north"
    people["q"] = np.where(north, (people["y"] + people["p"]) / 2, people["p"])
    change = fidelity_change(
        people["y"], people["p"], people["q"], subgroups={"ward": people["ward"]}
    )
    result = audit_frame(
        people, y_true="y", y_pred="p", subgroups="ward", random_state=0
    )
    assert result.fidelity.verdict == ("served", "under-served", "under-served")
    text = result.with_findings(change=change).to_html(tmp_path / "r.html").read_text()
    remains = text[text.index('id="record-remains"') : text.index('id="record-gaps"')]
    assert "not yet served well: ward = north." in remains
    assert "Under-served still: ward = south." in remains
    alone = result.to_html(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Under-served still: ward = north; ward = south." in alone


def test_every_row_has_its_count_and_its_interval(text):
    rows = [row for row in Page(text).rows if row[0] not in ("grouping", "ward")]
    bodies = [row for row in rows if any(" to " in cell for cell in row)]
    assert len(bodies) == 9  # wards and everybody, the same again, one inequality
    for row in bodies:
        assert any(re.fullmatch(r"[\d,]+", cell) for cell in row[1:])
        assert any(
            re.fullmatch(rf"[+{MINUS}]?[\d.]+ to [+{MINUS}]?[\d.]+", cell)
            for cell in row
        )


def test_every_line_of_a_picture_is_said_in_words_as_well(text):
    lines = re.findall(r'<li class="\w+"><span class="label">.*?</li>', text)
    assert len(lines) == 4 + 1 + 4  # wards and everybody, one inequality, changes
    for line in lines:
        assert '<svg aria-hidden="true">' in line
        counted = r'class="words">[^<]*\([^<]* to [^<]*\), n&nbsp;=&nbsp;\d'
        assert re.search(counted, line)


def test_a_small_subgroup_is_called_undecided(text):
    assert re.search(r">tiny</th>.*?insufficient evidence", text)


def test_a_notebook_gets_the_page_in_a_frame(result):
    frame = Page(result._repr_html_())
    assert frame.tags == ["iframe"]
    assert dict(frame.attributes)["sandbox"] == "allow-scripts"
    inside = Page(dict(frame.attributes)["srcdoc"])
    assert inside.text.count(HOSTILE) >= 4


def test_html_is_written_whole(result, tmp_path):
    path = result.to_html(tmp_path / "report.html")
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_tables_are_written_as_csv(result, tmp_path):
    paths = result.to_csv(tmp_path / "made" / "here")
    names = [path.stem for path in paths]
    assert names == ["fidelity", "inequality", "allocation", "change"]
    fidelity = pd.read_csv(paths[0])
    assert fidelity["subgroup"].tolist() == [HOSTILE, "north & west", "tiny"]
    assert fidelity["n"].tolist() == [210, 190, 20]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ((0.0, 1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ((-0.013, 0.024), [-0.01, 0.0, 0.01, 0.02]),
        ((95.0, 1230.0), [200.0, 400.0, 600.0, 800.0, 1000.0, 1200.0]),
        ((2.0, 2.0), [2.0]),
    ],
)
def test_ticks_are_round_numbers_within_the_scale(scale, expected):
    assert nice_ticks(*scale) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ticks", "written"),
    [
        ([-0.01, -0.005, -1e-19, 0.005], ["-0.010", "-0.005", "0.000", "0.005"]),
        ([-0.0004, -0.0002, -0.0], ["-0.0004", "-0.0002", "0.0000"]),
        ([-20.0, -0.0, 20.0, 1000.0], ["-20", "0", "20", "1,000"]),
    ],
)
def test_ticks_keep_their_sign(ticks, written):
    shown = [text.replace("-", MINUS) for text in written]
    assert [_tick(tick, ticks) for tick in ticks] == shown
