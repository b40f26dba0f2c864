"""Who describes the people a model fails best, and how long does it take?

    python benchmarks/comparisons/discovery_rules.py [--populations 100 101] [--quick]

Rivals, each left out where it is missing:

    pip install sliceline divexplorer

A network is trained on 20,000 people of `make_health_cohort(strength="strong")`; its
absolute errors on 12,000 others are given to every method. Printed, on 20,000 people
nobody has seen: the means over the eight planted subgroups of the best F1 and of the
best area under the ROC curve (of one rule's membership) among the rules returned; how
much more than everybody the first rule's people err, as a share of the same for the
worst of the planted; and the CPU time in one thread. All have the same depth (4), the
same least support (50) and return at most 20 rules. SliceLine and DivExplorer need
columns of few values: quarters of those that are numbers. DivExplorer mines patterns of
every length, of which those up to the depth are kept; its patterns are ranked by its t,
and like ours those that overlap an earlier one by more than half are left out. The tree
has as many leaves as there are rules, none smaller than the least support. "Ours,
tested" are the rules that people held out confirm, found without those people.
"""

import argparse
import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_equity import RuleScanner, make_health_cohort

DEPTH, SUPPORT, N_RULES, OVERLAP = 4, 50, 20, 0.5


def make_task(population, n_rows):
    """Return people with errors, and people who judge the rules."""
    train, errs, judge = (
        make_health_cohort(
            n, strength="strong", population=population, random_state=1000 + k
        )
        for k, n in enumerate((20_000, n_rows, 20_000))
    )
    network = MLPRegressor(
        hidden_layer_sizes=(16, 16, 8), early_stopping=True, random_state=0
    )
    model = make_pipeline(StandardScaler(), network).fit(train.X, train.y)
    errors, judged = (np.abs(c.y - model.predict(c.X)) for c in (errs, judge))
    return errs.X, errors, judge.X, judge.membership, judged


def mean_best_f1(members, planted):
    if not members.shape[1]:
        return 0.0
    shared = members.T.astype(float) @ planted
    sizes = members.sum(axis=0)[:, None] + planted.sum(axis=0)
    return float((2 * shared / np.maximum(sizes, 1)).max(axis=0).mean())


def mean_best_area(members, planted):
    """Return the mean of the best areas: of one cut, the mean of both hit rates."""
    if not members.shape[1]:
        return 0.5
    inside = members.T.astype(float)
    hit = inside @ planted / planted.sum(axis=0)
    false = inside @ ~planted / (~planted).sum(axis=0)
    return float(((1 + hit - false) / 2).max(axis=0).mean())


def gap_recovered(members, planted, errors):
    """Return the gap of the first rule as a share of the worst planted one's."""
    if not members.shape[1] or not members[:, 0].any():
        return 0.0
    worst = max(errors[one].mean() for one in planted.T) - errors.mean()
    return (errors[members[:, 0]].mean() - errors.mean()) / worst


def keep_diverse(members):
    """Leave out columns that overlap an earlier one by more than half."""
    kept = []
    for k, column in enumerate(members.T):
        others = (members[:, j] for j in kept)
        overlaps = ((column & o).sum() / max((column | o).sum(), 1) for o in others)
        if all(overlap <= OVERLAP for overlap in overlaps):
            kept.append(k)
        if len(kept) == N_RULES:
            break
    return kept


def bin_columns(people, edges):
    """Cut numbers at quarters; ethnicity is one column."""
    ethnicity = [name for name in people if name.startswith("ethnicity_")]
    table = pd.DataFrame({"ethnicity": people[ethnicity].to_numpy().argmax(axis=1)})
    for name in people.columns.difference(ethnicity):
        values = people[name].to_numpy()
        table[name] = np.searchsorted(edges[name], values, side="right")
    return table.astype(int)


def edges_of(people):
    return {
        name: np.unique(
            np.quantile(people[name], [0.25, 0.5, 0.75])
            if people[name].nunique() > 4
            else np.unique(people[name])[1:]
        )
        for name in people
    }


