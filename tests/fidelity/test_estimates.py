"""Values alone: agreement with scikit-learn, numerical safety, and `nrmse`."""

import functools

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.exceptions import NegativeTargetWarning
from sklearn_equity.fidelity import (
    METRIC_NAMES,
    nrmse,
    resolve_metric,
    subgroup_estimates,
)


def _recalibrate(t, p, sample_weight, *, slope):
    """Maximise the logistic likelihood as a stranger would."""
    risk = scipy.special.logit(p)
    weights = np.ones_like(t) if sample_weight is None else sample_weight

    def loss(coefficients):
        line = coefficients[0] + (coefficients[1] if slope else 1.0) * risk
        return weights @ (np.logaddexp(0.0, line) - t * line) / weights.sum()

    start = [0.0, 1.0] if slope else [0.0]
    return scipy.optimize.minimize(loss, start, tol=1e-12).x[-1]


ORACLES = {
    "accuracy": metrics.accuracy_score,
    "average_precision": metrics.average_precision_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "bias": lambda t, p, sample_weight: np.average(p - t, weights=sample_weight),
    "brier": metrics.brier_score_loss,
    "calibration_in_the_large": functools.partial(_recalibrate, slope=False),
    "calibration_slope": functools.partial(_recalibrate, slope=True),
    "interval_coverage": lambda t, p, sample_weight: np.average(
        (t >= p[:, 0]) & (t <= p[:, 1]), weights=sample_weight
    ),
    "log_loss": metrics.log_loss,
    "mae": metrics.mean_absolute_error,
    "nrmse": lambda t, p, sample_weight: (
        metrics.root_mean_squared_error(t, p, sample_weight=sample_weight)
        / np.average(t, weights=sample_weight)
    ),
    "pinball": metrics.mean_pinball_loss,
    "r2": metrics.r2_score,
    "rmse": metrics.root_mean_squared_error,
    "roc_auc": metrics.roc_auc_score,
    "sensitivity": metrics.recall_score,
    "specificity": functools.partial(metrics.recall_score, pos_label=0),
}
# A numerical search without gradients ends within this distance.
LOOSE = {"calibration_in_the_large": 1e-6, "calibration_slope": 1e-6}


def _population(kind, n_rows=40_000):
    rng = np.random.default_rng(20260401)
    codes = SubgroupCodes(rng.integers(0, 7, n_rows), tuple("abcdefg"), "ward")
    y_true = rng.gamma(4.0, 9.0, n_rows)
    y_pred = y_true + rng.normal(scale=5.0, size=n_rows)
    if kind == "classes":
        y_true, y_pred = 1.0 * (y_true > 30), 1.0 * (y_pred > 30)
    elif kind == "interval":
        y_pred = np.column_stack([y_pred - 6.0, y_pred + 6.0])
    elif kind == "probabilities":
        y_true, y_pred = 1.0 * (y_true > 30), 1 / (1 + np.exp((30 - y_pred) / 8))
    return y_true, y_pred, codes, rng.uniform(0, 3, n_rows)


def test_a_rare_negative_value_under_the_mean_is_warned_of_and_many_are_refused():
    y_true = np.full(200, 40.0)
    y_true[:2] = -1.0
    with pytest.warns(NegativeTargetWarning, match="2 negative values in 200 rows"):
        found = nrmse(y_true, y_true + 3.0)
    assert_allclose(found, 3.0 / ((198 * 40.0 - 2.0) / 200))
    y_true[2] = -1.0
    with pytest.raises(ValueError, match="3 negative values in 200 rows"):
        nrmse(y_true, y_true)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(ORACLES))
def test_estimates_against_scikit_learn(name, weighted):
    metric = resolve_metric(name)
    kind = "numbers" if metric.n_predictions == 1 else "interval"
    if metric.task == "classification":
        kind = "classes" if metric.response == "predict" else "probabilities"
    y_true, y_pred, codes, weights = _population(kind)
    found = subgroup_estimates(
        y_true,
        y_pred,
        codes,
        metric,
        sample_weight=weights if weighted else None,
    )
    for code in range(codes.n_subgroups):
        rows = codes.codes == code
        weight = weights[rows] if weighted else None
        expected = ORACLES[name](y_true[rows], y_pred[rows], sample_weight=weight)
        assert_allclose(found[code], expected, rtol=1e-12, atol=LOOSE.get(name, 0.0))


