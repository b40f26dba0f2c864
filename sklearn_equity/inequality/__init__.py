"""How unequally is a quantity, such as a model's error, spread over subgroups?"""

from sklearn_equity.inequality._extremes import max_gap, max_ratio
from sklearn_equity.inequality._indices import (
    atkinson,
    coefficient_of_variation,
    generalized_entropy,
    gini,
    lorenz_curve,
    theil,
)
from sklearn_equity.inequality._inequality_index import (
    InequalityIndex,
    inequality_index,
)

__all__ = [
    "InequalityIndex",
    "atkinson",
    "coefficient_of_variation",
    "generalized_entropy",
    "gini",
    "inequality_index",
    "lorenz_curve",
    "max_gap",
    "max_ratio",
    "theil",
]
