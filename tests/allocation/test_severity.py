"""How deteriorated are people? Laws, hand-worked values, a slow reference, refusals."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from sklearn_equity.allocation import (
    dataset_inequality,
    deterioration_index,
    severity_score,
)
from sklearn_equity.exceptions import BoundsFromSampleWarning

TEN = {"threshold": 4.0, "bounds": (0.0, 10.0), "n_steps": 3}
measurements = arrays(np.float64, st.integers(1, 30), elements=st.floats(0.0, 10.0))
BOUNDARIES = ["reflect", "adjusted", "none"]


def severity_by_definition(
    m, t, k, w, h, lower, upper, boundary="reflect", step="exact"
):
    """Integrate the kernel of one person over each step, all images by brute force."""
    width = (upper - t) / k
    edges = t + (np.ceil(width) if step == "ceil" else width) * np.arange(k + 1)
    edges[-1] = np.inf
    if boundary != "reflect":
        if boundary == "adjusted" and t == lower:
            edges[0] = -np.inf
        return sum(w * np.diff(ndtr((edges - m) / h)))
    edges = np.minimum(edges, upper)
    images = [m]
    for turn in range(-40, 41):
        images += [m + 2 * turn * (upper - lower)] if turn else []
        images += [2 * lower - m + 2 * turn * (upper - lower)]
    return sum(sum(w * np.diff(ndtr((edges - image) / h))) for image in images)


def linear(k):
    return np.arange(1, k + 1) / (k * (k + 1) / 2)


# ---- laws ------------------------------------------------------------------------
@given(values=measurements, h=st.sampled_from([0.0, 0.1, 1.0, 5.0]))
def test_severity_lies_between_nothing_and_the_weight_of_the_last_step(values, h):
    scores = severity_score(values, bandwidth=h, **TEN)
    assert (scores >= 0).all()
    assert (scores <= linear(3)[-1] + 1e-12).all()


@given(values=measurements, h=st.sampled_from([0.0, 0.1, 1.0, 5.0]))
def test_a_worse_measurement_is_never_less_severe(values, h):
    scores = severity_score(np.sort(values), bandwidth=h, **TEN)
    assert (np.diff(scores) >= -1e-12).all()


@given(values=measurements, h=st.sampled_from([0.0, 0.3, 2.0]))
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("step", ["exact", "ceil"])
def test_below_is_the_exact_mirror_image_of_above(values, h, boundary, step):
    options = {"bandwidth": h, "boundary": boundary, "step": step, "n_steps": 4}
    above = severity_score(values, threshold=4.0, bounds=(0.0, 10.0), **options)
    below = severity_score(
        -values, threshold=-4.0, bounds=(-10.0, 0.0), direction="below", **options
    )
    assert_array_equal(above, below)


@given(values=measurements, exponent=st.integers(-280, 280))
def test_a_change_of_unit_changes_nothing(values, exponent):
    unit = 10.0**exponent
    here = severity_score(values, bandwidth=0.7, **TEN)
    there = severity_score(
        values * unit, threshold=4 * unit, bounds=(0, 10 * unit), n_steps=3,
        bandwidth=0.7 * unit,
    )  # fmt: skip
    assert_allclose(there, here, atol=1e-12)


@pytest.mark.parametrize("rule", ["cdf", "isj", "silverman", "scott", "cv"])
@pytest.mark.parametrize("factor", [88.4, 1e-3])
def test_a_change_of_unit_changes_nothing_under_any_bandwidth_rule(rule, factor):
    x = np.random.default_rng(7).gamma(3.0, 0.4, size=500)
    here = deterioration_index(x, threshold=1.35, bounds=(0, 50), bandwidth=rule)
    there = deterioration_index(
        factor * x, threshold=1.35 * factor, bounds=(0, 50 * factor), bandwidth=rule
    )
    assert_allclose(there, here, rtol=1e-6)


@given(values=measurements, data=st.data())
def test_weights_equal_repetition(values, data):
    times = data.draw(arrays(np.int64, len(values), elements=st.integers(1, 5)))
    options = {"bandwidth": 0.5, **TEN}
    assert_allclose(
        deterioration_index(values, sample_weight=times, **options),
        deterioration_index(np.repeat(values, times), **options),
        rtol=1e-12,
        atol=1e-15,
    )


@given(values=measurements, cut=st.integers(1, 29))
def test_the_index_of_a_union_is_the_average_of_the_indices(values, cut):
    if cut >= len(values):
        return
    parts = values[:cut], values[cut:]
    index = [deterioration_index(part, bandwidth=0.5, **TEN) for part in parts]
    together = np.average(index, weights=[len(part) for part in parts])
    assert_allclose(
        deterioration_index(values, bandwidth=0.5, **TEN), together, atol=1e-13
    )


def test_row_order_changes_nothing():
    x = np.random.default_rng(3).gamma(2.0, size=1001)
    options = {"threshold": 2.5, "bounds": (0, 30)}
    assert_allclose(
        deterioration_index(np.sort(x), **options), deterioration_index(x, **options),
        rtol=1e-12,
    )  # fmt: skip


def test_input_is_not_changed():
    x = np.linspace(0.0, 9.0, 50)
    x.flags.writeable = False
    for direction in ("above", "below"):
        severity_score(x, direction=direction, **TEN)


# ---- hand-worked -----------------------------------------------------------------
@pytest.mark.parametrize("step", ["exact", "ceil"])
@pytest.mark.parametrize(("reading", "expected"), [(10.0, 0.7 / 3), (1.36, 0.3 / 3)])
def test_worked_example_of_the_paper_without_its_rounding(step, reading, expected):
    # The paper prints .21 and .09: it rounds the share of a third to .3.
    index = deterioration_index(
        [0.8, 0.78, reading], threshold=1.35, bounds=(0, 10), n_steps=2,
        weights=[0.3, 0.7], step=step,
    )  # fmt: skip
    assert_allclose(index, expected, rtol=1e-15)


def test_one_step_is_the_probability_beyond_a_cut_off():
    values = [0.8, 0.78, 10.0, 1.35]
    index = deterioration_index(values, threshold=1.35, n_steps=1, bandwidth=0)
    assert index == 2 / 4


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("linear", [1 / 6, 2 / 6, 3 / 6]),
        ("uniform", [1 / 3, 1 / 3, 1 / 3]),
        ("quadratic", [1 / 14, 4 / 14, 9 / 14]),
        ([1, 1, 2], [1 / 4, 1 / 4, 2 / 4]),
        (lambda i: 2.0**i, [2 / 14, 4 / 14, 8 / 14]),
    ],
    ids=["linear", "uniform", "quadratic", "array", "callable"],
)
def test_weights_of_three_steps_worked_by_hand(weights, expected):
    scores = severity_score([4.0, 6.0, 8.0], weights=weights, bandwidth=0, **TEN)
    assert_allclose(scores, expected, rtol=1e-14)


def test_the_last_step_holds_the_end_of_the_range():
    # As printed, its upper end is open and those at the maximum count nothing.
    assert_allclose(severity_score([10.0], **TEN), [3 / 6])


def test_everyone_at_the_maximum():
    worst = np.full(40, 10.0)
    twenty = {"threshold": 4.0, "bounds": (0, 10)}
    assert_allclose(deterioration_index(worst, **twenty), 2 / 21)
    assert deterioration_index(worst, normalize=True, **twenty) == 1.0


def test_rounded_up_steps_put_a_measure_on_the_unit_interval_into_one_step():
    values = np.array([0.55, 0.75, 0.95])
    options = {"threshold": 0.5, "bounds": (0, 1), "n_steps": 5, "bandwidth": 0}
    assert_allclose(severity_score(values, **options), np.array([1, 3, 5]) / 15)
    rounded = severity_score(values, step="ceil", **options)
    assert_allclose(rounded, np.array([1, 1, 1]) / 15)


def test_thresholds_by_row():
    scores = severity_score(
        [5.0, 5.0, 5.0], threshold=[4.0, 5.0, 6.0], bounds=(0, 10), n_steps=2,
        bandwidth=0,
    )  # fmt: skip
    assert_allclose(scores, [1 / 3, 1 / 3, 0])
    # Smoothed, each row is as it would be alone.
    together = severity_score(
        [5.0, 5.5, 5.0], threshold=[4.0, 5.0, 6.0], bounds=(0, 10), bandwidth=1.0
    )
    alone = [
        severity_score([m], threshold=t, bounds=(0, 10), bandwidth=1.0)[0]
        for m, t in [(5.0, 4.0), (5.5, 5.0), (5.0, 6.0)]
    ]
    assert_allclose(together, alone, rtol=1e-14)


@pytest.mark.parametrize("count", range(1, 30))
def test_lattice_values_on_an_edge_belong_to_the_step_above(count):
    # Regression: count * 0.1 and round(x, 1) differ in binary for 3, 6, 7, ...
    threshold, reading = count * 0.1, round(count / 10, 1)
    options = {"bounds": (0, 100), "n_steps": 1, "bandwidth": 0}
    assert severity_score([reading], threshold=threshold, **options) == 1.0
    assert severity_score([threshold], threshold=reading, **options) == 1.0
    just_below = np.nextafter(reading, 0) - 1e-9
    assert severity_score([just_below], threshold=threshold, **options) == 0.0


def test_inner_edges_of_a_lattice():
    # Steps of .5 from 2.0 to 12: tenths on an edge count in the step that they begin.
    readings = np.round(np.arange(20, 120) / 10, 1)
    by_hand = 1 + (np.arange(20, 120) - 20) // 5
    scores = severity_score(readings, threshold=2.0, bounds=(0, 12), bandwidth=0)
    assert_array_equal(np.rint(scores * 210), by_hand)


# ---- agreement with slow or foreign references ------------------------------------
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("step", ["exact", "ceil"])
@pytest.mark.parametrize("h", [0.003, 0.1, 0.9, 6.0, 40.0])
@pytest.mark.parametrize(
    ("threshold", "n_steps"), [(0.0, 7), (2.3, 20), (9.9, 3), (5.0, 1)]
)
def test_severity_against_its_definition(boundary, step, h, threshold, n_steps):
    values = np.concatenate([np.linspace(0.0, 10.0, 41), [1e-9, 9.999999]])
    weights = linear(n_steps)
    expected = [
        severity_by_definition(
            m, threshold, n_steps, weights, h, 0.0, 10.0, boundary, step
        )
        for m in values
    ]
    scores = severity_score(
        values, threshold=threshold, bounds=(0, 10), n_steps=n_steps, bandwidth=h,
        boundary=boundary, step=step,
    )  # fmt: skip
    assert_allclose(scores, expected, atol=1e-14)


def test_hardly_any_bandwidth_is_none():
    values = np.linspace(0.05, 9.95, 40)
    hardly = severity_score(values, bandwidth=1e-310, **TEN)
    assert_allclose(hardly, severity_score(values, bandwidth=0, **TEN), atol=1e-15)


def test_a_bandwidth_far_wider_than_the_range_spreads_everyone_evenly():
    scores = severity_score([0.0, 5.0, 10.0], bandwidth=1e12, **TEN)
    assert_allclose(scores, 0.6 / 3 * linear(3).sum(), rtol=1e-12)


@pytest.mark.parametrize("bounds", [(None, 10.0), (0.0, None)])
def test_one_bound_reflects_at_that_bound_alone(bounds):
    values, h = np.linspace(0.0, 10.0, 21), 2.0

    def density(u, m):
        mirror = 2 * bounds[0] - m if bounds[1] is None else 2 * bounds[1] - m
        return norm.pdf(u, m, h) + norm.pdf(u, mirror, h)

    top = 60.0 if bounds[1] is None else bounds[1]
    expected = [quad(density, 4.0, top, args=(m,), epsabs=1e-12)[0] for m in values]
    scores = severity_score(
        values, threshold=4.0, bounds=bounds, n_steps=1, bandwidth=h
    )
    assert_allclose(scores, expected, atol=1e-10)


def test_without_bounds_against_scipy_gaussian_kde():
    from scipy.stats import gaussian_kde

    x = np.random.default_rng(11).normal(5.0, 2.0, size=300)
    kernel = gaussian_kde(x, bw_method=0.7 / x.std(ddof=1))
    edges = np.append(6.0 + 6.0 / 4 * np.arange(4), np.inf)
    expected = sum(
        weight * kernel.integrate_box_1d(low, high)
        for weight, low, high in zip(linear(4), edges[:-1], edges[1:], strict=True)
    )
    index = deterioration_index(
        x, threshold=6.0, bounds=(None, 12.0), n_steps=4, bandwidth=0.7,
        boundary="none",
    )  # fmt: skip
    assert_allclose(index, expected, atol=1e-13)


@pytest.mark.parametrize("weights", ["linear", [0.5, 0.1, 0.0, 0.3, 0.1]])
def test_uniform_law_against_theory(weights):
    x = (np.arange(20_000) + 0.5) / 20_000
    w = linear(5) if isinstance(weights, str) else np.array(weights)
    index = deterioration_index(
        x, threshold=0.25, bounds=(0, 1), n_steps=5, weights=weights
    )
    assert_allclose(index, 0.75 / 5 * w.sum(), rtol=1e-3)


# ---- regressions: what the reference implementation answers wrongly ---------------
def test_symmetric_law_about_the_threshold_gives_one_half():
    # beta(2, 2) at .5; daindex 0.10 answers .996.
    x = np.random.default_rng(20).beta(2, 2, size=20_000)
    for direction in ("above", "below"):
        index = deterioration_index(
            x, threshold=0.5, bounds=(0, 1), n_steps=1, direction=direction
        )
        assert_allclose(index, 0.5, atol=0.015)


def test_below_is_a_probability():
    # daindex 0.10 answers twice the probability for one step.
    x = np.random.default_rng(21).uniform(0, 1, size=5_000)
    index = deterioration_index(
        x, threshold=0.3, bounds=(0, 1), n_steps=1, direction="below"
    )
    assert_allclose(index, 0.3, atol=0.02)


def test_a_threshold_of_zero_is_a_threshold():
    # daindex 0.10 takes 0 for "none given".
    x = np.random.default_rng(22).normal(size=5_000)
    index = deterioration_index(x, threshold=0.0, bounds=(-9, 9), n_steps=1)
    assert_allclose(index, 0.5, atol=0.02)


def test_a_threshold_at_the_bound_counts_everyone():
    # Algorithm 1 as printed never moves a threshold that is a bound.
    x = np.random.default_rng(23).exponential(0.1, size=500).clip(0, 1)
    options = {"threshold": 0.0, "bounds": (0, 1), "n_steps": 1, "bandwidth": 0.2}
    for boundary in ("reflect", "adjusted"):
        index = deterioration_index(x, boundary=boundary, **options)
        assert_allclose(index, 1.0, rtol=1e-12)
    assert deterioration_index(x, boundary="none", **options) < 0.8


def test_counts_are_not_smoothed_across_a_threshold():
    counts = np.random.default_rng(24).poisson(1.5, size=2_000)
    index = deterioration_index(counts, threshold=3, bounds=(0, 17), n_steps=1)
    assert_allclose(index, (counts >= 3).mean(), rtol=1e-12)


def test_discrete_overrules():
    x = np.random.default_rng(25).normal(5, 1, size=500).clip(0, 10)
    options = {"threshold": 5.0, "bounds": (0, 10), "n_steps": 1}
    assert deterioration_index(x, discrete=True, **options) == (x >= 5).mean()
    counts = np.arange(500) % 10
    smooth = deterioration_index(counts, discrete=False, **options)
    assert smooth != deterioration_index(counts, **options)


# ---- bad input -------------------------------------------------------------------
def test_bounds_read_off_the_sample_are_announced():
    with pytest.warns(BoundsFromSampleWarning, match=r"The upper end .* \(9\): one ex"):
        severity_score([1.0, 5.0, 9.0], threshold=4.0)
    with pytest.warns(BoundsFromSampleWarning, match=r"The lower end .* \(1\): one ex"):
        severity_score([1.0, 5.0, 9.0], threshold=4.0, direction="below")


def test_the_warning_names_the_callers_line():
    sides = {"subgroups": ["a", "b"], "compare": ("a", "b")}
    for measure, options in [
        (severity_score, {}),
        (deterioration_index, {}),
        (dataset_inequality, sides),
    ]:
        with pytest.warns(BoundsFromSampleWarning) as caught:
            measure([1.0, 9.0], threshold=4.0, **options)
        assert [warning.filename for warning in caught] == [__file__]


def test_no_bound_is_needed_where_none_is_used():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        severity_score([1.0, 5.0], threshold=4.0, n_steps=1)
        severity_score([1.0, 5.0], threshold=4.0, bounds=(None, 10.0))
        severity_score([1.0, 5.0], threshold=4.0, bounds=(0, None), direction="below")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measurement": [1.0, np.nan]}, "`measurement` must not hold missing values"),
        ({"measurement": []}, "`measurement` must have at least one row"),
        (
            {"measurement": [1.0, 12.0, -3.0]},
            r"`measurement` must lie within `bounds` .* 2 of 3 rows .* from -3 to 12",
        ),
        ({"threshold": np.nan}, "`threshold` must not hold missing values"),
        (
            {"threshold": 11.0},
            r"`threshold` must lie within `bounds` \(0, 10\); got 11",
        ),
        ({"threshold": [1.0, 2.0]}, "`threshold` must have one value per row"),
        ({"threshold": 10.0}, "`threshold` must leave room for 3 steps"),
        ({"bounds": (10.0, 0.0)}, "`bounds` must be in increasing order"),
        ({"bounds": 10.0}, "`bounds` must be a pair"),
        ({"bounds": (-1.7e308, 1.7e308), "threshold": -1.6e308}, "`bounds` must span"),
        ({"n_steps": 0}, "`n_steps` must be an integer of at least 1; got 0"),
        ({"n_steps": 2.5}, "`n_steps` must be an integer of at least 1; got 2.5"),
        ({"weights": "cubic"}, "`weights` must be one of 'uniform', 'linear', 'quad"),
        ({"weights": [1.0, 2.0]}, r"`weights` must have one value per step \(.*=3"),
        ({"weights": [-1.0, 1.0, 1.0]}, "`weights` must not be negative"),
        ({"weights": [1.0, 1.0, 0.0]}, "that of the worst step must be positive"),
        ({"step": "floor"}, "`step` must be one of 'exact', 'ceil'; got 'floor'"),
        ({"direction": "up"}, "`direction` must be one of 'above', 'below'; got 'up'"),
        ({"bandwidth": -1.0}, "`bandwidth` must be the name of a rule or a number"),
        ({"bandwidth": np.nan}, "`bandwidth` must be the name of a rule or a number"),
        ({"bandwidth": "best"}, "`bandwidth` must be one of 'cdf', 'isj'"),
        ({"boundary": "local"}, "`boundary` must be one of 'reflect', 'adjusted'"),
        ({"discrete": "maybe"}, "`discrete` must be one of True, False, 'auto'"),
        ({"sample_weight": [1.0]}, "`sample_weight` must have one value per row"),
    ],
)
def test_refusals_name_the_argument(changes, message):
    arguments = {"measurement": [1.0, 5.0, 9.0], **TEN} | changes
    values = arguments.pop("measurement")
    with pytest.raises(ValueError, match=message):
        severity_score(values, **arguments)


def test_without_deterioration_or_bounds_there_are_no_steps():
    with (
        pytest.warns(BoundsFromSampleWarning),
        pytest.raises(ValueError, match="`threshold` must leave room for 20 steps"),
    ):
        severity_score([1.0, 2.0], threshold=3.0)


def test_constant_and_single_measurements():
    for values in ([5.0], np.full(50, 5.0)):
        scores = severity_score(values, **TEN)
        assert_allclose(scores, linear(3)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, bool])
def test_numbers_of_any_type(dtype):
    values = np.array([0, 1, 1, 0]).astype(dtype)
    index = deterioration_index(values, threshold=1, bounds=(0, 1), n_steps=1)
    assert index == 1 / 2


@pytest.mark.parametrize("limit", [np.inf, -np.inf])
def test_one_limit_without_end_is_refused(limit):
    with pytest.raises(ValueError, match="`threshold` must be finite; got"):
        severity_score([4.0, 6.0], threshold=[5.0, limit], bounds=(0.0, 10.0))


@pytest.mark.parametrize("limit", [-1.0, 10.0])
def test_one_limit_beyond_the_bounds_is_refused(limit):
    with pytest.raises(ValueError, match="`threshold` must l"):
        severity_score([4.0, 6.0], threshold=[5.0, limit], bounds=(0.0, 10.0))
