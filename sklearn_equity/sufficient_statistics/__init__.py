"""Which statistics does a subgroup leave behind, from which its figures follow?"""

from sklearn_equity.sufficient_statistics._moments import SubgroupMoments, label_order
from sklearn_equity.sufficient_statistics._packing import pack, unpack
from sklearn_equity.sufficient_statistics._sums import subgroup_sums

__all__ = ["SubgroupMoments", "label_order", "pack", "subgroup_sums", "unpack"]
