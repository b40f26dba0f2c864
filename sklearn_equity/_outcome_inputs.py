"""Does one column of a representation's inputs nearly determine the outcome?

People who lie close in a representation are alike in its inputs. With the outcome, or a
proxy of it such as the diagnosis, among them, segments are selected on the outcome:
their errors say how extreme outcomes are, and oversampling them moves predictions.

Each column is looked at by itself: cut into bins, the mean outcome of each bin among
four fifths of the people predicts the last fifth. Any shape of relation is seen that
way, noise is not, and sums by bin and fold are all it takes.

Two bounds tell a proxy from a good predictor. They are conventions: R2 of .8 is what a
second measurement of the same quantity reaches at a correlation of .9; an AUC of .95 is
what tests that make a diagnosis are expected to have, while single risk factors stay
below .9. R2 is also taken of ranks: of an outcome with a long tail, even its logarithm
leaves most of the variance within the outermost bin.
"""

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from sklearn_equity._factorize import DROPPED, factorize
from sklearn_equity.exceptions import OutcomeInputWarning

__all__ = [
    "OutcomeInput",
    "exchange_column",
    "find_outcome_inputs",
    "spread_rows",
    "warn_of_outcome_inputs",
    "y_holds_losses",
]

Codes = NDArray[np.intp]
Vector = NDArray[np.float64]

_LEAST_R2 = 0.8
_LEAST_AUC = 0.95
# Fifty people make five bins of ten, which keep .96 of the variance of ranks: enough to
# see the outcome itself, and far above what noise reaches. More than 50 bins see no
# more: they keep .9996, and 1% of the people is still told apart by an AUC of .99.
_FEWEST_ROWS = 50
_ROWS_A_BIN = 10
_MOST_BINS = 50
# Of a class of three, all share one of ten levels in 1% of tables; of ten, in none.
_FEWEST_OF_A_CLASS = 10
_MOST_CLASSES = 50
_N_FOLDS = 5
_GOLDEN = (5.0**0.5 - 1.0) / 2.0

_learns_losses: ContextVar[bool] = ContextVar("learns_losses", default=False)


@dataclass(frozen=True)
class OutcomeInput:
    """A column that nearly determines the outcome.

    Attributes
    ----------
    column : hashable
        Its name; its position, of a table without names.
    measure : str
        "R2", "R2 of ranks" or "AUC", cross-fitted.
    figure : float
        How much of it the column reaches by itself; 1 determines the outcome.
    """

    column: Hashable
    measure: str
    figure: float


def find_outcome_inputs(X: Any, y: Any) -> tuple[OutcomeInput, ...]:
    """Find the columns that nearly determine the outcome, each by itself.

    A number needs a cross-fitted R2 of .8, of its values or of its ranks; two classes,
    or each of several against the rest (the mean, weighted by their sizes), an AUC of
    .95. Nothing is refused: what can't be judged is not found.

    Parameters
    ----------
    X : data frame or array-like of shape (n_rows, n_columns)
        Numbers, text, categories and truth values, with gaps; a gap is a level of its
        own.
    y : array-like of shape (n_rows,)
        The outcome: two values or text are classes, other numbers are numbers. Rows
        without one are left out. Several outcomes are not looked at: a table such as
        `X` itself may be meant.

    Returns
    -------
    tuple of OutcomeInput
        In the order of the columns. Empty for fewer than 50 people, or if fewer than
        two classes have 10.
    """
    known, outcome = _read_outcome(y)
    if outcome is None:
        return ()
    folds = spread_rows(int(known.sum()), _N_FOLDS)
    found = []
    for column, values in _columns(X):
        codes = _bin(values)
        if codes is None or len(codes) != len(known):
            continue
        codes = codes[known]
        n_bins = int(codes.max()) + 1
        measure, figure = outcome.told_by(codes * _N_FOLDS + folds, n_bins)
        if figure >= outcome.bound:
            found.append(OutcomeInput(column, measure, figure))
    return tuple(found)


def warn_of_outcome_inputs(
    X: Any,
    y: Any,
    *,
    stacklevel: int,
    is_used: Callable[[Hashable], bool] | None = None,
) -> None:
    """Name the columns that nearly determine the outcome, in one warning.

    Parameters
    ----------
    X, y : table and outcome
        As `find_outcome_inputs` takes them.
    stacklevel : int
        Counted from the caller of this function, as `warnings.warn` would there.
    is_used : callable, default=None
        Says of a column found whether it is among the inputs; None takes all.
    """
    if _learns_losses.get():
        return
    found = [
        one
        for one in find_outcome_inputs(X, y)
        if is_used is None or is_used(one.column)
    ]
    if found:
        warnings.warn(_tell(found), OutcomeInputWarning, stacklevel=stacklevel + 1)


