"""What can be done about a gap, and what does it cost whom?

A remedy is a change meant to narrow a measured gap. It can fail, and it can harm those
whom it does not aim at: measure every remedied model again, on rows that it never saw.
"""

from sklearn_equity.remediation._change import (
    EVERYBODY,
    FidelityChange,
    fidelity_change,
)
from sklearn_equity.remediation._oversampler import SubgroupOversampler

__all__ = ["EVERYBODY", "FidelityChange", "SubgroupOversampler", "fidelity_change"]
