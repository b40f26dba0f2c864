"""How unequally does a model serve the subgroups, noise and all, and without it?"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import Metric, SubgroupTable, subgroup_fidelity
from sklearn_equity.inequality import gini, inequality_index

_UNKNOWN = float("nan")


class Spread(NamedTuple):
    """A Gini index as measured, without noise, and the ends of its interval."""

    raw: float = _UNKNOWN
    corrected: float = _UNKNOWN
    low: float = _UNKNOWN
    high: float = _UNKNOWN


def spread_of(
    y_true: NDArray[Any],
    y_pred: NDArray[Any],
    codes: SubgroupCodes,
    metric: Metric,
    *,
    min_subgroup_size: int,
    confidence_level: float,
    random_state: int,
) -> Spread:
    """Measure the subgroups of enough rows; what has no meaning stays NaN."""
    large = np.flatnonzero(codes.counts() >= min_subgroup_size)
    if len(large) < 2:
        return Spread()
    rows = np.isin(codes.codes, large)
    table = subgroup_fidelity(
        y_true[rows],
        y_pred[rows],
        subgroups=codes.codes[rows],
        metric=metric,
        confidence_level=confidence_level,
        random_state=random_state,
    )
    figures = table.estimate[np.isfinite(table.estimate)]
    if not len(figures) or (figures < 0.0).any() or not figures.any():
        return Spread()
    if _n_with_error(table) < 2:
        return Spread(gini(figures))
    found = inequality_index(
        table, confidence_level=confidence_level, random_state=random_state
    )
    return Spread(gini(figures), found.corrected, found.ci_low, found.ci_high)


def _n_with_error(table: SubgroupTable) -> int:
    known = np.isfinite(table.estimate + table.std_error)
    if table.shuffles is not None:
        shuffles = table.shuffles
        known &= np.isfinite(shuffles.estimate[0] + shuffles.std_error[0])
    return int(known.sum())
