"""Is the truth that comes with a generated cohort true?

The oracle of a subgroup is its rule, read from its text by a parser of this file; that
of mean and variance is the target itself, drawn many times for the same people.
"""

import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression

from sklearn_equity.datasets import make_health_cohort
from sklearn_equity.datasets._cohort_people import (
    draw_people,
    draw_target,
    probability_of_diabetes,
)

SHAPES = ["conjunction", "oblique"]
every_shape = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture(scope="module")
def large():
    return make_health_cohort(200_000, random_state=1)


@cache
def cohort_of(shape, strength):
    return make_health_cohort(
        60_000, shape=shape, strength=strength, population=3, random_state=4
    )


# ---- laws -------------------------------------------------------------------------
@every_shape
@pytest.mark.parametrize("strength", ["none", "moderate", "strong", 3.0])
@pytest.mark.parametrize("kind", ["remediable", "noise", None])
def test_mean_and_variance_given_the_inputs_are_those_of_the_target(
    shape, strength, kind
):
    # Of people whom the truth tells apart: those of one planted kind, and the rest.
    cohort = cohort_of(shape, strength)
    inside = cohort.membership.any(axis=1)
    if kind is not None:
        kinds = np.array([subgroup.kind for subgroup in cohort.subgroups])
        inside = ~cohort.membership[:, kinds == kind].any(axis=1)
    people = ~inside
    standardised = (cohort.y - cohort.conditional_mean) / cohort.attainable_error
    n_people = people.sum()
    mean, square = standardised[people].mean(), (standardised[people] ** 2).mean()
    spread_of_square = np.std(standardised[people] ** 2) / np.sqrt(n_people)
    assert abs(mean) < 4 / np.sqrt(n_people)
    assert abs(square - 1) < 4 * spread_of_square


def test_errors_of_the_best_model_are_unrelated_to_every_input(large):
    error = (large.y - large.conditional_mean) / large.attainable_error
    for name in large.feature_names:
        relation = np.corrcoef(large.X[name], error)[0, 1]
        assert abs(relation) < 4 / np.sqrt(len(error)), name


def test_target_drawn_anew_for_the_same_people_has_the_stated_moments():
    X = np.repeat(draw_people(8, np.random.RandomState(5)), 40_000, axis=0)
    target = draw_target(X, np.random.RandomState(6))
    y = target.y.reshape(8, -1)
    variance = target.variance.reshape(8, -1)[:, 0]
    mean = target.mean.reshape(8, -1)[:, 0]
    assert np.all(np.abs(y.mean(axis=1) - mean) < 4.5 * np.sqrt(variance / 40_000))
    assert_allclose(y.var(axis=1), variance, rtol=0.12)


@every_shape
def test_strength_none_plants_people_but_no_difference(shape):
    none = make_health_cohort(5_000, strength="none", shape=shape, random_state=0)
    some = make_health_cohort(5_000, shape=shape, random_state=0)
    assert_array_equal(none.membership, some.membership)
    assert_array_equal(none.X, some.X)
    outside = ~none.membership.any(axis=1)
    assert_array_equal(none.y[outside], some.y[outside])
    assert (none.y[~outside] != some.y[~outside]).all()
    zero = make_health_cohort(5_000, strength=0, shape=shape, random_state=0)
    assert_array_equal(none.y, zero.y)


@every_shape
def test_planted_error_is_the_stated_one_times_the_square_of_the_strength(shape):
    options = [
        {"shape": shape, "population": population, "random_state": 0}
        for population in range(4)
    ]
    without = [make_health_cohort(40_000, strength=0, **option) for option in options]
    for strength in (1.0, 2.0):
        kinds, added = [], []
        for plain, option in zip(without, options, strict=True):
            cohort = make_health_cohort(40_000, strength=strength, **option)
            gain = (cohort.conditional_mean - plain.conditional_mean) ** 2
            noise = cohort.attainable_error**2 - plain.attainable_error**2
            for subgroup, inside in zip(
                cohort.subgroups, cohort.membership.T, strict=True
            ):
                alone = inside & (cohort.membership.sum(axis=1) == 1)
                kinds.append(subgroup.kind)
                added.append((gain[alone].mean(), noise[alone].mean()))
        remediable = np.array(kinds) == "remediable"
        gains, noises = np.array(added).T
        # Sizes were set on a pilot, with a few hundred people inside and those in two
        # subgroups among them, up to a tenth: hence the room.
        assert_allclose(gains[remediable], 36 * strength**2, rtol=0.35)
        assert_allclose(gains[remediable].mean(), 36 * strength**2, rtol=0.1)
        assert_allclose(gains[~remediable], 0, atol=1e-9)
        assert_allclose(noises[~remediable], 81 * strength**2, rtol=1e-9)
        assert_allclose(noises[remediable], 0, atol=1e-9)


