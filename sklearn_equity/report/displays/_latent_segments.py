"""How are segments told apart on a plane: by shade, by name and by outline?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, KDTree

from sklearn_equity._label_text import format_labels
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.report.displays._canvas import (
    describe_metric,
    percent,
    write_counted,
    write_figure,
    write_name,
)

Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]

N_SHADES = 7  # as many as are told apart in grey
_LONGEST = 14  # characters of a name on the plane
_OF_LETTER, _OF_LINE = 0.016, 0.07  # of the axes: the room that a name needs


# ---- shades ------------------------------------------------------------------------
def choose_shades(places: Matrix, codes: Codes, n_segments: int) -> Codes:
    """Return the shade of each segment: neighbours get different ones where they can.

    Parameters
    ----------
    places : ndarray of shape (n_cells, 2)
        Where cells lie, in units in which neighbours are 1 apart.
    codes : ndarray of shape (n_cells,)
        The segment of each cell.
    n_segments : int
        How many segments there are.

    Returns
    -------
    ndarray of shape (n_segments,)
        From 0 to ``N_SHADES - 1``.
    """
    shades = np.full(n_segments, -1, dtype=np.intp)
    if n_segments <= N_SHADES:
        return np.arange(n_segments) * (N_SHADES - 1) // max(n_segments - 1, 1)
    borders = np.zeros((n_segments, n_segments))
    pairs = KDTree(places).query_pairs(1.1, output_type="ndarray")
    np.add.at(borders, (codes[pairs[:, 0]], codes[pairs[:, 1]]), 1.0)
    borders += borders.T
    for segment in np.argsort(-borders.sum(axis=1), kind="stable"):
        clash = [borders[segment, shades == shade].sum() for shade in range(N_SHADES)]
        used = [(shades == shade).sum() for shade in range(N_SHADES)]
        shades[segment] = np.lexsort((used, clash))[0]
    return shades


def most_frequent(codes: Sequence[float]) -> float:
    """Return the segment that most people of a cell belong to."""
    return float(np.bincount(np.asarray(codes, dtype=np.intp)).argmax())


# ---- names -------------------------------------------------------------------------
def place_names(
    places: Matrix, codes: Codes, labels: Sequence[str]
) -> list[tuple[int, float, float]]:
    """Find a cell for each segment's name, near its middle, where no other name is.

    Parameters
    ----------
    places : ndarray of shape (n_cells, 2)
        Where cells lie, as shares of the axes.
    codes : ndarray of shape (n_cells,)
        The segment of each cell.
    labels : sequence of str
        The segments' names.

    Returns
    -------
    list of tuple
        Segment, and place. Segments without a free cell are left out.
    """
    placed: list[tuple[int, float, float]] = []
    for segment in range(len(labels)):
        cells = places[codes == segment]
        if not len(cells):
            continue
        middle = np.median(cells, axis=0)
        half = _half_width(labels[segment])
        nearest = cells[np.argsort(((cells - middle) ** 2).sum(axis=1))]
        for x, y in np.clip(nearest, [half, 0.0], [1.0 - half, 1.0]):
            free = all(
                abs(x - x_other) > half + _half_width(labels[other])
                or abs(y - y_other) > _OF_LINE
                for other, x_other, y_other in placed
            )
            if free:
                placed.append((segment, float(x), float(y)))
                break
    return placed


def short_name(label: str) -> str:
    """Cut a name that is longer than there is room on the plane."""
    text = " ".join(label.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"


def _half_width(label: str) -> float:
    return _OF_LETTER * (len(short_name(label)) + 1) / 2.0


def name_segments(labels: Sequence[str], counts: Codes, *, n_named: int) -> list[str]:
    """Write each segment with its people; of many, how many there are and how large."""
    if len(labels) <= N_SHADES:
        return [write_counted(name, n) for name, n in zip(labels, counts, strict=True)]
    said = f"{len(labels):,} segments, of {counts.min():,} to {counts.max():,} people"
    n_left = len(labels) - n_named
    return [f"{said}; not named here: {n_left}" if n_left else said]


# ---- outlines ----------------------------------------------------------------------
def whom_to_outline(table: SubgroupTable, n_most: int) -> tuple[SubgroupTable, str]:
    """Return the segments to outline, worst first, and what they are.

    Those shown to be under-served; where no verdict is on any segment, those with the
    worst estimates.
    """
    worst = table.worst(len(table))
    verdicts = set(table.verdict)
    if verdicts == {"insufficient evidence"}:
        shown = table.worst(n_most)
        return shown, f"insufficient evidence on all; the {len(shown)} worst estimates"
    n_found = table.verdict.count("under-served")
    found = [i for i, verdict in enumerate(worst.verdict) if verdict == "under-served"]
    if not n_found:
        return worst.take([]), "no segment is shown to be under-served"
    said = "outlined: shown to be under-served"
    if n_found > n_most:
        said += f", the worst {n_most} of {n_found}"
    return worst.take(found[:n_most]), said


def outline(people: Matrix) -> Matrix:
    """Return the corners of the convex hull, the first one again at the end."""
    if len(people) < 3:
        return people
    corners = ConvexHull(people, qhull_options="QJ").vertices
    return people[[*corners, corners[0]]]


def title_of_outlines(table: SubgroupTable, said: str) -> str:
    """Say who is outlined, and what their figures are."""
    metric = describe_metric(table.metric, greater_is_better=table.greater_is_better)
    return f"{said}\n{metric}; {percent(table.confidence_level)} intervals"


def describe_segment(table: SubgroupTable, row: int) -> str:
    """Write a segment's estimate, interval, people and verdict."""
    name = f"{table.grouping[row]} = {format_labels(table.subgroup)[row]}"
    low, high = table.ci_low[row], table.ci_high[row]
    known = np.isfinite(low) and np.isfinite(high)
    interval = "interval unknown"
    if known:
        interval = f"{write_figure(low)} to {write_figure(high)}"
    return (
        f"{write_name(name, width=50)}: {write_figure(table.estimate[row])} "
        f"({interval}), n = {table.n[row]:,}, {table.verdict[row]}"
    )
