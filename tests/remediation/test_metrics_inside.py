"""By which figure do remedies measure inside: of numbers, classes and probabilities?"""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.svm import LinearSVC

from sklearn_equity import (
    SubgroupOversampler,
    SubgroupRecalibrator,
    WorstSubgroupReweighter,
    nrmse,
    remediation_path,
)
from sklearn_equity.exceptions import OutcomeInputWarning


def two_wards(n_rows=400, seed=6620):
    """In ward b the outcome hangs on another column."""
    rng = np.random.default_rng(seed)
    ward = rng.permutation(np.repeat(["a", "b"], n_rows // 2))
    X = rng.normal(size=(n_rows, 2))
    y = 50.0 + np.where(ward == "a", X[:, 0], X[:, 1]) + 0.2 * rng.normal(size=n_rows)
    return X, y, ward


def classes_of(y, names):
    edges = np.quantile(y, np.arange(1, len(names)) / len(names))
    return np.array(names)[np.searchsorted(edges, y, side="right")]


REMEDIES = [SubgroupOversampler, WorstSubgroupReweighter]


def first_round(remedy):
    return remedy.history_[0].fidelity


def held_out(model, X, y, method="predict", seed=5):
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return cross_val_predict(model, X, y, cv=folds, method=method)


def test_the_default_for_numbers_is_the_published_metric():
    X, y, ward = two_wards()
    model = LinearRegression()
    remedy = SubgroupOversampler(model, measured_on="train").fit(X, y, subgroups=ward)
    answer = model.fit(X, y).predict(X)
    expected = {w: nrmse(y[ward == w], answer[ward == w]) for w in "ab"}
    assert first_round(remedy) == pytest.approx(expected)
    worst = WorstSubgroupReweighter(model, measured_on="train", n_rounds=1)
    assert first_round(worst.fit(X, y, subgroups=ward)) == pytest.approx(
        {w: np.sqrt(np.mean((y - answer)[ward == w] ** 2)) for w in "ab"}
    )


@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize(
    "names", [["no", "yes"], ["c", "b", "a"], [7, 3]], ids=["two", "three", "numbers"]
)
def test_the_default_for_classes_is_how_often_they_are_right(remedy, names):
    X, y, ward = two_wards()
    label, model = classes_of(y, names), LogisticRegression()
    found = remedy(model, random_state=5).fit(X, label, subgroups=ward)
    right = held_out(model, X, label) == label
    expected = {w: right[ward == w].mean() for w in "ab"}
    assert first_round(found) == pytest.approx(expected)
    assert set(found.predict(X)) <= set(names)


@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        ("brier", brier_score_loss),
        (brier_score_loss, brier_score_loss),
        ("roc_auc", roc_auc_score),
    ],
    ids=["brier", "function", "auc"],
)
def test_probabilities_are_measured_as_by_scikit_learn(remedy, metric, reference):
    X, y, ward = two_wards()
    label, model = classes_of(y, ["healthy", "ill"]), LogisticRegression()
    found = remedy(model, metric=metric, random_state=5).fit(X, label, subgroups=ward)
    proba = held_out(model, X, label, "predict_proba")[:, 1]
    for w in "ab":
        mine = ward == w
        # scikit-learn's metrics take text labels with the name of the event
        truth = label[mine] == "ill"
        assert_allclose(first_round(found)[w], reference(truth, proba[mine]))


def test_scores_serve_where_there_are_no_probabilities():
    X, y, ward = two_wards()
    label, model = classes_of(y, ["healthy", "ill"]), LinearSVC(random_state=0)
    remedy = SubgroupOversampler(model, metric="roc_auc", random_state=5)
    remedy.fit(X, label, subgroups=ward)
    score = held_out(model, X, label, "decision_function")
    expected = roc_auc_score(label[ward == "a"] == "ill", score[ward == "a"])
    assert_allclose(first_round(remedy)["a"], expected)


