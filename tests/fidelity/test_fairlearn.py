"""Does fairlearn's MetricFrame agree, wherever both define the same figure?"""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics

from sklearn_equity import max_gap, max_ratio, subgroup_fidelity
from sklearn_equity._checks import check_subgroups
from sklearn_equity.fidelity import METRIC_NAMES, resolve_metric, subgroup_estimates

fairlearn = pytest.importorskip("fairlearn.metrics", reason="fairlearn missing")

# MetricFrame takes functions: its own where it has one, else scikit-learn's.
THEIRS = {
    "accuracy": metrics.accuracy_score,
    "average_precision": metrics.average_precision_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "brier": metrics.brier_score_loss,
    "log_loss": metrics.log_loss,
    "mae": metrics.mean_absolute_error,
    "pinball": metrics.mean_pinball_loss,
    "r2": metrics.r2_score,
    "rmse": metrics.root_mean_squared_error,
    "roc_auc": metrics.roc_auc_score,
    "sensitivity": fairlearn.true_positive_rate,
    "specificity": fairlearn.true_negative_rate,
}
# Neither fairlearn nor scikit-learn defines these.
OURS_ALONE = {
    "bias",
    "calibration_in_the_large",
    "calibration_slope",
    "interval_coverage",
    "nrmse",
}


@functools.cache
def _population(kind, n_rows=6000):
    rng = np.random.default_rng(20261127)
    ward = np.array(["east", "north", "south"])[rng.integers(0, 3, n_rows)]
    sex = np.array(["f", "m"])[rng.integers(0, 2, n_rows)]
    y_true = rng.gamma(4.0, 9.0, n_rows)
    y_pred = y_true + rng.normal(size=n_rows) * np.where(ward == "east", 9.0, 5.0)
    if kind == "classes":
        y_true, y_pred = 1.0 * (y_true > 30), 1.0 * (y_pred > 30)
    elif kind == "probabilities":
        y_true, y_pred = 1.0 * (y_true > 30), 1 / (1 + np.exp((30 - y_pred) / 8))
    return y_true, y_pred, ward, sex, rng.uniform(0.1, 3.0, n_rows)


def _population_of(metric):
    if metric.task != "classification":
        return _population("numbers")
    return _population("classes" if metric.response == "predict" else "probabilities")


def _metric_frame(name, y_true, y_pred, features, weights=None):
    parameters = None if weights is None else {"sample_weight": weights}
    return fairlearn.MetricFrame(
        metrics=THEIRS[name],
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=features,
        sample_params=parameters,
    )


def test_every_metric_is_compared_or_said_to_be_ours_alone():
    assert set(THEIRS) | OURS_ALONE == set(METRIC_NAMES)
    assert not set(THEIRS) & OURS_ALONE


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(THEIRS))
def test_figures_and_extremes_against_fairlearn(name, weighted):
    metric = resolve_metric(name)
    y_true, y_pred, ward, _, weights = _population_of(metric)
    weights = weights if weighted else None
    codes = check_subgroups(ward, n_rows=len(ward))
    found = subgroup_estimates(y_true, y_pred, codes, metric, sample_weight=weights)
    frame = _metric_frame(name, y_true, y_pred, ward, weights)
    assert list(frame.by_group.index) == list(codes.labels)
    assert_allclose(found, frame.by_group.to_numpy(float), rtol=1e-12)
    assert_allclose(max_gap(found), frame.difference(), rtol=1e-12)
    assert_allclose(max_ratio(found), 1.0 / frame.ratio(), rtol=1e-12)


@pytest.mark.parametrize("name", ["mae", "r2", "rmse", "sensitivity"])
def test_intersections_and_their_sizes_against_fairlearn(name):
    y_true, y_pred, ward, sex, weights = _population_of(resolve_metric(name))
    features = np.column_stack([ward, sex])
    table = subgroup_fidelity(
        y_true,
        y_pred,
        subgroups=features,
        metric=name,
        sample_weight=weights,
        n_resamples=50,
        random_state=0,
    )
    frame = _metric_frame(name, y_true, y_pred, features, weights)
    count = fairlearn.MetricFrame(
        metrics=fairlearn.count,
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=features,
    )
    assert list(table.subgroup) == list(frame.by_group.index)
    assert_allclose(table.estimate, frame.by_group.to_numpy(float), rtol=1e-12)
    assert list(table.n) == list(count.by_group)
