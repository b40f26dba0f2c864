"""Is repeating rows faster than with imbalanced-learn, and in less memory?

    python benchmarks/comparisons/oversampling_imblearn.py [--quick]

Needs imbalanced-learn (pip install imbalanced-learn). 150,000 rows of 25 columns, three
of ten wards to be counted twice. Ours measures a constant model besides, on the rows
themselves; "rows alone" is the step that both have in common. CPU seconds, medians of
rounds that take turns; memory is the peak above what was held before, as tracemalloc
sees it. The check beside the time: both return each row of the three wards twice, ours
exactly, the rival on average. `--quick` takes 30,000 rows.
"""

import argparse
import os
import sys
import time
import tracemalloc

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from sklearn.dummy import DummyRegressor

from sklearn_equity import SubgroupOversampler
from sklearn_equity._sklearn_shims import safe_indexing
from sklearn_equity.remediation._emphasis import draw_repeats, repeat_rows

try:
    from imblearn.over_sampling import RandomOverSampler
except ImportError:
    sys.exit("The rival is missing: pip install imbalanced-learn")

TWICE = (0, 1, 2)


def make_people(n_rows):
    rng = np.random.default_rng(20260629)
    X = rng.normal(size=(n_rows, 25))
    return X, rng.normal(50.0, 5.0, size=n_rows), rng.integers(10, size=n_rows)


def ours(X, y, ward):
    sampler = SubgroupOversampler(
        DummyRegressor(),
        under_served=list(TWICE),
        measured_on="train",
        metric="rmse",
        random_state=0,
    )
    X_new, _ = sampler.fit_resample(X, y, subgroups=ward)
    return X_new, ward[sampler.sample_indices_]


def rows_alone(X, y, ward):
    factors = np.where(np.isin(ward, TWICE), 2.0, 1.0)
    rows = repeat_rows(draw_repeats(factors, np.random.RandomState(0)))
    safe_indexing(y, rows)
    return safe_indexing(X, rows), ward[rows]


def rival(X, y, ward):
    counts = np.bincount(ward)
    wanted = {w: int(n) * (2 if w in TWICE else 1) for w, n in enumerate(counts)}
    sampler = RandomOverSampler(sampling_strategy=wanted, random_state=0)
    X_new, ward_new = sampler.fit_resample(X, ward)
    safe_indexing(y, sampler.sample_indices_)
    return X_new, ward_new


def seconds(work, people):
    start = time.process_time()
    work(*people)
    return time.process_time() - start


def peak(work, people):
    tracemalloc.start()
    held = work(*people)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del held
    return most / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    n_rows = 30_000 if parser.parse_args().quick else 150_000
    people = make_people(n_rows)
    works = {"imbalanced-learn": rival, "ours": ours, "ours, rows alone": rows_alone}
    times = {name: [] for name in works}
    for _ in range(7):
        for name, work in works.items():
            times[name].append(seconds(work, people))
    print(f"{n_rows:,} rows of 25 columns")
    base_time, base_peak = np.median(times["imbalanced-learn"]), peak(rival, people)
    for name, work in works.items():
        X_new, ward_new = work(*people)
        twice = np.bincount(ward_new) / np.bincount(people[2])
        median, most = np.median(times[name]), peak(work, people)
        print(
            f"{name:>18}: {1e3 * median:7.1f} ms ({base_time / median:.1f} times as "
            f"fast), peak {most:6.1f} MiB ({most / base_peak:.2f}), "
            f"{len(X_new):,} rows, counts {twice[:4]}"
        )


if __name__ == "__main__":
    main()
