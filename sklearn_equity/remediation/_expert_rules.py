"""Where do residuals still depend on the inputs, and on which side of which cuts?

A model fails where its residuals are not centred, or rise or fall with an input. Each
row's residual is multiplied with 1 and with every ordered input; conjunctions whose
rows' products sum to something far from zero are the places to look at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.discovery._items import Item, Kind, make_items
from sklearn_equity.discovery._people_table import PeopleTable
from sklearn_equity.discovery._rule_choice import rows_of
from sklearn_equity.discovery._rule_search import search_conjunctions

__all__ = ["FoundRule", "RuleScan"]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_N_KEPT = 1_000
_LEAST_SCORE = 2.0
_MAX_WORK = 2e11  # multiplications of a scan: ten seconds
_WINSORISED_AT = 0.99
# Of rules that share more than this part of their rows, one is enough.
_MOST_OVERLAP = 0.5
# A condition must raise the score by this factor over that of the rule without it.
_WORTH = 1.05
_MAX_SWEEPS = 3
_OTHER_SIDE: dict[Kind, Kind] = {"at_least": "below", "below": "at_least"}
# Of its own second moment a rule is believed no less than this part of everybody's.
_LEAST_VARIANCE = 0.5


@dataclass(frozen=True)
class FoundRule:
    """A conjunction, and how far the sums of its rows lie from chance."""

    score: float
    items: tuple[Item, ...]


@dataclass(frozen=True)
class RuleScan:
    """How rules are looked for.

    Attributes
    ----------
    people : PeopleTable
        Which columns hold labels.
    max_depth : int
        The most conditions of a rule when it is found; intervals are closed thereafter.
    n_cuts : int
        Quantiles of a column at which it is cut at first.
    max_rules : int
        The most rules found.
    min_size : int
        The fewest rows of a rule.
    """

    people: PeopleTable
    max_depth: int
    n_cuts: int
    max_rules: int
    min_size: int

    def __call__(
        self, table: Matrix, residuals: Vector, basis: Matrix
    ) -> list[FoundRule]:
        """Return diverse rules, those furthest from chance first."""
        found = make_items(
            table, self.people.levels, n_cuts=self.n_cuts, min_rows=self.min_size
        )
        largest = np.quantile(np.abs(residuals), _WINSORISED_AT)
        products = np.clip(residuals, -largest, largest)[:, None] * basis
        search = search_conjunctions(
            found.held,
            products,
            families=found.families,
            max_depth=self.max_depth,
            min_size=self.min_size,
            n_kept=_N_KEPT,
            least_score=_LEAST_SCORE,
            own_variance=True,  # who is merely noisier is not to be found
            max_work=_MAX_WORK,
        )
        sums = _Sums.of(table, products, self.min_size)
        return self._choose(
            [tuple(found.items[j] for j in one.items) for one in search.conjunctions],
            sums,
        )

    def _choose(
        self, candidates: Sequence[tuple[Item, ...]], sums: "_Sums"
    ) -> list[FoundRule]:
        """Pass over near copies, and move the cuts of the others."""
        rules: list[FoundRule] = []
        seen: list[Mask] = []
        chosen: list[Mask] = []
        for candidate in candidates:
            inside = rows_of(candidate, sums.table)
            if _repeats(inside, seen):
                continue
            seen.append(inside)
            items = _close_intervals(_move_cuts(candidate, sums), sums)
            inside = rows_of(items, sums.table)
            if _repeats(inside, chosen):
                continue
            chosen.append(inside)
            rules.append(FoundRule(sums.score(inside), items))
            if len(rules) == self.max_rules:
                break
        return sorted(rules, key=lambda rule: -rule.score)


def _repeats(inside: Mask, others: Sequence[Mask]) -> bool:
    return any(
        (inside & other).sum() > _MOST_OVERLAP * (inside | other).sum()
        for other in others
    )


@dataclass(frozen=True)
class _Sums:
    """Products of residuals and inputs, centred and of mean square 1."""

    table: Matrix
    products: Matrix
    min_size: int

    @classmethod
    def of(cls, table: Matrix, products: Matrix, min_size: int) -> "_Sums":
        centred = products - products.mean(axis=0)
        spread = np.sqrt((centred**2).mean(axis=0))
        return cls(table, centred / np.where(spread > 0.0, spread, 1.0), min_size)

    def score(self, inside: Mask) -> float:
        """Score the rows of a rule as the search does."""
        n = int(inside.sum())
        if n < self.min_size:
            return -np.inf
        rows = self.products[inside]
        sums, squares = rows.sum(axis=0), (rows**2).sum(axis=0)
        return float(self._score(sums, squares, np.array(float(n))))

    def scores_in_order(self, order: NDArray[np.intp]) -> Vector:
        """Score the first row in an order, the first two, and so on."""
        rows = self.products[order]
        n = np.arange(1.0, len(rows) + 1.0)
        return self._score(rows.cumsum(axis=0), (rows**2).cumsum(axis=0), n)

    def _score(self, sums: Matrix, squares: Matrix, n: Vector) -> Vector:
        spread = np.maximum(squares, _LEAST_VARIANCE * n[..., None])
        n_scores = self.products.shape[1]
        score: Vector = ((sums**2 / spread).sum(axis=-1) - n_scores) / np.sqrt(
            2.0 * n_scores
        )
        return score


def _move_cuts(rule: tuple[Item, ...], sums: _Sums) -> tuple[Item, ...]:
    """Move the cuts of a rule in turn to their best places; drop what adds little."""
    for _ in range(_MAX_SWEEPS):
        before = rule
        rule = _drop_useless(rule, sums)
        for k, item in enumerate(rule):
            if item.is_cut:
                others = rows_of(rule[:k] + rule[k + 1 :], sums.table)
                rule = (*rule[:k], _best_cut(item, others, sums), *rule[k + 1 :])
        if rule == before:
            break
    return rule


def _close_intervals(rule: tuple[Item, ...], sums: _Sums) -> tuple[Item, ...]:
    """Bound numbers on their other side too, the one that gains most first.

    A rule has few conditions and people who are not served a place with an end: what
    is open to one side holds others, who would pay for a correction.
    """
    closed = rule
    while True:
        inside = rows_of(closed, sums.table)
        closer = [(*closed, end) for end in _other_ends(closed, inside, sums)]
        scores = [sums.score(rows_of(one, sums.table)) for one in closer]
        if max(scores, default=-np.inf) <= _WORTH * sums.score(inside):
            break
        closed = closer[int(np.argmax(scores))]
    return rule if closed == rule else _move_cuts(closed, sums)


def _other_ends(rule: tuple[Item, ...], inside: Mask, sums: _Sums) -> list[Item]:
    """Return the best bound on the other side of each number that has but one."""
    known = {(item.column, item.kind) for item in rule}
    others = [
        Item(item.column, _OTHER_SIDE[item.kind], np.nan)
        for item in rule
        if item.is_cut and (item.column, _OTHER_SIDE[item.kind]) not in known
    ]
    ends = [_best_cut(item, inside, sums) for item in others]
    return [end for end in ends if not np.isnan(end.value)]  # else too few are left


def _drop_useless(rule: tuple[Item, ...], sums: _Sums) -> tuple[Item, ...]:
    while len(rule) > 1:
        score = sums.score(rows_of(rule, sums.table))
        shorter = [rule[:k] + rule[k + 1 :] for k in range(len(rule))]
        scores = [sums.score(rows_of(one, sums.table)) for one in shorter]
        best = int(np.argmax(scores))
        if score > _WORTH * scores[best]:
            break
        rule = shorter[best]
    return rule


def _best_cut(item: Item, others: Mask, sums: _Sums) -> Item:
    """Return the item with the cut that scores best beside the other conditions."""
    values = sums.table[:, item.column]
    rows = np.flatnonzero(others & ~np.isnan(values))
    sign = -1.0 if item.kind == "at_least" else 1.0
    order = rows[np.argsort(sign * values[rows], kind="stable")]
    ordered = values[order]
    # A cut lies between two different values.
    ends = np.append(ordered[1:] != ordered[:-1], False)
    ends[: sums.min_size - 1] = False
    if not ends.any():
        return item
    at = int(np.argmax(np.where(ends, sums.scores_in_order(order), -np.inf)))
    lower, upper = sorted((float(ordered[at]), float(ordered[at + 1])))
    return replace(item, value=_between(lower, upper))


def _between(lower: float, upper: float) -> float:
    """Return the number above `lower`, up to `upper`, with the fewest digits."""
    middle = lower + (upper - lower) / 2.0
    for digits in range(1, 17):
        value = float(f"{middle:.{digits}g}")
        if lower < value <= upper:
            return value
    return upper
