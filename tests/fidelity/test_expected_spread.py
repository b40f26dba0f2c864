"""Do intervals of probabilities' scores allow for a rare outcome that few have met?"""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit

from sklearn_equity import AuditAccumulator, fidelity_of_table, subgroup_fidelity

LINE = {
    "brier": (lambda v: np.log(v / (1 - v)), lambda u: 1 / (1 + np.exp(-u))),
    "log_loss": (np.log, np.exp),
}
SLOPE = {"brier": lambda v: 1 / (v * (1 - v)), "log_loss": lambda v: 1 / v}


def score(metric, outcome, probability):
    if metric == "brier":
        return (outcome - probability) ** 2
    return -np.log(np.where(outcome == 1, probability, 1 - probability))


def people(n_rows, seed=20261130):
    """Draw right probabilities of an outcome that 1 in 20 has."""
    rng = np.random.default_rng(seed)
    probability = np.clip(rng.beta(0.5, 9.5, n_rows), 1e-6, 1 - 1e-6)
    outcome = (rng.random(n_rows) < probability).astype(float)
    return outcome, probability


def by_hand(metric, outcome, probability, weight=None):
    """Add 100 people to the variance who stray as their probabilities say."""
    weight = np.ones(len(outcome)) if weight is None else weight
    n, share = len(outcome), weight / weight.sum()
    scores = score(metric, outcome, probability)
    mean = share @ scores
    own = (share**2) @ (scores - mean) ** 2
    one, zero = (score(metric, np.full(n, y), probability) for y in (1, 0))
    first = share @ (probability * one + (1 - probability) * zero)
    second = share @ (probability * one**2 + (1 - probability) * zero**2)
    expected = (second - first**2) * (share @ share)
    error = np.sqrt(max(own, (n * own + 100 * expected) / (n + 100)))
    to_line, from_line = LINE[metric]
    reach = stats.t(n - 1).ppf(0.975) * error * SLOPE[metric](mean)
    center = to_line(mean)
    return np.sqrt(own), from_line(center - reach), from_line(center + reach)


@pytest.mark.parametrize("metric", ["brier", "log_loss"])
@pytest.mark.parametrize("weighted", [False, True])
def test_intervals_are_those_by_hand(metric, weighted):
    outcome, probability = people(240)
    ward = np.repeat(["east", "west"], [40, 200])
    outcome[:40] = 0.0  # nobody of the small one has it
    weight = np.random.default_rng(1).uniform(0.5, 2, 240) if weighted else None
    table = {"y": outcome, "p": probability, "ward": ward, "w": weight}
    frame = pl.DataFrame({k: v for k, v in table.items() if v is not None}).lazy()
    from_engine = fidelity_of_table(
        frame,
        y_true="y",
        y_pred="p",
        subgroups="ward",
        metric=metric,
        sample_weight="w" if weighted else None,
        random_state=0,
    )
    seen = AuditAccumulator(metric=metric)
    seen.update(outcome, probability, ward, sample_weight=weight)
    seen = AuditAccumulator.from_bytes(seen.to_bytes())
    for found in (from_engine, seen.result(random_state=0)):
        for i, label in enumerate(("east", "west")):
            rows = ward == label
            own = None if weight is None else weight[rows]
            expected = by_hand(metric, outcome[rows], probability[rows], own)
            figures = found.std_error[i], found.ci_low[i], found.ci_high[i]
            assert_allclose(figures, expected, rtol=1e-6)
    from_rows = subgroup_fidelity(
        *(outcome, probability),
        subgroups=ward,
        metric=metric,
        sample_weight=weight,
        random_state=0,
    )
    # Of whoever has not met the outcome, the rows tell no more than their sums.
    assert_allclose(from_rows.ci_low[0], from_engine.ci_low[0], rtol=1e-6)
    assert_allclose(from_rows.ci_high[0], from_engine.ci_high[0], rtol=1e-6)
    assert from_rows.ci_low[1] <= from_engine.ci_low[1] * (1 + 1e-6)
    assert from_rows.ci_high[1] >= from_engine.ci_high[1] * (1 - 1e-6)
    assert_allclose(from_rows.std_error, from_engine.std_error, rtol=0.1)


@pytest.mark.parametrize("metric", ["brier", "log_loss"])
def test_whoever_has_not_met_the_outcome_is_not_sure(metric):
    _, probability = people(100)
    ward = np.repeat(["east", "west"], 50)
    outcome = np.zeros(100)
    outcome[60] = 1.0
    found = AuditAccumulator(metric=metric).update(outcome, probability, ward)
    table = found.result(random_state=0)
    expected = score(metric, 1.0, probability[:50]) @ probability[:50] / 50
    assert table.ci_high[0] > 2.0 * (table.estimate[0] + table.std_error[0])
    assert table.ci_high[0] > expected  # what those who had it would have added


