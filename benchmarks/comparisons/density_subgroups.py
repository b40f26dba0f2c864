"""How long do interval probabilities of many subgroups take, a bandwidth each?

python benchmarks/comparisons/density_subgroups.py [--quick]

Kde1d needs pyvinecopulib; its rows are left out without it:
python -m venv rivals && rivals/bin/pip install pyvinecopulib -e .
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import warnings
from itertools import pairwise

import numpy as np
from density_measuring import cpu_seconds, largest_resident_megabytes, rival
from scipy import stats

from sklearn_equity.density import estimate_subgroups

LAW = stats.beta(2, 5)
EDGES = np.linspace(0, 1, 21)


def ours(x, codes, n_subgroups, boundary):
    return lambda: estimate_subgroups(
        x, codes=codes, n_subgroups=n_subgroups, bounds=(0, 1), boundary=boundary
    ).interval_probability(EDGES)


def kde1d_loop(x, codes, n_subgroups, module):
    order = np.argsort(codes, kind="stable")  # not timed: the rival gets sorted data
    parts = np.split(x[order], np.searchsorted(codes[order], np.arange(1, n_subgroups)))
    return lambda: [
        np.diff(module.core.Kde1d(xmin=0.0, xmax=1.0).fit(part).cdf(EDGES))
        for part in parts
    ]


def scipy_loop(x, codes, n_subgroups):
    parts = [x[codes == code] for code in range(n_subgroups)]

    def work():
        kdes = [stats.gaussian_kde(part) for part in parts]
        return [
            [kde.integrate_box_1d(a, b) for a, b in pairwise(EDGES)] for kde in kdes
        ]

    return work


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    shrink = 10 if parser.parse_args().quick else 1
    vine = rival("pyvinecopulib")
    truth = np.diff(LAW.cdf(EDGES))
    rng = np.random.default_rng(20261102)
    for n, n_subgroups in ((1_000_000, 50), (1_000_000, 1000), (10_000_000, 50)):
        n = n // shrink
        x = LAW.rvs(n, random_state=rng)
        codes = rng.integers(n_subgroups, size=n)
        rows = [
            ("ours, reflect", ours(x, codes, n_subgroups, "reflect"), 5),
            ("ours, local (default)", ours(x, codes, n_subgroups, "local"), 5),
        ]
        if n <= 1_000_000:
            if vine:
                rows.append(
                    ("Kde1d, a loop", kde1d_loop(x, codes, n_subgroups, vine), 1)
                )
            if n_subgroups == 50:
                rows.append(("scipy, a loop", scipy_loop(x, codes, n_subgroups), 1))
        print(
            f"\n{n:,} values, {n_subgroups} subgroups, 20 intervals each; CPU, median"
        )
        print(f"{'':26}{'ms':>9}{'x ours':>9}{'rms error':>12}")
        base = None
        for name, work, repeats in rows:
            seconds, answer = cpu_seconds(work, repeats)
            base = base or seconds
            error = np.sqrt(np.mean((np.asarray(answer) - truth) ** 2))
            print(
                f"{name:26}{1e3 * seconds:9.1f}{seconds / base:9.1f}{error:12.2e}",
                flush=True,
            )
        print(f"largest resident size so far: {largest_resident_megabytes():.0f} MB")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
