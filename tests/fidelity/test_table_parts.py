"""What a table says of itself, and what metrics, divisors and labels are at limits."""

import functools
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import mean_pinball_loss, root_mean_squared_error

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.exceptions import NegativeTargetWarning
from sklearn_equity.fidelity import (
    METRIC_NAMES,
    QuantileBands,
    cross_tabulate,
    fidelity_of_table,
    nrmse,
    resolve_metric,
    subgroup_estimates,
    subgroup_fidelity,
)
from sklearn_equity.fidelity._bands import Band, _decimal_texts
from sklearn_equity.fidelity._classification import _has_fractions
from sklearn_equity.fidelity._estimates import _is_far, _origins
from sklearn_equity.fidelity._metrics import predictions_of
from sklearn_equity.fidelity._normalization import (
    check_normalization,
    judge_mean,
    normalizer,
)
from sklearn_equity.fidelity._normalized_rmse import function_name
from sklearn_equity.fidelity._table import OverallFidelity, SubgroupTable

NaN = np.nan


def table(**changed):
    figures = {
        "grouping": ("sex", "sex", "ward"),
        "subgroup": ("f", "m", 3),
        "n": np.array([1200, 800, 5]),
        "weight": np.array([1200.0, 800.0, 5.0]),
        "estimate": np.array([1.5, 2.5, 9.0]),
        "std_error": np.array([0.1, 0.2, NaN]),
        "ci_low": np.array([1.25, 2.0, NaN]),
        "ci_high": np.array([1.75, 3.0, 10.0]),
        "joint_low": np.array([1.0, 2.6, NaN]),
        "joint_high": np.array([2.0, 4.0, 12.0]),
        "shrunken": np.array([1.6, 2.4, 2.0]),
        "reference": np.full(3, 2.0),
        "judged": np.array([True, True, False]),
        "verdict": ("served", "under-served", "insufficient evidence"),
        "metric": "NRMSE (RMSE / own mean of the target)",
        "greater_is_better": False,
        "best": 0.0,
        "confidence_level": 0.9,
        "rule": "The rule.",
        "overall": OverallFidelity(2005, 2005.0, 2.0, 0.1, 1.8, 2.2),
    }
    return SubgroupTable(**(figures | changed))


# ---- words -------------------------------------------------------------------------
def test_a_table_prints_as_it_should():
    assert repr(table()).splitlines() == [
        "grouping  subgroup  n      NRMSE  interval (0.9)  verdict",
        "sex       f         1,200  1.5    1.25 to 1.75    served",
        "sex       m         800    2.5    2 to 3          under-served",
        "ward      3         5      9      unknown         insufficient evidence",
        "(all)               2,005  2      1.8 to 2.2",
        "NRMSE (RMSE / own mean of the target). The rule.",
    ]
    assert repr(table().take([])) == "Nobody (NRMSE (RMSE / own mean of the target))."
    broad = repr(table(rule="word " * 40)).splitlines()
    assert max(map(len, broad[5:])) <= 88


def test_where_all_is_noise_the_worst_is_by_the_estimate():
    """Shrunken to one mean, all tie: no label is worse for coming first."""
    ties = table(shrunken=np.full(3, 2.0))
    assert ties.worst(3).subgroup == (3, "m", "f")
    assert ties.worst(2, honest=False).subgroup == (3, "m")


def test_the_worst_by_hand():
    ranked = table()
    honest = ranked.worst(2)
    assert honest.subgroup == ("m", 3)
    assert_array_equal(honest.estimate, [2.4, 2.0])
    assert_array_equal(honest.ci_low, [2.4, NaN])  # stretched to the estimate
    assert_array_equal(honest.ci_high, [4.0, 12.0])
    assert honest.origin == "picked"
    assert "Picked as worst of 3" in honest.rule
    plain = ranked.worst(honest=False)
    assert (plain.subgroup, plain.origin, plain.rule) == (("m",), "picked", "The rule.")
    assert_array_equal(plain.ci_low, [2.0])
    low = table(shrunken=np.array([1.6, 2.4, 5.0]), joint_high=np.array([2.0, 2.2, 4]))
    assert_array_equal(low.worst(2).ci_high, [5.0, 2.4])
    for k in (0, -1, True, 1.5):
        with pytest.raises(ValueError, match="`k` must be a whole number of at least"):
            ranked.worst(k)
    assert len(ranked.worst(np.int64(3))) == 3


