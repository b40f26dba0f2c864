"""What do the inputs tell of the residuals of each finding?

For everybody a ridge regression, and boosted trees of what it leaves; then in every
finding a ridge regression of what both leave there. The relation of a subgroup that a
model has not learnt is mostly a level and some slopes, and 100 people show no more than
that; where it is another, trees see it from some hundreds. Each is believed as far as
it predicts rows that it has not seen, and every row is predicted by models that have
seen nothing of it.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from sklearn_equity.discovery._cross_fit import fit_trees
from sklearn_equity.fidelity import share_kept, standardise, with_constant
from sklearn_equity.segmentation._reseed import draw_seed

__all__ = ["complexity", "find_structure"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

# In rows: coefficients are drawn to 0 as if so many had shown nothing.
_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0)
_TYPICAL_PENALTY = 30.0
_FEWEST_ROWS = 10
_FEWEST_ROWS_OF_TREES = 200
_TAIL = (
    0.01  # targets beyond it count as it: a few people would decide where trees split
)


def find_structure(
    inputs: Matrix,
    residual: Vector,
    members: Mask,
    *,
    folds: Iterable[tuple[Rows, Rows]],
    estimator: Any,
    rng: np.random.RandomState,
) -> tuple[Vector, Matrix]:
    """Predict each row's residual by models fitted to rows of other folds.

    Returns
    -------
    everybody : ndarray of shape (n_rows,)
        What the model of everybody predicts.
    own : ndarray of shape (n_rows, n_findings)
        The same and, for members of each finding, what its own regression adds.
    """
    everybody = np.zeros(len(residual))
    added = np.zeros(members.shape)
    for train, held_out in folds:
        if estimator is None:
            whole = _predict(inputs, residual[train], train)
            rest = residual[train] - whole[train]
            whole += _predict_by_trees(inputs, rest, train, rng)
        else:
            fitted = clone(estimator).fit(inputs[train], residual[train])
            whole = np.asarray(fitted.predict(inputs), dtype=np.float64)
        everybody[held_out] = whole[held_out]
        for k, mask in enumerate(members.T):
            inside, asked = train[mask[train]], held_out[mask[held_out]]
            if len(inside) >= _FEWEST_ROWS and len(asked):
                rows = np.concatenate([inside, asked])
                rest = residual[inside] - whole[inside]
                own = _predict(inputs[rows], rest, np.arange(len(inside)))
                added[asked, k] = own[len(inside) :]
    return everybody, everybody[:, np.newaxis] + added


def _predict(inputs: Matrix, target: Vector, train: Rows) -> Vector:
    """Predict every row by the ridge regression of the training rows, shrunken.

    The penalty is that with the least leave-one-out error.
    """
    unit = float(np.sqrt(np.mean(target**2)))
    if unit == 0.0:
        return np.zeros(len(inputs))
    Z = standardise(inputs, train)
    coefficients, unseen = _ridge(Z[train], target / unit)
    kept = share_kept(target / unit, unseen)
    prediction: Vector = kept * unit * (with_constant(Z) @ coefficients)
    return prediction


def _predict_by_trees(
    inputs: Matrix, target: Vector, train: Rows, rng: np.random.RandomState
) -> Vector:
    """Predict every row by trees of both halves of the training rows, shrunken.

    What either half says of the other tells how far trees are to be believed.
    """
    unit = float(np.sqrt(np.mean(target**2)))
    if unit == 0.0 or len(train) < _FEWEST_ROWS_OF_TREES:
        return np.zeros(len(inputs))
    numbers = np.zeros(inputs.shape[1], dtype=bool)
    low, high = np.quantile(target, [_TAIL, 1.0 - _TAIL])
    order = rng.permutation(len(train))
    prediction, unseen = np.zeros(len(inputs)), np.zeros(len(train))
    for seen in (order[::2], order[1::2]):
        trees = fit_trees(
            inputs[train[seen]],
            np.clip(target[seen], low, high),
            numbers,
            draw_seed(rng),
        )
        said = trees.predict(inputs)
        prediction += said / 2.0
        others = np.setdiff1d(order, seen)
        unseen[others] = said[train[others]]
    kept = share_kept(target / unit, unseen / unit)
    shrunken: Vector = kept * prediction
    return shrunken


def _ridge(Z: Matrix, target: Vector) -> tuple[Vector, Vector]:
    """Fit a ridge regression; also predict each row from all the others.

    The latter in closed form: with leverage h, (fitted - h * target) / (1 - h).
    """
    left, singular, right = np.linalg.svd(with_constant(Z), full_matrices=False)
    along = left.T @ target
    best, least = (np.zeros(Z.shape[1] + 1), np.zeros(len(Z))), np.inf
    for penalty in _PENALTIES:
        kept = singular**2 / (singular**2 + penalty)
        leverage = left**2 @ kept
        unseen = (left @ (kept * along) - leverage * target) / (1.0 - leverage)
        error = float(np.mean((target - unseen) ** 2))
        if error < least:
            shrunken = singular / (singular**2 + penalty) * along
            best, least = (right.T @ shrunken, unseen), error
    return best


def complexity(inputs: Matrix) -> float:
    """Count the coefficients that a finding's own regression has after its penalty."""
    if len(inputs) < _FEWEST_ROWS:
        return 1.0
    Z = standardise(inputs, np.arange(len(inputs)))
    eigenvalues = np.maximum(np.linalg.eigvalsh(Z.T @ Z), 0.0)
    return 1.0 + float((eigenvalues / (eigenvalues + _TYPICAL_PENALTY)).sum())
