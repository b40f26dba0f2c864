"""Which counts must be withheld, so that no small one can be worked out?

Withholding a small count is not enough: the others of its sum would tell it. Some of
those are withheld with it, the smallest first, until what is left tells of every small
count only a range that reaches up to the limit, by linear programming over everything
that adds up (cell suppression with audit, as statistical offices do it).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from sklearn_equity.report._counts import CountRelation, Key


def withheld_counts(
    counts: Mapping[Key, int],
    relations: Sequence[CountRelation],
    *,
    below: int,
    findings: Collection[Key] = (),
    bounds: Mapping[Key, tuple[float, float]] | None = None,
) -> set[Key]:
    """Choose the counts to withhold: small ones, and those that would tell them.

    Parameters
    ----------
    counts : mapping of (grouping, label) to int
        Every count that would be published.
    relations : sequence of CountRelation
        What adds up to what. People of the left without a label on the right are a
        count too, which nobody publishes and all can work out.
    below : int
        Counts from 1 to `below` - 1 are withheld.
    findings : collection of (grouping, label)
        Subgroups to keep if others will do.
    bounds : mapping of (grouping, label) to (least, most), default=None
        What else a report tells of a count, such as that it sufficed for a verdict.

    Returns
    -------
    set of (grouping, label)
        The counts to withhold.
    """
    sizes = dict(counts)
    sums = []
    for i, relation in enumerate(relations):
        left_out: Key = ("left out", i)
        small = 0 < relation.rest < below
        if small:
            sizes[left_out] = relation.rest
        sums.append(_Sum.of(relation, left_out if small else None))
    plan = _Plan(sums, sizes, below, frozenset(findings), bounds or {})
    small_ones = sorted(
        (key for key, n in sizes.items() if 0 < n < below),
        key=lambda key: (sizes[key], str(key)),
    )
    plan.withhold(small_ones)
    for key in small_ones:  # what is protected stays so when more is withheld
        while not plan.is_protected(key) and (further := plan.neighbour_of(key)):
            plan.withhold([further])
    return {key for key in plan.withheld if key in counts}


_ANY = (1.0, np.inf)  # a subgroup that is listed has somebody in it


@dataclass(frozen=True)
class _Sum:
    """Counts with their signs, and the number that they add up to."""

    terms: tuple[tuple[Key, int], ...]
    total: int

    @classmethod
    def of(cls, relation: CountRelation, left_out: Key | None) -> "_Sum":
        """Make the people left out a count of their own if they are few."""
        right = relation.right if left_out is None else (*relation.right, left_out)
        signs = [(key, 1) for key in relation.left] + [(key, -1) for key in right]
        return cls(tuple(signs), relation.rest if left_out is None else 0)


@dataclass
class _Plan:
    """What is withheld so far, and what the rest tells."""

    sums: Sequence[_Sum]
    sizes: Mapping[Key, int]
    below: int
    findings: frozenset[Key]
    bounds: Mapping[Key, tuple[float, float]]
    withheld: set[Key] = field(default_factory=set)
    sums_of: dict[Key, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i, one in enumerate(self.sums):
            for key, _ in one.terms:
                self.sums_of.setdefault(key, []).append(i)

    def withhold(self, keys: Collection[Key]) -> None:
        """Withhold counts, and a second one wherever one would be alone in its sum."""
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            self.withheld.add(key)
            for i in self.sums_of.get(key, ()):
                terms = self.sums[i].terms
                known = [other for other, _ in terms if other not in self.withheld]
                if known and len(known) == len(terms) - 1:
                    waiting.append(min(known, key=self._cost))

    def neighbour_of(self, key: Key) -> Key | None:
        """Return the cheapest published count that adds up with one, nearby if any."""
        for _, keys in self._rings(key):
            published = keys - self.withheld
            if published:
                return min(published, key=self._cost)
        return None

    def is_protected(self, key: Key) -> bool:
        """Tell whether a count may, for all that is published, be large.

        Half a person is no protection, but rounding of the solver.
        """
        equations = [one for sums, _ in self._rings(key) for one in sums]
        if not equations:
            return True
        least, most = self._range(key, equations)
        low, high = self.bounds.get(key, _ANY)
        return (
            most > min(self.below, high) - 0.5
            and most - least > min(self.below - 1, high - low) - 0.5
        )

    def _range(self, key: Key, equations: Sequence[_Sum]) -> tuple[float, float]:
        """Return the least and the most that a count can be, by what is published."""
        unknown: dict[Key, int] = {}
        rows, columns, signs, totals = [], [], [], []
        for row, one in enumerate(equations):
            known = 0
            for other, sign in one.terms:
                if other not in self.withheld:
                    known += sign * self.sizes[other]
                    continue
                rows.append(row)
                columns.append(unknown.setdefault(other, len(unknown)))
                signs.append(float(sign))
            totals.append(float(one.total - known))
        shape = (len(equations), len(unknown))
        system = coo_array((signs, (rows, columns)), shape=shape).tocsr()
        bounds = [self.bounds.get(other, _ANY) for other in unknown]
        ends = []
        for sign in (1.0, -1.0):
            objective = np.zeros(len(unknown))
            objective[unknown[key]] = sign
            solved = linprog(objective, A_eq=system, b_eq=totals, bounds=bounds)
            without_end = solved.status == 3
            ends.append(-sign * np.inf if without_end else sign * solved.fun)
        return ends[0], ends[1]

    def _rings(self, key: Key) -> Iterator[tuple[list[_Sum], set[Key]]]:
        """Walk from sum to sum over what is withheld, the nearest sums first."""
        frontier, seen = {key}, {key}
        used: set[int] = set()
        while frontier:
            near = {i for withheld in frontier for i in self.sums_of.get(withheld, ())}
            sums = [self.sums[i] for i in sorted(near - used)]
            used |= near
            keys = {other for one in sums for other, _ in one.terms}
            yield sums, keys
            frontier = (keys & self.withheld) - seen
            seen |= frontier

    def _cost(self, key: Key) -> tuple[int, str]:
        """Few people are withheld rather than many, and others rather than findings."""
        return self.sizes[key] * (100 if key in self.findings else 1), str(key)

