"""What does a result look like? Pictures of results, which compute nothing."""

from sklearn_equity.report.displays._allocation import ADCurveDisplay
from sklearn_equity.report.displays._density import DensityDisplay
from sklearn_equity.report.displays._fidelity_by_feature import (
    CalibrationByFeatureDisplay,
)
from sklearn_equity.report.displays._latent_space import LatentSpaceDisplay
from sklearn_equity.report.displays._lorenz import LorenzDisplay
from sklearn_equity.report.displays._pareto import ParetoDisplay
from sklearn_equity.report.displays._remediation_effect import (
    RemediationEffectDisplay,
)
from sklearn_equity.report.displays._remediation_path import RemediationPathDisplay
from sklearn_equity.report.displays._subgroup_fidelity import SubgroupFidelityDisplay

__all__ = [
    "ADCurveDisplay",
    "CalibrationByFeatureDisplay",
    "DensityDisplay",
    "LatentSpaceDisplay",
    "LorenzDisplay",
    "ParetoDisplay",
    "RemediationEffectDisplay",
    "RemediationPathDisplay",
    "SubgroupFidelityDisplay",
]
