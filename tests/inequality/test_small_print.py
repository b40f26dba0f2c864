"""What a result says and counts: limits of its tests, who is left out, its warnings."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_equity import InequalityIndex, atkinson, gini, inequality_index
from sklearn_equity.exceptions import (
    DegenerateInequalityWarning,
    SmallSubgroupWarning,
)
from sklearn_equity.inequality._inequality_index import _complete
from sklearn_equity.inequality._noise import NoiseModel


def table(estimate, std_error=0.0, n=100, judged=True, shuffles=None):
    """What is read of a `SubgroupTable`; without noise, if none is said."""
    estimate = np.array(estimate, float)
    shape = estimate.shape
    return SimpleNamespace(
        estimate=estimate,
        std_error=np.broadcast_to(np.array(std_error, float), shape),
        n=np.broadcast_to(n, shape),
        weight=np.broadcast_to(np.array(n, float), shape),
        judged=np.broadcast_to(judged, shape),
        grouping=("ward",) * len(estimate),
        shuffles=shuffles,
        metric="bias",
    )


def shuffled(estimate, std_error):
    """The data's own figures first, then those of shuffles."""
    return SimpleNamespace(
        estimate=np.array(estimate, float), std_error=np.array(std_error, float)
    )


@pytest.fixture
def found_by_chance(monkeypatch):
    """Say what the p-value is."""

    def say(p_value):
        monkeypatch.setattr(NoiseModel, "p_value", lambda _: p_value)

    return say


# ---- without noise every figure is known --------------------------------------------
@pytest.mark.parametrize("voice", ["subgroup", "person"])
@pytest.mark.parametrize(
    ("index", "by_subgroup", "by_person"),
    [
        ("gini", 2 / 7, 23 / 102),  # of 1, 2, 4 once each; of 10, 20 and 30 people
        ("max_gap", 3.0, 3.0),
        ("max_ratio", 4.0, 4.0),
        ("coefficient_of_variation", np.sqrt(14) / 7, np.sqrt(53) / 17),
    ],
)
def test_without_noise_the_corrected_index_is_the_raw_one(
    index, by_subgroup, by_person, voice
):
    found = inequality_index(
        table([1, 2, 4], n=[10, 20, 30]), index=index, voice=voice, random_state=0
    )
    assert_allclose(found.raw, by_subgroup if voice == "subgroup" else by_person)
    figures = [found.corrected, found.ci_low, found.ci_high]
    assert_allclose(figures, found.raw, rtol=1e-6)


def test_a_deviation_of_one_is_no_equality():
    """Of 1 and 3, whose deviation from their mean is 1."""
    assert_allclose(inequality_index(table([1, 3]), random_state=0).corrected, 1 / 4)


@pytest.mark.parametrize("std_error", [0.0, 0.3])
@pytest.mark.parametrize("value", [0.1, 1.0])
@pytest.mark.parametrize("n_subgroups", [2, 3, 5, 6, 10])
def test_equal_estimates_are_equal_whatever_rounding_makes_of_their_mean(
    n_subgroups, value, std_error
):
    """The accuracy of a perfect model, say; of ten ones, the mean is not quite one."""
    found = inequality_index(table([value] * n_subgroups, std_error), random_state=0)
    assert (found.ci_low, found.ci_high, found.p_value) == (0.0, 0.0, 1.0)
    assert_allclose([found.raw, found.corrected], 0.0, atol=1e-12)


