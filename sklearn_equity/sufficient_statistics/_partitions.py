"""In which partition of a table does a bad value lie?

Dask alone tells what each partition holds, and takes columns for what the table says
without looking; other engines keep that promise, and count rows. Partitions are looked
into one by one, once something is known to be wrong.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from sklearn_equity._tables import frame_of

__all__ = [
    "Promise",
    "partitions_with_gaps",
    "promise_of",
    "refuse_broken_promise",
    "with_promised_types",
]

Promise = dict[str, tuple[str, str]]  # of each column: what names it, and its kind


def promise_of(frame: nw.LazyFrame[Any], columns: Mapping[str, str]) -> Promise:
    """Note what a table of Dask says that its columns hold.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table.
    columns : mapping of str to str
        The columns that will be needed, and the argument that names each.
    """
    if not frame.implementation.is_dask():
        return {}
    schema = frame.collect_schema()
    return {
        column: (argument, _kind(schema[column]))
        for column, argument in columns.items()
    }


def refuse_broken_promise(rows: nw.DataFrame[Any], promise: Promise) -> None:
    """Refuse a partition whose columns hold something else than the table says."""
    for column, (argument, kind) in promise.items():
        found = rows.schema[column]
        if len(rows) and _kind(found) != kind:
            raise ValueError(_broken(argument, column, kind, str(found)) + ".")


@contextmanager
def with_promised_types(
    frame: nw.LazyFrame[Any], columns: Mapping[str, str]
) -> Iterator[nw.LazyFrame[Any]]:
    """Have every partition of Dask look whether it holds what the table says.

    Without that, text is read as numbers in silence, and numbers stand beside text.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table.
    columns : mapping of str to str
        The columns that will be needed, and the argument that names each.

    Yields
    ------
    nw.LazyFrame
        Of other engines the table itself; of Dask those columns alone. A partition of
        another type stops what is computed of them within the context, and is named.
    """
    promise = promise_of(frame, columns)
    if not promise:
        yield frame
        return
    native = nw.to_native(frame.select(*promise))
    looked_at = native.map_partitions(
        partial(_looked_at, promise=promise),
        meta=native._meta,  # noqa: SLF001 - Dask's name for it, in all its guides
    )
    try:
        yield frame_of(looked_at)
    except (TypeError, ValueError):
        _name_partitions(frame, promise)
        raise


def _looked_at(part: Any, promise: Promise) -> Any:
    refuse_broken_promise(nw.from_native(part, eager_only=True), promise)
    return part


def _name_partitions(frame: nw.LazyFrame[Any], promise: Promise) -> None:
    """Name the partitions which hold something else than the table says."""
    for column, (argument, kind) in promise.items():
        other = {
            i: str(rows.schema[column])
            for i, rows in _partitions(frame, column)
            if len(rows) and _kind(rows.schema[column]) != kind
        }
        if other:
            found = ", ".join(sorted(set(other.values())))
            where = f" in the partitions {list(other)}."
            raise ValueError(_broken(argument, column, kind, found) + where)


def _broken(argument: str, column: str, kind: str, found: str) -> str:
    return (
        f"`{argument}` ({column!r}) must hold {kind}; the table says that it does, but "
        f"there is {found}"
    )


def _kind(dtype: Any) -> str:
    """Say in a word what a column holds."""
    if dtype.is_numeric() or dtype == nw.Boolean:
        return "numbers"
    return "dates or times" if dtype.is_temporal() else "text"


def partitions_with_gaps(frame: nw.LazyFrame[Any], column: str) -> str:
    """Name the partitions in which a column is not finite, where there are such."""
    if not frame.implementation.is_dask():
        return ""
    bad = [
        i
        for i, rows in _partitions(frame, column)
        if not np.isfinite(rows[column].cast(nw.Float64).to_numpy()).all()
    ]
    return f", in the partitions {bad}" if bad else ""


def _partitions(
    frame: nw.LazyFrame[Any], column: str
) -> Iterator[tuple[int, nw.DataFrame[Any]]]:
    """Bring one column here, partition by partition."""
    for i, part in enumerate(nw.to_native(frame.select(column)).to_delayed()):
        yield i, nw.from_native(part.compute(), eager_only=True)
