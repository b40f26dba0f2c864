"""Do the segments keep their contract, find what is there, and merge as promised?"""

import os
import pickle
import subprocess
import sys
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

import sklearn_equity.segmentation as stage
from sklearn_equity.exceptions import (
    DiagonalCovarianceWarning,
    FewerSegmentsWarning,
    OutlierWarning,
)
from sklearn_equity.representation import AutoencoderEmbedder
from sklearn_equity.segmentation import LatentGMMSegmenter
from sklearn_equity.segmentation._choice import warn_of_lost_segments

fewer_segments = pytest.mark.filterwarnings(
    "ignore::sklearn_equity.exceptions.FewerSegmentsWarning",
    "ignore::sklearn_equity.exceptions.DiagonalCovarianceWarning",
)
every_covariance = pytest.mark.parametrize(
    "covariance_type", ["full", "tied", "diag", "spherical"]
)
CENTRES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 40.0], [40.0, 40.0]])


def clouds(sizes=(80, 120, 60, 140), seed=41107, scale=0.3):
    """Well separated clouds of known sizes: the first two are the closest."""
    rng = np.random.default_rng(seed)
    cloud = np.repeat(np.arange(len(sizes)), sizes)
    return CENTRES[cloud] + rng.normal(scale=scale, size=(len(cloud), 2)), cloud


def plain(n_rows=600, seed=7772):
    """A space without gaps, as latent spaces are."""
    return np.random.default_rng(seed).normal(size=(n_rows, 2))


def is_union(coarse, fine):
    """Tell whether every fine label lies within one coarse label."""
    return all(len(np.unique(coarse[fine == label])) == 1 for label in np.unique(fine))


def test_the_public_names_of_the_stage():
    assert stage.__all__ == [
        *("LatentGMMSegmenter", "SegmentationStability", "segmentation_stability")
    ]