def test_every_metric_has_an_oracle():
    assert set(ORACLES) == set(METRIC_NAMES)


@pytest.mark.parametrize("name", ["r2", "nrmse"])
def test_large_offset_does_not_swallow_the_variance(name):
    rng = np.random.default_rng(1)
    y_true, error = rng.normal(size=1000), rng.normal(size=1000)
    metric = resolve_metric(name, normalization="std")
    codes = SubgroupCodes(np.repeat([0, 1], 500), ("a", "b"), "ward")
    offset = np.where(codes.codes == 0, 1e9, -1e6)
    assert_allclose(
        subgroup_estimates(y_true + offset, y_true + offset + error, codes, metric),
        subgroup_estimates(y_true, y_true + error, codes, metric),
        rtol=1e-6,  # adding 1e9 rounds the values themselves at 1e-7
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_subgroups_near_and_far_from_all_others(weighted):
    rng = np.random.default_rng(2)
    code = rng.integers(-1, 3, 3000)  # -1 is dropped, and nobody is the last
    y_true = rng.normal(size=3000) + np.where(code == 1, 2.0**20, 0.0)
    y_pred = y_true + rng.normal(scale=0.5, size=3000)
    weights = rng.uniform(0, 3, 3000) if weighted else None
    codes = SubgroupCodes(code, ("near", "far", "by", "nobody"), "ward")
    found = subgroup_estimates(
        y_true, y_pred, codes, resolve_metric("r2"), sample_weight=weights
    )
    for j in range(3):
        rows = code == j
        weight = None if weights is None else weights[rows]
        expected = metrics.r2_score(y_true[rows], y_pred[rows], sample_weight=weight)
        assert_allclose(found[j], expected, rtol=1e-9 if j == 1 else 1e-12)
    assert np.isnan(found[3])


@pytest.mark.parametrize("constant", [0.1, 1e9 / 3])
def test_a_constant_target_has_no_r2_and_no_nrmse_by_std(constant):
    y_true = np.full(40_000, constant)
    y_true[::2] = np.arange(20_000)
    y_pred = y_true + np.random.default_rng(0).normal(size=40_000)
    codes = SubgroupCodes(np.arange(40_000) % 2, ("varied", "constant"), "ward")
    for metric in (resolve_metric("r2"), resolve_metric("nrmse", normalization="std")):
        varied, of_constant = subgroup_estimates(y_true, y_pred, codes, metric)
        assert np.isfinite(varied)
        assert np.isnan(of_constant)


def test_one_class_has_no_roc_auc():
    codes = SubgroupCodes(np.array([0, 0, 1, 1]), ("a", "b"), "ward")
    y_true, y_pred = np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.3, 0.4])
    found = subgroup_estimates(y_true, y_pred, codes, resolve_metric("roc_auc"))
    assert_allclose(found, [1.0, np.nan])


def test_a_level_of_the_pinball_loss_is_read_off_scikit_learns_function():
    y_true, y_pred, codes, _ = _population("numbers", 2000)
    asked = functools.partial(metrics.mean_pinball_loss, alpha=0.9)
    metric = resolve_metric(asked)
    assert metric.columns is not None
    found = subgroup_estimates(y_true, y_pred, codes, metric)
    first = codes.codes == 0
    assert_allclose(found[0], asked(y_true[first], y_pred[first]), rtol=1e-12)
    assert resolve_metric(metrics.mean_pinball_loss).name == "pinball"


