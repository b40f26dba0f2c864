"""How sure is a subgroup's figure: its standard error, its interval, its resamples.

A metric that follows from sums is studentised: in every resample the estimate's
distance from the truth is counted in that resample's own standard errors, on a scale
without ends (the logarithm of an error, the logit of a share). Both matter where few
rows carry most of an error: measured, an interval of plain quantiles then covers far
less often (see the notes of `subgroup_fidelity`).
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri, stdtrit
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_equity.fidelity._estimates import value_of_rows
from sklearn_equity.fidelity._metrics import Metric
from sklearn_equity.significance import gather_units, resampled_rows, resampled_sums

__all__ = ["Inference", "delta_method", "infer"]

Vector = NDArray[np.float64]

_LEAST_DEFINED = 0.9  # of the resamples, or the interval is unknown


@dataclass(frozen=True)
class Inference:
    """What resampling tells about one estimate.

    Attributes
    ----------
    std_error : float
        The standard deviation of the resampled estimates; NaN if it is unknown.
    ci_low, ci_high : float
        The ends of the interval; NaN if they are unknown.
    replicates : ndarray of shape (n_resamples,)
        The resampled estimates; NaN where one is undefined.
    """

    std_error: float
    ci_low: float
    ci_high: float
    replicates: Vector


def infer(
    metric: Metric,
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None,
    *,
    estimate: float,
    n_resamples: int,
    confidence_level: float,
    rng: np.random.Generator,
) -> Inference:
    """Resample the rows of one subgroup."""
    n_rows = len(y_true)
    if n_rows < 2 or np.isnan(estimate):
        unknown = np.full(n_resamples, np.nan)
        return Inference(np.nan, np.nan, np.nan, unknown)
    tail = (1.0 - confidence_level) / 2.0
    interval = None
    if metric.columns is None:
        replicates = _replicates_by_rows(
            metric, y_true, y_pred, sample_weight, n_resamples, rng
        )
    else:
        units = _units(metric, y_true, y_pred, sample_weight, rng)
        replicates, pivots = _studentized(metric, units, n_resamples, rng)
        interval = _pivotal_interval(metric, units, pivots, tail)
    std_error = _spread(replicates)
    if metric.rows_are_binary:
        interval = _wilson_interval(estimate, n_rows, sample_weight, tail)
    elif std_error == 0.0:
        interval = _interval_without_variation(metric, estimate)
    if interval is None:
        interval = _t_interval(metric, estimate, replicates, n_rows, tail)
    return Inference(std_error, *interval, replicates)


# ---------------------------------------------------------------------------------
# Resampling
# ---------------------------------------------------------------------------------
def _units(
    metric: Metric,
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return what each row, or each block of many rows, adds to the sums."""
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    if metric.shift_invariant:
        y_true, y_pred = y_true - y_true[0], y_pred - y_true[0]
    rows = np.column_stack(metric.columns(y_true, y_pred))
    if sample_weight is not None:
        rows *= sample_weight[:, np.newaxis]
    return gather_units(rows, rng)


def _studentized(
    metric: Metric, units: Vector, n_resamples: int, rng: np.random.Generator
) -> tuple[Vector, Vector]:
    """Return resampled estimates, and their errors in their own standard errors."""
    n_columns = units.shape[1]
    first, second = np.triu_indices(n_columns)
    resampled = resampled_sums(
        np.hstack([units, units[:, first] * units[:, second]]), n_resamples, rng
    )
    sums, moments = resampled[:, :n_columns], resampled[:, n_columns:]
    replicates, errors = delta_method(metric, sums, moments)
    center, _ = delta_method(metric, *_sums_and_moments(units))
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = _to_line(metric, replicates) - _to_line(metric, center)
        return replicates, distances / (errors * _slope(metric, replicates))


def _sums_and_moments(units: Vector) -> tuple[Vector, Vector]:
    first, second = np.triu_indices(units.shape[1])
    return units.sum(axis=0), (units[:, first] * units[:, second]).sum(axis=0)


def delta_method(
    metric: Metric, sums: Vector, moments: Vector
) -> tuple[Vector, Vector]:
    """Return values, and their standard errors by the delta method.

    Every metric is a ratio of sums, unchanged when all are multiplied by one number, so
    the influences of the units add up to 0 and their squares to the variance.
    """
    if metric.finish is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    n_columns = sums.shape[-1]
    first, second = np.triu_indices(n_columns)
    diagonal = moments[..., first == second]
    with np.errstate(divide="ignore", invalid="ignore"):
        # A small part of what each sum would be if all its terms had one sign.
        steps = 1e-6 * sums[..., :1] * np.sqrt(diagonal / diagonal[..., :1])
        gradient = np.empty_like(sums)
        for j in range(n_columns):
            step = np.zeros_like(sums)
            step[..., j] = steps[..., j]
            rise = metric.finish(sums + step) - metric.finish(sums - step)
            gradient[..., j] = rise / (2.0 * steps[..., j])
    gradient[diagonal == 0.0] = 0.0  # a column of zeros moves nothing
    twice = np.where(first == second, 1.0, 2.0)
    products = gradient[..., first] * gradient[..., second] * moments * twice
    return metric.finish(sums), np.sqrt(np.maximum(products.sum(axis=-1), 0.0))


