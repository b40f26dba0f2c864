"""Rules: found where planted, honest about chance, at home in scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import mannwhitneyu, t
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_equity import (
    RuleScanner,
    SubgroupOversampler,
    audit,
    equity_scorer,
    make_health_cohort,
)
from sklearn_equity.discovery._items import Item
from sklearn_equity.discovery._rule_choice import choose_rules, rows_of
from sklearn_equity.discovery._rule_evidence import measure_rules
from sklearn_equity.discovery._rule_scanner import NO_RULE


def _people(n_rows=3000, seed=0, factor=3.0):
    """Draw people of whom smokers from 60 years have larger errors."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "age": rng.uniform(40, 70, size=n_rows),
            "smoker": rng.choice(["no", "yes"], p=[0.6, 0.4], size=n_rows),
            "income": np.where(
                rng.random(n_rows) < 0.2, np.nan, rng.normal(size=n_rows)
            ),
            "asthma": rng.random(n_rows) < 0.3,
        }
    )
    failed = (people["age"] >= 60) & (people["smoker"] == "yes")
    return people, rng.exponential(np.where(failed, factor, 1.0)), failed.to_numpy()


@pytest.fixture(scope="module")
def fitted():
    people, errors, failed = _people()
    return RuleScanner(max_depth=3, random_state=0).fit(people, errors), people, failed


# ---- laws -----------------------------------------------------------------------
# Labels are texts, which scikit-learn's checks compare as if they were numbers. What
# these checks ask for is tested below, text by text.
_COMPARED_AS_NUMBERS = (
    *("check_estimators_pickle", "check_methods_sample_order_invariance"),
    *("check_methods_subset_invariance", "check_fit_idempotent"),
)


@parametrize_with_checks(
    [RuleScanner(random_state=0), RuleScanner(min_subgroup_size=5, holdout=0)],
    expected_failed_checks=lambda _: dict.fromkeys(
        _COMPARED_AS_NUMBERS, "labels are texts"
    ),
)
def test_scikit_learn_compatible(estimator, check):
    check(estimator)


def test_labels_are_the_first_rules_met_and_scores_follow_them(fitted):
    scanner, people, _ = fitted
    met = scanner.transform(people).astype(bool)
    texts = scanner.get_feature_names_out()
    excess = [rule.expected_excess for rule in scanner.rules_]
    assert excess == sorted(excess, reverse=True)
    for row, label, score in zip(
        met, scanner.predict(people), scanner.score_samples(people), strict=True
    ):
        first = int(np.argmax(row)) if row.any() else None
        assert label == ("no rule" if first is None else texts[first])
        more = 0.0 if first is None else excess[first]
        assert score == pytest.approx(scanner.mean_loss_ + more)


def test_the_text_of_a_rule_says_who_meets_it(fitted):
    scanner, people, _ = fitted
    met = scanner.transform(people)
    for rule, inside in zip(scanner.rules_, met.T, strict=True):
        said = np.ones(len(people), dtype=bool)
        for condition in rule.text.split(" and "):
            name, sign, value = condition.split(" ", 2)
            column = people[name]
            said &= {
                ">=": lambda c, v: c >= float(v),
                "<": lambda c, v: c < float(v),
                "=": lambda c, v: c.astype(str) == v,
                "is": lambda c, v: c.isna(),
            }[sign](column, value).to_numpy()
        np.testing.assert_array_equal(inside, said)


def test_labels_of_some_rows_in_another_order_are_those_of_all(fitted):
    scanner, people, _ = fitted
    order = np.random.default_rng(0).permutation(len(people))[:500]
    some = people.iloc[order]
    for method in ("predict", "transform", "score_samples"):
        everybody = getattr(scanner, method)(people)
        np.testing.assert_array_equal(getattr(scanner, method)(some), everybody[order])


def test_fitting_again_changes_nothing():
    people, errors, _ = _people(n_rows=800)
    scanner = RuleScanner(max_depth=2, random_state=0).fit(people, errors)
    labels = scanner.predict(people)
    np.testing.assert_array_equal(scanner.fit(people, errors).predict(people), labels)


