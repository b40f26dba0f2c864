"""How is a measurement spread, and how many people lie beyond which threshold?"""

import itertools
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from sklearn_equity._checks import check_numbers, check_subgroups, format_labels
from sklearn_equity.density import BoundedKDE
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    new_axes,
    refuse_too_many,
    write_described,
    write_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]
_MOST_ABOVE = 2.0  # times the highest line: a band at a bound may reach to the sky


class DensityDisplay:
    """Densities of a measurement, with thresholds and the share of people beyond.

    Reads fitted densities. Point masses, such as the people at a detection limit, stand
    as lines of their own on the axis at the right.

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
    random_state : int or None, default=0
        Draws the samples of which the bands are made.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    points_ax_ : matplotlib Axes or None
        The axes of the point masses; None if there are none.
    figure_ : matplotlib Figure
        The figure.
    lines_ : list of Line2D
        The densities.
    bands_ : list of FillBetweenPolyCollection
        Their 95% intervals, point by point.
    regions_ : list of FillBetweenPolyCollection
        What is integrated: subgroup by subgroup, from the first region on.
    probabilities_ : ndarray of shape (n_subgroups, n_edges - 1)
        The share of people in each region, point masses included.
    intervals_ : ndarray of shape (n_subgroups, n_edges - 1, 2)
        95% intervals of these shares, each by itself.
    threshold_lines_ : list of Line2D
        The thresholds.

    See Also
    --------
    BoundedKDE : Estimates a density.
    compare_deterioration : Compares what lies beyond thresholds, with intervals.

    Notes
    -----
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
        random_state: int | None = 0,
    ) -> None:
        self.densities = tuple(densities)
        self.labels = tuple(labels)
        self.grid: Vector = np.asarray(grid, dtype=np.float64)
        self.edges: Vector = np.asarray(edges, dtype=np.float64)
        self.quantity = quantity
        self.random_state = random_state

    @classmethod
    def from_values(
        cls,
        values: ArrayLike,
        *,
        subgroups: Any = None,
        edges: ArrayLike = (),
        quantity: str = "measurement",
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
            If all that is to be drawn of a subgroup is at point masses.
        """
        size = (7.0, 4.2 + 0.4 * len(self.labels))
        self.figure_, self.ax_ = new_axes(ax, feature="DensityDisplay.plot", size=size)
        ax = self.ax_
        self.probabilities_ = np.array(
            [
                kde.interval_probability(self.edges) if len(self.edges) > 1 else []
                for kde in self.densities
            ]
        )
        self.intervals_ = np.array(
            [
                [_interval(share, kde.n_samples_seen_) for share in shares]
                for shares, kde in zip(self.probabilities_, self.densities, strict=True)
            ]
        )
        self.lines_: list[Any] = []
        self.bands_: list[Any] = []
        self.regions_: list[Any] = []
        self.points_ax_: Any = None
        for row in range(len(self.labels)):
            self._draw_density(row)
        self.threshold_lines_ = [
            ax.axvline(edge, color=GREY, ls="--", lw=1)
            for edge in self.edges[np.isfinite(self.edges)]
        ]
        highest = max(line.get_ydata().max(initial=0.0) for line in self.lines_)
        most = min(ax.get_ylim()[1], _MOST_ABOVE * highest)
        ax.set_ylim(0.0, most if highest > 0.0 else None)
        ax.set_xlabel(self._label(), **PLAIN)
        ax.set_ylabel(
            "density (share of people per unit,\nthose at single values aside)"
        )
        names = [self._name(row) for row in range(len(self.labels))]
        self.legend_ = add_legend(ax, self.lines_, names)
        title = "bands: 95% intervals, point by point"
        if self.regions_:
            title += "\nshares of people, with 95% intervals"
        self.legend_.set_title(title)
        for side in ("top", *(["right"] if self.points_ax_ is None else [])):
            ax.spines[side].set_visible(False)
        return self

    def _draw_density(self, row: int) -> None:
        kde, style = self.densities[row], SERIES[row % len(SERIES)]
        grid, density = _curve(kde, self.grid, format_labels(self.labels)[row])
        (line,) = self.ax_.plot(
            *(grid, density),
            color=style.color,
            ls=style.line,
            marker=style.marker,
            markevery=0.12,
            ms=5,
        )
        self.lines_.append(line)
        self.bands_.append(self._draw_band(row, grid))
        for i in range(len(self.edges) - 1):
            inside = (grid >= self.edges[i]) & (grid <= self.edges[i + 1])
            region = self.ax_.fill_between(
                *(grid, density),
                where=inside,
                facecolor=style.color,
                alpha=0.12 + 0.10 * (i % 3),
                lw=0,
            )
            self.regions_.append(region)
        if len(kde.point_values_):
            self._draw_points(row)

    def _draw_band(self, row: int, grid: Vector) -> Any:
        kde, style = self.densities[row], SERIES[row % len(SERIES)]
        ends = kde.pdf_interval(grid, random_state=self.random_state) / _unit(kde)
        return self.ax_.fill_between(
            *(grid, *ends),
            facecolor=style.color,
            edgecolor=style.color,
            alpha=0.2,
            lw=0.5,
        )

    def _draw_points(self, row: int) -> None:
        kde, style = self.densities[row], SERIES[row % len(SERIES)]
        if self.points_ax_ is None:
            self.points_ax_ = self.ax_.twinx()
            self.points_ax_.set_ylabel("share of people at a single value")
            self.points_ax_.spines["top"].set_visible(False)
        at, share = kde.point_values_, kde.point_probabilities_
        self.points_ax_.vlines(at, 0.0, share, color=style.color, lw=1)
        self.points_ax_.plot(at, share, style.marker, color=style.color, mfc="white")
        self.points_ax_.set_ylim(bottom=0.0)

    def _label(self) -> str:
        quantity = write_name(self.quantity, width=60)
        edges = [f"{edge:g}" for edge in self.edges]
        regions = [
            f"from {low}" if high == "inf" else f"{low} to {high}"
            for low, high in itertools.pairwise(edges)
        ]
        return f"{quantity}\nregions: {', '.join(regions)}" if regions else quantity

    def _name(self, row: int) -> str:
        label = format_labels(self.labels)[row]
        text = write_described(label, f"n = {self.densities[row].n_samples_seen_:,}")
        if len(self.edges) > 1:
            shares = [
                f"{100.0 * share:.1f}% ({100.0 * low:.1f} to {100.0 * high:.1f})"
                for share, (low, high) in zip(
                    self.probabilities_[row], self.intervals_[row], strict=True
                )
            ]
            text += f"\nin the regions: {', '.join(shares)}"
        return text


def _curve(kde: BoundedKDE, grid: Vector, label: str) -> tuple[Vector, Vector]:
    """Return a density, where it is one: not at point masses, which are probabilities.

    Rounded values stay on a lattice; each is drawn as if spread over its step.
    """
    if kde.lattice_ is not None:
        origin, unit = kde.lattice_
        first, last = np.rint((grid[[0, -1]] - origin) / unit)
        grid = origin + unit * np.arange(first, last + 1)
    grid = grid[~np.isin(grid, kde.point_values_)]
    if not len(grid):
        points = ", ".join(f"{point:g}" for point in kde.point_values_[:5])
        msg = (
            "`values` must not all be such as many people share (point masses), where "
            f"there is no density to draw; got, of {label!r}, no others than {points}. "
            "Count the people at each value instead."
        )
        raise ValueError(msg)
    return grid, kde.pdf(grid) / _unit(kde)


def _unit(kde: BoundedKDE) -> float:
    """Return the length over which a probability is spread when drawn."""
    return 1.0 if kde.lattice_ is None else kde.lattice_[1]


def _interval(share: float, n: int) -> tuple[float, float]:
    found = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
