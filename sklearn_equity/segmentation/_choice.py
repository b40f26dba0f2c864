"""How many components? As many as asked for and possible, or the best of a list."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from sklearn_equity._fit_tasks import Task
from sklearn_equity.exceptions import (
    DiagonalCovarianceWarning,
    FewerSegmentsWarning,
)
from sklearn_equity.segmentation._mixture import log_density_of
from sklearn_equity.segmentation._silhouette import Silhouettes

_FEW_COLUMNS = 3
_NEARLY_ALL = 0.99  # of the rows: who is left are a handful, not segments

Criterion = Literal["silhouette", "bic"]
CovarianceType = Literal["full", "tied", "diag", "spherical"]


def check_candidates(candidates: Sequence[int], criterion: Criterion) -> list[int]:
    """Return the numbers to choose among, in order and each once."""
    least = 2 if criterion == "silhouette" else 1
    fine = [isinstance(number, Integral) and number >= least for number in candidates]
    if not fine or not all(fine):
        msg = (
            f"`candidates` must be one or more integers of {least} or more for "
            f"component_choice={criterion!r}; got {candidates!r}."
        )
        raise ValueError(msg)
    return sorted({int(number) for number in candidates})


def limit_to_distinct_rows(
    numbers: list[int], points: NDArray[np.float64]
) -> list[int]:
    """Replace the numbers of components that the distinct rows cannot fill."""
    n_distinct = _count_distinct(points, enough=numbers[-1])
    if n_distinct >= numbers[-1]:
        return numbers
    msg = (
        f"{numbers[-1]} components need as many distinct rows; `X` has {n_distinct}, "
        f"so that at most {n_distinct} are in use."
    )
    warnings.warn(msg, FewerSegmentsWarning, stacklevel=5)
    return [*(number for number in numbers if number < n_distinct), n_distinct]


def _count_distinct(points: NDArray[np.float64], *, enough: int) -> int:
    """Count distinct rows; the first ones suffice if they hold `enough`."""
    n_first = len(np.unique(points[: 20 * enough], axis=0))
    return n_first if n_first >= enough else len(np.unique(points, axis=0))


def limit_to_estimable(
    covariance_type: CovarianceType,
    numbers: list[int],
    points: NDArray[np.float64],
    *,
    chosen: bool,
) -> tuple[CovarianceType, list[int]]:
    """Leave out candidates, or replace full covariances, that few rows do not allow."""
    n_rows, n_features = points.shape
    most = n_rows // (n_features + 1)
    # In few columns `reg_covar` makes up for a row or two.
    if covariance_type != "full" or n_features <= _FEW_COLUMNS or most >= numbers[-1]:
        return covariance_type, numbers
    if most >= numbers[0]:
        fewer = [number for number in numbers if number <= most]
        msg = (
            f"Of `candidates`, those up to {fewer[-1]} are compared: full covariances "
            f"of {n_features} columns need at least {n_features + 1} rows each, and "
            f"`X` has {n_rows} in all. Reduce the columns, lower `candidates`, or say "
            'covariance_type="diag".'
        )
        warnings.warn(msg, FewerSegmentsWarning, stacklevel=5)
        return covariance_type, fewer
    n_components = numbers[0]
    parameter = "candidates" if chosen else "n_components"
    msg = (
        f"{n_components} full covariances of {n_features} columns need at least "
        f"{n_features + 1} rows each; `X` has {n_rows / n_components:.3g} a component: "
        f"diagonal ones are fitted. Reduce the columns, lower `{parameter}`, or say "
        'covariance_type="diag".'
    )
    warnings.warn(msg, DiagonalCovarianceWarning, stacklevel=5)
    return "diag", numbers


def warn_of_lost_segments(
    rows_of_component: NDArray[np.intp],
    segment_sizes: NDArray[np.intp],
    min_segment_size: int,
) -> None:
    """Tell how many components are in use if that is not what was asked for."""
    n_components, n_segments = len(rows_of_component), len(segment_sizes)
    n_rows, largest = segment_sizes.sum(), segment_sizes.max()
    n_empty = int((rows_of_component == 0).sum())
    if n_empty:
        msg = (
            f"{n_empty} of {n_components} components hold no row: "
            f"{n_components - n_empty} are in use, in {n_segments} segments. Rows that "
            "repeat, or a few very far from all others, leave too little to tell the "
            "rest apart; look for outliers, or lower `n_components`."
        )
    elif n_segments == 1 and n_components > 1:
        msg = (
            f"All {n_components} components were joined into one segment: at every "
            f"step before, one had fewer than `min_segment_size`={min_segment_size} of "
            f"the {n_rows} rows. Lower `min_segment_size`."
        )
    elif n_components > 1 and largest > _NEARLY_ALL * n_rows:
        msg = (
            f"One segment holds {largest} of {n_rows} rows, though {n_components} "
            "components are in use: a few rows far from all others leave too little "
            "to tell the rest apart. Look for outliers, or raise `n_components`."
        )
    else:
        return
    warnings.warn(msg, FewerSegmentsWarning, stacklevel=5)


def choose_mixture(
    fit_mixture: Callable[..., GaussianMixture],
    numbers: list[int],
    points: NDArray[np.float64],
    criterion: Criterion,
    seed: int,
    task: Task,
) -> tuple[GaussianMixture, dict[int, float]]:
    """Fit one mixture a number and keep the best, of equals the smallest.

    Every number is a part of `task`, and is fitted by ``fit_mixture(number, task=)``.
    Returns the mixture and the criterion's value by number: NaN where it is not
    defined, which loses to every other value.
    """
    score: Callable[[GaussianMixture], float]
    if criterion == "bic":
        score, sign = partial(information_criterion, points=points), -1.0
    else:
        score, sign = Silhouettes(points, np.random.RandomState(seed)).score, 1.0
    scores: dict[int, float] = {}
    best, best_gain = None, -np.inf
    for part, number in task.each("candidate", numbers, None):
        mixture = fit_mixture(number, task=part)
        scores[number] = score(mixture)
        gain = sign * scores[number]
        if best is None or gain > best_gain or np.isnan(best_gain):
            best, best_gain = mixture, gain
    return best, scores


def information_criterion(
    mixture: GaussianMixture, points: NDArray[np.float64]
) -> float:
    """Bayesian information criterion, as scikit-learn has it: lower is better."""
    n_components, n_features = mixture.means_.shape
    n_covariances = {
        "full": n_components * n_features * (n_features + 1) // 2,
        "tied": n_features * (n_features + 1) // 2,
        "diag": n_components * n_features,
        "spherical": n_components,
    }[mixture.covariance_type]
    n_parameters = n_components - 1 + mixture.means_.size + n_covariances
    log_likelihood = log_density_of(mixture, points).sum()
    return float(n_parameters * np.log(len(points)) - 2.0 * log_likelihood)