def test_equal_seeds_give_equal_rules_and_input_is_left_alone():
    people, errors, _ = _people(n_rows=800)
    before = people.copy()
    errors.flags.writeable = False
    one, other = (
        RuleScanner(max_depth=2, random_state=3).fit(people, errors) for _ in range(2)
    )
    assert one.candidates_ == other.candidates_
    pd.testing.assert_frame_equal(people, before)


def test_rules_do_not_depend_on_the_unit_of_the_loss():
    people, errors, _ = _people(n_rows=1500)
    one = RuleScanner(max_depth=2, random_state=0).fit(people, errors)
    other = RuleScanner(max_depth=2, random_state=0).fit(people, 1024 * errors)
    assert [rule.text for rule in one.rules_] == [rule.text for rule in other.rules_]
    assert one.rules_[0].error_ratio == pytest.approx(other.rules_[0].error_ratio)
    assert other.rules_[0].expected_excess == pytest.approx(
        1024 * one.rules_[0].expected_excess
    )


# ---- found where planted --------------------------------------------------------
def test_a_planted_conjunction_is_found_in_words(fitted):
    scanner, people, failed = fitted
    worst = scanner.transform(people)[:, 0].astype(bool)
    assert (worst & failed).sum() / (worst | failed).sum() > 0.9
    assert {item.column for item in scanner.rules_[0].items} == {0, 1}
    assert scanner.rules_[0].q_value < 1e-6
    assert scanner.is_exhaustive_


def test_missing_values_can_be_a_rule():
    people, _, _ = _people()
    lost = people["income"].isna()
    errors = np.random.default_rng(5).exponential(np.where(lost, 3.0, 1.0))
    scanner = RuleScanner(max_depth=2, random_state=0).fit(people, errors)
    assert scanner.rules_[0].text == "income is missing"
    np.testing.assert_array_equal(scanner.transform(people)[:, 0], lost)


def test_an_interval_is_two_conditions_on_a_column():
    rng = np.random.default_rng(0)
    age = rng.uniform(0, 100, size=3000)
    errors = rng.exponential(np.where((age >= 40) & (age < 60), 4.0, 1.0))
    scanner = RuleScanner(max_depth=2, max_rules=1, random_state=0)
    (rule,) = scanner.fit(age[:, None], errors).rules_
    low, high = sorted(item.value for item in rule.items)
    assert low == pytest.approx(40, abs=1)
    assert high == pytest.approx(60, abs=1)
    assert rule.text.startswith("x0 >= ")


def test_cuts_move_to_where_losses_change():
    rng = np.random.default_rng(1)
    table = rng.uniform(0, 1, size=(2000, 1))
    losses = rng.exponential(np.where(table[:, 0] >= 0.83, 5.0, 1.0))
    (rule,) = choose_rules(
        [(Item(0, "at_least", 0.5),)],
        table,
        losses,
        max_rules=5,
        min_size=20,
        max_overlap=0.5,
        least_score=2.0,
    )
    assert rule[0].value == pytest.approx(0.83, abs=0.005)


def test_a_second_subgroup_is_chosen_by_what_the_first_left_unexplained():
    rng = np.random.default_rng(2)
    table = (rng.random((3000, 3)) < 0.3).astype(float)
    first, second = table[:, 0] == 1, table[:, 1] == 1
    losses = rng.exponential(1 + 4.0 * first + 1.0 * second)
    equals = [Item(j, "equals", 1.0) for j in range(3)]
    candidates = [(equals[0],), (equals[0], equals[2]), (equals[1],)]
    rules = choose_rules(
        candidates,
        table,
        losses,
        max_rules=5,
        min_size=20,
        max_overlap=0.9,
        least_score=4.0,
    )
    assert rules == [(equals[0],), (equals[1],)]


