"""Is a column that nearly determines the outcome found, and nothing else?"""

import time
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.dummy import DummyRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline

from sklearn_equity import (
    AutoencoderEmbedder,
    ConsensusSegmenter,
    ErrorMap,
    RuleScanner,
    audit,
    find_underserved,
)
from sklearn_equity._outcome_inputs import (
    exchange_column,
    find_outcome_inputs,
    spread_rows,
    y_holds_losses,
)
from sklearn_equity.exceptions import EquityWarning, OutcomeInputWarning

no_better_than_pca = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)


def found_in(column, y):
    return find_outcome_inputs(pd.DataFrame({"it": column}), y)


def is_found(column, y):
    return bool(found_in(column, y))


def draw(n_rows=400, seed=52901):
    return np.random.default_rng(seed).normal(size=n_rows)


NOISE = draw(seed=52902)
Y = draw()
TAILED = np.exp(3 * Y)  # of which a few people have most of the variance


# ---- numbers ---------------------------------------------------------------------
@pytest.mark.parametrize("y", [Y, TAILED], ids=["normal", "long tail"])
@pytest.mark.parametrize(
    "column",
    [Y, np.exp(Y), -(Y**3), rankdata(Y), np.digitize(Y, [-1, -0.3, 0.3, 1.0])],
    ids=["itself", "exp", "falling", "ranks", "five bands"],
)
def test_outcome_in_another_form_is_found(column, y):
    assert is_found(column, y)


def test_hill_is_found_and_its_foot_is_not():
    # Y tells its square; the square does not tell the sign.
    assert is_found(Y, Y**2)
    assert not is_found(Y**2, Y)


@pytest.mark.parametrize("n_rows", [100, 400, 5000])
@pytest.mark.parametrize(("r2", "told"), [(0.5, False), (0.65, False), (0.95, True)])
def test_only_columns_beyond_the_bound_are_found(r2, told, n_rows):
    y, noise = draw(n_rows), draw(n_rows, seed=52902)
    assert is_found(np.sqrt(r2) * y + np.sqrt(1 - r2) * noise, y) is told


def test_few_extreme_people_who_are_told_apart_are_found_by_the_values():
    ill = np.digitize(NOISE, [np.quantile(NOISE, 0.9)]) == 1
    (one,) = found_in(ill, Y + 20.0 * ill)
    # 400 times .09 of a variance of 37: most of it.
    assert one.measure == "R2"
    assert_allclose(one.figure, 36 / 37, atol=0.01)


def test_fifty_people_are_enough_and_fewer_never():
    assert is_found(Y[:50], Y[:50])
    assert not is_found(Y[:49], Y[:49])


def test_figure_against_predictions_by_the_means_of_other_folds():
    bands = np.arange(400) % 7
    y = 3.0 * bands + NOISE
    folds = spread_rows(400, 5)
    predicted = [
        y[(bands == band) & (folds != fold)].mean()
        for band, fold in zip(bands, folds, strict=True)
    ]
    (one,) = found_in(bands.astype(str), y)
    assert_allclose(one.figure, r2_score(y, predicted), rtol=1e-12)


def test_folds_are_even_and_in_step_with_no_period():
    folds = spread_rows(1000, 5)
    for period in (2, 3, 4, 5, 6, 7, 10, 12):
        for start in range(period):
            counts = np.bincount(folds[start::period], minlength=5)
            assert counts.min() > 0.5 * counts.mean()


# ---- classes ---------------------------------------------------------------------
@pytest.mark.parametrize("labels", [[0, 1], [False, True], ["no", "yes"]], ids=str)
def test_column_that_determines_two_classes_is_found(labels):
    ill = Y > 1.5
    y = np.array(labels)[ill.astype(int)]
    assert is_found(np.where(ill, "diabetes", "none"), y)
    assert is_found(ill, y)
    assert is_found(Y, y)
    assert not is_found(Y + 2 * NOISE, y)


def test_auc_by_hand_ties_count_half():
    # Everybody ill has the sign, and 4 of 100 others: 1 - .04 / 2.
    ill = np.repeat([True, False], [200, 1000])
    sign = np.repeat([True, False], [240, 960])
    order = np.random.default_rng(52903).permutation(1200)
    (one,) = found_in(sign[order], ill[order])
    assert one.measure == "AUC"
    assert_allclose(one.figure, 0.98, atol=0.003)
    wide = np.repeat([True, False], [360, 840])  # 16 of 100 others: .92
    assert not is_found(wide[order], ill[order])


