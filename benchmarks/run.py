"""How fast and how near the truth are we, beside others? All comparisons in one table.

    python benchmarks/run.py [--only NAME ...] [--limit SECONDS] [--full]

Runs the scripts of benchmarks/comparisons one after another, in their short form where
they have one (`--quick`; `--full` asks for the long one), and writes what they print to
benchmarks/results/comparisons.md, with machine, versions and date. A rival that wants
an environment of its own is left out here: the top of its script says how to make one.
The exit status is 1 if a script failed; to run out of time is told, and no failure.
"""

import argparse
import ast
import datetime as dt
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOLDER = Path(__file__).parent
PACKAGES = (
    *("sklearn-equity", "numpy", "scipy", "scikit-learn", "pandas", "torch", "skorch"),
    *("fairlearn", "imbalanced-learn"),
)


@dataclass(frozen=True)
class Run:
    """One script: its question, how it ended, and what it printed."""

    name: str
    question: str
    how: str
    seconds: float
    printed: str


def question_of(script):
    """Return the first line of a script's docstring."""
    return ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))).split("\n")[
        0
    ]


def run(script, *, full, limit):
    """Run one script in a process of its own."""
    quick = "--quick" in script.read_text(encoding="utf-8") and not full
    command = [sys.executable, str(script), *(["--quick"] if quick else [])]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment,
            check=False,
        )  # fmt: skip
        how, printed = "done" if done.returncode == 0 else "failed", done.stdout
        if done.returncode:
            printed += done.stderr
    except subprocess.TimeoutExpired as late:
        how, printed = "out of time", (late.stdout or b"").decode()
    seconds = time.perf_counter() - start
    return Run(script.stem, question_of(script), how, seconds, printed.rstrip())


def machine():
    """Say where and with what."""
    known = []
    for package in PACKAGES:
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return (
        f"{dt.date.today().isoformat()}, {platform.machine()} with "
        f"{os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}, {', '.join(known)}; one thread."
    )


def page(runs):
    """Write the table, and below it what each script printed."""
    lines = ["# Comparisons", "", machine(), "", "| script | question | ended | s |"]
    lines.append("|---|---|---|---|")
    lines += [
        f"| {one.name} | {one.question} | {one.how} | {one.seconds:.0f} |"
        for one in runs
    ]
    for one in runs:
        lines += ["", f"## {one.name}", "", "```text", one.printed, "```"]
    return "\n".join(lines) + "\n"


def main():
    """Run all, tell how each ended, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of scripts")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds a script")
    parser.add_argument("--full", action="store_true", help="the long forms")
    asked = parser.parse_args()
    scripts = [
        script
        for script in sorted(FOLDER.glob("comparisons/*.py"))
        if not asked.only or script.stem in asked.only
    ]
    unknown = set(asked.only) - {script.stem for script in scripts}
    if unknown or not scripts:
        parser.error(f"there is no script {sorted(unknown)} in benchmarks/comparisons")
    runs = []
    for script in scripts:
        runs.append(run(script, full=asked.full, limit=asked.limit))
        print(f"{runs[-1].name:32} {runs[-1].how:12} {runs[-1].seconds:6.0f} s")
    written = FOLDER / "results" / "comparisons.md"
    written.parent.mkdir(exist_ok=True)
    written.write_text(page(runs), encoding="utf-8")
    print(f"\nTable: {written}")
    sys.exit(any(one.how == "failed" for one in runs))


if __name__ == "__main__":
    main()
