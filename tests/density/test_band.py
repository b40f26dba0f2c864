"""Does the interval of a density hold what it should, and no more than it says?"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import beta, expon, norm

from sklearn_equity.density import BoundedKDE
from sklearn_equity.density._band import resample, root_interval


def _fitted(n, *, seed=0, **options):
    values = np.random.default_rng(seed).beta(2, 5, n)
    return BoundedKDE(bounds=(0, 1)).fit(values[:, np.newaxis], **options)


PLACES = np.linspace(0.05, 0.7, 30)


def test_it_lies_about_the_density_and_above_nothing():
    kde = _fitted(300)
    low, high = kde.pdf_interval(PLACES, random_state=0)
    density = kde.pdf(PLACES)
    assert (low >= 0.0).all()
    assert (low < density).all()
    assert (high > density).all()


def test_its_width_is_that_of_theory():
    """A Gaussian kernel's variance: f R(K) / (n h), less f**2 / n."""
    n, h = 4000, 0.3
    values = np.random.default_rng(1).normal(size=n)
    kde = BoundedKDE(bandwidth=h, boundary="none").fit(values[:, np.newaxis])
    at = np.array([-1.0, 0.0, 0.5])
    smoothed = norm(scale=np.hypot(1.0, h)).pdf(at)
    # E K_h**2 is a narrower kernel's density over 2 h sqrt(pi).
    square = norm(scale=np.sqrt(1.0 + h**2 / 2.0)).pdf(at) / (2.0 * h * np.sqrt(np.pi))
    expected = 2.0 * norm.isf(0.025) * np.sqrt((square - smoothed**2) / n)
    low, high = kde.pdf_interval(at, n_resamples=1000, random_state=0)
    assert_allclose(high - low, expected, rtol=0.1)


def test_a_hundred_times_the_people_make_it_a_tenth_as_wide():
    width = {}
    for n in (500, 50_000):
        values = np.random.default_rng(1).normal(size=n)
        kde = BoundedKDE(bandwidth=0.3).fit(values[:, np.newaxis])
        low, high = kde.pdf_interval([0.0, 1.0], n_resamples=400, random_state=0)
        width[n] = high - low
    assert_allclose(width[500] / width[50_000], 10.0, rtol=0.25)


def test_equal_weights_that_count_nobody_change_nothing():
    plain, weighted = _fitted(400), _fitted(400, sample_weight=np.full(400, 0.37))
    assert_allclose(
        weighted.pdf_interval(PLACES, n_resamples=400, random_state=0),
        plain.pdf_interval(PLACES, n_resamples=400, random_state=0),
        rtol=0.08,
    )


def test_at_a_point_mass_it_is_that_of_a_share():
    values = np.concatenate([np.zeros(300), np.linspace(0.1, 50, 700)])
    kde = BoundedKDE(bounds=(0, None)).fit(values[:, np.newaxis])
    low, high = kde.pdf_interval([0.0], n_resamples=1000, random_state=0)
    half = norm.isf(0.025) * np.sqrt(0.3 * 0.7 / 1000)
    assert_allclose([low[0], high[0]], [0.3 - half, 0.3 + half], atol=0.003)


def test_points_alone_have_intervals_too():
    kde = BoundedKDE().fit(np.repeat([1.0, 4.0], 50)[:, np.newaxis])
    low, high = kde.pdf_interval([1.0, 2.0], random_state=0)
    assert low[0] < 0.5 < high[0]
    assert low[1] == high[1] == 0.0


@pytest.mark.parametrize(
    ("weight", "n_people"),
    [([1.0] * 8, 8), ([3.0, 1.0] * 4, 16), ([0.4] * 8, 8), ([0.5, 1.5] * 4, 6)],
)
def test_a_resample_has_as_many_people(weight, n_people):
    """Those that whole weights count, or Kish's number: of the last 64 over 10."""
    kde = BoundedKDE(discrete=False)
    kde.fit(np.arange(8.0)[:, np.newaxis] ** 2, sample_weight=weight)
    drawn = resample(kde._evidence.summary(), 20, np.random.RandomState(0))
    assert drawn.counts_people
    assert_allclose(drawn.squares, drawn.grid.counts.sum(axis=1))
    assert_allclose(drawn.squares, n_people)


