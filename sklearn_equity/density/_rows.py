"""What must be kept of many samples to describe each of them, and to add others?

Point masses as they are, and everything else as counts on a shared grid. Rows are
subgroups, windows or replicates; two such summaries add to that of the union.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._bandwidth import weighted_quantiles
from sklearn_equity.density._grid import Grid, make_grid, merge_grids
from sklearn_equity.density._scale import Scale
from sklearn_equity.density._ties import (
    EXACT_SIZE,
    Sample,
    Split,
    are_frequencies,
    spread_over_step,
)

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

_EVERYWHERE = (-np.finfo(float).max, np.finfo(float).max)
FAR = 20.0  # interquartile ranges from a quartile: beyond, a value is a point mass


@dataclass(frozen=True)
class Entries:
    """Values with the row that each belongs to and its weight; None: row 0, weight 1.

    `squares` and `counts_people` are as in `Sample`.
    """

    values: Array
    codes: Codes | None = None
    mass: Array | None = None
    squares: Array | None = None
    counts_people: bool = True

    def take(self, chosen: NDArray[np.bool_]) -> "Entries":
        """Return the chosen entries."""
        values, codes, mass, squares = (
            None if column is None else column[chosen]
            for column in (self.values, self.codes, self.mass, self.squares)
        )
        return Entries(values, codes, mass, squares, self.counts_people)  # type: ignore[arg-type]

    def sums(self, column: Array, n_rows: int) -> Array:
        """Return the sum of a column of weights for each row."""
        if self.codes is None:
            total: Array = column.sum(keepdims=True)
            return total
        return np.bincount(self.codes, column, n_rows).astype(np.float64)


@dataclass(frozen=True)
class BinnedRows:
    """The additive summary of many rows.

    Attributes
    ----------
    points : ndarray of shape (n_points,)
        Values that are point masses in any row, rising.
    point_mass : ndarray of shape (n_rows, n_points)
        The weight of each row at each.
    grid : Grid
        The counts of everything else, where `scale` puts it.
    squares : ndarray of shape (n_rows,)
        Sum of squared weights of everything else.
    scale : Scale
        How values become places on the grid.
    reach : tuple of (float, float)
        The places beyond which a value joins the point masses.
    counts_people : bool
        Whether all weights are whole.
    step, lattice : float
        As `step` and `origin` of a `Split`.
    """

    points: Array
    point_mass: Array
    grid: Grid
    squares: Array
    scale: Scale
    reach: tuple[float, float]
    counts_people: bool
    step: float = 0.0
    lattice: float = 0.0

    @property
    def n_values(self) -> Array:
        """How many smoothed values each row has; NaN for none.

        People where all weights are whole, else Kish's number.
        """
        total = self.grid.counts.sum(axis=1)
        with np.errstate(invalid="ignore"):
            n_values: Array = total**2 / (total if self.counts_people else self.squares)
            return n_values


def weigh(values: Array, codes: Codes | None, weight: Array | None) -> Entries:
    """Return values as entries of their rows."""
    if weight is None:
        return Entries(values, codes)
    return Entries(values, codes, weight, weight**2, are_frequencies(weight))


def entries_of(sample: Sample) -> Entries:
    """Return the values of one sample as entries of row 0."""
    return Entries(
        sample.values, None, sample.mass, sample.squares, sample.counts_people
    )


def bin_sample(
    sample: Sample,
    split: Split,
    *,
    scale: Scale,
    origin: float,
    unit: float,
    n_bins: int,
) -> BinnedRows:
    """Summarise one sample of known point masses."""
    points = sample.take(split.is_point)
    rest = spread_over_step(sample.take(~split.is_point), split.step)
    binned = bin_entries(
        entries_of(rest),
        n_rows=1,
        scale=scale,
        origin=origin,
        unit=unit,
        n_bins=n_bins,
    )
    binned = replace(binned, step=split.step, lattice=split.origin)
    return with_points(binned, Entries(points.values, None, points.mass))


def bin_entries(
    entries: Entries,
    *,
    n_rows: int,
    scale: Scale,
    origin: float,
    unit: float,
    n_bins: int,
    reach: tuple[float, float] | None = None,
) -> BinnedRows:
    """Summarise values without ties; those far from all others become point masses."""

    def bin_near(entries: Entries) -> Grid:
        return make_grid(
            entries.values,
            to_place=scale.to_grid,
            origin=origin,
            unit=unit,
            n_bins=n_bins,
            codes=entries.codes,
            n_rows=n_rows,
            sample_weight=entries.mass,
        )

    grid, far = None, None
    if reach is None and _is_large_and_inside(entries.values, scale):
        grid = bin_near(entries)
        reach = _EVERYWHERE if _is_resolved(grid) else None
    if grid is None or reach is None:
        places = scale.to_grid(entries.values)
        reach = _find_reach(places, entries.mass) if reach is None else reach
        near = (places >= reach[0]) & (places <= reach[1])
        far, entries = entries.take(~near), entries.take(near)
        grid = bin_near(entries)
    if entries.squares is None:
        squares = grid.counts.sum(axis=1)
    else:
        squares = entries.sums(entries.squares, n_rows)
    no_points = np.zeros((n_rows, 0))
    binned = BinnedRows(
        np.zeros(0), no_points, grid, squares, scale, reach, entries.counts_people
    )
    return binned if far is None else with_points(binned, far)


def _is_large_and_inside(values: Array, scale: Scale) -> bool:
    """Tell whether values may be binned at once, without a look at each place."""
    if len(values) <= EXACT_SIZE:
        return False
    ends = np.array([values.min(), values.max()])
    return bool(np.isfinite(scale.to_grid(ends)).all())


def _is_resolved(grid: Grid) -> bool:
    """Tell whether the middle half of all values takes enough of the cells."""
    cumulated = np.cumsum(grid.counts.sum(axis=0))
    quarter, three_quarters = np.searchsorted(
        cumulated, np.array([0.25, 0.75]) * cumulated[-1]
    )
    return bool((2.0 * FAR + 1.0) * (three_quarters - quarter) >= grid.n_nodes)


def _find_reach(places: Array, mass: Array | None) -> tuple[float, float]:
    """Return the places between which values are smoothed.

    A grid that also held one value at a million standard deviations would have all
    others in one cell.
    """
    inside = np.isfinite(places)
    if not inside.all():
        places, mass = places[inside], None if mass is None else mass[inside]
    if len(places) == 0:
        return _EVERYWHERE
    lower, upper = weighted_quantiles(places, mass, (0.25, 0.75))
    span = upper - lower
    with np.errstate(over="ignore"):
        whole = np.ptp(places)
    if span == 0.0 or whole <= (2.0 * FAR + 1.0) * span:
        return _EVERYWHERE
    return lower - FAR * span, upper + FAR * span


def with_points(binned: BinnedRows, entries: Entries) -> BinnedRows:
    """Add point masses: at known points, and at the values of entries as new ones."""
    if len(entries.values) == 0:
        return binned
    distinct = np.unique(entries.values)
    points = np.union1d(binned.points, distinct)
    n_rows, n_points = len(binned.point_mass), len(points)
    point_mass = np.zeros((n_rows, n_points))
    point_mass[:, np.searchsorted(points, binned.points)] = binned.point_mass
    place = np.searchsorted(points, entries.values)
    if entries.codes is not None:
        place = place + entries.codes * n_points
    added = np.bincount(place, entries.mass, n_rows * n_points)
    point_mass += added.reshape(n_rows, n_points)
    return replace(binned, points=points, point_mass=point_mass)


def merge_rows(one: BinnedRows, other: BinnedRows, *, n_bins: int) -> BinnedRows:
    """Add two summaries of the same rows on one scale."""
    points = np.union1d(one.points, other.points)
    point_mass = np.zeros((len(one.point_mass), len(points)))
    for part in (one, other):
        point_mass[:, np.searchsorted(points, part.points)] += part.point_mass
    return replace(
        one,
        points=points,
        point_mass=point_mass,
        grid=merge_grids(one.grid, other.grid, n_bins=n_bins),
        squares=one.squares + other.squares,
        counts_people=one.counts_people and other.counts_people,
    )
