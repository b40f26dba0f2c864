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


def choose_under_served(
    rule: UnderServedRule,
    judged: Fidelities,
    *,
    labels: tuple[Hashable, ...],
    metric: Metric,
) -> tuple[Hashable, ...]:
    """Return the labels that the rule calls under-served, in display order.

    `judged` holds the subgroups that are large enough to judge; `labels` all of them.
    Only the caller's own list may name a subgroup outside `judged`.
    """
    if isinstance(rule, str):
        return _worse_than_median(judged, metric)
    if callable(rule):
        chosen, allowed = tuple(rule(dict(judged))), tuple(judged)
        rule_text = "The function `under_served` must return labels of its argument"
    else:
        chosen, allowed = tuple(rule), labels
        rule_text = "`under_served` must hold labels of subgroups"
    unknown = [label for label in chosen if label not in allowed]
    if unknown:
        raise ValueError(f"{rule_text}, which are {list(allowed)}; got {unknown}.")
    return tuple(label for label in allowed if label in chosen)


def _worse_than_median(judged: Fidelities, metric: Metric) -> tuple[Hashable, ...]:
    """Name the subgroups strictly worse than the median: a tie with it is not worse."""
    if not judged:
        return ()
    losses = metric.as_loss(np.array(list(judged.values())))
    worse = losses > np.median(losses)
    return tuple(
        label for label, is_worse in zip(judged, worse, strict=True) if is_worse
    )
