"""Who calls the scorer, what has that done to the rows, and what does work there?

A scorer is handed tables that other tools have cut, shuffled or stripped of their
names. Which of them it was stands in the frames that called it; each leaves some
sources of subgroups usable, and a refusal names those.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import narwhals.stable.v2 as nw

from sklearn_equity._checks import index_of
from sklearn_equity._sklearn_shims import (
    early_stopping_moves_columns,
    enclosing_call,
    is_handed_to_a_worker,
    may_turn_into_a_score,
)
from sklearn_equity.exceptions import ScorerError

__all__ = [
    "UndefinedMetricError",
    "first_index",
    "is_early_stopping",
    "may_lack_columns",
    "never_as_a_nan",
    "no_columns",
    "no_index_to_compare",
    "no_source",
    "what_works",
]


# ---------------------------------------------------------------------------------
# What becomes of an error
# ---------------------------------------------------------------------------------
class UndefinedMetricError(ValueError):
    """A metric has no value for what a model answers, whoever is asked.

    That is the candidate's fault and not the set-up's: it is left to ``error_score``.
    """


@contextmanager
def never_as_a_nan() -> Iterator[None]:
    """Let no caller make a NaN of an error that is no fault of the model."""
    try:
        yield
    except UndefinedMetricError:
        raise
    except Exception as error:
        if not may_turn_into_a_score():
            raise
        raise ScorerError(str(error)) from error


# ---------------------------------------------------------------------------------
# What still tells whose row is whose
# ---------------------------------------------------------------------------------
def first_index(X: Any, y: Any) -> Any:
    """Return the index of X, else of y, unless permutation_test_score shuffles y."""
    index = index_of(X, name="X")
    if index is not None or _is_permuting_the_target():
        return index
    return index_of(y, name="y")


# ---------------------------------------------------------------------------------
# What a refusal says
# ---------------------------------------------------------------------------------
def no_source(argument: str, metadata_name: str, X: Any, y: Any) -> str:
    """Say that no source was given, and list those that there are."""
    message = f"The scorer got no `{argument}`: it does not know which row is whose. "
    if is_early_stopping() or _is_permuting_a_column() or _is_scoring_predictions():
        return message + what_works(argument, y)
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
    if first_index(X, y) is not None:
        sources.append("Series with the index of the rows")
    if X is not None and not may_lack_columns(X):
        sources.append("function of X")
    if not sources:
        return "What works here: "
    return f"Say where to find them, {argument}=<{' or '.join(sources)}>; or "


def no_index_to_compare(argument: str, X: Any, y: Any) -> str:
    """Say that the order of metadata can't be told to be that of the rows."""
    table = "no X" if X is None else f"X ({type(X).__name__})"
    return (
        f"`{argument}` has an index, but neither {table} nor y ({type(y).__name__}) "
        "has one here that tells whose row is whose, so they can't be told to be in "
        "the same order. Put it in the order of the table that you gave, and pass it "
        f"without an index: {argument}.to_numpy()."
    )


def what_works(argument: str, y: Any, *, y_is_permuted: bool = False) -> str:
    """Name the source that works where the one asked for can't."""
    if is_early_stopping():
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
    if y_is_permuted or _is_permuting_the_target():
        return (
            "What works here, where y is permuted and its index with it: a pandas data "
            "frame as X, whose index stays; or metadata without an index. Make the "
            f"scorer without `{argument}`, switch on "
            "sklearn.set_config(enable_metadata_routing=True) and pass "
            "params={...} with a NumPy array."
        )
    if index_of(y, name="y") is not None:
        return (
            f"What works here: `{argument}` as a pandas Series with the index of y, "
            "which finds its rows by the index that y kept."
        )
    return (
        f"What works here: metadata. Make the scorer without `{argument}`, switch on "
        "sklearn.set_config(enable_metadata_routing=True) and pass the values, as a "
        "NumPy array, to fit or as params={...}."
    )


def no_columns(source: Any, X: Any, y: Any, *, by_position: bool = False) -> str:
    """Say why the table is of no use here, and which source does work."""
    if early_stopping_moves_columns():
        why = "early stopping hands a scorer bin numbers, categorical columns first. "
    elif is_early_stopping():
        why = "early stopping hands a scorer bin numbers without column names. "
    elif _is_scoring_predictions():
        why = "ridge regression hands a scorer its predictions in place of X. "
    elif X is None:
        why = "TunedThresholdClassifierCV hands a scorer no table. "
    elif by_position and is_handed_to_a_worker():
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
    return asked + why + what_works(source.argument, y)


def is_early_stopping() -> bool:
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


def may_lack_columns(X: Any) -> bool:
    """Tell whether positions in X may mean other columns than in the caller's table."""
    if _is_selection_of_features() or _is_scoring_predictions():
        return True
    return not _has_column_names(X) and is_handed_to_a_worker()


def _has_column_names(X: Any) -> bool:
    native = nw.from_native(X, eager_only=True, pass_through=True)
    return isinstance(native, nw.DataFrame)
