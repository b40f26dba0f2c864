"""Which people resemble which? An autoencoder as a scikit-learn transformer.

Rows are squeezed through a narrow layer and rebuilt from it; what passes the narrow
layer places every person in a space of few dimensions, where those alike lie together.
Torch is imported when a network is trained or used, never before.
"""

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from types import ModuleType
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_equity._checks import refuse_overflow
from sklearn_equity._optional import import_optional
from sklearn_equity._sklearn_shims import Interval, StrOptions, fit_context
from sklearn_equity.representation._diagnosis import describe_failure

# A table of few rows would see few steps in an epoch, and early stopping would end the
# training before it began: it is cut into at least so many steps of at least so many.
_STEPS_AN_EPOCH = 20
_SMALLEST_BATCH = 8


class AutoencoderEmbedder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    r"""Embed rows in a space of few dimensions with an autoencoder.

    An encoder network maps a row to `n_components` numbers, a decoder network rebuilds
    the row from them, and both are trained to lose as little as possible. Columns of 0
    and 1 enter as they are, all others standardised; missing values must be imputed and
    categories encoded beforehand. Needs the packages torch and skorch: they come with
    ``pip install 'sklearn-equity[torch]'``.

    Parameters
    ----------
    n_components : int, default=2
        Dimensions of the latent space.
    hidden_layer_sizes : sequence of int, default=(8, 4)
        Units of the encoder's hidden layers, from the table's side to the latent
        space's; the decoder has them in reverse. Empty: linear maps, which PCA finds
        faster.
    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        What follows every hidden layer. The latent layer and the reconstruction are
        linear.
    learning_rate : float, default=0.003
        Step size of the Adam optimiser.
    batch_size : int, default=256
        Rows a step at most. A table with fewer than 20 such batches is cut into 20
        steps an epoch, of 8 rows or more.
    max_epochs : int, default=200
        The most passes through the training rows.
    patience : int, default=10
        Training ends after so many epochs in a row that did not lower the loss on the
        validation rows by a ten-thousandth of it; the weights of the best epoch are
        kept.
    validation_fraction : float or None, default=0.1
        Share of the rows set aside, at random, for early stopping; not used if `fit`
        is given `X_val`. With None all rows train, and the training loss decides.
    weight_decay : float, default=0.0
        Share of the weights, times the learning rate, taken off at every step (AdamW).
    n_init : int, default=1
        Trainings from different starting weights; the one with the least loss is kept.
        More of them cost that much more time and make a failed training rare.
    device : str, default="cpu"
        Where to train: "cpu", "cuda" (or another of torch's names), or "auto" for a GPU
        if there is one. The trained network always comes back to the CPU.
    random_state : int, RandomState instance or None, default=None
        Decides the starting weights, the validation rows and the order of the rows.
        Pass an int for the same result every time, whatever the number of threads.
    verbose : int, default=0
        More than 0: print a line for each epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_.encoder`` and ``net_.module_.decoder`` work on
        standardised rows in single precision.
    history_ : dict of str to ndarray of shape (n_epochs_,)
        Mean squared error by epoch: "train_loss", and "valid_loss" if rows validate.
    n_epochs_ : int
        Epochs that were run; the weights are those of the best of them.
    reconstruction_error_ : float
        Mean of `reconstruction_errors` over the validation rows, or over the training
        rows if there are none.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in `fit`, if they are all text.

    See Also
    --------
    sklearn.decomposition.PCA : The best linear embedding, without any training loop.
    sklearn_equity.LatentGMMSegmenter : Cuts the latent space into segments.

    Notes
    -----
    With prepared columns :math:`z`, encoder :math:`f` and decoder :math:`g`, training
    minimises the mean over rows and columns of :math:`(z - g(f(z)))^2`; architecture,
    loss and preparation are those of [1]_. A two-valued column other than 0 and 1 is
    standardised, a constant one becomes 0. Weights start from Glorot's uniform
    distribution [2]_, and biases from 0.1, so that few units start silent.

    A training can fail: a latent component is constant but for the outermost rows, or
    PCA with as many components reconstructs the rows of `X` at least as well. Then a
    `ConvergenceWarning` says so, unless 95% of the variance is kept all the same; if
    all maps are linear, PCA is the optimum, and only a loss over 5% above it is a
    failure.

    Axes of the latent space have no meaning of their own, and other seeds give other
    axes. Results are computed in double precision, so that a row's place does not
    depend on the rows that come with it.

    References
    ----------
    .. [1] Carruthers et al. (2022), "Representational ethical model calibration", npj
       Digital Medicine 5, 170.
    .. [2] Glorot and Bengio (2010), "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS, 249-256.

    Examples
    --------
    Points on a parabola need one number each, which no straight line gives:

    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.preprocessing import scale
    >>> from sklearn_equity.representation import AutoencoderEmbedder
    >>> t = np.linspace(-1, 1, 400)
    >>> X = scale(np.column_stack([t, t**2]))
    >>> embedder = AutoencoderEmbedder(1, random_state=0).fit(X)
    >>> embedder.transform(X).shape
    (400, 1)
    >>> pca = PCA(1).fit(X)
    >>> linear = np.mean((X - pca.inverse_transform(pca.transform(X))) ** 2)
    >>> bool(-embedder.score(X) < 0.6 * linear)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        hidden_layer_sizes: Sequence[int] = (8, 4),
        activation: Literal["identity", "logistic", "tanh", "relu"] = "relu",
        learning_rate: float = 0.003,
        batch_size: int = 256,
        max_epochs: int = 200,
        patience: int = 10,
        validation_fraction: float | None = 0.1,
        weight_decay: float = 0.0,
        n_init: int = 1,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.weight_decay = weight_decay
        self.n_init = n_init
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,  # noqa: ARG002  scikit-learn's convention
        X_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The table: finite numbers, at least two rows.
        y : Ignored
            Not used, present for API consistency by convention.
        X_val : array-like of shape (n_validation_rows, n_features), default=None
            Rows for early stopping. None sets a share of `X` aside.

        Returns
        -------
        self : AutoencoderEmbedder
            The fitted embedder.

        Raises
        ------
        MissingDependencyError
            If torch or skorch is not installed.
        ValueError
            If the table has missing or infinite values, or a parameter is out of range.
        """
        hidden = _check_hidden_layer_sizes(self.hidden_layer_sizes)
        table = self._check_table(X, reset=True, ensure_min_samples=2)
        validation_table = None if X_val is None else self._check_table(X_val)
        network = _load_network()
        device = network.resolve_device(self.device)
        random_state = check_random_state(self.random_state)
        self._learn_preparation(table)
        prepared = self._prepare(table).astype(np.float32)
        if validation_table is None:
            rows, validation_rows = self._split(prepared, random_state)
        else:
            rows = prepared
            validation_rows = self._prepare(validation_table).astype(np.float32)
        sizes = (table.shape[1], *hidden, self.n_components)
        self._train(network, rows, validation_rows, sizes, device, random_state)
        self._n_features_out = self.n_components
        self._record(rows, validation_rows)
        failure = describe_failure(
            prepared,
            latent=self._apply("encoder", prepared),
            error=float(self._errors(prepared).mean()),
            linear=self.activation == "identity" or not hidden,
        )
        if failure:
            warnings.warn(failure, ConvergenceWarning, stacklevel=3)
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Place rows in the latent space.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_components)
            Latent coordinates, in the floating-point type of `X`.
        """
        check_is_fitted(self)
        table = self._check_table(X)
        latent = self._apply("encoder", self._prepare(table))
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
            Rows in the units of the table. Columns of 0 and 1 come back as numbers
            around them.
        """
        check_is_fitted(self)
        latent = check_array(X, dtype=[np.float64, np.float32], input_name="X")
        if latent.shape[1] != self._n_features_out:
            msg = (
                f"`X` must have one column per component ({self._n_features_out}); got "
                f"{latent.shape[1]}."
            )
            raise ValueError(msg)
        rows = self._apply("decoder", latent.astype(np.float64))
        return (rows * self._scale + self._centre).astype(latent.dtype, copy=False)

    def reconstruction_errors(self, X: ArrayLike) -> NDArray[np.float64]:
        """Measure how badly each row is rebuilt: high for rows unlike those of `fit`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The same columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            Mean squared difference over the prepared columns: 0 is perfect, and for
            standardised columns 1 is what their means alone would reach on average.
        """
        check_is_fitted(self)
        return self._errors(self._prepare(self._check_table(X)))

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
            At most 0.
        """
        return -float(self.reconstruction_errors(X).mean())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # ---- preparation -------------------------------------------------------------
    def _learn_preparation(self, X: NDArray[Any]) -> None:
        refuse_overflow(X, name="X")
        scaler = StandardScaler().fit(X.astype(np.float64, copy=False))
        binary = ((X == 0) | (X == 1)).all(axis=0)
        self._centre = np.where(binary, 0.0, scaler.mean_)
        self._scale = np.where(binary, 1.0, scaler.scale_)

    def _prepare(self, X: NDArray[Any]) -> NDArray[np.float64]:
        return np.ascontiguousarray((X - self._centre) / self._scale, dtype=np.float64)

    def _check_table(
        self, X: ArrayLike, *, reset: bool = False, ensure_min_samples: int = 1
    ) -> NDArray[Any]:
        table: NDArray[Any] = validate_data(
            self,
            X,
            dtype=[np.float64, np.float32],
            reset=reset,
            ensure_min_samples=ensure_min_samples,
        )
        return table

    # ---- training ----------------------------------------------------------------
    def _split(
        self, rows: NDArray[np.float32], random_state: np.random.RandomState
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Set rows aside for validation, at least one and never all."""
        if self.validation_fraction is None:
            return rows, None
        n_aside = round(len(rows) * self.validation_fraction)
        n_aside = min(max(n_aside, 1), len(rows) - 1)
        order = random_state.permutation(len(rows))
        return rows[order[n_aside:]], rows[order[:n_aside]]

    def _train(
        self,
        network: ModuleType,
        rows: NDArray[np.float32],
        validation_rows: NDArray[np.float32] | None,
        layer_sizes: tuple[int, ...],
        device: str,
        random_state: np.random.RandomState,
    ) -> None:
        """Train `n_init` times and keep the net with the least loss."""
        monitor = "train_loss" if validation_rows is None else "valid_loss"
        least = np.inf
        for seed in random_state.randint(np.iinfo(np.int32).max, size=self.n_init):
            net = network.train(
                rows,
                validation_rows,
                layer_sizes=layer_sizes,
                activation=self.activation,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                batch_size=_fit_batch_size(self.batch_size, len(rows)),
                max_epochs=self.max_epochs,
                patience=self.patience,
                device=device,
                seed=int(seed),
                verbose=int(self.verbose),
            )
            loss = np.nanmin([np.inf, *net.history[:, monitor]])
            if loss < least or not np.isfinite(least):
                self.net_, least = net, loss

    def _record(
        self, rows: NDArray[np.float32], validation_rows: NDArray[np.float32] | None
    ) -> None:
        losses = [key for key in self.net_.history[-1] if key.endswith("_loss")]
        self.history_ = {key: np.array(self.net_.history[:, key]) for key in losses}
        self.n_epochs_ = len(self.net_.history)
        judged = rows if validation_rows is None else validation_rows
        self.reconstruction_error_ = float(self._errors(judged).mean())

    # ---- use of the network ------------------------------------------------------
    def _apply(self, part: str, rows: NDArray[Any]) -> NDArray[np.float64]:
        module = self.net_.module_
        network = _load_network()
        result: NDArray[np.float64] = network.apply(
            module if part == "both" else getattr(module, part),
            np.ascontiguousarray(rows, dtype=np.float64),
        )
        return result

    def _errors(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        errors: NDArray[np.float64] = np.mean(
            (rows - self._apply("both", rows)) ** 2, axis=1
        )
        return errors


def _load_network() -> ModuleType:
    """Import torch and what is built on it, or say how to get it."""
    for package in ("torch", "skorch"):
        import_optional(package, feature="AutoencoderEmbedder")
    from sklearn_equity.representation import _network

    return _network


def _check_hidden_layer_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    if not all(isinstance(size, Integral) and int(size) >= 1 for size in sizes):
        msg = f"`hidden_layer_sizes` must be integers of 1 or more; got {sizes!r}."
        raise ValueError(msg)
    return tuple(int(size) for size in sizes)


def _fit_batch_size(batch_size: int, n_rows: int) -> int:
    return min(batch_size, max(_SMALLEST_BATCH, n_rows // _STEPS_AN_EPOCH))
