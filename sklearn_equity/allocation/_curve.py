"""How ill are people at each score? The allocation-deterioration curve."""

from typing import Any, Unpack

from numpy.typing import ArrayLike

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._numbers import check_confidence_level
from sklearn_equity._tables import is_lazy
from sklearn_equity.allocation._cohort import ScoreScale, Threshold, take_cohort
from sklearn_equity.allocation._curve_result import ADCurve, curve_of_sums
from sklearn_equity.allocation._of_table import sums_of_table
from sklearn_equity.allocation._scoring import SeverityOptions
from sklearn_equity.allocation._sides import check_windows, cut_cohort
from sklearn_equity.allocation._steps import Bounds, Direction
from sklearn_equity.allocation._windows import slide_windows


def allocation_deterioration_curve(
    allocation: ArrayLike,
    measurement: ArrayLike,
    *,
    threshold: Threshold,
    subgroups: Any = None,
    half_width: float = 0.05,
    min_rows: int = 20,
    n_points: int = 100,
    bounds: Bounds = (None, None),
    n_steps: int = 20,
    direction: Direction = "above",
    scale: ScoreScale = None,
    sample_weight: ArrayLike | None = None,
    missing: MissingPolicy = "raise",
    confidence_level: float = 0.95,
    data: Any = None,
    **severity: Unpack[SeverityOptions],
) -> ADCurve:
    r"""Deterioration of the people about each score, for every subgroup.

    Higher is more deteriorated. Where two curves part, people with equal scores are not
    equally ill. A point rests on the people within `half_width` of it, so neighbouring
    points share most of them: read the intervals point by point.

    Parameters
    ----------
    allocation : array-like of shape (n_rows,)
        The model's score, by which a resource is allocated, from 0 to 1; see `scale`.
    measurement : array-like of shape (n_rows,)
        A clinical measurement, not an input or output of the model.
    threshold : float, mapping or array-like of shape (n_rows,)
        Where abnormal begins: for all, by subgroup (a mapping), or for each row.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes), default=None
        One label a row; several columns are combined (intersections). None makes one
        curve, of "all".
    half_width : float, default=0.05
        People with scores in [x - half_width, x + half_width) make the curve at x.
    min_rows : int, default=20
        A point needs this many rows; elsewhere the curve has a gap.
    n_points : int, default=100
        Points of the curve, evenly spaced from 0 to 1.
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the measurement. The end that deterioration runs to is
        read off the sample, with a `BoundsFromSampleWarning`, where it is not given.
    n_steps : int, default=20
        The number of steps from the threshold to the bound.
    direction : {"above", "below"}, default="above"
        Whether high or low values are the bad ones.
    scale : {"rank", "minmax", None}, default=None
        Map scores to the interval from 0 to 1: to the share of all people below them,
        or by their least and greatest value. None takes them as they are.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times; rows of weight 0 do not count.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels.
    confidence_level : float, default=0.95
        Nominal coverage of the intervals.
    data : data frame, default=None
        A table of any engine; `allocation`, `measurement`, `subgroups`, `sample_weight`
        and a `threshold` of text then name its columns. The rows of a lazy one stay
        where they are, see `DeteriorationSums`: `bandwidth` must be a number there, 0
        to count people, and `bounds` and scores from 0 to 1 given.
    **severity
        Further options of `severity_score`: `weights`, `step`, `bandwidth`,
        `boundary`, `discrete`.

    Returns
    -------
    ADCurve
        One curve a subgroup, with rows and intervals.

    Raises
    ------
    ValueError
        If scores lie outside 0 to 1, or another argument breaks its rule.

    See Also
    --------
    model_inequality : The area between two of these curves.

    Notes
    -----
    Definition 2.3, as approximated by Algorithm 2 of [1]_. A score on the edge of two
    adjoining windows is counted in the upper one alone. Intervals are by Student's law
    on the scale of logarithms. Gaps stay NaN; nothing is interpolated.

    References
    ----------
    .. [1] Wu, Wang, Sylolypavan and Wild (2022), "Quantifying Health Inequalities
       Induced by Data and AI Models", IJCAI, 5192-5198.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.allocation import allocation_deterioration_curve
    >>> score = np.tile(np.linspace(0, 1, 500), 2)
    >>> ward = np.repeat(["east", "west"], 500)
    >>> pressure = 100 + 50 * score + 10 * (ward == "east")
    >>> curve = allocation_deterioration_curve(
    ...     score, pressure, threshold=125, bounds=(0, 300), subgroups=ward,
    ...     n_points=3, n_steps=1,
    ... )
    >>> curve.labels
    ('east', 'west')
    >>> curve.deterioration.round(1)
    array([[0. , 1. , 1. ],
           [0. , 0.5, 1. ]])
    """
    check_windows(half_width, min_rows, n_points)
    check_confidence_level(confidence_level)
    if data is not None and is_lazy(data):
        return sums_of_table(
            data,
            measurement=measurement,
            allocation=allocation,
            subgroups=subgroups,
            threshold=threshold,
            bounds=bounds,
            n_steps=n_steps,
            direction=direction,
            half_width=half_width,
            n_points=n_points,
            scale=scale,
            sample_weight=sample_weight,
            missing=missing,
            severity=severity,
        ).curve(min_rows=min_rows, confidence_level=confidence_level)
    cohort = take_cohort(
        measurement,
        allocation=allocation,
        scale=scale,
        subgroups=subgroups,
        threshold=threshold,
        bounds=bounds,
        n_steps=n_steps,
        direction=direction,
        sample_weight=sample_weight,
        missing=missing,
        severity=severity,
        data=data,
    )
    cut = cut_cohort(cohort, slide_windows(0.0, n_points, half_width), min_rows)
    return curve_of_sums(
        cohort.labels,
        cut.sums,
        cut.windows,
        min_rows=min_rows,
        half_width=half_width,
        confidence_level=confidence_level,
        bandwidth=cohort.bandwidth,
    )
