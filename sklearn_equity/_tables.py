"""Is this a table, of whichever engine, do its rows stay there, and what is named?"""

import warnings
from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from sklearn_equity._checks import take_columns

__all__ = [
    "check_names",
    "columns_named",
    "count_values",
    "frame_of",
    "is_lazy",
    "list_of_columns",
    "names_of",
    "refuse_names",
    "select_columns",
]


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


def list_of_columns(columns: Any) -> list[str]:
    """Return the names of columns, or say that they are none."""
    is_list = hasattr(columns, "__iter__") and not isinstance(columns, str | bytes)
    names = list(columns) if is_list and getattr(columns, "ndim", 1) != 0 else []
    if not names or not all(isinstance(name, str) for name in names):
        msg = f"`columns` must list the names of one column or more; got {columns!r}."
        raise ValueError(msg)
    return names


def names_of(table: Any) -> list[str]:
    """List the columns of a table."""
    return frame_of(table).collect_schema().names()


def check_names(**named: Any) -> dict[str, Any]:
    """Refuse arguments that name no column of `data`; None stays None."""
    for argument, name in named.items():
        if name is not None and not isinstance(name, str):
            msg = (
                f"`{argument}` must name a column of `data`; got "
                f"{type(name).__name__}. Pass arrays without `data`."
            )
            raise TypeError(msg)
    return named


def refuse_names(**given: Any) -> None:
    """Refuse names of columns where there is no `data` that they are columns of."""
    for argument, value in given.items():
        if isinstance(value, str):
            msg = (
                f"`{argument}` must hold one value a row; got {value!r}. Names of "
                "columns need `data=`, the table that has them."
            )
            raise TypeError(msg)


def columns_named(data: Any, **named: Any) -> dict[str, Any]:
    """Return the columns of an eager table that arguments name; None stays None."""
    return {
        argument: (
            None
            if name is None
            else take_columns(data, [name], name=argument)[name].to_native()
        )
        for argument, name in check_names(**named).items()
    }


def count_values(
    data: Any, values: str, sample_weight: str | None
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[np.int64]]:
    """Have the engine of a lazy table count its different values.

    Returns
    -------
    values, sample_weight : ndarray of shape (n_different,)
        Every pair that occurs; None in place of weights that are not asked for.
    n : ndarray of shape (n_different,)
        In how many rows.
    """
    named = [values] if sample_weight is None else [values, sample_weight]
    frame = select_columns(frame_of(data), named)
    rows = frame.select(*(nw.col(name).alias(f"v{i}") for i, name in enumerate(named)))
    keys = [f"v{i}" for i in range(len(named))]
    found = rows.group_by(*keys).agg(nw.len().alias("n")).collect().sort(*keys)
    n = found["n"].to_numpy().astype(np.int64)
    if not n.size:
        raise ValueError("`data` must have at least one row; got none.")
    for argument, key in zip(("values", "sample_weight"), keys, strict=False):
        _refuse_unfit(found[key], n, argument)
    numbers = [found[key].to_numpy() for key in keys]
    return numbers[0], numbers[1] if sample_weight is not None else None, n


def _refuse_unfit(values: nw.Series[Any], n: NDArray[np.int64], argument: str) -> None:
    """Refuse different values that are no finite numbers, and count their rows."""
    n_rows = f"{int(n.sum()):,} rows"
    gaps = values.is_null().to_numpy().astype(bool)
    is_number = values.dtype.is_numeric() or values.dtype == nw.Boolean
    if not (is_number or gaps.all()):
        msg = (
            f"`{argument}` must hold numbers; got {values.dtype} in {n_rows}. Convert "
            "the column."
        )
        raise ValueError(msg)
    numbers = values.cast(nw.Float64).to_numpy().astype(np.float64)
    for bad, rule, came in (
        (gaps, "must not hold missing values", "null"),
        (np.isnan(numbers) & ~gaps, "must not hold missing values", "NaN"),
        (np.isinf(numbers), "must be finite", "infinity"),
        (
            (numbers < 0.0) & (argument == "sample_weight"),
            "must not be negative",
            "negative values",
        ),
    ):
        if bad.any():
            msg = (
                f"`{argument}` {rule}; got {came} in {int(n[bad].sum()):,} of {n_rows}."
            )
            raise ValueError(msg)


def _narwhals_frame(table: Any) -> Any:
    """Let narwhals see what a table is; return anything else as it is."""
    with warnings.catch_warnings():
        # Until narwhals 3, which will ask for a package of its own for Dask.
        warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
        try:
            return nw.from_native(table, pass_through=True)
        except DuplicateError as error:
            several = "; ".join(str(error).splitlines()[1:])
            msg = f"`table` must have a name of its own for each column; got {several}."
            raise ValueError(msg) from error
