"""Which counts of an audit add up to which, so that one could be worked out by another?

Women and men make up everybody; women of the north and of the south make up the women;
the wards of a region make up the region. Whoever knows all but one of such counts knows
the last. What adds up to what is read off the people, not off the names of groupings.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._factorize import DROPPED
from sklearn_equity.fidelity import check_groupings

Codes = NDArray[np.intp]
Key = tuple[str, Hashable]

EVERYBODY: Key = ("", "everybody")


@dataclass(frozen=True)
class CountRelation:
    """Two lists of subgroups that hold the same people, some of the left aside.

    Attributes
    ----------
    left, right : tuple of (grouping, label)
        The subgroups; everybody is one of them.
    rest : int
        How many people of the left have no label on the right.
    """

    left: tuple[Key, ...]
    right: tuple[Key, ...]
    rest: int


# ---- from people -----------------------------------------------------------------
def relations_of_people(
    groupings: Mapping[str, Any],
    *,
    n_rows: int,
    missing: MissingPolicy,
    max_depth: int | None,
    weights: ArrayLike | None = None,
) -> tuple[CountRelation, ...]:
    """Find what adds up to what among people's labels.

    People with equal labels in all groupings are taken together first: they are few
    kinds, however many the people. People of weight 0 are nobody.
    """
    by_name = check_groupings(groupings, n_rows=n_rows, missing=missing)
    columns = [codes.codes for codes in by_name.values()]
    if weights is not None:
        counted = np.asarray(weights) > 0.0
        columns = [column[counted] for column in columns]
    first, n = _kinds_of_people(columns)
    attributes = {
        name: _labels(codes.labels, column[first])
        for (name, codes), column in zip(by_name.items(), columns, strict=True)
    }
    kinds = check_groupings(
        attributes, n_rows=len(n), missing="drop", max_depth=max_depth
    )
    coded = {name: (found.codes, found.labels) for name, found in kinds.items()}
    everybody = {EVERYBODY[0]: (np.zeros(len(n), np.intp), (EVERYBODY[1],))}
    return tuple(
        relation
        for pair in combinations((everybody | coded).items(), 2)
        for relation in _relate(*pair, n)
    )


def _kinds_of_people(columns: Sequence[Codes]) -> tuple[Codes, Codes]:
    """Return a row of every combination of codes that occurs, and its people."""
    kind = np.zeros(len(columns[0]), dtype=np.intp)
    for codes in columns:
        width = int(codes.max(initial=0)) + 2
        _, kind = np.unique(kind * width + codes + 1, return_inverse=True)
    _, first, n = np.unique(kind, return_index=True, return_counts=True)
    return first, n


def _labels(labels: tuple[Hashable, ...], codes: Codes) -> NDArray[Any]:
    named = np.empty(len(codes), dtype=object)
    named[:] = [None if code == DROPPED else labels[code] for code in codes.tolist()]
    return named


def _relate(
    one: tuple[str, tuple[Codes, tuple[Hashable, ...]]],
    other: tuple[str, tuple[Codes, tuple[Hashable, ...]]],
    n: Codes,
) -> Iterator[CountRelation]:
    """Pair subgroups of two groupings that hold the same people."""
    (left_name, (left, left_labels)), (right_name, (right, right_labels)) = one, other
    both = (left != DROPPED) & (right != DROPPED)
    size = len(left_labels) + len(right_labels)
    edges = (left[both], right[both] + len(left_labels))
    graph = coo_array((np.ones(int(both.sum())), edges), shape=(size, size))
    n_parts, part = connected_components(graph, directed=False)
    part_of_left, part_of_right = part[: len(left_labels)], part[len(left_labels) :]
    for i in range(n_parts):
        members = (
            tuple(
                (left_name, left_labels[j]) for j in np.flatnonzero(part_of_left == i)
            ),
            tuple(
                (right_name, right_labels[j])
                for j in np.flatnonzero(part_of_right == i)
            ),
        )
        here = (left != DROPPED) & (part_of_left[left] == i)
        there = (right != DROPPED) & (part_of_right[right] == i)
        alone = (
            int(n[here & (right == DROPPED)].sum()),
            int(n[there & (left == DROPPED)].sum()),
        )
        if not all(members) or all(alone):
            continue  # whoever is missing on both sides hides what would follow
        if alone[1]:
            members, alone = members[::-1], alone[::-1]
        yield CountRelation(*members, alone[0])


# ---- from labels -----------------------------------------------------------------
def relations_of_labels(counts: Mapping[Key, int]) -> tuple[CountRelation, ...]:
    """Find what adds up to what from labels alone, where the people are not at hand.

    Every grouping makes up everybody, and intersections the subgroups of which they
    are parts, where counts say so.
    """
    groupings: dict[str, list[Hashable]] = {}
    for name, label in counts:
        if name != EVERYBODY[0]:
            groupings.setdefault(name, []).append(label)
    found = []
    for name, labels in groupings.items():
        parts = tuple((name, label) for label in labels)
        rest = counts[EVERYBODY] - sum(counts[part] for part in parts)
        if rest >= 0:
            found.append(CountRelation((EVERYBODY,), parts, rest))
        for other, wholes in groupings.items():
            if other != name:
                found += _parts_of_wholes((name, labels), (other, wholes), counts)
    return tuple(found)


def _parts_of_wholes(
    fine: tuple[str, list[Hashable]],
    coarse: tuple[str, list[Hashable]],
    counts: Mapping[Key, int],
) -> list[CountRelation]:
    """Relate intersections to the subgroups of which they are parts."""
    depth = min(_depth(label) for label in fine[1])
    width = max(_depth(label) for label in coarse[1])
    if width >= depth:
        return []
    for places in combinations(range(depth), width):
        parts: dict[Hashable, list[Key]] = {}
        for label in fine[1]:
            assert isinstance(label, tuple)  # noqa: S101 - told by its depth
            at = tuple(label[place] for place in places)
            parts.setdefault(at[0] if width == 1 else at, []).append((fine[0], label))
        sums = {whole: sum(counts[part] for part in parts[whole]) for whole in parts}
        if sums == {whole: counts[coarse[0], whole] for whole in coarse[1]}:
            return [
                CountRelation(((coarse[0], whole),), tuple(parts[whole]), 0)
                for whole in parts
            ]
    return []


def _depth(label: Hashable) -> int:
    return len(label) if isinstance(label, tuple) else 1
