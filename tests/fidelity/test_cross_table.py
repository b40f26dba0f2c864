"""`cross_tabulate`: what it lays out, what it finds hidden, and its spreads by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from sklearn_equity.fidelity import cross_tabulate, subgroup_fidelity
from sklearn_equity.fidelity._heterogeneity import true_spread


def hidden_people(seed=0, n=2000, worse_by=2.0):
    """Draw people of whom women in segment 2 and men in segment 0 are served worse."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["female", "male"], size=n)
    segment = rng.integers(3, size=n)
    worse = ((sex == "female") & (segment == 2)) | ((sex == "male") & (segment == 0))
    y_true = 40.0 + rng.normal(size=n) * np.where(worse, 3.0 * worse_by, 3.0)
    return y_true, np.full(n, 40.0), sex, segment


@pytest.fixture(scope="module")
def crossed():
    y_true, y_pred, sex, segment = hidden_people()
    return cross_tabulate(
        y_true,
        y_pred,
        declared=pd.Series(sex, name="sex"),
        learnt=pd.Series(segment, name="segment"),
        n_resamples=200,
        random_state=0,
    )


def test_what_looking_at_sex_alone_hides(crossed):
    assert crossed.declared.verdict == ("served", "served")
    assert set(crossed.hidden().subgroup) == {("female", 2), ("male", 0)}
    assert crossed.within_declared.p_value < 0.01
    assert crossed.between_declared.p_value > 0.05
    # Within each sex two cells at 3/40 and one at 6/40: the squares about their mean
    # add up to (1/9 + 1/9 + 4/9) (3/40)^2, on two degrees of freedom.
    assert crossed.within_declared.ci_low < np.sqrt(1 / 3) * 3 / 40
    assert crossed.within_declared.ci_high > np.sqrt(1 / 3) * 3 / 40


def test_a_cell_is_the_fidelity_of_its_rows(crossed):
    y_true, y_pred, sex, segment = hidden_people()
    for i, declared in enumerate(["female", "male"]):
        for j in range(3):
            rows = (sex == declared) & (segment == j)
            rmse = np.sqrt(np.mean((y_true - y_pred)[rows] ** 2))
            assert crossed.matrix()[i, j] == pytest.approx(rmse / y_true[rows].mean())
            assert crossed.matrix("n")[i, j] == rows.sum()


def test_verdicts_are_corrected_for_everything_shown(crossed):
    y_true, y_pred, sex, segment = hidden_people()
    table = subgroup_fidelity(
        y_true,
        y_pred,
        subgroups={
            "sex": sex,
            "segment": segment,
            "sex & segment": pd.DataFrame({"sex": sex, "segment": segment}),
        },
        n_resamples=200,
        random_state=0,
    )
    assert crossed.cells.verdict == table.select("sex & segment").verdict
    assert crossed.cells.rule == table.rule


def test_a_combination_that_nobody_has_is_left_empty():
    y_true, y_pred, sex, segment = hidden_people()
    kept = ~((sex == "male") & (segment == 1))
    crossed = cross_tabulate(
        y_true[kept],
        y_pred[kept],
        declared=sex[kept],
        learnt=segment[kept],
        n_resamples=50,
    )
    assert len(crossed.cells) == 5
    assert np.isnan(crossed.matrix("estimate")[1, 1])
    assert crossed.matrix("n")[1, 1] == 0
    shown = repr(crossed)
    assert "nan" not in shown
    assert "A dash: nobody is there." in shown
    assert "[" not in shown


def test_small_cells_are_shown_but_are_no_part_of_a_spread():
    y_true, y_pred, sex, segment = hidden_people()
    segment = np.where(np.arange(len(sex)) < 20, 9, segment)
    crossed = cross_tabulate(
        y_true, y_pred, declared=sex, learnt=segment, n_resamples=50
    )
    assert len(crossed.cells) == 8
    assert crossed.within_declared.n_subgroups == 6
    row = repr(crossed).splitlines()[1]
    assert row.startswith("female")
    assert row.count("[") == 1  # the small cell alone
    assert "In brackets: too few people" in repr(crossed)
    assert "A dash" not in repr(crossed)


