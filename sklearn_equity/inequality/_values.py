"""Which values count, with which weights, and how often?"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers, check_sample_weight
from sklearn_equity._tables import (
    check_names,
    columns_named,
    count_values,
    is_lazy,
)
from sklearn_equity.exceptions import DegenerateInequalityWarning

__all__ = ["check_counted", "check_values"]


Counted = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def check_values(
    values: ArrayLike, sample_weight: ArrayLike | None, data: Any = None
) -> Counted:
    """Return values scaled to at most 1, weights that sum to 1, and their rows.

    The indices do not depend on the scale; without it the sums of values near the ends
    of the floating-point range would overflow or vanish. A value of a lazy table stands
    for all rows that hold it.
    """
    x, w, n = check_counted(values, sample_weight, data)
    if (x < 0.0).any():
        msg = (
            "`values` must not be negative, or shares of a total mean nothing; got "
            f"{int(n[x < 0.0].sum())} negative values, the least {x.min():g}. For a "
            "signed quantity such as a bias, use its absolute value, or `max_gap`."
        )
        raise ValueError(msg)
    largest = x.max()
    if largest == 0.0:
        warnings.warn(
            "All `values` are 0: their inequality is reported as 0.",
            DegenerateInequalityWarning,
            stacklevel=3,
        )
        return x, w, n
    return x / largest, w, n


def check_counted(
    values: ArrayLike, sample_weight: ArrayLike | None, data: Any = None
) -> Counted:
    """Return the values of positive weight, their shares of the weight, and n."""
    rows: NDArray[Any] | None = None
    if data is not None:
        named = {"values": values, "sample_weight": sample_weight}
        if is_lazy(data):
            values, sample_weight, rows = count_values(data, **check_names(**named))
        else:
            found = columns_named(data, **named)
            values, sample_weight = found["values"], found["sample_weight"]
    x = check_numbers(values, name="values")
    weights = check_sample_weight(sample_weight, n_rows=len(x), rows_of="values")
    w = np.ones_like(x) if weights is None else weights / weights.max()
    n = np.ones_like(x) if rows is None else rows.astype(np.float64)
    w = w * n
    x, w, n = x[w > 0.0], w[w > 0.0], n[w > 0.0]
    return x, w / w.sum(), n
