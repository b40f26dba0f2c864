"""How much do subgroups differ beyond sampling error?

The figures at hand are compared with draws of what they would be, were the subgroups
equal. Nothing here knows which index is wanted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

__all__ = ["Draws", "NoiseModel"]

Vector = NDArray[np.float64]

_ROUNDING = 1e-9  # of the largest: draws of few different values tie
_N_BISECTIONS = 40
_N_SHARPENINGS = 300
_MOST_POINTS = 400  # of more subgroups: the sharpened shape has no finer grain
_DENSITY_BINS = np.linspace(-10.0, 10.0, 161)
_NORMAL_PART = 0.01
_N_COMPARED = 200


@dataclass(frozen=True)
class Draws:
    """Figures of the subgroups and their standard errors, one row a draw.

    Attributes
    ----------
    estimate, std_error : ndarray of shape (n_draws, n_subgroups)
        Finite numbers.
    """

    estimate: Vector
    std_error: Vector


@dataclass(frozen=True)
class NoiseModel:
    """Estimates of several subgroups, and draws of them were the subgroups equal.

    Attributes
    ----------
    estimate, std_error : ndarray of shape (n_subgroups,)
        The figures at hand.
    n : ndarray of shape (n_subgroups,)
        The people of each subgroup, 2 or more.
    voice : ndarray of shape (n_subgroups,)
        The weight of each subgroup in the index; they sum to 1.
    draws : Draws
        What the same figures would be.
    by_precision : bool
        Whether large subgroups weigh more in the variance between them: it is surer,
        and enough for a test, but of other subgroups where fidelity follows size.
    """

    estimate: Vector
    std_error: Vector
    n: Vector
    voice: Vector
    draws: Draws
    by_precision: bool = True

    def by_voice(self) -> "NoiseModel":
        """Return the model of the variance in which each voice weighs as it is."""
        return replace(self, by_precision=False)

    def without_bias_of_size(self) -> "NoiseModel":
        """Return figures without what small samples take off or add on average.

        The root of a mean of few squares is low, say. By how much, the draws tell: in
        them all true figures are one, and the figures at hand are one more draw then.
        """
        typical = np.vstack([self.draws.estimate, self.estimate]).mean(axis=0)
        center = self.n @ typical / self.n.sum()
        if typical.min() <= 0.0 or self.estimate.min() < 0.0:  # a bias, say
            shift, scale = center - typical, np.ones_like(typical)
        else:
            shift, scale = np.zeros_like(typical), center / typical
        return replace(
            self,
            estimate=self.estimate * scale + shift,
            std_error=self.std_error * scale,
            draws=Draws(
                self.draws.estimate * scale + shift, self.draws.std_error * scale
            ),
        )

    @cached_property
    def inflation(self) -> float:
        """How much larger the variance of equal subgroups is than their errors say."""
        total, noise = self._variances(self.draws)
        return float(total.mean() / noise.mean()) if noise.any() else 1.0

    @cached_property
    def excess(self) -> float:
        """The variance of the true figures, estimated: below 0 for less than noise."""
        return float(self._excess(self._at_hand)[0])

    @property
    def deviation(self) -> float:
        """The standard deviation of these subgroups' true figures; signed as `excess`.

        The excess is a variance over n - 1, as of a sample of subgroups. Its signed
        root is taken from the point about which those of equal subgroups average 0.
        """
        room = 1.0 - float(self.voice @ self.voice)
        return float(_signed_root(room * (self.excess - self._typical_excess)))

    @cached_property
    def _typical_excess(self) -> float:
        drawn = self._excess(self.draws)
        low, high = float(drawn.min()), float(drawn.max())
        for _ in range(_N_BISECTIONS):
            middle = (low + high) / 2.0
            is_low = _signed_root(drawn - middle).mean() > 0.0
            low, high = (middle, high) if is_low else (low, middle)
        return (low + high) / 2.0

    def p_value(self) -> float:
        """Return the chance that equal subgroups show as much excess or more.

        The excess is as large as chance makes it where noise is as wide as each
        standard error says. That is cautious, since a high error goes with a high
        estimate: a draw of equal subgroups, judged by the errors that came with it, is
        found rarer than it is. So the chance is counted among those of the draws; where
        none shows as much, the cautious one says how rare that is at most. (It is not
        cautious about shares near 1, whose errors are low where they are high.)
        """
        first = slice(_N_COMPARED)
        excesses = self._excess(self.draws)[first]
        found = self._rarity(self.std_error, self.excess)
        drawn = np.array(
            [
                self._rarity(*one)
                for one in zip(self.draws.std_error[first], excesses, strict=True)
            ]
        )
        calibrated = (1 + int((drawn <= found).sum())) / (1 + len(drawn))
        if found > 0:
            return calibrated
        return min(self._chance_above(0.0, self._own_noise), calibrated)

    def _rarity(self, std_error: Vector, excess: float) -> int:
        """Count draws as wide as standard errors say that show as much excess."""
        noise = self._as_wide_as(std_error)
        first = Draws(noise.estimate[:_N_COMPARED], noise.std_error[:_N_COMPARED])
        return self._count_above(excess, self._excess(first))

    def spread_out(self, deviation: float) -> Vector:
        """Return figures with the estimates' mean, their order, and that deviation.

        Their shape is what the estimates' shape is likely to be without noise.
        """
        return np.asarray(self.voice @ self.estimate + deviation * self._shape)

    def interval(self, tail: float) -> tuple[float, float]:
        """Return the standard deviations of true figures that the data allow.

        Outside them an excess as high, or as low, as the one at hand would be rarer
        than `tail`, be noise as it was drawn or as wide as each standard error says.
        """
        return (
            self._first_where(lambda deviation: self._chance_within(deviation) > tail),
            self._first_where(lambda deviation: self._share_below(deviation) <= tail),
        )

    @property
    def _at_hand(self) -> Draws:
        return Draws(self.estimate[np.newaxis], self.std_error[np.newaxis])

    @cached_property
    def _shape(self) -> Vector:
        """Deviations with mean 0 and variance 1, in the estimates' order; or zeros."""
        errors = self.draws.estimate - self.draws.estimate.mean(axis=0)
        known = self.draws.std_error > 0.0
        pivots = errors[known] / self.draws.std_error[known]
        drawn = _sharpened(self.estimate, self.std_error, pivots, self.voice)
        # Of a few that noise alone explains nothing but one point may be left; and the
        # mean of equal figures is not quite one of them.
        for figures in (drawn, self.estimate):
            about = figures - self.voice @ figures
            deviation = float(np.sqrt(self.voice @ about**2))
            if deviation > self._least:
                return np.asarray(about / deviation)
        return np.zeros_like(drawn)

    @cached_property
    def _least(self) -> float:
        """Figures that differ by less are one, but for rounding."""
        return _ROUNDING * float(np.abs(self.estimate).max())

    @cached_property
    def _own_noise(self) -> Draws:
        return self._as_wide_as(self.std_error)

    def _as_wide_as(self, std_error: Vector) -> Draws:
        """Return draws about 0, each subgroup's as wide as its standard error says."""
        typical = np.sqrt((self.draws.std_error**2).mean(axis=0))
        ones = np.ones_like(typical)
        return self._scaled(
            np.divide(std_error, typical, out=ones, where=typical > 0.0)
        )

    def _scaled(self, scale: Vector) -> Draws:
        center = self.draws.estimate.mean(axis=0)
        return Draws(
            (self.draws.estimate - center) * scale, self.draws.std_error * scale
        )

    def _excess_of(self, deviation: float, noise: Draws) -> Vector:
        """Draw the excess, if the true figures had that standard deviation."""
        estimate = noise.estimate + deviation * self._shape
        return self._excess(Draws(estimate, noise.std_error))

    def _chance_within(self, deviation: float) -> float:
        return self._chance_above(deviation, *self._noises)

    @cached_property
    def _noises(self) -> tuple[Draws, Draws]:
        """Noise as it was drawn, and as wide as each standard error says."""
        return self._scaled(np.ones_like(self.estimate)), self._own_noise

    def _chance_above(self, deviation: float, *noises: Draws) -> float:
        """Return the highest chance of as much excess under several noises."""
        n_above = max(
            self._count_above(self.excess, self._excess_of(deviation, noise))
            for noise in noises
        )
        return (1 + n_above) / (1 + len(self.draws.estimate))

    def _count_above(self, excess: float, drawn: Vector) -> int:
        largest = max(abs(excess), float(np.abs(drawn).max()), self._least**2)
        rounding = _ROUNDING * largest
        return int((drawn >= excess - rounding).sum())

    def _share_below(self, deviation: float) -> float:
        """Return the highest chance of as little excess under several noises."""
        return max(
            float((self._excess_of(deviation, noise) <= self.excess).mean())
            for noise in self._noises
        )

    def _first_where(self, holds: Callable[[float], bool]) -> float:
        """Return the least deviation at which something holds that holds from there."""
        if not self._shape.any() or holds(0.0):
            return 0.0
        low, high = 0.0, float(np.ptp(self.estimate))
        while not holds(high):
            low, high = high, 2.0 * high
        for _ in range(_N_BISECTIONS):
            middle = (low + high) / 2.0
            low, high = (low, middle) if holds(middle) else (middle, high)
        return high

    def _excess(self, figures: Draws) -> Vector:
        total, noise = self._variances(figures)
        return total - self.inflation * noise

    def _variances(self, figures: Draws) -> tuple[Vector, Vector]:
        """Return the variance between estimates, and its expected part by noise.

        The two-step method of moments [1]_, but for weights: they follow from sizes
        and not from each subgroup's own standard error, which is low where the estimate
        is low by chance.

        References
        ----------
        .. [1] DerSimonian and Kacker (2007), "Random-effects model for meta-analysis of
           clinical trials: an update", Contemporary Clinical Trials 28, 105-114.
        """
        if not self.by_precision:
            return _moments(figures, np.tile(self.voice, (len(figures.estimate), 1)))
        by_size = _variance_by_size(figures.std_error, self.n)
        # Without noise every weight is the same, whatever its size.
        by_size = np.where(by_size > 0.0, by_size, 1.0)
        total, noise = _moments(figures, self.voice / by_size)
        between = np.maximum(total - noise, 0.0)[:, np.newaxis]
        return _moments(figures, self.voice / (between + by_size))


