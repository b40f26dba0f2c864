"""How far is the spectrum from exact sums of normal probabilities, reflected?

python benchmarks/comparisons/density_exactness.py [--quick]

No rival is needed; an environment of its own:
python -m venv rivals && rivals/bin/pip install -e .
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse

import numpy as np
from density_measuring import reflected_cdf

from sklearn_equity.density import BoundedKDE


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer values")
    sizes = (1_000, 10_000) if parser.parse_args().quick else (1_000, 10_000, 200_000)
    t = np.linspace(0, 1, 41)
    rng = np.random.default_rng(20261103)
    print("largest error of 41 probabilities; bandwidth in shares of the range")
    print(f"{'values':>9}{'bandwidth':>11}{'error':>11}")
    for n in sizes:
        x = rng.beta(0.8, 3.0, size=n)
        for h in (0.003, 0.005, 0.02, 0.1, 0.5):
            kde = BoundedKDE(bounds=(0, 1), boundary="reflect", bandwidth=h)
            cdf = kde.fit(x.reshape(-1, 1)).cdf(t)
            error = np.abs(cdf - reflected_cdf(x, h, t, 0.0, 1.0)).max()
            print(f"{n:9,}{h:11.3f}{error:11.1e}", flush=True)


if __name__ == "__main__":
    main()
