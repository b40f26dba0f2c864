"""The search against all conjunctions one by one, and the bounds by which it prunes."""

from itertools import combinations

import numpy as np
import pytest

from sklearn_equity.discovery._items import Item, make_items
from sklearn_equity.discovery._rule_search import _Moments, search_conjunctions


def _random_items(seed, n_rows=160, n_columns=5, n_cuts=2, min_rows=8):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n_rows, n_columns))
    table[:, -1] = rng.random(n_rows) < 0.4
    table[rng.random(n_rows) < 0.2, 0] = np.nan
    levels = [None] * n_columns
    return rng, make_items(table, levels, n_cuts=n_cuts, min_rows=min_rows)


def _naive_score(scores, inside, *, own_variance):
    """Return the score of the docstring's equation, term by term."""
    centred = scores - scores.mean(axis=0)
    z = []
    for column in centred.T:
        variance = (column**2).mean()
        spread = inside.sum() * variance
        if own_variance:
            spread = max((column[inside] ** 2).sum(), spread / 2)
        z.append(column[inside].sum() / np.sqrt(spread))
    if len(z) == 1:
        return z[0]
    return (sum(one**2 for one in z) - len(z)) / np.sqrt(2 * len(z))


def _is_allowed(held, items, min_size, *, is_last):
    """Is it large enough, with no condition that changes nothing on the way?

    The last two items of the longest conjunctions are added at once: each must change
    something without the other, and with it.
    """
    n = held[:, items].all(axis=1).sum()
    *prefix, last = items
    without_last = held[:, prefix].all(axis=1).sum()
    if n < min_size or n > 0.97 * without_last:
        return False
    if not prefix:
        return True
    if is_last:
        other = [*prefix[:-1], last]
        if n > 0.97 * held[:, other].all(axis=1).sum():
            return False
        if not _is_allowed(held, other, min_size, is_last=False):
            return False
    return _is_allowed(held, prefix, min_size, is_last=False)


def _naive_search(found, scores, *, max_depth, min_size, own_variance):
    """Score every conjunction; keep the best of each combination of families."""
    best = {}
    held, families = found.held, found.families
    for depth in range(1, max_depth + 1):
        for items in combinations(range(held.shape[1]), depth):
            signature = tuple(int(families[j]) for j in items)
            if len(set(signature)) < depth:
                continue
            is_last = depth == max_depth
            if not _is_allowed(held, list(items), min_size, is_last=is_last):
                continue
            inside = held[:, list(items)].all(axis=1)
            score = _naive_score(scores, inside, own_variance=own_variance)
            best[signature] = max(best.get(signature, -np.inf), score)
    return best


