"""How long do 20 interval probabilities of a million values take, how exact are they?

python benchmarks/comparisons/density_intervals.py [--quick]

FFTKDE needs KDEpy, and Kde1d pyvinecopulib; rows of absent ones are left out:
python -m venv rivals && rivals/bin/pip install KDEpy pyvinecopulib -e .
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import warnings
from itertools import pairwise

import numpy as np
from density_measuring import cpu_seconds, peak_megabytes, rival
from scipy import stats
from sklearn.neighbors import KernelDensity

from sklearn_equity.density import BoundedKDE

LAW = stats.beta(2, 5)
EDGES = np.linspace(0, 1, 21)


def ours(x, **params):
    column = x.reshape(-1, 1)
    return lambda: (
        BoundedKDE(bounds=(0, 1), **params).fit(column).interval_probability(EDGES)
    )


def scipy_boxes(x):
    def work():
        kde = stats.gaussian_kde(x)
        return [kde.integrate_box_1d(a, b) for a, b in pairwise(EDGES)]

    return work


def sklearn_grid(x):
    """Integrate the density on a grid of 200, as users of KernelDensity do."""

    def work():
        grid = np.linspace(0, 1, 201).reshape(-1, 1)
        kde = KernelDensity(bandwidth=1.06 * x.std() * len(x) ** -0.2).fit(
            x.reshape(-1, 1)
        )
        density = np.exp(kde.score_samples(grid))
        cell = (density[1:] + density[:-1]) / 400
        return cell.reshape(20, 10).sum(axis=1)

    return work


def kdepy_isj(x, module):
    def work():
        grid, density = module.FFTKDE(kernel="gaussian", bw="ISJ").fit(x).evaluate(1024)
        mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
        return np.diff(np.interp(EDGES, grid, mass * (grid[1] - grid[0])))

    return work


def kde1d(x, module):
    return lambda: np.diff(module.core.Kde1d(xmin=0.0, xmax=1.0).fit(x).cdf(EDGES))


def sorted_shares(x):
    return lambda: np.diff(np.searchsorted(np.sort(x), EDGES) / len(x))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 values")
    n = 100_000 if parser.parse_args().quick else 1_000_000
    x = LAW.rvs(n, random_state=20261101)
    truth = np.diff(LAW.cdf(EDGES))
    few = x[: n // 10]
    rows = [
        ("ours, reflect", ours(x, boundary="reflect"), 15, 1),
        ("ours, local (default)", ours(x), 15, 1),
        ("sorted shares (ECDF)", sorted_shares(x), 5, 1),
        ("scipy integrate_box_1d", scipy_boxes(x), 3, 1),
        ("sklearn KernelDensity, a tenth", sklearn_grid(few), 1, 10),
    ]
    if kdepy := rival("KDEpy"):
        rows.append(("KDEpy FFTKDE, ISJ", kdepy_isj(x, kdepy), 7, 1))
    if vine := rival("pyvinecopulib"):
        rows.append(("pyvinecopulib Kde1d", kde1d(x, vine), 3, 1))
    print(f"{n:,} values of beta(2, 5), 20 intervals, CPU in one thread, median")
    print(f"{'':32}{'ms':>9}{'x ours':>8}{'MB':>8}{'error':>10}")
    base = None
    for name, work, repeats, scale in rows:
        seconds, answer = cpu_seconds(work, repeats)
        seconds *= scale
        base = base or seconds
        error = np.abs(np.asarray(answer) - truth).max()
        print(
            f"{name:32}{1e3 * seconds:9.1f}{seconds / base:8.1f}"
            f"{peak_megabytes(work):8.1f}{error:10.2e}",
            flush=True,
        )
    print("error: largest of the 20, against the law itself (sampling noise included)")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
