"""What attainable fidelity is made of, each piece by hand or by a slow reference."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import t as student
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, PredefinedSplit

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import (
    attainable_fidelity,
    departure_from_attainable,
    share_kept,
    standardise,
    subgroup_fidelity,
)
from sklearn_equity.fidelity._attainable import _judge, _means, _shrink_to_size
from sklearn_equity.fidelity._attainable_fit import (
    _bin,
    _fit_everybody,
    _fit_subgroups,
    _noise_weights,
    cross_fit,
)
from sklearn_equity.fidelity._attainable_inputs import check_folds, check_inputs

NaN = np.nan


def nothing(value=0.0):
    return DummyRegressor(strategy="constant", constant=value)


# ---- columns -----------------------------------------------------------------------
def test_columns_are_standardised_by_the_training_rows_alone():
    X = np.array(
        [
            [1.0, 5.0, NaN, NaN, -2.0],
            [3.0, 5.0, NaN, NaN, 2.0],
            [NaN, 5.0, 7.0, NaN, NaN],
            [5.0, 6.0, 1.0, 4.0, 6.0],
        ]
    )
    expected = [
        [-1.0, 0.0, 0.0, 0.0, -1.0],
        [1.0, 0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [3.0, 0.0, 0.0, 0.0, 3.0],
    ]
    assert_allclose(standardise(X, np.arange(3)), expected)


@pytest.mark.parametrize(("spread", "varies"), [(1.5e-9, True), (0.7e-9, False)])
def test_a_column_whose_sd_is_a_billionth_of_its_mean_is_constant(spread, varies):
    X = -np.array([[1.0 - spread], [1.0 + spread]])
    expected = [[1.0], [-1.0]] if varies else [[0.0], [0.0]]
    assert_allclose(standardise(X, np.arange(2)), expected, atol=1e-6)


def test_bins_are_the_64ths_of_the_training_rows():
    values = np.r_[np.arange(128.0), -5.0, 40.5, 500.0, NaN]
    X = np.column_stack([values, np.full(132, NaN)])
    X[-1, 1] = 3.0
    bins = _bin(X, np.arange(128))
    # The k-th edge is at 127 k / 64; what lies on it belongs above.
    expected = np.clip(np.floor(values[:-1] * 64 / 127), 0, 63)
    assert_array_equal(bins[:-1, 0], expected)
    assert np.isnan(bins[-1, 0])
    assert_array_equal(bins[:, 1], 0.0)  # of a column that the training rows lack


# ---- trees, where two halves of just enough rows are all there is to split ---------
def halves(n_each):
    return np.repeat([[0.0], [1.0]], n_each, axis=0), np.repeat([0, 1], n_each)


def test_rows_weigh_as_little_as_boosted_trees_find_them_noisy():
    bins, half = halves(80)
    rest = np.tile([1.0, -1.0], 80) * np.where(half == 0, 1.0, 3.0)
    weights = _noise_weights(bins, rest, np.arange(160), seed=0)
    # Squares of 1 and 9 about 5: after 60 steps of .08 this is left of the way there.
    left = 0.92**60
    assert 0.2 + 0.8 * left < 0.25  # and no variance is taken for less than that
    raw = np.array([1 / 0.25, 1 / (1.8 - 0.8 * left)])[half]
    assert_allclose(weights, raw / raw.mean(), rtol=1e-6)


def test_too_few_rows_to_tell_their_noise_weigh_alike():
    bins, half = halves(79)
    rest = np.tile([1.0, -1.0], 79) * np.where(half == 0, 1.0, 3.0)
    assert_allclose(_noise_weights(bins, rest, np.arange(158), seed=0), 1.0)
    assert_array_equal(_noise_weights(bins, 0 * rest, np.arange(158), seed=0), 1.0)


def test_one_row_in_a_hundred_makes_no_region_noisy():
    bins, _ = halves(200)
    rest = np.tile([1.0, -1.0], 200)
    rest[7] = 1000.0
    assert_allclose(_noise_weights(bins, rest, np.arange(400), seed=0), 1.0)


def test_everybodys_trees_follow_by_steps_of_a_twentieth():
    bins, half = halves(40)
    target = np.where(half == 0, 1.0, -1.0)  # no constant, all squares alike
    found = _fit_everybody(bins, np.zeros((80, 1)), target, np.arange(80), seed=0)
    left = (1 - 0.05 * 40 / (40 + 5)) ** 120  # a leaf of 40 rows, a penalty of 5
    assert_allclose(found, target * (1 - left), rtol=1e-6)
    fewer = np.r_[0:39, 40:80]  # 39 rows are no leaf
    found = _fit_everybody(
        bins[fewer], np.zeros((79, 1)), target[fewer], np.arange(79), seed=0
    )
    assert np.ptp(found) < 1e-9


# ---- a subgroup's own regression ---------------------------------------------------
def slow_ridge(Z, target, weights):
    """Minimise sum w (t - a - z b)^2 + 30 (a^2 + b^2)."""
    design = np.column_stack([np.ones(len(Z)), Z])
    root = np.sqrt(weights)[:, np.newaxis]
    A = np.vstack([design * root, np.sqrt(30.0) * np.eye(design.shape[1])])
    b = np.r_[target * root[:, 0], np.zeros(design.shape[1])]
    return np.linalg.lstsq(A, b, rcond=None)[0]


def test_a_subgroup_has_the_ridge_regression_of_its_rows_kept_in_part():
    rng = np.random.default_rng(20261129)
    Z, weights = rng.normal(size=(60, 2)), rng.uniform(0.5, 4.0, 50)
    codes = np.where(np.arange(60) < 45, 0, -1)
    train = np.arange(10, 60)  # of the first subgroup 10 to 44; 0 to 9 are held out
    target = 0.3 + 0.4 * Z[train, 0] + rng.normal(size=50)
    found = _fit_subgroups(Z, target, weights, codes, train)
    own = weights[:35] / weights[:35].mean()
    center = (own[:, np.newaxis] * Z[10:45]).sum(axis=0) / own.sum()
    inside = Z[10:45] - center
    unseen = []
    for i in range(35):
        rest = np.delete(np.arange(35), i)
        fit = slow_ridge(inside[rest], target[rest], own[rest])
        unseen.append(fit[0] + inside[i] @ fit[1:])
    kept = share_kept(target[:35], np.array(unseen))
    assert 0.05 < kept < 0.95  # or nothing is tested
    fit = slow_ridge(inside, target[:35], own)
    expected = kept * (fit[0] + (Z[:45] - center) @ fit[1:])
    assert_allclose(found, np.r_[expected, np.zeros(15)], atol=1e-10)


def test_nine_rows_have_no_regression_and_ten_have():
    codes = np.repeat([0, 1], [9, 10])
    found = _fit_subgroups(
        np.zeros((19, 1)), np.full(19, 2.0), np.ones(19), codes, np.arange(19)
    )
    assert_allclose(found, np.repeat([0.0, 2 * 10 / (10 + 30)], [9, 10]))


def test_nothing_left_is_nothing_found():
    bins, half = halves(60)
    folds = list(KFold(2, shuffle=True, random_state=0).split(bins))
    for estimator in (None, nothing()):
        found = cross_fit(
            bins, np.zeros(120), [half], folds=folds, estimator=estimator, seed=0
        )
        assert_array_equal(found, 0.0)


# ---- inputs and folds --------------------------------------------------------------
def test_numbers_of_folds_from_two_to_one_a_row():
    X, y = np.zeros((6, 1)), np.arange(6.0)
    for number in (2, np.int64(3), 6):
        found = check_folds(number, X, y, np.random.RandomState(3))
        same = KFold(int(number), shuffle=True, random_state=np.random.RandomState(3))
        assert len(found) == number
        for mine, theirs in zip(found, same.split(X), strict=True):
            assert_array_equal(mine[0], theirs[0])
            assert_array_equal(mine[1], theirs[1])


@pytest.mark.parametrize(
    ("cv", "text"),
    [
        ([], "must hold out every row once; got no folds"),
        ([1, 2], "must give pairs of training and held-out rows"),
        ("five", "must be a splitter or an iterable"),
        ([([0], [1, 2, 3]), ([1], [0, 1])], "got 1 of 4 rows held out never or sev"),
    ],
)
def test_folds_that_are_none(cv, text):
    with pytest.raises(ValueError, match=text):
        check_folds(cv, np.zeros((4, 1)), np.arange(4.0), np.random.RandomState(0))


@pytest.mark.parametrize(("n_text", "more"), [(5, r"4\]\)"), (6, r"4\] and others\)")])
def test_five_columns_of_text_are_named(n_text, more):
    X = np.array([["a"] * n_text] * 3)
    text = rf"text in {n_text} of {n_text} columns \(X\[:, 0\], .*X\[:, {more}"
    with pytest.raises(ValueError, match=text):
        check_inputs(X, 3)


def test_a_table_without_columns_is_refused():
    with pytest.raises(
        ValueError, match=r"a column for each input; got shape \(3, 0\)"
    ):
        check_inputs(np.empty((3, 0)), 3)


# ---- the two functions, where every number follows by hand -------------------------
WARD = np.tile(["a", "b"], 200)
FOLD = PredefinedSplit(np.arange(400) // 2 % 4)  # 150 of 200 rows train each ward
KEPT = 150 / (150 + 30)


def attainable(y, **options):
    options = {"estimator": nothing(), "cv": FOLD, "random_state": 0} | options
    options = {"subgroups": WARD, "n_resamples": 50} | options
    return attainable_fidelity(np.zeros((400, 1)), y, **options)


def test_attainable_error_of_constant_wards_by_hand():
    y = np.where(WARD == "a", 10.0, 0.0)  # the mean is 5, and 5 * KEPT is found
    table = attainable(y)
    assert_allclose(table.estimate, 5 * (1 - KEPT))
    score = attainable(1.0 * (WARD == "a"), metric="brier")
    assert_allclose(score.estimate, (0.5 * (1 - KEPT)) ** 2)


def test_probabilities_are_kept_from_0_to_1_and_other_predictions_are_not():
    y = 1.0 * (WARD == "a")
    # All people are told 3 more than the mean: ward a keeps 3.5 - 2.5 KEPT > 1.
    above, below = 3.5 - 2.5 * KEPT, 3.5 - 3.5 * KEPT
    plain = attainable(y, estimator=nothing(3.0))
    assert_allclose(plain.estimate, [above - 1, below])
    score = attainable(y, estimator=nothing(3.0), metric="brier")
    assert_allclose(score.estimate, [0.0, below**2], atol=1e-12)
    score = attainable(y, estimator=nothing(-3.0), metric="brier")
    assert_allclose(score.estimate, [below**2, 0.0], atol=1e-12)


@pytest.mark.parametrize("function", ["attainable", "departure"])
def test_what_is_asked_reaches_the_table(function):
    rng = np.random.default_rng(5)
    y, label = rng.normal(size=400), WARD.astype(object)
    label[:8] = None
    X = rng.normal(size=(400, 1))
    options = {"subgroups": label, "missing": "drop", "estimator": LinearRegression()}
    options |= {"cv": 2, "random_state": 3, "n_resamples": 50}

    def call(**changed):
        changed = options | changed
        if function == "attainable":
            return attainable_fidelity(X, y, **changed)
        return departure_from_attainable(X, y, np.zeros(400), **changed)

    plain = call()
    assert plain.confidence_level == 0.95
    assert plain.judged.tolist() == [True, True]
    again = call(random_state=3)
    assert_array_equal(plain.estimate, again.estimate)
    assert_array_equal(plain.ci_low, again.ci_low)
    assert call(confidence_level=0.8).confidence_level == 0.8
    assert call(min_subgroup_size=197).judged.tolist() == [False, False]
    assert (call(n_resamples=60).std_error != plain.std_error).all()
    assert (call(cv=3).estimate != plain.estimate).all()
    crossed = call(subgroups={"ward": WARD, "side": X[:, 0] > 0}, max_depth=2)
    assert len(crossed) == 2 + 2 + 4
    with pytest.raises(ValueError, match="missing labels; got 8 of 400"):
        call(missing="raise")


def test_outcomes_too_large_for_fourth_powers_are_refused():
    with pytest.raises(ValueError, match="`y`"):
        attainable(np.where(WARD == "a", 1e80, -1e80))


# ---- verdicts and shrinking --------------------------------------------------------
def test_means_of_subgroups_leave_dropped_rows_out():
    codes = SubgroupCodes(np.array([0, -1, 0, 2]), (*"abc",), "ward")
    assert_allclose(_means(np.array([1.0, 50.0, 4.0, 7.0]), codes), [2.5, 0.0, 7.0])


def judged(t, *, judged=None, level=0.95):
    """Judge bounds of t standard errors in subgroups of 41 rows each."""
    k = len(t)
    y = np.tile([0.0, 1.0], 41 * k)[: 41 * k]
    ward = np.repeat(np.arange(k), 41)
    table = subgroup_fidelity(
        y, y + 1, subgroups=ward, metric="mae", n_resamples=50, confidence_level=level
    )
    table = replace(
        table,
        estimate=2.0 * np.array(t),
        std_error=np.where(np.isnan(t), 0.0, 2.0),
        judged=np.ones(k, dtype=bool) if judged is None else np.array(judged),
    )
    return _judge(table, np.arange(1.0, k + 1))


def test_bounds_are_tested_one_sided_by_holms_steps():
    """The m-th smallest of three p-values is multiplied by 4 - m."""
    at = student(40).isf
    just = np.array([at(0.0999 / 3), at(0.0999 / 2), at(0.0999)])
    assert judged(just, level=0.9).verdict == ("under-served",) * 3
    one_fails = np.array([at(0.0999 / 3), at(0.1001 / 2), at(0.0999)])
    assert judged(one_fails, level=0.9).verdict == (
        *("under-served", "insufficient evidence", "insufficient evidence"),
    )
    assert set(judged(-just, level=0.9).verdict) == {"insufficient evidence"}


def test_a_small_subgroup_is_neither_tested_nor_corrected_for():
    t = student(40).isf(0.049 / 2)
    found = judged([t, 0.0, 50.0], judged=[True, True, False])
    assert found.verdict == ("under-served", *["insufficient evidence"] * 2)
    assert "Holm's correction for 2 subgroups" in found.rule
    assert "against 0 at 0.05 after" in found.rule
    assert_array_equal(found.reference, 0.0)
    assert found.shuffles is None
    assert found.origin == "lower bound"
    nobody = judged([t, 9.0], judged=[False, False])
    assert nobody.verdict == ("insufficient evidence",) * 2


def test_bounds_are_shrunken_by_the_models_sizes():
    found = judged([1.0, 1.8, 2.6])
    expected = _shrink_to_size(found.estimate, np.full(3, 2.0), np.arange(1.0, 4.0))
    assert_allclose(found.shrunken, expected)
    # Noise explains all: they lie on the line of least squares through 0.
    slope = 2.0 * (1.0 * 1 + 1.8 * 2 + 2.6 * 3) / (1 + 4 + 9)
    assert_allclose(expected, slope * np.arange(1, 4))


def test_what_cannot_be_shrunken_is_cut_at_zero():
    estimate = np.array([-1.0, 3.0])
    for error, size in (
        ([NaN, 1.0], [1.0, 1.0]),  # one alone
        ([1.0, 1.0], [0.0, 0.0]),  # nothing predicted
        ([0.0, 0.0], [1.0, 1.0]),  # no noise to take out
    ):
        found = _shrink_to_size(estimate, np.array(error), np.array(size))
        assert_array_equal(found, [0.0, 3.0])
    # Where bounds are negative, the line lies at 0.
    found = _shrink_to_size(np.array([-3.0, -2.0, 0.5]), np.ones(3), np.ones(3))
    between = _between_about_zero(np.array([-3.0, -2.0, 0.5]))
    assert_allclose(found, [0.0, 0.0, 0.5 * between / (between + 1)], rtol=1e-6)


def _between_about_zero(values):
    """With errors of 1, squares over 1 + between add up to their number less one."""
    return (values**2).sum() / (len(values) - 1) - 1
