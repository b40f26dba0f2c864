"""How is scikit-learn's mixture fitted and used at the speed of matrix products?

The fast way finds the parameters; what holds them is scikit-learn's own mixture.
"""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.cluster import kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin
from sklearn.mixture import GaussianMixture

from sklearn_equity._fit_tasks import NO_TASK, Task
from sklearn_equity.segmentation._expectation_maximization import (
    Climb,
    fit_parameters,
    split,
    start_parameters,
)
from sklearn_equity.segmentation._moments import (
    Matrix,
    Parameters,
    coefficients,
    expand,
    log_heights,
    precision_roots,
    whitened_squares,
)
from sklearn_equity.segmentation._rows import Resolutions, blocks, take_rows

# From so many components on, cells of equal numbers of rows are as likely a start as
# random ones; with few, or where many columns leave gaps, they would cut through clouds
# that lie apart.
MANY_COMPONENTS = 20
FEW_COLUMNS = 3
# Ways to start a mixture from one row a component.
_STARTS_FROM_ROWS = {"k-means++", "random_from_data"}
# A step costs the fast way little: it goes on until one gains this part of `tol`.
_PART_OF_TOL = 0.1
# Where a component lies so many of its own deviations (squared) from the centre, as
# around outliers, expanded squares would lose the digits that count.
_LARGEST_SQUARE = 1e8


# ---- fitting -----------------------------------------------------------------------
def fit_fast(
    n_components: int,
    resolutions: Resolutions,
    params: dict[str, Any],
    task: Task = NO_TASK,
) -> GaussianMixture:
    """Fit a mixture to rows at few or many bins, as far as they ask for it."""
    n_features = resolutions.probe.shape[1]
    mixture, init_params = _new_mixture(n_components, n_features, params)
    with _singular_covariances_explained(mixture):
        climb = fit_parameters(
            resolutions,
            n_components,
            init_params=init_params,
            n_init=mixture.n_init,
            tol=_PART_OF_TOL * mixture.tol,
            reg_covar=mixture.reg_covar,
            max_iter=mixture.max_iter,
            random_state=np.random.RandomState(mixture.random_state),
            task=task,
        )
        return _fill(mixture, climb)


@contextmanager
def _singular_covariances_explained(mixture: GaussianMixture) -> Iterator[None]:
    try:
        yield
    except np.linalg.LinAlgError as error:
        msg = (
            f"A covariance of {mixture.n_components} components has no inverse: too "
            "few different rows make it. Raise `reg_covar` (got "
            f"{mixture.reg_covar:g}) or lower `n_components`."
        )
        raise ValueError(msg) from error


def _new_mixture(
    n_components: int, n_features: int, params: dict[str, Any]
) -> tuple[GaussianMixture, str]:
    """Make scikit-learn's mixture, which knows no quantiles, and name the start."""
    mixture = GaussianMixture(n_components, **params)
    init_params: str = mixture.init_params
    if init_params == "auto":
        cells_fit = n_components >= MANY_COMPONENTS and n_features <= FEW_COLUMNS
        init_params = "quantiles" if cells_fit else "k-means++"
    known = "k-means++" if init_params == "quantiles" else init_params
    return mixture.set_params(init_params=known), init_params


def _fill(mixture: GaussianMixture, climb: Climb) -> GaussianMixture:
    """Give a mixture the attributes that its own `fit` would give it."""
    mixture.weights_, mixture.means_, mixture.covariances_ = climb.parameters
    roots = precision_roots(mixture.covariances_, mixture.covariance_type)
    mixture.precisions_cholesky_ = roots
    mixture.precisions_ = _precisions(roots, mixture.covariance_type)
    bounds = climb.lower_bounds
    mixture.n_iter_ = len(bounds)
    mixture.lower_bounds_ = bounds
    mixture.lower_bound_ = bounds[-1]
    mixture.n_features_in_ = mixture.means_.shape[1]
    last_gain = abs(bounds[-1] - bounds[-2]) if len(bounds) > 1 else np.inf
    mixture.converged_ = bool(last_gain < mixture.tol)
    if not mixture.converged_:
        msg = (
            f"The mixture of {mixture.n_components} components did not converge in "
            f"`max_iter`={mixture.max_iter} steps. Raise `max_iter` or `tol`."
        )
        warnings.warn(msg, ConvergenceWarning, stacklevel=6)
    return mixture


