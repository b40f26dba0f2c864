"""How much of the spread of subgroup figures is noise? Theory, laws, simulation."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from sklearn_equity._checks import check_subgroups
from sklearn_equity.fidelity import resolve_metric, subgroup_estimates
from sklearn_equity.scorers import equity_scorer
from sklearn_equity.scorers._noise import effective_size, variance_of_one_row
from sklearn_equity.scorers._values import ScoredRows, SubgroupValues


class Replay(RegressorMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return np.asarray(X["prediction"])


class Ranking(ClassifierMixin, BaseEstimator):
    """A classifier whose decision values are a column of X."""

    classes_ = np.array([0, 1])

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def decision_function(self, X):
        return np.asarray(X["score"])


AREAS = ("worst", "gap")
ERRORS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "laplace": lambda rng, n: rng.laplace(size=n) / np.sqrt(2),
    "t5": lambda rng, n: rng.standard_t(5, size=n) / np.sqrt(5 / 3),
    "t3": lambda rng, n: rng.standard_t(3, size=n) / np.sqrt(3),
    "lognormal": lambda rng, n: (
        (rng.lognormal(size=n) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
    ),
}


def identical(rng, error, *, n_rows=2000, n_subgroups=50):
    """Make people whose errors have standard deviation 1 in every subgroup."""
    y = rng.uniform(4, 6, n_rows)
    subgroup = rng.integers(0, n_subgroups, n_rows)
    return pd.DataFrame({"prediction": y + error(rng, n_rows), "g": subgroup}), y


def read(X, y, metric, aggregate, **options):
    options = {"subgroups": "g", "min_subgroup_size": 1} | options
    return abs(equity_scorer(metric, aggregate=aggregate, **options)(Replay(), X, y))


def figures(error, metric, n_repeats, **options):
    found = []
    for seed in range(n_repeats):
        X, y = identical(np.random.default_rng([seed, 2000]), ERRORS[error])
        found.append([read(X, y, metric, a, **options) for a in ("worst", "gini")])
    return np.array(found).T


# ---- 50 identical subgroups of 40 people: the worst is 1 and the Gini index 0 --------
@pytest.mark.parametrize("error", ERRORS)
def test_fifty_identical_subgroups_read_as_such(error):
    worst, gini = figures(error, "rmse", 20)
    raw_worst, raw_gini = figures(error, "rmse", 20, shrink=False)
    print(
        f"{error}: worst {raw_worst.mean():.2f} -> {worst.mean():.2f}, "
        f"Gini {raw_gini.mean():.3f} -> {gini.mean():.3f}"
    )
    assert worst.mean() <= 1.1
    assert gini.mean() <= 0.015
    assert np.mean((worst <= 1.2) & (gini <= 0.03)) >= 0.8
    assert raw_worst.mean() > 1.2
    assert raw_gini.mean() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "truth"),
    [("rmse", 1.0), ("nrmse", 1 / 5), (root_mean_squared_error, 1.0)],
    ids=["rmse", "nrmse", "function"],
)
@pytest.mark.parametrize("error", ERRORS)
def test_fifty_identical_subgroups_over_many_samples(error, metric, truth):
    worst, gini = figures(error, metric, 40 if callable(metric) else 200)
    within = np.mean((worst <= 1.2 * truth) & (gini <= 0.03))
    print(
        f"{error}, {metric}: worst / truth {worst.mean() / truth:.3f}, "
        f"Gini {gini.mean():.4f}, within both bounds {within:.3f}"
    )
    assert within >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("metric", [root_mean_squared_error, mean_absolute_error])
def test_a_function_is_shrunk_by_leaving_out_blocks(metric):
    worst, gini = figures("normal", metric, 8)
    assert worst.mean() <= 1.1
    assert gini.mean() <= 0.015


def test_real_differences_survive():
    rng = np.random.default_rng(9)
    subgroup = np.repeat(np.arange(6), 500)
    sd = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0])[subgroup]
    y = np.full(3000, 50.0)
    X = pd.DataFrame({"prediction": y + sd * rng.normal(size=3000), "g": subgroup})
    raw = read(X, y, "rmse", "worst", shrink=False)
    assert_allclose(read(X, y, "rmse", "worst"), raw, rtol=0.03)


TABLE = {  # of the notes of equity_scorer: worst and Gini index, shrunk and plain
    "normal": (1.00, 0.001, 1.25, 0.062),
    "laplace": (1.01, 0.001, 1.41, 0.095),
    "t5": (1.02, 0.001, 1.61, 0.098),
    "t3": (1.02, 0.002, 2.35, 0.153),
    "lognormal": (1.01, 0.002, 2.45, 0.211),
}
LOSS = {  # where one of 50 errs that many times as much: shrunk and plain
    ("normal", 1.5): (1.16, 1.50),
    ("normal", 2.0): (1.70, 1.99),
    ("normal", 3.0): (2.79, 2.98),
    ("t5", 1.5): (1.08, 1.65),
    ("t5", 2.0): (1.41, 1.99),
    ("t5", 3.0): (2.50, 2.93),
    ("t3", 2.0): (1.19, 2.44),
    ("t3", 3.0): (1.95, 3.06),
}


def read_fifty(error, aggregate, *, shrink):
    scorer = equity_scorer("rmse", subgroups="g", aggregate=aggregate, shrink=shrink)
    y = np.full(2000, 50.0)
    subgroups = np.repeat(np.arange(50), 40)
    return scorer._score_func.measure(y, y + error, subgroups=subgroups)


@pytest.mark.slow
@pytest.mark.parametrize("error", TABLE)
def test_the_documented_table_of_tails(error):
    figures = [
        [
            read_fifty(errors, aggregate, shrink=shrink)
            for shrink in (True, False)
            for aggregate in ("worst", "gini")
        ]
        for errors in (
            ERRORS[error](np.random.default_rng([seed, 40]), 2000)
            for seed in range(200)
        )
    ]
    mean = np.mean(figures, axis=0)
    print(f"{error}: worst, Gini index shrunk {mean[:2]}, plain {mean[2:]}")
    assert_allclose(mean, TABLE[error], atol=0.006)


@pytest.mark.slow
@pytest.mark.parametrize(("error", "truth"), LOSS)
def test_the_documented_loss_of_a_real_difference(error, truth):
    sd = np.where(np.arange(2000) < 1960, 1.0, truth)
    errors = [
        sd * ERRORS[error](np.random.default_rng([seed, 41]), 2000)
        for seed in range(200)
    ]
    for shrink, expected in zip((True, False), LOSS[error, truth], strict=True):
        read = [read_fifty(e, "worst", shrink=shrink) for e in errors]
        low, mean = np.quantile(read, 0.1), np.mean(read)
        print(
            f"{error}, truth {truth}, shrink={shrink}: {mean:.3f}, lowest 10% {low:.2f}"
        )
        assert_allclose(mean, expected, atol=0.006)


# ---- laws ------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "worst", "gap", "share_of_zero"),
    [(300, 0.752, 0.047, 0.34), (1000, 0.723, 0.085, 0.01)],
)
def test_the_documented_areas_of_five_subgroups(n, worst, gap, share_of_zero, capsys):
    """Normal scores whose means differ by d have an area of Phi(d / sqrt(2))."""
    rng = np.random.default_rng(20261)
    ward = np.repeat(np.arange(5), n)
    shift = np.sqrt(2) * stats.norm.ppf(np.where(ward == 0, 0.7, 0.8))
    found = []
    for _ in range(200):
        y = (rng.uniform(size=5 * n) < 0.15).astype(int)
        X = pd.DataFrame({"score": rng.normal(size=5 * n) + shift * y, "g": ward})
        scorers = (equity_scorer("roc_auc", subgroups="g", aggregate=a) for a in AREAS)
        found.append([abs(scorer(Ranking(), X, y)) for scorer in scorers])
    worsts, gaps = np.array(found).T
    read = worsts.mean(), gaps.mean(), np.mean(gaps < 1e-9)
    with capsys.disabled():
        print(f"\n{n} rows: worst {read[0]:.3f}, gap {read[1]:.3f}, 0 in {read[2]:.0%}")
    # Standard errors over 200 and the documented 150 samples: .005, .005, .06.
    assert_allclose(read[:2], [worst, gap], atol=0.015)
    assert_allclose(read[2], share_of_zero, atol=0.15)


def test_two_and_three_subgroups_are_left_as_they_are():
    for n_subgroups in (2, 3):
        rng = np.random.default_rng(n_subgroups)
        X, y = identical(rng, ERRORS["normal"], n_rows=200, n_subgroups=n_subgroups)
        for aggregate in ("worst", "gap", "gini"):
            shrunk, raw = (
                read(X, y, "rmse", aggregate, shrink=shrink) for shrink in (True, False)
            )
            assert shrunk == raw


def test_mean_is_never_shrunk():
    X, y = identical(np.random.default_rng(1), ERRORS["laplace"])
    assert read(X, y, "rmse", "mean") == read(X, y, "rmse", "mean", shrink=False)


@pytest.mark.parametrize("aggregate", ["worst", "best", "gap", "gini", "theil"])
def test_shrinking_narrows(aggregate):
    for seed in range(5):
        X, y = identical(np.random.default_rng(seed), ERRORS["laplace"])
        shrunk, raw = (
            read(X, y, "rmse", aggregate, shrink=shrink) for shrink in (True, False)
        )
        assert shrunk > raw if aggregate == "best" else shrunk < raw


def test_row_order_and_unit_do_not_matter():
    X, y = identical(np.random.default_rng(3), ERRORS["normal"], n_subgroups=8)
    order = np.random.default_rng(4).permutation(len(y))
    worst = read(X, y, "rmse", "worst")
    assert_allclose(read(X.iloc[order], y[order], "rmse", "worst"), worst, rtol=1e-9)
    larger = X.assign(prediction=X["prediction"] * 1e4)
    assert_allclose(read(larger, y * 1e4, "rmse", "worst"), worst * 1e4, rtol=1e-6)


def test_equal_weights_change_nothing():
    X, y = identical(np.random.default_rng(6), ERRORS["normal"], n_subgroups=8)
    scorer = equity_scorer("rmse", subgroups="g")
    weighted = scorer(Replay(), X, y, sample_weight=np.full(len(y), 2.5))
    assert_allclose(weighted, scorer(Replay(), X, y), rtol=1e-9)


def test_figures_without_noise_lose_no_more_than_chance_could_explain():
    """The total variance is that between subgroups: with N rows, Q is N - 1."""
    error = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], 40)
    X = pd.DataFrame({"prediction": 10 + error, "g": error})
    kept = 1 - (4 + np.sqrt(8)) / (5 * 40 - 1)
    assert_allclose(read(X, np.full(200, 10.0), "mae", "gap"), kept * 4.0, rtol=1e-6)


def test_shrunk_values_against_the_formula_by_hand():
    """Four subgroups of n rows, each with errors m - d and m + d in equal numbers."""
    n, d, means = 50, 2.0, np.array([10.0, 11.0, 12.0, 15.0])
    error = np.concatenate([m + d * np.tile([-1.0, 1.0], n // 2) for m in means])
    X = pd.DataFrame({"prediction": error, "g": np.repeat(np.arange(4), n)})
    squares = ((means - 12.0) ** 2).sum()
    # All rows about the mean of all: d from their own mean, and that from the mean.
    noise = (4 * n * d**2 + n * squares) / (4 * n - 1) / n
    # Equal noise: sum of squares / (t2 + noise) = 3 + sqrt(6).
    between = squares / (3 + np.sqrt(6)) - noise
    kept = between / (between + noise)
    found = read(X, np.zeros(4 * n), "mae", "worst")
    assert_allclose(found, 12.0 + kept * (15.0 - 12.0), rtol=1e-6)


# ---- the noise of one row ------------------------------------------------------------
def noise_of(metric, y_true, y_pred, subgroups, sample_weight=None, scale=np.asarray):
    codes = check_subgroups(subgroups, n_rows=len(y_true))
    rows = ScoredRows(y_true, y_pred, sample_weight, resolve_metric(metric))
    found = rows.evaluate(codes)
    return variance_of_one_row(found, rows, effective_size(found, sample_weight), scale)


def test_noise_of_a_mean_is_the_variance_of_all_rows():
    rng = np.random.default_rng(11)
    y = rng.normal(size=40_000)  # several blocks
    error = rng.gamma(2.0, 1.0 + rng.integers(0, 7, len(y)))
    subgroups = rng.integers(0, 7, len(y))
    found = noise_of("mae", y, y + error, subgroups)
    assert_allclose(found, np.var(error, ddof=1), rtol=1e-7)
    squared = noise_of("rmse", y, y + error, subgroups, scale=np.square)
    assert_allclose(squared, np.var(error**2, ddof=1), rtol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["r2", "nrmse", "balanced_accuracy", "roc_auc"])
def test_noise_against_subgroups_drawn_anew(metric):
    """Over new people, a subgroup's figure varies by the noise over its size."""
    rng = np.random.default_rng(12)
    n_subgroups, n = 400, 500
    subgroups = np.repeat(np.arange(n_subgroups), n)
    y = rng.gamma(6.0, 1.0, n * n_subgroups)
    prediction = y + rng.normal(size=len(y))
    if metric == "balanced_accuracy":
        y, prediction = (y > 6).astype(float), (prediction > 6).astype(float)
    if metric == "roc_auc":
        y = (y > 6).astype(float)
    codes = check_subgroups(subgroups, n_rows=len(y))
    values = subgroup_estimates(y, prediction, codes, resolve_metric(metric))
    found = noise_of(metric, y, prediction, subgroups)
    # The variance of 400 values is known to within 4 x sqrt(2 / 399) = 28%.
    assert_allclose(found / n, np.var(values, ddof=1), rtol=0.28)


