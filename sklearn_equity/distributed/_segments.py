"""Which segment does every row of a table belong to, where the rows stay put?

What was fitted to some rows labels the others part by part, in the engine: each label
depends on its own row alone, so parts get the labels that the whole would.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_equity._tables import frame_of, list_of_columns, select_columns

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
        If a column is absent, or `name` is the name of a column.
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
        return native.map_partitions(label, meta=label(native._meta))  # noqa: SLF001
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
            "`table` is of Ibis, which can't call a fitted estimator. Pass the table "
            "of the engine behind it, such as table.to_polars().lazy()."
        )
        raise TypeError(msg)
    return label(nw.to_native(frame.collect()))


def _label_all(parts: Iterator[Any], label: Any) -> Iterator[Any]:
    """Label the batches of a partition of Spark."""
    return (label(part) for part in parts)


def _with_labels(part: Any, *, segmenter: Any, columns: list[str], name: str) -> Any:
    """Label one part of a table."""
    rows = nw.from_native(part, eager_only=True)
    labels: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    if len(rows):
        found = segmenter.predict(rows.select(columns).to_native())
        labels = np.asarray(found).astype(np.int64)
    column = nw.new_series(name, labels, nw.Int64, backend=rows.implementation)
    if rows.implementation.is_pandas_like():  # whose rows are matched by their index
        column = nw.from_native(
            type(column.to_native())(labels, index=part.index, name=name),
            series_only=True,
        )
    return rows.with_columns(column).to_native()
