"""How many components? As many as asked for and possible, or the best of a list."""

import warnings
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state

from sklearn_equity.exceptions import FewerSegmentsWarning

Criterion = Literal["silhouette", "bic"]

SILHOUETTE_ROWS = 4000  # its cost is quadratic; with these the score errs by about .01


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


def warn_of_lost_segments(
    rows_of_component: NDArray[np.intp], n_segments: int, min_segment_size: int
) -> None:
    """Tell how many components are in use if that is not what was asked for."""
    n_components = len(rows_of_component)
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
            f"the {rows_of_component.sum()} rows. Lower `min_segment_size`."
        )
    else:
        return
    warnings.warn(msg, FewerSegmentsWarning, stacklevel=5)


def choose_mixture(
    fit_mixture: Callable[[int], GaussianMixture],
    numbers: list[int],
    points: NDArray[np.float64],
    criterion: Criterion,
    seed: int,
) -> tuple[GaussianMixture, dict[int, float]]:
    """Fit one mixture a number and keep the best, of equals the smallest.

    Returns the mixture and the criterion's value by number: NaN where it is not
    defined, which loses to every other value.
    """
    judged = _draw_rows(points, seed) if criterion == "silhouette" else points
    scores: dict[int, float] = {}
    best, best_gain = None, -np.inf
    for number in numbers:
        mixture = fit_mixture(number)
        if criterion == "bic":
            scores[number] = float(mixture.bic(judged))
            gain = -scores[number]
        else:
            scores[number] = gain = _silhouette(mixture, judged)
        if best is None or gain > best_gain or np.isnan(best_gain):
            best, best_gain = mixture, gain
    return best, scores


def _draw_rows(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    if len(points) <= SILHOUETTE_ROWS:
        return points
    random_state = check_random_state(seed)
    return points[random_state.permutation(len(points))[:SILHOUETTE_ROWS]]


def _silhouette(mixture: GaussianMixture, points: NDArray[np.float64]) -> float:
    """Mean silhouette of the components; NaN if one holds all rows, or each one."""
    labels = mixture.predict(points)
    if not 2 <= len(np.unique(labels)) < len(points):
        return float("nan")
    return float(silhouette_score(points, labels))
