"""In which range may a measurement lie, and in which may numbers of a computer?"""

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import to_array

Array = NDArray[np.float64]
Bounds = tuple[float | None, float | None]

_SAFE_EXPONENT = 300  # squares of numbers within 2**300 stay finite
_MOST_EXPONENT = 1000  # no value may leave the range of doubles by being scaled
_MOST_BANDWIDTH = 300  # as an exponent: a wider kernel is as flat
_PROBE_SIZE = 4096


def check_bounds(bounds: Bounds) -> tuple[float, float]:
    """Return a lower and a higher number, infinite where there is no bound."""
    if len(bounds) != 2 or not all(_is_bound(bound) for bound in bounds):
        msg = f"`bounds` must be two numbers, or None for no bound; got {bounds!r}."
        raise ValueError(msg)
    lower = -np.inf if bounds[0] is None else float(bounds[0])
    upper = np.inf if bounds[1] is None else float(bounds[1])
    if not lower < upper:
        msg = (
            "`bounds` must be a lower and a higher number, or None for no bound; "
            f"got {bounds!r}."
        )
        raise ValueError(msg)
    return lower, upper


def _is_bound(bound: object) -> bool:
    return bound is None or isinstance(bound, Real)


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


def bring_into(
    limits: tuple[float, float], values: Array, exponent: int, *, clip: bool
) -> Array:
    """Bring values into the bounds, or refuse them, and to a unit near 1."""
    if values.min() < limits[0] or values.max() > limits[1]:
        if not clip:
            raise ValueError(describe_outside(values, limits))
        values = np.clip(values, *limits)
    if exponent == 0:
        return values
    with np.errstate(over="ignore"):
        scaled = np.ldexp(values, exponent)
    if not np.isfinite(scaled).all():
        msg = (
            "`X` must be of the order of magnitude of earlier chunks; got values up to "
            f"{values.max():g}."
        )
        raise ValueError(msg)
    return scaled


def scaling_exponent(values: Array, bounds: tuple[float, float]) -> int:
    """Return the power of two that brings extreme units near 1; else 0.

    The bounds stand for the unit, because all chunks share them, unless the values are
    of another order altogether. One far outlier is not what the rest is scaled by.
    """
    known = [abs(bound) for bound in bounds if np.isfinite(bound) and bound != 0.0]
    typical = _typical_exponent(values, known)
    reference = int(np.frexp(max(known))[1]) if known else typical
    if abs(typical - reference) > 2 * _SAFE_EXPONENT:
        reference = typical
    if abs(reference) <= _SAFE_EXPONENT:
        return 0
    largest = max([*known, *np.abs([values.min(initial=0.0), values.max(initial=0.0)])])
    return min(-reference, _MOST_EXPONENT - int(np.frexp(largest)[1]))


def _typical_exponent(values: Array, known: list[float]) -> int:
    """Return the order of magnitude of the middle of some values that are not 0."""
    some = values[:: max(len(values) // _PROBE_SIZE, 1)]
    some = some[some != 0.0]
    if len(some) == 0:
        some = np.array(known or [1.0])
    return int(np.median(np.frexp(some)[1]))


def scaled_bounds(bounds: tuple[float, float], exponent: int) -> tuple[float, float]:
    """Return the bounds times a power of two."""
    return float(np.ldexp(bounds[0], exponent)), float(np.ldexp(bounds[1], exponent))


def scaled_rule(rule: str | float, exponent: int) -> str | float:
    """Return a bandwidth times a power of two; only 0 becomes 0."""
    if isinstance(rule, str) or rule == 0.0:
        return rule
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(rule, exponent)
    return float(np.clip(scaled, 2.0**-_MOST_BANDWIDTH, 2.0**_MOST_BANDWIDTH))


def check_thresholds(values: ArrayLike, name: str) -> Array:
    """Return thresholds, which may be infinite but not missing."""
    array = to_array(values, name=name, dtype=np.float64)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or np.isnan(array).any():
        msg = (
            f"`{name}` must be one-dimensional and without missing values; got shape "
            f"{array.shape} with {int(np.isnan(array).sum())} NaN."
        )
        raise ValueError(msg)
    return array
