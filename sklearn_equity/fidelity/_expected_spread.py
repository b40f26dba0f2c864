"""How far would the scores of probabilities stray, were the probabilities right?

Of a rare outcome few rows have most of a Brier score or a log loss. Where a small
subgroup has not met them, its own scores do not tell that they could come; its
predictions do: a probability p says what its row's score and its square are on average.
The one formula of figures from rows and from sums.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.fidelity._metric import Metric

__all__ = ["columns_of_sums", "guarded_by_predictions", "n_own_columns"]

Vector = NDArray[np.float64]

_BORROWED = 100.0  # people who are taken to stray as their predictions say


def columns_of_sums(metric: Metric, y_true: Any, y_pred: Any) -> list[Any]:
    """Return a metric's columns, and after them what guards its standard error.

    Of arrays, or of what stands for an engine's columns. The two that follow the score
    of a probability are its mean and the mean of its square if the outcome is 1 as
    often as `y_pred` says.
    """
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    columns: list[Any] = list(metric.columns(y_true, y_pred))
    if not metric.scores_probabilities:
        return columns
    of_zero = metric.columns(0.0 * y_pred, y_pred)[1]
    of_one = metric.columns(0.0 * y_pred + 1.0, y_pred)[1]
    mean = y_pred * of_one + (1.0 - y_pred) * of_zero
    mean_square = y_pred * of_one * of_one + (1.0 - y_pred) * of_zero * of_zero
    return [*columns, mean, mean_square]


def n_own_columns(metric: Metric) -> int:
    """Count the columns of which a metric is a function."""
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    return len(metric.columns(np.ones(1), np.ones(1)))


def guarded_by_predictions(
    metric: Metric,
    error: Vector,
    sums: Vector,
    squared_weight: Vector,
    n: NDArray[np.int64],
) -> Vector:
    """Raise standard errors as if 100 more people strayed as predictions say.

    Parameters
    ----------
    metric : Metric
        What was measured; others than scores of probabilities stay as they are.
    error : ndarray of shape (n_subgroups,)
        Standard errors from the scores themselves.
    sums : ndarray of shape (n_subgroups, n_columns)
        Of the columns of `columns_of_sums`, and maybe others after them.
    squared_weight : ndarray of shape (n_subgroups,)
        The sums of squared weights.
    n : ndarray of shape (n_subgroups,)
        The rows.

    Returns
    -------
    ndarray of shape (n_subgroups,)
        None is lower than before.
    """
    if not metric.scores_probabilities:
        return error
    k = n_own_columns(metric)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, mean_square = (sums[:, [k, k + 1]] / sums[:, :1]).T
        expected = (mean_square - mean**2) * squared_weight / sums[:, 0] ** 2
        drawn = (n * error**2 + _BORROWED * expected) / (n + _BORROWED)
        raised = np.fmax(error, np.sqrt(drawn))
    return np.where(np.isnan(error), np.nan, raised)
