"""How long does an autoencoder take to the loss that the published setting reaches?

    python benchmarks/comparisons/autoencoder_time_to_loss.py [--rows N] [--plot FILE]
        [--only WORD] [--published FILE] [--epochs N]

Needs torch and skorch (and matplotlib for the picture). The table has the published
shape: 150,000 rows, 25 columns, encoder 25-8-4-2. The published setting is skorch with
its defaults, batches of 10, learning rate .001 and 25 epochs: its mean squared error on
all rows is the loss to reach. The others take batches of 256 and learning rate .003,
which is what `AutoencoderEmbedder` has by default. CPU time of one thread, without the
time for measuring the loss. Ours counts all of `fit`: preparation, a tenth of the rows
set aside, the start, and the comparison with PCA at the end. Of every engine the median
seed by time is shown (of the published setting one seed). All rows take ten minutes, or
twenty on a busy machine; `--epochs 15` ends the published setting sooner, and `--rows
30000` takes a fifth of the time: both have a higher loss to reach, after fewer steps.
"""

import argparse
import itertools
import json
import os
import time
import warnings
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPRegressor
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from torch import nn

from sklearn_equity.representation import AutoencoderEmbedder

HIDDEN, N_COMPONENTS = (8, 4), 2
SLOW = {"batch_size": 10, "lr": 0.001}
FAST = {"batch_size": 256, "lr": 0.003}


def draw_people(n_rows):
    """Draw columns that are waves over a plane of two hidden numbers, and noise."""
    rng = np.random.default_rng(20221110)
    hidden = rng.normal(size=(n_rows, 2))
    directions = rng.normal(scale=0.45, size=(2, 25))
    waves = np.sin(hidden @ directions + rng.uniform(-1, 1, size=25))
    table = (waves - waves.mean(axis=0)) / waves.std(axis=0)
    table += rng.normal(scale=0.38, size=table.shape)
    return ((table - table.mean(axis=0)) / table.std(axis=0)).astype(np.float32)


def dense_net():
    sizes = (25, *HIDDEN, N_COMPONENTS, *HIDDEN[::-1], 25)
    modules = []
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        modules.append(nn.Linear(n_in, n_out))
        if layer not in {len(HIDDEN), len(sizes) - 2}:
            modules.append(nn.ReLU())
    return nn.Sequential(*modules)


class Clock:
    """Counts CPU time between its stops, and keeps the loss at each of them."""

    def __init__(self, rows):
        self.rows = rows
        self.seconds, self.losses = [], []
        self.spent, self.since = 0.0, time.process_time()

    def stop(self, reconstruct):
        self.spent += time.process_time() - self.since
        rebuilt = reconstruct(self.rows)
        self.seconds.append(self.spent)
        self.losses.append(float(np.mean((rebuilt - self.rows) ** 2)))
        self.since = time.process_time()

    def time_to(self, loss):
        reached = np.flatnonzero(np.array(self.losses) <= loss)
        return self.seconds[reached[0]] if len(reached) else np.inf


# ---- the engines -------------------------------------------------------------------
class StopClock(Callback):
    def __init__(self, clock):
        self.clock = clock

    def on_epoch_end(self, net, **_):
        self.clock.stop(net.predict)


def run_skorch(rows, seed, n_epochs, setting):
    torch.manual_seed(seed)
    clock = Clock(rows)
    NeuralNetRegressor(
        dense_net(), max_epochs=n_epochs, optimizer=torch.optim.Adam, train_split=None,
        iterator_train__shuffle=True, callbacks=[StopClock(clock)], verbose=0, **setting
    ).fit(rows, rows)  # fmt: skip
    return clock


def run_torch(rows, seed, n_epochs, setting):
    torch.manual_seed(seed)
    clock = Clock(rows)
    net = dense_net()
    table = torch.from_numpy(rows)
    optimizer = torch.optim.Adam(net.parameters(), lr=setting["lr"], fused=True)

    def reconstruct(rows):
        with torch.no_grad():
            return net(torch.from_numpy(rows)).numpy()

    for _ in range(n_epochs):
        for chosen in torch.randperm(len(table)).split(setting["batch_size"]):
            batch = table[chosen]
            optimizer.zero_grad()
            nn.functional.mse_loss(net(batch), batch).backward()
            optimizer.step()
        clock.stop(reconstruct)
    return clock


def run_perceptron(rows, seed, n_epochs, setting):
    clock = Clock(rows)
    perceptron = MLPRegressor(
        hidden_layer_sizes=(*HIDDEN, N_COMPONENTS, *HIDDEN[::-1]), alpha=0.0,
        learning_rate_init=setting["lr"], batch_size=setting["batch_size"],
        random_state=seed,
    )  # fmt: skip
    for _ in range(n_epochs):
        perceptron.partial_fit(rows, rows)
        clock.stop(perceptron.predict)
    return clock


