"""Who is called what: errors, averages, tests, shapes of errors, spreads, by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from scipy.stats import t as student

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import subgroup_fidelity
from sklearn_equity.fidelity._assembly import (
    _verdicts,
    check_numbers_asked,
    draw_seed,
)
from sklearn_equity.fidelity._heterogeneity import true_spread
from sklearn_equity.fidelity._measurement import (
    Settings,
    guarded_by_shape,
    skew_of_intervals,
)
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._pooled_shape import (
    PivotQuantiles,
    _harmonised,
    _n_samples,
    _sizes,
    pooled_pivots,
)
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._verdicts import (
    Measured,
    compare_with_average,
    guarded_errors,
    shrink,
)

NaN = np.nan


# ---- standard errors that others guard ---------------------------------------------
def test_of_two_subgroups_alike_in_size_the_less_sure_speaks():
    n = np.array([100, 100])
    found = guarded_errors(n, np.array([0.01, 0.4]), np.array([True, True]))
    assert_allclose(found, [0.4, 0.4])


def test_only_the_judged_speak_or_all_where_none_is():
    n, error = np.array([100, 400, 25, 0]), np.array([0.1, 0.2, 8.0, NaN])
    judged = np.array([True, False, False, False])
    found = guarded_errors(n, error, judged)  # a row's variance is 1
    assert_allclose(found, [0.1, 0.2, 8.0, NaN])
    found = guarded_errors(n, error, np.zeros(4, dtype=bool))
    # The median person is in the second: a row's variance is 16.
    assert_allclose(found, [np.sqrt(16 / 100), 0.2, 8.0, NaN])
    unknown = np.full(2, NaN)
    assert_array_equal(
        guarded_errors(np.array([5, 5]), unknown, np.zeros(2, dtype=bool)), unknown
    )


# ---- shrinking ---------------------------------------------------------------------
def test_shrinkage_of_unequal_subgroups_by_hand():
    estimate, error = (
        np.array([2.0, 4.0, 9.0, 7.0, NaN]),
        np.array([0.5, 1.0, 2.0, 0.0, NaN]),
    )
    n = np.array([50, 30, 20, 10, 5])
    share = np.array([0.5, 0.3, 0.2])
    mean = 0.5 * 2 + 0.3 * 4 + 0.2 * 9
    noise = sum(share * (1 - share) * error[:3] ** 2)
    between = (share @ (estimate[:3] - mean) ** 2 - noise) / (1 - share @ share)
    assert between > 0
    kept = between / (between + error[:3] ** 2)
    expected = [*(mean + kept * (estimate[:3] - mean)), 7.0, mean]
    assert_allclose(shrink(estimate, error, n), expected)  # a sure one stays


def test_one_known_subgroup_is_the_mean_of_all():
    found = shrink(np.array([3.0, NaN]), np.array([1.0, NaN]), np.array([10, 2]))
    assert_allclose(found, [3.0, 3.0])
    nobody = np.array([3.0, NaN])
    assert_array_equal(shrink(nobody, np.array([0.0, NaN]), np.array([9, 1])), nobody)


# ---- tests against the average person ----------------------------------------------
def patterns(k):
    """Columns of deviations with an SD of 1 that do not go together."""
    signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    return signs[1 : 1 + k] * np.sqrt(3 / 4)


def compared(metric, estimate, error, n, *, tolerance=0.0, **changed):
    k = len(estimate)
    known = {
        "n": np.array(n),
        "estimate": np.array(estimate),
        "std_error": np.array(error),
        "guarded": np.array(error),
        "shortfall": np.zeros(k),
        "skew": np.ones(k),
        "replicates": np.array(estimate)[:, np.newaxis]
        + np.array(error)[:, np.newaxis] * patterns(k),
        "judged": np.ones(k, dtype=bool),
    }
    return compare_with_average(
        resolve_metric(metric),
        Measured(**(known | changed)),
        tolerance=tolerance,
        rng=np.random.default_rng(0),
    )


def test_a_test_against_the_average_person_by_hand():
    found = compared("mae", [5.0, 6.0], [0.3, 0.4], [30, 10], tolerance=0.1)
    average = 0.75 * 5 + 0.25 * 6
    assert_allclose(found.reference, average)
    for i, (value, share, n) in enumerate(((5.0, 0.75, 30), (6.0, 0.25, 10))):
        own, other = ((0.3, 0.4), (0.4, 0.3))[i]
        error = np.hypot((1 - share) * own, (1 - share) * other)
        p = student(n - 1).sf((value - average) / error)
        assert_allclose(found.p_worse[i], p)
        error = np.hypot((1 - 1.1 * share) * own, 1.1 * (1 - share) * other)
        p = student(n - 1).cdf((value - 1.1 * average) / error)
        assert_allclose(found.p_not_worse[i], p)


def test_higher_is_better_and_a_skewed_interval_says_less():
    found = compared("r2", [0.5, 0.9], [0.1, 0.1], [11, 11], tolerance=0.2)
    error = np.hypot(0.05, 0.05)
    assert_allclose(found.p_worse, student(10).sf([0.2 / error, -0.2 / error]))
    assert_allclose(found.reference, 0.7)
    # The limit is .7 - .2 * .7, of which each has a share of .4.
    error = np.hypot((1 - 0.4) * 0.1, 0.4 * 0.1)
    t = np.array([(0.56 - 0.5) / error, (0.56 - 0.9) / error])
    assert_allclose(found.p_not_worse, student(10).cdf(t))
    skewed = compared(
        *("r2", [0.5, 0.9], [0.1, 0.1], [11, 11]),
        tolerance=0.2,
        skew=np.array([1.0, 2.0]),
    )
    assert_allclose(skewed.p_not_worse, student(10).cdf(t / [1.0, 2.0]))


def test_a_bias_is_tested_on_both_sides():
    found = compared("bias", [2.0, -1.0], [0.3, 0.3], [21, 21])
    # Sizes of 2 and 1 against one of half: losses are x, -y, and the average (x + y)/2.
    first, second = np.hypot(0.5, 0.5) * 0.3, np.hypot(0.5, 1.5) * 0.3
    expected = 2 * student(20).sf([(2 - 0.5) / first, (1 - 0.5) / second])
    assert_allclose(found.p_worse, np.minimum(expected, 1.0))
    nearly = compared("bias", [2.0, 0.1], [0.3, 0.3], [21, 21])
    assert nearly.p_worse[1] == 1.0
    none = compared("bias", [0.0, 2.0], [0.3, 0.3], [21, 21])
    assert none.p_worse[1] < 0.01  # 0 is on the upper side


def test_a_sure_average_and_one_judged_alone():
    alike = compared("mae", [5.0, 5.0], [0.0, 0.0], [20, 20])
    assert_array_equal(alike.p_worse, [0.5, 0.5])
    apart = compared("mae", [5.0, 6.0], [0.0, 0.0], [20, 20])
    assert_array_equal(apart.p_worse, [1.0, 0.0])
    alone = compared(
        *("mae", [5.0, 6.0], [0.1, 0.1], [20, 20]), judged=np.array([True, False])
    )
    assert np.isnan([*alone.p_worse, *alone.p_not_worse, alone.reference]).all()


def test_guarded_errors_widen_the_test_and_gaps_of_resamples_do_not():
    rng = np.random.default_rng(1)
    replicates = np.array([[5.0], [6.0]]) + 0.3 * rng.normal(size=(2, 40_000))
    found = compared(
        *("mae", [5.0, 6.0], [0.3, 0.3], [200, 200]),
        guarded=np.array([0.5, 0.5]),
        replicates=replicates,
    )
    t = (6 - 5) / np.hypot(0.5, 0.5)
    assert_allclose(found.p_worse, student(199).sf([-t, t]), rtol=0.05)
    holes = np.array([[5.0], [6.0]]) + np.array([[0.3], [0.3]]) * patterns(2)
    holes[0, 0] = NaN
    expected = holes.copy()
    expected[0, 0] = 5.0
    found, same = (
        compared("mae", [5.0, 6.0], [0.3, 0.3], [20, 20], replicates=replicates)
        for replicates in (holes, expected)
    )
    assert_array_equal(found.p_worse, same.p_worse)


def test_verdicts_at_their_limits():
    found = _verdicts(
        np.array([0.01, 0.026, 0.2, NaN, 0.0001]),
        np.array([0.9, 0.9, 0.05, NaN, 0.05]),
        0.05,
    )
    assert found == (
        *("under-served", "insufficient evidence", "served"),
        *("insufficient evidence", "served"),  # which comes first
    )
    # Of four, the third is multiplied by 2; and a chance of 5% itself is enough.
    assert _verdicts(np.array([0.05]), np.array([0.9]), 0.05) == ("under-served",)


def test_numbers_asked_at_their_limits():
    check_numbers_asked(2, 0.5, "single", 0.0, 50)
    check_numbers_asked(2, 0.5, "simultaneous", 7, 50)
    for tolerance in (-1e-9, np.inf, NaN, "0.1"):
        with pytest.raises(ValueError, match="`tolerance` must be a share from 0"):
            check_numbers_asked(2, 0.5, "single", tolerance, 50)
    with pytest.raises(ValueError, match="`n_resamples`"):
        check_numbers_asked(2, 0.5, "single", 0.0, 49)
    assert draw_seed(None) != draw_seed(None)
    assert draw_seed(5) == draw_seed(np.random.RandomState(5))


@pytest.mark.parametrize("n_cases", [9, 10])
def test_ten_of_a_class_and_the_least_size_are_judged(n_cases):
    y_true = np.r_[np.arange(30) < n_cases, np.arange(30) < 15].astype(float)
    risk = np.clip(0.3 + 0.2 * y_true + 0.01 * (np.arange(60) % 7), 0, 1)
    for size, truth in ((30, y_true), (30, 1 - y_true), (31, y_true)):
        table = subgroup_fidelity(
            truth,
            risk,
            subgroups=np.repeat(["few", "many"], 30),
            metric="brier",
            min_subgroup_size=size,
            n_resamples=50,
            random_state=0,
        )
        large = size == 30
        # Alone, the other is compared with nobody.
        assert table.judged.tolist() == [large and n_cases == 10] * 2


# ---- what everybody's errors say ---------------------------------------------------
def test_the_skew_of_intervals_to_the_worse_side_by_hand():
    n = np.array([12, 12, 12])
    half = student(11).ppf(0.95)
    estimate, error = np.full(3, 0.5), np.array([0.1, 0.1, 0.0])
    low = 0.5 - half * np.array([0.1, 0.2, 0.1])
    high = 0.5 + half * np.array([0.3, 0.05, 0.1])
    for name, expected in (
        ("rmse", [3.0, 1.0, 1.0]),
        ("r2", [1.0, 2.0, 1.0]),
        ("bias", [3.0, 2.0, 1.0]),
    ):
        settings = Settings(resolve_metric(name), 30, 0.9, 0.1, 50)
        found = skew_of_intervals(settings, n, estimate, error, low, high)
        assert_allclose(found, expected)
        assert_allclose(settings.tail, 0.05)


def test_errors_are_no_surer_than_their_shape_says():
    pivots = PivotQuantiles(
        np.array([0.0, 0.1]),
        np.array([[-2.0, 2.0], [-3.0, 2.5]]),
        per_row=0.5,
        shortfalls=np.array([0.0, 0.02]),
    )
    n, estimate = np.array([100, 400, 50]), np.array([2.0, 4.0, 50.0])
    error, judged = np.array([0.01, 0.05, NaN]), np.array([True, True, False])
    found, short = guarded_by_shape(
        resolve_metric("mae"), n, estimate, error, judged, pivots
    )
    average = (100 * 2 + 400 * 4) / 500  # of which the logarithm has the slope 1 / 3.6
    plain = guarded_errors(n, error, judged)
    expected = np.maximum(plain, average * np.sqrt(0.5 / n))
    assert_allclose(found, expected)
    assert (expected > plain)[:2].all()
    assert_allclose(short, average * 0.02 * np.array([1.0, 0.25, 1.0]))
    found, short = guarded_by_shape(
        resolve_metric("mae"), n, estimate, error, judged, None
    )
    assert_array_equal(found, plain)
    assert_array_equal(short, 0.0)
    # Where nobody errs, the logarithm says nothing.
    found, short = guarded_by_shape(
        resolve_metric("mae"), n, np.zeros(3), np.zeros(3), judged, pivots
    )
    assert_array_equal(short, 0.0)


def test_quantiles_fade_as_the_root_of_the_size_and_shortfalls_as_the_size():
    pivots = PivotQuantiles(
        np.array([0.0, 0.1, 0.2]),
        np.array([[-2.0, 2.0], [-3.0, 2.5], [-5.0, 2.6]]),
        per_row=0.5,
        shortfalls=np.array([0.0, 0.02, 0.04]),
    )
    assert_allclose(pivots.at(100), (-3.0, 2.5))
    assert_allclose(pivots.at(400), (-2.5, 2.25))
    assert_allclose(
        pivots.shortfall(np.array([25, 100, 200, 0])), [0.04, 0.02, 0.01, 0.04]
    )


def test_sizes_of_samples_are_five_between_those_of_the_subgroups():
    assert _sizes(np.array([5, 5000, 100, 0])).tolist() == [1024, 304, 91, 27, 8]
    assert _sizes(np.array([50, 50])).tolist() == [50]
    assert _sizes(np.array([0, 0])).tolist() == []


@pytest.mark.parametrize(
    ("n_resamples", "least", "expected"),
    [(200, 100, 1000), (3000, 100, 3000), (50, 2 * 8192, 500), (4000, 1 << 20, 1000)],
)
def test_far_larger_subgroups_need_fewer_samples(n_resamples, least, expected):
    assert _n_samples(n_resamples, np.array([least, 0, 1 << 22])) == expected


def codes_of(*numbers):
    return SubgroupCodes(np.array(numbers), tuple("abcd"), "ward")


def test_errors_of_two_sizes_are_brought_to_their_mean_logarithm():
    """Two rows with errors of 1, six with e^2: 6/4 is the mean logarithm."""
    error = np.r_[
        1.0, -1.0, np.exp(2.0) * np.array([1, -1, 1, 1, -1, 1]), 9.0, 5.0, 0.0
    ]
    codes = codes_of(0, 0, 1, 1, 1, 1, 1, 1, -1, 2, 3)  # dropped, alone, without error
    data = Population(np.zeros(11), error, None)
    units = _harmonised(resolve_metric("rmse"), data, codes)
    assert_allclose(units, np.tile([1.0, np.exp(3.0)], (8, 1)))
    weights = np.r_[1.0, 3.0, np.full(6, 0.5), 1.0, 1.0, 1.0]
    data = Population(np.zeros(11), error, weights)
    units = _harmonised(resolve_metric("rmse"), data, codes)
    weight = np.r_[0.5, 1.5, np.ones(6)]  # about the mean of each subgroup
    assert_allclose(units, weight[:, np.newaxis] * [1.0, np.exp(3.0)])
    still = Population(np.zeros(11), np.zeros(11), None)
    assert _harmonised(resolve_metric("rmse"), still, codes).shape == (0, 2)


def test_noisy_sizes_are_shrunken_before_errors_are_divided_by_them():
    rng = np.random.default_rng(5)
    code = np.repeat([0, 1, 2, 3], [40, 30, 20, 10])
    error = rng.normal(size=100) * np.repeat([1.0, 1.2, 2.0, 0.7], [40, 30, 20, 10])
    data = Population(np.zeros(100), error, None)
    units = _harmonised(resolve_metric("mae"), data, codes_of(*code))
    n = np.array([40, 30, 20, 10])
    size = np.array([np.abs(error[code == g]).mean() for g in range(4)])
    spread = np.array([np.abs(error[code == g]).std() for g in range(4)])
    noise = guarded_errors(n, spread / size / np.sqrt(n), np.ones(4, dtype=bool))
    level = shrink(np.log(size), noise, n)
    factor = np.exp(n @ level / 100 - level)
    assert_allclose(units[:, 1], np.abs(error) * factor[code])


def test_biases_and_levels_of_the_target_are_no_part_of_a_shape():
    rng = np.random.default_rng(6)
    code = np.repeat([0, 1], [60, 60])
    error, truth = rng.normal(size=120), rng.normal(size=120)
    for name in ("bias", "r2"):
        metric = resolve_metric(name)
        plain, moved = (
            _harmonised(
                metric,
                Population(t := truth + 50.0 * far * code, t + e, None),
                codes_of(*code),
            )
            for far, e in (
                (0, error),
                (1, error + (9.0 * code if name == "bias" else 0)),
            )
        )
        assert_allclose(moved, plain, atol=1e-9)
    assert_allclose(moved[:, 2].reshape(2, 60).sum(axis=1), 0.0, atol=1e-9)


def pivots_of(error, code, metric="mae", n_resamples=1000):
    return pooled_pivots(
        resolve_metric(metric),
        Population(np.zeros(len(error)), error, None),
        SubgroupCodes(code, tuple(range(code.max() + 1)), "ward"),
        n_resamples=n_resamples,
        tail=0.025,
        rng=np.random.default_rng(0),
    )


def test_what_a_row_adds_to_the_variance_of_a_mean_error():
    error = np.random.default_rng(3).exponential(size=400) + 0.1
    found = pivots_of(error, np.zeros(400, dtype=int))
    # Of the logarithm of a mean.
    assert_allclose(found.per_row, (error.std() / error.mean()) ** 2, rtol=1e-5)
    assert_allclose(found.at(10**14), norm.ppf([0.025, 0.975]), rtol=1e-4)


def test_quantiles_of_normal_errors_are_students():
    code = np.repeat(np.arange(100), 20)
    error = np.random.default_rng(4).normal(size=2000)
    low, high = pivots_of(error, code, "bias", 20_000).at(20)
    # Of an error that divides by n where Student's divides by one less.
    expected = student(19).ppf([0.025, 0.975]) * np.sqrt(20 / 19)
    assert_allclose([low, high], expected, rtol=0.04)


def test_quantiles_are_of_the_distance_on_the_line():
    """Of means of 50 times an exponential error, whose logarithm is far from 0."""
    code = np.repeat(np.arange(100), 20)
    error = 50.0 * np.random.default_rng(4).exponential(size=2000)
    low, high = pivots_of(error, code, "mae", 20_000).at(20)
    rng = np.random.default_rng(5)
    drawn = 50.0 * rng.exponential(size=(20_000, 20))
    mean, spread = drawn.mean(axis=1), drawn.std(axis=1) / np.sqrt(20)
    expected = np.quantile(np.log(mean / 50.0) / (spread / mean), [0.025, 0.975])
    assert_allclose([low, high], expected, rtol=0.1)


def test_errors_all_alike_and_a_single_row_have_no_shape():
    assert pivots_of(np.ones(40), np.repeat([0, 1], 20)) is None
    assert pivots_of(np.array([1.0, 2.0]), np.array([0, 1])) is None
    assert pivots_of(np.array([1.0, 2.0]), np.array([0, 0])) is not None


# ---- true spreads ------------------------------------------------------------------
def test_a_spread_among_people_dealt_out_anew_by_hand():
    x, away = np.array([1.0, 2.0, 4.0, 9.0]), np.arange(-9, 10) / 10.0
    dealt = 5.0 + np.outer(away, [-1.0, 1.0, -1.0, 1.0])
    s = np.full((20, 4), 0.5)
    spread = true_spread(
        np.vstack([x, dealt]), s, np.zeros(4, dtype=int), confidence_level=0.8
    )
    squares = (9 + 4 + 0 + 25) / 3  # about 4
    assert spread.estimate == pytest.approx(np.sqrt(squares - (4 * away**2 / 3).mean()))
    # The pattern of x times the noise is (3 - 2 + 0 + 5) away. With a spread t, a draw
    # has squares of t^2 + 2 t away product + 4 away^2 / 3; of 19, the second from
    # either end, which is away by .8, has those of x.
    product = 6 / np.sqrt(squares) / 3
    for end, side in ((spread.ci_low, 0.8), (spread.ci_high, -0.8)):
        found = end**2 + 2 * end * side * product + 4 * side**2 / 3
        assert found == pytest.approx(squares)
    assert spread.ci_low < spread.estimate < spread.ci_high
    assert spread.p_value == 1 / 20
    as_far = true_spread(
        np.vstack([dealt[-1], dealt[1:], dealt[5]]),
        s,
        np.zeros(4, int),
        confidence_level=0.8,
    )
    assert as_far.p_value == 2 / 20  # one deal, the last but one, is exactly as far
    assert as_far.n_subgroups == 4
    dealt[3, 1] = NaN  # of a subgroup with a gap in a single deal nothing is known
    gap = true_spread(np.vstack([x, dealt]), s, np.zeros(4, int), confidence_level=0.8)
    assert gap.n_subgroups == 3


def test_an_interval_holds_equality_where_the_p_value_is_above_its_share():
    """Draws of one precise and one vague subgroup, of which x differs by the latter."""
    rng = np.random.default_rng(4)
    s = np.tile([0.1, 0.1, 3.0], (501, 1))
    x = np.vstack([[0.0, 0.0, 5.0], s[1:] * rng.normal(size=(500, 3))])
    spread = true_spread(x, s, np.zeros(3, dtype=int), confidence_level=0.95)
    assert spread.p_value > 0.025
    assert spread.ci_low == 0.0 < spread.ci_high


def test_standard_errors_that_draws_exceed_are_too_low_by_as_much():
    """Draws twice as wide as they say: four times the noise is taken off."""
    draws = np.array([[-2.0, 2.0], [2.0, -2.0]])  # squares of 8, errors of 1
    x, s = np.vstack([[1.0, 7.0], draws]), np.sqrt(np.full((3, 2), 2.0))
    spread = true_spread(x, s, np.zeros(2, dtype=int), confidence_level=0.5)
    assert spread.estimate == pytest.approx(np.sqrt(18.0 - 4.0 * 2.0))


def test_unknown_values_are_no_part_of_a_spread():
    x = np.array([[1.0, 2.0, 5.0, 9.0, NaN, 3.0], [1.0, 2.0, 1.0, 2.0, 1.0, 1.0]])
    s = np.tile([0.2, 0.4, 0.3, 1.0, 0.1, 0.0], (2, 1))
    spread = true_spread(x, s, np.zeros(6, dtype=int), confidence_level=0.95)
    assert spread.n_subgroups == 4
    lone = true_spread(x[:, :2], s[:, :2], np.arange(2), confidence_level=0.95)
    assert np.isnan([lone.estimate, lone.ci_low, lone.ci_high, lone.p_value]).all()
    assert lone.n_subgroups == 2
