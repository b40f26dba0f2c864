"""What do the parameters of an embedder ask of a training?

Which rows train and which stop the training, what the network looks like, how long it
is trained, and what counts as a failure.
"""

from collections.abc import Callable, Sequence
from numbers import Integral
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.representation._columns import ColumnPreparation, cut_blocks
from sklearn_equity.representation._diagnosis import Diagnosis
from sklearn_equity.representation._trained import TrainedAutoencoder
from sklearn_equity.representation._training import (
    collect_history,
    count_rows_aside,
    fit_batch_size,
)

_Rows = NDArray[np.float32]


class PlannedAutoencoder(TrainedAutoencoder):
    """From the parameters of an embedder, and a table, to what trains its network."""

    n_components: int
    hidden_layer_sizes: Sequence[int]
    activation: str
    encoder: Any
    decoder: Any
    loss: str
    kl_weight: float
    learning_rate: float
    batch_size: int
    max_epochs: int
    patience: int
    validation_fraction: float | None
    weight_decay: float
    verbose: int
    n_features_in_: int

    # ---- preparation -------------------------------------------------------------
    def _learn_columns(self, table: NDArray[Any]) -> None:
        self._columns = ColumnPreparation(getattr(self, "feature_names_in_", None))
        self._columns.learn(table)
        binary = self._columns.binary
        self._entropic = binary if self.loss == "mixed" else np.zeros_like(binary)
        self._n_features_out = int(self.n_components)
        self._is_variational = self.variational

    def _prepare(
        self,
        table: NDArray[Any],
        validation_table: NDArray[Any] | None,
        random_state: np.random.RandomState,
    ) -> tuple[_Rows, _Rows, _Rows | None]:
        """Return all prepared rows, those that train and those that stop the training.

        Rows set aside lie before the others in the one copy that is made.
        """
        if validation_table is not None:
            self._columns.refuse_beyond_binary(validation_table, name="X_val")
            aside = self._columns.prepare(validation_table, np.float32)
            prepared = self._columns.prepare(table, np.float32)
            return prepared, prepared, aside
        if self.validation_fraction is None:
            prepared = self._columns.prepare(table, np.float32)
            return prepared, prepared, None
        n_aside = count_rows_aside(len(table), self.validation_fraction)
        order = random_state.permutation(len(table))
        prepared = self._columns.prepare(table, np.float32, order=order)
        return prepared, prepared[n_aside:], prepared[:n_aside]

    # ---- training ----------------------------------------------------------------
    def _design(self, network: ModuleType) -> Any:
        hidden = _check_hidden_layer_sizes(self.hidden_layer_sizes)
        return network.Architecture(
            layer_sizes=(self.n_features_in_, *hidden, int(self.n_components)),
            activation=self.activation,
            binary_columns=self._entropic,
            kl_weight=self.kl_weight if self.variational else None,
            encoder=self.encoder,
            decoder=self.decoder,
        )

    def _schedule(self, network: ModuleType, device: str, n_rows: int) -> Any:
        return network.Schedule(
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            batch_size=fit_batch_size(self.batch_size, n_rows),
            max_epochs=self.max_epochs,
            patience=self.patience,
            device=device,
            verbose=int(self.verbose),
        )

    def _finder_of_failure(
        self, rows: _Rows, architecture: Any
    ) -> Callable[[Any, float], str | None]:
        """Make what says of a net and its least loss what is wrong with them."""
        cures = "lower `kl_weight`" if self.variational else "widen the network"
        diagnosis = Diagnosis(
            rows,
            self.n_components,
            linear=architecture.is_linear,
            noise=self.kl_weight / 2 if self.variational else 0.0,
            cures=f"raise `n_init`, `max_epochs` or `patience`, or {cures}",
        )

        def find_failure(net: Any, loss: float) -> str | None:
            latent = self._evaluator(net).encode(rows)
            return diagnosis.describe(
                latent, self._errors(cut_blocks(rows), net).mean(), loss
            )

        return find_failure

    def _record(self, rows: _Rows, validation_rows: _Rows | None) -> None:
        self.history_ = collect_history(self.net_)
        self.n_epochs_ = len(self.net_.history)
        judged = rows if validation_rows is None else validation_rows
        self.reconstruction_error_ = float(self._errors(cut_blocks(judged)).mean())
        if self._is_variational:
            self._residual_scale = self._column_errors(rows)


def _check_hidden_layer_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    if not all(isinstance(size, Integral) and int(size) >= 1 for size in sizes):
        msg = f"`hidden_layer_sizes` must be integers of 1 or more; got {sizes!r}."
        raise ValueError(msg)
    return tuple(int(size) for size in sizes)
