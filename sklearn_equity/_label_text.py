"""How is a label, or a number of people, written so that nobody is confused?"""

from collections.abc import Callable, Hashable, Iterable
from functools import partial

_FEWEST_DIGITS, _MOST_DIGITS = 6, 16  # of a label that is a fraction
_MORE_DIGITS = range(_FEWEST_DIGITS + 1, _MOST_DIGITS + 2)  # the last: all it has
WITHHELD = -1  # in place of a count that is kept from readers, so that nobody is named


def format_label(label: Hashable) -> str:
    """Write a label for people: the parts of an intersection are joined by " & "."""
    if isinstance(label, tuple):
        return " & ".join(format_label(part) for part in label)
    if isinstance(label, float) and label.is_integer():
        return f"{label:.0f}"  # whole numbers beside a missing one are read as floats
    return str(label)


def format_labels(labels: Iterable[Hashable]) -> list[str]:
    """Write labels beside one another: each as short as tells it from the others.

    0.1 * 3 is written 0.3, and in full beside a 0.3; 1 and "1" are told by quotes.
    """
    labels = list(labels)
    texts = [_write(label, _FEWEST_DIGITS) for label in labels]
    writers: list[Callable[[Hashable], str]] = [
        partial(_write, digits=n) for n in _MORE_DIGITS
    ]
    for write in (*writers, repr):
        alike = _alike(texts, labels)
        if not alike:
            break
        for i, text in enumerate(texts):
            texts[i] = write(labels[i]) if text in alike else text
    return texts


def _alike(texts: list[str], labels: list[Hashable]) -> set[str]:
    """Return the texts that stand for different labels."""
    first: dict[str, Hashable] = {}
    return {
        text
        for text, label in zip(texts, labels, strict=True)
        if first.setdefault(text, label) is not label and first[text] != label
    }


def _write(label: Hashable, digits: int) -> str:
    if isinstance(label, tuple):
        return " & ".join(_write(part, digits) for part in label)
    if digits <= _MOST_DIGITS and isinstance(label, float) and not label.is_integer():
        short = f"{label:.{digits}g}"
        return format_label(label) if "e" in short else short
    return format_label(label)


def format_count(n: int) -> str:
    """Write a number of people, or that it is withheld."""
    return "withheld" if n == WITHHELD else f"{n:,}"
