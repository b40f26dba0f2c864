"""Which values are bad, and how bad: the steps beyond a threshold and their weights.

A scale of steps is always laid out upwards. Where low values are the bad ones,
measurement, threshold and bounds change their sign first, which mirrors everything
exactly: a floating-point number and its negative differ in the sign bit alone.
"""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers
from sklearn_equity.allocation._inputs import as_number, check_choice
from sklearn_equity.exceptions import BoundsFromSampleWarning

Bounds = tuple[float | None, float | None]
Direction = Literal["above", "below"]
StepRule = Literal["exact", "ceil"]
WeightRule = (
    Literal["linear", "uniform", "quadratic"] | ArrayLike | Callable[[int], float]
)

_WEIGHT_POWER = {"uniform": 0, "linear": 1, "quadratic": 2}


@dataclass(frozen=True)
class Steps:
    """Steps upwards from a threshold; the last one is open.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
        The measurement, with its sign changed where low values are the bad ones.
    threshold, width : ndarray of shape (n_rows,) or float
        Where the first step of each row begins, and how long each step is (1 for a
        single step, which has no end).
    weights : ndarray of shape (n_steps,)
        What a value in each step counts.
    lower, upper : float
        The possible range as given, infinite where it was not.
    """

    values: NDArray[np.float64]
    threshold: NDArray[np.float64] | float
    width: NDArray[np.float64] | float
    weights: NDArray[np.float64]
    lower: float
    upper: float


def lay_steps(
    measurement: NDArray[np.float64],
    *,
    threshold: NDArray[np.float64] | float,
    bounds: Bounds,
    n_steps: int,
    weights: Any,
    step: StepRule,
    direction: Direction,
    normalize: bool,
) -> Steps:
    """Check the scale that a person asked for and lay it over the measurement."""
    check_choice(direction, ("above", "below"), name="direction")
    check_choice(step, ("exact", "ceil"), name="step")
    lower, upper = _check_range(bounds, measurement)
    _check_threshold_in_range(threshold, lower, upper)
    step_weights = resolve_weights(weights, n_steps)
    if normalize:
        step_weights = step_weights / step_weights[-1]
    if direction == "below":
        measurement, threshold = -measurement, -np.asarray(threshold)
        lower, upper = -upper, -lower
    width = _step_width(
        measurement, threshold, upper, len(step_weights), step, direction
    )
    return Steps(measurement, threshold, width, step_weights, lower, upper)


def _check_range(
    bounds: Bounds, measurement: NDArray[np.float64]
) -> tuple[float, float]:
    try:
        lower, upper = bounds
    except (TypeError, ValueError) as error:
        msg = (
            "`bounds` must be a pair, the least and the greatest possible measurement, "
            f"with None for an end that is not known; got {bounds!r}."
        )
        raise ValueError(msg) from error
    low = -np.inf if lower is None else as_number(lower)
    high = np.inf if upper is None else as_number(upper)
    if not low < high:  # also refuses NaN
        raise ValueError(
            f"`bounds` must be in increasing order, and numbers; got {bounds!r}."
        )
    if np.isfinite(low) and np.isfinite(high) and not np.isfinite(high - low):
        msg = "`bounds` must span less than the largest floating-point number; got "
        raise ValueError(msg + f"{bounds!r}.")
    outside = int(((measurement < low) | (measurement > high)).sum())
    if outside:
        msg = (
            f"`measurement` must lie within `bounds` {bounds!r}; got {outside} of "
            f"{len(measurement)} rows outside, from {measurement.min():g} to "
            f"{measurement.max():g}. Widen the bounds, or clip the measurement."
        )
        raise ValueError(msg)
    return low, high


def _check_threshold_in_range(
    threshold: NDArray[np.float64] | float, lower: float, upper: float
) -> None:
    least, most = np.min(threshold), np.max(threshold)
    if not (np.isfinite(least) and np.isfinite(most)):
        raise ValueError(f"`threshold` must be finite; got {threshold!r}.")
    if least < lower or most > upper:
        got = f"{least:g}" if least == most else f"{least:g} to {most:g}"
        msg = f"`threshold` must lie within `bounds` ({lower:g}, {upper:g}); got {got}."
        raise ValueError(msg)


def resolve_weights(weights: Any, n_steps: int) -> NDArray[np.float64]:
    """Return one weight a step, summing to 1."""
    if not isinstance(n_steps, int | np.integer) or n_steps < 1:
        raise ValueError(
            f"`n_steps` must be an integer of at least 1; got {n_steps!r}."
        )
    numbers = np.arange(1, n_steps + 1)
    if isinstance(weights, str):
        check_choice(weights, tuple(_WEIGHT_POWER), name="weights")
        raw = numbers.astype(np.float64) ** _WEIGHT_POWER[weights]
    elif callable(weights):
        try:
            given = [float(weights(int(i))) for i in numbers]
        except (TypeError, ValueError) as error:
            msg = f"`weights` must return a number for a step's number: {error}."
            raise ValueError(msg) from error
        raw = check_numbers(given, name="weights")
    else:
        raw = check_numbers(np.atleast_1d(weights), name="weights")
    if len(raw) != n_steps:
        msg = f"`weights` must have one value per step (`n_steps`={n_steps}); "
        raise ValueError(msg + f"got {len(raw)}.")
    if (raw < 0.0).any() or raw[-1] <= 0.0:
        msg = (
            "`weights` must not be negative, and that of the worst step must be "
            f"positive; got {raw.tolist()}."
        )
        raise ValueError(msg)
    shares: NDArray[np.float64] = raw / raw.sum()
    return shares


def _step_width(
    values: NDArray[np.float64],
    threshold: NDArray[np.float64] | float,
    upper: float,
    n_steps: int,
    step: StepRule,
    direction: Direction,
) -> NDArray[np.float64] | float:
    """Return the width of a step; `values`, `threshold`, `upper` run upwards."""
    if n_steps == 1:
        return 1.0
    if np.isinf(upper):
        upper = _upper_end_of_sample(values, direction)
    width = (upper - np.asarray(threshold)) / n_steps
    if not (width > 0.0).all():
        msg = (
            f"`threshold` must leave room for {n_steps} steps before the end of the "
            "possible range, and none is left. Give `bounds` that reach beyond it, or "
            "n_steps=1 for the probability alone."
        )
        raise ValueError(msg)
    return np.ceil(width) if step == "ceil" else width


def _upper_end_of_sample(values: NDArray[np.float64], direction: Direction) -> float:
    end = float(values.max())
    which, read = ("upper", end) if direction == "above" else ("lower", -end)
    msg = (
        f"The {which} end of the possible range was read off the sample ({read:g}): "
        "one extreme row moves every step. Give `bounds`."
    )
    warnings.warn(msg, BoundsFromSampleWarning, stacklevel=_level_of_caller())
    return end


def _level_of_caller() -> int:
    """Return the stack level, seen from our caller, of the first line not of ours."""
    frame, level = inspect.currentframe(), 0
    while frame and frame.f_globals.get("__name__", "").startswith("sklearn_equity."):
        frame, level = frame.f_back, level + 1
    return level
