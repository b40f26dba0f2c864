"""How often is somebody called harmed in whom nothing changed but chance?

    OMP_NUM_THREADS=1 python benchmarks/comparisons/no_harm_rates.py [--runs 200]
        [--only "rare illness" ...] [--power]

`no_harm_test` at its nominal 5%, on ten subgroups of 40 to 500 people. Before and
after, everybody's expected loss is the same, in ways that are hard for a test of means:
long tails, rare events, few people moved, errors that people share. Printed is the
share of runs in which somebody was called harmed, and improved, which is the same with
the models exchanged; beside it what Student's t of each subgroup would say, with
Bonferroni's correction.

With `--power`, one subgroup of 155 people errs 7% more after: how often is it found, if
its errors are as large as everybody's and if they are half as large?
"""

import argparse
import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.stats import ttest_1samp

from sklearn_equity import no_harm_test

SIZES = (40, 40, 50, 60, 80, 100, 150, 200, 300, 500)
WARD = np.repeat(np.arange(len(SIZES)), SIZES)
N = len(WARD)


def long_tail(rng, sigma=1.0):
    """Errors with mean 0 and variance 1, of a lognormal shape."""
    square = sigma**2
    drawn = np.exp(sigma * rng.normal(size=N)) - np.exp(square / 2)
    return drawn / np.sqrt((np.exp(square) - 1) * np.exp(square))


def exchanged(rng):
    """Two models that differ by chance, as by their seeds."""
    mean = rng.normal(50, 5, N)
    truth = mean + 3 * rng.standard_t(2.5, N)
    return truth, mean + rng.normal(size=N), mean + rng.normal(size=N)


def shifted(rng, share=1.0, shift=1.0, tailed=True):
    """Predictions of some people as far below their mean before as above it after."""
    mean = rng.normal(50, 5, N)
    noise = np.where(tailed, long_tail(rng), rng.normal(size=N))
    moved = shift * (rng.random(N) < share)
    return mean + 5 * noise, mean - moved, mean + moved


def risks(rng, risk=0.03, off=0.02):
    """Risks that are as much too low before as they are too high after."""
    risk = np.broadcast_to(risk, N)
    ill = (rng.random(N) < risk).astype(float)
    return ill, risk - off, risk + off


def households(rng):
    """Five people at a time share the errors of both models."""
    home = np.arange(N) // 5
    mean = rng.normal(50, 5, N)
    truth = mean + rng.normal(0, 2, N)[home] + rng.normal(0, 2, N)
    before, after = (mean + rng.normal(size=N)[home] for _ in range(2))
    return truth, before, after


NULLS = {
    "exchanged": (exchanged, "nrmse"),
    "all shifted": (shifted, "rmse"),
    "one in twenty shifted": (lambda rng: shifted(rng, 0.05, 2.0), "rmse"),
    "a tail in small wards alone": (
        lambda rng: shifted(rng, tailed=WARD < 6),
        "rmse",
    ),
    "a tail in the two smallest": (lambda rng: shifted(rng, tailed=WARD < 2), "rmse"),
    "rare illness": (risks, "brier"),
    "rare in every other ward": (
        lambda rng: risks(rng, np.where(WARD % 2, 0.3, 0.02), 0.01),
        "brier",
    ),
    "households": (households, "rmse"),
    "households, named": (households, "rmse"),  # by `groups`
}


def student_says(truth, before, after, metric):
    """Tell whether a one-sided t-test of any subgroup finds harm, and gain."""
    power = 1 if metric == "mae" else 2
    harm = np.abs(after - truth) ** power - np.abs(before - truth) ** power
    rows = [np.ones(N, bool), *(ward == WARD for ward in range(len(SIZES)))]
    p = [
        [ttest_1samp(harm[row], 0.0, alternative=side).pvalue for row in rows]
        for side in ("greater", "less")
    ]
    return [min(side) <= 0.05 / len(rows) for side in p]


def rates(name, draw, metric, runs):
    """Print the share of runs in which somebody is called harmed, and improved."""
    rng = np.random.default_rng(0)
    groups = np.arange(N) // 5 if name == "households, named" else None
    found, student = [], []
    for run in range(runs):
        truth, before, after = draw(rng)
        result = no_harm_test(
            truth,
            before,
            after,
            subgroups=WARD,
            metric=metric,
            groups=groups,
            min_subgroup_size=8 if groups is not None else 30,
            n_resamples=400,
            random_state=run,
        )
        found.append([bool(result.harmed), bool(result.improved)])
        student.append(student_says(truth, before, after, metric))
    ours, theirs = (100 * np.mean(said, axis=0) for said in (found, student))
    print(
        f"{name:<28}" + "".join(f"{rate:9.1f}%" for rate in (*ours, *theirs)),
        flush=True,
    )


def power(runs):
    """Print how often a ward whose error grew by 7% is found."""
    ward = np.repeat(np.arange(12), np.geomspace(30, 400, 12).astype(int))
    n = len(ward)
    for tailed in (False, True):
        for scale in (1.0, 0.5):
            found = 0
            for run in range(runs):
                rng = np.random.default_rng([5, run])
                size = np.where(ward == 7, scale, 1.0)
                mean = rng.normal(50, 5, n)
                noise = rng.normal(size=n)
                if tailed:
                    noise = (np.exp(rng.normal(size=n)) - np.exp(0.5)) / 2.16
                truth = mean + 4 * size * noise
                before, after = (mean + size * rng.normal(0, 0.5, n) for _ in range(2))
                after = np.where(ward == 7, truth + 1.07 * (after - truth), after)
                result = no_harm_test(
                    truth,
                    before,
                    after,
                    subgroups=ward,
                    metric="rmse",
                    n_resamples=200,
                    random_state=run,
                )
                found += result.verdict[8] == "harmed"
            shape = "long-tailed" if tailed else "normal"
            print(
                f"{shape} errors, {scale:g} times everybody's: found in "
                f"{100 * found / runs:.0f}% of {runs} runs",
                flush=True,
            )


def main():
    """Print the rates of every null, or the power."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--only", nargs="+", default=list(NULLS), choices=list(NULLS))
    parser.add_argument("--power", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.power:
        power(options.runs)
        return
    error = 100 * np.sqrt(0.05 * 0.95 / options.runs)
    print(f"{options.runs} runs, nominal 5% (standard error {error:.1f})")
    print(f"{'':<28}{'harmed':>10}{'improved':>10}{'t: harmed':>10}{'improved':>10}")
    for name in options.only:
        draw, metric = NULLS[name]
        rates(name, draw, metric, options.runs)


if __name__ == "__main__":
    main()
