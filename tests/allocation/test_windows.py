"""Who is near a score? Windows, gaps and integration against obvious references."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import simpson

from sklearn_equity.allocation import (
    allocation_deterioration_curve,
    severity_score,
)
from sklearn_equity.allocation._area import covered_share, simpson_weights
from sklearn_equity.allocation._windows import find_cells, slide_windows

half_widths = st.sampled_from([1e-6, 0.003, 0.01, 0.05, 0.1, 0.25, 1.0])
starts = st.sampled_from([0.0, 0.3, 0.55, 0.999])


# ---- membership ------------------------------------------------------------------
@given(
    start=starts,
    n_points=st.integers(3, 200),
    half_width=half_widths,
    scores=arrays(np.float64, st.integers(1, 50), elements=st.floats(0.0, 1.0)),
)
def test_cells_equal_searchsorted(start, n_points, half_width, scores):
    edges = slide_windows(start, n_points, half_width).edges
    on_edges = edges[np.isfinite(edges)]
    near = np.concatenate([np.nextafter(on_edges, 0), np.nextafter(on_edges, 1)])
    all_scores = np.concatenate([scores, on_edges, near])
    all_scores = all_scores[(all_scores >= 0) & (all_scores <= 1)]
    assert_array_equal(
        find_cells(all_scores, edges),
        np.searchsorted(edges, all_scores, side="right") - 1,
    )


def test_cells_equal_searchsorted_on_a_million_scores():
    scores = np.random.default_rng(1).random(1_000_000)
    edges = slide_windows(0.0, 100, 0.05).edges
    assert_array_equal(
        find_cells(scores, edges), np.searchsorted(edges, scores, side="right") - 1
    )


@pytest.mark.parametrize("n_points", [3, 11, 51, 101, 1001])
def test_a_score_on_the_edge_of_adjoining_windows_is_counted_once(n_points):
    # Regression: daindex 0.10 counts it in both.
    spacing = 1 / (n_points - 1)
    edges = np.round(np.linspace(0, 1, n_points) + spacing / 2, 12)
    scores = np.concatenate([edges[edges < 1], [0.0, 1.0]])
    curve = allocation_deterioration_curve(
        scores, np.zeros(len(scores)), threshold=1, bounds=(0, 2),
        n_points=n_points, half_width=spacing / 2, min_rows=2,
    )  # fmt: skip
    assert curve.n.sum() == len(scores)


def test_windows_are_closed_below_and_open_above_and_the_last_holds_one():
    curve = allocation_deterioration_curve(
        [0.0, 0.1, 0.4, 0.6, 0.9, 1.0], np.zeros(6), threshold=1, bounds=(0, 2),
        n_points=3, half_width=0.1, min_rows=2,
    )  # fmt: skip
    # [0, .1): 0;  [.4, .6): .4;  [.9, 1]: .9 and 1.
    assert curve.n.tolist() == [[1, 1, 2]]
    assert_array_equal(curve.allocation, [0.0, 0.5, 1.0])


# ---- the curve -------------------------------------------------------------------
def _people(seed, n=800):
    rng = np.random.default_rng(seed)
    allocation = rng.beta(1.2, 1.8, size=n)
    measurement = rng.gamma(1.5 + 2 * allocation)
    group = rng.choice(["b", "w", "x"], size=n, p=[0.2, 0.7, 0.1])
    return allocation, measurement, group


@pytest.mark.parametrize("weighted", [False, True])
def test_curve_against_a_loop_over_windows(weighted):
    a, m, g = _people(5)
    w = np.random.default_rng(6).uniform(0.2, 3.0, size=len(a)) if weighted else None
    options = {"threshold": 3.0, "bounds": (0, 30), "bandwidth": 0.3}
    curve = allocation_deterioration_curve(
        a, m, subgroups=g, n_points=41, half_width=0.06, sample_weight=w, **options
    )
    severity = severity_score(m, **options)
    weight = np.ones(len(a)) if w is None else w
    for row, label in enumerate(curve.labels):
        for point, x in enumerate(np.linspace(0, 1, 41)):
            near = (g == label) & (a >= x - 0.06) & (a < x + 0.06)
            assert curve.n[row, point] == near.sum()
            mean = curve.deterioration[row, point]
            if near.sum() < 20:
                assert np.isnan(mean)
                continue
            assert_allclose(mean, np.average(severity[near], weights=weight[near]))
            residual = severity[near] - mean
            n_effective = weight[near].sum() ** 2 / (weight[near] ** 2).sum()
            error = np.sqrt(((weight[near] * residual) ** 2).sum()) / weight[near].sum()
            error *= np.sqrt(n_effective / (n_effective - 1))
            assert_allclose(curve.std_error[row, point], error, rtol=1e-9)
            assert curve.ci_low[row, point] < mean < curve.ci_high[row, point]


@pytest.mark.parametrize("min_rows", [5, 30])
def test_windows_of_a_lazy_table_need_as_many_rows_as_asked(min_rows):
    a, m, _ = _people(7, n=300)
    options = {"data": pl.LazyFrame({"a": a, "m": m}), "bounds": (0, 30)}
    options |= {"threshold": 3.0, "n_points": 11, "half_width": 0.1, "bandwidth": 0}
    curve, wider = (
        allocation_deterioration_curve(
            "a", "m", min_rows=min_rows, confidence_level=level, **options
        )
        for level in (0.8, 0.9)
    )
    near = [((a >= x - 0.1) & (a < x + 0.1)).sum() for x in np.linspace(0, 1, 11)]
    assert curve.n.tolist() == [near]
    assert_array_equal(np.isnan(curve.deterioration[0]), np.array(near) < min_rows)
    known = ~np.isnan(curve.ci_low)
    assert (wider.ci_low[known] < curve.ci_low[known]).all()


def test_gaps_stay_gaps():
    a = np.concatenate([np.linspace(0, 0.3, 200), np.linspace(0.7, 1, 200)])
    curve = allocation_deterioration_curve(
        a, np.arange(400) % 7, threshold=3, bounds=(0, 17), n_points=101
    )
    empty = (curve.allocation > 0.35) & (curve.allocation < 0.65)
    assert np.isnan(curve.deterioration[0, empty]).all()
    assert np.isfinite(curve.deterioration[0, ~empty]).sum() > 60
    assert_allclose(curve.covered, np.isfinite(curve.deterioration[0]).mean())


def test_a_window_of_equally_ill_people_has_no_interval():
    curve = allocation_deterioration_curve(
        np.linspace(0, 1, 300), np.full(300, 0.7), threshold=0.3, bounds=(0, 1),
        n_points=11,
    )  # fmt: skip
    assert np.isnan(curve.std_error).all()
    assert np.isnan(curve.ci_low).all()


def test_curve_of_a_few_people_is_all_gaps():
    curve = allocation_deterioration_curve(
        [0.1, 0.5, 0.9], [1.0, 2.0, 3.0], threshold=2, bounds=(0, 5)
    )
    assert np.isnan(curve.deterioration).all()
    assert curve.covered == 0


def test_curve_to_frame_has_a_row_for_each_point_of_each_subgroup():
    a, m, g = _people(8)
    curve = allocation_deterioration_curve(
        a, m, subgroups=np.column_stack([g, m > 2]), threshold=3, bounds=(0, 30),
        n_points=5,
    )  # fmt: skip
    frame = curve.to_frame()
    assert len(frame) == len(curve.labels) * 5
    assert frame["subgroup"].tolist()[:6] == ["b & False"] * 5 + ["b & True"]
    assert_array_equal(frame["n"], curve.n.ravel())
    assert frame.columns.tolist() == [
        *("subgroup", "allocation", "n", "deterioration"),
        *("std_error", "ci_low", "ci_high"),
    ]


# ---- integration -----------------------------------------------------------------
@given(n_points=st.integers(2, 40), seed=st.integers(0, 100))
def test_integration_of_one_run_is_simpsons_rule(n_points, seed):
    heights = np.random.default_rng(seed).random(n_points)
    weights = simpson_weights(np.ones(n_points, dtype=bool), 0.1)
    assert_allclose(weights @ heights, simpson(heights, dx=0.1), rtol=1e-12)


@settings(max_examples=50)
@given(present=arrays(bool, st.integers(2, 60)), seed=st.integers(0, 100))
def test_integration_of_gaps_is_a_sum_over_runs(present, seed):
    heights = np.random.default_rng(seed).random(len(present))
    area, length, run = 0.0, 0.0, []
    for value, there in [*zip(heights, present, strict=True), (0.0, False)]:
        if there:
            run.append(value)
            continue
        if len(run) > 1:
            area += simpson(run, dx=0.02)
            length += 0.02 * (len(run) - 1)
        run = []
    assert_allclose(simpson_weights(present, 0.02) @ heights, area, atol=1e-14)
    whole = 0.02 * (len(present) - 1)
    assert_allclose(covered_share(present), length / whole, atol=1e-14)


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"half_width": 0.0}, "`half_width` must be from 1e-6 to 1; got 0.0"),
        ({"half_width": np.nan}, "`half_width` must be from 1e-6 to 1; got nan"),
        ({"min_rows": 1}, "`min_rows` must be an integer of at least 2; got 1"),
        ({"n_points": 2}, "`n_points` must be an integer of at least 3; got 2"),
        ({"n_points": 9.5}, "`n_points` must be an integer of at least 3; got 9.5"),
        ({"confidence_level": 95}, "`confidence_level` must lie strictly between"),
        (
            {"allocation": [0.5, 1.5, -0.1]},
            "`allocation` must lie between 0 and 1; got 2 of 3 .* from -0.1 to 1.5",
        ),
        ({"allocation": [0.5, 0.1]}, "`allocation` must have one value per row of `m"),
        ({"allocation": [0.5, 0.1, np.nan]}, "`allocation` must not hold missing"),
        ({"scale": "percentile"}, "`scale` must be one of 'rank', 'minmax', None"),
        (
            {"allocation": [5, 5, 5], "scale": "minmax"},
            '`allocation` must vary for scale="minmax"; all scores are 5',
        ),
        (
            {"threshold": {"a": 1.0, "c": 2.0}, "subgroups": ["a", "a", "b"]},
            r"`threshold` must map every subgroup, .* missing are \['b'\], unknown "
            r"\['c'\]",
        ),
        ({"subgroups": ["a", None, "b"]}, "`subgroups` must not have missing labels"),
    ],
)  # fmt: skip
def test_refusals_name_the_argument(changes, message):
    arguments = {
        "allocation": [0.1, 0.5, 0.9], "measurement": [1.0, 2.0, 3.0],
        "threshold": 1.5, "bounds": (0, 5), **changes,
    }  # fmt: skip
    a, m = arguments.pop("allocation"), arguments.pop("measurement")
    with pytest.raises(ValueError, match=message):
        allocation_deterioration_curve(a, m, **arguments)


def test_an_unknown_option_of_severity_is_refused():
    with pytest.raises(TypeError, match=r"Unknown arguments \['bandwith'\]"):
        allocation_deterioration_curve([0.5], [1.0], threshold=1, bandwith=2)
