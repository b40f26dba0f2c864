"""Does a consensus keep what its members share, and what it promises of losses?"""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_equity import (
    SubgroupOversampler,
    audit,
    equity_scorer,
    segmentation_stability,
)
from sklearn_equity.discovery import ConsensusSegmenter
from sklearn_equity.discovery._consensus import (
    agree,
    agreement_of_halves,
    link_parts,
    number_through,
    unlikeness,
)
from sklearn_equity.discovery._members import shrunken_means
from sklearn_equity.exceptions import FewerSegmentsWarning
from sklearn_equity.segmentation import LatentGMMSegmenter


class Bands(BaseEstimator):
    """Cuts the first column at given edges, whatever it is fitted on."""

    def __init__(self, edges=(0.0,)):
        self.edges = edges

    def fit(self, X, y=None):
        self.losses_ = y
        return self

    def predict(self, X):
        return np.digitize(np.asarray(X)[:, 0], self.edges)


class Names(Bands):
    """Calls its bands by names; what lies above 5 it never saw in fit."""

    def predict(self, X):
        return np.array(["low", "high", "unseen"], dtype=object)[
            np.digitize(np.asarray(X)[:, 0], [0.0, 5.0])
        ]


def draw_clouds(n_rows, seed):
    """Draw three round clouds, far apart, of equal size."""
    rng = np.random.default_rng(seed)
    place = np.arange(n_rows) % 3
    centres = np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0], [0.0, 9.0, 9.0]])
    return centres[place] + rng.normal(size=(n_rows, 3)), place


def k_means(n_segments=3):
    return make_pipeline(PCA(2), KMeans(n_segments, n_init=1))


# ---- contract --------------------------------------------------------------------
few_rows = pytest.mark.filterwarnings(
    "ignore::sklearn_equity.exceptions.FewerSegmentsWarning",
    "ignore::sklearn_equity.exceptions.DiagonalCovarianceWarning",
    "ignore::sklearn_equity.exceptions.OutlierWarning",
)


