"""On which scale has a metric's range no ends?

The logarithm of an error, the logit of a share: intervals made there stay within the
range, and are nearer the truth.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sklearn_equity.fidelity._metric import Metric

__all__ = ["from_line", "pivotal_interval", "slope", "to_line"]

Vector = NDArray[np.float64]


def to_line(metric: Metric, values: Vector) -> Vector:
    """Map the metric's range to the real line, upwards."""
    low, high = metric.bounds
    on_line = np.array(values, dtype=np.float64)
    if np.isfinite(low) and np.isfinite(high):
        return np.log((on_line - low) / (high - on_line))
    if np.isfinite(low):
        return np.log(on_line - low)
    if np.isfinite(high):
        return -np.log(high - on_line)
    return on_line


def from_line(metric: Metric, on_line: Vector) -> Vector:
    """Undo `to_line`."""
    low, high = metric.bounds
    with np.errstate(over="ignore"):  # of two or three rows, an end may be infinite
        if np.isfinite(low) and np.isfinite(high):
            value: Vector = low + (high - low) * expit(on_line)
            return value
        if np.isfinite(low):
            return low + np.exp(on_line)
        if np.isfinite(high):
            return high - np.exp(-on_line)
    return on_line


def slope(metric: Metric, values: Vector) -> Vector:
    """Differentiate `to_line`."""
    low, high = metric.bounds
    rise = np.zeros_like(values)
    if np.isfinite(low):
        rise = rise + 1.0 / (values - low)
    if np.isfinite(high):
        rise = rise + 1.0 / (high - values)
    return rise if np.isfinite(low) or np.isfinite(high) else np.ones_like(values)


def pivotal_interval(
    metric: Metric, estimate: Vector, error: Vector, reach: tuple[Vector, Vector]
) -> tuple[Vector, Vector]:
    """Go as many standard errors to both sides as quantiles of the error say.

    The one formula of intervals from rows and from sums; the low quantile says how far
    the interval reaches up, and the high one how far down.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        center = to_line(metric, estimate)
        low, high = (
            from_line(metric, center - quantile * error * slope(metric, estimate))
            for quantile in reach[::-1]
        )
    return low, high
