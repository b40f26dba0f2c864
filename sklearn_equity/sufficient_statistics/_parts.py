"""How does a function of rows reach rows that stay in their engine?

Each part of a table (a partition of Dask or Spark, a batch of rows of Polars or DuckDB)
is summarised where it lies; what comes back is a statistic in bytes, and these merge.
No engine is imported: its own table is asked.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, Self, TypeVar

import narwhals.stable.v2 as nw

from sklearn_equity._numbers import NobodyCountsError
from sklearn_equity._optional import import_optional
from sklearn_equity._tables import frame_of, select_columns
from sklearn_equity.sufficient_statistics._partitions import (
    Promise,
    promise_of,
    refuse_broken_promise,
)

__all__ = ["ROWS_AT_ONCE", "Mergeable", "batches", "fold_parts", "placed"]

ROWS_AT_ONCE = 2**17  # of a batch: some columns of it are a few megabytes


class Mergeable(Protocol):
    """A statistic of some rows."""

    def merge(self, *others: Self) -> Self:
        """Join it with those of other rows."""

    def to_bytes(self) -> bytes:
        """Write it."""


Statistic = TypeVar("Statistic", bound=Mergeable)


def fold_parts(
    table: Any,
    columns: Sequence[str],
    summarise: Callable[[nw.DataFrame[Any]], Statistic],
    read: Callable[[bytes], Statistic],
) -> Statistic:
    """Summarise every part of a table where it lies, and merge.

    Parameters
    ----------
    table : data frame
        Eager or lazy, of any library that narwhals speaks to.
    columns : sequence of str
        Those that the function needs.
    summarise : callable
        Takes some rows, at least one, as an eager frame. It travels to other machines,
        so it is a function of a module, or a partial of one.
    read : callable
        Reads what ``to_bytes`` of the statistic writes.

    Returns
    -------
    statistic
        That of all rows.

    Raises
    ------
    ValueError
        If the function refuses a part, which is named, or there is no row that counts.
        A part in which nobody does is as an empty one.
    """
    frame = select_columns(frame_of(table), columns)
    total: Statistic | None = None
    for place, message, found in _found_in_parts(frame, summarise, read):
        if message:
            raise ValueError(placed(message, place))
        if found is not None:
            total = found if total is None else total.merge(found)
    if total is None:
        msg = (
            "`table` must have at least one row that counts, with a weight above 0 and "
            "its labels where missing ones are dropped; got none."
        )
        raise ValueError(msg)
    return total


def placed(message: str, place: str) -> str:
    """Say where a rule is broken, if that is known."""
    if not place:
        return message
    return f"{message.removesuffix('.')} (in {place})."


def batches(
    frame: nw.LazyFrame[Any], n_rows: int | None = None
) -> Iterator[tuple[str, nw.DataFrame[Any]]]:
    """Bring the rows of a table to this process, some at a time, in its order.

    Each with the place where it lay: the partition of Dask, else the numbers of rows.
    """
    if frame.implementation.is_dask():
        yield from _partitions_of_dask(frame)
        return
    start = 0
    for rows in _batches(frame, n_rows or ROWS_AT_ONCE):
        yield f"rows {start:,} to {start + len(rows) - 1:,}", rows
        start += len(rows)


def _batches(frame: nw.LazyFrame[Any], n_rows: int) -> Iterator[nw.DataFrame[Any]]:
    native, engine = nw.to_native(frame), frame.implementation
    if engine.is_polars():
        for batch in native.collect_batches(chunk_size=n_rows):
            yield nw.from_native(batch, eager_only=True)
    elif engine.is_duckdb():
        for batch in _batches_of_duckdb(native, n_rows):
            yield nw.from_arrow(batch, backend="pyarrow")
    elif engine.is_ibis():
        for batch in _batches_of_ibis(native, n_rows):
            yield nw.from_arrow(batch, backend="pyarrow")
    elif engine.is_spark_like():
        yield from _batches_of_spark(native)
    else:
        yield frame.collect()


def _batches_of_duckdb(native: Any, n_rows: int) -> Iterator[Any]:
    # The first name is that of late versions, which warn of the second.
    read = getattr(native, "to_arrow_reader", None) or native.fetch_record_batch
    yield from read(n_rows)


def _batches_of_ibis(native: Any, n_rows: int) -> Iterator[Any]:
    """Ask Ibis for batches, or its DuckDB where that lacks what Ibis would call.

    It can't be tried: a failed attempt leaves the connection busy.
    """
    backend = native.get_backend()
    if backend.name != "duckdb" or hasattr(backend.con, "fetch_record_batch"):
        yield from native.to_pyarrow_batches(chunk_size=n_rows)
    elif relation := getattr(backend, "_to_duckdb_relation", None):
        yield from _batches_of_duckdb(relation(native), n_rows)
    else:  # all at once, which any version can
        yield from native.to_pyarrow().to_batches(max_chunksize=n_rows)


def _partitions_of_dask(
    frame: nw.LazyFrame[Any],
) -> Iterator[tuple[str, nw.DataFrame[Any]]]:
    """Bring the partitions of Dask here one by one, if they are as promised."""
    native = nw.to_native(frame)
    promise = promise_of(frame, dict.fromkeys(native.columns, "table"))
    for i, part in enumerate(native.to_delayed()):
        rows = nw.from_native(part.compute(), eager_only=True)
        try:
            refuse_broken_promise(rows, promise)
        except ValueError as error:
            raise ValueError(placed(str(error), f"partition {i}")) from None
        yield f"partition {i}", rows


def _found_in_parts(
    frame: nw.LazyFrame[Any],
    summarise: Callable[[nw.DataFrame[Any]], Statistic],
    read: Callable[[bytes], Statistic],
) -> Iterator[tuple[str, str, Statistic | None]]:
    """Give the place of every part, what is wrong with it, and its statistic."""
    native, engine = nw.to_native(frame), frame.implementation
    if engine.is_dask():
        meta = [("message", object), ("data", object)]
        promise = promise_of(frame, dict.fromkeys(native.columns, "table"))
        done = native.map_partitions(
            _row_of_dask, summarise, promise, meta=meta
        ).compute()
        for i, (message, data) in enumerate(
            zip(done["message"], done["data"], strict=True)
        ):
            yield f"partition {i}", message, read(data) if data else None
    elif engine.is_spark_like():
        done = native.mapInArrow(
            partial(_row_of_spark, summarise), "part long, message string, data binary"
        )
        for part, message, data in done.toLocalIterator():
            yield f"partition {part}", message, read(bytes(data)) if data else None
    else:
        for place, rows in batches(frame):
            yield place, *_attempt(summarise, rows)


def _attempt(
    summarise: Callable[[nw.DataFrame[Any]], Statistic],
    rows: nw.DataFrame[Any],
    promise: Promise | None = None,
) -> tuple[str, Statistic | None]:
    """Return what is wrong with some rows, or their statistic."""
    if not len(rows):
        return "", None
    try:
        refuse_broken_promise(rows, promise or {})
        return "", summarise(rows)
    except NobodyCountsError:
        return "", None
    except (TypeError, ValueError) as error:
        return str(error), None


def _row_of_dask(
    part: Any, summarise: Callable[..., Mergeable], promise: Promise
) -> Any:
    """Summarise a partition of Dask, as a frame of one row of its own library."""
    rows = nw.from_native(part, eager_only=True)
    message, found = _attempt(summarise, rows, promise)
    data = b"" if found is None else found.to_bytes()
    return type(part)({"message": [message], "data": [data]})


def _row_of_spark(
    summarise: Callable[..., Mergeable], arrived: Iterator[Any]
) -> Iterator[Any]:
    """Summarise a partition of Spark, whose batches arrive one by one, as one row."""
    total, message, kind = None, "", None
    for batch in arrived:
        kind = type(batch)
        if not message:
            rows = nw.from_arrow(batch, backend="pyarrow")
            message, found = _attempt(summarise, rows)
            if found is not None:
                total = found if total is None else total.merge(found)
    if kind is not None:
        part = sys.modules["pyspark"].TaskContext.get().partitionId()
        data = b"" if message or total is None else total.to_bytes()
        yield kind.from_pydict({"part": [part], "message": [message], "data": [data]})


def _batches_of_spark(native: Any) -> Iterator[nw.DataFrame[Any]]:
    """Bring the partitions of Spark here one after the other, as Arrow's bytes."""
    pyarrow = import_optional("pyarrow", feature="Reading a table of Spark")
    for (data,) in native.mapInArrow(
        _bytes_of_batches, "data binary"
    ).toLocalIterator():
        table = pyarrow.ipc.open_stream(bytes(data)).read_all()
        yield nw.from_native(table, eager_only=True)


def _bytes_of_batches(arrived: Iterator[Any]) -> Iterator[Any]:
    pyarrow = import_optional("pyarrow", feature="Reading a table of Spark")
    for batch in arrived:
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        data = sink.getvalue().to_pybytes()
        yield type(batch).from_pydict({"data": [data]})
