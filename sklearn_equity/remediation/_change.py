"""Did a remediation help those whom it was meant for, and whom did it harm?

Before and after are compared on the same held-out rows, person by person: what makes a
row hard for one model makes it hard for the other, and cancels in the difference.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student_t

from sklearn_equity._checks import (
    MissingPolicy,
    SubgroupCodes,
    check_same_order,
    check_subgroups,
)
from sklearn_equity._label_text import format_count, format_labels
from sklearn_equity._numbers import (
    check_confidence_level,
    check_numbers,
    check_whole_number,
    refuse_overflow,
)
from sklearn_equity.fidelity import LARGEST, Metric, resolve_metric
from sklearn_equity.remediation._inputs import check_metric_of_classes
from sklearn_equity.remediation._levelling import LevellingDown, find_levelling_down
from sklearn_equity.remediation._paired import PairedRows, columns_of, standard_error
from sklearn_equity.remediation._withheld import refuse_withheld

Vector = NDArray[np.float64]
EVERYBODY = "everybody"


@dataclass(frozen=True, eq=False)
class FidelityChange:
    """The fidelity of every subgroup before and after a remedy, and the change.

    What `fidelity_change` returns; it prints as a table.

    Parameters
    ----------
    grouping, subgroup : tuple
        The grouping and the label of each row; the first row is everybody.
    n : ndarray of shape (n_rows,)
        People in the subgroup.
    before, after, change : ndarray of shape (n_rows,)
        The metric under each model, and `after` less `before`.
    std_error, ci_low, ci_high : ndarray of shape (n_rows,)
        Standard error and interval of the change, for each subgroup by itself.
    verdict : tuple of str
        "better" or "worse" where the change is shown at the confidence level after
        correction for the number of subgroups; else "no change shown", or
        "insufficient evidence" for a subgroup with too few rows.
    metric : str
        What was measured.
    greater_is_better : bool
        The metric's orientation.
    confidence_level : float
        The coverage of each interval.
    levelling_down : tuple, default=()
        The groupings whose gap narrowed while some of the better served were shown to
        be worse off: records with `grouping`, `gap_before`, `gap_after`, the `share` of
        the narrowing that the better served paid for, and who was `harmed`.

    See Also
    --------
    fidelity_change : Makes such a table.
    no_harm_test : Bounds the harm to each, all bounds holding at once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import fidelity_change
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=200)
    >>> before = y_true + rng.normal(0, 3, size=200)
    >>> ward = np.repeat(["north", "south"], 100)
    >>> after = np.where(ward == "north", (y_true + before) / 2, before)
    >>> change = fidelity_change(y_true, before, after, subgroups={"ward": ward})
    >>> change.verdict
    ('better', 'better', 'no change shown')
    """

    grouping: tuple[str, ...]
    subgroup: tuple[Hashable, ...]
    n: NDArray[np.intp]
    before: Vector
    after: Vector
    change: Vector
    std_error: Vector
    ci_low: Vector
    ci_high: Vector
    verdict: tuple[str, ...]
    metric: str
    greater_is_better: bool
    confidence_level: float
    levelling_down: tuple[LevellingDown, ...] = ()

    def to_columns(self) -> dict[str, Any]:
        """Return the table as columns by name, one row a subgroup."""
        names = (
            *("grouping", "subgroup", "n", "before", "after", "change"),
            *("std_error", "ci_low", "ci_high", "verdict"),
        )
        columns = {name: getattr(self, name) for name in names}
        return columns | {"subgroup": format_labels(self.subgroup)}

    def sentences(self) -> tuple[str, ...]:
        """Say what changed for everybody, and who gained and who lost."""
        overall = (
            f"{self.metric} of {EVERYBODY}: {self.before[0]:.3g} before, "
            f"{self.after[0]:.3g} after; change {self.change[0]:+.3g} "
            f"({self.confidence_level:.0%} interval {self.ci_low[0]:+.3g} to "
            f"{self.ci_high[0]:+.3g}, n = {format_count(self.n[0])})."
        )
        named = [
            f"Shown to be {verdict}, after correction for {len(self.n)} comparisons: "
            f"{self._names(verdict) or 'nobody'}."
            for verdict in ("better", "worse")
        ]
        return (overall, *named, *map(str, self.levelling_down))

    def _names(self, verdict: str) -> str:
        return "; ".join(
            grouping if grouping == EVERYBODY else f"{grouping} = {label}"
            for grouping, label, found in zip(
                self.grouping, format_labels(self.subgroup), self.verdict, strict=True
            )
            if found == verdict
        )

    def __str__(self) -> str:
        """Print the sentences and a line for each subgroup."""
        names = [
            f"{grouping} = {label}"
            for grouping, label in zip(
                self.grouping, format_labels(self.subgroup), strict=True
            )
        ]
        names[0] = EVERYBODY
        width = max(map(len, names))
        lines = [
            f"{name:<{width}} {format_count(self.n[i]):>8} {self.before[i]:>8.3g} "
            f"{self.after[i]:>8.3g} {self.change[i]:>+10.3g} "
            f"{_interval(self.ci_low[i], self.ci_high[i]):>22}  {self.verdict[i]}"
            for i, name in enumerate(names)
        ]
        heading = (
            f"{'':<{width}} {'n':>8} {'before':>8} {'after':>8} {'change':>10} "
            f"{f'{self.confidence_level:.0%} interval':>22}"
        )
        return "\n".join([*self.sentences(), heading, *lines])


def fidelity_change(
    y_true: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    *,
    subgroups: Any,
    metric: str | Metric = "nrmse",
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    missing: MissingPolicy = "raise",
) -> FidelityChange:
    r"""Compare two models on the same held-out rows, subgroup by subgroup.

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
    min_subgroup_size : int, default=30
        Smaller subgroups get the verdict "insufficient evidence".
    confidence_level : float, default=0.95
        The coverage of each interval, and of all verdicts together.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to rows without a label.

    Returns
    -------
    FidelityChange
        A row for everybody, then one for each subgroup of each grouping.

    Raises
    ------
    ValueError
        If lengths differ, values are missing, or the metric is a function of rows.

    See Also
    --------
    SubgroupOversampler : A remedy whose effect to measure.
    subgroup_fidelity : The fidelity of one model.

    Notes
    -----
    A metric is g(S), a smooth function of sums S over rows; the change is g(S_after) -
    g(S_before), one function of the sums of both, whose standard error the delta method
    gives, pairing included. "Worse" and "better" are tested on the change of the loss:
    for a bias, of its distance from 0. Intervals take Student's t with n - 1 degrees of
    freedom; verdicts divide the error rate by the number of rows of the table
    (Bonferroni). Of 200 populations of 2,000 people in twenty equal subgroups, at most
    5% had anybody called better or worse.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import fidelity_change
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=200)
    >>> before = y_true + rng.normal(0, 3, size=200)
    >>> ward = np.repeat(["north", "south"], 100)
    >>> after = np.where(ward == "north", (y_true + before) / 2, before)
    >>> change = fidelity_change(y_true, before, after, subgroups={"ward": ward})
    >>> print(*change.sentences()[1:], sep="\n")
    Shown to be better, after correction for 3 comparisons: everybody; ward = north.
    Shown to be worse, after correction for 3 comparisons: nobody.
    """
    check_same_order(y_true=y_true, before=before, after=after, subgroups=subgroups)
    level = check_confidence_level(confidence_level)
    check_whole_number(min_subgroup_size, name="min_subgroup_size", least=1)
    resolved = resolve_metric(metric)
    columns_of(resolved)  # says what a metric must be, before what rows must
    truth, *predictions = check_answers(y_true, before, after, resolved)
    rows = []
    for name, codes in check_groupings(subgroups, len(truth), missing).items():
        for code, label in enumerate(codes.labels):
            mine = codes.codes == code
            theirs = [values[mine] for values in (truth, *predictions)]
            rows.append((name, label, *_paired_change(resolved, *theirs)))
    return _tabulate(rows, resolved, level, min_subgroup_size)


def check_answers(
    y_true: ArrayLike, before: ArrayLike, after: ArrayLike, metric: Metric
) -> tuple[NDArray[np.float64], ...]:
    """Return the truth and both predictions, clean, as numbers that the metric reads.

    Classes that are text are replaced by their position among the sorted ones: of two,
    the second is 1.
    """
    for name, answers in (("before", before), ("after", after)):
        keep = "y_true[given], before[given], after[given] and their subgroups"
        refuse_withheld(answers, name=name, keep=keep)
    named = {"y_true": y_true, "before": before, "after": after}
    text = [name for name, labels in named.items() if _is_text(labels)]
    if "y_true" in text:
        classes, numbers = _number_classes({name: named[name] for name in text})
        check_metric_of_classes(metric, numbers["y_true"], len(classes))
        named |= numbers
    truth = check_numbers(named["y_true"], name="y_true")
    first = check_numbers(named["before"], name="before", n_rows=len(truth))
    second = check_numbers(named["after"], name="after", n_rows=len(truth))
    for name, values in (("y_true", truth), ("before", first), ("after", second)):
        refuse_overflow(values, name=name, limit=LARGEST)
    if metric.check is not None:
        for values in (first, second):
            metric.check(truth, values)
    return truth, first, second


def _is_text(labels: ArrayLike) -> bool:
    values = np.asarray(labels)
    return values.dtype.kind in "US" or (
        values.dtype.kind == "O" and any(isinstance(one, str) for one in values.flat)
    )


def _number_classes(
    labels: dict[str, ArrayLike],
) -> tuple[list[Hashable], dict[str, Any]]:
    """Return all classes, sorted, and the number of each label."""
    coded = {
        name: check_subgroups(values, n_rows=np.atleast_1d(values).shape[0], name=name)
        for name, values in labels.items()
    }
    classes = sorted({str(label) for codes in coded.values() for label in codes.labels})
    numbers = {
        name: np.searchsorted(classes, [str(label) for label in codes.labels])[
            codes.codes
        ]
        for name, codes in coded.items()
    }
    return list(classes), numbers


def check_groupings(
    subgroups: Any, n_rows: int, missing: MissingPolicy
) -> dict[str, SubgroupCodes]:
    """Number the labels of each grouping, after everybody as a grouping of one."""
    everybody = SubgroupCodes(np.zeros(n_rows, np.intp), (EVERYBODY,), EVERYBODY)
    if not isinstance(subgroups, Mapping):
        codes = check_subgroups(subgroups, n_rows=n_rows, missing=missing)
        title = "subgroups" if codes.name == EVERYBODY else codes.name
        return {EVERYBODY: everybody, title: codes}
    return {EVERYBODY: everybody} | {
        grouping: check_subgroups(
            labels, n_rows=n_rows, name=f"subgroups[{grouping!r}]", missing=missing
        )
        for grouping, labels in subgroups.items()
    }


def _paired_change(
    metric: Metric, truth: Vector, before: Vector, after: Vector
) -> tuple[int, float, float, float, float]:
    """Return the count, both values, and the errors of their change and of the harm."""
    rows = PairedRows.of(metric, truth, before, after)
    errors = [
        standard_error(parts)
        for parts in (rows.parts_in_change(), rows.parts_in_harm())
    ]
    return len(truth), *rows.values(), errors[0], errors[1]


def _tabulate(
    rows: list[tuple[Any, ...]], metric: Metric, level: float, min_subgroup_size: int
) -> FidelityChange:
    grouping, subgroup, *figures = zip(*rows, strict=True)
    n, before, after, std_error, harm_error = (np.array(column) for column in figures)
    change = after - before
    freedom = np.maximum(n - 1, 1)
    margin = student_t.ppf((1.0 + level) / 2.0, freedom) * std_error
    sure = student_t.ppf(1.0 - (1.0 - level) / (2.0 * len(n)), freedom) * harm_error
    loss_before, loss_after = metric.as_loss(before), metric.as_loss(after)
    verdict = tuple(
        _verdict(*row, too_few=row_n < min_subgroup_size)
        for *row, row_n in zip(loss_after - loss_before, sure, n, strict=True)
    )
    return FidelityChange(
        grouping=grouping,
        subgroup=subgroup,
        n=n,
        before=before,
        after=after,
        change=change,
        std_error=std_error,
        ci_low=change - margin,
        ci_high=change + margin,
        verdict=verdict,
        metric=metric.label,
        greater_is_better=metric.greater_is_better,
        confidence_level=level,
        levelling_down=find_levelling_down(
            grouping,
            subgroup,
            n,
            losses=(loss_before, loss_after),
            judged=np.array([found != "insufficient evidence" for found in verdict]),
            harmed=np.array([found == "worse" for found in verdict]),
        ),
    )


def _verdict(harm: float, margin: float, *, too_few: bool) -> str:
    if too_few or not np.isfinite(margin):
        return "insufficient evidence"
    if harm > margin:
        return "worse"
    return "better" if harm < -margin else "no change shown"


def _interval(low: float, high: float) -> str:
    return f"{low:+.3g} to {high:+.3g}"
