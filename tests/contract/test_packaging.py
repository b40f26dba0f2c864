"""What is promised of versions says the same in every place that promises it."""

import re
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def _least_versions():
    """Read the lower bounds of pyproject.toml."""
    wanted = [*PROJECT["dependencies"], f"Python{PROJECT['requires-python']}"]
    for extra in ("torch", "plot", "tables", "dask"):
        wanted += EXTRAS[extra]
    pairs = [re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", one) for one in wanted]
    return {pair[1]: pair[2] for pair in pairs}


def test_the_table_of_support_holds_every_lower_bound():
    page = (REPOSITORY / "docs" / "support.md").read_text()
    rows = re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", page, re.MULTILINE)
    assert dict(rows) == _least_versions()


def test_the_oldest_dependencies_tried_are_the_lower_bounds():
    text = (REPOSITORY / "constraints-oldest.txt").read_text()
    tried = dict(re.findall(r"^([\w-]+)==([\d.]+)\.\*$", text, re.MULTILINE))
    least = _least_versions()
    assert tried == {name: least[name] for name in tried}
    named = {re.split(r"[\[>]", one)[0] for one in PROJECT["dependencies"]}
    assert named <= set(tried)


def test_every_python_of_the_classifiers_is_tried():
    workflow = REPOSITORY / ".github" / "workflows" / "ci.yml"
    if not workflow.exists():
        pytest.skip("the matrix lies in the repository alone")
    matrix = re.search(r"python: \[(.*)\]", workflow.read_text())[1]
    named = re.findall(
        r"Python :: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE
    )
    assert re.findall(r"3\.\d+", matrix) == named


def test_the_terms_of_the_data_are_among_the_licences():
    for path in PROJECT["license-files"]:
        assert (REPOSITORY / path).is_file()
    data = list((REPOSITORY / "sklearn_equity" / "datasets" / "data").glob("*.gz"))
    terms = (REPOSITORY / "sklearn_equity/datasets/data/TERMS.txt").read_text()
    assert all(path.name in terms for path in data)
