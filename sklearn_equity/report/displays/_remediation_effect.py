"""What did a remedy change, for whom, and how sure is that?"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sklearn_equity._checks import format_label
from sklearn_equity.remediation import EVERYBODY, FidelityChange, fidelity_change
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    describe_metric,
    new_axes,
    percent,
    write_counted,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

# Colour, marker and filling of each verdict; without colour, the marker tells.
_LOOKS = {
    "better": (SERIES[0].color, "o", SERIES[0].color),
    "worse": (SERIES[1].color, "D", SERIES[1].color),
    "no change shown": (GREY, "s", "white"),
    "insufficient evidence": (GREY, "X", "white"),
}


class RemediationEffectDisplay:
    """The change of fidelity by subgroup, with intervals, and who got worse.

    Reads the changes; computes nothing.

    Parameters
    ----------
    change : FidelityChange
        What `fidelity_change` returned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    points_ : dict of str to Line2D
        The changes, by verdict.
    errorbar_ : dict of str to ErrorbarContainer
        Their intervals.
    zero_line_ : Line2D
        No change.

    See Also
    --------
    fidelity_change : Measures what is shown.
    SubgroupFidelityDisplay : The figures before and after themselves.

    Notes
    -----
    Intervals are those of each subgroup by itself; verdicts are corrected for the
    number of subgroups, so that an interval may leave 0 and no change be shown.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import RemediationEffectDisplay, fidelity_change
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=200)
    >>> before = y_true + rng.normal(0, 3, size=200)
    >>> ward = np.repeat(["north", "south"], 100)
    >>> after = np.where(ward == "north", (y_true + before) / 2, before)
    >>> change = fidelity_change(y_true, before, after, subgroups={"ward": ward})
    >>> display = RemediationEffectDisplay(change).plot()
    >>> sorted(display.points_)
    ['better', 'no change shown']
    """

    def __init__(self, change: FidelityChange) -> None:
        self.change = change

    @classmethod
    def from_predictions(
        cls,
        y_true: "ArrayLike",
        before: "ArrayLike",
        after: "ArrayLike",
        *,
        subgroups: Any,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Compare the predictions of two models with `fidelity_change`, and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,)
            The measured outcome of people on whom neither model was fitted.
        before, after : array-like of shape (n_rows,)
            The predictions of the two models.
        subgroups : mapping of str to array-like
            The labels of each grouping, by its name.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `fidelity_change` takes, such as `metric`.

        Returns
        -------
        RemediationEffectDisplay
            Drawn.
        """
        change = fidelity_change(y_true, before, after, subgroups=subgroups, **options)
        return cls(change).plot(ax=ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the changes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        RemediationEffectDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        names = self._names()
        row = max(0.18 * max(name.count("\n") + 1 for name in names) + 0.08, 0.3)
        self.figure_, self.ax_ = new_axes(
            ax,
            feature="RemediationEffectDisplay.plot",
            size=(7.2, 1.9 + row * max(len(names), 3)),
        )
        ax = self.ax_
        self.zero_line_ = ax.axvline(0.0, color="0.2", ls="--", lw=1)
        self.points_: dict[str, Any] = {}
        self.errorbar_: dict[str, Any] = {}
        for verdict in _LOOKS:
            if verdict in self.change.verdict:
                self._draw_rows(verdict)
        ax.set_yticks(np.arange(len(names)), names, **PLAIN)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.locator_params(axis="x", nbins=6)
        ax.set_xlabel(self._label(), **PLAIN)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        self.legend_ = add_legend(
            ax,
            [*self.points_.values(), self.zero_line_],
            [*self.points_, "no change"],
            n_columns=2,
        )
        return self

    def _draw_rows(self, verdict: str) -> None:
        change = self.change
        rows = np.flatnonzero(np.array(change.verdict) == verdict)
        color, marker, filling = _LOOKS[verdict]
        low, high = change.ci_low[rows], change.ci_high[rows]
        self.errorbar_[verdict] = self.ax_.errorbar(
            (low + high) / 2.0,
            rows,
            xerr=(high - low) / 2.0,
            fmt="none",
            ecolor=color,
            capsize=3,
        )
        (self.points_[verdict],) = self.ax_.plot(
            change.change[rows],
            rows,
            marker,
            color=color,
            markerfacecolor=filling,
            markersize=7,
            zorder=3,
        )

    def _names(self) -> list[str]:
        names = []
        pairs = zip(self.change.grouping, self.change.subgroup, strict=True)
        for (grouping, label), n in zip(pairs, self.change.n, strict=True):
            name = f"{grouping} = {format_label(label)}"
            names.append(write_counted(EVERYBODY if grouping == EVERYBODY else name, n))
        return names

    def _label(self) -> str:
        change = self.change
        metric = describe_metric(
            change.metric, greater_is_better=change.greater_is_better
        )
        level = percent(change.confidence_level)
        return f"after less before, with {level} intervals\n{metric}"
