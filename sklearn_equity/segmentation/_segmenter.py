"""Into which subgroups do people fall that nobody declared?

A mixture of Gaussians is fitted to a space, the latent space of an embedder as a rule,
and every row goes to the component that most probably made it. Components too small to
judge are joined to their neighbours, and a hierarchy gives coarser views of the same
segments.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state

from sklearn_equity._fit_tasks import Task, fit_task
from sklearn_equity._numbers import refuse_overflow
from sklearn_equity._sklearn_shims import (
    Interval,
    StrOptions,
    fit_context,
    validate_data,
)
from sklearn_equity.exceptions import OutlierWarning
from sklearn_equity.segmentation._choice import (
    check_candidates,
    choose_mixture,
    limit_to_distinct_rows,
    limit_to_estimable,
    warn_of_lost_segments,
)
from sklearn_equity.segmentation._hierarchy import (
    build_hierarchy,
    component_distances,
    merge_small_segments,
    segment_distances,
)
from sklearn_equity.segmentation._mixture import (
    components_of,
    fit_exactly,
    fit_fast,
    log_density_of,
)
from sklearn_equity.segmentation._rows import Resolutions
from sklearn_equity.segmentation._segmented_space import SegmentedSpace

# Rows further than so many interquartile ranges from the quartiles of a column are
# mistakes: on a scale that holds them, all others would lie in one place.
_FAR = 1000.0
# Fewer values than this beside the usual one of a column do not say what is far.
_ENOUGH_BESIDE = 5


class LatentGMMSegmenter(SegmentedSpace):
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
        The shape of the components, as in scikit-learn's mixture. In four or more
        columns a component needs one row more than there are columns for a full
        covariance: with fewer, on average, "diag" takes its place, with a
        `DiagonalCovarianceWarning`. Of `candidates`, those that leave too few rows are
        left out first, with a `FewerSegmentsWarning`.
    min_segment_size : int, default=1
        Segments with fewer training rows than this are joined to the one that they
        overlap most. The default joins only components that no row belongs to.
    max_fit_rows : int or None, default=100000
        Where rows are used one by one, use at most so many, drawn at random; None takes
        all. Bins of rows, in up to three columns, hold all of them. Segments are
        formed, and their sizes counted, on all rows in any case.
    init_params : str, default="auto"
        How the mixture starts: "kmeans", "k-means++", "random" or "random_from_data",
        as in scikit-learn's mixture, or "quantiles", from cells that hold equal numbers
        of rows, cut by each column in turn. "auto" takes "quantiles" for 20 components
        or more in up to three columns, which other samples then give again more often,
        and else "k-means++", which finds clouds that lie apart.
    n_init : int, default=1
        Starts of the mixture; the one with the highest likelihood is kept. There is
        only one at quantiles.
    tol : float, default=0.001
        The mixture has converged once a step raises the mean log-likelihood of a row by
        less than this. Unless `exact`, it goes on to a tenth of it, as far as
        `max_iter` lets it.
    max_iter : int, default=100
        The most steps of a start.
    reg_covar : float, default=1e-06
        Added to the variances of the components; the columns have variance 1. More than
        0, unless `init_params` is "kmeans" or "random".
    exact : bool, default=False
        Let scikit-learn's mixture fit itself, on the rows one by one and with the
        covariances asked for. It takes a hundred times as long on large tables of two
        columns, and finds rows no likelier.
    novelty_rate : float, default=0.001
        The part of the training rows that lies below `novelty_threshold_`: about that
        part of new rows from the same population is flagged by `predict_novelty`.
    random_state : int, RandomState instance or None, default=None
        Decides the start of the mixture, the rows drawn, and what `sample` draws. Pass
        an int for the same result every time.

    Attributes
    ----------
    n_segments_ : int
        Number of segments; `predict` gives integers from 0 to one less.
    mixture_ : sklearn.mixture.GaussianMixture
        The mixture, fitted to ``scaler_.transform(X)``: scikit-learn's own, with all
        attributes that its `fit` would set.
    scaler_ : sklearn.preprocessing.StandardScaler
        How the columns were standardised.
    segment_sizes_ : ndarray of shape (`n_segments_`,)
        Training rows of every segment.
    hierarchy_ : ndarray of shape (`n_segments_` - 1, 4)
        How the segments merge, the most overlapping first: a linkage matrix as in
        `scipy.cluster.hierarchy`, whose heights are Bhattacharyya distances.
    novelty_threshold_ : float
        The log-density below which `predict_novelty` flags a row.
    choice_scores_ : dict of int to float
        Silhouette or information criterion by number of components; empty if
        `component_choice` is None.
    n_iter_ : int
        Steps that the mixture took.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if they are all text.

    See Also
    --------
    sklearn_equity.AutoencoderEmbedder : Makes the latent space out of a table.
    sklearn_equity.ConsensusSegmenter : What many segmentations agree on, whatever the
        seed; the better choice for segments that are reported.
    sklearn_equity.segmentation_stability : Would other people give the same segments?
    sklearn.mixture.GaussianMixture : The mixture alone.

    Notes
    -----
    A row's segment is that of its most probable component. A segment of several
    components has the sum of their posterior probabilities, so that next to it
    `predict` can differ from the largest column of `predict_proba`; without merges they
    agree. The published method uses fifty full components in a space of two dimensions
    [1]_.

    In up to three columns the rows are put on a grid, and a bin counts for all its rows
    with their mean and their spread; they share the probabilities of the components, so
    that the likelihood found is a lower bound of the true one [3]_. If ten thousand
    rows show it to be more than 0.01 a row below, a finer grid and then the rows
    themselves follow. In more columns rows are used one by one, densities and moments
    of all components being one matrix product each. Every start but "random" gives each
    row to the nearest centre, which is scikit-learn's first step from tiny components.

    Small segments go one at a time, the smallest first, to the segment whose components
    have the least Bhattacharyya distance [2]_ from its own, on average over pairs; the
    hierarchy joins segments by the same average.

    The mean silhouette of more than 4,000 rows is found on grids too, in up to three
    columns, and errs by up to 0.006 in two and 0.011 in three; in more columns it is
    that of 4,000 rows. On latent spaces without gaps it falls with the number of
    components, as if two were best: a curve without an inner maximum says that there is
    no natural number.

    Rows beyond 1,000 interquartile ranges from the quartiles of a column are left out
    of the fit, with an `OutlierWarning`. Where the quartiles are one value, the median
    distance of all other values from it takes the range's place, if there are five or
    more. If other rows repeat so much or lie so far
    out that components stay empty, a `FewerSegmentsWarning` says how many are in use.

    Densities of training rows are optimistic: with few rows a component, or many
    columns, more new rows than `novelty_rate` are flagged. Of 17,517 rows of NHANES
    that the fit had not seen, the default flagged .0009 in two principal components and
    .0041 in eight.

    References
    ----------
    .. [1] Carruthers et al. (2022), "Representational ethical model calibration", npj
       Digital Medicine 5, 170.
    .. [2] Hennig (2010), "Methods for merging Gaussian mixture components", Advances in
       Data Analysis and Classification 4, 3-34.
    .. [3] Verbeek, Nunnink and Vlassis (2006), "Accelerated EM-based clustering of
       large data sets", Data Mining and Knowledge Discovery 13, 291-307.

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
            StrOptions(
                {
                    *("auto", "quantiles", "kmeans", "k-means++"),
                    *("random", "random_from_data"),
                }
            )
        ],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "reg_covar": [Interval(Real, 0, 1e30, closed="left")],
        "exact": ["boolean"],
        "novelty_rate": [Interval(Real, 0, 1, closed="left")],
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
            "auto",
            "quantiles",
            "kmeans",
            "k-means++",
            "random",
            "random_from_data",
        ] = "auto",
        n_init: int = 1,
        tol: float = 1e-3,
        max_iter: int = 100,
        reg_covar: float = 1e-6,
        exact: bool = False,
        novelty_rate: float = 0.001,
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
        self.novelty_rate = novelty_rate
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
        far = _find_far_rows(table)
        near = table[~far] if far.any() else table
        self.scaler_ = StandardScaler().fit(near)
        with fit_task(self, X, n_parts=len(numbers), holds_models=False) as task:
            self._fit_mixture(self.scaler_.transform(near), numbers, task)
            self._form_segments(self.scaler_.transform(table))
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

    # ---- fitting -----------------------------------------------------------------
    def _fit_mixture(
        self, points: NDArray[np.float64], numbers: list[int], task: Task
    ) -> None:
        random_state = check_random_state(self.random_state)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        numbers = limit_to_distinct_rows(numbers, points)
        kind = self.covariance_type
        if not self.exact:
            kind, numbers = limit_to_estimable(
                kind, numbers, points, chosen=self.component_choice is not None
            )
        params = {
            "covariance_type": kind,
            "tol": self.tol,
            "reg_covar": self.reg_covar,
            "max_iter": self.max_iter,
            "n_init": self.n_init,
            "init_params": self.init_params,
            "random_state": seed,
        }
        resolutions = Resolutions(points, kind, self.max_fit_rows, random_state)
        some_points = resolutions.some_points
        fit = partial(fit_fast, resolutions=resolutions, params=params)
        if self.exact:
            fit = partial(fit_exactly, points=some_points, params=params)
        self.choice_scores_: dict[int, float] = {}
        if self.component_choice is None:
            with task.part("mixture", None) as part:
                self.mixture_ = fit(numbers[0], task=part)
        else:
            self.mixture_, self.choice_scores_ = choose_mixture(
                fit, numbers, some_points, self.component_choice, seed, task
            )
        self.n_iter_ = self.mixture_.n_iter_
        self.novelty_threshold_ = self._calibrate_novelty(some_points)

    def _calibrate_novelty(self, points: NDArray[np.float64]) -> float:
        log_density = log_density_of(self.mixture_, points)
        threshold = np.quantile(log_density, self.novelty_rate, method="lower")
        return float(threshold - np.log(self.scaler_.scale_).sum())

    def _form_segments(self, points: NDArray[np.float64]) -> None:
        """Join components that are empty or too small, and order the rest in a tree."""
        n_components = len(self.mixture_.weights_)
        rows_of = np.bincount(
            components_of(self.mixture_, points), minlength=n_components
        )
        distances = component_distances(self.mixture_)
        segment_of = merge_small_segments(rows_of, distances, self.min_segment_size)
        between = segment_distances(distances, segment_of)
        self._set_segments(segment_of, build_hierarchy(between))
        self.segment_sizes_ = np.bincount(segment_of, weights=rows_of).astype(np.intp)
        warn_of_lost_segments(rows_of, self.segment_sizes_, self.min_segment_size)


def _find_far_rows(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell, and warn, which rows no scale could hold together with the others."""
    low, high = np.quantile(table, [0.25, 0.75], axis=0)
    spread = high - low
    for column in np.flatnonzero(spread == 0.0):
        spread[column] = _spread_beside(table[:, column], low[column])
    reach = np.where(spread > 0.0, _FAR * spread, np.inf)
    beyond = (table < low - reach) | (table > high + reach)
    far: NDArray[np.bool_] = beyond.any(axis=1)
    if far.any():
        first = int(beyond.any(axis=0).argmax())
        furthest = table[beyond[:, first], first][0]
        msg = (
            f"{far.sum()} of {len(far)} rows lie more than {_FAR:,.0f} interquartile "
            f"ranges from the others, such as {furthest:g} in column {first}. They "
            "are given segments, but do not shape any. Correct or remove them."
        )
        warnings.warn(msg, OutlierWarning, stacklevel=4)
    return far


def _spread_beside(values: NDArray[np.float64], usual: float) -> float:
    """Find how far the values other than the usual one lie from it, by their median."""
    beside = values[values != usual]
    if len(beside) < _ENOUGH_BESIDE:
        return 0.0
    return float(np.median(np.abs(beside - usual)))
