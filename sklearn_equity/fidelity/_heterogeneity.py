"""How far apart do subgroups truly lie, each measured with an error of its own?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TrueSpread", "true_spread"]

Vector = NDArray[np.float64]

_N_BISECTIONS = 60


@dataclass(frozen=True)
class TrueSpread:
    """The standard deviation of the true values of subgroups, in the metric's unit.

    Attributes
    ----------
    estimate : float
        That of the measured values without what their errors add; 0 where these alone
        explain it; NaN if fewer than two can be compared.
    ci_low, ci_high : float
        The ends of its interval.
    p_value : float
        How often equal subgroups would be measured as far apart.
    n_subgroups : int
        How many were compared.
    """

    estimate: float
    ci_low: float
    ci_high: float
    p_value: float
    n_subgroups: int


def true_spread(
    estimate: Vector,
    std_error: Vector,
    stratum: NDArray[np.intp],
    *,
    confidence_level: float,
) -> TrueSpread:
    r"""Estimate how far the true values of these subgroups lie from their strata's.

    With the squares about the means of the strata, :math:`T = \sum_i (x_i - \bar
    x)^2 / f`, where the k subgroups of a stratum add :math:`k - 1` to :math:`f`, the
    spread is the root of :math:`T - \kappa \sum_i (1 - 1 / k_i) s_i^2 / f`. The ends of
    its interval are the spreads at which a T as large, or as small, becomes too rare.
    They are those of these subgroups, and not of a population that they were drawn
    from: of two, that would be next to unknown.

    Noise for the interval is drawn twice, and the more cautious end is taken: as the
    draws stray from their mean, each as wide as the subgroup's own standard error says;
    and as many of its standard errors from 0 as each draw is of its own, which knows
    how unsure these are.

    The p-value is that of the squares each divided by :math:`s_i^2`, which is surer.

    Parameters
    ----------
    estimate, std_error : ndarray of shape (1 + n_draws, n_subgroups)
        As measured in the first row; in the others as equals would be, such as with the
        people of a stratum dealt out anew. On average T then is as large as the errors
        say, times :math:`\kappa`.
    stratum : ndarray of shape (n_subgroups,)
        The stratum of each subgroup.
    confidence_level : float
        The level of the interval.
    """
    known = (np.isfinite(estimate) & (std_error > 0.0)).all(axis=0)
    x, s = estimate[:, known], std_error[:, known]
    _, place = np.unique(stratum[known], return_inverse=True)
    freedom = x.shape[1] - len(np.unique(place))
    if freedom < 1:
        return TrueSpread(np.nan, np.nan, np.nan, np.nan, x.shape[1])
    member = np.equal.outer(np.unique(place), place).astype(np.float64)
    scatter = _scatter(x, s, member)
    p_value = float((1 + (scatter[1:] >= scatter[0]).sum()) / len(scatter))
    tail = (1.0 - confidence_level) / 2.0

    strayed = x[1:] - x[1:].mean(axis=0)
    squares = _squares(x[0], member) / freedom
    alone = 1.0 - 1.0 / (member.sum(axis=1) @ member)
    expected = (alone * s**2).sum(axis=1) / freedom
    inflation = _squares(strayed, member).mean() / freedom / expected[1:].mean()
    noises = (
        strayed * s[0] / np.sqrt((s[1:] ** 2).mean(axis=0)),
        strayed / s[1:] * s[0],
    )
    ends = [_ends(x[0], noise, member, freedom, tail) for noise in noises]
    return TrueSpread(
        estimate=float(np.sqrt(max(squares - inflation * expected[0], 0.0))),
        # Not shown to lie apart, they may be equal.
        ci_low=min(low for low, _ in ends) if p_value <= tail else 0.0,
        ci_high=max(high for _, high in ends),
        p_value=p_value,
        n_subgroups=x.shape[1],
    )


def _scatter(x: Vector, s: Vector, member: Vector) -> Vector:
    """Sum squares about the weighted means of the strata, in standard errors."""
    weight = 1.0 / s**2
    mean = (weight * x) @ member.T / (weight @ member.T)
    scatter: Vector = (weight * (x - mean @ member) ** 2).sum(axis=-1)
    return scatter


def _about_means(x: Vector, member: Vector) -> Vector:
    means = x @ member.T / member.sum(axis=1)
    return np.asarray(x - means @ member)


def _squares(x: Vector, member: Vector) -> Vector:
    return np.asarray((_about_means(x, member) ** 2).sum(axis=-1))


def _ends(
    x: Vector, noise: Vector, member: Vector, freedom: int, tail: float
) -> tuple[float, float]:
    """Return the spreads at which squares as large, or as small, become too rare.

    True values with a spread t, in the pattern of the measured ones, add the square of
    t, and 2 t times their product with the noise, to the squares of the noise.
    """
    about = _about_means(x, member)
    squares = float((about**2).sum() / freedom)
    pattern = about / np.sqrt(squares) if squares > 0.0 else about
    product = _about_means(noise, member) @ pattern / freedom
    of_noise = _squares(noise, member) / freedom

    def share(spread: float) -> float:
        drawn = spread**2 + 2.0 * spread * product + of_noise
        return float((drawn >= squares).mean())

    most = 2.0 * float(np.sqrt(squares + of_noise.max()))
    return (
        _first(lambda spread: share(spread) > tail, most),
        _first(lambda spread: share(spread) >= 1.0 - tail, most),
    )


def _first(holds: Callable[[float], bool], high: float) -> float:
    """Return the least spread at which something holds that holds from there."""
    if holds(0.0):
        return 0.0
    low = 0.0
    while not holds(high):
        low, high = high, 2.0 * high
    for _ in range(_N_BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
