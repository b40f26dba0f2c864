"""What is a metric of fidelity, as data?

Its orientation, its range, the value of a perfect model, the smallest subgroup for
which its interval is trusted, and how it follows. Most metrics follow from sums over
rows, so that every scale and every resample has one formula; the others are functions
of the rows themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.fidelity._response import Response

__all__ = [
    "Finish",
    "Metric",
    "Share",
    "Vector",
    "mean_of",
    "ratio",
    "share_metric",
    "share_of_everybody",
]

Vector = NDArray[np.float64]
Columns = Callable[[Vector, Vector], list[Vector]]
Finish = Callable[[Vector], Vector]
# Whom a share counts, and of whom what it counts holds, both as 0 or 1.
Share = tuple[Vector, Vector]


@dataclass(frozen=True)
class Metric:
    """One figure of fidelity: its orientation and how it is computed.

    Attributes
    ----------
    name : str
        The name by which it is asked for, or that of the function.
    label : str
        What a table's heading says.
    greater_is_better : bool
        The orientation. False for a metric that is best at a value inside its range,
        such as a bias: there the distance from that value counts.
    bounds : tuple of float
        The least and the largest value that it can take.
    best : float or None
        The value of a perfect model; None where it is not known.
    task : {"regression", "classification", "any"}
        What `y_true` must be: numbers; classes, coded 0 and 1 wherever there is a
        `check`; or either.
    min_rows : int
        The smallest subgroup for which its interval is trusted, and a verdict given.
    min_of_class : tuple of int
        The fewest rows of class 0 and of class 1 for which it is.
    columns : callable or None
        ``columns(y_true, y_pred)`` gives one array a sum; the first holds ones.
    finish : callable or None
        ``finish(sums)`` turns weighted sums of the columns, in the last axis, into
        values; NaN where the metric is undefined.
    truth_column : int or None
        Which of the columns is the truth itself; None if none is.
    function : callable or None
        ``function(y_true, y_pred, sample_weight=None)``, for what no sums give.
    influence : callable or None
        ``influence(y_true, y_pred, sample_weight)`` tells by how much each row moves
        the value of a function; their squares add up to its sampling variance.
    shares : callable or None
        ``shares(y_true, y_pred)`` for a metric that is the mean of shares of people, as
        the balanced accuracy is of two.
    shape_of_errors : bool
        Whether it sums up errors, of which few rows may carry most.
    scores_probabilities : bool
        Whether it is the mean of a score of each row, 0 or 1, and its probability of 1.
    shift_invariant : bool
        Whether adding one number to `y_true` and `y_pred` alike changes nothing. The
        sums of such a metric are taken about a value of the subgroup's own, because
        squares of large numbers would swallow a small variance.
    scale_invariant : bool
        Whether multiplying `y_true` and `y_pred` by one positive number changes
        nothing: of how large a subgroup's own outcomes are, it knows nothing then.
    check : callable or None
        ``check(y_true, y_pred)`` raises where the metric has no meaning for the data.
    check_counts : callable or None
        ``check_counts(counts, n_rows, mean)`` does the same where rows are out of
        reach: of `y_true` and `y_pred` it is told how many values are "negative",
        "above" 1 and "broken" (between 0 and 1), as ``counts["y_true_negative"]``,
        and the mean of the target.
    response : str or tuple of str
        The method of a model that gives what is compared with the truth; several in
        order of preference.
    n_predictions : int
        How many numbers a row of `y_pred` holds: two for an interval.
    """

    name: str
    label: str
    greater_is_better: bool
    bounds: tuple[float, float] = (-np.inf, np.inf)
    best: float | None = None
    task: Literal["regression", "classification", "any"] = "any"
    min_rows: int = 10
    min_of_class: tuple[int, int] = (0, 0)
    columns: Columns | None = None
    finish: Finish | None = None
    truth_column: int | None = None
    function: Callable[..., float] | None = None
    influence: Callable[[Vector, Vector, Vector | None], Vector] | None = None
    shares: Callable[[Vector, Vector], Sequence[Share]] | None = None
    shape_of_errors: bool = False
    scores_probabilities: bool = False
    shift_invariant: bool = False
    scale_invariant: bool = False
    check: Callable[[Vector, Vector], None] | None = None
    check_counts: Callable[[Mapping[str, int], int, float], None] | None = None
    response: Response = "predict"
    n_predictions: int = 1

    @property
    def best_is_inside(self) -> bool:
        """Whether values on both sides of the best one occur, as with a bias."""
        return self.best is not None and self.bounds[0] < self.best < self.bounds[1]

    def as_loss(self, values: Vector) -> Vector:
        """Turn values so that higher is worse, in the metric's own unit."""
        if self.best is not None and self.best_is_inside:
            return np.abs(values - self.best)
        return -values if self.greater_is_better else values


# ---------------------------------------------------------------------------------
# What many metrics are: a mean, a share
# ---------------------------------------------------------------------------------
def ratio(numerator: Vector, denominator: Vector) -> Vector:
    """Divide; NaN where there is nothing positive to divide by."""
    undefined = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    with np.errstate(over="ignore"):  # of next to nothing: infinite
        quotient: Vector = np.divide(
            numerator, denominator, out=undefined, where=denominator > 0.0
        )
        return quotient


def _finish_mean(sums: Vector) -> Vector:
    return ratio(sums[..., 1], sums[..., 0])


def mean_of(column: Callable[[Vector, Vector], Vector]) -> dict[str, Any]:
    """Give the fields of a metric that is the mean of one number a row."""

    def columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
        return [np.ones(len(y_true)), column(y_true, y_pred)]

    return {"columns": columns, "finish": _finish_mean}


def share_metric(*shares: Callable[[Vector, Vector], Share]) -> dict[str, Any]:
    """Give the fields of a metric that is the mean of shares of people."""

    def shares_of(y_true: Vector, y_pred: Vector) -> list[Share]:
        return [share(y_true, y_pred) for share in shares]

    def columns(y_true: Vector, y_pred: Vector) -> list[Vector]:
        parts = [part for share in shares_of(y_true, y_pred) for part in share]
        return [np.ones(len(y_true)), *parts]

    def finish(sums: Vector) -> Vector:
        counted, hit = sums[..., 1::2], sums[..., 2::2]
        mean: Vector = ratio(hit, counted).mean(axis=-1)
        return mean

    return {
        "bounds": (0.0, 1.0),
        "best": 1.0,
        "greater_is_better": True,
        "columns": columns,
        "finish": finish,
        "shares": shares_of,
    }


def share_of_everybody(hit: Callable[[Vector, Vector], Vector]) -> dict[str, Any]:
    """Give the fields of a metric that is the share of people of whom `hit` holds."""
    share = share_metric(lambda t, p: (np.ones(len(t)), hit(t, p)))
    return {**share, **mean_of(hit)}  # whose sums are fewer
