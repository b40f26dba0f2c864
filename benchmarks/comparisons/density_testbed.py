"""Seventeen distributions with known probabilities, to judge estimates of them.

Bounded, half-bounded and unbounded; poles and cut-offs at the bounds; several modes and
heavy tails; zero inflation, counts, heaping, detection limits, rounding. Each law says
what a user would know of it: its bounds, nothing else. No rival is needed:
python -m venv rivals && rivals/bin/pip install -e .
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """One distribution.

    `cdf` gives Pr(M <= t); `kind` is what a rival must be told: "c" continuous, "d"
    discrete with a step of `step`, "zi" continuous with many zeros; `support` lists the
    possible values of a discrete law, or the point masses of a mixed one.
    """

    name: str
    bounds: tuple[float | None, float | None]
    draw: Callable[[np.random.Generator, int], Array]
    cdf: Callable[[Array], Array]
    kind: str = "c"
    step: float = 0.0
    support: tuple[float, ...] = ()

    def cdf_left(self, t: Array) -> Array:
        """Return Pr(M < t)."""
        if not self.support:
            return self.cdf(t)
        support = np.asarray(self.support)
        gap = np.min(np.diff(support)) if len(support) > 1 else 1.0
        at_point = np.abs(t[:, None] - support).min(axis=1) < 1e-9 * max(gap, 1.0)
        nudge = 1e-6 * gap
        return np.where(at_point, self.cdf(t - nudge), self.cdf(t))


def _plain(name, bounds, law):
    return Law(name, bounds, lambda rng, n: law.rvs(n, random_state=rng), law.cdf)


def _mixture(name, bounds, share, first, second):
    def draw(rng, n):
        from_first = rng.uniform(size=n) < share
        return np.where(
            from_first, first.rvs(n, random_state=rng), second.rvs(n, random_state=rng)
        )

    return Law(
        name, bounds, draw, lambda t: share * first.cdf(t) + (1 - share) * second.cdf(t)
    )


def _zero_inflated(share, law):
    def draw(rng, n):
        return np.where(rng.uniform(size=n) < share, 0.0, law.rvs(n, random_state=rng))

    return Law(
        "30% zeros, else exponential",
        (0, None),
        draw,
        lambda t: np.where(t < 0, 0.0, share + (1 - share) * law.cdf(t)),
        kind="zi",
        support=(0.0,),
    )


def _rounded(name, bounds, law, step, lowest, highest):
    support = step * np.arange(round(lowest / step), round(highest / step) + 1)
    low, high = support[0], support[-1]

    def cdf(t):
        place = np.floor(t / step + 1e-9)
        inner = law.cdf((place + 0.5) * step)
        return np.where(t < low - 1e-9, 0.0, np.where(t > high - 1e-9, 1.0, inner))

    def draw(rng, n):
        x = np.rint(law.rvs(n, random_state=rng) / step) * step
        return np.clip(x, low, high)

    return Law(name, bounds, draw, cdf, "d", step, tuple(support))


def _heaped():
    """Blood pressures: half of the readings to the nearest 10, the others to 1."""
    fine = _rounded("", (40, 260), stats.norm(130, 18), 1.0, 40, 260)
    coarse = _rounded("", (40, 260), stats.norm(130, 18), 10.0, 40, 260)

    def draw(rng, n):
        heap = rng.uniform(size=n) < 0.5
        return np.where(heap, coarse.draw(rng, n), fine.draw(rng, n))

    return Law(
        "blood pressure, heaped on tens",
        (40, 260),
        draw,
        lambda t: 0.5 * fine.cdf(t) + 0.5 * coarse.cdf(t),
        "d",
        1.0,
        fine.support,
    )


def _clipped():
    law = stats.norm(1.0, 0.5)

    def cdf(t):
        return np.where(t < 0.2, 0.0, np.where(t >= 2.0, 1.0, law.cdf(t)))

    return Law(
        "normal, cut at two detection limits",
        (0.2, 2.0),
        lambda rng, n: np.clip(law.rvs(n, random_state=rng), 0.2, 2.0),
        cdf,
        support=(0.2, 2.0),
    )


def _poisson():
    law = stats.poisson(3.0)
    return Law(
        "Poisson(3)",
        (0, None),
        lambda rng, n: law.rvs(n, random_state=rng).astype(float),
        lambda t: law.cdf(np.floor(t + 1e-9)),
        "d",
        1.0,
        tuple(range(30)),
    )


LAWS = [
    _plain("uniform", (0, 1), stats.uniform()),
    _plain("beta(2, 5)", (0, 1), stats.beta(2, 5)),
    _plain("beta(0.8, 3), a pole at 0", (0, 1), stats.beta(0.8, 3)),
    _plain("beta(5, 1), a cut at 1", (0, 1), stats.beta(5, 1)),
    _mixture("two modes", (0, 1), 0.5, stats.beta(10, 30), stats.beta(30, 10)),
    _plain("normal, truncated", (0, 1), stats.truncnorm(-2 / 3, 8 / 3, 0.2, 0.3)),
    _plain("lognormal in (0, 50)", (0, 50), stats.lognorm(0.5)),
    _plain("exponential", (0, None), stats.expon()),
    _plain("gamma(2)", (0, None), stats.gamma(2)),
    _plain("normal", (None, None), stats.norm()),
    _plain("Student t(3)", (None, None), stats.t(3)),
    _mixture("two normals", (None, None), 0.6, stats.norm(), stats.norm(5, 0.7)),
    _zero_inflated(0.3, stats.expon()),
    _poisson(),
    _heaped(),
    _clipped(),
    _rounded("gamma(4), rounded to 0.1", (0, None), stats.gamma(4), 0.1, 0.0, 60.0),
]


def errors(law: Law, cdf, cdf_left, sample: Array) -> tuple[float, float]:
    """Return the sup-norm error, and the root mean square error of 20 intervals."""
    ends = quantile(law, np.array([0.001, 0.999]))
    t = np.unique(np.concatenate([np.linspace(*ends, 801), np.sort(sample)[::7]]))
    if law.support:
        t = np.unique(np.concatenate([t, law.support]))
        t = t[(t >= ends[0] - 1e-9) & (t <= ends[1] + 1e-9)]
    worst = max(
        np.abs(cdf(t) - law.cdf(t)).max(), np.abs(cdf_left(t) - law.cdf_left(t)).max()
    )
    edges = np.linspace(*ends, 21)
    if law.step:
        edges = np.rint(edges / law.step) * law.step
    wrong = np.diff(cdf_left(edges)) - np.diff(law.cdf_left(edges))
    return float(worst), float(np.sqrt(np.mean(wrong**2)))


def quantile(law: Law, levels: Array) -> Array:
    """Return quantiles, by bisection."""
    lower, upper = np.full(len(levels), -1e3), np.full(len(levels), 1e3)
    for _ in range(80):
        middle = 0.5 * (lower + upper)
        below = law.cdf(middle) < levels
        lower, upper = np.where(below, middle, lower), np.where(below, upper, middle)
    return upper
