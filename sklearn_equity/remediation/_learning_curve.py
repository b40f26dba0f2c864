r"""How does the error of a subgroup fall with its own people, and with the others'?

Models are trained on random parts of the people, the share drawn anew for each
subgroup, so that one set of models serves all curves:

    error = a + b n_own**-e + c n_others**-e,  b, c >= 0.

The same people are predicted by all models of a fold, so that a, which holds what is
hard about them, is a constant of the fold and is not estimated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import is_classifier

from sklearn_equity._parallel import blocks_of, generators_for, run
from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.remediation._calibration import Folds
from sklearn_equity.remediation._emphasis import TrainingRows

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]
# Of regular models with many people, errors fall as 1 / n; of others more slowly.
EXPONENTS = (1.0, 0.5, 0.25)
_CLEARLY = 3.84  # the 95% quantile of chi squared: 1 unless the others fit better
_SMALLEST_SHARE = 0.3
_FIT, _LOSS = 3e5, 5.0  # nanoseconds, roughly, of a fit and for each loss in it


@dataclass(frozen=True)
class Trials:
    """What models trained on parts of the people made of those they had not seen.

    Attributes
    ----------
    loss : ndarray of shape (n_rows, n_designs)
        Of each person under each model of the person's fold; the first is trained on
        everybody outside of the fold.
    fold : ndarray of shape (n_rows,)
        The fold that tests a person.
    sizes : ndarray of shape (n_folds, n_designs, n_subgroups)
        How many people of each subgroup a model was trained on.
    """

    loss: Vector
    fold: Rows
    sizes: Vector


def run_trials(
    training: TrainingRows,
    estimator: Any,
    y: NDArray[Any],
    codes: Rows,
    folds: Folds,
    *,
    n_designs: int,
    random_state: np.random.RandomState,
    n_jobs: int | None,
) -> Trials:
    """Train on random parts of each fold's training rows, and predict its test rows."""
    n_subgroups = int(codes.max()) + 1
    loss = np.empty((len(y), n_designs + 1))
    fold = np.empty(len(y), dtype=np.intp)
    sizes = np.empty((len(folds), n_designs + 1, n_subgroups))

    def draw_rows() -> Iterator[tuple[Rows, Rows]]:
        for f, (train, test) in enumerate(folds):
            for d in range(n_designs + 1):
                shares = _SMALLEST_SHARE ** random_state.random_sample(n_subgroups)
                rows = draw_part(train, codes, shares, random_state) if d else train
                sizes[f, d] = np.bincount(codes[rows], minlength=n_subgroups)
                yield rows, test

    found = run(
        _losses_of_trial,
        ((training, estimator, y, *rows) for rows in draw_rows()),
        n_jobs=n_jobs,
    )
    for f, (_, test) in enumerate(folds):
        fold[test] = f
        first = f * (n_designs + 1)
        loss[test] = np.column_stack(found[first : first + n_designs + 1])
    return Trials(loss, fold, sizes)


def _losses_of_trial(
    training: TrainingRows, estimator: Any, y: NDArray[Any], rows: Rows, test: Rows
) -> Vector:
    """Train on some rows, and measure on others."""
    model = training.fit(estimator, np.ones(len(y), dtype=np.intp), rows=rows)
    return losses_of(model, safe_indexing(training.X, test), y[test], estimator)


def draw_part(
    train: Rows, codes: Rows, shares: Vector, random_state: np.random.RandomState
) -> Rows:
    """Draw a share of each subgroup's training rows."""
    parts = []
    for code, share in enumerate(shares):
        mine = train[codes[train] == code]
        n_drawn = int(np.ceil(share * len(mine)))
        parts.append(random_state.permutation(mine)[:n_drawn])
    return np.sort(np.concatenate(parts))


def losses_of(model: Any, X: Any, y: NDArray[Any], estimator: Any) -> Vector:
    """Return squared errors; of classes, Brier scores, or whether they are wrong."""
    if not is_classifier(estimator):
        return np.asarray((y - np.asarray(model.predict(X)).ravel()) ** 2)
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(X) != y, dtype=np.float64)
    proba = np.asarray(model.predict_proba(X))
    hit = y[:, np.newaxis] == model.classes_
    missed = ~hit.any(axis=1)  # a class that this model never saw
    return np.asarray((((hit - proba) ** 2).sum(axis=1) + missed) / 2.0)


@dataclass(frozen=True)
class CurveData:
    """The trials of one subgroup.

    Attributes
    ----------
    loss : ndarray of shape (n_people, n_designs)
        Of its people.
    fold : ndarray of shape (n_people,)
        Their folds.
    own, others : ndarray of shape (n_folds, n_designs)
        How many people of it, and of all others, a model was trained on.
    """

    loss: Vector
    fold: Rows
    own: Vector
    others: Vector

    @classmethod
    def of(cls, trials: Trials, codes: Rows, code: int) -> "CurveData":
        """Take the trials of a subgroup."""
        mine = codes == code
        own = trials.sizes[:, :, code]
        return cls(
            trials.loss[mine], trials.fold[mine], own, trials.sizes.sum(axis=2) - own
        )

    def fit(self, people: Vector, designs: Vector) -> tuple[float, float, float]:
        """Fit the curve to people and models that count as often as the weights say.

        Returns b of exponent 1, unconstrained; the b of the curve that is kept, with
        neither part below 0; and its exponent.
        """
        n_folds = len(self.own)
        weight = np.bincount(self.fold, weights=people, minlength=n_folds)
        means = (
            np.stack(
                [
                    np.bincount(self.fold, weights=people * column, minlength=n_folds)
                    for column in self.loss.T
                ],
                axis=1,
            )
            / np.maximum(weight, 1e-12)[:, np.newaxis]
        )
        weights = weight[:, np.newaxis] * designs
        fits = {
            exponent: _solve(
                means,
                np.maximum(self.own, 1.0) ** -exponent,
                np.maximum(self.others, 1.0) ** -exponent,
                weights,
            )
            for exponent in EXPONENTS
        }
        free, usual, distance = fits[1.0]
        exponent = min(fits, key=lambda e: fits[e][2])
        left = means.size - n_folds - 2
        if distance - fits[exponent][2] <= _CLEARLY * fits[exponent][2] / left:
            return free, usual, 1.0
        return free, fits[exponent][1], exponent


