"""How sure is a subgroup's figure: its standard error, its interval, its resamples?

Rows are resampled within the subgroup, so that a rare one never vanishes. The interval
is made on a scale without ends (the logarithm of an error, the logit of a share), by
the way that covered best for the kind of metric:

- a share of people, or the mean of several, has Wilson's interval;
- a metric that follows from sums is studentised: in every resample its distance from
  the truth is counted in that resample's own standard errors. For a size of errors the
  resamples come from everybody's rows, brought to one scale (see `_pooled_shape`). That
  of a score of probabilities reaches at least as far as Student's t with the error that
  the probabilities give reason to expect (see `_expected_spread`);
- a function of ranks or of a fit, whose rows' influences are known, goes as many
  standard errors to both sides as Student's t says; so does any other function, with
  the standard deviation of resampled values.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sklearn_equity.fidelity._delta_method import (
    delta_method,
    moments_of,
    with_products,
)
from sklearn_equity.fidelity._expected_spread import (
    columns_of_sums,
    guarded_by_predictions,
    n_own_columns,
)
from sklearn_equity.fidelity._line import (
    from_line,
    pivotal_interval,
    slope,
    to_line,
)
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._pooled_shape import PivotQuantiles
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._shares import share_interval
from sklearn_equity.significance import gather_units, resampled_sums

__all__ = [
    "FEWEST_ROWS",
    "LEAST_DEFINED",
    "Inference",
    "infer",
    "interval_without_variation",
    "spread_of",
    "units_of",
]

Vector = NDArray[np.float64]
Interval = tuple[float, float]

_MOST_UNITS = 1024  # their blocks put a standard error off by 2%, as resamples do
LEAST_DEFINED = 0.9  # of the resamples, or the interval is unknown
FEWEST_ROWS = 10  # or it is unknown too, but for shares: it would be far too short


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
    data: Population,
    *,
    estimate: float,
    n_resamples: int,
    tail: float,
    rng: np.random.Generator,
    pivots: PivotQuantiles | None = None,
    replicates: Vector | None = None,
) -> Inference:
    """Resample the rows of one subgroup; a function of rows has its `replicates`."""
    if len(data.y_true) < 2 or np.isnan(estimate):
        unknown = np.full(n_resamples, np.nan)
        return Inference(np.nan, np.nan, np.nan, unknown)
    interval: Interval | None = None
    if metric.columns is not None:
        replicates, interval = _infer_from_sums(
            metric, data, n_resamples, tail, rng, pivots
        )
    elif metric.influence is not None:
        replicates = _replicates_by_influence(metric, data, estimate, n_resamples, rng)
    elif replicates is None:
        raise TypeError(f"Resampled values of {metric.name!r} are needed.")
    std_error = spread_of(replicates)
    if metric.shares is not None:
        shares = metric.shares(data.y_true, data.y_pred)
        interval = share_interval(shares, data.sample_weight, tail)
    elif len(data.y_true) < FEWEST_ROWS:
        interval = np.nan, np.nan
    elif std_error == 0.0:
        interval = interval_without_variation(metric, estimate)
    if interval is None:
        interval = _t_interval(metric, estimate, replicates, len(data.y_true), tail)
    if metric.scores_probabilities and len(data.y_true) >= FEWEST_ROWS:
        interval = _as_far_as_predictions_say(metric, data, interval, tail)
    return Inference(std_error, *interval, replicates)


# ---------------------------------------------------------------------------------
# What follows from sums
# ---------------------------------------------------------------------------------
def _infer_from_sums(
    metric: Metric,
    data: Population,
    n_resamples: int,
    tail: float,
    rng: np.random.Generator,
    pivots: PivotQuantiles | None,
) -> tuple[Vector, Interval | None]:
    """Return resampled estimates and the studentised interval, if there is one.

    Where there are too few rows for one, it isn't computed: thousands of such subgroups
    are quick.
    """
    too_few = len(data.y_true) < FEWEST_ROWS
    units = units_of(metric, data, rng)
    if metric.finish is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    if metric.shares is not None:
        return metric.finish(resampled_sums(units, n_resamples, rng)), None
    if pivots is not None:
        replicates = metric.finish(resampled_sums(units, n_resamples, rng))
        if too_few:
            return replicates, None
        quantiles = pivots.at(len(data.y_true))
        return replicates, _pivotal_interval(metric, units, quantiles)
    resampled = resampled_sums(with_products(units), n_resamples, rng)
    if too_few:
        return metric.finish(resampled[:, : units.shape[1]]), None
    replicates, own = _studentized(metric, units, resampled)
    defined = own[np.isfinite(own)]
    if len(defined) < LEAST_DEFINED * n_resamples:
        return replicates, None
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return replicates, _pivotal_interval(metric, units, (low, high))


def units_of(
    metric: Metric, data: Population, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return what each row, or each block of many rows, adds to the sums."""
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    y_true, y_pred = data.y_true, data.y_pred
    if metric.shift_invariant:
        y_true, y_pred = y_true - y_true[0], y_pred - y_true[0]
    rows = np.column_stack(metric.columns(y_true, y_pred))
    if data.sample_weight is not None:
        rows *= data.sample_weight[:, np.newaxis]
    return gather_units(rows, rng, _MOST_UNITS)


