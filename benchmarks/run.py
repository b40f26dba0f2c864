"""How fast and how near the truth are we, beside others? All comparisons on one page.

    python benchmarks/run.py [--only NAME ...] [--limit SECONDS] [--full] [--note TEXT]

Runs the scripts of benchmarks/comparisons one after another, in their short form
(`--full` asks for the long one), and writes docs/benchmarks.md: machine, versions and
date, a row for every rival with what was printed of it, and below it all that each
script printed. Scripts that did not run now keep what they printed when they last did,
with its date, so that `--only` renews a part of the page. `make bench` makes the
environment first, with the rivals in the versions of benchmarks/rivals.txt. The exit
status is 1 if a script failed; to run out of time, or not to find its data, is told,
and no failure.
"""

import argparse
import ast
import datetime as dt
import json
import os
import platform
import re
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
PAGE = FOLDER.parent / "docs" / "benchmarks.md"
# Rival, script, and which lines of what it prints tell of the rival, as a pattern.
RIVALS = (
    ("fairlearn MetricFrame", "fidelity_metricframe", r"^ +rmse .*read"),
    ("the same, bootstrap", "fidelity_metricframe", r"^ +rmse .*replicates"),
    ("fairlearn in a scorer", "scorers_metricframe", r"^ *(metric|mae|r2) "),
    ("daindex", "allocation_daindex", r"\| daindex"),
    ("AIF360.sklearn, metrics", "metrics_aif360", r"^(AIF360|ours)"),
    ("AIF360.sklearn, indices", "metrics_aif360", r" ours .*AIF360"),
    ("imbalanced-learn", "oversampling_imblearn", r"imbalanced-learn|ours:"),
    ("skorch, default", "autoencoder_epoch", r"skorch|AutoencoderEmbedder"),
    ("MLPRegressor", "autoencoder_epoch", r"MLPRegressor|AutoencoderEmbedder"),
    ("GaussianMixture", "segmenter_mixture", r"^fit |^ +[\d,]+ x$"),
    ("KernelDensity", "density_intervals", r"x ours|ours,|KernelDensity"),
    ("gaussian_kde", "density_intervals", r"x ours|ours,|scipy"),
    ("KDEpy", "density_intervals", r"x ours|ours,|KDEpy FFT"),
    ("pyvinecopulib Kde1d", "density_intervals", r"x ours|ours,|Kde1d"),
    (
        "permutation_test",
        "significance_permutation",
        r"^(ours|scipy|ratio|memory|largest)",
    ),
    ("SliceLine", "discovery_rules", r"mean best|[Oo]urs|SliceLine"),
    ("DivExplorer", "discovery_rules", r"mean best|[Oo]urs|DivExplorer"),
    ("tree on errors", "discovery_rules", r"mean best|[Oo]urs|tree"),
)
# What a short form is where `--quick` is none, or would leave the rivals out.
SHORT = {
    "autoencoder_time_to_loss": ["--rows", "30000", "--seeds", "1"],
    "discovery_rules": ["--populations", "100"],
    "distributed_group_by": ["1_000_000"],
    "intervals_from_sums": ["25"],
    "segmentation_stability": ["--packaged"],
    "segmenter_mixture": ["--rows", "30000"],
}
# Runs others that stand beside it; wants a Java and two numbers of rows.
ASIDE = {"discovery", "spark_cost_of_a_core"}
PACKAGES = (
    *("sklearn-equity", "numpy", "scipy", "scikit-learn", "pandas", "torch", "skorch"),
    *("fairlearn", "aif360", "daindex", "imbalanced-learn", "KDEpy", "pyvinecopulib"),
    *("sliceline", "divexplorer"),
)
OPENING = """\
# Rivals and measurements

How fast and how near the truth are we, beside others?

`make bench` makes an environment with the versions below, runs the scripts of
`benchmarks/comparisons` and writes this page (`make bench ONLY="density_intervals"`
renews a part). Times are processor time of one thread, so that other work on a machine
changes them little; what is measured beside them, an error or what was found, stands in
the same lines. Short forms ran here, with the arguments shown:
`python benchmarks/run.py --full` runs the long ones.
"""
NOT_ALL = (
    "A script of `benchmarks/comparisons` that is not listed was not run for this page."
)
_NO_DATA = 2  # argparse's status, by which scripts refuse to run


@dataclass(frozen=True)
class Run:
    """One script: its question, how it ended, what it took, and what it printed."""

    name: str
    question: str
    arguments: str
    how: str
    seconds: float
    printed: str
    where: str
    packages: str


def question_of(script):
    """Return the first line of a script's docstring."""
    return ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))).split("\n")[
        0
    ]


