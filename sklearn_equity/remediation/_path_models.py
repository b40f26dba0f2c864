"""What does a remedy of any kind need to be fitted and asked along a path?

Some are told who belongs together, in ``fit``, in ``predict`` or in both; some find it
out; some give no prediction to everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_equity._checks import SubgroupCodes, take_columns
from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.fidelity import Metric
from sklearn_equity.remediation._inputs import number_labels
from sklearn_equity.remediation._metric_of_target import MetricOfTarget
from sklearn_equity.remediation._withheld import is_withheld

__all__ = [
    "Answers",
    "PathRows",
    "as_strengths",
    "find_subgroups",
    "refuse_bad_options",
    "refuse_no_remedy",
]


@dataclass(frozen=True)
class Answers:
    """What a model predicts for held-out rows, as a metric reads it, and for which."""

    values: NDArray[Any]
    given: NDArray[np.bool_]


@dataclass(frozen=True)
class PathRows:
    """All rows, which of them models are fitted to, and how a metric reads them."""

    X: Any
    y: Any
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    target: MetricOfTarget
    subgroups: Any

    @property
    def truth(self) -> NDArray[Any]:
        return self.target.y_true[self.test]

    def ask(self, model: Any) -> Answers:
        """Fit a clone to the training rows, and ask it about the others."""
        model = clone(model)
        fitted = model.fit(
            safe_indexing(self.X, self.train),
            safe_indexing(self.y, self.train),
            **self._labels_for(model.fit, self.train),
        )
        answers = fitted.predict(
            safe_indexing(self.X, self.test),
            **self._labels_for(fitted.predict, self.test),
        )
        if not hasattr(fitted, "defer"):
            values = self.target.read(answers)
            return Answers(values, np.ones(len(values), dtype=bool))
        given = ~is_withheld(answers)
        if not given.any():
            msg = (
                "`strengths` must leave somebody a prediction; got none in "
                f"{len(given)} held-out rows from {model}. Raise its coverage."
            )
            raise ValueError(msg)
        read = self.target.read(np.asarray(answers)[given])
        values = np.zeros(len(given), dtype=read.dtype)  # beneath silence: never read
        values[given] = read
        return Answers(values, given)

    def _labels_for(self, method: Any, rows: NDArray[np.intp]) -> dict[str, Any]:
        """Return the labels of some rows, if there are any and the method takes them.

        The labels themselves: the remedy may name those of its own under-served.
        """
        if self.subgroups is None or "subgroups" not in signature(method).parameters:
            return {}
        return {"subgroups": safe_indexing(self.subgroups, rows)}


def refuse_no_remedy(estimator: Any, parameter: str, strengths: Sequence[Any]) -> None:
    """Refuse what wraps no model, has no such parameter, or is to be tried nowhere."""
    is_list = hasattr(strengths, "__len__") and getattr(strengths, "ndim", 1) > 0
    if not is_list or isinstance(strengths, str | bytes):
        msg = f"`strengths` must list values of `parameter`; got {strengths!r}."
        raise TypeError(msg)
    if len(strengths) == 0:
        msg = (
            "`strengths` must list at least one value of `parameter`; got none. Pass, "
            "for example, strengths=[2, 5]."
        )
        raise ValueError(msg)
    if not isinstance(parameter, str):
        msg = f"`parameter` must be the name of one of `estimator`; got {parameter!r}."
        raise TypeError(msg)
    kind = type(estimator).__name__
    if not hasattr(estimator, "estimator") or not hasattr(estimator, "get_params"):
        msg = (
            "`estimator` must be a remedy around a model, whose `estimator` is the "
            f"plain model; got {kind}. Wrap the whole of it, steps before a model "
            "included: SubgroupOversampler(model), or another remedy."
        )
        raise TypeError(msg)
    if parameter not in estimator.get_params():
        own = ", ".join(sorted(estimator.get_params(deep=False)))
        msg = (
            f"`parameter` must be a parameter of `estimator`; {kind} has no "
            f"{parameter!r}, but {own}, and those of its parts."
        )
        raise ValueError(msg)


def refuse_bad_options(metric: Metric, test_size: float) -> None:
    """Refuse metrics of probabilities, and held-out rows that are no share of all."""
    if metric.response != "predict":
        msg = (
            f"`metric` must be one of what `predict` returns; got {metric.name!r}, of "
            'probabilities or scores. Pass metric="balanced_accuracy", or another of '
            "predicted classes."
        )
        raise ValueError(msg)
    if (
        isinstance(test_size, bool)
        or not isinstance(test_size, Real)
        or not 0.0 < test_size < 1.0
    ):
        msg = (
            "`test_size` must be a share of the rows, above 0 and below 1; got "
            f"{test_size!r}."
        )
        raise ValueError(msg)


def find_subgroups(estimator: Any, rows: PathRows) -> SubgroupCodes:
    """Number the subgroups.

    A segmenter is fitted here, and stays as it is for all strengths.
    """
    n_rows = len(rows.train) + len(rows.test)
    segmenter: Any = getattr(estimator, "segmenter", None)
    if (rows.subgroups is None) == (segmenter is None):
        came = "neither" if rows.subgroups is None else "both"
        msg = (
            "`subgroups`, or the `segmenter` of `estimator`, must say who belongs "
            f"together, and not both; got {came}."
        )
        raise ValueError(msg)
    if rows.subgroups is not None:
        return number_labels(rows.subgroups, n_rows, name="subgroups", at_least=2)
    if hasattr(segmenter, "fit"):
        fitted = clone(segmenter).fit(safe_indexing(rows.X, rows.train))
        if not isinstance(fitted, FrozenEstimator):
            estimator.set_params(segmenter=FrozenEstimator(fitted))
        labels = fitted.predict(rows.X)
    else:
        names = [segmenter] if isinstance(segmenter, str) else list(segmenter)
        labels = take_columns(rows.X, names, name="segmenter").to_native()
    return number_labels(labels, n_rows, name="segmenter", at_least=2)


def as_strengths(strengths: Sequence[Any]) -> NDArray[Any]:
    """Return NaN for the plain model, then the strengths; as objects if no numbers."""
    numbers = all(
        isinstance(one, Real) and not isinstance(one, bool) for one in strengths
    )
    found = np.empty(len(strengths) + 1, dtype=np.float64 if numbers else object)
    found[0] = np.nan
    for i, strength in enumerate(strengths, start=1):
        found[i] = strength
    return found
