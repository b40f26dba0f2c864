"""How far are estimates from the truth, against counting, on seventeen distributions?

python benchmarks/comparisons/density_accuracy.py [--quick]

Kde1d needs pyvinecopulib; its rows are left out without it:
python -m venv rivals && rivals/bin/pip install pyvinecopulib -e .

Each figure is a mean error divided by that of the shares in the sample (the empirical
distribution function): below 1, smoothing has helped. Kde1d is told what is discrete
and what has many zeros; ours is told the bounds alone.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import warnings

import numpy as np
from density_measuring import rival
from density_testbed import LAWS, errors

from sklearn_equity.density import BoundedKDE


def counted(x):
    ordered = np.sort(x)
    return (
        lambda t: np.searchsorted(ordered, t + 1e-9, side="right") / len(x),
        lambda t: np.searchsorted(ordered, t - 1e-9, side="left") / len(x),
    )


def ours(boundary):
    def fit(law, x):
        kde = BoundedKDE(bounds=law.bounds, boundary=boundary).fit(x.reshape(-1, 1))

        def below(t):
            edges = np.append(np.insert(t, 0, -np.inf), np.inf)
            return np.cumsum(kde.interval_probability(edges))[:-1]

        return kde.cdf, below

    return fit


def kde1d(module):
    def fit(law, x):
        scale = law.step or 1.0
        ends = [None if end is None else end / scale for end in law.bounds]
        kde = module.core.Kde1d(xmin=ends[0], xmax=ends[1], var_type=law.kind)
        kde.fit(np.rint(x / scale) if law.kind == "d" else x)
        if law.kind == "d":

            def cdf(t):
                return kde.cdf(np.floor(t / scale + 1e-6))

            return cdf, lambda t: cdf(np.ceil(t / scale - 1e-6) * scale - scale)
        return kde.cdf, kde.cdf_left

    return fit


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer samples of each law"
    )
    repeats = (10, 3) if parser.parse_args().quick else (40, 12)
    fits = {"local": ours("local"), "reflect": ours("reflect")}
    if vine := rival("pyvinecopulib"):
        fits["Kde1d"] = kde1d(vine)
    for n, n_repeats in zip((200, 10_000), repeats, strict=True):
        print(
            f"\nn = {n}, {n_repeats} samples: sup-norm and 20-interval error / counting"
        )
        print(f"{'':38}" + "".join(f"{name:>16}" for name in fits))
        ratios = {name: [] for name in fits}
        for number, law in enumerate(LAWS):
            total = {name: np.zeros(2) for name in ("counted", *fits)}
            for repeat in range(n_repeats):
                rng = np.random.default_rng([20261104, n, number, repeat])
                x = law.draw(rng, n)
                total["counted"] += errors(law, *counted(x), x)
                for name, fit in fits.items():
                    try:
                        total[name] += errors(law, *fit(law, x), x)
                    except (RuntimeError, ValueError):
                        total[name] += np.nan
            cells = []
            for name in fits:
                ratio = total[name] / total["counted"]
                ratios[name].append(ratio)
                cells.append(f"{ratio[0]:9.2f}{ratio[1]:7.2f}")
            print(f"{law.name:38}" + "".join(cells), flush=True)
        for label, summary in (
            ("geometric mean", lambda r: np.exp(np.nanmean(np.log(r), axis=0))),
            ("worst", lambda r: np.nanmax(r, axis=0)),
        ):
            values = [summary(np.array(ratios[name])) for name in fits]
            print(f"{label:38}" + "".join(f"{v[0]:9.2f}{v[1]:7.2f}" for v in values))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
