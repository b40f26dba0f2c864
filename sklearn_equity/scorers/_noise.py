"""How much of a subgroup's figure is the luck of who is in it?

One number answers for all subgroups: the variance that one row would bring if people
were dealt to subgroups by chance. It is taken from everybody, because a variance
estimated within one small subgroup is low just where its figure is.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._factorize import DROPPED
from sklearn_equity.scorers._values import ScoredRows, SubgroupValues
from sklearn_equity.sufficient_statistics import subgroup_sums

__all__ = ["effective_size", "variance_of_one_row"]

Vector = NDArray[np.float64]
Scale = Callable[[Vector], Vector]
_N_PARTS = 5


def effective_size(found: SubgroupValues, sample_weight: Vector | None) -> Vector:
    """Return how many equally weighted rows the figure of each subgroup is worth."""
    if sample_weight is None:
        return found.counts.astype(np.float64)
    total, squares = subgroup_sums(
        found.codes.codes, found.codes.n_subgroups, [sample_weight, sample_weight**2]
    ).T
    return total**2 / squares


def variance_of_one_row(
    found: SubgroupValues, rows: ScoredRows, size: Vector, scale: Scale
) -> float:
    r"""Estimate the variance that one row brings to the figure of its subgroup.

    Parameters
    ----------
    found : SubgroupValues
        What `rows` give, all finite.
    rows : ScoredRows
        The data.
    size : ndarray of shape (n_subgroups,)
        The effective number of rows of each subgroup.
    scale : callable
        What takes figures to the scale on which they are compared.

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
    if found.sums is not None:
        within = _squares_by_influence(found.sums, found.codes, rows, size, scale)
    elif rows.metric.influence is not None:
        within = _squares_by_known_influence(found.codes, rows, size)
    else:
        within = _squares_by_leaving_out(found, rows, size, scale)
    values = scale(found.values)
    between = float(size @ (values - np.average(values, weights=size)) ** 2)
    return (within + between) / (float(size.sum()) - 1.0)


# ---------------------------------------------------------------------------------
# Metrics that follow from sums
# ---------------------------------------------------------------------------------
def _squares_by_influence(
    sums: Vector, codes: SubgroupCodes, rows: ScoredRows, size: Vector, scale: Scale
) -> float:
    """Sum the squared influences of all rows, each times the size of its subgroup."""
    slopes = _slopes(rows, sums, scale) * size
    # One row more, the last, is for rows coded DROPPED.
    slopes = np.hstack([slopes, np.zeros((len(slopes), 1))])
    total = 0.0
    for code, columns in rows.blocks(codes):
        influence, term = np.zeros(len(code)), np.empty(len(code))
        for slope, column in zip(slopes, columns, strict=True):
            # "wrap" takes the last for -1, and writes to `out` without a copy.
            np.take(slope, code, out=term, mode="wrap")
            influence += np.multiply(term, column, out=term)
        total += float(influence @ influence)
    return total


def _slopes(rows: ScoredRows, sums: Vector, scale: Scale) -> Vector:
    """Differentiate the figures by each of the sums; 0 where a figure is at its end."""
    finish = rows.metric.finish
    if finish is None:
        raise TypeError(f"The metric {rows.metric.name!r} does not follow from sums.")
    steps = 1e-6 * _sizes_of_terms(sums).T
    step = np.eye(len(steps))[:, np.newaxis, :] * steps[:, :, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = scale(finish(sums + step)) - scale(finish(sums - step))
    return np.nan_to_num(rise / (2.0 * steps))


def _sizes_of_terms(sums: Vector) -> Vector:
    """Return a size for each sum: its own, or where it cancels that of the others."""
    typical = np.sqrt((sums**2).sum(axis=0) / (sums[:, 0] ** 2).sum())
    least = 1e-3 * typical * sums[:, :1]
    return np.maximum(np.abs(sums), np.where(least > 0.0, least, 1.0))


# ---------------------------------------------------------------------------------
# Metrics that are functions of rows
# ---------------------------------------------------------------------------------
def _squares_by_known_influence(
    codes: SubgroupCodes, rows: ScoredRows, size: Vector
) -> float:
    """Sum the squared influences that a metric knows, each times its subgroup's size.

    Of five subgroups of 300 people, the noise of an area under the curve is known to
    10% from these, and to 35% from leaving out parts.
    """
    influence_of = rows.metric.influence
    if influence_of is None:
        raise TypeError(f"The metric {rows.metric.name!r} knows no influences.")
    total = 0.0
    for code in range(codes.n_subgroups):
        mine = np.flatnonzero(codes.codes == code)
        weight = None if rows.sample_weight is None else rows.sample_weight[mine]
        influence = influence_of(rows.y_true[mine], rows.y_pred[mine], weight)
        total += float(size[code] ** 2 * (influence @ influence))
    return total


def _squares_by_leaving_out(
    whole: SubgroupValues, rows: ScoredRows, size: Vector, scale: Scale
) -> float:
    """Estimate the same by leaving out one part of every subgroup at a time.

    With K parts the variance of the whole is (K - 1) / K times the sum of squared
    deviations [Efron and Tibshirani (1993), "An Introduction to the Bootstrap", 11.5].
    """
    codes = whole.codes
    part = _deal(codes)
    deviations = np.zeros(codes.n_subgroups)
    for left_out in range(_N_PARTS):
        kept = np.where(part == left_out, DROPPED, codes.codes)
        rest = rows.evaluate(SubgroupCodes(kept, codes.labels, codes.name))
        deviations += (scale(rest.values) - scale(whole.values)) ** 2
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
