"""Is smoothing worth it? Errors against counting, on seventeen known distributions."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sklearn_equity.density import BoundedKDE

COMPARISONS = Path(__file__).parents[2] / "benchmarks" / "comparisons"


@pytest.fixture
def testbed(monkeypatch):
    monkeypatch.syspath_prepend(str(COMPARISONS))
    density_testbed = pytest.importorskip("density_testbed")
    yield density_testbed
    sys.modules.pop("density_testbed", None)


def ratios(testbed, law, n, n_samples):
    """Return our mean errors divided by those of counting."""
    ours, counted = np.zeros(2), np.zeros(2)
    for seed in range(n_samples):
        x = law.draw(np.random.default_rng([20261105, n, seed]), n)
        ordered = np.sort(x)
        counted += testbed.errors(
            law,
            lambda t, s=ordered: np.searchsorted(s, t + 1e-9, side="right") / n,
            lambda t, s=ordered: np.searchsorted(s, t - 1e-9, side="left") / n,
            x,
        )
        kde = BoundedKDE(bounds=law.bounds).fit(x.reshape(-1, 1))

        def below(t, kde=kde):
            edges = np.concatenate([[-np.inf], t, [np.inf]])
            return np.cumsum(kde.interval_probability(edges))[:-1]

        ours += testbed.errors(law, kde.cdf, below, x)
    return ours / counted


def test_known_laws_of_the_testbed_are_what_they_draw(testbed):
    for law in testbed.LAWS:
        x = law.draw(np.random.default_rng(1), 20_000)
        t = testbed.quantile(law, np.array([0.1, 0.4, 0.8]))
        shares = [(x <= s + 1e-9).mean() for s in t]
        np.testing.assert_allclose(law.cdf(t), shares, atol=0.02, err_msg=law.name)
        assert all(law.cdf_left(t) <= law.cdf(t)), law.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "n_samples", "geometric_mean"), [(200, 40, 0.75), (10_000, 12, 0.85)]
)
def test_never_worse_than_counting_and_better_on_average(
    testbed, n, n_samples, geometric_mean
):
    rows = np.array([ratios(testbed, law, n, n_samples) for law in testbed.LAWS])
    for law, row in zip(testbed.LAWS, rows, strict=True):
        print(f"{law.name:40} {row.round(2)}")
    means = np.exp(np.log(rows).mean(axis=0))
    print(
        f"n = {n}: geometric means {means.round(3)}, worst {rows.max(axis=0).round(3)}"
    )
    assert (means <= geometric_mean).all()
    assert rows.max() <= 1.05


def test_pairs_of_edges_agree_with_the_distribution_function():
    x = np.random.default_rng(7).beta(2, 4, size=300).reshape(-1, 1)
    kde = BoundedKDE(bounds=(0, 1)).fit(x)
    edges = np.linspace(0, 1, 6)
    differences = [np.diff(kde.cdf([a, b]))[0] for a, b in pairwise(edges)]
    np.testing.assert_allclose(kde.interval_probability(edges), differences, atol=1e-12)
