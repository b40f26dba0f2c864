"""What does the published boundary adjustment give? Algorithm 1 of the DA framework.

A Gaussian kernel estimate leaks mass beyond the bounds, and beside the values of a
discrete measurement. The adjustment leaves the estimate as it is and moves the
threshold: to beyond all mass at a bound, and for a discrete measurement into the gap
without mass between the threshold and the next value. As printed, the algorithm
restores every threshold that is a bound and so never moves these; here is what its text
says it is for. Its search grid has a pitch in the unit of the data; here the gap itself
is searched, so that the unit changes nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._reflected import ReflectedRows

Array = NDArray[np.float64]

_NO_DENSITY = 1e-10  # per range of the estimate, as the paper's epsilon
_N_PLACES = 64


@dataclass(frozen=True)
class AdjustedRows:
    """A Gaussian kernel estimate whose thresholds are moved.

    Attributes
    ----------
    plain : ReflectedRows
        The estimate without bounds.
    bounds : tuple of (float, float)
        Beyond them nothing is possible.
    values : ndarray of shape (n_distinct,)
        The values of a discrete measurement, rising; empty for a continuous one.
    """

    plain: ReflectedRows
    bounds: tuple[float, float]
    values: Array

    @property
    def bandwidth(self) -> Array:
        """The bandwidth of each row's density in the unit of the data."""
        return self.plain.bandwidth

    def cdf(self, thresholds: Array, *, inclusive: bool) -> Array:
        """Return Pr(M <= threshold), or Pr(M < threshold), of each row."""
        lower, upper = self.bounds
        probability = self.plain.cdf(thresholds)
        if len(self.values) > 0:
            moved = [self._moved_cdf(t, inclusive=inclusive) for t in thresholds]
            probability = np.column_stack(moved)
        below = thresholds < lower if inclusive else thresholds <= lower
        above = thresholds >= upper if inclusive else thresholds > upper
        return np.where(above, 1.0, np.where(below, 0.0, probability))

    def pdf(self, values: Array) -> Array:
        """Return the density of each row, 0 outside the bounds."""
        outside = (values < self.bounds[0]) | (values > self.bounds[1])
        return np.where(outside, 0.0, self.plain.pdf(values))

    def _moved_cdf(self, threshold: float, *, inclusive: bool) -> Array:
        """Read the estimate at the empty place nearest to the threshold, by row."""
        ends = (self.plain.lower, self.plain.lower + self.plain.length)
        threshold = float(np.clip(threshold, *ends))
        tolerance = 8.0 * np.finfo(float).eps * abs(threshold)
        if inclusive:
            place = np.searchsorted(self.values, threshold + tolerance, side="right")
            end = self.values[place] if place < len(self.values) else np.inf
        else:
            place = np.searchsorted(self.values, threshold - tolerance, side="left")
            end = self.values[place - 1] if place > 0 else -np.inf
        gap = np.linspace(threshold, np.clip(end, *ends), _N_PLACES + 1)[1:-1]
        empty = self.plain.pdf(gap) * self.plain.length < _NO_DENSITY
        nearest = np.where(empty.any(axis=1), empty.argmax(axis=1) + 1, 0)
        at = np.concatenate([[threshold], gap])
        probability = self.plain.cdf(at)
        return probability[np.arange(len(probability)), nearest]
