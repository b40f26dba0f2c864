"""Where does which source of subgroups work? The cells of the user guide's table.

Every source describes the same three wards, so wherever it works it must give the same
scores as any other; where it can't, the error must name the source that does.
"""

import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFECV, SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeCV,
)
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_equity.exceptions import ScorerError
from sklearn_equity.fidelity import QuantileBands
from sklearn_equity.scorers import equity_scorer

N_ROWS = 300
FOLDS = KFold(3)
GRID = {"alpha": [0.1, 10.0, 1000.0]}


def people(seed=90310):
    """Three wards as a number, so that arrays hold them too; the last is served ill."""
    rng = np.random.default_rng(seed)
    ward = rng.permutation(np.arange(N_ROWS) % 3)  # equal, so that bands find them
    X = pd.DataFrame(
        {
            "ward": ward,
            "dose": rng.normal(size=N_ROWS),
            "age": rng.normal(size=N_ROWS),
            "noise": rng.normal(size=N_ROWS),
        },
        index=rng.permutation(N_ROWS) + 1000,
    )
    y = 20 + X["dose"] + 0.3 * X["age"] + (1 + ward) * rng.normal(size=N_ROWS)
    return X, y


X, Y = people()
SOURCES = {
    "column": "ward",
    "bands": ("ward", 3),
    "segmenter": KMeans(3, n_init=10, random_state=0).fit(X[["ward"]]),
    "series": X["ward"],
    "function": lambda table: table["ward"],
    "metadata": None,
}
ALL = tuple(SOURCES)
READS_THE_TABLE = ("column", "bands", "segmenter", "function")


def scorer_of(source, **options):
    options = {"metric": "rmse", "shrink": False, "min_subgroup_size": 5} | options
    return equity_scorer(subgroups=SOURCES[source], **options)


def worst(estimator, table, target):
    """Compute the score the obvious way."""
    error = (target - estimator.predict(table)) ** 2
    return -np.sqrt(error.groupby(table["ward"]).mean()).max()


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield {"subgroups": X["ward"]}


@pytest.fixture(params=ALL)
def source(request):
    """Name a source; switch routing on where it is needed, and only there."""
    with sklearn.config_context(enable_metadata_routing=request.param == "metadata"):
        yield request.param


def params_for(source):
    return {"subgroups": X["ward"]} if source == "metadata" else {}


# ---- tools that keep the table: every source works ---------------------------------
def expected_folds(estimator=None):
    return [
        worst(
            clone(estimator or Ridge()).fit(X.iloc[train], Y.iloc[train]),
            X.iloc[test],
            Y.iloc[test],
        )
        for train, test in FOLDS.split(X)
    ]


def test_cross_validate_against_a_loop(source):
    result = cross_validate(
        Ridge(), X, Y, scoring=scorer_of(source), cv=FOLDS, params=params_for(source)
    )
    assert_allclose(result["test_score"], expected_folds())


@pytest.mark.parametrize("name", [name for name in ALL if name != "metadata"])
def test_sources_other_than_metadata_work_with_routing_on(name, routing):
    scores = cross_val_score(Ridge(), X, Y, scoring=scorer_of(name), cv=FOLDS)
    assert_allclose(scores, expected_folds())


def test_cross_val_score_against_a_loop(source):
    scores = cross_val_score(
        Ridge(), X, Y, scoring=scorer_of(source), cv=FOLDS, params=params_for(source)
    )
    assert_allclose(scores, expected_folds())


def test_several_metrics_with_sample_weight(source):
    scoring = {"equity": scorer_of(source), "r2": "r2"}
    weight = np.random.default_rng(5).uniform(0.5, 2.0, N_ROWS)
    search = GridSearchCV(Ridge(), GRID, scoring=scoring, refit="equity", cv=FOLDS)
    if source == "metadata":
        search.set_params(estimator=Ridge().set_fit_request(sample_weight=True))
        scoring["equity"].set_score_request(sample_weight=True)
        scoring["r2"] = sklearn.metrics.get_scorer("r2").set_score_request(
            sample_weight=False
        )
    search.fit(X, Y, sample_weight=weight, **params_for(source))
    results = search.cv_results_
    assert np.isfinite(results["mean_test_equity"]).all()
    assert np.isfinite(results["mean_test_r2"]).all()
    if source == "metadata":
        train, test = next(FOLDS.split(X))
        model = Ridge(alpha=0.1).fit(X.iloc[train], Y.iloc[train], weight[train])
        again = scorer_of("column")(
            model, X.iloc[test], Y.iloc[test], sample_weight=weight[test]
        )
        assert_allclose(results["split0_test_equity"][0], again)


def search_scores(search, source):
    search.fit(X, Y, **params_for(source))
    return search.cv_results_["mean_test_score"]


def expected_grid():
    return [np.mean(expected_folds(Ridge(alpha=alpha))) for alpha in GRID["alpha"]]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_against_a_loop(source, n_jobs):
    search = GridSearchCV(
        Ridge(), GRID, scoring=scorer_of(source), cv=FOLDS, n_jobs=n_jobs
    )
    assert_allclose(search_scores(search, source), expected_grid())
    if source == "bands":  # of the rows scored they would be others than before
        with pytest.raises(ValueError, match=r"QuantileBands\(3\)\.fit"):
            search.score(X, Y)
        return
    score = search.score(X, Y, **params_for(source))
    assert_allclose(score, worst(search.best_estimator_, X, Y))


def test_randomized_search(source):
    search = RandomizedSearchCV(
        Ridge(), GRID, n_iter=3, random_state=0, scoring=scorer_of(source), cv=FOLDS
    )
    assert_allclose(sorted(search_scores(search, source)), sorted(expected_grid()))


