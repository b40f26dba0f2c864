"""In which band of a number, such as age, does a row fall?

Bands are learnt on one set of rows and applied to another, so that held-out people do
not move the edges. Their labels know their order: as plain text, "100 to 200" would
come before "20 to 100".
"""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers

__all__ = ["Band", "QuantileBands"]

_MOST_DECIMALS = 6  # beyond them, numbers are written as 1.23e-07


class Band:
    """A label of a band, equal to its text and sorted by its place in the order.

    No subclass of str: data frames would turn it into plain text and lose the order.

    Parameters
    ----------
    text : str
        What a reader sees, such as "20 to 37".
    position : int
        The place among the bands, from 0.
    """

    __slots__ = ("position", "text")

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position

    def __reduce__(self) -> tuple[Any, ...]:
        return Band, (self.text, self.position)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return repr(self.text)

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Band | str):
            return self.text == str(other)
        return NotImplemented

    def __lt__(self, other: object) -> bool:
        if isinstance(other, Band):
            return self.position < other.position
        return NotImplemented


class QuantileBands:
    """Cut a number into bands with about equally many rows each.

    Parameters
    ----------
    n_bands : int, default=4
        The number of bands wanted, 2 or more. Where many rows share one value, bands
        merge, and there are fewer.

    Attributes
    ----------
    edges_ : ndarray of shape (`n_bands_` - 1,)
        The inner edges. A value equal to an edge belongs to the band above it.
    labels_ : tuple of Band
        The labels, lowest band first.

    Notes
    -----
    Inner edges are quantiles of the values at 1 / n_bands, 2 / n_bands and so on, moved
    up to the nearest value that occurs; equal edges are merged. A label runs from its
    band's lower edge to just before the next one: to the whole number before it if all
    values are whole, so that bands of ages do not overlap, and else to that edge. The
    first label starts at the least value seen and the last ends at the largest; both
    bands also take whatever lies beyond.

    Examples
    --------
    >>> from sklearn_equity.fidelity import QuantileBands
    >>> bands = QuantileBands(n_bands=2).fit([20, 31, 44, 37, 80, 102])
    >>> bands.labels_
    ('20 to 43', '44 to 102')
    >>> bands.label([19, 38, 60])
    array(['20 to 43', '20 to 43', '44 to 102'], dtype=object)
    """

    def __init__(self, n_bands: int = 4) -> None:
        if isinstance(n_bands, bool) or not isinstance(n_bands, int | np.integer):
            raise TypeError(f"`n_bands` must be an integer; got {n_bands!r}.")
        if n_bands < 2:
            raise ValueError(f"`n_bands` must be at least 2; got {n_bands}.")
        self.n_bands = n_bands

    def fit(self, values: ArrayLike) -> Self:
        """Learn edges and labels.

        Parameters
        ----------
        values : array-like of shape (n_rows,)
            Finite numbers; NaN is left out.

        Returns
        -------
        QuantileBands
            Itself.
        """
        array = check_numbers(values, name="values", allow_nan=True)
        present = np.sort(array[~np.isnan(array)])
        if len(present) == 0:
            raise ValueError("`values` must hold at least one number; all are NaN.")
        shares = np.arange(1, self.n_bands) / self.n_bands
        cuts = np.quantile(present, shares, method="higher")
        above_least = present[present > present[0]]
        if len(above_least):  # a value that many share at the low end is a band
            cuts = np.maximum(cuts, above_least[0])
        self.edges_ = np.unique(cuts[cuts > present[0]])
        ends = np.r_[present[0], self.edges_, present[-1]]
        whole = bool((present == np.round(present)).all())
        self.labels_ = tuple(
            Band(text, position)
            for position, text in enumerate(_texts(ends, whole=whole))
        )
        return self

    def label(self, values: ArrayLike) -> NDArray[np.object_]:
        """Name the band of every value.

        Parameters
        ----------
        values : array-like of shape (n_rows,)
            Finite numbers; NaN gets the missing label None.

        Returns
        -------
        ndarray of shape (n_rows,)
            Objects of class `Band`, which `subgroups` accepts and sorts by band.
        """
        array = check_numbers(values, name="values", allow_nan=True)
        names = np.array([*self.labels_, None], dtype=object)
        positions = np.searchsorted(self.edges_, array, side="right")
        return names[np.where(np.isnan(array), len(self.labels_), positions)]


def _texts(ends: NDArray[np.float64], *, whole: bool) -> list[str]:
    """Write bands between consecutive ends; of whole numbers, without overlap."""
    if whole:
        lows = [f"{end:.0f}" for end in ends[:-1]]
        highs = [*(f"{end - 1.0:.0f}" for end in ends[1:-1]), f"{ends[-1]:.0f}"]
    else:
        texts = _decimal_texts(ends)
        lows, highs = texts[:-1], texts[1:]
    return [
        low if low == high else f"{low} to {high}"
        for low, high in zip(lows, highs, strict=True)
    ]


def _decimal_texts(numbers: NDArray[np.float64]) -> list[str]:
    """Write numbers with three digits of their span, and more until they differ."""
    n_distinct = len(np.unique(numbers))
    with np.errstate(over="ignore"):
        span = float(np.ptp(numbers)) or 1.0
    if not np.isfinite(span):
        return [f"{number:.3g}" for number in numbers]
    fewest = max(2 - int(np.floor(np.log10(span))), 0)
    for digits in range(fewest, fewest + 16):
        style = (
            f".{digits}f" if digits <= _MOST_DECIMALS else f".{digits - fewest + 3}g"
        )
        texts = [format(number, style) for number in numbers]
        if len(set(texts)) == n_distinct:
            return texts
    return [repr(float(number)) for number in numbers]
