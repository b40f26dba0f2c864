"""How well apart do the components of many mixtures lie, over the same rows?

Distances do not depend on the mixture: they are measured once, between bins of rows
where the rows have few columns, and a mixture only adds them up.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances
from sklearn.mixture import GaussianMixture

from sklearn_equity.segmentation._mixture import components_of
from sklearn_equity.segmentation._moments import Matrix
from sklearn_equity.segmentation._rows import bin_on_grid, bin_rows

# The silhouette of so many rows is found row by row; it errs by about .01.
_MOST_ROWS = 4000
# Cells along each side of a grid whose cells have one label each.
_CELLS_OF_LABELS = {1: 4096, 2: 128, 3: 40}
# Cells along each side of two grids, within whose cells rows share their distances.
_CELLS_OF_DISTANCES = {1: (1024, 2048), 2: (40, 56), 3: (10, 14)}
# The cells are narrow where rows are dense: by so much more does the rank of a number
# count than the number itself.
_WEIGHT_OF_RANKS = 3.0
_SHARE_OUTSIDE = 0.0005  # fewer than for a mixture: every row outside has distances
# Mean distance of two rows of a bin, by its root mean squared distance from the centre:
# two uniform draws along a line, in a square, in a cube.
_DISTANCE_WITHIN = {1: 1.155, 2: 1.277, 3: 1.323}


class Silhouettes:
    """Mean silhouettes of mixtures over the same points.

    Parameters
    ----------
    points : ndarray of shape (n_rows, n_features)
        Standardised rows.
    random_state : RandomState instance
        Draws rows where they are too many to measure all distances, and in more columns
        than bins are made for.
    """

    def __init__(self, points: Matrix, random_state: np.random.RandomState) -> None:
        n_rows, n_features = points.shape
        sides = _CELLS_OF_DISTANCES.get(n_features)
        if n_rows <= _MOST_ROWS or sides is None:
            points = points[random_state.permutation(n_rows)[:_MOST_ROWS]]
            self._cell_of, self._cells = np.arange(len(points)), points
            self._distances = [_Distances(points)]
        else:
            even = _even_out(points)
            self._cell_of = bin_on_grid(even, _CELLS_OF_LABELS[n_features])
            self._cells = bin_rows(points, "tied", self._cell_of).centres
            self._distances = [
                _Distances(points, bin_on_grid(even, side, _SHARE_OUTSIDE))
                for side in sides
            ]
            self._refinement = sides[1] / sides[0]

    def score(self, mixture: GaussianMixture) -> float:
        """Mean silhouette of the components; NaN if one holds all rows, or each one."""
        components = components_of(mixture, self._cells)
        found, labels = np.unique(components, return_inverse=True)
        if not 2 <= len(found) < len(self._cell_of):
            return float("nan")
        labels = labels[self._cell_of]
        scores = [each.silhouette(labels, len(found)) for each in self._distances]
        if len(scores) == 1:
            return scores[0]
        # The error falls with the square of the cells' width: two grids tell it.
        coarse, fine = scores
        return fine + (fine - coarse) / (self._refinement**2 - 1.0)


def _even_out(points: Matrix) -> Matrix:
    """Stretch every column where its numbers are dense."""
    steps = np.linspace(0.0, 1.0, 257)
    quantiles = np.quantile(points[:: 1 + len(points) // 20_000], steps, axis=0)
    widths = quantiles[-2] - quantiles[1]
    stretched = points / np.where(widths > 0.0, widths, 1.0)
    for column, knots in enumerate(quantiles.T):
        ranks = np.interp(points[:, column], knots, steps)
        stretched[:, column] += _WEIGHT_OF_RANKS * ranks
    return stretched


class _Distances:
    """Distances of rows, or of bins of rows, and the silhouettes that follow."""

    def __init__(self, points: Matrix, bin_of: NDArray[np.intp] | None = None) -> None:
        self._bin_of = np.arange(len(points)) if bin_of is None else bin_of
        centres, self._within = points, np.zeros(len(points))
        if bin_of is not None:
            bins = bin_rows(points, "tied", bin_of)
            centres = bins.centres
            apart = ((points - centres[bin_of]) ** 2).sum(axis=1)
            spread = np.bincount(bin_of, weights=apart) / bins.counts
            self._within = _DISTANCE_WITHIN[points.shape[1]] * np.sqrt(spread)
        self._distances = pairwise_distances(centres.astype(np.float32))
        np.fill_diagonal(self._distances, self._within)

    def silhouette(self, labels: NDArray[np.intp], n_segments: int) -> float:
        """Mean silhouette of labels from 0 to `n_segments` - 1, all of them in use."""
        n_bins = len(self._distances)
        held = np.bincount(
            self._bin_of * n_segments + labels, minlength=n_bins * n_segments
        ).reshape(n_bins, n_segments)
        sizes = held.sum(axis=0)
        sums = (self._distances @ held.astype(np.float32)).astype(np.float64)
        averages = sums / sizes
        nearest = averages.argmin(axis=1)
        least = averages.min(axis=1)
        averages[np.arange(n_bins), nearest] = np.inf
        next_least = averages.min(axis=1)

        bins, segments = np.nonzero(held)
        # Each row is one of those that it is compared with.
        own = (sums[bins, segments] - self._within[bins]) / np.maximum(
            sizes[segments] - 1, 1
        )
        other = np.where(nearest[bins] == segments, next_least[bins], least[bins])
        larger = np.maximum(own, other)
        score = (other - own) / np.where(larger > 0.0, larger, 1.0)
        score[sizes[segments] == 1] = 0.0
        return float(score @ held[bins, segments] / held.sum())
