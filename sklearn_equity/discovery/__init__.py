"""Who is under-served, found among everybody and honestly tested?"""

from sklearn_equity.discovery._consensus_segmenter import ConsensusSegmenter
from sklearn_equity.discovery._discovery_result import DiscoveryResult, Finding
from sklearn_equity.discovery._error_map import ErrorMap
from sklearn_equity.discovery._find_underserved import find_underserved
from sklearn_equity.discovery._rule_evidence import ScannedRule
from sklearn_equity.discovery._rule_scanner import RuleScanner
from sklearn_equity.discovery._triage import triage
from sklearn_equity.discovery._triage_result import TriageResult

__all__ = [
    "ConsensusSegmenter",
    "DiscoveryResult",
    "ErrorMap",
    "Finding",
    "RuleScanner",
    "ScannedRule",
    "TriageResult",
    "find_underserved",
    "triage",
]
