"""What does scikit-learn do that the scorers are built around? Each fact as a test.

The name of a test is the fact; its last lines show what the scorers make of it. Where a
release of scikit-learn changes a fact, the test that fails says what can go.
"""

from multiprocessing.pool import ThreadPool

import numpy as np
import pandas as pd
import pytest
import sklearn
from joblib import parallel_config
from numpy.testing import assert_allclose
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    average_precision_score,
    make_scorer,
    recall_score,
    root_mean_squared_error,
)
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
)
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state

from sklearn_equity.exceptions import ScorerError
from sklearn_equity.scorers import (
    ParetoPick,
    SubgroupStratifiedKFold,
    equity_scorer,
    equity_scoring,
)

N_ROWS = 240
FOLDS = KFold(3)
rng = np.random.default_rng(1601)
X = pd.DataFrame({"dose": rng.normal(size=N_ROWS), "ward": np.arange(N_ROWS) % 2})
Y = 20 + X["dose"] + (1 + X["ward"]) * rng.normal(size=N_ROWS)
ILL = pd.Series(np.where(Y > 21, "ill", "well"))
OPTIONS = {"min_subgroup_size": 5, "shrink": False}


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


# ---- metadata ----------------------------------------------------------------------
def by_ward(y_true, y_pred, subgroups=None):
    """Measure the worst ward, as a user's own metric does it."""
    error = pd.Series((np.asarray(y_true) - y_pred) ** 2)
    return np.sqrt(error.groupby(np.asarray(subgroups)).mean().max())


def test_without_routing_a_scorer_of_scikit_learn_cannot_ask_for_metadata():
    with pytest.raises(RuntimeError, match="enable_metadata_routing"):
        make_scorer(by_ward).set_score_request(subgroups=True)
    with pytest.raises(RuntimeError, match="enable_metadata_routing"):
        equity_scorer("rmse").set_score_request(sample_weight=True)


def test_without_a_request_metadata_is_refused(routing):
    params = {"subgroups": X["ward"]}
    refusals = UnsetMetadataPassedError, TypeError  # the latter before 1.7
    with pytest.raises(refusals, match="subgroups"):
        cross_val_score(Ridge(), X, Y, scoring=make_scorer(by_ward), params=params)
    ours = equity_scorer("rmse", **OPTIONS)  # it requests them by itself
    theirs = make_scorer(by_ward, greater_is_better=False)
    theirs.set_score_request(subgroups=True)
    assert_allclose(
        *(
            cross_val_score(Ridge(), X, Y, scoring=scorer, cv=FOLDS, params=params)
            for scorer in (ours, theirs)
        )
    )


def test_a_plain_function_among_several_metrics_cannot_take_weights():
    def plain(estimator, table, target):
        return -root_mean_squared_error(target, estimator.predict(table))

    weight = np.ones(N_ROWS)
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, refit=False, cv=FOLDS)
    search.set_params(scoring={"plain": plain, "r2": "r2"})
    if hasattr(make_scorer(by_ward), "_accept_sample_weight"):  # not in 1.6
        with pytest.raises(AttributeError, match="_accept_sample_weight"):
            search.fit(X, Y, sample_weight=weight)
    ours = equity_scorer("rmse", subgroups="ward", **OPTIONS)
    search.set_params(scoring={"ours": ours, "r2": "r2"}).fit(
        X, Y, sample_weight=weight
    )
    assert np.isfinite(search.cv_results_["mean_test_ours"]).all()


# ---- names -------------------------------------------------------------------------
class DerivedMetric:
    """A callable object without a name, such as fairlearn derives from a metric."""

    def __call__(self, y_true, y_pred):
        return root_mean_squared_error(y_true, y_pred)


