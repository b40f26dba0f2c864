"""Which rows does an estimator keep back to stop early, and has it a copy of them?

An estimator that splits its training rows by itself would find copies of repeated rows
on both sides and go on for ever. So rows are split first, and only those to learn from
are repeated; the estimator is handed the others.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import has_fit_parameter

from sklearn_equity._sklearn_shims import safe_indexing

Rows = NDArray[np.intp]
_MANY_ROWS = 10_000  # beyond which histogram boosting's "auto" means early stopping


def keeps_rows_back(estimator: Any, n_rows: int) -> bool:
    """Tell whether an estimator splits off validation rows inside its ``fit``."""
    params = (
        estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    )
    if params.get("validation_fraction") is None:
        return False
    if "early_stopping" in params:
        stopping = params["early_stopping"]
        return n_rows > _MANY_ROWS if stopping == "auto" else bool(stopping)
    return params.get("n_iter_no_change") is not None


def split_first(
    estimator: Any, y: NDArray[Any], rows: Rows, *, n_rows: int
) -> tuple[Rows, Rows | None]:
    """Return the rows to repeat, and those to validate on if the estimator wants some.

    `n_rows` is how many the estimator would have got.
    """
    if not keeps_rows_back(estimator, n_rows):
        _refuse_hidden_splits(estimator, n_rows)
        return rows, None
    if not has_fit_parameter(estimator, "X_val"):
        _refuse(estimator)
    learn, validate = train_test_split(
        rows,
        test_size=estimator.validation_fraction,
        stratify=y[rows] if is_classifier(estimator) else None,
        random_state=0 if estimator.random_state is None else estimator.random_state,
    )
    return np.sort(learn), np.sort(validate)


def validation_params(
    X: Any, y: Any, validate: Rows, sample_weight: Any
) -> dict[str, Any]:
    """Return the arguments of ``fit`` that hand validation rows over."""
    params = {"X_val": safe_indexing(X, validate), "y_val": safe_indexing(y, validate)}
    if sample_weight is not None:
        params["sample_weight_val"] = safe_indexing(sample_weight, validate)
    return params


def _refuse_hidden_splits(estimator: Any, n_rows: int) -> None:
    """Refuse an estimator in a pipeline, say, that would split repeated rows."""
    if not hasattr(estimator, "get_params"):
        return
    for part in estimator.get_params(deep=True).values():
        if hasattr(part, "fit") and keeps_rows_back(part, n_rows):
            _refuse(part)


def _refuse(estimator: Any) -> None:
    msg = (
        f'`strategy`="duplicate" repeats rows, and {type(estimator).__name__} splits '
        "its training rows by itself to stop early: copies of a row would be on both "
        'sides. Use strategy="weight", turn its early stopping off, or, for an '
        "estimator whose fit takes X_val, let the oversampler be the last step of the "
        "pipeline rather than the pipeline be inside it."
    )
    raise ValueError(msg)
