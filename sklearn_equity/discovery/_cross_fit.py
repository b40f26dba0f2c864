"""What is each person's expected loss, said by models that never saw that person?

Every fold has a model of its own, trained on the people outside of it. A person of the
training rows is scored by the one model that did not see them, a new person by the mean
of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.parallel import Parallel, delayed

from sklearn_equity._fit_tasks import Task
from sklearn_equity.segmentation._reseed import draw_seed

__all__ = [
    "ErrorModel",
    "Fold",
    "Residuals",
    "clone_with_seed",
    "cross_fit",
    "fit_trees",
    "mean_prediction",
]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Rows = NDArray[np.intp]
Fold = tuple[Rows, Rows]

# Few, slow trees with large leaves. Of the settings tried on generated people, 32
# leaves found more of the planted than 8 or 16; 64 found as many, less stably between
# samples, as the logarithm of losses did in place of the root.
_TREES = {
    "max_iter": 60,
    "learning_rate": 0.05,
    "max_leaf_nodes": 32,
    "max_bins": 64,
    "l2_regularization": 5.0,
    "max_features": 0.5,
}
_LEAST_LEAF, _LARGEST_LEAF = 10, 50
_LEAST_ROWS_TO_STOP_BY = 2_000
_TAIL = 0.01
_FEWEST_KNOWN = 20
# Where scores say nothing, what is left of their distances: the order of people.
_LEAST_STRETCH = 0.1


@dataclass(frozen=True)
class ErrorModel:
    """A model of losses, fitted to one set of people.

    Parameters
    ----------
    regressor : estimator
        The fitted regressor.
    unit : float or None, default=None
        What the square of a prediction is multiplied with; None takes predictions as
        they are.
    lean : Lean or None, default=None
        To which side the model errs, which is added.
    mean_loss : float, default=0.0
        Of the people it was fitted to.
    stretch : float, default=1.0
        What the distance of a prediction from the mean loss is multiplied with.
    """

    regressor: Any
    unit: float | None = None
    lean: "Lean | None" = None
    mean_loss: float = 0.0
    stretch: float = 1.0

    @classmethod
    def fit_trees(
        cls,
        X: Matrix,
        losses: Vector,
        residuals: "Residuals | None",
        categorical: NDArray[np.bool_],
        seed: int,
    ) -> Self:
        """Fit boosted trees to the square roots of losses, if none is negative.

        Losses have a long tail, in which a few people decide where trees split. Where
        losses differ in scale, the squared expectation of the root is the expectation
        of the loss times a constant, so it says as well who is served worse.
        """
        has_roots = bool((losses >= 0).all())
        target = np.sqrt(losses) if has_roots else losses
        trees = fit_trees(X, target, categorical, seed)
        mean = float(losses.mean())
        if not has_roots:
            return cls(trees, mean_loss=mean)
        unit = _ratio(mean, cls(trees, 1.0).predict(X).mean())
        lean = None
        if residuals is not None:
            lean = Lean.fit(X, residuals, categorical, seed)
        return cls(trees, unit, lean, mean)

    def predict(self, X: Matrix) -> Vector:
        """Return the expected loss of every person."""
        expected = self.size(X)
        if self.lean is not None:
            weight = self.lean.weight
            whole = self.mean_loss + weight * self.lean.mean_size
            expected += weight * self.lean.size(X)
            expected *= _ratio(self.mean_loss, whole)
        if self.stretch == 1.0:
            return expected
        stretched: Vector = self.mean_loss + self.stretch * (expected - self.mean_loss)
        return stretched

    def with_lean_weighed(self, weight: float) -> Self:
        """Return the same model that adds more or less for signs."""
        lean = self.lean and replace(self.lean, weight=float(weight))
        return replace(self, lean=lean)

    def size(self, X: Matrix) -> Vector:
        """Return what the regressor says of the loss of every person."""
        expected = np.asarray(self.regressor.predict(X), dtype=np.float64).ravel()
        if self.unit is not None:
            expected = self.unit * np.square(np.maximum(expected, 0.0))
        return expected


@dataclass(frozen=True)
class Residuals:
    """By how much a model errs, and how that makes a loss.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
        Outcomes less predictions.
    power : int
        The loss is the size of a residual to this power.
    """

    values: Vector
    power: int

    def of(self, rows: Rows) -> Self:
        """Return those of some of the people."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True)
class Lean:
    """To which side, and how far, a model errs for a person: boosted trees.

    Where a model is biased the sign of its errors is the same for people who are alike,
    and the mean of what has a sign is known from fewer of them than its mean size is.

    Attributes
    ----------
    trees : regressor
        Expects the residual.
    power : int
        That of the loss.
    mean_size : float
        The mean loss of expected residuals among the people it was fitted to.
    weight : float, default=1.0
        What the loss of the expected residual is multiplied with.
    """

    trees: HistGradientBoostingRegressor
    power: int
    mean_size: float = 0.0
    weight: float = 1.0

    @classmethod
    def fit(
        cls,
        X: Matrix,
        residuals: Residuals,
        categorical: NDArray[np.bool_],
        seed: int,
    ) -> Self:
        """Fit trees to residuals, of which the outermost hundredths count as less."""
        values = residuals.values
        clipped = np.clip(values, *np.quantile(values, [_TAIL, 1.0 - _TAIL]))
        trees = fit_trees(X, clipped, categorical, seed)
        fitted = cls(trees, residuals.power)
        return replace(fitted, mean_size=float(fitted.size(X).mean()))

    def size(self, X: Matrix) -> Vector:
        """Return the loss of the residual that is expected."""
        size: Vector = np.abs(self.trees.predict(X)) ** self.power
        return size


