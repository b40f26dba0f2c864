"""What if a model kept silent where it can't be trusted, and who would hear nothing?

Scope narrowing: predictions are withheld where doubt is largest, as many as it takes
for the people of every subgroup who do get one to be served alike. It raises every
figure of the model, and moves what it does badly out of sight: so the table of who is
excluded comes with it, unasked.
"""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.utils import Tags, check_random_state, get_tags, indexable
from sklearn.utils.metaestimators import available_if

from sklearn_equity._checks import SubgroupCodes, check_sample_weight
from sklearn_equity._sklearn_shims import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    num_samples,
    safe_indexing,
)
from sklearn_equity.exceptions import ExclusionWarning
from sklearn_equity.fidelity import Metric
from sklearn_equity.remediation._calibration import Folds, MetricOfTarget
from sklearn_equity.remediation._characteristics import columns_by_name
from sklearn_equity.remediation._coverage import CoverageRule, Thresholds
from sklearn_equity.remediation._deferral_result import Deferral, judge_coverage
from sklearn_equity.remediation._doubt import (
    HeldOut,
    cross_fit_doubt,
    predict_held_out,
    refuse_no_doubt,
)
from sklearn_equity.remediation._emphasis import TrainingRows
from sklearn_equity.remediation._excluded import excluded_who
from sklearn_equity.remediation._inputs import check_target
from sklearn_equity.remediation._known_subgroups import KnownSubgroups
from sklearn_equity.remediation._remedied_model import wrapped_has

Vector = NDArray[np.float64]


