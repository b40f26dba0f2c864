"""What sets a subgroup apart: means, tests, the published protocol, and short rules."""

import functools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from sklearn_equity import (
    benjamini_hochberg,
    describe_subgroups,
    permutation_test,
    subgroup_fidelity,
)


def _people(n_rows=600, seed=20260601):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 80, size=n_rows).round(),
            "sex": rng.choice(["female", "male"], size=n_rows),
            "ward": rng.choice(["east", "north", "west"], size=n_rows),
            "height": rng.normal(170, 9, size=n_rows),
        }
    )


def _old_men(X):
    return np.where((X["age"] > 60) & (X["sex"] == "male"), "old men", "others")


# ---- worked by hand --------------------------------------------------------------
def test_means_and_differences_worked_by_hand():
    X = pd.DataFrame({"x": [4.0, 6.0, 0.0, 2.0], "same": [3.0] * 4})
    found = describe_subgroups(X, subgroups=["a", "a", "b", "b"], random_state=0)
    assert found.subgroup == ("a", "a", "b", "b")
    assert found.variable == ("x", "same", "x", "same")
    assert_allclose(found.mean_in, [5, 3, 1, 3])
    assert_allclose(found.mean_out, [1, 3, 5, 3])
    # Of 4, 6, 0, 2 the mean is 3 and the mean square deviation (1 + 9 + 9 + 1) / 4.
    assert_allclose(found.difference, [4 / 5**0.5, 0, -4 / 5**0.5, 0])


def test_columns_of_labels_become_shares():
    X = pd.DataFrame(
        {"sex": ["f", "m", "m", "m"], "ward": ["e", "n", "w", "w"], "ill": [True] * 4}
    )
    found = describe_subgroups(X, subgroups=[0, 0, 1, 1], random_state=0)
    names = ("sex = m", "ward = e", "ward = n", "ward = w", "ill = True")
    assert found.variable[:5] == names
    assert_allclose(found.mean_in[:5], [1 / 2, 1 / 2, 1 / 2, 0, 1])
    assert found.p_value[4] == 1.0


def test_missing_labels_of_a_column_may_be_one_of_them():
    X = pd.DataFrame({"smokes": ["yes", None, "no", "no"]})
    message = r"X\['smokes'\].*missing labels; got 1 of 4\. Impute them"
    with pytest.raises(ValueError, match=message):
        describe_subgroups(X, subgroups=[0, 0, 1, 1])
    found = describe_subgroups(X, subgroups=[0, 0, 1, 1], missing="group")
    assert found.variable[:3] == ("smokes = no", "smokes = yes", "smokes = (missing)")


def test_rows_without_a_subgroup_may_be_left_out():
    X = pd.DataFrame({"x": [4.0, 6.0, 0.0, 99.0]})
    found = describe_subgroups(X, subgroups=["a", "a", "b", None], missing="drop")
    assert_allclose(found.mean_in, [5, 0])


# ---- tests and protocol ----------------------------------------------------------
def test_p_and_q_values_are_those_of_the_test_and_the_procedure():
    X = _people()[["age", "height"]]
    found = describe_subgroups(X, subgroups=np.arange(600) % 4, random_state=5)
    expected = permutation_test(X, subgroups=np.arange(600) % 4, random_state=5)
    assert_allclose(found.p_value, expected.p_value.ravel())
    assert_allclose(found.q_value, benjamini_hochberg(found.p_value))
    assert found.sets_apart.tolist() == (found.q_value <= 0.05).tolist()


def test_planted_differences_are_found():
    X = _people()
    found = describe_subgroups(X, subgroups=_old_men(X), random_state=0).to_frame()
    apart = set(found.loc[found["sets_apart"], "variable"])
    assert {"age", "sex = male"} <= apart
    assert "height" not in apart


