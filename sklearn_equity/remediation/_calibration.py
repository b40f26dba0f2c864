"""How well does the model, as remedied so far, serve each subgroup?

One round measures the fidelity of every subgroup, calls some under-served and
multiplies how often their rows count; the next round measures the model so remedied.
"""

import warnings
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._fit_tasks import NO_TASK, Task
from sklearn_equity.exceptions import SmallSubgroupWarning
from sklearn_equity.fidelity import subgroup_estimates
from sklearn_equity.remediation._emphasis import TrainingRows, draw_repeats
from sklearn_equity.remediation._judging import Judge
from sklearn_equity.remediation._metric_of_target import MetricOfTarget
from sklearn_equity.remediation._no_harm import no_harm_test
from sklearn_equity.remediation._stopping import StopRule
from sklearn_equity.remediation._under_served import (
    UnderServedRule,
    choose_under_served,
    compares_subgroups,
    refuse_bad_rule,
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
    judged : dict
        The figures by which the rule judged, of the subgroups that are large enough.
    under_served : tuple
        The labels called under-served.
    multiplier : dict
        How often a row of each subgroup counts after the round.
    stopped : str or None
        Why the rounds ended here; None if they went on or none were left. If somebody
        was harmed and the gap narrowed by it, "levelling down" is part of it.
    kept : bool
        False if what the round did was taken back.
    """

    n_rows: dict[Hashable, int]
    fidelity: dict[Hashable, float]
    overall: float
    judged: dict[Hashable, float]
    under_served: tuple[Hashable, ...]
    multiplier: dict[Hashable, float]
    stopped: str | None = None
    kept: bool = True


@dataclass(frozen=True)
class Measurement:
    """How a model serves every subgroup.

    Attributes
    ----------
    fidelity : dict
        By label.
    overall : float
        Of all rows.
    judged : dict
        The figure by which a rule judges, by label.
    y_pred : ndarray of shape (n_rows,)
        The predictions, as the metric reads them.
    """

    fidelity: dict[Hashable, float]
    overall: float
    judged: dict[Hashable, float]
    y_pred: NDArray[Any]


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
    judge : Judge
        By which figure a subgroup is called under-served.
    """

    training: TrainingRows
    metric: MetricOfTarget
    subgroups: SubgroupCodes
    sample_weight: NDArray[np.float64] | None
    folds: Folds | None
    judge: Judge

    @property
    def n_fits(self) -> int:
        """How many models one measurement takes."""
        return 1 if self.folds is None else len(self.folds)

    def measure(
        self, estimator: Any, emphasis: NDArray[Any], task: Task = NO_TASK
    ) -> Measurement:
        """Measure the model that is trained with an emphasis; `task` is of `n_fits`."""
        y_pred, expected = self._predict(estimator, emphasis, task)
        everyone = SubgroupCodes(np.zeros_like(self.subgroups.codes), ("all",), "all")
        by_subgroup, (overall,) = (
            self.metric.values(y_pred, subgroups, self.sample_weight)
            for subgroups in (self.subgroups, everyone)
        )
        fidelity = dict(zip(self.subgroups.labels, by_subgroup, strict=True))
        read = self.metric.read(y_pred)
        judged = self.judge.figures(
            fidelity, self.metric.y_true, read, self.sample_weight, expected
        )
        return Measurement(fidelity, overall, judged, read)

    def _predict(
        self, estimator: Any, emphasis: NDArray[Any], task: Task
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Return what is predicted, and the mean that is expected where it is read."""
        needs_mean = self.judge.judged_by == "departure"
        asks_classifier = needs_mean and is_classifier(estimator)
        methods = (self.metric.method, *(("predict_proba",) if asks_classifier else ()))
        if self.folds is None:
            (only,) = task.parts("model", 1)
            model = self.training.fit(estimator, emphasis, task=only)
            answers = [getattr(model, method)(self.training.X) for method in methods]
        else:
            answers = self.training.predict_held_out(
                estimator, emphasis, self.folds, methods=methods, task=task
            )
        if asks_classifier:
            return answers[0], answers[1][:, 1]
        return answers[0], np.asarray(answers[0], float) if needs_mean else None

    def loss_of(self, y_pred: NDArray[Any], labels: tuple[Hashable, ...]) -> float:
        """Return the loss over all rows of some subgroups together."""
        wanted = np.array([label in labels for label in self.subgroups.labels])
        codes = np.where(wanted[self.subgroups.codes], 0, 1)
        pooled = SubgroupCodes(codes, ("wanted", "others"), "pooled")
        value = subgroup_estimates(
            self.metric.y_true,
            y_pred,
            pooled,
            self.metric.metric,
            sample_weight=self.sample_weight,
        )[0]
        return float(self.metric.metric.as_loss(np.array([value]))[0])


@dataclass(frozen=True)
class Loop:
    """The rounds: measure, call some under-served, count their rows more often.

    Attributes
    ----------
    calibration : Calibration
        What measures.
    rule : rule of who is under-served
        Reads the figures of large enough subgroups.
    multiplier : float
        How often a row of an under-served subgroup counts, as often again each round.
    min_subgroup_size : int
        Smaller subgroups are not judged.
    n_rounds : int
        The most rounds.
    stop : StopRule
        What ends them earlier.
    random_state : RandomState
        Draws repeats.
    """

    calibration: Calibration
    rule: UnderServedRule
    multiplier: float
    min_subgroup_size: int
    n_rounds: int
    stop: StopRule
    random_state: np.random.RandomState

    @property
    def n_measurements(self) -> int:
        """How often the model is measured at most."""
        return self.n_rounds + self.stop.judges_remedies

    def run(
        self, estimator: Any, task: Task = NO_TASK
    ) -> tuple[NDArray[Any], tuple[RemediationRound, ...]]:
        """Return the emphasis on each row after all rounds, and what each round did."""
        subgroups = self.calibration.subgroups
        refuse_bad_rule(self.rule, subgroups.labels)
        emphasis: NDArray[Any] = np.ones(len(subgroups.codes), dtype=np.intp)
        before = self._measure(estimator, emphasis, task)
        multipliers = dict.fromkeys(subgroups.labels, 1.0)
        history: list[RemediationRound] = []
        for left in reversed(range(self.n_rounds)):
            done = self._judge(before, multipliers)
            history.append(done)
            if done.stopped:
                break
            remedied = self._emphasise(done.multiplier)
            if left or self.stop.judges_remedies:
                after = self._measure(estimator, remedied, task)
                stopped = self._fault(before, after, done.under_served)
                if stopped:
                    history[-1] = replace(done, stopped=stopped, kept=False)
                    break
                before = after
            emphasis, multipliers = remedied, done.multiplier
        return emphasis, tuple(history)

    def _measure(
        self, estimator: Any, emphasis: NDArray[Any], task: Task
    ) -> Measurement:
        n_fits = self.calibration.n_fits
        with task.part("measurement", n_fits, at_once=True) as part:
            return self.calibration.measure(estimator, emphasis, part)

    def _judge(
        self, before: Measurement, multipliers: dict[Hashable, float]
    ) -> RemediationRound:
        """Say who is under-served, and how often their rows count from now on."""
        subgroups = self.calibration.subgroups
        n_rows = dict(zip(subgroups.labels, subgroups.counts().tolist(), strict=True))
        judged = {
            label: value
            for label, value in before.judged.items()
            if n_rows[label] >= self.min_subgroup_size and not np.isnan(value)
        }
        _warn_if_nothing_to_compare(judged, n_rows, self.rule, self.min_subgroup_size)
        as_loss = self.calibration.judge.as_loss
        chosen = choose_under_served(self.rule, judged, as_loss)
        under_served = tuple(label for label in before.fidelity if label in chosen)
        stopped = self.stop.index_reached([before.fidelity[label] for label in judged])
        if not under_served:
            stopped = "nobody under-served"
        more = {} if stopped else dict.fromkeys(under_served, self.multiplier)
        return RemediationRound(
            n_rows,
            before.fidelity,
            before.overall,
            judged,
            under_served,
            {label: m * more.get(label, 1.0) for label, m in multipliers.items()},
            stopped,
        )

    def _emphasise(self, multipliers: dict[Hashable, float]) -> NDArray[Any]:
        subgroups = self.calibration.subgroups
        emphasis = np.array([multipliers[label] for label in subgroups.labels])
        by_row: NDArray[Any] = emphasis[subgroups.codes]
        if self.calibration.training.strategy == "duplicate":
            return draw_repeats(by_row, self.random_state)
        return by_row

    def _fault(
        self, before: Measurement, after: Measurement, labels: tuple[Hashable, ...]
    ) -> str | None:
        """Say why a remedy is taken back; None if it is not."""
        calibration = self.calibration
        if "someone_harmed" in self.stop.words:
            result = no_harm_test(
                calibration.metric.y_true,
                before.y_pred,
                after.y_pred,
                subgroups={"subgroup": calibration.subgroups.codes},
                metric=calibration.metric.metric,
                min_subgroup_size=self.min_subgroup_size,
                sample_weight=calibration.sample_weight,
                random_state=self.random_state,
            )
            if result.levelling_down:
                return "someone harmed, levelling down"
            if result.harmed:
                return "someone harmed"
        if "no_more_gain" in self.stop.words:
            losses = [calibration.loss_of(m.y_pred, labels) for m in (before, after)]
            if not losses[1] < losses[0]:
                return "no more gain"
        return None


def _warn_if_nothing_to_compare(
    judged: dict[Hashable, float],
    n_rows: dict[Hashable, int],
    rule: UnderServedRule,
    min_subgroup_size: int,
) -> None:
    if compares_subgroups(rule) and len(judged) < 2:
        msg = (
            f"Only {len(judged)} of {len(n_rows)} subgroups have at least "
            f"`min_subgroup_size`={min_subgroup_size} rows and a defined fidelity: "
            "none is called under-served, and the model is trained as it is."
        )
        warnings.warn(msg, SmallSubgroupWarning, stacklevel=2)
