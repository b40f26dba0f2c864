"""What does looking at declared subgroups alone hide?"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import (
    MissingPolicy,
    SubgroupCodes,
    check_same_order,
    check_subgroups,
    format_label,
)
from sklearn_equity._optional import build_frame
from sklearn_equity.fidelity._heterogeneity import TrueSpread, true_spread
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._normalization import Normalization
from sklearn_equity.fidelity._population import Population, check_population
from sklearn_equity.fidelity._shuffles import shuffled_figures
from sklearn_equity.fidelity._subgroup_fidelity import draw_seed, subgroup_fidelity
from sklearn_equity.fidelity._table import SubgroupTable

__all__ = ["CrossTable", "cross_tabulate"]

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class CrossTable:
    """Fidelity by two groupings at once; what `cross_tabulate` returns.

    Parameters
    ----------
    declared, learnt : SubgroupTable
        One row a subgroup of either grouping.
    cells : SubgroupTable
        One row a combination that occurs, its label a pair (declared, learnt).
    between_declared : TrueSpread
        How far apart the declared subgroups truly lie.
    within_declared : TrueSpread
        How far apart the learnt subgroups within a declared one truly lie: what a look
        at the declared ones alone hides.

    See Also
    --------
    cross_tabulate : Makes such a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import cross_tabulate
    >>> rng = np.random.default_rng(0)
    >>> sex, segment = np.repeat(["f", "m"], 200), np.resize([0, 1], 400)
    >>> crossed = cross_tabulate(
    ...     40 + rng.normal(size=400),
    ...     np.full(400, 40.0),
    ...     declared=sex,
    ...     learnt=segment,
    ...     metric="rmse",
    ... )
    >>> crossed.matrix("n")
    array([[100., 100.],
           [100., 100.]])
    """

    declared: SubgroupTable
    learnt: SubgroupTable
    cells: SubgroupTable
    between_declared: TrueSpread
    within_declared: TrueSpread

    def matrix(self, column: str = "estimate") -> Vector:
        """Lay one figure of the cells out in rows and columns.

        Parameters
        ----------
        column : str, default="estimate"
            "n", "weight", "estimate", "std_error", "ci_low", "ci_high" or "shrunken".

        Returns
        -------
        ndarray of shape (n_declared, n_learnt)
            NaN where nobody is; 0 in the columns "n" and "weight".
        """
        names = ("n", "weight", "estimate", "std_error", "ci_low", "ci_high")
        if column not in (*names, "shrunken"):
            allowed = ", ".join(f'"{name}"' for name in (*names, "shrunken"))
            raise ValueError(f"`column` must be one of {allowed}; got {column!r}.")
        empty = 0.0 if column in ("n", "weight") else np.nan
        laid_out = np.full((len(self.declared), len(self.learnt)), empty)
        rows = {label: i for i, label in enumerate(self.declared.subgroup)}
        columns = {label: j for j, label in enumerate(self.learnt.subgroup)}
        for label, value in zip(
            self.cells.subgroup, getattr(self.cells, column), strict=True
        ):
            declared, learnt = _parts(label)
            laid_out[rows[declared], columns[learnt]] = value
        return laid_out

    def hidden(self) -> SubgroupTable:
        """Return the under-served cells whose declared subgroup is not called so.

        Returns
        -------
        SubgroupTable
            The worst first; empty if there are none.
        """
        called = dict(zip(self.declared.subgroup, self.declared.verdict, strict=True))
        rows = [
            i
            for i, label in enumerate(self.cells.subgroup)
            if self.cells.verdict[i] == "under-served"
            and called[_parts(label)[0]] != "under-served"
        ]
        loss = self.cells.as_loss(self.cells.shrunken)
        return self.cells.take(sorted(rows, key=lambda i: -loss[i]))

    def sentences(self) -> list[str]:
        """Say what the table tells.

        Returns
        -------
        list of str
            How far subgroups lie apart between and within the declared ones, and who is
            under-served unseen.
        """
        by, within = self.declared.grouping[0], self.learnt.grouping[0]
        metric = self.cells.metric.partition(" (")[0]
        hidden = self.hidden()
        unseen = ", ".join(
            f"{format_label(label)} (n={n:,}, {estimate:.4g}, {low:.4g} to {high:.4g})"
            for label, n, estimate, low, high in zip(
                hidden.subgroup,
                hidden.n,
                hidden.estimate,
                hidden.ci_low,
                hidden.ci_high,
                strict=True,
            )
        )
        return [
            f"By {by}, the true {metric} of subgroups differs by "
            f"{_text(self.between_declared)}.",
            f"Within one and the same {by}, that of subgroups by {within} differs by "
            f"{_text(self.within_declared)}.",
            f"Shown to be under-served, though their subgroup by {by} is not: "
            f"{unseen or 'nobody'}.",
        ]

    def to_frame(self) -> Any:
        """Return the cells as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The names of the two groupings, then ``n, weight, estimate, std_error,
            ci_low, ci_high, shrunken, verdict``; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        figures = self.cells.to_columns()
        parts = [_parts(label) for label in self.cells.subgroup]
        names = (self.declared.grouping[0], self.learnt.grouping[0])
        columns: dict[str, list[Any]] = {
            name: [format_label(pair[position]) for pair in parts]
            for position, name in enumerate(names)
        }
        for name in ("n", "weight", "estimate", "std_error", "ci_low", "ci_high"):
            columns[name] = figures[name]
        columns["shrunken"], columns["verdict"] = (
            figures["shrunken"],
            figures["verdict"],
        )
        return build_frame(columns, feature="CrossTable.to_frame")

    def __repr__(self) -> str:
        labels = map(_parts, self.cells.subgroup)
        pairs = dict(zip(labels, _printed(self.cells), strict=True))
        heads = [format_label(label) for label in self.learnt.subgroup]
        corner = f"{self.declared.grouping[0]} by {self.learnt.grouping[0]}"
        rows = [[corner, *heads, "(all)"]]
        margins = zip(self.declared.subgroup, _printed(self.declared), strict=True)
        for label, margin in margins:
            row = [pairs.get((label, other), "-") for other in self.learnt.subgroup]
            rows.append([format_label(label), *row, margin])
        everybody = self.cells.overall
        rows.append(
            [
                "(all)",
                *_printed(self.learnt),
                f"{everybody.estimate:.4g} ({everybody.n:,})",
            ]
        )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        legend = f"{self.cells.metric}, (n)."
        if not all(t.judged.all() for t in (self.declared, self.learnt, self.cells)):
            legend += " In brackets: too few people, or too unsure, to be judged."
        if len(pairs) < len(self.declared) * len(self.learnt):
            legend += " A dash: nobody is there."
        return "\n".join([*lines, legend, *self.sentences()])


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

    A spread is the standard deviation :math:`\tau` of the true values of subgroups,
    each measured with its own standard error :math:`s_i`. With the weights :math:`1 /
    (s_i^2 + \tau^2)`, the weighted sum of squares about the mean, or about the means of
    the declared subgroups, is compared with what it is among equals, its mean for the
    estimate [1]_ and its quantiles for the interval [2]_. How equals scatter is seen by
    dealing people out anew, within a declared subgroup for the spread within; for a
    metric that follows from no sums it is taken to be a chi-squared distribution. Two
    declared subgroups tell little about a spread: the interval between them is wide.

    References
    ----------
    .. [1] Paule and Mandel (1982), "Consensus values and weighting factors", Journal of
       Research of the National Bureau of Standards 87, 377-385.
    .. [2] Viechtbauer (2007), "Confidence intervals for the amount of heterogeneity in
       meta-analysis", Statistics in Medicine 26, 37-52.

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
        between_declared=_between(margin),
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


