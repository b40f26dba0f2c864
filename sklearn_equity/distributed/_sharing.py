"""What of some sums may leave, so that no difference of two tells of a few people?"""

import numpy as np

from sklearn_equity.fidelity import (
    by_subgroup,
    pairs_of,
    without_rare_cells,
    without_sizes,
)
from sklearn_equity.sufficient_statistics import SubgroupMoments, to_suppress

__all__ = ["rounded_count", "shareable"]


def shareable(
    groupings: dict[str, SubgroupMoments], everybody: SubgroupMoments, least: int
) -> tuple[dict[str, SubgroupMoments], SubgroupMoments | None]:
    """Leave small subgroups out, and whom everybody's sums would tell of.

    In each grouping, those who are not shown (hidden, or without a label) are nobody or
    at least as many as asked. Of a single grouping, fewer people without a label are no
    part of everybody; of several, larger subgroups are hidden with them. Fewer people
    than asked in all leave nothing.

    The subgroups of one grouping alone tell of the sizes of their errors, where those
    that few people have are counted with the next. As each subgroup joins others, two
    tellings of the same people differ by a few: everybody's sums, and those of other
    groupings, are of errors of any size.
    """
    if least > 1 and len(groupings) == 1:
        (cells,) = groupings.values()
        if 0 < _n_rows(everybody) - _n_rows(cells) < least:
            everybody = cells.regroup([("all", level) for _, level in pairs_of(cells)])
    if _n_rows(everybody) < least:
        return {}, None
    shown = {
        name: _shown(cells, least, _n_rows(everybody) - _n_rows(cells))
        for name, cells in groupings.items()
    }
    if least <= 1:
        return shown, everybody
    telling = next((name for name, cells in shown.items() if _n_rows(cells)), None)
    return {
        name: without_rare_cells(cells, least)
        if name == telling
        else without_sizes(cells)
        for name, cells in shown.items()
    }, without_sizes(everybody)


def rounded_count(n: int, n_rows: int, least: int) -> int:
    """Round a count of some rows of everybody so that it tells of no few people.

    What rules ask is whether there are any, which rounding up keeps.
    """
    if 0 < n < least:
        n = least
    return n_rows if n > n_rows - least and n > 0 and least > 1 else min(n, n_rows)


def _shown(cells: SubgroupMoments, least: int, n_elsewhere: int) -> SubgroupMoments:
    """Leave out small subgroups of one grouping, and those that must go with them."""
    whole = by_subgroup(cells)
    small = to_suppress(whole.n, least, n_elsewhere)
    hidden = {whole.subgroups[i] for i in np.flatnonzero(small)}
    kept = [i for i, (label, _) in enumerate(pairs_of(cells)) if label not in hidden]
    return cells.take(kept)


def _n_rows(cells: SubgroupMoments) -> int:
    return int(cells.n.sum())
