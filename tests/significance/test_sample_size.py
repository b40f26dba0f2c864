"""How many people are needed: the formula, and samples that have so many."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_equity import fidelity_curve, required_sample_size, subgroup_fidelity


# ---- worked by hand and by theory ------------------------------------------------
@pytest.mark.parametrize("half_width", [0.05, 0.2, 1.0, 3.0])
def test_half_width_is_reached_and_not_with_one_fewer(half_width):
    (n,) = required_sample_size([2.0], n=[1], half_width=half_width)
    reach = [stats.t.ppf(0.975, k - 1) * 2.0 / np.sqrt(k) for k in (n - 1, n)]
    assert reach[1] <= half_width < reach[0]


def test_large_samples_against_the_normal_formula():
    n = required_sample_size([1.0, 3.0], n=[1, 1], half_width=0.01)
    assert_allclose(n, [(1.959964 / 0.01) ** 2, (3 * 1.959964 / 0.01) ** 2], rtol=1e-4)
    n = required_sample_size([1.0], n=[1], gap=0.01, power=0.9)
    assert_allclose(n, ((1.644854 + 1.281552) / 0.01) ** 2, rtol=1e-4)


def test_standard_errors_scale_with_their_people():
    assert_allclose(
        required_sample_size([0.2, 0.1], n=[100, 400], half_width=0.3),
        required_sample_size([2.0, 2.0], n=[1, 1], half_width=0.3),
    )


def test_many_comparisons_share_the_chance_of_error():
    assert_allclose(
        required_sample_size([2.0], n=[1], gap=0.5, n_comparisons=10),
        required_sample_size([2.0], n=[1], gap=0.5, confidence_level=0.995),
    )


def test_no_spread_known_is_no_number():
    n = required_sample_size([np.nan, 0.0, 1.0], n=[9, 9, 9], half_width=0.5)
    assert np.isnan(n).tolist() == [True, True, False]


def test_more_people_than_there_can_be_are_infinitely_many():
    assert required_sample_size([1e9], n=[1], half_width=1e-3)[0] == np.inf
    assert required_sample_size([1e9], n=[100], half_width=1.0)[0] == np.inf


@pytest.fixture
def table():
    rng = np.random.default_rng(3)
    y_true = rng.uniform(30, 60, size=400)
    spread = np.select([np.arange(400) % 4 == 0, np.arange(400) % 4 == 1], [9, 0], 1)
    return subgroup_fidelity(
        y_true,
        y_true + spread * rng.normal(size=400),
        subgroups=np.array(["east", "north", "south", "west"])[np.arange(400) % 4],
        metric="mae",
        n_resamples=50,
        random_state=0,
    )


def test_a_table_is_read(table):
    needed = required_sample_size(table, half_width=0.1)
    plain = required_sample_size(table.std_error, n=table.n, half_width=0.1)
    assert_allclose(needed.required, plain)
    assert_allclose(needed.more, np.maximum(plain - 100, 0))
    assert (needed.grouping, needed.subgroup) == (table.grouping, table.subgroup)
    assert needed.n.tolist() == [100] * 4


def test_a_table_is_answered_in_words(table):
    needed = required_sample_size(table, gap=20, n_comparisons=3)
    lines = repr(needed).splitlines()
    assert lines[0].split() == ["grouping", "subgroup", "n", "required", "more"]
    east, north = lines[1].split(), lines[2].split()
    assert east == ["subgroups", "east", "100", f"{needed.required[0]:.0f}", "0"]
    assert north == ["subgroups", "north", "100", "unknown", "unknown"]
    text = " ".join(lines[5:])
    assert text.startswith("MAE: people needed to show that a subgroup is 20 worse")
    assert "power 0.8 in a one-sided test at level 0.05, over 3 subgroups" in text
    assert "infinite" in repr(required_sample_size(table, half_width=1e-9))


def test_a_frame_holds_whole_numbers_of_people(table):
    pytest.importorskip("pandas")
    frame = required_sample_size(table.take([0, 2, 3]), half_width=0.1).to_frame()
    assert [*frame.columns] == ["grouping", "subgroup", "n", "required", "more"]
    assert frame["required"].dtype.kind == "i"
    assert (frame["more"] == np.maximum(frame["required"] - frame["n"], 0)).all()
    unknown = required_sample_size(table, half_width=0.1).to_frame()
    assert unknown["required"].isna().tolist() == [False, True, False, False]


# ---- simulation ------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("size", [0.3, 1.0])
def test_samples_of_the_required_size_do_what_was_asked(size, capsys):
    rng = np.random.default_rng(20260610)
    (n,) = required_sample_size([1.0], n=[1], half_width=size).astype(int)
    draws = rng.normal(size=(20_000, n))
    reach = stats.t.ppf(0.975, n - 1) * draws.std(axis=1, ddof=1) / np.sqrt(n)
    (m,) = required_sample_size([1.0], n=[1], gap=size, power=0.8).astype(int)
    draws = size + rng.normal(size=(20_000, m))
    t = draws.mean(axis=1) / (draws.std(axis=1, ddof=1) / np.sqrt(m))
    power = np.mean(t > stats.t.ppf(0.95, m - 1))
    with capsys.disabled():
        print(
            f"\nsize {size}: half-width with {n} people {reach.mean():.3f}; power with "
            f"{m} people {power:.3f}"
        )
    # Of the squares, whose mean has no bias; 6 people would reach 1.05, 7 reach .92.
    typical = np.sqrt(np.mean(reach**2))
    assert typical <= 1.01 * size
    assert typical >= (0.98 if size < 1 else 0.9) * size
    assert 0.78 <= power <= 0.87


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"One of `half_width` and `gap` must be given"),
        ({"half_width": 1, "gap": 1}, r"One of `half_width` and `gap` must be given"),
        ({"half_width": 0}, r"`half_width` must be positive and finite; got 0"),
        ({"gap": np.inf}, r"`gap` must be positive and finite; got inf"),
        ({"gap": 1, "power": 80}, r"`power` must be at least 0.5 and below 1; got 80"),
        ({"gap": 1, "n_comparisons": 0}, r"`n_comparisons` must be a whole number"),
        ({"gap": 1, "n": None}, r"`n` must be given with standard errors"),
        ({"gap": 1, "n": [0, 1]}, r"numbers of people of at least 1; got 1 and 0"),
        ({"gap": 1, "n": [1]}, r"`n` must have one value per row of `table` \(2\)"),
    ],
)
def test_refusals_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        required_sample_size([1.0, 2.0], **{"n": [10, 10], **options})


@pytest.mark.parametrize("given", [None, "mae", 3.0, object()])
def test_something_else_than_a_table_is_told_what_is_wanted(given):
    with pytest.raises(TypeError, match=r"subgroup_fidelity returns.*result\.fidelity"):
        required_sample_size(given, gap=1.0)


def test_a_curve_is_no_table():
    y = np.linspace(0, 1, 200)
    curve = fidelity_curve(y, y**2, y, metric="mae", n_resamples=50, random_state=0)
    with pytest.raises(TypeError, match=r"subgroup_fidelity returns.*FidelityCurve"):
        required_sample_size(curve, gap=1.0)
