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
from sklearn.base import is_classifier
from sklearn.utils import check_random_state, indexable

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._fit_tasks import Task, fit_task
from sklearn_equity._numbers import check_sample_weight
from sklearn_equity._sklearn_shims import (
    HasMethods,
    Interval,
    MetadataRequest,
    StrOptions,
    enclosing_call,
    fit_context,
    num_samples,
    safe_indexing,
)
from sklearn_equity.fidelity import Metric
from sklearn_equity.remediation._calibration import (
    Calibration,
    Loop,
)
from sklearn_equity.remediation._emphasis import (
    TrainingRows,
    refuse_weights_that_do_not_arrive,
    repeat_rows,
)
from sklearn_equity.remediation._inner_splits import (
    refuse_copies_on_both_sides,
    warn_of_copies_on_both_sides,
)
from sklearn_equity.remediation._inputs import Predictor, check_target
from sklearn_equity.remediation._judging import (
    Judge,
    JudgedBy,
    refuse_unattainable,
)
from sklearn_equity.remediation._stopping import StopRule, StopWhen
from sklearn_equity.remediation._subgroup_remedy import SubgroupRemedy
from sklearn_equity.remediation._synthetic import (
    Synthesizer,
    refuse_no_probabilities,
)
from sklearn_equity.remediation._under_served import UnderServedRule


