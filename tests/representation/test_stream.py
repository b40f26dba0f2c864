"""Can the embedder learn from chunks, and does it say what it then does not know?"""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from sklearn_equity.representation import AutoencoderEmbedder


def people(n_rows, seed=8130447):
    """Three curved columns driven by two hidden numbers, and one of 0 and 1."""
    rng = np.random.default_rng(seed)
    u, v = rng.uniform(-1, 1, size=(2, n_rows))
    noise = rng.normal(scale=0.02, size=(n_rows, 3))
    curved = np.column_stack([u + v, u**2 - v, np.abs(v) + u]) + noise
    return np.column_stack([curved * [1.0, 10.0, 100.0], u > 0])


def learn(chunks, **params):
    embedder = AutoencoderEmbedder(**{"random_state": 0, **params})
    for chunk in chunks:
        embedder.partial_fit(chunk)
    return embedder


def test_many_chunks_beat_pca_as_a_fit_does():
    X, unseen = people(10_000), people(500, seed=3)
    embedder = learn(np.array_split(X, 40))
    prepared = (unseen - X.mean(axis=0)) / X.std(axis=0)
    prepared[:, 3] = unseen[:, 3]
    pca = PCA(2).fit(prepared)
    linear = np.mean((prepared - pca.inverse_transform(pca.transform(prepared))) ** 2)
    assert -embedder.score(unseen) < 0.7 * linear
    assert embedder.n_epochs_ == len(embedder.history_["train_loss"]) == 40


def test_columns_are_standardised_by_all_rows_so_far():
    X = people(3000)
    embedder = learn([X[:10], X[10:500], X[500:]])
    numeric = [0, 1, 2]
    assert_allclose(embedder._columns.centre[numeric], X[:, numeric].mean(axis=0))
    assert_allclose(embedder._columns.scale[numeric], X[:, numeric].std(axis=0))


def test_equal_seeds_give_equal_streams_and_every_chunk_counts():
    chunks = np.array_split(people(600), 6)
    first = learn(chunks).transform(people(50))
    assert_array_equal(learn(chunks).transform(people(50)), first)
    assert np.abs(learn(chunks[:5]).transform(people(50)) - first).max() > 1e-6


def test_stream_goes_on_after_pickling_as_if_nothing_had_happened():
    chunks = np.array_split(people(600), 6)
    halfway = pickle.loads(pickle.dumps(learn(chunks[:3])))
    for chunk in chunks[3:]:
        halfway.partial_fit(chunk)
    assert_array_equal(
        halfway.transform(people(50)), learn(chunks).transform(people(50))
    )


def test_global_random_state_and_threads_stay_untouched():
    before, n_threads = torch.get_rng_state(), torch.get_num_threads()
    learn(np.array_split(people(300), 3))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == n_threads


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_training_goes_on_after_fit():
    X = people(2000)
    embedder = AutoencoderEmbedder(max_epochs=5, n_init=1, random_state=0).fit(X)
    score = embedder.score(X)
    for seed in range(10):
        embedder.partial_fit(people(2000, seed=seed))
    assert embedder.score(X) > score
    assert embedder.n_epochs_ == 15
    assert_array_equal(np.isnan(embedder.history_["valid_loss"]), np.arange(15) >= 5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("start", ["fit", "partial_fit"])
def test_step_size_changed_between_chunks_is_obeyed(start):
    X = people(300)
    embedder = AutoencoderEmbedder(max_epochs=2, n_init=1, random_state=0)
    getattr(embedder, start)(X)
    before = embedder.transform(X)
    embedder.set_params(learning_rate=1e-9).partial_fit(X)
    assert_allclose(embedder.transform(X), before, atol=1e-5)
    embedder.set_params(learning_rate=0.01).partial_fit(X)
    assert np.abs(embedder.transform(X) - before).max() > 0.01


def test_single_rows_and_constant_chunks_are_no_cause_for_alarm():
    X = people(60)
    embedder = learn([X[:1], X[1:2], *np.array_split(X[2:], 3)])
    assert np.isfinite(embedder.transform(X)).all()


def test_variational_stream_can_draw_rows():
    embedder = learn(np.array_split(people(900), 3), variational=True)
    assert np.isfinite(embedder.sample(5)).all()


def test_number_in_a_column_that_began_with_0_and_1_is_refused():
    X = people(100)
    frame = pd.DataFrame(X, columns=["a", "b", "c", "smoker"])
    embedder = learn([frame])
    frame.loc[4, "smoker"] = 20.0
    with pytest.raises(
        ValueError, match=r"Column 'smoker' of `X` .* got 20\. .* chunk"
    ):
        embedder.partial_fit(frame)


def test_chunk_with_other_columns_is_refused():
    embedder = learn([people(100)])
    with pytest.raises(ValueError, match="X has 3 features"):
        embedder.partial_fit(people(100)[:, :3])
