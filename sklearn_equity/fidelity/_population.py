"""Whose outcomes and predictions are measured, and how are they grouped?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import (
    MissingPolicy,
    SubgroupCodes,
    check_numbers,
    check_sample_weight,
    check_subgroups,
)

__all__ = ["Population", "check_groupings", "check_population", "without_ghosts"]

Vector = NDArray[np.float64]


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
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None
) -> Population:
    """Return clean arrays, or say what is wrong with which."""
    truth = check_numbers(y_true, name="y_true")
    prediction = check_numbers(y_pred, name="y_pred", n_rows=len(truth))
    weights = check_sample_weight(sample_weight, n_rows=len(truth))
    return Population(truth, prediction, weights)


def check_groupings(
    subgroups: Any, *, n_rows: int, missing: MissingPolicy
) -> dict[str, SubgroupCodes]:
    """Number the labels of one grouping, or of each in a mapping."""
    if not isinstance(subgroups, Mapping):
        codes = check_subgroups(
            subgroups, n_rows=n_rows, missing=missing, min_subgroups=2
        )
        return {codes.name: codes}
    if not subgroups:
        msg = "`subgroups` must hold at least one grouping; got an empty mapping."
        raise ValueError(msg)
    return {
        str(name): check_subgroups(
            labels,
            n_rows=n_rows,
            name=f"subgroups[{name!r}]",
            missing=missing,
            min_subgroups=2,
        )
        for name, labels in subgroups.items()
    }


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
