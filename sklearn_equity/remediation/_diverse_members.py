"""What do models of other kinds see that the user's model does not?

Each is trained on all folds but one and predicts the one left out. Weights that are not
negative combine what they predicted for people whom they had not seen; a new person is
predicted by the mean of a member's models of all folds, which is the member bagged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.base import is_classifier
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils.parallel import Parallel, delayed

from sklearn_equity._fit_tasks import Task
from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.discovery._cross_fit import Fold, clone_with_seed

__all__ = ["Member", "Stack", "default_members"]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_MOST_COLUMNS_IN_PAIRS = 40  # of which there are 820 pairs


@dataclass(frozen=True)
class Member:
    """A model to be cross-fitted.

    Attributes
    ----------
    name : str
        What it is called.
    estimator : estimator
        Cloned for every fold. Of a classifier of two classes, the probability of the
        second is what it predicts.
    reads_table : bool
        Whether it is handed the table of numbers rather than the user's X.
    """

    name: str
    estimator: Any
    reads_table: bool


def default_members(table: Matrix, categorical: NDArray[np.bool_]) -> list[Member]:
    """Return boosted trees, extremely randomised trees, and a quadratic ridge."""
    boosted = HistGradientBoostingRegressor(
        max_iter=150,
        learning_rate=0.04,
        max_leaf_nodes=31,
        min_samples_leaf=30,
        l2_regularization=5.0,
        max_bins=64,
        max_features=0.5,
        categorical_features=categorical if categorical.any() else None,
        early_stopping=False,
    )
    randomised = ExtraTreesRegressor(50, min_samples_leaf=10, max_features=0.6)
    degree = 2 if table.shape[1] <= _MOST_COLUMNS_IN_PAIRS else 1
    smooth = make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        PolynomialFeatures(degree, include_bias=False),
        Ridge(100.0),
    )
    return [
        Member("boosted trees", boosted, reads_table=True),
        Member("extra trees", randomised, reads_table=True),
        Member("quadratic ridge", smooth, reads_table=True),
    ]


@dataclass(frozen=True, eq=False)
class Stack:
    r"""Members that were cross-fitted, and what each weighs.

    Attributes
    ----------
    members : tuple of Member
        Who they are.
    models : tuple of list
        Of each fold, the fitted model of every member.
    weights : ndarray of shape (n_members,)
        Not negative; their sum is near 1.
    errors : ndarray of shape (n_members,)
        The mean squared error of each by itself, for people whom it had not seen.
    mean : float
        The mean of the target: predictions are its sum with the weighted departures of
        the members' predictions from it.
    out_of_fold : ndarray of shape (n_rows,)
        What the stack predicts of each training row by models that did not see it.
    """

    members: tuple[Member, ...]
    models: tuple[list[Any], ...]
    weights: Vector
    errors: Vector
    mean: float
    out_of_fold: Vector

    @classmethod
    def fit(
        cls,
        members: Sequence[Member],
        X: Any,
        table: Matrix,
        y: Vector,
        *,
        labels: NDArray[Any],
        folds: Sequence[Fold],
        n_jobs: int | None,
        random_state: np.random.RandomState,
        task: Task,
    ) -> Self:
        """Cross-fit the members, and weigh them by non-negative least squares."""
        seeds = random_state.randint(2**31 - 1, size=(len(folds), len(members)))
        parts = task.parts("fold", len(folds), len(members))
        fitted = Parallel(n_jobs=n_jobs)(
            delayed(_fit_fold)(members, X, table, y, labels, fold, own_seeds, part)
            for fold, own_seeds, part in zip(folds, seeds, parts, strict=True)
        )
        predictions = np.empty((len(y), len(members)))
        for (_, test), (_, predicted) in zip(folds, fitted, strict=True):
            predictions[test] = predicted
        mean = float(y.mean())
        weights, _ = nnls(predictions - mean, y - mean)
        return cls(
            tuple(members),
            tuple(models for models, _ in fitted),
            weights,
            ((predictions - y[:, None]) ** 2).mean(axis=0),
            mean,
            mean + (predictions - mean) @ weights,
        )

    def predict(self, X: Any, table: Matrix) -> Vector:
        """Return the weighted predictions of the members, each the mean over folds."""
        total = np.full(len(table), self.mean)
        for k, weight in enumerate(self.weights):
            if weight == 0.0 and k > 0:
                continue  # the user's own is asked all the same: X may be none of its
            parts = [
                _predict(self.members[k], models[k], X, table) for models in self.models
            ]
            total += weight * (np.mean(parts, axis=0) - self.mean)
        return total


def _fit_fold(
    members: Sequence[Member],
    X: Any,
    table: Matrix,
    y: Vector,
    labels: NDArray[Any],
    fold: Fold,
    seeds: NDArray[np.int64],
    task: Task,
) -> tuple[list[Any], Matrix]:
    """Fit all members to all rows but those of a fold, and predict these."""
    train, test = fold
    X_train, X_test = (safe_indexing(X, rows) for rows in fold)
    models = []
    predicted = np.empty((len(test), len(members)))
    with task:
        for k, member in enumerate(members):
            model = clone_with_seed(member.estimator, int(seeds[k]))
            target = (labels if is_classifier(model) else y)[train]
            part = task.part(member.name)
            if member.reads_table:  # one of ours, of which callbacks learn nothing
                with part:
                    model.fit(table[train], target)
            else:
                part.fit(model, X_train, target)
            predicted[:, k] = _predict(member, model, X_test, table[test])
            models.append(model)
    return models, predicted


def _predict(member: Member, model: Any, X: Any, table: Matrix) -> Vector:
    rows = table if member.reads_table else X
    if is_classifier(model):
        return np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64)
    return np.asarray(model.predict(rows), dtype=np.float64).reshape(len(table))
