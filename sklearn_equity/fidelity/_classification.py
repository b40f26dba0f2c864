"""How often are the classes right, and how near the probabilities?

Of two classes, 1 is the one that matters: the disease, the event.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.special import xlogy
from sklearn.utils import gen_batches

from sklearn_equity.fidelity._metric import (
    Metric,
    Share,
    Vector,
    mean_of,
    share_metric,
    share_of_everybody,
)

__all__ = ["CLASSIFICATION_METRICS", "FEW", "check_binary_truth", "check_probabilities"]

# Below, a share, an area or a slope is next to unknown whatever the other class has,
# and the few of a rare class carry most of a loss.
FEW = 10
_BLOCK_ROWS = 16_384


def _right(y_true: Vector, y_pred: Vector) -> Vector:
    right: Vector = (y_true == y_pred).astype(np.float64)
    return right


def _found(y_true: Vector, y_pred: Vector) -> Share:
    return y_true, y_true * y_pred


def _cleared(y_true: Vector, y_pred: Vector) -> Share:
    return 1.0 - y_true, (1.0 - y_true) * (1.0 - y_pred)


def _squared_error(y_true: Vector, y_pred: Vector) -> Vector:
    return (y_pred - y_true) ** 2


def _log_loss(y_true: Vector, y_pred: Vector) -> Vector:
    # As scikit-learn does: a probability of 0 for what happened is no infinite loss.
    step = np.finfo(np.float64).eps
    right = np.clip(np.where(y_true == 1.0, y_pred, 1.0 - y_pred), step, 1.0 - step)
    loss: Vector = -xlogy(1.0, right)
    return loss


# ---------------------------------------------------------------------------------
# What the data must be
# ---------------------------------------------------------------------------------
def _refuse_other_than_zero_one(values: Vector, name: str, metric: str) -> None:
    others = (values != 0.0) & (values != 1.0)
    if others.any():
        msg = (
            f'metric="{metric}" needs `{name}` to be 0 or 1; got other values in '
            f"{int(others.sum())} of {len(values)} rows, such as {values[others][0]:g}."
        )
        raise ValueError(msg)


def check_binary_truth(metric: str, y_true: Vector, y_pred: Vector) -> None:
    """Refuse a truth that is not 0 or 1."""
    del y_pred  # any number can rank
    _refuse_other_than_zero_one(y_true, "y_true", metric)


def check_probabilities(metric: str, y_true: Vector, y_pred: Vector) -> None:
    """Refuse predictions that are no probabilities of class 1."""
    _refuse_other_than_zero_one(y_true, "y_true", metric)
    outside = (y_pred < 0.0) | (y_pred > 1.0)
    if outside.any():
        msg = (
            f'metric="{metric}" needs `y_pred` to be probabilities of class 1, from 0 '
            f"to 1; got values outside in {int(outside.sum())} of {len(y_pred)} rows, "
            f"such as {y_pred[outside][0]:g}."
        )
        raise ValueError(msg)


def _check_two_classes(metric: str) -> Callable[[Vector, Vector], None]:
    def check(y_true: Vector, y_pred: Vector) -> None:
        _refuse_other_than_zero_one(y_true, "y_true", metric)
        _refuse_other_than_zero_one(y_pred, "y_pred", metric)

    return check


def _check_labels(y_true: Vector, y_pred: Vector) -> None:
    """Refuse probabilities where classes are compared: none would ever be right."""
    if not _has_fractions(y_pred) or _has_fractions(y_true):
        return
    fractions = y_pred != np.floor(y_pred)
    msg = (
        'metric="accuracy" needs `y_pred` to be classes; got fractions in '
        f"{int(fractions.sum())} of {len(y_pred)} rows, such as "
        f'{y_pred[fractions][0]:g}. For probabilities use "brier" or "roc_auc".'
    )
    raise ValueError(msg)


def _has_fractions(values: Vector) -> bool:
    """Look in blocks, which stay in the processor's cache."""
    blocks = (values[rows] for rows in gen_batches(len(values), _BLOCK_ROWS))
    return any(bool((block != np.floor(block)).any()) for block in blocks)


_KINDS = ("negative", "above", "broken")


def _refuse_counts(
    metric: str,
    rules: Mapping[str, tuple[str, Sequence[str]]],
    counts: Mapping[str, int],
    n_rows: int,
    mean: float,
) -> None:
    """Apply rules to counts: what each argument must be, and what it must not hold."""
    del mean  # of classes it does not matter
    for name, (rule, kinds) in rules.items():
        others = sum(counts[f"{name}_{kind}"] for kind in kinds)
        if others:
            msg = (
                f'metric="{metric}" needs `{name}` to be {rule}; got other values in '
                f"{others:,} of {n_rows:,} rows."
            )
            raise ValueError(msg)


def _count_rules(metric: str, prediction: str) -> Callable[..., None]:
    """Say in counts what the checks say of rows."""
    rules = {
        "classes": ("0 or 1", _KINDS),
        "probabilities": ("probabilities of class 1, from 0 to 1", _KINDS[:2]),
    }
    both = {"y_true": rules["classes"], "y_pred": rules[prediction]}
    return functools.partial(_refuse_counts, metric, both)


def _refuse_fractions(counts: Mapping[str, int], n_rows: int, mean: float) -> None:
    """Refuse probabilities where whole numbers are predicted."""
    if not counts["y_true_broken"]:
        rules = {"y_pred": ("classes", _KINDS[2:])}
        _refuse_counts("accuracy", rules, counts, n_rows, mean)


CLASSIFICATION_METRICS = (
    Metric(
        "accuracy",
        "accuracy",
        task="classification",
        check=_check_labels,
        check_counts=_refuse_fractions,
        **share_of_everybody(_right),
    ),
    Metric(
        "balanced_accuracy",
        "balanced accuracy",
        task="classification",
        min_rows=2 * FEW,
        min_of_class=(FEW, FEW),
        check=_check_two_classes("balanced_accuracy"),
        check_counts=_count_rules("balanced_accuracy", "classes"),
        **share_metric(_found, _cleared),
    ),
    Metric(
        "brier",
        "Brier score",
        greater_is_better=False,
        bounds=(0.0, 1.0),
        best=0.0,
        task="classification",
        min_rows=2 * FEW,
        min_of_class=(FEW, FEW),
        check=functools.partial(check_probabilities, "brier"),
        check_counts=_count_rules("brier", "probabilities"),
        response="predict_proba",
        scores_probabilities=True,
        **mean_of(_squared_error),
    ),
    Metric(
        "log_loss",
        "log loss",
        greater_is_better=False,
        bounds=(0.0, np.inf),
        best=0.0,
        task="classification",
        min_rows=2 * FEW,
        min_of_class=(FEW, FEW),
        check=functools.partial(check_probabilities, "log_loss"),
        check_counts=_count_rules("log_loss", "probabilities"),
        response="predict_proba",
        scores_probabilities=True,
        **mean_of(_log_loss),
    ),
    Metric(
        "sensitivity",
        "sensitivity",
        task="classification",
        min_of_class=(0, FEW),
        check=_check_two_classes("sensitivity"),
        check_counts=_count_rules("sensitivity", "classes"),
        **share_metric(_found),
    ),
    Metric(
        "specificity",
        "specificity",
        task="classification",
        min_of_class=(FEW, 0),
        check=_check_two_classes("specificity"),
        check_counts=_count_rules("specificity", "classes"),
        **share_metric(_cleared),
    ),
)
