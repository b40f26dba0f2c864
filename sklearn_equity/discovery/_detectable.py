"""How large would a gap have been that was found in four of five studies?"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

__all__ = ["detectable_ratios"]

Vector = NDArray[np.float64]

_POWER = 0.8
_SHARES = (0.1, 0.3)  # of those held out
_LARGEST_RATIO = 64.0


def detectable_ratios(
    losses: Vector, level: float, *, fewest: int
) -> tuple[tuple[int, float], ...]:
    """Return subgroup sizes, each with the ratio of their mean loss to everybody's.

    Parameters
    ----------
    losses : ndarray of shape (n_rows,)
        Of the people held out.
    level : float
        The p-value that confirms.
    fewest : int
        The size of the smallest subgroup that is proposed.
    """
    if not losses.mean() > 0:
        return ()
    n_rows = len(losses)
    sizes = {fewest, *(round(share * n_rows) for share in _SHARES)}
    found = []
    for size in sorted(sizes):
        if fewest <= size <= n_rows // 2:
            ratio = detectable_ratio(losses, size, level)
            found.append((size, _of_everybody(ratio, size / n_rows)))
    return tuple(found)


def _of_everybody(ratio: float, share: float) -> float:
    """Turn a ratio to the others into one to all, of whom they are a share."""
    if np.isinf(ratio):
        return ratio
    return ratio / (1.0 + share * (ratio - 1.0))


def detectable_ratio(losses: Vector, n_inside: int, level: float) -> float:
    """Return the ratio of losses that both tests find in 80% of studies each.

    The people inside have losses that are those of everybody times the ratio r. With p
    the chance that one of them has a larger loss than one outside (ties count half),
    the Mann-Whitney statistic is about normal, with mean p and, at p = 1/2, the
    variance (n_in + n_out + 1) / (12 n_in n_out), which is taken for every p. The
    difference of means has the variance r^2 s^2 / n_in + s^2 / n_out.
    """
    n_outside = len(losses) - n_inside
    ordered = np.sort(losses)
    quantiles = norm.isf(level) + norm.ppf(_POWER)
    of_student = t.isf(level, max(n_inside - 1, 1)) + norm.ppf(_POWER)
    of_ranks = np.sqrt((len(losses) + 1) / (12.0 * n_inside * n_outside))
    mean, deviation = losses.mean(), losses.std()

    def is_found(ratio: float) -> bool:
        of_means = deviation * np.sqrt(ratio**2 / n_inside + 1.0 / n_outside)
        return bool(
            _chance_of_larger(ordered, ratio) >= 0.5 + quantiles * of_ranks
            and (ratio - 1.0) * mean >= of_student * of_means
        )

    low, high = 1.0, _LARGEST_RATIO
    if not is_found(high):
        return float("inf")
    while high / low > 1.001:
        middle = float(np.sqrt(low * high))
        if is_found(middle):
            high = middle
        else:
            low = middle
    return high


def _chance_of_larger(ordered: Vector, ratio: float) -> float:
    """Return the chance that a loss times `ratio` exceeds another; ties count half."""
    scaled = ratio * ordered
    below = np.searchsorted(ordered, scaled, side="left")
    up_to = np.searchsorted(ordered, scaled, side="right")
    return float((below + up_to).mean() / (2.0 * len(ordered)))
