"""How does an audit become JSON, and come back the same or be refused in words?

Whoever reads JSON trusts nobody: every field has a kind, unknown ones are refused, and
nothing in it is ever run. The schema has a version, which changes when a field does.
"""

import json
from dataclasses import fields
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_equity.allocation import InequalityResult
from sklearn_equity.fidelity import OverallFidelity, Shuffles, SubgroupTable
from sklearn_equity.remediation import FidelityChange, LevellingDown
from sklearn_equity.report._counts import CountRelation
from sklearn_equity.report._json_values import (
    COUNT,
    FLAG,
    LABEL,
    NUMBER,
    TEXT,
    Kind,
    array_of,
    check_names,
    list_of,
    one_of,
    optional,
    record_of,
    refuse,
)
from sklearn_equity.report._spread import GroupingSpread

if TYPE_CHECKING:
    from sklearn_equity.report._result import AuditResult

SCHEMA = "sklearn_equity.AuditResult"
VERSION = 1

_NUMBERS = array_of(NUMBER, np.float64)
_COUNTS = array_of(COUNT, np.intp)
_MATRIX = Kind(
    lambda rows: [_NUMBERS.write(row) for row in rows],
    lambda value, where: _rows(list_of(_NUMBERS).read(value, where), where),
)


def _rows(rows: tuple[Any, ...], where: str) -> Any:
    if len({len(row) for row in rows}) != 1:
        raise refuse(where, "have rows of one length", [len(row) for row in rows])
    return np.vstack(rows)


def _numbers(*names: str) -> dict[str, Kind]:
    return dict.fromkeys(names, _NUMBERS)


def _plain_kinds(record: Any, **others: Kind) -> dict[str, Kind]:
    """Read the kinds of a record of texts, counts and numbers off its annotations."""
    by_type = {str: TEXT, int: COUNT, float: NUMBER}
    return {
        field.name: others[field.name] if field.name in others else by_type[field.type]  # type: ignore[index]
        for field in fields(record)
    }


_OVERALL = record_of(OverallFidelity, _plain_kinds(OverallFidelity))
_SHUFFLES = record_of(Shuffles, {"estimate": _MATRIX, "std_error": _MATRIX})
_FIDELITY = record_of(
    SubgroupTable,
    {
        "metric": TEXT,
        "greater_is_better": FLAG,
        "best": optional(NUMBER),
        "confidence_level": NUMBER,
        "rule": TEXT,
        "origin": one_of("measured", "picked", "lower bound"),
        "overall": _OVERALL,
        "grouping": list_of(TEXT),
        "subgroup": list_of(LABEL),
        "n": _COUNTS,
        **_numbers("weight", "estimate", "std_error", "ci_low", "ci_high"),
        **_numbers("joint_low", "joint_high", "shrunken", "reference"),
        "judged": array_of(FLAG, np.bool_),
        "verdict": list_of(one_of("under-served", "served", "insufficient evidence")),
        "shuffles": optional(_SHUFFLES),
    },
)
_LEVELLING = record_of(
    LevellingDown,
    {
        "grouping": TEXT,
        **dict.fromkeys(("gap_before", "gap_after", "share"), NUMBER),
        "harmed": list_of(LABEL),
    },
)
_CHANGE = record_of(
    FidelityChange,
    {
        "metric": TEXT,
        "greater_is_better": FLAG,
        "confidence_level": NUMBER,
        "grouping": list_of(TEXT),
        "subgroup": list_of(LABEL),
        "n": _COUNTS,
        **_numbers("before", "after", "change", "std_error", "ci_low", "ci_high"),
        "verdict": list_of(
            one_of("better", "worse", "no change shown", "insufficient evidence")
        ),
        "levelling_down": list_of(_LEVELLING),
    },
)
_ALLOCATION = record_of(
    InequalityResult,
    _plain_kinds(
        InequalityResult,
        kind=one_of("dataset", "model"),
        verdict=one_of("unequal", "within tolerance", "insufficient evidence"),
        decision_threshold=optional(NUMBER),
    ),
)
_KEY = Kind(
    lambda key: [key[0], LABEL.write(key[1])],
    lambda value, where: _read_key(value, where),
)


def _read_key(value: Any, where: str) -> tuple[str, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise refuse(where, "be a grouping and a label", value)
    return TEXT.read(value[0], where), LABEL.read(value[1], where)


_KINDS: dict[str, Kind] = {
    "model": TEXT,
    "target": TEXT,
    "fidelity": _FIDELITY,
    "spreads": list_of(record_of(GroupingSpread, _plain_kinds(GroupingSpread))),
    "change": optional(_CHANGE),
    "allocation": list_of(_ALLOCATION),
    "remedy": TEXT,
    "notes": list_of(TEXT),
    "min_subgroup_size": optional(COUNT),
    "suppressed_below": COUNT,
    "relations": list_of(
        record_of(
            CountRelation,
            {"left": list_of(_KEY), "right": list_of(_KEY), "rest": COUNT},
        )
    ),
}


def to_json(result: "AuditResult") -> str:
    """Write a result; a float is written with all the digits that tell it apart."""
    head = {"schema": SCHEMA, "version": VERSION, "made_by": _maker()}
    body = {name: kind.write(getattr(result, name)) for name, kind in _KINDS.items()}
    return json.dumps(head | body, indent=1, allow_nan=False)


def from_json(text: str | bytes, make: Any) -> Any:
    """Read a result, or say what is wrong with the text."""
    value = _parse(text)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        came = value.get("schema") if isinstance(value, dict) else value
        raise refuse("schema", f"be {SCHEMA!r}, as `to_json` writes it", came)
    if value.get("version") != VERSION:
        rule = f"be {VERSION}, the only one that {_maker()} reads"
        raise refuse("version", rule, value.get("version"))
    check_names(value, ["schema", "version", "made_by", *_KINDS], "")
    TEXT.read(value["made_by"], "made_by")
    parts = {name: kind.read(value[name], name) for name, kind in _KINDS.items()}
    _check_lengths(parts["fidelity"], "fidelity")
    if parts["change"] is not None:
        _check_lengths(parts["change"], "change")
    return make(**parts)


def _maker() -> str:
    return f"sklearn_equity {version('sklearn-equity')}"


def _parse(text: str | bytes) -> Any:
    if not isinstance(text, str | bytes):
        raise TypeError(f"`text` must be JSON text; got {type(text).__name__}.")
    try:
        return json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_once_each
        )
    except RecursionError:
        raise ValueError("The audit can't be read: it is nested too deep.") from None
    except ValueError as error:
        raise ValueError(f"The audit can't be read: {error}.") from None


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a field comes twice")
    return value


def _check_lengths(table: Any, where: str) -> None:
    """Refuse columns of unequal length, and a subgroup that is listed twice."""
    length = len(table.grouping)
    for field in fields(table):
        column = getattr(table, field.name)
        if field.name in ("shuffles", "levelling_down"):
            continue
        if isinstance(column, tuple | np.ndarray) and len(column) != length:
            rule = f"have as many rows as `{where}.grouping` ({length})"
            raise refuse(f"{where}.{field.name}", rule, len(column))
    shuffles = getattr(table, "shuffles", None)
    if shuffles is not None:
        shapes = (shuffles.estimate.shape, shuffles.std_error.shape)
        if shapes[0] != shapes[1] or shapes[0][1] != length:
            raise refuse(f"{where}.shuffles", f"have {length} columns", shapes)
    if len(set(zip(table.grouping, table.subgroup, strict=True))) < length:
        raise refuse(f"{where}.subgroup", "name each subgroup once", "one twice")
