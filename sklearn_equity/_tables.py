"""Is this a table, of whichever engine, do its rows stay there, and what is named?"""

import warnings
from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw

from sklearn_equity._checks import take_columns

__all__ = ["columns_named", "frame_of", "is_lazy", "select_columns"]


def frame_of(table: Any) -> nw.LazyFrame[Any]:
    """Take a lazy table of any engine, or an eager one."""
    frame = _narwhals_frame(table)
    if not isinstance(frame, nw.LazyFrame | nw.DataFrame):
        msg = (
            "`table` must be a table of polars, DuckDB, Dask, PySpark, Ibis or another "
            f"engine that narwhals speaks to; got {type(table).__name__}."
        )
        raise TypeError(msg)
    return frame.lazy()


def is_lazy(table: Any) -> bool:
    """Tell a table that stays in its engine from one in memory."""
    return isinstance(_narwhals_frame(table), nw.LazyFrame)


def select_columns(
    frame: nw.LazyFrame[Any], columns: Sequence[str]
) -> nw.LazyFrame[Any]:
    """Take some columns of a table, or list those that it has."""
    known = frame.collect_schema().names()
    absent = [name for name in columns if name not in known]
    if absent:
        msg = f"`table` has no columns {absent}; it has {known}."
        raise ValueError(msg)
    return frame.select(*dict.fromkeys(columns))


def columns_named(data: Any, **named: Any) -> dict[str, Any]:
    """Return the columns of an eager table that arguments name; None stays None."""
    found: dict[str, Any] = {}
    for argument, name in named.items():
        if name is not None and not isinstance(name, str):
            msg = (
                f"`{argument}` must name a column of `data`; got "
                f"{type(name).__name__}. Pass arrays without `data`."
            )
            raise TypeError(msg)
        found[argument] = name
        if name is not None:
            found[argument] = take_columns(data, [name], name=argument)[name]
    return {
        argument: value.to_native() if isinstance(value, nw.Series) else value
        for argument, value in found.items()
    }


def _narwhals_frame(table: Any) -> Any:
    """Let narwhals see what a table is; return anything else as it is."""
    with warnings.catch_warnings():
        # Until narwhals 3, which will ask for a package of its own for Dask.
        warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
        return nw.from_native(table, pass_through=True)
