"""Where are people with equal scores not equally ill?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._label_text import format_labels
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
    say_nothing_to_draw,
    write_described,
    write_figure,
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
    empty_note_ : Text or None
        Why no curve is drawn; None if one is.

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
    'all: n = 201, 20 people a point, 90% covered'
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
        threshold: ArrayLike | Mapping[Any, float],
        subgroups: Any = None,
        decision_threshold: float | None = None,
        half_width: float = 0.05,
        min_rows: int = 20,
        n_points: int = 100,
        bounds: tuple[float | None, float | None] = (None, None),
        n_steps: int = 20,
        direction: Literal["above", "below"] = "above",
        scale: Literal["rank", "minmax"] | None = None,
        weights: Any = "linear",
        step: Literal["exact", "ceil"] = "exact",
        bandwidth: float | Literal["cdf", "isj", "silverman", "scott", "cv"] = "cdf",
        boundary: Literal["reflect", "adjusted", "none"] = "reflect",
        discrete: bool | Literal["auto"] = "auto",
        sample_weight: ArrayLike | None = None,
        missing: MissingPolicy = "raise",
        confidence_level: float = 0.95,
        data: Any = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Measure scores with `allocation_deterioration_curve`, and draw.

        Parameters
        ----------
        allocation : array-like of shape (n_rows,)
            The model's score.
        measurement : array-like of shape (n_rows,)
            A clinical measurement, not an input or output of the model.
        threshold : float, mapping or array-like of shape (n_rows,)
            Where abnormal begins: for all, by subgroup (a mapping), or for each row.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes), \
default=None
            One label a row; several columns are combined. None makes one curve of all.
        decision_threshold : float or None, default=None
            From which score on the resource is allocated.
        half_width : float, default=0.05
            People with scores in [x - half_width, x + half_width) make the curve at x.
        min_rows : int, default=20
            A point needs this many rows; elsewhere the curve has a gap.
        n_points : int, default=100
            Points of the curve, evenly spaced from 0 to 1.
        bounds : tuple of (float or None, float or None), default=(None, None)
            The possible range of the measurement. The end that deterioration runs to is
            read off the sample, with a `BoundsFromSampleWarning`, where it is not
            given.
        n_steps : int, default=20
            The number of steps from the threshold to the bound.
        direction : {"above", "below"}, default="above"
            Whether high or low values are the bad ones.
        scale : {"rank", "minmax", None}, default=None
            Map scores to the interval from 0 to 1: to the share of all people below
            them, or by their least and greatest value. None takes them as they are.
        weights : {"linear", "uniform", "quadratic"}, array or callable, \
default="linear"
            What each step counts, mildest first; see `severity_score`.
        step : {"exact", "ceil"}, default="exact"
            The width of a step, as it is or rounded up to whole units.
        bandwidth : {"cdf", "isj", "silverman", "scott", "cv"} or float, default="cdf"
            How far a measurement is smoothed: a rule, or a number in its unit.
        boundary : {"reflect", "adjusted", "none"}, default="reflect"
            What happens to the part of a kernel beyond a given bound.
        discrete : bool or "auto", default="auto"
            Whether measurements are counts or coarse readings, which are not smoothed.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times; rows of weight 0 do not count.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to missing labels.
        confidence_level : float, default=0.95
            Nominal coverage of the intervals.
        data : data frame, default=None
            A table of any engine, of which the arrays above then name columns; see
            `allocation_deterioration_curve`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ADCurveDisplay
            Drawn.
        """
        curve = allocation_deterioration_curve(
            allocation,
            measurement,
            threshold=threshold,
            subgroups=subgroups,
            half_width=half_width,
            min_rows=min_rows,
            n_points=n_points,
            bounds=bounds,
            n_steps=n_steps,
            direction=direction,
            scale=scale,
            weights=weights,
            step=step,
            bandwidth=bandwidth,
            boundary=boundary,
            discrete=discrete,
            sample_weight=sample_weight,
            missing=missing,
            confidence_level=confidence_level,
            data=data,
        )
        return cls(curve, decision_threshold=decision_threshold).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        measurement: ArrayLike,
        *,
        threshold: ArrayLike | Mapping[Any, float],
        subgroups: Any = None,
        decision_threshold: float | None = None,
        response_method: str = "auto",
        half_width: float = 0.05,
        min_rows: int = 20,
        n_points: int = 100,
        bounds: tuple[float | None, float | None] = (None, None),
        n_steps: int = 20,
        direction: Literal["above", "below"] = "above",
        scale: Literal["rank", "minmax"] | None = None,
        weights: Any = "linear",
        step: Literal["exact", "ceil"] = "exact",
        bandwidth: float | Literal["cdf", "isj", "silverman", "scott", "cv"] = "cdf",
        boundary: Literal["reflect", "adjusted", "none"] = "reflect",
        discrete: bool | Literal["auto"] = "auto",
        sample_weight: ArrayLike | None = None,
        missing: MissingPolicy = "raise",
        confidence_level: float = 0.95,
        ax: "Axes | None" = None,
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
        threshold : float, mapping or array-like of shape (n_rows,)
            Where abnormal begins: for all, by subgroup (a mapping), or for each row.
        subgroups : str, tuple or array-like, default=None
            Whom to compare, as in `audit`: one grouping; None takes all together.
        decision_threshold : float or None, default=None
            From which score on the resource is allocated.
        response_method : str, default="auto"
            `predict_proba`, `decision_function` or `predict`; "auto" takes the first
            that the model has.
        half_width : float, default=0.05
            People with scores in [x - half_width, x + half_width) make the curve at x.
        min_rows : int, default=20
            A point needs this many rows; elsewhere the curve has a gap.
        n_points : int, default=100
            Points of the curve, evenly spaced from 0 to 1.
        bounds : tuple of (float or None, float or None), default=(None, None)
            The possible range of the measurement. The end that deterioration runs to is
            read off the sample, with a `BoundsFromSampleWarning`, where it is not
            given.
        n_steps : int, default=20
            The number of steps from the threshold to the bound.
        direction : {"above", "below"}, default="above"
            Whether high or low values are the bad ones.
        scale : {"rank", "minmax", None}, default=None
            Map scores to the interval from 0 to 1: to the share of all people below
            them, or by their least and greatest value. None takes them as they are.
        weights : {"linear", "uniform", "quadratic"}, array or callable, \
