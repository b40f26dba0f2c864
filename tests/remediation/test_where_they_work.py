"""In which searches, and inside which other models, do all remedies work?"""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import (
    LocalExpertStack,
    SubgroupOversampler,
    SubgroupRecalibrator,
    WorstSubgroupReweighter,
)

NAMED = {"segmenter": "ward", "random_state": 0}
REMEDIES = {
    "oversampler": SubgroupOversampler(Ridge(), **NAMED),
    "reweighter": WorstSubgroupReweighter(Ridge(), n_rounds=2, **NAMED),
    "recalibrator": SubgroupRecalibrator(Ridge(), n_rounds=2, **NAMED),
    "local experts": LocalExpertStack(
        Ridge(), others=[], cv=2, max_depth=1, n_rounds=1, random_state=0
    ),
}
GRID = {"estimator__alpha": [0.1, 10.0]}
HALVING = {"cv": 2, "min_resources": 600, "random_state": 0, "error_score": "raise"}
PLAIN = {"cv": 2, "error_score": "raise"}


def three_wards(n_rows=900):
    rng = np.random.default_rng(41)
    X = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"])
    X["ward"] = rng.integers(0, 3, n_rows)
    return X, 60.0 + X["a"] + X["ward"] * X["b"] + rng.normal(size=n_rows)


SEARCHES = {
    "random": lambda model: RandomizedSearchCV(model, GRID, n_iter=2, **PLAIN),
    "halving": lambda model: HalvingGridSearchCV(model, GRID, **HALVING),
    "halving random": lambda model: HalvingRandomSearchCV(model, GRID, **HALVING),
    "of a pipeline": lambda model: GridSearchCV(
        make_pipeline(StandardScaler().set_output(transform="pandas"), model),
        {f"{type(model).__name__.lower()}__estimator__alpha": [0.1, 10.0]},
        **PLAIN,
    ),
    "as a choice": lambda model: GridSearchCV(
        make_pipeline(Ridge()), {"ridge": [Ridge(), model]}, **PLAIN
    ),
    "inside another": lambda model: StackingRegressor([("remedy", model)], cv=2),
    "of another scale": lambda model: TransformedTargetRegressor(
        model, func=np.log, inverse_func=np.exp
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("routing", [False, True], ids=["no routing", "routing"])
@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize("search", SEARCHES)
def test_every_remedy_in_every_search(search, remedy, routing):
    X, y = three_wards()
    with sklearn.config_context(enable_metadata_routing=routing):
        found = SEARCHES[search](clone(REMEDIES[remedy])).fit(X, y)
        assert found.score(X, y) > 0.2
        assert_array_equal(found.predict(X), clone(found).fit(X, y).predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("remedy", REMEDIES)
def test_every_remedy_in_nested_searches_and_learning_curves(remedy):
    X, y = three_wards()
    model = REMEDIES[remedy]
    search = GridSearchCV(model, GRID, **PLAIN)
    assert np.isfinite(cross_val_score(search, X, y, **PLAIN)).all()
    *_, scores = learning_curve(model, X, y, train_sizes=[0.5, 1.0], **PLAIN)
    assert np.isfinite(scores).all()


@pytest.mark.slow
@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize("remedy", ["oversampler", "reweighter"])
def test_searches_hand_subgroups_on_where_routing_is_on(search, remedy):
    X, y = three_wards()
    model = clone(REMEDIES[remedy]).set_params(segmenter=None)
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {f"{type(model).__name__.lower()}__estimator__alpha": [0.1, 10.0]}
    options = PLAIN if search is GridSearchCV else HALVING
    with sklearn.config_context(enable_metadata_routing=True):
        found = search(pipeline, grid, **options).fit(X, y, subgroups=X["ward"])
    assert set(found.best_estimator_[-1].multiplier_) == {0, 1, 2}


@pytest.mark.slow
def test_a_threshold_can_be_tuned_around_a_remedied_classifier():
    X, y = three_wards()
    model = SubgroupOversampler(LogisticRegression(), metric="accuracy", **NAMED)
    tuned = TunedThresholdClassifierCV(model, cv=2).fit(X, y > 60)
    assert tuned.score(X, y > 60) > 0.6
