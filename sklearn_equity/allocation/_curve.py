"""How ill are people at each score? The allocation-deterioration curve."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from sklearn_equity._checks import (
    MissingPolicy,
    check_confidence_level,
    format_label,
)
from sklearn_equity._optional import build_frame
from sklearn_equity.allocation._area import degrees_of_freedom
from sklearn_equity.allocation._cohort import ScoreScale, Threshold, take_cohort
from sklearn_equity.allocation._scoring import SeverityOptions
from sklearn_equity.allocation._sides import check_windows, cut_cohort
from sklearn_equity.allocation._steps import Bounds, Direction
from sklearn_equity.allocation._windows import (
    CellSums,
    Windows,
    over_windows,
    slide_windows,
)


@dataclass(frozen=True)
class ADCurve:
    """Allocation-deterioration curves of the subgroups of a cohort.

    Parameters
    ----------
    labels : tuple
        The subgroups, one a row of the arrays below.
    allocation : ndarray of shape (n_points,)
        The scores at which the curves are evaluated.
    deterioration : ndarray of shape (n_subgroups, n_points)
        The index of the people about each score; NaN in a gap.
    std_error, ci_low, ci_high : ndarray of shape (n_subgroups, n_points)
        Its standard error and interval, point by point; NaN in a gap, and where all
        people of a window are equally ill, which leaves the error unknown.
    n : ndarray of shape (n_subgroups, n_points)
        The rows within reach of each score, in gaps too.
    covered : ndarray of shape (n_subgroups,)
        Share of the points that are no gap.
    half_width : float
        How far a window reaches to either side.
    min_rows : int
        How many rows a point needs.
    confidence_level : float
        Nominal coverage of the intervals.
    bandwidth : float
        How far the measurement was smoothed, in its unit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.allocation import allocation_deterioration_curve
    >>> score = np.linspace(0, 1, 201)
    >>> curve = allocation_deterioration_curve(
    ...     score, 100 * score, threshold=50, bounds=(0, 100), n_points=5, n_steps=1,
    ...     half_width=0.1, bandwidth=0,
    ... )
    >>> curve.to_frame()[["subgroup", "allocation", "n", "deterioration"]]
      subgroup  allocation   n  deterioration
    0      all        0.00  20            0.0
    1      all        0.25  40            0.0
    2      all        0.50  40            0.5
    3      all        0.75  40            1.0
    4      all        1.00  21            1.0
    """

    labels: tuple[Hashable, ...]
    allocation: NDArray[np.float64]
    deterioration: NDArray[np.float64]
    std_error: NDArray[np.float64]
    ci_low: NDArray[np.float64]
    ci_high: NDArray[np.float64]
    n: NDArray[np.intp]
    covered: NDArray[np.float64]
    half_width: float
    min_rows: int
    confidence_level: float
    bandwidth: float

    def to_frame(self) -> Any:
        """Return a data frame of one row a subgroup and point, gaps included."""
        names = [format_label(label) for label in self.labels]
        columns = {
            "subgroup": np.repeat(names, len(self.allocation)).tolist(),
            "allocation": np.tile(self.allocation, len(names)).tolist(),
            "n": self.n.ravel().tolist(),
            "deterioration": self.deterioration.ravel().tolist(),
            "std_error": self.std_error.ravel().tolist(),
            "ci_low": self.ci_low.ravel().tolist(),
            "ci_high": self.ci_high.ravel().tolist(),
        }
        return build_frame(columns, feature="ADCurve.to_frame()")


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


def curve_of_sums(
    labels: tuple[Hashable, ...],
    in_cells: CellSums,
    windows: Windows,
    *,
    min_rows: int,
    half_width: float,
    confidence_level: float,
    bandwidth: float,
) -> ADCurve:
    """Finish the curves of subgroups of which nothing but sums over cells is known."""
    sums = CellSums(*(over_windows(part, windows) for part in in_cells.parts()))
    present = sums.count >= min_rows
    mean, error, low, high = _mean_with_interval(sums, present, confidence_level)
    return ADCurve(
        labels=labels,
        allocation=windows.points,
        deterioration=mean,
        std_error=error,
        ci_low=low,
        ci_high=high,
        n=sums.count.astype(np.intp),
        covered=present.mean(axis=1),
        half_width=half_width,
        min_rows=min_rows,
        confidence_level=confidence_level,
        bandwidth=bandwidth,
    )


def _mean_with_interval(
    sums: CellSums, present: NDArray[np.bool_], confidence_level: float
) -> tuple[NDArray[np.float64], ...]:
    """Mean severity of each window, standard error and interval; NaN where absent."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(present, sums.severity / sums.weight, np.nan)
        n_rows = sums.weight**2 / sums.weight2
        squares = sums.square2 - 2 * mean * sums.severity2 + mean**2 * sums.weight2
        variance = squares / sums.weight**2 * n_rows / (n_rows - 1.0)
        # What is left by rounding where all are equally ill is no spread.
        error = np.sqrt(np.where(squares > 1e-14 * sums.square2, variance, np.nan))
        freedom = degrees_of_freedom(sums.square2, sums.fourth4)
        reach = stdtrit(freedom, 0.5 + confidence_level / 2) * error / mean
        return mean, error, mean * np.exp(-reach), mean * np.exp(reach)
