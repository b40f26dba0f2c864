"""How little can what a model says of each person be trusted?

Doubt is learnt from the errors of models that had not seen the person, or from how
unlike others the person is. Whoever is in the training rows is doubted by a model that
was fitted without them; all models of doubt are made alike, so that a threshold among
the training rows withholds as many new people.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.ensemble import IsolationForest
from sklearn.utils.parallel import Parallel, delayed

from sklearn_equity._fit_tasks import Task
from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.discovery import ErrorMap
from sklearn_equity.discovery._cross_fit import clone_with_seed
from sklearn_equity.exceptions import OutcomeInputWarning
from sklearn_equity.remediation._calibration import Folds
from sklearn_equity.remediation._emphasis import TrainingRows

Vector = NDArray[np.float64]
_FOLDS_OF_A_MAP = 3


@dataclass(frozen=True)
class HeldOut:
    """What models that had not seen a row said of it.

    Attributes
    ----------
    prediction : ndarray of shape (n_rows,)
        What they predicted.
    loss : ndarray of shape (n_rows,)
        The absolute error; of a class, how likely another one was said to be, or
        whether the prediction was wrong where no probabilities are given.
    expected : ndarray of shape (n_rows,) or None
        The number that was predicted, of two classes the probability of the second;
        None where there is no such number.
    truth : ndarray of shape (n_rows,) or None
        What it is compared with.
    """

    prediction: NDArray[Any]
    loss: Vector
    expected: Vector | None
    truth: Vector | None


def predict_held_out(
    training: TrainingRows,
    estimator: Any,
    y: NDArray[Any],
    folds: Folds,
    *,
    task: Task,
) -> HeldOut:
    """Ask models that were fitted without a row's fold about every row."""
    n_folds = len(folds)
    with task.part("held-out predictions", n_folds, at_once=True) as part:
        answers = Parallel(n_jobs=training.n_jobs)(
            delayed(_ask_fold)(training, estimator, y, fold, fold_task)
            for fold, fold_task in zip(folds, part.parts("fold", n_folds), strict=True)
        )
    order = np.argsort(np.concatenate([test for _, test in folds]))
    prediction, loss, second = (
        np.concatenate(parts)[order] for parts in zip(*answers, strict=True)
    )
    if not is_classifier(estimator):
        numbers = prediction.astype(np.float64)
        return HeldOut(prediction, loss, numbers, y.astype(np.float64))
    classes = np.unique(y)
    if len(classes) == 2 and np.isfinite(second).all():
        truth = (y == classes[1]).astype(np.float64)
        return HeldOut(prediction, loss, second, truth)
    return HeldOut(prediction, loss, None, None)


def _ask_fold(
    training: TrainingRows,
    estimator: Any,
    y: NDArray[Any],
    fold: tuple[NDArray[np.intp], NDArray[np.intp]],
    task: Task,
) -> tuple[NDArray[Any], Vector, Vector]:
    """Return predictions, losses, and the probability of the last class or NaN."""
    train, test = fold
    plain = np.ones(len(y), dtype=np.intp)
    model = training.fit(estimator, plain, rows=train, task=task)
    X, truth = safe_indexing(training.X, test), y[test]
    answers = np.asarray(model.predict(X)).ravel()
    unknown = np.full(len(test), np.nan)
    if not is_classifier(estimator):
        return answers, np.abs(truth - answers).astype(np.float64), unknown
    if not hasattr(model, "predict_proba"):
        return answers, (truth != answers).astype(np.float64), unknown
    proba = np.asarray(model.predict_proba(X))
    loss = 1.0 - _proba_of(truth, proba, model.classes_)
    return answers, loss.astype(np.float64), proba[:, -1].astype(np.float64)


def _proba_of(
    y: NDArray[Any], proba: NDArray[Any], classes: NDArray[Any]
) -> NDArray[Any]:
    """Return the probability of the true class; 0 for one that the model never saw."""
    column = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    known = classes[column] == y
    return np.where(known, proba[np.arange(len(y)), column], 0.0)


