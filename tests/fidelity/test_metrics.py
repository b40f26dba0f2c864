"""The registry of metrics: what each declares holds; scikit-learn's are understood."""

import functools

import numpy as np
import pytest
import sklearn.metrics
from numpy.testing import assert_allclose
from sklearn.metrics import (
    accuracy_score,
    fbeta_score,
    make_scorer,
    mean_pinball_loss,
    mean_poisson_deviance,
    root_mean_squared_error,
)

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import METRIC_NAMES, resolve_metric, subgroup_estimates

CLASSES = {"accuracy", "balanced_accuracy"}
PROBABILITIES = {"brier", "roc_auc"}
NORMALIZATIONS = ("mean", "std", "iqr", "range", "max", None, 10.0, np.median)

METRICS = [(name, resolve_metric(name)) for name in METRIC_NAMES if name != "nrmse"]
METRICS += [
    (
        f"nrmse by {getattr(divisor, '__name__', divisor)}",
        resolve_metric("nrmse", normalization=divisor),
    )
    for divisor in NORMALIZATIONS
]
every_metric = pytest.mark.parametrize(
    "metric", [metric for _, metric in METRICS], ids=[name for name, _ in METRICS]
)


def population(metric, seed=0, n_rows=300, n_subgroups=4):
    """Draw truth and predictions of the kind that the metric needs, and subgroups."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_subgroups, n_rows)
    signal = rng.normal(size=n_rows)
    if metric.name in CLASSES | PROBABILITIES:
        y_true = (rng.normal(size=n_rows) < signal).astype(float)
        y_pred = 1.0 / (1.0 + np.exp(-signal))
        if metric.name in CLASSES:
            y_pred = np.round(y_pred)
    else:
        y_true = 40.0 + 6.0 * signal
        y_pred = y_true + 4.0 * rng.normal(size=n_rows)
    return y_true, y_pred, SubgroupCodes(codes, tuple(range(n_subgroups)), "ward")


@every_metric
def test_values_lie_within_the_declared_range(metric):
    values = subgroup_estimates(*population(metric), metric)
    assert (values >= metric.bounds[0]).all()
    assert (values <= metric.bounds[1]).all()


@every_metric
def test_perfect_predictions_have_the_declared_best_value(metric):
    y_true, _, codes = population(metric)
    values = subgroup_estimates(y_true, y_true, codes, metric)
    assert_allclose(values, metric.best, atol=1e-12)
    assert metric.bounds[0] <= metric.best <= metric.bounds[1]


@every_metric
def test_worse_predictions_have_a_higher_loss(metric):
    y_true, y_pred, codes = population(metric)
    # Nothing but a bias notices that the errors' spread stays the same.
    classes = metric.name in CLASSES | PROBABILITIES
    worse = 1.0 - y_pred if classes else y_pred + 30.0
    loss = metric.as_loss(subgroup_estimates(y_true, y_pred, codes, metric))
    loss_of_worse = metric.as_loss(subgroup_estimates(y_true, worse, codes, metric))
    assert (loss_of_worse > loss).all()


@every_metric
def test_orientation_points_from_the_bounds_to_the_best(metric):
    if metric.best_is_inside:
        assert not metric.greater_is_better
    else:
        assert metric.best == metric.bounds[1 if metric.greater_is_better else 0]
    assert metric.min_rows >= 10


@every_metric
def test_row_order_does_not_matter(metric):
    y_true, y_pred, codes = population(metric)
    order = np.random.default_rng(1).permutation(len(y_true))
    shuffled = SubgroupCodes(codes.codes[order], codes.labels, codes.name)
    assert_allclose(
        subgroup_estimates(y_true[order], y_pred[order], shuffled, metric),
        subgroup_estimates(y_true, y_pred, codes, metric),
        rtol=1e-12,
    )


# A normalization by a function is not given the weights, as its documentation says.
@pytest.mark.parametrize(
    "metric", [metric for name, metric in METRICS if name != "nrmse by median"]
)
def test_weights_equal_repetition(metric):
    y_true, y_pred, codes = population(metric)
    times = np.random.default_rng(2).integers(1, 4, len(y_true))
    rows = np.repeat(np.arange(len(y_true)), times)
    repeated = SubgroupCodes(codes.codes[rows], codes.labels, codes.name)
    assert_allclose(
        subgroup_estimates(y_true, y_pred, codes, metric, sample_weight=1.0 * times),
        subgroup_estimates(y_true[rows], y_pred[rows], repeated, metric),
        rtol=1e-10,
    )


@every_metric
def test_one_subgroup_does_not_depend_on_the_others(metric):
    y_true, y_pred, codes = population(metric)
    kept = codes.codes == 2
    alone = SubgroupCodes(np.zeros(kept.sum(), dtype=int), (2,), "ward")
    assert_allclose(
        subgroup_estimates(y_true[kept], y_pred[kept], alone, metric)[0],
        subgroup_estimates(y_true, y_pred, codes, metric)[2],
        rtol=1e-12,
    )


@every_metric
def test_empty_and_dropped_rows_leave_nan_and_no_trace(metric):
    y_true, y_pred, codes = population(metric)
    dropped = np.where(codes.codes == 1, -1, codes.codes)
    values = subgroup_estimates(
        y_true, y_pred, SubgroupCodes(dropped, codes.labels, codes.name), metric
    )
    expected = subgroup_estimates(y_true, y_pred, codes, metric)
    expected[1] = np.nan
    assert_allclose(values, expected)


# ---- scikit-learn's functions ------------------------------------------------------
@pytest.mark.parametrize(
    ("function", "greater_is_better"),
    [
        (accuracy_score, True),
        (functools.partial(fbeta_score, beta=2), True),
        (root_mean_squared_error, False),
        (functools.partial(mean_pinball_loss, alpha=0.9), False),
        (mean_poisson_deviance, False),
    ],
)
def test_orientation_is_read_off_the_name(function, greater_is_better):
    assert resolve_metric(function).greater_is_better is greater_is_better


def test_orientation_of_every_function_with_a_telling_name_agrees_with_its_scorer():
    for name in (
        "r2",
        "neg_median_absolute_error",
        "explained_variance",
        "neg_log_loss",
    ):
        scorer = sklearn.metrics.get_scorer(name)
        metric = resolve_metric(scorer._score_func)
        assert metric.greater_is_better is (scorer._sign == 1), name


def test_other_functions_need_their_orientation():
    def middle_miss(y_true, y_pred):
        return np.median(np.abs(y_true - y_pred))

    with pytest.raises(
        ValueError, match=r"`greater_is_better` must be given.*middle_mi"
    ):
        resolve_metric(middle_miss)
    metric = resolve_metric(middle_miss, greater_is_better=False)
    assert not metric.greater_is_better
    assert metric.function(np.array([1.0, 2.0, 9.0]), np.zeros(3)) == 2.0
    with pytest.raises(TypeError, match="'middle_miss' takes no weights"):
        metric.function(np.ones(3), np.zeros(3), sample_weight=np.ones(3))


# ---- refusals ----------------------------------------------------------------------
def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r'`metric` must be one of "accuracy", .*"nrmse"'
    ):
        resolve_metric("neg_mean_squared_error")
    with pytest.raises(
        TypeError, match="`metric` must be a name or a function; got int"
    ):
        resolve_metric(3)


@pytest.mark.parametrize("divisor", ["mode", 0.0, -2.0, True, np.nan, np.inf, [1.0]])
def test_other_normalizations_are_refused(divisor):
    with pytest.raises(
        ValueError, match='`normalization` must be one of "mean", "std"'
    ):
        resolve_metric("nrmse", normalization=divisor)


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "message"),
    [
        (
            "brier",
            [0.0, 2.0],
            [0.5, 0.5],
            "`y_true` to be 0 or 1; got other values in 1",
        ),
        ("brier", [0.0, 1.0], [0.5, 1.5], "`y_pred` to be probabilities.*such as 1.5"),
        (
            "roc_auc",
            [1.0, 2.0],
            [0.5, 0.5],
            'metric="roc_auc" needs `y_true` to be 0 or 1',
        ),
        ("balanced_accuracy", [0.0, 1.0], [0.5, 1.0], "`y_pred` to be 0 or 1"),
        (
            "nrmse",
            [-1.0, 2.0],
            [0.0, 0.0],
            'a mean of 0.5 and 1 negative values in 2 rows.*"std"',
        ),
        ("nrmse", [0.0, 0.0], [1.0, 1.0], "has a mean of 0"),
    ],
)
def test_data_for_which_a_metric_has_no_meaning(name, y_true, y_pred, message):
    codes = SubgroupCodes(np.array([0, 1]), ("a", "b"), "ward")
    with pytest.raises(ValueError, match=message):
        subgroup_estimates(
            np.array(y_true), np.array(y_pred), codes, resolve_metric(name)
        )


def test_a_metric_resolves_to_itself():
    metric = resolve_metric("rmse")
    assert resolve_metric(metric) is metric is resolve_metric("rmse")


def test_make_scorer_objects_have_no_orientation_of_a_metric():
    with pytest.raises(ValueError, match="`greater_is_better` must be given"):
        resolve_metric(make_scorer(accuracy_score))
