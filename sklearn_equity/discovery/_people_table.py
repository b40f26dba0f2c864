"""Which number stands for what in a table of people?

A finder reads tables as they come: numbers, text, categories, truth values, and gaps in
any of them. What a label's number is gets learnt once; people seen later are read by
it, and a label that nobody had then is `UNSEEN`: no gap, and like no other.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from sklearn_equity._checks import read_native
from sklearn_equity._factorize import DROPPED, factorize
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import check_numbers, to_array

__all__ = ["UNSEEN", "PeopleTable"]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Levels = tuple[Hashable, ...]

UNSEEN = -1.0
_MOST_LEVELS = 50


@dataclass(frozen=True)
class PeopleTable:
    """How the columns of a table of people are read as numbers.

    Parameters
    ----------
    names : tuple of str
        The names of the columns; "x0", "x1", ... if they have none.
    levels : tuple of (tuple or None)
        The labels of each column, whose numbers are their positions; None where a
        column holds numbers.
    """

    names: tuple[str, ...]
    levels: tuple[Levels | None, ...]

    @classmethod
    def learn(cls, X: Any) -> Self:
        """Tell numbers from labels, and number the labels of each column.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_columns)
            Numbers, truth values, text or categories, with gaps.

        Raises
        ------
        ValueError
            If a column has more than 50 labels, or a number is infinite.
        """
        columns = _columns(X)
        levels = tuple(_learn_levels(name, values) for name, values in columns)
        return cls(tuple(name for name, _ in columns), levels)

    def read(self, X: Any, *, unseen: float = UNSEEN) -> Matrix:
        """Return a table of numbers: labels by their number, NaN for gaps.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_columns)
            The columns that were learnt, in their order.
        unseen : float, default=UNSEEN
            The number of labels that were not learnt.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)
        """
        columns = _columns(X)
        found = tuple(name for name, _ in columns)
        if len(found) != len(self.names) or (_has_names(X) and found != self.names):
            msg = (
                f"`X` must have the columns {_list(self.names)}, in this order; got "
                f"{_list(found)}."
            )
            raise ValueError(msg)
        n_rows = len(columns[0][1])
        table = np.empty((n_rows, len(columns)), order="F")
        for j, ((name, values), levels) in enumerate(
            zip(columns, self.levels, strict=True)
        ):
            table[:, j] = _read(name, values, levels, unseen)
        return table

    def label(self, column: int, code: float) -> str:
        """Write the label of a number of one column for people."""
        levels = self.levels[column]
        if levels is None:
            raise ValueError(f"column {self.names[column]!r} holds numbers, no labels.")
        return format_label(levels[int(code)])


def _list(names: Sequence[str], n_shown: int = 8) -> str:
    more = f" and {len(names) - n_shown} more" if len(names) > n_shown else ""
    return ", ".join(map(repr, names[:n_shown])) + more


def _frame(X: Any) -> Any:
    frame = read_native(X, "X")
    return frame if isinstance(frame, nw.DataFrame) else X


def _has_names(X: Any) -> bool:
    return isinstance(_frame(X), nw.DataFrame)


def _columns(X: Any) -> list[tuple[str, Any]]:
    """Name the columns of a table, each a Series or an array of one dimension."""
    frame = _frame(X)
    if isinstance(frame, nw.DataFrame):
        if not frame.columns or not len(frame):
            msg = (
                "`X` must have at least one row and one column; got shape "
                f"{frame.shape}."
            )
            raise ValueError(msg)
        # By position: a name may be a whole number, which would be taken for a row.
        columns = zip(frame.columns, frame.iter_columns(), strict=True)
        return [(str(name), values) for name, values in columns]
    array = _as_array(X)
    return [(f"x{j}", array[:, j]) for j in range(array.shape[1])]


def _as_array(X: Any) -> NDArray[Any]:
    """Return a table of two dimensions, of numbers unless there is text in it."""
    if not hasattr(X, "dtype"):  # a list: NumPy would turn numbers beside text into it
        X = to_array(X, name="X", dtype=object)
    if X.dtype.kind in "OUS" and _holds_text(X):
        array = check_array(X, dtype=None, ensure_all_finite=False)
        return np.asarray(array, dtype=object)
    if X.dtype.kind == "O":
        X = to_array(X, name="X", dtype=np.float64)
    array = check_array(X, dtype="numeric", ensure_all_finite="allow-nan")
    return np.asarray(array)


def _holds_text(array: NDArray[Any]) -> bool:
    if array.dtype.kind != "O":
        return True
    return any(isinstance(value, str | bytes) for value in array.flat)


def _is_numeric(values: Any) -> bool:
    if isinstance(values, nw.Series):
        if values.dtype != nw.Object:
            return bool(values.dtype.is_numeric())
        values = values.to_numpy()
    if values.dtype.kind != "O":
        return bool(values.dtype.kind in "iuf")
    # Of objects that are all missing nobody knows what they would have been; labels
    # that come later may be anything.
    known = [value for value in values if value is not None and value == value]
    return bool(known) and all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool)
        for value in known
    )


def _learn_levels(name: str, values: Any) -> Levels | None:
    if _is_numeric(values):
        check_numbers(values, name=f"X[{name!r}]", allow_nan=True)
        return None
    _, labels = factorize(values, f"X[{name!r}]")
    if len(labels) > _MOST_LEVELS:
        msg = (
            f"`X[{name!r}]` must hold at most {_MOST_LEVELS} different labels; got "
            f"{len(labels)}. Leave an identifier out; join rare labels to others."
        )
        raise ValueError(msg)
    return labels


def _read(name: str, values: Any, levels: Levels | None, unseen: float) -> Vector:
    if levels is None:
        return check_numbers(values, name=f"X[{name!r}]", allow_nan=True)
    codes, labels = factorize(values, f"X[{name!r}]")
    number_of = {label: float(number) for number, label in enumerate(levels)}
    numbers = np.array([*(number_of.get(label, unseen) for label in labels), np.nan])
    return numbers[np.where(codes == DROPPED, len(labels), codes)]
