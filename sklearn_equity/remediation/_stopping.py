"""When do the rounds of measuring and remedying end?

Before a remedy: when nobody is under-served, or inequality is small enough. After it,
once the remedied model is measured: when the under-served gained nothing, or somebody
was harmed. The remedy that failed so is taken back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Literal

import numpy as np

from sklearn_equity.fidelity import Metric
from sklearn_equity.inequality import (
    atkinson,
    coefficient_of_variation,
    gini,
    max_gap,
    max_ratio,
    theil,
)
from sklearn_equity.remediation._paired import columns_of

StopWord = Literal["no_more_gain", "someone_harmed"]
StopWhen = StopWord | Mapping[str, float] | Sequence[StopWord | Mapping[str, float]]

_WORDS = ("no_more_gain", "someone_harmed")
_INDICES: dict[str, Callable[..., float]] = {
    "atkinson": atkinson,
    "coefficient_of_variation": coefficient_of_variation,
    "gini": gini,
    "max_gap": max_gap,
    "max_ratio": max_ratio,
    "theil": theil,
}


@dataclass(frozen=True)
class StopRule:
    """What ends the rounds.

    Attributes
    ----------
    words : frozenset of str
        "no_more_gain" and "someone_harmed", as far as they are asked for.
    bounds : dict of str to float
        The bound of each inequality index.
    """

    words: frozenset[str] = frozenset()
    bounds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, stop_when: StopWhen | None) -> "StopRule":
        """Read what a person asked for, or say what can be asked for."""
        if stop_when is None:
            return cls()
        whole = isinstance(stop_when, str | Mapping)
        asked = [stop_when] if whole else list(stop_when)
        bounds: dict[str, float] = {}
        for part in asked:
            if isinstance(part, Mapping) and _are_bounds(part):
                bounds |= part
            elif part not in _WORDS:
                names = ", ".join(_INDICES)
                msg = (
                    '`stop_when` must be "no_more_gain", "someone_harmed", the bound '
                    'of an inequality index such as {"gini": 0.1}, or a list of such; '
                    f"got {part!r}. Indices: {names}."
                )
                raise ValueError(msg)
        return cls(frozenset(p for p in asked if isinstance(p, str)), bounds)

    def refuse_untestable(self, metric: Metric) -> None:
        """Refuse to look for harm by a metric that `no_harm_test` can't take."""
        if "someone_harmed" not in self.words:
            return
        try:
            columns_of(metric)
        except ValueError as error:
            msg = (
                '`stop_when`="someone_harmed" asks no_harm_test, whose `metric` must '
                f"follow from sums over rows; {metric.name!r} does not. Pass a metric "
                'that does, such as "mae" or "accuracy", or stop_when="no_more_gain".'
            )
            raise ValueError(msg) from error

    @property
    def judges_remedies(self) -> bool:
        """Whether the remedied model has to be measured after the last round too."""
        return bool(self.words)

    def index_reached(self, fidelity: Sequence[float]) -> str | None:
        """Name the index that is at its bound or below; None if none is."""
        values = np.array([value for value in fidelity if not np.isnan(value)])
        for name, bound in self.bounds.items():
            if len(values) > 1 and values.any() and _INDICES[name](values) <= bound:
                return f"{name} at most {bound:g}"
        return None


def _are_bounds(bounds: Mapping[str, float]) -> bool:
    return bool(bounds) and all(
        name in _INDICES and isinstance(bound, Real) and 0.0 <= bound < np.inf
        for name, bound in bounds.items()
    )
