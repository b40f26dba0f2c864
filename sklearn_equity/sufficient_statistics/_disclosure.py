"""Which subgroups must not be shown, so that no sum tells of a handful of people?"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["to_suppress"]


def to_suppress(
    n: NDArray[np.int64], least: int, n_elsewhere: int = 0
) -> NDArray[np.bool_]:
    """Mark small subgroups, and the next smallest until enough people are hidden.

    Together, those hidden could be had as the rest of all.

    Parameters
    ----------
    n : ndarray of shape (n_subgroups,)
        The rows of each.
    least : int
        Those with fewer rows are small; as many rows must be hidden, if any are.
    n_elsewhere : int, default=0
        The rows of everybody that are in none of the subgroups.
    """
    small: NDArray[np.bool_] = n < least
    n_hidden = int(n[small].sum()) + (n_elsewhere if least > 1 else 0)
    for i in np.argsort(n, kind="stable"):
        if not 0 < n_hidden < least:
            break
        if not small[i]:
            small[i] = True
            n_hidden += int(n[i])
    return small
