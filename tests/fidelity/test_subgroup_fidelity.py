"""The table: laws, verdicts worked out, false alarms, bad input."""

import pickle
import warnings
from zlib import crc32

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, gammaln
from scipy.stats import t as student
from sklearn.metrics import median_absolute_error, root_mean_squared_error

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import QuantileBands, SubgroupTable, subgroup_fidelity
from sklearn_equity.fidelity._metrics import resolve_metric
from sklearn_equity.fidelity._pooled_shape import pooled_pivots
from sklearn_equity.fidelity._population import Population
from sklearn_equity.fidelity._verdicts import (
    Measured,
    compare_with_average,
    guarded_errors,
    shrink,
)

FIGURES = ("n", "weight", "estimate", "std_error", "ci_low", "ci_high", "shrunken")


def cohort(seed=0, sizes=(300, 200, 120, 12), scales=(3.0, 3.0, 9.0, 9.0)):
    rng = np.random.default_rng(seed)
    ward = np.repeat([*"nesw"][: len(sizes)], sizes)
    y_true = rng.uniform(30, 60, len(ward))
    y_pred = y_true + rng.normal(size=len(ward)) * np.repeat(scales, sizes)
    return y_true, y_pred, ward


def audit(y_true, y_pred, subgroups, **options):
    options = {"n_resamples": 200, "random_state": 0, **options}
    return subgroup_fidelity(y_true, y_pred, subgroups=subgroups, **options)


def assert_same_figures(table, other, rtol=1e-12):
    for name in FIGURES:
        assert_allclose(getattr(table, name), getattr(other, name), rtol=rtol)
    assert table.verdict == other.verdict


# ---- what a table says ---------------------------------------------------------------
def test_subgroups_planted_worse_are_found_and_small_ones_left_open():
    table = audit(*cohort())
    assert table.subgroup == ("e", "n", "s", "w")
    assert_array_equal(table.n, [200, 300, 120, 12])
    assert table.verdict == (
        "served",
        "served",
        "under-served",
        "insufficient evidence",
    )
    assert np.isfinite(table.estimate).all()


def test_figures_of_everybody_stand_beside():
    y_true, y_pred, ward = cohort()
    table = audit(y_true, y_pred, ward, metric="rmse")
    expected = root_mean_squared_error(y_true, y_pred)
    assert_allclose(table.overall.estimate, expected)
    assert (table.overall.n, table.overall.weight) == (632, 632.0)
    assert table.overall.ci_low < expected < table.overall.ci_high


@pytest.mark.parametrize("metric", ["r2", "nrmse", "mae"])
def test_intervals_contain_the_estimate_and_errors_are_positive(metric):
    table = audit(*cohort(), metric=metric)
    assert (table.ci_low < table.estimate).all()
    assert (table.estimate < table.ci_high).all()
    assert (table.std_error > 0).all()


def test_higher_is_better_turns_the_verdict_round():
    y_true, y_pred, ward = cohort()
    table = audit(y_true, y_pred, ward, metric="r2")
    assert table.greater_is_better
    assert table.verdict[2] == "under-served"
    assert table.worst().subgroup in {("s",), ("w",)}


@pytest.mark.parametrize("direction", [1, -1])
def test_a_bias_is_worse_on_either_side(direction):
    y_true, y_pred, ward = cohort(scales=(3, 3, 3, 3))
    y_pred = y_pred + direction * 4.0 * (ward == "s")
    table = audit(y_true, y_pred, ward, metric="bias")
    assert table.verdict[2] == "under-served"
    assert "under-served" not in (table.verdict[0], table.verdict[1])
    assert table.worst().subgroup == ("s",)


def test_a_wider_tolerance_serves_more():
    y_true, y_pred, ward = cohort(sizes=(100,) * 4, scales=(3.0, 3.2, 3.1, 3.0))
    counts = [
        audit(y_true, y_pred, ward, tolerance=tolerance).verdict.count("served")
        for tolerance in (0.0, 0.2, 0.5)
    ]
    assert counts == sorted(counts)
    assert counts[-1] == 4


def test_more_groupings_make_every_call_harder():
    y_true, y_pred, ward = cohort(sizes=(60,) * 4, scales=(3.0, 3.0, 3.0, 4.2))
    noise = {
        f"coin {i}": np.random.default_rng(i).integers(0, 6, len(ward))
        for i in range(30)
    }
    alone = audit(y_true, y_pred, {"ward": ward})
    among_many = audit(y_true, y_pred, {"ward": ward, **noise})
    assert alone.verdict[3] == "under-served"
    assert among_many.select("ward").verdict[3] != "under-served"
    assert_allclose(among_many.select("ward").ci_low, alone.ci_low)


def test_the_rule_says_what_was_done():
    rule = audit(*cohort(), tolerance=0.25, confidence_level=0.9).rule
    for words in ("at least 30 rows", "at most 10%", "any of the 3 subgroups", "25%"):
        assert words in rule


