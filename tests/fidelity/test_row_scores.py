"""Scores of a row: Dice of masks, and finished scores of any model."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import f1_score

from sklearn_equity.fidelity import dice_score, subgroup_fidelity


def masks(n_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random((n_rows, 8, 9)) < 0.3
    flipped = rng.random((n_rows, 8, 9)) < 0.1
    return truth, truth ^ flipped, rng.choice(["site a", "site b"], n_rows)


def test_dice_of_a_mask_is_its_f1_score():
    truth, found, _ = masks()
    expected = [
        f1_score(t.ravel(), f.ravel()) for t, f in zip(truth, found, strict=True)
    ]
    assert_allclose(dice_score(truth, found), expected, rtol=1e-14)


def test_empty_masks_agree_and_disjoint_ones_do_not():
    truth = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]])
    found = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 0], [1, 1, 0]])
    assert dice_score(truth, found).tolist() == [1.0, 0.0, 0.0, 1.0]


def test_fidelity_is_the_mean_score():
    truth, found, site = masks(200)
    table = subgroup_fidelity(
        truth, found, subgroups=site, metric=dice_score, per_row=True, n_resamples=100
    )
    scores = dice_score(truth, found)
    expected = [scores[site == label].mean() for label in ("site a", "site b")]
    assert_allclose(table.estimate, expected)
    assert table.greater_is_better
    assert table.metric == "mean dice_score"
    assert ((table.ci_low > 0) & (table.ci_high < 1)).all()


def test_the_interval_of_a_dice_score_ends_at_one():
    """One mask of 40 was missed: 1.96 standard errors of the mean reach 1.024."""
    truth = np.tile([1, 1, 0, 0], (80, 1))
    found = truth.copy()
    found[[0, 40]] = [0, 0, 1, 1]
    site = np.repeat(["site a", "site b"], 40)
    table = subgroup_fidelity(
        truth, found, subgroups=site, metric=dice_score, per_row=True, random_state=0
    )
    assert table.estimate.tolist() == [0.975, 0.975]
    assert (table.ci_high <= 1.0).all()


def test_finished_scores_have_a_heading_of_the_users_own():
    rng = np.random.default_rng(1)
    site = np.repeat([*"abc"], 100)
    score = rng.normal(10.0 + 3.0 * (site == "c"))
    table = subgroup_fidelity(
        None,
        score,
        subgroups=site,
        metric="reader's time",
        per_row=True,
        greater_is_better=False,
        n_resamples=200,
    )
    assert table.metric == "mean reader's time"
    assert table.verdict[2] == "under-served"
    assert_allclose(table.estimate[0], score[:100].mean())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"metric": "mae", "greater_is_better": False},
            "`metric` must be a function that returns a score.*got 'mae'",
        ),
        ({"metric": "time"}, "`greater_is_better` must be given for the metric 'time'"),
        (
            {"y_true": np.ones(60), "metric": "time", "greater_is_better": False},
            "`y_true` must be None if per_row=True and `metric` is a heading",
        ),
    ],
)
def test_refused_scores(arguments, message):
    arguments = {"y_true": None, "y_pred": np.ones(60), **arguments}
    y_true, y_pred = arguments.pop("y_true"), arguments.pop("y_pred")
    with pytest.raises(ValueError, match=message):
        subgroup_fidelity(
            y_true, y_pred, subgroups=np.arange(60) % 2, per_row=True, **arguments
        )


def test_refused_masks():
    truth, found, _ = masks()
    with pytest.raises(ValueError, match=r"masks of one shape.*\(60, 8, 9\) and \(60"):
        dice_score(truth, found[:, :, :4])
    with pytest.raises(ValueError, match="`y_pred` must hold masks of 0 and 1; got"):
        dice_score(truth, found * 0.5)
