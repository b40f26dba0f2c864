"""What is a report made of, whatever it is written in?

The content of a report is built once from these parts; HTML and Markdown write them.
Every text in them is plain: escaping is the business of who writes.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Interval = tuple[float, float, float]
# How a row looks; in words and in shape too, so that colour is not needed.
Look = Literal["bad", "good", "open", "total", "plain"]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; a quiet one explains what stands beside it."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and the number by which its column is sorted."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Row:
    """The cells of a row."""

    cells: tuple[Cell, ...]
    look: Look = "plain"


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row. The last rows may be totals."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    caption: str = ""


@dataclass(frozen=True)
class Mark:
    """One line of a picture: an estimate on its interval, said in words as well."""

    label: str
    figures: Interval
    words: str
    look: Look = "plain"
    reference: float = np.nan


@dataclass(frozen=True)
class Plot:
    """Estimates on one axis, with their intervals."""

    title: str
    axis: str
    scale: tuple[float, float]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Key:
    """What the marks of the pictures that follow mean."""

    items: tuple[tuple[str, str], ...]


Block = Paragraph | Bullets | Table | Plot | Key


@dataclass(frozen=True)
class Section:
    """A headed part; `name` is its place in the page."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    parts: tuple["Section", ...] = ()


@dataclass(frozen=True)
class Report:
    """A whole report, the answer first."""

    title: str
    subject: str
    answer: tuple[str, ...]
    sections: tuple[Section, ...]


# ---- words -----------------------------------------------------------------------
def one_line(text: str) -> str:
    """Write text on one line, without what would turn or hide the text around it.

    Control characters and those that change the direction of writing become "�".
    """
    joined = " ".join(text.split())
    return "".join("�" if unicodedata.category(c) in _UNSEEN else c for c in joined)


_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


MINUS = "\N{MINUS SIGN}"
_SMALLEST = 1e-6  # what is smaller is written in powers of ten
# Not behind "=", ":" or ",", where a label from the data may stand.
_HYPHEN = re.compile(r"(?<![=:,] )(?<=[ (])-(?=\d)")


def number(value: float, sign: str = "") -> str:
    """Write three digits, and every digit before the point."""
    if not np.isfinite(value):
        return "not known"
    if abs(value) >= 1000:
        return f"{value:{sign},.0f}".replace("-", MINUS)
    text = f"{value:{sign}#.3g}"
    if "e" in text and abs(value) >= _SMALLEST:
        decimals = 2 - int(np.floor(np.log10(abs(float(text)))))
        text = f"{value:{sign}.{decimals}f}"
    return text.rstrip(".").replace("-", MINUS)


def with_minus(sentence: str) -> str:
    """Write the negative numbers of a sentence with a minus sign, and no label so."""
    return _HYPHEN.sub(MINUS, sentence)


def interval(low: float, high: float, sign: str = "") -> str:
    """Write the ends of an interval."""
    if not np.isfinite([low, high]).all():
        return "not known"
    return f"{number(low, sign)} to {number(high, sign)}"


def say_levels(levels: Iterable[float]) -> str:
    """Write confidence levels: "95%", or each that there is, in their order."""
    return " / ".join(dict.fromkeys(f"{100.0 * level:.4g}%" for level in levels))


def fit_scale(
    estimates: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
) -> tuple[float, float]:
    """Return the range of a picture: every estimate, and its interval if not too long.

    One subgroup about which nothing is known would otherwise press all others into a
    corner: what reaches beyond is cut off, and drawn so.
    """
    finite = np.asarray(estimates, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return (0.0, 1.0)
    least, most = float(finite.min()), float(finite.max())
    room = (most - least) or abs(most) or 1.0
    return (
        max(least - room, float(np.nanmin([*lows, least]))),
        min(most + room, float(np.nanmax([*highs, most]))),
    )
