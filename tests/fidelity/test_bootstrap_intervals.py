"""BCa and percentile intervals: the formula, scipy, degenerate samples, coverage."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.metrics import median_absolute_error, roc_auc_score

from sklearn_equity import _parallel, resolve_metric, subgroup_fidelity
from sklearn_equity.fidelity import METRIC_NAMES
from sklearn_equity.fidelity._bootstrap_intervals import Resampled, ends_of, resample
from sklearn_equity.fidelity._line import to_line
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._row_bootstrap import values_left_out

METHODS = ("bca", "percentile")
NaN = float("nan")


def sample(n_rows, seed=20260601):
    rng = np.random.default_rng(seed)
    y_true = rng.normal(40.0, 6.0, n_rows)
    return y_true, y_true + 5.0 * rng.laplace(size=n_rows)


def risks(n_rows, seed=20260602):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n_rows)
    y_true = 1.0 * (rng.logistic(size=n_rows) < 1.5 * signal)
    return y_true, 1.0 / (1.0 + np.exp(-signal))


def people_of(metric, n_rows, seed=20260603):
    """Draw truth and predictions of the kind that a metric needs."""
    if metric.task == "classification":
        y_true, risk = risks(n_rows, seed)
        return y_true, np.round(risk) if metric.response == "predict" else risk
    y_true, y_pred = sample(n_rows, seed)
    if metric.n_predictions == 2:
        y_pred = np.column_stack([y_pred - 6.0, y_pred + 6.0])
    return y_true, y_pred


def fidelity(y_true, y_pred, ward, **options):
    options = {"n_resamples": 200, "random_state": 0, **options}
    return subgroup_fidelity(y_true, y_pred, subgroups=ward, **options)


def in_two(n_rows):
    return np.arange(n_rows) % 2


# ---- the formula ---------------------------------------------------------------------
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_ends_against_the_formula_by_hand(level):
    rng = np.random.default_rng(5)
    replicates, left_out = rng.gamma(3.0, size=400), rng.gamma(2.0, size=30)
    estimate, tail = float(replicates[7]), (1.0 - level) / 2.0  # one tie, counted half
    z0 = stats.norm.ppf((np.sum(replicates < estimate) + 0.5) / 400)
    d = left_out.mean() - left_out
    a = np.sum(d**3) / (6.0 * np.sum(d**2) ** 1.5)
    levels = [
        stats.norm.cdf(z0 + (z0 + z) / (1.0 - a * (z0 + z)))
        for z in (stats.norm.ppf(tail), 0.0, stats.norm.ppf(1.0 - tail))
    ]
    metric, given = resolve_metric("mae"), Resampled(replicates, left_out)
    found = ends_of("bca", metric, estimate, given, tail)
    assert_allclose(found, np.quantile(replicates, levels), rtol=1e-12)
    found = ends_of("percentile", metric, estimate, given, tail)
    expected = np.quantile(replicates, [tail, 0.5, 1.0 - tail])
    assert_allclose(found, expected, rtol=1e-12)


def test_without_bias_and_acceleration_both_methods_agree():
    replicates = np.arange(-50.0, 51.0)
    given = Resampled(replicates, np.array([1.0, 2.0, 3.0]))
    bca, percentile = (
        ends_of(method, resolve_metric("bias"), 0.0, given, 0.025) for method in METHODS
    )
    assert_allclose(bca, percentile, atol=1e-12)


def test_values_that_are_equal_but_for_rounding_are_ties():
    replicates = np.tile([0.1 + 0.2, 0.3, 0.1, 0.5], 50)
    exact = np.tile([0.3, 0.3, 0.1, 0.5], 50)
    left_out = np.array([0.2, 0.3, 0.4])
    found, expected = (
        ends_of("bca", resolve_metric("mae"), 0.3, Resampled(drawn, left_out), 0.1)
        for drawn in (replicates, exact)
    )
    assert_allclose(found, expected, rtol=1e-12)


# ---- another library -----------------------------------------------------------------
def bias(t, p, axis=-1):
    return np.mean(p - t, axis=axis)


def mae(t, p, axis=-1):
    return np.mean(np.abs(p - t), axis=axis)


def rmse(t, p, axis=-1):
    return np.sqrt(np.mean((p - t) ** 2, axis=axis))


def r2(t, p, axis=-1):
    return 1.0 - np.mean((p - t) ** 2, axis=axis) / np.var(t, axis=axis)


def accuracy(t, p, axis=-1):
    return np.mean(t == p, axis=axis)


def brier(t, p, axis=-1):
    return np.mean((t - p) ** 2, axis=axis)


def median_miss(t, p, axis=-1):
    return np.median(np.abs(p - t), axis=axis)


def tail_miss(t, p, axis=-1):
    return np.mean((p - t) ** 4, axis=axis) ** 0.25


def roc_auc(t, p, axis=-1):
    """Count pairs in order by the sum of ranks, as Mann and Whitney do."""
    n, n_ones = t.shape[axis], np.sum(t, axis=axis)
    ranks = np.sum(stats.rankdata(p, axis=axis) * t, axis=axis)
    return (ranks - n_ones * (n_ones + 1) / 2) / (n_ones * (n - n_ones))


def of_everybody(metric, statistic, y_true, y_pred, method):
    """Return the ends of everybody's interval, scipy's, and its standard error."""
    rival = stats.bootstrap(
        (y_true, y_pred),
        statistic,
        paired=True,
        n_resamples=10_000,
        method="BCa" if method == "bca" else method,
        random_state=np.random.default_rng(1),
    )
    options = {"interval_method": method, "n_resamples": 5_000}
    table = fidelity(y_true, y_pred, in_two(len(y_true)), metric=metric, **options)
    everybody = table.overall
    ends = [everybody.ci_low, everybody.ci_high]
    return ends, np.array(rival.confidence_interval), rival.standard_error


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("statistic", [bias, mae, rmse, r2, accuracy, brier])
def test_intervals_against_scipy(statistic, method):
    """The chance of 5,000 and of 10,000 resamples puts a normal end off by .05.

    In standard errors: the root of .025 * .975 (1 / 5000 + 1 / 10000), over the density
    of the normal at its quantile, .0584. BCa's ends lie further out, and skewed ones
    stray more.
    """
    metric = resolve_metric(statistic.__name__)
    people = people_of(metric, 90)
    ends, expected, unit = of_everybody(metric.name, statistic, *people, method)
    assert_allclose(ends, expected, atol=0.25 * unit)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("statistic", [median_miss, tail_miss])
def test_intervals_of_functions_against_scipy(statistic, method):
    metric = resolve_metric(statistic, greater_is_better=False)
    ends, expected, unit = of_everybody(metric, statistic, *sample(91), method)
    assert_allclose(ends, expected, atol=0.25 * unit)


@pytest.mark.parametrize("method", METHODS)
def test_interval_of_an_area_against_scipy(method):
    ends, expected, unit = of_everybody("roc_auc", roc_auc, *risks(120), method)
    assert_allclose(ends, expected, atol=0.25 * unit)


def test_bca_is_told_from_percentiles_by_more_than_scipy_may_differ():
    given = {"data": sample(91), "statistic": tail_miss, "paired": True}
    bca, percentile = (
        stats.bootstrap(**given, method=method, random_state=0)
        for method in ("BCa", "percentile")
    )
    apart = np.subtract(bca.confidence_interval, percentile.confidence_interval)
    assert np.abs(apart).max() > 0.4 * bca.standard_error


def test_case_weights_go_with_their_rows_against_scipy():
    y_true, y_pred = sample(80)
    weights = np.random.default_rng(2).uniform(0.2, 3.0, 80)
    rival = stats.bootstrap(
        (y_true, y_pred, weights),
        lambda t, p, w, axis: (
            np.sum(w * np.abs(p - t), axis=axis) / np.sum(w, axis=axis)
        ),
        paired=True,
        n_resamples=5_000,
        method="BCa",
        random_state=np.random.default_rng(3),
    )
    table = fidelity(
        *(y_true, y_pred, in_two(80)),
        metric="mae",
        sample_weight=weights,
        n_resamples=5_000,
        interval_method="bca",
    )
    ends = [table.overall.ci_low, table.overall.ci_high]
    expected = np.array(rival.confidence_interval)
    assert_allclose(ends, expected, atol=0.25 * rival.standard_error)


# ---- what is left without a row ------------------------------------------------------
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["mae", "nrmse", "r2", "sensitivity", "log_loss"])
def test_values_without_each_row_against_the_metric_of_the_others(name, weighted):
    metric, n_rows = resolve_metric(name), 40
    y_true, y_pred = people_of(metric, n_rows)
    weights = np.random.default_rng(4).uniform(0.5, 2.0, n_rows) if weighted else None
    (found,) = resample(
        metric,
        [Population(y_true, y_pred, weights)],
        [np.empty(50)],
        rngs=[np.random.default_rng(0)],
        n_jobs=None,
        leave_out=True,
    )
    expected = []
    for row in range(n_rows):
        kept = np.arange(n_rows) != row
        w = np.ones(n_rows - 1) if weights is None else weights[kept]
        sums = [w @ one for one in metric.columns(y_true[kept], y_pred[kept])]
        expected.append(float(metric.finish(np.array(sums))))
    assert_allclose(found.left_out, expected, rtol=1e-9)


def test_one_enormous_error_leaves_the_others_their_digits():
    y_true, y_pred = sample(40)
    y_pred[0] = 1e40
    (found,) = resample(
        resolve_metric("mae"),
        [Population(y_true, y_pred, None)],
        [np.empty(50)],
        rngs=[np.random.default_rng(0)],
        n_jobs=None,
        leave_out=True,
    )
    assert_allclose(found.left_out[0], np.abs(y_pred - y_true)[1:].mean(), rtol=1e-14)


def test_functions_are_called_without_each_row_or_each_of_200_parts():
    metric = resolve_metric(median_absolute_error)
    people = [Population(*sample(n), None) for n in (30, 1010)]
    rngs = [np.random.default_rng(0) for _ in people]
    few, many = values_left_out(metric, people, rngs, n_jobs=None)
    error = np.abs(people[0].y_pred - people[0].y_true)
    expected = [np.median(np.delete(error, row)) for row in range(30)]
    assert_allclose(few, expected, rtol=1e-14)
    assert len(many) == 200


def test_parts_tell_the_acceleration_of_rows():
    """In theory a sixth of the skewness over the root of n; a part holds five rows."""
    rng = np.random.default_rng(7)
    y_true, n = np.zeros(1000), 1000
    y_pred = rng.exponential(size=n)
    metric = resolve_metric(lambda t, p: np.mean(p - t), greater_is_better=False)
    people = [Population(y_true, y_pred, None)]
    found = []
    for seed in range(20):
        rngs = [np.random.default_rng(seed)]
        (left_out,) = values_left_out(metric, people, rngs, n_jobs=None)
        d = left_out.mean() - left_out
        found.append(np.sum(d**3) / (6.0 * np.sum(d**2) ** 1.5))
    expected = stats.skew(y_pred) / (6.0 * np.sqrt(n))
    assert_allclose(np.mean(found), expected, atol=3 * 0.002 / np.sqrt(20))


# ---- what changes, and what does not -------------------------------------------------
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*METRIC_NAMES, median_absolute_error])
def test_intervals_of_every_metric_change_and_nothing_else(name, method):
    metric = resolve_metric(name)
    y_true, y_pred = people_of(metric, 180)
    options = {"metric": metric, "n_resamples": 60}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = fidelity(y_true, y_pred, in_two(180), **options)
        table = fidelity(y_true, y_pred, in_two(180), interval_method=method, **options)
    for column in ("n", "estimate", "std_error", "shrunken", "reference", "judged"):
        assert_array_equal(getattr(table, column), getattr(plain, column))
    assert table.verdict == plain.verdict
    assert (table.ci_low < table.estimate).all()
    assert (table.estimate < table.ci_high).all()
    assert (table.ci_low != plain.ci_low).all()
    assert (table.ci_low >= metric.bounds[0]).all()
    assert (table.ci_high <= metric.bounds[1]).all()
    assert_allclose(table.ci_low, plain.ci_low, atol=1.5 * plain.std_error.max())
    assert_allclose(table.ci_high, plain.ci_high, atol=1.5 * plain.std_error.max())
    everybody = table.overall
    assert everybody.ci_low < everybody.estimate < everybody.ci_high
    assert everybody.std_error == plain.overall.std_error


@pytest.mark.parametrize("method", METHODS)
def test_scores_of_rows_and_weights(method):
    rng = np.random.default_rng(8)
    scores, weights = rng.beta(8.0, 2.0, 120), rng.uniform(0.5, 2.0, 120)
    table = fidelity(
        None,
        scores,
        in_two(120),
        metric="Dice",
        per_row=True,
        greater_is_better=True,
        sample_weight=weights,
        interval_method=method,
    )
    half = 1.96 * table.std_error
    assert_allclose(table.ci_high - table.ci_low, 2.0 * half, rtol=0.25)


@pytest.mark.parametrize("metric", ["mae", "roc_auc", median_absolute_error])
def test_the_draws_of_a_subgroup_depend_on_its_label_alone(metric):
    y_true, y_pred = risks(150)
    ward = np.array(["east", "north", "west"])[np.arange(150) % 3]
    options = {"metric": metric, "interval_method": "bca", "n_resamples": 60}
    whole = fidelity(y_true, y_pred, ward, **options)
    kept = ward != "north"
    part = fidelity(y_true[kept], y_pred[kept], ward[kept], **options)
    assert_array_equal(part.ci_low, whole.ci_low[[0, 2]])
    assert_array_equal(part.ci_high, whole.ci_high[[0, 2]])


def test_processes_draw_what_one_does_where_a_subgroup_is_one_block(monkeypatch):
    """A generator that has gone to a process is not moved by what is drawn there."""
    monkeypatch.setattr(_parallel, "_BLOCK", 2e7)  # 60 calls take 1.3e7, by the rule
    y_true, y_pred = risks(600)
    ward = np.arange(600) % 2
    options = {"metric": "roc_auc", "interval_method": "bca", "n_resamples": 60}
    alone, together = (
        fidelity(y_true, y_pred, ward, n_jobs=n, **options) for n in (None, 2)
    )
    assert_array_equal(alone.ci_low, together.ci_low)
    assert_array_equal(alone.ci_high, together.ci_high)
    assert alone.overall == together.overall


# ---- all at once ---------------------------------------------------------------------
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["mae", "r2", "accuracy"])
def test_joint_intervals_are_stretched_about_the_middle_of_resamples(name, method):
    metric = resolve_metric(name)
    y_true, y_pred = people_of(metric, 200)
    ward = np.arange(200) % 4
    options = {"metric": name, "interval_method": method}
    single = fidelity(y_true, y_pred, ward, **options)
    joint = fidelity(y_true, y_pred, ward, interval="simultaneous", **options)
    assert_array_equal(joint.ci_low, single.joint_low)
    assert (joint.ci_low < single.ci_low).all()
    assert (joint.ci_high > single.ci_high).all()
    # Šidák's level for four, by Student's t with 49 degrees of freedom; on the scale
    # without ends every interval is longer by one factor.
    stretch = stats.t.ppf((1 + 0.95**0.25) / 2, 49) / stats.t.ppf(0.975, 49)
    ends = [to_line(metric, one) for one in (single.ci_low, single.ci_high)]
    wider = [to_line(metric, one) for one in (joint.ci_low, joint.ci_high)]
    assert_allclose(wider[1] - wider[0], stretch * (ends[1] - ends[0]), rtol=1e-9)


def test_joint_intervals_hold_the_single_ones_that_miss_the_estimate():
    """The range of resamples is shorter than the sample's: their NRMSE is larger."""
    y_true, y_pred = sample(120)
    y_true[:2] += 60.0
    table = fidelity(
        *(y_true, y_pred, in_two(120)),
        normalization="range",
        interval_method="percentile",
        confidence_level=0.5,
    )
    assert (table.ci_low > table.estimate).any()
    assert (table.joint_low < table.ci_low).all()
    assert (table.joint_high > table.ci_high).all()
    worst = table.worst()
    assert worst.ci_low[0] <= worst.estimate[0] <= worst.ci_high[0]


