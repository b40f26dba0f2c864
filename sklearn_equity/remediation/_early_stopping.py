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

from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.remediation._inner_splits import (
    MANY_ROWS,
    keeps_rows_back,
    parts_of,
)

Rows = NDArray[np.intp]


def split_first(
    estimator: Any, y: NDArray[Any], rows: Rows
) -> tuple[Rows, Rows | None]:
    """Return the rows to repeat, and those to validate on if the estimator wants some.

    An estimator that wants some takes them ready-made: others were refused before.
    """
    if not keeps_rows_back(estimator, len(rows)):
        return rows, None
    seed = getattr(estimator, "random_state", None)
    learn, validate = train_test_split(
        rows,
        test_size=estimator.validation_fraction,
        stratify=y[rows] if is_classifier(estimator) else None,
        random_state=0 if seed is None else seed,
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


def stop_by_people(model: Any, n_people: int) -> None:
    """Let "auto" early stopping go by the number of people, not of their copies."""
    if n_people > MANY_ROWS:
        return
    for path, part in parts_of(model):
        if getattr(part, "early_stopping", None) == "auto":
            model.set_params(**{f"{path}early_stopping": False})
