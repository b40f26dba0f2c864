"""How well could each subgroup be predicted, and how much is a given model short of it?

A subgroup that is predicted badly may be hard to predict: noise that no model removes.
The rest is remediable. With outcome y, prediction f(x) and the best prediction m(x) =
E[y | x], the squared error of f is noise plus (f - m)^2, row by row; m is not known.
But any prediction g of the residual y - f, made from other rows, has

    E[2 (y - f) g - g^2 | x] = (m - f)^2 - (m - f - g)^2 <= (m - f)^2,

so that the mean of the left side over a subgroup estimates, without bias, a lower bound
of its remediable part: the better g, the closer.
"""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr
from sklearn.utils import check_random_state

from sklearn_equity._checks import MissingPolicy, SubgroupCodes, check_same_order
from sklearn_equity._numbers import (
    check_confidence_level,
    check_numbers,
    refuse_overflow,
)
from sklearn_equity._parallel import check_n_jobs
from sklearn_equity.fidelity._attainable_fit import cross_fit
from sklearn_equity.fidelity._attainable_inputs import (
    check_folds,
    check_inputs,
    check_regressor,
)
from sklearn_equity.fidelity._groupings import check_groupings
from sklearn_equity.fidelity._population import LARGEST
from sklearn_equity.fidelity._subgroup_fidelity import subgroup_fidelity
from sklearn_equity.fidelity._table import SubgroupTable
from sklearn_equity.significance import holm

__all__ = ["attainable_fidelity", "departure_from_attainable"]

Vector = NDArray[np.float64]
AttainableMetric = Literal["rmse", "r2", "brier"]
_METRICS = ("rmse", "r2", "brier")


