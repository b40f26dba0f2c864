"""Above which doubt is a prediction withheld?

One threshold for everybody sets the share of people with a prediction. Where it leaves
a subgroup worse served than the best-served by more than a bound, that subgroup gets a
lower threshold of its own, no lower than needed; none if no threshold would do.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._factorize import DROPPED
from sklearn_equity.remediation._metric_of_target import MetricOfTarget

Vector = NDArray[np.float64]
_N_STEPS = 50
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Thresholds:
    """The doubt above which no prediction is given.

    Attributes
    ----------
    common : float
        For subgroups that are not known.
    by_subgroup : ndarray of shape (n_subgroups,)
        For the others.
    """

    common: float
    by_subgroup: Vector

    def withheld(self, doubt: Vector, codes: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell who gets no prediction."""
        limits = np.append(self.by_subgroup, self.common)
        return doubt > limits[codes]  # -1, unknown, is the last


@dataclass(frozen=True)
class CoverageRule:
    """What thresholds are chosen for.

    Attributes
    ----------
    coverage : float
        The share of people whom the common threshold leaves a prediction.
    max_gap : float or None
        By how much the loss of a subgroup may exceed that of the best-served.
    min_coverage : float
        The least share of a subgroup that keeps its predictions, unless the common
        threshold leaves it less.
    min_subgroup_size : int
        Smaller subgroups have the common threshold.
    """

    coverage: float
    max_gap: float | None
    min_coverage: float
    min_subgroup_size: int

    def choose(
        self,
        doubt: Vector,
        prediction: NDArray[Any],
        metric: MetricOfTarget,
        codes: SubgroupCodes,
        weights: Vector | None,
    ) -> Thresholds:
        """Choose thresholds among people whose doubt and errors are known."""
        weight = np.ones(len(doubt)) if weights is None else weights
        common = np.inf
        if self.coverage < 1.0:
            ranks = _shares_before(doubt, weight)
            common = float(doubt[ranks >= self.coverage - _ROUNDING].min())
        by_subgroup = np.full(codes.n_subgroups, common)
        if self.max_gap is None:
            return Thresholds(common, by_subgroup)
        curves = self._curves(doubt, prediction, metric, codes, weights, common)
        best = min((losses[0] for _, losses, _ in curves), default=np.nan)
        for code, losses, limits in curves:
            within = losses <= best + self.max_gap + _ROUNDING * abs(best)
            if within.any():  # else nobody more is excluded, in vain
                by_subgroup[code] = limits[np.argmax(within)]
        return Thresholds(common, by_subgroup)

    def _curves(
        self,
        doubt: Vector,
        prediction: NDArray[Any],
        metric: MetricOfTarget,
        codes: SubgroupCodes,
        weights: Vector | None,
        common: float,
    ) -> list[tuple[int, Vector, Vector]]:
        """Return of each judged subgroup the losses and thresholds, widest first.

        Losses are made to fall as more are withheld: else the first chance dip would
        be taken for an effect.
        """
        weight = np.ones(len(doubt)) if weights is None else weights
        share = np.empty(len(doubt))
        for code in range(codes.n_subgroups):
            mine = np.flatnonzero(codes.codes == code)
            share[mine] = _shares_before(doubt[mine], weight[mine])
        kept = doubt <= common
        steps = np.linspace(1.0, self.min_coverage, _N_STEPS)
        table = []
        for step in steps:
            inside = kept & (share <= step + _ROUNDING)
            seen = SubgroupCodes(
                np.where(inside, codes.codes, DROPPED), codes.labels, codes.name
            )
            values = metric.values(prediction, seen, weights)
            table.append(metric.metric.as_loss(np.array(values)))
        found = []
        large = codes.counts() >= self.min_subgroup_size
        for code in np.flatnonzero(large).tolist():
            losses = np.array(table)[:, code]
            known = np.isfinite(losses)
            if not known[0]:
                continue
            smooth = IsotonicRegression().fit_transform(
                steps[known], losses[known], sample_weight=steps[known]
            )
            mine = codes.codes == code
            limits = [
                min(
                    doubt[mine & (share <= step + _ROUNDING)].max(initial=-np.inf),
                    common,
                )
                if step < 1.0
                else common
                for step in steps[known]
            ]
            found.append((code, smooth, np.array(limits)))
        return found


def _shares_before(doubt: Vector, weight: Vector) -> Vector:
    """Return the share of people with no more doubt than each; ties share theirs."""
    order = np.argsort(doubt, kind="stable")
    ordered, total = doubt[order], np.cumsum(weight[order])
    last = np.searchsorted(ordered, ordered, side="right") - 1
    shares = np.empty(len(doubt))
    shares[order] = total[last] / total[-1] if len(total) else total
    return shares
