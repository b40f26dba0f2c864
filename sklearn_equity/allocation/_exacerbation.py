"""Does a model make worse the inequality that its data already hold?"""

from dataclasses import replace
from typing import Any, Unpack

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._numbers import check_numbers
from sklearn_equity.allocation._area import EVERYONE, Area
from sklearn_equity.allocation._cohort import (
    Cohort,
    ScoreScale,
    Threshold,
    take_cohort,
)
from sklearn_equity.allocation._comparison import (
    Inference,
    IntervalMethod,
    measure_inequality,
)
from sklearn_equity.allocation._exacerbation_result import (
    ExacerbationResult,
    weigh_change,
)
from sklearn_equity.allocation._resampling import resample_log_change
from sklearn_equity.allocation._result import closed_form_spread
from sklearn_equity.allocation._scoring import SeverityOptions
from sklearn_equity.allocation._sides import (
    CutCohort,
    Sides,
    cut_cohort,
    cut_region,
    find_sides,
    weigh_sides,
)
from sklearn_equity.allocation._steps import Bounds, Direction
from sklearn_equity.allocation._windows import CellSums, sum_cells


def exacerbation(
    allocation: ArrayLike,
    measurement: ArrayLike,
    *,
    subgroups: Any,
    compare: tuple[Any, Any],
    threshold: Threshold,
    allocated: ArrayLike | None = None,
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
    **severity: Unpack[SeverityOptions],
) -> ExacerbationResult:
    r"""Compare the inequality that a model induces with that of the data.

    0 is no change. Free of the measurement's unit. Trust no figure of fewer than 30
    people a side who were given the resource.

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
    allocated : array-like of shape (n_rows,), default=None
        Whether each person was given the resource, in the data; theirs is the data's
        inequality. None takes everyone.
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
        Nominal coverage of the intervals.
    tolerance : float, default=0.1
        How far a ratio may differ from 1, either way, for the verdict "within
        tolerance".
    min_subgroup_size : int, default=30
        With fewer rows on a side the verdict is "insufficient evidence".
    interval : {"closed_form", "bootstrap"}, default="closed_form"
        How the intervals are found, of the change and of both inequalities.
    n_resamples : int, default=1000
        Draws of the bootstrap.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap.
    n_jobs : int or None, default=None
        How many blocks of draws at once, as in joblib; the results are the same for any
        number. A block takes about half a second, and less work is done here.
    **severity
        Further options of `severity_score`: `weights`, `step`, `bandwidth`,
        `boundary`, `discrete`.

    Returns
    -------
    ExacerbationResult
        Both inequalities and the change from one to the other.

    Raises
    ------
    ValueError
        If `allocated` is not made of 0 and 1, scores lie outside 0 to 1, or another
        argument breaks its rule.

    See Also
    --------
    model_inequality : The model's inequality alone.
    dataset_inequality : The data's inequality alone.

    Notes
    -----
    With the ratios R of Definitions 2.5 and 2.4 of [1]_ it is :math:`R_{model} /
    R_{data} - 1`. The paper divides the inequalities themselves, R - 1 (`times`), which
    has no sampling distribution to speak of where the data are nearly equal. The
    interval is by the influence function of both together; the bootstrap draws the
    same people for both.

    References
    ----------
    .. [1] Wu, Wang, Sylolypavan and Wild (2022), "Quantifying Health Inequalities
       Induced by Data and AI Models", IJCAI, 5192-5198.

    Examples
    --------
    Both wards are equally ill, but the score underrates the east by .1:

    >>> import numpy as np
    >>> from sklearn_equity.allocation import exacerbation
    >>> need = np.tile(np.linspace(0, 1, 1000), 2)
    >>> ward = np.repeat(["east", "west"], 1000)
    >>> score = np.clip(need - 0.1 * (ward == "east"), 0, 1)
    >>> result = exacerbation(
    ...     score, need, subgroups=ward, compare=("east", "west"), threshold=0.5,
    ...     bounds=(0, 1), decision_threshold=0.5,
    ... )
    >>> round(result.data.estimate, 3), result.verdict
    (0.0, 'exacerbated')
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
    )
    given = _check_allocated(allocated, cohort)
    model_cut = cut_region(
        cohort,
        start=decision_threshold,
        half_width=half_width,
        min_rows=min_rows,
        n_points=n_points,
    )
    return _measure_change(model_cut, given, compare, inference, decision_threshold)


def _measure_change(
    model_cut: CutCohort,
    given: NDArray[np.bool_],
    compare: tuple[Any, Any],
    inference: Inference,
    decision_threshold: float,
) -> ExacerbationResult:
    """Measure both inequalities, and how far apart they are."""
    data_cut = cut_cohort(_take_rows(model_cut.cohort, given), EVERYONE, min_rows=1)
    model, by_model = measure_inequality(
        model_cut, compare, inference, decision_threshold
    )
    data, in_data = measure_inequality(data_cut, compare, inference, None)
    rows = find_sides(model_cut.cohort, compare)
    sides = weigh_sides(model_cut, rows), weigh_sides(data_cut, rows)
    log_change = by_model.log_ratio - in_data.log_ratio
    if inference.interval == "bootstrap" and np.isfinite(log_change):
        change = resample_log_change(model_cut, *sides, given, inference.resampling)
    else:
        change = closed_form_spread(
            log_change,
            _log_variance(model_cut, *sides, given),
            min(by_model.freedom, in_data.freedom),
            inference.confidence_level,
        )
    return weigh_change(
        change,
        model,
        data,
        tolerance=inference.tolerance,
        min_subgroup_size=inference.min_subgroup_size,
    )


def _check_allocated(allocated: ArrayLike | None, cohort: Cohort) -> NDArray[np.bool_]:
    """Return who was given the resource, among the rows that count."""
    if allocated is None:
        return np.ones(len(cohort.codes), dtype=bool)
    given = check_numbers(
        allocated, name="allocated", n_rows=len(cohort.kept), rows_of="measurement"
    )
    if not np.isin(given, (0.0, 1.0)).all():
        other = given[~np.isin(given, (0.0, 1.0))][0]
        raise ValueError(f"`allocated` must hold 0 and 1 (or booleans); got {other:g}.")
    given_to: NDArray[np.bool_] = (given == 1.0)[cohort.kept]
    return given_to


def _take_rows(cohort: Cohort, rows: NDArray[np.bool_]) -> Cohort:
    """Return some rows as a dataset, with the severities that they have."""
    weight = cohort.sample_weight
    return replace(
        cohort,
        codes=cohort.codes[rows],
        severity=cohort.severity[rows],
        allocation=None,
        sample_weight=None if weight is None else weight[rows],
    )


def _log_variance(
    model: CutCohort, by_model: Sides, in_data: Sides, given: NDArray[np.bool_]
) -> float:
    """Variance of the difference of two log ratios that share people.

    Those given the resource move both ratios, by the difference of their influences;
    all others move the model's alone.
    """
    both, alone = _split_sums(model, given), _split_sums(model, ~given)
    variance = 0.0
    for side in (0, 1):
        area, mean = by_model.areas[side], in_data.areas[side]
        if area.value <= 0.0 or mean.value <= 0.0:
            return np.nan
        own = _of_logarithm(area)
        less = _of_logarithm(mean)
        shared = replace(
            own, slope=own.slope - less.slope, offset=own.offset - less.offset
        )
        rows = by_model.rows[side]
        variance += shared.variance(both.of(rows)) + own.variance(alone.of(rows))
    return variance


def _of_logarithm(area: Area) -> Area:
    """Return an area with the influence on its logarithm."""
    return replace(area, slope=area.slope / area.value, offset=area.offset / area.value)


def _split_sums(cut: CutCohort, rows: NDArray[np.bool_]) -> CellSums:
    cohort, weight = cut.cohort, cut.cohort.sample_weight
    return sum_cells(
        cohort.codes[rows],
        cut.cells[rows],
        (len(cohort.labels), cut.windows.n_cells),
        cohort.severity[rows],
        None if weight is None else weight[rows],
    )
