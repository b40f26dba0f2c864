"""What does an epoch of training cost, in time and in memory?

    python benchmarks/comparisons/autoencoder_epoch.py [--quick]

Needs torch and skorch. CPU time of one thread; the engines take turns, and medians of 3
rounds are shown. An epoch is a third of what a fit of 4 epochs takes longer than a fit
of 1, so that preparation and the start are left out for all. Beside it stands the loss
after the 4 epochs. Memory: how far the process grows at its peak, in processes of their
own, from a table that is already there; the share that the table itself would take in
single precision is shown beside it. `--quick` takes a tenth of the rows.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from autoencoder_time_to_loss import (
    HIDDEN,
    N_COMPONENTS,
    draw_people,
    run_perceptron,
    run_skorch,
    run_torch,
)

from sklearn_equity.representation import AutoencoderEmbedder


def fit_ours(rows, n_epochs, setting):
    """Return what the whole fit took, and the loss of the best epoch on all rows."""
    start = time.process_time()
    embedder = AutoencoderEmbedder(
        N_COMPONENTS, hidden_layer_sizes=HIDDEN, random_state=0, n_init=1,
        max_epochs=n_epochs, validation_fraction=None,
        batch_size=setting["batch_size"], learning_rate=setting["lr"],
    ).fit(rows)  # fmt: skip
    return time.process_time() - start, -embedder.score(rows)


def seconds_an_epoch(engine, rows, setting):
    if engine is fit_ours:
        first, (last, loss) = fit_ours(rows, 1, setting)[0], fit_ours(rows, 4, setting)
    else:
        clock = engine(rows, 0, 4, setting)
        first, last, loss = clock.seconds[0], clock.seconds[-1], clock.losses[-1]
    return (last - first) / 3, loss


ENGINES = {
    "skorch, as it comes": run_skorch,
    "MLPRegressor": run_perceptron,
    "torch loop, fused Adam": run_torch,
    "AutoencoderEmbedder": fit_ours,
}


def report(rows, setting):
    print(f"batches of {setting['batch_size']}, {len(rows):,} rows")
    rounds = [
        [seconds_an_epoch(engine, rows, setting) for engine in ENGINES.values()]
        for _ in range(3)
    ]
    seconds, losses = np.median(rounds, axis=0).T
    for name, spent, loss in zip(ENGINES, seconds, losses, strict=True):
        print(
            f"  {name:24} {spent:7.3f} s an epoch ({spent / seconds[-1]:5.1f} x ours), "
            f"loss after 4: {loss:.4f}",
            flush=True,
        )


def measure_memory(n_rows, n_epochs):
    """Fit once on a small part, so that libraries are loaded; then on all rows."""
    rows = draw_people(n_rows)
    fit_ours(rows[:500], 1, {"batch_size": 256, "lr": 0.003})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # The peak so far is that of drawing the rows: fill up to it, so that growth shows.
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    now = pages * resource.getpagesize() // 1024
    ballast = np.ones(max(before - now, 0) * 1024, np.uint8)
    fit_ours(rows, n_epochs, {"batch_size": 256, "lr": 0.003})
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print((after - before) / 1024, rows.nbytes / 2**20, ballast[:0].sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if arguments.memory:
        measure_memory(*arguments.memory)
        return
    rows = draw_people(15_000 if arguments.quick else 150_000)
    report(rows[: len(rows) // 10], {"batch_size": 10, "lr": 0.001})
    report(rows, {"batch_size": 256, "lr": 0.003})
    for n_epochs in (2, 20, 200):
        done = subprocess.run(
            [sys.executable, __file__, "--memory", str(len(rows)), str(n_epochs)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        grown, table, _ = (float(number) for number in done.stdout.split())
        print(
            f"{n_epochs:4} epochs: {grown:5.1f} MB more at the peak; the table takes "
            f"{table:.1f} MB in single precision",
            flush=True,
        )


if __name__ == "__main__":
    main()
