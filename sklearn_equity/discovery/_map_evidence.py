"""Does a map of errors know anything at all, and is what it says of the right size?

Everything here is measured on people whom the model that scored them never saw.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata, t
from sklearn.utils.parallel import Parallel, delayed

from sklearn_equity._fit_tasks import NO_TASK, Task
from sklearn_equity.discovery._cross_fit import ErrorModel, Fold
from sklearn_equity.segmentation._reseed import draw_seed

__all__ = [
    "BandOfPeople",
    "ColumnImportance",
    "MapEvidence",
    "calibrate_bands",
    "cut_between",
    "measure_evidence",
    "measure_importances",
    "rank_correlation",
]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_CONFIDENCE = 0.95
# Each pair of folds is compared twice, once with either as the test, so that the mean
# over folds varies twice as much as over independent ones (see `measure_evidence`).
_EACH_PAIR_TWICE = 2.0


@dataclass(frozen=True)
class MapEvidence:
    """Whether scores and losses of people go together, out of fold.

    Parameters
    ----------
    rank_correlation : float
        Spearman's correlation of scores and losses, the mean over folds; 0 if the map
        knows nothing.
    ci_low, ci_high : float
        A cautious 95% interval for it.
    p_value : float
        How often a map of losses that have nothing to do with the columns does as well.
    calibration_slope : float
        The slope of losses on scores: 1 if differences between scores are of the right
        size, less if they are too large; any number if the map knows nothing, NaN where
        all scores are equal.
    n : int
        People scored.
    """

    rank_correlation: float
    ci_low: float
    ci_high: float
    p_value: float
    calibration_slope: float
    n: int

    def __str__(self) -> str:
        verdict = (
            "The map tells who is served worse"
            if self.p_value <= 1 - _CONFIDENCE
            else "The map does not tell who is served worse: no evidence that it can"
        )
        return (
            f"{verdict}. Out of fold, scores and losses of {self.n:,} people have a "
            f"rank correlation of {self.rank_correlation:.2f} ({self.ci_low:.2f} to "
            f"{self.ci_high:.2f}), p = {self.p_value:.2g}."
        )


@dataclass(frozen=True)
class BandOfPeople:
    """What the map says of one band of people, and what came true.

    Parameters
    ----------
    band : int
        0 for the best served.
    n : int
        People of the rows of `fit` whose out-of-fold score lies in the band.
    expected : float
        Their mean score.
    observed : float
        Their mean loss; NaN in an empty band.
    std_error : float
        Of the mean loss; NaN for fewer than two people.
    """

    band: int
    n: int
    expected: float
    observed: float
    std_error: float


@dataclass(frozen=True)
class ColumnImportance:
    """How much the map leans on one column.

    Parameters
    ----------
    column : str
        The column of the table.
    importance : float
        By how much the rank correlation of scores and losses falls, out of fold, when
        the values of the column are shuffled among people.
    ci_low, ci_high : float
        A 95% interval over folds, by the corrected t statistic of Nadeau and Bengio.
    """

    column: str
    importance: float
    ci_low: float
    ci_high: float


def measure_evidence(
    scores: Vector, losses: Vector, folds: Sequence[Fold]
) -> MapEvidence:
    """Compare scores with losses inside each fold.

    Pooled over folds they would go against each other where there is nothing to know:
    a fold of large losses leaves small ones to the model that scores it. Inside a fold
    the rank correlation has mean 0 and variance 1 / (n - 1), ties or none. Where g_i is
    what chance makes of fold i, the sum over folds of <g_i, sum of the others> has each
    pair twice, hence twice the variance of as many independent terms.
    """
    sizes = np.array([len(test) for _, test in folds], dtype=np.float64)
    correlations = np.array(
        [rank_correlation(scores[test], losses[test]) for _, test in folds]
    )
    n = float(sizes.sum())
    mean = float(correlations @ sizes / n)
    variance = _EACH_PAIR_TWICE * np.sum(sizes**2 / np.maximum(sizes - 1, 1)) / n**2
    std_error = float(np.sqrt(variance))
    reach = norm.ppf((1 + _CONFIDENCE) / 2) * std_error
    centre = np.arctanh(np.clip(mean, -0.999999, 0.999999))
    return MapEvidence(
        rank_correlation=mean,
        ci_low=float(np.tanh(centre - reach)),
        ci_high=float(np.tanh(centre + reach)),
        p_value=float(norm.sf(mean / std_error)),
        calibration_slope=_slope(scores, losses, folds),
        n=int(n),
    )


def cut_between(scores: Vector, shares: Vector) -> Vector:
    """Cut scores at quantiles, halfway between the scores on both sides.

    Whoever has the score of a quantile comes to lie above its cut, so that equal scores
    are never parted; there is no cut below the lowest.
    """
    values, at = np.unique(scores, return_inverse=True)
    ordered = np.sort(at)
    above = np.unique(ordered[(shares * len(scores)).astype(np.intp)])
    above = above[above > 0]
    edges: Vector = values[above - 1] / 2 + values[above] / 2
    return edges


def rank_correlation(first: Vector, second: Vector) -> float:
    """Return Spearman's correlation; 0 where one of the two is constant."""
    ranks = [rankdata(values) for values in (first, second)]
    centred = [values - values.mean() for values in ranks]
    size = float(np.sqrt(np.prod([values @ values for values in centred])))
    return float(centred[0] @ centred[1]) / size if size else 0.0


