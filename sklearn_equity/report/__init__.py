"""What does a person read: one audit, as text, as a page and as tables?"""

from sklearn_equity.report._audit import audit, audit_frame
from sklearn_equity.report._columns import TABLES
from sklearn_equity.report._comparison import AuditComparison
from sklearn_equity.report._groupings import LEARNT, resolve_groupings
from sklearn_equity.report._result import AuditResult
from sklearn_equity.report._suppression import DEFAULT_LIMIT
from sklearn_equity.report.displays import (
    ADCurveDisplay,
    CalibrationByFeatureDisplay,
    DensityDisplay,
    LatentSpaceDisplay,
    LorenzDisplay,
    ParetoDisplay,
    RemediationEffectDisplay,
    RemediationPathDisplay,
    SubgroupFidelityDisplay,
)

__all__ = [
    "DEFAULT_LIMIT",
    "LEARNT",
    "TABLES",
    "ADCurveDisplay",
    "AuditComparison",
    "AuditResult",
    "CalibrationByFeatureDisplay",
    "DensityDisplay",
    "LatentSpaceDisplay",
    "LorenzDisplay",
    "ParetoDisplay",
    "RemediationEffectDisplay",
    "RemediationPathDisplay",
    "SubgroupFidelityDisplay",
    "audit",
    "audit_frame",
    "resolve_groupings",
]
