"""What the model of noise is made of, by hand: inflation, ties, ends of an interval."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import trapezoid

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


def test_rounding_is_that_of_the_largest_figure_whatever_is_found():
    one = model([1.0, 2.0], [1.0, 1.0], [[1.0, 3.0]], [[1.0, 1.0]])
    assert one._count_above(0.0, np.array([-1e-10, 1.0])) == 2
    assert one._count_above(1.0, np.array([1.0 - 5e-10, 0.0])) == 1


@pytest.mark.parametrize("values", [[0.0, 0.0, 3.0], [0.0, 1.0, 2.0]])
def test_zero_is_no_negative_value_and_less_is_refused(values):
    assert gini(values) > 0.0
    with pytest.raises(ValueError, match="got 2 negative values, the least -7"):
        gini([*values, -1e-300, -7.0])


@pytest.mark.parametrize(
    ("found", "cautious", "expected"),
    [(2, 0.9, 3 / 5), (2, 0.1, 3 / 5), (0, 0.9, 1 / 5), (0, 0.1, 0.1), (1, 0.1, 2 / 5)],
)
def test_a_p_value_is_the_rank_of_the_rarity_or_less(found, cautious, expected):
    """Less, where no draw shows as much. Of four draws two are as rare as a 2."""
    rarity = {5.0: found, 0.0: 1, 1.0: 2, 2.0: 3, 3.0: 7}
    one = SimpleNamespace(
        draws=Draws(np.zeros((4, 2)), np.zeros((4, 2))),
        std_error=np.zeros(2),
        excess=5.0,
        _own_noise=None,
        _chance_above=lambda deviation, noise: cautious if deviation == 0.0 else 1.0,
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


# ---- what small samples take off ---------------------------------------------------
@pytest.mark.parametrize(
    ("estimate", "drawn", "expected"),
    [
        ([0.0, 4.0], [2.0, 4.0], [0.0, 2.5]),  # typical 1 and 4: by 2.5 and .625
        ([0.25, 0.75], [0.25, 0.25], [0.375, 0.5625]),  # .25 and .5: by 1.5 and .75
        ([0.0, 4.0], [0.0, 4.0], [2.0, 2.0]),  # 0 can't be scaled: moved by 2 and -2
        ([2.0, 4.0], [-4.0, 4.0], [4.5, 1.5]),  # -1 and 4: moved by 2.5 and -2.5
        ([-1.0, 4.0], [3.0, 4.0], [0.5, 2.5]),  # 1 and 4, of signed figures: moved
    ],
)
def test_what_is_put_back_is_a_factor_unless_a_figure_may_be_negative(
    estimate, drawn, expected
):
    found = model(estimate, [1.0, 1.0], [drawn], [[1.0, 1.0]]).without_bias_of_size()
    assert_allclose(found.estimate, expected)


# ---- noise as wide as it is said to be ---------------------------------------------
def test_noise_is_made_as_wide_as_each_standard_error_about_zero():
    """The second's draws have no error: they stay as wide as they are."""
    drawn = [[1.0, 0.1, 5.0], [3.0, 0.3, 9.0]]
    errors = [[0.1, 0.0, 7.0], [0.7, 0.0, 1.0]]  # mean squares .25, 0 and 25
    one = model([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], drawn, errors)
    found = one._as_wide_as(np.array([2.0, 2.0, 2.0]))
    assert_allclose(found.estimate, [[-4.0, -0.1, -0.8], [4.0, 0.1, 0.8]])
    assert_allclose(found.std_error, [[0.4, 0.0, 2.8], [2.8, 0.0, 0.4]])


def test_true_figures_are_added_to_noise_by_their_shape():
    one = SimpleNamespace(_shape=np.array([-1.0, 1.0]), _excess=lambda drawn: drawn)
    noise = Draws(np.array([[0.5, 0.25]]), np.array([[1.0, 2.0]]))
    found = NoiseModel._excess_of(one, 2.0, noise)
    assert_allclose(found.estimate, [[-1.5, 2.25]])
    assert_allclose(found.std_error, noise.std_error)


def test_of_several_noises_the_more_cautious_counts():
    drawn = {"wide": np.arange(4.0), "narrow": np.arange(4.0) / 2.0}
    one = SimpleNamespace(
        draws=Draws(np.zeros((4, 2)), np.zeros((4, 2))),
        excess=1.0,
        _noises=("wide", "narrow"),
        _excess_of=lambda deviation, noise: drawn[noise],
        _count_above=lambda excess, of: (of >= excess).sum(),
    )
    # 1 or more are 3 and 2 of 4; 1 or less 2 and 3.
    assert_allclose(NoiseModel._chance_above(one, 0.0, "wide", "narrow"), 4 / 5)
    assert_allclose(NoiseModel._share_below(one, 0.0), 3 / 4)


