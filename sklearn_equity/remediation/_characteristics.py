"""Into which groups of people does each column of a table sort them?

A column of few values has a group for each, a number is cut into bands of about equally
many people, and those whose value is missing are a group of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from scipy.sparse import issparse

from sklearn_equity._checks import SubgroupCodes, check_subgroups
from sklearn_equity._factorize import factorize
from sklearn_equity._numbers import check_numbers, to_array
from sklearn_equity.fidelity import QuantileBands

_MOST_LEVELS = 50
_FEWEST_VALUES_TO_CUT = 10


@dataclass(frozen=True)
class Characteristics:
    """The groups of each column, and the columns that have none.

    Attributes
    ----------
    groupings : dict
        By the name of a column, the group of each row.
    left_out : tuple of str
        Columns with too many labels to be groups.
    """

    groupings: dict[str, SubgroupCodes]
    left_out: tuple[str, ...]

    @classmethod
    def read(cls, table: Any, n_rows: int, *, n_bands: int) -> "Characteristics":
        """Sort the people of a table, or of a mapping of names to values."""
        groupings, left_out = {}, []
        for name, values in columns_by_name(table).items():
            found = _group(values, name, n_rows, n_bands)
            if found is None:
                left_out.append(name)
            else:
                groupings[name] = found
        return cls(groupings, tuple(left_out))


def columns_by_name(table: Any, *, name: str = "characteristics") -> dict[str, Any]:
    """Return the columns of a table by name; none of what is no table."""
    if table is None or issparse(table):
        return {}
    if isinstance(table, Mapping):
        return {str(name): _column(values) for name, values in table.items()}
    frame = nw.from_native(table, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        columns = zip(frame.columns, frame.iter_columns(), strict=True)
        return {str(name): values for name, values in columns}
    if isinstance(frame, nw.Series):
        return {str(frame.name or "x0"): frame}
    array = to_array(table, name=name)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        msg = f"`{name}` must be a table or a mapping of names to columns; "
        raise ValueError(msg + f"got {type(table).__name__} of shape {array.shape}.")
    return {f"x{j}": array[:, j] for j in range(array.shape[1])}


def _column(values: Any) -> Any:
    """Return a Series of narwhals, or an array."""
    if isinstance(values, nw.Series | np.ndarray):
        return values
    series = nw.from_native(values, series_only=True, pass_through=True)
    return series if isinstance(series, nw.Series) else np.asarray(values)


def _group(values: Any, name: str, n_rows: int, n_bands: int) -> SubgroupCodes | None:
    where = f"characteristics[{name!r}]"
    _, labels = factorize(values, where)
    if len(labels) >= _FEWEST_VALUES_TO_CUT and _are_numbers(labels):
        numbers = check_numbers(
            values.to_numpy() if isinstance(values, nw.Series) else values,
            name=where,
            allow_nan=True,
        )
        values = QuantileBands(n_bands).fit(numbers).label(numbers)
    elif len(labels) > _MOST_LEVELS:
        return None
    if isinstance(values, nw.Series):
        values = values.to_native()
    codes = check_subgroups(
        values, n_rows=n_rows, name=where, rows_of="X", missing="group"
    )
    return SubgroupCodes(codes.codes, codes.labels, name)


def _are_numbers(labels: tuple[Any, ...]) -> bool:
    return all(
        isinstance(label, int | float | np.number) and not isinstance(label, bool)
        for label in labels
    )
