"""Do equal seeds give equal numbers on another Python, or with other dependencies?

    python tests/stored/same_numbers.py > here.txt

Prints a line for each call: its name, how many numbers it gave, their sum, and a
digest of them to the last bit. Run it twice, and compare the two files: lines that
differ are calls whose numbers do.
"""

import hashlib
import warnings
from dataclasses import fields, is_dataclass

import numpy as np
import sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_equity as se

RNG = np.random.default_rng(20261130)
N = 2000
X = RNG.normal(size=(N, 4))
WARD = RNG.choice(["east", "north", "south"], size=N)
Y = 45.0 + 3.0 * X[:, 0] + RNG.normal(size=N) * np.where(WARD == "south", 6.0, 3.0)
GUESS = 45.0 + 3.0 * X[:, 0]
ILL, RISK = (Y > 48.0) * 1.0, 1.0 / (1.0 + np.exp(-(GUESS - 48.0) / 3.0))
SEED = {"random_state": 0}
QUICK = {"n_resamples": 200, **SEED}
DISEASE = {
    "threshold": 48.0, "bounds": (0.0, 100.0), "subgroups": WARD, **SEED,
}  # fmt: skip
SPACE = make_pipeline(StandardScaler(), PCA(2), se.LatentGMMSegmenter(3))


def _fidelity(metric):
    truth, guess = (ILL, RISK) if metric in ("brier", "roc_auc") else (Y, GUESS)
    return se.subgroup_fidelity(truth, guess, subgroups=WARD, metric=metric, **QUICK)


def _inequality(interval):
    return se.model_inequality(
        RISK, Y, compare=("south", "east"), interval=interval, n_resamples=100,
        **DISEASE,
    )  # fmt: skip


def numbers_of(result):
    """List every number of a result, in the order of its fields."""
    if is_dataclass(result):
        return numbers_of([getattr(result, one.name) for one in fields(result)])
    if isinstance(result, list | tuple):
        return [number for part in result for number in numbers_of(part)]
    if isinstance(result, np.ma.MaskedArray):
        result = result.filled(-1)
    if isinstance(result, np.ndarray) and result.dtype.kind in "biuf":
        return result.ravel().astype(float).tolist()
    return [float(result)] if isinstance(result, int | float | np.number) else []


CALLS = {
    **{f"subgroup_fidelity {name}": lambda name=name: _fidelity(name)
       for name in ("nrmse", "mae", "r2", "brier", "roc_auc")},
    "inequality_index": lambda: se.inequality_index(
        table=_fidelity("nrmse"), index="gini", **SEED
    ),
    "permutation_test": lambda: se.permutation_test(
        Y, subgroups=WARD, n_permutations=200, **SEED
    ),
    "describe_subgroups": lambda: se.describe_subgroups(
        X, subgroups=WARD, n_permutations=200, **SEED
    ),
    "attainable_fidelity": lambda: se.attainable_fidelity(
        X, Y, subgroups=WARD, **QUICK
    ),
    "model_inequality closed_form": lambda: _inequality("closed_form"),
    "model_inequality bootstrap": lambda: _inequality("bootstrap"),
    "no_harm_test": lambda: se.no_harm_test(
        Y, GUESS, GUESS + X[:, 1], subgroups=WARD, **QUICK
    ),
    "make_health_cohort": lambda: se.make_health_cohort(2000, **SEED).y,
    "BoundedKDE": lambda: se.BoundedKDE(bounds=(0, 100))
    .fit(Y[:, None])
    .cdf([38.0, 40.0, 42.0]),
    "LatentGMMSegmenter": lambda: se.LatentGMMSegmenter(3, **SEED)
    .fit(X)
    .predict_proba(X),
    "ConsensusSegmenter": lambda: se.ConsensusSegmenter(
        SPACE, n_representations=3, n_segments=3, **SEED
    )
    .fit(X)
    .predict(X),
    "ErrorMap": lambda: se.ErrorMap(Ridge(), cv=3, **SEED)
    .fit(X, Y, GUESS)
    .score_samples(X),
    "RuleScanner": lambda: se.RuleScanner(**SEED).fit(X, Y, GUESS).score_samples(X),
    "find_underserved": lambda: se.find_underserved(
        GUESS, X, Y, methods="rules", **SEED
    ),
    "SubgroupOversampler": lambda: se.SubgroupOversampler(Ridge(), **SEED)
    .fit(X, Y, subgroups=WARD)
    .predict(X),
    "WorstSubgroupReweighter": lambda: se.WorstSubgroupReweighter(Ridge(), **SEED)
    .fit(X, Y, subgroups=WARD)
    .predict(X),
    "DeferralClassifier": lambda: se.DeferralClassifier(
        LogisticRegression(), withhold_by=Ridge(), **SEED
    )
    .fit(X, ILL)
    .predict_proba(X),
}  # fmt: skip


if __name__ == "__main__":
    print("numpy", np.__version__, "scikit-learn", sklearn.__version__)
    warnings.simplefilter("ignore")
    for name, call in CALLS.items():
        result = call()
        if hasattr(result, "to_numpy"):
            result = result.to_numpy()
        numbers = np.array(numbers_of(result))
        digest = hashlib.sha256(numbers.tobytes()).hexdigest()[:16]
        total = np.sum(numbers[np.isfinite(numbers)])
        print(f"{name:30} {len(numbers):5} {total:.17g} {digest}", flush=True)
