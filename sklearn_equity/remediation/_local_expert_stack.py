"""Can more be known of those whom a model fails, from the data that there are?

A remedy that adds information: models of other kinds beside the user's own, and local
experts where all of them together still fail.
"""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    is_classifier,
    is_regressor,
)
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import Tags, check_random_state, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._fit_tasks import fit_task
from sklearn_equity._parallel import check_n_jobs
from sklearn_equity._sklearn_shims import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    fit_context,
    validate_data,
)
from sklearn_equity.discovery._cross_fit import Fold
from sklearn_equity.discovery._people_table import PeopleTable
from sklearn_equity.remediation._diverse_members import (
    Member,
    Stack,
    default_members,
)
from sklearn_equity.remediation._expert_rules import RuleScan
from sklearn_equity.remediation._inputs import check_target
from sklearn_equity.remediation._local_experts import OrderedInputs, find_experts

__all__ = ["LocalExpertStack"]


def _is_classifier(stack: "LocalExpertStack") -> bool:
    return is_classifier(stack.estimator)


class LocalExpertStack(CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    r"""Add to a model what others see, and local experts where all of them fail.

    A remedy that adds information, so that nobody need lose for others to gain. It is
    named for what it is made of: a stack, which holds the user's model and models of
    other kinds, and experts for the places where the stack errs to one side. They are
    found by an honest scan: rules chosen on one half of the people, each kept only if
    its correction helps those of the other half.

    Most of what it gains is simply a better model, for everybody; see Notes. Judge it
    by `no_harm_test` on held-out rows.

    Parameters
    ----------
    estimator : estimator
        The user's model: a regressor, or a classifier of two classes that has
        ``predict_proba``; cloned, never changed.
    others : list of regressors, default=None
        Models of other kinds for the stack; beside a classifier they are trained on 0
        and 1. None takes boosted trees, extremely randomised trees and a ridge on
        squares and products, all on X as numbers: labels become categories for the
        first and numbers for the others. Those given are handed X as it is. An empty
        list leaves the user's model, bagged over folds.
    cv : int, default=5
        Folds of the cross-fitting; fewer where a class has fewer rows.
    max_depth : int, default=3
        The most conditions of a rule when it is found. Where it bounds a number on one
        side, the other bound may then be added.
    n_cuts : int, default=5
        Quantiles at which the scan cuts every column; the cuts of rules that are found
        move on from there.
    max_rules : int, default=30
        The most rules that each half hands to the other in a round.
    min_subgroup_size : int, default=50
        The fewest people of a half who meet a rule.
    least_gain : float, default=1.5
        The standard errors by which an expert must lower the squared error of people
        who neither chose nor trained it. One that reaches z of them is taken times
        :math:`1 - (g / z)^2`, with g this number; larger keeps fewer experts, and
        takes less from people whom their rules hold and should not.
    n_rounds : int, default=2
        How often to scan what experts have left, on new halves; 0 is the stack alone.
    n_jobs : int or None, default=None
        Folds fitted at once, as in joblib, and halves scanned; the result is the same
        for any number.
    random_state : int, RandomState instance or None, default=None
        Draws folds, halves, and the seeds of models that have none.

    Attributes
    ----------
    weights_ : dict of str to float
        What each member of the stack weighs: "estimator", then the others. The user's
        own model may weigh next to nothing.
    errors_ : dict of str to float
        The mean squared error of each member by itself, for people whom it had not
        seen: a stack that is worth its cost beats the best of them.
    experts_ : tuple of records
        The experts, in the order in which they were found: `text` of the rule, `n`
        people, `gain` and `gain_z` among people held out, `coefficients`.
    n_candidates_ : int
        Rules that were handed to the other half to confirm, in all rounds.
    out_of_fold_ : ndarray of shape (n_rows,)
        What the stack, without experts, predicts of each training row by models that
        did not see it.
    classes_ : ndarray of shape (2,)
        The classes, of a classifier.
    n_features_in_ : int
        The number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        The names of the features, if X had any that are text.

    See Also
    --------
    SubgroupOversampler : The published remedy, which adds no information.
    no_harm_test : Whom a remedy harmed.
    sklearn_equity.RuleScanner : Finds rules of large errors, rather than of errors to
        one side.

    Notes
    -----
    With members :math:`f_m`, each the mean of its models of all folds, weights
    :math:`w_m \ge 0` from least squares on their out-of-fold predictions, and experts
    for rules :math:`S_k`, the prediction is

    .. math:: \bar y + \sum_m w_m (f_m(x) - \bar y) + \sum_k 1[x \in S_k]\, b_k^\top
        (1, z(x))

    where :math:`z` are the ordered inputs, of which the 8 most related to the target
    are taken, at mean 0 and SD 1 and held within the range of the rule's people. Rules
    are searched for by sums of out-of-fold residuals times :math:`(1, z)`, measured by
    the rule's own variance, so that a subgroup that is only noisier does not stand out.
    A probability is a mean, so that for two classes all of this is the same, cut off
    at 0 and 1.

    How much is simply a better model: of the reducible error of a network on 20,000
    people of `make_health_cohort`, ten populations held back, the stack alone closed
    41% and the whole 57% (of the planted 24 and 59%), with experts not yet shrunken by
    their gain; where subgroups are oblique they add next to nothing. Those whom a rule
    holds and should not pay for its expert: around boosted trees on 10,000 people of
    another generator, three draws, the stack closed 9% for who was in no planted place,
    and the whole .3%, from +6% to -5%; for the under-served 4 and 25%. See the user
    guide.

    What it costs: the models of all folds are kept, and it explains itself only in its
    experts. It is no remedy for noise, for what no column tells, or for a training
    set in which a subgroup is missing.

    References
    ----------
    .. [1] Breiman (1996), "Stacked regressions", Machine Learning 24, 49-64: weights
       that are not negative, from out-of-fold predictions.
    .. [2] Van der Laan, Polley and Hubbard (2007), "Super learner", Statistical
       Applications in Genetics and Molecular Biology 6, 25.

    Examples
    --------
    A sum of terms is blind to what two conditions do together:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import LocalExpertStack
    >>> rng = np.random.default_rng(0)
    >>> X = np.column_stack([rng.uniform(40, 70, 3000), rng.random((3000, 2)) < 0.25])
    >>> y = 30 + 0.1 * X[:, 0] + 6 * X[:, 1] * X[:, 2] + rng.normal(0, 3, 3000)
    >>> model = LocalExpertStack(
    ...     LinearRegression(), others=[], max_depth=2, random_state=0
    ... ).fit(X, y)
    >>> model.experts_[0].text
    'x1 = 1 and x2 = 1'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit"])],  # a stack has no predict before
        "others": [list, tuple, None],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "max_depth": [Interval(Integral, 1, None, closed="left")],
        "n_cuts": [Interval(Integral, 1, None, closed="left")],
        "max_rules": [Interval(Integral, 1, None, closed="left")],
        "min_subgroup_size": [Interval(Integral, 2, None, closed="left")],
        "least_gain": [Interval(Real, 0, None, closed="left")],
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }
    # It needs none, but is to be exchanged for remedies that do.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"subgroups": True}

    def __init__(
        self,
        estimator: Any,
        *,
        others: Sequence[Any] | None = None,
        cv: int = 5,
        max_depth: int = 3,
        n_cuts: int = 5,
        max_rules: int = 30,
        min_subgroup_size: int = 50,
        least_gain: float = 1.5,
        n_rounds: int = 2,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.others = others
        self.cv = cv
        self.max_depth = max_depth
        self.n_cuts = n_cuts
        self.max_rules = max_rules
        self.min_subgroup_size = min_subgroup_size
        self.least_gain = least_gain
        self.n_rounds = n_rounds
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        subgroups: ArrayLike | None = None,  # noqa: ARG002
    ) -> Self:
        """Cross-fit the stack, then find, confirm and fit experts.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            Training rows, in a form that the wrapped estimator takes; numbers, text,
            categories, with gaps.
        y : array-like of shape (n_rows,)
            The target: numbers, or two classes.
        subgroups : array-like of shape (n_rows,), default=None
            Not used, since experts find their own people; accepted so that remedies can
            be exchanged in one search.

        Returns
        -------
        LocalExpertStack
            Itself, fitted.

        Raises
        ------
        ValueError
            If an argument breaks its rule, a class has fewer than two rows, there are
            more than two, or a column cannot be read.
        """
        self._refuse_other_kinds()
        check_n_jobs(self.n_jobs)
        random_state = check_random_state(self.random_state)
        self._people = PeopleTable.learn(X)
        table = self._people.read(X)
        if len(table) < 2:
            msg = f"`X` must have at least 2 rows; got n_samples = {len(table)}."
            raise ValueError(msg)
        validate_data(self, X, skip_check_array=True)
        (X,) = indexable(X)
        _, labels = check_target(y, len(table), is_classifier=_is_classifier(self))
        target = self._as_numbers(labels)
        categorical = np.array([levels is not None for levels in self._people.levels])
        folds = self._split(labels, random_state)
        with fit_task(self, X, y, n_parts=2) as task:
            with task.part("stack", len(folds), at_once=True) as part:
                stack = Stack.fit(
                    self._members(table, categorical),
                    X,
                    table,
                    target,
                    labels=labels,
                    folds=folds,
                    n_jobs=self.n_jobs,
                    random_state=random_state,
                    task=part,
                )
            with task.part("experts", self.n_rounds) as part:
                self.experts_, self.n_candidates_ = find_experts(
                    RuleScan(
                        self._people,
                        self.max_depth,
                        self.n_cuts,
                        self.max_rules,
                        self.min_subgroup_size,
                    ),
                    OrderedInputs.learn(table, target, categorical),
                    table,
                    target - stack.out_of_fold,
                    n_rounds=self.n_rounds,
                    least_gain=self.least_gain,
                    n_jobs=self.n_jobs,
                    random_state=random_state,
                    task=part,
                )
        self._stack = stack
        self.out_of_fold_ = stack.out_of_fold
        names = [member.name for member in stack.members]
        self.weights_ = dict(zip(names, stack.weights.tolist(), strict=True))
        self.errors_ = dict(zip(names, stack.errors.tolist(), strict=True))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict numbers, or classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            The predicted mean; of a classifier, the more probable class.
        """
        means = self._means(X)
        if _is_classifier(self):
            return np.asarray(self.classes_[(means >= 0.5).astype(np.intp)])
        return means

    @available_if(_is_classifier)
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probabilities of both classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows, 2)
            Probabilities in the order of ``classes_``.
        """
        second = np.clip(self._means(X), 0.0, 1.0)
        return np.column_stack([1.0 - second, second])

    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return R2, or the accuracy of a classifier.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            Rows to predict.
        y : array-like of shape (n_rows,)
            Their target.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows.

        Returns
        -------
        float
            Larger is better, 1 at best.
        """
        measure = accuracy_score if _is_classifier(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    def predict_stack(
        self, X: Any, *, member: str | None = None
    ) -> NDArray[np.float64]:
        """Predict by the stack alone: what a better model is worth without experts.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`.
        member : str, default=None
            One of the names in ``weights_``, to ask this member alone, bagged over
            folds: the best of them, by ``errors_``, is what a stack must beat.

        Returns
        -------
        ndarray of shape (n_rows,)
            The mean; of a classifier, the probability of the second class, not cut off.

        Raises
        ------
        ValueError
            If there is no such member.
        """
        X, table = self._read(X)
        if member is None:
            return self._stack.predict(X, table)
        names = list(self.weights_)
        if member not in names:
            msg = f"`member` must be one of {', '.join(names)}; got {member!r}."
            raise ValueError(msg)
        alone = np.array([float(name == member) for name in names])
        return replace(self._stack, weights=alone).predict(X, table)

    def to_text(self) -> str:
        """Write the experts for people, one a line.

        Returns
        -------
        str
            The rules and what each gained, or that none was kept among how many.
        """
        check_is_fitted(self)
        if self.experts_:
            return "\n".join(map(str, self.experts_))
        return f"No expert: none of {self.n_candidates_} rules was confirmed."

    # ---- fitting, step by step ---------------------------------------------------
    def _refuse_other_kinds(self) -> None:
        """Refuse what predicts nothing, before any model is fitted."""
        named = [("estimator", self.estimator)]
        named += [(f"others[{k}]", one) for k, one in enumerate(self.others or ())]
        for name, one in named:
            is_other, fix = name != "estimator", "Pass one with fit and predict."
            predicts = hasattr(one, "fit") and (
                hasattr(one, "predict") or is_regressor(one) or is_classifier(one)
            )
            if predicts and is_other and is_classifier(one):
                fix = "Beside a classifier, too, others learn numbers: 0 and 1."
            elif predicts:
                continue
            kind, came = "regressor" if is_other else "model", type(one).__name__
            raise TypeError(f"`{name}` must be a {kind}; got {came}. {fix}")

    def _as_numbers(self, labels: NDArray[Any]) -> NDArray[np.float64]:
        """Return the target, or 0 and 1 for two classes."""
        if not _is_classifier(self):
            return np.asarray(labels, dtype=np.float64)
        if not hasattr(self.estimator, "predict_proba"):
            msg = (
                "`estimator` must have predict_proba if it is a classifier; "
                f"{type(self.estimator).__name__} has not. Wrap it in "
                "sklearn.calibration.CalibratedClassifierCV."
            )
            raise ValueError(msg)
        kind = type_of_target(labels, input_name="y")
        self.classes_, codes, counts = np.unique(
            labels, return_inverse=True, return_counts=True
        )
        if len(self.classes_) > 2:
            msg = (
                "Only binary classification is supported. The type of the target is "
                f"{kind}."
            )
            raise ValueError(msg)
        if len(self.classes_) < 2 or counts.min() < 2:
            came = dict(zip(self.classes_.tolist(), counts.tolist(), strict=True))
            msg = f"`y` must hold two classes of at least 2 rows each; got {came}."
            raise ValueError(msg)
        return codes.astype(np.float64)

    def _members(
        self, table: NDArray[np.float64], categorical: NDArray[np.bool_]
    ) -> list[Member]:
        mine = Member("estimator", self.estimator, reads_table=False)
        if self.others is None:
            return [mine, *default_members(table, categorical)]
        names: list[str] = []
        for other in self.others:
            name = type(other).__name__
            n_before = sum(one.split(" ")[0] == name for one in names)
            names.append(f"{name} {n_before + 1}" if n_before else name)
        given = zip(names, self.others, strict=True)
        return [mine, *(Member(name, one, reads_table=False) for name, one in given)]

    def _split(
        self, labels: NDArray[Any], random_state: np.random.RandomState
    ) -> list[Fold]:
        n_rows = len(labels)
        folds: KFold | StratifiedKFold
        if _is_classifier(self):
            n_rarest = int(np.unique(labels, return_counts=True)[1].min())
            folds = StratifiedKFold(
                min(self.cv, n_rarest), shuffle=True, random_state=random_state
            )
        else:
            folds = KFold(min(self.cv, n_rows), shuffle=True, random_state=random_state)
        return list(folds.split(np.zeros(n_rows), labels))

    # ---- using what was fitted ---------------------------------------------------
    def _read(self, X: Any) -> tuple[Any, NDArray[np.float64]]:
        check_is_fitted(self)
        if getattr(X, "ndim", 2) == 2:  # else the reader says what to reshape
            validate_data(self, X, reset=False, skip_check_array=True)
        table = self._people.read(X)
        (X,) = indexable(X)
        return X, table

    def _means(self, X: Any) -> NDArray[np.float64]:
        X, table = self._read(X)
        means = self._stack.predict(X, table)
        for expert in self.experts_:
            expert.correct(table, means)
        return means

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        wrapped = get_tags(self.estimator)
        tags.estimator_type = wrapped.estimator_type
        tags.classifier_tags = wrapped.classifier_tags
        tags.regressor_tags = wrapped.regressor_tags
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_class = False
        tags.target_tags.required = True
        for name in ("allow_nan", "categorical", "string"):
            setattr(tags.input_tags, name, getattr(wrapped.input_tags, name))
        tags.non_deterministic = wrapped.non_deterministic
        return tags
