"""Bands of a number: edges, labels, order."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_equity._checks import check_subgroups
from sklearn_equity.fidelity import QuantileBands

finite = st.floats(-1e6, 1e6)
some_values = arrays(np.float64, st.integers(1, 60), elements=finite)


@given(values=some_values, n_bands=st.integers(2, 8))
def test_bands_are_in_the_order_of_their_values(values, n_bands):
    bands = QuantileBands(n_bands).fit(values)
    labels = bands.label(np.sort(values))
    assert list(labels) == sorted(labels)
    assert set(labels) == set(bands.labels_)


@given(values=some_values, n_bands=st.integers(2, 8))
def test_no_two_bands_read_alike(values, n_bands):
    texts = [str(label) for label in QuantileBands(n_bands).fit(values).labels_]
    assert len(set(texts)) == len(texts) <= n_bands


def test_distinct_values_fall_into_bands_of_equal_size():
    values = np.random.default_rng(0).permutation(np.linspace(0, 1, 400))
    labels = QuantileBands(4).fit(values).label(values)
    assert [np.sum(labels == text) for text in sorted(set(labels))] == [100] * 4


def test_whole_numbers_read_without_overlap():
    ages = np.arange(20, 80)
    bands = QuantileBands(4).fit(ages)
    assert bands.labels_ == ("20 to 34", "35 to 49", "50 to 64", "65 to 79")
    assert list(bands.label([34, 35])) == ["20 to 34", "35 to 49"]


def test_other_numbers_read_with_three_digits_of_their_span():
    bands = QuantileBands(2).fit([18.51, 22.04, 24.96, 31.23])
    assert bands.labels_ == ("18.5 to 25.0", "25.0 to 31.2")


def test_numbers_far_from_zero_or_tiny_can_be_told_apart():
    far = QuantileBands(2).fit([1000.001, 1000.002, 1000.003, 1000.004])
    assert far.labels_ == ("1000.00100 to 1000.00300", "1000.00300 to 1000.00400")
    tiny = QuantileBands(2).fit([1e-9, 2e-9, 3e-9, 4e-9])
    assert tiny.labels_ == ("1e-09 to 3e-09", "3e-09 to 4e-09")


def test_order_survives_numbers_of_different_length_and_a_data_frame():
    values = np.r_[np.arange(20, 60), np.arange(100, 140)]
    labels = QuantileBands(2).fit(values).label(values)
    assert sorted(map(str, set(labels))) == ["100 to 139", "20 to 99"]  # as plain text
    frame = pd.DataFrame({"age": labels})
    for subgroups in (labels, list(labels), frame["age"], frame):
        codes = check_subgroups(subgroups, n_rows=len(values))
        assert codes.labels == ("20 to 99", "100 to 139")


def test_many_equal_values_merge_bands():
    bands = QuantileBands(4).fit([0, 0, 0, 0, 0, 0, 0, 3])
    assert bands.labels_ == ("0 to 2", "3")
    assert QuantileBands(4).fit([5, 5]).labels_ == ("5",)


def test_values_beyond_go_to_the_end_bands_and_nan_has_no_label():
    bands = QuantileBands(2).fit([1, 2, 3, 4])
    assert list(bands.label([-50, 99, np.nan])) == ["1 to 2", "3 to 4", None]


@pytest.mark.parametrize(
    ("n_bands", "error", "message"),
    [
        (1, ValueError, "`n_bands` must be at least 2; got 1"),
        (2.5, TypeError, r"`n_bands` must be an integer; got 2\.5"),
    ],
)
def test_refused_numbers_of_bands(n_bands, error, message):
    with pytest.raises(error, match=message):
        QuantileBands(n_bands)


def test_refused_values():
    with pytest.raises(ValueError, match="`values` must hold at least one number; all"):
        QuantileBands().fit([np.nan])
    with pytest.raises(
        ValueError, match="`values` must hold numbers; got text in 1 of 2"
    ):
        QuantileBands().fit([1, "two"])
