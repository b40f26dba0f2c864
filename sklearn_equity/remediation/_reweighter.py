"""Which weights make the worst-served subgroup as well served as it can be?

Weights of subgroups rise where the loss is high, by exponentiated gradient, round after
round; what is kept is the round whose worst subgroup fared best on rows not seen.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
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
    StrOptions,
    fit_context,
    num_samples,
)
from sklearn_equity.fidelity import Metric
from sklearn_equity.remediation._calibration import Calibration
from sklearn_equity.remediation._emphasis import (
    TrainingRows,
    refuse_weights_that_do_not_arrive,
)
from sklearn_equity.remediation._inputs import Predictor, check_target
from sklearn_equity.remediation._judging import Judge
from sklearn_equity.remediation._subgroup_remedy import SubgroupRemedy

Vector = NDArray[np.float64]
_LONGEST_STEP = 5.0  # no weight grows by more than exp(5) in a round


@dataclass(frozen=True)
class ReweightingRound:
    """What one round measured.

    Attributes
    ----------
    multiplier : dict
        The weight of a row of each subgroup; they average 1 over rows.
    fidelity : dict
        The fidelity of each subgroup under the model with those weights.
    overall : float
        That of all rows.
    worst : hashable or None
        The label of the worst-served subgroup that is large enough to judge.
    """

    multiplier: dict[Hashable, float]
    fidelity: dict[Hashable, float]
    overall: float
    worst: Hashable


class WorstSubgroupReweighter(SubgroupRemedy):
    r"""Train a model with weights that serve its worst-served subgroup best.

    Group distributionally robust optimisation [1]_ around any estimator that takes
    ``sample_weight``: weights of subgroups are learnt by exponentiated gradient. Named
    for what it optimises: the loss of the worst-served subgroup, whatever becomes of
    the others.

    Where subgroups differ mostly in noise, the worst is the noisiest, and weights move
    towards people whom nothing helps; it usually makes the others worse. Judge it by
    `no_harm_test` on held-out rows.

    Parameters
    ----------
    estimator : estimator
        The regressor or classifier to remedy; cloned, never changed. Its ``fit`` takes
        ``sample_weight``.
    segmenter : estimator, str or list of str, default=None
        Who belongs together, as in `SubgroupOversampler`. None takes the `subgroups`
        that are passed to `fit`.
    metric : str, callable, Metric or None, default=None
        What fidelity is, as in `SubgroupOversampler`. None is "rmse" for a regressor,
        "accuracy" for a classifier.
    step_size : float, default=0.5
        How fast weights move: the weight of a subgroup whose loss is above the average
        of subgroups by one overall loss is multiplied by exp(step_size) a round. 0
        leaves the plain model.
    n_rounds : int, default=10
        How often weights move.
    measured_on : {"cv", "train"}, default="cv"
        "cv" measures each row by a model that did not see it, in 5 folds; "train"
        measures on the training rows.
    min_subgroup_size : int, default=30
        Smaller subgroups are neither judged nor given other weights.
    n_jobs : int or None, default=None
        Folds fitted at once, as in joblib; the result is the same for any number.
    random_state : int, RandomState instance or None, default=None
        Shuffles the folds.

    Attributes
    ----------
    estimator_ : estimator
        The remedied model, fitted on all rows.
    segmenter_ : estimator or None
        The fitted segmenter, if it is an estimator.
    multiplier_ : dict
        The weight of a row of each subgroup in ``estimator_``.
    best_round_ : int
        The position in `history_` of the round that was kept; 0 is the plain model.
    history_ : tuple of records
        Of each round: `multiplier` and `fidelity` by label, `overall` fidelity, and the
        `worst` label.
    classes_ : ndarray of shape (n_classes,)
        The classes, if the wrapped estimator has them.
    n_features_in_ : int
        The number of features, if the wrapped estimator has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        The names of the features, if X had any that are text.

    See Also
    --------
    SubgroupOversampler : The published remedy.
    no_harm_test : Whom a remedy harmed.

    Notes
    -----
    With :math:`q_g`, at first the share of rows of subgroup g, and its loss
    :math:`\ell_g`, a round sets :math:`q_g \leftarrow q_g \exp(\eta (\ell_g -
    \bar\ell) / |\ell|)`, brought back to a sum of 1, where :math:`\bar\ell` is the mean
    over subgroups and :math:`\ell` the overall loss; a row weighs :math:`q_g` over that
    share. [1]_ moves weights after every step of a network; here the model is fitted
    anew, which any estimator allows and takes `n_rounds` times 5 fits. The round that
    is kept was chosen on the rows that it is measured on, so that its figures in
    `history_` are a little too good.

    References
    ----------
    .. [1] Sagawa, Koh, Hashimoto and Liang (2020), "Distributionally robust neural
       networks for group shifts", ICLR.

    Examples
    --------
    In ward B the outcome rises half as steeply as in ward A, where most people are. The
    worst error is least with the slope in the middle:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import WorstSubgroupReweighter
    >>> ward = np.repeat(["A", "B"], [300, 100])
    >>> X = np.tile(np.arange(100.0), 4)[:, None]
    >>> y = 10 + np.where(ward == "A", 2, 1) * X[:, 0]
    >>> remedied = WorstSubgroupReweighter(LinearRegression(), random_state=0)
    >>> remedied = remedied.fit(X, y, subgroups=ward)
    >>> print(f"{remedied.estimator_.coef_[0]:.1f}")
    1.5
    """

    _asks_scores = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [Predictor()],
        "segmenter": [HasMethods(["fit", "predict"]), str, list, tuple, None],
        "metric": [str, callable, Metric, None],
        "step_size": [Interval(Real, 0, None, closed="left")],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "measured_on": [StrOptions({"cv", "train"})],
        "min_subgroup_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        segmenter: Any = None,
        metric: str | Callable[..., float] | Metric | None = None,
        step_size: float = 0.5,
        n_rounds: int = 10,
        measured_on: Literal["cv", "train"] = "cv",
        min_subgroup_size: int = 30,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.segmenter = segmenter
        self.metric = metric
        self.step_size = step_size
        self.n_rounds = n_rounds
        self.measured_on = measured_on
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
    ) -> Self:
        """Find weights, and fit the model with those that serve the worst best.

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
            Weights, for the wrapped estimator and for measuring fidelity; those found
            here multiply them.

        Returns
        -------
        WorstSubgroupReweighter
            Itself, fitted.

        Raises
        ------
        ValueError
            If an argument breaks its rule, there are fewer than two subgroups, or the
            estimator takes no weights.
        """
        (X,) = indexable(X)
        n_rows = num_samples(X)
        classifies = is_classifier(self.estimator)
        y, y_array = check_target(y, n_rows, is_classifier=classifies)
        weights = check_sample_weight(sample_weight, n_rows=n_rows, rows_of="X")
        refuse_weights_that_do_not_arrive(
            self.estimator, who="WorstSubgroupReweighter", instead=""
        )
        fit_params = self._route_to_estimator(subgroups, weights)
        metric = self._check_metric(y_array)
        random_state = check_random_state(self.random_state)
        folds = self._split(X, y_array, random_state)
        training = TrainingRows(X, y, fit_params, "weight", n_jobs=self.n_jobs)
        n_parts = self._n_segmenters + 2
        with fit_task(self, X, y, n_parts=n_parts, sample_weight=weights) as task:
            codes = self._find_subgroups(X, subgroups, n_rows, task)
            self._warn_of_outcome_columns(X, y_array, stacklevel=4)
            judge = Judge("estimate", metric.metric, codes, X, None, 0)
            calibration = Calibration(training, metric, codes, weights, folds, judge)
            with task.part("rounds", self.n_rounds + 1) as rounds:
                self._run(calibration, rounds)
            self.multiplier_ = self.history_[self.best_round_].multiplier
            emphasis = _by_row(self.multiplier_, codes)
            model = task.part("remedied model")
            self.estimator_ = training.fit(self.estimator, emphasis, task=model)
        return self

    def _run(self, calibration: Calibration, task: Task) -> None:
        """Move the weights round after round, and keep the best round."""
        codes = calibration.subgroups
        large = codes.counts() >= self.min_subgroup_size
        multiplier = np.ones(codes.n_subgroups)
        history, worst_losses = [], []
        for part, _ in task.each(
            "round",
            range(self.n_rounds + 1),
            calibration.n_fits,
            at_once=True,
            may_stop=True,
        ):
            by_label = dict(zip(codes.labels, multiplier.tolist(), strict=True))
            done = calibration.measure(self.estimator, _by_row(by_label, codes), part)
            as_loss = calibration.metric.metric.as_loss
            losses = as_loss(np.array(list(done.fidelity.values())))
            judged = large & np.isfinite(losses)
            worst = _worst(losses, judged)
            label = None if worst is None else codes.labels[worst]
            worst_losses.append(np.inf if worst is None else losses[worst])
            history.append(
                ReweightingRound(by_label, done.fidelity, done.overall, label)
            )
            overall = float(np.abs(as_loss(np.array([done.overall])))[0])
            if worst is None or overall == 0.0 or self.step_size == 0.0:
                break
            excess = (losses[judged] - losses[judged].mean()) / overall
            steps = np.clip(self.step_size * excess, -_LONGEST_STEP, _LONGEST_STEP)
            multiplier[judged] *= np.exp(steps)
            multiplier /= multiplier @ codes.counts() / len(codes.codes)
        self.history_ = tuple(history)
        self.best_round_ = int(np.argmin(worst_losses))


def _by_row(multiplier: dict[Hashable, float], codes: SubgroupCodes) -> Vector:
    by_subgroup = np.array([multiplier[label] for label in codes.labels])
    return by_subgroup[codes.codes]


def _worst(losses: Vector, judged: NDArray[np.bool_]) -> int | None:
    """Return the position of the largest loss among those judged."""
    if not judged.any():
        return None
    return int(np.argmax(np.where(judged, losses, -np.inf)))
