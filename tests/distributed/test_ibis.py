"""Do tables of Ibis give their rows, whatever engine lies below?"""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import (
    DensityCounts,
    DeteriorationSums,
    audit_frame,
    batches_of_table,
    sample_table,
)

ibis = pytest.importorskip("ibis")
BOUNDS = (0, 260)


def people(n_rows=1200):
    rng = np.random.default_rng(20261130)
    truth = rng.uniform(90.0, 180.0, n_rows)
    return pd.DataFrame(
        {
            "truth": truth,
            "predicted": truth + rng.normal(0.0, 9.0, n_rows),
            "score": rng.uniform(size=n_rows),
            "ward": rng.choice(["east", "west"], n_rows),
        }
    )


def default_engine(frame):
    return ibis.memtable(pl.from_pandas(frame).to_arrow())  # of DuckDB


def polars_engine(frame):
    return ibis.polars.connect({"people": pl.from_pandas(frame)}).table("people")


every_engine = pytest.mark.parametrize("engine", [default_engine, polars_engine])


@pytest.fixture(autouse=True)
def _few_rows_at_once(monkeypatch):
    monkeypatch.setattr("sklearn_equity.sufficient_statistics._parts.ROWS_AT_ONCE", 500)


@every_engine
def test_what_reads_rows_reads_them_all(engine):
    frame = people()
    table = engine(frame)
    edges = [0, 120, 140, 260]
    found = DensityCounts.from_frame(table, column="truth", bounds=BOUNDS)
    expected = DensityCounts.from_arrays(frame["truth"], bounds=BOUNDS)
    assert repr(found) == "DensityCounts(1,200 rows)"
    assert_array_equal(
        found.finish().interval_probability(edges),
        expected.finish().interval_probability(edges),
    )
    rule = {"threshold": 130.0, "bounds": BOUNDS}
    sums = DeteriorationSums.from_frame(
        table, measurement="truth", allocation="score", subgroups="ward", **rule
    )
    in_memory = DeteriorationSums.from_arrays(
        frame["truth"], allocation=frame["score"], subgroups=frame["ward"], **rule
    )
    assert_allclose(
        sums.index().deterioration, in_memory.index().deterioration, rtol=1e-12
    )
    drawn = sample_table(table, columns=["truth"], n_rows=50, random_state=0)
    assert_array_equal(drawn.rows["truth"], frame["truth"].to_numpy()[drawn.positions])
    sizes = [len(rows) for rows in batches_of_table(table, columns=["truth"])]
    assert sum(sizes) == 1200


@every_engine
def test_a_refused_part_is_named_and_the_table_still_answers(engine):
    frame = people()
    frame.loc[700, "truth"] = 999.0
    table = engine(frame)
    for _ in range(2):
        with pytest.raises(ValueError, match="rows 500 to 999"):
            DensityCounts.from_frame(table, column="truth", bounds=BOUNDS)
    report = audit_frame(
        table, y_true="score", y_pred="score", subgroups="ward", random_state=0
    )
    assert report.fidelity.overall.n == 1200


def test_a_version_that_names_its_relation_otherwise_is_read_all_the_same(monkeypatch):
    frame = people()
    table = default_engine(frame)
    backend = type(table.get_backend())
    rows = pl.from_pandas(frame[["truth"]]).to_arrow()
    monkeypatch.setattr(backend, "_to_duckdb_relation", None)
    monkeypatch.setattr(backend, "to_pyarrow", lambda *_, **__: rows)
    found = DensityCounts.from_frame(table, column="truth", bounds=BOUNDS)
    assert repr(found) == "DensityCounts(1,200 rows)"
