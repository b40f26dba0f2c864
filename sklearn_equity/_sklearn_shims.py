"""The only place that touches scikit-learn's privates or its differences by version.

Everything else imports these names from here, so that a change in scikit-learn is
mended in one file.
"""

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
    "fit_context",
    "num_samples",
    "safe_indexing",
    "validate_params",
]