def test_names_of_columns_need_the_table():
    y_true, y_pred, ward = cohort()
    for given in (
        {"y_true": "hba1c", "y_pred": "predicted", "subgroups": "ward"},
        {"y_true": y_true, "y_pred": y_pred, "subgroups": "ward"},
        {"y_true": y_true, "y_pred": y_pred, "subgroups": ward, "sample_weight": "w"},
    ):
        with pytest.raises(TypeError, match="Names of columns need `data=`"):
            subgroup_fidelity(**given)


@pytest.mark.parametrize("weighted", [False, True])
def test_one_score_a_row_is_no_metric_without_saying_so(weighted):
    def absolute_error(y_true, y_pred, sample_weight=None):
        return np.abs(y_true - y_pred)

    y_true, y_pred, ward = cohort()
    weight = np.ones(len(y_true)) if weighted else None
    with pytest.raises(TypeError, match=r"'absolute_error'.* per_row=True\)\?"):
        subgroup_fidelity(
            y_true, y_pred, subgroups=ward, metric=absolute_error, sample_weight=weight
        )


def test_no_subgroup_large_enough_leaves_all_open():
    table = audit(*cohort(sizes=(20, 20, 20, 20)))
    assert set(table.verdict) == {"insufficient evidence"}
    assert np.isfinite(table.shrunken).all()


# ---- laws ----------------------------------------------------------------------------
def test_labels_in_another_order_give_the_same_rows():
    y_true, y_pred, ward = cohort()
    plain = audit(y_true, y_pred, ward)
    ordered = pd.Categorical(ward, categories=[*"wsen"])
    turned = audit(y_true, y_pred, pd.Series(ordered))
    assert turned.subgroup == ("w", "s", "e", "n")
    rows = [turned.subgroup.index(label) for label in plain.subgroup]
    for name in ("estimate", "std_error", "ci_low", "ci_high"):
        assert_array_equal(getattr(turned, name)[rows], getattr(plain, name))


def test_a_subgroup_does_not_depend_on_which_others_there_are():
    y_true, y_pred, ward = cohort()
    kept = ward != "n"
    whole = audit(y_true, y_pred, ward)
    part = audit(y_true[kept], y_pred[kept], ward[kept])
    for name in ("estimate", "std_error"):
        assert_array_equal(getattr(part, name), getattr(whole, name)[[0, 2, 3]])


def test_nor_do_its_intervals_unless_they_learn_the_shape_of_errors_from_others():
    y_true, y_pred, ward = cohort()
    kept = ward != "n"
    y_true, risk = 1.0 * (y_true > 45.0), np.clip(y_pred / 90.0, 0.01, 0.99)
    for metric, same in (("brier", True), ("mae", False)):
        whole = audit(y_true, risk, ward, metric=metric)
        part = audit(y_true[kept], risk[kept], ward[kept], metric=metric)
        assert_array_equal(part.ci_low == whole.ci_low[[0, 2, 3]], [same] * 3)
        assert_allclose(part.ci_low, whole.ci_low[[0, 2, 3]], rtol=0.2)


def test_row_order_changes_nothing_but_the_draws():
    y_true, y_pred, ward = cohort()
    order = np.random.default_rng(1).permutation(len(ward))
    plain = audit(y_true, y_pred, ward, n_resamples=4000)
    turned = audit(y_true[order], y_pred[order], ward[order], n_resamples=4000)
    assert_allclose(turned.estimate, plain.estimate, rtol=1e-12)
    assert_allclose(turned.std_error[:3], plain.std_error[:3], rtol=0.1)
    assert turned.verdict == plain.verdict


def test_equal_seeds_give_equal_tables_and_global_state_stays():
    state = np.random.mtrand._rand.get_state()[1].copy()
    first, second = audit(*cohort()), audit(*cohort())
    assert_same_figures(first, second, rtol=0)
    audit(*cohort(), random_state=None)
    assert_array_equal(np.random.mtrand._rand.get_state()[1], state)
    third = audit(*cohort(), random_state=np.random.RandomState(0))
    assert_same_figures(first, third, rtol=0)


def test_weight_zero_is_absence():
    y_true, y_pred, ward = cohort()
    weights = np.where(np.arange(len(ward)) % 3 == 0, 0.0, 1.5)
    weighted = audit(y_true, y_pred, ward, sample_weight=weights)
    kept = weights > 0
    without = audit(y_true[kept], y_pred[kept], ward[kept], sample_weight=weights[kept])
    assert_same_figures(weighted, without)
    assert_allclose(weighted.weight, 1.5 * weighted.n)


def test_equal_weights_are_no_weights():
    y_true, y_pred, ward = cohort()
    plain = audit(y_true, y_pred, ward)
    weighted = audit(y_true, y_pred, ward, sample_weight=np.full(len(ward), 4.0))
    for name in ("n", "estimate", "std_error", "ci_low", "ci_high", "shrunken"):
        assert_allclose(getattr(weighted, name), getattr(plain, name), rtol=1e-6)


