"""Whom does a model serve badly, person by person, and is there anything to know?

A model of the losses themselves, cross-fitted: a person of the training rows is scored
by the one model that never saw them. What it says is set against what came true, so
that a map of nothing is seen to be one.
"""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold
from sklearn.utils import Tags, check_array, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._fit_tasks import Task, fit_task
from sklearn_equity._numbers import check_numbers, check_whole_number
from sklearn_equity._sklearn_shims import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    num_samples,
    validate_data,
)
from sklearn_equity.discovery._cross_fit import (
    Fold,
    Residuals,
    cross_fit,
    mean_prediction,
)
from sklearn_equity.discovery._map_evidence import (
    ColumnImportance,
    calibrate_bands,
    cut_between,
    measure_evidence,
    measure_importances,
)
from sklearn_equity.discovery._people_table import PeopleTable
from sklearn_equity.discovery._person_loss import LOSSES, Loss, losses_to_learn

__all__ = ["ErrorMap"]

Vector = NDArray[np.float64]


class ErrorMap(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    r"""Learn how large a model's error is expected to be for every person.

    Fitted on people who did not train the model, it scores others by their columns
    alone: the expected loss, in the unit of the loss, larger for those served worse. It
    cannot say why, nor whether a better model would serve them better: expected loss is
    high where the model is wrong and where outcomes are noisy alike.

    There is always a person with the highest score. Look at `evidence_` first: where
    losses have nothing to do with the columns, it says so.

    Parameters
    ----------
    estimator : regressor, default=None
        Learns the losses; cloned for every fold. It is given a table of numbers, in
        which labels are counted from 0 and gaps are NaN. None takes boosted trees for
        the square roots of the losses, which know labels and gaps.
    loss : {"absolute", "squared"} or callable, default="absolute"
        What is expected, if `fit` is given predictions. "squared" errors above their
        99% quantile count as much as it. A callable takes ``y_true`` and ``y_pred`` and
        returns one number a person, larger for worse.
    cv : int or splitter, default=5
        Folds of the cross-fit, shuffled; or a splitter whose test rows hold everybody
        once.
    n_bands : int, default=10
        The bands that `predict` sorts people into.
    n_repeats : int, default=1
        How often every column is shuffled in every fold for `importances_`; 0 leaves
        them out, which saves time where there are many columns.
    n_jobs : int or None, default=None
        Folds fitted at once, as in joblib; the result is the same for any number.
    random_state : int, RandomState instance or None, default=None
        Shuffles folds and columns, and seeds the trees.

    Attributes
    ----------
    cross_fitted_scores_ : ndarray of shape (n_rows,)
        The expected loss of every person of `fit`, by the model that did not see them.
        The scores that `score_samples` gives those people are too good.
    evidence_ : record
        Whether the map knows anything, out of fold: `rank_correlation` of scores and
        losses with `ci_low`, `ci_high` and `p_value`, `calibration_slope`, `n`. As
        text, a sentence.
    bands_ : tuple of records
        Of each band, out of fold: `band`, `n`, mean `expected` loss, mean `observed`
        loss and its `std_error`.
    importances_ : tuple of records
        Of each column, the most important first: `column`, `importance`, `ci_low`,
        `ci_high`; empty if `n_repeats` is 0.
    band_edges_ : ndarray of shape (`n_bands_` - 1,)
        The scores at which bands meet.
    n_bands_ : int
        Bands in use: fewer than `n_bands` where many scores are equal.
    estimators_ : tuple of regressors
        The fitted regressor of every fold.
    n_features_in_ : int
        Columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are all text.

    See Also
    --------
    subgroup_fidelity : How well the model serves each band, with intervals.
    describe_subgroups : What sets the people of a band apart.

    Notes
    -----
    With folds :math:`F_k` and models :math:`g_k` trained outside of them, a person
    :math:`i` of :math:`F_k` has the score :math:`g_k(x_i)`, a new person the mean over
    all :math:`k`. Without an `estimator`, if no loss is negative,

    .. math:: g(x) = c\, \hat{E}\left[\sqrt{\ell} \mid x\right]^2

    where :math:`c` makes the mean of :math:`g` that of the loss: losses have long
    tails, and a few people would decide where trees split. It is exact where
    distributions of losses differ in scale alone; `bands_` and
    `evidence_.calibration_slope` tell how good it is elsewhere. Trees blur: where
    losses jump to four times as much, the band before the jump is expected to lose a
    tenth more than it does.

    If `fit` is given predictions, the size of a person's expected residual,
    :math:`|\hat{E}[y - \hat{y} \mid x]|`, or its square for squared errors, is added
    before :math:`c` is taken. It is part of the expected loss already, but a model's
    bias is seen sooner in what has a sign: the sum finds more of the people for whom
    the model is wrong rather than outcomes noisy. Its weight is what the other folds
    show it to be worth, from 0 to 1. Of 20,000 generated people, moderately badly
    served in oblique shapes, the area under the ROC curve rises from .795 to .805; of
    4,000 it stays where it is. Each default model's scores are then drawn towards the
    mean loss by the slope of losses on scores that the other folds show, 1 at most.

    The rank correlation is the mean over folds of Spearman's, taken inside of each; the
    pooled one is below 0 where there is nothing to know. Its variance there is taken as
    twice that of independent folds, :math:`2 / n`: each pair of folds enters it twice,
    one or the other being the test.

    An importance is by how much that correlation falls when a column is shuffled among
    the people of a test fold. Columns that tell the same share it or hide each other;
    it says what the map leans on, not what makes errors large. Its interval is the
    t interval over folds, widened for the training rows that they share [1]_.

    Bands are cut at quantiles of what `score_samples` says of the people of `fit`, so
    that each holds about as many new people. People with equal scores share a band. To
    be measured honestly, a band needs people who are not those of `fit`. Tools that fit
    a segmenter from X alone take the fitted map inside of
    `sklearn.frozen.FrozenEstimator`.

    References
    ----------
    .. [1] Nadeau and Bengio (2003), "Inference for the generalization error", Machine
       Learning 52, 239-281.

    Examples
    --------
    A model errs three times as much for those who are older than 70:

    >>> import numpy as np
    >>> from sklearn_equity import ErrorMap
    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(40, 80, size=1000)
    >>> errors = np.abs(rng.normal(size=1000)) * np.where(age > 70, 3, 1)
    >>> error_map = ErrorMap(random_state=0).fit(age[:, None], errors)
    >>> bool(error_map.evidence_.p_value < 0.001)
    True
    >>> young, old = error_map.score_samples([[50.0], [75.0]])
    >>> bool(old > 2 * young)
    True

    Errors that have nothing to do with age leave nothing to map:

    >>> nothing = ErrorMap(random_state=0).fit(age[:, None], rng.permutation(errors))
    >>> bool(nothing.evidence_.p_value > 0.05)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "loss": [StrOptions(set(LOSSES)), callable],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"])],
        "n_bands": [Interval(Integral, 2, None, closed="left")],
        "n_repeats": [Interval(Integral, 0, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        loss: Loss = "absolute",
        cv: Any = 5,
        n_bands: int = 10,
        n_repeats: int = 1,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.loss = loss
        self.cv = cv
        self.n_bands = n_bands
        self.n_repeats = n_repeats
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike, y_pred: ArrayLike | None = None) -> Self:
        """Learn expected losses, and measure whether they can be known.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            People who did not train the model; numbers, text, categories, with gaps.
        y : array-like of shape (n_rows,)
            The outcome if there is a `y_pred`; classes as 0 and 1. Else the losses:
            any numbers, larger for worse.
        y_pred : array-like of shape (n_rows,), default=None
            The model's predictions; of classes, the probability of 1. With them, the
            default trees also learn to which side the model errs, and columns that
            nearly determine the outcome are named in an `OutcomeInputWarning`.

        Returns
        -------
        ErrorMap
            Itself, fitted.

        Raises
        ------
        ValueError
            If there is no `y`, lengths or indexes differ, a fold would be empty, or a
            column cannot be read.
        """
        losses = losses_to_learn("ErrorMap", X, y, y_pred, self.loss)
        self._people = PeopleTable.learn(X)
        validate_data(self, X, skip_check_array=True)
        table = self._people.read(X)
        losses = check_numbers(losses, name="y", n_rows=len(table), rows_of="X")
        rng = check_random_state(self.random_state)
        folds = self._split(table, losses, rng)
        with fit_task(self, X, y, n_parts=2 if self.n_repeats else 1) as task:
            with task.part("cross-fit", len(folds), at_once=True) as part:
                self._models, self.cross_fitted_scores_ = cross_fit(
                    self.estimator,
                    table,
                    losses,
                    None if y_pred is None else self._residuals(y, y_pred),
                    folds=folds,
                    categorical=np.array(
                        [one is not None for one in self._people.levels]
                    ),
                    n_jobs=self.n_jobs,
                    random_state=rng,
                    task=part,
                )
            self._measure(table, losses, folds, rng, task)
        return self

    def score_samples(self, X: Any) -> Vector:
        """Return the expected loss of every person, the mean over the folds' models.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`. For the people of `fit`, take `cross_fitted_scores_`.

        Returns
        -------
        ndarray of shape (n_rows,)
            In the unit of the loss; larger for those served worse.
        """
        check_is_fitted(self)
        if getattr(X, "ndim", 2) != 2 or not num_samples(X):
            check_array(X)  # tells how to reshape it
        validate_data(self, X, reset=False, skip_check_array=True)
        return mean_prediction(self._models, self._people.read(X, unseen=np.nan))

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the expected loss as a column, for a pipeline.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows, 1)
            What `score_samples` returns.
        """
        return self.score_samples(X)[:, None]

    def predict(self, X: Any) -> NDArray[np.intp]:
        """Return the band of every person, from the best served to the worst.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            Integers from 0, the best served, to ``n_bands_ - 1``.
        """
        return self._bands_of(self.score_samples(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the name of the column that `transform` makes.

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        ndarray of shape (1,)
            ``expected_loss``.
        """
        check_is_fitted(self)
        return np.array(["expected_loss"], dtype=object)

    # ---- fitting, step by step ---------------------------------------------------
    def _residuals(self, y: ArrayLike, y_pred: ArrayLike) -> Residuals | None:
        """Return errors with their sign, where the loss is a power of their size."""
        power = None if callable(self.loss) else LOSSES[self.loss]
        if self.estimator is not None or power is None:
            return None
        truth, predicted = (
            check_numbers(y, name="y"),
            check_numbers(y_pred, name="y_pred"),
        )
        return Residuals(truth - predicted, power)

    def _split(
        self, table: NDArray[Any], losses: Vector, rng: np.random.RandomState
    ) -> list[Fold]:
        """Cut people into folds whose test rows hold everybody once."""
        if hasattr(self.cv, "split") and not isinstance(self.cv, str | bytes):
            folds = list(self.cv.split(table, losses))
        else:
            check_whole_number(self.cv, name="cv", least=2)
            if len(table) < self.cv:
                msg = (
                    f"`X` must have at least {self.cv} rows, one a fold (`cv`); got "
                    f"n_samples = {len(table)}."
                )
                raise ValueError(msg)
            folds = list(KFold(self.cv, shuffle=True, random_state=rng).split(table))
        tested = np.bincount(
            np.concatenate([test for _, test in folds]), minlength=len(table)
        )
        if len(folds) < 2 or (tested != 1).any():
            msg = (
                "`cv` must test every row once, in two folds or more; it tests "
                f"{int((tested == 0).sum())} rows never and {int((tested > 1).sum())} "
                "more than once. Use a splitter such as KFold or GroupKFold."
            )
            raise ValueError(msg)
        return folds

    def _measure(
        self,
        table: NDArray[np.float64],
        losses: Vector,
        folds: list[Fold],
        rng: np.random.RandomState,
        task: Task,
    ) -> None:
        """Set what the map says of people it did not see against what came true."""
        scores = self.cross_fitted_scores_
        # Of new people the mean of all models is known, so that bands are cut in it.
        self.band_edges_ = cut_between(
            mean_prediction(self._models, table),
            np.linspace(0, 1, self.n_bands + 1)[1:-1],
        )
        self.n_bands_ = len(self.band_edges_) + 1
        self.evidence_ = measure_evidence(scores, losses, folds)
        self.bands_ = calibrate_bands(
            self._bands_of(scores), scores, losses, self.n_bands_
        )
        self.importances_: tuple[ColumnImportance, ...] = ()
        if self.n_repeats:
            with task.part("importances", len(folds), at_once=True) as part:
                self.importances_ = measure_importances(
                    self._people.names,
                    self._models,
                    table,
                    losses,
                    folds,
                    n_repeats=self.n_repeats,
                    n_jobs=self.n_jobs,
                    random_state=rng,
                    task=part,
                )

    @property
    def estimators_(self) -> tuple[Any, ...]:
        """The fitted regressor of every fold."""
        check_is_fitted(self, "_models")
        return tuple(model.regressor for model in self._models)

    def _bands_of(self, scores: Vector) -> NDArray[np.intp]:
        return np.searchsorted(self.band_edges_, scores, side="right")

    def __sklearn_tags__(self) -> Tags:
        """Say that labels are welcome, gaps as the regressor says, losses needed."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = (
            self.estimator is None or get_tags(self.estimator).input_tags.allow_nan
        )
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
