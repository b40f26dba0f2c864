"""Is our A-D comparison of two groups faster and nearer the truth than daindex 0.10's?

daindex is looked for here, or in an environment of its own (it brings matplotlib and
seaborn):

    python -m venv /tmp/rival
    /tmp/rival/bin/pip install daindex==0.10.0
    python benchmarks/comparisons/allocation_daindex.py /tmp/rival/bin/python [--quick]

Both get the same data frame with text labels, 50 windows of the same width and 20
steps, and work in one thread; CPU time is the median of repeated runs (daindex: of
one). Ours is timed twice: one inequality with its interval, and all that daindex
computes (the curves, and the inequality of the whole range and of the decision region)
with intervals throughout, of which daindex has none. The truth is known from the laws
that the people are drawn from; the error is that of the inequality over the whole
range. `--quick` leaves out 100,000 rows for daindex, which take minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import tracemalloc
import warnings
from importlib.util import find_spec
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from scipy.stats import gamma

THRESHOLD, UPPER, N_STEPS, N_WINDOWS, REGION = 3.0, 40.0, 20, 50, 0.5
SITUATIONS = {"equal": 0.0, "unequal": 0.5}


def draw_people(n_rows, situation):
    """Draw scores and, at each score, measurements; the black group's may be worse."""
    rng = np.random.default_rng(20220723)
    group = np.where(rng.random(n_rows) < 0.4, "black", "white")
    score = rng.beta(1.2, 1.8, size=n_rows)
    shape = 1.5 + 2 * score + SITUATIONS[situation] * (group == "black")
    measurement = rng.gamma(shape).clip(0, UPPER)
    return pd.DataFrame({"group": group, "score": score, "measurement": measurement})


def true_inequality(situation):
    """Ratio of the areas under the true curves, less 1."""
    score = np.linspace(0, 1, 2001)
    edges = np.append(
        THRESHOLD + (UPPER - THRESHOLD) / N_STEPS * np.arange(N_STEPS), np.inf
    )
    areas = []
    for extra in (SITUATIONS[situation], 0.0):
        below = gamma.cdf(edges, 1.5 + 2 * score[:, None] + extra)
        areas.append((np.diff(below, axis=1) @ np.arange(1, N_STEPS + 1)).mean())
    return areas[0] / areas[1] - 1


def cpu_seconds(work, repeats):
    """Return the median CPU time of `work`, and what it returned last."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    return float(np.median(times)), result


# ---- the two workers ---------------------------------------------------------------
def run_ours(n_rows, situation):
    from sklearn_equity.allocation import (
        allocation_deterioration_curve,
        model_inequality,
    )

    people = draw_people(n_rows, situation)
    options = {
        "threshold": THRESHOLD, "bounds": (0, UPPER), "n_steps": N_STEPS,
        "n_points": N_WINDOWS, "half_width": 1 / N_WINDOWS,
    }  # fmt: skip

    def compare(start=0.0):
        return model_inequality(
            people["score"], people["measurement"], subgroups=people["group"],
            compare=("black", "white"), decision_threshold=start, **options,
        )  # fmt: skip

    def everything():
        allocation_deterioration_curve(
            people["score"], people["measurement"], subgroups=people["group"], **options
        )
        return compare(), compare(REGION)

    repeats = 15 if n_rows <= 10_000 else 5
    compare()
    seconds, result = cpu_seconds(compare, repeats)
    seconds_all, _ = cpu_seconds(everything, repeats)
    tracemalloc.start()
    compare()
    peak = tracemalloc.get_traced_memory()[1]
    return {
        "seconds": seconds, "seconds_all": seconds_all, "estimate": result.estimate,
        "ci_low": result.ci_low, "ci_high": result.ci_high, "megabytes": peak / 1e6,
    }  # fmt: skip


def run_daindex(n_rows, situation):
    from daindex import DAIndex, DeteriorationFeature, Group

    people = draw_people(n_rows, situation)

    def compare():
        index = DAIndex(
            people,
            [Group("black", col="group"), Group("white", col="group")],
            DeteriorationFeature("measurement", THRESHOLD),
            n_bins=N_WINDOWS, weight_sum_steps=N_STEPS, n_jobs=1,
            decision_boundary=REGION,
        )  # fmt: skip
        index.evaluate_groups_by_predictions("score", "white", n_jobs=1)
        return float(index.get_ratios().loc[("white", "black"), "Full"])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds, estimate = cpu_seconds(compare, 1)
    return {"seconds": seconds, "estimate": estimate}


WORKERS = {"ours": run_ours, "daindex": run_daindex}


def ask(python, worker, n_rows, situation):
    """Run a worker in its own process and environment."""
    done = subprocess.run(
        [python, __file__, "--worker", worker, str(n_rows), situation],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


# ---- the table ---------------------------------------------------------------------
def report(n_rows, situation, rival):
    truth = true_inequality(situation)
    ours = ask(sys.executable, "ours", n_rows, situation)
    line = (
        f"{n_rows:>9,} {situation:8} truth {truth:+.3f} | ours "
        f"{1e3 * ours['seconds']:7.2f} ms (all {1e3 * ours['seconds_all']:7.2f}), "
        f"{ours['megabytes']:5.1f} MB, error {ours['estimate'] - truth:+.3f}, interval "
        f"{ours['ci_low']:+.3f} to {ours['ci_high']:+.3f}"
    )
    if rival:
        other = ask(rival, "daindex", n_rows, situation)
        once, all_of_it = (
            other["seconds"] / ours[name] for name in ("seconds", "seconds_all")
        )
        line += (
            f" | daindex {other['seconds']:7.2f} s, error "
            f"{other['estimate'] - truth:+.3f} | {once:,.0f} x (all {all_of_it:,.0f} x)"
        )
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rival", nargs="?", help="Python that has daindex 0.10.0")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker, n_rows, situation = arguments.worker
        print(json.dumps(WORKERS[worker](int(n_rows), situation)))
        return
    if arguments.rival is None and find_spec("daindex"):
        arguments.rival = sys.executable
    if arguments.rival and not Path(arguments.rival).exists():
        parser.error(f"there is no {arguments.rival}; see the top of this file")
    report(10_000, "equal", arguments.rival)
    report(10_000, "unequal", arguments.rival)
    report(100_000, "unequal", None if arguments.quick else arguments.rival)
    report(1_000_000, "unequal", None)


if __name__ == "__main__":
    main()
