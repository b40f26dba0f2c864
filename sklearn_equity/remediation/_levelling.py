"""Did a gap narrow because the worse served gained, or because the better served lost?

Equality that is reached by making the best worse is levelling down. It is named so
wherever the gap between those served worse and better than the median narrowed while
somebody among the better served was shown to be harmed.
"""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._label_text import format_labels

__all__ = ["LevellingDown", "find_levelling_down"]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class LevellingDown:
    """One grouping whose gap narrowed at the expense of the better served.

    Attributes
    ----------
    grouping : str
        Its name.
    gap_before, gap_after : float
        The mean loss of the people in subgroups served worse than the median subgroup
        before, less that of all others.
    share : float
        From 0 to 1: how much of the narrowing is loss of the better served.
    harmed : tuple
        The better served subgroups that were shown to be harmed.
    """

    grouping: str
    gap_before: float
    gap_after: float
    share: float
    harmed: tuple[Hashable, ...]

    def __str__(self) -> str:
        """Say it in a sentence."""
        names = ", ".join(format_labels(self.harmed))
        return (
            f"Levelling down of {self.grouping}: the gap narrowed from "
            f"{self.gap_before:.3g} to {self.gap_after:.3g}, {self.share:.0%} of it by "
            f"making the better served worse; harmed among them: {names}."
        )


def find_levelling_down(
    grouping: tuple[str, ...],
    subgroup: tuple[Hashable, ...],
    n: NDArray[np.intp],
    *,
    losses: tuple[Vector, Vector],
    judged: NDArray[np.bool_],
    harmed: NDArray[np.bool_],
) -> tuple[LevellingDown, ...]:
    """Return the groupings that were levelled down; `losses` are before and after."""
    found = []
    for name in dict.fromkeys(grouping):
        rows = np.flatnonzero((np.array(grouping) == name) & judged)
        if len(rows) < 2:
            continue
        worse = losses[0][rows] > np.median(losses[0][rows])
        base, under_served = rows[~worse], rows[worse]
        victims = base[harmed[base]]
        if not len(victims) or not len(under_served):
            continue
        means = [
            [float(np.average(loss[part], weights=n[part])) for loss in losses]
            for part in (base, under_served)
        ]
        before, after = (means[1][i] - means[0][i] for i in (0, 1))
        if abs(after) >= before:  # as wide as before, or wider the other way round
            continue
        share = np.clip((means[0][1] - means[0][0]) / (before - after), 0.0, 1.0)
        labels = tuple(subgroup[i] for i in victims)
        found.append(LevellingDown(name, before, after, float(share), labels))
    return tuple(found)
