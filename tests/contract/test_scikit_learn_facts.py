"""What scikit-learn does, on which estimators of several stages rely."""

import inspect

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.mixture import GaussianMixture

from sklearn_equity import (
    AutoencoderEmbedder,
    LatentGMMSegmenter,
    SubgroupOversampler,
)


def test_a_gaussian_mixture_takes_no_weights_and_so_do_segments():
    for estimator in (GaussianMixture(), LatentGMMSegmenter()):
        assert "sample_weight" not in inspect.signature(estimator.fit).parameters


@pytest.mark.parametrize(
    ("make", "fit_params"),
    [
        (lambda rng: AutoencoderEmbedder(random_state=rng), {}),
        (lambda rng: LatentGMMSegmenter(2, random_state=rng), {}),
        (
            lambda rng: SubgroupOversampler(Ridge(), random_state=rng),
            {"subgroups": np.resize(["a", "b"], 80)},
        ),
    ],
    ids=["embedder", "segmenter", "oversampler"],
)
def test_a_generator_of_numpy_is_no_random_state(make, fit_params):
    X = np.random.default_rng(0).normal(size=(80, 3))
    with pytest.raises(ValueError, match="random_state"):
        make(np.random.default_rng(0)).fit(X, X[:, 0] + 5.0, **fit_params)
