"""Does the embedder keep its contract, find what is there, and say when it does not?"""

import pickle
import sys
import threading
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNet

import sklearn_equity.representation as stage
from sklearn_equity._fit_tasks import NO_TASK
from sklearn_equity.exceptions import MissingDependencyError
from sklearn_equity.representation import (
    AutoencoderEmbedder,
    _compute,
    _network,
    _training,
)
from sklearn_equity.representation._dense_engine import DenseEngine
from sklearn_equity.representation._principal_start import draw_layers
from sklearn_equity.representation._tasks import Trainings

no_better_than_pca = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)


def people(n_rows=400, seed=8130447):
    """Three curved columns driven by two hidden numbers, and one of 0 and 1."""
    rng = np.random.default_rng(seed)
    u, v = rng.uniform(-1, 1, size=(2, n_rows))
    noise = rng.normal(scale=0.02, size=(n_rows, 3))
    curved = np.column_stack([u + v, u**2 - v, np.abs(v) + u]) + noise
    return np.column_stack([curved * [1.0, 10.0, 100.0], u > 0])


def quick(**params):
    """Few epochs: enough for every law that does not ask how good the embedding is."""
    defaults = {"max_epochs": 3, "n_init": 1, "random_state": 7}
    return AutoencoderEmbedder(**{**defaults, **params})


def linear_error(prepared, n_components=2):
    pca = PCA(n_components).fit(prepared)
    return np.mean((prepared - pca.inverse_transform(pca.transform(prepared))) ** 2)


def test_the_stage_has_one_public_name():
    assert stage.__all__ == ["AutoencoderEmbedder"]


# ---- laws ------------------------------------------------------------------------
# One check fits iris with its species, which the width of a petal nearly determines.
petals_tell_the_species = pytest.mark.filterwarnings(
    "ignore::sklearn_equity.exceptions.OutcomeInputWarning"
)


