"""What does a metric compare: numbers, classes, or probabilities of the second class?

Every remedy measures inside its ``fit``. The truth is read once, and what a model
answers is read the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._numbers import check_numbers
from sklearn_equity.fidelity import METRIC_NAMES, Metric, subgroup_estimates
from sklearn_equity.remediation._inputs import check_metric_of_classes


@dataclass(frozen=True)
class MetricOfTarget:
    """A metric, the truth, and how the metric reads truth and predictions alike.

    Attributes
    ----------
    metric : Metric
        What is measured.
    y_true : ndarray of shape (n_rows,)
        The truth, as the metric reads it.
    read : callable
        Turns what a model answers into what the metric compares with the truth.
    method : str
        The method by which a model is asked.
    """

    metric: Metric
    y_true: NDArray[Any]
    read: Callable[[Any], NDArray[Any]]
    method: str = "predict"

    @classmethod
    def of(cls, metric: Metric, y: NDArray[Any], *, is_classifier: bool) -> Self:
        """Prepare the truth, and refuse a target that the metric has no meaning for.

        Sums need numbers, so classes are replaced by their position among the sorted
        ones; a function of rows gets the labels themselves.
        """
        if metric.response != "predict":
            msg = (
                f"`metric`={metric.name!r} compares probabilities or scores, and "
                "predicted numbers or classes are measured here. Pass "
                'metric="accuracy", or another metric of predictions.'
            )
            raise ValueError(msg)
        if is_classifier and metric.name not in METRIC_NAMES:
            return cls(metric, y, np.asarray)
        if is_classifier and (
            y.dtype.kind not in "biuf" or metric.task != "regression"
        ):
            classes = np.unique(y)
            truth = _positions(y, classes)
            check_metric_of_classes(metric, truth, len(classes))
            return cls(metric, truth, partial(_positions, classes=classes))
        read = partial(check_numbers, name="estimator.predict(X)")
        y_true = read(y)
        try:
            if metric.check is not None:
                metric.check(y_true, y_true)
        except ValueError as error:
            msg = f'`metric`="{metric.name}" does not fit `y`: {error}'
            if metric.name == "nrmse":
                msg += (
                    ' As `metric`, the plain one is "rmse", any other the result of '
                    'fidelity.resolve_metric("nrmse", normalization=...).'
                )
            raise ValueError(msg) from error
        return cls(metric, y_true, read)

    @classmethod
    def of_scores(cls, metric: Metric, y: NDArray[Any], estimator: Any) -> Self:
        """Prepare a metric of probabilities, or scores, of the second of two classes.

        The truth is 0 or 1; the model is asked by the first method that the metric
        names and the estimator has.
        """
        classes, counts = np.unique(y, return_counts=True)
        what = f"`metric`={metric.name!r} compares probabilities or scores"
        if not is_classifier(estimator):
            msg = f'{what}, and a regressor predicts numbers. Pass metric="rmse".'
            raise ValueError(msg)
        if len(classes) != 2 or counts.min() < 2:
            msg = (
                f"{what} of two classes, with two rows of each or more; `y` holds "
                f"{len(classes)} classes, the smallest of {counts.min()}. Pass "
                'metric="accuracy".'
            )
            raise ValueError(msg)
        asked = metric.response
        methods = (asked,) if isinstance(asked, str) else asked
        method = next((name for name in methods if hasattr(estimator, name)), None)
        if method is None:
            msg = (
                f"{what}, and {type(estimator).__name__} has no {' or '.join(methods)}"
                '. Pass metric="accuracy".'
            )
            raise ValueError(msg)
        return cls(metric, _positions(y, classes), _of_the_second, method)

    def values(
        self,
        y_pred: Any,
        subgroups: SubgroupCodes,
        sample_weight: NDArray[np.float64] | None,
    ) -> list[float]:
        """Return the metric of each subgroup."""
        return subgroup_estimates(
            self.y_true,
            self.read(y_pred),
            subgroups,
            self.metric,
            sample_weight=sample_weight,
        ).tolist()


def _positions(labels: Any, classes: NDArray[Any]) -> NDArray[np.float64]:
    """Number classes by their place among the sorted ones."""
    labels = np.asarray(labels)
    found = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    unknown = classes[found] != labels
    if unknown.any():
        msg = (
            f"`estimator.predict(X)` must hold classes of `y`, {classes.tolist()}; got "
            f"{labels[unknown].tolist()[0]!r}."
        )
        raise ValueError(msg)
    return found.astype(np.float64)


def _of_the_second(scores: Any) -> NDArray[np.float64]:
    scores = np.asarray(scores)
    of_one = scores[:, 1] if scores.ndim == 2 else scores
    return check_numbers(of_one, name="scores of `estimator`")