def test_halving_grid_search(source):
    def halve(name):
        search = HalvingGridSearchCV(
            Ridge(),
            GRID,
            scoring=scorer_of(name),
            cv=FOLDS,
            random_state=0,
            min_resources=90,
        )
        return search_scores(search, name)

    assert_allclose(halve(source), halve("column"))


def test_nested_search(source):
    scorer = scorer_of(source)
    if source == "bands":  # else learnt anew from the rows of every inner search
        fixed = ("ward", QuantileBands(3).fit(X["ward"]))
        scorer = equity_scorer(
            "rmse", subgroups=fixed, shrink=False, min_subgroup_size=5
        )
    search = GridSearchCV(Ridge(), GRID, scoring=scorer, cv=2)
    result = cross_validate(
        search, X, Y, scoring=scorer, cv=FOLDS, params=params_for(source)
    )
    for k, (train, test) in enumerate(FOLDS.split(X)):
        inner = GridSearchCV(Ridge(), GRID, scoring=scorer_of("column"), cv=2)
        inner.fit(X.iloc[train], Y.iloc[train])
        expected = worst(inner.best_estimator_, X.iloc[test], Y.iloc[test])
        assert_allclose(result["test_score"][k], expected)


@pytest.mark.parametrize("name", [name for name in ALL if name != "metadata"])
def test_nested_search_scored_by_the_search_itself(name):
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, scoring=scorer_of(name), cv=2)
    assert_allclose(cross_val_score(search, X, Y, cv=FOLDS), expected_folds())


def test_learning_curve(source):
    _, _, scores = learning_curve(
        Ridge(),
        X,
        Y,
        scoring=scorer_of(source),
        cv=FOLDS,
        train_sizes=[1.0],
        params=params_for(source),
    )
    assert_allclose(scores[0], expected_folds())


def test_permutation_test_score_permutes_the_target_and_not_the_people(source):
    score, permuted, _ = permutation_test_score(
        Ridge(),
        X,
        Y,
        scoring=scorer_of(source),
        cv=FOLDS,
        n_permutations=4,
        random_state=0,
        params=params_for(source),
    )
    assert_allclose(score, np.mean(expected_folds()))
    rng = np.random.RandomState(0)
    for k in range(4):
        shuffled = Y.iloc[rng.permutation(N_ROWS)]
        folds = []
        for train, test in FOLDS.split(X):
            model = Ridge().fit(X.iloc[train], shuffled.iloc[train])
            target = shuffled.iloc[test].set_axis(X.index[test])
            folds.append(worst(model, X.iloc[test], target))
        assert_allclose(permuted[k], np.mean(folds))


@pytest.mark.parametrize("name", ["series", "metadata"])
def test_permutation_test_score_of_an_array_does_not_trust_the_index_of_y(name):
    options = {"cv": FOLDS, "n_permutations": 2, "random_state": 0}
    routed = name == "metadata"
    with sklearn.config_context(enable_metadata_routing=routed):
        labels = {"subgroups": X["ward"]} if routed else None
        cure = "to_numpy" if routed else "where y is permuted .* data frame as X"
        with pytest.raises((TypeError, ValueError), match=cure):
            permutation_test_score(
                Ridge(),
                X.to_numpy(),
                Y,
                scoring=scorer_of(name),
                params=labels,
                **options,
            )
    with sklearn.config_context(enable_metadata_routing=True):
        by_array = permutation_test_score(
            Ridge(),
            X.to_numpy(),
            Y,
            scoring=scorer_of("metadata"),
            params={"subgroups": X["ward"].to_numpy()},
            **options,
        )
    by_frame = permutation_test_score(
        Ridge(), X, Y, scoring=scorer_of("series"), **options
    )
    assert_allclose(by_array[1], by_frame[1])


@pytest.mark.slow
def test_permutation_test_score_of_an_array_is_seen_by_inner_workers():
    search = GridSearchCV(
        Ridge(), {"alpha": [1.0]}, scoring=scorer_of("series"), cv=2, n_jobs=2
    )
    with pytest.raises(ScorerError, match=r"where y is permuted .* data frame as X"):
        permutation_test_score(search, X.to_numpy(), Y, cv=FOLDS, n_permutations=1)
    search.fit(X.to_numpy(), Y)  # by the index of y, where it is not permuted


@pytest.mark.parametrize("name", ["column", "bands", "function", "metadata"])
def test_polars(name):
    table, target = pl.from_pandas(X), pl.from_pandas(Y)
    routed = name == "metadata"
    with sklearn.config_context(enable_metadata_routing=routed):
        scores = cross_val_score(
            Ridge(),
            table,
            target,
            scoring=scorer_of(name),
            cv=FOLDS,
            params={"subgroups": table["ward"]} if routed else None,
        )
    assert_allclose(scores, expected_folds())


def test_pyarrow():
    table = pl.from_pandas(X).to_arrow()
    model = make_pipeline(FunctionTransformer(lambda t: t.to_pandas()), Ridge())
    model.fit(table, Y)
    expected = worst(model[-1], X, Y)
    for name in ("column", "bands", "function"):
        scorer = scorer_of(name)
        if name == "function":
            scorer = equity_scorer(
                "rmse",
                subgroups=lambda t: t["ward"].to_numpy(),
                shrink=False,
                min_subgroup_size=5,
            )
        assert_allclose(scorer(model, table, Y), expected)


# ---- tools that hand a scorer bare arrays ------------------------------------------
def in_pipeline(source, n_jobs=1):
    search = GridSearchCV(
        Ridge(), GRID, scoring=scorer_of(source), cv=FOLDS, n_jobs=n_jobs
    )
    pipeline = make_pipeline(StandardScaler(), search)
    return pipeline.fit(X, Y, **params_for(source))[-1].cv_results_["mean_test_score"]


def select_recursively(source):
    selector = RFECV(Ridge(), cv=FOLDS, scoring=scorer_of(source))
    selector.fit(X, Y, **params_for(source))
    return selector.cv_results_["mean_test_score"]


