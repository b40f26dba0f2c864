"""Which of many subgroups are more deteriorated than others, all compared at once?"""

from collections.abc import Hashable
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, Literal, Unpack

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._optional import build_frame
from sklearn_equity.allocation._area import EVERYONE
from sklearn_equity.allocation._cohort import (
    Cohort,
    ScoreScale,
    Threshold,
    take_cohort,
)
from sklearn_equity.allocation._comparison import (
    Inference,
    IntervalMethod,
    measure_inequality,
)
from sklearn_equity.allocation._inputs import check_choice
from sklearn_equity.allocation._result import InequalityResult, Verdict
from sklearn_equity.allocation._scoring import SeverityOptions
from sklearn_equity.allocation._sides import CutCohort, cut_cohort, cut_region
from sklearn_equity.allocation._steps import Bounds, Direction
from sklearn_equity.significance import benjamini_hochberg

Against = Literal["rest", "reference", "each other"]
_MOST_PAIRS = 2000  # each takes an integral of its own, and nobody reads more

_RULE = (
    '"unequal": the q-value of no difference is at most {alpha:g}; "within tolerance": '
    "that of a ratio {tolerance:g} or more from 1 is; "
    '"insufficient evidence": neither, or fewer than {min_subgroup_size} rows on a side'
)


@dataclass(frozen=True)
class InequalityTable:
    """Inequalities of many subgroups, corrected for their number.

    Parameters
    ----------
    results : tuple of InequalityResult
        One a comparison. Intervals and p-values are those of the comparison alone;
        verdicts are corrected.
    q_values : ndarray of shape (n_comparisons,)
        The p-values, adjusted for the number of comparisons (Benjamini-Hochberg).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.allocation import compare_deterioration
    >>> table = compare_deterioration(
    ...     None, np.arange(900) % 6 + np.arange(900) // 300,
    ...     subgroups=np.repeat(["east", "north", "west"], 300), threshold=4,
    ...     bounds=(0, 17), n_steps=1,
    ... )
    >>> table.to_frame()[["subgroup", "reference", "estimate", "verdict"]].round(2)
      subgroup reference  estimate  verdict
    0     east  the rest     -0.43  unequal
    1    north  the rest      0.00  insufficient evidence
    2     west  the rest      0.60  unequal
    """

    results: tuple[InequalityResult, ...]
    q_values: NDArray[np.float64]

    def to_frame(self) -> Any:
        """Return a data frame of one row a comparison."""
        rows = [asdict(result) for result in self.results]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return build_frame(
            columns | {"q_value": self.q_values.tolist()},
            feature="InequalityTable.to_frame()",
        )


def compare_deterioration(
    allocation: ArrayLike | None,
    measurement: ArrayLike,
    *,
    subgroups: Any,
    against: Against = "rest",
    reference: Hashable = None,
    threshold: Threshold,
    decision_threshold: float = 0.0,
    bounds: Bounds = (None, None),
    n_steps: int = 20,
    direction: Direction = "above",
    half_width: float = 0.05,
    min_rows: int = 20,
    n_points: int = 100,
    scale: ScoreScale = None,
    sample_weight: ArrayLike | None = None,
    missing: MissingPolicy = "raise",
    confidence_level: float = 0.95,
    tolerance: float = 0.1,
    min_subgroup_size: int = 30,
    interval: IntervalMethod = "closed_form",
    n_resamples: int = 1000,
    random_state: int | RandomState | None = None,
    n_jobs: int | None = None,
    **severity: Unpack[SeverityOptions],
) -> InequalityTable:
    """Compare all subgroups with others, in a dataset or at equal scores of a model.

    0 is equality, in every comparison; see `model_inequality` and `dataset_inequality`
    for a single one. Trust no figure of fewer than 30 people a side.

    Parameters
    ----------
    allocation : array-like of shape (n_rows,) or None
        The model's score, from 0 to 1 (see `scale`), to compare people with equal
        scores (Definition 2.5). None compares all people (Definition 2.4), and the
        arguments about scores and windows are not used.
    measurement : array-like of shape (n_rows,)
        A clinical measurement, not an input or output of the model.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes)
        One label a row; several columns are combined (intersections).
    against : {"rest", "reference", "each other"}, default="rest"
        With whom each subgroup is compared: all others together, one `reference`, or
        every other in turn, each pair once.
    reference : label, default=None
        The subgroup with which all others are compared; for against="reference".
    threshold : float, mapping or array-like of shape (n_rows,)
        Where abnormal begins: for all, by subgroup (a mapping), or for each row.
    decision_threshold : float, default=0.0
        Where the decision region begins, on the scale of the (mapped) scores; 0 for
        the whole range.
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the measurement. The end that deterioration runs to is
        read off the sample, with a `BoundsFromSampleWarning`, where it is not given.
    n_steps : int, default=20
        The number of steps from the threshold to the bound.
    direction : {"above", "below"}, default="above"
        Whether high or low values are the bad ones.
    half_width : float, default=0.05
        People with scores in [x - half_width, x + half_width) make the curve at x.
    min_rows : int, default=20
        A point of the curve needs this many rows of each side; elsewhere is a gap.
    n_points : int, default=100
        Points of the curve over the whole range; a region has its share of them.
    scale : {"rank", "minmax", None}, default=None
        Map scores to the interval from 0 to 1: to the share of all people below them,
        or by their least and greatest value. None takes them as they are.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times; rows of weight 0 do not count.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels.
    confidence_level : float, default=0.95
        Nominal coverage of each interval; verdicts use one less this number as the
        largest q-value.
    tolerance : float, default=0.1
        The ratio of the sides may differ from 1 by this much, either way, for the
        verdict "within tolerance".
    min_subgroup_size : int, default=30
        With fewer rows on a side the verdict is "insufficient evidence".
    interval : {"closed_form", "bootstrap"}, default="closed_form"
        How the intervals are found.
    n_resamples : int, default=1000
        Draws of the bootstrap.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap.
    n_jobs : int or None, default=None
        How many blocks of draws at once, as in joblib; the results are the same for any
        number. A block takes about half a second, and less work is done here.
    **severity
        Further options of `severity_score`: `weights`, `step`, `bandwidth`,
        `boundary`, `discrete`.

    Returns
    -------
    InequalityTable
        One result a comparison, in the order of the labels.

    Raises
    ------
    ValueError
        If there is only one subgroup, `reference` names none, there are more than
        2,000 comparisons, or another argument breaks its rule.

    See Also
    --------
    model_inequality : One pair, at equal scores.
    dataset_inequality : One pair, whatever the scores.

    Notes
    -----
    People are scored and summed into cells once, whatever the number of comparisons.
    P-values of "no difference", and separately those of "a difference beyond the
    tolerance", are adjusted by the method of Benjamini and Hochberg [1]_. A comparison
    without an interval counts as no test.

    References
    ----------
    .. [1] Benjamini and Hochberg (1995), "Controlling the false discovery rate",
       Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.allocation import compare_deterioration
    >>> table = compare_deterioration(
    ...     None, np.arange(900) % 6 + np.arange(900) // 300,
    ...     subgroups=np.repeat(["east", "north", "west"], 300), against="reference",
    ...     reference="north", threshold=4, bounds=(0, 17), n_steps=1,
    ... )
    >>> for result in table.results:
    ...     print(result.subgroup, "against", result.reference, result.verdict)
    east against north unequal
    west against north unequal
    """
    inference = Inference(
        confidence_level,
        tolerance,
        min_subgroup_size,
        interval,
        n_resamples,
        random_state,
        n_jobs,
    )
    _check_against(against, reference)
    cohort = take_cohort(
        measurement,
        allocation=allocation,
        scale=scale,
        subgroups=subgroups,
        threshold=threshold,
        bounds=bounds,
        n_steps=n_steps,
        direction=direction,
        sample_weight=sample_weight,
        missing=missing,
        severity=severity,
    )
    pairs = _list_pairs(cohort, against, reference)
    if allocation is None:
        start, cut = None, cut_cohort(cohort, EVERYONE, min_rows=1)
    else:
        start = decision_threshold
        cut = cut_region(
            cohort,
            start=start,
            half_width=half_width,
            min_rows=min_rows,
            n_points=n_points,
        )
    return _compare_pairs(cut, pairs, inference, start)


