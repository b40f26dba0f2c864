"""How well is each subgroup served, where only its sums are at hand?

The figures follow from the sums by the metric's own formula. What rows would be
resampled for follows from the sums of products: standard errors by the delta method,
and resamples that are normal with that spread. For a size of errors, counts of errors
by their size take the place of rows: intervals go as many standard errors to both sides
as samples of everybody's errors say; others, as Student's t says. Scores of
probabilities are taken to stray no less than the probabilities give reason to expect.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sklearn_equity._label_text import format_label
from sklearn_equity.fidelity._assembly import assemble
from sklearn_equity.fidelity._delta_method import delta_by_scatter
from sklearn_equity.fidelity._error_cells import (
    by_subgroup,
    cells_of_known_size,
    pairs_of,
    rows_of_cells,
)
from sklearn_equity.fidelity._expected_spread import (
    guarded_by_predictions,
    n_own_columns,
)
from sklearn_equity.fidelity._line import pivotal_interval
from sklearn_equity.fidelity._measurement import (
    Part,
    Settings,
    generator,
    guarded_by_shape,
    skew_of_intervals,
)
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._pooled_shape import PivotQuantiles, pooled_pivots
from sklearn_equity.fidelity._shares import share_interval_of_sums
from sklearn_equity.fidelity._table import OverallFidelity, SubgroupTable
from sklearn_equity.fidelity._verdicts import Measured, compare_with_average
from sklearn_equity.sufficient_statistics import SubgroupMoments

__all__ = ["fidelity_from_moments"]

Vector = NDArray[np.float64]

_FEWEST_ROWS = 10
_MANY_ROWS = 1 << 16  # of every subgroup: then the shape of errors hardly matters
_REMARK = (
    " From sums, not rows: standard errors by the delta method, intervals by counts of "
    "errors by their size, Wilson's for shares, else Student's t."
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
        The columns of the metric, and the target as the last column, by pairs of a
        subgroup and a level of `error_level`; 0 where errors have no size.
    everybody : SubgroupMoments
        The same of all rows, as one subgroup. Where its levels, or those of a grouping,
        are not told, errors of the subgroups of a grouping that tells of them stand in.
    settings : Settings
        The metric, which must follow from sums, and how it is judged.
    seed : int
        Seeds the resamples, by label.
    """
    whole = {name: by_subgroup(cells) for name, cells in groupings.items()}
    told = list(groupings.values())
    parts = [
        _measure(cells_of_known_size(cells, told), whole[name], settings, seed)
        for name, cells in groupings.items()
    ]
    comparisons = [
        compare_with_average(
            settings.metric,
            part.measured,
            tolerance=settings.tolerance,
            rng=generator(seed, "comparison", name),
        )
        for name, part in zip(groupings, parts, strict=True)
    ]
    labels = {name: moments.subgroups for name, moments in whole.items()}
    return assemble(
        labels,
        parts,
        comparisons,
        _measure_everybody(everybody, told, settings, seed),
        settings,
        remark=_REMARK,
    )


def _measure(
    cells: SubgroupMoments, moments: SubgroupMoments, settings: Settings, seed: int
) -> Part:
    """Measure every subgroup of one grouping."""
    metric = settings.metric
    n = moments.n.astype(np.intp)
    pivots = _pivots(cells, moments, settings, seed)
    found = _figures(moments, settings, pivots)
    large = (n >= settings.min_subgroup_size) & _has_classes(moments, metric)
    judged = large & np.isfinite(found.std_error + found.ci_low)
    guarded, shortfall = guarded_by_shape(
        metric, n, found.estimate, found.std_error, judged, pivots
    )
    measured = Measured(
        n=n,
        estimate=found.estimate,
        std_error=found.std_error,
        guarded=guarded,
        shortfall=shortfall,
        skew=skew_of_intervals(
            settings, n, found.estimate, found.std_error, found.ci_low, found.ci_high
        ),
        replicates=_replicates(moments, settings, seed),
        judged=judged,
    )
    weight = moments.sums[:, 0]
    ends = found.ci_low, found.ci_high
    return Part(measured, weight, *ends, found.estimate, None)


