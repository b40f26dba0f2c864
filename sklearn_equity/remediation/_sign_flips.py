r"""How large is the largest of many paired differences, if none is there?

If two models serve somebody alike, it is chance which of them did better: the sign of
the person's part in the difference is as likely the one as the other. Signs are flipped
for whole people, so that the figures of subgroups that share people move together.

Where one side of the parts has the longer tail, Student's statistic leans to the other
side, and flips of signs, which know no tail of one side, do not show it. The statistic
is therefore Hall's, which takes the skewness out: of n parts with mean :math:`m`,
standard deviation :math:`s` and skewness :math:`\gamma`, with :math:`t = m / s`,

.. math:: \sqrt n \left(t + \tfrac13 \gamma t^2 + \tfrac1{27} \gamma^2 t^3 +
    \frac{\gamma}{6 n}\right) = \sqrt n \left(\frac{(1 + \gamma t / 3)^3 - 1}{\gamma}
    + \frac{\gamma}{6 n}\right)

It rises with t, so that bounds follow from it (Hall, 1992, "On the removal of skewness
by transformation", Journal of the Royal Statistical Society B 54, 221-228).

A small subgroup in which nobody of the tail happens to be looks straight and quiet, and
its mean lies off: its own moments tell least where it matters most. Two things are
therefore lent to it. Its skewness is drawn towards that of everybody, by as much as 100
people weigh, where that is the larger of the two and more than chance. And its variance
grows by what people may add who are larger than all of its own: of n people, three in n
of a distribution may go unseen (its 95% bound, the "rule of three"), and what they are
like is told by those of everybody who are as large. A subgroup that is truly quieter
than others loses power by it: it can't be told from one that has not yet seen its tail.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sklearn_equity._parallel import blocks_of, generators_for, run

__all__ = ["Loan", "SumOfParts", "largest_by_chance"]

Vector = NDArray[np.float64]
_BATCH = 2**20  # signs held at once, which a cache holds
_FEWEST = 4  # draws at once: of one, threads add up in an order of their own
_DRAW_ROW, _PRODUCT_ROW = 4.0, 6.0  # nanoseconds, roughly
_STRAIGHT = 1e-6  # with less skewness the transformation is the identity
_BORROWED = 100  # people who count as having everybody's skewness
_UNSEEN = 3.0  # of n people, the share that may go unseen, times n


@dataclass(frozen=True)
class Loan:
    """What everybody's parts lend to subgroups too small to know their own moments.

    Attributes
    ----------
    parts : ndarray of shape (n_rows,)
        The parts of everybody.
    sizes : ndarray of shape (n_rows,)
        Their sizes, ascending.
    by_chance : float
        Skewness up to this may be chance, and is not lent.
    """

    parts: Vector
    sizes: Vector
    by_chance: float

    @classmethod
    def of(cls, parts: Vector) -> Self:
        """Take the parts of everybody."""
        sizes = np.sort(np.abs(parts))
        square = float((parts**2).mean()) if len(parts) else 0.0
        if square == 0.0:
            return cls(parts, sizes, np.inf)
        sixth = float((parts**6).mean()) / square**3
        # Two standard errors of the skewness of parts whose signs are chance.
        return cls(parts, sizes, float(2.0 * np.sqrt(sixth / len(parts))))

    @cached_property
    def skewness_of_all(self) -> float:
        """That of everybody as they are, which every subgroup borrows."""
        return float(self.skewness(*_powers(self.parts).sum(axis=0)))

    def skewness(self, mean: Any, cube: Any) -> Vector:
        """Return that of everybody, signs flipped or not; 0 where it may be chance."""
        variance, third = _central(mean, cube)
        skewness = third / variance**1.5
        return np.where(np.abs(skewness) > self.by_chance, skewness, 0.0)

    def unseen(self, parts: Vector, members: NDArray[np.intp]) -> float:
        """Return the variance due to people larger than all members, in their unit.

        As a share of the mean square of their parts. Of n people, up to about 3 / n of
        the distribution may have gone unseen; what it is like, everybody tells.
        """
        mine = self.parts[members]
        square, size = float(mine @ mine), float(parts @ parts)
        first = int(np.searchsorted(self.sizes, np.abs(mine).max(), side="right"))
        beyond = self.sizes[first:]
        if square == 0.0 or size == 0.0 or not len(beyond):
            return 0.0
        share = min(len(beyond) / len(self.sizes), _UNSEEN / len(members))
        # Slopes differ between subgroups: whoever is in one has a part in both.
        slope = float(parts @ mine) / square
        return share * slope**2 * float((beyond**2).mean()) / (size / len(parts))


@dataclass(frozen=True)
class SumOfParts:
    """The sum of parts, and what is known of it from them.

    Attributes
    ----------
    total : float
        The sum.
    error : float
        Its standard error; NaN for fewer than two parts.
    skewness : float
        That of the parts.
    n : int
        How many parts.
    """

    total: float
    error: float
    skewness: float
    n: int

    @classmethod
    def of(
        cls,
        parts: Vector,
        loan: Loan | None = None,
        members: NDArray[np.intp] | None = None,
    ) -> Self:
        """Take the parts of the members, and what everybody lends them."""
        n = len(parts)
        total = float(parts.sum())
        if n < 2:
            return cls(total, np.nan, 0.0, n)
        unseen = of_all = 0.0
        if loan is not None and members is not None:
            unseen = loan.unseen(parts, members)
            of_all = loan.skewness_of_all
        if parts.min() == parts.max() and unseen == 0.0:
            return cls(total, 0.0, 0.0, n)
        mean, cube = _powers(parts).sum(axis=0)
        variance, skewness = _spread(mean, cube, unseen, of_all, n)
        error = np.sqrt((parts**2).sum() * variance * n / (n - 1))
        return cls(total, float(error), float(skewness), n)

    @property
    def statistic(self) -> float:
        """Hall's statistic of "the sum is 0"."""
        if self.error == 0.0:
            return float(np.sign(self.total)) * np.inf if self.total else 0.0
        t = np.array(self.total / self.error)
        return float(_hall(t, np.array(self.skewness), self.n))

    def negated(self) -> Self:
        """Return the sum of the parts with the other sign."""
        return replace(self, total=-self.total, skewness=-self.skewness)

    def bounds(self, critical: float) -> tuple[float, float]:
        """Return the sums whose statistics would be at the critical value and below."""
        low, high = (
            self.total - self.error * _inverse(value, self.skewness, self.n)
            for value in (critical, -critical)
        )
        return low, high


