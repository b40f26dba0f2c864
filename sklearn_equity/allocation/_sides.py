"""Which people are on the two sides of a comparison, and the area under each curve."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.allocation._area import (
    EVERYONE,
    Area,
    covered_share,
    integrate_windows,
    simpson_weights,
)
from sklearn_equity.allocation._cohort import Cohort
from sklearn_equity.allocation._inputs import as_number, check_count
from sklearn_equity.allocation._windows import (
    CellSums,
    Windows,
    find_cells,
    over_windows,
    slide_windows,
    sum_cells,
)


@dataclass(frozen=True)
class CutCohort:
    """A cohort, cut into the cells of its windows.

    Attributes
    ----------
    cohort : Cohort
        The people.
    windows : Windows
        The windows of the region compared.
    cells : ndarray of shape (n_rows,)
        Where each person is.
    sums : CellSums
        Sums by subgroup and cell.
    min_rows : int
        How many rows of one side a window needs.
    """

    cohort: Cohort
    windows: Windows
    cells: NDArray[np.intp]
    sums: CellSums
    min_rows: int


@dataclass(frozen=True)
class Sides:
    """Two sides of a comparison: which subgroups, and the areas under their curves."""

    rows: tuple[NDArray[np.intp], NDArray[np.intp]]
    sums: tuple[CellSums, CellSums]
    areas: tuple[Area, Area]
    measure: NDArray[np.float64]
    covered: float

    @property
    def log_ratio(self) -> float:
        """Logarithm of the first area over the second; NaN where both are 0."""
        first, second = (area.value for area in self.areas)
        if self.covered == 0.0 or (first == 0.0 and second == 0.0):
            return np.nan
        with np.errstate(divide="ignore"):
            return float(np.log(first) - np.log(second))

    def log_variance(self) -> tuple[float, float]:
        """Variance of the log ratio, and the degrees of freedom that are behind it.

        The variances are themselves estimated, in effect from the deteriorated people.
        Satterthwaite's rule joins the two sides' degrees of freedom.
        """
        parts, spent = [], 0.0
        for area, sums in zip(self.areas, self.sums, strict=True):
            if area.value <= 0.0:
                return np.nan, np.nan
            parts.append(area.variance(sums) / area.value**2)
            spent += parts[-1] ** 2 / area.freedom(sums)
        total = sum(parts)
        return total, total**2 / spent if spent > 0.0 else np.inf


def cut_region(
    cohort: Cohort,
    *,
    start: float,
    half_width: float,
    min_rows: int,
    n_points: int,
) -> CutCohort:
    """Cut a cohort into the windows of the region from `start` to 1."""
    check_windows(half_width, min_rows, n_points)
    return cut_cohort(cohort, region_windows(start, n_points, half_width), min_rows)


def region_windows(start: float, n_points: int, half_width: float) -> Windows:
    """Lay the windows of the region of scores from `start` to 1."""
    if not 0.0 <= (edge := as_number(start)) < 1.0:
        msg = f"`decision_threshold` must be from 0 to less than 1; got {start!r}."
        raise ValueError(msg)
    # The region's own points begin on its edge, about as far apart as those of a curve.
    n_region = max(round((1.0 - edge) * (n_points - 1)) + 1, 3)
    return slide_windows(edge, n_region, half_width)


def check_windows(half_width: float, min_rows: int, n_points: int) -> None:
    """Refuse windows that can't be laid."""
    if not 1e-6 <= as_number(half_width) <= 1.0:
        msg = f"`half_width` must be from 1e-6 to 1; got {half_width!r}."
        raise ValueError(msg)
    check_count(min_rows, name="min_rows", least=2)
    check_count(n_points, name="n_points", least=3)


def cut_cohort(cohort: Cohort, windows: Windows, min_rows: int) -> CutCohort:
    """Sum up a cohort by the cells of some windows."""
    if cohort.allocation is None:
        cells = np.zeros(len(cohort.codes), np.intp)
    else:
        cells = find_cells(cohort.allocation, windows.edges)
    shape = (len(cohort.labels), windows.n_cells)
    sums = sum_cells(cohort.codes, cells, shape, cohort.severity, cohort.sample_weight)
    return CutCohort(cohort, windows, cells, sums, min_rows)


def find_sides(cohort: Cohort, compare: Any) -> tuple[NDArray[np.intp], ...]:
    """Return the subgroups on each side of `compare`; None stands for the rest."""
    if not isinstance(compare, tuple | list) or len(compare) != 2:
        msg = (
            "`compare` must be a pair of subgroups, the one in question first, with "
            f"None as the second for all the rest; got {compare!r}."
        )
        raise ValueError(msg)
    first, second = compare
    one = cohort.position_of(first, name="compare")
    if second is None:
        rest = np.flatnonzero(np.arange(len(cohort.labels)) != one)
        if not len(rest):
            msg = f"`compare`={compare!r} has no rest: {first!r} is the only subgroup."
            raise ValueError(msg)
        return np.array([one]), rest
    other = cohort.position_of(second, name="compare")
    if one == other:
        raise ValueError(f"`compare` must name two different subgroups; got {compare}.")
    return np.array([one]), np.array([other])


def weigh_sides(cut: CutCohort, rows: tuple[NDArray[np.intp], ...]) -> Sides:
    """Integrate both sides over the windows that have enough rows of each."""
    one, other = cut.sums.of(rows[0]), cut.sums.of(rows[1])
    windows = cut.windows
    present = np.ones(len(windows.points), dtype=bool)
    for side in (one, other):
        present &= over_windows(side.count[0], windows) >= cut.min_rows
    if windows is EVERYONE:
        measure, covered = present.astype(np.float64), float(present[0])
    else:
        measure = simpson_weights(present, windows.spacing)
        covered = covered_share(present)
    areas = tuple(integrate_windows(side, windows, measure) for side in (one, other))
    return Sides(
        (rows[0], rows[1]), (one, other), (areas[0], areas[1]), measure, covered
    )
