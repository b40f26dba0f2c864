"""On which segments do many segmentations of the same people agree?

Parts of different segmentations are alike as far as they share their people. Those
alike are joined into one segment, and every person goes where most segmentations put
them. The segmentations come from two halves of the people, each of which is unknown to
the other: how far what they agree on is the same tells how many segments there are to
be found.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from sklearn_equity.segmentation._hierarchy import (
    build_hierarchy,
    merge_small_segments,
    segment_distances,
)

Codes = NDArray[np.intp]
Matrix = NDArray[np.float64]

# The next coarser number of segments to look at is this share of the last.
_COARSER = 0.85


@dataclass(frozen=True, eq=False)
class Ballots:
    """Where every member puts every person.

    Attributes
    ----------
    parts : ndarray of shape (n_rows, n_members)
        Parts, numbered through all members; `n_parts` where a member has none.
    n_parts : int
        Parts of all members together.
    """

    parts: Codes
    n_parts: int

    def take(self, members: slice) -> "Ballots":
        """Keep the votes of some members; parts keep their numbers."""
        return Ballots(self.parts[:, members], self.n_parts)

    def shares(self, segment_of: Codes) -> Matrix:
        """Return the share of members that put a person into each segment.

        `segment_of` has the segment of every part; those without a part, or whose part
        is in no segment (-1), abstain. Where all abstain, all segments are equal.
        """
        n_rows = len(self.parts)
        n_segments = int(segment_of.max()) + 1
        segments = np.append(segment_of, -1)[self.parts]
        cells = np.arange(n_rows)[:, np.newaxis] * n_segments + segments
        votes = np.bincount(cells[segments >= 0], minlength=n_rows * n_segments)
        votes = votes.reshape(n_rows, n_segments)
        total = votes.sum(axis=1, keepdims=True)
        equal = np.full(votes.shape, 1.0 / n_segments)
        return np.divide(votes, total, out=equal, where=total > 0)


def number_through(codes: list[Codes], n_parts: list[int]) -> Ballots:
    """Number the parts of all members through; codes beyond them stand for none."""
    first = np.concatenate([[0], np.cumsum(n_parts)])
    parts = [
        np.where(code < own, code + start, first[-1])
        for code, own, start in zip(codes, n_parts, first[:-1], strict=True)
    ]
    return Ballots(np.stack(parts, axis=1).astype(np.intp), int(first[-1]))


def unlikeness(ballots: Ballots) -> Matrix:
    """Return 1 less the Jaccard index of the people in every two parts."""
    n_rows, n_members = ballots.parts.shape
    belongs = csr_array(
        (
            np.ones(n_rows * n_members),
            ballots.parts.ravel(),
            np.arange(0, n_rows * n_members + 1, n_members),
        ),
        shape=(n_rows, ballots.n_parts + 1),
    )
    both = (belongs.T @ belongs).toarray()[:-1, :-1]
    sizes = np.diagonal(both)
    either = sizes[:, np.newaxis] + sizes - both
    apart = 1.0 - np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    np.fill_diagonal(apart, 0.0)
    return apart


@dataclass(frozen=True, eq=False)
class Kinship:
    """How the parts of all members are joined, step by step.

    Attributes
    ----------
    used : ndarray of shape (n_parts,)
        Whether a part holds anybody; those of members who were left out do not.
    apart : ndarray of shape (n_used, n_used)
        How unlike every two used parts are.
    tree : ndarray of shape (n_used - 1, 4)
        Their average linkage.
    """

    used: NDArray[np.bool_]
    apart: Matrix
    tree: Matrix

    def cut(self, n_segments: int) -> Codes:
        """Return the segment of every part, of so many at most; -1 for unused parts."""
        segment_of = np.full(len(self.used), -1, dtype=np.intp)
        n_used = len(self.apart)
        joined = np.arange(n_used)
        if n_segments < n_used:
            # fcluster's "maxclust" would do, had it not erred on ties in SciPy 1.12.
            height = np.sort(self.tree[:, 2])[n_used - 1 - n_segments]
            joined = fcluster(self.tree, height, "distance").astype(np.intp) - 1
        segment_of[self.used] = joined
        return segment_of


def link_parts(ballots: Ballots) -> Kinship:
    """Join the parts by average linkage of their unlikeness."""
    used = np.bincount(ballots.parts.ravel(), minlength=ballots.n_parts + 1)[:-1] > 0
    apart = unlikeness(ballots)[np.ix_(used, used)]
    return Kinship(used, apart, build_hierarchy(apart))


def agree(
    ballots: Ballots, kinship: Kinship, n_segments: int, min_segment_size: int = 1
) -> tuple[Codes, Matrix]:
    """Return the consensus segment of every part, or -1 for parts of nobody.

    Segments are numbered from the largest sum of memberships on. Beside them stands how
    unlike every two are, on average over their parts. Where joined parts of which one
    holds nearly everybody would win all votes, they are joined less.
    """
    n_joined, n_used = n_segments, len(kinship.apart)
    while True:
        start = kinship.cut(n_joined)
        segment_of, between = _settle(ballots, kinship, start, n_segments, 1)
        if len(between) > 1 or n_segments == 1 or n_joined >= n_used:
            break
        n_joined += max(1, n_joined // 4)
    return _settle(ballots, kinship, segment_of, n_segments, min_segment_size)


def _settle(
    ballots: Ballots, kinship: Kinship, segment_of: Codes, n_most: int, least: int
) -> tuple[Codes, Matrix]:
    """Join the smallest segment to the one most like it, until none is too small.

    Too small is what has fewer than `least` people, and the smallest of too many.
    """
    while True:
        segment_of, sizes = _number_by_size(ballots, segment_of)
        between = segment_distances(kinship.apart, segment_of[kinship.used])
        enough = max(least, sizes.min() + 1) if len(sizes) > n_most else least
        if len(sizes) == 1 or sizes.min() >= enough:
            return segment_of, between
        merged = merge_small_segments(sizes, between, enough)
        # Split votes now go together.
        segment_of = np.where(segment_of >= 0, merged[segment_of], -1)


def _number_by_size(ballots: Ballots, segment_of: Codes) -> tuple[Codes, Codes]:
    """Number segments by their sums of memberships; count the people in each.

    People whom two segments share equally go to the lower number, so that counts hold
    for one numbering only; sums hold for all.
    """
    total = ballots.shares(segment_of).sum(axis=0)
    rank = np.argsort(np.argsort(-total, kind="stable")).astype(np.intp)
    renumbered = np.where(segment_of >= 0, rank[segment_of], -1)
    chosen = ballots.shares(renumbered).argmax(axis=1)
    return renumbered, np.bincount(chosen, minlength=len(total))


def agreement_of_halves(ballots: Ballots, n_segments: int) -> dict[int, float]:
    """Compare what members of the one half, and of the other, agree on.

    Returns the adjusted Rand index for `n_segments` and coarser numbers. Members of the
    two halves take turns.
    """
    halves = [ballots.take(slice(half, None, 2)) for half in (0, 1)]
    linked = [(half, link_parts(half)) for half in halves]
    curve = {}
    for level in _coarser_levels(n_segments):
        first, second = (
            half.shares(agree(half, kinship, level)[0]).argmax(axis=1)
            for half, kinship in linked
        )
        curve[level] = float(adjusted_rand_score(first, second))
    return curve


def _coarser_levels(n_segments: int) -> list[int]:
    levels = [n_segments]
    while levels[-1] > 2:
        levels.append(max(2, min(levels[-1] - 1, round(_COARSER * levels[-1]))))
    return levels
