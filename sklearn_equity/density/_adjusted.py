"""What does the published boundary adjustment give? Algorithm 1 of the DA framework.

A Gaussian kernel estimate leaks mass beyond the bounds, and beside the values of a
discrete measurement. The adjustment leaves the estimate as it is and moves the
threshold: to beyond all mass at a bound, and for a discrete measurement into the gap
without mass between the threshold and the next value. As printed, the algorithm
restores every threshold that is a bound and so never moves these; here is what its text
says it is for. Its search grid has a pitch in the unit of the data; here it is the grid
of the estimate, so that the unit changes nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._reflected import ReflectedRows
from sklearn_equity.density._spectrum import smooth_pdf_on_nodes

Array = NDArray[np.float64]

_SNAP = 8.0 * np.finfo(float).eps  # of a threshold: what lies nearer is that value
_NO_DENSITY = 1e-10  # of the mean density, as the paper's epsilon


@dataclass(frozen=True)
class AdjustedRows:
    """A Gaussian kernel estimate of one sample, whose thresholds are moved.

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
        """The bandwidth of the density in the unit of the data."""
        return self.plain.bandwidth

    def cdf(self, thresholds: Array, *, inclusive: bool) -> Array:
        """Return Pr(M <= threshold), or Pr(M < threshold)."""
        lower, upper = self.bounds
        moved = thresholds
        if len(self.values) > 0:
            # Seen from above, the next value is the previous one of the mirror image.
            sign = -1.0 if inclusive else 1.0
            moved = sign * self._moved_down(sign * thresholds, sign)
        probability = self.plain.cdf(moved)
        below = thresholds < lower if inclusive else thresholds <= lower
        above = thresholds >= upper if inclusive else thresholds > upper
        return np.where(above, 1.0, np.where(below, 0.0, probability))

    def pdf(self, values: Array) -> Array:
        """Return the density, 0 outside the bounds."""
        outside = (values < self.bounds[0]) | (values > self.bounds[1])
        return np.where(outside, 0.0, self.plain.pdf(values))

    def _moved_down(self, thresholds: Array, sign: float) -> Array:
        """Move thresholds to the empty place below them, if no value lies between."""
        empty = np.sort(sign * self._empty_places())
        values = np.sort(sign * self.values)
        tolerance = _SNAP * np.abs(np.nan_to_num(thresholds, posinf=0.0, neginf=0.0))
        place = np.searchsorted(empty, thresholds - tolerance)
        candidate = np.append(-np.inf, empty)[place]
        place = np.searchsorted(values, thresholds - tolerance)
        previous = np.append(-np.inf, values)[place]
        return np.where(candidate > previous, candidate, thresholds)

    def _empty_places(self) -> Array:
        """Return the nodes of the grid without density: the paper's V."""
        plain = self.plain
        density = smooth_pdf_on_nodes(plain.moments, plain.for_probability)[0]
        node = np.flatnonzero(density < _NO_DENSITY)
        return plain.lower + plain.length * node / (len(density) - 1)
