"""How is a model chosen that serves everyone, with scikit-learn's own tools?"""

from sklearn_equity.scorers._da_index import da_index_scorer
from sklearn_equity.scorers._scorer import equity_scorer, equity_scoring
from sklearn_equity.scorers._search import ParetoPick, pareto_front
from sklearn_equity.scorers._split import SubgroupStratifiedKFold

__all__ = [
    "ParetoPick",
    "SubgroupStratifiedKFold",
    "da_index_scorer",
    "equity_scorer",
    "equity_scoring",
    "pareto_front",
]
