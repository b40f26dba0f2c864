"""How much of the spread of subgroup figures is more than sampling noise?

The worst of fifty noisy figures is noise, and so is most of their inequality. Empirical
Bayes pulls every figure towards their common mean, by as much as its noise deserves.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from sklearn_equity.fidelity import Metric
from sklearn_equity.scorers._noise import effective_size, variance_of_one_row
from sklearn_equity.scorers._values import ScoredRows, SubgroupValues

__all__ = ["shrink_estimates"]

Vector = NDArray[np.float64]
_MIN_SUBGROUPS = 4  # below, an estimated common mean gains nothing (Stein's paradox)


def shrink_estimates(found: SubgroupValues, rows: ScoredRows) -> Vector:
    r"""Pull estimates towards their common mean by their sampling noise.

    Parameters
    ----------
    found : SubgroupValues
        The estimates, all finite.
    rows : ScoredRows
        The data.

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
    if len(found.values) < _MIN_SUBGROUPS:
        return found.values
    is_root = _is_root(rows.metric)
    scale = np.square if is_root else np.asarray
    values = scale(found.values)
    size = effective_size(found, rows.sample_weight)
    variance = variance_of_one_row(found, rows, size, scale)
    if not np.isfinite(variance) or variance == 0.0:
        return found.values
    shrunk = _towards_mean(values, variance / size)
    return np.sqrt(shrunk) if is_root else shrunk


def _is_root(metric: Metric) -> bool:
    return metric.name in ("rmse", "nrmse") or metric.name.startswith("root_mean_")


def _towards_mean(values: Vector, noise: Vector) -> Vector:
    n = len(values) - 1
    expected = n + np.sqrt(2.0 * n)

    def weights_and_mean(between: float) -> tuple[Vector, float]:
        weight = 1.0 / (noise + between)
        return weight, float(weight @ values / weight.sum())

    def excess(between: float) -> float:
        weight, mean = weights_and_mean(between)
        return float(weight @ (values - mean) ** 2 - expected)

    between = 0.0
    if excess(0.0) > 0.0:
        # With all squares as the denominator the left side is at most 1.
        most = float(((values - values.mean()) ** 2).sum())
        between = float(brentq(excess, 0.0, most))
    _, mean = weights_and_mean(between)
    return mean + between / (between + noise) * (values - mean)
