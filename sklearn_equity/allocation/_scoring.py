"""How severe is each row, once it is known to be clean?"""

from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from sklearn_equity.allocation._inputs import as_number, check_choice
from sklearn_equity.allocation._points import find_points, leave_points_out
from sklearn_equity.allocation._steps import (
    Bounds,
    StepRule,
    Steps,
    WeightRule,
    lay_steps,
)
from sklearn_equity.density import select_bandwidth

Bandwidth = Literal["cdf", "isj", "silverman", "scott", "cv"] | float
Boundary = Literal["reflect", "adjusted", "none"]

_BANDWIDTH_RULES = ("cdf", "isj", "silverman", "scott", "cv")
# A normal kernel has less than 1e-16 of its mass beyond this many bandwidths.
_KERNEL_REACH = 8.3
_CHUNK = 1 << 15  # rows that stay in the cache together


class SeverityOptions(TypedDict, total=False):
    """The options of `severity_score` that a comparison hands on as they are."""

    weights: WeightRule
    step: StepRule
    bandwidth: Bandwidth
    boundary: Boundary
    discrete: bool | Literal["auto"]


def score_rows(
    values: NDArray[np.float64],
    *,
    threshold: NDArray[np.float64] | float,
    bandwidth: Any,
    boundary: Boundary,
    discrete: bool | Literal["auto"],
    sample_weight: NDArray[np.float64] | None,
    bounds: Bounds,
    **scale: Any,
) -> tuple[NDArray[np.float64], float]:
    """Return the severity of clean rows, and the bandwidth that smoothed them."""
    check_choice(boundary, ("reflect", "adjusted", "none"), name="boundary")
    check_choice(discrete, (True, False, "auto"), name="discrete")
    steps = lay_steps(values, threshold=threshold, bounds=bounds, **scale)
    _check_smoothing(bandwidth)
    is_point = _find_points(steps, bandwidth, discrete, sample_weight)
    if is_point.all():
        return _score_points(steps), 0.0
    rest = leave_points_out(steps, is_point)
    if sample_weight is not None:
        sample_weight = sample_weight[~is_point]
    h = _resolve_bandwidth(rest, bandwidth, sample_weight)
    if h == 0.0:
        return _score_points(steps), h
    smoothed = _score_kernels(rest, h, boundary)
    if not is_point.any():
        return smoothed, h
    scores = _score_points(steps)
    scores[~is_point] = smoothed
    return scores, h


def _find_points(
    steps: Steps,
    bandwidth: Any,
    discrete: Any,
    sample_weight: NDArray[np.float64] | None,
) -> NDArray[np.bool_]:
    """Look for tied rows, but where a person has said what is to be smoothed."""
    if discrete == "auto" and isinstance(bandwidth, str):
        return find_points(steps.values, sample_weight)
    return np.full(len(steps.values), discrete is True)


def _resolve_bandwidth(
    steps: Steps, bandwidth: Any, sample_weight: NDArray[np.float64] | None
) -> float:
    if not isinstance(bandwidth, str):
        return float(bandwidth)
    given = tuple(
        end if np.isfinite(end) else None for end in (steps.lower, steps.upper)
    )
    return select_bandwidth(
        steps.values,
        bandwidth,
        bounds=(given[0], given[1]),
        sample_weight=sample_weight,
    )


def _check_smoothing(bandwidth: Any) -> None:
    if isinstance(bandwidth, str):
        check_choice(bandwidth, _BANDWIDTH_RULES, name="bandwidth")
        return
    if not 0.0 <= as_number(bandwidth) < np.inf:
        msg = (
            "`bandwidth` must be the name of a rule or a number from 0 on, in the unit "
            f"of the measurement; got {bandwidth!r}."
        )
        raise ValueError(msg)


# ---------------------------------------------------------------------------------
# The score of clean rows
# ---------------------------------------------------------------------------------
def _score_points(steps: Steps) -> NDArray[np.float64]:
    """Weigh each value by the step that holds it."""
    excess = steps.values - steps.threshold
    # A few roundings' room puts 0.3 on the edge at 3 * 0.1, whatever the unit.
    excess += (
        8
        * np.finfo(float).eps
        * np.maximum(np.abs(steps.values), np.abs(steps.threshold))
    )
    number = np.floor(excess / steps.width)
    number = np.clip(number, -1, len(steps.weights) - 1).astype(np.intp)
    return np.append(steps.weights, 0.0)[number]


