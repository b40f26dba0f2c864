"""Which subgroups does a rule call under-served?

A rule is a name, a function of the measured fidelities, or the labels themselves. It
judges estimates, which carry noise: about half of all subgroups are worse than their
median even if every one is served alike.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Literal

import numpy as np

from sklearn_equity.fidelity import Metric

Fidelities = Mapping[Hashable, float]
UnderServedRule = (
    Literal["worse_than_median"]
    | Callable[[dict[Hashable, float]], Collection[Hashable]]
    | Collection[Hashable]
)


def refuse_unknown_labels(rule: UnderServedRule, labels: tuple[Hashable, ...]) -> None:
    """Refuse a list that names what is no subgroup, before anything is measured."""
    if not isinstance(rule, str) and not callable(rule):
        _refuse_outside("`under_served` must hold labels of subgroups", rule, labels)


def choose_under_served(
    rule: UnderServedRule, judged: Fidelities, metric: Metric
) -> tuple[Hashable, ...]:
    """Return the labels that the rule calls under-served.

    `judged` holds the subgroups that are large enough to judge, in display order. Only
    the caller's own list may name another.
    """
    if isinstance(rule, str):
        return _worse_than_median(judged, metric)
    if not callable(rule):
        return tuple(rule)
    chosen = tuple(rule(dict(judged)))
    must = "The function `under_served` must return labels of its argument"
    _refuse_outside(must, chosen, tuple(judged))
    return chosen


def _refuse_outside(
    must: str, chosen: Collection[Hashable], allowed: tuple[Hashable, ...]
) -> None:
    unknown = [label for label in chosen if label not in allowed]
    if unknown:
        raise ValueError(f"{must}, which are {list(allowed)}; got {unknown}.")


def _worse_than_median(judged: Fidelities, metric: Metric) -> tuple[Hashable, ...]:
    """Name the subgroups strictly worse than the median: a tie with it is not worse."""
    if not judged:
        return ()
    losses = metric.as_loss(np.array(list(judged.values())))
    worse = losses > np.median(losses)
    return tuple(
        label for label, is_worse in zip(judged, worse, strict=True) if is_worse
    )
