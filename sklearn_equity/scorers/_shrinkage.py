"""How much of the spread of subgroup figures is more than sampling noise?

The worst of fifty noisy figures is noise, and so is most of their inequality. Empirical
Bayes pulls every figure towards their common mean, by as much as its noise deserves.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from sklearn_equity._checks import DROPPED, SubgroupCodes
from sklearn_equity.fidelity import subgroup_variances
from sklearn_equity.scorers._values import ScoredRows

__all__ = ["MIN_SUBGROUPS", "shrink_estimates"]

Vector = NDArray[np.float64]
MIN_SUBGROUPS = 4  # below, an estimated common mean gains nothing (Stein's paradox)
_N_BLOCKS = 5


def shrink_estimates(
    estimates: Vector, rows: ScoredRows, codes: SubgroupCodes
) -> Vector:
    r"""Pull estimates towards their common mean by their sampling noise.

    Parameters
    ----------
    estimates : ndarray of shape (n_subgroups,)
        What `rows` give for these subgroups, all finite.
    rows : ScoredRows
        The data.
    codes : SubgroupCodes
        The subgroup of each row.

    Returns
    -------
    ndarray of shape (n_subgroups,)
        :math:`m + B_s (v_s - m)` with :math:`B_s = t^2 / (t^2 + c / n_s)`. Fewer than
        four estimates are returned as they came.

    Notes
    -----
    The sampling variance of a figure is taken as c / n, with one c for all subgroups: a
    variance estimated within a small subgroup is low just where the figure is, and
    would pull the others down to it. The variance t**2 between subgroups solves
    :math:`\sum_s (v_s - m)^2 / (t^2 + c / n_s) = G - 1 + \sqrt{2 (G - 1)}`, or is 0
    where the left side is less at 0. That is the estimator of Paule and Mandel with one
    standard deviation of pure noise granted, since errors have heavier tails than the
    normal distribution behind :math:`G - 1`.
    """
    if len(estimates) < MIN_SUBGROUPS:
        return estimates
    size = _effective_size(codes, rows.sample_weight)
    variance = _own_variance(estimates, rows, codes)
    usable = np.isfinite(variance) & (size > 1.0)
    if not usable.any():
        return estimates
    per_row = size * variance
    share = np.where(usable, size - 1.0, 0.0)
    noise = np.average(np.where(usable, per_row, 0.0), weights=share) / size
    return _towards_mean(estimates, noise)


def _towards_mean(estimates: Vector, noise: Vector) -> Vector:
    if not noise.all():
        return estimates
    n = len(estimates) - 1
    expected = n + np.sqrt(2.0 * n)

    def excess(between: float) -> float:
        weight = 1.0 / (noise + between)
        mean = np.average(estimates, weights=weight)
        return float(weight @ (estimates - mean) ** 2 - expected)

    between = 0.0
    if excess(0.0) > 0.0:
        # With all squares as the denominator the left side is at most 1.
        most = float(((estimates - estimates.mean()) ** 2).sum())
        between = float(brentq(excess, 0.0, most))
    mean = np.average(estimates, weights=1.0 / (noise + between))
    return mean + between / (between + noise) * (estimates - mean)


def _effective_size(codes: SubgroupCodes, sample_weight: Vector | None) -> Vector:
    if sample_weight is None:
        return codes.counts().astype(np.float64)
    kept = codes.codes != DROPPED
    total, squares = (
        np.bincount(codes.codes[kept], power[kept], minlength=codes.n_subgroups)
        for power in (sample_weight, sample_weight**2)
    )
    return total**2 / squares


def _own_variance(estimates: Vector, rows: ScoredRows, codes: SubgroupCodes) -> Vector:
    """Estimate the sampling variance of each subgroup's figure."""
    if rows.metric.columns is None:
        return _jackknife_variance(estimates, rows, codes)
    return subgroup_variances(
        rows.y_true, rows.y_pred, codes, rows.metric, sample_weight=rows.sample_weight
    )


def _jackknife_variance(
    estimates: Vector, rows: ScoredRows, codes: SubgroupCodes
) -> Vector:
    """Leave out one block of every subgroup at a time: for functions of rows.

    With K blocks the variance of the whole is (K - 1) / K times the sum of squared
    deviations [Efron and Tibshirani (1993), "An Introduction to the Bootstrap", 11.5].
    """
    block = _deal(codes)
    total = np.zeros(codes.n_subgroups)
    for left_out in range(_N_BLOCKS):
        kept = np.where(block == left_out, DROPPED, codes.codes)
        part = rows.estimates(SubgroupCodes(kept, codes.labels, codes.name))
        total += (part - estimates) ** 2
    return (_N_BLOCKS - 1) / _N_BLOCKS * total


def _deal(codes: SubgroupCodes) -> NDArray[np.intp]:
    """Deal the rows of every subgroup into blocks of equal size, in row order."""
    order = np.argsort(codes.codes, kind="stable")
    first = np.searchsorted(codes.codes[order], codes.codes[order], side="left")
    block = np.empty(len(order), dtype=np.intp)
    block[order] = (np.arange(len(order)) - first) % _N_BLOCKS
    return block
