"""Whom to recruit: falls that theory gives, curves that are flat, and refusals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from sklearn_equity import acquisition_plan
from sklearn_equity.remediation._acquisition import _hand_out
from sklearn_equity.remediation._learning_curve import Curve, CurveData, draw_part


def wards_of_their_own(sizes=(300, 1500), n_coefficients=20, scale=(1.0, 1.0), seed=0):
    """Each ward has coefficients of its own, and none is learnt from the other."""
    rng = np.random.default_rng(seed)
    ward = np.repeat(np.arange(len(sizes)), sizes)
    Z = rng.normal(size=(len(ward), n_coefficients))
    X = np.hstack([Z * (ward == w)[:, None] for w in range(len(sizes))])
    beta = rng.normal(size=(len(sizes), n_coefficients))
    noise = np.array(scale)[ward] * rng.normal(size=len(ward))
    return X, (Z * beta[ward]).sum(axis=1) + noise, ward


# ---- against theory --------------------------------------------------------------
def test_departure_of_least_squares_against_theory():
    # Of p normal coefficients fitted to n rows the excess is s**2 p / (n - p - 1): of
    # 10 to 300 rows 10 / 289 of the variance, and to 1,500 a fifth of that.
    X, y, ward = wards_of_their_own(n_coefficients=10)
    plan = acquisition_plan(
        LinearRegression(fit_intercept=False), X, y, subgroups=ward, n_designs=20,
        random_state=0,
    )  # fmt: skip
    assert_allclose(plan.departure[0], 10 / 289, rtol=0.5)
    assert plan.verdict[0] == "recruit"
    assert plan.ci_low[0] < 10 / 289 < plan.ci_high[0]
    assert plan.recruit[0] > 0.8 * plan.budget


def test_a_curve_without_noise_is_met_exactly():
    own = np.array([[100.0, 50.0, 25.0], [90.0, 60.0, 20.0]])
    others = np.array([[300.0, 200.0, 250.0], [280.0, 100.0, 270.0]])
    hard = np.array([[1.0], [4.0], [9.0], [2.0]])
    fold = np.array([0, 0, 1, 1])
    loss = hard + (8.0 / np.sqrt(own) + 3.0 / np.sqrt(others))[fold]
    data = CurveData(loss, fold, own, others)
    _, bound, exponent = data.fit(np.ones(4), np.ones((2, 3)))
    assert_allclose([bound, exponent], [8.0, 0.5])
    # A curve that rises with more people is taken for flat.
    falling = CurveData(hard - (8.0 / np.sqrt(own))[fold], fold, own, others)
    free, bound, _ = falling.fit(np.ones(4), np.ones((2, 3)))
    assert free < 0.0
    assert bound == 0.0


def test_numbers_needed_by_hand():
    curve = Curve(np.array([20.0]), np.array([1.0]), 0.0, n=100)
    assert_allclose(curve.departure, 0.2)
    assert_allclose(curve.fall(100), 0.1)
    assert_allclose(curve.needed(0.1), 100.0)
    assert curve.needed(0.2) == np.inf


def test_budget_goes_where_errors_fall_most():
    # Falls b / n - b / (n + k) of both are alike at the margin where n + k goes with
    # the root of b: 100 + k and 2 (100 + 600 - k) for 4 times b: k from 600 is 167.
    curves = [Curve(np.array([b]), np.array([1.0]), 0.0, n=100) for b in (10.0, 40.0)]
    given = _hand_out(600, curves, np.array([True, True]))
    assert given.sum() == 600
    assert_allclose(given, [800 / 3 - 100, 1600 / 3 - 100], atol=5)
    assert_array_equal(_hand_out(600, curves, np.array([False, True])), [0, 600])
    assert_array_equal(_hand_out(600, curves, np.array([False, False])), [0, 0])


def test_parts_hold_their_share_of_each_subgroup():
    codes = np.repeat([0, 1], [40, 10])
    rows = draw_part(
        np.arange(50), codes, np.array([0.5, 0.25]), np.random.RandomState(0)
    )
    assert_array_equal(np.bincount(codes[rows]), [20, 3])
    assert len(set(rows)) == len(rows)


# ---- honest where there is nothing to see ----------------------------------------
def test_flat_curves_plan_nothing():
    X, y, ward = wards_of_their_own((300, 300))
    plan = acquisition_plan(
        DummyRegressor(), X, y, subgroups=ward, target=0.2, random_state=0
    )
    assert set(plan.verdict) == {"flat"}
    assert not plan.recruit.any()
    assert np.isinf(plan.needed).all()
    assert plan.sentences()[0].startswith("No curve shows")


def test_small_subgroups_have_no_curve():
    X, y, ward = wards_of_their_own((10, 300), n_coefficients=3)
    plan = acquisition_plan(LinearRegression(), X, y, subgroups=ward, random_state=0)
    assert plan.verdict[0] == "too small"
    assert np.isnan(plan.departure[0])
    assert plan.to_frame()["recruit"].tolist()[0] == 0


@pytest.mark.slow
def test_nobody_is_recruited_in_error_more_often_than_said():
    # Nothing is to be learnt of three wards by a mean that all share.
    said = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        ward, y = np.repeat([0, 1, 2], 200), rng.standard_t(5, size=600)
        plan = acquisition_plan(
            DummyRegressor(), np.zeros((600, 1)), y, subgroups=ward, target=1e-4,
            n_designs=6, n_resamples=100, random_state=seed,
        )  # fmt: skip
        said += "recruit" in plan.verdict
    assert said <= 10  # 5 expected at most; more than 10 by chance in 1%


# ---- classes, and equal seeds ----------------------------------------------------
def test_classes_are_judged_by_brier_scores():
    rng = np.random.default_rng(3)
    ward, X = np.repeat(["a", "b"], 200), rng.normal(size=(400, 3))
    y = np.where(X[:, 0] + rng.normal(size=400) > 0, "ill", "well")
    one, other = (
        acquisition_plan(
            LogisticRegression(),
            X,
            y,
            subgroups=ward,
            n_designs=4,
            n_resamples=100,
            random_state=1,
        )
        for _ in range(2)
    )
    assert (one.error < 0.25).all()
    assert_array_equal(one.departure, other.departure)
    constant = acquisition_plan(
        DummyClassifier(strategy="uniform"), X, y, subgroups=ward, n_resamples=100,
        random_state=1,
    )  # fmt: skip
    assert_allclose(constant.error, 0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 0.0}, "`target` must be a share"),
        ({"budget": -1}, "`budget` must be a whole number of at least 0"),
        ({"n_designs": 2}, "`n_designs` must be a whole number of at least 3"),
        ({"subgroups": ["a"] * 60}, "at least 2 different labels"),
    ],
)
def test_refuses(options, message):
    X, y, ward = wards_of_their_own((30, 30), n_coefficients=1)
    with pytest.raises(ValueError, match=message):
        acquisition_plan(DummyRegressor(), X, y, **{"subgroups": ward, **options})


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(
        ValueError, match="`estimator` must be a scikit-learn estimator"
    ):
        acquisition_plan((None,), np.ones((60, 1)), np.ones(60), subgroups=["a"] * 60)
