"""How do the densities of a few subgroups stand on one axes?"""

from collections.abc import Sequence
from typing import Any

from sklearn_equity.report.displays._canvas import (
    PLAIN,
    SERIES,
    Style,
    add_legend,
    write_described,
)
from sklearn_equity.report.displays._density_curves import DensityCurve, Vector

MOST_TOGETHER = len(SERIES)
_MOST_ABOVE = 2.0  # times the highest line: a band at a bound may reach to the sky


def draw_together(ax: Any, curves: Sequence[DensityCurve], edges: Vector) -> Any:
    """Draw each density in a style of its own; return lists of artists by name."""
    drawn: dict[str, Any] = {"lines": [], "bands": [], "regions": [], "others": []}
    drawn["points_ax"] = None
    if any(len(curve.at) for curve in curves):
        drawn["points_ax"] = _axes_of_points(ax)
    for curve, style in zip(curves, SERIES, strict=False):
        _draw_curve(ax, curve, style, edges, drawn)
    highest = max(line.get_ydata().max(initial=0.0) for line in drawn["lines"])
    most = min(ax.get_ylim()[1], _MOST_ABOVE * highest)
    ax.set_ylim(0.0, most if highest > 0.0 else None)
    ax.set_ylabel("density (share of people per unit,\nthose at single values aside)")
    names = [_name(curve) for curve in curves]
    drawn["legend"] = add_legend(ax, drawn["lines"], names)
    title = "bands: 95% intervals, point by point"
    if len(edges) > 1:
        title += "\nshares of people, with 95% intervals"
    drawn["legend"].set_title(title)
    for side in ("top", *(["right"] if drawn["points_ax"] is None else [])):
        ax.spines[side].set_visible(False)
    return drawn


def _draw_curve(
    ax: Any, curve: DensityCurve, style: Style, edges: Vector, drawn: dict[str, Any]
) -> None:
    (line,) = ax.plot(
        *(curve.x, curve.density),
        color=style.color,
        ls=style.line,
        marker=style.marker,
        markevery=0.12 if len(curve.x) else None,
        ms=5,
    )
    drawn["lines"].append(line)
    color = style.color
    band = ax.fill_between(
        *(curve.x, curve.low, curve.high),
        facecolor=color,
        edgecolor=color,
        alpha=0.2,
        lw=0.5,
    )
    drawn["bands"].append(band)
    for i in range(len(edges) - 1):
        region = ax.fill_between(
            *(curve.x, curve.density),
            where=(curve.x >= edges[i]) & (curve.x <= edges[i + 1]),
            facecolor=color,
            alpha=0.12 + 0.10 * (i % 3),
            lw=0,
        )
        drawn["regions"].append(region)
    if len(curve.at):
        points = drawn["points_ax"]
        points.vlines(curve.at, 0.0, curve.share, color=color, lw=1)
        points.plot(curve.at, curve.share, style.marker, color=color, mfc="white")
        points.set_ylim(bottom=0.0)


def _axes_of_points(ax: Any) -> Any:
    points = ax.twinx()
    points.set_ylabel("share of people at a single value", **PLAIN)
    points.spines["top"].set_visible(False)
    return points


def _name(curve: DensityCurve) -> str:
    figures = f"n = {curve.n:,}"
    if curve.reason:
        figures += f"; {curve.reason}"
    text = write_described(curve.label, figures)
    regions = curve.describe_regions()
    if regions and curve.reason != "too few people":
        text += f"\nin the regions: {', '.join(regions)}"
    return text
