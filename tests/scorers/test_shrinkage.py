"""How much of the spread of subgroup figures is noise? Theory, laws, simulation."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from sklearn_equity.scorers import equity_scorer


class Replay(RegressorMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return np.asarray(X["prediction"])


ERRORS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "laplace": lambda rng, n: rng.laplace(size=n) / np.sqrt(2),
    "heavy tails": lambda rng, n: rng.standard_t(5, size=n) / np.sqrt(5 / 3),
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
@pytest.mark.parametrize(("metric", "truth"), [("rmse", 1.0), ("nrmse", 1 / 5)])
@pytest.mark.parametrize("error", ERRORS)
def test_fifty_identical_subgroups_over_many_samples(error, metric, truth):
    worst, gini = figures(error, metric, 200)
    within = np.mean((worst <= 1.2 * truth) & (gini <= 0.03))
    print(
        f"{error}, {metric}: worst / truth {worst.mean() / truth:.3f}, "
        f"Gini {gini.mean():.4f}, within both bounds {within:.3f}"
    )
    assert within >= 0.85


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
    "normal": (1.00, 0.002, 1.25, 0.062),
    "laplace": (1.01, 0.005, 1.41, 0.095),
    "heavy tails": (1.08, 0.010, 1.61, 0.098),
    "t3": (1.41, 0.039, 2.35, 0.153),
    "lognormal": (1.43, 0.066, 2.45, 0.211),
}
HEAVIER = ERRORS | {
    "t3": lambda rng, n: rng.standard_t(3, size=n) / np.sqrt(3),
    "lognormal": lambda rng, n: (
        (rng.lognormal(size=n) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
    ),
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
            HEAVIER[error](np.random.default_rng([seed, 40]), 2000)
            for seed in range(200)
        )
    ]
    mean = np.mean(figures, axis=0)
    print(f"{error}: worst, Gini index shrunk {mean[:2]}, plain {mean[2:]}")
    assert_allclose(mean, TABLE[error], atol=0.006)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("truth", "shrunk", "plain"),
    [(1.5, 1.12, 1.50), (2.0, 1.55, 1.99), (3.0, 2.63, 2.98)],
)
def test_the_documented_loss_of_a_real_difference(truth, shrunk, plain):
    sd = np.where(np.arange(2000) < 1960, 1.0, truth)
    errors = [
        sd * np.random.default_rng([seed, 41]).normal(size=2000) for seed in range(200)
    ]
    for shrink, expected in ((True, shrunk), (False, plain)):
        mean = np.mean([read_fifty(e, "worst", shrink=shrink) for e in errors])
        print(f"truth {truth}, shrink={shrink}: {mean:.3f}")
        assert_allclose(mean, expected, atol=0.006)


# ---- laws ------------------------------------------------------------------------
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


def test_figures_without_noise_stay():
    error = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], 40)
    X = pd.DataFrame({"prediction": 10 + error, "g": error})
    assert_allclose(read(X, np.full(200, 10.0), "mae", "gap"), 4.0)


def test_shrunk_values_against_the_formula_by_hand():
    """Four subgroups of n rows, each with errors m - d and m + d in equal numbers."""
    n, d, means = 50, 2.0, np.array([10.0, 11.0, 12.0, 15.0])
    error = np.concatenate([m + d * np.tile([-1.0, 1.0], n // 2) for m in means])
    X = pd.DataFrame({"prediction": error, "g": np.repeat(np.arange(4), n)})
    noise = d**2 / n  # the variance of a mean of n rows that lie d from it
    # Equal noise: sum of squares / (t2 + noise) = 3 + sqrt(6).
    squares = ((means - 12.0) ** 2).sum()
    between = squares / (3 + np.sqrt(6)) - noise
    kept = between / (between + noise)
    found = read(X, np.zeros(4 * n), "mae", "worst")
    assert_allclose(found, 12.0 + kept * (15.0 - 12.0), rtol=1e-6)
