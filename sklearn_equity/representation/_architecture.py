"""What is trained, and what is to be as small as possible?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sklearn_equity.representation._modules import (
    Autoencoder,
    DenseAutoencoder,
    borrowed_random_state,
    copy_modules,
)
from sklearn_equity.representation._variational import (
    VariationalAutoencoder,
    VariationalLoss,
    dense_variational_autoencoder,
)


class ColumnLoss(nn.Module):
    """Mean over rows and columns of squared error, or of cross-entropy on logits.

    Parameters
    ----------
    binary_columns : ndarray of bool of shape (n_features,)
        True for the columns that are judged by cross-entropy.
    """

    _entropic: torch.Tensor
    _squared: torch.Tensor

    def __init__(self, binary_columns: NDArray[np.bool_]) -> None:
        super().__init__()
        self.binary_columns = binary_columns
        entropic = torch.from_numpy(np.flatnonzero(binary_columns))
        squared = torch.from_numpy(np.flatnonzero(~binary_columns))
        self.register_buffer("_entropic", entropic)
        self.register_buffer("_squared", squared)

    def forward(self, output: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Compare what the decoder gave with the rows."""
        if not len(self._entropic):
            return nn.functional.mse_loss(output, rows)
        squares = nn.functional.mse_loss(
            output[:, self._squared], rows[:, self._squared], reduction="sum"
        )
        entropy = nn.functional.binary_cross_entropy_with_logits(
            output[:, self._entropic], rows[:, self._entropic], reduction="sum"
        )
        return (squares + entropy) / rows.numel()


@dataclass(frozen=True)
class Architecture:
    """What the network is made of.

    Parameters
    ----------
    layer_sizes : tuple of int
        Columns of the table, the hidden layers, columns of the latent space.
    activation : str
        What follows the hidden layers.
    binary_columns : ndarray of bool of shape (n_features,)
        True for the columns whose output is a logit.
    kl_weight : float or None
        Of the variational loss; None for the plain autoencoder.
    encoder, decoder : torch.nn.Module or None
        Modules of the user's, in place of hidden layers.
    """

    layer_sizes: tuple[int, ...]
    activation: Any
    binary_columns: NDArray[np.bool_]
    kl_weight: float | None
    encoder: nn.Module | None
    decoder: nn.Module | None

    @property
    def has_modules_of_user(self) -> bool:
        """Whether the modules are the user's, and may draw from global generators."""
        return self.encoder is not None or self.decoder is not None

    @property
    def is_linear(self) -> bool:
        """Whether all maps are known to be linear, so that PCA is the optimum."""
        if self.has_modules_of_user:
            return False
        return self.activation == "identity" or len(self.layer_sizes) == 2

    def build(self, seed: int) -> Autoencoder:
        """Make the network; modules of the user's keep the weights that they have."""
        variational = self.kl_weight is not None
        if not self.has_modules_of_user:
            make = dense_variational_autoencoder if variational else DenseAutoencoder
            return make(self.layer_sizes, self.activation, seed)
        n_components = self.layer_sizes[-1]
        with borrowed_random_state(seed):
            modules = copy_modules(
                self.encoder,
                self.decoder,
                n_features=self.layer_sizes[0],
                n_latent=2 * n_components if variational else n_components,
                n_components=n_components,
            )
        return (VariationalAutoencoder if variational else Autoencoder)(*modules)

    def criterion(self) -> nn.Module:
        """Make the loss that is minimised."""
        loss = ColumnLoss(self.binary_columns)
        return loss if self.kl_weight is None else VariationalLoss(loss, self.kl_weight)
