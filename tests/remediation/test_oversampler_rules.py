"""Whom is a remedy for, when do its rounds end, and what does it train on instead?"""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.validation import has_fit_parameter

from sklearn_equity import LatentGMMSegmenter
from sklearn_equity.inequality import gini
from sklearn_equity.remediation import SubgroupOversampler

ALWAYS_10 = DummyRegressor(strategy="constant", constant=10.0)


def make_constant_cases():
    """Wards whose MAE under the prediction 10 is 0, 1 and 2; tiny D is far off."""
    ward = np.repeat(["A", "B", "C", "D"], [40, 40, 40, 5])
    y = np.repeat([10.0, 11.0, 12.0, 100.0], [40, 40, 40, 5])
    return np.arange(125.0)[:, None], y, ward


def two_wards_of_one_line():
    """Slopes 2 (300 rows) and 1 (100 rows): what helps the one harms the other."""
    ward = np.repeat(["A", "B"], [300, 100])
    X = np.tile(np.arange(100.0), 4)[:, None]
    return X, 10.0 + np.where(ward == "A", 2.0, 1.0) * X[:, 0], ward


# ---- who is under-served ---------------------------------------------------------
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"quantile": 0.0}, ("B", "C")),
        ({"quantile": 0.5}, ("C",)),
        ({"quantile": 1.0}, ()),
        ({"threshold": 0.5}, ("B", "C")),
        ({"threshold": 1.0}, ("C",)),  # a tie is not worse
        ({"threshold": 2.0}, ()),
        ({"k_worst": 1}, ("C",)),
        ({"k_worst": 2}, ("B", "C")),
        ({"k_worst": 9}, ("A", "B", "C")),
    ],
    ids=str,
)
def test_rules_with_a_number(rule, expected):
    X, y, ward = make_constant_cases()
    remedied = SubgroupOversampler(ALWAYS_10, metric="mae", under_served=rule)
    assert remedied.fit(X, y, subgroups=ward).under_served_ == expected


def test_a_threshold_of_a_score_is_passed_from_above():
    X, _, ward = make_constant_cases()
    truth = np.where((ward == "C") & (np.arange(125) % 2 == 0), "no", "yes")
    remedied = SubgroupOversampler(
        DummyClassifier(strategy="constant", constant="yes"),
        metric="accuracy",
        under_served={"threshold": 0.9},
    ).fit(X, truth, subgroups=ward)
    assert remedied.under_served_ == ("C",)


@pytest.mark.parametrize(
    "rule",
    [
        {"k_worst": 0},
        {"k_worst": 1.5},
        {"quantile": 75},
        {"worst": 1},
        {},
        {"quantile": 0.5, "k_worst": 1},
    ],
    ids=str,
)
def test_refuses_a_mapping_that_is_no_rule(rule):
    X, y, ward = make_constant_cases()
    with pytest.raises(ValueError, match="`under_served` as a mapping must be"):
        SubgroupOversampler(ALWAYS_10, under_served=rule).fit(X, y, subgroups=ward)


def test_shrinkage_passes_over_a_small_ward_with_bad_luck():
    sign = np.tile([-1.0, 1.0], 200)
    error = np.concatenate([sign, 2.0 * sign, sign[:30]])
    error[800:802] = 9.0  # two of thirty: an RMSE of 2.5, mostly noise
    ward = np.repeat(["A", "C", "small"], [400, 400, 30])
    chosen = [
        SubgroupOversampler(
            ALWAYS_10,
            metric="rmse",
            under_served={"k_worst": 1},
            judged_by=judged_by,
            random_state=0,
        )
        .fit(np.zeros((830, 1)), 10.0 + error, subgroups=ward)
        .history_[0]
        for judged_by in ("estimate", "shrunken")
    ]
    assert chosen[0].under_served == ("small",)
    assert chosen[1].under_served == ("C",)
    assert chosen[0].fidelity == chosen[1].fidelity == chosen[0].judged
    assert chosen[1].judged["small"] < chosen[0].judged["small"]


def learnable_and_noisy(n_rows=900):
    rng = np.random.default_rng(3301)
    ward = np.arange(n_rows) % 3
    X = rng.normal(size=(n_rows, 2))
    slope = np.where(ward == 1, -2.0, 1.0)
    noise = np.select([ward == 0, ward == 1], [0.5, 0.5], 4.0)
    y = 50.0 + slope * X[:, 0] + noise * rng.normal(size=n_rows)
    return X, y, np.array(["rest", "learnable", "noisy"])[ward]


