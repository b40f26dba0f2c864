"""How far should a kernel smooth this sample? One bandwidth, in the data's unit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers, check_sample_weight
from sklearn_equity.density._bandwidth import (
    OVERSMOOTHING,
    RULES,
    check_bandwidth,
    robust_spread,
    row_bandwidths,
    weighted_quantiles,
)
from sklearn_equity.density._binning import bin_linearly
from sklearn_equity.density._range import Bounds, check_bounds, scaled_bounds
from sklearn_equity.density._reflected import REACH
from sklearn_equity.density._rows import FAR
from sklearn_equity.density._spectrum import cosine_moments
from sklearn_equity.density._ties import (
    are_frequencies,
    may_have_ties,
    scaled_weights,
    split_ties,
    spread_over_step,
    tabulate,
)

Array = NDArray[np.float64]

_N_BINS = 2048


def select_bandwidth(
    values: ArrayLike,
    rule: str | float,
    *,
    bounds: Bounds = (None, None),
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Choose one bandwidth of a Gaussian kernel for a sample.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        Finite numbers, in any unit.
    rule : {"isj", "silverman", "scott", "cv", "cdf"} or float
        "isj" is Botev's improved Sheather-Jones rule, with Silverman's where it has no
        solution. "silverman" is :math:`0.9 s n^{-1/5}` and "scott" 1.06 standard
        deviations times :math:`n^{-1/5}`. "cv" is the best leave-one-out likelihood.
        "cdf" is :math:`0.5 s n^{-1/3}`, made for probabilities rather than densities.
        Here :math:`s = \min(sd, IQR / 1.34)`. A number is returned as it is.
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the values. "isj" and "cv" take the density as reflected
        at a bound; the other rules do not need it.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times.

    Returns
    -------
    float
        The bandwidth in the unit of the values: multiplying these by c multiplies it by
        c. It is 0 for data without spread.

    Raises
    ------
    ValueError
        If a value is missing or infinite, a weight is negative, or the rule unknown.

    Notes
    -----
    The number n of values is the sum of the weights if they are whole (frequencies),
    else Kish's :math:`(\sum w)^2 / \sum w^2`. Point masses and values beyond 20
    interquartile ranges of the quartiles are set apart before "isj" and "cv", which
    would take a spike for a feature of the density.
    """
    checked = check_bandwidth(rule, (*RULES, "cdf"))
    if not isinstance(checked, str):
        return checked
    x = check_numbers(values, name="values")
    w = check_sample_weight(sample_weight, n_rows=len(x), rows_of="values")
    if w is not None:
        x, w = x[w > 0.0], w[w > 0.0]
        w = scaled_weights(w)
    # A power of two changes no digit, and keeps squares within the range of a double.
    exponent = int(np.frexp(np.abs(x).max())[1])
    limits = scaled_bounds(check_bounds(bounds), -exponent)
    chosen = _select(checked, np.ldexp(x, -exponent), w, limits)
    return float(np.ldexp(chosen, exponent))


def _select(rule: str, x: Array, w: Array | None, bounds: tuple[float, float]) -> float:
    n = _n_values(w, len(x))
    if rule in ("isj", "cv"):
        if may_have_ties(x):
            sample = tabulate(x, w)
            split = split_ties(sample)
            rest = spread_over_step(sample.take(~split.is_point), split.step)
            x, w, n = rest.values, rest.mass, rest.n_values if len(rest.mass) else n
        x, w = _without_outliers(x, w)
        if len(x) < 2 or x.min() == x.max():
            return 0.0
        return _select_from_counts(rule, x, w, n, bounds)
    deviation = _standard_deviation(x, w)
    if rule == "scott":
        scott: float = 1.06 * deviation * n**-0.2
        return scott
    lower, upper = weighted_quantiles(x, w, (0.25, 0.75))
    spread = float(robust_spread(np.array(deviation), np.array(upper - lower)))
    width: float = (
        0.5 * spread * n ** (-1.0 / 3.0) if rule == "cdf" else 0.9 * spread * n**-0.2
    )
    return width


def _n_values(sample_weight: Array | None, n_rows: int) -> float:
    """Return how many values a bandwidth may rely on."""
    if sample_weight is None:
        return float(n_rows)
    total = sample_weight.sum()
    if are_frequencies(sample_weight):
        return float(total)
    return float(total**2 / (sample_weight @ sample_weight))


def _select_from_counts(
    rule: str, x: Array, w: Array | None, n: float, bounds: tuple[float, float]
) -> float:
    deviation = _standard_deviation(x, w)
    margin = REACH * OVERSMOOTHING * deviation * n**-0.2
    lower, upper = float(x.min() - margin), float(x.max() + margin)
    lower = max(lower, min(bounds[0], float(x.min())))
    upper = min(upper, max(bounds[1], float(x.max())))
    width = (upper - lower) / _N_BINS
    counts = bin_linearly(x, lower=lower, width=width, n_bins=_N_BINS, sample_weight=w)
    moments = cosine_moments(counts)
    density, _ = row_bandwidths(rule, counts, moments, np.array([n]))
    return float(density[0] * (upper - lower))


def _without_outliers(x: Array, w: Array | None) -> tuple[Array, Array | None]:
    if len(x) == 0:
        return x, w
    lower, upper = weighted_quantiles(x, w, (0.25, 0.75))
    reach = FAR * (upper - lower)
    near = (x >= lower - reach) & (x <= upper + reach)
    if reach == 0.0 or near.all():
        return x, w
    return x[near], None if w is None else w[near]


def _standard_deviation(x: Array, w: Array | None) -> float:
    """Return the root of the mean squared deviation, weights counting as people."""
    if w is None:
        return float(x.std())
    mean = w @ (x - x[0]) / w.sum()
    return float(np.sqrt(w @ (x - x[0] - mean) ** 2 / w.sum()))
