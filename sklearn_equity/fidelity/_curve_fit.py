"""A metric fitted along a position: its values, their errors, their joint deviation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._parallel import generators_for, run
from sklearn_equity.fidelity._line import slope, to_line
from sklearn_equity.fidelity._local_fit import Bins, smoothing_weights
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.significance import gather_units, resampled_sums

__all__ = ["CurveFit", "finish_means", "fit_curve", "gradient", "resampled_deviations"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_DEGREE = 2  # one more than that by which the width is chosen
_DRAW = 6.0  # nanoseconds, roughly, for which a unit enters a resample or not
_LEAST_LEFT_OUT = 0.1  # of a row that pulls the fit to itself


@dataclass(frozen=True)
class CurveFit:
    """A fitted curve, and what refits of it on resampled rows need.

    Attributes
    ----------
    metric : Metric
        What is fitted.
    estimate, std_error, n_effective : ndarray of shape (n_points,)
        The metric; its standard error; how many people at the point tell as much.
    share : ndarray of shape (n_points, n_bins)
        What a unit of weight in each bin adds to the columns' means at each point.
    scale : ndarray of shape (n_columns,)
        The size of each column.
    sums : ndarray of shape (n_bins, n_columns)
        The weighted sums of the columns.
    residuals : ndarray of shape (n_columns, n_rows)
        The rows' distances from fits without them, times their weights.
    """

    metric: Metric
    estimate: Vector
    std_error: Vector
    n_effective: Vector
    share: Matrix
    scale: Vector
    sums: Matrix
    residuals: Matrix


def finish_means(metric: Metric, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute a metric from the means of its columns; NaN where it has no value."""
    if metric.finish is None:
        raise TypeError(f"The metric {metric.name!r} does not follow from sums.")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(metric.finish(means), dtype=np.float64)


def gradient(
    metric: Metric, means: NDArray[np.float64], scale: Vector
) -> NDArray[np.float64]:
    """Differentiate a metric by the means of its columns, of the given sizes."""
    slopes = np.zeros_like(means)
    for j in np.flatnonzero(scale > 0.0):
        step = np.zeros(means.shape[-1])
        step[j] = 1e-6 * scale[j]
        ends = (finish_means(metric, means + step), finish_means(metric, means - step))
        with np.errstate(invalid="ignore"):  # a value without end on both sides
            rise = np.subtract(*ends)
        slopes[..., j] = rise / (2.0 * step[j])
    return slopes


def fit_curve(
    metric: Metric,
    columns: Matrix,
    sample_weight: Vector,
    bins: Bins,
    at: Vector,
    *,
    width: float,
) -> CurveFit:
    """Fit the columns' means at each position, and the metric from them."""
    sums = bins.sums(sample_weight * columns)
    share = smoothing_weights(at, bins, width, degree=_DEGREE)
    residuals = _left_out_residuals(columns, sample_weight, bins, sums, width)
    first, second = np.triu_indices(len(columns))
    moments = bins.sums(residuals[first] * residuals[second])
    scale = np.sqrt(np.average(columns**2, axis=1, weights=sample_weight))
    estimate, std_error = _estimate(metric, share, scale, sums, moments)
    n_effective = 1.0 / (share**2 @ bins.squared_weight)
    return CurveFit(
        metric, estimate, std_error, n_effective, share, scale, sums, residuals
    )


def _left_out_residuals(
    columns: Matrix, sample_weight: Vector, bins: Bins, sums: Matrix, width: float
) -> Matrix:
    share = smoothing_weights(bins.position, bins, width, degree=_DEGREE)
    fitted = (share @ sums)[bins.row].T
    own_share = np.diag(share) * bins.squared_weight / bins.weight
    left_out = np.maximum(1.0 - own_share, _LEAST_LEFT_OUT)[bins.row]
    return sample_weight * (columns - fitted) / left_out


def _estimate(
    metric: Metric,
    share: Matrix,
    scale: Vector,
    sums: NDArray[np.float64],
    moments: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the metric and its standard errors, from sums by bin.

    Sums and moments have the shape (..., n_bins, n_columns) and (..., n_bins, n_pairs).
    """
    means = share @ sums
    slopes = gradient(metric, means, scale)
    first, second = np.triu_indices(len(scale))
    twice = np.where(first == second, 1.0, 2.0)
    products = slopes[..., first] * slopes[..., second] * twice
    variance = (products * (share**2 @ moments)).sum(axis=-1)
    return finish_means(metric, means), np.sqrt(np.maximum(variance, 0.0))


def resampled_deviations(
    fit: CurveFit,
    bins: Bins,
    n_resamples: int,
    rng: np.random.Generator,
    *,
    n_jobs: int | None = None,
) -> Matrix:
    """Refit on resampled residuals; return deviations in each refit's standard errors.

    On the metric's scale without ends, with the sign of estimate minus truth; of shape
    (n_resamples, n_points). Residuals are drawn within their bin.
    """
    first, second = np.triu_indices(len(fit.scale))
    n_columns, n_bins = len(fit.scale), len(bins.weight)
    sums = np.empty((n_resamples, n_bins, n_columns))
    moments = np.empty((n_resamples, n_bins, len(first)))
    order = np.argsort(bins.row, kind="stable")
    ends = np.cumsum(np.bincount(bins.row, minlength=n_bins))[:-1]
    units = [
        gather_units(fit.residuals[:, rows].T, rng) for rows in np.split(order, ends)
    ]
    units = [np.hstack([one, one[:, first] * one[:, second]]) for one in units]
    resampled = run(
        resampled_sums,
        (
            (one, n_resamples, own)
            for one, own in zip(units, generators_for(units, rng), strict=True)
        ),
        n_jobs=n_jobs,
        nanoseconds=_DRAW * n_resamples * sum(map(len, units)),
    )
    for b, (one, drawn) in enumerate(zip(units, resampled, strict=True)):
        total = one[:, :n_columns].sum(axis=0)
        sums[:, b] = fit.sums[b] + drawn[:, :n_columns] - total
        moments[:, b] = drawn[:, n_columns:]
    estimate, std_error = _estimate(fit.metric, fit.share, fit.scale, sums, moments)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = to_line(fit.metric, estimate) - to_line(fit.metric, fit.estimate)
        return moved / (std_error * slope(fit.metric, estimate))
