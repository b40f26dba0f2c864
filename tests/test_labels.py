"""How are labels written beside one another: short, and never two alike?"""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_equity import LatentSpaceDisplay, audit_frame
from sklearn_equity._label_text import format_label, format_labels

SUM = 0.1 * 3  # 0.30000000000000004


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        ([0.1, 0.2, SUM], ["0.1", "0.2", "0.3"]),
        ([0.3, SUM], ["0.3", "0.30000000000000004"]),
        ([1 / 3, 2 / 3], ["0.333333", "0.666667"]),
        ([1 / 3, 1 / 3 + 1e-9, 0.5], ["0.333333333", "0.333333334", "0.5"]),
        ([12345678.5, 2.0, -0.25], ["12345678.5", "2", "-0.25"]),
        ([1e-7, 5e-324, np.inf], ["1e-07", "5e-324", "inf"]),
        (["0.3", SUM], ["0.3", "0.30000000000000004"]),
        (["1", 1, "a"], ["'1'", "1", "a"]),
        ([("f", SUM), ("m", SUM), ("f", 0.3)],
         ["f & 0.30000000000000004", "m & 0.3", "f & 0.3"]),
        (["north", "north"], ["north", "north"]),
        ([], []),
    ],
)  # fmt: skip
def test_by_hand(labels, texts):
    assert format_labels(labels) == texts


@given(st.lists(st.floats(allow_nan=False), unique=True, max_size=20))
def test_different_numbers_have_different_texts(numbers):
    texts = format_labels(numbers)
    assert len(set(texts)) == len(numbers)
    full = map(format_label, numbers)
    assert all(len(a) <= max(len(b), 9) for a, b in zip(texts, full, strict=True))


@given(st.lists(st.text(max_size=3) | st.integers(-3, 3), max_size=20))
def test_text_and_whole_numbers_are_written_apart(labels):
    texts = format_labels(labels)
    for text, label in zip(texts, labels, strict=True):
        assert all(
            other == label
            for same, other in zip(texts, labels, strict=True)
            if same == text
        )


def _audited():
    rng = np.random.default_rng(0)
    y_true = rng.normal(40, 5, 300)
    share = np.resize([0.1, 0.2, SUM], 300)
    y_pred = y_true + rng.normal(size=300) * np.where(share > 0.25, 9, 1)
    people = pl.DataFrame({"y": y_true, "p": y_pred, "share": share})
    return audit_frame(
        people, y_true="y", y_pred="p", subgroups="share", random_state=0
    )


def test_a_report_is_short_wherever_it_names_a_number():
    result = _audited()
    assert result.fidelity.subgroup[2] == SUM  # the label itself is what it was
    written = [
        *(repr(result.fidelity), str(result), result.to_markdown(), repr(result)),
        *(result._repr_html_(), "".join(result.fidelity.to_columns()["subgroup"])),
    ]
    for text in written:
        assert "0.3" in text
        assert str(SUM) not in text


def test_a_display_is_short_too():
    result = _audited()
    display = LatentSpaceDisplay(
        np.random.default_rng(1).normal(size=(300, 2)),
        segments=np.resize([0.1, 0.2, SUM], 300),
        table=result.fidelity,
        n_worst=1,
    ).plot()
    assert display.legend_.get_texts()[0].get_text().startswith("share = 0.3: ")
