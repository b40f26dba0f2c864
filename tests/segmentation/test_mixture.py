"""Does the fast way find mixtures as good as scikit-learn's, and use them alike?"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from sklearn_equity.segmentation import LatentGMMSegmenter
from sklearn_equity.segmentation._expectation_maximization import (
    _climb,
    _expect,
)
from sklearn_equity.segmentation._mixture import (
    components_of,
    fit_fast,
    log_density_of,
    shares_of,
)
from sklearn_equity.segmentation._moments import Parameters, maximise
from sklearn_equity.segmentation._rows import (
    Resolutions,
    bin_on_grid,
    bin_rows,
    take_rows,
)

every_covariance = pytest.mark.parametrize(
    "covariance_type", ["full", "tied", "diag", "spherical"]
)
every_start = pytest.mark.parametrize(
    "init_params", ["kmeans", "k-means++", "random", "random_from_data"]
)


def standardised(points):
    return (points - points.mean(axis=0)) / points.std(axis=0)


def plain(n_rows=4000, n_features=2, seed=90125):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n_rows, n_features)) @ rng.normal(size=2 * (n_features,))
    return standardised(mixed + rng.exponential(size=(n_rows, n_features)))


def tight_clouds(n_rows=4000):
    rng = np.random.default_rng(3345)
    centres = rng.normal(size=(12, 2))
    drawn = centres[rng.integers(12, size=n_rows)]
    return standardised(drawn + 0.005 * rng.normal(size=(n_rows, 2)))


def crowd_with_atoms(n_rows=4000):
    """Half of the rows in 36 places, and the others all around them."""
    rng = np.random.default_rng(1123)
    points = rng.integers(6, size=(n_rows, 2)).astype(float)
    points[: n_rows // 2] = rng.normal(2.5, 1.7, size=(n_rows // 2, 2))
    return standardised(points)


def long_tails(n_rows=4000):
    rng = np.random.default_rng(7091)
    return standardised(np.exp(1.5 * rng.normal(size=(n_rows, 2))))


def striped(n_rows=4000):
    rng = np.random.default_rng(5511)
    stripe = rng.integers(8, size=n_rows) + 0.001 * rng.normal(size=n_rows)
    return standardised(np.column_stack([rng.normal(size=n_rows), stripe]))


SHAPES = [plain, tight_clouds, crowd_with_atoms, long_tails, striped]


def fast(points, n_components=8, *, seed=0, **params):
    params = {"init_params": "k-means++", "random_state": seed, **params}
    resolutions = Resolutions(
        points,
        params.get("covariance_type", "full"),
        None,
        np.random.RandomState(seed),
    )
    return fit_fast(n_components, resolutions, params)


def some_parameters(points, covariance_type, n_components=4):
    """Parameters that scikit-learn found, in no way the best."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = GaussianMixture(
            n_components, covariance_type=covariance_type, max_iter=2, random_state=0
        ).fit(points)
    return mixture, Parameters(mixture.weights_, mixture.means_, mixture.covariances_)


# ---- agreement with scikit-learn ---------------------------------------------------
@pytest.mark.parametrize("n_features", [1, 2, 3, 6])
@every_covariance
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_step_over_rows_is_that_of_scikit_learn(covariance_type, n_features):
    points = plain(700, n_features)
    start, parameters = some_parameters(points, covariance_type)
    rows = take_rows(points, covariance_type)
    sums, log_likelihood = _expect(rows, parameters)
    ours = maximise(sums, rows.second_moments, covariance_type, reg_covar=1e-6)

    one_step = GaussianMixture(
        4,
        covariance_type=covariance_type,
        weights_init=start.weights_,
        means_init=start.means_,
        precisions_init=start.precisions_,
        max_iter=1,
    ).fit(points)
    assert_allclose(log_likelihood, start.score(points), rtol=1e-9)
    assert_allclose(ours.weights, one_step.weights_, rtol=1e-7)
    assert_allclose(ours.means, one_step.means_, atol=1e-9)
    assert_allclose(ours.covariances, one_step.covariances_, atol=1e-9)


