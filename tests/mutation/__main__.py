"""Would the tests of a stage notice a small mistake? A random sample of them, made.

    python tests/mutation [--stage fidelity ...] [--mutants 40] [--seed 0]

Changes one line of a copy of the package, and runs those of the stage's ordinary
tests that touch the line (20 seconds of the fastest) until one fails: the mutant is
killed, or it survives. Prints every survivor, and the share killed with its 95%
interval. The exit status is 1 if any stage is below 85%.
"""

import argparse
import contextlib
import itertools
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ["CI"] = "1"  # hypothesis draws the same examples every time

import pytest
import touched
from mutants import mutants_of
from scipy.stats import binomtest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "sklearn_equity"
STAGES = ("fidelity", "inequality", "allocation", "density")
DEFAULTS = (
    "contract/test_public_surface.py"
    "::test_documented_parameters_and_defaults_are_those_of_the_signature"
)
LEAST_SHARE = 0.85
MOST_SECONDS = 20.0  # of tests for a mutant, the fastest first
SECONDS = 60  # of CPU time, beside ten times what the tests take


def tests_of(stage):
    """List the tests that answer for a stage: its own, its laws, its examples.

    And those of tables that stay in their engine, and of defaults as documented.
    """
    also = {
        "fidelity": ["laws/test_metrics.py", "distributed/test_tables.py"],
        "inequality": ["laws/test_inequality.py"],
        "allocation": ["distributed/test_deterioration.py"],
        "density": ["laws/test_density.py"],
    }
    lazy = [] if stage == "density" else ["distributed/test_data_argument.py"]
    others = [f"tests/{name}" for name in (*also.get(stage, []), *lazy, DEFAULTS)]
    return [f"tests/{stage}", *others, f"{PACKAGE}/{stage}"]


class Only:
    """Keep some tests, in the order given."""

    def __init__(self, wanted):
        self.place = {name: at for at, name in enumerate(wanted)}

    def pytest_collection_modifyitems(self, items):
        items[:] = sorted(
            (item for item in items if item.nodeid in self.place),
            key=lambda item: self.place[item.nodeid],
        )


def in_a_child(root, work, *, seconds):
    """Run `work` in a process that imports the package anew; return its exit status."""
    child = os.fork()
    if child == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        os.chdir(root)
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        status = 1
        try:
            status = int(work())
        finally:
            os._exit(status)
    # Who waits for a lock uses no time of the processor.
    deadline = time.monotonic() + 20 * seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # workers of its own, too
    if not ended:
        os.waitpid(child, 0)
        return -1
    return os.waitstatus_to_exitcode(status)


def survives(root, mutant, tests, seconds):
    """Tell whether all tests pass with the change."""
    path = Path(root, mutant.path)
    source, times = path.read_bytes(), path.stat()
    path.write_bytes(mutant.apply(source))
    files = sorted({name.split("::")[0] for name in tests})
    try:
        status = in_a_child(
            root,
            lambda: pytest.main([*touched.OPTIONS, *files], plugins=[Only(tests)]),
            seconds=seconds,
        )
    finally:
        path.write_bytes(source)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    if status in (3, 4, 5):
        said = Path(root, "said.txt").read_text()
        raise SystemExit(f"{mutant}: the tests can't run ({status}):\n{said[-2000:]}")
    return status == 0


def copy_of_repository(root):
    """Copy what the tests need."""
    for name in (PACKAGE, "tests", "benchmarks", "docs"):
        shutil.copytree(
            REPOSITORY / name,
            Path(root, name),
            ignore=shutil.ignore_patterns("_build", "results", ".hypothesis"),
        )
    for path in REPOSITORY.glob("*.*"):
        if path.is_file():
            shutil.copy2(path, root)


def load_what_others_wrote(root):
    """Import all that the package imports, and forget the package itself."""
    sys.path.insert(0, str(root))
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(root), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    )
    for stage in STAGES:
        package = touched.import_all(f"{PACKAGE}.{stage}")
        if not package.__file__.startswith(str(root)):
            raise SystemExit(f"The package came from {package.__file__}.")
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def within(tests, seconds):
    """Keep the first tests that together take less than the most that is allowed."""
    used = list(itertools.accumulate(seconds[name] for name in tests))
    return [
        name
        for name, end in zip(tests, used, strict=True)
        if end <= MOST_SECONDS or name == tests[0]
    ]


def judge_stage(root, stage, n_mutants, seed):
    """Yield each mutant of a sample, and whether it survived."""
    paths = sorted(Path(root, PACKAGE, stage).rglob("*.py"))
    every = [
        mutant
        for path in paths
        for mutant in mutants_of(path.relative_to(root), root=root)
    ]
    store = Path(root, "touched.pickle")

    def watch():
        store.write_bytes(
            pickle.dumps(touched.measure(root, tests_of(stage), f"{PACKAGE}.{stage}"))
        )
        return 0

    if in_a_child(root, watch, seconds=3600):
        said = Path(root, "said.txt").read_text()
        raise SystemExit(f"The tests of {stage} can't be measured:\n{said[-2000:]}")
    known = pickle.loads(store.read_bytes())
    print(
        f"{stage}: {n_mutants} of {len(every):,} mutants, {len(known.seconds):,} tests",
        flush=True,
    )
    draw = random.Random(f"{seed} {stage}")
    for mutant in sorted(draw.sample(every, min(n_mutants, len(every)))):
        tests = within(known.of(mutant), known.seconds)
        seconds = int(10 * sum(known.seconds[name] for name in tests)) + SECONDS
        yield mutant, not tests or survives(root, mutant, tests, seconds)


def share(n_killed, n_mutants):
    """Write the share killed, with its 95% interval."""
    low, high = binomtest(n_killed, n_mutants).proportion_ci(method="wilson")
    return (
        f"{n_killed} of {n_mutants} killed, {n_killed / n_mutants:.0%} "
        f"({low:.0%} to {high:.0%})"
    )


def main():
    """Make mutants, count who survives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--mutants", type=int, default=40, help="of each stage")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    killed, made = [], []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        copy_of_repository(root)
        load_what_others_wrote(root)
        for stage in asked.stage:
            n_killed = n_made = 0
            for mutant, survived in judge_stage(root, stage, asked.mutants, asked.seed):
                n_made, n_killed = n_made + 1, n_killed + (not survived)
                if survived:
                    print(f"  survived: {mutant}", flush=True)
            print(f"{stage}: {share(n_killed, n_made)}", flush=True)
            killed.append(n_killed)
            made.append(n_made)
    print(f"together: {share(sum(killed), sum(made))}, seed {asked.seed}")
    low = [one / of < LEAST_SHARE for one, of in zip(killed, made, strict=True)]
    sys.exit(any(low))


if __name__ == "__main__":
    main()
