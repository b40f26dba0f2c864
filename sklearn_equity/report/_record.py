"""What does a report record, item by item, and what was not examined?

The items are those of the fairness recommendations of FUTURE-AI, the international
consensus guideline for trustworthy AI in health care: attributes, groups, metrics, what
was found, what was done, who remains, limits.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sklearn_equity._label_text import WITHHELD
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.remediation import FidelityChange
from sklearn_equity.report._document import (
    Block,
    Bullets,
    Paragraph,
    Section,
    with_minus,
)
from sklearn_equity.report._groupings import LEARNT
from sklearn_equity.report._sentences import (
    UNDECIDED,
    UNDER_SERVED,
    name_rows,
    name_under_served,
    rows_of,
    tell_unequal,
)

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

_SOURCE = (
    "The items follow the fairness recommendations of FUTURE-AI (Lekadir et al., BMJ "
    "2025;388:e081554)."
)
_NOT_EXAMINED = "not examined."


def record_of_audit(result: "AuditResult") -> Section:
    """Write every item, those with nothing behind them too."""
    items = (
        ("attributes", "Attributes examined", _attributes(result)),
        ("groups", "Groups and their sizes", _groups(result)),
        ("metrics", "Metrics", _metrics(result)),
        ("found", "What was found", _found(result)),
        ("done", "What was done", _done(result)),
        ("remains", "Who remains under-served", _remains(result)),
        ("gaps", "Limits", _gaps()),
    )
    parts = tuple(
        Section(f"record-{name}", title, (_block(list(lines)),))
        for name, title, lines in items
    )
    return Section(
        "record", "The record, item by item", (Paragraph(_SOURCE, quiet=True),), parts
    )


def _block(lines: list[str]) -> Block:
    lines = [with_minus(line) for line in lines]
    return Paragraph(lines[0]) if len(lines) == 1 else Bullets(tuple(lines))


def _is_crossed(result: "AuditResult", grouping: str) -> bool:
    labels = result.fidelity.select(grouping).subgroup
    return any(isinstance(label, tuple) for label in labels)


def _attributes(result: "AuditResult") -> Iterator[str]:
    names = list(dict.fromkeys(result.fidelity.grouping))
    crossed = [name for name in names if _is_crossed(result, name)]
    declared = [name for name in names if name not in (*crossed, LEARNT)]
    yield _listed("Declared", declared)
    yield _listed("Intersections", crossed)
    n_learnt = sum(name == LEARNT for name in result.fidelity.grouping)
    yield _listed("Segments learnt from the data", [f"{n_learnt}"] if n_learnt else [])


def _listed(what: str, names: list[str]) -> str:
    return f"{what}: " + (f"{', '.join(names)}." if names else _NOT_EXAMINED)


def _groups(result: "AuditResult") -> Iterator[str]:
    for name in dict.fromkeys(result.fidelity.grouping):
        n = result.fidelity.select(name).n
        shown = n[n != WITHHELD]
        text = f"{name}: {len(n)} subgroups"
        if len(shown):
            least, most = f"{shown.min():,}", f"{shown.max():,}"
            text += (
                f", of {least} to {most} people"
                if least != most
                else (f", of {least} people each")
            )
        if len(shown) < len(n):
            text += f"; {len(n) - len(shown)} of them withheld"
        yield f"{text}."


def _metrics(result: "AuditResult") -> Iterator[str]:
    table = result.fidelity
    yield f"Fidelity: {table.metric}, with {table.confidence_level:.0%} intervals."
    inequality = "the Gini index, with and without noise." if result.spreads else None
    yield f"Inequality between subgroups: {inequality or _NOT_EXAMINED}"
    allocation = (
        "the area between allocation-deterioration curves."
        if result.allocation
        else None
    )
    yield f"Whether equal scores mean equal illness: {allocation or _NOT_EXAMINED}"


def _found(result: "AuditResult") -> Iterator[str]:
    yield name_under_served(result.fidelity)
    if unequal := tell_unequal(result):
        yield unequal
    for one in result.allocation:
        if one.verdict == "unequal":
            yield (
                f"At equal scores, {one.subgroup} and {one.reference} are "
                "not equally ill."
            )
    if result.change is not None:
        yield from map(str, result.change.levelling_down)


def _done(result: "AuditResult") -> Iterator[str]:
    if result.remedy:
        yield result.remedy
    if result.change is not None:
        yield from result.change.sentences()
    elif result.remedy:
        yield f"What it changed: {_NOT_EXAMINED}"
    else:
        yield "Nothing that is part of this audit: remedies were not examined."


def _remains(result: "AuditResult") -> Iterator[str]:
    table = result.fidelity
    found = rows_of(table, UNDER_SERVED)
    if result.change is None:
        names = "; ".join(name_rows(table, found))
        yield f"Under-served still: {names}." if found else "Nobody is shown to be."
    else:
        yield from _remain_after(table, found, result.change)
    undecided = len(rows_of(table, UNDECIDED))
    if undecided:
        before = "" if result.change is None else " before it"
        yield (
            f"Perhaps some of {undecided} subgroups with insufficient evidence{before}."
        )


def _remain_after(
    table: SubgroupTable, found: list[int], change: FidelityChange
) -> Iterator[str]:
    """Say what a change tells of those who were under-served before it."""
    rows = zip(change.grouping, change.subgroup, strict=True)
    after = dict(zip(rows, change.verdict, strict=True))
    better = [
        i
        for i in found
        if after.get((table.grouping[i], table.subgroup[i])) == "better"
    ]
    for rows_told, opening in (
        (better, "Served better than before, which is not yet served well"),
        ([i for i in found if i not in better], "Under-served still"),
    ):
        if rows_told:
            yield f"{opening}: {'; '.join(name_rows(table, rows_told))}."
    worse = rows_of(change, "worse")
    if worse:
        yield f"Served worse than before: {'; '.join(name_rows(change, worse))}."
    if not found:
        yield "Nobody was shown to be before the remedy."
    yield (
        "Whom the remedied model fails, judged by itself: not examined. Audit its "
        "predictions."
    )


def _gaps() -> Iterator[str]:
    yield (
        "Causes of the gaps, clinical consequences, and performance on people from "
        "elsewhere: " + _NOT_EXAMINED
    )
    yield "See the notes and limits that follow."
