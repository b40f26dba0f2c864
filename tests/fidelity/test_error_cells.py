"""Do counts of errors by their size stand for the rows that were counted?"""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import AuditAccumulator, fidelity_of_table, subgroup_fidelity
from sklearn_equity.fidelity import error_level, pairs_of, resolve_metric

HOSTILE = np.array(
    [0.0, -0.0, 1e-320, 1e-90, 0.5, 1.0, 2.0, 3.0, 4.0, 1e70, -1.0, -4.0]
)


def people(n_rows, seed=20261106):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["east", "north", "west"], n_rows)
    truth = rng.normal(40.0, 6.0, n_rows)
    return truth, truth + 3.0 * rng.standard_t(4, n_rows), ward


# ---- bins ------------------------------------------------------------------------
def test_bins_are_two_to_a_doubling_and_apart_by_sign_where_it_matters():
    error = np.array([1.0, 1.1, 1.7, 2.0, -2.0, 4.0])
    level = error_level(resolve_metric("bias"), np.zeros(6), error)
    assert_array_equal(level - level[0], [0, 0, 1, 2, -2 * level[3] + 2, 4])
    sizes = error_level(resolve_metric("mae"), np.zeros(6), error)
    assert sizes[3] == sizes[4]
    nothing = error_level(resolve_metric("brier"), np.zeros(6), error)
    assert_array_equal(nothing, 0.0)


@pytest.mark.parametrize("metric", ["bias", "rmse"])
def test_an_engine_counts_as_numpy_does(metric):
    error = np.tile(HOSTILE, 4)
    ward = np.repeat(["east", "west"], len(error) // 2)
    table = pl.LazyFrame({"y": np.zeros(len(error)), "p": error, "ward": ward})
    found = []

    def keep(*arguments, **options):
        found.append(arguments[0])
        return arguments[0]["ward"]

    with pytest.MonkeyPatch.context() as patch:
        module = fidelity_of_table.__globals__
        patch.setitem(module, "fidelity_from_moments", keep)
        fidelity_of_table(
            table, y_true="y", y_pred="p", subgroups="ward", metric=metric
        )
    seen = AuditAccumulator(metric=metric).update(np.zeros(len(error)), error, ward)
    cells = seen._moments["subgroups"]
    assert pairs_of(found[0]["ward"]) == pairs_of(cells)
    assert_array_equal(found[0]["ward"].n, cells.n)


@pytest.mark.parametrize("n_chunks", [1, 7, 1000])
def test_counts_of_chunks_in_any_order_are_those_of_the_whole_to_the_bit(n_chunks):
    truth, predicted, ward = people(1500)
    whole = AuditAccumulator(metric="rmse").update(truth, predicted, ward)
    order = np.random.default_rng(3).permutation(1500)
    parts = AuditAccumulator(metric="rmse")
    for rows in np.array_split(order, n_chunks):
        parts.update(truth[rows], predicted[rows], ward[rows])
    found, expected = parts._moments["subgroups"], whole._moments["subgroups"]
    assert pairs_of(found) == pairs_of(expected)
    assert_array_equal(found.n, expected.n)
    assert_allclose(found.mean, expected.mean, rtol=1e-12)
    assert_allclose(found.products, expected.products, rtol=1e-12)
    one, other = parts.result(random_state=0), whole.result(random_state=0)
    assert_allclose(one.estimate, other.estimate, rtol=1e-12)
    # Gradients are differences of nearly equal values.
    assert_allclose(one.ci_high, other.ci_high, rtol=1e-9)


# ---- intervals -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("metric", "weighted"),
    [("rmse", False), ("nrmse", True), ("mae", False), ("r2", True), ("bias", False)],
)
def test_intervals_are_as_wide_as_those_of_rows(metric, weighted):
    truth, predicted, ward = people(450)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 450) if weighted else None
    how = {"n_resamples": 4000, "random_state": 0}
    rows = subgroup_fidelity(
        truth, predicted, subgroups=ward, metric=metric, sample_weight=weights, **how
    )
    seen = AuditAccumulator(metric=metric)
    sums = seen.update(truth, predicted, ward, sample_weight=weights).result(**how)
    width = (sums.ci_high - sums.ci_low) / (rows.ci_high - rows.ci_low)
    assert_allclose(width, 1.0, atol=0.12)
    # Those of R2 lie half a standard error lower: what squares of the target stray is
    # known of cells, not of people.
    apart = 0.5 if metric == "r2" else 0.15
    assert (np.abs(sums.ci_low - rows.ci_low) < apart * rows.std_error).all()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "least"), [(50, 0.87), (100, 0.88), (400, 0.89)])
def test_intervals_of_heavy_tailed_errors_hold_the_truth(size, least):
    """By Student's t, of 100 rows 82% did. One standard error is 1.4 points."""
    rng = np.random.default_rng(size)
    held = []
    for draw in range(60):
        truth = rng.normal(40.0, 6.0, 4 * size)
        predicted = truth + 3.0 * rng.standard_t(4, 4 * size)
        seen = AuditAccumulator(metric="rmse")
        seen.update(truth, predicted, np.arange(4 * size) % 4)
        found = seen.result(random_state=draw)
        value = 3.0 * np.sqrt(2.0)  # the variance of Student's t with 4 is 2
        held += ((found.ci_low <= value) & (value <= found.ci_high)).tolist()
    assert np.mean(held) >= least


# ---- what is sent ----------------------------------------------------------------
def test_no_cell_that_is_sent_holds_fewer_people_than_allowed():
    truth, predicted, ward = people(600)
    ward[:3] = "hamlet"
    seen = AuditAccumulator(metric="rmse").update(truth, predicted, ward)
    read = AuditAccumulator.from_bytes(seen.to_bytes(suppress_below=10))
    assert min(seen._moments["subgroups"].n) < 10
    assert min(read._moments["subgroups"].n) >= 10
    assert min(read._everybody.n) >= 10
    left = read.result(random_state=0)
    whole = seen.result(suppress_below=10, random_state=0)
    assert "hamlet" not in left.subgroup
    assert_allclose(left.estimate, whole.estimate, rtol=1e-12)
    assert_allclose(left.ci_high, whole.ci_high, rtol=1e-12)
    assert left.overall.n == 600
