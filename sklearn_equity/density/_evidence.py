"""What does an estimate keep of the data it has seen, however many chunks they came in?

Up to 65,536 distinct values are kept as they are, so that any order of chunks gives
exactly the estimate of the whole. Beyond, values become counts on a grid; which of them
are point masses is settled at that moment.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._plan import Plan
from sklearn_equity.density._rows import (
    BinnedRows,
    Entries,
    bin_entries,
    entries_of,
    merge_rows,
    with_points,
)
from sklearn_equity.density._ties import (
    EXACT_SIZE,
    MIN_POINT_ROWS,
    MIN_POINT_SHARE,
    Sample,
    may_have_ties,
    tabulate,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What is known of the data so far: value by value, or in counts.

    Attributes
    ----------
    plan : Plan
        How values are summarised.
    sample : Sample or None
        All distinct values, while there are few.
    binned : BinnedRows or None
        The summary, from then on.
    """

    plan: Plan
    sample: Sample | None
    binned: BinnedRows | None

    def summary(self) -> BinnedRows:
        """Return the additive summary."""
        if self.sample is not None:
            return self.plan.bin_sample(self.sample)
        assert self.binned is not None  # noqa: S101 - one of the two is always there
        return self.binned


def gather(plan: Plan, values: Array, weight: Array | None) -> Evidence:
    """Begin with a first chunk."""
    looks_tied = plan.discrete is True or (
        plan.discrete == "auto" and may_have_ties(values)
    )
    if len(values) > EXACT_SIZE and not looks_tied:
        return Evidence(plan, None, plan.bin_values(values, weight))
    return _settle_if_large(Evidence(plan, tabulate(values, weight), None))


def merge_evidence(one: Evidence, other: Evidence) -> Evidence:
    """Add what is known from two chunks of data."""
    if one.sample is not None and other.sample is not None:
        sample = _merge_samples(one.sample, other.sample)
        return _settle_if_large(Evidence(one.plan, sample, None))
    if one.binned is None:
        one, other = other, one
    settled = one.binned
    assert settled is not None  # noqa: S101 - the swap above
    if other.sample is not None:
        added = _bin_like(one.plan, settled, other.sample)
    else:
        added = other.summary()
    merged = merge_rows(settled, added, n_bins=one.plan.n_bins)
    return Evidence(one.plan, None, _with_few_points(merged))


def _bin_like(plan: Plan, settled: BinnedRows, sample: Sample) -> BinnedRows:
    """Summarise a sample with the reach that is settled."""
    is_point = _points_among(plan, settled, sample)
    scale, origin, unit = plan.frame()
    rest, points = sample.take(~is_point), sample.take(is_point)
    binned = bin_entries(
        entries_of(rest),
        n_rows=1,
        scale=scale,
        origin=origin,
        unit=unit,
        n_bins=plan.n_bins,
        reach=settled.reach,
    )
    return with_points(binned, Entries(points.values, None, points.mass))


def _points_among(plan: Plan, settled: BinnedRows, sample: Sample) -> NDArray[np.bool_]:
    """Find the point masses that are settled, and those among all people by now."""
    if plan.boundary == "adjusted":
        return np.zeros(len(sample.values), dtype=bool)
    is_point = np.isin(sample.values, settled.points)
    if plan.discrete == "auto":
        earlier = settled.grid.counts.sum() + settled.point_mass.sum()
        is_heavy = sample.mass >= MIN_POINT_SHARE * (earlier + sample.mass.sum())
        is_point |= is_heavy & (sample.entries >= MIN_POINT_ROWS)
    return is_point


def _merge_samples(one: Sample, other: Sample) -> Sample:
    values = np.union1d(one.values, other.values)
    entries, mass, squares = np.zeros((3, len(values)))
    for part in (one, other):
        place = np.searchsorted(values, part.values)
        entries[place] += part.entries
        mass[place] += part.mass
        squares[place] += part.squares
    counts_people = one.counts_people and other.counts_people
    return Sample(values, entries, mass, squares, counts_people)


def _settle_if_large(evidence: Evidence) -> Evidence:
    sample = evidence.sample
    if sample is None or len(sample.values) <= EXACT_SIZE:
        return evidence
    if evidence.plan.discrete is True:
        return evidence
    binned = evidence.plan.bin_sample(sample, keep_lattice=False)
    return Evidence(evidence.plan, None, binned)


def _with_few_points(binned: BinnedRows) -> BinnedRows:
    """Keep the memory bounded: join light neighbours where points are too many."""
    while len(binned.points) > EXACT_SIZE:
        mass = binned.point_mass.sum(axis=0)
        light = np.flatnonzero(mass <= np.median(mass))
        first, second = light[0 : len(light) - 1 : 2], light[1::2]
        pair = mass[first] + mass[second]
        share = np.divide(
            mass[second], pair, out=np.full(len(pair), 0.5), where=pair > 0
        )
        points, point_mass = binned.points.copy(), binned.point_mass.copy()
        points[first] += share * (points[second] - points[first])
        point_mass[:, first] += point_mass[:, second]
        kept = np.ones(len(points), dtype=bool)
        kept[second] = False
        order = np.argsort(points[kept], kind="stable")
        binned = replace(
            binned,
            points=points[kept][order],
            point_mass=point_mass[:, kept][:, order],
        )
    return binned