def select_sequentially(source):
    selector = SequentialFeatureSelector(
        Ridge(), cv=FOLDS, scoring=scorer_of(source), n_features_to_select=2
    )
    return selector.fit(X, Y, **params_for(source)).get_support()


@pytest.mark.parametrize("name", ["series", "metadata"])
def test_pipeline_around_a_search(name):
    with sklearn.config_context(enable_metadata_routing=name == "metadata"):
        scores = in_pipeline(name)
    scaled = pd.DataFrame(StandardScaler().fit_transform(X), columns=X.columns)
    for alpha, score in zip(GRID["alpha"], scores, strict=True):
        folds = []
        for train, test in FOLDS.split(X):
            model = Ridge(alpha=alpha).fit(scaled.iloc[train].to_numpy(), Y.iloc[train])
            error = (Y.iloc[test] - model.predict(scaled.iloc[test].to_numpy())) ** 2
            folds.append(-np.sqrt(error.groupby(X["ward"].iloc[test]).mean()).max())
        assert_allclose(score, np.mean(folds))


@pytest.mark.parametrize(
    ("name", "n_jobs"), [("column", 1), ("bands", 1), ("segmenter", 1), ("column", 2)]
)
def test_pipeline_around_a_search_refuses_column_names(name, n_jobs):
    message = "made a bare array of it. What works here: `subgroups` as a pandas Series"
    with pytest.raises(ScorerError, match=message):
        in_pipeline(name, n_jobs)


def test_sequential_selection_by_series_equals_that_by_metadata(routing):
    by_metadata = select_sequentially("metadata")
    with sklearn.config_context(enable_metadata_routing=False):
        by_series = select_sequentially("series")
    assert list(by_metadata) == list(by_series)
    assert by_metadata[1]  # the dose


@pytest.mark.parametrize("name", READS_THE_TABLE)
def test_sequential_selection_refuses_what_reads_the_table(name):
    with pytest.raises(ScorerError, match="What works here: `subgroups` as a pandas"):
        select_sequentially(name)


