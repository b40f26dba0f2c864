"""Before and after on the same rows: who gained, who lost, how sure."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import bootstrap, ttest_rel

from sklearn_equity.remediation import fidelity_change, no_harm_test


def _two_models(n=400, seed=8421):
    """Return a truth, and predictions that differ by a little: most error is shared."""
    rng = np.random.default_rng(seed)
    y_true = 40 + rng.gamma(2.0, 3.0, n)
    before = y_true + rng.normal(0, 3, n)
    after = before + rng.normal(0, 0.5, n)
    subgroups = {"ward": np.repeat(["north", "south"], n // 2)}
    return y_true, before, after, subgroups


def test_the_first_row_is_everybody_and_the_rest_are_the_subgroups():
    y_true, before, after, subgroups = _two_models()
    found = fidelity_change(y_true, before, after, subgroups=subgroups, metric="rmse")
    assert found.subgroup == ("everybody", "north", "south")
    assert found.n.tolist() == [400, 200, 200]
    north = subgroups["ward"] == "north"
    assert_allclose(found.before[1], np.sqrt(np.mean((before - y_true)[north] ** 2)))
    assert_allclose(found.after[0], np.sqrt(np.mean((after - y_true) ** 2)))


def test_change_of_the_mean_absolute_error_against_a_paired_t_test():
    y_true, before, after, _ = _two_models()
    found = fidelity_change(y_true, before, after, subgroups={}, metric="mae")
    paired = ttest_rel(np.abs(after - y_true), np.abs(before - y_true))
    interval = paired.confidence_interval(0.95)
    assert_allclose(
        [found.ci_low[0], found.ci_high[0]], [interval.low, interval.high], rtol=1e-6
    )


def test_a_column_keeps_its_name():
    y_true, before, after, subgroups = _two_models()
    ward = subgroups["ward"]
    of_column = fidelity_change(
        y_true, before, after, subgroups=pd.Series(ward, name="ward")
    )
    assert of_column.grouping == ("everybody", "ward", "ward")
    of_array = fidelity_change(y_true, before, after, subgroups=ward)
    assert of_array.grouping == ("everybody", "subgroups", "subgroups")
    clash = fidelity_change(
        y_true, before, after, subgroups=pd.Series(ward, name="everybody")
    )
    assert clash.grouping == of_array.grouping


@pytest.mark.parametrize("metric", ["rmse", "nrmse"])
def test_standard_error_against_scipys_paired_bootstrap(metric):
    y_true, before, after, _ = _two_models()
    found = fidelity_change(y_true, before, after, subgroups={}, metric=metric)

    def change(truth, first, second, axis=-1):
        rmse = [np.sqrt(((p - truth) ** 2).mean(axis)) for p in (first, second)]
        divisor = truth.mean(axis) if metric == "nrmse" else 1.0
        return (rmse[1] - rmse[0]) / divisor

    resampled = bootstrap(
        (y_true, before, after),
        change,
        paired=True,
        vectorized=True,
        n_resamples=4000,
        method="percentile",
        random_state=np.random.default_rng(77),
    )
    assert_allclose(found.std_error[0], resampled.standard_error, rtol=0.06)


def test_change_of_r2_does_not_depend_on_the_origin():
    y_true, before, after, _ = _two_models()
    near, far = (
        fidelity_change(
            y_true + shift, before + shift, after + shift, subgroups={}, metric="r2"
        )
        for shift in (0.0, 1e6)
    )
    assert_allclose(far.change, near.change, rtol=1e-6)
    assert_allclose(far.std_error, near.std_error, rtol=1e-4)


def test_a_bias_that_changes_its_side_alone_helps_and_harms_nobody():
    rng = np.random.default_rng(2718)
    y_true = rng.normal(40, 6, 1000)
    noise = rng.normal(0, 3, 1000)
    found = fidelity_change(
        y_true,
        y_true + noise - 0.25,
        y_true + noise + 0.25,
        subgroups={},
        metric="bias",
    )
    assert_allclose(found.change, 0.5, atol=1e-9)
    assert found.verdict == ("no change shown",)


def test_swapping_the_models_turns_the_sign():
    y_true, before, after, subgroups = _two_models()
    there = fidelity_change(y_true, before, after, subgroups=subgroups)
    back = fidelity_change(y_true, after, before, subgroups=subgroups)
    assert_allclose(back.change, -there.change)
    assert_allclose(back.std_error, there.std_error)


def test_no_change_is_exactly_none():
    y_true, before, _, subgroups = _two_models()
    found = fidelity_change(y_true, before, before, subgroups=subgroups)
    assert_allclose(found.change, 0.0)
    assert set(found.verdict) == {"no change shown"}


def test_who_gained_and_who_lost_is_named():
    y_true, before, _, subgroups = _two_models()
    error = before - y_true
    shrink = np.where(subgroups["ward"] == "north", 0.5, 1.5)
    found = fidelity_change(
        y_true, before, y_true + error * shrink, subgroups=subgroups
    )
    assert found.verdict[1:] == ("better", "worse")
    assert "better, after correction for 3 comparisons: ward = north" in str(found)
    assert "worse, after correction for 3 comparisons: ward = south" in str(found)


def test_a_small_subgroup_is_not_judged():
    y_true, before, _, _ = _two_models()
    tiny = {"ward": ["tiny"] * 10 + ["large"] * 390}
    after = y_true + 0.1 * (before - y_true)
    found = fidelity_change(y_true, before, after, subgroups=tiny)
    assert dict(zip(found.subgroup, found.verdict, strict=True)) == {
        "everybody": "better",
        "large": "better",
        "tiny": "insufficient evidence",
    }


@pytest.mark.slow
def test_false_alarms_stay_at_the_stated_rate():
    """Twenty equal subgroups: anybody called better or worse is a false alarm."""
    rng = np.random.default_rng(31337)
    alarms = 0
    for _ in range(200):
        y_true = 40 + rng.normal(0, 6, 2000)
        shared = rng.normal(0, 3, 2000)
        before, after = (y_true + shared + rng.normal(0, 1, 2000) for _ in range(2))
        subgroups = {"ward": rng.integers(0, 20, 2000)}
        found = fidelity_change(y_true, before, after, subgroups=subgroups)
        alarms += bool({"better", "worse"} & set(found.verdict))
    # 5% of 200 is 10; one run in a thousand exceeds 20 by chance.
    assert alarms <= 20


def test_plain_labels_are_one_grouping():
    y_true, before, after, subgroups = _two_models()
    named = fidelity_change(
        y_true, before, after, subgroups={"subgroups": subgroups["ward"]}
    )
    plain = fidelity_change(y_true, before, after, subgroups=subgroups["ward"])
    assert str(plain) == str(named)
    with pytest.raises(ValueError, match=r"^`subgroups` must have one label per row"):
        fidelity_change(y_true, before, after, subgroups=["a"])


@pytest.mark.parametrize("kind", [np.asarray, pd.Series, pd.Categorical])
def test_classes_may_be_text(kind):
    truth = np.array(["ill", "well", "ill", "well"] * 25)
    before = np.repeat("well", 100)
    after = np.where(np.arange(100) % 4 == 1, "well", "ill")  # half of the well
    change = fidelity_change(
        kind(truth),
        kind(before),
        kind(after),
        subgroups=np.repeat("all", 100),
        metric="accuracy",
    )
    assert_allclose(change.before, 0.5)
    assert_allclose(change.after, 0.75)
    found = fidelity_change(
        kind(truth),
        kind(before),
        kind(after),
        subgroups=np.repeat("all", 100),
        metric="specificity",  # ill is class 0, the first in order: its share found
    )
    assert_allclose(found.before, 0.0)
    assert_allclose(found.after, 1.0)


def test_probabilities_are_compared_with_text_of_two_classes():
    truth = np.array(["no", "yes"] * 50)
    change = fidelity_change(
        truth,
        np.full(100, 0.5),
        np.where(truth == "yes", 0.9, 0.2),
        subgroups={},
        metric="brier",
    )
    assert_allclose([change.before[0], change.after[0]], [0.25, (0.01 + 0.04) / 2])


def test_the_no_harm_test_reads_text_alike_and_names_what_is_wrong():
    truth = np.array(["ill", "well"] * 100)
    other = truth[::-1].copy()
    ward = np.repeat(["north", "south"], 100)
    after = np.where(ward == "north", truth, other)
    options = {"metric": "accuracy", "random_state": 0}
    text = no_harm_test(truth, other, after, subgroups=ward, **options)
    numbers = [(labels == "well").astype(float) for labels in (truth, other, after)]
    assert str(text) == str(no_harm_test(*numbers, subgroups=ward, **options))
    assert text.improved == ("everybody", "subgroups = north")
    with pytest.raises(ValueError, match=r"^`subgroups` must have one label per row"):
        no_harm_test(truth, other, after, subgroups=ward[:-1], **options)
    with pytest.raises(ValueError, match="`missing` must be one of"):
        no_harm_test(truth, other, after, subgroups=ward, missing="foo", **options)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("nrmse", 'measures numbers, and the outcome holds classes.*"accuracy"'),
        (
            "balanced_accuracy",
            "is one of two classes; the outcome holds 3.*balanced_acc",
        ),
    ],
)
def test_metrics_that_do_not_fit_classes_are_refused_with_those_that_do(
    metric, message
):
    truth = np.array(["a", "b", "c"] * 30)
    with pytest.raises(ValueError, match=message):
        fidelity_change(truth, truth, truth, subgroups={}, metric=metric)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"after": [1.0]}, r"`after` must have one value per row of `y_true` \(400\)"),
        ({"metric": "roc_auc"}, "`metric` must follow from sums over rows"),
        ({"missing": "foo"}, '`missing` must be one of "raise", "group", "drop"; got'),
        ({"confidence_level": 95}, "`confidence_level` must lie strictly between"),
        ({"subgroups": {"ward": ["a"]}}, r"`subgroups\['ward'\]` must have one label"),
    ],
)
def test_refusals(change, message):
    y_true, before, after, subgroups = _two_models()
    options = {"before": before, "after": after, "subgroups": subgroups} | change
    with pytest.raises(ValueError, match=message):
        fidelity_change(y_true, **options)
