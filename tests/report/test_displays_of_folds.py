"""Displays of a cross-validation: all are judged by a model that had not seen them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import pyplot as plt
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_equity import (
    CalibrationByFeatureDisplay,
    LorenzDisplay,
    SubgroupFidelityDisplay,
    subgroup_fidelity,
)

FOLDS = KFold(4, shuffle=True, random_state=0)
KEPT = {"return_estimator": True, "return_indices": True}


@pytest.fixture(autouse=True)
def _drawn_in_memory():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def _people(n=240):
    rng = np.random.default_rng(11)
    X = pd.DataFrame({"age": rng.uniform(20, 80, n), "sex": np.resize([0, 1, 1], n)})
    return X, 30 + 0.2 * X["age"] + rng.normal(size=n) * (1 + X["sex"])


@pytest.fixture(scope="module")
def folds():
    X, y = _people()
    return cross_validate(LinearRegression(), X, y, cv=FOLDS, **KEPT)


def test_figures_are_those_of_cross_val_predict(folds):
    X, y = _people()
    options = {"metric": "rmse", "n_resamples": 50, "random_state": 0}
    display = SubgroupFidelityDisplay.from_cv_results(
        folds, X, y, subgroups="sex", **options
    )
    predicted = cross_val_predict(LinearRegression(), X, y, cv=FOLDS)
    table = subgroup_fidelity(y, predicted, subgroups={"sex": X["sex"]}, **options)
    np.testing.assert_allclose(display.table.estimate, table.estimate)
    assert display.table.n.tolist() == table.n.tolist() == [80, 160]
    lorenz = LorenzDisplay.from_cv_results(folds, X, y, subgroups="sex", **options)
    assert lorenz.n_people == 240
    curve = CalibrationByFeatureDisplay.from_cv_results(
        folds, X, y, feature="age", metric="mae", n_resamples=50, random_state=0
    ).curve
    assert curve.overall == pytest.approx(np.abs(y - predicted).mean())
    assert curve.characteristic == "age"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_people_whom_no_fold_held_out_are_not_there(library):
    X, y = _people()
    once = ShuffleSplit(1, test_size=60, random_state=0)
    # On arrays: scikit-learn before 1.9 warns of frames of polars, which have no names.
    model = FunctionTransformer(np.asarray), LinearRegression()
    results = cross_validate(make_pipeline(*model), X, y, cv=once, **KEPT)
    given = pl.from_pandas(X) if library == "polars" else X
    table = SubgroupFidelityDisplay.from_cv_results(
        results, given, y.to_numpy(), subgroups="sex", n_resamples=50
    ).table
    (rows,) = results["indices"]["test"]
    assert table.n.tolist() == [(X["sex"][rows] == k).sum() for k in (0, 1)]


def test_classes_are_asked_as_the_metric_needs():
    X, y = _people()
    ill = np.where(y > y.median(), "ill", "well")
    results = cross_validate(LogisticRegression(), X, ill, cv=FOLDS, **KEPT)
    table = SubgroupFidelityDisplay.from_cv_results(
        results, X, ill, subgroups="sex", metric="roc_auc", n_resamples=50
    ).table
    assert 0.5 < table.overall.estimate < 1.0


@pytest.mark.parametrize(
    ("results", "n_rows", "message"),
    [
        ({"test_score": [1.0]}, 240, r"return_estimator=True.*got test_score"),
        (None, 100, "`X` must be the rows that were cross-validated; it has 100"),
    ],
)
def test_refusals(results, n_rows, message, folds):
    X, y = _people()
    with pytest.raises(ValueError, match=message):
        SubgroupFidelityDisplay.from_cv_results(
            folds if results is None else results,
            X[:n_rows], y[:n_rows], subgroups="sex",
        )  # fmt: skip


def test_nobody_counts_twice():
    X, y = _people()
    twice = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    results = cross_validate(LinearRegression(), X, y, cv=twice, **KEPT)
    with pytest.raises(ValueError, match="hold out each row at most once"):
        SubgroupFidelityDisplay.from_cv_results(results, X, y, subgroups="sex")
