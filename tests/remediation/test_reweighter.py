"""Weights by which the worst-served subgroup is served best: theory and contract."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_equity.remediation import WorstSubgroupReweighter, remediation_path


def two_wards_of_one_line():
    """Slopes 2 (300 rows) and 1 (100 rows) over the same X."""
    ward = np.repeat(["A", "B"], [300, 100])
    X = np.tile(np.arange(100.0), 4)[:, None]
    return X, 10.0 + np.where(ward == "A", 2.0, 1.0) * X[:, 0], ward


# ---- laws and theory -------------------------------------------------------------
def test_the_worst_error_is_least_with_the_slope_in_the_middle():
    # A line through both with slope b misses A by |2 - b| and B by |b - 1| times X.
    X, y, ward = two_wards_of_one_line()
    model = WorstSubgroupReweighter(
        LinearRegression(), measured_on="train", n_rounds=20
    )
    model.fit(X, y, subgroups=ward)
    assert_allclose(model.estimator_.coef_, [1.5], atol=0.02)
    ratio = model.multiplier_["B"] / model.multiplier_["A"]
    assert_allclose(ratio, 3.0, rtol=0.1)
    assert_allclose(300 * model.multiplier_["A"] + 100 * model.multiplier_["B"], 400)


def test_no_step_is_the_plain_estimator():
    X, y, ward = two_wards_of_one_line()
    model = WorstSubgroupReweighter(LinearRegression(), step_size=0)
    model.fit(X, y, subgroups=ward)
    assert_allclose(model.estimator_.coef_, [1.75])
    assert model.best_round_ == 0
    assert set(model.multiplier_.values()) == {1.0}


def test_the_kept_round_is_the_one_whose_worst_subgroup_fared_best():
    rng = np.random.default_rng(88)
    ward = np.arange(600) % 4
    X = rng.normal(size=(600, 2))
    y = X[:, 0] * (1.0 + ward) + rng.normal(size=600)
    model = WorstSubgroupReweighter(LinearRegression(), n_rounds=4, random_state=0)
    model.fit(X, y, subgroups=ward)
    worst = [max(done.fidelity.values()) for done in model.history_]
    assert len(worst) == 5
    assert model.best_round_ == np.argmin(worst)
    assert model.history_[0].worst == 3


def test_small_subgroups_keep_their_relative_weight_and_are_not_judged():
    X, y, ward = two_wards_of_one_line()
    ward = ward.astype(object)
    ward[:5], y[:5] = "tiny", 1e4
    model = WorstSubgroupReweighter(LinearRegression(), n_rounds=2, random_state=0)
    model.fit(X, y, subgroups=ward)
    assert {done.worst for done in model.history_} <= {"A", "B"}


def test_equal_seeds_agree():
    X, y, ward = two_wards_of_one_line()
    one, other = (
        WorstSubgroupReweighter(LinearRegression(), n_rounds=2, random_state=4).fit(
            X, y, subgroups=ward
        )
        for _ in range(2)
    )
    assert one.history_ == other.history_


# ---- where it works --------------------------------------------------------------
def test_classifier_columns_and_search():
    X, y, ward = two_wards_of_one_line()
    frame = pd.DataFrame({"x": X[:, 0], "ward": (ward == "B").astype(int)})
    search = GridSearchCV(
        WorstSubgroupReweighter(
            LogisticRegression(), segmenter="ward", metric="accuracy", random_state=0
        ),
        {"step_size": [0.0, 1.0], "n_rounds": [2]},
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
        error_score="raise",
    )
    search.fit(frame, np.where(y > 100.0, "high", "low"))
    assert list(search.classes_) == ["high", "low"]


def test_routing_hands_subgroups_on_without_being_asked():
    X, y, ward = two_wards_of_one_line()
    with sklearn.config_context(enable_metadata_routing=True):
        model = WorstSubgroupReweighter(
            LinearRegression().set_fit_request(sample_weight=True), n_rounds=1
        )
        model.fit(X, y, subgroups=ward)
    assert set(model.multiplier_) == {"A", "B"}


def test_user_weights_multiply_those_found():
    X, y, ward = two_wards_of_one_line()
    weights = np.random.default_rng(3).uniform(0.5, 2.0, 400)
    model = WorstSubgroupReweighter(LinearRegression(), n_rounds=3, random_state=0)
    model.fit(X, y, subgroups=ward, sample_weight=weights)
    found = np.array([model.multiplier_[w] for w in ward])
    by_hand = LinearRegression().fit(X, y, sample_weight=weights * found)
    assert_allclose(model.estimator_.coef_, by_hand.coef_)


def test_path_of_its_steps_names_levelling_down():
    X, y, ward = two_wards_of_one_line()
    path = remediation_path(
        WorstSubgroupReweighter(LinearRegression(), n_rounds=3, random_state=0),
        X,
        y,
        subgroups=ward,
        parameter="step_size",
        strengths=[0.0, 0.5],
        random_state=0,
    )
    assert path.verdict == ("plain", "no harm", "levelling down")


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({}, False, "and not both; got neither"),
        ({"segmenter": KMeans(2)}, True, "and not both; got both"),
        ({"step_size": -1.0}, True, "'step_size' parameter"),
        (
            {"estimator": KNeighborsRegressor()},
            True,
            "WorstSubgroupReweighter needs an `estimator` whose fit takes",
        ),
    ],
)
def test_refuses(options, given, message):
    X, y, ward = two_wards_of_one_line()
    model = WorstSubgroupReweighter(**{"estimator": LinearRegression(), **options})
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **({"subgroups": ward} if given else {}))


@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
@pytest.mark.slow
@parametrize_with_checks(
    [
        WorstSubgroupReweighter(
            model,
            segmenter=KMeans(2, n_init=1, random_state=0),
            metric=metric,
            n_rounds=2,
            min_subgroup_size=1,
        )
        for model, metric in (
            (LinearRegression(), "rmse"),
            (LogisticRegression(), "accuracy"),
        )
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
