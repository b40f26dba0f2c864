"""Are intervals from sums as good as intervals from rows?

Draws people again and again, and asks of the intervals of `subgroup_fidelity` (from
rows) and of `fidelity_of_table` (from sums of the same rows) how often they hold the
truth, and how wide they are. Four subgroups a draw, alike but for chance. All
metrics, or those that are named:

    python benchmarks/comparisons/intervals_from_sums.py 25
    python benchmarks/comparisons/intervals_from_sums.py 100 brier log_loss

How far both are apart on the same rows, metric by metric:

    python benchmarks/comparisons/intervals_from_sums.py apart 10
"""

import argparse

import numpy as np
import polars as pl

from sklearn_equity import fidelity_of_table, subgroup_fidelity

N_SUBGROUPS = 4
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


def rare(n_rows, rng):
    return _outcome(rng.beta(0.5, 9.5, n_rows), rng)


def common(n_rows, rng):
    return _outcome(rng.beta(2.0, 3.0, n_rows), rng)


def _outcome(probability, rng):
    """Draw an outcome of 5% or 40%, and predict it with its own probability."""
    probability = np.clip(probability, 1e-6, 1.0 - 1e-6)
    return (rng.random(len(probability)) < probability).astype(float), probability


OF_ERRORS, OF_PROBABILITIES = (normal, heavy, skewed), (rare, common)
METRICS = {
    **dict.fromkeys(("mae", "rmse", "nrmse", "r2", "bias"), OF_ERRORS),
    **dict.fromkeys(("brier", "log_loss"), OF_PROBABILITIES),
}


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
    return [
        (np.array(table.ci_low), np.array(table.ci_high))
        for table in both_tables(metric, people, size, draw, n_resamples=300)
    ]


def both_tables(metric, people, size, draw, n_resamples):
    rng = np.random.default_rng([20261011, draw, size])
    truth, prediction = people(N_SUBGROUPS * size, rng)
    subgroups = np.arange(len(truth)) % N_SUBGROUPS
    rows = subgroup_fidelity(
        truth,
        prediction,
        subgroups=subgroups,
        metric=metric,
        n_resamples=n_resamples,
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
    return rows, sums


def classes(n_rows, rng):
    outcome, probability = common(n_rows, rng)
    return outcome, (probability > 0.5).astype(float)


APART = {
    **dict.fromkeys(("accuracy", "balanced_accuracy"), classes),
    **dict.fromkeys(("mae", "rmse", "nrmse", "r2", "bias"), heavy),
    **dict.fromkeys(("brier", "log_loss"), common),
}


def print_how_far_apart(n_draws, metrics):
    """Say how far figures from sums are from those of the same rows."""
    print("                     estimate    std_error    ends of intervals")
    print("metric                 (rel.)  (rel., RMS)  (std errors: median, most)")
    for metric in metrics:
        people = APART[metric]
        for size in (100, 1000, 5000):
            estimate, error, ends = [], [], []
            for draw in range(n_draws):
                rows, sums = both_tables(metric, people, size, draw, n_resamples=1000)
                estimate.append(sums.estimate / rows.estimate - 1.0)
                error.append(sums.std_error / rows.std_error - 1.0)
                for end in ("ci_low", "ci_high"):
                    apart = getattr(sums, end) - getattr(rows, end)
                    ends.append(apart / rows.std_error)
            print(
                f"{metric:17} {size:5,} {np.abs(estimate).max():10.0e} "
                f"{np.sqrt(np.mean(np.square(error))):10.1%} "
                f"{np.median(np.abs(ends)):12.1e} {np.abs(ends).max():8.1e}",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        usage="%(prog)s [-h] [apart] [draws] [metric ...]",
    )
    parser.add_argument(
        "asked", nargs="*", metavar="apart, draws, metric",
        help="how far both are apart; draws of people (100; apart: 10); metrics (all)",
    )  # fmt: skip
    asked = parser.parse_args().asked
    apart = asked[:1] == ["apart"]
    first, *metrics = asked[apart:] or ["10" if apart else "100"]
    if not first.isdecimal():
        parser.error(f"draws must be a whole number, got {first!r}")
    if unknown := set(metrics) - set(APART if apart else METRICS):
        parser.error(f"there is no metric {sorted(unknown)}")
    n_draws = int(first)
    if apart:
        print_how_far_apart(n_draws, metrics or APART)
        return
    n_all = n_draws * N_SUBGROUPS
    print(
        f"{n_all} intervals each, nominally 95% (one standard error of a coverage: "
        f"{100 * np.sqrt(0.05 * 0.95 / n_all):.1f} points)"
    )
    print("metric   people      n   rows   sums   width of sums / rows")
    for metric in metrics or METRICS:
        for people in METRICS[metric]:
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
                    f"{metric:8} {people.__name__:7} {size:5,} {rows:5.1f}% "
                    f"{sums:5.1f}% {width[1] / width[0]:8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
