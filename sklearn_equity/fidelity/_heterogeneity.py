"""How far apart do subgroups truly lie, each measured with an error of its own?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2

__all__ = ["TrueSpread", "true_spread"]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class TrueSpread:
    """The standard deviation of the true values of subgroups, in the metric's unit.

    Attributes
    ----------
    estimate : float
        The spread that makes the measured values as far apart as they are; 0 where
        their errors alone explain that; NaN if fewer than two can be compared.
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
    r"""Estimate the spread of true values about the means of their strata.

    With errors :math:`s_i`, a spread :math:`\tau`, weights :math:`w_i = 1 / (s_i^2 +
    \tau^2)` and the weighted mean of each stratum, the scatter is :math:`Q(\tau) =
    \sum_i w_i (x_i - \bar x)^2`. The estimate solves :math:`Q(\tau)` = what it is on
    average among equals, the ends of the interval solve it for quantiles.

    Parameters
    ----------
    estimate, std_error : ndarray of shape (1 + n_shuffles, n_subgroups)
        As measured in the first row; the others, where there are any, with the people
        of a stratum dealt out anew, which show how equals scatter. Without them that is
        a chi-squared distribution, as if the errors were known.
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
    tail = (1.0 - confidence_level) / 2.0
    scatter = _scatter(x, s, member, 0.0)
    if len(x) > 1:
        least, most = np.quantile(scatter[1:], [tail, 1.0 - tail])
        average = float(scatter[1:].mean())
        p_value = float((1 + (scatter[1:] >= scatter[0]).sum()) / len(scatter))
    else:
        least, most = chi2.ppf([tail, 1.0 - tail], freedom)
        average, p_value = float(freedom), float(chi2.sf(scatter[0], freedom))
    return TrueSpread(
        estimate=_solve(x[:1], s[:1], member, average),
        ci_low=_solve(x[:1], s[:1], member, float(most)),
        ci_high=_solve(x[:1], s[:1], member, float(least)),
        p_value=p_value,
        n_subgroups=x.shape[1],
    )


def _scatter(x: Vector, s: Vector, member: Vector, spread: float) -> Vector:
    weight = 1.0 / (s**2 + spread**2)
    mean = (weight * x) @ member.T / (weight @ member.T)
    scatter: Vector = (weight * (x - mean @ member) ** 2).sum(axis=-1)
    return scatter


def _solve(x: Vector, s: Vector, member: Vector, value: float) -> float:
    """Find the spread at which the scatter falls to a value; 0 if it is below at 0."""

    def excess(spread: float) -> float:
        return float(_scatter(x, s, member, spread)[0]) - value

    if excess(0.0) <= 0.0:
        return 0.0
    most = float(np.ptp(x)) * np.sqrt(x.shape[1] / value)
    return float(brentq(excess, 0.0, most))