class SubgroupOversampler(SubgroupRemedy):
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
    segmenter : estimator, str or list of str, default=None
        Who belongs together, said by X alone: an estimator with ``fit`` and
        ``predict``, such as `LatentGMMSegmenter` or a pipeline that ends in it, cloned
        and fitted in `fit`; or the names of columns of X, whose combinations are the
        subgroups. None takes the `subgroups` that are passed to `fit`.
    metric : str, callable, Metric or None, default=None
        What fidelity is: a name that `subgroup_fidelity` knows, or a function such as
        those of `sklearn.metrics`; one that can't tell whether more is better goes
        through `fidelity.resolve_metric`. None is "nrmse" for a regressor, as
        published, and "accuracy" for a classifier: of any number of classes, defined in
        every subgroup. Where one of two classes is rare, take "balanced_accuracy", or
        "brier", which reads probabilities.
    multiplier : float, default=2.0
        How often a row of an under-served subgroup counts; 1 or more, and 1 fits the
        plain estimator. A natural parameter to search over.
    under_served : {"worse_than_median"}, mapping, callable or list of labels, \
            default="worse_than_median"
        Which subgroups count as under-served. The default compares with the median over
        subgroups of at least `min_subgroup_size` rows. ``{"quantile": 0.75}`` takes
        those beyond that quantile of the loss, here the worst quarter;
        ``{"threshold": 0.2}`` those worse than a value; ``{"k_worst": 3}`` so many. A
        function gets a dict of those subgroups' figures by label and returns labels. A
        list names the labels outright, whatever their size and fidelity.
    judged_by : {"estimate", "shrunken", "departure"}, default="estimate"
        The figure that the rule reads: the fidelity as measured, as published; drawn to
        the mean by as much as it is noise, as in `subgroup_fidelity`; or what better
        models of the same data show to be remediable, as `departure_from_attainable`
        finds it, in squared units of y, for numbers and for two classes.
    measured_on : {"cv", "train"}, default="cv"
        "cv" measures each row by a model that did not see it, in 5 folds; "train"
        measures on the training rows, as published, which flatters a flexible model.
    strategy : {"duplicate", "weight", "synthetic"}, default="duplicate"
        "duplicate" repeats rows; "weight" multiplies sample weights, which costs no
        memory and needs an estimator that takes them; "synthetic" adds new rows drawn
        from the mixture components of the segment and decoded, with targets from the
        model's own conditional distribution. It needs a `segmenter` whose last step
        has ``sample(n, segment=)`` and whose other steps have ``inverse_transform``.
    min_subgroup_size : int, default=30
        Smaller subgroups are measured, but neither called under-served by rule nor
        counted in the median: their estimates are mostly noise.
    n_rounds : int, default=1
        How often to measure and remedy. Later rounds measure the model as remedied so
        far, and the multipliers of a subgroup called under-served again are multiplied.
    stop_when : {"no_more_gain", "someone_harmed"}, mapping, list or None, default=None
        What ends the rounds early: the under-served, taken together, gained nothing;
        `no_harm_test` shows somebody harmed; or an inequality index of the fidelities
        is at a bound or below, such as ``{"gini": 0.1}``. A list takes several. By the
        first two the model is measured after the last round too, and the round that
        failed is taken back.
    n_jobs : int or None, default=None
        Folds fitted at once, as in joblib; the result is the same for any number.
    random_state : int, RandomState instance or None, default=None
        Shuffles the folds and draws the rows that a fraction of `multiplier` repeats.

    Attributes
    ----------
    estimator_ : estimator
        The remedied model, fitted on all rows; absent after `fit_resample`.
    segmenter_ : estimator or None
        The fitted segmenter, if it is an estimator.
    under_served_ : tuple
        The labels that the last round called under-served.
    fidelity_ : dict
        The fidelity by label that the last round measured: that of the model before
        the round's remedy, so for one round that of the plain estimator.
    history_ : tuple of records
        Of each round: `n_rows`, `fidelity`, the figures `judged` and `multiplier` by
        label, `overall` fidelity, `under_served`, why the rounds `stopped` there, and
        whether what it did was `kept`. Rounds end early when none is under-served.
    multiplier_ : dict
        How often a row of each subgroup counts in ``estimator_``, by label.
    sample_indices_ : ndarray of shape (n_resampled_rows,)
        The training rows, in order, each as often as it is repeated; with
        ``strategy="weight"`` each once. A synthetic row has -1.
    classes_ : ndarray of shape (n_classes,)
        The classes, if the wrapped estimator has them.
    n_features_in_ : int
        The number of features, if the wrapped estimator has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        The names of the features, if X had any that are text.

    See Also
    --------
    fidelity_change : Who gained and who lost by it, on held-out rows, with intervals.
    no_harm_test : Bounds on the harm to each, which hold for all at once.
    subgroup_fidelity : The fidelity of each subgroup on held-out rows, with intervals.

    Notes
    -----
    With ``measured_on="cv"`` the folds are those of ``KFold(5, shuffle=True,
    random_state=random_state)``, for a classifier of ``StratifiedKFold``; they are the
    same in every round. Rows are split first and repeated afterwards, so no copy of a
    row is on both sides. If the wrapped estimator keeps rows back to stop early and its
    ``fit`` takes ``X_val``, those rows are split off first and the others repeated.

    What else would split repeated rows by itself is refused before anything is fitted,
    wherever it stands in the wrapped estimator, with what to do instead: early stopping
    (also of `AutoencoderEmbedder` and of skorch's networks), and parameters ``cv``, as
    searches, ``LassoCV``, stacks and ``CalibratedClassifierCV`` have them; put those
    around the oversampler. A score out of the bag gets a `RepeatedRowsWarning`. What no
    parameter tells is not seen. "auto" early stopping of histogram boosting goes by the
    number of people, not of copies. ``strategy="weight"`` repeats nothing.

    A row whose multiplier is m is repeated floor(m) times, and once more with
    probability m - floor(m), by systematic sampling: the expected count is m exactly,
    the total lies within 1 of the sum of all m. A subgroup at the median is not worse
    than it. With equal fidelity everywhere, noise still puts about half of the
    subgroups below their median.

    A synthetic row is a point drawn from the components of the segment, decoded by the
    earlier steps of the segmenter. Its target is the plain model's prediction plus the
    residual of a random row of that segment from a model that had not seen it, in 5
    folds; a class is drawn by the predicted probabilities. The rows of a fold that is
    measured shape neither, only the segments themselves, which are cut without y.
    Decoded columns are numbers: of a column of 0 and 1 come fractions such as .57, of
    codes numbers between them. Encode codes one-hot beforehand; fractions remain.

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

    _metric_of_numbers = "nrmse"
    _asks_scores = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [Predictor()],
        "segmenter": [HasMethods(["fit", "predict"]), str, list, tuple, None],
        "metric": [str, callable, Metric, None],
        "multiplier": [Interval(Real, 1, None, closed="left")],
        "under_served": [
            *(StrOptions({"worse_than_median"}), callable, dict, "array-like"),
        ],
        "judged_by": [StrOptions({"estimate", "shrunken", "departure"})],
        "measured_on": [StrOptions({"cv", "train"})],
        "strategy": [StrOptions({"duplicate", "weight", "synthetic"})],
        "min_subgroup_size": [Interval(Integral, 1, None, closed="left")],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "stop_when": [str, dict, list, tuple, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        segmenter: Any = None,
        metric: str | Callable[..., float] | Metric | None = None,
        multiplier: float = 2.0,
        under_served: UnderServedRule = "worse_than_median",
        judged_by: JudgedBy = "estimate",
        measured_on: Literal["cv", "train"] = "cv",
        strategy: Literal["duplicate", "weight", "synthetic"] = "duplicate",
        min_subgroup_size: int = 30,
        n_rounds: int = 1,
        stop_when: StopWhen | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.segmenter = segmenter
        self.metric = metric
        self.multiplier = multiplier
        self.under_served = under_served
        self.judged_by = judged_by
        self.measured_on = measured_on
        self.strategy = strategy
        self.min_subgroup_size = min_subgroup_size
        self.n_rounds = n_rounds
        self.stop_when = stop_when
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
            If an argument breaks its rule, there are fewer than two subgroups, or the
            wrapped estimator would split repeated rows by itself.

        Warns
        -----
        OutcomeInputWarning
            If a column named as `segmenter` nearly determines y.
        RepeatedRowsWarning
            If the wrapped estimator scores itself out of the bag.
        SmallSubgroupWarning
            If no two subgroups are large enough to be compared.
        """
        if self._repeats_rows:
            refuse_copies_on_both_sides(self.estimator, num_samples(X))
        n_parts = self._n_segmenters + 2
        with fit_task(self, X, y, n_parts=n_parts, sample_weight=sample_weight) as task:
            training, emphasis = self._remedy(X, y, subgroups, sample_weight, task)
            self._note_rows(emphasis, training)
            model = task.part("remedied model")
            self.estimator_ = training.fit(self.estimator, emphasis, task=model)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_resample(
        self, X: Any, y: ArrayLike, *, subgroups: ArrayLike | None = None
    ) -> tuple[Any, Any]:
        """Measure, and return the rows that a remedied model would be trained on.

        The method by which imbalanced-learn's pipelines sample: the step after this one
        is trained on the rows returned. The wrapped estimator measures, in all of
        `n_rounds`, and is not fitted at the end.

        The step that is trained on these rows must not split them by itself, to stop
        early or to cross-validate: copies of a row would be on both sides, and no one
        can split first here, as `fit` does. A `RepeatedRowsWarning` says so where a
        later step of the pipeline does, or, outside of one, the wrapped estimator.

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
            The rows ``sample_indices_`` of X, in the type of X, and then new ones with
            ``strategy="synthetic"``.
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
        self._look_for_inner_splits(num_samples(X))
        if hasattr(self, "estimator_"):
            del self.estimator_  # that of an earlier fit would not match the rest
        with fit_task(self, X, y, n_parts=self._n_segmenters + 1) as task:
            training, emphasis = self._remedy(X, y, subgroups, None, task)
        if self.strategy == "synthetic":
            X_new, y_new, _, self.sample_indices_ = training.synthesize(
                self.estimator, emphasis
            )
            return X_new, y_new
        self._note_rows(emphasis, training)
        return (
            safe_indexing(training.X, self.sample_indices_),
            safe_indexing(training.y, self.sample_indices_),
        )

    # ---- fitting, step by step ---------------------------------------------------
    @property
    def _repeats_rows(self) -> bool:
        return self.strategy == "duplicate" and self.multiplier > 1

    def _look_for_inner_splits(self, n_rows: int) -> None:
        """Warn of what is to be trained on the rows returned, as far as it is known."""
        if not self._repeats_rows:
            return
        if self.n_rounds > 1 or StopRule.of(self.stop_when).judges_remedies:
            refuse_copies_on_both_sides(self.estimator, n_rows)
        call = enclosing_call("_fit", package="imblearn")
        if call is None:
            who, trained = "if it is trained on them", [self.estimator]
        else:
            steps = [step for _, step in call["self"].steps]
            mine = [i for i, step in enumerate(steps) if isinstance(step, type(self))]
            who, trained = (
                "a later step of the pipeline",
                steps[max(mine, default=-1) + 1 :],
            )
        warn_of_copies_on_both_sides(trained, n_rows, who=who)

    def _remedy(
        self, X: Any, y: Any, subgroups: Any, sample_weight: Any, task: Task
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
        if self.judged_by == "departure":
            refuse_unattainable(self.estimator, y_array, weights, self.measured_on)
        stop = StopRule.of(self.stop_when)
        stop.refuse_untestable(metric.metric)
        random_state = check_random_state(self.random_state)
        folds = self._split(X, y_array, random_state)
        codes = self._find_subgroups(X, subgroups, n_rows, task)
        self._warn_of_outcome_columns(X, y_array, stacklevel=5)
        judge = Judge.of(
            self.judged_by,
            metric.metric,
            codes,
            X,
            y_array,
            is_classifier=is_classifier(self.estimator),
            random_state=random_state,
        )
        training = TrainingRows(
            X,
            y,
            fit_params,
            self.strategy,
            self._make_synthesizer(codes, random_state),
            self.n_jobs,
        )
        loop = Loop(
            Calibration(training, metric, codes, weights, folds, judge),
            self.under_served,
            self.multiplier,
            self.min_subgroup_size,
            self.n_rounds,
            stop,
            random_state,
        )
        with task.part("rounds", loop.n_measurements) as rounds:
            emphasis, self.history_ = loop.run(self.estimator, rounds)
        self.fidelity_ = self.history_[-1].fidelity
        self.under_served_ = self.history_[-1].under_served
        kept = [done.multiplier for done in self.history_ if done.kept]
        self.multiplier_ = kept[-1] if kept else dict.fromkeys(codes.labels, 1.0)
        return training, emphasis

    def _note_rows(self, emphasis: NDArray[Any], training: TrainingRows) -> None:
        """Say which rows the remedied model is trained on."""
        rows = np.arange(len(emphasis))
        if self.strategy == "duplicate":
            rows = repeat_rows(emphasis)
        maker = training.synthesizer
        if maker is not None:
            n_new = sum(maker.numbers(emphasis, rows).values())
            rows = np.concatenate([rows, np.full(n_new, -1)])
        self.sample_indices_ = rows

    def _make_synthesizer(
        self, codes: SubgroupCodes, random_state: np.random.RandomState
    ) -> Synthesizer | None:
        if self.strategy != "synthetic":
            return None
        refuse_no_probabilities(self.estimator)
        seed = int(random_state.randint(2**31 - 1))
        labels = np.array(codes.labels)
        return Synthesizer.of(self.segmenter_, labels[codes.codes], seed)

    # ---- what scikit-learn asks --------------------------------------------------
    def _get_metadata_request(self) -> MetadataRequest:
        """Request `subgroups` in fit_resample too.

        That method is known to metadata routing once imbalanced-learn is imported, so
        a class attribute, as the base has for `fit`, can't name it.
        """
        request = super()._get_metadata_request()
        sampling = getattr(request, "fit_resample", None)
        if sampling is not None and sampling.requests.get("subgroups") is None:
            sampling.add_request(param="subgroups", alias=True)
        return request
