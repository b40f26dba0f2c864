"""Are the numbers of a table fit to be summed? Asked before anything is summed.

Engines leave gaps out of sums, and carry an infinity into them, without a word. So one
look over the columns counts what must not be there.
"""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from sklearn_equity.distributed._partitions import partitions_with_gaps
from sklearn_equity.fidelity import Metric

__all__ = ["Look", "look_over", "number"]


@dataclass(frozen=True)
class Look:
    """What a first look over the columns found.

    Attributes
    ----------
    n_rows : int
        The rows of the table.
    mean : float
        The mean of the target.
    """

    n_rows: int
    mean: float


def number(column: str) -> nw.Expr:
    """Read a column as floating-point numbers."""
    return nw.col(column).cast(nw.Float64)


def look_over(frame: nw.LazyFrame[Any], named: dict[str, str], metric: Metric) -> Look:
    """Refuse a table whose numbers can't be summed, and say which and how many.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table.
    named : dict of str to str
        Its column by the argument that names it: `y_true`, `y_pred`, `sample_weight`.
    metric : Metric
        What will be measured.
    """
    _check_types(frame, named)
    found = _count(frame, named)
    n_rows = int(found["n"])
    if n_rows == 0:
        raise ValueError("`table` must have at least one row; got none.")
    for argument, column in named.items():
        _refuse_gaps(frame, found, argument, column, n_rows)
    if "sample_weight" in named:
        _refuse_weights(found, n_rows)
    _refuse_what_metric_forbids(metric, found, n_rows)
    return Look(n_rows, float(found["mean"]))


def _check_types(frame: nw.LazyFrame[Any], named: dict[str, str]) -> None:
    schema = frame.collect_schema()
    for argument, column in named.items():
        if column not in schema:
            msg = (
                f"`{argument}` names no column of the table: [{column!r}]. "
                f"It has {list(schema)}."
            )
            raise ValueError(msg)
        if not (schema[column].is_numeric() or schema[column] == nw.Boolean):
            msg = (
                f"`{argument}` ({column!r}) must hold numbers; the table says that it "
                f"holds {schema[column]}. Convert the column."
            )
            raise ValueError(msg)


def _count(frame: nw.LazyFrame[Any], named: dict[str, str]) -> dict[str, Any]:
    """Count rows, gaps and what rules are about, in one pass of the engine."""
    marks = []
    for argument, column in named.items():
        value = number(column)
        gap = _is_gap(frame, value)
        marks += [
            _mark(gap).alias(f"{argument}_gaps"),
            _mark(~gap & ((value == np.inf) | (value == -np.inf))).alias(
                f"{argument}_infinite"
            ),
            _mark(~gap & (value < 0.0)).alias(f"{argument}_negative"),
        ]
        if argument != "sample_weight":
            marks += [
                _mark(~gap & (value > 1.0)).alias(f"{argument}_above"),
                _mark(~gap & (value > 0.0) & (value < 1.0)).alias(f"{argument}_broken"),
            ]
    target = number(named["y_true"]).alias("target")
    rows = frame.select(nw.lit(1.0).alias("one"), target, *marks)
    rows = rows.select("one", "target", *_names_of(named))
    totals = rows.select(
        nw.col("one").sum().alias("n"),
        nw.col("target").mean().alias("mean"),
        *(nw.col(name).sum() for name in _names_of(named)),
    ).collect()
    return {name: totals[name].to_list()[0] or 0 for name in totals.columns}


def _names_of(named: dict[str, str]) -> list[str]:
    """Name the counts of each column."""
    names = []
    for argument in named:
        kinds = ["gaps", "infinite", "negative"]
        kinds += [] if argument == "sample_weight" else ["above", "broken"]
        names += [f"{argument}_{kind}" for kind in kinds]
    return names


def _is_gap(frame: nw.LazyFrame[Any], value: nw.Expr) -> nw.Expr:
    """Tell nulls, and NaN, from numbers."""
    if frame.implementation.is_dask():  # whose gaps are NaN
        return value.is_null()
    return value.is_null() | value.is_nan()


def _mark(truth: nw.Expr) -> nw.Expr:
    return nw.when(truth).then(nw.lit(1.0)).otherwise(nw.lit(0.0))


def _refuse_gaps(
    frame: nw.LazyFrame[Any],
    found: dict[str, Any],
    argument: str,
    column: str,
    n_rows: int,
) -> None:
    where = f"`{argument}` ({column!r})"
    for kind, rule, came in (
        ("gaps", "must not hold missing values", "null or NaN"),
        ("infinite", "must be finite", "infinity"),
    ):
        count = int(found[f"{argument}_{kind}"])
        if count:
            spot = partitions_with_gaps(frame, column)
            msg = f"{where} {rule}; got {came} in {count:,} of {n_rows:,} rows{spot}."
            raise ValueError(msg)


def _refuse_weights(found: dict[str, Any], n_rows: int) -> None:
    count = int(found["sample_weight_negative"])
    if count:
        msg = (
            "`sample_weight` must not be negative; got negative values in "
            f"{count:,} of {n_rows:,} rows."
        )
        raise ValueError(msg)


def _refuse_what_metric_forbids(
    metric: Metric, found: dict[str, Any], n_rows: int
) -> None:
    """Apply the metric's rules to the counts of rows that break them."""
    if metric.check_counts is None:
        return
    counts = {
        name: int(found[name])
        for name in found
        if name.startswith(("y_true_", "y_pred_"))
    }
    metric.check_counts(counts, n_rows, float(found["mean"]))
