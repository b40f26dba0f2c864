"""On whom can a method be tried? Real people, in a table inside the package."""

from sklearn_equity.datasets._nhanes import load_nhanes

__all__ = ["load_nhanes"]
