"""Which segments do many representations of the same people have in common?"""

import copy
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._checks import check_same_order
from sklearn_equity._fit_tasks import fit_task
from sklearn_equity._numbers import check_numbers
from sklearn_equity._outcome_inputs import warn_of_outcome_inputs
from sklearn_equity._sklearn_shims import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    num_samples,
    validate_data,
)
from sklearn_equity.discovery._consensus import (
    agree,
    agreement_of_halves,
    link_parts,
    number_through,
)
from sklearn_equity.discovery._members import (
    Member,
    default_pipeline,
    fit_member,
    shrunken_means,
)
from sklearn_equity.discovery._person_loss import LOSSES, Loss, person_loss
from sklearn_equity.exceptions import FewerSegmentsWarning
from sklearn_equity.segmentation._hierarchy import build_hierarchy, cut_hierarchy
from sklearn_equity.segmentation._reseed import draw_seed

__all__ = ["ConsensusSegmenter"]

_FEWEST_ROWS = 4


def _knows_losses(estimator: Any) -> bool:
    if hasattr(estimator, "_members") and estimator._expected is None:  # noqa: SLF001
        msg = (
            "`score_samples` needs the losses of people: fit with fit(X, y, y_pred), "
            "or with fit(X, losses)."
        )
        raise AttributeError(msg)
    return True