@pytest.mark.parametrize("metric", ["brier", "log_loss"])
def test_rows_that_are_all_alike_are_not_sure(metric):
    """Their scores have no spread; what 4 in 100 of them may yet have, has."""
    ward = np.repeat(["east", "west", "few"], [50, 50, 9])
    outcome, probability = np.zeros(109), np.full(109, 0.04)
    table = subgroup_fidelity(
        outcome, probability, subgroups=ward, metric=metric, random_state=0
    )
    one, zero = score(metric, np.array([1.0, 0.0]), 0.04)
    error = np.sqrt(100 / 150 * 0.04 * 0.96 * (one - zero) ** 2 / 50)
    reach = stats.t(49).ppf(0.975) * error * SLOPE[metric](zero)
    to_line, from_line = LINE[metric]
    ends = from_line(to_line(zero) + reach * np.array([-1.0, 1.0]))
    for label in ("east", "west"):
        i = table.subgroup.index(label)
        assert_allclose((table.ci_low[i], table.ci_high[i]), ends, rtol=1e-9)
        assert table.std_error[i] == 0.0
    few = table.subgroup.index("few")
    assert np.isnan([table.ci_low[few], table.ci_high[few]]).all()


@pytest.mark.parametrize("metric", ["brier", "log_loss"])
def test_probabilities_of_0_and_1_that_are_right_give_no_reason_to_doubt(metric):
    outcome = np.tile([0.0, 1.0], 50)
    ward = np.repeat(["east", "west"], 50)
    table = subgroup_fidelity(
        outcome, outcome, subgroups=ward, metric=metric, random_state=0
    )
    ends = np.array([table.ci_low, table.ci_high])
    if metric == "brier":
        assert np.isnan(ends).all()
    else:
        assert_allclose(ends, [table.estimate] * 2)


@pytest.mark.parametrize("metric", ["brier", "log_loss"])
def test_resamples_still_tell_of_what_predictions_do_not(metric):
    """Of 4 who had what nobody was to have, there could have been 1: nearer to 0."""
    ward = np.repeat([0, 1], 50)
    outcome = (np.arange(100) % 50 < 4).astype(float)
    table = {"y": outcome, "p": np.full(100, 0.002), "ward": ward}
    asked = {"subgroups": "ward", "metric": metric, "random_state": 0}
    frame = pl.DataFrame(table)
    rows = subgroup_fidelity("y", "p", data=frame, **asked)
    sums = subgroup_fidelity("y", "p", data=frame.lazy(), **asked)
    assert (rows.ci_low < 0.95 * sums.ci_low).all()
    assert (rows.ci_high >= sums.ci_high * (1 - 1e-6)).all()


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["brier", "log_loss"])
@pytest.mark.parametrize("size", [50, 100, 400])
def test_intervals_of_a_rare_outcome_hold_the_truth(metric, size):
    """By the scores alone 87 to 95% did. One standard error is .8 points."""
    outcome, probability = people(2_000_000)
    truth = score(metric, outcome, probability).mean()
    outcome, probability = people(800 * size, seed=size)
    seen = AuditAccumulator(metric=metric)
    for part in range(16):  # sixteen times fifty subgroups
        rows = slice(part * 50 * size, (part + 1) * 50 * size)
        labels = np.arange(50 * size) % 50 + 50 * part
        seen.update(outcome[rows], probability[rows], labels)
    found = seen.result(n_resamples=50, random_state=0)
    held = (found.ci_low <= truth) & (truth <= found.ci_high)
    assert held.mean() >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("intercept", [-4.25, -3.8])
@pytest.mark.parametrize("metric", ["brier", "log_loss"])
def test_intervals_from_rows_hold_the_truth_of_a_rare_outcome(metric, intercept):
    """By own rows alone 82 to 92% did. One standard error is .5 points."""
    rng = np.random.default_rng(20261201)

    def draw(n_rows):
        probability = expit(intercept + 1.5 * rng.normal(size=n_rows))
        return (rng.random(n_rows) < probability).astype(float), probability

    outcome, probability = draw(2_000_000)
    truth, share = score(metric, outcome, probability).mean(), outcome.mean()
    ward, below, above, n_runs = np.repeat(np.arange(20), 50), 0, 0, 100
    for run in range(n_runs):
        table = subgroup_fidelity(
            *draw(1000), subgroups=ward, metric=metric, n_resamples=400,
            random_state=run,
        )  # fmt: skip
        below += (truth < table.ci_low).mean() / n_runs
        above += (truth > table.ci_high).mean() / n_runs
    print(
        f"\n{metric}, {share:.1%} of 50 rows: covered {1 - below - above:.1%} of "
        f"{20 * n_runs:,}, truth below {below:.1%}, above {above:.1%}"
    )
    assert 0.93 <= 1 - below - above <= 0.99
    assert above <= 0.025  # the dangerous side: the model is worse than it says
