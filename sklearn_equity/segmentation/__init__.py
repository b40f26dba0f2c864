"""Into which subgroups do people fall that nobody declared? Segments of a space."""

from sklearn_equity.segmentation._segmenter import LatentGMMSegmenter
from sklearn_equity.segmentation._stability import (
    SegmentationStability,
    segmentation_stability,
)

__all__ = ["LatentGMMSegmenter", "SegmentationStability", "segmentation_stability"]