def _compare_pairs(
    cut: CutCohort,
    pairs: list[tuple[Any, Any]],
    inference: Inference,
    decision_threshold: float | None,
) -> InequalityTable:
    """Measure all pairs, and correct their verdicts for the number of pairs."""
    found = [
        measure_inequality(cut, pair, inference, decision_threshold) for pair in pairs
    ]
    q_differ = benjamini_hochberg([result.p_value for result, _ in found])
    q_beyond = benjamini_hochberg(
        [spread.p_beyond(inference.tolerance) for _, spread in found]
    )
    rule = _RULE.format(
        alpha=round(1.0 - inference.confidence_level, 12),
        tolerance=inference.tolerance,
        min_subgroup_size=inference.min_subgroup_size,
    )
    corrected = (
        replace(
            result,
            verdict=_judge_corrected(result, differ, beyond, inference),
            rule=rule,
        )
        for (result, _), differ, beyond in zip(found, q_differ, q_beyond, strict=True)
    )
    return InequalityTable(tuple(corrected), q_differ)


def _check_against(against: Against, reference: Hashable) -> None:
    """Refuse a choice, or a reference that the choice does not go with."""
    check_choice(against, ("rest", "reference", "each other"), name="against")
    if (against == "reference") != (reference is not None):
        msg = (
            '`reference` must name a subgroup for against="reference", and only then; '
            f"got {reference!r} with against={against!r}."
        )
        raise ValueError(msg)


def _list_pairs(
    cohort: Cohort, against: Against, reference: Hashable
) -> list[tuple[Any, Any]]:
    """List the comparisons, each a pair for `find_sides`."""
    if len(cohort.labels) < 2:
        msg = "`subgroups` must hold two labels or more to compare; got "
        raise ValueError(msg + f"{cohort.labels}.")
    n_labels = len(cohort.labels)
    n_pairs = n_labels * (n_labels - 1) // 2 if against == "each other" else n_labels
    if n_pairs > _MOST_PAIRS:
        msg = (
            f"`subgroups` must make at most {_MOST_PAIRS:,} comparisons; "
            f"{n_labels:,} labels with against={against!r} make {n_pairs:,}."
        )
        raise ValueError(msg)
    if against == "rest":
        return [(label, None) for label in cohort.labels]
    if against == "each other":
        return list(combinations(cohort.labels, 2))
    home = cohort.labels[cohort.position_of(reference, name="reference")]
    return [(label, home) for label in cohort.labels if label != home]


def _judge_corrected(
    result: InequalityResult, q_differ: float, q_beyond: float, inference: Inference
) -> Verdict:
    alpha = 1.0 - inference.confidence_level
    n_least = min(result.n_subgroup, result.n_reference)
    if n_least >= inference.min_subgroup_size:
        if q_differ <= alpha:
            return "unequal"
        if q_beyond <= alpha:
            return "within tolerance"
    return "insufficient evidence"