def _score_kernels(steps: Steps, h: float, boundary: Boundary) -> NDArray[np.float64]:
    """Weigh a kernel at each value by the steps that it covers.

    F rises by the difference of two weights at each step's edge, so it is a sum of
    normal distribution functions, one an edge. Folding at the bounds adds the same sum
    at the mirror images of the value.
    """
    scores = np.zeros_like(steps.values)
    if boundary == "reflect":
        h = min(h, 3 * (steps.upper - steps.lower))  # from there on it is all flat
        for image in _mirror_images(steps.lower, steps.upper, h):
            _add_kernels(scores, steps, h, image, upper=steps.upper)
        return scores
    _add_kernels(scores, steps, h, (1.0, 0.0), upper=np.inf)
    if boundary == "adjusted":
        everyone = np.asarray(steps.threshold) <= steps.lower
        first = steps.weights[0] * ndtr(-(steps.values - steps.threshold) / h)
        scores += np.where(everyone, first, 0.0)
    return scores


def _mirror_images(lower: float, upper: float, h: float) -> list[tuple[float, float]]:
    """List the images sign * m + shift of a value m that reach into the range."""
    if np.isinf(lower) and np.isinf(upper):
        return [(1.0, 0.0)]
    if np.isinf(upper):
        return [(1.0, 0.0), (-1.0, 2 * lower)]
    if np.isinf(lower):
        return [(1.0, 0.0), (-1.0, 2 * upper)]
    length = upper - lower
    n_turns = int(np.ceil(_KERNEL_REACH * h / (2 * length)))
    return [
        (sign, shift + 2 * turn * length)
        for turn in range(-n_turns, n_turns + 1)
        for sign, shift in ((1.0, 0.0), (-1.0, 2 * lower))
    ]


def _add_kernels(
    scores: NDArray[np.float64],
    steps: Steps,
    h: float,
    image: tuple[float, float],
    *,
    upper: float,
) -> None:
    """Add, for each row, what a kernel at its image has in each step up to `upper`."""
    sign, shift = image
    reach = _KERNEL_REACH * h
    threshold, width = (np.asarray(part) for part in (steps.threshold, steps.width))
    ends = (sign * end + shift for end in (steps.values.min(), steps.values.max()))
    low, high = sorted(ends)
    if high <= threshold.min() - reach or low >= upper + reach:
        return
    x = steps.values if image == (1.0, 0.0) else sign * steps.values + shift
    touched = np.flatnonzero((x > threshold - reach) & (x < upper + reach))
    n_near = min(2 * int(np.ceil(reach / width.min())) + 1, len(steps.weights))
    for start in range(0, len(touched), _CHUNK):
        rows = touched[start : start + _CHUNK]
        scores[rows] += _sum_over_near_edges(
            x[rows],
            threshold[rows] if threshold.ndim else threshold,
            width[rows] if width.ndim else width,
            steps.weights,
            h,
            n_near,
            upper,
        )


def _sum_over_near_edges(
    x: NDArray[np.float64],
    threshold: NDArray[np.float64],
    width: NDArray[np.float64],
    weights: NDArray[np.float64],
    h: float,
    n_near: int,
    upper: float,
) -> NDArray[np.float64]:
    """Evaluate the kernel at the `n_near` edges about x: others are far below or above.

    Where the range ends before the last step begins (rounded-up steps), an edge beyond
    `upper` has nothing between itself and `upper`, and adds 0.
    """
    before = np.concatenate([[0.0], weights[:-1]])
    rises = weights - before
    with np.errstate(over="ignore"):  # with hardly any bandwidth it is all or nothing
        beyond = ndtr((x - upper) / h) if np.isfinite(upper) else 0.0
    nearest = np.rint((x - threshold) / width)
    first = np.clip(nearest - n_near // 2, 0, len(weights) - n_near).astype(np.intp)
    total: NDArray[np.float64] = before[first] * (1.0 - beyond)
    for number in range(n_near):
        edge = first + number
        with np.errstate(over="ignore"):
            inside = ndtr((x - (threshold + edge * width)) / h) - beyond
        total += rises[edge] * np.maximum(inside, 0.0)
    return total
