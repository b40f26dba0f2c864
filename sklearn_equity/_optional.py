"""The only guarded imports: which feature needs which package, and how to get it."""

import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Literal

import narwhals.stable.v2 as nw
from sklearn import get_config

from sklearn_equity.exceptions import MissingDependencyError

# The extra of pyproject.toml that brings each package.
_EXTRA_OF = {
    "torch": "torch",
    "skorch": "torch",
    "matplotlib": "plot",
    "pandas": "tables",
    "pyarrow": "tables",
    "dask": "dask",
}


def import_optional(module: str, *, feature: str) -> ModuleType:
    """Import a package of an extra, or say which feature needs it and how to get it.

    Only the absence of the package itself is translated: a broken installation keeps
    its own error, which says more than ours could.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        extra = _EXTRA_OF[package]
        msg = (
            f"{feature} needs the package {package}, which is not installed. "
            f"Install it with: pip install 'sklearn-equity[{extra}]'"
        )
        raise MissingDependencyError(msg, name=package) from error


def find_optional(module: str) -> ModuleType | None:
    """Import a package that nothing depends on; None where it is absent."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        return None


def build_frame(columns: Mapping[str, Sequence[Any]], *, feature: str) -> Any:
    """Make a data frame in the library that scikit-learn's output setting names.

    ``sklearn.set_config(transform_output="polars")`` gives polars; otherwise pandas.
    """
    output = get_config()["transform_output"]
    backend: Literal["pandas", "polars"] = "polars" if output == "polars" else "pandas"
    if backend == "pandas":  # whoever chose polars has it
        import_optional("pandas", feature=feature)
    return nw.from_dict(dict(columns), backend=backend).to_native()
