"""Does an extreme unit change nothing but the unit? And what is one, by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity.density import BoundedKDE
from sklearn_equity.density._range import (
    bring_into,
    check_thresholds,
    scaled_bounds,
    scaled_rule,
    scaling_exponent,
)

NOWHERE = (-np.inf, np.inf)


# ---- by hand ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "bounds", "exponent"),
    [
        # 2.0**400 is 0.5 * 2**401, as is the middle of the order of magnitudes.
        ([2.0**400] * 3, NOWHERE, -401),
        ([2.0**-400] * 3, NOWHERE, 399),
        ([-(2.0**400), 2.0**390, 2.0**410], NOWHERE, -401),
        ([2.0**299] * 3, NOWHERE, 0),
        ([2.0**300] * 3, NOWHERE, -301),
        ([2.0**-301] * 3, NOWHERE, 0),
        ([2.0**-302] * 3, NOWHERE, 301),
        ([0.0, 0.0, 0.0, 2.0**400], NOWHERE, -401),
        ([0.0, 0.0], NOWHERE, 0),
        ([0.0, 0.0], (0.0, 2.0**400), -401),
        # The bounds stand for the unit, unless the values are of another order.
        ([2.0**390] * 3, (0.0, 2.0**400), -401),
        ([2.0**390] * 3, (-(2.0**400), 2.0**380), -401),
        ([2.0**390] * 3, (None, 2.0**400), -401),
        ([2.0**10] * 3, (0.0, 2.0**610), -611),
        ([2.0**10] * 3, (0.0, 2.0**611), 0),
        # No value, and no bound, may leave the doubles by being scaled.
        ([2.0**-400] * 3 + [2.0**700], NOWHERE, 299),
        ([2.0**-400] * 3 + [-(2.0**700)], NOWHERE, 299),
        ([2.0**-400] * 3, (-(2.0**700), 0.0), 299),
    ],
)
def test_the_power_of_two_that_brings_values_near_one(values, bounds, exponent):
    lower, upper = bounds
    limits = (-np.inf if lower is None else lower, np.inf if upper is None else upper)
    assert scaling_exponent(np.array(values), limits) == exponent


def test_one_value_in_so_many_of_a_large_sample_tells_its_order():
    values = np.full(8192, 2.0**400)
    values[1::2] = 1.0
    assert scaling_exponent(values, NOWHERE) == -401
    assert scaling_exponent(values[1:], NOWHERE) == 0


@pytest.mark.parametrize(
    ("rule", "exponent", "scaled"),
    [
        ("isj", -400, "isj"),
        (0.0, 400, 0.0),
        (3.0, 5, 96.0),
        (3.0, -400, 2.0**-300),
        (3.0, 400, 2.0**300),
        (1e300, 1000, 2.0**300),
    ],
)
def test_a_bandwidth_follows_and_stays_one(rule, exponent, scaled):
    assert scaled_rule(rule, exponent) == scaled


def test_bounds_and_values_follow():
    assert scaled_bounds((-3.0, np.inf), 2) == (-12.0, np.inf)
    values = np.array([-1.0, 0.0, 5.0])
    assert bring_into((-1.0, 5.0), values, 0, clip=False) is values
    assert_array_equal(bring_into((-1.0, 5.0), values, 3, clip=False), 8.0 * values)
    assert_array_equal(bring_into((0.0, 4.0), values, 1, clip=True), [0.0, 0.0, 8.0])
    for bounds in ((-0.9, 9.0), (-9.0, 4.9)):
        with pytest.raises(ValueError, match="outside in 1 of 3 rows"):
            bring_into(bounds, values, 0, clip=False)


def test_a_chunk_of_another_order_of_magnitude_is_refused():
    kde = BoundedKDE().fit(np.linspace(1.0, 2.0, 30)[:, np.newaxis] * 1e-200)
    with pytest.raises(
        ValueError, match=r"order of magnitude of earlier.*up to 1e\+20"
    ):
        kde.partial_fit([[1e200]])


def test_thresholds_may_be_one_column_and_no_more():
    assert_array_equal(check_thresholds([[1.0], [np.inf]], "values"), [1.0, np.inf])
    with pytest.raises(ValueError, match=r"`edges` must be one-dim.*shape \(2, 2\)"):
        check_thresholds(np.ones((2, 2)), "edges")
    with pytest.raises(ValueError, match="with 1 NaN"):
        check_thresholds([[1.0], [np.nan]], "edges")


# ---- a whole estimate ------------------------------------------------------------
_RNG = np.random.default_rng(2026113001)
SAMPLES = {
    "smooth": _RNG.beta(2, 4, 300),
    "zero-inflated": np.where(_RNG.uniform(size=300) < 0.3, 0.0, _RNG.beta(2, 4, 300)),
    "on a lattice": np.round(_RNG.gamma(4, size=3000).clip(0, 9.6), 1) / 10,
    "counts": _RNG.poisson(1.0, size=300).clip(0, 4) / 4,
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("boundary", ["local", "reflect", "none", "adjusted"])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (None, None)])
@pytest.mark.parametrize("exponent", [-400, 5])
def test_a_unit_that_is_a_power_of_two_changes_no_digit(
    name, boundary, bounds, exponent
):
    x, unit = SAMPLES[name], 2.0**exponent
    scaled = tuple(None if bound is None else bound * unit for bound in bounds)
    one = BoundedKDE(bounds=bounds, boundary=boundary).fit(x[:, np.newaxis])
    other = BoundedKDE(bounds=scaled, boundary=boundary).fit(x[:, np.newaxis] * unit)
    t = np.r_[x[:40], np.linspace(0.0, 1.0, 12), 1.1]
    assert_array_equal(other.cdf(t * unit), one.cdf(t))
    edges = np.sort(t)
    assert_array_equal(
        other.interval_probability(edges * unit), one.interval_probability(edges)
    )
    assert other.bandwidth_ == one.bandwidth_ * unit
    assert_array_equal(other.point_values_, one.point_values_ * unit)
    assert_array_equal(other.point_probabilities_, one.point_probabilities_)
    if one.lattice_ is None:
        assert other.lattice_ is None
    else:
        assert other.lattice_ == tuple(unit * number for number in one.lattice_)
    drawn = one.sample(50, random_state=0)
    assert_array_equal(other.sample(50, random_state=0), drawn * unit)
    # A density is per unit; a probability, of a point or of a lattice's, is not.
    is_point = np.isin(t, one.point_values_) | (one.lattice_ is not None)
    expected = np.where(is_point, one.pdf(t), one.pdf(t) / unit)
    assert_array_equal(other.pdf(t * unit), expected)
    logarithm = one.score_samples(t[:, np.newaxis])
    logarithm -= np.where(is_point, 0.0, exponent * np.log(2.0))
    found = other.score_samples(t[:, np.newaxis] * unit)
    assert_allclose(found, logarithm, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("boundary", ["reflect", "none", "adjusted"])
@pytest.mark.parametrize("exponent", [-400, 400])
def test_one_bound_is_as_none_but_for_the_logarithm(boundary, exponent):
    x, unit, t = SAMPLES["smooth"], 2.0**exponent, np.linspace(0.0, 1.0, 12)
    one = BoundedKDE(bounds=(0, None), boundary=boundary).fit(x[:, np.newaxis])
    other = BoundedKDE(bounds=(0, None), boundary=boundary)
    other.fit(x[:, np.newaxis] * unit)
    assert_array_equal(other.cdf(t * unit), one.cdf(t))
    assert other.bandwidth_ == one.bandwidth_ * unit


# ---- the logarithm of a density ----------------------------------------------------
def test_the_log_density_has_a_floor_inside_the_bounds_and_none_outside():
    """Where waves cancel to nothing, the rounding of a kernel's peak is left."""
    x = np.linspace(1.0, 2.0, 200)[:, np.newaxis]
    kde = BoundedKDE(bounds=(0.0, 100.0), boundary="reflect", bandwidth=0.05).fit(x)
    floor = np.log(np.finfo(float).eps / 0.05)
    found = kde.score_samples([[50.0], [1.5], [-1.0], [100.5]])
    assert_allclose(found[0], floor, atol=1e-6)
    assert_allclose(found[1], np.log(kde.pdf([1.5])[0]), rtol=1e-12)
    assert_array_equal(found[2:], [-np.inf, -np.inf])
