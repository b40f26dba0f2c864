"""Which numbers of two audits, side by side, tell by their difference who is few?

Everybody is 254 in one audit and 250 in the other: four people are in one alone. What
adds up in both audits holds of differences too, so that they are protected as counts
are. They need not be of the same people, but nobody can tell that they aren't.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sklearn_equity._label_text import WITHHELD
from sklearn_equity.report._counts import EVERYBODY, CountRelation, Key
from sklearn_equity.report._disclosure import withheld_counts
from sklearn_equity.report._suppression import counts_of

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

Counts = Mapping[Key, int]


def withheld_differences(
    before: "AuditResult", after: "AuditResult", below: int
) -> set[Key]:
    """Choose whose numbers of people are not shown side by side."""
    counts = counts_of(before.fidelity), counts_of(after.fidelity)
    if not (before.relations and after.relations):
        return _by_one_grouping(*counts, below)
    one, other = counts
    differences = {key: one.get(key, 0) - other.get(key, 0) for key in {**one, **other}}
    sums = _sums_of_both(before.relations, after.relations, one.keys() & other.keys())
    return withheld_counts(
        {key: abs(n) for key, n in differences.items()},
        [_of_sizes(left, right, differences) for left, right in sums],
        below=below,
        bounds=dict.fromkeys(differences, (0.0, np.inf)),
        sizes={key: min(one.get(key, 0), other.get(key, 0)) for key in differences},
    )


# ---- where it is known what adds up ----------------------------------------------
def _sums_of_both(
    relations: Sequence[CountRelation],
    others: Sequence[CountRelation],
    shared: set[Key],
) -> Iterator[tuple[set[Key], set[Key]]]:
    """Find what adds up in both audits; who is in one alone is nobody in the other."""

    def in_both(*sides: Sequence[Key]) -> tuple[frozenset[Key], ...]:
        return tuple(frozenset(shared.intersection(side)) for side in sides)

    theirs = {
        in_both(left, right): (left, right)
        for one in others
        for left, right in ((one.left, one.right), (one.right, one.left))
    }
    for one in relations:
        left, right = theirs.get(in_both(one.left, one.right), ((), ()))
        if left:
            yield {*one.left, *left}, {*one.right, *right}


def _of_sizes(
    left: set[Key], right: set[Key], differences: Mapping[Key, int]
) -> CountRelation:
    """Say the same of sizes: what is negative changes sides."""
    rest = sum(differences[key] for key in left) - sum(
        differences[key] for key in right
    )
    sign = -1 if rest < 0 else 1
    sides: tuple[list[Key], list[Key]] = [], []
    for place, keys in enumerate((left, right)):
        for key in sorted(keys, key=str):
            sides[place ^ (sign * differences[key] < 0)].append(key)
    return CountRelation(tuple(sides[0]), tuple(sides[1]), abs(rest))


# ---- where it is not -------------------------------------------------------------
def _by_one_grouping(one: Counts, other: Counts, below: int) -> set[Key]:
    """Take no chance: show one grouping, and not everybody beside small differences.

    Groupings may contain each other unseen, and a number that is withheld may have
    changed by few people.
    """
    shared = [key for key in one if key in other]
    differences = {
        key: one[key] - other[key]
        for key in shared
        if WITHHELD not in (one[key], other[key])
    }
    if not any(differences.values()):
        return set()
    names = list(dict.fromkeys(key[0] for key in shared if key != EVERYBODY))
    is_known = set(differences) == {*one, *other}
    if is_known and not any(_has_small(differences, name, below) for name in names):
        return set()
    first, *rest = names
    hidden = {key for key in shared if key[0] in rest}
    if _has_small(differences, first, below):
        hidden |= {key for key, n in differences.items() if 0 < abs(n) < below}
        hidden.add(EVERYBODY)
    return hidden


def _has_small(differences: Mapping[Key, int], grouping: str, below: int) -> bool:
    """Tell whether a difference is small, or what the others leave of everybody's."""
    parts = [n for key, n in differences.items() if key[0] == grouping]
    everybody = differences.get(EVERYBODY)
    sizes = parts if everybody is None else [*parts, everybody, everybody - sum(parts)]
    return any(0 < abs(n) < below for n in sizes)
