"""In words that fit on a line: who is in this subgroup?"""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from sklearn_equity.significance._variables import Variable, Variables

__all__ = ["SubgroupRule", "find_rule"]

_LARGEST = 1e30  # trees hold and add up numbers in 32 bits
_LEAST_LEAF = 10


@dataclass(frozen=True)
class SubgroupRule:
    """A short rule that most people of a subgroup meet and few others do.

    Attributes
    ----------
    subgroup : label
        The subgroup.
    text : str
        The conditions, all of which hold; "everybody" if none sets the subgroup apart.
    precision : float
        Of those who meet the rule, the share in the subgroup; NaN if nobody does.
    recall : float
        Of the subgroup, the share who meet the rule; NaN if nobody of it was looked at.
    n_matched : int
        How many meet it, of the rows that the figures are from.
    n_rows : int
        How many rows the figures are from.
    """

    subgroup: Hashable
    text: str
    precision: float
    recall: float
    n_matched: int
    n_rows: int


@dataclass(frozen=True)
class _Condition:
    """``low < value <= high`` for one variable."""

    variable: int
    low: float = -np.inf
    high: float = np.inf

    def holds(self, table: NDArray[np.float64]) -> NDArray[np.bool_]:
        value = table[:, self.variable]
        return np.asarray((value > self.low) & (value <= self.high))

    def in_words(self, variable: Variable) -> str:
        if variable.level is not None:  # 0 or 1, and the limit in between
            equals = "is" if self.low > 0.0 else "is not"
            return f"{variable.column} {equals} {variable.level}"
        if np.isinf(self.low):
            return f"{variable.name} <= {self.high:.4g}"
        if np.isinf(self.high):
            return f"{variable.name} > {self.low:.4g}"
        return f"{self.low:.4g} < {variable.name} <= {self.high:.4g}"


def find_rule(
    subgroup: Hashable,
    inside: NDArray[np.bool_],
    variables: Variables,
    *,
    depth: int,
    made_on: NDArray[np.intp],
    measured_on: NDArray[np.intp],
    seed: int,
) -> SubgroupRule:
    """Make a rule on some rows and measure it on others.

    Of the nodes of a shallow tree it is the one with the best F1, the harmonic mean of
    precision and recall, on the rows that made the tree.
    """
    conditions: list[_Condition] = []
    if 0 < inside[made_on].sum() < len(made_on):
        shown = np.clip(variables.table[made_on], -_LARGEST, _LARGEST)
        tree = DecisionTreeClassifier(
            max_depth=depth,
            min_samples_leaf=_LEAST_LEAF,
            class_weight="balanced",
            random_state=seed,
        ).fit(shown, inside[made_on])
        conditions = _best_node(tree, shown, inside[made_on])
    matched = _meets(conditions, variables.table[measured_on])
    member = inside[measured_on]
    both = int((matched & member).sum())
    words = [
        condition.in_words(variables.variables[condition.variable])
        for condition in conditions
    ]
    return SubgroupRule(
        subgroup=subgroup,
        text=" and ".join(words) or "everybody",
        precision=float(both / matched.sum()) if matched.any() else np.nan,
        recall=float(both / member.sum()) if member.any() else np.nan,
        n_matched=int(matched.sum()),
        n_rows=len(measured_on),
    )


def _meets(
    conditions: list[_Condition], table: NDArray[np.float64]
) -> NDArray[np.bool_]:
    met = np.ones(len(table), dtype=bool)
    for condition in conditions:
        met &= condition.holds(table)
    return met


def _best_node(
    tree: DecisionTreeClassifier,
    table: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> list[_Condition]:
    reached = tree.decision_path(table)
    n_met = np.asarray(reached.sum(axis=0)).ravel()
    n_both = np.asarray(reached[inside].sum(axis=0)).ravel()
    # F1 = 2 both / (met + members). Everybody, the root, is no rule; of equal nodes the
    # first has the fewest conditions.
    f1 = 2.0 * n_both / (n_met + inside.sum())
    return _path_to(tree, 1 + int(np.argmax(f1[1:]))) if len(f1) > 1 else []


def _path_to(tree: DecisionTreeClassifier, node: int) -> list[_Condition]:
    """Walk from a node up to the root; limits on one variable become one condition."""
    grown = tree.tree_
    limits: dict[int, _Condition] = {}
    while node != 0:
        is_left = node in grown.children_left
        children = grown.children_left if is_left else grown.children_right
        parent = int(np.flatnonzero(children == node)[0])
        variable, limit = int(grown.feature[parent]), float(grown.threshold[parent])
        known = limits.get(variable, _Condition(variable))
        limits[variable] = (
            _Condition(variable, known.low, min(known.high, limit))
            if is_left
            else _Condition(variable, max(known.low, limit), known.high)
        )
        node = parent
    return [limits[variable] for variable in reversed(limits)]
