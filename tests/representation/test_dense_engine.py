"""Does the hand-written training compute what theory and torch's autograd compute?"""

import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_equity.representation import AutoencoderEmbedder, _network
from sklearn_equity.representation._dense_engine import DenseEngine

SIZES = (6, 5, 4, 2)
BINARY = np.array([False, True, False, False, True, False])
ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


def draw_rows(n_rows=103, dtype=np.float64, seed=4416):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, len(BINARY)))
    rows[:, BINARY] = rows[:, BINARY] > 0.3
    return rows.astype(dtype)


def random_engine(activation="relu", sizes=SIZES, seed=77, **params):
    engine = DenseEngine(sizes, activation, **{"batch_size": 10, **params})
    rng = np.random.default_rng(seed)
    for weight, bias in engine.layers:
        weight[...] = rng.normal(scale=0.5, size=weight.shape)
        bias[...] = rng.normal(scale=0.2, size=bias.shape)
    return engine


def parameters_of(engine):
    return np.concatenate([part.ravel() for pair in engine.layers for part in pair])


class TorchReference:
    """The same net, loss and training as a plain torch loop."""

    def __init__(self, engine, sizes, activation, weight_decay=0.0, binary=None):
        widths = [*sizes, *sizes[-2::-1]]
        latent, last = len(sizes) - 2, len(widths) - 2
        modules = []
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
            modules.append(nn.Linear(n_in, n_out))
            if layer not in {latent, last}:
                modules.append(ACTIVATIONS[activation]())
        dtype = torch.from_numpy(np.empty(0, engine.layers[0][0].dtype)).dtype
        self.net = nn.Sequential(*modules).to(dtype)
        self.linear = [m for m in modules if isinstance(m, nn.Linear)]
        with torch.no_grad():
            for module, (weight, bias) in zip(self.linear, engine.layers, strict=True):
                module.weight.copy_(torch.from_numpy(weight))
                module.bias.copy_(torch.from_numpy(bias))
        self.weight_decay = weight_decay
        self.binary = np.zeros(sizes[0], bool) if binary is None else binary
        self.optimizer = None

    def loss(self, rows):
        output = self.net(rows)
        squared = (output - rows) ** 2
        entropy = nn.functional.binary_cross_entropy_with_logits(
            output, rows, reduction="none"
        )
        return torch.where(torch.from_numpy(self.binary), entropy, squared).mean()

    def train_epoch(self, rows, order, batch_size, learning_rate):
        if self.optimizer is None:
            self.optimizer = torch.optim.AdamW(
                self.net.parameters(), lr=learning_rate, weight_decay=self.weight_decay
            )
        total = 0.0
        for batch in torch.from_numpy(rows[order]).split(batch_size):
            self.optimizer.zero_grad()
            loss = self.loss(batch)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(batch)
        return total / len(rows)

    def parameters(self):
        return np.concatenate(
            [
                part.detach().numpy().ravel()
                for module in self.linear
                for part in (module.weight, module.bias)
            ]
        )


# ---- laws ------------------------------------------------------------------------
def test_training_depends_on_the_order_of_the_rows_alone():
    rows, order = draw_rows(), np.random.default_rng(5).permutation(103)
    shuffled, sorted_ = (random_engine(dtype=np.float64) for _ in range(2))
    loss = shuffled.train_epoch(rows, order, 0.01)
    assert loss == sorted_.train_epoch(rows[order], np.arange(103), 0.01)
    assert_array_equal(parameters_of(shuffled), parameters_of(sorted_))


@pytest.mark.parametrize("batch_size", [1, 7, 600, 10_000])
def test_result_does_not_depend_on_how_many_rows_are_gathered(monkeypatch, batch_size):
    rows, order = draw_rows(601), np.random.default_rng(5).permutation(601)
    results = []
    for numbers_at_once in (65_536, 100):
        monkeypatch.setattr(
            "sklearn_equity.representation._dense_engine._NUMBERS_AT_ONCE",
            numbers_at_once,
        )
        engine = random_engine(batch_size=batch_size, dtype=np.float64)
        losses = engine.train_epoch(rows, order, 0.01), engine.mean_loss(rows)
        results.append([*losses, *parameters_of(engine)])
    assert_allclose(*results, rtol=1e-11)