def _spread(
    mean: Any, cube: Any, unseen: float, of_all: Any, n: int
) -> tuple[Vector, Vector]:
    """Return variances, and skewnesses, of n parts of mean square 1, with the loan."""
    variance, third = _central(mean, cube)
    variance = variance + unseen
    own = third / variance**1.5
    drawn = (n * own + _BORROWED * of_all) / (n + _BORROWED)
    return variance, np.where(np.abs(of_all) > np.abs(own), drawn, own)


def _hall(t: Vector, skewness: Vector, n: int) -> Vector:
    """Transform t statistics, of any skewness each."""
    u = t / np.sqrt(n)
    cubic: Vector = u + skewness * u**2 / 3.0 + skewness**2 * u**3 / 27.0
    return np.sqrt(n) * (cubic + skewness / (6.0 * n))


def _inverse(statistic: float, skewness: float, n: int) -> float:
    """Return the t statistic that is transformed to this one."""
    value = statistic / np.sqrt(n) - skewness / (6.0 * n)
    if abs(skewness) < _STRAIGHT:
        return float(np.sqrt(n) * value)
    root = np.cbrt(1.0 + skewness * value)
    return float(np.sqrt(n) * 3.0 * (root - 1.0) / skewness)


def largest_by_chance(
    parts: list[Vector],
    members: list[NDArray[np.intp]],
    *,
    loan: Loan,
    n_resamples: int,
    rng: np.random.Generator,
    n_jobs: int | None = None,
) -> Vector:
    r"""Draw the largest statistic over subgroups under flipped signs.

    Parameters
    ----------
    parts : list of ndarrays
        Of each subgroup, by how much each of its rows moves the difference, not
        centred: they sum to it.
    members : list of ndarrays
        Of each subgroup, its row numbers.
    loan : Loan
        What everybody lends them.
    n_resamples : int
        How many times to flip all signs.
    rng : Generator
        Draws them.
    n_jobs : int or None
        How many blocks of flips at once.

    Returns
    -------
    ndarray of shape (n_resamples,)
        The largest statistic of each draw.

    Notes
    -----
    Of n parts brought to a mean square of 1, which no flip changes, the mean m and the
    mean cube q say it all: the variance is :math:`1 - m^2`, the third central moment
    :math:`q - 3 m + 2 m^3`.
    """
    # Joined, so that they are handed to processes once.
    rows = np.concatenate([*members, []]).astype(np.intp)
    scaled = np.concatenate([*map(_powers, parts), np.empty((0, 2))])
    ends = np.cumsum([0, *map(len, members)])
    unseen = [loan.unseen(*pair) for pair in zip(parts, members, strict=True)]
    cost = _DRAW_ROW * len(loan.parts) + _PRODUCT_ROW * len(rows)
    blocks = blocks_of(n_resamples, nanoseconds=cost)
    drawn = run(
        _largest_of_flips,
        (
            (scaled, rows, ends, unseen, loan, n_drawn, own)
            for n_drawn, own in zip(blocks, generators_for(blocks, rng), strict=True)
        ),
        n_jobs=n_jobs,
        nanoseconds=n_resamples * cost,
    )
    return np.concatenate(drawn)


