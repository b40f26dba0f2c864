"""The only input validation: what a person hands in, made clean or refused in words.

Public functions call these checks once, at their edge, and pass clean arrays on.
Every refusal names the argument, the rule, what came and, where there is one, the fix.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal, get_args

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._factorize import DROPPED, factorize, intersect, is_missing

MissingPolicy = Literal["raise", "group", "drop"]

MISSING_LABEL = "(missing)"
_WIDEST_TOLERANCE = 1_000  # times what is compared with
_FEWEST_DIGITS, _MOST_DIGITS = 6, 16  # of a label that is a fraction
_MORE_DIGITS = range(_FEWEST_DIGITS + 1, _MOST_DIGITS + 2)  # the last: all it has
WITHHELD = -1  # in place of a count that is kept from readers, so that nobody is named


class NobodyCountsError(ValueError):
    """Rows that are in order, but of no weight or without a label that counts."""


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


def format_label(label: Hashable) -> str:
    """Write a label for people: the parts of an intersection are joined by " & "."""
    if isinstance(label, tuple):
        return " & ".join(format_label(part) for part in label)
    if isinstance(label, float) and label.is_integer():
        return f"{label:.0f}"  # whole numbers beside a missing one are read as floats
    return str(label)


def format_labels(labels: Iterable[Hashable]) -> list[str]:
    """Write labels beside one another: each as short as tells it from the others.

    0.1 * 3 is written 0.3, and in full beside a 0.3; 1 and "1" are told by quotes.
    """
    labels = list(labels)
    texts = [_write(label, _FEWEST_DIGITS) for label in labels]
    writers: list[Callable[[Hashable], str]] = [
        partial(_write, digits=n) for n in _MORE_DIGITS
    ]
    for write in (*writers, repr):
        alike = _alike(texts, labels)
        if not alike:
            break
        for i, text in enumerate(texts):
            texts[i] = write(labels[i]) if text in alike else text
    return texts


def _alike(texts: list[str], labels: list[Hashable]) -> set[str]:
    """Return the texts that stand for different labels."""
    first: dict[str, Hashable] = {}
    return {
        text
        for text, label in zip(texts, labels, strict=True)
        if first.setdefault(text, label) is not label and first[text] != label
    }


def _write(label: Hashable, digits: int) -> str:
    if isinstance(label, tuple):
        return " & ".join(_write(part, digits) for part in label)
    if digits <= _MOST_DIGITS and isinstance(label, float) and not label.is_integer():
        short = f"{label:.{digits}g}"
        return format_label(label) if "e" in short else short
    return format_label(label)


def format_count(n: int) -> str:
    """Write a number of people, or that it is withheld."""
    return "withheld" if n == WITHHELD else f"{n:,}"


# ---------------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------------
def check_numbers(
    values: ArrayLike,
    *,
    name: str,
    n_rows: int | None = None,
    rows_of: str = "y_true",
    allow_nan: bool = False,
) -> NDArray[np.float64]:
    """Return one finite float64 a row, or say what is wrong with `values`.

    The array may share memory with `values`: callers do not write into it.
    """
    array = _as_float_vector(values, name)
    if n_rows is not None and len(array) != n_rows:
        msg = (
            f"`{name}` must have one value per row of `{rows_of}` ({n_rows}); "
            f"got {len(array)}."
        )
        raise ValueError(msg)
    if len(array) == 0:
        raise ValueError(f"`{name}` must have at least one row; got none.")
    _refuse_non_finite(array, name, allow_nan=allow_nan)
    return array


def _as_float_vector(values: ArrayLike, name: str) -> NDArray[np.float64]:
    values = _to_numpy(values)
    array = to_array(values, name=name)
    if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
        array = np.asarray(values, dtype=object)  # NumPy had turned numbers into text
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"`{name}` must be one-dimensional; got shape {array.shape}.")
    if np.iscomplexobj(array):
        raise ValueError(f"`{name}` must hold real numbers; got complex ones.")
    if array.dtype.kind in "mM":
        raise ValueError(f"`{name}` must hold numbers; got dates ({array.dtype}).")
    if array.dtype.kind == "V":
        raise ValueError(f"`{name}` must hold numbers; got records ({array.dtype}).")
    if array.dtype.kind in "OUS":
        return _parse_objects(array, name)
    with np.errstate(over="ignore"):  # a number too long for a double is refused later
        return array.astype(np.float64, copy=False)


def to_array(values: Any, *, name: str, dtype: Any = None) -> NDArray[Any]:
    """Return an array, or say what no array can be made of."""
    try:
        array = np.asarray(values)
        is_complex = dtype is not None and array.dtype.kind == "c"
        if not is_complex:  # NumPy would drop a part of them
            return np.asarray(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:  # ragged, lazy, too large
        what = "array" if dtype is None else "array of numbers"
        msg = (
            f"`{name}` must be readable as an {what}, which this "
            f"{type(values).__name__} is not: {error}."
        )
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(msg) from error
    raise ValueError(f"`{name}` must hold real numbers; got complex ones.")


def _parse_objects(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Read numbers out of an object array; text is refused, even "1.5"."""
    text = [i for i, value in enumerate(array) if isinstance(value, str | bytes)]
    # One word in a column of a file turns all its numbers into text: name the word.
    words = [i for i in text if not _reads_as_number(array[i])] or text
    if words:
        msg = (
            f"`{name}` must hold numbers; got text in {len(words)} of "
            f"{len(array)} rows, such as {str(array[words[0]])!r} in row {words[0]}. "
            "Convert it, or encode the classes as numbers."
        )
        raise ValueError(msg)
    missing = np.fromiter((is_missing(value) for value in array), bool, len(array))
    try:
        return np.where(missing, np.nan, array).astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"`{name}` must hold numbers: {error}.") from error


