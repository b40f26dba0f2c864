"""Recalibration by subgroup: bias within noise, monotone, nothing where nothing is."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_equity import SubgroupRecalibrator, no_harm_test, remediation_path
from sklearn_equity.exceptions import UnknownSubgroupWarning

BIAS = {"A": 0.0, "B": 2.0, "C": -3.0, "D": 0.5}


def wards_apart(n=4000, seed=0, scale=4.0):
    """A line, from which the outcomes of three of four wards lie off."""
    rng = np.random.default_rng(seed)
    ward = rng.choice(list(BIAS), size=n)
    X = rng.normal(size=(n, 3))
    off = np.array([BIAS[w] for w in ward])
    return X, 20 + 3 * X[:, 0] + off + scale * rng.normal(size=n), ward


# ---- laws ------------------------------------------------------------------------
def test_no_declared_subgroup_is_off_by_more_than_noise_on_new_rows():
    X, y, ward = wards_apart()
    X_new, y_new, ward_new = wards_apart(seed=1)
    model = SubgroupRecalibrator(LinearRegression(), random_state=0)
    model.fit(X, y, subgroups=ward)
    plain = LinearRegression().fit(X, y)
    for w in BIAS:
        mine = ward_new == w
        before = y_new[mine] - plain.predict(X_new[mine])
        after = y_new[mine] - model.predict(X_new[mine], subgroups=ward_new[mine])
        # Noise of the new rows, and of as many that corrections were learnt from.
        noise = after.std() * np.sqrt(2.0 / mine.sum())
        assert abs(after.mean()) < 3.0 * noise, w
        if w in "BC":
            assert abs(before.mean()) > 5.0 * noise, w


@pytest.mark.parametrize("seed", range(4))
def test_error_of_those_who_learn_never_rises(seed):
    X, y, ward = wards_apart(600, seed=seed)
    y = y + np.where(X[:, 1] > 1, 5, 0)
    model = SubgroupRecalibrator(Ridge(), gate=0.0, random_state=seed)
    errors = [done.learning_error for done in model.fit(X, y, subgroups=ward).history_]
    assert len(errors) > 3
    assert (np.diff(errors) <= 1e-9).all()


def test_where_there_is_nothing_to_correct_nobody_is_harmed():
    changed = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, ward = rng.normal(size=(3000, 4)), rng.choice(list("abcdefgh"), size=3000)
        y = 20 + X[:, 0] + rng.standard_t(5, size=3000)
        model = SubgroupRecalibrator(LinearRegression(), random_state=seed)
        model.fit(X[:2000], y[:2000], subgroups=ward[:2000])
        before = LinearRegression().fit(X[:2000], y[:2000]).predict(X[2000:])
        after = model.predict(X[2000:], subgroups=ward[2000:])
        changed.append(np.mean((y[2000:] - after) ** 2 - (y[2000:] - before) ** 2))
        result = no_harm_test(
            y[2000:], before, after, subgroups=ward[2000:], metric="rmse",
            random_state=seed,
        )  # fmt: skip
        assert result.harmed == ()
    assert np.mean(changed) < 0.005 * 5 / 3  # of the variance, 5/3


def test_subgroups_without_noise_are_met_exactly():
    ward = np.repeat(["A", "B"], 100)
    y = np.where(ward == "A", 3.0, 5.0)
    model = SubgroupRecalibrator(
        DummyRegressor(strategy="constant", constant=0.0),
        learning_rate=1.0,
        learn_subgroups=False,
        random_state=0,
    ).fit(np.zeros((200, 1)), y, subgroups=ward)
    assert_allclose(model.predict(np.zeros((2, 1)), subgroups=["B", "A"]), [5.0, 3.0])
    # Who was never seen is corrected as everybody at most, and that is said.
    with pytest.warns(UnknownSubgroupWarning, match=r"^2 of 3 rows have a label that"):
        answer = model.predict(np.zeros((3, 1)), subgroups=["A", "C", "D"])
    assert_allclose(answer[0], 3.0)
    assert np.isfinite(answer).all()


def test_subgroups_that_nobody_declared_are_learnt():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(3000, 3))
    y = (
        X[:, 0]
        + np.where((X[:, 1] > 0.5) & (X[:, 2] > 0), 6, 0)
        + rng.normal(size=3000)
    )
    model = SubgroupRecalibrator(LinearRegression(), random_state=0).fit(X, y)
    plain = LinearRegression().fit(X, y)
    found = [np.mean((y - m.predict(X)) ** 2) for m in (plain, model)]
    assert found[1] < 0.5 * found[0]
    assert {done.partition for done in model.history_} >= {"learnt subgroups"}


def test_attributes_are_corrected_across_their_combinations():
    # Each combination is too small to be corrected; the women together are not.
    rng = np.random.default_rng(6)
    sex, site = rng.choice(["f", "m"], size=900), rng.integers(45, size=900)
    y = np.where(sex == "f", 2.0, 0.0) + rng.normal(size=900)
    model = SubgroupRecalibrator(
        DummyRegressor(), n_levels=1, learn_subgroups=False, random_state=0
    ).fit(np.zeros((900, 1)), y, subgroups=pd.DataFrame({"sex": sex, "site": site}))
    assert {done.partition for done in model.history_} == {"attribute 0"}


def test_levels_mend_a_slope():
    # In B the outcome rises half as steeply: levels see it, the whole of B is unbiased.
    rng = np.random.default_rng(7)
    ward = np.repeat(["A", "B"], 1500)
    x = rng.normal(size=3000)
    y = np.where(ward == "A", 2.0, 1.0) * x + 0.5 * rng.normal(size=3000)
    errors = {}
    for n_levels in (1, 5):
        model = SubgroupRecalibrator(
            LinearRegression(), n_levels=n_levels, learn_subgroups=False, random_state=0
        ).fit(x[:, None], y, subgroups=ward)
        residual = y - model.predict(x[:, None], subgroups=ward)
        errors[n_levels] = np.mean(residual**2)
    # .25 for the noise, and the square of half a unit of slope before.
    assert errors[1] > 0.45
    assert errors[5] < 0.36


# ---- classes ---------------------------------------------------------------------
def test_probabilities_are_calibrated_in_every_subgroup():
    rng = np.random.default_rng(8)
    ward = rng.choice(["A", "B"], size=4000)
    X = rng.normal(size=(4000, 1))
    logit = X[:, 0] + np.where(ward == "A", -1.0, 1.0)
    y = np.where(rng.random(4000) < 1 / (1 + np.exp(-logit)), "ill", "well")
    model = SubgroupRecalibrator(LogisticRegression(), random_state=0)
    model.fit(X, y, subgroups=ward)
    proba = model.predict_proba(X, subgroups=ward)
    assert_allclose(proba.sum(axis=1), 1.0)
    assert proba.min() >= 0.0
    for w in "AB":
        mine = ward == w
        assert abs(np.mean(y[mine] == "well") - proba[mine, 1].mean()) < 0.03
        plain = LogisticRegression().fit(X, y).predict_proba(X[mine])[:, 1]
        assert abs(np.mean(y[mine] == "well") - plain.mean()) > 0.1
    predicted = model.predict(X, subgroups=ward)
    assert_array_equal(predicted, np.where(proba[:, 1] > 0.5, "well", "ill"))
    assert not hasattr(model, "decision_function")


# ---- where it works --------------------------------------------------------------
def test_a_fitted_model_stays_as_it_is():
    X, y, ward = wards_apart(2000)
    fitted = LinearRegression().fit(X[:500], y[:500])
    model = SubgroupRecalibrator(FrozenEstimator(fitted), random_state=0)
    model.fit(X[500:], y[500:], subgroups=ward[500:])
    assert_array_equal(model.estimator_.predict(X), fitted.predict(X))
    moved = model.predict(X, subgroups=ward) - fitted.predict(X)
    assert moved[ward == "B"].mean() > 1.0
    assert moved[ward == "C"].mean() < -2.0


def test_no_round_is_the_plain_model():
    X, y, _ = wards_apart(300)
    model = SubgroupRecalibrator(LinearRegression(), n_rounds=0).fit(X, y)
    assert_allclose(model.predict(X), LinearRegression().fit(X, y).predict(X))


def test_pipeline_search_and_columns():
    X, y, ward = wards_apart(600)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(ward=ward == "C")
    frame["ward"] = frame["ward"].astype(int)
    search = GridSearchCV(
        SubgroupRecalibrator(
            make_pipeline(StandardScaler(), Ridge()), segmenter="ward", random_state=0
        ),
        {"learning_rate": [0.1, 1.0], "n_rounds": [5]},
        cv=2,
        error_score="raise",
    ).fit(frame, y)
    assert search.predict(frame).shape == (600,)


def test_routing_hands_subgroups_on():
    X, y, ward = wards_apart(2000)
    with sklearn.config_context(enable_metadata_routing=True):
        model = SubgroupRecalibrator(LinearRegression(), random_state=0)
        scores = cross_val_score(model, X, y, cv=3, params={"subgroups": ward})
        piped = make_pipeline(StandardScaler(), model).fit(X, y, subgroups=ward)
        assert np.isfinite(piped.predict(X, subgroups=ward)).all()
    plain = cross_val_score(LinearRegression(), X, y, cv=3)
    assert scores.mean() > plain.mean() + 0.05


def test_path_along_its_rounds():
    X, y, ward = wards_apart(1500)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(ward=ward)
    model = make_pipeline(_numbers_alone(), LinearRegression())
    path = remediation_path(
        SubgroupRecalibrator(model, segmenter="ward", random_state=0), frame, y,
        parameter="n_rounds", strengths=[0, 20], random_state=0,
    )  # fmt: skip
    assert path.verdict[0] == "plain"
    assert path.overall[2] < path.overall[0]


def _numbers_alone():
    from sklearn.compose import make_column_transformer

    return make_column_transformer(("passthrough", ["a", "b", "c"]))


def test_equal_seeds_agree_and_weights_count():
    X, y, ward = wards_apart(600)
    one, other = (
        SubgroupRecalibrator(LinearRegression(), random_state=3).fit(
            X, y, subgroups=ward
        )
        for _ in range(2)
    )
    assert one.history_ == other.history_
    assert {audited.subgroup for audited in one.audit_} == set(BIAS)
    weights = np.where(ward == "C", 0.0, 1.0)
    model = SubgroupRecalibrator(
        LinearRegression(), n_levels=1, learn_subgroups=False, random_state=0
    ).fit(X, y, subgroups=ward, sample_weight=weights)
    plain = LinearRegression().fit(X, y, sample_weight=weights)
    moved = model.predict(X, subgroups=ward) - plain.predict(X)
    assert abs(moved[ward == "C"]).max() < 0.5  # as everybody, not by its own 3


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"learn_subgroups": False}, None, "and not both; got neither"),
        ({"learning_rate": 0.0}, None, "'learning_rate' parameter"),
        ({"estimator": LinearSVC()}, [0, 1] * 30, "must have predict_proba"),
        ({"estimator": LogisticRegression()}, [0, 1, 2] * 20, "Only binary class"),
    ],
)
def test_refuses(options, y, message):
    X, numbers, _ = wards_apart(60)
    model = SubgroupRecalibrator(**{"estimator": LinearRegression(), **options})
    with pytest.raises(ValueError, match=message):
        model.fit(X, numbers if y is None else y)


def expected_failures(estimator):
    if not estimator.learn_subgroups:
        return {}
    reason = "folds, and those who judge, are drawn from rows that count once"
    return {"check_sample_weight_equivalence_on_dense_data": reason}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
@parametrize_with_checks(
    [
        SubgroupRecalibrator(Ridge(), min_subgroup_size=1),
        SubgroupRecalibrator(
            Ridge(),
            segmenter=GaussianMixture(2, random_state=0),
            learn_subgroups=False,
            gate=0.0,
        ),
        SubgroupRecalibrator(LogisticRegression(), min_subgroup_size=1),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
