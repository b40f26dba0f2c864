"""What is the probability of a window, over point masses and smooth part together?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._adjusted import AdjustedRows
from sklearn_equity.density._local import LocalRows, localize_rows
from sklearn_equity.density._reflected import ReflectedRows, reflect_rows
from sklearn_equity.density._rows import BinnedRows

Array = NDArray[np.float64]

_SNAP = 8.0 * np.finfo(float).eps  # of a value: 3 * 0.1 is the point mass at 0.3
_SNAP_STEP = 1e-6  # of a lattice's step, or of the least distance of point masses


@dataclass(frozen=True)
class Mixture:
    """The estimated distribution of each row (subgroup).

    Attributes
    ----------
    points : ndarray of shape (n_points,)
        Values that are point masses, rising.
    point_share : ndarray of shape (n_rows, n_points)
        The probability of each; NaN for an empty row.
    cumulated : ndarray of shape (n_rows, n_points + 1)
        Their cumulative probability, from 0.
    smooth_share : ndarray of shape (n_rows,)
        The probability of the rest.
    smooth : LocalRows, ReflectedRows or AdjustedRows
        The rest, as distributions of mass 1.
    bounds : tuple of (float, float)
        The interval outside which nothing is possible.
    step, lattice : float
        Above 0, the smooth part is a distribution on a lattice of this step through
        this point.
    """

    points: Array
    point_share: Array
    cumulated: Array
    smooth_share: Array
    smooth: LocalRows | ReflectedRows | AdjustedRows
    bounds: tuple[float, float]
    step: float
    lattice: float

    @property
    def bandwidth(self) -> Array:
        """The bandwidth of each row in the unit of the data; 0 if all are points."""
        bandwidth = np.where(self.smooth_share == 0.0, 0.0, self.smooth.bandwidth)
        return np.where(np.isnan(self.smooth_share), np.nan, bandwidth)

    def cdf(self, values: Array, *, inclusive: bool = True) -> Array:
        """Return Pr(M <= value), or Pr(M < value), of each row at each value."""
        tolerance = self._tolerance(values)
        with np.errstate(over="ignore"):  # at the ends of the doubles
            if inclusive:
                place = np.searchsorted(self.points, values + tolerance, side="right")
            else:
                place = np.searchsorted(self.points, values - tolerance)
        smooth = self._smooth_cdf(values, inclusive=inclusive)
        share = self.smooth_share[:, np.newaxis]
        total = self.cumulated[:, place] + np.where(share == 0.0, 0.0, share * smooth)
        total = np.clip(total, 0.0, 1.0)
        certain = values >= self.bounds[1] if inclusive else values > self.bounds[1]
        # A series of waves may fall by a rounding or two where it should be level.
        order = np.argsort(values, kind="stable")
        total[:, order] = np.maximum.accumulate(total[:, order], axis=1)
        known = np.isfinite(share)
        return np.where(known & certain, 1.0, np.where(known, total, np.nan))

    def _tolerance(self, values: Array) -> Array:
        """Return how near to a point mass a value counts as that point."""
        rounding = _SNAP * np.abs(np.nan_to_num(values, posinf=0.0, neginf=0.0))
        gap = np.diff(self.points).min(initial=np.inf)
        gap = self.step if self.step > 0.0 else gap
        return np.maximum(rounding, _SNAP_STEP * gap if np.isfinite(gap) else 0.0)

    def _smooth_cdf(self, values: Array, *, inclusive: bool) -> Array:
        if isinstance(self.smooth, AdjustedRows):
            return self.smooth.cdf(values, inclusive=inclusive)
        return self.smooth.cdf(
            self._between_lattice_points(values, inclusive=inclusive)
        )

    def _between_lattice_points(self, values: Array, *, inclusive: bool) -> Array:
        """Return the middles between the lattice points that thresholds divide."""
        if self.step == 0.0:
            return values
        place = (values - self.lattice) / self.step
        if inclusive:
            last = np.floor(place + _SNAP_STEP)
        else:
            last = np.ceil(place - _SNAP_STEP) - 1.0
        return self.lattice + (last + 0.5) * self.step

    def interval_probability(self, edges: Array) -> Array:
        """Return Pr(a <= M < b) between neighbouring edges; the last includes b."""
        below = self.cdf(edges, inclusive=False)
        below[:, -1:] = self.cdf(edges[-1:], inclusive=True)
        return np.maximum(np.diff(below, axis=1), 0.0)

    def pdf(self, values: Array) -> Array:
        """Return the density of each row, and the probability at a point mass."""
        share = self.smooth_share[:, np.newaxis]
        if self.step > 0.0:
            density = self._lattice_probability(values)
        else:
            density = self.smooth.pdf(values)
        density = np.where(share == 0.0, 0.0, share * density)
        if len(self.points) == 0:
            return density
        place = np.minimum(np.searchsorted(self.points, values), len(self.points) - 1)
        for near in (np.maximum(place - 1, 0), place):
            at_point = np.abs(values - self.points[near]) <= self._tolerance(values)
            at_point &= self.point_share[:, near].any(axis=0)
            density[:, at_point] = self.point_share[:, near[at_point]]
        return density

    def _lattice_probability(self, values: Array) -> Array:
        place = (values - self.lattice) / self.step
        off = np.abs(place - np.rint(place)) > _SNAP_STEP
        middle = self.lattice + np.rint(place) * self.step
        above = self.smooth.cdf(middle + 0.5 * self.step)  # type: ignore[call-arg]
        below = self.smooth.cdf(middle - 0.5 * self.step)  # type: ignore[call-arg]
        return np.where(off, 0.0, np.maximum(above - below, 0.0))

    def draw(self, row: int, uniform: Array) -> Array:
        """Turn uniform numbers into values of one row's distribution."""
        held = self.cumulated[row, -1]
        drawn = np.empty_like(uniform)
        is_point = uniform < held
        cumulated = self.cumulated[row, 1:]
        place = np.searchsorted(cumulated, uniform[is_point], side="right")
        drawn[is_point] = self.points[place]
        if not is_point.all():
            levels = (uniform[~is_point] - held) / (1.0 - held)
            drawn[~is_point] = self._draw_smooth(row, levels)
        return drawn

    def _draw_smooth(self, row: int, levels: Array) -> Array:
        smooth = self.smooth
        if isinstance(smooth, AdjustedRows):
            return np.clip(smooth.plain.quantile(row, levels), *self.bounds)
        values = smooth.quantile(row, levels)
        if self.step > 0.0:
            place = np.rint((values - self.lattice) / self.step)
            values = self.lattice + place * self.step
        return np.clip(values, *self.bounds)


