"""How much of what could be better does a remedy make better, and for whom?

    python benchmarks/comparisons/remedy_closed_gap.py [--populations 100 101]
        [--rows 20000] [--shape oblique] [--strength strong] [--model boosted]
        [--quick]

A network of the published size (16-16-8) is trained on people of `make_health_cohort`;
`LocalExpertStack` is wrapped around the same network (or, with `--model boosted`,
boosted trees in both places). The truth is known, so that figures are free of the noise
of a test set: the reducible error of a model is the mean of its squared distance to the
conditional mean, over people whom nobody has seen.

- closed: the share of the network's reducible error that is gone, of everybody, of the
  base and of the under-served (segments worse than the median by NRMSE, on people of
  their own; 50 components on two principal components, the published form).
- planted: the same, of people in planted subgroups with another relation; unplanted: of
  all others, from whom a rule that is too wide takes.
- better: whether all three groups are better off.
- harmed: the share of segments, of 100 people or more, whose NRMSE, noise included, is
  worse by more than .5%.

"re-seeded" is the same network with another seed, the control: a model that is only
lucky looks like it. "best member" is the one model of the stack with the least error
across folds, bagged: what it costs least to have. "stack alone" is the remedy without
its experts, so simply a better model. Seconds are CPU time of one thread for the whole
fit.
"""

import argparse
import os
import time
import warnings
from dataclasses import dataclass

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import LatentGMMSegmenter, LocalExpertStack, make_health_cohort

SMALLEST_SEGMENT, HARM = 100, 0.005
CALIBRATION_ROWS = 15_000


@dataclass
class People:
    """People whom no model has seen, with the segments that they are in."""

    cohort: object
    segment: np.ndarray
    under_served: np.ndarray

    def reducible(self, predictions, rows):
        return ((predictions - self.cohort.conditional_mean) ** 2)[rows].mean()

    def segment_errors(self, predictions):
        """Return the root mean squared errors that noise is part of."""
        square = (predictions - self.cohort.conditional_mean) ** 2
        square += self.cohort.attainable_error**2
        size = np.bincount(self.segment)
        total = np.bincount(self.segment, square)
        return np.sqrt(total[size >= SMALLEST_SEGMENT] / size[size >= SMALLEST_SEGMENT])


def make_network(seed):
    network = MLPRegressor(
        hidden_layer_sizes=(16, 16, 8),
        batch_size=500,
        learning_rate_init=0.003,
        early_stopping=True,
        random_state=seed,
    )
    return make_pipeline(StandardScaler(), network)


def make_model(kind, seed):
    if kind == "network":
        return make_network(seed)
    return HistGradientBoostingRegressor(
        max_iter=100, learning_rate=0.06, random_state=seed
    )


def draw(options, population):
    """Return people to train on, to segment and judge on, and to be measured."""
    sizes = (options.rows, CALIBRATION_ROWS, options.test_rows)
    return [
        make_health_cohort(
            n,
            strength=options.strength,
            shape=options.shape,
            population=population,
            random_state=1000 + k,
        )
        for k, n in enumerate(sizes)
    ]


def segment_people(model, calibration, test):
    """Call segments under-served by people who are not measured."""
    segmenter = make_pipeline(
        StandardScaler(), PCA(2), LatentGMMSegmenter(n_components=50, random_state=0)
    ).fit(calibration.X)
    segment = segmenter.predict(calibration.X)
    square = (model.predict(calibration.X) - calibration.y) ** 2
    n = np.maximum(np.bincount(segment), 1)
    nrmse = np.sqrt(np.bincount(segment, square) / n)
    nrmse /= np.bincount(segment, calibration.y) / n
    worse = nrmse > np.median(nrmse)
    labels = segmenter.predict(test.X)
    return People(test, labels, worse[labels])


def judge(people, before, after):
    """Return the figures of one model against the network."""
    everybody = np.ones(len(before), dtype=bool)
    kinds = np.array([one.kind == "remediable" for one in people.cohort.subgroups])
    planted = people.cohort.membership[:, kinds].any(axis=1)
    closed = [
        100 * (1 - people.reducible(after, rows) / people.reducible(before, rows))
        for rows in (
            *(everybody, ~people.under_served, people.under_served),
            *(planted, ~planted),
        )
    ]
    change = people.segment_errors(after) / people.segment_errors(before) - 1
    return [*closed, 100.0 * (min(closed[:3]) > 0), 100 * np.mean(change > HARM)]


def run(options, population):
    train, calibration, test = draw(options, population)
    plain = make_model(options.model, population).fit(train.X, train.y)
    people = segment_people(plain, calibration, test)
    before = plain.predict(test.X)
    start = time.process_time()
    remedy = LocalExpertStack(make_model(options.model, None), random_state=population)
    remedy.fit(train.X, train.y)
    seconds = time.process_time() - start
    if options.rules:
        print(remedy.to_text())
    reseeded = make_model(options.model, population + 1).fit(train.X, train.y)
    best = min(remedy.errors_, key=remedy.errors_.get)
    models = {
        "re-seeded": reseeded.predict(test.X),
        "best member": remedy.predict_stack(test.X, member=best),
        "stack alone": remedy.predict_stack(test.X),
        "with experts": remedy.predict(test.X),
    }
    figures = {name: judge(people, before, after) for name, after in models.items()}
    size = (seconds, len(remedy.experts_))
    left = people.reducible(before, np.ones(len(before), dtype=bool))
    print(
        f"population {population}: reducible {left:.2f}, fitted in {seconds:.0f} s, "
        f"{size[1]} experts, best member: {best}; weights: "
        + ", ".join(f"{name} {w:.2f}" for name, w in remedy.weights_.items())
    )
    for name, values in figures.items():
        print_figures(name, values)
    return figures


COLUMNS = {
    "all": 7,
    "base": 7,
    "under": 7,
    "planted": 9,
    "unplanted": 11,
    "better": 8,
    "harmed": 8,
}
HEAD = " " * 16 + "".join(f"{name:>{width}}" for name, width in COLUMNS.items())


def print_figures(name, values):
    cells = zip(values, COLUMNS.values(), strict=True)
    print(f"  {name:<14}" + "".join(f"{v:{w}.1f}" for v, w in cells), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, nargs="+", default=[*range(10)])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--test-rows", type=int, default=30_000)
    parser.add_argument("--shape", default="conjunction")
    parser.add_argument("--strength", default="moderate")
    parser.add_argument("--model", default="network", choices=["network", "boosted"])
    parser.add_argument("--rules", action="store_true", help="print the experts")
    parser.add_argument("--quick", action="store_true", help="one small population")
    options = parser.parse_args()
    if options.quick:
        options.populations, options.rows = options.populations[:1], 6_000
    warnings.simplefilter("ignore")
    print(f"{options.rows:,} rows, {options.shape}, {options.strength}; % closed, %")
    print(HEAD)
    found = [run(options, population) for population in options.populations]
    print(f"mean of {len(found)}")
    for name in found[0]:
        print_figures(name, np.mean([one[name] for one in found], axis=0))


if __name__ == "__main__":
    main()