def test_intersections_are_the_labels_joined():
    y_true, y_pred, ward = cohort()
    sex = np.random.default_rng(3).choice(["f", "m"], len(ward))
    table = audit(y_true, y_pred, pd.DataFrame({"ward": ward, "sex": sex}))
    joined = audit(
        y_true, y_pred, [f"{a} & {b}" for a, b in zip(ward, sex, strict=True)]
    )
    assert table.subgroup[0] == ("e", "f")
    assert set(table.grouping) == {"ward & sex"}
    assert_same_figures(table, joined)


def test_a_function_of_rows_gives_scikit_learns_values():
    y_true, y_pred, ward = cohort()
    table = audit(y_true, y_pred, ward, metric=median_absolute_error)
    for label, found in zip(table.subgroup, table.estimate, strict=True):
        rows = ward == label
        assert found == median_absolute_error(y_true[rows], y_pred[rows])
    assert table.metric == "median_absolute_error"
    assert table.verdict[2] == "under-served"


@pytest.mark.parametrize("normalization", ["std", "iqr", None, 40.0, np.median])
def test_normalization_is_that_of_the_subgroup(normalization):
    y_true, y_pred, ward = cohort()
    y_true, y_pred = y_true - 35, y_pred - 35
    table = audit(y_true, y_pred, ward, normalization=normalization, n_resamples=50)
    west = ward == "w"
    alone = audit(
        np.r_[y_true[west], y_true[west]],
        np.r_[y_pred[west], y_pred[west]],
        np.repeat([0, 1], west.sum()),
        normalization=normalization,
        n_resamples=50,
    )
    assert_allclose(table.estimate[3], alone.estimate[0])


def test_bands_keep_their_order():
    y_true, y_pred, _ = cohort()
    age = np.random.default_rng(0).integers(5, 120, len(y_true))
    labels = QuantileBands(4).fit(age).label(age)
    table = audit(y_true, y_pred, {"age": labels})
    starts = [int(str(label).split()[0]) for label in table.subgroup]
    assert starts == sorted(starts)


def test_resamples_without_a_value_are_no_obstacle():
    def median_of_shares_score(y_true, y_pred):
        if y_true.sum() < 3:
            raise ValueError("too few cases")
        return np.mean(y_true == y_pred)

    rng = np.random.default_rng(0)
    y_true = (np.arange(400) % 67 == 0).astype(float)  # six cases, three a subgroup
    y_true[:2] = 1.0
    y_pred = np.where(rng.random(400) < 0.8, y_true, 1.0 - y_true)
    table = audit(
        y_true, y_pred, np.repeat(["a", "b"], 200), metric=median_of_shares_score
    )
    assert np.isfinite(table.estimate).all()


# ---- missing labels ------------------------------------------------------------------
def test_missing_labels_are_refused_grouped_or_dropped():
    y_true, y_pred, ward = cohort()
    holes = np.where(np.arange(len(ward)) % 10 == 0, None, ward.astype(object))
    with pytest.raises(
        ValueError, match=r"must not have missing labels; got 64 of 632"
    ):
        audit(y_true, y_pred, holes)
    grouped = audit(y_true, y_pred, holes, missing="group")
    assert grouped.subgroup[-1] == "(missing)"
    assert grouped.n.sum() == 632
    dropped = audit(y_true, y_pred, holes, missing="drop")
    assert (dropped.n.sum(), dropped.overall.n) == (632 - 64, 632)


# ---- the table ---------------------------------------------------------------------
def test_frame_has_the_documented_columns():
    table = audit(*cohort())
    expected = [
        *("grouping", "subgroup", "n", "weight", "estimate", "std_error"),
        *("ci_low", "ci_high", "shrunken", "reference", "judged", "verdict"),
    ]
    frame = table.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == expected == list(table.to_columns())
    assert frame["subgroup"].tolist() == [*"ensw"]
    with sklearn.config_context(transform_output="polars"):
        assert isinstance(table.to_frame(), pl.DataFrame)


def test_whole_numbers_stay_numbers_and_mixtures_become_text():
    y_true, y_pred, ward = cohort()
    segment = np.arange(len(ward)) % 3
    assert audit(y_true, y_pred, segment).to_columns()["subgroup"] == [0, 1, 2]
    both = audit(y_true, y_pred, {"segment": segment, "ward": ward})
    assert both.to_columns()["subgroup"] == [*"012", *"ensw"]


def test_worst_ranks_by_the_shrunken_estimate():
    # Ten people with bad luck and two hundred that are served badly.
    y_true = np.full(410, 50.0)
    ward = np.repeat(["ok", "bad", "unlucky"], [200, 200, 10])
    rng = np.random.default_rng(0)
    error = rng.normal(size=410) * np.where(ward == "bad", 6.0, 2.0)
    error[-1] = 30.0
    table = audit(y_true, y_true + error, ward)
    assert table.subgroup[np.argmax(table.estimate)] == "unlucky"
    assert table.worst().subgroup == ("bad",)
    assert table.worst(5).subgroup[0] == "bad"
    assert len(table.worst(2)) == 2


