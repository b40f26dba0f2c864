"""What does looking at declared subgroups alone hide?"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import (
    MissingPolicy,
    SubgroupCodes,
    check_same_order,
    check_subgroups,
)
from sklearn_equity.fidelity._assembly import draw_seed
from sklearn_equity.fidelity._crossed import CrossTable, parts_of
from sklearn_equity.fidelity._heterogeneity import TrueSpread, true_spread
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._normalization import Normalization
from sklearn_equity.fidelity._population import Population, check_population
from sklearn_equity.fidelity._shuffles import shuffled_figures
from sklearn_equity.fidelity._subgroup_fidelity import subgroup_fidelity
from sklearn_equity.fidelity._table import SubgroupTable

__all__ = ["cross_tabulate"]

Vector = NDArray[np.float64]

_N_NORMAL_DRAWS = 1000


def cross_tabulate(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    declared: Any,
    learnt: Any,
    metric: str | Callable[..., Any] | Metric = "nrmse",
    normalization: Normalization = "mean",
    greater_is_better: bool | None = None,
    sample_weight: ArrayLike | None = None,
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    tolerance: float = 0.1,
    n_resamples: int = 1000,
    missing: MissingPolicy = "raise",
    random_state: int | np.random.RandomState | None = None,
) -> CrossTable:
    r"""Fidelity by declared and by learnt subgroups at once: what does one look hide?

    In the metric's own unit, orientation and range; with equal fidelity everywhere both
    spreads are 0, to within their intervals. Trusted from about 30 rows a cell; smaller
    ones are shown, but neither judged nor part of a spread.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        The measured outcome; classes as numbers.
    y_pred : array-like of shape (n_rows,)
        The model's predictions: values, classes or scores, as the metric needs.
    declared : array-like or data frame
        One label a row, such as the sex; or a table of attributes, whose combinations
        are the subgroups.
    learnt : array-like
        Another label a row, such as the segment; or declared too, if they are to be
        crossed with each other.
    metric : str, callable or Metric, default="nrmse"
        As in `subgroup_fidelity`.
    normalization : str, float, callable or None, default="mean"
        What divides the "nrmse" of a subgroup.
    greater_is_better : bool, default=None
        The orientation of a function as metric; None reads it off its name.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight w counts a row w times in the estimates. It adds no evidence.
    min_subgroup_size : int, default=30
        Smaller subgroups and cells are not judged.
    confidence_level : float, default=0.95
        The level of intervals and verdicts.
    tolerance : float, default=0.1
        The share of the average by which a subgroup may be worse and still be served.
    n_resamples : int, default=1000
        The number of bootstrap resamples of each subgroup, 50 or more.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels; see `subgroup_fidelity`.
    random_state : int, RandomState or None, default=None
        Seeds the resampling.

    Returns
    -------
    CrossTable
        The two groupings, their cells, and how far those lie apart.

    Raises
    ------
    ValueError
        If a value is missing, infinite or text, lengths differ, or one of the groupings
        has fewer than two subgroups.

    See Also
    --------
    subgroup_fidelity : Measures groupings side by side, not crossed.

    Notes
    -----
    Verdicts are corrected for everything shown, both margins and the cells.

    A spread is the standard deviation of the true values of these subgroups about
    their mean, or about the means of the declared subgroups, over their number less the
    number of means. With the measured squares about the means, over the same number,
    and the standard errors :math:`s_i`, each among k subgroups, it is the root of the
    former less that mean of :math:`\kappa (1 - 1 / k) s_i^2`, by the method of moments
    [1]_. How far equals scatter is seen by dealing people out anew, within a declared
    subgroup for the spread within: it gives the factor :math:`\kappa`, and the noise
    with which the ends of the interval would be measured as near, or as far apart. For
    a metric that follows from no sums the noise is taken to be normal.

    The spread is that of the subgroups at hand, not of a population of subgroups that
    they were drawn from, of which two would tell next to nothing. Of two with an RMSE
    of 3 and 4, 100 and 400 people, 95% intervals covered in 96% of 120 samples, with a
    median width of 0.74 about the true .71; with errors of kurtosis 30 in 95%, and 1.6.

    References
    ----------
    .. [1] DerSimonian and Kacker (2007), "Random-effects model for meta-analysis of
       clinical trials: an update", Contemporary Clinical Trials 28, 105-114.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import cross_tabulate
    >>> rng = np.random.default_rng(0)
    >>> sex = rng.choice(["female", "male"], size=2000)
    >>> segment = rng.integers(3, size=2000)
    >>> worse = (sex == "female") & (segment == 2) | (sex == "male") & (segment == 0)
    >>> y_true = 40 + rng.normal(size=2000) * np.where(worse, 6, 3)
    >>> crossed = cross_tabulate(
    ...     y_true, np.full(2000, 40.0), declared=sex, learnt=segment, random_state=0
    ... )
    >>> crossed.declared.verdict  # by sex alone, nobody stands out
    ('served', 'served')
    >>> crossed.hidden().subgroup
    (('female', 2), ('male', 0))
    """
    check_same_order(
        y_true=y_true,
        y_pred=y_pred,
        declared=declared,
        learnt=learnt,
        sample_weight=sample_weight,
    )
    chosen = resolve_metric(
        metric, normalization=normalization, greater_is_better=greater_is_better
    )
    data = check_population(
        y_true, y_pred, sample_weight, n_predictions=chosen.n_predictions
    )
    n_rows = len(data.y_true)
    rows = _named_codes(declared, "declared", n_rows, missing)
    columns = _named_codes(learnt, "learnt", n_rows, missing)
    if rows.name == columns.name:
        msg = f"`declared` and `learnt` must have different names; got {rows.name!r}."
        raise ValueError(msg)
    crossed = f"{rows.name} & {columns.name}"
    labels = [_labels_of(rows), _labels_of(columns)]
    pairs = np.empty((n_rows, 2), dtype=object)
    pairs[:, 0], pairs[:, 1] = labels
    seed = draw_seed(random_state)
    table = subgroup_fidelity(
        y_true,
        y_pred,
        subgroups={rows.name: labels[0], columns.name: labels[1], crossed: pairs},
        metric=chosen,
        sample_weight=sample_weight,
        min_subgroup_size=min_subgroup_size,
        confidence_level=confidence_level,
        tolerance=tolerance,
        n_resamples=n_resamples,
        missing=missing,
        random_state=seed,
    )
    cells, margin = table.select(crossed), table.select(rows.name)
    learnt_margin = table.select(columns.name)
    rows, columns = (
        check_subgroups(values, n_rows=n_rows, missing=missing) for values in labels
    )
    rng = np.random.default_rng(seed)
    return CrossTable(
        declared=margin,
        learnt=learnt_margin,
        cells=cells,
        between_declared=_between(margin, rng),
        within_declared=_within(data, rows, columns, cells, chosen, n_resamples, rng),
    )


def _named_codes(
    labels: Any, name: str, n_rows: int, missing: MissingPolicy
) -> SubgroupCodes:
    """Number the labels; missing ones stay so, for `subgroup_fidelity` to treat."""
    return check_subgroups(
        labels,
        n_rows=n_rows,
        name=name,
        missing="raise" if missing == "raise" else "drop",
        min_subgroups=1 if missing == "group" else 2,
    )


def _labels_of(codes: SubgroupCodes) -> NDArray[np.object_]:
    """Write the label of every row; None where it is missing."""
    labels = np.empty(codes.n_subgroups + 1, dtype=object)
    for code, label in enumerate((*codes.labels, None)):
        labels[code] = label
    return labels[codes.codes]  # a dropped row's code is -1: the last, None


def _between(table: SubgroupTable, rng: np.random.Generator) -> TrueSpread:
    if table.shuffles is None:
        figures = _with_normal_draws(table, rng)
    else:
        figures = table.shuffles.estimate, table.shuffles.std_error
    judged = np.flatnonzero(table.judged)
    return true_spread(
        figures[0][:, judged],
        figures[1][:, judged],
        np.zeros(len(judged), dtype=np.intp),
        confidence_level=table.confidence_level,
    )


def _with_normal_draws(
    table: SubgroupTable, rng: np.random.Generator
) -> tuple[Vector, Vector]:
    """Put normal draws below the figures, as wide as standard errors say."""
    noise = rng.standard_normal((_N_NORMAL_DRAWS, len(table)))
    estimate = np.vstack([table.estimate, table.std_error * noise])
    return estimate, np.tile(table.std_error, (len(estimate), 1))


def _within(
    data: Population,
    rows: SubgroupCodes,
    columns: SubgroupCodes,
    cells: SubgroupTable,
    metric: Metric,
    n_shuffles: int,
    rng: np.random.Generator,
) -> TrueSpread:
    """Compare cells with what they are when people are dealt out anew within a row."""
    pairs = [parts_of(label) for label in cells.subgroup]
    row_of, column_of = (
        {label: code for code, label in enumerate(codes.labels)}
        for codes in (rows, columns)
    )
    stratum = np.array([row_of[pair[0]] for pair in pairs])
    column = np.array([column_of[pair[1]] for pair in pairs])
    if metric.columns is None:
        estimate, std_error = _with_normal_draws(cells, rng)
    else:
        estimate, std_error = np.empty((2, 1 + n_shuffles, len(cells)))
        for i in np.unique(stratum[cells.judged]):  # the others are not compared
            here, there = stratum == i, rows.codes == i
            if data.sample_weight is not None:
                there &= data.sample_weight > 0.0
            codes = replace(columns, codes=columns.codes[there])
            dealt = shuffled_figures(
                data.take(there), codes, metric, n_shuffles=n_shuffles, rng=rng
            )
            if dealt is not None:
                estimate[:, here] = dealt.estimate[:, column[here]]
                std_error[:, here] = dealt.std_error[:, column[here]]
    return true_spread(
        estimate[:, cells.judged],
        std_error[:, cells.judged],
        stratum[cells.judged],
        confidence_level=cells.confidence_level,
    )
