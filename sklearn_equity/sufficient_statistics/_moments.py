"""What does a part of a table leave behind, so that parts can be joined?

Means and centred second moments of every subgroup: two parts merge into what their rows
together would have left.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import check_subgroups
from sklearn_equity._numbers import (
    check_numbers,
    check_sample_weight,
    refuse_extreme_weights,
    refuse_overflow,
)
from sklearn_equity._tables import frame_of
from sklearn_equity.sufficient_statistics._grouped import GroupedSums, grouped_sums
from sklearn_equity.sufficient_statistics._labels import number_labels
from sklearn_equity.sufficient_statistics._packing import (
    pack,
    unpack,
    well_formed,
)
from sklearn_equity.sufficient_statistics._partitions import with_promised_types
from sklearn_equity.sufficient_statistics._steady import stretches_for
from sklearn_equity.sufficient_statistics._sums import subgroup_sums

__all__ = ["SubgroupMoments"]

_MOST_ROWS = 1 << 53  # beyond, a sum of counts is no longer exact
_ROUNDING = 1e-9  # of the largest sum of products, which moving an origin leaves
_LEAST_SPREAD = 1e-2  # of a sum of squares: two digits may go, of sixteen


@dataclass(frozen=True, eq=False, repr=False)
class SubgroupMoments:
    """Counts, means and centred second moments of columns, subgroup by subgroup.

    What a part of a table leaves behind. Two parts merge into what their rows together
    would have left, so that rows may lie in chunks, partitions or hospitals; it is a
    few numbers a subgroup, and no row can be read off it but where a subgroup is small.

    Parameters
    ----------
    columns : tuple of str
        What was summed. The first, "weight", holds 1, or the weight of the row.
    subgroups : tuple
        The labels.
    n : ndarray of shape (n_subgroups,)
        The rows of each subgroup.
    mean : ndarray of shape (n_subgroups, n_columns)
        The means of the columns, each row times its weight.
    scatter : ndarray of shape (n_subgroups, n_columns, n_columns)
        The sums of products of deviations from those means.

    See Also
    --------
    AuditAccumulator : Keeps what the figures of an audit need.

    Notes
    -----
    Parts are merged by the formula of Chan, Golub and LeVeque [1]_, two and two, so
    that neither a large mean nor many parts cost digits.

    References
    ----------
    .. [1] Chan, Golub and LeVeque (1983), "Algorithms for computing the sample
       variance", The American Statistician 37, 242-247.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import SubgroupMoments
    >>> ward = np.array(["east", "east", "west", "west", "west"])
    >>> error = np.array([1.0, 3.0, 2.0, 2.0, 5.0])
    >>> parts = [
    ...     SubgroupMoments.from_arrays({"error": error[rows]}, subgroups=ward[rows])
    ...     for rows in (slice(0, 3), slice(3, 5))
    ... ]
    >>> whole = parts[0].merge(parts[1])
    >>> whole.subgroups, whole.n
    (('east', 'west'), array([2, 3]))
    >>> whole.finish(lambda sums: sums[:, 1] / sums[:, 0])
    array([2., 3.])
    """

    columns: tuple[str, ...]
    subgroups: tuple[Hashable, ...]
    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    def __repr__(self) -> str:
        rows, groups = int(self.n.sum()), len(self.subgroups)
        return f"SubgroupMoments({rows:,} rows, {groups:,} subgroups, {self.columns})"

    # ---- where they come from ----------------------------------------------------
    @classmethod
    def from_arrays(
        cls,
        columns: Mapping[str, ArrayLike],
        *,
        subgroups: Any,
        sample_weight: ArrayLike | None = None,
    ) -> "SubgroupMoments":
        """Summarise arrays.

        Parameters
        ----------
        columns : mapping of str to array-like of shape (n_rows,)
            Finite numbers by name.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes)
            One label a row; several columns are combined.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times.

        Returns
        -------
        SubgroupMoments
            Those of the rows.
        """
        arrays: list[NDArray[np.float64]] = []
        for name, column in columns.items():
            n_rows = len(arrays[0]) if arrays else None
            arrays.append(check_numbers(column, name=name, n_rows=n_rows))
            refuse_overflow(arrays[-1], name=name)
        n_rows = len(arrays[0])
        weights = check_sample_weight(sample_weight, n_rows=n_rows)
        refuse_extreme_weights(weights)
        coded = check_subgroups(subgroups, n_rows=n_rows)
        ones = np.ones(n_rows) if weights is None else weights
        units = np.column_stack([ones, *arrays])
        if weights is not None:
            units[:, 1:] *= weights[:, np.newaxis]
        names = ("weight", *columns)
        return cls.from_codes(names, coded.labels, coded.codes, units)

    @classmethod
    def from_codes(
        cls,
        columns: Sequence[str],
        subgroups: Sequence[Hashable],
        codes: NDArray[np.intp],
        units: NDArray[np.float64],
    ) -> "SubgroupMoments":
        """Summarise clean rows that are numbered already.

        Parameters
        ----------
        columns : sequence of str
            The names of the columns of `units`.
        subgroups : sequence
            The labels that the codes stand for.
        codes : ndarray of shape (n_rows,)
            From 0 on; rows coded -1 are left out.
        units : ndarray of shape (n_rows, n_columns)
            Columns, times the weight of the row.

        Returns
        -------
        SubgroupMoments
            Those of the rows.
        """
        k, n_groups = units.shape[1], len(subgroups)
        n = np.bincount(codes + 1, minlength=n_groups + 1)[1:]
        sums = subgroup_sums(codes, n_groups, units)
        mean = sums / np.maximum(n, 1)[:, np.newaxis]
        apart = units - np.vstack([mean, np.zeros((1, k))])[codes]
        first, second = np.triu_indices(k)
        products = [
            apart[:, i] * apart[:, j] for i, j in zip(first, second, strict=True)
        ]
        scatter = np.empty((n_groups, k, k))
        scatter[:, first, second] = subgroup_sums(codes, n_groups, products)
        scatter[:, second, first] = scatter[:, first, second]
        return cls(tuple(columns), tuple(subgroups), n.astype(np.int64), mean, scatter)

    @classmethod
    def from_sums(
        cls,
        columns: Sequence[str],
        subgroups: Sequence[Hashable],
        n: NDArray[np.int64],
        sums: NDArray[np.float64],
        products: NDArray[np.float64],
        origin: NDArray[np.float64] | None = None,
    ) -> "SubgroupMoments":
        """Take what an engine has added up.

        Parameters
        ----------
        columns : sequence of str
            The names of the columns.
        subgroups : sequence
            The labels.
        n : ndarray of shape (n_subgroups,)
            The rows of each.
        sums : ndarray of shape (n_subgroups, n_columns)
            The sums of the columns.
        products : ndarray of shape (n_subgroups, n_columns, n_columns)
            The sums of their products.
        origin : ndarray of shape (n_subgroups, n_columns), default=None
            What was taken off the numbers before: where a mean is many times as large
            as the spread, raw sums of products have lost it. Labels may repeat.

        Returns
        -------
        SubgroupMoments
            Those of the rows; with an origin, the labels in the order in which they
            sort.
        """
        mean = sums / np.maximum(n, 1)[:, np.newaxis]
        scatter = products - sums[:, :, np.newaxis] * mean[:, np.newaxis, :]
        scatter = (scatter + scatter.transpose(0, 2, 1)) / 2.0
        # What rounding leaves of a column that does not vary is no spread.
        size = np.einsum("gii->gi", products)
        spread = np.einsum("gii->gi", scatter)
        flat = (spread <= 1e-13 * size) | (n[:, np.newaxis] == 1)
        scatter[flat[:, :, np.newaxis] | flat[:, np.newaxis, :]] = 0.0
        n = n.astype(np.int64)
        if origin is None:
            return cls(tuple(columns), tuple(subgroups), n, mean, scatter)
        codes, known = number_labels(subgroups)
        base = np.zeros((len(known), len(columns)))
        base[codes[::-1]] = origin[::-1]
        # Joined where means are small: in their place, they would be rounded.
        near = cls(
            tuple(columns), tuple(subgroups), n, origin - base[codes] + mean, scatter
        ).regroup(subgroups)
        return replace(
            near, mean=np.where(near.n[:, np.newaxis] > 0, base, 0.0) + near.mean
        )

    @classmethod
    def from_frame(
        cls,
        table: Any,
        *,
        columns: Sequence[str] | Mapping[str, Any],
        subgroups: str | Sequence[str],
        sample_weight: str | None = None,
    ) -> "SubgroupMoments":
        """Let the engine that holds a table add up.

        Parameters
        ----------
        table : data frame
            Eager or lazy, of any library that narwhals speaks to: polars, DuckDB, Dask,
            PySpark, Ibis, pandas and others. Numbers without gaps, checked by the
            caller: engines leave gaps out of sums in silence.
        columns : sequence of str, or mapping of str to expression of narwhals
            What to sum.
        subgroups : str or sequence of str
            The column of labels, or several, which are combined.
        sample_weight : str, default=None
            The column of weights.

        Returns
        -------
        SubgroupMoments
            Those of the rows; the labels in the order in which they sort.

        Raises
        ------
        ValueError
            If a partition of Dask holds something else than the table says.

        Notes
        -----
        Engines add up raw numbers and their products. Where a mean is more than about
        10 standard deviations away from 0, they do so a second time, with numbers taken
        from a point near the mean of their subgroup, so that spreads keep 12 digits, or
        as many as the numbers themselves have: of means up to 1e8 standard deviations,
        where subgroups do not differ in their spread by more than about 100 times.
        """
        keys = [subgroups] if isinstance(subgroups, str) else list(subgroups)
        given = columns
        if not isinstance(columns, Mapping):
            columns = {name: nw.col(name).cast(nw.Float64) for name in columns}
        weight = (
            None if sample_weight is None else nw.col(sample_weight).cast(nw.Float64)
        )
        names, frame = ("weight", *columns), frame_of(table)
        needed = _columns_needed(frame, given, keys, sample_weight)
        with with_promised_types(frame, needed) as promised:
            ask = partial(
                grouped_sums,
                promised,
                list(columns.values()),
                [nw.col(key) for key in keys],
                weight=weight,
            )
            raw = _of_groups(names, ask(), single=isinstance(subgroups, str))
            lengths = stretches_for(
                *(raw.n, raw.mean, raw.scatter),
                columns=range(1 if weight is None else 0, len(names)),
                least=_LEAST_SPREAD,
            )
            if not lengths:
                return raw
            found = ask(widths=lengths)
        return _of_groups(names, found, single=isinstance(subgroups, str))

    # ---- what is done with them --------------------------------------------------
    @property
    def sums(self) -> NDArray[np.float64]:
        """The sums of the columns, of shape (n_subgroups, n_columns)."""
        return self.mean * self.n[:, np.newaxis]

    @property
    def products(self) -> NDArray[np.float64]:
        """The sums of products of columns, (n_subgroups, n_columns, n_columns)."""
        means = self.mean[:, :, np.newaxis] * self.mean[:, np.newaxis, :]
        return self.scatter + self.n[:, np.newaxis, np.newaxis] * means

    def merge(self, *others: "SubgroupMoments") -> "SubgroupMoments":
        """Join parts, as if their rows had been summarised together.

        Parameters
        ----------
        *others : SubgroupMoments
            Of the same columns.

        Returns
        -------
        SubgroupMoments
            The labels in the order in which they sort.

        Raises
        ------
        ValueError
            If the columns differ.
        """
        parts: list[SubgroupMoments] = [self, *others]
        for other in others:
            if other.columns != self.columns:
                msg = (
                    "`merge` needs the same columns in all parts; got "
                    f"{self.columns} and {other.columns}."
                )
                raise ValueError(msg)
        while len(parts) > 1:
            pairs = [_stack(parts[i : i + 2]) for i in range(0, len(parts), 2)]
            parts = [pair.regroup(pair.subgroups) for pair in pairs]
        return parts[0] if others else self.regroup(self.subgroups)

    def regroup(self, subgroups: Sequence[Hashable]) -> "SubgroupMoments":
        """Join subgroups.

        Parameters
        ----------
        subgroups : sequence of length n_subgroups
            The new label of each.

        Returns
        -------
        SubgroupMoments
            One subgroup for each new label, in the order in which they sort.
        """
        codes, labels = number_labels(subgroups)
        if np.array_equal(codes, np.arange(len(labels))):
            return replace(self, subgroups=tuple(labels))
        n = subgroup_sums(codes, len(labels), [self.n.astype(np.float64)])[:, 0]
        parts = self.n[:, np.newaxis]
        # Means as corrections of one part's mean: exact where all parts agree.
        base = np.zeros((len(labels), self.mean.shape[1]))
        base[codes[::-1]] = self.mean[::-1]
        apart = self.mean - base[codes]
        shift = subgroup_sums(codes, len(labels), parts * apart)
        shift /= np.maximum(n, 1.0)[:, np.newaxis]
        apart -= shift[codes]
        within = self.scatter + parts[:, :, np.newaxis] * (
            apart[:, :, np.newaxis] * apart[:, np.newaxis, :]
        )
        k = self.mean.shape[1]
        scatter = subgroup_sums(codes, len(labels), within.reshape(len(codes), k * k))
        return SubgroupMoments(
            self.columns,
            tuple(labels),
            np.round(n).astype(np.int64),
            base + shift,
            scatter.reshape(len(labels), k, k),
        )

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> "SubgroupMoments":
        """Return some of the subgroups.

        Parameters
        ----------
        rows : sequence of int
            Their positions.

        Returns
        -------
        SubgroupMoments
            In the order asked for.
        """
        rows = np.asarray(rows, dtype=np.intp)
        labels = tuple(self.subgroups[i] for i in rows)
        return SubgroupMoments(
            self.columns, labels, self.n[rows], self.mean[rows], self.scatter[rows]
        )

    def finish(
        self, function: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Compute a figure of every subgroup.

        Parameters
        ----------
        function : callable
            Takes the sums of the columns, of shape (n_subgroups, n_columns).

        Returns
        -------
        ndarray of shape (n_subgroups,)
            What the function returns.
        """
        return function(self.sums)

    # ---- on their way from one place to another -----------------------------------
    def to_bytes(self) -> bytes:
        """Write to bytes, with a version and a checksum.

        Returns
        -------
        bytes
            What `from_bytes` reads, on a machine of any kind.

        Raises
        ------
        TypeError
            If a label is neither text, number, truth value, date, span of time, None
            nor a tuple of these.
        """
        header = {"columns": list(self.columns), "subgroups": list(self.subgroups)}
        return pack("SubgroupMoments", header, [self.n, self.mean, self.scatter])

    @classmethod
    def from_bytes(cls, data: bytes) -> "SubgroupMoments":
        """Read what `to_bytes` has written.

        Parameters
        ----------
        data : bytes
            All of them.

        Returns
        -------
        SubgroupMoments
            As it was written.

        Raises
        ------
        ValueError
            If the bytes are something else, of a later version, or damaged.
        """
        header, arrays = unpack("SubgroupMoments", data)
        with well_formed("SubgroupMoments"):
            columns, labels = header["columns"], header["subgroups"]
            if not isinstance(columns, list) or not isinstance(labels, list):
                raise TypeError("columns and subgroups are lists")
            if not all(isinstance(column, str) for column in columns):
                raise TypeError("columns are named by text")
            n, mean, scatter = arrays
            groups, k = len(set(map(_known_by, labels))), len(columns)
            shapes = [(groups,), (groups, k), (groups, k, k)]
            if [array.shape for array in arrays] != shapes:
                raise ValueError(f"arrays of {shapes} do not follow the labels")
            _refuse_sums_of_nobody(n, mean, scatter)
        return cls(tuple(columns), tuple(labels), n, mean, scatter)


