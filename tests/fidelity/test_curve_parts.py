"""What a curve of fidelity is made of: bins, kernels, widths, errors, bands."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity.fidelity import fidelity_curve
from sklearn_equity.fidelity._curve import _band, _mid_ranks, _points
from sklearn_equity.fidelity._curve_fit import (
    CurveFit,
    fit_curve,
    gradient,
    resampled_deviations,
)
from sklearn_equity.fidelity._empty_stretches import find_empty_stretches
from sklearn_equity.fidelity._local_fit import (
    bin_rows,
    choose_width,
    smoothing_weights,
)
from sklearn_equity.fidelity._metrics import resolve_metric

NaN = np.nan


# ---- bins --------------------------------------------------------------------------
def test_rows_are_gathered_in_200ths_with_the_sums_of_their_weights():
    position = np.array([0.0, 0.0049, 0.005, 0.5, 1.0, 0.996])
    weight = np.array([1.0, 3.0, 2.0, 1.0, 4.0, 1.0])
    bins = bin_rows(position, weight)
    assert_array_equal(bins.row, [0, 0, 1, 2, 3, 3])
    assert_array_equal(bins.weight, [4, 2, 1, 5])
    assert_array_equal(bins.squared_weight, [10, 4, 1, 17])
    assert_allclose(bins.position, [3 * 0.0049 / 4, 0.005, 0.5, (4 + 0.996) / 5])
    sums = bins.sums(np.array([np.arange(6.0), np.ones(6)]))
    assert_array_equal(sums, [[1, 2], [2, 1], [3, 1], [9, 2]])


def slow_weights(position, weight, at, width, degree):
    """Solve the weighted least squares problem of one point from every row."""
    # By as much as it goes beyond an end, the reach is longer.
    reach = width + max(width - at, 0.0) + max(at + width - 1.0, 0.0)
    kernel = weight * np.clip(1.0 - ((position - at) / reach) ** 2, 0.0, None)
    design = np.vander(position - at, degree + 1, increasing=True)
    normal = design.T @ (kernel[:, np.newaxis] * design)
    return np.linalg.solve(normal, design.T)[0] * kernel


def spread_rows(n, seed=0):
    """Draw rows of which no two share a bin."""
    rng = np.random.default_rng(seed)
    position = (np.sort(rng.choice(200, n, replace=False)) + 0.5) / 200
    return position, rng.uniform(0.5, 2.0, n), rng


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("at", [0.0, 0.1, 0.5, 0.8, 1.0])
def test_weights_of_a_local_polynomial_against_least_squares(degree, at):
    position, weight, _ = spread_rows(80)
    bins = bin_rows(position, weight)
    found = smoothing_weights(np.array([at]), bins, 0.3, degree=degree)[0]
    expected = slow_weights(position, weight, at, 0.3, degree)
    assert_allclose(found * weight, expected, atol=1e-10)


def test_as_many_positions_as_coefficients_are_enough_and_fewer_are_not():
    bins = bin_rows(np.array([0.4, 0.5, 0.9]), np.ones(3))
    found = smoothing_weights(np.array([0.45]), bins, 0.2, degree=1)[0]
    assert_allclose(found, [0.5, 0.5, 0.0])
    assert np.isnan(smoothing_weights(np.array([0.45]), bins, 0.2, degree=2)).all()


def slow_width(position, weight, values):
    """Leave each row out of each fit; take the widest within an error of the best."""
    widths, risks = 0.06 * (1 / 0.06) ** (np.arange(12) / 11), []
    for width in widths:
        risk = []
        for i in range(len(position)):
            rest = np.arange(len(position)) != i
            weights = slow_weights(
                position[rest], weight[rest], position[i], width, degree=1
            )
            risk.append(weight[i] * (values[i] - weights @ values[rest]) ** 2)
        risks.append(risk)
    risks = np.array(risks)
    excess = risks - risks[risks.sum(axis=1).argmin()]
    good = excess.sum(axis=1) <= np.sqrt((excess**2).sum(axis=1))
    return widths[good].max()


@pytest.mark.parametrize("waves", [0.0, 0.5, 1.5, 3.0])
def test_width_against_fits_without_each_row(waves):
    position, weight, rng = spread_rows(120, seed=1)
    values = np.sin(2 * np.pi * waves * position) + 0.2 * rng.normal(size=120)
    bins = bin_rows(position, weight)
    expected = slow_width(position, weight, values)
    assert_allclose(choose_width(bins, values, weight), expected)


def test_the_narrowest_and_the_widest_width():
    position = (np.arange(2000) + 0.5) / 2000
    bins, weight = bin_rows(position, np.ones(2000)), np.ones(2000)
    wave = np.sin(60 * position)
    assert_allclose(choose_width(bins, wave, weight), 0.06)
    assert_allclose(choose_width(bins, 3.0 * position, weight), 1.0)
    two = bin_rows(np.array([0.2, 0.8]), np.ones(2))  # no line without either
    assert choose_width(two, np.array([1.0, 2.0]), np.ones(2)) == 1.0


# ---- the fit -----------------------------------------------------------------------
def test_gradients_of_the_nrmse_by_hand():
    means = np.array([[1.0, 9.0, 30.0]])
    found = gradient(resolve_metric("nrmse"), means, np.array([1.0, 9.0, 30.0]))
    # The root of the second over the third, each over the first.
    assert_allclose(found, [[0.5 * 3 / 30, 3 / 30 / 18, -3 / 30 / 30]], rtol=1e-6)
    still = gradient(resolve_metric("nrmse"), means, np.array([1.0, 0.0, 30.0]))
    assert still[0, 1] == 0.0


@pytest.mark.parametrize("name", ["mae", "nrmse"])
def test_a_fit_against_slow_ones_of_every_row(name):
    position, weight, rng = spread_rows(60, seed=4)
    weight[5] = 600.0  # which pulls the fit to itself
    truth = rng.uniform(30, 50, 60)
    error = rng.normal(size=60) * (1 + position)
    metric, at, width = resolve_metric(name), np.array([0.1, 0.5, 0.9]), 0.25
    columns = np.array(metric.columns(truth, truth + error))
    bins = bin_rows(position, weight)
    fit = fit_curve(metric, columns, weight, bins, at, width=width)
    fits = [slow_weights(position, weight, a, width, 2) for a in position]
    own = np.diag(fits)
    assert (own > 0.9).any()  # left out, such a row is taken to pull by .9
    left = columns - np.array(fits).dot(columns.T).T
    left = left / np.maximum(1 - own, 0.1)
    for i, a in enumerate(at):
        share = slow_weights(position, weight, a, width, 2)
        means = columns @ share
        if name == "mae":
            value, moved = means[1], left[1] - means[1] * left[0]
        else:
            value = np.sqrt(means[1]) / means[2]
            moved = value * (left[1] / (2 * means[1]) - left[2] / means[2])
        assert_allclose(fit.estimate[i], value, rtol=1e-9)
        # Of the ones nothing is left, so that what moves them does not matter.
        error_of_fit = np.sqrt((share**2 * moved**2).sum())
        assert_allclose(fit.std_error[i], error_of_fit, rtol=1e-5)
        assert_allclose(fit.n_effective[i], 1 / (share**2).sum(), rtol=1e-9)
    assert_allclose(fit.residuals, weight * left, atol=1e-9)
    scale = np.sqrt((weight * columns**2).sum(axis=1) / weight.sum())
    assert_allclose(fit.scale, scale)


def test_resampled_deviations_are_students_t_and_skewed_against_the_errors():
    rng = np.random.default_rng(8)
    position = np.repeat((np.arange(5) + 0.5) / 5, 40)
    error = rng.exponential(size=200) ** 2  # far to the right
    metric, weight = resolve_metric("bias"), np.ones(200)
    bins = bin_rows(position, weight)
    columns = np.array(metric.columns(np.zeros(200), error))
    fit = fit_curve(metric, columns, weight, bins, np.array([0.1, 0.5]), width=0.5)
    drawn = resampled_deviations(fit, bins, 4000, np.random.default_rng(0))
    assert drawn.shape == (4000, 2)
    middle = np.median(np.abs(drawn), axis=0)
    assert_allclose(middle, 0.6745, atol=0.15)  # of a normal deviate
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert (low < -2.0).all()
    assert (-low > 1.1 * high).all()


# ---- what goes in and out ----------------------------------------------------------
def test_ranks_are_the_middle_of_the_people_at_a_value():
    found = _mid_ranks(np.array([3.0, 1.0, 1.0, 5.0]), np.array([1.0, 2.0, 1.0, 4.0]))
    assert_allclose(found, np.array([3 + 1 / 2, 3 / 2, 3 / 2, 4 + 4 / 2]) / 8)


def test_points_are_as_many_people_apart():
    values = np.array([100.0, 1.0, 2.0, 3.0, 4.0])
    position = np.array([0.9, 0.1, 0.3, 0.5, 0.7])
    for n_points, expected in ((3, [1, 3, 100]), (2, [1, 100]), (9, [1, 2, 3, 4, 100])):
        points, at = _points(values, position, n_points)
        assert_array_equal(points, expected)
        assert_allclose(at, [position[values == point][0] for point in points])


def band_of(metric, deviations, level, **options):
    known = {"metric": resolve_metric(metric), "estimate": np.array([2.0, 4.0, 8.0])}
    known["std_error"] = np.array([0.1, 0.2, 0.3])
    fit = SimpleNamespace(**known)
    return _band(fit, np.array(deviations), level, **options)  # reads no more of it


def test_each_side_of_a_band_fails_equally_often():
    rng = np.random.default_rng(2)
    drawn = rng.normal(size=(500, 3)) + np.array([0.0, 0.5, 1.0])
    estimate, error = np.array([2.0, 4.0, 8.0]), np.array([0.1, 0.2, 0.3])
    low, high = band_of("bias", drawn, 0.9, simultaneous=False)
    assert_allclose(low, estimate - np.quantile(drawn, 0.95, axis=0) * error)
    assert_allclose(high, estimate - np.quantile(drawn, 0.05, axis=0) * error)
    low, high = band_of("bias", drawn, 0.9, simultaneous=True)
    assert_allclose(low, estimate - np.quantile(drawn.max(axis=1), 0.95) * error)
    assert_allclose(high, estimate - np.quantile(drawn.min(axis=1), 0.05) * error)
    low, high = band_of("mae", drawn, 0.9, simultaneous=True)
    reach = np.quantile(drawn.max(axis=1), 0.95) * error / estimate
    assert_allclose(low, estimate * np.exp(-reach))  # on the scale of the logarithm


@pytest.mark.parametrize("simultaneous", [True, False])
def test_a_point_that_over_a_tenth_of_resamples_lack_has_no_band(simultaneous):
    drawn = np.tile(np.linspace(-2, 2, 100), (3, 1)).T.copy()
    drawn[:10, 0] = np.inf  # exactly a tenth
    drawn[:9, 1] = NaN
    low, high = band_of("bias", drawn, 0.9, simultaneous=simultaneous)
    assert_array_equal(np.isnan(low), [True, False, False])
    assert_array_equal(np.isnan(high), [True, False, False])
    everywhere = np.full((100, 3), NaN)
    assert np.isnan(band_of("bias", everywhere, 0.9, simultaneous=simultaneous)).all()


def people(n=200, seed=3):
    rng = np.random.default_rng(seed)
    age = rng.permutation(n) + 20.0
    return rng.normal(40, 1, n), np.full(n, 40.0), age


def test_settings_at_their_least_and_largest_are_taken():
    y_true, y_pred, age = people(60)
    settings = {"span": 2.0, "n_points": 2, "min_rows": 2, "n_resamples": 50}
    curve = fidelity_curve(y_true, y_pred, age, metric="mae", **settings)
    assert_array_equal(curve.points, [20.0, 79.0])
    five = fidelity_curve(y_true, y_pred, age % 5, metric="mae", **settings)
    assert_array_equal(five.points, [0.0, 4.0])
    with pytest.raises(ValueError, match=r"at most 2, or None; got 2\.1"):
        fidelity_curve(y_true, y_pred, age, **settings | {"span": 2.1})
    with pytest.raises(ValueError, match="at least 5 different values; got 4"):
        fidelity_curve(y_true, y_pred, age % 4, **settings)


def test_span_is_twice_the_width_chosen_for_the_errors():
    y_true, y_pred, age = people()
    weight = np.random.default_rng(0).uniform(0.5, 2, 200)
    curve = fidelity_curve(
        y_true, y_pred, age, metric="mae", sample_weight=weight, n_resamples=50
    )
    bins = bin_rows(_mid_ranks(age, weight), weight)
    expected = 2 * choose_width(bins, np.abs(y_true - y_pred), weight)
    assert_allclose(curve.span, expected)
    assert_allclose(curve.overall, np.average(np.abs(y_true - 40), weights=weight))
    assert curve.metric == "MAE"
    assert curve.confidence_level == 0.95
    assert not curve.greater_is_better


def test_a_gap_needs_as_many_people_as_asked_and_as_the_metric_does():
    y_true, y_pred, age = people()
    settings = {"span": 0.4, "n_points": 9, "n_resamples": 50, "metric": "mae"}
    full = fidelity_curve(y_true, y_pred, age, min_rows=2, **settings)
    assert np.isfinite(full.estimate[4])
    n = full.n_effective[4]
    assert n > 20
    for least in (int(n), int(n) + 1):
        curve = fidelity_curve(y_true, y_pred, age, min_rows=least, **settings)
        assert np.isnan(curve.estimate[4]) == (least > n)
        assert np.isnan(curve.std_error[4]) == (least > n)
    few = fidelity_curve(y_true, y_pred, age, min_rows=2, **settings | {"span": 0.12})
    # The MAE is trusted from 10 rows, whatever is asked.
    assert_array_equal(np.isnan(few.estimate), few.n_effective < 10)
    assert (few.n_effective < 10).any()


def test_a_curve_prints_seven_points_and_its_band():
    curve = fidelity_curve(*people(), span=1.0, n_points=50, n_resamples=50)
    lines = repr(curve).splitlines()
    shown = [0, 8, 16, 24, 33, 41, 49]
    assert lines[0] == "NRMSE (RMSE / own mean of the target) by characteristic"
    for line, i in zip(lines[1:8], shown, strict=True):
        assert float(line.split()[0]) == float(f"{curve.points[i]:.4g}")
        ends = f"({curve.ci_low[i]:.4g} to {curve.ci_high[i]:.4g})"
        near = f"not enough evidence near ({curve.n_effective[i]:.0f} people's worth)"
        assert (near if np.isnan(curve.estimate[i]) else ends) in line
    assert lines[8].startswith("simultaneous band at level 0.95; overall")


def test_a_fit_is_refused_for_what_follows_from_no_sums():
    with pytest.raises(TypeError, match="'roc_auc' does not follow from sums"):
        gradient(resolve_metric("roc_auc"), np.ones((1, 2)), np.ones(2))
    assert CurveFit.__dataclass_params__.frozen


def test_an_empty_stretch_is_found_where_nobody_lives():
    young = np.linspace(20, 40, 500)
    ages = np.concatenate([young, young + 220, [1000.0]])
    assert_allclose(
        find_empty_stretches(ages[::-1], n_points=50), [[40, 240], [260, 1000]]
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.gamma(6, 8, 2500),
        lambda rng: rng.lognormal(size=2500),
        lambda rng: rng.normal(size=60),
        lambda rng: rng.integers(20, 80, 2500).astype(float),
        lambda rng: rng.poisson(0.5, 2500).astype(float),
        lambda rng: np.maximum(rng.normal(size=2500), 0.5),
    ],
)
def test_tails_ties_and_whole_numbers_are_not_torn(draw, seed):
    values = draw(np.random.default_rng(seed))
    assert len(find_empty_stretches(values, n_points=50)) == 0
