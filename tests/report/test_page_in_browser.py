"""The page in a real browser, at a desk and on a telephone, in both colour schemes.

Needs Chromium and Playwright's core package; axe-core comes in a package of its own.
Slow, and skipped where they are not at hand.
"""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from sklearn_equity import audit_frame, fidelity_change
from sklearn_equity.__main__ import main
from sklearn_equity.allocation import model_inequality

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
LONG = "a ward with a name that is longer than any telephone is wide, and then some"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path"),
]


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory):
    rng = np.random.default_rng(404)
    n = 600
    people = pd.DataFrame({"y": rng.normal(40, 5, n)})
    wards = [HOSTILE, LONG, "n" * 90, "few"]
    people["ward"] = np.repeat(wards, [300, 200, 93, 7])
    people["sex"] = np.resize(["f", "m"], n)
    people["p"] = people["y"] + rng.normal(0, 2, n) * np.where(
        people["ward"] == HOSTILE, 3, 1
    )
    people["q"] = people["y"] + rng.normal(0, 2, n)
    groupings = {"ward": people["ward"], "sex": people["sex"]}
    change = fidelity_change(people["y"], people["p"], people["q"], subgroups=groupings)
    inequality = model_inequality(
        people["p"], people["y"], subgroups=people["ward"], compare=(HOSTILE, LONG),
        threshold=40.0, bounds=(0.0, 100.0), scale="rank",
    )  # fmt: skip
    result = audit_frame(
        people, y_true="y", y_pred="p", subgroups=["ward", "sex"], max_depth=2,
        random_state=0,
    )  # fmt: skip
    result = result.with_findings(change=change, allocation=[inequality])
    folder = tmp_path_factory.mktemp("hostile")
    return result.to_html(folder / "report.html")


@pytest.fixture(scope="module")
def demo_report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    assert main(["demo", "--rows", "1500", "--output", str(folder)]) == 0
    return folder / "equity_report.html"


@pytest.fixture(params=["demo", "hostile"])
def report(request):
    return request.getfixturevalue(f"{request.param}_report")


SCREENS = pytest.mark.parametrize("width", [1280, 390])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture
def open_page(chromium):
    """Return what opens a file, and keeps what the page then says and asks for."""
    contexts = []

    def open_page(path, width=1280, scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: page.said.append(dialog.message))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@SCREENS
@SCHEMES
def test_it_opens_quietly_and_asks_for_nothing(report, width, scheme, open_page):
    page = open_page(report, width, scheme)
    page.wait_for_timeout(200)
    assert page.said == []
    assert page.asked == [report.as_uri()]
    assert page.title().startswith("Equity report")


