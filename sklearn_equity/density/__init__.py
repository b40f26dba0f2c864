"""What is the probability that a measurement lies in a window? A bounded density."""

from sklearn_equity.density._bounded_kde import BoundedKDE
from sklearn_equity.density._portable import kde_of_state, state_of_kde
from sklearn_equity.density._select import select_bandwidth
from sklearn_equity.density._subgroups import estimate_subgroups
from sklearn_equity.density._ties import (
    are_frequencies,
    is_discrete,
    may_have_ties,
    tabulate,
)

__all__ = [
    "BoundedKDE",
    "are_frequencies",
    "estimate_subgroups",
    "is_discrete",
    "kde_of_state",
    "may_have_ties",
    "select_bandwidth",
    "state_of_kde",
    "tabulate",
]