@pytest.mark.slow
def test_noise_of_an_area_is_known_from_a_few_subgroups():
    """Leaving out five parts of five subgroups has 20 degrees of freedom: 32%."""
    rng = np.random.default_rng(16)
    found = []
    for _ in range(60):
        y = (rng.uniform(size=1500) < 0.15).astype(float)
        score = y + rng.normal(size=1500)
        found.append(noise_of("roc_auc", y, score, np.arange(1500) % 5))
    assert np.std(found) / np.mean(found) < 0.15


@pytest.mark.parametrize("error", ["t3", "lognormal"])
def test_dealing_by_chance_spreads_as_expected_whatever_the_tails(error):
    """Over deals, sum n_s (v_s - m)^2 / c is on average the subgroups less one."""
    rng = np.random.default_rng(13)
    y = np.zeros(600)
    prediction = ERRORS[error](rng, 600)
    spreads = []
    for _ in range(400):
        ward = rng.permutation(np.repeat(np.arange(6), [40, 60, 80, 100, 120, 200]))
        size = np.bincount(ward)
        mean_square = np.bincount(ward, prediction**2) / size
        c = noise_of("rmse", y, prediction, ward, scale=np.square)
        squares = size @ (mean_square - np.mean(prediction**2)) ** 2
        spreads.append(squares / c)
    std_error = np.std(spreads) / np.sqrt(len(spreads))
    assert abs(np.mean(spreads) - 5) < 4 * std_error