# ---- degenerate samples --------------------------------------------------------------
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
class TestDegenerateSamples:
    def test_errors_that_never_vary_are_taken_as_they_are(self, method):
        y_true, _ = sample(60)
        table = fidelity(
            *(y_true, y_true + 0.3, in_two(60)), metric="mae", interval_method=method
        )
        assert_allclose(table.ci_low, 0.3)
        assert_allclose(table.ci_high, 0.3)

    def test_rows_all_alike_leave_open_how_near_the_end_a_share_is(self, method):
        right = np.ones(60)
        table = fidelity(
            right, right, in_two(60), metric="accuracy", interval_method=method
        )
        assert np.isnan([table.ci_low, table.ci_high, table.joint_low]).all()
        assert table.judged.all()
        assert "unknown" in repr(table)

    def test_below_ten_rows_nothing_is_known(self, method):
        y_true, y_pred = sample(60)
        ward = np.repeat([0, 1, 2], [1, 9, 50])
        table = fidelity(y_true, y_pred, ward, metric="mae", interval_method=method)
        assert np.isfinite(table.ci_low).tolist() == [False, False, True]
        assert np.isfinite(table.joint_low).tolist() == [False, False, True]

    @pytest.mark.parametrize("metric", ["roc_auc", roc_auc_score, "sensitivity"])
    def test_a_class_of_which_resamples_have_nobody(self, metric, method):
        y_true, y_pred = risks(80)
        y_true[::2] = 0.0
        y_true[0] = 1.0  # the only one of the first subgroup
        if metric == "sensitivity":
            y_pred = np.round(y_pred)
        table = fidelity(
            *(y_true, y_pred, in_two(80)),
            metric=metric,
            n_resamples=60,
            interval_method=method,
        )
        assert np.isfinite(table.ci_low).tolist() == [False, True]

    def test_everybody_of_one_class_in_a_subgroup(self, method):
        y_true, y_pred = risks(80)
        y_true[::2] = 0.0
        table = fidelity(
            y_true, y_pred, in_two(80), metric="roc_auc", interval_method=method
        )
        assert np.isnan([table.estimate[0], table.ci_low[0], table.ci_high[0]]).all()

    def test_a_constant_truth_has_no_r2(self, method):
        y_true, y_pred = sample(60)
        y_true[::2] = 40.0
        table = fidelity(
            y_true, y_pred, in_two(60), metric="r2", interval_method=method
        )
        assert np.isnan(table.ci_low).tolist() == [True, False]

    def test_one_row_that_carries_everything(self, method):
        y_true, _ = sample(60)
        y_pred = y_true.copy()
        y_pred[0] += 1e30
        table = fidelity(y_true, y_pred, in_two(60), interval_method=method)
        assert table.ci_low[0] <= table.estimate[0] <= table.ci_high[0]


