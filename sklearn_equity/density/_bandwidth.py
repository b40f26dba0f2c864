"""How far should a kernel smooth? Rules that follow the unit and spread of the data.

Multiplying the data by c multiplies every bandwidth by c. The rules read binned counts,
many rows (subgroups) at once, in units of the interval that the grid spans.
"""

from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._isj import improved_sheather_jones
from sklearn_equity.density._spectrum import smooth_pdf

Array = NDArray[np.float64]
BandwidthRule = Literal["isj", "silverman", "scott", "cv"]

RULES = ("isj", "silverman", "scott", "cv")

# Terrell (1990): no density of a given variance asks for a wider Gaussian kernel.
OVERSMOOTHING = 1.144

_N_CANDIDATES = 30


def row_bandwidths(
    rule: str, counts: Array, moments: Array, n_values: Array
) -> tuple[Array, Array]:
    """Return the bandwidth of each row for densities, and that for probabilities.

    Parameters
    ----------
    rule : {"isj", "silverman", "scott", "cv"}
        How the bandwidth is chosen.
    counts : ndarray of shape (n_rows, n_nodes)
        Counts on the nodes of the unit interval.
    moments : ndarray of shape (n_rows, n_frequencies)
        Their cosine moments.
    n_values : ndarray of shape (n_rows,)
        The number of values behind each row.

    Returns
    -------
    for_density, for_probability : ndarray of shape (n_rows,)
        In units of the interval. They differ for "isj" alone, whose smoothing of a
        probability falls as n**(-1/3). NaN for an empty row, 0 for one without spread.
    """
    deviation, spread = spread_of_rows(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        if rule == "scott":
            chosen = normal_reference(deviation, n_values, factor=1.06)
        elif rule == "silverman":
            chosen = normal_reference(spread, n_values, factor=0.9)
        elif rule == "cv":
            chosen = _cross_validated(counts, moments, spread, n_values)
        else:
            return _isj_or_silverman(moments, deviation, spread, n_values)
    return chosen, chosen


def normal_reference(spread: Array, n_values: Array, *, factor: float) -> Array:
    """Return the best bandwidth for a normal density, up to its factor."""
    return factor * spread * n_values**-0.2


def _isj_or_silverman(
    moments: Array, deviation: Array, spread: Array, n_values: Array
) -> tuple[Array, Array]:
    density, probability = improved_sheather_jones(moments, n_values)
    widest = normal_reference(deviation, n_values, factor=OVERSMOOTHING)
    rootless = ~np.isfinite(density)
    density = np.where(
        rootless, normal_reference(spread, n_values, factor=0.9), density
    )
    # The best for the distribution function of a normal law: (4 / n)**(1/3) sd.
    reference = spread * (4.0 / n_values) ** (1.0 / 3.0)
    probability = np.where(rootless, reference, probability)
    return np.minimum(density, widest), np.minimum(probability, widest)


def spread_of_rows(counts: Array) -> tuple[Array, Array]:
    """Return the standard deviation and min(sd, IQR / 1.34) of each row."""
    n_nodes = counts.shape[1]
    node = np.linspace(0.0, 1.0, n_nodes)
    total = counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = counts @ node / total
        # Around the mean of all rows, so that little is lost to cancellation.
        centre = counts.sum(axis=0) @ node / total.sum()
        second = counts @ (node - centre) ** 2 / total
        deviation = np.sqrt(np.maximum(second - (mean - centre) ** 2, 0.0))
    cumulated = np.cumsum(counts, axis=1)
    lower = (cumulated < 0.25 * total[:, np.newaxis]).sum(axis=1)
    upper = (cumulated < 0.75 * total[:, np.newaxis]).sum(axis=1)
    return deviation, robust_spread(deviation, (upper - lower) / (n_nodes - 1.0))


def robust_spread(deviation: Array, quartile_range: Array) -> Array:
    """Return min(sd, IQR / 1.34), or the sd where half of the values agree."""
    spread = np.minimum(deviation, quartile_range / 1.34)
    return np.where(quartile_range > 0.0, spread, deviation)


def weighted_quantiles(
    x: Array, w: Array | None, levels: tuple[float, ...]
) -> tuple[float, ...]:
    """Return the least values that have these shares of the weight at or below them."""
    if w is None:
        ranks = [max(int(np.ceil(level * len(x))) - 1, 0) for level in levels]
        ordered = np.partition(x, ranks)
        return tuple(float(ordered[rank]) for rank in ranks)
    order = np.argsort(x, kind="stable")
    cumulated = np.cumsum(w[order])
    places = np.searchsorted(cumulated, np.array(levels) * cumulated[-1], side="left")
    return tuple(float(value) for value in x[order][np.minimum(places, len(x) - 1)])


def _cross_validated(
    counts: Array, moments: Array, spread: Array, n_values: Array
) -> Array:
    """Return the bandwidth of each row with the best leave-one-out likelihood.

    The grid of candidates goes from 0.1 to 2 normal-reference bandwidths: the published
    search has its grid in the unit of the data, which makes the answer depend on it.
    """
    factors = np.geomspace(0.1, 2.0, _N_CANDIDATES)
    reference = normal_reference(spread, n_values, factor=1.06)
    chosen = np.full(len(counts), np.nan)
    node = np.linspace(0.0, 1.0, counts.shape[1])
    for row in np.flatnonzero(reference > 0.0):
        candidates = factors * reference[row]
        occupied = counts[row] > 0.0
        repeated = np.broadcast_to(moments[row], (_N_CANDIDATES, moments.shape[1]))
        density = smooth_pdf(repeated, candidates, node[occupied])
        own = _own_kernel(node[occupied], candidates[:, np.newaxis])
        n = n_values[row]
        left_out = np.maximum((n * density - own) / max(n - 1.0, 1.0), 1e-300)
        likelihood = np.log(left_out) @ counts[row, occupied]
        chosen[row] = candidates[likelihood.argmax()]
    return np.where(reference == 0.0, 0.0, chosen)


def _own_kernel(position: Array, bandwidth: Array) -> Array:
    """Return what a value adds to the reflected density at its own place."""
    images = sum(
        np.exp(-0.5 * (distance / bandwidth) ** 2)
        for shift in (-2.0, 0.0, 2.0)
        for distance in (shift, 2.0 * position + shift)
    )
    return images / (bandwidth * np.sqrt(2.0 * np.pi))


def check_bandwidth(bandwidth: object, rules: tuple[str, ...]) -> str | float:
    """Return a known rule or a non-negative finite number."""
    if isinstance(bandwidth, str) and bandwidth in rules:
        return bandwidth
    is_number = isinstance(bandwidth, Real) and not isinstance(bandwidth, bool)
    if is_number and 0.0 <= float(bandwidth) < np.inf:  # type: ignore[arg-type]
        return float(bandwidth)  # type: ignore[arg-type]
    msg = (
        f"`bandwidth` must be one of {list(rules)}, or a number of at least 0 in the "
        f"unit of the data; got {bandwidth!r}."
    )
    raise ValueError(msg)
