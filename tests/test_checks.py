"""What a person hands in is made clean, or refused in words that end the search."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from sklearn_equity._checks import (
    MISSING_LABEL,
    check_same_order,
    check_subgroups,
    take_columns,
)
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import (
    check_confidence_level,
    check_numbers,
    check_sample_weight,
)

# ---- numbers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([[1], [2], [3]]),
        np.array([1, 2, 3], dtype=object),
        pd.Series([1, 2, 3], dtype="Int64"),
        pl.Series([1, 2, 3]),
    ],
    ids=["list", "tuple", "column", "object", "pandas", "polars"],
)
def test_numbers_of_any_container_become_one_vector(values):
    numbers = check_numbers(values, name="y_true")
    assert numbers.dtype == np.float64
    assert_array_equal(numbers, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [1.0, "high"],
            "`y` must hold numbers; got text in 1 of 2 rows, such as 'high'",
        ),
        (np.array(["5.1", "low"]), "got text in 1 of 2 rows, such as 'low' in row 1"),
        (np.array(["5.1", "6"]), "got text in 2 of 2 rows, such as '5.1' in row 0"),
        (np.array(["low"]), "`y` must hold numbers; got text in 1 of 1 rows"),
        ([1.0, np.nan], "`y` must not hold missing values; got NaN in 1 of 2 rows"),
        (pd.Series([1, None], dtype="Int64"), "`y` must not hold missing values"),
        ([1.0, None], "`y` must not hold missing values; got NaN in 1 of 2 rows"),
        ([1.0, -np.inf], "`y` must be finite; got infinity in 1 of 2 rows"),
        ([[1.0, 2.0]], r"`y` must be one-dimensional; got shape \(1, 2\)"),
        ([1j], "`y` must hold real numbers; got complex"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "`y` must hold numbers; got dates"),
        ([object()], "`y` must hold numbers"),
        ([], "`y` must have at least one row"),
    ],
)
def test_numbers_are_refused_in_words(values, message):
    with pytest.raises(ValueError, match=message):
        check_numbers(values, name="y")


def test_a_wrong_length_names_both_arguments():
    with pytest.raises(
        ValueError,
        match=r"`y_pred` must have one value per row of `y_true` \(3\); got 2",
    ):
        check_numbers([1, 2], name="y_pred", n_rows=3)


def test_confidence_level_is_a_share():
    assert check_confidence_level(0.9) == 0.9
    with pytest.raises(
        ValueError, match="`confidence_level` must lie strictly between"
    ):
        check_confidence_level(95)


def test_no_weights_stay_none():
    assert check_sample_weight(None, n_rows=3) is None


# ---- subgroup labels -------------------------------------------------------------
CONTAINERS = {
    "list": list,
    "array": np.array,
    "object array": lambda labels: np.array(labels, dtype=object),
    "pandas": lambda labels: pd.Series(labels),
    "categorical": lambda labels: pd.Series(labels, dtype="category"),
    "polars": lambda labels: pl.Series(labels),
    "polars categorical": lambda labels: pl.Series(labels, dtype=pl.Categorical),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_text_labels_of_any_container(make):
    found = check_subgroups(make(["b", "a", "b", "c"]), n_rows=4)
    assert found.labels == ("a", "b", "c")
    assert_array_equal(found.codes, [1, 0, 1, 2])
    assert_array_equal(found.counts(), [1, 2, 1])


@pytest.mark.parametrize(
    "labels", [[3, 1, 3], np.array([3, 1, 3]), pd.Series([3, 1, 3]), [3.0, 1.0, 3.0]]
)
def test_numeric_labels_are_sorted_as_numbers(labels):
    found = check_subgroups(labels, n_rows=3)
    assert found.labels == (1, 3)
    assert_array_equal(found.codes, [1, 0, 1])


def test_categories_keep_their_order_and_empty_ones_vanish():
    stages = pd.Categorical(
        ["II", "I", "II"], categories=["I", "0", "II"], ordered=True
    )
    assert check_subgroups(pd.Series(stages), n_rows=3).labels == ("I", "II")


def test_labels_of_mixed_types_are_kept_apart():
    found = check_subgroups(["1", 1, "1", True], n_rows=4)
    assert found.labels == (1, "1")  # True equals 1, as in every Python dictionary


def test_intersections_are_the_combinations_that_occur():
    frame = pd.DataFrame({"sex": ["F", "F", "M"], "smoker": [1, 1, 0]})
    found = check_subgroups(frame, n_rows=3)
    assert found.labels == (("F", 1), ("M", 0))
    assert found.name == "sex & smoker"
    assert_array_equal(found.codes, [0, 0, 1])
    assert format_label(found.labels[0]) == "F & 1"


@pytest.mark.parametrize(
    "labels",
    [
        ["a", None, "b"],
        ["a", np.nan, "b"],
        pd.Series(["a", pd.NA, "b"], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
        pl.Series(["a", None, "b"]),
    ],
    ids=["None", "NaN", "pandas NA", "categorical", "polars null"],
)
def test_missing_labels_follow_the_policy(labels):
    with pytest.raises(ValueError, match="must not have missing labels; got 1 of 3"):
        check_subgroups(labels, n_rows=3)
    grouped = check_subgroups(labels, n_rows=3, missing="group")
    assert grouped.labels == ("a", "b", MISSING_LABEL)
    assert_array_equal(grouped.codes, [0, 2, 1])
    dropped = check_subgroups(labels, n_rows=3, missing="drop")
    assert_array_equal(dropped.codes, [0, -1, 1])
    assert_array_equal(dropped.counts(), [1, 1])


def test_a_row_missing_in_one_attribute_is_dropped_from_the_intersection():
    frame = pd.DataFrame({"sex": ["F", None, "M"], "ward": [1, 1, 2]})
    dropped = check_subgroups(frame, n_rows=3, missing="drop")
    assert_array_equal(dropped.codes, [0, -1, 1])


@pytest.mark.parametrize(
    ("labels", "options", "error", "message"),
    [
        (
            ["a"],
            {},
            ValueError,
            r"must have one label per row of `y_true` \(2\); got 1",
        ),
        ("ab", {}, TypeError, "must be an array of labels, one a row; got 'ab'"),
        (None, {}, TypeError, "must be an array of labels, one a row; got None"),
        ([{}, {}], {}, TypeError, "must hold hashable labels"),
        (
            ["a", "a"],
            {"min_subgroups": 2},
            ValueError,
            "must hold at least 2 different labels; got 1",
        ),
        (
            ["a", "b"],
            {"max_subgroups": 1},
            ValueError,
            r"at most 1 different labels; got 2.*Cut a number into bands",
        ),
        (np.zeros((2, 1, 1)), {}, ValueError, r"got shape \(2, 1, 1\)"),
    ],
)
def test_labels_are_refused_in_words(labels, options, error, message):
    with pytest.raises(error, match=message):
        check_subgroups(labels, n_rows=2, **options)


def test_whole_numbers_read_as_floats_are_written_whole():
    assert format_label((1.0, "F", 2.5)) == "1 & F & 2.5"


def test_an_error_names_the_column():
    labels = pd.Series(["a", None], name="ward")
    with pytest.raises(
        ValueError, match=r"`subgroups` \('ward'\) must not have missing"
    ):
        check_subgroups(labels, n_rows=2)


# ---- columns ---------------------------------------------------------------------
def test_absent_columns_are_listed_with_those_that_exist():
    frame = pd.DataFrame({"age": [1], "sex": ["F"]})
    with pytest.raises(ValueError, match=r"\['race'\]. It has \['age', 'sex'\]"):
        take_columns(frame, ["race", "sex"], name="subgroups")


def test_columns_of_a_bare_array_are_refused():
    with pytest.raises(TypeError, match="the table is a ndarray without column names"):
        take_columns(np.zeros((2, 2)), ["age"], name="subgroups")


@pytest.mark.parametrize("shift", [0, -7, 10**15, 2**63 - 12])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integer_labels_against_numpy_unique(shift, dtype):
    values = np.random.default_rng(3).integers(0, 11, 400)
    labels = (values + max(shift, 0) if dtype is np.uint64 else values + shift).astype(
        dtype
    )
    distinct, expected = np.unique(labels, return_inverse=True)
    found = check_subgroups(labels, n_rows=400)
    assert (found.codes == expected).all()
    assert found.labels == tuple(distinct.tolist())


@pytest.mark.parametrize("last", [2, 4])
def test_a_number_that_comes_late_or_never_is_told(last):
    labels = np.resize([0, 1, 3], 50_000)
    labels[-1] = last
    found = check_subgroups(labels, n_rows=50_000)
    assert found.labels == tuple(sorted([0, 1, 3, last]))
    expected = [(labels == label).sum() for label in found.labels]
    assert found.counts().tolist() == expected
    assert np.array_equal(np.array(found.labels)[found.codes], labels)


@pytest.mark.parametrize("dtype", ["str", "object", "category", "string"])
def test_pandas_labels_are_coded_like_a_list_of_them(dtype):
    items = np.array(["b", "a", None, "c"], dtype=object)[
        np.random.default_rng(5).integers(0, 4, 200)
    ]
    as_list = check_subgroups(list(items), n_rows=200, missing="group")
    as_series = check_subgroups(
        pd.Series(items, dtype=dtype), n_rows=200, missing="group"
    )
    assert (as_series.codes == as_list.codes).all()
    assert as_series.labels == as_list.labels


# ---------------------------------------------------------------------------------
# Whose row is whose
# ---------------------------------------------------------------------------------
def test_rows_in_another_order_are_refused_by_their_indexes():
    y = pd.Series([1.0, 2.0, 3.0], index=[7, 4, 9])
    check_same_order(y_true=y, subgroups=pd.Series(list("abc"), index=[7, 4, 9]))
    with pytest.raises(ValueError, match=r"`subgroups` and `y_true` have different"):
        check_same_order(y_true=y, subgroups=pd.Series(list("abc"), index=[4, 7, 9]))
    with pytest.raises(ValueError, match=r"`subgroups\['sex'\]` and `y_true`"):
        check_same_order(
            y_true=y, subgroups={"sex": pd.Series(list("abc"), index=[1, 2, 3])}
        )


def test_an_index_that_only_counts_rows_says_nothing():
    y = pd.Series([1.0, 2.0, 3.0], index=[7, 4, 9])
    check_same_order(y_true=y, y_pred=pd.Series([1.0, 2.0, 3.0]))
    check_same_order(y_true=y, y_pred=np.zeros(3), subgroups=pl.Series(list("abc")))
    counted = pd.Series([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="different indexes"):
        check_same_order(y_true=counted, subgroups=counted.loc[[2, 0, 1]])


def test_lengths_have_their_own_message():
    y = pd.Series([1.0, 2.0, 3.0], index=[7, 4, 9])
    check_same_order(y_true=y, subgroups=pd.Series(list("ab"), index=[7, 4]))
