"""Into which subgroups do people fall that nobody declared? Segments of a space."""

from sklearn_equity.segmentation._segmenter import LatentGMMSegmenter

__all__ = ["LatentGMMSegmenter"]
