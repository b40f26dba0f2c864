"""Which segment does every row of a table belong to, where the rows stay put?

What was fitted to some rows labels the others part by part, in the engine: each label
depends on its own row alone, so parts get the labels that the whole would.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_equity._tables import frame_of, list_of_columns, select_columns
from sklearn_equity.distributed._gaps import bad_values
from sklearn_equity.sufficient_statistics import (
    Promise,
    placed,
    promise_of,
    refuse_broken_promise,
)

__all__ = ["label_segments"]


def label_segments(
    table: Any, segmenter: Any, *, columns: Sequence[str], name: str = "segment"
) -> Any:
    """Give every row of a table that stays in its engine its segment.

    The engine calls the fitted segmenter on one part after the other: Dask and Spark
    on their workers, which need this library. Labels are those that ``predict`` gives
    in memory.

    Parameters
    ----------
    table : data frame
        Lazy or eager, of polars, DuckDB, Dask, PySpark, or another library of frames in
        memory that narwhals speaks to.
    segmenter : estimator
        Fitted; ``predict`` takes a data frame of `columns` and returns whole numbers: a
        `LatentGMMSegmenter`, or a pipeline that ends in one.
    columns : sequence of str
        The columns that it was fitted to, in this order.
    name : str, default="segment"
        The name of the new column.

    Returns
    -------
    data frame
        Of the engine's own kind, lazy where `table` was: the table and one column more,
        to be passed on as `subgroups`.

    Raises
    ------
    ValueError
        If a column is absent, or `name` is the name of a column; later, when the engine
        gets to a part that the segmenter refuses, or which holds something else than a
        table of Dask says. The message counts the bad rows of the part, and names the
        partition of Dask or Spark. Engines wrap it in errors of their own.
    TypeError
        If the engine can't call a function of Python, or `table` is no table.

    See Also
    --------
    sample_table : Draws the rows that a segmenter is fitted to.
    audit_frame : Audits the segments.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from sklearn_equity import LatentGMMSegmenter, label_segments, sample_table
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(3000, 2)) + np.repeat([[0.0], [6.0]], 1500, axis=0)
    >>> lazy = pl.DataFrame({"age": x[:, 0], "weight": x[:, 1]}).lazy()
    >>> drawn = sample_table(lazy, columns=["age", "weight"], random_state=0)
    >>> found = LatentGMMSegmenter(2, random_state=0).fit(drawn.rows)
    >>> labelled = label_segments(lazy, found, columns=["age", "weight"])
    >>> sorted(labelled.collect()["segment"].value_counts()["count"])
    [1500, 1500]
    """
    frame, names = frame_of(table), list_of_columns(columns)
    schema = frame.collect_schema()
    select_columns(frame, names)
    if not hasattr(segmenter, "predict"):
        msg = f"`segmenter` must have predict; got {type(segmenter).__name__}."
        raise TypeError(msg)
    if not isinstance(name, str):
        raise TypeError(f"`name` must be the name of a column; got {name!r}.")
    if name in schema:
        msg = f"`name` must be new to the table; it has {list(schema)}, got {name!r}."
        raise ValueError(msg)
    native, engine = nw.to_native(frame), frame.implementation
    label = partial(_with_labels, segmenter=segmenter, columns=names, name=name)
    if engine.is_polars():
        wider = nw.to_native(frame.with_columns(nw.lit(0, nw.Int64).alias(name)))
        schema = wider.collect_schema()
        return native.map_batches(label, schema=schema, streamable=True)
    if engine.is_dask():
        meta = label(native._meta)  # noqa: SLF001 - what the table says of itself
        promise = promise_of(frame, dict.fromkeys(names, "columns"))
        return native.map_partitions(_label_of_dask, label, promise, meta=meta)
    if engine.is_duckdb():
        types = dict(zip(native.columns, native.types, strict=True))
        types[name] = native.select("1::BIGINT").types[0]  # no text: sql() wants types
        return native.map(label, schema=types)
    if engine.is_spark_like():
        fields = ", ".join(
            f"`{column}` {kind}" for column, kind in [*native.dtypes, (name, "bigint")]
        )
        return native.mapInPandas(partial(_label_all, label=label), fields)
    if engine.is_ibis():
        msg = (
            "`table` is of Ibis, which can't call a fitted estimator. Write it, "
            'table.to_parquet("people.parquet"), and pass what polars or DuckDB reads: '
            'polars.scan_parquet("people.parquet"); or table.to_polars() if it fits '
            "in memory."
        )
        raise TypeError(msg)
    return label(nw.to_native(frame.collect()))


def _label_all(parts: Iterator[Any], label: Any) -> Iterator[Any]:
    """Label the batches of a partition of Spark."""
    context = sys.modules["pyspark"].TaskContext.get()
    place = f"partition {context.partitionId()}"
    return (label(part, place=place) for part in parts)


def _label_of_dask(
    part: Any,
    label: Callable[..., Any],
    promise: Promise,
    partition_info: dict[str, Any] | None = None,
) -> Any:
    """Label a partition of Dask, which says which one it is."""
    place = "" if not partition_info else f"partition {partition_info['number']}"
    try:
        refuse_broken_promise(nw.from_native(part, eager_only=True), promise)
    except ValueError as error:
        raise ValueError(placed(str(error), place)) from None
    return label(part, place=place)


def _predict(
    rows: nw.DataFrame[Any], segmenter: Any, columns: list[str], place: str
) -> NDArray[np.int64]:
    """Label rows, or say which of them can't be."""
    try:
        found = segmenter.predict(rows.select(columns).to_native())
    except (TypeError, ValueError) as error:
        bad = {column: bad_values(rows[column]) for column in columns}
        counts = [
            f"{n:,} of {len(rows):,} rows hold {what} in {column!r}"
            for column, (gaps, infinite) in bad.items()
            for n, what in ((gaps, "null or NaN"), (infinite, "infinity"))
            if n
        ]
        first = str(error).partition("\n")[0]  # scikit-learn goes on about imputers
        said = "; ".join([*counts, f"the segmenter says: {first}"])
        msg = placed(f"`table` must hold what the segmenter takes; {said}", place)
        raise ValueError(msg) from error
    return np.asarray(found).astype(np.int64)


def _with_labels(
    part: Any, *, segmenter: Any, columns: list[str], name: str, place: str = ""
) -> Any:
    """Label one part of a table."""
    rows = nw.from_native(part, eager_only=True)
    labels: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    if len(rows):
        labels = _predict(rows, segmenter, columns, place)
    column = nw.new_series(name, labels, nw.Int64, backend=rows.implementation)
    if rows.implementation.is_pandas_like():  # whose rows are matched by their index
        column = nw.from_native(
            type(column.to_native())(labels, index=part.index, name=name),
            series_only=True,
        )
    return rows.with_columns(column).to_native()
