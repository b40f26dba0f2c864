"""How does an estimate near the number 1 answer in the unit of the data?

Extreme units are brought near 1 by a power of two before anything is estimated, which
changes no digit; thresholds go the same way, and densities and bandwidths back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._mixture import Mixture

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DensityRows:
    """The estimated distribution of each row (subgroup), in the unit of the data.

    Attributes
    ----------
    mixture : Mixture
        The estimate, of values times ``2**exponent``.
    exponent : int
        0 unless the unit is extreme.
    """

    mixture: Mixture
    exponent: int = 0

    @property
    def bandwidth(self) -> Array:
        """The bandwidth of each row; 0 if all is point masses, NaN for an empty row."""
        return np.ldexp(self.mixture.bandwidth, -self.exponent)

    @property
    def points(self) -> Array:
        """The values that are point masses in any row, rising."""
        return np.ldexp(self.mixture.points, -self.exponent)

    @property
    def lattice(self) -> tuple[float, float] | None:
        """One value and the step of the lattice that holds all, if there is one."""
        origin, step = (
            float(np.ldexp(number, -self.exponent))
            for number in (self.mixture.lattice, self.mixture.step)
        )
        return (origin, step) if step > 0.0 else None

    def cdf(self, values: Array) -> Array:
        """Return Pr(M <= value) of each row at each value."""
        return self.mixture.cdf(self._scaled(values))

    def interval_probability(self, edges: Array) -> Array:
        """Return Pr(a <= M < b) between neighbouring edges; the last includes b."""
        return self.mixture.interval_probability(self._scaled(edges))

    def pdf(self, values: Array) -> Array:
        """Return the density of each row, and the probability at a point mass."""
        density = self.mixture.pdf(self._scaled(values))
        with np.errstate(over="ignore"):
            per_unit = np.ldexp(density, self.exponent)
        return np.where(self._is_point(values), density, per_unit)

    def log_pdf(self, values: Array) -> Array:
        """Return the logarithm, of no less than the rounding of a kernel's peak."""
        with np.errstate(divide="ignore"):
            logarithm = np.log(self._floored(values))
        shift = self.exponent * np.log(2.0)
        return np.where(self._is_point(values), logarithm, logarithm + shift)

    def draw(self, row: int, uniform: Array) -> Array:
        """Turn uniform numbers into values of one row's distribution."""
        return np.ldexp(self.mixture.draw(row, uniform), -self.exponent)

    def _scaled(self, values: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.ldexp(values, self.exponent)

    def _floored(self, values: Array) -> Array:
        mixture, scaled = self.mixture, self._scaled(values)
        density = mixture.pdf(scaled)
        outside = (scaled < mixture.bounds[0]) | (scaled > mixture.bounds[1])
        share = mixture.smooth_share[:, np.newaxis]
        if mixture.step > 0.0:
            return density
        with np.errstate(divide="ignore"):
            floor = np.finfo(float).eps / mixture.bandwidth[:, np.newaxis]
        floored = np.where(outside, 0.0, np.maximum(density, floor))
        return np.where(share == 0.0, density, floored)

    def _is_point(self, values: Array) -> NDArray[np.bool_]:
        """Tell where `pdf` is a probability, which knows no unit."""
        if self.exponent == 0:
            return np.zeros(len(values), dtype=bool)
        held = self.mixture.point_share.any(axis=0)  # "adjusted" notes others, too
        return np.isin(values, self.points[held]) | (self.mixture.step > 0.0)
