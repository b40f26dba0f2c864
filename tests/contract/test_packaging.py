"""What is promised of versions says the same in every place that promises it."""

import re
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def _wanted():
    """Read each lower bound of pyproject.toml, and which extra asks for it, if one."""
    sets = {"": [*PROJECT["dependencies"], f"Python{PROJECT['requires-python']}"]}
    sets |= {extra: wanted for extra, wanted in EXTRAS.items() if extra != "all"}
    for extra, wanted in sets.items():
        for one in wanted:
            name, least = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", one).groups()
            yield name, least, extra


def _least_versions():
    return {name: least for name, least, _ in _wanted()}


def test_the_table_of_support_holds_every_lower_bound_and_its_extras():
    page = (REPOSITORY / "docs" / "support.md").read_text()
    rows = re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|.*\| (.*) \|$", page, re.MULTILINE)
    found = {
        (name, least, extra)
        for name, least, need in rows
        for extra in re.findall(r"`(\w+)`", need) or [""]
    }
    assert found == set(_wanted())
    assert len(rows) == len(_least_versions())


def test_the_readme_names_every_extra():
    readme = (REPOSITORY / "README.md").read_text()
    install = readme.partition("## Install")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", install))
    assert named == set(EXTRAS) - {"all"}


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
