"""How well does a model serve its subgroups, as one score? Laws, hand-work, oracles."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    fbeta_score,
    hinge_loss,
    log_loss,
    make_scorer,
    max_error,
    mean_absolute_error,
    mean_pinball_loss,
    median_absolute_error,
    r2_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
    top_k_accuracy_score,
)
from sklearn.model_selection import cross_val_score

from sklearn_equity.exceptions import ScorerError, SmallSubgroupWarning
from sklearn_equity.scorers import equity_scorer


class Replay(RegressorMixin, BaseEstimator):
    """A model whose predictions are a column of X: the test writes them down."""

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return np.asarray(X["prediction"])


class ReplayClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of "no" and "yes" whose probabilities are a column of X."""

    classes_ = np.array(["no", "yes"])

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def decision_function(self, X):
        p = np.asarray(X["prediction"])
        return np.log(p / (1 - p))

    def predict_proba(self, X):
        p = np.asarray(X["prediction"])
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[(np.asarray(X["prediction"]) > 0.5).astype(int)]


def regression(n=400, seed=81520):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["north", "south", "west"], size=n, p=[0.5, 0.3, 0.2])
    y = rng.normal(50, 8, size=n)
    noise = np.select([ward == "north", ward == "south"], [2.0, 5.0], 9.0)
    X = pd.DataFrame({"prediction": y + noise * rng.normal(size=n), "ward": ward})
    return X, pd.Series(y)


def classification(n=900, seed=4409):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["north", "south", "west"], size=n, p=[0.5, 0.3, 0.2])
    z = rng.normal(size=n)
    blur = np.where(ward == "north", 0.5, 2.0)
    p = 1 / (1 + np.exp(-(z + blur * rng.normal(size=n))))
    y = np.where(rng.uniform(size=n) < 1 / (1 + np.exp(-2 * z)), "yes", "no")
    return pd.DataFrame({"prediction": p, "ward": ward}), pd.Series(y)


def by_ward(X, y, metric):
    """Compute a metric ward by ward, the obvious way."""
    return {
        ward: metric(y[X["ward"] == ward], X.loc[X["ward"] == ward, "prediction"])
        for ward in sorted(X["ward"].unique())
    }


MODEL = Replay()


# ---- orientation -----------------------------------------------------------------
def gini_by_pairs(v):
    v = np.asarray(v)
    return np.abs(np.subtract.outer(v, v)).mean() / (2 * v.mean())


AGGREGATES = {
    "worst": lambda v: -max(v),
    "best": lambda v: -min(v),
    "mean": lambda v: -sum(v) / len(v),
    "gap": lambda v: -(max(v) - min(v)),
    "ratio": lambda v: min(v) / max(v),
    "gini": lambda v: -gini_by_pairs(v),
    "theil": lambda v: -np.mean(v / np.mean(v) * np.log(v / np.mean(v))),
    "atkinson": lambda v: -(1 - np.mean(np.sqrt(v)) ** 2 / np.mean(v)),
}


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_aggregate_of_an_error_against_the_ward_by_ward_values(aggregate):
    X, y = regression()
    values = np.array([*by_ward(X, y, root_mean_squared_error).values()])
    score = equity_scorer("rmse", subgroups="ward", aggregate=aggregate)(MODEL, X, y)
    assert_allclose(score, AGGREGATES[aggregate](values), rtol=1e-12)


def test_worst_of_a_score_is_the_lowest_and_best_the_highest():
    X, y = regression()
    values = by_ward(X, y, r2_score).values()
    for aggregate, expected in (("worst", min(values)), ("best", max(values))):
        scorer = equity_scorer("r2", subgroups="ward", aggregate=aggregate)
        assert_allclose(scorer(MODEL, X, y), expected)
        assert scorer.__name__ == f"{aggregate}_r2"