@dataclass(frozen=True)
class Doubt:
    """A fitted model of doubt.

    Attributes
    ----------
    model : estimator
        The fitted model.
    method : str
        What it is asked.
    sign : float
        -1 where its answers are larger for those who can be trusted.
    """

    model: Any
    method: str
    sign: float

    @classmethod
    def fit(
        cls, by: Any, X: Any, held_out: HeldOut, rows: Any, seed: int, task: Task
    ) -> "Doubt":
        """Learn doubt from some of the rows."""
        X, loss = safe_indexing(X, rows), held_out.loss[rows]
        if by == "error":
            n_folds = min(_FOLDS_OF_A_MAP, len(loss))
            error_map = ErrorMap(cv=n_folds, n_repeats=0, random_state=seed)
            given: tuple[Any, ...] = (loss,)
            if held_out.truth is not None and held_out.expected is not None:
                given = (held_out.truth[rows], held_out.expected[rows])
            with warnings.catch_warnings():
                # What the user's model may know is the user's to say, not this map's.
                warnings.simplefilter("ignore", OutcomeInputWarning)
                fitted = task.fit(error_map, X, *given)
            return cls(fitted, "score_samples", 1.0)
        if by == "novelty":
            with task:
                forest = IsolationForest(random_state=seed).fit(X)
            return cls(forest, "score_samples", -1.0)
        model = clone_with_seed(by, seed)
        if isinstance(by, ErrorMap):
            return cls(task.fit(model, X, loss), "score_samples", 1.0)
        if is_regressor(by):
            return cls(task.fit(model, X, loss), "predict", 1.0)
        return cls(task.fit(model, X), "score_samples", -1.0)

    def of(self, X: Any) -> Vector:
        """Return the doubt about each row; larger where there is more."""
        answers = getattr(self.model, self.method)(X)
        return self.sign * np.asarray(answers, dtype=np.float64).ravel()


def cross_fit_doubt(
    by: Any,
    X: Any,
    held_out: HeldOut,
    folds: Folds,
    random_state: np.random.RandomState,
    *,
    n_jobs: int | None,
    task: Task,
) -> tuple[Vector, Doubt]:
    """Return the doubt about each row by a model without it, and that for new rows."""
    everybody, nobody = np.arange(len(held_out.loss)), np.zeros(0, dtype=np.intp)
    fits = [*folds, (everybody, nobody)]
    seeds = [int(random_state.randint(2**31 - 1)) for _ in fits]
    with task.part("doubt", len(fits), at_once=True) as part:
        fitted = Parallel(n_jobs=n_jobs)(
            delayed(_doubt_fold)(by, X, held_out, fold, seed, fold_task)
            for fold, seed, fold_task in zip(
                fits, seeds, part.parts("fold", len(fits)), strict=True
            )
        )
    doubt = np.empty(len(everybody))
    for (_, test), (_, about) in zip(fits, fitted, strict=True):
        doubt[test] = about
    return doubt, fitted[-1][0]


def _doubt_fold(
    by: Any,
    X: Any,
    held_out: HeldOut,
    fold: tuple[NDArray[np.intp], NDArray[np.intp]],
    seed: int,
    task: Task,
) -> tuple[Doubt, Vector]:
    train, test = fold
    fitted = Doubt.fit(by, X, held_out, train, seed, task)
    if not len(test):
        return fitted, np.zeros(0)
    return fitted, fitted.of(safe_indexing(X, test))


def refuse_no_doubt(by: Any) -> None:
    """Refuse what neither learns losses nor tells what is new."""
    if isinstance(by, str) or is_regressor(by) or hasattr(by, "score_samples"):
        return
    msg = (
        '`withhold_by` must be "error", "novelty", a regressor, which learns the '
        "errors, or an estimator with score_samples, such as IsolationForest; got "
        f"{type(by).__name__}."
    )
    raise ValueError(msg)
