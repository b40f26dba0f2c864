"""How stable are fifty segments of NHANES, and what does stability cost in quality?

Needs the packages of the extras "torch" and "tables", and NHANES 1999-2014 as
shared/data/nhanes_1999_2014.parquet beside the repository:

    python benchmarks/comparisons/segmentation_stability.py [--rows 8000] [--quick]

`--quick` leaves out scikit-learn's network and mixture, which take minutes a row;
`--only consensus` keeps the ways whose name has that word; `--vary seeds` refits with
other seeds alone. The table goes to a consensus as it is: its members embed.
`--packaged` takes the 5,018 people that come with the package instead, and ten
segments, and compares what the command line takes with one plane and its mixture.

Every row of the table is a way from people to segments. Agreement is the median
adjusted Rand index of refits: with other seeds, on bootstraps, and on disjoint halves.
An embedding or a mixture that ignores its seed reads 1 under seeds; what of it is more
than determinism shows under bootstraps and halves. Beside it stand the CPU time of one
fit, and what the way is good for:

- error: mean squared reconstruction error of the embedding, over standardised columns
- log-lik: log-likelihood of a row in the standardised latent space, to be compared
  between mixtures of one embedding only
- smallest: rows of the smallest segment; segments: how many there are
- separates: of the variance of the absolute errors that a model of HbA1c makes, in
  thousandths, what lies between segments: the covariance of the segments' means over
  random halves of the people, so that noise adds nothing
"""

import argparse
import os
import time
import warnings
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import cross_val_predict
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_equity import (
    AutoencoderEmbedder,
    ConsensusSegmenter,
    LatentGMMSegmenter,
    load_nhanes,
    segmentation_stability,
)
from sklearn_equity._baseline import baseline_segmenter
from sklearn_equity.segmentation._expectation_maximization import _climb
from sklearn_equity.segmentation._moments import coefficients, expand, maximise
from sklearn_equity.segmentation._rows import take_rows

TABLE = Path(__file__).parents[3] / "shared/data/nhanes_1999_2014.parquet"
MEASURED = [
    *("age", "poverty_income_ratio", "haemoglobin_g_dl", "bmi"),
    *("weight_kg", "height_cm"),
]
TOLD = [
    *("pregnant", "diabetes", "high_blood_pressure", "asthma"),
    *("heart_attack_angina_stroke", "lung_condition", "other_serious"),
]
N_SEGMENTS = 50


def load_people(n_rows):
    """Return the prepared table, and the errors of a model of HbA1c."""
    people = pd.read_parquet(TABLE)
    people = people[people["complete_core"]]
    if n_rows is not None:
        people = people.sample(n_rows, random_state=0)
    chosen = pd.get_dummies(people[["sex", "ethnicity", "smoking"]], dtype=float)
    measured = people[MEASURED].astype(float)
    measured = (measured - measured.mean()) / measured.std(ddof=0)
    table = pd.concat([measured, people[TOLD].astype(float), chosen], axis=1)
    model = HistGradientBoostingRegressor(max_iter=80, random_state=0)
    outcome = people["hba1c_mmol_mol"].to_numpy(float)
    predicted = cross_val_predict(model, table.drop(columns="diabetes"), outcome, cv=5)
    return table.to_numpy(), np.abs(outcome - predicted)


