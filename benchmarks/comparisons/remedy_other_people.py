"""What do local experts cost those who needed none, where rules don't fit well?

    python benchmarks/comparisons/remedy_other_people.py [--draws 0 1 2] [--rows 10000]
        [--model network] [--quick]

`make_health_cohort` plants conjunctions, which rules can name. Here the places with
another relation are a disc, a product of two inputs, and conjunctions of three
conditions, one of them on a code without order; another place is only noisier. Boosted
trees, a strong model, or a network stand inside `LocalExpertStack`.

- closed: the share of the plain model's reducible error that is gone, as in
  remedy_closed_gap.py; under-served are segments of k-means worse than the median by
  NRMSE, on people of their own; planted is who has another relation.
- rmse: the change in per cent, noise included, of the unplanted.

"best member" and "stack alone" are what a better model does without experts.
"""

import argparse
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import LocalExpertStack

NOISE = 5.0
RELATED = [[1, 0.5, 0.2, 0], [0.5, 1, 0.3, 0], [0.2, 0.3, 1, 0.4], [0, 0, 0.4, 1]]


def draw(n, seed):
    """Return inputs, an outcome, its mean and SD, and who has another relation."""
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.multivariate_normal(np.zeros(4), RELATED, n).T
    dose = np.exp(0.6 * rng.normal(size=n) + 0.3 * a)
    u, v = rng.uniform(-1, 1, n), rng.uniform(-1, 1, n)
    code = rng.integers(0, 5, n).astype(float)
    s = (rng.random(n) < 0.5).astype(float)
    t = (rng.random(n) < 1 / (1 + np.exp(-b))).astype(float)
    hour, k = rng.uniform(0, 24, n), rng.poisson(2, n).astype(float)
    e = rng.normal(size=n)
    X = np.column_stack([a, b, c, d, dose, u, v, code, s, t, hour, k, e])
    mean = 60 + 3 * a - 2 * b + 1.5 * np.tanh(c) + 2 * np.log(dose)
    mean += 1.5 * np.sin(hour * np.pi / 12) + 0.8 * s + 0.5 * k + 1.5 * (code == 3)
    three = (a > 0.4) & np.isin(code, [1, 4]) & (u < 0.2)
    product = (b * c > 0.9) & (t == 1)
    disc = (u - 0.3) ** 2 + (v + 0.2) ** 2 < 0.16
    late = (dose > 2.2) & (hour > 15) & (s == 0)
    mean += three * (6 - 3 * b) - 5 * product + 4 * disc * d + late * (5 + 2 * e)
    noise = NOISE * np.where((d > 1.2) & (v > 0), 1.8, 1.0)
    planted = three | product | disc | late
    return X, mean + noise * rng.normal(size=n), mean, noise, planted


def make_model(kind, seed):
    if kind == "boosted":
        return HistGradientBoostingRegressor(
            random_state=seed, max_iter=100, learning_rate=0.06
        )
    network = MLPRegressor(
        hidden_layer_sizes=(16, 16, 8), batch_size=200, learning_rate_init=0.003,
        early_stopping=True, random_state=seed,
    )  # fmt: skip
    return make_pipeline(StandardScaler(), network)


def find_under_served(model, people, seed):
    """Say of people which segments, judged on others, are served badly."""
    X, y, *_ = draw(15_000, 5_000 + seed)
    scaler = StandardScaler().fit(X)
    segmenter = KMeans(50, n_init=1, random_state=0).fit(scaler.transform(X))
    labels = segmenter.labels_
    n = np.bincount(labels)
    nrmse = np.sqrt(np.bincount(labels, (model.predict(X) - y) ** 2) / n)
    nrmse /= np.bincount(labels, y) / n
    return (nrmse > np.median(nrmse))[segmenter.predict(scaler.transform(people))]


def run(options, seed):
    X, y, *_ = draw(options.rows, seed)
    people, _, mean, noise, planted = draw(20_000, 9_000 + seed)
    plain = make_model(options.model, seed).fit(X, y)
    under = find_under_served(plain, people, seed)
    remedy = LocalExpertStack(make_model(options.model, None), random_state=seed)
    remedy.fit(X, y)
    best = min(remedy.errors_, key=remedy.errors_.get)
    print(f"draw {seed}, best member: {best}, weights:", end=" ")
    print(", ".join(f"{name} {w:.2f}" for name, w in remedy.weights_.items()))
    print(remedy.to_text())
    before = (plain.predict(people) - mean) ** 2
    answers = {
        "best member": remedy.predict_stack(people, member=best),
        "stack alone": remedy.predict_stack(people),
        "with experts": remedy.predict(people),
    }
    figures = {}
    for name, answer in answers.items():
        after = (answer - mean) ** 2
        closed = [
            100 * (1 - after[rows].mean() / before[rows].mean())
            for rows in (planted >= 0, ~under, under, planted, ~planted)
        ]
        rmse = [np.sqrt((one + noise**2)[~planted].mean()) for one in (before, after)]
        figures[name] = [*closed, 100 * (rmse[1] / rmse[0] - 1)]
        show(name, figures[name])
    return figures


def show(name, values):
    print(f"  {name:<14}" + "".join(f"{v:10.2f}" for v in values), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--model", default="boosted", choices=["network", "boosted"])
    parser.add_argument("--quick", action="store_true", help="one small draw")
    options = parser.parse_args()
    if options.quick:
        options.draws, options.rows = options.draws[:1], 2_000
    warnings.simplefilter("ignore")
    heads = ("all", "base", "under", "planted", "unplanted", "rmse")
    print(" " * 16 + "".join(f"{head:>10}" for head in heads))
    found = [run(options, seed) for seed in options.draws]
    print(f"mean of {len(found)}")
    for name in found[0]:
        show(name, np.mean([one[name] for one in found], axis=0))


if __name__ == "__main__":
    main()
