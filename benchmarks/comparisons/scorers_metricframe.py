"""What does a scorer call cost beyond the prediction, ours against MetricFrame's?

fairlearn wants an environment of its own, beside this package:

    python -m venv /tmp/rival
    /tmp/rival/bin/pip install fairlearn==0.15.0 .
    /tmp/rival/bin/python benchmarks/comparisons/scorers_metricframe.py [--quick]

Both score the same predictions for the same rows in one process and thread: the worst
subgroup's value of a metric, as a scorer that scikit-learn calls. CPU time, medians of
interleaved calls; the difference between the two values stands beside it. The ratio is
that of the plain scorer (shrink=False), which computes what MetricFrame computes; the
default, which also estimates each subgroup's noise, has a column of its own. Memory is
the most that one more call, not timed, held beyond what there was, as tracemalloc sees
it. `--quick` takes 20,000 rows and fewer calls.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from density_measuring import peak_megabytes
from fairlearn.metrics import MetricFrame
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

from sklearn_equity.scorers import equity_scorer

N_SUBGROUPS = 50
METRICS = {
    "mae": (mean_absolute_error, max, -1),
    "r2": (r2_score, min, 1),
    "accuracy": (accuracy_score, min, 1),
}


class Replay(RegressorMixin, BaseEstimator):
    """Predicts what it was given, at no cost: what is left is the scoring."""

    def __init__(self, prediction):
        self.prediction = prediction

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        del X
        return self.prediction


class ReplayClasses(ClassifierMixin, Replay):
    classes_ = np.array([0, 1])


def draw(n_rows, metric, labels):
    rng = np.random.default_rng(20260611)
    ward = rng.integers(0, N_SUBGROUPS, n_rows)
    if labels == "text":
        ward = np.array([f"ward {k}" for k in range(N_SUBGROUPS)])[ward]
    X = pd.DataFrame({"ward": ward})
    if metric == "accuracy":
        y = rng.integers(0, 2, n_rows)
        wrong = rng.uniform(size=n_rows) < 0.2
        return X, y, ReplayClasses(np.where(wrong, 1 - y, y))
    y = rng.gamma(4.0, 10.0, n_rows)
    return X, y, Replay(y + rng.normal(0.0, 5.0, n_rows))


def metric_frame_scorer(metric):
    function, worst, sign = METRICS[metric]

    def score(estimator, X, y):
        frame = MetricFrame(
            metrics=function,
            y_true=y,
            y_pred=estimator.predict(X),
            sensitive_features=X["ward"],
        )
        return sign * worst(frame.by_group)

    return score


def time_calls(calls, n_calls):
    """Return the median CPU milliseconds of each call, taken in turns."""
    spent = {name: [] for name in calls}
    for _ in range(n_calls):
        for name, call in calls.items():
            start = time.process_time()
            call()
            spent[name].append(time.process_time() - start)
    return {name: 1e3 * float(np.median(times)) for name, times in spent.items()}


def compare(metric, labels, n_rows, n_calls):
    X, y, model = draw(n_rows, metric, labels)
    scorers = {
        "ours": equity_scorer(metric, subgroups="ward", shrink=False),
        "default": equity_scorer(metric, subgroups="ward"),
        "fairlearn": metric_frame_scorer(metric),
    }
    calls = {
        name: lambda scorer=scorer: scorer(model, X, y)
        for name, scorer in scorers.items()
    }
    difference = abs(calls["ours"]() - calls["fairlearn"]())
    took = time_calls(calls, n_calls)
    held = {name: peak_megabytes(call) for name, call in calls.items()}
    print(
        f"{metric:>9} {labels:>8} {n_rows:>8,} {took['ours']:>8.2f} "
        f"{took['default']:>10.2f} {took['fairlearn']:>10.1f} "
        f"{took['fairlearn'] / took['ours']:>7.0f}x {difference:>11.1e} "
        f"{held['ours']:>8.2f} {held['default']:>10.2f} {held['fairlearn']:>10.2f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    n_rows, n_calls = (20_000, 5) if quick else (100_000, 15)
    print(
        f"{'metric':>9} {'labels':>8} {'rows':>8} {'ours ms':>8} {'shrunk ms':>10} "
        f"{'theirs ms':>10} {'ratio':>8} {'difference':>11} "
        f"{'ours MB':>8} {'shrunk MB':>10} {'theirs MB':>10}"
    )
    for metric in METRICS:
        for labels in ("integer", "text"):
            compare(metric, labels, n_rows, n_calls)


if __name__ == "__main__":
    main()
