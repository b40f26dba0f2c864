"""Along the strength of a remedy: figures on held-out rows, and whom each harms."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from sklearn_equity.inequality import gini
from sklearn_equity.remediation import SubgroupOversampler, remediation_path


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
            "Invalid parameter 'power'",
        ),
        (REMEDY, {"subgroups": True, "metric": "spearman"}, "`metric` must be one of"),
    ],
)
def test_refuses(remedy, given, message):
    X, y, ward = two_wards_of_one_line(80)
    if "subgroups" in given:
        given = {**given, "subgroups": ward}
    with pytest.raises(ValueError, match=message):
        remediation_path(remedy, X, y, **given)