def _studentized(
    metric: Metric, units: Vector, resampled: Vector
) -> tuple[Vector, Vector]:
    """Return resampled estimates, and their errors in their own standard errors."""
    n_columns = units.shape[1]
    sums, moments = resampled[:, :n_columns], resampled[:, n_columns:]
    replicates, errors = delta_method(metric, sums, moments)
    center, _ = delta_method(metric, *moments_of(units))
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = to_line(metric, replicates) - to_line(metric, center)
        return replicates, distances / (errors * slope(metric, replicates))


def _pivotal_interval(
    metric: Metric, units: Vector, quantiles: tuple[float, float]
) -> Interval:
    """Invert the distribution of the studentised error."""
    center, error = delta_method(metric, *moments_of(units))
    low, high = pivotal_interval(
        metric, center, error, (np.asarray(quantiles[0]), np.asarray(quantiles[1]))
    )
    return float(low), float(high)


def _as_far_as_predictions_say(
    metric: Metric, data: Population, interval: Interval, tail: float
) -> Interval:
    """Widen an interval to what the rows' sums would give, if that reaches further."""
    rows = np.column_stack(columns_of_sums(metric, data.y_true, data.y_pred))
    if data.sample_weight is not None:
        rows *= data.sample_weight[:, np.newaxis]
    n, own = np.array([len(rows)]), rows[:, : n_own_columns(metric)]
    center, error = delta_method(metric, *moments_of(own))
    squared_weight = np.array([rows[:, 0] @ rows[:, 0]])
    guarded = guarded_by_predictions(
        metric, error[np.newaxis], rows.sum(axis=0, keepdims=True), squared_weight, n
    )
    if guarded[0] == 0.0:  # all are alike, and nothing else was to be expected
        return interval
    t = stdtrit(n - 1, 1.0 - tail)
    low, high = pivotal_interval(metric, center, guarded, (-t, t))
    # An interval that is unknown gives way.
    return float(np.fmin(interval[0], low[0])), float(np.fmax(interval[1], high[0]))


# ---------------------------------------------------------------------------------
# What is a function of the rows
# ---------------------------------------------------------------------------------
def _replicates_by_influence(
    metric: Metric,
    data: Population,
    estimate: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> Vector:
    """Move the estimate, on its line, by what each resample's rows add."""
    if metric.influence is None:
        raise TypeError(f"The influence of rows on {metric.name!r} is not known.")
    influence = metric.influence(data.y_true, data.y_pred, data.sample_weight)
    units = gather_units(influence[:, np.newaxis], rng, _MOST_UNITS)
    moved = resampled_sums(units, n_resamples, rng)[:, 0] - units.sum()
    value = np.asarray(estimate)
    with np.errstate(divide="ignore", invalid="ignore"):
        on_line = to_line(metric, value) + slope(metric, value) * moved
    if not moved.any():
        return np.full(n_resamples, estimate)
    return from_line(metric, on_line)


# ---------------------------------------------------------------------------------
# Spread and interval of resampled values
# ---------------------------------------------------------------------------------
def spread_of(replicates: Vector) -> float:
    """Return the standard deviation of those that are defined; NaN if too few are."""
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < LEAST_DEFINED * len(replicates):
        return float("nan")
    spread = float(np.std(defined, ddof=1))
    # Sums in another order differ by rounding where nothing else varies.
    return spread if spread > 1e-13 * float(np.abs(defined).max()) else 0.0


def _t_interval(
    metric: Metric, estimate: float, replicates: Vector, n_rows: int, tail: float
) -> Interval:
    """Go as many standard errors to both sides as Student's t says."""
    half_width = float(stdtrit(n_rows - 1, 1.0 - tail))
    with np.errstate(divide="ignore", invalid="ignore"):
        center = to_line(metric, np.asarray(estimate))
        error = spread_of(to_line(metric, replicates))
    if np.isfinite(center) and np.isfinite(error):
        low, high = from_line(metric, center + half_width * error * np.array([-1, 1]))
        return float(low), float(high)
    reach = half_width * spread_of(replicates)
    low, high = np.clip([estimate - reach, estimate + reach], *metric.bounds)
    return float(low), float(high)


def interval_without_variation(metric: Metric, estimate: float) -> Interval:
    """Say what rows that are all alike leave open.

    An error without an upper end that never varies is taken as it is; how far from the
    end of a finite range the truth is, such rows cannot tell.
    """
    if np.isfinite(metric.bounds).all():
        return float("nan"), float("nan")
    return estimate, estimate