def run_ours(rows, seed, loss):
    """Fit whole, then once more to the epoch whose weights first reach the loss."""
    seconds, losses = [], []

    def fit(**params):
        start = time.process_time()
        embedder = AutoencoderEmbedder(
            N_COMPONENTS, hidden_layer_sizes=HIDDEN, random_state=seed, **params
        ).fit(rows)
        return embedder, time.process_time() - start

    whole, seconds_of_all = fit()
    curve = whole.history_["valid_loss"]
    epoch = int(np.argmax(curve <= loss)) + 1
    while epoch <= len(curve):
        embedder, spent = fit(max_epochs=epoch, n_init=1)
        seconds.append(spent)
        losses.append(-embedder.score(rows))
        if losses[-1] <= loss:
            break
        epoch += 1
    clock = Clock(rows)
    clock.seconds = [*seconds[-1:], seconds_of_all]
    clock.losses = [*losses[-1:], -whole.score(rows)]
    # What is not spent on epochs comes first.
    rest = np.arange(len(curve)) - (min(epoch, len(curve)) - 1)
    per_epoch = (seconds_of_all - clock.seconds[0]) / max(rest[-1], 1)
    clock.curve = (clock.seconds[0] + per_epoch * rest, curve)
    return clock


# ---- the table ---------------------------------------------------------------------
def report(name, clocks, loss, published):
    """Print a line about the runs of an engine; return the median one."""
    times = [clock.time_to(loss) for clock in clocks]
    middle = clocks[int(np.argsort(times)[len(times) // 2])]
    finals = [clock.losses[-1] for clock in clocks]
    typical = float(np.median(times))
    print(
        f"{name:36} {typical:7.2f} s to the loss ({published / typical:5.1f} x)   "
        f"{np.median([run.seconds[-1] for run in clocks]):7.2f} s in all, loss then "
        f"{min(finals):.4f} / {np.median(finals):.4f} / {max(finals):.4f}",
        flush=True,
    )
    return middle


def draw_picture(path, curves, loss, linear):
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    _, ax = plt.subplots(figsize=(7, 4))
    for name, (seconds, losses) in curves.items():
        ax.plot(seconds, losses, label=name)
    ax.axhline(loss, color="grey", linewidth=0.8, label="published setting, at its end")
    ax.axhline(linear, color="grey", linestyle=":", label="PCA")
    ax.set(xscale="log", xlabel="CPU time in seconds", ylabel="mean squared error")
    lowest = min(min(losses) for _, losses in curves.values())
    ax.set_ylim(0.97 * lowest, 1.1 * linear)
    ax.legend(fontsize="small", ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    ax.figure.savefig(path, dpi=150, bbox_inches="tight")


def run_published(rows, path, n_epochs):
    """Run the published setting, or take its curve from the file that has it."""
    clock = Clock(rows)
    if path and Path(path).exists():
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
        if kept["n_rows"] != len(rows):
            raise SystemExit(f"{path} is of {kept['n_rows']:,} rows")
        clock.seconds, clock.losses = kept["seconds"], kept["losses"]
        return clock
    clock = run_skorch(rows, 0, n_epochs, SLOW)
    if path:
        curve = {"seconds": clock.seconds, "losses": clock.losses}
        text = json.dumps({"n_rows": len(rows), **curve})
        Path(path).write_text(text, encoding="utf-8")
    return clock


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--plot", metavar="FILE", help="write the curves as a picture")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--published", metavar="FILE")
    parser.add_argument("--epochs", type=int, default=25)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = draw_people(arguments.rows)
    seeds = range(arguments.seeds)

    start = time.process_time()
    pca = PCA(N_COMPONENTS).fit(rows)
    seconds = time.process_time() - start
    rebuilt = pca.inverse_transform(pca.transform(rows))
    linear = float(np.mean((rebuilt - rows) ** 2))
    print(f"{len(rows):,} rows. PCA: loss {linear:.4f} in {seconds:.2f} s")
    published = run_published(rows, arguments.published, arguments.epochs)
    loss, reference = published.losses[-1], published.seconds[-1]
    curves = {"published setting": (published.seconds, published.losses)}
    print(f"The loss to reach: {loss:.4f}. After it: loss least / median / largest")
    report("skorch, published setting", [published], loss, reference)
    for name, run, n_epochs in [
        ("skorch", run_skorch, 20),
        ("MLPRegressor", run_perceptron, 40),
        ("torch loop, slices and fused Adam", run_torch, 40),
    ]:
        if arguments.only not in name:
            continue
        clocks = [run(rows, seed, n_epochs, FAST) for seed in seeds]
        middle = report(f"{name}, 256 and .003", clocks, loss, reference)
        curves[name] = (middle.seconds, middle.losses)
    if arguments.only in "AutoencoderEmbedder()":
        clocks = [run_ours(rows, seed, loss) for seed in range(2 * len(seeds) - 1)]
        middle = report("AutoencoderEmbedder(), all of fit", clocks, loss, reference)
        curves["AutoencoderEmbedder()"] = middle.curve
    if arguments.plot:
        draw_picture(arguments.plot, curves, loss, linear)


if __name__ == "__main__":
    main()
