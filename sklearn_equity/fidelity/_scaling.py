"""By whose size is an error divided: the subgroup's own, everybody's, one given?"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._factorize import DROPPED
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import check_numbers
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._normalization import (
    Normalization,
    check_normalization,
    normalizer,
    refuse_mean,
)
from sklearn_equity.fidelity._normalized_rmse import function_name
from sklearn_equity.fidelity._population import Population

__all__ = ["Reference", "Scale", "choose_scale", "is_given"]

Vector = NDArray[np.float64]
Reference = Literal["subgroup", "overall"]
# A normalization, or a divisor for each row or for each label.
Scale = Normalization | ArrayLike | Mapping[Hashable, float]


def is_given(normalization: Any) -> bool:
    """Tell divisors by row or by label from a single normalization."""
    if isinstance(normalization, str) or callable(normalization):
        return False
    return isinstance(normalization, Mapping) or np.ndim(normalization) > 0


def choose_scale(
    metric: str | Callable[..., Any] | Metric,
    data: Population,
    groupings: dict[str, SubgroupCodes],
    *,
    normalization: Scale,
    reference: Reference,
    greater_is_better: bool | None,
) -> tuple[Metric, Population]:
    """Return the metric, and the data on the scale on which it is to be computed."""
    if reference not in ("subgroup", "overall"):
        msg = f'`reference` must be "subgroup" or "overall"; got {reference!r}.'
        raise ValueError(msg)
    given = is_given(normalization)
    plain: Any = None if given else normalization
    chosen = resolve_metric(
        metric, normalization=plain, greater_is_better=greater_is_better
    )
    if reference == "subgroup" and not given:
        return chosen, data
    if metric != "nrmse" or (given and reference == "overall"):
        msg = (
            '`reference`="overall" and divisors given as `normalization` need '
            f'metric="nrmse", and one of the two; got metric={chosen.name!r}.'
        )
        raise ValueError(msg)
    if given:
        return _by_given(chosen, data, groupings, normalization)
    return _by_everybody(data, plain), data


def _by_given(
    rmse: Metric,
    data: Population,
    groupings: dict[str, SubgroupCodes],
    normalization: Any,
) -> tuple[Metric, Population]:
    """Divide the rows themselves: their RMSE is then on the scale asked for."""
    if isinstance(normalization, Mapping):
        divisor = _of_labels(normalization, groupings)
    else:
        divisor = check_numbers(
            normalization, name="normalization", n_rows=len(data.y_true)
        )
    if (divisor <= 0.0).any():
        msg = (
            "`normalization` must hold positive divisors; got "
            f"{int((divisor <= 0.0).sum())} others, the least {divisor.min():g}."
        )
        raise ValueError(msg)
    scaled = replace(data, y_true=data.y_true / divisor, y_pred=data.y_pred / divisor)
    return replace(rmse, label="NRMSE (RMSE / divisors given)"), scaled


def _of_labels(
    normalization: Mapping[Hashable, float], groupings: dict[str, SubgroupCodes]
) -> Vector:
    """Give each row the divisor of its label."""
    if len(groupings) != 1:
        msg = (
            "`normalization` by label needs a single grouping; got "
            f"{len(groupings)}. Give one divisor for each row instead."
        )
        raise ValueError(msg)
    (codes,) = groupings.values()
    absent = [label for label in codes.labels if label not in normalization]
    if absent:
        msg = (
            "`normalization` must hold a divisor for every subgroup; it has none for "
            f"{len(absent)}, such as {format_label(absent[0])!r}."
        )
        raise ValueError(msg)
    if (codes.codes == DROPPED).any():
        msg = (
            "`normalization` by label needs a label for every row: make missing ones "
            'a subgroup with missing="group".'
        )
        raise ValueError(msg)
    values = check_numbers(
        [normalization[label] for label in codes.labels], name="normalization"
    )
    return values[codes.codes]


def _by_everybody(data: Population, normalization: Normalization) -> Metric:
    """Divide by one number, the size of everybody's target, taken as known."""
    check_normalization(normalization)
    if normalization is None or not (
        isinstance(normalization, str) or callable(normalization)
    ):
        return resolve_metric("nrmse", normalization=normalization)
    if normalization == "mean":
        refuse_mean(data.y_true, data.y_pred)
    divisor = normalizer(normalization, data.y_true, data.sample_weight)
    if np.isnan(divisor):
        msg = (
            '`reference`="overall" needs a target that is not constant or negative: '
            f"its {function_name(normalization)} is not positive."
        )
        raise ValueError(msg)
    name = function_name(normalization).replace("std", "standard deviation")
    label = f"NRMSE (RMSE / {name} of everybody's target)"
    return replace(resolve_metric("nrmse", normalization=divisor), label=label)
