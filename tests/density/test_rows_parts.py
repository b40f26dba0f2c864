"""What is too far away to be smoothed, and how do point masses join? By hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity.density import _evidence
from sklearn_equity.density._grid import Grid, make_grid
from sklearn_equity.density._rows import (
    BinnedRows,
    Entries,
    _find_reach,
    _is_large_and_inside,
    _is_resolved,
    bin_entries,
    merge_rows,
    weigh,
    with_points,
)
from sklearn_equity.density._scale import Scale
from sklearn_equity.density._subgroups import _cells_for

EVERYWHERE = (-np.finfo(float).max, np.finfo(float).max)
HUNDRED = np.arange(101.0)


def summary(points=(), point_mass=None, counts=((1.0, 1.0),), **others):
    """A summary of rows on a grid of the least size."""
    counts = np.array(counts)
    if point_mass is None:
        point_mass = np.zeros((len(counts), len(points)))
    options = {
        "points": np.array(points, dtype=float),
        "point_mass": np.array(point_mass, dtype=float),
        "grid": Grid(0.0, 1.0, 0, 0, counts),
        "squares": counts.sum(axis=1),
        "scale": Scale(),
        "reach": EVERYWHERE,
        "counts_people": True,
    }
    return BinnedRows(**(options | others))


# ---- the reach -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("far", "reach"),
    [
        # The quartiles of 102 places are the 26th and the 77th: 25 and 76.
        ([2091.0], EVERYWHERE),
        ([2091.1], (25.0 - 20 * 51.0, 76.0 + 20 * 51.0)),
        ([2091.1, np.inf, -np.inf], (25.0 - 20 * 51.0, 76.0 + 20 * 51.0)),
        ([-2000.0], (24.0 - 20 * 51.0, 75.0 + 20 * 51.0)),
    ],
)
def test_twenty_interquartile_ranges_from_a_quartile(far, reach):
    places = np.r_[HUNDRED, far]
    assert _find_reach(places, None) == reach
    assert _find_reach(places, np.full(len(places), 0.5)) == reach


def test_a_reach_is_found_by_weight():
    places, mass = np.r_[HUNDRED, 1e6], np.r_[np.zeros(50) + 1e-9, np.ones(51), 1.0]
    # Of 52 people from 50 on, the 13th and the 39th.
    assert _find_reach(places, mass) == (62.0 - 20 * 26.0, 88.0 + 20 * 26.0)


@pytest.mark.parametrize(
    "places", [[np.inf, -np.inf], [], [3.0] * 9 + [1e9], [-1e308, 0.0, 1e308]]
)
def test_where_no_range_of_quartiles_is_known_all_is_smoothed(places):
    assert _find_reach(np.array(places), None) == EVERYWHERE


def test_a_large_sample_inside_its_bounds_is_binned_at_once():
    inside = np.linspace(0.1, 0.9, 65_537)
    assert _is_large_and_inside(inside, Scale(0.0, 1.0))
    assert not _is_large_and_inside(inside[1:], Scale(0.0, 1.0))
    assert not _is_large_and_inside(np.r_[inside, 0.0], Scale(0.0, 1.0))
    assert not _is_large_and_inside(np.r_[inside, 1.0], Scale(0.0, 1.0))


@pytest.mark.parametrize(("n_nodes", "is_resolved"), [(82, True), (83, False)])
def test_the_middle_half_takes_one_cell_of_forty_one(n_nodes, is_resolved):
    counts = np.zeros((2, n_nodes))
    counts[0, 10], counts[1, 12] = 5.0, 5.0
    assert _is_resolved(Grid(0.0, 1.0, 0, 0, counts)) == is_resolved


@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_beyond_the_reach_is_a_point_mass_of_its_row(weighted):
    values = np.r_[np.linspace(0.0, 10.0, 40), 1e5, -1e5, 1e5]
    codes = np.r_[np.arange(40) % 2, 0, 1, 1]
    weights = np.r_[np.full(40, 1.5), 0.25, 0.5, 4.0] if weighted else None
    found = bin_entries(
        weigh(values, codes, weights),
        n_rows=2, scale=Scale(), origin=0.0, unit=1.0, n_bins=64,
    )  # fmt: skip
    assert_array_equal(found.points, [-1e5, 1e5])
    expected = [[0.0, 0.25], [0.5, 4.0]] if weighted else [[0.0, 1.0], [1.0, 1.0]]
    assert_array_equal(found.point_mass, expected)
    each = 1.5 if weighted else 1.0
    assert_allclose(found.grid.counts.sum(axis=1), 20 * each)
    assert_allclose(found.squares, 20 * each**2)
    assert found.counts_people != weighted
    assert_allclose(found.n_values, 20.0)


def test_numbers_of_people_behind_rows():
    whole = summary(counts=[[4.0, 2.0], [0.0, 0.0]], squares=np.array([9.0, 0.0]))
    assert_array_equal(whole.n_values, [6.0, np.nan])
    shares = summary(
        counts=[[4.0, 2.0], [0.0, 0.0]], squares=np.array([9.0, 0.0]),
        counts_people=False,
    )  # fmt: skip
    assert_array_equal(shares.n_values, [4.0, np.nan])


# ---- point masses ------------------------------------------------------------------
def test_points_join_those_that_are_there_row_by_row():
    start = summary([1.0, 5.0], [[1.0, 2.0], [3.0, 4.0]], counts=[[1.0, 0.0]] * 2)
    added = Entries(
        np.array([5.0, 3.0, 5.0]), np.array([0, 1, 1]), np.array([10.0, 20.0, 30.0])
    )
    found = with_points(start, added)
    assert_array_equal(found.points, [1.0, 3.0, 5.0])
    assert_array_equal(found.point_mass, [[1.0, 0.0, 12.0], [3.0, 20.0, 34.0]])
    assert with_points(start, Entries(np.zeros(0))) is start


def test_two_summaries_add():
    one = summary([1.0, 5.0], [[1.0, 2.0]], counts=[[1.0, 2.0]])
    other = summary(
        [3.0, 5.0], [[7.0, 8.0]], counts=[[10.0, 20.0]], counts_people=False
    )
    found = merge_rows(one, other, n_bins=16)
    assert_array_equal(found.points, [1.0, 3.0, 5.0])
    assert_array_equal(found.point_mass, [[1.0, 7.0, 10.0]])
    assert_array_equal(found.grid.counts, [[11.0, 22.0]])
    assert_array_equal(found.squares, [33.0])
    assert not found.counts_people


def test_too_many_points_are_joined_with_light_neighbours(monkeypatch):
    """Mass and mean are kept, a heavy point stays, and memory stays bounded."""
    monkeypatch.setattr(_evidence, "EXACT_SIZE", 4)
    start = summary(
        [1.0, 2.0, 4.0, 8.0, 10.0], [[1.0, 50.0, 3.0, 1.0, 1.0]], counts=[[0.0, 0.0]]
    )
    found = _evidence._with_few_points(start)
    # The median mass is 1: of the light 1, 8 and 10 the first two join at 4.5.
    assert_array_equal(found.points, [2.0, 4.0, 4.5, 10.0])
    assert_array_equal(found.point_mass, [[50.0, 3.0, 2.0, 1.0]])
    few = summary([1.0, 2.0, 4.0, 8.0], [[1.0] * 4])
    assert _evidence._with_few_points(few) is few


def test_points_join_by_the_weight_of_all_rows(monkeypatch):
    monkeypatch.setattr(_evidence, "EXACT_SIZE", 2)
    start = summary(
        [1.0, 2.0, 4.0, 9.0],
        [[1.0, 2.0, 0.0, 9.0], [0.0, 1.0, 0.0, 9.0]],
        counts=[[0.0, 0.0]] * 2,
    )
    found = _evidence._with_few_points(start)
    # One at 1 and nobody at 4 meet at 1; then that one and three at 2 meet at 1.75.
    assert_array_equal(found.points, [1.75, 9.0])
    assert_array_equal(found.point_mass, [[3.0, 9.0], [1.0, 9.0]])


# ---- grids ---------------------------------------------------------------------------
IDENTITY = {"to_place": lambda values: values, "origin": 0.0, "unit": 1.0}


@pytest.mark.parametrize(
    ("lower", "upper", "n_bins", "level", "first", "n_nodes"),
    [
        # Sixteen cells of a quarter from 0 to 4, and of a half when it does not fit.
        (0.0, 4.0, 16, 2, 0, 17),
        (0.1, 4.1, 16, 1, 0, 10),
        (-2.0, 2.0, 16, 2, -8, 17),
        (8.0, 12.0, 16, 2, 32, 17),
        (0.0, 4.0, 64, 4, 0, 65),
        (0.0, 1000.0, 16, -6, 0, 17),
    ],
)
def test_the_finest_grid_that_holds_them(lower, upper, n_bins, level, first, n_nodes):
    grid = make_grid(np.array([lower, upper]), n_bins=n_bins, **IDENTITY)
    assert (grid.level, grid.first, grid.n_nodes) == (level, first, n_nodes)
    assert grid.width == 2.0**-level
    assert grid.node(3) == (first + 3) * 2.0**-level
    node = (first + np.arange(n_nodes)) * grid.width
    assert_allclose(grid.counts.sum(), 2.0)
    assert_allclose(grid.counts[0] @ node, lower + upper, atol=1e-5 * grid.width)


def test_one_value_has_a_grid_of_two_nodes():
    grid = make_grid(np.array([3.0, 3.0]), n_bins=16, **IDENTITY)
    assert grid.n_nodes == 2
    assert_allclose(grid.counts, [[2.0, 0.0]])
    empty = make_grid(np.zeros(0), n_bins=16, n_rows=3, **IDENTITY)
    assert_array_equal(empty.counts, np.zeros((3, 2)))


def test_a_wider_grid_has_the_same_counts_at_the_same_nodes():
    grid = Grid(10.0, 1.0, 1, 3, np.array([[1.0, 2.0]]))
    wide = grid.widened(1, 6)
    assert_array_equal(wide.counts, [[0.0, 0.0, 1.0, 2.0, 0.0, 0.0]])
    assert wide.node(2) == grid.node(0) == 11.5
    assert_array_equal(grid.widened(4, 3).counts, grid.counts)


@pytest.mark.parametrize(
    ("n_subgroups", "cells"),
    [(0, 2048), (1, 2048), (128, 2048), (129, 1024), (512, 512), (1024, 256),
     (100_000, 256)],
)  # fmt: skip
def test_cells_for_many_subgroups_stay_in_the_caches(n_subgroups, cells):
    assert _cells_for(n_subgroups) == cells
