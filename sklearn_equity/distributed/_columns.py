"""Are the numbers of a table fit to be summed? Asked before anything is summed.

Engines leave gaps out of sums, and carry an infinity into them, in silence. A glance
at the ends of the columns tells whether there is such; only then are they counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from sklearn_equity.distributed._partitions import (
    partitions_with_gaps,
    refuse_other_types,
)
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
    try:
        seen = _glance(frame, named)
    except (TypeError, ValueError):
        refuse_other_types(frame, named)
        raise
    n_rows = int(seen["n"])
    if n_rows == 0:
        raise ValueError("`table` must have at least one row; got none.")
    counts = _Counts(frame, named, seen)
    if not all(_is_whole(seen, argument) for argument in named):
        for argument, column in named.items():
            _refuse_gaps(frame, counts, argument, column, n_rows)
    if "sample_weight" in named and counts["sample_weight_negative"]:
        msg = (
            "`sample_weight` must not be negative; got negative values in "
            f"{counts['sample_weight_negative']:,} of {n_rows:,} rows."
        )
        raise ValueError(msg)
    mean = seen["y_true_sum"] / n_rows
    if metric.check_counts is not None:
        metric.check_counts(counts, n_rows, mean)
    return Look(n_rows, mean)


def _glance(frame: nw.LazyFrame[Any], named: dict[str, str]) -> dict[str, float]:
    """Look at the ends and the sum of every column, which costs next to nothing."""
    # Some engines sum columns alone, not expressions.
    rows = frame.select(*(number(named[name]).alias(name) for name in named))
    ends = rows.select(
        nw.len().alias("n"),
        *(nw.col(name).count().alias(f"{name}_count") for name in named),
        *(nw.col(name).sum().alias(f"{name}_sum") for name in named),
        *(nw.col(name).min().alias(f"{name}_min") for name in named),
        *(nw.col(name).max().alias(f"{name}_max") for name in named),
    ).collect()
    return {
        name: np.nan if value is None else float(value)
        for name, (value,) in ends.to_dict(as_series=False).items()
    }


def _is_whole(seen: dict[str, float], argument: str) -> bool:
    """Tell whether a column is free of gaps: a NaN or infinity is left in its sum."""
    complete = seen[f"{argument}_count"] == seen["n"]
    return complete and bool(np.isfinite(seen[f"{argument}_sum"]))


class _Counts(Mapping[str, int]):
    """How many values a rule is about; the rows are counted if the ends do not tell.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table.
    named : dict of str to str
        Its column by argument.
    seen : dict of str to float
        What a glance has seen.
    """

    def __init__(
        self, frame: nw.LazyFrame[Any], named: dict[str, str], seen: dict[str, float]
    ) -> None:
        self._frame, self._named, self._seen = frame, named, seen

    @cached_property
    def _counted(self) -> dict[str, int]:
        return _count(self._frame, self._named)

    def __getitem__(self, name: str) -> int:
        argument, _, kind = name.rpartition("_")
        if _is_whole(self._seen, argument):
            least, most = (self._seen[f"{argument}_{end}"] for end in ("min", "max"))
            if (kind == "negative" and least >= 0.0) or (kind == "above" and most <= 1):
                return 0
        return self._counted[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_names_of(self._named))

    def __len__(self) -> int:
        return len(_names_of(self._named))


def _check_types(frame: nw.LazyFrame[Any], named: dict[str, str]) -> None:
    schema = frame.collect_schema()
    for argument, column in named.items():
        if not isinstance(column, str) or column not in schema:
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


def _count(frame: nw.LazyFrame[Any], named: dict[str, str]) -> dict[str, int]:
    """Count gaps and what rules are about, in one pass of the engine."""
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
    names = _names_of(named)
    totals = frame.select(*marks).select(*(nw.col(name).sum() for name in names))
    counted = totals.collect().to_dict(as_series=False)
    return {name: int(counted[name][0] or 0) for name in names}


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
    counts: Mapping[str, int],
    argument: str,
    column: str,
    n_rows: int,
) -> None:
    where = f"`{argument}` ({column!r})"
    for kind, rule, came in (
        ("gaps", "must not hold missing values", "null or NaN"),
        ("infinite", "must be finite", "infinity"),
    ):
        count = counts[f"{argument}_{kind}"]
        if count:
            spot = partitions_with_gaps(frame, column)
            msg = f"{where} {rule}; got {came} in {count:,} of {n_rows:,} rows{spot}."
            raise ValueError(msg)
