"""In which subgroups does a model err to one side, and is that more than chance?

A partition cuts people into cells. In each cell a model is moved by a part of the mean
residual of one half of the people; the move is kept if the other half, who had no part
in it, gain by more than their noise.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Partition:
    """A way of cutting people into cells.

    Attributes
    ----------
    name : str
        What the cells are.
    of_subgroup : ndarray of shape (n_subgroups + 1,) or None
        The cell of each subgroup; the last is that of subgroups unknown to fit.
    edges : ndarray or None
        The predictions at which cells are cut further.
    tree : DecisionTreeRegressor or None
        Whose leaves are the cells.
    """

    name: str
    of_subgroup: Rows | None
    edges: Vector | None
    tree: Any

    def cells(self, codes: Rows, prediction: Vector, table: Any) -> Rows:
        """Return the cell of each person, -1 for none."""
        if self.tree is not None:
            return np.asarray(self.tree.apply(table), dtype=np.intp)
        base = (
            np.zeros(len(prediction), dtype=np.intp)
            if self.of_subgroup is None
            else self.of_subgroup[codes]
        )
        if self.edges is None:
            return base
        level = np.searchsorted(self.edges, prediction, side="right")
        n_levels = len(self.edges) + 1
        return np.where(base < 0, -1, base * n_levels + level)


@dataclass(frozen=True)
class Step:
    """Corrections of the cells of one partition.

    Attributes
    ----------
    partition : Partition
        The cells.
    correction : ndarray of shape (n_cells,)
        What is added to the predictions of each cell; 0 where chance can't be excluded.
    gain : float
        By how much the sum of squared errors of those who learnt it falls.
    """

    partition: Partition
    correction: Vector
    gain: float

    def of(self, codes: Rows, prediction: Vector, table: Any) -> Vector:
        """Return what is added to each person's prediction."""
        cells = self.partition.cells(codes, prediction, table)
        return np.append(self.correction, 0.0)[cells]


@dataclass(frozen=True)
class Halves:
    """Those who learn a correction and those who judge it.

    Attributes
    ----------
    learn, judge : ndarray of int
        Rows.
    weight : ndarray of shape (n_rows,)
        How much a row counts.
    """

    learn: Rows
    judge: Rows
    weight: Vector

    def errors(self, residual: Vector) -> tuple[float, float]:
        """Return the mean squared error of those who learn and of those who judge."""
        learn, judge = (
            _mean_square(residual[rows], self.weight[rows])
            for rows in (self.learn, self.judge)
        )
        return learn, judge

    def step(
        self,
        partition: Partition,
        cells: Rows,
        residual: Vector,
        *,
        learning_rate: float,
        gate: float,
        min_subgroup_size: int,
    ) -> Step | None:
        """Learn corrections of the cells; None if those who judge keep none.

        All cells are kept, each moved by as much as its mean is beyond chance, if those
        who judge gain together; or the cells alone in which they gain. Of both, what
        gains most among those who learn.
        """
        n_cells = int(cells.max(initial=-1)) + 1
        if n_cells == 0:
            return None
        learnt = _sums(cells, self.learn, self.weight, residual, n_cells)
        judged = _sums(cells, self.judge, self.weight, residual, n_cells)
        large = np.minimum(learnt.n, judged.n) >= min_subgroup_size / 2.0
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = learnt.total / learnt.weight
            chance = learnt.variance() / (learnt.n * mean**2)
        shares = np.clip(1.0 - np.nan_to_num(chance, nan=1.0), 0.0, 1.0)
        full = np.where(large, learning_rate * np.nan_to_num(mean), 0.0)
        together, (gain, variance) = shares * full, judged.gains(shares * full)
        if gain.sum() <= gate * np.sqrt(variance.sum()):
            together = np.zeros(n_cells)
        gain, variance = judged.gains(full)
        alone = np.where(gain > gate * np.sqrt(variance), full, 0.0)
        fall, correction = max(
            ((float(learnt.gains(move)[0].sum()), move) for move in (together, alone)),
            key=lambda pair: pair[0],
        )
        return Step(partition, correction, fall) if correction.any() else None


@dataclass(frozen=True)
class _Sums:
    """Of each cell: people, their weight, and weighted sums of residuals."""

    n: Vector
    weight: Vector
    total: Vector
    squares: Vector

    def variance(self) -> Vector:
        """Return the variance of residuals."""
        mean = self.total / self.weight
        return np.asarray(np.maximum(self.squares / self.weight - mean**2, 0.0))

    def gains(self, move: Vector) -> tuple[Vector, Vector]:
        """Return the fall of the sum of squared errors by a move, and its variance.

        A person with residual r gains 2 r m - m**2.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = self.variance() * self.weight**2 / self.n
        gain = 2.0 * move * self.total - move**2 * self.weight
        return gain, 4.0 * move**2 * np.nan_to_num(variance)


def _sums(
    cells: Rows, rows: Rows, weight: Vector, residual: Vector, n_cells: int
) -> _Sums:
    rows = rows[cells[rows] >= 0]
    where, w, r = cells[rows], weight[rows], residual[rows]
    n, weights, total, squares = (
        np.bincount(where, weights=values, minlength=n_cells).astype(np.float64)
        for values in (np.ones(len(r)), w, w * r, w * r**2)
    )
    return _Sums(n, weights, total, squares)


def _mean_square(residual: Vector, weight: Vector) -> float:
    total = weight.sum()
    return float(weight @ residual**2 / total) if total > 0.0 else float("nan")


def grow_tree(
    table: Any,
    residual: Vector,
    halves: Halves,
    *,
    max_depth: int,
    min_subgroup_size: int,
    seed: int,
) -> Partition:
    """Learn subgroups in which those who learn err to one side: leaves of a tree."""
    rows = halves.learn
    low, high = np.quantile(residual[rows], [0.01, 0.99])
    tree = DecisionTreeRegressor(
        max_depth=max_depth,
        min_samples_leaf=max(min_subgroup_size, len(rows) // 100),
        random_state=seed,
    ).fit(
        table[rows], residual[rows].clip(low, high), sample_weight=halves.weight[rows]
    )
    return Partition("learnt subgroups", None, None, tree)
