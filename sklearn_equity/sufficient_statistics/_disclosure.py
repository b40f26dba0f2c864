"""Which subgroups must not be shown, so that no sum tells of a handful of people?"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["to_suppress"]


def to_suppress(n: NDArray[np.int64], least: int) -> NDArray[np.bool_]:
    """Mark small subgroups; if one alone is small, the next smallest goes with it.

    One alone could be had as the rest of all.

    Parameters
    ----------
    n : ndarray of shape (n_subgroups,)
        The rows of each.
    least : int
        Those with fewer rows are small.
    """
    small: NDArray[np.bool_] = n < least
    if small.sum() == 1 and not small.all():
        others = np.where(small, np.iinfo(np.int64).max, n)
        small[np.argmin(others)] = True
    return small
