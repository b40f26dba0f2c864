"""How unequal is each grouping, and how much of that is noise?"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.exceptions import SmallSubgroupWarning
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.inequality import inequality_index


@dataclass(frozen=True)
class GroupingSpread:
    """The Gini index of one grouping, with what noise has to do with it.

    Attributes
    ----------
    grouping : str
        The grouping's name.
    n_subgroups, n_left_out : int
        The subgroups compared, and those without an estimate or a standard error.
    gini : float
        Gini index of the estimates, one voice for each subgroup.
    gini_if_equal : float
        What equal subgroups of these sizes would show on average.
    gini_corrected, ci_low, ci_high, p_value : float
        The index without what sampling error adds, its interval, and the chance that
        equal subgroups would differ as much; see `inequality_index`.
    """

    grouping: str
    n_subgroups: int
    n_left_out: int
    gini: float
    gini_if_equal: float
    gini_corrected: float
    ci_low: float
    ci_high: float
    p_value: float

    def sentence(self) -> str:
        """Say how unequal the grouping is, and whether noise alone explains that."""
        p_value = "p < .001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        sentence = (
            f"Gini index of {self.n_subgroups} subgroups: {self.gini:.3f} as measured; "
            f"equal subgroups of these sizes would show {self.gini_if_equal:.3f} from "
            f"sampling noise alone. Without noise: {max(self.gini_corrected, 0.0):.3f} "
            f"({self.ci_low:.3f} to {self.ci_high:.3f}; {p_value})."
        )
        if self.p_value <= 0.05 and self.ci_low == 0.0:
            sentence += (
                " The interval holds equality: go by it, and not by p, which differing "
                "shapes of errors alone can make small."
            )
        if self.n_left_out:
            sentence += f" Left out as too small: {self.n_left_out}."
        return sentence


def grouping_spreads(
    table: SubgroupTable, *, random_state: int | None
) -> tuple[GroupingSpread, ...]:
    """Summarise each grouping of a table whose estimates can't be negative.

    Estimates that may be negative, such as a bias, have no Gini index: the result is
    then empty. So it is for a grouping with fewer than two subgroups to compare.
    """
    spreads = []
    for grouping in dict.fromkeys(table.grouping):
        part = table.select(grouping)
        compared = part.estimate[_can_be_compared(part)]
        if len(compared) < 2 or (compared < 0.0).any() or not compared.any():
            continue
        with warnings.catch_warnings():
            # The sentence says it.
            warnings.simplefilter("ignore", SmallSubgroupWarning)
            found = inequality_index(part, random_state=random_state)
        spreads.append(
            GroupingSpread(
                grouping=grouping,
                n_subgroups=found.n_subgroups,
                n_left_out=found.n_left_out,
                gini=found.raw,
                gini_if_equal=found.if_equal,
                gini_corrected=found.corrected,
                ci_low=found.ci_low,
                ci_high=found.ci_high,
                p_value=found.p_value,
            )
        )
    return tuple(spreads)


def _can_be_compared(part: SubgroupTable) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.isfinite(part.estimate + part.std_error)
    if part.shuffles is not None:
        known &= np.isfinite(part.shuffles.estimate[0] + part.shuffles.std_error[0])
    return known
