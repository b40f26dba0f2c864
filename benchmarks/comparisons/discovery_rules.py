"""Who describes the people a model fails best, and how long does it take?

    python benchmarks/comparisons/discovery_rules.py [--quick]
        [--populations 100 101] [--rows 12000] [--draws 3]

Rivals, each left out where it is missing:

    pip install sliceline divexplorer

A network is trained on 20,000 people of `make_health_cohort(strength="strong")`; its
absolute errors on 12,000 others are given to every method. Printed, on 20,000 people
nobody has seen: the means over the eight planted subgroups of the best F1 and of the
best area under the ROC curve (of one rule's membership) among the rules returned; how
much more than everybody the first rule's people err, as a share of the same for the
worst of the planted; the CPU time in one thread and by how much the process grew
(both of choosing rules, and of a process of its own); and the number of rules.

All of it is done anew with other people and seeds (`--draws`): figures are means, with
their standard errors. How alike two such draws are is told by the Jaccard index of
their first rules' people, and by the mean over all rules of the best index with a rule
of the other draw: 1 if the same people are found. How often anybody is found where
nobody is under-served is told by discovery_confirmation.py.

All have the same depth (4), the
same least support (50) and return at most 20 rules. SliceLine and DivExplorer need
columns of few values: quarters of those that are numbers. DivExplorer mines patterns of
every length, of which those up to the depth are kept; its patterns are ranked by its t,
and like ours those that overlap an earlier one by more than half are left out. The tree
has as many leaves as there are rules, none smaller than the least support. "Ours,
tested" are the rules that people held out confirm, found without those people. Two
draws of 2,000 people of one population are what `--quick` takes.
"""

import argparse
import importlib
import multiprocessing
import os
import resource
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_equity import RuleScanner, make_health_cohort

DEPTH, SUPPORT, N_RULES, OVERLAP = 4, 50, 20, 0.5


def make_task(population, n_rows, n_draws):
    """Return draws of people with errors, and people who judge the rules."""

    def draw(n, seed):
        return make_health_cohort(
            n, strength="strong", population=population, random_state=seed
        )

    train, judge = draw(20_000, 1000), draw(20_000, 1002)
    network = MLPRegressor(
        hidden_layer_sizes=(16, 16, 8), early_stopping=True, random_state=0
    )
    model = make_pipeline(StandardScaler(), network).fit(train.X, train.y)

    def errors(cohort):
        return np.abs(cohort.y - model.predict(cohort.X))

    draws = [draw(n_rows, 1000 * k + 1001) for k in range(n_draws)]
    choosing = [(cohort.X, errors(cohort)) for cohort in draws]
    return choosing, judge.X, judge.membership, errors(judge)


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


def tree(people, errors, judge, *, seed=0):
    fitted = DecisionTreeRegressor(
        max_leaf_nodes=N_RULES, min_samples_leaf=SUPPORT, random_state=seed
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
    "ours, all people choose": lambda *data, seed: ours(*data, holdout=0.0, seed=seed),
    "ours, tested": lambda *data, seed: ours(*data, holdout=0.3, seed=seed),
    "tree on errors": tree,
    # Neither has a seed.
    "DivExplorer": lambda *data, seed: divexplorer(*data),
    "SliceLine": lambda *data, seed: sliceline(*data),
}
RIVALS = {"DivExplorer": "divexplorer", "SliceLine": "sliceline.slicefinder"}


# ---- one method --------------------------------------------------------------------
def choose(name, people, errors, judge, seed):
    """Return the members among the judges, CPU seconds, and megabytes grown."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        members = METHODS[name](people, errors, judge, seed=seed)
        seconds = time.process_time() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
        return members(), seconds, grown / 1024


def choose_apart(*arguments):
    """Do so in a process of its own, whose memory nothing has stretched before."""
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=fork) as pool:
        return pool.submit(choose, *arguments).result()


def alikeness(one, other):
    """Return the Jaccard index of the first rules, and the mean best one of all."""
    if not one.shape[1] or not other.shape[1]:
        return 0.0, 0.0
    both = one.T.astype(float) @ other
    either = one.sum(axis=0)[:, None] + other.sum(axis=0) - both
    index = both / np.maximum(either, 1)
    best = np.concatenate([index.max(axis=0), index.max(axis=1)])
    return index[0, 0], best.mean()


def spread(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.3f} +- {error:.3f}"


def report(population, name, choosing, judge, planted, judged):
    try:
        importlib.import_module(RIVALS.get(name, "sklearn_equity"))
    except ImportError as missing:
        command = "pip install sliceline divexplorer"
        print(f"{population:>10}  {name:<24} missing ({missing.name}): {command}")
        return
    runs = [
        choose_apart(name, people, errors, judge, seed)
        for seed, (people, errors) in enumerate(choosing)
    ]
    found = [members for members, _, _ in runs]
    alike = [alikeness(*pair) for pair in combinations(found, 2)]
    first, every = np.mean(alike, axis=0) if alike else (np.nan, np.nan)
    f1 = spread([mean_best_f1(one, planted) for one in found])
    area = spread([mean_best_area(one, planted) for one in found])
    gap = spread([gap_recovered(one, planted, judged) for one in found])
    n = np.mean([one.shape[1] for one in found])
    seconds, grown = np.mean([run[1:] for run in runs], axis=0)
    print(
        f"{population:>10}  {name:<24} {f1:>15} {area:>15} {gap:>15} {seconds:7.1f} "
        f"{grown:6.0f} {n:5.1f} {first:6.2f} {every:6.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--populations", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--rows", type=int, default=12_000, help="people who choose")
    parser.add_argument("--draws", type=int, default=3, help="of people who choose")
    parser.add_argument(
        "--quick", action="store_true", help="few people, one population"
    )
    options = parser.parse_args()
    if options.quick:
        options.populations, options.rows = options.populations[:1], 2000
        options.draws = 2
    print(
        f"{options.rows:,} people choose, {options.draws} times anew; 20,000 others "
        "judge; alike: first rules, all rules"
    )
    print(
        f"{'population':>10}  {'method':<24} {'mean best F1':>15} {'area':>15} "
        f"{'gap':>15} {'CPU s':>7} {'MB':>6} {'n':>5} {'first':>6} {'all':>6}"
    )
    for population in options.populations:
        task = make_task(population, options.rows, options.draws)
        for name in METHODS:
            report(population, name, *task)


if __name__ == "__main__":
    main()
