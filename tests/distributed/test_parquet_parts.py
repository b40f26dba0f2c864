"""Are files of different types read as what they hold, if read as the guide says?"""

import duckdb
import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from sklearn_equity import AuditAccumulator, DensityCounts, audit_frame

ASKED = {"y_true": "truth", "y_pred": "predicted", "subgroups": "ward"}


@pytest.fixture
def folder(tmp_path):
    """Two files: whole numbers in the first, others in the second."""
    rng = np.random.default_rng(20261130)
    for part in range(2):
        truth = rng.integers(30, 60, 400) + 0.4 * part
        error = rng.integers(-9, 10, 400) + 0.3 * part
        pl.DataFrame(
            {
                "truth": truth if part else truth.astype(int),
                "predicted": truth + error if part else (truth + error).astype(int),
                "ward": rng.choice(["east", "west"], 400),
            }
        ).write_parquet(tmp_path / f"{part}.parquet")
    return tmp_path


def as_the_guide_says(folder):
    return duckdb.read_parquet(f"{folder}/*.parquet", union_by_name=True)


def test_no_number_is_rounded_to_the_type_of_the_first_file(folder):
    rows = [pl.read_parquet(folder / f"{part}.parquet") for part in range(2)]
    seen = AuditAccumulator(metric="mae")
    for one in rows:
        seen.update(one["truth"], one["predicted"], one["ward"])
    found = audit_frame(
        as_the_guide_says(folder), metric="mae", random_state=0, **ASKED
    ).fidelity
    expected = seen.result(random_state=0)
    assert_allclose(found.estimate, expected.estimate, rtol=1e-12)
    assert_allclose(found.overall.estimate, expected.overall.estimate, rtol=1e-12)
    counts = DensityCounts.from_frame(
        as_the_guide_says(folder), column="truth", bounds=(0, 100)
    )
    values = np.concatenate([one["truth"].to_numpy().astype(float) for one in rows])
    whole = DensityCounts.from_arrays(values, bounds=(0, 100))
    edges = [0.0, 40.2, 100.0]
    assert_allclose(
        counts.finish().interval_probability(edges),
        whole.finish().interval_probability(edges),
        rtol=1e-12,
    )


def test_text_in_one_file_is_refused(folder):
    pl.DataFrame(
        {"truth": ["41"], "predicted": [40.0], "ward": ["east"]}
    ).write_parquet(folder / "2.parquet")
    with pytest.raises(ValueError, match=r"`y_true`.*truth|truth.*String"):
        audit_frame(as_the_guide_says(folder), **ASKED)


def test_a_file_without_the_column_is_counted(folder):
    pl.DataFrame({"predicted": [40.0], "ward": ["east"]}).write_parquet(
        folder / "2.parquet"
    )
    with pytest.raises(ValueError, match=r"missing|null"):
        audit_frame(as_the_guide_says(folder), **ASKED)
