"""Does the map find who is served badly, and say so when there is nothing to find?"""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_equity import ErrorMap, SubgroupOversampler, audit, equity_scorer
from sklearn_equity.datasets import make_health_cohort
from sklearn_equity.discovery._map_evidence import (
    measure_evidence,
    measure_importances,
    rank_correlation,
)


def served_by_age(n_rows=600, seed=50177):
    """People over 70 have errors four times as large; the other column is noise."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.uniform(40, 80, n_rows), rng.normal(size=n_rows)])
    errors = np.abs(rng.normal(size=n_rows)) * np.where(X[:, 0] > 70, 4, 1)
    return X, errors


# ---- laws ------------------------------------------------------------------------
def _checks_that_err(_):
    # scikit-learn 1.6 takes a mean off whole numbers, in their place.
    if sklearn.__version__.startswith("1.6."):
        return {"check_positive_only_tag_during_fit": "an error of the check itself"}
    return {}


@parametrize_with_checks(
    [ErrorMap(Ridge(), cv=3, n_repeats=2)], expected_failed_checks=_checks_that_err
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([ErrorMap(cv=2)])
def test_scikit_learn_contract_of_trees(estimator, check):
    check(estimator)


def test_equal_seeds_give_equal_results_and_other_seeds_others():
    X, errors = served_by_age()
    first, again = (
        ErrorMap(cv=2, n_repeats=1, random_state=3).fit(X, errors) for _ in range(2)
    )
    assert_array_equal(first.score_samples(X), again.score_samples(X))
    assert first.importances_ == again.importances_
    other = ErrorMap(cv=2, n_repeats=0, random_state=4).fit(X, errors)
    assert not np.array_equal(first.score_samples(X), other.score_samples(X))


def test_scores_are_in_the_unit_of_the_loss():
    X, errors = served_by_age()
    one = ErrorMap(cv=2, n_repeats=0, random_state=0).fit(X, errors)
    thousand = ErrorMap(cv=2, n_repeats=0, random_state=0).fit(X, 1024 * errors)
    assert_allclose(thousand.score_samples(X), 1024 * one.score_samples(X), rtol=1e-6)
    assert_array_equal(thousand.predict(X), one.predict(X))


@pytest.mark.parametrize(
    "options",
    [{"estimator": Ridge()}, {"loss": lambda y_true, y_pred: np.abs(y_true - y_pred)}],
)
def test_predictions_are_as_good_as_losses_where_their_sign_is_not_learnt(options):
    X, errors = served_by_age()
    y = 20 + np.random.default_rng(50178).normal(size=len(X))
    error_map = ErrorMap(**options, cv=2, n_repeats=0, random_state=0)
    by_losses = clone(error_map).fit(X, errors)
    by_predictions = clone(error_map).fit(X, y, y + errors)
    assert_allclose(
        by_predictions.cross_fitted_scores_, by_losses.cross_fitted_scores_, rtol=1e-9
    )


@pytest.mark.parametrize("loss", ["absolute", "squared"])
def test_predictions_too_high_are_as_bad_as_too_low(loss):
    X, errors = served_by_age()
    y, error_map = np.zeros(600), ErrorMap(loss=loss, cv=2, n_repeats=0, random_state=0)
    high, low = (clone(error_map).fit(X, y, sign * errors) for sign in (1, -1))
    assert_allclose(high.score_samples(X), low.score_samples(X), rtol=1e-9)


@pytest.mark.parametrize(("loss", "power"), [("absolute", 1), ("squared", 2)])
def test_scores_of_predictions_are_in_the_unit_of_the_loss(loss, power):
    X, errors = served_by_age()
    y, error_map = np.zeros(600), ErrorMap(loss=loss, cv=2, n_repeats=0, random_state=0)
    one = clone(error_map).fit(X, y, errors)
    four = clone(error_map).fit(X, y, 4 * errors)
    assert_allclose(four.score_samples(X), 4**power * one.score_samples(X), rtol=1e-6)


def test_nothing_of_the_caller_is_changed_and_read_only_input_works():
    X, errors = served_by_age()
    before = X.copy(), errors.copy()
    X.flags.writeable = errors.flags.writeable = False
    ErrorMap(cv=2, n_repeats=0, random_state=0).fit(X, errors).score_samples(X)
    assert_array_equal(X, before[0])
    assert_array_equal(errors, before[1])


def test_clones_and_pickles_and_searches():
    X, errors = served_by_age(200)
    error_map = ErrorMap(random_state=0, cv=2, n_repeats=1).fit(X, errors)
    copy = pickle.loads(pickle.dumps(error_map))
    assert_array_equal(copy.score_samples(X), error_map.score_samples(X))
    assert clone(error_map).get_params() == error_map.get_params()
    search = GridSearchCV(
        make_pipeline(ErrorMap(cv=2, random_state=0, n_repeats=0), LinearRegression()),
        {"errormap__n_bands": [2, 5]},
        cv=2,
    )
    assert np.isfinite(search.fit(X, errors).best_score_)


# ---- out of fold -----------------------------------------------------------------
def test_no_person_is_scored_by_a_model_that_saw_them():
    # A tree that gives every person a leaf returns the own loss of whom it has seen.
    rng = np.random.default_rng(88214)
    X, errors = rng.normal(size=(200, 3)), rng.random(200)
    error_map = ErrorMap(DecisionTreeRegressor(random_state=0), random_state=0)
    error_map.fit(X, errors)
    assert (error_map.cross_fitted_scores_ != errors).all()
    assert abs(spearmanr(error_map.cross_fitted_scores_, errors)[0]) < 0.3
    assert spearmanr(error_map.score_samples(X), errors)[0] > 0.8  # in sample


def test_cross_fit_against_one_written_out():
    X, errors = served_by_age(120)
    folds = list(KFold(4).split(X))
    error_map = ErrorMap(Ridge(), cv=KFold(4)).fit(X, errors)
    expected = np.empty(120)
    models = []
    for train, test in folds:
        models.append(Ridge().fit(X[train], errors[train]))
        expected[test] = models[-1].predict(X[test])
    assert_allclose(error_map.cross_fitted_scores_, expected)
    mean = np.mean([model.predict(X[:9]) for model in models], axis=0)
    assert_allclose(error_map.score_samples(X[:9]), mean)


# ---- what the map knows ----------------------------------------------------------
def test_rank_correlation_against_scipy():
    rng = np.random.default_rng(61)
    first = rng.integers(5, size=80)
    second = first + rng.normal(size=80)
    expected = spearmanr(first, second)[0]
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert rank_correlation(np.ones(80), second) == 0.0


def test_evidence_by_hand():
    # Two folds of three: ranks 1 2 3 against 1 3 2 give .5, against 1 2 3 give 1.
    scores = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0])
    losses = np.array([1.0, 3.0, 2.0, 10.0, 20.0, 30.0])
    folds = [(np.arange(3, 6), np.arange(3)), (np.arange(3), np.arange(3, 6))]
    evidence = measure_evidence(scores, losses, folds)
    assert evidence.rank_correlation == pytest.approx((0.5 + 1.0) / 2)
    # Slope: sum of products (1 * .5-fold: 1, other: 20) over squares (2 and 2).
    assert evidence.calibration_slope == pytest.approx((1 + 20) / (2 + 2))
    # Variance 2 * (9 / 2 + 9 / 2) / 36 = 1 / 2, so z = .75 / sqrt(.5), p = .144.
    assert evidence.p_value == pytest.approx(0.144, abs=0.001)
    assert evidence.n == 6


def test_the_map_finds_whom_errors_are_larger_for():
    X, errors = served_by_age()
    error_map = ErrorMap(random_state=0).fit(X, errors)
    new, _ = served_by_age(2000, seed=9)
    assert roc_auc_score(new[:, 0] > 70, error_map.score_samples(new)) > 0.9
    assert error_map.evidence_.p_value < 1e-6
    assert "The map tells who is served worse" in str(error_map.evidence_)
    first, second = error_map.importances_
    assert first.column == "x0"
    assert first.ci_low > 0
    assert second.importance < first.importance / 4


def biased_in_half(n_rows, seed):
    """A model that is wrong by .6 for half of the people; errors have variance 1."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, 0.6 * (X[:, 0] > 0) + rng.normal(size=n_rows)


