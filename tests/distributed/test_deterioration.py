"""Do tables of every engine give the allocation-deterioration figures of arrays?"""

import inspect

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import (
    DeteriorationSums,
    allocation_deterioration_curve,
    da_index_ratio,
    dataset_inequality,
    deterioration_index,
    model_inequality,
)
from sklearn_equity.allocation._windows import CellSums, without_rare_cells

# DuckDB before 2.0 closes a connection that nobody holds.
CONNECTION = duckdb.connect()

ASKED = {"threshold": 130.0, "bounds": (60.0, 260.0), "n_steps": 5}
NAMES = {"measurement": "pressure", "allocation": "score", "subgroups": "ward"}


def people(n_rows=3000, seed=20261003):
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=n_rows).round(3)  # many on the very edges of windows
    ward = rng.choice(["east", "north", "west"], n_rows)
    noise = rng.normal(0.0, 15.0, n_rows)
    pressure = np.clip(100 + 60 * score + 12 * (ward == "north") + noise, 60, 260)
    return pd.DataFrame(
        {
            "score": score,
            "pressure": pressure,
            "ward": ward,
            "weight": rng.uniform(0.5, 2.0, n_rows),
        }
    )


def polars_lazy(frame):
    return pl.from_pandas(frame).lazy()


def duckdb_relation(frame):
    return CONNECTION.from_arrow(pl.from_pandas(frame).to_arrow())


def dask_frame(frame):
    return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=3)


def ibis_table(frame):
    ibis = pytest.importorskip("ibis")
    return ibis.polars.connect({"people": pl.from_pandas(frame)}).table("people")


def pandas_frame(frame):
    return frame


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


ENGINES = [polars_lazy, duckdb_relation, dask_frame, ibis_table, pandas_frame]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.__name__)


@pytest.fixture(autouse=True)
def _dask_in_this_thread():
    with pytest.importorskip("dask").config.set(scheduler="synchronous"):
        yield


def sums_of(frame, take=slice(None), *, weighted=False, **options):
    rows = frame.iloc[take]
    return DeteriorationSums.from_arrays(
        rows["pressure"],
        allocation=rows["score"],
        subgroups=rows["ward"],
        sample_weight=rows["weight"] if weighted else None,
        **{**ASKED, **options},
    )


def assert_same(found, expected):
    assert found.labels == expected.labels
    assert_array_equal(found.sums.count, expected.sums.count)
    for one, other in zip(found.sums.parts(), expected.sums.parts(), strict=True):
        assert_allclose(one, other, rtol=1e-12, atol=1e-15)


# ---- one formula: rows in memory are the case of one part ----------------------------
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bandwidth", [0.0, 4.0])
def test_finished_sums_are_the_functions_of_rows(weighted, bandwidth):
    frame = people()
    weights = frame["weight"] if weighted else None
    sums = sums_of(frame, weighted=weighted, bandwidth=bandwidth)
    options = {**ASKED, "bandwidth": bandwidth, "sample_weight": weights}
    arrays = frame["score"], frame["pressure"]
    curve = allocation_deterioration_curve(*arrays, subgroups=frame["ward"], **options)
    found = sums.curve()
    for name in ("deterioration", "std_error", "ci_low", "ci_high", "n"):
        assert_allclose(getattr(found, name), getattr(curve, name), rtol=1e-11)
    sides = {"subgroups": frame["ward"], "compare": ("north", "east")}
    assert_allclose(
        sums.ratio(("north", "east")),
        da_index_ratio(*arrays, **sides, **options),
        rtol=1e-12,
    )
    expected = model_inequality(*arrays, **sides, **options)
    assert str(sums.inequality(("north", "east"))) == str(expected)
    index = sums.index()
    for g, label in enumerate(sums.labels):
        rows = frame["ward"] == label
        expected = deterioration_index(
            frame["pressure"][rows],
            **{**options, "sample_weight": weights[rows] if weighted else None},
        )
        assert_allclose(index.deterioration[g, 0], expected, rtol=1e-12)


def test_sums_without_a_score_compare_whole_subgroups():
    frame = people()
    sums = DeteriorationSums.from_frame(
        polars_lazy(frame), measurement="pressure", subgroups="ward", **ASKED
    )
    expected = dataset_inequality(
        frame["pressure"],
        subgroups=frame["ward"],
        compare=("north", None),
        bandwidth=0.0,
        **ASKED,
    )
    assert str(sums.inequality(("north", None))) == str(expected)
    with pytest.raises(ValueError, match="Curves and their ratios need a score"):
        sums.curve()