def _solve(
    loss: Vector, own: Vector, others: Vector, weights: Vector
) -> tuple[float, float, float]:
    """Regress losses, centred in each fold, on two sizes: freely, and from 0 up."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    y, u, v = (
        values - (weights * values).sum(axis=1, keepdims=True) / total
        for values in (loss, own, others)
    )
    uu, vv, uv, uy, vy, yy = (
        float((weights * a * b).sum())
        for a, b in ((u, u), (v, v), (u, v), (u, y), (v, y), (y, y))
    )
    determinant = uu * vv - uv**2
    if determinant <= 1e-12 * uu * vv:
        free = (uy / uu if uu else 0.0, 0.0)
    else:
        free = ((vv * uy - uv * vy) / determinant, (uu * vy - uv * uy) / determinant)
    b, c = free
    if b < 0.0 or c < 0.0:
        ends = [(0.0, 0.0)]
        ends += [(max(uy / uu, 0.0), 0.0)] if uu else []
        ends += [(0.0, max(vy / vv, 0.0))] if vv else []
        b, c = min(ends, key=lambda e: _distance(e, uu, vv, uv, uy, vy, yy))
    return free[0], b, _distance((b, c), uu, vv, uv, uy, vy, yy)


def _distance(
    at: tuple[float, float],
    uu: float,
    vv: float,
    uv: float,
    uy: float,
    vy: float,
    yy: float,
) -> float:
    b, c = at
    return yy - 2 * (b * uy + c * vy) + b * b * uu + 2 * b * c * uv + c * c * vv


@dataclass(frozen=True)
class Curve:
    """A fitted curve, and those of all resamples behind it.

    Attributes
    ----------
    scale, exponent : ndarray of shape (1 + n_resamples,)
        Of ``scale * n**-exponent``.
    p_value : float
        Of a curve that does not fall, one-sided.
    n : int
        The people there are.
    """

    scale: Vector
    exponent: Vector
    p_value: float
    n: int

    @property
    def departure(self) -> Vector:
        """Return what any number of people would take off."""
        return np.asarray(self.scale * self.n**-self.exponent)

    def fall(self, n_more: float) -> Vector:
        """Return what so many more people would take off."""
        left = self.scale * (self.n + n_more) ** -self.exponent
        return np.asarray(self.departure - left)

    def needed(self, fall: float) -> Vector:
        """Return how many more people it takes; infinite where none suffice."""
        left = self.departure - fall
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            total = (self.scale / left) ** (1.0 / self.exponent)
        return np.where(left > 0.0, total - self.n, np.inf)


def read_curves(
    data: Sequence[CurveData],
    *,
    n_resamples: int,
    rng: np.random.RandomState,
    n_jobs: int | None,
) -> list[Curve]:
    """Fit the curve of each subgroup, and those of resamples of people and models."""
    costs = [_FIT + _LOSS * one.loss.size for one in data]
    blocks = [
        (which, n_drawn)
        for which, cost in enumerate(costs)
        for n_drawn in blocks_of(n_resamples, nanoseconds=cost)
    ]
    fits = run(
        _fit_resamples,
        (
            (data[which], n_drawn, own)
            for (which, n_drawn), own in zip(
                blocks, generators_for(blocks, rng), strict=True
            )
        ),
        n_jobs=n_jobs,
        nanoseconds=n_resamples * sum(costs),
    )
    resampled: list[list[Vector]] = [[] for _ in data]
    for (which, _), fitted in zip(blocks, fits, strict=True):
        resampled[which].append(fitted)
    return [
        _curve(one, np.concatenate(own))
        for one, own in zip(data, resampled, strict=True)
    ]


def _fit_resamples(
    data: CurveData, n_resamples: int, rng: np.random.RandomState
) -> Vector:
    n_people = len(data.loss)
    fits = np.empty((n_resamples, 3))
    for fit in fits:
        drawn = rng.randint(n_people, size=n_people)
        fit[:] = data.fit(
            np.bincount(drawn, minlength=n_people).astype(np.float64),
            rng.poisson(1.0, size=data.own.shape).astype(np.float64),
        )
    return fits


def _curve(data: CurveData, resampled: Vector) -> Curve:
    fit = data.fit(np.ones(len(data.loss)), np.ones(data.own.shape))
    free, bound, exponent = np.vstack([fit, resampled]).T
    error = free[1:].std(ddof=1)
    p_value = float(norm.sf(free[0] / error)) if error > 0.0 else 1.0
    return Curve(bound, exponent, p_value, len(data.loss))
