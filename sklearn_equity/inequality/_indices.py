"""How unequally is a quantity, such as a model's error, spread over subgroups?

Every index here is 0 at equality, does not change with the unit of the values, and
falls when some of a high value is moved to a low one without their changing places.
They describe the values as given: the part of a spread of *estimates* that is sampling
noise is in the index too; `inequality_index` takes it out.
"""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from sklearn_equity.inequality._values import check_values

__all__ = [
    "atkinson",
    "coefficient_of_variation",
    "generalized_entropy",
    "gini",
    "lorenz_curve",
    "theil",
]


def gini(
    values: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    corrected: bool = False,
    data: Any = None,
) -> float:
    r"""Gini index of non-negative values.

    Lower is more equal: 0 when all values agree, (n - 1) / n when one value of n holds
    everything. Unit-free: multiplying all values by a positive constant changes
    nothing, adding one to all of them lowers the index. Defined from one value up.

    Parameters
    ----------
    values : array-like of shape (n_subgroups,)
        Non-negative, in any unit. For errors, a high value is a bad outcome.
    sample_weight : array-like of shape (n_subgroups,), default=None
        Weight w counts a value w times. None gives every subgroup one voice, whatever
        its size; counts give every person one.
    corrected : bool, default=False
        Divide by the largest value that this many values can reach, so that one value
        holding everything reads 1. This does not remove sampling noise from estimates.
    data : data frame, default=None
        A table of any engine; `values` and `sample_weight` then name its columns. A
        lazy one counts equal values where it lies, and the different ones come here.

    Returns
    -------
    float
        The index, from 0 to less than 1 (to 1 if `corrected`).

    Raises
    ------
    ValueError
        If a value is negative, missing or infinite, or a weight is negative.

    See Also
    --------
    theil : More sensitive to high values; decomposes into within and between groups.
    lorenz_curve : The curve whose distance from the diagonal this index is.

    Notes
    -----
    With weights w that sum to 1, values x sorted upwards and mean m,
    :math:`G = \frac{2}{m} \sum_i w_i x_i (W_i - w_i / 2) - 1`, where
    :math:`W_i = \sum_{j \le i} w_j` [1]_. The sum in sorted order takes O(n log n)
    where the pairwise definition takes n**2. Ties need no rule: equal values may stand
    in any order. The correction divides by :math:`1 - \sum_i w_i^2`, which is
    (n - 1) / n for equal weights. If all values are 0 the index is 0, with a
    `DegenerateInequalityWarning`; a single value has index 0.

    References
    ----------
    .. [1] Lerman and Yitzhaki (1989), "Improving the accuracy of estimates of Gini
       coefficients", Journal of Econometrics 42, 43-47.

    Examples
    --------
    >>> from sklearn_equity import gini
    >>> gini([0.0, 0.0, 0.0, 1.0])
    0.75
    >>> gini([0.0, 0.0, 0.0, 1.0], corrected=True)
    1.0
    """
    x, w, n = check_values(values, sample_weight, data)
    mean = w @ x
    if mean == 0.0:
        return 0.0
    order = np.argsort(x, kind="stable")
    x, w, n = x[order], w[order], n[order]
    midrank = np.cumsum(w) - w / 2
    index = 2.0 * float(w @ (x / mean * midrank)) - 1.0
    if corrected:
        room = 1.0 - float(w @ (w / n))
        index = index / room if room > 0.0 else 0.0
    return max(index, 0.0)  # rounding may leave -1e-17 at equality


def theil(
    values: ArrayLike, *, sample_weight: ArrayLike | None = None, data: Any = None
) -> float:
    r"""Theil index T of non-negative values: generalized entropy of order 1.

    Lower is more equal: 0 when all values agree, log(n) when one value of n holds
    everything. Unit-free. Defined from one value up.

    Parameters
    ----------
    values : array-like of shape (n_subgroups,)
        Non-negative, in any unit. A value of 0 adds nothing (x log x tends to 0).
    sample_weight : array-like of shape (n_subgroups,), default=None
        Weight w counts a value w times. None gives every subgroup one voice.
    data : data frame, default=None
        A table of any engine; `values` and `sample_weight` then name its columns. A
        lazy one counts equal values where it lies, and the different ones come here.

    Returns
    -------
    float
        The index, 0 or more.

    Raises
    ------
    ValueError
        If a value is negative, missing or infinite, or a weight is negative.

    See Also
    --------
    generalized_entropy : The family of which this is the member of order 1.

    Notes
    -----
    :math:`T = \sum_i w_i \frac{x_i}{m} \log \frac{x_i}{m}` with weights that sum to
    1 and mean m [1]_. All values 0: 0, with a `DegenerateInequalityWarning`.

    References
    ----------
    .. [1] Theil (1967), "Economics and Information Theory", North-Holland.

    Examples
    --------
    >>> from sklearn_equity import theil
    >>> round(theil([1.0, 3.0]), 4)
    0.1308
    """
    x, w, _ = check_values(values, sample_weight, data)
    mean = w @ x
    return 0.0 if mean == 0.0 else _entropy_of_order_one(x / mean, w)


