r"""What is the density, if its logarithm is locally a parabola?

The local log-quadratic likelihood estimate with a Gaussian kernel [1]_ has a closed
form in the ordinary estimate :math:`f_0` and its derivatives: with
:math:`\mu = h f_0' / f_0` and :math:`v = 1 + h^2 (f_0'' / f_0 - (f_0' / f_0)^2)`,

.. math:: f = f_0 \, v^{-1/2} e^{-\mu^2 / 2 v}.

It follows a normal law exactly at every bandwidth, and on the scale where bounds lie at
infinity it is the most accurate estimate of a bounded density known [2]_.

.. [1] Loader (1996), "Local likelihood density estimation", Annals of Statistics 24,
   1602-1618.
.. [2] Geenens (2014), "Probit transformation for kernel density estimation on the unit
   interval", Journal of the American Statistical Association 109, 346-358.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, dst
from scipy.sparse import csr_matrix

from sklearn_equity.density._bandwidth import deviation_of_rows, row_bandwidths
from sklearn_equity.density._grid import Grid
from sklearn_equity.density._reflected import widest_bandwidth, with_margin
from sklearn_equity.density._scale import Scale
from sklearn_equity.density._spectrum import cosine_moments, damped_moments

Array = NDArray[np.float64]

_LEAST_CELLS = 2.0
_MARGIN = 5.0  # bandwidths
_NO_MASS = 1e-10  # of the peak: below, the quotients f'/f are rounding noise
_LEAST_VARIANCE = 1e-3
_ROWS_AT_ONCE = 64
_NODES_PER_WAVE = 8
_LEAST_NODES = 256
_MOST_WIDENING = 2.0
_MOST_DEVIATIONS = 10.0


@dataclass(frozen=True)
class LocalRows:
    """Local log-quadratic estimates on a line where bounds lie at infinity.

    Attributes
    ----------
    scale : Scale
        How values reach the line.
    lower, width : float
        The first node of the line and the distance between two.
    density : ndarray of shape (n_rows, n_nodes)
        The density on the line.
    probability : ndarray of shape (n_rows, n_nodes)
        Its integral.
    on_line : ndarray of shape (n_rows,)
        The bandwidth on the line.
    """

    scale: Scale
    lower: float
    width: float
    density: Array
    probability: Array
    on_line: Array

    @property
    def bandwidth(self) -> Array:
        """The bandwidth in the unit of the data, at the median of each row."""
        return self.on_line / self._slope_at_median()

    def _slope_at_median(self) -> Array:
        return self.scale.slope(self.scale.from_line(self._median()))

    def _median(self) -> Array:
        n_cells = self.probability.shape[1] - 1
        node = np.clip((self.probability < 0.5).sum(axis=1), 1, n_cells)
        row = np.arange(len(self.probability))
        below, above = self.probability[row, node - 1], self.probability[row, node]
        share = np.divide(
            0.5 - below, above - below, out=np.ones_like(below), where=above > below
        )
        median: Array = self.lower + (node - 1.0 + share) * self.width
        return median

    def cdf(self, values: Array) -> Array:
        """Return Pr(M <= value) of each row at each value."""
        outside = np.clip(values, self.scale.lower, self.scale.upper)
        with np.errstate(divide="ignore"):
            cell, u = self._locate(self.scale.to_line(outside))
        start, end = self.probability[:, cell], self.probability[:, cell + 1]
        rise = end - start
        # A cubic rises throughout if its slopes are at most three times its chord's.
        slope_start = np.minimum(self.density[:, cell] * self.width, 3.0 * rise)
        slope_end = np.minimum(self.density[:, cell + 1] * self.width, 3.0 * rise)
        # The cubic through both ends with the density as its slope there.
        bend = 3.0 * rise - 2.0 * slope_start - slope_end
        twist = slope_start + slope_end - 2.0 * rise
        return np.clip(start + u * (slope_start + u * (bend + u * twist)), 0.0, 1.0)

    def pdf(self, values: Array) -> Array:
        """Return the density of each row at each value."""
        outside = (values < self.scale.lower) | (values > self.scale.upper)
        if not self.scale.is_identity:
            typical = np.nanmedian(self.scale.from_line(self._median()))
            values = self.scale.inside(values, float(typical))
        cell, u = self._locate(self.scale.to_line(values))
        start, end = self.density[:, cell], self.density[:, cell + 1]
        density = (start + u * (end - start)) * self.scale.slope(values)
        return np.where(outside, 0.0, density)

    def quantile(self, row: int, levels: Array) -> Array:
        """Return the values of one row below which these probabilities lie."""
        nodes = self.lower + self.width * np.arange(self.density.shape[1])
        line = np.interp(levels, self.probability[row], nodes)
        return self.scale.from_line(line)

    def _locate(self, line: Array) -> tuple[NDArray[np.intp], Array]:
        n_cells = self.density.shape[1] - 1
        with np.errstate(over="ignore"):  # of values near 1e308, beyond either end
            place = np.clip((line - self.lower) / self.width, 0.0, n_cells)
        cell = np.minimum(place.astype(np.intp), n_cells - 1)
        return cell, place - cell


def localize_rows(
    grid: Grid, n_values: Array, *, rule: str | float, scale: Scale
) -> LocalRows:
    """Smooth counts on a line where bounds lie at infinity.

    Parameters
    ----------
    grid : Grid
        Counts of each row, on the grid of `scale`.
    n_values : ndarray of shape (n_rows,)
        The number of values behind each row.
    rule : {"isj", "silverman", "scott", "cv"} or float
        The bandwidth rule, or a bandwidth in the unit of the data at the median of all
        rows.
    scale : Scale
        How values reach the line.
    """
    line = _move_to_line(grid, scale)
    if isinstance(rule, float):
        # Ten deviations already give the normal law that has the sample's moments.
        most = _MOST_DEVIATIONS * _largest_deviation(line)
        widest = fixed = min(rule * _slope_at_median(line, scale), most)
    else:
        widest, fixed = widest_bandwidth(line, n_values), np.nan
    line = with_margin(line, _MARGIN * widest, (-np.inf, np.inf))
    n_cells = line.n_nodes - 1
    moments = cosine_moments(line.counts)
    if isinstance(rule, float):
        bandwidth = np.full(len(moments), fixed / (n_cells * line.width))
    else:
        chosen, _ = row_bandwidths(rule, line.counts, moments, n_values)
        bandwidth = chosen * local_factor(n_values)
    bandwidth = np.maximum(bandwidth, _LEAST_CELLS / n_cells)
    damped = damped_moments(moments, bandwidth)
    n_out = int(np.clip(_NODES_PER_WAVE * damped.shape[1], _LEAST_NODES, n_cells))
    blocks = [
        _log_quadratic(damped[rows], bandwidth[rows], n_out)
        for start in range(0, len(moments), _ROWS_AT_ONCE)
        for rows in [slice(start, start + _ROWS_AT_ONCE)]
    ]
    shape = np.concatenate(blocks)
    length = n_cells * line.width
    width = length / n_out
    return LocalRows(
        scale,
        line.node(0),
        width,
        shape / width,
        _integrate(shape),
        bandwidth * length,
    )


def local_factor(n_values: Array) -> Array:
    """Return by how much a parabola allows a wider kernel than a constant does.

    Its bias is of fourth order: its best bandwidth falls as n**(-1/9) where that of the
    rules falls as n**(-1/5). Twice is the most, because the logarithm of a heavy tail
    is no parabola.
    """
    with np.errstate(invalid="ignore"):
        return np.clip(n_values ** (4.0 / 45.0), 1.0, _MOST_WIDENING)


def _move_to_line(grid: Grid, scale: Scale) -> Grid:
    """Bin the nodes of the grid, with their counts, on the line of the estimate."""
    if not scale.has_two_bounds:
        return grid
    places = grid.origin + (grid.first + np.arange(grid.n_nodes)) * grid.width
    line = scale.grid_to_line(np.asarray(places, dtype=np.float64))
    width = (line[-1] - line[0]) / (grid.n_nodes - 1)
    position = (line - line[0]) / width
    cell = np.minimum(position.astype(np.intp), grid.n_nodes - 2)
    above = position - cell
    node = np.arange(grid.n_nodes)
    share = csr_matrix(
        (
            np.concatenate([1.0 - above, above]),
            (np.concatenate([cell, cell + 1]), np.concatenate([node, node])),
        ),
        shape=(grid.n_nodes, grid.n_nodes),
    )
    return Grid(float(line[0]), float(width), 0, 0, (share @ grid.counts.T).T)


def _largest_deviation(line: Grid) -> float:
    deviation = deviation_of_rows(line.counts)
    return float(np.nanmax(deviation, initial=0.0)) * (line.n_nodes - 1) * line.width


def _slope_at_median(line: Grid, scale: Scale) -> float:
    """Return the slope at the median between nodes: the same from either end."""
    counts = line.counts.sum(axis=0)
    below = np.cumsum(counts) - counts / 2.0
    half, node = counts.sum() / 2.0, np.arange(len(counts))
    from_below = np.interp(half, below, node)
    from_above = -np.interp(-half, -below[::-1], -node[::-1])
    place = line.node(0) + line.width * (from_below + from_above) / 2.0
    return float(scale.slope(scale.from_line(np.array(place))))


def _log_quadratic(damped: Array, bandwidth: Array, n_cells: int) -> Array:
    """Return the local log-quadratic mass by cell on each of ``n_cells + 1`` nodes."""
    n_rows, n_used = damped.shape
    frequency = np.pi * np.arange(1, n_used + 1)
    series = np.zeros((n_rows, n_cells + 1))
    series[:, 0], series[:, 1 : n_used + 1] = 1.0, damped
    plain = dct(series, type=1, axis=1)
    series[:, 0], series[:, 1 : n_used + 1] = 0.0, -(frequency**2) * damped
    curvature = dct(series, type=1, axis=1)
    series[:, 1 : n_used + 1] = -frequency * damped
    slope = np.zeros_like(plain)
    slope[:, 1:-1] = dst(series[:, 1:-1], type=1, axis=1)
    has_mass = plain > _NO_MASS * plain.max(axis=1, keepdims=True)
    divisor = np.where(has_mass, plain, 1.0)
    h = bandwidth[:, np.newaxis]
    mu = h * slope / divisor
    variance = 1.0 + h**2 * curvature / divisor - mu**2
    variance = np.maximum(variance, _LEAST_VARIANCE)
    density = divisor / np.sqrt(variance) * np.exp(-0.5 * mu**2 / variance)
    density = np.where(has_mass, density, 0.0)
    total = _integrate(density)[:, -1:]
    return np.divide(density, total, out=np.full_like(density, np.nan), where=total > 0)


def _integrate(density: Array) -> Array:
    """Integrate over cells of width 1, by the cubic through four nodes around each."""
    padded = np.pad(density, ((0, 0), (1, 1)))
    inner = 13.0 * (density[:, :-1] + density[:, 1:])
    pieces = (inner - padded[:, :-3] - padded[:, 3:]) / 24.0
    total = np.zeros_like(density)
    np.cumsum(np.maximum(pieces, 0.0), axis=1, out=total[:, 1:])
    return total
