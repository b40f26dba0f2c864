"""Which inputs, folds and regressors can flexible models be made of?"""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, check_cv

from sklearn_equity._numbers import check_numbers, refuse_overflow, to_array

__all__ = ["check_folds", "check_inputs", "check_regressor"]

Matrix = NDArray[np.float64]
Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]
_NAMES_SHOWN = 5


def check_inputs(X: ArrayLike, n_rows: int, *, rows_of: str = "y") -> Matrix:
    """Return inputs as finite numbers or NaN, a column of which tells something."""
    columns = list(_columns(X))
    for _, values in columns[:1]:
        if len(values) != n_rows:
            msg = f"`X` must have one row per row of `{rows_of}` ({n_rows}); "
            raise ValueError(msg + f"got {len(values)}.")
    text = [name for name, values in columns if _holds_text(values)]
    if text:
        msg = (
            f"`X` must hold numbers; got text in {_list(text, len(columns))}. One-hot "
            "encode it first: make_column_transformer((OneHotEncoder(sparse_output="
            'False), columns), remainder="passthrough").fit_transform(X).'
        )
        raise ValueError(msg)
    inputs = np.column_stack(
        [
            check_numbers(values, name=f"X[{name}]", allow_nan=True)
            for name, values in columns
        ]
    )
    refuse_overflow(np.nan_to_num(inputs), name="X")
    unknown = np.isnan(inputs).all(axis=0)
    if unknown.any():
        empty = [columns[i][0] for i in np.flatnonzero(unknown)]
        msg = (
            "`X` must hold a value in every column; got NaN in all rows of "
            f"{_list(empty, len(columns))}. Leave it out."
        )
        raise ValueError(msg)
    return inputs


def _columns(X: ArrayLike) -> Iterator[tuple[str, NDArray[Any]]]:
    """Name the columns of a data frame, or number those of an array."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame) and frame.columns:
        for column in frame.columns:
            yield repr(column), frame.get_column(column).to_numpy()
        return
    if issparse(X):
        msg = (
            "`X` must be dense; got a sparse matrix. Pass X.toarray(), or encode with "
            "OneHotEncoder(sparse_output=False)."
        )
        raise ValueError(msg)
    array = X if isinstance(X, np.ndarray) else to_array(X, name="X", dtype=object)
    if array.ndim != 2 or array.shape[1] == 0:
        msg = (
            "`X` must have two dimensions, a row for each row of `y` and a column for "
            f"each input; got shape {array.shape}. One input alone is X.reshape(-1, 1)."
        )
        raise ValueError(msg)
    for number, values in enumerate(array.T):
        yield f":, {number}", values


def _holds_text(values: NDArray[Any]) -> bool:
    if values.dtype.kind != "O":
        return values.dtype.kind in "US"
    return any(isinstance(value, str | bytes) for value in values)


def _list(names: list[str], n_columns: int) -> str:
    shown = ", ".join(f"X[{name}]" for name in names[:_NAMES_SHOWN])
    more = " and others" if len(names) > _NAMES_SHOWN else ""
    return f"{len(names)} of {n_columns} columns ({shown}{more})"


def check_regressor(estimator: Any) -> None:
    """Refuse what can't be fitted to numbers and predict them."""
    if estimator is None:
        return
    fits = all(hasattr(estimator, name) for name in ("fit", "predict", "get_params"))
    if not fits or isinstance(estimator, type) or is_classifier(estimator):
        msg = (
            "`estimator` must be a regressor, such as HistGradientBoostingRegressor(); "
            f"got {estimator!r}. It is fitted to numbers also where the outcome is 0 "
            "or 1."
        )
        raise ValueError(msg)


def check_folds(
    cv: Any, inputs: Matrix, outcome: NDArray[np.float64], rng: np.random.RandomState
) -> Folds:
    """Return the folds, of which each row is held out by one."""
    n_rows = len(outcome)
    if isinstance(cv, Integral):
        if isinstance(cv, bool) or not 2 <= int(cv) <= n_rows:
            msg = (
                "`cv` must be a number of folds, at least 2 and at most one for each "
                f"of the {n_rows} rows, a splitter or an iterable; got {cv!r}."
            )
            raise ValueError(msg)
        splitter = KFold(int(cv), shuffle=True, random_state=rng)
    else:
        try:
            splitter = check_cv(cv)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`cv` must be a splitter or an iterable: {error}"
            ) from error
    try:
        folds: Folds = [(a, b) for a, b in splitter.split(inputs, outcome)]
    except (TypeError, ValueError) as error:
        msg = f"`cv` must give pairs of training and held-out rows: {error}."
        raise ValueError(msg) from error
    if not folds:
        raise ValueError("`cv` must hold out every row once; got no folds.")
    held_out = np.bincount(
        np.concatenate([rows for _, rows in folds]), minlength=n_rows
    )
    if (held_out != 1).any():
        msg = (
            "`cv` must hold out every row once; got "
            f"{int((held_out != 1).sum())} of {n_rows} rows held out never or several "
            "times."
        )
        raise ValueError(msg)
    return folds
