"""How does an engine compute what a metric sums, without a second formula?

The metric's own function of NumPy arrays is called with columns that only remember what
is done to them. NumPy hands every operation on (its protocols for foreign arrays), and
what comes out is the same formula as an expression of narwhals, for any engine.
"""

from collections.abc import Callable
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

__all__ = ["TracedColumn", "as_expression"]


class TracedColumn(np.lib.mixins.NDArrayOperatorsMixin):
    """A column of an engine's table, which NumPy's functions take for an array.

    Parameters
    ----------
    expression : nw.Expr
        What the column holds.
    """

    def __init__(self, expression: nw.Expr) -> None:
        self.expression = expression

    def __len__(self) -> int:
        return 1  # arrays of ones, as many as rows, become a constant

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any
    ) -> Any:
        known = _UFUNCS.get(ufunc.__name__)
        if known is None or method != "__call__" or options:
            return NotImplemented
        return TracedColumn(known(*map(as_expression, inputs)))

    def __array_function__(
        self, function: Any, types: Any, inputs: Any, options: Any
    ) -> Any:
        known = _FUNCTIONS.get(function.__name__)
        if known is None:
            return NotImplemented
        return TracedColumn(known(*map(as_expression, inputs)))

    def astype(self, dtype: Any) -> "TracedColumn":
        """Turn truth values to numbers."""
        del dtype  # all columns are floating-point numbers
        return TracedColumn(_as_number(self.expression))


def as_expression(value: Any) -> nw.Expr:
    """Return the expression of a traced column, or of a constant."""
    if isinstance(value, TracedColumn):
        return value.expression
    return nw.lit(float(np.ravel(value)[0]))


def _as_number(truth: nw.Expr) -> nw.Expr:
    return nw.when(truth).then(nw.lit(1.0)).otherwise(nw.lit(0.0))


def _power(base: nw.Expr, exponent: nw.Expr) -> nw.Expr:
    del exponent  # only squares occur; NumPy multiplies, too
    return base * base


def _clip(value: nw.Expr, low: nw.Expr, high: nw.Expr) -> nw.Expr:
    raised = nw.when(value < low).then(low).otherwise(value)
    return nw.when(raised > high).then(high).otherwise(raised)


def _where(truth: nw.Expr, one: nw.Expr, other: nw.Expr) -> nw.Expr:
    return nw.when(truth).then(one).otherwise(other)


_UFUNCS: dict[str, Callable[..., nw.Expr]] = {
    "absolute": lambda a: a.abs(),
    "add": lambda a, b: a + b,
    "bitwise_and": lambda a, b: a & b,
    "bitwise_or": lambda a, b: a | b,
    "clip": _clip,
    "divide": lambda a, b: a / b,
    "equal": lambda a, b: a == b,
    "floor": lambda a: a.floor(),
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "log2": lambda a: a.log(2.0),
    "multiply": lambda a, b: a * b,
    "negative": lambda a: a * -1.0,
    "not_equal": lambda a, b: a != b,
    "power": _power,
    "square": lambda a: a * a,
    "subtract": lambda a, b: a - b,
    "xlogy": lambda a, b: a * b.log(),
}
_FUNCTIONS: dict[str, Callable[..., nw.Expr]] = {
    "clip": _clip,
    "ones_like": lambda _: nw.lit(1.0),
    "where": _where,
}