@pytest.mark.parametrize("several", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_sequential_selection_refuses_positions(several):
    on_array = KMeans(2, n_init=1, random_state=0).fit(X.to_numpy()[:, :1])
    for source in (lambda array: array[:, 0] > 0, on_array):
        selector = SequentialFeatureSelector(
            Ridge(),
            cv=FOLDS,
            scoring=equity_scorer("rmse", subgroups=source, min_subgroup_size=5),
            n_features_to_select=2,
            n_jobs=several,
        )
        with pytest.raises(
            ScorerError, match="What works here: `subgroups` as a panda"
        ):
            selector.fit(X, Y)


@pytest.mark.slow
def test_a_function_of_an_array_is_refused_where_its_columns_cannot_be_vouched_for():
    scorer = equity_scorer(
        "rmse", subgroups=lambda a: a[:, 0], shrink=False, min_subgroup_size=5
    )
    assert_allclose(
        cross_val_score(Ridge(), X.to_numpy(), Y, scoring=scorer, cv=FOLDS),
        expected_folds(),
    )
    with pytest.raises(ScorerError, match="several workers"):
        cross_val_score(Ridge(), X.to_numpy(), Y, scoring=scorer, cv=FOLDS, n_jobs=2)


def test_recursive_selection_by_metadata(routing):
    selector = RFECV(Ridge(), cv=FOLDS, scoring=scorer_of("metadata"))
    selector.fit(X, Y, subgroups=X["ward"].to_numpy())
    scores = selector.cv_results_["mean_test_score"]
    assert_allclose(scores[-1], np.mean(expected_folds()))  # all four features


IN_SEARCH = make_pipeline(
    StandardScaler(), GridSearchCV(Ridge(), GRID, scoring=scorer_of("metadata"), cv=3)
)
WITHOUT_AN_INDEX = {
    "RFECV": (RFECV(Ridge(), cv=FOLDS, scoring=scorer_of("metadata")), Y),
    "RidgeCV": (RidgeCV(scoring=scorer_of("metadata")), Y),
    "LogisticRegressionCV": (
        LogisticRegressionCV(
            scoring=scorer_of("metadata", metric="accuracy"), cv=FOLDS, Cs=2
        ),
        pd.Series(np.where(Y > 20, 1, 0), index=Y.index),
    ),
    "search in a pipeline": (IN_SEARCH, Y.to_numpy()),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of LogisticRegressionCV in 1.8
@pytest.mark.parametrize("tool", WITHOUT_AN_INDEX)
def test_metadata_with_an_index_that_nothing_can_be_compared_with(tool, routing):
    estimator, target = WITHOUT_AN_INDEX[tool]
    for labels in (X["ward"], X["ward"].sample(frac=1, random_state=0)):
        with pytest.raises((ValueError, ScorerError), match=r"subgroups.to_numpy\(\)"):
            clone(estimator).fit(X, target, subgroups=labels)
    clone(estimator).fit(X, target, subgroups=X["ward"].to_numpy())


def test_metadata_numbered_from_zero_is_as_good_as_an_array():
    model, table, target = Ridge().fit(X, Y), X.to_numpy(), Y.to_numpy()
    labels = X["ward"].reset_index(drop=True)
    score = scorer_of("metadata")(
        model.fit(table, target), table, target, subgroups=labels
    )
    assert_allclose(score, worst(Ridge().fit(X, Y), X, Y))


def test_an_order_that_a_new_index_hides_cannot_be_told():
    """Sorted and numbered anew, labels look like those of the rows: no trace stays."""
    model = Ridge().fit(X, Y)
    table, target = X.reset_index(drop=True), Y.reset_index(drop=True)
    by_ward = table["ward"].sort_values()
    score = scorer_of("metadata")
    with pytest.raises(ValueError, match="different indexes"):
        score(model, table, target, subgroups=by_ward)  # its index still tells
    misread = score(model, table, target, subgroups=by_ward.reset_index(drop=True))
    assert misread != score(model, table, target, subgroups=table["ward"])


@pytest.mark.parametrize("name", [*READS_THE_TABLE, "series"])
def test_recursive_selection_refuses_all_but_metadata(name):
    with pytest.raises(TypeError, match="What works here: metadata"):
        select_recursively(name)


# ---- tools that shuffle the table ---------------------------------------------------
@pytest.mark.parametrize("max_samples", [1.0, 0.5])
def test_permutation_importance_by_series_keeps_people_in_their_subgroup(max_samples):
    def ward_kept(estimator, table, target):
        error = (target - estimator.predict(table)) ** 2
        ward = X["ward"].loc[table.index]  # not the shuffled column
        return -np.sqrt(error.groupby(ward).mean()).max()

    model = Ridge().fit(X, Y)
    options = {"n_repeats": 3, "random_state": 0, "max_samples": max_samples}
    found, expected = (
        permutation_importance(model, X, Y, scoring=scoring, **options)
        for scoring in (scorer_of("series"), ward_kept)
    )
    assert_allclose(found.importances, expected.importances)


@pytest.mark.parametrize(
    ("name", "n_jobs"), [*((name, 1) for name in READS_THE_TABLE), ("column", 2)]
)
def test_permutation_importance_refuses_a_shuffled_source(name, n_jobs):
    model = Ridge().fit(X, Y)
    refusal = ValueError if n_jobs == 1 else ScorerError  # who called can't be seen
    with pytest.raises(refusal, match=r"permutation_importance shuffled .*Series"):
        permutation_importance(
            model, X, Y, scoring=scorer_of(name), n_repeats=2, n_jobs=n_jobs
        )


def test_permutation_importance_of_an_array_takes_a_series_by_the_index_of_y():
    model = Ridge().fit(X.to_numpy(), Y)
    found = permutation_importance(
        model, X.to_numpy(), Y, scoring=scorer_of("series"), n_repeats=3, random_state=0
    )
    frame = permutation_importance(
        Ridge().fit(X, Y),
        X,
        Y,
        scoring=scorer_of("series"),
        n_repeats=3,
        random_state=0,
    )
    assert_allclose(found.importances, frame.importances)


# ---- early stopping and callbacks ---------------------------------------------------
def stop_early(subgroups, cls=HistGradientBoostingRegressor, metric="rmse"):
    model = cls(
        max_iter=12,
        early_stopping=True,
        validation_fraction=0.4,
        random_state=0,
        scoring=equity_scorer(metric, subgroups=subgroups, min_subgroup_size=5),
    )
    target = Y if metric == "rmse" else pd.Series(np.where(Y > 20, "high", "low"))
    return model.fit(X, target.to_numpy()).validation_score_


@pytest.mark.parametrize(
    ("cls", "metric"),
    [
        (HistGradientBoostingRegressor, "rmse"),
        (HistGradientBoostingClassifier, "balanced_accuracy"),
    ],
)
def test_early_stopping_by_a_column_at_its_position(cls, metric):
    by_position = stop_early(lambda bins: bins[:, 0], cls, metric)
    assert len(by_position) > 2
    assert len(set(by_position)) > 1
    everyone = stop_early(lambda bins: np.zeros(len(bins)), cls, metric)
    assert not np.allclose(by_position[:2], everyone[:2])


def test_early_stopping_puts_categories_first_and_so_refuses_positions():
    def fit(table, categorical):
        seen = []

        def last_column(bins):
            seen.append(np.unique(bins[:, -1]))
            return bins[:, -1]

        HistGradientBoostingRegressor(
            max_iter=2,
            early_stopping=True,
            validation_fraction=0.4,
            random_state=0,
            categorical_features=categorical,
            scoring=equity_scorer("rmse", subgroups=last_column, min_subgroup_size=5),
        ).fit(table, Y.to_numpy())
        return seen

    last = X[["dose", "age", "ward"]].to_numpy()
    first = X[["ward", "age"]].assign(sex=X["ward"] % 2).to_numpy()
    assert len(fit(last, None)[0]) == 3  # wards
    assert len(fit(first, [0])[0]) == 2  # the categorical ward stays first
    with pytest.raises(TypeError, match=r"categorical columns first.*early_stopping=F"):
        fit(last, [2])  # the last of what the scorer would see is the age


@pytest.mark.parametrize("name", ["column", "bands", "segmenter"])
def test_early_stopping_refuses_names(name):
    with pytest.raises(TypeError, match=r"early stopping .*=lambda X: X\[:, 0\]"):
        stop_early(SOURCES[name])


@pytest.mark.parametrize("name", ["series", "metadata"])
def test_early_stopping_refuses_series_and_metadata(name):
    with pytest.raises((TypeError, ValueError), match=r"`subgroups`") as refusal:
        stop_early(SOURCES[name])
    assert "lambda X: X[:, 0]" in str(refusal.value)


@pytest.mark.parametrize("name", ["function", "column"])
def test_scoring_monitor(name):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn >= 1.9")
    target = np.where(Y > 20, 1, 0)
    subgroups = (lambda table: table[:, 0]) if name == "function" else SOURCES[name]
    scorer = equity_scorer(accuracy_score, subgroups=subgroups, shrink=False)
    monitor = callback.ScoringMonitor(scoring=scorer)
    model = LogisticRegression(max_iter=5, tol=0).set_callbacks(monitor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if name == "column":
            with pytest.raises(TypeError, match="What works here"):
                model.fit(X.to_numpy(), target)
            return
        model.fit(X.to_numpy(), target)
    scores = [row["score"] for row in monitor.get_logs().data if "score" in row]
    right = pd.Series(model.predict(X.to_numpy()) == target, index=X.index)
    assert len(scores) >= 5
    assert_allclose(scores[-1], right.groupby(X["ward"]).mean().min())


# ---- TunedThresholdClassifierCV -----------------------------------------------------
class Scored(ClassifierMixin, BaseEstimator):
    """A classifier that ranks by one column, whatever it is shown."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = np.asarray(X["p"])
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[(np.asarray(X["p"]) > 0.5).astype(int)]


def two_wards():
    """Make the sick of the small ward harder to tell from the well than the large's."""
    rng = np.random.default_rng(61)
    ward = rng.permutation(np.repeat(["large", "small"], [1000, 200]))
    well = rng.uniform(size=1200) < np.where(ward == "large", 0.9, 0.3)
    shift = np.where(ward == "large", 0.0, -3.0)
    p = 1 / (1 + np.exp(-(3 * well - 1 + shift + rng.normal(size=1200))))
    table = pd.DataFrame({"p": p, "ward": ward}, index=rng.permutation(1200))
    return table, pd.Series(np.where(well, "well", "sick"), index=table.index)


def tune(scorer, table, target, **metadata):
    tuner = TunedThresholdClassifierCV(Scored(), scoring=scorer, cv=3, thresholds=40)
    return tuner.fit(table, target, **metadata).best_threshold_


def worst_balanced_accuracy(table, target, threshold):
    answer = np.where(table["p"] >= threshold, "well", "sick")
    return min(
        balanced_accuracy_score(target[rows], answer[rows])
        for rows in (table["ward"] == ward for ward in ("large", "small"))
    )


@pytest.mark.parametrize("name", ["series", "metadata"])
def test_tuned_threshold_tunes_the_equity_metric(name):
    table, target = two_wards()
    if name == "series":
        scorer = equity_scorer("balanced_accuracy", subgroups=table["ward"])
        best = tune(scorer, table, target)
    else:
        scorer = equity_scorer("balanced_accuracy")
        with sklearn.config_context(enable_metadata_routing=True):
            best = tune(scorer, table, target, subgroups=table["ward"])
    plain = tune("balanced_accuracy", table, target)
    ours, theirs = (worst_balanced_accuracy(table, target, t) for t in (best, plain))
    print(f"worst balanced accuracy: tuned for it {ours:.3f}, plain {theirs:.3f}")
    assert ours > theirs + 0.05
    grid = [worst_balanced_accuracy(table, target, t) for t in np.linspace(0, 1, 201)]
    assert ours > max(grid) - 0.03


@pytest.mark.parametrize("name", READS_THE_TABLE)
def test_tuned_threshold_refuses_what_reads_the_table(name):
    target = pd.Series(np.where(Y > 20, 1, 0), index=X.index)
    tuner = TunedThresholdClassifierCV(
        LogisticRegression(), scoring=scorer_of(name, metric=accuracy_score), cv=2
    )
    with pytest.raises(TypeError, match=r"hands a scorer no table.*as a pandas Series"):
        tuner.fit(X, target)


def test_tuned_threshold_refuses_metadata_in_another_row_order(routing):
    table, target = two_wards()
    shuffled = table["ward"].sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="`subgroups` and the rows scored have differ"):
        tune(equity_scorer("balanced_accuracy"), table, target, subgroups=shuffled)
    by_series = equity_scorer("balanced_accuracy", subgroups=table["ward"])
    with pytest.raises(ValueError, match="`subgroups` came twice"):
        by_series._score_func(target, target, subgroups=table["ward"])


def test_tuned_threshold_never_tunes_the_plain_metric():
    target = np.where(Y > 20, 1, 0)
    tuner = TunedThresholdClassifierCV(
        LogisticRegression(), scoring=scorer_of("metadata", metric="accuracy"), cv=2
    )
    with pytest.raises(ValueError, match="The scorer got no `subgroups`"):
        tuner.fit(X, target)
    by_series = clone(tuner).set_params(scoring=scorer_of("series", metric="accuracy"))
    with pytest.raises(TypeError, match="What works here: metadata"):
        by_series.fit(X, target)  # y has no index


def test_a_search_over_a_tuner_makes_no_nan_of_its_scorer():
    target = pd.Series(np.where(Y > 20, 1, 0), index=X.index)
    known = X["ward"].drop(X.index[:20])  # the first fold trains without them
    scorer = equity_scorer("accuracy", subgroups=known, min_subgroup_size=5)
    tuner = TunedThresholdClassifierCV(LogisticRegression(), scoring=scorer, cv=2)
    with pytest.raises(ScorerError, match=r"has no value for \d+ of 100 rows"):
        cross_val_score(tuner, X, target, cv=FOLDS)


# ---- never a NaN -------------------------------------------------------------------
MISTAKES = {
    "no such column": (equity_scorer("rmse", subgroups="wart"), "names no column"),
    "nothing": (equity_scorer("rmse"), "The scorer got no `subgroups`"),
    "rows unknown": (
        equity_scorer("rmse", subgroups=X["ward"].iloc[5:]),
        "has no value for [1-5] of 100 rows",
    ),
    "wrong length": (
        equity_scorer("rmse", subgroups=lambda t: [1, 2]),
        "one label per",
    ),
    "its own failure": (
        equity_scorer("rmse", subgroups=lambda t: 1 / 0),
        "division by",
    ),
    "too small": (
        equity_scorer("rmse", subgroups="ward", small="raise", min_subgroup_size=90),
        "too small",
    ),
    "negative target": (equity_scorer("nrmse", subgroups="ward"), "negative values"),
}


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistaken_scorer_never_ends_as_a_nan(mistake, several):
    scorer, message = MISTAKES[mistake]
    scoring = {"equity": scorer, "r2": "r2"} if several else scorer
    target = Y - 20 if mistake == "negative target" else Y
    with pytest.raises(ScorerError, match=message):
        cross_validate(Ridge(), X, target, scoring=scoring, cv=FOLDS)
    search = GridSearchCV(Ridge(), GRID, scoring=scoring, refit=False, cv=FOLDS)
    with pytest.raises(ScorerError, match=message):
        search.fit(X, target)


@pytest.mark.parametrize("several", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_mistake_comes_back_from_workers(several):
    scorer, message = MISTAKES["no such column"]
    scoring = {"equity": scorer, "r2": "r2"} if several else scorer
    with pytest.raises(ScorerError, match=message):
        cross_validate(Ridge(), X, Y, scoring=scoring, cv=FOLDS, n_jobs=2)


def test_a_mistake_inside_a_nested_search_comes_out():
    search = GridSearchCV(Ridge(), GRID, scoring=MISTAKES["no such column"][0], cv=2)
    with pytest.raises(ScorerError, match="names no column"):
        cross_val_score(search, X, Y, cv=FOLDS)


@pytest.mark.parametrize("error_score", [np.nan, "raise"])
@pytest.mark.parametrize(("outer", "inner"), [(None, None), (2, None), (None, 2)])
@pytest.mark.parametrize(
    "backend", [pytest.param("loky", marks=pytest.mark.slow), "threading"]
)
def test_an_inner_search_that_fails_in_one_outer_fold_only(
    backend, outer, inner, error_score
):
    known = X["ward"].drop(X.index[:20])  # the first outer fold trains without them
    search = GridSearchCV(
        Ridge(),
        {"alpha": [1.0]},
        scoring=equity_scorer("rmse", subgroups=known, min_subgroup_size=5),
        cv=2,
        n_jobs=inner,
        error_score=error_score,
    )
    with (
        joblib.parallel_config(backend=backend),
        pytest.raises(ScorerError, match="has no value for 20 of 100 rows"),
    ):
        cross_validate(search, X, Y, scoring="r2", cv=FOLDS, n_jobs=outer)


class OwnSearch(GridSearchCV):
    def score(self, X, y=None):
        return 0.5 * super().score(X, y) + 1


class OwnPipeline(BaseEstimator):
    """A meta-estimator of somebody else's."""

    def __init__(self, last):
        self.last = last

    def fit(self, X, y):
        self.last_ = clone(self.last).fit(X, y)
        return self

    def score(self, X, y):
        return self.last_.score(X, y)


def known_only_in_training(cls=GridSearchCV):
    """Score by a Series that lacks rows: the inner search never meets them."""
    scorer = equity_scorer("rmse", subgroups=X["ward"].iloc[100:], min_subgroup_size=5)
    return cls(Ridge(), {"alpha": [1.0]}, scoring=scorer, cv=2)


@pytest.mark.parametrize("wrap", [OwnSearch, GridSearchCV])
def test_a_mistake_comes_through_functions_of_others(wrap):
    imblearn = pytest.importorskip("imblearn.pipeline")
    train, test = np.arange(100, N_ROWS), np.arange(100)
    for model in (
        known_only_in_training(wrap),
        OwnPipeline(known_only_in_training(wrap)),
        imblearn.make_pipeline(
            StandardScaler().set_output(transform="pandas"),
            known_only_in_training(wrap),
        ),
    ):
        with pytest.raises(ScorerError, match="has no value for 100 of 100"):
            cross_val_score(model, X, Y, cv=[(train, test)])


def test_a_mistake_comes_through_a_scorer_around_ours():
    wrong = MISTAKES["no such column"][0]
    for scorer in (
        lambda model, table, y: (wrong(model, table, y) + 1) / 2 - 3,
        lambda model, table, y: {"a": -wrong(model, table, y)},
        lambda model, table, y: {"a": np.mean([wrong(model, table, y), 0.5])},
        lambda model, table, y: float(wrong(model, table, y) > 0.5),
        lambda model, table, y: np.sqrt(np.asarray(wrong(model, table, y))),
    ):
        with pytest.raises(ScorerError, match="names no column"):
            cross_validate(Ridge(), X, Y, scoring=scorer, cv=FOLDS)


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ("rmse", {"aggregate": lambda v: np.nan, "aggregate_greater_is_better": True}),
        (lambda t, p: np.inf, {"greater_is_better": True, "shrink": False}),
    ],
)
def test_a_figure_that_is_not_finite_is_an_error(metric, options):
    scorer = equity_scorer(metric, subgroups="ward", **options)
    with pytest.raises(ScorerError, match="must make a finite number"):
        cross_val_score(Ridge(), X, Y, scoring=scorer, cv=FOLDS)


def test_error_score_raise_gives_the_error_itself():
    scorer, message = MISTAKES["no such column"]
    with pytest.raises(ValueError, match=message):
        cross_validate(Ridge(), X, Y, scoring=scorer, cv=FOLDS, error_score="raise")
    with pytest.raises(ValueError, match=message):
        scorer(Ridge().fit(X, Y), X, Y)


def test_a_model_that_fails_is_left_to_error_score():
    class Fails(Ridge):
        def predict(self, X):
            raise MemoryError

    with pytest.warns(UserWarning, match="Scoring failed"):
        scores = cross_val_score(Fails(), X, Y, scoring=scorer_of("column"), cv=FOLDS)
    assert np.isnan(scores).all()


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.parametrize("aggregate", ["worst", "gini"])
def test_a_candidate_whose_precision_is_undefined_for_everyone(aggregate):
    """It ranks last, with a warning that names zero_division; the search goes on."""

    class Ranked(Scored):
        def __init__(self, cut=0.5):
            self.cut = cut

        def predict(self, X):
            return (np.asarray(X["p"]) > self.cut).astype(int)

    table, target = two_wards()
    target = (target == "well").astype(int)
    scoring = equity_scorer("precision", subgroups="ward", aggregate=aggregate)
    search = GridSearchCV(Ranked(), {"cut": [2.0, 0.5]}, scoring=scoring, cv=3)
    with pytest.warns(UserWarning, match="undefined for the model's answers"):
        search.fit(table, target)
    assert search.best_params_ == {"cut": 0.5}
    assert list(search.cv_results_["rank_test_score"]) == [2, 1]
    as_zero = sklearn.metrics.make_scorer(
        sklearn.metrics.precision_score, zero_division=0
    )
    zero = equity_scorer(as_zero, subgroups="ward")
    assert zero(Ranked(2.0).fit(table, target), table, target) == 0.0


# ---- rows and their order -----------------------------------------------------------
def test_metadata_in_another_row_order_is_refused(routing):
    shuffled = X["ward"].sample(frac=1, random_state=0)
    with pytest.raises(ScorerError, match="have different indexes"):
        cross_val_score(
            Ridge(),
            X,
            Y,
            scoring=scorer_of("metadata"),
            cv=FOLDS,
            params={"subgroups": shuffled},
        )
    scores = cross_val_score(
        Ridge(),
        X,
        Y,
        scoring=scorer_of("metadata"),
        cv=FOLDS,
        params={"subgroups": shuffled.loc[X.index].to_numpy()},
    )
    assert_allclose(scores, expected_folds())


def test_series_as_source_may_stand_in_any_order():
    shuffled = X["ward"].sample(frac=1, random_state=0)
    scorer = equity_scorer(
        "rmse", subgroups=shuffled, shrink=False, min_subgroup_size=5
    )
    assert_allclose(
        cross_val_score(Ridge(), X, Y, scoring=scorer, cv=FOLDS), expected_folds()
    )


def test_series_with_repeated_index_is_refused():
    with pytest.raises(ValueError, match=r"index without repeats.*7 occurs more than"):
        equity_scorer(subgroups=pd.Series([1, 2, 3], index=[7, 8, 7]))


def test_several_columns_are_intersections():
    table = X.assign(old=X["age"] > 0)
    model = Ridge().fit(table, Y)
    error = (Y - model.predict(table)) ** 2
    expected = -np.sqrt(error.groupby([table["ward"], table["old"]]).mean()).max()
    for source in (["ward", "old"], ("ward", "old"), table[["ward", "old"]]):
        scorer = equity_scorer("rmse", subgroups=source, shrink=False)
        assert_allclose(scorer(model, table, Y), expected)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_bands_are_learnt_once_and_not_from_each_fold(n_jobs):
    scorer = equity_scorer(
        "rmse", subgroups=("age", 4), shrink=False, min_subgroup_size=5
    )
    edges = np.quantile(X["age"], [0.25, 0.5, 0.75], method="higher")
    band = pd.Series(np.searchsorted(edges, X["age"], side="right"), index=X.index)
    fixed = equity_scorer("rmse", subgroups=band, shrink=False, min_subgroup_size=5)
    grids = [
        GridSearchCV(Ridge(), GRID, scoring=s, cv=FOLDS, n_jobs=n_jobs).fit(X, Y)
        for s in (scorer, fixed)
    ]
    assert_allclose(*(grid.cv_results_["mean_test_score"] for grid in grids))


def test_bands_of_every_search_are_those_of_the_rows_it_was_given():
    """The nearest search learns; its score on new rows would learn from those."""
    scorer = equity_scorer(
        "rmse", subgroups=("age", 3), shrink=False, min_subgroup_size=5
    )

    def worst_band(model, rows, learnt_from):
        edges = np.quantile(X["age"].iloc[learnt_from], [1 / 3, 2 / 3], method="higher")
        band = np.searchsorted(edges, X["age"].iloc[rows], side="right")
        error = (Y.iloc[rows] - model.predict(X.iloc[rows])) ** 2
        return -np.sqrt(error.groupby(band).mean()).max()

    everyone = np.arange(N_ROWS)
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, scoring=scorer, cv=KFold(2))
    outer = cross_validate(
        search, X, Y, scoring=scorer, cv=FOLDS, return_estimator=True
    )
    for k, (train, test) in enumerate(FOLDS.split(X)):
        inner = outer["estimator"][k]
        expected = worst_band(inner.best_estimator_, test, everyone)
        assert_allclose(outer["test_score"][k], expected)
        folds = [
            worst_band(Ridge().fit(X.iloc[train[a]], Y.iloc[train[a]]), train[b], train)
            for a, b in KFold(2).split(train)
        ]
        assert_allclose(inner.cv_results_["mean_test_score"], np.mean(folds))
        with pytest.raises(ValueError, match="learnt during the search"):
            inner.score(X.iloc[test], Y.iloc[test])


