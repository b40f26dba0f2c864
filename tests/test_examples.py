"""Do the scripts of the gallery run, and quickly? Do the figures of the guide hold?"""

import re
import runpy
import time
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.testing.compare import compare_images

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = sorted(DOCS.glob("examples/plot_*.py"))
PAGES = sorted(set(DOCS.glob("user_guide/*.md")) - {DOCS / "user_guide/index.md"})
FIGURES = sorted(DOCS.glob("figures/*.png"))
# Run by the ordinary tests; the others, by the slow ones and by `make docs`.
QUICK = {"plot_05_da_index"}
# About other libraries, or about many traps: no one figure shows it.
WITHOUT_FIGURE = {"bigger_than_memory", "coming_from", "pitfalls"}


def _slow_unless_quick(script):
    marks = [] if script.stem in QUICK else [pytest.mark.slow]
    return pytest.param(script, id=script.stem, marks=marks)


@pytest.mark.parametrize("script", [_slow_unless_quick(e) for e in EXAMPLES])
def test_an_example_runs_in_less_than_twenty_seconds(script, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    begin = time.process_time()
    runpy.run_path(str(script))
    plt.close("all")
    assert time.process_time() - begin < 20


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_asks_a_question_and_says_what_it_does_not_show(script):
    text = script.read_text()
    opening = text.split('"""')[1]
    assert "?" in opening.partition("===\n")[2]
    assert "What it does not show" in text.rpartition("# %%")[2]


def test_the_gallery_is_numbered_in_reading_order():
    numbers = [re.match(r"plot_(\d\d)_", path.name)[1] for path in EXAMPLES]
    assert len(set(numbers)) == len(EXAMPLES) > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_opens_with_a_question_and_its_figure(page):
    opening = page.read_text().partition("\n# ")[2] or page.read_text()
    opening = opening.partition("\n## ")[0]
    assert "?" in opening.partition("\n\n")[2].partition("\n\n")[0]
    if page.stem not in WITHOUT_FIGURE:
        assert f"](../figures/{page.stem}.png)" in opening


def test_every_figure_has_its_page():
    expected = {page.stem for page in PAGES} - WITHOUT_FIGURE
    assert {figure.stem for figure in FIGURES} == expected


@pytest.mark.slow
@pytest.mark.parametrize("figure", FIGURES, ids=lambda path: path.stem)
def test_a_figure_is_what_its_function_draws(figure, tmp_path):
    """To a tolerance, since other releases of matplotlib set their text otherwise."""
    drawn = runpy.run_path(str(DOCS / "figures/draw.py"))["draw"]
    difference = compare_images(
        str(figure), str(drawn(figure.stem, tmp_path)), tol=10, in_decorator=True
    )
    assert difference is None
