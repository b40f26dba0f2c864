"""Where do point masses, lattices and smooth parts meet? By hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from sklearn_equity.density import BoundedKDE, estimate_subgroups
from sklearn_equity.density._grid import Grid
from sklearn_equity.density._local import (
    LocalRows,
    _integrate,
    _move_to_line,
    local_factor,
    localize_rows,
)
from sklearn_equity.density._scale import Scale


def points_of(values, **options):
    return BoundedKDE(discrete=True, **options).fit(np.array(values)[:, np.newaxis])


# ---- point masses ------------------------------------------------------------------
@pytest.mark.parametrize(
    "edges", [[0, 1, 3], [0, 1, 1], [1, 1], [0, 0, 3], [0, 1, 1, 3], [3, 3, 3]]
)
def test_intervals_are_those_of_a_histogram_even_empty_ones(edges):
    values = [0.0, 1.0, 1.0, 3.0]
    expected = np.histogram(values, edges)[0] / 4
    assert_array_equal(points_of(values).interval_probability(edges), expected)


def test_a_threshold_within_a_millionth_of_the_least_gap_is_the_value():
    kde = points_of([0.0, 10.0, 12.0, 12.0])
    assert_array_equal(kde.cdf([12.0 - 1.9e-6, 12.0 - 2.1e-6]), [1.0, 0.5])
    assert_array_equal(kde.pdf([12.0 - 1.9e-6, 12.0 + 1.9e-6]), [0.5, 0.5])
    assert_array_equal(kde.pdf([12.0 - 2.1e-6, 12.0 + 2.1e-6]), [0.0, 0.0])
    assert_array_equal(kde.pdf([1.9e-6, 10.0 - 1.9e-6, 10.0 + 1.9e-6]), [0.25] * 3)
    below = kde.interval_probability([10.0 + 1.9e-6, 12.0 + 1.9e-6, np.inf])
    assert_array_equal(below, [0.25, 0.5])
    below = kde.interval_probability([10.0 + 2.1e-6, 12.0 + 2.1e-6, np.inf])
    assert_array_equal(below, [0.5, 0.0])


def test_the_value_of_one_point_is_known_to_a_few_roundings():
    kde = points_of([0.3, 0.3])
    assert_array_equal(
        kde.cdf([3 * 0.1, 0.3 * (1 - 1e-15), 0.3 * (1 - 3e-15)]), [1, 1, 0]
    )
    assert_array_equal(kde.cdf([-np.inf, np.inf]), [0.0, 1.0])


def test_draws_are_the_points_whose_share_a_level_falls_in():
    kde = points_of([1.0, 2.0, 2.0, 5.0])
    mixture = kde._density.mixture
    levels = np.array([0.0, 0.24, 0.25, 0.74, 0.75, 1.0 - 1e-12])
    assert_array_equal(mixture.draw(0, levels), [1.0, 1.0, 2.0, 2.0, 5.0, 5.0])


def test_draws_beyond_the_points_are_those_of_the_smooth_part():
    rng = np.random.default_rng(1)
    values = np.r_[np.zeros(600), rng.normal(50.0, 3.0, 400)]
    kde = BoundedKDE().fit(values[:, np.newaxis])
    levels = np.array([0.0, 0.59, 0.601, 0.8, 0.999])
    drawn = kde._density.mixture.draw(0, levels)
    assert_array_equal(drawn[:2], [0.0, 0.0])
    assert_allclose(kde.cdf(drawn[2:]), levels[2:], atol=1e-4)


@pytest.mark.parametrize("boundary", ["local", "reflect"])
def test_a_lattice_holds_its_mass_at_its_values_alone(boundary):
    """Thresholds count the values up to them, whichever way they are rounded."""
    values = np.round(np.random.default_rng(2).gamma(4.0, size=3000), 1) + 2.03
    kde = BoundedKDE(bounds=(2.03, None), boundary=boundary).fit(values[:, np.newaxis])
    step = kde.lattice_[1]
    assert_allclose(step, 0.1, rtol=1e-9)
    place = 2.03 + 0.1 * np.arange(10, 50)
    assert_allclose(np.diff(kde.cdf(place)), kde.pdf(place[1:]), atol=1e-12)
    assert_array_equal(kde.pdf(place + 0.05), 0.0)
    assert_array_equal(kde.pdf(place + 2e-7), 0.0)
    assert (kde.pdf(place + 0.5e-7) > 0.0).all()
    assert_array_equal(kde.cdf(place - 0.5e-7), kde.cdf(place))
    assert_array_equal(kde.cdf(place - 2e-7), kde.cdf(place - 0.05))
    half_open = kde.interval_probability(np.r_[place[:2], np.inf])[0]
    assert_allclose(half_open, kde.pdf(place[:1])[0], atol=1e-12)
    shares = (values[:, np.newaxis] <= place + 0.05).mean(axis=0)
    assert_allclose(kde.cdf(place), shares, atol=0.01)


# ---- a line with known nodes -------------------------------------------------------
def line(probability, density=None, *, scale=None, lower=0.0, width=1.0):
    probability = np.atleast_2d(probability)
    density = np.zeros_like(probability) if density is None else np.atleast_2d(density)
    on_line = np.full(len(probability), 0.1)
    return LocalRows(scale or Scale(), lower, width, density, probability, on_line)


def test_medians_between_nodes():
    rows = line(
        [[0, 0.25, 0.75, 1], [0, 0.5, 0.6, 1], [0, 0.0, 0.1, 1], [0, 0.9, 1, 1]],
        lower=10.0, width=2.0,
    )  # fmt: skip
    expected = 10.0 + 2.0 * np.array([1.5, 1.0, 2.0 + 0.4 / 0.9, 0.5 / 0.9])
    assert_allclose(rows._median(), expected)


@pytest.mark.parametrize(
    ("scale", "slope"),
    [
        (Scale(), 1.0),
        (Scale(3.0, np.inf), np.exp(-1.5)),
        (Scale(-np.inf, 3.0), np.exp(1.5)),
        (Scale(3.0, 7.0), 1.0 / (4.0 * norm.pdf(1.5))),
    ],
)
def test_a_bandwidth_is_that_at_the_median(scale, slope):
    """The slopes of values, logarithms and probits where the line reads 1.5."""
    rows = line([0.0, 0.25, 0.75, 1.0], scale=scale)
    assert_allclose(rows.bandwidth, 0.1 / slope)


def test_between_nodes_probabilities_follow_the_density():
    """The cubic is exact for t squared: its density is 2 t."""
    rows = line([0.0, 0.25, 1.0], [0.0, 1.0, 2.0], width=0.5)
    t = np.linspace(0.0, 1.0, 9)
    assert_allclose(rows.cdf(t)[0], t**2)
    assert_allclose(rows.pdf(t)[0], 2.0 * t)
    assert_allclose(rows.cdf(np.array([-9.0, 9.0, 1e308]))[0], [0.0, 1.0, 1.0])


def test_a_density_steeper_than_the_probabilities_allow_is_no_reason_to_fall():
    rows = line([0.0, 0.1, 1.0], [5.0, 0.0, 9.0])
    # Slopes of 0.3 and 0: at a half, (0.3 + (-0.3 + 0.05) / 2) / 2.
    assert_allclose(rows.cdf(np.array([0.5]))[0], 0.0875)
    # Slopes of 0 and 2.7: at a half, 0.1 + (0 + (0 + 0.9 / 2) / 2) / 2.
    assert_allclose(rows.cdf(np.array([1.5]))[0], 0.1 + 0.1125)
    assert (np.diff(rows.cdf(np.linspace(0.0, 2.0, 99))[0]) >= 0.0).all()


def test_quantiles_are_where_the_probabilities_are():
    rows = line([[0, 0.5, 1], [0.0, 0.2, 1.0]], lower=1.0, width=2.0)
    assert_allclose(rows.quantile(1, np.array([0.0, 0.1, 0.6, 1.0])), [1, 2, 4, 5])


def test_a_parabola_allows_a_wider_kernel_of_many_people():
    n = np.array([0.5, 1.0, 100.0, 2.0 ** (45 / 4), 1e9, np.nan])
    expected = [1.0, 1.0, 100.0 ** (4 / 45), 2.0, 2.0, np.nan]
    assert_allclose(local_factor(n), expected)


def test_cells_of_cubics_are_integrated_exactly():
    t = np.arange(9.0)
    found = _integrate((1.0 + t**3)[np.newaxis])[0]
    exact = t + t**4 / 4
    assert_allclose(np.diff(found)[1:-1], np.diff(exact)[1:-1], rtol=1e-12)
    assert found[0] == 0.0
    assert (np.diff(_integrate(np.array([[0.0, 9.0, 0.0, 0.0, 9.0, 0.0]]))) >= 0).all()


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 5.0])
def test_a_normal_law_is_followed_at_every_bandwidth(bandwidth):
    """Not the law that a kernel widens, which has another deviation.

    Counts stand for hats of a variance of width**2 / 6, which is taken out.
    """
    node = np.linspace(-12.0, 12.0, 1025)
    law = norm(scale=np.sqrt(1.0 - (24.0 / 1024) ** 2 / 6.0))
    grid = Grid(-12.0, 24.0 / 1024, 0, 0, norm.pdf(node)[np.newaxis])
    rows = localize_rows(grid, np.array([1e3]), rule=bandwidth, scale=Scale())
    node = rows.lower + rows.width * np.arange(rows.density.shape[1])
    assert_allclose(rows.density[0], law.pdf(node), atol=1e-6)
    # By cubics over cells of a fifth of a deviation, at the widest.
    assert_allclose(rows.probability[0], law.cdf(node), atol=3e-5)
    assert_allclose(rows.bandwidth, bandwidth)


def test_ten_deviations_are_as_wide_as_any():
    node = np.linspace(-12.0, 12.0, 1025)
    grid = Grid(-12.0, 24.0 / 1024, 0, 0, norm.pdf(node)[np.newaxis])
    rows = localize_rows(grid, np.array([1e3]), rule=1e9, scale=Scale())
    assert_allclose(rows.bandwidth, 10.0, rtol=1e-3)


@pytest.mark.parametrize("bounds", [(0.0, None), (None, 8.0), (0.0, 8.0), (None, None)])
def test_a_bandwidth_given_as_a_number_is_that_at_the_median_of_all(bounds):
    rng = np.random.default_rng(3)
    values = 8.0 * rng.beta(3.0, 4.0, 4000)
    codes = np.zeros(4000, dtype=int)
    found = estimate_subgroups(
        values, codes=codes, n_subgroups=1, bounds=bounds, bandwidth=0.3
    )
    assert_allclose(found.bandwidth, 0.3, rtol=0.02)


def test_nodes_move_to_the_probit_with_their_people():
    counts = np.zeros((2, 65))
    counts[0, 20], counts[1, 44] = 3.0, 5.0
    grid = Grid(0.0, 1.0, 3, -32, counts)
    moved = _move_to_line(grid, Scale(0.0, 1.0))
    assert_allclose(moved.counts.sum(axis=1), [3.0, 5.0])
    node = moved.origin + moved.width * np.arange(moved.n_nodes)
    # The logits -1.5 and 1.5 as probits.
    probit = norm.ppf(1.0 / (1.0 + np.exp([1.5, -1.5])))
    assert_allclose(moved.counts @ node / [3.0, 5.0], probit, rtol=1e-12)
    assert (np.count_nonzero(moved.counts, axis=1) <= 2).all()
    counts[:, [0, -1]] = 1.0
    ends = _move_to_line(grid, Scale(0.0, 1.0)).counts
    assert_allclose(ends[:, [0, -1]], 1.0)
    assert (ends >= 0.0).all()
    alone = _move_to_line(grid, Scale(0.0, np.inf))
    assert alone is grid
