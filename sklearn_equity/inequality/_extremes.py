"""How far apart are the best and the worst served?"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_equity.inequality._values import check_counted, check_values

__all__ = ["max_gap", "max_ratio"]


def max_gap(
    values: ArrayLike, *, sample_weight: ArrayLike | None = None, data: Any = None
) -> float:
    """Largest gap between two values: the highest less the lowest.

    Lower is more equal: 0 when all values agree, without upper bound. In the unit of
    the values, so that it alone of the indices here takes negative values too. Defined
    from one value up.

    Parameters
    ----------
    values : array-like of shape (n_subgroups,)
        In any unit.
    sample_weight : array-like of shape (n_subgroups,), default=None
        Values of weight 0 do not count; otherwise weights change nothing.
    data : data frame, default=None
        A table of any engine; `values` and `sample_weight` then name its columns. A
        lazy one counts equal values where it lies, and the different ones come here.

    Returns
    -------
    float
        The gap, 0 or more.

    Raises
    ------
    ValueError
        If a value is missing or infinite, or a weight is negative.

    See Also
    --------
    max_ratio : The same two values, free of their unit.

    Notes
    -----
    It reads two values alone and grows with their number: of estimates, the two are
    mostly the noisiest. Moving some of a high value to a low one lowers it only if they
    are the highest and the lowest.

    Examples
    --------
    >>> from sklearn_equity import max_gap
    >>> max_gap([1.0, 2.5, 3.0])
    2.0
    """
    x = check_counted(values, sample_weight, data)[0]
    with np.errstate(over="ignore"):
        gap = float(x.max() - x.min())
    if not np.isfinite(gap):
        msg = f"`values` must have a finite gap; got {x.min():g} to {x.max():g}."
        raise ValueError(msg)
    return gap


def max_ratio(
    values: ArrayLike, *, sample_weight: ArrayLike | None = None, data: Any = None
) -> float:
    """Ratio of the highest value to the lowest.

    Lower is more equal: 1 when all values agree, infinite if only some are 0.
    Unit-free. Defined from one value up.

    Parameters
    ----------
    values : array-like of shape (n_subgroups,)
        Non-negative, in any unit.
    sample_weight : array-like of shape (n_subgroups,), default=None
        Values of weight 0 do not count; otherwise weights change nothing.
    data : data frame, default=None
        A table of any engine; `values` and `sample_weight` then name its columns. A
        lazy one counts equal values where it lies, and the different ones come here.

    Returns
    -------
    float
        The ratio, 1 or more.

    Raises
    ------
    ValueError
        If a value is negative, missing or infinite, or a weight is negative.

    See Also
    --------
    max_gap : The difference of the same two values.

    Notes
    -----
    It reads two values alone, as `max_gap` does. All values 0: 1, with a
    `DegenerateInequalityWarning`.

    Examples
    --------
    >>> from sklearn_equity import max_ratio
    >>> max_ratio([1.0, 2.5, 3.0])
    3.0
    """
    x = check_values(values, sample_weight, data)[0]
    lowest, highest = float(x.min()), float(x.max())
    if lowest == highest:
        return 1.0
    return highest / lowest if lowest > 0.0 else float("inf")
