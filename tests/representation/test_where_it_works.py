"""Does the embedder survive what is done to estimators, frozen or not?"""

import io
import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.dataset import Dataset
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from sklearn_equity.representation import AutoencoderEmbedder, _network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NAMES = ["age", "bmi", "crp", "smoker"]
KINDS = pytest.mark.parametrize(
    "params", [{}, {"loss": "mse"}, {"variational": True}], ids=str
)


def table(n_rows=200, seed=40092):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4)) @ rng.normal(size=(4, 4))
    X[:, 3] = X[:, 3] > 0
    return pd.DataFrame(X, columns=NAMES)


def embedder(**params):
    defaults = {"max_epochs": 3, "n_init": 1, "random_state": 0}
    return AutoencoderEmbedder(**{**defaults, **params})


# ---- saved and searched ----------------------------------------------------------
@KINDS
def test_survives_pickle_and_joblib(params, tmp_path):
    X = table()
    fitted = embedder(**params).fit(X)
    blob = pickle.dumps(fitted)
    assert len(blob) < 50_000, "the training data must not travel along"
    joblib.dump(fitted, tmp_path / "embedder.joblib")
    for copied in (pickle.loads(blob), joblib.load(tmp_path / "embedder.joblib")):
        assert_array_equal(copied.transform(X), fitted.transform(X))
        assert_array_equal(copied.partial_fit(X).n_epochs_, 4)


@KINDS
def test_survives_skops(params):
    sio = pytest.importorskip("skops.io", reason="skops is not installed")
    X = table()
    fitted = embedder(**params).fit(X)
    blob = sio.dumps(fitted)
    types = sio.get_untrusted_types(data=blob)
    known = ("sklearn_equity.", "skorch.", "torch.", "functools.partial")
    assert all(name.startswith(known) for name in types), types
    assert_array_equal(sio.loads(blob, trusted=types).transform(X), fitted.transform(X))


def test_survives_clone():
    fitted = embedder(hidden_layer_sizes=[5], variational=True).fit(table())
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "net_")


@pytest.mark.slow  # two workers import torch
def test_survives_a_search_with_two_workers():
    grid = {"hidden_layer_sizes": [(4,), (8, 4)], "loss": ["mixed", "mse"]}
    results = [
        GridSearchCV(embedder(), grid, cv=2, n_jobs=n_jobs).fit(table()).cv_results_
        for n_jobs in (1, 2)
    ]
    scores = [result["mean_test_score"] for result in results]
    assert np.isfinite(scores).all()
    assert_allclose(*scores)


def test_takes_and_gives_polars():
    X = table()
    frame = pl.from_pandas(X)
    fitted = embedder().fit(frame)
    assert list(fitted.feature_names_in_) == NAMES
    given = fitted.set_output(transform="polars").transform(frame)
    assert isinstance(given, pl.DataFrame)
    assert given.columns == ["autoencoderembedder0", "autoencoderembedder1"]
    assert_array_equal(given.to_numpy(), embedder().fit(X).transform(X))


@pytest.mark.slow
def test_scikit_learn_contract_with_array_api_switched_on():
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from sklearn_equity.representation import AutoencoderEmbedder\n"
        "check_estimator(AutoencoderEmbedder(max_epochs=2, n_init=1))\n"
        "print('passed')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "passed", done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@KINDS
def test_gpu_gives_what_the_cpu_gives(params):
    X = table(2000)
    on_cpu = embedder(max_epochs=20, **params).fit(X)
    on_gpu = embedder(max_epochs=20, device="cuda", **params).fit(X)
    assert_allclose(on_gpu.score(X), on_cpu.score(X), rtol=0.1)
    assert next(on_gpu.net_.module_.parameters()).device.type == "cpu"
    on_gpu.partial_fit(X).partial_fit(X)
    pickle.dump(on_gpu, io.BytesIO())


