"""How unequal are two groups? Laws, hand-worked cases, slow references, refusals."""

import warnings
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import simpson

from sklearn_equity.allocation import (
    allocation_deterioration_curve,
    compare_deterioration,
    da_index_ratio,
    dataset_inequality,
    deterioration_index,
    exacerbation,
    model_inequality,
    severity_score,
)
from sklearn_equity.allocation._many import _judge_corrected
from sklearn_equity.allocation._resampling import _spread_of_draws
from sklearn_equity.density import select_bandwidth
from sklearn_equity.exceptions import SmallSubgroupWarning

SCALE = {"threshold": 3.0, "bounds": (0.0, 40.0)}
MODEL = {"compare": ("b", "w"), "decision_threshold": 0.3, **SCALE}


def people(seed=0, n=1200, worse=0.0, share=0.4):
    """Draw scores, and measurements that follow them; worse for "b" by a shift."""
    rng = np.random.default_rng(seed)
    group = np.where(rng.random(n) < share, "b", "w")
    allocation = rng.beta(1.2, 1.8, size=n)
    measurement = rng.gamma(1.5 + 2 * allocation + worse * (group == "b"))
    return allocation, measurement.clip(0, 40), group


def log_ratio_by_definition(
    a, severity, group, weight, *, sides=("b", "w"), tau=0.3, half_width=0.05,
    min_rows=20, n_points=100, windows=None,
):  # fmt: skip
    """Follow Algorithm 2 and Definition 2.5 with loops; `windows` fixes those used."""
    points = np.linspace(tau, 1, max(round((1 - tau) * (n_points - 1)) + 1, 3))
    curves, enough = [], []
    for side in sides:
        masks = [
            (group == side) & (a >= x - half_width) & (a < x + half_width)
            for x in points
        ]
        enough.append([mask.sum() >= min_rows for mask in masks])
        curves.append(
            [
                np.average(severity[mask], weights=weight[mask]) if mask.any() else 0.0
                for mask in masks
            ]
        )
    present = np.all(enough, axis=0) if windows is None else windows
    areas = [0.0, 0.0]
    run = []
    for point, there in enumerate([*present, False]):
        if there:
            run.append(point)
            continue
        if len(run) > 1:
            for side in (0, 1):
                heights = np.array(curves[side])[run]
                areas[side] += simpson(heights, dx=points[1] - points[0])
        run = []
    return np.log(areas[0] / areas[1]), present


# ---- laws ------------------------------------------------------------------------
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), worse=st.sampled_from([0.0, 1.0]))
def test_swapping_the_sides_inverts_the_ratio(seed, worse):
    a, m, g = people(seed, worse=worse)
    options = MODEL | {"subgroups": g}
    forth = model_inequality(a, m, **options)
    back = model_inequality(a, m, **options | {"compare": ("w", "b")})
    assert_allclose(forth.ratio * back.ratio, 1.0)
    assert_allclose(forth.p_value, back.p_value)
    assert_allclose((1 + forth.ci_low) * (1 + back.ci_high), 1.0)
    assert forth.covered == back.covered


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([88.4, 1e-3, 1e200]))
def test_a_change_of_unit_changes_nothing(seed, factor):
    # Regression: daindex 0.10 gives -.155, -.171 and 0 in mg/dL, umol/L and mol/L.
    a, m, g = people(seed, n=600)
    there = MODEL | {"threshold": 3.0 * factor, "bounds": (0, 40 * factor)}
    here = model_inequality(a, m, subgroups=g, **MODEL)
    other = model_inequality(a, m * factor, subgroups=g, **there)
    assert_allclose(other.estimate, here.estimate, atol=1e-6)
    assert_allclose(other.p_value, here.p_value, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_below_is_the_mirror_image_of_above(seed):
    a, m, g = people(seed, n=600)
    mirrored = MODEL | {"threshold": -3.0, "bounds": (-40.0, 0.0)}
    above = model_inequality(a, m, subgroups=g, **MODEL)
    below = model_inequality(a, -m, subgroups=g, direction="below", **mirrored)
    assert below == above


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_row_order_changes_nothing(seed):
    a, m, g = people(seed, n=600)
    order = np.random.default_rng(seed).permutation(len(a))
    here = model_inequality(a, m, subgroups=g, **MODEL)
    there = model_inequality(a[order], m[order], subgroups=g[order], **MODEL)
    assert_allclose(there.estimate, here.estimate, rtol=1e-9)
    assert_allclose(there.std_error, here.std_error, rtol=1e-9)


@pytest.mark.parametrize("discrete", ["auto", True])
def test_identical_samples_are_exactly_equal(discrete):
    # Regression: daindex 0.10 gives +1.51 when their bandwidths differ.
    a, m, _ = people(3)
    twice = {"subgroups": np.repeat(["b", "w"], len(a)), "discrete": discrete}
    result = model_inequality(np.tile(a, 2), np.tile(m, 2), **MODEL, **twice)
    assert result.estimate == 0.0
    assert result.p_value == 1.0
    data = dataset_inequality(np.tile(m, 2), compare=("b", "w"), **SCALE, **twice)
    assert data.estimate == 0.0


def test_weights_equal_repetition():
    a, m, g = people(4, n=900)
    times = np.random.default_rng(4).integers(1, 4, size=len(a))
    options = MODEL | {"bandwidth": 0.3, "min_rows": 10}
    # Rows that repeat make more windows eligible: keep to a region where all are.
    options |= {"decision_threshold": 0.1, "half_width": 0.25, "compare": ("b", "w")}
    weighted = da_index_ratio(a, m, subgroups=g, sample_weight=times, **options)
    repeated = da_index_ratio(
        np.repeat(a, times), np.repeat(m, times), subgroups=np.repeat(g, times),
        **options,
    )  # fmt: skip
    assert_allclose(weighted, repeated, rtol=1e-9)


def test_a_common_factor_of_weights_changes_nothing():
    a, m, g = people(5)
    w = np.random.default_rng(5).uniform(0.5, 2, size=len(a))
    here = model_inequality(a, m, subgroups=g, sample_weight=w, **MODEL)
    there = model_inequality(a, m, subgroups=g, sample_weight=w * 1000, **MODEL)
    assert_allclose(there.estimate, here.estimate, rtol=1e-9)
    assert_allclose(there.std_error, here.std_error, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-310, 1e-200, 1e200, 5e307])
