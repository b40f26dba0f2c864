"""Are as many people hidden as the limit says, and no more subgroups than it takes?"""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_equity.sufficient_statistics import to_suppress


@pytest.mark.parametrize(
    ("n", "n_elsewhere", "hidden"),
    [
        ([50, 60, 70], 0, []),  # nobody is small
        ([50, 7, 60], 0, [0, 1]),  # one alone is the rest of all
        ([1, 50, 1, 60], 0, [0, 1, 2]),  # two are as well, of two people
        ([6, 50, 6, 60], 0, [0, 2]),  # 12 people are enough
        ([50, 60], 3, [0]),  # three people without a label
        ([50, 60], 10, []),
        ([3, 4], 0, [0, 1]),
        ([10, 9, 11], 0, [0, 1]),
        ([], 3, []),
    ],
)
def test_small_subgroups_and_enough_others_are_hidden(n, n_elsewhere, hidden):
    found = to_suppress(np.array(n, dtype=np.int64), 10, n_elsewhere)
    assert_array_equal(np.flatnonzero(found), hidden)


def test_without_a_limit_nobody_is_hidden():
    assert not to_suppress(np.array([1, 2]), 0, 1).any()
    assert not to_suppress(np.array([1, 2]), 1, 1).any()
