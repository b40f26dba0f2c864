"""Are intervals from sums as good as intervals from rows?

Draws people again and again, and asks of the intervals of `subgroup_fidelity` (from
rows) and of `fidelity_of_table` (from sums of the same rows) how often they hold the
truth, and how wide they are. Four subgroups a draw, alike but for chance.

    python benchmarks/comparisons/intervals_from_sums.py 25
"""

import sys

import numpy as np
import polars as pl

from sklearn_equity import fidelity_of_table, subgroup_fidelity

N_SUBGROUPS = 4
METRICS = ("mae", "rmse", "nrmse", "r2", "bias")
SIZES = (50, 100, 400, 2000)


def normal(n_rows, rng):
    truth = 40.0 + 6.0 * rng.normal(size=n_rows)
    return truth, truth + 3.0 * rng.normal(size=n_rows)


def heavy(n_rows, rng):
    truth = 40.0 + 6.0 * rng.normal(size=n_rows)
    return truth, truth + 3.0 * rng.standard_t(4, size=n_rows)


def skewed(n_rows, rng):
    truth = np.exp(rng.normal(3.0, 0.6, n_rows))
    return truth, truth * np.exp(rng.normal(0.0, 0.4, n_rows))


def true_value(metric, people):
    truth, prediction = people(2_000_000, np.random.default_rng(20261010))
    halves = np.arange(len(truth)) % 2
    found = fidelity_of_table(
        pl.DataFrame({"y": truth, "p": prediction, "s": halves}).lazy(),
        y_true="y",
        y_pred="p",
        subgroups="s",
        metric=metric,
    )
    return found.overall.estimate


def both_intervals(metric, people, size, draw):
    rng = np.random.default_rng([20261011, draw, size])
    truth, prediction = people(N_SUBGROUPS * size, rng)
    subgroups = np.arange(len(truth)) % N_SUBGROUPS
    rows = subgroup_fidelity(
        truth,
        prediction,
        subgroups=subgroups,
        metric=metric,
        n_resamples=300,
        random_state=draw,
    )
    sums = fidelity_of_table(
        pl.DataFrame({"y": truth, "p": prediction, "s": subgroups}).lazy(),
        y_true="y",
        y_pred="p",
        subgroups="s",
        metric=metric,
        random_state=draw,
    )
    return [(np.array(t.ci_low), np.array(t.ci_high)) for t in (rows, sums)]


def main():
    n_draws = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    n_all = n_draws * N_SUBGROUPS
    print(
        f"{n_all} intervals each, nominally 95% (one standard error of a coverage: "
        f"{100 * np.sqrt(0.05 * 0.95 / n_all):.1f} points)"
    )
    print("metric people      n   rows   sums   width of sums / rows")
    for metric in METRICS:
        for people in (normal, heavy, skewed):
            value = true_value(metric, people)
            for size in SIZES:
                held, width = np.zeros(2), np.zeros(2)
                for draw in range(n_draws):
                    ends = both_intervals(metric, people, size, draw)
                    for i, (low, high) in enumerate(ends):
                        held[i] += ((low <= value) & (value <= high)).sum()
                        width[i] += (high - low).sum()
                rows, sums = 100.0 * held / n_all
                print(
                    f"{metric:6} {people.__name__:7} {size:5,} {rows:5.1f}% "
                    f"{sums:5.1f}% {width[1] / width[0]:8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
