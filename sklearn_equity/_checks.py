"""Whose row is whose: labels, tables and their order, made clean or refused in words.

Public functions call these checks, and those of `_numbers`, once, at their edge, and
pass clean arrays on. Every refusal names the argument, the rule, what came and, where
there is one, the fix.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from sklearn_equity._factorize import DROPPED, factorize, intersect
from sklearn_equity._numbers import NobodyCountsError

MissingPolicy = Literal["raise", "group", "drop"]

MISSING_LABEL = "(missing)"


@dataclass(frozen=True)
class SubgroupCodes:
    """One integer a row, and the label that each integer stands for.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,)
        Integers from 0 to ``n_subgroups - 1``; ``DROPPED`` marks a row left out because
        its label is missing.
    labels : tuple
        The label of each integer, in display order; a tuple for intersections.
    name : str
        What the labels describe: the column's name, or several joined by " & ".
    """

    codes: NDArray[np.intp]
    labels: tuple[Hashable, ...]
    name: str

    @property
    def n_subgroups(self) -> int:
        """Number of distinct labels."""
        return len(self.labels)

    def counts(self) -> NDArray[np.intp]:
        """Rows of each subgroup, dropped rows left out."""
        codes, n_bins = self.codes, self.n_subgroups
        if len(codes) and codes.min() != DROPPED:
            return np.bincount(codes, minlength=n_bins)
        # One bin in front takes the dropped rows: selecting the others would copy.
        return np.bincount(codes + 1, minlength=n_bins + 1)[1:]


# ---------------------------------------------------------------------------------
# Whose row is whose
# ---------------------------------------------------------------------------------
def index_of(table: Any, *, name: str) -> Any:
    """Return the row index of a pandas-like Series or frame; None for all others."""
    if table is None or isinstance(table, np.ndarray | list | tuple):
        return None  # asking every data frame library whose it is takes a while
    native = read_native(table, name)
    if isinstance(native, nw.DataFrame | nw.Series):
        return nw.maybe_get_index(native)
    return None


def check_same_order(**arguments: Any) -> None:
    """Refuse Series and frames whose indexes say that their rows are in other orders.

    Rows are taken by position. An index that only counts them says nothing, unless the
    other holds the same counts in another order. Of a mapping, each value is compared.
    """
    known: list[tuple[str, Any]] = []
    for name, values in arguments.items():
        parts = values.items() if isinstance(values, Mapping) else [("", values)]
        for key, part in parts:
            index = index_of(part, name=name)
            if index is not None:
                known.append((f"{name}[{key!r}]" if key else name, index))
    for name, index in known[1:]:
        first, other = known[0]
        if len(index) != len(other) or index.equals(other):
            continue  # lengths are checked, with their own message, elsewhere
        counts = [np.array_equal(one, np.arange(len(one))) for one in (index, other)]
        if any(counts) and not index.isin(other).all():
            continue
        msg = (
            f"`{name}` and `{first}` have different indexes, so their rows can't be "
            "told to be in the same order. Reorder the one by the other, "
            f"{name}.loc[{first}.index]; or, if the rows do match, pass it as an "
            f"array, {name}.to_numpy()."
        )
        raise ValueError(msg)


# ---------------------------------------------------------------------------------
# Columns of a table
# ---------------------------------------------------------------------------------
def read_native(table: Any, name: str, *, eager_only: bool = True) -> Any:
    """Wrap a frame or Series of any library; leave other input as it is."""
    try:
        return nw.from_native(
            table, eager_only=eager_only, allow_series=True, pass_through=True
        )
    except DuplicateError as error:
        several = "; ".join(str(error).splitlines()[1:])
        msg = f"`{name}` must have a name of its own for each column; got {several}."
        raise ValueError(msg) from error


def take_columns(table: Any, columns: Sequence[str], *, name: str) -> nw.DataFrame[Any]:
    """Return the named columns of an eager data frame, or list those that it has."""
    frame = read_native(table, name, eager_only=False)
    if isinstance(frame, nw.LazyFrame):
        msg = f"The table of `{name}` must be eager; got a lazy one: .collect() it."
        raise TypeError(msg)
    if not isinstance(frame, nw.DataFrame):
        msg = (
            f"`{name}`={list(columns)!r} names columns, but the table is a "
            f"{type(table).__name__} without column names. Pass a data frame, or pass "
            "the labels themselves."
        )
        raise TypeError(msg)
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        msg = (
            f"`{name}` names no column of the table: {absent}. It has {frame.columns}."
        )
        raise ValueError(msg)
    return frame.select(list(columns))


# ---------------------------------------------------------------------------------
# Subgroup labels
# ---------------------------------------------------------------------------------
def check_subgroups(
    subgroups: Any,
    *,
    n_rows: int,
    name: str = "subgroups",
    rows_of: str = "y_true",
    missing: MissingPolicy = "raise",
    min_subgroups: int = 1,
    max_subgroups: int | None = None,
) -> SubgroupCodes:
    """Number the subgroups of a population.

    Parameters
    ----------
    subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes), or data frame
        One hashable label a row; several columns are combined (intersections), and
        only the combinations that occur become subgroups.
    n_rows : int
        The number of rows that the labels must match.
    name, rows_of : str
        The argument's name, and that of the array that sets `n_rows`, for messages.
    missing : {"raise", "group", "drop"}
        What happens to None, NaN and null labels: refused with their count, made a
        subgroup "(missing)" of their own, or coded ``DROPPED``.
    min_subgroups, max_subgroups : int
        The number of subgroups that the caller can work with.

    Returns
    -------
    SubgroupCodes
        Labels are in the order of a categorical's categories where there is one, else
        sorted, with "(missing)" last.
    """
    if missing not in get_args(MissingPolicy):
        allowed = ", ".join(f'"{policy}"' for policy in get_args(MissingPolicy))
        raise ValueError(f"`missing` must be one of {allowed}; got {missing!r}.")
    columns = _label_columns(subgroups, name)
    encoded = [_encode(values, column, name, missing) for column, values in columns]
    for column, (codes, _) in zip(columns, encoded, strict=True):
        if len(codes) != n_rows:
            what = f"`{name}`" if len(columns) == 1 else f"`{name}` ({column[0]!r})"
            msg = f"{what} must have one label per row of `{rows_of}` ({n_rows}); "
            raise ValueError(msg + f"got {len(codes)}.")
    codes, labels = encoded[0] if len(encoded) == 1 else intersect(encoded)
    title = " & ".join(column for column, _ in columns)
    _check_number_of_subgroups(len(labels), title, name, min_subgroups, max_subgroups)
    return SubgroupCodes(codes, labels, title)


def _check_number_of_subgroups(
    n_subgroups: int, title: str, name: str, least: int, most: int | None
) -> None:
    where = f"`{name}`" if title == name else f"`{name}` ({title!r})"
    if n_subgroups < least:
        msg = f"{where} must hold at least {least} different labels; got {n_subgroups}."
        raise ValueError(msg) if n_subgroups else NobodyCountsError(msg)
    if most is not None and n_subgroups > most:
        msg = (
            f"{where} must hold at most {most} different labels; got {n_subgroups}. "
            "Is it a number or an identifier? Cut a number into bands, such as four: "
            f"({title!r}, 4) in Python, {title}:4 on the command line."
        )
        raise ValueError(msg)


def _label_columns(subgroups: Any, name: str) -> list[tuple[str, Any]]:
    """Split labels into named columns, each a narwhals Series or a 1-D array."""
    native = read_native(subgroups, name)
    if isinstance(native, nw.DataFrame):
        if not native.columns:
            raise ValueError(f"`{name}` must have at least one column; got none.")
        return [(str(column), native.get_column(column)) for column in native.columns]
    if isinstance(native, nw.Series):
        return [(str(native.name) if native.name else name, native)]
    array = _as_label_array(subgroups, name)
    if array.ndim == 1:
        return [(name, array)]
    if array.ndim == 2 and array.shape[1] == 1:
        return [(name, array[:, 0])]
    if array.ndim == 2 and array.shape[1] > 1:
        return [(f"{name}[{j}]", array[:, j]) for j in range(array.shape[1])]
    msg = (
        f"`{name}` must be one label a row, or a table with one attribute a column; "
        f"got shape {array.shape}."
    )
    raise ValueError(msg)


def _as_label_array(subgroups: Any, name: str) -> NDArray[Any]:
    if subgroups is None or isinstance(subgroups, str | bytes):
        msg = f"`{name}` must be an array of labels, one a row; got {subgroups!r}."
        raise TypeError(msg)
    if isinstance(subgroups, np.ndarray):
        return subgroups
    # Without dtype=object NumPy would turn ["a", 1, None] into text, and None with it.
    try:
        items = list(subgroups)
    except TypeError as error:
        msg = (
            f"`{name}` must be an array of labels, one a row; got a "
            f"{type(subgroups).__name__}, of which there is no reading row by row."
        )
        raise TypeError(msg) from error
    if items and all(isinstance(item, list) for item in items):
        return np.array(items, dtype=object)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _encode(
    values: Any, column: str, name: str, missing: MissingPolicy
) -> tuple[NDArray[np.intp], tuple[Hashable, ...]]:
    """Number the labels of one column; missing ones as `missing` says."""
    codes, labels = factorize(values, name)
    if missing == "drop" or not len(codes) or _is_whole(values):
        return codes, labels
    if codes.min() != DROPPED:
        return codes, labels
    lost = codes == DROPPED
    if missing == "group":
        return np.where(lost, len(labels), codes), (*labels, MISSING_LABEL)
    where = f"`{name}`" if column == name else f"`{name}` ({column!r})"
    msg = (
        f"{where} must not have missing labels; got {int(lost.sum())} of {len(codes)}. "
        'Make them a subgroup of their own with missing="group", or leave those rows '
        'out with missing="drop".'
    )
    raise ValueError(msg)


def _is_whole(values: Any) -> bool:
    """Tell arrays that have no way to say that a label is missing."""
    return isinstance(values, np.ndarray) and values.dtype.kind in "biu"
