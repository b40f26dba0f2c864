"""Which few of many conjunctions tell most of the story?

The strongest conjunction is chosen, its cuts are moved to where they tell most, what it
explains is taken from the losses, and the next one is chosen by what is left: so that
near copies and mixtures of rules that are there already do not follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sklearn_equity.discovery._items import Item, Mask, Matrix, Vector

__all__ = ["choose_rules", "rows_of"]

# A condition must raise the score by this factor over that of the rule without it.
_WORTH = 1.05
_MAX_SWEEPS = 4


@dataclass(frozen=True)
class _Losses:
    """Centred losses, and the table whose rows they belong to."""

    table: Matrix
    left: Vector
    scale: float
    min_size: int

    def score(self, inside: Mask) -> float:
        """Return how many standard errors the mean inside lies above that of all."""
        n = int(inside.sum())
        if n < self.min_size:
            return -np.inf
        return float(self.left[inside].sum() / (self.scale * np.sqrt(n)))


def rows_of(rule: Sequence[Item], table: Matrix) -> Mask:
    """Say which rows meet all conditions of a rule."""
    inside = np.ones(len(table), dtype=bool)
    for item in rule:
        inside &= item.holds(table)
    return inside


def choose_rules(
    candidates: Sequence[tuple[Item, ...]],
    table: Matrix,
    losses: Vector,
    *,
    max_rules: int,
    min_size: int,
    max_overlap: float,
    least_score: float,
) -> list[tuple[Item, ...]]:
    """Choose few diverse rules, the strongest first, and move their cuts."""
    centred = losses - losses.mean()
    scale = float(centred.std())
    if scale == 0 or not candidates:
        return []
    state = _Losses(table, centred, scale, min_size)
    # One byte a candidate and row: who is in it is asked once for every rule chosen.
    items = {item for rule in candidates for item in rule}
    meets = {item: item.holds(table) for item in items}
    held = np.array(
        [np.logical_and.reduce([meets[item] for item in rule]) for rule in candidates]
    )
    root = np.sqrt(held.sum(axis=1))
    sums = np.array([centred[inside].sum() for inside in held])
    is_open = np.ones(len(candidates), dtype=bool)
    chosen: list[tuple[Item, ...]] = []
    members: list[Mask] = []
    while len(chosen) < max_rules:
        scores = np.where(is_open, sums / (scale * root), -np.inf)
        best = int(np.argmax(scores))
        if scores[best] < least_score:
            break
        is_open[best] = False
        rule = _polish(candidates[best], state)
        inside = rows_of(rule, table)
        if any(_jaccard(inside, other) > max_overlap for other in members):
            continue
        chosen.append(rule)
        members.append(inside)
        gap = _gap(state.left, inside)
        left = state.left - gap * inside
        shift = float(left.mean())
        shared = held[:, np.flatnonzero(inside)].sum(axis=1)
        sums -= gap * shared + shift * root**2
        state = replace(state, left=left - shift)
    return chosen


def _gap(left: Vector, inside: Mask) -> float:
    """Return what is taken from losses inside, so that the mean is that outside."""
    if inside.all():
        return 0.0
    return max(float(left[inside].mean() - left[~inside].mean()), 0.0)


def _jaccard(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(int((one | other).sum()), 1))


# ---- where a rule's cuts lie ----------------------------------------------------
def _polish(rule: tuple[Item, ...], state: _Losses) -> tuple[Item, ...]:
    """Move the cuts of a rule in turn to their best places; drop what adds little."""
    for _ in range(_MAX_SWEEPS):
        before = rule
        rule = _drop_useless(rule, state)
        for k, item in enumerate(rule):
            if item.is_cut:
                others = rows_of(rule[:k] + rule[k + 1 :], state.table)
                moved = _best_cut(item, others, state)
                rule = (*rule[:k], moved, *rule[k + 1 :])
        if rule == before:
            break
    return rule


def _drop_useless(rule: tuple[Item, ...], state: _Losses) -> tuple[Item, ...]:
    while len(rule) > 1:
        score = state.score(rows_of(rule, state.table))
        shorter = [rule[:k] + rule[k + 1 :] for k in range(len(rule))]
        scores = [state.score(rows_of(one, state.table)) for one in shorter]
        best = int(np.argmax(scores))
        if score > _WORTH * scores[best]:
            break
        rule = shorter[best]
    return rule


def _best_cut(item: Item, others: Mask, state: _Losses) -> Item:
    """Return the item with the cut that scores best beside the other conditions."""
    values = state.table[:, item.column]
    rows = np.flatnonzero(others & ~np.isnan(values))
    above = item.kind == "at_least"
    order = rows[np.argsort(-values[rows] if above else values[rows], kind="stable")]
    ordered = values[order]
    n = np.arange(1, len(order) + 1)
    z = np.cumsum(state.left[order]) / np.sqrt(n)
    # A cut lies between two different values; the last takes everybody.
    ends = np.append(ordered[1:] != ordered[:-1], True)
    ends &= n >= state.min_size
    if not ends.any():
        return item
    at = int(np.argmax(np.where(ends, z, -np.inf)))
    if at == len(order) - 1:
        return item
    # One in a hundred people on the other side makes cuts that are easier to read.
    slack = int(n[at]) // 100 if n[at] * 0.99 >= state.min_size else 0
    ends_at = (ordered[at - slack], ordered[min(at + 1 + slack, len(order) - 1)])
    lower, upper = sorted(map(float, ends_at))
    return replace(item, value=_short_number_between(lower, upper))


def _short_number_between(lower: float, upper: float) -> float:
    """Return the number above `lower`, up to `upper`, with the fewest digits."""
    middle = lower + (upper - lower) / 2
    for digits in range(1, 17):
        for value in (float(f"{middle:.{digits}g}"), float(f"{upper:.{digits}g}")):
            if lower < value <= upper:
                return value
    return upper
