"""What is measured of sums alone, by hand: cells, errors, intervals, checks."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from scipy.stats import binomtest
from scipy.stats import t as student

from sklearn_equity import AuditAccumulator, fidelity_of_table
from sklearn_equity.fidelity import error_level, pairs_of, resolve_metric
from sklearn_equity.fidelity._error_cells import (
    _error_of,
    by_subgroup,
    rows_of_cells,
    without_rare_cells,
)
from sklearn_equity.fidelity._from_moments import _intervals
from sklearn_equity.sufficient_statistics import SubgroupMoments

NaN = np.nan


def table_of(y_true, y_pred, subgroups, *, weight=None, **options):
    columns = {"y": y_true, "p": y_pred, "ward": subgroups}
    if weight is not None:
        columns["w"] = weight
        options["sample_weight"] = "w"
    return fidelity_of_table(
        pl.LazyFrame(columns),
        y_true="y",
        y_pred="p",
        subgroups="ward",
        **{"n_resamples": 50, "random_state": 0} | options,
    )


# ---- cells -------------------------------------------------------------------------
def test_levels_count_half_doublings_from_a_thousand():
    mae, bias = resolve_metric("mae"), resolve_metric("bias")
    errors = np.array([0.0, 1.0, 2.0, 2.0**0.3, 2.0**0.35, 1e-300, 1e300])
    found = error_level(mae, np.zeros(7), errors)
    # A step is at 2 to the power of a third of a half and of every half above it.
    expected = [1000 - 500, 1000, 1002, 1000, 1001, 1000 - 500, 1000 + 500]
    assert_array_equal(found, expected)
    assert_array_equal(error_level(bias, np.zeros(7), -errors)[1:], -found[1:])
    assert error_level(bias, np.zeros(1), np.zeros(1))[0] == 0.0


def cells_of(metric, y_true, y_pred, ward, weight=None):
    seen = AuditAccumulator(metric=metric)
    seen.update(y_true, y_pred, ward, sample_weight=weight)
    return seen._moments["subgroups"]


@pytest.mark.parametrize(("metric", "power"), [("mae", 1), ("rmse", 2), ("bias", 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_error_of_a_cell_is_the_mean_that_the_metric_takes(metric, power, weighted):
    rng = np.random.default_rng(11)
    error, ward = rng.normal(size=400), rng.choice(["a", "b"], 400)
    weight = rng.uniform(0.5, 2, 400) if weighted else None
    chosen = resolve_metric(metric)
    cells = cells_of(metric, np.zeros(400), error, ward, weight)
    found = _error_of(cells, chosen)
    level = error_level(chosen, np.zeros(400), error)
    for (label, bin_), value in zip(pairs_of(cells), found, strict=True):
        rows = (ward == label) & (level == bin_)
        size = np.abs(error[rows]) ** power
        mean = np.average(size, weights=None if weight is None else weight[rows])
        sign = np.sign(error[rows][0]) if metric == "bias" else 1.0
        assert_allclose(value, sign * mean ** (1 / power), rtol=1e-9)


def test_rows_stand_for_a_cell_with_its_number_its_target_and_its_weights():
    truth = np.array([30.0, 34.0, 38.0, 42.0, 50.0, 50.0])
    error = np.array([1.0, 1.05, 1.0, 1.05, 8.0, 0.0])
    ward = np.array(["a"] * 4 + ["b"] * 2)
    weight = np.array([1.0, 3.0, 1.0, 3.0, 2.0, 2.0])
    chosen = resolve_metric("nrmse")
    cells = cells_of("nrmse", truth, truth + error, ward, weight)
    data, codes = rows_of_cells(cells, chosen, ("a", "b"))
    assert_array_equal(np.bincount(codes.codes), [4, 2])
    assert codes.labels == ("a", "b")
    a, b = codes.codes == 0, codes.codes == 1
    errors = data.y_pred - data.y_true
    assert_allclose(errors[a], np.sqrt((1 + 3 * 1.05**2) / 4))  # by weight
    assert_allclose(sorted(errors[b]), [0.0, 8.0], atol=1e-12)
    # The weights 1 and 3 are 1 to both sides of 2, each beside either side of a target.
    assert_allclose(sorted(data.sample_weight[a]), [1.0, 1.0, 3.0, 3.0])
    level = (weight[:4] @ truth[:4]) / weight[:4].sum()
    apart = np.sqrt(np.mean((weight[:4] * (truth[:4] - level)) ** 2)) / 2.0
    assert_allclose(sorted(data.y_true[a]), level + apart * np.array([-1, -1, 1, 1]))
    assert len(set(zip(data.y_true[a], data.sample_weight[a], strict=True))) == 4
    assert_allclose(data.y_true[b], 50.0)
    for side in (data.y_true[a] < level, data.y_true[a] > level):
        assert_allclose(sorted(data.sample_weight[a][side]), [1.0, 3.0])


def test_of_many_rows_an_even_sample_stands_for_all():
    cells = SubgroupMoments(
        *(("weight", "unit 1", "target"), (("a", 1000.0), ("b", 1004.0))),
        np.array([90_000, 30_000]),
        mean=np.array([[1.0, 1.0, 0.0], [1.0, 16.0, 0.0]]),
        scatter=np.zeros((2, 3, 3)),
    )
    data, codes = rows_of_cells(cells, resolve_metric("rmse"), ("a", "b"))
    assert_array_equal(np.bincount(codes.codes), [24_576, 8_192])  # 3 to 1, of 2^15
    assert_allclose(np.unique(data.y_pred), [1.0, 4.0])


def test_people_without_a_label_come_last():
    cells = cells_of("mae", np.zeros(3), np.ones(3), np.array(["(missing)", "x", "a"]))
    assert by_subgroup(cells).subgroups == ("a", "x", "(missing)")


def counted(**levels):
    """Cells of subgroups, from counts by level; every row adds its level to the sum."""
    labels = [(ward, level) for ward, held in levels.items() for level in held]
    n = np.array([n for held in levels.values() for n in held.values()])
    sums = n * np.array([level for _, level in labels])
    return SubgroupMoments.from_sums(
        *(("weight", "level"), labels, n, np.column_stack([n, sums]).astype(float)),
        np.zeros((len(n), 2, 2)),
    )


def held(cells):
    return {
        pair: (int(n), float(total))
        for pair, n, total in zip(
            pairs_of(cells), cells.n, cells.sums[:, 1], strict=True
        )
    }


def test_rare_cells_join_inwards_until_enough_are_together():
    cells = counted(a={-9.0: 2, -5.0: 3, 1.0: 6, 7.0: 1, 3.0: 2}, b={4.0: 1, 2.0: 1})
    found = held(without_rare_cells(cells, 5))
    # From 9 by 7 to 5: 2 + 1 + 3 are enough. Then 2 at 3 wait for the 6 at 1.
    assert found == {
        ("a", -5.0): (6, 2 * -9.0 + 7.0 + 3 * -5.0),
        ("a", 1.0): (8, 2 * 3.0 + 6.0),
        ("b", 0.0): (2, 6.0),
    }
    # Who is left over inside joins the last that was enough.
    found = held(without_rare_cells(counted(a={9.0: 5, 4.0: 3, 1.0: 1}), 5))
    assert found == {("a", 9.0): (9, 45.0 + 12.0 + 1.0)}
    found = held(without_rare_cells(counted(a={9.0: 5, 4.0: 5}), 5))
    assert found == {("a", 9.0): (5, 45.0), ("a", 4.0): (5, 20.0)}


# ---- figures from sums -------------------------------------------------------------
def risks(n=60, seed=7):
    rng = np.random.default_rng(seed)
    ward = np.repeat(["a", "b"], n // 2)
    risk = rng.uniform(0.05, 0.95, n)
    return 1.0 * (rng.random(n) < risk), risk, ward


def _with_strays(error, p, w):
    """Widen a Brier score's error as if 100 people more strayed as their risks say."""
    expected = np.average(p * (1 - p), weights=w)
    square = np.average(p * (1 - p) ** 4 + (1 - p) * p**4, weights=w)
    strays = (square - expected**2) * (w**2).sum() / w.sum() ** 2
    n = len(p)
    return max(error, np.sqrt((n * error**2 + 100 * strays) / (n + 100)))


