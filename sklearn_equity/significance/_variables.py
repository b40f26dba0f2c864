"""Which numbers stand for a table's columns, and what are they called?"""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import MISSING_LABEL, MissingPolicy, check_subgroups
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import check_numbers, to_array

__all__ = ["Variable", "Variables", "read_variables"]

Vector = NDArray[np.float64]

_MOST_LEVELS = 50


@dataclass(frozen=True)
class Variable:
    """A number a row: a column of numbers, or whether a column has a certain label.

    Attributes
    ----------
    column : str
        The column's name.
    level : str or None
        The label; None for a column of numbers.
    """

    column: str
    level: str | None = None

    @property
    def name(self) -> str:
        """What a person is shown."""
        return self.column if self.level is None else f"{self.column} = {self.level}"


@dataclass(frozen=True)
class Variables:
    """A table of finite numbers with one variable a column."""

    table: Vector
    variables: tuple[Variable, ...]


def read_variables(X: Any, *, missing: MissingPolicy) -> Variables:
    """Turn the columns of a table into numbers, labels into one column each.

    Parameters
    ----------
    X : data frame or array-like of shape (n_rows, n_columns)
        Numbers, truth values, text or categories.
    missing : {"raise", "group"}
        Whether a missing label is refused or one of the labels. Numbers must be there.

    Returns
    -------
    Variables
        A column with two labels has one variable, for the second.
    """
    blocks: list[Vector] = []
    variables: list[Variable] = []
    for name, values in _columns(X):
        if _is_numeric(values):
            blocks.append(check_numbers(values, name=f"X[{name!r}]"))
            variables.append(Variable(name))
            continue
        codes = check_subgroups(
            values,
            n_rows=len(values),
            rows_of="X",
            name=f"X[{name!r}]",
            missing="group",
            max_subgroups=_MOST_LEVELS,
        )
        if missing == "raise" and MISSING_LABEL in codes.labels:
            lost = codes.codes == codes.labels.index(MISSING_LABEL)
            msg = (
                f"`X[{name!r}]` must not have missing labels; got {int(lost.sum())} of "
                f"{len(lost)}. Impute them, such as by SimpleImputer(strategy="
                '"most_frequent"); or make them a label of the column with '
                'missing="group".'
            )
            raise ValueError(msg)
        shown = range(codes.n_subgroups)
        if codes.n_subgroups == 2 and MISSING_LABEL not in codes.labels:
            shown = range(1, 2)
        for code in shown:
            blocks.append((codes.codes == code).astype(np.float64))
            variables.append(Variable(name, format_label(codes.labels[code])))
    return Variables(np.column_stack(blocks), tuple(variables))


def _columns(X: Any) -> list[tuple[str, Any]]:
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    columns: list[tuple[str, Any]]
    if isinstance(frame, nw.DataFrame):
        columns = [(str(name), frame.get_column(name)) for name in frame.columns]
    else:
        array = to_array(X, name="X")
        if array.ndim != 2:
            msg = (
                "`X` must be a table with one row a person and one variable a column; "
                f"got shape {array.shape}."
            )
            raise ValueError(msg)
        columns = [(f"x{j}", array[:, j]) for j in range(array.shape[1])]
    if not columns:
        raise ValueError("`X` must have at least one column; got none.")
    return columns


def _is_numeric(values: Any) -> bool:
    """Tell numbers from labels; truth values are labels with two values."""
    if isinstance(values, nw.Series):
        if values.dtype.is_numeric():
            return True
        if values.dtype != nw.Object:
            return False
        values = values.to_numpy()
    if values.dtype.kind != "O":
        return bool(values.dtype.kind in "iuf")
    return all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool)
        for value in values
    )
