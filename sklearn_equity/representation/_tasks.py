"""How do scikit-learn's callbacks follow a training? As a tree of tasks.

A fit consists of trainings, a training of epochs. A callback set by `set_callbacks` is
told when each begins and ends, may look at the embedder as it then is, and may end a
training by returning True.
"""

from collections.abc import Callable
from typing import Any


class NoTasks:
    """Nobody is told of anything."""

    watcher: Any = None

    def training_begins(self) -> None:
        """Do nothing."""

    def training_ended(self, net: Any) -> None:
        """Do nothing."""

    def fit_ended(self, net: Any) -> None:
        """Do nothing."""


class FitTasks(NoTasks):
    """What a fit tells its callbacks.

    Parameters
    ----------
    estimator : estimator with callback support
        Who is fitted.
    X : array-like
        The table as it was handed in; an autoencoder's targets are its rows.
    n_trainings, n_epochs : int
        The most trainings, and the most epochs of one.
    attributes_of : callable
        From a net in training to the attributes that make `estimator` a fitted one.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        *,
        n_trainings: int,
        n_epochs: int,
        attributes_of: Callable[[Any], dict[str, Any]],
    ) -> None:
        self._estimator = estimator
        self._X = X
        self._n_epochs = n_epochs
        self._attributes_of = attributes_of
        self.watcher = self
        self._fit = estimator._init_callback_context(max_subtasks=n_trainings)  # noqa: SLF001  the protocol's name
        self._fit.call_on_fit_task_begin(estimator=estimator, X=X, y=X)

    def training_begins(self) -> None:
        """Open the task of a training."""
        self._training = self._fit.subcontext("training", max_subtasks=self._n_epochs)
        self._training.call_on_fit_task_begin(
            estimator=self._estimator, X=self._X, y=self._X
        )

    def epoch_begins(self, net: Any) -> None:
        """Open the task of an epoch."""
        self._epoch = self._training.subcontext("epoch")
        self._epoch.call_on_fit_task_begin(
            estimator=self._estimator,
            X=self._X,
            y=self._X,
            reconstruction_attributes=lambda: self._attributes_of(net),
        )

    def epoch_ended(self, net: Any) -> bool:
        """Close the task of an epoch; say whether a callback ends the training."""
        return self._end(self._epoch, net)

    def training_ended(self, net: Any) -> None:
        """Close the task of a training."""
        self._end(self._training, net)

    def fit_ended(self, net: Any) -> None:
        """Close the task of the fit."""
        self._end(self._fit, net)

    def _end(self, task: Any, net: Any) -> bool:
        stop: bool = task.call_on_fit_task_end(
            estimator=self._estimator,
            X=self._X,
            y=self._X,
            reconstruction_attributes=lambda: self._attributes_of(net),
        )
        return stop


def open_tasks(estimator: Any, X: Any, **params: Any) -> NoTasks:
    """Begin the tree of tasks, if there is a callback to tell of it."""
    if not getattr(estimator, "_skl_callbacks", None):
        return NoTasks()
    return FitTasks(estimator, X, **params)
