"""A stack with experts for rules: what it must find, what it must leave, contract."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import lsq_linear
from sklearn.base import clone
from sklearn.ensemble import StackingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_equity import make_health_cohort
from sklearn_equity.discovery._items import Item
from sklearn_equity.discovery._people_table import PeopleTable
from sklearn_equity.discovery._rule_choice import rows_of
from sklearn_equity.remediation import (
    LocalExpertStack,
    SubgroupOversampler,
    no_harm_test,
)
from sklearn_equity.remediation._expert_rules import RuleScan, _best_cut, _Sums


def planted(n_rows, seed, *, gain=6.0, noise=2.0):
    """A plane, with people of one sex and over 55 whose outcome follows another one."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.uniform(40, 70, n_rows),
            "bmi": rng.normal(27, 4, n_rows),
            "sex": rng.choice(["f", "m"], n_rows),
            "asthma": (rng.random(n_rows) < 0.3).astype(int),
        }
    )
    inside = ((frame["asthma"] == 1) & (frame["age"] >= 55)).to_numpy()
    mean = 30 + 0.1 * frame["age"].to_numpy() + gain * inside
    return frame, mean, mean + noise * rng.normal(size=n_rows), inside


def linear_on_numbers():
    return make_pipeline(
        StandardScaler(), LinearRegression()
    )  # of numbers: handed a frame without text


def without_sex(frame):
    return frame.drop(columns="sex")


# ---- what it must find, and what it must leave -----------------------------------
def test_a_planted_conjunction_is_found_described_and_corrected():
    frame, _, y, _ = planted(4000, 1)
    held_out, mean, _, inside = planted(4000, 2)
    model = LocalExpertStack(
        linear_on_numbers(), others=[], max_depth=2, n_rounds=1, random_state=0
    )
    model.fit(without_sex(frame), y)
    X = without_sex(held_out)
    before = (model.predict_stack(X) - mean) ** 2
    after = (model.predict(X) - mean) ** 2
    assert after[inside].mean() < 0.1 * before[inside].mean()
    assert after[~inside].mean() < before[~inside].mean()
    first = model.experts_[0]
    assert first.text.startswith("age >= 5")
    assert first.text.endswith("and asthma = 1")
    assert first.gain_z > 5
    assert f"n = {first.n:,}" in model.to_text()


def test_what_is_hardly_beyond_chance_adds_hardly_anything():
    frame, _, y, _ = planted(2000, 18, gain=3.0)
    X = without_sex(frame)
    model = LocalExpertStack(
        linear_on_numbers(), others=[], max_depth=2, n_rounds=1, least_gain=0.0,
        random_state=0,
    ).fit(X, y)  # fmt: skip
    whole, strict = model.experts_[0], model.experts_[0].gain_z / 1.25
    shrunken = clone(model).set_params(least_gain=strict).fit(X, y).experts_[0]
    assert shrunken.text == whole.text
    for name, value in shrunken.coefficients.items():
        assert_allclose(value, (1 - 0.8**2) * whole.coefficients[name])


def test_where_nothing_is_left_to_find_little_is_kept_and_little_lost():
    # The linear model is right about these planes.
    kept, lost = [], []
    for seed in range(8):
        frame, _, y, _ = planted(1500, 100 + seed, gain=0.0)
        model = LocalExpertStack(
            linear_on_numbers(), others=[], max_depth=2, n_rounds=1, random_state=seed
        ).fit(without_sex(frame), y)
        held_out, mean, _, _ = planted(1500, 200 + seed, gain=0.0)
        X = without_sex(held_out)
        kept.append(len(model.experts_) / max(model.n_candidates_, 1))
        lost.append(
            np.mean((model.predict(X) - mean) ** 2)
            - np.mean((model.predict_stack(X) - mean) ** 2)
        )
    assert np.mean(kept) < 0.2  # a tenth or so of null gains exceed 1.5 errors
    assert np.mean(lost) < 0.01 * 4.0  # of the variance of the noise


