"""How would a function of rows have come out, had other people been drawn?

Or had some been left out? Nothing is known of the function but its values: it is called
anew for every resample, which is what takes longest in measuring fidelity.
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_equity._parallel import blocks_of, generators_for, run
from sklearn_equity.fidelity._estimates import value_of_rows
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._population import Population
from sklearn_equity.significance import resampled_rows

__all__ = ["bootstrap_rows", "is_function_of_rows", "values_left_out"]

Vector = NDArray[np.float64]

_CALL, _ROW = 2e5, 100.0  # nanoseconds, roughly
_MOST_PARTS = 200  # their noise moves an acceleration by .002


def is_function_of_rows(metric: Metric) -> bool:
    """Tell whether nothing but the values of a metric on rows is known."""
    return metric.columns is None and metric.influence is None


def bootstrap_rows(
    metric: Metric,
    people: Sequence[Population],
    n_resamples: int,
    rngs: Iterable[np.random.Generator],
    *,
    n_jobs: int | None,
) -> list[Vector]:
    """Compute a metric on resampled rows of each of some populations.

    Parameters
    ----------
    metric : Metric
        A function of rows.
    people : sequence of Population
        Such as those of every subgroup.
    n_resamples : int
        How many resamples of each.
    rngs : iterable of numpy.random.Generator
        One for each population.
    n_jobs : int or None
        How many blocks of resamples at once.

    Returns
    -------
    list of ndarray of shape (n_resamples,)
        NaN where the function has no value.
    """
    tasks, owners, cost = [], [], 0.0
    for owner, (one, rng) in enumerate(zip(people, rngs, strict=True)):
        each = _CALL + _ROW * len(one.y_true)
        blocks = blocks_of(n_resamples, nanoseconds=each)
        for n_drawn, own in zip(blocks, generators_for(blocks, rng), strict=True):
            tasks.append((metric, one, n_drawn, own))
            owners.append(owner)
        cost += n_resamples * each
    drawn = run(_on_resamples, tasks, n_jobs=n_jobs, nanoseconds=cost)
    parts: list[list[Vector]] = [[] for _ in people]
    for owner, part in zip(owners, drawn, strict=True):
        parts[owner].append(part)
    return [np.concatenate(of_one) for of_one in parts]


def _on_resamples(
    metric: Metric, data: Population, n_resamples: int, rng: np.random.Generator
) -> Vector:
    drawn = resampled_rows(len(data.y_true), n_resamples, rng)
    return _values_of(metric, data, drawn)


def _values_of(
    metric: Metric, data: Population, samples: Iterable[NDArray[Any]]
) -> Vector:
    """Compute a metric on some samples of rows; NaN where it has no value."""
    values = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for rows in samples:
            sample = data.take(rows)
            try:
                value = value_of_rows(
                    metric, sample.y_true, sample.y_pred, sample.sample_weight
                )
            except ValueError:  # such as a single class, which the whole has not
                value = np.nan
            values.append(value)
    return np.array(values, dtype=np.float64)


def values_left_out(
    metric: Metric,
    people: Sequence[Population],
    rngs: Iterable[np.random.Generator],
    *,
    n_jobs: int | None,
) -> list[Vector]:
    """Compute a metric without each row of each of some populations: the jackknife.

    Of more than 200 rows, without each of 200 random parts of equal size.

    Parameters
    ----------
    metric : Metric
        A function of rows.
    people : sequence of Population
        Such as those of every subgroup.
    rngs : iterable of numpy.random.Generator
        One for each population.
    n_jobs : int or None
        How many populations at once.

    Returns
    -------
    list of ndarray of shape (n_parts,)
        NaN where the function has no value.
    """
    tasks, cost = [], 0.0
    for one, rng in zip(people, rngs, strict=True):
        n = len(one.y_true)
        n_parts = min(n, _MOST_PARTS)
        part = np.arange(n) if n == n_parts else rng.permutation(n) % n_parts
        tasks.append((metric, one, part, n_parts))
        cost += n_parts * (_CALL + _ROW * n)
    return run(_without_each, tasks, n_jobs=n_jobs, nanoseconds=cost)


def _without_each(
    metric: Metric, data: Population, part: NDArray[np.intp], n_parts: int
) -> Vector:
    return _values_of(metric, data, (part != left_out for left_out in range(n_parts)))