@contextmanager
def y_holds_losses() -> Iterator[None]:
    """Keep estimators fitted inside from taking the losses in `y` for an outcome."""
    token = _learns_losses.set(True)
    try:
        yield
    finally:
        _learns_losses.reset(token)


def exchange_column(X: Any, column: Any) -> Any:
    """Return a copy of a table where people have each other's values of one column.

    In the order of its values, everybody gets the one half the people away.
    """
    values = dict(_columns(X))[column]
    codes = _bin(values)
    if codes is None:
        return X
    order = np.argsort(codes, kind="stable")
    source = np.empty_like(order)
    source[order] = np.roll(order, len(order) // 2)
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return frame.with_columns(values[source.tolist()]).to_native()
    table = _as_array(X).copy()
    table[:, column] = values[source]
    return table


def _tell(found: Sequence[OutcomeInput]) -> str:
    figures = [f"cross-fitted {one.measure} {one.figure:.2f}" for one in found]
    if len(found) == 1:
        name, it = repr(found[0].column), "it"
        who = f"Column {name} of `X` nearly determines the outcome ({figures[0]})."
    else:
        named = zip(found, figures, strict=True)
        names, it = ", ".join(f"{one.column!r} ({f})" for one, f in named), "them"
        who = (
            f"{len(found)} columns of `X` nearly determine the outcome, each by "
            f"itself: {names}."
        )
    return (
        f"{who} Subgroups made of the outcome, or of a proxy such as the diagnosis, "
        "are selected on the outcome: their errors say how extreme outcomes are, not "
        "whom the model fails, and oversampling them moves predictions. Leave "
        f"{it} out of the inputs of the representation; if this is meant, filter "
        "sklearn_equity.exceptions.OutcomeInputWarning."
    )


# ---------------------------------------------------------------------------------
# What a column tells of the outcome
# ---------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class _Numbers:
    """An outcome that is a number, in forms of mean 0 and variance 1."""

    forms: dict[str, Vector]
    bound: float = _LEAST_R2

    def told_by(self, cells: Codes, n_bins: int) -> tuple[str, float]:
        """Return the R2 of the means of other folds, in the first form that suffices.

        With sums S and counts n by bin and fold, and m the mean of the other folds, it
        is the sum of 2 m S - n m^2 over all, divided by the number of people.
        """
        counts = _sums(cells, None, n_bins)
        reached = "", 0.0
        for measure, form in self.forms.items():
            sums = _sums(cells, form, n_bins)
            means = _divide(_of_other_folds(sums), _of_other_folds(counts))
            r2 = float((2.0 * means * sums - counts * means**2).sum()) / len(cells)
            reached = measure, r2
            if r2 >= self.bound:
                break
        return reached


@dataclass(frozen=True, eq=False)
class _Classes:
    """An outcome of classes, numbered from 0."""

    codes: Codes
    n_classes: int
    bound: float = _LEAST_AUC

    def told_by(self, cells: Codes, n_bins: int) -> tuple[str, float]:
        """Return the AUC of the class's share in other folds, the mean over classes."""
        counts = np.stack(
            [_sums(cells[self.codes == k], None, n_bins) for k in range(self.n_classes)]
        )
        everybody = counts.sum(axis=0)
        scores = _divide(_of_other_folds(counts), _of_other_folds(everybody))
        sizes = counts.sum(axis=(1, 2))
        judged = np.flatnonzero(sizes >= _FEWEST_OF_A_CLASS)
        curves = [_auc(scores[k], counts[k], everybody - counts[k]) for k in judged]
        return "AUC", float(np.average(curves, weights=sizes[judged]))


def _sums(cells: Codes, weights: Vector | None, n_bins: int) -> Vector:
    sums = np.bincount(cells, weights, n_bins * _N_FOLDS)
    return sums.astype(np.float64, copy=False).reshape(n_bins, _N_FOLDS)


def _of_other_folds(sums: Vector) -> Vector:
    others: Vector = sums.sum(axis=-1, keepdims=True) - sums
    return others


def _divide(sums: Vector, counts: Vector) -> Vector:
    """Return means; 0 of nobody."""
    counts = np.broadcast_to(counts, sums.shape)
    return np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)


def _auc(scores: Vector, inside: Vector, outside: Vector) -> float:
    """Return the chance of a higher score inside than outside; ties count half.

    Pairs are those of one fold: between folds, bins of the same people would be told
    apart by how many of a class the other folds happen to have.
    """
    won = pairs = 0.0
    for fold in range(_N_FOLDS):
        _, place = np.unique(scores[:, fold], return_inverse=True)
        those = np.bincount(place, inside[:, fold])
        others = np.bincount(place, outside[:, fold])
        won += float(those @ (np.cumsum(others) - others / 2.0))
        pairs += float(those.sum() * others.sum())
    return won / max(pairs, 1.0)


