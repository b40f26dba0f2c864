"""How long does it take to draw a cohort, beside scikit-learn's make_regression?

    python benchmarks/comparisons/datasets_cohort.py [--rows 1000000] [--repeats 3]

CPU seconds in one thread, medians, for as many rows and columns of both; the bar is 3 s
for a million people. Only ours has subgroups whose error is known, so that the figure
beside the time is the largest distance, in standard errors, between the mean squared
error of the best model in a planted subgroup and the stated one.
"""

import argparse
import os
import statistics
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from sklearn.datasets import make_regression

from sklearn_equity import make_health_cohort


def median_seconds(draw, repeats):
    seconds = []
    for seed in range(repeats):
        start = time.process_time()
        draw(seed)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def largest_distance(cohort):
    squared = (cohort.y - cohort.conditional_mean) ** 2
    distances = []
    for inside in cohort.membership.T:
        gap = squared[inside] - cohort.attainable_error[inside] ** 2
        distances.append(abs(gap.mean()) / (gap.std() / np.sqrt(inside.sum())))
    return max(distances)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    n = arguments.rows

    def ours(seed):
        return make_health_cohort(n, as_frame=False, random_state=seed)

    def theirs(seed):
        return make_regression(n, n_features=20, noise=6.0, random_state=seed)

    cohort = ours(0)
    distance = largest_distance(cohort)
    n_subgroups = cohort.membership.shape[1]
    print(f"make_health_cohort  {median_seconds(ours, arguments.repeats):6.2f} s")
    print(f"make_regression     {median_seconds(theirs, arguments.repeats):6.2f} s")
    print(f"largest of {n_subgroups} distances {distance:.1f} standard errors")


if __name__ == "__main__":
    main()
