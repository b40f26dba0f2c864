"""Do counts of parts give the density of the whole, wherever the parts lie?"""

import dask
import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import BoundedKDE, DensityCounts
from sklearn_equity.sufficient_statistics import pack

# DuckDB before 2.0 closes a connection that nobody holds.
CONNECTION = duckdb.connect()

EDGES = [0.0, 20.0, 40.0, 60.0, 200.0]


def people(n_rows=3000, seed=20261130):
    rng = np.random.default_rng(seed)
    age = rng.gamma(9.0, 5.0, n_rows)
    age[::3] = age[::3].round()  # whole years, which are point masses
    return pd.DataFrame(
        {"age": age, "weight": rng.integers(1, 4, n_rows).astype(float)}
    )


def whole(frame, weight=None):
    kde = BoundedKDE(bounds=(0, 200))
    return kde.fit(frame[["age"]].to_numpy(), sample_weight=weight)


@pytest.fixture(autouse=True)
def _dask_in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.parametrize("n_chunks", [1, 7, 100])
def test_chunks_in_any_order_are_the_whole_to_the_bit(n_chunks):
    frame = people(700)
    order = np.random.default_rng(1).permutation(700)
    parts = [
        DensityCounts.from_arrays(
            frame["age"].iloc[rows],
            sample_weight=frame["weight"].iloc[rows],
            bounds=(0, 200),
        )
        for rows in np.array_split(order, n_chunks)
    ]
    found = parts[0].merge(*parts[1:]).finish()
    expected = whole(frame, frame["weight"])
    assert found.n_samples_seen_ == 700
    assert_array_equal(found.point_values_, expected.point_values_)
    assert_array_equal(
        found.interval_probability(EDGES), expected.interval_probability(EDGES)
    )
    assert parts[0].kde.n_samples_seen_ == len(np.array_split(order, n_chunks)[0])


def test_two_parts_add_up():
    age = people(200)["age"]
    parts = [
        DensityCounts.from_arrays(age[rows], bounds=(0, 200))
        for rows in (slice(0, 70), slice(70, 200))
    ]
    both = (parts[0] + parts[1]).finish()
    expected = DensityCounts.from_arrays(age, bounds=(0, 200)).finish()
    assert_array_equal(
        both.interval_probability(EDGES), expected.interval_probability(EDGES)
    )
    assert parts[0].kde.n_samples_seen_ == 70


def test_gaps_are_said_of_the_column_that_has_them():
    frame = pd.DataFrame({"pressure": [120.0, np.nan, 130.0]})
    with pytest.raises(ValueError, match="`pressure` must not hold missing"):
        DensityCounts.from_frame(frame, column="pressure")


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize(
    "engine",
    [
        lambda frame: pl.from_pandas(frame).lazy(),
        lambda frame: CONNECTION.from_arrow(pl.from_pandas(frame).to_arrow()),
        lambda frame: dd.from_pandas(frame, npartitions=3),
        lambda frame: frame,
    ],
    ids=["polars", "duckdb", "dask", "pandas"],
)
def test_every_engine_counts_as_memory_does(engine, weight, monkeypatch):
    monkeypatch.setattr("sklearn_equity.sufficient_statistics._parts.ROWS_AT_ONCE", 900)
    frame = people()
    found = DensityCounts.from_frame(
        engine(frame), column="age", sample_weight=weight, bounds=(0, 200)
    ).finish()
    expected = whole(frame, None if weight is None else frame[weight])
    assert_array_equal(
        found.interval_probability(EDGES), expected.interval_probability(EDGES)
    )


def test_counts_on_a_grid_travel_and_merge():
    rng = np.random.default_rng(3)
    age = rng.gamma(9.0, 5.0, 140_000)  # more different values than are kept
    parts = [
        DensityCounts.from_bytes(
            DensityCounts.from_arrays(age[rows], bounds=(0, None)).to_bytes()
        )
        for rows in (slice(0, 70_000), slice(70_000, None))
    ]
    sent = parts[0].to_bytes()
    assert len(sent) < 200_000
    found = parts[0].merge(parts[1]).finish().interval_probability(EDGES)
    kde = BoundedKDE(bounds=(0, None)).fit(age[:, np.newaxis])
    assert_allclose(found, kde.interval_probability(EDGES), atol=1e-4)
    share = np.histogram(age, EDGES)[0] / len(age)
    assert_allclose(found, share, atol=2e-3)


def test_a_bad_value_is_named_with_its_partition():
    frame = people(90)
    frame.loc[70, "age"] = np.nan
    table = dd.from_pandas(frame, npartitions=3)
    with pytest.raises(
        ValueError, match=r"got NaN in 1 of 30 rows.*\(in partition 2\)"
    ):
        DensityCounts.from_frame(table, column="age", bounds=(0, 200))
    frame.loc[70, "age"] = 300.0
    with pytest.raises(ValueError, match=r"\(in rows 0 to 89\)"):
        DensityCounts.from_frame(frame, column="age", bounds=(0, 200))


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"params": {"bounds": (0, 1)}, "n_samples_seen": 1, "exponent": 0,
         "evidence": 1},
        {"params": {"n_bins": "many"}, "n_samples_seen": 1, "exponent": 0,
         "evidence": {"kind": "Evidence"}},
        {"params": {}, "n_samples_seen": 1, "exponent": 0,
         "evidence": {"kind": "Popen"}},
    ],
)  # fmt: skip
def test_hostile_bytes_are_refused(header):
    with pytest.raises(ValueError, match="holds no DensityCounts"):
        DensityCounts.from_bytes(pack("DensityCounts", header, []))
