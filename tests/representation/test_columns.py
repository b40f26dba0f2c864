"""In what form do columns enter the network, and are those that tell nothing named?"""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklearn_equity.exceptions import DegenerateColumnWarning, OutlierWarning
from sklearn_equity.representation import AutoencoderEmbedder
from sklearn_equity.representation._columns import ColumnPreparation, take_by_name


def mixed_table(n_rows=300, seed=41177):
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [
            rng.normal(50, 10, n_rows),
            rng.integers(0, 2, n_rows),
            rng.integers(1, 3, n_rows),  # coded 1 and 2: a number like any other
            rng.exponential(1e-6, n_rows),
        ]
    )


def test_numbers_are_standardised_and_columns_of_0_and_1_kept():
    X = mixed_table()
    columns = ColumnPreparation(None).learn(X)
    assert_array_equal(columns.binary, [False, True, False, False])
    expected = StandardScaler().fit_transform(X)
    expected[:, 1] = X[:, 1]
    assert_allclose(columns.prepare(X), expected, rtol=1e-12)
    assert_allclose(columns.restore(columns.prepare(X)), X, rtol=1e-12)


def test_chunks_give_the_moments_of_the_whole():
    X = mixed_table()
    columns = ColumnPreparation(None)
    for chunk in np.array_split(X, 7):
        columns.learn(chunk)
    assert_allclose(columns.centre[[0, 2, 3]], X.mean(axis=0)[[0, 2, 3]], rtol=1e-12)
    assert_allclose(columns.scale[[0, 2, 3]], X.std(axis=0)[[0, 2, 3]], rtol=1e-12)


def test_single_precision_keeps_digits_that_a_large_mean_would_swallow():
    X = 1e9 + np.arange(20_000.0)[:, None]
    prepared = ColumnPreparation(None).learn(X).prepare(X, np.float32)
    assert_allclose(prepared, StandardScaler().fit_transform(X), rtol=1e-6)


def test_value_that_is_no_probability_is_refused_in_a_column_of_0_and_1():
    X = mixed_table()
    columns = ColumnPreparation(["age", "smoker", "sex", "crp"]).learn(X)
    X[[3, 5], 1] = [2.0, -1.0]
    with pytest.raises(ValueError, match=r"Column 'smoker' of `X_val` .* got 2\."):
        columns.refuse_beyond_binary(X, name="X_val")
    with pytest.raises(ValueError, match="Column 'smoker' of `X` must stay within"):
        columns.learn(X)
    columns.refuse_beyond_binary(np.full((1, 4), 0.4), name="X")


def test_new_rows_that_leave_0_and_1_are_named_by_column():
    X = pd.DataFrame(
        {"age": np.linspace(20.0, 80.0, 60), "smoker": np.arange(60) % 2.0}
    )
    embedder = AutoencoderEmbedder(1, max_epochs=1, n_init=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        embedder.fit(X)
    embedder.transform(X)
    other = X.assign(smoker=X["smoker"] + 1.0)
    for method in (embedder.transform, embedder.reconstruction_errors):
        with pytest.warns(OutlierWarning, match="'smoker' of `X` holds 2, .* in `fit`"):
            method(other)


# ---- columns that tell nothing ---------------------------------------------------
def test_constant_columns_are_named():
    X = np.column_stack([mixed_table(), np.full(300, 7.5), np.zeros(300)])
    names = ["age", "smoker", "sex", "crp", "site", "dead"]
    columns = ColumnPreparation(names).learn(X)
    with pytest.warns(DegenerateColumnWarning, match="2 columns .*: 'site', 'dead'"):
        columns.warn_of_degenerate(X)


def test_column_with_nothing_but_rounding_is_named():
    X = np.column_stack([mixed_table(), 1e9 + 1e-7 * np.arange(300) % 2])
    with pytest.warns(DegenerateColumnWarning, match="up to rounding: 4"):
        ColumnPreparation(None).learn(X).warn_of_degenerate(X)


@pytest.mark.parametrize("outlier", [1e9, -1e9])
def test_column_whose_scale_an_outlier_sets_is_named(outlier):
    X = mixed_table()
    X[17, 0] = outlier
    columns = ColumnPreparation(["age", "smoker", "sex", "crp"]).learn(X)
    text = rf"column 'age' of `X` is set by .* .such as {outlier:g}\).*98%, from 2\d"
    with pytest.warns(DegenerateColumnWarning, match=text.replace("+", r"\+")):
        columns.warn_of_degenerate(X)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.standard_normal(2000),
        lambda rng: rng.lognormal(0, 2, 2000),
        lambda rng: rng.standard_cauchy(2000),
        lambda rng: (rng.uniform(size=2000) < 0.002) * 3.0,
        lambda rng: 1e-6 * rng.standard_normal(2000),
        lambda rng: rng.poisson(0.01, 2000),
    ],
    ids=["normal", "lognormal", "Cauchy", "rare", "small unit", "rare counts"],
)
def test_heavy_tails_rare_values_and_small_units_are_no_outliers(draw):
    X = draw(np.random.default_rng(60215))[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ColumnPreparation(None).learn(X).warn_of_degenerate(X)


# ---- columns by name -------------------------------------------------------------
@pytest.mark.parametrize("library", [pd, pl])
def test_columns_are_taken_by_name(library):
    frame = library.DataFrame({"c": [3.0], "a": [1.0], "x": [9.0], "b": [2.0]})
    taken = take_by_name(frame, ["a", "b", "c"])
    assert isinstance(taken, library.DataFrame)
    assert_array_equal(np.asarray(taken), [[1.0, 2.0, 3.0]])


def test_absent_columns_are_named():
    frame = pd.DataFrame({"a": [1.0], "x": [2.0]})
    with pytest.raises(ValueError, match=r"3 columns of `fit`; it lacks 2: 'b', 'c'"):
        take_by_name(frame, ["a", "b", "c"])


def test_what_has_no_names_stays_as_it_is():
    X = mixed_table()
    assert take_by_name(X, ["a", "b", "c", "d"]) is X
