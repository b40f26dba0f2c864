"""Can the sums of an accumulator be those of any rows, whoever signed them?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_equity.fidelity import pairs_of
from sklearn_equity.sufficient_statistics import SubgroupMoments

__all__ = ["refuse_what_no_rows_add_up_to"]

_COUNTED = {
    f"{name}_{what}"
    for name in ("y_true", "y_pred")
    for what in ("negative", "above", "broken")
}


def refuse_what_no_rows_add_up_to(
    origin: float,
    counts: Any,
    groupings: Sequence[SubgroupMoments],
    everybody: SubgroupMoments | None,
) -> None:
    """Raise an error if an origin, counts or sums do not go together."""
    if not np.isfinite(origin):
        raise ValueError(f"an origin is a finite number, not {origin}")
    for part in (*groupings, *filter(None, [everybody])):
        _refuse_cells(part)
    n_rows = 0 if everybody is None else int(everybody.n.sum())
    if everybody is not None and {label for label, _ in pairs_of(everybody)} != {"all"}:
        raise ValueError("everybody is one subgroup")
    if any(int(part.n.sum()) > n_rows for part in groupings):
        raise ValueError("no grouping has more rows than there are")
    if set(counts) != (set() if everybody is None else _COUNTED):
        raise ValueError(f"counts are of {sorted(_COUNTED)}")
    for name, n in counts.items():
        if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= n_rows:
            raise ValueError(f"of {n_rows} rows, {name} counts {n!r}")


def _refuse_cells(part: SubgroupMoments) -> None:
    """Refuse cells of no level of errors, or of less weight than none."""
    for _, level in pairs_of(part):
        if isinstance(level, bool) or not isinstance(level, int | float):
            raise TypeError(f"a level of errors is a number, not {level!r}")
        if not np.isfinite(level):
            raise ValueError(f"a level of errors is finite, not {level}")
    if (part.mean[:, :1] < 0.0).any():
        raise ValueError("no weight is negative")