def smooth_mixture(
    binned: BinnedRows,
    *,
    rule: str | float,
    boundary: str,
    bounds: tuple[float, float],
) -> Mixture:
    """Smooth the summary of many rows, each with its own bandwidth.

    Parameters
    ----------
    binned : BinnedRows
        The additive summary.
    rule : {"isj", "silverman", "scott", "cv"} or float
        The bandwidth rule, or a bandwidth in the unit of the data.
    boundary : {"local", "reflect", "adjusted", "none"}
        What happens at the bounds.
    bounds : tuple of (float, float)
        The possible range; infinite where there is no bound.
    """
    mass = binned.grid.counts.sum(axis=1)
    total = mass + binned.point_mass.sum(axis=1)
    with np.errstate(invalid="ignore"):
        point_share = binned.point_mass / total[:, np.newaxis]
        smooth_share = mass / total
        sums = np.cumsum(np.pad(binned.point_mass, ((0, 0), (1, 0))), axis=1)
        cumulated = sums / total[:, np.newaxis]
    n_values = binned.n_values
    smooth: LocalRows | ReflectedRows | AdjustedRows
    nowhere = (-np.inf, np.inf)
    if boundary == "local":
        smooth = localize_rows(binned.grid, n_values, rule=rule, scale=binned.scale)
    elif boundary == "reflect":
        half = 0.5 * binned.step
        widened = (bounds[0] - half, bounds[1] + half)
        smooth = reflect_rows(binned.grid, n_values, rule=rule, bounds=widened)
    else:
        smooth = reflect_rows(binned.grid, n_values, rule=rule, bounds=nowhere)
        if boundary == "adjusted":
            noted = ~binned.point_mass.any(axis=0)  # the others are far outliers
            smooth = AdjustedRows(smooth, bounds, binned.points[noted])
    return Mixture(
        binned.points,
        point_share,
        cumulated,
        smooth_share,
        smooth,
        nowhere if boundary == "none" else bounds,
        binned.step,
        binned.lattice,
    )
