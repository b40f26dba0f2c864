"""Where in the learnt representation do the people live whom a model serves worst?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull
from scipy.stats import t as student
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._checks import check_numbers, format_labels
from sklearn_equity._optional import import_optional
from sklearn_equity.fidelity import SubgroupTable
from sklearn_equity.report.displays._canvas import (
    PLAIN,
    SERIES,
    add_legend,
    describe_metric,
    new_axes,
    percent,
    write_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Matrix = NDArray[np.float64]
_ROWS_A_CELL = 10.0  # on average, if people filled the plane
_CELLS_ACROSS = (8, 30)


class LatentSpaceDisplay:
    """The latent plane in cells, with the segments that are served worst outlined.

    A cell shows how many people it holds, or the mean of a value over them, such as an
    error or a feature; one of too few people is hatched.

    Parameters
    ----------
    coordinates : array-like of shape (n_rows, 2)
        Where each person lies, as an embedder's `transform` gives it.
    values : array-like of shape (n_rows,), default=None
        What the cells show the mean of; None shows the number of people.
    quantity : str, default="value"
        What the values are, with their unit or orientation.
    segments : array-like of shape (n_rows,), default=None
        Each person's segment; needed for outlines.
    table : SubgroupTable or None, default=None
        The fidelity of the segments; needed for outlines.
    n_worst : int, default=3
        How many segments to outline, those served worst first.
    min_people : int, default=5
        Cells with fewer people are hatched and show nothing else.
    axis_names : tuple of str, default=('latent 1', 'latent 2')
        The names of the two coordinates.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    cells_ : PolyCollection
        The cells of enough people.
    few_cells_ : PolyCollection
        Those of too few.
    n_ : ndarray of shape (n_cells,)
        How many people each of `cells_` holds.
    half_widths_ : ndarray of shape (n_cells,) or None
        How far the 95% interval of each mean reaches to either side; None without
        values.
    colorbar_ : Colorbar
        Their scale.
    outlines_ : list of Line2D
        The outlines, worst first.

    See Also
    --------
    AutoencoderEmbedder : Learns the plane.
    LatentGMMSegmenter : Learns the segments.

    Notes
    -----
    Colour a segment by its fidelity with ``values=table.shrunken[segments]``, for
    segments numbered from 0 without gaps. The intervals of the cells are Student's,
    each by itself: some of many cells lie outside theirs, and a lone one proves
    nothing. An outline is the convex hull of the segment's people; hulls may overlap
    where segments do not, and their corners are single people, which matters to what is
    published. The figures in the legend are those of ``table.worst(k)``, which allow
    for having been picked.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import LatentSpaceDisplay, subgroup_fidelity
    >>> rng = np.random.default_rng(0)
    >>> segments = np.repeat([0, 1, 2], 200)
    >>> plane = rng.normal(size=(600, 2)) + 4 * segments[:, np.newaxis]
    >>> y_true = rng.uniform(30, 60, size=600)
    >>> y_pred = y_true + rng.normal(size=600) * np.where(segments == 1, 9, 3)
    >>> table = subgroup_fidelity(
    ...     y_true, y_pred, subgroups={"segment": segments}, random_state=0
    ... )
    >>> display = LatentSpaceDisplay(
    ...     plane, segments=segments, table=table, n_worst=1
    ... ).plot()
    >>> display.legend_.get_texts()[0].get_text().partition(":")[0]
    'segment = 1'
    """

    def __init__(
        self,
        coordinates: ArrayLike,
        *,
        values: ArrayLike | None = None,
        quantity: str = "value",
        segments: ArrayLike | None = None,
        table: SubgroupTable | None = None,
        n_worst: int = 3,
        min_people: int = 5,
        axis_names: tuple[str, str] = ("latent 1", "latent 2"),
    ) -> None:
        self.coordinates = _check_plane(coordinates)
        n_rows = len(self.coordinates)
        self.values = None
        if values is not None:
            self.values = check_numbers(
                values, name="values", n_rows=n_rows, rows_of="coordinates"
            )
        if (segments is None) != (table is None):
            msg = "`segments` and `table` belong together: give both, or neither."
            raise ValueError(msg)
        self.segments = None if segments is None else np.asarray(segments)
        if self.segments is not None and len(self.segments) != n_rows:
            msg = f"`segments` must have one label per row of `coordinates` ({n_rows});"
            raise ValueError(f"{msg} got {len(self.segments)}.")
        self.quantity = quantity
        self.table = table
        self.n_worst = n_worst
        self.min_people = min_people
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls, embedder: Any, X: Any, *, ax: "Axes | None" = None, **options: Any
    ) -> Self:
        """Ask a fitted embedder where people lie, and draw.

        Parameters
        ----------
        embedder : fitted transformer
            Of two columns; of a pipeline that ends in a segmenter, take
            ``pipeline[:-1]``.
        X : array-like or data frame of shape (n_rows, n_features)
            The people.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else the display takes, such as `values`, `segments` and `table`.

        Returns
        -------
        LatentSpaceDisplay
            Drawn.
        """
        check_is_fitted(embedder)
        return cls(np.asarray(embedder.transform(X)), **options).plot(ax=ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the plane.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LatentSpaceDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        is_new = ax is None
        self.figure_, self.ax_ = new_axes(
            ax, feature="LatentSpaceDisplay.plot", size=(7.0, 5.6)
        )
        ax = self.ax_
        self._draw_cells()
        self.colorbar_ = self.figure_.colorbar(self.cells_, ax=ax)
        self.colorbar_.set_label(self._scale(), **PLAIN)
        n = f"n = {len(self.coordinates):,}"
        if len(self.few_cells_.get_offsets()):
            n += f"\nhatched: fewer than {self.min_people} people, insufficient"
        first, second = (write_name(name, width=50) for name in self.axis_names)
        ax.set_xlabel(f"{first}\n{n}", **PLAIN)
        ax.set_ylabel(second, **PLAIN)
        self.outlines_: list[Any] = []
        if self.table is not None:
            self._draw_worst(self.table, above_figure=is_new)
        return self

    def _draw_cells(self) -> None:
        """Draw cells that hold somebody, and take back those of too few people."""
        shown = len if self.values is None else np.mean
        self.cells_ = self._hexbin(shown, cmap="cividis", linewidths=0.1)
        n = self._figures_of_cells(len)
        many = n >= self.min_people
        self.n_ = n[many].astype(np.intp)
        self.half_widths_ = None
        if self.values is not None:
            self.half_widths_ = self._figures_of_cells(_half_width)[many]
        self.few_cells_ = self._hexbin(
            len, facecolor="white", edgecolor="#9a9a9a", hatch="/////", linewidths=0.3
        )
        self.few_cells_.set_array(None)
        places = self.cells_.get_offsets()
        self.few_cells_.set_offsets(places[~many])
        self.cells_.set_offsets(places[many])
        self.cells_.set_array(self.cells_.get_array()[many])
        self.cells_.autoscale()

    def _hexbin(self, reduce: Any, **style: Any) -> Any:
        values = np.zeros(len(self.coordinates)) if self.values is None else self.values
        return self.ax_.hexbin(
            self.coordinates[:, 0],
            self.coordinates[:, 1],
            C=values,
            reduce_C_function=reduce,
            gridsize=int(np.clip(np.sqrt(len(values) / _ROWS_A_CELL), *_CELLS_ACROSS)),
            **style,
        )

    def _figures_of_cells(self, reduce: Any) -> NDArray[np.float64]:
        cells = self._hexbin(reduce)
        figures = np.asarray(cells.get_array(), dtype=np.float64)
        cells.remove()
        return figures

    def _scale(self) -> str:
        """Say what colours mean, of how many people, and how sure that is."""
        if not len(self.n_):
            return "no cell has enough people"
        if self.half_widths_ is None:
            return "people in the cell"
        middle, widest = np.median(self.half_widths_), self.half_widths_.max()
        return (
            f"mean of {write_name(self.quantity, width=40)}\n"
            f"{self.n_.min():,} to {self.n_.max():,} people a cell; 95% intervals:\n"
            f"±{middle:.2g} in half of them, ±{widest:.2g} at most"
        )

    def _draw_worst(self, table: SubgroupTable, *, above_figure: bool) -> None:
        worst = table.worst(self.n_worst)
        effects = import_optional(
            "matplotlib.patheffects", feature="LatentSpaceDisplay.plot"
        )
        rim = [effects.withStroke(linewidth=4, foreground="white")]  # on dark cells
        for row, label in enumerate(worst.subgroup):
            people = self.coordinates[self.segments == label]
            if not len(people):
                msg = f"`segments` has nobody of {label!r}, which `table` names."
                raise ValueError(msg)
            style = SERIES[1 + row % (len(SERIES) - 1)]  # the first is the cells' blue
            (line,) = self.ax_.plot(
                *_outline(people).T,
                color=style.color,
                ls=style.line,
                lw=2,
                path_effects=rim,
            )
            self.outlines_.append(line)
        metric = describe_metric(
            table.metric, greater_is_better=table.greater_is_better
        )
        title = f"{metric}; {percent(table.confidence_level)} intervals"
        names = [_figures(worst, row) for row in range(len(worst))]
        self.legend_ = add_legend(
            self.ax_, self.outlines_, names, above_figure=above_figure
        )
        self.legend_.set_title(title)
        self.legend_.get_title().set(**PLAIN)


def _check_plane(coordinates: ArrayLike) -> Matrix:
    plane = np.asarray(coordinates, dtype=np.float64)
    if plane.ndim != 2 or plane.shape[1] != 2 or not len(plane):
        msg = (
            "`coordinates` must have two columns, one row a person; got shape "
            f"{plane.shape}. Of more, choose two."
        )
        raise ValueError(msg)
    if not np.isfinite(plane).all():
        raise ValueError("`coordinates` must be finite; some are missing or infinite.")
    return plane


def _half_width(values: Sequence[float]) -> float:
    """Return half of the 95% interval of a mean; infinite for one person."""
    n = len(values)
    if n < 2:
        return float("inf")
    return float(student.isf(0.025, n - 1) * np.std(values, ddof=1) / np.sqrt(n))


def _outline(people: Matrix) -> Matrix:
    """Return the corners of the convex hull, the first one again at the end."""
    if len(people) < 3:
        return people
    corners = ConvexHull(people, qhull_options="QJ").vertices
    return people[[*corners, corners[0]]]


def _figures(table: SubgroupTable, row: int) -> str:
    name = f"{table.grouping[row]} = {format_labels(table.subgroup)[row]}"
    low, high = table.ci_low[row], table.ci_high[row]
    known = np.isfinite(low) and np.isfinite(high)
    interval = f"{low:.3g} to {high:.3g}" if known else "interval unknown"
    return (
        f"{write_name(name, width=50)}: {table.estimate[row]:.3g} ({interval}), "
        f"n = {table.n[row]:,}, {table.verdict[row]}"
    )