@pytest.mark.parametrize(
    ("greater", "best", "expected"),
    [
        (False, 0.0, [1.0, 2.0]),
        (False, 1.5, [2.5, 0.5]),
        (True, 1.0, [1.0, -2.0]),
        (True, None, [1.0, -2.0]),
        (False, None, [-1.0, 2.0]),
    ],
)
def test_losses_are_higher_for_worse(greater, best, expected):
    found = table(greater_is_better=greater, best=best).as_loss(np.array([-1.0, 2.0]))
    assert_array_equal(found, expected)


def test_rows_taken_keep_everything_of_theirs():
    some = table().take([2, 0])
    assert some.subgroup == (3, "f")
    for name in ("n", "estimate", "ci_high", "joint_low", "shrunken", "judged"):
        assert_array_equal(getattr(some, name), getattr(table(), name)[[2, 0]])
    assert some.to_columns()["subgroup"] == ["3", "f"]
    assert table().select("ward").to_columns()["subgroup"] == [3]
    truths = replace(table(), subgroup=(True, False, 2))
    assert all(isinstance(label, str) for label in truths.to_columns()["subgroup"])
    joint = table().with_simultaneous_intervals()
    assert_array_equal(joint.ci_low, table().joint_low)
    assert_array_equal(joint.ci_high, table().joint_high)


def test_weights_add_up_by_subgroup_and_over_everybody():
    weight = np.tile([1.0, 2.0, 0.5, 0.5], 20)
    ward = np.tile(["a", "b", "b", "a"], 20)
    y = np.arange(80.0)
    found = subgroup_fidelity(
        y, y + 1 + y % 3, subgroups=ward, metric="mae", sample_weight=weight,
        n_resamples=50,
    )  # fmt: skip
    assert_allclose(found.weight, [30.0, 50.0])
    assert found.overall.weight == 80.0
    assert found.overall.n == 80
    assert_allclose(found.overall.estimate, np.average(1 + y % 3, weights=weight))


def crossed_people():
    sex = np.repeat(["f", "m"], [90, 60])
    segment = np.r_[np.resize([0, 1, 2], 90), np.resize([0, 1], 60)]
    scale = np.where((sex == "m") & (segment == 1), 9.0, 1.0)
    y_true = 40 + scale * np.resize([-1.0, 1.0, -0.9, 1.1, 0.9], 150)
    return y_true, np.full(150, 40.0), sex, segment


def test_a_cross_table_lays_cells_out_and_sorts_what_is_hidden():
    y_true, y_pred, sex, segment = crossed_people()
    found = cross_tabulate(
        y_true, y_pred, declared=sex, learnt=segment, metric="mae", n_resamples=50,
        random_state=0, min_subgroup_size=10, confidence_level=0.8,
    )  # fmt: skip
    for name, empty in (("n", 0.0), ("weight", 0.0), ("ci_low", NaN)):
        laid_out = found.matrix(name)
        assert laid_out.shape == (2, 3)
        assert_array_equal(laid_out[1, 2], empty)
        for (declared, learnt), value in zip(
            found.cells.subgroup, getattr(found.cells, name), strict=True
        ):
            assert laid_out["fm".index(declared), learnt] == value
    assert found.cells.confidence_level == 0.8
    verdicts = dict(zip(found.cells.subgroup, found.cells.verdict, strict=True))
    assert verdicts["m", 1] == "under-served"
    called = dict(zip(found.declared.subgroup, found.declared.verdict, strict=True))
    hidden = [
        pair
        for pair, verdict in verdicts.items()
        if verdict == "under-served" and called[pair[0]] != "under-served"
    ]
    assert set(found.hidden().subgroup) == set(hidden)
    lines = repr(found).splitlines()
    assert lines[0].split() == ["declared", "by", "learnt", "0", "1", "2", "(all)"]
    assert lines[3].startswith("(all)")
    assert lines[3].endswith(f"{found.cells.overall.estimate:.4g} (150)")
    assert "A dash: nobody is there." in lines[4]


