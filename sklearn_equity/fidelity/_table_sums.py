"""Which sums does a metric need of a table, and how does an engine give them?"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

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
    GroupedSums,
    SubgroupMoments,
    TracedColumn,
    as_expression,
    grouped_sums,
    stretches_for,
    with_promised_types,
)

__all__ = [
    "KindsOfPeople",
    "TableSums",
    "kinds_of_people",
    "metric_of_sums",
    "moments_of_table",
    "single_grouping",
]

# Of a sum of squares: standard errors keep nine digits of a double's sixteen.
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class TableSums:
    """What an engine has summed, by combination of labels and level of the error.

    Attributes
    ----------
    moments : SubgroupMoments
        Of people; a combination in which all weigh nothing has one subgroup of nobody.
    rows : dict of tuple to int
        The rows of each combination of labels, those of weight 0 included.
    """

    moments: SubgroupMoments
    rows: dict[tuple[Hashable, ...], int]


@dataclass(frozen=True)
class KindsOfPeople:
    """How many people have which labels together, a kind for each combination.

    Attributes
    ----------
    labels : dict of str to list
        The label of every kind in each grouping; None for those left out of it.
    n : ndarray of shape (n_kinds,)
        The people of each, without those of weight 0.
    """

    labels: dict[str, list[Hashable]]
    n: NDArray[np.int64]


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
) -> TableSums:
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
    """
    columns = {column: argument for argument, column in named.items()}
    needed = dict.fromkeys(keys, "subgroups") | columns
    with with_promised_types(frame, needed) as promised:
        ask = partial(_sum_up, promised, metric, named, keys)
        found = ask()
        refuse_unfit(frame, named, metric, found.n, found.also)
        _refuse_infinite_sums(found)
        moments = _of_people(found)
        lengths = _stretches(moments)
        if lengths:
            found = ask(widths=lengths)
            moments = _of_people(found)
    rows: dict[tuple[Hashable, ...], int] = {}
    for (*labels, _), n in zip(found.labels, found.n.tolist(), strict=True):
        rows[tuple(labels)] = rows.get(tuple(labels), 0) + n
    # The target itself tells of classes; nothing else needs it.
    of_classes = metric.min_of_class != (0, 0)
    return TableSums(moments if of_classes else _with_blank_target(moments), rows)


def _refuse_infinite_sums(found: GroupedSums) -> None:
    if not np.isfinite(found.products).all():
        msg = (
            "`y_true` and `y_pred` must hold numbers below 1e150 in size, so that they "
            "can be squared; their sums of squares are infinite. Rescale the columns."
        )
        raise ValueError(msg)


def tuples_of(moments: SubgroupMoments) -> list[tuple[Any, ...]]:
    """Return the subgroups of a table: a label of each column, and a level of error."""
    subgroups: Any = moments.subgroups
    return list(subgroups)


def _of_people(found: GroupedSums) -> SubgroupMoments:
    """Take what an engine has summed, without those of weight 0, who are nobody."""
    n = found.also.get("present", found.n).astype(np.int64)
    names = ["weight", *(f"unit {i}" for i in range(1, found.sums.shape[1]))]
    moments = SubgroupMoments.from_sums(
        names, found.labels, n, found.sums, found.products, found.origin
    )
    people = np.flatnonzero(moments.n)
    if len(people) == len(moments.n):
        return moments
    # A subgroup of nobody is a subgroup all the same.
    cells = tuples_of(moments)
    known = {cells[i][:-1] for i in people}
    empty = {label[:-1]: i for i, label in enumerate(cells)}
    nobody = [i for labels, i in empty.items() if labels not in known]
    return moments.take([*people, *nobody])


def _stretches(moments: SubgroupMoments) -> dict[int, float]:
    """Say where raw sums of squares have lost the spread of a column in a subgroup."""
    whole = moments.regroup([label[:-1] for label in tuples_of(moments)])
    # What never varies and is a whole number, such as the hits of a subgroup without a
    # miss, has been summed exactly. Weights matter only as parts of other columns.
    spread = np.einsum("gii->gi", whole.scatter)
    exact = (spread == 0.0) & (whole.mean == np.round(whole.mean))
    return stretches_for(
        *(whole.n, np.where(exact, 0.0, whole.mean), whole.scatter),
        columns=range(1, len(whole.columns)),
        least=_LEAST_SPREAD,
    )


def _sum_up(
    frame: nw.LazyFrame[Any],
    metric: Metric,
    named: dict[str, str],
    keys: Sequence[str],
    *,
    widths: dict[int, float] | None = None,
) -> GroupedSums:
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
        widths=widths,
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
    table: TableSums, places: Sequence[int], title: str, missing: MissingPolicy
) -> SubgroupMoments:
    """Join the subgroups of all keys to those of some; deal with missing labels.

    Parameters
    ----------
    table : TableSums
        By combination of the labels of all keys.
    places : sequence of int
        Which keys make up this grouping.
    title : str
        Its name, for messages.
    missing : {"raise", "group", "drop"}
        What happens to missing labels.
    """
    joint = table.moments
    parts = [tuple(label[j] for j in places) for label in tuples_of(joint)]
    named = {part: _label(part) for part in dict.fromkeys(parts)}
    gaps = {part for part in named if any(map(is_missing, part))}
    lost = np.array([part in gaps for part in parts])
    if lost.any() and missing == "raise":
        n_lost = sum(
            n
            for labels, n in table.rows.items()
            if any(is_missing(labels[j]) for j in places)
        )
        msg = (
            f"`subgroups` ({title!r}) must not have missing labels; got "
            f"{n_lost:,} of {sum(table.rows.values()):,}. Make them a subgroup of "
            'their own with missing="group", or leave those rows out with '
            'missing="drop".'
        )
        raise ValueError(msg)
    kept = np.flatnonzero(~lost) if missing == "drop" else np.arange(len(parts))
    levels = [label[-1] for label in tuples_of(joint)]
    labels = [(named[parts[i]], levels[i]) for i in kept]
    return joint.take(kept).regroup(labels)


def kinds_of_people(
    table: TableSums, places: dict[str, list[int]], missing: MissingPolicy
) -> KindsOfPeople:
    """Count the combinations of labels that occur, whatever the errors."""
    joint = table.moments.regroup([cell[:-1] for cell in tuples_of(table.moments)])
    combined, people = tuples_of(joint), np.flatnonzero(joint.n)
    labels: dict[str, list[Hashable]] = {}
    for title, place in places.items():
        parts = [tuple(combined[i][j] for j in place) for i in people]
        labels[title] = [
            None if missing == "drop" and any(map(is_missing, part)) else _label(part)
            for part in parts
        ]
    return KindsOfPeople(labels, joint.n[people].astype(np.int64))


def _label(parts: tuple[Hashable, ...]) -> Hashable:
    named = tuple(MISSING_LABEL if is_missing(part) else part for part in parts)
    return named[0] if len(named) == 1 else named