@pytest.mark.parametrize(
    ("metric", "aggregate", "name"),
    [
        ("nrmse", "worst", "neg_worst_nrmse"),
        ("r2", "gap", "neg_gap_r2"),
        ("r2", "ratio", "ratio_r2"),
        ("mae", "ratio", "ratio_mae"),
        ("neg_log_loss", "worst", "neg_worst_log_loss"),
        (f1_score, "mean", "mean_f1_score"),
    ],
)
def test_name_has_neg_where_the_sign_was_turned(metric, aggregate, name):
    scorer = equity_scorer(metric, subgroups="ward", aggregate=aggregate)
    assert scorer.__name__ == name


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("metric", ["nrmse", "rmse", "mae"])
def test_a_model_with_smaller_error_for_the_worst_served_scores_higher(
    metric, aggregate
):
    X, y = regression()
    better = X.copy()
    west = X["ward"] == "west"
    better.loc[west, "prediction"] = y[west] + 0.6 * (X.loc[west, "prediction"] - y)
    scorer = equity_scorer(metric, subgroups="ward", aggregate=aggregate)
    if aggregate == "best":
        assert scorer(MODEL, better, y) == scorer(MODEL, X, y)
    else:
        assert scorer(MODEL, better, y) > scorer(MODEL, X, y)


def test_bias_counts_by_its_distance_from_zero():
    X = pd.DataFrame({"ward": ["a", "b"] * 40, "prediction": [3.0, 9.0] * 40})
    y = pd.Series([7.0, 7.0] * 40)  # biases -4 and +2
    worst = equity_scorer("bias", subgroups="ward")
    assert worst(MODEL, X, y) == -4.0
    assert equity_scorer("bias", subgroups="ward", aggregate="best")(MODEL, X, y) == -2


def test_function_as_aggregate_says_which_way_is_better():
    X, y = regression()
    values = [*by_ward(X, y, r2_score).values()]
    spread = equity_scorer(
        "r2", subgroups="ward", aggregate=np.std, aggregate_greater_is_better=False
    )
    assert_allclose(spread(MODEL, X, y), -np.std(values))
    assert spread.__name__ == "neg_std_r2"
    middle = equity_scorer(
        "r2", subgroups="ward", aggregate=np.median, aggregate_greater_is_better=True
    )
    assert_allclose(middle(MODEL, X, y), np.median(values))


# ---- any metric of scikit-learn, with the response that it wants -------------------
def response(X, kind):
    model = ReplayClassifier()
    return {
        "labels": model.predict(X),
        "probabilities": model.predict_proba(X)[:, 1],
        "decisions": model.decision_function(X),
    }[kind]


def by_yes(metric):
    return lambda y_true, y_pred: metric(y_true, y_pred, pos_label="yes")


CLASSIFICATION = [
    ("accuracy", accuracy_score, "labels", 1),
    ("balanced_accuracy", balanced_accuracy_score, "labels", 1),
    ("roc_auc", roc_auc_score, "decisions", 1),
    ("average_precision", by_yes(average_precision_score), "decisions", 1),
    ("sensitivity", by_yes(recall_score), "labels", 1),
    ("specificity", lambda t, p: recall_score(t, p, pos_label="no"), "labels", 1),
    ("log_loss", log_loss, "probabilities", -1),
    ("brier", lambda t, p: np.mean(((t == "yes") - p) ** 2), "probabilities", -1),
    (accuracy_score, accuracy_score, "labels", 1),
    (roc_auc_score, roc_auc_score, "decisions", 1),
    (log_loss, log_loss, "probabilities", -1),
    ("neg_log_loss", log_loss, "probabilities", -1),
    (
        make_scorer(fbeta_score, beta=2, pos_label="yes"),
        lambda t, p: fbeta_score(t, p, beta=2, pos_label="yes"),
        "labels",
        1,
    ),
    ("f1_macro", lambda t, p: f1_score(t, p, average="macro"), "labels", 1),
    (
        make_scorer(
            brier_score_loss,
            greater_is_better=False,
            response_method="predict_proba",
            pos_label="no",
        ),
        lambda t, p: np.mean(((t == "yes") - p) ** 2),
        "probabilities",
        -1,
    ),
]