@pytest.mark.parametrize(
    "kind", ["numbers", pytest.param("classes", marks=pytest.mark.slow)]
)
def test_departure_passes_over_a_ward_that_is_only_noisy(kind):
    X, y, ward = learnable_and_noisy()
    model, metric = LinearRegression(), "rmse"
    if kind == "classes":
        model, metric = LogisticRegression(), "accuracy"
        y = np.where(y > 50.0, "high", "low")
    chosen = [
        SubgroupOversampler(
            model,
            metric=metric,
            under_served={"k_worst": 1},
            judged_by=judged_by,
            random_state=0,
        )
        .fit(X, y, subgroups=ward)
        .under_served_
        for judged_by in ("estimate", "departure")
    ]
    assert chosen[1] == ("learnable",)
    if kind == "numbers":
        assert chosen[0] == ("noisy",)


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({"measured_on": "train"}, {}, "needs predictions of unseen rows"),
        ({}, {"sample_weight": np.ones(900)}, "needs rows without sample_weight"),
        ({"estimator": LogisticRegression()}, {}, "two classes; got 3 classes"),
        (
            {"estimator": LinearSVC()},
            {"two": True},
            "an `estimator` with predict_proba",
        ),
    ],
)
def test_refuses_a_departure_without_meaning(options, given, message):
    X, y, ward = learnable_and_noisy()
    options = {"estimator": LinearRegression(), **options}
    if not isinstance(options["estimator"], LinearRegression):
        y = np.digitize(y, [50.0] if given.pop("two", False) else [49.0, 51.0])
        options["metric"] = "accuracy"
    remedied = SubgroupOversampler(judged_by="departure", **options)
    with pytest.raises(ValueError, match=message):
        remedied.fit(X, y, subgroups=ward, **given)


# ---- subgroups by column ---------------------------------------------------------
def test_columns_by_name_equal_passing_their_labels():
    X, y, ward = learnable_and_noisy()
    frame = pd.DataFrame(X, columns=["a", "b"])
    frame["ward"] = np.unique(ward, return_inverse=True)[1]
    frame["half"] = np.arange(len(X)) % 2
    for names in ("ward", ["ward", "half"]):
        named = SubgroupOversampler(
            LinearRegression(), segmenter=names, random_state=0
        ).fit(frame, y)
        passed = SubgroupOversampler(LinearRegression(), random_state=0).fit(
            frame, y, subgroups=frame[names]
        )
        assert named.fidelity_ == passed.fidelity_
        assert_array_equal(named.sample_indices_, passed.sample_indices_)
        assert named.segmenter_ is None


def test_columns_by_name_need_a_frame_that_has_them():
    X, y, _ = learnable_and_noisy()
    remedied = SubgroupOversampler(LinearRegression(), segmenter="ward")
    with pytest.raises(TypeError, match="without column names"):
        remedied.fit(X, y)
    with pytest.raises(ValueError, match="`segmenter` names no column of the table"):
        remedied.fit(pd.DataFrame(X, columns=["a", "b"]), y)


# ---- when the rounds end ---------------------------------------------------------
def test_harm_takes_the_round_back():
    X, y, ward = two_wards_of_one_line()
    remedied = SubgroupOversampler(
        LinearRegression(),
        multiplier=3,
        n_rounds=4,
        stop_when="someone_harmed",
        random_state=0,
    ).fit(X, y, subgroups=ward)
    (done,) = remedied.history_
    assert done.stopped == "someone harmed, levelling down"
    assert not done.kept
    assert done.under_served == ("B",)
    assert remedied.multiplier_ == {"A": 1.0, "B": 1.0}
    assert_allclose(remedied.estimator_.coef_, LinearRegression().fit(X, y).coef_)
    assert_array_equal(remedied.sample_indices_, np.arange(400))


def test_rounds_go_on_while_the_under_served_gain():
    X, y, ward = two_wards_of_one_line()
    remedied = SubgroupOversampler(
        LinearRegression(),
        multiplier=2,
        under_served=["B"],
        n_rounds=3,
        stop_when="no_more_gain",
        random_state=0,
    ).fit(X, y, subgroups=ward)
    assert [done.kept for done in remedied.history_] == [True, True, True]
    assert [done.stopped for done in remedied.history_] == [None, None, None]
    assert remedied.multiplier_ == {"A": 1.0, "B": 8.0}
    assert_allclose(remedied.estimator_.coef_, [(300 * 2 + 800) / 1100])


