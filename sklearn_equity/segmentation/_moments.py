"""How do the densities and the moments of a mixture become matrix products?

The logarithm of a Gaussian density is linear in a row's numbers, their squares and
their products. With those in the columns of one matrix, the densities of all components
are one product with their coefficients, and the sums from which weights, means and
covariances follow are one product with the responsibilities. The mean of these columns
over the rows of a bin stands for all of them.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

CovarianceType = Literal["full", "tied", "diag", "spherical"]
Matrix = NDArray[np.float64]

_LEAST_VARIANCE = 1e-200  # of one column: quotients by less may have no end


class Parameters(NamedTuple):
    """Weights, means and covariances of a mixture, in scikit-learn's shapes."""

    weights: Matrix
    means: Matrix
    covariances: Matrix


def expand(points: Matrix, covariance_type: CovarianceType) -> Matrix:
    """Write one column a point: 1, its numbers, and what the covariances need more.

    That is every product of two numbers for full covariances, the squares for diagonal
    ones, and their sum for spherical ones. Where all components share their covariance,
    the products add the same to each, so that nothing is needed.
    """
    n_points, n_features = points.shape
    columns = np.empty((_n_moments(n_features, covariance_type), n_points))
    columns[0] = 1.0
    columns[1 : 1 + n_features] = points.T
    rest = columns[1 + n_features :]
    if covariance_type == "full":
        first, second = np.triu_indices(n_features)
        np.multiply(points.T[first], points.T[second], out=rest)
    elif covariance_type == "diag":
        np.square(points.T, out=rest)
    elif covariance_type == "spherical":
        np.einsum("ij,ij->i", points, points, out=rest[0])
    return columns


def _n_moments(n_features: int, covariance_type: CovarianceType) -> int:
    n_products = {
        "full": n_features * (n_features + 1) // 2,
        "tied": 0,
        "diag": n_features,
        "spherical": 1,
    }
    return 1 + n_features + n_products[covariance_type]


def coefficients(parameters: Parameters, covariance_type: CovarianceType) -> Matrix:
    """Return what turns expanded points into log-densities, one row a component.

    The densities are weighted. For tied covariances the common term, minus half the
    squared length of the whitened point, is left out: see `whitened_squares`.
    """
    means = parameters.means
    n_features = means.shape[1]
    roots = precision_roots(parameters.covariances, covariance_type)
    if covariance_type in {"full", "tied"}:
        precisions = roots @ np.swapaxes(roots, -1, -2)
        slopes = np.einsum("...ij,...j->...i", precisions, means)
    else:
        precisions = np.reshape(roots**2, (len(means), -1))
        slopes = precisions * means
    rows = np.empty((len(means), _n_moments(n_features, covariance_type)))
    rows[:, 0] = log_heights(parameters, roots, covariance_type)
    rows[:, 0] -= 0.5 * (slopes * means).sum(axis=1)
    rows[:, 1 : 1 + n_features] = slopes
    if covariance_type == "full":
        first, second = np.triu_indices(n_features)
        halves = np.where(first == second, -0.5, -1.0)  # a product stands for two
        rows[:, 1 + n_features :] = halves * precisions[:, first, second]
    elif covariance_type != "tied":
        rows[:, 1 + n_features :] = -0.5 * precisions
    return rows


def log_heights(
    parameters: Parameters, roots: Matrix, covariance_type: CovarianceType
) -> Matrix:
    """Return the logarithm of the weighted density of every component at its mean."""
    n_features = parameters.means.shape[1]
    if covariance_type in {"full", "tied"}:
        log_roots = np.log(np.diagonal(roots, axis1=-2, axis2=-1)).sum(axis=-1)
    elif covariance_type == "diag":
        log_roots = np.log(roots).sum(axis=1)
    else:
        log_roots = n_features * np.log(roots)
    heights: Matrix = np.log(parameters.weights) + log_roots
    return heights - 0.5 * n_features * np.log(2.0 * np.pi)


def precision_roots(covariances: Matrix, covariance_type: CovarianceType) -> Matrix:
    """Return what scikit-learn calls the Cholesky factors of the precisions.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance has no inverse.
    """
    if covariance_type in {"diag", "spherical"}:
        if (covariances <= _LEAST_VARIANCE).any():
            raise np.linalg.LinAlgError("A variance is next to 0.")
        return 1.0 / np.sqrt(covariances)
    lower = np.linalg.cholesky(covariances)
    if (np.einsum("...ii->...i", lower) ** 2 <= _LEAST_VARIANCE).any():
        raise np.linalg.LinAlgError("A variance is next to 0.")
    identity = np.eye(lower.shape[-1])
    if covariance_type == "tied":
        return solve_triangular(lower, identity, lower=True).T
    # NumPy 1 does not stretch the identity to a stack.
    inverse = np.linalg.solve(lower, np.broadcast_to(identity, lower.shape))
    return np.swapaxes(inverse, -1, -2)


def whitened_squares(points: Matrix, root: Matrix) -> Matrix:
    """Return the squared length of every point times a root of a precision.

    The root is a matrix, a number for every feature, or one for all.
    """
    whitened = points @ root if np.ndim(root) == 2 else points * root
    return np.einsum("ij,ij->i", whitened, whitened)


def maximise(
    sums: Matrix,
    second_moments: Matrix,
    covariance_type: CovarianceType,
    reg_covar: float,
) -> Parameters:
    """Return the likeliest parameters, given what the components hold.

    Parameters
    ----------
    sums : ndarray of shape (n_components, n_moments)
        Expanded points times responsibilities, added up for every component.
    second_moments : ndarray of shape (n_features, n_features)
        The products of the points' numbers, added up; used for tied covariances.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the components may look like.
    reg_covar : float
        Added to every variance.
    """
    n_features = len(second_moments)
    # As in scikit-learn, so that an empty component has parameters too.
    counts = sums[:, 0] + 10.0 * np.finfo(np.float64).eps
    averages = sums / counts[:, np.newaxis]
    means, squares = averages[:, 1 : 1 + n_features], averages[:, 1 + n_features :]
    if covariance_type == "tied":
        covariances = (second_moments - (counts * means.T) @ means) / counts.sum()
    elif covariance_type == "full":
        first, second = np.triu_indices(n_features)
        covariances = np.empty((len(means), n_features, n_features))
        covariances[:, first, second] = squares - means[:, first] * means[:, second]
        covariances[:, second, first] = covariances[:, first, second]
    elif covariance_type == "diag":
        covariances = np.maximum(squares - means**2, 0.0)  # rounding may leave -1e-17
    else:
        spreads = squares[:, 0] - (means**2).sum(axis=1)
        covariances = np.maximum(spreads / n_features, 0.0)
    diagonal = covariances
    if covariance_type in {"full", "tied"}:
        diagonal = np.einsum("...ii->...i", covariances)  # a view
    diagonal += reg_covar
    return Parameters(counts / counts.sum(), means, covariances)