@pytest.mark.parametrize(
    "shape", [plain, *(pytest.param(s, marks=pytest.mark.slow) for s in SHAPES[1:])]
)
def test_rows_are_as_likely_as_under_scikit_learns_mixture(shape):
    points = shape()
    ours = np.median([fast(points, 20, seed=seed).score(points) for seed in range(3)])
    theirs = np.median(
        [
            GaussianMixture(20, init_params="k-means++", random_state=seed)
            .fit(points)
            .score(points)
            for seed in range(3)
        ]
    )
    assert ours > theirs - 0.003


@every_start
@every_covariance
def test_every_start_and_covariance_comes_as_far(covariance_type, init_params):
    points = plain(2000, 4)
    params = {"covariance_type": covariance_type, "init_params": init_params}
    if (covariance_type, init_params) == ("tied", "random"):
        pytest.skip("one common place is a fixed point of equal shares")
    ours = fast(points, 5, n_init=3, **params)
    theirs = GaussianMixture(5, n_init=3, random_state=0, **params).fit(points)
    assert ours.score(points) > theirs.score(points) - 0.003


@every_covariance
def test_holds_all_that_scikit_learns_fit_would_set(covariance_type):
    points = plain()
    ours = fast(points, covariance_type=covariance_type)
    theirs = GaussianMixture(8, covariance_type=covariance_type, random_state=0).fit(
        points
    )
    assert set(vars(theirs)) <= set(vars(ours)) | {"feature_names_in_"}
    for name, value in vars(theirs).items():
        assert np.shape(value) == np.shape(getattr(ours, name)) or "lower" in name, name
    if covariance_type in {"full", "tied"}:
        identity = np.broadcast_to(np.eye(2), ours.covariances_.shape)
        assert_allclose(ours.precisions_ @ ours.covariances_, identity, atol=1e-6)
    else:
        assert_allclose(ours.precisions_ * ours.covariances_, 1.0)
    assert_allclose(ours.lower_bound_, ours.score(points), atol=0.02)
    assert ours.sample(5)[0].shape == (5, 2)


@pytest.mark.parametrize("n_features", [1, 2, 5])
@every_covariance
def test_use_agrees_with_scikit_learns_methods(covariance_type, n_features):
    points = plain(3000, n_features)
    mixture = fast(points, covariance_type=covariance_type)
    further = np.vstack([points, 40.0 * points[:50], np.full((1, n_features), 1e9)])
    assert_array_equal(components_of(mixture, further), mixture.predict(further))
    assert_allclose(
        shares_of(mixture, further), mixture.predict_proba(further), atol=1e-9
    )
    assert_allclose(
        log_density_of(mixture, further), mixture.score_samples(further), rtol=1e-9
    )


@every_covariance
def test_use_is_exact_around_a_tiny_component_far_away(covariance_type):
    points = plain()
    points[:40] = 1e4 + 1e-5 * points[:40]
    mixture = fast(points, covariance_type=covariance_type)
    covariances = mixture.covariances_
    if covariance_type == "tied":
        covariances = [covariances] * 8
    components = zip(mixture.weights_, mixture.means_, covariances, strict=True)
    by_hand = logsumexp(
        [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(points)
            for weight, mean, covariance in components
        ],
        axis=0,
    )
    assert_allclose(log_density_of(mixture, points), by_hand, rtol=1e-6)


# ---- laws --------------------------------------------------------------------------
@every_covariance
def test_bins_never_promise_more_than_the_rows_hold(covariance_type):
    points = plain(20_000)
    _, parameters = some_parameters(points, covariance_type)
    likely = [
        _expect(rows, parameters)[1]
        for rows in (
            bin_rows(points, covariance_type, bin_on_grid(points, 8)),
            bin_rows(points, covariance_type, bin_on_grid(points, 64)),
            take_rows(points, covariance_type),
        )
    ]
    assert likely == sorted(likely)
    assert_allclose(likely[1], likely[2], atol=0.01)