@pytest.mark.parametrize(("metric", "oracle", "kind", "sign"), CLASSIFICATION)
def test_classification_metric_against_scikit_learn_ward_by_ward(
    metric, oracle, kind, sign
):
    X, y = classification()
    answers = pd.DataFrame({"ward": X["ward"], "prediction": response(X, kind)})
    values = [sign * value for value in by_ward(answers, y, oracle).values()]
    scorer = equity_scorer(metric, subgroups="ward")
    assert_allclose(scorer(ReplayClassifier(), X, y), min(values), rtol=1e-12)


def test_response_method_can_be_chosen():
    X, y = classification()
    truth = (y == "yes").astype(int) * 2 - 1
    answers = pd.DataFrame({"ward": X["ward"], "prediction": response(X, "decisions")})
    values = by_ward(answers, truth, hinge_loss).values()

    def hinge(y_true, decision):
        return hinge_loss((y_true == "yes") * 2 - 1, decision)

    scorer = equity_scorer(
        hinge,
        subgroups="ward",
        greater_is_better=False,
        response_method="decision_function",
    )
    assert_allclose(scorer(ReplayClassifier(), X, y), -max(values))


REGRESSION = [
    (max_error, max_error, -1),
    (median_absolute_error, median_absolute_error, -1),
    (mean_pinball_loss, mean_pinball_loss, -1),
    (mean_absolute_error, mean_absolute_error, -1),
    ("neg_root_mean_squared_error", root_mean_squared_error, -1),
    (r2_score, r2_score, 1),
]


@pytest.mark.parametrize(("metric", "oracle", "sign"), REGRESSION)
def test_regression_metric_against_scikit_learn_ward_by_ward(metric, oracle, sign):
    X, y = regression()
    values = [sign * value for value in by_ward(X, y, oracle).values()]
    assert_allclose(equity_scorer(metric, subgroups="ward")(MODEL, X, y), min(values))


