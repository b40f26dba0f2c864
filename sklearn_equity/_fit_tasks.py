"""How far along is a fit? A tree of tasks that scikit-learn's callbacks are told of.

A fit is made of rounds, folds, and fits of models inside it, whose own tasks take the
place of one of its own. From scikit-learn 1.9 on, callbacks such as a progress bar hear
when each begins and ends, by an error too; before, nobody is told.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from sklearn.frozen import FrozenEstimator

__all__ = ["NO_TASK", "Task", "fit_task"]

Item = TypeVar("Item")
Attributes = Callable[[], dict[str, Any]] | dict[str, Any] | None


class Task:
    """A task, which begins and ends as a context manager.

    Parameters
    ----------
    context : CallbackContext or None
        The node of scikit-learn's tree; None tells nobody.
    estimator : estimator or None
        Who is fitted; None if it has no callbacks of its own.
    attributes : callable, dict or None
        What makes the estimator a fitted one, as if the fit ended here; may be set
        until then.
    **data : dict
        What else callbacks may ask for: X, y, metadata.
    """

    def __init__(
        self,
        context: Any = None,
        estimator: Any = None,
        attributes: Attributes = None,
        **data: Any,
    ) -> None:
        self._context = context
        self._estimator = estimator
        self.attributes = attributes
        self._data = data
        self.is_to_stop = False  # a callback asked, at the end, for no more like it

    # ---- its parts ---------------------------------------------------------------
    def part(
        self,
        name: str,
        n_parts: int | None = 0,
        *,
        at_once: bool = False,
        attributes: Attributes = None,
    ) -> "Task":
        """Make the next part, of at most `n_parts` (None: unknown), maybe `at_once`."""
        if self._context is None:
            return Task()
        context = self._context.subcontext(
            name, max_subtasks=n_parts, sequential_subtasks=not at_once
        )
        return Task(context, self._estimator, attributes, **self._data)

    def parts(self, name: str, n: int, n_parts: int | None = 0) -> list["Task"]:
        """Make all parts of a task whose parts are done at once, for workers."""
        if self._context is None:
            return [Task() for _ in range(n)]
        return [
            Task(self._context.subcontext(name, i, n_parts), self._estimator)
            for i in range(n)
        ]

    def each(
        self,
        name: str,
        items: Iterable[Item],
        n_parts: int | None = 0,
        *,
        at_once: bool = False,
        may_stop: bool = False,
    ) -> Iterator[tuple["Task", Item]]:
        """Yield items, with a part that lasts as long as the body of the loop.

        With `may_stop`, for rounds that may end at any time, a callback can end them.
        """
        for item in items:
            with self.part(name, n_parts, at_once=at_once) as part:
                yield part, item
            if may_stop and part.is_to_stop:
                return

    def fit(self, model: Any, /, *args: Any, **params: Any) -> Any:
        """Fit a model inside this one, whose own tasks take the place of this task."""
        with self._handed_to(model):
            return model.fit(*args, **params)

    @contextmanager
    def _handed_to(self, model: Any) -> Iterator[None]:
        if self._context is None or isinstance(model, FrozenEstimator):
            with self:
                yield
        else:
            with self._context.propagate_callback_context(model), self:
                yield

    # ---- telling -----------------------------------------------------------------
    def begin(self) -> None:
        """Tell that it begins."""
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._told(self.attributes))

    def end(self, *, is_whole: bool = True) -> None:
        """Tell that it ends; without `is_whole`, by an error."""
        if self._context is not None:
            attributes = self.attributes if is_whole else None
            self.is_to_stop = self._context.call_on_fit_task_end(
                **self._told(attributes)
            )

    def _told(self, attributes: Any) -> dict[str, Any]:
        return {
            "estimator": self._estimator,
            "reconstruction_attributes": attributes,
            **self._data,
        }

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(is_whole=kind is None)


NO_TASK = Task()


def fit_task(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    n_parts: int | None = 0,
    sample_weight: Any = None,
    holds_models: bool = True,
) -> Task:
    """Make the task of a whole fit, of at most `n_parts` parts; once in each fit.

    Models inside may have callbacks that ask where in the whole they are. An estimator
    without models, and without callbacks, has nobody to tell.
    """
    is_heard = hasattr(estimator, "_skl_callbacks") or holds_models
    if not is_heard or not hasattr(estimator, "_init_callback_context"):
        return Task()
    context = estimator._init_callback_context(max_subtasks=n_parts)  # noqa: SLF001  the protocol's name
    if not getattr(estimator, "_skl_callbacks", None):
        return Task(context)
    data = {"X": X, "y": y}
    if sample_weight is not None:
        data["metadata"] = {"sample_weight": sample_weight}
    return Task(context, estimator, **data)
