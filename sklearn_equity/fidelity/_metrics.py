"""What is measured in a subgroup, which way is better, and how does it follow?

A metric is data: its orientation, its range, the value of a perfect model, the smallest
subgroup for which its interval is trusted, and how it is computed. Most follow from
sums over rows, so that every scale and every resample has one formula; the others are
functions of the rows themselves.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from sklearn_equity.fidelity._normalization import (
    Normalization,
    check_normalization,
    normalizer,
    refuse_mean,
)
from sklearn_equity.fidelity._response import Response, response_of

__all__ = ["METRIC_NAMES", "Metric", "resolve_metric"]

_LOWER_IS_BETTER = ("_error", "_loss", "_deviance")

Vector = NDArray[np.float64]
Columns = Callable[[Vector, Vector], list[Vector]]
Finish = Callable[[Vector], Vector]


@dataclass(frozen=True)
class Metric:
    """One figure of fidelity: its orientation and how it is computed.

    Attributes
    ----------
    name : str
        The name by which it is asked for, or that of the function.
    label : str
        What a table's heading says.
    greater_is_better : bool
        The orientation. False for a metric that is best at a value inside its range,
        such as a bias: there the distance from that value counts.
    bounds : tuple of float
        The least and the largest value that it can take.
    best : float or None
        The value of a perfect model; None where it is not known.
    min_rows : int
        The smallest subgroup for which its interval is trusted, and a verdict given.
    columns : callable or None
        ``columns(y_true, y_pred)`` gives one array a sum; the first holds ones.
    finish : callable or None
        ``finish(sums)`` turns weighted sums of the columns, in the last axis, into
        values; NaN where the metric is undefined.
    function : callable or None
        ``function(y_true, y_pred, sample_weight=None)``, for what no sums give.
    shift_invariant : bool
        Whether adding one number to `y_true` and `y_pred` alike changes nothing. The
        sums of such a metric are taken about a value of the subgroup's own, because
        squares of large numbers would swallow a small variance.
    rows_are_binary : bool
        Whether it is the share of people of whom something holds.
    check : callable or None
        ``check(y_true, y_pred)`` raises where the metric has no meaning for the data.
    response : str or tuple of str
        The method of a model that gives what is compared with the truth; several in
        order of preference.
    """

    name: str
    label: str
    greater_is_better: bool
    bounds: tuple[float, float] = (-np.inf, np.inf)
    best: float | None = None
    min_rows: int = 10
    columns: Columns | None = None
    finish: Finish | None = None
    function: Callable[..., float] | None = None
    shift_invariant: bool = False
    rows_are_binary: bool = False
    check: Callable[[Vector, Vector], None] | None = None
    response: Response = "predict"

    @property
    def best_is_inside(self) -> bool:
        """Whether values on both sides of the best one occur, as with a bias."""
        return self.best is not None and self.bounds[0] < self.best < self.bounds[1]

    def as_loss(self, values: Vector) -> Vector:
        """Turn values so that higher is worse, in the metric's own unit."""
        if self.best is not None and self.best_is_inside:
            return np.abs(values - self.best)
        return -values if self.greater_is_better else values


# ---------------------------------------------------------------------------------
# What follows from sums
# ---------------------------------------------------------------------------------
def _ratio(numerator: Vector, denominator: Vector) -> Vector:
    """Divide; NaN where there is nothing positive to divide by."""
    undefined = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0.0)


def _mean_of(column: Callable[[Vector, Vector], Vector]) -> dict[str, Any]:
    def columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
        return [np.ones_like(y_true), column(y_true, y_pred)]

    return {"columns": columns, "finish": _finish_mean}


def _finish_mean(sums: Vector) -> Vector:
    return _ratio(sums[..., 1], sums[..., 0])


def _squared_error(y_true: Vector, y_pred: Vector) -> Vector:
    return (y_pred - y_true) ** 2


def _error_columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
    return [np.ones_like(y_true), _squared_error(y_true, y_pred)]


def _mean_columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
    return [*_error_columns(y_true, y_pred), y_true]


def _variance_columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
    return [*_mean_columns(y_true, y_pred), y_true**2]


def _finish_rmse(sums: Vector) -> Vector:
    return np.sqrt(_finish_mean(sums))


def _finish_rmse_by_mean(sums: Vector) -> Vector:
    return _ratio(_finish_rmse(sums), _ratio(sums[..., 2], sums[..., 0]))


def _variance(sums: Vector) -> Vector:
    mean = _ratio(sums[..., 2], sums[..., 0])
    return _ratio(sums[..., 3], sums[..., 0]) - mean**2