def test_a_metric_without_a_name_has_no_repr_as_a_scorer():
    with pytest.raises(AttributeError, match="__name__"):
        repr(make_scorer(DerivedMetric()))
    ours = equity_scorer(
        DerivedMetric(), greater_is_better=False, subgroups="ward", **OPTIONS
    )
    assert repr(ours).startswith("equity_scorer(DerivedMetric, ")
    assert ours.__name__ == "neg_worst_DerivedMetric"
    named = equity_scorer("rmse", subgroups="ward", **OPTIONS)
    scores = cross_validate(
        Ridge(), X, Y, scoring={"ours": ours, "named": named}, cv=FOLDS
    )
    assert_allclose(scores["test_ours"], scores["test_named"])


def test_a_function_as_refit_leaves_a_search_that_cannot_score():
    scoring = equity_scoring("r2", subgroups="ward", metrics="rmse", **OPTIONS)
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, scoring=scoring, cv=FOLDS)
    with pytest.raises(KeyError):
        search.set_params(refit=lambda results: 0).fit(X, Y).score(X, Y)
    pick = ParetoPick("neg_worst_rmse", within="r2")
    search.set_params(refit=pick).fit(X, Y)
    assert search.score(X, Y) == scoring["neg_worst_rmse"](search, X, Y)


# ---- samplers ----------------------------------------------------------------------
def test_a_sampler_in_a_pipeline_leaves_metadata_of_another_length(routing):
    imblearn_pipeline = pytest.importorskip("imblearn.pipeline")
    sampler = __import__("imblearn.under_sampling").under_sampling.RandomUnderSampler
    params = {"subgroups": X["ward"].to_numpy()}
    scorer = equity_scorer("accuracy", **OPTIONS)
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, scoring=scorer, cv=FOLDS)
    inside = imblearn_pipeline.make_pipeline(sampler(random_state=0), search)
    with pytest.raises(ScorerError, match=r"one label per row .*; got 240"):
        inside.fit(X, ILL, **params)
    around = imblearn_pipeline.make_pipeline(
        sampler(random_state=0), LogisticRegression()
    )
    scores = cross_val_score(around, X, ILL, scoring=scorer, cv=FOLDS, params=params)
    by_column = equity_scorer("accuracy", subgroups="ward", **OPTIONS)
    again = cross_val_score(around, X, ILL, scoring=by_column, cv=FOLDS)
    assert_allclose(scores, again)


# ---- responses ---------------------------------------------------------------------
def ranks(label, **options):
    return make_scorer(
        average_precision_score,
        response_method="predict_proba",
        pos_label=label,
        **options,
    )


def test_scorers_of_one_search_share_probabilities_of_one_class():
    """The cache is keyed by the method alone: the second gets the first one's class."""
    model = LogisticRegression()

    def scores_of(scoring):
        found = cross_validate(model, X, ILL, scoring=scoring, cv=FOLDS)
        return [found[f"test_{name}"] for name in scoring]

    alone = [scores_of({label: ranks(label)})[0] for label in ("ill", "well")]
    together = scores_of({label: ranks(label) for label in ("ill", "well")})
    assert_allclose(together[0], alone[0])
    assert not np.allclose(together[1], alone[1])

    ours = {
        label: equity_scorer(ranks(label), subgroups="ward", **OPTIONS)
        for label in ("ill", "well")
    }
    alone = [scores_of({label: scorer})[0] for label, scorer in ours.items()]
    assert_allclose(scores_of(ours), alone)
    beside_theirs = scores_of({"theirs": ranks("well"), **ours})
    assert_allclose(beside_theirs[1:], alone)


def test_scorers_of_one_search_ask_a_model_once():
    asked = []

    class Asked(LogisticRegression):
        def predict_proba(self, table):
            asked.append(len(table))
            return super().predict_proba(table)

    scoring = {
        metric: equity_scorer(metric, subgroups="ward", **OPTIONS)
        for metric in ("brier", "log_loss", "neg_log_loss")
    }
    cross_validate(Asked(), X, ILL, scoring=scoring, cv=FOLDS)
    assert asked == [80, 80, 80]


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (average_precision_score, r"about pos_label=1, but .* \['ill', 'well'\]"),
        ("f1", "pos_label=1 is not a valid label"),
    ],
)
def test_a_class_that_is_not_among_the_labels_is_a_mistake(metric, message):
    theirs = "f1" if metric == "f1" else make_scorer(metric)
    model = LogisticRegression()
    with pytest.warns(UserWarning, match="Scoring failed"):
        assert np.isnan(cross_val_score(model, X, ILL, scoring=theirs)).all()
    ours = equity_scorer(metric, subgroups="ward", **OPTIONS)
    with pytest.raises(ScorerError, match=message):
        cross_val_score(model, X, ILL, scoring=ours)


