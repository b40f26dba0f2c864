"""Could a better model mend what was found, or is it only noisier there?

A finding is a subgroup that a model serves badly. What of its error is remediable shows
as structure: models of the residual, made from other rows, predict it. What is noise
shows as nothing; it is called noise only where structure would have been seen.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr, stdtrit
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from sklearn_equity._checks import check_same_order
from sklearn_equity._numbers import (
    check_confidence_level,
    check_numbers,
    check_whole_number,
    refuse_overflow,
)
from sklearn_equity.discovery._findings import check_findings
from sklearn_equity.discovery._triage_fit import complexity, find_structure
from sklearn_equity.discovery._triage_result import TriageResult, Verdict
from sklearn_equity.fidelity import (
    LARGEST,
    check_folds,
    check_inputs,
    check_regressor,
)
from sklearn_equity.significance import holm

__all__ = ["People", "triage", "triage_findings"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A remediable part of at most this share of a finding's squared error is none to speak
# of: no model is perfect, and every subgroup has that much.
_NEGLIGIBLE = 0.05
_POWER = 0.8
# "Noise" is said where structure that made up so much of the excess would be found.
_PART_OF_EXCESS = 0.5


def triage(
    X: ArrayLike,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    findings: Any,
    confidence_level: float = 0.95,
    estimator: Any = None,
    cv: Any = 5,
    min_subgroup_size: int = 30,
    random_state: int | np.random.RandomState | None = None,
) -> TriageResult:
    r"""Say of each badly served subgroup whether a better model could mend it.

    "remediable": structure is left in the model's residuals that other models predict.
    "noise": only more variance was found. "too few to say": neither is shown. In the
    square of the outcome's unit, or shares of it. Verdicts need about 100 people where
    half of the squared error is remediable, and 300 for less.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        The inputs, as numbers; NaN is missing. One-hot encode text first.
    y_true : array-like of shape (n_rows,)
        The measured outcome; classes as 0 and 1.
    y_pred : array-like of shape (n_rows,)
        Predictions of the outcome's mean, or probabilities of class 1, by a model that
        was not fitted to these rows.
    findings : array-like, data frame, list or mapping
        Who belongs to each finding: a matrix or frame of True and False with a column
        for each, a list of masks or a mapping of name to mask, which may overlap; or
        one label a row, every one a finding, None for people in none. Found on other
        rows than these, else their errors look too large.
    confidence_level : float, default=0.95
        The level of each interval, and of all verdicts "remediable" together.
    estimator : regressor, default=None
        Fitted to all people's residuals in place of the ridge regression and the trees;
        the regressions of the findings follow.
    cv : int, splitter or iterable, default=5
        The folds whose rows are predicted from the others, shuffled if a number. Give a
        splitter with the rows of one person in one fold if people have several.
    min_subgroup_size : int, default=30
        Smaller findings are shown, but not judged.
    random_state : int, RandomState or None, default=None
        Seeds the folds and the trees.

    Returns
    -------
    TriageResult
        A row for each finding. `remediable_share` ranks them.

    Raises
    ------
    ValueError
        If a value is no number, lengths differ, or there is no finding.

    See Also
    --------
    departure_from_attainable : The remediable part of declared subgroups.

    Notes
    -----
    **Evidence.** With the residual :math:`r = y - f(x)` and its prediction :math:`g(x)`
    from other folds, :math:`v = 2 r g - g^2` has a mean of at most the remediable
    :math:`E[(m - f)^2]`, where :math:`m(x) = E[y \mid x]`, whatever the variance of the
    noise. The models: a ridge regression for everybody, boosted trees of what it leaves
    (from 200 rows), and a ridge regression for each finding of what both leave there.
    Regressions have the penalty that leave-one-out predictions of the training rows
    find best; each model is multiplied by the factor from 0 to 1 that predictions of
    rows it has not seen find best, less one standard error. Where outcomes are 0 and 1
    and predictions from 0 to 1, f + g is kept there.

    **"remediable"**: a one-sided t test shows the mean of :math:`v - 0.05 r^2` to be
    above 0, after Holm's correction for all findings judged. A twentieth of the squared
    error is taken for nothing: every model is short of the best by as much.

    **"noise"** asks for three things: absolute errors are larger than those of all
    others (Mann-Whitney, after Holm); the interval of the remediable part lies below
    half of the excess in mean squared error; and a linear relation worth that half
    would have been found in 80% of studies of as many people. No data show that nothing
    can be learnt: a relation of another shape, or to an input that is not in the table,
    may be there.

    **How well.** Of 64 planted subgroups of 75 to 225 people each, moderately badly
    served by a linear model, `remediable_share` told the remediable from the noisy with
    an area under the ROC curve of .97 (by mean squared error: .20). Of 32 of either
    kind 19 were called remediable and 13 too few to say; 5 noise and 27 too few to say.

    **Ties.** Equal absolute errors share their rank. A finding of everybody has no
    others: it has no error ratio, and is never noise.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import make_health_cohort, triage
    >>> cohort = make_health_cohort(14_000, strength="strong", random_state=0)
    >>> trained = np.arange(14_000) < 4_000
    >>> model = LinearRegression().fit(cohort.X[trained], cohort.y[trained])
    >>> result = triage(
    ...     cohort.X[~trained],
    ...     cohort.y[~trained],
    ...     model.predict(cohort.X[~trained]),
    ...     findings={
    ...         "learnable": cohort.membership[~trained, 0],
    ...         "noisy": cohort.membership[~trained, 4],
    ...     },
    ...     random_state=0,
    ... )
    >>> result.verdict[0]
    'remediable'
    """
    check_confidence_level(confidence_level)  # before the models, which take long
    check_same_order(X=X, y_true=y_true, y_pred=y_pred, findings=findings)
    outcome = check_numbers(y_true, name="y_true")
    prediction = check_numbers(y_pred, name="y_pred", n_rows=len(outcome))
    refuse_overflow(outcome, name="y_true", limit=LARGEST)
    refuse_overflow(prediction, name="y_pred", limit=LARGEST)
    names, members = check_findings(findings, len(outcome))
    check_whole_number(min_subgroup_size, name="min_subgroup_size", least=1)
    check_regressor(estimator)
    inputs = check_inputs(X, len(outcome), rows_of="y_true")
    return triage_findings(
        [People(inputs, outcome, prediction, members)],
        names,
        confidence_level=confidence_level,
        estimator=estimator,
        cv=cv,
        min_subgroup_size=min_subgroup_size,
        random_state=random_state,
    )


class People(NamedTuple):
    """Those who tell of some findings.

    Attributes
    ----------
    inputs : ndarray of shape (n_rows, n_features)
        What a better model could learn from.
    outcome, prediction : ndarray of shape (n_rows,)
        What came true, and what the model said.
    members : ndarray of bool of shape (n_rows, n_findings)
        Who belongs to which finding.
    """

    inputs: Matrix
    outcome: Vector
    prediction: Vector
    members: Mask


def triage_findings(
    people: Sequence[People],
    names: tuple[str, ...],
    *,
    confidence_level: float = 0.95,
    estimator: Any = None,
    cv: Any = 5,
    min_subgroup_size: int = 30,
    random_state: int | np.random.RandomState | None = None,
) -> TriageResult:
    """Judge findings together, each by the people who tell of it.

    `names` has one for each finding, in the order of `people` and of their columns.
    """
    rng = check_random_state(random_state)
    gathered = [
        _examine(one, confidence_level, estimator=estimator, cv=cv, rng=rng)
        for one in people
    ]
    evidence = {
        name: np.concatenate([part[name] for part in gathered]) for name in gathered[0]
    }
    n = np.concatenate([one.members.sum(axis=0) for one in people])
    judged = n >= max(min_subgroup_size, 2)
    alpha = (1.0 - confidence_level) / max(int(judged.sum()), 1)
    detectable = np.array(
        [
            detectable_share(int(size), alpha, coefficients)
            for size, coefficients in zip(
                n, evidence.pop("n_coefficients"), strict=True
            )
        ]
    )
    p_value = _adjust(evidence.pop("p_value"), judged)
    p_worse = _adjust(evidence.pop("p_worse"), judged)
    level = 1.0 - confidence_level
    remediable = p_value <= level
    with np.errstate(divide="ignore"):  # of a finding without error
        half = _PART_OF_EXCESS * (1.0 - 1.0 / evidence["error_ratio"])
    noise = (
        ~remediable
        & (p_worse <= level)
        & (detectable <= half)
        & (evidence["ci_high"] < half * evidence["mean_squared_error"])
    )
    return TriageResult(
        finding=names,
        n=n,
        **evidence,
        p_value=p_value,
        detectable_share=detectable,
        verdict=tuple(map(_name_verdict, remediable, noise)),
        confidence_level=confidence_level,
        rule=_rule(level, int(judged.sum())),
    )


def _are_probabilities(outcome: Vector, prediction: Vector) -> bool:
    classes = np.isin(outcome, (0.0, 1.0)).all()
    return bool(classes and prediction.min() >= 0.0 and prediction.max() <= 1.0)


def _name_verdict(remediable: np.bool_, noise: np.bool_) -> Verdict:
    if remediable:
        return "remediable"
    return "noise" if noise else "too few to say"


def _adjust(p_values: Vector, judged: Mask) -> Vector:
    return holm(np.where(judged, p_values, np.nan))


def _examine(
    people: People,
    confidence_level: float,
    *,
    estimator: Any,
    cv: Any,
    rng: np.random.RandomState,
) -> dict[str, Vector]:
    """Look for structure, and return the evidence on each finding."""
    inputs, outcome, prediction, members = people
    residual = outcome - prediction
    folds = check_folds(cv, inputs, outcome, rng)
    everybody, own = find_structure(
        inputs, residual, members, folds=folds, estimator=estimator, rng=rng
    )
    if _are_probabilities(outcome, prediction):
        everybody = np.clip(prediction + everybody, 0.0, 1.0) - prediction
        column = prediction[:, np.newaxis]
        own = np.clip(column + own, 0.0, 1.0) - column
    n_coefficients = np.array([complexity(inputs[mask]) for mask in members.T])
    return {
        **_gather(residual, everybody, own, members, confidence_level),
        "n_coefficients": n_coefficients,
    }


def _gather(
    residual: Vector,
    everybody: Vector,
    own: Matrix,
    members: Mask,
    confidence_level: float,
) -> dict[str, Vector]:
    """Estimate each finding's errors and structure, with p-values of both."""
    squared = residual**2
    ranks = rankdata(np.abs(residual))
    rows = []
    for mask, mine in zip(members.T, own.T, strict=True):
        found = np.where(mask, mine, everybody)
        gained = 2.0 * residual * found - found**2
        rows.append(_gather_one(squared, gained, ranks, mask, confidence_level))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _gather_one(
    squared: Vector, gained: Vector, ranks: Vector, mask: Mask, confidence_level: float
) -> dict[str, float]:
    n = int(mask.sum())
    error, remediable = _mean(squared[mask]), _mean(gained[mask])
    others, others_remediable = _mean(squared[~mask]), _mean(gained[~mask])
    excess = error - others
    margin = np.nan
    if n > 1:
        quantile = float(stdtrit(n - 1, (1.0 + confidence_level) / 2.0))
        margin = quantile * _standard_error(gained[mask])
    return {
        "mean_squared_error": error,
        "error_ratio": _divide(error, others),
        "remediable": remediable,
        "ci_low": remediable - margin,
        "ci_high": remediable + margin,
        "remediable_share": _divide(remediable, error),
        "excess_share": (
            (remediable - others_remediable) / excess if excess > 0.0 else np.nan
        ),
        "noise_ratio": _divide(error - remediable, others - others_remediable),
        "p_value": _p_above_zero(gained[mask] - _NEGLIGIBLE * squared[mask]),
        "p_worse": _p_larger(ranks, mask),
    }