# ---- metrics -----------------------------------------------------------------------
def test_how_many_numbers_a_metric_reads():
    assert predictions_of("interval_coverage") == 2
    assert predictions_of(resolve_metric("interval_coverage")) == 2
    assert predictions_of("rmse") == predictions_of("unknown") == 1
    assert predictions_of(np.mean) == 1


def test_which_pinball_losses_are_known_by_their_sums():
    with_level = functools.partial(mean_pinball_loss, alpha=0.25)
    found = resolve_metric(with_level)
    assert found.label == "pinball loss at 0.25"
    assert resolve_metric("pinball").label == "pinball loss"
    codes = SubgroupCodes(np.zeros(2, dtype=int), ("a",), "ward")
    # Of 2 too low a quarter counts, of 4 too high three quarters.
    value = subgroup_estimates(np.array([2.0, 0.0]), np.array([0.0, 4.0]), codes, found)
    assert_allclose(value, (2 / 4 + 4 * 3 / 4) / 2)
    for other in (
        functools.partial(mean_pinball_loss, alpha=0.25, multioutput="raw_values"),
        functools.partial(root_mean_squared_error),
    ):
        assert resolve_metric(other).columns is None


def test_functions_of_rows_by_what_their_names_say():
    error = resolve_metric(root_mean_squared_error)
    assert error.bounds == (0.0, np.inf)
    assert error.min_rows == 30

    def share(y_true, y_pred):
        return float((y_true == y_pred).mean())

    own = resolve_metric(share, greater_is_better=True)
    assert own.bounds == (-np.inf, np.inf)
    codes = SubgroupCodes(np.zeros(2, dtype=int), ("a",), "ward")
    with pytest.raises(TypeError, match="'share' takes no weights"):
        subgroup_estimates(np.ones(2), np.ones(2), codes, own, sample_weight=np.ones(2))
    assert function_name(functools.partial(functools.partial(share))) == "share"


def test_fractions_are_found_beyond_the_first_block():
    values = np.zeros(40_000)
    assert not _has_fractions(values)
    values[-1] = 0.5
    assert _has_fractions(values)


def test_small_subgroups_of_a_metric_that_wants_more_are_not_judged():
    y_true = np.r_[np.arange(39) % 2, np.arange(40) % 2].astype(float)
    risk = 0.4 + 0.2 * y_true + 0.01 * (np.arange(79) % 5)
    ward = np.repeat(["a", "b", "c"], [19, 20, 40])
    options = {"metric": "brier", "min_subgroup_size": 2, "n_resamples": 50}
    rows = subgroup_fidelity(y_true, risk, subgroups=ward, **options)
    columns = pl.LazyFrame({"y": y_true, "p": risk, "ward": ward})
    sums = fidelity_of_table(
        columns, y_true="y", y_pred="p", subgroups="ward", **options
    )
    assert rows.judged.tolist() == sums.judged.tolist() == [False, True, True]


# ---- tables that stay in their engine ----------------------------------------------
@pytest.mark.parametrize("n_labels", [200, 201])
def test_up_to_200_labels_are_taken(n_labels):
    label = np.repeat(np.arange(n_labels), 2)
    frame = pl.LazyFrame({"y": label + 1.0, "p": label + 1.5, "ward": label})
    options = {"metric": "mae", "n_resamples": 50}
    if n_labels == 200:
        assert len(fidelity_of_table(frame, y_true="y", y_pred="p", subgroups="ward",
                                     **options)) == 200  # fmt: skip
        return
    with pytest.raises(ValueError, match="at most 200 different labels; got 201"):
        fidelity_of_table(frame, y_true="y", y_pred="p", subgroups="ward", **options)