def _precisions(roots: Matrix, covariance_type: str) -> Matrix:
    if covariance_type in {"full", "tied"}:
        return roots @ np.swapaxes(roots, -1, -2)
    return roots**2


def fit_exactly(
    n_components: int,
    points: Matrix,
    params: dict[str, Any],
    task: Task = NO_TASK,  # noqa: ARG001  its mixture tells nobody of its steps
) -> GaussianMixture:
    """Let scikit-learn's mixture fit itself."""
    mixture, init_params = _new_mixture(n_components, points.shape[1], params)
    with _singular_covariances_explained(mixture):
        if init_params == "quantiles":
            mixture.set_params(**_quantile_parameters(mixture, points))
        elif mixture.covariance_type == "tied" and init_params in _STARTS_FROM_ROWS:
            mixture.set_params(precisions_init=_tied_precisions(mixture, points))
        # With dispatch on, scikit-learn 1.9 knows fewer starts, even for NumPy arrays.
        with config_context(array_api_dispatch=False):
            return mixture.fit(points)


def _quantile_parameters(mixture: GaussianMixture, points: Matrix) -> dict[str, Matrix]:
    """Describe cells of equal numbers of rows in the way of scikit-learn's mixture."""
    kind = mixture.covariance_type
    start = start_parameters(
        take_rows(points, kind),
        mixture.n_components,
        "quantiles",
        mixture.reg_covar,
        np.random.RandomState(mixture.random_state),
    )
    roots = precision_roots(start.covariances, kind)
    return {
        "weights_init": start.weights,
        "means_init": start.means,
        "precisions_init": _precisions(roots, kind),
    }


def _tied_precisions(mixture: GaussianMixture, points: Matrix) -> Matrix:
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
    precisions: Matrix = np.linalg.inv(covariance)
    return (precisions + precisions.T) / 2.0  # symmetric to the last digit


# ---- using -------------------------------------------------------------------------
def components_of(mixture: GaussianMixture, points: Matrix) -> NDArray[np.intp]:
    """Return the most probable component of every point."""
    return np.concatenate(
        [densities.argmax(axis=0) for densities in _log_densities(mixture, points)]
    )


def shares_of(mixture: GaussianMixture, points: Matrix) -> Matrix:
    """Return the probability of every component for every point."""
    return np.concatenate(
        [split(densities)[0].T for densities in _log_densities(mixture, points)]
    )


def log_density_of(mixture: GaussianMixture, points: Matrix) -> Matrix:
    """Return the logarithm of the density at every point."""
    return np.concatenate(
        [split(densities)[1] for densities in _log_densities(mixture, points)]
    )


def _log_densities(mixture: GaussianMixture, points: Matrix) -> Iterator[Matrix]:
    """Give weighted log-densities, one row a component, of some points at a time."""
    kind = mixture.covariance_type
    parameters = Parameters(mixture.weights_, mixture.means_, mixture.covariances_)
    slopes = coefficients(parameters, kind)
    n_components, n_features = mixture.means_.shape
    squares = (slopes[:, 1 : 1 + n_features] * mixture.means_).sum(axis=1)
    for block in blocks(points.shape, n_components, kind):
        some = points[block]
        if squares.max() > _LARGEST_SQUARE:
            yield _one_by_one(mixture, some)
        elif kind == "tied":
            common = whitened_squares(some, mixture.precisions_cholesky_)
            yield slopes @ expand(some, kind) - 0.5 * common
        else:
            yield slopes @ expand(some, kind)


def _one_by_one(mixture: GaussianMixture, points: Matrix) -> Matrix:
    """Return log-densities from differences to each mean, which lose no digits."""
    kind, roots = mixture.covariance_type, mixture.precisions_cholesky_
    parameters = Parameters(mixture.weights_, mixture.means_, mixture.covariances_)
    heights = log_heights(parameters, roots, kind)
    root_of = [roots] * len(heights) if kind == "tied" else roots
    return np.stack(
        [
            height - 0.5 * whitened_squares(points - mean, root)
            for height, mean, root in zip(heights, mixture.means_, root_of, strict=True)
        ]
    )


def restrict(mixture: GaussianMixture, components: NDArray[np.intp]) -> GaussianMixture:
    """Make a mixture of some of the components, for drawing samples."""
    part = copy.copy(mixture)
    part.weights_ = mixture.weights_[components]
    part.weights_ = part.weights_ / part.weights_.sum()
    part.means_ = mixture.means_[components]
    if mixture.covariance_type != "tied":
        part.covariances_ = mixture.covariances_[components]
    return part
