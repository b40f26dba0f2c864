"""Do predicted risks mean what they say?

A logistic model of the outcome on the logit of the predicted risk answers: its slope is
1 and its intercept 0 where they do. A slope below 1 tells of predictions that are too
extreme; an intercept above 0, the slope kept at 1, of risks predicted too low.
"""

import functools
from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit

from sklearn_equity.fidelity._classification import FEW, check_probabilities
from sklearn_equity.fidelity._metric import Metric, Vector

__all__ = ["RECALIBRATION_METRICS"]

_MOST_STEPS = 50
_SMALL_STEP = 1e-12
_LARGEST = 1e3  # a coefficient beyond has no finite solution: the classes are apart


def _check_risks(metric: str, y_true: Vector, y_pred: Vector) -> None:
    check_probabilities(metric, y_true, y_pred)
    sure = (y_pred == 0.0) | (y_pred == 1.0)
    if sure.any():
        msg = (
            f'metric="{metric}" needs probabilities above 0 and below 1, since it takes'
            f" their logit; got 0 or 1 in {int(sure.sum())} of {len(y_pred)} rows. "
            "Clip them, such as by np.clip(y_pred, 0.001, 0.999), and say so."
        )
        raise ValueError(msg)


def _fit(design: Vector, offset: Vector, y_true: Vector, weights: Vector) -> Vector:
    """Maximise the weighted logistic likelihood; NaN where it has no maximum."""
    unknown = np.full(design.shape[1], np.nan)
    held = weights > 0.0
    if _are_apart(design[held], y_true[held]):
        return unknown
    coefficients = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        risk = expit(offset + design @ coefficients)
        score = design.T @ (weights * (y_true - risk))
        information = (design.T * (weights * risk * (1.0 - risk))) @ design
        if np.linalg.matrix_rank(information) < len(score):
            return unknown
        step = np.linalg.solve(information, score)
        # A step of more than a few logits overshoots where risks are near 0 and 1.
        longest = float(np.abs(design @ step).max())
        coefficients = coefficients + step * min(1.0, 3.0 / max(longest, 3.0))
        if np.abs(coefficients).max() > _LARGEST:
            return unknown
        if longest <= _SMALL_STEP:
            return coefficients
    return unknown


def _are_apart(design: Vector, y_true: Vector) -> bool:
    """Tell whether no finite coefficients are the best: the classes don't overlap."""
    ones = design[y_true == 1.0, 0]
    zeros = design[y_true == 0.0, 0]
    if len(ones) == 0 or len(zeros) == 0:
        return True
    if design.shape[1] == 1:  # an intercept alone
        return False
    return bool(zeros.max() <= ones.min() or ones.max() <= zeros.min())


def _sandwich(
    design: Vector, offset: Vector, y_true: Vector, weights: Vector
) -> Vector:
    """Tell by how much each row moves the coefficients, one column each."""
    coefficients = _fit(design, offset, y_true, weights)
    risk = expit(offset + design @ coefficients)
    information = (design.T * (weights * risk * (1.0 - risk))) @ design
    score = design * (weights * (y_true - risk))[:, np.newaxis]
    n, n_coefficients = design.shape
    influence: Vector = (
        score @ np.linalg.inv(information) * np.sqrt(n / (n - n_coefficients))
    )
    return influence


def _in_the_large(y_pred: Vector) -> tuple[Vector, Vector]:
    """Return the design and the offset of a model with an intercept alone."""
    return np.ones((len(y_pred), 1)), logit(y_pred)


def _line(y_pred: Vector) -> tuple[Vector, Vector]:
    """Return the design and the offset of a model with a slope as well."""
    risk = logit(y_pred)
    return np.column_stack([risk, np.ones_like(risk)]), np.zeros_like(risk)


_Model = Callable[[Vector], tuple[Vector, Vector]]


def _coefficient(
    model: _Model,
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None = None,
) -> float:
    weights = np.ones_like(y_true) if sample_weight is None else sample_weight
    return float(_fit(*model(y_pred), y_true, weights)[0])


def _influence(
    model: _Model, y_true: Vector, y_pred: Vector, sample_weight: Vector | None
) -> Vector:
    weights = np.ones_like(y_true) if sample_weight is None else sample_weight
    return _sandwich(*model(y_pred), y_true, weights)[:, 0]


def _declare(name: str, label: str, best: float, model: _Model) -> Metric:
    return Metric(
        name,
        label,
        greater_is_better=False,
        best=best,
        task="classification",
        min_rows=50,
        min_of_class=(FEW, FEW),
        function=functools.partial(_coefficient, model),
        influence=functools.partial(_influence, model),
        check=functools.partial(_check_risks, name),
        response="predict_proba",
    )


RECALIBRATION_METRICS = (
    _declare(
        "calibration_in_the_large",
        "calibration in the large (intercept, slope 1)",
        0.0,
        _in_the_large,
    ),
    _declare("calibration_slope", "calibration slope", 1.0, _line),
)
