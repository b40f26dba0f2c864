"""How large is the root mean squared error beside the quantity itself?"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_equity.fidelity._metric import Metric, Vector, ratio
from sklearn_equity.fidelity._normalization import (
    Normalization,
    judge_mean,
    normalizer,
    refuse_mean,
)
from sklearn_equity.fidelity._regression import (
    SIZE_OF_ERRORS,
    error_columns,
    finish_rmse,
    squared_error,
    variance,
    variance_columns,
)

__all__ = ["function_name", "normalized_rmse"]


def _mean_columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
    return [*error_columns(y_true, y_pred), y_true]


def _finish_rmse_by_mean(sums: Vector) -> Vector:
    return ratio(finish_rmse(sums), ratio(sums[..., 2], sums[..., 0]))


def _finish_rmse_by_std(sums: Vector) -> Vector:
    return np.sqrt(ratio(ratio(sums[..., 1], sums[..., 0]), variance(sums)))


def _check_mean(counts: Mapping[str, int], n_rows: int, mean: float) -> None:
    judge_mean(counts["y_true_negative"], n_rows, mean)


def normalized_rmse(normalization: Normalization) -> Metric:
    """Declare the RMSE divided by what `normalization` names."""
    if normalization is None:
        parts: dict[str, Any] = {"columns": error_columns, "finish": finish_rmse}
        divisor = "1"
    elif normalization == "mean":
        parts = {"columns": _mean_columns, "finish": _finish_rmse_by_mean}
        parts |= {"truth_column": 2, "scale_invariant": True}
        parts["check"] = refuse_mean
        parts["check_counts"] = _check_mean
        divisor = "own mean of the target"
    elif normalization == "std":
        parts = {"columns": variance_columns, "finish": _finish_rmse_by_std}
        parts |= {"truth_column": 2, "shift_invariant": True}
        parts["scale_invariant"] = True
        divisor = "own standard deviation of the target"
    elif isinstance(normalization, str) or callable(normalization):
        parts = {"function": functools.partial(_rmse_by_rows, normalization)}
        parts["scale_invariant"] = isinstance(normalization, str)
        if normalization in ("range", "max"):
            parts["influence"] = functools.partial(_influence, normalization)
        divisor = f"own {function_name(normalization)} of the target"
    else:
        parts = {
            "columns": error_columns,
            "finish": lambda sums: finish_rmse(sums) / float(normalization),
        }
        divisor = f"{float(normalization):g}"
    label = "RMSE" if normalization is None else f"NRMSE (RMSE / {divisor})"
    return Metric("nrmse", label, **SIZE_OF_ERRORS, **parts)


def _rmse_by_rows(
    normalization: Normalization,
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None = None,
) -> float:
    squared = squared_error(y_true, y_pred)
    rmse = np.sqrt(np.average(squared, weights=sample_weight))
    return float(rmse / normalizer(normalization, y_true, sample_weight))


def _influence(
    normalization: Normalization,
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None,
) -> Vector:
    """Tell by how much each row moves the RMSE, the divisor taken as it is.

    No sample tells how far an extreme value is from the population's.
    """
    weights = np.ones_like(y_true) if sample_weight is None else sample_weight
    squared = squared_error(y_true, y_pred)
    mean = float(np.average(squared, weights=weights))
    divisor = normalizer(normalization, y_true, sample_weight)
    if mean == 0.0:
        return np.zeros_like(y_true)
    shares = weights / weights.sum()
    influence: Vector = shares * (squared - mean) / (2.0 * np.sqrt(mean) * divisor)
    return influence


def function_name(function: Any) -> str:
    """Name a function, also behind a `functools.partial`."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, str):
        return function
    return getattr(function, "__name__", type(function).__name__)
