"""Where does the mass of a sample lie, in counts that add?

Linear binning shares each value between the two nodes of a grid that enclose it, in
proportion to its closeness. Mass and mean are kept, and the counts of two samples on
one grid add up to those of their union. Positions are rounded down to 2**-20 of a cell,
so that sums of counts are exact integers times a power of two: chunks, machines and
row orders change no bit.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_FRACTION_BITS = 20
_CHUNK = 32_768  # positions and fractions of a chunk stay in the processor's cache


def bin_linearly(
    values: NDArray[np.float64],
    *,
    lower: float,
    width: float,
    n_bins: int,
    codes: NDArray[np.intp] | None = None,
    n_rows: int = 1,
    sample_weight: NDArray[np.float64] | None = None,
    to_place: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """Share values between the nodes of a grid, for many rows (subgroups) at once.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Finite, with places from `lower` to ``lower + n_bins * width``.
    lower : float
        The first node.
    width : float
        The distance between two nodes.
    n_bins : int
        The number of cells.
    codes : ndarray of shape (n_values,), default=None
        The row of each value, from 0 to ``n_rows - 1``. None: all in row 0.
    n_rows : int, default=1
        The number of rows.
    sample_weight : ndarray of shape (n_values,), default=None
        Weight w counts a value w times.
    to_place : callable, default=None
        Where on the grid values lie. None: at themselves.

    Returns
    -------
    ndarray of shape (n_rows, n_bins + 1)
        Counts by row and node.
    """
    n_cells = n_rows * (n_bins + 1)
    counts, fractions = np.zeros(n_cells), np.zeros(n_cells)
    step = max(_CHUNK, n_cells)  # adding up a table costs as much as its length
    scale = 2.0**_FRACTION_BITS / width
    last = (n_bins << _FRACTION_BITS) - 1
    for start in range(0, len(values), step):
        chunk = slice(start, start + step)
        place = values[chunk] if to_place is None else to_place(values[chunk])
        position = place - lower
        position *= scale
        fixed = position.astype(np.int64)
        np.minimum(fixed, last, out=fixed)  # rounding may pass the end by one
        node = fixed >> _FRACTION_BITS
        fixed &= (1 << _FRACTION_BITS) - 1
        if codes is not None:
            node += codes[chunk] * (n_bins + 1)
        if sample_weight is None:
            counts += np.bincount(node, minlength=n_cells)
            fractions += np.bincount(node, weights=fixed, minlength=n_cells)
        else:
            weight = sample_weight[chunk]
            counts += np.bincount(node, weights=weight, minlength=n_cells)
            fractions += np.bincount(node, weights=fixed * weight, minlength=n_cells)
    fractions *= 2.0**-_FRACTION_BITS
    counts -= fractions  # what stays at the node below ...
    counts[1:] += fractions[:-1]  # ... and what goes to the node above
    return counts.reshape(n_rows, n_bins + 1)
