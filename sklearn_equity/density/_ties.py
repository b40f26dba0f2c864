"""Which values of a sample are point masses, and what is left to smooth?

Zero inflation, detection limits, counts, readings rounded to a lattice: a kernel
spreads such ties to values that nobody has, so they are set apart before anything is
smoothed.
The rules look at how often values repeat, never at their type: whole numbers with few
repeats are continuous, readings in steps of 0.1 with many are not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers, check_sample_weight

Array = NDArray[np.float64]

EXACT_SIZE = 65_536  # samples up to here are judged value by value
MIN_POINT_SHARE = 0.01  # of the rows, for a value to be a point mass
MIN_POINT_ROWS = 5

_PROBE_SIZE = 4096
_MIN_PROBE_TIES = 8  # a lattice of more than a million steps is finer than any kernel
_MAX_DISTINCT_SHARE = 0.6  # of the rows, for a sample to count as tied
_COARSE_LATTICE = 3.0
_SUBPOINTS = 8
_MAX_SPIKES = 2  # a mass at either end of the range


@dataclass(frozen=True)
class Sample:
    """Distinct values in rising order, and how much of the sample has each.

    Whether weights count people is asked of all of them together, so that chunks with
    different kinds of weights add up to the whole.

    Attributes
    ----------
    values : ndarray of shape (n_distinct,)
        Distinct values, rising.
    entries : ndarray of shape (n_distinct,)
        How many rows of data have each value.
    mass : ndarray of shape (n_distinct,)
        Sum of the weights of each value.
    squares : ndarray of shape (n_distinct,)
        Sum of the squared weights.
    counts_people : bool
        Whether all weights are whole.
    """

    values: Array
    entries: Array
    mass: Array
    squares: Array
    counts_people: bool = True

    @property
    def rows(self) -> Array:
        """How many people have each value: rows, or sums of whole weights."""
        return self.mass if self.counts_people else self.entries

    def take(self, chosen: NDArray[np.bool_]) -> "Sample":
        """Return the part with the chosen values."""
        values, entries, mass, squares = (
            column[chosen]
            for column in (self.values, self.entries, self.mass, self.squares)
        )
        return Sample(values, entries, mass, squares, self.counts_people)

    @property
    def n_values(self) -> float:
        """How many values a bandwidth may rely on: people, or Kish's number."""
        total = self.mass.sum()
        return float(total if self.counts_people else total**2 / self.squares.sum())


@dataclass(frozen=True)
class Split:
    """Which values of a sample are point masses, and on which lattice the rest lies.

    Attributes
    ----------
    is_point : ndarray of shape (n_distinct,)
        The values that stay as they are.
    step : float
        Above 0: the part to smooth lies on a lattice of this step, so fine that
        smoothing its masses helps.
    origin : float
        One point of that lattice.
    """

    is_point: NDArray[np.bool_]
    step: float = 0.0
    origin: float = 0.0


def is_discrete(values: ArrayLike, sample_weight: ArrayLike | None = None) -> bool:
    """Tell whether point masses describe a sample better than a density.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        Finite numbers of any type.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times.

    Returns
    -------
    bool
        True for constant data, for values on a lattice (counts, readings rounded or
        heaped), and where point masses hold half of the weight or more.

    Notes
    -----
    A sample is on a lattice if at most 60% of its rows have distinct values and all
    differences are multiples of the least one. A point mass is a value of at least 1%
    of the rows and 5 rows. In a sample of more than 65,536 rows, 4,096 rows drawn with
    a fixed seed are looked at first, and all of it only if some of these are tied.
    """
    x = check_numbers(values, name="values")
    w = check_sample_weight(sample_weight, n_rows=len(x), rows_of="values")
    if w is not None:
        x, w = x[w > 0.0], w[w > 0.0]
    if not may_have_ties(x):
        return False
    sample = tabulate(x, w)
    if len(sample.values) == 1 or find_lattice(sample) is not None:
        return True
    is_point = split_ties(sample).is_point
    return bool(sample.mass[is_point].sum() >= 0.5 * sample.mass.sum())


def may_have_ties(values: Array) -> bool:
    """Rule out, by a look at few rows, that a large sample has point masses.

    A value of 1% of the rows is missed with a probability below 1e-10.
    """
    if len(values) <= EXACT_SIZE:
        return True
    place = np.arange(_PROBE_SIZE) + np.random.RandomState(0).uniform(size=_PROBE_SIZE)
    rows = (place * (len(values) / _PROBE_SIZE)).astype(np.intp)  # one of each stretch
    probe = np.sort(values[rows])
    return int((probe[1:] == probe[:-1]).sum()) >= _MIN_PROBE_TIES


def are_frequencies(sample_weight: Array) -> bool:
    """Tell weights that count people, all whole, from shares of a population.

    From 2**53 on every double is whole, and means nothing by it.
    """
    is_whole = sample_weight == np.floor(sample_weight)
    return bool(is_whole.all() and sample_weight.max(initial=0.0) < 2.0**53)


