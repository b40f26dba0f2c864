"""Do the parts of a bandwidth rule give what theory, hands and NumPy give?"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from scipy.special import factorial2
from scipy.stats import norm

from sklearn_equity.density import select_bandwidth
from sklearn_equity.density._bandwidth import (
    deviation_of_rows,
    robust_spread,
    row_bandwidths,
    weighted_quantiles,
)
from sklearn_equity.density._isj import improved_sheather_jones
from sklearn_equity.density._spectrum import cosine_moments

LEVELS = (0.25, 0.5, 0.75, 1.0)


# ---- quantiles and spreads -------------------------------------------------------
@pytest.mark.parametrize("n", [1, 2, 4, 5, 7, 8, 40])
def test_quantiles_are_those_of_the_inverse_distribution_function(n):
    rng = np.random.default_rng(n)
    x, times = rng.normal(size=n), rng.integers(1, 4, size=n)
    expected = np.quantile(x, LEVELS, method="inverted_cdf")
    assert_array_equal(weighted_quantiles(x, None, LEVELS), expected)
    repeated = np.quantile(np.repeat(x, times), LEVELS, method="inverted_cdf")
    assert_array_equal(weighted_quantiles(x, times * 1.0, LEVELS), repeated)


def test_a_spread_is_the_lesser_one_but_never_zero_for_ties():
    found = robust_spread(np.array([2.0, 2.0, 2.0]), np.array([1.34, 5.36, 0.0]))
    assert_allclose(found, [1.0, 2.0, 2.0])


def test_deviations_of_rows_of_counts_against_those_of_their_people():
    counts = np.random.default_rng(1).integers(0, 5, size=(3, 9)).astype(float)
    node = np.linspace(0.0, 1.0, 9)
    expected = [np.repeat(node, row.astype(int)).std() for row in counts]
    assert_allclose(deviation_of_rows(counts), expected, rtol=1e-12)
    assert_array_equal(deviation_of_rows(np.eye(2, 4)), [0.0, 0.0])
    assert np.isnan(deviation_of_rows(np.array([[0.0, 0.0], [1.0, 1.0]]))[0])


# ---- the improved rule ------------------------------------------------------------
def norm_of_derivative(order, variance):
    """The squared norm of a derivative of a normal density."""
    halves = 2.0 ** (order + 1) * np.sqrt(np.pi) * variance ** (order + 0.5)
    return factorial2(2 * order - 1) / halves


def isj_of_a_normal_law(deviation, n):
    """Botev's recursion by the normal law's own norms, smoothed by a time."""

    def excess(t):
        f = norm_of_derivative(7, deviation**2 + t)
        for s in range(6, 1, -1):
            constant = (1 + 0.5 ** (s + 0.5)) / 3
            moment = factorial2(2 * s - 1) / np.sqrt(np.pi / 2)
            time = (constant * moment / (n * f)) ** (2 / (3 + 2 * s))
            f = norm_of_derivative(s, deviation**2 + time)
        return t - (2 * n * np.sqrt(np.pi) * f) ** (-2 / 5)

    return brentq(excess, 1e-9, 0.1)


@pytest.mark.parametrize("n", [100, 2000, 1_000_000])
def test_the_improved_rule_of_a_normal_law_by_its_own_norms(n):
    """For its distribution function: n ||f'||**2 sqrt(pi) to the power -1/3.

    Of few people the recursion asks for more than any density does: Terrell's cap.
    """
    deviation = 0.07
    counts = norm(0.5, deviation).pdf(np.linspace(0.0, 1.0, 2049))[np.newaxis]
    moments = cosine_moments(counts)
    time = isj_of_a_normal_law(deviation, n)
    slope = norm_of_derivative(1, deviation**2 + time)
    expected = np.sqrt(time), (np.sqrt(np.pi) * n * slope) ** (-1 / 3)
    found = improved_sheather_jones(moments, np.array([n]))
    assert_allclose(np.ravel(found), expected, rtol=2e-4)
    chosen = row_bandwidths("isj", counts, moments, np.array([n]))
    widest = 1.144 * deviation * n**-0.2
    assert (expected[0] > widest) == (n < 10_000)
    assert_allclose(np.ravel(chosen), np.minimum(expected, widest), rtol=2e-4)


@pytest.mark.parametrize(("n", "is_capped"), [(10.0, True), (1000.0, False)])
def test_where_it_has_no_solution_the_normal_reference_stands_in(n, is_capped):
    """Evenly spread counts have no fixed point; Terrell's bandwidth caps both."""
    counts = np.full((1, 1025), 2.0)
    counts[:, [0, -1]] = 1.0
    moments = cosine_moments(counts)
    assert np.isnan(improved_sheather_jones(moments, np.array([n]))).all()
    deviation = 1.0 / np.sqrt(12.0)  # less than the quartiles' distance over 1.34
    density, probability = row_bandwidths("isj", counts, moments, np.array([n]))
    assert_allclose(density, 0.9 * deviation * n**-0.2, rtol=1e-5)
    capped = 1.144 * deviation * n**-0.2
    best = deviation * (4.0 / n) ** (1.0 / 3.0)
    assert (best > capped) == is_capped
    assert_allclose(probability, min(best, capped), rtol=1e-5)


