"""What does a part of a table leave behind, so that parts can be joined?

Means and centred second moments of every subgroup: two parts merge into what their rows
together would have left.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import check_numbers, check_sample_weight, check_subgroups
from sklearn_equity._factorize import is_missing
from sklearn_equity.sufficient_statistics._packing import (
    check_shapes,
    pack,
    reading,
    unpack,
)
from sklearn_equity.sufficient_statistics._sums import subgroup_sums
from sklearn_equity.sufficient_statistics._tables import frame_of

__all__ = ["SubgroupMoments", "label_order"]


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
        n_rows = len(arrays[0])
        weights = check_sample_weight(sample_weight, n_rows=n_rows)
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

        Returns
        -------
        SubgroupMoments
            Those of the rows.
        """
        mean = sums / np.maximum(n, 1)[:, np.newaxis]
        scatter = products - sums[:, :, np.newaxis] * mean[:, np.newaxis, :]
        scatter = (scatter + scatter.transpose(0, 2, 1)) / 2.0
        # What rounding leaves of a column that does not vary is no spread.
        size = np.einsum("gii->gi", products)
        spread = np.einsum("gii->gi", scatter)
        flat = (spread <= 1e-13 * size) | (n[:, np.newaxis] == 1)
        scatter[flat[:, :, np.newaxis] | flat[:, np.newaxis, :]] = 0.0
        return cls(tuple(columns), tuple(subgroups), n.astype(np.int64), mean, scatter)

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
        """
        keys = [subgroups] if isinstance(subgroups, str) else list(subgroups)
        if not isinstance(columns, Mapping):
            columns = {name: nw.col(name).cast(nw.Float64) for name in columns}
        rows = _grouped_sums(table, columns, keys, sample_weight)
        labels = list(zip(*(rows[f"k{j}"] for j in range(len(keys))), strict=True))
        if isinstance(subgroups, str):
            labels = [label for (label,) in labels]
        order = sorted(range(len(labels)), key=lambda i: label_order(labels[i]))
        n = np.array(rows["n"], dtype=np.int64)[order]
        k = len(columns) + 1

        def take(i: int, j: int | None = None) -> NDArray[np.float64]:
            """Return the sums of a column, or of the product of two."""
            if sample_weight is None and i == 0:
                return n.astype(np.float64) if j in (None, 0) else take(j or 0)
            name = f"s{i}" if j is None else f"p{i}_{j}"
            return np.array(rows[name], dtype=np.float64)[order]

        sums = np.stack([take(i) for i in range(k)], axis=1)
        products = np.empty((len(n), k, k))
        for i, j in zip(*np.triu_indices(k), strict=True):
            products[:, i, j] = products[:, j, i] = take(int(i), int(j))
        names = ("weight", *columns)
        return cls.from_sums(names, [labels[i] for i in order], n, sums, products)

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
        labels = sorted(dict.fromkeys(subgroups), key=label_order)
        place = {label: i for i, label in enumerate(labels)}
        codes = np.fromiter((place[label] for label in subgroups), np.intp)
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
            If a label is neither text, number, truth value, None nor a tuple of these.
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
        with reading("SubgroupMoments"):
            columns, labels = tuple(header["columns"]), tuple(header["subgroups"])
            shape = len(labels), len(columns)
            check_shapes(labels, arrays, shape[:1], shape, (*shape, shape[1]))
            return cls(columns, labels, *arrays)


def _stack(parts: Sequence[SubgroupMoments]) -> SubgroupMoments:
    """Put the subgroups of parts below each other, labels repeated."""
    return SubgroupMoments(
        parts[0].columns,
        tuple(label for part in parts for label in part.subgroups),
        np.concatenate([part.n for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.scatter for part in parts]),
    )


def label_order(label: Any) -> Any:
    """Sort numbers as numbers, text as text, and tuples part by part."""
    if isinstance(label, tuple):
        return (3, tuple(label_order(part) for part in label))
    if is_missing(label):
        return (4, "")
    if isinstance(label, bool | int | float | np.number | np.bool_):
        return (0, label)
    return (1, label) if isinstance(label, str) else (2, str(label))


def _grouped_sums(
    table: Any,
    columns: Mapping[str, Any],
    keys: Sequence[str],
    sample_weight: str | None,
) -> dict[str, list[Any]]:
    """Have an engine group and sum; only the sums come back."""
    frame = frame_of(table)
    weight = None if sample_weight is None else nw.col(sample_weight).cast(nw.Float64)
    named = [nw.col(key).alias(f"k{j}") for j, key in enumerate(keys)]
    units = [
        (column if weight is None else column * weight).alias(f"u{i}")
        for i, column in enumerate(columns.values(), start=1)
    ]
    if weight is not None:
        units.insert(0, weight.alias("u0"))
    start = 1 if weight is None else 0
    frame = frame.select(*named, *units)
    pairs = [
        (i, j)
        for i in range(start, len(columns) + 1)
        for j in range(i, len(columns) + 1)
    ]
    # Some engines sum columns alone, not expressions.
    frame = frame.with_columns(
        *((nw.col(f"u{i}") * nw.col(f"u{j}")).alias(f"v{i}_{j}") for i, j in pairs)
    )
    sums = [
        nw.col(f"u{i}").sum().alias(f"s{i}") for i in range(start, len(columns) + 1)
    ]
    products = [nw.col(f"v{i}_{j}").sum().alias(f"p{i}_{j}") for i, j in pairs]
    by = [f"k{j}" for j in range(len(keys))]
    found = frame.group_by(*by).agg(nw.len().alias("n"), *sums, *products).collect()
    return {name: found[name].to_list() for name in found.columns}
