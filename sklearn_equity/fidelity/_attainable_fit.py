"""What do the inputs tell of the outcome beyond a model's prediction?

Three stages, each fitted to what those before it leave: a ridge regression, boosted
trees (with equal weights and with weights that fall where the outcome is noisy), and in
every subgroup a ridge regression of its own, kept by as much as it predicts rows that
it has not seen. Every row is predicted by models that have seen nothing of it: what is
found on it is not overfitted to it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_equity._parallel import run
from sklearn_equity.fidelity._residual_ridge import (
    share_kept,
    standardise,
    with_constant,
)

__all__ = ["cross_fit"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]

# In rows: a subgroup's own coefficients are drawn to 0 as if so many had shown nothing.
_PENALTY = 30.0
_FEWEST_ROWS = 10
_N_BINS = 64  # of a column, found once a fold and not for every ensemble anew
# Squared errors above this quantile count as much as it: single outliers of HbA1c, say,
# would make whole regions look noisy.
_WINSORISED_AT = 0.99
_VALUE = 4e3  # nanoseconds that a value costs in a fold, roughly
_LEAST_VARIANCE = 0.25  # of the mean: no row weighs more than four average ones


def cross_fit(
    X: Matrix,
    residual: Vector,
    groupings: Sequence[NDArray[np.intp]],
    *,
    folds: Iterable[tuple[Rows, Rows]],
    estimator: Any,
    seed: int,
    n_jobs: int | None = None,
) -> Vector:
    """Predict each row's residual by models fitted to rows of other folds.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs; NaN is missing.
    residual : ndarray of shape (n_rows,)
        Outcomes less predictions.
    groupings : sequence of ndarray of shape (n_rows,)
        The number of each row's subgroup, negative for none.
    folds : iterable of (training rows, held-out rows)
        Together the held-out rows are all rows.
    estimator : regressor or None
        What is fitted instead of the first two stages.
    seed : int
        Seeds the trees.
    n_jobs : int or None
        How many folds at once.

    Returns
    -------
    ndarray of shape (n_rows,)
        The mean of the residual, as far as it can be predicted.
    """
    found = np.zeros(len(residual))
    folds = list(folds)
    cost = _VALUE * X.size * len(folds) if estimator is None else np.inf
    predicted = run(
        _predict_fold,
        ((X, residual, groupings, fold, estimator, seed) for fold in folds),
        n_jobs=n_jobs,
        nanoseconds=cost,
    )
    for (_, held_out), values in zip(folds, predicted, strict=True):
        found[held_out] = values
    return found


def _predict_fold(
    X: Matrix,
    residual: Vector,
    groupings: Sequence[NDArray[np.intp]],
    fold: tuple[Rows, Rows],
    estimator: Any,
    seed: int,
) -> Vector:
    """Fit everything to the training rows, and predict those held out."""
    train, held_out = fold
    # The trees' penalties are absolute: they see residuals without their unit.
    unit = float(np.sqrt(np.mean(residual[train] ** 2))) or 1.0
    target = residual[train] / unit
    Z, bins = standardise(X, train), _bin(X, train)
    if estimator is None:
        whole = _fit_everybody(bins, Z, target, train, seed)
    else:
        fitted = clone(estimator).fit(X[train], residual[train])
        whole = np.asarray(fitted.predict(X), dtype=np.float64) / unit
    weights = _noise_weights(bins, target - whole[train], train, seed)
    for codes in groupings:
        whole += _fit_subgroups(Z, target - whole[train], weights, codes, train)
    return np.asarray(unit * whole[held_out])


def _bin(X: Matrix, train: Rows) -> Matrix:
    """Number the values of columns by quantiles of the training rows; NaN stays."""
    bins = np.full_like(X, np.nan)
    for column, values in enumerate(X.T):
        known = values[train][np.isfinite(values[train])]
        if not len(known):
            bins[:, column] = 0.0  # never known: tells nothing, and trees refuse it
            continue
        edges = np.quantile(known, np.arange(1, _N_BINS) / _N_BINS)
        there = np.isfinite(values)
        bins[there, column] = np.searchsorted(edges, values[there], side="right")
    return bins


def _fit_everybody(
    bins: Matrix, Z: Matrix, target: Vector, train: Rows, seed: int
) -> Vector:
    """Predict every row by a ridge regression and trees fitted to what it leaves."""
    linear = _ridge(Z[train], target, np.ones(len(train)))[0]
    prediction = with_constant(Z) @ linear
    rest = target - prediction[train]
    noise_weights = _noise_weights(bins, rest, train, seed)
    # Equal weights have the least bias, inverse variances the least noise.
    for weights in (None, noise_weights):
        trees = HistGradientBoostingRegressor(
            max_iter=120,
            learning_rate=0.05,
            max_leaf_nodes=8,
            min_samples_leaf=40,
            l2_regularization=5.0,
            early_stopping=False,
            random_state=seed,
        )
        prediction += 0.5 * trees.fit(bins[train], rest, weights).predict(bins)
    return prediction


def _noise_weights(bins: Matrix, rest: Vector, train: Rows, seed: int) -> Vector:
    """Weigh each training row by the inverse of its estimated variance; mean 1."""
    squared = rest**2
    squared = np.minimum(squared, np.quantile(squared, _WINSORISED_AT))
    mean = float(squared.mean())
    if mean == 0.0:
        return np.ones(len(train))
    trees = HistGradientBoostingRegressor(
        max_iter=60,
        learning_rate=0.08,
        max_leaf_nodes=8,
        min_samples_leaf=80,
        early_stopping=False,
        random_state=seed,
    )
    fitted = trees.fit(bins[train], squared / mean).predict(bins[train])
    weights = 1.0 / np.maximum(fitted, _LEAST_VARIANCE)
    return np.asarray(weights / weights.mean())


def _fit_subgroups(
    Z: Matrix,
    target: Vector,
    weights: Vector,
    codes: NDArray[np.intp],
    train: Rows,
) -> Vector:
    """Predict each row by the shrunken regression of its own subgroup."""
    prediction = np.zeros(len(Z))
    trained = codes[train]
    for code in range(int(codes.max()) + 1):
        inside = np.flatnonzero(trained == code)
        if len(inside) < _FEWEST_ROWS:
            continue
        own = weights[inside] / weights[inside].mean()
        center = np.average(Z[train[inside]], axis=0, weights=own)
        members = codes == code
        coefficients, unseen = _ridge(Z[train[inside]] - center, target[inside], own)
        kept = share_kept(target[inside], unseen)
        if kept > 0.0:
            local = with_constant(Z[members] - center) @ coefficients
            prediction[members] = kept * local
    return prediction


def _ridge(Z: Matrix, target: Vector, weights: Vector) -> tuple[Vector, Vector]:
    """Fit a ridge regression; also predict each row from all the others.

    The latter in closed form: with leverage h, (fitted - h * target) / (1 - h).
    """
    design = with_constant(Z)
    weighted = design * weights[:, np.newaxis]
    gram = weighted.T @ design
    gram[np.diag_indices_from(gram)] += _PENALTY
    inverse = np.linalg.inv(gram)
    coefficients = inverse @ (weighted.T @ target)
    leverage = np.einsum("ij,ij->i", weighted @ inverse, design)
    unseen = (design @ coefficients - leverage * target) / (1.0 - leverage)
    return coefficients, unseen
