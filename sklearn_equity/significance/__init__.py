"""Could chance alone have made this difference, and how sure is an estimate?"""

from sklearn_equity.significance._false_discovery import benjamini_hochberg

__all__ = ["benjamini_hochberg"]
