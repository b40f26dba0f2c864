"""By which labels, and by which of their combinations, are people grouped?"""

from collections.abc import Mapping
from itertools import combinations
from numbers import Integral
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from sklearn_equity._checks import MissingPolicy, SubgroupCodes, check_subgroups
from sklearn_equity._factorize import intersect

__all__ = ["check_depth", "check_groupings"]


def check_groupings(
    subgroups: Any,
    *,
    n_rows: int,
    missing: MissingPolicy,
    max_depth: int | None = None,
) -> dict[str, SubgroupCodes]:
    """Number the labels of each grouping, by its name.

    Parameters
    ----------
    subgroups : array-like, data frame or mapping
        The labels of one grouping, whose columns are combined if there are several; or
        a mapping of them by name.
    n_rows : int
        The number of rows that labels must match.
    missing : {"raise", "group", "drop"}
        What happens to missing labels.
    max_depth : int, default=None
        Takes the columns, or what the mapping holds, for attributes: each is a
        grouping, and so is every combination of up to as many.

    Returns
    -------
    dict of str to SubgroupCodes
        Only those combinations of labels are subgroups that occur.
    """
    if max_depth is not None:
        check_depth(max_depth)
        subgroups = _attributes(subgroups)
    if not isinstance(subgroups, Mapping):
        codes = check_subgroups(
            subgroups, n_rows=n_rows, missing=missing, min_subgroups=2
        )
        return {codes.name: codes}
    if not subgroups:
        msg = "`subgroups` must hold at least one grouping; got an empty mapping."
        raise ValueError(msg)
    groupings = {
        str(name): check_subgroups(
            labels,
            n_rows=n_rows,
            name=f"subgroups[{name!r}]",
            missing=missing,
            min_subgroups=2,
        )
        for name, labels in subgroups.items()
    }
    return groupings if max_depth is None else _cross(groupings, max_depth)


def check_depth(max_depth: Any) -> None:
    """Refuse what is no number of attributes."""
    if (
        isinstance(max_depth, bool)
        or not isinstance(max_depth, Integral)
        or max_depth < 1
    ):
        msg = (
            "`max_depth` must be a whole number of at least 1, the most attributes that"
            f" are combined; got {max_depth!r}."
        )
        raise ValueError(msg)


def _attributes(subgroups: Any) -> Mapping[Any, Any]:
    """Split a table into its columns."""
    if isinstance(subgroups, Mapping):
        return subgroups
    frame = nw.from_native(subgroups, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return {
            column: frame.get_column(column).to_native() for column in frame.columns
        }
    if isinstance(subgroups, np.ndarray) and subgroups.ndim == 2:
        return dict(enumerate(subgroups.T))
    msg = (
        "`max_depth` needs `subgroups` with several attributes: a data frame or a "
        "two-dimensional array with one a column, or a mapping by name; got "
        f"{type(subgroups).__name__}."
    )
    raise TypeError(msg)


def _cross(
    attributes: dict[str, SubgroupCodes], max_depth: int
) -> dict[str, SubgroupCodes]:
    """Combine attributes, the single ones first."""
    groupings = dict(attributes)
    for depth in range(2, min(max_depth, len(attributes)) + 1):
        for names in combinations(attributes, depth):
            parts = [(attributes[n].codes, attributes[n].labels) for n in names]
            title = " & ".join(names)
            groupings[title] = SubgroupCodes(*intersect(parts), title)
    return groupings
