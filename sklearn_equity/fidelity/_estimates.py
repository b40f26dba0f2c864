"""How well does a model serve each subgroup, as one number each?"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import gen_batches

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._factorize import DROPPED
from sklearn_equity._label_text import format_label
from sklearn_equity.fidelity._metric import Metric, ratio
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._normalization import Normalization
from sklearn_equity.fidelity._population import (
    Population,
    check_population,
    without_ghosts,
)
from sklearn_equity.sufficient_statistics import subgroup_sums

__all__ = ["nrmse", "rows_of_subgroups", "subgroup_estimates", "value_of_rows"]

Vector = NDArray[np.float64]

_BLOCK_ROWS = 16_384  # several columns of this length stay in the processor's cache
_SAMPLED_ROWS = 1_024
_FARTHEST = 3.0  # standard deviations of the truth between its mean and the origin


def subgroup_estimates(
    y_true: Vector,
    y_pred: Vector,
    codes: SubgroupCodes,
    metric: Metric,
    *,
    sample_weight: Vector | None = None,
) -> Vector:
    """Compute a metric in every subgroup: the values alone, fast.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_rows,)
        Finite numbers, checked by the caller.
    codes : SubgroupCodes
        The subgroup of each row.
    metric : Metric
        What `resolve_metric` returns.
    sample_weight : ndarray of shape (n_rows,), default=None
        Weight w counts a row w times.

    Returns
    -------
    ndarray of shape (n_subgroups,)
        NaN where a subgroup has no row or the metric is not defined.

    Raises
    ------
    ValueError
        If the data are not what the metric needs.
    """
    if metric.check is not None:
        metric.check(y_true, y_pred)
    if metric.columns is None or metric.finish is None:
        return _estimates_by_rows(y_true, y_pred, codes, metric, sample_weight)
    data = Population(y_true, y_pred, sample_weight)
    if not metric.shift_invariant:
        return metric.finish(_sums(data, codes, metric))
    # One number for all, or none, is quicker to subtract, and mostly near enough.
    some = y_true[:: max(len(y_true) // _SAMPLED_ROWS, 1)]
    mean = float(some.mean())
    with np.errstate(over="ignore", invalid="ignore"):
        is_near = mean**2 <= _FARTHEST**2 * some.var()
        sums = _sums(data, codes, metric, None if is_near else mean)
        far = _is_far(sums)
    if far.any() and (rows := far[codes.codes]).any():
        data = data.take(rows)
        codes = SubgroupCodes(codes.codes[rows], codes.labels, codes.name)
        sums[far] = _sums(data, codes, metric, _origins(data.y_true, codes))[far]
    return metric.finish(sums)


def _sums(
    data: Population,
    codes: SubgroupCodes,
    metric: Metric,
    origin: float | Vector | None = None,
) -> Vector:
    """Add up the columns of a metric, about an origin, in blocks of rows.

    The origin is one number, or one of each subgroup and a last one for dropped rows.
    """
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    sums: Vector | float = 0.0
    for rows in gen_batches(len(data.y_true), _BLOCK_ROWS):
        code = codes.codes[rows]
        truth, prediction = data.y_true[rows], data.y_pred[rows]
        if origin is not None:
            shift = (
                origin
                if isinstance(origin, float)
                else origin.take(code, mode="wrap")  # -1, of dropped rows, is the last
            )
            truth, prediction = truth - shift, prediction - shift
        weights = None if data.sample_weight is None else data.sample_weight[rows]
        # The first column holds ones.
        columns = [None, *metric.columns(truth, prediction)[1:]]
        sums = sums + subgroup_sums(code, codes.n_subgroups, columns, weights)
    return np.asarray(sums)


def _is_far(sums: Vector) -> NDArray[np.bool_]:
    """Tell of which subgroups squares about the origin lose digits of the variance.

    The columns are those of `variance_columns`.
    """
    mean = ratio(sums[:, 2], sums[:, 0])
    mean_square = ratio(sums[:, 3], sums[:, 0])
    is_near = mean**2 <= _FARTHEST**2 * (mean_square - mean**2)
    return np.asarray(~is_near)  # what has overflowed is far, too


def _estimates_by_rows(
    y_true: Vector,
    y_pred: Vector,
    codes: SubgroupCodes,
    metric: Metric,
    sample_weight: Vector | None,
) -> Vector:
    estimates = np.full(codes.n_subgroups, np.nan)
    for code, rows in enumerate(rows_of_subgroups(codes)):
        weights = None if sample_weight is None else sample_weight[rows]
        if len(rows) == 0 or (weights is not None and not weights.any()):
            continue
        try:
            estimates[code] = value_of_rows(metric, y_true[rows], y_pred[rows], weights)
        except ValueError as error:
            label = format_label(codes.labels[code])
            error.add_note(f"(metric {metric.label} in the subgroup {label!r})")
            raise
    return estimates


def value_of_rows(
    metric: Metric, y_true: Vector, y_pred: Vector, sample_weight: Vector | None
) -> float:
    """Compute a metric that is a function of rows."""
    if metric.function is None:
        raise TypeError(f"The metric {metric.name!r} follows from sums, not from rows.")
    if sample_weight is None:
        return metric.function(y_true, y_pred)
    return metric.function(y_true, y_pred, sample_weight=sample_weight)


def rows_of_subgroups(codes: SubgroupCodes) -> Iterator[NDArray[np.intp]]:
    """Yield the positions of each subgroup's rows, in the order of the labels."""
    order = np.argsort(codes.codes, kind="stable")
    ends = np.searchsorted(codes.codes[order], np.arange(codes.n_subgroups + 1))
    for start, end in pairwise(ends):
        yield order[start:end]


