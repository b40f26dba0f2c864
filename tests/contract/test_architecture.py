"""Data flows one way: each stage imports only what the design lets it import."""

import ast
from pathlib import Path

import pytest

import sklearn_equity

PACKAGE = Path(sklearn_equity.__file__).parent
GROUND = {
    *("exceptions", "_checks", "_factorize", "_fit_tasks", "_label_text", "_numbers"),
    *("_optional", "_outcome_inputs", "_parallel", "_sklearn_shims", "_tables"),
}
MAY_IMPORT = {
    "datasets": set(),
    "representation": set(),
    "segmentation": set(),
    "sufficient_statistics": set(),
    "density": set(),
    "inequality": set(),
    "significance": set(),
    "fidelity": {"sufficient_statistics", "significance"},
    "allocation": {"sufficient_statistics", "density", "significance"},
    # A consensus of representations needs representations to start from.
    "discovery": {"fidelity", "significance", "representation", "segmentation"},
    "remediation": {"fidelity", "inequality", "significance", "discovery"},
    "scorers": {
        *("sufficient_statistics", "fidelity", "inequality", "allocation"),
        "discovery",
    },
    "distributed": {"sufficient_statistics", "density", "fidelity", "allocation"},
    "report": {
        *("fidelity", "inequality", "allocation", "significance"),
        *("discovery", "remediation", "distributed", "scorers", "density"),
    },
}
# What the command line is made of; nothing imports it.
COMMAND_LINE = {"_baseline", "_demo", "_progress", "_table_audit"}
# Files of the representation that are imported when a network is trained or used.
TORCH_FILES = {
    *("_architecture.py", "_compute.py", "_modules.py", "_network.py"),
    "_variational.py",
}
# Packages outside the standard library, and the only places that may import them.
CONFINED = {
    "torch": "representation",
    "skorch": "representation",
    "matplotlib": "report",
    "pandas": None,
    "polars": None,
    "dask": None,
    "duckdb": None,
    "ibis": None,
    "pyspark": None,
}


def _stage_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported_names(path):
    """Yield every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the stage"
            yield node.module
            if node.module == "sklearn_equity":
                yield from (f"sklearn_equity.{alias.name}" for alias in node.names)


SOURCES = sorted(PACKAGE.rglob("*.py"))
STAGE_SOURCES = [path for path in SOURCES if _stage_of(path) in MAY_IMPORT]
every_stage_file = pytest.mark.parametrize(
    "path", STAGE_SOURCES, ids=lambda path: str(path.relative_to(PACKAGE))
)


def test_every_file_belongs_to_a_stage_or_to_the_ground():
    entry_points = {"__init__", "__main__", *COMMAND_LINE}
    stages = {_stage_of(path) for path in SOURCES}
    assert stages <= {*MAY_IMPORT, *GROUND, *entry_points}


@every_stage_file
def test_stage_imports_only_what_the_design_allows(path):
    stage = _stage_of(path)
    allowed = MAY_IMPORT[stage] | GROUND | {stage}
    ours = [
        name.split(".")[1]
        for name in _imported_names(path)
        if name.startswith("sklearn_equity.")
    ]
    assert set(ours) <= allowed


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_optional_packages_stay_where_they_belong(path):
    for name in _imported_names(path):
        package = name.split(".")[0]
        assert CONFINED.get(package, _stage_of(path)) == _stage_of(path), name


def test_the_torch_files_alone_import_torch_and_skorch():
    importing = {
        path.name
        for path in SOURCES
        if {"torch", "skorch"} & {name.split(".")[0] for name in _imported_names(path)}
    }
    assert importing == TORCH_FILES


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_scikit_learn_privates_are_touched_by_the_shims_alone(path):
    if path.name == "_sklearn_shims.py":
        return
    for name in _imported_names(path):
        if name.split(".")[0] == "sklearn":
            assert not any(part.startswith("_") for part in name.split(".")), name
