"""What is kept of more distinct values than are kept one by one?"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity.density import BoundedKDE

MANY = (np.random.default_rng(2026113003).permutation(70_000) + 0.5) / 7e4
TIED = np.r_[np.full(70_000, 0.25), MANY]


def evidence_of(x, n_parts=1, **options):
    kde = BoundedKDE(**options)
    for part in np.array_split(x, n_parts):
        kde.partial_fit(part[:, np.newaxis])
    return kde, kde._evidence


@pytest.mark.parametrize("n_parts", [1, 2, 3])
def test_many_values_become_counts_beside_their_point_masses(n_parts):
    """Of two parts one is all ties, and the other has none."""
    kde, kept = evidence_of(TIED, n_parts, bounds=(0, 1))
    assert kept.sample is None
    assert_array_equal(kept.binned.points, [0.25])
    assert_array_equal(kept.binned.point_mass, [[70_000.0]])
    assert kept.summary() is kept.binned
    assert_allclose(kde.cdf([0.2, 0.25, 0.5]), [0.1, 0.625, 0.75], atol=1e-4)


def test_few_values_are_kept_one_by_one():
    _, kept = evidence_of(np.tile(np.arange(65_536.0), 2), 2)
    assert kept.binned is None
    assert_array_equal(kept.sample.mass, np.full(65_536, 2.0))


def test_values_said_to_be_discrete_are_kept_however_many():
    _, kept = evidence_of(MANY, 2, discrete=True)
    assert kept.binned is None
    assert_array_equal(kept.sample.values, np.sort(MANY))


def test_a_lattice_of_many_values_is_smoothed_as_later_parts_may_leave_it():
    values = np.tile(np.arange(70_000.0), 2)
    kde, kept = evidence_of(values)
    assert kept.sample is None
    assert kde.lattice_ is None
    assert kept.binned.step == 0.0
    few, _ = evidence_of(values[:140_000] % 60_000)
    assert_allclose(few.lattice_, (0.0, 1.0))


@pytest.mark.parametrize("discrete", ["auto", False])
def test_a_large_part_without_ties_is_counted_at_once(discrete):
    _, kept = evidence_of(MANY, discrete=discrete)
    assert kept.sample is None
    assert len(kept.binned.points) == 0
    assert_allclose(kept.binned.grid.counts.sum(), 70_000)


@pytest.mark.parametrize("boundary", ["local", "adjusted"])
def test_a_small_part_joins_the_points_that_are_settled(boundary):
    """Whichever comes first; but "adjusted" has no point masses."""
    small = np.r_[0.25, 0.25, 0.3]
    for parts in ((TIED, small), (small, TIED)):
        kde = BoundedKDE(boundary=boundary, bounds=(0, 1))
        for part in parts:
            kde.partial_fit(part[:, np.newaxis])
        binned = kde._evidence.binned
        assert_allclose(binned.grid.counts.sum() + binned.point_mass.sum(), 140_003)
        assert kde.n_samples_seen_ == 140_003
        tied = binned.point_mass[:, binned.points == 0.25].sum()
        assert tied == (70_002 if boundary == "local" else 0)


@pytest.mark.parametrize(
    ("n_tied", "weight", "is_point"),
    [(708, 1.0, True), (706, 1.0, False), (4, 900.5, False), (5, 900.5, True)],
)
def test_a_part_joins_what_has_no_ties_with_points_of_one_percent_of_all(
    n_tied, weight, is_point
):
    """Of 70,000 and of themselves; of five rows at least, whatever they weigh."""
    kde = BoundedKDE(bounds=(0, 1)).fit(MANY[:, np.newaxis])
    part = np.r_[np.full(n_tied, 0.25), 0.4]
    kde.partial_fit(part[:, np.newaxis], sample_weight=np.full(len(part), weight))
    assert_array_equal(kde.point_values_, [0.25] if is_point else [])


def test_parts_are_not_looked_through_for_points_if_told_that_there_are_none():
    kde = BoundedKDE(bounds=(0, 1), discrete=False).fit(MANY[:, np.newaxis])
    kde.partial_fit(np.zeros((70_000, 1)) + 0.5)
    assert len(kde.point_values_) == 0
