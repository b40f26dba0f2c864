"""Whom did a remedy harm? Bounds that hold at once, and what they are called."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import skew, ttest_rel

from sklearn_equity.fidelity import resolve_metric
from sklearn_equity.remediation import fidelity_change, no_harm_test
from sklearn_equity.remediation._paired import PairedRows
from sklearn_equity.remediation._sign_flips import (
    Loan,
    SumOfParts,
    largest_by_chance,
)


def _reseeded(rng, n_rows):
    """Two models that differ by chance alone: heavy shared noise, own small errors."""
    y_true = 40 + rng.gamma(2.0, 3.0, n_rows)
    shared = y_true + 2.0 * rng.standard_t(4, n_rows)
    return y_true, *(shared + 0.5 * rng.standard_t(4, n_rows) for _ in range(2))


def _wards(n_rows, n_wards=4):
    return np.arange(n_rows) % n_wards


def _halved(y_true, before, who):
    return np.where(who, (y_true + before) / 2.0, before)


# ---- laws ------------------------------------------------------------------------
def test_swapping_the_models_swaps_harm_and_gain():
    y_true, before, after = _reseeded(np.random.default_rng(5), 400)
    one, other = (
        no_harm_test(y_true, *pair, subgroups=_wards(400), metric="mae", random_state=0)
        for pair in ((before, after), (after, before))
    )
    assert_allclose(one.harm, -other.harm)
    assert_allclose(one.harm_low, -other.harm_high, rtol=0.15)  # other flips


def test_equal_seeds_agree_and_row_order_changes_no_figure_but_chance():
    y_true, before, after = _reseeded(np.random.default_rng(6), 300)
    order = np.random.default_rng(7).permutation(300)
    wards = _wards(300)
    one, same = (
        no_harm_test(y_true, before, after, subgroups=wards, random_state=3)
        for _ in range(2)
    )
    moved = no_harm_test(
        y_true[order],
        before[order],
        after[order],
        subgroups=wards[order],
        random_state=3,
    )
    assert_array_equal(one.harm_high, same.harm_high)
    assert_allclose(one.harm, moved.harm, rtol=1e-9)
    assert_allclose(one.harm_high - one.harm, moved.harm_high - moved.harm, rtol=0.15)


def test_the_same_predictions_harm_nobody():
    y_true, before, _ = _reseeded(np.random.default_rng(8), 200)
    result = no_harm_test(y_true, before, before, subgroups=_wards(200))
    assert_array_equal(result.harm, 0.0)
    assert set(result.verdict) == {"unharmed"}
    assert result.no_harm
    assert result.harmed == result.improved == ()


def test_more_subgroups_widen_the_bounds_and_repeating_a_grouping_does_not():
    y_true, before, after = _reseeded(np.random.default_rng(9), 600)
    wards = _wards(600, 12)
    reach = [
        np.ptp([(r := test).harm_low[0], r.harm_high[0]])
        for test in (
            no_harm_test(
                y_true, before, after, subgroups=groupings, n_resamples=1000,
                random_state=0,
            )
            for groupings in ({}, {"ward": wards}, {"ward": wards, "again": wards})
        )
    ]  # fmt: skip
    assert reach[1] > 1.2 * reach[0]
    assert_allclose(reach[2], reach[1], rtol=1e-12)


# ---- hand-worked cases and oracles -----------------------------------------------
def test_p_value_against_all_sign_flips():
    rng = np.random.default_rng(11)
    y_true = np.zeros(10)
    before, after = rng.normal(0, 1, 10), rng.normal(0, 1.6, 10)
    difference = np.abs(after) - np.abs(before)
    flipped = np.array(list(product([-1, 1], repeat=10))) @ difference
    exact = np.mean(flipped >= difference.sum() - 1e-12)
    result = no_harm_test(
        y_true,
        before,
        after,
        subgroups={},
        metric="mae",
        min_subgroup_size=10,
        n_resamples=20000,
        random_state=0,
    )
    assert_allclose(result.p_harm[0], exact, atol=0.012)


def test_bounds_of_a_mean_against_a_paired_t_test():
    rng = np.random.default_rng(12)
    y_true, before, after = _reseeded(rng, 500)
    result = no_harm_test(
        y_true,
        before,
        after,
        subgroups={},
        metric="mae",
        n_resamples=4000,
        random_state=0,
    )
    paired = ttest_rel(
        np.abs(after - y_true), np.abs(before - y_true), alternative="greater"
    )
    assert_allclose(result.p_harm[0], paired.pvalue, atol=0.025)
    low = paired.confidence_interval(0.95).low
    assert_allclose(result.harm_low[0], low, atol=0.06 * abs(result.harm[0] - low))


def test_figures_are_those_of_fidelity_change():
    y_true, before, after = _reseeded(np.random.default_rng(13), 400)
    groupings = {"ward": _wards(400)}
    change = fidelity_change(y_true, before, after, subgroups=groupings)
    result = no_harm_test(y_true, before, after, subgroups=groupings, random_state=0)
    assert_allclose(result.before, change.before)
    assert_allclose(result.harm, change.change)
    assert result.subgroup == change.subgroup


def test_harm_of_a_score_is_its_fall():
    y_true = np.tile([0.0, 1.0], 100)
    after = y_true.copy()
    after[:40] = 1.0 - after[:40]
    result = no_harm_test(
        y_true, y_true, after, subgroups={}, metric="accuracy", random_state=0
    )
    assert result.harm[0] == pytest.approx(0.2)
    assert result.harmed == ("everybody",)


def test_verdicts_of_a_ward_that_gained_one_that_lost_and_one_too_small():
    y_true, before, _ = _reseeded(np.random.default_rng(14), 620)
    ward = np.repeat(["gains", "loses", "same", "tiny"], [200, 200, 200, 20])
    after = _halved(y_true, before, ward == "gains")
    after = np.where(ward == "loses", 2.0 * before - y_true, after)
    result = no_harm_test(
        y_true, before, after, subgroups={"ward": ward}, random_state=0
    )
    assert result.verdict[1:] == (
        *("improved", "harmed", "unharmed"),
        "insufficient evidence",
    )
    assert np.isnan(result.harm_high[-1])
    assert not result.no_harm
    assert "ward = loses" in result.harmed
    text = repr(result)
    assert "with a chance of at most 0.05 that anybody is called so in error" in text
    assert "ward = gains" in text


def _two_wards_of_unequal_error():
    rng = np.random.default_rng(15)
    y_true = rng.uniform(30, 60, 800)
    ward = np.repeat(["best", "worst"], 400)
    error = rng.normal(0, np.where(ward == "best", 1.0, 4.0))
    return y_true, error, ward


def test_levelling_down_is_named_where_the_best_lose():
    y_true, error, ward = _two_wards_of_unequal_error()
    after = np.where(ward == "best", 3.0 * error, error)
    result = no_harm_test(
        y_true, y_true + error, y_true + after, subgroups={"ward": ward}
    )
    (found,) = result.levelling_down
    assert found.harmed == ("best",)
    assert found.share == 1.0
    gap = result.before[2] - result.before[1]
    assert found.gap_before == pytest.approx(gap)
    assert "Levelling down of ward: the gap narrowed from" in repr(result)
    change = fidelity_change(
        y_true, y_true + error, y_true + after, subgroups={"ward": ward}
    )
    assert change.levelling_down == result.levelling_down
    assert "Levelling down of ward" in str(change)


@pytest.mark.parametrize(
    ("best", "worst"), [(1.0, 0.5), (2.0, 4.0)], ids=["worst gains", "gap grows"]
)
def test_levelling_down_is_not_said_of_a_gain_nor_of_a_wider_gap(best, worst):
    y_true, error, ward = _two_wards_of_unequal_error()
    after = error * np.where(ward == "best", best, worst)
    result = no_harm_test(
        y_true, y_true + error, y_true + after, subgroups={"ward": ward}
    )
    assert result.levelling_down == ()
    assert "Levelling" not in repr(result)


def test_frame_has_a_row_a_subgroup():
    y_true, before, after = _reseeded(np.random.default_rng(16), 200)
    ward = pd.Series(_wards(200), name="ward")
    result = no_harm_test(y_true, before, after, subgroups=ward, random_state=0)
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["subgroup"].tolist() == ["everybody", "0", "1", "2", "3"]
    assert frame["verdict"].tolist() == list(result.verdict)


def test_an_exchange_of_a_row_flips_its_part_and_no_other():
    # What makes flips of signs exact: one model has made one very large error.
    rng = np.random.default_rng(17)
    y_true, before, after = _reseeded(rng, 40)
    after[3] += 60.0
    metric = resolve_metric("nrmse")
    parts = PairedRows.of(metric, y_true, before, after).parts_by_exchange()
    harm = np.sqrt(np.mean((after - y_true) ** 2))
    harm = (harm - np.sqrt(np.mean((before - y_true) ** 2))) / y_true.mean()
    assert_allclose(parts.sum(), harm)
    swap = np.isin(np.arange(40), [3, 8, 30])
    exchanged = PairedRows.of(
        metric, y_true, np.where(swap, after, before), np.where(swap, before, after)
    ).parts_by_exchange()
    flipped = np.where(swap, -1.0, 1.0) * parts
    assert_allclose(exchanged / exchanged[0], flipped / flipped[0], rtol=1e-5)


def test_statistic_is_halls_for_every_flip():
    rng = np.random.default_rng(18)
    parts = rng.gamma(0.5, 1.0, 12) - 0.4
    flips = np.array(list(product([-1.0, 1.0], repeat=12))) * parts
    t = flips.mean(axis=1) / flips.std(axis=1, ddof=1)
    g = skew(flips, axis=1)
    hall = np.sqrt(12) * (t + g * t**2 / 3 + g**2 * t**3 / 27 + g / 72)
    drawn = largest_by_chance(
        [parts],
        [np.arange(12)],
        loan=Loan.of(parts),
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    levels = [0.05, 0.5, 0.9, 0.95]
    assert_allclose(np.quantile(drawn, levels), np.quantile(hall, levels), atol=0.06)
    whole = SumOfParts.of(parts)
    assert_allclose(whole.statistic, hall[-1])
    for critical in (-1.5, 0.7, 2.0):
        low, _ = whole.bounds(critical)
        assert_allclose(SumOfParts.of(parts - low / 12).statistic, critical)


def test_weights_are_repeated_rows_but_for_what_is_known():
    rng = np.random.default_rng(23)
    y_true, before, after = _reseeded(rng, 300)
    ward, weights = _wards(300), rng.integers(1, 4, 300)
    found = no_harm_test(
        y_true, before, after, subgroups=ward, sample_weight=weights, random_state=0
    )
    rows = np.repeat(np.arange(300), weights)
    repeated = no_harm_test(
        y_true[rows], before[rows], after[rows], subgroups=ward[rows], random_state=0
    )
    for name in ("before", "after", "harm"):
        assert_allclose(getattr(found, name), getattr(repeated, name), rtol=1e-5)
    # Repeated rows are no new people: the bounds of weights are the wider.
    assert np.all(found.harm_low < repeated.harm_low)
    assert_array_equal(found.n[1:], 75)
    doubled = no_harm_test(
        y_true, before, after, subgroups=ward, sample_weight=2 * weights, random_state=0
    )
    assert_allclose(doubled.harm_low, found.harm_low, rtol=1e-5)


def test_a_ward_that_hardly_counts_is_not_judged_and_moves_nobody():
    rng = np.random.default_rng(24)
    y_true, before, after = _reseeded(rng, 400)
    ward = _wards(400)
    after = np.where(ward == 0, after + 30.0, after)
    weights = np.where((ward == 0) & (np.arange(400) > 20), 1e-9, 1.0)
    options = {"subgroups": ward, "metric": "rmse", "random_state": 0}
    assert "everybody" in no_harm_test(y_true, before, after, **options).harmed
    found = no_harm_test(y_true, before, after, sample_weight=weights, **options)
    assert found.verdict[1] == "insufficient evidence"  # six people who count
    assert np.isnan(found.harm_low[1])


def test_rows_of_one_household_flip_together():
    # Ten visits of each of forty people are as good as one visit with their sums.
    rng = np.random.default_rng(25)
    y_true, before, after = _reseeded(rng, 40)
    ward, person = _wards(40, 1), np.repeat(np.arange(40), 10)
    options = {"metric": "mae", "random_state": 0}
    once = no_harm_test(y_true, before, after, subgroups=ward, **options)
    visits = [values[person] for values in (y_true, before, after)]
    ten = no_harm_test(*visits, subgroups=ward[person], groups=person, **options)
    for name in ("harm", "harm_low", "harm_high", "p_harm"):
        assert_allclose(getattr(ten, name), getattr(once, name))
    assert_array_equal(ten.n, 400)
    with_fewer = no_harm_test(
        *visits, subgroups=ward[person], groups=person, min_subgroup_size=41, **options
    )
    assert np.isnan(with_fewer.harm_low).all()


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": -0.1}, "`tolerance` must be a share from 0 to 1,000"),
        ({"tolerance": 2000.0}, "such as 0.1 for a tenth; got 2000.0"),
        ({"n_resamples": 10}, "`n_resamples` must be a whole number of at least 100"),
        ({"metric": "roc_auc"}, "`metric` must follow from sums over rows"),
        ({"confidence_level": 1.0}, "`confidence_level` must lie strictly between"),
        ({"sample_weight": [1.0, 2.0]}, "`sample_weight`"),
        ({"groups": [1, 2]}, "`groups` must have one label per row of `y_true`"),
        ({"subgroups": [1, 2]}, "must have one label per row of `y_true`"),
    ],
)
def test_refuses(options, message):
    y_true = np.tile([0.0, 1.0], 20)
    options = {"subgroups": np.arange(40) % 2, **options}
    with pytest.raises(ValueError, match=message):
        no_harm_test(y_true, y_true, y_true, **options)


# ---- how often it errs -----------------------------------------------------------
N_ROWS = int(np.geomspace(30, 400, 12).astype(int).sum())


def _false_alarms(draw, n_runs, **options):
    """Return how often anybody is called harmed, and how often improved."""
    alarms = np.zeros(2)
    for run in range(n_runs):
        rng = np.random.default_rng([731, run])
        y_true, before, after = draw(rng)
        sizes = np.repeat(np.arange(12), np.geomspace(30, 400, 12).astype(int))
        sexes = rng.integers(0, 2, len(y_true))
        result = no_harm_test(
            y_true,
            before,
            after,
            subgroups={"ward": sizes, "sex": sexes},
            n_resamples=200,
            random_state=run,
            **options,
        )
        alarms += bool(result.harmed), bool(result.improved)
    return alarms / n_runs


def _permuted(rng):
    """A model and a better one, whose predictions were exchanged at random by row."""
    y_true = 40 + rng.gamma(2.0, 3.0, N_ROWS)
    before = y_true + rng.gamma(1.0, 4.0, N_ROWS) - 4.0
    after = (y_true + before) / 2.0 + rng.normal(0.0, 2.0, N_ROWS)
    swap = rng.random(N_ROWS) < 0.5
    return y_true, np.where(swap, after, before), np.where(swap, before, after)


def _hba1c(rng):
    """An outcome with the tail of HbA1c, and its mean."""
    tail = (rng.random(N_ROWS) < 0.06) * rng.gamma(1.5, 11.5, N_ROWS) - 0.06 * 17.25
    return 36.0 + rng.normal(0.0, 3.6, N_ROWS) + tail, np.full(N_ROWS, 36.0)


def _off_by_opposite_amounts(rng):
    """Two models equally far from the mean, on either side of it at random."""
    y_true, mean = _hba1c(rng)
    off = rng.normal(0.0, 0.5, N_ROWS)
    return y_true, mean + off, mean - off


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["rmse", "nrmse", "mae"])
@pytest.mark.parametrize(
    "draw",
    [lambda rng: _reseeded(rng, N_ROWS), _permuted, _off_by_opposite_amounts],
    ids=["reseeded", "permuted", "off by opposite amounts"],
)
def test_false_alarms_where_nothing_changed_are_at_the_nominal_level(draw, metric):
    harmed, improved = _false_alarms(draw, 600, metric=metric)
    print(f"{metric}: of 600 runs {harmed:.3f} harmed, {improved:.3f} improved (.05)")
    # Three standard errors of .0089 to either side.
    assert 0.023 <= harmed <= 0.077
    assert 0.023 <= improved <= 0.077


def _off_by_a_shift(rng):
    """Two models that miss everybody's mean by .7, one below and one above it.

    The squared errors agree in the mean, and differ by much for the few in the tail.
    """
    y_true, mean = _hba1c(rng)
    return y_true, mean - 0.7, mean + 0.7


def _risks_apart(rng):
    """A rare illness, and risks that are too low by as much as the others too high."""
    ill = (rng.random(N_ROWS) < 0.03).astype(float)
    return ill, np.full(N_ROWS, 0.01), np.full(N_ROWS, 0.05)


def _few_moved(rng):
    """One person in twenty, whom an expert moved from below the mean to above it."""
    y_true, mean = _hba1c(rng)
    moved = 2.0 * (rng.random(N_ROWS) < 0.05)
    return y_true, mean - moved, mean + moved


def _off_by_a_shift_and_unlike(rng):
    """The same; wards differ in scale, and every other one has no tail."""
    y_true, mean = _hba1c(rng)
    sizes = np.geomspace(30, 400, 12).astype(int)
    scale = np.repeat(np.exp(rng.normal(0.0, 0.5, 12)), sizes)
    tailed = np.repeat(np.arange(12) % 2 == 0, sizes)
    noise = np.where(tailed, y_true - mean, rng.normal(0.0, 6.4, N_ROWS))
    return mean + scale * noise, mean - 0.7, mean + 0.7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "metric", "most"),
    [
        (_off_by_a_shift, "rmse", 0.05),
        (_off_by_a_shift_and_unlike, "rmse", 0.07),
        (_risks_apart, "brier", 0.05),
        (_few_moved, "rmse", 0.07),
    ],
)
def test_false_alarms_where_one_side_has_the_tail(draw, metric, most):
    harmed, improved = _false_alarms(draw, 600, metric=metric)
    print(f"{draw.__name__}: of 600 runs {harmed:.3f} harmed, {improved:.3f} improved")
    # Three standard errors above; to the other side it may be cautious.
    assert max(harmed, improved) <= most + 3 * np.sqrt(most * (1 - most) / 600)


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "least"), [(1.0, 0.9), (0.7, 0.8), (0.5, 0.5)])
def test_what_small_subgroups_borrow_costs_power_to_the_quiet_alone(scale, least):
    # In one ward of twelve the second model errs a tenth more, and everybody's errors
    # are as large or smaller.
    sizes = np.geomspace(30, 400, 12).astype(int)
    ward = np.repeat(np.arange(12), sizes)
    found = 0
    for run in range(200):
        rng = np.random.default_rng([99, run])
        y_true, mean = _hba1c(rng)
        y_true = np.where(ward == 6, mean + scale * (y_true - mean), y_true)
        before, after = (mean + rng.normal(0, 0.5, N_ROWS) for _ in range(2))
        after = np.where(ward == 6, y_true + 1.1 * (after - y_true), after)
        result = no_harm_test(
            y_true, before, after, subgroups=ward, metric="rmse", n_resamples=200,
            random_state=run,
        )  # fmt: skip
        found += result.verdict[7] == "harmed"
    print(f"power {found / 200:.3f} at a scale of {scale}")
    assert found / 200 > least


def _moments(parts, loan=None, members=None):
    """Variance and third central moment that a sum takes for those of its parts."""
    one = SumOfParts.of(parts, loan, members)
    variance = one.error**2 * (one.n - 1) / one.n**2
    return np.array([variance, one.skewness * variance**1.5])


def test_a_subgroup_is_lent_the_tail_that_it_may_not_have_seen():
    # By hand: 3 of fifty people may have gone unseen, .06 of the distribution; of
    # everybody a tenth is larger than these fifty, with parts of 9.
    everybody = np.repeat([9.0, -1.0], [40, 360])
    loan, members = Loan.of(everybody), np.arange(100, 150)
    for scale in (1.0, 0.5):  # slopes of their own, in which everybody has others
        variance, third = _moments(np.full(50, -scale), loan, members)
        assert_allclose(variance, 3 / 50 * 81 * scale**2)
        skewness = (0.1 * 9.0**3 - 0.9) / 27.0 * 100 / 150  # of 100 people and of 50
        assert_allclose(third / variance**1.5, skewness)
    # No more of them can be missing than everybody has.
    rare = np.repeat([9.0, -1.0], [2, 398])
    assert_allclose(
        _moments(np.full(50, -1.0), Loan.of(rare), members)[0], 2 / 400 * 81
    )
    # Alone, they would be certain to a person.
    assert SumOfParts.of(np.full(50, -1.0)).error == 0.0


def test_who_varies_more_than_everybody_and_leans_more_borrows_nothing():
    rng = np.random.default_rng(19)
    parts = rng.normal(0.0, 1.0, 2000)
    members = np.arange(50)
    parts[members] = 2.0 * rng.gamma(1.0, 1.0, 50) - 2.0
    parts[0] = 9.0  # nobody is larger
    found = _moments(parts[members], Loan.of(parts), members)
    assert_allclose(found, _moments(parts[members]))
    # Of everybody, nothing but the same is lent.
    everybody = np.arange(2000)
    assert_allclose(_moments(parts, Loan.of(parts), everybody), _moments(parts))


def test_skewness_of_everybody_is_lent_only_where_it_is_more_than_chance():
    rng = np.random.default_rng(20)
    tail, members = rng.gamma(0.5, 1.0, 2000) - 0.5, np.arange(40)
    tail[members] = rng.choice([-0.1, 0.1], 40)  # quiet people
    quiet = tail[members]
    assert SumOfParts.of(quiet, Loan.of(tail), members).skewness > 1.0
    straight = np.append(quiet, tail[40:] * rng.choice([-1.0, 1.0], 1960))
    one = SumOfParts.of(quiet, Loan.of(straight), members)
    assert abs(one.skewness) < 0.1
    assert one.error > 2.0 * SumOfParts.of(quiet).error
    assert SumOfParts.of(np.zeros(5), Loan.of(np.zeros(9)), np.arange(5)).error == 0.0


def test_nobody_harmed_is_no_evidence_where_events_are_rare():
    # Of 300 people 9 fell ill. Where nobody did, the lower risk did better for all
    # alike, which is not that it is the better one.
    ward = np.repeat(np.arange(6), 50)
    ill = np.zeros(300)
    ill[[*range(3), *range(50, 53), *range(100, 103)]] = 1.0
    result = no_harm_test(
        ill,
        np.full(300, 0.01),
        np.full(300, 0.05),
        subgroups=ward,
        metric="brier",
        random_state=0,
    )
    assert not result.harmed
    assert not result.improved