def test_fitted_bands_hold_everywhere():
    bands = QuantileBands(2).fit([-10.0, 0.5, 10.0])
    scorer = equity_scorer("rmse", subgroups=("age", bands), shrink=False)
    model = Ridge().fit(X, Y)
    error = (Y - model.predict(X)) ** 2
    expected = -np.sqrt(error.groupby(X["age"] >= 0.5).mean()).max()
    assert_allclose(scorer(model, X, Y), expected)


def test_an_unfitted_segmenter_is_refused():
    with pytest.raises(
        ValueError, match="must be a fitted segmenter; this KMeans is not"
    ):
        equity_scorer(subgroups=KMeans())


def test_segmenter_in_a_pipeline_and_frozen():
    from sklearn.frozen import FrozenEstimator

    numbers = X[["dose", "age"]]
    plain = make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0))
    plain.fit(numbers)
    label = pd.Series(plain.predict(numbers), index=X.index)
    expected = equity_scorer("rmse", subgroups=label)
    model = Ridge().fit(X, Y)
    for segmenter in (plain, FrozenEstimator(plain)):
        scorer = equity_scorer("rmse", subgroups=segmenter)
        assert scorer(model, X, Y) == expected(model, X, Y)


# ---- clone of a search, metadata by another name ------------------------------------
def test_clone_of_a_search_keeps_the_fitted_segmenter():
    search = GridSearchCV(Ridge(), GRID, scoring=scorer_of("segmenter"), cv=FOLDS)
    assert_allclose(search_scores(clone(clone(search)), "segmenter"), expected_grid())


