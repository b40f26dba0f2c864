"""Does training more on the under-served narrow the gap?

The published remedy: measure, call the subgroups worse than the median under-served,
repeat their rows, train again. It moves fidelity from some people to others more often
than it adds any, so what it did is to be measured on rows that it never saw.
"""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import Tags, check_random_state, get_tags, indexable
from sklearn.utils.metadata_routing import process_routing

from sklearn_equity._checks import SubgroupCodes, check_sample_weight
from sklearn_equity._sklearn_shims import (
    HasMethods,
    Interval,
    MetadataRequest,
    StrOptions,
    fit_context,
    num_samples,
    safe_indexing,
)
from sklearn_equity.fidelity import Metric, resolve_metric
from sklearn_equity.remediation._calibration import (
    Calibration,
    Folds,
    MetricOfTarget,
    calibrate_and_remedy,
)
from sklearn_equity.remediation._emphasis import (
    TrainingRows,
    refuse_weights_that_do_not_arrive,
    repeat_rows,
)
from sklearn_equity.remediation._inputs import check_target, number_labels
from sklearn_equity.remediation._remedied_model import RemediedModel
from sklearn_equity.remediation._under_served import UnderServedRule

N_FOLDS = 5  # of the cross-validation behind measured_on="cv"


class SubgroupOversampler(RemediedModel):
    """Train a model again with the rows of under-served subgroups repeated.

    The published remedy of representational ethical model calibration [1]_, around any
    regressor or classifier: measure the fidelity of every subgroup, call those worse
    than the median under-served, count their rows `multiplier` times, train again.

    Oversampling adds no information. It usually makes the other subgroups worse, it
    seldom helps those that it aims at, and a gap that narrows may have narrowed because
    the best served lost. Judge it by fidelity before and after on held-out rows.

    Parameters
    ----------
    estimator : estimator
        The regressor or classifier to remedy; cloned, never changed.
    segmenter : estimator, default=None
        Learns subgroups from X alone: anything with ``fit`` and ``predict``, such as
        `LatentGMMSegmenter` or a pipeline that ends in it. Cloned and fitted in `fit`.
        None takes the `subgroups` that are passed to `fit`.
    metric : str, callable or Metric, default="nrmse"
        What fidelity is: a name that `subgroup_fidelity` knows, or a function such as
        those of `sklearn.metrics`. It compares y with what ``predict`` returns, so a
        classifier is measured by its predicted classes.
    multiplier : float, default=2.0
        How often a row of an under-served subgroup counts; 1 or more, and 1 fits the
        plain estimator. A natural parameter to search over.
    under_served : {"worse_than_median"}, callable or list of labels, \
            default="worse_than_median"
        Which subgroups count as under-served. The default compares with the median over
        subgroups of at least `min_subgroup_size` rows. A function gets a dict of those
        subgroups' fidelities by label and returns labels. A list names the labels
        outright, whatever their size and fidelity.
    measured_on : {"cv", "train"}, default="cv"
        "cv" measures each row by a model that did not see it, in 5 folds; "train"
        measures on the training rows, as published, which flatters a flexible model.
    strategy : {"duplicate", "weight"}, default="duplicate"
        "duplicate" repeats rows; "weight" multiplies sample weights, which costs no
        memory and needs an estimator that takes them.
    min_subgroup_size : int, default=30
        Smaller subgroups are measured, but neither called under-served by rule nor
        counted in the median: their estimates are mostly noise.
    n_rounds : int, default=1
        How often to measure and remedy. Later rounds measure the model as remedied so
        far, and the multipliers of a subgroup called under-served again are multiplied.
    random_state : int, RandomState instance or None, default=None
        Shuffles the folds and draws the rows that a fraction of `multiplier` repeats.

    Attributes
    ----------
    estimator_ : estimator
        The remedied model, fitted on all rows; absent after `fit_resample`.
    segmenter_ : estimator or None
        The fitted segmenter.
    under_served_ : tuple
        The labels that the last round called under-served.
    fidelity_ : dict
        The fidelity by label that the last round measured: that of the model before
        the round's remedy, so for one round that of the plain estimator.
    history_ : tuple of records
        Of each round: `n_rows`, `fidelity` and `multiplier` by label, `overall`
        fidelity, and `under_served`. Rounds end early when none is under-served.
    sample_indices_ : ndarray of shape (n_resampled_rows,)
        The training rows, in order, each as often as it is repeated; with
        ``strategy="weight"`` each once.
    classes_ : ndarray of shape (n_classes,)
        The classes, if the wrapped estimator has them.
    n_features_in_ : int
        The number of features, if the wrapped estimator has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the features, if X had any that are text.

    See Also
    --------
    fidelity_change : Who gained and who lost by it, on held-out rows, with intervals.
    subgroup_fidelity : The fidelity of each subgroup on held-out rows, with intervals.

    Notes
    -----
    With ``measured_on="cv"`` the folds are those of ``KFold(5, shuffle=True,
    random_state=random_state)``, for a classifier of ``StratifiedKFold``; they are the
    same in every round. Rows are split first and repeated afterwards, so no copy of a
    row is on both sides. An estimator that splits rows again by itself, for early
    stopping or as a search, does see copies on both sides if rows are duplicated: use
    ``strategy="weight"``, or search around the oversampler instead of inside it.

    A row whose multiplier is m is repeated floor(m) times, and once more with
    probability m - floor(m), by systematic sampling: the expected count is m exactly,
    the total lies within 1 of the sum of all m. A subgroup at the median is not worse
    than it. With equal fidelity everywhere, noise still puts about half of the
    subgroups below their median.

    With metadata routing on, `subgroups` is requested by default; `sample_weight`
    reaches the wrapped estimator if that requests it. User's weights multiply those of
    ``strategy="weight"``, and weigh rows when fidelity is measured; they do not equal
    repeating rows, because segmenter and folds see each row once. With routing off, a
    search can't pass `subgroups`: use a `segmenter` there.

    References
    ----------
    .. [1] Carruthers et al. (2022), "Representational ethical model calibration",
       npj Digital Medicine 5, 170.

    Examples
    --------
    In ward B the outcome rises half as steeply as in ward A, where most people are:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity.remediation import SubgroupOversampler
    >>> ward = np.repeat(["A", "B"], [300, 100])
    >>> X = np.tile(np.arange(100.0), 4)[:, None]
    >>> y = 10 + np.where(ward == "A", 2, 1) * X[:, 0]
    >>> remedied = SubgroupOversampler(LinearRegression(), multiplier=3, random_state=0)
    >>> remedied = remedied.fit(X, y, subgroups=ward)
    >>> remedied.under_served_
    ('B',)
    >>> len(remedied.sample_indices_)  # 300 rows once, 100 rows three times
    600

    One line can't fit both wards: ward B gains what ward A loses.

    >>> plain = LinearRegression().fit(X, y)
    >>> for model in (plain, remedied):
    ...     error = np.abs(y - model.predict(X))
    ...     print([round(float(error[ward == w].mean()), 1) for w in "AB"])
    [12.4, 37.1]
    [24.8, 24.8]
    """

    # The word is this library's own: no pipeline or search needs to be asked for it.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"subgroups": True}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "segmenter": [HasMethods(["fit", "predict"]), None],
        "metric": [str, callable, Metric],
        "multiplier": [Interval(Real, 1, None, closed="left")],
        "under_served": [StrOptions({"worse_than_median"}), callable, "array-like"],
        "measured_on": [StrOptions({"cv", "train"})],
        "strategy": [StrOptions({"duplicate", "weight"})],
        "min_subgroup_size": [Interval(Integral, 1, None, closed="left")],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        segmenter: Any = None,
        metric: str | Callable[..., float] | Metric = "nrmse",
        multiplier: float = 2.0,
        under_served: UnderServedRule = "worse_than_median",
        measured_on: Literal["cv", "train"] = "cv",
        strategy: Literal["duplicate", "weight"] = "duplicate",
        min_subgroup_size: int = 30,
        n_rounds: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.segmenter = segmenter
        self.metric = metric
        self.multiplier = multiplier
        self.under_served = under_served
        self.measured_on = measured_on
        self.strategy = strategy
        self.min_subgroup_size = min_subgroup_size
        self.n_rounds = n_rounds
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        subgroups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Measure, remedy, and fit the remedied model.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Training rows, in whatever form the wrapped estimator takes.
        y : array-like of shape (n_rows,)
            The target.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            One label a row, or several whose combinations are the subgroups. Needed
            unless there is a `segmenter`, and refused if there is one.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights, for the wrapped estimator and for measuring fidelity.

        Returns
        -------
        SubgroupOversampler
            Itself, fitted.

        Raises
        ------
        ValueError
            If an argument breaks its rule, or there are fewer than two subgroups.
        """
        training, emphasis = self._remedy(X, y, subgroups, sample_weight)
        self.estimator_ = training.fit(self.estimator, emphasis)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_resample(
        self, X: Any, y: ArrayLike, *, subgroups: ArrayLike | None = None
    ) -> tuple[Any, Any]:
        """Measure, and return the rows that a remedied model would be trained on.

        The method by which imbalanced-learn's pipelines sample: the step after this one
        is trained on the rows returned. The wrapped estimator measures, in all of
        `n_rounds`, and is not fitted at the end.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Training rows.
        y : array-like of shape (n_rows,)
            The target.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            One label a row; see `fit`.

        Returns
        -------
        X_resampled : array-like of shape (n_resampled_rows, n_features)
            The rows ``sample_indices_`` of X, in the type of X.
        y_resampled : array-like of shape (n_resampled_rows,)
            The same rows of y, in the type of y.

        Raises
        ------
        ValueError
            As in `fit`; and with ``strategy="weight"``, which repeats no row.
        """
        if self.strategy == "weight":
            msg = (
                '`strategy`="weight" repeats no row, so fit_resample has nothing to '
                'return; use strategy="duplicate", or fit.'
            )
            raise ValueError(msg)
        if hasattr(self, "estimator_"):
            del self.estimator_  # that of an earlier fit would not match the rest
        training, _ = self._remedy(X, y, subgroups, None)
        return (
            safe_indexing(training.X, self.sample_indices_),
            safe_indexing(training.y, self.sample_indices_),
        )

    # ---- fitting, step by step ---------------------------------------------------
    def _remedy(
        self, X: Any, y: Any, subgroups: Any, sample_weight: Any
    ) -> tuple[TrainingRows, NDArray[Any]]:
        """Return the rows to train on and how often each counts; set what was found."""
        (X,) = indexable(X)
        n_rows = num_samples(X)
        y, y_array = check_target(
            y, n_rows, is_classifier=is_classifier(self.estimator)
        )
        weights = check_sample_weight(sample_weight, n_rows=n_rows, rows_of="X")
        if self.strategy == "weight":
            refuse_weights_that_do_not_arrive(self.estimator)
        fit_params = self._route_to_estimator(subgroups, weights)
        metric = self._check_metric(y_array)
        random_state = check_random_state(self.random_state)
        folds = self._split(X, y_array, random_state)
        codes = self._find_subgroups(X, subgroups, n_rows)
        training = TrainingRows(X, y, fit_params, self.strategy)
        emphasis, self.history_ = calibrate_and_remedy(
            Calibration(training, metric, codes, weights, folds),
            self.estimator,
            rule=self.under_served,
            multiplier=self.multiplier,
            min_subgroup_size=self.min_subgroup_size,
            n_rounds=self.n_rounds,
            random_state=random_state,
        )
        self.fidelity_ = self.history_[-1].fidelity
        self.under_served_ = self.history_[-1].under_served
        repeated = self.strategy == "duplicate"
        self.sample_indices_ = repeat_rows(emphasis) if repeated else np.arange(n_rows)
        return training, emphasis

    def _check_metric(self, y: NDArray[Any]) -> MetricOfTarget:
        metric = resolve_metric(self.metric)
        if is_classifier(self.estimator) and metric.name == "nrmse":
            msg = (
                '`metric`="nrmse" measures predicted numbers, but `estimator` '
                f"({type(self.estimator).__name__}) is a classifier. Pass "
                'metric="accuracy", metric="balanced_accuracy", or a function such as '
                "sklearn.metrics.recall_score."
            )
            raise ValueError(msg)
        if metric.response != "predict":
            msg = (
                f"`metric`={metric.name!r} compares probabilities or scores, but "
                "fidelity is measured here by what `estimator` predicts. Pass "
                'metric="balanced_accuracy", or another metric of predicted classes.'
            )
            raise ValueError(msg)
        return MetricOfTarget.of(metric, y, is_classifier=is_classifier(self.estimator))

    def _route_to_estimator(
        self, subgroups: Any, weights: NDArray[np.float64] | None
    ) -> dict[str, Any]:
        """Return what the wrapped estimator's ``fit`` gets besides X and y."""
        given = {
            name: value
            for name, value in (("subgroups", subgroups), ("sample_weight", weights))
            if value is not None
        }
        if get_config()["enable_metadata_routing"]:
            return dict(process_routing(self, "fit", **given)["estimator"]["fit"])
        given.pop("subgroups", None)
        return given

    def _split(
        self, X: Any, y: NDArray[Any], random_state: np.random.RandomState
    ) -> Folds | None:
        if self.measured_on == "train":
            return None
        if len(y) < N_FOLDS:
            msg = (
                f'`measured_on`="cv" needs at least {N_FOLDS} rows of `X`, one for '
                f"each fold; got n_samples={len(y)}. Use more rows, or "
                'measured_on="train".'
            )
            raise ValueError(msg)
        splitter = StratifiedKFold if is_classifier(self.estimator) else KFold
        folds = splitter(N_FOLDS, shuffle=True, random_state=random_state)
        return list(folds.split(X, y))

    def _find_subgroups(self, X: Any, subgroups: Any, n_rows: int) -> SubgroupCodes:
        """Number the subgroups that were passed, or that are learnt from X."""
        name = "subgroups"
        if (subgroups is None) == (self.segmenter is None):
            came = "neither" if subgroups is None else "both"
            msg = (
                "`subgroups` or a `segmenter` must say who belongs together, and not "
                f"both; got {came}. Pass fit(X, y, subgroups=labels), or "
                "SubgroupOversampler(..., segmenter=...). Pipelines and searches pass "
                "subgroups on after sklearn.set_config(enable_metadata_routing=True)."
            )
            raise ValueError(msg)
        self.segmenter_ = None
        if self.segmenter is not None:
            # Without y: segments selected on the outcome would turn oversampling into
            # a shift of its distribution. FrozenEstimator wants to be told.
            self.segmenter_ = clone(self.segmenter).fit(X, None)
            name, subgroups = "segmenter", self.segmenter_.predict(X)
        return number_labels(subgroups, n_rows, name=name, at_least=2)

    # ---- what scikit-learn asks --------------------------------------------------
    def _get_metadata_request(self) -> MetadataRequest:
        """Request `subgroups` in fit_resample too.

        That method is known to metadata routing once imbalanced-learn is imported, so
        a class attribute like the one above can't name it.
        """
        request = super()._get_metadata_request()
        sampling = getattr(request, "fit_resample", None)
        if sampling is not None and sampling.requests.get("subgroups") is None:
            sampling.add_request(param="subgroups", alias=True)
        return request

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.segmenter is not None:
            segmenter_tags = get_tags(self.segmenter).input_tags
            tags.input_tags.sparse &= segmenter_tags.sparse
            tags.input_tags.allow_nan &= segmenter_tags.allow_nan
        # The default metric divides by the mean of the target.
        tags.target_tags.positive_only |= self.metric == "nrmse"
        return tags
