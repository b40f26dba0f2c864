"""How much of the spread of subgroup figures is more than sampling noise?

The worst of fifty noisy figures is noise, and so is most of their inequality. Empirical
Bayes pulls every figure towards their common mean, by as much as its noise deserves.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import Metric
from sklearn_equity.scorers._noise import effective_size, variance_of_one_row
from sklearn_equity.scorers._values import ScoredRows

__all__ = ["shrink_estimates"]

Vector = NDArray[np.float64]
_MIN_SUBGROUPS = 4  # below, an estimated common mean gains nothing (Stein's paradox)


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
    Root mean squared errors are compared, shrunk and averaged as squares, where they
    are means: the root would hide how far a large one lies from the others. The
    variance c of one row is that of `variance_of_one_row`. The variance t**2 between
    subgroups solves :math:`\sum_s (v_s - m)^2 / (t^2 + c / n_s) = G - 1 +
    \sqrt{2 (G - 1)}`, or is 0 where the left side is less at 0. That is the estimator
    of Paule and Mandel with one standard deviation of pure noise granted.
    """
    if len(estimates) < _MIN_SUBGROUPS:
        return estimates
    is_root = _is_root(rows.metric)
    scale = np.square if is_root else np.asarray
    values = scale(estimates)
    size = effective_size(codes, rows.sample_weight)
    variance = variance_of_one_row(values, rows, codes, size, scale)
    if not np.isfinite(variance) or variance == 0.0:
        return estimates
    shrunk = _towards_mean(values, variance / size)
    return np.sqrt(shrunk) if is_root else shrunk


def _is_root(metric: Metric) -> bool:
    return metric.name in ("rmse", "nrmse") or metric.name.startswith("root_mean_")


def _towards_mean(values: Vector, noise: Vector) -> Vector:
    n = len(values) - 1
    expected = n + np.sqrt(2.0 * n)

    def excess(between: float) -> float:
        weight = 1.0 / (noise + between)
        mean = np.average(values, weights=weight)
        return float(weight @ (values - mean) ** 2 - expected)

    between = 0.0
    if excess(0.0) > 0.0:
        # With all squares as the denominator the left side is at most 1.
        most = float(((values - values.mean()) ** 2).sum())
        between = float(brentq(excess, 0.0, most))
    mean = np.average(values, weights=1.0 / (noise + between))
    return mean + between / (between + noise) * (values - mean)
