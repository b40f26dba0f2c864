"""From a fitted model, or a column, to a result that says who is under-served."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import root_mean_squared_error

from sklearn_equity import AuditResult, audit, audit_frame
from sklearn_equity.report._spread import _gini_if_equal


@pytest.fixture
def town():
    """Return a fitted model and 600 people of whom it serves the south badly."""
    rng = np.random.default_rng(4711)
    X = pd.DataFrame({"age": rng.normal(50, 10, 600), "bmi": rng.normal(27, 4, 600)})
    X["ward"] = np.repeat(["east", "north", "south"], 200)
    noise = rng.normal(0, 1, 600) * np.where(X["ward"] == "south", 6.0, 2.0)
    y = pd.Series(20 + 0.3 * X["age"] + 0.2 * X["bmi"] + noise, name="hba1c")
    return Model().fit(X, y), X, y


class Model(LinearRegression):
    """A regression that leaves the ward aside."""

    def fit(self, X, y):
        return super().fit(X[["age", "bmi"]], y)

    def predict(self, X):
        return super().predict(X[["age", "bmi"]])


def test_audit_names_the_under_served_with_count_and_interval(town):
    model, X, y = town
    result = audit(model, X, y, subgroups="ward", random_state=0)
    assert isinstance(result, AuditResult)
    verdicts = dict(zip(result.fidelity.subgroup, result.fidelity.verdict, strict=True))
    assert verdicts["south"] == "under-served"
    assert "under-served" not in (verdicts["east"], verdicts["north"])
    assert result.target == "hba1c"
    opening, under_served, doubt = result.sentences()
    assert opening.startswith("Over all 600 rows the model has NRMSE")
    assert "95% interval" in opening
    assert "ward = south (" in under_served
    assert "n = 200" in under_served
    assert "not the same as equal" in doubt


def test_estimates_against_scikit_learn(town):
    model, X, y = town
    table = audit(model, X, y, subgroups="ward").fidelity
    for ward, estimate in zip(table.subgroup, table.estimate, strict=True):
        rows = X["ward"] == ward
        rmse = root_mean_squared_error(y[rows], model.predict(X[rows]))
        assert_allclose(estimate, rmse / y[rows].mean())


def test_audit_of_a_column_equals_audit_of_the_model(town):
    model, X, y = town
    table = X.assign(hba1c=y, predicted=model.predict(X))
    by_model = audit(model, X, y, subgroups="ward", random_state=3).fidelity
    for frame in (table, pl.from_pandas(table)):
        by_column = audit_frame(
            frame,
            y_true="hba1c",
            y_pred="predicted",
            subgroups="ward",
            random_state=3,
        ).fidelity
        assert by_column.subgroup == by_model.subgroup
        assert_allclose(by_column.estimate, by_model.estimate)
        assert_allclose(by_column.ci_low, by_model.ci_low)


def test_learnt_segments_are_one_grouping_more(town):
    model, X, y = town
    segmenter = KMeans(3, n_init=1, random_state=0).fit(X[["age", "bmi"]].to_numpy())

    class OnNumbers:
        def predict(self, X):
            return segmenter.predict(X[["age", "bmi"]].to_numpy())

    result = audit(model, X, y, subgroups="ward", segmenter=OnNumbers())
    assert set(result.fidelity.grouping) == {"ward", "learnt segment"}
    alone = audit(model, X, y, segmenter=OnNumbers())
    assert set(alone.fidelity.grouping) == {"learnt segment"}


def test_equal_seeds_give_equal_results(town):
    model, X, y = town
    first, second = (audit(model, X, y, subgroups="ward", random_state=5) for _ in "ab")
    assert str(first) == str(second)
    assert first._repr_html_() == second._repr_html_()


def test_spread_is_shown_beside_what_noise_would_give(town):
    model, X, y = town
    (spread,) = audit(model, X, y, subgroups="ward", random_state=0).spreads
    assert spread.n_subgroups == 3
    assert spread.gini > spread.gini_if_equal_high > spread.gini_if_equal > 0


def test_noise_reference_of_the_spread_against_theory():
    """For two equal estimates with error s, E|a - b| / (4 m) = s / (2 m sqrt(pi))."""
    rng = np.random.RandomState(12)
    draws = _gini_if_equal(np.array([1.0, 1.0]), np.array([0.05, 0.05]), rng)
    assert_allclose(draws.mean(), 0.05 / (2 * np.sqrt(np.pi)), rtol=0.06)


def test_noise_reference_without_noise_is_the_index_of_equal_values():
    rng = np.random.RandomState(12)
    draws = _gini_if_equal(np.array([1.0, 3.0, 5.0]), np.zeros(3), rng)
    assert_allclose(draws, 0.0, atol=1e-12)


def test_a_signed_metric_has_no_gini(town):
    model, X, y = town
    assert audit(model, X, y, subgroups="ward", metric="bias").spreads == ()


def test_findings_are_added_to_a_copy(town):
    model, X, y = town
    result = audit(model, X, y, subgroups="ward")
    extended = result.with_findings(notes=["Twelve people moved away."])
    assert extended.notes == ("Twelve people moved away.",)
    assert result.notes == ()
    assert "Note: Twelve people moved away." in str(extended)


# ---- refusals --------------------------------------------------------------------
def test_an_unfitted_model_is_refused(town):
    _, X, y = town
    with pytest.raises(NotFittedError):
        audit(LinearRegression(), X, y, subgroups="ward")


def test_an_audit_without_subgroups_is_refused(town):
    model, X, y = town
    with pytest.raises(ValueError, match="give `subgroups` or `segmenter`; got none"):
        audit(model, X, y)


def test_gaps_in_the_target_are_counted(town):
    model, X, y = town
    with pytest.raises(ValueError, match=r"`y` must not hold missing.* 2 of 600"):
        audit(model, X, y.where(y.index > 1), subgroups="ward")


def test_missing_labels_are_named_and_can_be_grouped(town):
    model, X, y = town
    X = X.assign(ward=X["ward"].where(X.index >= 50))
    with pytest.raises(ValueError, match=r"'ward'.*missing labels; got 50 of 600"):
        audit(model, X, y, subgroups="ward")
    grouped = audit(model, X, y, subgroups="ward", missing="group").fidelity
    assert dict(zip(grouped.subgroup, grouped.n, strict=True))["(missing)"] == 50


def test_a_lazy_table_is_refused_with_the_way_out():
    table = pl.LazyFrame({"y": [1.0], "p": [1.0], "s": ["a"]})
    with pytest.raises(TypeError, match=r"collect"):
        audit_frame(table, y_true="y", y_pred="p", subgroups="s")