def attainable_fidelity(
    X: ArrayLike,
    y: ArrayLike,
    *,
    subgroups: Any,
    max_depth: int | None = None,
    metric: AttainableMetric = "rmse",
    estimator: Any = None,
    cv: Any = 5,
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    missing: MissingPolicy = "raise",
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> SubgroupTable:
    r"""How well the data at hand let each subgroup be predicted.

    The fidelity of flexible models of the data, in every subgroup on rows that they
    have not seen: what is attainable is at least as good. Lower is better for "rmse",
    in the unit of the outcome, and "brier"; higher for "r2". Trusted from about 300
    rows a subgroup: models learn little of a smaller one, and promise too little.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        The inputs, as numbers; NaN is missing. One-hot encode text first.
    y : array-like of shape (n_rows,)
        The measured outcome; classes as 0 and 1.
    subgroups : array-like, data frame or mapping
        As in `subgroup_fidelity`. The models know them.
    max_depth : int, default=None
        Takes the columns of `subgroups` for attributes, and groups people by each and
        by every combination of up to as many.
    metric : {"rmse", "r2", "brier"}, default="rmse"
        "brier" is the squared error of probabilities, which are kept from 0 to 1.
    estimator : regressor, default=None
        Fitted to all people in place of the ridge regression and the boosted trees; the
        regressions of the subgroups follow it all the same.
    cv : int, splitter or iterable, default=5
        The folds whose rows are predicted from the others, shuffled if a number. Give a
        splitter with the rows of one person in one fold if people have several.
    min_subgroup_size : int, default=30
        Smaller subgroups are shown, but not judged.
    confidence_level : float, default=0.95
        The level of intervals and verdicts.
    n_resamples : int, default=1000
        The number of bootstrap resamples of each subgroup.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels.
    random_state : int, RandomState or None, default=None
        Seeds folds, trees and resamples.
    n_jobs : int or None, default=None
        How many folds at once, as in joblib; the results are the same for any number.

    Returns
    -------
    SubgroupTable
        One row a subgroup. As divisors of `subgroup_fidelity`:
        ``normalization=dict(zip(table.subgroup, table.estimate))``.

    Raises
    ------
    ValueError
        If a value is no number, lengths differ, or `metric` is unknown.

    See Also
    --------
    departure_from_attainable : What a given model is short of it.
    subgroup_fidelity : The fidelity of a given model.

    Notes
    -----
    The models are those of `departure_from_attainable`, with the mean outcome for a
    prediction to start from. Verdicts compare subgroups with each other: here
    "under-served" says that a subgroup is harder to predict, whoever tries with these
    data. About 4 seconds of one slow core for 10,000 rows and 20 columns.

    Examples
    --------
    >>> from sklearn_equity import attainable_fidelity, make_health_cohort
    >>> cohort = make_health_cohort(4000, random_state=0)
    >>> table = attainable_fidelity(
    ...     cohort.X, cohort.y, subgroups=cohort.X["asthma"], random_state=0
    ... )
    >>> table.subgroup
    (0.0, 1.0)
    """
    if metric not in _METRICS:
        names = ", ".join(f'"{name}"' for name in _METRICS)
        raise ValueError(f"`metric` must be one of {names}; got {metric!r}.")
    check_confidence_level(confidence_level)  # before the models, which take long
    n_jobs = check_n_jobs(n_jobs)
    check_same_order(X=X, y=y, subgroups=subgroups)
    outcome = check_numbers(y, name="y")
    refuse_overflow(outcome, name="y", limit=LARGEST)
    rng = check_random_state(random_state)
    groupings = check_groupings(
        subgroups, n_rows=len(outcome), missing=missing, max_depth=max_depth
    )
    center = float(outcome.mean())
    found = _find(
        X,
        outcome - center,
        groupings,
        estimator=estimator,
        cv=cv,
        rng=rng,
        n_jobs=n_jobs,
    )
    prediction = center + found
    if metric == "brier":
        prediction = np.clip(prediction, 0.0, 1.0)
    return subgroup_fidelity(
        outcome,
        prediction,
        subgroups=subgroups,
        max_depth=max_depth,
        metric=metric,
        min_subgroup_size=min_subgroup_size,
        confidence_level=confidence_level,
        n_resamples=n_resamples,
        missing=missing,
        random_state=rng,
    )


def departure_from_attainable(
    X: ArrayLike,
    y: ArrayLike,
    y_pred: ArrayLike,
    *,
    subgroups: Any,
    max_depth: int | None = None,
    estimator: Any = None,
    cv: Any = 5,
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    missing: MissingPolicy = "raise",
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> SubgroupTable:
    r"""Mean squared error of a model that better models would not make, by subgroup.

    Lower is better: 0 or less where flexible models of the same data predict no better
    than `y_pred`. In the square of the outcome's unit (probabilities: of the Brier
    score). It estimates a lower bound: more may be remediable than was found, with
    other inputs or more rows. Trusted from about 300 rows a subgroup.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        The inputs, as numbers; NaN is missing. One-hot encode text first.
    y : array-like of shape (n_rows,)
        The measured outcome; classes as 0 and 1.
    y_pred : array-like of shape (n_rows,)
        Predictions of the outcome's mean, or probabilities of class 1, by a model that
        was not fitted to these rows.
    subgroups : array-like, data frame or mapping
        As in `subgroup_fidelity`. The models know them.
    max_depth : int, default=None
        Takes the columns of `subgroups` for attributes, and groups people by each and
        by every combination of up to as many.
    estimator : regressor, default=None
        Fitted to all people's residuals in place of the ridge regression and the
        boosted trees; the regressions of the subgroups follow it all the same.
    cv : int, splitter or iterable, default=5
        The folds whose rows are predicted from the others, shuffled if a number. Give a
        splitter with the rows of one person in one fold if people have several.
    min_subgroup_size : int, default=30
        Smaller subgroups are shown, but not judged.
    confidence_level : float, default=0.95
        The level of intervals and verdicts.
    n_resamples : int, default=1000
        The number of bootstrap resamples of each subgroup.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels.
    random_state : int, RandomState or None, default=None
        Seeds folds, trees and resamples.
    n_jobs : int or None, default=None
        How many folds at once, as in joblib; the results are the same for any number.

    Returns
    -------
    SubgroupTable
        `estimate` is the bound, with its interval: at least `ci_low` is remediable, but
        `ci_high` is no upper end of what is. `shrunken` ranks subgroups best, and
        ``worst(k)`` goes by it. A subgroup is "under-served" if it is shown that some
        of its error is remediable, and "insufficient evidence" if not: no data show
        that nothing is. `overall` has the bound for everybody.

    Raises
    ------
    ValueError
        If a value is no number or lengths differ.

    See Also
    --------
    attainable_fidelity : How well each subgroup could be predicted.
    subgroup_fidelity : The fidelity of a given model.

    Notes
    -----
    **Estimate.** With :math:`r = y - f(x)` and its prediction :math:`g(x)` from other
    folds, the mean of :math:`2 r g - g^2` over the subgroup. Its expectation is
    :math:`E[(m - f)^2] - E[(m - f - g)^2]`, with :math:`m(x) = E[y \mid x]`: never more
    than the remediable part, whatever :math:`g` is. Noise cancels: the standard error
    falls with :math:`g`, so that little is claimed surely where there is little.

    **Models.** In every fold a ridge regression of the residual, then the mean of two
    boosted ensembles of small trees, one of them with weights inverse to an estimate
    of the noise, then in every subgroup a ridge regression of what they leave, with the
    same weights. The last is multiplied by the factor from 0 to 1 that leave-one-out
    predictions of the training rows find best, less one standard error.

    **Shrunken.** A regression of the estimates on the mean of :math:`g^2` in each
    subgroup, to which they are drawn by as much as they are noise, and no lower than 0:
    the mean of :math:`g^2` holds no noise of the subgroup's own outcomes.

    **How well.** On generated cohorts of 25,000 to 40,000 people with planted
    subgroups, and a linear model or a network, subgroups of 300 rows and more were
    ranked by their true remediable error with Spearman correlations of .78 to .96, the
    planted ones alone with .65 to .99; by the mean squared error the latter with -.86
    to -.15. Of what was remediable in planted subgroups .78 to .95 was found. At most
    1.1% of intervals lay above the truth. A subgroup that is not named in `subgroups`
    has no regression of its own: about a third of what is remediable was found there.

    **Units.** Another unit of the outcome changes the unit of the bound alone, and
    another zero nothing. An `estimator` of yours gets residuals in their unit.

    **No fidelity.** The bounds of a table can be negative and are no errors made:
    `inequality_index` of them means nothing.

    **Time.** About 4 seconds of one slow core for 10,000 rows and 20 columns.

    **Verdict.** One-sided t test of the estimate against 0, after Holm's correction for
    all subgroups with at least `min_subgroup_size` rows. With a chance of at most 5%
    anybody is called under-served in error if rows are independent (those of one person
    must share a fold, see `cv`), `y_pred` comes from a model that these rows did not
    make, `subgroups` were chosen without looking at them, and a mean over so many rows
    is nearly normal: less so than the 30 of `min_subgroup_size` where errors have heavy
    tails. It is of one table: several have a chance of 5% each. "Under-served" says
    that some of the error is remediable, and of many people a little is shown.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import departure_from_attainable, make_health_cohort
    >>> cohort = make_health_cohort(6000, strength="strong", random_state=0)
    >>> trained = np.arange(6000) < 2000
    >>> model = LinearRegression().fit(cohort.X[trained], cohort.y[trained])
    >>> planted = [cohort.membership[:, 0], cohort.membership[:, 4]]
    >>> people = np.select(planted, ["learnable", "noisy"], "rest")
    >>> table = departure_from_attainable(
    ...     cohort.X[~trained],
    ...     cohort.y[~trained],
    ...     model.predict(cohort.X[~trained]),
    ...     subgroups=people[~trained],
    ...     random_state=0,
    ... )
    >>> table.worst().subgroup
    ('learnable',)
    """
    check_confidence_level(confidence_level)  # before the models, which take long
    n_jobs = check_n_jobs(n_jobs)
    check_same_order(X=X, y=y, y_pred=y_pred, subgroups=subgroups)
    outcome = check_numbers(y, name="y")
    prediction = check_numbers(y_pred, name="y_pred", n_rows=len(outcome), rows_of="y")
    rng = check_random_state(random_state)
    groupings = check_groupings(
        subgroups, n_rows=len(outcome), missing=missing, max_depth=max_depth
    )
    residual = outcome - prediction
    found = _find(
        X, residual, groupings, estimator=estimator, cv=cv, rng=rng, n_jobs=n_jobs
    )
    table = subgroup_fidelity(
        residual,
        found,
        subgroups=subgroups,
        max_depth=max_depth,
        metric=_remediable_squared_error,
        greater_is_better=False,
        per_row=True,
        min_subgroup_size=min_subgroup_size,
        confidence_level=confidence_level,
        n_resamples=n_resamples,
        missing=missing,
        random_state=rng,
    )
    sizes = [_means(found**2, codes) for codes in groupings.values()]
    return _judge(table, np.concatenate(sizes))


def _remediable_squared_error(residual: Vector, found: Vector) -> Vector:
    """Return what prediction `found` takes off each row's squared residual."""
    return 2.0 * residual * found - found**2


def _find(
    X: ArrayLike,
    residual: Vector,
    groupings: dict[str, SubgroupCodes],
    *,
    estimator: Any,
    cv: Any,
    rng: np.random.RandomState,
    n_jobs: int | None,
) -> Vector:
    """Predict residuals across folds."""
    check_regressor(estimator)
    refuse_overflow(residual, name="y", limit=LARGEST)
    inputs = check_inputs(X, len(residual))
    found = cross_fit(
        inputs,
        residual,
        [codes.codes for codes in groupings.values()],
        folds=check_folds(cv, inputs, residual, rng),
        estimator=estimator,
        seed=int(rng.randint(2**31 - 1)),
        n_jobs=n_jobs,
    )
    refuse_overflow(found, name="estimator.predict(X)", limit=LARGEST)
    return found


def _means(values: Vector, codes: SubgroupCodes) -> Vector:
    """Return the mean of each subgroup."""
    inside = codes.codes >= 0
    sums = np.bincount(
        codes.codes[inside], weights=values[inside], minlength=codes.n_subgroups
    )
    return np.asarray(sums / np.maximum(codes.counts(), 1))


def _judge(table: SubgroupTable, sizes: Vector) -> SubgroupTable:
    """Test each bound against 0, and shrink it to what the models' size tells."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = stdtr(table.n - 1, -table.estimate / table.std_error)
    tested = table.judged & np.isfinite(p_values)
    shown = np.zeros(len(table), dtype=bool)
    if tested.any():
        shown[tested] = holm(p_values[tested]) <= 1.0 - table.confidence_level
    rule = (
        "Under-served: some of its squared error is shown to be remediable, by a "
        "one-sided t test of the bound against 0 at "
        f"{1.0 - table.confidence_level:.3g} after Holm's correction for "
        f"{int(tested.sum())} subgroups. Nothing shows that a subgroup has none."
    )
    return replace(
        table,
        metric="remediable squared error (lower bound)",
        origin="lower bound",
        shrunken=_shrink_to_size(table.estimate, table.std_error, sizes),
        reference=np.zeros(len(table)),
        verdict=tuple("under-served" if s else "insufficient evidence" for s in shown),
        rule=rule,
        shuffles=None,
    )


def _shrink_to_size(estimate: Vector, std_error: Vector, size: Vector) -> Vector:
    """Draw bounds to a multiple of the mean squared prediction, by their noise.

    The multiple and the variance about it are found in turns (Paule and Mandel, 1982,
    without an intercept), both from the subgroups whose standard error is known.
    """
    known = np.isfinite(estimate) & (std_error > 0.0)
    shrunken = np.maximum(estimate, 0.0)
    if known.sum() < 2 or not size[known].any():
        return shrunken
    values, noise, sizes = estimate[known], std_error[known] ** 2, size[known]
    between, slope = 0.0, 0.0
    for _ in range(50):
        weights = 1.0 / (noise + between)
        slope = max(float(weights @ (values * sizes) / (weights @ sizes**2)), 0.0)
        squared = (values - slope * sizes) ** 2
        excess = float(weights @ squared) - (len(values) - 1)
        fall = float(weights**2 @ squared)
        between = max(between + excess / fall, 0.0) if fall > 0.0 else 0.0
    kept = between / (between + noise)
    drawn = slope * sizes + kept * (values - slope * sizes)
    shrunken[known] = np.maximum(drawn, 0.0)
    return shrunken
