"""Which corrections, one after the other, take a model's bias in subgroups back?"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._fit_tasks import NO_TASK, Task
from sklearn_equity.remediation._residual_step import (
    Halves,
    Partition,
    Step,
    grow_tree,
)

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class RecalibrationRound:
    """What one round did.

    Attributes
    ----------
    partition : str
        Which cells were corrected.
    n_corrected : int
        How many of them.
    learning_error, judging_error : float
        The mean squared error afterwards, of the rows that learn and of those that
        judge. The first never rises.
    """

    partition: str
    n_corrected: int
    learning_error: float
    judging_error: float


@dataclass(frozen=True)
class AuditedBias:
    """The mean residual of a declared subgroup, on the rows that judge.

    Attributes
    ----------
    subgroup : hashable
        Its label.
    n : int
        The rows that judge.
    before, after : float
        The mean of outcome less prediction; 0 is unbiased.
    std_error : float
        Of the second.
    """

    subgroup: Hashable
    n: int
    before: float
    after: float
    std_error: float


@dataclass(frozen=True)
class BoostingRules:
    """How corrections are sought; the fields are parameters of the remedy.

    Attributes
    ----------
    n_levels, learning_rate, gate, n_rounds, max_depth, min_subgroup_size
        As in `SubgroupRecalibrator`.
    is_probability : bool
        Whether predictions are kept from 0 to 1.
    """

    n_levels: int
    learning_rate: float
    gate: float
    n_rounds: int
    max_depth: int
    min_subgroup_size: int
    is_probability: bool

    def keep(self, prediction: Vector) -> Vector:
        """Keep probabilities from 0 to 1."""
        return prediction.clip(0.0, 1.0) if self.is_probability else prediction


@dataclass(frozen=True)
class Corrections:
    """Corrections in the order in which they apply.

    Attributes
    ----------
    steps : tuple of Step
        One a round.
    history : tuple of RecalibrationRound
        What each did.
    rules : BoostingRules
        How they were sought.
    """

    steps: tuple[Step, ...]
    history: tuple[RecalibrationRound, ...]
    rules: BoostingRules

    @property
    def read_table(self) -> bool:
        """Whether any of them asks for the columns of X."""
        return any(step.partition.tree is not None for step in self.steps)

    def apply(self, prediction: Vector, codes: Rows, table: Any) -> Vector:
        """Return corrected predictions."""
        for step in self.steps:
            move = step.of(codes, prediction, table)
            prediction = self.rules.keep(prediction + move)
        return prediction


def boost_residuals(
    truth: Vector,
    start: Vector,
    codes: SubgroupCodes,
    table: Any,
    halves: Halves,
    rules: BoostingRules,
    random_state: np.random.RandomState,
    task: Task = NO_TASK,
) -> Corrections:
    """Correct round after round, until those who judge keep nothing.

    Parameters
    ----------
    truth, start : ndarray of shape (n_rows,)
        Outcomes, and predictions by models that had not seen the row.
    codes : SubgroupCodes
        The declared subgroup of each row.
    table : ndarray of shape (n_rows, n_columns) or None
        The columns in which further subgroups are looked for.
    halves : Halves
        Who learns and who judges.
    rules : BoostingRules
        How corrections are sought.
    random_state : RandomState
        Seeds the trees.
    task : Task
        Of which every round is a part.
    """
    declared = _declared_partitions(codes)
    prediction = start
    steps: list[Step] = []
    history: list[RecalibrationRound] = []
    for _ in task.each("round", range(rules.n_rounds), may_stop=True):
        residual = truth - prediction
        partitions = list(_cut(declared, prediction[halves.learn], rules.n_levels))
        if table is not None:
            partitions.append(
                grow_tree(
                    table,
                    residual,
                    halves,
                    max_depth=rules.max_depth,
                    min_subgroup_size=rules.min_subgroup_size,
                    seed=int(random_state.randint(2**31 - 1)),
                )
            )
        found = [
            halves.step(
                partition,
                partition.cells(codes.codes, prediction, table),
                residual,
                learning_rate=rules.learning_rate,
                gate=rules.gate,
                min_subgroup_size=rules.min_subgroup_size,
            )
            for partition in partitions
        ]
        kept = [step for step in found if step is not None]
        if not kept:
            break
        step = max(kept, key=lambda step: step.gain)
        move = step.of(codes.codes, prediction, table)
        prediction = rules.keep(prediction + move)
        steps.append(step)
        history.append(
            RecalibrationRound(
                step.partition.name,
                int((step.correction != 0.0).sum()),
                *halves.errors(truth - prediction),
            )
        )
    return Corrections(tuple(steps), tuple(history), rules)


def _cut(
    declared: list[Partition], prediction: Vector, n_levels: int
) -> Iterator[Partition]:
    """Yield declared subgroups, whole and at levels of the prediction."""
    edges = np.unique(np.quantile(prediction, np.arange(1, n_levels) / n_levels))
    for whole in declared:
        yield whole
        if len(edges):
            name = f"{whole.name}, by level"
            yield Partition(name, whole.of_subgroup, edges, None)


def _declared_partitions(codes: SubgroupCodes) -> list[Partition]:
    """Return everybody, the subgroups, and each of several attributes they combine."""
    everybody = Partition(
        "everybody", np.zeros(codes.n_subgroups + 1, dtype=np.intp), None, None
    )
    if codes.n_subgroups == 1:
        return [everybody]
    known = np.append(np.arange(codes.n_subgroups), -1)
    found = [everybody, Partition("subgroups", known, None, None)]
    combined = [label for label in codes.labels if isinstance(label, tuple)]
    if len(combined) == codes.n_subgroups:
        for j, values in enumerate(zip(*combined, strict=True)):
            number = {value: i for i, value in enumerate(dict.fromkeys(values))}
            cells = np.array([*(number[value] for value in values), -1])
            found.append(Partition(f"attribute {j}", cells, None, None))
    return found


def audit(
    codes: SubgroupCodes, judge: Rows, before: Vector, after: Vector
) -> tuple[AuditedBias, ...]:
    """Return the mean residual of each subgroup on the rows that judge."""
    found = []
    for code, label in enumerate(codes.labels):
        rows = judge[codes.codes[judge] == code]
        n = len(rows)
        error = after[rows].std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
        was, now = (
            float(r[rows].mean()) if n else float("nan") for r in (before, after)
        )
        found.append(AuditedBias(label, n, was, now, float(error)))
    return tuple(found)
