"""How is the network trained? A skorch net, made cheap for small dense nets.

Batches are slices of one tensor, the optimiser is fused, and the history keeps epochs
and no batches. Nothing global is left changed: row orders are drawn from seeds handed
in, and torch computes on one thread only while this file is at work.
"""

import contextlib
import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.callbacks import Callback, PrintLog
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from sklearn_equity.representation._architecture import Architecture, ColumnLoss
from sklearn_equity.representation._compute import (
    Evaluator,
    one_thread,
    resolve_device,
)
from sklearn_equity.representation._dense_engine import DenseEngine
from sklearn_equity.representation._modules import (
    DenseAutoencoder,
    borrowed_random_state,
)
from sklearn_equity.representation._principal_start import draw_layers
from sklearn_equity.representation._variational import NoisySlices

__all__ = [
    "Architecture",
    "Evaluator",
    "Schedule",
    "resolve_device",
    "snapshot",
    "start_net",
    "train",
    "train_chunk",
]

_ROWS_AT_ONCE = 8192  # what is validated in one go: bounds the memory, not the result
_LEAST_GAIN = 1e-4  # an epoch is better if it lowers the loss by this share of it


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

    def draw_order(self) -> torch.Tensor:
        """Shuffle the rows' numbers for an epoch."""
        return torch.randperm(len(self.rows), generator=self.generator, device="cpu")

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if not self.shuffle:
            for batch in self.rows.split(self.batch_size):
                yield batch.clone(), batch  # a module may work in place
            return
        order = self.draw_order()
        for chosen in order.to(self.rows.device).split(self.batch_size):
            batch = self.rows[chosen]
            yield batch.clone(), batch


class EpochNet(NeuralNet):
    """A skorch net whose history has one entry an epoch and none a batch.

    While it has an engine, that computes in place of torch, on the same parameters.
    """

    engine: DenseEngine | None = None

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return []

    def run_single_epoch(
        self,
        iterator: TensorSlices | NoisySlices | None,
        training: bool,  # noqa: FBT001  the signature is skorch's
        prefix: str,
        step_fn: Any,
        **fit_params: Any,
    ) -> None:
        """Train or validate once through the rows and record their mean loss."""
        if iterator is None:
            return
        if self.engine is not None and isinstance(iterator, TensorSlices):
            loss = self._run_by_engine(self.engine, iterator, training=training)
            self.history.record(f"{prefix}_loss", loss)
            return
        total, n_rows = 0.0, 0
        for batch in iterator:
            loss = step_fn(batch, **fit_params)["loss"]
            total = total + loss.detach().double() * len(batch[1])
            n_rows += len(batch[1])
        self.history.record(f"{prefix}_loss", float(total) / n_rows)

    def _run_by_engine(
        self, engine: DenseEngine, iterator: TensorSlices, *, training: bool
    ) -> float:
        rows = iterator.rows.numpy()
        if not training:
            return engine.mean_loss(rows)
        learning_rate = self.optimizer_.param_groups[0]["lr"]
        return engine.train_epoch(rows, iterator.draw_order().numpy(), learning_rate)

    def take_engine(self) -> None:
        """Let NumPy train a plain dense net on a CPU; torch shares its parameters."""
        module, loss = self.module_, self.criterion_
        plain = type(module) is DenseAutoencoder and type(loss) is ColumnLoss
        if not plain or torch.device(self.device).type != "cpu":
            return
        self.engine = DenseEngine(
            module.layer_sizes,
            module.activation,
            batch_size=self.batch_size,
            weight_decay=self.optimizer_.param_groups[0]["weight_decay"],
            binary_columns=loss.binary_columns,
        )
        views = itertools.chain.from_iterable(self.engine.layers)
        for parameter, view in zip(module.parameters(), views, strict=True):
            view[...] = parameter.detach().numpy()
            parameter.data = torch.from_numpy(view)

    def leave_engine(self) -> None:
        """Give the parameters memory of their own again."""
        if self.engine is None:
            return
        self.engine = None
        for parameter in self.module_.parameters():
            parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)


