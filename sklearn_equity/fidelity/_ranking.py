"""Do scores put those of class 1 before the others?

Both areas are functions of the ranks. How much each row moves them is known in closed
form, so that their standard errors need no resampling. Few steps a subgroup keep
thousands of small ones quick.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.fidelity._classification import FEW, check_binary_truth
from sklearn_equity.fidelity._metric import Metric, Vector

__all__ = ["RANKING_METRICS"]


def _counted(
    y_true: Vector, y_pred: Vector, sample_weight: Vector | None
) -> tuple[Vector, Vector, Vector] | None:
    """Return truth, scores and weights of the rows that count; None of one class."""
    weights = _weights(y_true, sample_weight)
    rows = weights > 0.0
    if not rows.all():
        y_true, y_pred, weights = y_true[rows], y_pred[rows], weights[rows]
    if len(y_true) == 0 or y_true.min() == y_true.max():
        return None
    return y_true, y_pred, weights


def _weights(y_true: Vector, sample_weight: Vector | None) -> Vector:
    return np.ones_like(y_true) if sample_weight is None else sample_weight


def _share_below(tie: NDArray[np.intp], weights: Vector, n_ranks: int) -> Vector:
    """Tell what share of some rows lies below each rank, a tie counting half."""
    mass = np.bincount(tie, weights, minlength=n_ranks)
    up_to = np.cumsum(mass)
    share: Vector = (up_to - mass / 2.0) / up_to[-1]
    return share


def _roc_auc(
    y_true: Vector, y_pred: Vector, sample_weight: Vector | None = None
) -> float:
    """Average the share of class 0 that each row of class 1 is put above."""
    counted = _counted(y_true, y_pred, sample_weight)
    if counted is None:
        return float("nan")
    y_true, y_pred, weights = counted
    ranks, tie = np.unique(y_pred, return_inverse=True)
    ones = y_true == 1.0
    below = _share_below(tie[~ones], weights[~ones], len(ranks))
    return float(np.average(below[tie[ones]], weights=weights[ones]))


def _average_precision(
    y_true: Vector, y_pred: Vector, sample_weight: Vector | None = None
) -> float:
    """Average, over the rows of class 1, the precision at the rank of each."""
    counted = _counted(y_true, y_pred, sample_weight)
    if counted is None:
        return float("nan")
    y_true, y_pred, weights = counted
    _, tie = np.unique(-y_pred, return_inverse=True)  # best first
    mass_of_one = np.bincount(tie, weights * y_true)
    precision = np.cumsum(mass_of_one) / np.cumsum(np.bincount(tie, weights))
    return float(np.average(precision, weights=mass_of_one))


def _roc_auc_influence(
    y_true: Vector, y_pred: Vector, sample_weight: Vector | None
) -> Vector:
    """Tell by how much each row moves the area (DeLong, DeLong, Clarke-Pearson 1988).

    A row's placement is the share of the other class that it is ranked right against,
    a tie counting half.
    """
    weights = _weights(y_true, sample_weight)
    ranks, tie = np.unique(y_pred, return_inverse=True)
    influence = np.empty_like(weights)
    area = _roc_auc(y_true, y_pred, sample_weight)
    for own, sign in ((1.0, 1.0), (0.0, -1.0)):
        mine, others = y_true == own, y_true != own
        below = _share_below(tie[others], weights[others], len(ranks))
        placement = below if sign > 0.0 else 1.0 - below
        n = mine.sum()  # squares of deviations from a mean of n fall short by one
        scale = np.sqrt(n / max(n - 1.0, 1.0)) / weights[mine].sum()
        influence[mine] = scale * weights[mine] * (placement[tie[mine]] - area)
    return influence


def _average_precision_influence(
    y_true: Vector, y_pred: Vector, sample_weight: Vector | None
) -> Vector:
    """Tell by how much each row moves the mean precision at the rows of class 1.

    A row counts by its own precision, and it raises or lowers the precision at every
    row of class 1 that is ranked no higher.
    """
    weights = _weights(y_true, sample_weight)
    _, tie = np.unique(-y_pred, return_inverse=True)  # best first
    mass = np.bincount(tie, weights)
    mass_of_one = np.bincount(tie, weights * y_true)
    total, hits = np.cumsum(mass), np.cumsum(mass_of_one)
    precision = hits / total
    area = float(precision @ mass_of_one) / hits[-1]
    # Sums over the rows of class 1 from a rank downwards.
    gained = np.cumsum((mass_of_one / total)[::-1])[::-1]
    lost = np.cumsum((mass_of_one * precision / total)[::-1])[::-1]
    own = y_true * (precision[tie] - area)
    influence: Vector = weights * (own + y_true * gained[tie] - lost[tie]) / hits[-1]
    return influence


RANKING_METRICS = (
    Metric(
        "average_precision",
        "average precision",
        greater_is_better=True,
        bounds=(0.0, 1.0),
        best=1.0,
        task="classification",
        min_rows=50,
        min_of_class=(FEW, FEW),
        function=_average_precision,
        influence=_average_precision_influence,
        check=functools.partial(check_binary_truth, "average_precision"),
        response=("decision_function", "predict_proba"),
    ),
    Metric(
        "roc_auc",
        "ROC AUC",
        greater_is_better=True,
        bounds=(0.0, 1.0),
        best=1.0,
        task="classification",
        min_rows=50,
        min_of_class=(FEW, FEW),
        function=_roc_auc,
        influence=_roc_auc_influence,
        check=functools.partial(check_binary_truth, "roc_auc"),
        response=("decision_function", "predict_proba"),
    ),
)
