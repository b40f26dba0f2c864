r"""How far would a density move, had other people been measured?

People are drawn anew from the counts that the estimate was made of, and every such
sample is smoothed with the bandwidth of the estimate: a rule asked again would take
people drawn twice for a narrow peak. The square root of a density has about the same
standard error wherever it is; with the deviation :math:`s` of the resampled roots, the
interval is :math:`(\sqrt f \pm z s)^2`, from 0 on.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from sklearn_equity.density._rows import BinnedRows

Array = NDArray[np.float64]


def resample(
    binned: BinnedRows, n_resamples: int, rng: np.random.RandomState
) -> BinnedRows:
    """Return samples of as many people, drawn from the first row; a row each.

    What is a point mass stays one. Weights that do not count people stand for as many
    of them as Kish's number says.
    """
    mass = np.concatenate([binned.point_mass[0], binned.grid.counts[0]])
    n_people = mass.sum()
    n_smoothed = binned.grid.counts[0].sum()
    if not binned.counts_people and n_smoothed > 0.0:
        n_people *= binned.n_values[0] / n_smoothed
    n_draws = max(round(n_people), 1)
    drawn = rng.multinomial(n_draws, mass / mass.sum(), n_resamples).astype(np.float64)
    n_points = len(binned.points)
    counts = drawn[:, n_points:]
    return replace(
        binned,
        point_mass=drawn[:, :n_points],
        grid=replace(binned.grid, counts=counts),
        squares=counts.sum(axis=1),
        counts_people=True,
    )


def root_interval(estimate: Array, resampled: Array, level: float) -> Array:
    """Return the lower and the upper ends about an estimate, by its square root."""
    half = norm.isf((1.0 - level) / 2.0) * np.sqrt(resampled).std(axis=0, ddof=1)
    root = np.sqrt(estimate)
    return np.stack([np.maximum(root - half, 0.0) ** 2, (root + half) ** 2])