def test_rounds_by_probabilities_end_where_someone_is_harmed():
    X, y, ward = two_wards(2_000)
    label = classes_of(y, [False, True])
    remedy = SubgroupOversampler(
        LogisticRegression(),
        metric="brier",
        under_served=["a"],
        multiplier=20,
        stop_when="someone_harmed",
        random_state=0,
    ).fit(X, label, subgroups=ward)
    (done,) = remedy.history_
    assert "harmed" in done.stopped
    assert not done.kept


def test_two_numbered_classes_need_not_be_0_and_1():
    X, y, ward = two_wards()
    label, model = classes_of(y, [1, 2]), LogisticRegression()
    remedy = SubgroupOversampler(model, metric="balanced_accuracy", random_state=5)
    remedy.fit(X, label, subgroups=ward)
    answer = held_out(model, X, label)
    mine = ward == "b"
    expected = balanced_accuracy_score(label[mine], answer[mine])
    assert_allclose(first_round(remedy)["b"], expected)


def test_a_balanced_accuracy_of_three_classes_is_that_of_scikit_learn():
    X, y, ward = two_wards()
    label = classes_of(y, ["a", "b", "c"])
    remedy = SubgroupOversampler(
        LogisticRegression(), metric=balanced_accuracy_score, random_state=5
    ).fit(X, label, subgroups=ward)
    answer = held_out(LogisticRegression(), X, label)
    mine = ward == "b"
    expected = balanced_accuracy_score(label[mine], answer[mine])
    assert_allclose(first_round(remedy)["b"], expected)


def test_several_outcomes_are_remedied_each_by_itself():
    X, y, ward = two_wards()
    X = np.column_stack([X, ward == "b"])
    remedy = SubgroupOversampler(LinearRegression(), segmenter=LastColumn())
    both = MultiOutputRegressor(remedy).fit(X, np.column_stack([y, 2.0 * y]))
    alone = clone(remedy).fit(X, y)
    assert_allclose(both.predict(X)[:, 0], alone.predict(X))


class LastColumn(LinearRegression):
    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return X[:, -1]


def test_a_path_takes_the_metric_that_the_remedy_takes():
    X, y, ward = two_wards()
    label = classes_of(y, ["no", "yes"])
    path = remediation_path(
        SubgroupOversampler(LogisticRegression(), random_state=0),
        X,
        label,
        strengths=[2.0],
        subgroups=ward,
        random_state=0,
    )
    assert path.metric == "accuracy"
    with pytest.raises(ValueError, match=r"of probabilities or scores\. Pass"):
        remediation_path(
            SubgroupOversampler(LogisticRegression(), metric="brier"),
            X,
            label,
            strengths=[2.0],
            subgroups=ward,
        )


@pytest.mark.parametrize("remedy", REMEDIES)
def test_warns_of_a_column_of_bands_of_the_outcome(remedy):
    X, y, ward = two_wards()
    table = pd.DataFrame(X, columns=["u", "v"]).assign(
        ward=ward == "b", band=np.digitize(y, [49.0, 50.0, 51.0])
    )
    named = remedy(LinearRegression(), segmenter="band")
    with pytest.warns(OutcomeInputWarning, match=r"band.* nearly determines") as told:
        named.fit(table, y)
    assert told[0].filename == __file__
    named.set_params(segmenter="ward").fit(table, y)  # a warning would be an error


def test_several_classes_are_recalibrated_each_against_the_rest():
    X, y, ward = two_wards()
    label = classes_of(y, ["a", "b", "c"])
    table = pd.DataFrame(X, columns=["u", "v"]).assign(ward=ward == "b")
    remedy = SubgroupRecalibrator(
        LogisticRegression(), segmenter="ward", learn_subgroups=False, random_state=0
    )
    with pytest.raises(ValueError, match="each class against the rest, as OneVsRest"):
        remedy.fit(table, label)
    model = OneVsRestClassifier(remedy).fit(table, label)
    assert (model.predict(table) == label).mean() > 0.5
