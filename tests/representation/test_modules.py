"""Can any module be the encoder or the decoder, and is one that doesn't fit refused?"""

import copy
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from torch import nn

from sklearn_equity.representation import AutoencoderEmbedder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N_FEATURES = 5


def table(n_rows=301, seed=771):
    return np.random.default_rng(seed).normal(size=(n_rows, N_FEATURES))


def modules(seed=4):
    """Layers with dropout, batch statistics and a residual connection."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(
        nn.Linear(N_FEATURES, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.2),
        nn.Linear(8, 2),
    )  # fmt: skip
    decoder = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, N_FEATURES))
    return {"encoder": encoder, "decoder": decoder}


def embedder(**params):
    defaults = {"max_epochs": 3, "n_init": 1, "random_state": 0}
    return AutoencoderEmbedder(**{**defaults, **params})


@pytest.fixture(autouse=True)
def _global_random_state_is_given_back():
    """The modules of this file are made with torch's global generator."""
    with torch.random.fork_rng():
        yield


def test_modules_are_trained_and_those_given_are_not():
    given = modules()
    before = copy.deepcopy(given["encoder"].state_dict())
    X = table()
    fitted = embedder(**given).fit(X)
    assert fitted.encoder is given["encoder"]
    for name, weights in given["encoder"].state_dict().items():
        assert torch.equal(weights, before[name]), name
    trained = fitted.net_.module_.encoder
    assert not torch.equal(trained[0].weight, before["0.weight"])
    prepared = torch.from_numpy((X - X.mean(axis=0)) / X.std(axis=0))
    with torch.no_grad():
        expected = copy.deepcopy(trained).double().eval()(prepared)
    assert_allclose(fitted.transform(X), expected.numpy(), rtol=1e-9, atol=1e-12)


def test_global_generators_stay_untouched_and_equal_seeds_give_equal_results():
    given, X = modules(), table()
    before = torch.get_rng_state()
    first = embedder(**given, n_init=2).fit(X).transform(X)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert_array_equal(embedder(**given, n_init=2).fit(X).transform(X), first)


def test_training_starts_from_the_weights_given():
    X = table()
    pretrained = embedder(**modules(), max_epochs=25).fit(X)
    again = embedder(
        encoder=pretrained.net_.module_.encoder,
        decoder=pretrained.net_.module_.decoder,
        max_epochs=1,
        learning_rate=1e-9,
    ).fit(X)
    assert_allclose(again.score(X), pretrained.score(X), rtol=0.1)
    assert again.score(X) > embedder(**modules(), max_epochs=1).fit(X).score(X)


def test_frozen_encoder_stays_as_it_is_however_often_training_starts():
    torch.manual_seed(4)
    encoder = nn.Sequential(nn.Linear(N_FEATURES, 8), nn.ReLU(), nn.Linear(8, 2))
    encoder.requires_grad_(False)
    given = {"encoder": encoder, "decoder": nn.Linear(2, N_FEATURES)}
    for n_init in ("auto", 3):
        fitted = embedder(**given, n_init=n_init).fit(table())
        trained = fitted.net_.module_.encoder.state_dict()
        for name, weights in encoder.state_dict().items():
            assert torch.equal(trained[name], weights), (n_init, name)


def test_every_training_starts_from_the_weights_given():
    X, given = table(), modules()
    for n_init in ("auto", 3):
        fitted = embedder(**given, n_init=n_init, max_epochs=1, learning_rate=1e-9)
        trained = fitted.fit(X).net_.module_.encoder[0].weight.detach()
        assert_allclose(trained, given["encoder"][0].weight.detach(), atol=1e-6)


def test_stream_with_dropout_leaves_the_global_generator_and_repeats():
    X, results = table(), []
    given = modules()
    for other_seed in (11, 12):
        torch.manual_seed(other_seed)
        before = torch.get_rng_state()
        stream = embedder(**given).partial_fit(X[:150]).partial_fit(X[150:])
        assert torch.equal(torch.get_rng_state(), before)
        results.append(stream.transform(X))
    assert_array_equal(*results)