def _measure_everybody(
    cells: SubgroupMoments,
    groupings: list[SubgroupMoments],
    settings: Settings,
    seed: int,
) -> OverallFidelity:
    everybody = by_subgroup(cells)
    known = cells_of_known_size(cells, groupings)
    if known is not cells:
        known = known.regroup([("all", level) for _, level in pairs_of(known)])
    pivots = _pivots(known, everybody, settings, seed)
    found = _figures(everybody, settings, pivots)
    return OverallFidelity(
        n=int(everybody.n[0]),
        weight=float(everybody.sums[0, 0]),
        estimate=float(found.estimate[0]),
        std_error=float(found.std_error[0]),
        ci_low=float(found.ci_low[0]),
        ci_high=float(found.ci_high[0]),
    )


def _pivots(
    cells: SubgroupMoments, moments: SubgroupMoments, settings: Settings, seed: int
) -> PivotQuantiles | None:
    """Learn from the counts of errors by how much figures stray."""
    people = moments.n[moments.n > 0]
    if not settings.metric.shape_of_errors or (people >= _MANY_ROWS).all():
        return None
    if not cells.n.any():  # no sizes of errors are told
        return None
    labels = by_subgroup(cells).subgroups
    data, codes = rows_of_cells(cells, settings.metric, labels)
    return pooled_pivots(
        settings.metric,
        data,
        codes,
        n_resamples=settings.n_resamples,
        tail=settings.tail,
        rng=generator(seed, "shape of errors"),
        n_each=moments.n,
    )


def _figures(
    moments: SubgroupMoments, settings: Settings, pivots: PivotQuantiles | None
) -> _Figures:
    metric, n, own = settings.metric, moments.n, slice(n_own_columns(settings.metric))
    sums, scatter = moments.sums[:, own], moments.scatter[:, own, own]
    squares = np.einsum("gii->gi", moments.products)[:, own]
    estimate, error = delta_by_scatter(metric, sums, squares, scatter)
    error = np.where(n < 2, np.nan, error)
    if metric.shares is not None:
        pairs = zip(sums, squares, strict=True)
        ends = np.array([_share_ends(*pair, settings.tail) for pair in pairs])
        return _Figures(estimate, error, ends[:, 0], ends[:, 1])
    t = stdtrit(np.maximum(n - 1, 1), 1.0 - settings.tail)
    reach = np.column_stack([-t, t])
    if pivots is not None:
        reach = np.array([pivots.at(int(size)) for size in np.maximum(n, 1)])
    guarded = guarded_by_predictions(metric, error, moments.sums, squares[:, 0], n)
    low, high = _intervals(metric, estimate, guarded, n, reach)
    return _Figures(estimate, error, low, high)


def _share_ends(sums: Vector, squares: Vector, tail: float) -> tuple[float, float]:
    """Return the ends of the interval of the mean of shares of one subgroup."""
    first = 0 if len(sums) == 2 else 1  # a share of everybody counts all
    counted = slice(first, None, 2)
    return share_interval_of_sums(
        sums[counted], squares[counted], sums[first + 1 :: 2], tail
    )


def _intervals(
    metric: Metric, estimate: Vector, error: Vector, n: NDArray[np.int64], reach: Vector
) -> tuple[Vector, Vector]:
    """Make intervals, where they are known."""
    low, high = pivotal_interval(metric, estimate, error, (reach[:, 0], reach[:, 1]))
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
    own = slice(n_own_columns(settings.metric))
    sums, scatter = moments.sums[:, own], moments.scatter[:, own, own]
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
    with np.errstate(invalid="ignore"):  # of nobody
        share = moments.mean[:, -1] / moments.mean[:, 0]
    of_one, of_zero = share * moments.n, (1.0 - share) * moments.n
    least_of_zero, least_of_one = metric.min_of_class
    return (of_one > least_of_one - 0.5) & (of_zero > least_of_zero - 0.5)