def test_resamples_that_all_lie_on_one_side_leave_bca_unknown():
    replicates, left_out = np.linspace(2.0, 3.0, 100), np.array([1.0, 2.0, 4.0])
    given, metric = Resampled(replicates, left_out), resolve_metric("mae")
    assert np.isnan(ends_of("bca", metric, 1.0, given, 0.025)).all()
    assert np.isfinite(ends_of("percentile", metric, 1.0, given, 0.025)).all()
    far = Resampled(np.append(replicates, 5.0), np.append(np.zeros(300), -1.0))
    assert np.isnan(ends_of("bca", metric, 4.0, far, 1e-9)).all()
    assert np.isfinite(ends_of("bca", metric, 4.0, far, 1e-3)).all()


def test_rows_that_do_nothing_have_no_acceleration():
    replicates = np.arange(-50.0, 51.0)
    metric = resolve_metric("bias")
    given = Resampled(replicates, np.full(9, 0.1))
    expected = ends_of("percentile", metric, 0.0, given, 0.1)
    assert_allclose(ends_of("bca", metric, 0.0, given, 0.1), expected, atol=1e-12)
    unknown = Resampled(replicates, np.array([0.1, NaN]))
    assert np.isnan(ends_of("bca", metric, 0.0, unknown, 0.1)).all()


