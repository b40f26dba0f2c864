"""The only place that touches scikit-learn's privates or its differences by version.

Everything else imports these names from here, so that a change in scikit-learn is
mended in one file.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.utils import _safe_indexing as safe_indexing
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
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "BaseScorer",
    "HasMethods",
    "Hidden",
    "Interval",
    "MetadataRequest",
    "Options",
    "StrOptions",
    "check_response_method",
    "enclosing_call",
    "fit_context",
    "num_samples",
    "safe_indexing",
    "validate_params",
]


def enclosing_call(*functions: str) -> Mapping[str, Any] | None:
    """Return the local variables of the nearest of scikit-learn's `functions`.

    A scorer is told the rows to score and no more: not whether its caller turns errors
    into NaN, nor that a column was permuted, nor which rows a fold was cut from. Those
    facts stand only in the frames that called it. None where no such function did.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name in functions and _is_scikit_learn(frame.f_globals):
            return frame.f_locals
        frame = frame.f_back
    return None


def _is_scikit_learn(module_globals: Mapping[str, Any]) -> bool:
    return str(module_globals.get("__name__")).startswith("sklearn.")