@pytest.mark.parametrize("equal", [True, False])
def test_weights_of_any_size_give_the_same_figures(factor, equal):
    a, m, g = people(6, n=600)
    weights = np.random.default_rng(6).choice([0.5, 0.75, 1.5], size=600)
    weights = np.full(600, 0.7) if equal else weights
    # Weighted quartiles jump at a rounding, so that a rule is tried on equal weights.
    rule = {} if equal else {"bandwidth": 0.3}
    for measure in (model_inequality, exacerbation):
        here, there = (
            measure(a, m, subgroups=g, sample_weight=weight, **rule, **MODEL)
            for weight in (weights, weights * factor)
        )
        assert_allclose(
            [there.estimate, there.ci_low, there.p_value],
            [here.estimate, here.ci_low, here.p_value],
            rtol=1e-9,
        )
    assert_allclose(
        deterioration_index(m, sample_weight=weights * factor, **rule, **SCALE),
        deterioration_index(m, sample_weight=weights, **rule, **SCALE),
        rtol=1e-9,
    )


def test_rows_of_weight_zero_do_not_count():
    a, m, g = people(6)
    kept = np.random.default_rng(6).random(len(a)) < 0.7
    there = model_inequality(
        np.where(kept, a, 0.5), np.where(kept, m, 39.0), subgroups=g,
        sample_weight=kept.astype(float), **MODEL,
    )  # fmt: skip
    here = model_inequality(a[kept], m[kept], subgroups=g[kept], **MODEL)
    assert_allclose(there.estimate, here.estimate, rtol=1e-9)
    assert there.n_subgroup == here.n_subgroup


@pytest.mark.parametrize("map_score", [np.exp, lambda a: 5 * a - 2, np.cbrt])
def test_ranks_ignore_any_increasing_map_of_the_score(map_score):
    a, m, g = people(7)
    here = da_index_ratio(a, m, subgroups=g, scale="rank", **MODEL)
    there = da_index_ratio(map_score(a), m, subgroups=g, scale="rank", **MODEL)
    assert_allclose(there, here, rtol=1e-12)


def test_minmax_ignores_the_scale_of_the_score():
    a, m, g = people(7)
    here = da_index_ratio(a, m, subgroups=g, scale="minmax", **MODEL)
    there = da_index_ratio(a * 64 - 5, m, subgroups=g, scale="minmax", **MODEL)
    assert_allclose(there, here, rtol=1e-9)


def test_ranks_of_ties_and_weights_by_hand():
    # Ranks (share below, half of the ties): .5/4, 2/4, 2/4, 3.5/4. About .5: the ties.
    a, m = [10.0, 20.0, 20.0, 30.0], [0.0, 1.0, 1.0, 0.0]
    people_of = {"threshold": 1.0, "n_steps": 1, "half_width": 0.1, "n_points": 3}
    curve = allocation_deterioration_curve(a, m, scale="rank", min_rows=2, **people_of)
    assert curve.n.tolist() == [[0, 2, 0]]
    weighted = allocation_deterioration_curve(
        [10.0, 20.0, 30.0], [0.0, 1.0, 0.0], scale="rank", min_rows=2,
        sample_weight=[1, 2, 1], **people_of,
    )  # fmt: skip
    assert weighted.n.tolist() == [[0, 1, 0]]


# ---- hand-worked -----------------------------------------------------------------
def test_dataset_inequality_worked_by_hand():
    values = np.concatenate([np.arange(300) % 6, np.arange(300) % 5])
    result = dataset_inequality(
        values, subgroups=np.repeat(["b", "w"], 300), compare=("b", "w"), threshold=3,
        n_steps=1,
    )  # fmt: skip
    # 150 of 300 against 120 of 300; the variance of a share p is p (1 - p) / (n - 1).
    assert_allclose(result.estimate, 0.5 / 0.4 - 1)
    assert_allclose(result.ratio, 1.25)
    log_variance = (0.5 * 0.5 / 0.5**2 + 0.4 * 0.6 / 0.4**2) / 299
    assert_allclose(result.std_error, 1.25 * np.sqrt(log_variance))
    assert (result.n_subgroup, result.n_reference) == (300, 300)
    assert_allclose(
        (result.deterioration_subgroup, result.deterioration_reference), (0.5, 0.4)
    )
    assert result.covered == 1.0
    assert result.decision_threshold is None


def test_model_inequality_of_constant_curves_is_their_ratio():
    a = np.repeat(np.linspace(0, 1, 1001), 12)
    number = np.tile(np.arange(12), 1001)
    g = np.where(number < 6, "b", "w")
    ill = np.where(g == "b", number % 2 == 0, number % 3 == 0)  # 1/2 against 1/3
    options = {"compare": ("b", "w"), "threshold": 1, "n_steps": 1, "subgroups": g}
    for start in (0.0, 0.3, 0.55):
        result = model_inequality(a, ill, decision_threshold=start, **options)
        assert_allclose(result.estimate, (1 / 2) / (1 / 3) - 1, rtol=1e-12)
        assert_allclose(result.deterioration_subgroup, 1 / 2)
        assert_allclose(result.deterioration_reference, 1 / 3)
        assert_allclose(result.covered, 1.0)
        assert result.verdict == "unequal"


