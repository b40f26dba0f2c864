"""The fidelity of every subgroup, each with its count, its interval and a verdict."""

import textwrap
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._label_text import format_count, format_labels
from sklearn_equity._optional import build_frame
from sklearn_equity.fidelity._shuffles import Shuffles

__all__ = ["OverallFidelity", "SubgroupTable"]

Vector = NDArray[np.float64]

_RULE_WIDTH = 88
_NUMBERS = (
    *("n", "weight", "estimate", "std_error", "ci_low", "ci_high", "shrunken"),
    *("reference", "judged"),
)
_JOINT = ("joint_low", "joint_high")


@dataclass(frozen=True)
class OverallFidelity:
    """The fidelity over everybody.

    Attributes
    ----------
    n : int
        The number of rows.
    weight : float
        The sum of their weights; the number of rows if there are none.
    estimate, std_error, ci_low, ci_high : float
        The metric, its standard error, and the ends of its interval.
    """

    n: int
    weight: float
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, eq=False, repr=False)
class SubgroupTable:
    """The fidelity of every subgroup, one row each; what `subgroup_fidelity` returns.

    Parameters
    ----------
    grouping : tuple of str
        The grouping that each row belongs to.
    subgroup : tuple
        The label of each row's subgroup; a tuple for an intersection.
    n : ndarray of shape (n_rows,)
        How many people it has; those of weight 0 do not count.
    weight : ndarray of shape (n_rows,)
        The sum of their weights; `n` if there are none.
    estimate : ndarray of shape (n_rows,)
        The metric; NaN where it is not defined.
    std_error : ndarray of shape (n_rows,)
        Its standard error; NaN where it is unknown.
    ci_low, ci_high : ndarray of shape (n_rows,)
        The ends of its confidence interval; NaN where they are unknown.
    joint_low, joint_high : ndarray of shape (n_rows,)
        The ends of wider intervals, all of which hold at once with that confidence.
    shrunken : ndarray of shape (n_rows,)
        The estimate drawn to the mean of its grouping by as much as it is noise.
    reference : ndarray of shape (n_rows,)
        How the average person of its grouping is served, with which it is compared; NaN
        where nothing is.
    judged : ndarray of shape (n_rows,)
        Whether it has enough rows to be judged.
    verdict : tuple of str
        "under-served", "served" or "insufficient evidence".
    metric : str
        What is measured.
    greater_is_better : bool
        Whether a higher value is better. False for a bias too, of which the distance
        from 0 counts.
    best : float or None
        The value of a perfect model; None where it is not known.
    confidence_level : float
        The level of the intervals.
    rule : str
        How the verdicts were reached.
    overall : OverallFidelity
        The same figures for everybody.
    shuffles : Shuffles or None, default=None
        The figures with the people dealt out anew, by which `inequality_index` tells
        inequality from noise; None if the metric does not follow from sums.
    origin : {"measured", "picked", "lower bound"}, default="measured"
        What the estimates are: figures as measured, those of rows picked as worst, or
        bounds that true figures may lie above. What needs all rows as measured, such as
        `inequality_index`, refuses the others.

    See Also
    --------
    subgroup_fidelity : Makes such a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.fidelity import subgroup_fidelity
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=400)
    >>> ward = np.repeat(["east", "north", "south", "west"], 100)
    >>> y_pred = y_true + rng.normal(size=400) * np.where(ward == "west", 9, 3)
    >>> table = subgroup_fidelity(y_true, y_pred, subgroups=ward, random_state=0)
    >>> table.worst().subgroup
    ('west',)
    >>> table.verdict[3]
    'under-served'
    """

    grouping: tuple[str, ...]
    subgroup: tuple[Hashable, ...]
    n: NDArray[np.intp]
    weight: Vector
    estimate: Vector
    std_error: Vector
    ci_low: Vector
    ci_high: Vector
    joint_low: Vector
    joint_high: Vector
    shrunken: Vector
    reference: Vector
    judged: NDArray[np.bool_]
    verdict: tuple[str, ...]
    metric: str
    greater_is_better: bool
    best: float | None
    confidence_level: float
    rule: str
    overall: OverallFidelity
    shuffles: Shuffles | None = None
    origin: Literal["measured", "picked", "lower bound"] = "measured"

    def __post_init__(self) -> None:
        for name in (*_NUMBERS, *_JOINT):
            column = getattr(self, name).view()
            column.flags.writeable = False
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.subgroup)

    def to_columns(self) -> dict[str, list[Any]]:
        """List the columns by name.

        Returns
        -------
        dict of str to list
            ``grouping, subgroup, n, weight, estimate, std_error, ci_low, ci_high,
            shrunken, reference, judged, verdict``. Labels are whole numbers if all of
            them are, and text otherwise.
        """
        labels: list[Any] = list(self.subgroup)
        if not all(type(label) is int for label in labels):
            labels = list(format_labels(labels))
        return {
            "grouping": list(self.grouping),
            "subgroup": labels,
            **{name: getattr(self, name).tolist() for name in _NUMBERS},
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
        return build_frame(self.to_columns(), feature="SubgroupTable.to_frame")

    def worst(self, k: int = 1, *, honest: bool = True) -> "SubgroupTable":
        r"""Return the rows of the subgroups that are served worst.

        Ranked by the shrunken estimate: by the plain one, a small subgroup with bad
        luck would come first.

        Parameters
        ----------
        k : int, default=1
            How many, at least 1; all if there are fewer.
        honest : bool, default=True
            Whether the figures allow for having been picked: the estimate is the
            shrunken one, and the interval one of those that hold for all at once,
            stretched to that estimate where it lies outside. If False, they are those
            of the table, of which the worst of many looks worse than it is (the
            winner's curse).

        Returns
        -------
        SubgroupTable
            The worst first.

        Notes
        -----
        The RMSE of the worst of 50 subgroups of 40 rows that are all served alike reads
        1.25 times the truth with normal errors and 2 times with errors of kurtosis 30;
        the shrunken one 1.00 and 1.06 times. On equal subgroups it stays within 6% of
        the truth. Where subgroups do differ, shrinking moves the truly worst towards
        the mean, by less the more rows they have.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise ValueError(f"`k` must be a whole number of at least 1; got {k!r}.")
        # Where all is noise the shrunken ones are all the mean.
        order = np.lexsort((-self.as_loss(self.estimate), -self.as_loss(self.shrunken)))
        picked = replace(self.take(order[:k].tolist()), origin="picked")
        if not honest:
            return picked
        rule = (
            f"{self.rule} Picked as worst of {len(self)}: estimates are shrunken to the"
            " mean by as much as they are noise, and intervals hold for all "
            f"{len(self)} at once, stretched to the estimate where it lies outside."
        )
        return replace(
            picked,
            estimate=picked.shrunken,
            ci_low=np.minimum(picked.joint_low, picked.shrunken),
            ci_high=np.maximum(picked.joint_high, picked.shrunken),
            rule=rule,
        )

    def with_simultaneous_intervals(self) -> "SubgroupTable":
        """Return the table with intervals that hold for all its subgroups at once.

        Returns
        -------
        SubgroupTable
            The same figures; `ci_low` and `ci_high` are the joint ones.
        """
        return replace(self, ci_low=self.joint_low, ci_high=self.joint_high)

    def as_loss(self, values: Vector) -> Vector:
        """Turn values of the metric so that higher is worse.

        Parameters
        ----------
        values : ndarray
            In the metric's unit.

        Returns
        -------
        ndarray
            Of a bias, the distance from 0.
        """
        if self.best is not None and not self.greater_is_better:
            return np.abs(values - self.best)
        return -values if self.greater_is_better else values

    def select(self, grouping: str) -> "SubgroupTable":
        """Return the rows of one grouping.

        Parameters
        ----------
        grouping : str
            Its name.

        Returns
        -------
        SubgroupTable
            Its rows, in their order.
        """
        rows = [i for i, name in enumerate(self.grouping) if name == grouping]
        if not rows:
            names = ", ".join(repr(name) for name in dict.fromkeys(self.grouping))
            msg = f"`grouping` must be one of {names}; got {grouping!r}."
            raise ValueError(msg)
        return self.take(rows)

    def take(self, rows: Sequence[int]) -> "SubgroupTable":
        """Return some of the rows.

        Parameters
        ----------
        rows : sequence of int
            Their positions.

        Returns
        -------
        SubgroupTable
            Those rows, in the order asked for.
        """
        rows = list(rows)
        return replace(
            self,
            shuffles=None if self.shuffles is None else self.shuffles.take(rows),
            grouping=tuple(self.grouping[i] for i in rows),
            subgroup=tuple(self.subgroup[i] for i in rows),
            verdict=tuple(self.verdict[i] for i in rows),
            **{name: getattr(self, name)[rows] for name in (*_NUMBERS, *_JOINT)},
        )

    def __repr__(self) -> str:
        if not len(self):
            return f"Nobody ({self.metric})."
        level = f"{self.confidence_level:.4g}"
        metric = self.metric.partition(" (")[0]  # what divides it stands below
        heads = ["grouping", "subgroup", "n", metric, f"interval ({level})"]
        cells = [[*heads, "verdict"]]
        for i, label in enumerate(format_labels(self.subgroup)):
            figures = (self.estimate[i], self.ci_low[i], self.ci_high[i])
            name = [self.grouping[i], label]
            cells.append([*name, *_figures(self.n[i], *figures), self.verdict[i]])
        everybody = self.overall
        figures = (everybody.estimate, everybody.ci_low, everybody.ci_high)
        cells.append(["(all)", "", *_figures(everybody.n, *figures), ""])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        legend = f"{self.metric}. {self.rule}"
        return "\n".join([*lines, *textwrap.wrap(legend, _RULE_WIDTH)])


def _figures(n: int, estimate: float, low: float, high: float) -> list[str]:
    known = np.isfinite(low) and np.isfinite(high)
    interval = f"{low:.4g} to {high:.4g}" if known else "unknown"
    return [format_count(n), f"{estimate:.4g}", interval]
