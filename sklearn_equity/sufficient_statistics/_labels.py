"""In which order do labels stand, of whatever kind they are?"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._factorize import is_missing

__all__ = ["label_order", "number_labels"]


def label_order(label: Any) -> Any:
    """Sort numbers as numbers, text as text, and tuples part by part."""
    if isinstance(label, tuple):
        return (3, tuple(label_order(part) for part in label))
    if is_missing(label):
        return (4, "")
    if isinstance(label, bool | int | float | np.number | np.bool_):
        return (0, label)
    return (1, label) if isinstance(label, str) else (2, str(label))


def number_labels(
    labels: Sequence[Hashable],
) -> tuple[NDArray[np.intp], list[Hashable]]:
    """Number labels in the order in which they sort, equal ones alike.

    Of thousands of combinations, such as those of wards and sizes of errors, the parts
    are sorted, which are few.
    """
    are_tuples = set(map(type, labels)) == {tuple}
    if not are_tuples or len(set(map(len, labels))) > 1:  # type: ignore[arg-type]
        known = sorted(dict.fromkeys(labels), key=label_order)
        place = {label: i for i, label in enumerate(known)}
        return np.fromiter((place[label] for label in labels), np.intp), known
    number = np.zeros(len(labels), dtype=np.intp)
    for part in zip(*labels, strict=True):
        codes, parts = number_labels(part)
        number = number * len(parts) + codes
    _, first, numbers = np.unique(number, return_index=True, return_inverse=True)
    return numbers.astype(np.intp), [labels[i] for i in first]
