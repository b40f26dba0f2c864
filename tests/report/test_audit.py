"""From a fitted model, or a column, to a result that says who is under-served."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import (
    AuditResult,
    audit,
    audit_frame,
    inequality_index,
    subgroup_fidelity,
)
from sklearn_equity.__main__ import main
from sklearn_equity.fidelity import METRIC_NAMES, resolve_metric


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
    opening, under_served, decided = result.sentences()
    assert opening.startswith("Over all 600 rows the model has NRMSE")
    assert "95% interval" in opening
    assert "ward = south (" in under_served
    assert "n = 200" in under_served
    assert decided == "The rows at hand decide for each of the 3 subgroups."


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


@pytest.mark.slow
def test_every_single_one_and_every_pair(town):
    model, X, y = town
    X = X.assign(sex=np.resize(["F", "M"], 600))
    by_depth, by_hand = (
        audit(model, X, y, subgroups=subgroups, max_depth=depth, random_state=0)
        for subgroups, depth in [
            (["sex", "ward", ("age", 3)], 2),
            (
                {
                    "sex": "sex",
                    "ward": "ward",
                    "age in 3 bands": ("age", 3),
                    "sex & ward": ("sex", "ward"),
                    "sex & age in 3 bands": ("sex", ("age", 3)),
                    "ward & age in 3 bands": ("ward", ("age", 3)),
                },
                None,
            ),
        ]
    )
    assert str(by_depth.fidelity) == str(by_hand.fidelity)
    assert len(by_depth.fidelity) == 2 + 3 + 3 + 6 + 6 + 9


def test_equal_seeds_give_equal_results(town):
    model, X, y = town
    first, second = (audit(model, X, y, subgroups="ward", random_state=5) for _ in "ab")
    assert str(first) == str(second)
    assert first._repr_html_() == second._repr_html_()


def test_spread_is_shown_beside_what_noise_would_give(town):
    model, X, y = town
    (spread,) = audit(model, X, y, subgroups="ward", random_state=0).spreads
    assert spread.n_subgroups == 3
    assert spread.gini > spread.gini_corrected > spread.ci_low > 0
    assert 0 < spread.gini_if_equal < spread.gini
    assert "p < .001" in spread.sentence() or "p = 0.00" in spread.sentence()


def test_the_spread_of_an_audit_is_the_inequality_index(town):
    model, X, y = town
    result = audit(model, X, y, subgroups="ward", random_state=0)
    index = inequality_index(result.fidelity)
    assert result.spreads[0].gini_corrected == index.corrected
    assert result.spreads[0].p_value == index.p_value


def test_an_audit_is_no_table_but_has_one(town):
    model, X, y = town
    result = audit(model, X, y, subgroups="ward", n_resamples=50)
    with pytest.raises(TypeError, match=r"got AuditResult\. .*result\.fidelity"):
        inequality_index(result)


def test_a_console_shows_what_print_shows(town):
    model, X, y = town
    result = audit(model, X, y, subgroups="ward", n_resamples=50)
    assert repr(result) == str(result)


def test_a_perfect_subgroup_among_two_has_no_spread_but_an_audit():
    """Its delta method has no standard error, and one subgroup can't be compared."""
    ward = np.repeat(["east", "west"], 50)
    y = np.linspace(30, 60, 100)
    frame = pd.DataFrame({"y": y, "p": y + (ward == "east") * np.resize([1, -2], 100)})
    frame["ward"] = ward
    result = audit_frame(frame, y_true="y", y_pred="p", subgroups="ward")
    assert len(result.fidelity) == 2


def test_a_signed_metric_has_no_gini(town):
    model, X, y = town
    assert audit(model, X, y, subgroups="ward", metric="bias").spreads == ()


def test_findings_are_added_to_a_copy(town):
    model, X, y = town
    result = audit(model, X, y, subgroups="ward")
    extended = result.with_findings(notes=["Twelve people moved away."])
    assert extended.notes == (*result.notes, "Twelve people moved away.")
    assert "Twelve people moved away." not in result.notes
    assert "Note: Twelve people moved away." in str(extended)


def test_undecided_subgroups_are_not_called_equal(town):
    model, X, y = town
    few = X.index % 20 == 0
    _, _, doubt = audit(model, X[few], y[few], subgroups="ward").sentences()
    assert doubt.startswith("For 3 of 3 subgroups the evidence is insufficient")
    assert "not the same as equal" in doubt


def test_numpys_own_random_state_is_left_alone(town):
    model, X, y = town
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state to be left alone
    audit(model, X, y, subgroups="ward")
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


# ---- classifiers -----------------------------------------------------------------
@pytest.fixture(params=[np.array([0, 1]), np.array(["no", "yes"])], ids=["0/1", "text"])
def clinic(request):
    """Return a fitted classifier, people, classes and wards."""
    rng = np.random.default_rng(1848)
    X = rng.normal(size=(600, 2))
    y = request.param[(X[:, 0] + rng.normal(size=600) > 0).astype(int)]
    return LogisticRegression().fit(X, y), X, y, np.repeat(["north", "south"], 300)


