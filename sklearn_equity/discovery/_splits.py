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

from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.discovery._candidates import Candidate, propose
from sklearn_equity.discovery._discovery_result import Finding
from sklearn_equity.discovery._rule_evidence import measure_rules

__all__ = ["Proposal", "agree", "confirm", "try_split"]

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

_FIGURES = ("n", "share", "mean_loss", "error_ratio", "ci_low", "ci_high")


@dataclass(frozen=True)
class Proposal:
    """A candidate, who belongs to it, and how it did among those who didn't choose it.

    Attributes
    ----------
    candidate : Candidate
        The description.
    members : ndarray of bool of shape (n_rows,)
        Who of all people belongs to it.
    strength : float
        How much it stood out among those who chose it: the gap of mean losses times the
        square root of its people.
    finding : Finding
        Its figures among the others.
    """

    candidate: Candidate
    members: Mask
    strength: float
    finding: Finding


def try_split(
    finders: Sequence[Any],
    X: Any,
    losses: Vector,
    *,
    choosing: Rows,
    testing: Rows,
    min_size: int,
) -> list[Proposal]:
    """Let finders propose among `choosing`, and test all of it among `testing`.

    Returns
    -------
    list of Proposal
        The strongest among those who chose comes first; q-values are Benjamini and
        Hochberg's over all of them.
    """
    chosen_from = safe_indexing(X, choosing)
    candidates = [
        candidate
        for finder in finders
        for candidate in propose(finder, chosen_from, losses[choosing], min_size)
    ]
    members = [candidate.contains(X) for candidate in candidates]
    strengths = [_strength(mask[choosing], losses[choosing]) for mask in members]
    measured = measure_rules(
        [()] * len(candidates),
        [candidate.text for candidate in candidates],
        [mask[testing] for mask in members],
        losses[testing],
        is_tested=True,
    )
    proposals = [
        Proposal(candidate, mask, strength, _tell(candidate, rule))
        for candidate, mask, strength, rule in zip(
            candidates, members, strengths, measured, strict=True
        )
    ]
    return sorted(proposals, key=lambda one: -one.strength)


def _strength(inside: Mask, losses: Vector) -> float:
    gap = losses[inside].mean() - losses.mean() if inside.any() else 0.0
    return float(gap * np.sqrt(inside.sum()))


def _tell(candidate: Candidate, measured: Any) -> Finding:
    figures = {name: getattr(measured, name) for name in _FIGURES}
    return Finding(
        text=candidate.text,
        method=candidate.method,
        **figures,
        p_value=measured.p_value,
        q_value=measured.q_value,
    )


def confirm(
    proposals: Sequence[Proposal], *, fdr: float, max_overlap: float
) -> list[Proposal]:
    """Keep what is confirmed, and tell those who are mostly the same under one."""
    kept: list[Proposal] = []
    for proposal in proposals:
        if not proposal.finding.q_value <= fdr:  # NaN is not confirmed
            continue
        same = _first_like(proposal, kept, max_overlap)
        if same is None:
            kept.append(proposal)
        else:
            kept[same] = _also(kept[same], proposal.finding.text)
    return kept


def agree(splits: Sequence[list[Proposal]], *, max_overlap: float) -> list[Proposal]:
    """Bring together what splits propose of mostly the same people.

    Whoever shares most people with the others of a group names it. Figures are means
    over the splits that propose the group: of each, its strongest. A p-value, and a
    q-value, is twice the median over all splits of the smallest in each; a split that
    proposes nothing like it counts as 1.
    """
    ordered = sorted(
        ((number, one) for number, split in enumerate(splits) for one in split),
        key=lambda pair: -pair[1].strength,
    )
    groups: list[list[tuple[int, Proposal]]] = []
    for number, proposal in ordered:
        leaders = [group[0][1] for group in groups]
        same = _first_like(proposal, leaders, max_overlap)
        if same is None:
            groups.append([])
            same = -1
        groups[same].append((number, proposal))
    return [_pool(group, len(splits)) for group in groups]


def _pool(group: list[tuple[int, Proposal]], n_splits: int) -> Proposal:
    """Take a group, the strongest first, as one proposal."""
    found: list[list[Finding]] = [[] for _ in range(n_splits)]
    for number, proposal in group:
        found[number].append(proposal.finding)
    strongest = [of_split[0] for of_split in found if of_split]
    figures = {
        figure: float(np.mean([getattr(one, figure) for one in strongest]))
        for figure in _FIGURES
    }
    name = _most_alike([proposal for _, proposal in group])
    texts = dict.fromkeys(proposal.finding.text for _, proposal in group)
    finding = replace(
        name.finding,
        **{**figures, "n": round(figures["n"])},
        p_value=_twice_the_median([[one.p_value for one in split] for split in found]),
        q_value=_twice_the_median([[one.q_value for one in split] for split in found]),
        also=tuple(text for text in texts if text != name.finding.text),
    )
    return replace(name, finding=finding)


def _most_alike(proposals: list[Proposal]) -> Proposal:
    """Return the proposal with the largest mean Jaccard index to the others.

    Not the strongest: among the people of one study, who stood out most among those who
    chose stands out least among the rest.
    """
    masks = np.array([proposal.members for proposal in proposals], dtype=np.float64)
    shared = masks @ masks.T
    sizes = np.diag(shared)
    union = sizes[:, np.newaxis] + sizes - shared
    alike = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return proposals[int(np.argmax(alike.sum(axis=1)))]


def _twice_the_median(of_splits: list[list[float]]) -> float:
    # What was not tested, for want of people, counts as 1, as what was not proposed.
    smallest = [min([1.0, *np.nan_to_num(split, nan=1.0)]) for split in of_splits]
    return min(1.0, 2.0 * float(np.quantile(smallest, 0.5, method="inverted_cdf")))


def _first_like(
    proposal: Proposal, others: Sequence[Proposal], max_overlap: float
) -> int | None:
    """Return the first that shares more than `max_overlap` of the people of either."""
    mask = proposal.members
    for position, other in enumerate(others):
        union = int((mask | other.members).sum())
        if (mask & other.members).sum() > max_overlap * union:
            return position
    return None


def _also(proposal: Proposal, text: str) -> Proposal:
    finding = proposal.finding
    return replace(proposal, finding=replace(finding, also=(*finding.also, text)))
