"""People dealt out anew: right sizes, right spread, whatever the number of rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_equity._checks import check_subgroups
from sklearn_equity.fidelity import subgroup_fidelity
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._shuffles import shuffled_figures


def _shuffled(y_true, y_pred, labels, *, metric="mae", weights=None, n_shuffles=2000):
    return shuffled_figures(
        Population(y_true, y_pred, weights),
        check_subgroups(labels, n_rows=len(y_true), missing="drop"),
        resolve_metric(metric, normalization=None),
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
