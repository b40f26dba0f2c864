"""How are tables measured that are too large for this machine, or may not leave theirs?

Every figure follows from sums: the engine that holds the rows adds them up, and a few
numbers a subgroup come back.
"""

from sklearn_equity.distributed._accumulator import AuditAccumulator
from sklearn_equity.distributed._columns import is_lazy
from sklearn_equity.distributed._fidelity import fidelity_of_table

__all__ = ["AuditAccumulator", "fidelity_of_table", "is_lazy"]