def test_metadata_by_another_name(routing):
    scorer = equity_scorer(
        "rmse", metadata_name="wards", shrink=False, min_subgroup_size=5
    )
    scores = cross_val_score(
        Ridge(), X, Y, scoring=scorer, cv=FOLDS, params={"wards": X["ward"]}
    )
    assert_allclose(scores, expected_folds())


def test_subgroups_are_requested_without_being_asked_for(routing):
    scorer = equity_scorer("rmse")
    request = scorer.get_metadata_routing()
    assert request.score.requests == {"subgroups": True, "sample_weight": None}
    scorer.set_score_request(sample_weight=True)
    request = scorer.get_metadata_routing()
    assert request.score.requests == {"subgroups": True, "sample_weight": True}
    by_column = equity_scorer("rmse", subgroups="ward").get_metadata_routing()
    assert "subgroups" not in by_column.score.requests


def test_set_score_request_needs_routing():
    with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
        equity_scorer("rmse").set_score_request(sample_weight=True)


def test_groups_of_the_splitter_are_not_taken_for_subgroups():
    with pytest.raises(ScorerError, match="The scorer got no `subgroups`"):
        cross_validate(
            Ridge(),
            X,
            Y,
            scoring=equity_scorer("rmse"),
            cv=GroupKFold(3),
            groups=np.arange(N_ROWS) // 2,
        )


