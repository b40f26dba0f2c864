"""Find whom a model fails, how sure that is, and what can be done about it.

A plugin for scikit-learn: estimators and metrics that work in any pipeline.
"""

from importlib.metadata import version

from sklearn_equity.allocation import (
    InequalityResult,
    da_index_ratio,
    dataset_inequality,
    deterioration_index,
    model_inequality,
    severity_score,
)
from sklearn_equity.datasets import (
    load_nhanes,
)
from sklearn_equity.fidelity import (
    SubgroupTable,
    nrmse,
    subgroup_fidelity,
)
from sklearn_equity.inequality import (
    atkinson,
    coefficient_of_variation,
    generalized_entropy,
    gini,
    lorenz_curve,
    theil,
)
from sklearn_equity.remediation import (
    SubgroupOversampler,
)
from sklearn_equity.report import (
    AuditResult,
    audit,
    audit_frame,
)
from sklearn_equity.representation import (
    AutoencoderEmbedder,
)
from sklearn_equity.scorers import (
    equity_scorer,
)
from sklearn_equity.segmentation import (
    LatentGMMSegmenter,
)
from sklearn_equity.significance import (
    benjamini_hochberg,
)

__version__ = version("sklearn-equity")

__all__ = [
    "AuditResult",
    "AutoencoderEmbedder",
    "InequalityResult",
    "LatentGMMSegmenter",
    "SubgroupOversampler",
    "SubgroupTable",
    "__version__",
    "atkinson",
    "audit",
    "audit_frame",
    "benjamini_hochberg",
    "coefficient_of_variation",
    "da_index_ratio",
    "dataset_inequality",
    "deterioration_index",
    "equity_scorer",
    "generalized_entropy",
    "gini",
    "load_nhanes",
    "lorenz_curve",
    "model_inequality",
    "nrmse",
    "severity_score",
    "subgroup_fidelity",
    "theil",
]
