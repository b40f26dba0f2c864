"""A few hundred hostile calls of the thousands that `make fuzz` makes.

Every run takes the same ones: a fault is found by `make fuzz`, and guarded here.
"""

from pathlib import Path

import pytest

import sklearn_equity

FOLDER = Path(__file__).parent
N_CASES = 300
# What trains networks, draws pictures or reads files takes its share of seconds.
SLOW = {"AutoencoderEmbedder", "find_underserved", "command line"}
NO_MEASURE = {
    *("ADCurve", "AuditResult", "CrossTable", "DiscoveryResult", "ExacerbationResult"),
    *("FidelityChange", "FidelityCurve", "Finding", "HealthCohort", "InequalityIndex"),
    *("InequalityResult", "InequalityTable", "NoHarmResult", "PermutationResult"),
    *("PlantedSubgroup", "RemediationPath", "RequiredSampleSize", "ScannedRule"),
    *("SegmentationStability", "SubgroupDescription", "SubgroupTable", "TriageResult"),
    *("AcquisitionPlan", "AuditComparison", "Deferral", "ExcludedWho", "TableSample"),
}


@pytest.fixture(scope="module")
def cases():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        import cases

        yield cases


def test_every_public_function_and_estimator_is_called(cases):
    public = set(sklearn_equity.__all__) - {"__version__"} - NO_MEASURE
    others = {"command line", "audit_frame of polars", "bytes"}
    assert public == set(cases.WEIGHTS) - others


@pytest.mark.filterwarnings("default")  # each case records its own
def test_hostile_calls_end_well(cases):
    faults = []
    for number in range(N_CASES):
        case = cases.make_case(0, number)
        if case.target in SLOW or "Display" in case.target:
            continue
        fault, _ = case.run()
        if fault is not None:
            faults.append(f"case {number}: {case.target}: {fault}\n{case.describe()}")
    assert not faults, "\n".join(faults)