def test_a_noisier_subgroup_gets_no_expert():
    frame, mean, _, inside = planted(4000, 5, gain=0.0)
    rng = np.random.default_rng(6)
    y = mean + np.where(inside, 12.0, 2.0) * rng.normal(size=4000)
    model = LocalExpertStack(
        linear_on_numbers(), others=[], max_depth=2, n_rounds=1, least_gain=3.0
    )
    model.set_params(random_state=0).fit(without_sex(frame), y)
    assert model.experts_ == ()
    assert "none of" in model.to_text()


# ---- the stack -------------------------------------------------------------------
def test_weights_against_a_bounded_least_squares_of_cross_validated_predictions():
    frame, _, y, _ = planted(600, 7)
    X = without_sex(frame)
    members = [LinearRegression(), DecisionTreeRegressor(max_depth=4, random_state=0)]
    model = LocalExpertStack(members[0], others=members[1:], n_rounds=0, random_state=3)
    model.fit(X, y)
    folds = KFold(5, shuffle=True, random_state=np.random.RandomState(3))
    splits = list(folds.split(X))
    out = np.column_stack([cross_val_predict(m, X, y, cv=splits) for m in members])
    oracle = lsq_linear(out - y.mean(), y - y.mean(), bounds=(0, np.inf), tol=1e-12)
    assert_allclose(list(model.weights_.values()), oracle.x, atol=1e-6)
    assert list(model.weights_) == ["estimator", "DecisionTreeRegressor"]
    assert_allclose(
        model.out_of_fold_, y.mean() + (out - y.mean()) @ oracle.x, atol=1e-5
    )


def test_no_others_and_no_rounds_is_the_model_bagged_over_folds():
    frame, _, y, _ = planted(300, 8)
    X = without_sex(frame)
    model = LocalExpertStack(LinearRegression(), others=[], n_rounds=0, random_state=1)
    model.fit(X, y)
    splits = KFold(5, shuffle=True, random_state=np.random.RandomState(1)).split(X)
    bagged = np.mean(
        [
            LinearRegression().fit(X.iloc[train], y[train]).predict(X)
            for train, _ in splits
        ],
        axis=0,
    )
    weight = model.weights_["estimator"]
    assert_allclose(model.predict(X), y.mean() + weight * (bagged - y.mean()))
    assert model.predict(X) is not model.predict_stack(X)
    assert_array_equal(model.predict(X), model.predict_stack(X))


def test_a_member_by_itself_and_its_error_against_models_fitted_by_hand():
    frame, _, y, _ = planted(300, 17)
    X = without_sex(frame)
    members = [LinearRegression(), DecisionTreeRegressor(max_depth=3, random_state=0)]
    model = LocalExpertStack(members[0], others=members[1:], n_rounds=0, random_state=3)
    model.fit(X, y)
    splits = list(
        KFold(5, shuffle=True, random_state=np.random.RandomState(3)).split(X)
    )
    for member, name in zip(members, model.weights_, strict=True):
        held_out = cross_val_predict(member, X, y, cv=splits)
        assert_allclose(model.errors_[name], np.mean((y - held_out) ** 2))
        folds = [
            clone(member).fit(X.iloc[train], y[train]).predict(X) for train, _ in splits
        ]
        alone = model.predict_stack(X, member=name)
        assert_allclose(alone, np.mean(folds, axis=0))
    with pytest.raises(ValueError, match="`member` must be one of estimator, Decision"):
        model.predict_stack(X, member="trees")


# ---- the scan --------------------------------------------------------------------
def test_best_cut_against_trying_every_cut():
    rng = np.random.default_rng(9)
    table = np.asfortranarray(rng.normal(size=(300, 2)))
    products = rng.normal(size=(300, 3)) + 1.5 * (table[:, :1] > 0.6)
    sums = _Sums.of(table, products, 20)
    for kind in ("at_least", "below"):
        item = _best_cut(Item(0, kind, 0.0), np.ones(300, dtype=bool), sums)
        tried = [
            sums.score(Item(0, kind, float(value)).holds(table))
            for value in np.sort(table[:, 0])[1:]
        ]
        assert sums.score(item.holds(table)) == pytest.approx(max(tried))


