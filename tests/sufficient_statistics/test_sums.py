"""Which sums does a subgroup leave behind? Laws, a slow reference, edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_equity.sufficient_statistics import subgroup_sums


def _population(seed, n_rows=200, n_subgroups=5):
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, n_subgroups, n_rows)
    return codes, rng.normal(size=(n_rows, 3)), rng.uniform(0, 2, n_rows)


def _naive_sums(codes, n_subgroups, columns, weights):
    sums = np.zeros((n_subgroups, columns.shape[1]))
    for code, row, weight in zip(codes, columns, weights, strict=True):
        if code >= 0:
            sums[code] += weight * row
    return sums


@given(seed=st.integers(0, 1000))
def test_sums_against_naive(seed):
    codes, columns, weights = _population(seed)
    expected = _naive_sums(codes, 5, columns, weights)
    assert_allclose(subgroup_sums(codes, 5, columns, weights), expected, atol=1e-12)


@given(seed=st.integers(0, 1000), cut=st.integers(0, 200))
def test_parts_add_up_to_the_whole(seed, cut):
    codes, columns, weights = _population(seed)
    parts = [slice(0, cut), slice(cut, None)]
    merged = sum(
        subgroup_sums(codes[rows], 5, columns[rows], weights[rows]) for rows in parts
    )
    assert_allclose(merged, subgroup_sums(codes, 5, columns, weights), atol=1e-12)


def test_unit_weights_are_no_weights():
    codes, columns, _ = _population(0)
    assert_allclose(
        subgroup_sums(codes, 5, columns, np.ones(len(codes))),
        subgroup_sums(codes, 5, columns),
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_none_is_a_column_of_ones(weighted):
    codes, columns, weights = _population(2)
    weights = weights if weighted else None
    assert_allclose(
        subgroup_sums(codes, 5, [None, columns[:, 0]], weights),
        subgroup_sums(codes, 5, [np.ones(len(codes)), columns[:, 0]], weights),
        rtol=1e-15,
    )


def test_a_list_of_columns_is_a_table_of_columns():
    codes, columns, weights = _population(1)
    assert_allclose(
        subgroup_sums(codes, 5, list(columns.T), weights),
        subgroup_sums(codes, 5, columns, weights),
    )


@pytest.mark.parametrize("codes", [np.array([], dtype=int), np.array([-1, -1])])
def test_subgroups_without_rows_have_zero_sums(codes):
    sums = subgroup_sums(codes, 3, [np.ones(len(codes))])
    assert_allclose(sums, np.zeros((3, 1)))
