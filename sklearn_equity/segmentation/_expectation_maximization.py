"""Which mixture made these rows, found by expectation and maximisation?"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin

from sklearn_equity._fit_tasks import NO_TASK, Task
from sklearn_equity.segmentation._moments import (
    Matrix,
    Parameters,
    coefficients,
    maximise,
    precision_roots,
)
from sklearn_equity.segmentation._quantile_start import quantile_cells
from sklearn_equity.segmentation._rows import Resolutions, Rows, take_rows

# By so much a row may a mixture be likelier than its bins say, before finer ones
# follow, and before it counts as a start that led astray.
_WORTH_FINER_BINS = 0.01
_WORTH_A_NEW_START = 0.1


@dataclass(frozen=True)
class Climb:
    """Where a start led: parameters, and the log-likelihood of a row by step."""

    parameters: Parameters
    lower_bounds: list[float]


def fit_parameters(
    resolutions: Resolutions,
    n_components: int,
    *,
    init_params: str,
    n_init: int,
    tol: float,
    reg_covar: float,
    max_iter: int,
    random_state: np.random.RandomState,
    task: Task = NO_TASK,
) -> Climb:
    """Fit a mixture to few bins, and to more of them as long as they hide something."""
    climb = partial(_climb, tol=tol, reg_covar=reg_covar, max_iter=max_iter)
    starts: list[Parameters] = []
    for rows, bins_of_probe in resolutions:
        if bins_of_probe is not None and len(rows.counts) < n_components:
            continue  # each component needs a bin to start from
        starts = starts or [
            start_parameters(rows, n_components, init_params, reg_covar, random_state)
            for _ in range(1 if init_params == "quantiles" else n_init)
        ]
        climbs = [
            climb(rows, start, task=part)
            for part, start in task.each("start", starts, max_iter)
        ]
        best = max(climbs, key=lambda climb: climb.lower_bounds[-1])
        if bins_of_probe is None:
            break
        probe = resolutions.probe
        hidden = _hidden_by_bins(rows, bins_of_probe, probe, best.parameters)
        if hidden < _WORTH_FINER_BINS:
            break
        starts = [] if hidden > _WORTH_A_NEW_START else [best.parameters]
    return best


def _climb(
    rows: Rows,
    parameters: Parameters,
    *,
    tol: float,
    reg_covar: float,
    max_iter: int,
    task: Task = NO_TASK,
) -> Climb:
    """Raise the likelihood until a step gains less than `tol`."""
    bounds: list[float] = []
    for _ in task.each("step", range(max_iter), may_stop=True):
        sums, log_likelihood = _expect(rows, parameters)
        parameters = maximise(
            sums, rows.second_moments, rows.covariance_type, reg_covar
        )
        bounds.append(log_likelihood)
        if len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < tol:
            break
    return Climb(parameters, bounds)


def _hidden_by_bins(
    rows: Rows, bins_of_probe: NDArray[np.intp], probe: Matrix, parameters: Parameters
) -> float:
    """Return how much likelier a row is, on average, than its bin says."""
    binned = _relative_log_density(rows, parameters)[bins_of_probe]
    single = _relative_log_density(take_rows(probe, rows.covariance_type), parameters)
    return float((single - binned).mean())


def _relative_log_density(rows: Rows, parameters: Parameters) -> Matrix:
    """Return log-densities, for tied covariances short of what all components share."""
    slopes = coefficients(parameters, rows.covariance_type)
    return np.concatenate(
        [split(slopes @ averages)[1] for _, averages in rows.blocks(len(slopes))]
    )


def _expect(rows: Rows, parameters: Parameters) -> tuple[Matrix, float]:
    """Return the sums of the components, and the mean log-likelihood of a row."""
    slopes = coefficients(parameters, rows.covariance_type)
    sums = np.zeros_like(slopes)
    total = 0.0
    for block, averages in rows.blocks(len(slopes)):
        counts = rows.counts[block]
        shares, log_density = split(slopes @ averages)
        shares *= counts
        sums += shares @ averages.T
        total += float(log_density @ counts)
    if rows.covariance_type == "tied":
        root = precision_roots(parameters.covariances, "tied")
        total -= 0.5 * float(((rows.second_moments @ root) * root).sum())
    return sums, total / rows.n_rows


def split(log_densities: Matrix) -> tuple[Matrix, Matrix]:
    """Split points, one a column, between components, one a row; works in place.

    Returns the shares, and the logarithm of the sum of the densities.
    """
    highest = log_densities.max(axis=0)
    log_densities -= highest
    shares = np.exp(log_densities, out=log_densities)
    density = shares.sum(axis=0)
    shares /= density
    return shares, highest + np.log(density)


# ---- where to start ----------------------------------------------------------------
def start_parameters(
    rows: Rows,
    n_components: int,
    init_params: str,
    reg_covar: float,
    random_state: np.random.RandomState,
) -> Parameters:
    """Share the rows out in the ways that scikit-learn knows, or by quantiles.

    Where it starts from one row a component, the components are tiny, and its first
    step hands every row to the nearest of them: here that is the start.
    """
    labels = None
    if init_params == "quantiles":
        labels = quantile_cells(rows.centres, rows.counts, n_components)
    elif init_params != "random":
        labels = _nearest_start(rows, n_components, init_params, random_state)
    sums: Any = 0.0
    for block, averages in rows.blocks(n_components):
        if labels is None:
            shares = random_state.uniform(size=(n_components, averages.shape[1]))
            shares /= shares.sum(axis=0)
        else:
            shares = labels[block] == np.arange(n_components)[:, np.newaxis]
        sums = sums + (shares * rows.counts[block]) @ averages.T
    return maximise(sums, rows.second_moments, rows.covariance_type, reg_covar)


def _nearest_start(
    rows: Rows,
    n_components: int,
    init_params: str,
    random_state: np.random.RandomState,
) -> NDArray[np.intp]:
    """Return the nearest of some centres for every bin."""
    if init_params == "kmeans":
        kmeans = KMeans(n_components, n_init=1, random_state=random_state)
        labels: NDArray[np.intp] = kmeans.fit(
            rows.centres, sample_weight=rows.counts
        ).labels_
        return labels
    if init_params == "k-means++":
        centres, _ = kmeans_plusplus(
            rows.centres,
            n_components,
            sample_weight=rows.counts,
            random_state=random_state,
        )
    else:
        drawn = random_state.choice(
            len(rows.centres), n_components, replace=False, p=rows.counts / rows.n_rows
        )
        centres = rows.centres[drawn]
    nearest: NDArray[np.intp] = pairwise_distances_argmin(rows.centres, centres)
    return nearest
