"""How is a measurement spread, and how many people lie beyond which threshold?"""

import itertools
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_equity._checks import check_subgroups
from sklearn_equity._label_text import format_labels
from sklearn_equity._numbers import check_numbers, refuse_overflow
from sklearn_equity.density import BoundedKDE
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    new_axes,
    refuse_too_many,
    say_nothing_to_draw,
    write_figure,
    write_name,
)
from sklearn_equity.report.displays._density_curves import (
    DensityCurve,
    Vector,
    describe_points,
    read_curve,
)
from sklearn_equity.report.displays._density_rows import draw_rows, height_of_row
from sklearn_equity.report.displays._density_together import (
    MOST_TOGETHER,
    draw_together,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Layout = Literal["auto", "together", "rows"]
_LAYOUTS = ("auto", "together", "rows")
_FEW = 4  # subgroups that "auto" draws together; bands of more cover each other


class DensityDisplay:
    """Densities of a measurement, with thresholds and the share of people beyond.

    Reads fitted densities. A few subgroups share one axes; of more, each has a row of
    its own, before the density of all the others in grey. Point masses, such as the
    people at a detection limit, stand as stems of their own.

    Parameters
    ----------
    densities : sequence of BoundedKDE
        Fitted, one a subgroup.
    labels : sequence of hashable
        The subgroups.
    grid : array-like of shape (n_grid,)
        At which values to draw, ascending.
    edges : array-like of shape (n_edges,), default=()
        Thresholds, ascending: regions run from each to the next. The last may be
        infinite, for all beyond the one before.
    quantity : str, default="measurement"
        What is measured, with its unit.
    layout : {"auto", "together", "rows"}, default="auto"
        Whether subgroups share one scale, which is told apart by style for at most
        seven, or stand in rows below each other, for some fifty. "auto" draws up to
        four together.
    min_people : int, default=20
        A subgroup of fewer is named, and no density of it is drawn.
    random_state : int or None, default=0
        Draws the samples of which the bands are made.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    points_ax_ : matplotlib Axes or None
        The axes of the point masses; None if there are none, and in rows.
    figure_ : matplotlib Figure
        The figure.
    lines_ : list of Line2D
        The densities, one a subgroup; without points where there is none to draw.
    bands_ : list of FillBetweenPolyCollection
        Their 95% intervals, point by point.
    regions_ : list of FillBetweenPolyCollection
        What is integrated: subgroup by subgroup, from the first region on.
    others_ : list of FillBetweenPolyCollection
        In rows, the density of all other people together; else empty.
    probabilities_ : ndarray of shape (n_subgroups, n_edges - 1)
        The share of people in each region, point masses included.
    intervals_ : ndarray of shape (n_subgroups, n_edges - 1, 2)
        95% intervals of these shares, each by itself.
    threshold_lines_ : list of Line2D
        The thresholds.
    empty_note_ : Text or None
        Why no density is drawn; None if one is.

    See Also
    --------
    BoundedKDE : Estimates a density.
    compare_deterioration : Compares what lies beyond thresholds, with intervals.

    Notes
    -----
    In rows one scale holds every line whole; a band that rises beyond its row is cut
    there, and the legend says so.

    Bands are those of `BoundedKDE.pdf_interval`, and hold point by point: a line of 30
    people looks as smooth as one of 3,000, and its band does not. They know no bias: a
    peak may be narrower than its band. The shares of people have Wilson's intervals,
    for as many people as there are rows, whatever their weights. That two bands part
    somewhere is no test: compare subgroups by `dataset_inequality`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import DensityDisplay
    >>> values = np.concatenate([np.zeros(300), np.linspace(0.1, 50, 700)])
    >>> display = DensityDisplay.from_values(
    ...     values, edges=[25, np.inf], bounds=(0, None), quantity="days"
    ... )
    >>> display.probabilities_.round(2)
    array([[0.35]])
    """

    def __init__(
        self,
        densities: Sequence[BoundedKDE],
        labels: Sequence[Hashable],
        grid: ArrayLike,
        *,
        edges: ArrayLike = (),
        quantity: str = "measurement",
        layout: Layout = "auto",
        min_people: int = 20,
        random_state: int | None = 0,
    ) -> None:
        if layout not in _LAYOUTS:
            msg = f"`layout` must be one of {_LAYOUTS}; got {layout!r}."
            raise ValueError(msg)
        self.densities = tuple(densities)
        self.labels = tuple(labels)
        self.grid: Vector = np.asarray(grid, dtype=np.float64)
        self.edges: Vector = np.asarray(edges, dtype=np.float64)
        self.quantity = quantity
        self.layout = layout
        self.min_people = min_people
        self.random_state = random_state

    @classmethod
    def from_values(
        cls,
        values: ArrayLike,
        *,
        subgroups: Any = None,
        edges: ArrayLike = (),
        quantity: str = "measurement",
        layout: Layout = "auto",
        min_people: int = 20,
        random_state: int | None = 0,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Fit a `BoundedKDE` to each subgroup, and draw from least to largest value.

        Parameters
        ----------
        values : array-like of shape (n_rows,)
            The measurement.
        subgroups : array-like of shape (n_rows,), default=None
            One label a row; None takes everybody together.
        edges : array-like of shape (n_edges,), default=()
            Thresholds, ascending.
        quantity : str, default="measurement"
            What is measured, with its unit.
        layout : {"auto", "together", "rows"}, default="auto"
            Whether subgroups share one axes or stand in rows below each other.
        min_people : int, default=20
            A subgroup of fewer is named, and no density of it is drawn.
        random_state : int or None, default=0
            Draws the samples of which the bands are made.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What `BoundedKDE` takes, such as `bounds`.

        Returns
        -------
        DensityDisplay
            Drawn.
        """
        numbers = check_numbers(values, name="values")
        refuse_overflow(numbers, name="values")
        labels: Sequence[Hashable] = ("everybody",)
        codes = np.zeros(len(numbers), dtype=np.intp)
        if subgroups is not None:
            found = check_subgroups(subgroups, n_rows=len(numbers), rows_of="values")
            refuse_too_many(found.n_subgroups, 200)
            codes, labels = found.codes, found.labels
        rows = [numbers[codes == i] for i in range(len(labels))]
        densities = [BoundedKDE(**options).fit(part[:, np.newaxis]) for part in rows]
        grid = np.linspace(numbers.min(), numbers.max(), 400)
        about: dict[str, Any] = {
            "edges": edges,
            "quantity": quantity,
            "layout": layout,
            "min_people": min_people,
            "random_state": random_state,
        }
        return cls(densities, labels, grid, **about).plot(ax=ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the densities.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        DensityDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        ValueError
            If more than seven subgroups are to be drawn together.
        """
        in_rows = self._in_rows()
        curves = self._curves()
        size = (7.0, 4.2 + 0.4 * len(curves))
        if in_rows:
            size = (8.0, 2.0 + height_of_row(curves) * len(curves))
        self.figure_, self.ax_ = new_axes(ax, feature="DensityDisplay.plot", size=size)
        ax = self.ax_
        self.probabilities_ = np.array([curve.regions[:, 0] for curve in curves])
        self.intervals_ = np.array([curve.regions[:, 1:] for curve in curves])
        if in_rows:
            drawn = draw_rows(ax, curves, self.edges, self.grid)
        else:
            drawn = draw_together(ax, curves, self.edges)
        self.lines_: list[Any] = drawn["lines"]
        self.bands_: list[Any] = drawn["bands"]
        self.regions_: list[Any] = drawn["regions"]
        self.others_: list[Any] = drawn["others"]
        self.points_ax_: Any = drawn["points_ax"]
        self.legend_ = drawn["legend"]
        self.threshold_lines_ = [
            ax.axvline(edge, color=GREY, ls="--", lw=1)
            for edge in self.edges[np.isfinite(self.edges)]
        ]
        ax.set_xlabel(self._label(), **PLAIN)
        self.empty_note_ = None
        if all(curve.reason for curve in curves):
            self.empty_note_ = say_nothing_to_draw(ax, self._why(curves))
        return self

    def _in_rows(self) -> bool:
        n = len(self.labels)
        if self.layout == "together" and n > MOST_TOGETHER:
            msg = (
                f"`layout` must be 'rows' for more than {MOST_TOGETHER} subgroups, "
                f"which no style tells apart on one axes; got 'together' for {n}."
            )
            raise ValueError(msg)
        return self.layout == "rows" or (self.layout == "auto" and n > _FEW)

    def _curves(self) -> list[DensityCurve]:
        return [
            read_curve(
                *(kde, self.grid, label),
                edges=self.edges,
                min_people=self.min_people,
                random_state=self.random_state,
            )
            for kde, label in zip(
                self.densities, format_labels(self.labels), strict=True
            )
        ]

    def _why(self, curves: Sequence[DensityCurve]) -> str:
        if all(curve.reason == "too few people" for curve in curves):
            return f"every subgroup has fewer than {self.min_people} people"
        return (
            f"all people are at single values ({describe_points(curves)}), "
            "where there is no density: count them"
        )

    def _label(self) -> str:
        quantity = write_name(self.quantity, width=60)
        edges = [write_figure(edge, "g") for edge in self.edges]
        regions = [
            f"from {low}" if high == "inf" else f"{low} to {high}"
            for low, high in itertools.pairwise(edges)
        ]
        return f"{quantity}\nregions: {', '.join(regions)}" if regions else quantity
