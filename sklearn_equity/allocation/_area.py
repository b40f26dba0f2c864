"""Area under a curve of mean severities, and how far each person moves it.

An area is a weighted sum of means over windows, so its influence function is closed
form, and the same for everyone in a cell but for their own severity.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity.allocation._windows import CellSums, Windows, over_windows

# Everyone in one window: the mean over a whole group is the area of a single point.
EVERYONE = Windows(
    np.zeros(1), np.array([0.0, np.inf]), np.zeros(1, np.intp), np.ones(1, np.intp)
)


@dataclass(frozen=True)
class Area:
    """An area, and its influence function w (slope F - offset) in each cell.

    Attributes
    ----------
    value : float
        The area.
    slope, offset : ndarray of shape (n_cells,)
        What a person in the cell, of weight 1 and severity F, adds to its error.
    n_rows : int
        The people on whom it rests.
    """

    value: float
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    n_rows: int

    def variance(self, sums: CellSums) -> float:
        """Sum the squared influences of all people, from sums over cells."""
        squares = (
            self.slope**2 * sums.square2
            - 2 * self.slope * self.offset * sums.severity2
            + self.offset**2 * sums.weight2
        )
        total = float(squares.sum())
        # What rounding leaves where everyone in a cell is equally ill is no spread.
        return total if total > 1e-13 * self._square(sums) else 0.0

    def freedom(self, sums: CellSums) -> float:
        """Degrees of freedom of the variance."""
        fourth = float((self.slope**4 * sums.fourth4).sum())
        return float(degrees_of_freedom(self._square(sums), fourth))

    def _square(self, sums: CellSums) -> float:
        return float((self.slope**2 * sums.square2).sum())


def degrees_of_freedom(square: ArrayLike, fourth: ArrayLike) -> NDArray[np.float64]:
    """Degrees of freedom of a variance, from sums of second and fourth powers.

    2 n / kurtosis: for shares, two for each deteriorated person, and fewer where a few
    people are much worse than the others. Powers are about 0, where most people are.
    One more keeps the coverage of a 95% interval at 94% to 96% where half a dozen
    people are deteriorated, whose kurtosis is not well known (measured).
    """
    square, fourth = np.asarray(square, float), np.asarray(fourth, float)
    ratio = np.divide(square**2, fourth, out=np.zeros_like(square), where=fourth > 0.0)
    freedom: NDArray[np.float64] = 2.0 * ratio + 1.0
    return freedom


def integrate_windows(
    sums: CellSums, windows: Windows, measure: NDArray[np.float64]
) -> Area:
    """Integrate the mean severity of one group: `measure` weighs each point."""
    inside = measure != 0.0
    weight, severity, weight2 = (
        over_windows(part[0], windows)[inside]
        for part in (sums.weight, sums.severity, sums.weight2)
    )
    mean, measure = severity / weight, measure[inside]
    # Residuals from a mean of m people are too small by (m - 1) / m on average; one
    # person alone has none, and leaves the variance unknown.
    n_effective = np.where(weight**2 > weight2, weight**2 / weight2, np.nan)
    pull = measure / weight * np.sqrt(n_effective / (n_effective - 1.0))
    runs = windows.first[inside], windows.last[inside]
    slope = _spread_over_cells(pull, runs, windows.n_cells)
    offset = _spread_over_cells(pull * mean, runs, windows.n_cells)
    covered = _spread_over_cells(np.ones_like(pull), runs, windows.n_cells) > 0.5
    return Area(float(measure @ mean), slope, offset, int(sums.count[0][covered].sum()))


def _spread_over_cells(
    values: NDArray[np.float64],
    runs: tuple[NDArray[np.intp], NDArray[np.intp]],
    n_cells: int,
) -> NDArray[np.float64]:
    """Add each window's value to all of its cells."""
    steps = np.zeros(n_cells + 1)
    np.add.at(steps, runs[0], values)
    np.add.at(steps, runs[1], -values)
    return np.cumsum(steps)[:-1]


def simpson_weights(present: NDArray[np.bool_], spacing: float) -> NDArray[np.float64]:
    """Weigh evenly spaced points so that a sum integrates each run of present ones.

    Simpson's rule; the last interval of a run with an even number of points by the
    parabola through its last three, two points by a straight line. A point without a
    neighbour spans nothing. Gaps stay gaps.
    """
    weights = np.zeros(len(present))
    ends = np.flatnonzero(np.diff(np.concatenate([[False], present, [False]])))
    for begin, end in zip(ends[::2], ends[1::2], strict=True):
        weights[begin:end] = _simpson_run(int(end - begin)) * spacing
    return weights


def _simpson_run(n_points: int) -> NDArray[np.float64]:
    if n_points == 1:
        return np.zeros(1)
    if n_points == 2:
        return np.array([0.5, 0.5])
    weights = np.zeros(n_points)
    last = n_points if n_points % 2 else n_points - 1
    weights[1:last:2] += 4 / 3
    weights[2 : last - 1 : 2] += 2 / 3
    weights[[0, last - 1]] += 1 / 3
    if last < n_points:
        weights[-3:] += np.array([-1.0, 8.0, 5.0]) / 12
    return weights


def covered_share(present: NDArray[np.bool_]) -> float:
    """Share of the range from the first point to the last that lies in runs."""
    return float((present[1:] & present[:-1]).mean())
