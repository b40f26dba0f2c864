"""In which range may a measurement lie, and in which may numbers of a computer?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Bounds = tuple[float | None, float | None]

_SAFE_EXPONENT = 300  # squares of numbers within 2**300 stay finite


def check_bounds(bounds: Bounds) -> tuple[float, float]:
    """Return a lower and a higher number, infinite where there is no bound."""
    if len(bounds) != 2:
        raise ValueError(f"`bounds` must be two numbers; got {bounds!r}.")
    lower = -np.inf if bounds[0] is None else float(bounds[0])
    upper = np.inf if bounds[1] is None else float(bounds[1])
    if not lower < upper:
        msg = (
            "`bounds` must be a lower and a higher number, or None for no bound; "
            f"got {bounds!r}."
        )
        raise ValueError(msg)
    return lower, upper


def describe_outside(values: Array, limits: tuple[float, float]) -> str:
    """Say which values of `X` lie outside the bounds, and what can be done."""
    lower, upper = limits
    n_outside = int(((values < lower) | (values > upper)).sum())
    return (
        f"`X` must lie within `bounds`, from {lower:g} to {upper:g}; got values from "
        f"{values.min():g} to {values.max():g}, outside in {n_outside} of "
        f"{len(values)} rows. Correct the bounds, or move these rows onto them with "
        "clip=True."
    )


def scaling_exponent(ends: tuple[float, float], bounds: tuple[float, float]) -> int:
    """Return the power of two that brings extreme units near 1; else 0."""
    largest = max(abs(value) for value in (*ends, *bounds) if np.isfinite(value))
    exponent = int(np.frexp(largest)[1])
    return -exponent if abs(exponent) > _SAFE_EXPONENT else 0


def check_thresholds(values: ArrayLike, name: str) -> Array:
    """Return thresholds, which may be infinite but not missing."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or np.isnan(array).any():
        msg = (
            f"`{name}` must be one-dimensional and without missing values; got shape "
            f"{array.shape} with {int(np.isnan(array).sum())} NaN."
        )
        raise ValueError(msg)
    return array
