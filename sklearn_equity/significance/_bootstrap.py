"""How would an estimate have come out, had other people been drawn?

The bootstrap weighs the units at hand, usually rows, by random counts. For an estimate
that follows from sums, a resample is a row of counts times the table of units, and all
of them are one matrix product; for any other, it is a list of rows.
"""

from collections.abc import Iterator
from math import exp, factorial

import numpy as np
from numpy.typing import NDArray

__all__ = ["gather_units", "resampled_rows", "resampled_sums", "sums_of_draws"]

MAX_UNITS = 4096
_BATCH_ELEMENTS = 1 << 20  # counts held at once: 8 MB
_BATCH_ROWS = 1 << 17
_TABLE_BITS = 16


def _poisson_table() -> NDArray[np.float64]:
    """List counts so that a uniform draw from the list is Poisson with mean 1."""
    size = 1 << _TABLE_BITS
    probabilities = [exp(-1.0) / factorial(count) for count in range(10)]
    ends = np.round(np.cumsum(probabilities) * size).astype(int)
    ends[-1] = size
    table: NDArray[np.float64] = np.repeat(np.arange(10.0), np.diff(ends, prepend=0))
    return table


_POISSON = _poisson_table()


def resampled_sums(
    units: NDArray[np.float64], n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Sum the units over bootstrap resamples.

    Every unit enters a resample a Poisson number of times with mean 1, independently of
    the others. The size of a resample varies then, which no estimate that is a ratio of
    sums can tell from a draw of fixed size [1]_; and the counts cost next to nothing.

    Parameters
    ----------
    units : ndarray of shape (n_units, n_columns)
        What each unit adds to the sums.
    n_resamples : int
        How many resamples.
    rng : numpy.random.Generator
        The source of the counts.

    Returns
    -------
    ndarray of shape (n_resamples, n_columns)
        The sums of each resample.

    References
    ----------
    .. [1] Chamandy, Muralidharan, Najmi and Naidu (2012), "Estimating uncertainty for
       massive data streams", Google technical report.
    """
    n_units = len(units)
    batch = max(_BATCH_ELEMENTS // max(n_units, 1), 1)
    sums = np.empty((n_resamples, units.shape[1]))
    for start in range(0, n_resamples, batch):
        n_drawn = min(batch, n_resamples - start)
        draws = rng.integers(0, 1 << _TABLE_BITS, (n_drawn, n_units), np.uint16)
        sums[start : start + n_drawn] = _POISSON[draws] @ units
    return sums


def sums_of_draws(
    units: NDArray[np.float64],
    size: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Sum the columns of units over samples of one size, drawn with return.

    Parameters
    ----------
    units : ndarray of shape (n_units, n_columns)
        What each unit adds to the sums.
    size : int
        How many units each sample has.
    n_resamples : int
        How many samples.
    rng : numpy.random.Generator
        The source of the draws.

    Returns
    -------
    ndarray of shape (n_resamples, n_columns)
        The sums of each sample.
    """
    totals = np.empty((n_resamples, units.shape[1]))
    columns = np.ascontiguousarray(units.T)
    batch = max(_BATCH_ROWS // size, 1)
    for start in range(0, n_resamples, batch):
        n_drawn = min(batch, n_resamples - start)
        rows = rng.integers(0, len(units), (n_drawn, size))
        for j, column in enumerate(columns):  # one stays in the processor's cache
            totals[start : start + n_drawn, j] = column.take(rows).sum(axis=1)
    return totals


def gather_units(
    rows: NDArray[np.float64], rng: np.random.Generator, max_units: int = MAX_UNITS
) -> NDArray[np.float64]:
    """Add rows up in random blocks, so that no more than `max_units` are resampled.

    The blocks are as independent as the rows and have the same total, so that their
    bootstrap has the same standard error, at a cost that does not grow with the rows.
    """
    if len(rows) <= max_units:
        return rows
    block = rng.integers(0, max_units, len(rows))
    return np.column_stack(
        [np.bincount(block, column, minlength=max_units) for column in rows.T]
    )


def resampled_rows(
    n_rows: int, n_resamples: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield, for each resample, the positions of as many rows, drawn with return."""
    for _ in range(n_resamples):
        yield rng.integers(0, n_rows, n_rows)
