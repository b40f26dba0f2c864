"""Which numbers does a model predict where it can be trusted, and who is told none?"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from sklearn_equity.remediation._deferral import DeferralModel
from sklearn_equity.remediation._remedied_model import wrapped_has


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
        Of each subgroup, on the same terms: `coverage`, `fidelity_of_all` and
        `fidelity` of the predictions that are given, `std_error`, the `excess` over the
        best-served with its `verdict`, and the `threshold` for new people.
    deferral_ : Deferral
        Who among the training rows gets no prediction, with the doubt about each.
    segmenter_ : estimator or None
        The fitted segmenter, if it is an estimator.
    n_features_in_ : int
        The number of features, if the wrapped estimator has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
    B 88% with a prediction
    >>> "subgroups = B" in model.excluded_.over_represented
    True
    >>> silent = np.isnan(model.predict(X, subgroups=ward))
    >>> set(ward[silent].tolist()), bool(age[silent].min() > 50)
    ({'B'}, True)
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
