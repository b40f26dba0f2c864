"""Where does a scorer find one value for each row that it is handed?

A scorer sees the rows of one fold, in a tool of scikit-learn's choosing. So its labels
must come from something that survives cutting: a column of the table, a rule that needs
only the table, a Series whose index finds the rows, or metadata that is cut with them.
"""

import reprlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Protocol, Self

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._checks import index_of, take_columns
from sklearn_equity._label_text import format_label
from sklearn_equity._sklearn_shims import (
    early_stopping_moves_columns,
    enclosing_call,
    is_scored_by_a_search,
)
from sklearn_equity.fidelity import QuantileBands
from sklearn_equity.scorers._callers import (
    first_index,
    is_early_stopping,
    may_lack_columns,
    no_columns,
    no_index_to_compare,
    no_source,
    what_works,
)

__all__ = ["MetadataSource", "Source", "make_source"]

_MOST_COLUMNS = 20  # whoever lists more names has listed the labels of rows
_NO_LABELS = (
    "An array or list of labels can't follow its rows into the folds: pass it as "
    "metadata, or as a Series with the index of X."
)


class Source(Protocol):
    """Where a scorer finds one value a row."""

    @property
    def argument(self) -> str:
        """The argument of the scorer that these values are for."""

    def take(self, X: Any, y: Any, metadata: Any) -> Any:
        """Return the values of the rows of `X`, or say what can't work and what can."""


# ---------------------------------------------------------------------------------
# The sources, in the order in which users meet them
# ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class ColumnSource:
    """Columns of the table; a number may be cut into bands of its quantiles."""

    argument: str
    columns: tuple[str, ...]
    bands: tuple[int | QuantileBands | None, ...]

    def __repr__(self) -> str:
        parts = [
            repr(column) if cut is None else f"({column!r}, {_n_bands(cut)})"
            for column, cut in zip(self.columns, self.bands, strict=True)
        ]
        return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"

    def take(self, X: Any, y: Any, metadata: Any) -> Any:
        """Return the columns, numbers cut into bands."""
        _refuse_metadata(metadata, self.argument)
        frame = self._select(X, y)
        if all(cut is None for cut in self.bands):
            return frame[self.columns[0]] if len(self.columns) == 1 else frame
        whole = self._select(self._rows_to_learn_from(X), y)
        cut_columns = [
            frame[column].to_numpy()
            if cut is None
            else _fitted_bands(cut, whole[column]).label(frame[column].to_numpy())
            for column, cut in zip(self.columns, self.bands, strict=True)
        ]
        if len(cut_columns) == 1:
            return cut_columns[0]
        return np.column_stack([column.astype(object) for column in cut_columns])

    def _rows_to_learn_from(self, X: Any) -> Any:
        """Return all rows that a surrounding cross-validation cuts, else those scored.

        Bands learnt from each fold would mean other people in every fold; bands
        remembered from the first fold seen would depend on the number of workers. What
        a search learnt it does not keep, so that its score would mean others again.
        """
        call = enclosing_call("_fit_and_score", "_permutation_test_score")
        if call is not None:
            return call["X"]
        if is_scored_by_a_search() and not all(
            cut is None or isinstance(cut, QuantileBands) for cut in self.bands
        ):
            column, n_bands = next(
                (column, _n_bands(cut))
                for column, cut in zip(self.columns, self.bands, strict=True)
                if isinstance(cut, int)
            )
            msg = (
                f"`{self.argument}`={self!r}: the bands were learnt during the search "
                "and are not kept; of the rows scored they would be others, and the "
                "score could not be compared. Fix them before the search: "
                f'("{column}", QuantileBands({n_bands}).fit(X["{column}"])).'
            )
            raise ValueError(msg)
        return X

    def _select(self, X: Any, y: Any) -> nw.DataFrame[Any]:
        try:
            return take_columns(X, self.columns, name=self.argument)
        except TypeError as error:
            raise TypeError(no_columns(self, X, y)) from error


