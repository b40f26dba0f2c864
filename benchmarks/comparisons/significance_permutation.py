"""How much faster than SciPy's permutation_test are shuffles that all tests share?

    python benchmarks/comparisons/significance_permutation.py [--quick]

Needs what the library needs. 25 variables, 50 subgroups, 1,000 rounds, 200,000 rows;
one thread, CPU time. Ours makes all 1,250 tests, of variables with two values by the
exact law unless it is told not to. SciPy makes one test, of a subgroup of typical size
against everybody else, in few rounds: its time is *extrapolated*, in proportion to
rounds and tests, after the time of its smallest call is taken off. The error is the
largest difference of our p-values from the exact law of the variables with two values
when these are shuffled like the others. Memory is the most that one more run, not
timed, held beyond what there was, as tracemalloc sees it: of all our tests, and of
SciPy's one in a batch of 10 rounds. `--quick` takes 20,000 rows.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from density_measuring import peak_megabytes
from scipy import stats

from sklearn_equity import permutation_test

N_VARIABLES, N_SUBGROUPS, N_ROUNDS, N_SCIPY_ROUNDS = 25, 50, 1000, 20


def draw_people(n_rows):
    rng = np.random.default_rng(20260620)
    numbers = rng.gamma(2.0, size=(n_rows, N_VARIABLES))
    return numbers, rng.integers(N_SUBGROUPS, size=n_rows)


def seconds(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def scipy_seconds(values, inside, n_rounds):
    def difference(a, b, axis):
        return a.mean(axis=axis) - b.mean(axis=axis)

    return seconds(
        lambda: stats.permutation_test(
            (values[inside], values[~inside]),
            difference,
            n_resamples=n_rounds,
            batch=10,
            vectorized=True,
        )
    )[0]


def largest_error(labels):
    """Shuffle a variable with two values, made to look like one with three."""
    rng = np.random.default_rng(1)
    ill = (rng.random(len(labels)) < 0.1).astype(float)
    exact = permutation_test(ill, subgroups=labels).p_value
    third = ill.copy()
    third[0] += 1e-9  # no longer two values, and nothing else
    shuffled = permutation_test(
        third, subgroups=labels, n_permutations=N_ROUNDS, random_state=0
    ).p_value
    return float(np.abs(exact - shuffled).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    n_rows = 20_000 if parser.parse_args().quick else 200_000
    values, labels = draw_people(n_rows)

    def shuffled():
        return permutation_test(
            values, subgroups=labels, n_permutations=N_ROUNDS, random_state=0
        )

    def exact():
        return permutation_test(values > 2, subgroups=labels)

    ours, binary = seconds(shuffled)[0], seconds(exact)[0]
    column, inside = values[:, 0], labels == 0
    few = np.median([scipy_seconds(column, inside, 1) for _ in range(3)])
    more = np.median(
        [scipy_seconds(column, inside, 1 + N_SCIPY_ROUNDS) for _ in range(3)]
    )
    a_round = (more - few) / N_SCIPY_ROUNDS
    scipy = a_round * N_ROUNDS * N_VARIABLES * N_SUBGROUPS
    print(f"{n_rows:,} rows, {N_VARIABLES} variables, {N_SUBGROUPS} subgroups")
    print(f"ours, {N_ROUNDS} shared rounds: {ours:8.2f} s")
    print(f"ours, exact, two values:   {binary:8.2f} s")
    print(f"scipy, extrapolated:       {scipy:8.0f} s ({1e3 * a_round:.1f} ms a round)")
    print(f"ratio: {scipy / ours:,.0f}, exact {scipy / binary:,.0f}")
    held = [peak_megabytes(work) for work in (shuffled, exact)]
    of_scipy = peak_megabytes(lambda: scipy_seconds(column, inside, 1 + N_SCIPY_ROUNDS))
    print(f"memory: ours {held[0]:.1f} MB, exact {held[1]:.1f}, scipy {of_scipy:.1f}")
    limit = 4 * 0.5 / np.sqrt(N_ROUNDS)
    error = largest_error(labels)
    print(f"largest error of a p-value: {error:.4f} (chance alone allows {limit:.3f})")


if __name__ == "__main__":
    main()