def test_nobody_hidden_prints_as_nobody():
    y_true, y_pred, sex, segment = hidden_people(worse_by=1.0)
    crossed = cross_tabulate(
        y_true, y_pred, declared=sex, learnt=segment, n_resamples=50, random_state=0
    )
    assert repr(crossed.hidden()) == f"Nobody ({crossed.cells.metric})."


def test_missing_labels_follow_the_policy():
    y_true, y_pred, sex, segment = hidden_people()
    sex = pd.Series(sex, name="sex").mask(np.arange(len(sex)) < 100)
    data = {"declared": sex, "learnt": segment, "n_resamples": 50}
    with pytest.raises(ValueError, match=r"'sex'.*100 of 2000"):
        cross_tabulate(y_true, y_pred, **data)
    grouped = cross_tabulate(y_true, y_pred, missing="group", **data)
    assert grouped.declared.subgroup == ("female", "male", "(missing)")
    dropped = cross_tabulate(y_true, y_pred, missing="drop", **data)
    assert dropped.cells.n.sum() == 1900
    assert dropped.cells.overall.n == 2000


def test_declared_intersections_and_frames():
    y_true, y_pred, sex, segment = hidden_people()
    ward = np.resize(["east", "west"], len(sex))
    declared = pd.DataFrame({"sex": sex, "ward": ward})
    crossed = cross_tabulate(
        y_true, y_pred, declared=declared, learnt=segment, n_resamples=50
    )
    frame = crossed.to_frame()
    assert list(frame.columns[:3]) == ["sex & ward", "learnt", "n"]
    assert frame["sex & ward"][0] == "female & east"
    assert len(frame) == 12


def test_names_must_differ_and_a_column_must_exist(crossed):
    y_true, y_pred, sex, segment = hidden_people()
    with pytest.raises(ValueError, match="must have different names; got 'a'"):
        cross_tabulate(
            y_true,
            y_pred,
            declared=pd.Series(sex, name="a"),
            learnt=pd.Series(segment, name="a"),
        )
    with pytest.raises(ValueError, match="`column` must be one of"):
        crossed.matrix("verdict")
    with pytest.raises(ValueError, match="`learnt` must hold at least 2"):
        cross_tabulate(y_true, y_pred, declared=sex, learnt=np.ones(2000))


def test_sentences_name_both_looks(crossed):
    by_sex, within, hidden = crossed.sentences()
    assert by_sex.startswith("By sex,")
    assert within.startswith("Within one and the same sex,")
    assert "female & 2" in hidden
    assert "male & 0" in hidden


# ---------------------------------------------------------------------------------
# True spreads
# ---------------------------------------------------------------------------------
def spread_of(x, s, stratum, confidence_level=0.95, n_draws=20_000):
    """Compare values with normal draws of equal ones."""
    draws = np.random.default_rng(1).normal(size=(n_draws, len(x))) * s
    return true_spread(
        np.vstack([x, draws]),
        np.tile(s, (1 + n_draws, 1)),
        np.asarray(stratum),
        confidence_level=confidence_level,
    )


def test_equal_errors_have_a_spread_by_theory():
    """Squares over the squared error have a noncentral chi-squared distribution."""
    x = np.array([1.0, 2.0, 4.0, 9.0])
    spread = spread_of(x, np.full(4, 2.0), [0, 0, 0, 0], 0.9)
    squares = 9.0 + 4.0 + 0.0 + 25.0  # about 4

    def end(share):
        return brentq(
            lambda t: ncx2.cdf(squares / 4, 3, 3 * t**2 / 4) - share, 1e-6, 20
        )

    assert spread.estimate == pytest.approx(np.sqrt(squares / 3 - 4.0), rel=0.01)
    assert spread.ci_low == pytest.approx(end(0.95), rel=0.03)
    assert spread.ci_high == pytest.approx(end(0.05), rel=0.03)
    assert spread.p_value == pytest.approx(chi2.sf(squares / 4, 3), rel=0.1)


