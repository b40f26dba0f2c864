"""The only place that touches scikit-learn's privates or its differences by version.

Everything else imports these names from here, so that a change in scikit-learn is
mended in one file.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import FrameType
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
from sklearn.base import _fit_context as fit_context
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.metrics._scorer import _cached_call as cached_call
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils import check_array
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Interval,
    Options,
    StrOptions,
    validate_params,
)
from sklearn.utils._response import _check_response_method as check_response_method
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import _get_feature_names
from sklearn.utils.validation import _num_samples as num_samples
from sklearn.utils.validation import validate_data as validate_readable_data

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9 knows no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: no callbacks can be set on estimators of this scikit-learn."""


__all__ = [
    "BaseScorer",
    "CallbackSupportMixin",
    "HasMethods",
    "Hidden",
    "Interval",
    "MetadataRequest",
    "Options",
    "ScorerParts",
    "StrOptions",
    "cached_call",
    "check_response_method",
    "early_stopping_moves_columns",
    "enclosing_call",
    "fit_context",
    "is_handed_to_a_worker",
    "is_scored_by_a_search",
    "may_turn_into_a_score",
    "num_samples",
    "safe_indexing",
    "scorer_parts",
    "shared_response",
    "validate_data",
    "validate_params",
]


class _Columns:
    """The names and the shape of a data frame, in the form that pandas' frames have."""

    def __init__(self, frame: nw.DataFrame[Any]) -> None:
        self.shape = frame.shape
        self.names = frame.columns

    def __len__(self) -> int:
        return self.shape[0]

    def __dataframe__(self) -> "_Columns":
        return self

    def column_names(self) -> list[str]:
        return self.names


def validate_data(estimator: Any, X: Any, *, reset: bool = True, **options: Any) -> Any:
    """Check a table as scikit-learn does, and keep the names of its columns.

    scikit-learn before 1.9 learns them by the interchange protocol alone, which data
    frames of polars have given up: they would be read, and their names forgotten.
    """
    hides_names = not hasattr(X, "__dataframe__") and _get_feature_names(X) is None
    frame = nw.from_native(X, eager_only=True, pass_through=True) if hides_names else X
    if not isinstance(frame, nw.DataFrame) or not frame.columns:
        return validate_readable_data(estimator, X=X, reset=reset, **options)
    validate_readable_data(
        estimator, X=_Columns(frame), reset=reset, skip_check_array=True
    )
    if options.pop("skip_check_array", False):
        return X
    return check_array(X, input_name="X", estimator=estimator, **options)


def enclosing_call(
    *functions: str, package: str = "sklearn"
) -> Mapping[str, Any] | None:
    """Return the local variables of the nearest of a package's `functions`.

    A scorer is told the rows to score and no more: not whether its caller turns errors
    into NaN, nor that a column was permuted, nor which rows a fold was cut from. Those
    facts stand only in the frames that called it. None where no such function did.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name in functions and _package_of(frame) == package:
            return frame.f_locals
        frame = frame.f_back
    return None


def is_handed_to_a_worker() -> bool:
    """Tell whether joblib handed on the work, so that callers before it can't be seen.

    What cut columns off before that has left no trace here.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "__call__" and _package_of(frame) == "joblib":
            owner = frame.f_locals.get("self")
            if type(owner).__name__ == "BatchedCalls":
                return True
        frame = frame.f_back
    return False


def early_stopping_moves_columns() -> bool:
    """Tell whether histogram gradient boosting scores columns in an order of its own.

    It puts categorical columns first, which changes nothing where they already are.
    """
    call = enclosing_call("_check_early_stopping_scorer")
    is_categorical = None if call is None else call["self"].is_categorical_
    if is_categorical is None:
        return False
    return any(later and not first for first, later in pairwise(is_categorical))


def is_scored_by_a_search() -> bool:
    """Tell whether the `score` of a finished search calls the scorer."""
    call = enclosing_call("score")
    return call is not None and isinstance(call.get("self"), BaseSearchCV)


def may_turn_into_a_score() -> bool:
    """Tell whether a caller may make a NaN of an exception that a scorer raises.

    So does every search or cross-validation, near or around others, whose
    ``error_score`` is a number; what waits for a worker's result can't be seen.
    """
    frame = inspect.currentframe()
    while frame is not None:
        error_score = frame.f_locals.get("error_score", "raise")
        if error_score != "raise" and _package_of(frame) == "sklearn":
            return True
        frame = frame.f_back
    return is_handed_to_a_worker()


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


class ScorerParts(NamedTuple):
    """What a scorer of scikit-learn is made of."""

    function: Callable[..., float]
    sign: int
    options: Mapping[str, Any]
    response_method: str | Sequence[str]


def scorer_parts(scorer: BaseScorer) -> ScorerParts:
    """Take a scorer apart."""
    parts = vars(scorer)
    names = ("_score_func", "_sign", "_kwargs", "_response_method")
    return ScorerParts(*(parts[name] for name in names))


def shared_response(
    method_caller: Callable[..., Any],
    estimator: Any,
    method: str,
    X: Any,
    pos_label: Any,
) -> Any:
    """Ask a model once for all scorers of a search that ask the same.

    scikit-learn tells responses apart by the name of the method alone: of two scorers
    that ask for the probability of different classes, the second would be given that
    of the first one's class.
    """
    (cache,) = method_caller.args  # type: ignore[attr-defined]
    if cache is not None and method != "predict":
        cache = cache.setdefault((method, pos_label), {})
    return cached_call(cache, estimator, method, X, pos_label=pos_label)
