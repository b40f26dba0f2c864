"""Do tables of every engine give the figures of the arrays in memory?"""

import dask
import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import (
    AuditAccumulator,
    DeteriorationSums,
    SubgroupMoments,
    audit_frame,
    fidelity_of_table,
    subgroup_fidelity,
)
from sklearn_equity._checks import check_subgroups
from sklearn_equity.exceptions import NegativeTargetWarning
from sklearn_equity.fidelity import _from_moments
from sklearn_equity.fidelity._population import Population

# DuckDB before 2.0 closes a connection that nobody holds.
CONNECTION = duckdb.connect()

NUMBERS = ["bias", "mae", "nrmse", "pinball", "r2", "rmse"]
CLASSES = ["accuracy", "balanced_accuracy", "sensitivity", "specificity"]
RISKS = ["brier", "log_loss"]
COLUMNS = {"y_true": "truth", "y_pred": "predicted"}


def people(metric="nrmse", n_rows=3000, seed=20260910):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["east", "north", "west"], n_rows, p=[0.5, 0.4, 0.1])
    sex = rng.choice(["female", "male"], n_rows)
    signal = rng.normal(size=n_rows)
    if metric in NUMBERS:
        truth = 40.0 + 6.0 * signal
        noise = rng.normal(size=n_rows) * np.where(ward == "north", 6.0, 3.0)
        predicted = truth + noise
    else:
        truth = (rng.logistic(size=n_rows) < signal).astype(float)
        predicted = 1.0 / (1.0 + np.exp(-signal))
        predicted = predicted if metric in RISKS else np.round(predicted)
    return pd.DataFrame(
        {
            "truth": truth,
            "predicted": predicted,
            "ward": ward,
            "sex": sex,
            "weight": rng.uniform(0.5, 2.0, n_rows),
        }
    )


def polars_lazy(frame):
    return pl.from_pandas(frame).lazy()


def duckdb_relation(frame):
    return CONNECTION.from_arrow(pl.from_pandas(frame).to_arrow())


def dask_frame(frame):
    return dd.from_pandas(frame, npartitions=3)


def ibis_table(frame):
    ibis = pytest.importorskip("ibis")
    return ibis.polars.connect({"people": pl.from_pandas(frame)}).table("people")


ENGINES = [polars_lazy, duckdb_relation, dask_frame, ibis_table]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.__name__)


@pytest.fixture(autouse=True)
def _dask_in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


