"""How does an engine add up columns and their products, label by label?"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

__all__ = ["Aggregate", "GroupedSums", "grouped_sums"]

# What is wanted of a group besides sums: an expression, and how it is summed up.
Aggregate = tuple[nw.Expr, Literal["count", "max", "min", "sum"]]


@dataclass(frozen=True)
class GroupedSums:
    """What came back from an engine, one entry a combination of labels.

    Attributes
    ----------
    labels : list of tuple
        The combinations that occur, in no order.
    n : ndarray of shape (n_groups,)
        Their rows.
    sums : ndarray of shape (n_groups, n_columns)
        The sums of the columns; the first holds 1, or the weights.
    products : ndarray of shape (n_groups, n_columns, n_columns)
        The sums of their products.
    also : dict of str to ndarray of shape (n_groups,)
        What else was asked for; NaN for what has no value.
    origin : ndarray of shape (n_groups, n_columns)
        What was taken off every number before it was summed.
    """

    labels: list[tuple[Hashable, ...]]
    n: NDArray[np.int64]
    sums: NDArray[np.float64]
    products: NDArray[np.float64]
    also: dict[str, NDArray[np.float64]]
    origin: NDArray[np.float64]


def grouped_sums(
    frame: nw.LazyFrame[Any],
    columns: Sequence[nw.Expr],
    by: Sequence[nw.Expr],
    *,
    weight: nw.Expr | None = None,
    also: Mapping[str, Aggregate] | None = None,
    widths: Mapping[int, float] | None = None,
) -> GroupedSums:
    """Have an engine group and sum, in one pass; only the sums come back.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table.
    columns : sequence of nw.Expr
        The numbers to sum.
    by : sequence of nw.Expr
        The labels.
    weight : nw.Expr or None
        Multiplies the numbers.
    also : mapping of str to (nw.Expr, str)
        What else is wanted of every group.
    widths : mapping of int to float
        Of some columns, whose powers of two these are, groups are divided by stretches
        of so many units, and numbers are taken from the middle of their stretch: what
        is left of them is exact. Column 0 is that of the weights.
    """
    also, widths = also or {}, widths or {}
    keys = [key.alias(f"k{j}") for j, key in enumerate(by)]
    units = [
        (column if weight is None else column * weight).alias(f"u{i}")
        for i, column in enumerate(columns, start=1)
    ]
    start = 1 if weight is None else 0
    if weight is not None:
        units.insert(0, weight.alias("u0"))
    more = [expression.alias(name) for name, (expression, _) in also.items()]
    numbers = range(start, len(columns) + 1)
    pairs = [(i, j) for i in numbers for j in numbers if i <= j]
    # Some engines sum columns alone, not expressions.
    rows = frame.select(*keys, *units, *more)
    if widths:
        rows = rows.with_columns(
            *(
                (nw.col(f"u{i}") / width + 0.5).floor().alias(f"b{i}")
                for i, width in widths.items()
            )
        ).with_columns(
            *(nw.col(f"u{i}") - nw.col(f"b{i}") * width for i, width in widths.items())
        )
    rows = rows.with_columns(
        *((nw.col(f"u{i}") * nw.col(f"u{j}")).alias(f"v{i}_{j}") for i, j in pairs)
    )
    found = (
        rows.group_by(*(f"k{j}" for j in range(len(by))), *(f"b{i}" for i in widths))
        .agg(
            nw.len().alias("n"),
            *(nw.col(f"u{i}").sum().alias(f"s{i}") for i in numbers),
            *(nw.col(f"v{i}_{j}").sum().alias(f"p{i}_{j}") for i, j in pairs),
            *(
                getattr(nw.col(name), kind)().alias(f"also {name}")
                for name, (_, kind) in also.items()
            ),
        )
        .collect()
    )
    return _read(found, len(by), len(columns) + 1, start, list(also), widths)


def _read(
    found: nw.DataFrame[Any],
    n_keys: int,
    k: int,
    start: int,
    also: list[str],
    widths: Mapping[int, float],
) -> GroupedSums:
    """Take the columns of the engine's answer apart."""
    n = found["n"].to_numpy().astype(np.int64)

    def take(name: str) -> NDArray[np.float64]:
        return found[name].cast(nw.Float64).to_numpy().astype(np.float64)

    sums = np.empty((len(n), k))
    products = np.empty((len(n), k, k))
    for i in range(k):
        sums[:, i] = take(f"s{i}") if i >= start else n
        for j in range(i, k):
            if i >= start:
                column = take(f"p{i}_{j}")
            else:  # products with ones are the sums
                column = sums[:, 0] if j == 0 else take(f"s{j}")
            products[:, i, j] = products[:, j, i] = column
    origin = np.zeros((len(n), k))
    for i, width in widths.items():
        origin[:, i] = take(f"b{i}") * width
    labels = zip(*(found[f"k{j}"].to_list() for j in range(n_keys)), strict=True)
    return GroupedSums(
        list(labels),
        n,
        sums,
        products,
        {name: take(f"also {name}") for name in also},
        origin,
    )