@SCREENS
def test_nothing_is_wider_than_the_screen_but_what_scrolls(report, width, open_page):
    page = open_page(report, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate(
        """(width) => [...document.querySelectorAll("main *")].filter(
            (e) => !e.closest(".scroll") && !e.closest("svg")
                && (e.getBoundingClientRect().right > width + 0.5
                    || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
        ).map((e) => e.outerHTML.slice(0, 80))""",
        width,
    )
    assert wide == []


@SCREENS
def test_every_picture_has_size_and_marks_inside(report, width, open_page):
    page = open_page(report, width)
    lines = page.evaluate(
        """() => [...document.querySelectorAll(".marks > li > svg")].map((svg) => {
            const box = svg.getBoundingClientRect();
            const dots = [...svg.querySelectorAll(".dot")].map((dot) => {
                const r = dot.getBoundingClientRect();
                return [r.width, r.left + r.width / 2 - box.left];
            });
            return [box.width, box.height, dots];
        })"""
    )
    assert len(lines) > 10
    for box_width, height, dots in lines:
        assert box_width >= 150
        assert height >= 20
        for dot_width, place in dots:
            assert dot_width >= 8
            assert -1 <= place <= box_width + 1
    assert sum(len(dots) for *_, dots in lines) > 8


@SCREENS
def test_labels_of_an_axis_do_not_touch(report, width, open_page):
    page = open_page(report, width)
    touching = page.evaluate(
        """() => [...document.querySelectorAll(".axis svg")].flatMap((svg) => {
            const boxes = [...svg.querySelectorAll("text")].map(
                (t) => t.getBoundingClientRect()).sort((a, b) => a.left - b.left);
            return boxes.slice(1).filter((b, i) => b.left < boxes[i].right + 2);
        }).length"""
    )
    assert touching == 0
    assert page.locator(".axis .name").all_inner_texts()
    assert all(page.locator(".axis .name").all_inner_texts())


def test_tables_sort_by_number_and_by_text(demo_report, open_page):
    page = open_page(demo_report)
    table = page.locator("table", has_text="By ethnicity").first
    cells = "td:nth-of-type({}) >> visible=true"

    def column(place):
        return table.locator("tbody tr").locator(cells.format(place)).all_inner_texts()

    head = table.locator("thead th")
    head.nth(1).locator("button").click()
    n = [int(text.replace(",", "")) for text in column(1)]
    assert n == sorted(n)
    assert head.nth(1).get_attribute("aria-sort") == "ascending"
    head.nth(1).locator("button").press("Enter")  # by keyboard alone
    assert [int(text.replace(",", "")) for text in column(1)] == n[::-1]
    assert head.nth(1).get_attribute("aria-sort") == "descending"
    head.nth(0).locator("button").click()
    names = table.locator("tbody th").all_inner_texts()
    assert names == sorted(names)
    assert head.nth(1).get_attribute("aria-sort") is None
    assert "all rows as one" in table.locator("tfoot").inner_text()


def test_on_a_telephone_every_figure_has_its_heading_and_nothing_is_cut(
    report, open_page
):
    page = open_page(report, 390)
    cells = page.evaluate(
        """() => [...document.querySelectorAll("tbody td")].map((td) => [
            getComputedStyle(td, "::before").content, td.scrollWidth - td.clientWidth,
            td.closest(".scroll").scrollWidth - td.closest(".scroll").clientWidth])"""
    )
    assert len(cells) > 50
    for heading, cut, beyond in cells:
        assert len(heading.strip('"')) >= 1
        assert heading != "none"
        assert cut <= 0
        assert beyond <= 0
    page.locator("thead button").first.click()  # tables still sort
    assert page.locator("th[aria-sort=ascending]").count() == 1


def test_what_is_withheld_is_sorted_to_the_end(hostile_report, open_page):
    page = open_page(hostile_report)
    table = page.locator("table", has_text="By ward").first
    for _ in range(2):
        table.locator("thead th").nth(1).locator("button").click()
        assert table.locator("tbody tr").last.inner_text().count("withheld") == 3


def test_a_label_starts_nothing(hostile_report, open_page):
    page = open_page(hostile_report)
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    assert page.get_by_text(HOSTILE).count() >= 3
    assert page.said == []


def test_without_scripts_all_is_there(demo_report, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(demo_report.as_uri())
    assert page.locator("thead button").count() == 0
    assert "insufficient" in page.locator("main").inner_text()
    context.close()


@SCHEMES
def test_it_prints_black_on_white(report, scheme, open_page, tmp_path):
    page = open_page(report, scheme=scheme)
    page.emulate_media(media="print", color_scheme=scheme)
    assert not page.locator("nav").is_visible()
    style = "getComputedStyle(document.body)"
    assert page.evaluate(f"{style}.color") == "rgb(0, 0, 0)"
    assert page.evaluate(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
    assert len(page.pdf(path=str(tmp_path / "report.pdf"))) > 10_000


@pytest.fixture(scope="module")
def pages_of_a_long_report(chromium, tmp_path_factory):
    """Return the text of every printed page of a report of seventy wards."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("no pdftotext on the path")
    rng = np.random.default_rng(8)
    people = pd.DataFrame({"y": rng.normal(40, 5, 3500)})
    people["ward"] = np.resize([f"ward {i:02d}" for i in range(70)], 3500)
    people["p"] = people["y"] + rng.normal(0, 2, 3500)
    result = audit_frame(
        people, y_true="y", y_pred="p", subgroups="ward", random_state=0
    )
    folder = tmp_path_factory.mktemp("long")
    page = chromium.new_page()
    page.goto(result.to_html(folder / "report.html").as_uri())
    page.pdf(path=str(folder / "report.pdf"))
    page.close()
    done = subprocess.run(
        [reader, "-layout", str(folder / "report.pdf"), "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [text for text in done.stdout.split("\f") if text.strip()]


def test_a_long_figure_leaves_no_page_blank(pages_of_a_long_report):
    first = pages_of_a_long_report[0]
    assert "In pictures" in first
    assert first.count("ward ") > 5


def test_a_long_table_has_its_head_on_every_page_and_its_foot_once(
    pages_of_a_long_report,
):
    whole = "\f".join(pages_of_a_long_report).partition("In figures")[2]
    tables = [text for text in whole.split("\f") if "ward " in text]
    assert len(tables) > 1
    heads = [len(re.findall(r"subgroup +n +NRMSE", text)) for text in tables]
    assert heads == [1] * len(tables)
    assert sum(text.count("all rows as one") for text in tables) == 1


def test_no_heading_stands_alone_at_the_foot_of_a_page(pages_of_a_long_report):
    headings = ("In pictures", "In figures", "How well", "How unequal", "By ward")
    for text in pages_of_a_long_report:
        last = text.strip().splitlines()[-1].strip()
        assert not last.startswith(headings), last


@SCREENS
@SCHEMES
def test_axe_finds_no_violation(report, width, scheme, open_page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(report, width, scheme)
    found = axe.Axe().run(page)
    rules = [
        (one["id"], [node["html"][:80] for node in one["nodes"]])
        for one in found.response["violations"]
    ]
    assert rules == []


def test_a_notebook_shows_it_in_a_frame(hostile_report, chromium, tmp_path):
    """The frame may run the page's script, and reach nothing around it."""
    page_text = hostile_report.read_text(encoding="utf-8")
    quoted = page_text.replace("&", "&amp;").replace('"', "&quot;")
    frame = f'<iframe sandbox="allow-scripts" srcdoc="{quoted}"></iframe>'
    path = tmp_path / "notebook.html"
    path.write_text(f"<!DOCTYPE html><p>x</p>{frame}", encoding="utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    inside = page.frames[1]
    inside.wait_for_selector("thead button")
    assert "Equity report" in inside.locator("h1").inner_text()
    page.close()
