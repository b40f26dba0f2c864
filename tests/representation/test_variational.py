"""Is the latent space filled like a Gaussian, and do new rows look like the old?"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch.dataset import Dataset
from torch.distributions import Normal, kl_divergence

from sklearn_equity.representation import AutoencoderEmbedder
from sklearn_equity.representation._architecture import ColumnLoss
from sklearn_equity.representation._network import TensorSlices
from sklearn_equity.representation._variational import NoisySlices, VariationalLoss


def people(n_rows=2000, seed=90311):
    """Two hidden traits, five measurements of them, a diagnosis that follows one."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n_rows, 2))
    weights = np.array([[1, 0.9, 0.1, 0, -0.8], [0, 0.3, 1, -0.9, 0.4]])
    measured = hidden @ weights + rng.normal(scale=0.3, size=(n_rows, 5))
    ill = rng.uniform(size=n_rows) < 1 / (1 + np.exp(-3 * hidden[:, 0]))
    return np.column_stack([measured * [1, 10, 100, 1e-3, 5] + 40, ill])


@pytest.fixture(scope="module")
def fitted():
    embedder = AutoencoderEmbedder(
        variational=True, max_epochs=60, random_state=0, n_init=1
    )
    return embedder.fit(people(n_rows=1000))


@pytest.mark.slow
def test_latent_space_is_standard_and_finds_the_hidden_traits(fitted):
    latent = fitted.transform(people())
    assert np.abs(latent.mean(axis=0)).max() < 0.4
    assert (np.abs(np.cov(latent.T) - np.eye(2)) < 0.5).all()
    assert -fitted.score(people()) < 0.35


def test_new_rows_look_like_those_of_fit(fitted):
    X = people()
    fitted.set_params(random_state=5)
    drawn = fitted.sample(4000)
    assert set(np.unique(drawn[:, 5])) == {0.0, 1.0}
    spread = X.std(axis=0)
    assert (np.abs(drawn.mean(axis=0) - X.mean(axis=0)) / spread < 0.25).all()
    assert_allclose(drawn.std(axis=0) / spread, 1.0, atol=0.2)
    assert np.abs(np.corrcoef(drawn.T) - np.corrcoef(X.T)).max() < 0.25


def test_integer_random_state_draws_the_same_rows_every_time(fitted):
    assert_array_equal(fitted.set_params(random_state=5).sample(7), fitted.sample(7))
    other = fitted.set_params(random_state=6).sample(7)
    assert np.abs(other - fitted.set_params(random_state=5).sample(7)).max() > 0.01


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_price_of_clouds_shrinks_the_latent_space_to_a_point():
    X = people(n_rows=400)
    params = {"variational": True, "max_epochs": 25, "n_init": 1, "random_state": 0}
    cheap = AutoencoderEmbedder(kl_weight=1e-3, **params).fit(X)
    dear = AutoencoderEmbedder(kl_weight=1e3, **params).fit(X)
    assert dear.transform(X).std() < 0.05 < cheap.transform(X).std()
    assert cheap.score(X) > dear.score(X)


def test_loss_against_torch_distributions():
    generator = torch.Generator().manual_seed(31)
    rows, output = torch.randn(2, 6, 5, generator=generator)
    mean, log_variance = torch.randn(2, 6, 3, generator=generator)
    loss = VariationalLoss(ColumnLoss(np.zeros(5, dtype=bool)), kl_weight=0.7)
    clouds = Normal(mean, torch.exp(log_variance / 2))
    divergence = kl_divergence(clouds, Normal(0.0, 1.0)).sum(dim=1)
    by_row = ((rows - output) ** 2).mean(dim=1) + 0.7 * divergence / 5
    assert_allclose(loss((output, mean, log_variance), rows), by_row.mean(), rtol=1e-5)


def test_validation_meets_the_same_noise_in_every_epoch_and_training_another():
    rows = Dataset(torch.zeros(10, 4))
    params = {"slices": TensorSlices, "n_components": 2, "seed": 3, "batch_size": 4}

    def noise(slices):
        return torch.cat([batch["noise"] for batch, _ in slices])

    fixed = NoisySlices(rows, **params)
    assert torch.equal(noise(fixed), noise(fixed))
    fresh = NoisySlices(rows, shuffle=True, **params)
    assert not torch.equal(noise(fresh), noise(fresh))


def test_plain_embedder_has_no_sample_and_says_why():
    with pytest.raises(AttributeError, match="has no attribute 'sample'") as caught:
        AutoencoderEmbedder().sample(3)
    assert "needs an embedder with variational=True" in str(caught.value.__cause__)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_plain_embedder_called_variational_after_fit_draws_nothing():
    embedder = AutoencoderEmbedder(max_epochs=1, n_init=1).fit(people(n_rows=100))
    embedder.set_params(variational=True).partial_fit(people(n_rows=100))
    with pytest.raises(ValueError, match="this one was fitted without"):
        embedder.sample(3)


@pytest.mark.parametrize("n", [0, -1, 2.5, "3"])
def test_number_of_rows_must_be_a_positive_integer(fitted, n):
    with pytest.raises(ValueError, match="`n` must be an integer of 1 or more; got"):
        fitted.sample(n)
