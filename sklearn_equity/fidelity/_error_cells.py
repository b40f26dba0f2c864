"""How are a subgroup's errors spread, where only counts of them are at hand?

Errors are counted in bins of their logarithm, two to a doubling of their size, which
all parts of a whole share. With the sums of every bin, its *cell*, go the subgroup's
own sums; and enough is known of the tails of errors to resample them.
"""

from collections.abc import Hashable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import MISSING_LABEL, SubgroupCodes
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._population import Population
from sklearn_equity.sufficient_statistics import SubgroupMoments

__all__ = [
    "by_subgroup",
    "cells_of_known_size",
    "error_level",
    "pairs_of",
    "rows_of_cells",
    "without_rare_cells",
    "without_sizes",
]

Vector = NDArray[np.float64]

_LEAST, _MOST = 2.0**-250, 2.0**250
_MIDDLE = 1000.0  # what positive levels are counted from, so that a sign has room
# No whole number and no short fraction is a power of two to a third of a half: how an
# engine rounds its logarithm does not move an error to another bin.
_SHIFT = 1.0 / 3.0
_MOST_ROWS = 1 << 15
_ANY_SIZE = 3000.0  # the level of errors of which no sizes are told; no error has it


def error_level(metric: Metric, y_true: Any, y_pred: Any) -> Any:
    """Number the bin of each error; 0 is no error, negative numbers those below.

    Takes arrays, or what stands for an engine's columns. Where a metric looks at no
    sign, none is kept; one that sums up no errors has a single bin.
    """
    if not metric.shape_of_errors:
        return 0.0 * y_true
    error = y_pred - y_true
    size = np.clip(np.abs(error), _LEAST, _MOST)
    level = np.floor(2.0 * np.log2(size) + _SHIFT) + _MIDDLE
    if not _looks_at_signs(metric):
        return level
    return np.where(error > 0.0, level, np.where(error < 0.0, -1.0 * level, 0.0))


def _looks_at_signs(metric: Metric) -> bool:
    one = np.ones(1)
    return bool(_share(metric, one) != _share(metric, -one))


def _error_of(cells: SubgroupMoments, metric: Metric) -> Vector:
    """Return the error of each cell whose share of the sums is the mean of its rows'.

    The first of a metric's sums is that of a power of errors.
    """
    level = np.array([level for _, level in pairs_of(cells)])
    size = 2.0 ** ((np.abs(level) - _MIDDLE + 0.5 - _SHIFT) / 2.0)
    error = np.sign(level) * size
    power = np.log2(_share(metric, 2.0 * np.ones(1)) / _share(metric, np.ones(1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = cells.mean[:, 1] / cells.mean[:, 0] / _share(metric, error)
        return np.where(level == 0.0, 0.0, error * excess ** (1.0 / power))


def _share(metric: Metric, error: Vector) -> Vector:
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    return metric.columns(np.zeros(len(error)), error)[1]


def pairs_of(cells: SubgroupMoments) -> list[tuple[Hashable, float]]:
    """List the subgroup and the level of every cell."""
    return cast("list[tuple[Hashable, float]]", list(cells.subgroups))


def by_subgroup(cells: SubgroupMoments) -> SubgroupMoments:
    """Join the cells of each subgroup, people without a label last."""
    joined = cells.regroup([label for label, _ in pairs_of(cells)])
    last = np.array([label == MISSING_LABEL for label in joined.subgroups], dtype=bool)
    return joined.take(np.argsort(last, kind="stable"))


def without_sizes(cells: SubgroupMoments) -> SubgroupMoments:
    """Join the cells of each subgroup, and tell of no size."""
    return cells.regroup([(label, _ANY_SIZE) for label, _ in pairs_of(cells)])


def cells_of_known_size(
    cells: SubgroupMoments, groupings: Sequence[SubgroupMoments]
) -> SubgroupMoments:
    """Return cells, or those of a grouping that stand for them where sizes are untold.

    Of several groupings, that which tells of most rows.
    """
    if _ANY_SIZE not in {level for _, level in pairs_of(cells)}:
        return cells
    told = [
        one.take([i for i, (_, at) in enumerate(pairs_of(one)) if at != _ANY_SIZE])
        for one in (cells, *groupings)
    ]
    return max(told, key=lambda one: int(one.n.sum()))


def rows_of_cells(
    cells: SubgroupMoments, metric: Metric, labels: tuple[Hashable, ...]
) -> tuple[Population, SubgroupCodes]:
    """Put rows in the place of those that were summed; of many, a sample.

    Their errors are those of the mean of each cell. Target and weight stray about their
    means in a cell to both sides by their standard deviation there.
    """
    cells = cells.take(np.flatnonzero(cells.n))
    place = {label: code for code, label in enumerate(labels)}
    codes = np.array([place[label] for label, _ in pairs_of(cells)])
    error = _error_of(cells, metric)
    n_rows = int(cells.n.sum())
    cell = np.repeat(np.arange(len(codes)), cells.n if n_rows <= _MOST_ROWS else 0)
    if n_rows > _MOST_ROWS:  # evenly spaced among all, which come cell by cell
        at = (np.arange(_MOST_ROWS) + 0.5) * (n_rows / _MOST_ROWS)
        cell = np.searchsorted(np.cumsum(cells.n), at, side="right")
    row = np.arange(len(cell))
    weight, spread = cells.mean[:, 0], _spread(cells, 0, np.zeros(len(codes)))
    truth = np.zeros(len(cell))
    if metric.truth_column is not None:
        level = cells.mean[:, metric.truth_column] / weight
        apart = _spread(cells, metric.truth_column, level) / weight
        truth = level[cell] + np.where(row % 2, -1.0, 1.0) * apart[cell]
    weights = weight[cell] + np.where(row // 2 % 2, -1.0, 1.0) * spread[cell]
    return (
        Population(truth, truth + error[cell], np.maximum(weights, 0.0)),
        SubgroupCodes(codes[cell], labels, "subgroups"),
    )


def _spread(cells: SubgroupMoments, column: int, level: Vector) -> Vector:
    """Return the deviation of a column in each cell from a level times the weight."""
    about = cells.scatter[:, column, column]
    if column:
        about = (
            about
            - 2.0 * level * cells.scatter[:, 0, column]
            + level**2 * cells.scatter[:, 0, 0]
        )
    return np.sqrt(np.maximum(about, 0.0) / np.maximum(cells.n, 1))


def without_rare_cells(cells: SubgroupMoments, least: int) -> SubgroupMoments:
    """Join cells until none holds fewer rows than some, where its subgroup has as many.

    From the outermost errors inwards, to the next cell of the subgroup: what is joined
    bears the number of the inner one.
    """
    new: dict[tuple[Hashable, Any], tuple[Hashable, Any]] = {}
    held: dict[Hashable, list[tuple[Any, int]]] = {}
    for (label, level), n in zip(pairs_of(cells), cells.n.tolist(), strict=True):
        held.setdefault(label, []).append((level, n))
    for label, levels in held.items():
        waiting: list[Any] = []
        n_waiting, last = 0, None
        for level, n in sorted(levels, key=lambda pair: -abs(pair[0])):
            waiting.append(level)
            n_waiting += n
            if n_waiting >= least:
                last, n_waiting = level, 0
                new |= {(label, old): (label, level) for old in waiting}
                waiting = []
        end = last if last is not None else 0.0
        new |= {(label, old): (label, end) for old in waiting}
    return cells.regroup([new[pair] for pair in pairs_of(cells)])
