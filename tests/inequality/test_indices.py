"""How unequally is a quantity spread? Hand-worked values, oracles, refusals."""

import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from scipy.integrate import trapezoid
from scipy.special import erf, ndtri

from sklearn_equity import (
    atkinson,
    coefficient_of_variation,
    generalized_entropy,
    gini,
    lorenz_curve,
    max_gap,
    max_ratio,
    theil,
)
from sklearn_equity.exceptions import DegenerateInequalityWarning

INDICES = {
    "gini": gini,
    "theil": theil,
    "atkinson": atkinson,
    "generalized_entropy": generalized_entropy,
    "coefficient_of_variation": coefficient_of_variation,
    "max_ratio": max_ratio,
}
positive = st.floats(0.01, 100.0)
values_strategy = arrays(np.float64, st.integers(2, 20), elements=positive)
every_index = pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())


# ---- hand-worked -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "weights", "plain", "corrected"),
    [
        ([0, 0, 0, 1], None, 3 / 4, 1.0),
        ([1, 2, 3, 4, 5], None, 4 / 15, 1 / 3),
        # Pairwise: 2 * (3/4) * (1/4) * |2 - 1| / (2 * mean), mean = 5/4.
        ([1, 2], [3, 1], 2 * 3 / 16 / (2 * 5 / 4), 3 / 20 / (1 - 9 / 16 - 1 / 16)),
        ([0.15, 0.20, 0.25], [50, 30, 20], 0.0205 / 0.185, 0.0205 / 0.185 / 0.62),
        ([7], None, 0.0, 0.0),
    ],
)
def test_gini_worked_by_hand(values, weights, plain, corrected):
    assert_allclose(gini(values, sample_weight=weights), plain, atol=1e-15)
    assert_allclose(
        gini(values, sample_weight=weights, corrected=True), corrected, atol=1e-15
    )


def test_indices_of_one_and_three_worked_by_hand():
    assert_allclose(theil([1, 3]), (0.5 * np.log(0.5) + 1.5 * np.log(1.5)) / 2)
    assert_allclose(generalized_entropy([1, 3], alpha=2), 1 / 8)
    assert_allclose(generalized_entropy([1, 3], alpha=0), -np.log(0.5 * 1.5) / 2)
    assert_allclose(atkinson([1, 3], epsilon=1), 1 - np.sqrt(3) / 2)
    assert_allclose(atkinson([1, 3], epsilon=2), 1 - 1.5 / 2)
    assert_allclose(coefficient_of_variation([1, 3]), 1 / 2)


def test_corrected_coefficient_of_variation_worked_by_hand():
    # Values 1, 2, 6 with mean 3: squares 4 + 1 + 9 over 3 - 1.
    assert_allclose(
        coefficient_of_variation([1, 2, 6], corrected=True), np.sqrt(14 / 2) / 3
    )
    # Weights 3 : 1 of 1 and 5, mean 2: 3/4 + 9/4, over 1 - 9/16 - 1/16.
    assert_allclose(
        coefficient_of_variation([1, 5], sample_weight=[3, 1], corrected=True),
        np.sqrt(3 / (6 / 16)) / 2,
    )
    assert coefficient_of_variation([4], corrected=True) == 0.0


def test_extremes_worked_by_hand():
    assert max_gap([3, -1, 2]) == 3 - -1
    assert max_gap([3, -1, 2], sample_weight=[1, 0, 2]) == 3 - 2
    assert max_ratio([3, 2, 6]) == 6 / 2
    assert max_ratio([3, 2, 6], sample_weight=[1, 0, 2]) == 6 / 3
    assert max_ratio([0, 2]) == np.inf


def test_zero_values_at_the_orders_that_forbid_them():
    assert generalized_entropy([0, 1], alpha=0) == np.inf
    assert atkinson([0, 1], epsilon=1) == 1.0
    assert_allclose(theil([0, 1]), np.log(2))


# ---- oracles ---------------------------------------------------------------------
HALVES = np.array([0.5, 1.5])  # of the mean: values 1 and 3
THIRDS = np.array([2 / 3, 2 / 3, 2 / 3, 2.0])  # three times 1, once 3


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (-1, (np.mean(1 / HALVES) - 1) / 2),
        (0, -np.mean(np.log(HALVES))),
        (0.5, (np.mean(HALVES**0.5) - 1) / -0.25),
        (1, np.mean(HALVES * np.log(HALVES))),
        (1.5, (np.mean(HALVES**1.5) - 1) / 0.75),
        (2, 1 / 8),
        (3, (np.mean(HALVES**3) - 1) / 6),
    ],
)
def test_generalized_entropy_of_every_kind_of_order(alpha, expected):
    assert_allclose(generalized_entropy([1, 3], alpha=alpha), expected)


