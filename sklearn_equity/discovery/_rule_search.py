"""Of all conjunctions of items, which have the largest scores?

Every row carries one score or several. A conjunction counts if the sums of its rows'
scores lie far from what as many rows drawn at random would sum to.

- Conjunctions grow item by item. For each that is two items short of the depth, one
  matrix product gives the sizes and sums of all its extensions by two items at once.
- What can't lead to a winner is left out. A part of a subgroup is no larger than the
  subgroup, and its sum no larger than that of as many of the subgroup's largest scores.
- Thresholds of one column and direction are a family. Only the best conjunction of
  each combination of families is kept, so that the near copies of the strongest
  subgroup do not crowd out the others.
"""

from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._fit_tasks import NO_TASK, Task
from sklearn_equity.discovery._items import Mask, Matrix, Vector

__all__ = ["Conjunction", "SearchResult", "n_steps", "search_conjunctions"]

# An item that leaves more than this part of the rows says nothing new about them.
_MOST_LEFT = 0.97
# Of its own second moment a subgroup is believed no less than this part of everybody's.
_LEAST_VARIANCE = 0.5
_NEVER = -np.inf
# Callbacks are told of so many parts of a step at most: it may look at thousands.
_MOST_PARTS = 50


@dataclass(frozen=True, order=True)
class Conjunction:
    """Items that rows must meet all of, and how far their sums lie from chance.

    Attributes
    ----------
    score : float
        See `search_conjunctions`; larger is further from chance.
    n : int
        Rows that meet all items.
    items : tuple of int
        Columns of the items searched, rising.
    """

    score: float
    n: int
    items: tuple[int, ...]


@dataclass(frozen=True)
class SearchResult:
    """What a search found, and how much of the space it looked at.

    Attributes
    ----------
    conjunctions : tuple of Conjunction
        The largest scores first; at most one for each combination of families.
    n_candidates : int
        Conjunctions whose size and sums were found.
    is_exhaustive : bool
        Whether every conjunction that could be among `conjunctions` was looked at;
        False if the work was limited by `max_work`.
    """

    conjunctions: tuple[Conjunction, ...]
    n_candidates: int
    is_exhaustive: bool


def search_conjunctions(
    held: Mask,
    scores: Matrix | Vector,
    *,
    families: NDArray[np.intp] | None = None,
    max_depth: int = 4,
    min_size: int = 50,
    n_kept: int = 1000,
    least_score: float = 0.0,
    own_variance: bool = False,
    max_work: float = 1e12,
    task: Task = NO_TASK,
) -> SearchResult:
    r"""Find the conjunctions of items whose rows' scores are furthest from chance.

    Parameters
    ----------
    held : ndarray of bool of shape (n_rows, n_items)
        Who meets which item.
    scores : ndarray of shape (n_rows,) or (n_rows, n_scores)
        Scores, which are centred here. Of a single one, high sums are looked for; of
        several, sums far from zero in either direction.
    families : ndarray of int of shape (n_items,) or None, default=None
        Families of items, from 0 and never falling; None makes each item its own.
    max_depth : int, default=4
        The most items in a conjunction.
    min_size : int, default=50
        The fewest rows.
    n_kept : int, default=1000
        The most conjunctions returned.
    least_score : float, default=0.0
        Conjunctions with lower scores are not returned.
    own_variance : bool, default=False
        Divide by the second moment of the subgroup's own scores, of which at least half
        everybody's is believed, and not by everybody's: subgroups that are merely
        noisier no longer stand out.
    max_work : float, default=1e12
        Multiplications that the products of the last step may take. Where they would
        take more, the prefixes with the lowest scores are given up.
    task : Task
        Of which the `n_steps` are parts.

    Returns
    -------
    SearchResult
        The best conjunction of every combination of families, as far as they are among
        the `n_kept` best.

    Notes
    -----
    For a subgroup :math:`S` of :math:`n` rows, with centred scores :math:`s_{ik}` of
    mean square :math:`v_k`,

    .. math:: z_k = \frac{\sum_{i \in S} s_{ik}}{\sqrt{n v_k}}

    The score of a subgroup is :math:`z_1` for one column, and
    :math:`(\sum_k z_k^2 - K) / \sqrt{2 K}` for K columns, which has mean 0 and SD 1 if
    the K sums are independent and normal. With `own_variance`,
    :math:`\max(\sum_{i \in S} s_{ik}^2, n v_k / 2)` takes the place of
    :math:`n v_k`.

    No subset of :math:`S` with at least :math:`m` rows has a larger :math:`z` than the
    largest of :math:`\sum_{j \le c} s_{(j)} / \sqrt{c v}` over :math:`c \ge m`, where
    :math:`s_{(j)}` are the scores in :math:`S` from the largest down: this, times
    :math:`\sqrt 2` with `own_variance`, is the bound by which prefixes are left out.
    Items that keep more than 97% of the rows of a prefix are passed over.
    """
    search = _Search(
        held=held,
        moments=_Moments.of(scores, min_size=min_size, own_variance=own_variance),
        families=np.arange(held.shape[1]) if families is None else families,
        best=_Best(n_kept, least_score),
    )
    prefixes: list[tuple[int, ...]] = [()]
    is_exhaustive = True
    for n_items in range(n_steps(max_depth)):
        if n_items:
            prefixes, complete = search.affordable(
                prefixes, max_work, in_pairs=n_items == max_depth - 2
            )
            is_exhaustive &= complete
        in_pairs = n_items == max_depth - 2
        prefixes = search.extend(prefixes, in_pairs=in_pairs, task=task)
    return SearchResult(search.winners(), search.n_candidates, is_exhaustive)


