"""Where is an inequality index without noise least to be trusted?

    OMP_NUM_THREADS=1 python benchmarks/comparisons/inequality_limits.py [--runs 40]

The Gini index of populations whose true one is known, in places that the guide names:
the NRMSE of equal subgroups whose outcomes differ in size, small subgroups that are the
worse ones, with a voice for each person, a few that stand out of many that are alike,
and equal subgroups whose people have weights of very different size. Printed are the
truth, the mean raw and corrected index (standard error), the share of 95% intervals
that cover the truth, and of p-values of .05 or less.
"""

import argparse
import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from sklearn_equity import gini, inequality_index, subgroup_fidelity


def outcomes_of_many_sizes(rng, largest, people):
    """Fifty subgroups that err by a tenth of their own mean."""
    mean = np.repeat(np.geomspace(1.0, largest, 50), people)
    truth = mean * rng.uniform(0.7, 1.3, len(mean))
    predicted = truth + 0.1 * mean * rng.normal(size=len(mean))
    return truth, predicted, np.repeat(np.arange(50), people), 0.0, {"metric": "nrmse"}


def small_and_worse(rng, people):
    """Thirty small subgroups, ten larger ones and two large ones, the best served."""
    sizes = np.repeat([people, 5 * people, 200 * people], [30, 10, 2])
    error = np.repeat([12.0, 8.0, 6.0], [30, 10, 2])
    ward = np.repeat(np.arange(42), sizes)
    truth = rng.normal(50, 10, len(ward))
    predicted = truth + np.repeat(error, sizes) * rng.normal(size=len(ward))
    known = gini(error, sample_weight=sizes)
    return truth, predicted, ward, known, {"metric": "rmse", "voice": "person"}


def few_stand_out(rng, standing, others, people):
    """Subgroups with 5/3 of the error of all others."""
    error = np.repeat([5.0, 3.0], [standing, others])
    ward = np.repeat(np.arange(len(error)), people)
    truth = rng.normal(50, 10, len(ward))
    predicted = truth + np.repeat(error, people) * rng.normal(size=len(ward))
    return truth, predicted, ward, gini(error), {"metric": "rmse"}


def weights_of_many_sizes(rng, people):
    """Fifty equal subgroups; a person of the last weighs 100 times one of the first."""
    ward = np.repeat(np.arange(50), people)
    weight = np.repeat(np.geomspace(1.0, 100.0, 50), people)
    truth = rng.normal(50, 10, len(ward))
    predicted = truth + 5.0 * rng.normal(size=len(ward))
    options = {"metric": "rmse", "sample_weight": weight}
    return truth, predicted, ward, 0.0, options


PLACES = {
    "equal, means 1 to 3, 20 people": lambda rng: outcomes_of_many_sizes(rng, 3, 20),
    "equal, means 1 to 10, 20": lambda rng: outcomes_of_many_sizes(rng, 10, 20),
    "equal, means 1 to 100, 20": lambda rng: outcomes_of_many_sizes(rng, 100, 20),
    "equal, means 1 to 100, 100": lambda rng: outcomes_of_many_sizes(rng, 100, 100),
    "small and worse, from 10": lambda rng: small_and_worse(rng, 10),
    "small and worse, from 20": lambda rng: small_and_worse(rng, 20),
    "4 of 50 stand out, 61 people": lambda rng: few_stand_out(rng, 4, 46, 61),
    "10 of 30 stand out, 20": lambda rng: few_stand_out(rng, 10, 20, 20),
    "equal, weights 1 to 100, 20": lambda rng: weights_of_many_sizes(rng, 20),
}


def main():
    """Print a row for every place."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--place", choices=PLACES, nargs="*", default=list(PLACES))
    options = parser.parse_args()
    runs = options.runs
    warnings.simplefilter("ignore")
    print(f"{runs} runs{'truth':>28}{'raw':>8}{'corrected':>19}{'covered':>9}{'p':>7}")
    for name in options.place:
        draw = PLACES[name]
        rng = np.random.default_rng(0)
        rows = []
        for _ in range(runs):
            truth, predicted, ward, known, asked = draw(rng)
            table = subgroup_fidelity(
                truth,
                predicted,
                subgroups=ward,
                metric=asked["metric"],
                sample_weight=asked.get("sample_weight"),
                n_resamples=400,
                random_state=0,
            )
            found = inequality_index(
                table, voice=asked.get("voice", "subgroup"), random_state=0
            )
            covers = found.ci_low <= known <= found.ci_high
            rows.append([found.raw, found.corrected, covers, found.p_value <= 0.05])
        raw, corrected, covered, rejected = np.mean(rows, axis=0)
        error = np.std(rows, axis=0, ddof=1)[1] / np.sqrt(runs)
        print(
            f"{name:<31}{known:8.4f}{raw:8.3f}{corrected:+11.4f} ({error:.4f})"
            f"{covered:9.2f}{rejected:7.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
