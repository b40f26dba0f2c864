"""What does each remedy do for whom, on real people?

    OMP_NUM_THREADS=1 python benchmarks/comparisons/remedies_nhanes.py [--quick]
        [--table nhanes_1999_2014.parquet [--people 12000]] [--runs 3] [--folds 4]

Needs pandas and torch. Adults of NHANES, HbA1c in mmol/mol: the 5,018 of the cycle that
ships with the package or, with `--table`, those of a table with the same columns. A
network of 16, 16 and 8 units, trained for 20 rounds, since 40 made it err more;
segments by an autoencoder and a mixture, learnt without the outcome; the under-served
are the segments worse than the median by cross-validation of the plain model on the
training rows. Every person is predicted by models that were not trained on them, so
that all are judged, in each run once.

Printed for each remedy, as means over runs: NRMSE of everybody, base and under-served,
the Gini index over segments of 30 people or more, and CPU seconds of a fold; then what
`no_harm_test` says about base and under-served, sex, age, ethnicity, income and
diabetes (which no model sees), with the number of runs that say it. Runs have other
folds and seeds, and the same people: what all of them say is not so much evidence as
that many surveys. Training again with another seed is the control.

Deferral leaves out a tenth of the people. Its figures are of those left, so it has no
verdict; who is left out is printed instead.
"""

import argparse
import os
import time
import warnings
from collections import Counter
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from remedies_side_by_side import Network
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import (
    AutoencoderEmbedder,
    DeferralRegressor,
    LatentGMMSegmenter,
    LocalExpertStack,
    SubgroupOversampler,
    SubgroupRecalibrator,
    WorstSubgroupReweighter,
    gini,
    load_nhanes,
    no_harm_test,
    nrmse,
)
from sklearn_equity.exceptions import EquityWarning
from sklearn_equity.remediation import excluded_who

SMALLEST = 30
BEFORE = "as it is"
SILENT = "defer a tenth"


@dataclass
class People:
    """Adults, as a model reads them, and what is known of them besides."""

    X: pd.DataFrame
    y: np.ndarray
    groupings: dict[str, np.ndarray]

    @classmethod
    def of(cls, frame, features):
        """Take a table; words become columns of 0 and 1."""
        X = pd.get_dummies(frame[features]).astype(float)
        income = frame["poverty_income_ratio"]
        groupings = {
            "sex": frame["sex"].astype(str),
            "age": pd.cut(frame["age"], [0, 39, 59, 200], labels=["-39", "-59", "60-"]),
            "ethnicity": frame["ethnicity"].astype(str),
            "income": pd.cut(income, [-1, 1.3, 3.5, 9], labels=["low", "mid", "high"]),
            "diabetes": frame["diabetes"].map({0: "no", 1: "yes"}),
        }
        labels = {
            name: column.astype(object).fillna("not known").to_numpy()
            for name, column in groupings.items()
        }
        return cls(X, frame["hba1c_mmol_mol"].to_numpy(float), labels)


def people(path, n_people):
    """Return the adults of the package's cycle, or some of a table."""
    shipped = load_nhanes()
    if path is None:
        return People.of(shipped.frame, shipped.feature_names)
    table = pd.read_parquet(path)
    table = table[table["hba1c_mmol_mol"].between(15, 150)]  # as published
    if n_people is not None:
        table = table.sample(n_people, random_state=0)
    return People.of(table, [c for c in shipped.feature_names if c != "body_fat_pct"])


def remedies(plain, segments, seed):
    """Return each remedy by its name."""
    options = {"segmenter": segments, "random_state": seed}
    return {
        "another seed": clone(plain).set_params(random_state=seed + 1000),
        "oversample x2": SubgroupOversampler(plain, multiplier=2, **options),
        "oversample x5": SubgroupOversampler(plain, multiplier=5, **options),
        "weights x2": SubgroupOversampler(plain, strategy="weight", **options),
        "synthetic x2": SubgroupOversampler(plain, strategy="synthetic", **options),
        "reweight the worst": WorstSubgroupReweighter(plain, n_rounds=5, **options),
        "recalibrate": SubgroupRecalibrator(plain, **options),
        "local experts": LocalExpertStack(
            clone(plain).set_params(random_state=None), random_state=seed
        ),
        SILENT: DeferralRegressor(plain, random_state=seed),
    }


def under_served_segments(plain, X, y, segment):
    """Return the segments worse than the median by people held out."""
    held_out = cross_val_predict(plain, X, y)
    figures = pd.Series(
        {
            k: nrmse(y[segment == k], held_out[segment == k])
            for k in np.flatnonzero(np.bincount(segment) >= SMALLEST)
        }
    )
    return figures.index[figures > figures.median()]


