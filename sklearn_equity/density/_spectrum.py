r"""What does a smoothed sample look like, from its cosine moments alone?

A Gaussian kernel estimate reflected at both ends of the unit interval is a cosine
series (Botev et al. 2010): with :math:`a_k` the mean of :math:`\cos k \pi x_i`,

.. math::

    f(t) &= 1 + 2 \sum_k a_k e^{-(k \pi h)^2 / 2} \cos k \pi t \\
    F(t) &= t + 2 \sum_k a_k e^{-(k \pi h)^2 / 2} \frac{\sin k \pi t}{k \pi}

so one cosine transform of binned counts serves every bandwidth and every threshold, and
many rows are one matrix product. All positions and bandwidths here are in units of the
interval.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, dst

Array = NDArray[np.float64]

_NEGLIGIBLE = 37.0  # exp(-37) is below the rounding of a double


def cosine_moments(counts: Array) -> Array:
    """Return the cosine moments of each row of counts on the nodes 0, 1/B, ..., 1.

    Linear binning multiplies the k-th moment by sinc(k / 2B)**2: it is divided out,
    which leaves an error of the order of what lies beyond the grid's resolution. The
    moments of an empty row are NaN.
    """
    n_bins = counts.shape[1] - 1
    mirrored = counts.copy()
    mirrored[:, [0, -1]] *= 2.0  # the transform counts the ends half
    moments: Array = dct(mirrored, type=1, axis=1, overwrite_x=True)[:, :n_bins]
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # 0 / 0 of an empty row
        moments /= 2.0 * total
    moments /= np.sinc(np.arange(n_bins) / (2 * n_bins)) ** 2
    return moments


def damped_moments(moments: Array, bandwidth: Array) -> Array:
    """Return the moments from k = 1 of each row, smoothed by its own bandwidth.

    Frequencies that no row needs to the rounding of a double are left out: about
    2.74 / h of them are kept.
    """
    least = float(np.nanmin(bandwidth, initial=np.inf))
    needed = np.sqrt(2 * _NEGLIGIBLE) / (np.pi * least) + 2.0
    n_needed = int(min(moments.shape[1], needed))
    frequency = np.pi * np.arange(1, n_needed)
    return moments[:, 1:n_needed] * np.exp(
        -0.5 * (frequency * bandwidth[:, np.newaxis]) ** 2
    )


def smooth_cdf(moments: Array, bandwidth: Array, positions: Array) -> Array:
    """Return F of each row at each position: an array of shape (n_rows, n_positions).

    One matrix product for all rows and positions; exact up to the binning.
    """
    damped = damped_moments(moments, bandwidth)
    frequency = np.pi * np.arange(1, damped.shape[1] + 1)[:, np.newaxis]
    waves = np.sin(frequency * positions)
    waves *= 2.0 / frequency
    return np.clip(positions + damped @ waves, 0.0, 1.0)


def smooth_pdf_on_nodes(moments: Array, bandwidth: Array) -> Array:
    """Return f of each row on the nodes of the grid that its moments came from."""
    damped = damped_moments(moments, bandwidth)
    series = np.zeros((len(moments), moments.shape[1] + 1))
    series[:, 0], series[:, 1 : damped.shape[1] + 1] = 1.0, damped
    pdf: Array = np.maximum(dct(series, type=1, axis=1), 0.0)
    return pdf


def smooth_cdf_on_nodes(moments: Array, bandwidth: Array) -> Array:
    """Return F of each row on the nodes of the grid that its moments came from."""
    damped = damped_moments(moments, bandwidth)
    n_cells = moments.shape[1]
    frequency = np.pi * np.arange(1, damped.shape[1] + 1)
    series = np.zeros((len(moments), n_cells - 1))
    series[:, : damped.shape[1]] = damped / frequency
    cdf = np.tile(np.linspace(0.0, 1.0, n_cells + 1), (len(moments), 1))
    cdf[:, 1:-1] += dst(series, type=1, axis=1)
    return np.clip(cdf, 0.0, 1.0)


def smooth_pdf(moments: Array, bandwidth: Array, positions: Array) -> Array:
    """Return f of each row at each position, likewise."""
    damped = damped_moments(moments, bandwidth)
    frequency = np.pi * np.arange(1, damped.shape[1] + 1)[:, np.newaxis]
    waves = np.cos(frequency * positions)
    return np.maximum(1.0 + 2.0 * (damped @ waves), 0.0)