def test_area_of_linear_curves_against_theory():
    # Severity a for one side, a**2 for the other: areas over [.4, 1] are .42 and .312.
    a = np.tile((np.arange(20_000) + 0.5) / 20_000, 2)
    g = np.repeat(["b", "w"], 20_000)
    m = np.where(g == "b", a, a**2)
    result = model_inequality(
        a, m, subgroups=g, compare=("b", "w"), threshold=0.0, bounds=(0, 1),
        n_steps=10_000, decision_threshold=0.4, half_width=0.001, bandwidth=0,
    )  # fmt: skip
    assert_allclose(result.ratio, 0.42 / 0.312, rtol=2e-3)


# ---- agreement with slow references ----------------------------------------------
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_estimate_against_loops(seed, weighted):
    a, m, g = people(seed, n=700, worse=0.5)
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.2, 3, size=len(a)) if weighted else np.ones(len(a))
    result = model_inequality(
        a, m, subgroups=g, sample_weight=w if weighted else None, bandwidth=0.3,
        **MODEL,
    )  # fmt: skip
    severity = severity_score(m, bandwidth=0.3, **SCALE)
    expected, present = log_ratio_by_definition(a, severity, g, w)
    assert_allclose(np.log(result.ratio), expected, rtol=1e-10)
    pairs = (present[1:] & present[:-1]).sum()
    assert_allclose(result.covered, pairs / (len(present) - 1))


@pytest.mark.parametrize("weighted", [False, True])
def test_standard_error_against_numerical_derivatives(weighted):
    a, m, g = people(11, n=900, worse=0.4)
    rng = np.random.default_rng(11)
    w = rng.uniform(0.5, 1.5, size=len(a)) if weighted else np.ones(len(a))
    options = {"half_width": 0.2, "n_points": 21}
    result = model_inequality(
        a, m, subgroups=g, sample_weight=w if weighted else None, bandwidth=0.3,
        **MODEL | options,
    )  # fmt: skip
    severity = severity_score(m, bandwidth=0.3, **SCALE)
    centre, present = log_ratio_by_definition(a, severity, g, w, **options)
    influence = np.empty(len(a))
    for i in range(len(a)):
        heavier = w.copy()
        heavier[i] *= 1 + 1e-5
        moved, _ = log_ratio_by_definition(
            a, severity, g, heavier, windows=present, **options
        )
        influence[i] = (moved - centre) / 1e-5
    # The correction n / (n - 1) of each window, of 50 rows or more, is not in it.
    assert_allclose(
        result.std_error / result.ratio, np.sqrt((influence**2).sum()), rtol=0.015
    )


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_bootstrap_agrees_with_the_closed_form(kind):
    a, m, g = people(12, n=3000, worse=0.5)
    options = {"subgroups": g, "interval": "bootstrap", "n_resamples": 400}
    results = [
        dataset_inequality(m, compare=("b", "w"), random_state=1, **SCALE, **more)
        if kind == "dataset"
        else model_inequality(a, m, random_state=1, **MODEL, **more)
        for more in ({"subgroups": g}, options, options)
    ]
    closed, drawn, again = results
    assert drawn == again
    assert drawn.estimate == closed.estimate
    assert_allclose(drawn.std_error, closed.std_error, rtol=0.12)
    assert_allclose(drawn.ci_low, closed.ci_low, atol=0.3 * closed.std_error)
    assert_allclose(drawn.ci_high, closed.ci_high, atol=0.3 * closed.std_error)
    assert 0 < drawn.p_value <= 1


def test_bootstrap_leaves_the_global_state_alone():
    _, m, g = people(13, n=400)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    dataset_inequality(
        m, subgroups=g, compare=("b", "w"), interval="bootstrap", n_resamples=10,
        random_state=0, **SCALE,
    )  # fmt: skip
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_weights_have_a_say_in_the_bandwidth():
    _, m, g = people(43)
    weight = np.where(m > np.median(m), 5.5, 0.5)  # no numbers of rows that tie
    options = {"subgroups": g, "compare": ("b", "w"), "bandwidth": "silverman"}
    for weights in (None, weight):
        found = dataset_inequality(m, sample_weight=weights, **options, **SCALE)
        expected = select_bandwidth(
            m, "silverman", bounds=SCALE["bounds"], sample_weight=weights
        )
        assert_allclose(found.bandwidth, expected)


def test_ratio_is_that_of_the_result():
    a, m, g = people(14, worse=1.0)
    ratio = da_index_ratio(a, m, subgroups=g, **MODEL)
    assert ratio == model_inequality(a, m, subgroups=g, **MODEL).ratio
    assert ratio > 1.2


def test_dataset_inequality_is_a_ratio_of_indices():
    _, m, g = people(15, worse=1.0)
    result = dataset_inequality(
        m, subgroups=g, compare=("b", "w"), bandwidth=0.2, **SCALE
    )
    index = {
        side: deterioration_index(m[g == side], bandwidth=0.2, **SCALE)
        for side in ("b", "w")
    }
    assert_allclose(result.ratio, index["b"] / index["w"], rtol=1e-12)


