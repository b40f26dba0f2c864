"""How well does the model, as remedied so far, serve each subgroup?

One round measures the fidelity of every subgroup, calls some under-served and
multiplies how often their rows count; the next round measures the model so remedied.
"""

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import SubgroupCodes, check_numbers
from sklearn_equity.exceptions import SmallSubgroupWarning
from sklearn_equity.fidelity import METRIC_NAMES, Metric, subgroup_estimates
from sklearn_equity.remediation._emphasis import TrainingRows, draw_repeats
from sklearn_equity.remediation._under_served import (
    UnderServedRule,
    choose_under_served,
    refuse_unknown_labels,
)

Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True)
class RemediationRound:
    """What one round measured and what it did about it.

    Attributes
    ----------
    n_rows : dict
        The training rows of each subgroup, before any is repeated.
    fidelity : dict
        The fidelity of each subgroup under the model that entered the round; NaN where
        it is undefined.
    overall : float
        The fidelity of that model over all rows.
    under_served : tuple
        The labels called under-served.
    multiplier : dict
        How often a row of each subgroup counts after the round.
    """

    n_rows: dict[Hashable, int]
    fidelity: dict[Hashable, float]
    overall: float
    under_served: tuple[Hashable, ...]
    multiplier: dict[Hashable, float]


@dataclass(frozen=True)
class MetricOfTarget:
    """A metric, the truth, and how the metric reads truth and predictions alike."""

    metric: Metric
    y_true: NDArray[Any]
    read: Callable[[Any], NDArray[Any]]

    @classmethod
    def of(cls, metric: Metric, y: NDArray[Any], *, is_classifier: bool) -> Self:
        """Prepare the truth, and refuse a target that the metric has no meaning for.

        Sums need numbers, so class labels that are none are replaced by their position
        among the sorted classes; a function of rows gets the labels themselves.
        """
        read: Callable[[Any], NDArray[Any]]
        if is_classifier and metric.name not in METRIC_NAMES:
            read = np.asarray
        elif is_classifier and y.dtype.kind not in "biuf":
            classes = np.unique(y)

            def read(labels: Any) -> NDArray[Any]:
                return np.searchsorted(classes, labels).astype(np.float64)
        else:
            read = partial(check_numbers, name="estimator.predict(X)")
        y_true = read(y)
        try:
            if metric.check is not None:
                metric.check(y_true, y_true)
        except ValueError as error:
            msg = f'`metric`="{metric.name}" does not fit `y`: {error}'
            if metric.name == "nrmse":
                msg += (
                    ' As `metric`, the plain one is "rmse", any other the result of '
                    'fidelity.resolve_metric("nrmse", normalization=...).'
                )
            raise ValueError(msg) from error
        return cls(metric, y_true, read)

    def values(
        self,
        y_pred: Any,
        subgroups: SubgroupCodes,
        sample_weight: NDArray[np.float64] | None,
    ) -> list[float]:
        """Return the metric of each subgroup."""
        return subgroup_estimates(
            self.y_true,
            self.read(y_pred),
            subgroups,
            self.metric,
            sample_weight=sample_weight,
        ).tolist()


@dataclass(frozen=True)
class Calibration:
    """The measuring half of the loop: the same rows, folds and metric every round.

    Attributes
    ----------
    training : TrainingRows
        The rows to train on.
    metric : MetricOfTarget
        What fidelity is.
    subgroups : SubgroupCodes
        The subgroup of each row.
    sample_weight : ndarray of shape (n_rows,) or None
        How much a row counts in the metric; the emphasis of a remedy does not.
    folds : list of (train, test) pairs, or None
        None measures on the rows that the model was trained on.
    """

    training: TrainingRows
    metric: MetricOfTarget
    subgroups: SubgroupCodes
    sample_weight: NDArray[np.float64] | None
    folds: Folds | None

    def measure(
        self, estimator: Any, emphasis: NDArray[Any]
    ) -> tuple[dict[Hashable, float], float]:
        """Return the fidelity of each subgroup, and of all rows."""
        if self.folds is None:
            model = self.training.fit(estimator, emphasis)
            y_pred = model.predict(self.training.X)
        else:
            y_pred = self.training.predict_held_out(estimator, emphasis, self.folds)
        everyone = SubgroupCodes(np.zeros_like(self.subgroups.codes), ("all",), "all")
        by_subgroup, (overall,) = (
            self.metric.values(y_pred, subgroups, self.sample_weight)
            for subgroups in (self.subgroups, everyone)
        )
        return dict(zip(self.subgroups.labels, by_subgroup, strict=True)), overall


def calibrate_and_remedy(
    calibration: Calibration,
    estimator: Any,
    *,
    rule: UnderServedRule,
    multiplier: float,
    min_subgroup_size: int,
    n_rounds: int,
    random_state: np.random.RandomState,
) -> tuple[NDArray[Any], tuple[RemediationRound, ...]]:
    """Return the emphasis on each row after all rounds, and what each round did.

    The rounds end early when none is called under-served.
    """
    subgroups = calibration.subgroups
    refuse_unknown_labels(rule, subgroups.labels)
    n_rows = dict(zip(subgroups.labels, subgroups.counts().tolist(), strict=True))
    factors = dict.fromkeys(subgroups.labels, 1.0)
    emphasis: NDArray[Any] = np.ones(len(subgroups.codes), dtype=np.intp)
    history: list[RemediationRound] = []
    for _ in range(n_rounds):
        fidelity, overall = calibration.measure(estimator, emphasis)
        judged = {
            label: value
            for label, value in fidelity.items()
            if n_rows[label] >= min_subgroup_size and not np.isnan(value)
        }
        _warn_if_nothing_to_compare(judged, n_rows, rule, min_subgroup_size)
        chosen = choose_under_served(rule, judged, calibration.metric.metric)
        under_served = tuple(label for label in fidelity if label in chosen)
        factors |= {label: factors[label] * multiplier for label in under_served}
        history.append(
            RemediationRound(n_rows, fidelity, overall, under_served, dict(factors))
        )
        if not under_served:
            break
        emphasis = np.array(list(factors.values()))[subgroups.codes]
        if calibration.training.strategy == "duplicate":
            emphasis = draw_repeats(emphasis, random_state)
    return emphasis, tuple(history)


def _warn_if_nothing_to_compare(
    judged: dict[Hashable, float],
    n_rows: dict[Hashable, int],
    rule: UnderServedRule,
    min_subgroup_size: int,
) -> None:
    if isinstance(rule, str) and len(judged) < 2:
        msg = (
            f"Only {len(judged)} of {len(n_rows)} subgroups have at least "
            f"`min_subgroup_size`={min_subgroup_size} rows and a defined fidelity: "
            "none is called under-served, and the model is trained as it is."
        )
        warnings.warn(msg, SmallSubgroupWarning, stacklevel=2)
