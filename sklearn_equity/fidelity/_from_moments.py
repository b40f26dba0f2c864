"""How well is each subgroup served, where only its sums are at hand?

The figures follow from the sums by the metric's own formula. What rows would be
resampled for follows from the sums of products: standard errors by the delta method,
intervals with them by Student's t on the scale without ends, and resamples that are
normal with that spread.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sklearn_equity._checks import format_label
from sklearn_equity.fidelity._delta_method import delta_by_scatter
from sklearn_equity.fidelity._line import from_line, slope, to_line
from sklearn_equity.fidelity._measurement import (
    Part,
    Settings,
    generator,
    skew_of_intervals,
)
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._shares import share_interval_of_sums
from sklearn_equity.fidelity._subgroup_fidelity import assemble
from sklearn_equity.fidelity._table import OverallFidelity, SubgroupTable
from sklearn_equity.fidelity._verdicts import (
    Measured,
    compare_with_average,
    guarded_errors,
)
from sklearn_equity.sufficient_statistics import SubgroupMoments

__all__ = ["RULE_OF_SUMS", "fidelity_from_moments"]

Vector = NDArray[np.float64]

_FEWEST_ROWS = 10
RULE_OF_SUMS = (
    " From sums, not rows: standard errors by the delta method, intervals by Student's "
    "t, or Wilson's for shares; where few rows carry most of an error they are shorter "
    "than those from rows."
)


@dataclass(frozen=True)
class _Figures:
    """What the sums of some subgroups tell, one entry each."""

    estimate: Vector
    std_error: Vector
    ci_low: Vector
    ci_high: Vector


def fidelity_from_moments(
    groupings: dict[str, SubgroupMoments],
    everybody: SubgroupMoments,
    settings: Settings,
    *,
    seed: int,
) -> SubgroupTable:
    """Measure and judge subgroups by their sums.

    Parameters
    ----------
    groupings : dict of str to SubgroupMoments
        The columns of the metric by subgroup, and the target as the last column.
    everybody : SubgroupMoments
        The same of all rows, as one subgroup.
    settings : Settings
        The metric, which must follow from sums, and how it is judged.
    seed : int
        Seeds the resamples, by label.
    """
    parts = [_measure(moments, settings, seed) for moments in groupings.values()]
    comparisons = [
        compare_with_average(
            settings.metric,
            part.measured,
            tolerance=settings.tolerance,
            rng=generator(seed, "comparison", name),
        )
        for name, part in zip(groupings, parts, strict=True)
    ]
    labels = {name: moments.subgroups for name, moments in groupings.items()}
    return assemble(
        labels,
        parts,
        comparisons,
        _measure_everybody(everybody, settings),
        settings,
        remark=RULE_OF_SUMS,
    )


def _measure(moments: SubgroupMoments, settings: Settings, seed: int) -> Part:
    """Measure every subgroup of one grouping."""
    metric, n = settings.metric, moments.n
    found = _figures(moments, settings)
    large = (n >= settings.min_subgroup_size) & _has_classes(moments, metric)
    judged = large & np.isfinite(found.std_error + found.ci_low)
    measured = Measured(
        n=n.astype(np.intp),
        estimate=found.estimate,
        std_error=found.std_error,
        guarded=guarded_errors(n, found.std_error, judged),
        shortfall=np.zeros(len(n)),
        skew=skew_of_intervals(
            settings, n, found.estimate, found.std_error, found.ci_low, found.ci_high
        ),
        replicates=_replicates(moments, settings, seed),
        judged=judged,
    )
    weight = moments.sums[:, 0]
    return Part(measured, weight, found.ci_low, found.ci_high, None)


def _measure_everybody(
    everybody: SubgroupMoments, settings: Settings
) -> OverallFidelity:
    found = _figures(everybody, settings)
    return OverallFidelity(
        n=int(everybody.n[0]),
        weight=float(everybody.sums[0, 0]),
        estimate=float(found.estimate[0]),
        std_error=float(found.std_error[0]),
        ci_low=float(found.ci_low[0]),
        ci_high=float(found.ci_high[0]),
    )


def _figures(moments: SubgroupMoments, settings: Settings) -> _Figures:
    metric, n = settings.metric, moments.n
    sums, scatter = moments.sums[:, :-1], moments.scatter[:, :-1, :-1]
    squares = np.einsum("gii->gi", moments.products)[:, :-1]
    estimate, error = delta_by_scatter(metric, sums, squares, scatter)
    error = np.where(n < 2, np.nan, error)
    if metric.shares is not None:
        pairs = zip(sums, squares, strict=True)
        ends = np.array([_share_ends(*pair, settings.tail) for pair in pairs])
        return _Figures(estimate, error, ends[:, 0], ends[:, 1])
    low, high = _t_intervals(metric, estimate, error, n, settings.tail)
    return _Figures(estimate, error, low, high)


def _share_ends(sums: Vector, squares: Vector, tail: float) -> tuple[float, float]:
    """Return the ends of the interval of the mean of shares of one subgroup."""
    first = 0 if len(sums) == 2 else 1  # a share of everybody counts all
    counted = slice(first, None, 2)
    return share_interval_of_sums(
        sums[counted], squares[counted], sums[first + 1 :: 2], tail
    )


def _t_intervals(
    metric: Metric, estimate: Vector, error: Vector, n: NDArray[np.int64], tail: float
) -> tuple[Vector, Vector]:
    """Go as many standard errors to both sides as Student's t says."""
    reach = stdtrit(np.maximum(n - 1, 1), 1.0 - tail) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        center = to_line(metric, estimate)
        on_line = reach * slope(metric, estimate)
        low, high = (
            from_line(metric, center - on_line),
            from_line(metric, center + on_line),
        )
    sure = error == 0.0
    open_ended = not np.isfinite(metric.bounds).all()
    low, high = (
        np.where(sure, estimate if open_ended else np.nan, end) for end in (low, high)
    )
    unknown = n < _FEWEST_ROWS
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def _replicates(moments: SubgroupMoments, settings: Settings, seed: int) -> Vector:
    """Move the sums of each subgroup as samples of its people would."""
    if settings.metric.finish is None:
        raise TypeError(
            f"The metric {settings.metric.name!r} does not follow from sums."
        )
    sums, scatter = moments.sums[:, :-1], moments.scatter[:, :-1, :-1]
    replicates = np.empty((len(moments.n), settings.n_resamples))
    values, vectors = np.linalg.eigh(scatter)
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, np.newaxis, :]
    for g, label in enumerate(moments.subgroups):
        rng = generator(seed, format_label(label))
        noise = rng.standard_normal((settings.n_resamples, sums.shape[1]))
        with np.errstate(divide="ignore", invalid="ignore"):
            replicates[g] = settings.metric.finish(sums[g] + noise @ roots[g].T)
    replicates[moments.n < 2] = np.nan
    return replicates


def _has_classes(moments: SubgroupMoments, metric: Metric) -> NDArray[np.bool_]:
    """Tell which subgroups have enough people of either class, where that matters."""
    if metric.min_of_class == (0, 0):
        return np.ones(len(moments.n), dtype=bool)
    # Weights add no evidence: of weighted rows the share of their number counts.
    share = moments.mean[:, -1] / moments.mean[:, 0]
    of_one, of_zero = share * moments.n, (1.0 - share) * moments.n
    least_of_zero, least_of_one = metric.min_of_class
    return (of_one > least_of_one - 0.5) & (of_zero > least_of_zero - 0.5)
