"""How is a model chosen that serves everyone, with scikit-learn's own tools?"""

from sklearn_equity.scorers._scorer import equity_scorer

__all__ = [
    "equity_scorer",
]
