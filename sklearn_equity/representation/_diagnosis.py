"""Did the training fail? What a sound embedding must do, and PCA as the yardstick."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

# A latent component is alive if it differs by this; the columns have variance 1.
_LEAST_SPREAD = 1e-4
# An embedding that keeps this share of the variance is sound, whatever PCA keeps.
_SOUND_SHARE = 0.95
# Linear maps can reach PCA and not beat it: with them only more than this is a failure.
_LINEAR_SLACK = 1.05


def describe_failure(
    rows: NDArray[np.float32],
    latent: NDArray[np.float64],
    error: float,
    *,
    linear: bool,
) -> str | None:
    """Say what is wrong with an embedding, or return None if it is sound.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Prepared rows of the table.
    latent : ndarray of shape (n_rows, n_components)
        Their places in the latent space.
    error : float
        Mean squared error of their reconstructions.
    linear : bool
        Whether encoder and decoder are linear maps.
    """
    variance = float(np.var(rows, axis=0, dtype=np.float64).mean())
    if variance == 0.0:
        return "All rows of `X` are the same: the latent space is a single point."
    low, high = np.quantile(latent, [0.01, 0.99], axis=0)
    n_alive, n_components = int((high - low > _LEAST_SPREAD).sum()), latent.shape[1]
    if n_alive < n_components:
        return (
            f"The latent space has collapsed: {n_alive} of its {n_components} "
            "components differ between the inner 98% of the rows. Look for outliers in "
            "`X`, raise `n_init`, or lower `learning_rate` or `n_components`."
        )
    yardstick = _pca_error(rows, n_components, variance)
    limit = yardstick * _LINEAR_SLACK if linear else yardstick
    if error < max(limit, (1.0 - _SOUND_SHARE) * variance):
        return None
    return (
        f"The embedding is no better than PCA with {n_components} components: mean "
        f"squared error {error:.4g} on the rows of `X` against {yardstick:.4g}. Raise "
        "`n_init`, `max_epochs` or `patience`, widen `hidden_layer_sizes`, or use PCA."
    )


def _pca_error(rows: NDArray[np.float32], n_components: int, variance: float) -> float:
    """Mean squared error that PCA with as many components leaves on the same rows."""
    rank = min(n_components, *rows.shape)
    pca = PCA(rank, random_state=0).fit(rows.astype(np.float64))
    kept = float(pca.explained_variance_.sum()) * (len(rows) - 1) / len(rows)
    return max(variance - kept / rows.shape[1], 0.0)