@pytest.mark.parametrize("there_is_one", [False, True])
def test_auto_takes_the_gpu_if_there_is_one(monkeypatch, there_is_one):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_one)
    assert _network.resolve_device("auto") == ("cuda" if there_is_one else "cpu")
    if not there_is_one:
        assert embedder(device="auto").fit(table()).transform(table()).shape == (200, 2)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"loss": "mse"},
        {"variational": True},
        {"encoder": (4, 2), "decoder": (2, 4)},
    ],
    ids=str,
)
def test_all_of_a_training_step_happens_on_the_device(params):
    """torch's "meta" knows shapes alone, and refuses tensors that lie elsewhere."""
    params = {
        name: nn.Linear(*value) if isinstance(value, tuple) else value
        for name, value in params.items()
    }
    X = table().to_numpy()
    fitted = embedder(**params).partial_fit(X)
    net = fitted.net_
    _network._move(net, "meta")
    tensors = [*net.module_.parameters(), *net.criterion_.buffers()]
    assert all(tensor.is_meta for tensor in tensors)
    rows = _network._as_tensor(fitted._columns.prepare(X, np.float32), "meta")
    for training in (True, False):
        batches = list(net.get_iterator(Dataset(rows), training=training))
        assert sum(len(target) for _, target in batches) == len(X)
        step = net.train_step_single if training else net.validation_step
        assert all(step(batch)["loss"].is_meta for batch in batches)
    gradients = [parameter.grad for parameter in net.module_.parameters()]
    assert all(gradient.is_meta for gradient in gradients)


# ---- frozen, or fitted on other people -------------------------------------------
def population():
    return embedder(max_epochs=20).fit(table(n_rows=1500, seed=1))


def test_frozen_embedder_stays_as_it_is_in_a_pipeline():
    X, fitted = table(), population()
    expected = fitted.transform(X)
    pipeline = make_pipeline(FrozenEstimator(fitted), StandardScaler()).fit(X)
    assert_allclose(pipeline.transform(X), StandardScaler().fit_transform(expected))
    assert clone(pipeline)[0].estimator is fitted
    assert_array_equal(fitted.transform(X), expected)


def test_frozen_embedder_keeps_names_and_output():
    frozen = FrozenEstimator(population())
    names = ["autoencoderembedder0", "autoencoderembedder1"]
    assert list(frozen.get_feature_names_out()) == names
    given = frozen.set_output(transform="pandas").transform(table())
    assert list(given.columns) == names


def test_frozen_embedder_in_a_column_transformer_takes_its_columns_by_name():
    X, fitted = table(), population()
    other = X.assign(hba1c=1.0)[["hba1c", "smoker", "crp", "bmi", "age"]]
    columns = make_column_transformer(
        (FrozenEstimator(fitted), list(fitted.feature_names_in_)),
        ("passthrough", ["hba1c"]),
    )
    assert_array_equal(columns.fit_transform(other)[:, :2], fitted.transform(X))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_are_matched_by_name_on_request(library):
    X = table()
    fitted = population().set_params(match_columns="name")
    other = X.assign(hba1c=1.0)[["hba1c", "smoker", "crp", "bmi", "age"]]
    other = pl.from_pandas(other) if library == "polars" else other
    frozen = FrozenEstimator(fitted)
    assert_array_equal(frozen.transform(other), fitted.transform(X))
    assert_allclose(fitted.score(other), fitted.score(X))
    assert_array_equal(frozen.transform(X[NAMES[::-1]]), fitted.transform(X))


def test_absent_columns_are_named():
    without = table().drop(columns=["bmi", "smoker"])
    with pytest.raises(ValueError, match="seen at fit time, yet now missing:\n- bmi"):
        population().transform(without)
    by_name = population().set_params(match_columns="name")
    with pytest.raises(ValueError, match="it lacks 2: 'bmi', 'smoker'"):
        FrozenEstimator(by_name).transform(without)


@pytest.mark.parametrize(
    "numbered", [table().to_numpy(), table().set_axis(range(4), axis=1)]
)
def test_matching_by_name_without_names_is_refused(numbered):
    with pytest.raises(
        ValueError, match='match_columns="name" needs columns with names'
    ):
        embedder(match_columns="name").fit(numbered)
    fitted = embedder().fit(numbered).set_params(match_columns="name")
    with pytest.raises(ValueError, match="`X` of `fit` had none"):
        fitted.transform(numbered)


def test_columns_in_another_order_are_refused_unless_matched_by_name():
    with pytest.raises(ValueError, match="must be in the same order as they were in"):
        population().transform(table()[NAMES[::-1]])


def test_cross_validation_of_what_follows_a_frozen_embedder():
    X = table()
    search = make_pipeline(FrozenEstimator(population()), embedder(n_components=1))
    assert np.isfinite(cross_val_score(search, X, cv=2)).all()


# ---- threads ---------------------------------------------------------------------
@pytest.mark.skipif(os.cpu_count() == 1, reason="there is one thread to choose from")
def test_threads_of_linear_algebra_change_nothing_and_are_left_as_they_were():
    X, results = table(), []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            before = threadpool_info()
            results.append(embedder().fit(X).transform(X))
            assert threadpool_info() == before
    assert_array_equal(*results)
