"""Do the scripts of the gallery run?"""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

EXAMPLES = sorted(Path(__file__).parents[1].glob("docs/examples/plot_*.py"))


def test_there_is_a_gallery():
    assert EXAMPLES


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(script, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(script))
    plt.close("all")
