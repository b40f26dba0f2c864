"""Which people resemble which? A compact representation of a table's rows."""

from sklearn_equity.representation._embedder import AutoencoderEmbedder

__all__ = ["AutoencoderEmbedder"]
