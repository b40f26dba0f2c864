"""Laws of the Dice coefficient, whatever the masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import dice_score

some = settings(max_examples=40, deadline=None)
pairs_of_masks = arrays.array_shapes(min_dims=2, max_dims=4, max_side=6).flatmap(
    lambda shape: st.tuples(*(arrays.arrays(bool, shape) for _ in range(2)))
)
drawn = given(masks=pairs_of_masks)


def pixels(mask):
    """List what is inside a mask."""
    return {tuple(place) for place in np.argwhere(mask).tolist()}


@some
@drawn
def test_it_is_twice_the_common_pixels_over_those_of_both(masks):
    expected = []
    for one, other in zip(*masks, strict=True):
        a, b = pixels(one), pixels(other)
        total = len(a) + len(b)
        expected.append(2 * len(a & b) / total if total else 1.0)
    assert_allclose(dice_score(*masks), expected, rtol=1e-15)


@some
@drawn
def test_it_follows_from_the_jaccard_index(masks):
    for score, one, other in zip(dice_score(*masks), *masks, strict=True):
        if union := pixels(one) | pixels(other):
            jaccard = len(pixels(one) & pixels(other)) / len(union)
            assert_allclose(score, 2 * jaccard / (1 + jaccard), rtol=1e-14)


@some
@drawn
def test_it_is_symmetric_and_lies_between_0_and_1(masks):
    truth, found = masks
    score = dice_score(truth, found)
    assert score.shape == (len(truth),)
    assert_array_equal(score, dice_score(found, truth))
    assert ((score >= 0.0) & (score <= 1.0)).all()


@some
@drawn
def test_it_is_1_for_equal_masks_alone(masks):
    truth, found = masks
    equal = (truth == found).reshape(len(truth), -1).all(axis=1)
    assert_array_equal(dice_score(truth, found) == 1.0, equal)
    assert_array_equal(dice_score(truth, truth), 1.0)


@some
@drawn
def test_it_is_0_for_disjoint_masks(masks):
    truth, found = masks
    apart = found & ~truth
    anything = (truth | apart).reshape(len(truth), -1).any(axis=1)
    assert_array_equal(dice_score(truth, apart), np.where(anything, 0.0, 1.0))


@some
@given(masks=pairs_of_masks, seed=st.integers(0, 10_000))
def test_where_pixels_lie_does_not_matter(masks, seed):
    rng = np.random.default_rng(seed)
    truth, found = (mask.reshape(len(mask), -1) for mask in masks)
    places = rng.permutation(truth.shape[1])
    moved = dice_score(truth[:, places], found[:, places])
    assert_array_equal(moved, dice_score(*masks))


@some
@given(masks=pairs_of_masks, seed=st.integers(0, 10_000))
def test_each_row_has_its_own_score(masks, seed):
    rows = np.random.default_rng(seed).permutation(len(masks[0]))
    truth, found = masks
    moved = dice_score(truth[rows], found[rows])
    assert_array_equal(moved, dice_score(truth, found)[rows])


@some
@drawn
def test_a_pixel_more_that_is_right_raises_it_and_one_that_is_wrong_lowers_it(masks):
    truth, found = (mask.reshape(len(mask), -1) for mask in masks)
    score = dice_score(truth, found)
    for row in range(len(truth)):
        for pixel in np.flatnonzero(~found[row]):
            more = found.copy()
            more[row, pixel] = True
            change = dice_score(truth, more)[row] - score[row]
            if truth[row, pixel]:
                assert change > 0.0
            else:
                assert change < 0.0 or score[row] == 0.0


@pytest.mark.parametrize("kind", [int, float, "uint8", list])
@some
@drawn
def test_the_type_of_masks_does_not_matter(kind, masks):
    typed = [mask.tolist() if kind is list else mask.astype(kind) for mask in masks]
    assert_array_equal(dice_score(*typed), dice_score(*masks))
