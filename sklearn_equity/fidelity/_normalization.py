"""By what is a root mean squared error divided, so that units drop out?"""

import warnings
from collections.abc import Callable
from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.exceptions import NegativeTargetWarning

__all__ = [
    "Normalization",
    "check_normalization",
    "judge_mean",
    "normalizer",
    "refuse_mean",
]

Vector = NDArray[np.float64]
Normalization = (
    Literal["mean", "std", "iqr", "range", "max"]
    | float
    | Callable[[Vector], float]
    | None
)

# A measurement that can't be negative may come out so by error, once in a while.
_MOST_NEGATIVE = 0.01
_LEAST_MEAN = 1e-150  # a quotient by less may have no end
_NAMES = ("mean", "std", "iqr", "range", "max")


def check_normalization(normalization: Normalization | str) -> None:
    """Refuse what is none of the names, None, a positive number or a callable."""
    if normalization is None or callable(normalization):
        return
    if isinstance(normalization, str) and normalization == "attainable":
        msg = (
            '`normalization`="attainable" must be estimated from the inputs of the '
            "people, which are not given here: call table = attainable_fidelity(X, "
            "y_true, subgroups=...), then pass normalization=dict(zip(table.subgroup, "
            "table.estimate)). The divisors are taken as known; for how far a model is "
            "from what is attainable, with an interval, call "
            "departure_from_attainable(X, y_true, y_pred, subgroups=...)."
        )
        raise ValueError(msg)
    if isinstance(normalization, str):
        known = normalization in _NAMES
    else:
        known = (
            isinstance(normalization, Real)
            and not isinstance(normalization, bool | np.bool_)
            and 1e-100 <= float(normalization) <= 1e100  # what can be divided by
        )
    if not known:
        names = ", ".join(f'"{name}"' for name in _NAMES)
        msg = (
            f"`normalization` must be one of {names}, None, a positive number, or a "
            f"callable that takes the target's values; got {normalization!r}."
        )
        raise ValueError(msg)


def refuse_mean(y_true: Vector, y_pred: Vector) -> None:
    """Refuse to divide by the mean of a target that has no natural zero."""
    del y_pred  # a metric's check sees both
    n_negative = int((y_true < 0.0).sum())
    judge_mean(n_negative, len(y_true), float(y_true.mean()))


def judge_mean(n_negative: int, n_rows: int, mean: float) -> None:
    """Do the same from the number of negative values, the rows, and the mean."""
    came = f"`y_true` has a mean of {mean:.3g} and {n_negative} negative values"
    if mean <= _LEAST_MEAN or n_negative > _MOST_NEGATIVE * n_rows:
        msg = (
            'normalization="mean" needs a target whose zero is meaningful: a positive '
            f"mean and hardly a negative value; {came} in {n_rows} rows. Use "
            'normalization="std", "iqr", "range", None (the plain RMSE) or a number.'
        )
        raise ValueError(msg)
    if n_negative:
        warnings.warn(
            f'normalization="mean" takes the zero of the target for meaningful; {came} '
            f"in {n_rows} rows. Are they errors of measurement?",
            NegativeTargetWarning,
            stacklevel=4,
        )


def normalizer(
    normalization: Normalization, y_true: Vector, sample_weight: Vector | None
) -> float:
    """Return the divisor for one group of people; NaN where it is not positive."""
    if sample_weight is not None and not sample_weight.all():
        present = sample_weight > 0.0  # rows of weight 0 are nobody
        y_true, sample_weight = y_true[present], sample_weight[present]
    if callable(normalization):
        try:
            divisor = float(normalization(y_true))
        except TypeError as error:
            msg = f"`normalization` must return one number for a target: {error}."
            raise ValueError(msg) from error
    elif normalization == "mean":
        divisor = float(np.average(y_true, weights=sample_weight))
    elif normalization == "std":
        about = y_true - np.average(y_true, weights=sample_weight)
        divisor = float(np.sqrt(np.average(about**2, weights=sample_weight)))
    elif normalization == "iqr":
        divisor = _interquartile_range(y_true, sample_weight)
    elif normalization == "range":
        divisor = float(np.ptp(y_true))
    else:
        divisor = float(y_true.max())
    return divisor if divisor > 0.0 else float("nan")


def _interquartile_range(values: Vector, sample_weight: Vector | None) -> float:
    """Interquartile range by averaging the inverse of the distribution function.

    The definition for which a weight equals repetition, unlike linear interpolation.
    """
    order = np.argsort(values, kind="stable")
    weights = np.ones_like(values) if sample_weight is None else sample_weight[order]
    cumulated = np.cumsum(weights)
    targets = np.array([0.25, 0.75]) * cumulated[-1]
    slack = 1e-12 * cumulated[-1]  # sums of weights such as .1 miss .3 by rounding
    at_least = np.searchsorted(cumulated, targets - slack, side="left")
    more_than = np.searchsorted(cumulated, targets + slack, side="right")
    sorted_values = values[order]
    lower, upper = (sorted_values[at_least] + sorted_values[more_than]) / 2.0
    return float(upper - lower)
