"""How much of a subgroup's figure is the luck of who is in it?

One number answers for all subgroups: the variance that one row would bring if people
were dealt to subgroups by chance. It is taken from everybody, because a variance
estimated within one small subgroup is low just where its figure is.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sklearn_equity._checks import DROPPED, SubgroupCodes
from sklearn_equity.scorers._values import ScoredRows
from sklearn_equity.sufficient_statistics import subgroup_sums

__all__ = ["effective_size", "variance_of_one_row"]

Vector = NDArray[np.float64]
Scale = Callable[[Vector], Vector]
_BLOCK_ROWS = 16_384  # a few columns of this length stay in the processor's cache
_N_PARTS = 5


def effective_size(codes: SubgroupCodes, sample_weight: Vector | None) -> Vector:
    """Return how many equally weighted rows the figure of each subgroup is worth."""
    if sample_weight is None:
        return codes.counts().astype(np.float64)
    total, squares = subgroup_sums(
        codes.codes, codes.n_subgroups, [sample_weight, sample_weight**2]
    ).T
    return total**2 / squares


def variance_of_one_row(
    values: Vector, rows: ScoredRows, codes: SubgroupCodes, size: Vector, scale: Scale
) -> float:
    r"""Estimate the variance that one row brings to the figure of its subgroup.

    Parameters
    ----------
    values : ndarray of shape (n_subgroups,)
        The figures of `rows`, all finite, on the scale on which they are compared.
    rows : ScoredRows
        The data.
    codes : SubgroupCodes
        The subgroup of each row.
    size : ndarray of shape (n_subgroups,)
        The effective number of rows of each.
    scale : callable
        What takes figures of the metric to that scale.

    Returns
    -------
    float
        The variance of a figure times its number of rows; NaN if it is unknown.

    Notes
    -----
    For a mean it is the variance of all rows about the mean of all, as the analysis of
    variance splits it: :math:`c = (\sum_i (x_i - \bar x_{s(i)})^2 + \sum_s n_s
    (\bar x_s - \bar x)^2) / (N - 1)`. Were people dealt to subgroups by chance, the sum
    over subgroups of :math:`n_s (\bar x_s - \bar x)^2 / c` would on average be their
    number less one, whatever the tails: one row of a huge error raises both. For other
    metrics x is the influence of a row on the figure.
    """
    if rows.metric.columns is None:
        within = _squares_by_leaving_out(values, rows, codes, size, scale)
    else:
        within = _squares_by_influence(rows, codes, size, scale)
    mean = np.average(values, weights=size)
    between = float(size @ (values - mean) ** 2)
    return (within + between) / (float(size.sum()) - 1.0)


# ---------------------------------------------------------------------------------
# Metrics that follow from sums
# ---------------------------------------------------------------------------------
def _squares_by_influence(
    rows: ScoredRows, codes: SubgroupCodes, size: Vector, scale: Scale
) -> float:
    """Sum the squared influences of all rows, each times the size of its subgroup."""
    sums, squares = np.zeros(1), np.zeros(1)
    for code, columns in _blocks(rows, codes):
        sums = sums + subgroup_sums(code, codes.n_subgroups, columns)
        squares = squares + np.array([column @ column for column in columns])
    typical = np.sqrt(squares / squares[0])
    slopes = _slopes(rows, sums, np.where(typical > 0.0, typical, 1.0), scale)
    # One row more, the last, is for rows coded DROPPED.
    slopes = np.vstack([slopes * size[:, np.newaxis], np.zeros(slopes.shape[1])])
    total = 0.0
    for code, columns in _blocks(rows, codes):
        influence = np.zeros(len(code))
        for slope, column in zip(slopes.T, columns, strict=True):
            influence += slope[code] * column
        total += float(influence @ influence)
    return total


def _blocks(
    rows: ScoredRows, codes: SubgroupCodes
) -> Iterator[tuple[NDArray[np.intp], list[Vector]]]:
    """Yield the codes of some rows and what each of them adds to the sums."""
    metric, origin = rows.metric, None
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    if metric.shift_invariant:
        # About a value of its own: large squares would swallow a small variance.
        origin = np.zeros(codes.n_subgroups + 1)
        origin[codes.codes] = rows.y_true
    for batch in gen_batches(len(rows.y_true), _BLOCK_ROWS):
        code = codes.codes[batch]
        truth, response = rows.y_true[batch], rows.y_pred[batch]
        if origin is not None:
            truth, response = truth - origin[code], response - origin[code]
        columns = metric.columns(truth, response)
        if rows.sample_weight is not None:
            columns = [column * rows.sample_weight[batch] for column in columns]
        yield code, columns


def _slopes(rows: ScoredRows, sums: Vector, typical: Vector, scale: Scale) -> Vector:
    """Differentiate the figures by the sums; 0 where a figure is at its end."""
    finish = rows.metric.finish
    if finish is None:
        raise TypeError(f"The metric {rows.metric.name!r} does not follow from sums.")
    slopes = np.zeros_like(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        for j, size_of_term in enumerate(typical):
            step = np.zeros_like(sums)
            step[:, j] = 1e-6 * sums[:, 0] * size_of_term
            rise = scale(finish(sums + step)) - scale(finish(sums - step))
            slopes[:, j] = rise / (2.0 * step[:, j])
    return np.nan_to_num(slopes)


# ---------------------------------------------------------------------------------
# Metrics that are functions of rows
# ---------------------------------------------------------------------------------
def _squares_by_leaving_out(
    values: Vector, rows: ScoredRows, codes: SubgroupCodes, size: Vector, scale: Scale
) -> float:
    """Estimate the same by leaving out one part of every subgroup at a time.

    With K parts the variance of the whole is (K - 1) / K times the sum of squared
    deviations [Efron and Tibshirani (1993), "An Introduction to the Bootstrap", 11.5].
    """
    part = _deal(codes)
    deviations = np.zeros(codes.n_subgroups)
    for left_out in range(_N_PARTS):
        kept = np.where(part == left_out, DROPPED, codes.codes)
        found = rows.estimates(SubgroupCodes(kept, codes.labels, codes.name))
        deviations += (scale(found) - values) ** 2
    squares = size * (size - 1.0) * (_N_PARTS - 1) / _N_PARTS * deviations
    known = np.isfinite(squares) & (size > 1.0)
    if not known.any():
        return float("nan")
    freedom = size - 1.0
    return float(squares[known].sum() * freedom.sum() / freedom[known].sum())


def _deal(codes: SubgroupCodes) -> NDArray[np.intp]:
    """Deal the rows of every subgroup into parts of equal size, in row order."""
    order = np.argsort(codes.codes, kind="stable")
    first = np.searchsorted(codes.codes[order], codes.codes[order], side="left")
    part = np.empty(len(order), dtype=np.intp)
    part[order] = (np.arange(len(order)) - first) % _N_PARTS
    return part
