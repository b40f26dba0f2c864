"""Do batches add up to the whole, in any order, at any site?"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import AuditAccumulator, subgroup_fidelity
from sklearn_equity.sufficient_statistics import pack


def people(n_rows=2000, seed=20260920):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["east", "north", "west"], n_rows)
    y_true = rng.normal(40.0, 6.0, n_rows)
    y_pred = y_true + rng.normal(size=n_rows) * np.where(ward == "north", 6.0, 3.0)
    return y_true, y_pred, ward


@pytest.mark.parametrize("metric", ["mae", "nrmse", "r2"])
@pytest.mark.parametrize("n_batches", [1, 7, 100])
def test_batches_in_any_order_give_one_result(metric, n_batches):
    y_true, y_pred, ward = people()
    order = np.random.default_rng(1).permutation(len(ward))
    found = AuditAccumulator(metric=metric)
    for rows in np.array_split(order, n_batches):
        found.update(y_true[rows], y_pred[rows], ward[rows])
    expected = subgroup_fidelity(
        y_true, y_pred, subgroups=ward, metric=metric, n_resamples=50
    )
    table = found.result(random_state=0)
    assert_array_equal(table.n, expected.n)
    assert_allclose(table.estimate, expected.estimate, rtol=1e-11)
    assert_allclose(table.std_error, expected.std_error, rtol=0.4)
    assert table.verdict == ("served", "under-served", "served")


@pytest.mark.parametrize("metric", ["nrmse", "r2"])
def test_sites_add_up_in_any_order(metric):
    y_true, y_pred, ward = people()
    sites = [
        AuditAccumulator(metric=metric).update(y_true[rows], y_pred[rows], ward[rows])
        for rows in np.array_split(np.arange(2000), 3)
    ]
    forth = (sites[0] + sites[1]) + sites[2]
    back = sites[2] + (sites[1] + sites[0])
    whole = AuditAccumulator(metric=metric).update(y_true, y_pred, ward)
    assert forth.n_rows_ == 2000
    assert sites[0].n_rows_ == 667  # adding changes neither
    for both in (forth, back):
        found, expected = both.result(random_state=0), whole.result(random_state=0)
        assert_allclose(found.estimate, expected.estimate, rtol=1e-12)
        assert_allclose(found.std_error, expected.std_error, rtol=1e-9)


def test_groupings_and_weights_survive_the_journey():
    y_true, y_pred, ward = people()
    half = np.where(np.arange(2000) < 1000, "first", "second")
    weights = np.random.default_rng(2).uniform(0.0, 2.0, 2000)
    weights[:5] = 0.0
    sent = AuditAccumulator(metric="mae").update(
        y_true, y_pred, {"ward": ward, "half": half}, sample_weight=weights
    )
    read = AuditAccumulator.from_bytes(sent.to_bytes())
    assert str(read.result(random_state=0)) == str(sent.result(random_state=0))
    expected = subgroup_fidelity(
        y_true,
        y_pred,
        subgroups={"ward": ward, "half": half},
        metric="mae",
        sample_weight=weights,
        n_resamples=50,
    )
    table = read.result(random_state=0)
    assert_array_equal(table.n, expected.n)
    assert_allclose(table.estimate, expected.estimate, rtol=1e-12)


def test_small_subgroups_are_suppressed_and_never_one_alone():
    y_true, y_pred, ward = people(300)
    ward = np.where(np.arange(300) < 7, "hamlet", ward)
    seen = AuditAccumulator().update(y_true, y_pred, ward)
    assert "hamlet" in seen.result().subgroup
    read = AuditAccumulator.from_bytes(seen.to_bytes(suppress_below=10))
    left = seen.result(suppress_below=10)
    assert read.result().subgroup == left.subgroup
    assert len(left) == 2  # the smallest other one has gone, too
    assert "hamlet" not in left.subgroup
    assert left.overall.n == 300
    assert b"hamlet" not in seen.to_bytes(suppress_below=10)


# ---- refusals --------------------------------------------------------------------
def test_bytes_of_another_kind_or_damaged_are_refused():
    y_true, y_pred, ward = people(100)
    sent = bytearray(AuditAccumulator().update(y_true, y_pred, ward).to_bytes())
    sent[-40] ^= 1
    with pytest.raises(ValueError, match="is damaged"):
        AuditAccumulator.from_bytes(bytes(sent))


def test_bytes_of_other_sums_are_refused():
    y_true, y_pred, ward = people(100)
    seen = AuditAccumulator(metric="mae").update(y_true, y_pred, ward)
    parts = [np.frombuffer(seen._everybody.to_bytes(), np.uint8)]
    header = {
        "metric": "mae",
        "normalization": "mean",
        "origin": 0.0,
        "groupings": [],
        "counts": {},
    }
    assert (
        AuditAccumulator.from_bytes(pack("AuditAccumulator", header, parts)).n_rows_
        == 100
    )
    for change in (
        {"metric": "nrmse"},
        {"groupings": ["ward"]},
        {"counts": [1]},
        {"origin": "far"},
    ):
        sent = pack("AuditAccumulator", header | change, parts)
        with pytest.raises(ValueError, match="holds no AuditAccumulator"):
            AuditAccumulator.from_bytes(sent)


def test_what_does_not_add_up_is_refused():
    y_true, y_pred, ward = people(100)
    one = AuditAccumulator().update(y_true, y_pred, ward)
    other = AuditAccumulator(metric="mae").update(y_true, y_pred, ward)
    with pytest.raises(ValueError, match="add up only for one metric"):
        one + other
    with pytest.raises(ValueError, match="must hold the same groupings in all batch"):
        one.update(y_true, y_pred, {"ward": ward})
    with pytest.raises(ValueError, match="must not hold missing values"):
        one.update(np.full(100, np.nan), y_pred, ward)
    assert one.n_rows_ == 100
    with pytest.raises(ValueError, match="No rows have been seen"):
        AuditAccumulator().result()


def test_rules_of_a_metric_hold_for_all_batches_together():
    y_true, y_pred, ward = people(100)
    seen = AuditAccumulator(metric="brier").update(y_true, y_pred, ward)
    with pytest.raises(ValueError, match="needs `y_true` to be 0 or 1; got other val"):
        seen.result()