def matches(pattern, table):
    inside = np.ones(len(table), dtype=bool)
    for name, value in pattern:
        inside &= table[name].to_numpy() == value
    return inside


def ours(people, errors, judge, *, holdout, seed=0):
    scanner = RuleScanner(
        max_depth=DEPTH,
        min_subgroup_size=SUPPORT,
        max_rules=N_RULES,
        holdout=holdout,
        random_state=seed,
    ).fit(people, errors)
    return lambda: scanner.transform(judge).astype(bool)


def tree(people, errors, judge):
    fitted = DecisionTreeRegressor(
        max_leaf_nodes=N_RULES, min_samples_leaf=SUPPORT, random_state=0
    ).fit(people, errors)
    leaves = np.flatnonzero(fitted.tree_.children_left < 0)
    leaves = leaves[np.argsort(-fitted.tree_.value[leaves, 0, 0])]
    return lambda: fitted.apply(judge)[:, None] == leaves


def sliceline(people, errors, judge):
    from sliceline.slicefinder import Slicefinder

    edges = edges_of(people)
    table, judged = bin_columns(people, edges), bin_columns(judge, edges)
    finder = Slicefinder(
        alpha=0.95, k=20 * N_RULES, max_l=DEPTH, min_sup=SUPPORT, verbose=False
    )
    finder.fit(table, errors)
    patterns = [
        [(name, v) for name, v in zip(table, one, strict=True) if v is not None]
        for one in finder.top_slices_
    ]
    return lambda: diverse_members(patterns, table, judged)


def divexplorer(people, errors, judge):
    from divexplorer import DivergenceExplorer

    edges = edges_of(people)
    table, judged = bin_columns(people, edges), bin_columns(judge, edges)
    explorer = DivergenceExplorer(table.assign(error=errors))
    found = explorer.get_pattern_divergence(
        min_support=SUPPORT / len(table), quantitative_outcomes=["error"]
    )
    found = found[
        found["itemset"].map(len).between(1, DEPTH) & (found["error_div"] > 0)
    ]
    found = found.sort_values("error_t", ascending=False).head(20 * N_RULES)
    patterns = [
        [(name, int(v)) for name, v in (one.split("=") for one in itemset)]
        for itemset in found["itemset"]
    ]
    return lambda: diverse_members(patterns, table, judged)


def diverse_members(patterns, table, judged):
    if not patterns:
        return np.zeros((len(judged), 0), dtype=bool)
    kept = keep_diverse(np.stack([matches(one, table) for one in patterns], axis=1))
    return np.stack([matches(patterns[k], judged) for k in kept], axis=1)


METHODS = {
    "ours, all people choose": lambda *data: ours(*data, holdout=0.0),
    "ours, tested": lambda *data: ours(*data, holdout=0.3),
    "tree on errors": tree,
    "DivExplorer": divexplorer,
    "SliceLine": sliceline,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--quick", action="store_true", help="ours and the tree alone")
    options = parser.parse_args()
    names = list(METHODS)[: 3 if options.quick else None]
    figures = f"{'mean best F1':>12} {'area':>6} {'gap':>5} {'CPU s':>7} {'n':>4}"
    print(f"{'population':>10}  {'method':<24} {figures}")
    for population in options.populations:
        task = make_task(population, options.rows)
        for name in names:
            report(population, name, *task)


def report(population, name, people, errors, judge, planted, judged):
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            members = METHODS[name](people, errors, judge)
            seconds = time.process_time() - start
            members = members()
    except ImportError as missing:
        command = "pip install sliceline divexplorer"
        print(f"{population:>10}  {name:<24} missing ({missing.name}): {command}")
        return
    f1, area = mean_best_f1(members, planted), mean_best_area(members, planted)
    gap, n = gap_recovered(members, planted, judged), members.shape[1]
    figures = f"{f1:12.3f} {area:6.3f} {gap:5.2f} {seconds:7.1f} {n:>4}"
    print(f"{population:>10}  {name:<24} {figures}", flush=True)


if __name__ == "__main__":
    main()
