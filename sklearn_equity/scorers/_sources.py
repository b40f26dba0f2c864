"""Where does a scorer find one value for each row that it is handed?

A scorer sees the rows of one fold, in a tool of scikit-learn's choosing. So its labels
must come from something that survives cutting: a column of the table, a rule that needs
only the table, a Series whose index finds the rows, or metadata that is cut with them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._checks import format_label, take_columns
from sklearn_equity._sklearn_shims import (
    early_stopping_moves_columns,
    enclosing_call,
    is_handed_to_a_worker,
)
from sklearn_equity.fidelity import QuantileBands

__all__ = ["MetadataSource", "Source", "make_source"]


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
        whole = self._select(_rows_to_learn_from(X), y)
        cut_columns = [
            frame[column].to_numpy()
            if cut is None
            else _fitted_bands(cut, whole[column]).label(frame[column].to_numpy())
            for column, cut in zip(self.columns, self.bands, strict=True)
        ]
        if len(cut_columns) == 1:
            return cut_columns[0]
        return np.column_stack([column.astype(object) for column in cut_columns])

    def _select(self, X: Any, y: Any) -> nw.DataFrame[Any]:
        try:
            return take_columns(X, self.columns, name=self.argument)
        except TypeError as error:
            raise TypeError(_no_columns(self, X, y)) from error


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
        if X is None or _is_early_stopping():
            raise TypeError(_no_columns(self, X, y))
        columns = getattr(self.segmenter, "feature_names_in_", None)
        if columns is None:
            if _may_lack_columns(X):
                raise TypeError(_no_columns(self, X, y))
            return self.segmenter.predict(X)
        try:
            frame = take_columns(X, list(columns), name=self.argument)
        except TypeError as error:
            raise TypeError(_no_columns(self, X, y)) from error
        return self.segmenter.predict(frame.to_native())


@dataclass(frozen=True, eq=False)
class IndexedSource:
    """A pandas Series or frame in which the index of X, or of y, finds the rows."""

    argument: str
    values: Any

    def __repr__(self) -> str:
        return f"<{type(self.values).__name__} by index>"

    def take(self, X: Any, y: Any, metadata: Any) -> Any:
        """Return the rows that the index names, in its order."""
        _refuse_metadata(metadata, self.argument)
        rows = _first_index(X, y)
        if rows is None:
            msg = (
                f"`{self.argument}` is looked up by index, but neither X "
                f"({type(X).__name__}) nor y ({type(y).__name__}) has one here that "
                "tells whose row is whose. " + _what_works(self.argument, y)
            )
            raise TypeError(msg)
        positions = _index_of(self.values).get_indexer(rows)
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
        if X is None or early_stopping_moves_columns() or _may_lack_columns(X):
            raise TypeError(_no_columns(self, X, y))
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
            raise ValueError(_no_source(self.argument, self.metadata_name, X, y))
        own, rows = _index_of(metadata), _first_index(X, y)
        if own is None:
            return metadata
        if rows is None:
            if np.array_equal(own, np.arange(len(own))):  # no more than positions
                return metadata
            raise ValueError(_no_index_to_compare(self.argument, X, y))
        if not own.equals(rows):
            msg = (
                f"`{self.argument}` and the rows scored have different indexes, so "
                "they can't be told to be in the same order. Reorder it by the "
                f"table's index, {self.argument}.loc[X.index]; or, if the rows do "
                "match, pass it without an index, as a NumPy array."
            )
            raise ValueError(msg)
        return metadata


TableSource = ColumnSource | SegmenterSource | FunctionSource


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
    if _index_of(values) is not None:
        return _indexed_source(values, argument)
    if hasattr(values, "predict") and not isinstance(values, type):
        return _segmenter_source(values, argument)
    if callable(values) and not isinstance(values, type):
        return FunctionSource(argument, values)
    msg = (
        f"`{argument}` must be a column name or several, a column cut into bands such "
        'as ("age", 4), a fitted segmenter, a pandas Series looked up by its index, a '
        f"function of X, or None for metadata; got {type(values).__name__}. An array "
        "can't follow its rows into the folds: pass it as metadata, or as a Series "
        "with the index of X."
    )
    raise TypeError(msg)


def _names_columns(values: Any) -> bool:
    if isinstance(values, str):
        return True
    return (
        isinstance(values, list | tuple)
        and len(values) > 0
        and isinstance(values[0], str | tuple)
    )


def _column_source(values: Any, argument: str) -> ColumnSource:
    several = isinstance(values, list) or (
        isinstance(values, tuple) and isinstance(values[-1], str | tuple)
    )
    parts = [_column_part(part, argument) for part in (values if several else [values])]
    columns = tuple(column for column, _ in parts)
    if len(set(columns)) < len(columns):
        msg = f"`{argument}` must name each column once; got {list(columns)}."
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
        f'such as ("age", 4); got {part!r}.'
    )
    raise TypeError(msg)


def _indexed_source(values: Any, argument: str) -> IndexedSource:
    index = _index_of(values)
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


# ---------------------------------------------------------------------------------
# What the sources share
# ---------------------------------------------------------------------------------
def _no_source(argument: str, metadata_name: str, X: Any, y: Any) -> str:
    """Say that no source was given, and list those that there are."""
    message = f"The scorer got no `{argument}`: it does not know which row is whose. "
    if _is_early_stopping() or _is_permuting_a_column() or _is_scoring_predictions():
        return message + _what_works(argument, y)
    return (
        message
        + _possible_sources(argument, X, y)
        + (
            "pass them as metadata: sklearn.set_config(enable_metadata_routing=True), "
            f"then fit(..., {metadata_name}=values) or "
            f"params={{{metadata_name!r}: values}}."
        )
    )


def _possible_sources(argument: str, X: Any, y: Any) -> str:
    sources = []
    if _has_column_names(X):
        sources += ["a column's name", "fitted segmenter"]
    if _first_index(X, y) is not None:
        sources.append("Series with the index of the rows")
    if X is not None and not _may_lack_columns(X):
        sources.append("function of X")
    if not sources:
        return "What works here: "
    return f"Say where to find them, {argument}=<{' or '.join(sources)}>; or "


def _no_index_to_compare(argument: str, X: Any, y: Any) -> str:
    """Say that the order of metadata can't be told to be that of the rows."""
    table = "no X" if X is None else f"X ({type(X).__name__})"
    return (
        f"`{argument}` has an index, but neither {table} nor y ({type(y).__name__}) "
        "has one here that tells whose row is whose, so they can't be told to be in "
        "the same order. Put it in the order of the table that you gave, and pass it "
        f"without an index: {argument}.to_numpy()."
    )