@pytest.mark.parametrize("weighted", [False, True])
def test_error_and_interval_of_a_mean_by_hand(weighted):
    y_true, risk, ward = risks()
    weight = np.random.default_rng(1).uniform(0.5, 2, 60) if weighted else np.ones(60)
    table = table_of(
        *(y_true, risk, ward),
        weight=weight if weighted else None,
        metric="brier",
        confidence_level=0.9,
    )
    for i, label in enumerate("ab"):
        squared, w = ((y_true - risk) ** 2)[ward == label], weight[ward == label]
        mean = np.average(squared, weights=w)
        error = np.sqrt((w**2 * (squared - mean) ** 2).sum()) / w.sum()
        assert_allclose(table.estimate[i], mean)
        assert_allclose(table.std_error[i], error, rtol=1e-6)
        error = _with_strays(error, risk[ward == label], w)
        reach = student(29).ppf(0.95) * error / (mean * (1 - mean))
        ends = expit(logit(mean) + np.array([-reach, reach]))
        assert_allclose([table.ci_low[i], table.ci_high[i]], ends, rtol=1e-6)
        assert table.weight[i] == pytest.approx(w.sum())
    squared = (y_true - risk) ** 2
    mean = np.average(squared, weights=weight)
    error = np.sqrt((weight**2 * (squared - mean) ** 2).sum()) / weight.sum()
    assert_allclose(table.overall.std_error, error, rtol=1e-6)
    error = _with_strays(error, risk, weight)
    reach = student(59).ppf(0.95) * error / (mean * (1 - mean))
    assert_allclose(table.overall.ci_low, expit(logit(mean) - reach), rtol=1e-6)
    assert_allclose(table.overall.ci_high, expit(logit(mean) + reach), rtol=1e-6)
    assert table.overall.n == 60


