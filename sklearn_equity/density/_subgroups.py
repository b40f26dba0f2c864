"""What is the distribution of a measurement in each of many subgroups, all at once?"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers, check_sample_weight
from sklearn_equity.density._bandwidth import RULES, check_bandwidth
from sklearn_equity.density._mixture import smooth_mixture
from sklearn_equity.density._plan import Plan
from sklearn_equity.density._range import (
    Bounds,
    check_bounds,
    scaled_bounds,
    scaled_rule,
    scaling_exponent,
)
from sklearn_equity.density._rows import (
    BinnedRows,
    Entries,
    bin_entries,
    entries_of,
    weigh,
    with_points,
)
from sklearn_equity.density._ties import (
    Sample,
    Split,
    may_have_ties,
    scaled_weights,
    spread_over_step,
    tabulate,
)
from sklearn_equity.density._units import DensityRows

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

_TABLE_SIZE = 2**18


def estimate_subgroups(
    values: ArrayLike,
    *,
    codes: Codes,
    n_subgroups: int,
    bounds: Bounds = (None, None),
    bandwidth: str | float = "isj",
    boundary: str = "local",
    discrete: bool | str = "auto",
    n_bins: int | None = None,
    sample_weight: ArrayLike | None = None,
) -> DensityRows:
    """Estimate the distribution of every subgroup in one pass over the data.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        Finite numbers within the bounds.
    codes : ndarray of shape (n_rows,)
        The subgroup of each row, from 0 to ``n_subgroups - 1``; rows with a negative
        code are left out.
    n_subgroups : int
        The number of subgroups.
    bounds, bandwidth, boundary, discrete
        As in `BoundedKDE`; "adjusted" is for one sample and not offered here. A rule
        gives each subgroup its own bandwidth.
    n_bins : int, default=None
        The number of cells over which the data are binned, at most. None: 2048, and
        down to 256 for more than 128 subgroups, whose samples are small.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times.

    Returns
    -------
    DensityRows
        The estimates: ``interval_probability(edges)``, ``cdf(values)`` and
        ``pdf(values)`` return one row a subgroup, ``bandwidth`` one number. A subgroup
        without rows has NaN.

    Notes
    -----
    Point masses, lattice and grid are found in all subgroups together and shared by
    them, which keeps the estimates comparable and additive.
    """
    rule = check_bandwidth(bandwidth, RULES)
    if boundary not in ("local", "reflect", "none"):
        msg = f'`boundary` must be "local", "reflect" or "none"; got {boundary!r}.'
        raise ValueError(msg)
    x, codes, w = _check_rows(values, codes, n_subgroups, sample_weight)
    limits = _check_range(x, bounds)
    exponent = scaling_exponent(x, limits)
    limits = scaled_bounds(limits, exponent)
    n_cells = _cells_for(n_subgroups) if n_bins is None else n_bins
    plan = Plan(limits, boundary, True if rule == 0.0 else discrete, n_cells)
    scaled = np.ldexp(x, exponent) if exponent != 0 else x
    binned = _bin_subgroups(plan, scaled, codes, n_subgroups, w)
    mixture = smooth_mixture(
        binned, rule=scaled_rule(rule, exponent), boundary=boundary, bounds=limits
    )
    return DensityRows(mixture, exponent)


def _check_rows(
    values: ArrayLike, codes: Codes, n_subgroups: int, sample_weight: ArrayLike | None
) -> tuple[Array, Codes, Array | None]:
    """Return the rows that count; there may be none."""
    if np.size(np.asarray(values)) == 0:
        return np.zeros(0), np.zeros(0, dtype=np.intp), None
    x = check_numbers(values, name="values")
    w = check_sample_weight(sample_weight, n_rows=len(x), rows_of="values")
    codes = np.asarray(codes)
    if codes.shape != x.shape or codes.dtype.kind not in "iu":
        msg = (
            "`codes` must have one integer per row of `values`; got shape "
            f"{codes.shape} of {codes.dtype} for {len(x)} rows."
        )
        raise ValueError(msg)
    if codes.max() >= n_subgroups:
        msg = (
            f"`codes` must lie below `n_subgroups` ({n_subgroups}); got up to "
            f"{codes.max()}. Rows to leave out have a negative code."
        )
        raise ValueError(msg)
    kept = codes >= 0 if w is None else (codes >= 0) & (w > 0.0)
    if not kept.all():
        x, codes, w = x[kept], codes[kept], None if w is None else w[kept]
    return x, codes, w if w is None or len(w) == 0 else scaled_weights(w)


def _cells_for(n_subgroups: int) -> int:
    """Return how many cells keep the tables of all subgroups in the caches."""
    exponent = int(np.log2(_TABLE_SIZE / max(n_subgroups, 1)))
    n_cells: int = 2 ** min(max(exponent, 8), 11)
    return n_cells


def _check_range(x: Array, bounds: Bounds) -> tuple[float, float]:
    lower, upper = check_bounds(bounds)
    if len(x) > 0 and (x.min() < lower or x.max() > upper):
        msg = (
            f"`values` must lie within `bounds`, from {lower:g} to {upper:g}; got "
            f"values from {x.min():g} to {x.max():g}."
        )
        raise ValueError(msg)
    return lower, upper


def _bin_subgroups(
    plan: Plan, x: Array, codes: Codes, n_subgroups: int, w: Array | None
) -> BinnedRows:
    entries = weigh(x, codes, w)
    sample, split = None, None
    looked_for = len(x) > 0 and plan.discrete is not False
    if looked_for and (plan.discrete is True or may_have_ties(x)):
        sample = tabulate(x, w)
        split = plan.split(sample)
    points = Entries(np.zeros(0))
    if (
        sample is not None
        and split is not None
        and (split.is_point.any() or split.step)
    ):
        entries, points = _separate(entries, sample, split)
    step = 0.0 if split is None else split.step
    scale, origin, unit = plan.frame(step)
    binned = bin_entries(
        entries,
        n_rows=n_subgroups,
        scale=scale,
        origin=origin,
        unit=unit,
        n_bins=plan.n_bins,
    )
    binned = replace(binned, step=step, lattice=0.0 if split is None else split.origin)
    return with_points(binned, points)


def _separate(
    entries: Entries, sample: Sample, split: Split
) -> tuple[Entries, Entries]:
    """Cut rows into those to smooth and point masses; spread a fine lattice."""
    place = np.searchsorted(sample.values, entries.values)
    is_point = split.is_point[place]
    rest, points = entries.take(~is_point), entries.take(is_point)
    if split.step == 0.0:
        return rest, points
    # On a lattice few values occur: one entry for each value of each subgroup.
    n_distinct = len(sample.values)
    assert rest.codes is not None  # noqa: S101 - subgroups have codes
    cell, first = np.unique(
        rest.codes * n_distinct + place[~is_point], return_inverse=True
    )
    mass = np.bincount(first, rest.mass).astype(np.float64)
    squares = np.bincount(first, rest.squares).astype(np.float64)
    gathered = Sample(
        sample.values[cell % n_distinct], mass, mass, squares, rest.counts_people
    )
    spread = spread_over_step(gathered, split.step)
    n_each = len(spread.values) // max(len(cell), 1)
    codes = np.repeat(cell // n_distinct, n_each)
    return replace(entries_of(spread), codes=codes), points
