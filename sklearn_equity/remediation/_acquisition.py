"""From which subgroups should more people be recruited, and how many?

A remedy that adds information. What more people of a subgroup would take off its error
is read off its learning curve; where the curve is flat or too noisy to read, this says
so, and plans nothing.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import check_random_state, indexable

from sklearn_equity._checks import (
    check_confidence_level,
    check_same_order,
    format_label,
)
from sklearn_equity._optional import build_frame
from sklearn_equity._sklearn_shims import num_samples
from sklearn_equity.remediation._emphasis import TrainingRows
from sklearn_equity.remediation._inputs import check_target, number_labels
from sklearn_equity.remediation._learning_curve import CurveData, run_trials
from sklearn_equity.significance import holm

__all__ = ["AcquisitionPlan", "acquisition_plan"]

Vector = NDArray[np.float64]
_N_BLOCKS = 200  # in which a budget is handed out
_RECRUIT, _FLAT, _OPEN, _SMALL = "recruit", "flat", "not enough evidence", "too small"


@dataclass(frozen=True, eq=False, repr=False)
class AcquisitionPlan:
    """What more people of each subgroup would take off its error.

    What `acquisition_plan` returns; it prints as a table. Errors are mean squared ones,
    of classes Brier scores.

    Parameters
    ----------
    subgroup : tuple
        The labels.
    n : ndarray of shape (n_subgroups,)
        The people there are.
    error : ndarray of shape (n_subgroups,)
        The cross-validated mean squared error as it is.
    departure : ndarray of shape (n_subgroups,)
        By how much it would fall with any number of people of the subgroup: its
        departure from what this model can attain for it. 0 for a flat curve.
    ci_low, ci_high : ndarray of shape (n_subgroups,)
        The interval of the departure.
    exponent : ndarray of shape (n_subgroups,)
        The power of the number of people with which it falls.
    needed : ndarray of shape (n_subgroups,)
        How many more people take the share `target` off the error; infinite if none
        do.
    needed_low, needed_high : ndarray of shape (n_subgroups,)
        The interval of that number.
    recruit : ndarray of shape (n_subgroups,)
        How many of the `budget` to recruit from each.
    expected_fall : ndarray of shape (n_subgroups,)
        By how much its error is expected to fall by them.
    verdict : tuple of str
        "flat" if no number of people would take `target` off; "recruit" if it is shown
        that more people help; "not enough evidence"; or "too small".
    target : float
        The share of the error that `needed` people take off.
    budget : int
        How many people there are to recruit.
    confidence_level : float
        That of intervals and verdicts.

    See Also
    --------
    acquisition_plan : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_equity import acquisition_plan
    >>> rng = np.random.default_rng(0)
    >>> ward = np.repeat(["A", "B"], 300)
    >>> plan = acquisition_plan(
    ...     DummyRegressor(), np.zeros((600, 1)), rng.normal(size=600), subgroups=ward,
    ...     target=0.2, random_state=0,
    ... )
    >>> plan.verdict
    ('flat', 'flat')
    """

    subgroup: tuple[Hashable, ...]
    n: NDArray[np.intp]
    error: Vector
    departure: Vector
    ci_low: Vector
    ci_high: Vector
    exponent: Vector
    needed: Vector
    needed_low: Vector
    needed_high: Vector
    recruit: NDArray[np.intp]
    expected_fall: Vector
    verdict: tuple[str, ...]
    target: float
    budget: int
    confidence_level: float

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the table as columns by name, one row a subgroup."""
        names = (
            *("n", "error", "departure", "ci_low", "ci_high", "exponent", "needed"),
            *("needed_low", "needed_high", "recruit", "expected_fall"),
        )
        return {
            "subgroup": [format_label(label) for label in self.subgroup],
            **{name: getattr(self, name).tolist() for name in names},
            "verdict": list(self.verdict),
        }

    def to_frame(self) -> Any:
        """Return the rows as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The columns of `to_columns`; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        return build_frame(self.to_columns(), feature="AcquisitionPlan.to_frame")

    def sentences(self) -> tuple[str, ...]:
        """Say from whom to recruit, and what is open."""
        chosen = np.flatnonzero(self.recruit)
        if not len(chosen):
            said = ["No curve shows that more people of any subgroup would help: none."]
        else:
            order = chosen[np.argsort(-self.recruit[chosen], kind="stable")]
            listed = "; ".join(
                f"{self.recruit[i]:,} from {format_label(self.subgroup[i])}"
                for i in order
            )
            said = [f"Of {self.budget:,} people to recruit: {listed}."]
        for verdict, meaning in (
            (_FLAT, f"No number of people would take {self.target:.0%} off the error"),
            (_OPEN, "Not enough evidence, recruit to learn rather than to serve"),
        ):
            names = [
                format_label(label)
                for label, found in zip(self.subgroup, self.verdict, strict=True)
                if found == verdict
            ]
            if names:
                said.append(f"{meaning}: {', '.join(names)}.")
        return tuple(said)

    def __repr__(self) -> str:
        names = [format_label(label) for label in self.subgroup]
        width = max(8, *map(len, names))
        head = (
            f"{'subgroup':<{width}} {'n':>8} {'error':>9} {'could fall by':>26} "
            f"{f'needed for {self.target:.0%}':>26} {'recruit':>8}  verdict"
        )
        lines = [
            f"{name:<{width}} {self.n[i]:>8,} {self.error[i]:>9.4g} "
            f"{self._range(self.departure, self.ci_low, self.ci_high, i):>26} "
            f"{self._range(self.needed, self.needed_low, self.needed_high, i):>26} "
            f"{self.recruit[i]:>8,}  {self.verdict[i]}"
            for i, name in enumerate(names)
        ]
        return "\n".join([*self.sentences(), head, *lines])

    @staticmethod
    def _range(value: Vector, low: Vector, high: Vector, i: int) -> str:
        return f"{value[i]:.3g} ({low[i]:.3g} to {high[i]:.3g})"


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
    _check_options(target, budget, cv, n_designs, n_resamples)
    check_same_order(X=X, y=y, subgroups=subgroups)
    (X,) = indexable(X)
    n_rows = num_samples(X)
    classifies = is_classifier(estimator)
    y, y_array = check_target(y, n_rows, is_classifier=classifies)
    codes = number_labels(subgroups, n_rows, name="subgroups", at_least=2)
    rng = check_random_state(random_state)
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
    )
    counts = codes.counts()
    curves = [
        _read_curve(
            CurveData.of(trials, codes.codes, code),
            int(counts[code]),
            n_resamples=n_resamples,
            rng=rng,
        )
        if counts[code] >= min_subgroup_size
        else None
        for code in range(codes.n_subgroups)
    ]
    return _plan(
        codes.labels, counts, trials.loss[:, 0], codes.codes, curves,
        target=float(target), level=level,
        budget=n_rows // 10 if budget is None else int(budget),
    )  # fmt: skip


@dataclass(frozen=True)
class _Curve:
    """A fitted curve, and those of all resamples behind it."""

    scale: Vector
    exponent: Vector
    p_value: float
    n: int

    @property
    def departure(self) -> Vector:
        return np.asarray(self.scale * self.n**-self.exponent)

    def fall(self, n_more: float) -> Vector:
        left = self.scale * (self.n + n_more) ** -self.exponent
        return np.asarray(self.departure - left)

    def needed(self, fall: float) -> Vector:
        """Return how many more people it takes; infinite where none suffice."""
        left = self.departure - fall
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            total = (self.scale / left) ** (1.0 / self.exponent)
        return np.where(left > 0.0, total - self.n, np.inf)


def _read_curve(
    data: CurveData, n: int, *, n_resamples: int, rng: np.random.RandomState
) -> _Curve:
    people, designs = np.ones(len(data.loss)), np.ones(data.own.shape)
    fits = [data.fit(people, designs)]
    for _ in range(n_resamples):
        drawn = rng.randint(len(people), size=len(people))
        fits.append(
            data.fit(
                np.bincount(drawn, minlength=len(people)).astype(np.float64),
                rng.poisson(1.0, size=designs.shape).astype(np.float64),
            )
        )
    free, bound, exponent = np.array(fits).T
    error = free[1:].std(ddof=1)
    p_value = float(norm.sf(free[0] / error)) if error > 0.0 else 1.0
    return _Curve(bound, exponent, p_value, n)


def _plan(
    labels: tuple[Hashable, ...],
    counts: NDArray[np.intp],
    loss: Vector,
    codes: NDArray[np.intp],
    curves: list[_Curve | None],
    *,
    target: float,
    level: float,
    budget: int,
) -> AcquisitionPlan:
    error = np.bincount(codes, weights=loss, minlength=len(labels)) / counts
    known = [i for i, curve in enumerate(curves) if curve is not None]
    shown = np.zeros(len(labels), dtype=bool)
    figures = np.full((7, len(labels)), np.nan)
    verdict = [_SMALL] * len(labels)
    if known:
        p_values = [curve.p_value for curve in curves if curve is not None]
        shown[known] = holm(p_values) <= 1.0 - level
    tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    for i in known:
        curve = curves[i]
        if curve is None:
            continue
        fall = target * error[i]
        needed, departure = curve.needed(fall), curve.departure
        # Of infinite numbers no mean can be taken: quantiles are values that occur.
        ends = np.quantile(needed[1:], tails, method="inverted_cdf")
        reach = np.quantile(departure[1:], tails)
        figures[:, i] = (
            *(departure[0], *reach, curve.exponent[0], np.ceil(needed[0])),
            *np.ceil(ends),
        )
        verdict[i] = _FLAT if reach[1] < fall else _RECRUIT if shown[i] else _OPEN
    chosen = np.array([found == _RECRUIT for found in verdict])
    recruit = _hand_out(budget, curves, chosen)
    falls = [
        float("nan") if curve is None else float(curve.fall(more)[0])
        for curve, more in zip(curves, recruit, strict=True)
    ]
    return AcquisitionPlan(
        labels, counts, error, *figures[:4], *figures[4:], recruit, np.array(falls),
        tuple(verdict), target, budget, level,
    )  # fmt: skip


def _hand_out(
    budget: int, curves: list[_Curve | None], chosen: NDArray[np.bool_]
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


def _check_options(
    target: Any, budget: Any, cv: Any, n_designs: Any, n_resamples: Any
) -> None:
    if not isinstance(target, Real) or not 0.0 < target < 1.0:
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