def test_the_scan_ranks_a_sloping_residual_whose_mean_is_zero():
    rng = np.random.default_rng(10)
    frame = pd.DataFrame(rng.integers(0, 2, (3000, 4)), columns=list("abcd"))
    slope = rng.normal(size=3000)
    inside = ((frame["b"] == 1) & (frame["d"] == 0)).to_numpy()
    residuals = rng.normal(size=3000) + inside * slope
    people = PeopleTable.learn(frame)
    scan = RuleScan(people, max_depth=3, n_cuts=3, max_rules=5, min_size=50)
    best = scan(people.read(frame), residuals, np.column_stack([np.ones(3000), slope]))[
        0
    ]
    assert {(item.column, item.value) for item in best.items} == {(1, 1.0), (3, 0.0)}


def test_a_box_of_more_sides_than_conditions_is_closed():
    rng = np.random.default_rng(19)
    table = np.asfortranarray(rng.uniform(-1, 1, size=(4000, 3)))
    inside = (np.abs(table[:, 0] - 0.2) < 0.4) & (np.abs(table[:, 1] + 0.2) < 0.4)
    residuals = 3.0 * inside + rng.normal(size=4000)
    people = PeopleTable.learn(table)
    scan = RuleScan(people, max_depth=2, n_cuts=5, max_rules=5, min_size=50)
    best = scan(table, residuals, np.ones((4000, 1)))[0]
    held = rows_of(best.items, table)
    assert len(best.items) == 4
    assert (held & inside).sum() > 0.9 * (held | inside).sum()


# ---- where it works --------------------------------------------------------------
def _tree_predictions(n_jobs, seed):
    frame, _, y, _ = planted(800, 11)
    X = without_sex(frame)
    model = LocalExpertStack(
        DecisionTreeRegressor(max_features=1),
        others=[],
        n_jobs=n_jobs,
        random_state=seed,
    )
    return model.fit(X, y).predict(X)


def test_equal_seeds_agree_and_others_do_not():
    one, same, other = (_tree_predictions(None, seed) for seed in (4, 4, 5))
    assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.slow
def test_the_number_of_jobs_changes_nothing():
    assert_array_equal(_tree_predictions(None, 4), _tree_predictions(2, 4))


def test_text_gaps_pipeline_and_search():
    frame, _, y, _ = planted(400, 12)
    frame.loc[::7, "bmi"] = np.nan

    class OnAge(LinearRegression):
        """A model that picks its own columns from a frame with text and gaps."""

        def fit(self, X, y):
            return super().fit(X[["age"]], y)

        def predict(self, X):
            return super().predict(X[["age"]])

    search = GridSearchCV(
        LocalExpertStack(OnAge(), min_subgroup_size=20, random_state=0),
        {"n_rounds": [1]},
        cv=2,
        error_score="raise",
    ).fit(frame, y)
    best = search.best_estimator_
    assert list(best.weights_) == [
        *("estimator", "boosted trees", "extra trees", "quadratic ridge"),
    ]
    assert list(best.feature_names_in_) == list(frame.columns)
    assert search.score(frame, y) > 0.5
    clone(best)


def test_classifier_gets_probabilities_from_the_same_stack():
    frame, _, _, inside = planted(3000, 13)
    rng = np.random.default_rng(14)
    y = np.where(rng.random(3000) < np.where(inside, 0.8, 0.2), "ill", "well")
    model = LocalExpertStack(
        LogisticRegression(), others=[], max_depth=2, n_rounds=1, random_state=0
    ).fit(without_sex(frame), y)
    held_out, *_, inside = planted(3000, 15)
    X = without_sex(held_out)
    ill = model.predict_proba(X)[:, 0]
    truth = np.where(inside, 0.8, 0.2)
    stack = 1.0 - model.predict_stack(X)
    assert np.mean((ill - truth) ** 2) < 0.5 * np.mean((stack - truth) ** 2)
    assert_array_equal(model.predict(X), np.where(ill > 0.5, "ill", "well"))
    assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert model.score(without_sex(frame), y) > 0.7


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (LinearSVC(), [0, 1] * 10, "`estimator` must have predict_proba"),
        (LogisticRegression(), [0, 1, 2, 3] * 5, "Only binary classification"),
        (LogisticRegression(), [0] * 19 + [1], "two classes of at least 2 rows each"),
        (LinearRegression(), [0.0, np.nan] * 10, "`y` must"),
    ],
)
def test_refuses(model, y, message):
    X = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match=message):
        LocalExpertStack(model).fit(X, y)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"others": [1]}, r"`others\[0\]` must be a regressor; got int"),
        (
            {"others": [LinearRegression(), LogisticRegression()]},
            r"`others\[1\]` must be a regressor; got LogisticRegression. .* 0 and 1",
        ),
        ({"estimator": StandardScaler()}, "`estimator` must be a model; got Standard"),
    ],
)
def test_refuses_what_is_no_model_of_numbers(given, message):
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = LocalExpertStack(LinearRegression()).set_params(**given)
    with pytest.raises(TypeError, match=message):
        model.fit(X, X[:, 0])


