"""How much remedy does how much good, to whom, and whom does it harm?"""

import textwrap
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sklearn_equity.remediation import RemediationPath, remediation_path
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    describe_metric,
    new_axes,
    percent,
    say_nothing_to_draw,
    write_described,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

_LINES = {
    "overall": ("everybody", 0),
    "base": ("the others (base)", 2),
    "under_served": ("the under-served (told on the training rows)", 1),
}
_APART = 0.06  # of the distance between strengths, so that intervals don't cover
_HARMLESS = ("gain without harm", "no harm")


class RemediationPathDisplay:
    """Fidelity along the strength of a remedy, with the verdict on each strength.

    Reads the path; computes nothing.

    Parameters
    ----------
    path : RemediationPath
        What `remediation_path` returned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    lines_ : dict of str to Line2D
        The metric for "overall", "base" and "under_served"; the plain model comes
        first.
    errorbar_ : dict of str to ErrorbarContainer
        Their intervals.
    no_harm_regions_ : list of Rectangle
        The strengths for which harm is excluded for every subgroup; empty if it is for
        none.
    plain_lines_ : dict of str to Line2D
        The plain model's figures, as levels to compare with.
    empty_note_ : Text or None
        Why no figure is drawn; None if one is.

    See Also
    --------
    remediation_path : Measures what is shown.
    RemediationEffectDisplay : One strength, subgroup by subgroup.

    Notes
    -----
    Strengths stand at equal distances, each with the Gini index of the subgroups
    without sampling noise and its interval, and with what `no_harm_test` says of it. An
    index that noise alone explains is written as 0. Intervals are those of each figure
    by itself: all models are asked about the same people, so that a change may be shown
    where intervals overlap. What is shown of changes is the verdict. Where predictions
    are withheld, figures are of those who get one, and their share is written below.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import RemediationPathDisplay, SubgroupOversampler
    >>> ward = np.repeat(["A", "B"], [600, 200])
    >>> X = np.tile(np.arange(200.0), 4)[:, None]
    >>> y = 10 + np.where(ward == "A", 2, 1) * X[:, 0]
    >>> display = RemediationPathDisplay.from_estimator(
    ...     SubgroupOversampler(LinearRegression()), X, y, subgroups=ward,
    ...     strengths=[2, 4], random_state=0,
    ... )
    >>> list(display.lines_)
    ['overall', 'base', 'under_served']
    """

    def __init__(self, path: RemediationPath) -> None:
        self.path = path

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: "ArrayLike",
        *,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Measure a path with `remediation_path`, and draw it.

        Parameters
        ----------
        estimator : estimator
            A remedy around a model.
        X : array-like of shape (n_rows, n_features)
            Rows.
        y : array-like of shape (n_rows,)
            The target.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `remediation_path` takes, such as `strengths`.

        Returns
        -------
        RemediationPathDisplay
            Drawn.
        """
        return cls(remediation_path(estimator, X, y, **options)).plot(ax=ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        RemediationPathDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        path = self.path
        places = np.arange(len(path.strength))
        self.figure_, self.ax_ = new_axes(
            ax,
            feature="RemediationPathDisplay.plot",
            size=(max(6.4, 1.5 * len(places)), 5.6),
        )
        ax = self.ax_
        self.lines_: dict[str, Any] = {}
        self.errorbar_: dict[str, Any] = {}
        self.plain_lines_: dict[str, Any] = {}
        names = []
        for row, (name, (shown, _)) in enumerate(_LINES.items()):
            self._draw_line(row, name)
            names.append(write_described(shown, f"n = {path.n[row]:,}"))
        handles = list(self.lines_.values())
        self.no_harm_regions_ = [
            ax.axvspan(at - 0.5, at + 0.5, facecolor=GREY, alpha=0.14, lw=0, zorder=0)
            for at in places
            if path.verdict[at] in _HARMLESS
        ]
        if self.no_harm_regions_:
            handles.append(self.no_harm_regions_[0])
            names.append("harm excluded for every subgroup")
        ax.set_xticks(places, self._tick_names(), **PLAIN)
        ax.set_xlim(-0.5, len(places) - 0.5)
        ax.set_xlabel(
            f"{path.parameter}; Gini index of the subgroups without noise, "
            f"{percent(path.confidence_level)} interval; verdict",
            **PLAIN,
        )
        metric = describe_metric(
            path.metric, greater_is_better=path.greater_is_better, width=40
        )
        level = percent(path.confidence_level)
        ax.set_ylabel(f"{metric}\nwith {level} intervals", **PLAIN)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        self.legend_ = add_legend(ax, handles, names)
        self.empty_note_ = None
        if not np.isfinite([path.overall, path.base, path.under_served]).any():
            self.empty_note_ = say_nothing_to_draw(ax, "no model has a figure")
        return self

    def _draw_line(self, row: int, name: str) -> None:
        path, look = self.path, SERIES[_LINES[name][1]]
        values = getattr(path, name)
        places = np.arange(len(values)) + (row - 1) * _APART
        self.plain_lines_[name] = self.ax_.axhline(
            values[0], color=look.color, ls=":", lw=0.8
        )
        (self.lines_[name],) = self.ax_.plot(
            places, values, marker=look.marker, ls=look.line, color=look.color
        )
        low, high = path.ci_low[row], path.ci_high[row]
        self.errorbar_[name] = self.ax_.errorbar(
            *(places, (low + high) / 2.0),
            yerr=(high - low) / 2.0,
            fmt="none",
            ecolor=look.color,
            elinewidth=1,
            capsize=3,
        )

    def _tick_names(self) -> list[str]:
        names = []
        for i, model in enumerate(self.path.model):
            verdict = "" if i == 0 else textwrap.fill(self.path.verdict[i], 12)
            given = self.path.coverage[0, i]
            if given < 1.0:
                verdict += f"\n{given:.0%} get a\nprediction"
            names.append(f"{model}\n{self._gini(i)}\n{verdict}".rstrip())
        return names

    def _gini(self, i: int) -> str:
        path = self.path
        if not np.isfinite(path.gini[i]):
            return "no Gini"
        if not np.isfinite(path.gini_low[i]):
            return f"Gini {write_figure(path.gini[i])}\nwith noise,\ninterval unknown"
        value = max(path.gini_corrected[i], 0.0)
        return f"Gini {value:.3g}\n{path.gini_low[i]:.3g} to {path.gini_high[i]:.3g}"
