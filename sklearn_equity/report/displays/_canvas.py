"""What have all displays in common: an axes, plain text, and styles legible in grey?"""

import functools
import textwrap
import unicodedata
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklearn_equity._label_text import WITHHELD, format_label
from sklearn_equity._optional import import_optional
from sklearn_equity.fidelity import METRIC_NAMES, resolve_metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "GREY",
    "PLAIN",
    "SERIES",
    "Style",
    "add_legend",
    "describe_metric",
    "new_axes",
    "percent",
    "refuse_too_many",
    "say_nothing_to_draw",
    "write_counted",
    "write_described",
    "write_figure",
    "write_name",
    "write_unknown",
]

# Text from the data is shown as it is: a "$" in it opens no formula.
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}
GREY = "#595959"

_LONGEST_NAME = 78
_LINE = 28


class Style(NamedTuple):
    """How one series is drawn; each of the three alone tells it from the others."""

    color: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]


# Okabe and Ito's colours, which colour-blind readers tell apart.
SERIES = (
    Style("#0072B2", "o", "-"),
    Style("#D55E00", "D", "--"),
    Style("#009E73", "s", "-."),
    Style("#CC79A7", "^", ":"),
    Style("#000000", "v", (0, (6, 1, 1, 1, 1, 1))),
    Style("#E69F00", "P", (0, (1, 1))),
    Style("#56B4E9", "X", (0, (8, 3))),
)


def refuse_too_many(n_subgroups: int, most: int) -> None:
    """Refuse to draw what nobody reads and no picture holds."""
    if n_subgroups > most:
        msg = (
            f"`subgroups` must be at most {most:,} to be drawn, each by itself; got "
            f"{n_subgroups:,}. Draw those of interest, such as the worst."
        )
        raise ValueError(msg)


def new_axes(
    ax: "Axes | None", *, feature: str, size: tuple[float, float]
) -> tuple["Figure", "Axes"]:
    """Return the axes to draw on, a new one if None is given, and its figure."""
    if ax is not None:
        figure: Any = ax.figure
        return figure, ax
    pyplot = import_optional("matplotlib.pyplot", feature=feature)
    figure, axes = pyplot.subplots(figsize=size, layout="constrained")
    return figure, axes


def write_name(label: Hashable, *, width: int = _LINE) -> str:
    """Write a label over lines of few characters; the middle of a long one is left out.

    Its two ends stay: names that begin alike often differ in their ends.
    """
    letters = format_label(label)
    text = "".join(" " if unicodedata.category(one) == "Cc" else one for one in letters)
    text = " ".join(text.split())
    if len(text) > _LONGEST_NAME:
        half = (_LONGEST_NAME - 3) // 2
        text = f"{text[:half].rstrip()} … {text[-half:].lstrip()}"
    return textwrap.fill(text, width, break_on_hyphens=False)


def write_counted(label: Hashable, n: int, *, remark: str = "") -> str:
    """Write a label with its number of people, on one line where both fit."""
    count = f"n withheld{remark}" if n == WITHHELD else f"n = {n:,}{remark}"
    name = write_name(label)
    fits = len(name) + len(count) <= _LINE and "\n" not in name
    if fits and not _runs_leftwards(name):
        return f"{name}, {count}"
    return f"{name}\n{count}"


def write_unknown(estimate: float, low: float, high: float) -> str:
    """Write, behind a number of people, what of their figures is not known."""
    if not np.isfinite(estimate):
        return "; no estimate"
    return "" if np.isfinite([low, high]).all() else "; interval unknown"


def write_described(label: Hashable, figures: str) -> str:
    """Write a label and its figures, which stand on a line of their own where needed.

    Behind a label that is read from right to left numbers would change places.
    """
    name = write_name(label, width=60)
    return f"{name}:\n{figures}" if _runs_leftwards(name) else f"{name}: {figures}"


def _runs_leftwards(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)


def write_figure(value: float, form: str = ".3g") -> str:
    """Write a number as the axes do: with a minus sign, which is no hyphen."""
    return f"{value:{form}}".replace("-", "\N{MINUS SIGN}")


def percent(level: float) -> str:
    """Write a confidence level: 0.95 as "95%"."""
    return f"{100.0 * level:.4g}%"


def describe_metric(metric: str, *, greater_is_better: bool, width: int = 60) -> str:
    """Write a metric's label with its orientation, over lines of few characters."""
    best = _best_inside().get(metric)
    orientation = f"{'higher' if greater_is_better else 'lower'} is better"
    if best is not None:
        orientation = f"best at {best:g}"
    return textwrap.fill(f"{metric}; {orientation}", width)


@functools.cache
def _best_inside() -> dict[str, float]:
    """List the labels of metrics of which values on both sides of the best occur."""
    metrics = [resolve_metric(name) for name in METRIC_NAMES]
    return {
        metric.label: metric.best
        for metric in metrics
        if metric.best is not None and metric.best_is_inside
    }


def add_legend(
    ax: "Axes",
    handles: Sequence[Any],
    names: Sequence[str],
    *,
    n_columns: int = 1,
    above_figure: bool = False,
) -> Any:
    """Put a legend above the axes, or the whole figure, where it covers nothing.

    Names are set afterwards: matplotlib leaves out those that begin with "_".
    """
    place: dict[str, Any] = {"loc": "outside upper left"}
    if not above_figure:
        place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.01)}
        place["borderaxespad"] = 0.0
    owner: Any = ax.figure if above_figure else ax
    numbers = [str(i) for i in range(len(names))]
    legend = owner.legend(
        *(handles, numbers),
        ncols=n_columns,
        frameon=False,
        alignment="left",
        **place,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, **PLAIN)
    return legend


def say_nothing_to_draw(ax: "Axes", why: str) -> Any:
    """Write into axes that would be empty why they are: never is a picture silent."""
    return ax.text(
        *(0.5, 0.5, textwrap.fill(f"Nothing to draw: {why}.", 44)),
        transform=ax.transAxes,
        ha="center",
        va="center",
        color=GREY,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.9},
        **PLAIN,
    )
