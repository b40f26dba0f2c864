"""Which sums follow from others, so that nobody need solve for them again?

Women make up their ages, and each age its wards: that women make up those wards is
nothing new. Crossed groupings have several times as many sums as tell something.
"""

from collections import defaultdict
from collections.abc import Sequence

from sklearn_equity.report._counts import CountRelation, Key

Parts = frozenset[Key]


def without_implied(relations: Sequence[CountRelation]) -> list[CountRelation]:
    """Leave out sums that others imply; what the rest tells stays the same.

    Those where somebody has no label stay as they are.
    """
    parts_of: dict[Key, dict[str, Parts]] = defaultdict(dict)
    wholes_of: dict[Parts, set[Key]] = defaultdict(set)
    for one in relations:
        if not one.rest and len(one.left) == 1:
            parts = frozenset(one.right)
            parts_of[one.left[0]][one.right[0][0]] = parts
            wholes_of[parts].add(one.left[0])
    return [
        one
        for one in relations
        if one.rest
        or not (
            _follows_step_by_step(one, parts_of)
            if len(one.left) == 1
            else _have_a_common_whole(one, wholes_of)
        )
    ]


def _follows_step_by_step(
    relation: CountRelation, parts_of: dict[Key, dict[str, Parts]]
) -> bool:
    """Tell whether a whole makes up middle parts, and those the parts."""
    whole, parts = relation.left[0], frozenset(relation.right)
    grouping = relation.right[0][0]
    return any(
        1 < len(middle) < len(parts)
        and all(grouping in parts_of.get(part, ()) for part in middle)
        and frozenset().union(*(parts_of[part][grouping] for part in middle)) == parts
        for name, middle in parts_of[whole].items()
        if name != grouping
    )


def _have_a_common_whole(
    relation: CountRelation, wholes_of: dict[Parts, set[Key]]
) -> bool:
    left, right = frozenset(relation.left), frozenset(relation.right)
    return not wholes_of.get(left, set()).isdisjoint(wholes_of.get(right, ()))
