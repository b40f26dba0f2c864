"""Which people resemble which? An autoencoder as a scikit-learn transformer.

Rows are squeezed through a narrow layer and rebuilt from it; what passes the narrow
layer places every person in a space of few dimensions, where those alike lie together.
Torch is imported when a network is trained or used, never before.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from sklearn_equity._fit_tasks import fit_task
from sklearn_equity._outcome_inputs import warn_of_outcome_inputs
from sklearn_equity._sklearn_shims import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    fit_context,
)
from sklearn_equity.representation._plan import PlannedAutoencoder
from sklearn_equity.representation._tasks import Trainings
from sklearn_equity.representation._trained import load_network
from sklearn_equity.representation._training import (
    check_own_random_state,
    count_trainings,
    train_candidates,
)


class AutoencoderEmbedder(CallbackSupportMixin, PlannedAutoencoder):
    r"""Embed rows in a space of few dimensions with an autoencoder.

    An encoder network maps a row to `n_components` numbers, a decoder network rebuilds
    the row from them, and both are trained to lose as little as possible. Mixed tables
    enter as they are: columns of 0 and 1 are kept, all others standardised inside;
    impute gaps and one-hot encode categories beforehand. Needs torch and skorch, which
    come with ``pip install 'sklearn-equity[torch]'``.

    Parameters
    ----------
    n_components : int, default=2
        Dimensions of the latent space.
    hidden_layer_sizes : sequence of int, default=(8, 4)
        Units of the encoder's hidden layers, from the table's side to the latent
        space's; the decoder has them in reverse. Empty: linear maps, which PCA finds
        faster. Not used if modules are given.
    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        What follows every hidden layer. The latent layer and the decoder's last one
        are linear. Not used if modules are given.
    encoder : torch.nn.Module or None, default=None
        Any module that maps prepared rows to `n_components` columns; for a variational
        embedder to twice as many, the means and then the logarithms of the variances.
        A copy is trained, from the weights that it has; give both modules or none.
    decoder : torch.nn.Module or None, default=None
        Any module that maps `n_components` columns to as many as the table has: values
        of prepared columns, and logits for columns of 0 and 1 if `loss` is "mixed".
    loss : {"mixed", "mse"}, default="mixed"
        What is lost in a column: its squared error, but for columns of 0 and 1 the
        cross-entropy, so that they are rebuilt as probabilities. "mse" is squared
        errors throughout, as published.
    variational : bool, default=False
        Learn a latent space that is filled like a standard Gaussian, so that `sample`
        can draw new rows.
    kl_weight : float, default=0.1
        What departing from that Gaussian costs, if `variational`. Higher: smoother
        and better filled; lower: closer reconstructions.
    learning_rate : float, default=0.003
        Step size of the Adam optimiser.
    batch_size : int, default=256
        Rows a step at most. A table with fewer than 20 such batches is cut into 20
        steps an epoch, of about 8 rows or more.
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
    n_init : int or "auto", default="auto"
        Trainings from different starting weights. "auto" trains anew, four times at
        most, until a training is sound (see Notes); a number trains that often and
        keeps the sound one with the least loss. Modules of your own start with the
        weights that they have every time: only validation rows, the order of rows and
        what the modules draw differ.
    match_columns : {"order", "name"}, default="order"
        Whether a data frame must have the columns of `fit` in their order, as
        everywhere in scikit-learn, or whether they are taken by name from any data
        frame that has them among others: for an embedder fitted on other people.
    device : str, default="cpu"
        Where to train: "cpu", "cuda" (also "cuda:1" and the like), or "auto" for a GPU
        if there is one. The trained network always comes back to the CPU. Measured
        and tested on CPUs only.
    random_state : int, RandomState instance or None, default=None
        Decides the starting weights, the validation rows and the order of the rows.
        Pass an int for the same result every time, whatever the number of threads;
        None draws anew, and leaves NumPy's global generator alone.
    verbose : int, default=0
        More than 0: print a line for each epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_.encoder`` and ``net_.module_.decoder`` work on
        prepared rows in single precision.
    history_ : dict of str to ndarray of shape (`n_epochs_`,)
        Mean loss by epoch: "train_loss", and "valid_loss" if rows validate.
    n_epochs_ : int
        Epochs that were run; the weights are those of the best of them. After
        `partial_fit` every chunk counts as one, and the last weights stay.
    reconstruction_error_ : float
        Mean of `reconstruction_errors` over the validation rows, or over the training
        rows (of the last chunk) if there are none.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if they are all text.

    See Also
    --------
    sklearn.decomposition.PCA : The best linear embedding, without any training loop.
    sklearn_equity.LatentGMMSegmenter : Cuts the latent space into segments.

    Notes
    -----
    With prepared columns :math:`z` and their reconstruction :math:`g(f(z))`, training
    minimises the mean over rows and columns of :math:`(z - g(f(z)))^2`, or of the
    cross-entropy for columns of 0 and 1. Architecture, preparation and ``loss="mse"``
    are those of [1]_. A two-valued column other than 0 and 1 is standardised.

    Weights of a plain dense net start near those of PCA, with a tenth of Glorot's
    random ones [2]_ added, so that trainings of different seeds end alike and seldom
    fail. In a stream, or a variational embedder, they are Glorot's, with biases of 0.1
    so that few units start silent.

    A variational embedder [3]_ adds `kl_weight` times the Kullback-Leibler divergence
    of a row's cloud from the standard Gaussian, divided by the number of columns. For
    numeric columns that is the bound on the likelihood if their noise has a variance of
    half of `kl_weight`. On NHANES the default rebuilt unseen people better than 0.5
    and 1 did, and drew rows with truer correlations.

    A training can fail: a latent component is constant but for the outermost rows, or
    PCA with as many components reconstructs the rows of `X` at least as well. Another
    one is started then, as `n_init` says. If none is sound, a `ConvergenceWarning` says
    what is wrong, unless 95% of the variance is kept all the same; if all maps are
    linear, PCA is the optimum, and only an error over 5% above it is a failure; of a
    variational embedding, one over 25% above probabilistic PCA's. Columns
    that are constant, or whose scale a few outlying values set, are named in a
    `DegenerateColumnWarning`.

    Axes of the latent space have no meaning of their own. Results are computed in
    double precision: a row's place does not depend on the rows that come with it.
    Beside `X`, `fit` holds one copy of it in single precision; of 25 columns and
    150,000 rows, what else it needs was 6 to 10 MB, after 2 epochs, 20 or 200.

    Modules that draw from torch's global generator, as dropout does, find it seeded
    while they are trained; it is put back, and such trainings wait for each other.

    Callbacks of scikit-learn 1.9 or newer, such as `sklearn.callback.ProgressBar`, see
    `fit` as a task of trainings, and these of epochs. ``y`` is `X` to them; one that
    returns True at the end of an epoch ends the training.

    References
    ----------
    .. [1] Carruthers et al. (2022), "Representational ethical model calibration", npj
       Digital Medicine 5, 170.
    .. [2] Glorot and Bengio (2010), "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS, 249-256.
    .. [3] Kingma and Welling (2014), "Auto-encoding variational Bayes", ICLR.

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
        "encoder": "no_validation",
        "decoder": "no_validation",
        "loss": [StrOptions({"mixed", "mse"})],
        "variational": ["boolean"],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "match_columns": [StrOptions({"order", "name"})],
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
        encoder: Any = None,
        decoder: Any = None,
        loss: Literal["mixed", "mse"] = "mixed",
        variational: bool = False,
        kl_weight: float = 0.1,
        learning_rate: float = 0.003,
        batch_size: int = 256,
        max_epochs: int = 200,
        patience: int = 10,
        validation_fraction: float | None = 0.1,
        weight_decay: float = 0.0,
        n_init: int | Literal["auto"] = "auto",
        match_columns: Literal["order", "name"] = "order",
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.encoder = encoder
        self.decoder = decoder
        self.loss = loss
        self.variational = variational
        self.kl_weight = kl_weight
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.weight_decay = weight_decay
        self.n_init = n_init
        self.match_columns = match_columns
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        X_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The table: finite numbers, at least two rows.
        y : array-like of shape (n_rows,), default=None
            The outcome, if it is known. Nothing is learnt from it; columns of `X` that
            nearly determine it are named in an `OutcomeInputWarning`. Several outcomes
            are not looked at.
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
        TypeError
            If only one of `encoder` and `decoder` is given, or one is no module.
        ValueError
            If a value is missing or infinite, a parameter is out of range, a module's
            shape is wrong, or `X_val` leaves 0 and 1 where `X` does not.
        """
        network = load_network()
        device = network.resolve_device(self.device)
        # A fit that fails from here on must not leave new columns with an old net.
        if hasattr(self, "net_"):
            del self.net_
        table = self._check_table(X, reset=True, ensure_min_samples=2)
        if y is not None:
            warn_of_outcome_inputs(X, y, stacklevel=3)
        validation_table = None if X_val is None else self._check_table(X_val)
        random_state = check_own_random_state(self.random_state)
        self._learn_columns(table)
        self._columns.warn_of_degenerate(table)
        architecture = self._design(network)
        prepared, rows, validation_rows = self._prepare(
            table, validation_table, random_state
        )
        schedule = self._schedule(network, device, len(rows))
        with fit_task(
            self, X, X, n_parts=count_trainings(self.n_init), holds_models=False
        ) as task:
            best = train_candidates(
                partial(network.train, architecture, schedule, rows, validation_rows),
                self._finder_of_failure(prepared, architecture),
                n_init=self.n_init,
                random_state=random_state,
                tasks=Trainings(
                    task,
                    self.max_epochs,
                    lambda net: {"net_": network.snapshot(net)},
                ),
            )
            self.net_, self._seed = best.net, best.seed
            self._record(rows, validation_rows)
            task.attributes = {}
        if best.failure:
            warnings.warn(best.failure, ConvergenceWarning, stacklevel=3)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002
        """Go once through another chunk of rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The chunk, with the columns of the first one; one row is enough.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : AutoencoderEmbedder
            The embedder, trained on one chunk more.

        Raises
        ------
        MissingDependencyError
            If torch or skorch is not installed.
        ValueError
            If a value is missing or infinite, or a column that held only 0 and 1 in
            the first chunk leaves them.

        Notes
        -----
        The first chunk decides which columns hold 0 and 1. Means and standard
        deviations are those of all rows so far: early chunks were seen in slightly
        other units than late ones. Begin with a large, typical chunk, and feed no
        sorted table. Nothing is set aside, stopped early, restarted or compared with
        PCA. After `fit`, training goes on from its network. `learning_rate`,
        `weight_decay` and `batch_size` may be changed between chunks; what else makes
        the network stays as it was at first.
        """
        first = not hasattr(self, "net_")
        network = load_network()
        device = network.resolve_device(self.device)
        table = self._check_table(X, reset=first)
        schedule = self._schedule(network, device, len(table))
        if first:
            random_state = check_own_random_state(self.random_state)
            self._learn_columns(table)
            self._seed = int(random_state.randint(np.iinfo(np.int32).max))
            architecture = self._design(network)
            self.net_ = network.start_net(architecture, schedule, seed=self._seed)
        else:
            self._columns.learn(table)
        rows = self._columns.prepare(table, np.float32)
        seed = (self._seed + len(self.net_.history)) % np.iinfo(np.int32).max
        network.train_chunk(self.net_, rows, schedule, seed=seed)
        self._record(rows, None)
        return self
