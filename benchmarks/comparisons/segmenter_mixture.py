"""Are mixtures and their silhouettes found faster than by scikit-learn, and as well?

    python benchmarks/comparisons/segmenter_mixture.py [--rows 150000] [--all]

Needs nothing but the package. 150,000 rows of two columns as latent spaces have them (a
dozen overlapping clouds squeezed by a hyperbolic tangent), 50 full components. CPU time
in one thread; ours is the median of five seeds, scikit-learn's of two. Higher is
likelier: the log-likelihood of a row, by scikit-learn's own method over all rows. The
silhouettes are those of the same labels of 10,000 rows, for 59 numbers of components.
scikit-learn takes as long for every number, about a second: it judges every tenth,
and its time for all 59 is extrapolated in proportion; `--all` lets it judge them all.
Ours over all rows is timed as well, and the whole of fitting and judging 59 candidates.
Memory is the most that one more run, not timed, held beyond what there was, as
tracemalloc sees it: of a fit, of a use, and of the silhouette of one mixture.
"""

import argparse
import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from density_measuring import peak_megabytes
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from sklearn_equity.segmentation import LatentGMMSegmenter
from sklearn_equity.segmentation._mixture import (
    components_of,
    fit_fast,
    log_density_of,
    shares_of,
)
from sklearn_equity.segmentation._rows import Resolutions
from sklearn_equity.segmentation._silhouette import Silhouettes

N_COMPONENTS = 50


def draw_latents(n_rows):
    rng = np.random.default_rng(0)
    cloud = rng.integers(12, size=n_rows)
    centres, spreads = 2 * rng.normal(size=(12, 2)), 0.2 + rng.random((12, 2))
    latents = centres[cloud] + spreads[cloud] * rng.normal(size=(n_rows, 2))
    squeezed = 3 * np.tanh(latents / 3) + 0.05 * rng.normal(size=(n_rows, 2))
    return StandardScaler().fit_transform(squeezed)


def cpu_seconds(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def fit_ours(points, n_components, seed):
    resolutions = Resolutions(points, "full", None, np.random.RandomState(seed))
    params = {"init_params": "k-means++", "random_state": seed}
    return fit_fast(n_components, resolutions, params)


def fit_theirs(points, n_components, seed):
    mixture = GaussianMixture(n_components, init_params="k-means++", random_state=seed)
    return mixture.fit(points)


def compare_fits(points):
    medians, fitted = {}, {}
    for name, fit, n_seeds in (("ours", fit_ours, 5), ("theirs", fit_theirs, 2)):
        runs = [
            cpu_seconds(lambda seed=seed, fit=fit: fit(points, N_COMPONENTS, seed))
            for seed in range(n_seeds)
        ]
        fitted[name] = runs[0][1]
        scores = [mixture.score(points) for _, mixture in runs]
        medians[name] = np.median([seconds for seconds, _ in runs])
        held = peak_megabytes(lambda fit=fit: fit(points, N_COMPONENTS, 0))
        print(
            f"fit      {name:6} {medians[name]:8.3f} s, log-likelihood a row "
            f"{np.median(scores):.4f} ({min(scores):.4f} to {max(scores):.4f}), "
            f"{held:.0f} MB"
        )
    print(f"         {medians['theirs'] / medians['ours']:,.0f} x")
    whole, _ = cpu_seconds(lambda: LatentGMMSegmenter(random_state=0).fit(points))
    print(f"         {whole:.3f} s for all that LatentGMMSegmenter.fit does")
    return fitted["theirs"]


def compare_use(points, mixture):
    for name, ours, theirs in (
        ("predict", components_of, mixture.predict),
        ("proba", shares_of, mixture.predict_proba),
        ("density", log_density_of, mixture.score_samples),
    ):
        ours_runs = [cpu_seconds(lambda f=ours: f(mixture, points)) for _ in range(5)]
        seconds, found = np.median([run[0] for run in ours_runs]), ours_runs[0][1]
        their_seconds, expected = cpu_seconds(lambda f=theirs: f(points))
        error = np.abs(found - expected).max()
        held = peak_megabytes(lambda f=ours: f(mixture, points))
        their_held = peak_megabytes(lambda f=theirs: f(points))
        print(
            f"{name:8} ours {seconds:.3f} s, theirs {their_seconds:.3f} s, "
            f"{their_seconds / seconds:.0f} x, largest difference {error:.1g}, "
            f"{held:.0f} and {their_held:.0f} MB"
        )


def compare_silhouettes(points, step):
    numbers = range(2, 61)
    mixtures = [fit_ours(points, number, 0) for number in numbers]
    some = points[np.random.default_rng(0).permutation(len(points))[:10_000]]
    seconds, ours = {}, {}
    for name, rows in (("10,000 rows", some), ("all rows", points)):

        def scan(rows=rows):
            silhouettes = Silhouettes(rows, np.random.RandomState(0))
            return [silhouettes.score(mixture) for mixture in mixtures]

        seconds[name], ours[name] = cpu_seconds(scan)
    labels = [mixture.predict(some) for mixture in mixtures[::step]]
    judged_seconds, theirs = cpu_seconds(
        lambda: [silhouette_score(some, label) for label in labels]
    )
    their_seconds = judged_seconds * len(numbers) / len(labels)
    errors = np.abs(np.subtract(ours["10,000 rows"][::step], theirs))
    print(
        f"silhouettes of {len(numbers)} numbers: theirs {their_seconds:.1f} s (10,000 "
        f"rows; {judged_seconds:.1f} s for {len(labels)} of them)"
    )
    for name in seconds:
        print(f"         ours {seconds[name]:.2f} s ({name}), ", end="")
        print(f"{their_seconds / seconds[name]:.0f} x")
    print(f"         error {errors.mean():.4f}, at most {errors.max():.4f} (same rows)")
    silhouettes = Silhouettes(some, np.random.RandomState(0))
    held = peak_megabytes(lambda: silhouettes.score(mixtures[-1]))
    their_held = peak_megabytes(lambda: silhouette_score(some, labels[-1]))
    print(f"         of one of them: ours {held:.0f} MB, theirs {their_held:.0f} MB")
    chosen, segmenter = cpu_seconds(
        lambda: LatentGMMSegmenter(
            component_choice="silhouette", candidates=numbers, random_state=0
        ).fit(points)
    )
    print(
        f"         {chosen:.2f} s to fit and judge them all; highest at "
        f"{segmenter.mixture_.n_components}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    points = draw_latents(arguments.rows)
    mixture = compare_fits(points)
    compare_use(points, mixture)
    compare_silhouettes(points, 1 if arguments.all else 10)


if __name__ == "__main__":
    main()
