"""Would the same people fall into the same segments if all were done again?

A segmentation is refitted with other seeds, on bootstraps of the rows and on halves of
them; every refit assigns all people, and any two assignments are compared by how they
divide the people, whatever their segments are called.
"""

import textwrap
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.special import comb
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from sklearn_equity._factorize import DROPPED, factorize
from sklearn_equity._label_text import format_label
from sklearn_equity._optional import build_frame
from sklearn_equity._sklearn_shims import num_samples, safe_indexing
from sklearn_equity.segmentation._reseed import draw_seed, reseed

__all__ = ["Agreement", "SegmentationStability", "segmentation_stability"]

Varied = Literal["seeds", "bootstraps", "halves"]
Rows = NDArray[np.intp] | None
Codes = NDArray[np.intp]

_VARIED: tuple[Varied, ...] = ("seeds", "bootstraps", "halves")
_SHOWN = 8  # least stable segments in the printed result
_LEGEND = (
    "Adjusted Rand index of two refits: 1 is the same division, 0 what chance gives. "
    "Seeds: the same rows; a procedure that ignores its seed reads 1 there, however "
    "arbitrary. Bootstraps and halves, with other seeds: what other people, and two "
    "studies of half the size, would have given."
)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far refits agree that differ in one respect.

    Attributes
    ----------
    adjusted_rand : ndarray of shape (n_comparisons,)
        The adjusted Rand index of every two refits; of the two halves of each split.
    segment_adjusted_rand : ndarray of shape (n_segments,)
        For each segment of the reference, the adjusted Rand index of belonging to it
        with belonging to its counterpart in a refit: the median over refits.
    segment_jaccard : ndarray of shape (n_segments,)
        Of the people in the segment or in its counterpart, the share in both: the
        median over refits.
    """

    adjusted_rand: NDArray[np.float64]
    segment_adjusted_rand: NDArray[np.float64]
    segment_jaccard: NDArray[np.float64]

    @property
    def median(self) -> float:
        """The median adjusted Rand index."""
        return float(np.median(self.adjusted_rand))


@dataclass(frozen=True, eq=False, repr=False)
class SegmentationStability:
    """How stable a segmentation is; what `segmentation_stability` returns.

    Parameters
    ----------
    segments : tuple
        The labels of the segments of the reference, fitted to all rows.
    n : ndarray of shape (n_segments,)
        How many rows each of them has.
    n_repeats : int
        Refits of each kind; of halves, splits into two.
    seeds, bootstraps, halves : Agreement or None
        The agreement of refits on the same rows with other seeds, on bootstraps of the
        rows, and on the two halves of the rows; None if not asked for.

    See Also
    --------
    segmentation_stability : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.segmentation import LatentGMMSegmenter
    >>> from sklearn_equity.segmentation import segmentation_stability
    >>> rng = np.random.default_rng(0)
    >>> centres = np.array([[0, 0], [9, 0], [0, 9]])
    >>> X = np.repeat(centres, 100, axis=0) + rng.normal(size=(300, 2))
    >>> stability = segmentation_stability(
    ...     LatentGMMSegmenter(3), X, n_repeats=3, random_state=0
    ... )
    >>> stability.bootstraps.median
    1.0
    """

    segments: tuple[Hashable, ...]
    n: NDArray[np.intp]
    n_repeats: int
    seeds: Agreement | None
    bootstraps: Agreement | None
    halves: Agreement | None

    def to_frame(self) -> Any:
        """Return a data frame with a row for each segment and kind of refit."""
        parts = self._parts()
        columns = {
            "varied": [name for name, _ in parts for _ in self.segments],
            "segment": [label for _ in parts for label in self.segments],
            "n": np.tile(self.n, len(parts)).tolist(),
        }
        for figure in ("adjusted_rand", "jaccard"):
            values = [getattr(part, f"segment_{figure}") for _, part in parts]
            columns[figure] = np.concatenate(values).tolist()
        return build_frame(columns, feature="SegmentationStability.to_frame()")

    def _parts(self) -> list[tuple[str, Agreement]]:
        named = [(name, getattr(self, name)) for name in _VARIED]
        return [(name, part) for name, part in named if part is not None]

    def __repr__(self) -> str:
        cells = [["varied", "comparisons", "median", "lowest", "highest"]]
        for name, part in self._parts():
            index = part.adjusted_rand
            figures = (np.median(index), index.min(), index.max())
            cells.append([name, f"{len(index)}", *(f"{x:.2f}" for x in figures)])
        head = f"{len(self.segments)} segments of {int(self.n.sum()):,} people"
        legend = textwrap.wrap(_LEGEND, 88)
        return "\n".join([head, *_align(cells), *legend, *self._least_stable()])

    def _least_stable(self) -> list[str]:
        """List the segments that refits find again least, by the last kind of refit."""
        name, part = self._parts()[-1]
        cells = [["segment", "n", "adjusted Rand", "Jaccard"]]
        for i in part.segment_jaccard.argsort(kind="stable")[:_SHOWN]:
            figures = (part.segment_adjusted_rand[i], part.segment_jaccard[i])
            label = format_label(self.segments[i])
            cells.append([label, f"{self.n[i]:,}", *(f"{x:.2f}" for x in figures)])
        return [f"Least stable segments ({name}):", *_align(cells)]


def _align(cells: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


@dataclass(frozen=True)
class _Refit:
    """One fit: on which rows (all if None), and with which seed."""

    rows: Rows
    seed: int


def segmentation_stability(
    segmenter: Any,
    X: Any,
    *,
    n_repeats: int = 10,
    vary: Sequence[Varied] = ("seeds", "bootstraps", "halves"),
    n_jobs: int | None = None,
    random_state: int | RandomState | None = None,
) -> SegmentationStability:
    r"""Refit a segmentation again and again, and measure how far the refits agree.

    Higher is more stable: 1 when all refits divide the people in the same way, about 0
    when they agree no more than chance would have it; below 0 is possible. Unit-free.
    Ask it of the whole pipeline that makes the segments, of the embedder too: a mixture
    that is stable on one embedding says nothing about the next one.

    Parameters
    ----------
    segmenter : estimator
        A segmenter, or a pipeline that ends in one: anything with `fit` and `predict`.
        It is cloned, never fitted itself.
    X : array-like or data frame of shape (n_rows, n_features)
        The people: at least four rows.
    n_repeats : int, default=10
        Refits of each kind, two or more; of halves, splits into two.
    vary : sequence of str, default=('seeds', 'bootstraps', 'halves')
        What differs between refits. "seeds": the rows are the same, the seeds are not.
        "bootstraps": as many rows, drawn with replacement. "halves": two refits on
        disjoint halves of the rows are compared. Bootstraps and halves get seeds of
        their own too, as another team's analysis would.
    n_jobs : int or None, default=None
        Fits at once, as in joblib; the results are the same for any number.
    random_state : int, RandomState instance or None, default=None
        Draws the seeds and the rows of all refits. Every parameter of `segmenter` that
        is called ``random_state`` is replaced by a seed.

    Returns
    -------
    SegmentationStability
        The adjusted Rand index of every comparison, and the agreement by segment.

    Raises
    ------
    ValueError
        If there are fewer than four rows or two repeats, or `vary` names something
        else.

    See Also
    --------
    LatentGMMSegmenter : The segmenter of this library.
    sklearn.metrics.adjusted_rand_score : The index.

    Notes
    -----
    The adjusted Rand index [1]_ counts the pairs of people whom two divisions both keep
    together or both part, less what chance would have given. Every refit assigns all
    rows of `X`, those that it was not fitted to as well, and all assignments of a kind
    are compared in pairs.

    A segment is looked for in each refit: its counterpart is the segment there with the
    highest Jaccard index. After [2]_, an index of .75 or more says that a segment was
    found again, .5 or less that it dissolved. The reference is a fit to all rows with a
    seed of its own; segments are numbered, or named, as there.

    Seeds alone prove little: a procedure that ignores its seed, or replaces it by a
    constant, reads 1. Two bootstraps differ about as two studies of that size would, or
    more, where repeated rows mislead; halves have half the rows and agree less.
    Stability is not truth either: one segment for everybody is perfectly stable.

    References
    ----------
    .. [1] Hubert and Arabie (1985), "Comparing partitions", Journal of Classification
       2, 193-218.
    .. [2] Hennig (2007), "Cluster-wise assessment of cluster stability", Computational
       Statistics & Data Analysis 52, 258-271.

    Examples
    --------
    Two groups far apart, cut into three: one of them is cut where nothing tells where.

    >>> import numpy as np
    >>> from sklearn_equity.segmentation import LatentGMMSegmenter
    >>> from sklearn_equity.segmentation import segmentation_stability
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2)) + 20.0 * (np.arange(400) % 2)[:, np.newaxis]
    >>> two, three = (
    ...     segmentation_stability(
    ...         LatentGMMSegmenter(n), X, n_repeats=4, random_state=0
    ...     )
    ...     for n in (2, 3)
    ... )
    >>> two.halves.median
    1.0
    >>> bool(three.halves.median < 0.9)
    True
    """
    n_rows = num_samples(X)
    _check_arguments(segmenter, n_rows, n_repeats, vary)
    if n_jobs is not None and not isinstance(n_jobs, Integral):
        raise ValueError(f"`n_jobs` must be a whole number or None; got {n_jobs!r}.")
    rng = check_random_state(random_state)
    plans = {name: _plan(name, n_rows, n_repeats, rng) for name in _VARIED}
    reference = _Refit(None, draw_seed(rng))
    refits = [reference, *(refit for name in vary for refit in plans[name])]
    divisions = Parallel(n_jobs=n_jobs)(
        delayed(_assign)(segmenter, X, refit) for refit in refits
    )
    (codes, labels), *others = map(_encode, divisions)
    found: dict[str, Agreement | None] = dict.fromkeys(_VARIED)
    rest = iter(other for other, _ in others)
    for name in vary:
        refitted = list(islice(rest, len(plans[name])))
        found[name] = _compare(name, codes, refitted)
    return SegmentationStability(labels, np.bincount(codes), n_repeats, **found)


def _check_arguments(
    segmenter: Any, n_rows: int, n_repeats: int, vary: Sequence[Varied]
) -> None:
    missing = [name for name in ("fit", "predict") if not hasattr(segmenter, name)]
    if missing:
        msg = (
            f"`segmenter` must have fit and predict; {type(segmenter).__name__} lacks "
            f"{' and '.join(missing)}. A pipeline has what its last step has."
        )
        raise TypeError(msg)
    if n_rows < 4:
        raise ValueError(f"`X` must have at least four rows; got {n_rows}.")
    if not isinstance(n_repeats, Integral) or n_repeats < 2:
        raise ValueError(
            f"`n_repeats` must be an integer of 2 or more; got {n_repeats!r}."
        )
    listed = isinstance(vary, Sequence) and not isinstance(vary, str)
    if not listed or not vary or not set(vary) <= set(_VARIED):
        msg = f"`vary` must list one or more of {', '.join(_VARIED)}; got {vary!r}."
        raise ValueError(msg)
    if len(set(vary)) < len(vary):
        raise ValueError(f"`vary` must not repeat itself; got {vary!r}.")


# ---- refits ------------------------------------------------------------------------
def _plan(
    varied: Varied, n_rows: int, n_repeats: int, rng: RandomState
) -> list[_Refit]:
    """Draw the rows and seeds of the refits of one kind, whoever makes them later."""
    refits: list[_Refit] = []
    for _ in range(n_repeats):
        if varied == "seeds":
            parts: list[Rows] = [None]
        elif varied == "bootstraps":
            parts = [np.sort(rng.randint(n_rows, size=n_rows))]
        else:
            order = rng.permutation(n_rows)
            parts = [np.sort(half) for half in np.array_split(order, 2)]
        refits += [_Refit(rows, draw_seed(rng)) for rows in parts]
    return refits


def _assign(segmenter: Any, X: Any, refit: _Refit) -> Any:
    """Fit a clone to some of the rows, and let it assign all of them."""
    fresh = reseed(clone(segmenter), refit.seed)
    fresh.fit(X if refit.rows is None else safe_indexing(X, refit.rows))
    return np.asarray(fresh.predict(X))


def _encode(division: Any) -> tuple[Codes, tuple[Hashable, ...]]:
    """Number the segments of one refit; every row must have one."""
    codes, labels = factorize(division, "segmenter.predict(X)")
    n_lost = int((codes == DROPPED).sum())
    if n_lost:
        msg = (
            "`segmenter` must give every row a segment; its predict gave none to "
            f"{n_lost} of {len(codes)}."
        )
        raise ValueError(msg)
    return codes, labels


# ---- agreement ---------------------------------------------------------------------
def _compare(varied: Varied, reference: Codes, divisions: list[Codes]) -> Agreement:
    first, second = np.triu_indices(len(divisions), 1)
    if varied == "halves":
        first, second = np.arange(len(divisions)).reshape(-1, 2).T
    index = [
        adjusted_rand_score(divisions[i], divisions[j])
        for i, j in zip(first, second, strict=True)
    ]
    by_refit = np.array([_find_again(reference, codes) for codes in divisions])
    adjusted_rand, jaccard = np.median(by_refit, axis=0)
    return Agreement(np.array(index), adjusted_rand, jaccard)


def _find_again(
    reference: Codes, codes: Codes
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the adjusted Rand and Jaccard index of each segment's counterpart.

    The counterpart has the highest Jaccard index; of equal ones the first is taken.
    """
    shape = reference.max() + 1, codes.max() + 1
    pairs = np.bincount(reference * shape[1] + codes, minlength=shape[0] * shape[1])
    both = pairs.reshape(shape).astype(np.float64)
    size, other_size = both.sum(axis=1), both.sum(axis=0)
    jaccard = both / (size[:, np.newaxis] + other_size - both)
    best = jaccard.argmax(axis=1)
    each = np.arange(len(both))
    adjusted_rand = _rand_of_two_sets(both[each, best], size, other_size[best])
    return adjusted_rand, jaccard[each, best]


def _rand_of_two_sets(
    both: NDArray[np.float64],
    size: NDArray[np.float64],
    other_size: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the adjusted Rand index of being in one set with being in another.

    Two sets of everybody agree in full.
    """
    n_rows = size.sum()
    cells = (both, size - both, other_size - both, n_rows - size - other_size + both)
    together = sum(comb(cell, 2) for cell in cells)
    one = comb(size, 2) + comb(n_rows - size, 2)
    other = comb(other_size, 2) + comb(n_rows - other_size, 2)
    by_chance = one * other / comb(n_rows, 2)
    most = (one + other) / 2.0
    return np.divide(
        together - by_chance,
        most - by_chance,
        out=np.ones_like(size),
        where=most > by_chance,
    )