# ---- the figures are those of the arrays --------------------------------------------
@pytest.mark.parametrize(
    ("engine", "metric"),
    [
        # One metric an engine, and every metric of the quickest; the others are slow.
        pytest.param(
            engine,
            metric,
            id=f"{engine.__name__}-{metric}",
            marks=() if engine is polars_lazy or metric == "r2" else pytest.mark.slow,
        )
        for engine in ENGINES
        for metric in NUMBERS + CLASSES + RISKS
    ],
)
def test_estimates_against_rows_in_memory(engine, metric):
    frame = people(metric, 600)
    found = fidelity_of_table(
        engine(frame), **COLUMNS, subgroups="ward", metric=metric, n_resamples=50
    )
    expected = subgroup_fidelity(
        frame["truth"],
        frame["predicted"],
        subgroups=frame["ward"],
        metric=metric,
        n_resamples=50,
    )
    assert found.subgroup == expected.subgroup
    assert_array_equal(found.n, expected.n)
    assert_allclose(found.estimate, expected.estimate, rtol=1e-11, atol=1e-13)
    assert_allclose(found.overall.estimate, expected.overall.estimate, rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", NUMBERS + CLASSES + RISKS)
def test_errors_and_intervals_are_near_those_of_rows(metric, weighted):
    frame = people(metric)
    weight = "weight" if weighted else None
    found = fidelity_of_table(
        polars_lazy(frame),
        **COLUMNS,
        subgroups="ward",
        metric=metric,
        sample_weight=weight,
        random_state=0,
    )
    expected = subgroup_fidelity(
        frame["truth"],
        frame["predicted"],
        subgroups=frame["ward"],
        metric=metric,
        sample_weight=frame[weight] if weighted else None,
        n_resamples=4000,
        random_state=0,
    )
    assert_allclose(found.weight, expected.weight, rtol=1e-12)
    assert_allclose(found.estimate, expected.estimate, rtol=1e-11, atol=1e-13)
    assert_allclose(found.std_error, expected.std_error, rtol=0.07)
    for end in ("ci_low", "ci_high"):
        gap = getattr(found, end) - getattr(expected, end)
        assert (np.abs(gap) <= 0.25 * expected.std_error).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", CLASSES)
def test_intervals_of_shares_are_those_of_rows(metric, weighted):
    frame = people(metric, 600)
    found, expected = (
        subgroup_fidelity(
            "truth",
            "predicted",
            subgroups="ward",
            metric=metric,
            sample_weight="weight" if weighted else None,
            n_resamples=50,
            data=table,
        )
        for table in (polars_lazy(frame), frame)
    )
    assert_allclose(found.ci_low, expected.ci_low, rtol=1e-11)
    assert_allclose(found.ci_high, expected.ci_high, rtol=1e-11)


@pytest.mark.parametrize("metric", ["mae", "nrmse", "rmse"])
def test_intervals_of_errors_differ_from_those_of_rows_by_the_pool_alone(
    metric, monkeypatch
):
    frame = people(metric, 900)
    options = {
        "subgroups": "ward",
        "metric": metric,
        "random_state": 0,
        "n_resamples": 1000,
    }
    rows = {
        "y_true": frame["truth"].to_numpy(),
        "y_pred": frame["predicted"].to_numpy(),
    }
    expected = subgroup_fidelity(**rows, **{**options, "subgroups": frame["ward"]})
    found = fidelity_of_table(polars_lazy(frame), **COLUMNS, **options)
    for end in ("ci_low", "ci_high"):
        apart = getattr(found, end) - getattr(expected, end)
        assert 1e-6 < np.abs(apart / expected.std_error).max() < 0.25
    # Given the rows in the place of the counts of their errors, they are the same.
    pool = (
        Population(rows["y_true"], rows["y_pred"], None),
        check_subgroups(frame["ward"], n_rows=900),
    )
    monkeypatch.setattr(_from_moments, "rows_of_cells", lambda *_: pool)
    found = fidelity_of_table(polars_lazy(frame), **COLUMNS, **options)
    for end in ("estimate", "ci_low", "ci_high"):
        assert_allclose(getattr(found, end), getattr(expected, end), rtol=1e-9)


def test_who_is_planted_as_worse_is_found_and_nobody_else():
    found = fidelity_of_table(
        polars_lazy(people()),
        **COLUMNS,
        subgroups=["ward", ("sex", "ward")],
        random_state=0,
    )
    planted = ["north" in (label, *label) for label in found.subgroup]
    called = [verdict == "under-served" for verdict in found.verdict]
    assert called == planted
    assert found.rule.endswith("else Student's t.")


@every_engine
def test_every_engine_prints_the_same_report(engine):
    frame = people()
    options = {**COLUMNS, "subgroups": ["ward", ("ward", "sex")], "random_state": 0}
    expected = audit_frame(polars_lazy(frame), **options)
    found = audit_frame(engine(frame), **options)
    assert str(found) == str(expected)
    assert_allclose(found.fidelity.estimate, expected.fidelity.estimate, rtol=1e-12)


def test_a_subgroup_whose_truth_never_varies_has_no_r2():
    frame = people("r2", 300)
    frame.loc[frame["ward"] == "west", "truth"] = 1e6
    with np.errstate(all="raise"):
        found = fidelity_of_table(
            polars_lazy(frame), **COLUMNS, subgroups="ward", metric="rmse"
        )
    assert found.estimate[2] > 9e5


# ---- labels ------------------------------------------------------------------
@every_engine
def test_missing_labels_are_refused_counted_grouped_or_dropped(engine):
    frame = people(n_rows=300)
    frame.loc[frame.index[:4], "ward"] = None
    with pytest.raises(ValueError, match="must not have missing labels; got 4 of 300"):
        fidelity_of_table(engine(frame), **COLUMNS, subgroups="ward")
    kept = fidelity_of_table(
        engine(frame), **COLUMNS, subgroups="ward", missing="group"
    )
    assert kept.subgroup == ("east", "north", "west", "(missing)")
    assert kept.n[-1] == 4
    dropped = fidelity_of_table(
        engine(frame), **COLUMNS, subgroups="ward", missing="drop"
    )
    assert dropped.n.sum() == 296
    assert dropped.overall.n == 300


# ---- bad numbers are named -----------------------------------------------------------
@pytest.mark.parametrize(
    "engine",
    [
        polars_lazy,
        duckdb_relation,
        *(pytest.param(e, marks=pytest.mark.slow) for e in (dask_frame, ibis_table)),
    ],
)
@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (
            "truth",
            None,
            r"`y_true` \('truth'\) must not hold missing values; .* in 1 o",
        ),
        ("truth", np.nan, r"`y_true` \('truth'\) must not hold missing values"),
        ("predicted", np.inf, r"`y_pred` \('predicted'\) must be finite; got infinity"),
        ("weight", None, r"`sample_weight` \('weight'\) must not hold missing values"),
        ("weight", -1.0, "`sample_weight` must not be negative; got negative values"),
    ],
)
def test_a_bad_number_is_named_and_counted(engine, column, value, text):
    frame = people(n_rows=90)
    frame.loc[frame.index[70], column] = value
    with pytest.raises(ValueError, match=text):
        fidelity_of_table(
            engine(frame), **COLUMNS, subgroups="ward", sample_weight="weight"
        )


