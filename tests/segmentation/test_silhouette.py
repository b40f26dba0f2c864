"""Are silhouettes and information criteria of many mixtures those of scikit-learn?"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture

from sklearn_equity.segmentation import LatentGMMSegmenter
from sklearn_equity.segmentation._choice import information_criterion
from sklearn_equity.segmentation._silhouette import Silhouettes, _Distances


def points_without_gaps(n_rows, n_features=2):
    rng = np.random.default_rng(40961)
    mixed = rng.normal(size=(n_rows, n_features))
    mixed[:, 0] += 0.5 * mixed[:, -1] ** 2
    return (mixed - mixed.mean(axis=0)) / mixed.std(axis=0)


def mixture_of(points, n_components, covariance_type="full"):
    return GaussianMixture(
        n_components, covariance_type=covariance_type, random_state=0
    ).fit(points)


@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("n_components", [2, 7])
def test_rows_one_by_one_give_scikit_learns_silhouette(n_components, n_features):
    points = points_without_gaps(900, n_features)
    mixture = mixture_of(points, n_components)
    ours = Silhouettes(points, np.random.RandomState(0)).score(mixture)
    expected = silhouette_score(points, mixture.predict(points))
    assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("n_features", "tolerance"), [(1, 0.006), (2, 0.006), (3, 0.011)]
)
def test_bins_give_the_silhouette_within_the_error_promised(n_features, tolerance):
    points = points_without_gaps(6000, n_features)
    silhouettes = Silhouettes(points, np.random.RandomState(0))
    for n_components in (2, 12, 40):
        mixture = mixture_of(points, n_components)
        expected = silhouette_score(points, mixture.predict(points))
        assert abs(silhouettes.score(mixture) - expected) < tolerance


def test_many_rows_of_many_columns_are_sampled():
    points = points_without_gaps(8000, 4)
    mixture = mixture_of(points, 3)
    scores = {
        Silhouettes(points, np.random.RandomState(seed)).score(mixture)
        for seed in range(2)
    }
    assert len(scores) == 2
    expected = silhouette_score(points, mixture.predict(points))
    assert_allclose(list(scores), expected, atol=0.01)


def test_component_of_one_row_scores_nothing_by_hand():
    """Two rows 1 apart and one 10 away: (1 - 1 / 10), (1 - 1 / 9) and 0, over 3."""
    distances = _Distances(np.array([[0.0], [1.0], [10.0]]))
    score = distances.silhouette(np.array([0, 0, 1]), 2)
    assert_allclose(score, ((1 - 1 / 10) + (1 - 1 / 9) + 0) / 3, rtol=1e-6)


def test_silhouette_of_a_single_component_is_not_defined():
    points = points_without_gaps(50)
    score = Silhouettes(points, np.random.RandomState(0)).score(mixture_of(points, 1))
    assert np.isnan(score)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_information_criterion_is_that_of_scikit_learn(covariance_type):
    points = points_without_gaps(500, 3)
    mixture = mixture_of(points, 4, covariance_type)
    assert_allclose(information_criterion(mixture, points), mixture.bic(points))


@pytest.mark.slow
def test_whole_curve_over_59_numbers_is_there():
    points = points_without_gaps(5000)
    segmenter = LatentGMMSegmenter(
        component_choice="silhouette", candidates=range(2, 61), random_state=0
    ).fit(points)
    assert list(segmenter.choice_scores_) == list(range(2, 61))
    best = max(segmenter.choice_scores_, key=segmenter.choice_scores_.get)
    assert segmenter.mixture_.n_components == best