def _what_works(argument: str, y: Any) -> str:
    """Name the source that works where the one asked for can't."""
    if _is_early_stopping():
        if early_stopping_moves_columns() or is_handed_to_a_worker():
            return (
                "Nothing works here: set early_stopping=False, and let a search with "
                "this scorer choose max_iter."
            )
        return (
            "What works here: a function of X that returns one column by its position, "
            f"{argument}=lambda X: X[:, 0]."
        )
    if _is_permuting_a_column():
        return (
            f"What works here: `{argument}` as a pandas Series with the index of X, "
            "or of y where X is an array."
        )
    if _is_permuting_the_target():
        return (
            "What works here, where y is permuted and its index with it: a pandas data "
            "frame as X, whose index stays; or metadata without an index. Make the "
            f"scorer without `{argument}`, switch on "
            "sklearn.set_config(enable_metadata_routing=True) and pass "
            "params={...} with a NumPy array."
        )
    if _index_of(y) is not None:
        return (
            f"What works here: `{argument}` as a pandas Series with the index of y, "
            "which finds its rows by the index that y kept."
        )
    return (
        f"What works here: metadata. Make the scorer without `{argument}`, switch on "
        "sklearn.set_config(enable_metadata_routing=True) and pass the values, as a "
        "NumPy array, to fit or as params={...}."
    )


def _no_columns(source: "TableSource", X: Any, y: Any) -> str:
    """Say why the table is of no use here, and which source does work."""
    if early_stopping_moves_columns():
        why = "early stopping hands a scorer bin numbers, categorical columns first. "
    elif _is_early_stopping():
        why = "early stopping hands a scorer bin numbers without column names. "
    elif _is_scoring_predictions():
        why = "ridge regression hands a scorer its predictions in place of X. "
    elif X is None:
        why = "TunedThresholdClassifierCV hands a scorer no table. "
    elif isinstance(source, FunctionSource) and is_handed_to_a_worker():
        why = (
            f"it was handed a {type(X).__name__} without column names by one of "
            "several workers, which can't tell whether columns were left out before. "
            "n_jobs=None works, or a data frame with its names. "
        )
    else:
        why = (
            f"the scorer was handed a {type(X).__name__} without column names: a step "
            "before it (a transformer in front of a search, RFECV, "
            "SequentialFeatureSelector) made a bare array of it. "
        )
    asked = f"`{source.argument}`={source!r} reads columns of the table, but "
    return asked + why + _what_works(source.argument, y)


def _is_early_stopping() -> bool:
    """Tell whether histogram gradient boosting calls the scorer during its fit."""
    return enclosing_call("_check_early_stopping_scorer") is not None


def _is_permuting_a_column() -> bool:
    """Tell whether a column of X is shuffled to see what the model makes of it."""
    functions = "permutation_importance", "_calculate_permutation_scores"
    return enclosing_call(*functions) is not None


def _is_permuting_the_target() -> bool:
    """Tell whether y, and its index with it, no longer belongs to the rows of X."""
    return enclosing_call("_permutation_test_score") is not None


def _is_selection_of_features() -> bool:
    """Tell whether columns are left out one by one, so that positions mean nothing."""
    return enclosing_call("_rfe_single_fit", "_get_best_new_feature_score") is not None


def _is_scoring_predictions() -> bool:
    """Tell whether ridge regression hands its own predictions over in place of X."""
    call = enclosing_call("_score")
    return call is not None and "predictions" in call


def _may_lack_columns(X: Any) -> bool:
    """Tell whether positions in X may mean other columns than in the caller's table."""
    if _is_selection_of_features() or _is_scoring_predictions():
        return True
    return not _has_column_names(X) and is_handed_to_a_worker()


def _has_column_names(X: Any) -> bool:
    native = nw.from_native(X, eager_only=True, pass_through=True)
    return isinstance(native, nw.DataFrame)


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


def _rows_to_learn_from(X: Any) -> Any:
    """Return all rows that a surrounding cross-validation cuts, else the rows scored.

    Bands learnt from each fold would mean other people in every fold; bands remembered
    from the first fold seen would depend on the number of workers.
    """
    call = enclosing_call("_fit_and_score", "_permutation_test_score")
    return X if call is None else call["X"]


def _index_of(table: Any) -> Any:
    """Return the row index of a pandas-like Series or frame; None for all others."""
    native = nw.from_native(
        table, eager_only=True, allow_series=True, pass_through=True
    )
    if isinstance(native, nw.DataFrame | nw.Series):
        return nw.maybe_get_index(native)
    return None


def _first_index(X: Any, y: Any) -> Any:
    """Return the index of X, else of y, unless permutation_test_score shuffles y."""
    index = _index_of(X)
    if index is not None or _is_permuting_the_target():
        return index
    return _index_of(y)