def test_dask_names_the_partition():
    frame = people(n_rows=90)
    frame.loc[frame.index[70], "predicted"] = np.inf
    with pytest.raises(ValueError, match=r"1 of 90 rows, in the partitions \[2\]"):
        fidelity_of_table(dask_frame(frame), **COLUMNS, subgroups="ward")


def spoilt(frame, column, change):
    """Return a table of Dask of which one partition breaks what the table says."""

    def spoil(part, partition_info=None):
        if partition_info["number"] != 1:
            return part
        return part.assign(**{column: change(part[column])})

    return dask_frame(frame).map_partitions(spoil, meta=frame.iloc[:0])


def one_as_text(column):
    return column.astype(object).where(np.arange(len(column)) != 3, "40.0")


@pytest.mark.parametrize(
    ("column", "change", "text"),
    [
        (
            "truth",
            lambda c: "high",
            r"`y_true` \('truth'\) must hold numbers; .* String",
        ),
        # Text that reads as numbers would be taken for them.
        ("predicted", lambda c: c.astype(str), r"`y_pred` \('predicted'\) .* String"),
        (
            "weight",
            one_as_text,
            r"`sample_weight` \('weight'\) must .* there is Object",
        ),
        (
            "truth",
            lambda c: pd.Timestamp(0),
            r"`y_true` .* must hold numbers; .* Datet",
        ),
        ("ward", lambda c: c.str.len(), r"`subgroups` \('ward'\) must hold text"),
    ],
)
def test_dask_names_the_partition_of_another_type(column, change, text):
    frame = people(n_rows=90)
    table = spoilt(frame, column, change)
    options = {"subgroups": "ward", "sample_weight": "weight"}
    with pytest.raises(ValueError, match=text + r".* in the partitions \[1\]"):
        fidelity_of_table(table, **COLUMNS, **options)
    with pytest.raises(ValueError, match=r"is .* in the partitions \[1\]"):
        SubgroupMoments.from_frame(table, columns=["truth", "predicted"], **options)
    with pytest.raises(ValueError, match=r"\(in partition 1\)"):
        DeteriorationSums.from_frame(
            table,
            measurement="predicted" if column == "predicted" else "truth",
            threshold=40.0,
            bounds=(0.0, 100.0),
            **options,
        )


def test_whole_numbers_in_a_partition_are_numbers():
    frame = people(n_rows=90)
    table = spoilt(frame, "truth", lambda c: c.round().astype(int))
    rounded = frame.assign(truth=table["truth"].compute())
    options = {**COLUMNS, "subgroups": "ward", "random_state": 0}
    found = fidelity_of_table(table, **options)
    expected = fidelity_of_table(polars_lazy(rounded), **options)
    assert_allclose(found.estimate, expected.estimate, rtol=1e-12)


@every_engine
def test_a_subgroup_of_weight_zero_stays_as_in_memory(engine):
    frame = people(n_rows=300)
    frame.loc[frame["ward"] == "west", "weight"] = 0.0
    options = {"subgroups": ["ward", ("ward", "sex")], "n_resamples": 50}
    found = fidelity_of_table(
        engine(frame), **COLUMNS, sample_weight="weight", **options
    )
    expected = subgroup_fidelity(
        "truth", "predicted", sample_weight="weight", data=frame, **options
    )
    assert found.subgroup == expected.subgroup
    assert_array_equal(found.n, expected.n)
    assert found.n[2] == 0
    assert found.verdict[2] == expected.verdict[2] == "insufficient evidence"
    assert_allclose(found.estimate, expected.estimate, rtol=1e-12)


@pytest.mark.parametrize("metric", ["nrmse", "r2", "brier", "accuracy"])
def test_batches_keep_a_subgroup_of_weight_zero(metric):
    frame = people(metric, n_rows=300).sort_values("ward")
    frame.loc[frame["ward"] != "north", "weight"] = 0.0
    whole, parts = AuditAccumulator(metric=metric), AuditAccumulator(metric=metric)
    columns = [frame[name].to_numpy() for name in ("truth", "predicted", "ward")]
    weight = frame["weight"].to_numpy()
    whole.update(*columns, sample_weight=weight)
    # The first part, and the last, are of nobody.
    for rows in np.array_split(np.arange(300), 20):
        some = AuditAccumulator(metric=metric).update(
            *(column[rows] for column in columns), sample_weight=weight[rows]
        )
        parts += AuditAccumulator.from_bytes(some.to_bytes())
    found, expected = (a.result(n_resamples=50) for a in (parts, whole))
    assert found.subgroup == expected.subgroup == ("east", "north", "west")
    assert_array_equal(found.n, [0, (frame["ward"] == "north").sum(), 0])
    assert_allclose(found.estimate, expected.estimate, rtol=1e-10)


