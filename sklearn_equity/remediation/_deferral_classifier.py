"""Which classes does a model name where it can be trusted, and who is told none?"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metaestimators import available_if

from sklearn_equity.fidelity import Metric
from sklearn_equity.remediation._deferral import DeferralModel
from sklearn_equity.remediation._remedied_model import wrapped_has


class DeferralClassifier(DeferralModel):
    """Withhold the classes that can't be trusted, as masked values.

    Scope narrowing, around any classifier: no class, and no probability, where the
    expected error, or how new a person is, exceeds a threshold. It is set by the share
    of people who get a prediction (`coverage`), and lower in subgroups that would be
    served worse than the best-served by more than `max_gap`.

    What is withheld is not made better. Those who are ill or deprived are excluded
    first: `excluded_` says who, on rows that chose no threshold; `fit` warns of them,
    and `defer` shows them for any other people.

    Parameters
    ----------
    estimator : classifier
        The model whose predictions are withheld; cloned, never changed.
    segmenter : estimator, str or list of str, default=None
        Who belongs together, as in `SubgroupOversampler`. None takes the `subgroups`
        that are passed to `fit`, or knows of none.
    metric : str, callable or Metric, default="accuracy"
        What fidelity is, as in `SubgroupOversampler`.
    withhold_by : {"error", "novelty"} or estimator, default="error"
        What is doubted. "error": the probability of another class than the true one, or
        without probabilities whether the class is wrong, as `ErrorMap` expects it from
        models that had not seen the person. "novelty": how easily an isolation forest
        sets the person apart. A regressor learns those errors; any other estimator is
        fitted to X and its `score_samples` is large for who is alike.
    coverage : float, default=0.9
        The share of people whom the threshold common to all leaves a prediction.
    max_gap : float, default=None
        By how much, in the unit of the metric, a subgroup may be served worse than the
        best-served, each by the predictions that are given. None leaves it open.
    min_coverage : float, default=0.5
        The least share of a subgroup that a threshold of its own leaves a prediction.
    min_subgroup_size : int, default=30
        Smaller subgroups have the common threshold.
    n_jobs : int or None, default=None
        Folds fitted at once, as in joblib; the result is the same for any number.
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
        As in `DeferralRegressor`.
    deferral_ : Deferral
        Who among the training rows gets no prediction, with the doubt about each.
    segmenter_ : estimator or None
        The fitted segmenter, if it is an estimator.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_features_in_ : int
        The number of features, if the wrapped estimator has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        The names of the features, if X had any that are text.

    See Also
    --------
    DeferralRegressor : The same for numbers; its Notes hold here.
    excluded_who : The table of who is excluded, by any other rule.

    Notes
    -----
    Most functions of scikit-learn drop the mask of a masked array. So what stands under
    it is no class: -1, or a number below all classes if that is one; NaN among classes
    that are no whole numbers; "(deferred)" among text. An accuracy that ignores the
    mask counts what is withheld as wrong.

    Examples
    --------
    In ward B the outcome is a coin's toss, in ward A it is known:

    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_equity import DeferralClassifier
    >>> from sklearn_equity.exceptions import ExclusionWarning
    >>> rng = np.random.default_rng(0)
    >>> in_B = np.repeat([0, 1], [800, 200])
    >>> x = rng.integers(2, size=1000)
    >>> y = np.where(in_B, rng.integers(2, size=1000), x)
    >>> X = np.column_stack([x, in_B])
    >>> model = DeferralClassifier(DecisionTreeClassifier(), coverage=0.8)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", ExclusionWarning)
    ...     model = model.set_params(random_state=0).fit(X, y)
    >>> model.predict([[1, 0], [1, 1]])
    masked_array(data=[1, --],
                 mask=[False,  True],
           fill_value=-1)
    >>> "x1 = 1" in model.excluded_.over_represented
    True
    """

    _wants_classifier: ClassVar[bool] = True

    def __init__(
        self,
        estimator: Any,
        *,
        segmenter: Any = None,
        metric: str | Callable[..., float] | Metric = "accuracy",
        withhold_by: Any = "error",
        coverage: float = 0.9,
        max_gap: float | None = None,
        min_coverage: float = 0.5,
        min_subgroup_size: int = 30,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            estimator,
            segmenter=segmenter,
            metric=metric,
            withhold_by=withhold_by,
            coverage=coverage,
            max_gap=max_gap,
            min_coverage=min_coverage,
            min_subgroup_size=min_subgroup_size,
            n_jobs=n_jobs,
            random_state=random_state,
        )

    @available_if(wrapped_has("predict"))
    def predict(self, X: Any, *, subgroups: ArrayLike | None = None) -> Any:
        """Predict classes where that can be trusted.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            Their labels, if labels were passed to `fit` and there is a `max_gap`.

        Returns
        -------
        MaskedArray of shape (n_rows,)
            What the wrapped estimator predicts; masked where it is withheld, with no
            class beneath the mask. `defer` tells from whom.
        """
        deferred, _ = self._withhold(X, subgroups)
        predicted = np.asarray(self.estimator_.predict(X))
        nothing = _no_class(np.asarray(self.estimator_.classes_))
        if deferred.any():
            wide = np.result_type(predicted.dtype, np.asarray(nothing).dtype)
            predicted = predicted.astype(wide)
            predicted[deferred] = nothing
        found = np.ma.masked_array(predicted, mask=deferred)
        if deferred.any():
            found.fill_value = nothing
        return found

    @available_if(wrapped_has("predict_proba"))
    def predict_proba(self, X: Any, *, subgroups: ArrayLike | None = None) -> Any:
        """Predict class probabilities where they can be trusted.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Probabilities in the order of ``classes_``; NaN where they are withheld.
        """
        return self._answer("predict_proba", X, subgroups)

    @available_if(wrapped_has("predict_log_proba"))
    def predict_log_proba(self, X: Any, *, subgroups: ArrayLike | None = None) -> Any:
        """Predict logarithms of class probabilities where they can be trusted.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Logarithms in the order of ``classes_``; NaN where they are withheld.
        """
        return self._answer("predict_log_proba", X, subgroups)

    @available_if(wrapped_has("decision_function"))
    def decision_function(self, X: Any, *, subgroups: ArrayLike | None = None) -> Any:
        """Decision values where they can be trusted.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            Values that are higher for the more likely class; NaN where they are
            withheld.
        """
        return self._answer("decision_function", X, subgroups)

    def _answer(self, method: str, X: Any, subgroups: Any) -> NDArray[Any]:
        deferred, _ = self._withhold(X, subgroups)
        answer = np.array(getattr(self.estimator_, method)(X), copy=True)
        answer[deferred] = np.nan
        return answer


def _no_class(classes: NDArray[Any]) -> Any:
    """Return what stands for no class, of a type that holds it."""
    if classes.dtype.kind == "f":
        return np.nan
    if classes.dtype.kind in "biu":
        return -1 if -1 not in classes else int(classes.min()) - 1
    return "(deferred)"