def test_calibration_of_one_class_or_of_classes_apart_is_unknown():
    codes = SubgroupCodes(np.repeat([0, 1], 6), ("one class", "apart"), "ward")
    y_true = np.r_[np.ones(6), 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    y_pred = np.tile([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], 2)
    slope = resolve_metric("calibration_slope")
    in_the_large = resolve_metric("calibration_in_the_large")
    assert_allclose(subgroup_estimates(y_true, y_pred, codes, slope), [np.nan, np.nan])
    # Three of six, and the risks add up to three.
    assert_allclose(
        subgroup_estimates(y_true, y_pred, codes, in_the_large),
        [np.nan, 0.0],
        atol=1e-12,
    )


def test_an_error_of_a_function_names_the_subgroup():
    def picky_error(y_true, y_pred):
        raise ValueError("only one class")

    codes = SubgroupCodes(np.array([0, 1]), ("east", "west"), "ward")
    with pytest.raises(ValueError, match="only one class") as caught:
        subgroup_estimates(np.ones(2), np.ones(2), codes, resolve_metric(picky_error))
    assert "in the subgroup 'east'" in caught.value.__notes__[0]


def test_functions_that_warn_are_heard():
    codes = SubgroupCodes(np.array([0, 0, 1]), ("a", "b"), "ward")
    with pytest.warns(UndefinedMetricWarning):
        subgroup_estimates(
            np.arange(3.0), np.zeros(3), codes, resolve_metric(metrics.r2_score)
        )


# ---- nrmse -------------------------------------------------------------------------
TRUTH, PREDICTION = (
    np.array([10.0, 20.0, 30.0, 60.0]),
    np.array([13.0, 16.0, 30.0, 60.0]),
)
RMSE = np.sqrt((3**2 + 4**2) / 4)


@pytest.mark.parametrize(
    ("normalization", "divisor"),
    [
        ("mean", 120 / 4),
        ("std", np.sqrt((20**2 + 10**2 + 0 + 30**2) / 4)),
        ("iqr", (30 + 60) / 2 - (10 + 20) / 2),
        ("range", 60 - 10),
        ("max", 60),
        (None, 1),
        (12.5, 12.5),
        (np.median, 25),
    ],
)
def test_nrmse_worked_by_hand(normalization, divisor):
    found = nrmse(TRUTH, PREDICTION, normalization=normalization)
    assert_allclose(found, RMSE / divisor, rtol=1e-14)


@pytest.mark.parametrize("n_rows", [4, 5, 6, 7, 101])
def test_interquartile_range_against_scipy(n_rows):
    y_true = np.random.default_rng(n_rows).normal(size=n_rows)
    expected = scipy.stats.iqr(y_true, interpolation="averaged_inverted_cdf")
    assert_allclose(1.0 / nrmse(y_true, y_true + 1.0, normalization="iqr"), expected)


@pytest.mark.parametrize("normalization", ["mean", "std", "iqr", "range", "max", None])
@pytest.mark.parametrize("scale", [1.0, 0.1, 1e-6])
def test_nrmse_weights_equal_repetition_in_any_unit(normalization, scale):
    times = np.array([3, 0, 1, 2])
    repeated = nrmse(
        np.repeat(TRUTH, times),
        np.repeat(PREDICTION, times),
        normalization=normalization,
    )
    weighted = nrmse(
        TRUTH, PREDICTION, normalization=normalization, sample_weight=scale * times
    )
    assert_allclose(weighted, repeated, rtol=1e-12)


def test_nrmse_by_std_is_what_r2_leaves():
    expected = np.sqrt(1 - metrics.r2_score(TRUTH, PREDICTION))
    assert_allclose(nrmse(TRUTH, PREDICTION, normalization="std"), expected)


def test_nrmse_without_a_positive_divisor_is_nan():
    assert np.isnan(nrmse([5.0, 5.0], [5.0, 6.0], normalization="std"))
    assert np.isnan(nrmse([-5.0, -1.0], [5.0, 6.0], normalization="max"))


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        (
            [1.0, np.nan],
            [1.0, 1.0],
            "`y_true` must not hold missing values; got NaN in 1",
        ),
        ([1.0, 2.0], [1.0, np.inf], "`y_pred` must be finite"),
        ([1.0, 2.0], [1.0], r"`y_pred` must have one value per row of `y_true` \(2\)"),
        (["1", "2"], [1.0, 1.0], "`y_true` must hold numbers; got text in 2 of 2"),
        ([-1.0, 2.0], [1.0, 1.0], 'normalization="mean" needs a target whose zero'),
        ([], [], "`y_true` must have at least one row"),
    ],
)
def test_nrmse_refusals(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        nrmse(y_true, y_pred)