def test_bias_is_seen_sooner_in_errors_with_a_sign():
    X, errors = biased_in_half(1500, 7730)
    new, _ = biased_in_half(3000, 7731)
    error_map = ErrorMap(cv=2, n_repeats=0, random_state=0)
    # Mean sizes are .80 and .94: an eighth apart, with a deviation of .6.
    unsigned = clone(error_map).fit(X, np.abs(errors)).score_samples(new)
    signed = clone(error_map).fit(X, errors, np.zeros(1500))
    areas = [
        roc_auc_score(new[:, 0] > 0, scores)
        for scores in (unsigned, signed.score_samples(new))
    ]
    assert areas[1] > max(areas[0] + 0.05, 0.9)
    mean_score = signed.cross_fitted_scores_.mean()
    assert mean_score == pytest.approx(np.abs(errors).mean(), rel=0.03)


def test_signs_that_tell_nothing_of_unseen_people_weigh_nothing():
    X, sizes = served_by_age(1500)
    signed = sizes * np.random.default_rng(7734).choice([-1.0, 1.0], 1500)
    error_map = ErrorMap(cv=3, n_repeats=0, random_state=0)
    told = clone(error_map).fit(X, signed, np.zeros(1500))
    assert max(model.lean.weight for model in told._models) < 0.2
    X, biased = biased_in_half(1500, 7730)
    told = clone(error_map).fit(X, biased, np.zeros(1500))
    assert min(model.lean.weight for model in told._models) > 0.5


