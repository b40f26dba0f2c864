"""Which rows hold a value that others share, and must stay where they are?

A kernel on a value at the threshold carries half of its people to the other side, and
no larger sample mends that. Heaped readings, zeros, detection limits and ceilings are
therefore scored as they are, and only the others are smoothed.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.allocation._steps import Steps
from sklearn_equity.density import is_discrete, may_have_ties, tabulate

# Of fewer rows no rule can tell the spread from noise: they stay points.
_MIN_ROWS_TO_SMOOTH = 10


def find_points(
    values: NDArray[np.float64], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """Tell the rows to leave as they are, all or some, from those to smooth."""
    n_rows = len(values)
    if n_rows < _MIN_ROWS_TO_SMOOTH or is_discrete(values, sample_weight):
        return np.ones(n_rows, dtype=bool)
    tied = _find_tied_values(values, sample_weight)
    if not len(tied):
        return np.zeros(n_rows, dtype=bool)
    is_point = np.isin(values, tied)
    too_few = n_rows - is_point.sum() < _MIN_ROWS_TO_SMOOTH
    return np.ones(n_rows, dtype=bool) if too_few else is_point


def _find_tied_values(
    values: NDArray[np.float64], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """List the values that several rows have.

    Numbers from a continuum never agree: even a rare tie, in a tail, is a reading. A
    large sample that has hardly any may still end in a detection limit or a ceiling.
    """
    if may_have_ties(values):
        sample = tabulate(values, sample_weight)
        return sample.values[sample.rows > 1.0]
    ends = np.array([values.min(), values.max()])
    return ends[[np.count_nonzero(values == end) > 1 for end in ends]]


def leave_points_out(steps: Steps, is_point: NDArray[np.bool_]) -> Steps:
    """Return the rows to smooth, between the points that end the sample.

    Where the least or the greatest value is a point, as at a detection limit or a
    ceiling, nobody lies beyond it: it bounds what is smoothed.
    """
    if not is_point.any():
        return steps
    values = steps.values
    ends = values.min(), values.max()
    lower, upper = (bool(is_point[values == end].any()) for end in ends)

    def take(part: Any) -> Any:
        return part[~is_point] if np.ndim(part) else part

    return replace(
        steps,
        values=take(values),
        threshold=take(steps.threshold),
        width=take(steps.width),
        lower=float(ends[0]) if lower else steps.lower,
        upper=float(ends[1]) if upper else steps.upper,
    )
