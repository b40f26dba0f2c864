"""Which bandwidth, and are these values discrete? Laws, cases by hand, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_equity.density import is_discrete, select_bandwidth
from sklearn_equity.density._bandwidth import _crossing, spread_of_rows

RULES = ["isj", "silverman", "scott", "cv", "cdf"]
every_rule = pytest.mark.parametrize("rule", RULES)


@every_rule
@settings(max_examples=15, deadline=None)
@given(exponent=st.integers(-300, 300))
def test_bandwidth_follows_the_unit(rule, exponent):
    x = np.random.default_rng(1).gamma(3.0, size=200)
    factor = 10.0**exponent
    expected = select_bandwidth(x, rule)
    assert_allclose(select_bandwidth(x * factor, rule) / factor, expected, rtol=1e-9)


@every_rule
def test_bandwidth_ignores_the_origin_and_the_sign(rule):
    x = np.random.default_rng(2).gamma(3.0, size=201)
    expected = select_bandwidth(x, rule)
    assert_allclose(select_bandwidth(x + 1000.0, rule), expected, rtol=1e-6)
    assert_allclose(select_bandwidth(-x, rule), expected, rtol=0.02)


@every_rule
def test_whole_weights_are_repeated_rows(rule):
    rng = np.random.default_rng(3)
    x, times = rng.normal(size=300), rng.integers(0, 4, size=300)
    weighted = select_bandwidth(x, rule, sample_weight=times)
    assert_allclose(weighted, select_bandwidth(np.repeat(x, times), rule), rtol=1e-12)


@every_rule
def test_equal_weights_are_none(rule):
    x = np.random.default_rng(4).normal(size=300)
    weighted = select_bandwidth(x, rule, sample_weight=np.full(300, 0.25))
    assert_allclose(weighted, select_bandwidth(x, rule), rtol=1e-9)


@every_rule
@pytest.mark.parametrize("factor", [1e-300, 1e-200, 1e200, 1e300])
def test_only_ratios_of_weights_that_count_no_people_matter(rule, factor):
    rng = np.random.default_rng(14)
    x, w = rng.normal(size=300), rng.uniform(0.1, 1.0, size=300)
    expected = select_bandwidth(x, rule, sample_weight=w)
    scaled = select_bandwidth(x, rule, sample_weight=w * factor)
    assert_allclose(scaled, expected, rtol=1e-9)


@pytest.mark.parametrize("level", [0.3, 0.4, 0.5, 0.7])
def test_a_line_crosses_a_level_where_it_does(level):
    share = np.linspace(0, 1, 9)
    found = _crossing(np.array([share, 0.1 + 0.8 * share]), level)
    assert_allclose(found, [8 * level, 10 * (level - 0.1)])


def test_spreads_of_several_rows_of_counts_by_hand():
    """Of four people at 0, 0, 1/2 and 1, and of their mirror image, on three nodes."""
    counts = np.array([[2.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    deviation = np.std([0, 0, 1 / 2, 1])
    # Quartiles are the first nodes with one and with three of four at or below.
    assert 1 / 2 / 1.34 < deviation < 1 / 1.34
    assert_allclose(spread_of_rows(counts, counts), [1 / 2 / 1.34, deviation])


@every_rule
@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0], [2.0] * 40, [0.0] * 3])
def test_data_without_spread_have_bandwidth_zero(rule, values):
    assert select_bandwidth(values, rule) == 0.0


def test_a_number_is_returned_as_it_is():
    assert select_bandwidth([1.0, 2.0], 0.25) == 0.25
    assert select_bandwidth([1.0, 2.0], 0) == 0.0


def test_zeros_and_an_outlier_do_not_move_isj():
    rng = np.random.default_rng(5)
    x = rng.exponential(size=2000)
    alone = select_bandwidth(x, "isj", bounds=(0, None))
    with_zeros = np.concatenate([x, np.zeros(1000), [1e6]])
    mixed = select_bandwidth(with_zeros, "isj", bounds=(0, None))
    assert_allclose(mixed, alone, rtol=1e-3)


def test_cdf_rule_of_data_half_of_which_agree_falls_back_to_the_deviation():
    x = np.concatenate([np.zeros(80), np.arange(1.0, 21.0)])
    expected = 0.5 * x.std() * 100 ** (-1 / 3)
    assert_allclose(select_bandwidth(x, "cdf"), expected, rtol=1e-12)


@pytest.mark.parametrize("rule", ["best", -0.1, np.nan, np.inf, None, True])
def test_unknown_rules_are_refused(rule):
    with pytest.raises(ValueError, match="`bandwidth` must be one of"):
        select_bandwidth([1.0, 2.0], rule)


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="`values` must not hold missing values"):
        select_bandwidth([1.0, np.nan], "isj")
    with pytest.raises(ValueError, match="`sample_weight` must not be negative"):
        select_bandwidth([1.0, 2.0], "isj", sample_weight=[1, -1])


_RNG = np.random.default_rng(6)
DISCRETE = {
    "one value": [1.0],
    "constant": [4.0] * 9,
    "truth values": _RNG.uniform(size=30) < 0.4,
    "counts": _RNG.poisson(3, size=60),
    "readings to 0.1": np.round(_RNG.normal(5, 1, size=500), 1),
    "heaped on tens": np.where(
        _RNG.uniform(size=900) < 0.5,
        10 * _RNG.integers(8, 16, 900),
        _RNG.integers(80, 160, 900),
    ),
    "many counts": _RNG.poisson(40, size=200_000),
    "means of three readings": np.round(_RNG.integers(300, 480, size=3000) / 3, 2),
    "mostly zeros": np.where(_RNG.uniform(size=900) < 0.6, 0.0, _RNG.uniform(size=900)),
}
CONTINUOUS = {
    "normal": _RNG.normal(size=300),
    "whole numbers without repeats": _RNG.integers(0, 100_000, size=300),
    "some zeros": np.where(_RNG.uniform(size=900) < 0.3, 0.0, _RNG.uniform(size=900)),
    "float32": _RNG.normal(size=200_000).astype(np.float32),
    "two values": [1.0, 2.0],
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_samples_are_found(name):
    assert is_discrete(DISCRETE[name])


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_samples_are_left(name):
    assert not is_discrete(CONTINUOUS[name])


def test_a_unit_changes_nothing_in_what_is_discrete():
    x = DISCRETE["readings to 0.1"]
    assert is_discrete(x * 88.4)
    assert is_discrete(x * 1e-200)


def test_rows_of_weight_zero_do_not_make_ties():
    x = np.concatenate([np.zeros(100), _RNG.normal(size=100)])
    weight = np.repeat([0.0, 1.0], 100)
    assert is_discrete(x)
    assert not is_discrete(x, sample_weight=weight)