@pytest.mark.parametrize("loss", ["absolute", "squared"])
def test_scores_of_a_biased_model_are_of_the_right_size(loss):
    rng = np.random.default_rng(7732)
    X = rng.normal(size=(6000, 3))
    errors = 2.0 * (X[:, 0] > 1.0) + rng.normal(size=6000)
    error_map = ErrorMap(loss=loss, cv=3, n_repeats=0, random_state=0)
    error_map.fit(X, errors, np.zeros(6000))
    assert 0.85 < error_map.evidence_.calibration_slope < 1.15
    worst = error_map.bands_[-1]
    assert abs(worst.expected - worst.observed) < 4 * worst.std_error


def test_people_with_equal_scores_share_a_band():
    rng = np.random.default_rng(7733)
    answer = (rng.random(2000) < 0.3) * 1.0
    errors = np.abs(rng.normal(size=2000)) * (1 + 2 * answer)
    error_map = ErrorMap(cv=3, n_repeats=0, random_state=0).fit(answer[:, None], errors)
    assert_array_equal(error_map.predict(answer[:, None]), answer)
    assert [band.n for band in error_map.bands_] == [sum(answer == 0), sum(answer)]


def test_bands_hold_about_as_many_new_people():
    X, errors = served_by_age(4000)
    error_map = ErrorMap(cv=3, n_repeats=0, random_state=0, n_bands=5)
    new, _ = served_by_age(4000, seed=1)
    counts = np.bincount(error_map.fit(X, errors).predict(new))
    assert counts.min() > 600
    assert counts.max() < 1000


def test_bands_are_ordered_and_calibrated_out_of_fold():
    X, errors = served_by_age(4000)
    error_map = ErrorMap(random_state=0, n_bands=4).fit(X, errors)
    bands = error_map.bands_
    assert [band.band for band in bands] == [0, 1, 2, 3]
    assert sum(band.n for band in bands) == 4000
    assert bands[3].observed > 2.5 * bands[0].observed
    # Beside a jump to four times as much trees blur: by a tenth, in the band before it.
    for band in bands:
        blur = band.observed / 10
        assert abs(band.expected - band.observed) < 4 * band.std_error + blur
    assert 0.8 < error_map.evidence_.calibration_slope < 1.2