@pytest.mark.parametrize(
    ("metric", "message"),
    [("roc_auc", "met no class but"), ("recall", "on which recall is defined")],
)
def test_a_truth_of_one_class_is_no_fault_of_a_candidate(metric, message):
    scorer = equity_scorer(metric, subgroups="ward", **OPTIONS)
    nobody_ill = np.zeros(N_ROWS, dtype=int)
    with pytest.raises(ScorerError, match=message):
        cross_val_score(DecisionTreeClassifier(), X, nobody_ill, scoring=scorer)
    zero = make_scorer(recall_score, zero_division=0)
    if metric == "recall":
        scorer = equity_scorer(zero, subgroups="ward", **OPTIONS)
        scores = cross_val_score(DummyClassifier(), X, nobody_ill, scoring=scorer)
        assert list(scores) == [0.0] * 5


# ---- errors that are no `Exception` ------------------------------------------------
WRONG = equity_scorer("rmse", subgroups="no such column")


def test_a_search_makes_a_nan_of_every_exception():
    def fails(estimator, table, target):
        raise ValueError("no such column")

    with pytest.warns(UserWarning, match="Scoring failed"):
        assert np.isnan(cross_val_score(Ridge(), X, Y, scoring=fails)).all()
    assert not issubclass(ScorerError, Exception)
    with pytest.raises(ScorerError, match="names no column"):
        cross_val_score(Ridge(), X, Y, scoring=WRONG)


PROCESSES = ["loky", "multiprocessing"]  # each imports everything anew


@pytest.mark.parametrize(
    "backend",
    ["threading", *(pytest.param(b, marks=pytest.mark.slow) for b in PROCESSES)],
)
def test_workers_live_on_after_an_error_of_a_scorer(backend):
    right = equity_scorer("rmse", subgroups="ward", **OPTIONS)
    with parallel_config(backend=backend, n_jobs=2):
        with pytest.raises(ScorerError, match="names no column"):
            cross_val_score(Ridge(), X, Y, scoring=WRONG, cv=FOLDS)
        scores = cross_val_score(Ridge(), X, Y, scoring=right, cv=FOLDS)
    assert_allclose(scores, cross_val_score(Ridge(), X, Y, scoring=right, cv=FOLDS))


def score_wrongly(_):
    return cross_val_score(Ridge(), X, Y, scoring=WRONG, cv=FOLDS)


def score_wrongly_for_a_pool(_):
    try:
        return score_wrongly(_)
    except ScorerError as error:
        raise RuntimeError(str(error)) from error


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_pool_of_the_standard_library_needs_an_exception():
    """Its workers end by what is no `Exception`, and whoever waits is not told."""
    from multiprocessing import TimeoutError as TimedOut

    with ThreadPool(1) as pool, pytest.raises(TimedOut):
        pool.apply_async(score_wrongly, [0]).get(timeout=2)
    with ThreadPool(1) as pool, pytest.raises(RuntimeError, match="names no column"):
        pool.map(score_wrongly_for_a_pool, [0])


# ---- randomness --------------------------------------------------------------------
def test_a_generator_of_numpy_is_no_random_state():
    generator = np.random.default_rng(4)
    with pytest.raises(ValueError, match="cannot be used to seed"):
        check_random_state(generator)
    folds = SubgroupStratifiedKFold(
        3, subgroups="ward", shuffle=True, random_state=generator
    )
    with pytest.raises(ValueError, match="cannot be used to seed"):
        next(folds.split(X, Y))
