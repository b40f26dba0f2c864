"""How sure is a share of people, or the mean of several such shares?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sklearn_equity.fidelity._metric import Share

__all__ = ["share_interval", "share_interval_of_sums"]

Vector = NDArray[np.float64]


def share_interval(
    shares: Sequence[Share], sample_weight: Vector | None, tail: float
) -> tuple[float, float]:
    r"""Invert the score test of a share, and join the intervals of several.

    Resamples of few yes-or-no rows take few values, and their quantiles jump.

    Parameters
    ----------
    shares : sequence of pairs of ndarrays of shape (n_rows,)
        Whom each share counts, and of whom it holds, as 0 or 1.
    sample_weight : ndarray of shape (n_rows,) or None
        Case weights; a share then has Kish's effective sample size.
    tail : float
        The chance on either side.

    Returns
    -------
    tuple of float
        The ends; NaN where a share counts nobody.

    Notes
    -----
    One share has Wilson's interval [1]_. The mean of k independent shares has the
    reach :math:`\sqrt{\sum_j (\hat p_j - l_j)^2} / k` below it, and alike above it,
    with the ends of the single intervals (the method of variance estimates recovery,
    [2]_).

    References
    ----------
    .. [1] Wilson (1927), "Probable inference, the law of succession, and statistical
       inference", Journal of the American Statistical Association 22, 209-212.
    .. [2] Zou and Donner (2008), "Construction of confidence limits about effect
       measures: a general approach", Statistics in Medicine 27, 1693-1702.
    """
    counted = [
        counted if sample_weight is None else counted * sample_weight
        for counted, _ in shares
    ]
    hit = [
        float((hit if sample_weight is None else hit * sample_weight).sum())
        for _, hit in shares
    ]
    return share_interval_of_sums(
        np.array([weights.sum() for weights in counted]),
        np.array([(weights**2).sum() for weights in counted]),
        np.array(hit),
        tail,
    )


def share_interval_of_sums(
    counted: Vector, squares: Vector, hit: Vector, tail: float
) -> tuple[float, float]:
    """Do the same from the weights counted by each share, their squares, and the hits.

    Each of the three has shape (n_shares,).
    """
    if (counted <= 0.0).any():
        return np.nan, np.nan
    value = hit / counted
    low, high = _wilson(value, counted**2 / squares, tail)
    center = float(value.mean())
    below = float(np.sqrt(((value - low) ** 2).sum())) / len(value)
    above = float(np.sqrt(((high - value) ** 2).sum())) / len(value)
    return max(center - below, 0.0), min(center + above, 1.0)


def _wilson(value: Vector, n: Vector, tail: float) -> tuple[Vector, Vector]:
    """Return the ends of the intervals of shares of n people."""
    squared = float(ndtri(tail)) ** 2 / n
    center = (value + squared / 2.0) / (1.0 + squared)
    reach = np.sqrt(squared * value * (1.0 - value) + squared**2 / 4.0)
    reach = reach / (1.0 + squared)
    return center - reach, center + reach
