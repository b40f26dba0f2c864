"""Along the strength of a remedy: figures on held-out rows, and whom each harms."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity.inequality import gini
from sklearn_equity.remediation import (
    DeferralClassifier,
    DeferralRegressor,
    LocalExpertStack,
    SubgroupOversampler,
    SubgroupRecalibrator,
    remediation_path,
)


def two_wards_of_one_line(n_rows=800, seed=71):
    """Slopes 2 and 1 with little noise: what helps the smaller ward harms the other."""
    rng = np.random.default_rng(seed)
    ward = np.where(np.arange(n_rows) % 4 == 0, "B", "A")
    X = rng.uniform(0, 100, size=(n_rows, 1))
    y = 10.0 + np.where(ward == "A", 2.0, 1.0) * X[:, 0] + rng.normal(size=n_rows)
    return X, y, ward


REMEDY = SubgroupOversampler(LinearRegression(), random_state=0)


def test_figures_are_those_of_models_fitted_by_hand():
    X, y, ward = two_wards_of_one_line()
    path = remediation_path(
        REMEDY, X, y, subgroups=ward, strengths=[3], metric="rmse", random_state=5
    )
    train, test = train_test_split(
        np.arange(800), test_size=0.3, random_state=np.random.RandomState(5)
    )
    train, test = np.sort(train), np.sort(test)
    repeated = np.repeat(train, np.where(ward[train] == "B", 3, 1))
    assert path.labels == ("B",)
    assert path.n == (240, (ward[test] == "A").sum(), (ward[test] == "B").sum())
    for i, rows in enumerate((train, repeated)):
        error = y[test] - LinearRegression().fit(X[rows], y[rows]).predict(X[test])
        rmse = {
            who: np.sqrt(np.mean(error[mine] ** 2))
            for who, mine in (
                ("overall", slice(None)),
                ("base", ward[test] == "A"),
                ("under_served", ward[test] == "B"),
            )
        }
        for who, expected in rmse.items():
            assert_allclose(getattr(path, who)[i], expected)
        assert_allclose(path.gini[i], gini([rmse["base"], rmse["under_served"]]))


def test_equality_at_the_expense_of_the_base_is_called_levelling_down():
    X, y, ward = two_wards_of_one_line()
    path = remediation_path(
        REMEDY, X, y, subgroups=ward, strengths=[3, 4], random_state=0
    )
    assert path.verdict == ("plain", "levelling down", "levelling down")
    assert "levelling down" in repr(path)
    assert (np.diff(path.base) > 0).all()
    assert (np.diff(path.under_served) < 0).all()
    assert (path.gini_low > 0.0).all()  # lines that are this far apart are no noise
    assert (path.gini_low < path.gini_corrected).all()
    assert (path.gini_corrected < path.gini_high).all()
    assert_allclose(path.gini_corrected, path.gini, rtol=0.1)
    frame = path.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["gini_high"].tolist() == path.gini_high.tolist()
    assert frame["n_harmed"].tolist() == [0, 2, 2]
    assert frame["verdict"].tolist() == list(path.verdict)


def test_no_remedy_does_no_harm():
    X, y, ward = two_wards_of_one_line()
    path = remediation_path(REMEDY, X, y, subgroups=ward, strengths=[1])
    assert path.verdict == ("plain", "no harm")
    assert_array_equal(path.overall[0], path.overall[1])


def test_the_gini_of_equal_subgroups_is_not_told_from_noise():
    rng = np.random.default_rng(0)
    ward, X = np.resize(["A", "B", "C"], 300), rng.uniform(size=(300, 1))
    y = 10.0 + X[:, 0] + rng.normal(size=300)
    path = remediation_path(
        REMEDY, X, y, subgroups=ward, strengths=[2], min_subgroup_size=20,
        random_state=0,
    )  # fmt: skip
    assert (path.gini > 0.0).all()
    assert_array_equal(path.gini_low, 0.0)
    few = remediation_path(
        REMEDY, X, y, subgroups=ward, strengths=[2], min_subgroup_size=200,
        random_state=0,
    )  # fmt: skip
    assert np.isnan([few.gini, few.gini_corrected, few.gini_low]).all()


def test_a_remedy_names_its_under_served_by_their_labels():
    X, y, ward = two_wards_of_one_line()
    named = SubgroupOversampler(LinearRegression(), under_served=["B"], random_state=0)
    path, by_rule = (
        remediation_path(remedy, X, y, subgroups=ward, strengths=[3], random_state=0)
        for remedy in (named, REMEDY)
    )
    assert_array_equal(path.under_served, by_rule.under_served)


def test_a_segmenter_is_fitted_once_to_the_training_rows():
    X, y, _ = two_wards_of_one_line()
    remedy = SubgroupOversampler(
        LinearRegression(), segmenter=KMeans(3, n_init=1, random_state=0)
    )
    path = remediation_path(remedy, X, y, strengths=[2, 3], random_state=0)
    assert {test.subgroup for test in path.no_harm} == {("everybody", 0, 1, 2)}
    assert isinstance(remedy.segmenter, KMeans)


def test_columns_and_classes():
    X, y, ward = two_wards_of_one_line()
    frame = pd.DataFrame({"x": X[:, 0], "ward": (ward == "B").astype(int)})
    label = np.where(y > np.median(y), "high", "low")
    remedy = SubgroupOversampler(
        LogisticRegression(), segmenter="ward", metric="accuracy", random_state=0
    )
    path = remediation_path(remedy, frame, label, strengths=[2], random_state=0)
    train, test = train_test_split(
        np.arange(800), test_size=0.3, random_state=np.random.RandomState(0)
    )
    train = np.sort(train)
    model = LogisticRegression().fit(frame.iloc[train], label[train])
    expected = accuracy_score(label[test], model.predict(frame.iloc[test]))
    assert_allclose(path.overall[0], expected)
    assert path.greater_is_better


@pytest.mark.parametrize(
    ("remedy", "given", "message"),
    [
        (REMEDY, {}, "and not both; got neither"),
        (
            SubgroupOversampler(LinearRegression(), segmenter=KMeans(2, n_init=1)),
            {"subgroups": True},
            "and not both; got both",
        ),
        (
            REMEDY,
            {"subgroups": True, "parameter": "power"},
            "`parameter` must be .* SubgroupOversampler has no 'power', but estimator",
        ),
        (REMEDY, {"subgroups": True, "metric": "spearman"}, "`metric` must be one of"),
        (REMEDY, {"subgroups": True, "metric": "brier"}, "of what `predict` returns"),
        (REMEDY, {"subgroups": True, "strengths": []}, "at least one value of"),
        (REMEDY, {"subgroups": True, "test_size": 2}, "`test_size` must be a share"),
    ],
)
def test_refuses(remedy, given, message):
    X, y, ward = two_wards_of_one_line(80)
    if "subgroups" in given:
        given = {**given, "subgroups": ward}
    with pytest.raises(ValueError, match=message):
        remediation_path(remedy, X, y, **given)


# ---- every remedy of the family --------------------------------------------------
def by_hand(model, **given):
    """Fit a remedy as `remediation_path` does with random_state=0."""
    X, y, ward = two_wards_of_one_line()
    train, test = train_test_split(
        np.arange(800), test_size=0.3, random_state=np.random.RandomState(0)
    )
    train, test = np.sort(train), np.sort(test)
    labels = {"subgroups": ward[train]} if given.pop("labels", False) else {}
    fitted = clone(model).set_params(**given).fit(X[train], y[train], **labels)
    return fitted, X[test], y[test], ward[test]


def rmse_of(y, prediction):
    return np.sqrt(np.mean((y - prediction) ** 2))


def test_local_experts_need_no_subgroups_and_have_no_metric():
    X, y, ward = two_wards_of_one_line()
    remedy = LocalExpertStack(
        LinearRegression(), others=[], cv=2, max_depth=1, random_state=0
    )
    path = remediation_path(
        remedy, X, y, subgroups=ward, parameter="n_rounds", strengths=[0, 1],
        random_state=0,
    )  # fmt: skip
    assert path.metric == "RMSE"
    for i, n_rounds in ((1, 0), (2, 1)):
        fitted, X_test, y_test, _ = by_hand(remedy, n_rounds=n_rounds)
        assert_allclose(path.overall[i], rmse_of(y_test, fitted.predict(X_test)))
    assert_array_equal(path.coverage, 1.0)
    assert "coverage" not in repr(path)


def test_a_recalibrator_is_handed_the_labels_of_those_whom_it_predicts():
    X, y, ward = two_wards_of_one_line()
    remedy = SubgroupRecalibrator(LinearRegression(), random_state=0)
    path = remediation_path(
        remedy, X, y, subgroups=ward, parameter="n_rounds", strengths=[3],
        random_state=0,
    )  # fmt: skip
    fitted, X_test, y_test, ward_test = by_hand(remedy, n_rounds=3, labels=True)
    expected = rmse_of(y_test, fitted.predict(X_test, subgroups=ward_test))
    assert_allclose(path.overall[1], expected)
    assert path.overall[1] < 0.8 * path.overall[0]


@pytest.mark.filterwarnings("ignore::sklearn_equity.exceptions.ExclusionWarning")
def test_a_deferral_is_measured_on_those_who_get_a_prediction_and_called_silent():
    X, y, ward = two_wards_of_one_line()
    remedy = DeferralRegressor(
        LinearRegression(), withhold_by=KernelDensity(), random_state=0
    )
    path = remediation_path(
        remedy, X, y, subgroups=ward, parameter="coverage", strengths=[1.0, 0.8],
        random_state=0,
    )  # fmt: skip
    fitted, X_test, y_test, ward_test = by_hand(remedy, coverage=0.8)
    predicted = fitted.predict(X_test)
    given = ~np.isnan(predicted)
    assert 0.6 < given.mean() < 0.95
    for row, mine in enumerate((ward_test != "", ward_test == "A", ward_test == "B")):
        assert_allclose(path.coverage[row], [1.0, 1.0, given[mine].mean()])
    assert_allclose(path.overall[2], rmse_of(y_test[given], predicted[given]))
    assert path.verdict == ("plain", "no harm", "keeps silent")
    # The same model, asked about the same people, is neither better nor worse for them.
    assert_allclose(path.no_harm[1].harm, 0.0, atol=1e-12)
    assert path.no_harm[1].n[0] == given.sum()
    assert "excluded_who" in repr(path)
    assert path.to_columns()["coverage_under_served"] == path.coverage[2].tolist()


@pytest.mark.filterwarnings("ignore::sklearn_equity.exceptions.ExclusionWarning")
def test_withheld_classes_are_not_errors():
    X, y, ward = two_wards_of_one_line()
    label = np.where(y > np.median(y), "high", "low")
    remedy = DeferralClassifier(LogisticRegression(), withhold_by=KernelDensity())
    path = remediation_path(
        remedy, X, label, subgroups=ward, metric="accuracy", parameter="coverage",
        strengths=[0.5], random_state=0,
    )  # fmt: skip
    assert path.coverage[0, 1] < 0.7
    assert path.overall[1] > path.coverage[0, 1]  # the most it could be, were it error
    assert path.verdict[1] == "keeps silent"


def test_a_strength_may_be_a_word():
    X, y, ward = two_wards_of_one_line()
    remedy = SubgroupOversampler(LinearRegression(), multiplier=3, random_state=0)
    path = remediation_path(
        remedy, X, y, subgroups=ward, parameter="strategy",
        strengths=["duplicate", "weight"], random_state=0,
    )  # fmt: skip
    assert path.model == ("plain", "duplicate", "weight")
    assert path.to_columns()["strength"] == ["plain", "duplicate", "weight"]
    assert "weight" in repr(path)
    # Repeated rows are rows that weigh as much.
    assert_allclose(path.overall[1], path.overall[2])


@pytest.mark.parametrize(
    "model", [LinearRegression(), make_pipeline(StandardScaler(), LinearRegression())]
)
def test_a_model_without_a_remedy_is_refused_before_any_fit(model):
    X, y, ward = two_wards_of_one_line(80)
    with pytest.raises(TypeError, match=r"Wrap the whole .*SubgroupOversampler\("):
        remediation_path(model, X, y, subgroups=ward)
    assert not hasattr(model, "n_features_in_")
