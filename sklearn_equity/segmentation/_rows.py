"""What does a mixture need to know of the rows? Few bins of them, in few dimensions.

In a plane a grid holds hundreds of thousands of rows in some thousand bins. The rows of
a bin share their responsibilities, decided by the mean of their log-densities, so that
the likelihood found is never more than the true one [1]_; their spread within the bin
is kept. Where the bins prove too coarse for a mixture, finer ones follow, and the rows
themselves.

.. [1] Verbeek, Nunnink and Vlassis (2006), "Accelerated EM-based clustering of large
   data sets", Data Mining and Knowledge Discovery 13, 291-307.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.segmentation._moments import CovarianceType, Matrix, expand

# Bins along each side of the grids, by the number of columns: the coarse one, where as
# a rule the work is done, and the fine one.
_CELLS_A_SIDE = {1: (512, 4096), 2: (64, 256), 3: (24, 64)}
# So many rows, from each end of each column, lie outside the grid and stay single: the
# grid then has the width of the crowd, wherever the last few are.
_SHARE_OUTSIDE = 0.002
_ROWS_FOR_QUANTILES = 20_000
_ROWS_OF_PROBE = 10_000
_NUMBERS_AT_ONCE = 2**18  # of a block, so that it stays in the cache


@dataclass(frozen=True)
class Rows:
    """Rows of a table, or bins of rows.

    Attributes
    ----------
    centres : ndarray of shape (n_bins, n_features)
        The rows, or the mean of the rows of every bin.
    counts : ndarray of shape (n_bins,)
        Rows in every bin.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Decides which moments are kept.
    second_moments : ndarray of shape (n_features, n_features)
        The products of the rows' numbers, added up over all rows.
    averages : ndarray of shape (n_moments, n_bins) or None
        The mean of the expanded rows of every bin. None where every bin is one row.
    """

    centres: Matrix
    counts: Matrix
    covariance_type: CovarianceType
    second_moments: Matrix
    averages: Matrix | None = None

    @cached_property
    def n_rows(self) -> int:
        """Number of rows in all bins."""
        return int(self.counts.sum())

    def blocks(self, n_components: int) -> Iterator[tuple[slice, Matrix]]:
        """Give some bins at a time: where they are, and their expanded averages."""
        kind = self.covariance_type
        for block in blocks(self.centres.shape, n_components, kind):
            if self.averages is None:
                yield block, expand(self.centres[block], kind)
            else:
                yield block, self.averages[:, block]


def blocks(
    shape: tuple[int, ...], n_components: int, covariance_type: CovarianceType
) -> Iterator[slice]:
    """Cut rows into blocks whose numbers fit into a processor's cache."""
    n_rows, n_features = shape
    n_moments = n_features**2 // 2 if covariance_type == "full" else n_features
    size = max(64, _NUMBERS_AT_ONCE // max(n_components, n_moments))
    for start in range(0, n_rows, size):
        yield slice(start, start + size)


def take_rows(points: Matrix, covariance_type: CovarianceType) -> Rows:
    """Keep every row by itself."""
    return Rows(points, np.ones(len(points)), covariance_type, points.T @ points)


def bin_rows(
    points: Matrix,
    covariance_type: CovarianceType,
    bin_of: NDArray[np.intp],
) -> Rows:
    """Put rows together whose bins, numbered without gaps, are the same."""
    counts = np.bincount(bin_of).astype(np.float64)
    averages = np.stack(
        [
            np.bincount(bin_of, weights=numbers) / counts
            for numbers in expand(points, covariance_type)
        ]
    )
    centres = np.ascontiguousarray(averages[1 : 1 + points.shape[1]].T)
    return Rows(centres, counts, covariance_type, points.T @ points, averages)


def bin_on_grid(
    points: Matrix, n_cells: int, share_outside: float = _SHARE_OUTSIDE
) -> NDArray[np.intp]:
    """Number the cells of a grid that hold points, and return the one of every point.

    The grid has `n_cells` along each side. A point outside of it has a number of its
    own.
    """
    n_points, n_features = points.shape
    # A part of the points places the grid as well as all of them.
    low, high = np.quantile(
        points[:: 1 + n_points // _ROWS_FOR_QUANTILES],
        [share_outside, 1.0 - share_outside],
        axis=0,
    )
    width = np.where(high > low, high - low, 1.0)
    cells = np.floor((points - low) * (n_cells / width))
    outside = ((cells < 0) | (cells >= n_cells)).any(axis=1)
    cells[outside] = 0.0
    number = np.zeros(n_points, dtype=np.intp)
    for column in cells.T:
        number = number * n_cells + column.astype(np.intp)
    number[outside] = n_cells**n_features + np.arange(outside.sum())
    used = np.bincount(number) > 0
    return (np.cumsum(used) - 1)[number]


class Resolutions:
    """The same rows at several levels: few bins first, single rows last.

    Parameters
    ----------
    points : ndarray of shape (n_rows, n_features)
        Standardised rows.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the components may look like.
    max_rows : int or None
        The last level has at most so many rows, drawn at random.
    random_state : RandomState instance
        Draws them.
    """

    def __init__(
        self,
        points: Matrix,
        covariance_type: CovarianceType,
        max_rows: int | None,
        random_state: np.random.RandomState,
    ) -> None:
        self._points = points
        self._covariance_type = covariance_type
        self._order = random_state.permutation(len(points))
        self._max_rows = max_rows
        self._sides = list(_CELLS_A_SIDE.get(points.shape[1], ()))
        self._levels: list[tuple[Rows, NDArray[np.intp] | None]] = []

    def __iter__(self) -> Iterator[tuple[Rows, NDArray[np.intp] | None]]:
        """Give the rows of every level, and the bins of `probe` in them.

        None stands for the bins at the level of single rows. Levels are made when first
        asked for.
        """
        level = 0
        while level == 0 or self._levels[level - 1][1] is not None:
            if level == len(self._levels):
                self._levels.append(self._make_level())
            yield self._levels[level]
            level += 1

    @cached_property
    def probe(self) -> Matrix:
        """Some rows, to see what the bins hide."""
        return self._points[self._order[:_ROWS_OF_PROBE]]

    @cached_property
    def some_points(self) -> Matrix:
        """At most as many rows as may be used one by one, in their order."""
        if self._max_rows is None or len(self._points) <= self._max_rows:
            return self._points
        return self._points[np.sort(self._order[: self._max_rows])]

    def _make_level(self) -> tuple[Rows, NDArray[np.intp] | None]:
        while self._sides:
            bin_of = bin_on_grid(self._points, self._sides.pop(0))
            if bin_of.max() < 0.5 * len(bin_of):  # else the bins save next to nothing
                rows = bin_rows(self._points, self._covariance_type, bin_of)
                return rows, bin_of[self._order[:_ROWS_OF_PROBE]]
        return take_rows(self.some_points, self._covariance_type), None
