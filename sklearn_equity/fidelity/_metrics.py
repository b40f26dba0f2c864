"""Which metrics are there, and which one is meant?"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import mean_pinball_loss

from sklearn_equity.fidelity._classification import CLASSIFICATION_METRICS
from sklearn_equity.fidelity._metric import Metric, Vector
from sklearn_equity.fidelity._normalization import Normalization, check_normalization
from sklearn_equity.fidelity._normalized_rmse import function_name, normalized_rmse
from sklearn_equity.fidelity._ranking import RANKING_METRICS
from sklearn_equity.fidelity._recalibration import RECALIBRATION_METRICS
from sklearn_equity.fidelity._regression import REGRESSION_METRICS, pinball
from sklearn_equity.fidelity._response import response_of

__all__ = ["METRIC_NAMES", "orientation_of", "predictions_of", "resolve_metric"]

_LOWER_IS_BETTER = ("_error", "_loss", "_deviance")

_NAMED = {
    metric.name: metric
    for metric in (
        *CLASSIFICATION_METRICS,
        *RANKING_METRICS,
        *RECALIBRATION_METRICS,
        *REGRESSION_METRICS,
    )
}
METRIC_NAMES = tuple(sorted([*_NAMED, "nrmse"]))


def resolve_metric(
    metric: "str | Callable[..., Any] | Metric",
    *,
    normalization: Normalization = "mean",
    greater_is_better: bool | None = None,
) -> Metric:
    """Say what a metric is: a function of one's own, and which way is better.

    Parameters
    ----------
    metric : str, callable or Metric
        A name, as in `subgroup_fidelity`; a function of `y_true`, `y_pred` and, if
        weights are used, `sample_weight`, such as those of `sklearn.metrics`; or a
        metric itself.
    normalization : str, float, callable or None, default="mean"
        What divides the "nrmse"; see `nrmse`. Other metrics have no use for it.
    greater_is_better : bool, default=None
        The orientation of a function. None reads it off scikit-learn's naming: a
        ``_score`` is better when greater; an ``_error``, ``_loss`` or ``_deviance``
        when smaller.

    Returns
    -------
    Metric
        What every argument `metric` takes; the same object for the same name.

    Raises
    ------
    ValueError
        If the name is unknown, or a function's orientation can't be told.
    TypeError
        If `metric` is none of these, or `greater_is_better` neither True nor False.

    See Also
    --------
    audit : Takes what this returns, as every argument `metric` does.
    subgroup_fidelity : Has an argument `greater_is_better` of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import resolve_metric
    >>> def median_miss(y_true, y_pred):
    ...     return np.median(np.abs(y_true - y_pred))
    >>> metric = resolve_metric(median_miss, greater_is_better=False)
    >>> metric.name, metric.greater_is_better
    ('median_miss', False)
    """
    check_normalization(normalization)
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        if metric == "nrmse":
            return normalized_rmse(normalization)
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


def predictions_of(metric: Any) -> int:
    """Return how many numbers a row of `y_pred` holds for what a person asks for."""
    if isinstance(metric, str):
        metric = _NAMED.get(metric)
    return metric.n_predictions if isinstance(metric, Metric) else 1


def _metric_of_function(
    function: Callable[..., Any], *, greater_is_better: bool | None
) -> Metric:
    level = _pinball_level(function)
    if level is not None:
        return pinball(level)
    name = function_name(function)
    greater_is_better = orientation_of(name, greater_is_better=greater_is_better)
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


def orientation_of(name: str, *, greater_is_better: bool | None) -> bool:
    """Return what was said, or read it off the name of a function."""
    if greater_is_better is not None:
        if not isinstance(greater_is_better, bool | np.bool_):
            msg = (
                f"`greater_is_better` must be True or False; got {greater_is_better!r}."
            )
            raise TypeError(msg)
        return bool(greater_is_better)
    if name.endswith("_score"):
        return True
    if name.endswith(_LOWER_IS_BETTER):
        return False
    msg = (
        f"`greater_is_better` must be given for the metric {name!r}: its name "
        "ends in none of _score, _error, _loss and _deviance, which tell the "
        "orientation of scikit-learn's metrics. Say it by "
        "fidelity.resolve_metric(function, greater_is_better=True) if a higher value "
        "is better, else False; or as an argument where there is one."
    )
    raise ValueError(msg)


def _pinball_level(function: Callable[..., Any]) -> float | None:
    """Return the level of scikit-learn's pinball loss; None for any other function."""
    if function is mean_pinball_loss:
        return 0.5
    if not isinstance(function, functools.partial) or function.args:
        return None
    if function.func is mean_pinball_loss and set(function.keywords) == {"alpha"}:
        return float(function.keywords["alpha"])
    return None


def _call(
    function: Callable[..., Any],
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None = None,
) -> float:
    if sample_weight is None:
        return _one_number(function, function(y_true, y_pred))
    parameters = inspect.signature(function).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if not takes_any and "sample_weight" not in parameters:
        msg = (
            f"`sample_weight` was given, but the metric {function_name(function)!r} "
            "takes no weights. Leave them out, or use another metric."
        )
        raise TypeError(msg)
    value = function(y_true, y_pred, sample_weight=sample_weight)
    return _one_number(function, value)


def _one_number(function: Callable[..., Any], value: Any) -> float:
    if np.ndim(value):
        msg = (
            f"The metric {function_name(function)!r} must return one number; got "
            f"{np.shape(value)} of them. One score a row: did you mean "
            "subgroup_fidelity(..., per_row=True)?"
        )
        raise TypeError(msg)
    return float(value)
