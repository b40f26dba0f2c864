"""Which candidates of a search does no other beat, and which one was picked?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._numbers import refuse_overflow
from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    new_axes,
    say_nothing_to_draw,
    write_name,
)
from sklearn_equity.scorers import pareto_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]
_LIGHT = "#BDBDBD"  # for those that are beaten


class ParetoDisplay:
    """Two scores of every candidate of a search, with those that no other beats.

    Higher is better in both, as everywhere in a search.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, 2)
        The mean scores.
    std_errors : ndarray of shape (n_candidates, 2)
        Their standard errors over the folds; NaN where unknown.
    front : ndarray of shape (n_front,)
        Positions of the candidates that no other beats.
    metrics : tuple of str
        The names of the two scores.
    n_folds : int
        On how many folds each score rests.
    picked : int or None, default=None
        The position of the candidate that was picked.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    points_ : Line2D
        The candidates that others beat.
    front_ : Line2D
        Those that no other beats.
    errorbar_ : ErrorbarContainer
        One standard error to either side of the front's scores, and of the picked one.
    beaten_errorbar_ : ErrorbarContainer
        The same of the others, in a lighter grey.
    picked_ : Line2D or None
        The ring around the one that was picked.
    empty_note_ : Text or None
        Why there is nothing to see; None if there is.

    See Also
    --------
    pareto_front : Finds the front.
    ParetoPick : Picks one of them.

    Notes
    -----
    Standard errors are drawn where the search kept the spread of scores (``std_test``)
    and the folds they come from (``split0_test`` and so on). Folds share training rows,
    so the bars are an approximation; candidates within a bar of each other may differ
    by noise alone. Candidates whose scores are not finite are not shown; the axis
    counts them.

    Examples
    --------
    >>> from sklearn_equity import ParetoDisplay
    >>> display = ParetoDisplay.from_cv_results({
    ...     "split0_test_r2": [0.50, 0.49, 0.47], "split1_test_r2": [0.54, 0.51, 0.51],
    ...     "mean_test_r2": [0.52, 0.50, 0.49], "std_test_r2": [0.02, 0.01, 0.02],
    ...     "mean_test_neg_worst_nrmse": [-0.30, -0.25, -0.26],
    ...     "std_test_neg_worst_nrmse": [0.01, 0.01, 0.01],
    ... }, picked=1)
    >>> display.front
    array([0, 1])
    """

    def __init__(
        self,
        scores: Vector,
        std_errors: Vector,
        front: NDArray[np.intp],
        metrics: tuple[str, str],
        n_folds: int,
        *,
        picked: int | None = None,
    ) -> None:
        self.scores = scores
        self.std_errors = std_errors
        self.front = front
        self.metrics = metrics
        self.n_folds = n_folds
        self.picked = picked

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        metrics: Sequence[str] | None = None,
        picked: int | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the results of any search over two metrics or more.

        Parameters
        ----------
        cv_results : mapping
            The `cv_results_` of the search.
        metrics : sequence of two str, default=None
            The keys of `scoring` to show; None takes the first two.
        picked : int or None, default=None
            The `best_index_` of the search.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ParetoDisplay
            Drawn.

        Raises
        ------
        ValueError
            If there are not two metrics, or `picked` is no candidate.
        """
        first, second = _two_metrics(cv_results, metrics)
        front = pareto_front(cv_results, metrics=(first, second))
        scores = _columns(cv_results, "mean", (first, second))
        refuse_overflow(scores, name="cv_results")
        n_folds = _n_folds(cv_results)
        spread = _columns(cv_results, "std", (first, second))
        # scikit-learn divides the folds' variance by their number, not by one less.
        known = n_folds > 1
        errors = (
            spread / np.sqrt(n_folds - 1) if known else np.full_like(spread, np.nan)
        )
        if picked is not None and not 0 <= picked < len(scores):
            msg = f"`picked` must be from 0 to {len(scores) - 1}; got {picked!r}."
            raise ValueError(msg)
        display = cls(scores, errors, front, (first, second), n_folds, picked=picked)
        return display.plot(ax=ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the candidates.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ParetoDisplay
            The display itself, with its artists.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        self.figure_, self.ax_ = new_axes(
            ax, feature="ParetoDisplay.plot", size=(6.4, 5.0)
        )
        ax = self.ax_
        shown = np.flatnonzero(np.isfinite(self.scores).all(axis=1))
        beaten = np.setdiff1d(shown, self.front)
        (self.points_,) = ax.plot(
            *self.scores[beaten].T, "o", color=GREY, mfc="white", ms=6
        )
        chosen = [] if self.picked is None else [self.picked]
        strong = np.intersect1d(np.union1d(self.front, chosen).astype(np.intp), shown)
        self.errorbar_ = self._draw_errors(strong, ecolor=GREY, elinewidth=1.0)
        self.beaten_errorbar_ = self._draw_errors(
            np.setdiff1d(beaten, strong), ecolor=_LIGHT, elinewidth=0.7, zorder=0
        )
        (self.front_,) = ax.plot(
            *self.scores[self.front].T, "D--", color=SERIES[0].color, lw=1, ms=6
        )
        handles, names = (
            [self.points_, self.front_],
            ["beaten by another", "beaten by none"],
        )
        self.picked_: Any = None
        if self.picked is not None:
            (self.picked_,) = ax.plot(
                *self.scores[[self.picked]].T,
                "o",
                color=SERIES[1].color,
                mfc="none",
                ms=15,
                mew=2,
            )
            handles.append(self.picked_)
            names.append("picked")
        self._label(n_left_out=len(self.scores) - len(shown))
        self.legend_ = add_legend(ax, handles, names, n_columns=3)
        self.empty_note_ = None
        if not len(shown):
            self.empty_note_ = say_nothing_to_draw(ax, "no candidate has finite scores")
        return self

    def _draw_errors(self, rows: NDArray[np.intp], **style: Any) -> Any:
        x, y = self.scores[rows].T
        x_error, y_error = self.std_errors[rows].T
        return self.ax_.errorbar(
            *(x, y), xerr=x_error, yerr=y_error, fmt="none", **style
        )

    def _label(self, *, n_left_out: int) -> None:
        names = [write_name(name, width=50) for name in self.metrics]
        known = np.isfinite(self.std_errors).any()
        bars = "bars: one standard error" if known else "errors unknown"
        note = f"{len(self.scores):,} candidates, means of {self.n_folds} folds; {bars}"
        if n_left_out:
            note += f"\n{n_left_out:,} without finite scores not shown"
        self.ax_.locator_params(axis="x", nbins=6)
        self.ax_.set_xlabel(f"{names[0]}; higher is better\n{note}", **PLAIN)
        self.ax_.set_ylabel(f"{names[1]}\nhigher is better", **PLAIN)
        for side in ("top", "right"):
            self.ax_.spines[side].set_visible(False)


def _two_metrics(
    cv_results: Mapping[str, Any], metrics: Sequence[str] | None
) -> tuple[str, str]:
    start = "mean_test_"
    known = [key.removeprefix(start) for key in cv_results if key.startswith(start)]
    named = known[:2] if metrics is None else metrics
    asked = list(named) if hasattr(named, "__iter__") else []
    if len(asked) != 2 or not all(name in known for name in asked):
        msg = f"`metrics` must name two of the search's {known}; got {named!r}."
        raise ValueError(msg)
    return asked[0], asked[1]


def _columns(cv_results: Mapping[str, Any], what: str, names: Sequence[str]) -> Vector:
    absent = np.full(len(cv_results[f"mean_test_{names[0]}"]), np.nan)
    columns = [cv_results.get(f"{what}_test_{name}", absent) for name in names]
    return np.column_stack([np.asarray(one, dtype=np.float64) for one in columns])


def _n_folds(cv_results: Mapping[str, Any]) -> int:
    splits = {key.partition("_")[0] for key in cv_results if key.startswith("split")}
    return max(len(splits), 1)
