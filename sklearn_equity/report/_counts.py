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
    return _relate_all(coded, n)


def relations_of_kinds(
    labels: Mapping[str, Sequence[Hashable]], n: NDArray[np.int64]
) -> tuple[CountRelation, ...]:
    """Find what adds up to what among kinds of people that an engine has counted.

    Parameters
    ----------
    labels : mapping of str to sequence
        The label of every kind in each grouping; None for those left out of it.
    n : ndarray of shape (n_kinds,)
        The people of each kind.
    """
    coded = {}
    for name, column in labels.items():
        known = tuple(dict.fromkeys(label for label in column if label is not None))
        place = {label: i for i, label in enumerate(known)} | {None: DROPPED}
        coded[name] = (np.array([place[label] for label in column], np.intp), known)
    return _relate_all(coded, n)


def _relate_all(
    coded: Mapping[str, tuple[Codes, tuple[Hashable, ...]]], n: NDArray[np.int64]
) -> tuple[CountRelation, ...]:
    everybody = {EVERYBODY[0]: (np.zeros(len(n), np.intp), (EVERYBODY[1],))}
    return tuple(
        relation
        for pair in combinations((everybody | dict(coded)).items(), 2)
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
    kind = left * (len(right_labels) + 1) + right  # few, however many the kinds of all
    _, first, inverse = np.unique(kind, return_index=True, return_inverse=True)
    n = np.bincount(inverse, weights=n).astype(np.intp)
    left, right = left[first], right[first]
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
    """Tell from labels alone that every grouping makes up everybody.

    Which groupings contain each other is not told by labels.
    """
    found = []
    for name in dict.fromkeys(name for name, _ in counts if name != EVERYBODY[0]):
        parts = tuple(key for key in counts if key[0] == name)
        rest = counts[EVERYBODY] - sum(counts[part] for part in parts)
        if rest >= 0:
            found.append(CountRelation((EVERYBODY,), parts, rest))
    return tuple(found)