# ---- more than two subgroups ------------------------------------------------------
def test_the_rest_is_the_union_of_all_others():
    a, m, _ = people(16)
    g = np.random.default_rng(16).choice(["b", "w", "x", "y"], size=len(a))
    rest = model_inequality(a, m, subgroups=g, **MODEL | {"compare": ("b", None)})
    merged = model_inequality(
        a, m, subgroups=np.where(g == "b", "b", "others"),
        **MODEL | {"compare": ("b", "others")},
    )  # fmt: skip
    assert_allclose(rest.estimate, merged.estimate, rtol=1e-12)
    assert_allclose(rest.p_value, merged.p_value, rtol=1e-9)
    assert rest.reference == "the rest"


def test_intersections_are_named_by_tuples():
    a, m, g = people(17)
    sex = np.random.default_rng(17).choice(["f", "m"], size=len(a))
    table = pd.DataFrame({"group": g, "sex": sex})
    by_tuple = da_index_ratio(
        a, m, subgroups=table, **MODEL | {"compare": (("b", "f"), ("w", "m"))}
    )
    joined = np.char.add(g.astype(str), sex)
    by_name = da_index_ratio(
        a, m, subgroups=joined, **MODEL | {"compare": ("bf", "wm")}
    )
    assert_allclose(by_tuple, by_name, rtol=1e-12)


@pytest.mark.parametrize(
    ("against", "reference", "pairs"),
    [
        ("rest", None, [("b", None), ("w", None), ("x", None)]),
        ("reference", "w", [("b", "w"), ("x", "w")]),
        ("each other", None, [("b", "w"), ("b", "x"), ("w", "x")]),
    ],
)
@pytest.mark.parametrize("of_model", [True, False])
def test_a_table_holds_the_single_comparisons(against, reference, pairs, of_model):
    a, m, _ = people(18, n=2000)
    g = np.random.default_rng(18).choice(["b", "w", "x"], size=len(a))
    options = SCALE | {"subgroups": g}
    table = compare_deterioration(
        a if of_model else None, m, against=against, reference=reference,
        decision_threshold=0.3, **options,
    )  # fmt: skip
    for pair, result in zip(pairs, table.results, strict=True):
        alone = (
            model_inequality(a, m, compare=pair, decision_threshold=0.3, **options)
            if of_model
            else dataset_inequality(m, compare=pair, **options)
        )
        assert_allclose(result.estimate, alone.estimate, rtol=1e-12)
        assert_allclose(result.p_value, alone.p_value, rtol=1e-12)
    assert (table.q_values >= [result.p_value for result in table.results]).all()
    frame = table.to_frame()
    assert len(frame) == len(pairs)
    assert frame["q_value"].tolist() == table.q_values.tolist()


def test_verdicts_of_a_table_are_corrected_for_their_number():
    rng = np.random.default_rng(19)
    calls_alone = calls_in_table = 0
    for _ in range(20):
        m, g = rng.gamma(2, size=4000), rng.integers(0, 20, size=4000)
        table = compare_deterioration(None, m, subgroups=g, **SCALE)
        calls_alone += sum(result.p_value < 0.05 for result in table.results)
        calls_in_table += sum(r.verdict == "unequal" for r in table.results)
    assert calls_alone >= 10  # 400 true nulls at 5%
    assert calls_in_table <= 4


@pytest.mark.parametrize(
    ("n", "q_differ", "q_beyond", "verdict"),
    [
        ((50, 90), 0.05, 0.01, "unequal"),
        ((50, 90), 0.051, 0.05, "within tolerance"),
        ((50, 90), 0.051, 0.051, "insufficient evidence"),
        ((50, 90), np.nan, np.nan, "insufficient evidence"),
        ((49, 90), 0.001, 0.001, "insufficient evidence"),
        ((90, 49), 0.001, 0.001, "insufficient evidence"),
    ],
)
def test_a_verdict_of_a_table_at_its_limits(n, q_differ, q_beyond, verdict):
    result = SimpleNamespace(n_subgroup=n[0], n_reference=n[1])
    inference = SimpleNamespace(confidence_level=0.95, min_subgroup_size=50)
    assert _judge_corrected(result, q_differ, q_beyond, inference) == verdict


def test_subgroups_too_small_are_insufficient_evidence_in_a_table():
    m = np.concatenate([np.full(25, 9.0), np.full(500, 1.0), np.full(500, 9.0)])
    m += np.random.default_rng(20).uniform(0, 0.5, size=len(m))
    table = compare_deterioration(
        None, m, subgroups=np.repeat(["few", "x", "y"], [25, 500, 500]), **SCALE
    )
    verdicts = [result.verdict for result in table.results]
    assert verdicts == ["insufficient evidence", "unequal", "unequal"]


# ---- thresholds that differ by subgroup -------------------------------------------
def test_thresholds_by_subgroup():
    m, g = np.tile(np.arange(10.0), 60), np.repeat(["f", "m"], 300)
    result = dataset_inequality(
        m, subgroups=g, compare=("f", "m"), threshold={"f": 4, "m": 6}, n_steps=1,
    )  # fmt: skip
    assert_allclose(result.estimate, (6 / 10) / (4 / 10) - 1)
    by_row = dataset_inequality(
        m, subgroups=g, compare=("f", "m"), threshold=np.where(g == "f", 4, 6),
        n_steps=1,
    )  # fmt: skip
    assert by_row == result


def test_a_threshold_of_zero_by_subgroup_is_a_threshold():
    # Regression: daindex 0.10 takes 0 for "none given" and uses the common one.
    m = np.tile(np.arange(-5.0, 5.0), 60)
    result = dataset_inequality(
        m, subgroups=np.repeat(["f", "m"], 300), compare=("f", "m"),
        threshold={"f": 0.0, "m": 3.0}, n_steps=1,
    )  # fmt: skip
    assert_allclose(result.estimate, (5 / 10) / (2 / 10) - 1)


