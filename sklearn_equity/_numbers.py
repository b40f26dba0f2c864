"""Are these numbers, one a row, and of a size that can be reckoned with?

What a person hands in is made clean, or refused in words.
"""

from numbers import Integral, Real
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._factorize import is_missing

_WIDEST_TOLERANCE = 1_000  # times what is compared with


class NobodyCountsError(ValueError):
    """Rows that are in order, but of no weight or without a label that counts."""


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


def _to_numpy(values: Any) -> Any:
    """Bring a Series of any library to NumPy; leave other input as it is."""
    if isinstance(values, np.ndarray | list | tuple):
        return values  # asking every data frame library whose it is takes a while
    native = nw.from_native(values, series_only=True, pass_through=True)
    return native.to_numpy() if isinstance(native, nw.Series) else values