def test_errors_that_are_all_zero_are_equal():
    """Those of a model that is never wrong; that this is known is said once."""
    with pytest.warns(DegenerateInequalityWarning, match="All `values` are 0") as told:
        found = inequality_index(table([0, 0, 0]), random_state=0)
    assert len(told) == 1
    figures = (found.raw, found.corrected, found.ci_low, found.ci_high, found.if_equal)
    assert (*figures, found.p_value) == (0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def test_a_gap_of_signed_figures_is_not_cut_at_zero():
    found = inequality_index(table([-1, 1, 3]), index="max_gap", random_state=0)
    assert_allclose([found.raw, found.corrected, found.ci_high], 4.0)


def test_figures_that_noise_allows_are_not_negative_where_an_index_forbids_it():
    found = inequality_index(table([0.1, 0.1, 0.4], 1.0), random_state=0)
    assert found.corrected <= found.ci_high <= 2 / 3  # one of three holds everything


def test_an_estimate_of_zero_is_not_negative():
    assert_allclose(inequality_index(table([0, 1, 2]), random_state=0).raw, 4 / 9)


def test_a_thousand_normal_draws_and_the_data_are_what_a_p_value_counts():
    assert inequality_index(table([1, 9], 0.01), random_state=0).p_value == 1 / 1001


# ---- what noise alone would show ----------------------------------------------------
def test_if_equal_has_the_voices_of_the_index():
    """Two figures about 5, of which the first has three of four voices."""
    one, other = np.random.default_rng(7).normal(5.0, 1.0, size=(2, 100_000))
    expected = np.mean(3 / 16 * abs(one - other) / (0.75 * one + 0.25 * other))
    found = inequality_index(
        table([5, 5], 1.0, n=[300, 100]), voice="person", random_state=0
    )
    assert_allclose(found.if_equal, expected, rtol=0.06)


def test_if_equal_follows_figures_far_below_one():
    options = {"random_state": 0}
    large = inequality_index(table([5, 5], 1.0), **options).if_equal
    assert_allclose(
        inequality_index(table([0.005, 0.005], 0.001), **options).if_equal, large
    )


def test_draws_lie_about_the_mean_of_all_people():
    """Of 4 and 0, 300 and 100 people: 3. Of each the figure is 3 or nearly so."""
    seen = []

    def spread(values, sample_weight=None):
        seen.append(np.array(values))
        return float(np.ptp(values))

    inequality_index(table([4, 0], 1e-9, n=[300, 100]), index=spread, random_state=0)
    drawn = [one for one in seen if np.ptp(one) < 1e-6 and one.max() > 1.0 + 1e-6]
    assert len(drawn) == 1000
    assert_allclose(drawn, 3.0, atol=1e-6)


# ---- who is compared ----------------------------------------------------------------
def test_two_people_are_enough_and_one_is_left_out():
    found = inequality_index(table([1, 2, 4], 0.1, n=[2, 2, 1]), random_state=0)
    assert (found.n_subgroups, found.n_left_out) == (2, 1)


@pytest.mark.parametrize("missing", ["estimate", "std_error"])
def test_without_a_figure_a_subgroup_is_left_out(missing):
    one = table([1, 2, 4], [0.1, 0.1, 0.1])
    setattr(one, missing, np.array([1.0, np.nan, 2.0]))
    assert inequality_index(one, random_state=0).n_left_out == 1


@pytest.mark.parametrize("missing", ["estimate", "std_error"])
def test_a_subgroup_whose_own_shuffle_has_no_figure_is_left_out(missing):
    """The first row is of the data; what is missing of a shuffle is filled in."""
    rng = np.random.default_rng(0)
    figures = {
        "estimate": rng.normal(5.0, 1.0, size=(50, 4)),
        "std_error": np.ones((50, 4)),
    }
    figures[missing][0, 1] = np.nan
    figures[missing][1, 2] = np.nan
    one = table([4, 5, 6, 7], 1.0, shuffles=shuffled(**figures))
    found = inequality_index(one)
    assert (found.n_subgroups, found.n_left_out) == (3, 1)
    assert_allclose(found.mean, (4 + 6 + 7) / 3)


def test_a_shuffle_is_no_reason_to_take_one_person_in():
    figures = np.full((9, 3), 5.0) + np.arange(9.0)[:, np.newaxis]
    one = table([4, 5, 6], 1.0, n=[9, 9, 1], shuffles=shuffled(figures, figures))
    assert inequality_index(one).n_left_out == 1


def test_what_a_shuffle_lacks_is_the_mean_of_the_other_shuffles():
    nan = np.nan
    estimate = np.array([[1.0, nan, nan], [3.0, 4.0, nan], [nan, nan, nan]])
    found = _complete(estimate, estimate + 1.0)
    assert_allclose(found.estimate, [[1, 4, 0], [3, 4, 0], [2, 4, 0]])
    assert_allclose(found.std_error, [[2, 5, 0], [4, 5, 0], [3, 5, 0]])


def test_what_shuffles_say_of_small_samples_is_put_back():
    """Each shuffle reads 4 in the small one where it reads 5: that is no inequality."""
    one = table([4, 5], 0.0, shuffles=shuffled([[4, 5]] * 20, np.zeros((20, 2))))
    found = inequality_index(one)
    assert_allclose([found.raw, found.corrected], [1 / 18, 0.0], atol=1e-9)


def test_small_ones_are_counted_among_those_compared():
    one = table([1, 2, 4], [0.1, 0.1, np.nan], judged=[True, False, False])
    assert inequality_index(one, random_state=0).n_small == 1


# ---- at the limits ------------------------------------------------------------------
@pytest.mark.parametrize(("p_value", "is_shown"), [(0.25, True), (0.2501, False)])
def test_inequality_is_shown_up_to_half_of_what_the_level_leaves(
    found_by_chance, p_value, is_shown
):
    found_by_chance(p_value)
    found = inequality_index(table([1, 2, 4]), confidence_level=0.5, random_state=0)
    assert (found.ci_low > 0.0) == is_shown


@pytest.mark.parametrize(
    ("p_value", "judged", "is_told"),
    [
        (0.5, False, True),
        (0.26, False, True),
        (0.51, False, False),  # nothing is said to be shown
        (0.25, False, False),  # the interval agrees
        (0.5, True, False),  # nobody is too small
    ],
)
def test_a_p_value_is_warned_of_up_to_what_the_level_leaves(
    found_by_chance, p_value, judged, is_told
):
    found_by_chance(p_value)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        inequality_index(
            table([1, 2, 4], judged=judged), confidence_level=0.5, random_state=0
        )
    assert [one.category for one in told] == [SmallSubgroupWarning] * is_told
    assert all(one.filename == __file__ for one in told)


# ---- words --------------------------------------------------------------------------
FOUND = InequalityIndex(
    "gini", 1 / 7, -1 / 300, 0.0, 2 / 300, 1 / 3, 1 / 8, 2 / 3, 50, 0, "subgroup", 0.9
)


def test_where_nobody_is_small_there_is_nothing_to_caution_of():
    assert FOUND.caution == ""
    assert repr(FOUND).splitlines()[0] == (
        "gini of 50 subgroups with one voice each, mean 0.6667"
    )
    assert repr(FOUND).endswith("p               0.333")


def test_where_some_are_small_the_last_line_cautions():
    found = replace(FOUND, n_small=3, n_subgroups=1050)
    assert found.caution == (
        "3 of 1,050 subgroups have too few people to be judged; if their errors have "
        "another shape than others', the p-value can't tell that from inequality. Go "
        "by the interval."
    )
    assert repr(found).splitlines()[-1] == found.caution


def test_a_function_of_ones_own_goes_by_its_name():
    def mine(values, sample_weight=None):
        return atkinson(values, sample_weight=sample_weight)

    assert inequality_index(table([1, 3]), index=mine).index == "mine"
    assert inequality_index(table([1, 3]), index=gini).index == "gini"


@pytest.mark.parametrize(
    ("what", "fix"),
    [
        (
            SimpleNamespace(fidelity=None),
            "Of an audit, pass its table: result.fidelity",
        ),
        ([1.0, 2.0], r"Of values without standard errors take gini\(\.\.\.\)\."),
    ],
)
def test_what_is_no_table_is_refused_with_a_way_out(what, fix):
    with pytest.raises(TypeError, match=f"`table` must be what subgroup.*{fix}"):
        inequality_index(what)
