"""What is the probability that a measurement lies in a window? A bounded density."""

from sklearn_equity.density._bounded_kde import BoundedKDE
from sklearn_equity.density._select import select_bandwidth
from sklearn_equity.density._subgroups import estimate_subgroups
from sklearn_equity.density._ties import is_discrete, may_have_ties, tabulate

__all__ = [
    "BoundedKDE",
    "estimate_subgroups",
    "is_discrete",
    "may_have_ties",
    "select_bandwidth",
    "tabulate",
]