# ---- regressions: what the reference implementation answers wrongly ---------------
def test_a_gap_in_one_group_is_not_bridged():
    # Regression: daindex 0.10 draws a line over the gap of one group: +245%.
    a = np.tile(np.linspace(0, 1, 3000), 2)
    g = np.repeat(["b", "w"], 3000)
    ill = np.where(
        (a > 0.4) & (a < 0.6), 1.0, (np.arange(6000) % 10 == 0).astype(float)
    )
    there = ~((g == "w") & (a > 0.38) & (a < 0.62))
    result = model_inequality(
        a[there], ill[there], subgroups=g[there], compare=("b", "w"), threshold=1,
        n_steps=1, half_width=0.02,
    )  # fmt: skip
    assert_allclose(result.estimate, 0.0, atol=0.02)
    assert 0.7 < result.covered < 0.8


def test_two_samples_of_one_law_are_nearly_equal():
    # Regression: daindex 0.10 gives +3.5 where their bandwidths differ.
    a, m, g = people(22, n=20_000, share=0.1)
    result = model_inequality(a, m, subgroups=g, **MODEL)
    assert abs(result.estimate) < 3 * result.std_error < 0.5


def test_lattice_data_of_step_one_tenth():
    # Regression: tenths at a threshold of .3, which binary fractions split.
    m = np.round(np.tile(np.arange(10), 60) / 10, 1)
    result = dataset_inequality(
        m, subgroups=np.repeat(["b", "w"], 300), compare=("b", "w"),
        threshold={"b": 3 * 0.1, "w": 0.6}, n_steps=1,
    )  # fmt: skip
    assert_allclose(result.estimate, (7 / 10) / (4 / 10) - 1)


def test_a_third_group_changes_nothing_between_two():
    a, m, g = people(23)
    options = MODEL | {"bandwidth": 0.3}
    alone = da_index_ratio(a, m, subgroups=g, **options)
    more = da_index_ratio(
        np.tile(a, 2), np.tile(m, 2), subgroups=np.concatenate([g, ["x"] * len(g)]),
        **options,
    )  # fmt: skip
    assert_allclose(more, alone, rtol=1e-12)


# ---- exacerbation ------------------------------------------------------------------
def test_exacerbation_is_a_ratio_of_ratios():
    a, m, g = people(24, n=3000, worse=0.6)
    allocated = np.random.default_rng(24).random(len(a)) < a
    result = exacerbation(
        a, m, subgroups=g, allocated=allocated, bandwidth=0.3, **MODEL
    )
    model = model_inequality(a, m, subgroups=g, bandwidth=0.3, **MODEL)
    data = dataset_inequality(
        m[allocated], subgroups=g[allocated], compare=("b", "w"), bandwidth=0.3, **SCALE
    )
    assert result.model == model
    assert_allclose(result.data.estimate, data.estimate, rtol=1e-12)
    assert_allclose(result.estimate, model.ratio / data.ratio - 1)
    assert_allclose(result.times, model.estimate / data.estimate)
    assert len(result.to_frame()) == 1


def test_standard_error_of_exacerbation_against_resampling():
    a, m, g = people(25, n=2000, worse=0.6)
    rng = np.random.default_rng(25)
    given = rng.random(len(a)) < a
    options = MODEL | {"bandwidth": 0.3, "half_width": 0.1}

    def change(rows):
        found = exacerbation(
            a[rows], m[rows], subgroups=g[rows], allocated=given[rows], **options
        )
        return np.log1p(found.estimate), found

    _, result = change(slice(None))
    draws = [change(rng.integers(0, len(a), size=len(a)))[0] for _ in range(300)]
    error = result.std_error / (1 + result.estimate)
    assert_allclose(error, np.std(draws), rtol=0.15)
    # Those whom both inequalities share make the change surer than independence would.
    apart = np.hypot(
        result.model.std_error / result.model.ratio,
        result.data.std_error / result.data.ratio,
    )
    assert error < 0.9 * apart


def test_a_model_that_underrates_a_subgroup_exacerbates():
    rng = np.random.default_rng(26)
    need, g = rng.random(6000), rng.choice(["b", "w"], size=6000)
    score = np.clip(need - 0.1 * (g == "b"), 0, 1)
    options = {
        "subgroups": g, "threshold": 0.5, "bounds": (0, 1), "decision_threshold": 0.3,
    }  # fmt: skip
    found = exacerbation(score, need, compare=("b", "w"), **options)
    assert found.verdict == "exacerbated"
    assert found.ci_low > 0
    found = exacerbation(score, need, compare=("w", "b"), **options)
    assert found.verdict == "relieved"
    fair = exacerbation(need, need, compare=("b", "w"), **options)
    assert fair.verdict in ("within tolerance", "insufficient evidence")


@pytest.mark.parametrize("weighted", [False, True])
def test_bootstrap_of_exacerbation_agrees_with_the_closed_form(weighted):
    a, m, g = people(37, n=3000, worse=0.6)
    rng = np.random.default_rng(37)
    options = MODEL | {
        "subgroups": g, "allocated": rng.random(len(a)) < a, "bandwidth": 0.3,
        "half_width": 0.1,
        "sample_weight": rng.uniform(0.5, 2, len(a)) if weighted else None,
    }  # fmt: skip
    closed = exacerbation(a, m, **options)
    drawn = exacerbation(
        a, m, interval="bootstrap", n_resamples=600, random_state=1, **options
    )
    assert drawn.estimate == closed.estimate
    # The standard error of a standard deviation of 600 draws is 3%, that of a
    # quantile 6% of the standard deviation.
    assert_allclose(drawn.std_error, closed.std_error, rtol=0.12)
    assert_allclose(drawn.ci_low, closed.ci_low, atol=0.25 * closed.std_error)
    assert_allclose(drawn.ci_high, closed.ci_high, atol=0.25 * closed.std_error)
    assert drawn.model.ci_low != closed.model.ci_low
    again = exacerbation(
        a, m, interval="bootstrap", n_resamples=600, random_state=1, **options
    )
    assert again == drawn