# ---- laws ------------------------------------------------------------------------
@fewer_segments
@parametrize_with_checks(
    [
        LatentGMMSegmenter(),
        LatentGMMSegmenter(5, min_segment_size=4, covariance_type="diag"),
        LatentGMMSegmenter(component_choice="silhouette", candidates=(2, 3)),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["LatentGMMSegmenter()", "ConsensusSegmenter(n_representations=2)"]
)
def test_scikit_learn_contract_with_array_api_switched_on(name):
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from sklearn_equity import ConsensusSegmenter, LatentGMMSegmenter\n"
        f"check_estimator({name})\n"
        "print('passed')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "passed", done.stderr


def test_equal_seeds_give_equal_results_and_other_seeds_others():
    X = plain()
    first, again = (LatentGMMSegmenter(12, random_state=3).fit(X) for _ in range(2))
    assert_array_equal(first.predict(X), again.predict(X))
    assert_array_equal(first.hierarchy_, again.hierarchy_)
    other = LatentGMMSegmenter(12, random_state=4).fit(X)
    assert adjusted_rand_score(first.predict(X), other.predict(X)) < 0.99


def test_result_does_not_depend_on_the_number_of_threads():
    X = plain(n_rows=3000)
    results = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            results.append(LatentGMMSegmenter(12, random_state=3).fit_predict(X))
    assert_array_equal(*results)


def test_segment_of_a_row_does_not_depend_on_the_other_rows():
    X = plain()
    segmenter = LatentGMMSegmenter(12, random_state=3).fit(X)
    labels = segmenter.predict(X)
    assert_array_equal(segmenter.predict(X[::-1])[::-1], labels)
    assert [segmenter.predict(X[[row]])[0] for row in range(50)] == labels[:50].tolist()


@every_covariance
def test_segments_are_numbered_without_gaps_and_sizes_add_up(covariance_type):
    X = plain()
    segmenter = LatentGMMSegmenter(
        15, covariance_type=covariance_type, min_segment_size=30, random_state=0
    ).fit(X)
    labels = segmenter.predict(X)
    assert_array_equal(np.unique(labels), np.arange(segmenter.n_segments_))
    assert_array_equal(np.bincount(labels), segmenter.segment_sizes_)
    assert segmenter.segment_sizes_.sum() == len(X)
    assert segmenter.segment_sizes_.min() >= 30
    assert segmenter.n_segments_ < 15, "else nothing was merged"


@every_covariance
def test_coarser_segments_are_unions_of_finer_ones(covariance_type):
    X = plain()
    segmenter = LatentGMMSegmenter(
        12, covariance_type=covariance_type, random_state=0
    ).fit(X)
    levels = [segmenter.coarsen(n) for n in range(12, 0, -1)]
    labels = [level.predict(X) for level in levels]
    assert [level.n_segments_ for level in levels] == list(range(12, 0, -1))
    for level, label in zip(levels, labels, strict=True):
        assert_array_equal(np.bincount(label), level.segment_sizes_)
        assert level.transform(X).shape == (len(X), level.n_segments_)
        assert len(level.get_feature_names_out()) == level.n_segments_
    assert all(is_union(coarse, fine) for fine, coarse in pairwise(labels))


def test_coarsening_in_two_steps_is_coarsening_in_one():
    X = plain()
    segmenter = LatentGMMSegmenter(12, random_state=0).fit(X)
    once, twice = segmenter.coarsen(4), segmenter.coarsen(9).coarsen(4)
    assert_array_equal(once.predict(X), twice.predict(X))
    assert_allclose(once.hierarchy_, twice.hierarchy_)


def test_coarsening_leaves_the_finer_segments_as_they_were():
    X = plain()
    segmenter = LatentGMMSegmenter(12, random_state=0).fit(X)
    before = segmenter.predict(X), segmenter.hierarchy_.copy()
    segmenter.coarsen(2)
    assert_array_equal(segmenter.predict(X), before[0])
    assert_array_equal(segmenter.hierarchy_, before[1])


def test_memberships_are_probabilities_that_merges_add_up():
    X = plain()
    segmenter = LatentGMMSegmenter(12, random_state=0).fit(X)
    fine, coarse = segmenter.predict_proba(X), segmenter.coarsen(5).predict_proba(X)
    assert_allclose(fine.sum(axis=1), 1.0)
    assert_array_equal(fine.argmax(axis=1), segmenter.predict(X))
    coarse_of = segmenter.coarsen(5)._segment_of
    for segment in range(5):
        assert_allclose(fine[:, coarse_of == segment].sum(axis=1), coarse[:, segment])


def test_unit_of_a_column_does_not_matter():
    X, _ = clouds()
    expected = LatentGMMSegmenter(4, random_state=0).fit_predict(X)
    other_unit = X * [1e-6, 1e6] + [5.0, -1e7]
    labels = LatentGMMSegmenter(4, random_state=0).fit_predict(other_unit)
    assert_array_equal(labels, expected)


def test_input_may_be_read_only_and_float32():
    X, cloud = clouds()
    X = X.astype(np.float32)
    X.setflags(write=False)
    labels = LatentGMMSegmenter(4, random_state=0).fit_predict(X)
    assert adjusted_rand_score(labels, cloud) == 1.0


def test_survives_pickle_joblib_and_clone(tmp_path):
    X, _ = clouds()
    segmenter = LatentGMMSegmenter(4, random_state=0).fit(X)
    joblib.dump(segmenter, tmp_path / "segmenter")
    for copy in (
        pickle.loads(pickle.dumps(segmenter)),
        joblib.load(tmp_path / "segmenter"),
    ):
        assert_array_equal(copy.predict(X), segmenter.predict(X))
        assert_array_equal(copy.coarsen(2).predict(X), segmenter.coarsen(2).predict(X))
    assert clone(segmenter).get_params() == segmenter.get_params()


def test_survives_skops():
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    X, _ = clouds()
    segmenter = LatentGMMSegmenter(4, random_state=0).fit(X)
    written = skops.dumps(segmenter)
    trusted = skops.get_untrusted_types(data=written)
    assert all(name.startswith(("sklearn", "numpy")) for name in trusted)
    assert_array_equal(
        skops.loads(written, trusted=trusted).predict(X), segmenter.predict(X)
    )


@pytest.mark.slow
def test_is_searched_by_two_workers():
    X = np.random.default_rng(0).permutation(clouds()[0])
    search = GridSearchCV(
        LatentGMMSegmenter(random_state=0), {"n_components": [1, 4]}, cv=3, n_jobs=2
    ).fit(X)
    assert search.best_params_ == {"n_components": 4}


def test_output_is_a_frame_of_the_library_asked_for():
    X = pd.DataFrame(clouds()[0], columns=["u", "v"])
    segmenter = LatentGMMSegmenter(4, random_state=0).fit(X)
    names = [f"latentgmmsegmenter{i}" for i in range(4)]
    assert list(segmenter.set_output(transform="pandas").transform(X).columns) == names
    frame = segmenter.set_output(transform="polars").transform(X)
    assert isinstance(frame, pl.DataFrame)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_is_the_last_step_of_a_pipeline():
    pytest.importorskip("torch", reason="the pipeline starts with a network")
    X = np.random.default_rng(0).normal(size=(200, 5))
    pipeline = make_pipeline(
        StandardScaler(),
        AutoencoderEmbedder(max_epochs=3, random_state=0),
        LatentGMMSegmenter(6, random_state=0),
    )
    labels = pipeline.fit(X).predict(X)
    assert_array_equal(pipeline.fit_predict(X), labels)
    people = pipeline[:-1].inverse_transform(pipeline[-1].sample(10, segment=2)[0])
    assert people.shape == (10, 5)


# ---- cases with a known answer ---------------------------------------------------
@every_covariance
def test_separated_clouds_are_found(covariance_type):
    X, cloud = clouds()
    segmenter = LatentGMMSegmenter(
        4, covariance_type=covariance_type, n_init=3, random_state=0
    ).fit(X)
    assert adjusted_rand_score(segmenter.predict(X), cloud) == 1.0
    assert sorted(segmenter.segment_sizes_) == [60, 80, 120, 140]
    found = segmenter.scaler_.inverse_transform(segmenter.mixture_.means_)
    found = found[np.lexsort(np.round(found).T)]
    assert_allclose(found, CENTRES[[0, 1, 2, 3]], atol=5 * 0.3 / 60**0.5)


@every_covariance
def test_closest_clouds_merge_first(covariance_type):
    X, cloud = clouds()
    segmenter = LatentGMMSegmenter(
        4, covariance_type=covariance_type, n_init=3, random_state=0
    ).fit(X)
    merged = np.array([0, 0, 1, 2])[cloud]
    assert adjusted_rand_score(segmenter.coarsen(3).predict(X), merged) == 1.0
    assert segmenter.hierarchy_[-1, 3] == 4
    assert (np.diff(segmenter.hierarchy_[:, 2]) >= 0).all()


def test_height_of_a_merge_is_the_bhattacharyya_distance_by_hand():
    X, _ = clouds(sizes=(150, 250))
    segmenter = LatentGMMSegmenter(2, random_state=0).fit(X)
    (first, second), (cov_1, cov_2) = (
        segmenter.mixture_.means_,
        segmenter.mixture_.covariances_,
    )
    middle = (cov_1 + cov_2) / 2
    by_hand = (first - second) @ np.linalg.inv(middle) @ (first - second) / 8 + np.log(
        np.linalg.det(middle) / np.sqrt(np.linalg.det(cov_1) * np.linalg.det(cov_2))
    ) / 2
    assert_allclose(segmenter.hierarchy_, [[0, 1, by_hand, 2]])


def test_small_segment_joins_the_nearest_one():
    X, cloud = clouds(sizes=(80, 9, 60, 140))
    segmenter = LatentGMMSegmenter(
        4, min_segment_size=10, n_init=3, random_state=0
    ).fit(X)
    merged = np.array([0, 0, 1, 2])[cloud]
    assert adjusted_rand_score(segmenter.predict(X), merged) == 1.0
    assert sorted(segmenter.segment_sizes_) == [60, 80 + 9, 140]
    assert segmenter.mixture_.n_components == 4


@pytest.mark.parametrize("criterion", ["silhouette", "bic"])
def test_number_of_clouds_is_found(criterion):
    X, _ = clouds()
    segmenter = LatentGMMSegmenter(
        component_choice=criterion, candidates=[9, 2, 4], n_init=3, random_state=0
    )
    if criterion == "silhouette":  # the first two lie ten times closer than the others
        X = X * [10.0, 1.0]
    segmenter.fit(X)
    assert segmenter.n_segments_ == 4
    assert list(segmenter.choice_scores_) == [2, 4, 9]


def test_choice_scores_are_those_of_scikit_learn():
    X = plain()
    points = StandardScaler().fit_transform(X)
    for criterion in ("silhouette", "bic"):
        segmenter = LatentGMMSegmenter(
            component_choice=criterion, candidates=(3, 6), exact=True, random_state=0
        ).fit(X)
        params = segmenter.mixture_.get_params()
        for number in (3, 6):
            mixture = GaussianMixture(**{**params, "n_components": number}).fit(points)
            score = (
                mixture.bic(points)
                if criterion == "bic"
                else silhouette_score(points, mixture.predict(points))
            )
            assert_allclose(segmenter.choice_scores_[number], score)


def test_number_given_stands_without_a_choice():
    segmenter = LatentGMMSegmenter(7, candidates=(2, 3), random_state=0).fit(plain())
    assert segmenter.mixture_.n_components == 7
    assert segmenter.choice_scores_ == {}


def test_log_density_of_one_component_is_the_normal_one():
    X = plain() @ np.array([[3.0, 1.0], [0.0, 0.01]]) + [100.0, 0.0]
    segmenter = LatentGMMSegmenter(1, reg_covar=0.0, init_params="kmeans").fit(X)
    normal = multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True))
    assert_allclose(segmenter.score_samples(X), normal.logpdf(X), atol=1e-9)
    assert_allclose(segmenter.score(X), normal.logpdf(X).mean(), rtol=1e-9)


