"""Of what is an autoencoder made? Dense layers, or any modules of the user's.

Nothing here draws from torch's global random state: starting weights come from seeds
handed in.
"""

import contextlib
import copy
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn

Activation = Literal["identity", "logistic", "tanh", "relu"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}
_STARTING_BIAS = 0.1


class Autoencoder(nn.Module):
    """An encoder to the latent space and a decoder back from it.

    Parameters
    ----------
    encoder, decoder : torch.nn.Module
        What maps rows to the latent space, and points of it to rows.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, X: torch.Tensor) -> Any:
        """Reconstruct rows from their place in the latent space."""
        return self.decoder(self.encoder(X))

    def encode(self, X: torch.Tensor) -> torch.Tensor:
        """Place rows in the latent space."""
        latent: torch.Tensor = self.encoder(X)
        return latent


class DenseAutoencoder(Autoencoder):
    """Dense layers down to the latent space, and the same sizes back up.

    Parameters
    ----------
    layer_sizes : sequence of int
        Columns of the table, the hidden layers, columns of the latent space.
    activation : {"identity", "logistic", "tanh", "relu"}
        What follows every layer but the latent and the last one.
    seed : int
        Seed of the starting weights.
    """

    def __init__(
        self, layer_sizes: Sequence[int], activation: Activation, seed: int
    ) -> None:
        random_state = check_random_state(seed)
        super().__init__(
            dense_layers(layer_sizes, activation, random_state),
            dense_layers(layer_sizes[::-1], activation, random_state),
        )
        self.layer_sizes = tuple(layer_sizes)
        self.activation = activation


def dense_layers(
    sizes: Sequence[int], activation: Activation, random_state: np.random.RandomState
) -> nn.Sequential:
    """Stack linear layers with an activation between every two of them."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        if layers and activation in _ACTIVATIONS:
            layers.append(_ACTIVATIONS[activation]())
        layers.append(_glorot_linear(n_in, n_out, random_state))
    return nn.Sequential(*layers)


def _glorot_linear(
    n_in: int, n_out: int, random_state: np.random.RandomState
) -> nn.Linear:
    """Make a linear layer with Glorot's uniform weights and small positive biases.

    torch's own initialisation draws from the global random state, and its biases leave
    ReLUs that never fire; so do biases of 0, for some of the seeds.
    """
    layer = nn.utils.skip_init(
        nn.Linear, n_in, n_out, device="cpu", dtype=torch.float32
    )
    bound = np.sqrt(6.0 / (n_in + n_out))
    weight = random_state.uniform(-bound, bound, size=(n_out, n_in))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.fill_(_STARTING_BIAS)
    return layer


# ---- modules of the user's -------------------------------------------------------
def copy_modules(
    encoder: Any, decoder: Any, *, n_features: int, n_latent: int, n_components: int
) -> tuple[nn.Module, nn.Module]:
    """Copy a user's modules in single precision, and see that their shapes fit.

    Raises
    ------
    TypeError
        If one of them is no module.
    ValueError
        If one of them cannot take the rows, or gives others than are needed.
    """
    given = (encoder, decoder)
    for name, module in zip(("encoder", "decoder"), given, strict=True):
        if not isinstance(module, nn.Module):
            what = "one was given without the other" if module is None else repr(module)
            msg = (
                "`encoder` and `decoder` must both be instances of torch.nn.Module, "
                f"or both None; as `{name}` got {what}."
            )
            raise TypeError(msg)
    encoder, decoder = (copy.deepcopy(module).cpu().float() for module in given)
    _try_module(encoder, "encoder", n_features, n_latent, n_components)
    _try_module(decoder, "decoder", n_components, n_features, n_components)
    return encoder, decoder


def _try_module(
    module: nn.Module, name: str, n_in: int, n_out: int, n_components: int
) -> None:
    """Send two rows of zeros through a module, in single and in double precision."""
    if name == "encoder" and n_out != n_components:
        wanted = f"{n_out} columns (means, then the logarithms of variances)"
    else:
        wanted = f"{n_out} columns"
    rule = f"`{name}` must map rows of {n_in} columns to {wanted}"
    for dtype in (torch.float32, torch.float64):
        # The first trial gives lazy layers their sizes: the second is on a copy.
        part = module if dtype == torch.float32 else copy.deepcopy(module).double()
        training = part.training
        part.eval()
        try:
            with torch.no_grad():
                result = part(torch.zeros(2, n_in, dtype=dtype))
        except Exception as error:
            reason = str(error).splitlines()[0]
            msg = f"{rule}, in single and double precision; it failed: {reason}"
            raise ValueError(msg) from error
        part.train(training)
        if not isinstance(result, torch.Tensor) or result.shape != (2, n_out):
            got = (
                f"shape {tuple(result.shape)}"
                if isinstance(result, torch.Tensor)
                else type(result).__name__
            )
            raise ValueError(f"{rule}; for 2 rows it gave {got}.")


_GLOBAL_RANDOM_STATE = threading.RLock()


@contextlib.contextmanager
def borrowed_random_state(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed torch's global generators for a while, and leave them as they were.

    Modules of the user's, such as dropout, draw from no other. There is one for all
    Python threads: they take turns.
    """
    target = torch.device(device)
    on_gpu = target.type == "cuda"
    gpus = [target if target.index is not None else 0] if on_gpu else []
    with _GLOBAL_RANDOM_STATE, torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(target):
                torch.cuda.manual_seed(seed)
        yield
