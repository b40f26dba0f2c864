"""What did the audit find: one frozen result that prints, and writes, itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from sklearn_equity._checks import format_label
from sklearn_equity.allocation import InequalityResult
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.remediation import FidelityChange
from sklearn_equity.report._files import write_table, write_text
from sklearn_equity.report._html import render_page
from sklearn_equity.report._spread import GroupingSpread

UNDER_SERVED = "under-served"
UNDECIDED = "insufficient evidence"
TABLES = ("fidelity", "inequality", "allocation", "change")


@dataclass(frozen=True)
class AuditResult:
    """What an audit found, ready to print, to show in a notebook and to write.

    Made by `audit` and `audit_frame`. Every estimate in it carries its number of rows
    and its interval.

    Parameters
    ----------
    model : str
        What was audited.
    target : str
        What the model predicts.
    fidelity : SubgroupTable
        The model's fidelity overall and in every subgroup of every grouping.
    spreads : tuple of GroupingSpread
        The Gini index of each grouping beside what sampling error alone would show.
    change : FidelityChange, default=None
        The same subgroups after a remediation, with the change in each.
    allocation : tuple of InequalityResult, default=()
        Inequalities of deterioration between groups that get the same score.
    notes : tuple of str, default=()
        What a reader must know: rows left out, how subgroups were made.

    See Also
    --------
    audit : Audit a fitted estimator.
    audit_frame : Audit predictions that are a column of a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import audit
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2))
    >>> ward = np.repeat(["north", "south"], 200)
    >>> y = 50 + X[:, 0] + rng.normal(size=400) * np.repeat([1.0, 3.0], 200)
    >>> result = audit(LinearRegression().fit(X, y), X, y, subgroups=ward)
    >>> result.fidelity.worst().subgroup
    ('south',)
    """

    model: str
    target: str
    fidelity: SubgroupTable
    spreads: tuple[GroupingSpread, ...]
    change: FidelityChange | None = None
    allocation: tuple[InequalityResult, ...] = ()
    notes: tuple[str, ...] = ()

    def with_findings(
        self,
        *,
        change: FidelityChange | None = None,
        allocation: Sequence[InequalityResult] = (),
        notes: Iterable[str] = (),
    ) -> "AuditResult":
        """Return a copy that also reports what was found or done afterwards.

        Parameters
        ----------
        change : FidelityChange, default=None
            The subgroups before and after a remediation.
        allocation : sequence of InequalityResult, default=()
            Inequalities of deterioration, added to those already there.
        notes : iterable of str, default=()
            Sentences added to the notes.

        Returns
        -------
        AuditResult
            The extended result; this one stays as it is.
        """
        return replace(
            self,
            change=self.change if change is None else change,
            allocation=(*self.allocation, *allocation),
            notes=(*self.notes, *notes),
        )

    # ---- in words ----------------------------------------------------------------
    def sentences(self) -> tuple[str, ...]:
        """Say in plain sentences who is under-served, by how much, and how sure."""
        table = self.fidelity
        overall = table.overall
        unit = f"{table.metric} {_interval(overall, table.confidence_level)}"
        opening = f"Over all {overall.n:,} rows the model has {unit}."
        return (opening, self._sentence_on_the_under_served(), self._doubt())

    def _sentence_on_the_under_served(self) -> str:
        found = [
            i
            for i, verdict in enumerate(self.fidelity.verdict)
            if verdict == UNDER_SERVED
        ]
        if not found:
            return "No subgroup is shown to be under-served."
        named = [
            f"{self.fidelity.grouping[i]} = {format_label(self.fidelity.subgroup[i])} "
            f"({self.fidelity.estimate[i]:.3g}, n = {self.fidelity.n[i]:,})"
            for i in found
        ]
        n_tests = int(self.fidelity.judged.sum())
        return (
            f"Shown to be under-served, after correction for {n_tests} comparisons: "
            f"{'; '.join(named)}."
        )

    def _doubt(self) -> str:
        verdicts = list(self.fidelity.verdict)
        undecided = verdicts.count(UNDECIDED)
        if not undecided:
            return f"The rows at hand decide for each of the {len(verdicts)} subgroups."
        return (
            f"For {undecided} of {len(verdicts)} subgroups the evidence is "
            "insufficient: that is not the same as equal."
        )

    def __str__(self) -> str:
        """Print the sentences, then a table for each grouping, then the rest."""
        blocks = ["\n".join(self.sentences())]
        blocks += [str(self.fidelity)]
        blocks += [f"By {s.grouping}: {s.sentence()}" for s in self.spreads]
        blocks += [str(result) for result in self.allocation]
        if self.change is not None:
            blocks.append(str(self.change))
        blocks += [f"Note: {note}" for note in self.notes]
        return "\n\n".join(blocks)

    def __repr__(self) -> str:
        """Show in a console what print shows."""
        return str(self)

    # ---- on paper ----------------------------------------------------------------
    def _repr_html_(self) -> str:
        return render_page(self)

    def to_html(self, path: str | Path) -> Path:
        """Write the report as one self-contained HTML file.

        It has no script and asks no other host for anything. The file appears whole or
        not at all.

        Parameters
        ----------
        path : str or Path
            Where to write; its folder must exist.

        Returns
        -------
        Path
            The file written.
        """
        path = Path(path)
        write_text(path, render_page(self))
        return path

    def tables(self) -> dict[str, Mapping[str, Sequence[Any]]]:
        """Return every table of the result as columns, by name.

        Returns
        -------
        dict of str to dict of columns
            Those that have rows among ``"fidelity"``, ``"inequality"``,
            ``"allocation"`` and ``"change"``.
        """
        tables: dict[str, Mapping[str, Sequence[Any]]] = {
            "fidelity": self.fidelity.to_columns(),
            "inequality": _columns_of(self.spreads),
            "allocation": _columns_of(self.allocation),
            "change": {} if self.change is None else self.change.to_columns(),
        }
        return {name: columns for name, columns in tables.items() if columns}

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write each table as a CSV file into a folder, which is made if need be.

        A table of an earlier report there that this result does not have is removed: it
        would pass for one of this report.

        Parameters
        ----------
        folder : str or Path
            Where to write ``fidelity.csv`` and the other tables of the result.

        Returns
        -------
        list of Path
            The files written, each whole or not at all.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tables = self.tables()
        for name in set(TABLES) - set(tables):
            (folder / f"{name}.csv").unlink(missing_ok=True)
        paths = []
        for name, columns in tables.items():
            paths.append(folder / f"{name}.csv")
            write_table(paths[-1], columns)
        return paths


def _interval(record: Any, level: float) -> str:
    """Write an estimate as every estimate is written here: with its interval."""
    return (
        f"{record.estimate:.3g} ({level:.0%} interval {record.ci_low:.3g} to "
        f"{record.ci_high:.3g})"
    )


def _columns_of(records: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Turn dataclasses of one kind into columns."""
    return {
        field.name: [getattr(record, field.name) for record in records]
        for field in (fields(records[0]) if records else ())
    }
