"""How far does a function of sums stray, when the sums do?"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.fidelity._metric import Finish, Metric

__all__ = [
    "delta_by_scatter",
    "delta_method",
    "gradient_of",
    "moments_of",
    "with_products",
]

Vector = NDArray[np.float64]
Indices = NDArray[np.intp]


def delta_method(
    metric: Metric, sums: Vector, moments: Vector
) -> tuple[Vector, Vector]:
    """Return values, and their standard errors by the delta method.

    Every metric is a ratio of sums, unchanged when all are multiplied by one number, so
    the influences of the units add up to 0 and their squares to the variance.
    """
    finish = _finish_of(metric)
    first, second = _pairs(sums.shape[-1])
    gradient = gradient_of(finish, sums, moments[..., first == second])
    twice = np.where(first == second, 1.0, 2.0)
    products = gradient[..., first] * gradient[..., second] * moments * twice
    return finish(sums), np.sqrt(np.maximum(products.sum(axis=-1), 0.0))


def delta_by_scatter(
    metric: Metric, sums: Vector, diagonal: Vector, scatter: Vector
) -> tuple[Vector, Vector]:
    """Do the same from second moments about the means, which keep more digits.

    What a common factor of all sums would change is nothing, so that the means drop out
    of the variance.
    """
    finish = _finish_of(metric)
    gradient = gradient_of(finish, sums, diagonal)
    variance = np.einsum("...i,...ij,...j->...", gradient, scatter, gradient)
    return finish(sums), np.sqrt(np.maximum(variance, 0.0))


def _finish_of(metric: Metric) -> Finish:
    if metric.finish is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    return metric.finish


def gradient_of(finish: Finish, sums: Vector, squares: Vector) -> Vector:
    """Return how fast a function of sums rises with each sum.

    `squares` holds the sums of the squared columns: their size sets the steps.
    """
    gradient = np.empty_like(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A small part of what each sum would be if all its terms had one sign.
        steps = 1e-6 * sums[..., :1] * np.sqrt(squares / squares[..., :1])
        for j in range(sums.shape[-1]):
            step = np.zeros_like(sums)
            step[..., j] = steps[..., j]
            rise = finish(sums + step) - finish(sums - step)
            gradient[..., j] = rise / (2.0 * steps[..., j])
    gradient[squares == 0.0] = 0.0  # a column of zeros moves nothing
    return gradient


@cache
def _pairs(n_columns: int) -> tuple[Indices, Indices]:
    """List the pairs of columns, each once; asked for in every subgroup."""
    return np.triu_indices(n_columns)


def with_products(units: Vector) -> Vector:
    """Add to each unit's columns the products of all pairs of them."""
    first, second = _pairs(units.shape[1])
    return np.hstack([units, units[:, first] * units[:, second]])


def moments_of(units: Vector) -> tuple[Vector, Vector]:
    """Return the sums of the units, and those of the products of their columns."""
    totals = with_products(units).sum(axis=0)
    return totals[: units.shape[1]], totals[units.shape[1] :]
