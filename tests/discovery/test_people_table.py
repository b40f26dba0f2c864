import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_equity.discovery._people_table import UNSEEN, PeopleTable

PEOPLE = {
    "age": [20.0, None, 61.0],
    "sex": ["male", "female", None],
    "smoker": [True, False, True],
    "n_children": [0, 2, 1],
}
EXPECTED = [[20, 1, 1, 0], [np.nan, 0, 0, 2], [61, np.nan, 1, 1]]


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_frames_are_read_as_numbers_with_gaps(library):
    people = library.DataFrame(PEOPLE)
    table = PeopleTable.learn(people)
    assert table.names == ("age", "sex", "smoker", "n_children")
    assert table.levels == (None, ("female", "male"), (False, True), None)
    np.testing.assert_array_equal(table.read(people), EXPECTED)
    assert table.label(1, 1.0) == "male"


def test_columns_named_by_numbers_are_columns_and_not_rows():
    people = pd.DataFrame([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])
    table = PeopleTable.learn(people)
    assert table.names == ("0", "1")
    np.testing.assert_array_equal(table.read(people), people)


def test_an_array_of_numbers_is_read_as_it_is():
    X = np.array([[1.0, np.nan], [2.0, 3.0]])
    X.setflags(write=False)
    table = PeopleTable.learn(X)
    assert table.names == ("x0", "x1")
    np.testing.assert_array_equal(table.read(X), X)


@pytest.mark.parametrize("as_array", [False, True])
def test_text_beside_numbers_makes_labels_of_its_own_column_alone(as_array):
    rows = [[1.5, "b"], [2.5, "a"]]
    table = PeopleTable.learn(np.array(rows, dtype=object) if as_array else rows)
    assert table.levels == (None, ("a", "b"))
    assert table.read(rows).tolist() == [[1.5, 1], [2.5, 0]]


def test_columns_may_be_named_by_whole_numbers():
    people = pd.DataFrame([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    table = PeopleTable.learn(people)
    np.testing.assert_array_equal(table.read(people), people.to_numpy())


def test_a_label_never_seen_is_no_gap():
    table = PeopleTable.learn(pd.DataFrame({"ward": ["a", "b"]}))
    later = pd.DataFrame({"ward": ["b", "c", None]})
    np.testing.assert_array_equal(table.read(later), [[1], [UNSEEN], [np.nan]])
    as_gaps = table.read(later, unseen=np.nan)
    np.testing.assert_array_equal(as_gaps, [[1], [np.nan], [np.nan]])


def test_a_column_without_values_says_nothing():
    table = PeopleTable.learn(pd.DataFrame({"a": [np.nan] * 2, "b": [None] * 2}))
    assert table.levels[1] == ()
    later = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None]})
    np.testing.assert_array_equal(table.read(later), [[1, UNSEEN], [np.nan, np.nan]])


def test_a_categorical_keeps_its_order():
    ward = pd.Categorical(["low", "high"], categories=["low", "high"], ordered=True)
    table = PeopleTable.learn(pd.DataFrame({"ward": ward}))
    assert table.levels == (("low", "high"),)


@pytest.mark.parametrize(
    ("X", "text"),
    [
        (pd.DataFrame({"a": [np.inf, 1.0]}), r"`X\['a'\]` must be finite"),
        (
            pd.DataFrame({"id": [f"p{i}" for i in range(51)]}),
            r"`X\['id'\]` must hold at most 50 different labels; got 51",
        ),
        (pd.DataFrame(), "at least one row and one column"),
        (np.array([1.0, 2.0]), "Reshape your data"),
        (np.array([[np.inf]]), "infinity"),
    ],
    ids=["infinite", "identifier", "no columns", "flat", "inf array"],
)
def test_what_can_not_be_read_is_refused_by_name(X, text):
    with pytest.raises(ValueError, match=text):
        PeopleTable.learn(X)


def test_other_columns_are_refused_by_name():
    table = PeopleTable.learn(pd.DataFrame({"age": [1.0], "bmi": [2.0]}))
    with pytest.raises(ValueError, match="must have the columns 'age', 'bmi', in"):
        table.read(pd.DataFrame({"bmi": [1.0], "age": [2.0]}))
    with pytest.raises(ValueError, match="got 'x0'"):
        table.read([[1.0]])


def test_a_number_is_refused_where_a_label_is_asked():
    table = PeopleTable.learn([[1.0], [2.0]])
    with pytest.raises(ValueError, match="'x0' holds numbers"):
        table.label(0, 1.0)
