"""Means of columns as smooth functions of a position between 0 and 1.

Local polynomials over bins of the position. What a bin needs is its sums, so that a fit
and the choice of its width cost the same for any number of rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bins", "bin_rows", "choose_width", "smoothing_weights"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_N_BINS = 200
_WIDTHS = np.geomspace(0.06, 1.0, 12)


@dataclass(frozen=True)
class Bins:
    """Rows gathered by position.

    Attributes
    ----------
    row : ndarray of shape (n_rows,)
        The bin of each row.
    position : ndarray of shape (n_bins,)
        The mean position of each bin's rows.
    weight, squared_weight : ndarray of shape (n_bins,)
        The sums of the rows' weights and of their squares.
    """

    row: NDArray[np.intp]
    position: Vector
    weight: Vector
    squared_weight: Vector

    def sums(self, columns: Matrix) -> Matrix:
        """Add columns up by bin; from (n_columns, n_rows) to (n_bins, n_columns)."""
        n = len(self.weight)
        return np.column_stack([np.bincount(self.row, c, minlength=n) for c in columns])


def bin_rows(position: Vector, sample_weight: Vector) -> Bins:
    """Gather rows of like position; empty bins are left out."""
    cells = np.minimum((position * _N_BINS).astype(np.intp), _N_BINS - 1)
    _, row = np.unique(cells, return_inverse=True)
    weight = np.bincount(row, sample_weight).astype(np.float64)
    mean = np.bincount(row, sample_weight * position) / weight
    squared = np.bincount(row, sample_weight**2).astype(np.float64)
    return Bins(row, mean, weight, squared)


def smoothing_weights(at: Vector, bins: Bins, width: float, *, degree: int) -> Matrix:
    r"""Return what a unit of weight in each bin adds to the fit at each position.

    Row :math:`a` holds :math:`l_b(a)` such that the local polynomial at :math:`a` of
    the bins' means :math:`c_b` is :math:`\sum_b l_b(a) W_b c_b`, with the Epanechnikov
    kernel of half-width `width`, widened near an end to reach as many people. NaN where
    too few positions are within reach to fit the polynomial.
    """
    reach = width + np.maximum(width - at, 0.0) + np.maximum(at + width - 1.0, 0.0)
    with np.errstate(over="ignore"):  # by the narrowest width there is
        distance = (bins.position - at[:, np.newaxis]) / reach[:, np.newaxis]
    distance = np.clip(distance, -1.0, 1.0)  # where the kernel is 0
    kernel = np.maximum(1.0 - distance**2, 0.0)
    weighted, moments = kernel * bins.weight, []
    for _ in range(2 * degree + 1):
        moments.append(weighted.sum(axis=1))
        weighted = weighted * distance
    order = np.arange(degree + 1)
    normal = np.array(moments)[order[:, np.newaxis] + order].transpose(2, 0, 1)
    fits = (kernel > 0.0).sum(axis=1) > degree
    first = np.full((len(at), degree + 1), np.nan)
    first[fits] = np.linalg.pinv(normal[fits], hermitian=True)[:, 0]
    polynomial = first[:, -1:]
    for power in order[-2::-1]:
        polynomial = polynomial * distance + first[:, power : power + 1]
    weight: Matrix = kernel * polynomial
    return weight


def choose_width(bins: Bins, values: Vector, sample_weight: Vector) -> float:
    """Return the widest width whose local lines foretell left-out rows about as well.

    Within one standard error of the best, that is: the best one itself is often narrow
    by chance, because it follows the noise, and a band around it misses the truth.
    Rows within a bin share a fit, so every left-out error follows from sums by bin.
    """
    linear, square = bins.sums(sample_weight * np.array([values, values**2])).T
    row_weight = bins.squared_weight / bins.weight  # of the average person in the bin
    risks = np.full((len(_WIDTHS), len(linear)), np.inf)
    for width, risk in zip(_WIDTHS, risks, strict=True):
        share = smoothing_weights(bins.position, bins, width, degree=1)
        fitted = share @ linear
        left_out = 1.0 - np.diag(share) * row_weight
        squared = square - 2.0 * fitted * linear + bins.weight * fitted**2
        np.divide(squared, left_out**2, out=risk, where=left_out > 1e-6)
    possible = np.isfinite(risks).all(axis=1)
    if not possible.any():
        return float(_WIDTHS[-1])
    widths, risks = _WIDTHS[possible], risks[possible]
    excess = risks - risks[risks.sum(axis=1).argmin()]
    as_good = excess.sum(axis=1) <= np.sqrt((excess**2).sum(axis=1))
    return float(widths[as_good].max())