# ---- parts -------------------------------------------------------------------
@pytest.mark.parametrize("n_chunks", [1, 7, slow(1000)])
def test_chunks_in_any_order_are_the_whole(n_chunks):
    frame = people(1000)
    order = np.random.default_rng(1).permutation(len(frame))
    parts = [
        sums_of(frame, take, weighted=True) for take in np.array_split(order, n_chunks)
    ]
    assert_same(parts[0].merge(*parts[1:]), sums_of(frame, weighted=True))


@every_engine
def test_every_engine_sums_as_numpy_does(engine, monkeypatch):
    monkeypatch.setattr("sklearn_equity.sufficient_statistics._parts.ROWS_AT_ONCE", 999)
    frame = people()
    found = DeteriorationSums.from_frame(
        engine(frame), **NAMES, sample_weight="weight", bandwidth=3.0, **ASKED
    )
    assert_same(found, sums_of(frame, weighted=True, bandwidth=3.0))


@pytest.mark.parametrize("engine", [polars_lazy, dask_frame])
@pytest.mark.parametrize("gap", ["weight", "ward"])
def test_a_part_in_which_nobody_counts_is_an_empty_one(engine, gap, monkeypatch):
    monkeypatch.setattr("sklearn_equity.sufficient_statistics._parts.ROWS_AT_ONCE", 20)
    frame = people(60)
    kept = frame.index >= 20  # the first of three partitions is nobody
    frame.loc[~kept, gap] = 0.0 if gap == "weight" else None
    ask = {**NAMES, "sample_weight": "weight", "missing": "drop", **ASKED}
    found = DeteriorationSums.from_frame(engine(frame), **ask)
    assert_same(found, sums_of(frame[kept], weighted=True))
    frame.loc[3, "score"] = np.nan  # what is wrong there is still found
    with pytest.raises(ValueError, match="`allocation` must not hold missing values"):
        DeteriorationSums.from_frame(engine(frame), **ask)
    with pytest.raises(ValueError, match="at least one row that counts"):
        DeteriorationSums.from_frame(engine(frame[~kept].fillna({"score": 0})), **ask)


def test_bytes_bring_back_every_bit():
    sent = sums_of(people(500), threshold={"east": 120, "north": 125, "west": 130.5})
    read = DeteriorationSums.from_bytes(sent.to_bytes())
    assert (read.labels, read.rule) == (sent.labels, sent.rule)
    for one, other in zip(read.sums.parts(), sent.sums.parts(), strict=True):
        assert_array_equal(one, other)


def test_small_subgroups_do_not_travel_and_never_one_alone():
    frame = people(500)
    frame.loc[:6, "ward"] = "hamlet"
    sent = sums_of(frame).to_bytes(suppress_below=10)
    assert b"hamlet" not in sent
    assert len(DeteriorationSums.from_bytes(sent).labels) == 2


@pytest.mark.parametrize("limit", [-1, 2.5, True, np.nan, "5", None])
def test_a_limit_that_is_no_number_of_people_is_refused(limit):
    with pytest.raises(ValueError, match="`suppress_below` must be a whole number"):
        sums_of(people(50)).to_bytes(suppress_below=limit)


def test_no_score_that_travels_is_shared_by_fewer_people_than_allowed():
    whole = sums_of(people(500))
    read = DeteriorationSums.from_bytes(whole.to_bytes(suppress_below=10))
    assert whole.sums.count[whole.sums.count > 0].min() < 10
    assert read.sums.count[read.sums.count > 0].min() >= 10
    for one, other in zip(read.sums.parts(), whole.sums.parts(), strict=True):
        assert_allclose(one.sum(axis=1), other.sum(axis=1), rtol=1e-12)
    # By hand: 3 wait, 12 are enough, 4 and 2 find nobody higher and go back.
    counts = np.array([[0.0, 3.0, 9.0, 0.0, 4.0, 2.0]])
    joined = without_rare_cells(CellSums(*[counts] * 7), 10)
    assert_array_equal(joined.count, [[0, 0, 18, 0, 0, 0]])


