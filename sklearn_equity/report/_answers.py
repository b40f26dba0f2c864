"""What does a model answer, in the form that a metric compares with the truth?"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier, is_regressor

from sklearn_equity._numbers import check_numbers
from sklearn_equity._sklearn_shims import check_response_method
from sklearn_equity.fidelity import METRIC_NAMES, Metric, resolve_metric
from sklearn_equity.remediation._withheld import refuse_withheld

Vector = NDArray[np.float64]
_PREDICTION = "estimator.predict(X)"


def prepare_response(
    estimator: Any, y: ArrayLike, metric: Metric
) -> tuple[Vector, Callable[[Any], Vector]]:
    """Return the truth as numbers, and the function that asks the model.

    Classes that are text, and all classes where probabilities are wanted, are numbered
    in the order of ``estimator.classes_``: of two, the second is 1.
    """
    if metric.n_predictions != 1:
        msg = (
            f"metric={metric.name!r} compares {metric.n_predictions} predictions a row "
            "with the truth, and an audit asks a model for one. Measure it by "
            "subgroup_fidelity, with the lower and the upper ends as two columns."
        )
        raise ValueError(msg)
    _refuse_other_task(estimator, metric)
    if metric.response != "predict":
        return _prepare_scores(estimator, y, metric)
    if is_classifier(estimator) and (_is_text(estimator.classes_) or _is_text(y)):
        classes = np.asarray(estimator.classes_)
        return _positions(y, classes, "y"), lambda X: _positions(
            _all_given(estimator.predict(X)), classes, _PREDICTION
        )
    return check_numbers(y, name="y"), lambda X: check_numbers(
        _all_given(estimator.predict(X)), name=_PREDICTION
    )


def _all_given(answers: Any, name: str = _PREDICTION) -> Any:
    """Return what a model answers, unless it withholds something."""
    refuse_withheld(
        answers,
        name=name,
        given="~np.asarray(estimator.defer(X))",
        keep="X[given], y[given] and their subgroups",
    )
    return answers


def _refuse_other_task(estimator: Any, metric: Metric) -> None:
    """Refuse a metric of numbers for a model of classes, and the reverse."""
    if is_classifier(estimator) and metric.task == "regression":
        kind, right = "classifier", "classification"
    elif is_regressor(estimator) and metric.task == "classification":
        kind, right = "regressor", "regression"
    else:
        return
    fitting = [
        f'"{name}"'
        for name in METRIC_NAMES
        if (known := resolve_metric(name)).task == right and known.n_predictions == 1
    ]
    msg = (
        f"`metric` must be one for a {kind}, as {type(estimator).__name__} is; got "
        f"{metric.name!r}, a metric of {metric.task}. Pass one of {', '.join(fitting)}."
    )
    raise ValueError(msg)


def _is_text(labels: ArrayLike) -> bool:
    values = np.asarray(labels)
    return values.dtype.kind in "US" or (
        values.dtype.kind == "O" and any(isinstance(value, str) for value in values)
    )


def _prepare_scores(
    estimator: Any, y: ArrayLike, metric: Metric
) -> tuple[Vector, Callable[[Any], Vector]]:
    classes = np.asarray(getattr(estimator, "classes_", ()))
    if len(classes) != 2:
        msg = (
            f"metric={metric.name!r} needs a classifier of two classes; "
            f"{type(estimator).__name__} has {len(classes)}."
        )
        raise ValueError(msg)
    answer = check_response_method(estimator, metric.response)

    def respond(X: Any) -> Vector:
        scores = np.asanyarray(answer(X))  # keeps a mask
        of_the_second = scores[:, 1] if scores.ndim == 2 else scores
        name = "estimator's scores"
        return check_numbers(_all_given(of_the_second, name), name=name)

    return _positions(y, classes, "y"), respond


def _positions(labels: ArrayLike, classes: NDArray[Any], name: str) -> Vector:
    """Number labels by their place among the classes."""
    values = np.asarray(labels)
    # As objects, so that NumPy does not take the text "1" for the number 1.
    known = np.isin(values.astype(object), classes.astype(object))
    if not known.all():
        msg = (
            f"`{name}` must hold classes that the model knows, {classes.tolist()}; got "
            f"{values[~known].tolist()[0]!r} and the like in {int((~known).sum())} of "
            f"{len(values)} rows. Write the classes as they were when it was fitted."
        )
        raise ValueError(msg)
    return np.searchsorted(classes, values).astype(np.float64)
