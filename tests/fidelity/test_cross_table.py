"""`cross_tabulate`: what it lays out, what it finds hidden, and its spreads by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

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
def test_equal_errors_have_a_spread_by_hand():
    x = np.array([1.0, 2.0, 4.0, 9.0])
    spread = true_spread(
        x[np.newaxis],
        np.full((1, 4), 0.5),
        np.zeros(4, dtype=int),
        confidence_level=0.9,
    )
    squares = ((x - 4.0) ** 2).sum()  # 9 + 4 + 0 + 25
    assert spread.estimate == pytest.approx(np.sqrt(squares / 3 - 0.25))
    low, high = squares / chi2.ppf([0.95, 0.05], 3) - 0.25
    assert spread.ci_low == pytest.approx(np.sqrt(low))
    assert spread.ci_high == pytest.approx(np.sqrt(high))
    assert spread.p_value == pytest.approx(chi2.sf(squares / 0.25, 3))


def test_strata_have_their_own_means_and_lone_values_tell_nothing():
    x = np.array([1.0, 3.0, 11.0, 15.0, 100.0])
    spread = true_spread(
        x[np.newaxis],
        np.full((1, 5), 1.0),
        np.array([0, 0, 1, 1, 2]),
        confidence_level=0.95,
    )
    squares = 1.0 + 1.0 + 4.0 + 4.0  # about 2 and about 13
    assert spread.estimate == pytest.approx(np.sqrt(squares / 2 - 1.0))


def test_values_nearer_than_their_errors_have_no_spread():
    x, s = np.array([1.0, 1.1, 0.9]), np.ones(3)
    spread = true_spread(
        x[np.newaxis], s[np.newaxis], np.zeros(3, dtype=int), confidence_level=0.95
    )
    assert spread.estimate == spread.ci_low == 0.0
    assert spread.p_value > 0.9
    alone = true_spread(
        x[np.newaxis], s[np.newaxis], np.arange(3), confidence_level=0.95
    )
    assert np.isnan(alone.estimate)


@pytest.mark.slow
def test_spreads_cover_the_truth_and_find_nothing_where_nothing_is():
    n_runs, found, held = 200, 0, 0
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
            within = crossed.within_declared
            if spread:
                held += within.ci_low <= spread <= within.ci_high
            else:
                found += within.p_value <= 0.05
    print(f"found where nothing is {found / n_runs:.3f}; held {held / n_runs:.3f}")
    assert found / n_runs <= 0.09  # 0.05 + 2.6 standard errors
    assert held / n_runs >= 0.91
