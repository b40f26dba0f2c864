"""Does every fold hold every subgroup? Laws, hand-work, tools, refusals."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_equity.scorers import SubgroupStratifiedKFold, equity_scorer


def counts_by_fold(splitter, X, labels, y=None, **metadata):
    """Count labels in each test set: one row a fold, one column a label."""
    distinct = np.unique(labels)
    return np.array(
        [
            [(labels[test] == label).sum() for label in distinct]
            for _, test in splitter.split(X, y, **metadata)
        ]
    )


# ---- laws --------------------------------------------------------------------------
@given(
    sizes=st.lists(st.integers(4, 40), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
    shuffle=st.booleans(),
)
def test_folds_part_the_rows_and_share_out_every_subgroup(sizes, seed, shuffle):
    rng = np.random.default_rng(seed)
    ward = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X, y = pd.DataFrame({"ward": ward}), rng.normal(size=len(ward))
    options = {"shuffle": True, "random_state": seed} if shuffle else {}
    splitter = SubgroupStratifiedKFold(4, subgroups="ward", **options)
    tests = []
    for train, test in splitter.split(X, y):
        assert sorted([*train, *test]) == list(range(len(ward)))
        tests.extend(test)
    assert sorted(tests) == list(range(len(ward)))
    counts = counts_by_fold(splitter, X, ward, y)
    assert counts.min() >= 1
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert np.ptp(counts.sum(axis=1)) <= 1


def test_y_is_spread_within_every_subgroup():
    rng = np.random.default_rng(12)
    ward = rng.integers(0, 3, 300)
    y = rng.normal(size=300) + 10 * ward
    X = pd.DataFrame({"ward": ward})
    splitter = SubgroupStratifiedKFold(5, subgroups="ward", n_bins=4)
    quarter = pd.Series(y).groupby(ward).rank(pct=True).mul(4 - 1e-9).astype(int)
    cell = (ward * 4 + quarter).to_numpy()
    assert (np.ptp(counts_by_fold(splitter, X, cell, y), axis=0) <= 2).all()
    ignoring = SubgroupStratifiedKFold(5, subgroups="ward", n_bins=1)
    ordered = np.sort(y)
    means = [ordered[test].mean() for _, test in ignoring.split(X, ordered)]
    assert np.ptp(means) > 0


def test_classes_are_kept_apart():
    rng = np.random.default_rng(4)
    ward = rng.integers(0, 2, 200)
    y = rng.choice(["no", "yes"], p=[0.9, 0.1], size=200)
    cell = np.char.add(ward.astype(str), y)
    splitter = SubgroupStratifiedKFold(4, subgroups="ward")
    counts = counts_by_fold(splitter, pd.DataFrame({"ward": ward}), cell, y)
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_equal_seeds_give_equal_folds_and_leave_the_global_state_alone():
    X = pd.DataFrame({"ward": np.arange(60) % 3})
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    folds = [
        [list(test) for _, test in splitter.split(X)]
        for splitter in (
            SubgroupStratifiedKFold(3, subgroups="ward", shuffle=True, random_state=s)
            for s in (1, 1, 2)
        )
    ]
    assert folds[0] == folds[1] != folds[2]
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


# ---- hand-worked -------------------------------------------------------------------
def test_rows_are_dealt_like_cards():
    X = pd.DataFrame({"ward": [*"aabbbaab"]})
    folds = [
        list(test) for _, test in SubgroupStratifiedKFold(2, subgroups="ward").split(X)
    ]
    # a: rows 0 1 5 6 go to folds 0 1 0 1; b: rows 2 3 4 7 to 0 1 0 1.
    assert folds == [[0, 2, 4, 5], [1, 3, 6, 7]]


# ---- tools -------------------------------------------------------------------------
def test_one_piece_of_metadata_serves_splitter_and_scorer():
    rng = np.random.default_rng(7)
    ward = pd.Series(rng.choice(["a", "b"], size=200, p=[0.95, 0.05]))
    X, y = pd.DataFrame({"x": rng.normal(size=200)}), pd.Series(rng.normal(size=200))
    options = {"min_subgroup_size": 2, "small": "raise"}
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            DummyRegressor(),
            X,
            y,
            scoring=equity_scorer("rmse", **options),
            cv=SubgroupStratifiedKFold(4),
            params={"subgroups": ward},
        )
    plain = cross_val_score(
        DummyRegressor(),
        X,
        y,
        scoring=equity_scorer("rmse", subgroups=ward, **options),
        cv=SubgroupStratifiedKFold(4, subgroups=ward),
    )
    assert list(routed) == list(plain)


def test_repr_clone_and_number_of_splits():
    splitter = SubgroupStratifiedKFold(
        3, subgroups="ward", shuffle=True, random_state=1
    )
    assert splitter.get_n_splits() == 3
    assert "n_splits=3" in repr(splitter)
    search = clone(GridSearchCV(DummyRegressor(), {}, cv=splitter))
    assert search.cv.subgroups == "ward"


# ---- refusals ----------------------------------------------------------------------
def test_a_subgroup_smaller_than_the_number_of_folds_is_refused():
    X = pd.DataFrame({"ward": ["a"] * 20 + ["b"] * 3 + ["c"] * 2})
    with pytest.raises(
        ValueError,
        match=r"at least `n_splits`=4 rows.*too small: b \(3 rows\), c \(2 rows\)\.",
    ):
        next(SubgroupStratifiedKFold(4, subgroups="ward").split(X))


def test_without_labels_the_splitter_refuses():
    with pytest.raises(ValueError, match="got no `subgroups`"):
        next(SubgroupStratifiedKFold(2).split(np.zeros((6, 1)), None, [1, 2] * 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_splits": 1}, "`n_splits` must be a whole number from 2 on"),
        ({"n_bins": 0}, "`n_bins` must be a whole number from 1 on"),
        ({"random_state": 1}, "`random_state` has no effect without shuffle=True"),
        ({"missing": "drop"}, '`missing` must be "raise" or "group"'),
    ],
)
def test_refusals_name_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        SubgroupStratifiedKFold(**arguments)
