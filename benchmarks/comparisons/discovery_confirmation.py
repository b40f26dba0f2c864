"""Who finds nobody where nobody is under-served, and somebody where some are?

    python benchmarks/comparisons/discovery_confirmation.py [--quick]
        [--rows 4000] [--nulls 200] [--populations 100 101 102] [--repeats 5]
        [--methods ...]

Rivals, each left out where it is missing (the published one needs torch and skorch):

    pip install sliceline divexplorer

Every method proposes subgroups of people of `make_health_cohort` from their absolute
errors, at most 50, of 50 people or more. "in sample" tests the proposals on the same
people, as tools are used; "held out" on as many others: the tests of
`find_underserved`, in ranks and in the mean, and Benjamini and Hochberg over the
proposals at 5%. The worst proposal is the one with the largest mean error among those
who chose. "find_underserved" is the whole, with both parts together, and its worst is
the first that it tried.

1. Errors drawn from one distribution with long tails, so that nobody is under-served:
   in how many runs is anybody found, and how many times the mean is the worst
   proposal's error? The truth is 1.
2. Moderate under-service and the errors of a linear model: how many of the proposals
   that err 1.25 times as much as everybody or more are confirmed on others (power), and
   by how much does the worst one's ratio exceed its true one? The truth is that of
   60,000 new people.
3. CPU seconds of `find_underserved` on 40,000 people, in one thread.
"""

import argparse
import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from discovery_person_scores import METHODS as SCORES
from discovery_rules import divexplorer, sliceline
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from sklearn_equity import ErrorMap, RuleScanner, find_underserved, make_health_cohort
from sklearn_equity.discovery._rule_evidence import measure_rules
from sklearn_equity.exceptions import MissingDependencyError

N_GROUPS, LEAST, FDR, WORSE = 50, 50, 0.05, 1.25
DEGREES = 4
OF_NULLS = {"SliceLine": 10, "DivExplorer": 10, "autoencoder + mixture": 20}
WHOLE = "find_underserved"


# ---- what methods propose: a matrix of members, those who chose first ---------------
def rules(people, errors, judged, seed):
    scanner = RuleScanner(
        min_subgroup_size=LEAST, max_rules=N_GROUPS, holdout=0.0, random_state=seed
    )
    return scanner.fit(people, errors).transform(judged) == 1.0


def worst_tenth(people, errors, judged, seed):
    fitted = ErrorMap(n_repeats=0, random_state=seed).fit(people, errors)
    scores = fitted.score_samples(judged)
    scores[: len(people)] = fitted.cross_fitted_scores_
    return scores[:, None] >= np.quantile(fitted.cross_fitted_scores_, 0.9)


def tree(people, errors, judged, seed):
    fitted = DecisionTreeRegressor(
        max_leaf_nodes=N_GROUPS, min_samples_leaf=LEAST, random_state=seed
    ).fit(people, errors)
    return fitted.apply(judged)[:, None] == np.unique(fitted.apply(people))


def segments(name):
    def propose(people, errors, judged, seed):
        segmenter = SCORES[name](seed).fit(people, errors).segmenter
        labels = np.unique(segmenter.predict(people))
        return segmenter.predict(judged)[:, None] == labels

    return propose


METHODS = {
    "rules": rules,
    "worst tenth of a map": worst_tenth,
    "tree of 50 leaves": tree,
    "k-means 50": segments("k-means 50"),
    "autoencoder + mixture": segments("autoencoder + mixture"),
    "DivExplorer": lambda *data: divexplorer(*data[:3])(),
    "SliceLine": lambda *data: sliceline(*data[:3])(),
}


# ---- what comes of the proposals ---------------------------------------------------
def confirm(members, errors):
    """Say which proposals are confirmed among some people."""
    measured = measure_rules(
        [()] * members.shape[1],
        [""] * members.shape[1],
        list(members.T),
        errors,
        is_tested=True,
    )
    return np.array([one.q_value <= FDR for one in measured])


def ratios(members, errors):
    inside = members.T.astype(float) @ errors / np.maximum(members.sum(axis=0), 1)
    return inside / errors.mean()


def ratio_of(worst, members, errors):
    return np.nan if worst is None else ratios(members, errors)[worst]


