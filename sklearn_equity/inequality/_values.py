"""Which values count, with which weights?"""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import check_numbers, check_sample_weight
from sklearn_equity.exceptions import DegenerateInequalityWarning

__all__ = ["check_counted", "check_values"]


def check_values(
    values: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values scaled to at most 1, and weights that sum to 1.

    The indices do not depend on the scale; without it the sums of values near the ends
    of the floating-point range would overflow or vanish.
    """
    x, w = check_counted(values, sample_weight)
    if (x < 0.0).any():
        msg = (
            "`values` must not be negative, or shares of a total mean nothing; got "
            f"{int((x < 0.0).sum())} negative values, the least {x.min():g}. For a "
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
        return x, w
    return x / largest, w


def check_counted(
    values: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values with a positive weight, and their weights, which sum to 1."""
    x = check_numbers(values, name="values")
    weights = check_sample_weight(sample_weight, n_rows=len(x), rows_of="values")
    w = np.ones_like(x) if weights is None else weights / weights.max()
    x, w = x[w > 0.0], w[w > 0.0]
    return x, w / w.sum()
