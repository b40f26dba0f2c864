"""Attributes and their combinations: which subgroups a depth makes."""

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_equity.fidelity._groupings import check_groupings


def attributes(n_rows=400):
    rng = np.random.default_rng(20260501)
    return {
        "sex": rng.choice(["f", "m"], n_rows),
        "ward": rng.choice([*"ensw"], n_rows),
        "smoker": rng.choice([0, 1], n_rows),
    }


def grouped(subgroups, max_depth, **options):
    options = {"n_rows": 400, "missing": "raise", **options}
    return check_groupings(subgroups, max_depth=max_depth, **options)


@pytest.mark.parametrize("max_depth", [1, 2, 3, 9])
def test_a_depth_makes_every_combination_of_up_to_as_many(max_depth):
    groupings = grouped(attributes(), max_depth)
    expected = [
        " & ".join(names)
        for depth in range(1, min(max_depth, 3) + 1)
        for names in combinations(["sex", "ward", "smoker"], depth)
    ]
    assert list(groupings) == expected


def test_only_combinations_that_occur_are_subgroups():
    columns = attributes()
    columns["ward"] = np.where(columns["sex"] == "m", "e", columns["ward"])
    pair = grouped(columns, 2)["sex & ward"]
    assert pair.labels == (("f", "e"), ("f", "n"), ("f", "s"), ("f", "w"), ("m", "e"))
    assert (pair.counts() > 0).all()
    row = pair.labels[pair.codes[7]]
    assert row == (columns["sex"][7], columns["ward"][7])


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_frame_are_attributes(library):
    groupings = grouped(library(attributes()), 2)
    assert list(groupings)[:4] == ["sex", "ward", "smoker", "sex & ward"]
    array = np.column_stack([attributes()["sex"], attributes()["ward"]])
    assert list(grouped(array, 2)) == ["0", "1", "0 & 1"]


def test_without_a_depth_columns_are_one_grouping_and_a_mapping_is_several():
    frame = pd.DataFrame(attributes())[["sex", "ward"]]
    assert list(grouped(frame, None)) == ["sex & ward"]
    assert list(grouped(dict(frame), None)) == ["sex", "ward"]


def test_a_row_without_a_label_is_in_no_combination():
    columns = {name: values.astype(object) for name, values in attributes().items()}
    columns["sex"][:5] = None
    pair = grouped(columns, 2, missing="drop")["sex & ward"]
    assert (pair.codes[:5] == -1).all()
    assert (pair.codes[5:] >= 0).all()


@pytest.mark.parametrize("max_depth", [0, -1, 1.5, True, "two"])
def test_refused_depths(max_depth):
    with pytest.raises(
        ValueError, match="`max_depth` must be a whole number of at least 1"
    ):
        grouped(attributes(), max_depth)


def test_labels_without_attributes_are_refused():
    with pytest.raises(TypeError, match="`max_depth` needs `subgroups` with several"):
        grouped([*"ab"] * 200, 2)
