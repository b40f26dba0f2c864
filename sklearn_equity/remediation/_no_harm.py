"""Whom did a remedy harm, by at most how much, and at which error rate?

One-sided bounds on the harm to every subgroup, all of which hold at once, from held-out
people whom both models are asked about.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklearn_equity._checks import MissingPolicy, check_same_order, check_subgroups
from sklearn_equity._label_text import format_labels
from sklearn_equity._numbers import (
    check_confidence_level,
    check_sample_weight,
    check_tolerance,
    check_whole_number,
    refuse_extreme_weights,
)
from sklearn_equity._optional import build_frame
from sklearn_equity._parallel import check_n_jobs
from sklearn_equity.fidelity import Metric, resolve_metric
from sklearn_equity.remediation._change import check_answers, check_groupings
from sklearn_equity.remediation._levelling import LevellingDown, find_levelling_down
from sklearn_equity.remediation._paired import PairedRows, columns_of
from sklearn_equity.remediation._sign_flips import (
    Loan,
    SumOfParts,
    largest_by_chance,
)

__all__ = ["NoHarmResult", "no_harm_test"]

Vector = NDArray[np.float64]
_FEWEST_RESAMPLES = 100
_MOST_LINES = 200  # printed: nobody reads more


@dataclass(frozen=True, eq=False, repr=False)
class NoHarmResult:
    """Who gained by a remedy and who lost, with bounds that hold for all at once.

    What `no_harm_test` returns; it prints as a table.

    Parameters
    ----------
    grouping, subgroup : tuple
        The grouping and the label of each row; the first row is everybody.
    n : ndarray of shape (n_rows,)
        People in the subgroup.
    before, after : ndarray of shape (n_rows,)
        The metric under each model.
    harm : ndarray of shape (n_rows,)
        By how much the subgroup is worse off, in the metric's unit: negative is gain.
    harm_low, harm_high : ndarray of shape (n_rows,)
        Bounds: each one alone, all lower ones hold together at the confidence level,
        and so do all upper ones; NaN where there are too few rows.
    p_harm, p_gain : ndarray of shape (n_rows,)
        p-values of "not harmed" and of "did not gain", corrected for all rows.
    verdict : tuple of str
        "harmed" or "improved" where it is shown; "unharmed" where harm beyond the
        tolerance is excluded; else "insufficient evidence".
    tolerance : float
        The share of the figure before by which harm may grow and still be none.
    levelling_down : tuple
        The groupings whose gap narrowed while some of the better served were harmed;
        empty if there are none.
    metric : str
        What was measured.
    greater_is_better : bool
        The metric's orientation.
    confidence_level : float
        The level of the bounds and of the verdicts, of all together.

    See Also
    --------
    no_harm_test : Makes such a result.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import no_harm_test
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=400)
    >>> before = y_true + rng.normal(0, 3, size=400)
    >>> ward = np.repeat(["north", "south"], 200)
    >>> after = np.where(ward == "north", y_true + 2 * (before - y_true), before)
    >>> result = no_harm_test(
    ...     y_true, before, after, subgroups={"ward": ward}, random_state=0
    ... )
    >>> result.harmed
    ('everybody', 'ward = north')
    >>> result.no_harm
    False
    """

    grouping: tuple[str, ...]
    subgroup: tuple[Hashable, ...]
    n: NDArray[np.intp]
    before: Vector
    after: Vector
    harm: Vector
    harm_low: Vector
    harm_high: Vector
    p_harm: Vector
    p_gain: Vector
    verdict: tuple[str, ...]
    tolerance: float
    levelling_down: tuple[LevellingDown, ...]
    metric: str
    greater_is_better: bool
    confidence_level: float

    @property
    def harmed(self) -> tuple[str, ...]:
        """The names of those who are shown to be harmed."""
        return self._names("harmed")

    @property
    def improved(self) -> tuple[str, ...]:
        """The names of those who are shown to have gained."""
        return self._names("improved")

    @property
    def no_harm(self) -> bool:
        """Whether harm beyond the tolerance is excluded for every single row.

        False where evidence is missing: that nobody is shown to be harmed is less.
        """
        return set(self.verdict) <= {"improved", "unharmed"}

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the table as columns by name, one row a subgroup."""
        names = (
            *("n", "before", "after", "harm", "harm_low", "harm_high"),
            *("p_harm", "p_gain"),
        )
        return {
            "grouping": list(self.grouping),
            "subgroup": format_labels(self.subgroup),
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
        return build_frame(self.to_columns(), feature="NoHarmResult.to_frame")

    def sentences(self) -> tuple[str, ...]:
        """Say who gained, who was harmed, at which error rate, and what is open."""
        rate = f"{1.0 - self.confidence_level:.3g}"
        open_rows = len(self._names("insufficient evidence"))
        return (
            f"Harmed, with a chance of at most {rate} that anybody is called so in "
            f"error: {_list(self.harmed)}.",
            f"Improved, at the same rate: {_list(self.improved)}.",
            f"Harm beyond {self.tolerance:.3g} of the figure before is excluded for "
            f"{len(self.verdict) - open_rows - len(self.harmed)} of "
            f"{len(self.verdict)}; not enough evidence for {open_rows}.",
            *map(str, self.levelling_down),
        )

    def _names(self, verdict: str) -> tuple[str, ...]:
        names = _row_names(self.grouping, self.subgroup)
        return tuple(
            name for name, v in zip(names, self.verdict, strict=True) if v == verdict
        )

    def __repr__(self) -> str:
        names = _row_names(self.grouping, self.subgroup)
        width = max(map(len, names))
        bounds = f"harm ({self.confidence_level:.4g} bounds, all at once)"
        lines = [
            f"{name:<{width}} {self.n[i]:>8,} {self.before[i]:>9.4g} "
            f"{self.after[i]:>9.4g} {self._harm_of(i):>38}  {self.verdict[i]}"
            for i, name in enumerate(names[:_MOST_LINES])
        ]
        if len(names) > _MOST_LINES:
            lines.append(f"... {len(names) - _MOST_LINES:,} more; to_frame() has all.")
        head = f"{self.metric}\n{'':<{width}} {'n':>8} {'before':>9} {'after':>9}"
        return "\n".join([*self.sentences(), f"{head} {bounds:>38}", *lines])

    def _harm_of(self, i: int) -> str:
        low, high = self.harm_low[i], self.harm_high[i]
        return f"{self.harm[i]:+.3g} ({low:+.3g} to {high:+.3g})"


def no_harm_test(
    y_true: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    *,
    subgroups: Any,
    metric: str | Metric = "nrmse",
    tolerance: float = 0.005,
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    missing: MissingPolicy = "raise",
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> NoHarmResult:
    r"""Bound the harm that a remedy did to everybody and to every subgroup.

    Harm is the growth of the loss, in the metric's unit: 0 if nothing changed, negative
    for a gain. Both models are asked about the same people, so what is hard for both
    cancels. Trusted from about 30 rows a subgroup.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        The true target of rows that neither model was fitted on: numbers, or classes,
        which may be text.
    before, after : array-like of shape (n_rows,)
        The predictions of the two models.
    subgroups : mapping of str to array-like, or array-like of shape (n_rows,)
        The labels of each grouping by its name, or those of one.
    metric : str or Metric, default="nrmse"
        A metric that follows from sums over rows.
    tolerance : float, default=0.005
        The share of the figure before by which it may be worse without being harm: a
        subgroup is "unharmed" if its upper bound is within it.
    min_subgroup_size : int, default=30
        Smaller subgroups get the verdict "insufficient evidence", and no bounds.
    confidence_level : float, default=0.95
        The level at which all lower bounds hold together, and all upper ones.
    n_resamples : int, default=1000
        How many times the signs are flipped, 100 or more.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to rows without a label.
    sample_weight : array-like of shape (n_rows,), default=None
        How much each row counts, such as the weights of a survey. Subgroups are judged
        from `min_subgroup_size` equally weighted rows that would tell as much.
    groups : array-like of shape (n_rows,), default=None
        What rows belong together, as in `GroupKFold`: visits of one person, people of
        one household or clinic. Their signs flip together. Without it rows must be
        independent of one another: with errors shared by five at a time somebody was
        called harmed in 56% of runs in which nobody was.
    random_state : int, RandomState instance or None, default=None
        Flips the signs.
    n_jobs : int or None, default=None
        How many blocks of flips at once, as in joblib; the results are the same for any
        number. A block takes about half a second, and less work is done here.

    Returns
    -------
    NoHarmResult
        A row for everybody, then one for each subgroup of each grouping.

    Raises
    ------
    ValueError
        If lengths differ, values are missing, or the metric is a function of rows.

    See Also
    --------
    fidelity_change : Intervals for each subgroup by itself, on both sides.
    remediation_path : This test along the strength of a remedy.

    Notes
    -----
    With :math:`d_i` the part of person i in the harm to a subgroup, at slopes half way
    between the models (of an RMSE, in proportion to the difference of the squared
    errors), the statistic is Hall's for their mean: Student's, without what the
    skewness of the parts does to it [2]_. If a model is no better for a person than the
    other, but by chance, the sign of :math:`d_i` is chance: flipping all signs
    `n_resamples` times gives the largest statistic over all subgroups in this case, and
    its quantile the bounds, the harm whose statistic it would be. Subgroups that share
    people flip together, so no more is paid for overlapping ones than they cost [1]_.

    Among the people of a small subgroup nobody of a long tail may be, and it would look
    surer than it is. Its skewness is drawn towards that of everybody, as if by 100
    people more, where that is the larger of the two and more than chance; and to its
    variance is added what people larger than all of its own would, of whom 3 / n may
    have gone unseen, as everybody tells of them.

    The test is exact where the two predictions of a person could be exchanged, as
    between a model and the same with another seed: measured, somebody was called harmed
    in 3 to 7% of runs at a nominal 5%, among 15 subgroups of 30 people or more. Else it
    holds for large subgroups, and nearly for small ones. Where nobody lost or gained in
    expectation, among ten subgroups of 40 to 500 people somebody was called harmed, or
    improved, in so many of 200 runs (and by Student's t in the second number):

    - 4% (31%) where everybody's prediction is shifted and the outcome has a long tail,
      2% (17%) where one person in twenty is (7.5% where the tail is HbA1c's);
    - 1% (80%) where risks of a rare illness were too low before and too high after,
      by the Brier score, and 6% (78%) where it is rare in every other subgroup alone;
    - 7 to 10% (16 to 29%) where small subgroups have a long tail that large ones lack:
      it is seen in nobody's figures. There, believe what large subgroups say.

    It costs power where a subgroup is truly quieter than the others: of 155 people, a
    growth of the error by 7% was found in 98% of 120 runs (85% with long tails), and in
    60% (12%) if their errors are half as large as everybody's.
    ``benchmarks/comparisons/no_harm_rates.py`` prints these.

    "Levelling down" is said of a grouping in which the gap between the people of
    subgroups worse than the median before and all others narrowed while a subgroup of
    those others is shown to be harmed.

    References
    ----------
    .. [1] Westfall and Young (1993), "Resampling-based multiple testing", Wiley,
       single-step maxT.
    .. [2] Hall (1992), "On the removal of skewness by transformation", Journal of the
       Royal Statistical Society B 54, 221-228.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import no_harm_test
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=400)
    >>> before = y_true + rng.normal(0, 3, size=400)
    >>> ward = np.repeat(["north", "south"], 200)
    >>> after = np.where(ward == "north", (y_true + before) / 2, before)
    >>> result = no_harm_test(y_true, before, after, subgroups=ward, random_state=0)
    >>> result.verdict
    ('improved', 'improved', 'unharmed')
    >>> result.no_harm
    True
    """
    level = check_confidence_level(confidence_level)
    _check_options(tolerance, n_resamples)
    n_jobs = check_n_jobs(n_jobs)
    check_whole_number(min_subgroup_size, name="min_subgroup_size", least=1)
    check_same_order(
        y_true=y_true,
        before=before,
        after=after,
        subgroups=subgroups,
        sample_weight=sample_weight,
        groups=groups,
    )
    resolved = resolve_metric(metric)
    columns_of(resolved)  # says what a metric must be, before what rows must
    truth, first, second = check_answers(y_true, before, after, resolved)
    weights = check_sample_weight(sample_weight, n_rows=len(truth))
    refuse_extreme_weights(weights)
    if weights is None:
        weights = np.ones(len(truth))
    units = np.arange(len(truth))
    if groups is not None:
        units = check_subgroups(groups, n_rows=len(truth), name="groups").codes
    groupings = check_groupings(subgroups, len(truth), missing)
    named = [
        (name, label, np.flatnonzero(codes.codes == code))
        for name, codes in groupings.items()
        for code, label in enumerate(codes.labels)
    ]
    paired = [
        _Paired.of(
            PairedRows.of(
                resolved, truth[rows], first[rows], second[rows], weights[rows]
            ),
            weights[rows],
            units[rows],
        )
        for _, _, rows in named
    ]
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    test = _test(
        paired,
        min_subgroup_size=min_subgroup_size,
        n_resamples=n_resamples,
        level=level,
        rng=rng,
        n_jobs=n_jobs,
    )
    return _tabulate(named, test, resolved, float(tolerance), level)


def _check_options(tolerance: float, n_resamples: int) -> None:
    check_tolerance(tolerance)
    if not isinstance(n_resamples, Integral) or n_resamples < _FEWEST_RESAMPLES:
        msg = (
            f"`n_resamples` must be a whole number of at least {_FEWEST_RESAMPLES}; "
            f"got {n_resamples!r}."
        )
        raise ValueError(msg)


@dataclass(frozen=True)
class _Tested:
    """Figures of each subgroup; NaN where it has too few rows to be judged."""

    before: Vector
    after: Vector
    harm: Vector
    low: Vector
    high: Vector
    p_harm: Vector
    p_gain: Vector


@dataclass(frozen=True)
class _Paired:
    """A subgroup under both models, by what belongs together: people, unless told.

    Attributes
    ----------
    values : tuple of float
        The metric before and after.
    parts : ndarray of shape (n_units,)
        Each unit's part in the harm.
    units : ndarray of shape (n_units,)
        Their numbers, the same in every subgroup.
    size : float
        How many rows of equal weight, or how many units, tell as much.
    """

    values: tuple[float, float]
    parts: Vector
    units: NDArray[np.intp]
    size: float

    @classmethod
    def of(cls, rows: PairedRows, weights: Vector, unit_of: NDArray[np.intp]) -> Self:
        """Sum up the parts of rows that belong together."""
        units, position = np.unique(unit_of, return_inverse=True)
        by_unit = np.bincount(position, weights)
        size = weights.sum() ** 2 / (by_unit**2).sum() if weights.any() else 0.0
        parts = np.bincount(position, rows.parts_by_exchange()).astype(np.float64)
        return cls(rows.values(), parts, units, float(size))


def _test(
    paired: list[_Paired],
    *,
    min_subgroup_size: int,
    n_resamples: int,
    level: float,
    rng: np.random.Generator,
    n_jobs: int | None,
) -> _Tested:
    before, after = np.array([one.values for one in paired]).T
    judged = np.array([one.size >= min_subgroup_size * (1 - 1e-9) for one in paired])
    parts, members = [one.parts for one in paired], [one.units for one in paired]
    everybody = parts[0] if np.isfinite(parts[0]).all() else np.zeros_like(parts[0])
    loan = Loan.of(everybody)
    sums = [
        SumOfParts.of(part, loan, units)
        for part, units in zip(parts, members, strict=True)
    ]
    harm = np.array([one.total for one in sums])
    finite = np.isfinite([[one.total, one.error] for one in sums]).all(axis=1)
    known = np.flatnonzero(judged & finite)
    chance = largest_by_chance(
        [parts[i] for i in known],
        [members[i] for i in known],
        loan=loan,
        n_resamples=n_resamples,
        rng=rng,
        n_jobs=n_jobs,
    )
    low, high, p_harm, p_gain = (np.full(len(harm), np.nan) for _ in range(4))
    critical = float(np.quantile(chance, level, method="higher"))
    for i in known:
        low[i], high[i] = sums[i].bounds(critical)
        # The other side is the same test of the parts with the other sign.
        for p_values, one in ((p_harm, sums[i]), (p_gain, sums[i].negated())):
            at_least = (chance >= one.statistic).sum()
            p_values[i] = (1.0 + at_least) / (1.0 + n_resamples)
    return _Tested(before, after, harm, low, high, p_harm, p_gain)


def _tabulate(
    named: list[tuple[str, Hashable, NDArray[np.intp]]],
    test: _Tested,
    metric: Metric,
    tolerance: float,
    level: float,
) -> NoHarmResult:
    grouping, subgroup, members = zip(*named, strict=True)
    n = np.array([len(rows) for rows in members])
    allowed = tolerance * np.abs(test.before)
    verdict = tuple(map(_verdict, test.low, test.high, allowed))
    return NoHarmResult(
        grouping=grouping,
        subgroup=subgroup,
        n=n,
        before=test.before,
        after=test.after,
        harm=test.harm,
        harm_low=test.low,
        harm_high=test.high,
        p_harm=test.p_harm,
        p_gain=test.p_gain,
        verdict=verdict,
        tolerance=tolerance,
        levelling_down=find_levelling_down(
            grouping,
            subgroup,
            n,
            losses=(metric.as_loss(test.before), metric.as_loss(test.after)),
            judged=np.isfinite(test.low),
            harmed=np.array([found == "harmed" for found in verdict]),
        ),
        metric=metric.label,
        greater_is_better=metric.greater_is_better,
        confidence_level=level,
    )


def _verdict(low: float, high: float, allowed: float) -> str:
    if low > 0.0:
        return "harmed"
    if high < 0.0:
        return "improved"
    return "unharmed" if high <= allowed else "insufficient evidence"


def _row_names(
    grouping: tuple[str, ...], subgroup: tuple[Hashable, ...]
) -> tuple[str, ...]:
    return tuple(
        name if i == 0 else f"{name} = {label}"
        for i, (name, label) in enumerate(
            zip(grouping, format_labels(subgroup), strict=True)
        )
    )


def _list(names: tuple[str, ...]) -> str:
    return "; ".join(names) or "nobody"
