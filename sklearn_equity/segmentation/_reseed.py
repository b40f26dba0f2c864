"""How does a fit get seeds of its own, whatever it is made of?"""

from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

_LARGEST_SEED = np.iinfo(np.int32).max


def draw_seed(rng: RandomState) -> int:
    """Draw an integer that can be a `random_state`."""
    return int(rng.randint(_LARGEST_SEED))


def reseed(estimator: Any, seed: int) -> Any:
    """Replace every random state in an estimator, each by a seed of its own."""
    rng = check_random_state(seed)
    names = [
        name
        for name in sorted(estimator.get_params(deep=True))
        if name.rpartition("__")[2] == "random_state"
    ]
    if names:  # a frozen estimator takes no parameters, and says nothing of itself
        estimator.set_params(**{name: draw_seed(rng) for name in names})
    return estimator