def test_an_honest_estimate_lies_in_its_interval():
    outside = 0
    for seed in (4, 9):
        rng = np.random.default_rng(seed)
        ward = np.repeat(np.arange(40), 40)
        y_true = rng.uniform(30, 60, 1600)
        y_pred = y_true + rng.normal(size=1600) * np.where(ward < 2, 2.0, 1.0)
        options = {"metric": "rmse", "n_resamples": 100, "random_state": seed}
        table = audit(y_true, y_pred, ward, **options)
        outside += (table.shrunken < table.joint_low).sum()
        worst = table.worst(40)
        assert (worst.ci_low <= worst.estimate).all()
        assert (worst.estimate <= worst.ci_high).all()
    assert outside > 0  # or nothing was tested


def test_the_worst_is_honest_unless_asked_not_to_be():
    table = audit(*cohort())
    plain = table.worst(2, honest=False)
    honest = table.worst(2)
    rows = [table.subgroup.index(label) for label in honest.subgroup]
    assert plain.subgroup == honest.subgroup
    assert_array_equal(plain.estimate, table.estimate[rows])
    assert_array_equal(plain.ci_low, table.ci_low[rows])
    assert_array_equal(honest.estimate, table.shrunken[rows])
    assert (honest.ci_low < plain.ci_low).all()
    assert (honest.ci_high > plain.ci_high).all()
    assert "Picked as worst of 4" in honest.rule
    assert honest.verdict == plain.verdict


def test_simultaneous_intervals_are_those_of_the_corrected_level():
    # The reach to either side grows as Student's t does to the level .95 ** (1 / 4).
    y_true, y_pred, ward = cohort()
    single = audit(y_true, y_pred, ward, metric="bias")
    joint = audit(y_true, y_pred, ward, metric="bias", interval="simultaneous")
    together = (1 + 0.95 ** (1 / 4)) / 2
    freedom = single.n - 1
    stretch = student(freedom).ppf(together) / student(freedom).ppf(0.975)
    for end in ("ci_low", "ci_high"):
        reach = getattr(single, end) - single.estimate
        found = getattr(joint, end) - single.estimate
        assert_allclose(found, stretch * reach, rtol=1e-9)
    assert joint.verdict == single.verdict


def test_simultaneous_intervals_stay_within_the_range():
    rng = np.random.default_rng(4)
    ward = np.repeat(np.arange(8), 40)
    y_true = 1.0 * (rng.random(320) < 0.5)
    y_pred = np.where((rng.random(320) < 0.9) | (ward == 3), y_true, 1.0 - y_true)
    table = audit(y_true, y_pred, ward, metric="accuracy", interval="simultaneous")
    assert table.estimate[3] == 1.0
    assert (table.ci_low > 0.0).all()
    assert (table.ci_high <= 1.0).all()
    assert (table.ci_low <= table.estimate).all()


def test_too_few_of_a_class_are_not_judged():
    rng = np.random.default_rng(5)
    ward = np.repeat([*"abc"], 200)
    y_true = 1.0 * (rng.random(600) < 0.3)
    y_true[400:] = 1.0 * (np.arange(200) < 9)  # nine cases in the last
    risk = np.clip(0.3 + 0.2 * y_true + 0.2 * rng.normal(size=600), 0.01, 0.99)
    for metric, judged in (
        ("roc_auc", [True, True, False]),
        ("brier", [True, True, False]),
        ("log_loss", [True, True, False]),
        ("rmse", [True, True, True]),
    ):
        table = audit(y_true, risk, ward, metric=metric)
        assert table.judged.tolist() == judged
    classes = np.round(risk)
    specificity = audit(y_true, classes, ward, metric="specificity")
    sensitivity = audit(y_true, classes, ward, metric="sensitivity")
    assert specificity.judged.tolist() == [True, True, True]
    assert sensitivity.judged.tolist() == [True, True, False]


def test_attributes_and_their_pairs_are_groupings():
    y_true, y_pred, ward = cohort()
    rng = np.random.default_rng(3)
    people = pd.DataFrame({"ward": ward, "sex": rng.choice(["f", "m"], len(ward))})
    table = audit(y_true, y_pred, people, max_depth=2)
    assert list(dict.fromkeys(table.grouping)) == ["ward", "sex", "ward & sex"]
    assert len(table) == 4 + 2 + 8
    alone = audit(y_true, y_pred, people)
    assert_allclose(table.select("ward & sex").estimate, alone.estimate)


