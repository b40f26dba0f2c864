"""How far would a log ratio move if other people of the same kind had been sampled?"""

from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_equity._parallel import blocks_of, generators_for, run
from sklearn_equity.allocation._area import EVERYONE
from sklearn_equity.allocation._result import Spread
from sklearn_equity.allocation._sides import CutCohort, Sides
from sklearn_equity.allocation._windows import Windows, over_windows

_ROW = 11.0  # nanoseconds, roughly, to draw a row and again for each curve


@dataclass(frozen=True)
class Resampling:
    """How many draws, from which seed, and how sure to be of what they show."""

    n_resamples: int
    confidence_level: float
    random_state: int | RandomState | None
    n_jobs: int | None = None


@dataclass(frozen=True)
class _Curve:
    """One side's curve, as a function of how often each person is drawn."""

    cells: NDArray[np.intp]
    severity: NDArray[np.float64]
    weight: NDArray[np.float64] | float
    windows: Windows
    measure: NDArray[np.float64]

    def area(self, times: NDArray[np.intp]) -> float:
        """Area under the curve of the people drawn; NaN if they leave a gap."""
        drawn = times * self.weight
        inside = self.measure != 0.0
        total, severity = (
            over_windows(in_cells.astype(np.float64), self.windows)[inside]
            for in_cells in (
                np.bincount(self.cells, drawn, self.windows.n_cells),
                np.bincount(self.cells, drawn * self.severity, self.windows.n_cells),
            )
        )
        with np.errstate(invalid="ignore"):
            return float(self.measure[inside] @ (severity / total))


def resample_log_ratio(cut: CutCohort, sides: Sides, how: Resampling) -> Spread:
    """Draw people with replacement within each side: a percentile interval.

    The windows integrated stay those of the sample. Where a draw leaves one of them
    empty, or a side without deterioration, there is no interval.
    """
    rng = check_random_state(how.random_state)
    one, other = (
        _draw_log_areas((_curve_of(cut, sides, side),), how, rng)[:, 0]
        for side in (0, 1)
    )
    return _spread_of_draws(sides.log_ratio, one - other, how.confidence_level)


def resample_log_change(
    cut: CutCohort,
    by_model: Sides,
    in_data: Sides,
    given: NDArray[np.bool_],
    how: Resampling,
) -> Spread:
    """Draw people for both ratios at once: those whom they share move both."""
    rng = check_random_state(how.random_state)
    changes = []
    for side in (0, 1):
        curves = (
            _curve_of(cut, by_model, side),
            _curve_of_data(cut, in_data, side, given),
        )
        draws = _draw_log_areas(curves, how, rng)
        changes.append(draws[:, 0] - draws[:, 1])
    return _spread_of_draws(
        by_model.log_ratio - in_data.log_ratio,
        changes[0] - changes[1],
        how.confidence_level,
    )


def _curve_of(cut: CutCohort, sides: Sides, side: int) -> _Curve:
    rows = np.flatnonzero(np.isin(cut.cohort.codes, sides.rows[side]))
    weight = cut.cohort.sample_weight
    return _Curve(
        cut.cells[rows],
        cut.cohort.severity[rows],
        1.0 if weight is None else weight[rows],
        cut.windows,
        sides.measure,
    )


def _curve_of_data(
    cut: CutCohort, sides: Sides, side: int, given: NDArray[np.bool_]
) -> _Curve:
    """Put all who were given the resource into the one window of a dataset."""
    rows = np.flatnonzero(np.isin(cut.cohort.codes, sides.rows[side]))
    weight = given[rows].astype(np.float64)
    if cut.cohort.sample_weight is not None:
        weight *= cut.cohort.sample_weight[rows]
    cells = np.zeros(len(rows), np.intp)
    severity = cut.cohort.severity[rows]
    return _Curve(cells, severity, weight, EVERYONE, sides.measure)


def _draw_log_areas(
    curves: tuple[_Curve, ...], how: Resampling, rng: RandomState
) -> NDArray[np.float64]:
    """Draw the same people for all curves: (n_resamples, n_curves); NaN for none."""
    cost = _ROW * len(curves[0].cells) * (1 + len(curves))
    blocks = blocks_of(how.n_resamples, nanoseconds=cost)
    drawn = run(
        _draw_areas,
        (
            (curves, n_drawn, own)
            for n_drawn, own in zip(blocks, generators_for(blocks, rng), strict=True)
        ),
        n_jobs=how.n_jobs,
        nanoseconds=how.n_resamples * cost,
    )
    areas = np.concatenate(drawn)
    areas[areas <= 0.0] = np.nan  # nobody drawn is deteriorated
    return np.log(areas)


def _draw_areas(
    curves: tuple[_Curve, ...], n_resamples: int, rng: RandomState
) -> NDArray[np.float64]:
    n_rows = len(curves[0].cells)
    areas = np.empty((n_resamples, len(curves)))
    for draw in areas:
        times = np.bincount(rng.randint(n_rows, size=n_rows), minlength=n_rows)
        draw[:] = [curve.area(times) for curve in curves]
    return areas


def _spread_of_draws(
    log_ratio: float, draws: NDArray[np.float64], confidence_level: float
) -> Spread:
    if not np.isfinite(draws).all():
        return Spread(log_ratio, np.nan, np.nan, np.nan, np.nan)
    tail = (1.0 - confidence_level) / 2
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    least = min((draws <= 0.0).sum(), (draws >= 0.0).sum())
    p_value = min(2.0 * (least + 1) / (len(draws) + 1), 1.0)
    error = float(draws.std(ddof=1)) if len(draws) > 1 else np.nan
    return Spread(log_ratio, error, float(low), float(high), p_value)
