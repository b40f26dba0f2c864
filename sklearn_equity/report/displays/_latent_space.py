"""Where in the learnt representation do the people live whom a model serves worst?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._checks import check_subgroups
from sklearn_equity._label_text import format_labels
from sklearn_equity._numbers import check_numbers, refuse_overflow
from sklearn_equity._optional import import_optional
from sklearn_equity.fidelity import Metric, SubgroupTable, subgroup_fidelity
from sklearn_equity.report.displays._canvas import (
    PLAIN,
    SERIES,
    add_legend,
    new_axes,
    say_nothing_to_draw,
    write_name,
)
from sklearn_equity.report.displays._latent_segments import (
    N_SHADES,
    choose_shades,
    describe_segment,
    most_frequent,
    name_segments,
    outline,
    place_names,
    short_name,
    title_of_outlines,
    whom_to_outline,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Matrix = NDArray[np.float64]
_FEATURE = "LatentSpaceDisplay.plot"
_ROWS_A_CELL = 10.0  # on average, if people filled the plane
_CELLS_ACROSS = (8, 30)


class LatentSpaceDisplay:
    """The latent plane in cells, with the segments that are under-served outlined.

    A cell shows how many people it holds, or the mean of a value over them, such as an
    error or a feature, or the segment that most of them are of; one of too few people
    is hatched.

    Parameters
    ----------
    coordinates : array-like of shape (n_rows, 2)
        Where each person lies, as an embedder's `transform` gives it.
    values : array-like of shape (n_rows,), default=None
        What the cells show the mean of. None shows the segment of most people where
        `segments` come without a `table`, and else the number of people.
    quantity : str, default="value"
        What the values are, with their unit or orientation.
    segments : array-like of shape (n_rows,), default=None
        Each person's segment; named on the plane, or outlined if `table` is given.
    table : SubgroupTable or None, default=None
        The fidelity of the segments, by whose verdicts they are outlined.
    n_worst : int, default=3
        How many of the under-served segments to outline at most, the worst first.
        Where the evidence is insufficient on all segments, those with the worst
        estimates are outlined, and the legend says so.
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
    colorbar_ : Colorbar or None
        Their scale; None where cells show segments.
    outlines_ : list of Line2D
        The outlines, worst first.
    names_ : list of Text
        The names of segments on the plane, of those for which there is room.
    legend_ : Legend or None
        The legend; None without segments.
    empty_note_ : Text or None
        Why no cell is coloured; None if one is.

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
            refuse_overflow(self.values, name="values")
        if segments is None and table is not None:
            msg = "`table` needs `segments`: one label a row, of those in the table."
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
    def from_predictions(
        cls,
        coordinates: ArrayLike,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        segments: ArrayLike | None = None,
        metric: str | Metric = "mae",
        n_worst: int = 3,
        min_people: int = 5,
        axis_names: tuple[str, str] = ("latent 1", "latent 2"),
        random_state: int | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the mean absolute error over the plane, and who is under-served.

        Parameters
        ----------
        coordinates : array-like of shape (n_rows, 2)
            Where each person lies.
        y_true : array-like of shape (n_rows,)
            The measured outcome, a number.
        y_pred : array-like of shape (n_rows,)
            The model's predictions.
        segments : array-like of shape (n_rows,), default=None
            Each person's segment; measured with `subgroup_fidelity` where given.
        metric : str or Metric, default="mae"
            By what segments are judged.
        n_worst : int, default=3
            How many of the under-served segments to outline at most.
        min_people : int, default=5
            Cells with fewer people are hatched.
        axis_names : tuple of str, default=('latent 1', 'latent 2')
            The names of the two coordinates.
        random_state : int or None, default=None
            Seed of the resamples.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LatentSpaceDisplay
            Drawn.
        """
        truth = check_numbers(y_true, name="y_true")
        answers = check_numbers(
            y_pred, name="y_pred", n_rows=len(truth), rows_of="y_true"
        )
        table = None
        if segments is not None:
            table = subgroup_fidelity(
                *(truth, answers),
                subgroups={"segment": segments},
                metric=metric,
                random_state=random_state,
            )
        return cls(
            coordinates,
            values=np.abs(truth - answers),
            quantity="absolute error; lower is better",
            segments=segments,
            table=table,
            n_worst=n_worst,
            min_people=min_people,
            axis_names=axis_names,
        ).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        embedder: Any,
        X: Any,
        *,
        values: ArrayLike | None = None,
        quantity: str = "value",
        segments: ArrayLike | None = None,
        table: SubgroupTable | None = None,
        n_worst: int = 3,
        min_people: int = 5,
        axis_names: tuple[str, str] = ("latent 1", "latent 2"),
        ax: "Axes | None" = None,
    ) -> Self:
        """Ask a fitted embedder where people lie, and draw.

        Parameters
        ----------
        embedder : fitted transformer
            Of two columns; of a pipeline that ends in a segmenter, take
            ``pipeline[:-1]``.
        X : array-like or data frame of shape (n_rows, n_features)
            The people.
        values : array-like of shape (n_rows,), default=None
            What the cells show the mean of.
        quantity : str, default="value"
            What the values are, with their unit or orientation.
        segments : array-like of shape (n_rows,), default=None
            Each person's segment.
        table : SubgroupTable or None, default=None
            The fidelity of the segments, by whose verdicts they are outlined.
        n_worst : int, default=3
            How many of the under-served segments to outline at most.
        min_people : int, default=5
            Cells with fewer people are hatched.
        axis_names : tuple of str, default=('latent 1', 'latent 2')
            The names of the two coordinates.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LatentSpaceDisplay
            Drawn.
        """
        check_is_fitted(embedder)
        return cls(
            np.asarray(embedder.transform(X)),
            values=values,
            quantity=quantity,
            segments=segments,
            table=table,
            n_worst=n_worst,
            min_people=min_people,
            axis_names=axis_names,
        ).plot(ax=ax)

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
        self.figure_, self.ax_ = new_axes(ax, feature=_FEATURE, size=(7.0, 5.6))
        ax = self.ax_
        self.outlines_: list[Any] = []
        self.names_: list[Any] = []
        self.legend_: Any = None
        self.colorbar_: Any = None
        self.half_widths_ = None
        n = self._draw_cells()
        said = f"n = {len(self.coordinates):,}"
        if (n < self.min_people).any():
            said += f"\nhatched: fewer than {self.min_people} people, insufficient"
        first, second = (write_name(name, width=50) for name in self.axis_names)
        ax.set_xlabel(f"{first}\n{said}", **PLAIN)
        ax.set_ylabel(second, **PLAIN)
        if self.table is not None:
            self._draw_worst(self.table, above_figure=is_new)
        elif self.segments is not None:
            self._name_segments(above_figure=is_new)
        if not self._shows_segments():
            self.colorbar_ = self.figure_.colorbar(self.cells_, ax=ax)
            self.colorbar_.set_label(self._scale(), **PLAIN)
        self.empty_note_ = None
        if not len(self.n_):
            why = f"no cell holds {self.min_people} people"
            self.empty_note_ = say_nothing_to_draw(ax, why)
        return self

    def _shows_segments(self) -> bool:
        only_segments = self.segments is not None and self.table is None
        return only_segments and self.values is None

    def _draw_cells(self) -> NDArray[np.intp]:
        """Draw cells that hold somebody, and take back those of too few people."""
        shown = len if self.values is None else np.mean
        self.cells_ = self._hexbin(shown, cmap="cividis", linewidths=0.1)
        n = self._figures_of_cells(len).astype(np.intp)
        many = n >= self.min_people
        self.n_ = n[many]
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
        return n

    def _hexbin(self, reduce: Any, *, of: Any = None, **style: Any) -> Any:
        values = np.zeros(len(self.coordinates)) if self.values is None else self.values
        return self.ax_.hexbin(
            self.coordinates[:, 0],
            self.coordinates[:, 1],
            C=values if of is None else of,
            reduce_C_function=reduce,
            gridsize=self._cells_across(),
            **style,
        )

    def _cells_across(self) -> int:
        across = np.sqrt(len(self.coordinates) / _ROWS_A_CELL)
        return int(np.clip(across, *_CELLS_ACROSS))

    def _figures_of_cells(self, reduce: Any, *, of: Any = None) -> NDArray[np.float64]:
        cells = self._hexbin(reduce, of=of)
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

    def _name_segments(self, *, above_figure: bool) -> None:
        """Write each segment's name among its cells, and shade them by it if alone."""
        found = check_subgroups(
            self.segments, n_rows=len(self.coordinates), rows_of="coordinates"
        )
        labels = format_labels(found.labels)
        counts = np.asarray(found.counts())
        of_cells = self._figures_of_cells(most_frequent, of=found.codes)
        many = self._figures_of_cells(len) >= self.min_people
        codes = of_cells[many].astype(np.intp)
        places = np.asarray(self.cells_.get_offsets())
        self._write_names(places, codes, labels)
        handles = [self.ax_.plot([], [], " ")[0]]
        names = name_segments(labels, counts, n_named=len(self.names_))
        if self._shows_segments():
            shades = self._shade_cells(places, codes, len(labels))
            if len(names) > 1:
                handles = [self._sample(shade) for shade in shades]
        else:
            handles = handles * len(names)
        self.legend_ = add_legend(
            *(self.ax_, handles, names),
            n_columns=2 if len(names) > 1 else 1,
            above_figure=above_figure,
        )
        if self._shows_segments():
            title = "cells: the segment of most people; shades tell neighbours apart"
            self.legend_.set_title(title)

    def _shade_cells(
        self, places: Matrix, codes: NDArray[np.intp], n_segments: int
    ) -> NDArray[np.intp]:
        """Give the cells of each segment a shade, and return those of the segments."""
        spans = np.maximum(np.ptp(self.coordinates, axis=0), 1e-300)
        across = self._cells_across()
        steps = spans / [across, int(across / np.sqrt(3.0))]
        scaled = places / steps * [1.0, np.sqrt(3.0)]  # neighbours are 1 apart
        shades = choose_shades(scaled, codes, n_segments)
        self.cells_.set_array(shades[codes])
        self.cells_.set_clim(0, N_SHADES - 1)
        return shades

    def _sample(self, shade: int) -> Any:
        color = self.cells_.to_rgba(shade)
        (sample,) = self.ax_.plot([], [], "h", color=color, ms=11)
        return sample

    def _write_names(
        self, places: Matrix, codes: NDArray[np.intp], labels: Sequence[str]
    ) -> None:
        ax: Any = self.ax_
        low = self.coordinates.min(axis=0)
        spans = np.maximum(np.ptp(self.coordinates, axis=0), 1e-300)
        rim = _white_rim(3)
        for segment, x, y in place_names((places - low) / spans, codes, labels):
            name = ax.text(
                *(low + spans * [x, y]),
                short_name(labels[segment]),
                ha="center",
                va="center",
                size="small",
                path_effects=rim,
                **PLAIN,
            )
            self.names_.append(name)

    def _draw_worst(self, table: SubgroupTable, *, above_figure: bool) -> None:
        worst, said = whom_to_outline(table, self.n_worst)
        for row, label in enumerate(worst.subgroup):
            people = self.coordinates[self.segments == label]
            if not len(people):
                msg = f"`segments` has nobody of {label!r}, which `table` names."
                raise ValueError(msg)
            style = SERIES[1 + row % (len(SERIES) - 1)]  # the first is the cells' blue
            (line,) = self.ax_.plot(
                *outline(people).T,
                color=style.color,
                ls=style.line,
                lw=2,
                path_effects=_white_rim(4),
            )
            self.outlines_.append(line)
        names = [describe_segment(worst, row) for row in range(len(worst))]
        self.legend_ = add_legend(
            self.ax_, self.outlines_, names, above_figure=above_figure
        )
        self.legend_.set_title(title_of_outlines(table, said) if len(worst) else said)
        self.legend_.get_title().set(**PLAIN)


def _white_rim(width: int) -> list[Any]:
    """Return what keeps a line or a name legible on dark cells."""
    effects = import_optional("matplotlib.patheffects", feature=_FEATURE)
    return [effects.withStroke(linewidth=width, foreground="white")]


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