def test_coverage_of_intervals_takes_two_columns():
    y_true, y_pred, ward = cohort(sizes=(200, 200), scales=(3.0, 9.0))
    ends = np.column_stack([y_pred - 6.0, y_pred + 6.0])
    table = audit(y_true, ends, ward, metric="interval_coverage")
    inside = np.abs(y_true - y_pred) <= 6.0
    expected = [inside[ward == label].mean() for label in table.subgroup]
    assert_allclose(table.estimate, expected)
    assert table.verdict[0] == "under-served"
    for wrong in (y_pred, np.column_stack([ends, y_pred])):
        with pytest.raises(ValueError, match=r"`y_pred` must have 2 columns"):
            audit(y_true, wrong, ward, metric="interval_coverage")


def test_refused_selections():
    table = audit(*cohort())
    with pytest.raises(
        ValueError, match="`grouping` must be one of 'subgroups'; got 'sex'"
    ):
        table.select("sex")
    for k in (0, 1.5, True):
        with pytest.raises(
            ValueError, match="`k` must be a whole number of at least 1"
        ):
            table.worst(k)


def test_table_prints_every_subgroup_with_n_and_interval():
    table = audit(*cohort())
    text = str(table)
    assert text.splitlines()[0].split()[:3] == ["grouping", "subgroup", "n"]
    for i, label in enumerate(table.subgroup):
        line = text.splitlines()[1 + i]
        assert line.split()[1:3] == [label, f"{table.n[i]:,}"]
        assert table.verdict[i] in line
        assert f"{table.ci_low[i]:.4g} to {table.ci_high[i]:.4g}" in line
    assert "insufficient evidence" in text


def test_table_survives_pickling_and_cannot_be_changed():
    table = audit(*cohort())
    copy = pickle.loads(pickle.dumps(table))
    assert isinstance(copy, SubgroupTable)
    assert_same_figures(table, copy, rtol=0)
    with pytest.raises(AttributeError):
        table.metric = "other"


# ---- the parts of a verdict ----------------------------------------------------------
def test_shrinkage_worked_by_hand():
    # Half the people each, 1 from their mean, with variances 1: the squares average 1,
    # of which noise makes 1 / 2, so the variance between is (1 - 1 / 2) / (1 - 1 / 2),
    # and each keeps 1 / (1 + 1) of its distance.
    found = shrink(np.array([1.0, 3.0]), np.array([1.0, 1.0]), np.array([9, 9]))
    assert_allclose(found, [1.5, 2.5])


def test_the_variance_between_subgroups_is_found_on_average():
    rng = np.random.default_rng(20260801)
    n = np.array([40, 80, 160, 320, 40, 80, 160, 320])
    error = 3.0 / np.sqrt(n)
    kept = []
    for _ in range(2000):
        truth = rng.normal(5.0, 0.4, len(n))
        value = truth + error * rng.normal(size=len(n))
        found = shrink(value, error, n)
        kept.append(((value - truth) ** 2).sum() - ((found - truth) ** 2).sum())
    # Shrunken estimates are nearer the truth, and by much.
    assert np.mean(kept) > 5 * np.std(kept) / np.sqrt(len(kept))
    assert np.mean(kept) > 0.25 * (error**2).sum()


def test_equal_subgroups_shrink_to_the_average_person():
    estimate, error = np.array([1.0, 1.1, 0.8]), np.array([1.0, 0.5, 2.0])
    n = np.array([50, 200, 10])
    expected = (50 * 1.0 + 200 * 1.1 + 10 * 0.8) / 260
    assert_allclose(shrink(estimate, error, n), np.full(3, expected))


def test_a_subgroup_without_evidence_shrinks_fully():
    shrunken = shrink(
        np.array([1.0, 5.0, np.nan, 9.0]),
        np.array([0.1, 0.1, np.nan, np.nan]),
        np.array([50, 50, 0, 1]),
    )
    assert_allclose(shrunken[2:], [shrunken[2]] * 2)
    assert shrunken[0] < shrunken[2] < shrunken[1]


def test_standard_errors_are_raised_to_those_of_the_median_persons_subgroup():
    n = np.array([100, 1000, 400])
    error = np.array([0.01, 0.1, 0.2])  # a row's variance: .01, 10 and 16
    guarded = guarded_errors(n, error, np.array([True, True, True]))
    assert_allclose(guarded, [np.sqrt(10 / 100), 0.1, 0.2])


def test_shape_of_normal_errors_against_theory():
    """log RMSE has variance 1 / (2 n); the mean of the RMSE is that of a chi."""
    rng = np.random.default_rng(1908)
    labels = np.r_[np.zeros(20_000, dtype=int), np.repeat(np.arange(1, 101), 20)]
    y_true = rng.normal(36.0, 6.6, len(labels))
    pivots = pooled_pivots(
        resolve_metric("rmse"),
        Population(y_true, y_true + rng.normal(size=len(labels)), None),
        SubgroupCodes(labels, tuple(range(101)), "ward"),
        n_resamples=20_000,
        tail=0.025,
        rng=rng,
    )
    assert_allclose(pivots.per_row, 1 / 2, rtol=0.1)
    mean = np.sqrt(2 / 20) * np.exp(gammaln(21 / 2) - gammaln(20 / 2))
    assert_allclose(pivots.shortfall(np.array([20, 10**9])), [1 - mean, 0], atol=0.005)
    assert pivots.shortfall(np.array([20]))[0] > 0.005


