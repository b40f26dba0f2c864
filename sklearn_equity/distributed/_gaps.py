"""Where in a table do values lie that nothing can be learnt from, and how many?"""

from typing import Any, Literal, get_args

import narwhals.stable.v2 as nw
import numpy as np

from sklearn_equity.sufficient_statistics import placed

__all__ = ["Gaps", "bad_values", "check_gaps", "refuse_gaps"]

Gaps = Literal["raise", "keep"]


def check_gaps(missing: Any) -> None:
    """Refuse what is no rule for missing values."""
    if missing not in get_args(Gaps):
        msg = f'`missing` must be "raise" or "keep"; got {missing!r}.'
        raise ValueError(msg)


def refuse_gaps(rows: nw.DataFrame[Any], place: str, missing: Gaps) -> None:
    """Refuse rows that hold infinities, or gaps unless these are to be kept."""
    for column in rows.columns:
        gaps, infinite = bad_values(rows[column])
        for count, rule, came, fix in (
            (
                0 if missing == "keep" else gaps,
                "must not hold missing values",
                "null or NaN",
                ' Filter or fill them, or keep them with missing="keep"',
            ),
            (infinite, "must be finite", "infinity", " Filter or cut them"),
        ):
            if count:
                found = f"`table` ({column!r}) {rule}; got {came} in {count:,} of "
                where = placed(f"{found}{len(rows):,} rows", place)
                raise ValueError(f"{where}{fix}.")


def bad_values(values: nw.Series[Any]) -> tuple[int, int]:
    """Count what is missing, null or NaN, and what is infinite."""
    gaps = int(values.is_null().sum())
    if not values.dtype.is_float():
        return gaps, 0
    numbers = values.cast(nw.Float64).to_numpy().astype(np.float64)
    return int(np.isnan(numbers).sum()), int(np.isinf(numbers).sum())
