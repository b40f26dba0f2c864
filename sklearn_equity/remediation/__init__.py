"""What can be done about a gap, and what does it cost whom?

A remedy is a change meant to narrow a measured gap. It can fail, and it can harm those
whom it does not aim at: measure every remedied model again, on rows that it never saw.
"""

from sklearn_equity.remediation._acquisition import acquisition_plan
from sklearn_equity.remediation._acquisition_result import AcquisitionPlan
from sklearn_equity.remediation._change import (
    EVERYBODY,
    FidelityChange,
    fidelity_change,
)
from sklearn_equity.remediation._deferral_classifier import DeferralClassifier
from sklearn_equity.remediation._deferral_regressor import DeferralRegressor
from sklearn_equity.remediation._deferral_result import Deferral
from sklearn_equity.remediation._excluded import ExcludedWho, excluded_who
from sklearn_equity.remediation._levelling import LevellingDown
from sklearn_equity.remediation._local_expert_stack import LocalExpertStack
from sklearn_equity.remediation._no_harm import NoHarmResult, no_harm_test
from sklearn_equity.remediation._oversampler import SubgroupOversampler
from sklearn_equity.remediation._path import remediation_path
from sklearn_equity.remediation._path_result import RemediationPath
from sklearn_equity.remediation._recalibrator import SubgroupRecalibrator
from sklearn_equity.remediation._reweighter import WorstSubgroupReweighter

__all__ = [
    "EVERYBODY",
    "AcquisitionPlan",
    "Deferral",
    "DeferralClassifier",
    "DeferralRegressor",
    "ExcludedWho",
    "FidelityChange",
    "LevellingDown",
    "LocalExpertStack",
    "NoHarmResult",
    "RemediationPath",
    "SubgroupOversampler",
    "SubgroupRecalibrator",
    "WorstSubgroupReweighter",
    "acquisition_plan",
    "excluded_who",
    "fidelity_change",
    "no_harm_test",
    "remediation_path",
]
