"""Did the training fail? What a sound embedding must do, and PCA as the yardstick."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from sklearn.decomposition import PCA

from sklearn_equity.representation._columns import cut_blocks

_MANY_COLUMNS = 1000  # the matrix of their covariances is large, and slow to decompose
# A latent component is alive if it differs by this; the columns have variance 1.
_LEAST_SPREAD = 1e-4
# An embedding that keeps this share of the variance is sound, whatever PCA keeps.
_SOUND_SHARE = 0.95
# Linear maps can reach PCA and not beat it, and a variational embedding's loss is not
# its error: with them only more than this is a failure.
_LINEAR_SLACK = 1.05
_VARIATIONAL_SLACK = 1.25


class Diagnosis:
    """What is wrong with an embedding of these rows, if anything is.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Prepared rows of the table.
    n_components : int
        Dimensions of the latent space.
    linear : bool
        Whether encoder and decoder are linear maps.
    noise : float
        Variance of the noise that the loss presumes: half of `kl_weight` if the
        embedding is variational, else 0.
    cures : str
        What may help against an embedding that is no better than PCA.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        n_components: int,
        *,
        linear: bool,
        noise: float,
        cures: str,
    ) -> None:
        self._rows = rows
        self._n_components = n_components
        self._linear = linear
        self._noise = noise
        self._cures = cures

    def describe(
        self, latent: NDArray[np.float64], error: float, loss: float
    ) -> str | None:
        """Say what is wrong with an embedding, or return None if it is sound.

        Parameters
        ----------
        latent : ndarray of shape (n_rows, n_components)
            Places of the rows in the latent space.
        error : float
            Mean squared error of their reconstructions.
        loss : float
            The least loss of the training; infinite if it never was a number.
        """
        if self._variance == 0.0:
            return "All rows of `X` are the same: the latent space is a single point."
        if not (np.isfinite(loss) and np.isfinite(error)):
            return (
                "The training diverged: its loss did not stay finite. Lower "
                "`learning_rate`, and look for outliers in `X`."
            )
        low, high = np.quantile(latent, [0.01, 0.99], axis=0)
        n_alive = int((high - low > _LEAST_SPREAD).sum())
        if n_alive < self._n_components:
            return (
                f"The latent space has collapsed: {n_alive} of its "
                f"{self._n_components} components differ between the inner 98% of the "
                f"rows. Look for outliers in `X`, or {self._cures}."
            )
        if error < self._largest_sound_error:
            return None
        return (
            f"The embedding is no better than PCA with {self._n_components} "
            f"components: mean squared error {error:.4g} on the rows of `X` against "
            f"{self._pca_error:.4g}. Use PCA, or {self._cures}."
        )

    @cached_property
    def _variance(self) -> float:
        squares = sum(np.vdot(block, block) for block in self._centred_blocks())
        return float(squares) / self._rows.size

    @cached_property
    def _pca_error(self) -> float:
        """Mean squared error that PCA with as many components leaves on the rows.

        With noise it is probabilistic PCA, whose reconstructions are drawn towards the
        mean: of a component of variance v it leaves noise**2 / v, or all of v if that
        is less than the noise (Tipping and Bishop, 1999).
        """
        kept = np.clip(self._leading_variances(), np.finfo(float).tiny, None)
        kept = kept - np.minimum(kept, self._noise**2 / kept)
        return max(self._variance - float(kept.sum()) / self._rows.shape[1], 0.0)

    def _leading_variances(self) -> NDArray[np.float64]:
        """Variances of the principal components, without a copy of a long table."""
        n_rows, n_features = self._rows.shape
        rank = min(self._n_components, n_rows, n_features)
        if n_features <= _MANY_COLUMNS:
            total = sum(block.T @ block for block in self._centred_blocks())
            return linalg.eigvalsh(total / n_rows)[-rank:]
        pca = PCA(rank, random_state=0).fit(self._rows)
        return pca.explained_variance_.astype(np.float64) * (n_rows - 1) / n_rows

    def _centred_blocks(self) -> Iterator[NDArray[np.float64]]:
        mean = self._rows.mean(axis=0, dtype=np.float64)
        for block in cut_blocks(self._rows):
            yield block - mean

    @property
    def _largest_sound_error(self) -> float:
        slack = _LINEAR_SLACK if self._linear else 1.0
        if self._noise > 0.0:
            slack = _VARIATIONAL_SLACK
        return max(self._pca_error * slack, (1.0 - _SOUND_SHARE) * self._variance)
