"""Small numbers of people are withheld, and nobody can work them out.

The attacker of these tests reads a report and knows how groupings hang together, which
is told here by pandas from the people, not by the library. Integer programming gives
the least and the most that each withheld number can be.
"""

import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import pyplot as plt
from scipy.optimize import Bounds, LinearConstraint, milp

from sklearn_equity import (
    SubgroupFidelityDisplay,
    audit_frame,
    fidelity_change,
    load_nhanes,
)
from sklearn_equity.allocation import model_inequality
from sklearn_equity.report import DEFAULT_LIMIT
from sklearn_equity.report._counts import relations_of_people
from sklearn_equity.report._implied_sums import without_implied


def _people(sizes, **more):
    """Return a table of wards of the given sizes, with what a model made of them."""
    rng = np.random.default_rng(2024)
    ward = np.repeat(list(sizes), list(sizes.values()))
    truth = rng.normal(40, 5, len(ward))
    columns = {"ward": ward, "y": truth, "p": truth + rng.normal(0, 2, len(ward))}
    return pd.DataFrame(columns | more)


def _audit(people, subgroups, **options):
    settings = {"metric": "mae", "n_resamples": 50, "random_state": 0} | options
    return audit_frame(people, y_true="y", y_pred="p", subgroups=subgroups, **settings)


def _shown(result, **options):
    """Read the numbers of people off the JSON, as any reader would."""
    table = json.loads(result.to_json(**options))["fidelity"]
    labels = [
        tuple(label) if isinstance(label, list) else label
        for label in table["subgroup"]
    ]
    keys = zip(table["grouping"], labels, strict=True)
    return {("", "everybody"): table["overall"]["n"]} | dict(
        zip(keys, table["n"], strict=True)
    )


# ---- what is withheld ------------------------------------------------------------
def test_a_second_count_goes_with_one_that_is_small():
    result = _audit(_people({"a": 300, "b": 60, "c": 7}), "ward")
    assert list(_shown(result).values()) == [367, 300, None, None]


def test_nothing_is_withheld_where_nobody_is_few():
    result = _audit(_people({"a": 300, "b": 60, "c": 10}), "ward")
    assert None not in _shown(result).values()
    assert result.suppress().spreads == result.spreads


def test_two_small_counts_need_a_third_if_their_sum_tells_them():
    few = _audit(_people({"a": 300, "b": 60, "c": 1, "d": 1}), "ward")
    assert list(_shown(few).values()) == [362, 300, None, None, None]
    enough = _audit(_people({"a": 300, "b": 60, "c": 8, "d": 9}), "ward")
    assert list(_shown(enough).values()) == [377, 300, 60, None, None]


def test_the_limit_is_the_users():
    people = _people({"a": 300, "b": 60, "c": 7, "d": 14})
    result = _audit(people, "ward")
    assert _shown(result, suppress_below=None)["ward", "c"] == 7
    assert list(_shown(result, suppress_below=5).values())[1:] == [300, 60, 7, 14]
    assert list(_shown(result, suppress_below=15).values())[1:] == [300, 60, None, None]


def test_two_models_of_the_same_people_have_the_same_withheld():
    people = _people({"a": 300, "b": 80, "c": 79, "d": 6})
    one = _audit(people, "ward")
    people.loc[people["ward"] == "c", "p"] += 20.0  # c is found to be under-served
    other = _audit(people, "ward")
    assert other.fidelity.verdict[2] == "under-served"
    assert _shown(one) == _shown(other)
    assert "ward = c (figures withheld)" in other.suppress().sentences()[1]


def test_few_people_in_all_are_withheld_too():
    result = _audit(_people({"a": 5, "b": 3}), "ward")
    assert set(_shown(result).values()) == {None}
    assert "The figures of all rows together are withheld." in str(result)


def test_people_without_a_label_are_counted_by_nobody():
    people = _people({"a": 300, "b": 60, "c": 90})
    people.loc[::75, "ward"] = None  # six of them
    shown = _shown(_audit(people, "ward", missing="drop"))
    assert None in shown.values()  # or their number were 450 less the sum


@pytest.mark.parametrize("limit", [True, -1, 2.5, "10"])
def test_a_limit_that_is_no_count_is_refused(limit):
    result = _audit(_people({"a": 30, "b": 60}), "ward")
    with pytest.raises(ValueError, match="`suppress_below` must be a whole number"):
        result.to_json(suppress_below=limit)