def _finish_rmse_by_std(sums: Vector) -> Vector:
    return np.sqrt(_ratio(_finish_mean(sums), _variance(sums)))


def _finish_r2(sums: Vector) -> Vector:
    return 1.0 - _ratio(_finish_mean(sums), _variance(sums))


def _balance_columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
    found = y_true * y_pred
    return [np.ones_like(y_true), y_true, found, (1.0 - y_true) * (1.0 - y_pred)]


def _finish_balanced_accuracy(sums: Vector) -> Vector:
    positives = sums[..., 1]
    sensitivity = _ratio(sums[..., 2], positives)
    specificity = _ratio(sums[..., 3], sums[..., 0] - positives)
    return (sensitivity + specificity) / 2.0


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


def _check_labels(y_true: Vector, y_pred: Vector) -> None:
    """Refuse probabilities where classes are compared: none would ever be right."""
    fractions = y_pred != np.floor(y_pred)
    if fractions.any() and (y_true == np.floor(y_true)).all():
        msg = (
            'metric="accuracy" needs `y_pred` to be classes; got fractions in '
            f"{int(fractions.sum())} of {len(y_pred)} rows, such as "
            f'{y_pred[fractions][0]:g}. For probabilities use "brier" or "roc_auc".'
        )
        raise ValueError(msg)


def _check_classes(y_true: Vector, y_pred: Vector) -> None:
    _refuse_other_than_zero_one(y_true, "y_true", "balanced_accuracy")
    _refuse_other_than_zero_one(y_pred, "y_pred", "balanced_accuracy")


def _check_scores(y_true: Vector, y_pred: Vector) -> None:
    del y_pred  # any number can rank
    _refuse_other_than_zero_one(y_true, "y_true", "roc_auc")


def _check_probabilities(y_true: Vector, y_pred: Vector) -> None:
    _refuse_other_than_zero_one(y_true, "y_true", "brier")
    outside = (y_pred < 0.0) | (y_pred > 1.0)
    if outside.any():
        msg = (
            'metric="brier" needs `y_pred` to be probabilities of class 1, from 0 to 1;'
            f" got values outside in {int(outside.sum())} of {len(y_pred)} rows, such "
            f"as {y_pred[outside][0]:g}."
        )
        raise ValueError(msg)


def _roc_auc(
    y_true: Vector, y_pred: Vector, sample_weight: Vector | None = None
) -> float:
    counted = y_true if sample_weight is None else y_true[sample_weight > 0.0]
    if len(counted) == 0 or counted.min() == counted.max():
        return float("nan")
    return float(roc_auc_score(y_true, y_pred, sample_weight=sample_weight))


# ---------------------------------------------------------------------------------
# The registry
# ---------------------------------------------------------------------------------
_ERROR: dict[str, Any] = {
    "greater_is_better": False,
    "bounds": (0.0, np.inf),
    "best": 0.0,
}
_SHARE: dict[str, Any] = {
    "greater_is_better": True,
    "bounds": (0.0, 1.0),
    "best": 1.0,
}

_NAMED = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy",
            "accuracy",
            **_SHARE,
            **_mean_of(lambda t, p: (t == p).astype(np.float64)),
            rows_are_binary=True,
            check=_check_labels,
        ),
        Metric(
            "balanced_accuracy",
            "balanced accuracy",
            **_SHARE,
            min_rows=100,  # fewer may hold a handful of the rarer class
            columns=_balance_columns,
            finish=_finish_balanced_accuracy,
            check=_check_classes,
        ),
        Metric(
            "bias",
            "bias (mean of prediction - truth)",
            greater_is_better=False,
            best=0.0,
            **_mean_of(lambda t, p: p - t),
        ),
        Metric(
            "brier",
            "Brier score",
            greater_is_better=False,
            bounds=(0.0, 1.0),
            best=0.0,
            **_mean_of(_squared_error),
            check=_check_probabilities,
            response="predict_proba",
        ),
        Metric("mae", "MAE", **_ERROR, **_mean_of(lambda t, p: np.abs(p - t))),
        Metric(
            "r2",
            "R2",
            greater_is_better=True,
            bounds=(-np.inf, 1.0),
            best=1.0,
            columns=_variance_columns,
            finish=_finish_r2,
            shift_invariant=True,
        ),
        Metric("rmse", "RMSE", **_ERROR, columns=_error_columns, finish=_finish_rmse),
        Metric(
            "roc_auc",
            "ROC AUC",
            **_SHARE,
            min_rows=100,
            function=_roc_auc,
            check=_check_scores,
            response=("decision_function", "predict_proba"),
        ),
    )
}
METRIC_NAMES = tuple(sorted([*_NAMED, "nrmse"]))


