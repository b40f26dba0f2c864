"""Find whom a model fails, how sure that is, and what can be done about it.

A plugin for scikit-learn: estimators and metrics that work in any pipeline.
"""

from importlib.metadata import version

from sklearn_equity.allocation import (
    ADCurve,
    ExacerbationResult,
    InequalityResult,
    InequalityTable,
    allocation_deterioration_curve,
    compare_deterioration,
    da_index_ratio,
    dataset_inequality,
    deterioration_index,
    exacerbation,
    model_inequality,
    severity_score,
)
from sklearn_equity.datasets import (
    HealthCohort,
    PlantedSubgroup,
    load_nhanes,
    make_health_cohort,
)
from sklearn_equity.density import (
    BoundedKDE,
)
from sklearn_equity.discovery import (
    ErrorMap,
)
from sklearn_equity.fidelity import (
    CrossTable,
    FidelityCurve,
    QuantileBands,
    SubgroupTable,
    attainable_fidelity,
    cross_tabulate,
    departure_from_attainable,
    dice_score,
    fidelity_curve,
    nrmse,
    subgroup_fidelity,
)
from sklearn_equity.inequality import (
    InequalityIndex,
    atkinson,
    coefficient_of_variation,
    generalized_entropy,
    gini,
    inequality_index,
    lorenz_curve,
    max_gap,
    max_ratio,
    theil,
)
from sklearn_equity.remediation import (
    FidelityChange,
    SubgroupOversampler,
    fidelity_change,
)
from sklearn_equity.report import (
    ADCurveDisplay,
    AuditResult,
    CalibrationByFeatureDisplay,
    DensityDisplay,
    LatentSpaceDisplay,
    LorenzDisplay,
    ParetoDisplay,
    RemediationEffectDisplay,
    SubgroupFidelityDisplay,
    audit,
    audit_frame,
)
from sklearn_equity.representation import (
    AutoencoderEmbedder,
)
from sklearn_equity.scorers import (
    ParetoPick,
    SubgroupStratifiedKFold,
    da_index_scorer,
    equity_scorer,
    equity_scoring,
    pareto_front,
)
from sklearn_equity.segmentation import (
    LatentGMMSegmenter,
    SegmentationStability,
    segmentation_stability,
)
from sklearn_equity.significance import (
    PermutationResult,
    RequiredSampleSize,
    SubgroupDescription,
    benjamini_hochberg,
    benjamini_yekutieli,
    describe_subgroups,
    holm,
    permutation_test,
    required_sample_size,
)

__version__ = version("sklearn-equity")

__all__ = [
    "ADCurve",
    "ADCurveDisplay",
    "AuditResult",
    "AutoencoderEmbedder",
    "BoundedKDE",
    "CalibrationByFeatureDisplay",
    "CrossTable",
    "DensityDisplay",
    "ErrorMap",
    "ExacerbationResult",
    "FidelityChange",
    "FidelityCurve",
    "HealthCohort",
    "InequalityIndex",
    "InequalityResult",
    "InequalityTable",
    "LatentGMMSegmenter",
    "LatentSpaceDisplay",
    "LorenzDisplay",
    "ParetoDisplay",
    "ParetoPick",
    "PermutationResult",
    "PlantedSubgroup",
    "QuantileBands",
    "RemediationEffectDisplay",
    "RequiredSampleSize",
    "SegmentationStability",
    "SubgroupDescription",
    "SubgroupFidelityDisplay",
    "SubgroupOversampler",
    "SubgroupStratifiedKFold",
    "SubgroupTable",
    "__version__",
    "allocation_deterioration_curve",
    "atkinson",
    "attainable_fidelity",
    "audit",
    "audit_frame",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "coefficient_of_variation",
    "compare_deterioration",
    "cross_tabulate",
    "da_index_ratio",
    "da_index_scorer",
    "dataset_inequality",
    "departure_from_attainable",
    "describe_subgroups",
    "deterioration_index",
    "dice_score",
    "equity_scorer",
    "equity_scoring",
    "exacerbation",
    "fidelity_change",
    "fidelity_curve",
    "generalized_entropy",
    "gini",
    "holm",
    "inequality_index",
    "load_nhanes",
    "lorenz_curve",
    "make_health_cohort",
    "max_gap",
    "max_ratio",
    "model_inequality",
    "nrmse",
    "pareto_front",
    "permutation_test",
    "required_sample_size",
    "segmentation_stability",
    "severity_score",
    "subgroup_fidelity",
    "theil",
]