def test_equal_scores_are_one_band():
    X, errors = served_by_age(100)
    error_map = ErrorMap(DummyRegressor(strategy="constant", constant=1.0)).fit(
        X, errors
    )
    assert error_map.n_bands_ == 1
    assert_array_equal(error_map.predict(X), 0)
    assert error_map.evidence_.rank_correlation == 0
    assert np.isnan(error_map.evidence_.calibration_slope)
    assert "does not tell" in str(error_map.evidence_)


def test_importance_is_by_column_of_the_table_and_against_one_shuffled_by_hand():
    X, errors = served_by_age(200)
    error_map = ErrorMap(Ridge(), cv=KFold(2), n_repeats=0).fit(X, errors)
    assert error_map.importances_ == ()
    folds = list(KFold(2).split(X))
    found = measure_importances(
        ("age", "noise"),
        error_map._models,
        X,
        errors,
        folds,
        n_repeats=1,
        random_state=np.random.RandomState(5),
    )
    one_a_fold = np.random.RandomState(5)
    rngs = [np.random.RandomState(one_a_fold.randint(2**31 - 1)) for _ in folds]
    falls = []
    for model, (_, test), rng in zip(error_map.estimators_, folds, rngs, strict=True):
        rows, truth = X[test], errors[test]
        intact = spearmanr(model.predict(rows), truth)[0]
        for column in range(2):
            other = rows.copy()
            other[:, column] = rng.permutation(other[:, column])
            falls.append(intact - spearmanr(model.predict(other), truth)[0])
    assert found[0].column == "age"
    assert found[0].importance == pytest.approx((falls[0] + falls[2]) / 2)
    # t with one degree of freedom, variance (1/2 + 1/1) times that over folds.
    reach = 12.7062 * np.sqrt(1.5 * np.var([falls[0], falls[2]], ddof=1))
    assert found[0].ci_high - found[0].importance == pytest.approx(reach, rel=1e-4)


@pytest.mark.slow
def test_a_map_of_nothing_is_called_one():
    # Errors are shuffled among people: 200 runs, at most 5% false alarms, within noise.
    rng = np.random.default_rng(70021)
    alarms = 0
    for seed in range(200):
        X, errors = served_by_age(300, seed=seed)
        error_map = ErrorMap(random_state=seed, n_repeats=0)
        error_map.fit(X, rng.permutation(errors))
        alarms += error_map.evidence_.p_value <= 0.05
    assert alarms <= 10 + 2 * np.sqrt(200 * 0.05 * 0.95)


@pytest.mark.slow
def test_a_map_of_nothing_is_called_one_with_signs_too():
    rng = np.random.default_rng(70022)
    alarms = 0
    for seed in range(200):
        X, errors = served_by_age(300, seed=seed)
        errors = rng.permutation(errors * rng.choice([-1, 1], 300))
        error_map = ErrorMap(random_state=seed, n_repeats=0)
        error_map.fit(X, errors, np.zeros(300))
        alarms += error_map.evidence_.p_value <= 0.05
    assert alarms <= 10 + 2 * np.sqrt(200 * 0.05 * 0.95)


@pytest.mark.slow
def test_planted_people_are_found_in_the_cohort():
    train, errors_of, new = (
        make_health_cohort(20_000, random_state=seed, population=500)
        for seed in range(3)
    )
    model = LinearRegression().fit(train.X, train.y)
    error_map = ErrorMap(random_state=0, n_repeats=0)
    error_map.fit(errors_of.X, errors_of.y, model.predict(errors_of.X))
    scores = error_map.score_samples(new.X)
    planted = new.membership.any(axis=1)
    worst = scores >= np.quantile(scores, 0.9)
    assert roc_auc_score(planted, scores) > 0.8
    assert planted[worst].mean() > 3 * planted.mean()
    assert error_map.evidence_.p_value < 1e-10


