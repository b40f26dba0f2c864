"""Which sums does a subgroup leave behind, from which all its figures follow?

Counts and weighted sums add up over parts: over blocks of rows in memory, chunks of a
file, or partitions of a distributed table. So a measure is written once, as a function
of such sums, and holds at every scale.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["subgroup_sums"]

Columns = Sequence[NDArray[np.float64] | None] | NDArray[np.float64]


def subgroup_sums(
    codes: NDArray[np.intp],
    n_subgroups: int,
    columns: Columns,
    sample_weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Sum columns within subgroups.

    The sums of a whole are the sums of its parts, added: call this on blocks of rows
    that fit the processor's cache, or on chunks of a table, and add the results.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        The subgroup of each row, from 0 to ``n_subgroups - 1``; rows coded -1 are left
        out.
    n_subgroups : int
        The number of subgroups, those without a row included.
    columns : sequence of ndarrays of shape (n_rows,), or ndarray (n_rows, n_columns)
        The numbers to add up. None stands for a column of ones: counting is quicker.
    sample_weight : ndarray of shape (n_rows,), default=None
        Weight w counts a row w times.

    Returns
    -------
    ndarray of shape (n_subgroups, n_columns)
        One row a subgroup; zeros for a subgroup without a row.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.sufficient_statistics import subgroup_sums
    >>> error = np.array([1.0, 2.0, 3.0])
    >>> subgroup_sums(np.array([0, 1, 1]), 2, [np.ones(3), error])
    array([[1., 1.],
           [2., 5.]])
    """
    if isinstance(columns, np.ndarray):
        columns = list(columns.T)
    weighted = [_weighted(column, sample_weight) for column in columns]
    try:
        return _binned(codes, n_subgroups, weighted)
    except ValueError:  # from `bincount`, which looks for negative codes by itself
        # One bin more, in front, takes the rows coded -1 and is cut off again:
        # selecting the rows that stay would copy every column.
        return _binned(codes + 1, n_subgroups + 1, weighted)[1:]


def _binned(
    bins: NDArray[np.intp],
    n_bins: int,
    weighted: Sequence[NDArray[np.float64] | None],
) -> NDArray[np.float64]:
    sums = np.empty((n_bins, len(weighted)))
    for j, column in enumerate(weighted):
        sums[:, j] = np.bincount(bins, column, minlength=n_bins)
    return sums


def _weighted(
    column: NDArray[np.float64] | None, sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    if column is None or sample_weight is None:
        return sample_weight if column is None else column
    return column * sample_weight