class ConsensusSegmenter(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Cut people into the segments on which many representations agree.

    One representation, and one mixture on it, give segments that another seed does not
    give again. Here many are fitted, each to one half of the people; segments of theirs
    that share their people are joined, and everybody goes where most put them. Told how
    well a model serves people, it gives everyone the loss to expect in their segments,
    averaged over all representations.

    Parameters
    ----------
    pipeline : estimator, sequence of estimators or None, default=None
        What makes segments: anything with `fit` and `predict`, such as a pipeline of an
        `AutoencoderEmbedder` and a `LatentGMMSegmenter`, or several kinds that take
        turns. Every parameter called ``random_state`` gets seeds of its own. None takes
        a mixture in eight principal components, with columns of 0 and 1 as they are and
        all others standardised: numbers without gaps, and no torch.
    n_representations : int, default=10
        How many are fitted, two or more; the two halves take turns. Of several kinds,
        at least twice as many as there are kinds.
    n_segments : int, default=50
        The most segments to leave; fewer are, as a rule, if members do not agree on
        more: look at `n_segments_`, as only a single one has a warning. Also what the
        default pipeline asks for, as far as its half has 20 rows for each.
    min_segment_size : int, default=1
        Segments with fewer people are joined to the one most like them.
    min_agreement : float or None, default=None
        Leave the most segments, up to `n_segments`, for which the two halves agree at
        least so much (see `agreement_curve_`), or where none reach it the number of
        best agreement. None keeps `n_segments`.
    loss : {"absolute", "squared"} or callable, default="absolute"
        How badly a person is served, if `fit` is given predictions; a function of both
        arrays returns one number a row, larger for worse. "squared" errors above their
        99% quantile count as much as it.
    n_jobs : int or None, default=None
        Fits at once, as in joblib; the results are the same for any number.
    random_state : int, RandomState instance or None, default=None
        Draws the halves and the seeds. Pass an int for the same result every time.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted segmenters; first and second half take turns.
    n_segments_ : int
        Number of segments; `predict` gives integers from 0 to one less.
    segment_sizes_ : ndarray of shape (`n_segments_`,)
        Training rows of every segment. Segments are numbered from the one with the
        largest sum of memberships on.
    hierarchy_ : ndarray of shape (`n_segments_` - 1, 4)
        How the segments merge, those that share most people first: a linkage matrix as
        in `scipy.cluster.hierarchy`, whose heights are 1 less a mean Jaccard index.
    agreement_ : float
        Mean adjusted Rand index of the segmentations with the consensus.
    agreement_curve_ : dict of int to float
        Adjusted Rand index, by number of segments, of what the first half's
        segmentations agree on with what the second half's agree on. They share no rows.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if they are all text.

    See Also
    --------
    sklearn_equity.LatentGMMSegmenter : One mixture.
    sklearn_equity.segmentation_stability : Would other people give the same segments?

    Notes
    -----
    Two parts of two segmentations are as unlike as 1 less the Jaccard index of their
    people. Average linkage joins them [1]_; the memberships of a person are the shares
    of segmentations that put them into each joined segment. A row that no segmentation
    knows a part for has equal memberships. The hierarchy goes on joining by the same
    unlikeness; segments whose people no segmentation mixes are 1 apart, and in which
    order they merge says nothing.

    A part's loss is the mean over people of the half that the segmentation was not
    fitted to, shrunken towards the mean of all by the analysis of variance's ratio of
    noise [2]_: a segmentation that was fitted to losses cannot praise itself. Still, a
    training row's own loss is among those averaged: judge people on other rows.

    Segments that are found again are not the under-served by themselves. Test what
    stands out on rows that took no part here.

    References
    ----------
    .. [1] Strehl and Ghosh (2002), "Cluster ensembles: a knowledge reuse framework for
       combining multiple partitions", Journal of Machine Learning Research 3, 583-617.
    .. [2] Efron and Morris (1975), "Data analysis using Stein's estimator and its
       generalizations", Journal of the American Statistical Association 70, 311-319.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.discovery import ConsensusSegmenter
    >>> rng = np.random.default_rng(0)
    >>> place = np.arange(300) % 3
    >>> X = 9.0 * place[:, np.newaxis] + rng.normal(size=(300, 2))
    >>> losses = 1.0 * (place == 2) + rng.uniform(size=300)
    >>> segmenter = ConsensusSegmenter(n_segments=3, random_state=0).fit(X, losses)
    >>> segmenter.segment_sizes_.tolist()
    [100, 100, 100]
    >>> served, failed = segmenter.score_samples([[0.0, 0.0], [18.0, 18.0]])
    >>> bool(failed > served + 0.8)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "pipeline": [HasMethods(["fit", "predict"]), list, tuple, None],
        "n_representations": [Interval(Integral, 2, None, closed="left")],
        "n_segments": [Interval(Integral, 1, None, closed="left")],
        "min_segment_size": [Interval(Integral, 1, None, closed="left")],
        "min_agreement": [Interval(Real, 0, 1, closed="both"), None],
        "loss": [StrOptions(set(LOSSES)), callable],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        pipeline: Any | Sequence[Any] | None = None,
        n_representations: int = 10,
        *,
        n_segments: int = 50,
        min_segment_size: int = 1,
        min_agreement: float | None = None,
        loss: Loss = "absolute",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.n_representations = n_representations
        self.n_segments = n_segments
        self.min_segment_size = min_segment_size
        self.min_agreement = min_agreement
        self.loss = loss
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike | None = None, y_pred: ArrayLike | None = None
    ) -> Self:
        """Fit all segmentations, and find what they agree on.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
            The people, as `pipeline` takes them; at least four rows.
        y : array-like of shape (n_rows,), default=None
            The measured outcome if there is `y_pred`; else the losses themselves, any
            numbers of which larger ones are worse. Segmentations get the losses as
            their `y`. None: nothing is known of losses.
        y_pred : array-like of shape (n_rows,), default=None
            What a model predicts; of classes, the probability of 1. The model should
            not have been trained on these rows. With it, columns that nearly determine
            the outcome are named in an `OutcomeInputWarning`.

        Returns
        -------
        self : ConsensusSegmenter
            The fitted segmenter.

        Raises
        ------
        ValueError
            If there are fewer than four rows, `n_representations` does not suit the
            halves and kinds, or lengths differ.
        TypeError
            If a kind of `pipeline` lacks fit or predict.
        """
        check_same_order(X=X, y=y, y_pred=y_pred)
        X = self._read(X, reset=True)
        n_rows = num_samples(X)
        if n_rows < _FEWEST_ROWS:
            msg = f"`X` must have at least four rows; got n_samples={n_rows}."
            raise ValueError(msg)
        losses = self._losses(y, y_pred, n_rows)
        if y_pred is not None:
            warn_of_outcome_inputs(X, y, stacklevel=3)
        kinds = self._kinds(n_rows // 2)
        rng = check_random_state(self.random_state)
        order = rng.permutation(n_rows)
        halves = [np.sort(half) for half in np.array_split(order, 2)]
        plan = [
            (kinds[i // 2 % len(kinds)], draw_seed(rng), halves[i % 2])
            for i in range(self.n_representations)
        ]
        with fit_task(self, X, y, n_parts=2) as task:
            with task.part("representations", len(plan), at_once=True) as part:
                parts = part.parts("representation", len(plan))
                fitted = Parallel(n_jobs=self.n_jobs)(
                    delayed(fit_member)(kind, seed, X, losses, rows, own_task)
                    for (kind, seed, rows), own_task in zip(plan, parts, strict=True)
                )
            self._members = [member for member, _ in fitted]
            self.estimators_ = [member.segmenter for member in self._members]
            codes = [codes for _, codes in fitted]
            self._expected = None
            if losses is not None:
                self._expected = _expect(self._members, codes, losses, halves)
            with task.part("consensus"):
                self._find_consensus(codes)
        return self

    def predict(self, X: Any) -> NDArray[np.intp]:
        """Return the segment of every row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            Integers from 0 to ``n_segments_ - 1``; of equal memberships the lower
            number. After `coarsen`, the union that holds the finer segment.
        """
        joined = self._shares(X).argmax(axis=1)
        return self._united[joined]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the share of segmentations that put a row into every segment.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_segments)
            Shares; rows sum to 1.
        """
        return self._shares(X) @ np.eye(self.n_segments_)[self._united]

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the memberships of every row: the same numbers as `predict_proba`.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_segments)
            Shares; rows sum to 1.
        """
        return self.predict_proba(X)

    @available_if(_knows_losses)
    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the loss to expect of every row: higher for the worse served.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            In the unit of the losses: the mean over segmentations of what their parts
            make expect.
        """
        codes = self._assign(X)
        expected = zip(self._expected or [], codes, strict=True)  # there: _knows_losses
        scores: NDArray[np.float64] = np.mean([e[code] for e, code in expected], axis=0)
        return scores

    def coarsen(self, n_segments: int) -> Self:
        """Merge segments that share most people, without fitting anything again.

        Parameters
        ----------
        n_segments : int
            How many to leave, from 1 to ``n_segments_``.

        Returns
        -------
        ConsensusSegmenter
            A fitted copy, each of whose segments is a union of segments of this one; it
            can be coarsened further. Losses to expect stay as they are.
        """
        check_is_fitted(self)
        if not isinstance(n_segments, Integral) or not (
            1 <= n_segments <= self.n_segments_
        ):
            msg = (
                f"`n_segments` must be an integer from 1 to {self.n_segments_}; got "
                f"{n_segments!r}."
            )
            raise ValueError(msg)
        union_of, hierarchy = cut_hierarchy(self.hierarchy_, int(n_segments))
        coarse = copy.copy(self)
        coarse._unite(union_of[self._united], hierarchy)  # noqa: SLF001
        sizes = np.bincount(union_of, weights=self.segment_sizes_)
        coarse.segment_sizes_ = sizes.astype(np.intp)
        return coarse

    # ---- fitting -----------------------------------------------------------------
    def _read(self, X: Any, *, reset: bool) -> Any:
        """Leave data frames to the segmentations; what they read is theirs to say."""
        frame = nw.from_native(X, eager_only=True, pass_through=True)
        if isinstance(frame, nw.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)

    def _losses(
        self, y: ArrayLike | None, y_pred: ArrayLike | None, n_rows: int
    ) -> NDArray[np.float64] | None:
        if y is None:
            if y_pred is not None:
                raise ValueError(
                    "`y_pred` needs `y`, the outcome it predicts; got none."
                )
            return None
        losses = check_numbers(y, name="y", n_rows=n_rows, rows_of="X")
        if y_pred is None:
            return losses
        return person_loss(losses, y_pred, self.loss, name="y")

    def _kinds(self, rows_of_half: int) -> list[Any]:
        if self.pipeline is None:
            return [default_pipeline(self.n_segments, rows_of_half)]
        several = isinstance(self.pipeline, list | tuple)
        kinds = list(self.pipeline) if several else [self.pipeline]
        for kind in kinds:
            if not (hasattr(kind, "fit") and hasattr(kind, "predict")):
                msg = (
                    "Every kind in `pipeline` must have fit and predict; "
                    f"{type(kind).__name__} lacks one. A pipeline has what its last "
                    "step has: end it with a segmenter."
                )
                raise TypeError(msg)
        if not kinds or self.n_representations < 2 * len(kinds):
            msg = (
                "`pipeline` must have one kind or more, and `n_representations` twice "
                f"as many as kinds; got {len(kinds)} kinds and "
                f"{self.n_representations} representations."
            )
            raise ValueError(msg)
        return kinds

    def _find_consensus(self, codes: list[NDArray[np.intp]]) -> None:
        ballots = number_through(codes, [member.n_parts for member in self._members])
        self.agreement_curve_ = agreement_of_halves(ballots, self.n_segments)
        n_segments = _choose(self.agreement_curve_, self.min_agreement)
        self._segment_of, between = agree(
            ballots, link_parts(ballots), n_segments, self.min_segment_size
        )
        labels = ballots.shares(self._segment_of).argmax(axis=1)
        self.segment_sizes_ = np.bincount(labels, minlength=len(between))
        self._unite(np.arange(len(between)), build_hierarchy(between))
        if len(between) == 1 < self.n_segments:
            msg = (
                f"Of {self.n_segments} segments asked for, one is left, of all "
                f"{len(labels)} rows: rows that repeat leave no more, or "
                f"`min_segment_size`={self.min_segment_size} joined the rest."
            )
            warnings.warn(msg, FewerSegmentsWarning, stacklevel=4)
        self.agreement_ = float(
            np.mean([adjusted_rand_score(labels, c) for c in codes])
        )

    def _unite(self, united: NDArray[np.intp], hierarchy: NDArray[np.float64]) -> None:
        """Say of which segment every joined set of parts is a part."""
        self._united = united
        self.hierarchy_ = hierarchy
        self.n_segments_ = self._n_features_out = int(united.max()) + 1

    def _shares(self, X: Any) -> NDArray[np.float64]:
        codes = self._assign(X)
        ballots = number_through(codes, [member.n_parts for member in self._members])
        return ballots.shares(self._segment_of)

    def _assign(self, X: Any) -> list[NDArray[np.intp]]:
        check_is_fitted(self)
        X = self._read(X, reset=False)
        return [member.assign(X) for member in self._members]


def _expect(
    members: list[Member],
    codes: list[NDArray[np.intp]],
    losses: NDArray[np.float64],
    halves: list[NDArray[np.intp]],
) -> list[NDArray[np.float64]]:
    """Average losses in every member's parts, over the half it was not fitted to."""
    expected = []
    for i, (member, parts) in enumerate(zip(members, codes, strict=True)):
        rows = halves[1 - i % 2]
        expected.append(shrunken_means(parts[rows], losses[rows], member.n_parts))
    return expected


def _choose(curve: dict[int, float], min_agreement: float | None) -> int:
    """Take the most segments that agree enough, or those that agree best."""
    if min_agreement is None:
        return max(curve)
    enough = [level for level, index in curve.items() if index >= min_agreement]
    return max(enough) if enough else max(curve, key=lambda level: curve[level])
