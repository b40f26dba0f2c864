"""How does what learns from batches get them, and which rows stand for all?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_equity._numbers import check_whole_number
from sklearn_equity._optional import build_frame
from sklearn_equity._tables import frame_of, list_of_columns, select_columns
from sklearn_equity.distributed._gaps import Gaps, check_gaps, refuse_gaps
from sklearn_equity.sufficient_statistics import batches

__all__ = ["TableSample", "batches_of_table", "sample_table"]

_KEYS_AT_ONCE = 2**16


def batches_of_table(
    table: Any,
    *,
    columns: Sequence[str],
    batch_size: int = 65_536,
    missing: Gaps = "raise",
) -> Iterator[Any]:
    """Bring the rows of a table of any size here, one batch after the other.

    For whatever has `partial_fit`: `AutoencoderEmbedder`, `BoundedKDE`, scikit-learn's
    scalers.

    Parameters
    ----------
    table : data frame
        Lazy or eager, of polars, DuckDB, Dask, PySpark, Ibis or another library that
        narwhals speaks to.
    columns : sequence of str
        The columns that are wanted, in this order.
    batch_size : int, default=65536
        The rows of a batch, at most, where the engine cuts batches itself.
    missing : {"raise", "keep"}, default="raise"
        What happens to null and NaN: an error, or they stay, for what learns to deal
        with.

    Yields
    ------
    data frame
        Some rows, in the order of the table: of pandas, or of polars if scikit-learn's
        `transform_output` says so. Dask gives its partitions, Spark its batches of
        10,000; none is empty.

    Raises
    ------
    ValueError
        If a column is absent, a value is missing or infinite, or a partition of Dask
        holds something else than the table says: the message names the partition, or
        the rows, in which it was found.
    TypeError
        If `table` is no table that narwhals speaks to.

    See Also
    --------
    sample_table : Some rows that stand for all.

    Examples
    --------
    >>> import polars as pl
    >>> from sklearn_equity import BoundedKDE, batches_of_table
    >>> lazy = pl.DataFrame({"hba1c": [36.0, 41.0, 39.0, 52.0] * 50}).lazy()
    >>> kde = BoundedKDE(bounds=(0, 200))
    >>> for batch in batches_of_table(lazy, columns=["hba1c"], batch_size=80):
    ...     kde = kde.partial_fit(batch)
    >>> kde.n_samples_seen_
    200
    """
    check_whole_number(batch_size, name="batch_size", least=1)
    names = list_of_columns(columns)
    frame = _select(table, names)
    check_gaps(missing)
    return _frames(frame, names, batch_size, missing)


def _select(table: Any, names: list[str]) -> nw.LazyFrame[Any]:
    frame = select_columns(frame_of(table), names)
    for name, held in frame.collect_schema().items():
        if held.is_nested():
            msg = (
                f"`columns` must name columns of one value a row; {name!r} holds "
                f"{held}. Take it apart into columns."
            )
            raise ValueError(msg)
    return frame


def _frames(
    frame: nw.LazyFrame[Any], names: list[str], batch_size: int, missing: Gaps
) -> Iterator[Any]:
    for place, rows in batches(frame, batch_size):
        refuse_gaps(rows, place, missing)
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            columns: dict[str, Any] = {name: some[name].to_numpy() for name in names}
            yield build_frame(columns, feature="batches_of_table()")


@dataclass(frozen=True, repr=False)
class TableSample:
    """Rows of a table, each as likely to be here as any other.

    Parameters
    ----------
    rows : data frame
        The rows drawn, in the order of the table.
    positions : ndarray of shape (n_rows,)
        Where they lay, from 0 on, in the order in which the engine gave its rows.
    n_seen : int
        How many rows there were to draw from.

    See Also
    --------
    sample_table : Makes one.

    Examples
    --------
    >>> import polars as pl
    >>> from sklearn_equity import sample_table
    >>> drawn = sample_table(pl.LazyFrame({"age": [36, 41]}), columns=["age"])
    >>> drawn.positions, drawn.n_seen
    (array([0, 1]), 2)
    """

    rows: Any
    positions: NDArray[np.int64]
    n_seen: int

    def __repr__(self) -> str:
        return (
            f"TableSample({len(self.positions):,} of {self.n_seen:,} rows, drawn "
            "uniformly)"
        )


def sample_table(
    table: Any,
    *,
    columns: Sequence[str],
    n_rows: int = 100_000,
    missing: Gaps = "raise",
    random_state: int | None = None,
) -> TableSample:
    """Draw rows of a table of any size, in one pass and uniformly.

    Enough for what looks at the shape of a population, such as the mixture of
    `LatentGMMSegmenter`; the segments are then given to all rows by `label_segments`.

    Parameters
    ----------
    table : data frame
        Lazy or eager, of polars, DuckDB, Dask, PySpark, Ibis or another library that
        narwhals speaks to.
    columns : sequence of str
        The columns that are wanted, in this order.
    n_rows : int, default=100000
        How many rows to draw; all of a smaller table.
    missing : {"raise", "keep"}, default="raise"
        What happens to null and NaN in any row, drawn or not: an error, or they stay,
        for what learns to deal with.
    random_state : int or None, default=None
        Seeds the draw. Equal seeds draw equal positions, however the table is cut into
        parts; the rows are equal, too, where the engine keeps its order.

    Returns
    -------
    TableSample
        The rows, where they lay, and how many there were.

    Raises
    ------
    ValueError
        If a column is absent, there is no row, `n_rows` is less than 1, a value is
        missing or infinite, or a partition of Dask holds something else than the table
        says: the message names the partition, or the rows, in which it was found.

    See Also
    --------
    label_segments : Gives the segments found to all rows.

    Notes
    -----
    Every row gets a random key, a function of the seed and its position alone, and the
    rows with the least keys are kept: reservoir sampling with one reservoir, however
    many batches there are [1]_.

    References
    ----------
    .. [1] Vitter (1985), "Random sampling with a reservoir", ACM Transactions on
       Mathematical Software 11, 37-57.

    Examples
    --------
    >>> import polars as pl
    >>> from sklearn_equity import sample_table
    >>> lazy = pl.DataFrame({"age": range(1000)}).lazy()
    >>> drawn = sample_table(lazy, columns=["age"], n_rows=20, random_state=0)
    >>> drawn
    TableSample(20 of 1,000 rows, drawn uniformly)
    >>> drawn.rows["age"].to_list() == drawn.positions.tolist()
    True
    """
    check_whole_number(n_rows, name="n_rows", least=1)
    check_gaps(missing)
    if random_state is not None:
        check_whole_number(random_state, name="random_state", least=0)
    names = list_of_columns(columns)
    frame = _select(table, names)
    seed = int(np.random.default_rng(random_state).integers(2**63))
    keys, positions = np.zeros(0), np.zeros(0, dtype=np.int64)
    kept: dict[str, Any] = {name: np.zeros(0) for name in names}
    n_seen = 0
    for place, rows in batches(frame):
        refuse_gaps(rows, place, missing)
        new = _keys(seed, n_seen, len(rows))
        least = np.flatnonzero(new < (keys.max() if len(keys) == n_rows else np.inf))
        keys = np.concatenate([keys, new[least]])
        positions = np.concatenate([positions, least + n_seen])
        n_seen += len(rows)
        best = np.sort(np.argsort(keys, kind="stable")[:n_rows])
        keys, positions = keys[best], positions[best]
        for name in names:
            values = rows[name].to_numpy()[least]
            joined = np.concatenate([kept[name], values]) if len(kept[name]) else values
            kept[name] = joined[best]
    if n_seen == 0:
        raise ValueError("`table` must have at least one row; got none.")
    return TableSample(build_frame(kept, feature="sample_table()"), positions, n_seen)


def _keys(seed: int, start: int, n_rows: int) -> NDArray[np.float64]:
    """Return the keys of rows from `start` on, drawn in blocks that never move."""
    first, last = start // _KEYS_AT_ONCE, (start + n_rows) // _KEYS_AT_ONCE
    drawn = [
        np.random.default_rng([seed, block]).random(_KEYS_AT_ONCE)
        for block in range(first, last + 1)
    ]
    offset = start - first * _KEYS_AT_ONCE
    return np.concatenate(drawn)[offset : offset + n_rows]
