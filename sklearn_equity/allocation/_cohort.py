"""Whose scores and measurements are compared: the rows that a person hands in, clean.

Every measure of this stage starts here, so that the same rows, the same steps and the
same bandwidth serve all subgroups and windows.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import (
    MissingPolicy,
    SubgroupCodes,
    check_same_order,
    check_subgroups,
)
from sklearn_equity._factorize import DROPPED
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import NobodyCountsError, check_numbers
from sklearn_equity.allocation._inputs import (
    check_case_weights,
    check_choice,
    check_row_thresholds,
)
from sklearn_equity.allocation._named_columns import columns_of
from sklearn_equity.allocation._scoring import SeverityOptions, score_rows
from sklearn_equity.allocation._steps import Bounds, Direction

ScoreScale = Literal["rank", "minmax"] | None
Threshold = ArrayLike | Mapping[Any, float]


@dataclass(frozen=True)
class Cohort:
    """The rows that count, one entry each in every array.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,)
        The subgroup of each row, as an index into `labels`.
    labels : tuple
        The subgroups.
    severity : ndarray of shape (n_rows,)
        How deteriorated each person is.
    allocation : ndarray of shape (n_rows,) or None
        The score by which a model allocates, from 0 to 1.
    sample_weight : ndarray of shape (n_rows,) or None
        What each row counts.
    bandwidth : float
        How far the measurement was smoothed, in its unit.
    kept : ndarray of shape (n_rows_given,)
        Which of the rows that were handed in these are.
    """

    codes: NDArray[np.intp]
    labels: tuple[Hashable, ...]
    severity: NDArray[np.float64]
    allocation: NDArray[np.float64] | None
    sample_weight: NDArray[np.float64] | None
    bandwidth: float
    kept: NDArray[np.bool_]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The subgroups as people read them; 1 and "1" are told apart by quotes."""
        names = [format_label(label) for label in self.labels]
        n_each = Counter(names)
        return tuple(
            name if n_each[name] == 1 else repr(label)
            for name, label in zip(names, self.labels, strict=True)
        )

    def position_of(self, label: Any, *, name: str) -> int:
        """Return the index of a subgroup, or list those that there are."""
        label = label.tolist() if isinstance(label, np.ndarray) else label
        label = tuple(label) if isinstance(label, list) else label
        if isinstance(label, Hashable) and label in self.labels:
            return self.labels.index(label)
        shown = ", ".join(repr(known) for known in self.labels[:20])
        more = ", ..." if len(self.labels) > 20 else ""
        msg = f"`{name}` names no subgroup: {label!r}. There are {shown}{more}."
        raise ValueError(msg)


def take_cohort(
    measurement: ArrayLike,
    *,
    subgroups: Any,
    threshold: Threshold,
    bounds: Bounds,
    n_steps: int,
    direction: Direction,
    sample_weight: ArrayLike | None,
    missing: MissingPolicy,
    severity: SeverityOptions,
    allocation: ArrayLike | None = None,
    scale: ScoreScale = None,
    data: Any = None,
) -> Cohort:
    """Check all columns, leave out rows that don't count, and score the rest.

    With a table, `data`, arguments name its columns.
    """
    if data is not None:
        columns = columns_of(
            data,
            measurement=measurement,
            allocation=allocation,
            sample_weight=sample_weight,
            subgroups=subgroups,
            threshold=threshold,
        )
        measurement, allocation = columns["measurement"], columns["allocation"]
        sample_weight, subgroups = columns["sample_weight"], columns["subgroups"]
        threshold = columns["threshold"]
    check_same_order(
        measurement=measurement,
        allocation=allocation,
        subgroups=subgroups,
        sample_weight=sample_weight,
    )
    values = check_numbers(measurement, name="measurement")
    n_rows = len(values)
    scores = (
        None
        if allocation is None
        else check_numbers(
            allocation, name="allocation", n_rows=n_rows, rows_of="measurement"
        )
    )
    groups = _code_subgroups(subgroups, n_rows, missing)
    limits = _threshold_of_rows(threshold, groups, n_rows)
    weights = check_case_weights(sample_weight, n_rows)  # last: it may find nobody
    kept = groups.codes != DROPPED
    if weights is not None:
        kept &= weights > 0.0
    if not kept.any():
        msg = "`subgroups` must leave rows to compare; all are missing."
        raise NobodyCountsError(msg)
    if not kept.all():
        values = values[kept]
        weights = None if weights is None else weights[kept]
        scores = None if scores is None else scores[kept]
        limits = limits[kept] if isinstance(limits, np.ndarray) else limits
    severities, bandwidth = score_rows(
        values,
        threshold=limits,
        bounds=bounds,
        n_steps=n_steps,
        direction=direction,
        sample_weight=weights,
        **_complete(severity),
    )
    return Cohort(
        groups.codes if kept.all() else groups.codes[kept],
        groups.labels,
        severities,
        None if scores is None else _scale_scores(scores, weights, scale),
        weights,
        bandwidth,
        kept,
    )


