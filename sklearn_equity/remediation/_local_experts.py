"""Which corrections in which places would have helped people who did not choose them?

Rules are found on one half of the people. In each a small ridge regression, an expert,
says how the residual depends on the inputs there. It is kept if it makes the squared
error of the rule's people in the other half smaller by more than chance would, and is
trusted the more the further beyond: a rule is wider than the people who are not served,
and the others whom it holds pay by the square of the correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from sklearn_equity._fit_tasks import Task
from sklearn_equity.discovery._items import Item, describe_rule
from sklearn_equity.discovery._rule_choice import rows_of
from sklearn_equity.remediation._expert_rules import FoundRule, RuleScan

__all__ = ["LocalExpert", "OrderedInputs", "find_experts"]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST_SLOPES = 8
_FEWEST_CONFIRMING = 30
# How large coefficients are expected to be, in SDs of the residuals.
_SIZES = (0.05, 0.12, 0.25)


@dataclass(frozen=True, eq=False)
class OrderedInputs:
    """The columns along which a residual may rise or fall, with mean 0 and SD 1."""

    columns: NDArray[np.intp]
    centre: Vector
    scale: Vector

    @classmethod
    def learn(cls, table: Matrix, y: Vector, categorical: NDArray[np.bool_]) -> Self:
        """Take numbers of more than two values; of many, those most related to y."""
        ordered = np.array(
            [
                j
                for j in np.flatnonzero(~categorical)
                if len(np.unique(table[~np.isnan(table[:, j]), j])) > 2
            ],
            dtype=np.intp,
        )
        values = table[:, ordered]
        with np.errstate(over="ignore"):
            centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        usable = (scale > 0.0) & np.isfinite(scale)
        all_of_them = cls(ordered[usable], centre[usable], scale[usable])
        relation = np.abs((y - y.mean()) @ all_of_them.basis(table)[:, 1:])
        kept = np.sort(np.argsort(-relation, kind="stable")[:_MOST_SLOPES])
        return cls(
            all_of_them.columns[kept], all_of_them.centre[kept], all_of_them.scale[kept]
        )

    def basis(self, table: Matrix) -> Matrix:
        """Return a column of ones beside the standardised columns, gaps as 0."""
        values = (table[:, self.columns] - self.centre) / self.scale
        return np.column_stack([np.ones(len(table)), np.nan_to_num(values)])


@dataclass(frozen=True, eq=False)
class LocalExpert:
    """A correction of predictions for the people who meet a rule.

    Attributes
    ----------
    text : str
        The rule, in words.
    n : int
        Training rows that meet it.
    gain : float
        By how much its first fit made the mean squared error smaller of people who
        meet the rule and neither found nor fitted it.
    gain_z : float
        That gain over its standard error, at the shrinkage that serves it best.
    coefficients : dict of str to float
        What is added to predictions: "1" for everybody whom the rule holds, and per SD
        of each ordered input.
    items : tuple of Item
        The conditions of the rule.
    """

    text: str
    n: int
    gain: float
    gain_z: float
    coefficients: dict[str, float]
    items: tuple[Item, ...]
    inputs: OrderedInputs
    weights: Vector
    bounds: tuple[Vector, Vector]

    def __str__(self) -> str:
        return (
            f"{self.text} (n = {self.n:,}): squared error lower by {self.gain:.3g} "
            f"({self.gain_z:.1f} standard errors) among people held out"
        )

    def correct(self, table: Matrix, predictions: Vector) -> None:
        """Add the correction to the predictions of people who meet the rule."""
        inside = rows_of(self.items, table)
        if inside.any():
            # Beyond the people it was fitted to, the expert says what it says of the
            # last of them.
            basis = np.clip(self.inputs.basis(table[inside]), *self.bounds)
            predictions[inside] += basis @ self.weights


def find_experts(
    scan: RuleScan,
    inputs: OrderedInputs,
    table: Matrix,
    residuals: Vector,
    *,
    n_rounds: int,
    least_gain: float,
    n_jobs: int | None,
    random_state: np.random.RandomState,
    task: Task,
) -> tuple[tuple[LocalExpert, ...], int]:
    """Find, confirm and fit experts, round after round on what is left.

    Every round halves the people anew; each half finds rules for the other to confirm.
    Returned beside the experts is how many rules there were to confirm.
    """
    state = _Residuals(scan, inputs, table, inputs.basis(table), residuals.copy())
    experts: list[LocalExpert] = []
    n_candidates = 0
    for part, _ in task.each("round", range(n_rounds), 2, at_once=True, may_stop=True):
        finding = random_state.permutation(len(table)) % 2 == 0
        halves = finding, ~finding
        found = Parallel(n_jobs=n_jobs)(
            delayed(state.find)(half, half_task)
            for half, half_task in zip(halves, part.parts("half", 2), strict=True)
        )
        candidates = [
            (rule, half)
            for half, rules in zip(halves, found, strict=True)
            for rule in rules
        ]
        candidates.sort(key=lambda candidate: -candidate[0].score)
        n_candidates += len(candidates)
        new = state.keep(candidates, least_gain)
        if not new:
            break
        experts += new
    return tuple(experts), n_candidates


@dataclass(frozen=True)
class _Residuals:
    """What is left to explain, of whom."""

    scan: RuleScan
    inputs: OrderedInputs
    table: Matrix
    basis: Matrix
    left: Vector

    def find(self, half: Mask, task: Task) -> list[FoundRule]:
        with task:
            if half.sum() < 2 * self.scan.min_size:
                return []
            return self.scan(self.table[half], self.left[half], self.basis[half])

    def keep(
        self, candidates: Sequence[tuple[FoundRule, Mask]], least_gain: float
    ) -> list[LocalExpert]:
        """Keep what the other half confirms, and take it from the residuals."""
        experts = []
        for rule, finding in candidates:
            inside = rows_of(rule.items, self.table)
            tested = self._test(inside & finding, inside & ~finding)
            if tested.gain_z > least_gain and tested.gain > 0.0:
                trust = 1.0 - (least_gain / tested.gain_z) ** 2
                weights = trust * self._fit(inside, tested.size)
                self.left[inside] -= self.basis[inside] @ weights
                experts.append(self._describe(rule, inside, tested, weights))
        return experts

    def _test(self, finding: Mask, confirming: Mask) -> "_Tested":
        """Fit on the rule's people in one half, measure on those in the other."""
        best = _Tested(-np.inf, -np.inf, _SIZES[0])
        if confirming.sum() < _FEWEST_CONFIRMING:
            return best
        before = self.left[confirming] ** 2
        for size in _SIZES:
            corrected = self.basis[confirming] @ self._fit(finding, size)
            gains = before - (self.left[confirming] - corrected) ** 2
            mean, spread = float(gains.mean()), float(gains.std())
            z = mean / spread * np.sqrt(len(gains)) if spread > 0.0 else 0.0
            # The least shrunken is the least certain and may yet gain the most.
            best = replace(best, gain_z=max(best.gain_z, z))
            if mean > best.gain:
                best = replace(best, gain=mean, size=size)
        return best

    def _fit(self, rows: Mask, size: float) -> Vector:
        """Fit a ridge that expects coefficients of a size, in SDs of all residuals."""
        basis, left = self.basis[rows], self.left[rows]
        expected = (size * self.left.std()) ** 2
        if expected == 0.0:
            return np.zeros(basis.shape[1])
        penalty = left.var() / expected * np.eye(basis.shape[1])
        weights: Vector = np.linalg.solve(
            basis.T @ basis + penalty + 1e-9 * len(left) * np.eye(len(penalty)),
            basis.T @ left,
        )
        return weights

    def _describe(
        self, rule: FoundRule, inside: Mask, tested: "_Tested", weights: Vector
    ) -> LocalExpert:
        people = self.scan.people
        names = ["1", *(people.names[j] for j in self.inputs.columns)]
        basis = self.basis[inside]
        return LocalExpert(
            text=describe_rule(rule.items, people),
            n=int(inside.sum()),
            gain=tested.gain,
            gain_z=tested.gain_z,
            coefficients=dict(zip(names, weights.tolist(), strict=True)),
            items=rule.items,
            inputs=self.inputs,
            weights=weights,
            bounds=(basis.min(axis=0), basis.max(axis=0)),
        )


@dataclass(frozen=True)
class _Tested:
    """What the confirming half says, and the size of coefficients it prefers."""

    gain: float
    gain_z: float
    size: float
