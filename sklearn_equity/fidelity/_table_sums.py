"""Which sums does a metric need of a table, and how does an engine give them?"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from sklearn_equity._checks import MISSING_LABEL, MissingPolicy
from sklearn_equity._factorize import is_missing
from sklearn_equity.fidelity._error_cells import error_level
from sklearn_equity.fidelity._expected_spread import columns_of_sums
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._metrics import METRIC_NAMES, resolve_metric
from sklearn_equity.fidelity._table_checks import (
    number,
    refuse_unfit,
    sums_for_checks,
)
from sklearn_equity.sufficient_statistics import (
    SubgroupMoments,
    TracedColumn,
    as_expression,
    grouped_sums,
    refuse_other_types,
)

__all__ = ["metric_of_sums", "moments_of_table", "single_grouping"]


def metric_of_sums(metric: Any, normalization: Any) -> Metric:
    """Return a metric that follows from sums, or say which do."""
    chosen = resolve_metric(metric, normalization=normalization)
    if chosen.columns is None or chosen.n_predictions != 1:
        known = [resolve_metric(name) for name in METRIC_NAMES]
        names = ", ".join(
            f'"{one.name}"'
            for one in known
            if one.columns is not None and one.n_predictions == 1
        )
        msg = (
            "`metric` must follow from sums over rows where the rows stay in their "
            f"engine, as {names} do (nrmse by the mean, std, None or a number); got "
            f"{chosen.label!r}. Collect the columns to measure it in memory."
        )
        raise ValueError(msg)
    return chosen


def moments_of_table(
    frame: nw.LazyFrame[Any], metric: Metric, named: dict[str, str], keys: Sequence[str]
) -> SubgroupMoments:
    """Have the engine sum the columns of a metric by label and by size of error.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table.
    metric : Metric
        One that follows from sums.
    named : dict of str to str
        Its columns, by argument.
    keys : sequence of str
        The columns of labels; every combination that occurs is a subgroup.

    Returns
    -------
    SubgroupMoments
        By combination of labels and level of the error.
    """
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    try:
        found = _sum_up(frame, metric, named, keys)
    except (TypeError, ValueError):
        refuse_other_types(frame, {name: named[name] for name in named})
        raise
    refuse_unfit(frame, named, metric, found.n, found.also)
    if not np.isfinite(found.products).all():
        msg = (
            "`y_true` and `y_pred` must hold numbers below 1e150 in size, so that they "
            "can be squared; their sums of squares are infinite. Rescale the columns."
        )
        raise ValueError(msg)
    n = found.also.get("present", found.n).astype(np.int64)
    k = found.sums.shape[1]
    names = ["weight", *(f"unit {i}" for i in range(1, k))]
    moments = SubgroupMoments.from_sums(
        names, found.labels, n, found.sums, found.products
    )
    if (n == 0).any():  # people of weight 0 are nobody
        moments = moments.take(np.flatnonzero(n))
    # The target itself tells of classes; nothing else needs it.
    of_classes = metric.min_of_class != (0, 0)
    return moments if of_classes else _with_blank_target(moments)


def _sum_up(
    frame: nw.LazyFrame[Any], metric: Metric, named: dict[str, str], keys: Sequence[str]
) -> Any:
    """Ask the engine once, or twice where squares need an origin near the target."""
    truth, prediction = number(named["y_true"]), number(named["y_pred"])
    level: Any = 0.0
    if metric.shape_of_errors:
        level = error_level(metric, TracedColumn(truth), TracedColumn(prediction))
    origin = _origin(frame, named["y_true"]) if metric.shift_invariant else 0.0
    traced = [
        TracedColumn(column - origin if origin else column)
        for column in (truth, prediction)
    ]
    units = [as_expression(unit) for unit in columns_of_sums(metric, *traced)[1:]]
    if metric.min_of_class != (0, 0):
        units.append(truth)
    weight = named.get("sample_weight")
    return grouped_sums(
        frame,
        units,
        [*(nw.col(key) for key in keys), as_expression(level)],
        weight=None if weight is None else number(weight),
        also=sums_for_checks(named, metric),
    )


def _origin(frame: nw.LazyFrame[Any], column: str) -> float:
    """Return the mean of a column in few digits, the same in every engine."""
    mean = frame.select(number(column)).select(nw.col(column).mean()).collect()
    value = mean.item(0, 0)
    known = value is not None and np.isfinite(value)
    return float(f"{value:.3g}") if known else 0.0


def _with_blank_target(moments: SubgroupMoments) -> SubgroupMoments:
    """Leave room where the target's moments would be."""
    return replace(
        moments,
        columns=(*moments.columns, "target"),
        mean=np.pad(moments.mean, ((0, 0), (0, 1))),
        scatter=np.pad(moments.scatter, ((0, 0), (0, 1), (0, 1))),
    )


def single_grouping(
    joint: SubgroupMoments, places: Sequence[int], title: str, missing: MissingPolicy
) -> SubgroupMoments:
    """Join the subgroups of all keys to those of some; deal with missing labels.

    Parameters
    ----------
    joint : SubgroupMoments
        Its labels are tuples, one entry a key, and last the level of the error.
    places : sequence of int
        Which keys make up this grouping.
    title : str
        Its name, for messages.
    missing : {"raise", "group", "drop"}
        What happens to missing labels.
    """
    parts = [tuple(label[j] for j in places) for label in joint.subgroups]  # type: ignore[index]
    named = {part: _label(part) for part in dict.fromkeys(parts)}
    gaps = {part for part in named if any(map(is_missing, part))}
    lost = np.array([part in gaps for part in parts])
    if lost.any() and missing == "raise":
        msg = (
            f"`subgroups` ({title!r}) must not have missing labels; got "
            f"{int(joint.n[lost].sum()):,} of {int(joint.n.sum()):,}. Make them a "
            'subgroup of their own with missing="group", or leave those rows out with '
            'missing="drop".'
        )
        raise ValueError(msg)
    kept = np.flatnonzero(~lost) if missing == "drop" else np.arange(len(parts))
    labels = [(named[parts[i]], joint.subgroups[i][-1]) for i in kept]  # type: ignore[index]
    return joint.take(kept).regroup(labels)


def _label(parts: tuple[Hashable, ...]) -> Hashable:
    named = tuple(MISSING_LABEL if is_missing(part) else part for part in parts)
    return named[0] if len(named) == 1 else named
