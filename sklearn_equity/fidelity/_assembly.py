"""What is asked of a measure of fidelity, and what comes out: one table.

The same for rows in memory and for sums of rows that are elsewhere.
"""

from collections.abc import Hashable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_equity._numbers import (
    check_confidence_level,
    check_tolerance,
    check_whole_number,
)
from sklearn_equity.fidelity._bootstrap_intervals import words_of
from sklearn_equity.fidelity._measurement import Part, Settings
from sklearn_equity.fidelity._shuffles import merge_shuffles
from sklearn_equity.fidelity._simultaneous import widen
from sklearn_equity.fidelity._table import OverallFidelity, SubgroupTable
from sklearn_equity.fidelity._verdicts import Comparison, shrink
from sklearn_equity.significance import holm

__all__ = ["Interval", "assemble", "check_numbers_asked", "draw_seed"]

Vector = NDArray[np.float64]

_FEWEST_RESAMPLES = 50
Interval = Literal["single", "simultaneous"]


# ---------------------------------------------------------------------------------
# What comes in
# ---------------------------------------------------------------------------------
def check_numbers_asked(
    min_subgroup_size: int,
    confidence_level: float,
    interval: Interval,
    tolerance: float,
    n_resamples: int,
) -> None:
    check_whole_number(min_subgroup_size, name="min_subgroup_size", least=2)
    check_whole_number(n_resamples, name="n_resamples", least=_FEWEST_RESAMPLES)
    check_confidence_level(confidence_level)
    if interval not in ("single", "simultaneous"):
        msg = f'`interval` must be "single" or "simultaneous"; got {interval!r}.'
        raise ValueError(msg)
    check_tolerance(tolerance)


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Draw one seed; without a `random_state`, leave NumPy's global one alone."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))


# ---------------------------------------------------------------------------------
# What goes out
# ---------------------------------------------------------------------------------
def assemble(
    groupings: dict[str, tuple[Hashable, ...]],
    parts: list[Part],
    comparisons: list[Comparison],
    overall: OverallFidelity,
    settings: Settings,
    *,
    remark: str = "",
) -> SubgroupTable:
    """Put the labels, figures and verdicts of all groupings into one table."""
    names: list[str] = []
    labels: list[Hashable] = []
    for name, known in groupings.items():
        names += [name] * len(known)
        labels += known
    p_worse = np.concatenate([one.p_worse for one in comparisons])
    p_not_worse = np.concatenate([one.p_not_worse for one in comparisons])
    measured = [part.measured for part in parts]
    n = np.concatenate([one.n for one in measured])
    estimate = np.concatenate([one.estimate for one in measured])
    ci_low = np.concatenate([part.ci_low for part in parts])
    ci_high = np.concatenate([part.ci_high for part in parts])
    joint_low, joint_high = widen(
        settings.metric,
        np.concatenate([part.middle for part in parts]),
        (ci_low, ci_high),
        n,
        confidence_level=settings.confidence_level,
    )
    return SubgroupTable(
        grouping=tuple(names),
        subgroup=tuple(labels),
        n=n,
        weight=np.concatenate([part.weight for part in parts]),
        estimate=estimate,
        std_error=np.concatenate([one.std_error for one in measured]),
        ci_low=ci_low,
        ci_high=ci_high,
        joint_low=joint_low,
        joint_high=joint_high,
        shrunken=np.concatenate(
            [shrink(one.estimate, one.guarded, one.n) for one in measured]
        ),
        reference=np.repeat(
            [one.reference for one in comparisons], [len(one.n) for one in measured]
        ),
        judged=np.isfinite(p_worse),
        verdict=_verdicts(p_worse, p_not_worse, 1.0 - settings.confidence_level),
        metric=settings.metric.label,
        greater_is_better=settings.metric.greater_is_better,
        best=settings.metric.best,
        confidence_level=settings.confidence_level,
        rule=_rule(settings, n_tests=int(np.isfinite(p_worse).sum()))
        + words_of(settings.interval_method, settings.n_resamples)
        + remark,
        overall=overall,
        shuffles=merge_shuffles([part.shuffles for part in parts]),
    )


def _verdicts(p_worse: Vector, p_not_worse: Vector, alpha: float) -> tuple[str, ...]:
    verdicts: list[str] = []
    for adjusted, p in zip(holm(p_worse), p_not_worse, strict=True):
        if p <= alpha:
            verdicts.append("served")
        else:
            worse = adjusted <= alpha
            verdicts.append("under-served" if worse else "insufficient evidence")
    return tuple(verdicts)


def _rule(settings: Settings, *, n_tests: int) -> str:
    level = f"{100.0 * settings.confidence_level:.4g}%"
    alpha = f"{100.0 * (1.0 - settings.confidence_level):.4g}%"
    size, share = settings.min_subgroup_size, f"{100.0 * settings.tolerance:.4g}%"
    tested = (
        f"any of the {n_tests} subgroups tested is called so in error (Holm's "
        "correction)"
        if n_tests
        else "any is called so in error; here none could be tested, which takes two of "
        "that size in a grouping"
    )
    return (
        "Under-served: shown to be worse than the average person of its grouping (the "
        f"mean over its subgroups with at least {size} rows, by their numbers of "
        f"people), with a chance of at most {alpha} that {tested}. Served: shown, "
        f"with {level} confidence each, to be worse than that average by less than "
        f"{share} of it, if at all; this comes first. Insufficient evidence: neither, "
        "or too few rows."
    )
