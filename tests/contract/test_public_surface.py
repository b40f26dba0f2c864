"""What is public is listed, documented, typed as documented, and cheap to import."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_equity

PUBLIC = [name for name in sklearn_equity.__all__ if name != "__version__"]
REPOSITORY = Path(__file__).parents[2]


def _public_callables():
    return [name for name in PUBLIC if callable(getattr(sklearn_equity, name))]


def test_all_is_sorted_and_true():
    assert sklearn_equity.__all__ == sorted(sklearn_equity.__all__)
    visible = {
        name
        for name, value in vars(sklearn_equity).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("sklearn_equity")
    }
    assert visible == set(PUBLIC)


def test_public_names_are_the_documented_names():
    documented = set()
    for page in (REPOSITORY / "docs" / "api").glob("*.rst"):
        documented |= set(re.findall(r"^   (\w+)$", page.read_text(), re.MULTILINE))
    assert documented == set(PUBLIC)


@pytest.mark.parametrize("name", _public_callables())
def test_every_public_name_has_a_docstring_with_an_example(name):
    doc = inspect.getdoc(getattr(sklearn_equity, name))
    assert doc
    if not issubclass(_class_or_object(name), Warning | Exception):
        assert ">>> " in doc, f"{name} has no example"


def _class_or_object(name):
    value = getattr(sklearn_equity, name)
    return value if inspect.isclass(value) else object


@pytest.mark.parametrize("name", _public_callables())
def test_documented_parameters_and_defaults_are_those_of_the_signature(name):
    value = getattr(sklearn_equity, name)
    documented = _documented_parameters(inspect.getdoc(value))
    parameters = {
        parameter.name: parameter
        for parameter in inspect.signature(value).parameters.values()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    assert list(documented) == list(parameters)
    for parameter_name, type_line in documented.items():
        default = parameters[parameter_name].default
        stated = re.search(r"default=(.*)$", type_line)
        if default is inspect.Parameter.empty:
            assert stated is None, f"{parameter_name} has no default"
        else:
            assert stated, f"{parameter_name}: the default {default!r} is not stated"
            assert stated[1].replace('"', "'") == repr(default), parameter_name


def _documented_parameters(doc):
    """Read the Parameters section of a numpydoc docstring: name -> type line."""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", doc, re.MULTILINE | re.DOTALL
    )
    lines = section[1].splitlines() if section else []
    entries = {}
    for line in lines:
        match = re.match(r"^(\w+(?:, \w+)*) : (.*)$", line)
        if match:
            for parameter_name in match[1].split(", "):
                entries[parameter_name] = match[2]
    return entries


def _run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


def test_import_brings_neither_torch_nor_matplotlib_nor_an_engine():
    done = _run(
        "import sklearn_equity, sys;"
        "sklearn_equity.AutoencoderEmbedder();"
        "assert not {'torch', 'skorch', 'matplotlib'} & set(sys.modules);"
        "engines = {'dask', 'duckdb', 'ibis', 'pyspark', 'polars'};"
        "assert not engines & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("package", "extra"),
    [("torch", "torch"), ("skorch", "torch"), ("pandas", "tables")],
)
def test_a_missing_extra_names_the_feature_and_the_command(package, extra):
    done = _run(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {package!r}:\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from sklearn_equity._optional import import_optional\n"
        f"import_optional({package!r}, feature='This feature')"
    )
    assert done.returncode != 0
    assert (
        f"This feature needs the package {package}, which is not installed. "
        f"Install it with: pip install 'sklearn-equity[{extra}]'"
    ) in done.stderr
