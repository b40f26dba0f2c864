"""Are people who get the same score equally ill? Allocation against deterioration.

A model's score allocates a resource; a clinical measurement tells how ill people are.
Two groups with the same score should be equally ill: the area between their curves of
deterioration over allocation is the inequality that allocation by the score induces.
"""

from sklearn_equity.allocation._curve import allocation_deterioration_curve
from sklearn_equity.allocation._curve_result import ADCurve
from sklearn_equity.allocation._exacerbation import exacerbation
from sklearn_equity.allocation._exacerbation_result import ExacerbationResult
from sklearn_equity.allocation._inequality import (
    dataset_inequality,
    model_inequality,
)
from sklearn_equity.allocation._many import InequalityTable, compare_deterioration
from sklearn_equity.allocation._ratio import da_index_ratio
from sklearn_equity.allocation._result import InequalityResult
from sklearn_equity.allocation._severity import deterioration_index, severity_score
from sklearn_equity.allocation._sums import DeteriorationSums

__all__ = [
    "ADCurve",
    "DeteriorationSums",
    "ExacerbationResult",
    "InequalityResult",
    "InequalityTable",
    "allocation_deterioration_curve",
    "compare_deterioration",
    "da_index_ratio",
    "dataset_inequality",
    "deterioration_index",
    "exacerbation",
    "model_inequality",
    "severity_score",
]
