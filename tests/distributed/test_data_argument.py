"""Do the measures take a table of any engine where they take arrays?"""

import dask
import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import (
    allocation_deterioration_curve,
    atkinson,
    coefficient_of_variation,
    da_index_ratio,
    dataset_inequality,
    deterioration_index,
    generalized_entropy,
    gini,
    inequality_index,
    lorenz_curve,
    max_gap,
    max_ratio,
    model_inequality,
    subgroup_fidelity,
    theil,
)

# DuckDB before 2.0 closes a connection that nobody holds.
CONNECTION = duckdb.connect()

SEVERITY = {"threshold": 42.0, "bounds": (0.0, 100.0), "bandwidth": 0.5}
PAIR = ("north", "east")
INDICES = [
    *(atkinson, coefficient_of_variation, generalized_entropy, gini),
    *(max_gap, max_ratio, theil),
]


def people(n_rows=2000, seed=20261101):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["east", "north", "west"], n_rows)
    score = rng.uniform(size=n_rows)
    truth = rng.normal(36.0 + 8.0 * score + 2.0 * (ward == "north"), 6.0)
    noise = rng.normal(size=n_rows) * np.where(ward == "north", 6.0, 3.0)
    return pd.DataFrame(
        {
            "truth": truth,
            "predicted": truth + noise,
            "ward": ward,
            "sex": rng.choice(["female", "male"], n_rows),
            "score": score,
            "weight": rng.uniform(0.5, 2.0, n_rows),
            "limit": np.where(ward == "north", 43.0, 42.0),
            "visits": rng.integers(1, 5, n_rows).astype(float),
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


def pandas_frame(frame):
    return frame


every_engine = pytest.mark.parametrize(
    "engine",
    [polars_lazy, duckdb_relation, dask_frame, ibis_table, pandas_frame],
    ids=lambda engine: engine.__name__,
)


@pytest.fixture(autouse=True)
def _dask_in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


# ---- the figures are those of the arrays -----------------------------------------
@every_engine
def test_fidelity_of_named_columns(engine):
    frame = people()
    options = {"metric": "mae", "n_resamples": 50, "random_state": 0}
    found = subgroup_fidelity(
        "truth",
        "predicted",
        subgroups=["ward", "sex"],
        max_depth=2,
        sample_weight="weight",
        interval="simultaneous",
        data=engine(frame),
        **options,
    )
    expected = subgroup_fidelity(
        frame["truth"],
        frame["predicted"],
        subgroups=frame[["ward", "sex"]],
        max_depth=2,
        sample_weight=frame["weight"],
        interval="simultaneous",
        **options,
    )
    assert found.grouping == expected.grouping
    assert found.subgroup == expected.subgroup
    assert_array_equal(found.n, expected.n)
    assert_allclose(found.estimate, expected.estimate, rtol=1e-12)
    assert_allclose(found.ci_high, expected.ci_high, rtol=0.03)


@every_engine
def test_deterioration_of_named_columns(engine):
    frame = people()
    table = engine(frame)
    columns = {
        "subgroups": frame["ward"].to_numpy(),
        "sample_weight": frame["weight"].to_numpy(),
    }
    score, truth = frame["score"].to_numpy(), frame["truth"].to_numpy()
    named = {"subgroups": "ward", "sample_weight": "weight", "data": table}
    found = model_inequality("score", "truth", compare=PAIR, **named, **SEVERITY)
    expected = model_inequality(score, truth, compare=PAIR, **columns, **SEVERITY)
    assert found.verdict == expected.verdict == "unequal"
    for name in ("estimate", "ci_low", "ci_high"):
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-11)
    index = deterioration_index(
        "truth", sample_weight="weight", normalize=True, data=table, **SEVERITY
    )
    assert_allclose(
        index,
        deterioration_index(
            truth, sample_weight=columns["sample_weight"], normalize=True, **SEVERITY
        ),
        rtol=1e-12,
    )


@pytest.mark.parametrize("engine", [polars_lazy, pandas_frame])
def test_curves_ratios_and_datasets_of_named_columns(engine):
    frame = people()
    table, ward = engine(frame), frame["ward"].to_numpy()
    score, truth = frame["score"].to_numpy(), frame["truth"].to_numpy()
    severity = {**SEVERITY, "threshold": frame["limit"].to_numpy()}
    named = {**SEVERITY, "threshold": "limit", "data": table, "subgroups": "ward"}
    curve = allocation_deterioration_curve("score", "truth", n_points=20, **named)
    expected = allocation_deterioration_curve(
        score, truth, subgroups=ward, n_points=20, **severity
    )
    assert curve.labels == expected.labels
    assert_array_equal(curve.n, expected.n)
    assert_allclose(curve.deterioration, expected.deterioration, rtol=1e-12)
    assert_allclose(curve.ci_low, expected.ci_low, rtol=1e-11)
    ratio = da_index_ratio(
        "score", "truth", compare=PAIR, decision_threshold=0.5, **named
    )
    assert_allclose(
        ratio,
        da_index_ratio(
            score,
            truth,
            subgroups=ward,
            compare=PAIR,
            decision_threshold=0.5,
            **severity,
        ),
        rtol=1e-12,
    )
    found = dataset_inequality(
        "truth",
        compare=(("north", "male"), None),
        **{**named, "subgroups": ["ward", "sex"]},
    )
    pairs = frame[["ward", "sex"]]
    whole = dataset_inequality(
        truth, subgroups=pairs, compare=(("north", "male"), None), **severity
    )
    assert_allclose(found.estimate, whole.estimate, rtol=1e-11)
    assert_allclose(found.ci_low, whole.ci_low, rtol=1e-11)


@every_engine
def test_indices_of_named_columns(engine):
    frame = people(200)
    table = engine(frame)
    for index in INDICES if engine is polars_lazy else [gini]:
        for weight in (None, "weight"):
            found = index("visits", sample_weight=weight, data=table)
            weights = None if weight is None else frame[weight]
            expected = index(frame["visits"], sample_weight=weights)
            assert_allclose(found, expected, rtol=1e-12)
    # Equal values that the engine has counted are as many rows to the correction.
    for index in (gini, coefficient_of_variation):
        found = index("visits", corrected=True, data=table)
        assert_allclose(found, index(frame["visits"], corrected=True), rtol=1e-12)


def test_the_lorenz_curve_of_counted_values_is_that_of_rows():
    frame = people(200)
    share, held = lorenz_curve("visits", data=polars_lazy(frame))
    assert len(share) == 5  # four different values, and the origin
    all_shares, all_held = lorenz_curve(frame["visits"])
    assert_allclose(held, np.interp(share, all_shares, all_held), rtol=1e-12)


def test_the_inequality_of_subgroups_of_a_lazy_table():
    frame = people()
    options = {"n_resamples": 50, "random_state": 0}
    found, expected = (
        inequality_index(table, random_state=0)
        for table in (
            subgroup_fidelity(
                "truth",
                "predicted",
                subgroups="ward",
                data=polars_lazy(frame),
                **options,
            ),
            subgroup_fidelity(
                frame["truth"], frame["predicted"], subgroups=frame["ward"], **options
            ),
        )
    )
    assert_allclose(found.raw, expected.raw, rtol=1e-11)
    assert_allclose(found.corrected, expected.corrected, rtol=0.05)
    assert found.p_value < 0.01


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda d: subgroup_fidelity([1.0], "predicted", subgroups="ward", data=d),
            TypeError,
            "`y_true` must name a column of `data`; got list. Pass arrays without",
        ),
        (
            lambda d: subgroup_fidelity(
                "truth", "predicted", subgroups="ward", reference="overall", data=d
            ),
            ValueError,
            "`reference` must be 'subgroup' for a lazy table",
        ),
        (
            lambda d: subgroup_fidelity("truth", "guess", subgroups="ward", data=d),
            ValueError,
            r"`y_pred` names no column of the table: \['guess'\]",
        ),
        (
            lambda d: deterioration_index("truth", threshold=42, data=d),
            TypeError,
            "`bandwidth` must be a number for a lazy table.*bandwidth=0 to count",
        ),
        (
            lambda d: deterioration_index("truth", threshold=42, bandwidth=0, data=d),
            ValueError,
            "`bounds` must give the end that deterioration runs to",
        ),
        (
            lambda d: model_inequality(
                "score",
                "truth",
                subgroups=np.ones(3),
                compare=PAIR,
                data=d,
                **SEVERITY,
            ),
            TypeError,
            "`subgroups` must name columns of `data`",
        ),
        (
            lambda d: allocation_deterioration_curve(
                "score", "truth", scale="rank", data=d, **SEVERITY
            ),
            ValueError,
            "`scale` must be None for a lazy table",
        ),
        (
            lambda d: dataset_inequality(
                "truth",
                subgroups="ward",
                compare=PAIR,
                interval="bootstrap",
                data=d,
                **SEVERITY,
            ),
            ValueError,
            "`interval` must be 'closed_form' for a lazy table",
        ),
        (
            lambda d: gini("visits", data=d.with_columns(visits=pl.lit(None))),
            ValueError,
            r"`values` must not hold missing values; got null in 90 of 90 rows",
        ),
    ],
)
def test_what_a_lazy_table_does_not_answer_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(polars_lazy(people(90)))


