"""Where do quantiles of a subgroup's own resamples put the ends of its interval?

The percentile interval takes the quantiles as they are, as much software does. BCa
moves them by as much as resamples are off the estimate, and by how fast the standard
error changes with it. Both are asked for by name; neither covers as well as what is
recommended (see `_inference`), as a subgroup's own rows do not tell of those that it
has not seen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sklearn_equity.fidelity._inference import (
    FEWEST_ROWS,
    LEAST_DEFINED,
    interval_without_variation,
    spread_of,
    units_of,
)
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._row_bootstrap import (
    bootstrap_rows,
    is_function_of_rows,
    values_left_out,
)
from sklearn_equity.significance import sums_of_draws

__all__ = [
    "Ends",
    "IntervalMethod",
    "Resampled",
    "bootstrap_intervals",
    "check_interval_method",
    "ends_of",
    "resample",
    "words_of",
]

Vector = NDArray[np.float64]
IntervalMethod = Literal["recommended", "bca", "percentile"]

_WORDS = {
    "recommended": "",
    "bca": "bias-corrected and accelerated (BCa)",
    "percentile": "percentile",
}
_UNKNOWN = (np.nan, np.nan, np.nan)
_ROUNDING = 1e-12  # by how much of the largest value equal ones may differ


@dataclass(frozen=True)
class Ends:
    """The intervals of some subgroups.

    Attributes
    ----------
    low, middle, high : ndarray of shape (n_subgroups,)
        Their ends, and what an interval of no confidence would hold; NaN if unknown.
    """

    low: Vector
    middle: Vector
    high: Vector


@dataclass(frozen=True)
class Resampled:
    """What quantile intervals of one estimate are made of.

    Attributes
    ----------
    replicates : ndarray of shape (n_resamples,)
        The values of resamples; NaN where one is undefined.
    left_out : ndarray of shape (n_parts,)
        The values without each row, or each of many parts of equal size.
    """

    replicates: Vector
    left_out: Vector


def check_interval_method(interval_method: IntervalMethod) -> None:
    """Refuse a method that is none."""
    if not isinstance(interval_method, str) or interval_method not in _WORDS:
        names = ", ".join(f'"{name}"' for name in _WORDS)
        msg = f"`interval_method` must be one of {names}; got {interval_method!r}."
        raise ValueError(msg)


def words_of(interval_method: IntervalMethod, n_resamples: int) -> str:
    """Say how intervals were made, if not as recommended."""
    if interval_method == "recommended":
        return ""
    return (
        f" Intervals: {_WORDS[interval_method]}, from {n_resamples:,} bootstrap "
        "resamples within each subgroup; the verdicts do not follow from them."
    )


def bootstrap_intervals(
    method: IntervalMethod,
    metric: Metric,
    people: Iterable[Population],
    estimate: Vector,
    replicates: Sequence[Vector],
    *,
    tail: float,
    rngs: Sequence[np.random.Generator],
    n_jobs: int | None,
) -> Ends:
    """Make quantile intervals of each of some subgroups.

    Parameters
    ----------
    method : {"bca", "percentile"}
        Which ones.
    metric : Metric
        What was estimated.
    people : iterable of Population
        The rows of each subgroup.
    estimate : ndarray of shape (n_subgroups,)
        Its value in each.
    replicates : sequence of ndarrays of shape (n_resamples,)
        What `infer` returned: for functions of rows alone, the values of resamples.
    tail : float
        The chance on either side.
    rngs : sequence of numpy.random.Generator
        One for each subgroup.
    n_jobs : int or None
        How many blocks of resamples at once.

    Returns
    -------
    Ends
        Unknown below 10 rows, or if more than a tenth of the resamples are undefined.
    """
    ends = np.full((len(estimate), 3), np.nan)
    told = {
        i: one
        for i, one in enumerate(people)
        if len(one.y_true) >= FEWEST_ROWS and np.isfinite(estimate[i])
    }
    resampled = resample(
        metric,
        list(told.values()),
        [replicates[i] for i in told],
        rngs=[rngs[i] for i in told],
        n_jobs=n_jobs,
        leave_out=method == "bca",
    )
    for i, one in zip(told, resampled, strict=True):
        ends[i] = ends_of(method, metric, float(estimate[i]), one, tail)
    return Ends(*ends.T)


# ---------------------------------------------------------------------------------
# Resamples, and what is left without a row
# ---------------------------------------------------------------------------------
def resample(
    metric: Metric,
    people: Sequence[Population],
    replicates: Sequence[Vector],
    *,
    rngs: Sequence[np.random.Generator],
    n_jobs: int | None,
    leave_out: bool,
) -> list[Resampled]:
    """Draw as many rows as there are, with return, time after time.

    Of sums, all resamples are computed at once; any other metric is computed anew on
    the rows of each. What `infer` has drawn for a function is not drawn again.
    """
    if metric.columns is not None:
        return [
            _resample_sums(metric, data, len(drawn), rng)
            for data, drawn, rng in zip(people, replicates, rngs, strict=True)
        ]
    # One for each task: what a worker draws does not move the caller's.
    pairs = [rng.spawn(2) for rng in rngs]
    if not is_function_of_rows(metric):
        n_resamples = len(replicates[0]) if people else 0
        drawing = [rng for rng, _ in pairs]
        replicates = bootstrap_rows(metric, people, n_resamples, drawing, n_jobs=n_jobs)
    if not leave_out:
        return [Resampled(drawn, np.empty(0)) for drawn in replicates]
    parting = [rng for _, rng in pairs]
    left_out = values_left_out(metric, people, parting, n_jobs=n_jobs)
    return [Resampled(*both) for both in zip(replicates, left_out, strict=True)]


def _resample_sums(
    metric: Metric, data: Population, n_resamples: int, rng: np.random.Generator
) -> Resampled:
    if metric.finish is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    units = units_of(metric, data, rng)
    sums = sums_of_draws(units, len(units), n_resamples, rng)
    # Added up from both ends: what is subtracted from a total may leave its rounding.
    before, after = (np.cumsum(one, axis=0) for one in (units, units[::-1]))
    nothing = np.zeros((1, units.shape[1]))
    others = np.vstack([nothing, before[:-1]]) + np.vstack([after[-2::-1], nothing])
    return Resampled(metric.finish(sums), metric.finish(others))


# ---------------------------------------------------------------------------------
# Quantiles
# ---------------------------------------------------------------------------------
def ends_of(
    method: IntervalMethod,
    metric: Metric,
    estimate: float,
    resampled: Resampled,
    tail: float,
) -> tuple[float, float, float]:
    """Return the lower end, the middle and the upper end of an interval."""
    replicates = resampled.replicates
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < LEAST_DEFINED * len(replicates):
        return _UNKNOWN
    if spread_of(replicates) == 0.0:
        low, high = interval_without_variation(metric, estimate)
        return low, low, high
    levels = np.array([tail, 0.5, 1.0 - tail])
    if method == "bca":
        levels = _bca_levels(defined, estimate, resampled.left_out, levels)
    if not np.isfinite(levels).all():
        return _UNKNOWN
    low, middle, high = np.quantile(defined, levels).tolist()
    return low, middle, high


def _bca_levels(
    replicates: Vector, estimate: float, left_out: Vector, levels: Vector
) -> Vector:
    """Move levels by bias and acceleration (Efron 1987); NaN where they have no end."""
    rounding = _ROUNDING * float(np.abs(replicates).max())
    below = np.mean(replicates < estimate - rounding)
    tied = np.mean(np.abs(replicates - estimate) <= rounding)
    bias, acceleration = float(ndtri(below + tied / 2.0)), _acceleration(left_out)
    if not np.isfinite(bias + acceleration):
        return np.full_like(levels, np.nan)
    moved = bias + ndtri(levels)
    shrinks = 1.0 - acceleration * moved
    if (shrinks <= 0.0).any():
        return np.full_like(levels, np.nan)
    found: Vector = ndtr(bias + moved / shrinks)
    return found


def _acceleration(left_out: Vector) -> float:
    """Return a sixth of the skewness of what rows do to a figure; 0 if they do none."""
    if not np.isfinite(left_out).all():
        return float("nan")
    effect = left_out.mean() - left_out
    largest = float(np.abs(effect).max())
    if largest <= _ROUNDING * float(np.abs(left_out).max()):
        return 0.0
    effect = effect / largest  # whose cubes are neither infinite nor nothing
    return float((effect**3).sum() / (6.0 * (effect**2).sum() ** 1.5))
