"""What is a metric's value in each subgroup that has enough rows to tell?"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._factorize import DROPPED
from sklearn_equity._label_text import format_label
from sklearn_equity.exceptions import SmallSubgroupWarning
from sklearn_equity.fidelity import Metric, subgroup_estimates
from sklearn_equity.sufficient_statistics import subgroup_sums

__all__ = ["ScoredRows", "SmallPolicy", "SubgroupValues", "large_subgroups"]

Vector = NDArray[np.float64]
SmallPolicy = Literal["pool", "drop", "raise"]
_POOLED_LABEL = "(small subgroups)"
_BLOCK_ROWS = 16_384  # a few columns of this length stay in the processor's cache


@dataclass(frozen=True)
class SubgroupValues:
    """A metric's value in every subgroup, and what it was computed from.

    Attributes
    ----------
    codes : SubgroupCodes
        The subgroup of each row.
    counts : ndarray of shape (n_subgroups,)
        The number of rows of each subgroup.
    values : ndarray of shape (n_subgroups,)
        NaN where the metric is undefined.
    sums : ndarray of shape (n_subgroups, n_columns), or None
        The weighted sums from which the values follow, if they do.
    """

    codes: SubgroupCodes
    counts: NDArray[np.intp]
    values: Vector
    sums: Vector | None = None


@dataclass(frozen=True)
class ScoredRows:
    """The truth, a model's response, weights, and the metric that compares them."""

    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    sample_weight: Vector | None
    metric: Metric

    def evaluate(self, codes: SubgroupCodes) -> SubgroupValues:
        """Compute the metric in every subgroup."""
        if self.metric.finish is None:
            return SubgroupValues(codes, codes.counts(), self._by_rows(codes))
        if self.metric.check is not None:
            self.metric.check(self.y_true, self.y_pred)
        sums = np.zeros(1)
        for code, columns in self.blocks(codes):
            sums = sums + subgroup_sums(code, codes.n_subgroups, columns)
        # Without weights, the ones of the first column have counted the rows.
        unweighted = self.sample_weight is None
        counts = sums[:, 0].astype(np.intp) if unweighted else codes.counts()
        return SubgroupValues(codes, counts, self.metric.finish(sums), sums)

    def blocks(
        self, codes: SubgroupCodes
    ) -> Iterator[tuple[NDArray[np.intp], list[Vector]]]:
        """Yield the codes of some rows, and what each of them adds to the sums."""
        metric, origin = self.metric, None
        if metric.columns is None:
            raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
        if metric.shift_invariant:
            # About a value of its own: large squares would swallow a small variance.
            origin = np.zeros(codes.n_subgroups + 1)  # one more for rows coded DROPPED
            origin[codes.codes] = self.y_true
        for start in range(0, len(self.y_true), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            code, truth, response = (
                codes.codes[rows],
                self.y_true[rows],
                self.y_pred[rows],
            )
            if origin is not None:
                shift = origin[code]
                truth, response = truth - shift, response - shift
            columns = metric.columns(truth, response)
            if self.sample_weight is not None:
                columns = [column * self.sample_weight[rows] for column in columns]
            yield code, columns

    def _by_rows(self, codes: SubgroupCodes) -> Vector:
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
) -> SubgroupValues:
    """Compute the metric in every subgroup that is large enough, or made so.

    A subgroup is small if it has fewer than `min_size` rows, or none on which the
    metric is defined. Pooling joins all small ones into one subgroup, and the next
    smallest to it for as long as that is small itself: nobody is left out.
    """
    found = rows.evaluate(codes)
    if not found.counts.all():  # a category that nobody has
        found = rows.evaluate(_keep(found.codes, found.counts > 0))
    too_small = (found.counts < min_size) | np.isnan(found.values)
    if not too_small.any():
        return found
    if small == "raise":
        raise ValueError(_describe_small(found, too_small, min_size))
    if small == "drop":
        return rows.evaluate(_keep(found.codes, ~too_small))
    return _pool(rows, found, too_small, min_size)


def _pool(
    rows: ScoredRows, found: SubgroupValues, too_small: NDArray[np.bool_], min_size: int
) -> SubgroupValues:
    codes = found.codes
    by_size = np.lexsort((found.counts, ~too_small))  # small ones first, then by size
    for n_pooled in range(int(too_small.sum()), codes.n_subgroups + 1):
        pooled = rows.evaluate(_merge(codes, by_size[:n_pooled]))
        if pooled.counts[-1] >= min_size and not np.isnan(pooled.values[-1]):
            break
    else:  # even all rows together are too few
        return rows.evaluate(_keep(codes, np.zeros(codes.n_subgroups, dtype=bool)))
    if pooled.codes.n_subgroups == 1:
        warnings.warn(
            f"Every subgroup was pooled: {codes.n_subgroups} subgroups of "
            f"`{codes.name}` with {int(found.counts.sum())} rows leave no two with "
            f"{min_size} rows each on which {rows.metric.name} is defined. The figure "
            "is that of everybody together.",
            SmallSubgroupWarning,
            stacklevel=2,
        )
    return pooled


def _merge(codes: SubgroupCodes, pooled: NDArray[np.intp]) -> SubgroupCodes:
    """Give some subgroups one code, the last."""
    apart = np.setdiff1d(np.arange(codes.n_subgroups), pooled)
    recode = np.full(codes.n_subgroups + 1, len(apart))
    recode[apart] = np.arange(len(apart))
    recode[DROPPED] = DROPPED
    labels = (*(codes.labels[code] for code in apart), _POOLED_LABEL)
    return SubgroupCodes(recode[codes.codes], labels, codes.name)


def _keep(codes: SubgroupCodes, kept: NDArray[np.bool_]) -> SubgroupCodes:
    """Number some subgroups anew, and drop the rows of the others."""
    recode = np.full(codes.n_subgroups + 1, DROPPED)
    recode[:-1][kept] = np.arange(kept.sum())
    labels = tuple(codes.labels[code] for code in np.flatnonzero(kept))
    return SubgroupCodes(recode[codes.codes], labels, codes.name)


def _describe_small(
    found: SubgroupValues, too_small: NDArray[np.bool_], min_size: int
) -> str:
    counts = found.counts
    listed = ", ".join(
        f"{format_label(found.codes.labels[code])} ({counts[code]} rows"
        + (", metric undefined)" if np.isnan(found.values[code]) else ")")
        for code in np.flatnonzero(too_small)[:5]
    )
    more = ", ..." if too_small.sum() > 5 else ""
    return (
        f"Every subgroup must have at least `min_subgroup_size`={min_size} rows and "
        f"a defined metric; too small: {listed}{more}. Pool them with "
        'small="pool", leave them out with small="drop", or use fewer folds.'
    )
