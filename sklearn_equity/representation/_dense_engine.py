"""How is a plain dense autoencoder trained fast on a CPU? By hand, in NumPy.

A net of a few dozen units is so little arithmetic that calling torch costs many times
as much as computing. Here a step is some forty calls of NumPy into arrays that are made
once: the gradients are written out, all parameters lie in one vector, so that Adam
updates them in a few calls, and every layer's input carries a row of ones for the
biases. What is computed is what torch computes, but for rounding.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

_DECAYS = (0.9, 0.999)  # of Adam's two moments; these and epsilon are torch's defaults
_EPSILON = 1e-8
_NUMBERS_AT_ONCE = 65_536  # of the table, gathered in one go: they stay in the cache


# ---- activations -----------------------------------------------------------------
# What follows a layer, in place, and its slope as a function of what it gave.
def _relu(values: NDArray[Any], zeros: NDArray[Any]) -> None:
    np.maximum(values, zeros, out=values)  # an array is compared faster than a number


def _relu_slope(values: NDArray[Any], slopes: NDArray[Any]) -> None:
    np.sign(values, out=slopes)  # what a ReLU gives is 0 or more


def _tanh(values: NDArray[Any], _: NDArray[Any]) -> None:
    np.tanh(values, out=values)


def _tanh_slope(values: NDArray[Any], slopes: NDArray[Any]) -> None:
    np.multiply(values, values, out=slopes)
    np.subtract(1.0, slopes, out=slopes)


def _logistic(values: NDArray[Any], _: NDArray[Any]) -> None:
    expit(values, out=values)


def _logistic_slope(values: NDArray[Any], slopes: NDArray[Any]) -> None:
    np.multiply(values, values, out=slopes)
    np.subtract(values, slopes, out=slopes)


_InPlace = Callable[[NDArray[Any], NDArray[Any]], None]
_ACTIVATIONS: dict[str, tuple[_InPlace | None, _InPlace | None]] = {
    "identity": (None, None),
    "logistic": (_logistic, _logistic_slope),
    "tanh": (_tanh, _tanh_slope),
    "relu": (_relu, _relu_slope),
}


# ---- the engine ------------------------------------------------------------------
class _Workspace:
    """Room for what is computed for so many rows; inside the net, rows are columns.

    The units of all layers lie in one array, each layer's followed by a row of ones:
    one call finds all slopes, and one product takes weights and biases together.
    """

    def __init__(
        self, inner_sizes: Sequence[int], n_features: int, n_rows: int, dtype: Any
    ) -> None:
        self.units = np.ones((sum(inner_sizes) + len(inner_sizes), n_rows), dtype)
        self.slopes = np.empty_like(self.units)
        self.output = np.empty((n_rows, n_features), dtype)
        self.zeros = [np.zeros((size, n_rows), dtype) for size in inner_sizes]
        shapes = [(size + 1, n_rows) for size in inner_sizes]
        self.units_of = _cut(self.units, shapes)
        self.slopes_of = _cut(self.slopes, shapes)
        self.deltas_of = _cut(np.empty_like(self.units), shapes)


class DenseEngine:
    """Trains the layers of a dense autoencoder with Adam (AdamW with weight decay).

    Parameters
    ----------
    layer_sizes : sequence of int
        Columns of the table, the hidden layers, columns of the latent space; the
        decoder has them in reverse.
    activation : {"identity", "logistic", "tanh", "relu"}
        What follows every layer but the latent and the last one.
    batch_size : int
        Rows a step.
    weight_decay : float, default=0.0
        Share of the parameters, times the learning rate, taken off at every step.
    binary_columns : ndarray of bool of shape (n_features,) or None, default=None
        True for the columns whose output is a logit and judged by cross-entropy; the
        others are judged by squared error. None: squared error throughout.
    dtype : dtype, default=numpy.float32
        The type of all numbers; the rows handed in must have it.

    Attributes
    ----------
    layers : list of (weight, bias)
        Views of the parameters, of torch's shapes: whoever writes into them changes
        the net, and training changes what they show.

    Notes
    -----
    A row's loss is the mean over its columns of squared errors and cross-entropies; a
    batch's loss is the mean over its rows.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str,
        *,
        batch_size: int,
        weight_decay: float = 0.0,
        binary_columns: NDArray[np.bool_] | None = None,
        dtype: Any = np.float32,
    ) -> None:
        sizes = [*layer_sizes, *layer_sizes[-2::-1]]
        self._n_features, *self._inner_sizes, _ = sizes
        activate, self._find_slopes = _ACTIVATIONS[activation]
        self._activate_of: list[_InPlace | None] = [activate] * len(self._inner_sizes)
        self._activate_of[len(layer_sizes) - 2] = None  # the latent layer is linear
        self._batch_size = batch_size
        self._weight_decay = weight_decay
        self._binary = (
            None if binary_columns is None else np.flatnonzero(binary_columns)
        )
        self._workspaces: dict[int, _Workspace] = {}
        self._make_parameters(sizes, dtype)

    def _make_parameters(self, sizes: Sequence[int], dtype: Any) -> None:
        shapes = [(n_out, n_in + 1) for n_in, n_out in itertools.pairwise(sizes)]
        size = sum(math.prod(shape) for shape in shapes)
        self._parameters = np.zeros(size, dtype)
        self._matrices = _cut(self._parameters, shapes)
        self.layers = [(matrix[:, :-1], matrix[:, -1]) for matrix in self._matrices]
        self._powers = np.zeros((2, size), dtype)  # the gradient and its square
        self._gradients = _cut(self._powers[0], shapes)
        self._moments = np.zeros((2, size), dtype)  # their decaying sums
        self._decays = np.repeat(np.array([_DECAYS], dtype).T, size, axis=1)
        self._update = np.empty(size, dtype)
        self._n_steps = 0

    # ---- what is asked of it -----------------------------------------------------
    def train_epoch(
        self, rows: NDArray[Any], order: NDArray[np.intp], learning_rate: float
    ) -> float:
        """Take a step for each batch of `rows` in this `order`.

        Returns the mean loss of the batches, each as it was before its step.
        """
        n_at_once = max(self._n_rows_at_once // self._batch_size, 1) * self._batch_size
        total = 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # the loss will show it
            for block in self._gather(rows, order, n_at_once):
                for start in range(0, len(block), self._batch_size):
                    batch = block[start : start + self._batch_size]
                    total += self._step(batch, learning_rate)
        self._workspaces.clear()
        return total / (len(order) * self._n_features)

    def mean_loss(self, rows: NDArray[Any]) -> float:
        """Judge the net on `rows`."""
        room = self._make_room(min(self._n_rows_at_once, len(rows)))
        total = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(rows), len(room)):
                chosen = rows[start : start + len(room)]
                block = room[: len(chosen)]
                block[:, :-1] = chosen
                total += self._compare(self._forward(block).output, chosen)
        self._workspaces.clear()
        return total / (len(rows) * self._n_features)

    @property
    def _n_rows_at_once(self) -> int:
        return max(_NUMBERS_AT_ONCE // self._n_features, 1)

    def _make_room(self, n_rows: int) -> NDArray[Any]:
        """Make room for rows with a column of ones, which meets the biases."""
        return np.ones((n_rows, self._n_features + 1), self._parameters.dtype)

    def _gather(
        self, rows: NDArray[Any], order: NDArray[np.intp], n_at_once: int
    ) -> Iterator[NDArray[Any]]:
        """Yield the rows in this order, some at a time, with a column of ones."""
        room = self._make_room(min(n_at_once, len(order)))
        gathered = np.empty((len(room), self._n_features), room.dtype)
        for start in range(0, len(order), len(room)):
            chosen = order[start : start + len(room)]
            # Unless told what to do with a wrong index, take fills a copy of its own.
            rows.take(chosen, axis=0, out=gathered[: len(chosen)], mode="clip")
            room[: len(chosen), :-1] = gathered[: len(chosen)]
            yield room[: len(chosen)]

    # ---- one step ----------------------------------------------------------------
    def _step(self, batch: NDArray[Any], learning_rate: float) -> float:
        """Move the parameters once; return the sum of losses over rows and columns."""
        work = self._forward(batch)
        loss = self._compare(work.output, batch[:, :-1])
        self._backward(batch, work)
        if len(batch) != self._batch_size:
            self._powers[0] *= self._batch_size / len(batch)
        self._follow_gradient(learning_rate)
        return loss

    def _forward(self, batch: NDArray[Any]) -> _Workspace:
        """Rebuild the rows of a batch, which carry a one for the biases."""
        work = self._workspaces.get(len(batch))
        if work is None:
            work = _Workspace(
                self._inner_sizes, self._n_features, len(batch), batch.dtype
            )
            self._workspaces[len(batch)] = work
        source = batch.T
        for layer, units in enumerate(work.units_of):
            values = units[:-1]
            np.dot(self._matrices[layer], source, out=values)
            activate = self._activate_of[layer]
            if activate is not None:
                activate(values, work.zeros[layer])
            source = units
        np.dot(source.T, self._matrices[-1].T, out=work.output)
        return work

    def _compare(self, output: NDArray[Any], rows: NDArray[Any]) -> float:
        """Sum the losses; leave half of their slopes in `output`."""
        if self._binary is None:
            output -= rows
            return float(np.vdot(output, output))
        logits = output.take(self._binary, axis=1)
        targets = rows.take(self._binary, axis=1)
        entropy = np.logaddexp(0.0, logits).sum() - np.vdot(targets, logits)
        output -= rows
        output[:, self._binary] = 0.0
        squares = np.vdot(output, output)
        output[:, self._binary] = 0.5 * (expit(logits) - targets)
        return float(squares + entropy)

    def _backward(self, batch: NDArray[Any], work: _Workspace) -> None:
        """Carry the slopes of the loss back through the layers to the gradients.

        They stay in units of 2 / (rows * columns): Adam takes any unit.
        """
        if self._find_slopes is not None:
            self._find_slopes(work.units, work.slopes)
        deltas = work.output.T
        for layer in reversed(range(len(work.units_of))):
            np.dot(deltas, work.units_of[layer].T, out=self._gradients[layer + 1])
            # The last row, that of the ones, is computed along and used by nobody.
            np.dot(self._matrices[layer + 1].T, deltas, out=work.deltas_of[layer])
            deltas = work.deltas_of[layer][:-1]
            if self._activate_of[layer] is not None:
                deltas *= work.slopes_of[layer][:-1]
        np.dot(deltas, batch, out=self._gradients[0])

    def _follow_gradient(self, learning_rate: float) -> None:
        """Update the parameters by Adam, in units that save multiplications.

        With gradients g in units of u, and sums of decaying powers that lack Adam's
        factors 1 - decay, Adam's m / (sqrt(v) + eps) is k m' / (sqrt(v') + eps / s).
        """
        self._n_steps += 1
        gradient, square = self._powers
        np.multiply(gradient, gradient, out=square)
        self._moments *= self._decays
        self._moments += self._powers
        unit = 2.0 / (self._batch_size * self._n_features)
        of_mean, of_square = (
            (1.0 - decay) / (1.0 - decay**self._n_steps) for decay in _DECAYS
        )
        update, root = self._update, math.sqrt(of_square)
        np.sqrt(self._moments[1], out=update)
        update += _EPSILON / (root * unit)
        np.divide(self._moments[0], update, out=update)
        update *= learning_rate * of_mean / root
        if self._weight_decay:
            self._parameters *= 1.0 - learning_rate * self._weight_decay
        self._parameters -= update


def _cut(array: NDArray[Any], shapes: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
    """Cut a contiguous array into views of these shapes, one after the other."""
    stops = np.cumsum([math.prod(shape) for shape in shapes])
    pieces = np.split(array.reshape(-1), stops[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
