"""How is a latent space learnt that new rows can be drawn from?

A variational autoencoder places a row not at a point but in a Gaussian cloud, and pays
for every cloud that departs from the standard one; points drawn from the standard
Gaussian then decode to rows like those seen.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from sklearn.utils import check_random_state
from skorch.dataset import Dataset
from torch import nn

from sklearn_equity.representation._modules import (
    Activation,
    Autoencoder,
    dense_layers,
)

_LARGEST_LOG_VARIANCE = 10.0  # keeps the first steps finite when rows lie far out

Cloud = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class VariationalAutoencoder(Autoencoder):
    """An encoder that gives means and log variances, and a decoder from draws."""

    def forward(self, X: torch.Tensor, noise: torch.Tensor | None = None) -> Cloud:
        """Reconstruct rows from a draw of their clouds; without noise, the means.

        Returns the reconstructions, the means, and the logarithms of the variances.
        """
        mean, log_variance = self.encoder(X).chunk(2, dim=1)
        log_variance = log_variance.clamp(max=_LARGEST_LOG_VARIANCE)
        latent = mean
        if noise is not None:
            latent = mean + torch.exp(0.5 * log_variance) * noise
        return self.decoder(latent), mean, log_variance

    def encode(self, X: torch.Tensor) -> torch.Tensor:
        """Place rows at the means of their clouds."""
        mean: torch.Tensor = self.encoder(X).chunk(2, dim=1)[0]
        return mean


def dense_variational_autoencoder(
    layer_sizes: Sequence[int], activation: Activation, seed: int
) -> VariationalAutoencoder:
    """Make a variational autoencoder of dense layers; sizes as for the plain one."""
    random_state = check_random_state(seed)
    *outer, n_components = layer_sizes
    return VariationalAutoencoder(
        dense_layers((*outer, 2 * n_components), activation, random_state),
        dense_layers(layer_sizes[::-1], activation, random_state),
    )


class VariationalLoss(nn.Module):
    """The loss of the columns, and what the clouds cost.

    Parameters
    ----------
    column_loss : torch.nn.Module
        The mean loss over rows and columns of a reconstruction.
    kl_weight : float
        Price of a nat of the Kullback-Leibler divergence from the standard Gaussian,
        shared by the columns: the balance does not depend on their number.
    """

    def __init__(self, column_loss: nn.Module, kl_weight: float) -> None:
        super().__init__()
        self.column_loss = column_loss
        self.kl_weight = kl_weight

    def forward(self, clouds: Cloud, rows: torch.Tensor) -> torch.Tensor:
        """Weigh both up, as means over rows and columns."""
        output, mean, log_variance = clouds
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum()
        loss: torch.Tensor = self.column_loss(output, rows)
        return loss + self.kl_weight * divergence / rows.numel()


class NoisySlices:
    """Batches of another iterator, each with the noise that its clouds are drawn by.

    Parameters
    ----------
    dataset : skorch.dataset.Dataset
        The rows.
    slices : type
        The iterator whose batches these are.
    n_components : int
        Dimensions of the latent space.
    seed : int
        Of the noise. Rows that are not shuffled meet the same noise in every epoch:
        validation losses differ by the network alone.
    **params
        What the iterator takes besides.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        slices: type,
        n_components: int,
        seed: int,
        **params: Any,
    ) -> None:
        self.slices = slices(dataset, seed=seed, **params)
        self.n_components = n_components
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
        if not self.slices.shuffle:
            self.generator.manual_seed(self.seed)
        for batch, target in self.slices:
            shape = (len(batch), self.n_components)
            noise = torch.randn(
                shape, generator=self.generator, dtype=batch.dtype, device="cpu"
            )
            yield {"X": batch, "noise": noise.to(batch.device)}, target
