"""How is the mixture fitted, and used a part or a block of rows at a time?"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.cluster import kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin
from sklearn.mixture import GaussianMixture

_ROWS_AT_ONCE = 65536  # bounds the memory of posteriors that are not asked for
# Ways to start a mixture from one row a component.
_STARTS_FROM_ROWS = {"k-means++", "random_from_data"}


def fit_mixture(
    n_components: int, points: NDArray[np.float64], params: dict[str, Any]
) -> GaussianMixture:
    """Fit scikit-learn's mixture, with its parameters, to standardised points."""
    mixture = GaussianMixture(n_components, **params)
    if mixture.covariance_type == "tied" and mixture.init_params in _STARTS_FROM_ROWS:
        mixture.set_params(precisions_init=_tied_precisions(mixture, points))
    # With dispatch on, scikit-learn 1.9 knows fewer starts, even for NumPy's arrays.
    with config_context(array_api_dispatch=False):
        return mixture.fit(points)


def _tied_precisions(
    mixture: GaussianMixture, points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Invert the spread of the points around seed rows, one a component.

    scikit-learn starts a tied covariance from one row a component and the second
    moments of all rows, which is far too wide: all components end up in one place.
    """
    centres, _ = kmeans_plusplus(
        points, mixture.n_components, random_state=mixture.random_state
    )
    apart = points - centres[pairwise_distances_argmin(points, centres)]
    covariance = apart.T @ apart / len(points)
    covariance += mixture.reg_covar * np.eye(points.shape[1])
    precisions: NDArray[np.float64] = np.linalg.inv(covariance)
    return (precisions + precisions.T) / 2.0  # symmetric to the last digit


def restrict(mixture: GaussianMixture, components: NDArray[np.intp]) -> GaussianMixture:
    """Make a mixture of some of the components, for drawing samples."""
    part = copy.copy(mixture)
    part.weights_ = mixture.weights_[components]
    part.weights_ = part.weights_ / part.weights_.sum()
    part.means_ = mixture.means_[components]
    if mixture.covariance_type != "tied":
        part.covariances_ = mixture.covariances_[components]
    return part


def in_blocks(
    method: Callable[[NDArray[np.float64]], NDArray[Any]], points: NDArray[np.float64]
) -> NDArray[Any]:
    """Call a method of the mixture on some rows at a time."""
    blocks = range(0, len(points), _ROWS_AT_ONCE)
    return np.concatenate(
        [method(points[start : start + _ROWS_AT_ONCE]) for start in blocks]
    )
