"""What does each subgroup of a grouping show: figures, noise, enough rows to judge?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._label_text import format_label
from sklearn_equity.fidelity._bootstrap_intervals import (
    IntervalMethod,
    bootstrap_intervals,
)
from sklearn_equity.fidelity._estimates import rows_of_subgroups, subgroup_estimates
from sklearn_equity.fidelity._inference import Inference, infer
from sklearn_equity.fidelity._line import slope
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._pooled_shape import PivotQuantiles, pooled_pivots
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._row_bootstrap import bootstrap_rows, is_function_of_rows
from sklearn_equity.fidelity._shuffles import Shuffles, shuffled_figures
from sklearn_equity.fidelity._table import OverallFidelity
from sklearn_equity.fidelity._verdicts import Measured, guarded_errors
from sklearn_equity.sufficient_statistics import subgroup_sums

__all__ = [
    "Part",
    "Settings",
    "generator",
    "guarded_by_shape",
    "measure",
    "measure_everybody",
    "skew_of_intervals",
]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """How fidelity is measured and judged."""

    metric: Metric
    min_subgroup_size: int
    confidence_level: float
    tolerance: float
    n_resamples: int
    n_jobs: int | None = None
    interval_method: IntervalMethod = "recommended"

    @property
    def tail(self) -> float:
        """The chance on either side of an interval."""
        return (1.0 - self.confidence_level) / 2.0


def generator(seed: int, *words: str) -> np.random.Generator:
    """Spawn a generator by name: draws do not depend on which others there are."""
    spawn_key = [crc32(word.encode()) for word in words]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=spawn_key))


@dataclass(frozen=True)
class Part:
    """The figures of one grouping.

    Attributes
    ----------
    measured : Measured
        What verdicts are reached by.
    weight : ndarray of shape (n_subgroups,)
        The sum of weights of each subgroup.
    ci_low, ci_high : ndarray of shape (n_subgroups,)
        The ends of intervals.
    middle : ndarray of shape (n_subgroups,)
        About what they are stretched, to hold all at once.
    shuffles : Shuffles or None
        The figures with the people dealt out anew.
    """

    measured: Measured
    weight: Vector
    ci_low: Vector
    ci_high: Vector
    middle: Vector
    shuffles: Shuffles | None


def measure(
    data: Population, codes: SubgroupCodes, settings: Settings, seed: int
) -> Part:
    """Measure every subgroup of one grouping."""
    metric = settings.metric
    estimate = _estimates(data, codes, metric)
    pivots = _pivots(data, codes, settings, seed)
    inferences = _infer_all(
        (data.take(rows) for rows in rows_of_subgroups(codes)),
        estimate.tolist(),
        settings,
        [generator(seed, format_label(label)) for label in codes.labels],
        pivots,
    )
    n = codes.counts()
    weight = n.astype(np.float64)
    if data.sample_weight is not None:
        weight = subgroup_sums(codes.codes, len(n), [data.sample_weight])[:, 0]
    std_error = np.array([one.std_error for one in inferences])
    ci_low = np.array([one.ci_low for one in inferences])
    ci_high = np.array([one.ci_high for one in inferences])
    large = (n >= settings.min_subgroup_size) & _has_classes(data, codes, metric)
    judged = large & np.isfinite(std_error + ci_low)
    guarded, shortfall = guarded_by_shape(
        metric, n, estimate, std_error, judged, pivots
    )
    measured = Measured(
        n=n,
        estimate=estimate,
        std_error=std_error,
        guarded=guarded,
        shortfall=shortfall,
        skew=skew_of_intervals(settings, n, estimate, std_error, ci_low, ci_high),
        replicates=np.vstack([one.replicates for one in inferences]),
        judged=judged,
    )
    shuffles = shuffled_figures(
        data,
        codes,
        metric,
        n_shuffles=settings.n_resamples,
        rng=generator(seed, "shuffles", codes.name),
    )
    middle = estimate
    if settings.interval_method != "recommended":
        ends = bootstrap_intervals(
            settings.interval_method,
            metric,
            (data.take(rows) for rows in rows_of_subgroups(codes)),
            estimate,
            list(measured.replicates),
            tail=settings.tail,
            rngs=[generator(seed, format_label(one), "ends") for one in codes.labels],
            n_jobs=settings.n_jobs,
        )
        ci_low, middle, ci_high = ends.low, ends.middle, ends.high
    return Part(measured, weight, ci_low, ci_high, middle, shuffles)


def _estimates(data: Population, codes: SubgroupCodes, metric: Metric) -> Vector:
    return subgroup_estimates(
        data.y_true, data.y_pred, codes, metric, sample_weight=data.sample_weight
    )


def _pivots(
    data: Population, codes: SubgroupCodes, settings: Settings, seed: int
) -> PivotQuantiles | None:
    if settings.metric.columns is None or not settings.metric.shape_of_errors:
        return None
    return pooled_pivots(
        settings.metric,
        data,
        codes,
        n_resamples=settings.n_resamples,
        tail=settings.tail,
        rng=generator(seed, "shape of errors"),
    )


def guarded_by_shape(
    metric: Metric,
    n: NDArray[np.intp],
    estimate: Vector,
    std_error: Vector,
    judged: NDArray[np.bool_],
    pivots: PivotQuantiles | None,
) -> tuple[Vector, Vector]:
    """Return guarded standard errors, and how far short of the truth losses fall.

    Both by the shape of everybody's errors: subgroups that have not yet met the rare
    large ones look good, and sure of it.
    """
    guarded = guarded_errors(n, std_error, judged)
    shortfall = np.zeros(len(n))
    speaking = judged if judged.any() else np.isfinite(estimate + std_error)
    if pivots is None or not speaking.any():
        return guarded, shortfall
    average = np.asarray(np.average(estimate[speaking], weights=n[speaking]))
    with np.errstate(divide="ignore"):  # at the end of the range, the unit is 0
        unit = float(1.0 / slope(metric, average))
    floor = unit * np.sqrt(pivots.per_row / np.maximum(n, 1))
    guarded = np.where(np.isfinite(guarded), np.maximum(guarded, floor), np.nan)
    return guarded, unit * pivots.shortfall(n)


def _has_classes(
    data: Population, codes: SubgroupCodes, metric: Metric
) -> NDArray[np.bool_]:
    """Tell which subgroups have enough rows of either class, where that matters."""
    if metric.min_of_class == (0, 0):
        return np.ones(codes.n_subgroups, dtype=bool)
    of_one = subgroup_sums(codes.codes, codes.n_subgroups, [data.y_true])[:, 0]
    least_of_zero, least_of_one = metric.min_of_class
    return (of_one >= least_of_one) & (codes.counts() - of_one >= least_of_zero)


def _infer_all(
    people: Iterable[Population],
    estimates: Sequence[float],
    settings: Settings,
    rngs: Sequence[np.random.Generator],
    pivots: PivotQuantiles | None = None,
) -> list[Inference]:
    """Infer from each of some populations; joblib is sent what takes long, at once."""
    metric, n_resamples = settings.metric, settings.n_resamples
    drawn: Iterable[Vector | None] = repeat(None, len(estimates))
    if is_function_of_rows(metric):
        people = list(people)
        drawn = bootstrap_rows(
            metric, people, n_resamples, rngs, n_jobs=settings.n_jobs
        )
    return [
        infer(
            metric,
            data,
            estimate=estimate,
            n_resamples=n_resamples,
            tail=settings.tail,
            rng=rng,
            pivots=pivots,
            replicates=replicates,
        )
        for data, estimate, rng, replicates in zip(
            people, estimates, rngs, drawn, strict=True
        )
    ]


def measure_everybody(
    data: Population, settings: Settings, seed: int
) -> OverallFidelity:
    """Measure all rows together."""
    n = len(data.y_true)
    everybody = SubgroupCodes(np.zeros(n, dtype=np.intp), ("all",), "all")
    estimate = float(_estimates(data, everybody, settings.metric)[0])
    (inference,) = _infer_all([data], [estimate], settings, [generator(seed)])
    ci_low, ci_high = inference.ci_low, inference.ci_high
    if settings.interval_method != "recommended":
        ends = bootstrap_intervals(
            settings.interval_method,
            settings.metric,
            [data],
            np.array([estimate]),
            [inference.replicates],
            tail=settings.tail,
            rngs=[generator(seed, "", "ends")],
            n_jobs=settings.n_jobs,
        )
        ci_low, ci_high = float(ends.low[0]), float(ends.high[0])
    return OverallFidelity(
        n=n,
        weight=float(n if data.sample_weight is None else data.sample_weight.sum()),
        estimate=estimate,
        std_error=inference.std_error,
        ci_low=ci_low,
        ci_high=ci_high,
    )


def skew_of_intervals(
    settings: Settings,
    n: NDArray[np.intp],
    estimate: Vector,
    std_error: Vector,
    ci_low: Vector,
    ci_high: Vector,
) -> Vector:
    """Say how much further an interval reaches to the worse side than Student's t."""
    reach = ci_high - estimate
    if settings.metric.greater_is_better:
        reach = estimate - ci_low
    elif settings.metric.best_is_inside:
        reach = np.maximum(reach, estimate - ci_low)
    t = stdtrit(np.maximum(n - 1, 1), (1.0 + settings.confidence_level) / 2.0)
    ratio = np.ones_like(estimate)
    np.divide(reach, t * std_error, out=ratio, where=t * std_error > 0.0)
    return np.maximum(ratio, 1.0)