def arguments_of(script, *, full):
    """Return what a script is given."""
    if full:
        return []
    if script.stem in SHORT:
        return SHORT[script.stem]
    return ["--quick"] if '"--quick"' in script.read_text(encoding="utf-8") else []


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(script, *, full, limit, note):
    """Run one script in a process of its own."""
    arguments = arguments_of(script, full=full)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    start = cpu_of_children()
    try:
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            capture_output=True, text=True, timeout=limit, env=environment, check=False,
        )  # fmt: skip
        ends = {0: "done", _NO_DATA: "its data are not at hand"}
        how, printed = ends.get(done.returncode, "failed"), done.stdout
        if done.returncode:
            printed += done.stderr
    except subprocess.TimeoutExpired as late:
        how, printed = "out of time", (late.stdout or b"").decode()
    return Run(
        name=script.stem,
        question=question_of(script),
        arguments=" ".join(arguments),
        how=how,
        seconds=cpu_of_children() - start,
        printed=printed.rstrip(),
        where=machine(note),
        packages=versions(),
    )


def machine(note):
    """Say when and where."""
    said = (
        f"{dt.date.today().isoformat()}, {platform.machine()} with "
        f"{os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}"
    )
    return f"{said}. {note}" if note else f"{said}."


def versions():
    """Say with what."""
    known = []
    for package in PACKAGES:
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(known)


def rows_of_rivals(runs):
    """Return the row of every rival: the lines that tell of it."""
    by_name = {one.name: one for one in runs}
    for rival, name, pattern in RIVALS:
        one = by_name.get(name)
        lines = [] if one is None else one.printed.splitlines()
        told = [" ".join(line.split()) for line in lines if re.search(pattern, line)]
        cell = "<br>".join(f"`{line}`".replace("|", "/") for line in told)
        script = name if one is None else f"[{name}](#{name.replace('_', '-')})"
        yield f"| {rival} | {script} | {cell or 'not run'} |"


def page(runs):
    """Write the rivals, the scripts, and below them what each script printed."""
    newest = max(runs, key=lambda one: one.where)
    lines = [
        *OPENING.splitlines(),
        *("", newest.where, "", f"Versions: {newest.packages}.", ""),
        *("## Every rival in one table", ""),
        *("| rival | script | printed of it and of ours |", "|---|---|---|"),
        *rows_of_rivals(runs),
        *("", "## The scripts that ran here", "", NOT_ALL, ""),
        *("| script | question | ended | CPU s |", "|---|---|---|---|"),
        *(
            f"| [{one.name}](#{one.name.replace('_', '-')}) | {one.question} | "
            f"{one.how} | {one.seconds:.0f} |"
            for one in runs
        ),
    ]
    for one in runs:
        command = f"$ python benchmarks/comparisons/{one.name}.py {one.arguments}"
        lines += ["", f"## {one.name.replace('_', '-')}", ""]
        if one.where != newest.where or one.packages != newest.packages:
            lines += [f"{one.where} Versions: {one.packages}.", ""]
        lines += ["```text", command.rstrip(), one.printed, "```"]
    return "\n".join(lines) + "\n"


def known_runs(scripts):
    """Return what every script printed when it last ran."""
    files = [RESULTS / f"{script.stem}.json" for script in scripts]
    return [
        Run(**json.loads(file.read_text(encoding="utf-8")))
        for file in files
        if file.exists()
    ]


def scripts_alone():
    """Return the scripts that run by themselves; others are their parts."""
    return [
        script
        for script in sorted(FOLDER.glob("comparisons/*.py"))
        if script.stem not in ASIDE and "__main__" in script.read_text(encoding="utf-8")
    ]


def main():
    """Run all, tell how each ended, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of scripts")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds a script")
    parser.add_argument("--full", action="store_true", help="the long forms")
    parser.add_argument("--note", default="", help="what to say of the machine")
    asked = parser.parse_args()
    scripts = scripts_alone()
    unknown = set(asked.only) - {script.stem for script in scripts}
    if unknown:
        parser.error(f"there is no script {sorted(unknown)} in benchmarks/comparisons")
    RESULTS.mkdir(exist_ok=True)
    failed = False
    for script in scripts:
        if asked.only and script.stem not in asked.only:
            continue
        one = run(script, full=asked.full, limit=asked.limit, note=asked.note)
        failed |= one.how == "failed"
        file = RESULTS / f"{one.name}.json"
        file.write_text(json.dumps(asdict(one), indent=1), encoding="utf-8")
        PAGE.write_text(page(known_runs(scripts)), encoding="utf-8")
        print(f"{one.name:32} {one.how:12} {one.seconds:6.0f} s", flush=True)
    print(f"\nPage: {PAGE}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
