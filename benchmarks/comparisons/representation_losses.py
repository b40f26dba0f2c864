"""Which loss places mixed tables best, and what does a variational latent space cost?

    python benchmarks/comparisons/representation_losses.py [--quick]

Needs this package with its extra `torch`, and no rival. Adults of NHANES 2017-2018 (in
the package), gaps filled, categories one-hot; two latent dimensions, one half of the
rows to learn from and the other to judge by. PCA is the baseline. Medians over seeds:

- error: mean squared difference over all prepared columns; numeric and binary ones
- entropy: mean cross-entropy of the columns of 0 and 1, probabilities cut at .01
- AUC: mean over the columns of 0 and 1
- |corr|: of a variational embedder's sample, mean distance of its correlations between
  numeric columns from those of the unseen rows
"""

import argparse
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import OneHotEncoder

from sklearn_equity import load_nhanes
from sklearn_equity.representation import AutoencoderEmbedder
from sklearn_equity.representation._columns import ColumnPreparation

SETTINGS = {
    'loss="mse"': {"loss": "mse"},
    'loss="mixed"': {},
    "variational, kl .1": {"variational": True},
    "variational, kl .5": {"variational": True, "kl_weight": 0.5},
    "variational, kl 1": {"variational": True, "kl_weight": 1.0},
}


def load_halves():
    frame, _ = load_nhanes(return_X_y=True)
    columns = make_column_transformer(
        (
            SimpleImputer(strategy="median"),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(sparse_output=False),
            make_column_selector(dtype_include="category"),
        ),
    )
    table = np.random.default_rng(0).permutation(columns.fit_transform(frame))
    return np.array_split(table, 2)


def judge(columns, unseen, rebuilt):
    """Compare unseen rows, in prepared columns, with what is made of them."""
    binary = columns.binary
    rows = columns.prepare(unseen)
    squares = ((rows - columns.prepare(rebuilt)) ** 2).mean(axis=0)
    truth, chance = unseen[:, binary], np.clip(rebuilt[:, binary], 0.01, 0.99)
    entropy = -np.mean(truth * np.log(chance) + (1 - truth) * np.log(1 - chance))
    areas = [
        roc_auc_score(truth[:, j], rebuilt[:, binary][:, j])
        for j in range(truth.shape[1])
        if 0 < truth[:, j].mean() < 1
    ]
    parts = squares.mean(), squares[~binary].mean(), squares[binary].mean()
    return [*parts, entropy, np.mean(areas)]


def judge_sample(columns, unseen, drawn):
    distance = np.corrcoef(columns.prepare(drawn)[:, ~columns.binary].T) - np.corrcoef(
        columns.prepare(unseen)[:, ~columns.binary].T
    )
    return np.abs(distance).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    n_seeds = 2 if parser.parse_args().quick else 9
    seen, unseen = load_halves()
    columns = ColumnPreparation(None).learn(seen)
    print(f"{len(seen)} rows, {columns.binary.sum()} of {seen.shape[1]} columns binary")
    head = ("error", "numeric", "binary", "entropy", "AUC", "|corr|", "failed")
    print(
        f"{f'medians of {n_seeds} seeds':20}" + "".join(f"{name:>9}" for name in head)
    )
    pca = PCA(2).fit(columns.prepare(seen))
    rebuilt = pca.inverse_transform(pca.transform(columns.prepare(unseen)))
    show("PCA", [judge(columns, unseen, columns.restore(rebuilt))], 0)
    for name, params in SETTINGS.items():
        figures, n_failed = [], 0
        for seed in range(n_seeds):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", ConvergenceWarning)
                embedder = AutoencoderEmbedder(random_state=seed, n_init=1, **params)
                embedder.fit(seen)
            n_failed += len(caught)
            rebuilt = embedder.inverse_transform(embedder.transform(unseen))
            figures.append(judge(columns, unseen, rebuilt))
            if embedder.variational:
                drawn = embedder.sample(4000)
                figures[-1].append(judge_sample(columns, unseen, drawn))
        show(name, figures, n_failed)


def show(name, figures, n_failed):
    medians = "".join(f"{value:9.4f}" for value in np.median(figures, axis=0))
    print(f"{name:20}{medians:54}{n_failed:9}", flush=True)


if __name__ == "__main__":
    main()