def test_equal_seeds_give_equal_cohorts_and_leave_the_global_state_alone():
    np.random.seed(3)  # noqa: NPY002 - the global state is what is watched
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = make_health_cohort(500, random_state=7)
    second = make_health_cohort(500, random_state=np.random.RandomState(7))
    assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert_array_equal(first.X, second.X)
    assert_array_equal(first.y, second.y)
    assert (first.y != make_health_cohort(500, random_state=8).y).any()


def test_a_population_keeps_its_subgroups_whoever_is_drawn():
    rules = [
        [s.rule for s in make_health_cohort(n, random_state=seed).subgroups]
        for n, seed in ((50, 0), (5_000, 1), (1, 2))
    ]
    assert rules[0] == rules[1] == rules[2]
    other = make_health_cohort(50, population=1, random_state=0)
    assert [s.rule for s in other.subgroups] != rules[0]


# ---- who is planted ---------------------------------------------------------------
def _read_rule(rule, X):
    """Apply a rule to a frame, from its words alone."""
    if " and " in rule or re.match(r"\w+ (>=|<|=) ", rule):
        inside = np.ones(len(X), dtype=bool)
        for part in rule.split(" and "):
            name, sign, value = part.split()
            column, value = X[name].to_numpy(), float(value)
            inside &= {
                ">=": column >= value,
                "<": column < value,
                "=": column == value,
            }[sign]
        return inside
    if rule.startswith("within"):
        radius = float(rule.split()[1])
        point = re.search(r"\((.*)\)", rule)[1].split(", ")
        squared = 0.0
        for name, centre in (part.split() for part in point):
            squared += ((X[name].to_numpy() - float(centre)) / X[name].std()) ** 2
        return np.sqrt(squared) <= radius
    left, bound = rule.split(" >= ")
    words = left.split()
    total = sum(
        float(weight) * X[name].to_numpy()
        for weight, name in zip(words[::2], words[1::2], strict=True)
    )
    return total >= float(bound)


@every_shape
@pytest.mark.parametrize("population", range(5))
def test_membership_is_what_the_rule_says(shape, population):
    cohort = make_health_cohort(
        30_000, shape=shape, population=population, random_state=0
    )
    for subgroup, inside in zip(cohort.subgroups, cohort.membership.T, strict=True):
        assert subgroup.n == inside.sum()
        read = _read_rule(subgroup.rule, cohort.X)
        # Printed numbers have three digits, so that people at the edge may differ.
        overlap = 2 * (read & inside).sum() / (read.sum() + inside.sum())
        assert overlap > (0.9 if shape == "conjunction" else 0.75), subgroup.rule


@every_shape
def test_planted_subgroups_have_the_share_and_number_asked_for(shape):
    cohort = make_health_cohort(
        60_000, shape=shape, n_remediable=2, n_noise=1, planted_share=0.2,
        population=9, random_state=0,
    )  # fmt: skip
    assert [s.kind for s in cohort.subgroups] == ["remediable", "remediable", "noise"]
    shares = cohort.membership.mean(axis=0)
    equal_part = 0.2 / 3
    # The bounds hold on the pilot; these are other people.
    assert (shares > 0.45 * equal_part).all()
    assert (shares < 1.55 * equal_part).all()
    several = (cohort.membership.sum(axis=1) > 1).mean()
    assert several < 0.2 * cohort.membership.any(axis=1).mean()


def test_a_cohort_without_planted_subgroups_has_none():
    cohort = make_health_cohort(100, n_remediable=0, n_noise=0, random_state=0)
    assert cohort.subgroups == ()
    assert cohort.membership.shape == (100, 0)


# ---- against published tables -----------------------------------------------------
# Mean and SD, or share, in baseline tables of UK Biobank, rounded as printed there.
PUBLISHED_MEAN_SD = {
    "age": (56.5, 8.1),
    "townsend": (-1.3, 3.0),
    "bmi": (27.4, 4.8),
    "body_fat": (31.3, 8.5),
    "weight": (78.0, 15.9),
}
PUBLISHED_SHARE = {
    "male": 0.456,
    "ethnicity_white": 0.945,
    "ethnicity_asian": 0.019,
    "ethnicity_black": 0.016,
    "asthma": 0.116,
}


@pytest.mark.parametrize("name", PUBLISHED_MEAN_SD)
def test_continuous_variables_have_the_published_mean_and_sd(large, name):
    mean, sd = PUBLISHED_MEAN_SD[name]
    assert abs(large.X[name].mean() - mean) < 0.05 * sd
    assert_allclose(large.X[name].std(), sd, rtol=0.04)


@pytest.mark.parametrize("name", PUBLISHED_SHARE)
def test_yes_no_variables_have_the_published_share(large, name):
    assert set(large.X[name].unique()) == {0.0, 1.0}
    assert_allclose(large.X[name].mean(), PUBLISHED_SHARE[name], rtol=0.06)


