"""Who is near a score: sliding windows, and sums over the people inside each.

The edges of all windows cut the scores into cells. People are counted once, into the
cell that holds their score; every window is a run of cells, and the sums over its
people are sums over its cells. Sums of two parts of a cohort add.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

_LOOK_UP_SIZE = 1 << 12  # a power of two, so that score * size is exact
_CHUNK = 1 << 15


@dataclass(frozen=True)
class Windows:
    """Evenly spaced points, and the cells [first, last) within reach of each.

    Attributes
    ----------
    points : ndarray of shape (n_points,)
        The scores at which a curve is evaluated.
    edges : ndarray of shape (n_cells + 1,)
        Where cells begin and end; closed below, open above.
    first, last : ndarray of shape (n_points,)
        The run of cells that makes each window.
    """

    points: NDArray[np.float64]
    edges: NDArray[np.float64]
    first: NDArray[np.intp]
    last: NDArray[np.intp]

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.edges) - 1

    @property
    def spacing(self) -> float:
        """Distance between neighbouring points."""
        return float(self.points[1] - self.points[0])


def slide_windows(start: float, n_points: int, half_width: float) -> Windows:
    """Lay `n_points` windows [x - half_width, x + half_width) from `start` to 1."""
    points = np.linspace(start, 1.0, n_points)
    # Rounded, so that one window ends at the very number at which another begins.
    start, half_width = float(start), float(half_width)
    low = np.maximum(np.round(points - half_width, 12), 0.0)
    high = np.round(points + half_width, 12)
    high[high > 1.0] = np.inf  # the windows about 1 hold the score 1
    edges = np.unique(np.concatenate([[0.0, np.inf], low, high]))
    return Windows(
        points, edges, np.searchsorted(edges, low), np.searchsorted(edges, high)
    )


def find_cells(
    scores: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return ``searchsorted(edges, scores, side="right") - 1``, ten times as fast.

    `edges` begin with 0 and end with infinity; scores lie between 0 and 1. A table
    tells the cell at the lower end of each of 4,096 equal strips; from there it is as
    many cells on as there are edges in the strip, at most, up to the score.
    """
    strips = np.arange(_LOOK_UP_SIZE + 1) / _LOOK_UP_SIZE
    cell_at = np.searchsorted(edges, strips, side="right") - 1
    n_moves = int(np.diff(cell_at).max())
    cells = np.empty(len(scores), dtype=np.intp)
    for start in range(0, len(scores), _CHUNK):
        part = scores[start : start + _CHUNK]
        cell = cell_at[(part * _LOOK_UP_SIZE).astype(np.intp)]
        for _ in range(n_moves):
            cell += part >= edges[cell + 1]
        cells[start : start + _CHUNK] = cell
    return cells


@dataclass(frozen=True)
class CellSums:
    """Sums over the people of each subgroup and cell; weight w, severity F.

    Each array has shape (n_subgroups, n_cells). Without weights, the first, second and
    fourth agree, and so do the third and fifth.

    Attributes
    ----------
    count, weight, severity, weight2, severity2, square2, fourth4 : ndarray
        Sums of 1, w, w F, w**2, w**2 F, w**2 F**2 and w**4 F**4.
    """

    count: NDArray[np.float64]
    weight: NDArray[np.float64]
    severity: NDArray[np.float64]
    weight2: NDArray[np.float64]
    severity2: NDArray[np.float64]
    square2: NDArray[np.float64]
    fourth4: NDArray[np.float64]

    def parts(self) -> Iterator[NDArray[np.float64]]:
        """Yield the arrays in the order of the constructor."""
        return (getattr(self, field.name) for field in fields(self))

    def of(self, rows: NDArray[np.intp]) -> "CellSums":
        """Add up some subgroups, which gives the sums of their union."""
        return CellSums(
            *(part[rows].sum(axis=0, keepdims=True) for part in self.parts())
        )


def without_rare_cells(sums: CellSums, least: int) -> CellSums:
    """Count the people of cells with fewer rows than some in a cell near by.

    From the lowest score upwards: a cell takes those below it that wait for company;
    the last ones go to the highest cell that has enough.
    """
    target = np.tile(np.arange(sums.count.shape[1]), (len(sums.count), 1))
    for row, counts in enumerate(sums.count):
        waiting: list[int] = []
        n_waiting, last = 0.0, 0
        for cell in np.flatnonzero(counts):
            waiting.append(int(cell))
            n_waiting += counts[cell]
            if n_waiting >= least:
                target[row, waiting] = last = int(cell)
                waiting, n_waiting = [], 0.0
        target[row, waiting] = last
    rows = np.arange(len(target))[:, np.newaxis]
    joined = [np.zeros_like(part) for part in sums.parts()]
    for total, part in zip(joined, sums.parts(), strict=True):
        np.add.at(total, (rows, target), part)
    return CellSums(*joined)


def sum_cells(
    codes: NDArray[np.intp],
    cells: NDArray[np.intp],
    shape: tuple[int, int],
    severity: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
) -> CellSums:
    """Sum the people of each subgroup and cell."""
    place = codes * shape[1] + cells
    size = shape[0] * shape[1]

    def add(values: NDArray[np.float64] | None) -> NDArray[np.float64]:
        return np.bincount(place, values, size).reshape(shape).astype(np.float64)

    count = add(None)
    if sample_weight is None:
        square = severity * severity
        total = add(severity)
        return CellSums(
            count, count, total, count, total, add(square), add(square * square)
        )
    weighted = sample_weight * severity
    return CellSums(
        count,
        add(sample_weight),
        add(weighted),
        add(sample_weight * sample_weight),
        add(sample_weight * weighted),
        add(weighted * weighted),
        add(weighted**4),
    )


def over_windows(sums: NDArray[np.float64], windows: Windows) -> NDArray[np.float64]:
    """Add up the cells of each window: (..., n_cells) to (..., n_points).

    Sums of each run, not differences of one running total: those leave rounding where
    a window's sum is exactly 0.
    """
    padded = np.concatenate([sums, np.zeros((*sums.shape[:-1], 1))], axis=-1)
    ends = np.stack([windows.first, windows.last], axis=1).ravel()
    return np.add.reduceat(padded, ends, axis=-1)[..., ::2]
