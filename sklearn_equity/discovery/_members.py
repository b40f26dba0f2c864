"""How do many segmentations of the same people come about, and what do they tell?

Every member of a consensus is fitted on one half of the people. The losses of the other
half tell what to expect in its parts, so that a member that looked at losses itself
cannot praise its own parts.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._factorize import DROPPED, factorize
from sklearn_equity._fit_tasks import Task, fit_task
from sklearn_equity._outcome_inputs import y_holds_losses
from sklearn_equity._sklearn_shims import (
    CallbackSupportMixin,
    fit_context,
    safe_indexing,
    validate_data,
)
from sklearn_equity.representation._columns import ColumnPreparation
from sklearn_equity.segmentation import LatentGMMSegmenter
from sklearn_equity.segmentation._reseed import reseed

Codes = NDArray[np.intp]
Vector = NDArray[np.float64]

# Eight components bring the gaps between answers of yes and no into the space; a part
# of the default members has this many rows of its half at least, on average.
_DIMENSIONS = 8
_ROWS_A_COMPONENT = 20
# Of few components one start in several ends with one on two clouds and two on another,
# and members that err alike are joined.
_FEW_COMPONENTS = 20
_STARTS_OF_FEW = 5


class PrincipalSpace(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Principal components of columns prepared as for an autoencoder.

    Columns of 0 and 1 are kept, all others standardised.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, n_components: int = _DIMENSIONS) -> None:
        self.n_components = n_components

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002
        """Learn the columns and their components, as many as there are at most."""
        table = validate_data(self, X, dtype=np.float64)
        self._columns = ColumnPreparation(getattr(self, "feature_names_in_", None))
        prepared = self._columns.learn(table).prepare(table)
        n_components = min(self.n_components, *prepared.shape)
        constant = np.errstate(divide="ignore", invalid="ignore")  # a table may be
        with fit_task(self, X, holds_models=False), constant:
            self.pca_ = PCA(n_components, svd_solver="full").fit(prepared)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Place rows in the space of the components."""
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, reset=False)
        place: NDArray[np.float64] = self.pca_.transform(self._columns.prepare(table))
        return place


def default_pipeline(n_segments: int, n_rows: int) -> Pipeline:
    """Make the members of a consensus for which no pipeline was given."""
    n_components = max(2, min(n_segments, n_rows // _ROWS_A_COMPONENT))
    n_init = _STARTS_OF_FEW if n_components < _FEW_COMPONENTS else 1
    segmenter = LatentGMMSegmenter(n_components, n_init=n_init)
    return make_pipeline(PrincipalSpace(), segmenter)


@dataclass(frozen=True, eq=False)
class Member:
    """One fitted segmentation.

    Attributes
    ----------
    segmenter : estimator
        The fitted clone.
    number_of : mapping of label to int
        The parts that people of `fit` fell into.
    """

    segmenter: Any
    number_of: Mapping[Hashable, int]

    @property
    def n_parts(self) -> int:
        """How many parts it has."""
        return len(self.number_of)

    def assign(self, X: Any) -> Codes:
        """Return the part of every row; `n_parts` for one of no part seen in fit."""
        codes, labels = _encode(self.segmenter.predict(X))
        known = [self.number_of.get(label, self.n_parts) for label in labels]
        return np.array(known, dtype=np.intp)[codes]


def fit_member(
    pipeline: Any, seed: int, X: Any, losses: Vector | None, rows: Codes, task: Task
) -> tuple[Member, Codes]:
    """Fit a clone to some of the rows; return it, and the part of every row."""
    segmenter = reseed(clone(pipeline), seed)
    told = () if losses is None else (losses[rows],)
    with y_holds_losses():
        task.fit(segmenter, safe_indexing(X, rows), *told)
    codes, labels = _encode(segmenter.predict(X))
    return Member(segmenter, {label: i for i, label in enumerate(labels)}), codes


def _encode(labels: Any) -> tuple[Codes, tuple[Hashable, ...]]:
    codes, names = factorize(np.asarray(labels), "pipeline.predict(X)")
    n_lost = int((codes == DROPPED).sum())
    if n_lost:
        msg = (
            "Every member of `pipeline` must give every row a segment; one gave none "
            f"to {n_lost} of {len(codes)}."
        )
        raise ValueError(msg)
    return codes, names


def shrunken_means(codes: Codes, losses: Vector, n_parts: int) -> Vector:
    r"""Return the loss to expect in every part, and last in one that nobody knows.

    With n rows in a part, variance s2 of losses within parts and t2 of the parts' true
    means, the part's mean keeps the share :math:`t^2 / (t^2 + s^2 / n)` of its
    distance from the mean of all. t2 is the analysis of variance's estimate, never
    below 0: parts that differ no more than chance makes them all get the mean of all.
    """
    counts = np.bincount(codes, minlength=n_parts).astype(np.float64)
    overall = losses.mean()
    totals = np.bincount(codes, losses - overall, n_parts)
    apart = np.divide(totals, counts, out=np.zeros(n_parts), where=counts > 0)
    n_rows, n_used = len(codes), int((counts > 0).sum())
    between = float(counts @ apart**2)
    spread = float(((losses - overall) ** 2).sum()) - between
    within = max(spread, 0.0) / max(n_rows - n_used, 1)
    effective = n_rows - (counts**2).sum() / n_rows
    excess = max(between - (n_used - 1) * within, 0.0)
    true_spread = excess / effective if effective > 0 else 0.0
    noise = counts * true_spread + within
    kept = np.divide(
        counts * true_spread, noise, out=np.zeros(n_parts), where=noise > 0
    )
    return np.append(overall + kept * apart, overall)
