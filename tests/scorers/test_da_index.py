"""Does the scorer say how far the DA-index ratio is from equality? From any source."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TunedThresholdClassifierCV,
    cross_val_score,
)

from sklearn_equity.allocation import da_index_ratio
from sklearn_equity.exceptions import ScorerError
from sklearn_equity.scorers import da_index_scorer

BOUNDS = (0, 17)


def patients(n=2400, seed=314):
    """At equal score the east is twice as likely to carry four conditions."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=n)
    ward = rng.choice(["east", "west"], size=n)
    ill = rng.uniform(size=n) < np.where(ward == "east", 0.8, 0.4)
    X = pd.DataFrame(
        {"score": score, "ward": ward, "conditions": 4.0 * ill},
        index=rng.permutation(n),
    )
    return X, pd.Series(np.where(rng.uniform(size=n) < score, 1, 0), index=X.index)


class Score(ClassifierMixin, BaseEstimator):
    classes_ = np.array([0, 1])

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        p = np.asarray(X["score"])
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return (np.asarray(X["score"]) > 0.5).astype(int)


class Predicts(RegressorMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return 100 * np.asarray(X["score"])


def scorer_of(**changes):
    arguments = {
        "measurement": "conditions",
        "threshold": 3,
        "subgroups": "ward",
        "compare": ("east", "west"),
        "bounds": BOUNDS,
    }
    return da_index_scorer(**arguments | changes)


def ratio_of(X, **options):
    return da_index_ratio(
        X["score"],
        X["conditions"],
        subgroups=X["ward"],
        compare=("east", "west"),
        threshold=3,
        bounds=BOUNDS,
        **options,
    )


def test_ratio_of_two_reads_minus_its_logarithm():
    X, y = patients(20_000)
    assert_allclose(scorer_of()(Score(), X, y), -np.log(2), atol=0.06)


def test_equality_reads_zero_and_order_of_the_two_does_not_matter():
    X, y = patients(20_000)
    forward, back = (
        scorer_of(compare=pair)(Score(), X, y)
        for pair in (("east", "west"), ("west", "east"))
    )
    assert_allclose(forward, back, rtol=1e-9)
    equal = X.assign(ward=np.random.default_rng(1).permutation(X["ward"]))
    assert abs(scorer_of()(Score(), equal, y)) < 0.06


def test_scorer_against_the_ratio_itself():
    X, y = patients()
    for options in ({}, {"decision_threshold": 0.5}, {"scale": "rank"}):
        expected = -abs(np.log(ratio_of(X, **options)))
        assert_allclose(scorer_of(**options)(Score(), X, y), expected)
    regressor = scorer_of(scale="rank")(Predicts(), X, y)
    assert_allclose(regressor, -abs(np.log(ratio_of(X, scale="rank"))))


def test_weights_reach_the_ratio():
    X, y = patients()
    weight = np.random.default_rng(2).uniform(0.5, 2, len(X))
    expected = -abs(np.log(ratio_of(X, sample_weight=weight)))
    assert_allclose(scorer_of()(Score(), X, y, sample_weight=weight), expected)


def test_every_source_of_the_measurement_gives_the_same_score():
    X, y = patients()
    expected = scorer_of()(Score(), X, y)
    by_index = X["conditions"].sample(frac=1, random_state=0)
    assert scorer_of(measurement=by_index)(Score(), X, y) == expected
    function = scorer_of(measurement=lambda table: table["conditions"])
    assert function(Score(), X, y) == expected
    target = scorer_of(measurement="y")
    assert target(Score(), X, X["conditions"]) == expected
    given = scorer_of(measurement=None, subgroups=None)
    assert expected == given(
        Score(), X, y, measurement=X["conditions"], subgroups=X["ward"]
    )


def test_measurement_and_subgroups_by_metadata():
    X, y = patients()
    metadata = {"measurement": X["conditions"], "subgroups": X["ward"]}
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            LogisticRegression(),
            X[["score"]],
            y,
            scoring=scorer_of(measurement=None, subgroups=None),
            cv=KFold(2),
            params=metadata,
        )
    by_index = scorer_of(measurement=X["conditions"], subgroups=X["ward"])
    plain = cross_val_score(
        LogisticRegression(), X[["score"]], y, scoring=by_index, cv=KFold(2)
    )
    assert list(routed) == list(plain)


def test_grid_search_by_the_da_index():
    X, y = patients()
    scorer = scorer_of(measurement=X["conditions"], subgroups=X["ward"], min_rows=10)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, scoring=scorer, cv=2)
    assert np.isfinite(search.fit(X[["score"]], y).cv_results_["mean_test_score"]).all()
    assert pickle.loads(pickle.dumps(scorer)).__name__ == "neg_log_da_index_ratio"


@pytest.mark.parametrize("source", ["series", "metadata", "column"])
def test_tuned_threshold_is_refused_for_it_leaves_labels_and_no_scores(source):
    X, y = patients()
    by_source = {
        "series": {"measurement": X["conditions"], "subgroups": X["ward"]},
        "metadata": {"measurement": None, "subgroups": None},
        "column": {},
    }
    scorer = scorer_of(**by_source[source])
    tuner = TunedThresholdClassifierCV(Score(), scoring=scorer, cv=2)
    routed = source == "metadata"
    with sklearn.config_context(enable_metadata_routing=routed):
        given = by_source["series"] if routed else {}
        with pytest.raises(TypeError, match=r"leaves labels.*works here: equity_sc"):
            tuner.fit(X, y, **given)
        with pytest.raises(ScorerError, match="leaves labels instead of scores"):
            cross_val_score(tuner, X, y, cv=2, params=given)


def test_repr():
    assert repr(scorer_of(measurement="y")) == (
        "da_index_scorer(measurement='y', subgroups='ward', compare=('east', 'west'))"
    )


def test_a_ratio_without_logarithm_is_an_error_and_not_a_nan():
    X, y = patients()
    X.loc[X["ward"] == "west", "conditions"] = 0.0
    with pytest.raises(ScorerError, match=r"has no logarithm.*not deteriorated at all"):
        cross_val_score(Score(), X, y, scoring=scorer_of(), cv=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"compare": ["east", "west"]}, "`compare` must be a tuple of two labels"),
        ({"half_widht": 0.1}, "no option 'half_widht'; further ones are .*half_width"),
        ({"measurement": ["conditions"]}, "`measurement` must be one column"),
        ({"measurement": np.ones(3)}, "`measurement` must be a column name"),
    ],
)
def test_refusals_name_the_argument(changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        scorer_of(**changes)


def test_missing_sources_are_named():
    X, y = patients()
    with pytest.raises(ValueError, match="The scorer got no `measurement`"):
        scorer_of(measurement=None)(Score(), X, y)
    with pytest.raises(ValueError, match='`measurement` came twice: it is "y"'):
        scorer_of(measurement="y")(Score(), X, y, measurement=X["conditions"])
