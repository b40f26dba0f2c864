"""Do the traps exist of which the guide warns? Those that no other file's tests show.

The page names its tests, and the last one here holds it to them.
"""

import ast
import re
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from sklearn_equity import subgroup_fidelity
from sklearn_equity.remediation import SubgroupOversampler

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/user_guide/pitfalls.md"


def two_wards(n_rows=600, seed=0):
    """The south is as predictable as the north, and has a sixth of its people."""
    rng = np.random.default_rng(seed)
    ward = np.where(np.arange(n_rows) % 7 == 0, "south", "north")
    X = np.column_stack([rng.uniform(0, 10, size=n_rows), ward == "south"])
    y = 40 + np.where(ward == "south", -1, 1) * X[:, 0] + rng.normal(size=n_rows)
    return X, y, ward


def test_on_its_training_rows_a_model_looks_better_and_gaps_vanish():
    X, y, ward = two_wards(1200)
    learn = np.arange(1200) < 600
    model = DecisionTreeRegressor(random_state=0).fit(X[learn], y[learn])
    seen, unseen = (
        subgroup_fidelity(
            y[rows],
            model.predict(X[rows]),
            subgroups=ward[rows],
            metric="rmse",
            random_state=0,
        )
        for rows in (learn, ~learn)
    )
    assert (seen.estimate < 1e-9).all()
    assert (unseen.estimate > 1.0).all()


def test_subgroups_made_of_the_outcome_are_found_where_nobody_is_under_served():
    rng = np.random.default_rng(1)
    y = rng.normal(50, 10, size=2000)
    y_pred = np.full(2000, 50.0)  # the best model there is
    by_outcome = np.where(np.abs(y - 50) > 15, "extreme", "ordinary")
    by_chance = rng.choice(["left", "right"], size=2000)
    verdicts = {
        name: subgroup_fidelity(
            y, y_pred, subgroups=labels, metric="rmse", random_state=0
        ).verdict
        for name, labels in (("outcome", by_outcome), ("chance", by_chance))
    }
    assert "under-served" in verdicts["outcome"]
    assert "under-served" not in verdicts["chance"]


def test_single_attributes_can_hide_an_intersection():
    """Two attributes of two labels: error 3 where both agree, else 1 (a chessboard)."""
    rng = np.random.default_rng(2)
    people = pd.DataFrame(
        {
            "sex": rng.choice(["female", "male"], size=4000),
            "ward": rng.choice(["east", "west"], size=4000),
        }
    )
    agree = (people["sex"] == "male") == (people["ward"] == "west")
    y_pred = rng.normal(size=4000) * np.where(agree, 3.0, 1.0)
    table = subgroup_fidelity(
        np.zeros(4000),
        y_pred,
        subgroups=people,
        max_depth=2,
        metric="rmse",
        random_state=0,
    )
    verdict = dict(zip(table.subgroup, table.verdict, strict=True))
    assert {verdict["female"], verdict["male"]} == {"served"}
    assert {verdict["east"], verdict["west"]} == {"served"}
    assert verdict["male", "west"] == verdict["female", "east"] == "under-served"


def test_more_comparisons_leave_less_to_be_shown():
    """South: 17 of 100 missed; north: 72 of 900. Then twenty attributes more."""
    rng = np.random.default_rng(3)
    ward = np.repeat(["north", "south"], [900, 100])
    y_pred = np.repeat([0, 1, 0, 1], [72, 828, 17, 83])
    declared = {"ward": ward}
    many = {f"attribute {i}": rng.integers(2, size=1000) for i in range(20)}
    alone, among = (
        subgroup_fidelity(
            np.ones(1000),
            y_pred,
            subgroups=groupings,
            metric="accuracy",
            n_resamples=100,
            random_state=0,
        )
        for groupings in (declared, declared | many)
    )
    assert alone.subgroup[1] == among.subgroup[1] == "south"
    assert alone.verdict[1] == "under-served"
    assert among.verdict[1] == "insufficient evidence"
    assert among.estimate[1] == alone.estimate[1] == 0.83


def test_rows_repeated_before_folds_are_on_both_sides():
    """A model of nearest neighbours finds the copy of the row asked about."""
    X, y, ward = two_wards()
    y = y + np.random.default_rng(4).normal(0, 5, size=len(y))
    folds = KFold(5, shuffle=True, random_state=0)
    nearest = KNeighborsRegressor(1)
    remedy = SubgroupOversampler(
        nearest, under_served=["south"], multiplier=4, random_state=0
    )
    repeated = remedy.fit_resample(X, y, subgroups=ward)[:2]
    flattered = cross_val_score(nearest, *repeated, cv=folds, scoring="r2")
    honest = [
        remedy.fit(X[learn], y[learn], subgroups=ward[learn]).score(X[judge], y[judge])
        for learn, judge in folds.split(X)
    ]
    assert np.mean(honest) < 0.0
    assert flattered.mean() > 0.2


def test_the_worst_of_many_equal_subgroups_reads_too_bad_unless_it_is_shrunken():
    rng = np.random.default_rng(5)
    y_pred = rng.normal(size=2000)  # 50 wards of 40 people, RMSE 1 in each
    table = subgroup_fidelity(
        np.zeros(2000),
        y_pred,
        subgroups=np.repeat(np.arange(50), 40),
        metric="rmse",
        random_state=0,
    )
    assert table.estimate.max() > 1.15
    assert abs(table.worst().estimate[0] - 1.0) < 0.06


def test_weights_move_one_line_between_two_wards_and_a_better_model_follows_both():
    X, y, ward = two_wards(2000)
    slope = X[:, :1]  # the line does not know the ward
    south = ward == "south"
    plain = LinearRegression().fit(slope, y)
    moved = LinearRegression().fit(slope, y, sample_weight=np.where(south, 6, 1))
    told = LinearRegression().fit(np.column_stack([X, X[:, 0] * X[:, 1]]), y)
    wide = np.column_stack([X, X[:, 0] * X[:, 1]])
    errors = {
        name: [
            np.sqrt(np.mean((y - prediction)[rows] ** 2)) for rows in (south, ~south)
        ]
        for name, prediction in (
            ("plain", plain.predict(slope)),
            ("moved", moved.predict(slope)),
            ("told", told.predict(wide)),
        )
    }
    assert errors["moved"][0] < errors["plain"][0]
    assert errors["moved"][1] > errors["plain"][1]
    assert max(errors["told"]) < min(errors["plain"])


def test_every_test_that_the_page_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text())
    assert len(named) == PAGE.read_text().count("\n## ")
    for file, test in named:
        names = {
            node.name
            for node in ast.parse((ROOT / file).read_text()).body
            if isinstance(node, ast.FunctionDef)
        }
        assert test in names, f"{PAGE.name} names {file}::{test}, which does not exist."
