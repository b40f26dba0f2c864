"""What is there to draw of a density: a line, its band, point masses, or a reason?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from sklearn_equity.density import BoundedKDE
from sklearn_equity.report.displays._canvas import write_figure

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
_MANY_POINTS = 3  # more single values are counted, not listed


@dataclass(frozen=True)
class DensityCurve:
    """One subgroup's density with its band; both are empty where `reason` says why.

    Attributes
    ----------
    label : str
        The subgroup.
    n : int
        Its people.
    x, density, low, high : ndarray of shape (n_places,)
        The density and the ends of its band, point masses aside.
    at, share : ndarray of shape (n_points,)
        The point masses: values that many share, and the share of people there.
    regions : ndarray of shape (n_regions, 3)
        The share of people in each region, and its interval.
    reason : str
        Why there is no line; empty if there is one.
    """

    label: str
    n: int
    x: Vector
    density: Vector
    low: Vector
    high: Vector
    at: Vector
    share: Vector
    regions: Matrix
    reason: str = ""

    def describe_regions(self) -> list[str]:
        """Write the share of people in each region with its interval."""
        return [
            f"{100.0 * share:.1f}% ({100.0 * low:.1f} to {100.0 * high:.1f})"
            for share, low, high in self.regions
        ]


def read_curve(
    kde: BoundedKDE,
    grid: Vector,
    label: str,
    *,
    edges: Vector,
    min_people: int,
    random_state: int | None,
) -> DensityCurve:
    """Ask a fitted density for all that a picture shows of it."""
    n = kde.n_samples_seen_
    shares: Any = kde.interval_probability(edges) if len(edges) > 1 else []
    regions = np.array([(share, *_interval(share, n)) for share in shares])
    nothing = np.empty(0)
    x, reason = _places(kde, grid), ""
    at, share = kde.point_values_, kde.point_probabilities_
    if n < min_people:
        x, at, share, reason = nothing, nothing, nothing, "too few people"
    elif not len(x):
        reason = "all at single values"
    density, low, high = nothing, nothing, nothing
    if len(x):
        unit = _unit(kde)
        density = kde.pdf(x) / unit
        low, high = kde.pdf_interval(x, random_state=random_state) / unit
    return DensityCurve(
        *(label, n, x, density, low, high, at, share, regions.reshape(-1, 3), reason)
    )


def others_of(curves: Sequence[DensityCurve], grid: Vector) -> list[Vector]:
    """Return, for each curve, the density of all other people together on the grid."""
    of_people = np.zeros((len(curves), len(grid)))
    n = np.array([0 if curve.reason else curve.n for curve in curves])
    for row, curve in enumerate(curves):
        if len(curve.x):
            of_people[row] = curve.n * np.interp(
                grid, curve.x, curve.density, left=0.0, right=0.0
            )
    total, people = of_people.sum(axis=0), n.sum()
    return [
        np.maximum(total - own, 0.0) / max(people - mine, 1)
        for own, mine in zip(of_people, n, strict=True)
    ]


def describe_points(curves: Sequence[DensityCurve]) -> str:
    """List the values at which many people are."""
    values = np.unique(np.concatenate([curve.at for curve in curves]))
    listed = ", ".join(write_figure(value, "g") for value in values[:_MANY_POINTS])
    more = len(values) - _MANY_POINTS
    return f"{listed} and {more} more" if more > 0 else listed


def _places(kde: BoundedKDE, grid: Vector) -> Vector:
    """Return where a density is one: not at point masses, which are probabilities.

    Rounded values stay on a lattice; each is drawn as if spread over its step.
    """
    if kde.lattice_ is not None:
        origin, unit = kde.lattice_
        first, last = np.rint((grid[[0, -1]] - origin) / unit)
        grid = origin + unit * np.arange(first, last + 1)
    grid = grid[~np.isin(grid, kde.point_values_)]
    return grid if len(grid) and kde.pdf(grid).any() else np.empty(0)


def _unit(kde: BoundedKDE) -> float:
    """Return the length over which a probability is spread when drawn."""
    return 1.0 if kde.lattice_ is None else kde.lattice_[1]


def _interval(share: float, n: int) -> tuple[float, float]:
    found = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
