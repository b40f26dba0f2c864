"""What did the audit find: one frozen result that prints, and writes, itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sklearn_equity._optional import build_frame
from sklearn_equity.allocation import InequalityResult
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.remediation import FidelityChange
from sklearn_equity.report._columns import TABLES, Columns, columns_by_table
from sklearn_equity.report._comparison import AuditComparison, compare_audits
from sklearn_equity.report._content import report_of_audit
from sklearn_equity.report._counts import CountRelation
from sklearn_equity.report._files import remove_table, write_table, write_text
from sklearn_equity.report._json import from_json, to_json
from sklearn_equity.report._markdown import render_markdown, sections_of_card
from sklearn_equity.report._same import hold_the_same
from sklearn_equity.report._sentences import (
    describe_everybody,
    name_under_served,
    tell_doubt,
    tell_unequal,
    tell_withheld,
)
from sklearn_equity.report._spread import GroupingSpread
from sklearn_equity.report._suppression import (
    DEFAULT_LIMIT,
    suppress,
    suppress_findings,
)
from sklearn_equity.report.page import render_in_notebook, render_page


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What an audit found, ready to print, to show in a notebook and to write.

    Made by `audit` and `audit_frame`. Every estimate in it carries its number of rows
    and its interval. Nothing in it is about a single row.

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
    remedy : str, default=""
        What was done between before and after, in a sentence.
    notes : tuple of str, default=()
        What a reader must know: rows left out, how subgroups were made.
    min_subgroup_size : int or None, default=None
        The fewest rows with which a subgroup was judged.
    suppressed_below : int, default=0
        Numbers of people below it are withheld already.
    relations : tuple of CountRelation, default=()
        Which subgroups hold the same people as which others; from it follows what must
        be withheld together. If empty, nobody knows which groupings contain each other:
        where anything must be withheld, only the first grouping is shown.

    See Also
    --------
    audit : Audit a fitted estimator.
    audit_frame : Audit predictions that are a column of a table.

    Notes
    -----
    What is printed, shown in a notebook or written is meant for others to see. Numbers
    of people below ten are withheld there, and so are as many larger ones as it takes
    that no small one can be worked out from sums: of a grouping, of intersections, and
    of any two groupings that contain each other, of which the people tell, or the
    engine that holds them. Subgroups keep their names and verdicts, and lose all
    figures. A count is protected if what is published leaves for it a range that
    reaches up to the limit and is half as wide, as far as verdicts permit, told by
    linear programming over all sums. Sums over three groupings and more that no two of
    them show are not looked for.

    A change of the same people loses the same subgroups. One of other people is
    protected by itself, one grouping of it is shown if any must be withheld, and none
    if its numbers differ from those of the audit by fewer than the limit. That does not
    protect against a second report on nearly the same people, nor against names that
    are those of persons.

    `fidelity`, `change` and the others hold the figures as they are.

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
    remedy: str = ""
    notes: tuple[str, ...] = ()
    min_subgroup_size: int | None = None
    suppressed_below: int = 0
    relations: tuple[CountRelation, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Tell whether another result holds the same, to the last digit.

        Labels that JSON knows no kind for, such as dates, differ from their text.
        """
        if not isinstance(other, AuditResult):
            return NotImplemented
        return hold_the_same(self, other)

    def __hash__(self) -> int:
        """Agree for equal results: of what is text in them."""
        return hash((self.model, self.target, self.remedy, self.notes))

    def with_findings(
        self,
        *,
        change: FidelityChange | None = None,
        allocation: Sequence[InequalityResult] = (),
        remedy: str = "",
        notes: Iterable[str] = (),
    ) -> "AuditResult":
        """Return a copy that also reports what was found or done afterwards.

        Parameters
        ----------
        change : FidelityChange, default=None
            The subgroups before and after a remediation.
        allocation : sequence of InequalityResult, default=()
            Inequalities of deterioration, added to those already there.
        remedy : str, default=""
            What was done, in a sentence: the record of the report opens with it.
        notes : iterable of str, default=()
            Sentences added to the notes.

        Returns
        -------
        AuditResult
            The extended result; this one stays as it is. Where small counts are
            withheld from this one, they are from what is added, at the same limit.
        """
        added, inequalities = suppress_findings(self, change, allocation)
        return replace(
            self,
            change=self.change if added is None else added,
            allocation=inequalities,
            remedy=remedy or self.remedy,
            notes=(*self.notes, *notes),
        )

    def suppress(self, suppress_below: int | None = DEFAULT_LIMIT) -> "AuditResult":
        """Return a copy without small numbers of people, nor what would tell them.

        Parameters
        ----------
        suppress_below : int or None, default=10
            The least number of people that is shown. None or 0 withholds nothing.

        Returns
        -------
        AuditResult
            Withheld counts are -1 and their figures NaN.

        Raises
        ------
        ValueError
            If the limit is no whole number, or fewer are withheld already.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklearn_equity import audit_frame
        >>> people = pd.DataFrame({"y": np.arange(100.0)})
        >>> people["predicted"] = people["y"] + np.resize([1, -2], 100)
        >>> people["ward"] = np.repeat(["east", "north", "west"], [60, 35, 5])
        >>> result = audit_frame(
        ...     people, y_true="y", y_pred="predicted", subgroups="ward", metric="mae"
        ... )
        >>> result.suppress().fidelity.n
        array([60, -1, -1])
        """
        return suppress(self, suppress_below)

    def compare(self, other: "AuditResult") -> AuditComparison:
        """Compare with a later audit, or one of another model: who got worse?

        Parameters
        ----------
        other : AuditResult
            By the same metric. Subgroups are matched by grouping and name.

        Returns
        -------
        AuditComparison
            The change from this result to the other in every subgroup. Where small
            counts are withheld from one of the two, they are from both, at its limit.

        Raises
        ------
        ValueError
            If metrics, confidence levels or the limits below which counts are withheld
            differ, or no subgroup is in both.

        See Also
        --------
        fidelity_change : The same from the predictions of two models for the same
            people, person by person: it sees smaller changes.
        """
        return compare_audits(self, other)

    # ---- in words ----------------------------------------------------------------
    def sentences(self) -> tuple[str, ...]:
        """Say in plain sentences who is under-served, by how much, and how sure.

        Returns
        -------
        tuple of str
            How everybody is served, who is under-served, and where nobody can tell.
        """
        table = self.fidelity
        who = " ".join(filter(None, (name_under_served(table), tell_unequal(self))))
        return describe_everybody(table), who, tell_doubt(table)

    def to_text(self, *, suppress_below: int | None = DEFAULT_LIMIT) -> str:
        """Write the result as plain text: what print shows.

        Parameters
        ----------
        suppress_below : int or None, default=10
            The least number of people that is shown; see `suppress`.

        Returns
        -------
        str
            The sentences, then a table for each grouping, then the rest.
        """
        shown = self.suppress(suppress_below)
        blocks = ["\n".join(shown.sentences())]
        blocks += [str(shown.fidelity)]
        blocks += [f"By {s.grouping}: {s.sentence()}" for s in shown.spreads]
        blocks += [str(result) for result in shown.allocation]
        if shown.change is not None:
            blocks.append(str(shown.change))
        notes = [*shown.notes, *filter(None, [tell_withheld(shown)])]
        return "\n\n".join([*blocks, *(f"Note: {note}" for note in notes)])

    def __str__(self) -> str:
        """Print the text without small counts."""
        return self.to_text(suppress_below=self._limit())

    def __repr__(self) -> str:
        """Show in a console what print shows."""
        return str(self)

    def _limit(self) -> int:
        """Suppress small counts, unless that was done by a limit of the user's own."""
        return self.suppressed_below or DEFAULT_LIMIT

    # ---- on paper ----------------------------------------------------------------
    def _repr_html_(self) -> str:
        return render_in_notebook(report_of_audit(self.suppress(self._limit())))

    def to_html(
        self, path: str | Path, *, suppress_below: int | None = DEFAULT_LIMIT
    ) -> Path:
        """Write the report as one self-contained HTML file.

        It asks no other host for anything; its only script sorts tables. The file
        appears whole or not at all.

        Parameters
        ----------
        path : str or Path
            Where to write; its folder must exist.
        suppress_below : int or None, default=10
            The least number of people that is shown; see `suppress`.

        Returns
        -------
        Path
            The file written.
        """
        path = Path(path)
        write_text(path, render_page(report_of_audit(self.suppress(suppress_below))))
        return path

    def to_markdown(self, *, suppress_below: int | None = DEFAULT_LIMIT) -> str:
        """Write the report as Markdown, with tables as GitHub reads them.

        Parameters
        ----------
        suppress_below : int or None, default=10
            The least number of people that is shown; see `suppress`.

        Returns
        -------
        str
            The answer, the tables, the record and the limits. Labels show as they are:
            none of them is taken for markup.
        """
        return render_markdown(report_of_audit(self.suppress(suppress_below)))

    def add_to_card(
        self,
        card: Any,
        *,
        section: str = "Equity",
        suppress_below: int | None = DEFAULT_LIMIT,
    ) -> Any:
        """Add the report to a model card of skops, one section an item.

        Parameters
        ----------
        card : skops.card.Card
            The card, which is changed.
        section : str, default="Equity"
            The section to write into.
        suppress_below : int or None, default=10
            The least number of people that is shown; see `suppress`.

        Returns
        -------
        skops.card.Card
            The same card.

        Raises
        ------
        TypeError
            If `card` has no method `add`.
        """
        if not callable(getattr(card, "add", None)):
            msg = f"`card` must be a skops.card.Card; got {type(card).__name__}."
            raise TypeError(msg)
        report = report_of_audit(self.suppress(suppress_below))
        for title, text in sections_of_card(report, under=section).items():
            card.add(**{title: text})
        return card

    def to_json(self, *, suppress_below: int | None = DEFAULT_LIMIT) -> str:
        """Write the result as JSON, which `from_json` reads back the same.

        Parameters
        ----------
        suppress_below : int or None, default=10
            The least number of people that is shown; see `suppress`. With None all
            figures come back, to the last digit.

        Returns
        -------
        str
            JSON text; the fields "schema" and "version" say how to read it.

        Notes
        -----
        NaN is written as null, and so is a withheld count. Labels that are neither
        text, numbers nor bands become text.
        """
        return to_json(self.suppress(suppress_below))

    @classmethod
    def from_json(cls, text: str | bytes) -> "AuditResult":
        """Read a result that `to_json` wrote.

        Parameters
        ----------
        text : str or bytes
            JSON text. Nothing in it is run, and only what the schema knows is read.

        Returns
        -------
        AuditResult
            The result.

        Raises
        ------
        ValueError
            If it is damaged, of another schema or of another version; the field is
            named.
        """
        result: AuditResult = from_json(text, cls)
        return result

    def tables(self, *, suppress_below: int | None = None) -> dict[str, Columns]:
        """Return every table of the result as columns, by name.

        Parameters
        ----------
        suppress_below : int or None, default=None
            The least number of people that is shown; see `suppress`.

        Returns
        -------
        dict of str to dict of columns
            Those that have rows among ``"fidelity"``, ``"inequality"``,
            ``"allocation"`` and ``"change"``; a withheld count is None.
        """
        return columns_by_table(self.suppress(suppress_below))

    def to_frames(self, *, suppress_below: int | None = None) -> dict[str, Any]:
        """Return every table of the result as a data frame, by name.

        Parameters
        ----------
        suppress_below : int or None, default=None
            The least number of people that is shown; see `suppress`.

        Returns
        -------
        dict of str to pandas.DataFrame or polars.DataFrame
            As `tables`; polars if ``sklearn.set_config(transform_output="polars")``
            says so.
        """
        feature = "AuditResult.to_frames"
        return {
            name: build_frame(columns, feature=feature)
            for name, columns in self.tables(suppress_below=suppress_below).items()
        }

    def to_csv(
        self, folder: str | Path, *, suppress_below: int | None = DEFAULT_LIMIT
    ) -> list[Path]:
        """Write each table as a CSV file into a folder, which is made if need be.

        A table of an earlier report there that this result does not have is removed: it
        would pass for one of this report. Files that only have such a name stay.

        Parameters
        ----------
        folder : str or Path
            Where to write ``fidelity.csv`` and the other tables of the result.
        suppress_below : int or None, default=10
            The least number of people that is shown; see `suppress`.

        Returns
        -------
        list of Path
            The files written, each whole or not at all. Text that a spreadsheet would
            take for a formula has an apostrophe before it.
        """
        folder = Path(folder)
        tables = self.tables(suppress_below=suppress_below)
        folder.mkdir(parents=True, exist_ok=True)
        for name in set(TABLES) - set(tables):
            remove_table(folder / f"{name}.csv", TABLES[name])
        paths = []
        for name, columns in tables.items():
            paths.append(folder / f"{name}.csv")
            write_table(paths[-1], columns)
        return paths
