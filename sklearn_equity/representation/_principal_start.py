"""From which weights does the training of a dense autoencoder start? From PCA's.

Random weights lead every seed to a valley of its own, some of them no lower than PCA.
Here the hidden layers first carry principal components through: the net begins near
the best linear embedding and bends it from there. Trainings end lower, seldom go wrong,
and the embeddings of different seeds resemble each other.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

_Numbers = NDArray[np.floating[Any]]
_Layer = tuple[_Numbers, _Numbers]

_ROWS_LOOKED_AT = 10_000
_LEAST_VARIANCE = 1e-3  # of a component that is carried, as a share of the first one's
_NOISE = 0.1  # share of Glorot's weights that is added: equal units would stay equal
_LEAST_PROBABILITY = 0.01  # no column of 0 and 1 is taken for rarer at the start

# Where activations are nearly linear: what is added to a unit's input, by what numbers
# of unit variance are multiplied to stay there, and value and slope in the middle.
_LINEAR_RANGE = {
    "identity": (0.0, 1.0, 0.0, 1.0),
    "logistic": (0.0, 1.0, 0.5, 0.25),
    "tanh": (0.0, 0.5, 0.0, 1.0),
    "relu": (3.0, 1.0, 3.0, 1.0),
}


@dataclass(frozen=True)
class _Carrier:
    """How a layer carries numbers of unit variance through its activation.

    Its units are activation(into @ numbers + shift), and the numbers are again
    back @ units + unshift.
    """

    into: _Numbers
    shift: _Numbers
    back: _Numbers
    unshift: _Numbers


def draw_layers(
    rows: NDArray[np.float32],
    layer_sizes: Sequence[int],
    activation: str,
    random_state: np.random.RandomState,
    *,
    binary_columns: NDArray[np.bool_] | None = None,
) -> list[_Layer]:
    """Draw the weights and biases of an encoder and its decoder near PCA.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Prepared rows of the table.
    layer_sizes : sequence of int
        Columns of the table, the hidden layers, columns of the latent space; the
        decoder has them in reverse.
    activation : {"identity", "logistic", "tanh", "relu"}
        What follows every layer but the latent and the last one.
    random_state : RandomState instance
        Draws what differs between seeds: small weights added to all.
    binary_columns : ndarray of bool of shape (n_features,) or None, default=None
        True for the columns whose output is a logit.

    Returns
    -------
    list of (weight, bias)
        From the first layer to the last; weights are of shape (n_out, n_in).
    """
    hidden_sizes, n_components = layer_sizes[1:-1], layer_sizes[-1]
    sample = rows[:: -(-len(rows) // _ROWS_LOOKED_AT)].astype(np.float64)
    mean, loadings = _find_components(sample, max(layer_sizes[1:]), random_state)
    n_carried = loadings.shape[1]
    carriers = []
    for size in hidden_sizes:
        n_carried = min(n_carried, _capacity(size, n_components, activation))
        carriers.append(_carry(n_carried, size, activation))
    n_carried = min(n_carried, n_components)
    carriers.append(_leave(n_carried, n_components))
    carriers += [_carry(n_carried, size, activation) for size in hidden_sizes[::-1]]
    into, shift = loadings[:, :n_carried], mean
    if binary_columns is not None:
        into, shift = _as_logits(into, shift, binary_columns)
    back = np.linalg.pinv(loadings)
    layers = [*_chain(back, -back @ mean, carriers, into, shift)]
    return [_add_noise(layer, random_state) for layer in layers]


def _find_components(
    sample: _Numbers, n_wanted: int, random_state: np.random.RandomState
) -> tuple[_Numbers, _Numbers]:
    """Return the columns' means, and the loadings of components of unit variance."""
    mean = sample.mean(axis=0)
    n_found = min(n_wanted, *sample.shape)
    _, lengths, axes = randomized_svd(sample - mean, n_found, random_state=random_state)
    deviations = lengths / np.sqrt(len(sample))
    kept = (deviations > 0.0) & (deviations**2 >= _LEAST_VARIANCE * deviations[0] ** 2)
    return mean, (axes[kept] * deviations[kept, np.newaxis]).T


def _capacity(size: int, n_components: int, activation: str) -> int:
    """How many numbers a hidden layer carries."""
    in_pairs = activation == "relu" and size // 2 >= n_components
    return size // 2 if in_pairs else size


def _carry(n_numbers: int, size: int, activation: str) -> _Carrier:
    """Carry numbers through a hidden layer, by more directions than numbers if it can.

    ReLUs in opposite pairs carry any number, and bend where it is 0; if there are too
    few of them, and with other activations, numbers stay in the nearly linear range.
    """
    if activation == "relu" and size >= 2 * n_numbers:
        directions = _directions(size // 2, n_numbers)
        inverse = np.linalg.pinv(directions)
        odd = [(0, size % 2), (0, 0)]
        into = np.pad(np.concatenate([directions, -directions]), odd)
        back = np.pad(np.concatenate([inverse, -inverse], axis=1), odd[::-1])
        return _Carrier(into, np.zeros(size), back, np.zeros(n_numbers))
    start, scale, value, slope = _LINEAR_RANGE[activation]
    into = scale * _directions(size, n_numbers)
    back = np.linalg.pinv(into) / slope
    return _Carrier(into, np.full(size, start), back, -value * back.sum(axis=1))


def _directions(n_directions: int, n_numbers: int) -> _Numbers:
    """Take the axes, then the diagonals between two of them, and begin again."""
    axes = np.eye(n_numbers)
    diagonals = (
        (first + sign * second) / np.sqrt(2.0)
        for first, second in itertools.combinations(axes, 2)
        for sign in (1.0, -1.0)
    )
    different = [*itertools.islice(itertools.chain(axes, diagonals), n_directions)]
    return np.resize(different, (n_directions, n_numbers))


def _leave(n_numbers: int, size: int) -> _Carrier:
    """Carry numbers as they are, one a unit: the latent layer is linear."""
    into = np.eye(size, n_numbers)
    return _Carrier(into, np.zeros(size), into.T, np.zeros(n_numbers))


def _as_logits(
    into: _Numbers,
    shift: _Numbers,
    binary_columns: NDArray[np.bool_],
) -> _Layer:
    """Give logits for columns of 0 and 1, right in the first order around the mean."""
    mean = shift.clip(_LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)
    slopes = np.where(binary_columns, 1.0 / (mean * (1.0 - mean)), 1.0)
    logits = np.log(mean / (1.0 - mean))
    return slopes[:, np.newaxis] * into, np.where(binary_columns, logits, shift)


def _chain(
    back: _Numbers,
    unshift: _Numbers,
    carriers: Sequence[_Carrier],
    into: _Numbers,
    shift: _Numbers,
) -> Iterator[_Layer]:
    """Join what reads the numbers from a layer with what brings them into the next."""
    ends = [(into, shift)]
    entries = [(carrier.into, carrier.shift) for carrier in carriers] + ends
    exits = [(back, unshift)] + [
        (carrier.back, carrier.unshift) for carrier in carriers
    ]
    for (back, unshift), (into, shift) in zip(exits, entries, strict=True):
        n_numbers = into.shape[1]
        yield into @ back[:n_numbers], into @ unshift[:n_numbers] + shift


def _add_noise(layer: _Layer, random_state: np.random.RandomState) -> _Layer:
    weight, bias = layer
    bound = _NOISE * np.sqrt(6.0 / sum(weight.shape))
    return weight + random_state.uniform(-bound, bound, size=weight.shape), bias
