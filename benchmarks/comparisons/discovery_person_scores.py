"""Which score of a person finds those whom a model fails?

    python benchmarks/comparisons/discovery_person_scores.py [--quick]
        [--populations 100 101 102] [--models linear boosting network] [--rows 20000]

Needs the package. Rivals are left out where they are missing: the published
representation needs torch and skorch, and rules

    pip install sliceline divexplorer

A model is trained on some people of `make_health_cohort`, its errors are
taken on as many others, and scores are judged on others yet. By shape and strength of
what is planted: the area under the ROC curve of the score for membership in any planted
subgroup, and the share of planted people among the worst-scored tenth (by chance about
a tenth). Then Spearman's correlation of the scores that two bootstrap samples of the
errors give, and CPU seconds of fitting and scoring, in one thread.

"oracle" is the expected squared error that nobody knows. Methods are given absolute
errors; the first is given outcomes and predictions, hence signs. A segment's score is
the mean absolute error of its people; of rules (at most 20, of four conditions), the
largest of those that a person meets. SliceLine and DivExplorer take minutes and see the
first population and model only. Means over populations and models; in brackets
the least and the largest area.
"""

import argparse
import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from discovery_rules import divexplorer, sliceline
from discovery_rules import ours as rules_of_ours
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_equity import (
    AutoencoderEmbedder,
    ErrorMap,
    LatentGMMSegmenter,
    make_health_cohort,
)
from sklearn_equity.exceptions import MissingDependencyError

SETTINGS = [
    (strength, shape)
    for shape in ("conjunction", "oblique")
    for strength in ("moderate", "strong")
]
MODELS = {
    "linear": LinearRegression,
    "boosting": lambda: HistGradientBoostingRegressor(max_iter=60, random_state=0),
    "network": lambda: make_pipeline(
        StandardScaler(),
        MLPRegressor(
            hidden_layer_sizes=(16, 16, 8),
            learning_rate_init=3e-3,
            max_iter=12,
            random_state=0,
        ),
    ),
}


class SegmentMeans:
    """Score people by the mean error of their segment."""

    def __init__(self, segmenter):
        self.segmenter = segmenter

    def fit(self, X, errors):
        segment = self.segmenter.fit(X).predict(X)
        n = np.bincount(segment)
        sums = np.bincount(segment, weights=errors)
        self.means = np.where(n > 0, sums / np.maximum(n, 1), errors.mean())
        return self

    def predict(self, X):
        segment = self.segmenter.predict(X)
        known = segment < len(self.means)
        mean = self.means.mean()
        return np.where(known, self.means[np.where(known, segment, 0)], mean)


class RuleMeans:
    """Score people by the largest mean error of the rules that they meet."""

    def __init__(self, find):
        self.find = find

    def fit(self, X, errors):
        self.people, self.errors = X, errors
        return self

    def predict(self, X):
        judged = pd.concat([self.people, X], ignore_index=True)
        members = self.find(self.people, self.errors, judged)()
        n, mean = len(self.people), self.errors.mean()
        inside = members[:n].astype(float)
        means = self.errors @ inside / inside.sum(axis=0)
        return np.where(members[n:], means, mean).max(axis=1, initial=mean)


class Ours(ErrorMap):
    """Score people by the map of errors, which are given with their sign or without."""

    def fit(self, X, errors):
        if (errors >= 0).all():
            return super().fit(X, errors)
        return super().fit(X, errors, np.zeros(len(errors)))

    def predict(self, X):
        return self.score_samples(X)


def published(seed):
    return SegmentMeans(
        make_pipeline(
            StandardScaler(),
            AutoencoderEmbedder(2, random_state=seed),
            LatentGMMSegmenter(50, random_state=seed),
        )
    )