def n_steps(max_depth: int) -> int:
    """Return in how many steps conjunctions grow: the last adds two items."""
    return max(max_depth - 1, 1)


@dataclass(frozen=True)
class _Moments:
    """The scores, what a sum of them is measured by, and how large one can get."""

    columns: NDArray[np.float32]  # scores, then their squares if they are needed
    variances: Vector
    min_size: int
    own_variance: bool

    @classmethod
    def of(
        cls, scores: Matrix | Vector, *, min_size: int, own_variance: bool
    ) -> "_Moments":
        centred = np.asarray(scores, dtype=np.float64).reshape(len(scores), -1)
        centred = centred - centred.mean(axis=0)
        variances = (centred**2).mean(axis=0)
        # A constant score has sums of 0, which no division should make more of.
        scale = np.sqrt(np.where(variances > 0, variances, 1.0))
        centred = centred / scale
        columns = np.hstack([centred, centred**2]) if own_variance else centred
        return cls(
            columns.astype(np.float32),
            variances / scale**2,
            min_size,
            own_variance,
        )

    @property
    def n_scores(self) -> int:
        return len(self.variances)

    def score(self, n: NDArray[np.float32], sums: NDArray[np.float32]) -> Vector:
        """Score subgroups of `n` rows with `sums` of shape (n_columns, *n.shape)."""
        size = np.maximum(n, 1)
        if self.n_scores == 1 and not self.own_variance:
            return np.where(n >= self.min_size, sums[0] / np.sqrt(size), _NEVER)
        z = []
        for k in range(self.n_scores):
            spread = size
            if self.own_variance:
                spread = np.maximum(sums[self.n_scores + k], _LEAST_VARIANCE * size)
            z.append(sums[k] / np.sqrt(spread))
        score = np.asarray(self._combine(np.stack(z)))
        return np.where(n >= self.min_size, score, _NEVER)

    def _combine(self, z: Matrix) -> Vector:
        if self.n_scores == 1:
            return z[0]
        return np.asarray(
            ((z**2).sum(axis=0) - self.n_scores) / np.sqrt(2 * self.n_scores)
        )

    def bound(self, rows: NDArray[np.intp]) -> float:
        """Return a score that no part of these rows exceeds."""
        if len(rows) < self.min_size:
            return _NEVER
        ordered = np.sort(self.columns[rows, : self.n_scores], axis=0)
        size = np.arange(self.min_size, len(rows) + 1)
        least = _LEAST_VARIANCE if self.own_variance else 1.0
        root = np.sqrt(least * size)[:, None]
        high = np.cumsum(ordered[::-1], axis=0, dtype=np.float64)
        z = (high[self.min_size - 1 :] / root).max(axis=0)
        if self.n_scores > 1:
            low = np.cumsum(ordered, axis=0, dtype=np.float64)
            z = np.maximum(z, (-low[self.min_size - 1 :] / root).max(axis=0))
        elif self.own_variance:
            z = np.maximum(z, 0.0)  # a negative sum over a larger spread is nearer to 0
        return float(self._combine(z))


@dataclass
class _Best:
    """The highest scores so far: of which prefix, in which families."""

    n_kept: int
    threshold: float
    score: Vector = field(default_factory=lambda: np.zeros(0))
    # Number of the prefix, and up to two families after it, the second -1 for none.
    where: NDArray[np.intp] = field(
        default_factory=lambda: np.zeros((0, 3), dtype=np.intp)
    )

    def add(self, score: Vector, where: NDArray[np.intp]) -> None:
        """Take in new ones, and forget all but the best."""
        self.score = np.concatenate([self.score, score])
        self.where = np.concatenate([self.where, where])
        if len(self.score) > self.n_kept:
            order = np.argsort(-self.score, kind="stable")[: self.n_kept]
            self.score, self.where = self.score[order], self.where[order]
            self.threshold = max(self.threshold, float(self.score[-1]))