def test_missing_labels_of_nobody_are_counted_as_in_memory():
    frame = people(n_rows=90)
    frame.loc[:3, "ward"] = None
    frame.loc[:3, "weight"] = 0.0
    options = {"subgroups": "ward", "sample_weight": "weight"}
    for table in (polars_lazy(frame), frame):
        with pytest.raises(ValueError, match=r"missing labels; got 4 of 90\. Make"):
            subgroup_fidelity("truth", "predicted", data=table, **options)


@every_engine
def test_a_bias_that_is_large_beside_its_spread_keeps_its_error(engine):
    frame = people(n_rows=400)
    frame["predicted"] = frame["truth"] + 1e6 + (frame["predicted"] - frame["truth"])
    options = {"subgroups": "ward", "metric": "bias", "n_resamples": 50}
    found = fidelity_of_table(engine(frame), **COLUMNS, **options)
    for g, label in enumerate(found.subgroup):
        error = (frame["predicted"] - frame["truth"])[frame["ward"] == label]
        expected = error.std(ddof=0) / np.sqrt(len(error))
        assert_allclose(found.std_error[g], expected, rtol=0.01 + 1.0 / len(error))


def test_an_empty_partition_changes_nothing():
    frame = people(n_rows=300)
    table = dd.concat([dask_frame(frame), dask_frame(frame).query("truth > 1e9")])
    found = fidelity_of_table(table, **COLUMNS, subgroups="ward", random_state=0)
    expected = fidelity_of_table(
        dask_frame(frame), **COLUMNS, subgroups="ward", random_state=0
    )
    assert str(found) == str(expected)


@every_engine
def test_text_is_refused(engine):
    frame = people(n_rows=60)
    with pytest.raises(ValueError, match=r"`y_pred` \('sex'\) must hold numbers"):
        fidelity_of_table(engine(frame), y_true="truth", y_pred="sex", subgroups="ward")


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"y_true": "hba1c"}, ValueError, r"`y_true` names no column .*\['hba1c'\]"),
        ({"subgroups": "clinic"}, ValueError, r"no column of the table: \['clinic'\]"),
        ({"subgroups": ("truth", 4)}, TypeError, "Make bands or labels a column"),
        ({"metric": "roc_auc"}, ValueError, "must follow from sums over rows where"),
        ({"normalization": "iqr"}, ValueError, "must follow from sums over rows where"),
        ({"subgroups": "truth"}, ValueError, "must hold at most 200 different labels"),
        ({"metric": "brier"}, ValueError, "needs `y_true` to be 0 or 1; got other"),
    ],
)
def test_requests_that_cannot_be_met(options, error, text):
    asked = {**COLUMNS, "subgroups": "ward", **options}
    with pytest.raises(error, match=text):
        fidelity_of_table(polars_lazy(people()), **asked)


def test_a_target_without_zero_is_refused_as_in_memory():
    frame = people()
    frame["truth"] -= 60.0
    with pytest.raises(ValueError, match="needs a target whose zero is meaningful"):
        fidelity_of_table(polars_lazy(frame), **COLUMNS, subgroups="ward")
    frame["truth"] += 60.0
    frame.loc[frame.index[0], "truth"] = -1.0
    with pytest.warns(NegativeTargetWarning):
        fidelity_of_table(polars_lazy(frame), **COLUMNS, subgroups="ward")


def test_a_lazy_audit_crosses_groupings_as_one_in_memory():
    frame = people(n_rows=600)
    options = {**COLUMNS, "subgroups": ["ward", "sex"], "max_depth": 2}
    found = audit_frame(polars_lazy(frame), **options, n_resamples=50).fidelity
    expected = audit_frame(frame, **options, n_resamples=50).fidelity
    assert found.grouping == expected.grouping
    assert found.subgroup == expected.subgroup
    assert_allclose(found.estimate, expected.estimate, rtol=1e-11)


def test_a_table_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must have at least one row"):
        fidelity_of_table(polars_lazy(people()).head(0), **COLUMNS, subgroups="ward")
    with pytest.raises(TypeError, match="`table` must be a table of polars, DuckDB"):
        fidelity_of_table([1, 2], **COLUMNS, subgroups="ward")
