"""From which subgroups should more people be recruited, and how many?

A remedy that adds information. What more people of a subgroup would take off its error
is read off its learning curve; where the curve is flat or too noisy to read, this says
so, and plans nothing.
"""

from collections.abc import Hashable
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import check_random_state, indexable

from sklearn_equity._checks import check_same_order
from sklearn_equity._numbers import check_confidence_level, check_whole_number
from sklearn_equity._parallel import check_n_jobs
from sklearn_equity._sklearn_shims import num_samples
from sklearn_equity.remediation._acquisition_result import (
    FLAT,
    OPEN,
    RECRUIT,
    SMALL,
    AcquisitionPlan,
)
from sklearn_equity.remediation._emphasis import TrainingRows
from sklearn_equity.remediation._inputs import check_target, number_labels
from sklearn_equity.remediation._learning_curve import (
    Curve,
    CurveData,
    read_curves,
    run_trials,
)
from sklearn_equity.significance import holm

__all__ = ["acquisition_plan"]

Vector = NDArray[np.float64]
_N_BLOCKS = 200  # in which a budget is handed out


def acquisition_plan(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    subgroups: ArrayLike,
    target: float = 0.02,
    budget: int | None = None,
    cv: int = 5,
    n_designs: int = 12,
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    n_resamples: int = 300,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> AcquisitionPlan:
    r"""Plan from which subgroups to recruit more people, by what that would take off.

    Expected falls are those of the subgroup's mean squared error (of classes, Brier
    score), 0 for a flat curve, larger where more people help more. Trusted from about
    200 people a subgroup, and for up to as many more people as there are.

    Parameters
    ----------
    estimator : estimator
        The regressor or classifier; cloned, never changed.
    X : array-like of shape (n_rows, n_features)
        Rows, in whatever form the model takes.
    y : array-like of shape (n_rows,)
        The target.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_columns)
        One label a row, or several whose combinations are the subgroups.
    target : float, default=0.02
        The share of a subgroup's error that `needed` people take off.
    budget : int, default=None
        How many people to recruit; None takes a tenth of those there are.
    cv : int, default=5
        The folds whose people are predicted from the others.
    n_designs : int, default=12
        How many parts of each fold's training rows models are trained on, besides all
        of them: ``cv * (n_designs + 1)`` models in all.
    min_subgroup_size : int, default=30
        Smaller subgroups have no curve.
    confidence_level : float, default=0.95
        That of intervals, and of all verdicts "recruit" together.
    n_resamples : int, default=300
        How often people and models are resampled; 100 or more.
    random_state : int, RandomState instance or None, default=None
        Shuffles folds, draws parts and resamples.
    n_jobs : int or None, default=None
        How many models are fitted at once, as in joblib; the results are the same for
        any number.

    Returns
    -------
    AcquisitionPlan
        A row for each subgroup.

    Raises
    ------
    ValueError
        If an option is out of range, lengths differ, or there are fewer than two
        subgroups.

    See Also
    --------
    departure_from_attainable : What other models of the same data could do.
    required_sample_size : How many people a measurement needs.

    Notes
    -----
    Learning curves by subgroup as in [1]_. Each model is trained on a share of every
    subgroup's people drawn by itself, from three tenths to all, so that a subgroup's
    own people and the others vary apart:

    .. math:: L_g = a_g + b_g\, n_g^{-e} + c_g\, n_{others}^{-e}, \qquad b_g, c_g \ge 0,

    with :math:`e` 1, the rate of regular models, unless 1/2 or 1/4 fits better by more
    than chance: few trials tell exponents apart, and small ones promise much. The
    people of a fold are the same for all its models, and :math:`a_g` is free in each
    fold, so that what is hard about them cancels. The departure is
    :math:`b_g n_g^{-e}`, what k more people take off :math:`b_g (n_g^{-e} - (n_g +
    k)^{-e})`, their number its inverse.

    Intervals are quantiles over resamples of people and of models, exponent and all.
    "flat" is said if the interval of the departure ends below `target` of the error;
    else "recruit" if an unconstrained :math:`b_g` of exponent 1 is above 0, by a
    one-sided normal test with the standard error of the resamples, after Holm's
    correction. The budget is handed out in small blocks, each to the subgroup to
    recruit from whose error falls most by it, so that all have one voice whatever their
    size; what it does for others is left out.

    On draws in which nothing was to be learnt nobody was recruited in 100 of 100. Where
    10 coefficients were to be learnt from 300 people, the departure was recovered
    without bias, .037 on average against .035 in theory, and people were recruited in 7
    of 8 draws.

    It is a forecast: a curve may bend beyond the people there are, those recruited may
    be unlike, and a model trained on them has another mixture of people than before.
    Where three tenths of a subgroup hardly suffice for as many coefficients, its curve
    is steeper than any of these, and the fall overstated.
    The attainable of a curve is that of this model; another may attain more.

    References
    ----------
    .. [1] Chen, Johansson and Sontag (2018), "Why is my classifier discriminatory?",
       NeurIPS.

    Examples
    --------
    In ward B, of 150 people, twenty coefficients of its own are to be learnt:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import acquisition_plan
    >>> rng = np.random.default_rng(0)
    >>> in_B = np.repeat([0, 1], [1500, 150])
    >>> Z = rng.normal(size=(1650, 20))
    >>> X = np.column_stack([Z, in_B[:, None] * Z])
    >>> y = Z @ np.ones(20) * (1 - in_B) + rng.normal(size=1650)
    >>> plan = acquisition_plan(
    ...     LinearRegression(), X, y, subgroups=np.where(in_B, "B", "A"),
    ...     budget=100, random_state=0,
    ... )
    >>> print(plan.sentences()[0])
    Of 100 people to recruit: 100 from B.
    """
    level = check_confidence_level(confidence_level)
    check_whole_number(min_subgroup_size, name="min_subgroup_size", least=1)
    _check_options(target, budget, cv, n_designs, n_resamples)
    _check_estimator(estimator)
    n_jobs = check_n_jobs(n_jobs)
    check_same_order(X=X, y=y, subgroups=subgroups)
    (X,) = indexable(X)
    n_rows = num_samples(X)
    classifies = is_classifier(estimator)
    y, y_array = check_target(y, n_rows, is_classifier=classifies)
    codes = number_labels(subgroups, n_rows, name="subgroups", at_least=2)
    rng = check_random_state(random_state)
    if cv > n_rows:
        msg = f"`cv` must be at most the number of rows, {n_rows}; got {cv}."
        raise ValueError(msg)
    splitter = StratifiedKFold if classifies else KFold
    folds = list(splitter(cv, shuffle=True, random_state=rng).split(X, y_array))
    trials = run_trials(
        TrainingRows(X, y, {}, "weight"),
        estimator,
        y_array,
        codes.codes,
        folds,
        n_designs=n_designs,
        random_state=rng,
        n_jobs=n_jobs,
    )
    counts = codes.counts()
    large = np.flatnonzero(counts >= min_subgroup_size)
    read = read_curves(
        [CurveData.of(trials, codes.codes, int(code)) for code in large],
        n_resamples=n_resamples,
        rng=rng,
        n_jobs=n_jobs,
    )
    curves: list[Curve | None] = [None] * codes.n_subgroups
    for code, curve in zip(large.tolist(), read, strict=True):
        curves[code] = curve
    return _plan(
        codes.labels, counts, trials.loss[:, 0], codes.codes, curves,
        target=float(target), level=level,
        budget=n_rows // 10 if budget is None else int(budget),
    )  # fmt: skip


def _plan(
    labels: tuple[Hashable, ...],
    counts: NDArray[np.intp],
    loss: Vector,
    codes: NDArray[np.intp],
    curves: list[Curve | None],
    *,
    target: float,
    level: float,
    budget: int,
) -> AcquisitionPlan:
    error = np.bincount(codes, weights=loss, minlength=len(labels)) / counts
    known = [i for i, curve in enumerate(curves) if curve is not None]
    shown = np.zeros(len(labels), dtype=bool)
    figures = np.full((7, len(labels)), np.nan)
    verdict = [SMALL] * len(labels)
    if known:
        p_values = [curve.p_value for curve in curves if curve is not None]
        shown[known] = holm(p_values) <= 1.0 - level
    tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    for i in known:
        curve = curves[i]
        if curve is None:
            continue
        fall = target * error[i]
        people, reachable = curve.needed(fall), curve.departure
        # Of infinite numbers no mean can be taken: quantiles are values that occur.
        ends = np.quantile(people[1:], tails, method="inverted_cdf")
        reach = np.quantile(reachable[1:], tails)
        figures[:, i] = (
            *(reachable[0], *reach, curve.exponent[0], np.ceil(people[0])),
            *np.ceil(ends),
        )
        verdict[i] = FLAT if reach[1] < fall else RECRUIT if shown[i] else OPEN
    chosen = np.array([found == RECRUIT for found in verdict])
    recruit = _hand_out(budget, curves, chosen)
    falls = [
        float("nan") if curve is None else float(curve.fall(more)[0])
        for curve, more in zip(curves, recruit, strict=True)
    ]
    departure, low, high, exponent, needed, needed_low, needed_high = figures
    return AcquisitionPlan(
        subgroup=labels,
        n=counts,
        error=error,
        departure=departure,
        ci_low=low,
        ci_high=high,
        exponent=exponent,
        needed=needed,
        needed_low=needed_low,
        needed_high=needed_high,
        recruit=recruit,
        expected_fall=np.array(falls),
        verdict=tuple(verdict),
        target=target,
        budget=budget,
        confidence_level=level,
    )


def _hand_out(
    budget: int, curves: list[Curve | None], chosen: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Give each block of people to the subgroup whose error falls most by it."""
    given = np.zeros(len(curves), dtype=np.intp)
    if not chosen.any():
        return given
    ends = np.linspace(0, budget, min(_N_BLOCKS, max(budget, 1)) + 1).astype(np.intp)
    for block in np.diff(ends):
        falls = [
            curve.fall(given[i] + block)[0] - curve.fall(given[i])[0]
            if curve is not None and chosen[i]
            else -np.inf
            for i, curve in enumerate(curves)
        ]
        given[int(np.argmax(falls))] += block
    return given


def _check_estimator(estimator: Any) -> None:
    fits = all(hasattr(estimator, name) for name in ("fit", "predict", "get_params"))
    if not fits or isinstance(estimator, type):
        msg = (
            "`estimator` must be a scikit-learn estimator with fit and predict, such "
            f"as Ridge(); got {estimator!r}."
        )
        raise ValueError(msg)


def _check_options(
    target: Any, budget: Any, cv: Any, n_designs: Any, n_resamples: Any
) -> None:
    if not isinstance(target, Real) or not 0.0 < float(target) < 1.0:
        msg = f"`target` must be a share between 0 and 1; got {target!r}."
        raise ValueError(msg)
    for name, value, least in (
        ("budget", 0 if budget is None else budget, 0),
        ("cv", cv, 2),
        ("n_designs", n_designs, 3),
        ("n_resamples", n_resamples, 100),
    ):
        if not isinstance(value, Integral) or value < least:
            msg = f"`{name}` must be a whole number of at least {least}; got {value!r}."
            raise ValueError(msg)