def test_rows_are_only_read():
    rows = draw_rows(dtype=np.float32)
    rows.setflags(write=False)
    before = rows.copy()
    engine = random_engine(binary_columns=BINARY)
    engine.train_epoch(rows, np.arange(103), 0.01)
    engine.mean_loss(rows)
    assert_array_equal(rows, before)


def test_judging_changes_nothing():
    rows, order = draw_rows(), np.arange(103)
    judged, other = (random_engine(dtype=np.float64) for _ in range(2))
    for _ in range(3):
        judged.train_epoch(rows, order, 0.01)
        judged.mean_loss(rows[:50])
        other.train_epoch(rows, order, 0.01)
    assert_array_equal(parameters_of(judged), parameters_of(other))


# ---- hand-worked -----------------------------------------------------------------
def two_weights(first=2.0, second=3.0, **params):
    """One column, one latent unit: x becomes second * first * x."""
    engine = DenseEngine((1, 1), "relu", batch_size=1, dtype=np.float64, **params)
    for (weight, _), value in zip(engine.layers, (first, second), strict=True):
        weight[...] = value
    return engine


def test_first_step_moves_every_parameter_by_the_learning_rate():
    # 1 is rebuilt as 6, 5 too high: all slopes are positive, and Adam's first step is
    # the learning rate against the sign of the slope, whatever its size.
    engine = two_weights()
    loss = engine.train_epoch(np.ones((1, 1)), np.arange(1), 0.1)
    assert loss == (6.0 - 1.0) ** 2
    expected = [2.0 - 0.1, 0.0 - 0.1, 3.0 - 0.1, 0.0 - 0.1]
    assert_allclose(parameters_of(engine), expected, rtol=1e-8)


def test_perfect_reconstruction_leaves_nothing_but_weight_decay():
    engine = two_weights(4.0, 0.25, weight_decay=0.5)
    assert engine.train_epoch(np.ones((1, 1)), np.arange(1), 0.1) == 0.0
    share_kept = 1.0 - 0.1 * 0.5
    assert_allclose(parameters_of(engine), [4.0 * share_kept, 0, 0.25 * share_kept, 0])


@pytest.mark.parametrize(("value", "loss"), [(0.0, np.log(2.0)), (1.0, np.log(2.0))])
def test_logit_of_zero_costs_the_logarithm_of_two(value, loss):
    engine = two_weights(0.0, 0.0, binary_columns=np.array([True]))
    assert_allclose(engine.mean_loss(np.full((3, 1), value)), loss)


def test_certainty_costs_the_logit_when_it_is_wrong_and_nothing_when_right():
    engine = two_weights(0.0, 0.0, binary_columns=np.array([True]))
    engine.layers[1][1][...] = -900.0  # beyond what exp can represent
    assert_allclose(engine.mean_loss(np.array([[1.0], [0.0]])), (900.0 + 0.0) / 2)


# ---- agreement with torch --------------------------------------------------------
every_loss = pytest.mark.parametrize("binary", [None, BINARY], ids=["squares", "mixed"])


@every_loss
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [SIZES, (6, 2), (6, 9, 3)], ids=str)
def test_training_in_double_precision_against_autograd(activation, sizes, binary):
    rows, rng = draw_rows(), np.random.default_rng(5)
    params = {"weight_decay": 0.3, "binary_columns": binary, "dtype": np.float64}
    engine = random_engine(activation, sizes, **params)
    torch_loop = TorchReference(engine, sizes, activation, 0.3, binary)
    for _ in range(4):  # 10 batches of 10 and one of 3 each
        order = rng.permutation(len(rows))
        loss = engine.train_epoch(rows, order, 0.01)
        assert_allclose(loss, torch_loop.train_epoch(rows, order, 10, 0.01), rtol=1e-12)
    assert_allclose(
        parameters_of(engine), torch_loop.parameters(), rtol=1e-9, atol=1e-11
    )
    with torch.no_grad():
        expected = float(torch_loop.loss(torch.from_numpy(rows)))
    assert_allclose(engine.mean_loss(rows), expected, rtol=1e-12)