def _parts(label: Hashable) -> tuple[Hashable, Hashable]:
    if not isinstance(label, tuple) or len(label) != 2:
        raise TypeError(f"A cell's label is a pair; got {label!r}.")
    return label[0], label[1]


def _printed(table: SubgroupTable) -> list[str]:
    """Write each subgroup's estimate and count; in brackets where it is not judged."""
    texts = [
        f"{value:.4g} ({count:,})"
        for value, count in zip(table.estimate, table.n, strict=True)
    ]
    return [
        text if judged else f"[{text}]"
        for text, judged in zip(texts, table.judged, strict=True)
    ]


def _between(table: SubgroupTable) -> TrueSpread:
    judged = np.flatnonzero(table.judged)
    if table.shuffles is None:
        figures = table.estimate[np.newaxis], table.std_error[np.newaxis]
    else:
        figures = table.shuffles.estimate, table.shuffles.std_error
    return true_spread(
        figures[0][:, judged],
        figures[1][:, judged],
        np.zeros(len(judged), dtype=np.intp),
        confidence_level=table.confidence_level,
    )


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
    pairs = [_parts(label) for label in cells.subgroup]
    stratum = np.array([rows.labels.index(pair[0]) for pair in pairs])
    column = np.array([columns.labels.index(pair[1]) for pair in pairs])
    estimate, std_error = cells.estimate[np.newaxis], cells.std_error[np.newaxis]
    if metric.columns is not None:
        estimate, std_error = np.empty((2, 1 + n_shuffles, len(cells)))
        for i in np.unique(stratum):
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


def _text(spread: TrueSpread) -> str:
    if np.isnan(spread.estimate):
        return "an unknown amount (too few can be compared)"
    p = "p < .001" if spread.p_value < 0.001 else f"p = {spread.p_value:.3f}"
    return (
        f"{spread.estimate:.4g} ({spread.ci_low:.4g} to {spread.ci_high:.4g}, standard "
        f"deviation of {spread.n_subgroups} subgroups, noise taken out; {p})"
    )