def test_point_masses_are_drawn_with_the_rest():
    values = np.r_[np.zeros(60), np.linspace(1.0, 9.0, 40)]
    kde = BoundedKDE().fit(values[:, np.newaxis], sample_weight=np.full(100, 0.25))
    drawn = resample(kde._evidence.summary(), 400, np.random.RandomState(0))
    assert_array_equal(drawn.points, [0.0])
    people = drawn.point_mass[:, 0] + drawn.grid.counts.sum(axis=1)
    assert_allclose(people, 100.0)
    # Binomial: 60 of 100, with a variance of 24; five standard errors.
    assert abs(drawn.point_mass.mean() - 60.0) < 5.0 * np.sqrt(24.0 / 400)
    assert 0.8 < drawn.point_mass.var() / 24.0 < 1.25


def test_less_than_half_a_person_is_one():
    kde = BoundedKDE().fit([[3.0]], sample_weight=[0.3])
    drawn = resample(kde._evidence.summary(), 5, np.random.RandomState(0))
    assert_array_equal(drawn.point_mass, np.ones((5, 1)))


def test_ends_by_hand():
    """Roots of 1 and 3 about a root of 2: they deviate by the root of 2."""
    resampled = np.array([[1.0, 1.0], [9.0, 9.0]])
    low, high = root_interval(np.array([4.0, 16.0]), resampled, 0.9)
    half = norm.isf(0.05) * np.sqrt(2.0)
    assert_allclose(low, [0.0, (4.0 - half) ** 2])
    assert_allclose(high, [(2.0 + half) ** 2, (4.0 + half) ** 2])


def test_one_person_is_no_reason_to_fail():
    assert BoundedKDE().fit([[3.0]]).pdf_interval([3.0]).shape == (2, 1)


def test_equal_seeds_give_equal_ends_and_the_unit_is_that_of_the_density():
    kde = _fitted(200)
    ends = kde.pdf_interval(PLACES, random_state=3)
    assert_array_equal(kde.pdf_interval(PLACES, random_state=3), ends)
    values = np.random.default_rng(0).beta(2, 5, 200)
    double = BoundedKDE(bounds=(0, 2)).fit(2.0 * values[:, np.newaxis])
    assert_allclose(double.pdf_interval(2.0 * PLACES, random_state=3), ends / 2.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence_level": 1.0}, "`confidence_level` must lie strictly between"),
        ({"n_resamples": 1}, "`n_resamples` must be a whole number of at least 2"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        _fitted(50).pdf_interval(PLACES, **options)


LAWS = {
    "beta": (beta(2, 5), (0, 1), PLACES, 0.0),
    "exponential": (expon(), (0, None), np.linspace(0.1, 3, 40), 0.0),
    "zero-inflated": (expon(), (0, None), np.linspace(0.1, 3, 40), 0.3),
    "normal": (norm(), (None, None), np.linspace(-2.5, 2.5, 40), 0.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 2000])
@pytest.mark.parametrize("name", LAWS)
def test_it_covers_the_true_density(name, n):
    law, bounds, places, zeros = LAWS[name]
    rng = np.random.default_rng(20261129)
    truth, held = (1.0 - zeros) * law.pdf(places), []
    for seed in range(60):
        values = law.rvs(n, random_state=rng)
        values[: int(zeros * n)] = 0.0
        kde = BoundedKDE(bounds=bounds).fit(values[:, np.newaxis])
        low, high = kde.pdf_interval(places, random_state=seed)
        held.append((low <= truth) & (truth <= high))
    share = np.mean(held)
    print(f"{name}, {n} people: {share:.3f} of places and samples")
    assert 0.90 < share < 0.98
