"""How badly is each person served?

A finder looks for people with large losses. Absolute errors are the default: squared
ones have tails so long (HbA1c: a kurtosis of 34) that a handful of people decide what
trees split on, so that the largest hundredth of them counts as much as its least.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import check_same_order
from sklearn_equity._numbers import check_numbers, refuse_overflow
from sklearn_equity._outcome_inputs import warn_of_outcome_inputs

__all__ = ["LOSSES", "Answers", "Loss", "losses_to_learn", "person_loss"]

Vector = NDArray[np.float64]
Loss = Literal["absolute", "squared"] | Callable[[Any, Any], ArrayLike]

# By name, the power that the size of an error is raised to.
LOSSES = {"absolute": 1, "squared": 2}
WINSORISED_AT = 0.99


@dataclass(frozen=True, eq=False)
class Answers:
    """What became of people, what a model said of them, and how bad that is.

    Attributes
    ----------
    truth, prediction, losses : ndarray of shape (n_rows,)
        Of each person.
    loss : str or callable
        What made the losses.
    """

    truth: Vector
    prediction: Vector
    losses: Vector
    loss: Loss

    @classmethod
    def judge(cls, truth: Vector, prediction: Vector, loss: Loss) -> Self:
        """Take the losses of everybody."""
        losses = person_loss(truth, prediction, loss, name="y")
        return cls(truth, prediction, losses, loss)

    def of(self, rows: NDArray[np.intp]) -> Self:
        """Return those of some of the people."""
        return replace(
            self,
            truth=self.truth[rows],
            prediction=self.prediction[rows],
            losses=self.losses[rows],
        )


def person_loss(
    y_true: ArrayLike, y_pred: ArrayLike, loss: Loss, *, name: str = "y_true"
) -> Vector:
    """Return the loss of every person; larger is worse.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        The measured outcome; classes as 0 and 1.
    y_pred : array-like of shape (n_rows,)
        What the model predicts; of classes, the probability of 1.
    loss : {"absolute", "squared"} or callable
        "squared" errors above their 99% quantile count as much as it. A callable takes
        both arrays and returns one number a row.
    name : str, default="y_true"
        What the caller's argument for `y_true` is called, for messages.

    Returns
    -------
    ndarray of shape (n_rows,)
        In the unit of the outcome, or its square.
    """
    truth = check_numbers(y_true, name=name)
    prediction = check_numbers(y_pred, name="y_pred", n_rows=len(truth), rows_of=name)
    refuse_overflow(truth, name=name)
    refuse_overflow(prediction, name="y_pred")
    if callable(loss):
        try:
            losses = loss(truth, prediction)
        except TypeError as refusal:
            msg = f"`loss` must return one number a row of two arrays: {refusal}."
            raise TypeError(msg) from refusal
        return check_numbers(losses, name="loss(y_true, y_pred)", n_rows=len(truth))
    if not isinstance(loss, str) or loss not in LOSSES:
        msg = (
            '`loss` must be "absolute", "squared" or a function of y_true and y_pred '
            f"that returns one number a row; got {loss!r}."
        )
        raise ValueError(msg)
    error = np.abs(truth - prediction)
    if loss == "absolute":
        return error
    squared = error**2
    return np.minimum(squared, np.quantile(squared, WINSORISED_AT))


def losses_to_learn(finder: str, X: Any, y: Any, y_pred: Any, loss: Loss) -> Any:
    """Return what `fit` of a finder learns: losses, given or of predictions.

    An outcome that a column nearly determines is warned of, at the line that called
    `fit`; losses are no outcome.

    Raises
    ------
    ValueError
        If there is no `y`, or rows are in another order than those of `X`.
    """
    if y is None:
        msg = (
            f"{finder} requires y to be passed, but the target y is None: it learns "
            "from outcomes and predictions, or from losses. A tool that fits it from X "
            "alone takes a fitted one: FrozenEstimator(...)."
        )
        raise ValueError(msg)
    if y_pred is None:
        check_same_order(X=X, y=y)
        return y
    check_same_order(X=X, y=y, y_pred=y_pred)
    losses = person_loss(y, y_pred, loss, name="y")
    warn_of_outcome_inputs(X, y, stacklevel=4)
    return losses