def test_survives_clone_and_pickle():
    X = table()
    fitted = embedder(**modules()).fit(X)
    expected = fitted.transform(X)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), expected)
    copied = clone(fitted)
    assert copied.encoder is not fitted.encoder
    assert_array_equal(copied.fit(X).transform(X), expected)
    assert set(fitted.get_params()) == set(embedder().get_params())
    assert "encoder=Sequential(" in repr(fitted)


def test_module_that_works_in_place_leaves_the_targets_alone():
    X, results = table(), []
    for in_place in (False, True):
        torch.manual_seed(4)
        encoder = nn.Sequential(nn.ReLU(inplace=in_place), nn.Linear(N_FEATURES, 2))
        given = {"encoder": encoder, "decoder": nn.Linear(2, N_FEATURES)}
        results.append(embedder(**given).fit(X).history_["valid_loss"])
    assert_array_equal(*results)


def test_lazy_layers_learn_their_sizes():
    X = table()
    lazy = nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyLinear(2))
    fitted = embedder(encoder=lazy, decoder=modules()["decoder"]).fit(X)
    assert fitted.transform(X).shape == (301, 2)


def test_variational_encoder_gives_means_and_log_variances():
    X = table()
    encoder = nn.Linear(N_FEATURES, 4)
    fitted = embedder(
        encoder=encoder, decoder=modules()["decoder"], variational=True
    ).fit(X)
    assert fitted.transform(X).shape == (301, 2)
    assert fitted.sample(3).shape == (3, N_FEATURES)


# ---- refusals --------------------------------------------------------------------
class FixedPrecision(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(N_FEATURES, 2)

    def forward(self, X):
        return self.inner(X) @ torch.eye(2, dtype=torch.float32)


class Pair(nn.Module):
    def forward(self, X):
        return X[:, :2], X[:, 2:]


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (
            {"encoder": nn.Linear(N_FEATURES, 2)},
            TypeError,
            "must both be instances .* as `decoder` got one was given without",
        ),
        (
            {"encoder": nn.Linear, "decoder": nn.Linear(2, N_FEATURES)},
            TypeError,
            "must both be instances of torch.nn.Module, .* as `encoder` got <class",
        ),
        (
            {"encoder": nn.Linear(N_FEATURES, 3), "decoder": nn.Linear(2, N_FEATURES)},
            ValueError,
            r"`encoder` must map rows of 5 columns to 2 columns; .* shape \(2, 3\)",
        ),
        (
            {"encoder": nn.Linear(7, 2), "decoder": nn.Linear(2, N_FEATURES)},
            ValueError,
            "`encoder` must map rows of 5 columns to 2 columns.*; it failed: mat1",
        ),
        (
            {"encoder": nn.Linear(N_FEATURES, 2), "decoder": nn.Linear(2, 4)},
            ValueError,
            r"`decoder` must map rows of 2 columns to 5 columns; .* shape \(2, 4\)",
        ),
        (
            {
                "encoder": nn.Linear(N_FEATURES, 2),
                "decoder": nn.Linear(2, N_FEATURES),
                "variational": True,
            },
            ValueError,
            r"to 4 columns \(means, then the logarithms of variances\); .* \(2, 2\)",
        ),
        (
            {"encoder": FixedPrecision(), "decoder": nn.Linear(2, N_FEATURES)},
            ValueError,
            "in single and double precision; it failed:",
        ),
        (
            {"encoder": Pair(), "decoder": nn.Linear(2, N_FEATURES)},
            ValueError,
            "for 2 rows it gave tuple",
        ),
    ],
)
def test_module_that_does_not_fit_is_refused(params, error, message):
    with pytest.raises(error, match=message):
        embedder(**params).fit(table())
