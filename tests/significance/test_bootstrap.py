"""Resampling: the right distribution, whatever the size of the data."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_equity.significance import gather_units, resampled_rows, resampled_sums


def test_counts_against_the_poisson_distribution():
    rng = np.random.default_rng(20260301)
    counts = resampled_sums(np.eye(50), 4000, rng).ravel()
    assert set(np.unique(counts)) <= set(range(10))
    observed = np.array([(counts == k).sum() for k in range(5)] + [(counts > 4).sum()])
    expected = len(counts) * np.append(
        stats.poisson(1).pmf(range(5)), stats.poisson(1).sf(4)
    )
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_sums_do_not_depend_on_batches_in_distribution():
    rng = np.random.default_rng(3)
    units = rng.normal(size=(3000, 1))  # 349 resamples a batch
    sums = resampled_sums(units, 1000, rng)
    assert sums.shape == (1000, 1)
    # A Poisson-weighted sum has mean sum(u) and variance sum(u ** 2).
    assert abs(sums.mean() - units.sum()) < 4 * np.sqrt((units**2).sum() / 1000)
    assert_allclose(sums.std(), np.sqrt((units**2).sum()), rtol=0.1)


def test_gathering_keeps_totals_and_standard_errors():
    rng = np.random.default_rng(4)
    values = np.sort(rng.exponential(size=50_000))  # the worst order for fixed blocks
    rows = np.column_stack([np.ones_like(values), values])
    units = gather_units(rows, rng)
    assert len(units) == 4096
    assert_allclose(units.sum(axis=0), rows.sum(axis=0), rtol=1e-12)
    sums = resampled_sums(units, 2000, rng)
    means = sums[:, 1] / sums[:, 0]
    assert_allclose(means.std(), values.std() / np.sqrt(50_000), rtol=0.08)


def test_rows_are_gathered_to_as_few_units_as_asked():
    rows = np.ones((5000, 2))
    units = gather_units(rows, np.random.default_rng(5), 300)
    assert len(units) == 300
    assert_allclose(units.sum(axis=0), [5000, 5000])


def test_few_rows_are_units_themselves():
    rows = np.arange(6.0).reshape(3, 2)
    assert gather_units(rows, np.random.default_rng(0)) is rows


def test_resampled_rows_are_drawn_with_return():
    drawn = list(resampled_rows(5, 300, np.random.default_rng(0)))
    assert len(drawn) == 300
    assert all(len(rows) == 5 and set(rows) <= set(range(5)) for rows in drawn)
    n_distinct = np.mean([len(set(rows)) for rows in drawn])
    assert abs(n_distinct - 5 * (1 - 0.8**5)) < 0.2
