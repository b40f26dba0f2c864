"""What must a model be asked, so that a metric gets what it compares with the truth?"""

import functools
from collections.abc import Callable
from typing import Any

from sklearn.metrics import get_scorer, get_scorer_names

from sklearn_equity._sklearn_shims import ScorerParts, scorer_parts

__all__ = ["Response", "response_of", "scorers_by_function"]

# A method of a model, or several in order of preference.
Response = str | tuple[str, ...]


def response_of(function: Callable[..., Any]) -> Response:
    """Read off scikit-learn's own scorers what a metric function wants of a model."""
    known = scorers_by_function().get(function)
    if known is None:
        return "predict"
    method = known.response_method
    return method if isinstance(method, str) else tuple(method)


@functools.cache
def scorers_by_function() -> dict[Any, ScorerParts]:
    """List the functions for which scikit-learn has a scorer, with its parts."""
    table: dict[Any, ScorerParts] = {}
    for name in get_scorer_names():
        parts = scorer_parts(get_scorer(name))
        table.setdefault(parts.function, parts)
    return table
