"""Fidelity by two groupings at once, laid out, said and printed."""

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._label_text import format_labels
from sklearn_equity._optional import build_frame
from sklearn_equity.fidelity._heterogeneity import TrueSpread
from sklearn_equity.fidelity._table import SubgroupTable

__all__ = ["CrossTable", "parts_of"]

Vector = NDArray[np.float64]

_MOST_LINES, _MOST_COLUMNS = 200, 60  # printed: nobody reads more


@dataclass(frozen=True, eq=False, repr=False)
class CrossTable:
    """Fidelity by two groupings at once; what `cross_tabulate` returns.

    Parameters
    ----------
    declared, learnt : SubgroupTable
        One row a subgroup of either grouping.
    cells : SubgroupTable
        One row a combination that occurs, its label a pair (declared, learnt).
    between_declared : TrueSpread
        How far apart the declared subgroups truly lie.
    within_declared : TrueSpread
        How far apart the learnt subgroups within a declared one truly lie: what a look
        at the declared ones alone hides.

    See Also
    --------
    cross_tabulate : Makes such a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import cross_tabulate
    >>> rng = np.random.default_rng(0)
    >>> sex, segment = np.repeat(["f", "m"], 200), np.resize([0, 1], 400)
    >>> crossed = cross_tabulate(
    ...     40 + rng.normal(size=400),
    ...     np.full(400, 40.0),
    ...     declared=sex,
    ...     learnt=segment,
    ...     metric="rmse",
    ... )
    >>> crossed.matrix("n")
    array([[100., 100.],
           [100., 100.]])
    """

    declared: SubgroupTable
    learnt: SubgroupTable
    cells: SubgroupTable
    between_declared: TrueSpread
    within_declared: TrueSpread

    def matrix(self, column: str = "estimate") -> Vector:
        """Lay one figure of the cells out in rows and columns.

        Parameters
        ----------
        column : str, default="estimate"
            "n", "weight", "estimate", "std_error", "ci_low", "ci_high" or "shrunken".

        Returns
        -------
        ndarray of shape (n_declared, n_learnt)
            NaN where nobody is; 0 in the columns "n" and "weight".
        """
        names = ("n", "weight", "estimate", "std_error", "ci_low", "ci_high")
        if column not in (*names, "shrunken"):
            allowed = ", ".join(f'"{name}"' for name in (*names, "shrunken"))
            raise ValueError(f"`column` must be one of {allowed}; got {column!r}.")
        empty = 0.0 if column in ("n", "weight") else np.nan
        laid_out = np.full((len(self.declared), len(self.learnt)), empty)
        rows = {label: i for i, label in enumerate(self.declared.subgroup)}
        columns = {label: j for j, label in enumerate(self.learnt.subgroup)}
        for label, value in zip(
            self.cells.subgroup, getattr(self.cells, column), strict=True
        ):
            declared, learnt = parts_of(label)
            laid_out[rows[declared], columns[learnt]] = value
        return laid_out

    def hidden(self) -> SubgroupTable:
        """Return the under-served cells whose declared subgroup is not called so.

        Returns
        -------
        SubgroupTable
            The worst first; empty if there are none.
        """
        called = dict(zip(self.declared.subgroup, self.declared.verdict, strict=True))
        rows = [
            i
            for i, label in enumerate(self.cells.subgroup)
            if self.cells.verdict[i] == "under-served"
            and called[parts_of(label)[0]] != "under-served"
        ]
        loss = self.cells.as_loss(self.cells.shrunken)
        return self.cells.take(sorted(rows, key=lambda i: -loss[i]))

    def sentences(self) -> list[str]:
        """Say what the table tells.

        Returns
        -------
        list of str
            How far subgroups lie apart between and within the declared ones, and who is
            under-served unseen.
        """
        by, within = self.declared.grouping[0], self.learnt.grouping[0]
        metric = self.cells.metric.partition(" (")[0]
        hidden = self.hidden()
        unseen = ", ".join(
            f"{label} (n={n:,}, {estimate:.4g}, {low:.4g} to {high:.4g})"
            for label, n, estimate, low, high in zip(
                format_labels(hidden.subgroup),
                hidden.n,
                hidden.estimate,
                hidden.ci_low,
                hidden.ci_high,
                strict=True,
            )
        )
        return [
            f"By {by}, the true {metric} of subgroups differs by "
            f"{_text(self.between_declared)}.",
            f"Within one and the same {by}, that of subgroups by {within} differs by "
            f"{_text(self.within_declared)}.",
            f"Shown to be under-served, though their subgroup by {by} is not: "
            f"{unseen or 'nobody'}.",
        ]

    def to_frame(self) -> Any:
        """Return the cells as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The names of the two groupings, then ``n, weight, estimate, std_error,
            ci_low, ci_high, shrunken, verdict``; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        figures = self.cells.to_columns()
        parts = [parts_of(label) for label in self.cells.subgroup]
        names = (self.declared.grouping[0], self.learnt.grouping[0])
        columns: dict[str, list[Any]] = {
            name: format_labels(pair[position] for pair in parts)
            for position, name in enumerate(names)
        }
        for name in ("n", "weight", "estimate", "std_error", "ci_low", "ci_high"):
            columns[name] = figures[name]
        columns["shrunken"], columns["verdict"] = (
            figures["shrunken"],
            figures["verdict"],
        )
        return build_frame(columns, feature="CrossTable.to_frame")

    def __repr__(self) -> str:
        labels = map(parts_of, self.cells.subgroup)
        pairs = dict(zip(labels, _printed(self.cells), strict=True))
        across = self.learnt.subgroup[:_MOST_COLUMNS]
        heads = format_labels(self.learnt.subgroup)[:_MOST_COLUMNS]
        corner = f"{self.declared.grouping[0]} by {self.learnt.grouping[0]}"
        rows = [[corner, *heads, "(all)"]]
        margins = zip(
            self.declared.subgroup,
            format_labels(self.declared.subgroup),
            _printed(self.declared),
            strict=True,
        )
        for label, name, margin in islice(margins, _MOST_LINES):
            row = [pairs.get((label, other), "-") for other in across]
            rows.append([name, *row, margin])
        everybody = self.cells.overall
        rows.append(
            [
                "(all)",
                *_printed(self.learnt)[:_MOST_COLUMNS],
                f"{everybody.estimate:.4g} ({everybody.n:,})",
            ]
        )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        legend = f"{self.cells.metric}, (n)."
        if not all(t.judged.all() for t in (self.declared, self.learnt, self.cells)):
            legend += " In brackets: too few people, or too unsure, to be judged."
        if len(pairs) < len(self.declared) * len(self.learnt):
            legend += " A dash: nobody is there."
        if len(self.learnt) > _MOST_COLUMNS or len(self.declared) > _MOST_LINES:
            legend += (
                f" Of {len(self.declared):,} by {len(self.learnt):,} subgroups the "
                f"first {_MOST_LINES} by {_MOST_COLUMNS}; to_frame() has all."
            )
        return "\n".join([*lines, legend, *self.sentences()])


def parts_of(label: Hashable) -> tuple[Hashable, Hashable]:
    if not isinstance(label, tuple) or len(label) != 2:
        raise TypeError(f"A cell's label is a pair; got {label!r}.")
    return label[0], label[1]


def _printed(table: SubgroupTable) -> list[str]:
    """Write each subgroup's estimate and count; in brackets where it is not judged."""
    texts = [
        f"{value:.4g} ({count:,})"
        for value, count in zip(table.estimate, table.n, strict=True)
    ]
    return [
        text if judged else f"[{text}]"
        for text, judged in zip(texts, table.judged, strict=True)
    ]


def _text(spread: TrueSpread) -> str:
    if np.isnan(spread.estimate):
        return "an unknown amount (too few can be compared)"
    p = "p < .001" if spread.p_value < 0.001 else f"p = {spread.p_value:.3f}"
    return (
        f"{spread.estimate:.4g} ({spread.ci_low:.4g} to {spread.ci_high:.4g}, standard "
        f"deviation of {spread.n_subgroups} subgroups, noise taken out; {p})"
    )
