"""Withheld predictions: how many, whose, alike to a bound, and the contract."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_equity import DeferralClassifier, DeferralRegressor
from sklearn_equity.exceptions import ExclusionWarning

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_equity.exceptions.ExclusionWarning"
)
TREE = DecisionTreeRegressor(min_samples_leaf=30, random_state=0)  # learns losses, fast


def people_noisy_when_old(n=1500, seed=7):
    """Errors of scale 2 until 60, 8 above; another 1 in ward B, a third of all."""
    rng = np.random.default_rng(seed)
    ward = np.where(np.arange(n) % 3 == 0, "B", "A")
    age = rng.uniform(20, 80, size=n)
    scale = np.where(age > 60, 8.0, 2.0) + (ward == "B")
    X = np.column_stack([age, ward == "B"])
    return X, 100 + age + scale * rng.normal(size=n), ward


# ---- who is withheld -------------------------------------------------------------
@pytest.mark.parametrize(
    "by", ["error", "novelty", TREE, IsolationForest(n_estimators=20)]
)
def test_new_people_get_predictions_as_often_as_asked(by):
    X, y, _ = people_noisy_when_old(1200)
    X_new, _, _ = people_noisy_when_old(4000, seed=8)
    model = DeferralRegressor(
        LinearRegression(), withhold_by=by, coverage=0.8, random_state=0
    ).fit(X, y)
    missing = np.isnan(model.predict(X_new))
    # A tree's doubt has ties, which keep more rather than fewer.
    high = 0.85 if by != TREE else 0.95
    assert 0.75 <= 1 - missing.mean() <= high
    assert_array_equal(missing, np.asarray(model.defer(X_new)))


def test_expected_errors_withhold_the_old_and_say_so():
    X, y, _ = people_noisy_when_old()
    with pytest.warns(ExclusionWarning, match="x0 = .* of the excluded, 20% of every"):
        model = DeferralRegressor(
            LinearRegression(), withhold_by=TREE, coverage=0.7, random_state=0
        ).fit(X, y)
    deferred = np.asarray(model.defer(X))
    assert (X[deferred, 0] > 55).mean() > 0.95
    assert model.excluded_.over_represented[0].startswith("x0 = ")
    assert "No prediction for" in repr(model.defer(X))


def test_novelty_withholds_who_is_unlike_others():
    X, y, _ = people_noisy_when_old()
    model = DeferralRegressor(
        LinearRegression(), withhold_by="novelty", coverage=0.9, random_state=0
    ).fit(X, y)
    assert_array_equal(
        np.isnan(model.predict([[50.0, 0.0], [150.0, 0.5]])), [False, True]
    )


def test_characteristics_that_no_model_sees_are_counted():
    X, y, _ = people_noisy_when_old()
    deprived = np.where(X[:, 0] > 60, "yes", "no")
    model = DeferralRegressor(LinearRegression(), withhold_by=TREE, random_state=0)
    model.fit(X, y, characteristics={"deprived": deprived})
    assert "deprived = yes" in model.excluded_.over_represented
    new = model.defer(X, characteristics={"deprived": deprived})
    assert "deprived = yes" in new.excluded.over_represented
    assert model.n_features_in_ == 2


def test_full_coverage_is_the_plain_model():
    X, y, _ = people_noisy_when_old(300)
    model = DeferralRegressor(LinearRegression(), withhold_by=TREE, coverage=1.0)
    model.fit(X, y)
    assert_allclose(model.predict(X), LinearRegression().fit(X, y).predict(X))
    assert model.coverage_ == 1.0
    assert_allclose(model.score(X, y), LinearRegression().fit(X, y).score(X, y))


def test_constant_doubt_withholds_nobody():
    X, y, _ = people_noisy_when_old(300)
    model = DeferralRegressor(LinearRegression(), withhold_by=DummyRegressor())
    model.fit(X, y)
    assert model.coverage_ > 0.5  # doubt differs between folds, not within
    assert np.isfinite(model.predict(X)).mean() in (0.0, 1.0)


def test_equal_seeds_agree_and_columns_need_no_names():
    X, y, _ = people_noisy_when_old(60)
    one, other = (
        DeferralRegressor(LinearRegression(), random_state=5)
        .fit(pd.DataFrame(X), y)
        .deferral_
        for _ in range(2)
    )
    assert_array_equal(one.deferred, other.deferred)
    assert_array_equal(one.doubt, other.doubt)
    assert set(one.excluded.characteristic) == {"0", "1"}


# ---- alike to a bound ------------------------------------------------------------
def two_wards_apart(n=6000, seed=0):
    """Errors grow with x alike, from a start that differs: 1 + x in A, 2 + x in B."""
    rng = np.random.default_rng(seed)
    ward = np.where(rng.random(n) < 0.5, "A", "B")
    x = rng.uniform(0, 4, size=n)
    scale = np.where(ward == "A", 1.0, 2.0) + x
    return np.column_stack([x, ward == "B"]), scale * rng.normal(size=n), ward, scale


def test_coverage_meets_the_bound_as_theory_says():
    # Errors of scale s + u for u from 0 to t have a mean square of ((s + t)**3 - s**3)
    # / (3 t). A keeps all: 10.33, 3.215 as a root. B within .2 of it solves ((2 + t)**3
    # - 8) / (3 t) = 3.415**2, the quadratic t**2 + 6 t + 12 = 35: t = 2.66 of 4.
    X, y, ward, _ = two_wards_apart()
    root = np.sqrt((5.0**3 - 1.0) / 12.0)
    t = -3.0 + np.sqrt(9.0 - 12.0 + 3.0 * (root + 0.2) ** 2)
    model = DeferralRegressor(
        DummyRegressor(),
        withhold_by=LinearRegression(),
        coverage=1.0,
        max_gap=0.2,
        min_coverage=0.2,
        random_state=0,
    ).fit(X, y, subgroups=ward)
    in_A, in_B = model.subgroups_
    assert in_A.coverage == 1.0
    assert_allclose(in_B.coverage, t / 4.0, atol=0.06)
    assert_allclose(in_B.fidelity, root + 0.2, atol=0.15)
    assert in_A.verdict == "within"
    assert in_B.verdict != "beyond"
    assert in_B.excess < in_B.fidelity_of_all - in_A.fidelity_of_all


def test_the_bound_holds_for_new_people():
    X, y, ward, _ = two_wards_apart()
    X_new, y_new, ward_new, _ = two_wards_apart(20_000, seed=1)
    model = DeferralRegressor(
        DummyRegressor(), withhold_by=LinearRegression(), coverage=1.0, max_gap=0.2,
        min_coverage=0.2, random_state=0,
    ).fit(X, y, subgroups=ward)  # fmt: skip
    error = y_new - model.predict(X_new, subgroups=ward_new)
    rmse = {w: np.sqrt(np.nanmean(error[ward_new == w] ** 2)) for w in "AB"}
    assert rmse["B"] - rmse["A"] < 0.35
    plain = {w: np.sqrt(np.mean(y_new[ward_new == w] ** 2)) for w in "AB"}
    assert plain["B"] - plain["A"] > 0.9


def test_nothing_is_withheld_in_vain():
    # Within B, errors have nothing to do with x: no threshold helps, and it says so.
    rng = np.random.default_rng(3)
    ward = np.repeat(["A", "B"], 1500)
    X = np.column_stack([rng.normal(size=3000), ward == "B"])
    y = np.where(ward == "A", 1.0, 3.0) * rng.normal(size=3000)
    model = DeferralRegressor(
        DummyRegressor(), withhold_by=IsolationForest(n_estimators=20), coverage=1.0,
        max_gap=0.1, random_state=0,
    ).fit(X, y, subgroups=ward)  # fmt: skip
    in_B = model.subgroups_[1]
    assert in_B.verdict == "beyond"
    assert in_B.coverage == 1.0


def test_small_subgroups_have_the_common_threshold():
    X, y, ward = people_noisy_when_old(600)
    ward = ward.astype(object)
    ward[:8] = "tiny"
    model = DeferralRegressor(
        LinearRegression(), withhold_by=TREE, max_gap=0.0, random_state=0
    ).fit(X, y, subgroups=ward)
    records = {record.subgroup: record for record in model.subgroups_}
    assert records["tiny"].verdict == "too small"
    assert records["tiny"].threshold == model._thresholds.common
    # An unknown ward is treated as a small one.
    assert np.isfinite(model.predict(X[:5], subgroups=["new"] * 5)).any()


# ---- classes ---------------------------------------------------------------------
def coin_in_ward_b(labels=("no", "yes")):
    rng = np.random.default_rng(0)
    in_B = np.repeat([0, 1], [800, 200])
    x = rng.integers(2, size=1000)
    y = np.where(in_B, rng.integers(2, size=1000), x)
    return np.column_stack([x, in_B, x * in_B]), np.array(labels)[y]


@pytest.mark.parametrize("labels", [("no", "yes"), (0, 1), (-1, 1), (False, True)])
def test_masked_classes_hide_no_class(labels):
    X, y = coin_in_ward_b(labels)
    model = DeferralClassifier(
        LogisticRegression(), withhold_by=TREE, coverage=0.8, random_state=0
    ).fit(X, y)
    predicted = model.predict(X)
    assert_array_equal(np.ma.getmaskarray(predicted), X[:, 1] == 1)
    beneath = np.asarray(predicted)[X[:, 1] == 1]
    assert not np.isin(beneath, model.classes_).any()
    assert_array_equal(np.isnan(model.predict_proba(X)).all(axis=1), X[:, 1] == 1)
    assert_array_equal(np.isnan(model.decision_function(X)), X[:, 1] == 1)
    assert model.score(X, y) == 1.0
    if labels != (False, True):
        assert accuracy_score(y.astype(predicted.dtype), np.asarray(predicted)) == 0.8
    assert model.excluded_.over_represented[0] == "x1 = 1"


def test_classifier_without_probabilities_and_of_three_classes():
    from sklearn.svm import LinearSVC

    rng = np.random.default_rng(4)
    X = rng.normal(size=(300, 2))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    for estimator in (LinearSVC(), LogisticRegression()):
        model = DeferralClassifier(
            estimator, withhold_by=TREE, coverage=0.5, random_state=0
        )
        assert model.fit(X, y).predict(X).count() < 300


# ---- where it works --------------------------------------------------------------
def test_pipeline_search_and_columns():
    X, y, _ = people_noisy_when_old(400)
    frame = pd.DataFrame({"age": X[:, 0], "ward": X[:, 1]})
    search = GridSearchCV(
        DeferralRegressor(
            make_pipeline(StandardScaler(), Ridge()),
            segmenter="ward",
            withhold_by=TREE,
            random_state=0,
        ),
        {"coverage": [0.8, 1.0], "estimator__ridge__alpha": [1.0]},
        cv=2,
        error_score="raise",
    ).fit(frame, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] > scores[1]  # silence raises every figure
    assert np.isnan(search.predict(frame)).any()
    piped = make_pipeline(
        StandardScaler(), search.best_estimator_.set_params(segmenter=None)
    )
    assert np.isnan(piped.fit(frame, y).predict(frame)).any()


def test_routing_hands_subgroups_to_fit_and_score():
    X, y, ward = people_noisy_when_old(400)
    with sklearn.config_context(enable_metadata_routing=True):
        model = DeferralRegressor(
            Ridge(), withhold_by=TREE, max_gap=0.5, coverage=1.0, random_state=0
        )
        scores = cross_val_score(model, X, y, cv=2, params={"subgroups": ward})
    assert np.isfinite(scores).all()


def test_weights_weigh_coverage():
    X, y, _ = people_noisy_when_old()
    weights = np.where(X[:, 0] > 60, 0.1, 1.0)
    model = DeferralRegressor(LinearRegression(), withhold_by=TREE, coverage=0.95)
    model.set_params(random_state=0).fit(X, y, sample_weight=weights)
    kept = ~model.deferral_.deferred
    assert weights[kept].sum() / weights.sum() >= 0.93
    assert kept.mean() < 0.85


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        (DeferralRegressor(LogisticRegression()), True, "must be a regressor; got Log"),
        (DeferralClassifier(Ridge()), True, "must be a classifier; got Ridge"),
        (DeferralRegressor(Ridge(), max_gap=1.0), False, "and not both; got neither"),
        (DeferralRegressor(Ridge(), segmenter=KMeans(2)), True, "not both; got both"),
        (DeferralRegressor(Ridge(), withhold_by=StandardScaler()), True, "learns the"),
        (DeferralRegressor(Ridge(), coverage=0.0), True, "'coverage' parameter"),
    ],
)  # fmt: skip
def test_refuses(model, given, message):
    X, y, ward = people_noisy_when_old(60)
    y = (y > y.mean()).astype(int)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **({"subgroups": ward} if given else {}))


def test_labels_of_fit_are_asked_for_again():
    X, y, ward = people_noisy_when_old(300)
    model = DeferralRegressor(Ridge(), withhold_by=TREE, max_gap=1.0, random_state=0)
    model.fit(X, y, subgroups=ward)
    with pytest.raises(ValueError, match="needs labels of new rows"):
        model.predict(X)


# ---- contract --------------------------------------------------------------------
def expected_failures(estimator):
    if isinstance(estimator, DeferralClassifier) and estimator.coverage < 1.0:
        return {"check_classifiers_train": "what is withheld is no class"}
    if estimator.withhold_by == "novelty":
        check = "check_sample_weight_equivalence_on_{}_data"
        reason = "a repeated row is less new"
        return {check.format(name): reason for name in ("dense", "sparse")}
    return {}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
@parametrize_with_checks(
    [
        DeferralRegressor(Ridge()),
        DeferralRegressor(Ridge(), withhold_by="novelty"),
        DeferralRegressor(
            Ridge(),
            segmenter=GaussianMixture(2, random_state=0),
            withhold_by=TREE,
            max_gap=0.1,
            min_subgroup_size=1,
        ),
        DeferralClassifier(LogisticRegression(), coverage=1.0),
        DeferralClassifier(LogisticRegression(), withhold_by=TREE),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_intersections_are_told_apart():
    X, y, ward = people_noisy_when_old(600)
    people = pd.DataFrame({"ward": ward, "sex": np.tile(["f", "m"], 300)})
    model = DeferralRegressor(
        Ridge(), withhold_by=TREE, max_gap=0.5, coverage=1.0, random_state=0
    ).fit(X, y, subgroups=people)
    assert {record.subgroup for record in model.subgroups_} == {
        *(("A", "f"), ("A", "m"), ("B", "f"), ("B", "m"))
    }
    new = model.defer(X[:50], subgroups=people[:50])
    assert "subgroups" in new.excluded.characteristic
    assert "subgroups = A & f" in {
        f"{c} = {level}"
        for c, level in zip(
            new.excluded.characteristic, new.excluded.to_columns()["level"], strict=True
        )
    }
