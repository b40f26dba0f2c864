"""How unequal is each grouping, and how unequal would noise alone make it look?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.inequality import gini

_N_DRAWS = 2000


@dataclass(frozen=True)
class GroupingSpread:
    """The inequality of one grouping beside what sampling error alone would show.

    Attributes
    ----------
    grouping : str
        The grouping's name.
    n_subgroups : int
        The subgroups compared: those with enough rows to be judged.
    n_left_out : int
        The subgroups with too few rows.
    gini : float
        Gini index of the estimates, one voice for each subgroup.
    gini_if_equal : float
        The mean index that subgroups of exactly equal fidelity would show, given the
        standard errors of these estimates.
    gini_if_equal_high : float
        The value that such equal subgroups would exceed in one of twenty samples.
    """

    grouping: str
    n_subgroups: int
    n_left_out: int
    gini: float
    gini_if_equal: float
    gini_if_equal_high: float

    def sentence(self) -> str:
        """Say how unequal the grouping is, beside what noise alone would show."""
        sentence = (
            f"Gini index of the {self.n_subgroups} subgroups with enough rows: "
            f"{self.gini:.3f}. Equal subgroups of these sizes would show "
            f"{self.gini_if_equal:.3f} from sampling noise alone, and more than "
            f"{self.gini_if_equal_high:.3f} in one sample of twenty."
        )
        if self.n_left_out:
            sentence += f" Left out as too small: {self.n_left_out}."
        return sentence


def grouping_spreads(
    table: SubgroupTable, *, random_state: int | None
) -> tuple[GroupingSpread, ...]:
    """Summarise each grouping of a table whose estimates can't be negative.

    Estimates that may be negative, such as a bias, have no Gini index: the result is
    then empty. So it is for a grouping with fewer than two subgroups large enough.
    """
    rng = np.random.default_rng(random_state)  # None leaves NumPy's own state alone
    spreads = []
    for grouping in dict.fromkeys(table.grouping):
        part = table.select(grouping)
        estimate, std_error = part.estimate[part.judged], part.std_error[part.judged]
        if len(estimate) < 2 or (estimate < 0.0).any() or not estimate.any():
            continue
        equal = _gini_if_equal(estimate, std_error, rng)
        spreads.append(
            GroupingSpread(
                grouping=grouping,
                n_subgroups=len(estimate),
                n_left_out=len(part.n) - len(estimate),
                gini=gini(estimate),
                gini_if_equal=float(equal.mean()),
                gini_if_equal_high=float(np.quantile(equal, 0.95)),
            )
        )
    return tuple(spreads)


def _gini_if_equal(
    estimate: NDArray[np.float64],
    std_error: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw the index of estimates that differ by their sampling error alone.

    Their common value is the mean of the estimates, as in the index itself.
    """
    noise = rng.standard_normal((_N_DRAWS, len(estimate))) * std_error
    draws = np.sort(np.clip(estimate.mean() + noise, 0.0, None), axis=1)
    n = len(estimate)
    rank = np.arange(1, n + 1)
    # `gini` for equal weights, a row a draw; a row of zeros is equal.
    total = draws.sum(axis=1)
    index = 2.0 * (draws @ rank) / (n * np.where(total > 0.0, total, 1.0))
    return np.where(total > 0.0, index - (n + 1) / n, 0.0)
