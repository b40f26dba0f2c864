"""How are tables measured that are too large for this machine, or may not leave theirs?

Every figure follows from sums: the engine that holds the rows adds them up, and a few
numbers a subgroup come back.
"""

from sklearn_equity.distributed._accumulator import AuditAccumulator
from sklearn_equity.distributed._batches import (
    TableSample,
    batches_of_table,
    sample_table,
)
from sklearn_equity.distributed._fidelity import fidelity_of_table
from sklearn_equity.distributed._segments import label_segments
from sklearn_equity.sufficient_statistics import is_lazy

__all__ = [
    "AuditAccumulator",
    "TableSample",
    "batches_of_table",
    "fidelity_of_table",
    "is_lazy",
    "label_segments",
    "sample_table",
]
