"""Is what some people propose true of others, and is it so however they are split?

A split parts people in two: finders look at one part as often as they like, and what
they propose is tested once, on the other. With few people the answer hangs on who came
into which part, so that splits are repeated and must agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.discovery._candidates import Candidate, propose
from sklearn_equity.discovery._discovery_result import FEWEST_APART, Finding
from sklearn_equity.discovery._person_loss import Answers
from sklearn_equity.discovery._rule_evidence import measure_rules

__all__ = ["STRICTNESS", "Proposal", "agree", "confirmed", "try_split"]

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

# Of several splits, how few must confirm what the others may not even propose, and by
# how much each must be stricter for that (Meinshausen et al. 2009, theorem 3.2).
_LEAST_SHARE = 0.2
STRICTNESS = 1.0 - float(np.log(_LEAST_SHARE))

_FIGURES = ("n", "share", "mean_loss", "error_ratio", "ci_low", "ci_high")
_TESTS = ("p_value", "q_value")


@dataclass(frozen=True)
class Proposal:
    """A candidate, who belongs to it, and how it did among those who didn't choose it.

    Attributes
    ----------
    candidate : Candidate
        The description.
    members : ndarray of bool of shape (n_rows,)
        Who of all people belongs to it.
    testing : ndarray of int
        Positions of those who did not choose it.
    strength : float
        How much it stood out among those who chose it: the gap of mean losses times the
        square root of its people.
    finding : Finding
        Its figures among the others.
    """

    candidate: Candidate
    members: Mask
    testing: Rows
    strength: float
    finding: Finding


def try_split(
    finders: Sequence[Any],
    X: Any,
    answers: Answers,
    *,
    choosing: Rows,
    testing: Rows,
    min_size: int,
    max_overlap: float,
) -> list[Proposal]:
    """Let finders propose among `choosing`, and test the proposals among `testing`.

    Candidates of mostly the same people are told under the strongest of them before
    anything is tested, so that each test is one of a subgroup of its own.

    Returns
    -------
    list of Proposal
        The strongest among those who chose comes first; q-values are Benjamini and
        Hochberg's over all of them.
    """
    chosen_from, others = safe_indexing(X, choosing), safe_indexing(X, testing)
    losses = answers.losses
    proposed = []
    for finder in finders:
        for candidate, inside in propose(
            finder, chosen_from, answers.of(choosing), min_size, others
        ):
            if inside.sum() < min_size and not candidate.is_only:
                continue
            members = candidate.contains(X)
            members[choosing] = inside
            strength = _strength(inside, losses[choosing])
            proposed.append((candidate, members, strength))
    proposed.sort(key=lambda one: -one[2])
    groups = _group([members for _, members, _ in proposed], max_overlap)
    distinct = [proposed[group[0]] for group in groups]
    measured = measure_rules(
        [()] * len(distinct),
        [candidate.text for candidate, _, _ in distinct],
        [members[testing] for _, members, _ in distinct],
        losses[testing],
        is_tested=True,
    )
    return [
        Proposal(
            candidate,
            members,
            testing,
            strength,
            _tell(candidate, rule, [proposed[k][0].text for k in group[1:]]),
        )
        for (candidate, members, strength), rule, group in zip(
            distinct, measured, groups, strict=True
        )
    ]


def _strength(inside: Mask, losses: Vector) -> float:
    gap = losses[inside].mean() - losses.mean() if inside.any() else 0.0
    return float(gap * np.sqrt(inside.sum()))


def _tell(candidate: Candidate, measured: Any, also: Sequence[str]) -> Finding:
    return Finding(
        text=candidate.text,
        method=candidate.method,
        **{name: getattr(measured, name) for name in (*_FIGURES, *_TESTS)},
        also=tuple(also),
    )


def _group(
    members: Sequence[Mask], max_overlap: float, names: Sequence[str] | None = None
) -> list[list[int]]:
    """Put everybody under the first that shares more than `max_overlap` with them.

    Those with the same name, if it is not empty, are taken for the same in any case.
    """
    names = [""] * len(members) if names is None else names
    groups: list[list[int]] = []
    for k, (mask, name) in enumerate(zip(members, names, strict=True)):
        for group in groups:
            first = group[0]
            if (name and name == names[first]) or (
                _jaccard(mask, members[first]) > max_overlap
            ):
                group.append(k)
                break
        else:
            groups.append([k])
    return groups


def _jaccard(one: Mask, other: Mask) -> float:
    union = int((one | other).sum())
    return float((one & other).sum() / union) if union else 0.0


def agree(splits: Sequence[list[Proposal]], *, max_overlap: float) -> list[Proposal]:
    """Bring together what splits propose of mostly the same people.

    Whoever shares most people with the others of a group names it: not the strongest,
    since among the people of one study, who stood out most among those who chose stands
    out least among the rest. The worst tenths of maps are one proposal, whoever is in
    them. Of each split the proposal most like the named one counts: figures are means
    over them; p-values, and q-values, are those that a few splits agree on.
    """
    ordered = sorted(
        ((number, one) for number, split in enumerate(splits) for one in split),
        key=lambda pair: -pair[1].strength,
    )
    groups = _group(
        [one.members for _, one in ordered],
        max_overlap,
        [one.finding.method if one.candidate.is_only else "" for _, one in ordered],
    )
    return [_pool([ordered[k] for k in group], len(splits)) for group in groups]


def _pool(group: list[tuple[int, Proposal]], n_splits: int) -> Proposal:
    """Take proposals of mostly the same people, from several splits, as one."""
    alike = np.array(
        [[_jaccard(a.members, b.members) for _, b in group] for _, a in group]
    )
    named = int(np.argmax(alike.sum(axis=1)))
    name = group[named][1]
    of_split: dict[int, Finding] = {}
    for k in np.argsort(-alike[named], kind="stable"):
        number, proposal = group[k]
        of_split.setdefault(number, proposal.finding)
    found = list(of_split.values())
    figures = {
        figure: _mean([getattr(one, figure) for one in found]) for figure in _FIGURES
    }
    tests = {
        test: _agreed([getattr(one, test) for one in found], n_splits)
        for test in _TESTS
    }
    texts = dict.fromkeys(
        text
        for _, one in group
        if not (one.candidate.is_only and name.candidate.is_only)
        for text in (one.finding.text, *one.finding.also)
    )
    told: dict[str, Any] = {**figures, **tests, "n": round(figures["n"])}
    finding = replace(
        name.finding,
        **told,
        also=tuple(text for text in texts if text != name.finding.text),
    )
    return replace(name, finding=finding)


def confirmed(
    tried: Sequence[Proposal], losses: Vector, *, fdr: float
) -> list[Proposal]:
    """Return what the false discovery rate allows, with what being chosen asks for.

    Intervals are widened to the level 1 - R fdr / m (Benjamini and Yekutieli 2005), if
    that is above 95%, and each is told how badly those of its people are served who are
    in none before it.
    """
    kept = [one for one in tried if one.finding.q_value <= fdr]  # NaN: not tested
    level = max(0.95, 1.0 - len(kept) * fdr / max(len(tried), 1))
    told: list[Proposal] = []
    for one in kept:
        before = np.zeros(len(losses), dtype=bool)
        for other in told:
            before |= other.members
        inside = (one.members & ~before)[one.testing]
        finding = replace(_widen(one.finding, level), n_apart=float(inside.sum()))
        if told:
            ratio = _ratio(inside, losses[one.testing])
            finding = replace(finding, ratio_apart=ratio)
        told.append(replace(one, finding=finding))
    return told


def _widen(finding: Finding, level: float) -> Finding:
    """Take the interval, symmetric in logarithms, from 95% to another level."""
    degrees = max(finding.n - 1, 1)
    times = t.ppf((1.0 + level) / 2.0, degrees) / t.ppf(0.975, degrees)
    return replace(
        finding,
        ci_low=finding.error_ratio * (finding.ci_low / finding.error_ratio) ** times,
        ci_high=finding.error_ratio * (finding.ci_high / finding.error_ratio) ** times,
    )


def _ratio(inside: Mask, losses: Vector) -> float:
    if inside.sum() < FEWEST_APART or not losses.mean() > 0:
        return np.nan
    return float(losses[inside].mean() / losses.mean())


def _mean(figures: list[float]) -> float:
    known = [figure for figure in figures if np.isfinite(figure)]
    return float(np.mean(known)) if known else np.nan


def _agreed(known: list[float], n_splits: int) -> float:
    """Return the p-value that some share of the splits, at least a fifth, agrees on."""
    # What was not tested, for want of people, counts as 1, as what was not proposed.
    values = np.ones(n_splits)
    values[: len(known)] = np.nan_to_num(known, nan=1.0)
    first = int(np.ceil(_LEAST_SHARE * n_splits))
    shares = np.arange(first, n_splits + 1) / n_splits
    return min(1.0, STRICTNESS * float((np.sort(values)[first - 1 :] / shares).min()))