@pytest.mark.parametrize(
    ("draws", "p_value"),
    [
        ([-0.3, 0.1, 0.5, 0.8, 0.9], 2 * (1 + 1) / 6),
        ([0.3, -0.1, -0.5, -0.8, -0.9], 2 * (1 + 1) / 6),
        ([0.1, 0.4, 0.5, 0.8, 0.9], 2 * (0 + 1) / 6),
        ([0.0, 0.4, 0.5, 0.8, 0.9], 2 * (1 + 1) / 6),  # equality is on either side
        ([0.0, -0.4, -0.5, -0.8, -0.9], 2 * (1 + 1) / 6),
        ([-0.4, -0.5, 0.8, 0.9], 1.0),
    ],
)
def test_a_bootstrap_counts_draws_on_the_rarer_side_of_equality(draws, p_value):
    found = _spread_of_draws(0.4, np.array(draws), 0.8)
    assert_allclose(found.p_value, p_value)
    assert_allclose(found.std_error, np.std(draws, ddof=1))
    expected = np.quantile(draws, [0.1, 0.9])
    assert_allclose([found.ci_low, found.ci_high], expected)
    assert found.log_ratio == 0.4


def test_one_draw_has_no_standard_error_and_a_gap_no_interval():
    assert np.isnan(_spread_of_draws(0.4, np.array([0.1]), 0.8).std_error)
    gap = _spread_of_draws(0.4, np.array([0.1, np.nan, 0.3]), 0.8)
    figures = [gap.std_error, gap.ci_low, gap.ci_high, gap.p_value]
    assert np.isnan(figures).all()
    assert gap.log_ratio == 0.4


def test_bootstrap_that_draws_no_deterioration_has_no_interval():
    a, g = np.linspace(0, 1, 400), np.tile(["b", "w"], 200)
    m = np.where(np.arange(400) == 200, 9.0, 1.0) + 8.0 * (g == "w")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = exacerbation(
            a, m, subgroups=g, interval="bootstrap", n_resamples=50, random_state=0,
            half_width=1.0, **MODEL,
        )  # fmt: skip
    assert np.isnan(found.ci_low)
    assert found.verdict == "insufficient evidence"


def test_an_exacerbation_says_what_it_rests_on():
    a, m, g = people(38, n=3000)
    given = a > 0.4
    found = exacerbation(
        a, m, subgroups=g, allocated=given, tolerance=0.2, min_subgroup_size=40,
        confidence_level=0.9, **MODEL,
    )  # fmt: skip
    row = found.to_frame().iloc[0]
    assert row["n_subgroup_data"] == ((g == "b") & given).sum()
    assert row["n_reference_data"] == ((g == "w") & given).sum()
    # The first window reaches half a window below the decision threshold.
    assert row["n_subgroup_model"] == ((g == "b") & (a >= 0.25)).sum()
    assert row["n_reference_model"] == ((g == "w") & (a >= 0.25)).sum()
    assert row["covered"] == found.model.covered
    assert row["confidence_level"] == 0.9
    assert row["rule"] == found.rule
    assert "within 0.2 of 1" in found.rule
    assert "fewer than 40 rows" in found.rule
    for part in ("b against w: change", "90% interval", found.verdict, "model", "data"):
        assert part in str(found)


@pytest.mark.parametrize("allocated", [[0, 2], [0.5, 1]])
def test_allocated_must_be_zero_or_one(allocated):
    a, m, g = people(27, n=400)
    with pytest.raises(ValueError, match="`allocated` must hold 0 and 1"):
        exacerbation(a, m, subgroups=g, allocated=np.resize(allocated, 400), **MODEL)
    with pytest.raises(ValueError, match=r"one value per row of `measurement` \(400\)"):
        exacerbation(a, m, subgroups=g, allocated=allocated, **MODEL)


# ---- verdicts ----------------------------------------------------------------------
def test_verdicts():
    a, m, g = people(28, n=40_000)
    near = model_inequality(a, m, subgroups=g, tolerance=0.3, **MODEL)
    assert near.verdict == "within tolerance"
    strict = model_inequality(a, m, subgroups=g, tolerance=1e-4, **MODEL)
    assert strict.verdict == "insufficient evidence"
    _, m, _ = people(28, n=40_000, worse=1.0)
    assert model_inequality(a, m, subgroups=g, **MODEL).verdict == "unequal"


def test_too_few_rows_are_insufficient_evidence_however_far_apart():
    m = np.concatenate([np.linspace(8, 12, 25), np.linspace(0, 4, 500)])
    options = {"subgroups": np.repeat(["b", "w"], [25, 500]), "compare": ("b", "w")}
    result = dataset_inequality(m, **options, **SCALE)
    assert result.p_value < 1e-6
    assert result.verdict == "insufficient evidence"
    bold = dataset_inequality(m, min_subgroup_size=20, **options, **SCALE)
    assert bold.verdict == "unequal"


