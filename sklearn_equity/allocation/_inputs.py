"""Checks of what a person hands in, shared by the measures of this stage."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers, check_sample_weight
from sklearn_equity.density import are_frequencies


def check_choice(value: Any, choices: tuple[Any, ...], *, name: str) -> None:
    """Refuse what is not one of the named choices."""
    if not any(_is_same(value, choice) for choice in choices):
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{name}` must be one of {listed}; got {value!r}.")


def _is_same(value: Any, choice: Any) -> bool:
    """Compare with one named choice: 1 is not True, and no array is a name."""
    return value is choice or (isinstance(value, type(choice)) and value == choice)


def as_number(value: Any) -> float:
    """Return a number as it is, and NaN, which no rule allows, for anything else."""
    if isinstance(value, str | bool):
        return np.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def check_count(value: Any, *, name: str, least: int) -> None:
    """Refuse what is not an integer of at least `least`."""
    if not isinstance(value, int | np.integer) or value < least:
        msg = f"`{name}` must be an integer of at least {least}; got {value!r}."
        raise ValueError(msg)


def check_case_weights(
    sample_weight: ArrayLike | None, n_rows: int
) -> NDArray[np.float64] | None:
    """Return weights whose squares neither overflow nor vanish.

    Only the proportions of weights count, unless they are whole and count people.
    """
    weights = check_sample_weight(sample_weight, n_rows=n_rows, rows_of="measurement")
    if weights is None or are_frequencies(weights):
        return weights
    return np.asarray(weights / weights.max(), dtype=np.float64)


def check_row_thresholds(
    threshold: ArrayLike, n_rows: int
) -> NDArray[np.float64] | float:
    """Return one threshold for all, or one a row."""
    if np.ndim(threshold) == 0:
        return float(check_numbers(np.reshape(threshold, 1), name="threshold")[0])
    return check_numbers(
        threshold, name="threshold", n_rows=n_rows, rows_of="measurement"
    )
