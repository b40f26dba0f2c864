"""Which statistics does a subgroup leave behind, from which its figures follow?"""

from sklearn_equity.sufficient_statistics._disclosure import to_suppress
from sklearn_equity.sufficient_statistics._moments import SubgroupMoments, label_order
from sklearn_equity.sufficient_statistics._packing import (
    check_shapes,
    pack,
    reading,
    unpack,
)
from sklearn_equity.sufficient_statistics._parts import (
    batches,
    fold_parts,
    select_columns,
)
from sklearn_equity.sufficient_statistics._sums import subgroup_sums
from sklearn_equity.sufficient_statistics._tables import frame_of, is_lazy

__all__ = [
    "SubgroupMoments",
    "batches",
    "check_shapes",
    "fold_parts",
    "frame_of",
    "is_lazy",
    "label_order",
    "pack",
    "reading",
    "select_columns",
    "subgroup_sums",
    "to_suppress",
    "unpack",
]
