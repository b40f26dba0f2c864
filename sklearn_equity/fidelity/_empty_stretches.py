"""Where along a characteristic does nobody live, though people live on both sides?"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_empty_stretches"]

Vector = NDArray[np.float64]

_TIMES_WIDER = 5.0  # than what the next people on either side take up
_FEWEST_PEOPLE = 20  # or chance leaves stretches as empty
_FEWEST_VALUES = 5  # different ones, so that ties and whole numbers are not empty


def find_empty_stretches(values: Vector, *, n_points: int) -> Vector:
    """Return the two ends of each stretch that is far emptier than its surroundings.

    It is wider by far than what the people of one step of the curve, and no fewer than
    20 with five different values, take up below it and above it. Long tails thin out
    step by step, and are not torn.
    """
    different, counts = np.unique(values, return_counts=True)
    below = np.cumsum(counts)  # people up to each value, itself included
    step = max(len(values) / (n_points - 1), _FEWEST_PEOPLE)
    last = np.arange(len(different) - 1)  # the value below each stretch
    first = np.searchsorted(below, below[last] - step, side="right")
    first = np.clip(np.minimum(first, last - _FEWEST_VALUES + 1), 0, None)
    end = np.searchsorted(below, below[last] + step, side="left")
    end = np.clip(np.maximum(end, last + _FEWEST_VALUES), None, len(different) - 1)
    around = np.maximum(
        different[last] - different[first], different[end] - different[last + 1]
    )
    empty = np.diff(different) > _TIMES_WIDER * around
    return np.column_stack([different[:-1][empty], different[1:][empty]])
