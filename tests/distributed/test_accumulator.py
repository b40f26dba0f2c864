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
        y_true, y_pred, subgroups=ward, metric=metric, n_resamples=50, random_state=0
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
        random_state=0,
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


def sent_and_read(seen, least):
    return AuditAccumulator.from_bytes(seen.to_bytes(suppress_below=least))


def test_all_subgroups_withheld_are_an_error_that_says_so():
    truth, prediction = [1.0, 2.0, 3.0] * 10, [1.1, 2.3, 3.1] * 10
    few = ["a"] * 5 + ["b"] * 25  # five must be hidden, and the others with them
    seen = AuditAccumulator(metric="mae").update(truth, prediction, few)
    read = sent_and_read(seen, 10)
    assert read.n_rows_ == 30
    said = "of the 30 rows: all subgroups were withheld by `suppress_below`"
    with pytest.raises(ValueError, match=said):
        read.result()
    with pytest.raises(ValueError, match=said):
        seen.result(suppress_below=10)
    both = {"ward": few, "clinic": ["a"] * 15 + ["b"] * 15}
    seen = AuditAccumulator(metric="mae").update(truth, prediction, both)
    assert sent_and_read(seen, 10).result().grouping == ("clinic", "clinic")


def test_one_subgroup_is_not_called_several():
    y_true, y_pred, _ = people(60)
    one = AuditAccumulator().update(y_true, y_pred, ["here"] * 60).result()
    assert one.verdict == ("insufficient evidence",)  # the average is its own
    assert "here none could be tested, which takes two of that size" in one.rule
    assert "0 subgroups" not in one.rule


def n_of(cells):
    return int(cells.n.sum())


def test_hidden_people_are_as_many_as_the_limit_says():
    y_true, y_pred, ward = people(300)
    ward = ward.astype(object)
    ward[:2] = "hamlet", "farm"  # two people: the rest of all would tell of them
    read = sent_and_read(AuditAccumulator().update(y_true, y_pred, ward), 10)
    assert n_of(read._everybody) == 300
    assert len(read.result().subgroup) == 2
    assert n_of(read._everybody) - n_of(read._moments["subgroups"]) >= 10


@pytest.mark.parametrize("n_without", [1, 9, 10])
def test_a_few_people_without_a_label_are_no_rest_of_all(n_without):
    y_true, y_pred, ward = people(300)
    ward = ward.astype(object)
    ward[:n_without] = None
    seen = AuditAccumulator(metric="mae")
    seen.update(y_true, y_pred, ward, missing="drop")
    read = sent_and_read(seen, 10)
    labelled = np.arange(300) >= n_without
    n_shown = 300 if n_without == 10 else labelled.sum()
    assert read.n_rows_ == seen.result(suppress_below=10).overall.n == n_shown
    assert len(read.result()) == 3
    if n_without < 10:
        expected = np.abs(y_true - y_pred)[labelled].mean()
        assert_allclose(read.result().overall.estimate, expected, rtol=1e-12)


def test_of_several_groupings_each_leaves_out_nobody_or_enough():
    y_true, y_pred, ward = people(300)
    half = np.where(np.arange(300) < 120, "first", "second")
    ward = ward.astype(object)
    ward[:3] = None
    seen = AuditAccumulator(metric="mae").update(
        y_true, y_pred, {"ward": ward, "half": half}, missing="drop"
    )
    read = sent_and_read(seen, 10)
    assert read.n_rows_ == 300
    assert n_of(read._moments["half"]) == 300
    assert 0 < n_of(read._moments["ward"]) <= 290


def test_fewer_people_than_the_limit_send_nothing():
    y_true, y_pred, ward = people(9)
    seen = AuditAccumulator(metric="mae").update(y_true, y_pred, ward)
    read = sent_and_read(seen, 10)
    assert read.n_rows_ == 0
    assert (read + seen).n_rows_ == 9
    with pytest.raises(ValueError, match="no more than the rows seen"):
        seen.result(suppress_below=10)


@pytest.mark.parametrize(
    ("metric", "normalization"), [("r2", "mean"), ("nrmse", "std")]
)
@pytest.mark.parametrize("size", [0.0, 40.0, 1e6])
def test_no_target_of_a_person_travels_as_the_origin(metric, normalization, size):
    y_true, y_pred, ward = people(300)
    y_true, y_pred = y_true - 40.0 + size, y_pred - 40.0 + size
    seen = AuditAccumulator(metric=metric, normalization=normalization)
    seen.update(y_true, y_pred, ward)
    read = sent_and_read(seen, 10)
    assert read._origin == pytest.approx(size, abs=8.0)
    assert read._origin % 8.0 == 0.0  # the power of two above the deviation, of 6
    expected = seen.result(random_state=0)
    assert_allclose(read.result().estimate, expected.estimate, rtol=1e-9)
    assert (sent_and_read(read, 10) + seen).n_rows_ == 600


@pytest.mark.parametrize(
    ("n_negative", "told"), [(0, 0), (1, 10), (25, 25), (195, 200), (200, 200)]
)
def test_counts_of_few_people_do_not_travel(n_negative, told):
    y_true, y_pred, ward = people(200)
    y_true = np.abs(y_true) + 1.0
    y_true[:n_negative] *= -1.0
    seen = AuditAccumulator(metric="mae").update(y_true, y_pred, ward)
    read = sent_and_read(seen, 10)
    assert read._counts["y_true_negative"] == told
    assert sent_and_read(seen, 0)._counts["y_true_negative"] == n_negative


@pytest.mark.parametrize("limit", [-1, 2.5, True, np.nan, "5", None])
def test_a_limit_that_is_no_number_of_people_is_refused(limit):
    y_true, y_pred, ward = people(100)
    seen = AuditAccumulator().update(y_true, y_pred, ward)
    for ask in (seen.to_bytes, seen.result):
        with pytest.raises(ValueError, match="`suppress_below` must be a whole num"):
            ask(suppress_below=limit)


def test_a_batch_in_which_nobody_counts_changes_nothing():
    y_true, y_pred, ward = people(100)
    seen = AuditAccumulator(metric="mae")
    none, nothing = slice(0, 0), np.zeros(100)
    assert seen.update(y_true[none], y_pred[none], ward[none]).n_rows_ == 0
    assert seen.update(y_true, y_pred, ward, sample_weight=nothing).n_rows_ == 0
    seen.update(y_true, y_pred, ward)
    before = seen.to_bytes()
    seen.update([], [], {"subgroups": []}).update(
        y_true, y_pred, {"subgroups": ward}, sample_weight=nothing
    )
    assert seen.to_bytes() == before
    for rows, weights in (
        ([], None),
        (y_true[:3], nothing),
        (nothing * np.nan, nothing),
    ):
        with pytest.raises(ValueError, match=r"`y_(true|pred)` must "):
            seen.update(rows, y_pred, ward, sample_weight=weights)
    with pytest.raises(ValueError, match="`sample_weight` must have one value"):
        seen.update(y_true, y_pred, ward, sample_weight=np.zeros(3))


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
        "counts": seen._counts,
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
