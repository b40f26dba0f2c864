"""How is a model trained so that some rows count more than once?

The emphasis of a row says how often it counts: 1 for a row as it is. Rows are repeated
after a split, never before it, so that no copy of a row that a model is measured on is
among those that it was trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from sklearn_equity._fit_tasks import NO_TASK, Task
from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.remediation._early_stopping import (
    split_first,
    stop_by_people,
    validation_params,
)
from sklearn_equity.remediation._synthetic import (
    Synthesizer,
    like_table,
    stack,
    stack_target,
    stack_weights,
)

Strategy = Literal["duplicate", "weight", "synthetic"]
Rows = NDArray[np.intp]


def draw_repeats(
    factors: NDArray[np.float64], random_state: np.random.RandomState
) -> NDArray[np.intp]:
    """Draw whole numbers of repetitions whose expected values are the `factors`.

    Each row gets the whole part of its factor. The fractions are dealt out by
    systematic sampling along a random order: one more repetition to a row with exactly
    the probability of its fraction, and a total within 1 of the sum of the factors.
    """
    repeats = factors.astype(np.intp)
    fractions = factors - repeats
    rows = random_state.permutation(np.flatnonzero(fractions))
    steps = np.floor(np.cumsum(fractions[rows]) + random_state.random_sample())
    repeats[rows] += np.diff(steps, prepend=0.0).astype(np.intp)
    return repeats


@dataclass(frozen=True)
class TrainingRows:
    """Rows to train on, with all that is handed to ``fit`` beside them.

    Attributes
    ----------
    X, y : array-like with n_rows rows
        In the caller's own types.
    fit_params : mapping
        Further arguments of ``fit``, each with one value a row.
    strategy : {"duplicate", "weight", "synthetic"}
        How an emphasis reaches the model.
    synthesizer : Synthesizer or None
        Makes new rows, for "synthetic".
    n_jobs : int or None
        Folds that are fitted at once.
    """

    X: Any
    y: Any
    fit_params: Mapping[str, Any]
    strategy: Strategy
    synthesizer: Synthesizer | None = None
    n_jobs: int | None = None

    def fit(
        self,
        estimator: Any,
        emphasis: NDArray[Any],
        *,
        rows: Rows | None = None,
        task: Task = NO_TASK,
    ) -> Any:
        """Fit a clone of the estimator to the given rows, by default to all.

        Without emphasis on any row this is the plain estimator's fit, argument by
        argument.
        """
        X, y, fit_params = self._prepare(estimator, emphasis, rows)
        model = clone(estimator)
        if self.strategy == "duplicate" and (emphasis != 1).any():
            stop_by_people(model, len(emphasis) if rows is None else len(rows))
        return task.fit(model, X, y, **fit_params)

    def _prepare(
        self, estimator: Any, emphasis: NDArray[Any], rows: Rows | None
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Return what the clone is fitted to."""
        plain = not (emphasis != 1).any()
        if plain or self.strategy == "weight":
            weight = None if plain else emphasis
            return self._take(rows, weight)
        if self.strategy == "synthetic":
            return self.synthesize(estimator, emphasis, rows=rows)[:3]
        return self._repeat(estimator, emphasis, rows)

    def _take(
        self, rows: Rows | None, weight: Any = None
    ) -> tuple[Any, Any, dict[str, Any]]:
        fit_params = dict(self.fit_params)
        if weight is not None:
            fit_params["sample_weight"] = weight * fit_params.get("sample_weight", 1)
        X, y = self.X, self.y
        if rows is not None:
            X, y = safe_indexing(X, rows), safe_indexing(y, rows)
            fit_params = {k: safe_indexing(v, rows) for k, v in fit_params.items()}
        return X, y, fit_params

    def _repeat(
        self, estimator: Any, emphasis: NDArray[Any], rows: Rows | None
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Split off what the estimator validates on, then repeat the other rows."""
        if rows is None:
            rows = np.arange(len(emphasis))
        learn, validate = split_first(estimator, np.asarray(self.y), rows)
        index = repeat_rows(emphasis, learn)
        fit_params = {k: safe_indexing(v, index) for k, v in self.fit_params.items()}
        if validate is not None:
            fit_params |= validation_params(
                self.X, self.y, validate, self.fit_params.get("sample_weight")
            )
        return (
            safe_indexing(self.X, index),
            safe_indexing(self.y, index),
            fit_params,
        )

    def synthesize(
        self, estimator: Any, emphasis: NDArray[Any], *, rows: Rows | None = None
    ) -> tuple[Any, Any, dict[str, Any], Rows]:
        """Put new rows below those of the table, as far as the emphasis wants them.

        Returns rows, targets, what ``fit`` gets beside them, and row numbers: -1 for a
        new one.
        """
        maker = self.synthesizer
        if maker is None:
            raise TypeError("There is nothing to make rows with.")
        if rows is None:
            rows = np.arange(len(emphasis))
        X, y = safe_indexing(self.X, rows), safe_indexing(self.y, rows)
        numbers = maker.numbers(emphasis, rows)
        if not numbers:
            given = {k: safe_indexing(v, rows) for k, v in self.fit_params.items()}
            return X, y, given, rows
        table, segments = maker.draw_rows(numbers)
        X_new = like_table(table, self.X)
        y_new = maker.draw_targets(
            X_new,
            segments,
            fit=lambda some: self._fit_plain(estimator, some),
            X=self.X,
            y=np.asarray(self.y),
            rows=rows,
        )
        fit_params = {
            name: stack_weights(values, maker.segment_of, rows, segments)
            for name, values in self.fit_params.items()
        }
        origin = np.concatenate([rows, np.full(len(table), -1)])
        return stack(X, X_new), stack_target(y, y_new), fit_params, origin

    def _fit_plain(self, estimator: Any, rows: Rows) -> Any:
        X, y, fit_params = self._take(rows)
        return clone(estimator).fit(X, y, **fit_params)

    def predict_held_out(
        self,
        estimator: Any,
        emphasis: NDArray[Any],
        folds: list[tuple[Rows, Rows]],
        *,
        methods: Sequence[str] = ("predict",),
        task: Task = NO_TASK,
    ) -> list[NDArray[Any]]:
        """Ask models that were fitted without a row's fold about every row.

        Returns one array for each of the methods asked.
        """
        by_fold = Parallel(n_jobs=self.n_jobs)(
            delayed(self._ask)(estimator, emphasis, fold, methods, part)
            for fold, part in zip(folds, task.parts("fold", len(folds)), strict=True)
        )
        order = np.argsort(np.concatenate([test for _, test in folds]))
        return [
            np.concatenate(answers)[order] for answers in zip(*by_fold, strict=True)
        ]

    def _ask(
        self,
        estimator: Any,
        emphasis: NDArray[Any],
        fold: tuple[Rows, Rows],
        methods: Sequence[str],
        task: Task,
    ) -> list[NDArray[Any]]:
        train, test = fold
        model = self.fit(estimator, emphasis, rows=train, task=task)
        held_out = safe_indexing(self.X, test)
        return [getattr(model, method)(held_out) for method in methods]


def repeat_rows(
    repeats: NDArray[np.intp], rows: NDArray[np.intp] | None = None
) -> NDArray[np.intp]:
    """Return row numbers, each as often as it is repeated, in the order of the rows."""
    if rows is None:
        return np.repeat(np.arange(len(repeats)), repeats)
    return np.repeat(rows, repeats[rows])


def refuse_weights_that_do_not_arrive(
    estimator: Any,
    *,
    who: str = '`strategy`="weight"',
    instead: str = 'Use strategy="duplicate". ',
) -> None:
    """Refuse an estimator whose ``fit`` does not take sample weights."""
    if has_fit_parameter(estimator, "sample_weight"):
        return
    routing = get_config()["enable_metadata_routing"]
    if routing and get_routing_for_object(estimator).consumes("fit", ["sample_weight"]):
        return
    msg = (
        f"{who} needs an `estimator` whose fit takes sample_weight; "
        f"{type(estimator).__name__} is none. "
        f"{instead}A Pipeline or a search passes weights on when "
        "metadata routing is on and the step inside asks for them with "
        "set_fit_request(sample_weight=True)."
    )
    raise ValueError(msg)