def test_what_is_asked_of_a_lazy_table_reaches_it():
    rng = np.random.default_rng(2)
    ward = np.repeat(["a", "b", "c"], 40)
    frame = pl.LazyFrame(
        {"y": rng.normal(40, 5, 120), "p": np.full(120, 40.0), "w": ward}
    )

    def call(**options):
        options = {"n_resamples": 50, "random_state": 0, "metric": "mae"} | options
        return subgroup_fidelity("y", "p", subgroups="w", data=frame, **options)

    plain = call()
    # An engine adds up in any order.
    assert_allclose(plain.ci_low, call().ci_low, rtol=1e-9)
    assert call(confidence_level=0.8).confidence_level == 0.8
    assert "than 25% of it" in call(tolerance=0.25).rule
    assert call(min_subgroup_size=41).judged.tolist() == [False] * 3
    joint = call(interval="simultaneous")
    assert_allclose(joint.ci_low, plain.joint_low, rtol=1e-9)
    assert (plain.joint_low < plain.ci_low).all()
    assert call(metric="nrmse", normalization="std").metric.startswith(
        "NRMSE (RMSE / o"
    )
    for asked, text in (
        ({"reference": "overall"}, "`reference` must be 'subgroup' for a lazy"),
        ({"greater_is_better": False}, "`greater_is_better` must be None for a lazy"),
        ({"per_row": True}, "`per_row` must be False for a lazy table"),
    ):
        with pytest.raises(ValueError, match=text):
            call(**asked)


def test_the_metrics_that_follow_from_sums_are_named():
    frame = pl.LazyFrame({"y": [1.0, 0.0], "p": [1.0, 0.0], "w": ["a", "b"]})
    with pytest.raises(ValueError, match="must follow from sums") as caught:
        subgroup_fidelity("y", "p", subgroups="w", data=frame, metric="roc_auc")
    named = str(caught.value).partition(" as ")[2].partition(" do ")[0]
    rest = {"average_precision", "calibration_in_the_large", "calibration_slope"}
    rest |= {"interval_coverage", "roc_auc"}
    assert set(named.replace('"', "").split(", ")) == set(METRIC_NAMES) - rest


# ---- divisors ----------------------------------------------------------------------
def test_divisors_within_what_can_be_divided_by():
    for good in (1e-100, 1e100, 1, np.float32(2), None, "iqr", len):
        check_normalization(good)
    for bad in (0.99e-100, 1.01e100, 0, -1.0, True, np.bool_(1), NaN, [1.0], "sd"):
        with pytest.raises(ValueError, match="`normalization` must be one of"):
            check_normalization(bad)


def test_a_mean_is_judged_by_its_sign_and_one_negative_value_in_a_hundred():
    judge_mean(0, 100, 1e-9)
    with pytest.raises(ValueError, match="has a mean of 0 and 0 negative"):
        judge_mean(0, 100, 0.0)
    with pytest.warns(NegativeTargetWarning, match="1 negative values in 100 rows"):
        judge_mean(1, 100, 5.0)
    with pytest.raises(ValueError, match="2 negative values in 199 rows"):
        judge_mean(2, 199, 5.0)


def test_rows_of_weight_zero_divide_nothing():
    y, weight = np.array([1.0, 5.0, 100.0, -7.0]), np.array([1.0, 3.0, 0.0, 0.0])
    expected = {"mean": 4.0, "std": np.sqrt(3.0), "range": 4.0, "max": 5.0, "iqr": 2.0}
    for name, value in expected.items():
        assert_allclose(normalizer(name, y, weight), value)
    assert normalizer(np.median, y, weight) == 3.0
    assert np.isnan(normalizer("mean", -y[:2], None))
    assert np.isnan(normalizer("range", np.ones(3), None))
    with pytest.raises(ValueError, match="must return one number for a target"):
        normalizer(lambda _: None, y, None)


