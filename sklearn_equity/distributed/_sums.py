"""Which sums does a metric need of a table, and how does an engine give them?"""

from collections.abc import Hashable, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import MISSING_LABEL, MissingPolicy
from sklearn_equity._factorize import is_missing
from sklearn_equity.distributed._columns import number
from sklearn_equity.distributed._traced import TracedColumn, as_expression
from sklearn_equity.fidelity import METRIC_NAMES, Metric, resolve_metric
from sklearn_equity.sufficient_statistics import SubgroupMoments

__all__ = ["metric_of_sums", "moments_of_table", "put_missing_last", "single_grouping"]


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
    frame: nw.LazyFrame[Any],
    metric: Metric,
    *,
    y_true: str,
    y_pred: str,
    keys: Sequence[str],
    sample_weight: str | None,
    origin: float,
) -> SubgroupMoments:
    """Have the engine sum the columns of a metric by label.

    Parameters
    ----------
    frame : nw.LazyFrame
        The table, whose numbers have been looked over.
    metric : Metric
        One that follows from sums.
    y_true, y_pred : str
        Its columns.
    keys : sequence of str
        The columns of labels; every combination that occurs is a subgroup.
    sample_weight : str or None
        The column of weights.
    origin : float
        What is taken off target and prediction if nothing depends on it.
    """
    if metric.columns is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    shift = origin if metric.shift_invariant else 0.0
    truth, prediction = number(y_true), number(y_pred)
    traced: list[Any] = [
        TracedColumn(column - shift if shift else column)
        for column in (truth, prediction)
    ]
    units = metric.columns(traced[0], traced[1])[1:]
    named = {f"unit {i}": as_expression(unit) for i, unit in enumerate(units, start=1)}
    if sample_weight is not None:  # people of weight 0 are nobody
        frame = frame.filter(nw.col(sample_weight) > 0)
    # The target itself tells of classes; nothing else needs it.
    of_classes = metric.min_of_class != (0, 0)
    found = SubgroupMoments.from_frame(
        frame,
        columns={**named, "target": truth} if of_classes else named,
        subgroups=list(keys),
        sample_weight=sample_weight,
    )
    return found if of_classes else _with_blank_target(found)


def _with_blank_target(moments: SubgroupMoments) -> SubgroupMoments:
    """Leave room where the target's moments would be."""
    return SubgroupMoments(
        (*moments.columns, "target"),
        moments.subgroups,
        moments.n,
        np.pad(moments.mean, ((0, 0), (0, 1))),
        np.pad(moments.scatter, ((0, 0), (0, 1), (0, 1))),
    )


def single_grouping(
    joint: SubgroupMoments, places: Sequence[int], title: str, missing: MissingPolicy
) -> SubgroupMoments:
    """Join the subgroups of all keys to those of some; deal with missing labels.

    Parameters
    ----------
    joint : SubgroupMoments
        Its labels are tuples, one entry a key.
    places : sequence of int
        Which keys make up this grouping.
    title : str
        Its name, for messages.
    missing : {"raise", "group", "drop"}
        What happens to missing labels.
    """
    parts = [tuple(label[j] for j in places) for label in joint.subgroups]  # type: ignore[index]
    lost = np.array([any(map(is_missing, label)) for label in parts])
    if lost.any() and missing == "raise":
        msg = (
            f"`subgroups` ({title!r}) must not have missing labels; got "
            f"{int(joint.n[lost].sum()):,} of {int(joint.n.sum()):,}. Make them a "
            'subgroup of their own with missing="group", or leave those rows out with '
            'missing="drop".'
        )
        raise ValueError(msg)
    kept = np.flatnonzero(~lost) if missing == "drop" else np.arange(len(parts))
    labels = [_label(parts[i]) for i in kept]
    return put_missing_last(joint.take(kept).regroup(labels))


def _label(parts: tuple[Hashable, ...]) -> Hashable:
    named = tuple(MISSING_LABEL if is_missing(part) else part for part in parts)
    return named[0] if len(named) == 1 else named


def put_missing_last(moments: SubgroupMoments) -> SubgroupMoments:
    """Show people without a label below all others."""
    last: NDArray[np.bool_] = np.array(
        [label == MISSING_LABEL for label in moments.subgroups], dtype=bool
    )
    return moments.take(np.argsort(last, kind="stable"))