@every_loss
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_training_in_single_precision_against_torch(activation, binary):
    rows, rng = draw_rows(dtype=np.float32), np.random.default_rng(5)
    engine = random_engine(activation, binary_columns=binary)
    torch_loop = TorchReference(engine, SIZES, activation, binary=binary)
    for _ in range(4):
        order = rng.permutation(len(rows))
        loss = engine.train_epoch(rows, order, 0.003)
        expected = torch_loop.train_epoch(rows, order, 10, 0.003)
        assert_allclose(loss, expected, rtol=1e-5)
    assert parameters_of(engine).dtype == np.float32
    assert_allclose(parameters_of(engine), torch_loop.parameters(), atol=1e-5)


def test_gradient_of_a_unit_far_out_stays_finite_against_autograd():
    rows = 1e4 * draw_rows()
    params = {"binary_columns": BINARY, "dtype": np.float64}
    engine = random_engine("logistic", **params)
    torch_loop = TorchReference(engine, SIZES, "logistic", binary=BINARY)
    order = np.arange(len(rows))
    loss = engine.train_epoch(rows, order, 0.01)
    assert_allclose(loss, torch_loop.train_epoch(rows, order, 10, 0.01), rtol=1e-10)


def test_torch_parameters_can_be_views():
    rows = draw_rows(dtype=np.float32)
    engine = random_engine()
    weight, bias = (torch.from_numpy(part) for part in engine.layers[0])
    start = engine.mean_loss(rows)
    engine.train_epoch(rows, np.arange(103), 0.01)
    assert_array_equal(weight, engine.layers[0][0])
    trained = engine.mean_loss(rows)
    weight.zero_()
    bias.fill_(3.0)
    assert_array_equal(engine.layers[0][0], np.zeros((5, 6)))
    assert trained < start
    assert engine.mean_loss(rows) != trained


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        pytest.param(
            activation, loss, marks=[pytest.mark.slow] * ((i + j) % 2)
        )  # every activation and loss is among the ordinary ones
        for i, activation in enumerate(ACTIVATIONS)
        for j, loss in enumerate(["mixed", "mse"])
    ],
)
def test_fit_by_the_engine_against_fit_by_torch(monkeypatch, activation, loss):
    params = {"activation": activation, "loss": loss, "weight_decay": 0.1, "n_init": 1}
    embedder = AutoencoderEmbedder(max_epochs=20, random_state=3, **params)
    X = draw_rows(400)
    latent, history = embedder.fit_transform(X), embedder.history_
    assert embedder.net_.engine is None, "a trained net is torch's alone"
    monkeypatch.setattr(_network.EpochNet, "take_engine", lambda net: None)
    assert_allclose(embedder.fit_transform(X), latent, atol=1e-4)
    for name, losses in embedder.history_.items():
        assert_allclose(losses, history[name], rtol=1e-5)


# ---- degenerate input ------------------------------------------------------------
def test_divergence_shows_in_the_loss_without_a_warning():
    rows = draw_rows(dtype=np.float32)
    rows[:, 0] = 1e30
    assert not np.isfinite(random_engine().train_epoch(rows, np.arange(103), 0.01))


# ---- memory ----------------------------------------------------------------------
def test_training_takes_a_small_part_of_the_memory_of_the_rows():
    rows = np.ones((150_000, 25), np.float32)
    engine = DenseEngine((25, 8, 4, 2), "relu", batch_size=256)
    order = np.arange(len(rows))
    tracemalloc.start()
    try:
        engine.train_epoch(rows, order, 0.003)
        engine.mean_loss(rows)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < rows.nbytes / 5
    assert kept < 100_000
