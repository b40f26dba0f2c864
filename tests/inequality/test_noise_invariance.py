"""What must not matter to a model of noise: the unit, and where its draws lie."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_equity.inequality._noise import Draws, NoiseModel, _sharpened


def model(unit=1.0, levels=(0.0, 0.0, 0.0)):
    """Three subgroups, whose draws may lie about levels of their own."""
    rng = np.random.default_rng(1)
    std_error = np.array([0.02, 0.03, 0.05])
    noise = rng.standard_normal((200, 3)) * std_error
    draws = Draws(0.3 + np.array(levels) + noise, np.tile(std_error, (200, 1)))
    n = np.array([600.0, 300.0, 100.0])
    return NoiseModel(
        unit * np.array([0.2, 0.35, 0.4]),
        unit * std_error,
        n,
        n / n.sum(),
        Draws(unit * draws.estimate, unit * draws.std_error),
    )


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_the_bias_of_size_is_a_factor_in_any_unit(unit):
    """As long as nothing is negative; then the mean over draws is one level for all."""
    found = model(unit, levels=(0.0, 0.02, 0.1)).without_bias_of_size()
    expected = model(1.0, levels=(0.0, 0.02, 0.1)).without_bias_of_size()
    assert_allclose(found.estimate, unit * expected.estimate)
    assert_allclose(found.std_error, unit * expected.std_error)
    assert_allclose(found.draws.estimate, unit * expected.draws.estimate)
    everything = np.vstack([found.draws.estimate, found.estimate]).mean(axis=0)
    assert_allclose(everything, everything[0])
    plain = model(unit, levels=(0.0, 0.02, 0.1))
    assert_allclose(found.estimate / found.std_error, plain.estimate / plain.std_error)


def test_the_bias_of_size_is_added_where_figures_are_negative():
    plain = model(levels=(-0.4, 0.02, 0.1))
    found = plain.without_bias_of_size()
    assert_allclose(found.std_error, plain.std_error)
    everything = np.vstack([found.draws.estimate, found.estimate]).mean(axis=0)
    assert_allclose(everything, everything[0])


def test_where_the_draws_of_a_subgroup_lie_does_not_matter():
    """Only how far they scatter: deviations are taken from each subgroup's mean."""
    plain, moved = model(), model(levels=(0.0, 5.0, -3.0))
    assert_allclose(moved._shape, plain._shape, atol=1e-9)
    assert_allclose(moved._own_noise.estimate, plain._own_noise.estimate, atol=1e-9)
    assert_allclose(moved._own_noise.std_error, plain._own_noise.std_error)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize("voiced", [False, True])
def test_all_that_is_found_has_the_unit_of_the_figures(unit, voiced):
    found, expected = (
        one.by_voice() if voiced else one for one in (model(unit), model())
    )
    assert_allclose(found._shape, expected._shape, atol=1e-6)
    assert_allclose(found.inflation, expected.inflation)
    assert_allclose(found.excess, unit**2 * expected.excess)
    assert_allclose(found.deviation, unit * expected.deviation, rtol=1e-6)
    assert found.p_value() == expected.p_value()
    limits = unit * np.array(expected.interval(0.1))
    assert_allclose(found.interval(0.1), limits, rtol=1e-5)
    assert limits[0] > 0.0


def test_estimates_that_noise_cannot_mix_stay_where_they_are():
    pivots = np.random.default_rng(2).standard_normal(1000)
    estimate, voice = np.array([3.0, 1.0, 7.0]), np.array([0.2, 0.3, 0.5])
    found = _sharpened(estimate, np.full(3, 1e-4), pivots, voice)
    assert_allclose(found, estimate, rtol=1e-9)


def test_estimates_that_are_all_one_stay_one():
    pivots = np.random.default_rng(2).standard_normal(1000)
    found = _sharpened(np.full(3, 5.0), np.full(3, 2.0), pivots, np.full(3, 1 / 3))
    assert_allclose(found, 5.0, rtol=1e-12)


def two_step_variance(estimate, variance, voice):
    """DerSimonian and Kacker (2007), section 2.2, with a voice beside each weight."""

    def moments(weight):
        total, square = weight.sum(), (weight**2).sum()
        center = weight @ estimate / total
        noise = weight @ variance - weight**2 @ variance / total
        return (weight @ (estimate - center) ** 2 - noise) / (total - square / total)

    first = max(moments(voice / variance), 0.0)
    return moments(voice / (variance + first))


@pytest.mark.parametrize("voice", [[0.25] * 4, [0.1, 0.2, 0.3, 0.4]])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_the_excess_is_that_of_two_steps(voice, spread):
    """Of errors that follow sizes, by which they are smoothed."""
    n, voice = np.array([40.0, 90.0, 200.0, 1000.0]), np.array(voice)
    estimate, std_error = spread * np.array([1.0, 2.0, 4.0, 7.0]), 6.0 / np.sqrt(n)
    figures = Draws(estimate[np.newaxis], std_error[np.newaxis])
    model = NoiseModel(estimate, std_error, n, voice, figures)
    total, noise = model._variances(figures)
    expected = two_step_variance(estimate, std_error**2, voice)
    assert_allclose(total - noise, expected, rtol=1e-9)
