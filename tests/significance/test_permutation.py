"""Subgroups against everybody else: exact counts, SciPy's test, ties, false alarms."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_equity import permutation_test

SIDES = ["two-sided", "greater", "less"]
every_side = pytest.mark.parametrize("alternative", SIDES)


def _enumerated(values, n_inside, observed, alternative):
    """The p-value over all choices of as many people, one by one."""
    mean = np.mean(values)
    distances = [np.mean(one) - mean for one in combinations(values, n_inside)]
    turn = {"two-sided": np.abs, "greater": np.array, "less": np.negative}[alternative]
    return np.mean(turn(distances) >= turn(observed - mean) - 1e-9)


# ---- hand-worked and exhaustive --------------------------------------------------
def test_two_against_two_worked_by_hand():
    """Of the 6 choices of 2 among 1, 1, 0, 0 one holds both ones, one none."""
    labels = ["a", "a", "b", "b"]
    found = permutation_test([1, 1, 0, 0], subgroups=labels)
    assert_allclose(found.p_value[:, 0], 2 / 6)
    found = permutation_test([1, 1, 0, 0], subgroups=labels, alternative="greater")
    assert_allclose(found.p_value[:, 0], [1 / 6, 1])
    assert_allclose(found.mean_in[:, 0], [1, 0])
    assert_allclose(found.mean_out[:, 0], [0, 1])


@every_side
def test_binary_values_against_every_choice(alternative):
    values = np.array([5, 2, 5, 2, 2, 2, 5, 2, 2])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    found = permutation_test(values, subgroups=labels, alternative=alternative)
    assert found.exact.all()
    for label in (0, 1):
        inside = values[labels == label]
        expected = _enumerated(values, len(inside), inside.mean(), alternative)
        assert_allclose(found.p_value[label, 0], expected)


@every_side
def test_values_with_ties_against_every_choice(alternative):
    values = np.array([0.1, 0.1, 0.2, 0.3, 0.3, 0.6, 0.2, 0.1, 0.7])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    found = permutation_test(
        values,
        subgroups=labels,
        alternative=alternative,
        n_permutations=20_000,
        random_state=0,
    )
    for label in (0, 1):
        inside = values[labels == label]
        expected = _enumerated(values, len(inside), inside.mean(), alternative)
        assert abs(found.p_value[label, 0] - expected) < 4 * np.sqrt(0.25 / 20_000)


# ---- oracles ---------------------------------------------------------------------
@every_side
def test_binary_values_against_scipy_fisher(alternative):
    rng = np.random.default_rng(3)
    smokes, ward = rng.random(300) < 0.3, rng.random(300) < 0.2
    found = permutation_test(smokes, subgroups=ward, alternative=alternative)
    counts = [
        [(smokes & ward).sum(), (~smokes & ward).sum()],
        [(smokes & ~ward).sum(), (~smokes & ~ward).sum()],
    ]
    if alternative == "two-sided":  # another rule: see the notes of the function
        return
    expected = stats.fisher_exact(counts, alternative=alternative).pvalue
    assert_allclose(found.p_value[1, 0], expected)


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_numbers_against_scipy_permutation_test(alternative):
    rng = np.random.default_rng(4)
    age, ward = rng.exponential(size=90), np.repeat([0, 1, 2], 30)
    age[ward == 1] += 0.15
    found = permutation_test(
        age,
        subgroups=ward,
        alternative=alternative,
        n_permutations=5000,
        random_state=0,
    )
    for label in range(3):
        expected = stats.permutation_test(
            (age[ward == label], age[ward != label]),
            lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
            vectorized=True,
            alternative=alternative,
            n_resamples=5000,
            random_state=1,
        ).pvalue
        assert abs(found.p_value[label, 0] - expected) < 4 * np.sqrt(0.5 / 5000)


# ---- laws ------------------------------------------------------------------------
def test_p_never_zero_and_constant_columns_never_differ():
    values = np.column_stack([np.arange(40.0), np.full(40, 7.0)])
    labels = np.arange(40) // 20
    found = permutation_test(
        values, subgroups=labels, n_permutations=99, random_state=0
    )
    assert_allclose(found.p_value[:, 0], 1 / 100)
    assert_allclose(found.p_value[:, 1], 1.0)


@every_side
def test_exact_p_never_zero(alternative):
    """One choice of 3,000 among 6,000 is as marked: too rare for a float."""
    marked = np.repeat([1, 0], 3000)
    found = permutation_test(marked, subgroups=marked, alternative=alternative)
    assert (found.p_value > 0.0).all()
    assert found.p_value.min() < 1e-300


def test_small_exact_p_values_keep_their_digits():
    """Of 400 people 200 are marked, all in a subgroup of 200: 1 / choose(400, 200)."""
    marked = np.repeat([1, 0], 200)
    found = permutation_test(marked, subgroups=marked, alternative="greater")
    assert_allclose(found.p_value[1, 0], 1 / comb(400, 200), rtol=1e-9)


def test_unit_and_origin_do_not_matter():
    rng = np.random.default_rng(5)
    values, labels = rng.normal(size=60), np.arange(60) % 3
    options = {"subgroups": labels, "n_permutations": 200, "random_state": 1}
    plain = permutation_test(values, **options).p_value
    moved = permutation_test(1e6 + 1e-3 * values, **options).p_value
    assert_allclose(moved, plain)


def test_a_subgroup_at_the_mean_does_not_differ():
    """Its deviation is 0 but for rounding, and every shuffle is as far."""
    values = [0.1, 0.3, 0.2, 0.7, 0.6, 0.2, 0.1, 0.9]
    values = [*values, *values]
    labels = [0] * 8 + [1] * 8
    found = permutation_test(
        values, subgroups=labels, n_permutations=50, random_state=0
    )
    assert_allclose(found.p_value, 1.0)


def test_frames_and_seeds():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"age": rng.normal(size=30), "sex": np.arange(30) % 2})
    ward = pd.Series(np.arange(30) % 5)
    once, again = (
        permutation_test(frame, subgroups=ward, n_permutations=20, random_state=7)
        for _ in range(2)
    )
    assert_allclose(once.p_value, again.p_value)
    assert once.exact.tolist() == [False, True]


@pytest.mark.slow
def test_false_alarms_are_at_their_level(capsys):
    rng = np.random.default_rng(20260510)
    labels = rng.integers(10, size=500)
    rejected = []
    for _ in range(200):
        values = np.column_stack([rng.standard_t(3, size=500), rng.random(500) < 0.3])
        found = permutation_test(
            values, subgroups=labels, n_permutations=199, random_state=0
        )
        rejected.append(found.p_value <= 0.05)
    share = np.mean(rejected, axis=(0, 1))
    with capsys.disabled():
        print(f"\nfalse alarms: numbers {share[0]:.3f}, exact {share[1]:.3f}")
    assert abs(share[0] - 0.05) < 0.02
    assert share[1] <= 0.055  # few values: exact tests seldom use their level up


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_permutations": 0}, r"`n_permutations` must be a whole number.*got 0"),
        ({"alternative": "more"}, r"`alternative` must be .*got 'more'"),
        ({"subgroups": [0, 1]}, r"one label per row of `values` \(3\); got 2"),
        ({"subgroups": [0, 0, 0]}, r"at least 2 different labels"),
    ],
)
def test_refusals_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        permutation_test([1.0, 2.0, 3.0], **{"subgroups": [0, 1, 1], **options})


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match=r"`values` must hold finite.*1 of 2 missing"):
        permutation_test([1.0, np.nan], subgroups=[0, 1])


def test_binomial_by_hand():
    """3 of 3 marked among 10 in a subgroup of 5: choose(5, 3) / choose(10, 3)."""
    found = permutation_test(
        [1] * 3 + [0] * 7, subgroups=[0] * 5 + [1] * 5, alternative="greater"
    )
    assert_allclose(found.p_value[0, 0], comb(5, 3) / comb(10, 3))


def test_rows_in_another_order_are_refused():
    values = pd.Series(np.arange(40.0), index=np.arange(40) + 7)
    ward = pd.Series(np.resize(["east", "west"], 40), index=values.index)
    with pytest.raises(ValueError, match="`subgroups` and `values` have different ind"):
        permutation_test(values, subgroups=ward.sample(frac=1, random_state=0))
