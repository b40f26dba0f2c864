"""How wide must intervals be, so that all of them hold at once?"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sklearn_equity.fidelity._line import from_line, to_line
from sklearn_equity.fidelity._metric import Metric

__all__ = ["widen"]

Vector = NDArray[np.float64]


def widen(
    metric: Metric,
    middle: Vector,
    ends: tuple[Vector, Vector],
    n: NDArray[np.intp],
    *,
    confidence_level: float,
) -> tuple[Vector, Vector]:
    r"""Stretch intervals so that they hold together at the level that each has.

    Each reach, on the scale without ends, is multiplied by what Student's t with n - 1
    degrees of freedom needs at the level :math:`\gamma^{1/m}` for m intervals (Šidák)
    over what it needs at :math:`\gamma`. So the skewness of an interval stays.

    Parameters
    ----------
    metric : Metric
        What was estimated.
    middle : ndarray of shape (n_subgroups,)
        What lies between the ends and stays: the estimates, or medians of resamples.
    ends : tuple of ndarrays of shape (n_subgroups,)
        The lower and the upper ends of their intervals; NaN where unknown.
    n : ndarray of shape (n_subgroups,)
        The rows of each subgroup.
    confidence_level : float
        The level of each interval, and then of all.

    Returns
    -------
    tuple of ndarrays
        The lower and the upper ends; NaN where unknown.
    """
    known = np.isfinite(ends[0]) & np.isfinite(ends[1])
    freedom = np.maximum(n - 1, 1)
    together = confidence_level ** (1.0 / max(int(known.sum()), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = stdtrit(freedom, (1.0 + together) / 2.0) / stdtrit(
            freedom, (1.0 + confidence_level) / 2.0
        )
        center = to_line(metric, middle)
        on_line = [
            from_line(metric, center + stretch * (to_line(metric, end) - center))
            for end in ends
        ]
    plain = [np.clip(middle + stretch * (end - middle), *metric.bounds) for end in ends]
    low, high = (
        np.where(np.isfinite(center), stretched, straight)
        for stretched, straight in zip(on_line, plain, strict=True)
    )
    return low, high
