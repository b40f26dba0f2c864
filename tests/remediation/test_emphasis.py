"""How often is each row repeated? The counts that a multiplier of any size gives."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity.remediation._emphasis import draw_repeats, repeat_rows


def test_whole_factors_are_met_exactly():
    factors = np.array([1.0, 4.0, 2.0, 1.0])
    drawn = draw_repeats(factors, np.random.RandomState(0))
    assert_array_equal(drawn, [1, 4, 2, 1])


@pytest.mark.parametrize("seed", range(20))
def test_each_count_is_a_neighbour_of_its_factor_and_the_total_within_one(seed):
    factors = np.random.default_rng(seed).uniform(1.0, 6.0, 501)
    drawn = draw_repeats(factors, np.random.RandomState(seed))
    assert (np.abs(drawn - factors) < 1.0).all()
    assert abs(drawn.sum() - factors.sum()) < 1.0


def test_expected_counts_against_theory():
    # 20,000 draws: a standard error of at most .0036, and 12 factors looked at.
    factors = np.array([1.0, 1.1, 1.25, 1.5, 1.9, 2.0, 2.3, 2.5, 3.7, 1.01, 1.6, 4.5])
    random_state = np.random.RandomState(93017)
    draws = [draw_repeats(factors, random_state) for _ in range(20_000)]
    assert_allclose(np.mean(draws, axis=0), factors, atol=0.015)


def test_rows_with_equal_factors_are_repeated_independently_of_their_order():
    random_state = np.random.RandomState(4021)
    factors = np.full(10, 1.5)
    draws = np.array([draw_repeats(factors, random_state) - 1 for _ in range(4_000)])
    assert (draws.sum(axis=1) == 5).all()
    correlation = np.corrcoef(draws.T)[~np.eye(10, dtype=bool)]
    # Five of ten without replacement: -1 / 9 between any two rows.
    assert_allclose(correlation, -1 / 9, atol=0.08)


def test_repeated_rows_stay_in_order():
    repeats = np.array([1, 3, 2])
    assert_array_equal(repeat_rows(repeats), [0, 1, 1, 1, 2, 2])
    assert_array_equal(repeat_rows(repeats, np.array([2, 0])), [2, 2, 0])
