"""Could chance alone have made this difference, and how sure is an estimate?"""

from sklearn_equity.significance._bootstrap import (
    gather_units,
    resampled_rows,
    resampled_sums,
)
from sklearn_equity.significance._multiple_testing import benjamini_hochberg, holm

__all__ = [
    "benjamini_hochberg",
    "gather_units",
    "holm",
    "resampled_rows",
    "resampled_sums",
]