# ---- honest figures -------------------------------------------------------------
def test_figures_of_a_rule_by_hand():
    losses = np.array([1.0] * 10 + [3.0, 4.0, 5.0, 4.0, 4.0])
    inside = np.arange(15) >= 10
    (rule,) = measure_rules([()], ["late"], [inside], losses, is_tested=True)
    assert (rule.n, rule.share, rule.mean_loss) == (5, 5 / 15, 4.0)
    assert rule.error_ratio == pytest.approx(4.0 / 2.0)
    # Influences on the gap of 2: 1 of each outside; -4, -2, 0, -2, -2 inside.
    of_means = t.sf(2 / np.sqrt(38 / 15**2 * 5 / 4), 4)
    assert rule.p_value == rule.q_value == pytest.approx(of_means)
    assert rule.ci_low < 2.0 < rule.ci_high
    assert 0 < rule.expected_excess < 4.0 - 2.0


def test_ranks_and_means_must_both_tell():
    rng = np.random.default_rng(8)
    inside = np.arange(2000) < 200
    alike = rng.exponential(size=2000)
    typical = np.where(inside, alike + 0.5, alike)
    typical[1995:] = 300.0  # five people outside decide the mean
    few = np.where(np.arange(2000) < 10, alike + 30.0, alike)  # ten inside do
    for losses in (typical, few):
        (rule,) = measure_rules([()], [""], [inside], losses, is_tested=True)
        assert rule.p_value > 0.05
    (rule,) = measure_rules([()], [""], [inside], alike * (1 + inside), is_tested=True)
    ranks = mannwhitneyu(alike[inside] * 2, alike[~inside], alternative="greater")
    assert ranks.pvalue <= rule.p_value < 1e-6


@pytest.mark.slow
def test_intervals_of_the_ratio_cover_the_truth():
    rng = np.random.default_rng(0)
    n_covered = 0
    for _ in range(1000):
        inside = rng.random(1000) < 0.1
        losses = rng.exponential(np.where(inside, 2.0, 1.0))
        (rule,) = measure_rules([()], [""], [inside], losses, is_tested=True)
        n_covered += rule.ci_low < 2.0 / 1.1 < rule.ci_high
    assert 0.93 <= n_covered / 1000 <= 0.97


def test_too_few_people_are_no_test():
    losses = np.arange(20.0)
    (rule,) = measure_rules([()], ["few"], [losses > 16], losses, is_tested=True)
    assert np.isnan(rule.p_value)
    assert rule.expected_excess == 0


def test_nobody_worse_served_gives_a_proper_answer():
    people, errors, _ = _people(n_rows=1000, factor=1.0, seed=1)
    scanner = RuleScanner(max_depth=2, random_state=0).fit(people, errors)
    assert scanner.rules_ == ()
    assert len(scanner.candidates_) > 0
    assert set(scanner.predict(people)) == {"no rule"}
    assert scanner.transform(people).shape == (1000, 0)
    assert "none of" in scanner.to_text()
    np.testing.assert_array_equal(scanner.score_samples(people), scanner.mean_loss_)


def test_equal_losses_give_no_rule():
    people, _, _ = _people(n_rows=300)
    assert RuleScanner(random_state=0).fit(people, np.ones(300)).candidates_ == ()


def test_without_holdout_nothing_is_tested():
    people, errors, _ = _people(n_rows=1000)
    scanner = RuleScanner(max_depth=2, holdout=0).fit(people, errors)
    assert len(scanner.rules_) == len(scanner.candidates_)
    assert all(np.isnan(rule.q_value) for rule in scanner.rules_)


@pytest.mark.slow
def test_errors_permuted_over_people_give_a_rule_in_five_per_cent_of_runs():
    people = make_health_cohort(1000, random_state=0).X
    rng = np.random.default_rng(0)
    n_found = 0
    for seed in range(200):
        errors = rng.exponential(size=1000)
        scanner = RuleScanner(
            max_depth=2, min_subgroup_size=30, max_rules=10, random_state=seed
        )
        n_found += len(scanner.fit(people, errors).rules_) > 0
    # 5% of 200 runs are 10; a true rate of 5% gives at most 16 in 97% of the cases.
    assert n_found <= 16