class PlainAutoencoder(TransformerMixin, BaseEstimator):
    """scikit-learn's network, taught to give back its input: 8, 4, 2, 4, 8 units."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, _=None):
        self.net_ = MLPRegressor(
            hidden_layer_sizes=(8, 4, 2, 4, 8),
            activation="tanh",
            learning_rate_init=0.003,
            batch_size=256,
            max_iter=100,
            early_stopping=True,
            random_state=self.random_state,
        ).fit(X, X)
        return self

    def transform(self, X):
        for weights, bias in zip(
            self.net_.coefs_[:3], self.net_.intercepts_[:3], strict=True
        ):
            X = np.tanh(X @ weights + bias)
        return X

    def reconstruct(self, X):
        return self.net_.predict(X)


class Consensus(ClusterMixin, BaseEstimator):
    """What six mixtures from k-means++ agree on, and one mixture fitted from there.

    Components of all mixtures are joined into fifty by average linkage of the Jaccard
    indices of their memberships; everybody starts in the joined component to whose
    members they belong most.
    """

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, _=None):
        seeds = np.random.RandomState(self.random_state).randint(2**31 - 1, size=6)
        fits = [
            LatentGMMSegmenter(
                N_SEGMENTS, init_params="k-means++", random_state=seed
            ).fit(X)
            for seed in seeds
        ]
        self.scaler_ = fits[0].scaler_
        shares = np.hstack([fit.predict_proba(X).astype(np.float32) for fit in fits])
        joined = join_components(shares)
        votes = shares @ np.eye(N_SEGMENTS, dtype=np.float32)[joined]
        start = (votes / np.bincount(joined, minlength=N_SEGMENTS)).argmax(axis=1)
        _, start = np.unique(start, return_inverse=True)
        points = self.scaler_.transform(X)
        rows = take_rows(points, "full")
        sums = np.eye(start.max() + 1)[start].T @ expand(points, "full").T
        self.parameters_ = _climb(
            rows,
            maximise(sums, rows.second_moments, "full", 1e-6),
            tol=1e-4,
            reg_covar=1e-6,
            max_iter=100,
        ).parameters
        return self

    def _log_densities(self, X):
        points = self.scaler_.transform(X)
        return coefficients(self.parameters_, "full") @ expand(points, "full")

    def predict(self, X):
        return self._log_densities(X).argmax(axis=0)

    def score(self, X, _=None):
        scale = np.log(self.scaler_.scale_).sum()
        return float(logsumexp(self._log_densities(X), axis=0).mean() - scale)


def join_components(shares):
    """Number the joined component of every component, from its members' shares."""
    both = (shares.T @ shares).astype(float)
    sizes = shares.sum(axis=0, dtype=float)
    jaccard = both / (sizes[:, np.newaxis] + sizes - both)
    apart = np.maximum(1.0 - (jaccard + jaccard.T) / 2.0, 0.0)
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(apart, checks=False), "average")
    return fcluster(tree, N_SEGMENTS, "maxclust") - 1


def reconstruct(embedder, X):
    if isinstance(embedder, PlainAutoencoder):
        return embedder.reconstruct(X)
    if isinstance(embedder, FunctionTransformer):
        return np.nan
    return embedder.inverse_transform(embedder.transform(X))


def separates(segment_of, errors):
    """Share of the variance of errors that lies between segments."""
    rng = np.random.default_rng(20221029)
    shares = []
    for _ in range(40):
        half = rng.random(len(errors)) < 0.5
        counts, means = [], []
        for part in (half, ~half):
            count = np.bincount(segment_of[part], minlength=N_SEGMENTS)
            total = np.bincount(segment_of[part], errors[part], N_SEGMENTS)
            counts.append(count)
            means.append(total / np.maximum(count, 1))
        weight = (counts[0] + counts[1]) * (counts[0] > 0) * (counts[1] > 0)
        weight = weight / weight.sum()
        apart = [mean - weight @ mean for mean in means]
        shares.append(weight @ (apart[0] * apart[1]) / errors.var())
    return float(np.mean(shares))


def ways(quick):
    """Name the embedding and the mixture of every pipeline."""
    theirs = make_pipeline(StandardScaler(), GaussianMixture(N_SEGMENTS))
    random_start = LatentGMMSegmenter(N_SEGMENTS, init_params="k-means++")
    default = LatentGMMSegmenter(N_SEGMENTS)  # at quantiles, in the plane
    as_it_is = FunctionTransformer()
    yield "none", "ConsensusSegmenter()", as_it_is, ConsensusSegmenter()
    planes = make_pipeline(AutoencoderEmbedder(2), default)
    yield "none", "ten autoencoders", as_it_is, ConsensusSegmenter(planes)
    if not quick:
        yield "MLPRegressor", "GaussianMixture", PlainAutoencoder(), theirs
        yield "AutoencoderEmbedder", "GaussianMixture", AutoencoderEmbedder(2), theirs
        yield "PCA", "GaussianMixture", PCA(2), theirs
    yield "PCA(8)", "ours, default", PCA(8), default
    yield "PCA(8)", "consensus of six", PCA(8), Consensus()
    ten = ConsensusSegmenter(default)
    yield "PCA(8)", "ten, on halves", PCA(8), ten
    yield "PCA(8)", "ten, agreeing", PCA(8), clone(ten).set_params(min_agreement=0.8)
    eight = AutoencoderEmbedder(8, hidden_layer_sizes=(16, 12))
    yield "Autoencoder, eight", "ours, default", eight, default
    yield "Autoencoder, eight", "ten, on halves", eight, ten
    loose = LatentGMMSegmenter(N_SEGMENTS, tol=0.01)
    for name, embedder in (
        ("PCA", PCA(2)),
        ("AutoencoderEmbedder", AutoencoderEmbedder(2)),
    ):
        yield name, "ours, tol=.01", embedder, loose
        yield name, "ours, default", embedder, default
        yield name, "ours, k-means++", embedder, random_start


