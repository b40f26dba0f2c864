"""Which subgroups does a rule call under-served?

A rule is a name, one word with a number, a function of the measured fidelities, or the
labels themselves. It judges estimates, which carry noise: about half of all subgroups
are worse than their median even if every one is served alike.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from numbers import Integral, Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Fidelities = Mapping[Hashable, float]
AsLoss = Callable[[NDArray[np.float64]], NDArray[np.float64]]
UnderServedRule = (
    Literal["worse_than_median"]
    | Mapping[str, float]
    | Callable[[dict[Hashable, float]], Collection[Hashable]]
    | Collection[Hashable]
)


def refuse_bad_rule(rule: UnderServedRule, labels: tuple[Hashable, ...]) -> None:
    """Refuse a rule without meaning, before anything is measured."""
    if isinstance(rule, Mapping):
        _refuse_bad_number(rule)
    elif not isinstance(rule, str) and not callable(rule):
        _refuse_outside("`under_served` must hold labels of subgroups", rule, labels)


def compares_subgroups(rule: UnderServedRule) -> bool:
    """Tell whether a rule needs others to compare a subgroup with."""
    return isinstance(rule, str) or (isinstance(rule, Mapping) and "quantile" in rule)


def choose_under_served(
    rule: UnderServedRule, judged: Fidelities, as_loss: AsLoss
) -> tuple[Hashable, ...]:
    """Return the labels that the rule calls under-served.

    `judged` holds the figures of the subgroups that are large enough to judge, in
    display order; `as_loss` turns them so that higher is worse. Only the caller's own
    list may name another.
    """
    if callable(rule):
        chosen = rule(dict(judged))
        must = "The function `under_served` must return labels of its argument"
        _refuse_outside(must, chosen, tuple(judged))
        return tuple(chosen)
    if isinstance(rule, str):
        rule = {"quantile": 0.5}
    if not isinstance(rule, Mapping):
        return tuple(rule)
    if not judged:
        return ()
    worse = _are_worse(rule, as_loss(np.array(list(judged.values()))), as_loss)
    return tuple(
        label for label, is_worse in zip(judged, worse, strict=True) if is_worse
    )


def _are_worse(
    rule: Mapping[str, float], losses: NDArray[np.float64], as_loss: AsLoss
) -> NDArray[np.bool_]:
    """Tell whose loss is beyond the limit: one that ties with it is not worse."""
    ((name, number),) = rule.items()
    if name == "k_worst":
        worst = np.argsort(-losses, kind="stable")[: int(number)]
        return np.isin(np.arange(len(losses)), worst)
    if name == "quantile":
        return np.asarray(losses > np.quantile(losses, number))
    return np.asarray(losses > as_loss(np.array([number])))


def _refuse_bad_number(rule: Mapping[str, float]) -> None:
    """Refuse a mapping that is not one known word with a number in its range."""
    name, number = next(iter(rule.items()), ("", None))
    allowed = {
        "quantile": isinstance(number, Real) and 0.0 <= number <= 1.0,
        "threshold": isinstance(number, Real) and bool(np.isfinite(number)),
        "k_worst": isinstance(number, Integral) and number >= 1,
    }
    if len(rule) == 1 and allowed.get(name):
        return
    msg = (
        '`under_served` as a mapping must be {"quantile": a number from 0 to 1}, '
        '{"threshold": a value of the figure} or {"k_worst": a whole number of at '
        f"least 1}}; got {dict(rule)!r}."
    )
    raise ValueError(msg)


def _refuse_outside(
    must: str, chosen: Collection[Hashable], allowed: tuple[Hashable, ...]
) -> None:
    is_list = hasattr(chosen, "__iter__") and not isinstance(chosen, str | bytes)
    if not is_list or not getattr(chosen, "ndim", 1):
        raise TypeError(f"{must}, which are {list(allowed)}; got {chosen!r}.")
    unknown = [label for label in chosen if label not in allowed]
    if unknown:
        raise ValueError(f"{must}, which are {list(allowed)}; got {unknown}.")