def test_no_gain_takes_the_round_back():
    X, y, ward = make_constant_cases()
    remedied = SubgroupOversampler(
        ALWAYS_10, metric="mae", n_rounds=4, stop_when="no_more_gain"
    ).fit(X, y, subgroups=ward)
    (done,) = remedied.history_
    assert (done.stopped, done.kept) == ("no more gain", False)
    assert done.multiplier["C"] == 2.0
    assert remedied.multiplier_["C"] == 1.0


def test_an_index_at_its_bound_ends_the_rounds_before_a_remedy():
    X, y, ward = make_constant_cases()
    bound = gini([0.0, 1.0, 2.0])
    for slack, n_rounds in ((1e-9, 1), (-1e-9, 2)):
        remedied = SubgroupOversampler(
            ALWAYS_10, metric="mae", n_rounds=2, stop_when={"gini": bound + slack}
        ).fit(X, y, subgroups=ward)
        assert len(remedied.history_) == n_rounds
    assert remedied.multiplier_["C"] == 4.0
    stopped = clone(remedied).set_params(stop_when=["no_more_gain", {"gini": 1.0}])
    stopped.fit(X, y, subgroups=ward)
    assert stopped.history_[0].stopped == "gini at most 1"
    assert stopped.multiplier_["C"] == 1.0


@pytest.mark.parametrize(
    "stop_when",
    [
        *("harm", {"gini": "low"}, {"hoover": 1.0}, [1]),
        *({"gini": -1.0}, {"gini": float("nan")}, {"gini": float("inf")}),
    ],
)
def test_refuses_to_stop_for_what_it_does_not_know(stop_when):
    X, y, ward = make_constant_cases()
    with pytest.raises(ValueError, match="`stop_when` must be"):
        SubgroupOversampler(ALWAYS_10, stop_when=stop_when).fit(X, y, subgroups=ward)


# ---- early stopping inside -------------------------------------------------------
class Recorder(HistGradientBoostingRegressor):
    """Keeps what its last fit was handed."""

    seen: ClassVar[list[Any]] = []

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        Recorder.seen.append((X, X_val, y_val, sample_weight, sample_weight_val))
        return super().fit(
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
        )


@pytest.mark.skipif(
    not has_fit_parameter(HistGradientBoostingRegressor(), "X_val"),
    reason="scikit-learn before 1.7 takes no validation rows",
)
def test_rows_are_split_before_they_are_repeated():
    X, y, ward = learnable_and_noisy(300)
    X[:, 0] = np.arange(300)  # tells rows apart
    model = Recorder(
        early_stopping=True, validation_fraction=0.2, max_iter=2, random_state=0
    )
    Recorder.seen.clear()
    SubgroupOversampler(
        model, under_served=["noisy"], multiplier=3, measured_on="train"
    ).fit(X, y, subgroups=ward, sample_weight=1.0 + np.arange(300))
    learnt, held_out, y_val, weights, weights_val = Recorder.seen[-1]
    learnt, held_out = learnt[:, 0].astype(int), held_out[:, 0].astype(int)
    assert len(held_out) == 60
    assert not set(learnt) & set(held_out)
    assert sorted({*learnt, *held_out}) == list(range(300))
    counts = np.bincount(learnt, minlength=300)[np.unique(learnt)]
    assert_array_equal(counts, np.where(ward == "noisy", 3, 1)[np.unique(learnt)])
    assert_array_equal(y_val, y[held_out])
    assert_array_equal(weights, 1.0 + learnt)
    assert_array_equal(weights_val, 1.0 + held_out)


# ---- synthetic rows --------------------------------------------------------------
def make_clouds(n_rows=300, seed=77):
    """Three clouds in three columns that lie near a plane; one is hard."""
    rng = np.random.default_rng(seed)
    cloud = np.arange(n_rows) % 3
    plane = np.array([[0.0, 0.0], [12.0, 0.0], [0.0, 12.0]])[cloud]
    plane = plane + rng.normal(size=(n_rows, 2))
    X = np.column_stack([plane, plane.sum(axis=1)])
    noise = np.where(cloud == 2, 3.0, 0.5)
    y = 100.0 + X[:, 0] + noise * rng.normal(size=n_rows)
    return X, y, cloud


def pipeline_of_segments():
    return make_pipeline(
        StandardScaler(), PCA(2), LatentGMMSegmenter(3, random_state=0)
    )


def synthetic(**options):
    options = {
        "estimator": LinearRegression(),
        "segmenter": pipeline_of_segments(),
        "metric": "rmse",
        "under_served": {"k_worst": 1},
        "multiplier": 3.0,
        "strategy": "synthetic",
        "random_state": 0,
        **options,
    }
    return SubgroupOversampler(**options)


