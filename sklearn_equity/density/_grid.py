"""Which nodes hold the counts of a sample, so that counts of other samples can join?

Nodes lie at multiples of a power of two of a unit, from an origin: two grids of one
origin and unit share their nodes up to powers of two, and the hat function of a coarse
node is exactly a sum of those of finer ones. Counts therefore move to a coarser grid,
or to a wider one, without being estimated anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._binning import bin_linearly

Array = NDArray[np.float64]

_FINEST = 50  # finer cells would be narrower than the spacing of doubles
_LEAST_EXPONENT = -900.0  # narrower cells have no reciprocal to bin with


@dataclass(frozen=True)
class Grid:
    """Counts of many rows (subgroups) on the nodes ``origin + (first + j) * width``.

    Attributes
    ----------
    origin, unit : float
        Where node 0 lies, and the width of a cell at level 0.
    level : int
        The width of a cell is ``unit * 2**-level``.
    first : int
        The number of the first node.
    counts : ndarray of shape (n_rows, n_nodes)
        Linearly binned counts.
    """

    origin: float
    unit: float
    level: int
    first: int
    counts: Array

    @property
    def width(self) -> float:
        """The distance between two nodes."""
        return float(np.ldexp(self.unit, -self.level))

    @property
    def n_nodes(self) -> int:
        """The number of nodes."""
        n_nodes: int = self.counts.shape[1]
        return n_nodes

    def node(self, place: int) -> float:
        """Return where the node `place` places from the first lies."""
        return self.origin + (self.first + place) * self.width

    def widened(self, first: int, last: int) -> "Grid":
        """Return the same counts on the nodes from `first` to `last` at least."""
        before = max(self.first - first, 0)
        after = max(last - (self.first + self.n_nodes - 1), 0)
        counts = np.pad(self.counts, ((0, 0), (before, after)))
        return replace(self, first=self.first - before, counts=counts)

    def coarsened(self) -> "Grid":
        """Return the counts that linear binning on cells of twice the width gives."""
        last = self.first + self.n_nodes - 1
        even = self.widened(self.first - self.first % 2, last + last % 2)
        counts = even.counts[:, ::2].copy()
        odd = even.counts[:, 1::2] / 2.0
        counts[:, :-1] += odd
        counts[:, 1:] += odd
        return replace(even, level=self.level - 1, first=even.first // 2, counts=counts)


def make_grid(
    values: Array,
    *,
    to_place: Callable[[Array], Array],
    origin: float,
    unit: float,
    n_bins: int,
    codes: NDArray[np.intp] | None = None,
    n_rows: int = 1,
    sample_weight: Array | None = None,
) -> Grid:
    """Bin values on the finest grid on which their places take `n_bins` cells at most.

    `to_place` rises with the values.
    """
    if len(values) == 0:
        return Grid(origin, unit, 0, 0, np.zeros((n_rows, 2)))
    lower, upper = to_place(np.array([values.min(), values.max()])).tolist()
    level = _finest_level(lower - origin, upper - origin, unit, n_bins)
    width = np.ldexp(unit, -level)
    first = int(np.floor((lower - origin) / width))
    last = max(int(np.ceil((upper - origin) / width)), first + 1)
    counts = bin_linearly(
        values,
        lower=origin + first * width,
        width=float(width),
        n_bins=last - first,
        codes=codes,
        n_rows=n_rows,
        sample_weight=sample_weight,
        to_place=to_place,
    )
    return Grid(origin, unit, level, first, counts)


def _finest_level(lower: float, upper: float, unit: float, n_bins: int) -> int:
    # Logarithms, because quotients of tiny places and a huge unit overflow.
    largest = max(abs(lower), abs(upper)) or unit
    depth = float(np.log2(unit) - max(np.log2(largest) - _FINEST, _LEAST_EXPONENT))
    if upper > lower:
        spread = max(np.log2(upper - lower), _LEAST_EXPONENT)
        depth = min(depth, float(np.log2(n_bins) + np.log2(unit) - spread))
    level = int(np.floor(depth + 1e-9))  # rounding must not cost half of the cells
    while _n_cells(lower, upper, float(np.ldexp(unit, -level))) > n_bins:
        level -= 1
    return level


def _n_cells(lower: float, upper: float, width: float) -> float:
    return float(np.ceil(upper / width) - np.floor(lower / width))


def merge_grids(one: Grid, other: Grid, *, n_bins: int) -> Grid:
    """Add the counts of two grids of one origin and unit."""
    if not one.counts.any():
        return other
    if not other.counts.any():
        return one
    while one.level > other.level:
        one = one.coarsened()
    while other.level > one.level:
        other = other.coarsened()
    while True:
        first = min(one.first, other.first)
        last = max(grid.first + grid.n_nodes - 1 for grid in (one, other))
        if last - first <= n_bins:
            break
        one, other = one.coarsened(), other.coarsened()
    one, other = one.widened(first, last), other.widened(first, last)
    return replace(one, counts=one.counts + other.counts)
