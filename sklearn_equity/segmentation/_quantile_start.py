"""Where does a mixture start that should end in the same place for other rows too?

Random starts end in one of many divisions that are about equally likely. Cells that
hold equal shares of the rows are a start without chance, and one that moves little when
the rows are drawn anew.
"""

import numpy as np
from numpy.typing import NDArray


def quantile_cells(
    centres: NDArray[np.float64], counts: NDArray[np.float64], n_cells: int
) -> NDArray[np.intp]:
    """Cut rows into cells of about equal numbers, by each column in turn.

    The column to cut by is never chosen by the rows: where two are nearly as wide, the
    choice would change with every sample, and all cells with it.

    Parameters
    ----------
    centres : ndarray of shape (n_bins, n_features)
        The rows, or the mean of the rows of every bin.
    counts : ndarray of shape (n_bins,)
        Rows in every bin.
    n_cells : int
        How many cells.

    Returns
    -------
    ndarray of shape (n_bins,)
        The cell of every bin. None is empty if there are as many bins as cells.
    """
    cell_of = np.zeros(len(centres), dtype=np.intp)
    waiting = [(np.arange(len(centres)), 0, n_cells, 0)]
    while waiting:
        bins, first_cell, n_left, depth = waiting.pop()
        if n_left == 1:
            cell_of[bins] = first_cell
            continue
        n_low = n_left // 2
        order = bins[centres[bins, depth % centres.shape[1]].argsort(kind="stable")]
        middles = counts[order].cumsum() - 0.5 * counts[order]
        cut = int((middles < counts[order].sum() * n_low / n_left).sum())
        cut = max(min(cut, len(order) - (n_left - n_low)), min(n_low, len(order)))
        waiting += [
            (order[:cut], first_cell, n_low, depth + 1),
            (order[cut:], first_cell + n_low, n_left - n_low, depth + 1),
        ]
    return cell_of
