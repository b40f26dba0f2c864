"""What is the smoothed probability, if mass at a bound is reflected back inside?

Also the estimate without bounds: its interval then reaches so far beyond the data that
nothing arrives at its ends.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from sklearn_equity.density._bandwidth import (
    OVERSMOOTHING,
    deviation_of_rows,
    normal_reference,
    row_bandwidths,
)
from sklearn_equity.density._grid import Grid
from sklearn_equity.density._spectrum import (
    cosine_moments,
    smooth_cdf,
    smooth_cdf_on_nodes,
    smooth_pdf,
)

Array = NDArray[np.float64]

REACH = 8.3  # a Gaussian beyond this many bandwidths is below the rounding of a double
_MOST_CELLS = 4096.0  # a bandwidth of more cells gains nothing
_LEAST_INTERVAL = 64.0  # cells between two bounds
_LEAST_CELLS = 2.0  # narrower kernels alias on the grid
_BLOCK = 2**21  # elements of the table of waves, 16 MB


@dataclass(frozen=True)
class ReflectedRows:
    """Gaussian kernel estimates, reflected at the ends of an interval.

    Attributes
    ----------
    moments : ndarray of shape (n_rows, n_frequencies)
        Cosine moments on the interval.
    lower, length : float
        The interval.
    for_density, for_probability : ndarray of shape (n_rows,)
        Bandwidths in units of the interval.
    """

    moments: Array
    lower: float
    length: float
    for_density: Array
    for_probability: Array

    @property
    def bandwidth(self) -> Array:
        """The bandwidth of each row's density in the unit of the data."""
        return self.for_density * self.length

    def cdf(self, values: Array) -> Array:
        """Return Pr(M <= value) of each row at each value."""
        places = np.clip((values - self.lower) / self.length, 0.0, 1.0)
        blocks = [
            smooth_cdf(self.moments, self.for_probability, block)
            for block in self._blocks(places)
        ]
        return np.concatenate(blocks, axis=1)

    def pdf(self, values: Array) -> Array:
        """Return the density of each row at each value."""
        places = (values - self.lower) / self.length
        outside = (places < 0.0) | (places > 1.0)
        blocks = [
            smooth_pdf(self.moments, self.for_density, block)
            for block in self._blocks(np.clip(places, 0.0, 1.0))
        ]
        density = np.concatenate(blocks, axis=1) / self.length
        return np.where(outside, 0.0, density)

    def quantile(self, row: int, levels: Array) -> Array:
        """Return the values of one row below which these probabilities lie."""
        one = slice(row, row + 1)
        cdf = smooth_cdf_on_nodes(self.moments[one], self.for_probability[one])[0]
        places = np.linspace(0.0, 1.0, len(cdf))
        probability = np.maximum.accumulate(cdf)
        return self.lower + self.length * np.interp(levels, probability, places)

    def _blocks(self, places: Array) -> list[Array]:
        size = max(_BLOCK // self.moments.shape[1], 1)
        return [places[i : i + size] for i in range(0, max(len(places), 1), size)]


def reflect_rows(
    grid: Grid,
    n_values: Array,
    *,
    rule: str | float,
    bounds: tuple[float, float],
) -> ReflectedRows:
    """Smooth counts on the scale of the data, reflected at finite bounds.

    Parameters
    ----------
    grid : Grid
        Counts of each row.
    n_values : ndarray of shape (n_rows,)
        The number of values behind each row.
    rule : {"isj", "silverman", "scott", "cv"} or float
        The bandwidth rule, or a bandwidth in the unit of the data.
    bounds : tuple of (float, float)
        Where to reflect; infinite for nowhere.
    """
    widest = rule if isinstance(rule, float) else widest_bandwidth(grid, n_values)
    grid = with_fewest_cells(grid, widest, bounds[1] - bounds[0])
    grid = with_margin(grid, REACH * widest, bounds)
    n_cells = grid.n_nodes - 1
    length = n_cells * grid.width
    moments = cosine_moments(grid.counts)
    if isinstance(rule, float):
        density = np.full(len(moments), rule / length)
        probability = density
    else:
        density, probability = row_bandwidths(rule, grid.counts, moments, n_values)
    least = _LEAST_CELLS / n_cells
    return ReflectedRows(
        moments,
        grid.node(0),
        length,
        np.maximum(density, least),
        np.maximum(probability, least),
    )


def widest_bandwidth(grid: Grid, n_values: Array) -> float:
    """Return a bandwidth that no rule exceeds for any row."""
    deviation = deviation_of_rows(grid.counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        widest = normal_reference(deviation, n_values, factor=2.0 * OVERSMOOTHING)
    length = (grid.n_nodes - 1) * grid.width
    return float(np.nanmax(widest, initial=0.0)) * length


def with_fewest_cells(grid: Grid, bandwidth: float, length: float) -> Grid:
    """Coarsen a grid that is needlessly fine for a very wide kernel."""
    while (
        bandwidth > _MOST_CELLS * grid.width and length >= _LEAST_INTERVAL * grid.width
    ):
        grid = grid.coarsened()
    return grid


def with_margin(grid: Grid, margin: float, bounds: tuple[float, float]) -> Grid:
    """Widen a grid by a margin on both sides, but not beyond a bound."""
    n_more = int(np.ceil(margin / grid.width)) + 1
    first, last = grid.first - n_more, grid.first + grid.n_nodes - 1 + n_more
    nearest = [_nearest_node(grid, bound) for bound in bounds]
    first = int(max(first, nearest[0]))
    last = int(min(last, nearest[1]))
    length = last - first
    spare = int(next_fast_len(length, real=True)) - length  # for the cosine transform
    if np.isinf(bounds[1]):
        last += spare
    elif np.isinf(bounds[0]):
        first -= spare
    return grid.widened(first, last)


def _nearest_node(grid: Grid, value: float) -> float:
    """Return the number of the node at a bound: bounds are nodes of the grid.

    Infinite without a bound, and for one too far away to be counted in cells.
    """
    with np.errstate(over="ignore"):
        return float(np.rint((value - grid.origin) / np.float64(grid.width)))