def test_auc_against_scikit_learn_in_every_fold():
    ill, bands = Y > 1.2, np.digitize(Y + 0.1 * NOISE, [0.9, 1.1, 1.3, 1.5])
    folds = spread_rows(400, 5)
    curves, pairs = [], []
    for fold in range(5):
        inside = folds == fold
        shares = np.array([ill[(bands == band) & ~inside].mean() for band in range(5)])
        curves.append(roc_auc_score(ill[inside], shares[bands[inside]]))
        pairs.append(ill[inside].sum() * (~ill[inside]).sum())
    (one,) = found_in(bands.astype(str), ill)
    assert_allclose(one.figure, np.average(curves, weights=pairs), rtol=1e-12)


def test_rare_class_is_found_and_one_of_nine_people_is_not_judged():
    lab = draw(4000)
    for n_ill, told in [(10, True), (9, False)]:
        ill = lab >= np.sort(lab)[-n_ill]
        assert is_found(lab, ill) is told
        assert is_found(ill, ill) is told


def test_several_classes():
    ward = np.array(["east", "north", "south"])[np.arange(400) % 3]
    assert is_found(np.char.add("w-", ward), ward)
    assert is_found(np.arange(400) % 3, ward)
    assert not is_found(ward == "east", ward)
    # Of nine tenths in one class, that class decides.
    mostly = np.array(["a", "b", "c"])[np.digitize(NOISE, [1.28, 1.65])]
    assert is_found(mostly == "a", mostly)


# ---- what is not found -----------------------------------------------------------
def null_table(n_rows, seed):
    """Twenty columns of all kinds that have nothing to do with anything."""
    rng = np.random.default_rng(seed)
    table = {f"x{j}": rng.normal(size=n_rows) for j in range(12)}
    table["row"] = rng.permutation(n_rows)
    table["name"] = rng.permutation([f"p{i}" for i in range(n_rows)])
    table["constant"] = np.ones(n_rows)
    table["rare"] = rng.uniform(size=n_rows) < 0.04
    table["sex"] = rng.choice(["f", "m"], n_rows)
    table["ward"] = rng.choice(list("abcdefghij"), n_rows)
    table["tail"] = rng.standard_cauchy(n_rows)
    table["gaps"] = np.where(rng.uniform(size=n_rows) < 0.5, np.nan, 1.0)
    assert len(table) == 20
    return table


def test_nothing_is_found_in_two_hundred_null_tables():
    for seed in range(200):
        rng = np.random.default_rng(10_000 + seed)
        n_rows = (50, 60, 100, 300)[seed % 4]
        table = pd.DataFrame(null_table(n_rows, seed))
        ill = rng.permutation(np.arange(n_rows) < 10)
        y = (rng.normal(size=n_rows), rng.standard_cauchy(n_rows), ill)[seed % 3]
        assert find_outcome_inputs(table, y) == ()


@pytest.mark.parametrize(
    "y",
    [
        np.ones(400),
        np.full(400, np.nan),
        [None] * 400,
        [f"p{i}" for i in range(400)],
        np.column_stack([Y, NOISE]),
        Y[:399],
        [{}] * 400,
        "y",
    ],
    ids=[
        *("constant", "gaps", "none", "names", "two outcomes", "too short"),
        *("no labels", "no array"),
    ],
)
def test_what_is_no_outcome_is_passed_over(y):
    assert find_outcome_inputs(np.column_stack([Y, NOISE]), y) == ()


@pytest.mark.parametrize("X", [Y, [{}] * 400, None, "X", Y.reshape(20, 20)])
def test_what_is_no_table_is_passed_over(X):
    assert find_outcome_inputs(X, Y) == ()


def test_neither_size_nor_infinity_nor_gaps_disturb():
    large = 1e308 * (Y / np.abs(Y).max())
    assert is_found(Y, large)
    assert is_found(large, Y)
    with_gaps = np.where(NOISE > 1.5, np.nan, Y)
    assert is_found(Y, with_gaps)
    column = np.where(NOISE > 2.0, np.nan, Y)
    column[:2] = np.inf, -np.inf
    assert is_found(column, Y)
    assert is_found(np.where(Y > 1, np.nan, NOISE), Y > 1)  # the gap is the diagnosis


# ---- tables of all kinds ---------------------------------------------------------
def from_last_to_first(table):
    return pd.DataFrame(table, index=range(400, 0, -1))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, from_last_to_first])
def test_frames_name_the_column(make):
    ill = Y > 1
    table = {
        "age": NOISE,
        "diagnosis": np.where(ill, "yes", "no").tolist(),
        "whole": np.arange(400),
        "flag": ill,
    }
    found = find_outcome_inputs(make(table), ill)
    assert [one.column for one in found] == ["diagnosis", "flag"]
    frame = make(table)
    other = exchange_column(frame, "diagnosis")
    assert type(other) is type(frame)
    assert list(other.columns) == list(frame.columns)
    before, after = (np.asarray(each["diagnosis"]) for each in (frame, other))
    assert sorted(before) == sorted(after)
    assert (after == "yes")[ill].sum() == 0
    assert np.array_equal(np.asarray(other["age"]), NOISE)