@pytest.mark.parametrize(
    "metric", ["accuracy", "sensitivity", "specificity", "balanced_accuracy"]
)
def test_shares_have_wilsons_interval(metric):
    y_true, risk, ward = risks(80)
    y_pred = np.round(risk)
    table = table_of(y_true, y_pred, ward, metric=metric)
    for i, label in enumerate("ab"):
        here = ward == label
        counted = {
            "accuracy": [here],
            "sensitivity": [here & (y_true == 1)],
            "specificity": [here & (y_true == 0)],
            "balanced_accuracy": [here & (y_true == 1), here & (y_true == 0)],
        }[metric]
        right = [int((y_true == y_pred)[rows].sum()) for rows in counted]
        n = [int(rows.sum()) for rows in counted]
        ends = [
            binomtest(k, m).proportion_ci(method="wilson")
            for k, m in zip(right, n, strict=True)
        ]
        value = np.array(right) / n
        below = np.sqrt(((value - [end.low for end in ends]) ** 2).sum()) / len(n)
        above = np.sqrt(((value - [end.high for end in ends]) ** 2).sum()) / len(n)
        assert_allclose(table.estimate[i], value.mean())
        assert_allclose(table.ci_low[i], value.mean() - below)
        assert_allclose(table.ci_high[i], value.mean() + above)


@pytest.mark.parametrize("n_cases", [9, 10])
def test_ten_of_a_class_and_the_least_size_are_judged(n_cases):
    y_true = np.r_[np.arange(30) < n_cases, np.arange(30) < 15].astype(float)
    risk = 0.3 + 0.2 * y_true + 0.01 * (np.arange(60) % 7)
    ward, weight = np.repeat(["few", "many"], 30), np.full(60, 0.25)
    for size, truth in ((30, y_true), (30, 1 - y_true), (31, y_true)):
        table = table_of(
            *(truth, risk, ward),
            metric="brier",
            weight=weight,
            min_subgroup_size=size,
        )
        assert table.judged.tolist() == [size == 30 and n_cases == 10] * 2


def test_reach_is_as_many_errors_as_quantiles_say():
    estimate, error = np.array([2.0, 2.0, 2.0, 0.5]), np.array([0.4, 0.4, 0.0, 0.0])
    n, reach = np.array([10, 9, 10, 10]), np.tile([-3.0, 1.5], (4, 1))
    low, high = _intervals(resolve_metric("mae"), estimate, error, n, reach)
    unit = 0.2  # of the logarithm
    assert_allclose(low, [2 * np.exp(-1.5 * unit), NaN, 2.0, 0.5])
    assert_allclose(high, [2 * np.exp(3.0 * unit), NaN, 2.0, 0.5])
    low, high = _intervals(resolve_metric("brier"), estimate / 4, error, n, reach)
    assert_array_equal(np.isnan(low), [False, True, True, True])
    assert_array_equal(np.isnan(high), [False, True, True, True])


def test_one_row_has_a_figure_without_an_error():
    rng = np.random.default_rng(12)
    y_true = rng.normal(size=401)
    ward = np.repeat(["a", "b", "one"], [200, 200, 1])
    table = table_of(y_true, y_true + rng.normal(size=401), ward, metric="bias")
    assert np.isnan(table.std_error[2])
    assert np.isnan(table.ci_low[2])
    assert np.isfinite(table.estimate[2])
    assert table.judged.tolist() == [True, True, False]
    assert "sums, not rows" in table.rule


