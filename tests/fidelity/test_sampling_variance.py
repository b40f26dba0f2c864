"""How noisy is a subgroup's figure? By hand, theory and repeated sampling."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import max_error

from sklearn_equity._checks import check_subgroups
from sklearn_equity.fidelity import (
    resolve_metric,
    subgroup_estimates,
    subgroup_variances,
)


def variances(metric, y_true, y_pred, labels, **options):
    codes = check_subgroups(labels, n_rows=len(y_true))
    return subgroup_variances(y_true, y_pred, codes, resolve_metric(metric), **options)


def test_variance_of_a_mean_by_hand():
    error = np.array([1.0, 2.0, 6.0, 4.0, 4.0])
    labels = [*"aaabb"]
    expected = [((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 3**2, 0.0]
    found = variances("mae", np.zeros(5), error, labels)
    assert_allclose(found, expected, atol=1e-9)


def test_weighted_mean_by_hand():
    error, weight = np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0])
    mean = (1 + 2 + 2 * 6) / 4
    expected = sum(
        (w * (e - mean) / 4) ** 2 for w, e in zip(weight, error, strict=True)
    )
    found = variances("mae", np.zeros(3), error, [*"aaa"], sample_weight=weight)
    assert_allclose(found, [expected], rtol=1e-6)


def test_rmse_of_normal_errors_against_theory():
    # The standard deviation of n normal errors varies by sigma / sqrt(2 n).
    rng = np.random.default_rng(8)
    labels = np.repeat([0, 1], [50_000, 50_000])
    error = rng.normal(scale=np.where(labels == 0, 3.0, 1.0))
    found = variances("rmse", np.zeros(100_000), error, labels)
    assert_allclose(found, [9 / 100_000, 1 / 100_000], rtol=0.1)


@pytest.mark.parametrize("metric", ["nrmse", "r2", "rmse", "bias"])
def test_variance_against_repeated_samples(metric):
    rng = np.random.default_rng(15)
    n_repeats, n_rows = 400, 300
    y = rng.gamma(5.0, 2.0, n_repeats * n_rows)
    p = y + rng.laplace(size=len(y)) * 1.5
    labels = np.repeat(np.arange(n_repeats), n_rows)
    codes = check_subgroups(labels, n_rows=len(y))
    values = subgroup_estimates(y, p, codes, resolve_metric(metric))
    assert_allclose(variances(metric, y, p, labels).mean(), values.var(), rtol=0.25)


def test_a_function_of_rows_is_refused():
    with pytest.raises(TypeError, match="'max_error' does not follow from sums"):
        variances(max_error, np.array([0.0, 1.0]), np.array([0.2, 0.4]), [1, 1])