@every_covariance
def test_exact_is_scikit_learns_mixture_alone(covariance_type):
    X = plain()
    segmenter = LatentGMMSegmenter(
        8, covariance_type=covariance_type, exact=True, random_state=5
    ).fit(X)
    points = StandardScaler().fit_transform(X)
    mixture = GaussianMixture(**segmenter.mixture_.get_params()).fit(points)
    assert_array_equal(segmenter.predict(X), mixture.predict(points))
    assert_allclose(segmenter.transform(X), mixture.predict_proba(points))
    assert segmenter.n_iter_ == mixture.n_iter_


# ---- novelty ---------------------------------------------------------------------
def test_novelty_threshold_is_the_quantile_of_the_training_rows():
    X = plain(n_rows=2000)
    segmenter = LatentGMMSegmenter(5, novelty_rate=0.01, random_state=0).fit(X)
    log_density = np.sort(segmenter.score_samples(X))
    assert_allclose(segmenter.novelty_threshold_, log_density[int(0.01 * 1999)])
    assert_array_equal(
        segmenter.predict_novelty(X),
        segmenter.score_samples(X) < segmenter.novelty_threshold_,
    )


def test_new_rows_are_flagged_at_the_rate_asked_for_and_strangers_always():
    segmenter = LatentGMMSegmenter(5, novelty_rate=0.01, random_state=0)
    segmenter.fit(plain(n_rows=20_000))
    # Four standard errors: the threshold's, of 20,000 rows, and that of 20,000 new ones
    tolerance = 4 * (2 * 0.01 * 0.99 / 20_000) ** 0.5
    new = plain(n_rows=20_000, seed=118)
    assert_allclose(segmenter.predict_novelty(new).mean(), 0.01, atol=tolerance)
    assert segmenter.predict_novelty([[9.0, 0.0], [0.0, -9.0], [1e9, 1e9]]).all()
    assert segmenter.coarsen(2).predict_novelty([[9.0, 0.0]]).all()


