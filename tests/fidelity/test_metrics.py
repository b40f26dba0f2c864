"""Which metric is meant: names, scikit-learn's functions, refusals."""

import functools

import numpy as np
import pytest
import sklearn.metrics
from sklearn.metrics import (
    accuracy_score,
    fbeta_score,
    log_loss,
    make_scorer,
    mean_pinball_loss,
    mean_poisson_deviance,
    roc_auc_score,
    root_mean_squared_error,
)

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import resolve_metric, subgroup_estimates
from sklearn_equity.fidelity._response import response_of


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
            "log_loss",
            [0.0, 1.0],
            [0.5, -0.1],
            'metric="log_loss" needs `y_pred` to be probabilities',
        ),
        (
            "calibration_slope",
            [0.0, 1.0],
            [0.5, 1.0],
            r"above 0 and below 1.*got 0 or 1 in 1 of 2 rows.*np\.clip",
        ),
        (
            "interval_coverage",
            [0.0, 1.0],
            [[0.0, 1.0], [2.0, 1.0]],
            "first column of `y_pred` to be the lower end.*in 1 of 2 rows",
        ),
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


def test_a_function_of_rows_is_weighed_as_scikit_learn_weighs_it():
    y_true, y_pred = np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 3.0, 5.0, 5.0])
    weight = np.array([1.0, 5.0, 1.0, 1.0])
    metric = resolve_metric(sklearn.metrics.median_absolute_error)
    codes = SubgroupCodes(np.zeros(4, dtype=np.intp), ("all",), "everybody")
    found = subgroup_estimates(y_true, y_pred, codes, metric, sample_weight=weight)
    assert found.tolist() == [1.0]  # of 0, 0, 1 and 2; without weights .5


@pytest.mark.parametrize(
    ("function", "response"),
    [
        (accuracy_score, "predict"),
        (log_loss, "predict_proba"),
        (roc_auc_score, ("decision_function", "predict_proba")),
        (np.mean, "predict"),  # scikit-learn has no scorer of it
    ],
)
def test_a_function_asks_the_model_for_what_its_scorer_asks_for(function, response):
    assert response_of(function) == response
