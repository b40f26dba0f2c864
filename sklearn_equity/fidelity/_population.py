"""Whose outcomes and predictions are measured?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._numbers import (
    check_numbers,
    check_sample_weight,
    refuse_extreme_weights,
    refuse_overflow,
    to_array,
)

__all__ = ["LARGEST", "Population", "check_population", "without_ghosts"]

Vector = NDArray[np.float64]

LARGEST = 1e75  # the variance of squared errors holds their fourth powers


@dataclass(frozen=True)
class Population:
    """Outcomes and predictions, one row a person, checked."""

    y_true: Vector
    y_pred: Vector
    sample_weight: Vector | None

    def take(self, rows: NDArray[Any]) -> "Population":
        """Return some of its rows."""
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return Population(self.y_true[rows], self.y_pred[rows], weights)


def check_population(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None,
    *,
    n_predictions: int = 1,
) -> Population:
    """Return clean arrays, or say what is wrong with which."""
    truth = check_numbers(y_true, name="y_true")
    if n_predictions == 1:
        prediction = check_numbers(y_pred, name="y_pred", n_rows=len(truth))
    else:
        prediction = _check_columns(y_pred, n_rows=len(truth), n_columns=n_predictions)
    refuse_overflow(truth, name="y_true", limit=LARGEST)
    refuse_overflow(prediction, name="y_pred", limit=LARGEST)
    weights = check_sample_weight(sample_weight, n_rows=len(truth))
    refuse_extreme_weights(weights)
    return Population(truth, prediction, weights)


def _check_columns(y_pred: ArrayLike, *, n_rows: int, n_columns: int) -> Vector:
    """Return predictions of several numbers a row, such as the ends of an interval."""
    array = to_array(y_pred, name="y_pred")
    if array.ndim != 2 or array.shape[1] != n_columns:
        msg = (
            f"`y_pred` must have {n_columns} columns for this metric, such as the lower"
            f" and the upper end of an interval; got shape {array.shape}."
        )
        raise ValueError(msg)
    columns = [
        check_numbers(column, name=f"y_pred[:, {j}]", n_rows=n_rows)
        for j, column in enumerate(array.T)
    ]
    return np.column_stack(columns)


def without_ghosts(
    data: Population, groupings: dict[str, SubgroupCodes]
) -> tuple[Population, dict[str, SubgroupCodes]]:
    """Leave rows of weight 0 out: they are nobody."""
    if data.sample_weight is None or data.sample_weight.all():
        return data, groupings
    kept = data.sample_weight > 0.0
    return data.take(kept), {
        name: SubgroupCodes(codes.codes[kept], codes.labels, codes.name)
        for name, codes in groupings.items()
    }
