"""Is every rival that the page of comparisons names asked by a script, and pinned?"""

import json
import re
import runpy
from dataclasses import asdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
RUN = runpy.run_path(str(REPOSITORY / "benchmarks" / "run.py"))
NAMED = (
    *("fairlearn MetricFrame", "the same, bootstrap", "daindex", "imbalanced-learn"),
    *("AIF360.sklearn, metrics", "skorch, default", "MLPRegressor"),
    *("GaussianMixture", "KernelDensity", "gaussian_kde", "permutation_test"),
    *("KDEpy", "pyvinecopulib Kde1d", "SliceLine", "DivExplorer", "tree on errors"),
)


def test_every_rival_has_a_script():
    rivals = {rival: script for rival, script, _ in RUN["RIVALS"]}
    assert set(NAMED) <= set(rivals)
    alone = {script.stem for script in RUN["scripts_alone"]()}
    assert set(rivals.values()) <= alone


@pytest.mark.parametrize("rival", [rival for rival, *_ in RUN["RIVALS"]])
def test_the_page_has_a_row_for_a_rival_with_what_was_printed(rival):
    page = (REPOSITORY / "docs" / "benchmarks.md").read_text()
    (row,) = re.findall(rf"^\| {re.escape(rival)} \|.*$", page, re.MULTILINE)
    assert re.search(r"`.*\d.*`", row) or row.endswith("| not run |")


def test_the_environment_of_the_rivals_is_pinned():
    lines = (REPOSITORY / "benchmarks" / "rivals.txt").read_text().splitlines()
    asked = [line for line in lines if line and not line.startswith("#")]
    loose = [line for line in asked if "==" not in line]
    assert loose == ["torch"]  # by constraints.txt
    pinned = {re.split(r"[\[=]", line)[0] for line in asked}
    assert {"fairlearn", "aif360", "daindex", "imbalanced-learn", "skorch"} <= pinned
    assert {"KDEpy", "pyvinecopulib", "sliceline", "divexplorer", "asv"} <= pinned


def test_a_run_of_some_scripts_keeps_what_the_others_printed():
    run = RUN["Run"]
    common = {"arguments": "", "how": "done", "seconds": 1.0, "packages": "p 1"}
    runs = [
        run("one", "Fast?", printed="1 ms", where="2026-01-02, here.", **common),
        run("other", "Near?", printed="2 ms", where="2026-01-01, here.", **common),
    ]
    page = RUN["page"](runs)
    assert page.index("2026-01-02, here.") < page.index("## Every rival")
    assert "2026-01-01, here. Versions: p 1." in page.partition("## other")[2]
    assert "1 ms" in page
    assert "2 ms" in page


def test_only_one_script_renews_its_part_and_leaves_the_rest_of_the_page(
    monkeypatch, tmp_path
):
    main = RUN["main"]
    told = {"question": "?", "arguments": "", "how": "done", "seconds": 1.0,
            "where": "2026-01-01, here.", "packages": "p 1"}  # fmt: skip
    for name in ("one", "other"):
        run = RUN["Run"](name=name, printed=f"{name} as it was", **told)
        (tmp_path / f"{name}.json").write_text(json.dumps(asdict(run)))
    again = RUN["Run"](name="one", printed="one, renewed", **told)
    there = {
        "RESULTS": tmp_path,
        "PAGE": tmp_path / "page.md",
        "scripts_alone": lambda: [tmp_path / "one.py", tmp_path / "other.py"],
        "run": lambda script, **_: again if script.stem == "one" else None,
    }
    for name, value in there.items():
        monkeypatch.setitem(main.__globals__, name, value)
    monkeypatch.setattr("sys.argv", ["run.py", "--only", "one"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    page = (tmp_path / "page.md").read_text()
    assert "one, renewed" in page
    assert "one as it was" not in page
    assert "other as it was" in page
    assert "one, renewed" in (tmp_path / "one.json").read_text()


def test_what_the_page_was_made_of_is_kept_in_the_repository():
    """Else a fresh clone would know of no script but those that it ran itself."""
    ignored = REPOSITORY / ".gitignore"
    if not ignored.exists():
        pytest.skip("what is ignored is told in the repository alone")
    assert "benchmarks/results" not in ignored.read_text()
