"""When many are tested at once, who can be called significant?"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control

from sklearn_equity._numbers import check_numbers

__all__ = ["benjamini_hochberg", "benjamini_yekutieli", "holm"]


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values so that a threshold on them bounds the false discovery rate.

    Calling everything with a q-value of at most .05 makes 5% of the calls false alarms
    in expectation, if the tests are independent or positively dependent [1]_.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        From 0 to 1; NaN for a test that could not be made, which counts as no test.

    Returns
    -------
    ndarray of shape (n_tests,)
        The q-values, never below the p-values; NaN where the p-value is NaN.

    Raises
    ------
    ValueError
        If a p-value lies outside 0 to 1.

    See Also
    --------
    benjamini_yekutieli : The same under any dependence.
    holm : Bounds the chance of any false call.

    Notes
    -----
    With m p-values, the one of rank i is multiplied by m / i, and takes the least of
    the results from its rank upwards. Computed by
    `scipy.stats.false_discovery_control`.

    References
    ----------
    .. [1] Benjamini and Hochberg (1995), "Controlling the false discovery rate",
       Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> from sklearn_equity.significance import benjamini_hochberg
    >>> benjamini_hochberg([0.01, 0.02, 0.6])
    array([0.03, 0.03, 0.6 ])
    """
    return _q_values(p_values, "bh")


def benjamini_yekutieli(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values to bound the false discovery rate under any dependence.

    Calling everything with a q-value of at most .05 makes at most 5% of the calls false
    alarms in expectation, however the tests depend on each other [1]_.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        From 0 to 1; NaN for a test that could not be made, which counts as no test.

    Returns
    -------
    ndarray of shape (n_tests,)
        The q-values, never below those of `benjamini_hochberg`; NaN where the p-value
        is NaN.

    Raises
    ------
    ValueError
        If a p-value lies outside 0 to 1.

    See Also
    --------
    benjamini_hochberg : Finds more, for tests independent or positively dependent.

    Notes
    -----
    The values of `benjamini_hochberg` times 1 + 1/2 + ... + 1/m for m p-values, at most
    1. Computed by `scipy.stats.false_discovery_control`.

    References
    ----------
    .. [1] Benjamini and Yekutieli (2001), "The control of the false discovery rate in
       multiple testing under dependency", Annals of Statistics 29, 1165-1188.

    Examples
    --------
    >>> from sklearn_equity.significance import benjamini_yekutieli
    >>> benjamini_yekutieli([0.01, 0.02, 0.6])
    array([0.055, 0.055, 1.   ])
    """
    return _q_values(p_values, "by")


def _q_values(p_values: ArrayLike, method: Literal["bh", "by"]) -> NDArray[np.float64]:
    p, tested = _check_p_values(p_values)
    q = np.full_like(p, np.nan)
    if tested.any():
        q[tested] = false_discovery_control(p[tested], method=method)
    return q


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values so that a threshold on them bounds the chance of any false call.

    Calling everything with an adjusted value of at most .05 calls anything falsely with
    a chance of at most 5%, however the tests depend on each other [1]_, on conditions
    that the p-values must bring: see the notes.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        From 0 to 1; NaN for a test that could not be made, which counts as no test.

    Returns
    -------
    ndarray of shape (n_tests,)
        The adjusted p-values, at most 1; NaN where the p-value is NaN.

    Raises
    ------
    ValueError
        If a p-value lies outside 0 to 1.

    See Also
    --------
    benjamini_hochberg : Bounds the share of false calls instead; finds more.

    Notes
    -----
    With m p-values, the one of rank i is multiplied by m - i + 1, and takes the largest
    of the results up to its rank.

    The bound holds if each p-value is valid by itself, that is, of a true hypothesis at
    most .05 with a chance of at most 5% (a t test of few skewed rows is so only about),
    if the hypotheses were chosen without looking at the data that test them, and if all
    that were tested are handed over together: neither the most striking ones alone, nor
    in several calls, each of which has a bound of its own.

    References
    ----------
    .. [1] Holm (1979), "A simple sequentially rejective multiple test procedure",
       Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> from sklearn_equity.significance import holm
    >>> holm([0.01, 0.02, 0.6])
    array([0.03, 0.04, 0.6 ])
    """
    p, tested = _check_p_values(p_values)
    adjusted = np.full_like(p, np.nan)
    tested_at = np.flatnonzero(tested)
    order = tested_at[np.argsort(p[tested_at], kind="stable")]
    remaining = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * remaining), 1.0)
    return adjusted


def _check_p_values(
    p_values: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the p-values, and which of them are there."""
    p = check_numbers(p_values, name="p_values", allow_nan=True)
    tested = ~np.isnan(p)
    outside = (p[tested] < 0.0) | (p[tested] > 1.0)
    if outside.any():
        msg = (
            "`p_values` must lie between 0 and 1; got "
            f"{int(outside.sum())} outside, such as {p[tested][outside][0]:g}."
        )
        raise ValueError(msg)
    return p, tested
