"""Whom does an audit look at: every way of saying so, and every refusal."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_equity.report import resolve_groupings

PEOPLE = {
    "sex": ["F", "M", "F", "M"],
    "ward": ["a", "a", "b", "b"],
    "age": [20, 30, 40, 50],
}


@pytest.fixture(params=[pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def frame(request):
    return request.param(PEOPLE)


def _resolve(subgroups, table, **options):
    return resolve_groupings(
        subgroups, table, n_rows=4, **({"missing": "raise"} | options)
    )


def test_a_column_an_intersection_and_bands(frame):
    found = _resolve(["sex", ("sex", "ward"), ("age", 2)], frame)
    assert list(found) == ["sex", "sex & ward", "age in 2 bands"]
    assert list(found["sex"]) == PEOPLE["sex"]
    assert found["sex & ward"].shape == (4, 2)
    bands = [str(band) for band in found["age in 2 bands"]]
    assert bands[0] == bands[1] != bands[2] == bands[3]


def test_bands_are_combined_with_columns_and_with_bands(frame):
    subgroups = [("sex", ("age", 2)), (("age", 2), "ward", "sex"), (("age", 2),) * 2]
    found = _resolve(subgroups, frame)
    assert list(found) == [
        "sex & age in 2 bands",
        "age in 2 bands & ward & sex",
        "age in 2 bands & age in 2 bands",
    ]
    rows = [tuple(map(str, row)) for row in found["sex & age in 2 bands"]]
    younger, older = "20 to 39", "40 to 50"
    assert rows == [("F", younger), ("M", younger), ("F", older), ("M", older)]


def test_gaps_in_a_band_of_an_intersection_are_missing_labels(frame):
    gaps = type(frame)({"sex": ["F", "M"] * 2, "age": [20.0, None, 40.0, 50.0]})
    with pytest.raises(ValueError, match=r"missing labels; got 1 of 4"):
        _resolve(("sex", ("age", 2)), gaps)
    found = _resolve({"both": ("sex", ("age", 2))}, gaps, missing="group")
    assert found["both"][1].tolist() == ["M", None]


@pytest.mark.parametrize("subgroups", ["sex", ["sex"]])
def test_one_name_is_one_grouping(subgroups, frame):
    assert list(_resolve(subgroups, frame)) == ["sex"]


def test_a_mapping_gives_labels_or_columns_by_the_name_to_show(frame):
    labels = np.array([0, 0, 1, 1])
    found = _resolve({"segment": labels, "gender": "sex"}, frame)
    assert list(found) == ["segment", "gender"]
    assert list(found["gender"]) == PEOPLE["sex"]


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (["x", "y", "x", "y"], "subgroups"),
        (pd.Series([1, 1, 2, 2], name="cohort"), "cohort"),
        (pl.Series("cohort", [1, 1, 2, 2]), "cohort"),
    ],
)
def test_labels_themselves_are_one_grouping(labels, name, frame):
    assert list(_resolve(labels, frame)) == [name]


def test_nothing_is_no_grouping(frame):
    assert _resolve(None, frame) == {}


@pytest.mark.parametrize(
    ("subgroups", "error", "message"),
    [
        ("city", ValueError, r"no column of the table: \['city'\]. It has \['sex'"),
        (["sex", "city"], ValueError, r"no column of the table: \['city'\]"),
        ({"w": ["a", "b"]}, ValueError, r"one label per row of `y_true` \(4\); got 2"),
        ({"w": ["a"] * 4}, ValueError, r"subgroups\['w'\].* at least 2 .*; got 1"),
        (("sex", 2), ValueError, "`subgroups .'sex'.` must hold numbers; got text"),
        (("sex", ("city", 2)), ValueError, r"no column of the table: \['city'\]"),
    ],
)
def test_refusals(subgroups, error, message, frame):
    with pytest.raises(error, match=message):
        _resolve(subgroups, frame)


def test_a_number_taken_for_a_label_is_refused_with_the_fix():
    table = pd.DataFrame({"income": np.arange(500.0)})
    with pytest.raises(
        ValueError, match=r"a number with 500 values. .*\('income', 4\)"
    ):
        resolve_groupings("income", table, n_rows=500, missing="raise")


def test_an_identifier_taken_for_a_label_is_refused():
    table = pd.DataFrame({"person": [f"person {i}" for i in range(500)]})
    with pytest.raises(ValueError, match="at most 200 different labels; got 500"):
        resolve_groupings("person", table, n_rows=500, missing="raise")


def test_columns_of_a_bare_array_are_refused():
    with pytest.raises(TypeError, match="without column names"):
        _resolve("sex", np.zeros((4, 2)))
