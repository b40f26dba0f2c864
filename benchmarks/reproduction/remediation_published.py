"""Which effects of the published remedy appear on people of other origin?

    python benchmarks/reproduction/remediation_published.py [--full | --people 15000]
        [--held-out 50000] [--trials 10]

The published form: a network of 16, 16 and 8 neurons predicts HbA1c; an autoencoder
brings the inputs to two dimensions, which a mixture cuts into 50 segments; segments
whose NRMSE on the training rows is worse than the median are under-served, their rows
are repeated `multiplier` times, and the network is trained again. Printed are the means
over trials of the NRMSE of all, of the base and of the under-served, and of the
Gini index over segments of at least 30 people, on people held out.

On the 5,018 adults of NHANES, of whom a quarter is held out, then on a cohort of
`make_health_cohort`: 8,000 people train and 6,000 are held out, in two trials; with
`--full` 150,000 and 50,000 in ten, as published: about four minutes a trial, by the
time that fewer people took. The batch is of 500 people (published: 10), training of 40
rounds. The outcome is not among the inputs of the autoencoder.

Each trial compares multipliers on the same people, so what a multiplier does is read
off the changes against the plain network of the same trial: printed in per cent, with
their standard error over trials. The control is the plain network of another seed.
"""

import argparse
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import (
    AutoencoderEmbedder,
    LatentGMMSegmenter,
    SubgroupOversampler,
    gini,
    make_health_cohort,
    nrmse,
)
from sklearn_equity.datasets import load_nhanes

MULTIPLIERS = (1, 2, 5, 10)
SMALLEST = 30


def cohort(options, trial):
    """Return training and held-out people of a generated cohort."""
    people = [
        make_health_cohort(n, population=trial, random_state=2 * trial + k)
        for k, n in enumerate((options.people, options.held_out))
    ]
    return [part for one in people for part in (one.X, one.y)]


def nhanes(_, trial):
    """Return training and held-out adults of NHANES, words as columns of 0 and 1."""
    X, y = load_nhanes(return_X_y=True)
    X = pd.get_dummies(X).astype(float)
    X = X.fillna(X.median())
    train, held_out = train_test_split(np.arange(len(X)), random_state=trial)
    y = np.asarray(y)
    return X.iloc[train], y[train], X.iloc[held_out], y[held_out]


def network(seed):
    model = MLPRegressor(
        hidden_layer_sizes=(16, 16, 8),
        batch_size=500,
        learning_rate_init=0.003,
        max_iter=40,
        random_state=seed,
    )
    return make_pipeline(StandardScaler(), model)


def segments(X_train, X_test, seed):
    """Return the segments of both, learnt from the former's inputs."""
    segmenter = make_pipeline(
        StandardScaler(),
        AutoencoderEmbedder(random_state=seed),
        LatentGMMSegmenter(n_components=50, random_state=seed),
    ).fit(X_train)
    return segmenter.predict(X_train), segmenter.predict(X_test)


def one_trial(people, seed):
    """Return NRMSE of all, base and under-served, and the Gini, by model."""
    X, y, X_test, y_test = people
    labels, test_labels = segments(X, X_test, seed)
    models = {
        str(multiplier): SubgroupOversampler(
            network(seed),
            multiplier=multiplier,
            measured_on="train",
            random_state=seed,
        ).fit(X, y, subgroups=labels)
        for multiplier in MULTIPLIERS
    }
    under = np.isin(test_labels, models["1"].under_served_)
    models["control"] = network(seed + 1000).fit(X, y)
    sizes = np.bincount(test_labels)
    figures = []
    for model in models.values():
        predicted = model.predict(X_test)
        by_segment = [
            nrmse(y_test[test_labels == k], predicted[test_labels == k])
            for k in np.flatnonzero(sizes >= SMALLEST)
        ]
        rows = (np.ones(len(y_test), dtype=bool), ~under, under)
        figures.append(
            [*(nrmse(y_test[r], predicted[r]) for r in rows), gini(by_segment)]
        )
    return list(models), np.array(figures)


def print_table(name, rows, found):
    """Print the means over trials, and the changes against the plain network."""
    trials = len(found)
    change = 100 * (found / found[:, :1] - 1)
    error = change.std(axis=0, ddof=trials > 1) / np.sqrt(trials)
    print(f"{name}, {trials} trials: NRMSE, and change in % (standard error)")
    head = ("all", "base", "under-served", "Gini")
    print(f"{'multiplier':>10}" + "".join(f"{column:>22}" for column in head))
    for k, row in enumerate(rows):
        cells = zip(
            found.mean(axis=0)[k], change.mean(axis=0)[k], error[k], strict=True
        )
        texts = [f"{level:.4f} {c:+.1f} ({e:.1f})" for level, c, e in cells]
        print(f"{row:>10}" + "".join(f"{text:>22}" for text in texts), flush=True)


def main():
    """Run the trials on both kinds of people."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the published size")
    parser.add_argument("--people", type=int, default=8_000)
    parser.add_argument("--held-out", type=int, default=6_000)
    parser.add_argument("--trials", type=int, default=None)
    options = parser.parse_args()
    if options.full:
        options.people, options.held_out = 150_000, 50_000
    trials = options.trials or (10 if options.full else 2)
    warnings.simplefilter("ignore")
    for name, source in (("NHANES", nhanes), ("make_health_cohort", cohort)):
        rows, found = zip(
            *(one_trial(source(options, t), t) for t in range(trials)), strict=True
        )
        print_table(name, rows[0], np.stack(found))


if __name__ == "__main__":
    main()
