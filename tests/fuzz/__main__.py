"""Is the package calm when it is handed nonsense? Thousands of calls, from one seed.

    python tests/fuzz [--cases 20000] [--seed 0] [--only NAME] [--case NUMBER]

Prints each kind of fault once, with the case that draws it again, and how many cases
of each target there were, and how many were answered, not refused. The exit status is 1
if there was a fault.
"""

import argparse
import os
import sys
import time
from collections import Counter

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

from cases import WEIGHTS, make_case
from process import run


def show(ended, seed, only):
    """Print one fault, with what draws it again."""
    again = f"--seed {seed} --case {ended.number}" + (f" --only {only}" if only else "")
    print(f"\n{ended.target}: {ended.fault.kind} ({again})")
    print(f"    {ended.fault.text}\n{ended.arguments}", flush=True)


def main():
    """Run, count, and say what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(WEIGHTS), help="one target")
    parser.add_argument("--case", type=int, help="run one case again, here")
    asked = parser.parse_args()
    if asked.case is not None:
        case = make_case(asked.seed, asked.case, only=asked.only)
        print(case.target, case.describe(), case.run(), sep="\n")
        return
    start, known = time.time(), set()
    n_run, n_faults, n_answers = Counter(), Counter(), Counter()
    for ended in run(asked.seed, asked.cases, asked.only):
        n_run[ended.target] += 1
        n_answers[ended.target] += ended.answered
        if ended.fault:
            n_faults[ended.target] += 1
            place = ended.fault.text.rsplit("[", 1)[-1]
            if (ended.target, ended.fault.kind, place) not in known:
                known.add((ended.target, ended.fault.kind, place))
                show(ended, asked.seed, asked.only)
    for target in sorted(n_run):
        share = n_answers[target] / n_run[target]
        print(
            f"{target:32} {n_run[target]:6} cases, {share:4.0%} answered, "
            f"{n_faults[target]} faults"
        )
    print(
        f"{sum(n_run.values()):,} cases of {len(n_run)} targets, seed {asked.seed}: "
        f"{sum(n_faults.values())} faults of {len(known)} kinds; "
        f"{time.time() - start:.0f} s"
    )
    sys.exit(bool(n_faults))


if __name__ == "__main__":
    main()
