"""Which counts must be withheld, so that no small one can be worked out?

Withholding a small count is not enough: the others of its sum would tell it. Others are
withheld with it, few and small ones, until other whole numbers of people agree with all
that is published as well: by some of them the small count reaches the limit, and the
least and the most that it may be are half the limit apart. Such numbers, found by
linear programming over everything that adds up, are the proof (cell suppression, as
statistical offices do it).

References
----------
Kelly, Golden and Assad (1992), "Cell suppression: disclosure protection for sensitive
tabular data", Networks 22, 397-417.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, hstack
from scipy.sparse.csgraph import connected_components

from sklearn_equity.report._counts import EVERYBODY, CountRelation, Key
from sklearn_equity.report._implied_sums import without_implied

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ANY = (1.0, np.inf)  # a subgroup that is listed has somebody in it
_WITHHELD_ALREADY = 1e-3  # of the cost of a count, so that small changes are preferred


def withheld_counts(
    counts: Mapping[Key, int],
    relations: Sequence[CountRelation],
    *,
    below: int,
    bounds: Mapping[Key, tuple[float, float]] | None = None,
    sizes: Mapping[Key, float] | None = None,
) -> set[Key]:
    """Choose the counts to withhold: small ones, and those that would tell them.

    What was found does not matter: two reports on the same people withhold the same.

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
    sizes : mapping of (grouping, label) to float, default=None
        What it costs to withhold each, in people; by default its count.

    Returns
    -------
    set of (grouping, label)
        The counts to withhold.
    """
    table = _Table.of(counts, without_implied(relations), bounds or {}, sizes or counts)
    small = table.to_protect & (table.n > 0) & (table.n < below)
    withheld = small | ~table.published
    if not small.any():
        return set()
    if (table.sums @ table.n).any():  # they contradict each other: take no chance
        return table.keys_of(withheld | table.around(small))
    claims = _claims(table, small, below)
    proofs = _prove_in_turn(table, claims, withheld)
    _spare(table, proofs, withheld)
    for claim in claims:
        withheld |= (
            proofs[claim] != 0.0 if claim in proofs else table.around(claim.cell)
        )
    return table.keys_of(withheld)


def _prove_in_turn(
    table: "_Table", claims: Sequence["_Claim"], withheld: Flags
) -> dict["_Claim", Vector]:
    """Find numbers that prove each claim; what one withholds costs the next nothing."""
    proofs: dict[_Claim, Vector] = {}
    for claim in claims:
        found = [change for change in proofs.values() if table.proves(change, claim)]
        change = found[0] if found else table.other_numbers(claim, withheld)
        if change is not None:
            proofs[claim] = change
            withheld = withheld | (change != 0.0)
    return proofs


def _spare(table: "_Table", proofs: dict["_Claim", Vector], withheld: Flags) -> None:
    """Prove a claim anew where it alone withholds a count: later ones may help it."""
    for claim, change in list(proofs.items()):
        others = [proofs[other] != 0.0 for other in proofs if other != claim]
        needed = np.any([withheld, *others], axis=0)
        alone = (change != 0.0) & ~needed
        if alone.any():
            instead = table.other_numbers(claim, needed)
            if instead is not None:
                further = (instead != 0.0) & ~needed
                if table.price(further) < table.price(alone):
                    proofs[claim] = instead


class _Claim(NamedTuple):
    """That a count can be larger (+1), or smaller (-1), by some people."""

    cell: int
    sign: int
    by: float


def _claims(table: "_Table", small: Flags, below: int) -> list[_Claim]:
    """Say what must be possible of each small count, the hardest first.

    It can reach the limit, and its range is half as wide, as far as bounds permit.
    """
    claims = []
    for cell in np.flatnonzero(small).tolist():
        above, beneath = (
            table.high[cell] - table.n[cell],
            table.n[cell] - table.low[cell],
        )
        half = np.ceil(below / 2)
        up = min(max(below - table.n[cell], half - beneath), above)
        down = min(half - up, beneath)
        claims += [_Claim(cell, sign, by) for sign, by in ((1, up), (-1, down))]
    return sorted(
        (claim for claim in claims if claim.by > 0), key=lambda claim: -claim.by
    )


@dataclass(frozen=True)
class _Table:
    """Counts, what adds up to nothing among them, and what is known of each."""

    keys: tuple[Key, ...]
    n: Vector
    size: Vector  # in people, of what is lost if it is withheld
    low: Vector
    high: Vector
    sums: csr_array  # one row a sum; its terms are 1 and -1
    published: Flags  # unless withheld; how many people lack a label never is
    to_protect: Flags

    @classmethod
    def of(
        cls,
        counts: Mapping[Key, int],
        relations: Sequence[CountRelation],
        bounds: Mapping[Key, tuple[float, float]],
        size_of: Mapping[Key, float],
    ) -> "_Table":
        """Make the people without a label, where there are any, counts of their own."""
        left_out = {i: ("left out", i) for i, one in enumerate(relations) if one.rest}
        sizes = dict(counts) | {key: relations[i].rest for i, key in left_out.items()}
        # Only everybody without a label is to be protected: a part may be worked out.
        of_all = {
            key for i, key in left_out.items() if relations[i].left == (EVERYBODY,)
        }
        terms = [
            (row, key, sign)
            for row, one in enumerate(relations)
            for key, sign in _terms(one, left_out.get(row))
        ]
        place = {key: i for i, key in enumerate(sizes)}
        rows = [row for row, _, _ in terms]
        columns = [place[key] for _, key, _ in terms]
        signs = [float(sign) for _, _, sign in terms]
        known = np.array([bounds.get(key, _ANY) for key in sizes], dtype=np.float64)
        return cls(
            keys=tuple(sizes),
            n=np.array(list(sizes.values()), dtype=np.float64),
            size=np.array([size_of.get(key, n) for key, n in sizes.items()], float),
            low=known[:, 0],
            high=known[:, 1],
            sums=coo_array(
                (signs, (rows, columns)), shape=(len(relations), len(sizes))
            ).tocsr(),
            published=np.array([key in counts for key in sizes]),
            to_protect=np.array([key in counts or key in of_all for key in sizes]),
        )

    def keys_of(self, withheld: Flags) -> set[Key]:
        """Return the keys of the counts that would be published otherwise."""
        return {self.keys[i] for i in np.flatnonzero(withheld & self.published)}

    def price(self, withheld: Flags) -> tuple[int, float]:
        """Count what is withheld, then its people."""
        return int(withheld.sum()), float(self.size[withheld].sum())

    def around(self, cells: Flags | int) -> Flags:
        """Return all that hangs together with some counts, by however many sums."""
        both = abs(self.sums.T) @ abs(self.sums)
        _, part = connected_components(both, directed=False)
        return np.isin(part, part[cells])

    def proves(self, change: Vector, claim: _Claim) -> bool:
        """Tell whether other numbers, or those opposite to them, prove a claim too."""
        return any(
            claim.sign * step[claim.cell] >= claim.by and self._is_possible(step)
            for step in (change, -change)
        )

    def other_numbers(self, claim: _Claim, withheld: Flags) -> Vector | None:
        """Return the cheapest change to the counts that proves a claim; None if none.

        Every sum stays true, and all that is known of each count. Few people are
        withheld rather than many, and everybody last of all.
        """
        everybody = np.array([key == EVERYBODY for key in self.keys]) & ~withheld
        for fixed in (everybody, np.zeros_like(everybody)):
            for in_whole_people in (False, True):
                change = self._solve(claim, withheld, fixed, whole=in_whole_people)
                if change is None:
                    break
                rounded = np.round(change)
                if self._is_possible(rounded) and np.allclose(change, rounded):
                    return rounded
        return None

    def _solve(
        self, claim: _Claim, withheld: Flags, fixed: Flags, *, whole: bool
    ) -> Vector | None:
        """Minimise the cost of what goes up and of what goes down."""
        cost = np.log1p(self.size) * np.where(withheld, _WITHHELD_ALREADY, 1.0)
        most = np.stack([self.high - self.n, self.n - self.low])
        most[:, fixed & (np.arange(len(self.n)) != claim.cell)] = 0.0
        least = np.zeros_like(most)
        forth, back = (0, 1) if claim.sign > 0 else (1, 0)
        least[forth, claim.cell], most[back, claim.cell] = claim.by, 0.0
        if (most < least).any():
            return None
        solved = milp(
            np.concatenate([cost, cost]),
            constraints=LinearConstraint(hstack([self.sums, -self.sums]), 0.0, 0.0),
            bounds=Bounds(least.ravel(), most.ravel()),
            integrality=np.full(2 * len(cost), int(whole)),
        )
        if solved.x is None:
            return None
        up, down = solved.x.reshape(2, -1)
        difference: Vector = up - down
        return difference

    def _is_possible(self, change: Vector) -> bool:
        n = self.n + change
        inside = (n >= self.low) & (n <= self.high)
        return bool(inside.all()) and not (self.sums @ change).any()


def _terms(relation: CountRelation, left_out: Key | None) -> Iterator[tuple[Key, int]]:
    yield from ((key, 1) for key in relation.left)
    yield from ((key, -1) for key in relation.right)
    if left_out is not None:
        yield left_out, -1
