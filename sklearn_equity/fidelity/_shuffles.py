"""What would the subgroups' figures look like, did their people not differ?

All rows are dealt out anew to subgroups of the same sizes, again and again. Where rows
are many they are put in random order once and moved in blocks, which are cut wherever a
subgroup ends: each deal is still a random one, and its cost does not grow with rows.

What a metric does not see of a subgroup is taken from its rows before: the size of its
outcomes where they divide the error, and of its weights. Dealt out as they are, people
of large and of small outcomes would come to sit in one subgroup, and would make its
figure noisier than that of any that there is. And whom a share counts, such as the
sick, stay as many in each subgroup as they are: of few a share is noisier than of many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity._common_scale import on_common_scale
from sklearn_equity.fidelity._delta_method import delta_method
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._population import Population

__all__ = ["Shuffles", "merge_shuffles", "shuffled_figures"]

Vector = NDArray[np.float64]

_MAX_BLOCKS = 4096


@dataclass(frozen=True, eq=False, repr=False)
class Shuffles:
    """The figures of every subgroup as they are, and with the people dealt out anew.

    Attributes
    ----------
    estimate : ndarray of shape (1 + n_shuffles, n_subgroups)
        The metric; as the people are in the first row. NaN where it is undefined.
    std_error : ndarray of shape (1 + n_shuffles, n_subgroups)
        Its standard error by the delta method: quick, and somewhat low where few rows
        carry most of an error, as much in the first row as in the others.
    """

    estimate: Vector
    std_error: Vector

    def take(self, columns: NDArray[np.intp] | list[int]) -> "Shuffles":
        """Return the figures of some subgroups."""
        return Shuffles(self.estimate[:, columns], self.std_error[:, columns])


def merge_shuffles(parts: Sequence[Shuffles | None]) -> Shuffles | None:
    """Put the subgroups of several groupings side by side."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return Shuffles(
        np.hstack([part.estimate for part in known]),
        np.hstack([part.std_error for part in known]),
    )


def shuffled_figures(
    data: Population,
    codes: SubgroupCodes,
    metric: Metric,
    *,
    n_shuffles: int,
    rng: np.random.Generator,
) -> Shuffles | None:
    """Measure the subgroups, and then subgroups of the same sizes made by chance.

    Parameters
    ----------
    data : Population
        The people.
    codes : SubgroupCodes
        The subgroup of each row.
    metric : Metric
        What is measured.
    n_shuffles : int
        How often the people are dealt out anew.
    rng : numpy.random.Generator
        The source of the order.

    Returns
    -------
    Shuffles or None
        None if the metric does not follow from sums.
    """
    if metric.columns is None:
        return None
    kept = codes.codes >= 0
    codes = SubgroupCodes(codes.codes[kept], codes.labels, codes.name)
    units = _units(on_common_scale(metric, data.take(kept), codes), metric)
    observed = units[np.argsort(codes.codes, kind="stable")]
    first = np.diff(_prefix_sums(observed)[_ends(codes)], axis=0)
    deals = np.zeros((n_shuffles, *first.shape))
    for alike in _counted_alike(metric, data.take(kept)):
        some = SubgroupCodes(codes.codes[alike], codes.labels, codes.name)
        rows = units[rng.permutation(alike)]
        deals += _dealt_sums(rows, _ends(some), n_shuffles, rng)
    n_columns = _n_columns(units.shape[1])
    sums = np.concatenate([first[np.newaxis], deals])
    # Differences of running sums leave rounding where the truth is 0 or more.
    sums = np.where((units >= 0.0).all(axis=0), np.maximum(sums, 0.0), sums)
    estimate, std_error = delta_method(
        metric, sums[..., :n_columns], sums[..., n_columns:]
    )
    return Shuffles(estimate, std_error)


def _ends(codes: SubgroupCodes) -> NDArray[np.intp]:
    return np.concatenate([[0], np.cumsum(codes.counts())])


def _counted_alike(metric: Metric, data: Population) -> list[NDArray[np.intp]]:
    """Return the rows that may change places: those whom the same shares count."""
    kinds = np.zeros(len(data.y_true), dtype=np.intp)
    if metric.shares is not None:
        for counted, _ in metric.shares(data.y_true, data.y_pred):
            kinds = 2 * kinds + (counted > 0.0)
    return [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]


def _units(data: Population, metric: Metric) -> Vector:
    """Return what each row adds to the sums and to those of their products."""
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    origin = data.y_true.mean() if metric.shift_invariant else 0.0
    rows = np.column_stack(metric.columns(data.y_true - origin, data.y_pred - origin))
    if data.sample_weight is not None:
        rows *= data.sample_weight[:, np.newaxis]
    first, second = np.triu_indices(rows.shape[1])
    return np.hstack([rows, rows[:, first] * rows[:, second]])


def _n_columns(width: int) -> int:
    """Return k, where k columns and their k (k + 1) / 2 products make up the width."""
    return int((np.sqrt(9.0 + 8.0 * width) - 3.0) / 2.0 + 0.5)


def _prefix_sums(units: Vector) -> Vector:
    sums = np.zeros((len(units) + 1, units.shape[1]))
    np.cumsum(units, axis=0, out=sums[1:])
    return sums


def _dealt_sums(
    units: Vector, ends: NDArray[np.intp], n_shuffles: int, rng: np.random.Generator
) -> Vector:
    """Sum rows in random order between the ends, again and again.

    The rows come in random order; those that do not fill a block stay at the end.
    """
    n_rows, width = units.shape
    length = -(-n_rows // _MAX_BLOCKS)
    n_blocks = n_rows // length
    within = _prefix_sums(units)
    starts = length * np.arange(n_blocks + 1)
    in_blocks = np.diff(within[starts], axis=0)
    block, offset = np.divmod(ends, length)
    sums = np.empty((n_shuffles, len(ends) - 1, width))
    for b in range(n_shuffles):
        order = np.append(rng.permutation(n_blocks), n_blocks)
        before = _prefix_sums(in_blocks[order[:-1]])
        at = order[block]
        prefix = before[block] + within[starts[at] + offset] - within[starts[at]]
        sums[b] = np.diff(prefix, axis=0)
    return sums
