"""What do the segments of a space say about rows, new ones and made-up ones?"""

import copy
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    TransformerMixin,
)
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._numbers import refuse_overflow
from sklearn_equity._sklearn_shims import CallbackSupportMixin, validate_data
from sklearn_equity.segmentation._hierarchy import cut_hierarchy
from sklearn_equity.segmentation._mixture import (
    components_of,
    log_density_of,
    restrict,
    shares_of,
)


class SegmentedSpace(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    TransformerMixin,
    BaseEstimator,
):
    """The use of a fitted mixture whose components make up segments."""

    mixture_: GaussianMixture
    scaler_: StandardScaler
    segment_sizes_: NDArray[np.intp]
    hierarchy_: NDArray[np.float64]
    n_segments_: int
    novelty_threshold_: float
    random_state: int | np.random.RandomState | None
    _segment_of: NDArray[np.intp]  # the segment of every component

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """Return the segment of every row.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            Integers from 0 to ``n_segments_ - 1``.
        """
        points = self._standardise(X)
        return self._segment_of[components_of(self.mixture_, points)]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of every segment for every row.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_segments)
            Posterior probabilities; rows sum to 1.
        """
        points = self._standardise(X)
        memberships = np.eye(self.n_segments_)[self._segment_of]
        proba: NDArray[np.float64] = shares_of(self.mixture_, points) @ memberships
        return proba

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the memberships of every row: the same numbers as `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_segments)
            Posterior probabilities; rows sum to 1.
        """
        return self.predict_proba(X)

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the log-density of every row: low for rows unlike those of `fit`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            Natural logarithms of the density in the units of `X`.
        """
        points = self._standardise(X)
        log_density = log_density_of(self.mixture_, points)
        scaled: NDArray[np.float64] = log_density - np.log(self.scaler_.scale_).sum()
        return scaled

    def predict_novelty(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Tell which rows are unlike those of `fit`: what is said of them is a guess.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            True where the density is below that of nearly all training rows: where
            `score_samples` is less than ``novelty_threshold_``.
        """
        return self.score_samples(X) < self.novelty_threshold_

    def score(self, X: ArrayLike, y: Any = None) -> float:  # noqa: ARG002
        """Return the mean of `score_samples`: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        float
            Mean log-density of a row.
        """
        return float(self.score_samples(X).mean())

    def sample(
        self, n: int = 1, segment: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Draw new rows from the mixture, or from one segment of it.

        Parameters
        ----------
        n : int, default=1
            Number of rows.
        segment : int or None, default=None
            Draw from the components of this segment only; None draws from all.

        Returns
        -------
        X : ndarray of shape (n, n_features)
            Rows in the units of the table; an embedder's `inverse_transform` makes
            people of them.
        segments : ndarray of shape (n,)
            The segment whose component made each row. Where segments overlap, `predict`
            may give its neighbour. Rows are sorted by component.
        """
        check_is_fitted(self)
        _check_integer(n, "n", 1)
        components = np.arange(len(self._segment_of))
        if segment is not None:
            _check_integer(segment, "segment", 0, self.n_segments_ - 1)
            components = np.flatnonzero(self._segment_of == segment)
        part = restrict(self.mixture_, components)
        part.random_state = self.random_state
        points, drawn = part.sample(n)
        return (
            self.scaler_.inverse_transform(points),
            self._segment_of[components[drawn]],
        )

    def coarsen(self, n_segments: int) -> Self:
        """Merge segments that overlap, without fitting anything again.

        Parameters
        ----------
        n_segments : int
            How many to leave, from 1 to ``n_segments_``.

        Returns
        -------
        LatentGMMSegmenter
            A fitted copy with the same mixture, each of whose segments is a union of
            segments of this one; it can be coarsened further.
        """
        check_is_fitted(self)
        _check_integer(n_segments, "n_segments", 1, self.n_segments_)
        coarse_of, hierarchy = cut_hierarchy(self.hierarchy_, n_segments)
        coarse = copy.copy(self)
        coarse._set_segments(coarse_of[self._segment_of], hierarchy)  # noqa: SLF001
        coarse.segment_sizes_ = np.bincount(
            coarse_of, weights=self.segment_sizes_
        ).astype(np.intp)
        return coarse

    def _set_segments(
        self, segment_of: NDArray[np.intp], hierarchy: NDArray[np.float64]
    ) -> None:
        self._segment_of = segment_of
        self.hierarchy_ = hierarchy
        self.n_segments_ = self._n_features_out = int(segment_of.max()) + 1

    def _standardise(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, reset=False)
        points: NDArray[np.float64] = self.scaler_.transform(table)
        refuse_overflow(points, name="X")
        return points


def _check_integer(value: int, name: str, low: int, high: int | None = None) -> None:
    if isinstance(value, Integral) and low <= value and (high is None or value <= high):
        return
    limit = f"of {low} or more" if high is None else f"from {low} to {high}"
    raise ValueError(f"`{name}` must be an integer {limit}; got {value!r}.")
