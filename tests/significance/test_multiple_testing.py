"""Who can be called significant when many are tested at once?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from sklearn_equity.significance import (
    benjamini_hochberg,
    benjamini_yekutieli,
    holm,
)

ADJUSTMENTS = pytest.mark.parametrize(
    "adjust", [benjamini_hochberg, benjamini_yekutieli, holm]
)
p_values = arrays(np.float64, st.integers(1, 20), elements=st.floats(0.0, 1.0))


@ADJUSTMENTS
@given(p=p_values, seed=st.integers(0, 100))
def test_adjustment_ignores_order(adjust, p, seed):
    order = np.random.default_rng(seed).permutation(len(p))
    assert_allclose(adjust(p[order]), adjust(p)[order])


@ADJUSTMENTS
@given(p=p_values)
def test_adjusted_values_keep_the_ranking_and_are_no_smaller(adjust, p):
    adjusted = adjust(p)
    assert (adjusted >= p - 1e-15).all()
    assert (adjusted <= 1.0).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0.0).all()


@given(p=p_values)
def test_bounding_the_share_finds_no_less_than_bounding_any(p):
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()


def test_adjustments_worked_by_hand():
    p = [0.01, 0.04, 0.03]
    assert_allclose(holm(p), [3 * 0.01, 2 * 0.03, 2 * 0.03])
    assert_allclose(benjamini_hochberg(p), [3 * 0.01, 0.04, 0.04])
    harmonic = 1 + 1 / 2 + 1 / 3
    assert_allclose(benjamini_yekutieli(p), harmonic * np.array([0.03, 0.04, 0.04]))


@ADJUSTMENTS
def test_a_test_that_was_not_made_does_not_count(adjust):
    adjusted = adjust([np.nan, 0.01, 0.04])
    assert np.isnan(adjusted[0])
    assert_allclose(adjusted[1:], adjust([0.01, 0.04]))
    assert np.isnan(adjust([np.nan])).all()


@ADJUSTMENTS
def test_values_outside_are_refused(adjust):
    with pytest.raises(
        ValueError, match=r"between 0 and 1; got 1 outside, such as 1\.2"
    ):
        adjust([0.5, 1.2])