@pytest.mark.parametrize(
    ("epsilon", "expected"),
    [
        (0.25, 1 - np.mean(HALVES**0.75) ** (4 / 3)),
        (0.5, 1 - np.mean(HALVES**0.5) ** 2),
        (1, 1 - np.sqrt(0.75)),
        (1.5, 1 - np.mean(HALVES**-0.5) ** -2),
        (2, 1 / 4),
    ],
)
def test_atkinson_of_every_kind_of_order(epsilon, expected):
    assert_allclose(atkinson([1, 3], epsilon=epsilon), expected)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (theil, np.mean(THIRDS * np.log(THIRDS))),
        (lambda x, **w: generalized_entropy(x, alpha=0, **w), -np.log(THIRDS).mean()),
        (lambda x, **w: generalized_entropy(x, alpha=-1, **w), (1.25 - 1) / 2),
        (generalized_entropy, 1 / 6),
        (lambda x, **w: atkinson(x, epsilon=0.5, **w), 1 - np.mean(THIRDS**0.5) ** 2),
        (lambda x, **w: atkinson(x, epsilon=1, **w), 1 - THIRDS.prod() ** 0.25),
        (lambda x, **w: atkinson(x, epsilon=2, **w), 1 - 1 / 1.25),
        (coefficient_of_variation, 1 / np.sqrt(3)),
        (max_ratio, 3.0),
        (max_gap, 2.0),
    ],
)
def test_a_weight_of_three_by_hand(index, expected):
    assert_allclose(index([1, 3], sample_weight=[3, 1]), expected)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (lambda x: generalized_entropy(x, alpha=-1), np.inf),
        (lambda x: generalized_entropy(x, alpha=0), np.inf),
        (lambda x: generalized_entropy(x, alpha=0.5), 4 - 2 * np.sqrt(2)),
        (theil, np.log(2)),
        (generalized_entropy, 1 / 2),
        (lambda x: atkinson(x, epsilon=0.5), 1 / 2),
        (lambda x: atkinson(x, epsilon=1), 1.0),
        (lambda x: atkinson(x, epsilon=1.5), 1.0),
        (coefficient_of_variation, 1.0),
        (gini, 1 / 2),
        (max_ratio, np.inf),
        (max_gap, 1.0),
    ],
)
def test_of_two_values_one_is_zero(index, expected):
    assert_allclose(index([0.0, 1.0]), expected)
    assert_allclose(index([1.0, 0.0]), expected)


def test_values_of_weight_zero_are_no_part_of_a_correction():
    ghost = {"corrected": True, "sample_weight": [1, 1, 1, 0]}
    assert_allclose(gini([0, 0, 1, 9], **ghost), 1.0)
    assert_allclose(
        coefficient_of_variation([1, 2, 6, 9], **ghost), np.sqrt(14 / 2) / 3
    )
    for index in (gini, coefficient_of_variation):
        assert index([4, 9], corrected=True, sample_weight=[1, 0]) == 0.0


@every_index
@pytest.mark.parametrize("weights", [[1.5e308, 1.5e308], [1e-320, 1e-320]])
def test_weights_at_the_ends_of_the_range_of_numbers(index, weights):
    assert_allclose(index([1, 3], sample_weight=weights), index([1, 3]))


@every_index
def test_a_weight_beyond_comparison_leaves_the_other_value_alone(index):
    found = index([1.0, 3.0], sample_weight=[1e-200, 1e200])
    assert found == (1.0 if index is max_ratio else 0.0)


def test_values_at_the_end_of_the_range_of_numbers_in_orders_beyond_one():
    """The power of the least overflows; the harmonic mean is twice that, next to 0."""
    assert atkinson([1e-320, 1.0], epsilon=2) == 1.0


def test_the_lorenz_curve_by_hand():
    population_share, value_share = lorenz_curve([6, 1, 3], sample_weight=[1, 2, 1])
    assert_allclose(population_share, [0, 2 / 4, 3 / 4, 1])
    assert_allclose(value_share, [0, 2 / 11, 5 / 11, 1])
    assert (population_share[-1], value_share[-1]) == (1.0, 1.0)


@every_index
def test_rows_that_an_engine_has_counted_weigh_what_they_weighed(index):
    """Two rows of value 1 and weight 2 are one line of what comes back."""
    columns = {"v": [1.0, 1.0, 1.0, 3.0], "w": [2.0, 2.0, 1.0, 1.0]}
    found = index("v", sample_weight="w", data=pl.LazyFrame(columns))
    assert_allclose(found, index(columns["v"], sample_weight=columns["w"]))


@pytest.mark.parametrize("index", [gini, coefficient_of_variation])
def test_rows_that_an_engine_has_counted_are_corrected_for_as_rows(index):
    columns = {"v": [1.0, 1.0, 1.0, 3.0], "w": [2.0, 2.0, 1.0, 1.0]}
    options = {"sample_weight": "w", "corrected": True}
    found = index("v", data=pl.LazyFrame(columns), **options)
    expected = index(columns["v"], sample_weight=columns["w"], corrected=True)
    assert_allclose(found, expected)


def test_gini_against_the_pairwise_definition():
    rng = np.random.default_rng(20260101)
    x, w = rng.exponential(size=40), rng.uniform(0.1, 3, size=40)
    w = w / w.sum()
    pairwise = (w[:, None] * w * np.abs(x[:, None] - x)).sum() / (2 * w @ x)
    assert_allclose(gini(x, sample_weight=w), pairwise, rtol=1e-12)


