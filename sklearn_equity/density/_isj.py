r"""How much smoothing does the shape of a sample ask for? Botev's improved rule.

The improved Sheather-Jones bandwidth [1]_ is the fixed point of a recursion over the
squared norms of the density's derivatives,

.. math:: \|f^{(j)}\|^2(t) = 2 \sum_k (k \pi)^{2j} a_k^2 e^{-(k \pi)^2 t},

with :math:`t = h^2`. They are tabulated for every row, every order and a grid of times
in one matrix product; the recursion then runs on interpolated tables.

.. [1] Botev, Grotowski and Kroese (2010), "Kernel density estimation via diffusion",
   Annals of Statistics 38, 2916-2957.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.special import factorial2

Array = NDArray[np.float64]

_N_STAGES = 7
_N_TIMES = 64
_MAX_FREQUENCIES = 1024
_LOG_TIMES = np.linspace(np.log(1e-8), np.log(0.15), _N_TIMES)
_SPACING = _LOG_TIMES[1] - _LOG_TIMES[0]
_N_REFINED = 33


def improved_sheather_jones(moments: Array, n_values: Array) -> tuple[Array, Array]:
    """Return two bandwidths of each row, in units of the interval.

    Parameters
    ----------
    moments : ndarray of shape (n_rows, n_frequencies)
        Cosine moments, the constant first.
    n_values : ndarray of shape (n_rows,)
        The number of values behind each row.

    Returns
    -------
    for_density : ndarray of shape (n_rows,)
        The best for a density, of the order n**(-1/5); NaN where the recursion has no
        fixed point, as for uniform data and for empty rows.
    for_probability : ndarray of shape (n_rows,)
        The best for a distribution function, of the order n**(-1/3); NaN likewise.
    """
    squares = moments[:, 1:_MAX_FREQUENCIES] ** 2
    norms = squares @ _norm_weights(squares.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        tables = np.log(norms).reshape(-1, _N_STAGES, _N_TIMES)
        log_n = np.log(n_values)[:, np.newaxis]
        log_time = _fixed_point(tables, log_n)
        slope = _interpolate(tables, 1, log_time)
        # Eq. for the distribution function: t = (sqrt(pi) n ||f'||^2)^(-2/3).
        for_probability = np.exp(-(0.5 * np.log(np.pi) + log_n + slope) / 3.0)
    return np.exp(0.5 * log_time[:, 0]), for_probability[:, 0]


@functools.cache
def _norm_weights(n_frequencies: int) -> Array:
    """Return what turns squared moments into norms: one column an order and a time."""
    frequency = np.pi * np.arange(1, n_frequencies + 1)[:, np.newaxis]
    decay = 2.0 * np.exp(-(frequency**2) * np.exp(_LOG_TIMES))
    columns = [frequency ** (2 * j) * decay for j in range(1, _N_STAGES + 1)]
    return np.concatenate(columns, axis=1)


@functools.cache
def _stage_constant(order: int) -> float:
    """Return the logarithm of the constant of one stage, below eq. (29) of [1]_."""
    share = (1.0 + 0.5 ** (order + 0.5)) / 3.0
    moment = float(factorial2(2 * order - 1)) / np.sqrt(np.pi / 2.0)
    return float(np.log(share * moment))


def _fixed_point(tables: Array, log_n: Array) -> Array:
    """Return the logarithm of the least fixed point of each row, NaN where none."""

    def excess(log_time: Array) -> Array:
        norm = _interpolate(tables, _N_STAGES, log_time)
        for order in range(_N_STAGES - 1, 1, -1):
            stage = (_stage_constant(order) - log_n - norm) * 2.0 / (3.0 + 2.0 * order)
            norm = _interpolate(tables, order, stage)
        gap: Array = -0.4 * (np.log(2.0 * np.sqrt(np.pi)) + log_n + norm) - log_time
        return gap

    n_rows = len(tables)
    coarse = _LOG_TIMES[::2]
    cell, found = _first_crossing(excess(np.tile(coarse, (n_rows, 1))))
    steps = np.linspace(0.0, 2.0 * _SPACING, _N_REFINED)
    fine = coarse[cell][:, np.newaxis] + steps
    values = excess(fine)
    cell, found_again = _first_crossing(values)
    rows = np.arange(n_rows)
    before, after = values[rows, cell], values[rows, cell + 1]
    root = fine[rows, cell] + steps[1] * before / (before - after)
    return np.where(found & found_again, root, np.nan)[:, np.newaxis]


def _first_crossing(values: Array) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Find where each row first falls through zero."""
    falls = (values[:, :-1] > 0.0) & (values[:, 1:] <= 0.0)
    return np.argmax(falls, axis=1), np.asarray(falls.any(axis=1))


def _interpolate(tables: Array, order: int, log_time: Array) -> Array:
    """Read a table of each row between its times, by the cubic through four points."""
    place = np.clip((log_time - _LOG_TIMES[0]) / _SPACING, 0.0, _N_TIMES - 1.0)
    # A row without a norm stays NaN through the entries of its table.
    place = np.where(np.isnan(place), 0.0, place)
    cell = np.clip(place.astype(np.intp), 1, _N_TIMES - 3)
    u = place - cell
    start = np.arange(len(tables))[:, np.newaxis] * _N_STAGES + order - 1
    index = start * _N_TIMES + cell
    p0, p1, p2, p3 = (tables.take(index + shift) for shift in (-1, 0, 1, 2))
    below, above = u + 1.0, u - 2.0
    near, far = u - 1.0, u * above
    read: Array = (
        far * near * (-p0 / 6.0)
        + below * near * above * (p1 / 2.0)
        - below * far * (p2 / 2.0)
        + below * u * near * (p3 / 6.0)
    )
    return read
