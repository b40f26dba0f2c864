"""Of those called significant, how many are expected to be false alarms?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control

from sklearn_equity._checks import check_numbers

__all__ = ["benjamini_hochberg"]


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
    p = check_numbers(p_values, name="p_values", allow_nan=True)
    tested = ~np.isnan(p)
    if ((p[tested] < 0.0) | (p[tested] > 1.0)).any():
        msg = (
            "`p_values` must lie between 0 and 1; got values from "
            f"{np.nanmin(p):g} to {np.nanmax(p):g}."
        )
        raise ValueError(msg)
    q = np.full_like(p, np.nan)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q
