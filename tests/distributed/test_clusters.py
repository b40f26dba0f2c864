"""Do clusters give the figures of one machine, also when a worker dies?"""

import os
import time

import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from sklearn_equity import audit_frame, fidelity_of_table

OPTIONS = {
    "y_true": "truth",
    "y_pred": "predicted",
    "subgroups": ["ward", ("ward", "sex")],
    "random_state": 0,
}
# Distributed closes its connections when its workers are gone already, and PySpark has
# habits of its own.
pytestmark = pytest.mark.filterwarnings("ignore")


def people(n_rows=4000, seed=20260930):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["east", "north", "west"], n_rows)
    truth = rng.normal(40.0, 6.0, n_rows)
    noise = rng.normal(size=n_rows) * np.where(ward == "north", 6.0, 3.0)
    return pd.DataFrame(
        {
            "truth": truth,
            "predicted": truth + noise,
            "ward": ward,
            "sex": rng.choice(["female", "male"], n_rows),
        }
    )


def expected_report():
    return audit_frame(pl.from_pandas(people()).lazy(), **OPTIONS)


@pytest.fixture
def cluster(tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as made,
        distributed.Client(made) as client,
    ):
        yield client


def test_two_dask_workers_print_the_same_report(cluster):
    table = dd.from_pandas(people(), npartitions=6)
    assert str(audit_frame(table, **OPTIONS)) == str(expected_report())


@pytest.mark.slow
def test_a_worker_killed_half_way_changes_nothing(cluster, tmp_path):
    mark = tmp_path / "killed"

    def die_once(part):
        """Kill the worker that is first to come here; the others go on."""
        if len(part) and part["truth"].iloc[0] != 0.0:
            try:
                mark.touch(exist_ok=False)
            except FileExistsError:
                time.sleep(0.2)
            else:
                os._exit(1)
        return part

    frame = people()
    table = dd.from_pandas(frame, npartitions=6).map_partitions(
        die_once, meta=frame.iloc[:0]
    )
    assert str(audit_frame(table, **OPTIONS)) == str(expected_report())
    assert mark.exists()


@pytest.mark.slow
def test_spark_prints_the_same_report():
    sql = pytest.importorskip("pyspark.sql")
    session = (
        sql.SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    try:
        table = session.createDataFrame(people(2000))
        expected = fidelity_of_table(pl.from_pandas(people(2000)).lazy(), **OPTIONS)
        found = fidelity_of_table(table, **OPTIONS)
        assert found.subgroup == expected.subgroup
        assert_allclose(found.estimate, expected.estimate, rtol=1e-12)
        assert_allclose(found.ci_low, expected.ci_low, rtol=1e-9)
        assert str(found) == str(expected)
    finally:
        session.stop()
