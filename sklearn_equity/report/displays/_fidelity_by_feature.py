"""Where along a characteristic, such as age, does a model serve people worse?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import take_columns
from sklearn_equity.fidelity import (
    FidelityCurve,
    Metric,
    fidelity_curve,
    resolve_metric,
)
from sklearn_equity.report._answers import prepare_response
from sklearn_equity.report._out_of_fold import pool_folds
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    describe_metric,
    new_axes,
    percent,
    say_nothing_to_draw,
    write_figure,
    write_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]

_FEATURE = "CalibrationByFeatureDisplay.plot"


class CalibrationByFeatureDisplay:
    """Fidelity as a smooth function of one number, such as age, with its band.

    Reads the curve; computes nothing. Where too few people are near, or nobody is, it
    has a gap.

    Parameters
    ----------
    curve : FidelityCurve
        What `fidelity_curve` returned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    line_ : Line2D
        The curve.
    band_ : FillBetweenPolyCollection
        Its band.
    overall_line_ : Line2D
        The metric over everybody.
    empty_note_ : Text or None
        Why no curve is drawn; None if one is.

    See Also
    --------
    fidelity_curve : Measures what is shown.
    SubgroupFidelityDisplay : Subgroups with names, instead of a number.

    Notes
    -----
    A simultaneous band holds the whole true curve at once: where it leaves the line of
    everybody, fidelity there differs from the overall one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import CalibrationByFeatureDisplay, fidelity_curve
    >>> age = np.linspace(20, 80, 600)
    >>> y_true = 40 + np.resize([-1, 1], 600) * age / 20
    >>> curve = fidelity_curve(y_true, np.full(600, 40), age, metric="mae", span=1)
    >>> display = CalibrationByFeatureDisplay(curve).plot()
    >>> display.ax_.get_ylabel()
    'MAE; lower is better'
    """

    def __init__(self, curve: FidelityCurve) -> None:
        self.curve = curve

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        characteristic: ArrayLike,
        *,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Measure predictions with `fidelity_curve`, and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,)
            The measured outcome.
        y_pred : array-like of shape (n_rows,)
            The model's predictions.
        characteristic : array-like of shape (n_rows,)
            The number along which the curve runs; a Series gives its name.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `fidelity_curve` takes, such as `metric` and `random_state`.

        Returns
        -------
        CalibrationByFeatureDisplay
            Drawn.
        """
        curve = fidelity_curve(y_true, y_pred, characteristic, **options)
        return cls(curve).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        feature: str | ArrayLike,
        metric: str | Metric = "nrmse",
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Ask a fitted model, measure its answers and draw.

        Parameters
        ----------
        estimator : fitted estimator
            The model.
        X : array-like or data frame of shape (n_rows, n_features)
            People on whom the model was not fitted.
        y : array-like of shape (n_rows,)
            Their outcome.
        feature : str or array-like of shape (n_rows,)
            A column of `X` by name, or the values.
        metric : str, callable or Metric, default="nrmse"
            As in `fidelity_curve`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `fidelity_curve` takes.

        Returns
        -------
        CalibrationByFeatureDisplay
            Drawn.
        """
        values: Any = feature
        if isinstance(feature, str):
            values = take_columns(X, [feature], name="feature")[feature]
        y_true, respond = prepare_response(estimator, y, resolve_metric(metric))
        return cls.from_predictions(
            y_true, respond(X), values, ax=ax, metric=metric, **options
        )

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        X: Any,
        y: ArrayLike,
        *,
        feature: str | ArrayLike,
        metric: str | Metric = "nrmse",
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Pool the answers of a cross-validation's models, measure and draw.

        Parameters
        ----------
        cv_results : mapping
            What `sklearn.model_selection.cross_validate` returned with
            ``return_estimator=True, return_indices=True``, each row held out at most
            once. What it holds more is not used.
        X : array-like or data frame of shape (n_rows, n_features)
            The rows that were cross-validated.
        y : array-like of shape (n_rows,)
            Their outcome.
        feature : str or array-like of shape (n_rows,)
            A column of `X` by name, or the values.
        metric : str, callable or Metric, default="nrmse"
            As in `fidelity_curve`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `fidelity_curve` takes.

        Returns
        -------
        CalibrationByFeatureDisplay
            Drawn.

        Notes
        -----
        Everybody is judged by a model that has not seen them, and each fold's is
        another: intervals tell what other people to be judged by would have shown, and
        not what other people to learn from would.
        """
        values: Any = feature
        if isinstance(feature, str):
            values = take_columns(X, [feature], name="feature")[feature].to_native()
        held_out = pool_folds(cv_results, X, y, resolve_metric(metric))
        return cls.from_predictions(
            *(held_out.y_true, held_out.y_pred, held_out.of(values)),
            ax=ax,
            metric=metric,
            **options,
        )

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        CalibrationByFeatureDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        curve, style = self.curve, SERIES[0]
        self.figure_, self.ax_ = new_axes(ax, feature=_FEATURE, size=(6.8, 4.4))
        ax = self.ax_
        points, estimate, low, high = _with_gaps(curve)
        self.band_ = ax.fill_between(
            *(points, low, high),
            facecolor=style.color,
            alpha=0.25,
            edgecolor=style.color,
        )
        (self.line_,) = ax.plot(points, estimate, color=style.color, lw=2)
        self.overall_line_ = ax.axhline(curve.overall, color=GREY, ls="--", lw=1)
        n = curve.n_effective
        ax.set_xlabel(
            f"{write_name(curve.characteristic, width=60)}\n"
            f"each point tells as much as {n.min():,.0f} to {n.max():,.0f} people",
            **PLAIN,
        )
        ax.set_ylabel(
            describe_metric(
                curve.metric, greater_is_better=curve.greater_is_better, width=40
            ),
            **PLAIN,
        )
        band = f"{percent(curve.confidence_level)} {curve.band} band"
        if np.isnan(estimate).any():
            band += "; gaps: not enough evidence near"
        handles = [self.line_, self.band_, self.overall_line_]
        self.legend_ = add_legend(ax, handles, ["estimate", band, _everybody(curve)])
        self.empty_note_ = None
        if not np.isfinite(estimate).any():
            why = f"nowhere are enough people near to tell; n = {curve.n:,}"
            self.empty_note_ = say_nothing_to_draw(ax, why)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        return self


def _with_gaps(curve: FidelityCurve) -> tuple[Vector, ...]:
    """Return points, estimates and band with a point of no value where nobody is."""
    middle = curve.empty_stretches.mean(axis=1)
    at = np.searchsorted(curve.points, middle)
    between = (at > 0) & (at < len(curve.points))
    at, middle = at[between], middle[between]
    columns = (curve.estimate, curve.ci_low, curve.ci_high)
    return (
        np.insert(curve.points, at, middle),
        *(np.insert(column, at, np.nan) for column in columns),
    )


def _everybody(curve: FidelityCurve) -> str:
    low, high = curve.overall_low, curve.overall_high
    return (
        f"everybody: {write_figure(curve.overall)} "
        f"({percent(curve.confidence_level)} interval "
        f"{write_figure(low)} to {write_figure(high)}), n = {curve.n:,}"
    )