def test_who_is_worse_by_hand_from_sums():
    """Errors with SDs of 1 and 1.3 about a limit that the worse is far beyond."""
    pattern = np.resize([-1.0, 1.0, -0.5, 0.5], 400)
    y_pred = np.r_[pattern, 1.3 * pattern, 1.02 * pattern]
    ward = np.repeat(["a", "b", "c"], 400)
    table = table_of(np.zeros(1200), y_pred, ward, metric="rmse", n_resamples=500)
    assert table.verdict == ("served", "under-served", "served")
    level = np.sqrt(np.mean(pattern**2))
    assert_allclose(table.reference, level * (1 + 1.3 + 1.02) / 3)


# ---- checks of a table -------------------------------------------------------------
GOOD = {"y_true": np.r_[0.0, 1.0, 0.0, 1.0], "y_pred": np.r_[0.0, 1.0, 0.5, 1.0]}


def checked(metric, *, weight=None, **changed):
    columns = {name: np.tile(v, 10) for name, v in (GOOD | changed).items()}
    ward = np.tile(["a", "b", "b", "a"], 10)
    weight = None if weight is None else np.tile(weight, 10)
    return table_of(
        columns["y_true"], columns["y_pred"], ward, metric=metric, weight=weight
    )


@pytest.mark.parametrize(
    ("metric", "changed", "text"),
    [
        (
            "brier",
            {"y_pred": np.r_[0, 1.0001, 0.5, 1]},
            "`y_pred` to be prob.*10 of 40",
        ),
        ("brier", {"y_pred": np.r_[-1e-9, 1, 0.5, 1]}, "`y_pred` to be prob.*10 of 40"),
        ("brier", {"y_pred": np.r_[-1.0, 2, 0.5, 1]}, "`y_pred` to be prob.*20 of 40"),
        ("brier", {"y_true": np.r_[0, 1, 0.5, 1]}, "`y_true` to be 0 or 1.*10 of 40"),
        ("brier", {"y_true": np.r_[0, 2.0, 0, 1]}, "`y_true` to be 0 or 1.*10 of 40"),
        ("sensitivity", {}, "`y_pred` to be 0 or 1.*10 of 40"),
        ("accuracy", {}, "`y_pred` to be classes.*10 of 40"),
        ("nrmse", {"y_true": np.r_[-1.0, 1, 2, 3]}, "10 negative values in 40 rows"),
        ("nrmse", {"y_true": np.r_[-3.0, 1, 1, 1]}, "mean of 0 "),
        ("mae", {"y_true": np.r_[NaN, 1, 1, 1]}, "`y_true`.*null or NaN in 10 of 40"),
        ("mae", {"y_pred": np.r_[0, -np.inf, 1, 1]}, "`y_pred`.*infinity in 10 of 40"),
        ("mae", {"y_pred": np.r_[np.inf, np.inf, 1, 1]}, "`y_pred`.*in 20 of 40"),
        ("mae", {"weight": np.r_[1, 1, -0.5, 1]}, "`sample_weight`.*10 of 40"),
        ("mae", {"weight": np.r_[1, NaN, 1, 1]}, "`sample_weight`.*NaN in 10 of 40"),
        ("mae", {"weight": np.zeros(4)}, "positive sum; all are zero"),
    ],
)
def test_unfit_numbers_are_counted(metric, changed, text):
    with pytest.raises(ValueError, match=text):
        checked(metric, **changed)


def test_numbers_at_the_ends_are_fit():
    found = checked("brier")
    assert_allclose(found.estimate, [0.0, 0.5**2 / 2])
    classes = {"y_true": np.r_[0.5, 1.5, 0.5, 1.5], "y_pred": np.r_[0.5, 1.0, 0.5, 1.5]}
    # Fractions are classes where the truth has them, too.
    assert_allclose(checked("accuracy", **classes).estimate, [1.0, 0.5])
    assert_allclose(
        checked("accuracy", y_pred=np.r_[0, 1, 2.0, -1]).estimate, [0.5, 0.5]
    )


def test_people_of_weight_zero_are_nobody():
    found = checked("mae", weight=np.r_[1.0, 0.0, 2.0, 1.0])
    assert found.n.tolist() == [20, 10]
    assert_allclose(found.weight, [20.0, 20.0])
    assert_allclose(found.estimate, [0.0, 0.5])
