"""What if a model kept silent where it can't be trusted, and who would hear nothing?

Scope narrowing: predictions are withheld where doubt is largest, as many as it takes
for the people of every subgroup who do get one to be served alike. It raises every
figure of the model, and moves what it does badly out of sight: so the table of who is
excluded comes with it, unasked.
"""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.utils import Tags, check_random_state, get_tags, indexable
from sklearn.utils.metaestimators import available_if

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._fit_tasks import fit_task
from sklearn_equity._numbers import check_sample_weight
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
from sklearn_equity.remediation._calibration import Folds
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
from sklearn_equity.remediation._inputs import Predictor, check_target
from sklearn_equity.remediation._known_subgroups import KnownSubgroups
from sklearn_equity.remediation._metric_of_target import MetricOfTarget
from sklearn_equity.remediation._remedied_model import wrapped_has

Vector = NDArray[np.float64]


class DeferralModel(KnownSubgroups):
    """What withholding numbers and withholding classes have in common."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [Predictor()],
        "segmenter": [HasMethods(["fit", "predict"]), str, list, tuple, None],
        "metric": [str, callable, Metric],
        "withhold_by": [StrOptions({"error", "novelty"}), HasMethods(["fit"])],
        "coverage": [Interval(Real, 0, 1, closed="right")],
        "max_gap": [Interval(Real, 0, None, closed="left"), None],
        "min_coverage": [Interval(Real, 0, 1, closed="right")],
        "min_subgroup_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }
    # All that is known of people, for the table of who is excluded.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {
        "subgroups": True,
        "characteristics": True,
    }
    _wants_classifier: ClassVar[bool]

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
        n_jobs: int | None = None,
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
        self.n_jobs = n_jobs
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
        folds = self._folds(X, y_array, random_state)
        training = TrainingRows(X, y, fit_params, "weight", n_jobs=self.n_jobs)
        n_parts = self._n_segmenters + 3
        with fit_task(self, X, y, n_parts=n_parts, sample_weight=weights) as task:
            codes = self._learn_subgroups(X, subgroups, n_rows, task)
            if self.max_gap is not None and codes.n_subgroups < 2:
                self._find_subgroups(X, subgroups, n_rows)  # says what is missing
            held_out = predict_held_out(
                training, self.estimator, y_array, folds, task=task
            )
            doubt, self._doubt = cross_fit_doubt(
                self.withhold_by,
                X,
                held_out,
                folds,
                random_state,
                n_jobs=self.n_jobs,
                task=task,
            )
            plain = np.ones(n_rows, dtype=np.intp)
            model = task.part("model")
            fitted = training.fit(self.estimator, plain, task=model)
        withheld = self._choose(doubt, held_out, metric, codes, weights, folds)
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
        self.estimator_ = fitted
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
    known = columns_by_name(X, name="X")
    if labels is not None:
        array = np.empty(num_samples(labels), dtype=object)
        array[:] = [
            tuple(row) if isinstance(row, list | np.ndarray) else row
            for row in np.asarray(labels, dtype=object)
        ]
        known = {"subgroups": array, **known}
    return {**known, **columns_by_name(characteristics)}
