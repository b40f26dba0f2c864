"""What is a metric's value in each subgroup that has enough rows to tell?"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_equity._checks import DROPPED, SubgroupCodes, format_label
from sklearn_equity.exceptions import SmallSubgroupWarning
from sklearn_equity.fidelity import Metric, subgroup_estimates

__all__ = ["ScoredRows", "SmallPolicy", "large_subgroups", "leave_out"]

Vector = NDArray[np.float64]
SmallPolicy = Literal["pool", "drop", "raise"]
_POOLED_LABEL = "(small subgroups)"


@dataclass(frozen=True)
class ScoredRows:
    """The truth, a model's response, weights, and the metric that compares them."""

    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    sample_weight: Vector | None
    metric: Metric

    def estimates(self, codes: SubgroupCodes) -> Vector:
        """Compute the metric in every subgroup; NaN where it is undefined."""
        with warnings.catch_warnings():
            # A subgroup without both classes has no value: it is handled as small.
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            return subgroup_estimates(
                self.y_true,
                self.y_pred,
                codes,
                self.metric,
                sample_weight=self.sample_weight,
            )


def large_subgroups(
    rows: ScoredRows, codes: SubgroupCodes, *, min_size: int, small: SmallPolicy
) -> tuple[SubgroupCodes, Vector]:
    """Compute the metric in every subgroup that is large enough, or made so.

    A subgroup is small if it has fewer than `min_size` rows, or none on which the
    metric is defined. Pooling joins all small ones into one subgroup, and the next
    smallest to it for as long as that is small itself: nobody is left out.
    """
    codes = _occurring(codes)
    values = rows.estimates(codes)
    too_small = (codes.counts() < min_size) | np.isnan(values)
    if not too_small.any():
        return codes, values
    if small == "raise":
        raise ValueError(_describe_small(codes, values, too_small, min_size))
    if small == "drop":
        left = leave_out(codes, too_small[codes.codes])
        return _occurring(left), values[~too_small]
    return _pool(rows, codes, too_small, min_size)


def _pool(
    rows: ScoredRows, codes: SubgroupCodes, too_small: NDArray[np.bool_], min_size: int
) -> tuple[SubgroupCodes, Vector]:
    by_size = np.lexsort((codes.counts(), ~too_small))  # small ones first, then by size
    for n_pooled in range(int(too_small.sum()), codes.n_subgroups + 1):
        pooled_codes = _merge(codes, by_size[:n_pooled])
        values = rows.estimates(pooled_codes)
        pool_size = pooled_codes.counts()[-1]
        if pool_size >= min_size and not np.isnan(values[-1]):
            break
    else:  # even all rows together are too few
        return _occurring(leave_out(codes, codes.codes >= 0)), np.empty(0)
    if pooled_codes.n_subgroups == 1:
        warnings.warn(
            f"Every subgroup was pooled: {codes.n_subgroups} subgroups of "
            f"`{codes.name}` with {int(codes.counts().sum())} rows leave no two with "
            f"{min_size} rows each. The figure is that of everybody together.",
            SmallSubgroupWarning,
            stacklevel=2,
        )
    return pooled_codes, values


def _merge(codes: SubgroupCodes, pooled: NDArray[np.intp]) -> SubgroupCodes:
    """Give some subgroups one code, the last."""
    apart = np.setdiff1d(np.arange(codes.n_subgroups), pooled)
    recode = np.full(codes.n_subgroups + 1, len(apart))
    recode[apart] = np.arange(len(apart))
    recode[DROPPED] = DROPPED
    labels = (*(codes.labels[code] for code in apart), _POOLED_LABEL)
    return SubgroupCodes(recode[codes.codes], labels, codes.name)


def leave_out(codes: SubgroupCodes, left_out: NDArray[np.bool_]) -> SubgroupCodes:
    """Drop rows from every subgroup."""
    kept = np.where(left_out, DROPPED, codes.codes)
    return SubgroupCodes(kept, codes.labels, codes.name)


def _occurring(codes: SubgroupCodes) -> SubgroupCodes:
    """Keep the subgroups that have a row."""
    counts = codes.counts()
    if counts.all():
        return codes
    present = np.flatnonzero(counts)
    recode = np.full(codes.n_subgroups + 1, DROPPED)
    recode[present] = np.arange(len(present))
    labels = tuple(codes.labels[code] for code in present)
    return SubgroupCodes(recode[codes.codes], labels, codes.name)


def _describe_small(
    codes: SubgroupCodes, values: Vector, too_small: NDArray[np.bool_], min_size: int
) -> str:
    counts = codes.counts()
    listed = ", ".join(
        f"{format_label(codes.labels[code])} ({counts[code]} rows"
        + (", metric undefined)" if np.isnan(values[code]) else ")")
        for code in np.flatnonzero(too_small)[:5]
    )
    more = ", ..." if too_small.sum() > 5 else ""
    return (
        f"Every subgroup must have at least `min_subgroup_size`={min_size} rows and "
        f"a defined metric; too small: {listed}{more}. Pool them with "
        'small="pool", leave them out with small="drop", or use fewer folds.'
    )
