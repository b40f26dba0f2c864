"""What does an audit of a Parquet folder cost beside the engine's own group by?

Writes a folder of five columns to a temporary directory, then measures, each in a
process of its own: the engine's plain sums of the numbers by the labels, and
`fidelity_of_table`. Wall time, processor time and peak memory side by side.

    python benchmarks/comparisons/distributed_group_by.py 10_000_000
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHUNK = 1_000_000
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
        frame.write_parquet(folder / f"part-{part:04d}.parquet")


def open_folder(engine, folder):
    if engine == "polars":
        import polars as pl

        return pl.scan_parquet(f"{folder}/*.parquet")
    import duckdb

    return duckdb.sql(f"select * from '{folder}/*.parquet'")


def plain_sums(engine, folder):
    """Sum the three numbers by ward and sex, as the engine does it best."""
    numbers = ["truth", "predicted", "weight"]
    if engine == "polars":
        import polars as pl

        lazy = open_folder(engine, folder).group_by("ward", "sex")
        return lazy.agg(pl.col(numbers).sum()).collect(engine="streaming")
    sums = ", ".join(f"sum({name})" for name in numbers)
    table = open_folder(engine, folder)
    return table.aggregate(f"ward, sex, {sums}", "ward, sex").fetchall()


def audit(engine, folder):
    from sklearn_equity import fidelity_of_table

    return fidelity_of_table(open_folder(engine, folder), **OPTIONS)


def measure(task, engine, folder):
    """Run one task in this process and print what it took."""
    import sklearn_equity  # noqa: F401 - its import is no part of the time

    run = {"plain sums": plain_sums, "audit": audit}[task]
    wall, processor = time.perf_counter(), time.process_time()
    run(engine, folder)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{engine:8} {task:12} {wall:8.2f} s {processor:8.2f} s {peak:8.2f} GiB")


def main():
    if len(sys.argv) == 4:
        measure(*sys.argv[1:])
        return
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as name:
        write_folder(Path(name), n_rows)
        print(f"{n_rows:,} rows          wall      processor     peak memory")
        for engine in ("polars", "duckdb"):
            try:
                __import__(engine)
            except ImportError:
                print(f"{engine} is missing: pip install {engine}")
                continue
            for task in ("plain sums", "audit"):
                command = [sys.executable, __file__, task, engine, name]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
