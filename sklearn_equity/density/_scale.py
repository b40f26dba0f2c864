"""On which scale is a density estimated, so that its bounds lie at infinity?

Between two bounds the probit of the share of the range [1]_, beyond one bound the
logarithm of the distance to it [2]_, and without bounds the values themselves. On that
line a kernel has no bound to leak through.

.. [1] Geenens (2014), "Probit transformation for kernel density estimation on the unit
   interval", Journal of the American Statistical Association 109, 346-358.
.. [2] Geenens and Wang (2018), "Local-likelihood transformation kernel density
   estimation for positive random variables", J. Comp. Graph. Stat. 27, 822-835.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

Array = NDArray[np.float64]

# The density at a bound is read this share of the range inside it.
_NEAR_BOUND = 1e-6


@dataclass(frozen=True)
class Scale:
    """A map from the possible range of a measurement to the whole line.

    Binning happens on the logit where estimation happens on the probit: a logarithm a
    value is several times cheaper, and the few nodes of the grid are moved exactly.

    Attributes
    ----------
    lower, upper : float
        The bounds, infinite where there is none.
    """

    lower: float = -np.inf
    upper: float = np.inf

    @property
    def is_identity(self) -> bool:
        """Whether values are used as they are."""
        return bool(np.isinf(self.lower) and np.isinf(self.upper))

    @property
    def has_two_bounds(self) -> bool:
        """Whether estimation happens on the probit."""
        return bool(np.isfinite(self.lower) and np.isfinite(self.upper))

    def to_grid(self, values: Array) -> Array:
        """Return the place where values are binned; infinite at a bound."""
        if self.is_identity:
            return values
        with np.errstate(divide="ignore"):
            if self.has_two_bounds:
                share = values - self.lower
                share /= self.upper - values
                return np.log(share, out=share)
            if np.isfinite(self.lower):
                return np.log(values - self.lower)
            return -np.log(self.upper - values)

    def grid_to_line(self, places: Array) -> Array:
        """Return where the nodes of the grid lie on the line of the estimate."""
        if not self.has_two_bounds:
            return places
        line: Array = np.where(places < 0, ndtri(expit(places)), -ndtri(expit(-places)))
        return line

    def to_line(self, values: Array) -> Array:
        """Return where values lie on the line of the estimate."""
        if not self.has_two_bounds:
            return self.to_grid(values)
        width = self.upper - self.lower
        below, above = (values - self.lower) / width, (self.upper - values) / width
        line: Array = np.where(below < above, ndtri(below), -ndtri(above))
        return line

    def from_line(self, line: Array) -> Array:
        """Return the values at places on the line of the estimate."""
        if self.is_identity:
            return line
        if self.has_two_bounds:
            values: Array = self.lower + (self.upper - self.lower) * ndtr(line)
            return values
        with np.errstate(over="ignore"):
            if np.isfinite(self.lower):
                return self.lower + np.exp(line)
            return self.upper - np.exp(-line)

    def inside(self, values: Array, typical: float) -> Array:
        """Return values moved off a bound, where the map has no slope.

        With one bound, the distance of a typical value from it stands for the range.
        """
        ends = [end for end in (self.lower, self.upper) if np.isfinite(end)]
        step = _NEAR_BOUND * abs(ends[-1] - (ends[0] if len(ends) == 2 else typical))
        return np.clip(values, self.lower + step, self.upper - step)

    def slope(self, values: Array) -> Array:
        """Return how fast the line moves with values strictly inside the bounds."""
        if self.is_identity:
            return np.ones_like(values)
        if self.has_two_bounds:
            line = self.to_line(values)
            width = self.upper - self.lower
            slope: Array = np.sqrt(2.0 * np.pi) * np.exp(0.5 * line**2) / width
            return slope
        if np.isfinite(self.lower):
            return 1.0 / (values - self.lower)
        return 1.0 / (self.upper - values)
