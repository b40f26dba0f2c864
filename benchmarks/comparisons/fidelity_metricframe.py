"""How fast are subgroup figures, and their bootstrap, beside fairlearn's MetricFrame?

fairlearn wants an environment of its own, beside this package:

    python -m venv /tmp/rival
    /tmp/rival/bin/pip install fairlearn==0.15.0 .
    /tmp/rival/bin/python benchmarks/comparisons/fidelity_metricframe.py [--quick]

Figures: 1,000,000 rows in 50 subgroups, labels that are numbers, one metric a call; the
least time in which the arrays can be read once stands beside (their sums). Bootstrap:
100,000 rows in 50 subgroups, 1,000 replicates; MetricFrame's is timed on a few and
scaled up, since its time is proportional to them and would be minutes. Ours is all that
`subgroup_fidelity` does: estimates, intervals, verdicts, shrunken estimates, and the
deals of people by which inequality is told from noise. One process, one thread, CPU
time, medians of interleaved calls. The largest relative difference of the figures
stands beside the times, and, for the bootstrap, the mean relative difference of the
standard errors. Memory is the most that one more call, not timed, held beyond what
there was, as tracemalloc sees it; replicates add to MetricFrame's, whose memory is that
of the few. `--quick` takes a tenth of the rows.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from density_measuring import peak_megabytes
from fairlearn.metrics import MetricFrame
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    r2_score,
    root_mean_squared_error,
)

from sklearn_equity._checks import check_subgroups
from sklearn_equity.fidelity import (
    resolve_metric,
    subgroup_estimates,
    subgroup_fidelity,
)

N_SUBGROUPS = 50
METRICS = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
    "r2": r2_score,
    "accuracy": accuracy_score,
}


def draw(n_rows, metric):
    rng = np.random.default_rng(20261001)
    ward = rng.integers(0, N_SUBGROUPS, n_rows)
    if metric == "accuracy":
        y_true = 1.0 * (rng.random(n_rows) < 0.4)
        return y_true, np.where(rng.random(n_rows) < 0.2, 1.0 - y_true, y_true), ward
    y_true = rng.gamma(4.0, 10.0, n_rows)
    return y_true, y_true + rng.normal(0.0, 5.0, n_rows), ward


def metric_frame(metric, y_true, y_pred, ward, **options):
    return MetricFrame(
        metrics=METRICS[metric],
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=ward,
        **options,
    )


def time_calls(calls):
    """Return the median CPU seconds of each call, taken in turns, and its result."""
    spent, results = {name: [] for name in calls}, {}
    for turn in range(max(n for _, n in calls.values())):
        for name, (call, n_calls) in calls.items():
            if turn < n_calls:
                start = time.process_time()
                results[name] = call()
                spent[name].append(time.process_time() - start)
    return {name: float(np.median(times)) for name, times in spent.items()}, results


def compare_figures(metric, n_rows):
    y_true, y_pred, ward = draw(n_rows, metric)
    resolved = resolve_metric(metric)

    def ours():
        codes = check_subgroups(ward, n_rows=n_rows)
        return subgroup_estimates(y_true, y_pred, codes, resolved)

    def theirs():
        return metric_frame(metric, y_true, y_pred, ward).by_group.to_numpy()

    seconds, found = time_calls(
        {
            "read": (lambda: y_true.sum() + y_pred.sum() + ward.sum(), 15),
            "ours": (ours, 15),
            "fairlearn": (theirs, 3),
        }
    )
    difference = np.abs(found["ours"] / found["fairlearn"] - 1.0).max()
    print(
        f"{metric:>9} {n_rows:>9,} read {1e3 * seconds['read']:6.2f} ms, ours "
        f"{1e3 * seconds['ours']:7.2f} ms ({seconds['ours'] / seconds['read']:.1f} "
        f"reads), MetricFrame {1e3 * seconds['fairlearn']:8.1f} ms: "
        f"{seconds['fairlearn'] / seconds['ours']:,.0f}x, difference {difference:.0e}, "
        f"memory {peak_megabytes(ours):.1f} and {peak_megabytes(theirs):.1f} MB",
        flush=True,
    )


def compare_bootstraps(metric, n_rows, n_replicates, n_timed):
    y_true, y_pred, ward = draw(n_rows, metric)

    def ours():
        return subgroup_fidelity(
            y_true,
            y_pred,
            subgroups=ward,
            metric=metric,
            n_resamples=n_replicates,
            random_state=0,
        )

    def theirs():
        frame = metric_frame(
            metric,
            y_true,
            y_pred,
            ward,
            n_boot=n_timed,
            ci_quantiles=[0.1587, 0.8413],
            random_state=0,
        )
        low, high = frame.by_group_ci
        return (high - low).to_numpy(dtype=float) / 2.0

    seconds, found = time_calls({"ours": (ours, 5), "fairlearn": (theirs, 1)})
    scaled = seconds["fairlearn"] * n_replicates / n_timed
    noise = np.mean(found["fairlearn"] / found["ours"].std_error) - 1.0
    print(
        f"{metric:>9} {n_rows:>9,} {n_replicates:,} replicates: ours "
        f"{seconds['ours']:6.2f} s, MetricFrame {scaled:7.1f} s (from {n_timed}): "
        f"{scaled / seconds['ours']:,.0f}x, standard errors {noise:+.1%}, memory "
        f"{peak_megabytes(ours):.1f} and {peak_megabytes(theirs):.1f} MB",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    shrink = 10 if parser.parse_args().quick else 1
    for metric in METRICS:
        compare_figures(metric, 1_000_000 // shrink)
    for metric in METRICS:
        compare_bootstraps(metric, 100_000 // shrink, 1000, 20)


if __name__ == "__main__":
    main()
