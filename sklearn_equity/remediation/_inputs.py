"""What does a remedy need to know of the rows that it is handed?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier as is_a_classifier
from sklearn.base import is_regressor
from sklearn.utils import column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets

from sklearn_equity._checks import (
    DROPPED,
    SubgroupCodes,
    check_numbers,
    check_subgroups,
)
from sklearn_equity._sklearn_shims import HasMethods


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
    array = column_or_1d(y, warn=True)
    if len(array) != n_rows:
        msg = f"`y` must have one value per row of `X` ({n_rows}); got {len(array)}."
        raise ValueError(msg)
    if array.dtype.kind == "f" or not is_classifier:
        array = check_numbers(array, name="y")
    if is_classifier:
        number_labels(array, n_rows, name="y")
        check_classification_targets(array)
    (y,) = indexable(y)
    return (y if np.ndim(y) == 1 else array), array


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
