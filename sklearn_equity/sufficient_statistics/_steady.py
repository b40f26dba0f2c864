"""When does a sum of squares no longer hold the spread, and what then?

Where a mean is many times as large as the spread about it, a sum of raw squares holds
the spread in its last digits, if at all. Then an engine sums once more, each number
taken from the middle of a stretch of values near it; stretches are joined as parts of a
table are, by their means.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["stretches_for"]

_ROUNDING = 1e-15  # of a sum of squares, where an engine adds well
_STANDARD_DEVIATIONS = 32.0  # in a stretch: most subgroups lie in one or two
_MOST_STRETCHES = 64.0  # of an average subgroup


def stretches_for(
    n: NDArray[np.int64],
    mean: NDArray[np.float64],
    scatter: NDArray[np.float64],
    *,
    columns: Iterable[int],
    least: float,
) -> dict[int, float]:
    """Return by column how long stretches must be, if digits of a spread are lost.

    Parameters
    ----------
    n : ndarray of shape (n_subgroups,)
        The rows.
    mean : ndarray of shape (n_subgroups, n_columns)
        The means of the columns, from raw sums.
    scatter : ndarray of shape (n_subgroups, n_columns, n_columns)
        The sums of products of deviations from those means, from raw sums of products.
    columns : iterable of int
        Those in question.
    least : float
        The share of a sum of squares that the squares of deviations must make up. As
        many times the rounding error of a double as its reciprocal is their own error.

    Returns
    -------
    dict of int to float
        A power of two for each column that needs it; nothing if none does.
    """
    lengths: dict[int, float] = {}
    for i in columns:
        square = n * mean[:, i] ** 2
        spread = np.abs(scatter[:, i, i])
        lost = (n > 1) & (square > 0.0) & np.isfinite(square)
        lost &= spread <= least * (square + spread)
        if lost.any():
            seen = (n > 0) & np.isfinite(square)
            most = np.sqrt((spread + _ROUNDING * square)[seen] / n[seen])
            length = max(
                _STANDARD_DEVIATIONS * most[lost[seen]].min(),
                _STANDARD_DEVIATIONS * most.mean() / _MOST_STRETCHES,
            )
            lengths[i] = float(2.0 ** np.ceil(np.log2(length)))
    return lengths