def test_groups_as_the_name_of_metadata_is_refused():
    with pytest.raises(ValueError, match='`metadata_name` can\'t be "groups"'):
        equity_scorer("rmse", metadata_name="groups")


def test_subgroups_given_twice_are_refused():
    with pytest.raises(ValueError, match="`subgroups` came twice"):
        scorer_of("column")(Ridge().fit(X, Y), X, Y, subgroups=X["ward"])


# ---- pipelines and callbacks hand a function its columns by position -----------------
def test_function_by_position_inside_a_pipeline():
    search = GridSearchCV(
        Ridge(),
        GRID,
        scoring=equity_scorer(
            "rmse", subgroups=lambda a: a[:, 0], shrink=False, min_subgroup_size=5
        ),
        cv=FOLDS,
    )
    pipeline = make_pipeline(StandardScaler(), search).fit(X, Y)
    by_position = pipeline[-1].cv_results_["mean_test_score"]
    assert_allclose(by_position, in_pipeline("series"))


@pytest.mark.parametrize("name", ["bands", "segmenter", "series", "metadata"])
def test_scoring_monitor_refuses_what_needs_names_or_an_index(name):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn >= 1.9")
    scorer = scorer_of(name, metric=accuracy_score)
    model = LogisticRegression().set_callbacks(callback.ScoringMonitor(scoring=scorer))
    with pytest.raises((TypeError, ValueError), match="`subgroups`"):
        model.fit(X.to_numpy(), np.where(Y > 20, 1, 0))


