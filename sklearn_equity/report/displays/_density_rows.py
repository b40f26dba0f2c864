"""How do the densities of many subgroups stand below each other, each against the rest?

Every row has the same scale and the same axis, so that rows compare by eye; no colour
and no line style has to tell fifty subgroups apart.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_equity.report.displays._canvas import (
    GREY,
    PLAIN,
    SERIES,
    add_legend,
    write_counted,
)
from sklearn_equity.report.displays._density_curves import (
    DensityCurve,
    Vector,
    others_of,
)

_FULL = 0.86  # of a row: the highest line of all
_END = 0.97  # of a row: where bands are cut, which no line is
_MIDDLE = 0.36
_LIGHT = "#C8C8C8"
_COLOR = SERIES[0].color


def height_of_row(curves: Sequence[DensityCurve]) -> float:
    """Return how many inches a row needs for the lines of text beside it."""
    n_lines = max(
        max(len(curve.regions), _name(curve).count("\n") + 1) for curve in curves
    )
    return max(0.44, 0.16 * n_lines + 0.1)


def draw_rows(
    ax: Any, curves: Sequence[DensityCurve], edges: Vector, grid: Vector
) -> Any:
    """Draw each density in a row, before that of all the others, in grey."""
    drawn: dict[str, Any] = {"lines": [], "bands": [], "regions": [], "others": []}
    drawn["points_ax"] = None
    top = max((curve.density.max() for curve in curves if len(curve.x)), default=1.0)
    bands = max((curve.high.max() for curve in curves if len(curve.x)), default=0.0)
    most = max((curve.share.max(initial=0.0) for curve in curves), default=0.0)
    others = others_of(curves, grid)
    stems = None
    for row, (curve, rest) in enumerate(zip(curves, others, strict=True)):
        _draw_row(ax, -row, curve, rest, edges, grid, top, drawn)
        if len(curve.at):
            stems = _draw_stems(ax, -row, curve, most)
    _label_rows(ax, curves)
    handles = [drawn["lines"][0], drawn["others"][0]]
    names = ["the subgroup, with its 95% band, point by point"]
    names.append("all the others together")
    if stems is not None:
        handles.append(stems)
        names.append(f"share of people at a single value; a full row is {most:.1%}")
    drawn["legend"] = add_legend(ax, handles, names)
    title = f"height: density, on one scale; the highest line is {top:.2g} per unit"
    if bands * _FULL > top * _END:
        title += f",\nbands are cut off where higher (up to {bands:.2g})"
    if len(edges) > 1:
        title += "\nat the right: share of people in each region, with 95% intervals"
    drawn["legend"].set_title(title)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    return drawn


def _draw_row(
    ax: Any,
    base: float,
    curve: DensityCurve,
    rest: Vector,
    edges: Vector,
    grid: Vector,
    top: float,
    drawn: dict[str, Any],
) -> None:
    def place(density: Vector) -> Vector:
        return base + np.minimum(_FULL * density / top, _END)

    ax.axhline(base, color=GREY, lw=0.6)
    shown = slice(0 if curve.reason else None)  # grey alone would pass for the subgroup
    drawn["others"].append(
        ax.fill_between(grid[shown], base, place(rest[shown]), facecolor=_LIGHT, lw=0)
    )
    drawn["bands"].append(
        ax.fill_between(
            *(curve.x, place(curve.low), place(curve.high)),
            facecolor=_COLOR,
            alpha=0.3,
            lw=0,
        )
    )
    for i in range(len(edges) - 1):
        region = ax.fill_between(
            *(curve.x, base, place(curve.density)),
            where=(curve.x >= edges[i]) & (curve.x <= edges[i + 1]),
            facecolor=_COLOR,
            alpha=0.15 + 0.15 * (i % 2),
            lw=0,
        )
        drawn["regions"].append(region)
    (line,) = ax.plot(curve.x, place(curve.density), color="black", lw=1.3)
    drawn["lines"].append(line)
    if curve.reason:
        ax.text(
            *(0.5, base + _MIDDLE, curve.reason),
            transform=ax.get_yaxis_transform(),
            ha="center",
            va="center",
            color=GREY,
            size="small",
            **PLAIN,
        )


def _draw_stems(ax: Any, base: float, curve: DensityCurve, most: float) -> Any:
    tips = base + _FULL * curve.share / most
    ax.vlines(curve.at, base, tips, color=SERIES[1].color, lw=1.2)
    (stems,) = ax.plot(
        curve.at, tips, "o", color=SERIES[1].color, mfc="white", ms=5, clip_on=False
    )
    return stems


def _label_rows(ax: Any, curves: Sequence[DensityCurve]) -> None:
    places = _MIDDLE - np.arange(len(curves))
    ax.set_yticks(places, [_name(curve) for curve in curves], **PLAIN)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(1.0 - len(curves) - 0.08, 1.0)
    if any(len(curve.regions) for curve in curves):
        right = ax.secondary_yaxis("right")
        shares = [
            "" if curve.reason == "too few people" else _lines(curve)
            for curve in curves
        ]
        right.set_yticks(places, shares, **PLAIN)
        right.tick_params(axis="y", length=0)
        right.spines["right"].set_visible(False)


def _lines(curve: DensityCurve) -> str:
    return "\n".join(curve.describe_regions())


def _name(curve: DensityCurve) -> str:
    return write_counted(curve.label, curve.n)
