"""Is what some people propose true of others, however they are split?"""

import numpy as np
import pytest

from sklearn_equity.discovery._candidates import Candidate
from sklearn_equity.discovery._discovery_result import Finding
from sklearn_equity.discovery._person_loss import Answers
from sklearn_equity.discovery._rule_scanner import RuleScanner
from sklearn_equity.discovery._splits import Proposal, agree, try_split

_N = 20


def _proposal(text, people, *, strength=1.0, p=0.01, q=0.02, ratio=2.0):
    mask = np.isin(np.arange(_N), people)
    finding = Finding(text, "rules", len(people), 0.1, 1.0, ratio, 1.5, 2.5, p, q)
    candidate = Candidate(text, "rules", lambda X: mask)
    return Proposal(candidate, mask, np.arange(_N), strength, finding)


def test_the_share_of_splits_that_agrees_best_decides():
    q_values = [0.02, 0.001, 0.009, 0.004]
    splits = [[_proposal("a", range(10), q=q, p=q / 2)] for q in q_values]
    (found,) = agree(splits, max_overlap=0.5)
    # Over 1/4, 2/4, 3/4 and all of them: .004, .008, .012, .02; times 1 + log 5.
    assert found.finding.q_value == pytest.approx(2.6094379 * 0.004)
    assert found.finding.p_value == pytest.approx(2.6094379 * 0.002)


def test_a_split_that_proposes_nothing_like_it_counts_as_1():
    one = [_proposal("a", range(10), q=1e-9)]
    (found,) = agree([one, one, *[[]] * 8], max_overlap=0.5)
    assert found.finding.q_value == pytest.approx(2.6094379 * 5e-9)
    (found,) = agree([one, *[[]] * 9], max_overlap=0.5)  # one of ten is no fifth
    assert found.finding.q_value == 1.0


def test_the_worst_tenths_of_maps_are_one_proposal_whoever_is_in_them():
    splits = [[_proposal("expected", range(k, k + 3), q=0.002)] for k in (0, 5, 10)]
    assert len(agree(splits, max_overlap=0.5)) == 3
    for ((one,),) in zip(splits, strict=True):
        object.__setattr__(one.candidate, "is_only", True)
    (found,) = agree(splits, max_overlap=0.5)
    assert found.finding.q_value == pytest.approx(2.6094379 * 0.002)
    assert found.finding.also == ()


def test_what_was_not_tested_counts_as_1():
    splits = [[_proposal("a", range(3), q=np.nan, p=np.nan)]] * 3
    (found,) = agree(splits, max_overlap=0.5)
    assert found.finding.q_value == 1.0


def test_of_one_split_the_proposal_most_like_the_named_one_counts():
    split = [
        _proposal("named", range(10), strength=3.0, q=0.04, p=0.02, ratio=2.0),
        _proposal("like", range(7), strength=4.0, q=0.01, p=0.01, ratio=5.0),
    ]
    (found,) = agree([split, split], max_overlap=0.5)
    told = found.finding
    of = {"named": (2.0, 0.04, 0.02), "like": (5.0, 0.01, 0.01)}[told.text]
    agreed = (told.q_value / 2.6094379, told.p_value / 2.6094379)
    assert (told.error_ratio, *agreed) == pytest.approx(of)
    assert {told.text, *told.also} == {"named", "like"}


def test_figures_that_a_split_does_not_know_are_left_out_of_the_mean():
    splits = [[_proposal("a", range(10), ratio=ratio)] for ratio in (2.0, np.nan, 4.0)]
    (found,) = agree(splits, max_overlap=0.5)
    assert found.finding.error_ratio == 3.0


def test_whoever_shares_most_people_with_the_others_names_them():
    splits = [
        [_proposal("widest", range(12), strength=3.0)],
        [_proposal("middle", range(10), strength=1.0)],
        [_proposal("narrow", range(8), strength=2.0)],
    ]
    # Jaccard indices 10/12, 8/12 and 8/10: the middle one has the largest sum.
    (found,) = agree(splits, max_overlap=0.5)
    assert found.finding.text == "middle"
    assert found.finding.also == ("widest", "narrow")
    assert found.members.sum() == 10


def test_figures_are_means_over_the_splits_that_propose():
    splits = [
        [_proposal("a", range(10), ratio=2.0)],
        [_proposal("b", range(8), ratio=3.0, strength=0.5)],
        [_proposal("other", range(12, 20), ratio=9.0, strength=0.1)],
    ]
    found, other = agree(splits, max_overlap=0.5)
    assert (found.finding.text, found.finding.n) == ("a", 9)
    assert found.finding.error_ratio == pytest.approx(2.5)
    assert other.finding.error_ratio == 9.0
    assert found.finding.also == ("b",)


def test_who_shares_just_the_overlap_allowed_stays_apart():
    splits = [[_proposal("a", range(10))], [_proposal("b", range(5))]]
    assert len(agree(splits, max_overlap=0.5)) == 2  # 5 of 10 is no more than half
    assert len(agree(splits, max_overlap=0.49)) == 1


def test_overlaps_are_merged_before_anything_is_tested():
    """Copies of one subgroup would make the test of every other easier."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(400, 2))
    losses = rng.exponential(np.where(X[:, 0] > 1, 3.0, 1.0))
    answers = Answers.judge(losses, np.zeros(400), "absolute")
    halves = {"choosing": np.arange(200), "testing": np.arange(200, 400)}
    scanners = [RuleScanner(max_depth=1, min_subgroup_size=20, random_state=0)] * 3
    options = {"min_size": 20, "max_overlap": 0.5, **halves}
    thrice = try_split(scanners, X, answers, **options)
    once = try_split(scanners[:1], X, answers, **options)
    assert [one.finding.q_value for one in thrice] == [
        one.finding.q_value for one in once
    ]
    assert len(thrice[0].finding.also) >= 2
    assert np.array_equal(thrice[0].testing, halves["testing"])
