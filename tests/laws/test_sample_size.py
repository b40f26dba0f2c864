"""Laws of the number of people needed: which way it moves, and formulas by hand."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from sklearn_equity import required_sample_size

some = settings(max_examples=60, deadline=None)
SPREADS = st.floats(1e-3, 1e3)
RATIOS = st.floats(0.01, 3.0)  # of the interval or the gap to the spread of a person
LEVELS = st.floats(0.5, 0.999)
POWERS = st.floats(0.5, 0.99)
AIMS = ("half_width", "gap")
every_aim = pytest.mark.parametrize("aim", AIMS)


def needed(spread=1.0, **asked):
    (n,) = required_sample_size([spread], n=[1], **asked)
    return n


def reach(n, spread, level):
    """Return how far an interval of n people reaches: what the number undoes."""
    return stats.t.ppf((1 + level) / 2, n - 1) * spread / np.sqrt(n)


def shown(n, spread, level, power):
    """Return the least gap that n people show with a power."""
    quantiles = stats.t.ppf(level, n - 1) + stats.t.ppf(power, n - 1)
    return quantiles * spread / np.sqrt(n)


# ---- which way it moves --------------------------------------------------------------
@every_aim
@some
@given(spread=SPREADS, ratios=st.tuples(RATIOS, RATIOS), level=LEVELS)
def test_a_smaller_interval_or_gap_needs_no_fewer_people(aim, spread, ratios, level):
    small, large = sorted(ratios)
    more, fewer = (
        needed(spread, **{aim: ratio * spread}, confidence_level=level)
        for ratio in (small, large)
    )
    assert more >= fewer >= 2


@every_aim
@some
@given(ratio=RATIOS, levels=st.tuples(LEVELS, LEVELS))
def test_a_higher_level_needs_no_fewer_people(aim, ratio, levels):
    low, high = sorted(levels)
    fewer, more = (needed(**{aim: ratio}, confidence_level=one) for one in (low, high))
    assert more >= fewer


@some
@given(ratio=RATIOS, powers=st.tuples(POWERS, POWERS), level=LEVELS)
def test_a_higher_power_needs_no_fewer_people(ratio, powers, level):
    low, high = sorted(powers)
    fewer, more = (
        needed(gap=ratio, power=power, confidence_level=level) for power in (low, high)
    )
    assert more >= fewer


@every_aim
@some
@given(ratio=RATIOS, numbers=st.tuples(st.integers(1, 200), st.integers(1, 200)))
def test_more_comparisons_need_no_fewer_people(aim, ratio, numbers):
    few, many = sorted(numbers)
    fewer, more = (needed(**{aim: ratio}, n_comparisons=m) for m in (few, many))
    assert more >= fewer


@every_aim
@some
@given(spreads=st.tuples(SPREADS, SPREADS), target=st.floats(0.1, 10.0))
def test_a_larger_spread_needs_no_fewer_people(aim, spreads, target):
    required = required_sample_size(sorted(spreads), n=[1, 1], **{aim: target})
    assert required[1] >= required[0]


@every_aim
@some
@given(ratio=RATIOS, exponent=st.integers(-20, 20), n=st.integers(1, 10_000))
def test_the_unit_and_whom_the_spread_is_from_do_not_matter(aim, ratio, exponent, n):
    unit = 2.0**exponent  # without rounding
    expected = needed(**{aim: ratio})
    assert needed(unit, **{aim: ratio * unit}) == expected
    (found,) = required_sample_size([1.0 / n], n=[n * n], **{aim: ratio})
    assert abs(found - expected) <= 1  # as rounding may tip it


@every_aim
@some
@given(spreads=st.lists(SPREADS, min_size=1, max_size=6), target=st.floats(0.1, 10.0))
def test_each_subgroup_needs_what_it_would_alone(aim, spreads, target):
    together = required_sample_size(spreads, n=np.ones(len(spreads)), **{aim: target})
    assert_array_equal(together, [needed(one, **{aim: target}) for one in spreads])


# ---- by hand -------------------------------------------------------------------------
@some
@given(spread=SPREADS, ratio=RATIOS, level=LEVELS)
def test_so_many_people_reach_the_interval_and_one_fewer_do_not(spread, ratio, level):
    target = ratio * spread
    n = needed(spread, half_width=target, confidence_level=level)
    assert reach(n, spread, level) <= target * (1 + 1e-9)
    assert n == 2 or reach(n - 1, spread, level) > target * (1 - 1e-9)


@some
@given(spread=SPREADS, ratio=RATIOS, level=LEVELS, power=POWERS)
def test_so_many_people_show_the_gap_and_one_fewer_do_not(spread, ratio, level, power):
    target = ratio * spread
    n = needed(spread, gap=target, confidence_level=level, power=power)
    assert shown(n, spread, level, power) <= target * (1 + 1e-9)
    assert n == 2 or shown(n - 1, spread, level, power) > target * (1 - 1e-9)


@some
@given(n=st.integers(3, 5000), spread=SPREADS, level=LEVELS, power=POWERS)
def test_what_n_people_reach_needs_n_people(n, spread, level, power):
    target = reach(n, spread, level) * (1 + 1e-9)
    assert needed(spread, half_width=target, confidence_level=level) == n
    gap = shown(n, spread, level, power) * (1 + 1e-9)
    assume(gap > 0.0)  # what is shown to be in half of the samples, half of the time
    assert needed(spread, gap=gap, confidence_level=level, power=power) == n


@some
@given(ratio=st.floats(0.005, 0.1), level=st.floats(0.8, 0.999), power=POWERS)
def test_many_people_against_the_closed_form(ratio, level, power):
    """The normal formula, and what Student's quantiles add to it.

    Those are z + (z^3 + z) / (4 (n - 1)) to the first order, so that the n of the
    normal formula grows by the sum of (z^3 + z) over twice the sum of z.
    """
    for asked, chances in (
        ({"half_width": ratio}, [(1 + level) / 2]),
        ({"gap": ratio, "power": power}, [level, power]),
    ):
        z = stats.norm.ppf(chances)
        n = (z.sum() / ratio) ** 2
        assume(n > 300.0)
        expected = n + (z**3 + z).sum() / (2.0 * z.sum())
        assert_allclose(needed(**asked, confidence_level=level), expected, atol=1.1)


@some
@given(
    ratio=st.floats(0.05, 0.8), level=st.floats(0.9, 0.99), power=st.floats(0.6, 0.95)
)
def test_the_power_of_the_test_against_the_noncentral_t(ratio, level, power):
    """Whose power other software searches; the sum of two quantiles is near it."""
    n = needed(gap=ratio, confidence_level=level, power=power)

    def power_of(size):
        critical = stats.t.ppf(level, size - 1)
        return stats.nct.sf(critical, size - 1, ratio * np.sqrt(size))

    assert power_of(n + 1) >= power
    assert power_of(n - 3) < power
