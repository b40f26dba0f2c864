"""What do regressions of residuals have in common?

Columns without unit or gaps, a constant, and a prediction that is kept by as much as it
tells of rows that it has not seen.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["share_kept", "standardise", "with_constant"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def standardise(X: Matrix, train: NDArray[np.intp]) -> Matrix:
    """Bring columns to mean 0 and SD 1 in the training rows; missing values to 0."""
    known = np.isfinite(X[train])
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, X[train], 0.0).sum(axis=0) / count
    centered = np.where(known, X[train] - mean, 0.0)
    spread = np.sqrt((centered**2).sum(axis=0) / count)
    # A column that is constant here but for rounding tells nothing.
    varies = spread > 1e-9 * np.maximum(np.abs(mean), 1e-300)
    return np.nan_to_num(
        np.where(varies, (X - mean) / np.where(varies, spread, 1.0), 0.0)
    )


def share_kept(target: Vector, unseen: Vector) -> float:
    """Choose the factor of a prediction that lowers the squared error, less an error.

    Of the mean gain one standard error is taken off: where nothing is to be found,
    nothing is mostly what is left.
    """
    product = target * unseen
    size = float(np.mean(unseen**2))
    if size == 0.0:
        return 0.0
    error = float(np.std(product, ddof=1)) / np.sqrt(len(product))
    return float(np.clip((product.mean() - error) / size, 0.0, 1.0))


def with_constant(Z: Matrix) -> Matrix:
    """Put a column of ones in front."""
    return np.column_stack([np.ones(len(Z)), Z])
