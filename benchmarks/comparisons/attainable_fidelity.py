"""Does a departure from the attainable tell noise from what could be done better?

    OMP_NUM_THREADS=1 python benchmarks/comparisons/attainable_fidelity.py

needs pandas besides sklearn_equity. Populations with planted subgroups, some with
another relation and some with more noise only; the model is trained on 20,000 people
and judged on 30,000 others. Subgroups: the planted ones, intersections of sex, age and
deprivation, and 25 segments by k-means; those with 300 people and more are compared.

Printed for each way of ranking, as mean over the populations: Spearman's correlation
with the true remediable error, over all subgroups and over the planted ones alone; the
share of the true remediable error that is found in the planted subgroups with another
relation; and how often a 95% interval lies above the truth (at most 2.5% is allowed).
The rivals: the plain mean squared error, and what a few lines of scikit-learn give, the
difference of squared errors to those of cross-validated boosted trees. No library that
we know of estimates a remediable part.
"""

import argparse
import time
import warnings

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import departure_from_attainable, make_health_cohort

FEWEST = 300
REST = "in none"
MODELS = {
    "linear": RidgeCV(),
    "network": MLPRegressor(
        hidden_layer_sizes=(16, 16, 8), batch_size=200, max_iter=15, random_state=0
    ),
}


def label_everybody(cohort):
    """Group people by planted subgroup, by declared attributes and by segment."""
    planted = np.full(len(cohort.y), REST, dtype="<U12")
    for k, inside in enumerate(cohort.membership.T):
        planted[inside] = f"{k} {cohort.subgroups[k].kind}"
    X = cohort.X
    thirds = {
        name: np.digitize(X[name], np.quantile(X[name], [1 / 3, 2 / 3]))
        for name in ("age", "townsend")
    }
    declared = X["male"] * 9 + thirds["age"] * 3 + thirds["townsend"]
    latent = StandardScaler().fit_transform(X)[:, :14]
    segment = KMeans(25, n_init=1, max_iter=30, random_state=0).fit_predict(latent)
    return {
        "planted": planted,
        "declared": declared.to_numpy().astype(int),
        "segment": segment,
    }


def by_subgroup(values, groupings, table):
    """Return the mean of each row of the table."""
    return np.array(
        [
            values[groupings[grouping] == label].mean()
            for grouping, label in zip(table.grouping, table.subgroup, strict=True)
        ]
    )


def judge(population, shape, strength, model, n_people):
    """Rank the subgroups of one population by each method."""
    options = {"shape": shape, "strength": strength, "population": population}
    train = make_health_cohort(20_000, **options, random_state=1000 + population)
    cohort = make_health_cohort(n_people, **options, random_state=2000 + population)
    fitted = make_pipeline(StandardScaler(), clone(MODELS[model]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        y_pred = fitted.fit(train.X, train.y).predict(cohort.X)
    groupings = label_everybody(cohort)
    start = time.process_time()
    table = departure_from_attainable(
        cohort.X, cohort.y, y_pred,
        subgroups=groupings, n_resamples=200, random_state=population,
    )  # fmt: skip
    seconds = time.process_time() - start
    folds = KFold(5, shuffle=True, random_state=population)
    reference = cross_val_predict(
        HistGradientBoostingRegressor(random_state=0), cohort.X, cohort.y, cv=folds
    )
    squared = (cohort.y - y_pred) ** 2
    gained = squared - (cohort.y - reference) ** 2
    truth = by_subgroup((y_pred - cohort.conditional_mean) ** 2, groupings, table)
    scores = {
        "mean squared error": by_subgroup(squared, groupings, table),
        "difference to boosted trees": by_subgroup(gained, groupings, table),
        "departure: estimate": table.estimate,
        "departure: shrunken": table.shrunken,
    }
    kept = (table.n >= FEWEST) & np.array([s != REST for s in table.subgroup])
    planted = kept & np.array([g == "planted" for g in table.grouping])
    learnable = planted & np.array(["remediable" in str(s) for s in table.subgroup])
    rows = {
        name: (
            spearmanr(values[kept], truth[kept])[0],
            spearmanr(values[planted], truth[planted])[0],
            _share(values[learnable].sum(), truth[learnable].sum()),
        )
        for name, values in scores.items()
    }
    above = (table.ci_low > truth)[kept].mean()
    return rows, above, seconds, int(kept.sum()), int(planted.sum())


def _share(found, there):
    """Return NaN where no planted subgroup of that size is remediable."""
    return found / there if there > 0.0 else np.nan


def main():
    """Print one table for each kind of population and model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--populations", type=int, default=3)
    parser.add_argument("--people", type=int, default=30_000)
    parser.add_argument("--strengths", nargs="+", default=["moderate"])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    arguments = parser.parse_args()
    for strength in arguments.strengths:
        for shape in ("conjunction", "oblique"):
            for model in arguments.models:
                results = [
                    judge(population, shape, strength, model, arguments.people)
                    for population in range(arguments.populations)
                ]
                report(f"{strength}, {shape}, {model} model", results)


def report(title, results):
    """Print the means over populations."""
    n_kept, n_planted = (sum(result[k] for result in results) for k in (3, 4))
    print(f"\n{title}: {n_kept} subgroups, {n_planted} of them planted")
    print(f"{'ranked by':<30} {'all':>6} {'planted':>8} {'share found':>12}")
    for name in results[0][0]:
        means = np.nanmean([result[0][name] for result in results], axis=0)
        print(f"{name:<30} {means[0]:>6.2f} {means[1]:>8.2f} {means[2]:>12.2f}")
    above = np.mean([result[1] for result in results])
    seconds = np.median([result[2] for result in results])
    print(
        f"interval above the truth: {above:.1%}; CPU seconds: {seconds:.1f}", flush=True
    )


if __name__ == "__main__":
    main()
