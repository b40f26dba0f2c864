"""What did a remedy change, for whom, and how sure is that?"""

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from sklearn_equity._checks import MissingPolicy, check_subgroups
from sklearn_equity._label_text import format_labels
from sklearn_equity._numbers import check_whole_number
from sklearn_equity._sklearn_shims import num_samples, safe_indexing
from sklearn_equity.fidelity import Metric, resolve_metric
from sklearn_equity.remediation import EVERYBODY, FidelityChange, fidelity_change
from sklearn_equity.report._answers import prepare_response
from sklearn_equity.report._groupings import resolve_groupings
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    describe_metric,
    new_axes,
    percent,
    refuse_too_many,
    say_nothing_to_draw,
    write_counted,
    write_unknown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

_ABOVE = 0.28  # of a row: where other trials stand, so that no estimate covers them
# Colour, marker and filling of each verdict, as those of fidelity; without colour, the
# marker tells.
_LOOKS = {
    "better": (SERIES[0].color, "o", SERIES[0].color),
    "worse": (SERIES[1].color, "D", SERIES[1].color),
    "no change shown": (GREY, "s", "white"),
    "insufficient evidence": (GREY, "X", "white"),
}
_FEW = {"insufficient evidence": "insufficient evidence: too few people"}


class RemediationEffectDisplay:
    """The change of fidelity by subgroup, with intervals, and who got worse.

    Reads the changes; computes nothing.

    Parameters
    ----------
    change : FidelityChange
        What `fidelity_change` returned.
    trials : sequence of FidelityChange, default=()
        The same remedy tried again, such as on other splits; each is a small stroke.

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
    trials_ : Line2D or None
        The changes in the other trials; None if there are none.
    empty_note_ : Text or None
        Why no change is drawn; None if one is.

    See Also
    --------
    fidelity_change : Measures what is shown.
    SubgroupFidelityDisplay : The figures before and after themselves.

    Notes
    -----
    Intervals are those of each subgroup by itself; verdicts are corrected for the
    number of subgroups, so that an interval may leave 0 and no change be shown. An
    interval tells what other people would have shown of the same two models; strokes
    tell what other people to learn from and to be judged by would have, and are of
    people who overlap from one trial to the next.

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

    def __init__(
        self, change: FidelityChange, *, trials: Sequence[FidelityChange] = ()
    ) -> None:
        _refuse_other_metric(change, trials)
        self.change = change
        self.trials = tuple(trials)

    @classmethod
    def from_predictions(
        cls,
        y_true: "ArrayLike",
        before: "ArrayLike",
        after: "ArrayLike",
        *,
        subgroups: Any,
        metric: str | Metric = "nrmse",
        min_subgroup_size: int = 30,
        confidence_level: float = 0.95,
        missing: MissingPolicy = "raise",
        ax: "Axes | None" = None,
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
        metric : str or Metric, default="nrmse"
            A metric that follows from sums over rows.
        min_subgroup_size : int, default=30
            Smaller subgroups get the verdict "insufficient evidence".
        confidence_level : float, default=0.95
            The coverage of each interval, and of all verdicts together.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to rows without a label.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        RemediationEffectDisplay
            Drawn.
        """
        change = fidelity_change(
            *(y_true, before, after),
            subgroups=subgroups,
            metric=metric,
            min_subgroup_size=min_subgroup_size,
            confidence_level=confidence_level,
            missing=missing,
        )
        return cls(change).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        remedied: Any,
        X: Any,
        y: "ArrayLike",
        *,
        subgroups: Any,
        metric: str | Metric = "nrmse",
        min_subgroup_size: int = 30,
        confidence_level: float = 0.95,
        missing: MissingPolicy = "raise",
        n_trials: int = 10,
        test_size: float = 0.3,
        random_state: int | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Fit a model and its remedy in repeated trials, and draw the changes.

        Parameters
        ----------
        estimator : estimator
            The plain model; cloned, not changed.
        remedied : estimator
            The model with a remedy, such as a `SubgroupOversampler` that takes its
            subgroups from a column or a segmenter; cloned, not changed.
        X : array-like or data frame of shape (n_rows, n_features)
            People to learn from and to be judged by.
        y : array-like of shape (n_rows,)
            Their outcome.
        subgroups : str, tuple, list, mapping or array-like
            Whom to compare, as in `audit`: names of columns of `X`, or labels.
        metric : str or Metric, default="nrmse"
            As in `fidelity_change`.
        min_subgroup_size : int, default=30
            Smaller subgroups get the verdict "insufficient evidence".
        confidence_level : float, default=0.95
            The coverage of each interval, and of all verdicts together.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to rows without a label.
        n_trials : int, default=10
            How often to split, fit and measure. Estimates and intervals are those of
            the first trial.
        test_size : float, default=0.3
            The share of people held out in each trial, those of each outcome alike if
            the model is a classifier.
        random_state : int or None, default=None
            Draws the splits.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        RemediationEffectDisplay
            Drawn.
        """
        check_whole_number(n_trials, name="n_trials", least=1)
        chosen = resolve_metric(metric)
        groupings = _labels_of_rows(subgroups, X, missing)
        kind = StratifiedShuffleSplit if is_classifier(estimator) else ShuffleSplit
        splits = kind(n_trials, test_size=test_size, random_state=random_state)
        changes = []
        for train, test in splits.split(X, y):
            X_test, y_test = safe_indexing(X, test), safe_indexing(y, test)
            answers = []
            for model in (estimator, remedied):
                fitted = clone(model).fit(
                    safe_indexing(X, train), safe_indexing(y, train)
                )
                truth, respond = prepare_response(fitted, y_test, chosen)
                answers.append(respond(X_test))
            labels = {name: column[test] for name, column in groupings.items()}
            changes.append(
                fidelity_change(
                    *(truth, *answers),
                    subgroups=labels,
                    metric=metric,
                    min_subgroup_size=min_subgroup_size,
                    confidence_level=confidence_level,
                    missing="drop",
                )
            )
        return cls(changes[0], trials=changes[1:]).plot(ax=ax)

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
        ValueError
            If there are more than 1,000 subgroups.
        """
        names = self._names()
        refuse_too_many(len(names), 1000)
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
        self.trials_ = self._draw_trials()
        ax.set_yticks(np.arange(len(names)), names, **PLAIN)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.locator_params(axis="x", nbins=6)
        ax.set_xlabel(self._label(), **PLAIN)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        shown = {_FEW.get(name, name): line for name, line in self.points_.items()}
        shown["no change"] = self.zero_line_
        if self.trials_ is not None:
            shown[f"{len(self.trials)} other trials"] = self.trials_
        self.legend_ = add_legend(ax, [*shown.values()], [*shown], n_columns=2)
        self.empty_note_ = None
        if not np.isfinite(self.change.change).any():
            why = "no subgroup's change can be estimated"
            self.empty_note_ = say_nothing_to_draw(ax, why)
        return self

    def _draw_trials(self) -> Any:
        """Draw the other trials above the estimates, whom they would cover."""
        if not self.trials:
            return None
        row_of = {key: row for row, key in enumerate(_keys(self.change))}
        drawn = [
            (change, row_of[key] - _ABOVE)
            for trial in self.trials
            for key, change in zip(_keys(trial), trial.change, strict=True)
            if key in row_of
        ]
        (line,) = self.ax_.plot(*zip(*drawn, strict=True), "|", color=GREY, ms=7)
        return line

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
        change, names = self.change, []
        labels = format_labels(change.subgroup)
        for i, (grouping, label) in enumerate(
            zip(change.grouping, labels, strict=True)
        ):
            name = EVERYBODY if grouping == EVERYBODY else f"{grouping} = {label}"
            remark = write_unknown(
                change.change[i], change.ci_low[i], change.ci_high[i]
            )
            names.append(write_counted(name, change.n[i], remark=remark))
        return names

    def _label(self) -> str:
        change = self.change
        metric = describe_metric(
            change.metric, greater_is_better=change.greater_is_better
        )
        level = percent(change.confidence_level)
        return f"after less before, with {level} intervals\n{metric}"


def _keys(change: FidelityChange) -> list[tuple[str, Hashable]]:
    return list(zip(change.grouping, change.subgroup, strict=True))


def _labels_of_rows(
    subgroups: Any, X: Any, missing: MissingPolicy
) -> "dict[str, NDArray[Any]]":
    """Return the label of every row by grouping; None for those left out."""
    n_rows = num_samples(X)
    found = {}
    groupings = resolve_groupings(subgroups, X, n_rows=n_rows, missing=missing)
    for name, column in groupings.items():
        codes = check_subgroups(column, n_rows=n_rows, name=name, missing=missing)
        labels = np.empty(len(codes.labels) + 1, dtype=object)
        labels[:-1] = codes.labels  # what is left out is coded -1, and the last is None
        found[name] = labels[codes.codes]
    return found


def _refuse_other_metric(
    change: FidelityChange, trials: Sequence[FidelityChange]
) -> None:
    others = {trial.metric for trial in trials} - {change.metric}
    if others:
        msg = (
            f"`trials` must measure what `change` does, {change.metric!r}; got "
            f"{sorted(others)}."
        )
        raise ValueError(msg)
