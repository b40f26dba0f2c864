"""How far do figures stray whose errors are shaped as those of everybody?

Where few rows carry most of an error, a subgroup's own rows do not tell how heavy the
tails are: the large errors that it has not seen are those that would tell. The people
of the other subgroups do. Their errors, brought to one scale, make a population in
which the figure is known; samples of the subgroup's size show by how many of their own
standard errors it is missed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity._common_scale import means_of, scale_factors
from sklearn_equity.fidelity._delta_method import (
    delta_method,
    moments_of,
    with_products,
)
from sklearn_equity.fidelity._line import slope, to_line
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._population import Population
from sklearn_equity.significance import sums_of_draws

__all__ = ["PivotQuantiles", "pooled_pivots"]

Vector = NDArray[np.float64]

_N_SIZES = 5
_FEWEST_SAMPLES = 1000  # all subgroups share them: their noise would not average out
_LEAST_SIZE, _LARGEST_SIZE = 8, 1024
_FAR_LARGER = 8  # times as large as the largest sample
_LEAST_SHARE = 0.25  # of the samples: less, and the quantiles themselves would shift
_LARGEST_POOL = 1 << 16


@dataclass(frozen=True)
class PivotQuantiles:
    """By how many standard errors a sample of a size misses the truth.

    Attributes
    ----------
    roots : ndarray of shape (n_sizes,)
        One over the square roots of the sizes, increasing from 0, an endless sample.
    quantiles : ndarray of shape (n_sizes, 2)
        The lower and the upper quantile for each.
    per_row : float
        The variance of a figure of everybody's rows, times their number, on the scale
        without ends.
    shortfalls : ndarray of shape (n_sizes,)
        By how much a sample's loss falls short of everybody's on average, in the unit
        of that scale at everybody's value; 0 or more.
    """

    roots: Vector
    quantiles: NDArray[np.float64]
    per_row: float
    shortfalls: Vector

    def at(self, n_rows: int) -> tuple[float, float]:
        """Interpolate: skewness and tails fade as the root of the size."""
        root = 1.0 / np.sqrt(n_rows)
        low, high = (np.interp(root, self.roots, q) for q in self.quantiles.T)
        return float(low), float(high)

    def shortfall(self, n_rows: NDArray[np.intp]) -> Vector:
        """Interpolate: what curvature takes from a mean fades as the size."""
        return np.interp(1.0 / np.maximum(n_rows, 1), self.roots**2, self.shortfalls)


def pooled_pivots(
    metric: Metric,
    data: Population,
    codes: SubgroupCodes,
    *,
    n_resamples: int,
    tail: float,
    rng: np.random.Generator,
    n_each: NDArray[np.int64] | None = None,
) -> PivotQuantiles | None:
    """Sample pivots from the harmonised rows of a grouping; None if there are too few.

    Parameters
    ----------
    metric : Metric
        One that follows from sums and is a size of errors.
    data : Population
        The rows.
    codes : SubgroupCodes
        Their subgroups.
    n_resamples : int
        How many samples of each size, but 1,000 at least.
    tail : float
        The chance on either side.
    rng : numpy.random.Generator
        The source of the samples.
    n_each : ndarray of shape (n_subgroups,), default=None
        The rows of each subgroup, of which `data` may be a sample.

    Returns
    -------
    PivotQuantiles or None
        By size, for sizes from those of the subgroups; beyond 1,024 rows on the way to
        the normal quantiles.
    """
    units = _harmonised(metric, data, codes)
    counts = codes.counts() if n_each is None else n_each
    sizes = _sizes(counts)
    if len(units) < 2 or not len(sizes):
        return None
    if len(units) > _LARGEST_POOL:
        units = units[rng.choice(len(units), _LARGEST_POOL, replace=False)]
    table = with_products(units)
    truth, error = delta_method(metric, *moments_of(units))
    per_row = len(units) * float(error * slope(metric, truth)) ** 2
    n_resamples = _n_samples(n_resamples, counts)
    roots, quantiles = [0.0], [[ndtri(tail), ndtri(1.0 - tail)]]
    shortfalls = [0.0]
    for size in sizes:
        values, pivots = _pivots(metric, table, truth, int(size), n_resamples, rng)
        if not len(pivots):
            return None
        gap = float(metric.as_loss(truth) - np.mean(metric.as_loss(values)))
        shortfalls.append(max(gap * float(slope(metric, truth)), 0.0))
        roots.append(1.0 / np.sqrt(size))
        quantiles.append(np.quantile(pivots, [tail, 1.0 - tail]).tolist())
    return PivotQuantiles(
        np.array(roots), np.array(quantiles), per_row, np.array(shortfalls)
    )


def _n_samples(n_resamples: int, counts: NDArray[Any]) -> int:
    """Draw fewer samples where all subgroups are far larger than these.

    The quantiles then count as the root of the ratio of sizes, and so does their noise.
    """
    least = int(counts[counts > 0].min())
    share = np.clip(_FAR_LARGER * _LARGEST_SIZE / least, _LEAST_SHARE, 1.0)
    return int(max(n_resamples, _FEWEST_SAMPLES) * share)


def _sizes(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Choose sizes among those of the subgroups, the largest first."""
    counts = np.clip(counts[counts > 0], _LEAST_SIZE, _LARGEST_SIZE)
    if not len(counts):
        return np.empty(0, dtype=np.int64)
    grid = np.geomspace(counts.max(), counts.min(), _N_SIZES)
    return np.unique(np.round(grid).astype(np.int64))[::-1]


def _pivots(
    metric: Metric,
    table: Vector,
    truth: Vector,
    size: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> tuple[Vector, Vector]:
    """Draw samples of a size; also return their errors in their own standard errors."""
    n_columns = int((np.sqrt(9.0 + 8.0 * table.shape[1]) - 3.0) / 2.0)
    totals = sums_of_draws(table, size, n_resamples, rng)
    values, errors = delta_method(metric, totals[:, :n_columns], totals[:, n_columns:])
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = to_line(metric, values) - to_line(metric, truth)
        pivots = distances / (errors * slope(metric, values))
    return values[np.isfinite(values)], pivots[np.isfinite(pivots)]


# ---------------------------------------------------------------------------------
# One scale for all
# ---------------------------------------------------------------------------------
def _harmonised(
    metric: Metric, data: Population, codes: SubgroupCodes
) -> NDArray[np.float64]:
    """Return what each row adds to the sums, had its subgroup errors of common size."""
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    error, truth = data.y_pred - data.y_true, data.y_true
    if metric.best_is_inside:  # a bias of one subgroup is no error of another
        error = error - means_of(error, codes)[codes.codes]
    factor = scale_factors(np.abs(error), codes)
    if metric.shift_invariant:
        truth = truth - means_of(truth, codes)[codes.codes]
    if metric.scale_invariant:
        truth = truth * scale_factors(np.abs(truth), codes)[codes.codes]
    alone = np.append(codes.counts() < 2, True)  # tells nothing of its scale
    kept = ~alone[codes.codes] & np.isfinite(factor[codes.codes] + truth)
    error = (error * factor[codes.codes])[kept]
    truth = truth[kept]
    units = np.column_stack(metric.columns(truth, truth + error))
    if data.sample_weight is not None:
        weights = data.sample_weight / means_of(data.sample_weight, codes)[codes.codes]
        units *= weights[kept][:, np.newaxis]
    return units
