"""Into which subgroups do people fall that nobody declared?

A mixture of Gaussians is fitted to a space, the latent space of an embedder as a rule,
and every row goes to the component that most probably made it. Components too small to
judge are joined to their neighbours, and a hierarchy gives coarser views of the same
segments.
"""

import copy
from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    TransformerMixin,
)
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_equity._checks import refuse_overflow
from sklearn_equity._sklearn_shims import Interval, StrOptions, fit_context
from sklearn_equity.segmentation._choice import (
    check_candidates,
    choose_mixture,
    limit_to_distinct_rows,
    warn_of_lost_segments,
)
from sklearn_equity.segmentation._hierarchy import (
    build_hierarchy,
    component_distances,
    cut_hierarchy,
    merge_small_segments,
    segment_distances,
)
from sklearn_equity.segmentation._mixture import (
    components_of,
    fit_exactly,
    fit_fast,
    log_density_of,
    restrict,
    shares_of,
)
from sklearn_equity.segmentation._rows import Resolutions


class LatentGMMSegmenter(
    ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin, BaseEstimator
):
    r"""Cut a space into segments with a mixture of Gaussians.

    Made for the latent space of an embedder, at home on any table of few columns. The
    columns are standardised inside. Segments describe where people lie, not natural
    kinds: other seeds and other samples give other boundaries.

    Parameters
    ----------
    n_components : int, default=50
        Components of the mixture, if `component_choice` is None. Fewer distinct rows
        than that give as many components as there are distinct rows, with a
        `FewerSegmentsWarning`.
    component_choice : {"silhouette", "bic"} or None, default=None
        How to choose the number among `candidates`: the highest mean silhouette, or the
        lowest Bayesian information criterion. On a space without gaps they favour very
        few components: look at `choice_scores_` before trusting them. None keeps
        `n_components`.
    candidates : sequence of int, default=(2, 3, 5, 8, 12, 20, 30, 50)
        Numbers of components to choose among; not used if `component_choice` is None.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        The shape of the components, as in scikit-learn's mixture.
    min_segment_size : int, default=1
        Segments with fewer training rows than this are joined to the one that they
        overlap most. The default joins only components that no row belongs to.
    max_fit_rows : int or None, default=100000
        Fit the mixture on at most so many rows, drawn at random; None takes all.
        Segments are formed, and their sizes counted, on all rows in any case.
    init_params : str, default="k-means++"
        How the mixture starts: "kmeans", "k-means++", "random" or "random_from_data",
        as in scikit-learn's mixture.
    n_init : int, default=1
        Starts of the mixture; the one with the highest likelihood is kept.
    tol : float, default=0.001
        The mixture has converged once a step raises the mean log-likelihood of a row by
        less than this.
    max_iter : int, default=100
        The most steps of a start.
    reg_covar : float, default=1e-06
        Added to the variances of the components; the columns have variance 1. More than
        0, unless `init_params` is "kmeans" or "random".
    exact : bool, default=False
        Let scikit-learn's mixture fit itself, which takes a hundred times as long on
        large tables of two columns. Otherwise it is given parameters found in another
        way; see the notes.
    random_state : int, RandomState instance or None, default=None
        Decides the start of the mixture, the rows drawn, and what `sample` draws. Pass
        an int for the same result every time.

    Attributes
    ----------
    n_segments_ : int
        Number of segments; `predict` gives integers from 0 to one less.
    mixture_ : sklearn.mixture.GaussianMixture
        The mixture, fitted to ``scaler_.transform(X)``.
    scaler_ : sklearn.preprocessing.StandardScaler
        How the columns were standardised.
    segment_sizes_ : ndarray of shape (n_segments_,)
        Training rows of every segment.
    hierarchy_ : ndarray of shape (n_segments_ - 1, 4)
        How the segments merge, the most overlapping first: a linkage matrix as in
        `scipy.cluster.hierarchy`, whose heights are Bhattacharyya distances.
    choice_scores_ : dict of int to float
        Silhouette or information criterion by number of components; empty if
        `component_choice` is None.
    n_iter_ : int
        Steps that the mixture took.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in `fit`, if they are all text.

    See Also
    --------
    sklearn_equity.AutoencoderEmbedder : Makes the latent space out of a table.
    sklearn.mixture.GaussianMixture : The mixture alone.

    Notes
    -----
    A row's segment is that of its most probable component. A segment of several
    components has the sum of their posterior probabilities, so that next to it
    `predict` can differ from the largest column of `predict_proba`; without merges they
    agree. The published method uses fifty full components in a space of two dimensions
    [1]_.

    Small segments go one at a time, the smallest first, to the segment whose components
    have the least Bhattacharyya distance [2]_ from its own, on average over pairs; the
    hierarchy joins segments by the same average. The mean silhouette is that of at most
    4,000 rows.

    References
    ----------
    .. [1] Carruthers et al. (2022), "Representational ethical model calibration", npj
       Digital Medicine 5, 170.
    .. [2] Hennig (2010), "Methods for merging Gaussian mixture components", Advances in
       Data Analysis and Classification 4, 3-34.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.segmentation import LatentGMMSegmenter
    >>> rng = np.random.default_rng(0)
    >>> corners = np.array([[0, 0], [1, 0], [9, 9]])
    >>> X = np.repeat(corners, 100, axis=0) + rng.normal(scale=0.1, size=(300, 2))
    >>> segmenter = LatentGMMSegmenter(3, random_state=0).fit(X)
    >>> segmenter.segment_sizes_.tolist()
    [100, 100, 100]

    The two that lie closest are the first to merge:

    >>> coarse = segmenter.coarsen(2)
    >>> sorted(coarse.segment_sizes_.tolist())
    [100, 200]
    >>> fine_0, fine_1 = coarse.predict([[0, 0], [1, 0]])
    >>> bool(fine_0 == fine_1)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "component_choice": [StrOptions({"silhouette", "bic"}), None],
        "candidates": ["array-like"],
        "covariance_type": [StrOptions({"full", "tied", "diag", "spherical"})],
        "min_segment_size": [Interval(Integral, 1, None, closed="left")],
        "max_fit_rows": [Interval(Integral, 2, None, closed="left"), None],
        "init_params": [
            StrOptions({"kmeans", "k-means++", "random", "random_from_data"})
        ],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "reg_covar": [Interval(Real, 0, None, closed="left")],
        "exact": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 50,
        *,
        component_choice: Literal["silhouette", "bic"] | None = None,
        candidates: Sequence[int] = (2, 3, 5, 8, 12, 20, 30, 50),
        covariance_type: Literal["full", "tied", "diag", "spherical"] = "full",
        min_segment_size: int = 1,
        max_fit_rows: int | None = 100000,
        init_params: Literal[
            "kmeans", "k-means++", "random", "random_from_data"
        ] = "k-means++",
        n_init: int = 1,
        tol: float = 1e-3,
        max_iter: int = 100,
        reg_covar: float = 1e-6,
        exact: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.component_choice = component_choice
        self.candidates = candidates
        self.covariance_type = covariance_type
        self.min_segment_size = min_segment_size
        self.max_fit_rows = max_fit_rows
        self.init_params = init_params
        self.n_init = n_init
        self.tol = tol
        self.max_iter = max_iter
        self.reg_covar = reg_covar
        self.exact = exact
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002
        """Fit the mixture and form the segments.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Latent coordinates, or any table of finite numbers; at least two rows.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : LatentGMMSegmenter
            The fitted segmenter.

        Raises
        ------
        ValueError
            If the table has missing or infinite values, or a parameter is out of range.
        """
        numbers = [self.n_components]
        if self.component_choice is not None:
            numbers = check_candidates(self.candidates, self.component_choice)
        table = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        refuse_overflow(table, name="X")
        self.scaler_ = StandardScaler().fit(table)
        points = self.scaler_.transform(table)
        self._fit_mixture(points, numbers)
        self.n_iter_ = self.mixture_.n_iter_
        self._form_segments(points)
        return self

    def fit_predict(self, X: ArrayLike, y: Any = None) -> NDArray[np.intp]:
        """Fit, and return the segment of every training row.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Latent coordinates, or any table of finite numbers.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        ndarray of shape (n_rows,)
            Integers from 0 to ``n_segments_ - 1``.
        """
        return self.fit(X, y).predict(X)

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
        components = self._components_of(self._standardise(X))
        return self._segment_of[components]

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

    # ---- fitting -----------------------------------------------------------------
    def _fit_mixture(self, points: NDArray[np.float64], numbers: list[int]) -> None:
        random_state = check_random_state(self.random_state)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        numbers = limit_to_distinct_rows(numbers, points)

        params = {
            "covariance_type": self.covariance_type,
            "tol": self.tol,
            "reg_covar": self.reg_covar,
            "max_iter": self.max_iter,
            "n_init": self.n_init,
            "init_params": self.init_params,
            "random_state": seed,
        }
        resolutions = Resolutions(
            points, self.covariance_type, self.max_fit_rows, random_state
        )
        fit = partial(fit_fast, resolutions=resolutions, params=params)
        if self.exact:
            points = resolutions.some_points
            fit = partial(fit_exactly, points=points, params=params)
        self.choice_scores_: dict[int, float] = {}
        if self.component_choice is None:
            self.mixture_ = fit(numbers[0])
            return
        self.mixture_, self.choice_scores_ = choose_mixture(
            fit, numbers, points, self.component_choice, seed
        )

    def _form_segments(self, points: NDArray[np.float64]) -> None:
        """Join components that are empty or too small, and order the rest in a tree."""
        n_components = len(self.mixture_.weights_)
        rows_of = np.bincount(self._components_of(points), minlength=n_components)
        distances = component_distances(self.mixture_)
        segment_of = merge_small_segments(rows_of, distances, self.min_segment_size)
        between = segment_distances(distances, segment_of)
        self._set_segments(segment_of, build_hierarchy(between))
        self.segment_sizes_ = np.bincount(segment_of, weights=rows_of).astype(np.intp)
        warn_of_lost_segments(rows_of, self.n_segments_, self.min_segment_size)

    def _set_segments(
        self, segment_of: NDArray[np.intp], hierarchy: NDArray[np.float64]
    ) -> None:
        self._segment_of = segment_of
        self.hierarchy_ = hierarchy
        self.n_segments_ = self._n_features_out = int(segment_of.max()) + 1

    # ---- use of the mixture ------------------------------------------------------
    def _standardise(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, reset=False)
        points: NDArray[np.float64] = self.scaler_.transform(table)
        return points

    def _components_of(self, points: NDArray[np.float64]) -> NDArray[np.intp]:
        return components_of(self.mixture_, points)


def _check_integer(value: int, name: str, low: int, high: int | None = None) -> None:
    if isinstance(value, Integral) and low <= value and (high is None or value <= high):
        return
    limit = f"of {low} or more" if high is None else f"from {low} to {high}"
    raise ValueError(f"`{name}` must be an integer {limit}; got {value!r}.")