def _origins(y_true: Vector, codes: SubgroupCodes) -> Vector:
    """Return the truth of one row of each subgroup, to be subtracted from all of them.

    A subgroup whose truth is constant then becomes exactly 0, with variance exactly 0.
    The last value, for rows coded ``DROPPED``, is 0.
    """
    origin = np.zeros(codes.n_subgroups + 1)
    unseen = np.ones(codes.n_subgroups + 1, dtype=bool)
    for rows in gen_batches(len(y_true), _BLOCK_ROWS):
        code = codes.codes[rows]
        found = np.zeros_like(unseen)
        found[code] = True
        candidates = np.zeros_like(origin)
        candidates[code] = y_true[rows]
        origin = np.where(found & unseen, candidates, origin)
        unseen &= ~found
        if not unseen[:-1].any():
            break
    origin[DROPPED] = 0.0
    return origin


def nrmse(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    normalization: Normalization = "mean",
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Root mean squared error as a share of the target's size.

    Lower is better: 0 for perfect predictions, without upper bound; in units of the
    divisor, so a model that always predicts the target's mean has 1 under "std".
    Trusted from about 30 rows; with heavy-tailed errors it is noisy well beyond.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        The measured outcome.
    y_pred : array-like of shape (n_rows,)
        The model's predictions, in the same unit.
    normalization : str, float, callable or None, default="mean"
        What the root mean squared error is divided by: the "mean", "std" (standard
        deviation), "iqr" (interquartile range), "range" or "max" of `y_true`; a
        positive number; or the result of a function of the values of `y_true` (which is
        not given the weights). None divides by nothing.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times.

    Returns
    -------
    float
        The error; NaN if the divisor is not positive, as "std" of a constant target.

    Raises
    ------
    ValueError
        If a value is missing, infinite or text, lengths differ, or "mean" is asked of a
        target whose mean is not positive or of which over 1% is negative.

    Warns
    -----
    NegativeTargetWarning
        If "mean" is asked of a target of which up to 1% is negative.

    See Also
    --------
    subgroup_fidelity : The same for every subgroup, with intervals and verdicts.

    Notes
    -----
    :math:`\mathrm{NRMSE} = \sqrt{\sum_i w_i (\hat y_i - y_i)^2 / \sum_i w_i} \,/\, d`.

    The choice of *d* is a choice of question. "mean" asks how large the error is beside
    the quantity itself, and depends on where the unit puts its zero: HbA1c in mmol/mol
    and in per cent give different figures, though each is a linear function of the
    other. "std" is free of that, but hides the error where spread and error grow
    together: it equals :math:`\sqrt{1 - R^2}`. The standard deviation divides by the
    sum of weights, not by one less. The interquartile range averages at jumps of the
    distribution function, so that a weight equals repetition.

    Examples
    --------
    >>> from sklearn_equity.fidelity import nrmse
    >>> nrmse([40.0, 60.0], [45.0, 55.0])
    0.1
    >>> nrmse([40.0, 60.0], [45.0, 55.0], normalization="std")
    0.5
    >>> nrmse([40.0, 60.0], [45.0, 55.0], normalization=None)
    5.0
    """
    people, _ = without_ghosts(check_population(y_true, y_pred, sample_weight), {})
    n_rows = len(people.y_true)
    everybody = SubgroupCodes(np.zeros(n_rows, dtype=np.intp), ("all",), "all")
    estimates = subgroup_estimates(
        people.y_true,
        people.y_pred,
        everybody,
        resolve_metric("nrmse", normalization=normalization),
        sample_weight=people.sample_weight,
    )
    return float(estimates[0])
