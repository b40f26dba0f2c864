"""Which candidate is picked? Laws over random searches, hand-work, scikit-learn."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)

from sklearn_equity.scorers import (
    ParetoPick,
    equity_scoring,
    pareto_front,
)

scores = arrays(np.float64, (4, 6), elements=st.integers(-3, 3).map(float))


def results_of(fidelity, equity):
    """Lay out scores (folds x candidates) as a search does."""
    results = {f"split{k}_test_r2": row for k, row in enumerate(fidelity)}
    results["mean_test_r2"] = np.mean(fidelity, axis=0)
    results["mean_test_neg_worst"] = np.mean(equity, axis=0)
    return results


# ---- laws --------------------------------------------------------------------------
@given(fidelity=scores, equity=scores, n_se=st.floats(0, 3))
def test_pick_is_eligible_and_no_eligible_candidate_is_better(fidelity, equity, n_se):
    results = results_of(fidelity, equity)
    pick = ParetoPick("neg_worst", within="r2", n_se=n_se)(results)
    mean, objective = results["mean_test_r2"], results["mean_test_neg_worst"]
    best = mean.argmax()
    squares = sum((x - mean[best]) ** 2 for x in fidelity[:, best])
    lowest = mean[best] - n_se * (squares / 3) ** 0.5 / 4**0.5
    eligible = [i for i in range(6) if mean[i] >= lowest - 1e-12]
    assert pick in eligible
    assert objective[pick] == max(objective[i] for i in eligible)


@given(fidelity=scores, equity=scores)
def test_front_against_the_pairwise_definition(fidelity, equity):
    results = results_of(fidelity, equity)
    pairs = [*zip(results["mean_test_r2"], results["mean_test_neg_worst"], strict=True)]
    expected = {
        i
        for i, (a, b) in enumerate(pairs)
        if not any(c >= a and d >= b and (c > a or d > b) for c, d in pairs)
    }
    front = pareto_front(results)
    assert set(front) == expected
    assert list(results["mean_test_r2"][front]) == sorted(
        results["mean_test_r2"][front], reverse=True
    )


@given(fidelity=scores, equity=scores)
def test_pick_without_ties_is_on_the_front(fidelity, equity):
    jitter = np.arange(6) * 1e-6
    results = results_of(fidelity + jitter, equity - jitter)
    assert ParetoPick("neg_worst", within="r2")(results) in pareto_front(results)


# ---- hand-worked -------------------------------------------------------------------
# Candidate 0 has mean 4 and folds 3, 4, 5: standard deviation 1, standard error
# 1 / sqrt(3) = .577. Candidates 1 and 2 lie .5 and .6 below.
BY_HAND = results_of(
    [[3.0, 3.5, 3.4], [4.0, 3.5, 3.4], [5.0, 3.5, 3.4]], [[-3.0, -2.0, -1.0]] * 3
)


@pytest.mark.parametrize(("n_se", "expected"), [(0.0, 0), (1.0, 1), (1.1, 2)])
def test_pick_worked_by_hand(n_se, expected):
    assert ParetoPick("neg_worst", within="r2", n_se=n_se)(BY_HAND) == expected


def test_ties_go_to_better_fidelity_then_to_the_earlier():
    results = results_of([[4, 5, 5, 4], [4, 5, 5, 4]], [[1.0, 1.0, 1.0, 1.0]] * 2)
    assert ParetoPick("neg_worst", within="r2", n_se=9)(results) == 1


def test_candidates_without_finite_scores_are_not_eligible():
    results = results_of([[9.0, 5.0, 5.0], [9.0, 5.2, 5.1]], [[np.nan, 1.0, 2.0]] * 2)
    assert ParetoPick("neg_worst", within="r2")(results) == 2
    assert list(pareto_front(results)) == [1, 2]


# ---- inside a search ---------------------------------------------------------------
def people():
    rng = np.random.default_rng(202)
    X = pd.DataFrame(rng.normal(size=(1200, 6)), columns=[*"abcdef"])
    X["ward"] = rng.integers(0, 3, 1200)
    noise = rng.normal(size=1200) * (1 + X["ward"])
    return X, X["a"] + X["b"] * (X["ward"] == 2) + noise


GRID = {"alpha": [0.1, 10.0, 100.0, 1000.0]}
SCORING = equity_scoring("r2", subgroups="ward", metrics="rmse")
PICK = ParetoPick("neg_worst_rmse", within="r2")


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: GridSearchCV(Ridge(), GRID, **k),
        lambda **k: RandomizedSearchCV(Ridge(), GRID, n_iter=4, random_state=0, **k),
    ],
    ids=["grid", "randomized"],
)
def test_search_refits_scores_and_nests(make):
    X, y = people()
    search = make(scoring=SCORING, refit=PICK, cv=KFold(5)).fit(X, y)
    assert search.best_index_ == PICK(search.cv_results_)
    expected = SCORING["neg_worst_rmse"](search.best_estimator_, X, y)
    assert search.score(X, y) == expected  # a plain function raises KeyError here
    nested = cross_val_score(clone(search), X, y, cv=3)
    assert np.isfinite(nested).all()
    chosen = cross_validate(search, X, y, cv=3, return_estimator=True)
    for fitted in chosen["estimator"]:
        assert fitted.best_index_ == PICK(fitted.cv_results_)


def test_pick_survives_clone_copy_pickle_and_joblib(tmp_path):
    rule = ParetoPick("neg_worst_rmse", within="r2", n_se=0.5)
    joblib.dump(rule, tmp_path / "rule.joblib")
    for again in (
        clone(GridSearchCV(Ridge(), GRID, refit=rule)).refit,
        copy.deepcopy(rule),
        copy.copy(rule),
        pickle.loads(pickle.dumps(rule)),
        joblib.load(tmp_path / "rule.joblib"),
    ):
        assert isinstance(again, ParetoPick)
        assert (again, again.within, again.n_se) == ("neg_worst_rmse", "r2", 0.5)
    assert repr(rule) == "ParetoPick('neg_worst_rmse', within='r2', n_se=0.5)"


def test_equity_scoring_names_and_scores():
    X, y = people()
    scoring = equity_scoring(
        "r2",
        "neg_mean_absolute_error",
        subgroups="ward",
        metrics=("mae", "r2"),
        aggregates=("worst", "gap"),
        shrink=False,
    )
    assert list(scoring) == [
        *("r2", "neg_mean_absolute_error"),
        *("neg_worst_mae", "neg_gap_mae", "worst_r2", "neg_gap_r2"),
    ]
    model = Ridge().fit(X, y)
    error = (y - model.predict(X)).abs().groupby(X["ward"]).mean()
    assert_allclose(scoring["neg_worst_mae"](model, X, y), -error.max())
    assert_allclose(scoring["neg_gap_mae"](model, X, y), error.min() - error.max())
    assert_allclose(scoring["r2"](model, X, y), model.score(X, y))


@pytest.mark.slow
def test_equity_scoring_in_a_search_with_workers_equals_one_without():
    X, y = people()
    one, two = (
        GridSearchCV(
            Ridge(), GRID, scoring=SCORING, refit=PICK, cv=KFold(3), n_jobs=n_jobs
        ).fit(X, y)
        for n_jobs in (1, 2)
    )
    for key in ("mean_test_r2", "mean_test_neg_worst_rmse"):
        assert list(one.cv_results_[key]) == list(two.cv_results_[key])


# ---- refusals ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: ParetoPick("a", within="a"), "`objective` and `within` must differ"),
        (
            lambda: ParetoPick("a", within="b", n_se=-1),
            "`n_se` must be a finite number",
        ),
        (lambda: ParetoPick("a", within="b", n_se=np.nan), "`n_se` must be a finite"),
        (lambda: ParetoPick("a", within="b", n_se=np.inf), "`n_se` must be a finite"),
        (lambda: ParetoPick("a", within="b", n_se="1"), "`n_se` must be a finite"),
        (lambda: equity_scoring(get_scorer("r2")), "`base` must be names of scikit"),
        (lambda: pareto_front(BY_HAND, metrics="r2"), "`metrics` must be a tuple of"),
        (
            lambda: ParetoPick("neg_wrost", within="r2")(BY_HAND),
            r"no metric 'neg_wrost': its `scoring` has \['r2', 'neg_worst'\]",
        ),
        (lambda: pareto_front(BY_HAND, metrics=("mae",)), "no metric 'mae'"),
        (lambda: pareto_front({}), "`metrics` must name at least one"),
        (
            lambda: ParetoPick("neg_worst", within="r2")(results_of([[1.0]], [[1.0]])),
            "needs at least 2 folds; got 1",
        ),
        (
            lambda: ParetoPick("neg_worst", within="r2")(
                results_of([[np.nan]] * 2, [[1.0]] * 2)
            ),
            "No candidate has finite scores",
        ),
        (
            lambda: equity_scoring(subgroups="a", metrics=("mae", "mae")),
            r"twice: \['neg_worst_mae'\]",
        ),
    ],
)
def test_refusals_name_what_is_wrong(ask, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ask()