@dataclass(frozen=True)
class SegmenterSource:
    """What a fitted segmenter, or a pipeline that ends in one, predicts."""

    argument: str
    segmenter: Any

    def __repr__(self) -> str:
        return type(self.segmenter).__name__

    def take(self, X: Any, y: Any, metadata: Any) -> Any:
        """Return the segments of the rows."""
        _refuse_metadata(metadata, self.argument)
        if X is None or is_early_stopping():
            raise TypeError(no_columns(self, X, y))
        columns = getattr(self.segmenter, "feature_names_in_", None)
        if columns is None:
            if may_lack_columns(X):
                raise TypeError(no_columns(self, X, y))
            return self.segmenter.predict(X)
        try:
            frame = take_columns(X, list(columns), name=self.argument)
        except TypeError as error:
            raise TypeError(no_columns(self, X, y)) from error
        return self.segmenter.predict(frame.to_native())


@dataclass(frozen=True, eq=False)
class IndexedSource:
    """A pandas Series or frame in which the index of X, or of y, finds the rows."""

    argument: str
    values: Any
    y_is_permuted: bool = False

    def __repr__(self) -> str:
        return f"<{type(self.values).__name__} by index>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Remember whether the copy is for a search whose y will be permuted.

        Workers of that search are handed y with its index permuted too, and can't see
        that permutation_test_score stands before them; but it clones the search first.
        """
        permuted = enclosing_call("permutation_test_score") is not None
        return replace(self, y_is_permuted=self.y_is_permuted or permuted)

    def take(self, X: Any, y: Any, metadata: Any) -> Any:
        """Return the rows that the index names, in its order."""
        _refuse_metadata(metadata, self.argument)
        rows = index_of(X, name="X") if self.y_is_permuted else first_index(X, y)
        if rows is None:
            cure = what_works(self.argument, y, y_is_permuted=self.y_is_permuted)
            msg = (
                f"`{self.argument}` is looked up by index, but neither X "
                f"({type(X).__name__}) nor y ({type(y).__name__}) has one here that "
                f"tells whose row is whose. {cure}"
            )
            raise TypeError(msg)
        positions = index_of(self.values, name="subgroups").get_indexer(rows)
        lost = positions < 0
        if lost.any():
            msg = (
                f"`{self.argument}` has no value for {int(lost.sum())} of {len(rows)} "
                f"rows, such as that with index {format_label(rows[lost][0])}. Give it "
                "a value for every row that is scored."
            )
            raise ValueError(msg)
        return self.values.iloc[positions]


@dataclass(frozen=True)
class FunctionSource:
    """A function of the table."""

    argument: str
    function: Callable[[Any], Any]

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def take(self, X: Any, y: Any, metadata: Any) -> Any:
        """Return what the function makes of the rows."""
        _refuse_metadata(metadata, self.argument)
        if X is None or early_stopping_moves_columns() or may_lack_columns(X):
            raise TypeError(no_columns(self, X, y, by_position=True))
        return self.function(X)


@dataclass(frozen=True)
class MetadataSource:
    """The values that the caller hands over beside X and y."""

    argument: str
    metadata_name: str

    def __repr__(self) -> str:
        return "None"

    def take(self, X: Any, y: Any, metadata: Any) -> Any:
        """Return the metadata, if its rows are those of the table."""
        if metadata is None:
            raise ValueError(no_source(self.argument, self.metadata_name, X, y))
        own, rows = index_of(metadata, name="subgroups"), first_index(X, y)
        if own is None:
            return metadata
        if rows is None:
            if np.array_equal(own, np.arange(len(own))):  # no more than positions
                return metadata
            raise ValueError(no_index_to_compare(self.argument, X, y))
        if not own.equals(rows):
            msg = (
                f"`{self.argument}` and the rows scored have different indexes, so "
                "they can't be told to be in the same order. Reorder it by the "
                f"table's index, {self.argument}.loc[X.index]; or, if the rows do "
                "match, pass it without an index, as a NumPy array."
            )
            raise ValueError(msg)
        return metadata


# ---------------------------------------------------------------------------------
# Which source is meant
# ---------------------------------------------------------------------------------
def make_source(values: Any, *, argument: str, metadata_name: str) -> Source:
    """Recognise what a person gives as the source of `argument`."""
    if metadata_name == "groups":
        msg = (
            '`metadata_name` can\'t be "groups": scikit-learn passes metadata of that '
            "name to the splitter, whose groups (patients, hospitals) would become the "
            'subgroups. Use another name, such as "wards".'
        )
        raise ValueError(msg)
    if values is None:
        return MetadataSource(argument, metadata_name)
    if _names_columns(values):
        return _column_source(values, argument)
    if index_of(values, name="subgroups") is not None:
        return _indexed_source(values, argument)
    if hasattr(values, "predict") and not isinstance(values, type):
        return _segmenter_source(values, argument)
    if callable(values) and not isinstance(values, type):
        return FunctionSource(argument, values)
    msg = (
        f"`{argument}` must be a column name or several, a column cut into bands such "
        'as ("age", 4), a fitted segmenter, a pandas Series looked up by its index, a '
        f"function of X, or None for metadata; got {_kind(values)}. {_NO_LABELS}"
    )
    raise TypeError(msg)


def _names_columns(values: Any) -> bool:
    if isinstance(values, str):
        return True
    return (
        isinstance(values, list | tuple)
        and 0 < len(values) <= _MOST_COLUMNS
        and isinstance(values[0], str | tuple)
    )


def _kind(values: Any) -> str:
    listed = isinstance(values, list | tuple)
    return type(values).__name__ + (f" of {len(values):,}" if listed else "")


def _column_source(values: Any, argument: str) -> ColumnSource:
    several = isinstance(values, list) or (
        isinstance(values, tuple) and isinstance(values[-1], str | tuple)
    )
    parts = [_column_part(part, argument) for part in (values if several else [values])]
    columns = tuple(column for column, _ in parts)
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        msg = (
            f"`{argument}` must name each column once; got {twice!r} more than once. "
            + _NO_LABELS
        )
        raise ValueError(msg)
    return ColumnSource(argument, columns, tuple(cut for _, cut in parts))


def _column_part(part: Any, argument: str) -> tuple[str, int | QuantileBands | None]:
    if isinstance(part, str):
        return part, None
    if isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], str):
        column, cut = part
        if isinstance(cut, QuantileBands):
            return column, cut
        if isinstance(cut, Integral) and not isinstance(cut, bool):
            return column, QuantileBands(int(cut)).n_bands  # refuses fewer than 2
    msg = (
        f"`{argument}` must name columns as text, or a column and a number of bands "
        f'such as ("age", 4); got {reprlib.repr(part)}.'
    )
    raise TypeError(msg)


def _indexed_source(values: Any, argument: str) -> IndexedSource:
    index = index_of(values, name="subgroups")
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        msg = (
            f"`{argument}` must have an index without repeats, or it can't be looked "
            f"up; {format_label(twice)} occurs more than once. Reset the index of the "
            "table first, table.reset_index(drop=True), and take the Series from it."
        )
        raise ValueError(msg)
    return IndexedSource(argument, values)


def _segmenter_source(segmenter: Any, argument: str) -> SegmenterSource:
    try:
        check_is_fitted(segmenter)
    except NotFittedError as error:
        msg = (
            f"`{argument}` must be a fitted segmenter; this {type(segmenter).__name__} "
            "is not. Call its fit on training rows first: a scorer measures, it does "
            "not learn."
        )
        raise ValueError(msg) from error
    return SegmenterSource(argument, segmenter)


def _refuse_metadata(metadata: Any, argument: str) -> None:
    if metadata is not None:
        msg = (
            f"`{argument}` came twice: as an argument of the scorer and beside X and "
            "y. Leave one out."
        )
        raise ValueError(msg)


def _n_bands(cut: int | QuantileBands) -> int:
    return cut.n_bands if isinstance(cut, QuantileBands) else cut


def _fitted_bands(cut: int | QuantileBands, values: nw.Series[Any]) -> QuantileBands:
    if isinstance(cut, QuantileBands):
        return cut
    return QuantileBands(cut).fit(values.to_numpy())
