"""What results and refusals say, and a frame in memory, which is no lazy table."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from sklearn_equity.allocation import (
    DeteriorationSums,
    compare_deterioration,
    dataset_inequality,
    deterioration_index,
    exacerbation,
    severity_score,
)
from sklearn_equity.allocation._area import degrees_of_freedom
from sklearn_equity.allocation._points import find_points
from sklearn_equity.density._ties import EXACT_SIZE, may_have_ties

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


@pytest.mark.parametrize("n_highest", [1, 2, 50])
@pytest.mark.parametrize("n_lowest", [1, 3])
def test_a_large_sample_that_hardly_ties_may_end_in_points(n_lowest, n_highest):
    """Two at an end are a limit or a ceiling; one is a row like any other."""
    values = np.random.default_rng(0).permutation(np.arange(1.0, EXACT_SIZE + 2.0))
    values[values <= n_lowest] = 1.0
    highest = values > len(values) - n_highest
    values[highest] = len(values)
    assert not may_have_ties(values)
    expected = (highest & (n_highest > 1)) | ((values == 1.0) & (n_lowest > 1))
    assert (find_points(values, None) == expected).all()


@pytest.mark.parametrize("discrete", [True, False, "auto"])
def test_people_of_a_lazy_table_are_counted_if_that_is_asked(discrete):
    """Otherwise they are smoothed by the bandwidth given, which moves the index."""
    lazy = pl.LazyFrame({"need": NEED})
    options = {"bandwidth": 0.1, "n_steps": 1, **STEPS}
    found = deterioration_index("need", data=lazy, discrete=discrete, **options)
    counted = (NEED >= 0.5).mean()
    if discrete is True:
        assert_allclose(found, counted, rtol=1e-12)
    else:
        assert abs(found - counted) > 1e-4
    assert_allclose(found, deterioration_index(NEED, discrete=discrete, **options))


def test_sums_of_a_side_of_one_person_are_that_person():
    """However few, as there is no score about which people would be near."""
    need, ward = np.array([0.9, 0.2, 0.7, 0.6]), np.array(["b", "w", "w", "w"])
    sums = DeteriorationSums.from_arrays(need, subgroups=ward, **STEPS)
    expected = dataset_inequality(
        need, subgroups=ward, compare=("b", "w"), bandwidth=0.0, **STEPS
    )
    found = sums.inequality(("b", "w"))
    assert np.isfinite(found.estimate)
    assert_allclose(found.estimate, expected.estimate, rtol=1e-12)
