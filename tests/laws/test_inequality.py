"""What every inequality index must do, whatever its formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

import sklearn_equity.inequality as stage

AT_EQUALITY = {
    "gini": 0.0,
    "theil": 0.0,
    "atkinson": 0.0,
    "generalized_entropy": 0.0,
    "coefficient_of_variation": 0.0,
    "max_gap": 0.0,
    "max_ratio": 1.0,
}
NO_INDEX = {"lorenz_curve", "inequality_index", "InequalityIndex"}
HAS_A_UNIT = {"max_gap"}
READS_EXTREMES_ALONE = {"max_gap", "max_ratio"}
positive = st.floats(0.01, 100.0)
values_strategy = arrays(np.float64, st.integers(2, 20), elements=positive)


def _laws_for(names):
    functions = [getattr(stage, name) for name in sorted(names)]
    return pytest.mark.parametrize("index", functions, ids=sorted(names))


every_index = _laws_for(AT_EQUALITY)


def test_every_index_of_the_stage_is_under_the_laws():
    assert {*AT_EQUALITY, *NO_INDEX} == set(stage.__all__)


@pytest.mark.parametrize("name", AT_EQUALITY)
@given(value=positive, n=st.integers(1, 20))
def test_value_at_equality(name, value, n):
    index = getattr(stage, name)
    assert_allclose(index(np.full(n, value)), AT_EQUALITY[name], atol=1e-12)


@pytest.mark.parametrize("name", AT_EQUALITY)
@given(values=values_strategy)
def test_no_value_is_below_that_at_equality(name, values):
    assert getattr(stage, name)(values) >= AT_EQUALITY[name]


@every_index
@given(values=values_strategy, seed=st.integers(0, 1000))
def test_index_ignores_row_order(index, values, seed):
    shuffled = np.random.default_rng(seed).permutation(values)
    assert_allclose(index(shuffled), index(values), atol=1e-12)


@_laws_for(set(AT_EQUALITY) - HAS_A_UNIT)
@given(values=values_strategy, exponent=st.integers(-250, 250))
def test_index_ignores_the_unit(index, values, exponent):
    assert_allclose(index(values * 10.0**exponent), index(values), atol=1e-9)


@_laws_for(HAS_A_UNIT)
@given(values=values_strategy, factor=st.sampled_from([2.0**-20, 0.5, 8.0]))
def test_an_index_with_a_unit_follows_it(index, values, factor):
    assert_allclose(index(values * factor), factor * index(values), rtol=1e-12)


@every_index
@given(values=values_strategy, times=st.integers(2, 4))
def test_index_ignores_replication_of_the_population(index, values, times):
    assert_allclose(index(np.tile(values, times)), index(values), atol=1e-12)


@every_index
@given(values=values_strategy, data=st.data())
def test_weights_equal_repetition(index, values, data):
    times = data.draw(arrays(np.int64, len(values), elements=st.integers(1, 5)))
    repeated = index(np.repeat(values, times))
    assert_allclose(index(values, sample_weight=times), repeated, atol=1e-12)


@every_index
@given(values=values_strategy, share=st.floats(0.01, 0.49))
def test_index_falls_after_transfer_from_rich_to_poor(index, values, share):
    poor, rich = values.argmin(), values.argmax()
    gap = values[rich] - values[poor]
    if gap < 1e-3 * values.mean():
        return
    transferred = values.copy()
    transferred[rich] -= share * gap
    transferred[poor] += share * gap
    assert index(transferred) <= index(values) + 1e-12


@_laws_for(set(AT_EQUALITY) - READS_EXTREMES_ALONE)
@given(values=values_strategy, data=st.data())
def test_index_falls_after_any_transfer_downwards(index, values, data):
    """Pigou-Dalton, between any two, and strictly."""
    i, j = data.draw(st.permutations(range(len(values))))[:2]
    gap = abs(values[i] - values[j])
    if gap < 0.05 * values.sum():
        return
    transferred = values.copy()
    rich, poor = (i, j) if values[i] > values[j] else (j, i)
    transferred[rich] -= 0.25 * gap
    transferred[poor] += 0.25 * gap
    assert index(transferred) < index(values)


@every_index
@given(values=values_strategy, ghosts=values_strategy, data=st.data())
def test_rows_of_weight_zero_do_not_count(index, values, ghosts, data):
    weights = data.draw(arrays(np.float64, len(values), elements=positive))
    order = data.draw(st.permutations(range(len(values) + len(ghosts))))
    haunted = index(
        np.r_[values, 500.0 * ghosts][order],
        sample_weight=np.r_[weights, np.zeros(len(ghosts))][order],
    )
    assert_allclose(haunted, index(values, sample_weight=weights), atol=1e-12)


@every_index
@given(values=values_strategy, data=st.data(), exponent=st.integers(-300, 300))
def test_only_ratios_of_weights_matter(index, values, data, exponent):
    weights = data.draw(arrays(np.float64, len(values), elements=positive))
    scaled = index(values, sample_weight=weights * 10.0**exponent)
    assert_allclose(scaled, index(values, sample_weight=weights), atol=1e-12)
