"""Does a table get the labels of arrays, and a sample stand for all of its rows?"""

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import kstest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import (
    BoundedKDE,
    LatentGMMSegmenter,
    audit_frame,
    batches_of_table,
    label_segments,
    sample_table,
)

# DuckDB before 2.0 closes a connection that nobody holds.
CONNECTION = duckdb.connect()

COLUMNS = ["age", "bmi"]


def people(n_rows=4000, seed=20261005):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n_rows)
    truth = rng.normal(40.0, 5.0, n_rows)
    return pd.DataFrame(
        {
            "age": rng.normal(20.0 + 25.0 * kind, 4.0),
            "bmi": rng.normal(20.0 + 4.0 * kind, 1.0),
            "name": rng.choice(["ada", "bob"], n_rows),
            "truth": truth,
            "predicted": truth + rng.normal(size=n_rows) * np.where(kind == 1, 6, 3),
        }
    )


def polars_lazy(frame):
    return pl.from_pandas(frame).lazy()


def duckdb_relation(frame):
    return CONNECTION.from_arrow(pl.from_pandas(frame).to_arrow())


def duckdb_default(frame):
    return duckdb.from_arrow(pl.from_pandas(frame).to_arrow())


def dask_frame(frame):
    return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=3)


def ibis_table(frame):
    ibis = pytest.importorskip("ibis")
    return ibis.polars.connect({"people": pl.from_pandas(frame)}).table("people")


def pandas_frame(frame):
    return frame.set_index(frame.index[::-1])


ENGINES = [polars_lazy, duckdb_relation, duckdb_default, dask_frame, pandas_frame]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.__name__)


@pytest.fixture(autouse=True)
def _dask_in_this_thread():
    with pytest.importorskip("dask").config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def segmenter():
    drawn = sample_table(
        polars_lazy(people()), columns=COLUMNS, n_rows=2000, random_state=0
    )
    made = make_pipeline(StandardScaler(), LatentGMMSegmenter(3, random_state=0))
    return made.fit(drawn.rows)


def in_memory(table):
    for method in ("collect", "compute", "pl"):
        if hasattr(table, method):
            table = getattr(table, method)()
    return table


# ---- labels ------------------------------------------------------------------
@every_engine
def test_every_engine_gives_the_labels_of_memory(engine, segmenter):
    frame = people()
    table = engine(frame)
    found = label_segments(table, segmenter, columns=COLUMNS)
    assert type(found) is type(table)
    rows = in_memory(found)
    assert list(rows.columns) == [*frame.columns, "segment"]
    assert_array_equal(rows["segment"].to_numpy(), segmenter.predict(frame[COLUMNS]))
    assert rows["name"].to_list() == frame["name"].to_list()


def test_empty_partitions_get_no_labels(segmenter):
    frame = people(300)
    table = dask_frame(frame).query("age > 60")
    found = label_segments(table, segmenter, columns=COLUMNS).compute()
    assert_array_equal(
        found["segment"], segmenter.predict(frame[frame["age"] > 60][COLUMNS])
    )


@every_engine
def test_segments_are_audited_where_they_lie(engine, segmenter):
    frame = people()
    labelled = label_segments(engine(frame), segmenter, columns=COLUMNS)
    found = audit_frame(
        labelled,
        y_true="truth",
        y_pred="predicted",
        subgroups="segment",
        random_state=0,
    ).fidelity
    failed = [v == "under-served" for v in found.verdict]
    centre = frame.groupby(segmenter.predict(frame[COLUMNS]))["age"].mean()
    assert failed == [abs(centre[label] - 45.0) < 3.0 for label in found.subgroup]


@pytest.mark.parametrize(
    ("columns", "name", "text"),
    [
        (["age", "height"], "segment", r"has no columns \['height'\]"),
        (COLUMNS, "name", "`name` must be new to the table"),
    ],
)
def test_requests_for_labels_that_cannot_be_met(columns, name, text, segmenter):
    with pytest.raises(ValueError, match=text):
        label_segments(polars_lazy(people(50)), segmenter, columns=columns, name=name)


def test_ibis_is_sent_to_its_engine(segmenter):
    with pytest.raises(TypeError, match=r"Write it, table\.to_parquet"):
        label_segments(ibis_table(people(50)), segmenter, columns=COLUMNS)


# ---- batches and samples ---------------------------------------------------------
@pytest.mark.parametrize("engine", [*ENGINES, ibis_table], ids=lambda e: e.__name__)
def test_batches_are_the_rows_in_order(engine):
    frame = people(1000)
    parts = list(batches_of_table(engine(frame), columns=COLUMNS, batch_size=300))
    assert max(map(len, parts)) <= 334
    joined = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(joined, frame[COLUMNS])


@pytest.mark.parametrize("engine", [*ENGINES, ibis_table], ids=lambda e: e.__name__)
def test_every_engine_draws_the_same_rows(engine, monkeypatch):
    frame = people(1000)
    expected = sample_table(frame, columns=["name", "age"], n_rows=50, random_state=7)
    monkeypatch.setattr("sklearn_equity.sufficient_statistics._parts.ROWS_AT_ONCE", 90)
    found = sample_table(
        engine(frame), columns=["name", "age"], n_rows=50, random_state=7
    )
    assert_array_equal(found.positions, expected.positions)
    pd.testing.assert_frame_equal(found.rows, expected.rows)
    assert_array_equal(found.rows["age"], frame["age"].iloc[found.positions])
    assert found.n_seen == 1000


