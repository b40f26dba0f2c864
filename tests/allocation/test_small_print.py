"""What results and refusals say, and a frame in memory, which is no lazy table."""

import numpy as np
import pandas as pd
import pytest

from sklearn_equity.allocation import (
    DeteriorationSums,
    compare_deterioration,
    dataset_inequality,
    deterioration_index,
    exacerbation,
    severity_score,
)
from sklearn_equity.allocation._area import degrees_of_freedom

RNG = np.random.default_rng(2026113004)
NEED = RNG.random(2000)
WARD = np.where(np.arange(2000) % 4 == 0, "b", "w")
SCORE = np.clip(NEED - 0.2 * (WARD == "b"), 0.0, 1.0)
STEPS = {"threshold": 0.5, "bounds": (0.0, 1.0)}


@pytest.mark.parametrize(
    ("least", "verdict"), [(40, "exacerbated"), (41, "insufficient evidence")]
)
def test_the_fewest_people_of_all_four_sides_are_what_a_change_rests_on(least, verdict):
    """Forty of "b" were given, hundreds of the others and of the model's."""
    given = WARD == "w"
    given[np.flatnonzero(WARD == "b")[:40]] = True
    need = np.where(given & (WARD == "b"), 0.3 + 0.25 * RNG.random(2000), NEED)
    found = exacerbation(
        SCORE, need, subgroups=WARD, compare=("b", "w"), allocated=given,
        min_subgroup_size=least, **STEPS,
    )  # fmt: skip
    assert (found.data.n_subgroup, found.verdict) == (40, verdict)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_rule_of_many_comparisons_names_the_share_of_errors(level):
    found = compare_deterioration(
        SCORE, NEED, subgroups=WARD, confidence_level=level, **STEPS
    )
    share = {0.95: "0.05", 0.8: "0.2"}[level]
    for result in found.results:
        assert f"no difference is at most {share};" in result.rule


def test_a_frame_in_memory_is_smoothed_as_its_columns_are():
    """A table that stays in its engine would be counted instead."""
    frame = pd.DataFrame({"need": NEED, "ward": WARD})
    options = {"compare": ("b", "w"), **STEPS}
    expected = dataset_inequality(NEED, subgroups=WARD, **options)
    found = dataset_inequality("need", subgroups="ward", data=frame, **options)
    assert found.estimate == expected.estimate
    counted = dataset_inequality(NEED, subgroups=WARD, bandwidth=0.0, **options)
    assert counted.estimate != expected.estimate


@pytest.mark.parametrize("measure", [severity_score, deterioration_index])
def test_thresholds_are_one_for_each_measurement(measure):
    message = r"`threshold` must have one value per row of `measurement` \(2000\)"
    with pytest.raises(ValueError, match=message):
        measure(NEED, threshold=np.full(3, 0.5), bounds=(0.0, 1.0))


def test_parts_whose_equal_thresholds_are_listed_in_another_order_add_up():
    one, other = (
        DeteriorationSums.from_arrays(
            NEED[half], subgroups=WARD[half], threshold=threshold, bounds=(0.0, 1.0)
        )
        for half, threshold in (
            (slice(0, 900), {"b": 0.5, "w": 0.5}),
            (slice(900, 2000), {"w": 0.5, "b": 0.5}),
        )
    )
    assert one.merge(other).sums.count.sum() == 2000


def test_degrees_of_freedom_by_hand():
    """Twice n over the kurtosis, and one; one alone where nobody is deteriorated."""
    found = degrees_of_freedom([4.0, 0.0], [2.0, 0.0])
    assert found.tolist() == [17.0, 1.0]
