"""Which models, inside a remedy that repeats rows, would find copies on both sides?"""

import functools
import inspect
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
)
from sklearn.feature_selection import RFECV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LassoCV,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeCV,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from sklearn_equity import (
    AutoencoderEmbedder,
    LocalExpertStack,
    SubgroupOversampler,
    SubgroupRecalibrator,
)
from sklearn_equity.exceptions import RepeatedRowsWarning


def two_wards(n_rows=120, seed=8801):
    """In ward b the slope is five times as steep."""
    rng = np.random.default_rng(seed)
    ward = np.repeat(["a", "b"], n_rows // 2)
    X = rng.normal(size=(n_rows, 3))
    slope = np.where(ward == "a", 1.0, 5.0)
    return X, 50.0 + slope * X[:, 0] + rng.normal(size=n_rows), ward


class FittedError(Exception):
    """Something was fitted that should have been refused."""


class NeverFitted(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        raise FittedError

    def predict(self, X):
        raise FittedError


class NeverSegments(NeverFitted):
    """A segmenter that must not be reached."""


class KeepsBack(NeverFitted):
    """Keeps rows back as the estimators of several libraries do."""

    def __init__(self, validation_size=0.15, early_stopping_rounds=50):
        self.validation_size = validation_size
        self.early_stopping_rounds = early_stopping_rounds


class KeepsBackForGood(TransformerMixin, NeverFitted):
    def __init__(self, validation_fraction=0.1):
        self.validation_fraction = validation_fraction


class LikeSkorch(NeverFitted):
    """Splits by a callable, as the networks of skorch do by default."""

    def __init__(self, train_split=max):
        self.train_split = train_split


BOOSTING = HistGradientBoostingRegressor(early_stopping=True)
# Boosting takes rows to watch from scikit-learn 1.7 on, where the oversampler hands it.
WATCHES = "X_val" in inspect.signature(HistGradientBoostingRegressor.fit).parameters
LAST = "last step of the pipeline" if WATCHES else "Set early_stopping=False"
STOPS = {
    "network": (MLPRegressor(early_stopping=True), "early_stopping=False"),
    "gradient descent": (SGDRegressor(early_stopping=True), "early_stopping=False"),
    "boosting": (GradientBoostingRegressor(n_iter_no_change=2), "n_iter_no_change="),
    "in a pipeline": (
        make_pipeline(StandardScaler(), BOOSTING),
        LAST,
    ),
    "in a bag": (BaggingRegressor(BOOSTING), "early_stopping=False"),
    "embedder": (
        make_pipeline(AutoencoderEmbedder(), LinearRegression()),
        "Embedder keeps .* Set validation_fraction=None.* from each row once",
    ),
    "like skorch": (LikeSkorch(), "train_split=None"),
    "another library's": (KeepsBack(), "early_stopping_rounds=None"),
    "without a switch": (
        make_pipeline(KeepsBackForGood(), Ridge()),
        "validation_fraction=None",
    ),
}
CHOOSES = {
    "search": (GridSearchCV(Ridge(), {"alpha": [1]}), "Put GridSearchCV around"),
    "path": (LassoCV(), "search around the oversampler"),
    "leave one out": (RidgeCV(), "search around the oversampler"),
    "stack": (StackingRegressor([("r", Ridge())]), "Put StackingRegressor around"),
    "experts": (LocalExpertStack(Ridge()), "Put LocalExpertStack around"),
    "features": (
        make_pipeline(RFECV(Ridge()), Ridge()),
        "RFECV splits its rows itself",
    ),
    "encoder": (
        make_pipeline(TargetEncoder(), Ridge()),
        "Let the oversampler be the last step",
    ),
    "remedy": (SubgroupRecalibrator(Ridge()), 'measured_on="cv"'),
}


@pytest.mark.parametrize("case", [*STOPS, *CHOOSES])
def test_refuses_copies_on_both_sides_before_anything_is_fitted(case):
    model, fix = (STOPS | CHOOSES)[case]
    X, y, _ = two_wards()
    remedied = SubgroupOversampler(model, segmenter=NeverSegments())
    with pytest.raises(ValueError, match="a row would be on both sides") as refused:
        remedied.fit(X, y)
    assert re.search(fix, str(refused.value))


@pytest.mark.parametrize(
    "model",
    [CalibratedClassifierCV(LogisticRegression()), SVC(probability=True)],
    ids=["calibrated", "platt"],
)
def test_refuses_calibration_on_copies(model):
    X, y, _ = two_wards()
    remedied = SubgroupOversampler(model, segmenter=NeverSegments(), metric="accuracy")
    with pytest.raises(ValueError, match="splits its rows itself"):
        remedied.fit(X, np.where(y > 50.0, "high", "low"))


@pytest.mark.slow
def test_refuses_the_validation_split_of_a_network_of_skorch():
    skorch = pytest.importorskip("skorch")
    helper = pytest.importorskip("skorch.helper")
    torch = pytest.importorskip("torch")
    X, y, _ = two_wards()
    net = skorch.NeuralNetRegressor(torch.nn.Identity, max_epochs=1)
    remedied = SubgroupOversampler(net, segmenter=NeverSegments())
    with pytest.raises(
        ValueError, match=r"NeuralNetRegressor keeps .*train_split=None"
    ):
        remedied.fit(X, y)
    rows = skorch.dataset.Dataset(X, y)
    for given in (None, helper.predefined_split(rows)):
        net.set_params(train_split=given)
        with pytest.raises(FittedError):
            remedied.fit(X, y)


PASSES = {
    "no early stop": MLPRegressor(),
    "few rows": make_pipeline(StandardScaler(), HistGradientBoostingRegressor()),
    "switched off": KeepsBack(early_stopping_rounds=None),
    "share is none": KeepsBackForGood(validation_fraction=None),
    "embedder": make_pipeline(AutoencoderEmbedder(validation_fraction=None), Ridge()),
    "frozen embedder": make_pipeline(FrozenEstimator(AutoencoderEmbedder()), Ridge()),
    "prefit stack": StackingRegressor([("r", Ridge())], cv="prefit"),
    "like skorch": LikeSkorch(train_split=functools.partial(max, valid_ds=[])),
    "remedy on training rows": SubgroupOversampler(Ridge(), measured_on="train"),
}


@pytest.mark.parametrize("case", PASSES)
def test_what_splits_nothing_is_let_through_to_the_segmenter(case):
    X, y, _ = two_wards()
    with pytest.raises(FittedError):
        SubgroupOversampler(PASSES[case], segmenter=NeverSegments(), metric="mae").fit(
            X, y
        )


def test_calibration_of_a_frozen_model_is_let_through():
    X, y, _ = two_wards()
    frozen = FrozenEstimator(LogisticRegression().fit(X, y > 50.0))
    remedied = SubgroupOversampler(
        CalibratedClassifierCV(frozen), segmenter=NeverSegments(), metric="accuracy"
    )
    with pytest.raises(FittedError):
        remedied.fit(X, y > 50.0)


@pytest.mark.parametrize(
    "params", [{"strategy": "weight"}, {"multiplier": 1}], ids=["weight", "plain"]
)
def test_rows_that_are_not_repeated_may_be_split(params):
    X, y, ward = two_wards()
    search = RidgeCV()
    remedied = SubgroupOversampler(search, **params).fit(X, y, subgroups=ward)
    assert remedied.estimator_.alpha_ in search.alphas


def test_without_the_refusal_a_search_prefers_what_remembers():
    X, y, ward = two_wards()
    rows = np.repeat(np.arange(120), np.where(ward == "b", 8, 1))
    grid, folds = {"max_depth": [2, None]}, ShuffleSplit(3, random_state=0)
    search = GridSearchCV(DecisionTreeRegressor(random_state=0), grid, cv=folds)
    assert search.fit(X, y).best_params_ == {"max_depth": 2}
    assert search.fit(X[rows], y[rows]).best_params_ == {"max_depth": None}


def test_warns_of_a_score_out_of_the_bag_that_copies_are_in():
    X, y, ward = two_wards()
    forest = RandomForestRegressor(20, oob_score=True, random_state=0)
    remedied = SubgroupOversampler(
        forest, under_served=["b"], multiplier=8, measured_on="train"
    )
    with pytest.warns(RepeatedRowsWarning, match="`oob_score` of RandomForest"):
        remedied.fit(X, y, subgroups=ward)
    plain = forest.fit(X, y).oob_score_
    assert remedied.estimator_.oob_score_ > plain + 0.1  # so it is worth a warning


# ---- histogram boosting's "auto" -------------------------------------------------
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a pipeline"])
def test_auto_stops_by_the_number_of_people_not_of_copies(inside):
    X, y, ward = two_wards(4_000)
    boosting = HistGradientBoostingRegressor(max_iter=2, max_leaf_nodes=3)
    remedied = SubgroupOversampler(
        make_pipeline(StandardScaler(), boosting) if inside else boosting,
        under_served=["b"],
        multiplier=10,
        measured_on="train",
    ).fit(X, y, subgroups=ward)
    assert len(remedied.sample_indices_) == 22_000
    fitted = remedied.estimator_[-1] if inside else remedied.estimator_
    assert not fitted.do_early_stopping_
    assert boosting.early_stopping == "auto"


def test_auto_is_refused_inside_a_pipeline_for_many_people():
    X, y, _ = two_wards(10_002)
    model = make_pipeline(StandardScaler(), HistGradientBoostingRegressor())
    with pytest.raises(ValueError, match=LAST):
        SubgroupOversampler(model, segmenter=NeverSegments()).fit(X, y)


# ---- fit_resample ----------------------------------------------------------------
def test_resampling_warns_if_the_wrapped_model_would_split_the_rows():
    X, y, ward = two_wards()
    sampler = SubgroupOversampler(RidgeCV(), under_served=["b"])
    with pytest.warns(RepeatedRowsWarning, match="RidgeCV, if it is trained on them"):
        X_new, _ = sampler.fit_resample(X, y, subgroups=ward)
    assert len(X_new) == 180


def test_resampling_refuses_later_rounds_of_a_model_that_splits():
    X, y, ward = two_wards()
    sampler = SubgroupOversampler(RidgeCV(), under_served=["b"], n_rounds=2)
    with pytest.raises(ValueError, match="copies of a row would be on both sides"):
        sampler.fit_resample(X, y, subgroups=ward)


@pytest.mark.parametrize("splits", [False, True])
def test_resampling_in_a_pipeline_looks_at_the_steps_that_follow(splits):
    imblearn = pytest.importorskip("imblearn.pipeline")
    X, y, _ = two_wards()
    X[:, 2] = np.repeat([0.0, 1.0], 60)
    sampler = SubgroupOversampler(
        RidgeCV(), segmenter=OfLastColumn(), under_served=[1.0]
    )
    last = LassoCV() if splits else Ridge()
    pipeline = imblearn.make_pipeline(StandardScaler(), sampler, last)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RepeatedRowsWarning)
        pipeline.fit(X, y)
    assert [str(w.message).split(",")[1] for w in told] == (
        [" and LassoCV"] if splits else []
    )


class OfLastColumn(BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return (X[:, -1] > 0.0).astype(float)


# ---- split first -----------------------------------------------------------------
def test_what_is_refused_would_have_had_copies_on_both_sides():
    """The other way round: how many of the rows aside have a twin among the learnt."""
    X, y, ward = two_wards()
    sampler = SubgroupOversampler(Ridge(), under_served=["b"], multiplier=5)
    sampler.fit(X, y, subgroups=ward)
    rows = np.random.default_rng(0).permutation(sampler.sample_indices_)
    aside, learnt = np.split(rows, [len(rows) // 10])
    assert np.isin(aside, learnt).mean() > 0.7
    assert_array_equal(np.unique(rows), np.arange(120))