@pytest.mark.parametrize(
    ("value", "weight", "text"),
    [
        (np.nan, 1.0, "`values` must not hold missing values; got NaN in 2 of 5 rows"),
        (np.inf, 1.0, "`values` must be finite; got infinity in 2 of 5 rows"),
        (1.0, -1.0, "`sample_weight` must not be negative; .* in 2 of 5 rows"),
        ("a", 1.0, "`values` must hold numbers; got String in 5 rows"),
    ],
)
def test_equal_values_are_counted_as_rows_when_they_are_refused(value, weight, text):
    rest = "b" if isinstance(value, str) else 3.0
    table = pl.LazyFrame(
        {"v": [value, rest, value, rest, rest], "w": [weight, 1.0, weight, 1.0, 1.0]}
    )
    with pytest.raises(ValueError, match=text):
        gini("v", sample_weight="w", data=table)


@every_engine
def test_labels_that_are_times(engine):
    frame = people(300)
    frame["ward"] = pd.to_datetime(
        frame["ward"].map({"east": "2020", "north": "2021", "west": "2022"})
    )
    curve = allocation_deterioration_curve(
        "score", "truth", subgroups="ward", data=engine(frame), n_points=5, **SEVERITY
    )
    expected = allocation_deterioration_curve(
        "score", "truth", subgroups="ward", data=frame, n_points=5, **SEVERITY
    )
    assert curve.labels == expected.labels
    assert_allclose(curve.deterioration, expected.deterioration, rtol=1e-11)
    found = subgroup_fidelity(
        "truth", "predicted", subgroups="ward", data=engine(frame), n_resamples=50
    )
    assert found.subgroup == expected.labels