def test_three_classes_where_a_subgroup_lacks_one():
    class Three(ReplayClassifier):
        classes_ = np.array([0, 1, 2])

        def predict_proba(self, X):
            p = np.asarray(X["prediction"])
            return np.column_stack([p / 2, p / 2, 1 - p])

        decision_function = None

    rng = np.random.default_rng(1151)
    ward = np.repeat(["a", "b"], 60)
    y = np.where(ward == "a", rng.integers(0, 2, 120), rng.integers(0, 3, 120))
    X = pd.DataFrame({"prediction": rng.uniform(0.1, 0.9, 120), "ward": ward})
    proba = Three().predict_proba(X)
    chosen = proba[np.arange(120), y]
    expected = max(-np.log(chosen[ward == w]).mean() for w in "ab")
    scorer = equity_scorer(log_loss, subgroups="ward")
    assert_allclose(scorer(Three(), X, y), -expected)

    by_name = equity_scorer("neg_log_loss", subgroups="ward")
    assert_allclose(by_name(Three(), X, y), -expected)
    with pytest.raises(ValueError, match=r"'log_loss' is for two classes.*for 3"):
        equity_scorer("log_loss", subgroups="ward")(Three(), X, y)

    rank = (proba > chosen[:, None]).sum(axis=1)  # ties: the first two columns
    top2 = equity_scorer(
        make_scorer(top_k_accuracy_score, k=2, response_method="predict_proba"),
        subgroups="ward",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = top2(Three(), X, y)
    assert 0.0 < score <= min((rank < 2)[ward == w].mean() for w in "ab") + 1e-12


# ---- weights ---------------------------------------------------------------------
@pytest.mark.parametrize("metric", ["nrmse", "r2", mean_absolute_error, "mae"])
def test_weights_equal_repetition(metric):
    X, y = regression()
    times = np.random.default_rng(77).integers(1, 4, size=len(y))
    scorer = equity_scorer(metric, subgroups="ward")
    again = np.repeat(np.arange(len(y)), times)
    repeated = scorer(MODEL, X.iloc[again], y.iloc[again])
    assert_allclose(scorer(MODEL, X, y, sample_weight=times), repeated)


def test_rows_of_weight_zero_make_no_subgroup():
    X, y = regression()
    weight = np.where(X["ward"] == "west", 0.0, 1.0)
    scorer = equity_scorer("rmse", subgroups="ward")
    values = by_ward(X, y, root_mean_squared_error)
    expected = -max(values["north"], values["south"])
    assert_allclose(scorer(MODEL, X, y, sample_weight=weight), expected)


def test_a_metric_without_weights_refuses_them():
    X, y = regression()
    scorer = equity_scorer(max_error, subgroups="ward")
    with pytest.raises(TypeError, match=r"takes \['subgroups'\].*got \['sample_weight"):
        scorer(MODEL, X, y, sample_weight=np.ones(len(y)))


# ---- direct calls, copies, names ---------------------------------------------------
def test_direct_call_takes_subgroups_without_a_switch():
    X, y = regression()
    given = equity_scorer("rmse")(MODEL, X, y, subgroups=X["ward"])
    assert given == equity_scorer("rmse", subgroups="ward")(MODEL, X, y)


def test_pickle_and_joblib_keep_the_score(tmp_path):
    X, y = regression()
    for metric in ("nrmse", "r2", mean_absolute_error, "neg_max_error"):
        scorer = equity_scorer(metric, subgroups="ward", aggregate="gini", shrink=False)
        if metric == "r2":
            scorer = equity_scorer(metric, subgroups=["ward"], aggregate="gap")
        expected = scorer(MODEL, X, y)
        assert pickle.loads(pickle.dumps(scorer))(MODEL, X, y) == expected
        joblib.dump(scorer, tmp_path / "scorer.joblib")
        assert joblib.load(tmp_path / "scorer.joblib")(MODEL, X, y) == expected


@pytest.mark.parametrize(
    ("scorer", "text"),
    [
        (equity_scorer(), "equity_scorer('nrmse', subgroups=None, aggregate='worst')"),
        (
            equity_scorer(r2_score, subgroups=["sex", ("age", 3)]),
            "equity_scorer(r2_score, subgroups=['sex', ('age', 3)], aggregate='worst')",
        ),
        (
            equity_scorer("mae", subgroups=len),
            "equity_scorer('mae', subgroups=len, aggregate='worst')",
        ),
        (
            equity_scorer("mae", subgroups=pd.Series([1, 2])),
            "equity_scorer('mae', subgroups=<Series by index>, aggregate='worst')",
        ),
    ],
)
def test_repr_shows_what_is_measured(scorer, text):
    assert repr(scorer) == text


def test_repr_and_name_of_odd_callables_never_raise():
    from functools import partial

    class Odd:
        def __call__(self, values):
            return 0.0

    scorer = equity_scorer(
        partial(mean_pinball_loss, alpha=0.2),
        subgroups=Odd(),
        aggregate=Odd(),
        aggregate_greater_is_better=True,
    )
    assert scorer.__name__ == "Odd_mean_pinball_loss"
    assert repr(scorer) == (
        "equity_scorer(mean_pinball_loss, subgroups=Odd, aggregate=Odd)"
    )


# ---- small subgroups ---------------------------------------------------------------
def wards_of(sizes, values):
    """Errors of constant size within a ward, so that its MAE is known."""
    ward = np.repeat([f"w{k}" for k in range(len(sizes))], sizes)
    error = np.repeat(np.asarray(values, float), sizes)
    y = np.full(len(error), 10.0)
    return pd.DataFrame({"ward": ward, "prediction": y + error}), y


def test_small_subgroups_are_judged_together():
    X, y = wards_of([40, 20, 10, 5], [1.0, 2.0, 5.0, 8.0])
    scorer = equity_scorer("mae", subgroups="ward")
    assert_allclose(scorer(MODEL, X, y), -(20 * 2 + 10 * 5 + 5 * 8) / 35)


def test_the_next_smallest_joins_small_subgroups_that_are_too_few_together():
    X, y = wards_of([60, 50, 10, 5], [1.0, 2.0, 5.0, 8.0])
    scorer = equity_scorer("mae", subgroups="ward")
    assert_allclose(scorer(MODEL, X, y), -(50 * 2 + 10 * 5 + 5 * 8) / 65)


def test_pooling_everybody_warns():
    X, y = wards_of([20, 10, 5], [2.0, 5.0, 8.0])
    scorer = equity_scorer("mae", subgroups="ward")
    with pytest.warns(SmallSubgroupWarning, match="3 subgroups of `ward` with 35 rows"):
        assert_allclose(scorer(MODEL, X, y), -(20 * 2 + 10 * 5 + 5 * 8) / 35)


def test_small_subgroups_can_be_dropped_or_refused():
    X, y = wards_of([40, 35, 29], [1.0, 2.0, 5.0])
    assert equity_scorer("mae", subgroups="ward", small="drop")(MODEL, X, y) == -2.0
    refuses = equity_scorer("mae", subgroups="ward", small="raise")
    with pytest.raises(
        ValueError, match=r"`min_subgroup_size`=30 rows .* too small: w2 \(29 rows\)\."
    ):
        refuses(MODEL, X, y)
    smaller = equity_scorer(
        "mae", subgroups="ward", small="raise", min_subgroup_size=29
    )
    assert smaller(MODEL, X, y) == -5.0


def test_a_subgroup_without_both_classes_is_small():
    X, y = classification()
    y = y.where(X["ward"] != "west", "no")
    pooled = X["ward"].replace("west", "south")  # the next smallest
    values = [
        roc_auc_score(y[pooled == ward], X.loc[pooled == ward, "prediction"])
        for ward in ("north", "south")
    ]
    scorer = equity_scorer("roc_auc", subgroups="ward")
    assert_allclose(scorer(ReplayClassifier(), X, y), min(values))
    with pytest.raises(ValueError, match=r"west \(\d+ rows, metric undefined\)"):
        equity_scorer("roc_auc", subgroups="ward", small="raise")(
            ReplayClassifier(), X, y
        )


def test_too_few_rows_for_any_subgroup_is_an_error():
    X, y = wards_of([5, 4], [1.0, 2.0])
    for small in ("pool", "drop"):
        scorer = equity_scorer("mae", subgroups="ward", small=small)
        with pytest.raises(ValueError, match="needs at least 1 subgroups with"):
            scorer(MODEL, X, y)


@pytest.mark.parametrize("aggregate", ["gap", "ratio", "gini", "theil", "atkinson"])
def test_a_comparison_needs_two_subgroups(aggregate):
    X, y = wards_of([50], [1.0])
    scorer = equity_scorer("mae", subgroups="ward", aggregate=aggregate)
    with pytest.raises(ValueError, match=r"needs at least 2 subgroups .* `ward` has 1"):
        scorer(MODEL, X, y)


def test_missing_labels_are_refused_grouped_or_dropped():
    X, y = wards_of([40, 40, 40], [1.0, 2.0, 5.0])
    X.loc[X["ward"] == "w2", "ward"] = None
    with pytest.raises(ValueError, match="must not have missing labels; got 40 of 120"):
        equity_scorer("mae", subgroups="ward")(MODEL, X, y)
    assert equity_scorer("mae", subgroups="ward", missing="group")(MODEL, X, y) == -5.0
    assert equity_scorer("mae", subgroups="ward", missing="drop")(MODEL, X, y) == -2.0


# ---- refusals ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "rsme"}, r"`metric` must be one of .*got 'rsme'"),
        ({"metric": lambda t, p: 0}, r"`greater_is_better` must be given"),
        ({"aggregate": "max"}, r'`aggregate` must be one of "worst".*got \'max\''),
        ({"aggregate": np.std}, r"`aggregate_greater_is_better` must be given with a"),
        ({"aggregate_greater_is_better": True}, r"and only then"),
        ({"small": "merge"}, r'`small` must be one of "pool", "drop", "raise"'),
        ({"missing": "ignore"}, r'`missing` must be one of "raise", "group", "drop"'),
        ({"min_subgroup_size": 0}, r"`min_subgroup_size` must be a whole number"),
        ({"shrink": "no"}, r"`shrink` must be True or False; got 'no'"),
        ({"min_subgroup_size": 2.5}, r"`min_subgroup_size` must be a whole number"),
        ({"metric": "interval_coverage"}, r"2 predictions a row.*subgroup_fidelity"),
        ({"normalization": "mode"}, r"`normalization` must be one of"),
        ({"response_method": "score"}, r"`response_method` must be of"),
        (
            {"metric": r2_score, "greater_is_better": False},
            r"contradicts what is known",
        ),
        (
            {"subgroups": "sex", "metadata_name": "ward"},
            r"`metadata_name`='ward' has no",
        ),
        ({"subgroups": []}, r"`subgroups` must be a column name or several"),
        ({"subgroups": np.array(["a", "b"])}, r"An array .* can't follow its rows"),
        ({"subgroups": ["f", "m"] * 2000}, r"got list of 4,000. .* can't follow its"),
        ({"subgroups": ("f", "m") * 2000}, r"got tuple of 4,000. .* can't follow its"),
        ({"subgroups": ["a", "b", "a"]}, r"name each column once; got 'a' more than"),
        ({"subgroups": [("age", [4] * 900)]}, r"must name columns .{,120}$"),
        ({"subgroups": ("age", 1)}, r"`n_bands` must be at least 2"),
        ({"subgroups": [("age", 2.5)]}, r"a column and a number of bands"),
    ],
)
def test_refusals_come_before_any_work(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        equity_scorer(**arguments)


# ---- metrics for numbers and metrics for classes -----------------------------------
class ReplayOnes(ReplayClassifier):
    """The same with classes that are numbers, as most targets are coded."""

    classes_ = np.array([0, 1])


@pytest.mark.parametrize("metric", ["nrmse", "mae", "bias", "r2"])
def test_a_classifier_is_refused_by_a_metric_for_numbers(metric):
    X, y = classification()
    y = (y == "yes").astype(int)
    scorer = equity_scorer(metric, subgroups="ward")
    message = rf'`metric`=.{metric}.* ReplayOnes predicts classes.*"accuracy".*"f1"'
    with pytest.raises(ValueError, match=message):
        scorer(ReplayOnes(), X, y)
    with pytest.raises(ScorerError, match=message):
        cross_val_score(ReplayOnes(), X, y, scoring=scorer, cv=2)


@pytest.mark.parametrize("metric", ["accuracy", "brier", "roc_auc"])
def test_a_regressor_is_refused_by_a_metric_for_classes(metric):
    X, y = regression()
    scorer = equity_scorer(metric, subgroups="ward")
    message = rf'`metric`=.{metric}.* Replay predicts numbers.*"mae", "nrmse"'
    with pytest.raises(ValueError, match=message):
        scorer(MODEL, X, y)
    with pytest.raises(ScorerError, match=message):
        cross_val_score(MODEL, X, y, scoring=scorer, cv=2)


def test_a_probability_that_is_asked_for_is_a_number():
    X, y = classification()
    y = (y == "yes").astype(int)
    scorer = equity_scorer("rmse", subgroups="ward", response_method="predict_proba")
    values = [
        root_mean_squared_error(
            y[X["ward"] == ward], X["prediction"][X["ward"] == ward]
        )
        for ward in ("north", "south", "west")
    ]
    assert_allclose(scorer(ReplayOnes(), X, y), -max(values))


def test_ratio_of_negative_values_is_refused():
    X, y = regression()
    X["prediction"] = y.mean() * 2 - X["prediction"]
    scorer = equity_scorer("r2", subgroups="ward", aggregate="ratio")
    with pytest.raises(ValueError, match='aggregate="ratio" needs values that are not'):
        scorer(MODEL, X, y)


def test_predictions_that_are_not_finite_are_the_models_fault():
    X, y = regression()
    X.loc[3, "prediction"] = np.inf
    with pytest.raises(
        ValueError, match="predict gave values that are not finite for 1"
    ):
        equity_scorer("rmse", subgroups="ward")(MODEL, X, y)


# ---- metrics that scikit-learn calls 0 where they are 0 / 0 --------------------------
def wards_without_cases():
    """Nobody of ward C is ill, and nobody there is taken for ill."""
    rng = np.random.default_rng(35)
    ward = np.repeat(["A", "B", "C"], [100, 80, 60])
    ill = ((rng.uniform(size=240) < 0.5) & (ward != "C")).astype(int)
    wrong = (rng.uniform(size=240) < 0.2) & (ward != "C")
    found = np.where(wrong, 1 - ill, ill)
    return ward, ill, found


UNDEFINED = {
    "precision": lambda tp, fp, fn, tn: tp / (tp + fp),
    "recall": lambda tp, fp, fn, tn: tp / (tp + fn),
    "f1": lambda tp, fp, fn, tn: 2 * tp / (2 * tp + fp + fn),
    "jaccard": lambda tp, fp, fn, tn: tp / (tp + fp + fn),
    "matthews_corrcoef": lambda tp, fp, fn, tn: (
        (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    ),
}


def by_hand(metric, ill, found):
    tp, fp = (ill & found).sum(), ((1 - ill) & found).sum()
    fn, tn = (ill & (1 - found)).sum(), ((1 - ill) & (1 - found)).sum()
    return UNDEFINED[metric](tp, fp, fn, tn)


@pytest.mark.parametrize("metric", UNDEFINED)
def test_a_subgroup_on_which_the_metric_is_zero_by_zero_is_small(metric):
    ward, ill, found = wards_without_cases()
    score = equity_scorer(metric, subgroups="ward", shrink=False)._score_func.measure
    a, b_and_c = (
        by_hand(metric, ill[rows], found[rows]) for rows in (ward == "A", ward != "A")
    )
    assert_allclose(score(ill, found, subgroups=ward), min(a, b_and_c))
    dropped = equity_scorer(metric, subgroups="ward", shrink=False, small="drop")
    b = by_hand(metric, ill[ward == "B"], found[ward == "B"])
    assert_allclose(dropped._score_func.measure(ill, found, subgroups=ward), min(a, b))
    refused = equity_scorer(metric, subgroups="ward", small="raise")._score_func
    with pytest.raises(ValueError, match=r"C \(60 rows, metric undefined\)"):
        refused.measure(ill, found, subgroups=ward)


def test_a_value_chosen_for_zero_by_zero_counts():
    ward, ill, found = wards_without_cases()
    metric = make_scorer(recall_score, zero_division=0)
    scorer = equity_scorer(metric, subgroups="ward", shrink=False)
    assert scorer._score_func.measure(ill, found, subgroups=ward) == 0.0


def test_a_metric_that_is_defined_for_nobody_says_how_to_define_it():
    ward, ill, found = wards_without_cases()
    precision = equity_scorer("precision", subgroups="ward")._score_func
    with pytest.raises(ValueError, match=r"undefined for the model's ans.*zero_divisi"):
        precision.measure(ill, 0 * found, subgroups=ward)
    recall = equity_scorer("recall", subgroups="ward")._score_func
    with pytest.raises(ValueError, match=r"which recall is defined.*zero_division=0"):
        recall.measure(0 * ill, found, subgroups=ward)
