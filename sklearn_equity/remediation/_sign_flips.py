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

A small subgroup in which nobody of the tail happens to be looks straight, and its mean
lies off: its own skewness tells least where it matters most. So the skewness of a
subgroup is drawn towards that of everybody, by as much as 100 people weigh, where that
is the larger of the two and more than chance. The scale is not: a subgroup may truly be
quieter than others, and its power would be gone.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sklearn_equity._parallel import blocks_of, generators_for, run

__all__ = ["SumOfParts", "evident_skewness", "largest_by_chance"]

Vector = NDArray[np.float64]
_BATCH = 2**20  # signs held at once, which a cache holds
_FEWEST = 4  # draws at once: of one, threads add up in an order of their own
_DRAW_ROW, _PRODUCT_ROW = 4.0, 6.0  # nanoseconds, roughly
_STRAIGHT = 1e-6  # with less skewness the transformation is the identity
_BORROWED = 100  # people who count as having everybody's skewness


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
        That of the parts, drawn towards everybody's if that is given and larger.
    n : int
        How many parts.
    """

    total: float
    error: float
    skewness: float
    n: int

    @classmethod
    def of(cls, parts: Vector, everybody: float | None = None) -> Self:
        """Take the parts, and the skewness of those of everybody."""
        n = len(parts)
        total = float(parts.sum())
        centred = parts - parts.mean()
        variance = float((centred**2).mean())
        if n < 2:
            return cls(total, np.nan, 0.0, n)
        if variance == 0.0:
            return cls(total, 0.0, 0.0, n)
        skewness = float((centred**3).mean() / variance**1.5)
        if everybody is not None:
            skewness = float(_borrow(skewness, everybody, n))
        return cls(total, float(np.sqrt(n * variance * n / (n - 1))), skewness, n)

    @property
    def statistic(self) -> float:
        """Hall's statistic of "the sum is 0"."""
        if self.error == 0.0:
            return float(np.sign(self.total)) * np.inf if self.total else 0.0
        t = np.array(self.total / self.error)
        return float(_hall(t, np.array(self.skewness), self.n))

    def bounds(self, critical: float) -> tuple[float, float]:
        """Return the sums whose statistics would be at the critical value and below."""
        low, high = (
            self.total - self.error * _inverse(value, self.skewness, self.n)
            for value in (critical, -critical)
        )
        return low, high


def evident_skewness(parts: Vector) -> float:
    """Return the skewness of the parts of everybody, or 0 if it may be chance."""
    mean, cube = _powers(parts).sum(axis=0)
    _, skewness = _flipped(mean, cube)
    return float(skewness) if abs(skewness) > _skewness_by_chance(parts) else 0.0


def _skewness_by_chance(parts: Vector) -> float:
    """Return two standard errors of the skewness of parts whose signs are chance."""
    square = (parts**2).mean()
    if square == 0.0:
        return np.inf
    return float(2.0 * np.sqrt((parts**6).mean() / square**3 / len(parts)))


def _borrow(own: Any, everybody: Any, n: int) -> Vector:
    """Draw the skewness of n parts towards that of all, where that is the larger."""
    drawn = (n * own + _BORROWED * everybody) / (n + _BORROWED)
    return np.where(np.abs(everybody) > np.abs(own), drawn, own)


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
    everybody: Vector,
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
    everybody : ndarray of shape (n_rows,)
        The parts of all rows in their own difference, whose skewness is borrowed.
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
    cost = _DRAW_ROW * len(everybody) + _PRODUCT_ROW * len(rows)
    blocks = blocks_of(n_resamples, nanoseconds=cost)
    drawn = run(
        _largest_of_flips,
        (
            (scaled, rows, ends, everybody, n_drawn, own)
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
    everybody: Vector,
    n_resamples: int,
    rng: np.random.Generator,
) -> Vector:
    """Flip signs, the subgroups' parts and rows lying one after the other."""
    n_rows, scaled_all = len(everybody), _powers(everybody)
    by_chance = _skewness_by_chance(everybody)
    largest = np.full(n_resamples, -np.inf)
    n_bytes = -(-n_rows // 8)
    size = max(_BATCH // n_rows, _FEWEST)
    for batch in gen_batches(n_resamples, size, min_batch_size=_FEWEST // 2):
        shape = (len(largest[batch]), n_bytes)
        bits = np.unpackbits(rng.integers(256, size=shape, dtype=np.uint8), axis=1)
        signs = 2.0 * bits[:, :n_rows] - 1.0
        _, skewness_of_all = _flipped(*(signs @ scaled_all).T)
        skewness_of_all[np.abs(skewness_of_all) <= by_chance] = 0.0
        for start, end in pairwise(ends):
            n, rows = end - start, members[start:end]
            mine = signs if n == n_rows else signs[:, rows]
            u, skewness = _flipped(*(mine @ scaled[start:end]).T)
            skewness = _borrow(skewness, skewness_of_all, n)
            statistic = _hall(u * np.sqrt(n - 1.0), skewness, n)
            np.maximum(largest[batch], statistic, out=largest[batch])
    return largest


def _powers(parts: Vector) -> Vector:
    """Bring parts to a mean square of 1; return what flips make means and cubes of."""
    size = np.sqrt((parts**2).mean()) if len(parts) else 0.0
    unit = parts / size if size > 0.0 else np.zeros_like(parts)
    powers: Vector = np.column_stack([unit, unit**3]) / max(len(parts), 1)
    return powers


def _flipped(mean: Any, cube: Any) -> tuple[Vector, Vector]:
    """Return the means in SDs, and the skewnesses, of parts of mean square 1."""
    variance = np.maximum(1.0 - mean**2, 1e-12)
    skewness = (cube - 3.0 * mean + 2.0 * mean**3) / variance**1.5
    return mean / np.sqrt(variance), skewness
