"""How deteriorated is a person, and how deteriorated are people on average?

The k-step deterioration index of a group is the mean over its people of one number
each, their severity score: the weight of the step that holds their measurement, or,
where the measurement is smoothed, the weights of the steps that its kernel covers.
Everything else in this stage is a mean of that score over some rows.
"""

from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from sklearn_equity._checks import check_numbers, check_sample_weight
from sklearn_equity.allocation._steps import (
    Bounds,
    Direction,
    StepRule,
    Steps,
    WeightRule,
    check_choice,
    lay_steps,
)
from sklearn_equity.density import is_discrete, select_bandwidth

Bandwidth = Literal["cdf", "isj", "silverman", "scott", "cv"] | float
Boundary = Literal["reflect", "adjusted", "none"]


class SeverityOptions(TypedDict, total=False):
    """The options of `severity_score` that a comparison hands on as they are."""

    weights: WeightRule
    step: StepRule
    bandwidth: Bandwidth
    boundary: Boundary
    discrete: bool | Literal["auto"]


# A normal kernel has less than 1e-16 of its mass beyond this many bandwidths.
_KERNEL_REACH = 8.3
# Of fewer rows no rule can tell the spread from noise: they stay points.
_MIN_ROWS_TO_SMOOTH = 10
_CHUNK = 1 << 15  # rows that stay in the cache together


