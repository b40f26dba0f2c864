"""Find whom a model fails, how sure that is, and what can be done about it.

A plugin for scikit-learn: estimators and metrics that work in any pipeline.
"""

from importlib.metadata import version

from sklearn_equity.inequality import (
    atkinson,
    coefficient_of_variation,
    generalized_entropy,
    gini,
    lorenz_curve,
    theil,
)

__version__ = version("sklearn-equity")

__all__ = [
    "__version__",
    "atkinson",
    "coefficient_of_variation",
    "generalized_entropy",
    "gini",
    "lorenz_curve",
    "theil",
]
