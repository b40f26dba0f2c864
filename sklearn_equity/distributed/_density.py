"""What does a part of a table leave behind of one measurement, for its density?"""

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike

from sklearn_equity._numbers import check_numbers, check_sample_weight
from sklearn_equity.density import BoundedKDE, kde_of_state, state_of_kde
from sklearn_equity.sufficient_statistics import fold_parts, pack, unpack, well_formed

__all__ = ["DensityCounts"]


@dataclass(frozen=True, eq=False, repr=False)
class DensityCounts:
    """Counts of one measurement, from which its density follows.

    What a part of a table leaves behind: values as they are while no more than 65,536
    differ, counts on a grid beyond. Parts add up, travel as bytes, and `finish` as the
    `BoundedKDE` of all rows.

    Parameters
    ----------
    kde : BoundedKDE
        Fitted to the rows of this part.

    See Also
    --------
    BoundedKDE : The same for rows in memory; it has `partial_fit` and `merge`.
    batches_of_table : Brings the rows here instead.

    Notes
    -----
    Up to 65,536 different values, the density of parts in any order is that of the
    whole to the bit, but for the order in which weights are added. Beyond, point masses
    are settled by the part that first passes that number, and later parts follow it.

    The bytes hold people's values one by one as long as few differ: they are for
    machines of one site, not for sites that share no rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import DensityCounts
    >>> age = np.random.default_rng(0).gamma(9.0, 5.0, size=1000)
    >>> parts = [
    ...     DensityCounts.from_arrays(age[rows], bounds=(0, None))
    ...     for rows in (slice(0, 300), slice(300, 1000))
    ... ]
    >>> whole = parts[0] + parts[1]
    >>> whole
    DensityCounts(1,000 rows)
    >>> whole.finish().interval_probability([0, 45, 200]).round(2)
    array([0.54, 0.46])
    """

    kde: BoundedKDE

    def __repr__(self) -> str:
        return f"DensityCounts({self.kde.n_samples_seen_:,} rows)"

    @classmethod
    def from_arrays(
        cls, values: ArrayLike, *, sample_weight: ArrayLike | None = None, **params: Any
    ) -> "DensityCounts":
        """Count rows in memory.

        Parameters
        ----------
        values : array-like of shape (n_rows,)
            Finite numbers within the bounds.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times.
        **params
            Those of `BoundedKDE`.

        Returns
        -------
        DensityCounts
            Those of the rows.

        Raises
        ------
        ValueError
            If a number is missing, infinite or out of bounds.
        """
        return _of_rows(values, sample_weight, params, name="values")

    @classmethod
    def from_frame(
        cls,
        table: Any,
        *,
        column: str,
        sample_weight: str | None = None,
        **params: Any,
    ) -> "DensityCounts":
        """Count a table of any size, part by part, where it lies.

        Parameters
        ----------
        table : data frame
            Eager or lazy, of any library that narwhals speaks to. Dask and Spark count
            on their workers.
        column : str
            The measurement.
        sample_weight : str, default=None
            The column of weights.
        **params
            Those of `BoundedKDE`.

        Returns
        -------
        DensityCounts
            Those of all rows.

        Raises
        ------
        ValueError
            If a column is absent, or a part breaks a rule of `from_arrays`: the message
            names the partition, or the rows, in which it was found.
        """
        count = partial(_count, column=column, weight=sample_weight, params=params)
        columns = (
            [column] if sample_weight in {None, column} else [column, sample_weight]
        )
        return fold_parts(table, columns, count, cls.from_bytes)

    def __add__(self, other: "DensityCounts") -> "DensityCounts":
        return self.merge(other)

    def merge(self, *others: "DensityCounts") -> "DensityCounts":
        """Join parts, as if their rows had been counted together.

        Parameters
        ----------
        *others : DensityCounts
            Made with the same parameters.

        Returns
        -------
        DensityCounts
            Those of all; the parts stay as they are.

        Raises
        ------
        ValueError
            If a parameter differs.
        """
        kde = deepcopy(self.kde)
        for other in others:
            kde = kde.merge(other.kde)
        return DensityCounts(kde)

    def finish(self) -> BoundedKDE:
        """Return the density of all rows.

        Returns
        -------
        BoundedKDE
            Fitted; one's own, to which more may be added.
        """
        return deepcopy(self.kde)

    def to_bytes(self) -> bytes:
        """Write to bytes, with a version and a checksum.

        Returns
        -------
        bytes
            What `from_bytes` reads, on a machine of any kind.
        """
        return pack("DensityCounts", *state_of_kde(self.kde))

    @classmethod
    def from_bytes(cls, data: bytes) -> "DensityCounts":
        """Read what `to_bytes` has written.

        Parameters
        ----------
        data : bytes
            All of them.

        Returns
        -------
        DensityCounts
            As they were written.

        Raises
        ------
        ValueError
            If the bytes are something else, of a later version, or damaged.
        """
        header, arrays = unpack("DensityCounts", data)
        with well_formed("DensityCounts"):
            return cls(kde_of_state(header, arrays))


def _count(
    rows: nw.DataFrame[Any], *, column: str, weight: str | None, params: dict[str, Any]
) -> DensityCounts:
    """Count one part of a table."""
    weights: Any = None if weight is None else rows[weight]
    return _of_rows(rows[column], weights, params, name=column)


def _of_rows(
    values: Any, sample_weight: Any, params: dict[str, Any], *, name: str
) -> DensityCounts:
    """Count rows, or say by the name of the values what is wrong with them."""
    numbers = check_numbers(values, name=name)
    weights = check_sample_weight(sample_weight, n_rows=len(numbers), rows_of=name)
    kde = BoundedKDE(**params)
    return DensityCounts(kde.fit(numbers[:, np.newaxis], sample_weight=weights))
