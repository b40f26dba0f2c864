"""Could chance alone have made this difference, and how sure is an estimate?"""

from sklearn_equity.significance._bootstrap import (
    gather_units,
    resampled_rows,
    resampled_sums,
    sums_of_draws,
)
from sklearn_equity.significance._describe import (
    SubgroupDescription,
    describe_subgroups,
)
from sklearn_equity.significance._multiple_testing import (
    benjamini_hochberg,
    benjamini_yekutieli,
    holm,
)
from sklearn_equity.significance._permutation import (
    PermutationResult,
    permutation_test,
)
from sklearn_equity.significance._sample_size import (
    RequiredSampleSize,
    required_sample_size,
)

__all__ = [
    "PermutationResult",
    "RequiredSampleSize",
    "SubgroupDescription",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "describe_subgroups",
    "gather_units",
    "holm",
    "permutation_test",
    "required_sample_size",
    "resampled_rows",
    "resampled_sums",
    "sums_of_draws",
]
