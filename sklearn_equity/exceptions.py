"""Named warnings and errors, so that a user can filter one without losing all."""

__all__ = [
    "BoundsFromSampleWarning",
    "DegenerateColumnWarning",
    "DegenerateInequalityWarning",
    "DiagonalCovarianceWarning",
    "EquityWarning",
    "FewerSegmentsWarning",
    "MissingDependencyError",
    "NegativeTargetWarning",
    "OutlierWarning",
    "ScorerError",
    "SmallSubgroupWarning",
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


class OutlierWarning(EquityWarning):
    """Rows lie so far from all others that they were left out of a fit."""


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