def test_nobody_deteriorated_on_one_side():
    m = np.concatenate([np.linspace(0, 2, 200), np.linspace(0, 12, 200)])
    result = dataset_inequality(
        m, subgroups=np.repeat(["b", "w"], 200), compare=("b", "w"), bandwidth=0,
        **SCALE,
    )  # fmt: skip
    assert result.estimate == -1.0
    assert np.isnan(result.ci_low)
    assert np.isnan(result.p_value)
    assert result.verdict == "insufficient evidence"


def test_equally_ill_people_on_each_side_leave_the_error_unknown():
    m = np.repeat([5.0, 8.0], 300)
    result = dataset_inequality(
        m, subgroups=np.repeat(["b", "w"], 300), compare=("b", "w"), **SCALE
    )
    assert np.isnan(result.p_value)
    assert result.verdict == "insufficient evidence"


@pytest.mark.parametrize("interval", ["closed_form", "bootstrap"])
def test_no_shared_support_is_nan_and_insufficient_evidence(interval):
    a = np.concatenate([np.linspace(0, 0.4, 300), np.linspace(0.6, 1, 300)])
    m, g = np.arange(600) % 9.0, np.repeat(["b", "w"], 300)
    options = {"subgroups": g, "compare": ("b", "w"), **SCALE}
    result = model_inequality(a, m, interval=interval, n_resamples=10, **options)
    assert np.isnan(result.estimate)
    assert (result.covered, result.n_subgroup, result.n_reference) == (0.0, 0, 0)
    assert result.verdict == "insufficient evidence"
    assert str(result).endswith(
        "near no score are there enough people of both (`min_rows`), "
        "insufficient evidence"
    )
    with pytest.warns(SmallSubgroupWarning, match="cannot be compared: no part of the"):
        assert np.isnan(da_index_ratio(a, m, **options))


def test_a_subgroup_whose_weights_are_all_zero():
    _, m, g = people(29)
    result = dataset_inequality(
        m, subgroups=g, compare=("b", "w"), sample_weight=(g == "w") * 1.0, **SCALE
    )
    assert np.isnan(result.estimate)
    assert result.n_subgroup == 0
    assert result.verdict == "insufficient evidence"


def test_a_result_says_what_it_is():
    a, m, g = people(30, n=4000, worse=0.5)
    result = model_inequality(a, m, subgroups=g, **MODEL)
    text = str(result)
    for part in (
        "b (n=",
        "against w",
        "95% interval",
        "p=",
        "unequal",
        "% of the range",
    ):
        assert part in text
    frame = result.to_frame()
    assert frame["verdict"].tolist() == ["unequal"]
    assert frame["estimate"].tolist() == [result.estimate]
    with pytest.raises(AttributeError):
        result.estimate = 0.0


# ---- input of other kinds ----------------------------------------------------------
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"tolerance": 0.5},
        {"min_subgroup_size": 700},
        {"confidence_level": 0.6},
        {"min_rows": 60},
        {"direction": "below", "threshold": 2.0},
        {"n_steps": 3},
        {"half_width": 0.1, "n_points": 30},
        {"decision_threshold": 0.5},
        {"sample_weight": True},
    ],
    ids=str,
)
def test_what_is_asked_of_a_lazy_table_is_asked_of_its_rows(asked):
    a, m, g = people(42, worse=0.3)
    options = {"bandwidth": 0.0, **MODEL} | asked
    weight = np.resize([0.5, 1.0, 2.0], len(a))
    frame = pl.LazyFrame({"a": a, "m": m, "g": g, "w": weight})
    of_table, of_rows = options | {"data": frame, "subgroups": "g"}, dict(options)
    if options.get("sample_weight"):
        of_table["sample_weight"], of_rows["sample_weight"] = "w", weight
    found = model_inequality("a", "m", **of_table)
    expected = model_inequality(a, m, subgroups=g, **of_rows)
    for field in fields(found):
        one, other = (getattr(result, field.name) for result in (found, expected))
        if isinstance(other, float):
            assert_allclose(one, other, rtol=1e-9, err_msg=field.name)
        else:
            assert one == other, field.name
    shared = {"tolerance", "min_subgroup_size", "confidence_level"}
    ratios = [
        da_index_ratio(*columns, **{k: v for k, v in how.items() if k not in shared})
        for columns, how in (
            (("a", "m"), of_table),
            ((a, m), of_rows | {"subgroups": g}),
        )
    ]
    assert_allclose(*ratios, rtol=1e-9)


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_columns_of_any_data_frame(library):
    a, m, g = people(31, n=500)
    table = library.DataFrame({"score": a, "creatinine": m, "group": g})
    by_column = da_index_ratio(
        table["score"], table["creatinine"], subgroups=table["group"], **MODEL
    )
    assert by_column == da_index_ratio(a, m, subgroups=g, **MODEL)


def test_missing_labels_are_dropped_or_grouped_on_request():
    a, m, g = people(32)
    holes = np.where(np.arange(len(g)) % 10 == 0, None, g)
    with pytest.raises(ValueError, match="`subgroups` must not have missing labels"):
        da_index_ratio(a, m, subgroups=holes, **MODEL)
    kept = np.arange(len(g)) % 10 != 0
    dropped = da_index_ratio(a, m, subgroups=holes, missing="drop", **MODEL)
    assert_allclose(
        dropped, da_index_ratio(a[kept], m[kept], subgroups=g[kept], **MODEL)
    )
    lost = model_inequality(
        a, m, subgroups=holes, missing="group",
        **MODEL | {"compare": ("(missing)", None), "decision_threshold": 0.0},
    )  # fmt: skip
    assert lost.subgroup == "(missing)"


