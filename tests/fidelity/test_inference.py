"""Standard errors and intervals: theory, scipy, coverage; degenerate samples."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.metrics import mean_squared_error, roc_auc_score

from sklearn_equity.fidelity import resolve_metric
from sklearn_equity.fidelity._inference import infer
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._row_bootstrap import bootstrap_rows, is_function_of_rows


def inference(
    name, y_true, y_pred, weights=None, *, n_resamples=2000, seed=0, level=0.95
):
    metric = resolve_metric(name)
    if metric.function is not None:
        estimate = metric.function(y_true, y_pred)
    else:
        w = np.ones_like(y_true) if weights is None else weights
        columns = metric.columns(y_true, y_pred)
        estimate = float(metric.finish(np.array([w @ column for column in columns])))
    people, rng = Population(y_true, y_pred, weights), np.random.default_rng(seed)
    replicates = None
    if is_function_of_rows(metric):
        (replicates,) = bootstrap_rows(
            metric, [people], n_resamples, [rng], n_jobs=None
        )
    found = infer(
        metric,
        people,
        estimate=estimate,
        n_resamples=n_resamples,
        tail=(1.0 - level) / 2.0,
        rng=rng,
        replicates=replicates,
    )
    return estimate, found


def sample(n_rows, seed=20260501):
    rng = np.random.default_rng(seed)
    y_true = rng.normal(40.0, 6.0, n_rows)
    return y_true, y_true + 5.0 * rng.normal(size=n_rows)


# ---- theory ------------------------------------------------------------------------
def delta_method_errors(y_true, y_pred):
    """Write the textbook standard errors down, one by one."""
    n, error = len(y_true), y_pred - y_true
    squared = error**2
    rmse = np.sqrt(squared.mean())
    relative = squared / squared.mean()
    residual = (y_true - y_true.mean()) ** 2
    return {
        "bias": error.std() / np.sqrt(n),
        "mae": np.abs(error).std() / np.sqrt(n),
        "rmse": squared.std() / (2 * rmse) / np.sqrt(n),
        "nrmse": (rmse / y_true.mean())
        * (relative / 2 - y_true / y_true.mean()).std()
        / np.sqrt(n),
        "r2": (squared.mean() / residual.mean())
        * (relative - residual / residual.mean()).std()
        / np.sqrt(n),
    }


@pytest.mark.parametrize("n_rows", [400, 20_000])  # above 4,096 rows, in blocks
@pytest.mark.parametrize("name", ["bias", "mae", "rmse", "nrmse", "r2"])
def test_standard_error_against_theory(name, n_rows):
    y_true, y_pred = sample(n_rows)
    _, found = inference(name, y_true, y_pred)
    expected = delta_method_errors(y_true, y_pred)[name]
    assert_allclose(found.std_error, expected, rtol=0.07)


def test_standard_error_of_normal_errors_against_theory():
    # Of n normal errors the RMSE has the standard error sigma / sqrt(2 n).
    y_true, y_pred = sample(4000)
    _, found = inference("rmse", y_true, y_pred)
    assert_allclose(found.std_error, 5.0 / np.sqrt(2 * 4000), rtol=0.07)


def test_weighted_standard_error_against_theory():
    y_true, y_pred = sample(1000)
    weights = np.random.default_rng(1).uniform(0.2, 3.0, 1000)
    estimate, found = inference("bias", y_true, y_pred, weights)
    influence = weights * (y_pred - y_true - estimate) / weights.sum()
    assert_allclose(found.std_error, np.sqrt((influence**2).sum()), rtol=0.07)


# ---- another library ---------------------------------------------------------------
@pytest.mark.parametrize("name", ["bias", "rmse", "nrmse"])
def test_interval_against_scipy(name):
    y_true, y_pred = sample(300)

    def statistic(t, p, axis):
        if name == "bias":
            return np.mean(p - t, axis=axis)
        rmse = np.sqrt(np.mean((p - t) ** 2, axis=axis))
        return rmse if name == "rmse" else rmse / np.mean(t, axis=axis)

    rival = stats.bootstrap(
        (y_true, y_pred),
        statistic,
        paired=True,
        n_resamples=4000,
        method="BCa",
        random_state=np.random.default_rng(0),
    )
    _, found = inference(name, y_true, y_pred, n_resamples=4000)
    close = 0.25 * rival.standard_error
    assert_allclose(found.std_error, rival.standard_error, rtol=0.06)
    assert_allclose(found.ci_low, rival.confidence_interval.low, atol=close)
    assert_allclose(found.ci_high, rival.confidence_interval.high, atol=close)


def test_a_function_of_rows_has_the_interval_of_the_same_metric_from_sums():
    y_true, y_pred = sample(500)
    _, found = inference(mean_squared_error, y_true, y_pred)
    _, expected = inference("rmse", y_true, y_pred)
    assert_allclose(np.sqrt(found.ci_low), expected.ci_low, rtol=0.02)
    assert_allclose(np.sqrt(found.ci_high), expected.ci_high, rtol=0.02)


@pytest.mark.parametrize(("right", "n_rows"), [(9, 10), (50, 50), (0, 7), (93, 100)])
def test_interval_of_the_accuracy_against_scipy(right, n_rows):
    y_true = np.zeros(n_rows)
    y_pred = (np.arange(n_rows) >= right).astype(float)
    rival = stats.binomtest(right, n_rows).proportion_ci(method="wilson")
    for weights in (None, np.full(n_rows, 0.3)):
        _, found = inference("accuracy", y_true, y_pred, weights)
        assert_allclose((found.ci_low, found.ci_high), rival, atol=1e-12)


def test_standard_error_of_roc_auc_against_hanley_and_mcneil():
    rng = np.random.default_rng(2)
    y_true = np.repeat([0.0, 1.0], 200)
    y_pred = rng.exponential(np.where(y_true == 1.0, 3.0, 1.0))  # their model
    area, found = inference("roc_auc", y_true, y_pred, n_resamples=400)
    assert_allclose(area, roc_auc_score(y_true, y_pred))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + 199 * (q1 - area**2) + 199 * (q2 - area**2)
    assert_allclose(found.std_error, np.sqrt(variance) / 200, rtol=0.15)


# ---- degenerate samples --------------------------------------------------------------
def test_one_row_says_nothing_of_its_error():
    _, found = inference("rmse", np.array([1.0]), np.array([2.0]))
    assert np.isnan([found.std_error, found.ci_low, found.ci_high]).all()


def test_errors_all_alike_have_no_standard_error():
    y_true = np.arange(50.0)
    for shift in (0.0, 3.0):
        estimate, found = inference("rmse", y_true, y_true + shift)
        assert found.std_error == 0.0
        assert (found.ci_low, found.ci_high) == (estimate, estimate)


def test_perfect_ranking_leaves_the_interval_unknown():
    y_true = np.repeat([0.0, 1.0], 20)
    _, found = inference("roc_auc", y_true, y_true, n_resamples=50)
    assert np.isnan([found.ci_low, found.ci_high]).all()


def test_interval_stays_within_the_range():
    y_true = np.repeat([0.0, 1.0], 15)
    y_pred = np.where(np.arange(30) == 0, 1.0, y_true)
    _, found = inference("balanced_accuracy", y_true, y_pred)
    assert 0.0 <= found.ci_low < found.ci_high <= 1.0


# ---- coverage ------------------------------------------------------------------------
def draw_errors(kind, n_rows, rng):
    errors = rng.normal(size=n_rows)
    if kind == "heavy-tailed":  # kurtosis 3 exp(4 * .76 ** 2) = 30, variance 1
        errors *= np.exp(0.76 * rng.normal(size=n_rows) - 0.76**2)
    return errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "n_rows", "least"),
    [
        ("normal", 50, 0.925),
        ("normal", 100, 0.93),
        ("normal", 300, 0.93),
        ("normal", 1000, 0.93),
        ("heavy-tailed", 50, 0.84),
        ("heavy-tailed", 100, 0.84),
        ("heavy-tailed", 300, 0.85),
        ("heavy-tailed", 1000, 0.88),
    ],
)
def test_coverage_of_nrmse_intervals_by_own_rows_alone(kind, n_rows, least):
    rng = np.random.default_rng(20260502)
    truth, n_runs, below, above = 6.0 / 36.0, 800, 0, 0
    for run in range(n_runs):
        y_true = rng.normal(36.0, 6.6, n_rows)
        y_pred = y_true + 6.0 * draw_errors(kind, n_rows, rng)
        _, found = inference("nrmse", y_true, y_pred, n_resamples=500, seed=run)
        below += found.ci_low > truth
        above += found.ci_high < truth
    coverage = 1 - (below + above) / n_runs
    print(
        f"\n{kind} errors, {n_rows} rows: covered {coverage:.1%}, "
        f"truth below {below / n_runs:.1%}, above {above / n_runs:.1%}"
    )
    assert least <= coverage <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["accuracy", "bias", "brier", "mae", "nrmse", "r2", "rmse"],
)
def test_coverage_at_the_smallest_trusted_subgroup(name):
    rng = np.random.default_rng(20260503)
    metric = resolve_metric(name)

    def draw(n_rows):
        if name in ("accuracy", "balanced_accuracy", "brier"):
            signal = rng.normal(size=n_rows)
            probability = 1 / (1 + np.exp(-1.5 * signal))
            y_true = 1.0 * (rng.random(n_rows) < probability)
            return y_true, probability if name == "brier" else 1.0 * (signal > 0)
        y_true = rng.normal(36.0, 6.6, n_rows)
        return y_true, y_true + 6.0 * rng.normal(size=n_rows)

    truth, _ = inference(name, *draw(2_000_000), n_resamples=50)
    n_runs, covered = 800, 0
    for run in range(n_runs):
        _, found = inference(name, *draw(metric.min_rows), n_resamples=400, seed=run)
        covered += found.ci_low <= truth <= found.ci_high
    print(f"\n{name} at {metric.min_rows} rows: covered {covered / n_runs:.1%}")
    assert 0.90 <= covered / n_runs <= 0.985
