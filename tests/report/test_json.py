"""JSON comes back the same to the last digit; damage is refused by its place."""

import json
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_equity import AuditResult, audit_frame, fidelity_change, inequality_index
from sklearn_equity.allocation import model_inequality
from sklearn_equity.remediation import LevellingDown


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(1895)
    people = pd.DataFrame({"y": rng.normal(40, 5, 300)})
    people["p"] = people["y"] + rng.normal(0, 2, 300)
    people["q"] = people["y"] + rng.normal(0, 2, 300)
    people["ward"] = np.repeat(["a", 'b "quoted" | \\ é', "few"], [150, 146, 4])
    people["age"] = rng.uniform(20, 80, 300)
    people["team"] = np.resize([1, 2, 3], 300)
    settings = {"y_true": "y", "y_pred": "p", "n_resamples": 50, "random_state": 0}
    found = audit_frame(people, subgroups=["ward", ("age", 2), "team"], max_depth=2,
                        **settings)  # fmt: skip
    change = fidelity_change(
        people["y"], people["p"], people["q"], subgroups={"ward": people["ward"]}
    )
    harmed = LevellingDown("ward", 0.3, 0.1, 0.5, ("a",))
    inequality = model_inequality(
        people["p"], people["y"], subgroups=people["ward"],
        compare=("a", 'b "quoted" | \\ é'), threshold=40.0, bounds=(0.0, 100.0),
        scale="rank",
    )  # fmt: skip
    return found.with_findings(
        remedy="Rows of the south were counted twice.",
        change=replace(change, levelling_down=(harmed,)),
        allocation=[inequality],
        notes=["One \u2028 note.", "Two."],
    )


def _assert_same(one, other):
    """Compare everything, types and NaN included."""
    assert type(one) is type(other)
    if hasattr(one, "__dataclass_fields__"):
        for field in fields(one):
            _assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            _assert_same(*pair)
    else:
        assert one == other or (one != one and other != other)


def test_everything_comes_back_the_same(result):
    again = AuditResult.from_json(result.to_json(suppress_below=None))
    _assert_same(again, result)
    assert again.fidelity.subgroup[3] < again.fidelity.subgroup[4]  # bands are in order
    team = inequality_index(result.fidelity, grouping="team")
    assert inequality_index(again.fidelity, grouping="team").p_value == team.p_value


def test_results_are_equal_if_they_hold_the_same_and_only_then(result):
    again = AuditResult.from_json(result.to_json(suppress_below=None))
    assert again == result
    assert hash(again) == hash(result)
    assert np.isnan(result.fidelity.std_error).any()  # what is not known agrees
    assert result != result.with_findings(notes=["one more"])
    estimate = result.fidelity.estimate.copy()
    estimate[0] = np.nextafter(estimate[0], 1)
    table = replace(result.fidelity, estimate=estimate)
    assert result != replace(result, fidelity=table)
    assert result != replace(result, change=None)
    assert result != "text"


@pytest.mark.slow
def test_what_is_suppressed_comes_back_suppressed(result):
    text = result.to_json()
    again = AuditResult.from_json(text)
    _assert_same(again, result.suppress())
    assert again.to_json() == text
    assert again.suppressed_below == 10
    assert again.fidelity.n.min() == -1
    assert str(again) == str(result)


def test_it_is_json_as_the_standard_has_it(result):
    found = replace(
        result, fidelity=replace(result.fidelity, best=-np.inf, shuffles=None)
    )
    text = found.to_json(suppress_below=None)

    def refuse(word):
        raise AssertionError(word)

    json.loads(text, parse_constant=refuse)
    assert text.isascii()
    assert AuditResult.from_json(text.encode()).fidelity.best == -np.inf


def test_labels_of_other_kinds_become_text():
    day = pd.Timestamp("2024-02-29")
    people = pd.DataFrame({"y": np.arange(80.0), "p": np.arange(80.0) + 1})
    people["day"] = [day] * 40 + [day + pd.Timedelta(days=1)] * 40
    found = audit_frame(people, y_true="y", y_pred="p", subgroups="day", n_resamples=50)
    again = AuditResult.from_json(found.to_json())
    assert again.fidelity.subgroup == tuple(map(str, found.fidelity.subgroup))


