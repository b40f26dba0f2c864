"""How is the network trained? The one file of this stage that imports torch and skorch.

The network is a skorch net, made cheap for small dense nets: batches are slices of one
tensor, the optimiser is fused, and the history keeps epochs and no batches. Nothing
global is left changed: weights and row orders are drawn from seeds handed in, and torch
computes on one thread only while this file is at work.
"""

import contextlib
import copy
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.callbacks import Callback, PrintLog
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn

Activation = Literal["identity", "logistic", "tanh", "relu"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}
_STARTING_BIAS = 0.1
_ROWS_AT_ONCE = 8192  # what is evaluated in one go: bounds the memory, not the result
_LEAST_GAIN = 1e-4  # an epoch is better if it lowers the loss by this share of it


class Autoencoder(nn.Module):
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
        super().__init__()
        random_state = check_random_state(seed)
        self.encoder = _dense_layers(layer_sizes, activation, random_state)
        self.decoder = _dense_layers(layer_sizes[::-1], activation, random_state)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Reconstruct rows from their place in the latent space."""
        reconstruction: torch.Tensor = self.decoder(self.encoder(X))
        return reconstruction


def _dense_layers(
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


class TensorSlices:
    """Batches as slices of one tensor; every row is its own target.

    torch's DataLoader fetches and stacks single rows, which takes several times as long
    as the training step of a small net.
    """

    def __init__(
        self, dataset: Dataset, batch_size: int, *, shuffle: bool = False, seed: int = 0
    ) -> None:
        self.rows = torch.as_tensor(dataset.X)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if not self.shuffle:
            for batch in self.rows.split(self.batch_size):
                yield batch, batch
            return
        order = torch.randperm(len(self.rows), generator=self.generator, device="cpu")
        for chosen in order.to(self.rows.device).split(self.batch_size):
            batch = self.rows[chosen]
            yield batch, batch


class EpochNet(NeuralNet):
    """A skorch net whose history has one entry an epoch and none a batch."""

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return []

    def run_single_epoch(
        self,
        iterator: TensorSlices | None,
        training: bool,  # noqa: ARG002, FBT001  the signature is skorch's
        prefix: str,
        step_fn: Any,
        **fit_params: Any,
    ) -> None:
        """Train or validate once through the rows and record their mean loss."""
        if iterator is None:
            return
        total, n_rows = 0.0, 0
        for batch in iterator:
            loss = step_fn(batch, **fit_params)["loss"]
            total = total + loss.detach().double() * len(batch[0])
            n_rows += len(batch[0])
        self.history.record(f"{prefix}_loss", float(total) / n_rows)


class PatienceExhaustedError(Exception):
    """Ends the training; skorch's own signal is the user's Ctrl-C, which must pass."""


class BestEpoch(Callback):
    """Stops when the loss no longer falls, and restores the weights of its minimum."""

    def __init__(self, monitor: str, patience: int) -> None:
        self.monitor = monitor
        self.patience = patience

    def on_train_begin(self, net: EpochNet, **_: Any) -> None:
        """Forget earlier trainings; without one finite loss the start stays."""
        self.best_loss_ = np.inf
        self.best_weights_ = copy.deepcopy(net.module_.state_dict())
        self.epochs_without_gain_ = 0

    def on_epoch_end(self, net: EpochNet, **_: Any) -> None:
        """Keep the weights if they are the best so far; else count the epoch."""
        loss = net.history[-1, self.monitor]
        if loss < self.best_loss_ * (1.0 - _LEAST_GAIN) or (
            np.isinf(self.best_loss_) and np.isfinite(loss)
        ):
            self.best_loss_ = loss
            self.best_weights_ = copy.deepcopy(net.module_.state_dict())
            self.epochs_without_gain_ = 0
            return
        self.epochs_without_gain_ += 1
        if self.epochs_without_gain_ >= self.patience:
            raise PatienceExhaustedError

    def on_train_end(self, net: EpochNet, **_: Any) -> None:
        """Put the best weights back, and keep no second copy of them."""
        net.module_.load_state_dict(self.best_weights_)
        del self.best_weights_


def train(
    rows: NDArray[np.float32],
    validation_rows: NDArray[np.float32] | None,
    *,
    layer_sizes: Sequence[int],
    activation: Activation,
    learning_rate: float,
    weight_decay: float,
    batch_size: int,
    max_epochs: int,
    patience: int,
    device: str,
    seed: int,
    verbose: int,
) -> EpochNet:
    """Train one network on prepared rows; the best epoch's weights are kept."""
    target = torch.device(device)
    valid = None if validation_rows is None else _as_tensor(validation_rows, target)
    monitor = "train_loss" if valid is None else "valid_loss"
    callbacks: list[tuple[str, Callback]] = [
        ("best_epoch", BestEpoch(monitor, patience))
    ]
    if verbose:
        callbacks.insert(0, ("print_log", PrintLog()))
    net = EpochNet(
        Autoencoder,
        module__layer_sizes=tuple(layer_sizes),
        module__activation=activation,
        module__seed=seed,
        criterion=nn.MSELoss,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        optimizer__weight_decay=weight_decay,
        lr=learning_rate,
        batch_size=batch_size,
        max_epochs=max_epochs,
        iterator_train=TensorSlices,
        iterator_train__shuffle=True,
        iterator_train__seed=seed,
        iterator_valid=TensorSlices,
        iterator_valid__batch_size=_ROWS_AT_ONCE,
        train_split=None if valid is None else predefined_split(Dataset(valid)),
        callbacks=callbacks,
        device=device,
        verbose=verbose,
    )
    with one_thread():
        _run(net, _as_tensor(rows, target))
    return net


def _as_tensor(rows: NDArray[np.float32], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(rows).to(device)


def _run(net: EpochNet, rows: torch.Tensor) -> None:
    """Run the training loop; what is left can be pickled and holds no data.

    skorch's ``fit`` takes Ctrl-C for its own signal to stop and goes on as if all were
    well, so its steps are called here one by one.
    """
    net.initialize()
    net.notify("on_train_begin", X=rows, y=None)
    with contextlib.suppress(PatienceExhaustedError):
        net.fit_loop(rows)
    net.notify("on_train_end", X=rows, y=None)
    net.train_split = None
    net.optimizer_.state.clear()
    net.module_.to("cpu")
    net.device = "cpu"


def resolve_device(device: str) -> str:
    """Check that torch can compute on `device`; "auto" takes a GPU if there is one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        msg = (
            f'`device` must be "cpu", "auto" or a device that torch can use here; got '
            f"{device!r}: {reason}"
        )
        raise ValueError(msg) from error
    return device


def apply(part: nn.Module, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Send rows through the encoder, the decoder or both, in double precision.

    In single precision a row's values would depend in their last digits on which rows
    were sent along with it.
    """
    part = copy.deepcopy(part).double().eval()
    with one_thread(), torch.no_grad():
        blocks = [
            part(torch.from_numpy(rows[start : start + _ROWS_AT_ONCE])).numpy()
            for start in range(0, len(rows), _ROWS_AT_ONCE)
        ]
    return np.concatenate(blocks)


class _OneThread:
    """Let torch compute on one thread; the last to leave finds the setting as it was.

    With more threads a small net trains many times slower on a busy machine, and sums
    are rounded differently. The setting is the process's: several fits at once in
    Python threads share the memory of what it was before the first of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._n_threads_before = 1

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._n_inside == 0:
                self._n_threads_before = torch.get_num_threads()
            self._n_inside += 1
        torch.set_num_threads(1)
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                torch.set_num_threads(self._n_threads_before)


one_thread = _OneThread()
