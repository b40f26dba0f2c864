"""How much more deteriorated is one group than another, in a dataset or at equal score?

Both definitions are a ratio of two areas, and a dataset is the case of one window that
holds everyone. On the scale of logarithms the errors of the two sides add.
"""

from typing import Any, Unpack

from numpy.random import RandomState
from numpy.typing import ArrayLike

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._tables import is_lazy
from sklearn_equity.allocation._area import EVERYONE
from sklearn_equity.allocation._cohort import ScoreScale, Threshold, take_cohort
from sklearn_equity.allocation._comparison import (
    Inference,
    IntervalMethod,
    measure_inequality,
)
from sklearn_equity.allocation._of_table import sums_of_table
from sklearn_equity.allocation._result import InequalityResult
from sklearn_equity.allocation._scoring import SeverityOptions
from sklearn_equity.allocation._sides import (
    cut_cohort,
    cut_region,
)
from sklearn_equity.allocation._steps import Bounds, Direction


def dataset_inequality(
    measurement: ArrayLike,
    *,
    subgroups: Any,
    compare: tuple[Any, Any],
    threshold: Threshold,
    bounds: Bounds = (None, None),
    n_steps: int = 20,
    direction: Direction = "above",
    sample_weight: ArrayLike | None = None,
    missing: MissingPolicy = "raise",
    confidence_level: float = 0.95,
    tolerance: float = 0.1,
    min_subgroup_size: int = 30,
    interval: IntervalMethod = "closed_form",
    n_resamples: int = 1000,
    random_state: int | RandomState | None = None,
    n_jobs: int | None = None,
    data: Any = None,
    **severity: Unpack[SeverityOptions],
) -> InequalityResult:
    r"""Inequality of deterioration between two groups of a dataset (Definition 2.4).

    0 is equality; 0.25 means that the first subgroup is a quarter more deteriorated
    than the second, -0.2 that it is a fifth less so. Free of the measurement's unit.
    Trust no figure of fewer than 30 people a side.

    Parameters
    ----------
    measurement : array-like of shape (n_rows,)
        A clinical measurement of the people who were given the resource.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes)
        One label a row; several columns are combined (intersections).
    compare : tuple of two labels
        The subgroup in question and the one that it is compared with; None as the
        second stands for all the rest. An intersection is a tuple of labels.
    threshold : float, mapping or array-like of shape (n_rows,)
        Where abnormal begins: for all, by subgroup (a mapping), or for each row.
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the measurement. The end that deterioration runs to is
        read off the sample, with a `BoundsFromSampleWarning`, where it is not given.
    n_steps : int, default=20
        The number of steps from the threshold to the bound.
    direction : {"above", "below"}, default="above"
        Whether high or low values are the bad ones.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times; rows of weight 0 do not count.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels.
    confidence_level : float, default=0.95
        Nominal coverage of the interval.
    tolerance : float, default=0.1
        The ratio of the sides may differ from 1 by this much, either way, for the
        verdict "within tolerance".
    min_subgroup_size : int, default=30
        With fewer rows on a side the verdict is "insufficient evidence".
    interval : {"closed_form", "bootstrap"}, default="closed_form"
        How the interval is found.
    n_resamples : int, default=1000
        Draws of the bootstrap.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap.
    n_jobs : int or None, default=None
        How many blocks of draws at once, as in joblib; the results are the same for any
        number. A block takes about half a second, and less work is done here.
    data : data frame, default=None
        A table of any engine; `measurement`, `subgroups`, `sample_weight` and a
        `threshold` of text then name its columns. The rows of a lazy one stay where
        they are, see `DeteriorationSums`: `bandwidth` must be a number there, 0 to
        count people, and `bounds` given.
    **severity
        Further options of `severity_score`: `weights`, `step`, `bandwidth`,
        `boundary`, `discrete`.

    Returns
    -------
    InequalityResult
        The estimate with the rows behind it, interval, p-value and verdict.

    Raises
    ------
    ValueError
        If `compare` names no subgroup, or another argument breaks its rule.

    See Also
    --------
    model_inequality : The same at equal scores of a model.
    compare_deterioration : All subgroups at once, corrected for their number.

    Notes
    -----
    :math:`d(P_1; m) / d(P_2; m) - 1` [1]_ with the index of `deterioration_index`; one
    set of steps and one bandwidth, from the pooled rows, serve both sides. The interval
    is normal on the scale of logarithms, where the variance is the sum over both sides
    of :math:`\mathrm{var}(F) / (n d^2)`, with Student's quantiles, as in
    `model_inequality`. Nobody deteriorated on one side: no interval;
    on neither: NaN.

    References
    ----------
    .. [1] Wu, Wang, Sylolypavan and Wild (2022), "Quantifying Health Inequalities
       Induced by Data and AI Models", IJCAI, 5192-5198.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.allocation import dataset_inequality
    >>> ward = np.repeat(["east", "west"], 100)
    >>> n_conditions = np.concatenate([np.arange(100) % 6, np.arange(100) % 5])
    >>> result = dataset_inequality(
    ...     n_conditions, subgroups=ward, compare=("east", "west"), threshold=3,
    ...     bounds=(0, 17), n_steps=1,
    ... )
    >>> round(result.estimate, 3), result.verdict
    (0.225, 'insufficient evidence')
    """
    inference = Inference(
        confidence_level,
        tolerance,
        min_subgroup_size,
        interval,
        n_resamples,
        random_state,
        n_jobs,
    )
    if data is not None and is_lazy(data):
        return sums_of_table(
            data,
            measurement=measurement,
            subgroups=subgroups,
            threshold=threshold,
            bounds=bounds,
            n_steps=n_steps,
            direction=direction,
            interval=interval,
            sample_weight=sample_weight,
            missing=missing,
            severity=severity,
        ).inequality(
            compare,
            tolerance=tolerance,
            min_subgroup_size=min_subgroup_size,
            confidence_level=confidence_level,
        )
    cohort = take_cohort(
        measurement,
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
    cut = cut_cohort(cohort, EVERYONE, min_rows=1)
    return measure_inequality(cut, compare, inference, decision_threshold=None)[0]


def model_inequality(
    allocation: ArrayLike,
    measurement: ArrayLike,
    *,
    subgroups: Any,
    compare: tuple[Any, Any],
    threshold: Threshold,
    decision_threshold: float = 0.0,
    bounds: Bounds = (None, None),
    n_steps: int = 20,
    direction: Direction = "above",
    half_width: float = 0.05,
    min_rows: int = 20,
    n_points: int = 100,
    scale: ScoreScale = None,
    sample_weight: ArrayLike | None = None,
    missing: MissingPolicy = "raise",
    confidence_level: float = 0.95,
    tolerance: float = 0.1,
    min_subgroup_size: int = 30,
    interval: IntervalMethod = "closed_form",
    n_resamples: int = 1000,
    random_state: int | RandomState | None = None,
    n_jobs: int | None = None,
    data: Any = None,
    **severity: Unpack[SeverityOptions],
) -> InequalityResult:
    r"""Inequality between two groups that a model induces (Definition 2.5).

    0 is equality: people with equal scores are equally ill. 0.25 means that at equal
    score the first subgroup is a quarter more deteriorated than the second: allocation
    by this score would serve it worse. Free of the measurement's unit.

    Parameters
    ----------
    allocation : array-like of shape (n_rows,)
        The model's score, by which a resource is allocated, from 0 to 1; see `scale`.
    measurement : array-like of shape (n_rows,)
        A clinical measurement, not an input or output of the model.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes)
        One label a row; several columns are combined (intersections).
    compare : tuple of two labels
        The subgroup in question and the one that it is compared with; None as the
        second stands for all the rest. An intersection is a tuple of labels.
    threshold : float, mapping or array-like of shape (n_rows,)
        Where abnormal begins: for all, by subgroup (a mapping), or for each row.
    decision_threshold : float, default=0.0
        Where the decision region begins, on the scale of the (mapped) scores; 0 for
        the whole range.
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the measurement. The end that deterioration runs to is
        read off the sample, with a `BoundsFromSampleWarning`, where it is not given.
    n_steps : int, default=20
        The number of steps from the threshold to the bound.
    direction : {"above", "below"}, default="above"
        Whether high or low values are the bad ones.
    half_width : float, default=0.05
        People with scores in [x - half_width, x + half_width) make the curve at x.
    min_rows : int, default=20
        A point of the curve needs this many rows of each side; elsewhere is a gap.
    n_points : int, default=100
        Points of the curve over the whole range; a region has its share of them.
    scale : {"rank", "minmax", None}, default=None
        Map scores to the interval from 0 to 1: to the share of all people below them,
        or by their least and greatest value. None takes them as they are.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times; rows of weight 0 do not count.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels.
    confidence_level : float, default=0.95
        Nominal coverage of the interval.
    tolerance : float, default=0.1
        The ratio of the sides may differ from 1 by this much, either way, for the
        verdict "within tolerance".
    min_subgroup_size : int, default=30
        With fewer rows on a side the verdict is "insufficient evidence".
    interval : {"closed_form", "bootstrap"}, default="closed_form"
        How the interval is found.
    n_resamples : int, default=1000
        Draws of the bootstrap.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap.
    n_jobs : int or None, default=None
        How many blocks of draws at once, as in joblib; the results are the same for any
        number. A block takes about half a second, and less work is done here.
    data : data frame, default=None
        A table of any engine; `allocation`, `measurement`, `subgroups`, `sample_weight`
        and a `threshold` of text then name its columns. The rows of a lazy one stay
        where they are, see `DeteriorationSums`: `bandwidth` must be a number there, 0
        to count people, and `bounds` given.
    **severity
        Further options of `severity_score`: `weights`, `step`, `bandwidth`,
        `boundary`, `discrete`.

    Returns
    -------
    InequalityResult
        The estimate with the rows behind it, the share of the region that both sides
        cover, interval, p-value and verdict. NaN where they share no part of it.

    Raises
    ------
    ValueError
        If scores lie outside 0 to 1, `compare` names no subgroup, or another argument
        breaks its rule.

    See Also
    --------
    dataset_inequality : All people compared, whatever their scores.
    da_index_ratio : The ratio alone, for a scorer.
    exacerbation : This inequality against that of the data.

    Notes
    -----
    :math:`AUC(a, P_1; \tau) / AUC(a, P_2; \tau) - 1` [1]_, the areas under both A-D
    curves where the score is at least tau. Curves are integrated by Simpson's rule over
    each run of points that both sides have; a point without a neighbour spans nothing,
    and gaps are left out on both sides. The region's points begin at tau, and its first
    window reaches half a window below.

    The interval is normal on the scale of logarithms. An area is a sum of means, so the
    influence of person i on it is :math:`\psi_i = \sum_j c_j 1[i \in j] (F_i - d_j) /
    n_j` with Simpson's weights c, and its variance :math:`\sum_i \psi_i^2`: people
    whom overlapping windows share are counted as the same people. Quantiles are
    Student's, with degrees of freedom from the kurtosis of severity and Satterthwaite's
    rule: measured coverage of the nominal 95% is 94% to 96.3% from 300 rows on.

    References
    ----------
    .. [1] Wu, Wang, Sylolypavan and Wild (2022), "Quantifying Health Inequalities
       Induced by Data and AI Models", IJCAI, 5192-5198.

    Examples
    --------
    At equal score, more people of the east ward have three conditions or more:

    >>> import numpy as np
    >>> from sklearn_equity.allocation import model_inequality
    >>> ward = np.tile(["east", "west"], 1000)
    >>> score = np.repeat(np.linspace(0, 1, 1000), 2)
    >>> n_conditions = np.where(ward == "east", np.arange(2000) % 10, 0)
    >>> n_conditions = np.where(ward == "west", np.arange(2000) // 2 % 5, n_conditions)
    >>> result = model_inequality(
    ...     score, n_conditions, subgroups=ward, compare=("east", "west"), threshold=3,
    ...     bounds=(0, 17), n_steps=1,
    ... )
    >>> round(result.estimate, 2), result.covered, result.verdict
    (0.5, 1.0, 'unequal')
    """
    inference = Inference(
        confidence_level,
        tolerance,
        min_subgroup_size,
        interval,
        n_resamples,
        random_state,
        n_jobs,
    )
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
            decision_threshold=decision_threshold,
            half_width=half_width,
            n_points=n_points,
            scale=scale,
            interval=interval,
            sample_weight=sample_weight,
            missing=missing,
            severity=severity,
        ).inequality(
            compare,
            tolerance=tolerance,
            min_subgroup_size=min_subgroup_size,
            confidence_level=confidence_level,
            min_rows=min_rows,
        )
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
    cut = cut_region(
        cohort,
        start=decision_threshold,
        half_width=half_width,
        min_rows=min_rows,
        n_points=n_points,
    )
    return measure_inequality(cut, compare, inference, decision_threshold)[0]