@few_rows
@parametrize_with_checks([ConsensusSegmenter(KMeans(3, n_init=1), 2, n_segments=3)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@few_rows
@pytest.mark.slow
@parametrize_with_checks([ConsensusSegmenter(n_representations=2, n_segments=3)])
def test_scikit_learn_checks_of_the_default_members(estimator, check):
    check(estimator)


# ---- laws ------------------------------------------------------------------------
def test_clouds_far_apart_are_the_segments_for_everybody():
    X, place = draw_clouds(240, seed=81)
    found = ConsensusSegmenter(n_segments=3, random_state=0).fit(X)
    assert found.n_segments_ == 3
    assert adjusted_rand_score(found.predict(X), place) == 1.0
    assert found.agreement_ == 1.0
    assert found.agreement_curve_[3] == 1.0
    assert found.segment_sizes_.tolist() == [80, 80, 80]


@pytest.mark.parametrize("seed", [2, 3])
def test_a_cloud_in_the_middle_is_a_segment_whatever_the_seed(seed):
    place = np.arange(150) % 3
    X = 9.0 * place[:, np.newaxis] + np.random.default_rng(0).normal(size=(150, 2))
    found = ConsensusSegmenter(n_segments=3, random_state=seed).fit(X)
    assert adjusted_rand_score(found.predict(X), place) == 1.0


def test_memberships_are_shares_of_members_and_sum_to_one():
    X, _ = draw_clouds(200, seed=82)
    found = ConsensusSegmenter(k_means(7), n_segments=7, random_state=1).fit(X)
    shares = found.predict_proba(X)
    assert_allclose(shares.sum(axis=1), 1.0)
    assert_allclose(shares * 10.0, np.round(shares * 10.0), atol=1e-12)
    assert_array_equal(found.transform(X), shares)
    assert_array_equal(found.predict(X), shares.argmax(axis=1))
    assert_array_equal(np.bincount(found.predict(X)), found.segment_sizes_)
    assert (np.diff(shares.sum(axis=0)) <= 1e-9).all()


def test_seed_decides_and_workers_do_not():
    X, place = draw_clouds(120, seed=83)
    segmenter = ConsensusSegmenter(k_means(6), 4, n_segments=6, random_state=3)
    one = clone(segmenter).fit(X, 1.0 * place)
    with joblib.parallel_config(backend="threading"):
        two = clone(segmenter).set_params(n_jobs=2).fit(X, 1.0 * place)
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    assert_array_equal(one.score_samples(X), two.score_samples(X))
    back = pickle.loads(pickle.dumps(one))
    assert_array_equal(one.predict(X), back.predict(X))


@pytest.mark.slow
def test_consensus_is_more_stable_than_its_members():
    X = np.random.default_rng(84).normal(size=(400, 2))
    single = KMeans(8, n_init=1)
    many = ConsensusSegmenter(single, 20, n_segments=8)
    alone, together = (
        segmentation_stability(each, X, n_repeats=4, vary=["seeds"], random_state=0)
        for each in (single, many)
    )
    assert together.seeds.median > alone.seeds.median


def test_kinds_take_turns_on_both_halves():
    X, _ = draw_clouds(60, seed=85)
    kinds = [Bands([0.0]), Bands([1.0])]
    found = ConsensusSegmenter(kinds, 6, random_state=0).fit(X)
    edges = [member.edges for member in found.estimators_]
    assert edges == [[0.0], [0.0], [1.0], [1.0], [0.0], [0.0]]


def test_min_segment_size_leaves_no_smaller_segment():
    X, _ = draw_clouds(150, seed=86)
    found = ConsensusSegmenter(
        k_means(12), n_segments=12, min_segment_size=20, random_state=0
    ).fit(X)
    assert found.segment_sizes_.min() >= 20
    assert found.segment_sizes_.sum() == 150


def test_min_agreement_finds_the_number_that_both_halves_find():
    X, place = draw_clouds(240, seed=87)
    found = ConsensusSegmenter(
        k_means(12), 12, n_segments=12, min_agreement=0.99, random_state=0
    ).fit(X)
    assert found.n_segments_ == 3
    assert adjusted_rand_score(found.predict(X), place) == 1.0
    assert found.agreement_curve_[12] < 0.99 <= found.agreement_curve_[3]


@pytest.mark.parametrize("n_segments", [2, 3, 10])
def test_people_without_gaps_are_parted_however_few_segments_are_asked_for(n_segments):
    X = np.random.default_rng(95).normal(size=(600, 2))
    found = ConsensusSegmenter(n_segments=n_segments, random_state=0).fit(X)
    assert 2 <= found.n_segments_ <= n_segments
    assert found.segment_sizes_.min() >= 1
    assert found.agreement_curve_[n_segments] < 1.0, "else all are in one segment"


@few_rows
@pytest.mark.parametrize("min_segment_size", [1, 76])
def test_one_segment_for_everybody_is_never_silent(min_segment_size):
    X = np.ones((150, 3)) if min_segment_size == 1 else draw_clouds(150, seed=96)[0]
    found = ConsensusSegmenter(
        n_segments=3, min_segment_size=min_segment_size, random_state=0
    )
    message = "Of 3 segments asked for, one is left, of all 150 rows"
    with pytest.warns(FewerSegmentsWarning, match=message):
        found.fit(X)
    assert found.n_segments_ == 1
    assert found.hierarchy_.shape == (0, 4)
    assert found.coarsen(1).predict(X).tolist() == [0] * 150


# ---- coarser levels --------------------------------------------------------------
def test_those_that_share_people_merge_first_by_hand():
    X = np.linspace(-1.0, 2.0, 61)[:, np.newaxis]  # 20 below 0, 20 up to 1, 10, 11
    found = ConsensusSegmenter(
        [Bands([0.0, 1.0]), Bands([0.0, 1.5])], 4, n_segments=3, random_state=0
    ).fit(X)
    coarse = found.coarsen(2)
    assert sorted(coarse.segment_sizes_.tolist()) == [20, 41]
    assert_array_equal(coarse.predict(X) == coarse.predict(X[:1]), X[:, 0] < -1e-9)
    # Of two parts up to 1 or 1.5 and two from there on: one pair in four shares ten
    # people of 41, two share none, and one is of the same segmentation.
    middle, above, narrow, wide = 20, 21, 11, 30
    assert middle + above == narrow + wide == 41
    expected = 1.0 - (10 / (wide + above - 10)) / 4
    assert_allclose(found.hierarchy_[:, 2], [expected, 1.0])


def test_coarser_segments_are_unions_of_finer_ones_at_every_level():
    X, _ = draw_clouds(150, seed=88)
    found = ConsensusSegmenter(k_means(9), n_segments=9, random_state=0).fit(X)
    n_segments = found.n_segments_
    assert n_segments > 4, "else there is little to merge"
    before, finer = found.predict(X), found.predict(X)
    for n_left in range(n_segments - 1, 0, -1):
        level = found.coarsen(n_left)
        labels = level.predict(X)
        pairs = set(zip(finer.tolist(), labels.tolist(), strict=True))
        assert len(pairs) == n_left + 1
        assert_array_equal(np.bincount(labels), level.segment_sizes_)
        assert_allclose(level.predict_proba(X).sum(axis=1), 1.0)
        assert level.transform(X).shape == (150, n_left) == (150, level.n_segments_)
        assert len(level.get_feature_names_out()) == n_left
        finer = labels
    assert_array_equal(found.predict(X), before)
    once, twice = found.coarsen(2), found.coarsen(4).coarsen(2)
    assert_array_equal(once.predict(X), twice.predict(X))
    assert_array_equal(pickle.loads(pickle.dumps(once)).predict(X), once.predict(X))


@pytest.mark.parametrize("n_segments", [0, 3, 1.5])
def test_levels_that_do_not_exist_are_refused(n_segments):
    found = ConsensusSegmenter(Bands(), 2, random_state=0).fit(draw_clouds(30, 89)[0])
    with pytest.raises(ValueError, match="`n_segments` must be an integer from 1 to 2"):
        found.coarsen(n_segments)


# ---- losses ----------------------------------------------------------------------
def test_expected_loss_averages_shrunken_means_of_the_other_half():
    rng = np.random.default_rng(88)
    X = rng.normal(size=(400, 1))
    losses = np.where(X[:, 0] > 0, 3.0, 1.0) + rng.uniform(size=400)
    found = ConsensusSegmenter(Bands(), 4, random_state=0).fit(X, losses)
    low, high = found.score_samples([[-1.0], [1.0]])
    assert_allclose([low, high], [1.5, 3.5], atol=0.05)
    # Each half's means weigh alike: the whole's, but for the shrinkage.
    side = X[:, 0] > 0
    assert_allclose(low, losses[~side].mean(), atol=0.02)
    assert_allclose(high, losses[side].mean(), atol=0.02)


def test_member_that_fits_noise_expects_nothing_of_it():
    class Memory(Bands):
        def fit(self, X, y=None):
            self.worst_ = set(X[y > np.median(y), 0].tolist())
            return self

        def predict(self, X):
            return np.array([value in self.worst_ for value in X[:, 0].tolist()])

    rng = np.random.default_rng(89)
    X, losses = rng.normal(size=(2000, 1)), rng.uniform(size=2000)
    found = ConsensusSegmenter(Memory(), 2, random_state=0).fit(X, losses)
    # What was learnt by heart from the one half says nothing of the other.
    assert_allclose(found.score_samples(X), losses.mean(), atol=0.03)


@pytest.mark.filterwarnings(
    "ignore::sklearn_equity.exceptions.OutcomeInputWarning"  # bands are the outcome
)
def test_predictions_give_losses_of_the_kind_asked_for():
    place = np.arange(120) % 3
    X, new = place[:, np.newaxis], [[0], [1], [2]]
    y, y_pred = 5.0 + 2.0 * place, np.full(120, 5.0)
    bands = ConsensusSegmenter(Bands([0.5, 1.5]), 2, random_state=0)
    # Nobody's loss differs within a band, so that nothing is shrunken.
    assert_allclose(
        clone(bands).fit(X, y, y_pred).score_samples(new), [0, 2, 4], atol=1e-12
    )
    assert_allclose(
        clone(bands).fit(X, 2.0 * place).score_samples(new), [0, 2, 4], atol=1e-12
    )
    bands.set_params(loss=lambda truth, prediction: (truth - prediction) ** 3)
    cubes = bands.fit(X, y, y_pred).score_samples(new)
    assert_allclose(cubes, [0, 8, 64], atol=1e-12)


def test_label_of_no_training_row_says_nothing():
    X = np.array([[-1.0], [1.0]] * 10)
    losses = np.array([0.0, 2.0] * 10)
    found = ConsensusSegmenter(Names(), 2, random_state=0).fit(X, losses)
    assert found.n_segments_ == 2
    assert_allclose(found.predict_proba([[9.0]]), [[0.5, 0.5]])
    spread = np.ptp(found.score_samples([[9.0], [-1.0], [1.0]]))
    assert_allclose(spread, 2.0)


def test_shrunken_means_by_hand():
    codes = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    losses = np.array([0.0, 2.0, 0.0, 2.0, 4.0, 6.0, 4.0, 6.0])
    # Within: 8 / 6. Between: (32 - 8 / 6) / 4 = 23 / 3. Kept: 4 * 23 / (4 * 23 + 4).
    kept = 92 / 96
    expected = [3.0 - 2.0 * kept, 3.0 + 2.0 * kept, 3.0, 3.0]
    assert_allclose(shrunken_means(codes, losses, 3), expected)


def test_parts_that_differ_by_chance_alone_expect_the_mean_of_all():
    codes, losses = np.array([0, 0, 1, 1]), np.array([0.0, 3.0, 1.0, 2.0])
    assert_allclose(shrunken_means(codes, losses, 2), [1.5, 1.5, 1.5])


# ---- the parts' agreement --------------------------------------------------------
def test_unlikeness_against_sets():
    rng = np.random.default_rng(91)
    codes = [rng.integers(4, size=50), rng.integers(3, size=50)]
    apart = unlikeness(number_through(codes, [4, 3]))
    people = [set(np.flatnonzero(code == i)) for code in codes for i in set(code)]
    expected = [[1 - len(a & b) / len(a | b) for b in people] for a in people]
    assert_allclose(apart, expected)


def test_two_out_of_three_decide():
    first = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    third = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    ballots = number_through([first, 1 - first, third], [2, 2, 2])
    segment_of, _ = agree(ballots, link_parts(ballots), 2)
    assert_array_equal(segment_of[[0, 3, 4]], segment_of[0])
    shares = ballots.shares(segment_of)
    assert_allclose(shares[3, segment_of[0]], 2 / 3)
    assert adjusted_rand_score(shares.argmax(axis=1), first) == 1.0


def test_agreement_of_halves_by_hand():
    same, other = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    alike = number_through([same, 1 - same], [2, 2])
    assert agreement_of_halves(alike, 2) == {2: 1.0}
    apart = number_through([same, other], [2, 2])
    assert agreement_of_halves(apart, 2) == {2: adjusted_rand_score(same, other)}


# ---- where it works --------------------------------------------------------------
def test_it_is_a_segmenter_everywhere():
    X, place = draw_clouds(300, seed=92)
    rng = np.random.default_rng(93)
    y = X[:, 0] + 5.0 + 3 * rng.normal(size=300) * (1 + place)
    y -= y.min() - 1.0
    model = LinearRegression().fit(X, y)
    segmenter = ConsensusSegmenter(n_segments=3, random_state=0).fit(
        X, y, model.predict(X)
    )
    result = audit(model, X, y, segmenter=segmenter, random_state=0)
    assert result is not None
    assert np.isfinite(equity_scorer(subgroups=segmenter)(model, X, y))
    remedied = SubgroupOversampler(
        LinearRegression(),
        segmenter=ConsensusSegmenter(n_segments=3, random_state=0),
        random_state=0,
    ).fit(X, y)
    assert len(np.unique(remedied.segmenter_.predict(X))) == 3


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_frames_go_to_the_members_and_names_are_kept(library):
    X, _ = draw_clouds(60, seed=94)
    frame = library.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
    segmenter = ConsensusSegmenter(LatentGMMSegmenter(2), 2, random_state=0)
    found = segmenter.set_params(n_segments=2).fit(frame)
    assert found.feature_names_in_.tolist() == ["a", "b", "c"]
    assert found.estimators_[0].feature_names_in_.tolist() == ["a", "b", "c"]
    names = found.get_feature_names_out().tolist()
    assert names == ["consensussegmenter0", "consensussegmenter1"]


# ---- refusals --------------------------------------------------------------------
def test_score_samples_needs_losses():
    X, _ = draw_clouds(40, seed=95)
    found = ConsensusSegmenter(Bands(), 2, random_state=0).fit(X)
    assert not hasattr(found, "score_samples")
    with pytest.raises(AttributeError, match="score_samples"):
        found.score_samples(X)


def test_what_does_not_fit_is_refused():
    X, place = draw_clouds(40, seed=96)
    with pytest.raises(ValueError, match="`y` must have one value per row of `X`"):
        ConsensusSegmenter(Bands(), 2).fit(X, place[1:])
    with pytest.raises(ValueError, match="`y_pred` must have one value per row"):
        ConsensusSegmenter(Bands(), 2).fit(X, place, place[1:])
    with pytest.raises(ValueError, match="`y_pred` needs `y`"):
        ConsensusSegmenter(Bands(), 2).fit(X, y_pred=place)
    with pytest.raises(ValueError, match=r"at least four rows; got n_samples=3"):
        ConsensusSegmenter(Bands(), 2).fit(X[:3])
    with pytest.raises(ValueError, match="got 2 kinds and 2 representations"):
        ConsensusSegmenter([Bands(), Bands()], 2).fit(X)
    with pytest.raises(TypeError, match="PCA lacks one"):
        ConsensusSegmenter([PCA()], 2).fit(X)
