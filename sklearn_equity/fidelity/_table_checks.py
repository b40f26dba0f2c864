"""Are the numbers of a table fit to be summed? Seen in the same pass that sums them.

Engines leave gaps out of sums, and carry an infinity into them, in silence. With the
sums come a count and a sum that tell whether there is such; only then are they counted.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.sufficient_statistics import (
    Aggregate,
    partitions_with_gaps,
)

__all__ = ["check_labels", "check_types", "number", "refuse_unfit", "sums_for_checks"]

# The end of a column that tells that nothing is to be counted, and how.
_ENDS: dict[str, tuple[str, Callable[[NDArray[np.float64]], Any]]] = {
    "negative": ("min", lambda seen: seen.min() >= 0.0),
    "above": ("max", lambda seen: seen.max() <= 1.0),
}


def number(column: str) -> nw.Expr:
    """Read a column as floating-point numbers."""
    return nw.col(column).cast(nw.Float64)


def sums_for_checks(named: dict[str, str], metric: Metric) -> dict[str, Aggregate]:
    """Say what is to be summed up, so that unfit numbers are noticed.

    Parameters
    ----------
    named : dict of str to str
        Columns by the argument that names them: `y_true`, `y_pred`, `sample_weight`.
    metric : Metric
        What will be measured.
    """
    columns = {argument: number(column) for argument, column in named.items()}
    error = columns["y_pred"] - columns["y_true"]
    nothing = error - error  # NaN if one is NaN or infinite, null if one is null
    asked: dict[str, Aggregate] = {}
    if "sample_weight" in columns:
        weight = columns["sample_weight"]
        nothing = nothing + (weight - weight)
        asked["sample_weight_min"] = weight, "min"
        there = nw.when(weight > 0.0).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
        asked["present"] = there, "sum"
    asked |= {"whole": (nothing, "count"), "nothing": (nothing, "sum")}
    if metric.check_counts is not None:
        asked["y_true_sum"] = columns["y_true"], "sum"
        asked["y_true_min"] = columns["y_true"], "min"
        if metric.task == "classification":
            asked["y_true_max"] = columns["y_true"], "max"
            asked["y_pred_min"] = columns["y_pred"], "min"
            asked["y_pred_max"] = columns["y_pred"], "max"
    return asked


def refuse_unfit(
    frame: nw.LazyFrame[Any],
    named: dict[str, str],
    metric: Metric,
    n: NDArray[np.int64],
    found: Mapping[str, NDArray[np.float64]],
) -> None:
    """Refuse a table whose numbers can't be summed, and say which and how many.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table.
    named : dict of str to str
        Its column by argument.
    metric : Metric
        What will be measured.
    n : ndarray of shape (n_groups,)
        The rows of every group.
    found : mapping of str to ndarray of shape (n_groups,)
        What `sums_for_checks` has asked for.
    """
    n_rows = int(n.sum())
    if n_rows == 0:
        raise ValueError("`table` must have at least one row; got none.")
    is_whole = found["whole"].sum() == n_rows and found["nothing"].sum() == 0.0
    counts = _Counts(frame, named, found, is_whole=bool(is_whole))
    if not is_whole:
        for argument, column in named.items():
            _refuse_gaps(frame, counts, argument, column, n_rows)
    if "sample_weight" in named and found["sample_weight_min"].min() < 0.0:
        msg = (
            "`sample_weight` must not be negative; got negative values in "
            f"{counts['sample_weight_negative']:,} of {n_rows:,} rows."
        )
        raise ValueError(msg)
    if "sample_weight" in named and not found["present"].any():
        raise ValueError("`sample_weight` must have a positive sum; all are zero.")
    if metric.check_counts is not None:
        mean = float(found["y_true_sum"].sum()) / n_rows
        metric.check_counts(counts, n_rows, mean)


class _Counts(Mapping[str, int]):
    """How many values a rule is about; the rows are counted if the ends do not tell.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table.
    named : dict of str to str
        Its column by argument.
    found : mapping of str to ndarray of shape (n_groups,)
        The ends of columns in every group.
    is_whole : bool
        Whether no number is missing or infinite.
    """

    def __init__(
        self,
        frame: nw.LazyFrame[Any],
        named: dict[str, str],
        found: Mapping[str, NDArray[np.float64]],
        *,
        is_whole: bool,
    ) -> None:
        self._frame, self._named, self._found = frame, named, found
        self._is_whole = is_whole

    @cached_property
    def _counted(self) -> dict[str, int]:
        return _count(self._frame, self._named)

    def __getitem__(self, name: str) -> int:
        argument, _, kind = name.rpartition("_")
        if self._is_whole and kind in _ENDS:
            end, is_within = _ENDS[kind]
            seen = self._found.get(f"{argument}_{end}")
            if seen is not None and is_within(seen):
                return 0
        return self._counted[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_names_of(self._named))

    def __len__(self) -> int:
        return len(_names_of(self._named))


def check_types(frame: nw.LazyFrame[Any], named: dict[str, str]) -> None:
    """Refuse columns that are absent or hold something else than numbers."""
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


def check_labels(frame: nw.LazyFrame[Any], keys: list[str]) -> None:
    """Refuse columns whose values are no labels, which can't be grouped by."""
    schema = frame.collect_schema()
    for key in keys:
        found = schema[key]
        is_python = found == nw.Object and frame.implementation.is_polars()
        if found.is_nested() or is_python:
            msg = (
                f"`subgroups` ({key!r}) must hold one label a row; the table says that "
                f"it holds {found}. Convert the column."
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
