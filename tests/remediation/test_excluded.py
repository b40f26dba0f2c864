"""Who is left out: shares by hand, intervals that hold, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sklearn_equity import excluded_who


def test_shares_by_hand():
    ward = np.repeat(["a", "b"], [60, 40])
    excluded = np.zeros(100, dtype=bool)
    excluded[[0, 1, 60, 61, 62, 63, 64, 65]] = True
    table = excluded_who(excluded, {"ward": ward})
    assert table.level == ("a", "b")
    assert_allclose(table.share_of_all, [0.6, 0.4])
    assert_allclose(table.share_of_excluded, [2 / 8, 6 / 8])
    assert_allclose(table.ratio, [2 / 8 / 0.6, 6 / 8 / 0.4])
    assert list(table.n_excluded) == [2, 6]


def test_columns_of_every_kind_become_groups():
    frame = pd.DataFrame(
        {
            "age": np.arange(200.0),
            "sex": ["f", "m"] * 100,
            "smokes": [True, False, False, False] * 50,
            "bmi": [np.nan, *range(199)],
            "identifier": [f"p{i}" for i in range(200)],
        }
    )
    table = excluded_who(frame["age"].to_numpy() >= 160, frame)
    groups = pd.Series(table.characteristic).value_counts()
    assert groups.to_dict() == {"age": 5, "bmi": 6, "sex": 2, "smokes": 2}
    assert table.left_out == ("identifier",)
    assert table.over_represented[0] == "age = 160 to 199"
    assert set(table.to_frame()["verdict"]) >= {"over-represented", "not shown"}


def test_prints_how_many_and_whom_first():
    ward = np.repeat(["north", "south"], 500)
    text = repr(excluded_who(np.arange(1000) >= 900, {"ward": ward}))
    assert text.splitlines()[:2] == [
        "No prediction for 100 of 1,000 people (10.0%).",
        "ward = south: 100% of the excluded, 50% of everybody.",
    ]


@pytest.mark.parametrize("excluded", [np.zeros(20, bool), np.ones(20, bool)])
def test_nobody_and_everybody_show_nothing(excluded):
    table = excluded_who(excluded, {"ward": ["a", "b"] * 10})
    assert set(table.verdict) == {"not shown"}
    assert np.isnan(table.ci_low).all()
    assert "nan" not in repr(table)


def test_a_group_of_everybody_is_neither():
    table = excluded_who(np.arange(50) < 10, {"site": ["one"] * 50})
    assert table.verdict == ("not shown",)
    assert_allclose([table.ratio[0], table.ci_low[0], table.ci_high[0]], 1.0)


@pytest.mark.parametrize(
    ("excluded", "characteristics", "options", "message"),
    [
        ([0, 1], {"a": [1, 2]}, {}, "must hold one truth value a row"),
        ([True, False], {"a": [1, 2, 3]}, {}, "one label per row of `X`"),
        ([True, False], {"a": [1, 2]}, {"n_bands": 1}, "`n_bands` must be"),
        ([True], {"a": [1]}, {"confidence_level": 1.0}, "`confidence_level` must"),
    ],
)
def test_refuses(excluded, characteristics, options, message):
    with pytest.raises(ValueError, match=message):
        excluded_who(excluded, characteristics, **options)


@pytest.mark.slow
def test_all_intervals_hold_together_as_often_as_promised():
    # Exclusion by a known chance a level: the true ratio is that chance over the mean.
    rng = np.random.default_rng(20261129)
    chance = np.array([0.05, 0.1, 0.2])
    share = np.array([0.5, 0.3, 0.2])
    true = chance / (chance @ share)
    held = 0
    for _ in range(2000):
        level = rng.choice(3, size=800, p=share)
        excluded = rng.random(800) < chance[level]
        table = excluded_who(
            excluded, {"level": level, "noise": rng.integers(2, size=800)}
        )
        truth = np.r_[true, 1.0, 1.0]
        held += bool(((table.ci_low <= truth) & (truth <= table.ci_high)).all())
    # 95% promised; 2,000 runs have a standard error of .5%.
    assert 0.94 <= held / 2000 <= 0.99, held / 2000