def scaled_weights(sample_weight: Array) -> Array:
    """Return frequencies as they are, others with their largest brought near 1.

    Only the ratios of others matter, and a power of two changes no digit of them.
    """
    if are_frequencies(sample_weight):
        return sample_weight
    exponent = int(np.frexp(sample_weight.max())[1])
    return np.ldexp(sample_weight, -exponent)


def tabulate(values: Array, sample_weight: Array | None) -> Sample:
    """Gather equal values."""
    if sample_weight is None:
        distinct, n_each = np.unique(values, return_counts=True)
        once = n_each.astype(np.float64)
        return Sample(distinct, once, once, once)
    distinct, place = np.unique(values, return_inverse=True)
    entries = np.bincount(place).astype(np.float64)
    mass = np.bincount(place, weights=sample_weight).astype(np.float64)
    squares = np.bincount(place, weights=sample_weight**2).astype(np.float64)
    return Sample(distinct, entries, mass, squares, are_frequencies(sample_weight))


def find_lattice(sample: Sample) -> float | None:
    """Return the step of the lattice that holds all values of a tied sample."""
    values, n_rows = sample.values, sample.rows.sum()
    if len(values) < 3 or len(values) > _MAX_DISTINCT_SHARE * n_rows:
        return None
    with np.errstate(over="ignore"):
        gaps = np.diff(values)
        least = gaps.min()
        steps = gaps / least
        length = values[-1] - values[0]
    if not np.isfinite([length, *steps]).all() or np.median(gaps) > 3.5 * least:
        return None
    if np.abs(steps - np.rint(steps)).max() > 1e-3:
        return None
    # The least gap carries a rounding error; the whole range has it once.
    return float(length / np.rint(steps).sum())


def split_ties(sample: Sample) -> Split:
    """Find the point masses of a sample and the lattice of the rest."""
    step = find_lattice(sample)
    if step is not None:
        return _split_lattice(sample, step)
    heavy = _is_heavy(sample)
    n_left = (~heavy).sum()
    still_tied = n_left <= _MAX_DISTINCT_SHARE * sample.rows[~heavy].sum()
    return all_points(sample) if still_tied or n_left < 2 else Split(heavy)


def all_points(sample: Sample) -> Split:
    """Leave nothing to smooth."""
    return Split(np.ones(len(sample.values), dtype=bool))


def no_points(sample: Sample) -> Split:
    """Leave everything to smooth."""
    return Split(np.zeros(len(sample.values), dtype=bool))


def spread_over_step(sample: Sample, step: float) -> Sample:
    """Share the mass of each lattice point evenly over its step."""
    if step == 0.0:
        return sample
    places = step * ((np.arange(_SUBPOINTS) + 0.5) / _SUBPOINTS - 0.5)
    entries, mass, squares = (
        np.repeat(column / _SUBPOINTS, _SUBPOINTS)
        for column in (sample.entries, sample.mass, sample.squares)
    )
    values = np.add.outer(sample.values, places).ravel()
    return Sample(values, entries, mass, squares, sample.counts_people)


def _is_heavy(sample: Sample) -> NDArray[np.bool_]:
    least = max(MIN_POINT_ROWS, MIN_POINT_SHARE * sample.rows.sum())
    heavy: NDArray[np.bool_] = sample.rows >= least
    return heavy


def _split_lattice(sample: Sample, step: float) -> Split:
    """Keep a coarse lattice as it is; smooth a fine one, but for its spikes."""
    n_rows = sample.rows.sum()
    deviation = sample.values - sample.values[0]
    deviation = deviation - sample.rows @ deviation / n_rows
    spread = np.sqrt(sample.rows @ deviation**2 / n_rows)
    # The bias of smoothing grows with the step, the noise that it removes with 1/n.
    if (step / spread) ** 2 * np.sqrt(n_rows) > _COARSE_LATTICE:
        return all_points(sample)
    spikes = _is_spike(sample, step)
    # Many spikes are heaping: what a kernel put in their place would be taken from
    # the values beside them.
    if spikes.sum() > _MAX_SPIKES or (~spikes).sum() < 3:
        return all_points(sample)
    return Split(spikes, step, float(sample.values[0]))


def _is_spike(sample: Sample, step: float) -> NDArray[np.bool_]:
    """Find values far more frequent than the lattice points beside them."""
    place = np.rint((sample.values - sample.values[0]) / step)
    neighbours = np.zeros(len(place))
    touching = np.diff(place) == 1.0
    neighbours[1:][touching] = sample.rows[:-1][touching]
    above = np.zeros(len(place))
    above[:-1][touching] = sample.rows[1:][touching]
    neighbours = np.maximum(neighbours, above)
    excess = sample.rows > 2.5 * neighbours + 5.0 * np.sqrt(neighbours)
    return excess & _is_heavy(sample)
