"""When is a tie a point mass, and when is a lattice fine? Each rule at its limit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity.density._ties import (
    Sample,
    are_frequencies,
    find_lattice,
    is_discrete,
    may_have_ties,
    scaled_weights,
    split_ties,
    spread_over_step,
    tabulate,
)


def people(values, rows):
    """So many people with each of some rising values."""
    rows = np.asarray(rows, dtype=float)
    return Sample(np.asarray(values, dtype=float), rows, rows, rows)


# ---- what is a lattice -----------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "rows", "step"),
    [
        pytest.param([0, 1], [9, 9], None, id="two values are no lattice"),
        pytest.param([2, 5, 8], [9, 9, 9], 3.0, id="three are"),
        pytest.param(range(6), [2, 2, 2, 2, 1, 1], 1.0, id="6 of 10 rows are distinct"),
        pytest.param(range(7), [2, 2, 2, 1, 1, 1, 1], None, id="7 of 10 are"),
        pytest.param([0, 1, 4, 8, 17], [9] * 5, 1.0, id="the median gap is 3.5 steps"),
        pytest.param([0, 1, 5, 9, 18], [9] * 5, None, id="it is 4 steps"),
        pytest.param([0, 1, 2.0008], [9] * 3, 1.0004, id="off by less than 0.001 step"),
        pytest.param([0, 1, 2.0015], [9] * 3, None, id="off by more"),
        pytest.param([0, 1, 2.5], [9] * 3, None, id="no multiple of the least gap"),
        pytest.param([-1.7e308, 0, 1.7e308], [9] * 3, None, id="wider than doubles"),
        pytest.param([-1e308, -9e307, 1.7e308], [9] * 3, None, id="likewise"),
        pytest.param([0, 1e-310, 1e300], [9] * 3, None, id="of steps beyond doubles"),
    ],
)
def test_which_values_lie_on_a_lattice_of_which_step(values, rows, step):
    found = find_lattice(people(values, rows))
    if step is None:
        assert found is None
    else:
        assert_allclose(found, step, rtol=1e-12)


def test_values_as_far_apart_as_doubles_are_discrete_if_they_repeat():
    values = np.array([-1.7e308, 0.0, 1.7e308])
    assert is_discrete(np.tile(values, 9))
    assert not is_discrete(values)


@pytest.mark.parametrize(("each", "is_coarse"), [(61, False), (62, True)])
def test_a_lattice_is_coarse_where_bias_outweighs_noise(each, is_coarse):
    """Ten equal values: their variance is 99/12 steps; 99/4 is the root of 612.6."""
    split = split_ties(people(3.0 * np.arange(10), [each] * 10))
    assert_array_equal(split.is_point, np.full(10, is_coarse))
    assert (split.step, split.origin) == ((0.0, 0.0) if is_coarse else (3.0, 0.0))


# ---- what is a spike on a lattice --------------------------------------------------
def hundreds(**others):
    """Sixty values of a hundred people each, but for some."""
    rows = np.full(60, 100.0)
    for place, number in others.items():
        rows[int(place[1:])] = number
    return people(7.0 + np.arange(60), rows)


@pytest.mark.parametrize("place", [0, 1, 30, 59])
def test_a_spike_is_two_and_a_half_times_its_neighbours_and_five_deviations(place):
    at_limit, above = (
        split_ties(hundreds(**{f"v{place}": number})) for number in (300, 301)
    )
    assert not at_limit.is_point.any()
    assert_array_equal(np.flatnonzero(above.is_point), [place])
    assert (above.step, above.origin) == (1.0, 7.0)


@pytest.mark.parametrize("beside", [-1, 1])
def test_the_more_frequent_neighbour_counts(beside):
    sample = hundreds(v30=400, **{f"v{30 + beside}": 140})
    assert not split_ties(sample).is_point.any()  # 350 and 59 are more than 400
    sample = hundreds(v30=410, **{f"v{30 + beside}": 140})
    assert_array_equal(np.flatnonzero(split_ties(sample).is_point), [30])


def test_values_across_a_gap_are_no_neighbours():
    values = np.delete(7.0 + np.arange(61), [29, 31])
    rows = np.full(59, 100.0)
    assert_array_equal(np.flatnonzero(split_ties(people(values, rows)).is_point), [29])


def test_three_spikes_are_heaping_and_stay_as_they_are_with_all_others():
    two = split_ties(hundreds(v0=500, v59=500))
    assert_array_equal(np.flatnonzero(two.is_point), [0, 59])
    assert split_ties(hundreds(v0=500, v30=500, v59=500)).is_point.all()


# ---- what is a point mass elsewhere ------------------------------------------------
def test_a_point_mass_has_one_percent_of_the_rows_and_five_of_them():
    rest = np.sort(np.random.default_rng(1).normal(10.0, 1.0, 595))
    values = np.concatenate([[0.0, 0.7], rest])
    # Six of 600 rows, and five of them.
    found = split_ties(people(values, [6, 5] + [1] * 589 + [0] * 6)).is_point
    assert found[0]
    assert not found[1]
    few = np.concatenate([[0.0, 0.7], rest[:91]])
    found = split_ties(people(few, [5, 4] + [1] * 91)).is_point
    assert_array_equal(np.flatnonzero(found), [0])


@pytest.mark.parametrize(("pairs", "is_tied"), [(40, True), (39, False)])
def test_a_sample_that_is_tied_besides_its_heavy_values_is_all_points(pairs, is_tied):
    """Of the 100 rows beside 0, 60 distinct are as few as make ties."""
    n_distinct = 100 - pairs
    values = np.sort(np.random.default_rng(2).normal(10.0, 1.0, n_distinct))
    rows = np.r_[100, np.repeat([2, 1], [pairs, n_distinct - pairs])]
    split = split_ties(people(np.r_[0.0, values], rows))
    assert split.is_point.all() == is_tied
    assert split.is_point[0]


# ---- large samples, by a look at few rows ------------------------------------------
def test_up_to_65536_rows_are_looked_at_one_by_one():
    assert may_have_ties(np.arange(65_536.0))
    assert not may_have_ties(np.arange(65_537.0))


@pytest.mark.parametrize(("n_stretches", "tied"), [(9, True), (8, False)])
def test_eight_ties_among_one_row_of_each_stretch(n_stretches, tied):
    values = np.arange(32 * 4096.0)[::-1].copy()
    values[: 32 * n_stretches] = -1.0
    assert may_have_ties(values) == tied


# ---- weights -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("weights", "whole"),
    [
        ([1.0, 2.0, 0.0], True),
        ([1.0, 2.5], False),
        ([2.0**53 - 1.0], True),
        ([2.0**53], False),
        ([], True),
    ],
)
def test_weights_that_count_people_are_whole_and_below_2_to_53(weights, whole):
    assert are_frequencies(np.array(weights)) == whole
    kept = scaled_weights(np.array(weights)) if len(weights) else None
    if whole and len(weights):
        assert_array_equal(kept, weights)


def test_other_weights_keep_their_ratios_and_come_near_one():
    weights = np.array([3.5, 7.0, 1.25]) * 2.0**700
    assert_array_equal(scaled_weights(weights), [3.5 / 8, 7.0 / 8, 1.25 / 8])


def test_equal_values_are_gathered_with_their_weights():
    found = tabulate(np.array([2.0, 1.0, 2.0]), np.array([0.5, 3.0, 1.5]))
    assert_array_equal(found.values, [1.0, 2.0])
    assert_array_equal(found.entries, [1.0, 2.0])
    assert_array_equal(found.mass, [3.0, 2.0])
    assert_array_equal(found.squares, [9.0, 2.5])
    assert not found.counts_people
    assert_array_equal(found.rows, [1.0, 2.0])
    assert_allclose(found.n_values, 25.0 / 11.5)
    whole = tabulate(np.array([2.0, 1.0, 2.0]), np.array([4.0, 3.0, 1.0]))
    assert_array_equal(whole.rows, [3.0, 5.0])
    assert whole.n_values == 8.0
    assert tabulate(np.array([2.0, 1.0, 2.0]), None).n_values == 3.0


def test_a_lattice_point_spreads_evenly_over_its_step():
    one = Sample(np.array([5.0]), np.array([3.0]), np.array([6.0]), np.array([12.0]))
    spread = spread_over_step(one, 2.0)
    assert_allclose(spread.values, 5.0 + (np.arange(8) - 3.5) / 4.0)
    assert_allclose(spread.mass, 0.75)
    assert_allclose(spread.entries, 0.375)
    assert_allclose(spread.squares, 1.5)
    assert spread.counts_people
    assert spread_over_step(one, 0.0) is one