@no_better_than_pca
@petals_tell_the_species
@parametrize_with_checks([AutoencoderEmbedder(max_epochs=2, n_init=1)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@no_better_than_pca
@petals_tell_the_species
@parametrize_with_checks(
    [
        AutoencoderEmbedder(),
        AutoencoderEmbedder(
            max_epochs=2, validation_fraction=None, activation="tanh", loss="mse"
        ),
        AutoencoderEmbedder(max_epochs=2, n_init=1, variational=True),
    ]
)
def test_scikit_learn_contract_in_every_form(estimator, check):
    check(estimator)


@no_better_than_pca
def test_equal_seeds_give_equal_results_and_other_seeds_others():
    X = people()
    first, again = (quick().fit(X).transform(X) for _ in range(2))
    assert_array_equal(first, again)
    assert np.abs(quick(random_state=8).fit(X).transform(X) - first).max() > 0.01


@no_better_than_pca
def test_result_does_not_depend_on_the_number_of_threads():
    X = people()
    before = torch.get_num_threads()
    results = []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            results.append(quick().fit(X).transform(X))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert_array_equal(*results)


@no_better_than_pca
def test_transform_does_not_depend_on_the_batch():
    X = people(n_rows=9000)  # more than the network evaluates in one go
    embedder = quick(max_epochs=1).fit(X)
    whole = embedder.transform(X)
    alone = np.vstack([embedder.transform(X[[row]]) for row in (0, 17, 8999)])
    assert_allclose(alone, whole[[0, 17, 8999]], rtol=1e-12, atol=1e-13)
    assert_allclose(embedder.transform(X[::-1])[::-1], whole, rtol=1e-12, atol=1e-13)


@no_better_than_pca
def test_global_random_states_stay_untouched():
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    for seed in (7, None):
        params = {"n_init": 2, "random_state": seed, "variational": True}
        quick(**params).fit(people()).sample(3)
        quick(random_state=seed).partial_fit(people()).transform(people())
    assert torch.equal(torch.get_rng_state(), torch_before)
    numpy_after = np.random.get_state()  # noqa: NPY002
    assert numpy_after[2:] == numpy_before[2:]
    assert_array_equal(numpy_after[1], numpy_before[1])


@no_better_than_pca
def test_without_a_random_state_every_fit_differs():
    X = people()
    np.random.seed(0)  # noqa: NPY002  it must not matter
    first = quick(random_state=None).fit(X).transform(X)
    np.random.seed(0)  # noqa: NPY002
    assert np.abs(quick(random_state=None).fit(X).transform(X) - first).max() > 0.01


@no_better_than_pca
def test_result_does_not_depend_on_torch_defaults_of_the_user():
    X = people()
    expected = quick().fit(X).transform(X)
    torch.set_default_dtype(torch.float64)
    try:
        assert_array_equal(quick().fit(X).transform(X), expected)
    finally:
        torch.set_default_dtype(torch.float32)


@no_better_than_pca
def test_fit_leaves_its_input_as_it_was_and_takes_read_only_float32():
    X = people().astype(np.float32)
    X.setflags(write=False)
    latent = quick().fit(X).transform(X)
    assert latent.dtype == np.float32
    wide = quick().fit(X.astype(np.float64)).transform(X.astype(np.float64))
    assert_allclose(latent, wide, rtol=1e-4, atol=1e-5)


@no_better_than_pca
def test_rows_come_back_in_their_shape_and_unit():
    X = people()
    embedder = quick(n_components=3, max_epochs=60).fit(X)
    latent = embedder.transform(X)
    rebuilt = embedder.inverse_transform(latent)
    assert latent.shape == (400, 3)
    assert rebuilt.shape == X.shape
    assert ((rebuilt[:, 3] > 0) & (rebuilt[:, 3] < 1)).all()
    prepared = (X - rebuilt) / [*X[:, :3].std(axis=0), 1.0]
    assert_allclose(
        embedder.reconstruction_errors(X), (prepared**2).mean(axis=1), rtol=1e-8
    )
    assert_allclose(embedder.score(X), -(prepared**2).mean(), rtol=1e-8)


@no_better_than_pca
def test_unit_of_a_column_does_not_matter_and_binary_columns_are_kept():
    X = people()
    other_unit = X * [1e-6, 1e6, 3.0, 1.0] + [0.0, 5.0, -1.0, 0.0]
    expected = quick().fit(X).transform(X)
    assert_allclose(
        quick().fit(other_unit).transform(other_unit), expected, rtol=1e-3, atol=1e-4
    )
    assert quick().fit(X)._columns.scale[3] == 1.0


@no_better_than_pca
def test_survives_pickle_clone_and_grid_search():
    X = people()
    embedder = quick(hidden_layer_sizes=[5]).fit(X)
    blob = pickle.dumps(embedder)
    assert len(blob) < 50_000, "the training data must not travel along"
    assert_array_equal(pickle.loads(blob).transform(X), embedder.transform(X))
    assert clone(embedder).get_params() == embedder.get_params()
    search = GridSearchCV(quick(), {"hidden_layer_sizes": [(4,), (8, 4)]}, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@no_better_than_pca
def test_output_is_a_frame_of_the_library_asked_for():
    X = pd.DataFrame(people(), columns=["a", "b", "c", "d"])
    embedder = quick().fit(X)
    names = ["autoencoderembedder0", "autoencoderembedder1"]
    assert list(embedder.get_feature_names_out()) == names
    assert list(embedder.feature_names_in_) == list(X.columns)
    assert list(embedder.set_output(transform="pandas").transform(X).columns) == names
    frame = embedder.set_output(transform="polars").transform(X)
    assert isinstance(frame, pl.DataFrame)


@pytest.mark.slow
@no_better_than_pca
@pytest.mark.parametrize(
    "params", [{}, {"variational": True}, {"validation_fraction": None}], ids=str
)
def test_takes_under_10_mb_beside_the_rows_in_single_precision(params):
    X = np.random.default_rng(771).normal(size=(60_000, 25))
    embedder = quick(max_epochs=2, **params).fit(X[:500])
    tracemalloc.start()
    try:
        embedder.fit(X)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        embedder.transform(X)
        embedder.score(X)
        _, peak_of_use = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - 4 * X.size < 10e6
    assert peak_of_use < 10e6


@no_better_than_pca
def test_memory_does_not_grow_with_the_number_of_epochs():
    X, peaks = people(), []
    for n_epochs in (2, 2, 100):  # what is loaded at first is loaded by the first
        tracemalloc.start()
        try:
            fitted = quick(max_epochs=n_epochs, patience=100).fit(X)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert fitted.n_epochs_ == 100
    # A line of skorch's history: a dictionary of a few numbers.
    assert peaks[2] - peaks[1] < 100 * 2000


@no_better_than_pca
def test_fit_that_fails_leaves_no_embedder_of_two_tables():
    embedder = quick().fit(people())
    X_val = people()
    X_val[0, 3] = 7.0
    with pytest.raises(ValueError, match="Column 3 of `X_val`"):
        embedder.fit(people() * [5.0, 5.0, 5.0, 1.0], X_val=X_val)
    with pytest.raises(NotFittedError):
        embedder.transform(people())


@no_better_than_pca
def test_fits_with_metadata_routing_switched_on():
    X = people()
    with config_context(enable_metadata_routing=True):
        routed = quick().set_fit_request(X_val=True).fit(X, X_val=X[:50])
    assert routed.n_epochs_ == 3


# ---- the training ----------------------------------------------------------------
@no_better_than_pca
def test_net_is_a_skorch_net_with_a_history_of_epochs_alone():
    embedder = quick(max_epochs=5).fit(people())
    assert isinstance(embedder.net_, NeuralNet)
    assert embedder.n_epochs_ == len(embedder.net_.history) == 5
    assert {key: len(loss) for key, loss in embedder.history_.items()} == {
        "train_loss": 5,
        "valid_loss": 5,
    }
    assert all(not epoch["batches"] for epoch in embedder.net_.history)
    prepared = torch.zeros(2, 4)
    assert embedder.net_.predict(prepared).shape == (2, 4)


@no_better_than_pca
def test_best_epoch_is_restored():
    X, X_val = people(), people(n_rows=100, seed=5529)
    embedder = quick(max_epochs=40, learning_rate=0.1, patience=5, loss="mse").fit(
        X, X_val=X_val
    )
    valid_loss = embedder.history_["valid_loss"]
    assert embedder.n_epochs_ < 40
    assert valid_loss.argmin() < embedder.n_epochs_ - 1
    assert_allclose(-embedder.score(X_val), valid_loss.min(), rtol=1e-4)
    assert_allclose(embedder.reconstruction_error_, -embedder.score(X_val))


@no_better_than_pca
def test_without_validation_rows_the_training_loss_decides():
    X = people()
    embedder = quick(validation_fraction=None).fit(X)
    assert set(embedder.history_) == {"train_loss"}
    assert_allclose(embedder.reconstruction_error_, -embedder.score(X))


@no_better_than_pca
def test_of_several_trainings_the_best_is_kept():
    X, X_val = people(), people(n_rows=100, seed=5529)
    embedder = quick(n_init=4).fit(X, X_val=X_val)
    architecture = embedder._design(_network)
    schedule = embedder._schedule(_network, "cpu", len(X))
    losses = [
        _training.least_loss(
            _network.train(
                architecture,
                schedule,
                embedder._columns.prepare(X, np.float32),
                embedder._columns.prepare(X_val, np.float32),
                seed=int(seed),
            )
        )
        for seed in np.random.RandomState(7).randint(np.iinfo(np.int32).max, size=4)
    ]
    assert_allclose(embedder.history_["valid_loss"].min(), min(losses), rtol=1e-6)
    assert max(losses) > 1.01 * min(losses), "else the choice makes no difference"


def sequence_of_trainings(failures, n_init):
    """Candidates of losses 5, 4, 3, 2, and what is said to be wrong with them."""
    nets = iter(
        SimpleNamespace(history=[{"train_loss": loss}]) for loss in (5.0, 4.0, 3.0, 2.0)
    )
    seen = []

    def find_failure(net, loss):
        seen.append(loss)
        return failures[len(seen) - 1]

    best = _training.train_candidates(
        lambda **_: next(nets),
        find_failure,
        n_init=n_init,
        random_state=np.random.RandomState(0),
        tasks=Trainings(NO_TASK, n_epochs=1, attributes_of=vars),
    )
    return best, seen


def test_a_failed_training_is_followed_by_another_until_one_is_sound():
    best, seen = sequence_of_trainings(["collapsed", "collapsed", None], "auto")
    assert (best.loss, best.failure, seen) == (3.0, None, [5.0, 4.0, 3.0])


def test_if_all_trainings_fail_the_one_of_least_loss_stays_and_says_why():
    best, seen = sequence_of_trainings(["a", "b", "c", "d"], "auto")
    assert (best.loss, best.failure, len(seen)) == (2.0, "d", 4)


def test_a_sound_training_is_kept_before_one_of_less_loss():
    best, seen = sequence_of_trainings([None, "b", None], 3)
    assert (best.loss, best.failure, len(seen)) == (3.0, None, 3)
    best, seen = sequence_of_trainings([None, "b"], 2)
    assert (best.loss, best.failure, len(seen)) == (5.0, None, 2)


def dead_layers(*args, **params):
    """Weights to start from, with biases so low that no ReLU ever fires."""
    return [(weight, bias - 100.0) for weight, bias in draw_layers(*args, **params)]


def test_restarts_rescue_a_fit_whose_first_weights_are_dead(monkeypatch):
    starts = iter([dead_layers, draw_layers])
    monkeypatch.setattr(
        _network, "draw_layers", lambda *args, **params: next(starts)(*args, **params)
    )
    embedder = AutoencoderEmbedder(max_epochs=60, random_state=0).fit(people())
    assert not list(starts)
    assert np.ptp(embedder.transform(people()), axis=0).min() > 0.1


@no_better_than_pca
def test_weight_decay_shrinks_the_weights():
    def size(weight_decay):
        net = quick(max_epochs=20, weight_decay=weight_decay).fit(people()).net_
        return sum(float((p.detach() ** 2).sum()) for p in net.module_.parameters())

    assert size(5.0) < 0.8 * size(0.0)


@no_better_than_pca
def test_verbose_prints_a_line_an_epoch(capsys):
    quick(verbose=1).fit(people())
    assert len(capsys.readouterr().out.strip().splitlines()) == 2 + 3
    quick().fit(people())
    assert capsys.readouterr().out == ""


@no_better_than_pca
def test_interrupt_by_the_user_is_not_swallowed(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(DenseEngine, "train_epoch", interrupt)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyboardInterrupt):
            quick().fit(people())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_thread_setting_comes_back_when_fits_overlap():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    first_inside, second_left = threading.Event(), threading.Event()
    seen = {}

    def first():
        with _compute.one_thread():
            first_inside.set()
            second_left.wait(timeout=30)
            seen["inside"] = torch.get_num_threads()
        seen["after"] = torch.get_num_threads()

    thread = threading.Thread(target=first)
    thread.start()
    first_inside.wait(timeout=30)
    with _compute.one_thread():
        assert torch.get_num_threads() == 1
    second_left.set()
    thread.join(timeout=30)
    assert torch.get_num_threads() == 3
    assert seen == {"inside": 1, "after": 3}
    torch.set_num_threads(before)


# ---- agreement with theory and other libraries -----------------------------------
def plane(noise, seed=90021):
    rng = np.random.default_rng(seed)
    flat = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 5))
    return flat + rng.normal(scale=noise, size=flat.shape)


def test_linear_autoencoder_reaches_the_error_of_pca():
    X = StandardScaler().fit_transform(plane(noise=0.3))
    embedder = AutoencoderEmbedder(
        hidden_layer_sizes=(),
        activation="identity",
        validation_fraction=None,
        learning_rate=0.01,
        random_state=0,
    ).fit(X)
    pca = PCA(2).fit(X)
    best = np.mean((X - pca.inverse_transform(pca.transform(X))) ** 2)
    # Eckart and Young: no linear map of rank 2 does better.
    assert best <= -embedder.score(X) < 1.02 * best


def test_curved_data_are_kept_better_than_by_pca():
    X = people(n_rows=600)
    embedder = AutoencoderEmbedder(max_epochs=80, random_state=0).fit(X)
    assert -embedder.score(X) < 0.6 * linear_error(embedder._columns.prepare(X))


@pytest.mark.slow
@no_better_than_pca
def test_most_starting_weights_find_the_curved_surface():
    X = people(n_rows=1500)
    errors = np.array(
        [
            -AutoencoderEmbedder(random_state=seed, n_init=1).fit(X).score(X)
            for seed in range(8)
        ]
    )
    linear = linear_error(quick().fit(X)._columns.prepare(X))
    print(f"PCA {linear:.4f}; autoencoders {np.sort(errors).round(4)}")
    assert np.median(errors) < 0.25 * linear
    assert (errors < linear).sum() >= 6


# ---- degenerate input ------------------------------------------------------------
@pytest.mark.filterwarnings("ignore::sklearn_equity.exceptions.DegenerateColumnWarning")
def test_identical_rows_are_named():
    with pytest.warns(ConvergenceWarning, match="All rows of `X` are the same"):
        latent = quick().fit_transform(np.full((50, 3), 4.0))
    assert np.ptp(latent, axis=0).max() == 0.0


def test_collapsed_latent_space_is_named(monkeypatch):
    monkeypatch.setattr(_network, "draw_layers", dead_layers)
    with pytest.warns(ConvergenceWarning, match="collapsed: 0 of its 2 components"):
        quick().fit(people())


@pytest.mark.filterwarnings("ignore::sklearn_equity.exceptions.DegenerateColumnWarning")
def test_outlier_that_hides_all_other_rows_is_named():
    X = people()[:, :2]
    X[11] = 1e9
    with pytest.warns(ConvergenceWarning, match="Look for outliers in `X`"):
        quick(max_epochs=50).fit(X)


def test_diverged_training_is_named(monkeypatch):
    for what in ("train_epoch", "mean_loss"):
        monkeypatch.setattr(DenseEngine, what, lambda *_: np.nan)
    with pytest.warns(ConvergenceWarning, match="The training diverged"):
        quick().fit(people())


def test_no_better_than_pca_is_named():
    with pytest.warns(ConvergenceWarning, match="no better than PCA with 2 components"):
        quick(max_epochs=1, learning_rate=1e-6).fit(people())


@no_better_than_pca
@pytest.mark.filterwarnings("ignore::sklearn_equity.exceptions.DegenerateColumnWarning")
@pytest.mark.parametrize(
    "params", [{}, {"variational": True}, {"loss": "mse"}], ids=str
)
@pytest.mark.parametrize(
    "X",
    [
        np.column_stack([people(), np.full(400, 3.0)]),
        people()[:, :1],
        people() * 1e-6,
        people() * 1e9,
        people(n_rows=2),
        np.repeat(people(n_rows=3), 30, axis=0),
        (people() > 0).astype(float),
        np.vstack([people(), np.full(4, 1e9)]),
    ],
    ids=[
        *("constant column", "one column", "small", "large", "two rows", "repeated"),
        *("binary alone", "an outlier"),
    ],
)
def test_degenerate_table_gives_finite_results(X, params):
    embedder = quick(**params).fit(X)
    assert np.isfinite(embedder.transform(X)).all()
    assert np.isfinite(embedder.reconstruction_error_)


# ---- refusals --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_layer_sizes": (8, 0)}, r"integers of 1 or more; got \(8, 0\)"),
        ({"hidden_layer_sizes": (8, 2.5)}, r"integers of 1 or more; got \(8, 2.5\)"),
        ({"n_components": 0}, "'n_components' parameter .* Got 0"),
        ({"activation": "swish"}, "'activation' parameter .* Got 'swish'"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter .* Got 1.0"),
        ({"loss": "hinge"}, "'loss' parameter .* Got 'hinge'"),
        ({"n_init": 0}, "'n_init' parameter .* Got 0"),
        ({"kl_weight": -1.0}, "'kl_weight' parameter .* Got -1.0"),
        ({"match_columns": "both"}, "'match_columns' parameter .* Got 'both'"),
        ({"device": "abacus"}, "`device` must be .*; got 'abacus'"),
        ({"device": "cuda:99"}, "`device` must be .*; got 'cuda:99'"),
    ],
)
def test_parameter_out_of_range_is_refused(params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(people())


def test_numbers_too_large_to_square_are_refused():
    X = people()
    X[3, 1] = 1e200
    with pytest.raises(ValueError, match=r"below 1e\+150 .* got 1e\+200 in column 1"):
        quick().fit(X)


@no_better_than_pca
def test_latent_points_of_another_dimension_are_refused():
    embedder = quick().fit(people())
    with pytest.raises(ValueError, match=r"one column per component \(2\); got 4"):
        embedder.inverse_transform(people())


@no_better_than_pca
def test_validation_rows_with_other_columns_are_refused():
    with pytest.raises(ValueError, match="X has 3 features"):
        quick().fit(people(), X_val=people()[:, :3])


# ---- optional packages -----------------------------------------------------------
@pytest.mark.parametrize("package", ["torch", "skorch"])
def test_missing_extra_names_the_estimator_and_the_command(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # its import fails
    text = (
        f"AutoencoderEmbedder needs the package {package}, which is not installed. "
        r"Install it with: pip install 'sklearn-equity\[torch\]'"
    )
    with pytest.raises(MissingDependencyError, match=text):
        AutoencoderEmbedder().fit(people())