def _mean(values: Vector) -> float:
    return float(values.mean()) if len(values) else np.nan


def _divide(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else np.nan


def _standard_error(values: Vector) -> float:
    return float(values.std(ddof=1)) / np.sqrt(len(values))


def _p_above_zero(values: Vector) -> float:
    """Test a mean against 0 by Student's t, one-sided."""
    if len(values) < 2:
        return np.nan
    error = _standard_error(values)
    if error == 0.0:
        return 1.0
    return float(stdtr(len(values) - 1, -values.mean() / error))


def _p_larger(ranks: Vector, mask: Mask) -> float:
    """Test by Mann and Whitney whether the ranks inside are above the others."""
    n, n_others = int(mask.sum()), int((~mask).sum())
    if n == 0 or n_others == 0:
        return np.nan
    # The variance of all ranks holds the correction for ties.
    error = np.sqrt(ranks.var(ddof=1) * (1.0 / n + 1.0 / n_others))
    if error == 0.0:
        return 1.0
    difference = ranks[mask].mean() - ranks[~mask].mean()
    return float(ndtr(-difference / error))


def detectable_share(n: int, alpha: float, n_coefficients: float) -> float:
    """Return the least remediable share that is found with a power of 80%.

    In units of the mean squared error, a relation worth the share s leaves noise of 1 -
    s; k coefficients learnt from n rows add an error of (1 - s) k / n, by which the
    prediction g is shrunken, so that E[g^2] = E[v] = s^2 / (s + (1 - s) k / n); and v =
    g^2 + 2 g e has the variance 2 E[g^2]^2 + 4 (1 - s) E[g^2] if g is normal.
    """
    if n < 2:
        return 1.0
    shares = np.linspace(_NEGLIGIBLE, 1.0, 400)
    learnt_from = 0.8 * n
    estimation = (1.0 - shares) * n_coefficients / learnt_from
    gain = shares**2 / (shares + estimation)
    deviation = np.sqrt((2.0 * gain**2 + 4.0 * (1.0 - shares) * gain) / n)
    quantiles = -float(stdtrit(n - 1, alpha)) + float(stdtrit(n - 1, _POWER))
    seen = gain - _NEGLIGIBLE >= quantiles * deviation
    return float(shares[np.argmax(seen)]) if seen.any() else 1.0


def _rule(level: float, n_judged: int) -> str:
    return (
        "Remediable: more than a twentieth of its squared error is shown to be "
        "structure that a better model could learn, by a one-sided t test at "
        f"{level:.3g} after Holm's correction for {n_judged} findings. Noise: its "
        "errors are shown to be larger than those of others, no structure is shown, "
        "and a linear relation that made up half of the excess would have been found "
        "in 80% of studies; nothing shows that there is none. Else too few to say."
    )
