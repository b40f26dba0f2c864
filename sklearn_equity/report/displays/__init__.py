"""What does a result look like? Pictures of results, which compute nothing."""

from sklearn_equity.report.displays._subgroup_fidelity import SubgroupFidelityDisplay

__all__ = ["SubgroupFidelityDisplay"]
