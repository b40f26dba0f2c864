"""Does the measure of stability see what chance, seeds and samples do to segments?"""

from dataclasses import FrozenInstanceError
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection

from sklearn_equity.segmentation import segmentation_stability
from sklearn_equity.segmentation._reseed import reseed
from sklearn_equity.segmentation._stability import _compare, _find_again


class Bands(BaseEstimator):
    """Cuts the first column at quantiles of the rows fitted to; knows no seed."""

    def __init__(self, n_bands=2):
        self.n_bands = n_bands

    def fit(self, X, y=None):
        shares = np.arange(1, self.n_bands) / self.n_bands
        self.edges_ = np.quantile(np.asarray(X)[:, 0], shares)
        return self

    def predict(self, X):
        return np.searchsorted(self.edges_, np.asarray(X)[:, 0])


class Lottery(BaseEstimator):
    """Deals rows out at random, by its seed alone."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return np.random.RandomState(self.random_state).randint(3, size=len(X))


class Witness(BaseEstimator):
    """Writes down which rows it was fitted to, and with which seed."""

    seen: ClassVar[list] = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.seen.append((np.asarray(X)[:, 0].astype(int), self.random_state))
        return self

    def predict(self, X):
        return np.arange(len(X)) % 2


def people(n_rows=300, seed=30817):
    return np.random.default_rng(seed).normal(size=(n_rows, 2))


# ---- laws ------------------------------------------------------------------------
def test_the_same_division_by_every_refit_is_full_agreement():
    stability = segmentation_stability(Witness(), people(40), random_state=3)
    for part in (stability.seeds, stability.bootstraps, stability.halves):
        assert_array_equal(part.adjusted_rand, 1.0)
        assert_array_equal(part.segment_adjusted_rand, 1.0)
        assert_array_equal(part.segment_jaccard, 1.0)


def test_one_segment_for_everybody_is_full_agreement():
    stability = segmentation_stability(Bands(1), people(40), random_state=3)
    assert stability.segments == (0,)
    assert stability.halves.median == 1.0
    assert_array_equal(stability.halves.segment_adjusted_rand, 1.0)


def test_a_lottery_agrees_no_more_than_chance():
    stability = segmentation_stability(Lottery(), people(3000), random_state=5)
    for part in (stability.seeds, stability.bootstraps, stability.halves):
        assert abs(part.median) < 0.005
        # Independent of the reference, a third of the people: a set of 1 in 3 and
        # another share 1 in 9, of the 5 in 9 that are in either.
        assert_allclose(part.segment_jaccard, (1 / 9) / (5 / 9), atol=0.03)
        assert_allclose(part.segment_adjusted_rand, 0.0, atol=0.01)


def test_ignoring_the_seed_is_seen_by_samples_alone():
    stability = segmentation_stability(Bands(), people(200), random_state=0)
    assert stability.seeds.median == 1.0
    assert stability.halves.median < stability.bootstraps.median < 1.0


def test_names_and_order_of_segments_do_not_matter():
    codes = np.random.default_rng(6).integers(0, 4, size=200)
    other = np.random.default_rng(7).integers(0, 3, size=200)
    renamed = np.array([2, 0, 3, 1])[codes]
    plain = _compare("seeds", codes, [other, codes])
    shuffled = _compare("seeds", renamed, [other, renamed])
    assert_allclose(plain.adjusted_rand, shuffled.adjusted_rand)
    assert_allclose(
        plain.segment_jaccard, shuffled.segment_jaccard[np.array([2, 0, 3, 1])]
    )


def test_same_result_for_any_number_of_workers():
    X, segmenter = people(120), KMeans(5, n_init=1)
    results = []
    for n_jobs in (1, 3):
        with parallel_config(backend="threading"):  # processes take seconds to start
            found = segmentation_stability(
                segmenter, X, n_repeats=3, n_jobs=n_jobs, random_state=11
            )
        results.append(found)
    for name in ("seeds", "bootstraps", "halves"):
        one, two = (getattr(result, name) for result in results)
        assert_array_equal(one.adjusted_rand, two.adjusted_rand)
        assert_array_equal(one.segment_jaccard, two.segment_jaccard)


def test_what_else_is_varied_changes_nothing():
    X = people(100)
    options = {"n_repeats": 3, "random_state": 12}
    segmenter = KMeans(4, n_init=1)
    every = segmentation_stability(segmenter, X, **options)
    halves = segmentation_stability(segmenter, X, vary=["halves"], **options)
    assert_array_equal(every.halves.adjusted_rand, halves.halves.adjusted_rand)
    assert halves.seeds is None
    assert halves.bootstraps is None


def test_nothing_of_the_callers_is_changed():
    X = people(60)
    X.setflags(write=False)
    segmenter = KMeans(3, n_init=1, random_state=1)
    np.random.seed(4)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    segmentation_stability(segmenter, X, n_repeats=2, random_state=0)
    assert segmenter.random_state == 1
    assert not hasattr(segmenter, "labels_")
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# ---- who is fitted to what -------------------------------------------------------
def test_seeds_rows_and_halves_are_as_promised():
    Witness.seen.clear()
    X = np.arange(21.0)[:, np.newaxis]
    segmentation_stability(Witness(), X, n_repeats=3, random_state=8)
    rows, seeds = zip(*Witness.seen, strict=True)
    assert len(rows) == 1 + 3 + 3 + 2 * 3
    assert len(set(seeds)) == len(seeds)
    for whole in rows[:4]:
        assert_array_equal(whole, np.arange(21))
    for bootstrap in rows[4:7]:
        assert len(bootstrap) == 21 > len(set(bootstrap))
    for left, right in zip(rows[7::2], rows[8::2], strict=True):
        assert sorted([*left, *right]) == list(range(21))
        assert len(left) == 11


def test_every_random_state_of_a_pipeline_gets_a_seed_of_its_own():
    pipeline = make_pipeline(
        StandardScaler(), GaussianRandomProjection(2, random_state=0), KMeans(3)
    )
    params = reseed(pipeline, 5).get_params()
    seeds = {value for name, value in params.items() if name.endswith("random_state")}
    assert len(seeds) == 2
    assert all(isinstance(seed, int) for seed in seeds)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames_and_text_labels(frame):
    class Named(Bands):
        def predict(self, X):
            return np.array(["low", "high"])[super().predict(X)]

    X = people(100)
    table = frame({"age": X[:, 0], "bmi": X[:, 1]})
    stability = segmentation_stability(Named(), table, n_repeats=2, random_state=0)
    assert stability.segments == ("high", "low")
    codes = segmentation_stability(Bands(), X, n_repeats=2, random_state=0)
    assert_allclose(stability.halves.adjusted_rand, codes.halves.adjusted_rand)


# ---- by hand, and against other sources ------------------------------------------
def test_counterparts_by_hand():
    reference = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    refit = np.array([4, 4, 1, 1, 1, 1, 0, 3])
    _, jaccard = _find_again(reference, refit)
    # rows 0 to 2 and 0 to 1; rows 3 to 5 and 2 to 5; rows 6 to 7 and 6
    assert_allclose(jaccard, [2 / 3, 3 / 4, 1 / 2])


def test_segments_agree_with_scikit_learn_on_belonging():
    rng = np.random.default_rng(77)
    reference = rng.integers(0, 5, size=400)
    refit = np.where(rng.random(400) < 0.6, reference, rng.integers(0, 7, size=400))
    adjusted_rand, _ = _find_again(reference, refit)
    for segment, figure in enumerate(adjusted_rand):
        inside = reference == segment
        candidates = [refit == other for other in range(7)]
        overlap = [(inside & c).sum() / (inside | c).sum() for c in candidates]
        counterpart = candidates[int(np.argmax(overlap))]
        assert_allclose(figure, adjusted_rand_score(inside, counterpart))


def test_all_pairs_of_refits_and_both_halves_of_a_split_are_compared():
    rng = np.random.default_rng(78)
    codes = [rng.integers(0, 3, size=50) for _ in range(4)]
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    expected = [adjusted_rand_score(codes[i], codes[j]) for i, j in pairs]
    found = _compare("bootstraps", codes[0], codes).adjusted_rand
    assert_allclose(sorted(found), sorted(expected))
    found = _compare("halves", codes[0], codes).adjusted_rand
    assert_allclose(found, [expected[0], expected[5]])


@pytest.mark.parametrize(
    ("vary", "n_fitted", "n_repeats"), [("bootstraps", 1000, 40), ("halves", 500, 300)]
)
def test_a_cut_at_the_median_against_theory(vary, n_fitted, n_repeats):
    """Two medians are apart by a normal share of the people, with known spread."""
    stability = segmentation_stability(
        Bands(), people(1000), n_repeats=n_repeats, vary=[vary], random_state=2
    )
    # The rank of a sample's median, as a share, has variance 1 / (4 n).
    spread = np.sqrt(2 / (4 * n_fitted))
    parted = norm.ppf(0.75) * spread  # the median of the share that the two part
    expected = (1 - 2 * parted) ** 2  # for two segments of half the people each
    assert_allclose(getattr(stability, vary).median, expected, atol=0.01)


# ---- the result ------------------------------------------------------------------
def test_the_result_prints_its_figures_and_what_they_mean():
    stability = segmentation_stability(Bands(3), people(90), random_state=0)
    text = repr(stability)
    assert "3 segments of 90 people" in text
    assert f"{np.median(stability.halves.adjusted_rand):.2f}" in text
    assert "45" in text  # pairs of ten refits
    assert "ignores its seed" in text
    assert max(map(len, text.splitlines())) <= 88
    with pytest.raises(FrozenInstanceError):
        stability.n_repeats = 3


def test_the_frame_has_a_row_for_each_segment_and_kind():
    stability = segmentation_stability(
        Bands(3), people(90), vary=["halves", "seeds"], n_repeats=2, random_state=0
    )
    frame = stability.to_frame()
    assert frame.columns.tolist() == [
        *("varied", "segment", "n", "adjusted_rand", "jaccard")
    ]
    assert frame["varied"].tolist() == ["seeds"] * 3 + ["halves"] * 3
    assert frame["n"].tolist() == [30, 30, 30] * 2
    halves = frame[frame["varied"] == "halves"]
    assert_array_equal(halves["jaccard"], stability.halves.segment_jaccard)


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_repeats": 1}, "`n_repeats` must be an integer of 2 or more; got 1"),
        ({"n_repeats": 2.5}, "`n_repeats` must be an integer of 2 or more; got 2.5"),
        ({"vary": "seeds"}, "`vary` must list one or more of seeds, bootstraps, halve"),
        ({"vary": ["rows"]}, r"`vary` must list .* got \['rows'\]"),
        ({"vary": []}, r"`vary` must list .* got \[\]"),
        ({"vary": ["seeds", "seeds"]}, "`vary` must not repeat itself"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        segmentation_stability(Bands(), people(40), **options)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="`X` must have at least four rows; got 3"):
        segmentation_stability(Bands(), people(3))


def test_what_cannot_assign_is_refused_before_any_fit():
    message = "`segmenter` must have fit and predict; StandardScaler lacks predict"
    with pytest.raises(TypeError, match=message):
        segmentation_stability(StandardScaler(), people(40))


def test_rows_without_a_segment_are_refused():
    class Forgetful(Bands):
        def predict(self, X):
            return np.where(super().predict(X) == 0, np.nan, 1.0)

    with pytest.raises(ValueError, match=r"must give every row a segment; .* 20 of 40"):
        segmentation_stability(Forgetful(), people(40), random_state=0)