default="linear"
            What each step counts, mildest first; see `severity_score`.
        step : {"exact", "ceil"}, default="exact"
            The width of a step, as it is or rounded up to whole units.
        bandwidth : {"cdf", "isj", "silverman", "scott", "cv"} or float, default="cdf"
            How far a measurement is smoothed: a rule, or a number in its unit.
        boundary : {"reflect", "adjusted", "none"}, default="reflect"
            What happens to the part of a kernel beyond a given bound.
        discrete : bool or "auto", default="auto"
            Whether measurements are counts or coarse readings, which are not smoothed.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times; rows of weight 0 do not count.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to missing labels.
        confidence_level : float, default=0.95
            Nominal coverage of the intervals.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ADCurveDisplay
            Drawn.
        """
        labels = None
        if subgroups is not None:
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
            threshold=threshold,
            subgroups=labels,
            decision_threshold=decision_threshold,
            half_width=half_width,
            min_rows=min_rows,
            n_points=n_points,
            bounds=bounds,
            n_steps=n_steps,
            direction=direction,
            scale=scale,
            weights=weights,
            step=step,
            bandwidth=bandwidth,
            boundary=boundary,
            discrete=discrete,
            sample_weight=sample_weight,
            missing=missing,
            confidence_level=confidence_level,
            ax=ax,
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
            names.append(
                f"decision region, from {write_figure(self.decision_threshold, 'g')}"
            )
        level = percent(self.curve.confidence_level)
        ax.set_xlabel(
            f"allocation (the model's score)\nbands: {level} intervals, point by "
            "point; gaps: too few people",
            **PLAIN,
        )
        ax.set_ylabel("deterioration index; higher is more ill", **PLAIN)
        self.legend_ = add_legend(ax, handles, names)
        self.empty_note_ = None
        if not np.isfinite(self.curve.deterioration).any():
            why = f"no score has {self.curve.min_rows} people of one subgroup near"
            self.empty_note_ = say_nothing_to_draw(ax, why)
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
        near = curve.n[row][np.isfinite(curve.deterioration[row])]
        label = format_labels(curve.labels)[row]
        total = f"n = {curve.n_rows[row]:,}"
        if not len(near):
            return write_described(label, f"{total}; too few people near any score")
        least, most = f"{near.min():,}", f"{near.max():,}"
        people = least if least == most else f"{least} to {most}"
        covered = f"{curve.covered[row]:.0%} covered"
        return write_described(label, f"{total}, {people} people a point, {covered}")
