"""How noisy is each subgroup's figure, at the price of one pass over the rows?"""

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity._delta_method import delta_method
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.sufficient_statistics import subgroup_sums

__all__ = ["subgroup_variances"]

Vector = NDArray[np.float64]
_BLOCK_ROWS = 16_384  # a few columns of this length stay in the processor's cache


def subgroup_variances(
    y_true: Vector,
    y_pred: Vector,
    codes: SubgroupCodes,
    metric: Metric,
    *,
    sample_weight: Vector | None = None,
) -> Vector:
    """Estimate the sampling variance of a metric in every subgroup, fast.

    By the delta method, without resampling: good for comparing the noise of subgroups,
    too low for an interval where few rows carry most of an error.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_rows,)
        Finite numbers, checked by the caller.
    codes : SubgroupCodes
        The subgroup of each row.
    metric : Metric
        One that follows from sums.
    sample_weight : ndarray of shape (n_rows,), default=None
        Weight w counts a row w times in the figure; the row stays one observation.

    Returns
    -------
    ndarray of shape (n_subgroups,)
        NaN where a subgroup has no row or the metric is not defined.

    Raises
    ------
    TypeError
        If the metric is a function of rows.
    """
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    if metric.shift_invariant:
        # About a value of its own: large squares would swallow a small variance.
        origin = np.zeros(codes.n_subgroups + 1)  # one more for rows coded DROPPED
        origin[codes.codes] = y_true
        y_true, y_pred = y_true - origin[codes.codes], y_pred - origin[codes.codes]
    total: NDArray[np.float64] | float = 0.0
    for rows in gen_batches(len(y_true), _BLOCK_ROWS):
        columns = metric.columns(y_true[rows], y_pred[rows])
        if sample_weight is not None:
            columns = [column * sample_weight[rows] for column in columns]
        # Without weights the first column holds ones: its products are the columns.
        start = 1 if sample_weight is None else 0
        products = [a * b for a, b in combinations_with_replacement(columns[start:], 2)]
        total = total + subgroup_sums(
            codes.codes[rows], codes.n_subgroups, [*columns, *products]
        )
    totals = np.asarray(total)
    n_columns = len(columns)
    moments = totals if sample_weight is None else totals[:, n_columns:]
    _, std_error = delta_method(metric, totals[:, :n_columns], moments)
    return std_error**2