def test_nobody_of_the_training_rows_is_new_at_rate_zero():
    X = plain()
    segmenter = LatentGMMSegmenter(5, novelty_rate=0.0, random_state=0).fit(X)
    assert not segmenter.predict_novelty(X).any()


# ---- samples ---------------------------------------------------------------------
@every_covariance
def test_samples_come_from_the_segment_asked_for(covariance_type):
    X, _ = clouds()
    segmenter = LatentGMMSegmenter(
        4, covariance_type=covariance_type, n_init=3, random_state=0
    ).fit(X)
    coarse = segmenter.coarsen(3)
    for fitted in (segmenter, coarse):
        for segment in range(fitted.n_segments_):
            rows, segments = fitted.sample(50, segment=segment)
            assert rows.shape == (50, 2)
            assert_array_equal(segments, segment)
            assert_array_equal(fitted.predict(rows), segment)


def test_samples_have_the_shares_and_moments_of_the_clouds():
    X, _ = clouds(sizes=(100, 0, 0, 300))
    segmenter = LatentGMMSegmenter(2, random_state=0).fit(X)
    rows, segments = segmenter.sample(20_000)
    # Four standard errors of a share: 4 * sqrt(p (1 - p) / n)
    shares = np.bincount(segments) / 20_000
    assert_allclose(sorted(shares), [0.25, 0.75], atol=4 * 0.0031)
    deviation = 40 * (0.25 * 0.75) ** 0.5  # of 0 and 40; the clouds' own is .3
    assert_allclose(rows.mean(axis=0), X.mean(axis=0), atol=4 * deviation / 20_000**0.5)
    assert_array_equal(segments, segmenter.predict(rows))