def test_positions_are_drawn_uniformly():
    table = pl.DataFrame({"x": np.arange(20_000)}).lazy()
    drawn = [
        sample_table(table, columns=["x"], n_rows=100, random_state=seed).positions
        for seed in range(20)
    ]
    assert all(len(np.unique(positions)) == 100 for positions in drawn)
    assert kstest(np.concatenate(drawn) / 20_000, "uniform").pvalue > 1e-3


def test_a_small_table_is_drawn_whole():
    drawn = sample_table(polars_lazy(people(30)), columns=["age"])
    assert repr(drawn) == "TableSample(30 of 30 rows, drawn uniformly)"
    with pytest.raises(ValueError, match="must have at least one row"):
        sample_table(polars_lazy(people(30)).head(0), columns=["age"])
    with pytest.raises(
        ValueError, match="`n_rows` must be a whole number of at least 1; got 0"
    ):
        sample_table(polars_lazy(people(30)), columns=["age"], n_rows=0)


def test_a_density_of_batches_is_that_of_the_column():
    frame = people(3000)
    whole = BoundedKDE(bounds=(0, 200)).fit(frame[["age"]].clip(0, 200))
    parts = BoundedKDE(bounds=(0, 200), clip=True)
    for batch in batches_of_table(dask_frame(frame), columns=["age"]):
        parts = parts.partial_fit(batch)
    edges = [0, 30, 60, 200]
    assert_array_equal(
        parts.interval_probability(edges), whole.interval_probability(edges)
    )


@pytest.mark.slow
def test_an_embedder_learns_from_a_stream():
    from sklearn_equity import AutoencoderEmbedder

    frame = people(4000)
    streamed, batched = (AutoencoderEmbedder(random_state=0) for _ in range(2))
    for batch in batches_of_table(polars_lazy(frame), columns=COLUMNS, batch_size=1000):
        streamed.partial_fit(batch)
    for start in range(0, 4000, 1000):
        batched.partial_fit(frame[COLUMNS].iloc[start : start + 1000])
    assert_array_equal(
        streamed.transform(frame[COLUMNS]), batched.transform(frame[COLUMNS])
    )


# ---- what can't be learnt from is named --------------------------------------------
def spoilt(frame, column, change):
    """Return a table of Dask of which one partition breaks what the table says."""

    def spoil(part, partition_info=None):
        if partition_info["number"] != 1:
            return part
        return part.assign(**{column: change(part[column])})

    return dask_frame(frame).map_partitions(spoil, meta=frame.iloc[:0])


def with_bad_value(frame, value):
    spoilt_frame = frame.copy()
    spoilt_frame.loc[frame.index[450], "age"] = value
    return spoilt_frame


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            np.nan,
            r"`table` \('age'\) must not hold missing values; got null or NaN in 1",
        ),
        (np.inf, r"`table` \('age'\) must be finite; got infinity in 1 of "),
    ],
)
@pytest.mark.parametrize("engine", [*ENGINES, ibis_table], ids=lambda e: e.__name__)
def test_samples_and_batches_name_the_place_of_a_bad_value(
    engine, value, text, monkeypatch
):
    monkeypatch.setattr("sklearn_equity.sufficient_statistics._parts.ROWS_AT_ONCE", 200)
    table = engine(with_bad_value(people(600), value))
    place = {
        dask_frame: r"200 rows \(in partition 2\)",
        pandas_frame: r"600 rows \(in rows 0 to 599\)",
    }.get(engine, r"200 rows \(in rows 400 to 599\)")
    with pytest.raises(ValueError, match=text + ".*" + place):
        sample_table(table, columns=COLUMNS, n_rows=10)
    with pytest.raises(ValueError, match=text + ".*" + place):
        list(batches_of_table(table, columns=COLUMNS, batch_size=200))


def test_gaps_stay_where_they_are_asked_for():
    frame = with_bad_value(people(600), np.nan)
    drawn = sample_table(polars_lazy(frame), columns=COLUMNS, missing="keep")
    assert np.isnan(drawn.rows["age"]).sum() == 1
    (batch,) = batches_of_table(
        dask_frame(frame).repartition(npartitions=1), columns=COLUMNS, missing="keep"
    )
    assert np.isnan(batch["age"]).sum() == 1
    with pytest.raises(ValueError, match='`missing` must be "raise" or "keep"'):
        sample_table(frame, columns=COLUMNS, missing="drop")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@every_engine
def test_labels_name_the_rows_that_have_none(engine, value, segmenter):
    table = engine(with_bad_value(people(600), value))
    what = "infinity" if np.isinf(value) else "null or NaN"
    text = rf"1 of \d+ rows hold {what} in 'age'; the segmenter says"
    if engine is dask_frame:
        text += r".* \(in partition 2\)"
    with pytest.raises(Exception, match=text):
        in_memory(label_segments(table, segmenter, columns=COLUMNS))


def test_another_type_in_a_partition_is_named(segmenter):
    table = spoilt(people(600), "age", lambda c: c.astype(str))
    text = r"\('age'\) must hold numbers; .* there is String \(in partition 1\)"
    with pytest.raises(ValueError, match=text):
        sample_table(table, columns=COLUMNS)
    with pytest.raises(ValueError, match=text):
        label_segments(table, segmenter, columns=COLUMNS).compute()


def test_a_table_of_ibis_is_labelled_as_the_error_says(segmenter, tmp_path):
    frame = people(300)
    path = tmp_path / "people.parquet"
    ibis_table(frame).to_parquet(path)
    found = label_segments(pl.scan_parquet(path), segmenter, columns=COLUMNS)
    assert_array_equal(found.collect()["segment"], segmenter.predict(frame[COLUMNS]))