# ---- input, and other estimators ------------------------------------------------
def test_predictions_are_turned_into_losses():
    people, errors, _ = _people(n_rows=1000)
    truth = np.arange(1000.0)
    options = {"max_depth": 2, "random_state": 0}
    given = RuleScanner(**options).fit(people, truth, truth + errors)
    assert (
        given.rules_
        == RuleScanner(**options).fit(people, np.abs(truth - (truth + errors))).rules_
    )


def test_polars_and_pandas_give_the_same_rules(fitted):
    scanner, people, _ = fitted
    _, errors, _ = _people()
    frame = pl.from_pandas(people)
    other = RuleScanner(max_depth=3, random_state=0).fit(frame, errors)
    assert [rule.text for rule in other.rules_] == [r.text for r in scanner.rules_]


def test_a_label_never_seen_meets_no_rule(fitted):
    scanner, people, _ = fitted
    strangers = people.assign(smoker="pipe", age=65.0)
    assert not (scanner.predict(strangers) == scanner.rules_[0].text).any()


def test_a_label_never_seen_is_not_missing():
    rng = np.random.default_rng(7)
    ward = pd.Series(rng.choice(["a", "b"], size=600)).mask(rng.random(600) < 0.3)
    losses = rng.exponential(np.where(ward.isna(), 4.0, 1.0))
    scanner = RuleScanner(random_state=0).fit(ward.to_frame("ward"), losses)
    assert scanner.rules_[0].text == "ward is missing"
    told = scanner.predict(pd.DataFrame({"ward": ["moon", None]}))
    assert told.tolist() == [NO_RULE, "ward is missing"]


def test_table_and_text_say_the_same(fitted):
    scanner, _, _ = fitted
    table = scanner.to_frame()
    assert table["text"].tolist() == [rule.text for rule in scanner.rules_]
    assert scanner.to_text().splitlines()[0].startswith(table["text"][0] + ": n=")


def test_pickle_and_clone(fitted):
    scanner, people, _ = fitted
    again = pickle.loads(pickle.dumps(scanner))
    np.testing.assert_array_equal(again.predict(people), scanner.predict(people))
    assert not hasattr(clone(scanner), "rules_")


def _numbers():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(1200, 3))
    y = 30 + X[:, 0] + rng.normal(size=1200) * np.where(X[:, 1] > 0.6, 2.0, 0.3)
    model = LinearRegression().fit(X, y)
    scanner = RuleScanner(max_depth=2, max_rules=2, random_state=0)
    return X, y, model, scanner.fit(X, y, model.predict(X))


def test_audit_takes_its_rules_as_segments():
    X, y, model, scanner = _numbers()
    result = audit(model, X, y, segmenter=FrozenEstimator(scanner))
    assert set(result.fidelity.subgroup) >= {"no rule"}


def test_equity_scorer_takes_a_fitted_scanner():
    X, y, model, scanner = _numbers()
    score = equity_scorer("rmse", subgroups=scanner, aggregate="worst")(model, X, y)
    assert np.isfinite(score)


def test_oversampler_takes_a_frozen_scanner_and_no_other():
    X, y, _, scanner = _numbers()
    remedied = SubgroupOversampler(
        LinearRegression(), segmenter=FrozenEstimator(scanner), random_state=0
    ).fit(X, y)
    assert len(remedied.under_served_) > 0
    with pytest.raises(ValueError, match="takes a fitted one: FrozenEstimator"):
        SubgroupOversampler(LinearRegression(), segmenter=RuleScanner()).fit(X, y)


# ---- refusals -------------------------------------------------------------------
def test_losses_of_other_people_are_refused():
    people, errors, _ = _people(n_rows=100)
    with pytest.raises(ValueError, match=r"`y` must have one value per row of `X`"):
        RuleScanner().fit(people, errors[:-1])


def test_one_row_is_refused():
    with pytest.raises(ValueError, match=r"at least 2 rows.*n_samples = 1"):
        RuleScanner().fit([[1.0, 2.0]], [1.0])


def test_rules_are_conjunctions():
    table = np.array([[1.0, 5.0], [2.0, np.nan], [3.0, 7.0]])
    rule = (Item(0, "at_least", 2.0), Item(1, "missing"))
    assert rows_of(rule, table).tolist() == [False, True, False]
