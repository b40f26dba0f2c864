"""How far are predicted numbers, or intervals, from the measured ones?"""

import functools
from typing import Any

import numpy as np

from sklearn_equity.fidelity._metric import (
    Metric,
    Vector,
    mean_of,
    ratio,
    share_of_everybody,
)

__all__ = [
    "REGRESSION_METRICS",
    "SIZE_OF_ERRORS",
    "error_columns",
    "finish_rmse",
    "pinball",
    "squared_error",
    "variance",
    "variance_columns",
]

SIZE_OF_ERRORS: dict[str, Any] = {
    "greater_is_better": False,
    "bounds": (0.0, np.inf),
    "best": 0.0,
    "task": "regression",
    "shape_of_errors": True,
}


def squared_error(y_true: Vector, y_pred: Vector) -> Vector:
    """Square the errors."""
    return (y_pred - y_true) ** 2


def error_columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
    """Give what the RMSE is made of."""
    return [np.ones_like(y_true), squared_error(y_true, y_pred)]


def finish_rmse(sums: Vector) -> Vector:
    """Compute the RMSE from sums."""
    return np.sqrt(ratio(sums[..., 1], sums[..., 0]))


def variance_columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
    """Give what the RMSE and the variance of the truth are made of."""
    return [*error_columns(y_true, y_pred), y_true, y_true**2]


def variance(sums: Vector) -> Vector:
    """Compute the variance of the truth from the sums of `variance_columns`."""
    mean = ratio(sums[..., 2], sums[..., 0])
    return ratio(sums[..., 3], sums[..., 0]) - mean**2


def _finish_r2(sums: Vector) -> Vector:
    return 1.0 - ratio(ratio(sums[..., 1], sums[..., 0]), variance(sums))


# ---------------------------------------------------------------------------------
# Quantiles and intervals
# ---------------------------------------------------------------------------------
def _pinball_loss(level: float, y_true: Vector, y_pred: Vector) -> Vector:
    error = y_true - y_pred
    return np.where(error >= 0.0, level * error, (level - 1.0) * error)


def pinball(level: float) -> Metric:
    """Declare the loss that the quantile of a level minimises."""
    label = "pinball loss" if level == 0.5 else f"pinball loss at {level:g}"
    loss = functools.partial(_pinball_loss, level)
    return Metric("pinball", label, **SIZE_OF_ERRORS, **mean_of(loss))


def _inside(y_true: Vector, y_pred: Vector) -> Vector:
    inside = (y_pred[:, 0] <= y_true) & (y_true <= y_pred[:, 1])
    return inside.astype(np.float64)


def _check_ends(y_true: Vector, y_pred: Vector) -> None:
    del y_true
    crossed = y_pred[:, 0] > y_pred[:, 1]
    if crossed.any():
        msg = (
            'metric="interval_coverage" needs the first column of `y_pred` to be the '
            f"lower end; it is above the second in {int(crossed.sum())} of "
            f"{len(crossed)} rows."
        )
        raise ValueError(msg)


REGRESSION_METRICS = (
    Metric(
        "bias",
        "bias (mean of prediction - truth)",
        greater_is_better=False,
        best=0.0,
        task="regression",
        shape_of_errors=True,
        **mean_of(lambda t, p: p - t),
    ),
    Metric(
        "interval_coverage",
        "interval coverage",
        task="regression",
        check=_check_ends,
        response="predict_interval",
        n_predictions=2,
        **share_of_everybody(_inside),
    ),
    Metric("mae", "MAE", **SIZE_OF_ERRORS, **mean_of(lambda t, p: np.abs(p - t))),
    pinball(0.5),
    Metric(
        "r2",
        "R2",
        greater_is_better=True,
        bounds=(-np.inf, 1.0),
        best=1.0,
        task="regression",
        columns=variance_columns,
        finish=_finish_r2,
        truth_column=2,
        shape_of_errors=True,
        shift_invariant=True,
        scale_invariant=True,
    ),
    Metric("rmse", "RMSE", **SIZE_OF_ERRORS, columns=error_columns, finish=finish_rmse),
)