def _signed_root(values: Vector | float) -> Vector:
    return np.asarray(np.copysign(np.sqrt(np.abs(values)), values))


def _sharpened(
    estimate: Vector, std_error: Vector, pivots: Vector, voice: Vector
) -> Vector:
    """Return quantiles of the distribution that, blurred by noise, gave the estimates.

    By a fixed number of steps of the EM algorithm from the estimates themselves: more
    would draw a smooth distribution into few points, fewer leave few points blurred
    [1]_. Each subgroup gets the mean of the quantiles at its ranks.

    What a subgroup's true figure may be is learnt from all others alike, whatever their
    voice: were it learnt by voice, small subgroups, of which little is known, would be
    taken for more of the few large ones. What each then adds has its voice.

    The noise of an estimate is judged in its own standard error. Where tails are heavy,
    one row can raise both, and an estimate far above the others then is no sign that
    its true figure is; in an error common to all subgroups of its size it would be.

    References
    ----------
    .. [1] Shen and Louis (1999), "Empirical Bayes estimation via the smoothing by
       roughening approach", Journal of Computational and Graphical Statistics 8,
       800-823.
    """
    order = np.argsort(estimate, kind="stable")
    points, voices = estimate[order], voice[order]
    least = _ROUNDING * float(np.ptp(points)) or 1.0  # estimates may have no noise
    n_points = min(len(points), _MOST_POINTS)
    grid = points[np.linspace(0, len(points) - 1, n_points).round().astype(np.intp)]
    away = points[:, np.newaxis] - grid
    scale = np.maximum(std_error[order], np.abs(away).min(axis=1))  # or nowhere near
    likelihood = _density(pivots, away / np.maximum(scale, least)[:, np.newaxis])
    mass = np.full(n_points, 1.0 / n_points)
    for _ in range(_N_SHARPENINGS):
        share = likelihood * mass
        share /= share.sum(axis=1, keepdims=True)
        mass = share.mean(axis=0)
    mass = voices @ share
    # What the points add up to as far as a rank; between the ends of its own ranks is
    # what a subgroup adds. (Quantiles between two points would lie where nobody is.)
    above = grid - grid[0]  # exactly 0 where all are the same
    ends, sums = (np.append(0.0, np.cumsum(x)) for x in (mass, mass * above))
    so_far = np.interp(np.cumsum(voices), ends, sums)
    sharpened = np.empty_like(estimate)
    sharpened[order] = grid[0] + np.diff(so_far, prepend=0.0) / voices
    return sharpened


