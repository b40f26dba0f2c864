"""Did a model keep silent about some of the people whom it is to be judged on?

A deferral masks a class that it withholds and gives NaN for a number. Read through the
mask, silence would be counted as an error.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_withheld", "refuse_withheld"]


def is_withheld(answers: Any) -> NDArray[np.bool_]:
    """Return which rows have no answer: masked, or NaN."""
    masked = np.ma.getmaskarray(np.ma.asarray(answers))
    values = np.asarray(answers)
    missing = masked if values.dtype.kind not in "fc" else masked | np.isnan(values)
    return np.asarray(missing.any(axis=tuple(range(1, missing.ndim))))


def refuse_withheld(
    answers: Any, *, name: str, keep: str, given: str | None = None
) -> None:
    """Refuse answers with gaps, and say how to measure those who got one.

    `keep` lists what is to be cut to these rows, whom `given` finds.
    """
    if not isinstance(answers, np.ndarray) or answers.ndim == 0 or answers.dtype.names:
        return  # what is no array of values holds no mask, and is read with the others
    gaps = is_withheld(answers)
    n_gaps, n_rows = int(gaps.sum()), len(gaps)
    if not n_gaps:
        return
    is_masked = np.ma.getmaskarray(np.ma.asarray(answers)).any()
    how, finds = ("masked", "getmaskarray") if is_masked else ("NaN", "isnan")
    if given is None:
        given = f"~np.{'ma.' if is_masked else ''}{finds}({name})"
    msg = (
        f"`{name}` must not hold missing values; got {how} in {n_gaps} of {n_rows} "
        "rows. If a deferral withheld these predictions, measure those who got one, "
        f"with given = {given} and {keep}, and say who got none: "
        "excluded_who(~given, characteristics). Remove or impute rows that are missing "
        "for another reason."
    )
    raise ValueError(msg)
