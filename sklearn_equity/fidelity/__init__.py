"""How well does a model serve each subgroup, and how sure is that?"""

from sklearn_equity.fidelity._bands import Band, QuantileBands
from sklearn_equity.fidelity._estimates import nrmse, subgroup_estimates
from sklearn_equity.fidelity._metrics import METRIC_NAMES, Metric, resolve_metric

__all__ = [
    "METRIC_NAMES",
    "Band",
    "Metric",
    "QuantileBands",
    "nrmse",
    "resolve_metric",
    "subgroup_estimates",
]
