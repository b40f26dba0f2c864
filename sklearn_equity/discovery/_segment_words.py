"""Who is in this segment, in words? A finder's label says nothing by itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._outcome_inputs import spread_rows
from sklearn_equity.discovery._people_table import PeopleTable
from sklearn_equity.significance._rules import find_rule
from sklearn_equity.significance._variables import Variable, Variables

__all__ = ["SegmentWords"]

_DEPTH = 3


class SegmentWords:
    """Describe subgroups of some people by the rule that most of them meet.

    Parameters
    ----------
    X : data frame or array-like of shape (n_rows, n_features)
        The people; gaps are a condition of their own.
    """

    def __init__(self, X: Any) -> None:
        people = PeopleTable.learn(X)
        self._variables = _read(people, people.read(X))
        half = spread_rows(len(self._variables.table), 2)
        self._made_on, self._measured_on = (np.flatnonzero(half == k) for k in (0, 1))

    def describe(self, inside: NDArray[np.bool_]) -> str:
        """Return a rule made on one half of the people, measured on the other."""
        rule = find_rule(
            None,
            inside,
            self._variables,
            depth=_DEPTH,
            made_on=self._made_on,
            measured_on=self._measured_on,
            seed=0,
        )
        return f"{rule.text}; precision {rule.precision:.2f}, recall {rule.recall:.2f}"


def _read(people: PeopleTable, table: NDArray[np.float64]) -> Variables:
    """Give labels and gaps a variable each; a gap meets no condition on the number."""
    columns: list[NDArray[np.float64]] = []
    variables: list[Variable] = []
    for j, (name, levels) in enumerate(zip(people.names, people.levels, strict=True)):
        values, gaps = table[:, j], np.isnan(table[:, j])
        if levels is None:
            columns.append(np.zeros(len(values)) if gaps.all() else values)
            variables.append(Variable(name))
        else:
            for code in range(int(len(levels) == 2), len(levels)):
                columns.append((values == code) * 1.0)
                variables.append(Variable(name, people.label(j, code)))
        if gaps.any():
            columns.append(gaps * 1.0)
            variables.append(Variable(name, "missing"))
    return Variables(np.column_stack(columns), tuple(variables))