def _replicates_by_rows(
    metric: Metric,
    y_true: Vector,
    y_pred: Vector,
    sample_weight: Vector | None,
    n_resamples: int,
    rng: np.random.Generator,
) -> Vector:
    """Compute a metric on resampled rows; NaN where it has no value there."""
    replicates = np.empty(n_resamples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for b, rows in enumerate(resampled_rows(len(y_true), n_resamples, rng)):
            weights = None if sample_weight is None else sample_weight[rows]
            try:
                replicates[b] = value_of_rows(
                    metric, y_true[rows], y_pred[rows], weights
                )
            except ValueError:  # such as a single class, which the whole has not
                replicates[b] = np.nan
    return replicates


# ---------------------------------------------------------------------------------
# Intervals
# ---------------------------------------------------------------------------------
def _spread(replicates: Vector) -> float:
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < _LEAST_DEFINED * len(replicates):
        return float("nan")
    spread = float(np.std(defined, ddof=1))
    # Sums in another order differ by rounding where nothing else varies.
    return spread if spread > 1e-13 * float(np.abs(defined).max()) else 0.0


def _pivotal_interval(
    metric: Metric, units: Vector, pivots: Vector, tail: float
) -> tuple[float, float] | None:
    """Invert the studentised bootstrap; None where too many resamples have no error."""
    defined = pivots[np.isfinite(pivots)]
    if len(defined) < _LEAST_DEFINED * len(pivots):
        return None
    center, error = delta_method(metric, *_sums_and_moments(units))
    quantiles = np.quantile(defined, [1.0 - tail, tail])
    on_line = _to_line(metric, center) - quantiles * error * _slope(metric, center)
    low, high = _from_line(metric, on_line)
    return float(low), float(high)


def _t_interval(
    metric: Metric, estimate: float, replicates: Vector, n_rows: int, tail: float
) -> tuple[float, float]:
    """Go as many standard errors to both sides as Student's t says."""
    half_width = float(stdtrit(n_rows - 1, 1.0 - tail))
    with np.errstate(divide="ignore", invalid="ignore"):
        center = _to_line(metric, np.asarray(estimate))
        error = _spread(_to_line(metric, replicates))
    if np.isfinite(center) and np.isfinite(error):
        low, high = _from_line(metric, center + half_width * error * np.array([-1, 1]))
        return float(low), float(high)
    reach = half_width * _spread(replicates)
    low, high = np.clip([estimate - reach, estimate + reach], *metric.bounds)
    return float(low), float(high)


def _interval_without_variation(metric: Metric, estimate: float) -> tuple[float, float]:
    """Say what rows that are all alike leave open.

    An error without an upper end that never varies is taken as it is; how far from the
    end of a finite range the truth is, such rows cannot tell.
    """
    if np.isfinite(metric.bounds).all():
        return float("nan"), float("nan")
    return estimate, estimate


def _wilson_interval(
    share: float, n_rows: int, sample_weight: Vector | None, tail: float
) -> tuple[float, float]:
    """Invert the score test of a share (Wilson, 1927), for the effective sample size.

    Resamples of few yes-or-no rows take few values, and their quantiles jump.
    """
    n = float(n_rows)
    if sample_weight is not None:  # Kish's effective sample size
        n = float(sample_weight.sum() ** 2 / (sample_weight**2).sum())
    squared = float(ndtri(tail)) ** 2 / n
    center = (share + squared / 2.0) / (1.0 + squared)
    reach = np.sqrt(squared * share * (1.0 - share) + squared**2 / 4.0)
    low, high = center + np.array([-1.0, 1.0]) * reach / (1.0 + squared)
    return max(float(low), 0.0), min(float(high), 1.0)


# ---------------------------------------------------------------------------------
# A scale without ends
# ---------------------------------------------------------------------------------
def _to_line(metric: Metric, values: Vector) -> Vector:
    """Map the metric's range to the real line, upwards."""
    low, high = metric.bounds
    on_line = np.array(values, dtype=np.float64)
    if np.isfinite(low) and np.isfinite(high):
        return np.log((on_line - low) / (high - on_line))
    if np.isfinite(low):
        return np.log(on_line - low)
    if np.isfinite(high):
        return -np.log(high - on_line)
    return on_line


def _from_line(metric: Metric, on_line: Vector) -> Vector:
    """Undo `_to_line`."""
    low, high = metric.bounds
    with np.errstate(over="ignore"):  # of two or three rows, an end may be infinite
        if np.isfinite(low) and np.isfinite(high):
            return low + (high - low) * expit(on_line)
        if np.isfinite(low):
            return low + np.exp(on_line)
        if np.isfinite(high):
            return high - np.exp(-on_line)
    return on_line


def _slope(metric: Metric, values: Vector) -> Vector:
    """Differentiate `_to_line`."""
    low, high = metric.bounds
    slope = np.zeros_like(values)
    if np.isfinite(low):
        slope = slope + 1.0 / (values - low)
    if np.isfinite(high):
        slope = slope + 1.0 / (high - values)
    return slope if np.isfinite(low) or np.isfinite(high) else np.ones_like(values)
