"""Which columns of a table are meant, where arguments name them?"""

from collections.abc import Sequence
from typing import Any

from sklearn_equity._checks import take_columns
from sklearn_equity._tables import columns_named

__all__ = ["columns_of", "keys_of"]


def columns_of(
    data: Any, *, subgroups: Any = None, threshold: Any = None, **named: Any
) -> dict[str, Any]:
    """Return the columns of a table in memory, by the argument that names each."""
    columns = columns_named(data, **named)
    if isinstance(threshold, str):
        threshold = columns_named(data, threshold=threshold)["threshold"]
    if subgroups is not None:
        keys = keys_of(subgroups)
        labels = take_columns(data, keys, name="subgroups")
        subgroups = labels[keys[0]] if len(keys) == 1 else labels
        subgroups = subgroups.to_native()
    return {**columns, "subgroups": subgroups, "threshold": threshold}


def keys_of(subgroups: Any) -> list[str]:
    """List the columns that hold the labels."""
    keys = [subgroups] if isinstance(subgroups, str) else subgroups
    named = isinstance(keys, Sequence) and all(isinstance(key, str) for key in keys)
    if not named or not keys:
        msg = (
            "`subgroups` must name columns of `data`, one or several whose combinations"
            f" are compared; got {subgroups!r}. Pass arrays without `data`."
        )
        raise TypeError(msg)
    return list(keys)
