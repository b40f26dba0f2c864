"""How is each kind of value written as JSON, and read back or refused by its place?"""

import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_equity._label_text import WITHHELD
from sklearn_equity.fidelity import Band

_LARGEST = 2**53  # JSON readers elsewhere keep whole numbers exactly up to here
_DEEPEST = 8  # an intersection of intersections


@dataclass(frozen=True)
class Kind:
    """One kind of value: what becomes of it in JSON, and the way back.

    Attributes
    ----------
    write : callable
        From the value to what JSON can hold.
    read : callable
        From JSON and the place of the value, which errors name, to the value.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any, str], Any]


def refuse(where: str, rule: str, came: Any) -> ValueError:
    """Say what is wrong, where, without repeating a long or hostile text."""
    shown = repr(came)
    if len(shown) > 60:
        shown = f"{shown[:57]}..."
    return ValueError(f"The audit can't be read: `{where}` must {rule}; got {shown}.")


# ---- single values ---------------------------------------------------------------
def _read_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise refuse(where, "be text", value)
    return value


def _read_flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise refuse(where, "be true or false", value)
    return value


def _write_number(value: float) -> float | str | None:
    """Write NaN as null, and infinity as text: JSON has neither."""
    number = float(value)
    if np.isnan(number):
        return None
    return number if np.isfinite(number) else str(number)


def _read_number(value: Any, where: str) -> float:
    if value is None:
        return np.nan
    if value in ("inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(where, 'be a number, null, "inf" or "-inf"', value)
    if abs(value) > sys.float_info.max:
        raise refuse(where, "be no larger than a number can be", value)
    return float(value)


def _read_count(value: Any, where: str) -> int:
    if value is None:
        return WITHHELD
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(where, "be a whole number, or null if withheld", value)
    if not 0 <= value < _LARGEST:
        raise refuse(where, "be a count from 0 to 2**53 - 1", value)
    return value


def _write_label(label: Hashable) -> Any:
    """Keep text, numbers, bands and intersections; all else becomes its text."""
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, tuple):
        return [_write_label(part) for part in label]
    if isinstance(label, Band):
        return {"band": label.text, "position": label.position}
    if isinstance(label, float) and not np.isfinite(label):
        return str(label)
    return label if isinstance(label, str | bool | int | float) else str(label)


def _read_label(value: Any, where: str, depth: int = 0) -> Hashable:
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list) and depth < _DEEPEST:
        return tuple(_read_label(part, where, depth + 1) for part in value)
    if isinstance(value, dict) and set(value) == {"band", "position"}:
        position = _read_count(value["position"], f"{where}.position")
        return Band(_read_text(value["band"], f"{where}.band"), position)
    raise refuse(where, "be a label: text, a number, a band or a list of these", value)


def _as_is(value: Any) -> Any:
    return value


TEXT = Kind(_as_is, _read_text)
FLAG = Kind(bool, _read_flag)
NUMBER = Kind(_write_number, _read_number)
COUNT = Kind(lambda n: None if n == WITHHELD else int(n), _read_count)
LABEL = Kind(_write_label, _read_label)


def one_of(*words: str) -> Kind:
    """Make a kind of text that is one of a few words."""

    def read(value: Any, where: str) -> str:
        if value not in words:
            raise refuse(where, f"be one of {', '.join(map(repr, words))}", value)
        return str(value)

    return Kind(str, read)


def optional(kind: Kind) -> Kind:
    """Make a kind that may be absent: null is None."""
    return Kind(
        lambda value: None if value is None else kind.write(value),
        lambda value, where: None if value is None else kind.read(value, where),
    )


# ---- many values -----------------------------------------------------------------
def list_of(kind: Kind) -> Kind:
    """Make a kind of list, read as a tuple."""

    def read(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise refuse(where, "be a list", value)
        return tuple(kind.read(one, f"{where}[{i}]") for i, one in enumerate(value))

    return Kind(lambda values: [kind.write(one) for one in values], read)


def array_of(kind: Kind, dtype: Any) -> Kind:
    """Make a kind of one-dimensional array."""
    items = list_of(kind)
    return Kind(
        lambda values: items.write(values.tolist()),
        lambda value, where: np.array(items.read(value, where), dtype=dtype),
    )


def record_of(make: Callable[..., Any], kinds: dict[str, Kind]) -> Kind:
    """Make a kind of object with these fields, no more and no less."""

    def write(record: Any) -> dict[str, Any]:
        return {name: kind.write(getattr(record, name)) for name, kind in kinds.items()}

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise refuse(where, "be an object", value)
        check_names(value, list(kinds), where)
        inside = f"{where}." if where else ""
        return make(
            **{
                name: kind.read(value[name], f"{inside}{name}")
                for name, kind in kinds.items()
            }
        )

    return Kind(write, read)


def check_names(value: dict[str, Any], names: Sequence[str], where: str) -> None:
    """Refuse an object that lacks a field or has one that nobody knows."""
    lacking = [name for name in names if name not in value]
    strange = sorted(set(value) - set(names))
    if lacking or strange:
        rule = f"have the fields {', '.join(names)}, and no others"
        raise refuse(where or "the whole", rule, strange or f"no {lacking[0]}")
