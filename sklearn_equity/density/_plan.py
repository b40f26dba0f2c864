"""By which parameters is a sample summarised, so that summaries of one plan add?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._rows import (
    BinnedRows,
    Entries,
    bin_entries,
    bin_sample,
    weigh,
    with_points,
)
from sklearn_equity.density._scale import Scale
from sklearn_equity.density._ties import (
    Sample,
    Split,
    all_points,
    no_points,
    split_ties,
)

Array = NDArray[np.float64]
Discrete = bool | str

MAX_BINS = 2**17
_CELLS_PER_BANDWIDTH = 32.0


@dataclass(frozen=True)
class Plan:
    """How values are summarised: the parameters that two summaries must share.

    Attributes
    ----------
    bounds : tuple of (float, float)
        The possible range; infinite where there is no bound.
    boundary : {"local", "reflect", "adjusted", "none"}
        What happens at the bounds.
    discrete : {"auto"} or bool
        Whether ties are looked for, or all values or none are point masses.
    n_bins : int
        The number of cells that the data may take.
    """

    bounds: tuple[float, float]
    boundary: str
    discrete: Discrete
    n_bins: int

    def frame(self, step: float = 0.0) -> tuple[Scale, float, float]:
        """Return the scale of the grid, its origin and its unit.

        A lattice whose values are spread over their step needs half a step more room.
        """
        lower, upper = self.bounds[0] - 0.5 * step, self.bounds[1] + 0.5 * step
        if self.boundary == "local":
            return Scale(lower, upper), 0.0, 1.0
        if self.boundary == "reflect" and np.isfinite(lower):
            unit = upper - lower if np.isfinite(upper) else 1.0
            return Scale(), lower, unit
        if self.boundary == "reflect" and np.isfinite(upper):
            return Scale(), upper, 1.0
        return Scale(), 0.0, 1.0

    def split(self, sample: Sample) -> Split:
        """Find the point masses of a sample."""
        if self.discrete is True or len(sample.values) == 1:
            return all_points(sample)
        return no_points(sample) if self.discrete is False else split_ties(sample)

    def bin_sample(self, sample: Sample, *, keep_lattice: bool = True) -> BinnedRows:
        """Summarise a sample that is known value by value."""
        split = self.split(sample)
        if self.boundary == "adjusted":
            return self._bin_adjusted(sample, split)
        if not keep_lattice:
            split = Split(split.is_point)
        scale, origin, unit = self.frame(split.step)
        return bin_sample(
            sample, split, scale=scale, origin=origin, unit=unit, n_bins=self.n_bins
        )

    def _bin_adjusted(self, sample: Sample, split: Split) -> BinnedRows:
        """Smooth everything, and note the values of a discrete measurement."""
        scale, origin, unit = self.frame()
        everything = Split(np.full(len(sample.values), len(sample.values) == 1))
        binned = bin_sample(
            sample,
            everything,
            scale=scale,
            origin=origin,
            unit=unit,
            n_bins=self.n_bins,
        )
        is_discrete = split.step > 0.0 or split.is_point.all()
        distinct = sample.values if is_discrete else np.zeros(0)
        return with_points(binned, Entries(distinct, None, np.zeros(len(distinct))))

    def bin_values(self, values: Array, weight: Array | None) -> BinnedRows:
        """Summarise many values without ties."""
        scale, origin, unit = self.frame()
        return bin_entries(
            weigh(values, None, weight),
            n_rows=1,
            scale=scale,
            origin=origin,
            unit=unit,
            n_bins=self.n_bins,
        )


def plan_for(
    scaled: Array,
    *,
    bounds: tuple[float, float],
    boundary: str,
    discrete: Discrete,
    n_bins: int,
    rule: str | float,
) -> Plan:
    """Return how to summarise values that a bandwidth rule will smooth."""
    if rule == 0.0:  # every value is a point mass, and no boundary matters
        return Plan(bounds, "none", discrete=True, n_bins=n_bins)
    if isinstance(rule, float):
        with np.errstate(over="ignore"):
            needed = _CELLS_PER_BANDWIDTH * (scaled.max() - scaled.min()) / rule
        n_bins = int(np.clip(needed, n_bins, MAX_BINS))
    return Plan(bounds, boundary, discrete, n_bins)