@pytest.mark.parametrize(
    ("metric", "oracle"),
    [
        ("roc_auc", lambda y, p, c: roc_auc_score(y, p)),
        (roc_auc_score, lambda y, p, c: roc_auc_score(y, p)),
        ("brier", lambda y, p, c: brier_score_loss(y, p)),
        (log_loss, lambda y, p, c: log_loss(y, p)),
        ("accuracy", lambda y, p, c: accuracy_score(y, c)),
        (f1_score, lambda y, p, c: f1_score(y, c)),
    ],
    ids=["roc_auc", "roc_auc_score", "brier", "log_loss", "accuracy", "f1_score"],
)
def test_a_classifier_is_asked_for_what_the_metric_compares(clinic, metric, oracle):
    model, X, y, ward = clinic
    table = audit(model, X, y, subgroups=ward, metric=metric, n_resamples=50).fidelity
    truth = y == model.classes_[1]
    probability, label = model.predict_proba(X)[:, 1], model.predict(X)
    for i, name in enumerate(("north", "south")):
        rows = ward == name
        expected = oracle(
            truth[rows], probability[rows], (label == model.classes_[1])[rows]
        )
        assert_allclose(table.estimate[i], expected)


@pytest.mark.parametrize("metric", sorted({*METRIC_NAMES} - {"interval_coverage"}))
def test_every_metric_that_has_one_answer_a_row_is_audited(metric, clinic, town):
    model, X, y, ward = clinic
    chosen = resolve_metric(metric)
    if chosen.task == "regression":
        model, X, y = town
        ward, truth, answer = X["ward"], y, model.predict(X)
    else:
        truth = 1.0 * (y == model.classes_[1])
        answer = 1.0 * (model.predict(X) == model.classes_[1])
        if chosen.response != "predict":
            answer = model.predict_proba(X)[:, 1]
        if metric in ("roc_auc", "average_precision"):
            answer = model.decision_function(X)  # which ranks as probabilities do
    settings = {"metric": metric, "n_resamples": 50, "random_state": 0}
    table = audit(model, X, y, subgroups=ward, **settings).fidelity
    expected = subgroup_fidelity(truth, answer, subgroups=ward, **settings)
    assert table.metric == chosen.label
    assert_allclose(table.estimate, expected.estimate, rtol=1e-12)


def test_two_predictions_a_row_are_refused_with_the_way_out(town):
    model, X, y = town
    with pytest.raises(ValueError, match=r"2 predictions a row.*subgroup_fidelity"):
        audit(model, X, y, subgroups="ward", metric="interval_coverage")


def test_scores_of_three_classes_are_refused():
    X, y = np.arange(30.0).reshape(-1, 1), np.repeat([0, 1, 2], 10)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(
        ValueError, match=r"needs a classifier of two classes; .* has 3"
    ):
        audit(model, X, y, subgroups=np.tile(["a", "b"], 15), metric="roc_auc")


def test_an_unknown_class_is_named(clinic):
    model, X, y, ward = clinic
    stranger = y.astype(object)
    stranger[3] = "maybe"
    with pytest.raises(ValueError, match=r"classes that the model knows.*'maybe'"):
        audit(model, X, stranger, subgroups=ward, metric="brier")


def test_classes_written_in_another_way_than_the_model_knows_are_the_fault():
    X, y = np.arange(60.0).reshape(-1, 1), np.repeat([0, 1], 30)
    model, ward = LogisticRegression().fit(X, y), np.tile(["a", "b"], 30)
    for known in (np.where(y, "ill", "well"), y.astype(str)):
        with pytest.raises(
            ValueError, match=r"`y` must hold .* \[0, 1\]; got .* 60 of 60 rows.*fitted"
        ):
            audit(model, X, known, subgroups=ward, metric="accuracy")
    of_text = LogisticRegression().fit(X, y.astype(str))
    for metric in ("accuracy", "roc_auc"):
        with pytest.raises(ValueError, match=r"`y` must hold .*\['0', '1'\]; got 0"):
            audit(of_text, X, y, subgroups=ward, metric=metric)


def test_a_metric_of_numbers_is_refused_for_a_classifier(clinic):
    model, X, y, ward = clinic
    for metric in ({}, {"metric": "rmse"}, {"metric": resolve_metric("mae")}):
        with pytest.raises(
            ValueError, match=r"`metric` .* classifier, as Logistic.*got .*\"roc_auc\""
        ) as refusal:
            audit(model, X, y, subgroups=ward, **metric)
        assert "interval_coverage" not in str(refusal.value)
    in_a_pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    with pytest.raises(ValueError, match="for a classifier"):
        audit(in_a_pipeline, X, y, subgroups=ward)


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_a_metric_of_classes_is_refused_for_a_regressor(town, metric):
    model, X, y = town
    with pytest.raises(ValueError, match=r"for a regressor, as Model.*\"nrmse\""):
        audit(model, X, y > 40, subgroups="ward", metric=metric)


