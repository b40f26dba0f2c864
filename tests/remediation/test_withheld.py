"""Silence is no error: what measures predictions refuses those that were withheld."""

import warnings
from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KernelDensity

from sklearn_equity import (
    DeferralClassifier,
    DeferralRegressor,
    audit,
    excluded_who,
    fidelity_change,
    no_harm_test,
)
from sklearn_equity.exceptions import ExclusionWarning

FEW = {"coverage": 0.8, "withhold_by": KernelDensity(), "random_state": 0}
WARD = np.resize(["north", "south", "east"], 300)


@cache
def silent_models(n_rows=300):
    """A regressor and a classifier that withhold from a fifth, with their people."""
    rng = np.random.default_rng(81)
    X = rng.normal(size=(n_rows, 2))
    y = 50.0 + 2 * X[:, 0] + (1 + (X[:, 1] > 0)) * rng.normal(size=n_rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExclusionWarning)
        numbers = DeferralRegressor(LinearRegression(), **FEW).fit(X, y)
        classes = DeferralClassifier(LogisticRegression(), **FEW)
        classes.fit(X, np.where(y > 50, "high", "low"))
    return (numbers, X, y), (classes, X, y > 50)


@pytest.mark.parametrize(
    ("which", "how"), [(0, "~np.isnan(after)"), (1, "~np.ma.getmaskarray(after)")]
)
@pytest.mark.parametrize("measure", [no_harm_test, fidelity_change])
def test_the_way_out_that_is_named_works(measure, which, how):
    model, X, y = silent_models()[which]
    after = model.predict(X)
    plain = model.estimator_.predict(X)
    if which:
        y = y.astype(float)
        plain = (plain == "high").astype(float)
        after = np.ma.masked_array((after == "high").filled(0), after.mask, float)
    metric = "accuracy" if which else "rmse"
    options = {"metric": metric, "min_subgroup_size": 20}
    with pytest.raises(ValueError, match="If a deferral withheld") as refused:
        measure(y, plain, after, subgroups={"ward": WARD}, **options)
    message = str(refused.value)
    n_silent = int(np.asarray(model.defer(X)).sum())
    assert message.startswith("`after` must not hold missing values; got ")
    assert f"in {n_silent} of 300 rows" in message
    assert how in message
    given = eval(how, {"np": np, "after": after})
    kept = (np.asarray(values[given]) for values in (y, plain, after))
    result = measure(*kept, subgroups={"ward": WARD[given]}, **options)
    assert result.n[0] == 300 - n_silent
    assert excluded_who(~given, {"ward": WARD}).n_excluded_people == n_silent


@pytest.mark.parametrize(("which", "metric"), [(0, "rmse"), (1, "accuracy")])
def test_an_audit_of_silence_says_whom_to_audit(which, metric):
    model, X, y = silent_models()[which]
    truth = np.where(y, "high", "low") if which else y
    with pytest.raises(ValueError, match=r"~np.asarray\(estimator.defer\(X\)\)"):
        audit(model, X, truth, subgroups=WARD, metric=metric)
    given = ~np.asarray(model.defer(X))
    result = audit(
        model, X[given], truth[given], subgroups=WARD[given], metric=metric,
        random_state=0,
    )  # fmt: skip
    assert result.fidelity.n.sum() == given.sum()


def test_an_audit_of_withheld_probabilities():
    model, X, y = silent_models()[1]
    with pytest.raises(ValueError, match="If a deferral withheld these predictions"):
        audit(model, X, np.where(y, "high", "low"), subgroups=WARD, metric="brier")


def test_a_mask_that_hides_nothing_is_no_refusal():
    y = np.random.default_rng(0).uniform(40, 60, 300)
    result = no_harm_test(y, y + 1, np.ma.masked_array(y + 1), subgroups=WARD)
    assert not result.harmed