class DeferralModel(KnownSubgroups):
    """What withholding numbers and withholding classes have in common."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "segmenter": [HasMethods(["fit", "predict"]), str, list, tuple, None],
        "metric": [str, callable, Metric],
        "withhold_by": [StrOptions({"error", "novelty"}), HasMethods(["fit"])],
        "coverage": [Interval(Real, 0, 1, closed="right")],
        "max_gap": [Interval(Real, 0, None, closed="left"), None],
        "min_coverage": [Interval(Real, 0, 1, closed="right")],
        "min_subgroup_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }
    # All that is known of people, for the table of who is excluded.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {
        "subgroups": True,
        "characteristics": True,
    }
    _wants_classifier: ClassVar[bool]
    measured_on: Literal["cv", "train"] = "cv"

    def __init__(
        self,
        estimator: Any,
        *,
        segmenter: Any = None,
        metric: str | Callable[..., float] | Metric = "rmse",
        withhold_by: Any = "error",
        coverage: float = 0.9,
        max_gap: float | None = None,
        min_coverage: float = 0.5,
        min_subgroup_size: int = 30,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.segmenter = segmenter
        self.metric = metric
        self.withhold_by = withhold_by
        self.coverage = coverage
        self.max_gap = max_gap
        self.min_coverage = min_coverage
        self.min_subgroup_size = min_subgroup_size
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        subgroups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        characteristics: Any = None,
    ) -> Self:
        """Fit the model, learn where it can't be trusted, and say whom that excludes.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Training rows, in whatever form the wrapped estimator takes.
        y : array-like of shape (n_rows,)
            The target.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            One label a row, or several whose combinations are the subgroups. With a
            `max_gap` they, or a `segmenter`, are needed.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights, for the wrapped estimator, for coverage and for fidelity.
        characteristics : data frame, mapping or 2-D array, default=None
            What else is known of the same people, such as their deprivation, for the
            table of who is excluded; no model sees it.

        Returns
        -------
        DeferralModel
            Itself, fitted.

        Raises
        ------
        ValueError
            If an argument breaks its rule, or subgroups are needed and not given.

        Warns
        -----
        ExclusionWarning
            If people of some kind are shown to be excluded more often than others.
        """
        (X,) = indexable(X)
        n_rows = num_samples(X)
        self._refuse_other_kind()
        refuse_no_doubt(self.withhold_by)
        y, y_array = check_target(y, n_rows, is_classifier=self._wants_classifier)
        weights = check_sample_weight(sample_weight, n_rows=n_rows, rows_of="X")
        fit_params = self._route_to_estimator(subgroups, weights)
        metric = self._check_metric(y_array)
        random_state = check_random_state(self.random_state)
        folds = self._split(X, y_array, random_state)
        codes = self._learn_subgroups(X, subgroups, n_rows)
        if self.max_gap is not None and codes.n_subgroups < 2:
            self._find_subgroups(X, subgroups, n_rows)  # says what is missing
        training = TrainingRows(X, y, fit_params, "weight")
        held_out = predict_held_out(training, self.estimator, y_array, folds or [])
        doubt, self._doubt = cross_fit_doubt(
            self.withhold_by, X, held_out, folds or [], random_state
        )
        withheld = self._choose(doubt, held_out, metric, codes, weights, folds or [])
        self.subgroups_ = judge_coverage(
            withheld,
            held_out.prediction,
            metric,
            codes,
            weights,
            limits=self._thresholds.by_subgroup,
            max_gap=self.max_gap,
            min_subgroup_size=self.min_subgroup_size,
            seed=int(random_state.randint(2**31 - 1)),
        )
        labels = None if codes.name == "all" else np.array(codes.labels, object)
        self.deferral_ = Deferral(
            withheld,
            doubt,
            excluded_who(
                withheld,
                _describe(
                    X, None if labels is None else labels[codes.codes], characteristics
                ),
            ),
        )
        self.coverage_ = self.deferral_.coverage
        self.excluded_ = self.deferral_.excluded
        self.estimator_ = training.fit(self.estimator, np.ones(n_rows, dtype=np.intp))
        if self.excluded_.over_represented:
            warnings.warn(
                " ".join(self.excluded_.sentences())
                + " The table is in `excluded_`, and for others in `defer(X)`.",
                ExclusionWarning,
                stacklevel=3,  # past the wrapper that checks parameters
            )
        return self

    def defer(
        self,
        X: Any,
        *,
        subgroups: ArrayLike | None = None,
        characteristics: Any = None,
    ) -> Deferral:
        """Say whose predictions are withheld, and who they are.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            Their labels, if labels were passed to `fit` and there is a `max_gap`.
        characteristics : data frame, mapping or 2-D array, default=None
            What else is known of them.

        Returns
        -------
        Deferral
            A mask, as an array or in ``deferred``; ``doubt``; and ``excluded``, the
            table of who they are, which is what it prints.
        """
        deferred, doubt = self._withhold(X, subgroups)
        table = _describe(X, subgroups, characteristics)
        return Deferral(deferred, doubt, excluded_who(deferred, table))

    @available_if(wrapped_has("score"))
    def score(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        subgroups: ArrayLike | None = None,
    ) -> float:
        """Score the predictions that are given, by the wrapped estimator's own score.

        It rises as more is withheld: compare models at equal coverage.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.
        y : array-like of shape (n_rows,)
            Their target.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights, where the wrapped estimator's score takes them.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            As in `defer`.

        Returns
        -------
        float
            R2 for most regressors, accuracy for most classifiers; NaN if no prediction
            is given.
        """
        given = np.flatnonzero(~self._withhold(X, subgroups)[0])
        if not len(given):
            return float("nan")
        weights = {}
        if sample_weight is not None:
            weights["sample_weight"] = safe_indexing(sample_weight, given)
        rows = safe_indexing(X, given), safe_indexing(y, given)
        return float(self._fitted().score(*rows, **weights))

    # ---- fitting, step by step ---------------------------------------------------
    def _refuse_other_kind(self) -> None:
        if is_classifier(self.estimator) != self._wants_classifier:
            wanted, other = "regressor", "DeferralClassifier"
            if self._wants_classifier:
                wanted, other = "classifier", "DeferralRegressor"
            msg = (
                f"`estimator` must be a {wanted}; got {type(self.estimator).__name__}. "
                f"Use {other}."
            )
            raise ValueError(msg)

    def _choose(
        self,
        doubt: Vector,
        held_out: HeldOut,
        metric: MetricOfTarget,
        codes: SubgroupCodes,
        weights: Vector | None,
        folds: Folds,
    ) -> NDArray[np.bool_]:
        """Choose thresholds on all rows; withhold each row by those of the others."""
        rule = CoverageRule(
            self.coverage, self.max_gap, self.min_coverage, self.min_subgroup_size
        )

        def choose(rows: NDArray[np.intp]) -> Thresholds:
            part = MetricOfTarget(metric.metric, metric.y_true[rows], metric.read)
            return rule.choose(
                doubt[rows],
                held_out.prediction[rows],
                part,
                SubgroupCodes(codes.codes[rows], codes.labels, codes.name),
                None if weights is None else weights[rows],
            )

        withheld = np.zeros(len(doubt), dtype=bool)
        for train, test in folds:
            withheld[test] = choose(train).withheld(doubt[test], codes.codes[test])
        self._thresholds = choose(np.arange(len(doubt)))
        return withheld

    def _withhold(self, X: Any, subgroups: Any) -> tuple[NDArray[np.bool_], Vector]:
        self._fitted()
        doubt = self._doubt.of(X)
        codes = np.zeros(len(doubt), dtype=np.intp)
        if self.max_gap is not None:
            codes = self._place(X, subgroups)
        return self._thresholds.withheld(doubt, codes), doubt

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        by = self.withhold_by
        if isinstance(by, str):
            tags.input_tags.sparse &= by == "novelty"
        else:
            tags.input_tags.sparse &= get_tags(by).input_tags.sparse
            tags.input_tags.allow_nan &= get_tags(by).input_tags.allow_nan
        return tags


def _describe(X: Any, labels: Any, characteristics: Any) -> dict[str, Any]:
    """Return what is known of people: the model's inputs, labels, and what else."""
    known = columns_by_name(X)
    if labels is not None:
        array = np.empty(num_samples(labels), dtype=object)
        array[:] = [
            tuple(row) if isinstance(row, list | np.ndarray) else row
            for row in np.asarray(labels, dtype=object)
        ]
        known = {"subgroups": array, **known}
    return {**known, **columns_by_name(characteristics)}


