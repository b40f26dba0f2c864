"""Do published findings on real people come out as the literature has them?"""

from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sklearn_equity.allocation import (
    compare_deterioration,
    dataset_inequality,
    exacerbation,
    model_inequality,
)

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"


def read_table(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand: it stays outside the repository")
    return pd.read_parquet(path)


@pytest.fixture(scope="module")
def patients():
    return read_table("obermeyer_holdout.parquet")


@pytest.fixture(scope="module")
def adults():
    table = read_table("nhanes_1999_2014.parquet")
    return table.dropna(subset=["creatinine_mg_dl"])


# ---- an allocator of extra care, and chronic conditions at equal score -------------
CONDITIONS = {"compare": ("black", "white"), "threshold": 3, "bounds": (0, 17)}
# The published figures, to the two decimals in which they are given.
PUBLISHED = {
    "log_cost_t_hat": 0.44,
    "risk_score_t": 0.44,
    "log_cost_avoidable_t_hat": 0.23,
    "gagne_sum_t_hat": 0.05,
}


def at_equal_score(patients, allocator, **options):
    return model_inequality(
        patients[allocator],
        patients["gagne_sum_t"],
        subgroups=patients["race"],
        scale="rank",
        decision_threshold=0.55,
        **CONDITIONS,
        **options,
    )


@pytest.mark.parametrize("allocator", PUBLISHED)
def test_conditions_at_equal_score_are_as_published(patients, allocator):
    found = at_equal_score(patients, allocator, n_steps=1)
    assert_allclose(found.estimate, PUBLISHED[allocator], atol=0.01)
    assert found.covered == 1.0


@pytest.mark.parametrize("n_steps", [1, 20])
def test_allocators_are_ordered_as_in_the_literature(patients, n_steps):
    inequality = {
        allocator: at_equal_score(patients, allocator, n_steps=n_steps)
        for allocator in PUBLISHED
    }
    cost = inequality["log_cost_t_hat"]
    avoidable = inequality["log_cost_avoidable_t_hat"]
    conditions = inequality["gagne_sum_t_hat"]
    assert cost.ci_low > avoidable.ci_high > avoidable.ci_low > conditions.estimate > 0
    assert cost.verdict == avoidable.verdict == "unequal"


def test_counts_of_conditions_are_not_smoothed(patients):
    assert at_equal_score(patients, "risk_score_t").bandwidth == 0.0


def test_few_are_enrolled_so_exacerbation_stays_open(patients):
    found = exacerbation(
        patients["risk_score_t"],
        patients["gagne_sum_t"],
        subgroups=patients["race"],
        allocated=patients["program_enrolled_t"],
        scale="rank",
        decision_threshold=0.55,
        **CONDITIONS,
    )
    assert found.data.n_subgroup == 33
    assert found.verdict == "insufficient evidence"


# ---- creatinine, whose normal range differs between men and women -------------------
LIMITS = {"Female": 1.04, "Male": 1.35}  # mg/dL, upper ends of the normal ranges


def women_against_men(adults, threshold):
    return dataset_inequality(
        adults["creatinine_mg_dl"],
        subgroups=adults["sex"],
        compare=("Female", "Male"),
        threshold=threshold,
        bounds=(0, 25),
    )


def test_one_threshold_for_both_sexes_mistakes_muscle_for_health(adults):
    by_sex = women_against_men(adults, LIMITS)
    assert abs(by_sex.estimate) < 0.15
    for common in LIMITS.values():
        found = women_against_men(adults, common)
        assert found.verdict == "unequal"
        assert found.ci_high < -0.5


def test_thresholds_by_sex_serve_a_comparison_by_ethnicity(adults):
    table = compare_deterioration(
        None,
        adults["creatinine_mg_dl"],
        subgroups=adults["ethnicity"],
        threshold=adults["sex"].map(LIMITS).to_numpy(float),
        bounds=(0, 25),
    )
    verdict = {result.subgroup: result for result in table.results}
    black = verdict["Non-Hispanic Black"]
    assert black.verdict == "unequal"
    assert black.estimate > 0.5  # kidney failure is more frequent among them
