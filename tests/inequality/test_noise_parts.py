"""What the model of noise is made of, by hand: inflation, ties, ends of an interval."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_equity import gini
from sklearn_equity.inequality._noise import Draws, NoiseModel, _density, _sharpened


def model(estimate, std_error, drawn, drawn_error):
    drawn, drawn_error = np.array(drawn, float), np.array(drawn_error, float)
    k = len(estimate)
    return NoiseModel(
        *(np.array(estimate, float), np.array(std_error, float), np.full(k, 100)),
        *(np.full(k, 1 / k), Draws(drawn, drawn_error)),
    )


def test_inflation_is_the_variance_of_draws_over_what_their_errors_say():
    """Two subgroups alike in size: half the square of the difference, and of errors."""
    drawn = [[1.0, 3.0], [2.0, 2.0], [0.0, 4.0]]  # variances 2, 0 and 8
    errors = [[1.0, 1.0], [0.5, 0.5], [2.0, 2.0]]  # squares 1, .25 and 4
    found = model([1.0, 2.0], [1.0, 1.0], drawn, errors)
    assert_allclose(found.inflation, (2 + 0 + 8) / (1 + 0.25 + 4))
    # At hand .5, of which noise makes 1 by its errors, times the inflation.
    assert_allclose(found.excess, 0.5 - found.inflation)


def test_a_draw_without_noise_leaves_the_inflation_to_the_others():
    drawn, errors = [[1.0, 3.0], [2.0, 2.0]], [[1.0, 1.0], [0.0, 0.0]]
    assert_allclose(model([1.0, 2.0], [1.0, 1.0], drawn, errors).inflation, 2.0)
    silent = model([1.0, 2.0], [0.0, 0.0], drawn, np.zeros((2, 2)))
    assert silent.inflation == 1.0


@pytest.mark.parametrize(("above", "expected"), [(0.0, 3), (1e-10, 3), (1e-7, 2)])
def test_draws_that_tie_but_for_rounding_are_as_far_apart(above, expected):
    """Of five excesses, three are 2 or more; rounding may have moved one below it."""
    one = model([1.0, 2.0], [1.0, 1.0], [[1.0, 3.0]], [[1.0, 1.0]])
    drawn = np.array([0.5, 1.0, 2.0 - above, 2.0, 3.0])
    assert one._count_above(2.0, drawn) == expected
    assert one._count_above(2.0, 2.0 + above * np.ones(1)) == 1


def test_a_negative_excess_ties_within_its_size_too():
    one = model([1.0, 2.0], [1.0, 1.0], [[1.0, 3.0]], [[1.0, 1.0]])
    drawn = np.array([-200.0 - 1e-8, -100.0 - 1e-8, 0.0])
    assert one._count_above(-100.0, drawn) == 2


@pytest.mark.parametrize("values", [[0.0, 0.0, 3.0], [0.0, 1.0, 2.0]])
def test_zero_is_no_negative_value_and_less_is_refused(values):
    assert gini(values) > 0.0
    with pytest.raises(ValueError, match="got 2 negative values, the least -7"):
        gini([*values, -1e-300, -7.0])


@pytest.mark.parametrize(("cautious", "expected"), [(0.9, 3 / 5), (0.1, 0.1)])
def test_a_p_value_is_the_rank_of_the_rarity_or_less(cautious, expected):
    """Of four draws, rarer than or as rare as what was found are two."""
    rarity = {5.0: 2, 0.0: 1, 1.0: 2, 2.0: 3, 3.0: 7}
    one = SimpleNamespace(
        draws=Draws(np.zeros((4, 2)), np.zeros((4, 2))),
        std_error=np.zeros(2),
        excess=5.0,
        _own_noise=None,
        _chance_above=lambda deviation, noise: cautious,
        _excess=lambda draws: np.arange(4.0),
        _rarity=lambda std_error, excess: rarity[excess],
    )
    assert_allclose(NoiseModel.p_value(one), expected)


def test_two_hundred_draws_are_compared():
    asked = []
    one = SimpleNamespace(
        draws=Draws(np.zeros((300, 2)), np.zeros((300, 2))),
        std_error=np.zeros(2),
        excess=-1.0,
        _own_noise=None,
        _chance_above=lambda deviation, noise: 1.0,
        _excess=lambda draws: np.arange(300.0),
        _rarity=lambda std_error, excess: asked.append(excess) or 1 + (excess >= 0.0),
    )
    assert_allclose(NoiseModel.p_value(one), 1 / 201)
    assert asked == [-1.0, *np.arange(200.0)]


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_beyond_ten_standard_errors_there_is_no_density_of_draws(side):
    """Though all draws lie right before that."""
    found = _density(side * np.full(1000, 9.95), side * np.array([9.9, 12.0]))
    assert found[0] > 1.0
    assert found[1] < 1e-20


def test_small_subgroups_are_not_taken_for_more_of_the_few_large_ones():
    """Two large, sure ones at 0; ten vague ones about 10 whose voices are small."""
    estimate = np.r_[0.0, 0.01, 10.0 + np.linspace(-4.0, 4.0, 10)]
    std_error = np.r_[0.01, 0.01, np.full(10, 4.0)]
    voice = np.r_[0.45, 0.45, np.full(10, 0.01)]
    pivots = np.random.default_rng(0).normal(size=10_000)
    sharpened = _sharpened(estimate, std_error, pivots, voice)
    assert_allclose(sharpened[:2], 0.0, atol=0.1)
    assert abs(sharpened[2:].mean() - 10.0) < 1.0
    assert np.ptp(sharpened[2:]) < np.ptp(estimate[2:])


@pytest.mark.parametrize("std_error", [0.0, 0.01])
def test_a_thousand_sure_estimates_stay_what_they_are(std_error):
    estimate = np.random.default_rng(1).exponential(size=1000)
    pivots = np.random.default_rng(0).normal(size=10_000)
    found = _sharpened(estimate, np.full(1000, std_error), pivots, np.full(1000, 0.001))
    assert_allclose(gini(found), gini(estimate), rtol=0.01)
    assert np.median(np.abs(found - estimate)) < 0.01


def test_where_one_point_is_left_the_shape_is_that_of_the_estimates():
    """Three that noise explains by far: sharpened they are one, but for rounding."""
    rng = np.random.default_rng(0)
    drawn = 2.0 + 0.3 * rng.normal(size=(500, 3))
    estimate, std_error = np.array([2.0, 2.001, 2.003]), np.full(3, 0.3)
    one = model(estimate, std_error, drawn, np.full((500, 3), 0.3))
    shape = one.spread_out(1.0) - one.spread_out(0.0)
    assert_allclose(np.mean(shape), 0.0, atol=1e-9)
    assert_allclose(np.mean(shape**2), 1.0)
    assert (np.diff(shape) > 0.0).all()
    assert np.isfinite(one.interval(0.025)).all()
