"""How deteriorated is a person, and how deteriorated are people on average?

The k-step deterioration index of a group is the mean over its people of one number
each, their severity score: the weight of the step that holds their measurement, or,
where the measurement is smoothed, the weights of the steps that its kernel covers.
Everything else in this stage is a mean of that score over some rows.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers
from sklearn_equity._tables import is_lazy
from sklearn_equity.allocation._inputs import (
    check_case_weights,
    check_row_thresholds,
)
from sklearn_equity.allocation._named_columns import columns_of
from sklearn_equity.allocation._of_table import sums_of_table
from sklearn_equity.allocation._scoring import Bandwidth, Boundary, score_rows
from sklearn_equity.allocation._steps import Bounds, Direction, StepRule, WeightRule


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
    weights : {"linear", "uniform", "quadratic"}, array or callable, default="linear"
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
        smoothed. "auto" looks at the sample, and leaves values that several share
        (heaped readings, zeros, a detection limit) where they are while it smooths the
        others. A number for `bandwidth` smooths everything unless this is True.
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
    10 rows are never smoothed by a rule, nor is a value that several rows share. If
    such a value ends the sample, as a detection limit does, the others are folded back
    there. "adjusted" is what Algorithm 1 of [1]_ means
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
    case_weights = check_case_weights(sample_weight, len(values))
    return score_rows(
        values,
        threshold=check_row_thresholds(threshold, len(values)),
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
    data: Any = None,
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
    weights : {"linear", "uniform", "quadratic"}, array or callable, default="linear"
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
        smoothed; "auto" looks for them.
    normalize : bool, default=False
        Let the last step count 1.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times.
    data : data frame, default=None
        A table of any engine; `measurement`, `sample_weight` and a `threshold` of text
        then name its columns. The rows of a lazy one stay where they are, see
        `DeteriorationSums`: `bandwidth` must be a number there, 0 to count people, and
        `bounds` given.

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
    if data is not None and is_lazy(data):
        sums = sums_of_table(
            data,
            measurement=measurement,
            threshold=threshold,
            bounds=bounds,
            n_steps=n_steps,
            direction=direction,
            sample_weight=sample_weight,
            severity={
                "weights": weights,
                "step": step,
                "bandwidth": bandwidth,
                "boundary": boundary,
                "discrete": discrete,
            },
        )
        index = float(sums.index().deterioration[0, 0])
        return index / sums.rule.weights[-1] if normalize else index
    if data is not None:
        columns = columns_of(
            data,
            measurement=measurement,
            threshold=threshold,
            sample_weight=sample_weight,
        )
        measurement, threshold = columns["measurement"], columns["threshold"]
        sample_weight = columns["sample_weight"]
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
    return float(
        np.average(scores, weights=check_case_weights(sample_weight, len(scores)))
    )
