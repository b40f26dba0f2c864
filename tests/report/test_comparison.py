"""Who got worse from one audit to the next, and who is said to have, by mistake?"""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose

from sklearn_equity import AuditComparison, audit_frame

SETTINGS = {"y_true": "y", "n_resamples": 50, "random_state": 0, "metric": "rmse"}


@pytest.fixture
def people():
    rng = np.random.default_rng(1066)
    people = pd.DataFrame({"y": rng.normal(50, 5, 900)})
    people["ward"] = np.repeat(["east", "north", "south", "tiny"], [300, 300, 294, 6])
    south, east = people["ward"] == "south", people["ward"] == "east"
    people["old"] = people["y"] + rng.normal(0, 2, 900)
    scale = np.select([south, east], [2.0, 0.5], 1.0)
    people["new"] = people["y"] + scale * rng.normal(0, 2, 900)
    return people


@pytest.fixture
def audits(people):
    return [
        audit_frame(people, y_pred=p, subgroups="ward", **SETTINGS)
        for p in ("old", "new")
    ]


def test_the_change_is_that_of_the_figures(people, audits):
    old, new = audits
    found = old.compare(new)
    assert isinstance(found, AuditComparison)
    assert found.subgroup == ("everybody", "east", "north", "south", "tiny")
    rmse = {
        p: [np.sqrt(((people[p] - people["y"]) ** 2).mean())]
        + [np.sqrt(((g[p] - g["y"]) ** 2).mean()) for _, g in people.groupby("ward")]
        for p in ("old", "new")
    }
    assert_allclose(found.change, np.array(rmse["new"]) - rmse["old"])
    errors = [
        np.append(audit.fidelity.overall.std_error, audit.fidelity.std_error)
        for audit in audits
    ]
    assert_allclose(found.std_error, np.sqrt(errors[0] ** 2 + errors[1] ** 2))


def test_who_got_worse_is_named_and_who_got_better(audits):
    found = audits[0].compare(audits[1])
    assert found.who_got_worse()["subgroup"].to_list()[0] == "south"
    assert dict(zip(found.subgroup, found.verdict, strict=True)) | {
        "everybody": ""
    } == {
        "everybody": "",
        "east": "better",
        "north": "no change shown",
        "south": "worse",
        "tiny": "insufficient evidence",
    }
    assert "ward = south" in found.sentences()[0]
    assert "ward = east" in found.sentences()[1]


def test_levelling_down_is_named_where_only_the_better_served_lost(people, audits):
    assert audits[0].compare(audits[1]).levelling_down == ()  # the worst got worse
    error = people["old"] - people["y"]
    noisy = people["ward"] == "north"
    people["first"] = people["y"] + np.where(noisy, 4.0, 1.0) * error
    people["second"] = people["y"] + np.where(noisy, 4.0, 2.0) * error
    first, second = (
        audit_frame(people, y_pred=p, subgroups="ward", **SETTINGS)
        for p in ("first", "second")
    )
    found = first.compare(second)
    (named,) = found.levelling_down
    assert named.harmed == ("east", "south")
    assert named.share == pytest.approx(1.0)
    for shown in (str(found), found.to_markdown()):
        assert shown.count("Levelling down of ward: the gap narrowed from") == 1


def test_the_other_way_round_is_the_opposite(audits):
    one, other = audits[0].compare(audits[1]), audits[1].compare(audits[0])
    swapped = {"worse": "better", "better": "worse"}
    assert other.verdict == tuple(swapped.get(v, v) for v in one.verdict)
    assert_allclose(other.change, -one.change)


def test_nobody_got_worse_compared_with_oneself(audits):
    found = audits[0].compare(audits[0])
    assert len(found.who_got_worse()) == 0
    assert "nobody" in found.sentences()[0]


def test_higher_is_better_turns_the_verdict(people):
    options = SETTINGS | {"metric": "r2"}
    old, new = (
        audit_frame(people, y_pred=p, subgroups="ward", **options)
        for p in ("old", "new")
    )
    found = old.compare(new)
    assert found.verdict[3] == "worse"
    assert found.change[3] < 0


def test_frames_are_of_the_library_that_is_set(audits):
    found = audits[0].compare(audits[1])
    assert isinstance(found.to_frame(), pd.DataFrame)
    with sklearn.config_context(transform_output="polars"):
        assert isinstance(found.who_got_worse(), pl.DataFrame)
        frames = audits[0].to_frames()
    assert isinstance(frames["fidelity"], pl.DataFrame)
    assert list(audits[0].to_frames()) == ["fidelity", "inequality"]


def test_small_counts_are_withheld_from_what_is_shown(audits):
    found = audits[0].compare(audits[1])
    assert found.to_frame()["n_before"].tolist()[-1] == 6
    assert found.suppress().n_before.tolist() == [900, 300, 300, -1, -1]
    for shown in (str(found), found.to_markdown()):
        assert "withheld" in shown
        assert "294" not in shown
    assert "294" in found.to_markdown(suppress_below=None)
    assert found._repr_html_().startswith("<iframe")


def test_subgroups_in_one_audit_alone_are_named(people, audits):
    fewer = people[people["ward"] != "north"]
    other = audit_frame(fewer, y_pred="new", subgroups="ward", **SETTINGS)
    found = audits[0].compare(other)
    assert found.only_before == (("ward", "north"),)
    assert found.sentences()[2] == "In the first audit alone: ward = north."


def test_what_cannot_be_compared_is_refused(people, audits):
    other = audit_frame(people, y_pred="new", subgroups="ward",
                        **SETTINGS | {"metric": "mae"})  # fmt: skip
    with pytest.raises(ValueError, match=r"the metric of this audit \('RMSE'\).*'MAE'"):
        audits[0].compare(other)
    renamed = people.rename(columns={"ward": "place"})
    elsewhere = audit_frame(renamed, y_pred="new", subgroups="place", **SETTINGS)
    with pytest.raises(ValueError, match="must share a subgroup"):
        audits[0].compare(elsewhere)
    with pytest.raises(TypeError, match="must be an AuditResult; got str"):
        audits[0].compare("old")


@pytest.mark.slow
def test_equal_models_are_seldom_told_apart():
    """At most 5% of comparisons of models that serve all alike name anybody.

    Of 600 it was 5.3%; three standard errors are allowed to those drawn here.
    """
    named = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        parts = []
        for _ in range(2):
            people = pd.DataFrame({"y": rng.normal(50, 5, 600)})
            people["p"] = people["y"] + rng.normal(0, 2, 600)
            people["ward"] = np.resize([*"abcdef"], 600)
            parts.append(audit_frame(people, y_pred="p", subgroups="ward", **SETTINGS))
        verdicts = parts[0].compare(parts[1]).verdict
        named += "worse" in verdicts or "better" in verdicts
    assert named <= 300 * 0.05 + 3 * np.sqrt(300 * 0.05 * 0.95)