def test_samples_repeat_with_an_int_seed():
    segmenter = LatentGMMSegmenter(5, random_state=0).fit(plain())
    assert_array_equal(segmenter.sample(9)[0], segmenter.sample(9)[0])
    segmenter.set_params(random_state=None)
    assert (segmenter.sample(9)[0] != segmenter.sample(9)[0]).any()


# ---- parameters ------------------------------------------------------------------
def test_sizes_count_all_rows_when_few_are_fitted():
    X, cloud = clouds(sizes=(800, 1200, 600, 1400))
    segmenter = LatentGMMSegmenter(4, max_fit_rows=200, n_init=3, random_state=0).fit(X)
    assert adjusted_rand_score(segmenter.predict(X), cloud) == 1.0
    assert sorted(segmenter.segment_sizes_) == [600, 800, 1200, 1400]
    params = {"n_init": 3, "exact": True, "random_state": 0}
    part = LatentGMMSegmenter(4, max_fit_rows=200, **params).fit(X)
    whole = LatentGMMSegmenter(4, max_fit_rows=None, **params).fit(X)
    assert (whole.mixture_.weights_ != part.mixture_.weights_).any()


def test_parameters_reach_the_mixture():
    params = {
        "covariance_type": "diag",
        "init_params": "random_from_data",
        "n_init": 2,
        "tol": 0.01,
        "max_iter": 77,
        "reg_covar": 1e-5,
    }
    segmenter = LatentGMMSegmenter(3, **params, random_state=0).fit(plain())
    assert params.items() <= segmenter.mixture_.get_params().items()


# ---- degenerate input ------------------------------------------------------------
@pytest.mark.parametrize(("n_distinct", "asked"), [(1, 50), (3, 50), (3, 4)])
def test_few_distinct_rows_are_counted_and_used(n_distinct, asked):
    rows = CENTRES[:n_distinct]
    X = np.repeat(rows, 20, axis=0)
    message = f"{asked} components need as many distinct rows; `X` has {n_distinct}"
    with pytest.warns(FewerSegmentsWarning, match=message):
        segmenter = LatentGMMSegmenter(asked, random_state=0).fit(X)
    assert segmenter.segment_sizes_.tolist() == [20] * n_distinct
    assert len(np.unique(segmenter.predict(rows))) == n_distinct


def test_fewer_rows_than_components_are_a_segment_each():
    X = plain(n_rows=7)
    message = "50 components need as many distinct rows; `X` has 7, so that at most 7"
    with pytest.warns(FewerSegmentsWarning, match=message):
        segmenter = LatentGMMSegmenter(random_state=0).fit(X)
    assert segmenter.segment_sizes_.tolist() == [1] * 7
    assert sorted(segmenter.predict(X)) == list(range(7))


