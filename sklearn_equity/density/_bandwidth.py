"""How far should a kernel smooth? Rules that follow the unit and spread of the data.

Multiplying the data by c multiplies every bandwidth by c. The rules read binned counts,
many rows (subgroups) at once, in units of the interval that the grid spans.
"""

from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._isj import improved_sheather_jones
from sklearn_equity.density._spectrum import smooth_cdf_on_nodes, smooth_pdf

Array = NDArray[np.float64]
BandwidthRule = Literal["isj", "silverman", "scott", "cv"]

RULES = ("isj", "silverman", "scott", "cv")

# Terrell (1990): no density of a given variance asks for a wider Gaussian kernel.
OVERSMOOTHING = 1.144

_N_CANDIDATES = 30
_QUARTILES = (0.25, 0.75)
_LIGHT = 0.05  # of the spread: what quartiles are smoothed by
_LEAST_CELLS = 2.0  # narrower kernels alias on the grid
_N_CORRECTIONS = 8
_LEAST_CUBIC = 3  # cells between four nodes


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
    deviation = deviation_of_rows(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        if rule == "scott":
            chosen = normal_reference(deviation, n_values, factor=1.06)
        elif rule == "silverman":
            spread = spread_of_rows(counts, moments)
            chosen = normal_reference(spread, n_values, factor=0.9)
        elif rule == "cv":
            spread = spread_of_rows(counts, moments)
            chosen = _cross_validated(counts, moments, spread, n_values)
        else:
            return _isj_or_silverman(counts, moments, deviation, n_values)
    return chosen, chosen


def normal_reference(spread: Array, n_values: Array, *, factor: float) -> Array:
    """Return the best bandwidth for a normal density, up to its factor."""
    return factor * spread * n_values**-0.2


def _isj_or_silverman(
    counts: Array, moments: Array, deviation: Array, n_values: Array
) -> tuple[Array, Array]:
    density, probability = improved_sheather_jones(moments, n_values)
    rootless = np.flatnonzero(~np.isfinite(density))
    if len(rootless) > 0:
        spread = spread_of_rows(counts[rootless], moments[rootless])
        n = n_values[rootless]
        density[rootless] = normal_reference(spread, n, factor=0.9)
        # The best for the distribution function of a normal law: (4 / n)**(1/3) sd.
        probability[rootless] = spread * (4.0 / n) ** (1.0 / 3.0)
    widest = normal_reference(deviation, n_values, factor=OVERSMOOTHING)
    return np.minimum(density, widest), np.minimum(probability, widest)


def deviation_of_rows(counts: Array) -> Array:
    """Return the standard deviation of each row."""
    node = np.linspace(0.0, 1.0, counts.shape[1])
    total = counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = counts @ node / total
        # Around the mean of all rows, so that little is lost to cancellation.
        centre = counts.sum(axis=0) @ node / total.sum()
        second = counts @ (node - centre) ** 2 / total
        deviation: Array = np.sqrt(np.maximum(second - (mean - centre) ** 2, 0.0))
        return deviation


def spread_of_rows(counts: Array, moments: Array) -> Array:
    """Return min(sd, IQR / 1.34) of each row.

    Quartiles read off counts would move with the nodes, and these with the unit of the
    data. They are those of a lightly smoothed sample, corrected as for a normal law.
    """
    deviation = deviation_of_rows(counts)
    n_cells = counts.shape[1] - 1
    cumulated = np.cumsum(counts, axis=1)
    total = cumulated[:, -1:]
    lower, upper = ((cumulated < p * total).sum(axis=1) for p in _QUARTILES)
    spread = robust_spread(deviation, (upper - lower) / n_cells)
    if n_cells < _LEAST_CUBIC:
        return spread
    for _ in range(2):  # the first spread, off the counts, moves with their nodes
        light = np.maximum(_LIGHT * spread, _LEAST_CELLS / n_cells)
        cdf = smooth_cdf_on_nodes(moments, light)
        first, last = (_crossing(cdf, level) for level in _QUARTILES)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            widening = np.sqrt(1.0 + (light / spread) ** 2)
            quartile_range = (last - first) / (n_cells * widening)
        quartile_range = np.where(upper > lower, quartile_range, 0.0)
        spread = robust_spread(deviation, quartile_range)
    return spread


def _crossing(cdf: Array, level: float) -> Array:
    """Return at how many nodes from the first each row reaches a level."""
    above = np.clip((cdf < level).sum(axis=1), 2, cdf.shape[1] - 2)
    row = np.arange(len(cdf))
    p0, p1, p2, p3 = (cdf[row, above + shift] for shift in (-2, -1, 0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = p2 - p1
        share = (level - p1) / slope
        for _ in range(_N_CORRECTIONS):  # the cubic through four nodes is nearly a line
            share = share + (level - _cubic_through(p0, p1, p2, p3, share)) / slope
    node: Array = above - 1.0 + np.clip(share, 0.0, 1.0)
    return node


def _cubic_through(p0: Array, p1: Array, p2: Array, p3: Array, u: Array) -> Array:
    """Return the cubic with these values at -1, 0, 1 and 2."""
    below, above = u + 1.0, u - 2.0
    near, far = u - 1.0, u * above
    return (
        far * near * (-p0 / 6.0)
        + below * near * above * (p1 / 2.0)
        - below * far * (p2 / 2.0)
        + below * u * near * (p3 / 6.0)
    )


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
    places = np.searchsorted(cumulated, np.array(levels) * cumulated[-1])
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
    height: Array = images / (bandwidth * np.sqrt(2.0 * np.pi))
    return height


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
