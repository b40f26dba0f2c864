"""Who might be under-served? Subgroups that finders propose from some of the people.

Whatever a finder says of its own rows flatters it. So a candidate is only a description
and a way to tell who belongs to it; how badly its people are served is measured on
others.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from sklearn_equity._factorize import factorize
from sklearn_equity._label_text import format_label
from sklearn_equity._outcome_inputs import y_holds_losses
from sklearn_equity.discovery._error_map import ErrorMap
from sklearn_equity.discovery._person_loss import Answers
from sklearn_equity.discovery._rule_scanner import RuleScanner
from sklearn_equity.discovery._segment_words import SegmentWords

__all__ = ["Candidate", "propose"]

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_WORST_SHARE = 0.1


@dataclass(frozen=True)
class Candidate:
    """A subgroup that a finder proposes.

    Attributes
    ----------
    text : str
        Who it is.
    method : str
        The finder.
    contains : callable
        Takes a table of people and says who belongs to it.
    is_only : bool, default=False
        Whether its finder never proposes another; it is then as large as it must be
        among those who do not choose.
    """

    text: str
    method: str
    contains: Callable[[Any], Mask]
    is_only: bool = False


@dataclass(frozen=True)
class _MeetsRule:
    scanner: RuleScanner
    number: int

    def __call__(self, X: Any) -> Mask:
        return np.asarray(self.scanner.transform(X)[:, self.number] == 1.0)


@dataclass(frozen=True)
class _ScoresAbove:
    error_map: ErrorMap
    limit: float

    def __call__(self, X: Any) -> Mask:
        return np.asarray(self.error_map.score_samples(X) >= self.limit)


@dataclass(frozen=True)
class _HasLabel:
    segmenter: Any
    label: Hashable

    def __call__(self, X: Any) -> Mask:
        codes, labels = factorize(np.asarray(self.segmenter.predict(X)), "segments")
        if self.label not in labels:
            return np.zeros(len(codes), dtype=bool)
        return np.asarray(codes == labels.index(self.label))


def propose(
    finder: Any, X: Any, answers: Answers, min_size: int, others: Any
) -> Iterator[tuple[Candidate, Mask]]:
    """Fit a finder to some people, and yield the subgroups it proposes.

    Parameters
    ----------
    finder : RuleScanner, ErrorMap, or estimator with fit and predict
        Of a scanner every rule, of a map about a tenth with the worst scores, of
        another every label whose people have a larger mean loss than all. It is fitted
        here, and is to be a clone.
    X : data frame or array-like of shape (n_rows, n_features)
        The people who choose.
    answers : Answers
        What became of them. A map learns from outcomes and predictions, by the loss
        that is asked for here; others from losses.
    min_size : int
        Subgroups of fewer people are left out.
    others : data frame or array-like of shape (n_others, n_features)
        People who do not choose: of a map's scores, which are others for whom it has
        seen, theirs tell where the worst tenth begins.

    Yields
    ------
    candidate : Candidate
        A description.
    members : ndarray of bool of shape (n_rows,)
        Who of the people who choose belongs to it; of a map, by the model that has not
        seen them.
    """
    if isinstance(finder, RuleScanner):
        scanner = finder.set_params(holdout=0.0).fit(X, answers.losses)
        for number, rule in enumerate(scanner.rules_):
            contains = _MeetsRule(scanner, number)
            yield Candidate(rule.text, "rules", contains), contains(X)
    elif isinstance(finder, ErrorMap):
        error_map = finder.set_params(loss=answers.loss)
        with y_holds_losses():  # whether inputs tell the outcome has been looked at
            error_map.fit(X, answers.truth, answers.prediction)
        least = min_size / len(answers.losses)
        yield from _worst_scored(error_map, X, others, least)
    else:
        yield from _bad_labels(finder, X, answers.losses, min_size)


def _worst_scored(
    error_map: ErrorMap, X: Any, others: Any, least: float
) -> Iterator[tuple[Candidate, Mask]]:
    limit = _limit_of(error_map.score_samples(others), least)
    if limit is None:
        return
    inside = error_map.cross_fitted_scores_ >= limit
    text = f"expected loss >= {limit:.3g} ({SegmentWords(X).describe(inside)})"
    contains = _ScoresAbove(error_map, limit)
    yield Candidate(text, "map", contains, is_only=True), inside


def _limit_of(scores: Vector, least: float) -> float | None:
    """Return what a tenth of scores exceeds; None if no part of at least `least` does.

    Equal scores are not parted: of few different ones, the limit is where the share is
    nearest to a tenth, by its ratio.
    """
    values, counts = np.unique(scores, return_counts=True)
    shares = np.cumsum(counts[::-1])[::-1] / len(scores)
    large = 1 + np.flatnonzero(shares[1:] >= least)
    if not len(large):
        return None
    nearest = large[np.argmin(np.abs(np.log(shares[large] / _WORST_SHARE)))]
    return float(values[nearest - 1] / 2 + values[nearest] / 2)


def _bad_labels(
    segmenter: Any, X: Any, losses: Vector, min_size: int
) -> Iterator[tuple[Candidate, Mask]]:
    name = type(segmenter).__name__
    if isinstance(segmenter, Pipeline):
        name = type(segmenter[-1]).__name__
    try:
        with y_holds_losses():
            fitted = segmenter.fit(X, losses)
        predicted = fitted.predict(X)
    except Exception as error:
        error.add_note(
            f"Raised by {name}, a finder of `methods`, on {len(losses)} people."
        )
        raise
    codes, labels = factorize(np.asarray(predicted), f"{name}.predict(X)")
    if len(codes) != len(losses):
        msg = (
            f"`methods` must predict one label a row; {name} predicted {len(codes)} "
            f"for {len(losses)} rows."
        )
        raise ValueError(msg)
    words = SegmentWords(X)
    for code, label in enumerate(labels):
        inside = codes == code
        if inside.sum() >= min_size and losses[inside].mean() > losses.mean():
            text = f"{name} {format_label(label)} ({words.describe(inside)})"
            yield Candidate(text, name, _HasLabel(fitted, label)), inside