def test_rows_that_nearly_all_repeat_are_counted():
    X = plain(n_rows=600)
    X[:570] = X[0]
    with pytest.warns(FewerSegmentsWarning, match="50 components .* `X` has 31,"):
        segmenter = LatentGMMSegmenter(random_state=0).fit(X)
    assert 1 < segmenter.n_segments_ <= 31
    assert segmenter.segment_sizes_.sum() == 600


def test_a_latent_space_that_has_collapsed_is_cut_along_what_is_left():
    """One component of the embedder is constant, but for rounding."""
    X = plain()
    X[:, 1] = 1.0 + 1e-16 * X[:, 1]
    segmenter = LatentGMMSegmenter(10, random_state=0).fit(X)
    assert segmenter.n_segments_ == 10
    order = X[:, 0].argsort()
    cuts = np.flatnonzero(np.diff(segmenter.predict(X)[order]))
    assert len(cuts) < 20, "segments are stretches of what varies"


def test_candidates_beyond_the_distinct_rows_are_replaced():
    X = np.repeat(CENTRES, 20, axis=0)
    with pytest.warns(FewerSegmentsWarning, match="8 components need as many"):
        segmenter = LatentGMMSegmenter(
            component_choice="silhouette", candidates=(2, 5, 8), random_state=0
        ).fit(X)
    assert list(segmenter.choice_scores_) == [2, 4]
    assert segmenter.n_segments_ == 4


def test_outlier_neither_shapes_segments_nor_goes_unseen():
    X = plain()
    expected = LatentGMMSegmenter(10, random_state=0).fit(np.delete(X, 3, axis=0))
    X[3] = [1.0, -1e9]
    message = r"1 of 600 rows lie more than 1,000 .* such as -1e\+09 in column 1"
    with pytest.warns(OutlierWarning, match=message):
        segmenter = LatentGMMSegmenter(10, random_state=0).fit(X)
    assert segmenter.n_segments_ == 10
    assert_array_equal(segmenter.predict(plain()), expected.predict(plain()))
    assert segmenter.segment_sizes_.sum() == 600
    assert np.isfinite(segmenter.score_samples(X)).all()
    assert segmenter.predict_novelty(X).nonzero()[0].tolist() == [3]


def test_rows_in_fewer_bins_than_components_are_told_apart_one_by_one():
    # Of 600 rows 450 are the same, 70 lie within a hair's breadth and 80 a billionth
    # apart: on a grid over all of them they fill fewer than ten cells.
    X = 1e-9 * np.random.default_rng(7772).normal(size=(600, 2))
    X[:450] = 0.0
    X[450:530] = 1e9 * (1.0 + X[450:530])
    with pytest.warns(FewerSegmentsWarning, match="2 are in use"):
        segmenter = LatentGMMSegmenter(10, random_state=0).fit(X)
    assert_array_equal(segmenter.segment_sizes_, [520, 80])
    assert_array_equal(segmenter.predict(X), np.isin(np.arange(600), range(450, 530)))


def test_components_that_stay_empty_are_counted():
    message = "2 of 4 components hold no row: 2 are in use, in 2 segments"
    with pytest.warns(FewerSegmentsWarning, match=message):
        warn_of_lost_segments(np.array([5, 0, 7, 0]), np.array([5, 7]), 1)


def test_outlier_in_a_column_of_0_and_1_neither_shapes_segments_nor_goes_unseen():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=3000), 1.0 * (rng.random(3000) < 0.2)])
    X[0, 1] = 1e9
    with pytest.warns(OutlierWarning, match=r"1 of 3000 rows .* 1e\+09 in column 1"):
        segmenter = LatentGMMSegmenter(2, n_init=5, random_state=0).fit(X)
    ones = 1 + (X[1:, 1] == 1).sum()  # and the outlier, which lies beyond them
    assert sorted(segmenter.segment_sizes_) == [ones, 3000 - ones]


def test_one_segment_for_nearly_everybody_is_never_silent():
    X = plain()
    X[:3] = 500.0  # within 1,000 interquartile ranges
    with pytest.warns(FewerSegmentsWarning, match="One segment holds 597 of 600 rows"):
        LatentGMMSegmenter(2, n_init=5, random_state=0).fit(X)