def _code_subgroups(
    subgroups: Any, n_rows: int, missing: MissingPolicy
) -> SubgroupCodes:
    if subgroups is None:
        return SubgroupCodes(np.zeros(n_rows, np.intp), ("all",), "subgroups")
    return check_subgroups(
        subgroups, n_rows=n_rows, rows_of="measurement", missing=missing
    )


def _threshold_of_rows(
    threshold: Threshold, groups: SubgroupCodes, n_rows: int
) -> NDArray[np.float64] | float:
    if isinstance(threshold, Mapping):
        absent = [label for label in groups.labels if label not in threshold]
        unknown = [label for label in threshold if label not in groups.labels]
        if absent or unknown:
            msg = (
                "`threshold` must map every subgroup, and no other key, to a number; "
                f"missing are {absent}, unknown {unknown}."
            )
            raise ValueError(msg)
        each = [threshold[label] for label in groups.labels]
        # Rows without a label take any threshold: they are left out.
        return check_numbers(each, name="threshold")[groups.codes]
    if set(_index_of(threshold)) == set(groups.labels):
        msg = (
            "`threshold` must be a mapping to give one number a subgroup: a series, "
            "as it came, is read as one number a row. Pass threshold.to_dict()."
        )
        raise ValueError(msg)
    return check_row_thresholds(threshold, n_rows)


def _index_of(threshold: Any) -> Iterable[Hashable]:
    """Return the index of a pandas series, and nothing for anything else."""
    index = getattr(threshold, "index", ())
    return () if callable(index) else index


def _complete(severity: SeverityOptions) -> dict[str, Any]:
    """Fill in the defaults of `severity_score`, and refuse what it doesn't have."""
    defaults: dict[str, Any] = {
        "weights": "linear",
        "step": "exact",
        "bandwidth": "cdf",
        "boundary": "reflect",
        "discrete": "auto",
    }
    unknown = [name for name in severity if name not in defaults]
    if unknown:
        msg = f"Unknown arguments {unknown}; of severity_score, {list(defaults)} pass."
        raise TypeError(msg)
    # A common factor of all weights leaves every ratio as it is: none is offered.
    return defaults | {"normalize": False} | severity


def _scale_scores(
    scores: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    scale: ScoreScale,
) -> NDArray[np.float64]:
    """Bring scores to the interval from 0 to 1, or refuse those outside it."""
    check_choice(scale, ("rank", "minmax", None), name="scale")
    if scale == "rank":
        return _weighted_ranks(scores, sample_weight)
    least, most = scores.min(), scores.max()
    if scale == "minmax":
        if least == most:
            msg = '`allocation` must vary for scale="minmax"; all scores are '
            raise ValueError(msg + f"{least:g}.")
        scaled: NDArray[np.float64] = (scores - least) / (most - least)
        return scaled
    if least < 0.0 or most > 1.0:
        outside = int(((scores < 0.0) | (scores > 1.0)).sum())
        msg = (
            f"`allocation` must lie between 0 and 1; got {outside} of {len(scores)} "
            f"rows outside, from {least:g} to {most:g}. Map the scores with "
            'scale="rank" (their percentile) or scale="minmax".'
        )
        raise ValueError(msg)
    return scores


def _weighted_ranks(
    scores: NDArray[np.float64], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the share of people below each score, half of the ties counted."""
    _, inverse = np.unique(scores, return_inverse=True)
    held = np.bincount(inverse, weights=sample_weight)
    middle: NDArray[np.float64] = (np.cumsum(held) - held / 2) / held.sum()
    return middle[inverse]