# ---- the interval ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("chance", "share", "expected"),
    [(0.25, 0.25, (False, True)), (0.26, 0.26, (True, False))],
)
def test_what_is_no_rarer_than_the_tail_is_inside(chance, share, expected):
    """A chance that ties with the tail is outside above, and ends what is below."""
    one = SimpleNamespace(
        _first_where=lambda holds: holds(1.0),
        _chance_within=lambda deviation: chance,
        _share_below=lambda deviation: share,
    )
    assert NoiseModel.interval(one, 0.25) == expected


@pytest.mark.parametrize("start", [0.0, 0.01, 0.3, 2.7, 1000.0])
def test_the_least_deviation_is_found_from_nearly_none_to_far_beyond_the_range(start):
    one = SimpleNamespace(
        _shape=np.array([-1.0, 0.0, 1.0]), estimate=np.array([1.0, 1.5, 2.0])
    )
    found = NoiseModel._first_where(one, lambda deviation: deviation >= start)
    assert_allclose(found, start, rtol=1e-9)


def test_without_a_shape_no_deviation_is_looked_for():
    one = SimpleNamespace(_shape=np.zeros(3), estimate=np.ones(3))
    assert NoiseModel._first_where(one, lambda deviation: False) == 0.0


def test_signed_roots_average_zero_about_the_typical_excess():
    """Of -1, 0 and 8: sqrt(8 - t) = sqrt(t + 1) + sqrt(t), so 5 t^2 - 46 t + 49 = 0."""
    one = SimpleNamespace(draws=None, _excess=lambda drawn: np.array([0.0, 8.0, -1.0]))
    found = NoiseModel._typical_excess.func(one)
    assert_allclose(found, (46.0 - np.sqrt(46.0**2 - 20.0 * 49.0)) / 10.0)


# ---- sharpening --------------------------------------------------------------------
def sharpened_in_loops(estimate, std_error, pivots, voice, n_steps=300):
    """What the notes say, one subgroup and one point at a time."""
    k, order = len(estimate), sorted(range(len(estimate)), key=lambda i: estimate[i])
    grid = [estimate[i] for i in order]
    likely = [
        [_density(pivots, (estimate[i] - point) / std_error[i]) for point in grid]
        for i in order
    ]
    mass = [1.0 / k] * k
    for _ in range(n_steps):
        posterior = [
            [one * of / np.dot(row, mass) for one, of in zip(row, mass, strict=True)]
            for row in likely
        ]
        mass = [sum(row[j] for row in posterior) / k for j in range(k)]
    voices = [voice[i] for i in order]
    mass = [np.dot(voices, [row[j] for row in posterior]) for j in range(k)]
    found, start = np.zeros(k), 0.0
    for i in order:
        end, below = start + voice[i], 0.0
        for point, of in zip(grid, mass, strict=True):
            shared = min(end, below + of) - max(start, below)
            found[i] += point * max(shared, 0.0) / voice[i]
            below += of
        start = end
    return found


@pytest.mark.parametrize("voice", [[0.25] * 4, [0.1, 0.4, 0.2, 0.3]])
def test_sharpening_against_loops(voice):
    estimate, std_error = np.array([5.0, 2.0, 3.0, 9.0]), np.array([1.0, 0.5, 2.0, 3.0])
    pivots = np.random.default_rng(3).normal(size=500)
    found = _sharpened(estimate, std_error, pivots, np.array(voice))
    expected = sharpened_in_loops(estimate, std_error, pivots, voice)
    assert_allclose(found, expected, rtol=1e-9)
    assert_allclose(voice @ found, voice @ expected)


def test_subgroups_beyond_the_finest_grain_are_sharpened_between_its_points():
    """Of 801 on a lattice each second is a point; those between are a point away."""
    estimate = np.random.default_rng(4).permutation(np.arange(801.0))
    pivots = np.random.default_rng(3).normal(size=500)
    found = _sharpened(estimate, np.full(801, 1e-3), pivots, np.full(801, 1 / 801))
    assert np.abs(found - estimate).max() < 3.0


# ---- the density of errors ---------------------------------------------------------
@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_the_density_of_any_number_of_draws_adds_up_to_one(n):
    """And to a hundredth of a root of 2 pi of the normal one; of none that alone."""
    at = np.linspace(-9.0, 9.0, 20_001)
    found = _density(np.linspace(-1.0, 1.0, n), at)
    expected = (n > 0) + 0.01 * np.sqrt(2.0 * np.pi)
    assert_allclose(trapezoid(found, at), expected, rtol=1e-4)


def test_draws_are_smoothed_by_a_quarter_of_a_standard_error():
    """Bins of an eighth, and lines between them, add a little."""
    at = np.linspace(-2.0, 2.0, 20_001)
    share = _density(np.full(100, 0.0625), at) - 0.01 * np.exp(-(at**2) / 2.0)
    spread = np.sqrt(trapezoid(share * (at - 0.0625) ** 2, at))
    assert 0.24 < spread < 0.27


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_draws_beyond_ten_standard_errors_are_no_part_of_the_density(side):
    found = _density(side * np.full(100, 11.0), side * np.array([9.9, 11.0]))
    assert (found < 1e-20).all()