def spread_rows(n_rows: int, n_parts: int) -> Codes:
    """Spread people over parts by the golden ratio: it falls in step with no period."""
    turns = np.arange(n_rows) * _GOLDEN % 1.0
    return (turns * n_parts).astype(np.intp)


# ---------------------------------------------------------------------------------
# What comes in
# ---------------------------------------------------------------------------------
def _read_outcome(y: Any) -> tuple[NDArray[np.bool_], _Numbers | _Classes | None]:
    """Return which rows have an outcome, and those outcomes; None can't be judged."""
    values = _as_array(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or len(values) < _FEWEST_ROWS:
        return np.zeros(0, dtype=bool), None
    numbers = _as_numbers(values)
    if numbers is not None:
        known = np.isfinite(numbers)
        return known, _judge_numbers(numbers[known])
    try:
        codes, labels = factorize(values.tolist(), "y")
    except TypeError:  # what can't be hashed is no class
        return np.zeros(0, dtype=bool), None
    known = codes != DROPPED
    return known, _judge_classes(codes[known], len(labels))


def _judge_numbers(numbers: Vector) -> _Numbers | _Classes | None:
    if len(numbers) < _FEWEST_ROWS or numbers.min() == numbers.max():
        return None
    highest = numbers == numbers.max()
    if (highest | (numbers == numbers.min())).all():
        return _judge_classes(highest.astype(np.intp), 2)
    forms = {"R2": numbers, "R2 of ranks": rankdata(numbers)}
    return _Numbers({name: _standardise(form) for name, form in forms.items()})


def _judge_classes(codes: Codes, n_classes: int) -> _Classes | None:
    counts = np.bincount(codes, minlength=1)
    several = (counts >= _FEWEST_OF_A_CLASS).sum() >= 2
    if len(codes) < _FEWEST_ROWS or n_classes > _MOST_CLASSES or not several:
        return None
    return _Classes(codes, n_classes)


def _standardise(values: Vector) -> Vector:
    in_parts = values / np.abs(values).max()  # whose squares do not overflow
    standard: Vector = (in_parts - in_parts.mean()) / in_parts.std()
    return standard


def _as_array(values: Any) -> NDArray[Any]:
    if isinstance(values, list | tuple):  # NumPy would turn numbers beside text into it
        return np.array(values, dtype=object)
    return np.asarray(values)


def _columns(X: Any) -> list[tuple[Hashable, Any]]:
    """Name the columns of a table; none of what is no table."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        if len(set(frame.columns)) < len(frame.columns):
            return []
        return [(name, frame.get_column(name)) for name in frame.columns]
    table = _as_array(X)
    if table.ndim != 2:
        return []
    return [(j, table[:, j]) for j in range(table.shape[1])]


def _as_numbers(values: Any) -> Vector | None:
    """Return a column as numbers with NaN for gaps, or None if it holds labels."""
    if isinstance(values, nw.Series):
        if not (values.dtype.is_numeric() or values.dtype in (nw.Boolean, nw.Object)):
            return None
        values = values.to_numpy()
    if values.dtype.kind not in "biufO":
        return None
    try:
        numbers: Vector = values.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers


def _bin(values: Any) -> Codes | None:
    """Number the bins that a column falls into; None where labels can't be told."""
    numbers = _as_numbers(values)
    if numbers is not None:
        return _bin_numbers(numbers)
    try:
        return _bin_labels(values)
    except TypeError:  # what can't be hashed is no label
        return None


def _bin_numbers(numbers: Vector) -> Codes:
    """Cut at quantiles; a value that fills one is a bin, and so are gaps."""
    known = np.isfinite(numbers)
    ordered = np.sort(numbers[known])
    n_bins = min(_MOST_BINS, len(ordered) // _ROWS_A_BIN)
    at = np.arange(1, n_bins) * len(ordered) // max(n_bins, 1)
    below, above = ordered[at - 1], ordered[at]
    cuts = np.unique(below / 2.0 + above / 2.0)
    codes = np.searchsorted(cuts, numbers, side="left")
    if (below == above).any():
        codes = codes + np.searchsorted(cuts, numbers, side="right")
    codes[~known] = 2 * len(cuts) + 1
    return codes


def _bin_labels(values: Any) -> Codes:
    """Number labels; those of fewer than ten people are one level, gaps another."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    codes, _ = factorize(values, "X")
    codes = codes - DROPPED
    counts = np.bincount(codes, minlength=1)
    numbers = np.arange(len(counts))
    numbers[1:][counts[1:] < _ROWS_A_BIN] = len(counts)
    recoded: Codes = numbers[codes]
    return recoded