# ---- tables ----------------------------------------------------------------------
@pytest.mark.parametrize("library", [pd, pl])
def test_text_gaps_and_categories_are_read(library):
    rng = np.random.default_rng(2231)
    ward = rng.choice(["north", "south", "east"], size=400)
    age = np.where(rng.random(400) < 0.1, np.nan, rng.uniform(40, 80, 400))
    errors = np.abs(rng.normal(size=400)) * np.where(ward == "south", 5, 1)
    frame = library.DataFrame({"ward": ward, "age": age})
    error_map = ErrorMap(cv=2, n_repeats=1, random_state=0).fit(frame, errors)
    assert error_map.importances_[0].column == "ward"
    assert list(error_map.feature_names_in_) == ["ward", "age"]
    new = library.DataFrame({"ward": ["south", "north", "moon"], "age": [60.0] * 3})
    south, north, moon = error_map.score_samples(new)
    assert south > 2.5 * north
    assert np.isfinite(moon)


def test_set_output_and_names():
    X, errors = served_by_age(100)
    error_map = (
        ErrorMap(cv=2, n_repeats=0, random_state=0)
        .set_output(transform="pandas")
        .fit(X, errors)
    )
    out = error_map.transform(X)
    assert list(out.columns) == ["expected_loss"]
    assert_allclose(out["expected_loss"], error_map.score_samples(X))


def test_losses_may_be_negative():
    X, errors = served_by_age()
    error_map = ErrorMap(cv=2, n_repeats=0, random_state=0).fit(X, errors - 10)
    assert error_map.evidence_.p_value < 1e-6
    assert error_map.score_samples(X).mean() == pytest.approx(
        errors.mean() - 10, abs=0.2
    )


def test_an_estimator_without_a_seed_is_seeded():
    X, errors = served_by_age(100)
    forest = ExtraTreesRegressor(5)
    first, again = (
        ErrorMap(make_pipeline(StandardScaler(), forest), cv=2, random_state=2)
        .fit(X, errors)
        .score_samples(X)
        for _ in range(2)
    )
    assert_array_equal(first, again)
    assert forest.random_state is None


# ---- as a segmenter --------------------------------------------------------------
def test_bands_are_subgroups_of_an_audit_a_scorer_and_an_oversampler():
    X, errors = served_by_age(400)
    y = 50 + X[:, 1] + errors
    model = LinearRegression().fit(X, y)
    error_map = ErrorMap(cv=2, n_repeats=0, random_state=0, n_bands=3).fit(
        X, y, model.predict(X)
    )
    new, new_errors = served_by_age(300, seed=1)
    new_y = 50 + new[:, 1] + new_errors
    found = audit(model, new, new_y, segmenter=error_map, random_state=0)
    assert found is not None
    assert np.isfinite(equity_scorer(subgroups=error_map)(model, new, new_y))
    remedied = SubgroupOversampler(
        LinearRegression(), segmenter=FrozenEstimator(error_map), random_state=0
    ).fit(X, y)
    assert set(remedied.fidelity_) <= {0, 1, 2}
    with pytest.raises(ValueError, match=r"FrozenEstimator\("):
        SubgroupOversampler(LinearRegression(), segmenter=ErrorMap()).fit(X, y)


# ---- refusals --------------------------------------------------------------------
def test_lengths_must_agree():
    X, errors = served_by_age(50)
    with pytest.raises(ValueError, match=r"`y` must have one value per row of `X`"):
        ErrorMap().fit(X, errors[:-1])
    with pytest.raises(ValueError, match="`y_pred` must have one value per row"):
        ErrorMap().fit(X, errors, errors[:-1])


def test_a_splitter_must_test_everybody_once():
    X, errors = served_by_age(50)
    with pytest.raises(ValueError, match="`cv` must test every row once"):
        ErrorMap(cv=ShuffleSplit(3, random_state=0)).fit(X, errors)


def test_people_in_another_order_are_refused():
    X, errors = served_by_age(50)
    frame = pd.DataFrame(X, columns=["age", "noise"])
    shuffled = pd.Series(errors).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="have different indexes"):
        ErrorMap().fit(frame, shuffled)
