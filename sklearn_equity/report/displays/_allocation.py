"""Where are people with equal scores not equally ill?"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_equity._checks import format_labels
from sklearn_equity._sklearn_shims import check_response_method, num_samples
from sklearn_equity.allocation import ADCurve, allocation_deterioration_curve
from sklearn_equity.report._groupings import resolve_groupings
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    Style,
    add_legend,
    new_axes,
    percent,
    refuse_too_many,
    write_described,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ADCurveDisplay:
    """Allocation-deterioration curves, with bands, gaps and the decision region.

    Higher is more deteriorated. Where curves part, people with equal scores are not
    equally ill. Reads the curves; computes nothing.

    Parameters
    ----------
    curve : ADCurve
        What `allocation_deterioration_curve` returned.
    decision_threshold : float or None, default=None
        From which score on the resource is allocated; that region is shaded.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    lines_ : list of Line2D
        One a subgroup, open where too few people are near.
    bands_ : list of FillBetweenPolyCollection
        Their intervals, point by point.
    region_ : Rectangle or None
        The decision region.

    See Also
    --------
    allocation_deterioration_curve : Measures what is shown.
    model_inequality : The area between two curves in one figure, with its interval.

    Notes
    -----
    Neighbouring points share most of their people, and bands hold point by point: that
    two of them part somewhere is no test.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import ADCurveDisplay
    >>> score = np.linspace(0, 1, 201)
    >>> display = ADCurveDisplay.from_predictions(
    ...     score, 100 * score, threshold=50, bounds=(0, 100), decision_threshold=0.6,
    ... )
    >>> display.legend_.get_texts()[0].get_text()
    'all: 20 people a point, 90% covered'
    """

    def __init__(
        self, curve: ADCurve, *, decision_threshold: float | None = None
    ) -> None:
        self.curve = curve
        self.decision_threshold = decision_threshold

    @classmethod
    def from_predictions(
        cls,
        allocation: ArrayLike,
        measurement: ArrayLike,
        *,
        decision_threshold: float | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Measure scores with `allocation_deterioration_curve`, and draw.

        Parameters
        ----------
        allocation : array-like of shape (n_rows,)
            The model's score.
        measurement : array-like of shape (n_rows,)
            A clinical measurement.
        decision_threshold : float or None, default=None
            From which score on the resource is allocated.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `allocation_deterioration_curve` takes: `threshold` (needed),
            `subgroups`, `bounds` and so on.

        Returns
        -------
        ADCurveDisplay
            Drawn.
        """
        curve = allocation_deterioration_curve(allocation, measurement, **options)
        return cls(curve, decision_threshold=decision_threshold).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        measurement: ArrayLike,
        *,
        subgroups: Any = None,
        decision_threshold: float | None = None,
        response_method: str = "auto",
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Ask a fitted model for its score, measure and draw.

        Parameters
        ----------
        estimator : fitted estimator
            The model whose answer is the score: a regressor's prediction, or what a
            classifier of two classes gives the second.
        X : array-like or data frame of shape (n_rows, n_features)
            People on whom the model was not fitted.
        measurement : array-like of shape (n_rows,)
            A clinical measurement of them.
        subgroups : str, tuple or array-like, default=None
            Whom to compare, as in `audit`: one grouping; None takes all together.
        decision_threshold : float or None, default=None
            From which score on the resource is allocated.
        response_method : str, default="auto"
            `predict_proba`, `decision_function` or `predict`; "auto" takes the first
            that the model has.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `allocation_deterioration_curve` takes: `threshold` (needed),
            `bounds`, `scale` and so on.

        Returns
        -------
        ADCurveDisplay
            Drawn.
        """
        labels = None
        if subgroups is not None:
            missing = options.get("missing", "raise")
            groupings = resolve_groupings(
                subgroups, X, n_rows=num_samples(X), missing=missing
            )
            (labels,) = groupings.values()
        methods = [response_method]
        if response_method == "auto":
            methods = ["predict_proba", "decision_function", "predict"]
        scores = np.asarray(check_response_method(estimator, methods)(X))
        if scores.ndim == 2 and scores.shape[1] == 2:
            scores = scores[:, 1]
        return cls.from_predictions(
            *(scores, measurement),
            subgroups=labels,
            decision_threshold=decision_threshold,
            ax=ax,
            **options,
        )

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ADCurveDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        ValueError
            If there are more than 200 subgroups.
        """
        n_names = len(self.curve.labels)
        refuse_too_many(n_names, 200)
        self.figure_, self.ax_ = new_axes(
            ax, feature="ADCurveDisplay.plot", size=(7.0, 4.4 + 0.2 * n_names)
        )
        ax = self.ax_
        self.lines_: list[Any] = []
        self.bands_: list[Any] = []
        for row in range(n_names):
            self._draw_curve(row, SERIES[row % len(SERIES)])
        handles, names = [*self.lines_], [self._name(row) for row in range(n_names)]
        if len(self.curve.allocation) > 1:
            ax.set_xlim(*self.curve.allocation[[0, -1]])
        self.region_: Any = None
        if self.decision_threshold is not None:
            end = self.curve.allocation[-1]
            self.region_ = ax.axvspan(
                self.decision_threshold, end, facecolor=GREY, alpha=0.12, zorder=0
            )
            handles.append(self.region_)
            names.append(f"decision region, from {self.decision_threshold:g}")
        level = percent(self.curve.confidence_level)
        ax.set_xlabel(
            f"allocation (the model's score)\nbands: {level} intervals, point by "
            "point; gaps: too few people",
            **PLAIN,
        )
        ax.set_ylabel("deterioration index; higher is more ill", **PLAIN)
        self.legend_ = add_legend(ax, handles, names)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        return self

    def _draw_curve(self, row: int, style: Style) -> None:
        curve = self.curve
        band = self.ax_.fill_between(
            curve.allocation,
            curve.ci_low[row],
            curve.ci_high[row],
            facecolor=style.color,
            alpha=0.18,
            lw=0,
        )
        (line,) = self.ax_.plot(
            curve.allocation,
            curve.deterioration[row],
            color=style.color,
            ls=style.line,
            marker=style.marker,
            markevery=0.1 if np.isfinite(curve.deterioration[row]).any() else None,
            ms=5,
        )
        self.bands_.append(band)
        self.lines_.append(line)

    def _name(self, row: int) -> str:
        curve = self.curve
        n = curve.n[row][np.isfinite(curve.deterioration[row])]
        label = format_labels(curve.labels)[row]
        if not len(n):
            return write_described(label, "too few people")
        least, most = f"{n.min():,}", f"{n.max():,}"
        people = least if least == most else f"{least} to {most}"
        covered = f"{curve.covered[row]:.0%} covered"
        return write_described(label, f"{people} people a point, {covered}")
