"""What can be done with a trained autoencoder? Embed, rebuild, judge and draw rows."""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags, check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._optional import import_optional
from sklearn_equity._sklearn_shims import validate_data
from sklearn_equity.representation._columns import (
    ColumnPreparation,
    cut_blocks,
    take_by_name,
)
from sklearn_equity.representation._training import check_own_random_state


def load_network() -> ModuleType:
    """Import torch and what is built on it, or say how to get it."""
    for package in ("torch", "skorch"):
        import_optional(package, feature="AutoencoderEmbedder")
    from sklearn_equity.representation import _network

    return _network


def _can_sample(estimator: Any) -> bool:
    if not estimator.variational:
        msg = (
            "`sample` needs an embedder with variational=True: the latent space of a "
            "plain autoencoder has no known distribution to draw from."
        )
        raise AttributeError(msg)
    return True


class TrainedAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Everything that an embedder does once it is trained."""

    variational: bool
    match_columns: str
    random_state: int | np.random.RandomState | None
    net_: Any
    _columns: ColumnPreparation
    _entropic: NDArray[np.bool_]  # columns for which the decoder gives logits
    _residual_scale: NDArray[np.float64]
    _n_features_out: int
    _is_variational: bool  # whether the trained net is

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Place rows in the latent space.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_components)
            Latent coordinates, in the floating-point type of `X`; of a variational
            embedder the means.
        """
        check_is_fitted(self)
        table = self._check_table(X)
        self._columns.warn_beyond_binary(table, stacklevel=4)
        evaluator = self._evaluator()
        blocks = self._columns.prepare_blocks(table)
        latent = np.concatenate([evaluator.encode(rows) for rows in blocks])
        return latent.astype(table.dtype, copy=False)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Make rows of the table from points of the latent space.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_components)
            Latent coordinates.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            Rows in the units of the table. A column of 0 and 1 comes back as the
            probability of 1; with ``loss="mse"`` as a number around them, which may
            lie outside.
        """
        check_is_fitted(self)
        latent = check_array(X, dtype=[np.float64, np.float32], input_name="X")
        if latent.shape[1] != self._n_features_out:
            msg = (
                f"`X` must have one column per component ({self._n_features_out}); got "
                f"{latent.shape[1]}."
            )
            raise ValueError(msg)
        rows = self._decode(self._evaluator(), latent)
        return self._columns.restore(rows).astype(latent.dtype, copy=False)

    def reconstruction_errors(self, X: ArrayLike) -> NDArray[np.float64]:
        """Measure how badly each row is rebuilt: high for rows unlike those of `fit`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            Mean squared difference over the prepared columns, whatever the loss: 0 is
            perfect, and a standardised column adds 1 on average if nothing but its
            mean is known. For a column of 0 and 1 it is that of the probability
            (Brier's score).
        """
        check_is_fitted(self)
        table = self._check_table(X)
        self._columns.warn_beyond_binary(table, stacklevel=3)
        return self._errors(self._columns.prepare_blocks(table))

    def score(
        self,
        X: ArrayLike,
        y: Any = None,  # noqa: ARG002  scikit-learn's convention
    ) -> float:
        """Return minus the mean of `reconstruction_errors`: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        float
            At most 0; comparable between all losses.
        """
        return -float(self.reconstruction_errors(X).mean())

    @available_if(_can_sample)
    def sample(self, n: int = 1) -> NDArray[np.float64]:
        """Draw new rows of the table, like those of `fit`.

        Only with ``variational=True``.

        Parameters
        ----------
        n : int, default=1
            Number of rows, 1 or more. An integer `random_state` gives the same rows
            every time.

        Returns
        -------
        ndarray of shape (n, n_features)
            Rows in the units of the table. Numeric columns carry normal noise of the
            size of their reconstruction's errors; columns of 0 and 1 are drawn from
            their probabilities.

        Raises
        ------
        AttributeError
            If `variational` is False.
        ValueError
            If `n` is not a positive integer, or the embedder was fitted with
            ``variational=False``.
        """
        check_is_fitted(self)
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"`n` must be an integer of 1 or more; got {n!r}.")
        if not self._is_variational:
            msg = (
                "`sample` needs an embedder that was fitted with variational=True; "
                "this one was fitted without. Fit it again."
            )
            raise ValueError(msg)
        random_state = check_own_random_state(self.random_state)
        latent = random_state.normal(size=(n, self._n_features_out))
        rows = self._decode(self._evaluator(), latent)
        noise = random_state.normal(size=rows.shape) * self._residual_scale
        drawn = random_state.uniform(size=rows.shape) < rows
        rows = np.where(self._columns.binary, drawn, rows + noise)
        return self._columns.restore(rows)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # ---- use of the network ------------------------------------------------------
    def _check_table(
        self, X: Any, *, reset: bool = False, ensure_min_samples: int = 1
    ) -> NDArray[Any]:
        names = None if reset else getattr(self, "feature_names_in_", None)
        if self.match_columns == "name" and names is not None:
            X = take_by_name(X, list(names))
        table: NDArray[Any] = validate_data(
            self,
            X,
            dtype=[np.float64, np.float32],
            reset=reset,
            ensure_min_samples=ensure_min_samples,
        )
        if self.match_columns == "name" and not hasattr(self, "feature_names_in_"):
            msg = (
                'match_columns="name" needs columns with names, all of them text; `X` '
                "of `fit` had none. Fit on a data frame that has them."
            )
            raise ValueError(msg)
        return table

    def _evaluator(self, net: Any = None) -> Any:
        return load_network().Evaluator((self.net_ if net is None else net).module_)

    def _decode(self, evaluator: Any, latent: NDArray[Any]) -> NDArray[np.float64]:
        """Decode to prepared rows: logits become probabilities."""
        rows: NDArray[np.float64] = evaluator.decode(latent)
        rows[:, self._entropic] = expit(rows[:, self._entropic])
        return rows

    def _errors(
        self, blocks: Iterable[NDArray[Any]], net: Any = None
    ) -> NDArray[np.float64]:
        """Mean squared differences of prepared rows from what is made of them."""
        differences = self._differences(blocks, net)
        return np.concatenate([np.mean(block**2, axis=1) for block in differences])

    def _differences(
        self, blocks: Iterable[NDArray[Any]], net: Any = None
    ) -> Iterator[NDArray[np.float64]]:
        evaluator = self._evaluator(net)
        for rows in blocks:
            yield rows - self._decode(evaluator, evaluator.encode(rows))

    def _column_errors(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Root of the mean squared difference of every prepared column."""
        differences = self._differences(cut_blocks(rows))
        return np.sqrt(sum((block**2).sum(axis=0) for block in differences) / len(rows))