def run(everybody, options, seed):
    """Return held-out predictions by model, segments, who is under-served, seconds."""
    n = len(everybody.y)
    predicted, seconds = {}, Counter()
    segment, under_served = np.empty(n, dtype=object), np.zeros(n, dtype=bool)
    folds = KFold(options.folds, shuffle=True, random_state=seed)
    for fold, (train, test) in enumerate(folds.split(everybody.X)):
        X, y = everybody.X.iloc[train], everybody.y[train]
        middle = X.median()
        X, X_test = X.fillna(middle), everybody.X.iloc[test].fillna(middle)
        segmenter = make_pipeline(
            StandardScaler(),
            AutoencoderEmbedder(random_state=seed),
            LatentGMMSegmenter(n_components=options.segments, random_state=seed),
        ).fit(X)
        plain = Network(options.epochs, random_state=seed)
        worse = under_served_segments(plain, X, y, segmenter.predict(X))
        numbers = segmenter.predict(X_test)
        segment[test] = [f"{fold}: {k}" for k in numbers]
        under_served[test] = np.isin(numbers, worse)
        models = remedies(plain, FrozenEstimator(segmenter), seed)
        for name, model in {BEFORE: plain, **models}.items():
            start = time.process_time()
            answer = model.fit(X, y).predict(X_test)
            seconds[name] += (time.process_time() - start) / options.folds
            predicted.setdefault(name, np.empty(n))[test] = answer
    return predicted, segment, under_served, seconds


def figures(y, answer, segment, under_served):
    """Return NRMSE of all, base and under-served with a prediction, and the Gini."""
    given = np.isfinite(answer)
    rows = (given, given & ~under_served, given & under_served)
    codes, labels = pd.factorize(segment)
    by_segment = [
        nrmse(y[mine], answer[mine])
        for mine in (given & (codes == k) for k in range(len(labels)))
        if mine.sum() >= SMALLEST
    ]
    return [*(nrmse(y[r], answer[r]) for r in rows), gini(by_segment)]


def verdict(result):
    """Name what a remedy did in a word or two."""
    if result.levelling_down:
        return "levelling down"
    if result.harmed:
        return "harms some"
    return "no harm" if result.no_harm else "harm not excluded"


def counted(names, runs):
    """List names with the runs that say them, the most often said first."""
    said = [
        name if n == runs else f"{name} [{n} of {runs}]"
        for name, n in Counter(names).most_common()
    ]
    return "; ".join(said) or "none"


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", help="a parquet file of more adults of NHANES")
    parser.add_argument("--people", type=int, help="so many of the table, at random")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--segments", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="one run of two folds")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.folds, options.epochs = 1, 2, 10
    everybody = people(options.table, options.people)
    found, said, seconds, excluded = {}, {}, Counter(), None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", EquityWarning)
        for seed in range(options.runs):
            predicted, *who, spent = run(everybody, options, seed)
            seconds += spent
            served = np.where(who[1], "under-served", "base")
            groupings = {"served": served, **everybody.groupings}
            for name, answer in predicted.items():
                found.setdefault(name, []).append(figures(everybody.y, answer, *who))
                if np.isfinite(answer).all() and name != BEFORE:
                    result = no_harm_test(
                        *(everybody.y, predicted[BEFORE], answer),
                        subgroups=groupings,
                        random_state=seed,
                    )
                    said.setdefault(name, []).append(result)
            excluded = excluded_who(np.isnan(predicted[SILENT]), groupings)
    print(
        f"{len(everybody.y):,} adults, {options.runs} runs of {options.folds} folds, "
        f"{options.segments} segments a fold; NRMSE, and change in % (SD over runs)"
    )
    head = ("overall", "base", "under-served", "Gini")
    print(f"{'':<20}" + "".join(f"{name:>21}" for name in head) + f"{'CPU s':>7}")
    before = np.array(found[BEFORE])
    for name, each in found.items():
        change = 100 * (np.array(each) / before - 1)
        spread = change.std(axis=0, ddof=1) if options.runs > 1 else change[0] * np.nan
        cells = zip(np.mean(each, axis=0), change.mean(axis=0), spread, strict=True)
        texts = [f"{level:.4f} {c:+.1f} ({s:.1f})" for level, c, s in cells]
        print(
            f"{name:<20}" + "".join(f"{text:>21}" for text in texts),
            f"{seconds[name] / options.runs:>6.0f}",
        )
    for name, results in said.items():
        print(f"\n{name}: {counted(map(verdict, results), options.runs)}")
        for kind in ("harmed", "improved"):
            names = [who for result in results for who in getattr(result, kind)]
            print(f"  {kind}: {counted(names, options.runs)}")
        names = [one.grouping for result in results for one in result.levelling_down]
        print(f"  levelled down: {counted(names, options.runs)}")
    print(f"\n{SILENT}, last run, leaves out:\n{excluded}")


if __name__ == "__main__":
    main()