def severity_score(
    measurement: ArrayLike,
    *,
    threshold: ArrayLike,
    bounds: Bounds = (None, None),
    n_steps: int = 20,
    weights: WeightRule = "linear",
    step: StepRule = "exact",
    direction: Direction = "above",
    bandwidth: Bandwidth = "cdf",
    boundary: Boundary = "reflect",
    discrete: bool | Literal["auto"] = "auto",
    normalize: bool = False,
    sample_weight: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""How far each measurement lies beyond what is normal, one number a person.

    Higher is more deteriorated: 0 for a normal measurement (one that no kernel carries
    over the threshold), and the weight of the last step at the end of the possible
    range. Free of the measurement's unit. The mean over a group is its deterioration
    index, so weights, merging and intersections of groups are plain averages of it.

    Parameters
    ----------
    measurement : array-like of shape (n_rows,)
        A clinical measurement, in any unit.
    threshold : float or array-like of shape (n_rows,)
        Where abnormal begins; a value at the threshold is abnormal. One a row where
        what is normal differs between people.
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the measurement. Steps run from the threshold to its
        upper end (its lower end for "below"), which is read off the sample, with a
        `BoundsFromSampleWarning`, where it is not given.
    n_steps : int, default=20
        The number of steps. With 1 the score tells whether a measurement is abnormal.
    weights : {"linear", "uniform", "quadratic"}, array-like or callable, \
            default="linear"
        What each step counts, mildest first: proportional to its number, the same for
        all, or proportional to the number's square; or the weights themselves, or a
        function of the step's number from 1 on. They are scaled to sum to 1.
    step : {"exact", "ceil"}, default="exact"
        The width of a step: an equal share of the way from threshold to bound, or that
        share rounded up to a whole number of units, as published, which depends on the
        unit and breaks for measurements between 0 and 1.
    direction : {"above", "below"}, default="above"
        Whether high or low values are the bad ones. The two are exact mirror images.
    bandwidth : {"cdf", "isj", "silverman", "scott", "cv"} or float, default="cdf"
        How far a measurement is smoothed: a rule, or a number in its unit, 0 for none.
        The default rule, half the spread times n**(-1/3), suits probabilities; those
        meant for drawing densities smooth more.
    boundary : {"reflect", "adjusted", "none"}, default="reflect"
        What happens to the part of a kernel beyond a given bound: folded back into the
        range; counted only where the bound is itself a threshold, as published; lost
        below the range.
    discrete : bool or "auto", default="auto"
        Whether measurements are counts or readings on a coarse scale, which are not
        smoothed. "auto" looks at the sample. A number for `bandwidth` is obeyed unless
        this is True.
    normalize : bool, default=False
        Let the last step count 1, so that a group all of whose people are at the end
        of the range has an index of 1. Ratios between groups do not change.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times where the bandwidth is chosen.

    Returns
    -------
    ndarray of shape (n_rows,)
        The scores, from 0 to the largest weight.

    Raises
    ------
    ValueError
        If a measurement is missing, infinite or outside `bounds`, the threshold leaves
        no room for steps, or an option is none of those listed.

    See Also
    --------
    deterioration_index : The mean of these scores.

    Notes
    -----
    With steps from :math:`e_0 = t` to :math:`e_k = \infty`, weights :math:`w_j` and the
    distribution function C(. ; m) of a normal kernel at m with standard deviation h,
    :math:`F(m) = \sum_j w_j [C(e_j; m) - C(e_{j-1}; m)]`, which makes the mean of F
    the index of Definition 2.2 of [1]_ under a kernel density estimate with bandwidth
    h, without a grid. With h = 0 it is the weight of the step that holds m.

    Steps are closed below and open above, and the last is open-ended: as printed, the
    definition loses the people at the very end of the range. A measurement within
    rounding of a step's edge is at the edge, so that 0.3 and 3 * 0.1 agree. Fewer than
    10 rows are never smoothed by a rule. "adjusted" is what Algorithm 1 of [1]_ means
    to do; as printed, it never moves a threshold that is a bound.

    References
    ----------
    .. [1] Wu, Wang, Sylolypavan and Wild (2022), "Quantifying Health Inequalities
       Induced by Data and AI Models", IJCAI, 5192-5198.

    Examples
    --------
    Creatinine of three men, normal up to 1.35 mg/dL, in two steps:

    >>> from sklearn_equity.allocation import severity_score
    >>> severity_score(
    ...     [0.8, 1.36, 10.0], threshold=1.35, bounds=(0, 10), n_steps=2,
    ...     weights=[0.3, 0.7],
    ... )
    array([0. , 0.3, 0.7])
    """
    values = check_numbers(measurement, name="measurement")
    case_weights = check_sample_weight(
        sample_weight, n_rows=len(values), rows_of="measurement"
    )
    return score_rows(
        values,
        threshold=check_thresholds(threshold, len(values)),
        bounds=bounds,
        n_steps=n_steps,
        weights=weights,
        step=step,
        direction=direction,
        bandwidth=bandwidth,
        boundary=boundary,
        discrete=discrete,
        normalize=normalize,
        sample_weight=case_weights,
    )[0]


def deterioration_index(
    measurement: ArrayLike,
    *,
    threshold: ArrayLike,
    bounds: Bounds = (None, None),
    n_steps: int = 20,
    weights: WeightRule = "linear",
    step: StepRule = "exact",
    direction: Direction = "above",
    bandwidth: Bandwidth = "cdf",
    boundary: Boundary = "reflect",
    discrete: bool | Literal["auto"] = "auto",
    normalize: bool = False,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Deterioration index of a group: its probability beyond k-step cut-offs.

    Higher is more deteriorated: 0 when all measurements are normal; the weight of the
    last step, 2 / (n_steps + 1) by default or 1 if `normalize`, when all lie at the end
    of the possible range. Free of the measurement's unit. With `n_steps` 1 it is the
    probability of an abnormal measurement. Its standard error is that of a mean, so
    compare groups of fewer than 30 people with care.

    Parameters
    ----------
    measurement : array-like of shape (n_rows,)
        A clinical measurement, in any unit.
    threshold : float or array-like of shape (n_rows,)
        Where abnormal begins; a value at the threshold is abnormal. One a row where
        what is normal differs between people.
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the measurement. Steps run from the threshold to its
        upper end (its lower end for "below"), which is read off the sample, with a
        `BoundsFromSampleWarning`, where it is not given.
    n_steps : int, default=20
        The number of steps.
    weights : {"linear", "uniform", "quadratic"}, array-like or callable, \
            default="linear"
        What each step counts, mildest first; scaled to sum to 1.
    step : {"exact", "ceil"}, default="exact"
        The width of a step: an equal share of the way from threshold to bound, or that
        share rounded up to a whole number of units, as published.
    direction : {"above", "below"}, default="above"
        Whether high or low values are the bad ones.
    bandwidth : {"cdf", "isj", "silverman", "scott", "cv"} or float, default="cdf"
        How far measurements are smoothed: a rule, or a number in their unit, 0 for
        none.
    boundary : {"reflect", "adjusted", "none"}, default="reflect"
        What happens to the part of a kernel beyond a given bound.
    discrete : bool or "auto", default="auto"
        Whether measurements are counts or readings on a coarse scale, which are not
        smoothed.
    normalize : bool, default=False
        Let the last step count 1.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times.

    Returns
    -------
    float
        The index, 0 or more.

    Raises
    ------
    ValueError
        If a measurement is missing, infinite or outside `bounds`, the threshold leaves
        no room for steps, or an option is none of those listed.

    See Also
    --------
    severity_score : The scores whose mean this is, with every option explained.
    dataset_inequality : Two groups' indices compared, with an interval.

    Notes
    -----
    Definitions 2.1 (`n_steps` 1) and 2.2 of [1]_: :math:`\sum_{i=1}^k w(i) \Pr(t +
    (i - 1) \delta \le M < t + i \delta)` with :math:`\sum w(i) = 1`, computed as the
    mean of `severity_score`.

    References
    ----------
    .. [1] Wu, Wang, Sylolypavan and Wild (2022), "Quantifying Health Inequalities
       Induced by Data and AI Models", IJCAI, 5192-5198.

    Examples
    --------
    One abnormal reading of creatinine in three, mild in one group, grave in the other:

    >>> from sklearn_equity.allocation import deterioration_index
    >>> two_steps = {"threshold": 1.35, "bounds": (0, 10), "n_steps": 2}
    >>> for reading in (1.36, 10.0):
    ...     index = deterioration_index(
    ...         [0.8, 0.78, reading], weights=[0.3, 0.7], **two_steps
    ...     )
    ...     print(round(index, 4))
    0.1
    0.2333
    """
    scores = severity_score(
        measurement,
        threshold=threshold,
        bounds=bounds,
        n_steps=n_steps,
        weights=weights,
        step=step,
        direction=direction,
        bandwidth=bandwidth,
        boundary=boundary,
        discrete=discrete,
        normalize=normalize,
        sample_weight=sample_weight,
    )
    if sample_weight is None:
        return float(scores.mean())
    return float(np.average(scores, weights=np.asarray(sample_weight, np.float64)))


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
    h = _resolve_bandwidth(values, bandwidth, discrete, bounds, sample_weight)
    scores = _score_points(steps) if h == 0.0 else _score_kernels(steps, h, boundary)
    return scores, h


def check_thresholds(threshold: ArrayLike, n_rows: int) -> NDArray[np.float64] | float:
    """Return one threshold for all, or one a row."""
    if np.ndim(threshold) == 0:
        return float(check_numbers(np.reshape(threshold, 1), name="threshold")[0])
    return check_numbers(
        threshold, name="threshold", n_rows=n_rows, rows_of="measurement"
    )


def _resolve_bandwidth(
    values: NDArray[np.float64],
    bandwidth: Any,
    discrete: Any,
    bounds: Bounds,
    sample_weight: NDArray[np.float64] | None,
) -> float:
    if discrete is True:
        return 0.0
    if not isinstance(bandwidth, str):
        return _check_bandwidth(bandwidth)
    check_choice(
        bandwidth, ("cdf", "isj", "silverman", "scott", "cv"), name="bandwidth"
    )
    if len(values) < _MIN_ROWS_TO_SMOOTH:
        return 0.0
    if discrete == "auto" and is_discrete(values, sample_weight):
        return 0.0
    return select_bandwidth(
        values, bandwidth, bounds=bounds, sample_weight=sample_weight
    )


def _check_bandwidth(bandwidth: Any) -> float:
    try:
        h = float(bandwidth)
    except (TypeError, ValueError):
        h = np.nan
    if not (np.isfinite(h) and h >= 0.0):
        msg = (
            "`bandwidth` must be the name of a rule or a number from 0 on, in the unit "
            f"of the measurement; got {bandwidth!r}."
        )
        raise ValueError(msg)
    return h


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
    lower, upper = steps.lower, steps.upper
    if boundary != "reflect":
        scores = _sum_over_edges(steps.values, steps, h)
        if boundary == "adjusted":
            everyone = np.asarray(steps.threshold) <= lower
            first = steps.weights[0] * ndtr(-(steps.values - steps.threshold) / h)
            scores += np.where(everyone, first, 0.0)
        return scores
    scores = np.zeros_like(steps.values)
    for sign, shift in _mirror_images(lower, upper, h):
        scores += _sum_over_edges(sign * steps.values + shift, steps, h, upper=upper)
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
    turns = range(-n_turns, n_turns + 1)
    return [
        (sign, shift + 2 * turn * length)
        for turn in turns
        for sign, shift in ((1.0, 0.0), (-1.0, 2 * lower))
    ]


def _sum_over_edges(
    x: NDArray[np.float64], steps: Steps, h: float, *, upper: float = np.inf
) -> NDArray[np.float64]:
    """Sum, over the edges, what a kernel at x has between the edge and `upper`."""
    sums = np.zeros_like(x)
    reach = _KERNEL_REACH * h
    threshold, width = (np.asarray(part) for part in (steps.threshold, steps.width))
    if x.max() <= threshold.min() - reach or x.min() >= upper + reach:
        return sums
    touched = np.flatnonzero((x > threshold - reach) & (x < upper + reach))
    n_near = min(2 * int(np.ceil(reach / width.min())) + 1, len(steps.weights))
    for start in range(0, len(touched), _CHUNK):
        rows = touched[start : start + _CHUNK]
        sums[rows] = _sum_over_near_edges(
            x[rows],
            threshold[rows] if threshold.ndim else threshold,
            width[rows] if width.ndim else width,
            steps.weights,
            h,
            n_near,
            upper,
        )
    return sums


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
    beyond = ndtr((x - upper) / h) if np.isfinite(upper) else 0.0
    nearest = np.rint((x - threshold) / width)
    first = np.clip(nearest - n_near // 2, 0, len(weights) - n_near).astype(np.intp)
    total = before[first] * (1.0 - beyond)
    for number in range(n_near):
        edge = first + number
        inside = ndtr((x - (threshold + edge * width)) / h) - beyond
        total += rises[edge] * np.maximum(inside, 0.0)
    return total