SIGNED = "ErrorMap"
SLOW = ("SliceLine", "DivExplorer")
METHODS = {
    SIGNED: lambda seed: Ours(n_repeats=0, random_state=seed),
    "ErrorMap, no signs": lambda seed: Ours(n_repeats=0, random_state=seed),
    "autoencoder + mixture": published,
    "PCA + mixture": lambda seed: SegmentMeans(
        make_pipeline(
            StandardScaler(),
            PCA(2, random_state=seed),
            LatentGMMSegmenter(50, random_state=seed),
        )
    ),
    "k-means 50": lambda seed: SegmentMeans(
        make_pipeline(StandardScaler(), KMeans(50, random_state=seed))
    ),
    "tree of 50 leaves": lambda seed: DecisionTreeRegressor(
        max_leaf_nodes=50, min_samples_leaf=30, random_state=seed
    ),
    "RuleScanner": lambda seed: RuleMeans(
        lambda *data: rules_of_ours(*data, holdout=0.0, seed=seed)
    ),
    "SliceLine": lambda seed: RuleMeans(sliceline),
    "DivExplorer": lambda seed: RuleMeans(divexplorer),
    "random forest": lambda seed: RandomForestRegressor(
        100, min_samples_leaf=20, max_features=0.5, random_state=seed
    ),
}


def draw(strength, shape, population, model, n_rows):
    cohorts = [
        make_health_cohort(
            n_rows,
            strength=strength,
            shape=shape,
            population=population,
            random_state=1000 * population + part,
        )
        for part in range(3)
    ]
    trained = MODELS[model]().fit(cohorts[0].X, cohorts[0].y)
    errors = cohorts[1].y - trained.predict(cohorts[1].X)
    judged = cohorts[2]
    bias = trained.predict(judged.X) - judged.conditional_mean
    oracle = bias**2 + judged.attainable_error**2
    return cohorts[1].X, errors, judged.X, judged.membership.any(axis=1), oracle


def judge(planted, scores):
    worst = np.argsort(-scores, kind="stable")[: len(scores) // 10]
    return roc_auc_score(planted, scores), planted[worst].mean()


def stability(make, X, errors, new):
    """Return the correlation of the scores that two bootstrap samples give."""
    scores = []
    for seed in range(2):
        rows = np.random.default_rng(seed).integers(len(X), size=len(X))
        scores.append(
            make(seed)
            .fit(X.iloc[rows].reset_index(drop=True), errors[rows])
            .predict(new)
        )
    return spearmanr(*scores)[0]


def measure(name, data, *, with_stability):
    X, errors, new, planted, _ = data
    make = METHODS[name]
    if name != SIGNED:
        errors = np.abs(errors)
    start = time.process_time()
    scores = make(0).fit(X, errors).predict(new)
    seconds = time.process_time() - start
    rho = stability(make, X, errors, new) if with_stability else np.nan
    return (*judge(planted, scores), rho, seconds)


def report(name, rows):
    """Print one line: areas and shares by setting, then stability and time."""
    rows = np.array(rows, dtype=float)  # settings, runs, figures
    cells = [
        f"{run[:, 0].mean():.3f} ({run[:, 0].min():.2f}-{run[:, 0].max():.2f}) "
        f"{run[:, 1].mean():.2f}"
        for run in rows
    ]
    tail = ""
    if rows.shape[2] > 2:
        tail = f"  {np.nanmean(rows[..., 2]):.3f}  {np.median(rows[..., 3]):6.1f} s"
    print(f"{name:22} " + "  ".join(cells) + tail, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rows, a single run")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--populations", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--models", nargs="+", default=["linear"], choices=MODELS)
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=METHODS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rows, arguments.populations = 4_000, arguments.populations[:1]
    warnings.simplefilter("ignore")
    runs = [(p, m) for p in arguments.populations for m in arguments.models]
    cohorts = [
        [draw(*setting, *run, arguments.rows) for run in runs] for setting in SETTINGS
    ]
    print(f"{'':22} " + "  ".join(f"{' '.join(pair):22}" for pair in SETTINGS))
    report("oracle", [[judge(d[3], d[4]) for d in run] for run in cohorts])
    for name in arguments.methods:
        try:
            report(
                name,
                [
                    [
                        measure(
                            name,
                            data,
                            with_stability=number == 0 and name not in SLOW,
                        )
                        for number, data in enumerate(
                            run[: 1 if name in SLOW else None]
                        )
                    ]
                    for run in cohorts
                ],
            )
        except (ImportError, MissingDependencyError) as error:
            print(f"{name:22} {error}")


if __name__ == "__main__":
    main()