def resolve_metric(
    metric: "str | Callable[..., Any] | Metric",
    *,
    normalization: Normalization = "mean",
    greater_is_better: bool | None = None,
) -> Metric:
    """Turn what a person asks for into a `Metric`.

    Parameters
    ----------
    metric : str, callable or Metric
        A name of ``METRIC_NAMES``; a function of `y_true`, `y_pred` and, if weights are
        used, `sample_weight`, such as those of `sklearn.metrics`; or a metric itself.
    normalization : default="mean"
        What divides the "nrmse"; see `nrmse`. Other metrics have no use for it.
    greater_is_better : bool, default=None
        The orientation of a function. None reads it off scikit-learn's naming: a
        ``_score`` is better when greater; an ``_error``, ``_loss`` or ``_deviance``
        when smaller.

    Returns
    -------
    Metric
        The same object for the same name.

    Raises
    ------
    ValueError
        If the name is unknown, or a function's orientation can't be told.
    TypeError
        If `metric` is none of these.
    """
    check_normalization(normalization)
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        if metric == "nrmse":
            return _normalized_rmse(normalization)
        if metric in _NAMED:
            return _NAMED[metric]
        names = ", ".join(f'"{name}"' for name in METRIC_NAMES)
        msg = (
            f"`metric` must be one of {names}, or a function such as those of "
            f"sklearn.metrics; got {metric!r}."
        )
        raise ValueError(msg)
    if not callable(metric):
        msg = f"`metric` must be a name or a function; got {type(metric).__name__}."
        raise TypeError(msg)
    return _metric_of_function(metric, greater_is_better=greater_is_better)


def _normalized_rmse(normalization: Normalization) -> Metric:
    """Declare the RMSE divided by what `normalization` names."""
    if normalization is None:
        parts: dict[str, Any] = {"columns": _error_columns, "finish": _finish_rmse}
        divisor = "1"
    elif normalization == "mean":
        parts = {"columns": _mean_columns, "finish": _finish_rmse_by_mean}
        parts["check"] = refuse_mean
        divisor = "own mean of the target"
    elif normalization == "std":
        parts = {"columns": _variance_columns, "finish": _finish_rmse_by_std}
        parts["shift_invariant"] = True
        divisor = "own standard deviation of the target"
    elif isinstance(normalization, str) or callable(normalization):
        parts = {"function": functools.partial(_rmse_by_rows, normalization)}
        divisor = f"own {_function_name(normalization)} of the target"
    else:
        parts = {
            "columns": _error_columns,
            "finish": lambda sums: _finish_rmse(sums) / float(normalization),
        }
        divisor = f"{normalization:g}"
    label = "RMSE" if normalization is None else f"NRMSE (RMSE / {divisor})"
    return Metric("nrmse", label, **_ERROR, **parts)


def _rmse_by_rows(
    normalization: Normalization,
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None = None,
) -> float:
    squared = _squared_error(y_true, y_pred)
    rmse = np.sqrt(np.average(squared, weights=sample_weight))
    return float(rmse / normalizer(normalization, y_true, sample_weight))


def _function_name(function: Any) -> str:
    """Name a function, also behind a `functools.partial`."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, str):
        return function
    return getattr(function, "__name__", type(function).__name__)


def _metric_of_function(
    function: Callable[..., Any], *, greater_is_better: bool | None
) -> Metric:
    name = _function_name(function)
    if greater_is_better is None:
        if name.endswith("_score"):
            greater_is_better = True
        elif name.endswith(_LOWER_IS_BETTER):
            greater_is_better = False
        else:
            msg = (
                f"`greater_is_better` must be given for the metric {name!r}: its name "
                "ends in none of _score, _error, _loss and _deviance, which tell the "
                "orientation of scikit-learn's metrics. Pass greater_is_better=True if "
                "a higher value is better, else False."
            )
            raise ValueError(msg)
    # Scikit-learn's errors, losses and deviances have no negative values.
    low = 0.0 if name.endswith(_LOWER_IS_BETTER) else -np.inf
    return Metric(
        name,
        name,
        greater_is_better,
        bounds=(low, np.inf),
        min_rows=30,  # of an unknown function no more can be promised
        function=functools.partial(_call, function),
        response=response_of(function),
    )


def _call(
    function: Callable[..., Any],
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None = None,
) -> float:
    if sample_weight is None:
        return float(function(y_true, y_pred))
    parameters = inspect.signature(function).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if not takes_any and "sample_weight" not in parameters:
        msg = (
            f"`sample_weight` was given, but the metric {_function_name(function)!r} "
            "takes no weights. Leave them out, or use another metric."
        )
        raise TypeError(msg)
    return float(function(y_true, y_pred, sample_weight=sample_weight))
