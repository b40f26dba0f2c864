"""Is what training minimises, and what a person is shown, the loss of the columns?"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.metrics import brier_score_loss, log_loss, mean_squared_error

from sklearn_equity.representation import AutoencoderEmbedder
from sklearn_equity.representation._architecture import ColumnLoss

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def mixed_people(n_rows=1200, seed=66017):
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n_rows, 2))
    numbers = hidden @ rng.normal(size=(2, 3)) + rng.normal(0, 0.2, (n_rows, 3))
    chance = 1 / (1 + np.exp(-4 * hidden @ rng.normal(size=(2, 4)) + 2))
    return np.column_stack([numbers, rng.uniform(size=chance.shape) < chance])


def test_mixed_loss_against_scikit_learn():
    rng = np.random.default_rng(5182)
    output, rows = rng.normal(size=(2, 40, 3))
    rows[:, 1:] = rng.integers(0, 2, size=(40, 2))
    binary = np.array([False, True, True])
    probability = 1 / (1 + np.exp(-output))
    by_column = [
        mean_squared_error(rows[:, 0], output[:, 0]),
        log_loss(rows[:, 1], probability[:, 1]),
        log_loss(rows[:, 2], probability[:, 2]),
    ]
    got = ColumnLoss(binary)(torch.from_numpy(output), torch.from_numpy(rows))
    assert_allclose(got, np.mean(by_column), rtol=1e-12)
    squared = ColumnLoss(np.zeros(3, dtype=bool))
    got = squared(torch.from_numpy(output), torch.from_numpy(rows))
    assert_allclose(got, mean_squared_error(rows, output), rtol=1e-12)


@pytest.mark.parametrize("loss", ["mixed", "mse"])
def test_history_holds_the_loss_of_the_kept_weights(loss):
    X, X_val = mixed_people(), mixed_people(seed=7)
    embedder = AutoencoderEmbedder(
        max_epochs=15, n_init=1, random_state=0, loss=loss
    ).fit(X, X_val=X_val)
    rebuilt = embedder.inverse_transform(embedder.transform(X_val))
    by_column = [
        np.mean((X_val[:, j] - rebuilt[:, j]) ** 2) / X[:, j].var() for j in range(3)
    ]
    compare = log_loss if loss == "mixed" else mean_squared_error
    by_column += [compare(X_val[:, j], rebuilt[:, j]) for j in range(3, 7)]
    assert_allclose(
        embedder.history_["valid_loss"].min(), np.mean(by_column), rtol=1e-4
    )


def test_errors_of_rows_are_squared_whatever_the_loss():
    X = mixed_people()
    embedder = AutoencoderEmbedder(max_epochs=15, n_init=1, random_state=0).fit(X)
    rebuilt = embedder.inverse_transform(embedder.transform(X))
    by_column = [
        np.mean((X[:, j] - rebuilt[:, j]) ** 2) / X[:, j].var() for j in range(3)
    ]
    by_column += [brier_score_loss(X[:, j], rebuilt[:, j]) for j in range(3, 7)]
    assert_allclose(-embedder.score(X), np.mean(by_column), rtol=1e-9)
    assert_allclose(embedder.reconstruction_errors(X).mean(), -embedder.score(X))


def test_columns_of_0_and_1_come_back_as_calibrated_probabilities():
    X = mixed_people()
    embedder = AutoencoderEmbedder(max_epochs=60, n_init=1, random_state=0).fit(X)
    rebuilt = embedder.inverse_transform(embedder.transform(X))[:, 3:]
    assert rebuilt.min() >= 0.0
    assert rebuilt.max() <= 1.0
    for column, probability in zip(X[:, 3:].T, rebuilt.T, strict=True):
        assert abs(column.mean() - probability.mean()) < 0.03
        sure = probability > 0.9
        assert sure.sum() > 20
        assert column[sure].mean() > 0.85


def test_cross_entropy_knows_diagnoses_better_than_squared_error():
    X, unseen = np.split(mixed_people(n_rows=2400), 2)
    entropy = {}
    for loss in ("mixed", "mse"):
        embedder = AutoencoderEmbedder(
            max_epochs=60, n_init=1, random_state=0, loss=loss
        ).fit(X)
        rebuilt = embedder.inverse_transform(embedder.transform(unseen))[:, 3:]
        chance = np.clip(rebuilt, 0.01, 0.99)
        entropy[loss] = np.mean(
            [log_loss(unseen[:, 3 + j], chance[:, j]) for j in range(4)]
        )
    print({loss: round(value, 4) for loss, value in entropy.items()})
    assert entropy["mixed"] < entropy["mse"]


def test_validation_rows_beyond_0_and_1_are_refused():
    X = mixed_people()
    X_val = X[:50].copy()
    X_val[7, 4] = 2.0
    with pytest.raises(ValueError, match=r"Column 4 of `X_val` .* 0 and 1, .* got 2\."):
        AutoencoderEmbedder().fit(X, X_val=X_val)
