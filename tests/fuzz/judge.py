"""Did a call that was handed nonsense end well?

Well ends what returns, and what raises a ValueError, TypeError or KeyError whose
message names an argument. Everything else is a fault: another exception, a message that
leaves the caller in the dark, ten seconds of CPU time, a warning that is not for the
caller, or a promise about the result that was broken.
"""

import re
import signal
import traceback
import warnings
from dataclasses import dataclass

from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

from sklearn_equity.exceptions import EquityWarning, MissingDependencyError

LIMIT = 10.0  # seconds of CPU time
ALLOWED_ERRORS = (ValueError, TypeError, KeyError)
MEANT_FOR_THE_CALLER = (
    EquityWarning,
    ConvergenceWarning,
    DataConversionWarning,
    LinAlgWarning,  # of the caller's own linear model
)
# What scikit-learn and NumPy say of an input or a seed without its name.
SCIKIT_LEARN_SAYS = (
    r"Found array with \d+ (sample|feature)\(s\)",
    r"Expected 2D array, got",
    r"Found array with dim \d",
    r"cannot be used to seed a numpy.random.RandomState",
    r"Sparse data was passed|Complex data not supported",
    r"Found input variables with inconsistent numbers of samples",
    r"dtype='numeric' is not compatible with arrays of bytes/strings",
    r"[Ff]eature names",
    r"Unknown label type",
    r"Seed must be between 0 and",
    r"n_splits=\d+ cannot be greater than the number of members in each class",
)


class TookTooLongError(BaseException):
    """A call used up its time."""


@dataclass(frozen=True)
class Fault:
    """What went wrong, and where."""

    kind: str
    text: str


def _stop(_signal, _frame):
    raise TookTooLongError


def _is_of_scikit_learn(error):
    """Tell whether scikit-learn's validation, or the caller's own model, refused."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return any(
        path.endswith(("sklearn/utils/validation.py", "utils/_param_validation.py"))
        or "sklearn/linear_model/" in path
        for path in files
    )


def judge(call, *, names, promise=None):
    """Run a call; return its `Fault`, or None, and whether it answered."""
    previous = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = call()
                broken = promise(result) if promise is not None else None
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0.0)
    except TookTooLongError:
        return Fault("hang", traceback.format_exc(limit=-3)), False
    except ALLOWED_ERRORS as error:
        fault, answered = _judge_message(error, names), False
    except MissingDependencyError:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return Fault(type(error).__name__, _where(error)), False
    else:
        answered = True
        fault = Fault("broken promise", broken) if broken else None
    finally:
        signal.signal(signal.SIGPROF, previous)
    return fault or _judge_warnings(caught), answered


def _judge_message(error, names):
    text = str(error)
    if _is_of_scikit_learn(error):
        return None
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names):
        return None
    if any(re.search(pattern, text) for pattern in SCIKIT_LEARN_SAYS):
        return None
    return Fault(f"{type(error).__name__} names no argument", _where(error))


def _judge_warnings(caught):
    for warning in caught:
        if "feature names" in str(warning.message):
            continue  # scikit-learn's own, of columns with and without names
        if "The least populated class in y" in str(warning.message):
            continue  # scikit-learn's own, of folds of few rows
        if "Loky-backed parallel loops" in str(warning.message):
            continue  # joblib's own, of the process that the cases run in
        if "sklearn/linear_model/" in warning.filename:
            continue  # of the caller's own linear model
        if "missing from font" in str(warning.message):
            continue  # matplotlib's own, of letters that no font here has
        if warning.filename.endswith("sklearn/utils/extmath.py"):
            continue  # a product in the caller's own linear model
        if not issubclass(warning.category, MEANT_FOR_THE_CALLER):
            where = f"{warning.filename.rsplit('site-packages/')[-1]}:{warning.lineno}"
            return Fault(warning.category.__name__, f"{warning.message} [{where}]")
    return None


def _where(error):
    """Return the message, and the lines of the package that led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if "sklearn_equity" in frame.filename]
    lines = [
        f"{frame.filename.split('sklearn_equity/')[-1]}:{frame.lineno}"
        for frame in [*inside[-2:], frames[-1]]
    ]
    return f"{str(error)[:300]} [{' > '.join(lines)}]"
