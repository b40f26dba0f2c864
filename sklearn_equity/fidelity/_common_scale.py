"""On which scale are people alike whose subgroups differ in size?

A metric that divides by the size of a subgroup's own outcomes is the same on any scale
of theirs, and any metric is on any scale of a subgroup's weights. So rows can be
brought to a scale that all subgroups have in common, and every figure stays. It is the
scale of a subgroup as far as it is known: where subgroups differ by no more than chance
would have it, nothing is changed.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._verdicts import guarded_errors, shrink
from sklearn_equity.sufficient_statistics import subgroup_sums

__all__ = ["means_of", "on_common_scale", "scale_factors"]

Vector = NDArray[np.float64]


def on_common_scale(
    metric: Metric, data: Population, codes: SubgroupCodes
) -> Population:
    """Bring rows to the scale that all subgroups have in common.

    Parameters
    ----------
    metric : Metric
        What is measured; of every subgroup it stays as it is.
    data : Population
        The people.
    codes : SubgroupCodes
        The subgroup of each row; none is dropped.

    Returns
    -------
    Population
        With other weights, and with other outcomes and predictions where the metric
        does not change with their scale.
    """
    if data.sample_weight is not None:
        weight = data.sample_weight * _known_factors(data.sample_weight, codes)
        data = replace(data, sample_weight=weight)
    if not metric.scale_invariant:
        return data
    truth, error = data.y_true, data.y_pred - data.y_true
    if metric.shift_invariant:
        truth = truth - means_of(truth, codes)[codes.codes]
    factor = _known_factors(np.abs(truth), codes)
    return replace(data, y_true=truth * factor, y_pred=(truth + error) * factor)


def _known_factors(size: Vector, codes: SubgroupCodes) -> Vector:
    factor = scale_factors(size, codes)[codes.codes]
    return np.where(np.isfinite(factor), factor, 1.0)


def means_of(values: Vector, codes: SubgroupCodes) -> Vector:
    """Average within subgroups; the last value, for dropped rows, is 1."""
    sums = subgroup_sums(codes.codes, codes.n_subgroups, [values])[:, 0]
    known: Vector = np.r_[sums / np.maximum(codes.counts(), 1), 1.0]
    return known


def scale_factors(size: Vector, codes: SubgroupCodes) -> Vector:
    """Tell what brings each subgroup's mean size to the common one; NaN if it is 0.

    The means, whose noise heavy tails disturb less than that of mean squares, are
    shrunk first: dividing by a noisy one would cut off the tail of its subgroup. The
    noise of a subgroup of one is that of others, for one row. The last value, for
    dropped rows, is NaN.
    """
    n = codes.counts()
    mean = means_of(size, codes)[:-1]
    square = means_of(size**2, codes)[:-1]
    speaking = (n > 1) & (mean > 0.0)
    factor = np.full(codes.n_subgroups + 1, np.nan)
    if not speaking.any():
        return factor
    with np.errstate(divide="ignore", invalid="ignore"):
        noise = np.sqrt(np.maximum(square / mean**2 - 1.0, 0.0) / n)
        level = np.log(mean)
    noise[mean <= 0.0] = level[mean <= 0.0] = np.nan
    shrunken = shrink(level, guarded_errors(n, noise, speaking), n)
    common = float(np.average(shrunken[speaking], weights=n[speaking]))
    known = mean > 0.0
    factor[:-1][known] = np.exp(common - shrunken[known])
    return factor
