"""How much remedy does how much good, to whom, and whom does it harm?"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sklearn_equity.remediation import RemediationPath, remediation_path
from sklearn_equity.report.displays._canvas import (
    PLAIN,
    SERIES,
    add_legend,
    describe_metric,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

_LINES = {
    "overall": ("everybody", 0),
    "base": ("base", 2),
    "under_served": ("under-served", 1),
}


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
    plain_lines_ : dict of str to Line2D
        The plain model's figures, as levels to compare with.

    See Also
    --------
    remediation_path : Measures what is shown.
    RemediationEffectDisplay : One strength, subgroup by subgroup.

    Notes
    -----
    Strengths stand at equal distances, each with the Gini index of the subgroups and
    with what `no_harm_test` says of it. A line that stays within the width of its
    marker of its own dotted level has changed little.

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
            size=(max(6.4, 1.5 * len(places)), 4.8),
        )
        ax = self.ax_
        self.lines_: dict[str, Any] = {}
        self.plain_lines_: dict[str, Any] = {}
        names = []
        for (name, (shown, style)), n in zip(_LINES.items(), path.n, strict=True):
            values, look = getattr(path, name), SERIES[style]
            self.plain_lines_[name] = ax.axhline(
                values[0], color=look.color, ls=":", lw=0.8
            )
            (self.lines_[name],) = ax.plot(
                places, values, marker=look.marker, ls=look.line, color=look.color
            )
            names.append(f"{shown}, n = {n:,}")
        ax.set_xticks(places, self._tick_names(), **PLAIN)
        ax.set_xlim(-0.5, len(places) - 0.5)
        ax.set_xlabel(f"{path.parameter}; Gini index; verdict", **PLAIN)
        ax.set_ylabel(
            describe_metric(
                path.metric, greater_is_better=path.greater_is_better, width=40
            ),
            **PLAIN,
        )
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        self.legend_ = add_legend(ax, list(self.lines_.values()), names, n_columns=3)
        return self

    def _tick_names(self) -> list[str]:
        names = []
        for i, strength in enumerate(self.path.strength):
            model = "plain" if i == 0 else f"{strength:g}"
            verdict = "" if i == 0 else self.path.verdict[i].replace(" ", "\n", 1)
            names.append(f"{model}\nGini {self.path.gini[i]:.3g}\n{verdict}".rstrip())
        return names
