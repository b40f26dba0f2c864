"""How fast and how exact are metrics by subgroup and indices, beside AIF360.sklearn?

    python benchmarks/comparisons/metrics_aif360.py [--quick]

Needs aif360 and pandas. 50 subgroups: the sensitivity of each against that of all
others (`one_vs_rest` of a difference there), CPU time in one thread, medians of calls
that take turns, and the peak of memory. Ours is timed twice: the figures alone, and
`subgroup_fidelity` with its intervals and verdicts, of which AIF360 has none. Then
three indices of inequality of as many values of a lognormal distribution, from whose
spread all three follow. `--quick` takes a tenth of the rows.
"""

import argparse
import logging
import os
import sys
import time
import tracemalloc
import warnings
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from sklearn.metrics import recall_score

from sklearn_equity import generalized_entropy, theil
from sklearn_equity._checks import check_subgroups
from sklearn_equity.fidelity import (
    resolve_metric,
    subgroup_estimates,
    subgroup_fidelity,
)

logging.disable()  # of the parts of AIF360 that are not installed
try:
    from aif360.sklearn.metrics import (
        difference,
        generalized_entropy_index,
        one_vs_rest,
    )
except ImportError:
    sys.exit("The rival is missing: pip install aif360")

N_SUBGROUPS, SPREAD = 50, 0.6


def draw(n_rows):
    rng = np.random.default_rng(20261129)
    ward = rng.integers(N_SUBGROUPS, size=n_rows)
    y_true = 1.0 * (rng.random(n_rows) < 0.3)
    missed = rng.random(n_rows) < 0.1 + 0.2 * ward / N_SUBGROUPS
    return y_true, np.where(missed, 1.0 - y_true, y_true), ward


def ours(y_true, y_pred, ward):
    """Sensitivity of all others less that of each subgroup."""
    codes = check_subgroups(ward, n_rows=len(ward))
    found = subgroup_estimates(y_true, y_pred, codes, resolve_metric("sensitivity"))
    cases = np.bincount(codes.codes, weights=y_true)
    seen = found * cases
    return (seen.sum() - seen) / (cases.sum() - cases) - found


def with_evidence(y_true, y_pred, ward):
    return subgroup_fidelity(
        y_true, y_pred, subgroups=ward, metric="sensitivity", random_state=0
    )


def theirs(y_true, y_pred, ward):
    truth = pd.Series(y_true, index=pd.Index(ward, name="ward"))
    compare = partial(difference, recall_score)
    return np.array(one_vs_rest(compare, truth, y_pred, prot_attr="ward"))


def seconds(work, *data):
    start = time.process_time()
    work(*data)
    return time.process_time() - start


def megabytes(work, *data):
    tracemalloc.start()
    work(*data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def compare_metrics(n_rows):
    data = draw(n_rows)
    works = {
        "AIF360.sklearn": theirs,
        "ours": ours,
        "ours, with evidence": with_evidence,
    }
    times = {name: [] for name in works}
    for turn in range(5):
        for name, work in works.items():
            if turn < 2 or name == "ours":
                times[name].append(seconds(work, *data))
    apart = np.abs(ours(*data) - theirs(*data)).max()
    base = np.median(times["AIF360.sklearn"])
    print(f"sensitivity, each of {N_SUBGROUPS} against the rest, {n_rows:,} rows")
    for name, work in works.items():
        spent = np.median(times[name])
        print(
            f"{name:20}{1e3 * spent:10.1f} ms ({base / spent:6.1f} x)"
            f"{megabytes(work, *data):8.1f} MB",
            flush=True,
        )
    print(f"largest difference between the two: {apart:.0e}")


def compare_indices(n_values):
    values = np.random.default_rng(1).lognormal(5.0, SPREAD, n_values)
    half = SPREAD**2 / 2
    print(f"\nindices of {n_values:,} lognormal values: error against the law, ms")
    for name, alpha, law, our_index in (
        ("mean log deviation", 0, half, partial(generalized_entropy, alpha=0)),
        ("Theil", 1, half, theil),
        ("half squared variation", 2, np.expm1(SPREAD**2) / 2,
         partial(generalized_entropy, alpha=2)),
    ):  # fmt: skip
        rival = partial(generalized_entropy_index, alpha=alpha)
        cells = [
            f"{work(values) - law:+10.1e} {1e3 * seconds(work, values):7.1f}"
            for work in (our_index, rival)
        ]
        print(f"{name:24} ours {cells[0]}   AIF360.sklearn {cells[1]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    n_rows = 100_000 if parser.parse_args().quick else 1_000_000
    warnings.simplefilter("ignore")
    compare_metrics(n_rows)
    compare_indices(n_rows)


if __name__ == "__main__":
    main()
