"""Which metric is meant, and what must a model be asked to get it?

A metric comes as a name of this library, as one of scikit-learn's scorer names, or as a
function. Each tells which way is better and whether it wants labels, probabilities or
decision values: read off scikit-learn's own scorers wherever the function has one.
"""

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer, get_scorer_names, matthews_corrcoef

from sklearn_equity._checks import check_subgroups
from sklearn_equity._numbers import check_numbers, refuse_overflow, to_array
from sklearn_equity._sklearn_shims import BaseScorer, ScorerParts, scorer_parts
from sklearn_equity.fidelity import (
    LARGEST,
    METRIC_NAMES,
    Metric,
    resolve_metric,
    scorers_by_function,
)

__all__ = ["Normalization", "ScoredMetric", "scored_metric"]

Response = str | Sequence[str]
Normalization = Any  # what `nrmse` takes; checked by the stage that owns it
_RESPONSES = ("predict", "predict_proba", "decision_function")


@dataclass(frozen=True)
class ScoredMetric:
    """A metric, and what it wants of a model.

    Attributes
    ----------
    name : str
        Its name in reports and in the keys of dictionaries, without "neg_".
    greater_is_better : bool
        The orientation of the metric itself.
    response : str or sequence of str
        The methods of a model that give it what it compares with the truth.
    metric : Metric or None
        The metric, if it is one of this library's.
    function : callable or None
        Else the function of the truth and the response.
    options : dict
        Fixed keyword arguments of the function.
    """

    name: str
    greater_is_better: bool
    response: Response
    metric: Metric | None = None
    function: Callable[..., float] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def takes_sample_weight(self) -> bool:
        """Whether rows can count by weight."""
        return self.metric is not None or _takes(self.function, "sample_weight")

    @property
    def pos_label(self) -> Any:
        """The class whose probability is asked for; None for the greatest label."""
        if self.metric is not None or not _takes(self.function, "pos_label"):
            return None
        default = inspect.signature(self._unwrapped).parameters["pos_label"].default
        return self.options.get("pos_label", default)

    @property
    def _unwrapped(self) -> Callable[..., float]:
        assert self.function is not None  # noqa: S101 - for the type checker
        return self.function

    def check_task(self, estimator: Any) -> None:
        """Refuse a classifier where the metric is for numbers, and the reverse.

        A class compared as a number gives a figure without a meaning. A probability is
        a number: who asks for it by `response_method` is not refused.
        """
        task = "any" if self.metric is None else self.metric.task
        numbers_of_classes = (
            task == "regression"
            and self.response == "predict"
            and is_classifier(estimator)
        )
        if numbers_of_classes:
            msg = (
                f"`metric`={self.name!r} is for predicted numbers, and "
                f"{type(estimator).__name__} predicts classes. Metrics for classes are "
                f'{_names_of("classification")}; scikit-learn\'s, such as "f1"; or '
                'pass response_method="predict_proba" to compare probabilities.'
            )
            raise ValueError(msg)
        if task == "classification" and is_regressor(estimator):
            msg = (
                f"`metric`={self.name!r} is for classes, and "
                f"{type(estimator).__name__} predicts numbers. Metrics for numbers are "
                f"{_names_of('regression')}."
            )
            raise ValueError(msg)

    def prepare(
        self, y_true: Any, y_pred: Any, classes: NDArray[Any] | None
    ) -> tuple[Metric, NDArray[Any], NDArray[Any]]:
        """Return the metric, the truth and the response as it wants them."""
        truth = _as_array(y_true, "y_true")
        response = _as_array(y_pred, "y_pred")
        if self.metric is None:
            return self._as_metric(classes), truth, response
        if self.metric.task == "classification":
            truth, response = self._encode(truth, response, classes)
        truth = check_numbers(truth, name="y_true")
        response = check_numbers(response, name="y_pred", n_rows=len(truth))
        refuse_overflow(truth, name="y_true", limit=LARGEST)
        refuse_overflow(response, name="y_pred", limit=LARGEST)
        return self.metric, truth, response

    def _encode(
        self, truth: NDArray[Any], response: NDArray[Any], classes: NDArray[Any] | None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Number the classes in their order, so that the greater of two is 1."""
        if response.ndim > 1:
            msg = (
                f"`metric`={self.name!r} is for two classes; the model gives scores "
                f"for {response.shape[1]}. Use a scorer of scikit-learn for several, "
                'such as "neg_log_loss" or "roc_auc_ovr".'
            )
            raise ValueError(msg)
        labelled = [truth] if self.response != "predict" else [truth, response]
        if classes is not None:
            labelled.append(classes)
        if _are_numbered(labelled, classes):
            return truth, response
        together = np.concatenate(labelled)
        codes = check_subgroups(together, n_rows=len(together), name="y_true").codes
        if self.response != "predict":
            return codes[: len(truth)], response
        return codes[: len(truth)], codes[len(truth) : len(truth) + len(response)]

    def _as_metric(self, classes: NDArray[Any] | None) -> Metric:
        options = dict(self.options)
        # A subgroup may lack a class: the columns of its probabilities need all names.
        asks_for_scores = self.response != "predict"
        if classes is not None and asks_for_scores and _takes(self.function, "labels"):
            options.setdefault("labels", classes)
        called = functools.partial(_nan_if_undefined, self._unwrapped, **options)
        return Metric(self.name, self.name, self.greater_is_better, function=called)


def scored_metric(
    metric: Any,
    *,
    normalization: Normalization,
    greater_is_better: bool | None,
    response_method: Response | None,
) -> ScoredMetric:
    """Turn what a person asks for into a `ScoredMetric`, or list what there is."""
    if isinstance(metric, BaseScorer):
        resolved = _of_parts(scorer_parts(metric))
    elif isinstance(metric, Metric):
        resolved = _of_metric(metric)
    elif isinstance(metric, str):
        resolved = _of_name(metric, normalization)
    else:
        resolved = _of_function(metric, greater_is_better=greater_is_better)
    if greater_is_better not in (None, resolved.greater_is_better):
        msg = (
            f"`greater_is_better`={greater_is_better} contradicts what is known of the "
            f"metric {resolved.name!r}: leave it out."
        )
        raise ValueError(msg)
    if response_method is None:
        return resolved
    return _with_response(resolved, response_method)


def _with_response(metric: ScoredMetric, response_method: Response) -> ScoredMetric:
    methods = (
        [response_method] if isinstance(response_method, str) else [*response_method]
    )
    if not methods or not set(methods) <= set(_RESPONSES):
        msg = (
            f"`response_method` must be of {list(_RESPONSES)}, one or several in order "
            f"of preference; got {response_method!r}."
        )
        raise ValueError(msg)
    chosen = methods[0] if len(methods) == 1 else tuple(methods)
    parts = {name: getattr(metric, name) for name in metric.__dataclass_fields__}
    return ScoredMetric(**{**parts, "response": chosen})


def _of_metric(metric: Metric) -> ScoredMetric:
    if metric.n_predictions != 1:
        msg = (
            f"`metric`={metric.name!r} compares {metric.n_predictions} predictions a "
            "row with the truth, and scikit-learn asks a model for one. Measure it by "
            "subgroup_fidelity, on what the model predicts."
        )
        raise ValueError(msg)
    return ScoredMetric(
        metric.name, metric.greater_is_better, metric.response, metric=metric
    )


def _of_name(name: str, normalization: Normalization) -> ScoredMetric:
    if name in METRIC_NAMES:
        return _of_metric(resolve_metric(name, normalization=normalization))
    if name in get_scorer_names():
        return _of_parts(scorer_parts(get_scorer(name)), name=name)
    names = ", ".join(f'"{known}"' for known in METRIC_NAMES)
    msg = (
        f"`metric` must be one of {names}; one of scikit-learn's scorer names, such as "
        '"f1" or "neg_log_loss" (sklearn.metrics.get_scorer_names()); or a function '
        f"such as those of sklearn.metrics; got {name!r}."
    )
    raise ValueError(msg)


def _of_parts(parts: ScorerParts, *, name: str | None = None) -> ScoredMetric:
    """Take a scikit-learn scorer apart."""
    return ScoredMetric(
        (name or function_name(parts.function)).removeprefix("neg_"),
        parts.sign > 0,
        parts.response_method,
        function=parts.function,
        options=dict(parts.options),
    )


def _of_function(function: Any, *, greater_is_better: bool | None) -> ScoredMetric:
    known = scorers_by_function().get(function) if callable(function) else None
    if known is not None:
        return ScoredMetric(
            function_name(function),
            known.sign > 0,
            known.response_method,
            function=function,
        )
    metric = resolve_metric(function, greater_is_better=greater_is_better)
    return ScoredMetric(
        function_name(function),
        metric.greater_is_better,
        "predict",
        function=function,
    )


def _names_of(task: str) -> str:
    metrics = [resolve_metric(name) for name in METRIC_NAMES]
    return ", ".join(
        f'"{metric.name.partition(" (")[0]}"'
        for metric in metrics
        if metric.task == task and metric.n_predictions == 1
    )


def function_name(function: Any) -> str:
    """Name a function, also behind a `functools.partial` or in a callable object."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def _nan_if_undefined(
    function: Callable[..., float],
    y_true: NDArray[Any],
    y_pred: NDArray[Any],
    **options: Any,
) -> float:
    """Call a metric; NaN where scikit-learn warns and puts 0 for 0 / 0.

    That 0 would be the worst figure of all, for people on whom there is none. Whoever
    sets `zero_division` gets no warning, and so the value that was asked for.
    """
    if function is matthews_corrcoef and min(_n_values(y_true), _n_values(y_pred)) < 2:
        return np.nan  # the only such 0 without a warning
    with warnings.catch_warnings():
        warnings.simplefilter("error", UndefinedMetricWarning)
        try:
            return function(y_true, y_pred, **options)
        except UndefinedMetricWarning:
            return np.nan


def _are_numbered(labelled: Sequence[NDArray[Any]], classes: Any) -> bool:
    """Tell whether labels are the numbers of the classes already."""
    if classes is None or not np.array_equal(classes, np.arange(len(classes))):
        return False
    return all(
        labels.dtype.kind in "biu"
        and len(labels) > 0
        and labels.min() >= 0
        and labels.max() < len(classes)
        for labels in labelled
    )


def _n_values(labels: NDArray[Any]) -> int:
    return len(np.unique(labels))


def _takes(function: Any, parameter: str) -> bool:
    try:
        return parameter in inspect.signature(function).parameters
    except ValueError as error:  # of what is written in C
        msg = f"`metric` must tell what it takes: {error}. Wrap it in a function."
        raise ValueError(msg) from error


def _as_array(values: Any, name: str) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values  # asking every data frame library whose it is takes a while
    native = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(native, nw.Series):
        return native.to_numpy()
    return to_array(values, name=name)
