"""`fidelity_curve` against slow fits, known truth, and what must not matter."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import sem

from sklearn_equity.fidelity import fidelity_curve


def people(n, seed=0, *, spread=lambda share: 1.0 + share, errors="normal"):
    """Draw outcomes about 40 whose spread depends on the rank of an age."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(size=n)
    noise = rng.normal(size=n)
    if errors == "laplace":
        noise = rng.laplace(scale=np.sqrt(0.5), size=n)
    age = 20.0 + 60.0 * share**2
    return 40.0 + spread(share) * noise, np.full(n, 40.0), age


def slow_curve(squared_errors, ranks, span, at):
    """Fit a parabola at one position from every row, by least squares."""
    width = span / 2.0
    reach = width + max(width - at, 0.0) + max(at + width - 1.0, 0.0)
    kernel = np.clip(1.0 - ((ranks - at) / reach) ** 2, 0.0, None)
    line = np.polyfit(ranks - at, squared_errors, deg=2, w=np.sqrt(kernel))
    return np.sqrt(line[-1])


@pytest.mark.parametrize("span", [0.5, 1.3])
def test_every_point_is_the_parabola_through_the_rows_around_it(span):
    y_true, y_pred, age = people(150)
    ranks = (np.argsort(np.argsort(age)) + 0.5) / 150
    curve = fidelity_curve(
        y_true, y_pred, age, metric="rmse", span=span, n_points=6, min_rows=2
    )
    at = ranks[[int(np.flatnonzero(age == point)[0]) for point in curve.points]]
    expected = [slow_curve((y_true - y_pred) ** 2, ranks, span, a) for a in at]
    known = np.isfinite(curve.estimate)  # elsewhere there is a gap
    assert known.sum() >= 4
    np.testing.assert_allclose(
        curve.estimate, np.where(known, expected, np.nan), rtol=1e-9
    )
    assert curve.points[0] == age.min()
    assert curve.points[-1] == age.max()


def test_everybody_has_the_interval_of_a_mean_and_of_a_root_mean_square():
    y_true, y_pred, age = people(400)
    error = y_true - y_pred
    options = {"span": 1.0, "n_points": 5, "n_resamples": 50, "random_state": 0}
    mae = fidelity_curve(y_true, y_pred, age, metric="mae", **options)
    reach = 1.959964 * sem(np.abs(error))
    expected = np.abs(error).mean() + np.array([-reach, reach])
    np.testing.assert_allclose([mae.overall_low, mae.overall_high], expected)
    assert mae.n == 400
    rmse = fidelity_curve(y_true, y_pred, age, metric="rmse", **options)
    root = np.sqrt(np.mean(error**2))  # the derivative of a root is 1 / (2 root)
    reach = 1.959964 * sem(error**2) / (2.0 * root)
    expected = root + np.array([-reach, reach])
    np.testing.assert_allclose([rmse.overall_low, rmse.overall_high], expected, 1e-6)


@pytest.mark.slow
def test_the_standard_error_is_that_of_repeated_draws():
    figures = [
        fidelity_curve(*people(600, seed), metric="rmse", span=1.0, n_resamples=50)
        for seed in range(120)
    ]
    inside = slice(5, -5)  # without the ends, where some draws leave a gap
    spread = np.std([curve.estimate[inside] for curve in figures], axis=0)
    told = np.mean([curve.std_error[inside] for curve in figures], axis=0)
    np.testing.assert_allclose(told, spread, rtol=0.2)


@pytest.mark.slow
def test_a_straight_truth_is_met_without_bias():
    """The mean of absolute errors grows along a line, which a parabola holds."""
    share = (np.arange(500) + 0.5) / 500
    figures = []
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(size=500) * (1.0 + share)
        zeros, settings = np.zeros(500), {"span": 2.0, "n_points": 5, "n_resamples": 50}
        figures.append(fidelity_curve(noise, zeros, share, metric="mae", **settings))
    truth = (1.0 + figures[0].points) * np.sqrt(2.0 / np.pi)
    mean = np.mean([curve.estimate for curve in figures], axis=0)
    np.testing.assert_allclose(mean, truth, rtol=0.03)


def test_only_the_order_of_the_characteristic_matters():
    y_true, y_pred, age = people(300)
    plain = fidelity_curve(y_true, y_pred, age, random_state=0)
    logarithm = fidelity_curve(y_true, y_pred, np.log(age), random_state=0)
    np.testing.assert_allclose(np.log(plain.points), logarithm.points)
    np.testing.assert_array_equal(plain.estimate, logarithm.estimate)
    np.testing.assert_array_equal(plain.ci_high, logarithm.ci_high)


def test_the_order_of_the_rows_does_not_matter():
    y_true, y_pred, age = people(300)
    order = np.random.default_rng(0).permutation(300)
    plain = fidelity_curve(y_true, y_pred, age)
    shuffled = fidelity_curve(y_true[order], y_pred[order], age[order])
    for name in ("estimate", "std_error"):
        # Other draws may or may not leave a gap at an end.
        one, other = (getattr(curve, name)[2:-2] for curve in (plain, shuffled))
        np.testing.assert_allclose(one, other, rtol=1e-10)


