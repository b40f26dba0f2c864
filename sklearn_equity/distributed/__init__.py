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
from sklearn_equity.distributed._density import DensityCounts
from sklearn_equity.distributed._segments import label_segments
from sklearn_equity.fidelity import fidelity_of_table

__all__ = [
    "AuditAccumulator",
    "DensityCounts",
    "TableSample",
    "batches_of_table",
    "fidelity_of_table",
    "label_segments",
    "sample_table",
]
