"""Do scores put those of class 1 before the others?

Both areas are functions of the ranks. How much each row moves them is known in closed
form, so that their standard errors need no resampling.
"""

import functools

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from sklearn_equity.fidelity._classification import FEW, check_binary_truth
from sklearn_equity.fidelity._metric import Metric, Vector

__all__ = ["RANKING_METRICS"]


def _has_both_classes(y_true: Vector, sample_weight: Vector | None) -> bool:
    counted = y_true if sample_weight is None else y_true[sample_weight > 0.0]
    return len(counted) > 0 and counted.min() < counted.max()


def _roc_auc(
    y_true: Vector, y_pred: Vector, sample_weight: Vector | None = None
) -> float:
    if not _has_both_classes(y_true, sample_weight):
        return float("nan")
    return float(roc_auc_score(y_true, y_pred, sample_weight=sample_weight))


def _average_precision(
    y_true: Vector, y_pred: Vector, sample_weight: Vector | None = None
) -> float:
    if not _has_both_classes(y_true, sample_weight):
        return float("nan")
    return float(average_precision_score(y_true, y_pred, sample_weight=sample_weight))


def _weights(y_true: Vector, sample_weight: Vector | None) -> Vector:
    return np.ones_like(y_true) if sample_weight is None else sample_weight


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
        mass = np.bincount(tie[others], weights[others], minlength=len(ranks))
        share_below = (np.cumsum(mass) - mass / 2.0) / mass.sum()
        placement = share_below if sign > 0.0 else 1.0 - share_below
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
    return weights * (own + y_true * gained[tie] - lost[tie]) / hits[-1]


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
