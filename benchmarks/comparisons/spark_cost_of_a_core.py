"""What does one core of Spark need for a million rows more?

Audits a Parquet folder in Spark's local mode with one core, and reads off the processor
time of Java and its Python workers: the difference of two sizes, so that starting up
is left out. From it, larger clusters are planned on paper.

    python benchmarks/comparisons/spark_cost_of_a_core.py 2_000_000 10_000_000
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from distributed_group_by import CHUNK, OPTIONS, write_folder

from sklearn_equity import DeteriorationSums, fidelity_of_table


def processor_seconds():
    """Add up what all processes descending from this one have used."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        number = int(path.parent.name)
        parents[number] = int(fields[1])
        # Its own time, and that of children which have ended.
        used[number] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    family, grown = {os.getpid()}, True
    while grown:
        more = {n for n, parent in parents.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return sum(used[number] for number in family if number in used)


def audit(table):
    return fidelity_of_table(table, **OPTIONS)


def deterioration(table):
    return DeteriorationSums.from_frame(
        table, measurement="weight", threshold=1.0, bounds=(0, 2), subgroups="ward"
    )


def plain_sums(table):
    numbers = ("truth", "predicted", "weight")
    return table.groupBy("ward", "sex").sum(*numbers).collect()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("few", type=int, help="rows of the small folder")
    parser.add_argument("many", type=int, help="rows of the large folder")
    asked = parser.parse_args()
    few, many = asked.few, asked.many
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        sys.exit("Spark is missing: pip install pyspark, and a Java of 17 or later")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    with tempfile.TemporaryDirectory() as name:
        write_folder(Path(name), many)
        parts = sorted(str(part) for part in Path(name).glob("*.parquet"))
        for task in (plain_sums, audit, deterioration):
            task(session.read.parquet(*parts[:1]))
            used = []
            for n_rows in (few, many):
                start = processor_seconds()
                task(session.read.parquet(*parts[: n_rows // CHUNK]))
                used.append(processor_seconds() - start)
            a_row = 1e9 * (used[1] - used[0]) / (many - few)
            print(
                f"{task.__name__:14} {few:,} rows {used[0]:.1f} s, {many:,} rows "
                f"{used[1]:.1f} s: {a_row:.0f} ns a row of one core",
                flush=True,
            )
    session.stop()


if __name__ == "__main__":
    main()
