"""Is a badly served subgroup told from a noisy one?

    OMP_NUM_THREADS=1 python benchmarks/comparisons/discovery_triage.py

needs pandas besides sklearn_equity. Populations with eight planted subgroups, four with
another relation ("remediable") and four with more noise only; the model is trained on
20,000 people and judged on others. Two kinds of findings: the planted subgroups exactly
(75 to 225 of 12,000 people each), and "found" ones, the 15 worst leaves of
a tree of 60 leaves fitted to absolute errors of one half of these people, judged on the
other half; of them those are compared of whose members at least 30% were planted, and
the kind of most of these is the truth.

Printed for each strength, shape and model: the area under the ROC curve of "remediable"
over the findings of all populations, and its standard deviation over populations, for
`triage(...).remediable_share` and ranking by mean squared error; then how many findings
of each kind got which verdict. With --tried also what was tried on the way there: the
parts of `triage` alone (a ridge regression of each finding's residuals; with it one of
everybody's; or boosted trees of everybody's), and `departure_from_attainable`, which
predicts the outcome anew instead of the residuals. No library that we know of makes
this distinction.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_equity import departure_from_attainable, make_health_cohort, triage

MODELS = {
    "linear": RidgeCV(),
    "network": MLPRegressor(
        hidden_layer_sizes=(16, 16, 8), batch_size=200, max_iter=15, random_state=0
    ),
    "boosted": HistGradientBoostingRegressor(learning_rate=0.05, random_state=0),
}


def draw(population, n_people, model, **options):
    """Return the inputs, outcomes and predictions of people, and who was planted."""
    options["population"] = population
    train = make_health_cohort(20_000, **options, random_state=1000 + population)
    cohort = make_health_cohort(n_people, **options, random_state=2000 + population)
    fitted = make_pipeline(StandardScaler(), clone(MODELS[model]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        y_pred = fitted.fit(train.X, train.y).predict(cohort.X)
    kinds = np.array([s.kind == "remediable" for s in cohort.subgroups])
    return cohort.X.to_numpy(), cohort.y, y_pred, cohort.membership, kinds


def planted(X, y, y_pred, membership, kinds):
    """Take the planted subgroups for findings."""
    return X, y, y_pred, membership, kinds


def found(X, y, y_pred, membership, kinds):
    """Find leaves of a tree on one half; return the other half and its findings."""
    half = np.random.default_rng(0).permutation(len(y)) < len(y) // 2
    tree = DecisionTreeRegressor(
        max_leaf_nodes=60, min_samples_leaf=60, random_state=0
    ).fit(X[half], np.abs(y - y_pred)[half])
    X, y, y_pred, membership = (part[~half] for part in (X, y, y_pred, membership))
    leaf = tree.apply(X)
    leaves = np.flatnonzero(tree.tree_.children_left < 0)
    worst = leaves[np.argsort(-tree.tree_.value[leaves, 0, 0])][:15]
    masks = leaf[:, np.newaxis] == worst
    shares = np.array(
        [
            (
                membership[mask][:, kinds].any(axis=1).mean(),
                membership[mask][:, ~kinds].any(axis=1).mean(),
            )
            for mask in masks.T
        ]
    )
    kept = shares.max(axis=1) >= 0.3
    return X, y, y_pred, masks[:, kept], shares[kept, 0] > shares[kept, 1]


PARTS = {
    "findings' ridge alone": DummyRegressor(),
    "and everybody's ridge": make_pipeline(StandardScaler(), RidgeCV()),
    "or everybody's trees": HistGradientBoostingRegressor(
        max_iter=60, learning_rate=0.05, max_leaf_nodes=16, random_state=0
    ),
}


def judge(X, y, y_pred, masks, *, tried):
    """Score the findings by each method; return the verdicts and CPU seconds too."""
    start = time.process_time()
    result = triage(X, y, y_pred, findings=masks, random_state=0)
    seconds = time.process_time() - start
    scores = {
        "triage": result.remediable_share,
        "mean squared error": result.mean_squared_error,
    }
    if tried:
        for name, part in PARTS.items():
            told = triage(X, y, y_pred, findings=masks, estimator=part, random_state=0)
            scores[name] = told.remediable_share
        labels = {str(k): np.where(mask, "in", "out") for k, mask in enumerate(masks.T)}
        table = departure_from_attainable(
            X, y, y_pred, subgroups=labels, n_resamples=200, random_state=0
        )
        inside = np.array([label == "in" for label in table.subgroup])
        scores["departure_from_attainable"] = table.estimate[inside]
    return scores, result.verdict, seconds


def report(title, truths, scores, verdicts, seconds):
    """Print areas and verdicts of one kind of population."""
    truth = np.concatenate(truths)
    print(f"\n{title}: {len(truth)} findings, {truth.sum()} of them remediable")
    for name, values in scores.items():
        each = [
            roc_auc_score(t, v)
            for t, v in zip(truths, values, strict=True)
            if 0 < t.sum() < len(t)
        ]
        pooled = roc_auc_score(truth, np.concatenate(values))
        print(f"{name:<26} AUC {pooled:.2f} (SD over populations {np.std(each):.2f})")
    verdict = np.concatenate(verdicts)
    for kind, rows in (("remediable", truth), ("noise", ~truth)):
        names, counts = np.unique(verdict[rows], return_counts=True)
        said = ", ".join(f"{n}: {c}" for n, c in zip(names, counts, strict=True))
        print(f"{kind} ones were called {said}")
    print(f"triage: {np.median(seconds):.1f} CPU seconds", flush=True)


def main():
    """Print one table for each strength, shape, model and kind of finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--populations", type=int, default=8)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--people", type=int, default=12_000)
    parser.add_argument("--strengths", nargs="+", default=["moderate", "strong"])
    parser.add_argument("--shapes", nargs="+", default=["conjunction", "oblique"])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--tried", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one setting")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.populations, arguments.models = 2, ["linear"]
        arguments.strengths, arguments.shapes = ["strong"], ["conjunction"]
    for strength in arguments.strengths:
        for shape in arguments.shapes:
            for model in arguments.models:
                run(arguments, strength, shape, model)


def run(arguments, strength, shape, model):
    """Judge the populations of one setting, each with both kinds of findings."""
    last = arguments.first + arguments.populations
    options = {"strength": strength, "shape": shape}
    drawn = [
        draw(population, arguments.people, model, **options)
        for population in range(arguments.first, last)
    ]
    for find in (planted, found):
        truths, verdicts, seconds, scores = [], [], [], {}
        for people in drawn:
            *table, masks, truth = find(*people)
            if not len(truth):
                continue
            mine, verdict, cost = judge(*table, masks, tried=arguments.tried)
            truths.append(truth)
            verdicts.append(verdict)
            seconds.append(cost)
            for name, values in mine.items():
                scores.setdefault(name, []).append(values)
        title = f"{strength}, {shape}, {model} model, {find.__name__}"
        report(title, truths, scores, verdicts, seconds)


if __name__ == "__main__":
    main()