def test_a_weight_of_two_is_a_person_twice_and_zero_is_nobody():
    y_true, y_pred, age = people(300)
    weight = np.random.default_rng(1).integers(0, 3, size=300)
    weight[np.argsort(age)[[0, -1]]] = 1
    twice = [np.repeat(values, weight) for values in (y_true, y_pred, age)]
    settings = {"span": 1.0, "min_rows": 2}
    weighted = fidelity_curve(y_true, y_pred, age, sample_weight=weight, **settings)
    repeated = fidelity_curve(*twice, **settings)
    np.testing.assert_array_equal(weighted.points, repeated.points)
    np.testing.assert_allclose(weighted.estimate, repeated.estimate, rtol=1e-9)


def test_a_simultaneous_band_is_wider_than_a_pointwise_one():
    data = people(500)
    joint = fidelity_curve(*data, span=1.0, random_state=0)
    single = fidelity_curve(*data, span=1.0, band="pointwise", random_state=0)
    np.testing.assert_array_equal(joint.estimate, single.estimate)
    assert (joint.ci_high - joint.ci_low > single.ci_high - single.ci_low).all()


def test_where_few_people_are_near_there_is_a_gap():
    data = people(120)
    curve = fidelity_curve(*data, span=0.2, min_rows=20)
    np.testing.assert_array_equal(np.isnan(curve.estimate), curve.n_effective < 20)
    assert np.isnan(curve.estimate).any()
    assert np.isnan(curve.ci_low[np.isnan(curve.estimate)]).all()
    shown = repr(fidelity_curve(*data, span=0.1))
    assert "not enough evidence near (2 people's worth)" in shown  # at an end


def test_ages_in_years_and_a_heap_at_the_top():
    y_true, y_pred, age = people(2000)
    curve = fidelity_curve(y_true, y_pred, np.minimum(age.round(), 70), metric="rmse")
    assert (np.diff(curve.points) >= 1.0).all()
    assert curve.points[-1] == 70.0
    assert np.isfinite(curve.ci_high).all()


def test_the_outcome_may_lie_far_from_zero():
    y_true, y_pred, age = people(400)
    near = fidelity_curve(y_true, y_pred, age, metric="nrmse", normalization="std")
    far = fidelity_curve(
        y_true + 1e7, y_pred + 1e7, age, metric="nrmse", normalization="std"
    )
    np.testing.assert_allclose(near.estimate, far.estimate, rtol=1e-6)


def test_a_frame_and_the_name_of_a_series():
    y_true, y_pred, age = people(300)
    curve = fidelity_curve(y_true, y_pred, pd.Series(age, name="age"), n_points=10)
    frame = curve.to_frame()
    assert list(frame.columns) == [
        *("point", "estimate", "std_error", "ci_low", "ci_high", "n_effective")
    ]
    assert len(frame) == 10
    assert "by age" in repr(curve)


def test_equal_seeds_give_equal_bands():
    data = people(300)
    first = fidelity_curve(*data, random_state=3)
    second = fidelity_curve(*data, random_state=3)
    np.testing.assert_array_equal(first.ci_low, second.ci_low)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"metric": "roc_auc"}, "`metric` must follow from sums"),
        ({"span": 0.0}, "`span` must be above 0"),
        ({"band": "joint"}, "`band` must be"),
        ({"n_points": 1}, "`n_points` must be a whole number of at least 2"),
        ({"n_resamples": 10}, "`n_resamples` must be"),
        ({"min_rows": True}, "`min_rows` must be"),
        ({"characteristic": np.ones(300)}, "at least 5 different values; got 1"),
        ({"characteristic": np.ones(299)}, "one value per row"),
        ({"characteristic": np.r_[np.nan, np.ones(299)]}, "missing values"),
    ],
)
def test_what_cannot_be_done_is_said(changed, message):
    y_true, y_pred, age = people(300)
    settings = {"characteristic": age, **changed}
    with pytest.raises(ValueError, match=message):
        fidelity_curve(y_true, y_pred, **settings)


SPREADS = {
    "line": lambda share: 1.0 + share,
    "wave": lambda share: 1.0 + 0.4 * np.sin(2.0 * np.pi * share),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "n", "errors"),
    [
        ("line", 300, "normal"),
        ("line", 1000, "normal"),
        ("line", 1000, "laplace"),
        ("line", 5000, "normal"),
        ("wave", 1000, "normal"),
        ("wave", 5000, "normal"),
    ],
)
def test_the_band_holds_the_whole_true_curve(shape, n, errors):
    """Nominal 95%; what the notes claim."""
    hits, n_runs, spread = 0, 200, SPREADS[shape]
    for seed in range(n_runs):
        data = people(n, seed, spread=spread, errors=errors)
        settings = {"n_resamples": 400, "random_state": seed}
        curve = fidelity_curve(*data, metric="rmse", **settings)
        truth = spread(np.sqrt((curve.points - 20.0) / 60.0))
        inside = (curve.ci_low <= truth) & (truth <= curve.ci_high)
        hits += bool((inside | np.isnan(curve.estimate)).all())
    print(f"{shape}, {errors}, {n} rows: {hits / n_runs:.3f}")
    assert hits / n_runs >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / n_runs)