@pytest.mark.parametrize(
    ("quantile", "expected"),
    [
        (lambda u: u, 1 / 3),
        (lambda u: 0.1 + 0.2 * u, 1 / 6),
        (lambda u: -np.log1p(-u), 1 / 2),
        (lambda u: np.exp(ndtri(u)), erf(1 / 2)),
    ],
    ids=["uniform", "uniform from .1 to .3", "exponential", "lognormal"],
)
def test_gini_against_theory(quantile, expected):
    u = (np.arange(200_000) + 0.5) / 200_000
    assert_allclose(gini(quantile(u)), expected, atol=2e-4)


@given(values=values_strategy)
def test_gini_is_twice_the_area_above_the_lorenz_curve(values):
    population_share, value_share = lorenz_curve(values)
    area = trapezoid(population_share - value_share, population_share)
    assert_allclose(gini(values), 2 * area, atol=1e-12)


@given(values=values_strategy)
def test_lorenz_curve_is_convex_and_below_the_diagonal(values):
    population_share, value_share = lorenz_curve(values)
    assert (value_share <= population_share + 1e-12).all()
    assert (np.diff(value_share, 2) >= -1e-12).all()


# ---- refusals --------------------------------------------------------------------
@every_index
@pytest.mark.parametrize(
    ("values", "weights", "message"),
    [
        ([-1.0, 2.0], None, r"`values` must not be negative.*1 negative"),
        (
            [np.nan, 2.0],
            None,
            r"`values` must not hold missing values; got NaN in 1 of 2",
        ),
        ([np.inf, 2.0], None, r"`values` must be finite; got infinity in 1 of 2"),
        ([], None, r"`values` must have at least one row"),
        ([1.0, 2.0], [1.0], r"`sample_weight` must have one value per row of `values`"),
        ([1.0, 2.0], [-1.0, 1.0], r"`sample_weight` must not be negative"),
        ([1.0, 2.0], [0.0, 0.0], r"`sample_weight` must have a positive sum"),
        (["low", "high"], None, r"`values` must hold numbers; got text in 2 of 2 rows"),
    ],
)
def test_refusals_name_the_argument(index, values, weights, message):
    with pytest.raises(ValueError, match=message):
        index(values, sample_weight=weights)


@every_index
def test_all_zero_is_equal_with_a_warning(index):
    with pytest.warns(DegenerateInequalityWarning, match="All `values` are 0"):
        assert index([0.0, 0.0]) == (1.0 if index is max_ratio else 0.0)


@pytest.mark.parametrize("index", [*INDICES.values(), lorenz_curve])
def test_a_warning_names_the_line_that_asked(index):
    with pytest.warns(DegenerateInequalityWarning) as told:
        index([0.0, 0.0])
    assert [warning.filename for warning in told] == [__file__]


def test_lorenz_curve_of_zeros_is_the_diagonal():
    with pytest.warns(DegenerateInequalityWarning):
        population_share, value_share = lorenz_curve([0.0, 0.0])
    assert_allclose(value_share, population_share)


@every_index
def test_input_is_not_changed(index):
    values = np.array([3.0, 1.0, 2.0])
    values.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        index(values)


def test_a_gap_of_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match=r"`values` must not hold missing values"):
        max_gap([np.nan, 1.0])
    with pytest.raises(ValueError, match=r"`sample_weight` must not be negative"):
        max_gap([1.0, 2.0], sample_weight=[-1, 1])


def test_orders_must_be_finite():
    with pytest.raises(ValueError, match="`alpha` must be a finite number; got nan"):
        generalized_entropy([1.0], alpha=np.nan)
    for alpha in (np.inf, -np.inf, "1", None):
        with pytest.raises(ValueError, match="`alpha` must be a finite number; got"):
            generalized_entropy([1.0], alpha=alpha)
    for epsilon in (0, -0.5, np.inf, np.nan, "1", None):
        with pytest.raises(ValueError, match="`epsilon` must be positive and finite"):
            atkinson([1.0], epsilon=epsilon)


# ---- far orders ------------------------------------------------------------------
def test_atkinson_of_order_three_worked_by_hand():
    # Shares of the mean are 1/2 and 3/2; their power mean of order -2 is 0.6708...
    equivalent = ((2.0**2 + (2.0 / 3.0) ** 2) / 2.0) ** (-1.0 / 2.0)
    assert_allclose(atkinson([1.0, 3.0], epsilon=3.0), 1.0 - equivalent)


@pytest.mark.parametrize("epsilon", [1e5, 1e200, 1e308])
def test_atkinson_of_a_far_order_knows_the_least_value_alone(epsilon):
    assert_allclose(atkinson([1.0, 3.0], epsilon=epsilon), 0.5, atol=1e-4)


def test_an_order_that_leaves_the_range_of_numbers_is_refused():
    with pytest.raises(ValueError, match="`alpha` must be nearer to 0"):
        generalized_entropy([1.0, 3.0], alpha=1e5)


def test_a_gap_that_is_no_number_is_told_by_its_ends():
    with pytest.raises(ValueError, match=r"finite gap; got -1e\+308 to 1e\+308"):
        max_gap([-1e308, 1e308])