# ---- damage and ill will ---------------------------------------------------------
def _changed(result, *path, to):
    value = json.loads(result.to_json(suppress_below=None))
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    if to is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return json.dumps(value)


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (
            ["schema"],
            "other",
            r"`schema` must be 'sklearn_equity.AuditResult'.*'other'",
        ),
        (["version"], 2, r"`version` must be 1, the only one .* reads; got 2"),
        (["model"], ..., "must have the fields .*no model"),
        (["extra"], 1, r"and no others; got \['extra'\]"),
        (["model"], ["x"], r"`model` must be text; got \['x'\]"),
        (["notes"], "text", "`notes` must be a list; got 'text'"),
        (["fidelity"], [], r"`fidelity` must be an object; got \[\]"),
        (["fidelity", "n", 0], -4, r"`fidelity.n\[0\]` must be a count from 0"),
        (["fidelity", "n", 0], 2**70, r"`fidelity.n\[0\]` must be a count from 0"),
        (["fidelity", "n", 0], 1.5, r"`fidelity.n\[0\]` must be a whole number"),
        (["fidelity", "n", 0], True, r"`fidelity.n\[0\]` must be a whole number"),
        (
            ["fidelity", "n"],
            [1],
            r"`fidelity.n` must have as many rows .* \(\d+\); got 1",
        ),
        (
            ["fidelity", "estimate", 1],
            "0.3",
            r"`fidelity.estimate\[1\]` must be a number",
        ),
        (["fidelity", "estimate", 1], 10**400, "be no larger than a number can be"),
        (["fidelity", "judged", 1], 1, r"`fidelity.judged\[1\]` must be true or false"),
        (["fidelity", "verdict", 0], "fine", r"\[0\]` must be one of 'under-served', "),
        (
            ["fidelity", "subgroup", 0],
            None,
            r"`fidelity.subgroup\[0\]` must be a label",
        ),
        (["fidelity", "subgroup", 0], {"x": 1}, "must be a label: text, a number"),
        (["fidelity", "subgroup", 0], "few", "must name each subgroup once"),
        (["fidelity", "subgroup", 0], [[[[[[[[[["x"]]]]]]]]]], "must be a label"),
        (
            ["fidelity", "shuffles", "estimate", 0],
            [1.0],
            "must have rows of one length",
        ),
        (["fidelity", "overall", "n"], ..., "`fidelity.overall` must have the fields"),
        (["change", "verdict", 0], "served", r"`change.verdict\[0\]` must be one of"),
        (["allocation", 0, "kind"], "x", r"`allocation\[0\].kind` must be one of"),
        (["spreads", 0, "gini"], {}, r"`spreads\[0\].gini` must be a number"),
        (["relations", 0, "left", 0], ["a"], "must be a grouping and a label"),
    ],
)
def test_a_damaged_field_is_named(result, path, to, message):
    with pytest.raises(ValueError, match=message):
        AuditResult.from_json(_changed(result, *path, to=to))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "1e999",
        '{"schema": "a", "schema": "b"}',
        '{"schema": NaN}',
        "[" * 200_000,
        '{"a":' * 100_000,
        "9" * 5000,
        "\x00",
        b"\xff\xfe\xff",
    ],
)
def test_what_is_no_audit_is_refused_in_words(text):
    with pytest.raises(ValueError, match="The audit can't be read: ") as refusal:
        AuditResult.from_json(text)
    assert len(str(refusal.value)) < 300


def test_every_cut_of_the_text_is_refused(result):
    text = result.to_json()
    for end in range(0, len(text) - 1, 97):
        with pytest.raises(ValueError, match="The audit can't be read"):
            AuditResult.from_json(text[:end])


def test_something_else_than_text_is_a_type_error():
    with pytest.raises(TypeError, match="must be JSON text; got dict"):
        AuditResult.from_json({})
