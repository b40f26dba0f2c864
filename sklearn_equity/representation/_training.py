"""Which of several trainings is kept? The soundest, and of those the one of least loss.

A training can fail by bad luck with its starting weights alone. It is recognised by
what a sound embedding must do, and another one is started.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_equity.representation._tasks import Trainings

# Of trainings that fail by bad luck, one in ten or so, three in a row are rare.
MOST_TRAININGS = 4
# A table of few rows would see few steps in an epoch, and early stopping would end the
# training before it began: it is cut into at least so many steps of at least so many.
_STEPS_AN_EPOCH = 20
_SMALLEST_BATCH = 8


@dataclass(frozen=True)
class Candidate:
    """A trained net, and what was found out about it."""

    net: Any
    seed: int
    loss: float
    failure: str | None

    @property
    def rank(self) -> tuple[bool, float]:
        """Sound ones first, then those of little loss."""
        return self.failure is not None, self.loss


def train_candidates(
    train: Callable[..., Any],
    find_failure: Callable[[Any, float], str | None],
    *,
    n_init: int | str,
    random_state: np.random.RandomState,
    tasks: Trainings,
) -> Candidate:
    """Train as often as asked, or until a training is sound, and keep the best.

    Parameters
    ----------
    train : callable
        From a seed and a watcher to a trained net.
    find_failure : callable
        From a net and its least loss to what is wrong with it, or None.
    n_init : int or "auto"
        How many trainings; "auto" ends with the first sound one.
    random_state : RandomState instance
        Draws the seeds.
    tasks : Trainings
        By which callbacks are told of trainings and epochs.
    """
    best = Candidate(net=None, seed=-1, loss=np.inf, failure="no training")
    seeds = random_state.randint(np.iinfo(np.int32).max, size=count_trainings(n_init))
    for seed in seeds.tolist():
        with tasks.one() as watcher:
            net = train(seed=seed, watcher=watcher)
        loss = least_loss(net)
        candidate = Candidate(net, seed, loss, find_failure(net, loss))
        if best.net is None or candidate.rank < best.rank:
            best = candidate
        if n_init == "auto" and candidate.failure is None:
            break
    return best


def count_trainings(n_init: int | str) -> int:
    """Say how many trainings there may be."""
    return MOST_TRAININGS if n_init == "auto" else int(n_init)


def least_loss(net: Any) -> float:
    """Find the loss of the best epoch; infinite if none was a number."""
    losses = [epoch.get("valid_loss", epoch["train_loss"]) for epoch in net.history]
    finite = [loss for loss in losses if np.isfinite(loss)]
    return min(finite, default=np.inf)


def collect_history(net: Any) -> dict[str, NDArray[np.float64]]:
    """Bring the losses of all epochs into arrays; NaN where none was measured."""
    keys = dict.fromkeys(key for epoch in net.history for key in epoch)
    return {
        key: np.array([epoch.get(key, np.nan) for epoch in net.history])
        for key in keys
        if key.endswith("_loss")
    }


def count_rows_aside(n_rows: int, validation_fraction: float) -> int:
    """Say how many rows validate: at least one and never all."""
    return min(max(round(n_rows * validation_fraction), 1), n_rows - 1)


def check_own_random_state(
    random_state: int | np.random.RandomState | None,
) -> np.random.RandomState:
    """Make a generator; None seeds a new one, not NumPy's global one to draw from."""
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def fit_batch_size(batch_size: int, n_rows: int) -> int:
    """Shrink the batches of a small table, and leave no row alone in the last one."""
    fitted = min(batch_size, max(_SMALLEST_BATCH, n_rows // _STEPS_AN_EPOCH))
    while fitted > 1 and n_rows % fitted == 1:
        fitted -= 1  # a module that normalises by batch fails on a single row
    return fitted
