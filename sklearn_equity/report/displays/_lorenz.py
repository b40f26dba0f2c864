"""How unequally is an error spread over subgroups, noise and all, and without it?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._sklearn_shims import num_samples
from sklearn_equity.fidelity import (
    Metric,
    SubgroupTable,
    resolve_metric,
    subgroup_fidelity,
)
from sklearn_equity.inequality import (
    InequalityIndex,
    gini,
    inequality_index,
    lorenz_curve,
)
from sklearn_equity.report._answers import prepare_response
from sklearn_equity.report._groupings import resolve_groupings
from sklearn_equity.report._out_of_fold import pool_folds
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    new_axes,
    percent,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LorenzDisplay:
    """Lorenz curve, with the Gini index in the legend.

    The diagonal is equality; the further the curve sags, the more unequal.

    Parameters
    ----------
    population_share, value_share : ndarray of shape (n_subgroups + 1,)
        The points of the curve, as `lorenz_curve` returns them.
    gini : float
        The Gini index of the values as they are.
    inequality : InequalityIndex or None, default=None
        The Gini index without what sampling error adds, with its interval.
    quantity : str, default="value"
        What is spread, for the axis.
    voice : {"subgroup", "person"}, default="subgroup"
        Whose shares the lower axis counts.
    n_people : int or None, default=None
        How many people the subgroups have, for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    line_ : Line2D
        The curve.
    equality_line_ : Line2D
        The diagonal.
    area_ : FillBetweenPolyCollection
        What lies between; half the Gini index.

    See Also
    --------
    inequality_index : The index without what is sampling error.
    lorenz_curve : Makes the points.

    Notes
    -----
    The curve of estimates holds their noise: it sags where all subgroups are equal.
    Read the corrected index before the curve.

    Examples
    --------
    >>> from sklearn_equity import LorenzDisplay
    >>> display = LorenzDisplay.from_values([1.0, 1.0, 2.0], quantity="error")
    >>> display.legend_.get_texts()[1].get_text()
    'error of 3 subgroups: Gini 0.167'
    """

    def __init__(
        self,
        population_share: NDArray[np.float64],
        value_share: NDArray[np.float64],
        gini: float,
        *,
        inequality: InequalityIndex | None = None,
        quantity: str = "value",
        voice: Literal["subgroup", "person"] = "subgroup",
        n_people: int | None = None,
    ) -> None:
        self.population_share = population_share
        self.value_share = value_share
        self.gini = gini
        self.inequality = inequality
        self.quantity = quantity
        self.voice = voice
        self.n_people = n_people

    @classmethod
    def from_values(
        cls,
        values: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        quantity: str = "value",
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the curve of values that are known without error.

        Parameters
        ----------
        values : array-like of shape (n_subgroups,)
            Non-negative, in any unit.
        sample_weight : array-like of shape (n_subgroups,), default=None
            Weight w counts a value w times, such as the people of a subgroup.
        quantity : str, default="value"
            What the values are.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LorenzDisplay
            Drawn.
        """
        shares = lorenz_curve(values, sample_weight=sample_weight)
        index = gini(values, sample_weight=sample_weight)
        display = cls(
            *shares,
            index,
            quantity=quantity,
            voice="subgroup" if sample_weight is None else "person",
        )
        return display.plot(ax=ax)

    @classmethod
    def from_table(
        cls,
        table: SubgroupTable,
        *,
        grouping: str | None = None,
        voice: Literal["subgroup", "person"] = "subgroup",
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw the curve of the estimates of a table, with the corrected index.

        Parameters
        ----------
        table : SubgroupTable
            What `subgroup_fidelity` returned, of an error.
        grouping : str or None, default=None
            Which grouping; needed if the table has several.
        voice : {"subgroup", "person"}, default="subgroup"
            Whether each subgroup or each person counts once.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `inequality_index` takes, such as `random_state`.

        Returns
        -------
        LorenzDisplay
            Drawn.
        """
        inequality = inequality_index(
            table, index="gini", grouping=grouping, voice=voice, **options
        )
        rows = table if grouping is None else table.select(grouping)
        known = (rows.n > 1) & np.isfinite(rows.estimate + rows.std_error)
        weight = rows.n[known] if voice == "person" else None
        shares = lorenz_curve(rows.estimate[known], sample_weight=weight)
        return cls(
            *shares,
            inequality.raw,
            inequality=inequality,
            quantity=table.metric,
            voice=voice,
            n_people=int(rows.n[known].sum()),
        ).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        subgroups: Any,
        voice: Literal["subgroup", "person"] = "subgroup",
        random_state: int | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Measure predictions with `subgroup_fidelity`, and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,)
            The measured outcome.
        y_pred : array-like of shape (n_rows,)
            The model's predictions.
        subgroups : array-like of shape (n_rows,)
            One label a row.
        voice : {"subgroup", "person"}, default="subgroup"
            Whether each subgroup or each person counts once.
        random_state : int or None, default=None
            Seed of the resamples.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `subgroup_fidelity` takes, such as `metric`: one of errors.

        Returns
        -------
        LorenzDisplay
            Drawn.
        """
        table = subgroup_fidelity(
            y_true, y_pred, subgroups=subgroups, random_state=random_state, **options
        )
        return cls.from_table(table, voice=voice, random_state=random_state, ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        subgroups: Any,
        metric: str | Metric = "nrmse",
        missing: MissingPolicy = "raise",
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
        subgroups : str, tuple or array-like
            Whom to compare, as in `audit`: one grouping.
        metric : str, callable or Metric, default="nrmse"
            As in `subgroup_fidelity`: one of errors.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to rows without a label.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `from_predictions` takes, such as `random_state`.

        Returns
        -------
        LorenzDisplay
            Drawn.
        """
        y_true, respond = prepare_response(estimator, y, resolve_metric(metric))
        groupings = resolve_groupings(
            subgroups, X, n_rows=num_samples(X), missing=missing
        )
        options |= {"metric": metric, "missing": missing, "ax": ax}
        return cls.from_predictions(y_true, respond(X), subgroups=groupings, **options)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        X: Any,
        y: ArrayLike,
        *,
        subgroups: Any,
        metric: str | Metric = "nrmse",
        missing: MissingPolicy = "raise",
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
        subgroups : str, tuple or array-like
            Whom to compare, as in `audit`: one grouping.
        metric : str, callable or Metric, default="nrmse"
            As in `subgroup_fidelity`: one of errors.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to rows without a label.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `from_predictions` takes, such as `random_state`.

        Returns
        -------
        LorenzDisplay
            Drawn.
        """
        groupings = resolve_groupings(
            subgroups, X, n_rows=num_samples(X), missing=missing
        )
        held_out = pool_folds(cv_results, X, y, resolve_metric(metric))
        options |= {"metric": metric, "missing": missing, "ax": ax}
        return cls.from_predictions(
            *(held_out.y_true, held_out.y_pred),
            subgroups={name: held_out.of(part) for name, part in groupings.items()},
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
        LorenzDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        style = SERIES[0]
        self.figure_, self.ax_ = new_axes(
            ax, feature="LorenzDisplay.plot", size=(5.4, 5.8)
        )
        ax = self.ax_
        (self.equality_line_,) = ax.plot([0, 1], [0, 1], "--", color=GREY, lw=1)
        x, y = self.population_share, self.value_share
        self.area_ = ax.fill_between(x, y, x, facecolor=style.color, alpha=0.15, lw=0)
        marker = style.marker if len(x) <= 50 else ""
        (self.line_,) = ax.plot(
            x, y, color=style.color, marker=marker, ms=4, clip_on=False
        )
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        who = "people" if self.voice == "person" else "subgroups"
        ax.set_xlabel(f"share of {who}, lowest values first", **PLAIN)
        ax.set_ylabel(f"share of the sum of\n{self.quantity}", **PLAIN)
        self.legend_ = add_legend(
            ax, [self.equality_line_, self.line_], ["equality", self._index_text()]
        )
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        return self

    def _index_text(self) -> str:
        n = len(self.population_share) - 1
        who = f"{n:,} subgroups"
        if self.n_people is not None:
            who += f", {self.n_people:,} people"
        text = f"{self.quantity} of {who}: Gini {write_figure(self.gini)}"
        found = self.inequality
        if found is None:
            return text
        without = f"{write_figure(found.corrected)} without"
        if found.corrected <= 0.0:  # chance alone makes equal subgroups differ as much
            without = "no inequality shown without"
        return (
            f"{who}: Gini {write_figure(self.gini)} with the noise,\n"
            f"{without} "
            f"({percent(found.confidence_level)} interval "
            f"{write_figure(found.ci_low)} to {write_figure(found.ci_high)})"
        )
