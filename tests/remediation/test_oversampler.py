"""Does training more on the under-served narrow the gap? What the remedy must do."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    median_absolute_error,
    recall_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_equity.exceptions import SmallSubgroupWarning
from sklearn_equity.remediation import SubgroupOversampler

SEGMENTER = KMeans(2, n_init=1, random_state=0)


def make_wards(n_rows=400, seed=53201):
    """Rows of four wards in which one line fits some better than others."""
    rng = np.random.default_rng(seed)
    ward = rng.permutation(np.repeat(["A", "B", "C", "D"], n_rows // 4))
    X = rng.normal(size=(n_rows, 3))
    slope = np.select([ward == "A", ward == "B", ward == "C"], [1.0, 1.1, 3.0], 4.0)
    y = 50.0 + slope * X[:, 0] + X[:, 1] + rng.normal(size=n_rows)
    return X, y, ward


def make_classes(n_rows=400, seed=9140):
    X, y, ward = make_wards(n_rows, seed)
    return X, np.where(y > 50.0, "yes", "no"), ward


def make_constant_cases():
    """Wards whose NRMSE under the prediction 10 is known: 0, 1/11, 2/12, and tiny D."""
    ward = np.repeat(["A", "B", "C", "D"], [40, 40, 40, 5])
    y = np.repeat([10.0, 11.0, 12.0, 100.0], [40, 40, 40, 5])
    X = np.arange(125.0)[:, None]
    return X, y, ward


ALWAYS_10 = DummyRegressor(strategy="constant", constant=10.0)


def nrmse_by_ward(y, prediction, ward):
    return {
        w: np.sqrt(np.mean((y - prediction)[ward == w] ** 2)) / y[ward == w].mean()
        for w in np.unique(ward)
    }


# ---- laws ------------------------------------------------------------------------
@pytest.mark.parametrize("strategy", ["duplicate", "weight"])
@pytest.mark.parametrize("n_rounds", [1, 3])
def test_multiplier_of_one_is_the_plain_estimator(strategy, n_rounds):
    X, y, ward = make_wards()
    remedied = SubgroupOversampler(
        DecisionTreeRegressor(random_state=0),
        multiplier=1,
        strategy=strategy,
        n_rounds=n_rounds,
    ).fit(X, y, subgroups=ward)
    plain = DecisionTreeRegressor(random_state=0).fit(X, y)
    assert_array_equal(remedied.predict(X), plain.predict(X))
    assert_array_equal(remedied.sample_indices_, np.arange(len(X)))
    assert len(remedied.history_) == n_rounds


@pytest.mark.parametrize("measured_on", ["cv", "train"])
@pytest.mark.parametrize("n_rounds", [1, 2])
def test_whole_multipliers_as_weights_equal_repetition(measured_on, n_rounds):
    X, y, ward = make_wards()
    repeated, weighted = (
        SubgroupOversampler(
            LinearRegression(),
            multiplier=3,
            strategy=strategy,
            measured_on=measured_on,
            n_rounds=n_rounds,
            random_state=0,
        ).fit(X, y, subgroups=ward)
        for strategy in ("duplicate", "weight")
    )
    assert repeated.under_served_ == weighted.under_served_ != ()
    assert_allclose(repeated.estimator_.coef_, weighted.estimator_.coef_, rtol=1e-10)
    for one, other in zip(repeated.history_, weighted.history_, strict=True):
        assert_allclose(list(one.fidelity.values()), list(other.fidelity.values()))


def test_equal_seeds_give_equal_rows_and_others_differ():
    X, y, ward = make_wards()
    drawn = [
        SubgroupOversampler(LinearRegression(), multiplier=1.5, random_state=seed)
        .fit(X, y, subgroups=ward)
        .sample_indices_
        for seed in (1, 1, 2)
    ]
    assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_row_order_does_not_matter():
    X, y, ward = make_wards()
    order = np.random.default_rng(83).permutation(len(X))
    oversampler = SubgroupOversampler(
        LinearRegression(), multiplier=4, measured_on="train"
    )
    one = clone(oversampler).fit(X, y, subgroups=ward)
    other = clone(oversampler).fit(X[order], y[order], subgroups=ward[order])
    assert one.under_served_ == other.under_served_
    assert_allclose(one.estimator_.coef_, other.estimator_.coef_, rtol=1e-10)


@pytest.mark.parametrize("multiplier", [2, 2.5])
def test_renaming_subgroups_changes_no_row(multiplier):
    X, y, ward = make_wards()
    new_name = {"A": 9, "B": 5, "C": 7, "D": 1}  # another order too
    oversampler = SubgroupOversampler(
        LinearRegression(), multiplier=multiplier, random_state=0
    )
    one = clone(oversampler).fit(X, y, subgroups=ward)
    other = clone(oversampler).fit(X, y, subgroups=[new_name[w] for w in ward])
    assert {new_name[w] for w in one.under_served_} == set(other.under_served_)
    assert_array_equal(one.sample_indices_, other.sample_indices_)


def test_caller_keeps_input_and_global_random_state():
    X, y, ward = make_wards()
    for array in (X, y, ward):
        array.setflags(write=False)
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    estimator = LinearRegression()
    SubgroupOversampler(estimator, multiplier=1.5, random_state=0).fit(
        X, y, subgroups=ward
    )
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert not hasattr(estimator, "coef_")


def test_user_weights_and_emphasis_multiply():
    X, y, ward = make_wards()
    weights = np.random.default_rng(61).uniform(0.5, 2.0, len(X))
    remedied = SubgroupOversampler(
        LinearRegression(),
        multiplier=2.5,
        under_served=["C"],
        strategy="weight",
        random_state=0,
    ).fit(X, y, subgroups=ward, sample_weight=weights)
    by_hand = LinearRegression().fit(
        X, y, sample_weight=weights * np.where(ward == "C", 2.5, 1.0)
    )
    assert_allclose(remedied.estimator_.coef_, by_hand.coef_, rtol=1e-10)


def test_user_weights_follow_repeated_rows_and_weigh_the_measurement():
    X, y, ward = make_wards()
    weights = np.random.default_rng(67).uniform(0.5, 2.0, len(X))
    remedied = SubgroupOversampler(
        LinearRegression(), multiplier=2, metric="mae", measured_on="train"
    ).fit(X, y, subgroups=ward, sample_weight=weights)
    plain = LinearRegression().fit(X, y, sample_weight=weights)
    error = np.abs(y - plain.predict(X))
    for w, value in remedied.fidelity_.items():
        expected = np.average(error[ward == w], weights=weights[ward == w])
        assert_allclose(value, expected)
    rows = remedied.sample_indices_
    by_hand = LinearRegression().fit(X[rows], y[rows], sample_weight=weights[rows])
    assert_allclose(remedied.estimator_.coef_, by_hand.coef_, rtol=1e-10)


# ---- hand-worked cases -----------------------------------------------------------
def test_under_served_and_counts_are_those_worked_out_by_hand():
    X, y, ward = make_constant_cases()
    remedied = SubgroupOversampler(ALWAYS_10, multiplier=3).fit(X, y, subgroups=ward)
    (done,) = remedied.history_
    expected = {"A": 0.0, "B": 1 / 11, "C": 2 / 12, "D": 90 / 100}
    assert list(done.fidelity) == list(expected)
    assert_allclose(list(done.fidelity.values()), list(expected.values()))
    overall_rmse = np.sqrt((40 * 0 + 40 * 1 + 40 * 4 + 5 * 8100) / 125)
    overall_mean = (40 * 10 + 40 * 11 + 40 * 12 + 5 * 100) / 125
    assert_allclose(done.overall, overall_rmse / overall_mean)
    # The median of A, B, C is B; D with its 5 rows would have moved it.
    assert remedied.under_served_ == done.under_served == ("C",)
    assert done.multiplier == {"A": 1.0, "B": 1.0, "C": 3.0, "D": 1.0}
    assert done.n_rows == {"A": 40, "B": 40, "C": 40, "D": 5}
    assert remedied.fidelity_ == done.fidelity
    counts = np.bincount(remedied.sample_indices_)
    assert_array_equal(counts, np.where(ward == "C", 3, 1))


def test_small_subgroups_count_once_they_are_large_enough():
    X, y, ward = make_constant_cases()
    remedied = SubgroupOversampler(ALWAYS_10, min_subgroup_size=5)
    assert remedied.fit(X, y, subgroups=ward).under_served_ == ("C", "D")


def test_higher_is_better_turns_the_rule_round():
    X, _, ward = make_constant_cases()
    truth = np.where((ward == "C") & (np.arange(125) % 2 == 0), "no", "yes")
    always_yes = DummyClassifier(strategy="constant", constant="yes")
    for metric in ("accuracy", accuracy_score):
        remedied = SubgroupOversampler(always_yes, metric=metric)
        remedied.fit(X, truth, subgroups=ward)
        assert remedied.fidelity_ == {"A": 1.0, "B": 1.0, "C": 0.5, "D": 1.0}
        assert remedied.under_served_ == ("C",)


def test_a_bias_is_worse_the_farther_it_lies_from_zero():
    ward = np.repeat(["A", "B", "C"], 40)
    y = np.repeat([7.0, 10.5, 11.0], 40)  # biases of 3, -0.5 and -1
    remedied = SubgroupOversampler(ALWAYS_10, metric="bias")
    remedied.fit(np.zeros((120, 1)), y, subgroups=ward)
    assert remedied.fidelity_ == {"A": 3.0, "B": -0.5, "C": -1.0}
    assert remedied.under_served_ == ("A",)


def test_rounds_multiply_for_those_still_under_served():
    X, y, ward = make_constant_cases()
    remedied = SubgroupOversampler(
        ALWAYS_10, multiplier=1.5, n_rounds=2, random_state=0
    ).fit(X, y, subgroups=ward)
    assert [r.under_served for r in remedied.history_] == [("C",), ("C",)]
    assert [r.multiplier["C"] for r in remedied.history_] == [1.5, 2.25]
    counts = np.bincount(remedied.sample_indices_)
    assert (counts[ward != "C"] == 1).all()
    assert set(counts[ward == "C"]) == {2, 3}
    assert counts[ward == "C"].sum() == 40 * 2.25


def test_rounds_end_when_none_is_under_served():
    ward = np.repeat(["A", "B"], 40)
    remedied = SubgroupOversampler(ALWAYS_10, n_rounds=5)
    remedied.fit(np.zeros((80, 1)), np.full(80, 11.0), subgroups=ward)
    assert len(remedied.history_) == 1
    assert remedied.under_served_ == ()
    assert len(remedied.sample_indices_) == 80


def test_one_line_through_two_wards_moves_as_worked_out_by_hand():
    # Slopes 2 (300 rows) and 1 (100 rows): least squares gives 7 / 4, and 3 / 2 once
    # the hundred count three times.
    ward = np.repeat(["A", "B"], [300, 100])
    X = np.tile(np.arange(100.0), 4)[:, None]
    y = 10.0 + np.where(ward == "A", 2.0, 1.0) * X[:, 0]
    remedied = SubgroupOversampler(LinearRegression(), multiplier=3)
    remedied.fit(X, y, subgroups=ward)
    assert_allclose(LinearRegression().fit(X, y).coef_, [7 / 4])
    assert_allclose(remedied.estimator_.coef_, [3 / 2])


def test_labels_and_functions_as_rules():
    X, y, ward = make_constant_cases()
    named = SubgroupOversampler(ALWAYS_10, under_served=["D", "A"])
    assert named.fit(X, y, subgroups=ward).under_served_ == ("A", "D")
    seen = {}

    def the_worst(fidelity):
        seen.update(fidelity)
        return [max(fidelity, key=fidelity.get)]

    ruled = SubgroupOversampler(ALWAYS_10, under_served=the_worst)
    assert ruled.fit(X, y, subgroups=ward).under_served_ == ("C",)
    assert seen.keys() == {"A", "B", "C"}  # D is too small to judge


def test_intersections_of_attributes_are_subgroups():
    X, y, ward = make_constant_cases()
    frame = pd.DataFrame({"ward": ward, "half": np.arange(125) % 2})
    remedied = SubgroupOversampler(
        ALWAYS_10, min_subgroup_size=20, under_served=[("C", 1)]
    ).fit(X, y, subgroups=frame)
    repeated = np.bincount(remedied.sample_indices_) == 2
    assert_array_equal(repeated, (ward == "C") & (frame["half"] == 1))


# ---- agreement with an oracle ----------------------------------------------------
def test_cv_fidelity_against_cross_val_predict():
    X, y, ward = make_wards()
    remedied = SubgroupOversampler(LinearRegression(), random_state=7)
    remedied.fit(X, y, subgroups=ward)
    folds = KFold(5, shuffle=True, random_state=7)
    held_out = cross_val_predict(LinearRegression(), X, y, cv=folds)
    expected = nrmse_by_ward(y, held_out, ward)
    assert remedied.fidelity_.keys() == expected.keys()
    assert_allclose(list(remedied.fidelity_.values()), list(expected.values()))
    median = np.median(list(expected.values()))
    worse = tuple(w for w, value in expected.items() if value > median)
    assert remedied.under_served_ == worse


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "recall"])
def test_cv_fidelity_of_a_classifier_against_cross_val_predict(metric):
    X, y, ward = make_classes()

    def recall_of_yes_score(y_true, y_pred):
        return recall_score(y_true, y_pred, pos_label="yes")

    oracle = {
        "accuracy": accuracy_score,
        "balanced_accuracy": lambda t, p: np.mean(
            [recall_score(t, p, pos_label=c) for c in ("no", "yes")]
        ),
        "recall": recall_of_yes_score,
    }[metric]
    remedied = SubgroupOversampler(
        LogisticRegression(),
        metric=recall_of_yes_score if metric == "recall" else metric,
        random_state=7,
    ).fit(X, y, subgroups=ward)
    folds = StratifiedKFold(5, shuffle=True, random_state=7)
    held_out = cross_val_predict(LogisticRegression(), X, y, cv=folds)
    for w, value in remedied.fidelity_.items():
        assert_allclose(value, oracle(y[ward == w], held_out[ward == w]))


def test_second_round_measures_the_remedied_model_without_leakage():
    # A nearest neighbour that found a copy of the row itself would have no error.
    X, y, ward = make_wards()
    model = KNeighborsRegressor(1)
    remedied = SubgroupOversampler(
        model, multiplier=3, under_served=["C", "D"], n_rounds=2, random_state=11
    ).fit(X, y, subgroups=ward)
    held_out = np.empty(len(y))
    for train, test in KFold(5, shuffle=True, random_state=11).split(X):
        rows = [i for i in train for _ in range(3 if ward[i] in "CD" else 1)]
        held_out[test] = clone(model).fit(X[rows], y[rows]).predict(X[test])
    expected = nrmse_by_ward(y, held_out, ward)
    second = remedied.history_[1].fidelity
    assert_allclose(list(second.values()), list(expected.values()))
    assert min(second.values()) > 0.0


def test_second_round_on_training_rows_against_refitting_by_hand():
    X, y, ward = make_wards()
    remedied = SubgroupOversampler(
        LinearRegression(), multiplier=5, measured_on="train", n_rounds=2
    ).fit(X, y, subgroups=ward)
    plain = LinearRegression().fit(X, y).predict(X)
    first, second = remedied.history_
    expected = nrmse_by_ward(y, plain, ward)
    assert_allclose(list(first.fidelity.values()), list(expected.values()))
    rows = np.repeat(
        np.arange(len(X)), np.where(np.isin(ward, first.under_served), 5, 1)
    )
    again = LinearRegression().fit(X[rows], y[rows]).predict(X)
    expected = nrmse_by_ward(y, again, ward)
    assert_allclose(list(second.fidelity.values()), list(expected.values()))


# ---- subgroups that are learnt ---------------------------------------------------
def test_segmenter_equals_passing_what_it_predicts():
    X, y, _ = make_wards()
    segmenter = make_pipeline(StandardScaler(), KMeans(4, n_init=1, random_state=0))
    learnt = SubgroupOversampler(
        LinearRegression(), segmenter=segmenter, multiplier=1.5, random_state=0
    ).fit(X, y)
    passed = SubgroupOversampler(LinearRegression(), multiplier=1.5, random_state=0)
    passed.fit(X, y, subgroups=clone(segmenter).fit_predict(X))
    assert_array_equal(learnt.sample_indices_, passed.sample_indices_)
    assert_array_equal(learnt.segmenter_.predict(X), clone(segmenter).fit_predict(X))
    assert passed.segmenter_ is None
    assert not hasattr(segmenter[-1], "labels_")


def test_fitted_segmenter_can_be_frozen():
    X, y, _ = make_wards()
    fitted = KMeans(3, n_init=1, random_state=0).fit(X[:100])
    remedied = SubgroupOversampler(
        LinearRegression(), segmenter=FrozenEstimator(fitted), random_state=0
    ).fit(X, y)
    passed = SubgroupOversampler(LinearRegression(), random_state=0)
    passed.fit(X, y, subgroups=fitted.predict(X))
    assert remedied.fidelity_ == passed.fidelity_


# ---- what the wrapped estimator does ---------------------------------------------
def test_regressor_answers_through_the_oversampler():
    X, y, ward = make_wards()
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    remedied = SubgroupOversampler(LinearRegression()).fit(frame, y, subgroups=ward)
    assert is_regressor(remedied)
    assert not is_classifier(remedied)
    assert not hasattr(remedied, "predict_proba")
    assert not hasattr(remedied, "classes_")
    assert_array_equal(remedied.feature_names_in_, ["a", "b", "c"])
    assert remedied.n_features_in_ == 3
    assert_array_equal(remedied.predict(frame), remedied.estimator_.predict(frame))
    weights = np.arange(len(y))
    assert remedied.score(frame, y, sample_weight=weights) == (
        remedied.estimator_.score(frame, y, sample_weight=weights)
    )


def test_classifier_answers_through_the_oversampler():
    X, y, ward = make_classes()
    oversampler = SubgroupOversampler(LogisticRegression(), metric="accuracy")
    assert is_classifier(oversampler)
    remedied = oversampler.fit(X, y, subgroups=ward)
    assert_array_equal(remedied.classes_, ["no", "yes"])
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        answer = getattr(remedied, method)(X)
        assert_array_equal(answer, getattr(remedied.estimator_, method)(X))
    assert remedied.score(X, y) == remedied.estimator_.score(X, y)
    assert not hasattr(SubgroupOversampler(LinearSVC()), "predict_proba")


def test_fitted_oversampler_survives_pickling_and_clones_unfitted():
    X, y, ward = make_wards()
    oversampler = SubgroupOversampler(LinearRegression(), under_served=["A", "D"])
    remedied = oversampler.fit(X, y, subgroups=ward)
    restored = pickle.loads(pickle.dumps(remedied))
    assert_array_equal(restored.predict(X), remedied.predict(X))
    assert restored.history_ == remedied.history_
    with pytest.raises(NotFittedError):
        clone(remedied).predict(X)


# ---- searches, pipelines, metadata routing ---------------------------------------
def test_search_over_the_multiplier_with_a_segmenter():
    X, y, _ = make_wards()
    search = GridSearchCV(
        make_pipeline(
            StandardScaler(),
            SubgroupOversampler(Ridge(), segmenter=SEGMENTER, random_state=0),
        ),
        {"subgroupoversampler__multiplier": [1, 2.5, 8]},
        error_score="raise",
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 3


def test_pipeline_without_routing_takes_subgroups_by_the_step_name():
    X, y, ward = make_wards()
    pipeline = make_pipeline(StandardScaler(), SubgroupOversampler(LinearRegression()))
    pipeline.fit(X, y, subgroupoversampler__subgroups=ward)
    assert pipeline[-1].fidelity_.keys() == {"A", "B", "C", "D"}


def test_search_routes_subgroups_without_being_asked():
    X, y, ward = make_wards()
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            make_pipeline(
                StandardScaler(), SubgroupOversampler(Ridge(), random_state=0)
            ),
            {"subgroupoversampler__multiplier": [1, 2.5]},
            error_score="raise",
        ).fit(X, y, subgroups=ward)
    best = search.best_estimator_[-1]
    assert best.fidelity_.keys() == {"A", "B", "C", "D"}


@pytest.mark.parametrize("strategy", ["duplicate", "weight"])
def test_routing_takes_weights_to_the_step_that_asks_for_them(strategy):
    X, y, ward = make_wards()
    weights = np.random.default_rng(71).uniform(0.5, 2.0, len(X))
    oversampler = SubgroupOversampler(
        LinearRegression(), under_served=["D"], multiplier=3, strategy=strategy
    )
    expected = clone(oversampler).fit(X, y, subgroups=ward, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = LinearRegression().set_fit_request(sample_weight=True)
        oversampler.set_params(estimator=make_pipeline(asking))
        oversampler.fit(X, y, subgroups=ward, sample_weight=weights)
    assert_allclose(oversampler.predict(X), expected.predict(X))


def test_routing_refuses_weights_of_which_the_estimator_says_nothing():
    X, y, ward = make_wards()
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(UnsetMetadataPassedError, match="requested for LinearRegression"),
    ):
        SubgroupOversampler(LinearRegression()).fit(
            X, y, subgroups=ward, sample_weight=np.ones(len(X))
        )


def test_routing_hands_subgroups_to_an_estimator_that_asks_for_them():
    X, y, ward = make_wards()
    with sklearn.config_context(enable_metadata_routing=True):
        inner = SubgroupOversampler(
            Ridge(), under_served=["A"], multiplier=2, measured_on="train"
        )
        outer = SubgroupOversampler(inner, under_served=["A", "D"], multiplier=3)
        outer.fit(X, y, subgroups=ward)
    rows_by_ward = outer.estimator_.history_[0].n_rows
    assert rows_by_ward == {"A": 300, "B": 100, "C": 100, "D": 300}
    assert len(outer.estimator_.sample_indices_) == 2 * 300 + 100 + 100 + 300


# ---- resampling for imbalanced-learn ---------------------------------------------
@pytest.mark.parametrize("kind", ["numpy", "pandas", "polars", "sparse"])
def test_fit_resample_keeps_the_type(kind):
    X, y, ward = make_wards()
    columns = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}
    table, target = {
        "numpy": lambda: (X, y),
        "pandas": lambda: (pd.DataFrame(columns), pd.Series(y, name="y")),
        "polars": lambda: (pl.DataFrame(columns), pl.Series("y", y)),
        "sparse": lambda: (sp.csr_array(X), y),
    }[kind]()
    sampler = SubgroupOversampler(LinearRegression(), multiplier=1.5, random_state=0)
    X_new, y_new = sampler.fit_resample(table, target, subgroups=ward)
    assert type(X_new) is type(table)
    assert type(y_new) is type(target)
    rows = sampler.sample_indices_
    assert_array_equal(X_new.toarray() if kind == "sparse" else X_new, X[rows])
    assert_array_equal(y_new, y[rows])
    if kind == "pandas":
        assert_array_equal(X_new.index, rows)


def test_fit_resample_leaves_no_model_behind():
    X, y, ward = make_wards()
    oversampler = SubgroupOversampler(LinearRegression(), random_state=0)
    fitted_rows = oversampler.fit(X, y, subgroups=ward).sample_indices_
    oversampler.fit_resample(X, y, subgroups=ward)
    assert_array_equal(oversampler.sample_indices_, fitted_rows)
    with pytest.raises(NotFittedError):
        oversampler.predict(X)


@pytest.mark.parametrize("routing", [False, True])
def test_imbalanced_learn_pipeline_trains_the_next_step_on_the_rows(routing):
    imblearn = pytest.importorskip("imblearn.pipeline")
    X, y, ward = make_wards()
    sampler = SubgroupOversampler(LinearRegression(), multiplier=3, random_state=0)
    given = {"subgroups": ward} if routing else {}
    if not routing:
        sampler.set_params(segmenter=SEGMENTER)
    with sklearn.config_context(enable_metadata_routing=routing):
        pipeline = imblearn.make_pipeline(sampler, Ridge()).fit(X, y, **given)
        rows = clone(sampler).fit(X, y, **given).sample_indices_
    by_hand = Ridge().fit(X[rows], y[rows])
    assert_array_equal(pipeline.predict(X), by_hand.predict(X))
    assert len(rows) > len(X)


# ---- refusals --------------------------------------------------------------------
def _refusal(match, *, y=None, subgroups="ward", **params):
    return pytest.param(match, y, subgroups, params, id=match[:40])


@pytest.mark.parametrize(
    ("match", "y", "subgroups", "params"),
    [
        _refusal("and not both; got neither. Pass fit", subgroups=None),
        _refusal("and not both; got both. Pass fit", segmenter=SEGMENTER),
        _refusal(
            "`subgroups` must have one label per row of `X` \\(400\\); got 399",
            subgroups=["a"] * 399,
        ),
        _refusal(
            "`subgroups` must hold at least 2 different labels; got 1",
            subgroups=["a"] * 400,
        ),
        _refusal(
            "`subgroups` must not have missing labels; got 1 of 400",
            subgroups=[None] + ["a", "b", "c"] * 133,
        ),
        _refusal(
            "`segmenter` must hold at least 2 different labels; got 1",
            subgroups=None,
            segmenter=KMeans(1),
        ),
        _refusal("`y` must have one value per row of `X`", y=np.ones(399)),
        _refusal("`y` must hold numbers; got text in 400", y=["a"] * 400),
        _refusal("`y` must not hold missing values", y=[np.nan] * 400),
        _refusal('As `metric`, the plain one is "rmse"', y=-np.ones(400)),
        _refusal("`metric` must be one of", metric="speed"),
        _refusal(
            "`greater_is_better` must be given .*fidelity.resolve_metric",
            metric=np.subtract,
        ),
        _refusal(
            "`under_served` must hold labels of subgroups, which are "
            "\\['A', 'B', 'C', 'D'\\]; got \\['E'\\]",
            under_served=["A", "E"],
        ),
        _refusal(
            "The function `under_served` must return labels of its argument",
            under_served=lambda fidelity: ["E"],
        ),
        _refusal("'under_served' parameter .* Got 'worst'", under_served="worst"),
        _refusal("'multiplier' parameter .* Got 0.5", multiplier=0.5),
        _refusal("'multiplier' parameter .* Got nan", multiplier=np.nan),
        _refusal(
            "'estimator' parameter .* 'fit' and 'predict'", estimator=StandardScaler()
        ),
        _refusal(
            '"weight" needs an `estimator` whose fit takes sample_weight; KNeighbors',
            estimator=KNeighborsRegressor(),
            strategy="weight",
        ),
        _refusal(
            '`metric`="nrmse" measures numbers, and the outcome holds classes. Pass',
            estimator=LogisticRegression(),
            metric="nrmse",
            y=["yes", "no"] * 200,
        ),
        _refusal(
            "`metric`='brier' .* of two classes.*; `y` holds 4 classes",
            estimator=LogisticRegression(),
            metric="brier",
            y=[1, 2, 3, 4] * 100,
        ),
        _refusal(
            "`metric`='brier' .* LinearSVC has no predict_proba",
            estimator=LinearSVC(),
            metric="brier",
            y=[1, 2] * 200,
        ),
        _refusal("`metric`='brier' .* a regressor predicts numbers", metric="brier"),
        _refusal(
            "`metric`='balanced_accuracy' is one of two classes; the outcome holds 4",
            estimator=LogisticRegression(),
            metric="balanced_accuracy",
            y=["a", "b", "c", "d"] * 100,
        ),
        _refusal(
            "`y` must hold one number or class a .*shape \\(400, 2\\).*MultiOutput",
            y=np.ones((400, 2)),
        ),
        _refusal(
            '`stop_when`="someone_harmed" asks no_harm_test.* \'median_absolute_er',
            metric=median_absolute_error,
            stop_when="someone_harmed",
        ),
        _refusal(
            "`y` must not have missing labels; got 200 of 400",
            estimator=LogisticRegression(),
            metric="accuracy",
            y=["yes", None] * 200,
        ),
    ],
)
def test_refuses(match, y, subgroups, params):
    X, usual_y, ward = make_wards()
    params = {"estimator": LinearRegression(), **params}
    if isinstance(subgroups, str):
        subgroups = ward
    with pytest.raises(ValueError, match=match):
        SubgroupOversampler(**params).fit(
            X, usual_y if y is None else y, subgroups=subgroups
        )


def test_refuses_fewer_rows_than_folds():
    X, y, ward = make_wards()
    with pytest.raises(ValueError, match='`measured_on`="cv" needs at least 5 rows'):
        SubgroupOversampler(LinearRegression()).fit(X[:4], y[:4], subgroups=ward[:4])


def test_refuses_to_resample_by_weights():
    X, y, ward = make_wards()
    with pytest.raises(ValueError, match='"weight" repeats no row, so fit_resample'):
        SubgroupOversampler(LinearRegression(), strategy="weight").fit_resample(
            X, y, subgroups=ward
        )


def test_warns_when_no_two_subgroups_are_large_enough_to_compare():
    X, y, ward = make_wards()
    oversampler = SubgroupOversampler(LinearRegression(), min_subgroup_size=101)
    with pytest.warns(
        SmallSubgroupWarning, match="Only 0 of 4 subgroups have at least"
    ):
        oversampler.fit(X, y, subgroups=ward)
    assert oversampler.under_served_ == ()
    assert_array_equal(oversampler.predict(X), LinearRegression().fit(X, y).predict(X))


def test_predictions_that_are_not_finite_are_named():
    X, y, ward = make_wards()

    class Diverged(LinearRegression):
        def predict(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(ValueError, match=r"`estimator.predict\(X\)` must not hold"):
        SubgroupOversampler(Diverged()).fit(X, y, subgroups=ward)


# ---- scikit-learn's own checks ---------------------------------------------------
CHECKED = [
    SubgroupOversampler(LinearRegression(), segmenter=SEGMENTER),
    SubgroupOversampler(LogisticRegression(), segmenter=SEGMENTER),
]
# The checks use few rows; with these settings the remedy acts on them.
CHECKED_IN_ACTION = [
    SubgroupOversampler(
        LinearRegression(),
        segmenter=SEGMENTER,
        metric=mean_absolute_error,
        multiplier=1.5,
        min_subgroup_size=1,
        n_rounds=2,
    ),
    SubgroupOversampler(
        LogisticRegression(),
        segmenter=SEGMENTER,
        metric="accuracy",
        min_subgroup_size=1,
        measured_on="train",
        strategy="weight",
    ),
]
few_rows = pytest.mark.filterwarnings(
    "ignore::sklearn_equity.exceptions.SmallSubgroupWarning",
    "ignore:The least populated class:UserWarning",  # five folds of ten rows
)


@few_rows
@parametrize_with_checks(CHECKED[:1])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@few_rows
@pytest.mark.slow
@parametrize_with_checks(CHECKED[1:] + CHECKED_IN_ACTION)
def test_scikit_learn_checks_with_the_remedy_in_action(estimator, check):
    check(estimator)