def test_smoking_has_the_published_shares(large):
    shares = large.X["smoking"].value_counts(normalize=True).sort_index()
    assert_allclose(shares, [0.55, 0.345, 0.105], atol=0.01)


def test_the_network_of_the_published_model_has_its_number_of_weights(large):
    # 753 weights in layers of 16, 16 and 8 units mean 20 inputs.
    n_inputs = large.X.shape[1]
    assert n_inputs * 16 + 16 + 16 * 16 + 16 + 16 * 8 + 8 + 8 + 1 == 753


def test_diabetes_varies_with_the_published_variables(large):
    X, diabetes = large.X, large.diabetes
    assert_allclose(diabetes.mean(), 0.053, atol=0.003)
    for name in ("male", "smoking", "high_blood_pressure", "ethnicity_asian"):
        assert X[name][diabetes].mean() > 1.1 * X[name][~diabetes].mean(), name
    assert X["townsend"][diabetes].mean() > X["townsend"][~diabetes].mean() + 0.5
    for male in (0, 1):
        fat = X["body_fat"].where(X["male"] == male)
        assert fat[diabetes].mean() > fat[~diabetes].mean() + 2


def test_diabetes_is_as_frequent_as_its_probability(large):
    # Deciles of the probability, each against the share of people who have it.
    probability = probability_of_diabetes(large.X.to_numpy())
    order = np.array_split(np.argsort(probability), 10)
    expected = [probability[rows].mean() for rows in order]
    observed = [large.diabetes[rows].mean() for rows in order]
    error = np.sqrt(np.array(expected) / 20_000)
    assert np.all(np.abs(np.array(expected) - observed) < 4 * error)


def test_hba1c_is_spread_as_published(large):
    assert_allclose(large.y.mean(), 6.099 / 0.169, atol=0.2)
    assert_allclose(large.y.std(), 6.8, atol=0.15)
    # "A wide range above and below 48" with diabetes, below it without.
    plain = make_health_cohort(100_000, strength="none", random_state=2)
    assert_allclose(plain.y.std(), 6.4, atol=0.15)
    assert_allclose(np.sqrt(np.mean(plain.attainable_error**2)), 6.099, atol=0.05)
    assert (plain.y[~plain.diabetes] < 48).mean() > 0.99
    assert 0.2 < (plain.y[plain.diabetes] < 48).mean() < 0.8
    linear = LinearRegression().fit(plain.X, plain.y)
    rmse = np.sqrt(np.mean((plain.y - linear.predict(plain.X)) ** 2))
    assert_allclose(rmse, 6.099, atol=0.1)


def test_hba1c_is_hardly_ever_negative(large):
    negative = [
        (make_health_cohort(20_000, strength="strong", population=p, random_state=p).y
         < 0).mean()
        for p in range(10)
    ]  # fmt: skip
    assert np.mean(negative) < 5e-5
    assert large.y.min() > 0


# ---- forms and refusals -----------------------------------------------------------
def test_arrays_and_frames_hold_the_same_numbers():
    frame = make_health_cohort(50, random_state=0)
    array = make_health_cohort(50, as_frame=False, random_state=0)
    assert list(frame.X.columns) == list(array.feature_names)
    assert isinstance(array.X, np.ndarray)
    assert_array_equal(frame.X, array.X)
    assert_array_equal(frame.y, array.y)


def test_a_result_cannot_be_changed_by_mistake():
    cohort = make_health_cohort(10, random_state=0)
    with pytest.raises(AttributeError):
        cohort.y = cohort.conditional_mean


@pytest.mark.slow
def test_arrays_need_no_pandas_and_frames_say_what_they_need():
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'pandas':\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from sklearn_equity.datasets import make_health_cohort\n"
        "print(make_health_cohort(5, as_frame=False).X.shape)\n"
        "make_health_cohort(5)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout == "(5, 20)\n"
    assert "make_health_cohort(as_frame=True) needs the package pandas" in done.stderr


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_samples", 0),
        ("n_samples", 10.5),
        ("strength", "weak"),
        ("strength", -0.1),
        ("shape", "round"),
        ("n_remediable", -1),
        ("n_noise", 1.5),
        ("planted_share", 0.0),
        ("planted_share", 0.6),
        ("population", -1),
        ("as_frame", "yes"),
        ("random_state", "seed"),
    ],
)
def test_a_parameter_out_of_range_is_refused(parameter, value):
    arguments = {"n_samples": 5, parameter: value}
    text = f"The '{parameter}' parameter of make_health_cohort"
    with pytest.raises(ValueError, match=text):
        make_health_cohort(**arguments)


def test_subgroups_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match=r"fit beside each other; \d+ of 40 did\. Pl"):
        make_health_cohort(5, n_remediable=20, n_noise=20, planted_share=0.5)
