"""How is work cut into tasks, so that results do not depend on who does them?

Repeats are cut into blocks that take about half a second each, by what one of them is
known to cost: the blocks follow from the problem alone. Each has a generator of its
own, spawned from the caller's, so that one worker or many, here or on a cluster, draw
the same numbers. joblib hands the blocks out; what takes no longer than one is done on
the spot.
"""

from collections.abc import Callable, Iterable, Sized
from itertools import chain, islice
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

__all__ = ["blocks_of", "check_n_jobs", "generators_for", "run"]

Found = TypeVar("Found")
Source = TypeVar("Source", np.random.Generator, np.random.RandomState)

_BLOCK = 5e8  # nanoseconds: hundreds of times what it takes to hand one out


def check_n_jobs(n_jobs: Any) -> int | None:
    """Return how many workers were asked for; refuse what is no number of them."""
    if n_jobs is None:
        return None
    whole = isinstance(n_jobs, Integral) and not isinstance(n_jobs, bool)
    if not whole or n_jobs == 0:
        msg = (
            "`n_jobs` must be a whole number other than 0 (-1 for all cores), or None; "
            f"got {n_jobs!r}."
        )
        raise ValueError(msg)
    return int(n_jobs)


def blocks_of(n_repeats: int, *, nanoseconds: float) -> list[int]:
    """Tell how many repeats, each of which takes so long, half a second has room for.

    One number a block, which add up to all.

    What a repeat takes is a rough figure that depends on sizes, never a clock's.
    """
    n_each = max(int(_BLOCK / max(nanoseconds, 1.0)), 1)
    n_blocks = max(-(-n_repeats // n_each), 1)
    fewest, n_larger = divmod(n_repeats, n_blocks)
    return [fewest + (block < n_larger) for block in range(n_blocks)]


def generators_for(blocks: Sized, rng: Source) -> list[Source]:
    """Return a generator for each block: the caller's own if there is but one."""
    n_blocks = len(blocks)
    if n_blocks == 1:
        return [rng]
    if isinstance(rng, np.random.Generator):
        return rng.spawn(n_blocks)
    seeds = np.random.SeedSequence(int(rng.randint(2**31 - 1))).spawn(n_blocks)
    return [np.random.RandomState(np.random.MT19937(seed)) for seed in seeds]


def run(
    function: Callable[..., Found],
    tasks: Iterable[tuple[Any, ...]],
    *,
    n_jobs: int | None,
    nanoseconds: float = np.inf,
) -> list[Found]:
    """Call a function with the arguments of every task; return what it gives, in order.

    Large arrays among the arguments are handed to processes once, as read-only maps.
    What takes so long in all that joblib would only delay it is done here.
    """
    waiting = iter(tasks)
    first = list(islice(waiting, 2))
    waiting = chain(first, waiting)  # made as they are sent
    if len(first) < 2 or nanoseconds <= _BLOCK:
        return [function(*task) for task in waiting]
    call = delayed(function)
    return list(Parallel(n_jobs=n_jobs)(call(*task) for task in waiting))
