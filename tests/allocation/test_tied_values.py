"""Values that many people share are never carried over a threshold."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_equity.allocation import (
    dataset_inequality,
    deterioration_index,
    severity_score,
)

N = 1000


def heaped(rng, n=N, share=0.3):
    """Blood pressure: some read to the nearest ten, the others finely."""
    pressure = rng.normal(125, 18, size=n).clip(60, 250)
    return np.where(rng.random(n) < share, np.round(pressure, -1), pressure)


def ceiling(rng):
    return np.minimum(rng.normal(80, 15, size=N).clip(0), 100)


def detection_limit(rng):
    return np.maximum(rng.gamma(2.0, 0.6, size=N), 0.8)


def zero_inflated(rng):
    return np.where(rng.random(N) < 0.45, 0.0, rng.gamma(2.0, 3.0, size=N))


SITUATIONS = {
    "heaped": (heaped, 140.0),
    "heaped, in the tail": (heaped, 170.0),
    "ceiling": (ceiling, 100.0),
    "detection limit": (detection_limit, 0.8),
    "zero inflated": (zero_inflated, 0.1),
}
every_situation = pytest.mark.parametrize("situation", SITUATIONS)


def bound_on_the_effect_of_smoothing(values, threshold):
    """Bound what a kernel may move across a threshold: 4 sd, and its bias.

    Within h of the threshold lie f n h rows on average, a kernel moves each by .23 of
    itself (root of the integral of Phi(-|z|)**2), at random to either side; its bias is
    h**2 f' / 2. Tied rows move not at all. f and f' from the rows that aren't tied.
    """
    distinct, n_each = np.unique(values, return_counts=True)
    alone = distinct[n_each == 1]
    iqr = np.subtract(*np.quantile(alone, [0.75, 0.25]))
    spread = min(alone.std(), iqr / 1.34)
    h = 0.5 * spread * len(alone) ** (-1 / 3)
    near = np.mean(np.abs(values - threshold) < 4 * h) / (8 * h)
    near = max(near, 1 / (len(values) * spread))
    noise = 4 * np.sqrt(0.24 * h * near / len(values))
    return noise + h**2 / 2 * near / spread


@every_situation
@pytest.mark.parametrize("seed", range(10))
def test_share_beyond_a_threshold_is_that_of_the_rows(situation, seed):
    draw, threshold = SITUATIONS[situation]
    values = draw(np.random.default_rng(seed))
    index = deterioration_index(values, threshold=threshold, n_steps=1)
    exact = (values >= threshold).mean()
    allowed = bound_on_the_effect_of_smoothing(values, threshold)
    print(f"{situation}: {index:.4f}, exactly {exact:.4f}, allowed {allowed:.4f}")
    assert abs(index - exact) <= allowed


@pytest.mark.parametrize("situation", ["ceiling", "detection limit"])
def test_a_threshold_at_the_end_of_the_sample_is_exact(situation):
    draw, threshold = SITUATIONS[situation]
    values = draw(np.random.default_rng(0))
    index = deterioration_index(values, threshold=threshold, n_steps=1)
    assert_allclose(index, (values >= threshold).mean(), rtol=1e-12)


def test_a_rare_ceiling_in_a_large_sample_is_exact():
    values = np.minimum(np.random.default_rng(1).normal(size=100_000), 3.0)
    index = deterioration_index(values, threshold=3.0, n_steps=1)
    assert_allclose(index, (values == 3.0).mean(), rtol=1e-12)


@every_situation
@pytest.mark.parametrize("factor", [88.42, 1e-3, 3.0])
def test_a_change_of_unit_changes_nothing(situation, factor):
    draw, threshold = SITUATIONS[situation]
    values = draw(np.random.default_rng(2))
    here = severity_score(values, threshold=threshold, n_steps=1)
    there = severity_score(values * factor, threshold=threshold * factor, n_steps=1)
    assert_allclose(there, here, atol=1e-9)


@every_situation
def test_below_is_the_mirror_image_of_above(situation):
    draw, threshold = SITUATIONS[situation]
    values = draw(np.random.default_rng(3))
    above = severity_score(values, threshold=threshold, n_steps=1)
    below = severity_score(-values, threshold=-threshold, n_steps=1, direction="below")
    np.testing.assert_array_equal(above, below)


def test_frequencies_equal_repetition():
    values = heaped(np.random.default_rng(4), n=300)
    times = np.random.default_rng(5).integers(1, 3, size=300)
    options = {"threshold": 140.0, "n_steps": 1}
    assert_allclose(
        deterioration_index(values, sample_weight=times, **options),
        deterioration_index(np.repeat(values, times), **options),
        rtol=1e-12,
    )


def test_a_group_whose_readings_are_heaped_is_compared_as_it_is():
    rng = np.random.default_rng(6)
    values = np.concatenate([heaped(rng, 4000, 0.9), heaped(rng, 4000, 0.0)])
    ward = np.repeat(["east", "west"], 4000)
    found = dataset_inequality(
        values, subgroups=ward, compare=("east", "west"), threshold=140, n_steps=1
    )
    east, west = ((values[ward == side] >= 140).mean() for side in ("east", "west"))
    assert east / west - 1 > 0.2  # what the rounding makes of equal people
    assert_allclose(found.estimate, east / west - 1, atol=0.02)


def test_rows_that_are_not_tied_are_still_smoothed():
    values = zero_inflated(np.random.default_rng(7))
    scores = severity_score(values, threshold=1.0, n_steps=1)
    assert (scores[values == 0.0] == 0.0).all()
    assert ((scores > 0.0) & (scores < 1.0)).sum() > 20


def test_one_treatment_for_all_groups():
    rng = np.random.default_rng(8)
    values = heaped(rng, 2000, 0.3)
    first = values[:20]
    here = severity_score(values, threshold=140, n_steps=1)[:20]
    tied = np.isin(first, np.arange(60, 260, 10))
    assert set(here[tied]) <= {0.0, 1.0}