def test_quartiles_of_shares_that_rounding_misses():
    """Weights of .1 add up to .30000000000000004, which is where a quartile ends."""
    y, weight = np.array([1.0, 2.0, 3.0, 9.0]), np.array([0.1, 0.2, 0.6, 0.3])
    # A quarter of 1.2 is .3: between 2 and 3. Three quarters are .9: from 3 to 9.
    found = 1.0 / nrmse(y, y + 1.0, normalization="iqr", sample_weight=weight)
    assert_allclose(found, (3 + 9) / 2 - (2 + 3) / 2)


# ---- numbers far from zero ---------------------------------------------------------
def test_far_is_beyond_three_standard_deviations():
    def sums(mean, sd):
        return np.array([[2.0, 0.0, 2 * mean, 2 * (mean**2 + sd**2)]])

    assert _is_far(np.vstack([sums(2.99, 1), sums(-3.01, 1), sums(5, 2), sums(7, 2)])
                   ).tolist() == [False, True, False, True]  # fmt: skip
    with np.errstate(over="ignore", invalid="ignore"):  # as its caller has it
        assert _is_far(np.full((1, 4), np.inf)).tolist() == [True]
    assert _is_far(np.zeros((1, 4))).tolist() == [True]


def test_origins_are_the_first_truths_and_0_for_dropped_rows():
    codes = SubgroupCodes(np.array([-1, 1, 0, 1, 0]), ("a", "b", "nobody"), "ward")
    found = _origins(np.array([9.0, 5.0, 7.0, 6.0, 8.0]), codes)
    assert found[3] == 0.0
    assert found[0] in (7.0, 8.0)
    assert found[1] in (5.0, 6.0)
    assert found[2] == 0.0


# ---- bands -------------------------------------------------------------------------
def test_bands_know_their_order_and_their_text():
    first, second = Band("9 to 11", 0), Band("10 to 12", 1)
    assert first < second
    assert not second < first
    assert not first < Band("9 to 11", 0)
    assert first == "9 to 11"
    assert first != second
    assert (first == 9) is False
    assert hash(first) == hash("9 to 11")
    with pytest.raises(TypeError):
        first < "10 to 12"  # noqa: B015 - of plain text the order is not known


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0.5, 1.25, 300.0], ["0", "1", "300"]),
        ([0.0, 0.5, 1.0], ["0.00", "0.50", "1.00"]),
        ([0.0, 1e-9, 2e-9], ["0", "1e-09", "2e-09"]),
        ([10.001, 10.002, 10.003], ["10.00100", "10.00200", "10.00300"]),
        ([-1e308, 0.0, 1e308], ["-1e+308", "0", "1e+308"]),
        ([7.5, 7.5], ["7.50", "7.50"]),
    ],
)
def test_numbers_have_three_digits_of_their_span(numbers, expected):
    assert _decimal_texts(np.array(numbers)) == expected


def test_edges_belong_above_and_two_bands_are_the_fewest():
    bands = QuantileBands(2).fit([1.0, 2.0, 3.0, 4.0])
    assert_array_equal(bands.edges_, [3.0])
    assert bands.labels_ == ("1 to 2", "3 to 4")
    found = bands.label([2.999, 3.0, NaN, -5.0, 99.0])
    assert found.tolist() == ["1 to 2", "3 to 4", None, "1 to 2", "3 to 4"]
    heap = QuantileBands(4).fit([0.0, 0.0, 0.0, 0.0, 1.0, 2.0])
    assert heap.labels_ == ("0", "1", "2") or heap.labels_ == ("0", "1 to 2")
    with pytest.raises(ValueError, match="at least 2; got 1"):
        QuantileBands(1)