def _reads_as_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_non_finite(
    array: NDArray[np.float64], name: str, *, allow_nan: bool
) -> None:
    if np.isfinite(array).all():
        return
    n_nan, n_inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    if n_nan and not allow_nan:
        msg = (
            f"`{name}` must not hold missing values; got NaN in {n_nan} of "
            f"{len(array)} rows. Remove or impute those rows first."
        )
        raise ValueError(msg)
    if n_inf:
        msg = f"`{name}` must be finite; got infinity in {n_inf} of {len(array)} rows."
        raise ValueError(msg)


def check_sample_weight(
    sample_weight: ArrayLike | None, *, n_rows: int, rows_of: str = "y_true"
) -> NDArray[np.float64] | None:
    """Return non-negative weights with a positive sum, or None for equal ones."""
    if sample_weight is None:
        return None
    weights = check_numbers(
        sample_weight, name="sample_weight", n_rows=n_rows, rows_of=rows_of
    )
    if (weights < 0).any():
        msg = (
            "`sample_weight` must not be negative; got "
            f"{int((weights < 0).sum())} negative values, the least {weights.min():g}."
        )
        raise ValueError(msg)
    if not weights.any():
        msg = "`sample_weight` must have a positive sum; all are zero."
        raise NobodyCountsError(msg)
    return weights


def refuse_extreme_weights(weights: NDArray[np.float64] | None) -> None:
    """Refuse weights whose sums of squares leave the range of numbers."""
    if weights is not None and not 1e-100 < weights.max() < 1e100:
        msg = (
            "`sample_weight` must have its largest value between 1e-100 and 1e100, "
            f"or its sums leave the range of numbers; got {weights.max():g}. Only "
            "ratios matter: divide by the largest."
        )
        raise ValueError(msg)


def check_whole_number(value: Any, *, name: str, least: int) -> None:
    """Refuse what is no whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        msg = f"`{name}` must be a whole number of at least {least}; got {value!r}."
        raise ValueError(msg)


def check_confidence_level(confidence_level: float) -> float:
    """Return a level strictly between 0 and 1."""
    if not isinstance(confidence_level, Real) or not 0 < confidence_level < 1:
        msg = (
            "`confidence_level` must lie strictly between 0 and 1 (0.95 for 95%); "
            f"got {confidence_level!r}."
        )
        raise ValueError(msg)
    return float(confidence_level)


def check_tolerance(tolerance: float) -> None:
    """Raise unless `tolerance` is a share by which something may be worse."""
    if not isinstance(tolerance, Real) or not 0.0 <= tolerance <= _WIDEST_TOLERANCE:
        msg = (
            f"`tolerance` must be a share from 0 to {_WIDEST_TOLERANCE:,}, such as 0.1 "
            f"for a tenth; got {tolerance!r}."
        )
        raise ValueError(msg)


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


def refuse_overflow(table: NDArray[Any], *, name: str, limit: float = 1e150) -> None:
    """Refuse columns whose squares are not finite: they cannot be standardised.

    A lower limit leaves room for products of squares.
    """
    largest = np.maximum(table.max(axis=0), -table.min(axis=0)).astype(np.float64)
    if (largest > limit).any():
        column = int(largest.argmax())
        where = f"{largest.max():g}"
        if table.ndim > 1:
            where += f" in column {column}"
        msg = (
            f"`{name}` must hold numbers below {limit:g} in size, so that they can be "
            f"squared; got {where}. Rescale the column."
        )
        raise ValueError(msg)


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


def _to_numpy(values: Any) -> Any:
    """Bring a Series of any library to NumPy; leave other input as it is."""
    if isinstance(values, np.ndarray | list | tuple):
        return values  # asking every data frame library whose it is takes a while
    native = nw.from_native(values, series_only=True, pass_through=True)
    return native.to_numpy() if isinstance(native, nw.Series) else values
