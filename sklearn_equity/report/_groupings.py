"""Which subgroups does an audit look at, and where do their labels come from?"""

from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from sklearn_equity._checks import MissingPolicy, check_subgroups, take_columns
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import check_numbers
from sklearn_equity.fidelity import QuantileBands

LEARNT = "learnt segment"
# A learnt segmentation has 50; a column with more labels than this is a number or an
# identifier, and a table with a row for each would tell nobody anything.
MAX_SUBGROUPS = 200
MAX_SUBGROUPS_OF_A_NUMBER = 50  # ages in years are 60 and more


def resolve_groupings(
    subgroups: Any, table: Any, *, n_rows: int, missing: MissingPolicy
) -> dict[str, Any]:
    """Give every grouping a name and one label a row.

    A name takes a column of `table`; a name with a number, such as ``("age", 4)``, that
    many quantile bands; a tuple of these their intersection, such as
    ``("sex", ("age", 4))``; a list of all these examines each by itself. A mapping
    gives labels, or one of these, by the name to show; anything else is taken as the
    labels of one grouping.
    """
    if subgroups is None:
        groupings = {}
    elif isinstance(subgroups, Mapping):
        groupings = {
            str(name): _labels_of(value, table) for name, value in subgroups.items()
        }
    elif _is_specification(subgroups):
        groupings = {_title(subgroups): _labels_of(subgroups, table)}
    elif _names_columns(subgroups, table):
        groupings = {_title(item): _labels_of(item, table) for item in subgroups}
    else:
        groupings = {_name_of(subgroups): subgroups}
    for name, labels in groupings.items():
        check_subgroups(
            labels,
            n_rows=n_rows,
            name=f"subgroups[{name!r}]" if name != "subgroups" else name,
            missing=missing,
            min_subgroups=2,
            max_subgroups=MAX_SUBGROUPS,
        )
    return groupings


def _is_specification(item: Any) -> bool:
    """Tell a column, bands or an intersection of such from labels."""
    return _is_attribute(item) or (
        isinstance(item, tuple) and len(item) > 1 and all(map(_is_attribute, item))
    )


def _is_attribute(item: Any) -> bool:
    return isinstance(item, str) or _is_bands(item)


def _is_bands(item: Any) -> bool:
    return (
        isinstance(item, tuple)
        and len(item) == 2
        and isinstance(item[0], str)
        and isinstance(item[1], int | np.integer)
    )


def _names_columns(subgroups: Any, table: Any) -> bool:
    """Tell a list of columns from a list of labels, which may be text as well."""
    if not isinstance(subgroups, list) or not all(map(_is_specification, subgroups)):
        return False
    frame = nw.from_native(table, eager_only=True, pass_through=True)
    return not isinstance(frame, nw.DataFrame) or len(subgroups) != len(frame)


def _labels_of(item: Any, table: Any) -> Any:
    if not _is_specification(item):
        return item
    if isinstance(item, str):
        return _labels_of_column(item, table)
    if _is_bands(item):
        name, n_bands = item
        return _labels_of_bands(name, n_bands, table)
    if not any(map(_is_bands, item)):
        return take_columns(table, list(item), name="subgroups").to_native()
    parts = [_labels_of(part, table) for part in item]
    return np.column_stack([np.asarray(part, dtype=object) for part in parts])


def _labels_of_column(name: str, table: Any) -> Any:
    column = take_columns(table, [name], name="subgroups")[name]
    if np.ndim(column.to_numpy()) != 1:
        msg = f"`subgroups` names {name!r}, which does not hold one label a row."
        raise ValueError(msg)
    if column.dtype.is_numeric() and column.n_unique() > MAX_SUBGROUPS_OF_A_NUMBER:
        msg = (
            f"`subgroups` names {name!r}, a number with {column.n_unique()} values."
            f" Cut it into bands, such as four: ({name!r}, 4) in Python, {name}:4 "
            "on the command line. If its values are codes, make them text."
        )
        raise ValueError(msg)
    return column.to_native()


def _labels_of_bands(name: str, n_bands: int, table: Any) -> Any:
    values = take_columns(table, [name], name="subgroups")[name]
    numbers = check_numbers(
        values.to_native(), name=f"subgroups ({name!r})", allow_nan=True
    )
    return QuantileBands(n_bands).fit(numbers).label(numbers)


def _title(item: str | tuple[Any, ...]) -> str:
    if _is_bands(item):
        return f"{item[0]} in {item[1]} bands"
    return format_label(item if isinstance(item, str) else tuple(map(_title, item)))


def _name_of(labels: Any) -> str:
    return str(getattr(labels, "name", None) or "subgroups")