def test_what_is_suppressed_cannot_be_suppressed_further():
    result = _audit(_people({"a": 30, "b": 60, "c": 4}), "ward").suppress(5)
    assert result.suppress(5) is result
    assert result.suppress(3) is result
    with pytest.raises(
        ValueError, match="below 5 are withheld from this result already"
    ):
        result.suppress(10)
    assert str(result).count("withheld") == 3  # two rows and the note


# ---- what else would tell --------------------------------------------------------
def test_figures_of_what_is_withheld_are_in_no_export(tmp_path):
    people = _people({"a": 300, "b": 61, "c": 7})
    people["q"] = people["y"] + 1.0
    change = fidelity_change(
        people["y"], people["p"], people["q"], subgroups={"ward": people["ward"]},
        metric="mae",
    )  # fmt: skip
    result = _audit(people, "ward").with_findings(change=change)
    path = result.to_html(tmp_path / "report.html")
    written = [result.to_json(), result.to_markdown(), str(result), path.read_text()]
    written += [file.read_text() for file in result.to_csv(tmp_path)]
    written += [result._repr_html_()]
    table = result.fidelity
    names = ("estimate", "std_error", "ci_low", "joint_high", "shrunken")
    hidden = [getattr(table, name)[row] for name in names for row in (1, 2)]
    hidden += [*change.before[2:], *change.change[2:], *change.ci_low[2:]]
    overall = table.overall.estimate  # to which estimates without evidence are shrunken
    hidden = [value for value in hidden if abs(value - overall) > 1e-9]
    for text in written:
        assert not re.search(r"(?<![\d.])(61|7)(?![\d.])", _without_code(text))
        for value in hidden:
            assert f"{abs(value):.6g}"[:6] not in _without_code(text)


def _without_code(text):
    """Leave out styles, places in pictures, and what all rows together show."""
    text = re.sub(r"(?s)(<|&lt;)(style|script)(>|&gt;).*?/(style|script)", "", text)
    text = re.sub(r'="[^"]*"|=&quot;.*?&quot;', "", text)
    return re.sub(r"n = 368|all rows as one.*|sklearn.equity \S+", "", text)