@every_covariance
def test_bins_keep_the_spread_of_their_rows(covariance_type):
    """With one component nothing is shared: four bins are as good as all rows."""
    points = plain(20_000)
    rows = bin_rows(points, covariance_type, bin_on_grid(points, 2))
    assert len(rows.centres) < 2000, "else the rows outside of the grid prove it all"
    sums = _expect(rows, some_parameters(points, covariance_type, 1)[1])[0]
    ours = maximise(sums, rows.second_moments, covariance_type, reg_covar=0.0)
    expected = np.cov(points.T, bias=True)
    if covariance_type == "spherical":
        expected = [np.diagonal(expected).mean()]
    elif covariance_type == "diag":
        expected = [np.diagonal(expected)]
    assert_allclose(np.squeeze(ours.covariances), np.squeeze(expected), atol=1e-9)


@every_covariance
def test_every_step_over_bins_gains(covariance_type):
    points = plain(20_000)
    rows = bin_rows(points, covariance_type, bin_on_grid(points, 32))
    _, start = some_parameters(points[:500], covariance_type, 9)
    climb = _climb(rows, start, tol=0.0, reg_covar=0.0, max_iter=30)
    assert (np.diff(climb.lower_bounds) > -1e-9).all()


def test_grid_numbers_its_cells_by_hand():
    side = np.array([0.0, 0.1, 0.6, 0.9, 0.1, 1.0])
    points = np.column_stack([side, side])
    assert bin_on_grid(points[:, :1], 2).tolist()[1:5] == [0, 1, 1, 0]
    assert len(set(bin_on_grid(points, 2).tolist())) == bin_on_grid(points, 2).max() + 1


def test_far_rows_neither_widen_the_grid_nor_share_a_bin():
    points = plain(20_000)
    n_bins = bin_on_grid(points, 32).max() + 1
    points[:3] = [[1e9, 0.0], [1e9, 1e9], [-1e6, 0.0]]
    bins = bin_on_grid(points, 32)
    assert (np.bincount(bins)[bins[:3]] == 1).all()
    assert_allclose(bins.max() + 1, n_bins, rtol=0.02)


def test_fast_fit_takes_read_only_rows():
    points = plain()
    points.setflags(write=False)
    assert fast(points).converged_


# ---- refusals and warnings ---------------------------------------------------------
def test_covariance_without_inverse_is_refused_in_words():
    X = np.column_stack([plain(), np.full(4000, 3.0)])
    with pytest.raises(ValueError, match=r"no inverse.* Raise `reg_covar` \(got 0\)"):
        LatentGMMSegmenter(4, reg_covar=0.0, random_state=0).fit(X)


@pytest.mark.parametrize(
    ("covariance_type", "init_params"),
    [
        *(("full", "quantiles"), ("tied", "quantiles"), ("diag", "quantiles")),
        *(("tied", "k-means++"), ("tied", "random_from_data")),
    ],
)
def test_exact_start_without_inverse_is_refused_in_words(covariance_type, init_params):
    X = np.repeat(plain(20), 10, axis=0)
    X[:, 1] = 3.0  # all components are flat, and those of a single place are points
    segmenter = LatentGMMSegmenter(
        15,
        covariance_type=covariance_type,
        init_params=init_params,
        reg_covar=0.0,
        exact=True,
        random_state=0,
    )
    with pytest.raises(
        ValueError, match=r"of 15 components has no inverse.* \(got 0\)"
    ):
        segmenter.fit(X)


def test_more_steps_are_asked_for():
    with pytest.warns(ConvergenceWarning, match="of 8 components did not converge"):
        fast(plain(), max_iter=1)