@pytest.mark.parametrize(
    ("method", "function"),
    [
        (DeteriorationSums.from_arrays, model_inequality),
        (DeteriorationSums.index, allocation_deterioration_curve),
        (DeteriorationSums.curve, allocation_deterioration_curve),
        (DeteriorationSums.ratio, da_index_ratio),
        (DeteriorationSums.inequality, model_inequality),
    ],
)
def test_sums_ask_for_as_much_as_the_functions_of_rows(method, function):
    """But for a bandwidth's rule, which would look at all rows at once."""
    own, same = (inspect.signature(one).parameters for one in (method, function))
    numbers = {
        name: parameter.default
        for name, parameter in own.items()
        if isinstance(parameter.default, int | float) and name in same
    }
    assert numbers.pop("bandwidth", 0.0) == 0.0
    assert numbers == {name: same[name].default for name in numbers} != {}


def test_a_case_by_hand():
    sums = DeteriorationSums.from_arrays(
        [100.0, 130.0, 200.0, 260.0],
        threshold=130.0,
        bounds=(60.0, 260.0),
        n_steps=2,
        weights=[0.25, 0.75],
    )
    # Normal, first step from 130, second from 195 on.
    assert_allclose(sums.index().deterioration, [[(0 + 0.25 + 0.75 + 0.75) / 4]])


# ---- bad input ---------------------------------------------------------------
@pytest.mark.parametrize(
    "engine", [polars_lazy, *map(slow, [duckdb_relation, dask_frame, ibis_table])]
)
@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("pressure", np.nan, "`measurement` must not hold missing values"),
        ("pressure", np.inf, "`measurement` must be finite"),
        ("pressure", 999.0, "`measurement` must lie within `bounds`"),
        ("score", 1.5, "`allocation` must lie between 0 and 1"),
        ("ward", None, "`subgroups` .*must not have missing labels; got 1"),
        ("ward", "south", r"got the labels \['south'\]"),
    ],
)
def test_a_bad_value_is_named_with_its_part(engine, column, value, text):
    frame = people(90)
    frame.loc[70, column] = value
    threshold = {"east": 120, "north": 125, "west": 130}
    place = "partition 2" if engine is dask_frame else "rows 0 to 89"
    with pytest.raises(ValueError, match=rf"{text}.*\(in {place}\)"):
        DeteriorationSums.from_frame(
            engine(frame), **NAMES, **{**ASKED, "threshold": threshold}
        )


def test_a_partition_of_another_type_is_named():
    dd = pytest.importorskip("dask.dataframe")
    frame = people(90)

    def spoil(part, partition_info=None):
        number = partition_info["number"]
        text = part.assign(pressure=part["pressure"].astype(str))
        return text if number == 1 else part

    table = dd.from_pandas(frame, npartitions=3)
    table = table.map_partitions(spoil, meta=frame.iloc[:0])
    with pytest.raises(
        ValueError, match=r"hold numbers; .*there is String \(in partition 1\)"
    ):
        DeteriorationSums.from_frame(table, **NAMES, **ASKED)


def test_empty_partitions_change_nothing():
    dd = pytest.importorskip("dask.dataframe")
    frame = people(300)
    table = dd.concat([dask_frame(frame), dask_frame(frame).query("score > 2")])
    found = DeteriorationSums.from_frame(table, **NAMES, **ASKED)
    assert_same(found, sums_of(frame))
    with pytest.raises(ValueError, match="`table` must have at least one row"):
        DeteriorationSums.from_frame(
            dask_frame(frame).query("score > 2"), **NAMES, **ASKED
        )


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"bandwidth": "cdf"}, TypeError, "`bandwidth` must be a number in the unit"),
        (
            {"bounds": (60, None)},
            ValueError,
            "`bounds` must give the end",
        ),
        ({"measurement": "age"}, ValueError, r"`table` has no columns \['age'\]"),
        ({"half_width": 2.0}, ValueError, "`half_width` must be from"),
    ],
)
def test_requests_that_cannot_be_met(options, error, text):
    asked = {**NAMES, **ASKED, **options}
    with pytest.raises(error, match=text):
        DeteriorationSums.from_frame(polars_lazy(people(60)), **asked)


def test_parts_made_otherwise_do_not_merge():
    frame = people(100)
    with pytest.raises(ValueError, match=r"they differ: \{'half_width': \(0.05, 0.1\)"):
        sums_of(frame).merge(sums_of(frame, half_width=0.1))
