"""Do two results hold the same, figure by figure, where what is not known agrees?"""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def hold_the_same(one: Any, other: Any) -> bool:
    """Compare records, arrays and tuples through and through; NaN equals NaN."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return _same_arrays(np.asarray(one), np.asarray(other))
    if is_dataclass(one):
        return type(one) is type(other) and all(
            hold_the_same(getattr(one, field.name), getattr(other, field.name))
            for field in fields(one)
        )
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(hold_the_same, one, other))
    return bool(one == other or (one != one and other != other))


def _same_arrays(one: Any, other: Any) -> bool:
    has_nan = one.dtype.kind == "f" and other.dtype.kind == "f"
    return bool(np.array_equal(one, other, equal_nan=has_nan))
