"""What does a curve of deterioration over allocation hold, and how do sums make it?"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sklearn_equity._label_text import format_labels
from sklearn_equity._optional import build_frame
from sklearn_equity.allocation._area import degrees_of_freedom
from sklearn_equity.allocation._windows import CellSums, Windows, over_windows


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
    n_rows : ndarray of shape (n_subgroups,)
        All rows of each subgroup, each counted once.
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
    n_rows: NDArray[np.intp]
    covered: NDArray[np.float64]
    half_width: float
    min_rows: int
    confidence_level: float
    bandwidth: float

    def to_frame(self) -> Any:
        """Return a data frame of one row a subgroup and point, gaps included."""
        names = format_labels(self.labels)
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
        n_rows=in_cells.count.sum(axis=1).astype(np.intp),
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