def test_leaving_out_parts_agrees_with_influences():
    rng = np.random.default_rng(14)
    y = rng.normal(size=60_000)
    prediction = y + rng.normal(size=len(y))
    subgroups = rng.integers(0, 200, len(y))
    by_parts, by_influence = (
        noise_of(metric, y, prediction, subgroups)
        for metric in (mean_absolute_error, "mae")
    )
    # 200 subgroups with 4 degrees of freedom each: 4 x sqrt(2 / 800) = 20%.
    assert_allclose(by_parts, by_influence, rtol=0.2)


def test_effective_size_by_hand():
    """Weights 1, 1 are two rows; 3, 1 are 16 / 10; a row left out counts for none."""
    codes = check_subgroups(["a", "a", "b", "b", "c", None], n_rows=6, missing="drop")
    weight = np.array([1.0, 1.0, 3.0, 1.0, 0.5, 9.0])
    found = SubgroupValues(codes, codes.counts(), np.zeros(3))
    assert_allclose(effective_size(found, weight), [2.0, 16 / 10, 1.0])
    assert_allclose(effective_size(found, 7.0 * weight), [2.0, 16 / 10, 1.0])
    assert_allclose(effective_size(found, None), [2.0, 2.0, 1.0])


def test_noise_with_weights_is_that_of_the_effective_rows():
    """A mean with weights w varies by the variance over (sum w)^2 / sum w^2 rows."""
    rng = np.random.default_rng(15)
    y = np.zeros(100_000)
    error = rng.gamma(2.0, 1.0, len(y))  # of variance 2
    weight = rng.choice([0.2, 1.0, 5.0], len(y))
    found = noise_of("mae", y, error, rng.integers(0, 20, len(y)), weight)
    assert_allclose(found, 2.0, rtol=0.05)


def test_a_metric_of_the_callers_own_is_shrunken_as_the_same_metric_by_name():
    """Its noise is known from leaving parts out, the other's from influences."""
    rng = np.random.default_rng(11)
    ward = np.arange(1200) % 6
    truth = rng.uniform(30.0, 60.0, 1200)
    X = pd.DataFrame({"prediction": truth + rng.normal(size=1200) * (2.0 + 0.1 * ward)})

    def score(metric, shrink, **options):
        scorer = equity_scorer(
            metric,
            subgroups=lambda _: ward,
            aggregate="worst",
            shrink=shrink,
            **options,
        )
        return -scorer(Replay(), X, truth)

    own = {"greater_is_better": False}
    plain = score("mae", shrink=False)
    assert_allclose(score(mean_absolute_error, shrink=False, **own), plain)
    by_name = score("mae", shrink=True)
    by_parts = score(mean_absolute_error, shrink=True, **own)
    overall = mean_absolute_error(truth, X["prediction"])
    assert overall < by_name < plain
    assert_allclose(by_parts, by_name, atol=0.35 * (plain - by_name))
