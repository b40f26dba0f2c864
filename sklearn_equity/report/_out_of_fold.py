"""What did the models of a cross-validation answer, each for people it had not seen?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._sklearn_shims import num_samples, safe_indexing
from sklearn_equity.fidelity import Metric
from sklearn_equity.report._answers import prepare_response

_HOW = "cross_validate(..., return_estimator=True, return_indices=True)"


@dataclass(frozen=True)
class OutOfFold:
    """The rows that were held out in some fold, with truth and answer of each.

    Attributes
    ----------
    rows : ndarray of shape (n_held_out,)
        Their positions, ascending.
    y_true, y_pred : ndarray of shape (n_held_out,)
        The outcome, and what the model of the fold answered.
    """

    rows: NDArray[np.intp]
    y_true: NDArray[np.float64]
    y_pred: NDArray[np.float64]

    def of(self, column: Any) -> Any:
        """Return those rows of a column or a table."""
        return safe_indexing(column, self.rows)


def pool_folds(
    cv_results: Mapping[str, Any], X: Any, y: ArrayLike, metric: Metric
) -> OutOfFold:
    """Ask the model of each fold about the people who were held out of it."""
    n_rows = num_samples(X)
    tests = _test_rows(cv_results, n_rows)
    y_true, y_pred = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
    for estimator, rows in zip(cv_results["estimator"], tests, strict=True):
        truth, respond = prepare_response(estimator, safe_indexing(y, rows), metric)
        y_true[rows], y_pred[rows] = truth, respond(safe_indexing(X, rows))
    held_out = np.sort(np.concatenate(tests))
    return OutOfFold(held_out, y_true[held_out], y_pred[held_out])


def _test_rows(cv_results: Mapping[str, Any], n_rows: int) -> list[NDArray[np.intp]]:
    if not {"estimator", "indices"} <= set(cv_results):
        came = ", ".join(sorted(map(str, cv_results)))
        msg = (
            "`cv_results` must hold the models and the rows of each fold, as those of "
            f"{_HOW}; got {came}."
        )
        raise ValueError(msg)
    tests = [np.asarray(rows, dtype=np.intp) for rows in cv_results["indices"]["test"]]
    every = np.concatenate(tests)
    if every.max() >= n_rows:
        msg = (
            f"`X` must be the rows that were cross-validated; it has {n_rows}, and the "
            f"folds have row {every.max()}."
        )
        raise ValueError(msg)
    if len(np.unique(every)) < len(every):
        msg = (
            "`cv_results` must hold out each row at most once; repeated splits would "
            "count people more than once. Use KFold or GroupKFold."
        )
        raise ValueError(msg)
    return tests
