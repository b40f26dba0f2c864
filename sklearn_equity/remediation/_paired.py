"""By how much does each person move the difference between two models?

Both models are asked about the same people. A metric is a function g of sums S over
rows, so the difference g(S_after) - g(S_before) is one function of the sums of both,
and a person's part in it follows from their row under both models: what makes a row
hard for one model makes it hard for the other, and cancels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.fidelity import Metric, gradient_of

__all__ = ["PairedRows", "columns_of", "standard_error"]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class PairedRows:
    """The rows of one subgroup under two models.

    Attributes
    ----------
    metric : Metric
        What is compared; it follows from sums over rows.
    units : ndarray of shape (n_rows, 2 * n_sums)
        What each row adds to the sums: of the model before, then of the one after.
    """

    metric: Metric
    units: Vector

    @classmethod
    def of(
        cls,
        metric: Metric,
        truth: Vector,
        before: Vector,
        after: Vector,
        weights: Vector | None = None,
    ) -> "PairedRows":
        """Take the rows of a subgroup, each of which counts once or by its weight."""
        columns = columns_of(metric)
        if metric.shift_invariant:  # large squares would swallow a small variance
            origin = truth[0]
            truth, before, after = truth - origin, before - origin, after - origin
        halves = [columns(truth, prediction) for prediction in (before, after)]
        units = np.column_stack([*halves[0], *halves[1]])
        return cls(metric, units if weights is None else units * weights[:, np.newaxis])

    def values(self) -> tuple[float, float]:
        """Return the metric under the model before and under the one after."""
        before, after = self._finish_both(self.units.sum(axis=0))
        return float(before), float(after)

    def harm(self) -> float:
        """Return by how much the loss grew, in the metric's unit."""
        return float(self._harm(self.units.sum(axis=0)))

    def parts_in_change(self) -> Vector:
        """Return by how much each row moves `after` less `before`; they sum to 0."""
        return self._influence(self._change)

    def parts_in_harm(self) -> Vector:
        """Return by how much each row moves the growth of the loss; they sum to 0."""
        return self._influence(self._harm)

    def parts_by_exchange(self) -> Vector:
        """Return each row's part in the growth of the loss; they sum to it.

        Were the two models to exchange their predictions of a row, its part would
        change its sign and no other would move: the slopes are those half way between
        the models, and what lies half way is the same after an exchange. Slopes of
        each model at its own sums would let one large error count for less in the
        model that made it, and flips of signs would no longer be what chance does.
        """
        width = self.units.shape[1] // 2
        before, after = self.units[:, :width], self.units[:, width:]
        harm = self.harm()
        sums = (before + after).sum(axis=0) / 2.0
        squares = (before**2 + after**2).sum(axis=0) / 2.0
        parts: Vector = (after - before) @ gradient_of(self._loss, sums, squares)
        total = float(parts.sum())
        if harm * total > 0.0:  # half way is where the slope is that of the chord,
            return parts * (harm / total)  # but for terms of the third order
        return parts + (harm - total) / len(parts)

    def _influence(self, function: Callable[[Vector], Vector]) -> Vector:
        width = self.units.shape[1] // 2
        if np.array_equal(self.units[:, :width], self.units[:, width:]):
            return np.zeros(len(self.units))  # rather than rounding errors
        sums, squares = self.units.sum(axis=0), (self.units**2).sum(axis=0)
        parts: Vector = self.units @ gradient_of(function, sums, squares)
        return parts

    def _loss(self, sums: Vector) -> Vector:
        finish = self.metric.finish
        if finish is None:
            raise TypeError(f"The metric {self.metric.name!r} has no sums.")
        return self.metric.as_loss(finish(sums))

    def _finish_both(self, sums: Vector) -> tuple[Vector, Vector]:
        finish, width = self.metric.finish, self.units.shape[1] // 2
        if finish is None:
            raise TypeError(f"The metric {self.metric.name!r} has no sums.")
        return finish(sums[..., :width]), finish(sums[..., width:])

    def _change(self, sums: Vector) -> Vector:
        before, after = self._finish_both(sums)
        return after - before

    def _harm(self, sums: Vector) -> Vector:
        before, after = self._finish_both(sums)
        return self.metric.as_loss(after) - self.metric.as_loss(before)


def columns_of(metric: Metric) -> Callable[[Vector, Vector], list[Vector]]:
    """Return what the sums of a metric are of, or refuse one that no sums give."""
    if metric.columns is None or metric.finish is None:
        msg = (
            "`metric` must follow from sums over rows, as 'rmse' does; got "
            f"{metric.name!r}."
        )
        raise ValueError(msg)
    if metric.n_predictions != 1:
        msg = (
            f"`metric` must take one prediction a row; {metric.name!r} takes "
            f"{metric.n_predictions}."
        )
        raise ValueError(msg)
    return metric.columns


def standard_error(parts: Vector) -> float:
    """Return the standard error that the parts of all rows add up to."""
    n = len(parts)
    if n < 2:
        return float("nan")
    return float(np.sqrt((parts**2).sum() * n / (n - 1.0)))