def _largest_of_flips(
    scaled: Vector,
    members: NDArray[np.intp],
    ends: NDArray[np.intp],
    unseen: list[float],
    loan: Loan,
    n_resamples: int,
    rng: np.random.Generator,
) -> Vector:
    """Flip signs, the subgroups' parts and rows lying one after the other."""
    n_rows, scaled_all = len(loan.parts), _powers(loan.parts)
    largest = np.full(n_resamples, -np.inf)
    n_bytes = -(-n_rows // 8)
    size = max(_BATCH // n_rows, _FEWEST)
    for batch in gen_batches(n_resamples, size, min_batch_size=_FEWEST // 2):
        shape = (len(largest[batch]), n_bytes)
        bits = np.unpackbits(rng.integers(256, size=shape, dtype=np.uint8), axis=1)
        signs = 2.0 * bits[:, :n_rows] - 1.0
        of_all = loan.skewness(*(signs @ scaled_all).T)
        for (start, end), more in zip(pairwise(ends), unseen, strict=True):
            n, rows = end - start, members[start:end]
            mine = signs if n == n_rows else signs[:, rows]
            mean, cube = (mine @ scaled[start:end]).T
            variance, skewness = _spread(mean, cube, more, of_all, n)
            t = np.sqrt(n - 1.0) * mean / np.sqrt(variance)
            statistic = _hall(t, skewness, n)
            np.maximum(largest[batch], statistic, out=largest[batch])
    return largest


def _powers(parts: Vector) -> Vector:
    """Bring parts to a mean square of 1; return what flips make means and cubes of."""
    size = np.sqrt((parts**2).mean()) if len(parts) else 0.0
    unit = parts / size if size > 0.0 else np.zeros_like(parts)
    powers: Vector = np.column_stack([unit, unit**3]) / max(len(parts), 1)
    return powers


def _central(mean: Any, cube: Any) -> tuple[Vector, Vector]:
    """Return variances and third central moments of parts of mean square 1."""
    return np.maximum(1.0 - mean**2, 1e-12), cube - 3.0 * mean + 2.0 * mean**3
