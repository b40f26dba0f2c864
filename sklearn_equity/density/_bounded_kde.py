"""What is the distribution of one bounded measurement? A scikit-learn estimator."""

from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._numbers import (
    check_confidence_level,
    check_numbers,
    check_sample_weight,
    check_whole_number,
    refuse_extreme_weights,
)
from sklearn_equity._sklearn_shims import (
    Interval,
    StrOptions,
    fit_context,
    validate_data,
)
from sklearn_equity.density._band import resample, root_interval
from sklearn_equity.density._bandwidth import RULES, check_bandwidth
from sklearn_equity.density._evidence import gather, merge_evidence
from sklearn_equity.density._mixture import smooth_mixture
from sklearn_equity.density._params import refuse_changed_params, refuse_unlike_params
from sklearn_equity.density._plan import MAX_BINS, Plan, plan_for
from sklearn_equity.density._range import (
    Bounds,
    bring_into,
    check_bounds,
    check_thresholds,
    scaled_bounds,
    scaled_rule,
    scaling_exponent,
)
from sklearn_equity.density._rows import BinnedRows
from sklearn_equity.density._units import DensityRows

Array = NDArray[np.float64]


class BoundedKDE(DensityMixin, BaseEstimator):
    r"""Density and probabilities of one measurement with a bounded range.

    A kernel estimate without the bias that kernels have at bounds and at tied values:
    point masses are found and kept as they are, and the rest is smoothed on a scale on
    which its bounds lie at infinity. Cost grows with the number of rows by about ten
    nanoseconds each, data may come in chunks, and fits can be merged.

    Parameters
    ----------
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the measurement. None: no bound on that side.
    bandwidth : {"isj", "silverman", "scott", "cv"} or float, default="isj"
        How far the kernel smooths: Botev's improved Sheather-Jones rule, Silverman's or
        Scott's normal reference, the best leave-one-out likelihood, or a number in the
        unit of the data. 0 smooths nothing.
    boundary : {"local", "reflect", "adjusted", "none"}, default="local"
        "local" is the local log-quadratic estimate on the probit (with two bounds) or
        the logarithm (with one), the most accurate. "reflect" returns what leaks beyond
        a bound to the inside. "adjusted" moves thresholds as the paper of the DA
        framework does: less accurate than counting once there are a thousand rows,
        and kept for faithfulness. "none" ignores the bounds.
    discrete : {"auto"} or bool, default="auto"
        "auto" finds point masses: zero inflation, detection limits, counts, rounded and
        heaped values. True takes every value as one, False none.
    n_bins : int, default=4096
        The number of cells over which the data are binned, at most; a narrow bandwidth
        given as a number has more.
    clip : bool, default=False
        Move data outside the bounds onto them instead of refusing them.

    Attributes
    ----------
    bandwidth_ : float
        The bandwidth of the density in the unit of the data; under "local", at the
        median. 0 if nothing is smoothed.
    point_values_ : ndarray of shape (n_points,)
        The values that are point masses.
    point_probabilities_ : ndarray of shape (n_points,)
        Their probabilities.
    lattice_ : tuple of (float, float) or None
        A value and the step of the lattice on which rounded values stay, apart from
        point masses: `pdf` gives the probability there, and 0 between. None if values
        may lie anywhere.
    n_samples_seen_ : int
        The number of rows seen, over all chunks.
    n_features_in_ : int
        1.
    feature_names_in_ : ndarray of shape (1,)
        The column's name, if `X` has one.

    See Also
    --------
    sklearn.neighbors.KernelDensity : Several variables; no bounds, and slower.

    Notes
    -----
    **Ties.** A value held by at least 1% of the rows (and 5) is a point mass. Values on
    a lattice stay as they are if its step is coarse; if it is fine against spread and
    number of rows, their masses are smoothed, and the distribution is one on the same
    lattice. A threshold within rounding of a tied value is taken as that value, so that
    ``3 * 0.1`` is 0.3. Values beyond 20 interquartile ranges of the quartiles are point
    masses too. At a point mass, `pdf` and `score_samples` give its probability (a
    density against lengths and counts).

    **Bandwidth.** Under "reflect", "adjusted" and "none", "isj" uses for `cdf` and
    `interval_probability` the narrower bandwidth, of the order :math:`n^{-1/3}`, that
    the same rule finds for probabilities. "local" widens every rule's bandwidth by
    :math:`n^{4/45}`, at most twofold, because its bias is of higher order. A number of
    the user's is used as it is, but not below two cells of the grid.

    **Units.** A unit that is a power of two changes no digit of an answer, but under
    "local" with one bound. There, and with another unit, the nodes of the grid move:
    bandwidths change by less than 1e-5 of themselves ("isj" by 2e-4), probabilities by
    less than 2e-6.

    **Without bounds.** The estimate lives on an interval that reaches 8.3 bandwidths
    (5 under "local") beyond the data: what lies further out is less than a double can
    add to 1.

    **Weights.** Whole weights count rows, exactly as repeated rows would. With others,
    the number of rows is Kish's :math:`(\sum w)^2 / \sum w^2`. Only their ratios
    matter then; they must come from one scale in all chunks.

    **Chunks.** Up to 65,536 distinct values every order of chunks gives the same
    estimate to the last bit. Beyond, the counts still add exactly while the chunks lie
    on one grid, which both bounds and a shared range make sure of; else to a millionth
    of a cell. What is a point mass is settled when that number is passed.

    References
    ----------
    .. [1] Botev, Grotowski and Kroese (2010), "Kernel density estimation via
       diffusion", Annals of Statistics 38, 2916-2957.
    .. [2] Geenens (2014), "Probit transformation for kernel density estimation on the
       unit interval", Journal of the American Statistical Association 109, 346-358.

    Examples
    --------
    Waiting times with many zeros: the zeros are kept apart.

    >>> import numpy as np
    >>> from sklearn_equity.density import BoundedKDE
    >>> rng = np.random.default_rng(0)
    >>> days = np.concatenate([np.zeros(300), rng.exponential(10.0, size=700)])
    >>> kde = BoundedKDE(bounds=(0, None)).fit(days.reshape(-1, 1))
    >>> kde.point_values_, kde.point_probabilities_
    (array([0.]), array([0.3]))
    >>> kde.interval_probability([0, 7, 30, np.inf]).round(2)
    array([0.63, 0.33, 0.03])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "bounds": [tuple, list],
        "bandwidth": [StrOptions(set(RULES)), Interval(Real, 0, None, closed="left")],
        "boundary": [StrOptions({"local", "reflect", "adjusted", "none"})],
        "discrete": [StrOptions({"auto"}), "boolean"],
        "n_bins": [Interval(Integral, 16, MAX_BINS, closed="both")],
        "clip": ["boolean"],
    }

    def __init__(
        self,
        *,
        bounds: Bounds = (None, None),
        bandwidth: Literal["isj", "silverman", "scott", "cv"] | float = "isj",
        boundary: Literal["local", "reflect", "adjusted", "none"] = "local",
        discrete: Literal["auto"] | bool = "auto",
        n_bins: int = 4096,
        clip: bool = False,
    ) -> None:
        self.bounds = bounds
        self.bandwidth = bandwidth
        self.boundary = boundary
        self.discrete = discrete
        self.n_bins = n_bins
        self.clip = clip

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002 - for pipelines
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Estimate the distribution of a measurement.

        Parameters
        ----------
        X : array-like of shape (n_rows, 1)
            Finite numbers within the bounds.
        y : None
            Ignored; here for pipelines.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times.

        Returns
        -------
        BoundedKDE
            The fitted estimator.
        """
        values, weight = self._check_data(X, sample_weight, reset=True)
        self.n_samples_seen_ = len(values)
        limits = check_bounds(self.bounds)
        self._exponent = scaling_exponent(values, limits)
        scaled = bring_into(limits, values, self._exponent, clip=self.clip)
        self._evidence = gather(self._plan(scaled), scaled, weight)
        self._fitted_params = self.get_params()
        return self._estimate()

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add a chunk of data to those already seen.

        Parameters
        ----------
        X : array-like of shape (n_rows, 1)
            Finite numbers within the bounds.
        y : None
            Ignored; here for pipelines.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times, on the scale of earlier chunks.

        Returns
        -------
        BoundedKDE
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is no longer what the earlier chunks were summarised with.
        """
        if not hasattr(self, "_evidence"):
            fitted: Self = self.fit(X, y, sample_weight)
            return fitted
        refuse_changed_params(self._fitted_params, self)
        values, weight = self._check_data(X, sample_weight, reset=False)
        limits = check_bounds(self.bounds)
        scaled = bring_into(limits, values, self._exponent, clip=self.clip)
        chunk = gather(self._evidence.plan, scaled, weight)
        self._evidence = merge_evidence(self._evidence, chunk)
        self.n_samples_seen_ += len(values)
        return self._estimate()

    def merge(self, other: "BoundedKDE") -> Self:
        """Add the data that another fitted estimator has seen.

        Parameters
        ----------
        other : BoundedKDE
            Fitted with the same parameters; it is left as it is.

        Returns
        -------
        BoundedKDE
            This estimator, as if fitted to the data of both.

        Raises
        ------
        ValueError
            If the parameters or the orders of magnitude of the two differ, or
            parameters were changed since the data were seen.
        """
        check_is_fitted(self)
        check_is_fitted(other)
        refuse_changed_params(self._fitted_params, self)
        refuse_changed_params(other._fitted_params, other)  # noqa: SLF001 - one class
        refuse_unlike_params(self, other)
        if self._exponent != other._exponent:  # noqa: SLF001 - one class
            msg = "`other` was fitted to data of another order of magnitude (1e90)."
            raise ValueError(msg)
        self._evidence = merge_evidence(self._evidence, other._evidence)  # noqa: SLF001
        self.n_samples_seen_ += other.n_samples_seen_
        return self._estimate()

    def score_samples(self, X: Any) -> Array:
        """Return the log density of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, 1)
            Finite numbers.

        Returns
        -------
        ndarray of shape (n_rows,)
            The logarithm of `pdf`: minus infinity where nothing is possible, as outside
            the bounds. Elsewhere a density below the rounding of a kernel's peak counts
            as that rounding.
        """
        check_is_fitted(self)
        values = self._check_column(X, reset=False)
        logarithm: Array = self._density.log_pdf(values)[0]
        return logarithm

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002 - for pipelines
        """Return the total log density of `X`.

        Parameters
        ----------
        X : array-like of shape (n_rows, 1)
            Finite numbers.
        y : None
            Ignored; here for pipelines.

        Returns
        -------
        float
            The sum of `score_samples`.
        """
        return float(self.score_samples(X).sum())

    @property
    def lattice_(self) -> tuple[float, float] | None:
        """The lattice of rounded values: one of them, and its step; None if none."""
        check_is_fitted(self)
        return self._density.lattice

    def pdf(self, values: ArrayLike) -> Array:
        """Return the density at values, and the probability of those that are points.

        Parameters
        ----------
        values : array-like of shape (n_values,)
            Numbers in the unit of the data.

        Returns
        -------
        ndarray of shape (n_values,)
            Densities per unit of the data, 0 outside the bounds; at a point mass its
            probability, and so at the values of a lattice.
        """
        check_is_fitted(self)
        density: Array = self._density.pdf(check_numbers(values, name="values"))[0]
        return density

    def pdf_interval(
        self,
        values: ArrayLike,
        *,
        confidence_level: float = 0.95,
        n_resamples: int = 100,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Return between which ends the density lies at values, one by one.

        Parameters
        ----------
        values : array-like of shape (n_values,)
            As in `pdf`.
        confidence_level : float, default=0.95
            The level of each interval by itself.
        n_resamples : int, default=100
            How many samples to draw, at least 2.
        random_state : int, RandomState or None, default=None
            Draws them; an int for the same ends in every call.

        Returns
        -------
        ndarray of shape (2, n_values)
            The lower ends, 0 at least, and the upper ones, in the unit of `pdf`.

        Notes
        -----
        A bootstrap of the counts that the estimate is made of, with its bandwidth and
        point masses as they are, on the scale of the square root. It tells what
        sampling moves, and no bias: a peak that the kernel smooths away is missing from
        every resample. Measured, with 200 and with 2,000 people of a beta, an
        exponential, a zero-inflated and a normal law, away from the bounds: with
        ``boundary="local"`` 95% intervals held the true density in 93 to 95% of places
        and samples. With "reflect" it was 85 to 93%, and as few as 20% within a
        bandwidth of a bound, where that estimate is biased.
        """
        check_is_fitted(self)
        checked = check_numbers(values, name="values")
        level = check_confidence_level(confidence_level)
        check_whole_number(n_resamples, name="n_resamples", least=2)
        rows = resample(
            self._evidence.summary(), n_resamples, check_random_state(random_state)
        )
        rule = self._density.mixture.bandwidth[0]
        resampled = self._smoothed(rows, float(rule)).pdf(checked)
        return root_interval(self._density.pdf(checked)[0], resampled, level)

    def cdf(self, values: ArrayLike) -> Array:
        """Return Pr(M <= value).

        Parameters
        ----------
        values : array-like of shape (n_values,)
            Numbers in the unit of the data; infinite ones are allowed.

        Returns
        -------
        ndarray of shape (n_values,)
            Probabilities, 1 at the upper bound.
        """
        check_is_fitted(self)
        probability: Array = self._density.cdf(check_thresholds(values, "values"))[0]
        return probability

    def interval_probability(self, edges: ArrayLike) -> Array:
        """Return the probability of each interval between neighbouring edges.

        Parameters
        ----------
        edges : array-like of shape (n_intervals + 1,)
            Rising numbers in the unit of the data; infinite ones are allowed.

        Returns
        -------
        ndarray of shape (n_intervals,)
            ``Pr(a <= M < b)``; the last interval includes its upper edge, as in
            `numpy.histogram`.
        """
        check_is_fitted(self)
        checked = check_thresholds(edges, "edges")
        if len(checked) < 2 or (np.diff(checked) < 0.0).any():
            msg = f"`edges` must be at least two rising numbers; got {checked!r}."
            raise ValueError(msg)
        probability: Array = self._density.interval_probability(checked)[0]
        return probability

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Draw from the estimated distribution.

        With ``boundary="adjusted"``, whose thresholds of a discrete measurement are
        moved, draws are of the estimate as it is, which `cdf` then does not tell of.

        Parameters
        ----------
        n_samples : int, default=1
            The number of rows.
        random_state : int, RandomState or None, default=None
            The source of randomness; an int for the same draws in every call.

        Returns
        -------
        ndarray of shape (n_samples, 1)
            Values within the bounds.
        """
        check_is_fitted(self)
        uniform = check_random_state(random_state).uniform(size=n_samples)
        return self._density.draw(0, uniform).reshape(-1, 1)

    # ---- inner steps --------------------------------------------------------------
    def _check_data(
        self, X: Any, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Array, Array | None]:
        values = self._check_column(X, reset=reset)
        weight = check_sample_weight(sample_weight, n_rows=len(values), rows_of="X")
        if weight is None:
            return values, None
        refuse_extreme_weights(weight)
        counted = weight > 0.0
        return values[counted], weight[counted]

    def _check_column(self, X: Any, *, reset: bool) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # sums of values near 1e308
            table = validate_data(self, X, reset=reset, dtype=np.float64)
        if table.shape[1] != 1:
            msg = (
                "BoundedKDE describes one variable: `X` must have 1 column; got "
                f"{table.shape[1]}. Fit one estimator for each column."
            )
            raise ValueError(msg)
        return np.ascontiguousarray(table[:, 0])

    def _plan(self, scaled: Array) -> Plan:
        return plan_for(
            scaled,
            bounds=scaled_bounds(check_bounds(self.bounds), self._exponent),
            boundary=self.boundary,
            discrete=self.discrete,
            n_bins=self.n_bins,
            rule=self._rule(),
        )

    def _rule(self) -> str | float:
        return scaled_rule(check_bandwidth(self.bandwidth, RULES), self._exponent)

    def _smoothed(self, rows: BinnedRows, rule: str | float) -> DensityRows:
        plan = self._evidence.plan
        mixture = smooth_mixture(
            rows, rule=rule, boundary=plan.boundary, bounds=plan.bounds
        )
        return DensityRows(mixture, self._exponent)

    def _estimate(self) -> Self:
        """Smooth what is known of the data."""
        self._density = self._smoothed(self._evidence.summary(), self._rule())
        mixture = self._density.mixture
        if isinstance(self.bandwidth, str):
            self.bandwidth_ = float(self._density.bandwidth[0])
        else:
            is_smooth = mixture.smooth_share[0] > 0.0
            self.bandwidth_ = float(self.bandwidth) if is_smooth else 0.0
        share = mixture.point_share[0]
        self.point_values_ = self._density.points[share > 0.0]
        self.point_probabilities_ = share[share > 0.0]
        return self