def test_refuses_no_jobs_before_any_fit():
    X = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match="`n_jobs` must"):
        LocalExpertStack(LinearRegression(), n_jobs=0).fit(X, X[:, 0])


def test_takes_a_stack_which_has_no_predict_before_it_is_fitted():
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = StackingRegressor([("line", LinearRegression())], LinearRegression(), cv=2)
    fitted = LocalExpertStack(model, others=[], cv=2, n_rounds=0).fit(X, X[:, 0])
    assert_allclose(fitted.predict(X), X[:, 0], atol=1e-6)


def test_labels_are_taken_and_not_used():
    frame, _, y, _ = planted(300, 16)
    X = without_sex(frame)
    model = LocalExpertStack(LinearRegression(), others=[], cv=2, random_state=0)
    alone, told = (
        clone(model).fit(X, y, **given).predict(X)
        for given in ({}, {"subgroups": frame["sex"]})
    )
    assert_array_equal(alone, told)


def test_a_search_exchanges_it_for_a_remedy_that_needs_labels():
    frame, _, y, _ = planted(200, 20)
    published = SubgroupOversampler(LinearRegression(), measured_on="train")
    stack = LocalExpertStack(LinearRegression(), others=[], cv=2, n_rounds=0)
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            Pipeline([("remedy", published)]),
            {"remedy": [published, stack]},
            cv=2,
            error_score="raise",
        ).fit(without_sex(frame), y, subgroups=frame["sex"])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.slow
@parametrize_with_checks(
    [
        LocalExpertStack(LinearRegression(), cv=2, n_rounds=1),
        LocalExpertStack(LogisticRegression(), cv=2, n_rounds=1),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@parametrize_with_checks([LocalExpertStack(LinearRegression(), cv=2, others=[])])
def test_scikit_learn_checks_without_others(estimator, check):
    check(estimator)


# ---- whether it helps ------------------------------------------------------------
@pytest.mark.slow
def test_on_a_cohort_the_planted_gain_and_others_lose_no_more_than_the_tolerance():
    # A linear model is nearly right for everybody else here, and 8,000 rows are few:
    # the hardest case for "nobody worse off", which is not reached to the letter.
    train, test = (
        make_health_cohort(n, strength="strong", population=50, random_state=seed)
        for n, seed in ((8_000, 1), (20_000, 2))
    )
    plain = make_pipeline(StandardScaler(), LinearRegression()).fit(train.X, train.y)
    remedy = LocalExpertStack(clone(plain), random_state=0).fit(train.X, train.y)
    before, after = plain.predict(test.X), remedy.predict(test.X)
    reducible = [(p - test.conditional_mean) ** 2 for p in (before, after)]
    planted = test.membership[:, :4].any(axis=1)
    noise = test.attainable_error**2
    closed = 1 - reducible[1][planted].mean() / reducible[0][planted].mean()
    rmse = [np.sqrt((part + noise)[~planted].mean()) for part in reducible]
    change = rmse[1] / rmse[0] - 1
    print(f"closed for the planted {closed:.2f}, RMSE of the rest {100 * change:+.2f}%")
    assert closed > 0.25
    assert change < 0.005
    result = no_harm_test(test.y, before, after, subgroups=planted, random_state=0)
    assert "everybody" in result.improved
