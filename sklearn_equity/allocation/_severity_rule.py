"""How were people scored? All parts of a cohort share it, so that their sums add up."""

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np

from sklearn_equity._checks import MISSING_LABEL, MissingPolicy, check_subgroups
from sklearn_equity.allocation._area import EVERYONE
from sklearn_equity.allocation._cohort import Threshold
from sklearn_equity.allocation._inputs import as_number, check_choice, check_count
from sklearn_equity.allocation._scoring import Boundary
from sklearn_equity.allocation._sides import check_windows, region_windows
from sklearn_equity.allocation._steps import (
    Bounds,
    Direction,
    StepRule,
    WeightRule,
    resolve_weights,
)
from sklearn_equity.allocation._windows import Windows
from sklearn_equity.sufficient_statistics import label_order

_BY_ROW = "by row"
_MOST_POINTS = 1_000_000  # in a file that comes from elsewhere


@dataclass(frozen=True)
class SeverityRule:
    """How people were scored and cut into cells: equal for all parts of a whole."""

    threshold: float | str | tuple[tuple[Hashable, float], ...]
    bounds: tuple[float | None, float | None]
    weights: tuple[float, ...]
    step: str
    direction: str
    bandwidth: float
    boundary: str
    by_score: bool
    decision_threshold: float
    half_width: float
    n_points: int

    @property
    def windows(self) -> Windows:
        """The windows over scores, or one for everybody."""
        if not self.by_score:
            return EVERYONE
        return region_windows(self.decision_threshold, self.n_points, self.half_width)


def make_rule(
    *,
    threshold: Any,
    bounds: Bounds,
    by_score: bool,
    weights: WeightRule = "linear",
    n_steps: int = 20,
    step: StepRule = "exact",
    direction: Direction = "above",
    bandwidth: float = 0.0,
    boundary: Boundary = "reflect",
    decision_threshold: float = 0.0,
    half_width: float = 0.05,
    n_points: int = 100,
) -> SeverityRule:
    """Check what no part could check alone, and keep what all must share."""
    if np.isnan(as_number(bandwidth)):
        msg = (
            "`bandwidth` must be a number in the unit of the measurement, 0 for none, "
            f"as a rule looks at all rows at once; got {bandwidth!r}. Apply "
            "select_bandwidth to a sample of rows, or count with 0."
        )
        raise TypeError(msg)
    check_count(n_steps, name="n_steps", least=1)
    check_choice(direction, ("above", "below"), name="direction")
    lower, upper = _ends_of(bounds)
    end = upper if direction == "above" else lower
    if n_steps > 1 and end is None:
        msg = (
            "`bounds` must give the end that deterioration runs to, as no part of a "
            f"cohort knows the extremes of the others; got {bounds!r}."
        )
        raise ValueError(msg)
    check_windows(half_width, 2, n_points)
    if not 0.0 <= as_number(decision_threshold) < 1.0:
        msg = "`decision_threshold` must be from 0 to less than 1; got "
        raise ValueError(msg + f"{decision_threshold!r}.")
    return SeverityRule(
        _kept_threshold(threshold),
        (lower, upper),
        tuple(resolve_weights(weights, n_steps).tolist()),
        step,
        direction,
        float(bandwidth),
        boundary,
        by_score,
        float(decision_threshold),
        float(half_width),
        int(n_points),
    )


def _ends_of(bounds: Any) -> tuple[float | None, float | None]:
    """Return the ends of a range as numbers; None where one is not known."""
    is_array = isinstance(bounds, np.ndarray) and bounds.ndim == 1
    given = list(bounds) if is_array or isinstance(bounds, tuple | list) else []
    ends = [None if end is None else as_number(end) for end in given]
    if len(ends) != 2 or any(end is not None and np.isnan(end) for end in ends):
        msg = (
            "`bounds` must be a pair, the least and the greatest possible measurement, "
            f"with None for an end that is not known; got {bounds!r}."
        )
        raise ValueError(msg)
    return ends[0], ends[1]


def _kept_threshold(threshold: Any) -> float | str | tuple[tuple[Hashable, float], ...]:
    """Return what of the threshold is the same for all parts."""
    if isinstance(threshold, Mapping):
        pairs = sorted(threshold.items(), key=lambda pair: display_order(pair[0]))
        kept = tuple((label, as_number(value)) for label, value in pairs)
        numbers = [value for _, value in kept]
    elif isinstance(threshold, str) or (
        hasattr(threshold, "__len__") and getattr(threshold, "ndim", 1) != 0
    ):
        return _BY_ROW
    else:
        numbers = [as_number(threshold)]
    if np.isnan(numbers).any():
        msg = (
            "`threshold` must be a number, one by label of `subgroups`, or one a row; "
        )
        raise ValueError(msg + f"got {threshold!r}.")
    return kept if isinstance(threshold, Mapping) else numbers[0]


def read_rule(written: dict[str, Any]) -> SeverityRule:
    """Make a rule of what `asdict` wrote of it, with all the checks of a new one."""
    rule = SeverityRule(**written)
    kinds = {"step": StepRule, "direction": Direction, "boundary": Boundary}
    for name, kind in kinds.items():
        if getattr(rule, name) not in get_args(kind):
            raise ValueError(f"`{name}` is {getattr(rule, name)!r}")
    if rule.n_points > _MOST_POINTS:
        raise ValueError(f"`n_points` is {rule.n_points}")
    threshold: Any = rule.threshold
    if isinstance(threshold, tuple):
        threshold = dict(threshold)
    options = {name: written[name] for name in written if name != "threshold"}
    options |= {"weights": list(rule.weights), "n_steps": len(rule.weights)}
    check_alike(rule, make_rule(threshold=threshold, **options))
    return rule


def thresholds_here(
    threshold: Threshold, subgroups: Any, n_rows: int, missing: MissingPolicy
) -> Threshold:
    """Leave thresholds of subgroups out that this part lacks; refuse unknown ones."""
    if not isinstance(threshold, Mapping) or subgroups is None:
        return threshold
    here = check_subgroups(
        subgroups, n_rows=n_rows, rows_of="measurement", missing=missing
    ).labels
    unknown = [label for label in here if label not in threshold]
    if unknown:
        msg = (
            "`threshold` must map every subgroup to a number; got the labels "
            f"{unknown}, which it lacks. It has {list(threshold)}."
        )
        raise ValueError(msg)
    return {label: threshold[label] for label in here}


def check_alike(one: SeverityRule, other: SeverityRule) -> None:
    """Refuse parts that were scored in different ways, and say which."""
    differ = {
        name: (value, asdict(other)[name])
        for name, value in asdict(one).items()
        if value != asdict(other)[name]
    }
    if differ:
        msg = f"`merge` needs parts made with the same options; they differ: {differ}."
        raise ValueError(msg)


def display_order(label: Any) -> tuple[bool, Any]:
    """Sort labels, the missing one last."""
    return label == MISSING_LABEL, label_order(label)
