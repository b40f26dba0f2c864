"""What is each person's expected loss, said by models that never saw that person?

Every fold has a model of its own, trained on the people outside of it. A person of the
training rows is scored by the one model that did not see them, a new person by the mean
of all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_equity.segmentation._reseed import draw_seed

__all__ = [
    "ErrorModel",
    "Fold",
    "cross_fit",
    "mean_prediction",
]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Rows = NDArray[np.intp]
Fold = tuple[Rows, Rows]

# Few, slow trees with large leaves. Of the settings tried on generated people, sixteen
# leaves found more of the planted than eight and were as stable; the logarithm of
# losses found as many as the root, less stably.
_TREES = {
    "max_iter": 60,
    "learning_rate": 0.06,
    "max_leaf_nodes": 16,
    "max_bins": 64,
    "l2_regularization": 5.0,
    "max_features": 0.5,
}
_LEAST_LEAF, _LARGEST_LEAF = 10, 50
_LEAST_ROWS_TO_STOP_BY = 2_000


@dataclass(frozen=True)
class ErrorModel:
    """A model of losses, fitted to one set of people.

    Parameters
    ----------
    regressor : estimator
        The fitted regressor.
    unit : float or None
        What the square of a prediction is multiplied with; None takes predictions as
        they are.
    """

    regressor: Any
    unit: float | None

    @classmethod
    def fit(cls, regressor: Any, X: Matrix, losses: Vector) -> Self:
        """Fit a given regressor to the losses as they are."""
        return cls(regressor.fit(X, losses), None)

    @classmethod
    def fit_trees(
        cls, X: Matrix, losses: Vector, categorical: NDArray[np.bool_], seed: int
    ) -> Self:
        """Fit boosted trees to the square roots of losses, if none is negative.

        Losses have a long tail, in which a few people decide where trees split. Where
        losses differ in scale, the squared expectation of the root is the expectation
        of the loss times a constant, so it says as well who is served worse.
        """
        has_roots = bool((losses >= 0).all())
        target = np.sqrt(losses) if has_roots else losses
        trees = _make_trees(len(X), categorical, seed).fit(X, target)
        if not has_roots:
            return cls(trees, None)
        mean_square = float(np.mean(np.square(np.maximum(trees.predict(X), 0.0))))
        return cls(trees, float(losses.mean()) / mean_square if mean_square else 1.0)

    def predict(self, X: Matrix) -> Vector:
        """Return the expected loss of every person."""
        predicted = np.asarray(self.regressor.predict(X), dtype=np.float64).ravel()
        if self.unit is None:
            return predicted
        return self.unit * np.square(np.maximum(predicted, 0.0))


def _make_trees(
    n_rows: int, categorical: NDArray[np.bool_], seed: int
) -> HistGradientBoostingRegressor:
    stops = n_rows >= _LEAST_ROWS_TO_STOP_BY
    return HistGradientBoostingRegressor(
        **_TREES,
        min_samples_leaf=int(np.clip(n_rows // 200, _LEAST_LEAF, _LARGEST_LEAF)),
        categorical_features=categorical if categorical.any() else None,
        early_stopping=stops,
        n_iter_no_change=10,
        validation_fraction=0.1 if stops else None,
        random_state=seed,
    )


def cross_fit(
    estimator: BaseEstimator | None,
    X: Matrix,
    losses: Vector,
    *,
    folds: Iterable[Fold],
    categorical: NDArray[np.bool_],
    random_state: np.random.RandomState,
) -> tuple[tuple[ErrorModel, ...], Vector]:
    """Fit one model a fold, and score its test rows by it.

    Returns
    -------
    models : tuple of ErrorModel
        One a fold.
    scores : ndarray of shape (n_rows,)
        The expected losses, out of fold; NaN for rows that no fold tests.
    """
    models = []
    scores = np.full(len(X), np.nan)
    for train, test in folds:
        model = fit_model(estimator, X[train], losses[train], categorical, random_state)
        scores[test] = model.predict(X[test])
        models.append(model)
    return tuple(models), scores


def fit_model(
    estimator: BaseEstimator | None,
    X: Matrix,
    losses: Vector,
    categorical: NDArray[np.bool_],
    random_state: np.random.RandomState,
) -> ErrorModel:
    """Fit the default trees, or a clone of the regressor given, to some people."""
    seed = draw_seed(random_state)
    if estimator is None:
        return ErrorModel.fit_trees(X, losses, categorical, seed)
    regressor = clone(estimator)
    seeds = [name for name in regressor.get_params() if _is_unset_seed(regressor, name)]
    if seeds:
        regressor.set_params(**dict.fromkeys(seeds, seed))
    return ErrorModel.fit(regressor, X, losses)


def _is_unset_seed(estimator: Any, name: str) -> bool:
    is_seed = name == "random_state" or name.endswith("__random_state")
    return is_seed and estimator.get_params()[name] is None


def mean_prediction(models: Iterable[ErrorModel], X: Matrix) -> Vector:
    """Return the mean over models of the expected loss of every person."""
    mean: Vector = np.mean([model.predict(X) for model in models], axis=0)
    return mean
