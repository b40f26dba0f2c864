"""Which statistics does a subgroup leave behind, from which its figures follow?"""

from sklearn_equity.sufficient_statistics._disclosure import to_suppress
from sklearn_equity.sufficient_statistics._grouped import (
    Aggregate,
    GroupedSums,
    grouped_sums,
)
from sklearn_equity.sufficient_statistics._labels import label_order
from sklearn_equity.sufficient_statistics._moments import SubgroupMoments
from sklearn_equity.sufficient_statistics._packing import pack, unpack, well_formed
from sklearn_equity.sufficient_statistics._partitions import (
    Promise,
    partitions_with_gaps,
    promise_of,
    refuse_broken_promise,
    with_promised_types,
)
from sklearn_equity.sufficient_statistics._parts import batches, fold_parts, placed
from sklearn_equity.sufficient_statistics._steady import stretches_for
from sklearn_equity.sufficient_statistics._sums import subgroup_sums
from sklearn_equity.sufficient_statistics._traced import TracedColumn, as_expression

__all__ = [
    "Aggregate",
    "GroupedSums",
    "Promise",
    "SubgroupMoments",
    "TracedColumn",
    "as_expression",
    "batches",
    "fold_parts",
    "grouped_sums",
    "label_order",
    "pack",
    "partitions_with_gaps",
    "placed",
    "promise_of",
    "refuse_broken_promise",
    "stretches_for",
    "subgroup_sums",
    "to_suppress",
    "unpack",
    "well_formed",
    "with_promised_types",
]