def test_a_frozen_table_cannot_be_written_to():
    table = _audit(_people({"a": 300, "b": 60, "c": 7}), "ward").fidelity
    for name in ("n", "estimate", "judged", "joint_low"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(table, name)[0] = 3


def test_averages_over_a_grouping_are_not_told_to_the_last_digit():
    result = _audit(_people({"a": 300, "b": 60, "c": 7}), "ward")
    shown = result.suppress()
    assert np.isnan(shown.fidelity.shrunken).all()
    assert np.isnan(shown.fidelity.reference).all()
    assert shown.fidelity.shuffles is None
    assert shown.spreads == ()
    assert len(result.spreads) == 1


def test_changes_of_the_same_people_are_withheld_alike():
    people = _people({"a": 300, "b": 60, "c": 7})
    truth, before = people["y"], people["p"]
    wards = {"ward": people["ward"]}
    change = fidelity_change(truth, before, truth + 1, subgroups=wards, metric="mae")
    result = _audit(people, "ward").with_findings(change=change).suppress()
    assert result.change.n.tolist() == [367, 300, -1, -1]
    assert np.isnan(result.change.before[2:]).all()
    assert "withheld" in str(result.change)


def test_changes_of_other_people_are_protected_by_themselves():
    people = _people({"a": 300, "b": 60, "c": 70})
    others = people.drop(people.index[people["ward"] == "c"][4:])
    change = fidelity_change(
        others["y"], others["p"], others["y"] + 1, subgroups={"ward": others["ward"]},
        metric="mae",
    )  # fmt: skip
    result = _audit(people, "ward").with_findings(change=change).suppress()
    assert result.fidelity.n.tolist() == [300, 60, 70]
    assert result.change.n.tolist() == [364, 300, -1, -1]


def test_all_but_few_of_a_subgroup_are_not_told_by_a_decision_region():
    people = _people({"a": 300, "b": 200})
    score = np.concatenate([np.linspace(0, 1, 300), np.linspace(0.2, 1, 200)])
    inequality = model_inequality(
        score, people["y"], subgroups=people["ward"], compare=("a", "b"),
        threshold=40, bounds=(0, 100), decision_threshold=0.1,
    )  # fmt: skip
    inequality = replace(inequality, n_subgroup=295, n_reference=120)
    result = _audit(people, "ward").with_findings(allocation=[inequality])
    (shown,) = result.suppress().allocation
    assert (shown.n_subgroup, shown.n_reference) == (-1, -1)
    assert np.isnan(shown.estimate)
    wide = replace(inequality, n_subgroup=200, n_reference=120)
    (kept,) = result.with_findings(allocation=[wide]).suppress().allocation[1:]
    assert kept == wide


# ---- the attack ------------------------------------------------------------------
def _sums(people, groupings):
    """Tell which counts add up to which, from the people, for any two groupings."""
    everybody = pd.Series(["everybody"] * len(people), index=people.index)
    labelled = {"": everybody} | groupings
    for (one, left), (other, right) in itertools.permutations(labelled.items(), 2):
        for label in left.unique():
            inside = right[left == label]
            parts = [p for p in right.unique() if set(left[right == p]) == {label}]
            if sum((right == part).sum() for part in parts) == len(inside):
                yield (one, label), [(other, part) for part in parts]


def _told_by_verdicts(result):
    """Read off the JSON who had the 30 people that a verdict needs, and who had not."""
    table = json.loads(result.to_json())["fidelity"]
    labels = [
        tuple(label) if isinstance(label, list) else label
        for label in table["subgroup"]
    ]
    keys = list(zip(table["grouping"], labels, strict=True))
    # Where nobody of a grouping is judged, one may have enough and nobody to compare.
    compared = {
        key[0] for key, judged in zip(keys, table["judged"], strict=True) if judged
    }
    return {
        key: (30, 10_000) if judged else (1, 29 if key[0] in compared else 10_000)
        for key, judged in zip(keys, table["judged"], strict=True)
    }


def _range(shown, sums, wanted, bounds=()):
    """Return the least and the most that a withheld number of people can be."""
    bounds = dict(bounds)
    unknown = [key for key, n in shown.items() if n is None]
    rows, totals = [], []
    for whole, parts in sums:
        row = np.zeros(len(unknown))
        known = 0
        for key, sign in [(whole, 1), *((part, -1) for part in parts)]:
            if shown[key] is None:
                row[unknown.index(key)] += sign
            else:
                known += sign * shown[key]
        if row.any():
            rows.append(row)
            totals.append(-known)
    ends = []
    for sign in (1, -1):
        solved = milp(
            sign * np.array([1.0 * (key == wanted) for key in unknown]),
            constraints=LinearConstraint(np.array(rows), totals, totals),
            integrality=np.ones(len(unknown)),
            bounds=Bounds(*np.transpose([bounds.get(k, (1, 10_000)) for k in unknown])),
        )
        assert solved.success
        ends.append(round(sign * solved.fun))
    return ends


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(i, marks=pytest.mark.slow) for i in range(2, 30))]
)
def test_no_small_count_can_be_worked_out(seed):
    """Wards lie in regions; ages are cut in two ways; intersections go with all."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.35, 0.3, 0.2, 0.1, 0.03, 0.02])
    people = _people({"x": 400})
    people["ward"] = rng.choice([*"abcdef"], 400, p=shares)
    people["region"] = people["ward"].map(dict(zip("abcdef", "NNSSNS", strict=True)))
    people["sex"] = rng.choice(["f", "m"], 400, p=[0.9, 0.1])
    result = _audit(people, ["region", "ward", "sex"], max_depth=2)
    shown = _shown(result)
    names = ["region", "ward", "sex"]
    groupings = {name: people[name] for name in names}
    for pair in itertools.combinations(names, 2):
        both = pd.Series(list(zip(*(people[n] for n in pair), strict=True)))
        groupings[" & ".join(pair)] = both
    truth = {
        (name, label): n
        for name, labels in groupings.items()
        for label, n in labels.value_counts().items()
    }
    sums = list(_sums(people, groupings))
    bounds = _told_by_verdicts(result)
    small = [key for key, n in truth.items() if n < DEFAULT_LIMIT]
    assert small
    for key in truth:
        assert shown[key] in (None, truth[key])
    for key in small:
        assert shown[key] is None
        least, most = _range(shown, sums, key, bounds)
        assert least <= truth[key] <= most
        assert most >= DEFAULT_LIMIT
        assert most - least >= DEFAULT_LIMIT / 2
    assert sum(n is None for n in shown.values()) < 0.9 * len(shown)


def _crossed_adults():
    """Return adults of NHANES, five attributes crossed to a depth of three."""
    X = load_nhanes().data.sample(2008, random_state=0)
    names = ["sex", "ethnicity", "smoking", "age", "income"]
    people = _people({"x": len(X)})
    for name in names[:3]:
        people[name] = X[name].astype(str).to_numpy()
    people["age"] = pd.qcut(X["age"].to_numpy(), 4).codes.astype(str)
    people["income"] = pd.qcut(X["poverty_income_ratio"].to_numpy(), 3).codes.astype(
        str
    )
    depths = [combo for k in (1, 2, 3) for combo in itertools.combinations(names, k)]
    return people, names, depths


@pytest.mark.slow
def test_few_are_withheld_of_hundreds_and_none_can_be_worked_out():
    """Three-way tables, as offices publish them: 580 subgroups, 34 of them small."""
    people, names, combos = _crossed_adults()
    result = _audit(people, names, max_depth=3)
    shown = _shown(result)

    def key(combo, label):
        return " & ".join(combo), label[0] if len(combo) == 1 else tuple(label)

    truth, sums = {}, []
    for combo in combos:
        sizes = people.groupby(list(combo)).size()
        labels = [one if isinstance(one, tuple) else (one,) for one in sizes.index]
        truth |= {key(combo, one): n for one, n in zip(labels, sizes, strict=True)}
        for left_out in combo if len(combo) > 1 else ():
            rest = [name for name in combo if name != left_out]
            parts = {}
            for one in labels:
                whole = tuple(one[combo.index(name)] for name in rest)
                parts.setdefault(key(rest, whole), []).append(key(combo, one))
            sums += parts.items()
        if len(combo) == 1:
            sums.append((("", "everybody"), [key(combo, one) for one in labels]))
    assert shown.keys() - {("", "everybody")} == truth.keys()
    bounds = _told_by_verdicts(result)
    small = [one for one, n in truth.items() if n < DEFAULT_LIMIT]
    assert len(small) > 20
    for one in small:
        assert shown[one] is None
        least, most = _range(shown, sums, one, bounds)
        assert most >= DEFAULT_LIMIT
        assert most - least >= DEFAULT_LIMIT / 2
    withheld = [one for one in truth if shown[one] is None]
    assert len(withheld) < 4 * len(small)
    assert sum(truth[one] for one in withheld) < 0.05 * sum(truth.values())


def test_sums_that_others_imply_add_nothing():
    """What is left has the rank of all, and is fewer."""
    rng = np.random.default_rng(5)
    n = 300
    region = rng.choice([*"NS"], n)
    labels = {
        "region": region,
        "ward": np.char.add(region, rng.choice([*"abc"], n)),
        "sex": rng.choice([*"fm"], n),
        "age": rng.choice([*"xyz"], n),
    }
    every = relations_of_people(labels, n_rows=n, missing="raise", max_depth=3)
    kept = without_implied(every)
    assert set(map(id, kept)) < set(map(id, every))
    place = {}

    def rank(relations):
        rows = []
        for one in relations:
            row = dict.fromkeys(one.left, 1) | dict.fromkeys(one.right, -1)
            rows.append({place.setdefault(k, len(place)): v for k, v in row.items()})
        matrix = np.zeros((len(rows), len(place)))
        for i, row in enumerate(rows):
            matrix[i, list(row)] = list(row.values())
        return np.linalg.matrix_rank(matrix)

    assert rank(kept) == rank(every)
    assert len(kept) < 0.7 * len(every)


def test_without_secondary_suppression_the_attack_succeeds():
    """The attacker is able: what is only withheld by itself is worked out."""
    people = _people({"a": 300, "b": 60, "c": 7})
    shown = {("", "everybody"): 367, ("w", "a"): 300, ("w", "b"): 60, ("w", "c"): None}
    sums = list(_sums(people, {"w": people["ward"]}))
    assert _range(shown, sums, ("w", "c")) == [7, 7]


# ---- two audits side by side -----------------------------------------------------
def _gone(comparison, keys):
    """Read off a comparison how many of each subgroup are in the first audit alone."""
    columns = comparison.to_columns()
    gone = dict.fromkeys(keys)
    for i, n in enumerate(columns["n_before"]):
        key = (
            (columns["grouping"][i], comparison.subgroup[i]) if i else ("", "everybody")
        )
        if n is not None and columns["n_after"][i] is not None:
            gone[key] = n - columns["n_after"][i]
        else:
            assert np.isnan([columns["std_error"][i], columns["change"][i]]).all()
    return gone


def _assert_nobody_few_is_told(comparison, people, names, truth):
    gone = _gone(comparison, truth)
    sums = list(_sums(people, {name: people[name] for name in names}))
    for key, n in truth.items():
        assert gone[key] in (None, n)
        if 0 < n < DEFAULT_LIMIT:
            assert gone[key] is None
            most = _range(gone, sums, key, dict.fromkeys(truth, (0, 10_000)))[1]
            assert most >= DEFAULT_LIMIT


def _in_one_alone(people, later, names):
    """Count who is in the first table alone, by subgroup."""
    truth = {("", "everybody"): len(people) - len(later)}
    for name in names:
        left = people[name].value_counts().sub(later[name].value_counts(), fill_value=0)
        truth |= {(name, label): int(n) for label, n in left.items()}
    return truth


def _ways_of_suppressing(one, other):
    """Suppress before or after comparing, or only one, or leave it to the export."""
    yield one.compare(other).suppress()
    yield one.suppress().compare(other)
    yield one.compare(other.suppress())
    yield type(one).from_json(one.to_json()).compare(other)._for_others()
    yield one.compare(other)._for_others()


def test_few_people_in_one_audit_alone_are_not_told_by_totals():
    people = _people({"a": 150, "b": 100, "d": 4})
    later = people[people["ward"] != "d"]
    one, other = _audit(people, "ward"), _audit(later, "ward")
    truth = _in_one_alone(people, later, ["ward"])
    assert truth == {
        ("", "everybody"): 4, ("ward", "a"): 0, ("ward", "b"): 0, ("ward", "d"): 4,
    }  # fmt: skip
    for found in _ways_of_suppressing(one, other):
        _assert_nobody_few_is_told(found, people, ["ward"], truth)
        assert found.only_before == (("ward", "d"),)
    for text in (str(one.compare(other)), one.compare(other).to_markdown()):
        assert not ("254" in text and "250" in text)
    assert one.compare(other).n_before.tolist() == [254, 150, 100]  # as it is


def test_both_audits_are_suppressed_at_the_limit_of_one():
    people = _people({"a": 150, "b": 100, "c": 60})
    later = people.drop(people.index[people["ward"] == "c"][6:])
    one, other = _audit(people, "ward"), _audit(later, "ward")
    for found in (one.suppress().compare(other), other.suppress().compare(one)):
        for text in (str(found), found.to_markdown(), found._repr_html_()):
            assert re.search(r"withheld", text)
            assert not re.search(r"ward = c +\|? *\|? *(60|6)", text)
        assert found.to_columns()["n_before"][3] is None
        assert found.to_columns()["n_after"][3] is None
        assert found.suppress() is found
    at_five = one.suppress(5).compare(other)
    assert at_five.to_columns()["n_after"][3] == 6
    with pytest.raises(ValueError, match=r"limit of this audit .*\(5\); got 10"):
        one.suppress(5).compare(other.suppress())


def test_the_same_people_lose_nothing_by_being_compared():
    people = _nested()
    result = _audit(people, ["ward", "region"])
    found = result.compare(result).suppress()
    expected = list(_shown(result).values())
    assert found.to_columns()["n_before"] == expected
    again = result.suppress().compare(result.suppress())
    assert again.to_columns()["n_before"] == expected


def test_other_people_in_numbers_that_differ_by_many_are_shown():
    one = _audit(_people({"a": 300, "b": 200, "c": 100}), "ward")
    other = _audit(_people({"a": 400, "b": 150, "c": 120}), "ward")
    for found in _ways_of_suppressing(one, other):
        assert found.n_before.tolist() == [600, 300, 200, 100]
        assert found.n_after.tolist() == [670, 400, 150, 120]


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(i, marks=pytest.mark.slow) for i in range(2, 20))]
)
def test_nobody_few_can_be_worked_out_from_two_audits(seed):
    """Of some wards few people are gone, of some many, of some all."""
    rng = np.random.default_rng(seed)
    people = _people({"x": 900})
    people["ward"] = rng.choice([*"abcdef"], 900, p=[0.3, 0.3, 0.2, 0.1, 0.09, 0.01])
    people["region"] = people["ward"].map(dict(zip("abcdef", "NNSSNS", strict=True)))
    people["sex"] = rng.choice(["f", "m"], 900)
    share = dict(
        zip("abcdef", rng.permutation([0, 0, 0.02, 0.2, 0.04, 1]), strict=True)
    )
    later = people[rng.random(900) >= people["ward"].map(share)]
    names = ["region", "ward", "sex"]
    truth = _in_one_alone(people, later, names)
    assert any(0 < n < DEFAULT_LIMIT for n in truth.values())
    one, other = _audit(people, names), _audit(later, names)
    for found in _ways_of_suppressing(one, other):
        _assert_nobody_few_is_told(found, people, names, truth)


# ---- without the people ----------------------------------------------------------
def _nested():
    """Return wards that lie in regions: R less a leaves the four people of d."""
    people = _people({"a": 200, "b": 150, "c": 46, "d": 4})
    people["region"] = np.where(people["ward"].isin(["a", "d"]), "R", "S")
    return people


def _known(shown, people, *names):
    """Work out all that each count may be, for one who knows who lies where."""
    sums = list(_sums(people, {name: people[name] for name in names}))
    return {key: _range(shown, sums, key) for key, n in shown.items() if n is None}


def test_an_engine_says_which_groupings_contain_each_other():
    people = _nested()
    lazy = _audit(pl.from_pandas(people).lazy(), ["ward", "region"])
    eager = _audit(people, ["ward", "region"])
    assert _shown(lazy) == _shown(eager)
    assert set(lazy.relations) == set(eager.relations)
    for shown in (_shown(lazy), _shown(type(lazy).from_json(lazy.to_json()))):
        known = _known(shown, people, "ward", "region")
        least, most = known["ward", "d"]
        assert least < 4
        assert most >= DEFAULT_LIMIT


@pytest.mark.parametrize("missing", ["drop", "group"])
def test_an_engine_counts_those_without_a_label_and_of_no_weight_alike(missing):
    people = _nested()
    people["w"] = np.where(np.arange(400) % 7 == 0, 0.0, 1.0)
    people.loc[::31, "region"] = None
    options = {"missing": missing, "sample_weight": "w", "max_depth": 2}
    lazy, eager = (
        _audit(table, ["ward", "region"], **options)
        for table in (pl.from_pandas(people).lazy(), people)
    )
    assert _shown(lazy, suppress_below=None) == _shown(eager, suppress_below=None)
    assert _shown(lazy) == _shown(eager)
    assert lazy.min_subgroup_size == eager.min_subgroup_size


def test_one_grouping_alone_is_shown_where_nobody_knows_what_adds_up():
    people = _nested()
    for names, shown_one in (
        (["ward", "region"], ["a", "b"]),
        (["region", "ward"], ["R", "S"]),
    ):
        bare = replace(_audit(people, names), relations=())
        shown = _shown(bare)
        told = [label for (_, label), n in shown.items() if n is not None]
        assert told == ["everybody", *shown_one]
        least, most = _known(shown, people, *names)["ward", "d"]
        assert least < 4
        assert most >= DEFAULT_LIMIT
    nobody_few = replace(_audit(people, "region"), relations=())
    assert None not in _shown(nobody_few).values()


# ---- what is added later ---------------------------------------------------------
def _change(people, *names):
    return fidelity_change(
        people["y"], people["p"], people["y"] + 1.0,
        subgroups={name: people[name] for name in names}, metric="mae",
    )  # fmt: skip


def _suppressed_twice(result):
    return result.suppress(), type(result).from_json(result.to_json())


def test_a_change_that_is_added_later_is_withheld_alike():
    people = _nested()
    result = _audit(people, ["ward", "region"])
    change = _change(people, "ward", "region")
    at_once = result.with_findings(change=change).suppress().change.n
    for already in _suppressed_twice(result):
        later = already.with_findings(change=change)
        assert later.change.n.tolist() == at_once.tolist()
        assert np.isnan(later.change.change[later.change.n == -1]).all()
        assert f"{change.before[4]:.3g}" not in later.to_markdown()
        assert later.with_findings(notes=["x"]).to_markdown()  # and it stays so


def test_the_limit_of_what_is_added_is_that_in_force():
    people = _people({"a": 300, "b": 60, "c": 12, "d": 40})
    change = _change(people, "ward")
    for limit, n in ((5, [412, 300, 60, 12, 40]), (15, [412, 300, 60, -1, -1])):
        result = _audit(people, "ward").suppress(limit).with_findings(change=change)
        assert result.change.n.tolist() == n


def test_a_change_by_another_grouping_tells_nobody_of_the_audit():
    people = _nested()
    for one, other in (("ward", "region"), ("region", "ward")):
        result = _audit(people, one)
        later = [already.with_findings(change=_change(people, other))
                 for already in _suppressed_twice(result)]  # fmt: skip
        at_once = result.with_findings(change=_change(people, other)).suppress()
        for found in (*later, at_once):
            shown = _shown(found)
            shown |= {
                (name if name != "everybody" else "", label): None if n == -1 else n
                for name, label, n in zip(
                    found.change.grouping, found.change.subgroup,
                    found.change.n.tolist(), strict=True,
                )
                if n != -1 or name == other
            }  # fmt: skip
            least, most = _known(shown, people, "ward", "region")["ward", "d"]
            assert least < 4
            assert most >= DEFAULT_LIMIT


def test_a_change_of_all_but_few_people_is_withheld():
    people = _people({"a": 300, "b": 60, "c": 70})
    change = _change(people.iloc[4:], "ward")
    result = _audit(people, "ward").with_findings(change=change).suppress()
    assert set(result.change.n) == {-1}  # 430 less 426, and 300 less 296


def test_a_change_of_other_people_shows_one_grouping():
    people = _nested()
    many = _people({"a": 400, "b": 350, "c": 246, "d": 204})
    many["region"] = np.where(many["ward"].isin(["a", "d"]), "R", "S")
    result = _audit(many, ["ward", "region"])
    added = result.with_findings(change=_change(people, "ward", "region"))
    found = added.suppress().change
    assert found.n.tolist() == [400, 200, 150, -1, -1, -1, -1]


def test_an_inequality_that_is_added_later_is_withheld():
    people = _people({"a": 300, "b": 200})
    inequality = model_inequality(
        np.linspace(0, 1, 500), people["y"], subgroups=people["ward"],
        compare=("a", "b"), threshold=40, bounds=(0, 100), decision_threshold=0.1,
    )  # fmt: skip
    few = replace(inequality, n_subgroup=295, n_reference=120)
    many = replace(inequality, n_subgroup=200, n_reference=120)
    nearly = replace(inequality, n_subgroup=198, n_reference=120)
    for already in _suppressed_twice(_audit(people, "ward")):
        found = already.with_findings(allocation=[few]).with_findings(allocation=[many])
        assert [one.n_subgroup for one in found.allocation] == [-1, 200]
        both = found.with_findings(allocation=[nearly])
        assert [one.n_subgroup for one in both.allocation] == [-1, -1, -1]
        assert str(few.n_subgroup) not in both.to_markdown()


def test_small_counts_beside_the_limit_in_force_are_refused():
    result = _audit(_people({"a": 300, "b": 60, "c": 7}), "ward")
    change = _change(_people({"a": 300, "b": 60, "c": 7}), "ward")
    forced = replace(result.suppress(), change=change)
    with pytest.raises(ValueError, match="Add findings by `with_findings`"):
        forced.to_markdown()


def test_a_result_read_back_is_suppressed_as_the_first_one():
    people = _people({"a": 300, "b": 60, "c": 7})
    people["sex"] = np.resize(["f", "m"], len(people))
    result = _audit(people, ["ward", "sex"], max_depth=2)
    again = type(result).from_json(result.to_json(suppress_below=None))
    assert _shown(again) == _shown(result)


def test_where_counts_contradict_each_other_no_small_one_is_told():
    result = _audit(_people({"a": 300, "b": 60, "c": 7}), "ward")
    overall = replace(result.fidelity.overall, n=50)
    wrong = replace(result, fidelity=replace(result.fidelity, overall=overall))
    shown = _shown(wrong)
    assert shown["", "everybody"] is None
    assert shown["ward", "c"] is None


def test_a_display_of_a_suppressed_table_draws_no_withheld_count():
    result = _audit(_people({"a": 300, "b": 60, "c": 7}), "ward").suppress()
    display = SubgroupFidelityDisplay(result.fidelity).plot()
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names == [
        "a, n = 300",
        "b, n withheld; no estimate",
        "c, n withheld; no estimate",
    ]
    assert [bar.get_width() for bar in display.bars_] == [300, 0, 0]
    plt.close("all")