def propose(name, parts, errors, seed):
    """Return the members of each part of the people, and the worst proposal, if any."""
    judged = pd.concat(parts, ignore_index=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        members = METHODS[name](parts[0], errors, judged, seed)
    edges = np.cumsum([len(part) for part in parts])[:-1]
    members = np.split(members, edges)
    large = members[0].sum(axis=0) >= LEAST
    members = [part[:, large] for part in members]
    if not large.any():
        return members, None
    return members, int(np.argmax(ratios(members[0], errors)))


def null_people(n_rows, seed):
    people = make_health_cohort(2 * n_rows, strength="none", random_state=seed).X
    rng = np.random.default_rng(seed)
    return people, np.abs(rng.standard_t(DEGREES, size=2 * n_rows))


def null_run(name, n_rows, seed):
    """Return whether anybody was found, and the worst ratio, in sample and held out."""
    people, errors = null_people(n_rows, seed)
    if name == WHOLE:
        result = find_underserved(
            np.zeros(2 * n_rows), people, errors, random_state=seed
        )
        worst = result.tried[0].error_ratio if result.tried else np.nan
        return np.nan, np.nan, bool(result.findings), worst
    parts = [people[:n_rows], people[n_rows:]]
    members, worst = propose(name, parts, errors[:n_rows], seed)
    told = []
    for part, of_part in zip(members, np.split(errors, 2), strict=True):
        told += [confirm(part, of_part).any(), ratio_of(worst, part, of_part)]
    return told


def moderate_run(name, n_rows, population, seed):
    """Return how many to confirm were confirmed, and the worst ratios over the true."""
    train, chosen, tested, new = (
        make_health_cohort(n, population=population, random_state=10 * seed + part)
        for part, n in enumerate((20_000, n_rows, n_rows, 60_000))
    )
    model = LinearRegression().fit(train.X, train.y)
    errors = [np.abs(c.y - model.predict(c.X)) for c in (chosen, tested, new)]
    parts = [chosen.X, tested.X, new.X]
    if name == WHOLE:
        result = find_underserved(
            np.concatenate([model.predict(chosen.X), model.predict(tested.X)]),
            pd.concat(parts[:2], ignore_index=True),
            np.concatenate([chosen.y, tested.y]),
            random_state=seed,
        )
        true = ratios(result.members(new.X), errors[2])
        told = [one.error_ratio for one in result.findings]
        worst = told[0] / true[0] if told else np.nan
        return np.nan, np.nan, np.nan, worst
    members, worst = propose(name, parts, errors[0], seed)
    in_sample, held_out, true = (
        ratio_of(worst, *pair) for pair in zip(members, errors, strict=True)
    )
    to_confirm = ratios(members[2], errors[2]) >= WORSE
    confirmed = confirm(members[1], errors[1]) & to_confirm
    return (
        confirmed.sum(),
        to_confirm.sum(),
        in_sample / true,
        held_out / true,
    )


# ---- what is printed ---------------------------------------------------------------
def try_method(name, run, arguments):
    """Run a method, or say what it misses."""
    try:
        return np.array([run(name, *one) for one in arguments], dtype=float)
    except (ImportError, MissingDependencyError) as error:
        print(f"{name:24} {error}")
        return None


def spread(values):
    n = np.isfinite(values).sum()
    if not n:
        return "-"
    return f"{np.nanmean(values):.3f} +- {np.nanstd(values) / np.sqrt(n):.3f}"


def compare_nulls(names, n_rows, n_runs):
    print(f"Nobody is under-served, {n_rows:,} people who choose: anybody found; worst")
    print(
        f"{'':24} {'in sample':>10} {'held out':>10} {'in sample':>18} {'held out':>18}"
    )
    for name in names:
        n = min(n_runs, OF_NULLS.get(name, n_runs))
        told = try_method(name, null_run, [(n_rows, seed) for seed in range(n)])
        if told is None:
            continue
        found = [
            "-" if np.isnan(one).any() else f"{int(one.sum())} of {n}"
            for one in told[:, [0, 2]].T
        ]
        worst = [spread(one) for one in told[:, [1, 3]].T]
        print(f"{name:24} {found[0]:>10} {found[1]:>10} {worst[0]:>18} {worst[1]:>18}")


def compare_moderate(names, n_rows, populations, n_repeats):
    print(f"\nModerate, {n_rows:,} people who choose: power; worst over its true ratio")
    print(f"{'':24} {'power':>15} {'in sample':>18} {'held out':>18}")
    runs = [(n_rows, p, 1000 * p + k) for p in populations for k in range(n_repeats)]
    for name in names:
        told = try_method(name, moderate_run, runs)
        if told is None:
            continue
        n_confirmed, n_true = told[:, :2].sum(axis=0)
        power = f"{n_confirmed / n_true:.2f} of {n_true:.0f}" if n_true > 0 else "-"
        worst = [spread(one) for one in told[:, 2:].T]
        print(f"{name:24} {power:>15} {worst[0]:>18} {worst[1]:>18}", flush=True)


def time_the_whole(n_rows):
    people = make_health_cohort(n_rows, random_state=0)
    model = LinearRegression().fit(people.X, people.y)
    start = time.process_time()
    result = find_underserved(model, people.X, people.y, random_state=0)
    seconds = time.process_time() - start
    print(f"\nfind_underserved on {n_rows:,} people: {seconds:.1f} CPU s, {result!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few people, few runs")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--nulls", type=int, default=200)
    parser.add_argument("--populations", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--methods", nargs="+", default=[WHOLE, *METHODS], choices=[WHOLE, *METHODS]
    )
    options = parser.parse_args()
    if options.quick:
        options.rows, options.nulls, options.repeats = 1500, 4, 1
        options.populations = options.populations[:1]
    compare_nulls(options.methods, options.rows // 2, options.nulls)
    compare_moderate(
        options.methods, options.rows, options.populations, options.repeats
    )
    time_the_whole(2_000 if options.quick else 40_000)


if __name__ == "__main__":
    main()
