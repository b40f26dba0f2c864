"""What one number says how a model serves its subgroups?

A metric is computed in every subgroup and the values are aggregated: the worst of them,
their spread, an inequality index. Being what `_BaseScorer` calls its score function,
the result also answers the tools that keep nothing else of a scorer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import MissingPolicy, SubgroupCodes, check_subgroups
from sklearn_equity._factorize import DROPPED
from sklearn_equity._numbers import check_sample_weight
from sklearn_equity.fidelity import Metric
from sklearn_equity.inequality import atkinson, gini, theil
from sklearn_equity.scorers._callers import UndefinedMetricError, never_as_a_nan
from sklearn_equity.scorers._response import (
    Normalization,
    Response,
    ScoredMetric,
    function_name,
    scored_metric,
)
from sklearn_equity.scorers._shrinkage import shrink_estimates
from sklearn_equity.scorers._sources import Source
from sklearn_equity.scorers._values import ScoredRows, SmallPolicy, large_subgroups

__all__ = ["Aggregate", "SubgroupMetric"]

Vector = NDArray[np.float64]
Aggregate = str | Callable[[Vector], float]


def _ratio(values: Vector) -> float:
    """Divide the least by the greatest value."""
    if (values < 0.0).any():
        msg = (
            'aggregate="ratio" needs values that are not negative; the least is '
            f'{values.min():g}. Use aggregate="gap".'
        )
        raise ValueError(msg)
    return 1.0 if values.max() == 0.0 else float(values.min() / values.max())


# Comparisons of subgroups with one another: they need two, and ignore the level.
_COMPARISONS: dict[str, Callable[[Vector], float]] = {
    "gap": lambda values: float(np.ptp(values)),
    "ratio": _ratio,
    "gini": gini,
    "theil": theil,
    "atkinson": atkinson,
}
_AGGREGATES = ("worst", "best", "mean", *_COMPARISONS)


@dataclass(frozen=True)
class SubgroupMetric:
    """A metric in every subgroup, aggregated: called as ``(y_true, y_pred, ...)``.

    Its fields are those arguments of `equity_scorer` that say what is measured. The
    metric is kept as it was given: a resolved one might not survive pickling.
    """

    metric: Any
    source: Source
    aggregate: Aggregate
    aggregate_greater_is_better: bool | None
    normalization: Normalization
    greater_is_better: bool | None
    response_method: Response | None
    min_subgroup_size: int
    small: SmallPolicy
    shrink: bool
    missing: MissingPolicy

    def __post_init__(self) -> None:
        _check_aggregate(
            self.aggregate, greater_is_better=self.aggregate_greater_is_better
        )
        _check_choice("small", self.small, get_args(SmallPolicy))
        _check_choice("missing", self.missing, get_args(MissingPolicy))
        if not isinstance(self.shrink, bool | np.bool_):
            raise TypeError(f"`shrink` must be True or False; got {self.shrink!r}.")
        least = self.min_subgroup_size
        if not isinstance(least, Integral) or least < 1:
            msg = (
                f"`min_subgroup_size` must be a whole number from 1 on; got {least!r}."
            )
            raise ValueError(msg)
        self.resolve()  # an unknown metric is refused now, not in the first fold

    def resolve(self) -> ScoredMetric:
        """Return the metric asked for, and what it wants of a model."""
        return scored_metric(
            self.metric,
            normalization=self.normalization,
            greater_is_better=self.greater_is_better,
            response_method=self.response_method,
        )

    @property
    def sign(self) -> int:
        """1 if a higher result is better, -1 if a lower one is."""
        if callable(self.aggregate):
            greater_is_better = bool(self.aggregate_greater_is_better)
        elif self.aggregate in _COMPARISONS:
            greater_is_better = self.aggregate == "ratio"
        else:
            greater_is_better = self.resolve().greater_is_better
        return 1 if greater_is_better else -1

    @property
    def __name__(self) -> str:
        name = self.aggregate
        if callable(name):
            name = function_name(name)
        return f"{name}_{self.resolve().name}"

    def __call__(
        self,
        y_true: Any,
        y_pred: Any,
        *,
        subgroups: Any = None,
        sample_weight: Any = None,
    ) -> float:
        """Measure for a tool that keeps this function and nothing else of the scorer.

        The source looks at `subgroups` beside `y_true`, the only rows there are: it may
        find them by the index of `y_true`, and refuses those in another order.
        """
        with never_as_a_nan():
            labels = self.source.take(None, y_true, subgroups)
            return self.measure(
                y_true, y_pred, subgroups=labels, sample_weight=sample_weight
            )

    def measure(
        self,
        y_true: Any,
        y_pred: Any,
        *,
        subgroups: Any,
        sample_weight: Any = None,
        classes: NDArray[Any] | None = None,
    ) -> float:
        """Aggregate the metric over subgroups, in the aggregate's own orientation."""
        metric, truth, response = self.resolve().prepare(y_true, y_pred, classes)
        codes = check_subgroups(subgroups, n_rows=len(truth), missing=self.missing)
        weights = check_sample_weight(sample_weight, n_rows=len(truth))
        if weights is not None and not weights.all():  # who counts for nothing
            kept = np.where(weights == 0.0, DROPPED, codes.codes)
            codes = SubgroupCodes(kept, codes.labels, codes.name)
        rows = ScoredRows(truth, response, weights, metric)
        found = large_subgroups(
            rows, codes, min_size=self.min_subgroup_size, small=self.small
        )
        if found.codes.n_subgroups < self._n_needed:
            self._refuse_useless_answers(rows)
            self._refuse_too_few(found.codes)
        values = found.values
        if self.shrink and self.aggregate != "mean":
            values = shrink_estimates(found, rows)
        result = self._aggregate(values, metric)
        if not np.isfinite(result):
            msg = (
                f"`{self.__name__}` is {result} among the rows scored: of the "
                f"{len(values)} values of {metric.name} from {values.min():g} to "
                f"{values.max():g} the aggregate must make a finite number."
            )
            raise ValueError(msg)
        return result

    @property
    def _n_needed(self) -> int:
        return 2 if self.aggregate in _COMPARISONS else 1

    def _refuse_useless_answers(self, rows: ScoredRows) -> None:
        """Tell a model that leaves the metric undefined from data that do."""
        metric, response = rows.metric, self.resolve().response
        if response != "predict" or len(rows.y_true) < self.min_subgroup_size:
            return
        everybody = SubgroupCodes(np.zeros(len(rows.y_true), np.intp), ("all",), "all")
        perfect = ScoredRows(rows.y_true, rows.y_true, rows.sample_weight, metric)
        ours, best = (
            scored.evaluate(everybody).values[0] for scored in (rows, perfect)
        )
        if np.isnan(ours) and not np.isnan(best):
            msg = (
                f"{metric.name} is undefined for the model's answers, whoever is "
                "asked, as precision is for a model that finds nobody ill. Where that "
                "counts as 0, say so with make_scorer(precision_score, "
                "zero_division=0)."
            )
            raise UndefinedMetricError(msg)

    def _refuse_too_few(self, codes: SubgroupCodes) -> None:
        msg = (
            f"aggregate={self.aggregate!r} needs at least {self._n_needed} subgroups "
            f"with `min_subgroup_size`={self.min_subgroup_size} rows among the rows "
            f"scored, on which {self.resolve().name} is defined; `{codes.name}` "
            f"has {codes.n_subgroups}. Use fewer folds, or "
            "SubgroupStratifiedKFold, or a smaller min_subgroup_size. Precision, "
            "recall and their like are defined everywhere with zero_division: "
            "make_scorer(precision_score, zero_division=0)."
        )
        raise ValueError(msg)

    def _aggregate(self, values: Vector, metric: Metric) -> float:
        if metric.best_is_inside:  # of a bias, the distance from 0 counts
            values = metric.as_loss(values)
        if callable(self.aggregate):
            return float(self.aggregate(values))
        if self.aggregate in _COMPARISONS:
            return float(_COMPARISONS[self.aggregate](values))
        if self.aggregate == "mean":
            return float(values.mean())
        highest = (self.aggregate == "best") == metric.greater_is_better
        return float(values.max() if highest else values.min())


def _check_aggregate(aggregate: Aggregate, *, greater_is_better: bool | None) -> None:
    if not callable(aggregate):
        _check_choice("aggregate", aggregate, _AGGREGATES, other="a function of values")
    if callable(aggregate) != (greater_is_better is not None):
        msg = (
            "`aggregate_greater_is_better` must be given with a function as "
            "`aggregate`, and only then: True if a higher result of the function is "
            f"better, else False; got {greater_is_better!r} with {aggregate!r}."
        )
        raise ValueError(msg)


def _check_choice(
    name: str, value: object, choices: tuple[str, ...], *, other: str | None = None
) -> None:
    if value not in choices:
        listed = ", ".join(f'"{choice}"' for choice in choices)
        listed += f", or {other}" if other else ""
        raise ValueError(f"`{name}` must be one of {listed}; got {value!r}.")
