"""Whom does a model serve worse, how sure is that, and how many people are they?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._label_text import format_labels
from sklearn_equity._optional import import_optional
from sklearn_equity._sklearn_shims import num_samples
from sklearn_equity.fidelity import (
    Metric,
    SubgroupTable,
    resolve_metric,
    subgroup_fidelity,
)
from sklearn_equity.report._answers import prepare_response
from sklearn_equity.report._groupings import resolve_groupings
from sklearn_equity.report._out_of_fold import pool_folds
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    describe_metric,
    percent,
    refuse_too_many,
    say_nothing_to_draw,
    write_counted,
    write_name,
    write_unknown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEATURE = "SubgroupFidelityDisplay.plot"
_OFFSET = 0.17  # of a row, between the figures before and after
_BEFORE = "before the remedy"
# Colour, marker and filling of each verdict; without colour, the marker tells.
_LOOKS = {
    "under-served": (SERIES[1].color, "D", SERIES[1].color),
    "served": (SERIES[0].color, "o", SERIES[0].color),
    "insufficient evidence": (GREY, "s", "white"),
    "insufficient evidence: too few people": (GREY, "X", "white"),
    _BEFORE: (GREY, "<", "white"),
}


class SubgroupFidelityDisplay:
    r"""Fidelity by subgroup, with intervals, beside the numbers of people.

    Reads the figures; computes nothing. Make it with `from_estimator` or
    `from_predictions`, or from a table that is there already.

    Parameters
    ----------
    table : SubgroupTable
        What `subgroup_fidelity` returned.
    before : SubgroupTable or None, default=None
        The same subgroups before a remedy, in the same order, to be drawn beside.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the estimates.
    counts_ax_ : matplotlib Axes or None
        The axes with the counts; None if `ax` was given, where they stand in the names.
    figure_ : matplotlib Figure
        The figure.
    points_ : dict of str to Line2D
        The estimates by verdict; those before a remedy under "before the remedy".
    errorbar_ : dict of str to ErrorbarContainer
        Their intervals.
    bars_ : BarContainer or None
        The counts.
    reference_lines_ : list of Line2D
        How the average person of each grouping is served.
    empty_note_ : Text or None
        Why no estimate is drawn; None if one is.

    See Also
    --------
    subgroup_fidelity : Measures what is shown.
    RemediationEffectDisplay : The changes themselves, with their intervals.

    Notes
    -----
    A hollow square is no "as good as the others": the people at hand can decide
    neither. A hollow cross has too few people to be judged at all. Intervals that
    overlap, before and after, do not show that nothing changed: both come from the same
    people. `fidelity_change` compares them person by person.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import SubgroupFidelityDisplay
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=400)
    >>> ward = np.repeat(["east", "north", "south", "west"], 100)
    >>> y_pred = y_true + rng.normal(size=400) * np.where(ward == "west", 9, 3)
    >>> display = SubgroupFidelityDisplay.from_predictions(
    ...     y_true, y_pred, subgroups={"ward": ward}, metric="rmse", random_state=0
    ... )
    >>> display.ax_.get_xlabel()
    'RMSE; lower is better\nwith 95% intervals'
    """

    def __init__(
        self, table: SubgroupTable, *, before: SubgroupTable | None = None
    ) -> None:
        if before is not None:
            _refuse_other_people(table, before)
        self.table = table
        self.before = before

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        subgroups: Any,
        y_pred_before: ArrayLike | None = None,
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
        subgroups : array-like, data frame or mapping
            As in `subgroup_fidelity`.
        y_pred_before : array-like of shape (n_rows,), default=None
            Predictions for the same people before a remedy.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `subgroup_fidelity` takes, such as `metric` and `random_state`.

        Returns
        -------
        SubgroupFidelityDisplay
            Drawn.
        """
        table = subgroup_fidelity(y_true, y_pred, subgroups=subgroups, **options)
        before = None
        if y_pred_before is not None:
            before = subgroup_fidelity(
                y_true, y_pred_before, subgroups=subgroups, **options
            )
        return cls(table, before=before).plot(ax=ax)

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
        subgroups : str, tuple, list, mapping or array-like
            Whom to compare, as in `audit`: names of columns of `X`, or labels.
        metric : str, callable or Metric, default="nrmse"
            As in `subgroup_fidelity`.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to rows without a label.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `subgroup_fidelity` takes.

        Returns
        -------
        SubgroupFidelityDisplay
            Drawn.
        """
        chosen = resolve_metric(
            metric, greater_is_better=options.get("greater_is_better")
        )
        groupings = resolve_groupings(
            subgroups, X, n_rows=num_samples(X), missing=missing
        )
        y_true, respond = prepare_response(estimator, y, chosen)
        options |= {"metric": metric, "missing": missing}
        return cls.from_predictions(
            y_true, respond(X), subgroups=groupings, ax=ax, **options
        )

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
        subgroups : str, tuple, list, mapping or array-like
            Whom to compare, as in `audit`: names of columns of `X`, or labels.
        metric : str, callable or Metric, default="nrmse"
            As in `subgroup_fidelity`.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to rows without a label.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options : dict
            What else `subgroup_fidelity` takes.

        Returns
        -------
        SubgroupFidelityDisplay
            Drawn.

        Notes
        -----
        Everybody is judged by a model that has not seen them, and each fold's is
        another: intervals tell what other people to be judged by would have shown, and
        not what other people to learn from would.
        """
        chosen = resolve_metric(
            metric, greater_is_better=options.get("greater_is_better")
        )
        groupings = resolve_groupings(
            subgroups, X, n_rows=num_samples(X), missing=missing
        )
        held_out = pool_folds(cv_results, X, y, chosen)
        options |= {"metric": metric, "missing": missing}
        return cls.from_predictions(
            *(held_out.y_true, held_out.y_pred),
            subgroups={name: held_out.of(part) for name, part in groupings.items()},
            ax=ax,
            **options,
        )

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the figures.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw the estimates. None makes a figure with the counts beside.

        Returns
        -------
        SubgroupFidelityDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        ValueError
            If there are more than 1,000 subgroups.
        """
        refuse_too_many(len(self.table), 1000)
        self.counts_ax_: Any = None
        self.bars_: Any = None
        if ax is None:
            ax = self._new_panels()
        self.ax_ = ax
        self.figure_: Any = ax.figure
        self.points_: dict[str, Any] = {}
        self.errorbar_: dict[str, Any] = {}
        self._draw_estimates()
        self.reference_lines_ = self._draw_references()
        self._label()
        shown = dict(self.points_)
        if self.reference_lines_:
            shown["average person"] = self.reference_lines_[0]
        self.legend_ = add_legend(
            ax,
            [*shown.values()],
            [*shown],
            n_columns=2,
            above_figure=self.counts_ax_ is not None,
        )
        self.empty_note_ = None
        if not np.isfinite(self.table.estimate).any():
            why = "no subgroup has an estimate"
            self.empty_note_ = say_nothing_to_draw(ax, why)
        return self

    def _new_panels(self) -> "Axes":
        pyplot = import_optional("matplotlib.pyplot", feature=_FEATURE)
        n_lines = max(name.count("\n") + 1 for name in self._names())
        row = max(0.18 * n_lines + 0.08, 0.3 if self.before is None else 0.55)
        _, (ax, counts) = pyplot.subplots(
            *(1, 2),
            sharey=True,
            figsize=(8.0, 1.9 + row * max(len(self.table), 3)),
            width_ratios=(3.2, 1.0),
            layout="constrained",
        )
        rows = np.arange(len(self.table))
        self.bars_ = counts.barh(
            rows,
            np.maximum(self.table.n, 0),
            height=0.55,
            color="#D0D0D0",
            edgecolor=GREY,
        )
        counts.set_xlabel("people (n)")
        counts.xaxis.set_major_locator(_few_ticks())
        counts.tick_params(left=False, labelleft=False)
        for side in ("top", "right", "left"):
            counts.spines[side].set_visible(False)
        self.counts_ax_ = counts
        first: Axes = ax
        return first

    def _draw_estimates(self) -> None:
        rows = np.arange(len(self.table), dtype=np.float64)
        if self.before is not None:
            everybody = np.ones(len(rows), dtype=bool)
            self._draw_rows(self.before, rows - _OFFSET, everybody, _BEFORE)
            rows += _OFFSET
        kinds = np.array(_kinds(self.table))
        for kind in _LOOKS:
            if (kinds == kind).any():
                self._draw_rows(self.table, rows, kinds == kind, kind)

    def _draw_rows(
        self,
        table: SubgroupTable,
        rows: NDArray[np.float64],
        wanted: NDArray[np.bool_],
        kind: str,
    ) -> None:
        """Draw intervals by their own middle: a shrunken estimate may lie outside."""
        color, marker, filling = _LOOKS[kind]
        low, high = table.ci_low[wanted], table.ci_high[wanted]
        self.errorbar_[kind] = self.ax_.errorbar(
            (low + high) / 2.0,
            rows[wanted],
            xerr=(high - low) / 2.0,
            fmt="none",
            ecolor=color,
            capsize=3,
        )
        (self.points_[kind],) = self.ax_.plot(
            table.estimate[wanted],
            rows[wanted],
            marker,
            color=color,
            markerfacecolor=filling,
            markersize=7,
            zorder=3,
        )

    def _draw_references(self) -> list[Any]:
        lines = []
        for grouping in dict.fromkeys(self.table.grouping):
            at = [i for i, name in enumerate(self.table.grouping) if name == grouping]
            value = self.table.reference[at[0]]
            if np.isfinite(value):
                ends = [at[0] - 0.45, at[-1] + 0.45]
                (line,) = self.ax_.plot([value] * 2, ends, "--", color="0.2", lw=1)
                lines.append(line)
        return lines

    def _names(self) -> list[str]:
        table = self.table
        several = len(set(table.grouping)) > 1
        names = []
        for i, label in enumerate(format_labels(table.subgroup)):
            heading = f"{table.grouping[i]} = " if several else ""
            name = heading + label
            remark = write_unknown(table.estimate[i], table.ci_low[i], table.ci_high[i])
            names.append(write_counted(name, table.n[i], remark=remark))
        return names

    def _label(self) -> None:
        table, ax, names = self.table, self.ax_, self._names()
        ax.set_yticks(np.arange(len(names)), names, **PLAIN)
        ax.set_ylim(len(names) - 0.4, -0.6)
        if len(set(table.grouping)) == 1:
            ax.set_ylabel(write_name(table.grouping[0]), **PLAIN)
        metric = describe_metric(
            table.metric, greater_is_better=table.greater_is_better
        )
        interval = f"with {percent(table.confidence_level)} intervals"
        ax.locator_params(axis="x", nbins=6)
        ax.set_xlabel(f"{metric}\n{interval}", **PLAIN)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)


def _refuse_other_people(table: SubgroupTable, before: SubgroupTable) -> None:
    same = (
        table.grouping == before.grouping
        and table.subgroup == before.subgroup
        and table.metric == before.metric
    )
    if not same:
        msg = (
            "`before` must have the subgroups and the metric of `table`, in its order; "
            f"got {len(before)} rows of {before.metric!r} for {len(table)} rows of "
            f"{table.metric!r}. Measure both with the same `subgroups` and `metric`."
        )
        raise ValueError(msg)


def _kinds(table: SubgroupTable) -> list[str]:
    """Return each row's verdict, those apart that have too few people to be judged."""
    kinds = []
    for verdict, judged in zip(table.verdict, table.judged, strict=True):
        few = verdict == "insufficient evidence" and not judged
        kinds.append(f"{verdict}: too few people" if few else verdict)
    return kinds


def _few_ticks() -> Any:
    ticker = import_optional("matplotlib.ticker", feature=_FEATURE)
    return ticker.MaxNLocator(nbins=3, integer=True)