def _ratio(total: float, part: float) -> float:
    return float(total / part) if part else 1.0


def fit_trees(
    X: Matrix, target: Vector, categorical: NDArray[np.bool_], seed: int
) -> HistGradientBoostingRegressor:
    """Fit few, slow trees; a column with hardly any value tells them nothing.

    scikit-learn's fail at a column without one, also among the rows that they train on
    themselves when others tell them to stop.
    """
    n_known = (~np.isnan(X)).sum(axis=0)
    empty = n_known < np.clip(len(X) // 10, 1, _FEWEST_KNOWN)
    filled = np.where(empty, 0.0, X) if empty.any() else X
    return _make_trees(len(X), categorical, seed).fit(filled, target)


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
    residuals: Residuals | None,
    *,
    folds: Iterable[Fold],
    categorical: NDArray[np.bool_],
    n_jobs: int | None,
    random_state: np.random.RandomState,
    task: Task,
) -> tuple[tuple[ErrorModel, ...], Vector]:
    """Fit one model a fold, each a part of `task`, and score its test rows by it.

    Returns
    -------
    models : tuple of ErrorModel
        One a fold.
    scores : ndarray of shape (n_rows,)
        The expected losses, out of fold; NaN for rows that no fold tests.
    """
    folds = list(folds)
    seeds = [draw_seed(random_state) for _ in folds]
    parts = task.parts("fold", len(folds))
    models = Parallel(n_jobs=n_jobs)(
        delayed(_fit_model)(
            estimator, X, losses, residuals, categorical, train, seed, part
        )
        for (train, _), seed, part in zip(folds, seeds, parts, strict=True)
    )
    if estimator is None and residuals is not None:
        models = _weigh_leans(models, X, losses, folds)
    scores = np.full(len(X), np.nan)
    for model, (_, test) in zip(models, folds, strict=True):
        scores[test] = model.predict(X[test])
    if estimator is not None:
        return tuple(models), scores
    slopes = _slopes_of_other_folds(scores, losses, folds)
    for k, (_, test) in enumerate(folds):
        stretch = float(np.clip(slopes[k], _LEAST_STRETCH, 1.0))
        models[k] = replace(models[k], stretch=stretch)
        mean_loss = models[k].mean_loss
        scores[test] = mean_loss + stretch * (scores[test] - mean_loss)
    return tuple(models), scores


def _weigh_leans(
    models: Sequence[ErrorModel], X: Matrix, losses: Vector, folds: Sequence[Fold]
) -> list[ErrorModel]:
    """Weigh what is added for signs as the people of the other folds show.

    It is the ratio of the coefficients of both parts in a regression of losses inside
    of folds: 0 where signs tell nothing of people who were not seen, 1 at most.
    """
    moments, grams = np.zeros((len(folds), 2)), np.zeros((len(folds), 2, 2))
    for k, (model, (_, test)) in enumerate(zip(models, folds, strict=True)):
        if model.lean is None:
            return list(models)
        parts = np.stack([model.size(X[test]), model.lean.size(X[test])])
        parts -= parts.mean(axis=1, keepdims=True)
        moments[k], grams[k] = parts @ losses[test], parts @ parts.T
    weighed = []
    for k, model in enumerate(models):
        gram, moment = grams.sum(axis=0) - grams[k], moments.sum(axis=0) - moments[k]
        of_size, of_lean = np.linalg.pinv(gram) @ moment
        weight = min(1.0, of_lean / of_size) if of_size > 0 else 1.0
        weighed.append(model.with_lean_weighed(weight if of_lean > 0 else 0.0))
    return weighed


def _slopes_of_other_folds(
    scores: Vector, losses: Vector, folds: Sequence[Fold]
) -> Vector:
    """Return, for each fold, the slope of losses on scores inside the others.

    Within a fold the order of people stays what it is, whatever the slope.
    """
    products, squares = np.zeros((2, len(folds)))
    for k, (_, test) in enumerate(folds):
        centred = scores[test] - scores[test].mean()
        products[k], squares[k] = centred @ losses[test], centred @ centred
    others = squares.sum() - squares
    return np.divide(
        products.sum() - products, others, out=np.ones(len(folds)), where=others > 0
    )


def _fit_model(
    estimator: BaseEstimator | None,
    X: Matrix,
    losses: Vector,
    residuals: Residuals | None,
    categorical: NDArray[np.bool_],
    rows: Rows,
    seed: int,
    task: Task,
) -> ErrorModel:
    """Fit the default trees, or a clone of the regressor given, to some people."""
    X, losses = X[rows], losses[rows]
    if estimator is not None:
        return ErrorModel(task.fit(clone_with_seed(estimator, seed), X, losses))
    with task:
        own = None if residuals is None else residuals.of(rows)
        return ErrorModel.fit_trees(X, losses, own, categorical, seed)


def clone_with_seed(estimator: Any, seed: int) -> Any:
    """Clone an estimator; what it would draw without a seed, it draws with this one."""
    copy = clone(estimator)
    seeds = [name for name in copy.get_params() if _is_unset_seed(copy, name)]
    if seeds:
        copy.set_params(**dict.fromkeys(seeds, seed))
    return copy


def _is_unset_seed(estimator: Any, name: str) -> bool:
    is_seed = name == "random_state" or name.endswith("__random_state")
    return is_seed and estimator.get_params()[name] is None


def mean_prediction(models: Iterable[ErrorModel], X: Matrix) -> Vector:
    """Return the mean over models of the expected loss of every person."""
    mean: Vector = np.mean([model.predict(X) for model in models], axis=0)
    return mean
