"""The bare ratio of two areas, for whoever needs one number: a scorer, a search."""

from typing import Any, Unpack

from numpy.typing import ArrayLike

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._tables import is_lazy
from sklearn_equity.allocation._cohort import ScoreScale, Threshold, take_cohort
from sklearn_equity.allocation._comparison import ratio_of_cut
from sklearn_equity.allocation._of_table import sums_of_table
from sklearn_equity.allocation._scoring import SeverityOptions
from sklearn_equity.allocation._sides import cut_region
from sklearn_equity.allocation._steps import Bounds, Direction


def da_index_ratio(
    allocation: ArrayLike,
    measurement: ArrayLike,
    *,
    subgroups: Any,
    compare: tuple[Any, Any],
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
    data: Any = None,
    **severity: Unpack[SeverityOptions],
) -> float:
    r"""Ratio of the areas under the A-D curves of two groups.

    1 is equality; more than 1 means that at equal score the first subgroup is more
    deteriorated than the second. Free of the measurement's unit. The bare figure for a
    scorer: whoever shows it to a person takes `model_inequality`, with its interval.

    Parameters
    ----------
    allocation : array-like of shape (n_rows,)
        The model's score, by which a resource is allocated, from 0 to 1; see `scale`.
    measurement : array-like of shape (n_rows,)
        A clinical measurement, not an input or output of the model.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes)
        One label a row; several columns are combined (intersections).
    compare : tuple of two labels
        The subgroup in question and the one that it is compared with; None as the
        second stands for all the rest. An intersection is a tuple of labels.
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
    data : data frame, default=None
        A table of any engine; `allocation`, `measurement`, `subgroups`, `sample_weight`
        and a `threshold` of text then name its columns. The rows of a lazy one stay
        where they are, see `DeteriorationSums`: `bandwidth` must be a number there, 0
        to count people, and `bounds` given.
    **severity
        Further options of `severity_score`: `weights`, `step`, `bandwidth`,
        `boundary`, `discrete`.

    Returns
    -------
    float
        The ratio; NaN, with a `SmallSubgroupWarning`, where the sides share no part of
        the region, or nobody there is deteriorated.

    Raises
    ------
    ValueError
        If scores lie outside 0 to 1, `compare` names no subgroup, or another argument
        breaks its rule.

    See Also
    --------
    model_inequality : This ratio less 1, with its interval and how it is computed.

    Notes
    -----
    Definition 2.5 of [1]_, before 1 is taken off.

    References
    ----------
    .. [1] Wu, Wang, Sylolypavan and Wild (2022), "Quantifying Health Inequalities
       Induced by Data and AI Models", IJCAI, 5192-5198.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.allocation import da_index_ratio
    >>> ward = np.tile(["east", "west"], 1000)
    >>> score = np.repeat(np.linspace(0, 1, 1000), 2)
    >>> n_conditions = np.where(ward == "east", 4, np.arange(2000) // 2 % 2 * 4)
    >>> ratio = da_index_ratio(
    ...     score, n_conditions, subgroups=ward, compare=("east", "west"), threshold=3,
    ...     bounds=(0, 17),
    ... )
    >>> round(ratio, 2)
    2.0
    """
    if data is not None and is_lazy(data):
        return sums_of_table(
            data,
            measurement=measurement,
            allocation=allocation,
            subgroups=subgroups,
            threshold=threshold,
            bounds=bounds,
            n_steps=n_steps,
            direction=direction,
            decision_threshold=decision_threshold,
            half_width=half_width,
            n_points=n_points,
            scale=scale,
            sample_weight=sample_weight,
            missing=missing,
            severity=severity,
        ).ratio(compare, min_rows=min_rows)
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
        data=data,
    )
    cut = cut_region(
        cohort,
        start=decision_threshold,
        half_width=half_width,
        min_rows=min_rows,
        n_points=n_points,
    )
    return ratio_of_cut(cut, compare, half_width)
