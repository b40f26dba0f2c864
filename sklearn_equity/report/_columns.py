"""What are the tables of a result, column by column?"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sklearn_equity._label_text import WITHHELD

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

# The tables of a result, and how the first line of each begins.
TABLES = {
    "fidelity": "grouping,subgroup,n,weight,estimate,",
    "inequality": "grouping,n_subgroups,n_left_out,gini,",
    "allocation": "kind,subgroup,reference,n_subgroup,",
    "change": "grouping,subgroup,n,before,after,change,",
}
Columns = dict[str, list[Any]]


def columns_by_table(result: "AuditResult") -> dict[str, Columns]:
    """Return the tables that have rows; a withheld count is None."""
    tables: dict[str, Mapping[str, Sequence[Any]]] = {
        "fidelity": result.fidelity.to_columns(),
        "inequality": _columns_of(result.spreads),
        "allocation": _columns_of(result.allocation),
        "change": {} if result.change is None else result.change.to_columns(),
    }
    return {
        name: {
            column: _without_withheld(column, values)
            for column, values in columns.items()
        }
        for name, columns in tables.items()
        if columns
    }


def _columns_of(records: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Turn dataclasses of one kind into columns."""
    return {
        field.name: [getattr(record, field.name) for record in records]
        for field in (fields(records[0]) if records else ())
    }


def _without_withheld(column: str, values: Sequence[Any]) -> list[Any]:
    plain = values.tolist() if hasattr(values, "tolist") else list(values)
    if column not in ("n", "n_subgroup", "n_reference"):
        return plain
    return [None if value == WITHHELD else value for value in plain]
