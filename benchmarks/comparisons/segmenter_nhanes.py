"""How long does it take to embed and segment 35,000 adults into 50 segments?

    python benchmarks/comparisons/segmenter_nhanes.py [--seeds 3]

Needs the extras torch and tables, and nhanes_1999_2014.parquet in ../shared/data beside
the checkout. Complete rows of eight survey cycles, the outcome (HbA1c) left out. CPU
time in one thread, split between the embedding and the segments; the bar is 15 s
together. The mixture's log-likelihood a row stands beside scikit-learn's, found on the
same latent space.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from sklearn.mixture import GaussianMixture

from sklearn_equity import AutoencoderEmbedder, LatentGMMSegmenter

DATA = Path(__file__).parents[3] / "shared/data/nhanes_1999_2014.parquet"
NUMBERS = [
    "age", "poverty_income_ratio", "haemoglobin_g_dl", "bmi", "weight_kg", "height_cm",
    "diabetes", "borderline_diabetes", "high_blood_pressure", "asthma", "pregnant",
    "heart_attack_angina_stroke", "lung_condition", "other_serious",
]  # fmt: skip
WORDS = ["sex", "ethnicity", "smoking"]


def load_people():
    frame = pd.read_parquet(DATA)
    frame = frame.loc[frame["complete_core"], NUMBERS + WORDS]
    return pd.get_dummies(frame, columns=WORDS).astype(np.float32)


def cpu_seconds(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    if not DATA.exists():
        parser.error(f"there is no {DATA}; see the top of this file")
    warnings.simplefilter("ignore")
    people = load_people()
    print(f"{len(people):,} people, {people.shape[1]} columns")
    for seed in range(arguments.seeds):
        embedder = AutoencoderEmbedder(random_state=seed)
        segmenter = LatentGMMSegmenter(random_state=seed)
        embedding, latents = cpu_seconds(lambda e=embedder: e.fit_transform(people))
        segmenting, labels = cpu_seconds(
            lambda s=segmenter, z=latents: s.fit_predict(z)
        )
        points = segmenter.scaler_.transform(latents)
        rival = GaussianMixture(50, init_params="k-means++", random_state=seed)
        rival_seconds, _ = cpu_seconds(lambda g=rival, p=points: g.fit(p))
        sizes = segmenter.segment_sizes_
        print(
            f"seed {seed}: embedding {embedding:.2f} s, segments {segmenting:.3f} s, "
            f"together {embedding + segmenting:.2f} s; {len(np.unique(labels))} "
            f"segments of {sizes.min()} to {sizes.max()} people; log-likelihood a row "
            f"{segmenter.mixture_.score(points):.4f}, scikit-learn's "
            f"{rival.score(points):.4f} in {rival_seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
