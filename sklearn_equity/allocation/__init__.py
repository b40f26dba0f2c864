"""Are people who get the same score equally ill? Allocation against deterioration.

A model's score allocates a resource; a clinical measurement tells how ill people are.
Two groups with the same score should be equally ill: the area between their curves of
deterioration over allocation is the inequality that allocation by the score induces.
"""

from sklearn_equity.allocation._inequality import (
    da_index_ratio,
    dataset_inequality,
    model_inequality,
)
from sklearn_equity.allocation._result import InequalityResult
from sklearn_equity.allocation._severity import deterioration_index, severity_score

__all__ = [
    "InequalityResult",
    "da_index_ratio",
    "dataset_inequality",
    "deterioration_index",
    "model_inequality",
    "severity_score",
]