@pytest.mark.parametrize(
    "as_container", [pl.from_pandas, lambda X: X], ids=["pl", "pd"]
)
def test_containers_agree(as_container):
    X = _people()
    found = describe_subgroups(as_container(X), subgroups=_old_men(X), random_state=0)
    numbers = describe_subgroups(
        X[["age", "height"]].to_numpy(), subgroups=_old_men(X), random_state=0
    )
    rows = [i for i, name in enumerate(found.variable) if name in ("age", "height")]
    assert_allclose(found.mean_in[rows], numbers.mean_in)
    assert numbers.variable == ("x0", "x1") * 2


def test_the_five_largest_of_the_worst_quarter():
    """Of 40 subgroups, the later the worse, and the larger."""
    labels = np.repeat(np.arange(40), np.arange(1, 41) + 10)
    X = np.random.default_rng(0).normal(size=(len(labels), 25))
    loss = np.arange(40.0)
    table = SimpleNamespace(
        estimate=loss,
        n=np.bincount(labels),
        subgroup=tuple(range(40)),
        grouping=("ward",) * 40,
        verdict=("insufficient evidence",) * 40,
        origin="measured",
        as_loss=lambda values: values,
    )
    found = describe_subgroups(X, subgroups=labels, table=table, random_state=0)
    assert tuple(dict.fromkeys(found.subgroup)) == (39, 38, 37, 36, 35)
    assert len(found.p_value) == 5 * 25
    assert_allclose(found.q_value, benjamini_hochberg(found.p_value))


def test_a_table_of_fidelity_is_taken():
    rng = np.random.default_rng(1)
    X, ward = rng.normal(size=(800, 3)), np.arange(800) % 8
    y_true = rng.uniform(30, 60, size=800)
    y_pred = y_true + rng.normal(size=800) * np.where(ward < 2, 9, 3)
    table = subgroup_fidelity(
        y_true, y_pred, subgroups=ward, n_resamples=50, random_state=0
    )
    found = describe_subgroups(X, subgroups=ward, table=table, random_state=0)
    assert set(found.subgroup) == {0, 1}
    on = dict(zip(table.subgroup, table.verdict, strict=True))
    assert found.verdict == tuple(on[rule.subgroup] for rule in found.rules)
    assert repr(found).startswith(f"{found.rules[0].subgroup} ({found.verdict[0]}): ")
    assert "verdict" in found.rules_to_frame().columns
    with pytest.raises(ValueError, match="must be of these `subgroups`"):
        describe_subgroups(X, subgroups=ward + 1, table=table)


def test_a_table_of_several_groupings_describes_the_one_asked_for():
    """Labels of both are 0 and 1: those of the wrong one would be found, too."""
    rng = np.random.default_rng(1)
    sex, ward = np.arange(600) % 2, np.arange(600) // 2 % 6
    y_true = rng.uniform(30, 60, size=600)
    y_pred = y_true + rng.normal(size=600) * np.where(sex == 1, 9, 3 + (ward == 4))
    table = subgroup_fidelity(
        y_true,
        y_pred,
        subgroups={"ward": ward, "sex": sex},
        n_resamples=50,
        random_state=0,
    )
    call = functools.partial(
        describe_subgroups, rng.normal(size=(600, 2)), table=table, n_permutations=9
    )
    with pytest.raises(ValueError, match=r"`grouping` must say.*'ward', 'sex'"):
        call(subgroups=ward)
    with pytest.raises(ValueError, match=r"they have the label '2', which it has not"):
        call(subgroups=ward, grouping="sex")
    with pytest.raises(ValueError, match=r"it has the label '2', which they have not"):
        call(subgroups=sex, grouping="ward")
    assert set(call(subgroups=sex, grouping="sex").subgroup) == {1}


def test_a_picked_table_and_what_is_no_table_are_refused():
    X, ward = np.arange(8.0)[:, np.newaxis], np.arange(8) % 4
    table = subgroup_fidelity(
        np.arange(8.0), np.ones(8), subgroups=ward, n_resamples=50, random_state=0
    )
    with pytest.raises(ValueError, match=r"rows picked as worst.*before worst"):
        describe_subgroups(X, subgroups=ward, table=table.worst(2))
    with pytest.raises(TypeError, match=r"`table` must be what.*got list"):
        describe_subgroups(X, subgroups=ward, table=[1, 2])
    with pytest.raises(TypeError, match=r"`honest` must be True or False; got 'yes'"):
        describe_subgroups(X, subgroups=ward, honest="yes")


