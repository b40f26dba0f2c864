"""What does each remedy do for whom, beside training again with another seed?

    OMP_NUM_THREADS=1 python benchmarks/comparisons/remedies_side_by_side.py [--quick]

Needs pandas. People of `make_health_cohort`, a network of 16, 16 and 8 units, and the
segments of a k-means of the inputs: 50 of them, all large enough to be judged. The
under-served are the segments worse than the median by the plain model on the training
rows. Printed for each remedy, on people whom no model was trained on: the change of
NRMSE in per cent for everybody, base and under-served, with its standard error over
seeds; the mean share of segments worse by over .5%; in how many runs all three figures
are better; seconds. Another seed is the control: what it does is chance. "oracle"
predicts the conditional mean, which nobody knows.

Deferral leaves out a tenth of the people, so that its figures, of those left, are not
comparable with the others': who is left out is printed below.
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_predict
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import (
    DeferralRegressor,
    LocalExpertStack,
    SubgroupOversampler,
    SubgroupRecalibrator,
    WorstSubgroupReweighter,
    make_health_cohort,
    nrmse,
)
from sklearn_equity.exceptions import EquityWarning


class Network(MLPRegressor):
    """The published network, on standardised inputs and outcomes in tens."""

    def __init__(self, max_iter=40, random_state=None):
        super().__init__(
            hidden_layer_sizes=(16, 16, 8),
            batch_size=200,
            max_iter=max_iter,
            random_state=random_state,
        )

    def fit(self, X, y, sample_weight=None):
        self.scaler_ = StandardScaler().fit(X)
        super().fit(self.scaler_.transform(X), (y - 36) / 10, sample_weight)
        return self

    def predict(self, X):
        return 36 + 10 * super().predict(self.scaler_.transform(X))


def remedies(plain, segments, seed):
    """Return each remedy by its name."""
    options = {"segmenter": segments, "random_state": seed}
    return {
        "another seed": clone(plain).set_params(random_state=seed + 1000),
        "oversample x2": SubgroupOversampler(plain, multiplier=2, **options),
        "oversample x5": SubgroupOversampler(plain, multiplier=5, **options),
        "weights x2": SubgroupOversampler(plain, strategy="weight", **options),
        "reweight the worst": WorstSubgroupReweighter(plain, n_rounds=5, **options),
        "recalibrate": SubgroupRecalibrator(plain, **options),
        "local experts": LocalExpertStack(
            clone(plain).set_params(random_state=None), random_state=seed
        ),
        "defer a tenth": DeferralRegressor(plain, random_state=seed),
        "defer, gap <= 1": DeferralRegressor(
            plain, coverage=1.0, max_gap=1.0, **options
        ),
    }


def changes(truth, before, after, segment, under):
    """Return changes in per cent, and the share of segments worse by over .5%.

    Those left with a prediction are compared with everybody of their kind before.
    """
    given = np.isfinite(after)

    def change(mine):
        left = mine & given
        if not left.any():
            return np.nan
        return 100 * (
            nrmse(truth[left], after[left]) / nrmse(truth[mine], before[mine]) - 1
        )

    everybody = np.ones(len(truth), dtype=bool)
    figures = [change(mine) for mine in (everybody, ~under, under)]
    if not given.all():
        return [*figures, np.nan]
    each = np.array([change(segment == s) for s in np.unique(segment)])
    return [*figures, 100 * np.mean(each > 0.5)]


def run(seed, arguments):
    """Return the figures of each remedy for one draw of people."""
    options = {"strength": arguments.strength, "shape": arguments.shape}
    options["population"] = seed
    train = make_health_cohort(arguments.people, **options, random_state=seed)
    test = make_health_cohort(arguments.held_out, **options, random_state=5000 + seed)
    plain = Network(arguments.epochs, random_state=seed)
    segments = make_pipeline(StandardScaler(), KMeans(arguments.segments, n_init=1))
    segments[-1].set_params(random_state=seed)
    segments = FrozenEstimator(segments.fit(train.X))
    inside, segment = segments.predict(train.X), segments.predict(test.X)
    held_out = cross_val_predict(plain, train.X, train.y)
    by_segment = [
        nrmse(train.y[inside == s], held_out[inside == s])
        for s in range(arguments.segments)
    ]
    worse = np.flatnonzero(np.array(by_segment) > np.median(by_segment))
    under = np.isin(segment, worse)
    before = clone(plain).fit(train.X, train.y).predict(test.X)
    figures = {
        "oracle": [
            *changes(test.y, before, test.conditional_mean, segment, under),
            0.0,
        ]
    }
    excluded = None
    for name, remedy in remedies(plain, segments, seed).items():
        start = time.process_time()
        after = remedy.fit(train.X, train.y).predict(test.X)
        seconds = time.process_time() - start
        figures[name] = [*changes(test.y, before, after, segment, under), seconds]
        if name == "defer a tenth":
            excluded = remedy.defer(
                test.X, characteristics={"diabetes": test.diabetes}
            ).excluded
    return figures, excluded


def main():
    """Print the table of all remedies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 seeds of 4,000 people")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--held-out", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--segments", type=int, default=50)
    parser.add_argument("--strength", default="moderate")
    parser.add_argument("--shape", default="conjunction")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.people, arguments.held_out = 2, 4000, 20_000
        arguments.epochs, arguments.segments = 20, 20
    found, excluded = [], None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", EquityWarning)
        for seed in range(arguments.seeds):
            figures, excluded = run(seed, arguments)
            found.append(figures)
    print(
        f"{arguments.seeds} draws of {arguments.people:,} people, "
        f"{arguments.strength}, {arguments.shape}, {arguments.segments} segments; "
        "change of NRMSE in % (standard error)"
    )
    head = ("overall", "base", "under-served")
    print(f"{'':<20}" + "".join(f"{name:>16}" for name in head), end="")
    print(f"{'harmed':>8}{'all better':>12}{'CPU s':>8}")
    for name in found[0]:
        each = np.array([figures[name] for figures in found])
        mean = each.mean(axis=0)
        error = np.full(len(mean), np.nan)
        if len(each) > 1:
            error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
        texts = [
            f"{m:+.2f} ({e:.2f})" for m, e in zip(mean[:3], error[:3], strict=True)
        ]
        better = (each[:, :3] < 0).all(axis=1).sum()
        harmed = "" if np.isnan(mean[3]) else f"{mean[3]:.0f}%"
        print(
            f"{name:<20}" + "".join(f"{text:>16}" for text in texts),
            f"{harmed:>7}{better:>8} of {len(each)}{mean[4]:>8.0f}",
        )
    print("\nDeferring a tenth, last draw, leaves out:")
    print(excluded)


if __name__ == "__main__":
    main()
