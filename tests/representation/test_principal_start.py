"""Does a training start near the best linear embedding, whatever the layers?"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from sklearn_equity.representation import AutoencoderEmbedder, _principal_start
from sklearn_equity.representation._dense_engine import DenseEngine
from sklearn_equity.representation._principal_start import draw_layers

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]


def draw_rows(n_rows=500, n_features=9, seed=61):
    rng = np.random.default_rng(seed)
    strong = rng.normal(size=(n_rows, 4)) * [3.0, 2.0, 1.5, 1.0]
    rows = strong @ rng.normal(size=(4, n_features))
    return (rows + 0.1 * rng.normal(size=rows.shape) + 1.0).astype(np.float32)


def start(rows, layer_sizes, activation="relu", seed=0, binary_columns=None):
    """Return an engine that holds the start."""
    engine = DenseEngine(
        layer_sizes, activation, batch_size=1, binary_columns=binary_columns
    )
    layers = draw_layers(
        rows,
        layer_sizes,
        activation,
        np.random.RandomState(seed),
        binary_columns=binary_columns,
    )
    for views, drawn in zip(engine.layers, layers, strict=True):
        for view, values in zip(views, drawn, strict=True):
            assert view.shape == values.shape
            view[...] = values
    return engine


def error_of_pca(rows, rank):
    pca = PCA(rank).fit(rows.astype(np.float64))
    rebuilt = pca.inverse_transform(pca.transform(rows))
    return float(np.mean((rebuilt - rows) ** 2))


# ---- against PCA -----------------------------------------------------------------
@pytest.mark.parametrize("hidden", [(), (4,), (8, 4), (9, 7, 4), (2, 2), (40, 30)])
@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_without_noise_the_start_is_pca(monkeypatch, activation, hidden):
    monkeypatch.setattr(_principal_start, "_NOISE", 0.0)
    rows = draw_rows()
    if activation == "relu" and hidden == (2, 2):
        rows = rows.clip(
            *np.quantile(rows, [0.05, 0.95], axis=0)
        )  # within 3 deviations
    engine = start(rows, (9, *hidden, 2), activation)
    assert_allclose(engine.mean_loss(rows), error_of_pca(rows, 2), rtol=0.002)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(8, 4, 2), (2,), (5, 3, 3), (40, 30, 6)], ids=str)
def test_start_is_nearer_to_pca_than_to_the_means(activation, sizes):
    rows = draw_rows()
    loss = start(rows, (9, *sizes), activation).mean_loss(rows)
    assert loss < 0.5 * (error_of_pca(rows, sizes[-1]) + float(rows.var(axis=0).mean()))


def test_logits_start_at_the_shares():
    rng = np.random.default_rng(8)
    rows = (rng.random(size=(4000, 3)) < [0.1, 0.5, 0.9]).astype(np.float32)
    binary = np.array([True, True, True])
    engine = start(rows, (3, 2, 1), binary_columns=binary)
    share = rows.mean(axis=0, dtype=np.float64)
    entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share)).mean()
    assert engine.mean_loss(rows) < 1.05 * entropy


# ---- laws ------------------------------------------------------------------------
def test_equal_seeds_draw_equal_starts_and_other_seeds_others():
    rows = draw_rows()
    first, again, other = (
        start(rows, (9, 8, 4, 2), seed=seed).layers for seed in (1, 1, 2)
    )
    for (weight, _), (same, _), (another, _) in zip(first, again, other, strict=True):
        assert_array_equal(weight, same)
        assert (weight != another).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    "rows",
    [np.full((20, 3), 2.0), np.eye(3)[:2], np.zeros((5, 3)), 1e4 * np.eye(3)],
    ids=["equal rows", "two rows", "zeros", "large"],
)
@pytest.mark.parametrize("sizes", [(3, 1), (3, 8, 4, 2), (3, 1, 1), (3, 2, 5)])
def test_degenerate_rows_give_finite_weights(rows, sizes, activation):
    layers = start(rows.astype(np.float32), sizes, activation).layers
    assert all(np.isfinite(part).all() for pair in layers for part in pair)


# ---- what it is for --------------------------------------------------------------
def curved_people(n_rows=1500):
    rng = np.random.default_rng(8130447)
    hidden = rng.normal(size=(n_rows, 2))
    waves = np.sin(hidden @ rng.normal(scale=0.6, size=(2, 12)) + rng.normal(size=12))
    return waves + 0.1 * rng.normal(size=waves.shape)


@pytest.mark.slow
def test_starts_end_lower_and_alike_than_random_ones(monkeypatch):
    X = curved_people()

    def embeddings():
        fits = [
            AutoencoderEmbedder(n_init=1, random_state=seed).fit(X) for seed in range(6)
        ]
        errors = np.array([-fit.score(X) for fit in fits])
        latents = [PCA(2, whiten=True).fit_transform(fit.transform(X)) for fit in fits]
        agreement = [
            # Of two whitened planes: the mean squared canonical correlation.
            (np.linalg.svd(first.T @ second / len(X))[1] ** 2).mean()
            for number, first in enumerate(latents)
            for second in latents[:number]
        ]
        return errors, float(np.median(agreement))

    near_pca, agreement = embeddings()
    monkeypatch.setattr("sklearn_equity.representation._network._start_near_pca",
                        lambda *_: None)  # fmt: skip
    random, agreement_of_random = embeddings()
    print(f"near PCA {near_pca.round(4)}, {agreement:.2f} alike")
    print(f"random {random.round(4)}, {agreement_of_random:.2f} alike")
    assert np.median(near_pca) < np.median(random)
    assert near_pca.max() < random.max()
    assert agreement > agreement_of_random