@pytest.mark.parametrize("own_variance", [False, True])
@pytest.mark.parametrize("n_scores", [1, 3])
@pytest.mark.parametrize("max_depth", [1, 2, 3])
def test_search_against_all_conjunctions_one_by_one(max_depth, n_scores, own_variance):
    rng, found = _random_items(seed=10 * max_depth + n_scores)
    scores = rng.exponential(size=(160, n_scores))
    options = {"max_depth": max_depth, "min_size": 8, "own_variance": own_variance}
    naive = _naive_search(found, scores, **options)
    result = search_conjunctions(
        found.held,
        scores,
        families=found.families,
        n_kept=10_000,
        least_score=-1e9,
        **options,
    )
    assert result.is_exhaustive
    assert len(result.conjunctions) == len(naive)
    for one in result.conjunctions:
        inside = found.held[:, list(one.items)].all(axis=1)
        assert one.n == inside.sum() >= 8
        expected = _naive_score(scores, inside, own_variance=own_variance)
        assert one.score == pytest.approx(expected, rel=1e-4, abs=1e-4)
        signature = tuple(int(found.families[j]) for j in one.items)
        assert one.score == pytest.approx(naive[signature], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("n_scores", [1, 2])
def test_keeping_few_prunes_but_returns_the_same_best(n_scores):
    rng, found = _random_items(seed=3)
    scores = rng.standard_t(3, size=(160, n_scores))
    options = {"families": found.families, "max_depth": 4, "min_size": 8}
    many = search_conjunctions(found.held, scores, n_kept=10_000, **options)
    few = search_conjunctions(found.held, scores, n_kept=5, **options)
    assert few.conjunctions == many.conjunctions[:5]
    assert few.n_candidates <= many.n_candidates


@pytest.mark.parametrize("own_variance", [False, True])
@pytest.mark.parametrize("n_scores", [1, 2])
def test_no_part_of_a_subgroup_scores_above_its_bound(n_scores, own_variance):
    rng = np.random.default_rng(0)
    scores = rng.standard_t(3, size=(40, n_scores))
    moments = _Moments.of(scores, min_size=4, own_variance=own_variance)
    rows = np.arange(9)
    bound = moments.bound(rows)
    parts = [part for size in range(4, 10) for part in combinations(rows, size)]
    for part in parts:
        inside = np.isin(np.arange(40), part)
        score = _naive_score(scores, inside, own_variance=own_variance)
        assert score <= bound + 1e-5
    if n_scores == 1 and not own_variance:
        reached = max(
            _naive_score(scores, np.isin(np.arange(40), part), own_variance=False)
            for part in parts
        )
        assert reached == pytest.approx(bound, rel=1e-5)  # and the bound is tight


def test_several_scores_find_structure_in_either_direction():
    rng = np.random.default_rng(1)
    held = rng.random((2000, 6)) < 0.4
    inside = held[:, 1] & held[:, 4]
    scores = rng.normal(size=(2000, 2))
    scores[inside] -= [0.0, 1.0]
    result = search_conjunctions(held, scores, max_depth=3, min_size=50)
    assert result.conjunctions[0].items == (1, 4)


def test_own_variance_passes_over_a_subgroup_that_is_merely_noisier():
    rng = np.random.default_rng(2)
    held = rng.random((4000, 8)) < 0.3
    scores = rng.normal(size=4000)
    scores[held[:, 0]] *= 6
    scores[held[:, 3] & held[:, 5]] += 0.8
    result = search_conjunctions(held, scores, max_depth=2, own_variance=True)
    assert result.conjunctions[0].items == (3, 5)


def test_too_little_work_is_a_beam_and_says_so():
    rng, found = _random_items(seed=4)
    scores = rng.exponential(size=160)
    options = {"families": found.families, "max_depth": 4, "min_size": 8}
    whole = search_conjunctions(found.held, scores, **options)
    beam = search_conjunctions(found.held, scores, max_work=2e5, **options)
    assert whole.is_exhaustive
    assert not beam.is_exhaustive
    assert 0 < beam.n_candidates < whole.n_candidates
    assert beam.conjunctions[0].score <= whole.conjunctions[0].score + 1e-6


def test_constant_scores_find_nothing():
    held = np.random.default_rng(0).random((100, 4)) < 0.5
    result = search_conjunctions(held, np.ones(100), min_size=5)
    assert result.conjunctions == ()


def test_no_items_find_nothing():
    result = search_conjunctions(np.zeros((10, 0), dtype=bool), np.arange(10.0))
    assert result.conjunctions == ()


# ---- items ----------------------------------------------------------------------
def test_items_of_numbers_labels_and_gaps_by_hand():
    nan = np.nan
    table = np.array([[1, 2, 3, 4, nan, nan], [0, 1, 2, 0, 1, 2]], dtype=float).T
    found = make_items(table, [None, ("a", "b", "c")], n_cuts=1, min_rows=1)
    assert set(found.items) == {
        Item(0, "missing"),
        Item(0, "at_least", 3.0),
        Item(0, "below", 3.0),
        Item(1, "equals", 0.0),
        Item(1, "equals", 1.0),
        Item(1, "equals", 2.0),
    }
    held = dict(zip(found.items, found.held.T.tolist(), strict=True))
    assert held[Item(0, "below", 3.0)] == [True, True, False, False, False, False]
    assert held[Item(0, "missing")] == [False, False, False, False, True, True]


def test_two_values_are_compared_for_equality_and_few_are_all_cut():
    table = np.array([[0, 1, 0, 1], [0, 1, 2, 2]], dtype=float).T
    items = make_items(table, [None, None], n_cuts=4, min_rows=1).items
    assert {item.value for item in items if item.column == 0} == {0.0, 1.0}
    assert {item.kind for item in items if item.column == 0} == {"equals"}
    assert {item.value for item in items if item.kind == "at_least"} == {1.0, 2.0}


def test_items_that_few_or_all_rows_meet_are_left_out():
    table = np.array([[0, 0, 0, 0, 1], [7, 7, 7, 7, 7]], dtype=float).T
    items = make_items(table, [None, None], n_cuts=4, min_rows=2).items
    assert items == (Item(0, "equals", 0.0),)