def _slope(scores: Vector, losses: Vector, folds: Sequence[Fold]) -> float:
    """Return the slope of losses on scores, both about their means by fold."""
    product, square = 0.0, 0.0
    for _, test in folds:
        centred = scores[test] - scores[test].mean()
        product += float(centred @ losses[test])
        square += float(centred @ centred)
    return product / square if square else float("nan")


def calibrate_bands(
    bands: NDArray[np.intp], scores: Vector, losses: Vector, n_bands: int
) -> tuple[BandOfPeople, ...]:
    """Set what was expected of every band beside what was observed."""
    return tuple(
        _describe_band(band, scores[bands == band], losses[bands == band])
        for band in range(n_bands)
    )


def _describe_band(band: int, scores: Vector, losses: Vector) -> BandOfPeople:
    n, nan = len(losses), float("nan")
    return BandOfPeople(
        band=band,
        n=n,
        expected=float(scores.mean()) if n else nan,
        observed=float(losses.mean()) if n else nan,
        std_error=float(losses.std(ddof=1) / np.sqrt(n)) if n > 1 else nan,
    )


def measure_importances(
    names: Iterable[str],
    models: Sequence[ErrorModel],
    X: Matrix,
    losses: Vector,
    folds: Sequence[Fold],
    *,
    n_repeats: int,
    random_state: np.random.RandomState,
    n_jobs: int | None = None,
    task: Task = NO_TASK,
) -> tuple[ColumnImportance, ...]:
    """Shuffle one column after the other among the test rows of every fold."""
    names = tuple(names)
    seeds = [draw_seed(random_state) for _ in folds]
    parts = task.parts("fold", len(folds))
    falls = np.array(
        Parallel(n_jobs=n_jobs)(
            delayed(_falls)(model, X[test], losses[test], n_repeats, seed, part)
            for model, (_, test), seed, part in zip(
                models, folds, seeds, parts, strict=True
            )
        )
    )
    means, reach = falls.mean(axis=0), _reach_over_folds(falls)
    found = [
        ColumnImportance(name, float(mean), float(mean - by), float(mean + by))
        for name, mean, by in zip(names, means, reach, strict=True)
    ]
    return tuple(sorted(found, key=lambda column: -column.importance))


def _falls(
    model: ErrorModel,
    X: Matrix,
    losses: Vector,
    n_repeats: int,
    seed: int,
    task: Task,
) -> Vector:
    """Return the fall in rank correlation for every column, in one fold."""
    random_state = np.random.RandomState(seed)
    falls = np.zeros(X.shape[1])
    shuffled = X.copy()
    with task:
        intact = rank_correlation(model.predict(X), losses)
        for column in range(X.shape[1]):
            for _ in range(n_repeats):
                shuffled[:, column] = random_state.permutation(X[:, column])
                left = rank_correlation(model.predict(shuffled), losses)
                falls[column] += (intact - left) / n_repeats
            shuffled[:, column] = X[:, column]
    return falls


def _reach_over_folds(falls: Matrix) -> Any:
    """Return half the width of the interval: Nadeau and Bengio (2003), eq. (10).

    The training rows of folds overlap, so that the variance of a mean over k folds is
    taken to be (1 / k + test rows / training rows) times that over folds.
    """
    k = len(falls)
    factor = 1 / k + 1 / (k - 1)
    quantile = t.ppf((1 + _CONFIDENCE) / 2, k - 1)
    return quantile * np.sqrt(factor * falls.var(axis=0, ddof=1))