class DeferralRegressor(DeferralModel):
    r"""Withhold the predictions of a regressor that can't be trusted, as NaN.

    Scope narrowing, around any regressor: no prediction where the expected error, or
    how new a person is, exceeds a threshold. It is set by the share of people who get a
    prediction (`coverage`), and lower in subgroups that would be served worse than the
    best-served by more than `max_gap`.

    What is withheld is not made better. Those who are ill or deprived are excluded
    first: `excluded_` says who, on rows that chose no threshold; `fit` warns of them,
    and `defer` shows them for any other people.

    Parameters
    ----------
    estimator : regressor
        The model whose predictions are withheld; cloned, never changed.
    segmenter : estimator, str or list of str, default=None
        Who belongs together, as in `SubgroupOversampler`. None takes the `subgroups`
        that are passed to `fit`, or knows of none.
    metric : str, callable or Metric, default="rmse"
        What fidelity is, as in `SubgroupOversampler`.
    withhold_by : {"error", "novelty"} or estimator, default="error"
        What is doubted. "error": the absolute error that `ErrorMap` expects, learnt
        from models that had not seen the person. "novelty": how easily an isolation
        forest sets the person apart. A regressor learns the absolute errors; any other
        estimator is fitted to X and its `score_samples` is large for who is alike.
    coverage : float, default=0.9
        The share of people whom the threshold common to all leaves a prediction.
    max_gap : float, default=None
        By how much, in the unit of the metric, a subgroup may be served worse than the
        best-served, each by the predictions that are given. None leaves it open.
    min_coverage : float, default=0.5
        The least share of a subgroup that a threshold of its own leaves a prediction.
    min_subgroup_size : int, default=30
        Smaller subgroups have the common threshold.
    random_state : int, RandomState instance or None, default=None
        Shuffles the folds and seeds what doubts.

    Attributes
    ----------
    estimator_ : estimator
        The model, fitted on all rows.
    excluded_ : ExcludedWho
        Who is over-represented among the training rows without a prediction.
    coverage_ : float
        The share of training rows with a prediction, each by thresholds that it had no
        part in.
    subgroups_ : tuple of records
        Of each subgroup, on the same terms: `coverage`, `fidelity_of_all` and
        `fidelity` of the predictions that are given, `std_error`, the `excess` over the
        best-served with its `verdict`, and the `threshold` for new people.
    deferral_ : Deferral
        Who among the training rows gets no prediction, with the doubt about each.
    segmenter_ : estimator or None
        The fitted segmenter, if it is an estimator.
    n_features_in_ : int
        The number of features, if the wrapped estimator has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the features, if X had any that are text.

    See Also
    --------
    DeferralClassifier : The same for classes.
    excluded_who : The table of who is excluded, by any other rule.
    ErrorMap : What doubts by default.

    Notes
    -----
    Predictions and doubt about a training row come from models fitted to the other four
    of five folds; the thresholds by which it is withheld, from the other folds too. The
    final model of doubt is made as those of the folds are, of a quarter more rows, so
    that the share of new people who get a prediction is `coverage` to sampling error.

    With `max_gap`, the loss of every subgroup of enough people is taken along its own
    coverage, in 50 steps down to `min_coverage`, made to fall monotonically by isotonic
    regression. A subgroup has the largest coverage at which its loss is within
    `max_gap` of that of the best-served. If there is none, nobody more of it is
    excluded in vain, and its `verdict` says "beyond".

    Every figure of a model rises when it may keep silent, so `score`, which is that of
    the predictions given, compares models at equal coverage alone.

    Examples
    --------
    Outcomes are noisier in ward B, and in old age everywhere:

    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import DeferralRegressor
    >>> from sklearn_equity.exceptions import ExclusionWarning
    >>> rng = np.random.default_rng(0)
    >>> ward = np.repeat(["A", "B"], [2000, 1000])
    >>> age = rng.uniform(20, 80, size=3000)
    >>> noise = np.where(age > 60, 6, 2) + np.where(ward == "B", 1, 0)
    >>> y = 100 + age + noise * rng.normal(size=3000)
    >>> X = np.column_stack([age, ward == "B"])
    >>> model = DeferralRegressor(
    ...     LinearRegression(), coverage=1.0, max_gap=0.5, random_state=0
    ... )
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", ExclusionWarning)
    ...     model = model.fit(X, y, subgroups=ward)
    >>> for record in model.subgroups_:
    ...     print(record.subgroup, f"{record.coverage:.0%} with a prediction")
    A 100% with a prediction
    B 90% with a prediction
    >>> model.excluded_.over_represented[0]
    'subgroups = B'
    >>> model.predict([[79.0, 1.0], [30.0, 1.0]], subgroups=["B", "B"]).round()
    array([ nan, 130.])
    """

    _wants_classifier: ClassVar[bool] = False

    @available_if(wrapped_has("predict"))
    def predict(self, X: Any, *, subgroups: ArrayLike | None = None) -> Any:
        """Predict where that can be trusted.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            Their labels, if labels were passed to `fit` and there is a `max_gap`.

        Returns
        -------
        ndarray of shape (n_rows,)
            What the wrapped estimator predicts; NaN where it is withheld. `defer` tells
            from whom.
        """
        deferred, _ = self._withhold(X, subgroups)
        predicted = np.asarray(self.estimator_.predict(X))
        if predicted.dtype.kind != "f":
            predicted = predicted.astype(np.float64)
        return np.where(deferred, np.array(np.nan, predicted.dtype), predicted)
