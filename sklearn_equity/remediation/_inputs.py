"""What does a remedy need to know of the rows that it is handed?"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier as is_a_classifier
from sklearn.base import is_regressor
from sklearn.utils import column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets

from sklearn_equity._checks import SubgroupCodes, check_subgroups
from sklearn_equity._factorize import DROPPED
from sklearn_equity._numbers import check_numbers, refuse_overflow, to_array
from sklearn_equity._sklearn_shims import HasMethods
from sklearn_equity.fidelity import Metric


class Predictor(HasMethods):
    """What fits and predicts, though it may not say so before: a stack does not."""

    def __init__(self) -> None:
        super().__init__(["fit", "predict"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is one."""
        if super().is_satisfied_by(val):
            return True
        is_estimator = hasattr(val, "fit") and hasattr(val, "__sklearn_tags__")
        return is_estimator and (is_regressor(val) or is_a_classifier(val))


def check_target(
    y: Any, n_rows: int, *, is_classifier: bool
) -> tuple[Any, NDArray[Any]]:
    """Return the target in the caller's type, and as one plain array."""
    if y is None:
        msg = "A remedy requires y to be passed, but the target y is None."
        raise ValueError(msg)
    given = to_array(y, name="y")
    shape = given.shape
    if given.dtype.kind == "V":
        msg = f"`y` must hold one number or class a row; got records ({given.dtype})."
        raise ValueError(msg)
    if len(shape) == 2 and shape[1] > 1:
        msg = (
            "`y` must hold one number or class a row; got several outcomes, shape "
            f"{shape}. Remedy each by itself, as sklearn.multioutput's "
            "MultiOutputRegressor or MultiOutputClassifier around the remedy does: who "
            "is under-served differs by outcome."
        )
        raise ValueError(msg)
    array = column_or_1d(y, warn=True)
    if len(array) != n_rows:
        msg = f"`y` must have one value per row of `X` ({n_rows}); got {len(array)}."
        raise ValueError(msg)
    if array.dtype.kind == "f" or not is_classifier:
        array = check_numbers(array, name="y")
        refuse_overflow(array, name="y")
    if is_classifier:
        number_labels(array, n_rows, name="y")
        with warnings.catch_warnings():
            # Of many classes: the estimator's own check says it.
            warnings.simplefilter("ignore", UserWarning)
            check_classification_targets(array)
    (y,) = indexable(y)
    return (y if np.ndim(y) == 1 else array), array


def check_metric_of_classes(
    metric: Metric, y_true: NDArray[np.float64], n_classes: int
) -> None:
    """Refuse a metric that has no meaning for so many classes, numbered from 0."""
    if metric.name == "nrmse":
        msg = (
            '`metric`="nrmse" measures numbers, and the outcome holds classes. Pass '
            'metric="accuracy", for two classes "balanced_accuracy", or a function '
            "such as sklearn.metrics.recall_score."
        )
        raise ValueError(msg)
    if metric.check is None:
        return
    try:
        metric.check(y_true, y_true)
    except ValueError as error:
        if n_classes <= 2:
            raise
        msg = (
            f"`metric`={metric.name!r} is one of two classes; the outcome holds "
            f'{n_classes}. Pass metric="accuracy", or a function such as '
            "sklearn.metrics.balanced_accuracy_score."
        )
        raise ValueError(msg) from error


def number_labels(
    labels: Any, n_rows: int, *, name: str, at_least: int = 1
) -> SubgroupCodes:
    """Number labels, one a row of X, and refuse missing ones."""
    codes = check_subgroups(
        labels,
        n_rows=n_rows,
        name=name,
        rows_of="X",
        missing="drop",
        min_subgroups=at_least,
    )
    n_missing = int((codes.codes == DROPPED).sum())
    if n_missing:
        msg = (
            f"`{name}` must not have missing labels; got {n_missing} of {n_rows}. "
            "Give those rows a label of their own, or leave them out."
        )
        raise ValueError(msg)
    return codes
