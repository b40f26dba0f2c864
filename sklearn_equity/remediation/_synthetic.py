"""What would more people of an under-served segment look like, and what befell them?

New rows are drawn from the mixture components of the segment and decoded into the
columns of the table; their targets come from the model's own conditional distribution.
Such rows hold nothing that the model or the mixture does not say already.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from sklearn_equity._sklearn_shims import safe_indexing

Rows = NDArray[np.intp]
Fit = Callable[[Rows], Any]
_N_FOLDS = 5  # by which residuals are those of rows that a model has not seen


@dataclass(frozen=True)
class Synthesizer:
    """Makes rows of segments.

    Attributes
    ----------
    space : object with ``sample(n, segment=)``
        The fitted last step of the segmenter.
    decoder : Pipeline or None
        Its fitted earlier steps, which turn points back into rows; None if the segments
        are cut in the table itself.
    segment_of : ndarray of shape (n_rows,)
        The segment of each training row.
    seed : int
        Seeds what is drawn.
    """

    space: Any
    decoder: Pipeline | None
    segment_of: NDArray[Any]
    seed: int

    @classmethod
    def of(cls, segmenter: Any, segment_of: NDArray[Any], seed: int) -> "Synthesizer":
        """Take a fitted segmenter apart, or say what it lacks."""
        if segmenter is None:
            _refuse("labels or columns say who belongs together, and draw nobody")
        if isinstance(segmenter, FrozenEstimator):
            segmenter = segmenter.estimator
        decoder = None
        space = segmenter
        if isinstance(segmenter, Pipeline):
            space = segmenter[-1]
            decoder = segmenter[:-1] if len(segmenter) > 1 else None
        if not hasattr(space, "sample"):
            _refuse(f"{type(space).__name__} has no sample(n, segment=)")
        if decoder is not None and not hasattr(decoder, "inverse_transform"):
            lacking = [
                type(step).__name__
                for _, step in decoder.steps
                if not hasattr(step, "inverse_transform")
            ]
            _refuse(f"these steps have no inverse_transform: {lacking}")
        return cls(space, decoder, segment_of, seed)

    def draw_rows(self, numbers: dict[Any, int]) -> tuple[NDArray[np.float64], Any]:
        """Draw so many rows of each segment; return them and their segments."""
        seeds = np.random.RandomState(self.seed).randint(2**31 - 1, size=len(numbers))
        points, segments = [], []
        for (segment, n), seed in zip(numbers.items(), seeds, strict=True):
            space = copy.copy(self.space)  # the fitted one keeps its own seed
            space.random_state = int(seed)
            points.append(space.sample(n, segment=int(segment))[0])
            segments.append(np.repeat(segment, n))
        table = np.vstack(points)
        if self.decoder is not None:
            table = np.asarray(self.decoder.inverse_transform(table), dtype=np.float64)
        return table, np.concatenate(segments)

    def numbers(self, emphasis: NDArray[Any], rows: Rows) -> dict[Any, int]:
        """Return how many rows of each segment are missing to its emphasis."""
        missing: dict[Any, int] = {}
        for segment in np.unique(self.segment_of):
            mine = rows[self.segment_of[rows] == segment]
            n = round(float((emphasis[mine] - 1.0).sum()))
            if n > 0:
                missing[segment] = n
        return missing

    def draw_targets(
        self,
        X_new: Any,
        segments: NDArray[Any],
        *,
        fit: Fit,
        X: Any,
        y: NDArray[Any],
        rows: Rows,
    ) -> NDArray[Any]:
        """Draw targets from the conditional distribution of the model of some rows.

        For a classifier, classes with the probabilities that it predicts; else its
        prediction and the residual of some row of the segment, from a model that had
        not seen that row.
        """
        rng = np.random.RandomState(self.seed)
        model = fit(rows)
        if is_classifier(model):
            proba = model.predict_proba(X_new)
            below = proba.cumsum(axis=1) < rng.random_sample((len(proba), 1))
            chosen = np.minimum(below.sum(axis=1), proba.shape[1] - 1)
            classes: NDArray[Any] = model.classes_[chosen]
            return classes
        residual = np.empty(len(rows))
        folds = KFold(_N_FOLDS, shuffle=True, random_state=rng).split(rows)
        for train, test in folds:
            predicted = fit(rows[train]).predict(safe_indexing(X, rows[test]))
            residual[test] = y[rows[test]] - predicted
        drawn = np.asarray(model.predict(X_new), dtype=np.float64)
        for segment in np.unique(segments):
            pool = residual[self.segment_of[rows] == segment]
            new = segments == segment
            drawn[new] += rng.choice(pool, int(new.sum()))
        return drawn


def _refuse(reason: str) -> None:
    msg = (
        '`strategy`="synthetic" needs a `segmenter` that can make rows, such as '
        "make_pipeline(StandardScaler(), AutoencoderEmbedder(), LatentGMMSegmenter()): "
        f"{reason}."
    )
    raise ValueError(msg)


def refuse_no_probabilities(estimator: Any) -> None:
    """Refuse a classifier from which no classes can be drawn."""
    if is_classifier(estimator) and not hasattr(clone(estimator), "predict_proba"):
        msg = (
            '`strategy`="synthetic" draws classes from predicted probabilities; '
            f"{type(estimator).__name__} has no predict_proba."
        )
        raise ValueError(msg)


def like_table(table: NDArray[np.float64], X: Any) -> Any:
    """Give new rows the type and the column names of X."""
    if issparse(X):
        msg = '`strategy`="synthetic" needs a dense `X`; got a sparse one.'
        raise ValueError(msg)
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        return table
    columns = dict(zip(frame.columns, table.T, strict=True))
    return nw.from_dict(columns, backend=frame.implementation).to_native()


def stack(X: Any, X_new: Any) -> Any:
    """Put new rows under those of X; whole numbers become floats."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        return np.vstack([np.asarray(X, dtype=np.float64), X_new])
    numbers = frame.select(nw.all().cast(nw.Float64))
    both = nw.concat([numbers, nw.from_native(X_new, eager_only=True)])
    return nw.maybe_reset_index(both).to_native()


def stack_target(y: Any, y_new: NDArray[Any]) -> Any:
    """Put new targets under y, in its type."""
    series = nw.from_native(y, series_only=True, allow_series=True, pass_through=True)
    joined = np.concatenate([np.asarray(y), y_new])
    if not isinstance(series, nw.Series):
        return joined
    new = nw.new_series(series.name, joined, backend=series.implementation)
    return new.to_native()


def stack_weights(weights: Any, segment_of: Any, rows: Rows, segments: Any) -> Any:
    """Give new rows the mean weight of the segment that they were drawn from."""
    own = np.asarray(safe_indexing(weights, rows), dtype=np.float64)
    mean = {s: own[segment_of[rows] == s].mean() for s in np.unique(segments)}
    return np.concatenate([own, [mean[s] for s in segments]])
