"""How sure is a comparison of two sides, and what may be said of it?"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import RandomState

from sklearn_equity._numbers import check_confidence_level
from sklearn_equity._parallel import check_n_jobs
from sklearn_equity.allocation._inputs import as_number, check_choice, check_count
from sklearn_equity.allocation._resampling import Resampling, resample_log_ratio
from sklearn_equity.allocation._result import (
    RULE,
    InequalityResult,
    Spread,
    closed_form_spread,
    judge,
)
from sklearn_equity.allocation._sides import (
    CutCohort,
    Sides,
    find_sides,
    weigh_sides,
)
from sklearn_equity.exceptions import SmallSubgroupWarning

IntervalMethod = Literal["closed_form", "bootstrap"]


@dataclass(frozen=True)
class Inference:
    """How sure to be, and how to find out."""

    confidence_level: float
    tolerance: float
    min_subgroup_size: int
    interval: IntervalMethod
    n_resamples: int
    random_state: int | RandomState | None
    n_jobs: int | None = None

    def __post_init__(self) -> None:
        check_n_jobs(self.n_jobs)
        check_confidence_level(self.confidence_level)
        check_choice(self.interval, ("closed_form", "bootstrap"), name="interval")
        if not 0.0 < as_number(self.tolerance) < np.inf:
            msg = "`tolerance` must be positive (0.1 for a tenth, either way); got "
            raise ValueError(msg + f"{self.tolerance!r}.")
        object.__setattr__(self, "tolerance", float(self.tolerance))
        for name in ("min_subgroup_size", "n_resamples"):
            check_count(getattr(self, name), name=name, least=1)

    @property
    def resampling(self) -> Resampling:
        """How a bootstrap goes about it."""
        return Resampling(
            self.n_resamples, self.confidence_level, self.random_state, self.n_jobs
        )


def measure_inequality(
    cut: CutCohort,
    compare: tuple[Any, Any],
    inference: Inference,
    decision_threshold: float | None,
) -> tuple[InequalityResult, Spread]:
    """Compare two sides of a cohort, with an interval and a verdict."""
    sides = weigh_sides(cut, find_sides(cut.cohort, compare))
    spread = _spread_of(cut, sides, inference)
    one, other = sides.areas
    region = 1.0 if decision_threshold is None else 1.0 - decision_threshold
    ratio = np.exp(spread.log_ratio)
    n_least = min(one.n_rows, other.n_rows)
    length = sides.covered * region if sides.covered > 0.0 else np.nan
    result = InequalityResult(
        kind="dataset" if decision_threshold is None else "model",
        subgroup=cut.cohort.names[sides.rows[0][0]],
        reference=(
            "the rest" if compare[1] is None else cut.cohort.names[sides.rows[1][0]]
        ),
        n_subgroup=one.n_rows,
        n_reference=other.n_rows,
        deterioration_subgroup=one.value / length,
        deterioration_reference=other.value / length,
        estimate=float(ratio - 1.0),
        std_error=float(ratio * spread.std_error),
        ci_low=float(np.exp(spread.ci_low) - 1.0),
        ci_high=float(np.exp(spread.ci_high) - 1.0),
        p_value=spread.p_value,
        confidence_level=inference.confidence_level,
        covered=sides.covered,
        verdict=judge(
            spread, n_least, inference.tolerance, inference.min_subgroup_size
        ),
        rule=RULE.format(
            tolerance=inference.tolerance,
            min_subgroup_size=inference.min_subgroup_size,
        ),
        decision_threshold=decision_threshold,
        bandwidth=cut.cohort.bandwidth,
    )
    return result, spread


def _spread_of(cut: CutCohort, sides: Sides, inference: Inference) -> Spread:
    level = inference.confidence_level
    if inference.interval == "closed_form" or not np.isfinite(sides.log_ratio):
        return closed_form_spread(sides.log_ratio, *sides.log_variance(), level)
    return resample_log_ratio(cut, sides, inference.resampling)


def ratio_of_cut(cut: CutCohort, compare: tuple[Any, Any], half_width: float) -> float:
    """Return the ratio of two sides' areas; warn where there is none."""
    log_ratio = weigh_sides(cut, find_sides(cut.cohort, compare)).log_ratio
    if np.isnan(log_ratio):
        start = cut.windows.points[0]
        msg = (
            f"The sides of `compare`={compare!r} cannot be compared: no part of the "
            f"region from {start:g} has {cut.min_rows} rows of each within "
            f"{half_width:g}, or nobody there is deteriorated. The ratio is NaN."
        )
        warnings.warn(msg, SmallSubgroupWarning, stacklevel=3)
    return float(np.exp(log_ratio))
