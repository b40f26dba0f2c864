"""In which partition of a table does a bad value lie?

Dask alone tells what each partition holds; other engines count rows. Partitions are
looked into one by one, once something is known to be wrong.
"""

from collections.abc import Iterator
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

__all__ = ["partitions_with_gaps", "refuse_other_types"]


def partitions_with_gaps(frame: nw.LazyFrame[Any], column: str) -> str:
    """Name the partitions in which a column is not finite, where there are such."""
    if not frame.implementation.is_dask():
        return ""
    bad = [i for i, part in _partitions(frame, column) if not _is_finite(part)]
    return f", in the partitions {bad}" if bad else ""


def refuse_other_types(frame: nw.LazyFrame[Any], named: dict[str, str]) -> None:
    """Name the partitions which hold something else than the table says."""
    if not frame.implementation.is_dask():
        return
    for argument, column in named.items():
        other = {
            i: part.dtype
            for i, part in _partitions(frame, column)
            if part.dtype.kind not in "biuf"
        }
        if other:
            kinds = ", ".join(sorted({str(dtype) for dtype in other.values()}))
            msg = (
                f"`{argument}` ({column!r}) must hold numbers; the table says that it "
                f"does, but there is {kinds} in the partitions {list(other)}."
            )
            raise ValueError(msg)


def _partitions(frame: nw.LazyFrame[Any], column: str) -> Iterator[tuple[int, Any]]:
    """Bring one column here, partition by partition."""
    for i, part in enumerate(nw.to_native(frame)[column].to_delayed()):
        yield i, part.compute()


def _is_finite(values: Any) -> bool:
    return bool(np.isfinite(np.asarray(values, dtype=np.float64)).all())
