"""People dealt out anew: right sizes, right spread, whatever the number of rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_equity._checks import check_subgroups
from sklearn_equity.fidelity import METRIC_NAMES, subgroup_estimates, subgroup_fidelity
from sklearn_equity.fidelity._common_scale import on_common_scale, scale_factors
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._shuffles import shuffled_figures


def _shuffled(
    y_true,
    y_pred,
    labels,
    *,
    metric="mae",
    weights=None,
    n_shuffles=2000,
    normalization=None,
):
    return shuffled_figures(
        Population(y_true, y_pred, weights),
        check_subgroups(labels, n_rows=len(y_true), missing="drop"),
        resolve_metric(metric, normalization=normalization),
        n_shuffles=n_shuffles,
        rng=np.random.default_rng(20260401),
    )


@pytest.mark.parametrize("n_rows", [60, 4096, 9001], ids=["few", "most", "in blocks"])
def test_means_of_dealt_rows_against_theory(n_rows):
    """Mean and variance of a mean drawn without return, of each subgroup's size."""
    rng = np.random.default_rng(1)
    error = rng.exponential(size=n_rows)
    labels = np.where(np.arange(n_rows) < n_rows // 5, "a", "b")
    sizes = [n_rows // 5, n_rows - n_rows // 5]
    found = _shuffled(np.zeros(n_rows), error, labels).estimate[1:]
    assert_allclose(found @ sizes, error.sum())  # nobody is lost, nobody counted twice
    for size, means in zip(sizes, found.T, strict=True):
        expected = error.var(ddof=1) / size * (1 - size / n_rows)
        assert abs(means.mean() - error.mean()) < 4 * np.sqrt(expected / 2000)
        assert_allclose(means.var(), expected, rtol=0.15)


def test_the_first_row_is_the_subgroups_as_they_are():
    y_pred = np.array([1.0, 2.0, 3.0, 4.0])
    found = _shuffled(np.zeros(4), y_pred, np.array([1, 0, 1, 0]))
    assert_allclose(found.estimate[0], [(2 + 4) / 2, (1 + 3) / 2])
    # Of the mean of two values: half their distance, over the root of their number.
    assert_allclose(found.std_error[0], [1 / np.sqrt(2), 1 / np.sqrt(2)])


def test_weights_and_dropped_rows():
    y_pred, labels = np.array([1.0, 2.0, 3.0, 9.0]), [0, 0, 1, None]
    weights = np.array([1.0, 3.0, 1.0, 1.0])
    found = _shuffled(np.zeros(4), y_pred, labels, weights=weights)
    assert_allclose(found.estimate[0], [(1 + 3 * 2) / 4, 3])
    assert found.estimate.max() <= 3.0  # 9 belongs to nobody


def test_a_table_carries_them_by_grouping():
    rng = np.random.default_rng(2)
    y_true, sex, ward = rng.uniform(1, 2, 90), np.arange(90) % 2, np.arange(90) % 3
    table = subgroup_fidelity(
        y_true,
        y_true + 1,
        subgroups={"sex": sex, "ward": ward},
        metric="mae",
        n_resamples=50,
        random_state=0,
    )
    assert table.shuffles.estimate.shape == (51, 5)
    assert table.select("ward").shuffles.estimate.shape == (51, 3)
    assert_allclose(table.shuffles.estimate[0], table.estimate)


def test_a_metric_of_rows_has_none():
    y_true = np.tile([0.0, 1.0], 30)
    table = subgroup_fidelity(
        y_true,
        np.linspace(0, 1, 60),
        subgroups=np.arange(60) // 30,
        metric="roc_auc",
        n_resamples=50,
        random_state=0,
    )
    assert table.shuffles is None


# ---- one scale for all ---------------------------------------------------------------
def _people(seed=4, n_rows=800):
    rng = np.random.default_rng(seed)
    y_true = rng.uniform(0.7, 1.3, size=n_rows)
    return y_true, y_true + 0.1 * rng.normal(size=n_rows), np.arange(n_rows) % 4


@pytest.mark.parametrize("normalization", ["mean", "std"])
def test_deals_do_not_depend_on_how_large_outcomes_are(normalization):
    """In other units for some of the subgroups, the NRMSE is dealt the same."""
    y_true, y_pred, labels = _people()
    unit = np.array([1.0, 10.0, 100.0, 3.0])[labels]
    options = {"metric": "nrmse", "normalization": normalization, "n_shuffles": 200}
    plain = _shuffled(y_true, y_pred, labels, **options)
    scaled = _shuffled(unit * y_true, unit * y_pred, labels, **options)
    assert_allclose(scaled.estimate[0], plain.estimate[0])
    assert_allclose(scaled.std_error[0], plain.std_error[0], rtol=1e-6)
    assert_allclose(scaled.estimate.std(axis=0), plain.estimate.std(axis=0), rtol=0.05)
    assert_allclose(
        scaled.estimate.mean(axis=0), plain.estimate.mean(axis=0), rtol=0.01
    )


def test_levels_of_the_target_do_not_matter_where_its_spread_divides():
    y_true, y_pred, labels = _people()
    shift = np.array([0.0, 10.0, -5.0, 2.0])[labels]
    plain = _shuffled(y_true, y_pred, labels, metric="r2", n_shuffles=200)
    moved = _shuffled(
        y_true + shift, y_pred + shift, labels, metric="r2", n_shuffles=200
    )
    assert_allclose(moved.estimate, plain.estimate, rtol=1e-6)


def test_deals_do_not_depend_on_how_large_weights_are():
    y_true, y_pred, labels = _people()
    weights = np.array([1.0, 10.0, 100.0, 3.0])[labels]
    plain = _shuffled(y_true, y_pred, labels)
    weighted = _shuffled(y_true, y_pred, labels, weights=weights)
    assert_allclose(weighted.estimate, plain.estimate, rtol=1e-9)


def test_subgroups_that_do_not_differ_stay_on_their_scale():
    """Twice the same people, whose means are one."""
    y_true, y_pred, _ = _people(n_rows=100)
    data = Population(np.tile(y_true, 2), np.tile(y_pred, 2), None)
    codes = check_subgroups(np.repeat(["a", "b"], 100), n_rows=200)
    found = on_common_scale(resolve_metric("nrmse"), data, codes)
    assert_allclose(found.y_true, data.y_true)
    assert_allclose(found.y_pred, data.y_pred)
    assert on_common_scale(resolve_metric("rmse"), data, codes) is data


def test_scales_of_many_people_by_hand():
    """Means 1, 4 and 4 of 1,000 each have a geometric mean of 16 ** (1 / 3)."""
    near = np.tile([0.99, 1.01], 500)
    codes = check_subgroups(np.repeat([0, 1, 2], 1000), n_rows=3000)
    found = scale_factors(np.r_[near, 4 * near, 4 * near], codes)
    assert_allclose(found[:3], 16 ** (1 / 3) / np.array([1, 4, 4]), rtol=1e-4)
    assert np.isnan(found[3])  # of dropped rows


def test_a_subgroup_of_one_and_one_of_zeros():
    size = np.r_[np.tile([9.0, 11.0], 50), np.tile([90.0, 110.0], 50), 100.0, 0.0, 0.0]
    codes = check_subgroups(np.repeat([0, 1, 2, 3], [100, 100, 1, 2]), n_rows=203)
    found = scale_factors(size, codes)
    assert found[0] > 1.0 > found[1]
    assert_allclose(found[2], found[1], rtol=0.2)
    assert np.isnan(found[3])


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_what_a_metric_says_of_scale_is_true(name):
    metric = resolve_metric(name)
    if metric.task != "regression":
        assert not metric.scale_invariant
        return
    y_true, y_pred, _ = _people()
    if metric.n_predictions == 2:
        y_pred = np.column_stack([y_pred - 0.1, y_pred + 0.1])
    everybody = np.zeros(len(y_true))
    once, thrice = (
        subgroup_estimates(
            factor * y_true,
            factor * y_pred,
            check_subgroups(everybody, n_rows=len(y_true), min_subgroups=1),
            metric,
        )
        for factor in (1.0, 3.0)
    )
    is_share = name == "interval_coverage"  # which has nothing to bring to a scale
    assert (abs(once - thrice) < 1e-9) == (metric.scale_invariant or is_share)


def test_whom_a_share_counts_stay_as_many_in_each_subgroup():
    """The one sick person of the first subgroup is found or not; the third has none."""
    sick = np.concatenate([[1.0], np.zeros(39), np.ones(40), np.zeros(40)])
    found = np.where(np.arange(120) % 3 > 0, sick, 1.0 - sick)
    ward = np.repeat([0, 1, 2], 40)
    dealt = _shuffled(sick, found, ward, metric="sensitivity", n_shuffles=300)
    assert set(np.unique(dealt.estimate[:, 0])) == {0.0, 1.0}
    assert np.isnan(dealt.estimate[:, 2]).all()
    # Of all 41 sick people the share found is the same however they are dealt out.
    share = (sick * found).sum() / 41.0
    mean = (dealt.estimate[:, 0] + 40.0 * dealt.estimate[:, 1]) / 41.0
    assert_allclose(mean, share, rtol=1e-12)