def generalized_entropy(
    values: ArrayLike,
    *,
    alpha: float = 2.0,
    sample_weight: ArrayLike | None = None,
    data: Any = None,
) -> float:
    r"""Generalized entropy index of order `alpha` of non-negative values.

    Lower is more equal: 0 when all values agree; infinite at orders of 0 and below if
    any value is 0. Unit-free. Defined from one value up.

    Parameters
    ----------
    values : array-like of shape (n_subgroups,)
        Non-negative, in any unit.
    alpha : float, default=2.0
        The order: higher weighs differences among high values more. 0 is the mean log
        deviation, 1 the Theil index, 2 half the squared coefficient of variation.
    sample_weight : array-like of shape (n_subgroups,), default=None
        Weight w counts a value w times. None gives every subgroup one voice.
    data : data frame, default=None
        A table of any engine; `values` and `sample_weight` then name its columns. A
        lazy one counts equal values where it lies, and the different ones come here.

    Returns
    -------
    float
        The index, 0 or more.

    Raises
    ------
    ValueError
        If a value is negative, missing or infinite, a weight is negative, or `alpha`
        is not finite.

    See Also
    --------
    atkinson : The same orderings for alpha below 1, on a scale from 0 to 1.

    Notes
    -----
    :math:`GE_a = \frac{1}{a (a - 1)} \left( \sum_i w_i (x_i / m)^a - 1 \right)`,
    with its limits :math:`-\sum w \log(x/m)` at 0 and :math:`\sum w (x/m)
    \log(x/m)` at 1 [1]_. All values 0: 0, with a `DegenerateInequalityWarning`.

    References
    ----------
    .. [1] Shorrocks (1980), "The class of additively decomposable inequality measures",
       Econometrica 48, 613-625.

    Examples
    --------
    >>> from sklearn_equity import generalized_entropy
    >>> generalized_entropy([1.0, 3.0])
    0.125
    """
    x, w, _ = check_values(values, sample_weight, data)
    if not (isinstance(alpha, Real) and np.isfinite(float(alpha))):
        raise ValueError(f"`alpha` must be a finite number; got {alpha!r}.")
    mean = w @ x
    if mean == 0.0:
        return 0.0
    ratio = x / mean
    if alpha <= 0.0 and not ratio.all():
        return float("inf")
    if alpha == 0.0:
        return max(-float(w @ np.log(ratio)), 0.0)
    if alpha == 1.0:
        return _entropy_of_order_one(ratio, w)
    with np.errstate(over="ignore"):
        power = float(w @ ratio**alpha)
    if not np.isfinite(power):
        msg = (
            f"`alpha` must be nearer to 0: to the power of {alpha:g}, the values leave "
            "the range of numbers."
        )
        raise ValueError(msg)
    return max((power - 1.0) / (alpha * (alpha - 1.0)), 0.0)


def _entropy_of_order_one(ratio: NDArray[np.float64], w: NDArray[np.float64]) -> float:
    log_ratio = np.log(ratio, out=np.zeros_like(ratio), where=ratio > 0.0)
    return max(float(w @ (ratio * log_ratio)), 0.0)


def atkinson(
    values: ArrayLike,
    *,
    epsilon: float = 0.5,
    sample_weight: ArrayLike | None = None,
    data: Any = None,
) -> float:
    r"""Atkinson index of non-negative values.

    Lower is more equal: 0 when all values agree, and at most 1. Unit-free. Defined from
    one value up.

    Parameters
    ----------
    values : array-like of shape (n_subgroups,)
        Non-negative, in any unit. The index was made for goods such as income and
        weighs low values most; for errors, the low values are the well served.
    epsilon : float, default=0.5
        Aversion to inequality, more than 0. From 1 on the index is 1 if any value is 0.
    sample_weight : array-like of shape (n_subgroups,), default=None
        Weight w counts a value w times. None gives every subgroup one voice.
    data : data frame, default=None
        A table of any engine; `values` and `sample_weight` then name its columns. A
        lazy one counts equal values where it lies, and the different ones come here.

    Returns
    -------
    float
        The index, from 0 to 1.

    Raises
    ------
    ValueError
        If a value is negative, missing or infinite, a weight is negative, or `epsilon`
        is not a positive finite number.

    See Also
    --------
    generalized_entropy : Orders the same distributions for alpha = 1 - epsilon.

    Notes
    -----
    :math:`A = 1 - \frac{1}{m} \left( \sum_i w_i x_i^{1 - \epsilon}
    \right)^{1 / (1 - \epsilon)}`, and at :math:`\epsilon = 1` one minus the ratio of
    the geometric to the arithmetic mean [1]_. All values 0: 0, with a
    `DegenerateInequalityWarning`.

    References
    ----------
    .. [1] Atkinson (1970), "On the measurement of inequality", Journal of Economic
       Theory 2, 244-263.

    Examples
    --------
    >>> from sklearn_equity import atkinson
    >>> round(atkinson([1.0, 3.0], epsilon=1.0), 4)
    0.134
    """
    x, w, _ = check_values(values, sample_weight, data)
    if not (
        isinstance(epsilon, Real) and np.isfinite(float(epsilon)) and epsilon > 0.0
    ):
        raise ValueError(f"`epsilon` must be positive and finite; got {epsilon!r}.")
    epsilon = min(float(epsilon), 1e100)  # long before, the least value alone counts
    mean = w @ x
    if mean == 0.0:
        return 0.0
    ratio = x / mean
    if epsilon >= 1.0 and not ratio.all():
        return 1.0
    if epsilon == 1.0:
        equivalent = np.exp(w @ np.log(ratio))
    elif epsilon > 1.0:  # on logarithms: high powers leave the range of numbers
        power = (1.0 - epsilon) * np.log(ratio)
        equivalent = np.exp(logsumexp(power, b=w) / (1.0 - epsilon))
    else:
        equivalent = (w @ ratio ** (1.0 - epsilon)) ** (1.0 / (1.0 - epsilon))
    return max(1.0 - float(equivalent), 0.0)


