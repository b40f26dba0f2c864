"""Which number stands for which label, in whatever container labels come?

Labels are numbered in display order: as the categories of a categorical are ordered,
else sorted. Counting and hashing do it, since sorting a million strings takes ten times
as long.
"""

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

DROPPED = -1  # the code of a row whose label is missing


def factorize(values: Any, name: str) -> tuple[NDArray[np.intp], tuple[Hashable, ...]]:
    """Number the labels of one column; a missing one is ``DROPPED``."""
    order: list[Any] | None = None
    if isinstance(values, nw.Series):
        order = _category_order(values)
        if values.implementation.is_pandas_like() and not values.dtype.is_integer():
            # Its hash table is compiled: five times as fast as ours. What can't be
            # hashed is refused in words further down.
            with suppress(TypeError):
                codes, distinct = values.to_native().factorize()
                return _put_in_order(codes.astype(np.intp), distinct.tolist(), order)
        values = (
            values.to_numpy()
            if values.dtype.is_integer() and not values.null_count()
            else values.to_list()
        )
    if isinstance(values, np.ndarray) and values.dtype.kind in "biu":
        return _factorize_integers(values)
    items = values.tolist() if isinstance(values, np.ndarray) else values
    return _factorize_objects(items, order, name)


def _factorize_integers(
    values: NDArray[Any],
) -> tuple[NDArray[np.intp], tuple[Hashable, ...]]:
    """Number integers, by counting where they are few and near one another.

    Labels that are such numbers already are their own codes, in the same memory.
    """
    if values.dtype.kind != "b" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low <= len(values) and max(abs(low), abs(high)) < 2**62:
            codes = values.astype(np.intp, copy=False)
            if low != 0:
                codes = codes - low
            present = _occurring(codes, high - low + 1)
            labels = tuple((np.flatnonzero(present) + low).tolist())
            if not present.all():
                codes = (np.cumsum(present) - 1)[codes]
            return codes, labels
    distinct, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.intp, copy=False), tuple(distinct.tolist())


def _occurring(codes: NDArray[np.intp], n_codes: int) -> NDArray[np.bool_]:
    """Tell which codes occur; the first rows tell it where all of them do."""
    present = np.zeros(n_codes, dtype=bool)
    for rows in (codes[:16_384], codes):
        present[rows] = True
        if present.all():
            break
    return present


def _category_order(series: nw.Series[Any]) -> list[Any] | None:
    """Return the order that the user gave to categories, if there is one."""
    chosen = isinstance(series.dtype, nw.Enum) or (
        # polars lists the categories of a Categorical as they happened to appear
        isinstance(series.dtype, nw.Categorical)
        and not series.implementation.is_polars()
    )
    return series.cat.get_categories().to_list() if chosen else None


def _factorize_objects(
    items: Sequence[Any], order: Sequence[Any] | None, name: str
) -> tuple[NDArray[np.intp], tuple[Hashable, ...]]:
    """Number labels by hashing."""
    seen: dict[Hashable, int] = {}
    try:
        first_codes = np.fromiter(
            (seen.setdefault(item, len(seen)) for item in items), np.intp, len(items)
        )
    except TypeError as error:
        msg = f"`{name}` must hold hashable labels, such as text or integers: {error}."
        raise TypeError(msg) from error
    return _put_in_order(first_codes, list(seen), order)


def _put_in_order(
    first_codes: NDArray[np.intp], seen: list[Any], order: Sequence[Any] | None
) -> tuple[NDArray[np.intp], tuple[Hashable, ...]]:
    """Renumber labels from the order of appearance to the order of display."""
    labels = [label for label in seen if not is_missing(label)]
    if order is None:
        labels = _sorted_labels(labels)
    else:
        present = set(labels)
        labels = [label for label in order if label in present]
    rank = {label: code for code, label in enumerate(labels)}
    recode = [*(rank.get(label, DROPPED) for label in seen), DROPPED]
    return np.array(recode, dtype=np.intp)[first_codes], tuple(labels)


def is_missing(value: Any) -> bool:
    """Tell None, NaN, NaT and pandas' NA from a label."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA has no truth value
        return type(value).__name__ == "NAType"


def _sorted_labels(labels: list[Any]) -> list[Any]:
    try:
        return sorted(labels)
    except (TypeError, OverflowError):  # of several types, or too large to compare:
        # group by type, then by their text
        return sorted(labels, key=lambda label: (type(label).__name__, str(label)))


def intersect(
    encoded: Sequence[tuple[NDArray[np.intp], tuple[Hashable, ...]]],
) -> tuple[NDArray[np.intp], tuple[Hashable, ...]]:
    """Combine columns; a row missing in any of them is dropped from all."""
    stacked = np.column_stack([codes for codes, _ in encoded])
    kept = (stacked != DROPPED).all(axis=1)
    combinations, codes_kept = np.unique(stacked[kept], axis=0, return_inverse=True)
    codes = np.full(len(stacked), DROPPED, dtype=np.intp)
    codes[kept] = codes_kept.ravel()
    labels = tuple(
        tuple(
            names[code] for (_, names), code in zip(encoded, combination, strict=True)
        )
        for combination in combinations.tolist()
    )
    return codes, labels