def _density(pivots: Vector, at: Vector) -> Vector:
    """Return the density of errors in standard errors, maybe skew and heavy-tailed.

    A little of a normal density is added: nothing near is quite impossible.
    """
    counts, edges = np.histogram(pivots, bins=_DENSITY_BINS)
    share = counts / max(len(pivots), 1) / np.diff(edges)
    share = gaussian_filter1d(share, 2.0)
    drawn = np.interp(at, (edges[:-1] + edges[1:]) / 2.0, share, left=0.0, right=0.0)
    return np.asarray(drawn + _NORMAL_PART * np.exp(-(at**2) / 2.0))


def _variance_by_size(std_error: Vector, n: Vector) -> Vector:
    """Return sampling variances that depend on the size of a subgroup alone."""
    return np.asarray((std_error**2 * n).mean(axis=1, keepdims=True) / n)


def _moments(figures: Draws, weights: Vector) -> tuple[Vector, Vector]:
    """Return the weighted variance between estimates, and what noise adds to it."""
    weights = weights / weights.sum(axis=1, keepdims=True)
    room = 1.0 - (weights**2).sum(axis=1)
    center = (weights * figures.estimate).sum(axis=1, keepdims=True)
    total = (weights * (figures.estimate - center) ** 2).sum(axis=1)
    noise = (weights * (1.0 - weights) * figures.std_error**2).sum(axis=1)
    return total / room, noise / room