def measure(name, mixture, pipeline, X, errors, n_repeats, vary):
    seeds = {key: 0 for key in pipeline.get_params() if key.endswith("__random_state")}
    start = time.process_time()
    pipeline.set_params(**seeds).fit(X)
    seconds = time.process_time() - start
    labels = pipeline.predict(X)
    embedder = pipeline[0]
    latent = embedder.transform(X)
    error = np.mean((reconstruct(embedder, X) - X) ** 2)
    likelihood = np.nan  # of a consensus
    if hasattr(pipeline[-1], "score"):
        likelihood = pipeline[-1].score(latent)
    if hasattr(pipeline[-1], "scaler_"):  # ours is in the units of the latent space
        likelihood += np.log(pipeline[-1].scaler_.scale_).sum()
    found = segmentation_stability(
        pipeline, X, n_repeats=n_repeats, vary=vary, random_state=0
    )
    seeds, bootstraps, halves = (
        np.nan if part is None else part.median
        for part in (found.seeds, found.bootstraps, found.halves)
    )
    print(
        f"{name:20} {mixture:20} {seeds:6.2f} {bootstraps:10.2f} {halves:7.2f} "
        f"{seconds:9.2f} {error:6.3f} {likelihood:8.3f} "
        f"{np.bincount(labels).min():9} {1e3 * separates(labels, errors):9.0f} "
        f"{len(np.unique(labels)):9}",
        flush=True,
    )


def compare_packaged(n_repeats):
    """Compare ten segments of the command line with those of a single plane."""
    people, _ = load_nhanes(return_X_y=True)
    consensus = baseline_segmenter(n_segments=10, seed=0)
    plane = make_pipeline(
        consensus[0],
        AutoencoderEmbedder(2, random_state=0),
        LatentGMMSegmenter(10, random_state=0),
    )
    for name, segmenter in (("one plane", plane), ("command line", consensus)):
        start = time.process_time()
        clone(segmenter).fit(people)
        seconds = time.process_time() - start
        found = segmentation_stability(
            segmenter, people, n_repeats=n_repeats, vary=["seeds"], random_state=0
        )
        print(
            f"{name:12} {seconds:5.2f} s, {len(found.n)} segments, between seeds "
            f"{found.seeds.median:.2f} ({found.seeds.adjusted_rand.min():.2f} to "
            f"{found.seeds.adjusted_rand.max():.2f})",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, help="how many of the 35,033 adults")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--packaged", action="store_true")
    parser.add_argument("--only", default="", metavar="WORD")
    every = ("seeds", "bootstraps", "halves")
    parser.add_argument("--vary", nargs="+", choices=every, default=every)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of training that ended early, and empty segments
    if arguments.packaged:
        compare_packaged(arguments.repeats)
        return
    if not TABLE.exists():
        parser.error(f"there is no {TABLE}; see the top of this file")
    X, errors = load_people(arguments.rows)
    print(f"{len(X):,} adults, {X.shape[1]} columns, {N_SEGMENTS} components")
    print(
        f"{'embedding':20} {'mixture':20} {'seeds':>6} {'bootstraps':>10} "
        f"{'halves':>7} {'seconds':>9} {'error':>6} {'log-lik':>8} {'smallest':>9} "
        f"{'separates':>9} {'segments':>9}"
    )
    for name, mixture, embedder, segmenter in ways(arguments.quick):
        if arguments.only not in f"{name} {mixture}":
            continue
        pipeline = make_pipeline(embedder, segmenter)
        measure(name, mixture, pipeline, X, errors, arguments.repeats, arguments.vary)


if __name__ == "__main__":
    main()