# ---- when to stop ----------------------------------------------------------------
class EpochWatcher(Protocol):
    """Somebody who is told of every epoch, and may end the training."""

    def epoch_begins(self, net: EpochNet) -> None:
        """Take note that an epoch begins."""

    def epoch_ended(self, net: EpochNet) -> bool:
        """Say whether the training is to end with this epoch."""


class TrainingEndedError(Exception):
    """Ends the training; skorch's own signal is the user's Ctrl-C, which must pass."""


class BestEpoch(Callback):
    """Stops when the loss no longer falls, and restores the weights of its minimum."""

    def __init__(
        self, monitor: str, patience: int, watcher: EpochWatcher | None = None
    ) -> None:
        self.monitor = monitor
        self.patience = patience
        self.watcher = watcher

    def on_train_begin(self, net: EpochNet, **_: Any) -> None:
        """Forget earlier trainings; without one finite loss the start stays."""
        self.best_loss_ = np.inf
        self.best_weights_ = copy.deepcopy(net.module_.state_dict())
        self.epochs_without_gain_ = 0

    def on_epoch_begin(self, net: EpochNet, **_: Any) -> None:
        """Tell the watcher."""
        if self.watcher is not None:
            self.watcher.epoch_begins(net)

    def on_epoch_end(self, net: EpochNet, **_: Any) -> None:
        """Keep the weights if they are the best so far; else count the epoch."""
        loss = net.history[-1, self.monitor]
        if loss < self.best_loss_ * (1.0 - _LEAST_GAIN) or (
            np.isinf(self.best_loss_) and np.isfinite(loss)
        ):
            self.best_loss_ = loss
            self.best_weights_ = copy.deepcopy(net.module_.state_dict())
            self.epochs_without_gain_ = 0
        else:
            self.epochs_without_gain_ += 1
        told_to_end = self.watcher is not None and self.watcher.epoch_ended(net)
        if told_to_end or self.epochs_without_gain_ >= self.patience:
            raise TrainingEndedError

    def on_train_end(self, net: EpochNet, **_: Any) -> None:
        """Put the best weights back, and keep no second copy of them."""
        net.module_.load_state_dict(self.best_weights_)
        del self.best_weights_
        self.watcher = None


# ---- trainings -------------------------------------------------------------------
@dataclass(frozen=True)
class Schedule:
    """How it is trained; the fields are the parameters of `AutoencoderEmbedder`."""

    learning_rate: float
    weight_decay: float
    batch_size: int
    max_epochs: int
    patience: int
    device: str
    verbose: int


def start_net(architecture: Architecture, schedule: Schedule, *, seed: int) -> EpochNet:
    """Make a net that has seen no row."""
    slices: type = TensorSlices
    params: dict[str, Any] = {"seed": seed}
    if architecture.kl_weight is not None:
        n_components = architecture.layer_sizes[-1]
        slices = NoisySlices
        params |= {"slices": TensorSlices, "n_components": n_components}
    net = EpochNet(
        # What makes them, not the made: skorch pickles only its own tensors portably.
        architecture.build,
        module__seed=seed,
        criterion=architecture.criterion,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        optimizer__weight_decay=schedule.weight_decay,
        lr=schedule.learning_rate,
        batch_size=schedule.batch_size,
        max_epochs=schedule.max_epochs,
        iterator_train=slices,
        iterator_train__shuffle=True,
        iterator_valid=slices,
        iterator_valid__batch_size=_ROWS_AT_ONCE,
        train_split=None,
        device=schedule.device,
        verbose=schedule.verbose,
        **{f"iterator_train__{name}": value for name, value in params.items()},
        **{f"iterator_valid__{name}": value for name, value in params.items()},
    )
    return net.initialize()