@dataclass
class _Search:
    """The items, the scores, and what has been found so far."""

    held: Mask
    moments: _Moments
    families: NDArray[np.intp]
    best: _Best
    n_candidates: int = 0
    visited: list[tuple[int, ...]] = field(default_factory=list)
    sizes: dict[tuple[int, ...], tuple[int, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = np.ascontiguousarray(self.held, dtype=np.float32)
        n_families = int(self.families[-1]) + 1 if len(self.families) else 0
        self.starts = np.searchsorted(self.families, np.arange(n_families))

    # ---- growing -----------------------------------------------------------------
    def extend(
        self, prefixes: list[tuple[int, ...]], *, in_pairs: bool, task: Task
    ) -> list[tuple[int, ...]]:
        """Score all extensions of prefixes by an item, or by up to two, as asked.

        Returns the extensions by an item, which are the prefixes of the next step.
        """
        longer = []
        by_families = sorted(prefixes, key=self._signature)
        groups = [list(group) for _, group in groupby(by_families, key=self._signature)]
        n_a_part = -(-len(groups) // _MOST_PARTS)
        starts = range(0, len(groups), max(n_a_part, 1))
        with task.part("step", len(starts)) as step:
            for _, start in step.each("prefixes", starts):
                for group in groups[start : start + n_a_part]:
                    longer += self._extend_group(group, in_pairs=in_pairs)
        return longer

    def _extend_group(
        self, prefixes: list[tuple[int, ...]], *, in_pairs: bool
    ) -> list[tuple[int, ...]]:
        """Extend prefixes of the same families."""
        longer = []
        tally = _Tally(len(self.starts))
        for prefix in prefixes:
            rows = self._rows(prefix)
            if self.moments.bound(rows) < self.best.threshold:
                continue
            longer += self._extend_one(prefix, rows, tally, in_pairs=in_pairs)
        self.best.add(*tally.above(self.best.threshold))
        return longer

    def _extend_one(
        self,
        prefix: tuple[int, ...],
        rows: NDArray[np.intp],
        tally: "_Tally",
        *,
        in_pairs: bool,
    ) -> list[tuple[int, ...]]:
        start = self._first_after(prefix)
        table = self.table[rows, start:]
        columns = self.moments.columns[rows]
        n = table.sum(axis=0)
        score = self.moments.score(n, columns.T @ table)
        kept = np.flatnonzero(
            (n >= self.moments.min_size) & (n <= _MOST_LEFT * len(rows))
        )
        if not len(kept):
            return []
        number = len(self.visited)
        self.visited.append(prefix)
        self.n_candidates += table.shape[1]
        n, score, items = n[kept], score[kept], kept + start
        families = self.families[items]
        tally.add_singles(number, families, score)
        if in_pairs:
            self._extend_by_pairs(number, table[:, kept], columns, n, families, tally)
            return []
        longer = [(*prefix, int(item)) for item in items]
        for one, size, value in zip(longer, n, score, strict=True):
            self.sizes[one] = (int(size), float(value))
        return longer

    def _extend_by_pairs(
        self,
        number: int,
        table: NDArray[np.float32],
        columns: NDArray[np.float32],
        n: NDArray[np.float32],
        families: NDArray[np.intp],
        tally: "_Tally",
    ) -> None:
        """Score every extension by two items, with a matrix product for each sum."""
        pairs = table.T @ table
        sums = np.stack([table.T @ (table * column[:, None]) for column in columns.T])
        score = self.moments.score(pairs, sums)
        apart = families[:, None] < families[None, :]
        self.n_candidates += int(apart.sum())
        most = _MOST_LEFT * np.minimum(n[:, None], n[None, :])
        score[~apart | (pairs > most)] = _NEVER
        tally.add_pairs(number, families, score)

    def affordable(
        self, prefixes: list[tuple[int, ...]], max_work: float, *, in_pairs: bool
    ) -> tuple[list[tuple[int, ...]], bool]:
        """Keep the prefixes with the highest scores for which there is work left."""
        later = np.array(
            [len(self.families) - self._first_after(prefix) for prefix in prefixes],
            dtype=np.float64,
        )
        known = np.array([self.sizes[prefix] for prefix in prefixes]).reshape(-1, 2)
        work = known[:, 0] * later ** (2 if in_pairs else 1)
        work *= 1 + self.moments.columns.shape[1]
        self.sizes = {}
        if work.sum() <= max_work:
            return prefixes, True
        order = np.argsort(-known[:, 1], kind="stable")
        kept = np.sort(order[np.cumsum(work[order]) <= max_work])
        return [prefixes[j] for j in kept], False

    # ---- what prefixes are -------------------------------------------------------
    def _signature(self, prefix: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(int(self.families[item]) for item in prefix)

    def _first_after(self, prefix: tuple[int, ...]) -> int:
        """Return the first item of the family after those of a prefix."""
        if not prefix:
            return 0
        family = self.families[prefix[-1]]
        return int(np.searchsorted(self.families, family, side="right"))

    def _rows(self, prefix: tuple[int, ...]) -> NDArray[np.intp]:
        if not prefix:
            return np.arange(len(self.held))
        inside = self.held[:, prefix[0]].copy()
        for item in prefix[1:]:
            inside &= self.held[:, item]
        return np.flatnonzero(inside)

    # ---- which they were ---------------------------------------------------------
    def winners(self) -> tuple[Conjunction, ...]:
        """Return the best conjunctions with their items, which were not noted."""
        found = [
            self._best_of(self.visited[number], int(first), int(second))
            for number, first, second in self.best.where
        ]
        return tuple(sorted(found, key=lambda one: (-one.score, one.items)))

    def _best_of(self, prefix: tuple[int, ...], first: int, second: int) -> Conjunction:
        rows = self._rows(prefix)
        one, other = self._members(first), self._members(second)
        table, columns = self.table[np.ix_(rows, one)], self.moments.columns[rows]
        n = table.sum(axis=0)
        usable = (n >= self.moments.min_size) & (n <= _MOST_LEFT * len(rows))
        if second < 0:
            score = np.where(usable, self.moments.score(n, columns.T @ table), _NEVER)
            j = int(np.argmax(score))
            return Conjunction(float(score[j]), int(n[j]), (*prefix, int(one[j])))
        after = self.table[np.ix_(rows, other)]
        n_after = after.sum(axis=0)
        usable_after = (n_after >= self.moments.min_size) & (
            n_after <= _MOST_LEFT * len(rows)
        )
        pairs = table.T @ after
        sums = np.stack([table.T @ (after * column[:, None]) for column in columns.T])
        most = _MOST_LEFT * np.minimum(n[:, None], n_after[None, :])
        allowed = usable[:, None] & usable_after[None, :] & (pairs <= most)
        score = np.where(allowed, self.moments.score(pairs, sums), _NEVER)
        at = divmod(int(np.argmax(score)), score.shape[1])
        items = (*prefix, int(one[at[0]]), int(other[at[1]]))
        return Conjunction(float(score[at]), int(pairs[at]), items)

    def _members(self, family: int) -> NDArray[np.intp]:
        return np.flatnonzero(self.families == family)


class _Tally:
    """The best scores of prefixes of the same families, by the families added."""

    def __init__(self, n_families: int) -> None:
        self.singles = np.full(n_families, _NEVER)
        self.pairs = np.full((n_families, n_families), _NEVER)
        self.single_prefix = np.zeros(n_families, dtype=np.intp)
        self.pair_prefix = np.zeros((n_families, n_families), dtype=np.intp)

    def add_singles(
        self, number: int, families: NDArray[np.intp], score: Vector
    ) -> None:
        """Take in the extensions of a prefix by an item."""
        starts = np.flatnonzero(np.diff(families, prepend=-1))
        best = np.maximum.reduceat(score, starts)
        at = families[starts]
        better = best > self.singles[at]
        self.singles[at[better]] = best[better]
        self.single_prefix[at[better]] = number

    def add_pairs(self, number: int, families: NDArray[np.intp], score: Matrix) -> None:
        """Take in the extensions of a prefix by two items."""
        starts = np.flatnonzero(np.diff(families, prepend=-1))
        best = np.maximum.reduceat(score, starts, axis=0)
        best = np.maximum.reduceat(best, starts, axis=1)
        at = families[starts]
        cells = np.ix_(at, at)
        better = best > self.pairs[cells]
        self.pairs[cells] = np.where(better, best, self.pairs[cells])
        self.pair_prefix[cells] = np.where(better, number, self.pair_prefix[cells])

    def above(self, threshold: float) -> tuple[Vector, NDArray[np.intp]]:
        """Return the scores above a threshold, and to whom they belong."""
        one = np.flatnonzero(self.singles > threshold)
        first, second = np.nonzero(self.pairs > threshold)
        score = np.concatenate([self.singles[one], self.pairs[first, second]])
        number = np.concatenate(
            [self.single_prefix[one], self.pair_prefix[first, second]]
        )
        families = np.concatenate([one, first])
        after = np.concatenate([np.full(len(one), -1), second])
        return score, np.stack([number, families, after], axis=1)
