"""In which partition of a table does a bad value lie?"""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

__all__ = ["partitions_with_gaps"]


def partitions_with_gaps(frame: nw.LazyFrame[Any], column: str) -> str:
    """Name the partitions in which a column is not finite, where there are such."""
    if not frame.implementation.is_dask():
        return ""
    values = nw.to_native(frame)[column].to_delayed()
    bad = [i for i, part in enumerate(values) if not _is_finite(part.compute())]
    return f", in the partitions {bad}" if bad else ""


def _is_finite(values: Any) -> bool:
    return bool(np.isfinite(np.asarray(values, dtype=np.float64)).all())
