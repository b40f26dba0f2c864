"""What can be said of one person by one column: the building blocks of a rule.

An item is one condition on one column: at least a cut, below a cut, equal to a value,
or missing. Items of one column and one direction are a family; a rule is a conjunction
of items of different families, so that an interval is two of them.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.discovery._people_table import PeopleTable

__all__ = ["Item", "ItemTable", "describe_rule", "make_items"]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
Kind = Literal["at_least", "below", "equals", "missing"]


@dataclass(frozen=True)
class Item:
    """One condition on one column.

    Attributes
    ----------
    column : int
        Which column of the table.
    kind : {"at_least", "below", "equals", "missing"}
        The comparison. A missing value meets "missing" and nothing else.
    value : float
        The cut, or the value or code that is equalled; 0 for "missing".
    """

    column: int
    kind: Kind
    value: float = 0.0

    def holds(self, table: Matrix) -> Mask:
        """Say which rows meet the condition."""
        values = table[:, self.column]
        if self.kind == "missing":
            return np.isnan(values)
        if self.kind == "equals":
            return np.asarray(values == self.value)
        # Comparisons with NaN are False, and no warning comes with them.
        return np.asarray(
            values >= self.value if self.kind == "at_least" else values < self.value
        )

    @property
    def is_cut(self) -> bool:
        """Whether another cut can take the place of the value."""
        return self.kind in ("at_least", "below")


@dataclass(frozen=True)
class ItemTable:
    """Items, and who meets them.

    Attributes
    ----------
    items : tuple of Item
        Sorted by family, the families with few rows first.
    held : ndarray of bool of shape (n_rows, n_items)
        Who meets which.
    families : ndarray of int of shape (n_items,)
        Numbers of the families, from 0 and never falling.
    """

    items: tuple[Item, ...]
    held: Mask
    families: NDArray[np.intp]


def make_items(
    table: Matrix,
    levels: Sequence[tuple[Hashable, ...] | None],
    *,
    n_cuts: int,
    min_rows: int,
) -> ItemTable:
    """List the items of a table that can be part of a subgroup large enough.

    Parameters
    ----------
    table : ndarray of shape (n_rows, n_columns)
        Numbers, and codes of labels; NaN where missing.
    levels : sequence of tuple or None
        The labels of each column, None for a column of numbers.
    n_cuts : int
        Quantiles of a column of numbers at which it is cut.
    min_rows : int
        Items that fewer rows meet are left out; so are those that all rows meet.

    Returns
    -------
    ItemTable
        The items, by family.
    """
    families = []
    for column, labels in enumerate(levels):
        values = table[:, column]
        for family in _families_of(column, values, labels, n_cuts):
            held = np.stack([item.holds(table) for item in family], axis=1)
            n_held = held.sum(axis=0)
            kept = np.flatnonzero((n_held >= min_rows) & (n_held < len(table)))
            if len(kept):
                families.append(([family[j] for j in kept], held[:, kept]))
    # Few rows first: a prefix of rare items leaves small products with all the others.
    families.sort(key=lambda family: int(family[1].sum(axis=0).max()))
    if not families:
        empty = np.zeros((len(table), 0), dtype=bool)
        return ItemTable((), empty, np.zeros(0, dtype=np.intp))
    return ItemTable(
        tuple(item for items, _ in families for item in items),
        np.asfortranarray(np.concatenate([held for _, held in families], axis=1)),
        np.repeat(np.arange(len(families)), [len(items) for items, _ in families]),
    )


def _families_of(
    column: int, values: Vector, labels: tuple[Hashable, ...] | None, n_cuts: int
) -> list[list[Item]]:
    present = values[~np.isnan(values)]
    distinct = np.unique(present)
    families = []
    if len(present) < len(values):
        families.append([Item(column, "missing")])
    if labels is not None or len(distinct) <= 2:
        # Of two values either says it all; of labels each is a family of its own.
        families += [[Item(column, "equals", float(value))] for value in distinct]
        return families
    cuts = _cuts(present, distinct, n_cuts)
    families.append([Item(column, "at_least", cut) for cut in cuts])
    families.append([Item(column, "below", cut) for cut in cuts])
    return families


def _cuts(present: Vector, distinct: Vector, n_cuts: int) -> list[float]:
    """Return values that occur, above the least, near equally spaced quantiles."""
    if len(distinct) <= n_cuts + 1:
        return [float(value) for value in distinct[1:]]
    at = np.linspace(0, 1, n_cuts + 2)[1:-1]
    quantiles = np.unique(np.quantile(present, at, method="higher"))
    return [float(value) for value in quantiles if value > distinct[0]]


def describe_rule(rule: Sequence[Item], people: PeopleTable) -> str:
    """Write a rule for people: "age >= 57 and smoker = yes and income is missing"."""
    ordered = sorted(rule, key=lambda item: (item.column, item.kind))
    return " and ".join(_describe_item(item, people) for item in ordered)


def _describe_item(item: Item, people: PeopleTable) -> str:
    name = people.names[item.column]
    if item.kind == "missing":
        return f"{name} is missing"
    sign = {"at_least": ">=", "below": "<", "equals": "="}[item.kind]
    if people.levels[item.column] is not None:
        return f"{name} {sign} {people.label(item.column, item.value)}"
    # As short as can be read back: what the text says is what is compared.
    return f"{name} {sign} {item.value!r}".removesuffix(".0")