def test_rows_without_people_and_without_spread():
    counts = np.zeros((3, 257))
    counts[1, 128] = 9.0
    counts[2] = norm(0.5, 0.1).pdf(np.linspace(0.0, 1.0, 257))
    moments, n = cosine_moments(counts), np.array([np.nan, 9.0, 100.0])
    for rule in ("silverman", "scott", "cv"):
        found, likewise = row_bandwidths(rule, counts, moments, n)
        assert found is likewise
        assert np.isnan(found[0])
        assert found[1] == 0.0
        assert found[2] > 0.0
    scott = row_bandwidths("scott", counts, moments, n)[0][2]
    assert_allclose(scott, 1.06 * 0.1 * 100.0**-0.2, rtol=1e-4)


# ---- leaving one out, reflected at bounds -------------------------------------------
@pytest.mark.parametrize("bounds", [(0.0, None), (None, 3.0), (0.0, 3.0)])
@pytest.mark.parametrize("seed", [1, 2])
def test_cv_leaves_a_person_and_its_images_out(bounds, seed):
    """Many lie at the bounds: their images count as much as they do."""
    rng = np.random.default_rng(seed)
    x = 3.0 * rng.beta(0.7, 0.7, size=120)

    def likelihood(h):
        images = [x]
        images += [] if bounds[0] is None else [-x]
        images += [] if bounds[1] is None else [6.0 - x]
        kernel = sum(norm.pdf(x[:, np.newaxis] - image, scale=h) for image in images)
        np.fill_diagonal(kernel, 0.0)
        return np.log(kernel.sum(axis=1) / (len(x) - 1)).sum()

    chosen = select_bandwidth(x, "cv", bounds=bounds)
    others = chosen * 20.0 ** (np.arange(-29, 30) / 29)
    reference = 1.06 * x.std() * 120**-0.2
    others = others[(others > 0.099 * reference) & (others < 2.02 * reference)]
    assert len(others) in {29, 30, 31}
    best = others[np.argmax([likelihood(h) for h in others])]
    assert_allclose(chosen, best, rtol=1e-9)


@pytest.mark.parametrize("rule", ["isj", "cv"])
def test_a_bound_that_nobody_is_near_changes_nothing(rule):
    x = np.random.default_rng(3).normal(size=300)
    expected = select_bandwidth(x, rule)
    assert_allclose(select_bandwidth(x, rule, bounds=(-90.0, 90.0)), expected)


@pytest.mark.parametrize("rule", ["isj", "cv"])
def test_outliers_are_left_out_with_their_weights(rule):
    """Beyond 20 interquartile ranges of a quartile, on either side."""
    rng = np.random.default_rng(4)
    x, weights = rng.normal(size=300), rng.uniform(0.5, 1.5, size=300)
    lower, upper = weighted_quantiles(x, weights, (0.25, 0.75))
    far = np.array([lower, upper]) + 20.5 * (upper - lower) * np.array([-1.0, 1.0])
    near = np.array([lower, upper]) + 19.5 * (upper - lower) * np.array([-1.0, 1.0])
    light = np.r_[weights, 1e-3, 1e-3]
    alone = select_bandwidth(x, rule, sample_weight=weights)
    without = select_bandwidth(np.r_[x, far], rule, sample_weight=light)
    assert_allclose(without, alone, rtol=1e-3)
    n = weights.sum() ** 2 / (weights**2).sum()
    assert n < 300
    within = select_bandwidth(np.r_[x, near], rule, sample_weight=light)
    assert abs(within / alone - 1.0) > 1e-5
