"""How well does a model serve each subgroup, and how sure is that?"""

from sklearn_equity.fidelity._assembly import check_numbers_asked, draw_seed
from sklearn_equity.fidelity._attainable import (
    attainable_fidelity,
    departure_from_attainable,
)
from sklearn_equity.fidelity._attainable_inputs import (
    check_folds,
    check_inputs,
    check_regressor,
)
from sklearn_equity.fidelity._bands import Band, QuantileBands
from sklearn_equity.fidelity._cross_table import cross_tabulate
from sklearn_equity.fidelity._crossed import CrossTable
from sklearn_equity.fidelity._curve import FidelityCurve, fidelity_curve
from sklearn_equity.fidelity._delta_method import delta_method, gradient_of
from sklearn_equity.fidelity._error_cells import (
    by_subgroup,
    error_level,
    pairs_of,
    without_rare_cells,
    without_sizes,
)
from sklearn_equity.fidelity._estimates import nrmse, subgroup_estimates
from sklearn_equity.fidelity._expected_spread import columns_of_sums
from sklearn_equity.fidelity._from_moments import fidelity_from_moments
from sklearn_equity.fidelity._groupings import check_groupings
from sklearn_equity.fidelity._measurement import Settings
from sklearn_equity.fidelity._metric import Metric
from sklearn_equity.fidelity._metrics import METRIC_NAMES, resolve_metric
from sklearn_equity.fidelity._of_table import fidelity_of_table, measure_table
from sklearn_equity.fidelity._population import LARGEST, check_population
from sklearn_equity.fidelity._residual_ridge import (
    share_kept,
    standardise,
    with_constant,
)
from sklearn_equity.fidelity._response import scorers_by_function
from sklearn_equity.fidelity._row_scores import dice_score
from sklearn_equity.fidelity._shuffles import Shuffles
from sklearn_equity.fidelity._subgroup_fidelity import subgroup_fidelity
from sklearn_equity.fidelity._table import OverallFidelity, SubgroupTable
from sklearn_equity.fidelity._table_sums import metric_of_sums

__all__ = [
    "LARGEST",
    "METRIC_NAMES",
    "Band",
    "CrossTable",
    "FidelityCurve",
    "Metric",
    "OverallFidelity",
    "QuantileBands",
    "Settings",
    "Shuffles",
    "SubgroupTable",
    "attainable_fidelity",
    "by_subgroup",
    "check_folds",
    "check_groupings",
    "check_inputs",
    "check_numbers_asked",
    "check_population",
    "check_regressor",
    "columns_of_sums",
    "cross_tabulate",
    "delta_method",
    "departure_from_attainable",
    "dice_score",
    "draw_seed",
    "error_level",
    "fidelity_curve",
    "fidelity_from_moments",
    "fidelity_of_table",
    "gradient_of",
    "measure_table",
    "metric_of_sums",
    "nrmse",
    "pairs_of",
    "resolve_metric",
    "scorers_by_function",
    "share_kept",
    "standardise",
    "subgroup_estimates",
    "subgroup_fidelity",
    "with_constant",
    "without_rare_cells",
    "without_sizes",
]