def test_synthetic_rows_come_from_the_segment_and_its_plane():
    X, y, _ = make_clouds()
    sampler = synthetic()
    X_all, y_all = sampler.fit_resample(X, y)
    assert_array_equal(X_all[:300], X)
    assert_array_equal(y_all[:300], y)
    new = X_all[300:]
    (segment,) = sampler.under_served_
    n_of_segment = (sampler.segmenter_.predict(X) == segment).sum()
    assert len(new) == 2 * n_of_segment
    assert np.mean(sampler.segmenter_.predict(new) == segment) > 0.95
    assert_allclose(new[:, 2], new[:, 0] + new[:, 1], atol=1e-8)
    assert_array_equal(sampler.sample_indices_, [*range(300), *np.full(len(new), -1)])


def test_synthetic_targets_scatter_as_those_of_the_segment():
    X, y, _ = make_clouds(3000)
    X_all, y_all = synthetic().fit_resample(X, y)
    residual = y_all[3000:] - 100.0 - X_all[3000:, 0]
    # 2,000 draws of about 1,000 residuals of standard deviation 3.
    assert abs(residual.mean()) < 0.5
    assert_allclose(residual.std(), 3.0, rtol=0.1)


def test_synthetic_classes_are_drawn_by_their_probabilities():
    X, y, _ = make_clouds(900)
    label = np.where(y > np.median(y), "high", "low")
    model = LogisticRegression()
    sampler = synthetic(estimator=model, metric="accuracy")
    X_all, label_all = sampler.fit_resample(X, label)
    proba = clone(model).fit(X, label).predict_proba(X_all[900:])[:, 0]
    drawn = label_all[900:] == "high"
    assert abs(drawn.mean() - proba.mean()) < 0.06
    assert set(label_all) == {"high", "low"}
    if 0 < drawn.sum() < len(drawn):
        assert roc_auc_score(drawn, proba) > 0.55


def test_model_of_synthetic_rows_is_the_model_of_what_fit_resample_returns():
    X, y, _ = make_clouds()
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 300)
    sampler = synthetic()
    by_hand = LinearRegression().fit(*sampler.fit_resample(X, y))
    fitted = synthetic().fit(X, y)
    assert_allclose(fitted.estimator_.coef_, by_hand.coef_)
    assert_array_equal(fitted.sample_indices_, sampler.sample_indices_)
    weighted = synthetic(n_rounds=2).fit(X, y, sample_weight=weights)
    assert np.isfinite(weighted.estimator_.coef_).all()
    assert len(weighted.history_) == 2


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_synthetic_rows_keep_the_type(kind):
    X, y, _ = make_clouds()
    columns = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "whole": np.arange(300)}
    library = {"pandas": pd, "polars": pl}[kind]
    table = library.DataFrame(columns)
    target = library.Series(y) if kind == "pandas" else library.Series("y", y)
    X_all, y_all = synthetic().fit_resample(table, target)
    assert type(X_all) is type(table)
    assert type(y_all) is type(target)
    assert list(X_all.columns) == list(columns)
    assert len(X_all) == len(y_all) > 300
    synthetic().fit(table, target).predict(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segmenter": KMeans(2, n_init=1)}, r"KMeans has no sample\(n, segment=\)"),
        (
            {
                "segmenter": make_pipeline(
                    PolynomialFeatures(), LatentGMMSegmenter(3, random_state=0)
                )
            },
            r"no inverse_transform: \['PolynomialFeatures'\]",
        ),
        ({"segmenter": None}, "that can make rows, .* labels or columns say who"),
        (
            {"estimator": LinearSVC(), "metric": "accuracy"},
            "LinearSVC has no predict_proba",
        ),
    ],
)
def test_refuses_to_make_rows_without_what_it_takes(options, message):
    X, y, cloud = make_clouds()
    given = {"subgroups": cloud} if options.get("segmenter", 1) is None else {}
    if "metric" in options:
        y = (y > 100.0).astype(int)
    with pytest.raises(ValueError, match=message):
        synthetic(**options).fit(X, y, **given)


def test_refuses_to_put_new_rows_under_sparse_ones():
    X, y, _ = make_clouds()

    class Dense(LatentGMMSegmenter):
        def fit(self, X, y=None):
            return super().fit(X.toarray())

        def predict(self, X):
            return super().predict(X.toarray())

    with pytest.raises(ValueError, match="needs a dense `X`; got a sparse one"):
        synthetic(segmenter=Dense(3, random_state=0)).fit(sp.csr_array(X), y)
