"""How far would a log ratio move if other people of the same kind had been sampled?"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_equity.allocation._result import Spread
from sklearn_equity.allocation._sides import CutCohort, Sides
from sklearn_equity.allocation._windows import over_windows


def resample_log_ratio(
    cut: CutCohort,
    sides: Sides,
    *,
    n_resamples: int,
    confidence_level: float,
    random_state: int | RandomState | None,
) -> Spread:
    """Draw people with replacement within each side: a percentile interval.

    The windows integrated stay those of the sample. Where a draw leaves one of them
    empty, or a side without deterioration, there is no interval.
    """
    rng = check_random_state(random_state)
    one, other = (
        np.log(list(_resample_area(cut, sides, side, n_resamples, rng)))
        for side in (0, 1)
    )
    draws = one - other
    if not np.isfinite(draws).all():
        return Spread(sides.log_ratio, np.nan, np.nan, np.nan, np.nan)
    tail = (1.0 - confidence_level) / 2
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    least = min((draws <= 0.0).sum(), (draws >= 0.0).sum())
    p_value = min(2.0 * (least + 1) / (n_resamples + 1), 1.0)
    return Spread(sides.log_ratio, float(draws.std(ddof=1)), low, high, p_value)


def _resample_area(
    cut: CutCohort, sides: Sides, side: int, n_resamples: int, rng: RandomState
) -> Iterator[float]:
    """Yield the area under one side's curve for each draw of its people; 0 if none."""
    rows = np.flatnonzero(np.isin(cut.cohort.codes, sides.rows[side]))
    cells, severity = cut.cells[rows], cut.cohort.severity[rows]
    weight = cut.cohort.sample_weight
    own_weight = 1.0 if weight is None else weight[rows]
    inside = sides.measure != 0.0
    for _ in range(n_resamples):
        times = np.bincount(rng.randint(len(rows), size=len(rows)), minlength=len(rows))
        drawn = times * own_weight

        def in_windows(values: NDArray[Any]) -> NDArray[np.float64]:
            in_cells = np.bincount(cells, values, cut.windows.n_cells).astype(float)
            return over_windows(in_cells, cut.windows)[inside]

        with np.errstate(invalid="ignore"):
            mean = in_windows(drawn * severity) / in_windows(drawn)
        yield float(sides.measure[inside] @ mean)