def test_what_samples_fall_short_of_raises_the_average_alone():
    rng = np.random.default_rng(0)
    estimate, error = np.array([5.0, 6.0]), np.array([0.3, 0.3])
    shared = {"n": np.array([200, 200]), "estimate": estimate, "std_error": error}
    shared |= {"guarded": error, "skew": np.ones(2), "judged": np.full(2, True)}
    replicates = estimate[:, np.newaxis] + 0.3 * rng.normal(size=(2, 20_000))
    plain, raised = (
        compare_with_average(
            resolve_metric("mae"),
            Measured(**shared, replicates=replicates, shortfall=np.array(shortfall)),
            tolerance=0.0,
            rng=np.random.default_rng(1),
        )
        for shortfall in ([0.0, 0.0], [0.1, 0.3])
    )
    # By the mean of .1 and .3, of the standard error of half a difference.
    t = (0.5 - 0.2) / (np.sqrt(0.3**2 + 0.3**2) / 2)
    assert_allclose(raised.p_worse[1], student(199).sf(t), rtol=0.1)
    assert_array_equal(raised.p_not_worse, plain.p_not_worse)
    assert raised.reference == plain.reference == 5.5


def test_comparison_against_the_t_test_of_two_subgroups():
    # Of two alike in size, the average is their mean: half the difference, with half
    # its standard error.
    rng = np.random.default_rng(0)
    estimate, error = np.array([5.0, 6.0]), np.array([0.3, 0.3])
    measured = Measured(
        n=np.array([200, 200]),
        estimate=estimate,
        std_error=error,
        guarded=error,
        shortfall=np.zeros(2),
        skew=np.ones(2),
        replicates=estimate[:, np.newaxis] + 0.3 * rng.normal(size=(2, 20_000)),
        judged=np.array([True, True]),
    )
    found = compare_with_average(
        resolve_metric("mae"), measured, tolerance=0.0, rng=np.random.default_rng(1)
    )
    t = (6.0 - 5.0) / np.sqrt(0.3**2 + 0.3**2)
    assert_allclose(found.p_worse, student(199).sf([-t, t]), rtol=0.1)
    assert_allclose(found.p_not_worse, 1 - found.p_worse, rtol=1e-9)


def test_the_average_person_is_weighed_by_people_and_not_by_subgroups():
    """Four small subgroups, served alike badly, are worse than the half served well."""
    rng = np.random.default_rng(1959)
    ward = np.repeat([*"abcde"], [4000, 1000, 1000, 1000, 1000])
    y_true = rng.uniform(30, 60, size=8000)
    y_pred = y_true + rng.normal(size=8000) * np.where(ward == "a", 3, 4)
    table = audit(y_true, y_pred, ward, metric="rmse")
    assert table.verdict == ("served", *["under-served"] * 4)


def test_a_gap_that_is_shown_and_shown_to_be_small_is_served():
    rng = np.random.default_rng(1960)
    ward = np.repeat(["a", "b"], 40_000)
    y_true = rng.uniform(30, 60, size=80_000)
    y_pred = y_true + rng.normal(size=80_000) * np.where(ward == "a", 3.0, 3.15)
    table = audit(y_true, y_pred, ward, metric="rmse")
    assert table.ci_low[1] > table.ci_high[0]
    assert table.verdict == ("served", "served")
    strict = audit(y_true, y_pred, ward, metric="rmse", tolerance=0.0)
    assert strict.verdict == ("served", "under-served")


def test_reference_is_the_average_person_of_the_judged():
    y_true, y_pred = np.arange(100.0), np.arange(100.0)
    ward = np.repeat(["a", "b", "tiny"], [60, 36, 4])
    y_pred[:60] += np.tile([1.0, -1.0], 30)
    y_pred[60:] += np.tile([3.0, -3.0], 20)
    table = audit(y_true, y_pred, ward, metric="mae")
    assert_allclose(table.reference, (60 * 1.0 + 36 * 3.0) / 96)
    assert table.judged.tolist() == [True, True, False]


