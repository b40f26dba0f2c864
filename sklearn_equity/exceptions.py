"""Named warnings and errors, so that a user can filter one without losing all."""

__all__ = [
    "BoundsFromSampleWarning",
    "DegenerateColumnWarning",
    "DegenerateInequalityWarning",
    "DiagonalCovarianceWarning",
    "EquityWarning",
    "ExclusionWarning",
    "FewerSegmentsWarning",
    "MissingDependencyError",
    "NegativeTargetWarning",
    "OutcomeInputWarning",
    "OutlierWarning",
    "RepeatedRowsWarning",
    "ScorerError",
    "SmallSubgroupWarning",
    "UnknownSubgroupWarning",
]


class EquityWarning(UserWarning):
    """Base of every warning of this library."""


class SmallSubgroupWarning(EquityWarning):
    """A subgroup has too few rows for the figure that was asked for."""


class BoundsFromSampleWarning(EquityWarning):
    """The possible range of a measurement was read off the sample: give `bounds`."""


class NegativeTargetWarning(EquityWarning):
    """A target that an error is divided by the mean of has a few negative values."""


class DegenerateColumnWarning(EquityWarning):
    """A column tells no row from another: constant, or scaled by a few outliers."""


class DegenerateInequalityWarning(EquityWarning):
    """An inequality index was asked of values that are all zero."""


class FewerSegmentsWarning(EquityWarning):
    """Fewer segments are in use than were asked for; the message says why."""


class DiagonalCovarianceWarning(EquityWarning):
    """Too few rows for full covariances: segments have diagonal ones instead."""


class ExclusionWarning(EquityWarning):
    """People of some kind get a prediction less often than others.

    Said by `DeferralRegressor` and `DeferralClassifier` when they are fitted; the
    message names the kinds that are over-represented among the excluded.
    """


class OutcomeInputWarning(EquityWarning):
    """The outcome, or a column that nearly determines it, is among the inputs.

    Subgroups made of such a column are selected on the outcome: their errors say how
    extreme outcomes are, not whom the model fails, and oversampling them moves
    predictions. `AutoencoderEmbedder`, `ConsensusSegmenter`, `ErrorMap`, `RuleScanner`,
    `find_underserved` and, of the columns that its segmenter looks at, `audit` warn
    where they know the outcome; the message names the columns. Leave them out of the
    inputs of the representation, or filter the warning if they are meant.

    Notes
    -----
    A column is named if, by itself, it predicts people by the means of others with an
    R2 of .8 or more, of values or of ranks; of classes, with an AUC of .95 or more.
    With fewer than 50 people, or fewer than 10 of a class, there is no warning, nor if
    several columns together determine the outcome and none does by itself.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_equity import RuleScanner
    >>> from sklearn_equity.exceptions import OutcomeInputWarning
    >>> rng = np.random.default_rng(0)
    >>> hba1c = rng.normal(36.0, 6.0, size=500)
    >>> X = np.column_stack([rng.uniform(40.0, 80.0, size=500), np.log(hba1c)])
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always", OutcomeInputWarning)
    ...     scanner = RuleScanner(random_state=0).fit(X, hba1c, np.full(500, 36.0))
    >>> print(told[0].message)
    Column 1 of `X` nearly determines the outcome (cross-fitted R2 ...). Subgroups ...

    Without the column, or where it is meant, there is nothing to tell:

    >>> scanner = RuleScanner(random_state=0).fit(X[:, :1], hba1c, np.full(500, 36.0))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", OutcomeInputWarning)
    ...     scanner = RuleScanner(random_state=0).fit(X, hba1c, np.full(500, 36.0))
    """


class OutlierWarning(EquityWarning):
    """Rows lie too far from all others for a fit, or beyond what it has seen."""


class RepeatedRowsWarning(EquityWarning):
    """A model that splits its training rows by itself is given repeated ones.

    It finds copies of what it learnt from among the rows that it judges itself by.
    """


class UnknownSubgroupWarning(EquityWarning):
    """New people have labels of subgroups that a remedy learnt nothing about."""


class MissingDependencyError(ImportError):
    """A feature needs a package that is not installed; the message has the command."""


class ScorerError(BaseException):
    """A scorer was asked what it cannot answer: a fault of the set-up, of no model.

    It reaches the user from inside every search and cross-validation, nested ones and
    those of other workers too, whatever their ``error_score``: a NaN in its place would
    look like a failed candidate. Those tools make one of every `Exception`, so it is
    none, as ``KeyboardInterrupt`` is none. Where nothing could make a NaN of it, the
    `ValueError` or `TypeError` itself is raised, which is the `__cause__` of this one.

    Notes
    -----
    ``except Exception`` lets it pass: catch it by its name. joblib's workers (loky,
    threading, multiprocessing) and those of ``concurrent.futures`` hand it on and live.
    A worker of ``multiprocessing.Pool`` or ``ThreadPool`` dies of it, as of
    ``sys.exit``, and its pool waits for ever: turn it into an `Exception` there, with
    ``except ScorerError as error: raise RuntimeError(str(error)) from error``.
    """