def test_input_is_not_changed():
    columns = people(33)
    for column in columns:
        column.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model_inequality(columns[0], columns[1], subgroups=columns[2], **MODEL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"compare": ("b", "z")},
            r"`compare` names no subgroup: 'z'. There are 'b', 'w'",
        ),
        ({"compare": ("b", "b")}, "`compare` must name two different subgroups"),
        ({"compare": "bw"}, "`compare` must be a pair of subgroups"),
        ({"compare": ("b", "w", "x")}, "`compare` must be a pair of subgroups"),
        ({"compare": 3}, "`compare` must be a pair of subgroups"),
        (
            {"compare": (np.array(["b", "w"]), "w")},
            r"`compare` names no subgroup: \('b', 'w'\). There are 'b', 'w'",
        ),
        ({"compare": (np.array(["b"]), "w")}, "`compare` names no subgroup"),
        ({"compare": (pd.Series(["b", "w"]), "w")}, "`compare` names no subgroup"),
        ({"compare": ({"b"}, "w")}, "`compare` names no subgroup: {'b'}"),
        ({"tolerance": "a"}, "`tolerance` must be positive .* got 'a'"),
        ({"tolerance": None}, "`tolerance` must be positive .* got None"),
        ({"half_width": "a"}, "`half_width` must be from 1e-6 to 1; got 'a'"),
        ({"decision_threshold": "a"}, "`decision_threshold` must be from 0 to less"),
        (
            {"bounds": ("a", "b")},
            "`bounds` must be in increasing order, and numbers; got",
        ),
        ({"interval": np.array(["a", "b"])}, "`interval` must be one of"),
        ({"discrete": 1}, "`discrete` must be one of True, False, 'auto'; got 1"),
        (
            {"threshold": pd.Series({"b": 3.0, "w": 2.0})},
            r"`threshold` must be a mapping to give one number a subgroup.*to_dict\(\)",
        ),
        ({"decision_threshold": 1.0}, "`decision_threshold` must be from 0 to less"),
        ({"decision_threshold": np.nan}, "`decision_threshold` must be from 0 to less"),
        ({"confidence_level": 0.0}, "`confidence_level` must lie strictly between"),
        ({"tolerance": 0.0}, "`tolerance` must be positive"),
        (
            {"min_subgroup_size": 0},
            "`min_subgroup_size` must be an integer of at least",
        ),
        ({"interval": "wald"}, "`interval` must be one of 'closed_form', 'bootstrap'"),
        ({"n_resamples": 0}, "`n_resamples` must be an integer of at least 1"),
    ],
)
def test_refusals_name_the_argument(changes, message):
    a, m, g = people(34, n=200)
    with pytest.raises(ValueError, match=message):
        model_inequality(a, m, subgroups=g, **MODEL | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"against": "all"},
            "`against` must be one of 'rest', 'reference', 'each other'",
        ),
        ({"against": "reference"}, "`reference` must name a subgroup for against="),
        ({"reference": "b"}, "`reference` must name a subgroup for against="),
        (
            {"against": "reference", "reference": "z"},
            "`reference` names no subgroup: 'z'",
        ),
        ({"subgroups": ["b"] * 200}, "`subgroups` must hold two labels or more"),
    ],
)
def test_refusals_of_a_table_name_the_argument(changes, message):
    _, m, g = people(35, n=200)
    with pytest.raises(ValueError, match=message):
        compare_deterioration(None, m, **{"subgroups": g, **SCALE, **changes})


def test_a_table_is_refused_before_anything_is_announced():
    _, m, g = people(39, n=200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="`against` must be one of"):
            compare_deterioration(None, m, subgroups=g, against="x", threshold=3.0)


def test_a_series_in_the_order_of_the_rows_is_one_threshold_a_row():
    _, m, g = people(40, n=200)
    options = {"subgroups": g, "compare": ("b", "w"), "bounds": (0, 40)}
    rows = np.where(g == "b", 3.0, 2.0)
    assert dataset_inequality(
        m, threshold=pd.Series(rows), **options
    ) == dataset_inequality(m, threshold=rows, **options)


@pytest.mark.parametrize("name", ["allocation", "subgroups", "sample_weight"])
def test_a_column_in_another_order_is_refused(name):
    """Rows are taken by position: a shuffled Series would change every figure."""
    a, m, g = people(41, n=200)
    columns = {"subgroups": g, "sample_weight": np.ones(200), "allocation": a}
    columns[name] = pd.Series(columns[name]).sample(frac=1, random_state=0)
    measured = pd.Series(m, index=np.arange(200))
    with pytest.raises(ValueError, match=f"`{name}`.* have different ind"):
        model_inequality(columns.pop("allocation"), measured, **MODEL, **columns)


def test_labels_that_print_alike_are_told_apart():
    _, m, _ = people(41, n=300)
    labels = np.empty(300, dtype=object)
    labels[:] = [1, "1", "2"] * 100
    table = compare_deterioration(None, m, subgroups=labels, **SCALE)
    assert [result.subgroup for result in table.results] == ["1", "'1'", "2"]


@pytest.mark.parametrize(("n_labels", "end"), [(20, r"19\."), (21, r"19, \.\.\.\.")])
def test_twenty_subgroups_are_listed_where_one_is_unknown(n_labels, end):
    label = np.resize(np.arange(n_labels), 420)
    text = rf"names no subgroup: 'x'\. There are 0, 1, .*{end}$"
    with pytest.raises(ValueError, match=text):
        dataset_inequality(np.ones(420), subgroups=label, compare=("x", 0), **SCALE)


def test_one_subgroup_has_no_rest():
    _, m, _ = people(36, n=200)
    with pytest.raises(ValueError, match="has no rest: 'b' is the only subgroup"):
        dataset_inequality(m, subgroups=["b"] * 200, compare=("b", None), **SCALE)