# ---- words ---------------------------------------------------------------------------
def test_a_table_says_how_its_intervals_were_made():
    y_true, y_pred = sample(60)
    words = {
        "bca": "Intervals: bias-corrected and accelerated (BCa), from 200 bootstrap",
        "percentile": "Intervals: percentile, from 200 bootstrap resamples",
    }
    for method, said in words.items():
        table = fidelity(y_true, y_pred, in_two(60), interval_method=method)
        assert said in table.rule
        assert "verdicts do not follow from them" in " ".join(repr(table).split())
        assert said in table.worst().rule
    assert "Intervals" not in fidelity(y_true, y_pred, in_two(60)).rule


def test_refusals_in_words():
    y_true, y_pred = sample(60)
    with pytest.raises(ValueError, match=r'`interval_method` must be one of "recomm'):
        fidelity(y_true, y_pred, in_two(60), interval_method="BCa")
    with pytest.raises(ValueError, match=r'"percentile"; got array\(\[0.5\]\)'):
        fidelity(y_true, y_pred, in_two(60), interval_method=np.array([0.5]))
    polars = pytest.importorskip("polars")
    lazy = polars.LazyFrame({"t": y_true, "p": y_pred, "ward": in_two(60)})
    with pytest.raises(ValueError, match=r"`interval_method` .*Collect the columns"):
        subgroup_fidelity(
            "t", "p", subgroups="ward", data=lazy, interval_method="percentile"
        )
