"""How do scikit-learn's callbacks follow a training? As a tree of tasks.

A fit consists of trainings, a training of epochs. A callback set by `set_callbacks` is
told when each begins and ends, may look at the embedder as it then is, and may end a
training by returning True.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sklearn_equity._fit_tasks import Task

AttributesOf = Callable[[Any], dict[str, Any]]


class EpochWatcher:
    """Tells callbacks of the epochs of one training."""

    def __init__(self, training: Task, attributes_of: AttributesOf) -> None:
        self._training = training
        self._attributes_of = attributes_of
        self._epoch: Task | None = None

    def epoch_begins(self, net: Any) -> None:
        """Open the task of an epoch."""
        self._training.attributes = partial(self._attributes_of, net)
        self._epoch = self._training.part("epoch", attributes=self._training.attributes)
        self._epoch.begin()

    def epoch_ended(self, net: Any) -> bool:  # noqa: ARG002  the task knows it
        """Close the task of an epoch; say whether a callback ends the training."""
        return self.close(is_whole=True)

    def close(self, *, is_whole: bool = False) -> bool:
        """Close the epoch that is open, if any; by default as one that failed."""
        epoch, self._epoch = self._epoch, None
        if epoch is None:
            return False
        epoch.end(is_whole=is_whole)
        return epoch.is_to_stop


@dataclass(frozen=True)
class Trainings:
    """The trainings of a fit.

    Attributes
    ----------
    fit : Task
        The fit that they are parts of.
    n_epochs : int
        The most epochs of one.
    attributes_of : callable
        From a net in training to the attributes that make the embedder a fitted one.
    """

    fit: Task
    n_epochs: int
    attributes_of: AttributesOf

    @contextmanager
    def one(self) -> Iterator[EpochWatcher]:
        """Open the task of a training, and give what watches its epochs."""
        with self.fit.part("training", self.n_epochs) as training:
            watcher = EpochWatcher(training, self.attributes_of)
            try:
                yield watcher
            finally:
                watcher.close()
