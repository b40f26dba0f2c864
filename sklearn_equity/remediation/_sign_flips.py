"""How large is the largest of many paired differences, if none is there?

If two models serve somebody alike, it is chance which of them did better: the sign of
the person's part in the difference is as likely the one as the other. Signs are flipped
for whole people, so that the figures of subgroups that share people move together.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

__all__ = ["largest_by_chance"]

Vector = NDArray[np.float64]
_BATCH = 2**20  # signs held at once, which a cache holds


def largest_by_chance(
    parts: list[Vector],
    members: list[NDArray[np.intp]],
    *,
    n_rows: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> Vector:
    r"""Draw the largest t statistic over subgroups under flipped signs.

    Parameters
    ----------
    parts : list of ndarrays
        Of each subgroup, by how much each of its rows moves the difference, not
        centred: they sum to it.
    members : list of ndarrays
        Of each subgroup, its row numbers.
    n_rows : int
        How many rows there are.
    n_resamples : int
        How many times to flip all signs.
    rng : Generator
        Draws them.

    Returns
    -------
    ndarray of shape (n_resamples,)
        The largest statistic of each draw.

    Notes
    -----
    With the sum :math:`S` of n parts and their sum of squares :math:`Q`, which no flip
    changes, Student's statistic is :math:`T \sqrt{(n - 1) / (n - T^2)}` with :math:`T =
    S / \sqrt{Q}`.
    """
    scaled = []
    for part in parts:
        size = np.sqrt((part**2).sum())
        scaled.append(part / size if size > 0.0 else np.zeros_like(part))
    largest = np.full(n_resamples, -np.inf)
    n_bytes = -(-n_rows // 8)
    for batch in gen_batches(n_resamples, max(_BATCH // n_rows, 1)):
        shape = (len(largest[batch]), n_bytes)
        bits = np.unpackbits(rng.integers(256, size=shape, dtype=np.uint8), axis=1)
        signs = 2.0 * bits[:, :n_rows] - 1.0
        for part, rows in zip(scaled, members, strict=True):
            mine = signs if len(rows) == n_rows else signs[:, rows]
            total = mine @ part
            left = np.maximum(len(rows) - total**2, 1e-12 * len(rows))
            statistic = total * np.sqrt((len(rows) - 1.0) / left)
            np.maximum(largest[batch], statistic, out=largest[batch])
    return largest