# ---- bad input ---------------------------------------------------------------------
GOOD = {
    "y_true": [1.0, 2.0, 3.0, 4.0],
    "y_pred": [1.0, 2.0, 3.0, 5.0],
    "subgroups": [*"aabb"],
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"y_pred": [1.0]},
            r"`y_pred` must have one value per row of `y_true` \(4\); got 1",
        ),
        (
            {"y_true": [1, 2, np.nan, 4]},
            "`y_true` must not hold missing.*NaN in 1 of 4",
        ),
        (
            {"y_pred": [np.nan, np.nan, 1, 2]},
            "`y_pred` must not hold missing.*NaN in 2 of 4",
        ),
        (
            {"y_true": [1, "x", 3, 4]},
            "`y_true` must hold numbers; got text in 1 of 4 rows",
        ),
        (
            {"subgroups": [*"aaaa"]},
            "`subgroups` must hold at least 2 different labels; got 1",
        ),
        (
            {"subgroups": [*"ab"]},
            r"`subgroups` must have one label per row.*\(4\); got 2",
        ),
        (
            {"subgroups": {}},
            "`subgroups` must hold at least one grouping; got an empty",
        ),
        (
            {"subgroups": {"sex": [*"ab"]}},
            r"`subgroups\['sex'\]` must have one label per row",
        ),
        (
            {"subgroups": {"sex": [*"aaaa"]}},
            r"`subgroups\['sex'\]` must hold at least 2",
        ),
        ({"metric": "rsme"}, '`metric` must be one of "accuracy".*got .rsme'),
        ({"normalization": "middle"}, "`normalization` must be one of"),
        ({"sample_weight": [1, 1, -1, 1]}, "`sample_weight` must not be negative"),
        (
            {"min_subgroup_size": 1},
            "`min_subgroup_size` must be a whole number of at least 2",
        ),
        (
            {"n_resamples": 10},
            "`n_resamples` must be a whole number of at least 50; got 10",
        ),
        ({"tolerance": -0.1}, "`tolerance` must be a number of at least 0; got -0.1"),
        ({"interval": "joint"}, '`interval` must be "single" or "simultaneous"; got'),
        (
            {"confidence_level": 95},
            "`confidence_level` must lie strictly between 0 and 1",
        ),
        ({"y_true": [-1.0, 2, 3, 4]}, "1 negative values in 4 rows"),
    ],
)
def test_refusals_name_the_argument(changed, message):
    arguments = {**GOOD, **changed}
    y_true, y_pred = arguments.pop("y_true"), arguments.pop("y_pred")
    with pytest.raises(ValueError, match=message):
        subgroup_fidelity(y_true, y_pred, **arguments)


def test_input_is_not_changed_and_read_only_works():
    arrays = cohort()
    for array in arrays:
        array.flags.writeable = False
    weights = np.ones(len(arrays[0]))
    weights.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audit(*arrays, metric="r2", sample_weight=weights)


def test_a_handful_of_rows_has_an_estimate_and_no_interval():
    rng = np.random.default_rng(1961)
    ward = np.repeat([*"abcd"], [300, 10, 9, 2])
    y_true = rng.uniform(30, 60, size=321)
    y_pred = y_true + rng.normal(size=321)
    for metric in ("rmse", "bias", "nrmse"):
        table = audit(y_true, y_pred, ward, metric=metric, interval="simultaneous")
        assert np.isfinite(table.estimate).all()
        known = [True, True, False, False]
        assert_array_equal(np.isfinite(table.ci_low + table.ci_high), known)
    right = audit(1.0 * (y_true > 45), 1.0 * (y_pred > 45), ward, metric="accuracy")
    assert np.isfinite(right.ci_low).all()  # Wilson's holds for any number of people


# ---- nobody differs ------------------------------------------------------------------
SIZES = {
    "2 of 30": [30] * 2,
    "2 of 300": [300] * 2,
    "30 and 1000": [30, 1000],
    "10 of 30": [30] * 10,
    "10, 30 to 1000": [30, 40, 50, 60, 80, 100, 150, 300, 600, 1000],
    "nine of 30, one of 1000": [30] * 9 + [1000],
    "50 of 30": [30] * 50,
    "50 of 100": [100] * 50,
}


def _errors(kind, n_rows, rng):
    errors = rng.normal(size=n_rows)
    if kind == "heavy-tailed":  # kurtosis 3 exp(4 * .76 ** 2) = 30, variance 1
        errors *= np.exp(0.76 * rng.normal(size=n_rows) - 0.76**2)
    return errors


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "heavy-tailed"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
def test_where_nobody_differs_hardly_a_run_calls_anybody_under_served(
    sizes, kind, request
):
    rng = np.random.default_rng(crc32(request.node.name.encode()))
    labels, alarms = np.repeat(np.arange(len(sizes)), sizes), 0
    n_runs = 500 if len(sizes) < 50 else 200  # which take as long
    for run in range(n_runs):
        y_true = rng.normal(36.0, 6.6, len(labels))
        y_pred = y_true + 6.0 * _errors(kind, len(labels), rng)
        table = audit(y_true, y_pred, labels, random_state=run, metric="rmse")
        alarms += "under-served" in table.verdict
    print(f"\n{kind}, {request.node.callspec.id}: false alarms {alarms / n_runs:.1%}")
    assert alarms / n_runs <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / n_runs)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "promised"), [("kurtosis 30", 0.06), ("rare", 0.10)])