def coefficient_of_variation(
    values: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    corrected: bool = False,
    data: Any = None,
) -> float:
    r"""Coefficient of variation of non-negative values: standard deviation over mean.

    Lower is more equal: 0 when all values agree, sqrt(n - 1) when one value of n holds
    everything. Unit-free. Defined from one value up.

    Parameters
    ----------
    values : array-like of shape (n_subgroups,)
        Non-negative, in any unit.
    sample_weight : array-like of shape (n_subgroups,), default=None
        Weight w counts a value w times. None gives every subgroup one voice.
    corrected : bool, default=False
        Take the values for a sample of others: divide the variance, for equal weights,
        by n - 1 in place of n. This does not remove sampling noise from estimates.
    data : data frame, default=None
        A table of any engine; `values` and `sample_weight` then name its columns. A
        lazy one counts equal values where it lies, and the different ones come here.

    Returns
    -------
    float
        The coefficient, 0 or more.

    Raises
    ------
    ValueError
        If a value is negative, missing or infinite, or a weight is negative.

    See Also
    --------
    generalized_entropy : At alpha=2, half the square of this coefficient.

    Notes
    -----
    The correction divides the variance by :math:`1 - \sum_i w_i^2` for weights w that
    sum to 1, which is (n - 1) / n for equal ones. All values 0: 0, with a
    `DegenerateInequalityWarning`; a single value has coefficient 0.

    Examples
    --------
    >>> from sklearn_equity import coefficient_of_variation
    >>> coefficient_of_variation([1.0, 3.0])
    0.5
    """
    x, w, n = check_values(values, sample_weight, data)
    mean = w @ x
    if mean == 0.0:
        return 0.0
    variance = float(w @ (x / mean - 1.0) ** 2)
    if corrected and n.sum() > 1:
        variance /= 1.0 - float(w @ (w / n))
    return float(np.sqrt(variance))


def lorenz_curve(
    values: ArrayLike, *, sample_weight: ArrayLike | None = None, data: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lorenz curve: the share of the total that the lowest values hold.

    The diagonal is equality; the further the curve sags, the more unequal. The area
    between diagonal and curve is half the Gini index.

    Parameters
    ----------
    values : array-like of shape (n_subgroups,)
        Non-negative, in any unit.
    sample_weight : array-like of shape (n_subgroups,), default=None
        Weight w counts a value w times. None gives every subgroup one voice.
    data : data frame, default=None
        A table of any engine; `values` and `sample_weight` then name its columns. A
        lazy one counts equal values where it lies, and the different ones come here.

    Returns
    -------
    population_share : ndarray of shape (n_subgroups + 1,)
        Cumulative share of the weights, from 0 to 1, lowest values first.
    value_share : ndarray of shape (n_subgroups + 1,)
        Cumulative share of the values, from 0 to 1.

    Raises
    ------
    ValueError
        If a value is negative, missing or infinite, or a weight is negative.

    See Also
    --------
    gini : Twice the area between the diagonal and this curve.

    Notes
    -----
    All values 0: the diagonal, with a `DegenerateInequalityWarning`.

    Examples
    --------
    >>> from sklearn_equity import lorenz_curve
    >>> population_share, value_share = lorenz_curve([3.0, 1.0])
    >>> population_share
    array([0. , 0.5, 1. ])
    >>> value_share
    array([0.  , 0.25, 1.  ])
    """
    x, w, _ = check_values(values, sample_weight, data)
    order = np.argsort(x, kind="stable")
    w = w[order]
    held = w * x[order]
    total = held.sum()
    population_share = np.concatenate([[0.0], np.cumsum(w)])
    value_share = (
        population_share.copy()
        if total == 0.0
        else np.concatenate([[0.0], np.cumsum(held) / total])
    )
    population_share[-1] = value_share[-1] = 1.0
    return population_share, value_share