def test_arrays_and_lists_number_the_column():
    for X in (
        np.column_stack([NOISE, Y]),
        [[noise, y] for noise, y in zip(NOISE, Y, strict=True)],
        np.column_stack([NOISE, Y]).astype(object),
    ):
        (one,) = find_outcome_inputs(X, Y.tolist())
        assert one.column == 1
        moved = np.asarray(exchange_column(X, 1), dtype=float)
        assert np.array_equal(moved[:, 0], NOISE)
        assert_allclose(np.sort(moved[:, 1]), np.sort(Y))
        assert np.corrcoef(moved[:, 1], Y)[0, 1] < 0


# ---- who warns -------------------------------------------------------------------
X = pd.DataFrame({"age": NOISE, "hba1c": 36 + 6 * Y, "bmi": draw(seed=52904)})
HBA1C = X["hba1c"].to_numpy() + 0.1
EXPECTED = np.full(400, 36.0)
NUMBERS = X.to_numpy()


class OnColumn(BaseEstimator):
    """Cuts one column at its median."""

    def __init__(self, column="age"):
        self.column = column

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return (X[self.column] > X[self.column].median()).to_numpy()


def embedding():
    return AutoencoderEmbedder(max_epochs=1, n_init=1, random_state=0)


def segments():
    return make_pipeline(embedding(), KMeans(3, n_init=1, random_state=0))


CALLS = {
    "map": lambda: ErrorMap(cv=2, n_repeats=0).fit(X, HBA1C, EXPECTED),
    "rules": lambda: RuleScanner(max_depth=1).fit(X, HBA1C, EXPECTED),
    "consensus": lambda: ConsensusSegmenter(KMeans(2, n_init=1), 2).fit(
        NUMBERS, HBA1C, EXPECTED
    ),
    "embedder": lambda: embedding().fit(X, HBA1C),
    "find": lambda: find_underserved(
        EXPECTED,
        X,
        HBA1C,
        methods=["rules", "map", segments()],
        n_splits=2,
        random_state=0,
    ),
    "audit": lambda: audit(
        DummyRegressor().fit(X, HBA1C), X, HBA1C, segmenter=OnColumn("hba1c")
    ),
}


@no_better_than_pca
@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_every_call_warns_once_where_it_stands(call):
    with pytest.warns(OutcomeInputWarning) as told:
        call()
    ours = [one for one in told if one.category is OutcomeInputWarning]
    assert len(ours) == 1
    assert ours[0].filename == __file__


def test_text_names_column_figure_reason_and_fix():
    with pytest.warns(OutcomeInputWarning) as told:
        CALLS["rules"]()
    text = str(told[0].message)
    assert text.startswith(
        "Column 'hba1c' of `X` nearly determines the outcome (cross-fitted R2 0.99)."
    )
    assert "selected on the outcome" in text
    assert "Leave it out of the inputs of the representation" in text
    assert "filter sklearn_equity.exceptions.OutcomeInputWarning" in text
    assert issubclass(OutcomeInputWarning, EquityWarning)


def test_text_names_several_columns():
    table = X.assign(again=X["hba1c"] ** 2)
    text = "2 columns .*'hba1c' .*'again' .*Leave them out"
    with pytest.warns(OutcomeInputWarning, match=text):
        RuleScanner(max_depth=1).fit(table, HBA1C, EXPECTED)


@no_better_than_pca
def test_losses_are_no_outcome():
    losses = np.abs(HBA1C)  # as the column has it
    ErrorMap(cv=2, n_repeats=0).fit(X, losses)
    RuleScanner(max_depth=1).fit(X, losses)
    ConsensusSegmenter(segments(), 2, random_state=0).fit(NUMBERS, losses)
    with y_holds_losses():
        embedding().fit(X, losses)
    with pytest.warns(OutcomeInputWarning):
        embedding().fit(X, losses)


@no_better_than_pca
def test_without_an_outcome_or_a_proxy_nobody_warns():
    embedding().fit(X)
    embedding().fit(X, NUMBERS)
    embedding().fit(X.drop(columns="hba1c"), HBA1C)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutcomeInputWarning)
        CALLS["rules"]()


def test_audit_is_silent_of_a_column_that_segments_do_not_look_at():
    model = DummyRegressor().fit(X, HBA1C)
    assert audit(model, X, HBA1C, segmenter=OnColumn("age")) is not None
    assert audit(model, X, HBA1C, subgroups=("hba1c", 3)) is not None


def test_twenty_columns_of_forty_thousand_people_take_no_time():
    table, y = np.random.default_rng(52905).normal(size=(40_000, 20)), draw(40_000)
    clocks = []
    for _ in range(5):
        start = time.process_time()
        find_outcome_inputs(table, y)
        clocks.append(time.process_time() - start)
    # About .06 s on an idle core.
    assert min(clocks) < 1.0
