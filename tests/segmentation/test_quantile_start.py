"""Are cells of equal numbers cut as promised, and do mixtures started there hold?"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from sklearn_equity.segmentation._mixture import (
    FEW_COLUMNS,
    MANY_COMPONENTS,
    components_of,
    fit_exactly,
    fit_fast,
)
from sklearn_equity.segmentation._quantile_start import quantile_cells
from sklearn_equity.segmentation._rows import Resolutions

every_covariance = pytest.mark.parametrize(
    "covariance_type", ["full", "tied", "diag", "spherical"]
)


def plane(n_rows, seed):
    """A space without gaps, denser on one side, as latent spaces are."""
    points = np.random.default_rng(seed).normal(size=(n_rows, 2))
    points[:, 0] += 0.3 * points[:, 1] ** 2
    return (points - points.mean(axis=0)) / points.std(axis=0)


def fast(points, n_components=30, *, seed=0, **params):
    params = {"init_params": "quantiles", "random_state": seed, **params}
    kind = params.get("covariance_type", "full")
    levels = Resolutions(points, kind, None, np.random.RandomState(seed))
    return fit_fast(n_components, levels, params)


# ---- the cells -------------------------------------------------------------------
def test_cells_by_hand():
    centres = np.array([[5.0], [1.0], [3.0], [2.0], [6.0], [4.0]])
    # one of three cells below: the values 1 and 2; then two and two
    found = quantile_cells(centres, np.ones(6), 3)
    assert_array_equal(found, [2, 0, 1, 0, 2, 1])


def test_columns_are_cut_in_turn():
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    assert_array_equal(quantile_cells(corners, np.ones(4), 4), [0, 1, 2, 3])
    # widest column or not, the first is cut first
    assert_array_equal(quantile_cells(corners[:, ::-1], np.ones(4), 4), [0, 2, 1, 3])


@pytest.mark.parametrize("n_cells", [1, 2, 7, 50])
def test_cells_hold_equal_numbers(n_cells):
    sizes = np.bincount(quantile_cells(plane(1400, 5), np.ones(1400), n_cells))
    assert len(sizes) == n_cells
    assert abs(sizes - 1400 / n_cells).max() <= 3  # a half row's rounding at each cut


def test_the_order_of_the_rows_does_not_matter():
    points = plane(500, 6)
    order = np.random.default_rng(7).permutation(500)
    cells = quantile_cells(points, np.ones(500), 20)
    assert_array_equal(quantile_cells(points[order], np.ones(500), 20), cells[order])


def test_a_count_stands_for_so_many_rows():
    points = plane(60, 8)
    counts = np.random.default_rng(9).integers(1, 4, size=60) * 2
    by_count = quantile_cells(points, counts.astype(float), 2)
    share = counts[by_count == 0].sum() / counts.sum()
    assert abs(share - 0.5) <= counts.max() / counts.sum()


def test_no_cell_is_empty_though_one_bin_holds_nearly_everybody():
    for heavy in range(5):
        counts = np.ones(5)
        counts[heavy] = 1e6
        cells = quantile_cells(np.arange(5.0)[:, np.newaxis], counts, 5)
        assert sorted(cells) == [0, 1, 2, 3, 4]


# ---- mixtures started there ------------------------------------------------------
def test_the_seed_does_not_matter():
    points = plane(3000, 10)
    one, two = fast(points, seed=1), fast(points, seed=2)
    assert_array_equal(one.means_, two.means_)


def test_segments_hold_for_other_rows_better_than_from_random_starts():
    everybody = plane(12000, 11)
    agreement = {}
    for start in ("quantiles", "k-means++"):
        divisions = [
            components_of(fast(half, seed=seed, init_params=start), everybody)
            for seed, half in enumerate((everybody[::2], everybody[1::2]))
        ]
        agreement[start] = adjusted_rand_score(*divisions)
    assert agreement["quantiles"] > agreement["k-means++"] + 0.1


@every_covariance
def test_rows_are_as_likely_as_under_scikit_learns_default(covariance_type):
    points = plane(4000, 12)
    theirs = [
        GaussianMixture(30, covariance_type=covariance_type, random_state=seed)
        .fit(points)
        .score(points)
        for seed in range(3)
    ]
    found = fast(points, covariance_type=covariance_type).score(points)
    assert found > np.median(theirs) - 0.003


@every_covariance
def test_scikit_learn_starts_from_the_same_cells(covariance_type):
    points = plane(1000, 13)
    params = {"init_params": "quantiles", "covariance_type": covariance_type}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exact = fit_exactly(8, points, {**params, "max_iter": 1, "random_state": 0})
        ours = fit_exactly(8, points, {**params, "random_state": 3})
    cells = quantile_cells(points, np.ones(1000), 8)
    means = np.array([points[cells == cell].mean(axis=0) for cell in range(8)])
    assert abs(exact.means_ - means).max() < 0.3  # one step away
    assert abs(ours.score(points) - fast(points, 8, **params).score(points)) < 0.02


def test_what_is_kept_is_a_mixture_that_scikit_learn_can_fit_again():
    points = plane(800, 14)
    for mixture in (
        fast(points, 6),
        fit_exactly(6, points, {"init_params": "quantiles", "random_state": 0}),
    ):
        assert clone(mixture).fit(points).converged_


@pytest.mark.parametrize(
    ("n_components", "n_columns", "start"),
    [
        (MANY_COMPONENTS, FEW_COLUMNS, "quantiles"),
        (MANY_COMPONENTS - 1, FEW_COLUMNS, "k-means++"),
        (MANY_COMPONENTS, FEW_COLUMNS + 1, "k-means++"),
    ],
)
def test_many_components_in_few_columns_start_at_quantiles(
    n_components, n_columns, start
):
    points = np.random.default_rng(15).normal(size=(2000, n_columns))
    chosen = fast(points, n_components, init_params="auto")
    named = fast(points, n_components, init_params=start)
    assert_array_equal(chosen.means_, named.means_)