@pytest.mark.parametrize(("metric", "noted"), [("nrmse", True), ("brier", False)])
def test_classes_in_a_column_measured_as_numbers_are_noted(metric, noted):
    table = pd.DataFrame({"y": [0, 1] * 50, "p": [0.2, 0.7] * 50, "s": [*"aabb"] * 25})
    result = audit_frame(table, y_true="y", y_pred="p", subgroups="s", metric=metric)
    assert ("Note: The target has two values" in str(result)) == noted


def test_probabilities_are_no_classes():
    table = pd.DataFrame({"y": [0, 1] * 50, "p": [0.2, 0.7] * 50, "s": [*"aabb"] * 25})
    with pytest.raises(ValueError, match="needs `y_pred` to be classes; got fractions"):
        audit_frame(table, y_true="y", y_pred="p", subgroups="s", metric="accuracy")


# ---- real people -----------------------------------------------------------------
EARLIER_CYCLES = Path(__file__).parents[3] / "shared/data/nhanes_1999_2014.parquet"


@pytest.mark.slow
@pytest.mark.skipif(not EARLIER_CYCLES.exists(), reason="earlier cycles not at hand")
def test_fidelity_differs_by_deprivation_and_ethnicity_in_nhanes(tmp_path):
    people = pd.read_parquet(EARLIER_CYCLES)
    features = people[["age", "bmi", "waist_cm", "sbp_mean"]]
    people["predicted"] = cross_val_predict(
        make_pipeline(SimpleImputer(), StandardScaler(), Ridge()),
        features,
        people["hba1c_mmol_mol"],
        cv=KFold(5, shuffle=True, random_state=0),
    )
    path = tmp_path / "people.parquet"
    people.to_parquet(path)
    words = f"audit {path} --target hba1c_mmol_mol --prediction predicted"
    words += " --subgroups ethnicity,poverty_income_ratio:3,smoking"
    assert main([*words.split(), "--output", str(tmp_path)]) == 0
    table = pd.read_csv(tmp_path / "fidelity.csv")
    found = set(table.loc[table["verdict"] == "under-served", "grouping"])
    assert found == {"ethnicity", "poverty_income_ratio:3"}


# ---- refusals --------------------------------------------------------------------
def test_an_unfitted_model_is_refused(town):
    _, X, y = town
    with pytest.raises(NotFittedError):
        audit(LinearRegression(), X, y, subgroups="ward")


def test_an_audit_without_subgroups_is_refused(town):
    model, X, y = town
    with pytest.raises(ValueError, match="give `subgroups` or `segmenter`; got none"):
        audit(model, X, y)


def test_a_target_of_another_length_is_named(town):
    model, X, y = town
    with pytest.raises(ValueError, match=r"`y` must have one value per row of `X`"):
        audit(model, X, y[:10], subgroups="ward")


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


def test_rows_in_another_order_are_refused(town):
    model, X, y = town
    X, y = X.set_index(X.index + 7), pd.Series(y)
    y.index = X.index
    shuffled = X["ward"].sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=r"`subgroups\['ward'\]` and `X` have differ"):
        audit(model, X, y, subgroups={"ward": shuffled})
    with pytest.raises(ValueError, match="`y` and `X` have different indexes"):
        audit(model, X, y.sample(frac=1, random_state=0), subgroups="ward")


def test_unequal_groupings_are_told_where_nobody_is_named():
    """Thirty of sixty wards have errors a third larger, which no ward shows alone."""
    rng = np.random.default_rng(11)
    ward = np.repeat(np.arange(60), 40)
    people = pd.DataFrame({"y": rng.normal(40, 5, 2400)})
    people["ward"] = [f"w{number}" for number in ward]
    people["p"] = people["y"] + rng.normal(size=2400) * np.where(ward % 2, 1.3, 1.0)
    people["coin"] = rng.permutation(np.repeat(["head", "tail"], 1200))
    result = audit_frame(
        people, y_true="y", y_pred="p", subgroups=["ward", "coin"], random_state=0
    )
    who = result.sentences()[1]
    assert "No subgroup is shown to be under-served" in who
    assert "Shown to be unequal all the same: by ward (Gini index" in who
    assert "by coin" not in who
    assert who.partition(". ")[2] in result.to_markdown().replace("\\", "")


def test_who_is_named_speaks_for_the_grouping(town):
    model, X, y = town
    result = audit(model, X, y, subgroups="ward", random_state=0)
    assert result.spreads[0].p_value < 0.01
    assert "unequal" not in result.sentences()[1]