@pytest.mark.slow
def test_false_discoveries_are_few(capsys):
    """Nothing sets anybody apart: the share of runs that say something does."""
    rng = np.random.default_rng(20260602)
    n_false = 0
    for _ in range(300):
        found = describe_subgroups(
            rng.standard_t(3, size=(400, 5)),
            subgroups=rng.integers(5, size=400),
            n_permutations=999,
            random_state=0,
        )
        n_false += found.sets_apart.any()
    with capsys.disabled():
        print(f"\nruns with a false discovery: {n_false / 300:.3f}")
    assert n_false / 300 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


# ---- rules -----------------------------------------------------------------------
def test_a_planted_rule_is_found_in_words():
    X = _people(2000)
    found = describe_subgroups(X, subgroups=_old_men(X), random_state=0)
    rule = found.rules[0]
    assert set(rule.text.split(" and ")) == {"age > 60.5", "sex is male"}
    assert rule.precision == rule.recall == 1.0
    assert rule.n_rows == 1000
    assert "old men: " in repr(found)
    assert found.rules_to_frame()["rule"][0] == rule.text


def test_limits_on_one_variable_become_one_condition():
    age = np.arange(2000) % 90
    segment = (age > 30) & (age <= 50)
    found = describe_subgroups(age[:, np.newaxis], subgroups=segment, random_state=0)
    assert found.rules[1].text == "30.5 < x0 <= 50.5"
    assert found.rules[1].recall == 1.0


def test_an_honest_rule_about_nothing_shows_it():
    """Labels by chance: held-out precision is the base rate, not what the tree saw."""
    rng = np.random.default_rng(2)
    X, labels = rng.normal(size=(2000, 20)), rng.random(2000) < 0.1
    honest, flattered = (
        describe_subgroups(
            X, subgroups=labels, honest=value, n_permutations=1, random_state=0
        ).rules[1]
        for value in (True, False)
    )
    base = labels.mean()
    assert abs(honest.precision - base) < 4 * np.sqrt(base * 0.9 / honest.n_matched)
    assert flattered.precision > 1.15 * base


def test_a_subgroup_that_nothing_tells_apart():
    found = describe_subgroups(np.ones((40, 1)), subgroups=np.arange(40) % 2)
    assert found.rules[0].text == "everybody"
    assert found.rules[0].precision == 0.5


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fdr": 5}, r"`fdr` must lie strictly between 0 and 1; got 5"),
        ({"rule_depth": 0}, r"`rule_depth` must be a whole number.*got 0"),
        ({"n_permutations": 1.5}, r"`n_permutations` must be a whole number.*got 1.5"),
        ({"subgroups": [0, 1]}, r"one label per row of `X` \(4\); got 2"),
    ],
)
def test_refusals_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        describe_subgroups(
            np.arange(4.0)[:, np.newaxis], **{"subgroups": [0, 0, 1, 1], **options}
        )


def test_gaps_in_numbers_and_identifiers_are_refused():
    X = _people(200)
    X.loc[3, "age"] = np.nan
    with pytest.raises(
        ValueError, match=r"age.*must not hold missing values.*1 of 200"
    ):
        describe_subgroups(X, subgroups=X["sex"])
    X["age"] = [f"id {i}" for i in range(200)]
    with pytest.raises(ValueError, match=r"age.*at most 50 different labels; got 200"):
        describe_subgroups(X, subgroups=X["sex"])


def test_input_is_not_changed():
    X = np.random.default_rng(0).normal(size=(40, 2))
    X.flags.writeable = False
    describe_subgroups(X, subgroups=np.arange(40) % 2, random_state=0)