def test_two_subgroups_differ_by_as_much_as_a_normal_interval_says():
    """Far from equal, the ends are the gap, less and more 1.96 errors, over root 2."""
    s = np.array([0.3, 0.4])
    spread = spread_of(np.array([5.0, 9.0]), s, [0, 0])
    ends = (4.0 + np.array([-1.96, 1.96]) * np.sqrt(s @ s)) / np.sqrt(2.0)
    assert spread.ci_low == pytest.approx(ends[0], rel=0.01)
    assert spread.ci_high == pytest.approx(ends[1], rel=0.01)


def test_strata_have_their_own_means_and_lone_values_tell_nothing():
    x = np.array([1.0, 3.0, 11.0, 15.0, 100.0])
    spread = spread_of(x, np.ones(5), [0, 0, 1, 1, 2])
    squares = 1.0 + 1.0 + 4.0 + 4.0  # about 2 and about 13
    assert spread.estimate == pytest.approx(np.sqrt(squares / 2 - 1.0), rel=0.01)


def test_values_nearer_than_their_errors_have_no_spread():
    x = np.array([1.0, 1.1, 0.9])
    spread = spread_of(x, np.ones(3), [0, 0, 0], n_draws=500)
    assert spread.estimate == spread.ci_low == 0.0
    assert spread.p_value > 0.9
    alone = spread_of(x, np.ones(3), [0, 1, 2], n_draws=500)
    assert np.isnan(alone.estimate)


def test_a_metric_of_rows_has_spreads_too():
    rng = np.random.default_rng(3)
    y_true, sex = np.tile([0.0, 1.0], 400), np.repeat(["f", "m"], 400)
    score = y_true + rng.normal(size=800) * np.where(sex == "f", 0.4, 2.0)
    crossed = cross_tabulate(
        y_true,
        score,
        declared=sex,
        learnt=np.arange(800) // 2 % 2,
        metric="roc_auc",
        n_resamples=100,
        random_state=0,
    )
    between = crossed.between_declared
    gap = float(np.diff(crossed.declared.estimate)[0]) / np.sqrt(2.0)
    assert between.p_value == 1 / 1001
    assert between.ci_low < abs(gap) < between.ci_high < 2 * abs(gap)
    assert crossed.within_declared.ci_low == 0.0


@pytest.mark.slow
def test_spreads_cover_the_truth_and_find_nothing_where_nothing_is():
    """Of eight segments in each sex, and of the two sexes."""
    n_runs, found, held, widths, sexes = 200, 0, 0, [], 0
    for seed in range(n_runs):
        rng = np.random.default_rng(seed)
        declared, learnt = rng.integers(2, size=3000), rng.integers(8, size=3000)
        for spread in (0.0, 0.4):
            spreads = 3.0 + spread * rng.normal(size=(2, 8))
            noise = spreads[declared, learnt] * rng.normal(size=3000)
            crossed = cross_tabulate(
                40.0 + noise,
                np.full(3000, 40.0),
                declared=declared,
                learnt=learnt,
                metric="rmse",
                n_resamples=200,
                random_state=seed,
            )
            within, between = crossed.within_declared, crossed.between_declared
            mean_square = [(spreads[i, learnt[declared == i]] ** 2) for i in (0, 1)]
            rmse = np.sqrt([one.mean() for one in mean_square])
            sexes += between.ci_low <= np.std(rmse, ddof=1) <= between.ci_high
            if spread:
                about = spreads - spreads.mean(axis=1, keepdims=True)
                truth = np.sqrt((about**2).sum() / 14)
                held += within.ci_low <= truth <= within.ci_high
                widths.append(between.ci_high - between.ci_low)
            else:
                found += within.p_value <= 0.05
    print(
        f"found where nothing is {found / n_runs:.3f}; held {held / n_runs:.3f}; of "
        f"the sexes held {sexes / n_runs / 2:.3f}, median width {np.median(widths):.3f}"
    )
    assert found / n_runs <= 0.09  # 0.05 + 2.6 standard errors
    assert held / n_runs >= 0.91
    assert sexes / n_runs / 2 >= 0.91
    assert np.median(widths) < 0.3