def test_candidates_that_few_rows_rule_out_leave_full_covariances_to_the_others():
    X = np.random.default_rng(54).normal(size=(120, 5))
    with pytest.warns(FewerSegmentsWarning, match="`candidates`, those up to 20 are"):
        segmenter = LatentGMMSegmenter(component_choice="bic", random_state=0).fit(X)
    assert list(segmenter.choice_scores_) == [2, 3, 5, 8, 12, 20]  # 20 x 6 rows
    assert segmenter.mixture_.covariance_type == "full"
    with pytest.warns(DiagonalCovarianceWarning, match="lower `candidates`"):
        segmenter.set_params(candidates=(21, 22)).fit(X)
    assert segmenter.mixture_.covariance_type == "diag"


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_full_covariances_of_few_rows_are_replaced(covariance_type):
    X = np.random.default_rng(53).normal(size=(300, 768))
    segmenter = LatentGMMSegmenter(
        10, covariance_type=covariance_type, max_iter=20, random_state=0
    )
    if covariance_type == "diag":
        segmenter.fit(X)
    else:
        message = (
            "10 full covariances of 768 columns need at least 769 rows each; `X` has 30"
        )
        with pytest.warns(DiagonalCovarianceWarning, match=message):
            segmenter.fit(X)
    assert segmenter.mixture_.covariance_type == "diag"
    assert segmenter.covariance_type == covariance_type
    assert segmenter.transform(X).shape == (300, segmenter.n_segments_)


def test_merging_everything_into_one_segment_is_reported():
    with pytest.warns(FewerSegmentsWarning, match="All 4 components were joined"):
        segmenter = LatentGMMSegmenter(4, min_segment_size=301, random_state=0).fit(
            plain()
        )
    assert segmenter.n_segments_ == 1
    assert segmenter.hierarchy_.shape == (0, 4)
    assert segmenter.coarsen(1).n_segments_ == 1


@pytest.mark.parametrize(
    "X",
    [
        np.column_stack([plain(), np.full(600, 3.0)]),
        plain()[:, :1],
        plain() * 1e-6,
        plain() * 1e9 + 1e12,
    ],
    ids=["constant column", "one column", "small", "large"],
)
def test_degenerate_table_uses_all_components(X):
    segmenter = LatentGMMSegmenter(10, random_state=0).fit(X)
    assert segmenter.n_segments_ == 10
    assert np.isfinite(segmenter.score_samples(X)).all()


def test_unfinished_mixture_is_reported():
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        LatentGMMSegmenter(10, max_iter=1, random_state=0).fit(plain())


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_components": 0}, "'n_components' parameter .* Got 0"),
        ({"min_segment_size": 0}, "'min_segment_size' parameter .* Got 0"),
        (
            {"component_choice": "silhouette", "candidates": (1, 2)},
            r"`candidates` must be one or more integers of 2 or more .* got \(1, 2\)",
        ),
        (
            {"component_choice": "bic", "candidates": ()},
            r"`candidates` must be one or more integers of 1 or more .* got \(\)",
        ),
        ({"component_choice": "aic"}, "'component_choice' parameter .* Got 'aic'"),
    ],
)
def test_parameter_out_of_range_is_refused(params, message):
    with pytest.raises(ValueError, match=message):
        LatentGMMSegmenter(**params).fit(plain())


def test_numbers_too_large_to_square_are_refused():
    X = plain()
    X[3, 1] = -1e200
    with pytest.raises(ValueError, match=r"below 1e\+150 .* got 1e\+200 in column 1"):
        LatentGMMSegmenter(3).fit(X)


def test_segments_that_do_not_exist_are_refused():
    segmenter = LatentGMMSegmenter(3, random_state=0).fit(plain())
    with pytest.raises(ValueError, match="`n_segments` must be an integer from 1 to 3"):
        segmenter.coarsen(4)
    with pytest.raises(ValueError, match="`segment` must be an integer from 0 to 2"):
        segmenter.sample(5, segment=3)
    with pytest.raises(ValueError, match="`n` must be an integer of 1 or more; got 0"):
        segmenter.sample(0)
