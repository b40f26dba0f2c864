"""In what form do the columns of a mixed table enter the network?

Columns of 0 and 1 enter as they are, and all others standardised: the published
preparation. What a column tells nothing with, the same value in every row or a scale
that a few outlying values set, is named.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from sklearn_equity._numbers import refuse_overflow
from sklearn_equity.exceptions import DegenerateColumnWarning, OutlierWarning

_ROWS_AT_ONCE = 8192  # what is computed in one go: bounds the memory, not the result
# The values of a column look all alike if the inner 98% of them span less than this
# share of its standard deviation; so small a share needs values beyond this many.
_LEAST_INNER_SHARE = 1e-3
_FAR = 10.0
_OF_FIT = 4  # the warning points at the line that called `fit`


def cut_blocks(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Cut rows into pieces: what is computed of them then takes little memory."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]


class ColumnPreparation:
    """What is known of every column, learnt from one table or from chunk after chunk.

    Parameters
    ----------
    names : sequence of str or None
        The columns' names for messages; None numbers them.

    Attributes
    ----------
    binary : ndarray of bool of shape (n_features,)
        True for the columns that held nothing but 0 and 1 when first seen.
    centre, scale : ndarray of shape (n_features,)
        What is taken off a column, and what it is divided by.
    """

    binary: NDArray[np.bool_]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __init__(self, names: Sequence[str] | None) -> None:
        self._names = None if names is None else [str(name) for name in names]
        self._scaler = StandardScaler()

    def learn(self, table: NDArray[Any]) -> Self:
        """Take rows into the running means and variances; the first decide the kinds.

        Raises
        ------
        ValueError
            If a column that held only 0 and 1 holds a value outside of them now, or
            a value is too large to be squared.
        """
        refuse_overflow(table, name="X")
        if not hasattr(self, "binary"):
            self.binary = np.ones(table.shape[1], dtype=bool)
            for block in cut_blocks(table):
                self.binary &= ((block == 0) | (block == 1)).all(axis=0)
        self.refuse_beyond_binary(table, name="X")
        for block in cut_blocks(table):
            # Sums are rounded alike however the memory of a table is laid out.
            self._scaler.partial_fit(np.asarray(block, np.float64, order="C"))
        self.centre = np.where(self.binary, 0.0, self._scaler.mean_)
        self.scale = np.where(self.binary, 1.0, self._scaler.scale_)
        return self

    def refuse_beyond_binary(self, table: NDArray[Any], *, name: str) -> None:
        """Refuse values that are no probability in a column of 0 and 1."""
        for column, value in self._beyond_binary(table):
            msg = (
                f"Column {self._name(column)} of `{name}` must stay within 0 and 1, as "
                f"it held nothing else when first seen; got {value:g}. Fit on rows, or "
                "begin with a chunk, that show all kinds of values."
            )
            raise ValueError(msg)

    def warn_beyond_binary(self, table: NDArray[Any], *, stacklevel: int) -> None:
        """Name columns of 0 and 1 in which new rows hold what is no probability."""
        for column, value in self._beyond_binary(table):
            msg = (
                f"Column {self._name(column)} of `X` holds {value:g}, but held nothing "
                "except 0 and 1 in `fit`: what is said of such rows means little. Code "
                "the column as in `fit`."
            )
            warnings.warn(msg, OutlierWarning, stacklevel=stacklevel)

    def _beyond_binary(self, table: NDArray[Any]) -> Iterator[tuple[int, float]]:
        """Find columns of 0 and 1 that leave them, each with a value that does."""
        beyond = self.binary & ((table.min(axis=0) < 0) | (table.max(axis=0) > 1))
        for column in np.flatnonzero(beyond).tolist():
            values = table[:, column]
            yield column, float(values[(values < 0) | (values > 1)][0])

    def prepare(
        self,
        table: NDArray[Any],
        dtype: type[np.floating[Any]] = np.float64,
        *,
        order: NDArray[np.intp] | None = None,
    ) -> NDArray[Any]:
        """Bring rows into the form that the network takes, in a new array.

        With `order` they come in this order, without another copy of the table.
        """
        prepared = np.empty(table.shape, dtype)
        chosen = np.arange(len(table)) if order is None else order
        for target, numbers in zip(
            cut_blocks(prepared), cut_blocks(chosen), strict=True
        ):
            standardised = (table[numbers] - self.centre) / self.scale
            refuse_overflow(standardised, name="X", limit=float(np.finfo(dtype).max))
            target[...] = standardised
        return prepared

    def prepare_blocks(self, table: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
        """Prepare some rows at a time, in double precision."""
        for block in cut_blocks(table):
            yield (block - self.centre) / self.scale

    def restore(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring rows back into the units of the table."""
        return rows * self.scale + self.centre

    # ---- columns that tell nothing -----------------------------------------------
    def warn_of_degenerate(self, table: NDArray[Any]) -> None:
        """Name columns that tell no row from another, and why."""
        constant = [self._name(j) for j in np.flatnonzero(self._is_constant(table))]
        if constant:
            msg = (
                f"{_count(constant)} of `X` with the same value in every row, up to "
                f"rounding: {', '.join(constant)}. They tell nothing; leave them out."
            )
            warnings.warn(msg, DegenerateColumnWarning, stacklevel=_OF_FIT)
        for column in self._far_columns(table):
            low, high = np.quantile(table[:, column], [0.01, 0.99])
            if 0.0 < high - low < _LEAST_INNER_SHARE * self.scale[column]:
                largest = table[np.abs(table[:, column]).argmax(), column]
                msg = (
                    f"The scale of column {self._name(column)} of `X` is set by a few "
                    f"outlying values (such as {largest:g}): the inner 98%, from "
                    f"{low:g} to {high:g}, look all alike to the network. Correct or "
                    "clip the outlying values, or transform the column."
                )
                warnings.warn(msg, DegenerateColumnWarning, stacklevel=_OF_FIT)

    def _is_constant(self, table: NDArray[Any]) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = table.min(axis=0) == table.max(axis=0)
        # scikit-learn's scaler divides by 1 where nothing but rounding is left.
        return same | (self._scaler.scale_ != np.sqrt(self._scaler.var_))

    def _far_columns(self, table: NDArray[Any]) -> NDArray[np.intp]:
        """Find columns with values so many standard deviations from their mean."""
        reach = np.maximum(
            table.max(axis=0) - self.centre, self.centre - table.min(axis=0)
        )
        return np.flatnonzero(~self.binary & (reach > _FAR * self.scale))

    def _name(self, column: int | np.integer[Any]) -> str:
        return str(column) if self._names is None else repr(self._names[column])


def _count(columns: Sequence[str]) -> str:
    return "A column" if len(columns) == 1 else f"{len(columns)} columns"


def take_by_name(table: Any, names: Sequence[str]) -> Any:
    """Take the columns of `fit` out of a data frame; other input stays as it is."""
    frame = nw.from_native(table, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        return table
    absent = [name for name in names if name not in frame.columns]
    if absent:
        msg = (
            f"`X` must have the {len(names)} columns of `fit`; it lacks "
            f"{len(absent)}: {', '.join(map(repr, absent))}. It has {frame.columns}."
        )
        raise ValueError(msg)
    return frame.select(list(names)).to_native()
