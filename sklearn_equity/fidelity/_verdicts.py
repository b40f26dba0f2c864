"""Who is shown to be served worse, who is shown not to be, and who neither?

The comparison is with how the average person of the grouping is served: the mean over
its subgroups, each with the weight of its people, whose own uncertainty comes from the
same resamples. The median subgroup would hide a half that is served well behind several
small subgroups that are not.

Three things keep chance from calling anybody under-served where errors have heavy
tails. The test is made in the metric's own unit, where an estimate blown up by one row
has a standard error blown up with it. No subgroup is taken to be surer than the one in
which the median person sits would be with as few rows, nor than everybody's errors,
brought to one scale, say: a small subgroup without its share of large errors looks good
and sure at once. And the average is raised by as much as samples of the subgroups'
sizes from those errors fall short of the truth, or many small subgroups with rare large
errors would make a large one look worse than it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from sklearn_equity.fidelity._metric import Metric

__all__ = [
    "Comparison",
    "Measured",
    "compare_with_average",
    "guarded_errors",
    "shrink",
]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """What the subgroups of one grouping showed.

    Attributes
    ----------
    n : ndarray of shape (n_subgroups,)
        Their rows.
    estimate, std_error : ndarray of shape (n_subgroups,)
        The metric and its standard error; NaN where unknown.
    guarded : ndarray of shape (n_subgroups,)
        The standard errors, none below what others' rows say of as few.
    shortfall : ndarray of shape (n_subgroups,)
        By how much the loss of as few rows falls short of the truth on average.
    skew : ndarray of shape (n_subgroups,)
        How much further the interval reaches to the worse side than Student's t would,
        at least 1.
    replicates : ndarray of shape (n_subgroups, n_resamples)
        The resampled estimates; NaN where undefined.
    judged : ndarray of shape (n_subgroups,)
        Those with enough rows and a known error.
    """

    n: NDArray[np.intp]
    estimate: Vector
    std_error: Vector
    guarded: Vector
    shortfall: Vector
    skew: Vector
    replicates: Vector
    judged: NDArray[np.bool_]


@dataclass(frozen=True)
class Comparison:
    """One-sided tests of the subgroups of one grouping against its average person.

    Attributes
    ----------
    p_worse : ndarray of shape (n_subgroups,)
        Of the hypothesis that a subgroup is no worse than the average; NaN if untested.
    p_not_worse : ndarray of shape (n_subgroups,)
        Of the hypothesis that it is worse by the tolerance or more; NaN if untested.
    reference : float
        The average that was compared with; NaN if nothing was.
    """

    p_worse: Vector
    p_not_worse: Vector
    reference: float


def guarded_errors(
    n: NDArray[np.intp], std_error: Vector, judged: NDArray[np.bool_]
) -> Vector:
    """Raise standard errors to what the median person's subgroup says of their size.

    Parameters
    ----------
    n : ndarray of shape (n_subgroups,)
        The rows of each subgroup.
    std_error : ndarray of shape (n_subgroups,)
        Their standard errors; NaN where unknown.
    judged : ndarray of shape (n_subgroups,)
        The subgroups that are large enough to say something of the others; if there is
        none, all speak.

    Returns
    -------
    ndarray of shape (n_subgroups,)
        Standard errors; NaN where unknown.
    """
    known = np.isfinite(std_error)
    speaking = judged if judged.any() else known
    if not speaking.any():
        return std_error
    per_row = (n * std_error**2)[speaking]
    order = np.argsort(per_row, kind="stable")
    people = np.cumsum(n[speaking][order])
    # The upper of two middle ones: of two subgroups alike in size, the less sure.
    median = np.searchsorted(people, people[-1] / 2.0, side="right")
    floor = np.sqrt(per_row[order][median] / np.maximum(n, 1))
    return np.where(known, np.maximum(std_error, floor), np.nan)


def compare_with_average(
    metric: Metric,
    measured: Measured,
    *,
    tolerance: float,
    rng: np.random.Generator,
) -> Comparison:
    """Test each judged subgroup of a grouping against their average person."""
    judged = measured.judged
    p_worse = np.full(len(judged), np.nan)
    p_not_worse = np.full(len(judged), np.nan)
    if judged.sum() < 2:
        return Comparison(p_worse, p_not_worse, np.nan)
    estimate, replicates = measured.estimate[judged], measured.replicates[judged]
    extra = np.sqrt(measured.guarded[judged] ** 2 - measured.std_error[judged] ** 2)
    # Where a resample has no value (a few may not), nothing is known to have changed.
    replicates = np.where(np.isfinite(replicates), replicates, estimate[:, np.newaxis])
    replicates += extra[:, np.newaxis] * rng.standard_normal(replicates.shape)
    people = measured.n[judged] / measured.n[judged].sum()
    loss, losses, average, averages = _as_losses(metric, estimate, replicates, people)
    freedom = measured.n[judged] - 1
    unseen = float(people @ measured.shortfall[judged])
    t_worse = _t(loss - average - unseen, losses - averages)
    sides = 2.0 if metric.best_is_inside else 1.0  # a bias may be worse upwards or down
    p_worse[judged] = np.minimum(sides * stdtr(freedom, -t_worse), 1.0)
    limit = average + tolerance * abs(average)
    limits = averages + tolerance * np.abs(averages)
    t_over = _t(loss - limit, losses - limits) / measured.skew[judged]
    p_not_worse[judged] = stdtr(freedom, t_over)
    return Comparison(p_worse, p_not_worse, float(people @ estimate))


def _as_losses(
    metric: Metric, estimate: Vector, replicates: Vector, people: Vector
) -> tuple[Vector, Vector, float, Vector]:
    """Turn values so that higher is worse; also the average and its resamples."""
    if metric.best is not None and metric.best_is_inside:
        side = np.where(estimate >= metric.best, 1.0, -1.0)
        return (
            side * (estimate - metric.best),
            side[:, np.newaxis] * (replicates - metric.best),
            float(abs(people @ estimate - metric.best)),
            np.abs(people @ replicates - metric.best),
        )
    losses = metric.as_loss(replicates)
    loss = metric.as_loss(estimate)
    return loss, losses, float(people @ loss), people @ losses


def _t(difference: Vector, resampled: Vector) -> Vector:
    """Divide by the standard deviation of resamples; a sure difference is infinite."""
    error = np.std(resampled, axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0.0, 0.0, difference / error)


def shrink(estimate: Vector, guarded: Vector, n: NDArray[np.intp]) -> Vector:
    """Draw estimates towards the average person's by as much as they are noise.

    Neither the mean nor the variance between subgroups (by the method of moments, as
    DerSimonian and Laird, 1986) is weighted by precision, but by people: where few rows
    carry most of an error, the lucky subgroups are those that look precise.

    Parameters
    ----------
    estimate : ndarray of shape (n_subgroups,)
        The metric in each; NaN where unknown.
    guarded : ndarray of shape (n_subgroups,)
        What `guarded_errors` makes of its standard errors; NaN where unknown.
    n : ndarray of shape (n_subgroups,)
        Their rows.

    Returns
    -------
    ndarray of shape (n_subgroups,)
        The mean for a subgroup of which nothing is known.
    """
    known = np.isfinite(estimate) & (guarded > 0.0)
    if not known.any():
        return estimate
    values, variances = estimate[known], guarded[known] ** 2
    people = n[known] / n[known].sum()
    center = float(people @ values)
    between = _variance_between(values - center, variances, people)
    kept = np.zeros_like(estimate)
    kept[known] = between / (between + variances)
    kept[np.isfinite(estimate) & (guarded == 0.0)] = 1.0
    spread = np.where(kept > 0.0, estimate - center, 0.0)
    return center + kept * spread


def _variance_between(spread: Vector, variances: Vector, people: Vector) -> float:
    noise = float(people @ (variances * (1.0 - people)))
    room = 1.0 - float(people @ people)
    excess = float(people @ spread**2) - noise
    return max(excess / room, 0.0) if room > 0.0 else 0.0
