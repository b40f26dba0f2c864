"""Which columns of a table hold the labels, and which of them are combined?"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from sklearn_equity._checks import take_columns
from sklearn_equity._label_text import format_label
from sklearn_equity.fidelity._groupings import check_depth

__all__ = ["labels_named", "name_groupings"]


def name_groupings(
    subgroups: Any, columns: list[str], *, max_depth: int | None = None
) -> dict[str, tuple[str, ...]]:
    """Give each grouping a name and its columns.

    Parameters
    ----------
    subgroups : str, tuple, list or mapping
        A column; a tuple of columns, to be combined; a list of these, each by itself;
        or a mapping of names to these.
    columns : list of str
        Those that the table has.
    max_depth : int, default=None
        Adds every combination of up to as many groupings.
    """
    if isinstance(subgroups, Mapping):
        items = dict(subgroups)
    elif isinstance(subgroups, list):
        items = {_title(item): item for item in subgroups}
    else:
        items = {_title(subgroups): subgroups}
    if not items:
        raise ValueError("`subgroups` must name at least one column; got none.")
    named = {str(name): _columns_of(item, columns) for name, item in items.items()}
    if max_depth is None:
        return named
    check_depth(max_depth)
    crossed = dict(named)
    for depth in range(2, min(max_depth, len(named)) + 1):
        for names in combinations(named, depth):
            both = [column for name in names for column in named[name]]
            crossed[" & ".join(names)] = tuple(dict.fromkeys(both))
    return crossed


def labels_named(data: Any, groupings: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the labels of each grouping of an eager table."""
    found = {}
    for title, columns in groupings.items():
        labels = take_columns(data, list(columns), name="subgroups")
        found[title] = (
            labels[columns[0]].to_native() if len(columns) == 1 else labels.to_native()
        )
    return found


def _title(item: Any) -> str:
    return format_label(item)


def _columns_of(item: Any, columns: list[str]) -> tuple[str, ...]:
    named = (item,) if isinstance(item, str) else item
    if not isinstance(named, tuple) or not all(isinstance(part, str) for part in named):
        msg = (
            "`subgroups` must name columns of the table, where the rows stay in their "
            f"engine; got {item!r}. Make bands or labels a column of the table first."
        )
        raise TypeError(msg)
    absent = [name for name in named if name not in columns]
    if absent:
        msg = f"`subgroups` names no column of the table: {absent}. It has {columns}."
        raise ValueError(msg)
    return named