def test_a_large_subgroup_beside_small_ones_of_heavier_tails(kind, promised):
    """All have one RMSE; of the rare errors, promised is what the Notes say, and more.

    The rare ones, 2% ten times as large (kurtosis 68), are seen by few small subgroups.
    """
    rng = np.random.default_rng(68)
    labels, n_runs, alarms = np.repeat(np.arange(21), [2000, *[50] * 20]), 80, 0
    for run in range(n_runs):
        error = rng.normal(size=3000)
        heavy = _errors("heavy-tailed", 3000, rng)
        if kind == "rare":
            scale = np.where(rng.random(3000) < 0.02, 10.0, 1.0)
            heavy = scale * rng.normal(size=3000) / np.sqrt(0.98 + 0.02 * 10.0**2)
        y_true = rng.uniform(30, 60, 3000)
        y_pred = y_true + np.where(labels == 0, error, heavy)
        table = audit(y_true, y_pred, labels, random_state=run, metric="rmse")
        alarms += "under-served" in table.verdict
    print(f"\nnormal beside {kind}: false alarms {alarms / n_runs:.1%}")
    assert alarms / n_runs <= promised + 2 * np.sqrt(promised * (1 - promised) / n_runs)


@pytest.mark.slow
@pytest.mark.parametrize("intercept", [-0.5, -3.0])  # 40% and 9% of cases
@pytest.mark.parametrize(
    "metric", ["roc_auc", "log_loss", "average_precision", "calibration_in_the_large"]
)
def test_false_alarms_of_risks(metric, intercept):
    rng = np.random.default_rng(crc32(f"{metric} {intercept}".encode()))
    labels, n_runs, alarms = np.repeat(np.arange(11), [1500, *[150] * 10]), 80, 0
    for run in range(n_runs):
        risk = expit(intercept + 1.5 * rng.normal(size=3000))
        y_true = 1.0 * (rng.random(3000) < risk)
        table = audit(
            y_true, risk, labels, random_state=run, metric=metric, n_resamples=100
        )
        alarms += "under-served" in table.verdict
    print(f"\n{metric}, intercept {intercept}: false alarms {alarms / n_runs:.1%}")
    assert alarms / n_runs <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / n_runs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "heavy-tailed"])
@pytest.mark.parametrize("n_rows", [100, 300, 1000])
def test_a_subgroup_at_the_tolerance_is_seldom_called_served(n_rows, kind):
    rng = np.random.default_rng(n_rows)
    labels, n_runs, wrong = np.repeat(np.arange(10), n_rows), 300, 0
    # A tenth worse than the average of ten that it is part of: r = 1.1 (9 + r) / 10.
    ratio = 9.9 / 8.9
    for run in range(n_runs):
        y_true = rng.normal(36.0, 6.6, len(labels))
        error = (
            6.0 * _errors(kind, len(labels), rng) * np.where(labels == 0, ratio, 1.0)
        )
        table = audit(y_true, y_true + error, labels, random_state=run, metric="rmse")
        wrong += table.verdict[0] == "served"
    print(f"\n{kind}, 10 of {n_rows}: wrongly served {wrong / n_runs:.1%}")
    assert wrong / n_runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_runs)


@pytest.mark.slow
def test_a_subgroup_30_percent_worse_is_found():
    rng = np.random.default_rng(30)
    found = {}
    for n_rows in (100, 300):
        labels, n_runs = np.repeat(np.arange(10), n_rows), 200
        for _ in range(n_runs):
            y_true = rng.normal(36.0, 6.6, len(labels))
            error = rng.normal(size=len(labels)) * np.where(labels == 0, 7.8, 6.0)
            table = audit(y_true, y_true + error, labels, metric="rmse")
            found[n_rows] = found.get(n_rows, 0) + (table.verdict[0] == "under-served")
        print(f"\n30% worse among 10 of {n_rows}: found {found[n_rows] / n_runs:.1%}")
    assert found[100] / 200 >= 0.5
    assert found[300] / 200 >= 0.95


def test_labels_in_another_order_are_refused_not_misread():
    """Rows are taken by position: a shuffled Series would change every verdict."""
    y_true = pd.Series(np.linspace(30, 60, 80), index=np.arange(80) + 5)
    ward = pd.Series(np.resize(["east", "west"], 80), index=y_true.index)
    shuffled = ward.sample(frac=1, random_state=0)
    with pytest.raises(
        ValueError, match=r"`subgroups` and `y_true` have different ind"
    ):
        subgroup_fidelity(y_true, y_true + 1, subgroups=shuffled)
    with pytest.raises(ValueError, match=r"`subgroups\['ward'\]` and `y_true`"):
        subgroup_fidelity(y_true, y_true + 1, subgroups={"ward": shuffled})
    by_position = subgroup_fidelity(y_true, y_true + 1, subgroups=ward.to_numpy())
    assert by_position.n.tolist() == [40, 40]
