"""Which counts must be withheld, so that no small one can be worked out?

Withholding a small count is not enough: the others of its sum would tell it. Some of
those are withheld with it, the smallest first, until what is left tells of every small
count only a range that reaches up to the limit, and is half as wide, by linear
programming over everything that adds up (cell suppression with audit, as statistical
offices do it).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from sklearn_equity.report._counts import EVERYBODY, CountRelation, Key


def withheld_counts(
    counts: Mapping[Key, int],
    relations: Sequence[CountRelation],
    *,
    below: int,
    bounds: Mapping[Key, tuple[float, float]] | None = None,
) -> set[Key]:
    """Choose the counts to withhold: small ones, and those that would tell them.

    Parameters
    ----------
    counts : mapping of (grouping, label) to int
        Every count that would be published.
    relations : sequence of CountRelation
        What adds up to what. How many of all people have no label is a count too,
        which nobody publishes and all could work out.
    below : int
        Counts from 1 to `below` - 1 are withheld.
    bounds : mapping of (grouping, label) to (least, most), default=None
        What else a report tells of a count, such as that it sufficed for a verdict.

    Returns
    -------
    set of (grouping, label)
        The counts to withhold.
    """
    left_out: list[Key] = [("left out", i) for i in range(len(relations))]
    sums = [_Sum.of(*pair) for pair in zip(relations, left_out, strict=True)]
    without_label = {
        key: relation.rest
        for key, relation in zip(left_out, relations, strict=True)
        if relation.rest
    }
    # Only everybody without a label is a count to protect: a part may be worked out.
    of_all = {
        key: without_label[key]
        for key, relation in zip(left_out, relations, strict=True)
        if relation.rest and relation.left == (EVERYBODY,)
    }
    sizes = dict(counts) | of_all
    plan = _Plan(sums, sizes, below, bounds or {})
    plan.withheld.update(without_label)  # nobody publishes them
    small_ones = sorted(
        (key for key, n in sizes.items() if 0 < n < below),
        key=lambda key: (sizes[key], str(key)),
    )
    plan.withhold(key for key in small_ones if key in counts)
    for key in small_ones:  # what is protected stays so when more is withheld
        while further := plan.what_tells(key):
            plan.withhold([further])
    plan.publish_what_tells_nothing(small_ones, counts)
    return {key for key in plan.withheld if key in counts}


_WHOLE, _EVERYBODY = 4, 10**12
_MOST_TRIALS = 1_000  # a few seconds
_ANY = (1.0, np.inf)  # a subgroup that is listed has somebody in it


@dataclass(frozen=True)
class _Sum:
    """Counts with their signs, which add up to nothing."""

    terms: tuple[tuple[Key, int], ...]

    @classmethod
    def of(cls, relation: CountRelation, left_out: Key) -> "_Sum":
        """Make the people left out, if there are any, a count of their own."""
        right = (*relation.right, left_out) if relation.rest else relation.right
        return cls(
            tuple([(key, 1) for key in relation.left] + [(key, -1) for key in right])
        )


@dataclass
class _Plan:
    """What is withheld so far, and what the rest tells."""

    sums: Sequence[_Sum]
    sizes: Mapping[Key, int]
    below: int
    bounds: Mapping[Key, tuple[float, float]]
    withheld: set[Key] = field(default_factory=set)
    sums_of: dict[Key, list[int]] = field(default_factory=dict)

    wholes: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        for i, one in enumerate(self.sums):
            for key, _ in one.terms:
                self.sums_of.setdefault(key, []).append(i)
            for side in (1, -1):
                alone = [key for key, sign in one.terms if sign == side]
                if len(alone) == 1 and len(one.terms) > 2:
                    self.wholes.update(alone)

    def withhold(self, keys: Iterable[Key]) -> None:
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

    def what_tells(self, key: Key) -> Key | None:
        """Return the count to withhold next, so that one may be large or much else.

        It is the cheapest of the sums that hold the range of the count down. None if
        the range suffices, or nothing that adds up with it is published any more.
        """
        equations = list(self._sums_around(key))
        if not equations:
            return None
        (least, most), binding = self._range(key, equations)
        low, high = self.bounds.get(key, _ANY)
        # Half a person is no protection, but rounding of the solver.
        if (
            most > min(self.below, high) - 0.5
            and most - least > min(self.below / 2, high - low) - 0.5
        ):
            return None
        for sums in ([equations[i] for i in binding], equations):
            keys = {other for one in sums for other, _ in one.terms}
            if published := keys - self.withheld:
                return min(published, key=self._cost)
        return None

    def publish_what_tells_nothing(
        self, small_ones: Sequence[Key], counts: Mapping[Key, int]
    ) -> None:
        """Take back what need not be withheld after all, the most valuable first.

        One was withheld after the other; later ones make earlier ones needless.
        """
        further = self.withheld.intersection(counts).difference(small_ones)
        if len(further) * len(small_ones) > _MOST_TRIALS:
            return
        for key in sorted(further, key=self._cost, reverse=True):
            self.withheld.remove(key)
            if any(self.what_tells(small) for small in small_ones):
                self.withheld.add(key)

    def _range(
        self, key: Key, equations: Sequence[_Sum]
    ) -> tuple[tuple[float, float], list[int]]:
        """Return the least and the most that a count can be, by what is published.

        Also the equations without which it could be less, or more.
        """
        unknown: dict[Key, int] = {}
        rows, columns, signs, totals = [], [], [], []
        for row, one in enumerate(equations):
            known = 0.0
            for other, sign in one.terms:
                if other not in self.withheld:
                    known += sign * self.sizes[other]
                    continue
                rows.append(row)
                columns.append(unknown.setdefault(other, len(unknown)))
                signs.append(float(sign))
            totals.append(float(-known))
        shape = (len(equations), len(unknown))
        system = coo_array((signs, (rows, columns)), shape=shape).tocsr()
        bounds = [self.bounds.get(other, _ANY) for other in unknown]
        ends: list[float] = []
        binding = np.zeros(len(equations))
        for side in (1.0, -1.0):
            objective = np.zeros(len(unknown))
            objective[unknown[key]] = side
            solved = linprog(objective, A_eq=system, b_eq=totals, bounds=bounds)
            if solved.status == 3:  # without end
                ends.append(-side * np.inf)
                continue
            if solved.fun is None:  # counts that contradict each other: take no chance
                return (0.0, 0.0), list(range(len(equations)))
            ends.append(side * float(solved.fun))
            binding += np.abs(solved.eqlin.marginals)
        return (ends[0], ends[1]), np.flatnonzero(binding > 1e-9).tolist()

    def _sums_around(self, key: Key) -> Iterator[_Sum]:
        """Walk from sum to sum over what is withheld."""
        frontier, seen = {key}, {key}
        used: set[int] = set()
        while frontier:
            near = {i for withheld in frontier for i in self.sums_of.get(withheld, ())}
            sums = [self.sums[i] for i in sorted(near - used)]
            used |= near
            yield from sums
            keys = {other for one in sums for other, _ in one.terms}
            frontier = (keys & self.withheld) - seen
            seen |= frontier

    def _cost(self, key: Key) -> tuple[int, str]:
        """Withhold few people rather than many, and parts rather than wholes.

        Everybody comes last of all. What was found does not matter: two reports on the
        same people are to withhold the same.
        """
        cost = self.sizes[key] * (_WHOLE if key in self.wholes else 1)
        return cost + (key == EVERYBODY) * _EVERYBODY, str(key)
