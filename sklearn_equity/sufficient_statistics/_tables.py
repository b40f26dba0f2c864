"""Is this a table, of whichever engine, and do its rows stay there?"""

import warnings
from typing import Any

import narwhals.stable.v2 as nw

__all__ = ["frame_of", "is_lazy"]


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


def _narwhals_frame(table: Any) -> Any:
    """Let narwhals see what a table is; return anything else as it is."""
    with warnings.catch_warnings():
        # Until narwhals 3, which will ask for a package of its own for Dask.
        warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
        return nw.from_native(table, pass_through=True)