def _of_groups(
    columns: Sequence[str], found: GroupedSums, *, single: bool
) -> SubgroupMoments:
    """Join what an engine has summed by label, and by stretch of values."""
    labels: list[Hashable] = [*found.labels]
    if single:
        labels = [label for (label,) in found.labels]
    return SubgroupMoments.from_sums(
        columns, labels, found.n, found.sums, found.products, found.origin
    )


def _columns_needed(
    frame: nw.LazyFrame[Any], columns: Any, keys: list[str], weight: str | None
) -> dict[str, str]:
    """Say which columns of a table will be read, and which argument names them."""
    # Expressions do not tell of which columns they are: any may be needed.
    known = frame.collect_schema().names() if isinstance(columns, Mapping) else columns
    needed = dict.fromkeys(known, "columns") | dict.fromkeys(keys, "subgroups")
    return needed if weight is None else needed | {weight: "sample_weight"}


def _known_by(label: Any) -> Any:
    """Return what equals that of an equal label; NaN does not equal itself."""
    if isinstance(label, tuple):
        return tuple(map(_known_by, label))
    return float if isinstance(label, float) and label != label else label


def _refuse_sums_of_nobody(
    n: NDArray[Any], mean: NDArray[Any], scatter: NDArray[Any]
) -> None:
    """Refuse what no rows add up to, whoever sent it."""
    if n.dtype != np.int64 or (n < 0).any() or sum(n.tolist()) > _MOST_ROWS:
        raise ValueError("counts of rows are whole, from 0 to 2**53 in all")
    if mean.dtype != np.float64 or scatter.dtype != np.float64:
        raise ValueError("means and spreads are floating numbers")
    with np.errstate(over="ignore"):
        sums = mean * n[:, np.newaxis]
        apart = np.abs(scatter - scatter.transpose(0, 2, 1))
    if not (np.isfinite(sums).all() and np.isfinite(mean).all()):
        raise ValueError("means and sums are finite")
    if not np.isfinite(scatter).all():
        raise ValueError("spreads are finite")
    rounding = _ROUNDING * np.abs(scatter).max(axis=(1, 2), initial=0.0)
    spread = np.einsum("gii->gi", scatter)
    if (spread < -rounding[:, np.newaxis]).any():
        raise ValueError("no sum of squares is negative")
    if (apart > rounding[:, np.newaxis, np.newaxis]).any():
        raise ValueError("products of two columns are those of the two, in any order")


def _stack(parts: Sequence[SubgroupMoments]) -> SubgroupMoments:
    """Put the subgroups of parts below each other, labels repeated."""
    return SubgroupMoments(
        parts[0].columns,
        tuple(label for part in parts for label in part.subgroups),
        np.concatenate([part.n for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.scatter for part in parts]),
    )