def train(
    architecture: Architecture,
    schedule: Schedule,
    rows: NDArray[np.float32],
    validation_rows: NDArray[np.float32] | None,
    *,
    seed: int,
    watcher: EpochWatcher | None = None,
) -> EpochNet:
    """Train one network on prepared rows; the best epoch's weights are kept."""
    net = start_net(architecture, schedule, seed=seed)
    monitor = "train_loss"
    if validation_rows is not None:
        monitor = "valid_loss"
        valid = _as_tensor(validation_rows, schedule.device)
        net.train_split = predefined_split(Dataset(valid))
    callbacks: list[tuple[str, Callback]] = [
        ("best_epoch", BestEpoch(monitor, schedule.patience, watcher))
    ]
    if schedule.verbose:
        callbacks.insert(0, ("print_log", PrintLog()))
    net.callbacks = callbacks
    net.initialize_callbacks()
    with contextlib.ExitStack() as stack:
        stack.enter_context(one_thread())
        if architecture.has_modules_of_user:
            stack.enter_context(borrowed_random_state(seed, schedule.device))
        _start_near_pca(net, rows, seed)
        _run(net, _as_tensor(rows, schedule.device))
    return net


def _start_near_pca(net: EpochNet, rows: NDArray[np.float32], seed: int) -> None:
    module, loss = net.module_, net.criterion_
    if type(module) is not DenseAutoencoder or type(loss) is not ColumnLoss:
        return
    layers = draw_layers(
        rows,
        module.layer_sizes,
        module.activation,
        check_random_state(seed),
        binary_columns=loss.binary_columns,
    )
    starts = itertools.chain.from_iterable(layers)
    with torch.no_grad():
        for parameter, start in zip(module.parameters(), starts, strict=True):
            parameter.copy_(torch.from_numpy(start))


def _as_tensor(rows: NDArray[np.float32], device: str) -> torch.Tensor:
    return torch.from_numpy(rows).to(torch.device(device))


def _run(net: EpochNet, rows: torch.Tensor) -> None:
    """Run the training loop; what is left can be pickled and holds no data.

    skorch's ``fit`` takes Ctrl-C for its own signal to stop and goes on as if all were
    well, so its steps are called here one by one.
    """
    net.take_engine()
    net.notify("on_train_begin", X=rows, y=None)
    with contextlib.suppress(TrainingEndedError):
        net.fit_loop(rows)
    net.notify("on_train_end", X=rows, y=None)
    net.leave_engine()
    net.train_split = None
    net.optimizer_.state.clear()
    _move(net, "cpu")


def train_chunk(
    net: EpochNet, rows: NDArray[np.float32], schedule: Schedule, *, seed: int
) -> None:
    """Go once through more rows; weights and the optimiser's moments are carried on."""
    net.batch_size, net.iterator_train__seed = schedule.batch_size, seed
    for group in net.optimizer_.param_groups:
        group["lr"] = schedule.learning_rate
        group["weight_decay"] = schedule.weight_decay
    with contextlib.ExitStack() as stack:
        stack.enter_context(one_thread())
        if net.module.__self__.has_modules_of_user:  # the architecture that built it
            stack.enter_context(borrowed_random_state(seed, schedule.device))
        _move(net, schedule.device)
        net.on_epoch_begin(net)  # a line of the history for every chunk
        chunk = Dataset(_as_tensor(rows, schedule.device))
        net.run_single_epoch(
            net.get_iterator(chunk, training=True),
            training=True,
            prefix="train",
            step_fn=net.train_step,
        )
        _move(net, "cpu")


def _move(net: EpochNet, device: str) -> None:
    """Bring a net to a device, with its loss and the state of its optimiser."""
    net.device = device
    net.module_.to(device)
    net.criterion_.to(device)
    net.optimizer_.load_state_dict(net.optimizer_.state_dict())


def snapshot(net: EpochNet) -> EpochNet:
    """Copy a net in training, so that it can be used as if it were done."""
    taken = object.__new__(type(net))  # skorch's own copy would write and read a file
    module = copy.deepcopy(net.module_).to("cpu")
    taken.__dict__.update(vars(net), module_=module, engine=None)
    return taken
