"""What does an audit of a Parquet folder cost beside the engine's own group by?

Writes a folder of five columns to a temporary directory, then measures, each in a
process of its own: the engine's plain sums of the numbers by the labels,
`fidelity_of_table`, and the sums behind allocation-deterioration curves. Wall time,
processor time and peak memory side by side. Then, in one process, the time of an audit
against the number of rows, with the R2 of a straight line; with a third argument the
picture is drawn there.

    python benchmarks/comparisons/distributed_group_by.py 10_000_000 growth.svg
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHUNK = 100_000
N_REPEATS = 3
OPTIONS = {
    "y_true": "truth",
    "y_pred": "predicted",
    "subgroups": ["ward", "sex"],
    "sample_weight": "weight",
    "random_state": 0,
}


def write_folder(folder, n_rows):
    """Write people whose errors are twice as large in one of twenty wards."""
    import polars as pl

    for part, start in enumerate(range(0, n_rows, CHUNK)):
        rng = np.random.default_rng([20260901, part])
        n = min(CHUNK, n_rows - start)
        ward = rng.integers(0, 20, n)
        truth = rng.normal(40.0, 6.0, n)
        scale = np.where(ward == 3, 6.0, 3.0)
        frame = pl.DataFrame(
            {
                "truth": truth,
                "predicted": truth + scale * rng.normal(size=n),
                "weight": rng.uniform(0.5, 2.0, n),
                "ward": ward,
                "sex": rng.integers(0, 2, n),
            }
        )
        frame.write_parquet(folder / f"part-{part:05d}.parquet")


def open_folder(engine, folder, n_parts=None):
    """Open the first parts of a folder, or all."""
    parts = sorted(str(part) for part in Path(folder).glob("*.parquet"))[:n_parts]
    if engine == "polars":
        import polars as pl

        return pl.scan_parquet(parts)
    import duckdb

    return duckdb.read_parquet(parts)


def plain_sums(engine, table):
    """Sum the three numbers by ward and sex, as the engine does it best."""
    numbers = ["truth", "predicted", "weight"]
    if engine == "polars":
        import polars as pl

        lazy = table.group_by("ward", "sex").agg(pl.col(numbers).sum())
        return lazy.collect(engine="streaming")
    sums = ", ".join(f"sum({name})" for name in numbers)
    return table.aggregate(f"ward, sex, {sums}", "ward, sex").fetchall()


def audit(engine, table):
    from sklearn_equity import fidelity_of_table

    return fidelity_of_table(table, **OPTIONS)


def deterioration(engine, table):
    from sklearn_equity import DeteriorationSums

    # What matters here is the cost; a number of any column from 0 to 2 will do.
    sums = DeteriorationSums.from_frame(
        table, measurement="weight", threshold=1.0, bounds=(0, 2), subgroups="ward"
    )
    return sums.inequality((3, None))


TASKS = {"plain sums": plain_sums, "audit": audit, "deterioration": deterioration}


def time_of(task, engine, folder, n_parts=None):
    """Return wall and processor time of one run."""
    wall, processor = time.perf_counter(), time.process_time()
    TASKS[task](engine, open_folder(engine, folder, n_parts))
    return time.perf_counter() - wall, time.process_time() - processor


def measure(task, engine, folder):
    """Run one task in this process, and print what it took and the most it held."""
    import sklearn_equity  # noqa: F401 - its import is no part of the time

    time_of(task, engine, folder, 1)  # engines start when they are first asked
    wall, processor = min(time_of(task, engine, folder) for _ in range(N_REPEATS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{wall:.3f} {processor:.3f} {peak:.3f}")


def run(*arguments):
    """Run one part of this script in a process of its own; return its numbers."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return [[float(x) for x in line.split()] for line in done.stdout.splitlines()]


def compare(engine, folder):
    """Put an audit beside the engine's own sums."""
    first = None
    for task in TASKS:
        ((wall, processor, peak),) = run("measure", task, engine, folder)
        first = first or (wall, processor)
        print(
            f"{engine:7} {task:14} {wall:7.2f} s {processor:7.2f} s {peak:6.2f} GiB"
            f" {wall / first[0]:6.1f}x {processor / first[1]:6.1f}x",
            flush=True,
        )


def measure_growth(engine, folder):
    """Time audits of more and more rows in this process."""
    n_parts = len(list(Path(folder).glob("*.parquet")))
    sizes = [p for p in (1, 3, 10, 30, 100, 300, 1000) if p <= n_parts]
    time_of("audit", engine, folder, 1)
    for size in sizes:
        times = [time_of("audit", engine, folder, size) for _ in range(N_REPEATS)]
        wall, processor = np.min(times, axis=0)
        print(size * CHUNK, wall, processor)


def straightness(rows, seconds):
    """Return the seconds a row, and the R2 of a straight line."""
    slope, start = np.polyfit(rows, seconds, 1)
    rest = seconds - (start + slope * rows)
    return slope, 1.0 - rest.var() / seconds.var()


def draw(growth, path):
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "growth"  # the same picture has the same bytes
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for engine, (rows, _, processor) in growth.items():
        axes.plot(rows, processor, "o-", label=engine)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="Rows of the folder",
        ylabel="Processor seconds of an audit",
    )
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="?", default=10_000_000)
    parser.add_argument("picture", nargs="?", help="where to draw time against rows")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        name, *arguments = asked.part
        PARTS[name](*arguments)
        return
    with tempfile.TemporaryDirectory() as name:
        write_folder(Path(name), asked.rows)
        print(f"{asked.rows:,} rows, {os.cpu_count()} cores; best of {N_REPEATS}")
        print("engine  task              wall  processor  memory  times plain sums")
        growth = {}
        for engine in ("polars", "duckdb"):
            try:
                __import__(engine)
            except ImportError:
                print(f"{engine} is missing: pip install {engine}")
                continue
            compare(engine, name)
            growth[engine] = np.array(run("growth", engine, name)).T
        for engine, (rows, wall, processor) in growth.items():
            for clock, seconds in (("wall", wall), ("processor", processor)):
                slope, r2 = straightness(rows, seconds)
                print(
                    f"{engine}: {1e9 * slope:.1f} ns a row of {clock} time, R2 {r2:.5f}"
                )
    if asked.picture:
        draw(growth, asked.picture)


PARTS = {"measure": measure, "growth": measure_growth}

if __name__ == "__main__":
    main()
