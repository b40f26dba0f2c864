"""How is a model trained so that some rows count more than once?

The emphasis of a row says how often it counts: 1 for a row as it is. Rows are repeated
after a split, never before it, so that no copy of a row that a model is measured on is
among those that it was trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from sklearn_equity._sklearn_shims import safe_indexing

Strategy = Literal["duplicate", "weight"]


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
    strategy : {"duplicate", "weight"}
        How an emphasis reaches the model.
    """

    X: Any
    y: Any
    fit_params: Mapping[str, Any]
    strategy: Strategy

    def fit(
        self,
        estimator: Any,
        emphasis: NDArray[Any],
        *,
        rows: NDArray[np.intp] | None = None,
    ) -> Any:
        """Fit a clone of the estimator to the given rows, by default to all.

        Without emphasis on any row this is the plain estimator's fit, argument by
        argument.
        """
        fit_params = dict(self.fit_params)
        if self.strategy == "weight" and (emphasis != 1).any():
            fit_params["sample_weight"] = emphasis * fit_params.get("sample_weight", 1)
        index = rows
        if self.strategy == "duplicate" and (emphasis != 1).any():
            index = repeat_rows(emphasis, rows)
        X, y = self.X, self.y
        if index is not None:
            X, y = safe_indexing(X, index), safe_indexing(y, index)
            fit_params = {k: safe_indexing(v, index) for k, v in fit_params.items()}
        return clone(estimator).fit(X, y, **fit_params)

    def predict_held_out(
        self,
        estimator: Any,
        emphasis: NDArray[Any],
        folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    ) -> NDArray[Any]:
        """Predict every row by a model that was fitted without that row's fold."""
        parts = [
            self.fit(estimator, emphasis, rows=train).predict(
                safe_indexing(self.X, test)
            )
            for train, test in folds
        ]
        stacked = np.concatenate(parts)
        predictions = np.empty_like(stacked)
        predictions[np.concatenate([test for _, test in folds])] = stacked
        return predictions


def repeat_rows(
    repeats: NDArray[np.intp], rows: NDArray[np.intp] | None = None
) -> NDArray[np.intp]:
    """Return row numbers, each as often as it is repeated, in the order of the rows."""
    if rows is None:
        return np.repeat(np.arange(len(repeats)), repeats)
    return np.repeat(rows, repeats[rows])


def refuse_weights_that_do_not_arrive(estimator: Any) -> None:
    """Refuse an estimator whose ``fit`` does not take sample weights."""
    if has_fit_parameter(estimator, "sample_weight"):
        return
    routing = get_config()["enable_metadata_routing"]
    if routing and get_routing_for_object(estimator).consumes("fit", ["sample_weight"]):
        return
    msg = (
        '`strategy`="weight" needs an `estimator` whose fit takes sample_weight; '
        f"{type(estimator).__name__} is none. "
        'Use strategy="duplicate". A Pipeline or a search passes weights on when '
        "metadata routing is on and the step inside asks for them with "
        "set_fit_request(sample_weight=True)."
    )
    raise ValueError(msg)
