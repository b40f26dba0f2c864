"""How far do figures stray: influences by differences, scales and intervals by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from scipy.stats import binomtest, norm
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, roc_auc_score

from sklearn_equity.fidelity._delta_method import (
    delta_by_scatter,
    delta_method,
    gradient_of,
    moments_of,
)
from sklearn_equity.fidelity._inference import (
    _pivotal_interval,
    _replicates_by_influence,
    _studentized,
    _t_interval,
    infer,
    interval_without_variation,
    spread_of,
)
from sklearn_equity.fidelity._line import from_line, slope, to_line
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._pooled_shape import PivotQuantiles
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._shares import share_interval_of_sums
from sklearn_equity.fidelity._simultaneous import widen

NaN = np.nan


def scored(seed=0, n=24):
    """Scores with ties, of which some of class 0 are above some of class 1."""
    rng = np.random.default_rng(seed)
    y_true = 1.0 * (np.arange(n) % 3 == 0)
    y_pred = np.round(expit(rng.normal(size=n) + y_true), 1) * 0.9 + 0.05
    return y_true, y_pred, rng.uniform(0.5, 3.0, n)


# ---- influences --------------------------------------------------------------------
def test_variance_of_the_area_by_delong():
    """The variances of the placements, each over the rows of its class."""
    y_true, y_pred, _ = scored(3)
    ones, zeros = y_pred[y_true == 1.0], y_pred[y_true == 0.0]
    right = (ones[:, np.newaxis] > zeros) + 0.5 * (ones[:, np.newaxis] == zeros)
    expected = right.mean(axis=1).var(ddof=1) / len(ones)
    expected += right.mean(axis=0).var(ddof=1) / len(zeros)
    influence = resolve_metric("roc_auc").influence(y_true, y_pred, None)
    assert_allclose((influence**2).sum(), expected, rtol=1e-12)


def test_a_class_of_one_row_has_an_influence():
    y_true, y_pred = np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.1, 0.8])
    influence = resolve_metric("roc_auc").influence(y_true, y_pred, None)
    # The one is as its class is on average; the zeros are half a step to either side.
    assert_allclose(influence, [0.0, np.sqrt(2) / 4, -np.sqrt(2) / 4])


def test_rows_of_weight_zero_rank_against_nobody():
    y_true, y_pred, weights = scored(5)
    weights[:9] = 0.0
    for name, rival in (
        ("roc_auc", roc_auc_score),
        ("average_precision", average_precision_score),
    ):
        found = resolve_metric(name).function(y_true, y_pred, sample_weight=weights)
        expected = rival(y_true[9:], y_pred[9:], sample_weight=weights[9:])
        assert_allclose(found, expected)
        one_class = np.where(y_true == 1.0, 0.0, weights)
        assert np.isnan(
            resolve_metric(name).function(y_true, y_pred, sample_weight=one_class)
        )


def test_classes_that_touch_are_apart_and_those_that_overlap_are_not():
    slope_of = resolve_metric("calibration_slope").function
    y_true = np.array([0.0, 0.0, 1.0, 1.0])
    assert np.isnan(slope_of(y_true, np.array([0.2, 0.5, 0.5, 0.8])))
    assert np.isnan(slope_of(1 - y_true, np.array([0.2, 0.5, 0.5, 0.8])))
    assert np.isfinite(slope_of(y_true, np.array([0.2, 0.6, 0.5, 0.8])))
    weights = np.array([1.0, 0.0, 1.0, 1.0])  # the row that overlaps is nobody
    assert np.isnan(slope_of(y_true, np.array([0.2, 0.6, 0.5, 0.8]), weights))


def test_a_recalibration_far_from_the_start_is_found():
    """Risks of one in a million that come true for three in four."""
    intercept = resolve_metric("calibration_in_the_large").function
    found = intercept(np.array([1.0, 1.0, 1.0, 0.0]), np.full(4, 1e-6))
    assert_allclose(found, logit(0.75) - logit(1e-6), rtol=1e-9)


# ---- scales without ends -------------------------------------------------------------
ENDS = [(2.0, 5.0), (2.0, np.inf), (-np.inf, 5.0), (-np.inf, np.inf)]


def bounded(bounds):
    return Metric("m", "m", greater_is_better=False, bounds=bounds)


@pytest.mark.parametrize("bounds", ENDS)
def test_the_line_and_back_upwards_with_its_slope(bounds):
    metric, values = bounded(bounds), np.array([2.5, 3.5, 4.9])
    on_line = to_line(metric, values)
    assert_allclose(from_line(metric, on_line), values)
    rise = to_line(metric, values + 1e-6) - to_line(metric, values - 1e-6)
    assert_allclose(slope(metric, values), rise / 2e-6, rtol=1e-6)
    assert (np.diff(on_line) > 0).all()


def test_the_line_by_hand():
    values = np.array([3.0])
    expected = [np.log(1 / 2), np.log(1.0), -np.log(2.0), 3.0]
    for bounds, value in zip(ENDS, expected, strict=True):
        assert_allclose(to_line(bounded(bounds), values), value)


# ---- the delta method ----------------------------------------------------------------
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_and_error_of_the_nrmse_by_hand(weighted):
    rng = np.random.default_rng(4)
    truth, error = rng.uniform(30, 50, 40), rng.normal(size=40)
    weights = rng.uniform(0.5, 2, 40) if weighted else np.ones(40)
    metric = resolve_metric("nrmse")
    units = weights[:, np.newaxis] * np.column_stack(
        metric.columns(truth, truth + error)
    )
    w, s, t = units.sum(axis=0)
    value = np.sqrt(s * w) / t
    gradient = gradient_of(metric.finish, units.sum(axis=0), (units**2).sum(axis=0))
    assert_allclose(gradient, value * np.array([0.5 / w, 0.5 / s, -1 / t]), rtol=1e-6)
    influence = units @ (value * np.array([0.5 / w, 0.5 / s, -1 / t]))
    found, of_it = delta_method(metric, *moments_of(units))
    assert_allclose(found, value)
    assert_allclose(of_it, np.sqrt((influence**2).sum()), rtol=1e-6)
    centered = units - units.mean(axis=0)
    found, of_it = delta_by_scatter(
        metric, units.sum(axis=0), (units**2).sum(axis=0), centered.T @ centered
    )
    assert_allclose(found, value)
    # About the means: those of influences are 0.
    assert_allclose(of_it, np.sqrt((influence**2).sum()), rtol=1e-6)


def test_a_column_of_zeros_moves_nothing():
    finish = resolve_metric("rmse").finish
    found = gradient_of(finish, np.array([4.0, 0.0]), np.array([4.0, 0.0]))
    assert found[1] == 0.0


# ---- intervals -----------------------------------------------------------------------
def test_students_interval_by_hand():
    replicates = expit(logit(0.7) + np.array([-0.2, 0.0, 0.2]))  # an SD of .2
    half = student(11).isf(0.025) * 0.2
    found = _t_interval(resolve_metric("roc_auc"), 0.7, replicates, 12, 0.025)
    assert_allclose(found, expit(logit(0.7) + np.array([-half, half])))
    # At an end there is no logit: as far in its own unit, no further than the end.
    replicates = np.array([0.8, 0.9, 1.0])
    found = _t_interval(resolve_metric("roc_auc"), 1.0, replicates, 12, 0.025)
    assert_allclose(found, [1 - student(11).isf(0.025) * 0.1, 1.0])


def test_spread_is_known_of_nine_in_ten_resamples():
    values = np.arange(10.0)
    values[0] = NaN
    assert_allclose(spread_of(values), np.std(np.arange(1.0, 10.0), ddof=1))
    values[1] = np.inf
    assert np.isnan(spread_of(values))
    assert spread_of(1.0 + 1e-14 * np.arange(5)) == 0.0
    assert spread_of(1.0 + 2e-13 * np.arange(5)) > 0.0
    assert spread_of(-1.0 - 1e-14 * np.arange(5)) == 0.0


def test_rows_that_do_not_vary_tell_of_an_open_range_alone():
    for name, known in (("rmse", True), ("r2", True), ("brier", False)):
        found = interval_without_variation(resolve_metric(name), 0.25)
        assert_array_equal(found, (0.25, 0.25) if known else (NaN, NaN))


def test_studentised_errors_by_hand():
    metric = resolve_metric("mae")
    units = np.column_stack([np.ones(4), [1.0, 2.0, 3.0, 6.0]])
    drawn = np.column_stack([np.ones(4), [1.0, 1.0, 3.0, 3.0]])
    sums, moments = moments_of(drawn)
    found, own = _studentized(metric, units, np.r_[sums, moments][np.newaxis])
    assert_allclose(found, 2.0)
    error = 1.0 / np.sqrt(4)  # of the SD of 1, 1, 3, 3
    assert_allclose(own, (np.log(2.0) - np.log(3.0)) / (error / 2.0), rtol=1e-6)


def test_a_pivotal_interval_by_hand():
    units = np.column_stack([np.ones(4), [1.0, 2.0, 3.0, 6.0]])
    error = np.sqrt((4 + 1 + 0 + 9) / 4 / 4) / 3.0  # on the scale of the logarithm
    found = _pivotal_interval(resolve_metric("mae"), units, (-3.0, 1.5))
    assert_allclose(found, 3 * np.exp([-1.5 * error, 3.0 * error]), rtol=1e-6)


def test_resamples_move_an_area_by_its_influences():
    y_true, y_pred, _ = scored(6, n=60)
    metric, data = resolve_metric("roc_auc"), Population(*scored(6, n=60)[:2], None)
    area = metric.function(y_true, y_pred)
    drawn = _replicates_by_influence(metric, data, area, 4000, np.random.default_rng(0))
    influence = metric.influence(y_true, y_pred, None)
    on_line = logit(drawn)
    expected = np.sqrt((influence**2).sum() - influence.sum() ** 2 / 60)
    assert_allclose(on_line.std(), expected / (area * (1 - area)), rtol=0.06)
    assert abs(on_line.mean() - logit(area)) < 0.05 * on_line.std()


@pytest.mark.parametrize(("n_rows", "known"), [(9, False), (10, True)])
@pytest.mark.parametrize("name", ["mae", "brier", "roc_auc"])
def test_ten_rows_have_an_interval(name, n_rows, known):
    y_true = 1.0 * (np.arange(n_rows) % 2)
    y_pred = np.resize([0.1, 0.8, 0.4, 0.3, 0.6, 0.9, 0.7], n_rows)
    metric, data = resolve_metric(name), Population(y_true, y_pred, None)
    pivots = PivotQuantiles(
        np.zeros(1), np.array([[-2.0, 3.0]]), per_row=1.0, shortfalls=np.zeros(1)
    )
    error = np.abs(y_true - y_pred)
    values = {"mae": error.mean(), "brier": (error**2).mean()}
    for given in (None, pivots) if name == "mae" else (None,):
        found = infer(
            metric,
            data,
            estimate=values.get(name) or metric.function(y_true, y_pred),
            n_resamples=200,
            tail=0.025,
            rng=np.random.default_rng(0),
            pivots=given,
        )
        assert np.isfinite(found.ci_low) == np.isfinite(found.ci_high) == known
        assert found.std_error > 0.0
        assert found.replicates.shape == (200,)
    if name == "mae" and known:  # by everybody's quantiles
        unit = error.std() / np.sqrt(n_rows) / error.mean()
        ends = error.mean() * np.exp([-3.0 * unit, 2.0 * unit])
        assert_allclose((found.ci_low, found.ci_high), ends, rtol=1e-5)


def test_interval_of_a_mean_of_shares_by_hand():
    counted, hit = np.array([40.0, 60.0]), np.array([30.0, 57.0])
    squares = np.array([40.0, 90.0])  # of weights, which leave 40 people of the 60
    ends = [
        binomtest(k, n).proportion_ci(method="wilson") for k, n in ((30, 40), (38, 40))
    ]
    value = hit / counted
    below = np.sqrt(sum((p - end.low) ** 2 for p, end in zip(value, ends, strict=True)))
    above = np.sqrt(
        sum((end.high - p) ** 2 for p, end in zip(value, ends, strict=True))
    )
    found = share_interval_of_sums(counted, squares, hit, 0.025)
    center = value.mean()
    assert_allclose(found, (center - below / 2, center + above / 2))
    assert np.isnan(share_interval_of_sums(counted * [1, 0], squares, hit, 0.1)).all()
    # Weights have no unit: those that add up to .4 are of 40 people, too.
    light = share_interval_of_sums(counted / 100, squares / 100**2, hit / 100, 0.025)
    assert_allclose(light, found)


def test_simultaneous_ends_are_stretched_on_the_line():
    metric = resolve_metric("mae")
    estimate, n = np.array([2.0, 4.0, 8.0, 1.0]), np.array([30, 12, 5, 1])
    low = np.array([1.5, 3.0, NaN, NaN])
    high = np.array([3.0, 5.0, NaN, NaN])
    found = widen(metric, estimate, (low, high), n, confidence_level=0.9)
    together = (1 + np.sqrt(0.9)) / 2  # of the two intervals that are known
    for i in range(2):
        freedom = n[i] - 1
        stretch = student(freedom).ppf(together) / student(freedom).ppf(0.95)
        expected = [
            estimate[i] * (end / estimate[i]) ** stretch for end in (low[i], high[i])
        ]
        assert_allclose([found[0][i], found[1][i]], expected)
    assert np.isnan(found[0][2:]).all()
    assert np.isnan(found[1][2:]).all()


def test_simultaneous_ends_of_a_share_of_all_stay_straight():
    found = widen(
        resolve_metric("accuracy"),
        np.array([1.0, 0.5]),
        (np.array([0.9, 0.4]), np.array([1.0, 0.6])),
        np.array([10**9, 10**9]),
        confidence_level=0.95,
    )
    stretch = norm.ppf((1 + np.sqrt(0.95)) / 2) / norm.ppf(0.975)
    assert_allclose(found[0][0], 1.0 - 0.1 * stretch)
    assert found[1][0] == 1.0
    assert_allclose(found[0][1], expit(stretch * logit(0.4)))