def test_permutation_importance_refuses_for_want_of_metadata():
    with pytest.raises(ValueError, match="The scorer got no `subgroups`"):
        permutation_importance(Ridge().fit(X, Y), X, Y, scoring=scorer_of("metadata"))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of LogisticRegressionCV in 1.8
def test_cures_that_are_named_work():
    model = Ridge().fit(X, Y)
    without = scorer_of("metadata")
    with pytest.raises(ValueError, match="Series with the index of X, or of y") as no:
        permutation_importance(model, X, Y, scoring=without)
    assert "metadata" not in str(no.value)
    function = equity_scorer("rmse", subgroups=lambda a: a[:, 0])
    for scorer in (without, scorer_of("column"), function):
        with pytest.raises(
            (TypeError, ValueError), match=r"works here: .*etadata"
        ) as no:
            RidgeCV(scoring=scorer).fit(X, Y)
        assert "subgroups=<" not in str(no.value)
    accuracy = scorer_of("metadata", metric="accuracy")
    with pytest.raises(
        ValueError, match="subgroups=<function of X>; or pass them as m"
    ):
        LogisticRegressionCV(scoring=accuracy, cv=FOLDS, Cs=2).fit(X, Y > 20)


@pytest.mark.parametrize("name", [*READS_THE_TABLE, "series"])
def test_ridge_regression_refuses_all_but_metadata(name):
    with pytest.raises((TypeError, ValueError), match="What works here: metadata"):
        RidgeCV(scoring=scorer_of(name)).fit(X, Y)


def test_optuna_search(source):
    pytest.importorskip("optuna", reason="Optuna is not installed")
    integration = pytest.importorskip("optuna_integration.sklearn")
    optuna = __import__("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = integration.OptunaSearchCV(
            Ridge(),
            {"alpha": optuna.distributions.CategoricalDistribution([1.0])},
            scoring=scorer_of(source),
            cv=FOLDS,
            n_trials=1,
            refit=source != "metadata",  # which it would pass to Ridge.fit as well
        )
        search.fit(X, Y, **params_for(source))
    assert_allclose(search.best_score_, np.mean(expected_folds()))


def test_optuna_search_reports_a_mistake():
    pytest.importorskip("optuna", reason="Optuna is not installed")
    integration = pytest.importorskip("optuna_integration.sklearn")
    optuna = __import__("optuna")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = integration.OptunaSearchCV(
            Ridge(),
            {"alpha": optuna.distributions.CategoricalDistribution([1.0])},
            scoring=MISTAKES["no such column"][0],
            cv=FOLDS,
            n_trials=1,
        )
        with pytest.raises(ScorerError, match="names no column"):
            search.fit(X, Y)
