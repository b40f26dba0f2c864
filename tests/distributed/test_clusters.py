"""Do clusters give the figures of one machine, also when a worker dies?"""

import os
import sys
import time

import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import (
    DeteriorationSums,
    LatentGMMSegmenter,
    audit_frame,
    da_index_ratio,
    fidelity_of_table,
    gini,
    label_segments,
    sample_table,
    subgroup_fidelity,
)

OPTIONS = {
    "y_true": "truth",
    "y_pred": "predicted",
    "subgroups": ["ward", ("ward", "sex")],
    "random_state": 0,
}
DETERIORATION = {
    "measurement": "truth",
    "allocation": "score",
    "subgroups": "ward",
    "threshold": 42.0,
    "bounds": (0.0, 100.0),
    "bandwidth": 1.0,
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
            "score": rng.uniform(size=n_rows),
        }
    )


def assert_same_sums(found):
    """Compare with the sums of the rows in memory."""
    frame = people()
    options = {k: v for k, v in DETERIORATION.items() if k not in frame.columns}
    options |= {"allocation": frame["score"], "subgroups": frame["ward"]}
    options.pop("measurement")
    expected = DeteriorationSums.from_arrays(frame["truth"], **options)
    assert found.labels == expected.labels
    assert_array_equal(found.sums.count, expected.sums.count)
    for one, other in zip(found.sums.parts(), expected.sums.parts(), strict=True):
        assert_allclose(one, other, rtol=1e-12)


def expected_report():
    return audit_frame(pl.from_pandas(people()).lazy(), **OPTIONS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as made,
        distributed.Client(made) as client,
    ):
        yield client


def test_two_dask_workers_print_the_same_report(cluster):
    table = dd.from_pandas(people(), npartitions=6)
    assert str(audit_frame(table, **OPTIONS)) == str(expected_report())


@pytest.mark.slow
def test_two_dask_workers_sum_deterioration(cluster):
    table = dd.from_pandas(people(), npartitions=6)
    assert_same_sums(DeteriorationSums.from_frame(table, **DETERIORATION))


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
    mark.unlink()
    assert_same_sums(DeteriorationSums.from_frame(table, **DETERIORATION))
    assert mark.exists()


@pytest.fixture(scope="module")
def spark():
    sql = pytest.importorskip("pyspark.sql")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = (
            sql.SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.mark.slow
def test_spark_prints_the_same_report(spark):
    table = spark.createDataFrame(people()).repartition(7)
    expected = fidelity_of_table(pl.from_pandas(people()).lazy(), **OPTIONS)
    found = fidelity_of_table(table, **OPTIONS)
    assert found.subgroup == expected.subgroup
    assert_array_equal(found.n, expected.n)
    assert_allclose(found.estimate, expected.estimate, rtol=1e-12)
    assert_allclose(found.ci_low, expected.ci_low, rtol=1e-9)
    assert str(audit_frame(table, **OPTIONS)) == str(expected_report())


@pytest.mark.slow
def test_spark_answers_where_columns_are_named(spark):
    frame = people().assign(visits=np.arange(4000) % 7 + 1.0)
    table = spark.createDataFrame(frame).repartition(3)
    eager = {
        "compare": ("north", "east"),
        **{k: DETERIORATION[k] for k in ("threshold", "bounds", "bandwidth")},
    }
    found = da_index_ratio("score", "truth", subgroups="ward", data=table, **eager)
    expected = da_index_ratio("score", "truth", subgroups="ward", data=frame, **eager)
    assert_allclose(found, expected, rtol=1e-12)
    assert_allclose(gini("visits", data=table), gini(frame["visits"]), rtol=1e-12)
    how = {"subgroups": "ward", "metric": "bias", "n_resamples": 50}
    found = subgroup_fidelity("truth", "predicted", data=table, **how)
    expected = subgroup_fidelity("truth", "predicted", data=frame, **how)
    assert found.subgroup == expected.subgroup
    assert_allclose(found.estimate, expected.estimate, rtol=1e-11)


@pytest.mark.slow
def test_spark_sums_deterioration_on_its_workers(spark):
    table = spark.createDataFrame(people()).repartition(7)
    assert_same_sums(DeteriorationSums.from_frame(table, **DETERIORATION))


@pytest.mark.slow
def test_spark_labels_segments_and_gives_batches(spark):
    frame = people()
    columns = ["truth", "predicted"]
    table = spark.createDataFrame(frame).coalesce(1)
    drawn = sample_table(table, columns=columns, n_rows=1000, random_state=0)
    assert_array_equal(drawn.rows["truth"], frame["truth"].iloc[drawn.positions])
    segmenter = LatentGMMSegmenter(2, random_state=0).fit(drawn.rows)
    found = label_segments(table, segmenter, columns=columns).toPandas()
    assert list(found.columns) == [*frame.columns, "segment"]
    assert_array_equal(found["segment"], segmenter.predict(frame[columns]))


@pytest.mark.slow
def test_spark_names_the_partition_of_a_bad_value(spark):
    frame = people()
    frame.loc[3999, "truth"] = np.nan
    table = spark.createDataFrame(frame)  # two partitions, in order
    with pytest.raises(ValueError, match=r"NaN in 1 of \d+ rows.*\(in partition 1\)"):
        DeteriorationSums.from_frame(table, **DETERIORATION)
    with pytest.raises(ValueError, match=r"`y_true` .* null or NaN in 1 of 4,000 rows"):
        fidelity_of_table(table, **OPTIONS)
